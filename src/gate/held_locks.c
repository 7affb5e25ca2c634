/*-------------------------------------------------------------------------
 *
 * held_locks.c
 *	  The strong locks on existing relations that this transaction holds.
 *
 * A journal like those of transaction.c.  The server releases what a
 * subtransaction took when it is rolled back, and so does the journal; it is
 * asked all the same whether a lock is held, since it knows for sure.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "gate/held_locks.h"
#include "gate/rows_changed.h"
#include "model/change.h"
#include "platform/locks.h"

typedef struct HeldLock
{
	IgTableLock lock;
	SubTransactionId subid;
} HeldLock;

/* In the transaction's memory, in order of time. */
static List *held = NIL;

static bool is_noted(const IgTableLock *lock);

static bool
is_noted(const IgTableLock *lock)
{
	ListCell   *lc;

	foreach(lc, held)
	{
		const HeldLock *entry = (const HeldLock *) lfirst(lc);

		if (entry->lock.rel->relid == lock->rel->relid &&
			entry->lock.mode >= lock->mode &&
			(!entry->lock.by_lock_table || lock->by_lock_table))
			return true;
	}
	return false;
}

void
ig_held_locks_note(List *locks)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	ListCell   *lc;

	if (held == NIL && locks != NIL)
		ig_rows_begin();

	foreach(lc, locks)
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);
		HeldLock   *entry;

		if (is_noted(lock))
			continue;
		entry = palloc(sizeof(HeldLock));
		entry->lock = *lock;
		entry->lock.rel = ig_relation_copy(lock->rel);
		entry->subid = GetCurrentSubTransactionId();
		held = lappend(held, entry);
	}
	MemoryContextSwitchTo(old);
}

List *
ig_held_locks(void)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, held)
	{
		HeldLock   *entry = (HeldLock *) lfirst(lc);

		if (ig_lock_is_held(entry->lock.rel->relid, entry->lock.mode))
			result = lappend(result, &entry->lock);
	}
	return result;
}

/*
 * The transaction has ended, and its memory with it.
 */
void
ig_held_locks_forget(void)
{
	held = NIL;
	ig_rows_end();
}

void
ig_held_locks_subxact_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	ListCell   *lc;

	if (held == NIL)
		return;

	foreach(lc, held)
	{
		HeldLock   *entry = (HeldLock *) lfirst(lc);

		if (entry->subid < subid)
			continue;
		if (commit)
			entry->subid = parent;
		else
			held = foreach_delete_current(held, lc);
	}
	if (held == NIL)
		ig_rows_end();
	else if (!commit)
		ig_rows_taken_back();
}
