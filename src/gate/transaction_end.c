/*-------------------------------------------------------------------------
 *
 * transaction_end.c
 *	  What the gate does when a transaction ends.
 *
 * Before a commit the verdicts that waited for it are given; after it, and
 * after an abort, whatever the gate remembered of the transaction is forgotten.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"

#include "gate/decide.h"
#include "gate/held_locks.h"
#include "gate/pending.h"
#include "gate/statement.h"
#include "gate/transaction.h"
#include "gate/transaction_end.h"
#include "platform/settings.h"

static void notice_unused_allowances(void);
static void forget(void);
static void xact_callback(XactEvent event, void *arg);
static void subxact_callback(SubXactEvent event, SubTransactionId subid,
							 SubTransactionId parent, void *arg);

void
ig_transaction_end_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}

static void
xact_callback(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			if (ig_pending_exists)
				ig_pending_judge();
			if (ig_allow_set_subid != InvalidSubTransactionId && IsTransactionBlock())
				notice_unused_allowances();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			forget();
			break;
		default:
			break;
	}
}

/*
 * Tell of the allowances that this transaction set and did not use.  A SET
 * outside a transaction block is for later statements, so it says nothing.
 */
static void
notice_unused_allowances(void)
{
	for (int item = 0; item < ig_allow_list->count; item++)
	{
		if (!ig_transaction_used_allowance(item))
			ig_decide_notice_unused(&ig_allow_list->items[item]);
	}
}

static void
forget(void)
{
	ig_transaction_forget();
	ig_allow_set_subid = InvalidSubTransactionId;
	ig_pending_forget();
	ig_held_locks_forget();
	ig_statement_forget(InvalidSubTransactionId);
}

static void
subxact_callback(SubXactEvent event, SubTransactionId subid,
				 SubTransactionId parent, void *arg)
{
	bool		commit = event == SUBXACT_EVENT_COMMIT_SUB;

	if (!commit && event != SUBXACT_EVENT_ABORT_SUB)
		return;

	ig_transaction_subxact_end(subid, parent, commit);
	if (ig_allow_set_subid >= subid)
		ig_allow_set_subid = commit ? parent : InvalidSubTransactionId;
	ig_pending_subxact_end(subid, parent, commit);
	ig_held_locks_subxact_end(subid, parent, commit);
	if (!commit)
		ig_statement_forget(subid);
}
