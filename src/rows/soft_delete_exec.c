/*-------------------------------------------------------------------------
 *
 * soft_delete_exec.c
 *	  Which triggers a DELETE that became an UPDATE can do without.
 *
 * Its rows are live, get the time and the operation, and go to no other
 * partition: nothing of that is left to be judged, and to ask the triggers that
 * guard deleted rows would cost more than the mark itself.  Where a trigger of
 * somebody else may change the row before, all are asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "nodes/plannodes.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "rows/soft_delete.h"

static ExecutorStart_hook_type prev_ExecutorStart = NULL;

static void ig_ExecutorStart(QueryDesc *queryDesc, int eflags);
static void spare_triggers(EState *estate, const PlannedStmt *plan);
static bool may_move(const PlannedStmt *plan);
static void spare(TriggerDesc *desc);
static bool is_ours(const Trigger *trigger);

void
ig_soft_delete_exec_init(void)
{
	prev_ExecutorStart = ExecutorStart_hook;
	ExecutorStart_hook = ig_ExecutorStart;
}

/*
 * On the way of every query.  A DELETE whose plan updates is one of ours; one
 * that is part of another statement says nothing, and asks all triggers.
 */
static void
ig_ExecutorStart(QueryDesc *queryDesc, int eflags)
{
	const PlannedStmt *plan = queryDesc->plannedstmt;

	if (prev_ExecutorStart)
		prev_ExecutorStart(queryDesc, eflags);
	else
		standard_ExecutorStart(queryDesc, eflags);

	if (queryDesc->operation == CMD_DELETE && plan->planTree != NULL &&
		IsA(plan->planTree, ModifyTable) &&
		((const ModifyTable *) plan->planTree)->operation == CMD_UPDATE)
		spare_triggers(queryDesc->estate, plan);
}

static void
spare_triggers(EState *estate, const PlannedStmt *plan)
{
	ListCell   *lc;

	if (plan->hasModifyingCTE || may_move(plan))
		return;
	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *rri = (ResultRelInfo *) lfirst(lc);

		if (rri->ri_TrigDesc != NULL)
			spare(rri->ri_TrigDesc);
	}
}

/*
 * Is the table partitioned by what a mark changes?  The planner has locked all
 * of its partitioned tables.
 */
static bool
may_move(const PlannedStmt *plan)
{
	ListCell   *lc;

	foreach(lc, plan->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);
		Bitmapset  *columns = NULL;
		IgSoftDelete rule;
		Relation	rel;
		bool		moves;

		if (rte->rtekind != RTE_RELATION || rte->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		rel = table_open(rte->relid, NoLock);
		if (ig_soft_delete_of(rel, &rule))
		{
			columns = bms_add_member(columns, rule.deleted - FirstLowInvalidHeapAttributeNumber);
			if (rule.operation != 0)
				columns = bms_add_member(columns, rule.operation - FirstLowInvalidHeapAttributeNumber);
		}
		moves = columns != NULL && has_partition_attrs(rel, columns, NULL);
		table_close(rel, NoLock);
		if (moves)
			return true;
	}
	return false;
}

/*
 * The description is the statement's own copy.
 */
static void
spare(TriggerDesc *desc)
{
	bool		before = false;
	bool		after = false;

	for (int i = 0; i < desc->numtriggers; i++)
	{
		const Trigger *trigger = &desc->triggers[i];

		if (TRIGGER_TYPE_MATCHES(trigger->tgtype, TRIGGER_TYPE_ROW, TRIGGER_TYPE_BEFORE,
								 TRIGGER_TYPE_UPDATE) && !is_ours(trigger))
			return;
	}
	for (int i = 0; i < desc->numtriggers; i++)
	{
		Trigger    *trigger = &desc->triggers[i];

		if (!TRIGGER_FOR_ROW(trigger->tgtype) || !TRIGGER_FOR_UPDATE(trigger->tgtype))
			continue;
		if (is_ours(trigger))
			trigger->tgenabled = TRIGGER_DISABLED;
		else if (TRIGGER_FOR_BEFORE(trigger->tgtype))
			before = true;
		else
			after = true;
	}
	desc->trig_update_before_row = before;
	desc->trig_update_after_row = after;
}

/*
 * One of those that guard deleted rows; not what looks after the rows that
 * refer to this one.
 */
static bool
is_ours(const Trigger *trigger)
{
	const IgRowRule *rule;

	if (TRIGGER_FOR_DELETE(trigger->tgtype) || TRIGGER_FOR_INSERT(trigger->tgtype))
		return false;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strncmp(trigger->tgargs[i], "children=", 9) == 0)
			return false;
	}
	rule = ig_row_rule_of_function(trigger->tgfoid);
	return rule != NULL && rule->kind == IG_ROW_SOFT_DELETE;
}
