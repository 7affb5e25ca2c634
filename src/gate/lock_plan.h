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
 * The relations that exist already (tables, views, sequences, foreign tables
 * and materialized views; not of the running transaction, not temporary) and
 * that the statement locks, each with the strongest mode, as a list of
 * IgTableLock.  The statement's changes must have been made.  Locks nothing
 * itself.
 */
extern List *ig_lock_plan(const IgStatement *stmt);

#endif							/* IG_LOCK_PLAN_H */
