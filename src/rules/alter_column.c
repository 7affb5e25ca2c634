/*-------------------------------------------------------------------------
 *
 * alter_column.c
 *	  Rules for ALTER TABLE ... ALTER COLUMN.
 *
 * A type change has four outcomes in the server: the heap is rewritten, only
 * indexes are rebuilt, only constraints are checked again, or nothing at all
 * happens.  There is a rule for each of the first three.  What the running
 * application sees of the new type is a question of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/replacement.h"
#include "rules/rules.h"

/* How many indexes or constraints a message names. */
#define MAX_NAMES	5

static void judge_type_rewrite(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type_reindex(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type_recheck(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type_narrowing(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type_in_use(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_set_not_null(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_drop_not_null(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_drop_default(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_set_expression(const IgRule *rule, const IgChange *change, IgFindings *findings);
static char *types_text(const IgTypeChange *type_change);
static void cure_type(IgFinding *finding, const IgChange *change);
static char *cast_sql(const IgChange *change);
static bool cure_reindex(IgFinding *finding, const IgChange *change);
static Oid	replaceable_index(const IgRelation *rel, const char *name);
static bool cure_recheck(IgFinding *finding, const IgChange *change);
static char *constraint_definition(Oid relid, const char *name);

/* "from integer to bigint" */
static char *
types_text(const IgTypeChange *type_change)
{
	return psprintf("from %s to %s",
					type_change->old_sql ? type_change->old_sql : "its type",
					type_change->new_sql ? type_change->new_sql : "another");
}

static void
judge_type_rewrite(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->impact.rewrite)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change column \"%s\" of %s %s because it would rewrite the table",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 types_text(change->type_change));
	if (change->impact.reason)
		ig_finding_detail(finding, "All rows and indexes are written anew because %s.",
						  change->impact.reason);
	else
		ig_finding_detail(finding, "All rows and indexes are written anew.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure_type(finding, change);
}

static void
judge_type_reindex(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	List	   *indexes = change->impact.indexes;
	IgFinding  *finding;

	if (!change->impact.reindex || change->impact.rewrite)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change column \"%s\" of %s %s because it would rebuild indexes",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 types_text(change->type_change));
	ig_finding_detail(finding,
					  "The rows stay as they are, but reads and writes wait until %s built anew%s%s.",
					  indexes == NIL ? "indexes are" :
					  psprintf("%s %s %s", list_length(indexes) == 1 ? "index" : "indexes",
							   ig_text_list(indexes, MAX_NAMES),
							   list_length(indexes) == 1 ? "is" : "are"),
					  change->impact.reason ? ", because " : "",
					  change->impact.reason ? change->impact.reason : "");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (!cure_reindex(finding, change))
		cure_type(finding, change);
}

static void
judge_type_recheck(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	List	   *constraints = change->impact.constraints;
	IgFinding  *finding;

	if (!change->impact.recheck || change->impact.rewrite)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change column \"%s\" of %s %s because it would check constraints again",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 types_text(change->type_change));
	ig_finding_detail(finding,
					  "The rows stay as they are, but all are read while reads and writes wait, to check %s.",
					  constraints == NIL ? "constraints" :
					  psprintf("%s %s",
							   list_length(constraints) == 1 ? "constraint" : "constraints",
							   ig_text_list(constraints, MAX_NAMES)));
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (!cure_recheck(finding, change))
		cure_type(finding, change);
}

static void
judge_type_narrowing(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->type_change->narrowing)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change column \"%s\" of %s %s because the new type holds fewer values",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 types_text(change->type_change));
	ig_finding_detail(finding,
					  "Running applications that still write values of the old type fail, "
					  "and stored values that do not fit are cut or make the statement fail.");
	cure_type(finding, change);
}

/*
 * A wider type of the same kind, such as a longer varchar, is nothing that an
 * application notices.
 */
static void
judge_type_in_use(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	Oid			old_type = get_atttype(change->rel->relid, change->attnum);
	IgFinding  *finding;

	if (change->type_change->narrowing ||
		(OidIsValid(old_type) &&
		 getBaseType(old_type) == change->type_change->new_base_typid))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "running applications see column \"%s\" of %s change %s",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 types_text(change->type_change));
	ig_finding_detail(finding,
					  "Prepared statements fail once with a changed result type, and the "
					  "types that an application declares for the column no longer match.");

	/* what else is wrong with it comes with the same hint */
	if (!change->impact.rewrite && !change->impact.reindex && !change->impact.recheck)
		cure_type(finding, change);
}

/*
 * A new column beside the old one.  Where the types have no cast the server
 * was given an expression, which only the author knows.
 */
static void
cure_type(IgFinding *finding, const IgChange *change)
{
	const char *type_sql = change->type_change->new_sql;
	const char *value = type_sql ? cast_sql(change) : NULL;
	Oid			typid = change->type_change->new_base_typid;

	if (type_sql == NULL)
		return;

	/* financial-float would refuse the new column as well */
	if (ig_relation_is_financial(change->rel) && (typid == FLOAT4OID || typid == FLOAT8OID))
	{
		type_sql = "numeric";
		value = NULL;
	}
	ig_cure_new_column(finding, change->rel, change->column,
					   ig_cure_column_name(change->rel, change->column),
					   type_sql, value);
}

static char *
cast_sql(const IgChange *change)
{
	Oid			old_type = get_atttype(change->rel->relid, change->attnum);
	Oid			new_type = change->type_change->new_base_typid;
	const char *new_sql = change->type_change->new_sql;
	const char *collation;
	Oid			function;

	if (!OidIsValid(old_type) || !OidIsValid(new_type))
		return NULL;

	old_type = getBaseType(old_type);
	if (old_type != new_type &&
		find_coercion_pathway(new_type, old_type, COERCION_EXPLICIT,
							  &function) == COERCION_PATH_NONE)
		return NULL;

	/* the type may come with a collation, which has no place in a cast */
	collation = strstr(new_sql, " COLLATE ");
	if (collation != NULL)
		new_sql = pnstrdup(new_sql, collation - new_sql);
	return psprintf("CAST(%s AS %s)", quote_identifier(change->column), new_sql);
}

/*
 * Drop the indexes, change the type, create them again, both concurrently.
 * Only where nothing but speed depends on them; otherwise nothing is written.
 */
static bool
cure_reindex(IgFinding *finding, const IgChange *change)
{
	const IgRelation *rel = change->rel;
	List	   *indexes = change->impact.indexes;
	ListCell   *lc;

	if (indexes == NIL || change->impact.recheck || change->type_change->new_sql == NULL)
		return false;
	foreach(lc, indexes)
	{
		if (!OidIsValid(replaceable_index(rel, (const char *) lfirst(lc))))
			return false;
	}

	foreach(lc, indexes)
		ig_finding_hint(finding, "DROP INDEX CONCURRENTLY %s;",
						quote_qualified_identifier(rel->schema, (char *) lfirst(lc)));
	ig_finding_hint(finding, "ALTER TABLE %s ALTER COLUMN %s TYPE %s;",
					ig_relation_quoted(rel), quote_identifier(change->column),
					change->type_change->new_sql);
	foreach(lc, indexes)
	{
		char	   *definition =
			pg_get_indexdef_string(replaceable_index(rel, (const char *) lfirst(lc)));

		ig_finding_hint(finding, "CREATE INDEX CONCURRENTLY%s;",
						definition + strlen("CREATE INDEX"));
	}
	return true;
}

/*
 * The OID of an index that can go for a while: of this very table, plain, not
 * unique and not a constraint's.
 */
static Oid
replaceable_index(const IgRelation *rel, const char *name)
{
	Oid			indexid = get_relname_relid(name, get_rel_namespace(rel->relid));
	HeapTuple	tuple;
	Form_pg_index form;
	bool		replaceable;

	if (get_rel_relkind(indexid) != RELKIND_INDEX)
		return InvalidOid;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;

	form = (Form_pg_index) GETSTRUCT(tuple);
	replaceable = form->indrelid == rel->relid && !form->indisunique &&
		!form->indisexclusion && !get_rel_relispartition(indexid);
	ReleaseSysCache(tuple);
	return replaceable ? indexid : InvalidOid;
}

/*
 * Drop the constraints and add them back as NOT VALID in the transaction that
 * changes the type, so that there is no moment without them.  On a guarded
 * table no constraint may be dropped, and the way is the new column.
 */
static bool
cure_recheck(IgFinding *finding, const IgChange *change)
{
	const IgRelation *rel = change->rel;
	const char *table = ig_relation_quoted(rel);
	List	   *constraints = change->impact.constraints;
	List	   *definitions = NIL;
	ListCell   *lc;
	ListCell   *ld;

	if (constraints == NIL || change->impact.reindex || rel->classes != 0 ||
		ig_relation_is_partitioned(rel) || change->type_change->new_sql == NULL)
		return false;
	foreach(lc, constraints)
	{
		char	   *definition = constraint_definition(rel->relid, (const char *) lfirst(lc));

		if (definition == NULL)
			return false;
		definitions = lappend(definitions, definition);
	}

	ig_finding_hint(finding, "BEGIN;");
	foreach(lc, constraints)
		ig_finding_hint(finding, "ALTER TABLE %s DROP CONSTRAINT %s;", table,
						quote_identifier((const char *) lfirst(lc)));
	ig_finding_hint(finding, "ALTER TABLE %s ALTER COLUMN %s TYPE %s;", table,
					quote_identifier(change->column), change->type_change->new_sql);
	forboth(lc, constraints, ld, definitions)
		ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID;", table,
						quote_identifier((const char *) lfirst(lc)), (const char *) lfirst(ld));
	ig_finding_hint(finding, "COMMIT;");
	ig_finding_hint(finding, "-- then, in other transactions:");
	foreach(lc, constraints)
		ig_finding_hint(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;", table,
						quote_identifier((const char *) lfirst(lc)));
	return true;
}

/*
 * Definition of a valid CHECK or FOREIGN KEY of the table itself, or NULL.
 */
static char *
constraint_definition(Oid relid, const char *name)
{
	Oid			conoid = get_relation_constraint_oid(relid, name, true);
	HeapTuple	tuple;
	Form_pg_constraint form;
	bool		suits;

	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	suits = (form->contype == CONSTRAINT_CHECK || form->contype == CONSTRAINT_FOREIGN) &&
		form->convalidated && form->conislocal && form->coninhcount == 0;
	ReleaseSysCache(tuple);

	return suits ? ig_cure_constraint_definition(conoid) : NULL;
}

static void
judge_set_not_null(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->impact.scan)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot set column \"%s\" of %s to NOT NULL because every row would be read",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding, "%s%s.",
					  change->impact.reason ? "All rows are read while reads and writes wait because " :
					  "No validated constraint proves that the column holds no null",
					  change->impact.reason ? change->impact.reason : "");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (change->new_column == NULL)
		ig_cure_not_null(finding, change->rel, change->column);
	else if (change->new_column->type_sql != NULL)
		ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s%s%s NOT NULL;",
						ig_relation_quoted(change->rel), quote_identifier(change->column),
						change->new_column->type_sql,
						change->new_column->default_sql ? " DEFAULT " : "",
						change->new_column->default_sql ? change->new_column->default_sql : "");
}

static void
judge_drop_not_null(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->column == NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "without NOT NULL, column \"%s\" of %s may show nulls to running applications",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Readers that were written for a column that is always filled "
					  "may fail on the first null.");
	ig_finding_hint(finding, "-- change the readers first, and drop NOT NULL when no old version runs");
}

/*
 * A domain's own default takes the place of the one that goes.
 */
static void
judge_drop_default(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	Oid			typid = get_atttype(change->rel->relid, change->attnum);
	IgFinding  *finding;

	if (!change->in_use || (OidIsValid(typid) && get_typdefault(typid) != NULL))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot drop the default of column \"%s\" of %s while it is NOT NULL",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Running applications that leave the column out can no longer insert.");
	ig_finding_hint(finding,
					"-- keep the default until every running version of the application sets the column, or give it another one in the same transaction");
	ig_cure_allow(finding, "when that is so", true);
}

static void
judge_set_expression(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	char	   *type_sql = ig_cure_column_type(change->rel->relid, change->column);
	IgFinding  *finding;

	if (!change->impact.rewrite)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change the expression of column \"%s\" of %s because it would rewrite the table",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding, "All rows and indexes are written anew because %s.",
					  change->impact.reason ? change->impact.reason :
					  "the new expression is computed for each row");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (type_sql == NULL)
		return;

	if (IG_HAS_VIRTUAL_GENERATED)
		ig_finding_hint(finding,
						"-- a new VIRTUAL generated column needs no rewrite; or an ordinary one:");
	ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;", ig_relation_quoted(change->rel),
					quote_identifier(ig_cure_column_name(change->rel, change->column)), type_sql);
	ig_finding_hint(finding,
					"-- let a BEFORE INSERT OR UPDATE trigger compute it, fill the existing rows in batches, and let readers move there");
}

static const IgRule rules[] = {
	{
		.name = "alter-type-rewrite",
		.sqlstate = ERRCODE_IG_ALTER_TYPE_REWRITE,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_type_rewrite,
		.refuses = "a type change that rewrites the table",
		.cure = "a new column, written beside the old one, filled in batches",
	},
	{
		.name = "alter-type-reindex",
		.sqlstate = ERRCODE_IG_ALTER_TYPE_REINDEX,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_type_reindex,
		.refuses = "a type change that keeps the rows but rebuilds an index",
		.cure = "drop the index concurrently, change the type, create the index concurrently",
	},
	{
		.name = "alter-type-recheck",
		.sqlstate = ERRCODE_IG_ALTER_TYPE_RECHECK,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_type_recheck,
		.refuses = "a type change that keeps the rows but checks a CHECK or foreign key again: a scan",
		.cure = "drop the constraint and add it back as NOT VALID in the same transaction, validate later",
	},
	{
		.name = "set-not-null-scan",
		.sqlstate = ERRCODE_IG_SET_NOT_NULL_SCAN,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_NOT_NULL),
		.judge = judge_set_not_null,
		.refuses = "SET NOT NULL that no validated constraint proves: the table is scanned",
		.cure = "CHECK (... IS NOT NULL) NOT VALID, VALIDATE, SET NOT NULL, drop the check",
	},
	{
		.name = "set-expression-rewrite",
		.sqlstate = ERRCODE_IG_SET_EXPRESSION_REWRITE,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_EXPRESSION),
		.judge = judge_set_expression,
		.refuses = "SET EXPRESSION of a stored generated column: the table is rewritten",
		.cure = "a new column, filled in batches",
	},
	{
		.name = "alter-type-narrowing",
		.sqlstate = ERRCODE_IG_ALTER_TYPE_NARROWING,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_type_narrowing,
		.refuses = "a type change to a type that holds fewer values",
		.cure = "a new column, written beside the old one",
	},
	{
		.name = "alter-type-in-use",
		.sqlstate = ERRCODE_IG_ALTER_TYPE_IN_USE,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_type_in_use,
		.refuses = "any other change to another type: cached plans and declared types no longer match",
		.cure = "a new column, written beside the old one",
	},
	{
		.name = "drop-not-null",
		.sqlstate = ERRCODE_IG_DROP_NOT_NULL,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_NOT_NULL),
		.judge = judge_drop_not_null,
		.note = ig_replacement_note_column,
		.acquitted = ig_replacement_has_not_null,
		.refuses = "DROP NOT NULL: running readers may meet nulls",
		.cure = "change the readers first",
	},
	{
		.name = "drop-default-required",
		.sqlstate = ERRCODE_IG_DROP_DEFAULT_REQUIRED,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_DEFAULT),
		.judge = judge_drop_default,
		.note = ig_replacement_note_column,
		.acquitted = ig_replacement_has_default,
		.refuses = "DROP DEFAULT or DROP IDENTITY of a NOT NULL column: running writers that omit it fail",
		.cure = "keep the default until every running version sets the column",
	},
};

const IgRuleSet ig_rules_alter_column = {rules, lengthof(rules)};
