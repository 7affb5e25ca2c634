/*-------------------------------------------------------------------------
 *
 * lock_plan_alter.c
 *	  The locks of ALTER TABLE and its relatives.
 *
 * The named relation is locked in the mode that AlterTableGetLockLevel says
 * for all sub-commands together, and where a sub-command goes on to partitions
 * and children these are locked in that mode as well.  Which of them do, and
 * what else they reach for, is told here: ATPrepCmd and what it calls.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/tablecmds.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/lock_plan_parts.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

typedef struct AlterPlan
{
	IgLockPlan *plan;
	Oid			relid;
	char		relkind;
	LOCKMODE	lock;
	bool		recurse;		/* not ONLY */
	List	   *going;			/* of ObjectAddress */
} AlterPlan;

static void tree(AlterPlan *alter);
static void column_command(AlterPlan *alter, const AlterTableCmd *cmd);
static void constraint_command(AlterPlan *alter, const AlterTableCmd *cmd);
static void table_command(AlterPlan *alter, const AlterTableCmd *cmd);
static void add_column(AlterPlan *alter, Oid relid, const ColumnDef *def);
static void drop_column(AlterPlan *alter, Oid relid, const char *column);
static bool is_only_inherited(Oid relid, AttrNumber attnum);
static void set_not_null(AlterPlan *alter, Oid relid, const char *column);
static void drop_not_null(AlterPlan *alter, Oid relid, const char *column);
static void add_constraint(AlterPlan *alter, const Constraint *con);
static void drop_constraint(AlterPlan *alter, const char *name);
static void drop_from_children(AlterPlan *alter, Oid relid, const char *name);
static void validate_constraint(AlterPlan *alter, const char *name);
static void alter_constraint(AlterPlan *alter, const AlterTableCmd *cmd);
static void enter_anew(AlterPlan *alter, const char *column);
static void switch_triggers(AlterPlan *alter, const AlterTableCmd *cmd);
static bool has_row_trigger(Oid relid, const char *name, bool user_only);
static void owned_sequences(AlterPlan *alter, LOCKMODE lock);
static void change_owner(AlterPlan *alter, const RoleSpec *role);
static void gone(AlterPlan *alter, Oid classid, Oid objid, int32 subid);

void
ig_plan_alter_table(IgLockPlan *plan)
{
	const AlterTableStmt *stmt = castNode(AlterTableStmt, plan->stmt->parsetree);
	AlterPlan	alter = {0};
	ListCell   *lc;

	alter.plan = plan;
	alter.relid = ig_plan_lookup(plan->stmt, stmt->relation);
	if (!OidIsValid(alter.relid) || !ig_relation_is_owned(alter.relid))
		return;

	alter.relkind = get_rel_relkind(alter.relid);
	alter.lock = AlterTableGetLockLevel(stmt->cmds);
	alter.recurse = stmt->relation->inh;
	ig_plan_add(plan, alter.relid, alter.lock);

	if (alter.relkind == RELKIND_COMPOSITE_TYPE)
	{
		foreach(lc, ig_typed_tables(alter.relid))
			ig_plan_add_tree(plan, ((const IgRelation *) lfirst(lc))->relid, alter.lock);
	}
	foreach(lc, stmt->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		column_command(&alter, cmd);
		constraint_command(&alter, cmd);
		table_command(&alter, cmd);
	}
	if (alter.going != NIL)
		ig_plan_deletion(plan, alter.going);
}

static void
tree(AlterPlan *alter)
{
	ig_plan_add_tree(alter->plan, alter->relid, alter->lock);
}

static void
gone(AlterPlan *alter, Oid classid, Oid objid, int32 subid)
{
	ObjectAddress *address = palloc(sizeof(ObjectAddress));

	ObjectAddressSubSet(*address, classid, objid, subid);
	alter->going = lappend(alter->going, address);
}

static void
column_command(AlterPlan *alter, const AlterTableCmd *cmd)
{
	bool		partitioned = alter->relkind == RELKIND_PARTITIONED_TABLE;
	AttrNumber	attnum;

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			add_column(alter, alter->relid, castNode(ColumnDef, cmd->def));
			ig_plan_references(alter->plan, castNode(ColumnDef, cmd->def)->constraints);
			break;
		case AT_DropColumn:
			drop_column(alter, alter->relid, cmd->name);
			break;
		case AT_ColumnDefault:
		case AT_DropExpression:
		case AT_SetStatistics:
		case AT_SetStorage:
			if (alter->recurse)
				tree(alter);
			break;
		case AT_AlterColumnType:
			if (alter->recurse)
				tree(alter);
			enter_anew(alter, cmd->name);
			break;
		case AT_SetNotNull:
			set_not_null(alter, alter->relid, cmd->name);
			break;
		case AT_DropNotNull:
			drop_not_null(alter, alter->relid, cmd->name);
			break;
		case AT_AddIdentity:
		case AT_SetIdentity:
		case AT_DropIdentity:
			if (IG_PARTITIONS_HAVE_IDENTITY && partitioned && alter->recurse)
				tree(alter);
			attnum = get_attnum(alter->relid, cmd->name);
			if (attnum <= 0 || cmd->subtype == AT_AddIdentity)
				break;
			ig_plan_add(alter->plan, ig_identity_sequence(alter->relid, attnum),
						cmd->subtype == AT_DropIdentity ? AccessExclusiveLock :
						ShareRowExclusiveLock);
			break;
		default:
			if (!IG_AT_IS_SET_EXPRESSION(cmd->subtype))
				break;
			if (alter->recurse)
				tree(alter);
			enter_anew(alter, cmd->name);
			break;
	}
}

static void
constraint_command(AlterPlan *alter, const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AddConstraint:
			add_constraint(alter, castNode(Constraint, cmd->def));
			break;
		case AT_DropConstraint:
			drop_constraint(alter, cmd->name);
			break;
		case AT_ValidateConstraint:
			validate_constraint(alter, cmd->name);
			break;
		case AT_AlterConstraint:
			alter_constraint(alter, cmd);
			break;
		default:
			break;
	}
}

static void
table_command(AlterPlan *alter, const AlterTableCmd *cmd)
{
	const PartitionCmd *part;
	Oid			relid;

	switch (cmd->subtype)
	{
		case AT_AttachPartition:
			part = castNode(PartitionCmd, cmd->def);
			relid = ig_plan_lookup(alter->plan->stmt, part->name);
			if (alter->relkind == RELKIND_PARTITIONED_TABLE)
				ig_plan_attach(alter->plan, alter->relid, relid);
			else
				ig_plan_add(alter->plan, relid, AccessExclusiveLock);
			break;
		case AT_DetachPartition:
		case AT_DetachPartitionFinalize:
			part = castNode(PartitionCmd, cmd->def);
			ig_plan_detach(alter->plan, alter->relid,
						   ig_plan_lookup(alter->plan->stmt, part->name),
						   part->concurrent || cmd->subtype == AT_DetachPartitionFinalize);
			break;
		case AT_AddInherit:
			ig_plan_add(alter->plan,
						ig_plan_lookup(alter->plan->stmt, castNode(RangeVar, cmd->def)),
						ShareUpdateExclusiveLock);
			break;
		case AT_EnableTrig:
		case AT_EnableAlwaysTrig:
		case AT_EnableReplicaTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
		case AT_DisableTrig:
		case AT_DisableTrigAll:
		case AT_DisableTrigUser:
			switch_triggers(alter, cmd);
			break;
		case AT_ChangeOwner:
			change_owner(alter, cmd->newowner);
			break;
		case AT_SetLogged:
		case AT_SetUnLogged:
			if (get_rel_persistence(alter->relid) !=
				(cmd->subtype == AT_SetLogged ? RELPERSISTENCE_PERMANENT :
				 RELPERSISTENCE_UNLOGGED))
				owned_sequences(alter, AccessExclusiveLock);
			break;
		default:
			break;
	}
}

/*
 * A child that has such a column already keeps it, and its own children do not
 * hear of it.
 */
static void
add_column(AlterPlan *alter, Oid relid, const ColumnDef *def)
{
	ListCell   *lc;

	check_stack_depth();
	if (!alter->recurse || get_attnum(relid, def->colname) != InvalidAttrNumber)
		return;

	foreach(lc, ig_inheritance_children(relid))
	{
		ig_plan_add(alter->plan, lfirst_oid(lc), alter->lock);
		add_column(alter, lfirst_oid(lc), def);
	}
}

static void
drop_column(AlterPlan *alter, Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);
	ListCell   *lc;

	check_stack_depth();
	if (attnum <= 0)
		return;

	gone(alter, RelationRelationId, relid, attnum);
	foreach(lc, ig_inheritance_children(relid))
	{
		Oid			child = lfirst_oid(lc);

		ig_plan_add(alter->plan, child, alter->lock);
		if (alter->recurse && is_only_inherited(child, get_attnum(child, column)))
			drop_column(alter, child, column);
	}
}

/* Does the column go with its only parent's? */
static bool
is_only_inherited(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple;
	Form_pg_attribute form;
	bool		result;

	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	result = form->attinhcount == 1 && !form->attislocal;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Where the column is NOT NULL already, the children of a partitioned table
 * must be so, too; from 18 on, those of any table.
 */
static void
set_not_null(AlterPlan *alter, Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);
	bool		partitioned = alter->relkind == RELKIND_PARTITIONED_TABLE;
	ListCell   *lc;

	check_stack_depth();
	if (attnum <= 0)
		return;

	if (!IG_HAS_NOT_NULL_CONSTRAINTS)
	{
		if (partitioned ? !ig_column_refuses_null(relid, attnum) : alter->recurse)
			tree(alter);
		return;
	}

	if (ig_column_refuses_null(relid, attnum))
	{
		HeapTuple	tuple = ig_not_null_constraint(relid, attnum);

		if (HeapTupleIsValid(tuple) && relid == alter->relid && alter->recurse &&
			!((Form_pg_constraint) GETSTRUCT(tuple))->convalidated)
			tree(alter);
		return;
	}
	if (!alter->recurse)
		return;
	foreach(lc, ig_inheritance_children(relid))
	{
		ig_plan_add(alter->plan, lfirst_oid(lc), alter->lock);
		set_not_null(alter, lfirst_oid(lc), column);
	}
}

static void
drop_not_null(AlterPlan *alter, Oid relid, const char *column)
{
	AttrNumber	attnum = get_attnum(relid, column);
	HeapTuple	tuple;

	if (attnum <= 0)
		return;
	if (!IG_HAS_NOT_NULL_CONSTRAINTS)
	{
		if (alter->recurse)
			tree(alter);
		return;
	}
	tuple = ig_not_null_constraint(relid, attnum);
	if (HeapTupleIsValid(tuple) && !((Form_pg_constraint) GETSTRUCT(tuple))->connoinherit)
		drop_from_children(alter, relid,
						   NameStr(((Form_pg_constraint) GETSTRUCT(tuple))->conname));
}

/*
 * Indexes are built on partitions one by one, under SHARE; a primary key makes
 * its columns NOT NULL, in all heirs.
 */
static void
add_constraint(AlterPlan *alter, const Constraint *con)
{
	bool		partitioned = alter->relkind == RELKIND_PARTITIONED_TABLE;
	ListCell   *lc;

	if (IG_ADD_CONSTRAINT_LOCKS_HEIRS && alter->recurse)
		tree(alter);

	switch (con->contype)
	{
		case CONSTR_CHECK:
			if (alter->recurse && !con->is_no_inherit)
				tree(alter);
			break;
		case CONSTR_FOREIGN:
			if (partitioned)
				tree(alter);
			ig_plan_referenced(alter->plan, ig_plan_lookup(alter->plan->stmt, con->pktable));
			break;
		case CONSTR_PRIMARY:
			if (!IG_ADD_CONSTRAINT_LOCKS_HEIRS)
			{
				foreach(lc, con->keys)
					set_not_null(alter, alter->relid, strVal(lfirst(lc)));
			}
			/* FALLTHROUGH */
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			if (partitioned)
				ig_plan_add_tree(alter->plan, alter->relid, ShareLock);
			break;
		default:
			break;
	}
}

/*
 * A partitioned table's partitions are all locked, even if there is no such
 * constraint.
 */
static void
drop_constraint(AlterPlan *alter, const char *name)
{
	Form_pg_constraint con = ig_plan_constraint(alter->relid, name);

	if (alter->relkind == RELKIND_PARTITIONED_TABLE)
		tree(alter);
	if (con == NULL)
		return;

	gone(alter, ConstraintRelationId, con->oid, 0);
	if (con->contype == CONSTRAINT_FOREIGN)
		ig_plan_add(alter->plan, con->confrelid, AccessExclusiveLock);
	else if (!con->connoinherit &&
			 (con->contype == CONSTRAINT_CHECK || con->contype == IG_CONSTRAINT_NOTNULL))
		drop_from_children(alter, alter->relid, name);
}

/* Where a child has the constraint from elsewhere as well, it ends there. */
static void
drop_from_children(AlterPlan *alter, Oid relid, const char *name)
{
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, ig_inheritance_children(relid))
	{
		Form_pg_constraint con = ig_plan_constraint(lfirst_oid(lc), name);

		ig_plan_add(alter->plan, lfirst_oid(lc), alter->lock);
		if (alter->recurse && con != NULL && con->coninhcount == 1 && !con->conislocal)
			drop_from_children(alter, lfirst_oid(lc), name);
	}
}

static void
validate_constraint(AlterPlan *alter, const char *name)
{
	Form_pg_constraint con = ig_plan_constraint(alter->relid, name);

	if (con == NULL || con->convalidated)
		return;
	if (con->contype == CONSTRAINT_FOREIGN)
	{
		if (alter->relkind == RELKIND_PARTITIONED_TABLE)
			tree(alter);
	}
	else if (!con->connoinherit)
		tree(alter);
}

/*
 * The clones of a foreign key are altered on all partitions; from 18 on its
 * triggers may be made and dropped, on both sides.
 */
static void
alter_constraint(AlterPlan *alter, const AlterTableCmd *cmd)
{
	bool		enforced;
	const char *name = ig_alter_constraint_enforcement(cmd, &enforced);
	Form_pg_constraint con;

	if (alter->relkind == RELKIND_PARTITIONED_TABLE)
		tree(alter);
	if (name == NULL)
		return;
	con = ig_plan_constraint(alter->relid, name);
	if (con == NULL || con->contype != CONSTRAINT_FOREIGN ||
		ig_constraint_row_enforced(con) == enforced)
		return;
	if (enforced)
		ig_plan_referenced(alter->plan, con->confrelid);
	else
		ig_plan_add_tree(alter->plan, con->confrelid, AccessExclusiveLock);
}

/*
 * What depends on a column that changes its type or expression is dropped and
 * made again: indexes, and foreign keys on either side.
 */
static void
enter_anew(AlterPlan *alter, const char *column)
{
	List	   *relids = list_make1_oid(alter->relid);
	ListCell   *lc;
	ListCell   *ld;

	if (alter->relkind == RELKIND_COMPOSITE_TYPE)
	{
		foreach(lc, ig_typed_tables(alter->relid))
			relids = lappend_oid(relids, ((const IgRelation *) lfirst(lc))->relid);
	}
	else if (alter->recurse)
		relids = ig_inheritors(alter->relid, NULL);

	foreach(lc, relids)
	{
		AttrNumber	attnum = get_attnum(lfirst_oid(lc), column);

		if (attnum <= 0)
			continue;
		foreach(ld, ig_column_dependents(lfirst_oid(lc), attnum))
		{
			const ObjectAddress *address = (const ObjectAddress *) lfirst(ld);

			if (address->classId == ConstraintRelationId)
				gone(alter, ConstraintRelationId, address->objectId, 0);
		}
	}
}

/* Row triggers of a partitioned table have clones on its partitions. */
static void
switch_triggers(AlterPlan *alter, const AlterTableCmd *cmd)
{
	bool		user_only = cmd->subtype == AT_EnableTrigUser ||
		cmd->subtype == AT_DisableTrigUser;

	if (alter->relkind == RELKIND_PARTITIONED_TABLE && alter->recurse &&
		has_row_trigger(alter->relid, cmd->name, user_only))
		tree(alter);
}

static bool
has_row_trigger(Oid relid, const char *name, bool user_only)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		result = false;

	if (!RelationIsValid(rel))
		return false;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (TRIGGER_FOR_ROW(trigger->tgtype) && !(user_only && trigger->tgisinternal) &&
			(name == NULL || strcmp(trigger->tgname, name) == 0))
			result = true;
	}
	RelationClose(rel);
	return result;
}

static void
owned_sequences(AlterPlan *alter, LOCKMODE lock)
{
	ig_plan_add_all(alter->plan, getOwnedSequences(alter->relid), lock);
}

static void
change_owner(AlterPlan *alter, const RoleSpec *role)
{
	Oid			owner = get_rolespec_oid(role, true);
	Relation	rel;

	if (!OidIsValid(owner) || owner == ig_relation_owner(alter->relid))
		return;

	owned_sequences(alter, alter->lock);
	rel = RelationIdGetRelation(alter->relid);
	if (!RelationIsValid(rel))
		return;
	if (RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind) ||
		rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ig_plan_add_all(alter->plan, RelationGetIndexList(rel), alter->lock);
	RelationClose(rel);
}
