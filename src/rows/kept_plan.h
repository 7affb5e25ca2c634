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

#include "executor/spi.h"

/* A query, by its text and the types of its values. */
typedef struct IgKeptPlan IgKeptPlan;

/* Looks at what was parsed, and raises if it will not do. */
typedef void (*IgKeptPlanCheck) (SPIPlanPtr plan, const char *arg);

typedef enum IgKeptSight
{
	IG_SEES_COMMITTED,			/* whatever the isolation level, as foreign keys do */
	IG_SEES_STATEMENT			/* and changes nothing */
} IgKeptSight;

/*
 * The plan of a query; it is not made yet.  The result is good until the end of
 * the transaction, and the same for the same query.  Names in sql are qualified,
 * or the caller pins the search path.
 */
extern IgKeptPlan *ig_kept_plan(const char *sql, int nargs, const Oid *types);

/*
 * Make the plan, if there is none: in the present role, and, for a query that
 * is not of our own making, with a check.  ig_kept_plan_run does it without one.
 */
extern void ig_kept_plan_prepare(IgKeptPlan *kept, IgKeptPlanCheck check, const char *arg);

/*
 * Run the query as the role, which owns the table of the rule or the one that
 * the query is about, and past the row security that is forced on owners.  No
 * value is null.  Triggers of what it changes fire with those of the statement
 * around it, so the caller is in a trigger.
 *
 * Returns how many rows it gave or changed, at most limit if that is not 0.  The
 * first that it gave is copied to row and nulls, in the current memory context,
 * if they are not NULL.
 */
extern uint64 ig_kept_plan_run(IgKeptPlan *kept, const Datum *values, Oid role,
							   IgKeptSight sight, long limit, Datum *row, bool *nulls);

/* Is it the text of one of them? */
extern bool ig_kept_plan_is(const char *sql);

#endif							/* IG_KEPT_PLAN_H */
