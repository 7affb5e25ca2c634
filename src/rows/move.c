/*-------------------------------------------------------------------------
 *
 * move.c
 *	  Cross-partition moves, as row triggers can tell them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "lib/ilist.h"
#include "storage/itemptr.h"
#include "storage/proc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "platform/inherit.h"
#include "rows/move.h"

/*
 * The row that a statement is about to update.  Lives in the context of the
 * row, which takes it out of the list when it is emptied or goes away, by
 * whatever way.
 */
typedef struct MoveNote
{
	slist_node	node;
	MemoryContext context;
	Oid			relid;
	ItemPointerData tid;
	HeapTuple	row;			/* NULL until somebody asks */
	bool		stays;			/* it was asked, and is no row that moved */
	Oid			arrived_in;		/* invalid until it has arrived */
	ItemPointerData arrived_as;
	List	   *asked;			/* the BEFORE INSERT triggers that were told */
	List	   *keys;			/* of char *: of rules that hold for it */
	const void *attached;
	MemoryContextCallback callback;
} MoveNote;

/* One for each statement that is in the midst of such a row. */
static slist_head notes = SLIST_STATIC_INIT(notes);

/*
 * What the AFTER triggers are to know of a row, in its old place or its new
 * one.  They fire when its statement is done, and take it out.
 */
typedef struct Memory
{
	Oid			relid;			/* hash key, with the next */
	ItemPointerData tid;
	bool		arrived;
	SubTransactionId subid;		/* in which the row has moved */
	List	   *changes;		/* of IgMoveChange */
} Memory;

#define MEMORY_KEY_SIZE		offsetof(Memory, arrived)

/* In TopTransactionContext. */
static HTAB *memories = NULL;
static LocalTransactionId memories_of = InvalidLocalTransactionId;

static MoveNote *current_note(void);
static MoveNote *note_row(Oid relid, const ItemPointerData *tid);
static HeapTuple moved_row(MoveNote *note);
static bool may_arrive_in(const MoveNote *note, Oid relid);
static Oid	topmost_of(Oid relid);
static void forget_note(void *arg);
static Memory *remember(Oid relid, const ItemPointerData *tid);
static Memory *recall(Oid relid, const ItemPointerData *tid);
static void forget(Memory *memory);
static void subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
								 SubTransactionId parentSubid, void *arg);

void
ig_move_init(void)
{
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

static MoveNote *
current_note(void)
{
	slist_iter	iter;

	slist_foreach(iter, &notes)
	{
		MoveNote   *note = slist_container(MoveNote, node, iter.cur);

		if (note->context == CurrentMemoryContext)
			return note;
	}
	return NULL;
}

static void
forget_note(void *arg)
{
	slist_delete(&notes, &((MoveNote *) arg)->node);
}

void
ig_move_note(const TriggerData *td)
{
	if (td->tg_relation->rd_rel->relispartition)
		(void) note_row(RelationGetRelid(td->tg_relation), &td->tg_trigtuple->t_self);
}

static MoveNote *
note_row(Oid relid, const ItemPointerData *tid)
{
	MoveNote   *note = current_note();

	if (note == NULL)
	{
		note = palloc0(sizeof(MoveNote));
		note->context = CurrentMemoryContext;
		note->callback.func = forget_note;
		note->callback.arg = note;
		ItemPointerSetInvalid(&note->arrived_as);
		slist_push_head(&notes, &note->node);
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &note->callback);
	}
	else if (note->relid != relid || !ItemPointerEquals(&note->tid, unconstify(ItemPointerData *, tid)))
	{
		/* another row, or its newest version, since it was changed meanwhile */
		note->row = NULL;
		note->stays = false;
		note->arrived_in = InvalidOid;
		ItemPointerSetInvalid(&note->arrived_as);
		note->asked = NIL;
		note->keys = NIL;
		note->attached = NULL;
	}
	note->relid = relid;
	note->tid = *tid;
	return note;
}

bool
ig_move_is_delete(const TriggerData *td)
{
	const MoveNote *note = current_note();

	return note != NULL && note->relid == RelationGetRelid(td->tg_relation) &&
		ItemPointerEquals((ItemPointer) &note->tid, &td->tg_trigtuple->t_self);
}

void
ig_move_attach(const void *data)
{
	MoveNote   *note = current_note();

	if (note != NULL)
		note->attached = data;
}

const void *
ig_move_attached(void)
{
	const MoveNote *note = current_note();

	return note != NULL ? note->attached : NULL;
}

HeapTuple
ig_move_old_row(Oid *source)
{
	MoveNote   *note = current_note();
	HeapTuple	row = note != NULL ? moved_row(note) : NULL;

	if (row != NULL)
		*source = note->relid;
	return row;
}

/*
 * The old version is still in its place, deleted by this very command.
 */
static HeapTuple
moved_row(MoveNote *note)
{
	Relation	rel;
	TupleTableSlot *slot;

	if (note->row != NULL || note->stays)
		return note->row;

	/* no row moves out of a foreign table */
	rel = table_open(note->relid, NoLock);
	if (rel->rd_rel->relkind == RELKIND_RELATION)
	{
		slot = table_slot_create(rel, NULL);
		if (table_tuple_fetch_row_version(rel, &note->tid, SnapshotAny, slot))
			note->row = ExecCopySlotHeapTuple(slot);
		ExecDropSingleTupleTableSlot(slot);
	}
	table_close(rel, NoLock);

	if (note->row != NULL && !HeapTupleHeaderIndicatesMovedPartitions(note->row->t_data))
		note->row = NULL;
	note->stays = note->row == NULL;
	return note->row;
}

/*
 * A row moves to another partition of the same table.  What a WITH clause
 * brings into the same context may be the row of any other.
 */
static bool
may_arrive_in(const MoveNote *note, Oid relid)
{
	return relid != note->relid && topmost_of(relid) == topmost_of(note->relid);
}

static Oid
topmost_of(Oid relid)
{
	Oid			parent;

	while (OidIsValid(parent = ig_partition_parent(relid)))
		relid = parent;
	return relid;
}

bool
ig_move_is_insert(const TriggerData *td)
{
	MoveNote   *note = current_note();

	if (note == NULL || moved_row(note) == NULL ||
		!may_arrive_in(note, RelationGetRelid(td->tg_relation)) ||
		list_member_oid(note->asked, td->tg_trigger->tgoid) ||
		(note->arrived_in != InvalidOid && note->arrived_in != RelationGetRelid(td->tg_relation)))
		return false;
	note->asked = lappend_oid(note->asked, td->tg_trigger->tgoid);
	note->arrived_in = RelationGetRelid(td->tg_relation);
	return true;
}

bool
ig_move_is_arrival(Oid relid, const ItemPointerData *tid)
{
	MoveNote   *note = current_note();

	if (note == NULL || moved_row(note) == NULL || !may_arrive_in(note, relid))
		return false;
	if (!ItemPointerIsValid(&note->arrived_as))
	{
		note->arrived_in = relid;
		note->arrived_as = *tid;
	}
	return note->arrived_in == relid &&
		ItemPointerEquals(&note->arrived_as, unconstify(ItemPointerData *, tid));
}

void
ig_move_leaves(Oid relid, const ItemPointerData *tid, const char *key)
{
	MoveNote   *note = note_row(relid, tid);

	note->keys = lappend(note->keys, pstrdup(key));
}

bool
ig_move_has_rule(const char *key)
{
	const MoveNote *note = current_note();
	ListCell   *lc;

	if (note == NULL)
		return false;
	foreach(lc, note->keys)
	{
		if (strcmp((const char *) lfirst(lc), key) == 0)
			return true;
	}
	return false;
}

static Memory *
remember(Oid relid, const ItemPointerData *tid)
{
	Memory		key;
	Memory	   *memory;
	bool		found;

	if (memories == NULL || memories_of != ig_proc_lxid(MyProc))
	{
		HASHCTL		ctl = {0};

		ctl.keysize = MEMORY_KEY_SIZE;
		ctl.entrysize = sizeof(Memory);
		ctl.hcxt = TopTransactionContext;
		memories = hash_create("invariant_guard moves", 64, &ctl,
							   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		memories_of = ig_proc_lxid(MyProc);
	}

	memset(&key, 0, sizeof(key));
	key.relid = relid;
	key.tid = *tid;
	memory = (Memory *) hash_search(memories, &key, HASH_ENTER, &found);
	if (!found)
	{
		memory->arrived = false;
		memory->subid = GetCurrentSubTransactionId();
		memory->changes = NIL;
	}
	return memory;
}

static Memory *
recall(Oid relid, const ItemPointerData *tid)
{
	Memory		key;

	if (memories == NULL || memories_of != ig_proc_lxid(MyProc))
		return NULL;
	memset(&key, 0, sizeof(key));
	key.relid = relid;
	key.tid = *tid;
	return (Memory *) hash_search(memories, &key, HASH_FIND, NULL);
}

static void
forget(Memory *memory)
{
	if (!memory->arrived && memory->changes == NIL)
		(void) hash_search(memories, memory, HASH_REMOVE, NULL);
}

/*
 * A statement that fails half-way leaves memories behind, and the row is where
 * it was, in the same place.  The numbers of subtransactions only grow: those
 * from this one on are of it and of what was in it.
 */
static void
subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
					 SubTransactionId parentSubid, void *arg)
{
	HASH_SEQ_STATUS status;
	Memory	   *memory;

	if (event != SUBXACT_EVENT_ABORT_SUB || memories == NULL ||
		memories_of != ig_proc_lxid(MyProc))
		return;
	hash_seq_init(&status, memories);
	while ((memory = (Memory *) hash_seq_search(&status)) != NULL)
	{
		if (memory->subid >= mySubid)
			(void) hash_search(memories, memory, HASH_REMOVE, NULL);
	}
}

void
ig_move_arrived(void)
{
	const MoveNote *note = current_note();

	if (note != NULL)
		remember(note->relid, &note->tid)->arrived = true;
}

bool
ig_move_has_arrived(const TriggerData *td)
{
	Memory	   *memory = recall(RelationGetRelid(td->tg_relation), &td->tg_trigtuple->t_self);

	if (memory == NULL || !memory->arrived)
		return false;
	memory->arrived = false;
	forget(memory);
	return true;
}

void
ig_move_changed(Oid relid, const ItemPointerData *tid, const char *key,
				AttrNumber attnum, bool was_null)
{
	Memory	   *memory = remember(relid, tid);
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	IgMoveChange *change = palloc(sizeof(IgMoveChange));

	change->key = pstrdup(key);
	change->attnum = attnum;
	change->was_null = was_null;
	memory->changes = lappend(memory->changes, change);
	MemoryContextSwitchTo(old);
}

List *
ig_move_changes(const TriggerData *td, const char *key)
{
	Memory	   *memory = recall(RelationGetRelid(td->tg_relation), &td->tg_trigtuple->t_self);
	List	   *result = NIL;
	ListCell   *lc;

	if (memory == NULL)
		return NIL;
	foreach(lc, memory->changes)
	{
		IgMoveChange *change = (IgMoveChange *) lfirst(lc);

		IgMoveChange *copy;

		if (strcmp(change->key, key) != 0)
			continue;
		copy = palloc(sizeof(IgMoveChange));
		*copy = *change;
		copy->key = key;
		result = lappend(result, copy);
		memory->changes = foreach_delete_current(memory->changes, lc);
		pfree(unconstify(char *, change->key));
		pfree(change);
	}
	forget(memory);
	return result;
}
