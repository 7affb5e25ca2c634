/*-------------------------------------------------------------------------
 *
 * usage_worker.c
 *	  Who writes the usage record to disk.
 *
 * A background worker, so that no query ever waits for a disk.  With
 * shared_preload_libraries the server starts it, and the postmaster reads the
 * file at its start and writes it when the server is shut down.  Without, the
 * first session of which something is recorded asks for the worker; where there
 * is none to be had, for max_worker_processes, it is tried again by and by, and
 * what would be lost by a crash is longer.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/shmem.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

#include "columns/usage_record.h"
#include "platform/compat.h"
#include "platform/library.h"
#include "platform/settings.h"

/* How long the last writing may wait for the last session, in ms. */
#define MAX_WAIT_FOR_SESSIONS	5000

PGDLLEXPORT void ig_usage_worker_main(Datum arg);

static shmem_startup_hook_type prev_shmem_startup = NULL;

static void describe_worker(BackgroundWorker *worker, int restart_time);
static void load_at_start(void);
static void save_at_exit(int code, Datum arg);
static void worker_gone(int code, Datum arg);
static bool wait_for_sessions(IgUsageRecord *record);

void
ig_usage_worker_install(void)
{
	BackgroundWorker worker;

	if (!process_shared_preload_libraries_in_progress)
		return;

	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = load_at_start;
	describe_worker(&worker, 10);
	RegisterBackgroundWorker(&worker);
}

static void
describe_worker(BackgroundWorker *worker, int restart_time)
{
	memset(worker, 0, sizeof(BackgroundWorker));
	worker->bgw_flags = BGWORKER_SHMEM_ACCESS;
	worker->bgw_start_time = BgWorkerStart_ConsistentState;
	worker->bgw_restart_time = restart_time;
	strlcpy(worker->bgw_library_name, IG_LIBRARY_NAME, sizeof(worker->bgw_library_name));
	strlcpy(worker->bgw_function_name, "ig_usage_worker_main", sizeof(worker->bgw_function_name));
	strlcpy(worker->bgw_name, "invariant_guard usage record", sizeof(worker->bgw_name));
	strlcpy(worker->bgw_type, "invariant_guard usage record", sizeof(worker->bgw_type));
}

/*
 * In the postmaster, also after a crash of another process; the memory is a new
 * one each time.
 */
static void
load_at_start(void)
{
	if (prev_shmem_startup)
		prev_shmem_startup();
	if (IsUnderPostmaster)
		return;

	ig_usage_load(ig_usage_record_at_start(), true);
	on_shmem_exit(save_at_exit, (Datum) 0);
}

/*
 * Nobody else is there any more.  After a crash the memory cannot be trusted.
 */
static void
save_at_exit(int code, Datum arg)
{
	if (code == 0)
		ig_usage_save(ig_usage_record_at_start(), true);
}

/*
 * A session has something to record: is there somebody to write it?
 */
void
ig_usage_worker_want(IgUsageRecord *record, TimestampTz now)
{
	BackgroundWorker worker;
	bool		want;

	if (likely(record->has_worker) ||
		(now >= record->worker_wanted &&
		 now - record->worker_wanted < IG_USAGE_RESOLUTION * USECS_PER_SEC) ||
		ig_usage_is_preloaded || !IsUnderPostmaster)
		return;

	ig_usage_lock(true);
	want = !record->has_worker && now != record->worker_wanted;
	record->worker_wanted = now;
	ig_usage_unlock();
	if (!want)
		return;

	describe_worker(&worker, BGW_NEVER_RESTART);
	worker.bgw_notify_pid = 0;
	(void) RegisterDynamicBackgroundWorker(&worker, NULL);
}

void
ig_usage_worker_main(Datum arg)
{
	IgUsageRecord *record;
	bool		other;

	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
	BackgroundWorkerUnblockSignals();

	record = ig_usage_record();
	if (record == NULL)
		proc_exit(0);
	ig_usage_lock(true);
	other = record->has_worker;
	record->has_worker = true;
	ig_usage_unlock();
	if (other)
		proc_exit(0);
	before_shmem_exit(worker_gone, (Datum) 0);

	while (!ShutdownRequestPending)
	{
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 ig_guc_usage_flush_interval * 1000L, PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (!ShutdownRequestPending)
			ig_usage_save(record, false);
	}

	/* where the server has the library, the postmaster writes the last one */
	ig_usage_save(record, !ig_usage_is_preloaded && wait_for_sessions(record));
	proc_exit(1);
}

static void
worker_gone(int code, Datum arg)
{
	IgUsageRecord *record = ig_usage_record();

	if (record != NULL)
		record->has_worker = false;
}

/*
 * When the server is shut down everybody is told at the same time.  Are all
 * sessions gone that could add to the record?
 */
static bool
wait_for_sessions(IgUsageRecord *record)
{
	/* the worker itself is one of those that are attached */
	for (int i = 0; i < MAX_WAIT_FOR_SESSIONS / 10 && record->attached > 1; i++)
		pg_usleep(10 * 1000);
	return record->attached <= 1;
}
