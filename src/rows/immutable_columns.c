/*-------------------------------------------------------------------------
 *
 * immutable_columns.c
 *	  immutable_columns(): columns that never change after INSERT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

#include "platform/compat.h"
#include "rows/declare.h"
#include "rows/fixed.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_immutable_columns);
PG_FUNCTION_INFO_V1(ig_sql_add_immutable_columns);

static void prepare(IgRuleTrigger *trigger, Relation rel);

static const char *const option_names[] = {"key", "write_once", NULL};

const IgRuleDefinition ig_immutable_columns_definition = {
	.kind = IG_ROW_IMMUTABLE_COLUMNS,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE) |
	IG_AFTER_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE | IG_FIRES_INSERT),
	.options = option_names,
	.min_columns = 1,
	.max_columns = -1,
	.prepare = prepare,
	.check = prepare,
};

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	trigger->data = ig_fixed_prepare(trigger, "immutable-columns", "immutable");
}

/*
 * invariant_guard.immutable_columns(), a trigger function.
 */
Datum
ig_row_immutable_columns(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_immutable_columns_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		ig_fixed_check_move(trigger, (IgFixed *) trigger->data, td);
	else if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		ig_fixed_check(trigger, (IgFixed *) trigger->data, td);
	return ig_rule_trigger_pass(td);
}

/*
 * invariant_guard.add_immutable_columns(rel regclass, columns name[],
 * when_condition text, write_once boolean) returns boolean: was it added?
 *
 * Raises for a generated column, and for a condition that is not one on the
 * table's columns by immutable functions.
 */
Datum
ig_sql_add_immutable_columns(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_IMMUTABLE_COLUMNS);
	List	   *columns = ig_fixed_columns(d, ig_declare_names(fcinfo, 1, "immutable"), "immutable");
	char	   *when = ig_declare_text(fcinfo, 2);
	char	   *condition = when ? ig_declare_condition(d, when, "old") : NULL;
	bool		write_once;
	List	   *options = NIL;

	if (PG_ARGISNULL(3))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("write_once must not be null")));
	write_once = PG_GETARG_BOOL(3);

	d->instance = ig_fixed_instance(d, columns, condition);
	options = ig_declare_option(options, "key", d->instance);
	options = ig_declare_option(options, "write_once", write_once ? "true" : NULL);
	ig_fixed_declare(d, columns, condition, options);
	PG_RETURN_BOOL(ig_declare_end(d));
}
