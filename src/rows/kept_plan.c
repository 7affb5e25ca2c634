/*-------------------------------------------------------------------------
 *
 * kept_plan.c
 *	  Queries that triggers run for each row, with plans that are kept.
 *
 * A plan is kept by the text of its query.  The text has the names as they are
 * now, so that after a rename it is another one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "rows/kept_plan.h"
#include "rows/own_query.h"

typedef struct KeptPlan
{
	uint64		hash;			/* hash key: of text and types */
	char	   *sql;
	int			nargs;
	Oid		   *types;
	SPIPlanPtr	plan;
} KeptPlan;

static HTAB *kept_plans = NULL;

static SPIPlanPtr plan_of(const char *sql, int nargs, Oid *types);
static bool is_for(const KeptPlan *kept, const char *sql, int nargs, const Oid *types);
static void keep(KeptPlan *kept, const char *sql, int nargs, const Oid *types,
				 SPIPlanPtr plan);

uint64
ig_kept_plan_run(const char *sql, int nargs, Oid *types, Datum *values, Oid relid, long limit)
{
	Oid			user;
	int			context;
	SPIPlanPtr	plan;
	uint64		count;
	int			result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(ig_relation_owner(relid), context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);

	/* an error puts the user back, by the end of the (sub)transaction */
	plan = plan_of(sql, nargs, types);
	CommandCounterIncrement();
	result = ig_own_plan(plan, values, GetLatestSnapshot(),
						 IsolationUsesXactSnapshot() ? GetTransactionSnapshot() :
						 InvalidSnapshot, false, false, limit);
	SetUserIdAndSecContext(user, context);
	if (result < 0)
		elog(ERROR, "SPI_execute_snapshot returned %s", SPI_result_code_string(result));
	count = SPI_processed;
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return count;
}

bool
ig_kept_plan_is(const char *sql)
{
	HASH_SEQ_STATUS status;
	const KeptPlan *kept;

	if (kept_plans == NULL)
		return false;
	hash_seq_init(&status, kept_plans);
	while ((kept = (const KeptPlan *) hash_seq_search(&status)) != NULL)
	{
		if (kept->plan != NULL && strcmp(kept->sql, sql) == 0)
		{
			hash_seq_term(&status);
			return true;
		}
	}
	return false;
}

static SPIPlanPtr
plan_of(const char *sql, int nargs, Oid *types)
{
	uint64		hash;
	KeptPlan   *kept;
	SPIPlanPtr	plan;
	bool		found;

	if (kept_plans == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(uint64);
		ctl.entrysize = sizeof(KeptPlan);
		kept_plans = hash_create("invariant_guard kept plans", 32, &ctl,
								 HASH_ELEM | HASH_BLOBS);
	}

	hash = hash_bytes_extended((const unsigned char *) sql, strlen(sql), 0);
	hash = hash_bytes_extended((const unsigned char *) types, sizeof(Oid) * nargs, hash);
	kept = (KeptPlan *) hash_search(kept_plans, &hash, HASH_FIND, NULL);
	if (kept != NULL && is_for(kept, sql, nargs, types))
		return kept->plan;

	plan = SPI_prepare(sql, nargs, types);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare returned %s for %s", SPI_result_code_string(SPI_result), sql);
	SPI_keepplan(plan);

	/* from here on nothing but want of memory can fail */
	kept = (KeptPlan *) hash_search(kept_plans, &hash, HASH_ENTER, &found);
	if (found && kept->plan != NULL)
		SPI_freeplan(kept->plan);
	kept->plan = NULL;
	keep(kept, sql, nargs, types, plan);
	return plan;
}

static bool
is_for(const KeptPlan *kept, const char *sql, int nargs, const Oid *types)
{
	return kept->plan != NULL && kept->nargs == nargs && strcmp(kept->sql, sql) == 0 &&
		memcmp(kept->types, types, sizeof(Oid) * nargs) == 0;
}

static void
keep(KeptPlan *kept, const char *sql, int nargs, const Oid *types, SPIPlanPtr plan)
{
	kept->sql = MemoryContextStrdup(TopMemoryContext, sql);
	kept->nargs = nargs;
	kept->types = MemoryContextAlloc(TopMemoryContext, sizeof(Oid) * Max(nargs, 1));
	memcpy(kept->types, types, sizeof(Oid) * nargs);
	kept->plan = plan;
}
