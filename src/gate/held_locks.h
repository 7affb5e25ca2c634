/*-------------------------------------------------------------------------
 *
 * held_locks.h
 *	  The strong locks on existing relations that this transaction holds.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_HELD_LOCKS_H
#define IG_HELD_LOCKS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* A statement that took these (of IgTableLock) has come to its end. */
extern void ig_held_locks_note(List *locks);

/* Those that are held, in the order in which they were taken. */
extern List *ig_held_locks(void);

extern void ig_held_locks_forget(void);
extern void ig_held_locks_subxact_end(SubTransactionId subid, SubTransactionId parent,
									  bool commit);

#endif							/* IG_HELD_LOCKS_H */
