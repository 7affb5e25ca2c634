/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Cross-partition moves, as row triggers can tell them.
 *
 * An UPDATE that moves a row to another partition fires BEFORE UPDATE on the
 * source, then BEFORE DELETE there and BEFORE INSERT on the destination, then
 * AFTER DELETE and AFTER INSERT, and no AFTER UPDATE.  The server tells none of
 * these triggers that they belong to a move.  Two things do.  The old version
 * is marked as moved.  And triggers and WHEN clauses run in a memory context
 * that is one for each statement, and emptied before each row: what was left
 * there for the row that leaves is there for the row that arrives, and other
 * statements that triggers run in between have a context of their own.  (Only a
 * WITH clause may bring another row into the same context; of those that are
 * inserted into other partitions of the table, the first one has moved.)
 *
 * Hence each of these functions is to be called in the context in which the
 * trigger function, or the function in the WHEN clause, was called.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_MOVE_H
#define IG_MOVE_H

#include "postgres.h"

#include "commands/trigger.h"

/* When the library is loaded. */
extern void ig_move_init(void);

/*
 * From a BEFORE UPDATE row trigger: the row may be about to move.  Costs
 * nothing for a table that is no partition.
 */
extern void ig_move_note(const TriggerData *td);

/* From a BEFORE DELETE row trigger: is the row moving, and not deleted? */
extern bool ig_move_is_delete(const TriggerData *td);

/*
 * What a BEFORE UPDATE row trigger that has noted the row leaves for the other
 * ones of its rule, in the present context; NULL if there is nothing.  Lost
 * where the table is no partition.
 */
extern void ig_move_attach(const void *data);
extern const void *ig_move_attached(void);

/*
 * From a BEFORE INSERT row trigger: does the insert belong to a move?  To be
 * asked once by each trigger.  Only after ig_move_note or ig_move_leaves for
 * the row.
 */
extern bool ig_move_is_insert(const TriggerData *td);

/* The same from the WHEN clause of an AFTER INSERT row trigger, for NEW. */
extern bool ig_move_is_arrival(Oid relid, const ItemPointerData *tid);

/*
 * From either: the old row of the move, with the relation it was in; NULL if
 * there was none.
 */
extern HeapTuple ig_move_old_row(Oid *source);

/*
 * From the WHEN clause of an AFTER DELETE row trigger: the rule of that key
 * holds for the row, which may be moving.
 */
extern void ig_move_leaves(Oid relid, const ItemPointerData *tid, const char *key);

/* Where ig_move_is_arrival is: did the rule hold for the row that left? */
extern bool ig_move_has_rule(const char *key);

/*
 * There too, for the AFTER triggers that fire when the statement is done: the
 * row has arrived; a column of it changed on its way, or got a value.
 */
extern void ig_move_arrived(void);
extern void ig_move_changed(Oid relid, const ItemPointerData *tid, const char *key,
							AttrNumber attnum, bool was_null);

/* From an AFTER DELETE trigger, once: has the row arrived elsewhere? */
extern bool ig_move_has_arrived(const TriggerData *td);

/* From an AFTER INSERT trigger, once: what changed, a List of IgMoveChange. */
typedef struct IgMoveChange
{
	const char *key;
	AttrNumber	attnum;			/* where it arrived */
	bool		was_null;
} IgMoveChange;

extern List *ig_move_changes(const TriggerData *td, const char *key);

#endif							/* IG_MOVE_H */
