/*-------------------------------------------------------------------------
 *
 * lock_plan_storage.c
 *	  The locks of REINDEX, CLUSTER, VACUUM and ANALYZE.
 *
 * Where such a statement works on many tables it takes a transaction for each,
 * so their locks are never held together; the plan has all of them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/lock_plan_parts.h"
#include "platform/compat.h"
#include "platform/inherit.h"

static void reindex_table(IgLockPlan *plan, Oid relid, bool concurrently);

static void
reindex_table(IgLockPlan *plan, Oid relid, bool concurrently)
{
	Relation	rel;

	ig_plan_add(plan, relid, concurrently ? ShareUpdateExclusiveLock : ShareLock);
	if (concurrently || !RELKIND_HAS_TABLE_AM(get_rel_relkind(relid)))
		return;

	rel = RelationIdGetRelation(relid);
	if (!RelationIsValid(rel))
		return;
	ig_plan_add_all(plan, RelationGetIndexList(rel), AccessExclusiveLock);
	RelationClose(rel);
}

/*
 * A partitioned table or index is reindexed leaf by leaf; before, all of the
 * tree is locked once.
 */
void
ig_plan_reindex(IgLockPlan *plan)
{
	const ReindexStmt *reindex = castNode(ReindexStmt, plan->stmt->parsetree);
	bool		concurrently = ig_option_is_set(reindex->params, "concurrently");
	LOCKMODE	lock = concurrently ? ShareUpdateExclusiveLock : ShareLock;
	Oid			relid = ig_plan_lookup(plan->stmt, reindex->relation);
	char		relkind = get_rel_relkind(relid);
	ListCell   *lc;

	if (reindex->relation == NULL)
	{
		Oid			schema = InvalidOid;

		if (reindex->kind == REINDEX_OBJECT_SYSTEM)
			return;
		if (reindex->kind == REINDEX_OBJECT_SCHEMA && reindex->name != NULL)
		{
			schema = get_namespace_oid(reindex->name, true);
			if (!OidIsValid(schema))
				return;
		}
		foreach(lc, ig_own_tables(schema))
			reindex_table(plan, lfirst_oid(lc), concurrently);
	}
	else if (relkind == RELKIND_PARTITIONED_TABLE)
	{
		foreach(lc, ig_inheritors(relid, NULL))
		{
			/* also concurrently, for a moment, those below it */
			if (lfirst_oid(lc) != relid)
				ig_plan_add(plan, lfirst_oid(lc), ShareLock);
			reindex_table(plan, lfirst_oid(lc), concurrently);
		}
	}
	else if (relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX)
	{
		foreach(lc, ig_inheritors(relid, NULL))
		{
			bool		leaf = get_rel_relkind(lfirst_oid(lc)) == RELKIND_INDEX;

			if (!leaf && lfirst_oid(lc) != relid)
				continue;
			ig_plan_add(plan, IndexGetRelation(lfirst_oid(lc), true), lock);
			ig_plan_add(plan, lfirst_oid(lc), concurrently ? lock : AccessExclusiveLock);
		}
		if (relkind == RELKIND_PARTITIONED_INDEX)
			ig_plan_add_tree(plan, relid, ShareLock);
	}
	else if (OidIsValid(relid))
		reindex_table(plan, relid, concurrently);
}

void
ig_plan_cluster(IgLockPlan *plan)
{
	const ClusterStmt *cluster = castNode(ClusterStmt, plan->stmt->parsetree);
	ListCell   *lc;

	if (cluster->relation == NULL)
	{
		ig_plan_changed(plan, AccessExclusiveLock);
		return;
	}

	ig_plan_add(plan, ig_plan_lookup(plan->stmt, cluster->relation), AccessExclusiveLock);
	foreach(lc, ig_inheritors(ig_plan_lookup(plan->stmt, cluster->relation), NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_RELATION &&
			get_rel_relispartition(lfirst_oid(lc)))
			ig_plan_add(plan, lfirst_oid(lc), AccessExclusiveLock);
	}
}

/*
 * VACUUM and ANALYZE go on to partitions, and from 18 on to inheritance
 * children as well unless ONLY is said.
 */
void
ig_plan_vacuum(IgLockPlan *plan)
{
	const VacuumStmt *vacuum = castNode(VacuumStmt, plan->stmt->parsetree);
	LOCKMODE	lock = vacuum->is_vacuumcmd && ig_option_is_set(vacuum->options, "full") ?
		AccessExclusiveLock : ShareUpdateExclusiveLock;
	ListCell   *lc;

	if (vacuum->rels == NIL)
		ig_plan_add_all(plan, ig_own_tables(InvalidOid), lock);

	foreach(lc, vacuum->rels)
	{
		const VacuumRelation *target = lfirst_node(VacuumRelation, lc);
		Oid			relid = target->relation ?
			ig_plan_lookup(plan->stmt, target->relation) : target->oid;

		if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ?
			(!IG_VACUUM_HAS_ONLY || target->relation == NULL || target->relation->inh) :
			(IG_VACUUM_HAS_ONLY && target->relation != NULL && target->relation->inh))
			ig_plan_add_tree(plan, relid, lock);
		else
			ig_plan_add(plan, relid, lock);
	}
}
