/*-------------------------------------------------------------------------
 *
 * rows_changed.c
 *	  How many rows a transaction changes while it holds a strong lock.
 *
 * The server counts for its statistics what a transaction inserts, updates and
 * deletes, table by table: whatever statement, trigger, cascade or COPY did
 * it, and without what was rolled back.  Counted from the first strong lock
 * on; rows of catalogs, of temporary tables and of those that are new in the
 * transaction do not count.  Where track_counts is off, what the statements
 * themselves report is added up instead, for whatever table it is, and what
 * cascades and data-modifying CTEs do beside them goes unseen.
 *
 * Looked at when a statement has run: no sooner is it known how many they are.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/transam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "pgstat.h"
#include "utils/memutils.h"
#include "utils/pgstat_internal.h"

#include "gate/decide.h"
#include "gate/held_locks.h"
#include "gate/rows_changed.h"
#include "platform/compat.h"

bool		ig_rows_counting = false;

/* What the server's counters said when the first lock had been taken. */
static int64 counted_before;

/*
 * When they were last read: of all tables, and of those that count.  The
 * second is dear, and cannot have grown by more than the first.
 */
static int64 seen_all;
static int64 seen_counted;
static bool seen_valid;

/* What the statements reported, where the server does not count. */
static int64 reported;

static ExecutorFinish_hook_type prev_ExecutorFinish = NULL;

static void ig_ExecutorFinish(QueryDesc *queryDesc);
static int64 rows_of_transaction(bool all);
static int64 rows_of(const PgStat_TableXactStatus *status);
static bool is_counted(Oid relid);
static bool may_exceed(uint64 processed, int64 limit);
static int64 rows_since_lock(void);

void
ig_rows_changed_install(void)
{
	prev_ExecutorFinish = ExecutorFinish_hook;
	ExecutorFinish_hook = ig_ExecutorFinish;
}

/*
 * On the way of every query: one look at a variable is all it may cost.  The
 * statement's triggers have run when the next one returns.
 */
static void
ig_ExecutorFinish(QueryDesc *queryDesc)
{
	if (prev_ExecutorFinish)
		prev_ExecutorFinish(queryDesc);
	else
		standard_ExecutorFinish(queryDesc);

	if (unlikely(ig_rows_counting))
		ig_rows_judge(queryDesc->operation == CMD_SELECT ? 0 :
					  queryDesc->estate->es_processed);
}

void
ig_rows_begin(void)
{
	counted_before = 0;
	counted_before = rows_since_lock();
	reported = 0;
	ig_rows_counting = true;
}

/*
 * A subtransaction was rolled back, and the server's counters with it.
 */
void
ig_rows_taken_back(void)
{
	seen_valid = false;
}

void
ig_rows_end(void)
{
	ig_rows_counting = false;
}

/*
 * The sum over all tables and subtransactions.
 */
static int64
rows_of_transaction(bool all)
{
	PgStat_SubXactStatus *level = pgstat_get_xact_stack_level(GetCurrentTransactionNestLevel());
	int64		rows = 0;

	for (; level != NULL; level = level->prev)
	{
		for (PgStat_TableXactStatus *status = level->first; status; status = status->next)
		{
			Oid			relid = ig_tabstat_relid(status->parent);

			if (relid >= FirstNormalObjectId && (all || is_counted(relid)))
				rows += rows_of(status);
		}
	}
	return rows;
}

/* TRUNCATE and DROP set the counters back, and keep what they were. */
static int64
rows_of(const PgStat_TableXactStatus *status)
{
	int64		rows = status->tuples_inserted + status->tuples_updated + status->tuples_deleted;

	if (status->truncdropped)
		rows += status->inserted_pre_truncdrop + status->updated_pre_truncdrop +
			status->deleted_pre_truncdrop;
	return rows;
}

static bool
is_counted(Oid relid)
{
	IgRelation *rel = ig_relation_load(relid);

	return rel != NULL && !ig_relation_is_exempt(rel) &&
		rel->relkind == RELKIND_RELATION;
}

/*
 * Can it be that more rows than these have been changed since the lock was
 * taken?  Looks up nothing.
 */
static bool
may_exceed(uint64 processed, int64 limit)
{
	if (!pgstat_track_counts)
	{
		reported += processed;
		return reported > limit;
	}
	if (!seen_valid)
		return true;
	return seen_counted - counted_before + rows_of_transaction(true) - seen_all > limit;
}

static int64
rows_since_lock(void)
{
	if (!pgstat_track_counts)
		return reported;

	seen_all = rows_of_transaction(true);
	seen_counted = rows_of_transaction(false);
	seen_valid = true;
	return seen_counted - counted_before;
}

/*
 * Told once in a transaction, unless it is refused.
 */
void
ig_rows_judge(uint64 processed)
{
	MemoryContext own;
	MemoryContext old;
	IgChange	change = {0};
	int64		limit = ig_guc_max_rows_while_locked;

	if (limit < 0 || !IsTransactionState() || !may_exceed(processed, limit) ||
		!ig_gate_active())
		return;

	own = AllocSetContextCreate(CurrentMemoryContext, "invariant_guard rows",
								ALLOCSET_SMALL_SIZES);
	old = MemoryContextSwitchTo(own);
	change.kind = IG_CHANGE_ROWS;
	change.rows = rows_since_lock();
	if (change.rows > limit)
		change.held = ig_held_locks();
	if (change.held != NIL)
	{
		change.rel = ((const IgTableLock *) linitial(change.held))->rel;
		ig_decide_change(&change);
		ig_rows_counting = false;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(own);
}
