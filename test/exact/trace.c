/*-------------------------------------------------------------------------
 *
 * trace.c
 *	  The server's own account.
 *
 * A library for tests only: exact_trace() collects what the server reports at
 * DEBUG1 just before it rewrites, reads or builds something, and what the gate
 * reports in mode observe.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(exact_trace);

void		_PG_init(void);

static emit_log_hook_type next_emit_log_hook = NULL;
static bool tracing = false;
static List *trace = NIL;

static void
remember(char *what)
{
	MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

	trace = lappend(trace, pstrdup(what));
	MemoryContextSwitchTo(old);
}

/*
 * All locks on relations that this session holds: "lock 16384 ShareLock".
 */
static void
collect_locks(void)
{
	LockData   *data = GetLockStatusData();

	for (int i = 0; i < data->nelements; i++)
	{
		const LockInstanceData *lock = &data->locks[i];

		if (lock->pid != MyProcPid || lock->locktag.locktag_type != LOCKTAG_RELATION)
			continue;
		for (LOCKMODE mode = ShareUpdateExclusiveLock; mode <= AccessExclusiveLock; mode++)
		{
			if (lock->holdMask & LOCKBIT_ON(mode))
				remember(psprintf("lock %u %s", lock->locktag.locktag_field2,
								  GetLockmodeName(DEFAULT_LOCKMETHOD, mode)));
		}
	}
}

static void
collect(ErrorData *edata)
{
	static const char *const watched[] = {
		"rewriting table", "verifying table", "building index",
		"validating foreign key constraint", "invariant_guard: observed"
	};

	/* a statement that commits by itself says so before it lets go: DEBUG5 */
	if (tracing && edata->elevel < DEBUG1)
	{
		edata->output_to_server = false;
		if (strncmp(edata->message, "CommitTransaction(", 18) == 0)
			collect_locks();
	}
	if (tracing && (edata->elevel == DEBUG1 || edata->elevel == LOG))
	{
		edata->output_to_server = false;
		for (int i = 0; i < lengthof(watched); i++)
		{
			if (strncmp(edata->message, watched[i], strlen(watched[i])) == 0)
				remember(edata->message);
		}
	}
	if (next_emit_log_hook)
		next_emit_log_hook(edata);
}

void
_PG_init(void)
{
	next_emit_log_hook = emit_log_hook;
	emit_log_hook = collect;
}

static Datum
text_array(List *strings)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(strings) + 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, strings)
		values[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/* exact_trace(on): start, or hand out what came and stop */
Datum
exact_trace(PG_FUNCTION_ARGS)
{
	Datum		result = text_array(trace);

	tracing = PG_GETARG_BOOL(0);
	trace = NIL;
	PG_RETURN_DATUM(result);
}
