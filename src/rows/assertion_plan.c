/*-------------------------------------------------------------------------
 *
 * assertion_plan.c
 *	  The assertions of a session, parsed, and whether they hold.
 *
 * An assertion is run as foreign keys run their queries: with the rights of the
 * table's owner and without row security, so that it does not depend on who
 * commits, and by the latest snapshot, so that what others have committed since
 * a REPEATABLE READ transaction began is seen.  Volatile functions would take a
 * snapshot of their own, and are refused.
 *
 * The search path is pinned, for the plan to be made and to be made again.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/assertion_plan.h"
#include "rows/own_query.h"

struct IgAssertion
{
	struct IgAssertion *next;
	char	   *text;
	int			nkeys;
	Oid			types[INDEX_MAX_KEYS];
	SPIPlanPtr	plan;			/* NULL until it is needed */
};

static IgAssertion *assertions = NULL;

static void check_plan(SPIPlanPtr plan, const char *sql);
static void check_query(Query *query, const char *sql);
static bool changes_or_locks(Node *node, void *context);
static void set_setting(const char *name, const char *value);
static void tell_assertion(void *arg);

/*
 * As a scalar subquery, or as an expression in parentheses.
 */
char *
ig_assertion_sql(const char *sql)
{
	return psprintf("(%s\n)", sql);
}

IgAssertion *
ig_assertion(const char *sql, int nkeys, const Oid *types)
{
	IgAssertion *assertion;

	for (assertion = assertions; assertion != NULL; assertion = assertion->next)
	{
		if (assertion->nkeys == nkeys && strcmp(assertion->text, sql) == 0 &&
			memcmp(assertion->types, types, sizeof(Oid) * nkeys) == 0)
			return assertion;
	}

	assertion = MemoryContextAllocZero(TopMemoryContext, sizeof(IgAssertion));
	assertion->text = MemoryContextStrdup(TopMemoryContext, sql);
	assertion->nkeys = nkeys;
	memcpy(assertion->types, types, sizeof(Oid) * nkeys);
	assertion->next = assertions;
	assertions = assertion;
	return assertion;
}

void
ig_assertion_prepare(IgAssertion *assertion)
{
	ErrorContextCallback context = {
		.callback = tell_assertion,
		.arg = assertion->text,
		.previous = error_context_stack,
	};
	SPIPlanPtr	plan;

	if (assertion->plan != NULL)
		return;

	error_context_stack = &context;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(psprintf("SELECT %s", ig_assertion_sql(assertion->text)),
					   assertion->nkeys, assertion->types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	check_plan(plan, assertion->text);
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	assertion->plan = plan;
	SPI_finish();
	error_context_stack = context.previous;
}

static void
check_plan(SPIPlanPtr plan, const char *sql)
{
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source = list_length(sources) == 1 ?
		(CachedPlanSource *) linitial(sources) : NULL;
	ListCell   *lc;

	if (source == NULL || source->resultDesc == NULL || source->resultDesc->natts != 1 ||
		TupleDescAttr(source->resultDesc, 0)->atttypid != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the assertion is not one boolean value: \"%s\"", ig_text_name(sql)),
				 errhint("It is an expression, or a query of one column and one row, in which $1 is the first column of the key.")));
	foreach(lc, source->query_list)
		check_query(lfirst_node(Query, lc), sql);
	foreach(lc, source->relationOids)
	{
		if (get_rel_persistence(lfirst_oid(lc)) == RELPERSISTENCE_TEMP)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
					 errmsg("the assertion reads the temporary table \"%s\"",
							ig_text_name(get_rel_name(lfirst_oid(lc)))),
					 errdetail("Other sessions cannot check it.")));
	}
}

static void
check_query(Query *query, const char *sql)
{
	if (changes_or_locks((Node *) query, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("the assertion must not change or lock rows: \"%s\"", ig_text_name(sql))));
	if (contain_volatile_functions((Node *) query))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("functions in an assertion must not be volatile: \"%s\"", ig_text_name(sql)),
				 errdetail("They would not see what other transactions have committed in the meantime."),
				 errhint("Declare the function STABLE, if it only reads.")));
}

static bool
changes_or_locks(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = (Query *) node;

		return query->commandType != CMD_SELECT || query->rowMarks != NIL ||
			query_tree_walker(query, changes_or_locks, context, 0);
	}
	return expression_tree_walker(node, changes_or_locks, context);
}

static void
tell_assertion(void *arg)
{
	errcontext("commit assertion \"%s\"", ig_text_name((const char *) arg));
}

void
ig_assertion_as_role(Oid role, IgAsRole *before)
{
	GetUserIdAndSecContext(&before->userid, &before->context);
	SetUserIdAndSecContext(role,
						   before->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	before->nest = NewGUCNestLevel();
	set_setting("search_path", "pg_catalog, pg_temp");
	set_setting("row_security", "off");
}

void
ig_assertion_as_before(const IgAsRole *before)
{
	AtEOXact_GUC(true, before->nest);
	SetUserIdAndSecContext(before->userid, before->context);
}

static void
set_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

IgAssertionResult
ig_assertion_check(IgAssertion *assertion, Oid role, const Datum *values)
{
	ErrorContextCallback context = {
		.callback = tell_assertion,
		.arg = assertion->text,
		.previous = error_context_stack,
	};
	IgAsRole	before;
	IgAssertionResult result;
	bool		isnull;
	Datum		value;

	ig_assertion_as_role(role, &before);
	ig_assertion_prepare(assertion);

	error_context_stack = &context;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_plan(assertion->plan, (Datum *) values, GetLatestSnapshot(), InvalidSnapshot,
					false, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not check the assertion");
	value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	result = isnull ? IG_ASSERTION_UNKNOWN :
		DatumGetBool(value) ? IG_ASSERTION_HOLDS : IG_ASSERTION_BROKEN;
	SPI_finish();
	error_context_stack = context.previous;

	ig_assertion_as_before(&before);
	return result;
}
