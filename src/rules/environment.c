/*-------------------------------------------------------------------------
 *
 * environment.c
 *	  Rules about when, and in what kind of database, a change is made.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/rules.h"

static void judge_freeze(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_reset(const IgRule *rule, const IgChange *change, IgFindings *findings);

static void
judge_freeze(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->identity)
		finding = ig_finding_add(findings, rule, change,
								 "cannot run %s on %s: the schema is frozen %s",
								 change->words, change->identity, change->until);
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot run %s: the schema is frozen %s",
								 change->words, change->until);
	ig_finding_detail(finding,
					  "While invariant_guard.schema_freeze holds, only statements that add to the schema pass.");
	ig_finding_hint(finding, "-- wait for the end of the freeze; if it cannot wait:");
	ig_allowance_hint_statement(finding, change);
}

/*
 * What resets a database has no place where its data counts.
 */
static void
judge_reset(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (ig_guc_environment == IG_ENVIRONMENT_DEVELOPMENT)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot %s: this is a %s database",
							 change->words, ig_environment_name());
	ig_finding_detail(finding,
					  "That is how a development database is reset. invariant_guard.environment is \"%s\", %s.",
					  ig_environment_name(), ig_environment_source());
	ig_finding_hint(finding, "-- if the statement is meant:");
	ig_allowance_hint_statement(finding, change);
}

static const IgRule rules[] = {
	{
		.name = "schema-freeze",
		.sqlstate = ERRCODE_IG_SCHEMA_FREEZE,
		.family = IG_FAMILY_ENVIRONMENT,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_BREAK_FREEZE),
		.judge = judge_freeze,
		.refuses = "what does not merely add to the schema, while invariant_guard.schema_freeze holds",
		.cure = "wait for the end of the freeze, or an allowance",
	},
	{
		.name = "environment",
		.sqlstate = ERRCODE_IG_ENVIRONMENT,
		.family = IG_FAMILY_ENVIRONMENT,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_RESET),
		.judge = judge_reset,
		.refuses = "what resets a database, outside development: DROP SCHEMA public or of the last schema with tables, DROP OWNED, more than five tables dropped or truncated by one transaction",
		.cure = "invariant_guard.environment = development where it is one, or an allowance",
	},
};

const IgRuleSet ig_rules_environment = {rules, lengthof(rules)};
