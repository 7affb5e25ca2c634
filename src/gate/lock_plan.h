/*-------------------------------------------------------------------------
 *
 * lock_plan.h
 *	  Which relations a statement locks, before it does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LOCK_PLAN_H
#define IG_LOCK_PLAN_H

#include "postgres.h"

#include "gate/statement.h"

/*
 * The relations that exist already and that the statement locks in SHARE
 * UPDATE EXCLUSIVE mode or a stronger one, each with the strongest mode, as a
 * list of IgTableLock.  Not in it are relations of the running transaction,
 * temporary ones, TOAST tables and composite types.  An index is in it where
 * the lock on it is stronger than the one on its table, which it stops for as
 * well: whoever plans a query opens every index of the table.
 *
 * A statement that the server refuses by itself may have more in its plan than
 * it comes to lock.  The statement's changes must have been made.  Costs some
 * catalog look-ups for each relation, so ask only where the answer is needed.
 * Locks nothing itself beyond the moment.
 */
extern List *ig_lock_plan(const IgStatement *stmt);

#endif							/* IG_LOCK_PLAN_H */
