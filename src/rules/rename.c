/*-------------------------------------------------------------------------
 *
 * rename.c
 *	  Rules for names that the running application uses.
 *
 * No two names of an application change at one moment in the database and in
 * all of its processes.  So the cure is always a time with both names: a view
 * under the new name, a column under the new name, a second enum value.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/lsyscache.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/replacement.h"
#include "rules/rules.h"

#define MAX_NAMES	5

static void judge_column(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_table(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_schema(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_set_schema(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_enum_value(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_object(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_suspects(const IgRule *rule, const IgChange *change, IgFindings *findings);
static bool is_selectable(const IgRelation *rel);
static void cure_facade(IgFinding *finding, const IgRelation *rel,
						const char *schema, const char *name);

static void
judge_column(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgRelation *rel = change->rel;
	char	   *type_sql = ig_cure_column_type(rel->relid, change->column);
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot rename column \"%s\" of %s to \"%s\"",
							 ig_text_name(change->column), ig_text_relation(rel),
							 ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that use the old name fail from that moment on.");
	if (type_sql == NULL)
		return;

	if (rel->relkind == RELKIND_RELATION || rel->relkind == RELKIND_PARTITIONED_TABLE ||
		rel->relkind == RELKIND_FOREIGN_TABLE)
		ig_cure_new_column(finding, rel, change->column, change->new_name, type_sql,
						   quote_identifier(change->column));
	else if (rel->relkind == RELKIND_COMPOSITE_TYPE)
		ig_finding_hint(finding, "ALTER TYPE %s ADD ATTRIBUTE %s %s;",
						ig_relation_quoted(rel), quote_identifier(change->new_name), type_sql);
	else
		ig_finding_hint(finding,
						"-- let the view have the column under both names, the new one as its last column, until no old version runs");
}

/* Can a view stand before it? */
static bool
is_selectable(const IgRelation *rel)
{
	switch (rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
			return true;
		default:
			return false;
	}
}

/*
 * A view under the new name.  Over a table it can be written to as the table
 * can.
 */
static void
cure_facade(IgFinding *finding, const IgRelation *rel, const char *schema, const char *name)
{
	if (!is_selectable(rel))
	{
		ig_finding_hint(finding, "-- there is no way to have both names for a time");
		ig_cure_allow(finding, "when no running version uses the old name", true);
		return;
	}

	ig_finding_hint(finding, "-- both names for a time; the view can be written to as the table can:");
	ig_finding_hint(finding, "CREATE VIEW %s AS SELECT * FROM %s;",
					quote_qualified_identifier(schema, name), ig_relation_quoted(rel));
	ig_finding_hint(finding, "-- then let all readers and writers move to the new name");
}

static void
judge_table(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot rename %s to \"%s\"",
							 ig_text_relation(change->rel), ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that use the old name fail from that moment on.");
	cure_facade(finding, change->rel, change->rel->schema, change->new_name);
	if (is_selectable(change->rel))
		ig_finding_hint(finding, "-- or rename it, and leave a view with the old name, its columns and its grants in the same transaction");
}

static void
judge_schema(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot rename schema \"%s\" to \"%s\"",
							 ig_text_name(change->name), ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that name the schema, in queries or in search_path, fail from that moment on.");
	ig_finding_hint(finding, "-- both names for a time, with a view for each table:");
	ig_finding_hint(finding, "CREATE SCHEMA %s;", quote_identifier(change->new_name));
	ig_finding_hint(finding, "-- CREATE VIEW %s.<name> AS SELECT * FROM %s.<name>",
					ig_text_name(quote_identifier(change->new_name)),
					ig_text_name(quote_identifier(change->name)));
}

static void
judge_set_schema(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot move %s to schema \"%s\"",
							 change->rel ? ig_text_relation(change->rel) :
							 ig_text_name(change->identity ? change->identity : "object"),
							 ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that name the old schema, or do not have the new one in search_path, fail from that moment on.");
	if (change->rel)
	{
		cure_facade(finding, change->rel, change->new_name, change->rel->name);
		if (is_selectable(change->rel))
			ig_finding_hint(finding, "-- or move it, and leave a view in the old schema, with its columns and its grants, in the same transaction");
	}
	else
	{
		ig_finding_hint(finding, "-- create it in the new schema as well, and drop the old one when no old version runs");
		ig_cure_allow(finding, "or, when no running version uses the old name", true);
	}
}

static void
judge_enum_value(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot rename value \"%s\" of type \"%s\" to \"%s\"",
							 ig_text_name(change->name), ig_text_name(change->identity),
							 ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that write or compare the old value fail from that moment on.");
	ig_finding_hint(finding, "ALTER TYPE %s ADD VALUE %s AFTER %s;", change->identity,
					quote_literal_cstr(change->new_name), quote_literal_cstr(change->name));
	ig_finding_hint(finding,
					"-- then, in later transactions: let readers accept both, let writers move to the new value, and update the rows in batches");
}

/*
 * The server keeps no record of what the text of a function names, so this can
 * only be a guess, and says so.
 */
/*
 * As with a drop, the server tracks what leans on the object, but not the
 * statements that name it.
 */
static void
judge_object(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "%s is renamed to \"%s\"",
							 ig_text_name(change->identity), ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "Running applications that use the old name fail from that moment on.");
}

static void
judge_suspects(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *what;
	IgFinding  *finding;
	ListCell   *lc;
	StringInfoData names;

	if (change->suspects == NIL)
		return;

	if (change->rel && change->column)
		what = psprintf("column \"%s\" of %s", ig_text_name(change->column),
						ig_text_relation(change->rel));
	else if (change->rel)
		what = ig_text_relation(change->rel);
	else
		what = ig_text_name(change->identity ? change->identity :
							change->name ? change->name : "object");

	finding = ig_finding_add(findings, rule, change,
							 "%s seems to be named by functions, which would fail at their next call", what);
	ig_finding_detail(finding,
					  "This is a guess: the name stands in the source text of %s, which the server does not track.",
					  ig_text_list(change->suspects, MAX_NAMES));

	initStringInfo(&names);
	foreach(lc, change->suspects)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	ig_finding_hint(finding, "-- look at their text, and change it first if need be:");
	ig_finding_hint(finding,
					"SELECT p.oid::regprocedure, p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname || '.' || p.proname IN (%s);",
					names.data);
}

static const IgRule rules[] = {
	{
		.name = "rename-column",
		.sqlstate = ERRCODE_IG_RENAME_COLUMN,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RENAME_COLUMN),
		.judge = judge_column,
		.refuses = "RENAME COLUMN of a table, view or composite type",
		.cure = "a column under the new name, written beside the old one",
	},
	{
		.name = "rename-table",
		.sqlstate = ERRCODE_IG_RENAME_TABLE,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RENAME_TABLE),
		.judge = judge_table,
		.note = ig_replacement_note_relation,
		.acquitted = ig_replacement_has_relation,
		.refuses = "RENAME of a table, view, materialized view or sequence, unless a view has the old name when the transaction commits",
		.cure = "a view under the new name, until nobody uses the old one",
	},
	{
		.name = "rename-schema",
		.sqlstate = ERRCODE_IG_RENAME_SCHEMA,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RENAME_SCHEMA),
		.judge = judge_schema,
		.refuses = "ALTER SCHEMA ... RENAME",
		.cure = "a schema under the new name, with views",
	},
	{
		.name = "set-schema",
		.sqlstate = ERRCODE_IG_SET_SCHEMA,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_SCHEMA),
		.judge = judge_set_schema,
		.note = ig_replacement_note_relation,
		.acquitted = ig_replacement_has_relation,
		.refuses = "SET SCHEMA of a table, view, sequence, type or function, unless a view has the table's old name when the transaction commits",
		.cure = "a view in the new schema, until nobody uses the old name",
	},
	{
		.name = "rename-enum-value",
		.sqlstate = ERRCODE_IG_RENAME_ENUM_VALUE,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RENAME_ENUM_VALUE),
		.judge = judge_enum_value,
		.refuses = "ALTER TYPE ... RENAME VALUE",
		.cure = "add the new value, move writers and rows",
	},
	{
		.name = "rename-object",
		.sqlstate = ERRCODE_IG_RENAME_OBJECT,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_RENAME_OBJECT),
		.judge = judge_object,
		.refuses = "RENAME of a type, domain or function",
		.cure = "one under the new name beside the old one",
	},
	{
		.name = "string-function-reference",
		.sqlstate = ERRCODE_IG_STRING_FUNCTION_REFERENCE,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_RENAME_COLUMN) | IG_KIND(IG_RENAME_TABLE) |
		IG_KIND(IG_RENAME_SCHEMA) | IG_KIND(IG_SET_SCHEMA) |
		IG_KIND(IG_RENAME_ENUM_VALUE) | IG_KIND(IG_DROP_COLUMN) |
		IG_KIND(IG_DROP_TABLE) | IG_KIND(IG_DROP_MATVIEW) | IG_KIND(IG_DROP_VIEW) |
		IG_KIND(IG_DROP_SEQUENCE) | IG_KIND(IG_DROP_FUNCTION) | IG_KIND(IG_DROP_TYPE),
		.judge = judge_suspects,
		.refuses = "a rename or drop of what the text of a function seems to name (a guess)",
		.cure = "change the function first",
	},
};

const IgRuleSet ig_rules_rename = {rules, lengthof(rules)};
