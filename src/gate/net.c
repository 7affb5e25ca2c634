/*-------------------------------------------------------------------------
 *
 * net.c
 *	  The net under the prediction: see net.h.
 *
 * The server calls these just before it starts on the expensive part, so a
 * refusal here still costs next to nothing.  The rows that it has just written
 * are not visible to a catalog snapshot yet and are read with SnapshotSelf.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "gate/decide.h"
#include "gate/net.h"
#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "rules/rules.h"

/* What a statement may have been foretold to do to a table. */
typedef enum Work
{
	WORK_REWRITE = 0x01,
	WORK_BUILD = 0x02,			/* an index is built */
	WORK_SCAN = 0x04,
	WORK_DROP = 0x08,
	WORK_TRUNCATE = 0x10
} Work;

static int	foretold_work(const IgChange *change);
static bool is_foretold(Oid relid, Work work);
static void judge_grown(const IgChange *change);
static bool is_type_changing(char contype);
static bool is_drop_foretold(const ObjectAddress *address, int classes);
static const IgChange *passed_as_retired(const ObjectAddress *address);
static void judge_retired(const IgChange *change);
static bool is_truncate_foretold(const IgRelation *rel);
static void judge_unpredicted(IgRelation *rel, Work work);
static AttrNumber first_key_column(HeapTuple tuple, TupleDesc desc);
static bool needs_proof(IgRelation *rel, AttrNumber attnum);
static bool is_made_not_null(Oid relid, AttrNumber attnum);
static void count_lost(IgRelation *rel);
static bool is_kind_foretold(IgChangeKind kind);
static Oid	index_table(Oid indexid);
static bool has_pages(Oid relid);

/*
 * The work that a change of this kind may do, whatever its impact says: the
 * rules have seen the change, so nothing of it comes as a surprise.
 */
static int
foretold_work(const IgChange *change)
{
	const IgImpact *impact = &change->impact;
	int			work = 0;

	if (impact->rewrite)
		work |= WORK_REWRITE | WORK_BUILD | WORK_SCAN;
	if (impact->reindex)
		work |= WORK_BUILD;
	if (impact->scan || impact->recheck)
		work |= WORK_SCAN;

	switch (change->kind)
	{
		case IG_ADD_COLUMN:
			if (change->new_column->unique || change->new_column->primary_key)
				work |= WORK_BUILD | WORK_SCAN;
			if (change->new_column->checks || change->new_column->references ||
				change->new_column->not_null)
				work |= WORK_SCAN;
			break;
		case IG_ADD_CONSTRAINT:
		case IG_CREATE_INDEX:
			work |= WORK_BUILD | WORK_SCAN;
			break;
		case IG_SET_NOT_NULL:
		case IG_VALIDATE_CONSTRAINT:
		case IG_DOMAIN_CONSTRAINT:
			work |= WORK_SCAN;
			break;
		case IG_REINDEX:
		case IG_CLUSTER:
		case IG_VACUUM_FULL:
		case IG_SET_PERSISTENCE:
		case IG_SET_TABLESPACE:
		case IG_SET_ACCESS_METHOD:
		case IG_SET_EXPRESSION:
		case IG_REFRESH_MATVIEW:
			work |= WORK_REWRITE | WORK_BUILD | WORK_SCAN;
			break;
		case IG_TRUNCATE:
			work |= WORK_TRUNCATE;
			break;
		default:
			break;
	}
	return work;
}

/*
 * The relation itself and all that it is a partition or child of.  Walks up
 * from it, since in the midst of a drop those above may be gone already.
 */
List *
ig_net_line_of_descent(Oid relid)
{
	List	   *line = list_make1_oid(relid);
	ListCell   *lc;

	/* the list grows while it is read */
	foreach(lc, line)
		line = list_concat_unique_oid(line, ig_parents_of(lfirst_oid(lc)));
	return line;
}

static bool
is_foretold(Oid relid, Work work)
{
	List	   *line = ig_statement_current ? ig_net_line_of_descent(relid) : NIL;

	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if ((foretold_work(change) & work) == 0 || change->rel == NULL)
				continue;
			if (list_member_oid(line, change->rel->relid) ||
				(change->parent && list_member_oid(line, change->parent->relid)))
			{
				judge_grown(change);
				return true;
			}
		}
	}
	return false;
}

/*
 * What was foretold of a table that was empty then is judged once more, now
 * that nobody can fill it any longer.
 */
static void
judge_grown(const IgChange *change)
{
	IgFindings	findings = {NIL};

	ig_rules_judge_grown(change, &findings);
	if (findings.list != NIL)
		ig_decide(&findings);
}

/*
 * A type change enters the constraints of its column anew, those of other
 * tables that reference it included; the rules have seen which are checked.
 * A foreign key is entered as valid also where it is not checked.
 */
static bool
is_type_changing(char contype)
{
	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if (change->kind == IG_ALTER_COLUMN_TYPE &&
				(change->impact.rewrite || change->impact.recheck ||
				 contype == CONSTRAINT_FOREIGN))
				return true;
		}
	}
	return false;
}

/*
 * A drop is foretold when a change names the object or lists it among its
 * victims, or when it is a partition of what goes; and of no class that it was
 * not of when that was judged.
 */
static bool
is_drop_foretold(const ObjectAddress *address, int classes)
{
	List	   *line = ig_statement_current ? ig_net_line_of_descent(address->objectId) : NIL;

	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);
			ListCell   *lv;

			if (change->address.classId == address->classId &&
				change->address.objectId == address->objectId &&
				change->address.objectSubId == address->objectSubId)
				return change->rel == NULL || (classes & ~change->rel->classes) == 0;

			if (change->kind == IG_DROP_TABLE && address->objectSubId == 0 &&
				list_member_oid(line, change->rel->relid))
				return true;
			if (change->kind == IG_DROP_COLUMN && address->objectSubId != 0 &&
				change->rel->relid != address->objectId &&
				list_member_oid(line, change->rel->relid))
				return true;

			foreach(lv, change->victims)
			{
				const IgVictim *victim = (const IgVictim *) lfirst(lv);

				if (victim->address.classId == address->classId &&
					victim->address.objectId == address->objectId &&
					victim->address.objectSubId == address->objectSubId)
					return true;
			}
		}
	}
	return false;
}

static void
judge_unpredicted(IgRelation *rel, Work work)
{
	IgChange	change = {0};

	change.kind = IG_UNPREDICTED_WORK;
	change.rel = rel;
	change.impact.lock = AccessExclusiveLock;
	change.impact.rewrite = (work == WORK_REWRITE);
	change.impact.reindex = (work == WORK_BUILD);
	change.impact.scan = (work == WORK_SCAN);
	ig_decide_change(&change);
}

/*
 * The heap of relid is about to be copied.
 */
void
ig_net_rewrite(Oid relid)
{
	IgRelation *rel;

	if (is_foretold(relid, WORK_REWRITE))
		return;
	rel = ig_relation_load(relid);
	if (rel == NULL || ig_relation_is_exempt(rel))
		return;
	judge_unpredicted(rel, WORK_REWRITE);
}

/*
 * A relation was entered into the catalogs.  If it is an index, it is about to
 * be built, unless it takes over the files of an old one.
 */
void
ig_net_index_build(Oid indexid)
{
	Oid			relid = index_table(indexid);
	IgRelation *rel;

	if (!OidIsValid(relid))
		return;
	ig_transaction_note_created(RelationRelationId, indexid, 0);
	if (is_foretold(relid, WORK_BUILD))
		return;
	rel = ig_relation_load(relid);
	if (rel == NULL || ig_relation_is_exempt(rel) ||
		rel->relkind == RELKIND_TOASTVALUE || ig_relation_is_partitioned(rel))
		return;
	if (has_pages(indexid))
		return;
	judge_unpredicted(rel, WORK_BUILD);
}

/*
 * A CHECK, FOREIGN KEY or, from 18 on, NOT NULL constraint was entered into the
 * catalogs; if it is entered as valid, the table is about to be read.
 */
void
ig_net_constraint_check(Oid conoid)
{
	Relation	pg_constraint;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			relid = InvalidOid;
	char		contype = '\0';
	AttrNumber	attnum = InvalidAttrNumber;

	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_constraint_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(conoid));
	scan = systable_beginscan(pg_constraint, ConstraintOidIndexId, true,
							  SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if ((con->contype == CONSTRAINT_CHECK || con->contype == CONSTRAINT_FOREIGN ||
			 con->contype == IG_CONSTRAINT_NOTNULL) &&
			con->convalidated && !OidIsValid(con->conparentid))
			relid = con->conrelid;
		contype = con->contype;
		if (contype == IG_CONSTRAINT_NOTNULL)
			attnum = first_key_column(tuple, RelationGetDescr(pg_constraint));
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);

	if (OidIsValid(relid) && !is_foretold(relid, WORK_SCAN) && !is_type_changing(contype))
	{
		IgRelation *rel = ig_relation_load(relid);

		if (rel != NULL && !ig_relation_is_exempt(rel) &&
			(attnum == InvalidAttrNumber || needs_proof(rel, attnum)))
			judge_unpredicted(rel, WORK_SCAN);
	}
}

/*
 * Is a statement running that enters existing constraints anew, under new
 * OIDs?  Then what is entered is not new to anybody.
 */
bool
ig_net_is_recreating(void)
{
	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			IgChangeKind kind = ((const IgChange *) lfirst(lc))->kind;

			if (kind == IG_ALTER_COLUMN_TYPE || kind == IG_SET_EXPRESSION)
				return true;
		}
	}
	return false;
}

/* The first of a constraint's columns. */
static AttrNumber
first_key_column(HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_constraint_conkey, desc, &isnull);
	ArrayType  *array;

	if (isnull)
		return InvalidAttrNumber;
	array = DatumGetArrayTypeP(datum);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_DIMS(array)[0] < 1)
		return InvalidAttrNumber;
	return ((int16 *) ARR_DATA_PTR(array))[0];
}

/*
 * Must the table itself be read to see that a column holds no NULL?
 */
static bool
needs_proof(IgRelation *rel, AttrNumber attnum)
{
	IgImpact	impact = {0};

	if (ig_relation_is_partitioned(rel) || ig_column_refuses_null(rel->relid, attnum))
		return false;

	ig_impact_set_not_null(rel, attnum, NIL, &impact);
	return impact.scan;
}

/*
 * Does the row of a column that this very command writes say NOT NULL?
 */
static bool
is_made_not_null(Oid relid, AttrNumber attnum)
{
	Relation	pg_attribute = table_open(AttributeRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	bool		result;

	ScanKeyInit(&keys[0], Anum_pg_attribute_attrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_attribute_attnum, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(attnum));
	scan = systable_beginscan(pg_attribute, AttributeRelidNumIndexId, true,
							  SnapshotSelf, 2, keys);
	tuple = systable_getnext(scan);
	result = HeapTupleIsValid(tuple) &&
		((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	systable_endscan(scan);
	table_close(pg_attribute, AccessShareLock);
	return result;
}

/*
 * A column was altered.  If it is NOT NULL from now on, and no constraint
 * proves it, the table is about to be read; the relcache entry is still the
 * old one.  (From 18 on that is told with the new constraint, before.)
 */
void
ig_net_column(Oid relid, AttrNumber attnum)
{
	IgRelation *rel;

	if (ig_column_refuses_null(relid, attnum) || is_foretold(relid, WORK_SCAN) ||
		!is_made_not_null(relid, attnum))
		return;
	rel = ig_relation_load(relid);
	if (rel != NULL && !ig_relation_is_exempt(rel) && needs_proof(rel, attnum))
		judge_unpredicted(rel, WORK_SCAN);
}

/*
 * An existing table is about to be dropped or emptied.  Is it one too many, in
 * a way that was not foretold?
 */
static void
count_lost(IgRelation *rel)
{
	IgChange	change = {0};

	if (!ig_relation_counts_as_lost(rel))
		return;
	ig_transaction_note_lost(rel->relid);
	if (ig_transaction_lost_count() <= IG_MAX_LOST_TABLES ||
		is_kind_foretold(IG_RESET))
		return;

	change.kind = IG_RESET;
	change.name = rel->schema;
	change.words = IG_MANY_TABLES_LOST;
	ig_decide_change(&change);
}

static bool
is_kind_foretold(IgChangeKind kind)
{
	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			if (((const IgChange *) lfirst(lc))->kind == kind)
				return true;
		}
	}
	return false;
}

/*
 * An object is about to be deleted, by whatever way.  Tables, their columns
 * and the other relations that people name are looked at.
 */
void
ig_net_drop(Oid classid, Oid objid, int32 objsubid)
{
	IgChange	change = {0};
	IgChange   *loosened;
	IgRelation *rel;

	if (classid != RelationRelationId)
		return;
	rel = ig_relation_load(objid);
	if (rel == NULL || ig_relation_is_temp(rel))
		return;
	rel->is_going = true;

	ObjectAddressSubSet(change.address, classid, objid, objsubid);
	if (objsubid == 0 && (rel->relkind == RELKIND_RELATION ||
						  rel->relkind == RELKIND_PARTITIONED_TABLE))
		ig_transaction_note_dropped_name(rel->schema, rel->name);

	if (objsubid == 0)
		count_lost(rel);

	change.rel = rel;
	change.derived = true;
	if (objsubid != 0)
		change.kind = IG_DROP_COLUMN;
	else if (rel->relkind == RELKIND_RELATION || rel->relkind == RELKIND_FOREIGN_TABLE ||
			 rel->relkind == RELKIND_PARTITIONED_TABLE)
		change.kind = IG_DROP_TABLE;
	else if (rel->relkind == RELKIND_MATVIEW)
		change.kind = IG_DROP_MATVIEW;
	else
		return;

	if (rel->is_new || ig_transaction_created(&change.address))
		return;
	if (objsubid != 0)
	{
		change.attnum = objsubid;
		change.column = get_attname(objid, objsubid, true);
		if (change.column == NULL)
			return;
	}
	if (is_drop_foretold(&change.address, rel->classes))
	{
		const IgChange *passed = passed_as_retired(&change.address);

		change.derived = passed == NULL || passed->derived;
		if (passed != NULL)
			judge_retired(&change);
		return;
	}

	loosened = ig_change_loosened(&change);
	if (loosened != NULL)
		ig_decide_change(loosened);
	ig_decide_change(&change);
}

/* The change by which the drop of an object passed because that is retired. */
static const IgChange *
passed_as_retired(const ObjectAddress *address)
{
	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if (change->passed_as_retired &&
				change->address.objectId == address->objectId &&
				change->address.objectSubId == address->objectSubId)
				return change;
		}
	}
	return NULL;
}

/*
 * While the statement waited for its lock, others may have used what it drops,
 * or have taken it out of retirement.
 */
static void
judge_retired(const IgChange *change)
{
	IgFindings	findings = {NIL};

	ig_rules_judge_retired(change, &findings);
	if (findings.list != NIL)
		ig_decide(&findings);
}

/*
 * An extension is about to go.  Is it ours, and did nobody see it coming?
 */
void
ig_net_extension(Oid extension)
{
	IgChange	change = {0};

	if (extension != ig_extension_oid() || is_kind_foretold(IG_WEAKEN_GUARD))
		return;

	change.kind = IG_WEAKEN_GUARD;
	change.name = "invariant_guard";
	change.words = "drop extension \"invariant_guard\"";
	change.new_name = "Without it no statement in this database is judged.";
	ig_decide_change(&change);
}

/*
 * As a table of these classes?  It may have got one since it was judged.
 */
static bool
is_truncate_foretold(const IgRelation *rel)
{
	if (!is_foretold(rel->relid, WORK_TRUNCATE))
		return false;

	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if (change->kind == IG_TRUNCATE && change->rel->relid == rel->relid)
				return (rel->classes & ~change->rel->classes) == 0;
		}
	}
	return true;
}

/*
 * A table is about to be emptied by TRUNCATE.
 */
void
ig_net_truncate(Oid relid)
{
	IgChange	change = {0};
	IgRelation *rel = ig_relation_load(relid);

	if (rel == NULL || ig_relation_is_exempt(rel))
		return;
	count_lost(rel);
	if (is_truncate_foretold(rel))
		return;

	change.kind = IG_TRUNCATE;
	change.rel = rel;
	change.derived = true;
	change.impact.lock = AccessExclusiveLock;
	ObjectAddressSet(change.address, RelationRelationId, relid);
	ig_decide_change(&change);
}

/*
 * A table is about to lose classes: its security label is being changed.
 */
void
ig_net_unprotect(Oid relid, int lost_classes)
{
	IgStatement stmt = {0};
	IgRelation *rel;

	if (!ig_gate_active())
		return;
	rel = ig_relation_load(relid);
	if (rel != NULL)
		ig_decide_change(ig_change_unprotect(&stmt, rel, lost_classes));
}

/*
 * The table of an index that this very command is creating.
 */
static Oid
index_table(Oid indexid)
{
	Relation	pg_index;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	Oid			relid = InvalidOid;

	pg_index = table_open(IndexRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_index_indexrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(indexid));
	scan = systable_beginscan(pg_index, IndexRelidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		relid = ((Form_pg_index) GETSTRUCT(tuple))->indrelid;
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);
	return relid;
}

/*
 * Does the index have pages already?  Then ALTER TABLE has handed it the files
 * of its predecessor, and nothing will be built.  The relcache entry is the
 * one that the running command made, under its lock.
 */
static bool
has_pages(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		result;

	if (!RelationIsValid(rel))
		return false;
	result = RELKIND_HAS_STORAGE(rel->rd_rel->relkind) &&
		RelationGetNumberOfBlocks(rel) > 0;
	RelationClose(rel);
	return result;
}
