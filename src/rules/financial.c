/*-------------------------------------------------------------------------
 *
 * financial.c
 *	  Rules for financial tables.
 *
 * Some of them say the same as a rule for all tables, but no setting lowers
 * them: they replace the other's finding.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/rules.h"

/* How many paths a message shows. */
#define MAX_PATHS	5

static void judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_cascade_any(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_nullable(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_float(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_truncate(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_rename(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_trigger(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_rls(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_owner(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_grant(const IgRule *rule, const IgChange *change, IgFindings *findings);
static bool is_financial(const IgChange *change);
static List *financial_paths(const IgChange *change);
static void detail_paths(IgFinding *finding, List *paths);
static void hint_plain_key(IgFinding *finding, const IgChange *change);
static char *plain_key(const char *definition);
static const char *find_unquoted(const char *sql, const char *what);
static bool is_float(Oid typid);

static bool
is_financial(const IgChange *change)
{
	return change->rel != NULL && ig_relation_is_financial(change->rel);
}

/*
 * The paths of the change that end in a financial table.
 */
static List *
financial_paths(const IgChange *change)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, change->paths)
	{
		IgCascadePath *path = (IgCascadePath *) lfirst(lc);

		if (ig_relation_is_financial(path->target))
			result = lappend(result, path);
	}
	return result;
}

static void
judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	List	   *paths = financial_paths(change);
	const IgCascadePath *first;
	IgFinding  *finding;

	if (paths == NIL)
		return;

	first = (const IgCascadePath *) linitial(paths);
	if (change->kind == IG_ATTACH_PARTITION)
		finding = ig_finding_add(findings, rule, change,
								 "cannot attach %s because by its foreign keys a %s would reach financial %s",
								 ig_text_relation(change->rel),
								 first->via_update ? "key update" : "delete",
								 ig_text_relation(first->target));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot add a foreign key to %s by which a %s would reach financial %s",
								 ig_text_relation(change->rel),
								 first->via_update ? "key update" : "delete",
								 ig_text_relation(first->target));
	ig_finding_detail(finding,
					  "One statement on another table would delete or change rows that must stay as they are.");
	detail_paths(finding, paths);
	hint_plain_key(finding, change);
	ig_cure_allow(finding, "or, if the rows may go with the others", true);
}

/*
 * Where the cascade reaches no financial table, how far it reaches may still
 * surprise.
 */
static void
judge_cascade_any(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	double		rows = 0;
	int			tables = 0;
	ListCell   *lc;
	IgFinding  *finding;

	if (change->paths == NIL || financial_paths(change) != NIL)
		return;

	foreach(lc, change->paths)
	{
		IgRelation *target = ((IgCascadePath *) lfirst(lc))->target;

		ig_relation_measure(target);
		rows += target->rows;
		tables++;
	}

	finding = ig_finding_add(findings, rule, change,
							 "the foreign key on %s lets a change of one row reach %d %s",
							 ig_text_relation(change->rel), tables,
							 tables == 1 ? "table" : "tables");
	ig_finding_detail(finding, "Together they hold about %.0f rows.", rows);
	detail_paths(finding, change->paths);
	hint_plain_key(finding, change);
}

static void
detail_paths(IgFinding *finding, List *paths)
{
	StringInfoData buf;
	int			shown = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, paths)
	{
		const IgCascadePath *path = (const IgCascadePath *) lfirst(lc);

		if (shown == MAX_PATHS)
		{
			appendStringInfo(&buf, "; and %d more", list_length(paths) - shown);
			break;
		}
		appendStringInfo(&buf, "%s%s (%s)", shown > 0 ? "; " : "",
						 ig_text_name(path->path), path->action);
		shown++;
	}
	ig_finding_detail(finding, "%s: %s.", list_length(paths) == 1 ? "Path" : "Paths", buf.data);
}

/*
 * The same key without the actions: then whoever deletes must say what becomes
 * of the rows that reference it.
 */
static void
hint_plain_key(IgFinding *finding, const IgChange *change)
{
	const IgRelation *rel = change->rel;
	const IgConstraintSpec *key = change->constraint;
	char	   *definition;
	char	   *name;

	if (change->kind == IG_ATTACH_PARTITION)
	{
		ig_finding_hint(finding,
						"-- first replace the foreign keys of the partition and of its parent by keys without ON DELETE and ON UPDATE");
		return;
	}
	if (key == NULL && change->new_column != NULL && change->new_column->references != NIL)
		key = (const IgConstraintSpec *) linitial(change->new_column->references);

	definition = key && key->definition ? plain_key(key->definition) : NULL;
	if (!OidIsValid(rel->relid) || definition == NULL ||
		(ig_relation_is_partitioned(rel) && !IG_FK_NOT_VALID_PARTITIONED) ||
		(change->kind == IG_ADD_COLUMN && change->new_column->type_sql == NULL))
	{
		ig_finding_hint(finding, "-- leave out ON DELETE and ON UPDATE%s%s",
						definition ? ": " : "", definition ? ig_text_name(definition) : "");
		return;
	}

	if (change->kind == IG_ADD_COLUMN)
		ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;", ig_relation_quoted(rel),
						quote_identifier(change->column), change->new_column->type_sql);
	name = key->name;
	if (name == NULL)
		name = ig_cure_constraint_name(rel, key->columns ? linitial(key->columns) : NULL, "fkey");
	ig_cure_add_constraint(finding, rel, name, definition);
}

/*
 * The definition without its actions, which stand between what the key
 * references and how it may be deferred.
 */
static char *
plain_key(const char *definition)
{
	const char *on_update = find_unquoted(definition, " ON UPDATE ");
	const char *on_delete = find_unquoted(definition, " ON DELETE ");
	const char *start = on_update;
	const char *end;

	if (start == NULL || (on_delete != NULL && on_delete < start))
		start = on_delete;
	if (start == NULL)
		return pstrdup(definition);

	end = find_unquoted(start, " DEFERRABLE");
	if (end == NULL)
		end = find_unquoted(start, " INITIALLY ");
	return psprintf("%.*s%s", (int) (start - definition), definition, end ? end : "");
}

/* Where the words stand outside of double quotes, or NULL. */
static const char *
find_unquoted(const char *sql, const char *what)
{
	bool		quoted = false;
	size_t		length = strlen(what);

	for (const char *c = sql; *c != '\0'; c++)
	{
		if (*c == '"')
			quoted = !quoted;
		else if (!quoted && strncmp(c, what, length) == 0)
			return c;
	}
	return NULL;
}

static void
judge_nullable(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgConstraintSpec *key = change->constraint;
	List	   *nullable = NIL;
	IgFinding  *finding;

	if (!is_financial(change))
		return;

	if (change->kind == IG_ADD_COLUMN)
	{
		if (change->new_column->references != NIL && !change->new_column->not_null)
			nullable = list_make1(unconstify(char *, change->column));
	}
	else if (key != NULL && key->contype == CONSTRAINT_FOREIGN)
		nullable = key->nullable;
	if (nullable == NIL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "the foreign key on %s lets rows of financial %s reference nothing",
							 ig_text_list(nullable, MAX_PATHS), ig_text_relation(change->rel));
	ig_finding_detail(finding, "A row with NULL in a referencing column belongs to nobody, and no key is checked.");
	if (!OidIsValid(change->rel->relid) || change->kind == IG_ADD_COLUMN ||
		list_length(nullable) != 1)
	{
		ig_finding_hint(finding, "-- make each referencing column NOT NULL");
		return;
	}
	ig_cure_not_null(finding, change->rel, linitial(nullable));
}

static bool
is_float(Oid typid)
{
	return typid == FLOAT4OID || typid == FLOAT8OID;
}

static void
judge_float(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *table;
	const char *column;
	IgFinding  *finding;

	if (!is_financial(change))
		return;
	if (change->kind == IG_ADD_COLUMN ? !is_float(change->new_column->base_typid) :
		change->type_change == NULL || !is_float(change->type_change->new_base_typid))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot %s column \"%s\" of financial %s %s floating point",
							 change->kind == IG_ADD_COLUMN ? "add" : "change",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 change->kind == IG_ADD_COLUMN ? "as" : "to");
	ig_finding_detail(finding,
					  "Floating point numbers are not exact: sums depend on the order of the rows, and 0.1 has no value of its own.");

	table = ig_relation_quoted(change->rel);
	column = quote_identifier(change->column);
	if (change->kind == IG_ADD_COLUMN && OidIsValid(change->rel->relid) && !change->derived)
		ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s numeric;", table, column);
	else
		ig_finding_hint(finding, "-- numeric, or a whole number of the smallest unit in a bigint");
}

static void
judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!is_financial(change))
		return;

	if (change->kind == IG_DROP_COLUMN)
		finding = ig_finding_add(findings, rule, change,
								 "cannot drop column \"%s\" of financial %s",
								 ig_text_name(change->column), ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change, "cannot drop financial %s",
								 ig_text_relation(change->rel));
	ig_finding_detail(finding, "No setting lowers this rule.");
	if (change->derived)
		ig_finding_detail(finding, "The statement does not name it: it goes with what is named.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_allowance_hint_drop(finding, change);
}

static void
judge_truncate(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!is_financial(change))
		return;

	finding = ig_finding_add(findings, rule, change, "cannot truncate financial %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  change->derived ?
					  "The statement does not name it: TRUNCATE reaches it by CASCADE, or as a part of a named table." :
					  "All rows would be gone at once, and no setting lowers this rule.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);

	/* what was reached by CASCADE is referenced and cannot be emptied alone */
	if (change->derived)
		ig_cure_allow(finding, "or, if TRUNCATE is what is meant", true);
	else
		ig_allowance_hint_own(finding, change->sql);
}

static void
judge_rename(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *what;
	const char *sql;
	const char *table;
	IgFinding  *finding;

	if (!is_financial(change) || change->new_name == NULL)
		return;

	table = ig_relation_quoted(change->rel);
	if (change->kind == IG_RENAME_COLUMN)
	{
		what = psprintf("rename column \"%s\" of", ig_text_name(change->column));
		sql = psprintf("ALTER TABLE %s RENAME COLUMN %s TO %s", table,
					   quote_identifier(change->column), quote_identifier(change->new_name));
	}
	else if (change->kind == IG_RENAME_TABLE)
	{
		what = "rename";
		sql = psprintf("ALTER TABLE %s RENAME TO %s", table, quote_identifier(change->new_name));
	}
	else
	{
		what = "move";
		sql = psprintf("ALTER TABLE %s SET SCHEMA %s", table, quote_identifier(change->new_name));
	}

	finding = ig_finding_add(findings, rule, change, "cannot %s financial %s%s",
							 what, ig_text_relation(change->rel),
							 change->kind == IG_SET_SCHEMA ? " to another schema" : "");
	ig_finding_detail(finding,
					  "Applications, reports and reconciliation jobs that use the old name would fail, and patterns in invariant_guard.financial_tables no longer match it.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_allowance_hint_own(finding, change->derived ? NULL : sql);
}

static void
judge_type(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgTypeChange *type = change->type_change;
	const char *old_sql;
	const char *new_sql;
	IgFinding  *finding;

	if (!is_financial(change))
		return;
	if (change->kind == IG_CHANGE_STORED_TYPE)
	{
		finding = ig_finding_add(findings, rule, change,
								 "cannot %s of column \"%s\" of financial %s",
								 change->new_name, ig_text_name(change->column),
								 ig_text_relation(change->rel));
		ig_finding_detail(finding,
						  "No row is touched, and yet the rows that are stored would say something else, or new ones might.");
		ig_allowance_hint_own(finding, NULL);
		return;
	}
	if (type == NULL)
		return;

	old_sql = type->old_sql ? type->old_sql : "?";
	new_sql = type->new_sql ? type->new_sql : "?";
	finding = ig_finding_add(findings, rule, change,
							 "cannot change column \"%s\" of financial %s from %s to %s",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 ig_text_name(old_sql), ig_text_name(new_sql));
	ig_finding_detail(finding,
					  type->narrowing ?
					  "The new type holds fewer values: amounts could be rounded or cut." :
					  "Every value is converted in place, and what was stored before can no longer be compared.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);

	if (type->new_sql != NULL && !is_float(type->new_base_typid) && !change->derived)
		ig_finding_hint(finding,
						"ALTER TABLE %s ADD COLUMN %s %s;\n"
						"-- write both columns, fill the new one in batches and compare, then move the readers",
						ig_relation_quoted(change->rel),
						quote_identifier(ig_cure_column_name(change->rel, change->column)),
						type->new_sql);
	ig_cure_allow(finding, "or, if the values may be converted in place", true);
}

/*
 * A trigger that this very transaction made has guarded nothing yet.
 */
static void
judge_trigger(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *name = change->name ? change->name : "";
	bool		group = strcmp(name, "ALL") == 0 || strcmp(name, "USER") == 0;
	bool		dropped = change->address.classId == TriggerRelationId;
	IgFinding  *finding;

	if (!is_financial(change) || change->is_new)
		return;

	if (change->new_name != NULL)
		finding = ig_finding_add(findings, rule, change, "cannot %s of financial %s",
								 change->new_name, ig_text_relation(change->rel));
	else if (group && !dropped)
		finding = ig_finding_add(findings, rule, change,
								 "cannot disable %s triggers of financial %s",
								 strcmp(name, "ALL") == 0 ? "all" : "the user's",
								 ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot %s trigger \"%s\" of financial %s",
								 dropped ? "drop" : "disable", ig_text_name(name),
								 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Triggers keep the table's rows as they must be, and write what is kept about them elsewhere; rows that pass meanwhile are not seen again.");
	ig_allowance_hint_own(finding,
						  dropped || change->sql || change->new_name ? change->sql :
						  psprintf("ALTER TABLE %s DISABLE TRIGGER %s",
								   ig_relation_quoted(change->rel),
								   group ? name : quote_identifier(name)));
}

static void
judge_rls(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!is_financial(change) || change->is_new)
		return;

	if (change->new_name != NULL)
		finding = ig_finding_add(findings, rule, change, "cannot %s of financial %s",
								 change->new_name, ig_text_relation(change->rel));
	else if (change->name != NULL)
		finding = ig_finding_add(findings, rule, change,
								 "cannot drop policy \"%s\" of financial %s",
								 ig_text_name(change->name), ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot loosen row security of financial %s",
								 ig_text_relation(change->rel));
	ig_finding_detail(finding, "Who may see and change which of its rows would be different at once.");
	ig_allowance_hint_own(finding, change->sql);
}

static void
judge_owner(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!is_financial(change) || change->new_name == NULL)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot give financial %s to role \"%s\"",
							 ig_text_relation(change->rel), ig_text_name(change->new_name));
	ig_finding_detail(finding,
					  "An owner may do anything with a table, and the old owner loses what it may do as such.");
	ig_allowance_hint_own(finding, psprintf("ALTER TABLE %s OWNER TO %s",
											ig_relation_quoted(change->rel),
											quote_identifier(change->new_name)));
}

static void
judge_grant(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!is_financial(change))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot grant privileges on financial %s to everybody",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "PUBLIC is every role there is and every role to come.");
	ig_finding_hint(finding, "-- grant to the roles that need it, by name");
	ig_cure_allow(finding, "or, if everybody may", true);
}

static const char *const replaced_by_drop[] = {
	"drop-table", "drop-column", "drop-materialized-view", "drop-too-early", NULL
};
static const char *const replaced_by_truncate[] = {"truncate", "truncate-cascade", NULL};
static const char *const replaced_by_rename[] = {
	"rename-column", "rename-table", "set-schema", NULL
};
static const char *const replaced_by_type[] = {
	"alter-type-in-use", "alter-type-narrowing", NULL
};

static const IgRule rules[] = {
	{
		.name = "cascade-financial",
		.sqlstate = ERRCODE_IG_CASCADE_FINANCIAL,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT) | IG_KIND(IG_ADD_COLUMN) |
			IG_KIND(IG_ATTACH_PARTITION),
		.judge = judge_cascade,
		.new_too = true,
		.fixed = true,
		.refuses = "a foreign key by whose actions a delete or key update elsewhere reaches a financial table, at any depth",
		.cure = "the same key without ON DELETE and ON UPDATE",
	},
	{
		.name = "cascade-any",
		.sqlstate = ERRCODE_IG_CASCADE_ANY,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT) | IG_KIND(IG_ADD_COLUMN) |
			IG_KIND(IG_ATTACH_PARTITION),
		.judge = judge_cascade_any,
		.refuses = "the same where other tables are reached; how many, and their rows, are told",
		.cure = "the same key without ON DELETE and ON UPDATE",
	},
	{
		.name = "financial-nullable-reference",
		.sqlstate = ERRCODE_IG_FINANCIAL_NULLABLE_REFERENCE,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_ADD_CONSTRAINT) | IG_KIND(IG_ADD_COLUMN),
		.judge = judge_nullable,
		.new_too = true,
		.fixed = true,
		.refuses = "a foreign key of a financial table over a nullable column",
		.cure = "make the column NOT NULL",
	},
	{
		.name = "financial-float",
		.sqlstate = ERRCODE_IG_FINANCIAL_FLOAT,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_COLUMN) | IG_KIND(IG_ALTER_COLUMN_TYPE),
		.judge = judge_float,
		.new_too = true,
		.fixed = true,
		.refuses = "a real or double precision column of a financial table",
		.cure = "numeric, or whole cents in a bigint",
	},
	{
		.name = "financial-drop",
		.sqlstate = ERRCODE_IG_FINANCIAL_DROP,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_TABLE) | IG_KIND(IG_DROP_COLUMN) | IG_KIND(IG_DROP_MATVIEW),
		.judge = judge_drop,
		.new_too = true,
		.fixed = true,
		.replaces = replaced_by_drop,
		.refuses = "DROP of a financial table or of one of its columns, by whatever way",
		.cure = "an allowance",
	},
	{
		.name = "financial-truncate",
		.sqlstate = ERRCODE_IG_FINANCIAL_TRUNCATE,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_TRUNCATE),
		.judge = judge_truncate,
		.new_too = true,
		.fixed = true,
		.replaces = replaced_by_truncate,
		.refuses = "TRUNCATE of a financial table, named or reached by CASCADE",
		.cure = "an allowance",
	},
	{
		.name = "financial-rename",
		.sqlstate = ERRCODE_IG_FINANCIAL_RENAME,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RENAME_COLUMN) | IG_KIND(IG_RENAME_TABLE) | IG_KIND(IG_SET_SCHEMA),
		.judge = judge_rename,
		.new_too = true,
		.fixed = true,
		.replaces = replaced_by_rename,
		.refuses = "a financial table or its column renamed, or moved to another schema",
		.cure = "an allowance",
	},
	{
		.name = "financial-type",
		.sqlstate = ERRCODE_IG_FINANCIAL_TYPE,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ALTER_COLUMN_TYPE) | IG_KIND(IG_CHANGE_STORED_TYPE),
		.judge = judge_type,
		.new_too = true,
		.fixed = true,
		.replaces = replaced_by_type,
		.refuses = "another type for a financial table's column, or a change of its type by which the values that are stored say something else",
		.cure = "a new column beside the old one",
	},
	{
		.name = "financial-disable-trigger",
		.sqlstate = ERRCODE_IG_FINANCIAL_DISABLE_TRIGGER,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DISABLE_TRIGGER),
		.judge = judge_trigger,
		.new_too = true,
		.fixed = true,
		.refuses = "a trigger or rule of a financial table disabled, weakened, replaced or dropped, its function changed, or writes redirected by a rule",
		.cure = "an allowance",
	},
	{
		.name = "financial-disable-rls",
		.sqlstate = ERRCODE_IG_FINANCIAL_DISABLE_RLS,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DISABLE_RLS),
		.judge = judge_rls,
		.new_too = true,
		.fixed = true,
		.refuses = "row security of a financial table disabled, one of its policies altered or dropped or their function changed, or one more permissive policy",
		.cure = "an allowance",
	},
	{
		.name = "financial-owner",
		.sqlstate = ERRCODE_IG_FINANCIAL_OWNER,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_CHANGE_OWNER),
		.judge = judge_owner,
		.new_too = true,
		.fixed = true,
		.refuses = "a new owner of a financial table, by REASSIGN OWNED too",
		.cure = "an allowance",
	},
	{
		.name = "financial-grant-public",
		.sqlstate = ERRCODE_IG_FINANCIAL_GRANT_PUBLIC,
		.family = IG_FAMILY_FINANCIAL,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_GRANT_PUBLIC),
		.judge = judge_grant,
		.new_too = true,
		.fixed = true,
		.refuses = "privileges on a financial table granted to PUBLIC",
		.cure = "GRANT to the roles that need it, by name",
	},
};

const IgRuleSet ig_rules_financial = {rules, lengthof(rules)};
