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

#include "gate/lock_plan.h"
#include "gate/lock_plan_parts.h"

static void plan_statement(IgLockPlan *plan, const IgStatement *stmt);
static void add_named(IgLockPlan *plan, const RangeVar *rv, LOCKMODE mode);
static bool plan_one_relation(IgLockPlan *plan, const Node *node);
static bool plan_definition(IgLockPlan *plan, const Node *node);
static void plan_maintenance(IgLockPlan *plan, const Node *node);
static void plan_schema(IgLockPlan *plan);

List *
ig_lock_plan(const IgStatement *stmt)
{
	IgLockPlan	plan;

	ig_plan_begin(&plan);
	plan_statement(&plan, stmt);
	return ig_plan_finish(&plan);
}

/*
 * One statement, or an element of CREATE SCHEMA.
 */
static void
plan_statement(IgLockPlan *plan, const IgStatement *stmt)
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
			plan_schema(plan);
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

/*
 * CREATE SCHEMA with elements: each is a statement of its own.
 */
static void
plan_schema(IgLockPlan *plan)
{
	const CreateSchemaStmt *create = castNode(CreateSchemaStmt, plan->stmt->parsetree);
	ListCell   *lc;

	foreach(lc, create->schemaElts)
	{
		IgStatement element = {0};

		element.parsetree = (const Node *) lfirst(lc);
		element.query = plan->stmt->query;
		element.default_schema = create->schemaname;
		plan_statement(plan, &element);
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
