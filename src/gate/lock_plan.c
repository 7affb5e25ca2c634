/*-------------------------------------------------------------------------
 *
 * lock_plan.c
 *	  Which relations a statement locks, before it does.
 *
 * The plan is made from the parse tree and the catalogs, apart from the
 * changes: many statements lock a table and change nothing that a rule asks
 * about.  Modes are those that the server's own code names, or computes in
 * AlterTableGetLockLevel.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/pg_class.h"
#include "utils/hsearch.h"

#include "gate/lock_plan.h"
#include "gate/lock_plan_parts.h"
#include "platform/inherit.h"

typedef struct PlannedLock
{
	Oid			relid;			/* hash key */
	LOCKMODE	mode;
} PlannedLock;

static void add_named(IgLockPlan *plan, const RangeVar *rv, LOCKMODE mode);
static bool plan_one_relation(IgLockPlan *plan, const Node *node);
static bool plan_definition(IgLockPlan *plan, const Node *node);
static void plan_maintenance(IgLockPlan *plan, const Node *node);
static List *finish(IgLockPlan *plan);
static bool is_weaker_than_table(IgLockPlan *plan, const IgRelation *rel, LOCKMODE mode);

List *
ig_lock_plan(const IgStatement *stmt)
{
	IgLockPlan	plan = {0};
	HASHCTL		ctl = {0};

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(PlannedLock);
	ctl.hcxt = CurrentMemoryContext;
	plan.by_relid = hash_create("invariant_guard lock plan", 32, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	ig_plan_statement(&plan, stmt);
	return finish(&plan);
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

/*
 * One statement, or an element of CREATE SCHEMA.
 */
void
ig_plan_statement(IgLockPlan *plan, const IgStatement *stmt)
{
	const IgStatement *outer = plan->stmt;

	plan->stmt = stmt;
	if (!plan_one_relation(plan, stmt->parsetree) &&
		!plan_definition(plan, stmt->parsetree))
		plan_maintenance(plan, stmt->parsetree);
	plan->stmt = outer;
}

static void
add_named(IgLockPlan *plan, const RangeVar *rv, LOCKMODE mode)
{
	ig_plan_add(plan, ig_plan_lookup(plan->stmt, rv), mode);
}

/*
 * Statements that lock the relation that they name and nothing else.
 */
static bool
plan_one_relation(IgLockPlan *plan, const Node *node)
{
	List	   *relations;

	switch (nodeTag(node))
	{
		case T_CreatePolicyStmt:
			add_named(plan, ((const CreatePolicyStmt *) node)->table, AccessExclusiveLock);
			return true;
		case T_AlterPolicyStmt:
			add_named(plan, ((const AlterPolicyStmt *) node)->table, AccessExclusiveLock);
			return true;
		case T_RuleStmt:
			add_named(plan, ((const RuleStmt *) node)->relation, AccessExclusiveLock);
			return true;
		case T_ViewStmt:
			if (((const ViewStmt *) node)->replace)
				add_named(plan, ((const ViewStmt *) node)->view, AccessExclusiveLock);
			return true;
		case T_AlterSeqStmt:
			add_named(plan, ((const AlterSeqStmt *) node)->sequence, ShareRowExclusiveLock);
			return true;
		case T_RefreshMatViewStmt:
			add_named(plan, ((const RefreshMatViewStmt *) node)->relation,
					  ((const RefreshMatViewStmt *) node)->concurrent ? ExclusiveLock :
					  AccessExclusiveLock);
			return true;
		case T_AlterObjectDependsStmt:
			/* the table of a trigger is only looked at */
			if (((const AlterObjectDependsStmt *) node)->objectType != OBJECT_TRIGGER)
				add_named(plan, ((const AlterObjectDependsStmt *) node)->relation,
						  AccessExclusiveLock);
			return true;
		case T_CreateStatsStmt:
			relations = ((const CreateStatsStmt *) node)->relations;
			if (relations != NIL && IsA(linitial(relations), RangeVar))
				add_named(plan, linitial_node(RangeVar, relations), ShareUpdateExclusiveLock);
			return true;
		default:
			return false;
	}
}

static bool
plan_definition(IgLockPlan *plan, const Node *node)
{
	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			ig_plan_alter_table(plan);
			return true;
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			ig_plan_create_table(plan);
			return true;
		case T_IndexStmt:
			ig_plan_create_index(plan);
			return true;
		case T_CreateTrigStmt:
			ig_plan_create_trigger(plan);
			return true;
		case T_CommentStmt:
			ig_plan_object(plan, ((const CommentStmt *) node)->objtype,
						   ((const CommentStmt *) node)->object);
			return true;
		case T_SecLabelStmt:
			ig_plan_object(plan, ((const SecLabelStmt *) node)->objtype,
						   ((const SecLabelStmt *) node)->object);
			return true;
		case T_AlterExtensionContentsStmt:
			ig_plan_object(plan, ((const AlterExtensionContentsStmt *) node)->objtype,
						   ((const AlterExtensionContentsStmt *) node)->object);
			return true;
		case T_CreatePublicationStmt:
		case T_AlterPublicationStmt:
			ig_plan_publication(plan);
			return true;
		case T_AlterDomainStmt:
			ig_plan_domain(plan);
			return true;
		case T_CreateSchemaStmt:
			ig_plan_create_schema(plan);
			return true;
		case T_RenameStmt:
			ig_plan_rename(plan);
			return true;
		case T_AlterObjectSchemaStmt:
			ig_plan_set_schema(plan);
			return true;
		default:
			return false;
	}
}

static void
plan_maintenance(IgLockPlan *plan, const Node *node)
{
	switch (nodeTag(node))
	{
		case T_DropStmt:
			ig_plan_drop(plan);
			break;
		case T_DropOwnedStmt:
		case T_ReassignOwnedStmt:
			ig_plan_drop_owned(plan);
			break;
		case T_TruncateStmt:
			ig_plan_truncate(plan);
			break;
		case T_LockStmt:
			ig_plan_lock_table(plan);
			break;
		case T_ReindexStmt:
			ig_plan_reindex(plan);
			break;
		case T_ClusterStmt:
			ig_plan_cluster(plan);
			break;
		case T_VacuumStmt:
			ig_plan_vacuum(plan);
			break;
		case T_AlterTableMoveAllStmt:
			ig_plan_changed(plan, AccessExclusiveLock);
			break;
		default:
			break;
	}
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
static List *
finish(IgLockPlan *plan)
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
