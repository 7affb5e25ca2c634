/*-------------------------------------------------------------------------
 *
 * change_create.c
 *	  What CREATE TABLE and CREATE INDEX bring.
 *
 * A new table stops nobody, so most rules pass it over.  But its foreign keys
 * lock and bind existing tables, and the rules for financial tables hold from
 * the first day.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "platform/inherit.h"

static bool is_existing(const RangeVar *rv, const char *default_schema);
static IgChange *create_table(IgStatement *stmt, IgRelation *rel);
static void create_columns(IgStatement *stmt, IgRelation *rel, const CreateStmt *create);
static void create_constraint(IgStatement *stmt, IgRelation *rel,
							  const CreateStmt *create, Constraint *con);
static void like_columns(IgStatement *stmt, IgRelation *rel, const TableLikeClause *like);
static void simple_column(IgStatement *stmt, IgRelation *rel, const char *name,
						  Oid typid, int32 typmod);
static void create_partition(IgStatement *stmt, IgRelation *rel, const CreateStmt *create);
static char *index_columns_text(const IndexStmt *index);

static bool
is_existing(const RangeVar *rv, const char *default_schema)
{
	if (ig_relation_overlay != NULL)
	{
		RangeVar	full = *rv;

		if (full.schemaname == NULL && default_schema == NULL)
			full.schemaname = ig_relation_overlay->creation_schema(rv);
		else if (full.schemaname == NULL)
			full.schemaname = unconstify(char *, default_schema);
		return OidIsValid(ig_relation_overlay->find(&full, NULL));
	}
	if (rv->schemaname != NULL)
		return OidIsValid(RangeVarGetRelid(rv, NoLock, true));
	if (default_schema != NULL)
		return OidIsValid(get_relname_relid(rv->relname,
											get_namespace_oid(default_schema, true)));
	return OidIsValid(get_relname_relid(rv->relname, ig_relation_creation_namespace(rv)));
}

static IgChange *
create_table(IgStatement *stmt, IgRelation *rel)
{
	IgChange   *change = ig_change_add(stmt, IG_CREATE_TABLE, rel);

	change->new_persistence = rel->persistence;
	change->in_use = ig_transaction_dropped_name(rel->schema, rel->name);
	return change;
}

/*
 * CREATE TABLE in all its forms, foreign tables included.
 */
void
ig_changes_create_table(IgStatement *stmt)
{
	const CreateStmt *create = (const CreateStmt *) stmt->parsetree;
	IgRelation *rel;
	char		relkind;

	if (create->relation->relpersistence == RELPERSISTENCE_TEMP ||
		is_existing(create->relation, stmt->default_schema))
		return;					/* IF NOT EXISTS, or the server's error */

	relkind = IsA(create, CreateForeignTableStmt) ? RELKIND_FOREIGN_TABLE :
		create->partspec ? RELKIND_PARTITIONED_TABLE : RELKIND_RELATION;
	rel = ig_relation_to_be(create->relation, stmt->default_schema, relkind);
	if (ig_relation_is_temp(rel))
		return;

	if (create->partbound != NULL)
		create_partition(stmt, rel, create);
	create_table(stmt, rel);
	create_columns(stmt, rel, create);
}

static void
create_columns(IgStatement *stmt, IgRelation *rel, const CreateStmt *create)
{
	ListCell   *lc;

	foreach(lc, create->tableElts)
	{
		Node	   *element = (Node *) lfirst(lc);

		if (IsA(element, ColumnDef))
		{
			ColumnDef  *def = (ColumnDef *) element;
			IgChange   *change = ig_change_add(stmt, IG_ADD_COLUMN, rel);

			change->column = def->colname;
			change->new_column = ig_new_column(stmt, rel, def, false, &change->impact);
			ig_changes_foreign_key(stmt, change);
		}
		else if (IsA(element, Constraint))
			create_constraint(stmt, rel, create, (Constraint *) element);
		else if (IsA(element, TableLikeClause))
			like_columns(stmt, rel, (TableLikeClause *) element);
	}

	foreach(lc, create->constraints)
		create_constraint(stmt, rel, create, lfirst_node(Constraint, lc));
}

/*
 * A table constraint; only foreign keys concern others than the new table.
 * Which of its columns are nullable is written in the same statement.
 */
static void
create_constraint(IgStatement *stmt, IgRelation *rel, const CreateStmt *create,
				  Constraint *con)
{
	IgChange   *change;
	ListCell   *lc;

	if (con->contype != CONSTR_FOREIGN)
		return;

	change = ig_change_add(stmt, IG_ADD_CONSTRAINT, rel);
	change->constraint = ig_constraint_spec(stmt, rel, con, NULL);
	change->name = change->constraint->name;
	foreach(lc, change->constraint->columns)
	{
		char	   *name = (char *) lfirst(lc);

		if (ig_create_column_is_nullable(create, name))
			change->constraint->nullable = lappend(change->constraint->nullable, name);
	}
	ig_changes_foreign_key(stmt, change);
}

/*
 * LIKE copies columns and their types.
 */
static void
like_columns(IgStatement *stmt, IgRelation *rel, const TableLikeClause *like)
{
	IgRelation *source = ig_relation_lookup_in(like->relation, stmt->default_schema);
	Relation	relation;

	if (source == NULL)
		return;
	relation = RelationIdGetRelation(source->relid);
	if (!RelationIsValid(relation))
		return;
	for (int i = 0; i < relation->rd_att->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(relation->rd_att, i);

		if (!att->attisdropped)
			simple_column(stmt, rel, NameStr(att->attname), att->atttypid, att->atttypmod);
	}
	RelationClose(relation);
}

static void
simple_column(IgStatement *stmt, IgRelation *rel, const char *name, Oid typid,
			  int32 typmod)
{
	IgChange   *change = ig_change_add(stmt, IG_ADD_COLUMN, rel);

	change->column = pstrdup(name);
	change->new_column = palloc0(sizeof(IgNewColumn));
	change->new_column->typid = typid;
	change->new_column->base_typid = getBaseType(typid);
	change->new_column->type_sql = format_type_with_typemod(typid, typmod);
}

/*
 * PARTITION OF an existing table: the parent is locked, and a default
 * partition of it is read as a whole.
 */
static void
create_partition(IgStatement *stmt, IgRelation *rel, const CreateStmt *create)
{
	IgRelation *parent;
	IgChange   *change;

	if (create->inhRelations == NIL)
		return;
	parent = ig_relation_lookup_in(linitial_node(RangeVar, create->inhRelations),
								   stmt->default_schema);
	if (parent == NULL || parent->relkind != RELKIND_PARTITIONED_TABLE)
		return;

	rel->classes |= parent->classes;
	change = ig_change_add(stmt, IG_CREATE_PARTITION, rel);
	change->parent = parent;
	change->in_use = OidIsValid(get_default_partition_oid(parent->relid));
	change->impact.lock = AccessExclusiveLock;
	if (!ig_relation_is_exempt(parent) &&
		ig_relation_is_owned(parent->relid))
		ig_impact_attach(parent, rel, create->partbound, stmt->query, &change->impact);
}

/*
 * CREATE TABLE AS, SELECT INTO, CREATE MATERIALIZED VIEW, and these below
 * EXPLAIN ANALYZE, which really creates them.
 */
void
ig_changes_create_table_as(IgStatement *stmt)
{
	const Node *node = stmt->parsetree;
	const CreateTableAsStmt *create;
	IgRelation *rel;
	ListCell   *lc;

	if (IsA(node, ExplainStmt))
	{
		const ExplainStmt *explain = (const ExplainStmt *) node;
		const Query *query = (const Query *) explain->query;

		if (!IsA(query, Query) || query->utilityStmt == NULL)
			return;
		node = query->utilityStmt;
	}
	if (!IsA(node, CreateTableAsStmt))
		return;

	create = (const CreateTableAsStmt *) node;
	if (create->objtype != OBJECT_TABLE ||
		create->into->rel->relpersistence == RELPERSISTENCE_TEMP ||
		is_existing(create->into->rel, NULL))
		return;
	rel = ig_relation_to_be(create->into->rel, NULL, RELKIND_RELATION);
	if (ig_relation_is_temp(rel))
		return;

	create_table(stmt, rel);
	if (!IsA(create->query, Query) || ((const Query *) create->query)->commandType == CMD_UTILITY)
		return;
	foreach(lc, ((const Query *) create->query)->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (!entry->resjunk && entry->resname != NULL)
			simple_column(stmt, rel, entry->resname, exprType((Node *) entry->expr),
						  exprTypmod((Node *) entry->expr));
	}
}

/*
 * Is a column of the CREATE TABLE statement nullable, by what is written there?
 */
bool
ig_create_column_is_nullable(const CreateStmt *create, const char *name)
{
	bool		found = false;
	ListCell   *lc;
	ListCell   *lk;

	foreach(lc, create->tableElts)
	{
		Node	   *element = (Node *) lfirst(lc);

		if (IsA(element, ColumnDef) && strcmp(((ColumnDef *) element)->colname, name) == 0)
		{
			found = true;
			foreach(lk, ((ColumnDef *) element)->constraints)
			{
				ConstrType	type = lfirst_node(Constraint, lk)->contype;

				if (type == CONSTR_NOTNULL || type == CONSTR_PRIMARY ||
					type == CONSTR_IDENTITY)
					return false;
			}
		}
		else if (IsA(element, Constraint) &&
				 (((Constraint *) element)->contype == CONSTR_PRIMARY ||
				  ((Constraint *) element)->contype == CONSTR_NOTNULL))
		{
			foreach(lk, ((Constraint *) element)->keys)
			{
				if (strcmp(strVal(lfirst(lk)), name) == 0)
					return false;
			}
		}
	}
	return found;
}

/* "a_b" or "expr", for the name of an index that has none. */
static char *
index_columns_text(const IndexStmt *index)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, index->indexParams)
	{
		const IndexElem *element = lfirst_node(IndexElem, lc);

		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "_" : "",
						 element->name ? element->name : "expr");
	}
	return buf.data;
}

/*
 * CREATE INDEX on an existing table.
 */
void
ig_changes_create_index(IgStatement *stmt)
{
	const IndexStmt *index = castNode(IndexStmt, stmt->parsetree);
	IgRelation *rel;
	IgChange   *change;
	Oid			schema;

	if (index->relation == NULL)
		return;
	rel = ig_relation_lookup_in(index->relation, stmt->default_schema);
	if (rel == NULL)
		return;
	schema = get_rel_namespace(rel->relid);
	if (index->if_not_exists && index->idxname &&
		OidIsValid(get_relname_relid(index->idxname, schema)))
		return;

	change = ig_change_add(stmt, IG_CREATE_INDEX, rel);
	change->concurrently = index->concurrent;
	change->derived = !index->relation->inh;	/* ON ONLY: leaves get nothing */
	change->impact.lock = index->concurrent ? ShareUpdateExclusiveLock : ShareLock;
	change->impact.reindex = true;
	change->index = palloc0(sizeof(IgIndexSpec));
	change->index->unique = index->unique;
	change->index->name = index->idxname ? pstrdup(index->idxname) :
		ChooseRelationName(rel->name, index_columns_text(index), "idx", schema, false);
	change->name = change->index->name;
	change->index->concurrent_sql = ig_source_insert_after(stmt, "index", "CONCURRENTLY");
	change->index->only_sql = ig_source_insert_after(stmt, "on", "ONLY");
}
