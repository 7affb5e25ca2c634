/*-------------------------------------------------------------------------
 *
 * truncate.c
 *	  Rules for TRUNCATE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"

#include "model/row_rule.h"
#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/rules.h"

/* How many rows the hint deletes at a time. */
#define BATCH_ROWS	10000

static void judge_truncate(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void hint(IgFinding *finding, const IgChange *change);
static void hint_delete(IgFinding *finding, const IgRelation *rel, bool among_others);
static bool is_soft_deleted(Oid relid);

static void
judge_truncate(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->derived)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot truncate %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "All rows would be gone at once: no trigger on rows sees them, and readers wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	hint(finding, change);
}

static void
judge_cascade(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->derived)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot truncate %s, which is not named",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "TRUNCATE reaches it by CASCADE, or as a part of a named table, and all its rows would be gone.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	hint(finding, change);
}

/*
 * One change of the statement bears the tables of all.
 */
static void
hint(IgFinding *finding, const IgChange *change)
{
	bool		among_others = list_length(change->together) > 1;
	StringInfoData items;
	ListCell   *lc;

	if (among_others)
		ig_finding_hint(finding,
						"-- in batches, each again and again until no row is left, referencing tables first:");
	foreach(lc, change->together)
		hint_delete(finding, (const IgRelation *) lfirst(lc), among_others);
	if (ig_history_rule(change->rel->relid) != NULL)
		return;

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	/* whose trigger has a say of its own */
	if (is_soft_deleted(change->rel->relid))
		ig_allowance_append(&items, "soft-delete", change->rel->schema, change->rel->name, NULL);
	ig_allowance_comment(finding, "or, if TRUNCATE is what is meant", items.data, true);
}

/*
 * Row addresses are unique within one table only, and a foreign table may have
 * none: then batches need a condition that only its owner knows.
 */
static void
hint_delete(IgFinding *finding, const IgRelation *rel, bool among_others)
{
	const char *table = ig_relation_quoted(rel);
	const IgRowRule *history = ig_history_rule(rel->relid);

	if (is_soft_deleted(rel->relid))
	{
		ig_finding_hint(finding,
						"-- DELETE marks the rows of %s, by its rule \"soft-delete\"; again and again until it returns 0, this removes those that have been marked for long enough:",
						ig_text_relation(rel));
		ig_finding_hint(finding, "SELECT invariant_guard.purge(%s);", quote_literal_cstr(table));
		return;
	}
	if (history != NULL)
	{
		ig_finding_hint(finding, "-- the rows of %s are never removed, by its rule \"%s\"",
						ig_text_relation(rel), history->name);
		return;
	}
	if (rel->relkind != RELKIND_RELATION)
	{
		ig_finding_hint(finding, "-- better in batches, by a condition on the key:");
		ig_finding_hint(finding, "DELETE FROM %s;", table);
		return;
	}

	if (!among_others)
		ig_finding_hint(finding, "-- in batches, again and again until no row is left:");
	ig_finding_hint(finding,
					"DELETE FROM ONLY %s WHERE ctid = ANY (ARRAY(SELECT ctid FROM ONLY %s LIMIT %d));",
					table, table, BATCH_ROWS);
}

static bool
is_soft_deleted(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_declares_rules(relid) ? ig_declared_triggers(relid) : NIL)
	{
		if (((const IgDeclaredTrigger *) lfirst(lc))->rule->kind == IG_ROW_SOFT_DELETE)
			return true;
	}
	return false;
}

static const IgRule rules[] = {
	{
		.name = "truncate",
		.sqlstate = ERRCODE_IG_TRUNCATE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_TRUNCATE),
		.judge = judge_truncate,
		.refuses = "TRUNCATE of an existing table",
		.cure = "DELETE in batches",
	},
	{
		.name = "truncate-cascade",
		.sqlstate = ERRCODE_IG_TRUNCATE_CASCADE,
		.family = IG_FAMILY_WIPE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_TRUNCATE),
		.judge = judge_cascade,
		.refuses = "TRUNCATE ... CASCADE: each table that it reaches is named",
		.cure = "name the tables, or DELETE in batches",
	},
};

const IgRuleSet ig_rules_truncate = {rules, lengthof(rules)};
