/*-------------------------------------------------------------------------
 *
 * kept_plan.h
 *	  Queries that triggers run for each row, with plans that are kept.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_KEPT_PLAN_H
#define IG_KEPT_PLAN_H

#include "postgres.h"

/*
 * Run the query with what is committed by now in sight, whatever the isolation
 * level, as foreign keys do; and, as they do, as the owner of the relation and
 * past its row security.  Names in sql are qualified.  No value is null.
 * Triggers of what it changes fire with those of the statement around it, so
 * the caller is in a trigger.  Returns how many rows it gave or changed, at
 * most limit if that is not 0.
 */
extern uint64 ig_kept_plan_run(const char *sql, int nargs, Oid *types, Datum *values,
							   Oid relid, long limit);

/* Is it the text of one of them? */
extern bool ig_kept_plan_is(const char *sql);

#endif							/* IG_KEPT_PLAN_H */
