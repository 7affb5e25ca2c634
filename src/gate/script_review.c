/*-------------------------------------------------------------------------
 *
 * script_review.c
 *	  The changes of a statement in a judged script, by what came before it.
 *
 * The changes were made from the catalog, with the script's relations in its
 * look-up.  Here they are held against what earlier statements left: a change
 * is put right, taken out, added, or doubted.  A statement is doubted where
 * neither the catalog nor the script's own words can tell; what is doubted is
 * reported, so nothing passes in silence.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "gate/script_column.h"
#include "platform/inherit.h"

static void find_target(const RangeVar *rv, bool missing_ok, IgScriptDoubt doubt);
static void find_targets(IgStatement *stmt, IgScriptDoubt doubt);
static void find_list(List *relations, IgScriptDoubt doubt);
static void review_new_columns(IgStatement *stmt, IgScriptDoubt doubt);
static bool review_made_type(IgChange *change, const ColumnDef *def);
static const ColumnDef *definition_of(const IgStatement *stmt, const char *column);
static void review_like(IgStatement *stmt, IgScriptDoubt doubt);
static void review_parent(const IgChange *change, const IgConstraintSpec *spec,
						  IgScriptDoubt doubt);
static void review_keys(IgStatement *stmt, IgScriptDoubt doubt);
static void review_index(IgStatement *stmt, IgScriptDoubt doubt);
static void review_drop(IgStatement *stmt, IgScriptDoubt doubt);
static void find_others(const DropStmt *drop, IgScriptDoubt doubt);
static void review_cascade(IgStatement *stmt, IgScriptDoubt doubt);
static void review_truncate(IgStatement *stmt, IgScriptDoubt doubt);
static void review_other(IgStatement *stmt, IgNameKind kind, List *names,
						 const char *what, IgScriptDoubt doubt);

void
ig_script_review(IgStatement *stmt, IgScriptDoubt doubt)
{
	const Node *node = stmt->parsetree;

	if (ig_script->confused != NULL)
	{
		stmt->changes = NIL;
		doubt(NULL, (int) ig_script->confused_at,
			  "After that statement nothing can be told of existing objects.");
		return;
	}

	find_targets(stmt, doubt);
	review_new_columns(stmt, doubt);
	review_like(stmt, doubt);
	review_keys(stmt, doubt);

	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			ig_script_review_alter(stmt, doubt);
			break;
		case T_RenameStmt:
			ig_script_review_rename(stmt, doubt);
			break;
		case T_IndexStmt:
		case T_ReindexStmt:
		case T_RefreshMatViewStmt:
			review_index(stmt, doubt);
			break;
		case T_DropStmt:
			review_drop(stmt, doubt);
			break;
		case T_TruncateStmt:
			review_truncate(stmt, doubt);
			break;
		case T_AlterEnumStmt:
			if (stmt->changes == NIL && ((const AlterEnumStmt *) node)->oldVal != NULL)
				review_other(stmt, IG_NAME_TYPE, ((const AlterEnumStmt *) node)->typeName,
							 "type", doubt);
			break;
		case T_AlterDomainStmt:
			if (stmt->changes == NIL)
				review_other(stmt, IG_NAME_TYPE, ((const AlterDomainStmt *) node)->typeName,
							 "domain", doubt);
			break;
		default:
			break;
	}
}

/*
 * A relation that is neither in the catalog nor made by the script: something
 * that cannot be seen may have made it.
 */
static void
find_target(const RangeVar *rv, bool missing_ok, IgScriptDoubt doubt)
{
	const IgNameFact *fact;

	if (rv == NULL || missing_ok || OidIsValid(ig_relation_find(rv, NULL)))
		return;
	fact = ig_script_fact(IG_NAME_RELATION, ig_script_creation_schema(rv), rv->relname);
	if (fact != NULL)
		doubt(rv->relname, fact->at, "That statement takes the name from a relation.");
	else
		doubt(rv->schemaname ? psprintf("%s.%s", rv->schemaname, rv->relname) : rv->relname, 0,
		  "There is no such relation here, and no statement before it that is seen to make it.");
}

static void
find_list(List *relations, IgScriptDoubt doubt)
{
	ListCell   *lc;

	foreach(lc, relations)
	{
		Node	   *node = (Node *) lfirst(lc);

		if (IsA(node, VacuumRelation))
			node = (Node *) ((VacuumRelation *) node)->relation;
		if (node != NULL && IsA(node, RangeVar))
			find_target((RangeVar *) node, false, doubt);
	}
}

static void
find_targets(IgStatement *stmt, IgScriptDoubt doubt)
{
	const Node *node = stmt->parsetree;

	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			find_target(((const AlterTableStmt *) node)->relation,
						((const AlterTableStmt *) node)->missing_ok, doubt);
			break;
		case T_RenameStmt:
			find_target(((const RenameStmt *) node)->relation,
						((const RenameStmt *) node)->missing_ok, doubt);
			break;
		case T_AlterObjectSchemaStmt:
			find_target(((const AlterObjectSchemaStmt *) node)->relation,
						((const AlterObjectSchemaStmt *) node)->missing_ok, doubt);
			break;
		case T_IndexStmt:
			if (stmt->default_schema == NULL)
				find_target(((const IndexStmt *) node)->relation, false, doubt);
			break;
		case T_TruncateStmt:
			find_list(((const TruncateStmt *) node)->relations, doubt);
			break;
		case T_VacuumStmt:
			find_list(((const VacuumStmt *) node)->rels, doubt);
			break;
		case T_ClusterStmt:
			find_target(((const ClusterStmt *) node)->relation, false, doubt);
			break;
		case T_ReindexStmt:
			find_target(((const ReindexStmt *) node)->relation, false, doubt);
			break;
		case T_RefreshMatViewStmt:
			find_target(((const RefreshMatViewStmt *) node)->relation, false, doubt);
			break;
		case T_GrantStmt:
			if (((const GrantStmt *) node)->targtype == ACL_TARGET_OBJECT &&
				((const GrantStmt *) node)->objtype == OBJECT_TABLE)
				find_list(((const GrantStmt *) node)->objects, doubt);
			break;
		case T_CreateStmt:
			if (stmt->default_schema == NULL)
				find_list(((const CreateStmt *) node)->inhRelations, doubt);
			break;
		default:
			break;
	}
}

/* The clause of the statement that a new column comes from, or NULL. */
static const ColumnDef *
definition_of(const IgStatement *stmt, const char *column)
{
	List	   *elements = NIL;
	ListCell   *lc;

	if (IsA(stmt->parsetree, CreateStmt) || IsA(stmt->parsetree, CreateForeignTableStmt))
		elements = ((const CreateStmt *) stmt->parsetree)->tableElts;
	else if (IsA(stmt->parsetree, AlterTableStmt))
		elements = ((const AlterTableStmt *) stmt->parsetree)->cmds;

	foreach(lc, elements)
	{
		Node	   *node = (Node *) lfirst(lc);

		if (IsA(node, AlterTableCmd) && ((AlterTableCmd *) node)->subtype == AT_AddColumn)
			node = ((AlterTableCmd *) node)->def;
		if (node != NULL && IsA(node, ColumnDef) &&
			strcmp(((ColumnDef *) node)->colname, column) == 0)
			return (ColumnDef *) node;
	}
	return NULL;
}

/*
 * A column whose type only the script has.  A constant of an enum is stored
 * like any other; of other types nothing can be told.
 */
static bool
review_made_type(IgChange *change, const ColumnDef *def)
{
	const IgNameFact *fact = ig_script_find_other(IG_NAME_TYPE, def->typeName->names);
	const Node *value = NULL;
	bool		clause = def->raw_default != NULL;
	ListCell   *lc;

	foreach(lc, def->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);

		if (con->contype == CONSTR_DEFAULT)
			value = con->raw_expr;
		clause |= con->contype == CONSTR_DEFAULT || con->contype == CONSTR_CHECK;
	}
	if (fact == NULL || !fact->present || fact->node == NULL ||
		!(IsA(fact->node, CreateEnumStmt) || IsA(fact->node, CompositeTypeStmt) ||
		  IsA(fact->node, CreateRangeStmt)))
		return false;
	if (!clause)
		return true;
	if (value != NULL && IsA(value, TypeCast))
		value = ((const TypeCast *) value)->arg;
	if (value == NULL || !IsA(value, A_Const))
		return false;
	change->new_column->has_default = !((const A_Const *) value)->isnull;
	return true;
}

static void
review_new_columns(IgStatement *stmt, IgScriptDoubt doubt)
{
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		const ColumnDef *def;
		const IgNameFact *fact;

		if (change->kind != IG_ADD_COLUMN || OidIsValid(change->new_column->typid))
			continue;
		def = definition_of(stmt, change->column);
		if (def == NULL || def->typeName == NULL || def->typeName->names == NIL ||
			review_made_type(change, def) ||
			(change->rel->is_new && change->rel->classes == 0))
			continue;

		fact = ig_script_find_other(IG_NAME_TYPE, def->typeName->names);
		stmt->changes = foreach_delete_current(stmt->changes, lc);
		doubt(psprintf("%s.%s", ig_relation_label(change->rel), change->column),
			  fact ? fact->at : 0,
			  psprintf("The catalog does not have the type \"%s\".",
					   TypeNameToString(def->typeName)));
	}
}

/*
 * LIKE copies columns that the catalog may not have, or not so.
 */
static void
review_like(IgStatement *stmt, IgScriptDoubt doubt)
{
	const CreateStmt *create = (const CreateStmt *) stmt->parsetree;
	ListCell   *lc;

	if (!IsA(create, CreateStmt) || stmt->changes == NIL)
		return;
	foreach(lc, create->tableElts)
	{
		const TableLikeClause *like = (const TableLikeClause *) lfirst(lc);
		IgRelation *made = ((IgChange *) linitial(stmt->changes))->rel;
		Oid			source;
		const IgScriptObject *object;

		if (!IsA(like, TableLikeClause) || made->classes == 0)
			continue;
		source = ig_relation_find(like->relation, stmt->default_schema);
		object = OidIsValid(source) ? ig_script_peek(source) : NULL;
		if (object != NULL && object->touches != NIL)
			doubt(ig_relation_label(made), ((const IgTouch *) llast(object->touches))->at,
				  "That statement makes or changes the table whose columns are copied.");
	}
}

/* A new table may reference itself. */
static void
review_parent(const IgChange *change, const IgConstraintSpec *spec, IgScriptDoubt doubt)
{
	if (spec->parent == NULL && strcmp(spec->parent_name, change->rel->name) != 0)
		doubt(ig_relation_label(change->rel), 0,
			  psprintf("There is no relation \"%s\" here, and no statement before it that is seen to make it.",
					   spec->parent_name));
}

/*
 * Foreign keys: whether their columns are nullable, by the script too; and
 * those to a table that nobody knows.
 */
static void
review_keys(IgStatement *stmt, IgScriptDoubt doubt)
{
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		IgConstraintSpec *spec = change->constraint;
		ListCell   *lr;

		if (change->kind == IG_ADD_COLUMN)
		{
			foreach(lr, change->new_column->references)
				review_parent(change, (IgConstraintSpec *) lfirst(lr), doubt);
			continue;
		}
		if (change->kind != IG_ADD_CONSTRAINT || spec == NULL ||
			spec->contype != CONSTRAINT_FOREIGN)
			continue;
		review_parent(change, spec, doubt);
		if (IsA(stmt->parsetree, AlterTableStmt))
			ig_script_review_nullable(change->rel, spec);
	}
}

/*
 * CREATE INDEX IF NOT EXISTS of one that the script made; REINDEX and REFRESH
 * of what only the script knows.
 */
static void
review_index(IgStatement *stmt, IgScriptDoubt doubt)
{
	const Node *node = stmt->parsetree;
	const RangeVar *rv;
	IgRelation *rel;

	if (IsA(node, IndexStmt))
	{
		const IndexStmt *index = (const IndexStmt *) node;
		IgNameFact *fact;

		if (stmt->changes == NIL || !index->if_not_exists || index->idxname == NULL)
			return;
		rel = ((IgChange *) linitial(stmt->changes))->rel;
		fact = ig_script_fact(IG_NAME_RELATION, rel->schema, index->idxname);
		if (fact != NULL && fact->present)
			stmt->changes = NIL;
		return;
	}

	rv = IsA(node, ReindexStmt) ? ((const ReindexStmt *) node)->relation :
		((const RefreshMatViewStmt *) node)->relation;
	rel = rv ? ig_relation_lookup(rv) : NULL;
	if (rel == NULL || !rel->is_foretold || rel->is_new ||
		(IsA(node, ReindexStmt) && rel->relkind == RELKIND_RELATION))
		return;
	doubt(ig_relation_label(rel), ig_script_peek(rel->relid)->at,
		  "That statement makes it, and the catalog knows nothing of it.");
}

/*
 * Relations that the script made get the change that an existing one gets.
 */
static void
drop_made(IgStatement *stmt, const DropStmt *drop, IgRelation *rel)
{
	IgScriptObject *object = ig_script_peek(rel->relid);
	IgChangeKind kind;
	IgChange   *change;

	switch (rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			kind = IG_DROP_TABLE;
			break;
		case RELKIND_MATVIEW:
			kind = IG_DROP_MATVIEW;
			break;
		case RELKIND_SEQUENCE:
			kind = IG_DROP_SEQUENCE;
			break;
		case RELKIND_VIEW:
			kind = IG_DROP_VIEW;
			break;
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			change = ig_change_add(stmt, IG_DROP_INDEX, ig_relation_load(object->table));
			change->name = rel->name;
			change->identity = ig_text_relation(rel);
			change->is_new = rel->is_new;
			change->concurrently = drop->concurrent;
			change->impact.lock = drop->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock;
			return;
		default:
			return;
	}
	change = ig_change_add(stmt, kind, rel);
	change->identity = ig_text_relation(rel);
	change->sql = psprintf("DROP %s %s",
						   kind == IG_DROP_TABLE ? "TABLE" : kind == IG_DROP_VIEW ? "VIEW" :
						   kind == IG_DROP_SEQUENCE ? "SEQUENCE" : "MATERIALIZED VIEW",
						   ig_relation_quoted(rel));
	change->impact.lock = AccessExclusiveLock;
	change->in_use = kind == IG_DROP_MATVIEW;
}

static void
drop_relation(IgStatement *stmt, const DropStmt *drop, List *names, IgScriptDoubt doubt)
{
	RangeVar   *rv = makeRangeVarFromNameList(names);
	IgRelation *rel = ig_relation_lookup(rv);
	const IgTouch *dependent;

	find_target(rv, drop->missing_ok, doubt);
	if (rel == NULL)
		return;
	if (rel->is_foretold)
		drop_made(stmt, drop, rel);
	dependent = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_DEPENDENT), NULL);
	if (drop->behavior == DROP_CASCADE && dependent != NULL && !ig_script_is_new(dependent))
		doubt(ig_relation_label(rel), dependent->at,
			  "What that statement makes depends on it, and CASCADE may take that along.");
}

static void
review_drop(IgStatement *stmt, IgScriptDoubt doubt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		Node	   *object = (Node *) lfirst(lc);

		switch (drop->removeType)
		{
			case OBJECT_TABLE:
			case OBJECT_FOREIGN_TABLE:
			case OBJECT_VIEW:
			case OBJECT_MATVIEW:
			case OBJECT_SEQUENCE:
			case OBJECT_INDEX:
				drop_relation(stmt, drop, (List *) object, doubt);
				break;
			case OBJECT_TRIGGER:
			case OBJECT_POLICY:
				ig_script_review_drop_trigger((List *) object, doubt);
				break;
			case OBJECT_TYPE:
			case OBJECT_DOMAIN:
				review_other(stmt, IG_NAME_TYPE, ((TypeName *) object)->names, "type", doubt);
				break;
			case OBJECT_FUNCTION:
			case OBJECT_PROCEDURE:
			case OBJECT_ROUTINE:
				review_other(stmt, IG_NAME_FUNCTION, ((ObjectWithArgs *) object)->objname,
							 "function", doubt);
				break;
			case OBJECT_SCHEMA:
				review_other(stmt, IG_NAME_SCHEMA, list_make1(object), "schema", doubt);
				break;
			default:
				break;
		}
	}
	if (stmt->changes == NIL && !drop->missing_ok)
		find_others(drop, doubt);
	if (drop->behavior == DROP_CASCADE)
		review_cascade(stmt, doubt);
}

/*
 * DROP of a type, function or schema that is neither in the catalog nor made
 * by the script.
 */
static void
find_others(const DropStmt *drop, IgScriptDoubt doubt)
{
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		Node	   *object = (Node *) lfirst(lc);
		const IgNameFact *fact;
		List	   *names;

		switch (drop->removeType)
		{
			case OBJECT_SCHEMA:
				names = list_make1(object);
				fact = ig_script_fact(IG_NAME_SCHEMA, "", strVal(object));
				break;
			case OBJECT_TYPE:
			case OBJECT_DOMAIN:
				names = ((TypeName *) object)->names;
				fact = ig_script_find_other(IG_NAME_TYPE, names);
				break;
			case OBJECT_FUNCTION:
			case OBJECT_PROCEDURE:
			case OBJECT_ROUTINE:
				names = ((ObjectWithArgs *) object)->objname;
				fact = ig_script_find_other(IG_NAME_FUNCTION, names);
				break;
			default:
				return;
		}
		if (fact == NULL)
			doubt(NameListToString(names), 0,
				  "There is nothing of that name here, and no statement before it that is seen to make it.");
	}
}

/*
 * Types, functions and schemas that the script made: new ones are nobody's
 * concern, and of others the catalog knows nothing.
 */
static void
review_other(IgStatement *stmt, IgNameKind kind, List *names, const char *what,
			 IgScriptDoubt doubt)
{
	const IgNameFact *fact;

	if (kind == IG_NAME_SCHEMA)
		fact = ig_script_fact(kind, "", strVal(linitial(names)));
	else
		fact = ig_script_find_other(kind, names);
	if (fact == NULL || !fact->present || ig_script_is_new(fact))
		return;
	if (fact->node != NULL && IsA(fact->node, AlterDomainStmt))
		return;					/* the catalog has it */
	if (fact->node != NULL && IsA(fact->node, AlterEnumStmt) && !IsA(stmt->parsetree, AlterEnumStmt))
		return;
	doubt(NameListToString(names), fact->at,
		  psprintf("That statement makes or changes the %s, and the catalog knows nothing of it.",
				   what));
}

/*
 * What CASCADE takes along: not what the script has dropped already, but
 * perhaps what it made.
 */
static void
review_cascade(IgStatement *stmt, IgScriptDoubt doubt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	bool		relation = drop->removeType == OBJECT_TABLE ||
		drop->removeType == OBJECT_VIEW || drop->removeType == OBJECT_MATVIEW ||
		drop->removeType == OBJECT_FOREIGN_TABLE || drop->removeType == OBJECT_SEQUENCE ||
		drop->removeType == OBJECT_INDEX;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		ListCell   *lv;

		if (change->kind != IG_DROP_CASCADE)
			continue;
		foreach(lv, change->victims)
		{
			const IgVictim *victim = (const IgVictim *) lfirst(lv);

			if (victim->address.classId == RelationRelationId &&
				ig_relation_load(victim->address.objectId) == NULL)
				change->victims = foreach_delete_current(change->victims, lv);
		}
		if (change->victims == NIL)
			stmt->changes = foreach_delete_current(stmt->changes, lc);
	}
	if (!relation && ig_script->committed)
		doubt(NULL, 0,
			  "CASCADE may take along what earlier statements of the script make.");
}

static void
review_truncate(IgStatement *stmt, IgScriptDoubt doubt)
{
	const TruncateStmt *truncate = (const TruncateStmt *) stmt->parsetree;
	ListCell   *lc;

	if (truncate->behavior != DROP_CASCADE)
		return;
	foreach(lc, truncate->relations)
	{
		IgRelation *rel = ig_relation_lookup(lfirst_node(RangeVar, lc));
		const IgTouch *touch;

		if (rel == NULL)
			continue;
		touch = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_DEPENDENT), NULL);
		if (touch != NULL)
			doubt(ig_relation_label(rel), touch->at,
				  "A foreign key of that statement may reference it, and CASCADE follows foreign keys.");
	}
}
