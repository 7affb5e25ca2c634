/*-------------------------------------------------------------------------
 *
 * append_only.c
 *	  append_only(): rows are added, and never changed or removed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "rows/declare.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_append_only);
PG_FUNCTION_INFO_V1(ig_sql_add_append_only);

static const IgRuleDefinition definition = {
	.kind = IG_ROW_APPEND_ONLY,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE),
	.options = NULL,
	.min_columns = 0,
	.max_columns = 0,
};

void
ig_append_only_init(void)
{
	ig_rule_define(&definition);
}

/*
 * invariant_guard.append_only(), a trigger function.
 */
Datum
ig_row_append_only(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (!trigger->passes)
		ig_row_refuse(trigger, trigger->relid, "append-only", NULL,
					  psprintf("cannot %s append-only table \"%s\"",
							   TRIGGER_FIRED_BY_UPDATE(td->tg_event) ? "update a row of" :
							   TRIGGER_FIRED_BY_DELETE(td->tg_event) ? "delete a row of" :
							   "truncate", ig_row_relation_text(trigger->relid)),
					  "Rows of this table are added, and never changed or removed.",
					  NULL);
	return ig_rule_trigger_pass(td);
}

/*
 * invariant_guard.add_append_only(rel regclass) returns boolean: was it added?
 */
Datum
ig_sql_add_append_only(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_APPEND_ONLY);

	ig_declare_trigger(d, "change", "BEFORE UPDATE OR DELETE", true, NULL, NIL);
	ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, NIL);
	PG_RETURN_BOOL(ig_declare_end(d));
}
