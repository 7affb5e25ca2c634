/*-------------------------------------------------------------------------
 *
 * event_triggers.c
 *	  The third way in: event triggers, which need no preloading.
 *
 * The first DDL of a session loads the library through them.  The hooks are
 * installed at that moment; for this one statement ProcessUtility_hook comes
 * too late, so that ddl_command_start judges in its place.  From the second
 * statement on the hook has always been there before.  There is no trigger for
 * sql_drop: the object-access hook, which is there from the first statement on,
 * sees each object before it goes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "commands/event_trigger.h"
#include "fmgr.h"
#include "utils/fmgroids.h"

#include "gate/decide.h"
#include "gate/hooks.h"
#include "gate/net.h"
#include "gate/statement.h"
#include "platform/compat.h"

PGDLLEXPORT Datum ig_on_ddl_command_start(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ig_on_ddl_command_end(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ig_on_table_rewrite(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum ig_on_login(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(ig_on_ddl_command_start);
PG_FUNCTION_INFO_V1(ig_on_ddl_command_end);
PG_FUNCTION_INFO_V1(ig_on_table_rewrite);
PG_FUNCTION_INFO_V1(ig_on_login);

bool		ig_loaded_by_login = false;
void		(*ig_ddl_end_hook) (void) = NULL;

/*
 * The event triggers' functions cannot be called otherwise.
 */
static EventTriggerData *
event_data(FunctionCallInfo fcinfo)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		elog(ERROR, "not fired by event trigger manager");
	return (EventTriggerData *) fcinfo->context;
}

Datum
ig_on_ddl_command_start(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = event_data(fcinfo);

	if (ig_utility_hook_is_running() || ig_statement_current != NULL)
		PG_RETURN_NULL();		/* the hook has judged it */
	if (!ig_statement_is_judged(trigger->parsetree) || !ig_gate_active())
		PG_RETURN_NULL();

	ig_statement_set_by_event(trigger->parsetree);
	PG_RETURN_NULL();
}

Datum
ig_on_ddl_command_end(PG_FUNCTION_ARGS)
{
	EventTriggerData *trigger = event_data(fcinfo);

	if (ig_statement_current != NULL &&
		ig_statement_current->parsetree == trigger->parsetree)
	{
		IgStatement *stmt = ig_statement_current;

		ig_statement_end_by_event();
		ig_names_check(stmt);
	}
	if (ig_ddl_end_hook)
		ig_ddl_end_hook();
	PG_RETURN_NULL();
}

Datum
ig_on_table_rewrite(PG_FUNCTION_ARGS)
{
	(void) event_data(fcinfo);

	if (ig_gate_active())
		{
		Oid			relid = DatumGetObjectId(OidFunctionCall0(F_PG_EVENT_TRIGGER_TABLE_REWRITE_OID));

		ig_net_rewrite(relid);
	}
	PG_RETURN_NULL();
}

/*
 * Loading the library is all that the login trigger is for.  It must never
 * fail, or nobody could connect any more.
 */
Datum
ig_on_login(PG_FUNCTION_ARGS)
{
	ig_loaded_by_login = true;
	PG_RETURN_NULL();
}
