/*-------------------------------------------------------------------------
 *
 * plan_rules.c
 *	  Row rules that look at the plan: planner_hook.
 *
 * A trigger sees rows, not the statement.  What it cannot see is looked for
 * here, once a plan: a missing version predicate, a column that is set to a
 * value of its own, a DELETE that has to become an UPDATE.  A plan is made anew
 * when a rule is declared or dropped, since CREATE TRIGGER invalidates it, and
 * all plans are when the library is loaded.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/plancache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "rows/kept_plan.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"
#include "rows/trigger.h"

static planner_hook_type prev_planner = NULL;

static IgPlanVisitor visitors[IG_ROW_RULE_KINDS];

/* The statement in whose midst the library was loaded. */
static TimestampTz loading_statement = 0;
static LocalTransactionId loading_lxid = InvalidLocalTransactionId;

static PlannedStmt *ig_planner(Query *parse, const char *query_string,
							   int cursorOptions, ParamListInfo boundParams);
static bool is_internal(const char *query_string);
static bool visit_query(Query *top, Query *query, List **marks);

void
ig_plan_rules_install(void)
{
	prev_planner = planner_hook;
	planner_hook = ig_planner;

	if (IsTransactionState())
	{
		loading_statement = GetCurrentStatementStartTimestamp();
		loading_lxid = ig_proc_lxid(MyProc);
		ResetPlanCache();
	}
}

bool
ig_row_plan_unchecked(void)
{
	return loading_statement != 0 &&
		loading_statement == GetCurrentStatementStartTimestamp() &&
		loading_lxid == ig_proc_lxid(MyProc);
}

void
ig_plan_visitor(IgRowRuleKind kind, IgPlanVisitor visitor)
{
	visitors[kind] = visitor;
}

static inline PlannedStmt *
call_next(Query *parse, const char *query_string, int cursorOptions,
		  ParamListInfo boundParams)
{
	if (prev_planner)
		return prev_planner(parse, query_string, cursorOptions, boundParams);
	return standard_planner(parse, query_string, cursorOptions, boundParams);
}

/*
 * On the way of every query: one that changes nothing leaves at once.
 */
static PlannedStmt *
ig_planner(Query *parse, const char *query_string, int cursorOptions,
		   ParamListInfo boundParams)
{
	bool		tag_is_delete = false;
	List	   *marks = NIL;
	PlannedStmt *result;
	ListCell   *lm;

	if ((parse->commandType != CMD_SELECT || parse->hasModifyingCTE) &&
		!is_internal(query_string) && !IsBinaryUpgrade)
	{
		ListCell   *lc;

		foreach(lc, parse->cteList)
		{
			CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

			if (IsA(cte->ctequery, Query) &&
				((Query *) cte->ctequery)->commandType != CMD_SELECT)
				(void) visit_query(parse, (Query *) cte->ctequery, &marks);
		}
		if (parse->commandType != CMD_SELECT)
			tag_is_delete = visit_query(parse, parse, &marks);
	}

	result = call_next(parse, query_string, cursorOptions, boundParams);
	foreach(lm, marks)
		ig_plan_add_mark(result, (uint32) lfirst_int(lm));

	/* what is executed stands in the plan; this is for the client */
	if (tag_is_delete)
		result->commandType = CMD_DELETE;
	return result;
}

/*
 * The queries of foreign keys, and our own, do what has been judged.
 */
static bool
is_internal(const char *query_string)
{
	return unlikely(InNoForceRLSOperation()) &&
		(ig_is_key_query(query_string) || ig_kept_plan_is(query_string));
}

static bool
visit_query(Query *top, Query *query, List **marks)
{
	RangeTblEntry *rte;
	Relation	rel;
	IgPlanVisit visit = {0};
	bool		tag_is_delete = false;

	if (query->resultRelation == 0)
		return false;
	rte = rt_fetch(query->resultRelation, query->rtable);
	if (rte->rtekind != RTE_RELATION ||
		(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE))
		return false;

	rel = table_open(rte->relid, NoLock);
	visit.query = query;
	visit.top = top;
	visit.target = rel;
	visit.tag_is_delete = query == top ? &tag_is_delete : NULL;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];
		const IgRowRule *rule;

		if (!ig_trigger_fires_here(trigger))
			continue;
		rule = ig_row_rule_of_function(trigger->tgfoid);
		if (rule == NULL || visitors[rule->kind] == NULL)
			continue;

		/* there may be another description of the same triggers by now */
		visit.trigger = ig_trigger_copy(&rel->trigdesc->triggers[i]);
		visit.mark = 0;
		visitors[rule->kind] (&visit);
		if (visit.mark != 0)
			*marks = lappend_int(*marks, (int) visit.mark);
	}
	table_close(rel, NoLock);
	return tag_is_delete;
}
