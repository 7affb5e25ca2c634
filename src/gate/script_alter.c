/*-------------------------------------------------------------------------
 *
 * script_alter.c
 *	  ALTER TABLE and RENAME in a judged script, command by command.
 *
 * The catalog gives no change for a column or constraint that only the script
 * has, and a wrong one for those that it has changed.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"

#include "gate/script_column.h"
#include "platform/inherit.h"

#define TOUCHES_INDEXES \
	(IG_TOUCH_BIT(IG_TOUCH_ADD_INDEX) | IG_TOUCH_BIT(IG_TOUCH_DROP_INDEX) | \
	 IG_TOUCH_BIT(IG_TOUCH_ADD_CONSTRAINT) | IG_TOUCH_BIT(IG_TOUCH_DROP_CONSTRAINT) | \
	 IG_TOUCH_BIT(IG_TOUCH_OTHER_CONSTRAINT) | IG_TOUCH_BIT(IG_TOUCH_DEPENDENT))
#define TOUCHES_COLUMN \
	(IG_TOUCHES_LIFE | IG_TOUCH_BIT(IG_TOUCH_COLUMN_TYPE) | \
	 IG_TOUCH_BIT(IG_TOUCH_NOT_NULL) | IG_TOUCH_BIT(IG_TOUCH_NULLABLE) | \
	 IG_TOUCH_BIT(IG_TOUCH_DEFAULT))
#define TOUCHES_PARTITION \
	(TOUCHES_COLUMN | IG_TOUCH_BIT(IG_TOUCH_ADD_CONSTRAINT) | \
	 IG_TOUCH_BIT(IG_TOUCH_VALIDATE) | IG_TOUCH_BIT(IG_TOUCH_DROP_CONSTRAINT) | \
	 IG_TOUCH_BIT(IG_TOUCH_PARTITIONS))

typedef struct Review
{
	IgStatement *stmt;
	IgRelation *rel;
	IgScriptObject *object;
	IgScriptDoubt doubt;
	List	   *dropped;		/* of char *: constraints that the statement drops */
} Review;

static IgChange *change_of(Review *review, IgChangeKind kind, const char *column,
						   const char *name);
static void take_out(Review *review, IgChange *change);
static IgChange *add_change(Review *review, IgChangeKind kind, const char *column);
static void doubt_column(Review *review, const char *column, const IgTouch *touch,
						 const char *detail);
static bool is_nobodys(Review *review, const char *column);
static void review_command(Review *review, const AlterTableCmd *cmd);
static void add_column(Review *review, const AlterTableCmd *cmd);
static void drop_column(Review *review, const char *column, bool cascade);
static void drop_column_indexes(Review *review, IgChange *change);
static void alter_type(Review *review, const char *column);
static void set_not_null(Review *review, const char *column);
static void primary_key(Review *review, const Constraint *con);
static void column_state(Review *review, IgChangeKind kind, const char *column);
static bool is_made_required(Review *review, const char *column);
static void validate(Review *review, const char *name);
static void drop_constraint(Review *review, const char *name);
static void attach(Review *review, const PartitionCmd *cmd);
static void storage(Review *review);
static bool index_has(const IndexStmt *index, const char *column);

const IgTouch *
ig_script_touched(Oid relid, uint32 kinds, const char *name)
{
	const IgScriptObject *object = ig_script_peek(relid);

	for (int i = object ? list_length(object->touches) - 1 : -1; i >= 0; i--)
	{
		const IgTouch *touch = (const IgTouch *) list_nth(object->touches, i);

		if ((kinds & IG_TOUCH_BIT(touch->kind)) == 0)
			continue;
		if (name == NULL || (touch->name && strcmp(touch->name, name) == 0) ||
			(touch->kind == IG_TOUCH_RENAME_COLUMN && strcmp(touch->new_name, name) == 0))
			return touch;
	}
	return NULL;
}

void
ig_script_review_alter(IgStatement *stmt, IgScriptDoubt doubt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt->parsetree;
	Review		review = {stmt, NULL, NULL, doubt, NIL};
	ListCell   *lc;

	review.rel = ig_relation_lookup(alter->relation);
	if (review.rel == NULL)
		return;
	if (!ig_relation_is_owned(review.rel->relid))
	{
		doubt(ig_relation_label(review.rel), 0,
			  "Only its owner can have this judged: what it costs may have to be tried with functions of the owner.");
		return;
	}
	review.object = ig_script_peek(review.rel->relid);

	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropConstraint)
			review.dropped = lappend(review.dropped, cmd->name);
	}
	foreach(lc, alter->cmds)
		review_command(&review, lfirst_node(AlterTableCmd, lc));
}

static void
review_command(Review *review, const AlterTableCmd *cmd)
{
	if (cmd->subtype == AT_AttachPartition)
	{
		attach(review, castNode(PartitionCmd, cmd->def));
		return;
	}
	if (review->object == NULL)
		return;					/* as the catalog has it */

	switch (cmd->subtype)
	{
		case AT_AddColumn:
			add_column(review, cmd);
			break;
		case AT_DropColumn:
			drop_column(review, cmd->name, cmd->behavior == DROP_CASCADE);
			break;
		case AT_AlterColumnType:
			alter_type(review, cmd->name);
			break;
		case AT_SetNotNull:
			set_not_null(review, cmd->name);
			break;
		case AT_DropNotNull:
			column_state(review, IG_DROP_NOT_NULL, cmd->name);
			break;
		case AT_ColumnDefault:
			if (cmd->def != NULL &&
				!(IsA(cmd->def, A_Const) && ((A_Const *) cmd->def)->isnull))
				break;
			column_state(review, IG_DROP_DEFAULT, cmd->name);
			break;
		case AT_DropIdentity:
			column_state(review, IG_DROP_DEFAULT, cmd->name);
			break;
		case AT_AddConstraint:
			if (((Constraint *) cmd->def)->contype == CONSTR_PRIMARY)
				primary_key(review, (Constraint *) cmd->def);
			else if (((Constraint *) cmd->def)->contype == CONSTR_NOTNULL &&
					 ((Constraint *) cmd->def)->keys != NIL &&
					 !((Constraint *) cmd->def)->skip_validation)
				set_not_null(review, strVal(linitial(((Constraint *) cmd->def)->keys)));
			break;
		case AT_ValidateConstraint:
			validate(review, cmd->name);
			break;
		case AT_DropConstraint:
			drop_constraint(review, cmd->name);
			break;
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
		case AT_SetAccessMethod:
		case AT_ChangeOwner:
			storage(review);
			break;
		default:
			break;
	}
}

/* The statement's change of that kind, or NULL. */
static IgChange *
change_of(Review *review, IgChangeKind kind, const char *column, const char *name)
{
	ListCell   *lc;

	foreach(lc, review->stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);

		if (change->kind == kind && !change->derived &&
			(column == NULL || (change->column && strcmp(change->column, column) == 0)) &&
			(name == NULL || (change->name && strcmp(change->name, name) == 0)))
			return change;
	}
	return NULL;
}

static void
take_out(Review *review, IgChange *change)
{
	if (change != NULL)
		review->stmt->changes = list_delete_ptr(review->stmt->changes, change);
}

static IgChange *
add_change(Review *review, IgChangeKind kind, const char *column)
{
	IgChange   *change = ig_change_add(review->stmt, kind, review->rel);

	change->column = column;
	change->impact.lock = AccessExclusiveLock;
	return change;
}

static void
doubt_column(Review *review, const char *column, const IgTouch *touch, const char *detail)
{
	char	   *object = ig_relation_label(review->rel);

	if (column != NULL)
		object = psprintf("%s.%s", object, ig_text_name(column));
	review->doubt(object, touch ? touch->at : review->object->at, detail);
}

/*
 * Is the column, or its table, of the running transaction, and of no class?
 * Then nobody else has seen it, and no rule is about it.
 */
static bool
is_nobodys(Review *review, const char *column)
{
	const IgTouch *life = ig_script_touched(review->rel->relid, IG_TOUCHES_LIFE, column);

	if (review->rel->classes != 0)
		return false;
	return review->rel->is_new ||
		(life != NULL && life->kind == IG_TOUCH_ADD_COLUMN && ig_script_is_new(life));
}

static void
add_column(Review *review, const AlterTableCmd *cmd)
{
	const char *column = ((ColumnDef *) cmd->def)->colname;
	const IgTouch *life = ig_script_touched(review->rel->relid, IG_TOUCHES_LIFE, column);

	if (life == NULL)
		return;
	if (life->kind == IG_TOUCH_ADD_COLUMN)
		take_out(review, change_of(review, IG_ADD_COLUMN, column, NULL));
	else if (change_of(review, IG_ADD_COLUMN, column, NULL) == NULL)
		doubt_column(review, column, life,
					 "That statement takes the name of a column away that the catalog still has.");
}

/*
 * A column of the script gets the change that one of the catalog gets.
 */
static void
drop_column(Review *review, const char *column, bool cascade)
{
	const IgTouch *life = ig_script_touched(review->rel->relid, IG_TOUCHES_LIFE, column);
	const IgTouch *dependent = ig_script_touched(review->rel->relid,
												 IG_TOUCH_BIT(IG_TOUCH_DEPENDENT), NULL);
	IgChange   *change = change_of(review, IG_DROP_COLUMN, column, NULL);

	if (life != NULL && life->kind == IG_TOUCH_DROP_COLUMN)
	{
		take_out(review, change);
		return;
	}
	if (life != NULL && life->kind == IG_TOUCH_RENAME_COLUMN)
	{
		take_out(review, change);
		doubt_column(review, column, life, "That statement renames the column.");
		return;
	}
	if (change == NULL && life != NULL)
	{
		change = add_change(review, IG_DROP_COLUMN, column);
		change->is_new = ig_script_is_new(life);
		change->identity = psprintf("column \"%s\" of %s", ig_text_name(column),
									ig_text_relation(review->rel));
		change->sql = ig_source_statement(review->stmt);
	}
	if (change != NULL)
		drop_column_indexes(review, change);
	if (cascade && dependent != NULL && !ig_script_is_new(dependent) && !review->rel->is_new)
		doubt_column(review, column, dependent,
					 "What that statement makes may depend on the column, and CASCADE would take it along.");
}

static bool
index_has(const IndexStmt *index, const char *column)
{
	ListCell   *lc;

	if (list_length(index->indexParams) + list_length(index->indexIncludingParams) < 2 &&
		index->whereClause == NULL)
		return false;
	foreach(lc, index->indexParams)
	{
		const IndexElem *element = lfirst_node(IndexElem, lc);

		if (element->name == NULL || strcmp(element->name, column) == 0)
			return true;
	}
	foreach(lc, index->indexIncludingParams)
	{
		const IndexElem *element = lfirst_node(IndexElem, lc);

		if (element->name != NULL && strcmp(element->name, column) == 0)
			return true;
	}
	return index->whereClause != NULL;
}

/*
 * The indexes that go along: not those that the script has dropped; those that
 * it made are doubted.
 */
static void
drop_column_indexes(Review *review, IgChange *change)
{
	ListCell   *lc;

	foreach(lc, change->impact.names)
	{
		if (ig_script_touched(review->rel->relid, IG_TOUCH_BIT(IG_TOUCH_DROP_INDEX),
							  (const char *) lfirst(lc)) != NULL)
			change->impact.names = foreach_delete_current(change->impact.names, lc);
	}
	if (review->rel->is_new)
		return;
	foreach(lc, review->object->touches)
	{
		const IgTouch *touch = (const IgTouch *) lfirst(lc);

		if (touch->kind == IG_TOUCH_ADD_INDEX && !ig_script_is_new(touch) &&
			index_has((const IndexStmt *) touch->node, change->column) &&
			(touch->name == NULL ||
			 ig_script_touched(review->rel->relid, IG_TOUCH_BIT(IG_TOUCH_DROP_INDEX),
							   touch->name) == NULL))
			doubt_column(review, change->column, touch,
						 "That statement makes an index that may go along with the column.");
	}
}

/*
 * What a new type costs depends on the column as it is, and on all indexes and
 * constraints on it; a rewrite of the table on the types alone.
 */
static void
alter_type(Review *review, const char *column)
{
	IgChange   *change = change_of(review, IG_ALTER_COLUMN_TYPE, column, NULL);
	const IgTouch *touch = ig_script_touched(review->rel->relid, TOUCHES_COLUMN, column);

	if (review->rel->is_new && review->rel->classes == 0)
		return;
	if (review->rel->is_foretold || touch != NULL)
	{
		take_out(review, change);
		doubt_column(review, column, touch, "That statement makes or changes the column.");
		return;
	}
	touch = ig_script_touched(review->rel->relid, TOUCHES_INDEXES, NULL);
	if (touch == NULL || change == NULL || change->impact.rewrite)
		return;
	change->impact.reindex = false;
	change->impact.recheck = false;
	doubt_column(review, column, touch,
				 "That statement is about indexes, constraints or views of the table, which a new type may have to build or check again.");
}

static void
set_not_null(Review *review, const char *column)
{
	IgChange   *change = change_of(review, IG_SET_NOT_NULL, column, NULL);
	const IgTouch *because;

	if (review->rel->is_new)
		return;
	switch (ig_script_not_null_work(review->rel, column, change && change->impact.scan,
									review->dropped, &because))
	{
		case IG_WORK_NONE:
			take_out(review, change);
			break;
		case IG_WORK_UNKNOWN:
			take_out(review, change);
			doubt_column(review, column, because,
						 "That statement may prove, or no longer prove, that the column holds no null value.");
			break;
		case IG_WORK_SCAN:
			if (change == NULL)
				change = add_change(review, IG_SET_NOT_NULL, column);
			if (!change->impact.scan)
			{
				change->impact.scan = true;
				change->impact.reason = "no validated CHECK constraint proves that the column holds no null value";
				change->impact.tables = list_make1(ig_relation_label(review->rel));
				change->impact.names = change->impact.tables;
			}
			break;
	}
}

/*
 * The columns of a PRIMARY KEY become NOT NULL, those of an index too that the
 * script made.
 */
static void
primary_key(Review *review, const Constraint *con)
{
	IgChange   *change;
	ListCell   *lc;

	foreach(lc, review->stmt->changes)
	{
		change = (IgChange *) lfirst(lc);
		if (change->kind == IG_ADD_CONSTRAINT && change->constraint != NULL &&
			change->constraint->contype == 'p')
			break;
	}
	if (lc == NULL || review->rel->is_new)
		return;

	if (con->indexname != NULL && change->constraint->columns == NIL)
	{
		const IgTouch *made = ig_script_touched(review->rel->relid,
												IG_TOUCH_BIT(IG_TOUCH_ADD_INDEX),
												con->indexname);
		ListCell   *le;

		if (made == NULL)
			return;
		foreach(le, ((const IndexStmt *) made->node)->indexParams)
		{
			if (lfirst_node(IndexElem, le)->name != NULL)
				change->constraint->columns = lappend(change->constraint->columns,
													  lfirst_node(IndexElem, le)->name);
		}
		foreach(le, change->constraint->columns)
		{
			IgImpact	impact = {0};
			AttrNumber	attnum = get_attnum(review->rel->relid, (char *) lfirst(le));

			if (attnum > 0)
				ig_impact_set_not_null(review->rel, attnum, review->dropped, &impact);
			if (impact.scan)
				change->constraint->nullable = lappend(change->constraint->nullable, lfirst(le));
		}
	}

	foreach(lc, change->constraint->columns)
	{
		char	   *column = (char *) lfirst(lc);
		ListCell   *ln;
		bool		scans = false;
		const IgTouch *because;
		IgScriptWork work;

		foreach(ln, change->constraint->nullable)
			scans = scans || strcmp((char *) lfirst(ln), column) == 0;
		work = ig_script_not_null_work(review->rel, column, scans, review->dropped, &because);
		if (work == IG_WORK_UNKNOWN)
			doubt_column(review, column, because,
						 "That statement may prove, or no longer prove, that the column holds no null value.");
		if (work == IG_WORK_SCAN && !scans)
			change->constraint->nullable = lappend(change->constraint->nullable, column);
		foreach(ln, change->constraint->nullable)
		{
			if (work != IG_WORK_SCAN && strcmp((char *) lfirst(ln), column) == 0)
				change->constraint->nullable = foreach_delete_current(change->constraint->nullable, ln);
		}
	}
	change->impact.scan = change->constraint->nullable != NIL;
}

/*
 * DROP NOT NULL and DROP DEFAULT: what they take depends on the column alone.
 */
static void
column_state(Review *review, IgChangeKind kind, const char *column)
{
	const IgTouch *touch = ig_script_touched(review->rel->relid, TOUCHES_COLUMN, column);

	if ((touch == NULL && !review->rel->is_foretold) || is_nobodys(review, column))
		return;
	take_out(review, change_of(review, kind, column, NULL));
	if (kind == IG_DROP_DEFAULT && is_made_required(review, column))
		add_change(review, kind, column)->in_use = true;
	else
		doubt_column(review, column, touch, "That statement makes or changes the column.");
}

/*
 * Has the script made the column as NOT NULL with a default, in an earlier
 * transaction, and left it so?
 */
static bool
is_made_required(Review *review, const char *column)
{
	const IgTouch *life = ig_script_touched(review->rel->relid, IG_TOUCHES_LIFE, column);
	const IgTouch *later = ig_script_touched(review->rel->relid,
											 IG_TOUCH_BIT(IG_TOUCH_NULLABLE) |
											 IG_TOUCH_BIT(IG_TOUCH_DEFAULT), column);
	bool		has_default = false;
	bool		not_null = false;
	ListCell   *lc;

	if (life == NULL || life->kind != IG_TOUCH_ADD_COLUMN || later != NULL)
		return false;
	foreach(lc, ((const ColumnDef *) life->node)->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);

		if (con->contype == CONSTR_DEFAULT)
			has_default = !(IsA(con->raw_expr, A_Const) && ((A_Const *) con->raw_expr)->isnull);
		not_null |= con->contype == CONSTR_NOTNULL || con->contype == CONSTR_PRIMARY;
	}
	return has_default && not_null;
}

/*
 * VALIDATE of a constraint that the script added reads the rows, unless it was
 * valid from the start or is by now.
 */
static void
validate(Review *review, const char *name)
{
	IgChange   *change = change_of(review, IG_VALIDATE_CONSTRAINT, NULL, name);
	const IgTouch *touch = ig_script_touched(review->rel->relid,
											 IG_TOUCH_BIT(IG_TOUCH_ADD_CONSTRAINT) |
											 IG_TOUCH_BIT(IG_TOUCH_VALIDATE), name);

	if (change == NULL || touch == NULL)
		return;
	change->in_use = touch->kind == IG_TOUCH_ADD_CONSTRAINT &&
		((const Constraint *) touch->node)->skip_validation;
	change->added_here = change->in_use && ig_script_is_new(touch);
}

static void
drop_constraint(Review *review, const char *name)
{
	IgChange   *change = change_of(review, IG_DROP_CONSTRAINT, NULL, name);
	const IgTouch *touch = ig_script_touched(review->rel->relid,
											 IG_TOUCH_BIT(IG_TOUCH_ADD_CONSTRAINT) |
											 IG_TOUCH_BIT(IG_TOUCH_OTHER_CONSTRAINT) |
											 IG_TOUCH_BIT(IG_TOUCH_DROP_CONSTRAINT), name);

	if (review->rel->is_new)
		return;
	if (ig_script_is_spent_check(review->rel, name) ||
		(touch != NULL && touch->kind == IG_TOUCH_DROP_CONSTRAINT))
	{
		take_out(review, change);
		return;
	}
	if (touch != NULL && touch->kind == IG_TOUCH_OTHER_CONSTRAINT)
	{
		take_out(review, change);
		doubt_column(review, NULL, touch, "That statement changes the constraint or its name.");
	}
	else if (touch != NULL && change == NULL)
	{
		change = add_change(review, IG_DROP_CONSTRAINT, NULL);
		change->name = name;
		change->is_new = ig_script_is_new(touch);
	}
	else if (touch == NULL && review->rel->is_foretold)
		doubt_column(review, NULL, NULL,
					 "That statement makes the table, and may make a constraint of that name.");
}

/*
 * Whether a partition is read depends on its constraints, those of a default
 * partition, and their columns.
 */
static void
attach(Review *review, const PartitionCmd *cmd)
{
	IgChange   *change = change_of(review, IG_ATTACH_PARTITION, NULL, NULL);
	IgRelation *part = ig_relation_lookup(cmd->name);
	const IgTouch *touch;

	if (part == NULL || change == NULL)
		return;

	touch = ig_script_touched(part->relid, TOUCHES_PARTITION, NULL);
	if (touch == NULL)
		touch = ig_script_touched(review->rel->relid, TOUCHES_PARTITION, NULL);
	if (part->is_foretold || review->rel->is_foretold)
	{
		if ((part->is_new && !change->in_use) || review->rel->is_new)
			return;
		change->impact.scan = false;
		review->doubt(ig_relation_label(part), ig_script_peek(part->relid) ?
					  ig_script_peek(part->relid)->at : 0,
					  "The catalog does not have one of the two tables.");
	}
	else if (touch != NULL)
	{
		change->impact.scan = false;
		review->doubt(ig_relation_label(part), touch->at,
					  "That statement may prove, or no longer prove, that the rows belong there.");
	}
}

/* Where and how the table is stored, as an earlier statement has set it. */
static void
storage(Review *review)
{
	const IgTouch *touch = ig_script_touched(review->rel->relid,
											 IG_TOUCH_BIT(IG_TOUCH_STORAGE), NULL);

	if (touch != NULL && !review->rel->is_new)
		doubt_column(review, NULL, touch,
					 "That statement changes where or how the table is stored, or whose it is.");
}

void
ig_script_review_rename(IgStatement *stmt, IgScriptDoubt doubt)
{
	const RenameStmt *rename = (const RenameStmt *) stmt->parsetree;
	Review		review = {stmt, NULL, NULL, doubt, NIL};
	const IgTouch *life;
	IgChange   *change;

	if (rename->renameType != OBJECT_COLUMN && rename->renameType != OBJECT_ATTRIBUTE)
		return;
	review.rel = ig_relation_lookup(rename->relation);
	review.object = review.rel ? ig_script_peek(review.rel->relid) : NULL;
	if (review.object == NULL || (review.rel->is_new && review.rel->classes == 0))
		return;

	life = ig_script_touched(review.rel->relid, IG_TOUCHES_LIFE, rename->subname);
	change = change_of(&review, IG_RENAME_COLUMN, rename->subname, NULL);
	if (life != NULL && life->kind != IG_TOUCH_ADD_COLUMN)
	{
		take_out(&review, change);
		doubt_column(&review, rename->subname, life,
					 "That statement drops or renames the column.");
	}
	else if (change == NULL && (life != NULL || review.rel->is_foretold))
	{
		change = add_change(&review, IG_RENAME_COLUMN, rename->subname);
		change->new_name = rename->newname;
		change->is_new = life != NULL && ig_script_is_new(life);
	}
}

/*
 * DROP TRIGGER and DROP POLICY, where the script has to do with it.
 */
void
ig_script_review_drop_trigger(List *names, IgScriptDoubt doubt)
{
	List	   *table = list_copy_head(names, list_length(names) - 1);
	IgRelation *rel = table ? ig_relation_lookup(makeRangeVarFromNameList(table)) : NULL;
	const IgTouch *touch;

	if (rel == NULL || rel->classes == 0)
		return;
	touch = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_TRIGGER), strVal(llast(names)));
	if (touch != NULL)
		doubt(ig_relation_label(rel), touch->at,
			  "That statement makes, changes or drops the trigger or policy.");
}
