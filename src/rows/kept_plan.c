/*-------------------------------------------------------------------------
 *
 * kept_plan.c
 *	  Queries that triggers run for each row, with plans that are kept.
 *
 * A plan is kept by the text of its query.  The text has the names as they are
 * now, so that after a rename it is another one; and as names come and go, old
 * plans must not pile up.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "rows/kept_plan.h"
#include "rows/own_query.h"

/* With more of them than these, a transaction begins with none. */
#define MAX_KEPT	1000

struct IgKeptPlan
{
	const char *sql;			/* hash key: the first three */
	const Oid  *types;
	int			nargs;
	SPIPlanPtr	plan;			/* NULL until it is needed */
};

static HTAB *kept_plans = NULL;
static MemoryContext kept_context = NULL;
static LocalTransactionId last_used = InvalidLocalTransactionId;

static void begin_use(void);
static uint32 query_hash(const void *key, Size size);
static int	query_compare(const void *a, const void *b, Size size);
static void copy_row(Datum *row, bool *nulls, MemoryContext context);
static Datum copy_out(Datum value, Form_pg_attribute attr);

IgKeptPlan *
ig_kept_plan(const char *sql, int nargs, const Oid *types)
{
	IgKeptPlan	probe = {.sql = sql, .types = types, .nargs = nargs};
	IgKeptPlan *kept;
	Oid		   *kept_types;
	bool		found;

	begin_use();
	kept = (IgKeptPlan *) hash_search(kept_plans, &probe, HASH_FIND, NULL);
	if (kept != NULL)
		return kept;

	kept_types = MemoryContextAlloc(kept_context, sizeof(Oid) * (nargs + 1));
	memcpy(kept_types, types, sizeof(Oid) * nargs);
	probe.types = kept_types;
	probe.sql = MemoryContextStrdup(kept_context, sql);
	kept = (IgKeptPlan *) hash_search(kept_plans, &probe, HASH_ENTER, &found);
	kept->plan = NULL;
	return kept;
}

/*
 * What is used was asked for in the same transaction: before the first is asked
 * for, all can go.
 */
static void
begin_use(void)
{
	HASHCTL		ctl = {0};

	if (kept_plans != NULL && last_used != ig_proc_lxid(MyProc) &&
		hash_get_num_entries(kept_plans) > MAX_KEPT)
	{
		HASH_SEQ_STATUS status;
		IgKeptPlan *kept;

		hash_seq_init(&status, kept_plans);
		while ((kept = (IgKeptPlan *) hash_seq_search(&status)) != NULL)
		{
			if (kept->plan != NULL)
				SPI_freeplan(kept->plan);
			kept->plan = NULL;
		}
		kept_plans = NULL;
		MemoryContextReset(kept_context);
	}
	last_used = ig_proc_lxid(MyProc);
	if (kept_plans != NULL)
		return;

	if (kept_context == NULL)
		kept_context = AllocSetContextCreate(TopMemoryContext, "invariant_guard kept plans",
											 ALLOCSET_DEFAULT_SIZES);
	ctl.keysize = offsetof(IgKeptPlan, plan);
	ctl.entrysize = sizeof(IgKeptPlan);
	ctl.hash = query_hash;
	ctl.match = query_compare;
	ctl.hcxt = kept_context;
	kept_plans = hash_create("invariant_guard kept plans", 32, &ctl,
							 HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
}

static uint32
query_hash(const void *key, Size size)
{
	const char *sql = ((const IgKeptPlan *) key)->sql;

	return hash_bytes((const unsigned char *) sql, strlen(sql));
}

static int
query_compare(const void *a, const void *b, Size size)
{
	const IgKeptPlan *x = (const IgKeptPlan *) a;
	const IgKeptPlan *y = (const IgKeptPlan *) b;

	return x->nargs != y->nargs || strcmp(x->sql, y->sql) != 0 ||
		memcmp(x->types, y->types, sizeof(Oid) * x->nargs) != 0;
}

void
ig_kept_plan_prepare(IgKeptPlan *kept, IgKeptPlanCheck check, const char *arg)
{
	SPIPlanPtr	plan;

	if (kept->plan != NULL)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(kept->sql, kept->nargs, unconstify(Oid *, kept->types));
	if (plan == NULL)
		elog(ERROR, "SPI_prepare returned %s for %s", SPI_result_code_string(SPI_result),
			 kept->sql);
	if (check != NULL)
		check(plan, arg);
	SPI_keepplan(plan);
	kept->plan = plan;
	SPI_finish();
}

/*
 * An error puts the user back, by the end of the (sub)transaction.
 */
uint64
ig_kept_plan_run(IgKeptPlan *kept, const Datum *values, Oid role, IgKeptSight sight,
				 long limit, Datum *row, bool *nulls)
{
	MemoryContext caller = CurrentMemoryContext;
	bool		latest = sight == IG_SEES_COMMITTED;
	Oid			user;
	int			context;
	uint64		count;
	int			result;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(role, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	ig_kept_plan_prepare(kept, NULL, NULL);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (latest)
		CommandCounterIncrement();
	result = ig_own_plan(kept->plan, unconstify(Datum *, values),
						 latest ? GetLatestSnapshot() : InvalidSnapshot,
						 latest && IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
						 InvalidSnapshot, !latest, false, limit);
	SetUserIdAndSecContext(user, context);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot returned %s", SPI_result_code_string(result));
	count = SPI_processed;
	if (count > 0 && row != NULL)
		copy_row(row, nulls, caller);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return count;
}

static void
copy_row(Datum *row, bool *nulls, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	TupleDesc	desc = SPI_tuptable->tupdesc;

	heap_deform_tuple(SPI_tuptable->vals[0], desc, row, nulls);
	for (int i = 0; i < desc->natts; i++)
	{
		if (!nulls[i])
			row[i] = copy_out(row[i], TupleDescAttr(desc, i));
	}
	MemoryContextSwitchTo(old);
}

/*
 * What is stored out of line belongs to the table that was read.
 */
static Datum
copy_out(Datum value, Form_pg_attribute attr)
{
	if (attr->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		return PointerGetDatum(detoast_external_attr((struct varlena *) DatumGetPointer(value)));
	return datumCopy(value, attr->attbyval, attr->attlen);
}

bool
ig_kept_plan_is(const char *sql)
{
	HASH_SEQ_STATUS status;
	const IgKeptPlan *kept;

	if (kept_plans == NULL)
		return false;
	hash_seq_init(&status, kept_plans);
	while ((kept = (const IgKeptPlan *) hash_seq_search(&status)) != NULL)
	{
		if (kept->plan != NULL && strcmp(kept->sql, sql) == 0)
		{
			hash_seq_term(&status);
			return true;
		}
	}
	return false;
}
