/*-------------------------------------------------------------------------
 *
 * script_effect_alter.c
 *	  What changes and drops in a judged script leave behind.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/regproc.h"

#include "gate/script.h"
#include "platform/compat.h"
#include "platform/label.h"

typedef struct Labelling
{
	Oid			relid;
	int			present;		/* IG_CLASS_... */
	int			wanted;
} Labelling;

static void alter_table(const AlterTableStmt *alter);
static void alter_command(Oid relid, const AlterTableCmd *cmd);
static void confuse(const char *why);
static void drop(const DropStmt *statement);
static void drop_relation(Oid relid);
static void drop_on_table(List *names);
static void rename_object(const RenameStmt *rename);
static void move(Oid relid, const char *schema, const char *name);
static void set_schema(const AlterObjectSchemaStmt *alter);
static List *labellings(const Node *parsetree);
static List *add_labelling(List *labels, List *names, int given, int taken);
static void label_relations(const Node *parsetree);
static bool call_words(const FuncCall *call, char **words);

static Oid
find(const RangeVar *rv, const char *default_schema)
{
	return rv ? ig_relation_find(rv, default_schema) : InvalidOid;
}

void
ig_script_effect_alter(const Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_AlterTableStmt:
			alter_table((const AlterTableStmt *) parsetree);
			break;
		case T_DropStmt:
			drop((const DropStmt *) parsetree);
			break;
		case T_RenameStmt:
			rename_object((const RenameStmt *) parsetree);
			break;
		case T_AlterObjectSchemaStmt:
			set_schema((const AlterObjectSchemaStmt *) parsetree);
			break;
		case T_SecLabelStmt:
		case T_SelectStmt:
			label_relations(parsetree);
			ig_script_retire(parsetree);
			break;
		case T_DropOwnedStmt:
			confuse("it drops what a role owns");
			break;
		default:
			break;
	}
}

static void
set_schema(const AlterObjectSchemaStmt *alter)
{
	Oid			relid = find(alter->relation, NULL);
	IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;

	if (rel != NULL)
		move(relid, alter->newschema, rel->name);
}

/* After this nothing is sure. */
static void
confuse(const char *why)
{
	if (ig_script->confused != NULL)
		return;
	ig_script_set(&ig_script->confused, unconstify(char *, why));
	ig_script_set(&ig_script->confused_at, (void *) (intptr_t) ig_script->statement);
}

static void
alter_table(const AlterTableStmt *alter)
{
	Oid			relid = find(alter->relation, NULL);
	ListCell   *lc;

	if (!OidIsValid(relid))
		return;
	foreach(lc, alter->cmds)
		alter_command(relid, lfirst_node(AlterTableCmd, lc));
}

static void
alter_command(Oid relid, const AlterTableCmd *cmd)
{
	switch (cmd->subtype)
	{
		case AT_AddColumn:
			if (get_attnum(relid, ((ColumnDef *) cmd->def)->colname) <= 0 || !cmd->missing_ok)
				ig_script_add_column(relid, (ColumnDef *) cmd->def, NULL);
			break;
		case AT_DropColumn:
			ig_script_touch(relid, IG_TOUCH_DROP_COLUMN, cmd->name, NULL, NULL);
			break;
		case AT_AlterColumnType:
			ig_script_touch(relid, IG_TOUCH_COLUMN_TYPE, cmd->name, NULL, NULL);
			break;
		case AT_SetNotNull:
			ig_script_touch(relid, IG_TOUCH_NOT_NULL, cmd->name, NULL, NULL);
			break;
		case AT_DropNotNull:
			ig_script_touch(relid, IG_TOUCH_NULLABLE, cmd->name, NULL, NULL);
			break;
		case AT_ColumnDefault:
		case AT_AddIdentity:
		case AT_DropIdentity:
		case AT_DropExpression:
			ig_script_touch(relid, IG_TOUCH_DEFAULT, cmd->name, NULL, NULL);
			break;
		case AT_AddConstraint:
			ig_script_add_constraint(relid, (Constraint *) cmd->def, NULL, NULL);
			break;
		case AT_ValidateConstraint:
			ig_script_touch(relid, IG_TOUCH_VALIDATE, cmd->name, NULL, NULL);
			break;
		case AT_DropConstraint:
			ig_script_touch(relid, IG_TOUCH_DROP_CONSTRAINT, cmd->name, NULL, NULL);
			break;
		case AT_AlterConstraint:
			ig_script_touch(relid, IG_TOUCH_OTHER_CONSTRAINT, cmd->name, NULL, NULL);
			break;
		case AT_AttachPartition:
			ig_script_attach(relid, find(((PartitionCmd *) cmd->def)->name, NULL));
			break;
		case AT_DetachPartition:
			ig_script_touch(relid, IG_TOUCH_PARTITIONS, NULL, NULL, NULL);
			ig_script_touch(find(((PartitionCmd *) cmd->def)->name, NULL),
							IG_TOUCH_PARTITIONS, NULL, NULL, NULL);
			break;
		case AT_SetLogged:
		case AT_SetUnLogged:
		case AT_SetTableSpace:
		case AT_SetAccessMethod:
		case AT_ChangeOwner:
			ig_script_touch(relid, IG_TOUCH_STORAGE, NULL, NULL, NULL);
			break;
		case AT_AddInherit:
		case AT_DropInherit:
			ig_script_touch(relid, IG_TOUCH_PARTITIONS, NULL, NULL, NULL);
			break;
		default:
			break;
	}
}

/* A name, perhaps with a schema, of something that is no relation. */
void
ig_script_name_other(IgNameKind kind, List *names, bool present, const Node *node)
{
	char	   *schema;
	char	   *name;
	RangeVar	rv = {0};

	DeconstructQualifiedName(names, &schema, &name);
	rv.schemaname = schema;
	rv.relpersistence = RELPERSISTENCE_PERMANENT;
	ig_script_name(kind, ig_script_creation_schema(&rv), name, present, NULL, node);
}

static void
drop(const DropStmt *statement)
{
	ListCell   *lc;

	foreach(lc, statement->objects)
	{
		Node	   *object = (Node *) lfirst(lc);

		switch (statement->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_FOREIGN_TABLE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_SEQUENCE:
			case OBJECT_INDEX:
				drop_relation(find(makeRangeVarFromNameList((List *) object), NULL));
				break;
			case OBJECT_TRIGGER:
			case OBJECT_POLICY:
			case OBJECT_RULE:
				drop_on_table((List *) object);
				break;
			case OBJECT_SCHEMA:
				ig_script_name(IG_NAME_SCHEMA, "", strVal(object), false, NULL, NULL);
				break;
			case OBJECT_TYPE:
			case OBJECT_DOMAIN:
				ig_script_name_other(IG_NAME_TYPE, ((TypeName *) object)->names, false, NULL);
				break;
			case OBJECT_FUNCTION:
			case OBJECT_PROCEDURE:
			case OBJECT_ROUTINE:
				ig_script_name_other(IG_NAME_FUNCTION, ((ObjectWithArgs *) object)->objname, false, NULL);
				break;
			default:
				break;
		}
	}
}

static void
drop_relation(Oid relid)
{
	IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;
	IgScriptObject *object;
	Oid			table;

	if (rel == NULL)
		return;
	object = ig_script_object(relid);
	if (rel->relkind == RELKIND_INDEX || rel->relkind == RELKIND_PARTITIONED_INDEX)
	{
		table = object->made ? object->table : IndexGetRelation(relid, true);
		if (OidIsValid(table))
			ig_script_touch(table, IG_TOUCH_DROP_INDEX, rel->name, NULL, NULL);
	}
	ig_script_set(&object->gone, (void *) (intptr_t) ig_script->statement);
	ig_script_name(IG_NAME_RELATION, rel->schema, rel->name, false, object, NULL);
}

static void
drop_on_table(List *names)
{
	List	   *table = list_copy_head(names, list_length(names) - 1);
	Oid			relid;

	if (table == NIL)
		return;
	relid = find(makeRangeVarFromNameList(table), NULL);
	if (OidIsValid(relid))
		ig_script_touch(relid, IG_TOUCH_TRIGGER, strVal(llast(names)), NULL, NULL);
}

static void
rename_object(const RenameStmt *rename)
{
	Oid			relid = find(rename->relation, NULL);
	IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;

	switch (rename->renameType)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_INDEX:
			if (rel != NULL)
				move(relid, rel->schema, rename->newname);
			break;
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
			if (rel != NULL)
				ig_script_touch(relid, IG_TOUCH_RENAME_COLUMN, rename->subname,
								rename->newname, NULL);
			break;
		case OBJECT_TABCONSTRAINT:
			if (rel != NULL)
			{
				ig_script_touch(relid, IG_TOUCH_OTHER_CONSTRAINT, rename->subname,
								NULL, NULL);
				ig_script_touch(relid, IG_TOUCH_OTHER_CONSTRAINT, rename->newname,
								NULL, NULL);
			}
			break;
		case OBJECT_SCHEMA:
			confuse("it renames a schema");
			break;
		default:
			break;
	}
}

/*
 * A relation gets another name or schema.
 */
static void
move(Oid relid, const char *schema, const char *name)
{
	IgScriptObject *object = ig_script_object(relid);
	IgRelation *rel = ig_relation_load(relid);

	ig_script_name(IG_NAME_RELATION, rel->schema, rel->name, false, object, NULL);
	ig_script_set(&object->schema, MemoryContextStrdup(ig_script->memory, schema));
	ig_script_set(&object->name, MemoryContextStrdup(ig_script->memory, name));
	ig_script_name(IG_NAME_RELATION, schema, name, true, object, NULL);
}

/*
 * The classes that a statement gives a table by label, with those that it has;
 * as a list of Labelling.
 */
static List *
labellings(const Node *parsetree)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (IsA(parsetree, SecLabelStmt))
	{
		const SecLabelStmt *label = (const SecLabelStmt *) parsetree;
		int			classes = 0;

		if (label->provider == NULL || strcmp(label->provider, "invariant_guard") != 0 ||
			(label->objtype != OBJECT_TABLE && label->objtype != OBJECT_FOREIGN_TABLE))
			return NIL;
		if (label->label != NULL)
			classes = ig_label_classes_in(label->label);
		return add_labelling(NIL, (List *) label->object, classes, ~classes);
	}
	if (!IsA(parsetree, SelectStmt))
		return NIL;

	/* SELECT invariant_guard.protect('t', 'financial'), or unprotect() */
	foreach(lc, ((const SelectStmt *) parsetree)->targetList)
	{
		const FuncCall *call = (const FuncCall *) lfirst_node(ResTarget, lc)->val;
		char	   *words[2] = {NULL, NULL};
		int			classes = IG_CLASS_FINANCIAL | IG_CLASS_PROTECTED;
		char	   *bad_word;
		bool		protect;

		if (call == NULL || !IsA(call, FuncCall) || !call_words(call, words))
			continue;
		if (words[1] != NULL)
			ig_label_parse(words[1], &classes, &bad_word);
		protect = strcmp(strVal(llast(call->funcname)), "protect") == 0;
		result = add_labelling(result, ig_string_to_names(words[0]),
							   protect ? classes : 0, protect ? 0 : classes);
	}
	return result;
}

static List *
add_labelling(List *labels, List *names, int given, int taken)
{
	Oid			relid = find(makeRangeVarFromNameList(names), NULL);
	const IgScriptObject *object = OidIsValid(relid) ? ig_script_peek(relid) : NULL;
	Labelling  *labelling;

	if (!OidIsValid(relid))
		return labels;
	labelling = palloc(sizeof(Labelling));
	labelling->relid = relid;
	labelling->present = object && object->labelled ? (int) object->label :
		ig_label_classes_of(relid);
	labelling->wanted = (labelling->present | given) & ~taken;
	return lappend(labels, labelling);
}

static void
label_relations(const Node *parsetree)
{
	ListCell   *lc;

	foreach(lc, labellings(parsetree))
	{
		const Labelling *labelling = (const Labelling *) lfirst(lc);
		IgScriptObject *object = ig_script_object(labelling->relid);

		ig_script_set(&object->labelled, (void *) (intptr_t) 1);
		ig_script_set(&object->label, (void *) (intptr_t) labelling->wanted);
	}
}

/*
 * The changes of a statement by which tables lose classes.
 */
void
ig_script_changes_label(IgStatement *stmt)
{
	ListCell   *lc;

	foreach(lc, labellings(stmt->parsetree))
	{
		const Labelling *labelling = (const Labelling *) lfirst(lc);
		int			lost = labelling->present & ~labelling->wanted;

		if (lost != 0)
			ig_change_unprotect(stmt, ig_relation_load(labelling->relid), lost);
	}
}

/*
 * The arguments of protect() or unprotect(), if it is one of them and they are
 * constants.
 */
static bool
call_words(const FuncCall *call, char **words)
{
	ListCell   *lc;

	if (list_length(call->funcname) != 2 || list_length(call->args) > 2 ||
		strcmp(strVal(linitial(call->funcname)), "invariant_guard") != 0 ||
		(strcmp(strVal(llast(call->funcname)), "protect") != 0 &&
		 strcmp(strVal(llast(call->funcname)), "unprotect") != 0))
		return false;

	foreach(lc, call->args)
	{
		Node	   *arg = (Node *) lfirst(lc);

		if (IsA(arg, TypeCast))
			arg = ((TypeCast *) arg)->arg;
		if (IsA(arg, A_Const) && !((A_Const *) arg)->isnull &&
			IsA(&((A_Const *) arg)->val, String))
			words[foreach_current_index(lc)] = strVal(&((A_Const *) arg)->val);
	}
	return words[0] != NULL;
}
