/*-------------------------------------------------------------------------
 *
 * guard.c
 *	  Rules that guard the guard, and the record of what it could not judge.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/rules.h"

static void judge_unprotect(const IgRule *rule, const IgChange *change, IgFindings *findings);

static void
judge_unprotect(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot take the class \"%s\" from %s",
							 ig_text_name(change->name ? change->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The class is what keeps the table's data from being dropped, truncated or reached by cascades.");
	ig_allowance_hint_own(finding,
						  change->sql ? change->sql :
						  psprintf("SECURITY LABEL FOR invariant_guard ON TABLE %s IS NULL",
								   ig_relation_quoted(change->rel)));
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
		.refuses = "taking the class financial or protected from a table",
		.cure = "an allowance",
	},
};

const IgRuleSet ig_rules_guard = {rules, lengthof(rules)};
