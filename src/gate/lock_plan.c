/*-------------------------------------------------------------------------
 *
 * lock_plan.c
 *	  Which relations a statement locks, before it does.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "gate/lock_plan.h"

/*
 * Enter a lock, or strengthen the one that is in the plan.
 */
static List *
plan_add(List *plan, IgRelation *rel, LOCKMODE mode)
{
	IgTableLock *lock;
	ListCell   *lc;

	if (rel == NULL || mode == NoLock || !OidIsValid(rel->relid) ||
		ig_relation_is_exempt(rel))
		return plan;

	foreach(lc, plan)
	{
		lock = (IgTableLock *) lfirst(lc);
		if (lock->rel->relid == rel->relid)
		{
			lock->mode = Max(lock->mode, mode);
			return plan;
		}
	}

	lock = palloc(sizeof(IgTableLock));
	lock->rel = rel;
	lock->mode = mode;
	return lappend(plan, lock);
}

List *
ig_lock_plan(const IgStatement *stmt)
{
	List	   *plan = NIL;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);
		ListCell   *lp;

		plan = plan_add(plan, change->rel, change->impact.lock);
		foreach(lp, change->locked_parents)
			plan = plan_add(plan, (IgRelation *) lfirst(lp), ShareRowExclusiveLock);
	}
	return plan;
}
