/*-------------------------------------------------------------------------
 *
 * utility_hook.c
 *	  The first way in: ProcessUtility_hook.
 *
 * Sees every utility statement once the library is loaded, among them those
 * for which no event trigger fires: TRUNCATE, VACUUM FULL, CLUSTER, EXPLAIN
 * ANALYZE CREATE TABLE AS, databases, and up to 16 REINDEX.
 *
 * The statement is judged before it runs.  Afterwards the parse tree must not
 * be touched: a statement that ends the transaction may have freed it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xlog.h"
#include "tcop/utility.h"
#include "utils/memutils.h"

#include "columns/usage_mark.h"
#include "gate/decide.h"
#include "gate/hooks.h"
#include "gate/rows_changed.h"
#include "gate/statement.h"

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

/* How many watched statements of this backend are running inside each other. */
static int	depth = 0;

static void ig_ProcessUtility(PlannedStmt *pstmt, const char *queryString,
							  bool readOnlyTree, ProcessUtilityContext context,
							  ParamListInfo params, QueryEnvironment *queryEnv,
							  DestReceiver *dest, QueryCompletion *qc);

static inline void run(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				ProcessUtilityContext context, ParamListInfo params,
				QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc);
static void run_marked(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
					   ProcessUtilityContext context, ParamListInfo params,
					   QueryEnvironment *queryEnv, DestReceiver *dest,
					   QueryCompletion *qc);
static void run_copy(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
					 ProcessUtilityContext context, ParamListInfo params,
					 QueryEnvironment *queryEnv, DestReceiver *dest,
					 QueryCompletion *qc);
static void run_watched(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
						ProcessUtilityContext context, ParamListInfo params,
						QueryEnvironment *queryEnv, DestReceiver *dest,
						QueryCompletion *qc);

void
ig_utility_hook_install(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = ig_ProcessUtility;
}

/* Is a statement running that this hook has seen? */
bool
ig_utility_hook_is_running(void)
{
	return depth > 0;
}

static inline void
call_next(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
		  ProcessUtilityContext context, ParamListInfo params,
		  QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (prev_ProcessUtility)
		prev_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
							queryEnv, dest, qc);
	else
		standard_ProcessUtility(pstmt, queryString, readOnlyTree, context, params,
								queryEnv, dest, qc);
}

/*
 * Sub-commands were judged with their parent, except the elements of CREATE
 * SCHEMA, which appear nowhere else.
 */
static bool
is_judged_with_parent(ProcessUtilityContext context)
{
	if (context != PROCESS_UTILITY_SUBCOMMAND)
		return false;

	return ig_statement_current == NULL ||
		!IsA(ig_statement_current->parsetree, CreateSchemaStmt);
}

/*
 * A standby changes none of its objects, and the server says so in its own
 * words.  Settings can be changed there too.
 */
static bool
is_refused_in_recovery(const Node *parsetree)
{
	return RecoveryInProgress() && !IsA(parsetree, AlterSystemStmt) &&
		!IsA(parsetree, VariableSetStmt) && !IsA(parsetree, LoadStmt);
}

/*
 * Databases belong to the whole server, so a session in a database without
 * the extension must not drop one that has it.
 */
static bool
is_gate_active_for(const Node *parsetree)
{
	if (is_refused_in_recovery(parsetree))
		return false;
	if (IsA(parsetree, DropdbStmt) || IsA(parsetree, AlterSystemStmt) ||
		IsA(parsetree, AlterDatabaseSetStmt) || IsA(parsetree, AlterRoleSetStmt))
		return ig_gate_active_server_wide();
	if (IsA(parsetree, RenameStmt) &&
		((const RenameStmt *) parsetree)->renameType == OBJECT_DATABASE)
		return ig_gate_active_server_wide();

	return ig_gate_active();
}

/*
 * What leaves at once must cost next to nothing: this is on the way of every
 * utility statement, BEGIN and COMMIT among them.
 */
static void
ig_ProcessUtility(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
				  ProcessUtilityContext context, ParamListInfo params,
				  QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (unlikely(ig_usage_may_mark(pstmt->utilityStmt)))
		run_marked(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				   dest, qc);
	else
		run(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
}

/*
 * The queries inside it are no use of a column, or another one.
 */
static pg_noinline void
run_marked(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
		   ProcessUtilityContext context, ParamListInfo params,
		   QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	IgUsageMark outer = ig_usage_mark;

	ig_usage_mark = ig_usage_mark_of(pstmt->utilityStmt);
	PG_TRY();
	{
		run(pstmt, queryString, readOnlyTree, context, params, queryEnv, dest, qc);
	}
	PG_FINALLY();
	{
		ig_usage_mark = outer;
	}
	PG_END_TRY();
}

static inline void
run(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
	ProcessUtilityContext context, ParamListInfo params,
	QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	if (ig_statement_is_judged(pstmt->utilityStmt))
		run_watched(pstmt, queryString, readOnlyTree, context, params, queryEnv,
					dest, qc);
	else if (unlikely(ig_rows_counting) && IsA(pstmt->utilityStmt, CopyStmt))
		run_copy(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				 dest, qc);
	else
		call_next(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				  dest, qc);
}

/*
 * COPY, of which no executor hook is told.
 */
static pg_noinline void
run_copy(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
		 ProcessUtilityContext context, ParamListInfo params,
		 QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	bool		from = castNode(CopyStmt, pstmt->utilityStmt)->is_from;

	call_next(pstmt, queryString, readOnlyTree, context, params, queryEnv,
			  dest, qc);
	if (from)
		ig_rows_judge(qc != NULL ? qc->nprocessed : 0);
}

static pg_noinline void
run_watched(PlannedStmt *pstmt, const char *queryString, bool readOnlyTree,
			ProcessUtilityContext context, ParamListInfo params,
			QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc)
{
	IgStatement stmt = {0};
	MemoryContext own;
	MemoryContext old;

	if (is_judged_with_parent(context) ||
		!is_gate_active_for(pstmt->utilityStmt))
	{
		call_next(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				  dest, qc);
		return;
	}

	own = AllocSetContextCreate(CurrentMemoryContext, "invariant_guard statement",
								ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(own);
	stmt.parsetree = pstmt->utilityStmt;
	stmt.outer = ig_statement_current;
	stmt.nested = (context == PROCESS_UTILITY_QUERY ||
				   context == PROCESS_UTILITY_QUERY_NONATOMIC);
	if (context != PROCESS_UTILITY_SUBCOMMAND)
	{
		stmt.query = queryString;
		stmt.location = pstmt->stmt_location;
		stmt.length = pstmt->stmt_len;
	}
	ig_statement_judge(&stmt);
	MemoryContextSwitchTo(old);

	ig_discipline_begin(&stmt);
	depth++;
	ig_statement_current = &stmt;
	PG_TRY();
	{
		call_next(pstmt, queryString, readOnlyTree, context, params, queryEnv,
				  dest, qc);
	}
	PG_FINALLY();
	{
		ig_statement_current = stmt.outer;
		depth--;
		ig_lock_timeout_restore(&stmt.timeout);
	}
	PG_END_TRY();

	ig_names_check(&stmt);
	ig_discipline_end(&stmt);
	MemoryContextDelete(own);
}
