/*-------------------------------------------------------------------------
 *
 * lock_plan_other.c
 *	  The locks of what creates, renames and moves, and of the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/lock_plan_parts.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

typedef struct ViewWalk
{
	IgLockPlan *plan;
	LOCKMODE	mode;
	List	   *views;			/* OIDs, of those that have been walked */
} ViewWalk;

static void lock_view(ViewWalk *walk, Oid relid);
static bool lock_view_walker(Node *node, void *context);
static bool renames_in_heirs(const RenameStmt *rename, Oid relid);

void
ig_plan_create_table(IgLockPlan *plan)
{
	const CreateStmt *create = (const CreateStmt *) plan->stmt->parsetree;
	ListCell   *lc;

	if (create->if_not_exists && OidIsValid(ig_plan_lookup(plan->stmt, create->relation)))
		return;

	foreach(lc, create->inhRelations)
	{
		Oid			parent = ig_plan_lookup(plan->stmt, lfirst_node(RangeVar, lc));

		if (!OidIsValid(parent))
			continue;
		if (create->partbound == NULL)
		{
			ig_plan_add(plan, parent, ShareUpdateExclusiveLock);
			continue;
		}
		ig_plan_add(plan, parent, AccessExclusiveLock);
		ig_plan_add_tree(plan, get_default_partition_oid(parent), AccessExclusiveLock);
		ig_plan_foreign_keys_of_parent(plan, parent);
	}

	ig_plan_references(plan, create->constraints);
	ig_plan_references(plan, create->tableElts);
	foreach(lc, create->tableElts)
	{
		if (IsA(lfirst(lc), ColumnDef))
			ig_plan_references(plan, lfirst_node(ColumnDef, lc)->constraints);
	}
}

void
ig_plan_create_index(IgLockPlan *plan)
{
	const IndexStmt *index = castNode(IndexStmt, plan->stmt->parsetree);
	LOCKMODE	lock = index->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	Oid			relid = ig_plan_lookup(plan->stmt, index->relation);

	ig_plan_add(plan, relid, lock);
	if (index->relation != NULL && index->relation->inh &&
		get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		ig_plan_add_tree(plan, relid, lock);
}

void
ig_plan_create_trigger(IgLockPlan *plan)
{
	const CreateTrigStmt *create = castNode(CreateTrigStmt, plan->stmt->parsetree);
	Oid			relid = ig_plan_lookup(plan->stmt, create->relation);

	ig_plan_add(plan, relid, ShareRowExclusiveLock);
	if (create->row && get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		ig_plan_add_tree(plan, relid, ShareRowExclusiveLock);
}

void
ig_plan_rename(IgLockPlan *plan)
{
	const RenameStmt *rename = castNode(RenameStmt, plan->stmt->parsetree);
	Oid			relid;
	char		relkind;
	ListCell   *lc;

	if (rename->relation == NULL)
		return;
	relid = ig_plan_lookup(plan->stmt, rename->relation);
	if (!OidIsValid(relid) || !ig_relation_is_owned(relid))
		return;

	relkind = get_rel_relkind(relid);
	if ((relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX) &&
		rename->renameType != OBJECT_COLUMN)
	{
		ig_plan_add(plan, relid, ShareUpdateExclusiveLock);
		return;
	}

	ig_plan_add(plan, relid, AccessExclusiveLock);
	if (renames_in_heirs(rename, relid))
		ig_plan_add_tree(plan, relid, AccessExclusiveLock);
	if (relkind == RELKIND_COMPOSITE_TYPE)
	{
		foreach(lc, ig_typed_tables(relid))
			ig_plan_add_tree(plan, ((const IgRelation *) lfirst(lc))->relid,
							 AccessExclusiveLock);
	}
}

static bool
renames_in_heirs(const RenameStmt *rename, Oid relid)
{
	Form_pg_constraint con;

	switch (rename->renameType)
	{
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
			return rename->relation->inh;
		case OBJECT_TABCONSTRAINT:
			con = ig_plan_constraint(relid, rename->subname);
			return con != NULL && rename->relation->inh && !con->connoinherit &&
				(con->contype == CONSTRAINT_CHECK || con->contype == IG_CONSTRAINT_NOTNULL);
		case OBJECT_TRIGGER:
			return get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE;
		default:
			return false;
	}
}

void
ig_plan_set_schema(IgLockPlan *plan)
{
	const AlterObjectSchemaStmt *alter = castNode(AlterObjectSchemaStmt, plan->stmt->parsetree);
	Oid			relid;

	if (alter->relation == NULL)
		return;
	relid = ig_plan_lookup(plan->stmt, alter->relation);
	if (!OidIsValid(relid) || !ig_relation_is_owned(relid))
		return;
	ig_plan_add(plan, relid, AccessExclusiveLock);
	if (get_rel_namespace(relid) != get_namespace_oid(alter->newschema, true))
		ig_plan_add_all(plan, getOwnedSequences(relid), AccessExclusiveLock);
}

/*
 * COMMENT, SECURITY LABEL and ALTER EXTENSION ADD or DROP: a relation or one
 * of its columns is locked against other DDL.
 */
void
ig_plan_object(IgLockPlan *plan, ObjectType type, const Node *object)
{
	List	   *names;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_INDEX:
			names = castNode(List, unconstify(Node *, object));
			break;
		case OBJECT_COLUMN:
			names = castNode(List, unconstify(Node *, object));
			names = list_copy_head(names, list_length(names) - 1);
			break;
		default:
			return;
	}
	if (names != NIL)
		ig_plan_add(plan, ig_plan_lookup(plan->stmt, makeRangeVarFromNameList(names)),
					ShareUpdateExclusiveLock);
}

/*
 * The tables that a publication is made for, gets, loses or keeps by name.
 */
void
ig_plan_publication(IgLockPlan *plan)
{
	const Node *node = plan->stmt->parsetree;
	List	   *objects;
	ListCell   *lc;

	if (IsA(node, AlterPublicationStmt))
	{
		const AlterPublicationStmt *alter = (const AlterPublicationStmt *) node;
		Oid			pubid = get_publication_oid(alter->pubname, true);

		objects = alter->pubobjects;
		if (OidIsValid(pubid) && objects != NIL && alter->action == AP_SetObjects)
			ig_plan_add_all(plan, GetPublicationRelations(pubid, PUBLICATION_PART_ROOT),
							ShareUpdateExclusiveLock);
	}
	else
		objects = ((const CreatePublicationStmt *) node)->pubobjects;

	foreach(lc, objects)
	{
		const PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);
		Oid			relid;

		if (object->pubtable == NULL)
			continue;
		relid = ig_plan_lookup(plan->stmt, object->pubtable->relation);
		ig_plan_add(plan, relid, ShareUpdateExclusiveLock);
		if (object->pubtable->relation->inh &&
			get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
			ig_plan_add_tree(plan, relid, ShareUpdateExclusiveLock);
	}
}

/*
 * LOCK TABLE: heirs too unless ONLY is said, and what a view selects from.
 */
void
ig_plan_lock_table(IgLockPlan *plan)
{
	const LockStmt *lock = castNode(LockStmt, plan->stmt->parsetree);
	ViewWalk	walk = {0};
	ListCell   *lc;

	walk.plan = plan;
	walk.mode = lock->mode;
	foreach(lc, lock->relations)
	{
		const RangeVar *rv = lfirst_node(RangeVar, lc);
		Oid			relid = ig_plan_lookup(plan->stmt, rv);

		ig_plan_add(plan, relid, lock->mode);
		if (get_rel_relkind(relid) == RELKIND_VIEW)
			lock_view(&walk, relid);
		else if (rv->inh)
			ig_plan_add_tree(plan, relid, lock->mode);
	}
}

static void
lock_view(ViewWalk *walk, Oid relid)
{
	Relation	view;

	check_stack_depth();
	if (list_member_oid(walk->views, relid))
		return;
	walk->views = lappend_oid(walk->views, relid);

	view = RelationIdGetRelation(relid);
	if (!RelationIsValid(view))
		return;
	if (view->rd_rules != NULL)
		(void) lock_view_walker((Node *) copyObject(get_view_query(view)), walk);
	RelationClose(view);
}

static bool
lock_view_walker(Node *node, void *context)
{
	ViewWalk   *walk = (ViewWalk *) context;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (!IsA(node, Query))
		return expression_tree_walker(node, lock_view_walker, context);

	foreach(lc, ((Query *) node)->rtable)
	{
		const RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if (rte->rtekind != RTE_RELATION ||
			(rte->relkind != RELKIND_RELATION && rte->relkind != RELKIND_PARTITIONED_TABLE &&
			 rte->relkind != RELKIND_VIEW) || list_member_oid(walk->views, rte->relid))
			continue;
		ig_plan_add(walk->plan, rte->relid, walk->mode);
		if (rte->relkind == RELKIND_VIEW)
			lock_view(walk, rte->relid);
		else if (rte->inh)
			ig_plan_add_tree(walk->plan, rte->relid, walk->mode);
	}
	return query_tree_walker((Query *) node, lock_view_walker, context,
							 QTW_IGNORE_JOINALIASES);
}

/*
 * ALTER DOMAIN reads the tables that its changes have found.
 */
void
ig_plan_domain(IgLockPlan *plan)
{
	ListCell   *lc;
	ListCell   *lu;

	foreach(lc, plan->stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		foreach(lu, change->domain_use)
			ig_plan_add(plan, ((const IgDomainUse *) lfirst(lu))->rel->relid, ShareLock);
	}
}
