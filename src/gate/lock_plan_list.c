/*-------------------------------------------------------------------------
 *
 * lock_plan_list.c
 *	  The locks that a plan has come to.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "utils/hsearch.h"

#include "gate/lock_plan_parts.h"
#include "platform/inherit.h"

typedef struct PlannedLock
{
	Oid			relid;			/* hash key */
	LOCKMODE	mode;
} PlannedLock;

static bool is_weaker_than_table(IgLockPlan *plan, const IgRelation *rel, LOCKMODE mode);

void
ig_plan_begin(IgLockPlan *plan)
{
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(PlannedLock);
	ctl.hcxt = CurrentMemoryContext;
	memset(plan, 0, sizeof(IgLockPlan));
	plan->by_relid = hash_create("invariant_guard lock plan", 32, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/*
 * Enter a lock, or strengthen the one that is in the plan.
 */
void
ig_plan_add(IgLockPlan *plan, Oid relid, LOCKMODE mode)
{
	PlannedLock *lock;
	bool		found;

	if (!OidIsValid(relid) || mode < ShareUpdateExclusiveLock)
		return;

	lock = hash_search(plan->by_relid, &relid, HASH_ENTER, &found);
	if (!found)
	{
		lock->mode = mode;
		plan->order = lappend(plan->order, lock);
	}
	lock->mode = Max(lock->mode, mode);
}

void
ig_plan_add_all(IgLockPlan *plan, List *relids, LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, relids)
		ig_plan_add(plan, lfirst_oid(lc), mode);
}

/* The relation and all that inherit from it. */
void
ig_plan_add_tree(IgLockPlan *plan, Oid relid, LOCKMODE mode)
{
	if (OidIsValid(relid))
		ig_plan_add_all(plan, ig_inheritors(relid, NULL), mode);
}

/* The relation of that name, or InvalidOid. */
Oid
ig_plan_lookup(const IgStatement *stmt, const RangeVar *rv)
{
	return rv != NULL ? ig_relation_find(rv, stmt->default_schema) : InvalidOid;
}

/* The relations of the statement's changes. */
void
ig_plan_changed(IgLockPlan *plan, LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, plan->stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->rel != NULL)
			ig_plan_add(plan, change->rel->relid, mode);
	}
}

/*
 * Leave out what the header says.
 */
List *
ig_plan_finish(IgLockPlan *plan)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, plan->order)
	{
		const PlannedLock *planned = (const PlannedLock *) lfirst(lc);
		IgRelation *rel = ig_relation_load(planned->relid);
		IgTableLock *lock;

		if (rel == NULL || ig_relation_is_exempt(rel) ||
			rel->relkind == RELKIND_TOASTVALUE || rel->relkind == RELKIND_COMPOSITE_TYPE)
			continue;
		if ((rel->relkind == RELKIND_INDEX || rel->relkind == RELKIND_PARTITIONED_INDEX) &&
			is_weaker_than_table(plan, rel, planned->mode))
			continue;

		lock = palloc(sizeof(IgTableLock));
		lock->rel = rel;
		lock->mode = planned->mode;
		result = lappend(result, lock);
	}
	return result;
}

static bool
is_weaker_than_table(IgLockPlan *plan, const IgRelation *rel, LOCKMODE mode)
{
	Oid			table = IndexGetRelation(rel->relid, true);
	const PlannedLock *lock = hash_search(plan->by_relid, &table, HASH_FIND, NULL);

	return lock != NULL && lock->mode >= mode;
}
