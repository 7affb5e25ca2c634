/*-------------------------------------------------------------------------
 *
 * locks.c
 *	  Locks on relations: what this transaction holds, who is in the way, and
 *	  how long to wait for one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "storage/procarray.h"
#include "storage/sinvaladt.h"
#include "utils/acl.h"
#include "utils/backend_status.h"
#include "utils/guc.h"

#include "platform/compat.h"
#include "platform/locks.h"

static IgBlocker *blocker_of(VirtualTransactionId vxid);
static const LocalPgBackendStatus *status_of(int pid);
static const char *state_name(BackendState state);

bool
ig_lock_is_held(Oid relid, LOCKMODE mode)
{
	return CheckRelationOidLockedByMe(relid, mode, true);
}

List *
ig_lock_conflicts(Oid relid, LOCKMODE mode)
{
	List	   *blockers = NIL;
	LOCKTAG		tag;
	VirtualTransactionId *vxids;
	int			count;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	vxids = GetLockConflicts(&tag, mode, &count);
	for (int i = 0; i < count; i++)
	{
		IgBlocker  *blocker = blocker_of(vxids[i]);

		if (blocker == NULL)
			continue;
		blocker->relid = relid;
		blockers = lappend(blockers, blocker);
	}
	return blockers;
}

/*
 * A transaction that its backend does not run any more has ended, or was
 * prepared.  Which of these, the second look tells: what has ended holds no
 * lock then.
 */
static IgBlocker *
blocker_of(VirtualTransactionId vxid)
{
	IgBlocker  *blocker = palloc0(sizeof(IgBlocker));
	PGPROC	   *proc = NULL;

	blocker->vxid = vxid;
	if (!VirtualTransactionIdIsRecoveredPreparedXact(vxid))
		proc = ig_vxid_proc(vxid);
	if (proc == NULL || ig_proc_lxid(proc) != vxid.localTransactionId)
		return blocker;

	/* of our own parallel query, which a cursor may have left running */
	if (proc == MyProc ||
		(proc->lockGroupLeader != NULL && proc->lockGroupLeader == MyProc->lockGroupLeader))
		return NULL;

	if ((proc->statusFlags & PROC_IS_AUTOVACUUM) != 0 &&
		(proc->statusFlags & PROC_VACUUM_FOR_WRAPAROUND) == 0)
		return NULL;

	blocker->pid = proc->pid;
	return blocker;
}

bool
ig_lock_is_among(const IgBlocker *blocker, List *blockers)
{
	ListCell   *lc;

	foreach(lc, blockers)
	{
		const IgBlocker *other = (const IgBlocker *) lfirst(lc);

		if (blocker->relid == other->relid &&
			VirtualTransactionIdEquals(blocker->vxid, other->vxid))
			return true;
	}
	return false;
}

/*
 * By the server's status of its backends, of which a transaction keeps a copy
 * once it has asked.  An old copy would not do, nor is ours to stay.
 */
void
ig_lock_describe(List *blockers)
{
	ListCell   *lc;

	pgstat_clear_backend_activity_snapshot();
	foreach(lc, blockers)
	{
		IgBlocker  *blocker = (IgBlocker *) lfirst(lc);
		const LocalPgBackendStatus *local = blocker->pid != 0 ? status_of(blocker->pid) : NULL;

		if (local == NULL)
			continue;

		/* who may see it in pg_stat_activity */
		if (!has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) &&
			!has_privs_of_role(GetUserId(), local->backendStatus.st_userid))
			continue;

		blocker->detailed = true;
		blocker->application = pstrdup(local->backendStatus.st_appname ?
									   local->backendStatus.st_appname : "");
		blocker->state = state_name(local->backendStatus.st_state);
		blocker->began = local->backendStatus.st_xact_start_timestamp;
	}
	pgstat_clear_backend_activity_snapshot();
}

static const LocalPgBackendStatus *
status_of(int pid)
{
	int			count = pgstat_fetch_stat_numbackends();

	for (int i = 1; i <= count; i++)
	{
		const LocalPgBackendStatus *local = ig_local_beentry(i);

		if (local != NULL && local->backendStatus.st_procpid == pid)
			return local;
	}
	return NULL;
}

static const char *
state_name(BackendState state)
{
	switch (state)
	{
		case STATE_IDLE:
			return "idle";
		case STATE_RUNNING:
			return "active";
		case STATE_IDLEINTRANSACTION:
			return "idle in transaction";
		case STATE_FASTPATH:
			return "fastpath function call";
		case STATE_IDLEINTRANSACTION_ABORTED:
			return "idle in transaction (aborted)";
		default:
			return NULL;
	}
}

/*
 * Let the running statement wait this long for a lock.
 *
 * It is done as the server does it for a function that has lock_timeout among
 * its SET clauses: a level of its own on the stack of settings.  An error, a
 * cancel, a savepoint or an exception block that takes the statement back
 * takes the level with it, and nothing is to be done here.  What the statement
 * itself sets meanwhile, in an event trigger perhaps, is put on top and never
 * mistaken for the value that was there before.
 *
 * The stack does not survive a statement that commits inside.  There the
 * variable is assigned directly; such a statement cannot run in a transaction
 * block, so nothing is on the stack that could save our value as its own.
 */
void
ig_lock_timeout_begin(IgLockTimeout *timeout, int value, bool commits_inside)
{
	char		digits[16];

	timeout->value = value;
	timeout->before = LockTimeout;
	timeout->direct = commits_inside;
	if (commits_inside)
	{
		LockTimeout = value;
		return;
	}

	snprintf(digits, sizeof(digits), "%d", value);
	timeout->nest_level = NewGUCNestLevel();
	(void) set_config_option("lock_timeout", digits, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * For a statement that commits inside, however it ends.  A value that is not
 * ours any more was set by the statement.
 */
void
ig_lock_timeout_restore(IgLockTimeout *timeout)
{
	if (timeout->direct && LockTimeout == timeout->value)
		LockTimeout = timeout->before;
	timeout->direct = false;
}

/*
 * The statement has come to its end, without an error.  What it set with SET
 * stays, and so does what it set with SET LOCAL.
 */
void
ig_lock_timeout_end(IgLockTimeout *timeout)
{
	int			last = LockTimeout;
	char		digits[16];

	if (timeout->nest_level == 0)
		return;

	AtEOXact_GUC(true, timeout->nest_level);
	timeout->nest_level = 0;

	if (last != timeout->value && last != LockTimeout)
	{
		snprintf(digits, sizeof(digits), "%d", last);
		(void) set_config_option("lock_timeout", digits, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_LOCAL, true, 0, false);
	}
}
