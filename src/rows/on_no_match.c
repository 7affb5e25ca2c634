/*-------------------------------------------------------------------------
 *
 * on_no_match.c
 *	  on_no_match(): an UPDATE or DELETE that matches no row is an error.
 *
 * How many rows a statement has changed is known when it has run, and to no
 * trigger: it is read off the executor's state by ExecutorFinish_hook, which
 * looks for the rule only where the number is 0.  The trigger is what declares
 * the rule, and what loads the library, so that the hook is there for the
 * statement that fires it.
 *
 * What is counted are the statement's own rows.  A data-modifying CTE has no
 * count; the rows that are found for it to change are counted, which has to be
 * asked for before it begins.  INSERT ... ON CONFLICT and MERGE say themselves
 * what is to happen where nothing matches.
 *
 * A data-modifying CTE that nothing reads is run by the executor's finish.  If
 * its trigger is what loads the library, ExecutorFinish_hook has been passed by
 * then, and ExecutorEnd_hook has to do; only such a session has it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/instrument.h"
#include "fmgr.h"
#include "nodes/execnodes.h"
#include "parser/parse_relation.h"
#include "replication/logicalworker.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/list_setting.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"
#include "rows/trigger.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(ig_row_on_no_match);
PG_FUNCTION_INFO_V1(ig_sql_add_on_no_match);

/* Of a plan whose data-modifying CTEs have to be counted. */
#define MARK_COUNT		0x49474e4d

/* The order is that of the bits. */
static const char *const commands[] = {"update", "delete", NULL};

#define COMMAND_UPDATE	0x1
#define COMMAND_DELETE	0x2

static const char *const options[] = {"commands", NULL};

static void prepare(IgRuleTrigger *trigger, Relation rel);

const IgRuleDefinition ig_on_no_match_definition = {
	.kind = IG_ROW_ON_NO_MATCH,
	.fires = IG_BEFORE_STATEMENT(IG_FIRES_UPDATE | IG_FIRES_DELETE),
	.options = options,
	.min_columns = 0,
	.max_columns = 0,
	.prepare = prepare,
	.check = prepare,
};

static ExecutorStart_hook_type prev_ExecutorStart = NULL;
static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;
static ExecutorEnd_hook_type prev_ExecutorEnd = NULL;

static bool watches_end = false;
static const EState *judged = NULL; /* by ExecutorFinish, while that is so */

static void visit(IgPlanVisit *visit);
static void ig_ExecutorStart(QueryDesc *queryDesc, int eflags);
static void ig_ExecutorFinish(QueryDesc *queryDesc);
static void ig_ExecutorEnd(QueryDesc *queryDesc);
static bool may_change_nothing(const QueryDesc *queryDesc);
static void judge_statement(QueryDesc *queryDesc);
static void judge_node(const ModifyTableState *node, CmdType command, double matched);
static bool is_ruled(const ModifyTableState *node, CmdType command);
static int	commands_of(const Trigger *trigger);
static int	command_bit(const char *word, size_t length);
static CmdType command_of(const ModifyTableState *node);
static bool has_changed_rows(const ModifyTableState *node, double *matched);

void
ig_on_no_match_init(void)
{
	ig_plan_visitor(IG_ROW_ON_NO_MATCH, visit);
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = ig_ExecutorStart;
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = ig_ExecutorFinish;
}

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *tg = &rel->trigdesc->triggers[i];

		if (tg->tgoid == trigger->tgoid && commands_of(tg) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("invalid value for option \"commands\" of function invariant_guard.on_no_match() in table \"%s\": \"%s\"",
							ig_row_relation_text(trigger->relid),
							ig_rule_option(trigger, "commands", "")),
					 errdetail("The values are %s, with a comma between them.",
							   ig_text_words(commands))));
	}
}

/*
 * invariant_guard.on_no_match(), a trigger function.  That it is called is
 * nearly all that it is for; see above.
 */
Datum
ig_row_on_no_match(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_on_no_match_definition);

	if (ig_running_statement() == NULL && !trigger->passes && !watches_end)
	{
		prev_ExecutorEnd = ExecutorEnd_hook;
		ExecutorEnd_hook = ig_ExecutorEnd;
		watches_end = true;
	}
	return PointerGetDatum(NULL);
}

/* Which statements a trigger is about; 0 if its option cannot be read. */
static int
commands_of(const Trigger *trigger)
{
	int			bits = (TRIGGER_FOR_UPDATE(trigger->tgtype) ? COMMAND_UPDATE : 0) |
		(TRIGGER_FOR_DELETE(trigger->tgtype) ? COMMAND_DELETE : 0);

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *word = trigger->tgargs[i];

		if (strncmp(word, "commands=", strlen("commands=")) != 0)
			continue;
		bits = 0;
		word += strlen("commands=");
		for (;;)
		{
			size_t		length = strcspn(word, ",");
			int			bit = command_bit(word, length);

			if (bit == 0)
				return 0;
			bits |= bit;
			if (word[length] == '\0')
				break;
			word += length + 1;
		}
	}
	return bits;
}

static int
command_bit(const char *word, size_t length)
{
	for (int i = 0; commands[i] != NULL; i++)
	{
		if (strlen(commands[i]) == length && strncmp(commands[i], word, length) == 0)
			return 1 << i;
	}
	return 0;
}

/*
 * A CTE's rows are counted from the start or never.
 */
static void
visit(IgPlanVisit *visit)
{
	if (visit->query != visit->top)
		visit->mark = MARK_COUNT;
}

static void
ig_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	if (unlikely(queryDesc->plannedstmt->hasModifyingCTE) &&
		ig_plan_has_mark(queryDesc->plannedstmt, MARK_COUNT))
		queryDesc->instrument_options |= INSTRUMENT_ROWS;

	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);
}

/*
 * On the way of every query: only a statement that has changed nothing, or has
 * a data-modifying CTE, is looked at.
 */
static void
ig_ExecutorFinish(QueryDesc *queryDesc)
{
	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);

	if (may_change_nothing(queryDesc))
		judge_statement(queryDesc);
	if (unlikely(watches_end))
		judged = queryDesc->estate;
}

/*
 * In a session whose library was loaded by the trigger: the statement that it
 * was loaded by may have been finished without us.
 */
static void
ig_ExecutorEnd(QueryDesc *queryDesc)
{
	if (queryDesc->estate != judged && may_change_nothing(queryDesc))
		judge_statement(queryDesc);

	if (prev_ExecutorEnd)
		prev_ExecutorEnd(queryDesc);
	else
		standard_ExecutorEnd(queryDesc);
}

static bool
may_change_nothing(const QueryDesc *queryDesc)
{
	return queryDesc->estate->es_auxmodifytables != NIL ||
		(queryDesc->estate->es_processed == 0 &&
		 (queryDesc->operation == CMD_UPDATE || queryDesc->operation == CMD_DELETE));
}

static void
judge_statement(QueryDesc *queryDesc)
{
	EState	   *estate = queryDesc->estate;
	ListCell   *lc;

	if (IsLogicalWorker() || ig_query_is_of_key(queryDesc))
		return;
	if (IsA(queryDesc->planstate, ModifyTableState) && estate->es_processed == 0)
		judge_node((const ModifyTableState *) queryDesc->planstate,
				   queryDesc->operation, 0);
	foreach(lc, estate->es_auxmodifytables)
	{
		const ModifyTableState *node = lfirst_node(ModifyTableState, lc);
		CmdType		command = command_of(node);
		double		matched = 0;

		if (is_ruled(node, command) && !has_changed_rows(node, &matched))
			judge_node(node, command, matched);
	}
}

/*
 * What the client has sent: a soft delete is executed as an UPDATE, but asks for
 * the privilege of a DELETE.
 */
static CmdType
command_of(const ModifyTableState *node)
{
	const ModifyTable *plan = (const ModifyTable *) node->ps.plan;
	Index		target = plan->rootRelation ? plan->rootRelation :
		linitial_int(plan->resultRelations);
	const IgRtePermissions *permissions;

	if (node->operation != CMD_UPDATE)
		return node->operation;
	permissions = ig_executor_permissions(node->ps.state, exec_rt_fetch(target, node->ps.state));
	if (permissions != NULL &&
		(permissions->requiredPerms & (ACL_UPDATE | ACL_DELETE)) == ACL_DELETE)
		return CMD_DELETE;
	return CMD_UPDATE;
}

/* False too if nobody has counted; matched is -1 then. */
static bool
has_changed_rows(const ModifyTableState *node, double *matched)
{
	const Instrumentation *counted = outerPlanState(node)->instrument;

	*matched = counted ? counted->ntuples + counted->tuplecount : -1;
	return *matched > 0;
}

/*
 * The command is what the client has sent; it may be executed as another one.
 */
static bool
is_ruled(const ModifyTableState *node, CmdType command)
{
	const TriggerDesc *triggers = node->rootResultRelInfo->ri_TrigDesc;
	int			bit = command == CMD_UPDATE ? COMMAND_UPDATE :
		command == CMD_DELETE ? COMMAND_DELETE : 0;

	if (triggers == NULL || bit == 0 || node->fireBSTriggers)
		return false;
	for (int i = 0; i < triggers->numtriggers; i++)
	{
		const Trigger *trigger = &triggers->triggers[i];
		const IgRowRule *rule;

		if (TRIGGER_FOR_ROW(trigger->tgtype) || !ig_trigger_fires_here(trigger))
			continue;
		rule = ig_row_rule_of_function(trigger->tgfoid);
		if (rule != NULL && rule->kind == IG_ROW_ON_NO_MATCH &&
			(commands_of(trigger) & bit) != 0)
			return true;
	}
	return false;
}

static void
judge_node(const ModifyTableState *node, CmdType command, double matched)
{
	Oid			relid = RelationGetRelid(node->rootResultRelInfo->ri_RelationDesc);
	const char *verb = command == CMD_UPDATE ? "UPDATE" : "DELETE";
	const char *table;

	if (!is_ruled(node, command))
		return;
	table = ig_row_relation_text(relid);
	if (matched < 0)
		ig_row_refuse(NULL, relid, "on-no-match", NULL,
					  psprintf("cannot tell whether the %s within WITH matches a row of table \"%s\"",
							   verb, table),
					  "The statement began before the library was loaded, and its rows were not counted.",
					  "Send the statement again. With invariant_guard in session_preload_libraries or shared_preload_libraries, the first statement of a session is counted too.");
	else
		ig_row_refuse(NULL, relid, "on-no-match", NULL,
					  psprintf("%s of table \"%s\" matches no row", verb, table),
					  "That is an error for this table: the row is gone, or is no longer as the condition says.",
					  "Read the row again, and decide anew what is to be changed.");
}

/*
 * invariant_guard.add_on_no_match(rel regclass, commands text[]) returns
 * boolean: was it added?
 */
Datum
ig_sql_add_on_no_match(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_ON_NO_MATCH);
	Datum	   *elements;
	bool	   *nulls;
	int			count = 0;
	int			bits = 0;

	if (!PG_ARGISNULL(1))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *word = nulls[i] ? NULL : TextDatumGetCString(elements[i]);
		int			bit = word ? command_bit(word, strlen(word)) : 0;

		if (bit == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for commands: %s",
							word ? psprintf("\"%s\"", ig_text_name(word)) : "null"),
					 errdetail("The values are %s.", ig_text_words(commands))));
		bits |= bit;
	}
	if (bits == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("commands must not be %s", PG_ARGISNULL(1) ? "null" : "empty"),
				 errdetail("The values are %s.", ig_text_words(commands))));

	ig_declare_trigger(d, "statement", "BEFORE UPDATE OR DELETE", false, NULL,
					   ig_declare_option(NIL, "commands",
										 bits == COMMAND_UPDATE ? "update" :
										 bits == COMMAND_DELETE ? "delete" : "update,delete"));
	PG_RETURN_BOOL(ig_declare_end(d));
}
