/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Cross-partition moves, as row triggers can tell them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "storage/itemptr.h"
#include "storage/proc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "rows/move.h"

/*
 * The row that was last about to be updated.  It says nothing once the command
 * is another one; an error leaves it as it is, which does no harm.
 */
static struct
{
	Oid			relid;
	ItemPointerData tid;
	CommandId	cid;
	LocalTransactionId lxid;
	bool		is_moving;
	HeapTuple	row;
	MemoryContext context;
}			last;

static bool is_current(void);

void
ig_move_note(const TriggerData *td)
{
	MemoryContext old;

	if (!td->tg_relation->rd_rel->relispartition)
		return;

	if (last.context == NULL)
		last.context = AllocSetContextCreate(TopMemoryContext, "invariant_guard move",
											 ALLOCSET_SMALL_SIZES);
	else
		MemoryContextReset(last.context);
	old = MemoryContextSwitchTo(last.context);
	last.row = heap_copytuple(td->tg_trigtuple);
	MemoryContextSwitchTo(old);

	last.relid = RelationGetRelid(td->tg_relation);
	last.tid = td->tg_trigtuple->t_self;
	last.cid = GetCurrentCommandId(false);
	last.lxid = ig_proc_lxid(MyProc);
	last.is_moving = false;
}

static bool
is_current(void)
{
	return OidIsValid(last.relid) && last.cid == GetCurrentCommandId(false) &&
		last.lxid == ig_proc_lxid(MyProc);
}

bool
ig_move_is_delete(const TriggerData *td)
{
	if (last.relid != RelationGetRelid(td->tg_relation) || !is_current() ||
		!ItemPointerEquals(&last.tid, &td->tg_trigtuple->t_self))
		return false;
	last.is_moving = true;
	return true;
}

HeapTuple
ig_move_old_row(Oid *source)
{
	if (!last.is_moving || !is_current())
		return NULL;
	*source = last.relid;
	return last.row;
}
