/*-------------------------------------------------------------------------
 *
 * script_effect.c
 *	  What a statement of a judged script leaves behind for later ones.
 *
 * Only what later verdicts can depend on is kept.  A statement that the server
 * would refuse leaves what it would have left: the rest of the script would
 * not run then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"

#include "gate/script.h"
#include "platform/catalog.h"
#include "platform/compat.h"

static void effect_on_type(const Node *parsetree);
static void create_relation(const RangeVar *rv, const char *default_schema, char relkind);
static void create_table(const CreateStmt *create, const char *default_schema);
static void create_table_as(const CreateTableAsStmt *create);
static void select_into(const SelectStmt *select);
static void create_schema(const CreateSchemaStmt *create);
static void create_index(const IndexStmt *index, const char *default_schema);
static void create_view(const ViewStmt *view, const char *default_schema);
static void touch_guard(const RangeVar *table, const char *default_schema, const char *name);
static void name_other(IgNameKind kind, List *names, const Node *node);
static void add_key(Oid relid, const Constraint *con, const char *column,
					const char *default_schema);
static List *primary_key_columns(Oid relid);
static void written(const RangeVar *rv);

static Oid
find(const RangeVar *rv, const char *default_schema)
{
	return rv ? ig_relation_find(rv, default_schema) : InvalidOid;
}

void
ig_script_effect(const Node *parsetree, const char *default_schema)
{
	switch (nodeTag(parsetree))
	{
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			create_table((const CreateStmt *) parsetree, default_schema);
			break;
		case T_CreateTableAsStmt:
			create_table_as((const CreateTableAsStmt *) parsetree);
			break;
		case T_ViewStmt:
			create_view((const ViewStmt *) parsetree, default_schema);
			break;
		case T_CreateSeqStmt:
			create_relation(((const CreateSeqStmt *) parsetree)->sequence, default_schema,
							RELKIND_SEQUENCE);
			break;
		case T_IndexStmt:
			create_index((const IndexStmt *) parsetree, default_schema);
			break;
		case T_CreateSchemaStmt:
			create_schema((const CreateSchemaStmt *) parsetree);
			break;
		case T_CreateTrigStmt:
			touch_guard(((const CreateTrigStmt *) parsetree)->relation, default_schema,
						((const CreateTrigStmt *) parsetree)->trigname);
			break;
		case T_CreatePolicyStmt:
			touch_guard(((const CreatePolicyStmt *) parsetree)->table, NULL,
						((const CreatePolicyStmt *) parsetree)->policy_name);
			break;
		case T_CreateFunctionStmt:
			name_other(IG_NAME_FUNCTION, ((const CreateFunctionStmt *) parsetree)->funcname,
					   parsetree);
			break;
		case T_InsertStmt:
			written(((const InsertStmt *) parsetree)->relation);
			break;
		case T_UpdateStmt:
			written(((const UpdateStmt *) parsetree)->relation);
			break;
		case T_MergeStmt:
			written(((const MergeStmt *) parsetree)->relation);
			break;
		case T_CopyStmt:
			written(((const CopyStmt *) parsetree)->relation);
			break;
		case T_SelectStmt:
			select_into((const SelectStmt *) parsetree);
			break;
		default:
			effect_on_type(parsetree);
			ig_script_effect_alter(parsetree);
			break;
	}
}

/* Types that are made or altered. */
static void
effect_on_type(const Node *parsetree)
{
	const RangeVar *rv;

	switch (nodeTag(parsetree))
	{
		case T_CompositeTypeStmt:
			rv = ((const CompositeTypeStmt *) parsetree)->typevar;
			ig_script_name(IG_NAME_TYPE, ig_script_creation_schema(rv), rv->relname,
						   true, NULL, parsetree);
			break;
		case T_CreateEnumStmt:
			name_other(IG_NAME_TYPE, ((const CreateEnumStmt *) parsetree)->typeName, parsetree);
			break;
		case T_CreateRangeStmt:
			name_other(IG_NAME_TYPE, ((const CreateRangeStmt *) parsetree)->typeName, parsetree);
			break;
		case T_CreateDomainStmt:
			name_other(IG_NAME_TYPE, ((const CreateDomainStmt *) parsetree)->domainname,
					   parsetree);
			break;
		case T_AlterEnumStmt:
			ig_script_note_enum_value((const AlterEnumStmt *) parsetree);
			name_other(IG_NAME_TYPE, ((const AlterEnumStmt *) parsetree)->typeName, parsetree);
			break;
		case T_AlterDomainStmt:
			name_other(IG_NAME_TYPE, ((const AlterDomainStmt *) parsetree)->typeName, parsetree);
			break;
		default:
			break;
	}
}

static void
create_table_as(const CreateTableAsStmt *create)
{
	create_relation(create->into->rel, NULL, create->objtype == OBJECT_MATVIEW ?
					RELKIND_MATVIEW : RELKIND_RELATION);
	written(create->into->rel);
}

static void
select_into(const SelectStmt *select)
{
	if (select->intoClause == NULL)
	{
		ig_script_effect_alter((const Node *) select);
		return;
	}
	create_relation(select->intoClause->rel, NULL, RELKIND_RELATION);
	written(select->intoClause->rel);
}

/* A trigger or policy. */
static void
touch_guard(const RangeVar *table, const char *default_schema, const char *name)
{
	Oid			relid = find(table, default_schema);

	if (OidIsValid(relid))
		ig_script_touch(relid, IG_TOUCH_TRIGGER, name, NULL, NULL);
}

/* Is there one already, where it would be created? */
static bool
is_existing(const RangeVar *rv, const char *default_schema)
{
	RangeVar	full = *rv;

	if (full.schemaname == NULL)
		full.schemaname = default_schema ? unconstify(char *, default_schema) :
			ig_script_creation_schema(rv);
	return OidIsValid(ig_relation_find(&full, NULL));
}

static void
create_relation(const RangeVar *rv, const char *default_schema, char relkind)
{
	if (!is_existing(rv, default_schema))
		ig_script_make(rv, default_schema, relkind);
}

static void
create_table(const CreateStmt *create, const char *default_schema)
{
	IgScriptObject *object;
	char		relkind = IsA(create, CreateForeignTableStmt) ? RELKIND_FOREIGN_TABLE :
		create->partspec ? RELKIND_PARTITIONED_TABLE : RELKIND_RELATION;
	ListCell   *lc;

	if (is_existing(create->relation, default_schema))
		return;
	object = ig_script_make(create->relation, default_schema, relkind);

	if (create->partbound != NULL && create->inhRelations != NIL)
	{
		Oid			parent = find(linitial_node(RangeVar, create->inhRelations),
								  default_schema);

		object->is_partition = true;
		if (OidIsValid(parent))
			ig_script_attach(parent, object->relid);
	}

	foreach(lc, create->tableElts)
	{
		Node	   *element = (Node *) lfirst(lc);

		if (IsA(element, ColumnDef))
			ig_script_add_column(object->relid, (ColumnDef *) element, default_schema);
		else if (IsA(element, Constraint))
			ig_script_add_constraint(object->relid, (Constraint *) element, NULL, default_schema);
	}
	foreach(lc, create->constraints)
		ig_script_add_constraint(object->relid, lfirst_node(Constraint, lc), NULL, default_schema);
}

/* Whatever the query of a view reads, the view depends on. */
static bool
touch_read(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, RangeVar))
	{
		Oid			relid = find((RangeVar *) node, (const char *) context);

		if (OidIsValid(relid))
			ig_script_touch(relid, IG_TOUCH_DEPENDENT, NULL, NULL, NULL);
		return false;
	}
	return raw_expression_tree_walker(node, touch_read, context);
}

static void
create_view(const ViewStmt *view, const char *default_schema)
{
	create_relation(view->view, default_schema, RELKIND_VIEW);
	touch_read(view->query, unconstify(char *, default_schema));
}

static void
create_schema(const CreateSchemaStmt *create)
{
	const char *name = create->schemaname;
	ListCell   *lc;

	if (name == NULL && create->authrole != NULL)
		name = create->authrole->rolename;
	if (name == NULL)
		return;
	if (!OidIsValid(get_namespace_oid(name, true)) ||
		ig_script_fact(IG_NAME_SCHEMA, "", name) != NULL)
		ig_script_name(IG_NAME_SCHEMA, "", name, true, NULL, (const Node *) create);
	foreach(lc, create->schemaElts)
		ig_script_effect((const Node *) lfirst(lc), name);
}

/*
 * An index is found by its name; its table remembers it too.
 */
static void
create_index(const IndexStmt *index, const char *default_schema)
{
	Oid			relid = find(index->relation, default_schema);
	IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;

	if (rel == NULL)
		return;
	if (index->idxname != NULL)
	{
		RangeVar   *rv = makeRangeVar(rel->schema, index->idxname, -1);
		IgScriptObject *object;

		if (is_existing(rv, NULL))
			return;
		object = ig_script_make(rv, NULL, ig_relation_is_partitioned(rel) ?
								RELKIND_PARTITIONED_INDEX : RELKIND_INDEX);
		object->table = relid;
	}
	ig_script_touch(relid, IG_TOUCH_ADD_INDEX, index->idxname, NULL, (const Node *) index);
}

static void
name_other(IgNameKind kind, List *names, const Node *node)
{
	ig_script_name_other(kind, names, true, node);
}

void
ig_script_add_constraint(Oid relid, const Constraint *con, const char *column,
			   const char *default_schema)
{
	ListCell   *lc;

	switch (con->contype)
	{
		case CONSTR_FOREIGN:
			add_key(relid, con, column, default_schema);
			break;
		case CONSTR_PRIMARY:
			if (column != NULL)
				ig_script_touch(relid, IG_TOUCH_NOT_NULL, column, NULL, NULL);
			foreach(lc, con->keys)
				ig_script_touch(relid, IG_TOUCH_NOT_NULL, strVal(lfirst(lc)), NULL, NULL);
			break;
		case CONSTR_NOTNULL:
			if (column == NULL && con->keys != NIL && !con->skip_validation)
				ig_script_touch(relid, IG_TOUCH_NOT_NULL, strVal(linitial(con->keys)),
								NULL, NULL);
			break;
		case CONSTR_CHECK:
		case CONSTR_UNIQUE:
		case CONSTR_EXCLUSION:
			break;
		default:
			return;
	}
	ig_script_touch(relid, IG_TOUCH_ADD_CONSTRAINT, con->conname, column, (const Node *) con);
}

static List *
strings(List *values)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, values)
		result = lappend(result, pstrdup(strVal(lfirst(lc))));
	return result;
}

static void
add_key(Oid relid, const Constraint *con, const char *column, const char *default_schema)
{
	Oid			parent = find(con->pktable, default_schema);
	IgScriptKey *key;
	MemoryContext old;

	if (!OidIsValid(parent) || !ig_constraint_enforced(con))
		return;

	old = MemoryContextSwitchTo(ig_script->memory);
	key = palloc0(sizeof(IgScriptKey));
	key->child = relid;
	key->parent = parent;
	key->name = con->conname ? pstrdup(con->conname) : NULL;
	key->del_action = con->fk_del_action;
	key->upd_action = con->fk_upd_action;
	key->columns = con->fk_attrs ? strings(con->fk_attrs) :
		column ? list_make1(pstrdup(column)) : NIL;
	key->set_columns = strings(con->fk_del_set_cols);
	key->referenced = con->pk_attrs ? strings(con->pk_attrs) : primary_key_columns(parent);
	MemoryContextSwitchTo(old);

	ig_script_append(&ig_script->keys, key);
	ig_script_touch(parent, IG_TOUCH_DEPENDENT, NULL, NULL, NULL);
}

/* What REFERENCES without columns means. */
static List *
primary_key_columns(Oid relid)
{
	const IgScriptObject *object = ig_script_peek(relid);
	Relation	relation;
	List	   *columns = NIL;
	ListCell   *lc;

	foreach(lc, object ? object->touches : NIL)
	{
		const IgTouch *touch = (const IgTouch *) lfirst(lc);
		const Constraint *con = (const Constraint *) touch->node;

		if (touch->kind == IG_TOUCH_ADD_CONSTRAINT && con->contype == CONSTR_PRIMARY)
			columns = con->keys ? strings(con->keys) : list_make1(pstrdup(touch->new_name));
	}
	if (columns != NIL || (object && object->made))
		return columns;

	relation = try_relation_open(relid, AccessShareLock);
	if (relation == NULL)
		return NIL;
	foreach(lc, RelationGetIndexList(relation))
	{
		if (lfirst_oid(lc) == relation->rd_pkindex)
			columns = ig_index_columns(ig_relation_load(relid),
									   get_rel_name(lfirst_oid(lc)));
	}
	relation_close(relation, AccessShareLock);
	return columns;
}

void
ig_script_add_column(Oid relid, const ColumnDef *def, const char *default_schema)
{
	ListCell   *lc;

	ig_script_touch(relid, IG_TOUCH_ADD_COLUMN, def->colname, NULL, (const Node *) def);
	foreach(lc, def->constraints)
	{
		const Constraint *con = lfirst_node(Constraint, lc);

		if (con->contype == CONSTR_NOTNULL || con->contype == CONSTR_IDENTITY)
			ig_script_touch(relid, IG_TOUCH_NOT_NULL, def->colname, NULL, NULL);
		else
			ig_script_add_constraint(relid, con, def->colname, default_schema);
	}
}

/*
 * A table is put below another one, and is of its classes from then on.
 */
void
ig_script_attach(Oid parent, Oid part)
{
	IgRelation *above = ig_relation_load(parent);
	IgScriptObject *object;
	Oid		   *below;

	if (above == NULL || !OidIsValid(part))
		return;
	below = MemoryContextAlloc(ig_script->memory, sizeof(Oid));
	*below = part;
	ig_script_touch(parent, IG_TOUCH_PARTITIONS, NULL, NULL, NULL);
	ig_script_append(&ig_script_object(parent)->partitions, below);
	object = ig_script_object(part);
	if (!object->made)
		ig_script_touch(part, IG_TOUCH_PARTITIONS, NULL, NULL, NULL);
	ig_script_set(&object->more_classes,
				  (void *) (object->more_classes | above->classes));
}

static void
written(const RangeVar *rv)
{
	Oid			relid = find(rv, NULL);
	IgScriptObject *object = OidIsValid(relid) ? ig_script_peek(relid) : NULL;

	if (object != NULL && object->made && !object->written)
		ig_script_set(&object->written, (void *) (intptr_t) 1);
}
