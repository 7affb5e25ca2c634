/*-------------------------------------------------------------------------
 *
 * locks.h
 *	  Locks on relations: what this transaction holds, who is in the way, and
 *	  how long to wait for one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LOCKS_H
#define IG_LOCKS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "storage/lock.h"
#include "utils/timestamp.h"

/* Another transaction that holds a lock which a statement would wait for. */
typedef struct IgBlocker
{
	VirtualTransactionId vxid;
	Oid			relid;			/* what it has locked */
	int			pid;			/* 0 for a prepared transaction */
	bool		detailed;		/* may the user see what follows? */
	const char *application;
	const char *state;			/* as in pg_stat_activity; NULL if not known */
	TimestampTz began;			/* its transaction; 0 if not known */
} IgBlocker;

/*
 * Does this transaction hold the lock, or a stronger one?
 */
extern bool ig_lock_is_held(Oid relid, LOCKMODE mode);

/*
 * The transactions of others that hold a lock which conflicts with the mode,
 * as a list of IgBlocker of which vxid, relid and pid are set.  Autovacuum
 * workers are not among them where the server cancels them for whoever waits.
 */
extern List *ig_lock_conflicts(Oid relid, LOCKMODE mode);
extern bool ig_lock_is_among(const IgBlocker *blocker, List *blockers);

/* Fill in the rest. */
extern void ig_lock_describe(List *blockers);

/*
 * The time that one statement may wait for a lock: see locks.c.
 */
typedef struct IgLockTimeout
{
	int			nest_level;		/* of the setting; 0 = none was begun */
	bool		direct;			/* assigned without the server's stack */
	int			value;			/* what was set, in ms */
	int			before;
} IgLockTimeout;

extern void ig_lock_timeout_begin(IgLockTimeout *timeout, int value, bool commits_inside);
extern void ig_lock_timeout_restore(IgLockTimeout *timeout);
extern void ig_lock_timeout_end(IgLockTimeout *timeout);

#endif							/* IG_LOCKS_H */
