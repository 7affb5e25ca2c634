/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Cross-partition moves, as row triggers can tell them.
 *
 * An UPDATE that moves a row to another partition fires BEFORE UPDATE on the
 * source, then BEFORE DELETE there and BEFORE INSERT on the destination, then
 * AFTER DELETE and AFTER INSERT, and no AFTER UPDATE.  The server tells none of
 * these triggers that they belong to a move.  The version of the row does: the
 * BEFORE DELETE is for the very tuple for which BEFORE UPDATE has just fired.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_MOVE_H
#define IG_MOVE_H

#include "postgres.h"

#include "commands/trigger.h"

/*
 * From a BEFORE UPDATE row trigger: the row may be about to move.  Costs
 * nothing for a table that is no partition.
 */
extern void ig_move_note(const TriggerData *td);

/* From a BEFORE DELETE row trigger: is the row moving, and not deleted? */
extern bool ig_move_is_delete(const TriggerData *td);

/*
 * From a BEFORE INSERT row trigger or the WHEN clause of an AFTER INSERT one:
 * the old row of the move that the insert belongs to, with the relation it
 * was in; NULL if the insert belongs to none.  Only after ig_move_is_delete
 * for the row.
 */
extern HeapTuple ig_move_old_row(Oid *source);

#endif							/* IG_MOVE_H */
