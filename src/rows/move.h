/*-------------------------------------------------------------------------
 *
 * move.h
 *	  Cross-partition moves, as row triggers can tell them.
 *
 * An UPDATE that moves a row to another partition fires BEFORE UPDATE on the
 * source, then BEFORE DELETE there and BEFORE INSERT on the destination, then
 * AFTER DELETE and AFTER INSERT, and no AFTER UPDATE.  The server tells none of
 * these triggers that they belong to a move.  What tells is the memory context
 * in which triggers and WHEN clauses run: one for each statement, and emptied
 * before each row.  So what BEFORE UPDATE left there is there for the same
 * row's DELETE and INSERT, and for nothing else: other statements that triggers
 * run in between have a context of their own.
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
 * was in; NULL if the insert belongs to none.  Only after ig_move_note for the
 * row.
 */
extern HeapTuple ig_move_old_row(Oid *source);

/* Like asking for the old row, without the row. */
extern bool ig_move_in_progress(void);

/*
 * How a rule tells the function in the WHEN clause on the other side that the
 * rule held for the old row.  key names the rule, of those of the table.
 */
typedef struct IgMoveRule
{
	const char *key;
	bool		write_once;		/* what was null may have got a value */
} IgMoveRule;

/* Like ig_move_note, for a rule. */
extern void ig_move_note_rule(const TriggerData *td, const char *key, bool write_once);

/* Where ig_move_old_row is: the rule, or NULL if it did not hold. */
extern const IgMoveRule *ig_move_rule(const char *key);

/* Where ig_move_old_row is: remember that the row has arrived. */
extern void ig_move_arrived(void);

/* From an AFTER DELETE trigger, once: has the row arrived elsewhere? */
extern bool ig_move_has_arrived(const TriggerData *td);

/* How many columns one call takes. */
#define IG_MOVED_COLUMNS	90

/*
 * A WHEN clause: FUNCTION('key'::text, new.tableoid, extra, new.a, ...).  extra
 * may be NULL; more than 90 make several calls, of which one suffices.
 */
extern char *ig_moved_anchor(const char *function, const char *key, const char *extra,
							 List *columns);

#endif							/* IG_MOVE_H */
