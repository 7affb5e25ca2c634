/*-------------------------------------------------------------------------
 *
 * rules_view.c
 *	  The catalogue of rules as a view, with the levels now in force.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "utils/builtins.h"

#include "platform/compat.h"
#include "rules/rules.h"

#define RULE_COLUMNS	7

static void put_rule(const IgRule *rule, void *context);

PG_FUNCTION_INFO_V1(ig_sql_rules);

/*
 * invariant_guard.rules()
 */
Datum
ig_sql_rules(PG_FUNCTION_ARGS)
{
	InitMaterializedSRF(fcinfo, 0);
	ig_rules_visit(put_rule, fcinfo->resultinfo);
	return (Datum) 0;
}

/*
 * The effective level is that on a table of no class.
 */
static void
put_rule(const IgRule *rule, void *context)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) context;
	IgLevel		effective = ig_rule_effective_level(rule, rule->level, 0);
	const char *texts[RULE_COLUMNS];
	Datum		values[RULE_COLUMNS];
	bool		nulls[RULE_COLUMNS];

	texts[0] = rule->name;
	texts[1] = unpack_sql_state(rule->sqlstate);
	texts[2] = ig_family_name(rule->family);
	texts[3] = ig_level_name(rule->level);
	texts[4] = ig_level_name(effective);
	texts[5] = rule->refuses;
	texts[6] = rule->cure;

	for (int i = 0; i < RULE_COLUMNS; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}
