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
#include "lib/ilist.h"
#include "storage/itemptr.h"
#include "storage/proc.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
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
	List	   *rules;			/* of IgMoveRule */
	MemoryContextCallback callback;
} MoveNote;

/* One for each statement that is in the midst of such a row. */
static slist_head notes = SLIST_STATIC_INIT(notes);

/* Rows that have left a place and arrived at another one. */
typedef struct Departure
{
	Oid			relid;
	ItemPointerData tid;
} Departure;

static HTAB *departures = NULL;
static LocalTransactionId departures_of = InvalidLocalTransactionId;

static MoveNote *current_note(void);
static void forget_note(void *arg);
static HTAB *departures_here(bool create);
static Departure departure_key(Oid relid, const ItemPointerData *tid);

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
	MoveNote   *note;

	if (!td->tg_relation->rd_rel->relispartition)
		return;

	note = current_note();
	if (note == NULL)
	{
		note = palloc0(sizeof(MoveNote));
		note->context = CurrentMemoryContext;
		note->callback.func = forget_note;
		note->callback.arg = note;
		slist_push_head(&notes, &note->node);
		MemoryContextRegisterResetCallback(CurrentMemoryContext, &note->callback);
	}
	else if (note->relid != RelationGetRelid(td->tg_relation) ||
			 !ItemPointerEquals(&note->tid, &td->tg_trigtuple->t_self))
	{
		/* the row had been changed meanwhile, and this is its newest version */
		note->row = NULL;
		note->rules = NIL;
	}
	note->relid = RelationGetRelid(td->tg_relation);
	note->tid = td->tg_trigtuple->t_self;
}

bool
ig_move_is_delete(const TriggerData *td)
{
	const MoveNote *note = current_note();

	return note != NULL && note->relid == RelationGetRelid(td->tg_relation) &&
		ItemPointerEquals((ItemPointer) &note->tid, &td->tg_trigtuple->t_self);
}

bool
ig_move_in_progress(void)
{
	return current_note() != NULL;
}

/*
 * The old version is still in its place, deleted by this very command.
 */
HeapTuple
ig_move_old_row(Oid *source)
{
	MoveNote   *note = current_note();
	Relation	rel;
	TupleTableSlot *slot;

	if (note == NULL)
		return NULL;
	*source = note->relid;
	if (note->row != NULL)
		return note->row;

	rel = table_open(note->relid, NoLock);
	slot = table_slot_create(rel, NULL);
	if (!table_tuple_fetch_row_version(rel, &note->tid, SnapshotAny, slot))
		elog(ERROR, "failed to fetch the old version of a row that moves");
	note->row = ExecCopySlotHeapTuple(slot);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return note->row;
}

void
ig_move_note_rule(const TriggerData *td, const char *key, bool write_once)
{
	MoveNote   *note;
	IgMoveRule *rule;

	if (!td->tg_relation->rd_rel->relispartition)
		return;
	ig_move_note(td);
	note = current_note();
	rule = palloc(sizeof(IgMoveRule));
	rule->key = key;
	rule->write_once = write_once;
	note->rules = lappend(note->rules, rule);
}

const IgMoveRule *
ig_move_rule(const char *key)
{
	const MoveNote *note = current_note();
	ListCell   *lc;

	if (note == NULL)
		return NULL;
	foreach(lc, note->rules)
	{
		const IgMoveRule *rule = (const IgMoveRule *) lfirst(lc);

		if (strcmp(rule->key, key) == 0)
			return rule;
	}
	return NULL;
}

static HTAB *
departures_here(bool create)
{
	HASHCTL		ctl = {0};

	if (departures != NULL && departures_of == ig_proc_lxid(MyProc))
		return departures;
	departures = NULL;
	if (!create)
		return NULL;

	ctl.keysize = sizeof(Departure);
	ctl.entrysize = sizeof(Departure);
	ctl.hcxt = TopTransactionContext;
	departures = hash_create("invariant_guard departures", 64, &ctl,
							 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	departures_of = ig_proc_lxid(MyProc);
	return departures;
}

static Departure
departure_key(Oid relid, const ItemPointerData *tid)
{
	Departure	key;

	memset(&key, 0, sizeof(key));
	key.relid = relid;
	key.tid = *tid;
	return key;
}

void
ig_move_arrived(void)
{
	const MoveNote *note = current_note();

	if (note != NULL)
	{
		Departure	key = departure_key(note->relid, &note->tid);

		(void) hash_search(departures_here(true), &key, HASH_ENTER, NULL);
	}
}

bool
ig_move_has_arrived(const TriggerData *td)
{
	HTAB	   *here = departures_here(false);
	Departure	key = departure_key(RelationGetRelid(td->tg_relation),
									&td->tg_trigtuple->t_self);

	return here != NULL && hash_search(here, &key, HASH_REMOVE, NULL) != NULL;
}
