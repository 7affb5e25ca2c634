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
};

const IgRuleSet ig_rules_guard = {rules, lengthof(rules)};
