/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Rules that guard the guard, and the record of what it could not judge.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/rules.h"

static void judge_unprotect(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_detach(IgFinding *finding, const IgChange *change);
static void judge_self(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void hint_drop_rule(IgFinding *finding, const IgChange *change);
static void judge_attach(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_row_rule(const IgRule *rule, const IgChange *change, IgFindings *findings);

static void
judge_unprotect(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot take the class \"%s\" from %s",
							 ig_text_name(change->name ? change->name : ""),
							 ig_text_relation(change->rel));
	if (change->parent != NULL)
	{
		judge_detach(finding, change);
		return;
	}
	ig_finding_detail(finding,
					  "The class is what keeps the table's data from being dropped, truncated or reached by cascades.");
	ig_allowance_hint_own(finding,
						  change->sql ? change->sql :
						  psprintf("SECURITY LABEL FOR invariant_guard ON TABLE %s IS NULL",
								   ig_relation_quoted(change->rel)));
}

/*
 * A partition that has the class itself keeps it.
 */
static void
judge_detach(IgFinding *finding, const IgChange *change)
{
	ig_finding_detail(finding,
					  "The table has the class from %s, and loses it once it is detached.",
					  ig_text_relation(change->parent));
	ig_finding_hint(finding, "SECURITY LABEL FOR invariant_guard ON TABLE %s IS %s;",
					ig_relation_quoted(change->rel), quote_literal_cstr(change->new_name));
	ig_finding_hint(finding, "-- then the statement itself");
	ig_cure_allow(finding, "or, if the table may lose the class",
				  true);
}

static void
judge_self(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding = ig_finding_add(findings, rule, change,
										 "cannot %s: that weakens the guard", change->words);

	ig_finding_detail(finding, "%s", change->new_name);
	ig_allowance_hint_statement(finding, change);
}

/*
 * The rule's triggers depend on the column, or are in the way of others, so that
 * the server refuses the statement while they are there, whatever is allowed.
 */
static void
hint_drop_rule(IgFinding *finding, const IgChange *change)
{
	StringInfoData items;

	initStringInfo(&items);
	ig_allowance_append(&items, "guard-self", change->ruled->schema, change->ruled->name, NULL);
	if (ig_relation_is_financial(change->ruled))
		ig_allowance_append(&items, "financial-disable-trigger", change->ruled->schema,
							change->ruled->name, NULL);
	ig_allowance_hint(finding, items.data, psprintf("%s\n%s", change->cure, change->sql));
}

/*
 * Nothing is loosened, but the server would refuse it in words that do not tell
 * what to do.
 */
static void
judge_attach(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding = ig_finding_add(findings, rule, change,
										 "cannot attach %s to %s: both have a rule \"%s\" of their own",
										 ig_text_relation(change->rel),
										 ig_text_relation(change->parent), change->name);

	ig_finding_detail(finding,
					  "A partition gets the rules of the partitioned table by triggers of the same names, which %s has already.",
					  ig_text_relation(change->ruled));
	hint_drop_rule(finding, change);
}

/*
 * What is detached can be given rules of its own before; all else needs an
 * allowance.
 */
static void
judge_row_rule(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->parent != NULL && change->ruled != NULL)
	{
		judge_attach(rule, change, findings);
		return;
	}
	finding = ig_finding_add(findings, rule, change, "cannot %s: that loosens its rule \"%s\"",
							 change->words, change->name);
	ig_finding_detail(finding, "%s", change->new_name);
	if (change->ruled != NULL && change->sql != NULL)
	{
		hint_drop_rule(finding, change);
		return;
	}
	if (change->cure != NULL && change->ruled == NULL)
		ig_finding_hint(finding, "%s", change->cure);
	if (change->cure != NULL && change->ruled == NULL && strncmp(change->cure, "--", 2) != 0)
	{
		ig_cure_allow(finding, "or, if the rule may be loosened", true);
		return;
	}
	if (change->parent == NULL)
	{
		ig_allowance_hint_statement(finding, change);
		return;
	}
	ig_finding_hint(finding, "SELECT invariant_guard.keep_rules(%s);",
					quote_literal_cstr(ig_relation_quoted(change->rel)));
	ig_finding_hint(finding, "-- then the statement itself");
	ig_cure_allow(finding, "or, if the table may lose the rule", !change->concurrently);
}

static const IgRule rules[] = {
	{
		.name = "unprotect",
		.sqlstate = ERRCODE_IG_UNPROTECT,
		.family = IG_FAMILY_GUARD,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_UNPROTECT),
		.judge = judge_unprotect,
		.new_too = true,
		.fixed = true,
		.refuses = "taking the class financial or protected from a table, by DETACH PARTITION too",
		.cure = "an allowance",
	},
	{
		.name = "guard-self",
		.sqlstate = ERRCODE_IG_GUARD_SELF,
		.family = IG_FAMILY_GUARD,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_WEAKEN_GUARD),
		.judge = judge_self,
		.fixed = true,
		.refuses = "what weakens the guard itself: the extension or a part of it dropped, altered or disabled, its triggers silenced, its library taken out of what is preloaded, session_replication_role = replica, event_triggers = off, LOAD of another library",
		.cure = "an allowance",
	},
	{
		.name = "row-rule",
		.sqlstate = ERRCODE_IG_ROW_RULE,
		.family = IG_FAMILY_GUARD,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_LOOSEN_ROW_RULE),
		.judge = judge_row_rule,
		.fixed = true,
		.refuses = "what goes round the row rules of a table: DETACH PARTITION, DROP of what a rule consists of, INSTEAD rules, cascades, a trigger that has the last word over the rule's; on an append-only table also DROP, RENAME, SET SCHEMA, DROP COLUMN and rewriting type changes, and what tells whose seals a table holds",
		.cure = "keep_rules() before DETACH; else an allowance",
	},
};

const IgRuleSet ig_rules_guard = {rules, lengthof(rules)};
