/*-------------------------------------------------------------------------
 *
 * constraint.c
 *	  Rules for adding and dropping constraints of a table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/replacement.h"
#include "rules/rules.h"

#define MAX_NAMES	5

/* How many partitions a hint writes out. */
#define MAX_LEAVES	10

static void judge_check(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_foreign_key(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_unique(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_primary_key(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_key_nullable(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_exclusion(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_locked_parents(const IgRule *rule, const IgChange *change, IgFindings *findings);
static const IgConstraintSpec *added(const IgChange *change, char contype);
static char *free_name(const IgChange *change);
static void cure_foreign_key(IgFinding *finding, const IgChange *change);
static void cure_key(IgFinding *finding, const IgChange *change);
static bool is_proved_not_null(const IgChange *change);
static AttrNumber only_column(Form_pg_constraint form, HeapTuple tuple);

/*
 * The constraint that the change adds, if it is of that type and the table
 * keeps its rows here: the server checks none of a foreign table.
 */
static const IgConstraintSpec *
added(const IgChange *change, char contype)
{
	const IgConstraintSpec *spec = change->constraint;

	if (spec == NULL || spec->contype != contype ||
		change->rel->relkind == RELKIND_FOREIGN_TABLE)
		return NULL;
	return spec;
}

/*
 * A name for the constraint of the hint.  The one that was asked for is taken
 * where the statement is about a constraint that exists.
 */
static char *
free_name(const IgChange *change)
{
	const IgConstraintSpec *spec = change->constraint;
	const char *label = spec->contype == CONSTRAINT_FOREIGN ? "fkey" : "check";
	const char *column = spec->columns ? (const char *) linitial(spec->columns) : NULL;

	if (spec->name &&
		!OidIsValid(get_relation_constraint_oid(change->rel->relid, spec->name, true)))
		return spec->name;

	return ig_cure_constraint_name(change->rel, column, label);
}

static void
judge_check(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_CHECK);
	IgFinding  *finding;

	if (spec == NULL || spec->not_valid)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add check constraint \"%s\" to %s without NOT VALID",
							 ig_text_name(spec->name ? spec->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "All rows are read to check it while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (spec->definition)
		ig_cure_add_constraint(finding, change->rel, free_name(change), spec->definition);
	else
		ig_finding_hint(finding,
						"-- add it as NOT VALID, and in another transaction: ALTER TABLE %s VALIDATE CONSTRAINT ...",
						ig_text_name(ig_relation_quoted(change->rel)));
}

static void
judge_foreign_key(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_FOREIGN);
	IgFinding  *finding;

	if (spec == NULL || spec->not_valid)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add foreign key \"%s\" to %s because all rows would be checked at once",
							 ig_text_name(spec->name ? spec->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Each row is looked up in the referenced table while writes to both tables wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (spec->parent && !ig_relation_is_exempt(spec->parent) &&
		spec->parent->relid != change->rel->relid)
		ig_finding_detail_table(finding, spec->parent, ShareRowExclusiveLock);
	cure_foreign_key(finding, change);
}

/*
 * Before 18 the foreign key of a partitioned table cannot be NOT VALID; but
 * those of its partitions can, and once they are validated the partitioned
 * table takes them over without looking at a row.  The gate cannot know that
 * last statement from one that scans.
 */
static void
cure_foreign_key(IgFinding *finding, const IgChange *change)
{
	const IgConstraintSpec *spec = change->constraint;
	char	   *name = free_name(change);
	int			shown = 0;
	ListCell   *lc;

	if (spec->definition == NULL)
	{
		ig_finding_hint(finding, "-- add it as NOT VALID, and validate it in another transaction");
		return;
	}
	if (!ig_relation_is_partitioned(change->rel) || IG_FK_NOT_VALID_PARTITIONED)
	{
		ig_cure_add_constraint(finding, change->rel, name, spec->definition);
		return;
	}

	ig_finding_hint(finding,
					"-- a partitioned table cannot have it as NOT VALID in this version: on each partition");
	foreach(lc, ig_relation_leaves(change->rel->relid))
	{
		IgRelation *leaf = ig_relation_load(lfirst_oid(lc));

		if (leaf == NULL)
			continue;
		if (shown++ == MAX_LEAVES)
		{
			ig_finding_hint(finding, "-- and so on for the other partitions");
			break;
		}
		ig_cure_add_constraint(finding, leaf, name, spec->definition);
	}
	ig_cure_allow(finding, "then the statement itself, which takes these over", true);
}

static void
judge_unique(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_UNIQUE);
	IgFinding  *finding;

	if (spec == NULL || spec->using_index != NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add unique constraint \"%s\" to %s without USING INDEX",
							 ig_text_name(spec->name ? spec->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "Its index is built while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure_key(finding, change);
}

static void
judge_primary_key(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_PRIMARY);
	IgFinding  *finding;

	if (spec == NULL || spec->using_index != NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add primary key \"%s\" to %s without USING INDEX",
							 ig_text_name(spec->name ? spec->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "Its index is built while reads and writes wait.");
	if (spec->nullable != NIL)
		ig_finding_detail(finding, "All rows are read to prove that %s %s no null.",
						  ig_text_list(spec->nullable, MAX_NAMES),
						  list_length(spec->nullable) == 1 ? "holds" : "hold");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure_key(finding, change);
}

/*
 * The index is there already; what is left to do is to find out about nulls.
 */
static void
judge_key_nullable(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_PRIMARY);
	IgFinding  *finding;
	ListCell   *lc;

	if (spec == NULL || spec->using_index == NULL || spec->nullable == NIL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add primary key \"%s\" to %s over a column that may hold nulls",
							 ig_text_name(spec->name ? spec->name : spec->using_index),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "All rows are read while reads and writes wait, because no validated constraint proves that %s %s no null.",
					  ig_text_list(spec->nullable, MAX_NAMES),
					  list_length(spec->nullable) == 1 ? "holds" : "hold");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);

	foreach(lc, spec->nullable)
		ig_cure_not_null(finding, change->rel, (const char *) lfirst(lc));
	ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY USING INDEX %s%s;",
					ig_relation_quoted(change->rel),
					quote_identifier(spec->name ? spec->name : spec->using_index),
					quote_identifier(spec->using_index), spec->timing ? spec->timing : "");
}

/*
 * The unique index is built while the table is in use, and becomes the
 * constraint's.  A partitioned table has no such form; there the index alone
 * does all that the constraint does.
 */
static void
cure_key(IgFinding *finding, const IgChange *change)
{
	const IgConstraintSpec *spec = change->constraint;
	const IgRelation *rel = change->rel;
	const char *table = ig_relation_quoted(rel);
	const char *tail = spec->definition;
	const char *name;
	ListCell   *lc;

	if (spec->name == NULL || tail == NULL)
		return;

	name = quote_identifier(spec->name);
	foreach(lc, spec->nullable)
		if (spec->contype == CONSTRAINT_PRIMARY)
			ig_cure_not_null(finding, rel, (const char *) lfirst(lc));

	if (ig_relation_is_partitioned(rel))
	{
		ig_finding_hint(finding,
						"-- a unique index serves as well, also for foreign keys and ON CONFLICT:");
		ig_cure_partitioned_index(finding, rel, spec->name, true, tail);
		return;
	}

	ig_finding_hint(finding, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s %s;", name, table, tail);
	ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s%s;", table, name,
					spec->contype == CONSTRAINT_PRIMARY ? "PRIMARY KEY" : "UNIQUE", name,
					spec->timing ? spec->timing : "");
}

static void
judge_exclusion(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *spec = added(change, CONSTRAINT_EXCLUSION);
	IgFinding  *finding;

	if (spec == NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add exclusion constraint \"%s\" to %s",
							 ig_text_name(spec->name ? spec->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Its index is built while reads and writes wait, and PostgreSQL has no online form of this.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_cure_allow(finding, "in a quiet window", true);
}

static void
judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *name = change->name;
	IgFinding  *finding;

	if (name == NULL && change->constraint)
		name = change->constraint->name;
	if (name == NULL || is_proved_not_null(change))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "without constraint \"%s\", %s accepts rows that it refuses today",
							 ig_text_name(name), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Running applications may rely on it, and what gets in meanwhile must be cleaned up before it can be added again.");
	ig_finding_hint(finding, "-- if something replaces it, add that in the same transaction, as NOT VALID or USING INDEX: a constraint as strict acquits this when the transaction commits");
	if (change->rel->classes != 0)
	{
		finding->level = IG_LEVEL_ERROR;
		ig_cure_allow(finding, "if it really has to go", true);
	}
}

/*
 * Is the constraint a CHECK (column IS NOT NULL) of a column that is NOT NULL?
 * Such a check is what SET NOT NULL without a scan needed, and its work is
 * done.
 */
static bool
is_proved_not_null(const IgChange *change)
{
	Oid			relid = change->rel->relid;
	Oid			conoid = InvalidOid;
	HeapTuple	tuple;
	AttrNumber	attnum = InvalidAttrNumber;
	HeapTuple	column;
	const char *quoted;
	char	   *definition;
	bool		not_null;

	if (change->name)
		conoid = get_relation_constraint_oid(relid, change->name, true);
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	if (HeapTupleIsValid(tuple))
	{
		attnum = only_column((Form_pg_constraint) GETSTRUCT(tuple), tuple);
		ReleaseSysCache(tuple);
	}
	if (attnum <= 0)
		return false;

	column = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	if (!HeapTupleIsValid(column))
		return false;
	quoted = quote_identifier(pstrdup(NameStr(((Form_pg_attribute) GETSTRUCT(column))->attname)));
	not_null = ((Form_pg_attribute) GETSTRUCT(column))->attnotnull;
	ReleaseSysCache(column);
	if (!not_null)
		return false;

	definition = ig_cure_constraint_definition(conoid);
	return definition != NULL &&
		strcmp(definition, psprintf("CHECK ((%s IS NOT NULL))", quoted)) == 0;
}

/* The column of a CHECK that is about one column, else InvalidAttrNumber. */
static AttrNumber
only_column(Form_pg_constraint form, HeapTuple tuple)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conkey, &isnull);
	ArrayType  *array;

	if (isnull || form->contype != CONSTRAINT_CHECK)
		return InvalidAttrNumber;

	array = DatumGetArrayTypeP(datum);
	if (ARR_NDIM(array) != 1 || ARR_DIMS(array)[0] != 1 || ARR_HASNULL(array) ||
		ARR_ELEMTYPE(array) != INT2OID)
		return InvalidAttrNumber;
	return ((int16 *) ARR_DATA_PTR(array))[0];
}

/*
 * A foreign key comes and goes with a lock on the table that it references,
 * which the statement may not even name.  Brief, but it queues like any other.
 */
static void
judge_locked_parents(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		drops = change->kind == IG_DROP_TABLE || change->kind == IG_DROP_COLUMN ||
		change->kind == IG_DROP_CONSTRAINT;
	LOCKMODE	lock = drops ? AccessExclusiveLock : ShareRowExclusiveLock;
	bool		guarded = false;
	List	   *names = NIL;
	IgFinding  *finding;
	ListCell   *lc;

	foreach(lc, change->locked_parents)
	{
		IgRelation *parent = (IgRelation *) lfirst(lc);

		if (ig_relation_is_exempt(parent))
			continue;
		names = lappend(names, ig_relation_label(parent));
		guarded = guarded || parent->classes != 0;
	}
	if (names == NIL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "the foreign key of %s also locks %s",
							 ig_text_relation(change->rel), ig_text_list(names, MAX_NAMES));
	if (guarded)
		finding->level = Max(finding->level, IG_LEVEL_WARNING);
	ig_finding_detail(finding,
					  "The lock is brief, but whoever comes after the statement waits as long as the statement does.");
	foreach(lc, change->locked_parents)
	{
		IgRelation *parent = (IgRelation *) lfirst(lc);

		if (!ig_relation_is_exempt(parent))
			ig_finding_detail_table(finding, parent, lock);
	}
	ig_finding_hint(finding, "-- run it alone, and let it give up soon if a table is busy:");
	ig_finding_hint(finding, "SET lock_timeout = '2s';");
}

static const char *const locks_parent_replaced[] = {"foreign-key-locks-parent", NULL};

static const IgRule rules[] = {
	{
		.name = "add-check-validated",
		.sqlstate = ERRCODE_IG_ADD_CHECK_VALIDATED,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_check,
		.refuses = "ADD CHECK without NOT VALID: the table is scanned",
		.cure = "NOT VALID, then VALIDATE CONSTRAINT in another transaction",
	},
	{
		.name = "add-foreign-key-validated",
		.sqlstate = ERRCODE_IG_ADD_FOREIGN_KEY_VALIDATED,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_foreign_key,
		.replaces = locks_parent_replaced,
		.refuses = "ADD FOREIGN KEY without NOT VALID: the table is scanned while both tables are locked",
		.cure = "NOT VALID, then VALIDATE CONSTRAINT in another transaction",
	},
	{
		.name = "add-unique-constraint",
		.sqlstate = ERRCODE_IG_ADD_UNIQUE_CONSTRAINT,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_unique,
		.refuses = "ADD UNIQUE without USING INDEX: an index is built while reads and writes wait",
		.cure = "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
	},
	{
		.name = "add-primary-key",
		.sqlstate = ERRCODE_IG_ADD_PRIMARY_KEY,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_primary_key,
		.refuses = "ADD PRIMARY KEY without USING INDEX: an index is built while reads and writes wait",
		.cure = "prove NOT NULL, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
	},
	{
		.name = "primary-key-nullable",
		.sqlstate = ERRCODE_IG_PRIMARY_KEY_NULLABLE,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_key_nullable,
		.refuses = "ADD PRIMARY KEY USING INDEX over a nullable column: the table is scanned",
		.cure = "prove NOT NULL with a validated CHECK first",
	},
	{
		.name = "add-exclusion",
		.sqlstate = ERRCODE_IG_ADD_EXCLUSION,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT),
		.judge = judge_exclusion,
		.refuses = "ADD EXCLUDE: an index is built while reads and writes wait",
		.cure = "an allowance in a quiet window; there is no online form",
	},
	{
		.name = "foreign-key-locks-parent",
		.sqlstate = ERRCODE_IG_FOREIGN_KEY_LOCKS_PARENT,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_OFF,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT) | IG_KIND(IG_ADD_COLUMN) |
		IG_KIND(IG_CREATE_TABLE) | IG_KIND(IG_CREATE_PARTITION) |
		IG_KIND(IG_ATTACH_PARTITION) | IG_KIND(IG_DROP_TABLE) |
		IG_KIND(IG_DROP_COLUMN) | IG_KIND(IG_DROP_CONSTRAINT),
		.new_too = true,
		.judge = judge_locked_parents,
		.refuses = "a foreign key is added or dropped, which locks the referenced table too (off; a warning where that table is financial or protected)",
		.cure = "run it alone, with a short lock_timeout",
	},
	{
		.name = "drop-enforced-constraint",
		.sqlstate = ERRCODE_IG_DROP_ENFORCED_CONSTRAINT,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_CONSTRAINT) | IG_KIND(IG_UNENFORCE_CONSTRAINT),
		.judge = judge_drop,
		.note = ig_replacement_note_constraint,
		.acquitted = ig_replacement_has_constraint,
		.early = true,
		.refuses = "DROP CONSTRAINT, or NOT ENFORCED, unless one as strict is there when the transaction commits (an error on financial and protected tables)",
		.cure = "add the replacement in the same transaction",
	},
};

const IgRuleSet ig_rules_constraint = {rules, lengthof(rules)};
