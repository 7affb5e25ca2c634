/*-------------------------------------------------------------------------
 *
 * drop.c
 *	  Rules for what is dropped, and for what makes data go by other ways.
 *
 * Columns and tables are retired first; then the server itself watches whether
 * anybody still uses them.  Of other drops there is no safer form: the cure is
 * to be sure, and to say so by an allowance.  Its hint lists every allowance
 * that the statement needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "model/retirement.h"
#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/replacement.h"
#include "rules/rules.h"

/* How many objects a message names. */
#define MAX_SHOWN	10

static void judge_column(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_column_index(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_table(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_schema(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_database(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_owned(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_matview(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_sequence(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_replace(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_unlogged(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_publication(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_publication_drop(const IgRule *rule, const IgChange *change,
								   IgFindings *findings);
static void judge_view(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_function(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_type(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void detail_derived(IgFinding *finding, const IgChange *change);
static char *victims_text(List *victims);

static void
judge_column(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (ig_retirement_of_change(change) != NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot drop column \"%s\" of %s",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The column was added by an earlier transaction: its data would be gone at once, and applications that still read or write it would fail.");
	if (change->in_use)
		ig_finding_detail(finding, "The table is published, and subscribers keep the column.");
	detail_derived(finding, change);
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_allowance_hint_drop(finding, change);
}

static void
judge_column_index(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;
	int			count = list_length(change->impact.names);

	if (count == 0)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot drop column \"%s\" of %s with %s %s",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 count == 1 ? "index" : "indexes",
							 ig_text_list(change->impact.names, MAX_SHOWN));
	ig_finding_detail(finding,
					  "%s about other columns as well, and would go silently with this one.",
					  count == 1 ? "The index is" : "The indexes are");
	ig_allowance_hint_drop(finding, change);
}

static void
judge_table(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (ig_retirement_of_change(change) != NULL)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot drop %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  change->rel->relkind == RELKIND_FOREIGN_TABLE ?
					  "The foreign table was created by an earlier transaction, and applications that still use it would fail." :
					  "The table was created by an earlier transaction: its rows would be gone at once.");
	if (change->in_use)
		ig_finding_detail(finding, "It is published, and subscribers keep a copy that nobody updates.");
	detail_derived(finding, change);
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_allowance_hint_drop(finding, change);
}

static void
judge_schema(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding = ig_finding_add(findings, rule, change, "cannot drop schema \"%s\"",
										 ig_text_name(change->name));

	ig_finding_detail(finding,
					  "The schema was created by an earlier transaction, and whatever names it would fail.");
	ig_allowance_hint_own(finding, change->sql);
}

static void
judge_database(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	StringInfoData items;
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot %s database \"%s\"",
							 change->new_name ? "rename" : "drop",
							 ig_text_name(change->name));
	ig_finding_detail(finding,
					  "It is guarded: invariant_guard.protected_databases names it, or it has settings of invariant_guard.");

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	if (change->new_name)
		ig_allowance_hint(finding, items.data, change->sql);
	else
		ig_allowance_hint_session(finding, items.data, change->sql);
}

static void
judge_owned(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot drop what role \"%s\" owns",
							 ig_text_name(change->name));
	ig_finding_detail(finding, "In this database that is: %s.",
					  victims_text(change->victims));
	ig_allowance_hint_drop(finding, change);
}

static void
judge_matview(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding = ig_finding_add(findings, rule, change, "cannot drop %s",
										 ig_text_relation(change->rel));

	ig_finding_detail(finding,
					  change->in_use ?
					  "Its readers would fail, and its query must run again to fill another one." :
					  "It is not filled, but was created by an earlier transaction.");
	detail_derived(finding, change);
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_allowance_hint_own(finding, change->sql);
}

static void
judge_sequence(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding = ig_finding_add(findings, rule, change, "cannot drop %s",
										 ig_text_relation(change->rel));

	ig_finding_detail(finding,
					  "How far it has counted is lost with it, and a new one would give the same numbers again.");
	detail_derived(finding, change);
	ig_allowance_hint_own(finding, change->sql);
}

static void
judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	int			count = list_length(change->victims);
	IgFinding  *finding;

	if (count == 0)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot drop %s with CASCADE because it would take along %d other %s",
							 change->identity, count, count == 1 ? "object" : "objects");
	ig_finding_detail(finding, "CASCADE would also drop: %s.", victims_text(change->victims));
	ig_allowance_hint_drop(finding, change);
}

/* "view shop.v, column a of table shop.t and 3 more" */
static char *
victims_text(List *victims)
{
	StringInfoData buf;
	int			shown = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, victims)
	{
		const IgVictim *victim = (const IgVictim *) lfirst(lc);

		if (shown == MAX_SHOWN)
		{
			appendStringInfo(&buf, " and %d more", list_length(victims) - shown);
			break;
		}
		appendStringInfo(&buf, "%s%s", shown > 0 ? ", " : "",
						 victim->description ? ig_text_name(victim->description) :
						 victim->rel ? ig_text_relation(victim->rel) : "");
		shown++;
	}
	return buf.data;
}

static void
detail_derived(IgFinding *finding, const IgChange *change)
{
	if (change->derived)
		ig_finding_detail(finding,
						  "The statement does not name it: it goes with what is named.");
}

static void
judge_replace(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *name = change->kind == IG_RENAME_TABLE ? change->new_name : change->rel->name;
	IgFinding  *finding;

	if (!change->in_use)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot put another table in the place of table \"%s.%s\", which this transaction dropped",
							 ig_text_name(change->rel->schema), ig_text_name(name));
	ig_finding_detail(finding,
					  "Whoever uses the name gets a table without the old one's rows, and perhaps without its privileges, triggers and policies.");
	ig_finding_hint(finding, "-- keep the table and change it by ALTER TABLE");
	ig_cure_allow(finding, "if the old rows are in the new table, or are not needed", true);
}

/*
 * A new table may be what it likes, unless it is of a class by its name.
 */
static void
judge_unlogged(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		create = change->kind == IG_CREATE_TABLE;
	StringInfoData items;
	IgFinding  *finding;

	if (change->new_persistence != RELPERSISTENCE_UNLOGGED ||
		(change->rel->is_new && change->rel->classes == 0))
		return;

	finding = ig_finding_add(findings, rule, change, "cannot %s %s %s",
							 create ? "create" : "make", ig_text_relation(change->rel),
							 create ? "as an unlogged table" : "unlogged");
	ig_finding_detail(finding,
					  "An unlogged table is empty after a crash of the server, and on every standby.");
	if (create)
	{
		ig_finding_hint(finding, "-- leave out UNLOGGED");
		ig_cure_allow(finding, "if its rows may be lost", true);
		return;
	}

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	if (!change->rel->is_new)
		ig_allowance_append(&items, "set-logged", change->rel->schema, change->rel->name, NULL);
	ig_finding_hint(finding, "-- if its rows may be lost:");
	ig_allowance_hint(finding, items.data,
					  psprintf("ALTER TABLE %s SET UNLOGGED", ig_relation_quoted(change->rel)));
}

static void
judge_publication(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "dropping publication \"%s\" stops its subscribers",
							 ig_text_name(change->name));
	ig_finding_detail(finding,
					  "A subscription that names it fails, and its replication slot keeps the write-ahead log from being removed.");
	ig_cure_allow(finding, "when no subscription uses it any more", true);
}

static void
judge_publication_drop(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "taking tables from publication \"%s\" stops their replication",
							 ig_text_name(change->name));
	if (change->victims != NIL)
		ig_finding_detail(finding, "These would no longer be published: %s.",
						  victims_text(change->victims));
	ig_cure_allow(finding, "when no subscriber needs them any more", true);
}

static void
judge_view(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "dropping %s breaks whatever still reads it",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "The view was created by an earlier transaction.");
	ig_finding_hint(finding, "-- create it again in the same transaction, with the same columns and grants");
	ig_cure_allow(finding, "or, when nothing reads it any more", true);
}

static void
judge_function(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "dropping %s breaks whatever still calls it", change->identity);
	ig_finding_detail(finding, "It was created by an earlier transaction.");
	ig_finding_hint(finding, "-- create it again in the same transaction, with the same signature and grants");
	ig_cure_allow(finding, "or, when nothing calls it any more", true);
}

static void
judge_type(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "dropping %s breaks whatever still uses it", change->identity);
	ig_finding_detail(finding, "It was created by an earlier transaction.");
	ig_cure_allow(finding, "when nothing uses it any more", true);
}

static const IgRule rules[] = {
	{
		.name = "drop-column",
		.sqlstate = ERRCODE_IG_DROP_COLUMN,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_COLUMN),
		.judge = judge_column,
		.refuses = "DROP COLUMN of a column that an earlier transaction added and that is not retired",
		.cure = "retire_column(), wait, drop",
	},
	{
		.name = "drop-column-index",
		.sqlstate = ERRCODE_IG_DROP_COLUMN_INDEX,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_COLUMN),
		.judge = judge_column_index,
		.refuses = "DROP COLUMN that silently drops an index over other columns too",
		.cure = "build the replacement index first, then an allowance",
	},
	{
		.name = "drop-table",
		.sqlstate = ERRCODE_IG_DROP_TABLE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_TABLE),
		.judge = judge_table,
		.refuses = "DROP TABLE of an existing table that is not retired, also by CASCADE, DROP SCHEMA or DROP EXTENSION",
		.cure = "retire_table(), wait, drop",
	},
	{
		.name = "drop-schema",
		.sqlstate = ERRCODE_IG_DROP_SCHEMA,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_SCHEMA),
		.judge = judge_schema,
		.refuses = "DROP SCHEMA of an existing schema",
		.cure = "drop its contents first, then an allowance",
	},
	{
		.name = "drop-database",
		.sqlstate = ERRCODE_IG_DROP_DATABASE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_DATABASE),
		.judge = judge_database,
		.refuses = "DROP or RENAME of a guarded database, from anywhere on the server",
		.cure = "an allowance, by SET, since it runs outside of a transaction block",
	},
	{
		.name = "drop-owned",
		.sqlstate = ERRCODE_IG_DROP_OWNED,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_OWNED),
		.judge = judge_owned,
		.new_too = true,
		.refuses = "DROP OWNED BY a role that owns existing objects",
		.cure = "REASSIGN OWNED, or explicit drops",
	},
	{
		.name = "drop-materialized-view",
		.sqlstate = ERRCODE_IG_DROP_MATERIALIZED_VIEW,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_MATVIEW),
		.judge = judge_matview,
		.refuses = "DROP MATERIALIZED VIEW of an existing one",
		.cure = "an allowance, when nothing reads it any more",
	},
	{
		.name = "drop-sequence",
		.sqlstate = ERRCODE_IG_DROP_SEQUENCE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_SEQUENCE),
		.judge = judge_sequence,
		.refuses = "DROP SEQUENCE of an existing one: how far it has counted is lost",
		.cure = "an allowance, when nothing takes numbers from it any more",
	},
	{
		.name = "drop-cascade",
		.sqlstate = ERRCODE_IG_DROP_CASCADE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_CASCADE),
		.judge = judge_cascade,
		.new_too = true,
		.refuses = "any DROP ... CASCADE that takes along existing objects, which are listed",
		.cure = "drop them one by one, explicitly",
	},
	{
		.name = "replace-table",
		.sqlstate = ERRCODE_IG_REPLACE_TABLE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_CREATE_TABLE) | IG_KIND(IG_RENAME_TABLE),
		.judge = judge_replace,
		.new_too = true,
		.refuses = "a table dropped, and another one put under its name in the same transaction",
		.cure = "ALTER TABLE on the existing table",
	},
	{
		.name = "unlogged-table",
		.sqlstate = ERRCODE_IG_UNLOGGED_TABLE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_PERSISTENCE) | IG_KIND(IG_CREATE_TABLE),
		.judge = judge_unlogged,
		.new_too = true,
		.refuses = "SET UNLOGGED; CREATE UNLOGGED TABLE of a financial or protected name",
		.cure = "keep the table logged",
	},
	{
		.name = "drop-publication",
		.sqlstate = ERRCODE_IG_DROP_PUBLICATION,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_PUBLICATION),
		.judge = judge_publication,
		.refuses = "DROP PUBLICATION: subscribers stop",
		.cure = "drop the subscriptions first",
	},
	{
		.name = "alter-publication-drop",
		.sqlstate = ERRCODE_IG_ALTER_PUBLICATION_DROP,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_ALTER_PUBLICATION_DROP),
		.judge = judge_publication_drop,
		.refuses = "ALTER PUBLICATION that takes tables out: their replication stops",
		.cure = "move the subscribers first",
	},
	{
		.name = "drop-view",
		.sqlstate = ERRCODE_IG_DROP_VIEW,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_VIEW),
		.judge = judge_view,
		.note = ig_replacement_note_relation,
		.acquitted = ig_replacement_has_relation,
		.refuses = "DROP VIEW of an existing view, unless one with its name, columns and grants is there when the transaction commits",
		.cure = "move its readers first",
	},
	{
		.name = "drop-function",
		.sqlstate = ERRCODE_IG_DROP_FUNCTION,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_FUNCTION),
		.judge = judge_function,
		.note = ig_replacement_note_function,
		.acquitted = ig_replacement_has_function,
		.refuses = "DROP FUNCTION, PROCEDURE or AGGREGATE of an existing one, unless one of the same signature and grants is there when the transaction commits",
		.cure = "move its callers first",
	},
	{
		.name = "drop-type",
		.sqlstate = ERRCODE_IG_DROP_TYPE,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_DROP_TYPE),
		.judge = judge_type,
		.refuses = "DROP TYPE or DROP DOMAIN of an existing one",
		.cure = "move its users first",
	},
};

const IgRuleSet ig_rules_drop = {rules, lengthof(rules)};
