/*-------------------------------------------------------------------------
 *
 * effect.c
 *	  What a statement would do to each relation that exists already.
 *
 * The locks are those of the lock plan.  The rest is what the changes say,
 * told apart by the tables that hold the rows: a change names a partitioned
 * table or a parent, but files, scans and checks are its heirs'.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/effect.h"
#include "gate/lock_plan_parts.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

typedef struct EffectEntry
{
	Oid			relid;			/* hash key */
	IgEffect   *effect;			/* NULL: of no concern */
} EffectEntry;

typedef struct Effects
{
	const IgStatement *stmt;
	const char *reason;			/* of the change that is looked at */
	bool		heirs;			/* it is about them too: no ONLY */
	HTAB	   *by_relid;
	List	   *list;			/* of IgEffect */
} Effects;

static IgEffect *effect_on(Effects *effects, Oid relid);
static List *heaps(Effects *effects, const IgRelation *rel);
static List *partitions(const IgRelation *rel);
static List *index_oids(Oid relid);
static void rewrite(Effects *effects, Oid relid);
static void build(Effects *effects, Oid relid, const char *index);
static void scan(Effects *effects, Oid relid);
static void check(Effects *effects, Oid relid, const char *constraint);
static void rewrite_all(Effects *effects, List *relids);
static void build_all(Effects *effects, List *relids, const char *index);
static void check_all(Effects *effects, List *relids, const char *constraint);
static void scan_named(Effects *effects, List *relids, List *names);
static void column_change(Effects *effects, const IgChange *change);
static void add_column(Effects *effects, const IgChange *change);
static void retype_column(Effects *effects, const IgChange *change);
static void rebuild_named(Effects *effects, List *relids, List *names);
static void constraint_change(Effects *effects, const IgChange *change);
static void add_constraint(Effects *effects, const IgChange *change);
static void detach(Effects *effects, const IgChange *change);
static void storage_change(Effects *effects, const IgChange *change);
static void refresh(Effects *effects, const IgChange *change);
static void reindex(Effects *effects, const IgChange *change);
static void new_partition(Effects *effects, const IgChange *change);

List *
ig_effects(const IgStatement *stmt)
{
	Effects		effects = {0};
	HASHCTL		ctl = {0};
	ListCell   *lc;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(EffectEntry);
	ctl.hcxt = CurrentMemoryContext;
	effects.by_relid = hash_create("invariant_guard effects", 32, &ctl,
								   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	effects.stmt = stmt;
	effects.heirs = !IsA(stmt->parsetree, AlterTableStmt) ||
		((const AlterTableStmt *) stmt->parsetree)->relation->inh;

	foreach(lc, ig_lock_plan(stmt))
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		effect_on(&effects, lock->rel->relid)->lock = lock->mode;
	}
	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		effects.reason = change->impact.reason;
		column_change(&effects, change);
		constraint_change(&effects, change);
		storage_change(&effects, change);
	}
	return effects.list;
}

/*
 * The relation's entry, or NULL if it is new, temporary or gone.
 */
static IgEffect *
effect_on(Effects *effects, Oid relid)
{
	bool		found;
	EffectEntry *entry = hash_search(effects->by_relid, &relid, HASH_ENTER, &found);

	if (!found)
	{
		IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;

		entry->effect = NULL;
		if (rel == NULL || ig_relation_is_exempt(rel))
			return NULL;
		entry->effect = palloc0(sizeof(IgEffect));
		entry->effect->rel = rel;
		effects->list = lappend(effects->list, entry->effect);
	}
	return entry->effect;
}

/* The tables with rows of their own that an ALTER TABLE of rel goes to. */
static List *
heaps(Effects *effects, const IgRelation *rel)
{
	if (effects->heirs || rel->relkind == RELKIND_PARTITIONED_TABLE)
		return ig_relation_leaves(rel->relid);
	return list_make1_oid(rel->relid);
}

/* Those that an index or key of rel goes to: children have their own. */
static List *
partitions(const IgRelation *rel)
{
	if (ig_relation_is_partitioned(rel))
		return ig_relation_leaves(rel->relid);
	return list_make1_oid(rel->relid);
}

static List *
index_oids(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	List	   *result = NIL;

	if (!RelationIsValid(rel))
		return NIL;
	if (RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind) ||
		rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		result = RelationGetIndexList(rel);
	RelationClose(rel);
	return result;
}

static void
scan(Effects *effects, Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	IgEffect   *effect;

	if (!RELKIND_HAS_TABLE_AM(relkind))
		return;
	effect = effect_on(effects, relid);
	if (effect == NULL)
		return;
	effect->scans = true;
	if (effect->reason == NULL)
		effect->reason = effects->reason;
}

static void
build(Effects *effects, Oid relid, const char *index)
{
	IgEffect   *effect = effect_on(effects, relid);

	scan(effects, relid);
	if (effect != NULL && RELKIND_HAS_TABLE_AM(effect->rel->relkind))
		effect->rebuilds = ig_impact_add_name(effect->rebuilds, index);
}

static void
check(Effects *effects, Oid relid, const char *constraint)
{
	IgEffect   *effect = effect_on(effects, relid);

	scan(effects, relid);
	if (effect != NULL && RELKIND_HAS_TABLE_AM(effect->rel->relkind))
		effect->rechecks = ig_impact_add_name(effect->rechecks, constraint);
}

/* The file, and those of all indexes. */
static void
rewrite(Effects *effects, Oid relid)
{
	IgEffect   *effect;
	ListCell   *lc;

	if (!RELKIND_HAS_TABLE_AM(get_rel_relkind(relid)))
		return;
	effect = effect_on(effects, relid);
	if (effect == NULL)
		return;
	effect->rewrites = true;
	effect->reason = effects->reason;
	scan(effects, relid);
	foreach(lc, index_oids(relid))
		build(effects, relid, get_rel_name(lfirst_oid(lc)));
}

static void
rewrite_all(Effects *effects, List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
		rewrite(effects, lfirst_oid(lc));
}

static void
build_all(Effects *effects, List *relids, const char *index)
{
	ListCell   *lc;

	foreach(lc, relids)
		build(effects, lfirst_oid(lc), index);
}

static void
check_all(Effects *effects, List *relids, const char *constraint)
{
	ListCell   *lc;

	foreach(lc, relids)
		check(effects, lfirst_oid(lc), constraint);
}

/* Those of the tables that an impact names, as "schema.table". */
static void
scan_named(Effects *effects, List *relids, List *names)
{
	ListCell   *lc;
	ListCell   *ln;

	foreach(lc, relids)
	{
		IgEffect   *effect;
		char	   *name;

		name = psprintf("%s.%s", get_namespace_name(get_rel_namespace(lfirst_oid(lc))),
						get_rel_name(lfirst_oid(lc)));
		foreach(ln, names)
		{
			if (strcmp((const char *) lfirst(ln), name) != 0)
				continue;
			effect = effect_on(effects, lfirst_oid(lc));
			if (effect != NULL)
				scan(effects, lfirst_oid(lc));
		}
	}
}

static void
column_change(Effects *effects, const IgChange *change)
{
	ListCell   *lc;

	if (change->derived)
		return;

	switch (change->kind)
	{
		case IG_ADD_COLUMN:
			if (OidIsValid(change->rel->relid))
				add_column(effects, change);
			break;
		case IG_ALTER_COLUMN_TYPE:
		case IG_SET_EXPRESSION:
			retype_column(effects, change);
			break;
		case IG_SET_NOT_NULL:
			scan_named(effects, heaps(effects, change->rel), change->impact.tables);
			break;
		case IG_DOMAIN_CONSTRAINT:
			foreach(lc, change->domain_use)
				check(effects, ((const IgDomainUse *) lfirst(lc))->rel->relid, change->name);
			break;
		default:
			break;
	}
}

static void
add_column(Effects *effects, const IgChange *change)
{
	const IgNewColumn *column = change->new_column;
	List	   *relids = heaps(effects, change->rel);
	ListCell   *lc;

	if (change->impact.rewrite)
		rewrite_all(effects, relids);

	foreach(lc, column->checks)
	{
		const IgConstraintSpec *spec = (const IgConstraintSpec *) lfirst(lc);

		if (!spec->not_valid)
			check_all(effects, relids, spec->name);
	}
	foreach(lc, column->references)
	{
		const IgConstraintSpec *spec = (const IgConstraintSpec *) lfirst(lc);

		/* where the column is null in all rows there is nothing to check */
		if (!spec->not_valid && column->default_clause)
			check_all(effects, partitions(change->rel), spec->name);
	}
	if (column->unique || column->primary_key)
		build_all(effects, partitions(change->rel),
				  ChooseRelationName(change->rel->name,
									 column->primary_key ? NULL : change->column,
									 column->primary_key ? "pkey" : "key",
									 get_rel_namespace(change->rel->relid), true));
}

/*
 * Foreign keys on the column, on either side, are entered anew, and after a
 * rewrite they are checked.
 */
static void
retype_column(Effects *effects, const IgChange *change)
{
	const IgImpact *impact = &change->impact;
	List	   *relids = heaps(effects, change->rel);
	ListCell   *lc;
	ListCell   *ld;
	ListCell   *ln;

	if (impact->rewrite)
		rewrite_all(effects, relids);
	relids = effects->heirs ? ig_inheritors(change->rel->relid, NULL) :
		list_make1_oid(change->rel->relid);
	rebuild_named(effects, relids, impact->indexes);

	foreach(lc, relids)
	{
		foreach(ld, ig_column_dependents(lfirst_oid(lc),
										 get_attnum(lfirst_oid(lc), change->column)))
		{
			const ObjectAddress *address = (const ObjectAddress *) lfirst(ld);
			Form_pg_constraint con;

			if (address->classId != ConstraintRelationId)
				continue;
			con = ig_plan_constraint_of(address->objectId);
			if (con == NULL || !con->convalidated || !ig_constraint_row_enforced(con))
				continue;
			if (impact->rewrite && con->contype == CONSTRAINT_FOREIGN)
				check(effects, con->conrelid, NameStr(con->conname));
			foreach(ln, impact->constraints)
			{
				if (strcmp((const char *) lfirst(ln), NameStr(con->conname)) == 0)
					check(effects, con->conrelid, NameStr(con->conname));
			}
		}
	}
}

/*
 * Those of the tables' indexes that an impact names; a partitioned one stands
 * for those of the partitions.
 */
static void
rebuild_named(Effects *effects, List *relids, List *names)
{
	ListCell   *lc;
	ListCell   *li;
	ListCell   *ln;
	ListCell   *lp;

	if (names == NIL)
		return;
	foreach(lc, relids)
	{
		foreach(li, index_oids(lfirst_oid(lc)))
		{
			const char *name = get_rel_name(lfirst_oid(li));

			foreach(ln, names)
			{
				if (name == NULL || strcmp((const char *) lfirst(ln), name) != 0)
					continue;
				foreach(lp, ig_relation_leaves(lfirst_oid(li)))
					build(effects, IndexGetRelation(lfirst_oid(lp), true),
						  get_rel_name(lfirst_oid(lp)));
			}
		}
	}
}

static void
constraint_change(Effects *effects, const IgChange *change)
{
	Form_pg_constraint con;

	switch (change->kind)
	{
		case IG_ADD_CONSTRAINT:
			if (OidIsValid(change->rel->relid))
				add_constraint(effects, change);
			break;
		case IG_VALIDATE_CONSTRAINT:
			con = ig_plan_constraint(change->rel->relid, change->name);
			if (con == NULL || con->convalidated)
				break;
			check_all(effects, con->contype == CONSTRAINT_FOREIGN || con->connoinherit ?
					  partitions(change->rel) : ig_relation_leaves(change->rel->relid),
					  change->name);
			break;
		case IG_ATTACH_PARTITION:
		case IG_CREATE_PARTITION:
			new_partition(effects, change);
			break;
		case IG_DETACH_PARTITION:
			detach(effects, change);
			break;
		default:
			break;
	}
}

static void
add_constraint(Effects *effects, const IgChange *change)
{
	const IgConstraintSpec *spec = change->constraint;

	switch (spec->contype)
	{
		case CONSTRAINT_CHECK:
			if (!spec->not_valid)
				check_all(effects, spec->no_inherit ? partitions(change->rel) :
						  heaps(effects, change->rel), change->name);
			break;
		case CONSTRAINT_FOREIGN:
			if (!spec->not_valid)
				check_all(effects, partitions(change->rel), change->name);
			break;
		default:
			if (spec->using_index == NULL)
				build_all(effects, partitions(change->rel), change->name);
			scan_named(effects, heaps(effects, change->rel), change->impact.tables);
			break;
	}
}

/*
 * The new partition gets the parent's indexes and keys, and the default one
 * may hold rows of it.
 */
static void
new_partition(Effects *effects, const IgChange *change)
{
	const IgImpact *impact = &change->impact;
	List	   *relids = NIL;
	Oid			other = get_default_partition_oid(change->parent->relid);
	ListCell   *lc;

	if (OidIsValid(change->rel->relid))
		relids = ig_relation_leaves(change->rel->relid);
	foreach(lc, impact->indexes)
		build_all(effects, relids, (const char *) lfirst(lc));
	foreach(lc, impact->constraints)
		check_all(effects, relids, (const char *) lfirst(lc));
	if (OidIsValid(other))
		relids = list_concat_copy(relids, ig_relation_leaves(other));
	scan_named(effects, relids, impact->tables);
}

/*
 * A partition must not go from under rows that reference it, and these are
 * looked for.
 */
static void
detach(Effects *effects, const IgChange *change)
{
	ListCell   *lc;
	ListCell   *lp;

	foreach(lc, ig_plan_constraints(Anum_pg_constraint_confrelid, change->rel->relid))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);

		if (con->contype != CONSTRAINT_FOREIGN || !OidIsValid(con->conparentid) ||
			!ig_constraint_row_enforced(con))
			continue;
		scan(effects, con->conrelid);
		foreach(lp, partitions(change->rel))
			scan(effects, lfirst_oid(lp));
	}
}

static void
storage_change(Effects *effects, const IgChange *change)
{
	IgEffect   *effect;

	switch (change->kind)
	{
		case IG_CREATE_INDEX:
			if (!change->derived || !ig_relation_is_partitioned(change->rel))
				build_all(effects, partitions(change->rel), change->name);
			break;
		case IG_REINDEX:
			reindex(effects, change);
			break;
		case IG_CLUSTER:
		case IG_VACUUM_FULL:
			rewrite_all(effects, partitions(change->rel));
			break;
		case IG_SET_PERSISTENCE:
		case IG_SET_ACCESS_METHOD:
			rewrite(effects, change->rel->relid);
			break;
		case IG_REFRESH_MATVIEW:
			refresh(effects, change);
			break;
		case IG_SET_TABLESPACE:
			effect = effect_on(effects, change->rel->relid);
			if (effect != NULL)
				effect->rewrites = true;	/* copied as it is */
			break;
		default:
			break;
	}
}

/*
 * Concurrently, the old rows are compared with the new ones; else nobody looks
 * at them, but the indexes are built over the new ones.
 */
static void
refresh(Effects *effects, const IgChange *change)
{
	IgEffect   *effect = effect_on(effects, change->rel->relid);
	ListCell   *lc;

	if (effect == NULL)
		return;
	if (change->concurrently)
	{
		scan(effects, change->rel->relid);
		return;
	}
	effect->rewrites = true;
	foreach(lc, index_oids(change->rel->relid))
		build(effects, change->rel->relid, get_rel_name(lfirst_oid(lc)));
}

/* One index, all indexes of a table, or either of a partitioned one. */
static void
reindex(Effects *effects, const IgChange *change)
{
	const ReindexStmt *stmt = castNode(ReindexStmt, effects->stmt->parsetree);
	Oid			named = change->name != NULL ?
		ig_plan_lookup(effects->stmt, stmt->relation) : InvalidOid;
	ListCell   *lc;
	ListCell   *li;

	if (OidIsValid(named))
	{
		foreach(lc, ig_relation_leaves(named))
			build(effects, IndexGetRelation(lfirst_oid(lc), true),
				  get_rel_name(lfirst_oid(lc)));
		return;
	}
	foreach(lc, partitions(change->rel))
	{
		foreach(li, index_oids(lfirst_oid(lc)))
			build(effects, lfirst_oid(lc), get_rel_name(lfirst_oid(li)));
	}
}
