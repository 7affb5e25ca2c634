/*-------------------------------------------------------------------------
 *
 * change_alter_table.c
 *	  ALTER TABLE and its relatives, sub-command by sub-command.
 *
 * The sub-commands of one statement see each other: a column that is added
 * and made NOT NULL, a constraint that is dropped while SET NOT NULL leans on
 * it.  So the list is read once for what others need, then once for Changes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "catalog/partition.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/text.h"

/* What the statement as a whole does, for each of its sub-commands. */
typedef struct AlterContext
{
	IgStatement *stmt;
	IgRelation *rel;
	IgRelation *named;			/* rel, or the composite type that it is OF */
	LOCKMODE	lock;
	List	   *dropped_constraints;	/* of char * */
	List	   *made_not_null;	/* of char *: by SET NOT NULL, or from 18 on by a
								 * constraint */
	List	   *unchecked;		/* of char *: those of them that are NOT VALID */
	List	   *made_nullable;	/* of char *: DROP NOT NULL */
	List	   *keyed;			/* of char *: in a PRIMARY KEY that is added */
	List	   *added;			/* of char *: columns that it adds */
	bool		drops_first;	/* a column, a default or a generation expression */
} AlterContext;

static bool fits_verb(ObjectType verb, char relkind);
static bool has_own_columns(char relkind);
static void read_context(AlterContext *context, const AlterTableStmt *alter);
static bool is_named(List *names, const char *name);
static IgChange *column_change(AlterContext *context, IgChangeKind kind, const char *column);
static void add_column(AlterContext *context, const AlterTableCmd *cmd);
static void note_made_not_null(AlterContext *context, const IgChange *added);
static void alter_column_type(AlterContext *context, const AlterTableCmd *cmd);
static void forget_dropped(AlterContext *context, IgImpact *impact);
static List *without_name(List *names, const char *name);
static void set_not_null(AlterContext *context, const char *column);
static void drop_default(AlterContext *context, const char *column);
static void add_constraint(AlterContext *context, const AlterTableCmd *cmd);
static void change_enforcement(AlterContext *context, const AlterTableCmd *cmd);
static void set_persistence(AlterContext *context, char persistence);
static void set_tablespace(AlterContext *context, const char *name);
static void set_access_method(AlterContext *context, const char *name);
static void change_owner(AlterContext *context, const RoleSpec *role);
static void disable(AlterContext *context, IgChangeKind kind, const char *name,
					const char *clause);
static void enable_triggers(AlterContext *context, const AlterTableCmd *cmd);
static void column_command(AlterContext *context, const AlterTableCmd *cmd);
static void table_command(AlterContext *context, const AlterTableCmd *cmd);

/*
 * Entry point.  Somebody who does not own the relation gets the server's own
 * refusal, and nothing of the statement is planned or looked up for them.
 */
void
ig_changes_alter_table(IgStatement *stmt)
{
	const AlterTableStmt *alter = castNode(AlterTableStmt, stmt->parsetree);
	AlterContext context = {0};
	List	   *targets;
	ListCell   *lt;

	context.stmt = stmt;
	context.rel = ig_relation_lookup(alter->relation);
	if (context.rel == NULL || !ig_relation_is_owned(context.rel->relid) ||
		!fits_verb(alter->objtype, context.rel->relkind))
		return;

	context.named = context.rel;
	context.lock = AlterTableGetLockLevel(alter->cmds);
	read_context(&context, alter);

	targets = list_make1(context.rel);
	if (context.rel->relkind == RELKIND_COMPOSITE_TYPE)
		targets = list_concat(targets, ig_typed_tables(context.rel->relid));

	foreach(lt, targets)
	{
		ListCell   *lc;

		context.rel = (IgRelation *) lfirst(lt);
		foreach(lc, alter->cmds)
		{
			const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

			column_command(&context, cmd);
			table_command(&context, cmd);
		}
	}
	ig_changes_validate(stmt);
	if (alter->relation->inh)
		ig_changes_heirs(stmt);
}

/*
 * Is it a relation of which this statement may speak?  If not, the server says
 * so before it looks at the sub-commands (RangeVarCallbackForAlterRelation).
 */
static bool
fits_verb(ObjectType verb, char relkind)
{
	switch (verb)
	{
		case OBJECT_VIEW:
			return relkind == RELKIND_VIEW;
		case OBJECT_MATVIEW:
			return relkind == RELKIND_MATVIEW;
		case OBJECT_SEQUENCE:
			return relkind == RELKIND_SEQUENCE;
		case OBJECT_FOREIGN_TABLE:
			return relkind == RELKIND_FOREIGN_TABLE;
		case OBJECT_TYPE:
			return relkind == RELKIND_COMPOSITE_TYPE;
		case OBJECT_INDEX:
			return relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX;
		default:
			return relkind != RELKIND_COMPOSITE_TYPE;
	}
}

/*
 * A view, say, has those of its query: none is added, and none changes its type.
 */
static bool
has_own_columns(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_COMPOSITE_TYPE;
}

static void
read_context(AlterContext *context, const AlterTableStmt *alter)
{
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_SetNotNull)
			context->made_not_null = lappend(context->made_not_null, cmd->name);
		else if (cmd->subtype == AT_DropNotNull)
			context->made_nullable = lappend(context->made_nullable, cmd->name);
		else if (cmd->subtype == AT_DropConstraint)
			context->dropped_constraints = lappend(context->dropped_constraints, cmd->name);
		else if (cmd->subtype == AT_DropColumn || cmd->subtype == AT_DropExpression ||
				 (cmd->subtype == AT_ColumnDefault && cmd->def == NULL))
			context->drops_first = true;
		else if (cmd->subtype == AT_AddColumn)
			context->added = lappend(context->added, ((ColumnDef *) cmd->def)->colname);
		else if (cmd->subtype == AT_AddConstraint)
		{
			const Constraint *con = castNode(Constraint, cmd->def);

			foreach(lk, con->keys)
			{
				char	   *name = strVal(lfirst(lk));

				if (con->contype == CONSTR_PRIMARY)
					context->keyed = lappend(context->keyed, name);
				else if (con->contype == CONSTR_NOTNULL)
					context->made_not_null = lappend(context->made_not_null, name);
				if (con->contype == CONSTR_NOTNULL && con->skip_validation)
					context->unchecked = lappend(context->unchecked, name);
			}
		}
	}
}

static bool
is_named(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp((const char *) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/*
 * A change of an existing column, or NULL if there is no such column: then it
 * is one that this statement adds, or the server will complain.
 */
static IgChange *
column_change(AlterContext *context, IgChangeKind kind, const char *column)
{
	AttrNumber	attnum = get_attnum(context->rel->relid, column);
	IgChange   *change;

	if (attnum <= 0)
		return NULL;

	change = ig_change_add(context->stmt, kind, context->rel);
	change->column = column;
	change->attnum = attnum;
	change->address.objectSubId = attnum;
	change->is_new = ig_transaction_created(&change->address);
	change->impact.lock = context->lock;
	return change;
}

static void
add_column(AlterContext *context, const AlterTableCmd *cmd)
{
	ColumnDef  *def = castNode(ColumnDef, cmd->def);
	IgChange   *change;

	if (get_attnum(context->rel->relid, def->colname) != InvalidAttrNumber)
		return;					/* IF NOT EXISTS, or the server's error */
	if (context->rel->is_partition ||
		(OidIsValid(context->rel->of_type) && context->named == context->rel))
		return;					/* the server adds it from above only */
	if (!has_own_columns(context->rel->relkind))
		return;					/* the server says so before it looks at defaults */

	change = ig_change_add(context->stmt, IG_ADD_COLUMN, context->rel);
	change->column = def->colname;
	change->impact.lock = context->lock;
	change->new_column = ig_new_column(context->stmt, context->rel, def, true,
									   &change->impact);
	note_made_not_null(context, change);
	if (is_named(context->keyed, def->colname))
		change->new_column->in_key = true;
	if (change->new_column->in_key || is_named(context->made_not_null, def->colname))
		change->new_column->not_null = true;
	if (!ig_relation_holds_rows(context->rel))
		change->impact.rewrite = false;
	ig_changes_foreign_key(context->stmt, change);
}

/*
 * NOT NULL in the definition of a column with a default costs nothing, but as
 * a sub-command of its own it is checked row by row.
 */
static void
note_made_not_null(AlterContext *context, const IgChange *added)
{
	IgNewColumn *column = added->new_column;
	IgChange   *change;

	if (column->not_null || !column->has_default || added->impact.rewrite ||
		!is_named(context->made_not_null, added->column) ||
		is_named(context->unchecked, added->column) ||
		!ig_relation_holds_rows(context->rel))
		return;

	change = ig_change_add(context->stmt, IG_SET_NOT_NULL, context->rel);
	change->column = added->column;
	change->new_column = column;
	change->impact.lock = context->lock;
	change->impact.scan = true;
	change->impact.reason = "the column is added without NOT NULL, which follows as a sub-command of its own";
}

static void
alter_column_type(AlterContext *context, const AlterTableCmd *cmd)
{
	ColumnDef  *def = castNode(ColumnDef, cmd->def);
	IgChange   *change;

	if (!has_own_columns(context->rel->relkind))
		return;					/* the server says so before it looks at USING */
	change = column_change(context, IG_ALTER_COLUMN_TYPE, cmd->name);
	if (change == NULL)
		return;
	change->type_change = palloc0(sizeof(IgTypeChange));
	ig_impact_alter_type(context->named, get_attnum(context->named->relid, cmd->name),
						 def, context->stmt->query, context->drops_first,
						 change->type_change, &change->impact);
	if (!ig_relation_holds_rows(context->rel))
		change->impact.rewrite = false; /* the tables OF the type have the rows */
	if (!change->impact.rewrite && context->dropped_constraints != NIL)
		forget_dropped(context, &change->impact);
}

/*
 * What the same statement drops is neither rebuilt nor checked again.
 */
static void
forget_dropped(AlterContext *context, IgImpact *impact)
{
	ListCell   *lc;

	foreach(lc, context->dropped_constraints)
	{
		impact->indexes = without_name(impact->indexes, (const char *) lfirst(lc));
		impact->constraints = without_name(impact->constraints, (const char *) lfirst(lc));
	}
	impact->reindex = impact->reindex && impact->indexes != NIL;
	impact->recheck = impact->recheck && impact->constraints != NIL;
	impact->names = list_concat_copy(impact->indexes, impact->constraints);
}

static List *
without_name(List *names, const char *name)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp((const char *) lfirst(lc), name) != 0)
			result = lappend(result, lfirst(lc));
	}
	return result;
}

static void
set_not_null(AlterContext *context, const char *column)
{
	IgChange   *change = column_change(context, IG_SET_NOT_NULL, column);

	if (change != NULL)
		ig_impact_set_not_null(context->rel, change->attnum,
							   context->dropped_constraints, &change->impact);
}

/*
 * DROP DEFAULT, SET DEFAULT NULL, and DROP IDENTITY, of a column that has one.
 */
static void
drop_default(AlterContext *context, const char *column)
{
	AttrNumber	attnum = get_attnum(context->rel->relid, column);
	HeapTuple	tuple;
	Form_pg_attribute form;
	bool		required;

	if (attnum <= 0 || is_named(context->made_nullable, column))
		return;
	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(context->rel->relid),
							Int16GetDatum(attnum));
	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_attribute) GETSTRUCT(tuple);
	required = form->attnotnull && form->attgenerated == '\0' &&
		(form->atthasdef || form->attidentity != '\0');
	ReleaseSysCache(tuple);

	if (required)
		column_change(context, IG_DROP_DEFAULT, column)->in_use = true;
}

static void
add_constraint(AlterContext *context, const AlterTableCmd *cmd)
{
	Constraint *con = castNode(Constraint, cmd->def);
	IgConstraintSpec *spec;
	IgChange   *change;
	ListCell   *lc;

	if (con->contype == CONSTR_NOTNULL)
	{
		/* 18: ADD CONSTRAINT ... NOT NULL column */
		if (!con->skip_validation && con->keys != NIL)
			set_not_null(context, strVal(linitial(con->keys)));
		return;
	}

	spec = ig_constraint_spec(context->stmt, context->rel, con, NULL);
	if (spec->contype == '\0')
		return;

	change = ig_change_add(context->stmt, IG_ADD_CONSTRAINT, context->rel);
	change->constraint = spec;
	change->name = spec->name;
	change->impact.lock = context->lock;
	if (spec->contype == CONSTRAINT_PRIMARY)
	{
		if (spec->using_index != NULL)
			spec->columns = ig_index_columns(context->rel, spec->using_index);
		spec->nullable = NIL;
		foreach(lc, spec->columns)
		{
			char	   *column = (char *) lfirst(lc);
			IgImpact	impact = {0};
			AttrNumber	attnum = get_attnum(context->rel->relid, column);

			if (attnum <= 0)
				continue;
			ig_impact_set_not_null(context->rel, attnum,
								   context->dropped_constraints, &impact);
			if (!impact.scan)
				continue;
			spec->nullable = lappend(spec->nullable, column);
			change->impact.tables = list_concat(change->impact.tables, impact.tables);
		}
		change->impact.scan = spec->nullable != NIL;
	}
	ig_changes_foreign_key(context->stmt, change);
}

/*
 * 18: ALTER CONSTRAINT ... [NOT] ENFORCED.
 */
static void
change_enforcement(AlterContext *context, const AlterTableCmd *cmd)
{
	bool		enforced;
	const char *name = ig_alter_constraint_enforcement(cmd, &enforced);
	Oid			conoid;
	IgChange   *change;

	if (name == NULL)
		return;
	conoid = get_relation_constraint_oid(context->rel->relid, name, true);
	if (!OidIsValid(conoid))
		return;

	change = ig_change_add(context->stmt, enforced ? IG_ADD_CONSTRAINT :
						   IG_UNENFORCE_CONSTRAINT, context->rel);
	change->name = name;
	change->constraint = ig_constraint_spec_of(conoid);
	change->constraint->not_valid = !enforced;	/* as it will be */
	change->impact.lock = context->lock;
}

static void
set_persistence(AlterContext *context, char persistence)
{
	IgChange   *change;

	if (context->rel->persistence == persistence)
		return;
	change = ig_change_add(context->stmt, IG_SET_PERSISTENCE, context->rel);
	change->new_persistence = persistence;
	change->impact.lock = context->lock;
	change->impact.rewrite = true;
}

static void
set_tablespace(AlterContext *context, const char *name)
{
	Oid			tablespace = get_tablespace_oid(name, true);
	Oid			current = get_rel_tablespace(context->rel->relid);
	IgChange   *change;

	if (!OidIsValid(tablespace) || !RELKIND_HAS_STORAGE(context->rel->relkind))
		return;
	if (!OidIsValid(current))
		current = MyDatabaseTableSpace;
	if (tablespace == current)
		return;

	change = ig_change_add(context->stmt, IG_SET_TABLESPACE, context->rel);
	change->new_name = name;
	change->impact.lock = context->lock;
}

static void
set_access_method(AlterContext *context, const char *name)
{
	Oid			am;
	IgChange   *change;

	if (name == NULL)
		name = default_table_access_method; /* 17: SET ACCESS METHOD DEFAULT */
	am = get_table_am_oid(name, true);
	if (!OidIsValid(am) || !RELKIND_HAS_STORAGE(context->rel->relkind) ||
		am == ig_relation_access_method(context->rel->relid))
		return;

	change = ig_change_add(context->stmt, IG_SET_ACCESS_METHOD, context->rel);
	change->new_name = name;
	change->impact.lock = context->lock;
	change->impact.rewrite = true;
}

static void
change_owner(AlterContext *context, const RoleSpec *role)
{
	Oid			owner = get_rolespec_oid(role, true);
	IgChange   *change;

	if (!OidIsValid(owner) || owner == ig_relation_owner(context->rel->relid))
		return;
	change = ig_change_add(context->stmt, IG_CHANGE_OWNER, context->rel);
	change->new_name = GetUserNameFromId(owner, false);
	change->impact.lock = context->lock;
}

static void
disable(AlterContext *context, IgChangeKind kind, const char *name, const char *clause)
{
	IgChange   *change = ig_change_add(context->stmt, kind, context->rel);

	change->name = name;
	change->sql = psprintf("ALTER TABLE %s %s", ig_relation_quoted(context->rel), clause);
	change->impact.lock = context->lock;
}

/*
 * ENABLE TRIGGER makes a trigger that fires always an ordinary one, which a
 * session with session_replication_role = replica does not fire.
 */
static void
enable_triggers(AlterContext *context, const AlterTableCmd *cmd)
{
	bool		by_name = cmd->subtype == AT_EnableTrig;
	const char *group = cmd->subtype == AT_EnableTrigAll ? "ALL" : "USER";

	if (!ig_has_trigger_always(context->rel->relid, by_name ? cmd->name : NULL))
		return;

	disable(context, IG_DISABLE_TRIGGER, by_name ? cmd->name : group,
			psprintf("ENABLE TRIGGER %s", by_name ? quote_identifier(cmd->name) : group));
	((IgChange *) llast(context->stmt->changes))->new_name =
		by_name ? psprintf("take ALWAYS from trigger \"%s\"", ig_text_name(cmd->name)) :
		"take ALWAYS from triggers";
}

/*
 * Sub-commands that are about one column or one constraint.
 */
static void
column_command(AlterContext *context, const AlterTableCmd *cmd)
{
	bool		cascade = cmd->behavior == DROP_CASCADE;
	AttrNumber	attnum;
	IgChange   *change;

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			add_column(context, cmd);
			break;
		case AT_DropColumn:
			attnum = get_attnum(context->rel->relid, cmd->name);
			if (attnum > 0)
				ig_change_drop_column(context->stmt, context->rel, attnum, cascade);
			break;
		case AT_AlterColumnType:
			alter_column_type(context, cmd);
			break;
		case AT_SetNotNull:
			set_not_null(context, cmd->name);
			break;
		case AT_DropNotNull:
			attnum = get_attnum(context->rel->relid, cmd->name);
			if (attnum > 0 && ig_column_refuses_null(context->rel->relid, attnum))
				column_change(context, IG_DROP_NOT_NULL, cmd->name);
			break;
		case AT_ColumnDefault:
			if (cmd->def == NULL ||
				(IsA(cmd->def, A_Const) && ((A_Const *) cmd->def)->isnull))
				drop_default(context, cmd->name);
			break;
		case AT_DropIdentity:
			drop_default(context, cmd->name);
			break;
		case AT_AddConstraint:
			add_constraint(context, cmd);
			break;
		case AT_AlterConstraint:
			change_enforcement(context, cmd);
			break;
		case AT_ValidateConstraint:
			change = ig_change_add(context->stmt, IG_VALIDATE_CONSTRAINT, context->rel);
			change->name = cmd->name;
			change->impact.lock = context->lock;
			break;
		case AT_DropConstraint:
			ig_change_drop_constraint(context->stmt, context->rel, cmd->name, cascade);
			break;
		default:
			if (!IG_AT_IS_SET_EXPRESSION(cmd->subtype))
				break;
			change = column_change(context, IG_SET_EXPRESSION, cmd->name);
			if (change != NULL)
			{
				change->impact.rewrite =
					ig_column_generated(context->rel->relid, change->attnum) ==
					ATTRIBUTE_GENERATED_STORED;
				change->impact.reason = "the new expression is computed for each row";
			}
			break;
	}
}

/*
 * Sub-commands that are about the table as a whole.
 */
static void
table_command(AlterContext *context, const AlterTableCmd *cmd)
{
	IgChange   *change;

	switch (cmd->subtype)
	{
		case AT_SetLogged:
			set_persistence(context, RELPERSISTENCE_PERMANENT);
			break;
		case AT_SetUnLogged:
			set_persistence(context, RELPERSISTENCE_UNLOGGED);
			break;
		case AT_SetTableSpace:
			set_tablespace(context, cmd->name);
			break;
		case AT_SetAccessMethod:
			set_access_method(context, cmd->name);
			break;
		case AT_ChangeOwner:
			change_owner(context, cmd->newowner);
			break;
		case AT_ReplicaIdentity:
			change = ig_change_add(context->stmt, IG_REPLICA_IDENTITY, context->rel);
			change->in_use = ig_relation_is_published(context->rel->relid, true);
			change->impact.lock = context->lock;
			break;
		case AT_DisableTrig:
			disable(context, IG_DISABLE_TRIGGER, cmd->name,
					psprintf("DISABLE TRIGGER %s", quote_identifier(cmd->name)));
			break;
		case AT_EnableReplicaTrig:
			disable(context, IG_DISABLE_TRIGGER, cmd->name,
					psprintf("ENABLE REPLICA TRIGGER %s", quote_identifier(cmd->name)));
			break;
		case AT_DisableTrigAll:
			disable(context, IG_DISABLE_TRIGGER, "ALL", "DISABLE TRIGGER ALL");
			break;
		case AT_DisableTrigUser:
			disable(context, IG_DISABLE_TRIGGER, "USER", "DISABLE TRIGGER USER");
			break;
		case AT_EnableTrig:
		case AT_EnableTrigAll:
		case AT_EnableTrigUser:
			enable_triggers(context, cmd);
			break;
		case AT_DisableRule:
		case AT_EnableReplicaRule:
			disable(context, IG_DISABLE_TRIGGER, cmd->name,
					psprintf("%s RULE %s", cmd->subtype == AT_DisableRule ?
							 "DISABLE" : "ENABLE REPLICA", quote_identifier(cmd->name)));
			((IgChange *) llast(context->stmt->changes))->new_name =
				psprintf("disable rule \"%s\"", ig_text_name(cmd->name));
			break;
		case AT_DisableRowSecurity:
			disable(context, IG_DISABLE_RLS, NULL, "DISABLE ROW LEVEL SECURITY");
			break;
		case AT_NoForceRowSecurity:
			disable(context, IG_DISABLE_RLS, NULL, "NO FORCE ROW LEVEL SECURITY");
			break;
		case AT_AttachPartition:
		case AT_DetachPartition:
			ig_changes_partition(context->stmt, context->rel,
								 castNode(PartitionCmd, cmd->def),
								 cmd->subtype == AT_AttachPartition, context->lock);
			break;
		default:
			break;
	}
}
