/*-------------------------------------------------------------------------
 *
 * lock_plan_parts.h
 *	  What the parts of the lock plan share.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LOCK_PLAN_PARTS_H
#define IG_LOCK_PLAN_PARTS_H

#include "postgres.h"

#include "catalog/pg_constraint.h"
#include "utils/hsearch.h"

#include "gate/lock_plan.h"

typedef struct IgLockPlan
{
	const IgStatement *stmt;
	HTAB	   *by_relid;		/* PlannedLock */
	List	   *order;			/* of PlannedLock, as they were entered */
} IgLockPlan;

/* lock_plan_list.c: the locks, and in the end the list of lock_plan.h */
extern void ig_plan_begin(IgLockPlan *plan);
extern List *ig_plan_finish(IgLockPlan *plan);
extern void ig_plan_add(IgLockPlan *plan, Oid relid, LOCKMODE mode);
extern void ig_plan_add_all(IgLockPlan *plan, List *relids, LOCKMODE mode);
extern void ig_plan_add_tree(IgLockPlan *plan, Oid relid, LOCKMODE mode);
extern void ig_plan_changed(IgLockPlan *plan, LOCKMODE mode);
extern Oid	ig_plan_lookup(const IgStatement *stmt, const RangeVar *rv);

/* lock_plan_keys.c: foreign keys and other constraints */
extern List *ig_plan_constraints(AttrNumber attribute, Oid value);
extern Form_pg_constraint ig_plan_constraint(Oid relid, const char *name);
extern Form_pg_constraint ig_plan_constraint_of(Oid conoid);
extern void ig_plan_referenced(IgLockPlan *plan, Oid relid);
extern void ig_plan_references(IgLockPlan *plan, List *constraints);
extern void ig_plan_foreign_keys_of_parent(IgLockPlan *plan, Oid parent);
extern void ig_plan_attach(IgLockPlan *plan, Oid parent, Oid part);
extern void ig_plan_detach(IgLockPlan *plan, Oid parent, Oid part, bool concurrent);

/* lock_plan_alter.c */
extern void ig_plan_alter_table(IgLockPlan *plan);

/* lock_plan_drop.c */
extern void ig_plan_deletion(IgLockPlan *plan, List *addresses);
extern void ig_plan_drop(IgLockPlan *plan);
extern void ig_plan_drop_owned(IgLockPlan *plan);
extern void ig_plan_truncate(IgLockPlan *plan);

/* lock_plan_storage.c */
extern void ig_plan_reindex(IgLockPlan *plan);
extern void ig_plan_cluster(IgLockPlan *plan);
extern void ig_plan_vacuum(IgLockPlan *plan);

/* lock_plan_other.c */
extern void ig_plan_create_table(IgLockPlan *plan);
extern void ig_plan_create_index(IgLockPlan *plan);
extern void ig_plan_create_trigger(IgLockPlan *plan);
extern void ig_plan_rename(IgLockPlan *plan);
extern void ig_plan_set_schema(IgLockPlan *plan);
extern void ig_plan_object(IgLockPlan *plan, ObjectType type, const Node *object);
extern void ig_plan_publication(IgLockPlan *plan);
extern void ig_plan_lock_table(IgLockPlan *plan);
extern void ig_plan_domain(IgLockPlan *plan);

#endif							/* IG_LOCK_PLAN_PARTS_H */
