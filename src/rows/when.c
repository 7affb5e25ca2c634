/*-------------------------------------------------------------------------
 *
 * when.c
 *	  WHEN clauses of row rules, answered without the server's executor.
 *
 * The server reads a trigger's WHEN clause from its text once a statement,
 * plans it and makes an expression of it, where it looks the functions up
 * anew: some 13,000 instructions, a quarter of what an UPDATE of one row takes.
 * It keeps the expression with the statement's table (ri_TrigWhenExprs) and
 * asks no further where there is one.  So one is put there which is a function
 * of our own: uses() is true, and changed() compares columns of the two rows
 * that the server shows to the clause.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "model/when_clause.h"
#include "platform/compat.h"
#include "rows/anchor.h"
#include "rows/rows.h"
#include "rows/trigger.h"
#include "rows/when.h"

/*
 * Of so many partitions, most are opened and not changed, and the server reads
 * no clause where no row is.
 */
#define MAX_TABLES	16

typedef struct ComparedColumn
{
	AttrNumber	attnum;
	int16		typlen;
	bool		typbyval;
} ComparedColumn;

typedef struct ChangedState
{
	ExprState	expr;			/* must be first: the server's part */
	int			ncolumns;
	ComparedColumn columns[FLEXIBLE_ARRAY_MEMBER];
} ChangedState;

#define EVERY_EVENT		(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE)

static int16 events_of(const PlannedStmt *plan);
static ExprState *prepared(const Trigger *trigger, ResultRelInfo *table, EState *estate);
static ExprState *changed_state(const List *attnums, ResultRelInfo *table, EState *estate);
static Datum uses_is_true(ExprState *state, ExprContext *econtext, bool *isnull);
static Datum is_changed(ExprState *state, ExprContext *econtext, bool *isnull);

/* Keeps nothing, so that all can have the same. */
static ExprState uses_state = {
	.type = T_ExprState,
	.flags = EEO_FLAG_IS_QUAL,
	.evalfunc = uses_is_true,
};

void
ig_when_prepare(const QueryDesc *query)
{
	EState	   *estate = query->estate;
	int16		events = events_of(query->plannedstmt);
	ListCell   *lc;

	if (list_length(estate->es_opened_result_relations) > MAX_TABLES)
		return;
	foreach(lc, estate->es_opened_result_relations)
	{
		ResultRelInfo *table = (ResultRelInfo *) lfirst(lc);
		const TriggerDesc *triggers = table->ri_TrigDesc;

		for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		{
			const Trigger *trigger = &triggers->triggers[i];

			if (trigger->tgqual != NULL && (trigger->tgtype & events) != 0 &&
				table->ri_TrigWhenExprs[i] == NULL)
				table->ri_TrigWhenExprs[i] = prepared(trigger, table, estate);
		}
	}
}

/*
 * What most statements do to rows is told by the top of the plan.  An UPDATE
 * that moves a row to another partition does more; that is left to the server.
 */
static int16
events_of(const PlannedStmt *plan)
{
	const ModifyTable *top = (const ModifyTable *) plan->planTree;

	if (plan->hasModifyingCTE || top == NULL || !IsA(top, ModifyTable))
		return EVERY_EVENT;
	switch (top->operation)
	{
		case CMD_INSERT:
			return top->onConflictAction == ONCONFLICT_UPDATE ? EVERY_EVENT : TRIGGER_TYPE_INSERT;
		case CMD_UPDATE:
			return TRIGGER_TYPE_UPDATE;
		case CMD_DELETE:
			return TRIGGER_TYPE_DELETE;
		default:
			return EVERY_EVENT;
	}
}

/* NULL leaves it to the server. */
static ExprState *
prepared(const Trigger *trigger, ResultRelInfo *table, EState *estate)
{
	IgWhenForm	form = ig_when_likely_form(trigger->tgqual);
	List	   *attnums;

	if (form == IG_WHEN_USES)
		return &uses_state;
	if (form != IG_WHEN_CHANGED || !ig_trigger_fires_here(trigger))
		return NULL;
	attnums = ig_when_columns(trigger->tgoid, trigger->tgqual, &form);
	return form == IG_WHEN_CHANGED ? changed_state(attnums, table, estate) : NULL;
}

static ExprState *
changed_state(const List *attnums, ResultRelInfo *table, EState *estate)
{
	TupleDesc	desc = RelationGetDescr(table->ri_RelationDesc);
	ChangedState *state =
		MemoryContextAllocZero(estate->es_query_cxt,
							   offsetof(ChangedState, columns) +
							   sizeof(ComparedColumn) * list_length(attnums));
	ListCell   *lc;

	state->expr.type = T_ExprState;
	state->expr.flags = EEO_FLAG_IS_QUAL;
	state->expr.evalfunc = is_changed;
	foreach(lc, attnums)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, lfirst_int(lc) - 1);
		ComparedColumn *column = &state->columns[state->ncolumns++];

		/* what is generated when it is read stands in no row */
		if (attr->attgenerated != '\0')
			return NULL;
		column->attnum = attr->attnum;
		column->typlen = attr->attlen;
		column->typbyval = attr->attbyval;
	}
	return &state->expr;
}

static Datum
uses_is_true(ExprState *state, ExprContext *econtext, bool *isnull)
{
	*isnull = false;
	return BoolGetDatum(true);
}

/* The server shows the old row as the inner one and the new as the outer one. */
static Datum
is_changed(ExprState *state, ExprContext *econtext, bool *isnull)
{
	const ChangedState *changed = (const ChangedState *) state;

	*isnull = false;
	for (int i = 0; i < changed->ncolumns; i++)
	{
		const ComparedColumn *column = &changed->columns[i];
		bool		old_isnull;
		bool		new_isnull;
		Datum		old = slot_getattr(econtext->ecxt_innertuple, column->attnum, &old_isnull);
		Datum		new = slot_getattr(econtext->ecxt_outertuple, column->attnum, &new_isnull);

		if (!ig_same_value(old, old_isnull, new, new_isnull, column->typbyval, column->typlen))
			return BoolGetDatum(true);
	}
	return BoolGetDatum(false);
}
