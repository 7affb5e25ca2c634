/*-------------------------------------------------------------------------
 *
 * running.c
 *	  The statement that is being executed, for trigger functions.
 *
 * The executor's hooks keep a stack of the statements that change rows.  An
 * error leaves entries behind; the end of the subtransaction in which they
 * began takes them away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parsetree.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "model/row_rule.h"
#include "model/when_clause.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "rows/running.h"
#include "rows/when.h"

/*
 * A plan carries marks among what it depends on: as an item of a catalog cache
 * that does not exist, so that no change invalidates it.  They are copied with
 * the plan, and not sent to parallel workers.
 */
#define MARK_CACHE_ID	(-1)

typedef struct Running
{
	const QueryDesc *query;
	int			nest_level;		/* of the transaction, when it began */
} Running;

static ExecutorRun_hook_type prev_ExecutorRun = NULL;
static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;

static Running *stack = NULL;
static int	depth = 0;
static int	allocated = 0;

/* See ig_let_pass_note; what is one too many is told twice. */
#define MAX_PASSED	8
static uint32 passed[MAX_PASSED];
static int	passed_count = 0;
static TimestampTz passed_statement;
static LocalTransactionId passed_lxid = InvalidLocalTransactionId;

static void ig_ExecutorRun(IG_EXECUTOR_RUN_PARAMETERS);
static void ig_ExecutorFinish(QueryDesc *queryDesc);
static int	push(const QueryDesc *query);
static void transaction_ended(XactEvent event, void *arg);
static void subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
								 SubTransactionId parentSubid, void *arg);
static const char *skip_word(const char *source, const char *word);
static const char *skip_quoted(const char *source);
static bool is_statement_of_passed(void);
static List *table_and_above(Oid relid);
static int	times_marked(const PlannedStmt *plan, uint32 mark);
static int	times_changed(const PlannedStmt *plan, Oid relid);
static bool changes(const PlannedStmt *plan, const Plan *part, Oid relid);

void
ig_running_install(void)
{
	prev_ExecutorRun = ExecutorRun_hook;
	ExecutorRun_hook = ig_ExecutorRun;
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = ig_ExecutorFinish;
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

/*
 * On the way of every query: one that changes nothing costs one look.
 */
static void
ig_ExecutorRun(IG_EXECUTOR_RUN_PARAMETERS)
{
	int			outer = -1;

	if (queryDesc->plannedstmt->resultRelations != NIL)
	{
		outer = push(queryDesc);
		ig_when_prepare(queryDesc);
	}

	if (prev_ExecutorRun)
		prev_ExecutorRun(IG_EXECUTOR_RUN_ARGUMENTS);
	else
		standard_ExecutorRun(IG_EXECUTOR_RUN_ARGUMENTS);

	if (outer >= 0)
		depth = outer;
}

/* AFTER triggers, and what is left of data-modifying CTEs. */
static void
ig_ExecutorFinish(QueryDesc *queryDesc)
{
	int			outer = queryDesc->plannedstmt->resultRelations == NIL ? -1 : push(queryDesc);

	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);

	if (outer >= 0)
		depth = outer;
}

/* Returns the depth to go back to. */
static int
push(const QueryDesc *query)
{
	if (depth == allocated)
	{
		int			wanted = allocated == 0 ? 16 : 2 * allocated;

		stack = stack == NULL ?
			MemoryContextAlloc(TopMemoryContext, sizeof(Running) * wanted) :
			repalloc(stack, sizeof(Running) * wanted);
		allocated = wanted;
	}
	stack[depth].query = query;
	stack[depth].nest_level = GetCurrentTransactionNestLevel();
	return depth++;
}

static void
transaction_ended(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		depth = 0;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
					 SubTransactionId parentSubid, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (depth > 0 && stack[depth - 1].nest_level >= GetCurrentTransactionNestLevel())
		depth--;
}

const QueryDesc *
ig_running_statement(void)
{
	return depth > 0 ? stack[depth - 1].query : NULL;
}

/*
 * Foreign keys run their queries in a context of their own; but what a trigger
 * does that such a query fires runs in it as well.  Theirs begin with the verb
 * and "schema"."table", quoted always, and name all operators by their schema.
 */
bool
ig_is_key_query(const char *source)
{
	const char *rest;
	const char *table;

	if (!InNoForceRLSOperation())
		return false;
	if (source == NULL)
		return true;
	rest = skip_word(source, "UPDATE ");
	if (rest == NULL)
		rest = skip_word(source, "DELETE FROM ");
	if (rest == NULL)
		return false;
	table = skip_word(rest, "ONLY ");
	rest = skip_quoted(table ? table : rest);
	if (rest == NULL || rest[0] != '.')
		return false;
	rest = skip_quoted(rest + 1);
	return rest != NULL && rest[0] == ' ' && strstr(rest, " OPERATOR(") != NULL;
}

/* Past a name in double quotes, or NULL. */
static const char *
skip_quoted(const char *source)
{
	if (*source++ != '"')
		return NULL;
	for (; *source != '\0'; source++)
	{
		if (*source == '"' && source[1] == '"')
			source++;
		else if (*source == '"')
			return source + 1;
	}
	return NULL;
}

static const char *
skip_word(const char *source, const char *word)
{
	size_t		length = strlen(word);

	return strncmp(source, word, length) == 0 ? source + length : NULL;
}

/*
 * Their AFTER triggers are left to the statement outside, which no command can
 * ask for.
 */
bool
ig_query_is_of_key(const QueryDesc *query)
{
	return InNoForceRLSOperation() && query->estate != NULL &&
		(query->estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0;
}

bool
ig_running_is_key_query(void)
{
	const QueryDesc *query = ig_running_statement();

	return query != NULL && ig_query_is_of_key(query);
}

bool
ig_running_in_key_query(void)
{
	for (int i = 0; i < depth; i++)
	{
		if (ig_query_is_of_key(stack[i].query))
			return true;
	}
	return false;
}

uint32
ig_rule_mark(const Trigger *trigger, Relation rel)
{
	const IgRowRule *rule = ig_row_rule_of_function(trigger->tgfoid);
	uint32		mark = rule ? (uint32) rule->kind + 1 : 0;
	ListCell   *lc;

	foreach(lc, ig_when_columns(trigger->tgoid, trigger->tgqual, NULL))
	{
		const char *name =
			NameStr(TupleDescAttr(RelationGetDescr(rel), lfirst_int(lc) - 1)->attname);

		mark = hash_combine(mark, string_hash(name, NAMEDATALEN));
	}
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *arg = trigger->tgargs[i];

		mark = hash_combine(mark, hash_bytes((const unsigned char *) arg, strlen(arg)));
	}
	return mark;
}

void
ig_plan_add_mark(PlannedStmt *plan, uint32 mark)
{
	PlanInvalItem *item = makeNode(PlanInvalItem);

	item->cacheId = MARK_CACHE_ID;
	item->hashValue = mark;
	plan->invalItems = lappend(plan->invalItems, item);
}

bool
ig_plan_has_mark(const PlannedStmt *plan, uint32 mark)
{
	ListCell   *lc;

	foreach(lc, plan->invalItems)
	{
		const PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		if (item->cacheId == MARK_CACHE_ID && item->hashValue == mark)
			return true;
	}
	return false;
}

uint32
ig_table_mark(uint32 mark, Oid relid)
{
	return hash_combine(mark, murmurhash32(relid));
}

/* The table, and what it is a partition of or inherits from. */
static List *
table_and_above(Oid relid)
{
	List	   *line = list_make1_oid(relid);

	for (int i = 0; i < list_length(line); i++)
		line = list_concat_unique_oid(line, ig_parents_of(list_nth_oid(line, i)));
	return line;
}

static int
times_marked(const PlannedStmt *plan, uint32 mark)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, plan->invalItems)
	{
		const PlanInvalItem *item = lfirst_node(PlanInvalItem, lc);

		if (item->cacheId == MARK_CACHE_ID && item->hashValue == mark)
			count++;
	}
	return count;
}

/*
 * Several parts of a statement may change the same table: how many?  Each is a
 * node at the top of the plan or of a CTE's; a parent of others may stand in it
 * twice.
 */
static int
times_changed(const PlannedStmt *plan, Oid relid)
{
	int			count = changes(plan, plan->planTree, relid) ? 1 : 0;
	ListCell   *lc;

	foreach(lc, plan->subplans)
	{
		if (changes(plan, (const Plan *) lfirst(lc), relid))
			count++;
	}
	return count;
}

static bool
changes(const PlannedStmt *plan, const Plan *part, Oid relid)
{
	ListCell   *lc;

	if (part == NULL || !IsA(part, ModifyTable))
		return false;
	foreach(lc, ((const ModifyTable *) part)->resultRelations)
	{
		if (rt_fetch(lfirst_int(lc), plan->rtable)->relid == relid)
			return true;
	}
	return false;
}

bool
ig_running_has_mark(uint32 mark, Oid relid)
{
	const QueryDesc *query = ig_running_statement();
	int			needed;
	int			found;
	ListCell   *lc;

	if (query == NULL)
		return false;
	needed = Max(times_changed(query->plannedstmt, relid), 1);
	found = times_marked(query->plannedstmt, ig_table_mark(mark, relid));
	if (found >= needed)
		return true;
	foreach(lc, list_delete_first(table_and_above(relid)))
		found += times_marked(query->plannedstmt, ig_table_mark(mark, lfirst_oid(lc)));
	return found >= needed;
}

bool
ig_running_has_bad_mark(uint32 mark, Oid relid)
{
	const QueryDesc *query = ig_running_statement();
	ListCell   *lc;

	if (query == NULL)
		return false;
	foreach(lc, table_and_above(relid))
	{
		if (ig_plan_has_mark(query->plannedstmt, IG_BAD_MARK(ig_table_mark(mark, lfirst_oid(lc)))))
			return true;
	}
	return false;
}

static bool
is_statement_of_passed(void)
{
	return passed_lxid == ig_proc_lxid(MyProc) &&
		passed_statement == GetCurrentStatementStartTimestamp();
}

void
ig_let_pass_note(uint32 table_mark)
{
	if (!is_statement_of_passed())
		passed_count = 0;
	passed_statement = GetCurrentStatementStartTimestamp();
	passed_lxid = ig_proc_lxid(MyProc);
	if (passed_count < MAX_PASSED)
		passed[passed_count++] = table_mark;
}

bool
ig_let_pass_now(uint32 mark, Oid relid)
{
	ListCell   *lc;

	if (!is_statement_of_passed())
		return false;
	foreach(lc, table_and_above(relid))
	{
		for (int i = 0; i < passed_count; i++)
		{
			if (passed[i] == ig_table_mark(mark, lfirst_oid(lc)))
				return true;
		}
	}
	return false;
}
