/*-------------------------------------------------------------------------
 *
 * lock_plan_drop.c
 *	  The locks of statements that take objects away.
 *
 * Whatever is deleted is locked in ACCESS EXCLUSIVE mode, and so is the
 * relation that it is a part of: a foreign key's triggers are parts of both
 * tables, an index one of its table, a partition one of its parent.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/heap.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/policy.h"
#include "commands/sequence.h"
#include "commands/trigger.h"
#include "commands/user.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "utils/lsyscache.h"

#include "gate/lock_plan_parts.h"
#include "platform/inherit.h"

static void delete_relation(IgLockPlan *plan, Oid relid);
static ObjectAddress *named_object(const IgStatement *stmt, const DropStmt *drop,
								   Node *object);
static void drop_index_concurrently(IgLockPlan *plan, Oid indexid);

/*
 * The objects and all that goes with them.
 */
void
ig_plan_deletion(IgLockPlan *plan, List *addresses)
{
	ListCell   *lc;

	foreach(lc, ig_dependents_closure(addresses))
	{
		const ObjectAddress *address = (const ObjectAddress *) lfirst(lc);

		if (address->classId == RelationRelationId && address->objectSubId == 0)
			delete_relation(plan, address->objectId);
		else if (address->classId == StatisticExtRelationId)
			ig_plan_add(plan, StatisticsGetRelation(address->objectId, true),
						ShareUpdateExclusiveLock);
		else
			ig_plan_add(plan, ig_object_relation(address), AccessExclusiveLock);
	}
}

static void
delete_relation(IgLockPlan *plan, Oid relid)
{
	char		relkind = get_rel_relkind(relid);
	Oid			parent;

	ig_plan_add(plan, relid, AccessExclusiveLock);
	if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
	{
		ig_plan_add(plan, IndexGetRelation(relid, true), AccessExclusiveLock);
		return;
	}

	parent = ig_partition_parent(relid);
	if (OidIsValid(parent))
	{
		ig_plan_add(plan, parent, AccessExclusiveLock);
		ig_plan_add(plan, get_default_partition_oid(parent), AccessExclusiveLock);
	}
}

void
ig_plan_drop(IgLockPlan *plan)
{
	const DropStmt *drop = (const DropStmt *) plan->stmt->parsetree;
	List	   *addresses = NIL;
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		ObjectAddress *address = named_object(plan->stmt, drop, (Node *) lfirst(lc));

		if (address == NULL)
			continue;
		if (drop->removeType == OBJECT_INDEX && drop->concurrent)
			drop_index_concurrently(plan, address->objectId);
		else
			addresses = lappend(addresses, address);

		/* a partitioned table is locked with all its partitions at once */
		if (drop->removeType == OBJECT_INDEX && !drop->concurrent &&
			get_rel_relkind(address->objectId) == RELKIND_PARTITIONED_INDEX)
			ig_plan_add_tree(plan, IndexGetRelation(address->objectId, true),
							 AccessExclusiveLock);
	}
	if (addresses != NIL)
		ig_plan_deletion(plan, addresses);
}

/* In the end nobody uses the index any more, so nobody waits for that lock. */
static void
drop_index_concurrently(IgLockPlan *plan, Oid indexid)
{
	ig_plan_add(plan, IndexGetRelation(indexid, true), ShareUpdateExclusiveLock);
	ig_plan_add(plan, indexid, ShareUpdateExclusiveLock);
}

/*
 * What a name in the statement stands for, or NULL.  See named_other in
 * change_drop.c for the lock.
 */
static ObjectAddress *
named_object(const IgStatement *stmt, const DropStmt *drop, Node *object)
{
	ObjectAddress *address = palloc(sizeof(ObjectAddress));
	Relation	relation = NULL;
	List	   *names;
	Oid			relid;

	ObjectAddressSet(*address, InvalidOid, InvalidOid);
	switch (drop->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_INDEX:
			relid = ig_plan_lookup(stmt, makeRangeVarFromNameList(castNode(List, object)));
			ObjectAddressSet(*address, RelationRelationId, relid);
			break;
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			names = castNode(List, object);
			if (list_length(names) < 2)
				return NULL;
			relid = ig_plan_lookup(stmt,
								   makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)));
			if (!OidIsValid(relid))
				return NULL;
			if (drop->removeType == OBJECT_TRIGGER)
				ObjectAddressSet(*address, TriggerRelationId,
								 get_trigger_oid(relid, strVal(llast(names)), true));
			else if (drop->removeType == OBJECT_POLICY)
				ObjectAddressSet(*address, PolicyRelationId,
								 get_relation_policy_oid(relid, strVal(llast(names)), true));
			else
				ObjectAddressSet(*address, RewriteRelationId,
								 get_rewrite_oid(relid, strVal(llast(names)), true));
			break;
		default:
			*address = get_object_address(drop->removeType, copyObject(object), &relation,
										  AccessShareLock, true);
			if (relation != NULL)
				relation_close(relation, AccessShareLock);
			else if (OidIsValid(address->objectId) && IsSharedRelation(address->classId))
				UnlockSharedObject(address->classId, address->objectId, 0, AccessShareLock);
			else if (OidIsValid(address->objectId))
				UnlockDatabaseObject(address->classId, address->objectId, 0, AccessShareLock);
			break;
	}
	return OidIsValid(address->objectId) ? address : NULL;
}

/*
 * DROP OWNED and REASSIGN OWNED.
 */
void
ig_plan_drop_owned(IgLockPlan *plan)
{
	bool		drop = IsA(plan->stmt->parsetree, DropOwnedStmt);
	List	   *roles = drop ? ((const DropOwnedStmt *) plan->stmt->parsetree)->roles :
		((const ReassignOwnedStmt *) plan->stmt->parsetree)->roles;
	ListCell   *lc;

	foreach(lc, roleSpecsToIds(roles))
	{
		List	   *objects = ig_owned_objects(lfirst_oid(lc));
		ListCell   *lo;

		if (drop && objects != NIL)
			ig_plan_deletion(plan, objects);
		else if (!drop)
		{
			foreach(lo, objects)
			{
				const ObjectAddress *address = (const ObjectAddress *) lfirst(lo);

				if (address->classId == RelationRelationId)
					ig_plan_add(plan, address->objectId, AccessExclusiveLock);
			}
		}
	}
}

/*
 * TRUNCATE: what it names, what inherits from that, with CASCADE what
 * references it, and with RESTART IDENTITY the sequences.
 */
void
ig_plan_truncate(IgLockPlan *plan)
{
	const TruncateStmt *truncate = (const TruncateStmt *) plan->stmt->parsetree;
	List	   *relids = NIL;
	List	   *more;
	ListCell   *lc;

	foreach(lc, truncate->relations)
	{
		const RangeVar *rv = lfirst_node(RangeVar, lc);
		Oid			relid = ig_plan_lookup(plan->stmt, rv);

		if (!OidIsValid(relid))
			continue;
		if (rv->inh)
			relids = list_concat_unique_oid(relids, ig_inheritors(relid, NULL));
		else
			relids = list_append_unique_oid(relids, relid);
	}

	if (truncate->behavior == DROP_CASCADE)
	{
		while ((more = heap_truncate_find_FKs(relids)) != NIL)
			relids = list_concat_unique_oid(relids, more);
	}

	ig_plan_add_all(plan, relids, AccessExclusiveLock);
	if (!truncate->restart_seqs)
		return;
	foreach(lc, relids)
		ig_plan_add_all(plan, getOwnedSequences(lfirst_oid(lc)), AccessExclusiveLock);
}
