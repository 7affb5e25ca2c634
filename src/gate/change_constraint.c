/*-------------------------------------------------------------------------
 *
 * change_constraint.c
 *	  A constraint clause, resolved, and the foreign key's surroundings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/catalog.h"
#include "platform/compat.h"

static char contype_of(ConstrType contype);
static char *columns_sql(List *columns);
static char *joined_columns(List *columns);
static char *chosen_name(const IgRelation *rel, const IgConstraintSpec *spec,
						 const Constraint *con);
static const char *action_sql(char action);
static void append_deferral(StringInfo buf, const Constraint *con);
static char *foreign_key_sql(const IgConstraintSpec *spec, const Constraint *con);
static char *key_sql(const IgConstraintSpec *spec, const Constraint *con);
static List *nullable_columns(const IgRelation *rel, List *columns);
static bool is_added_not_valid(const IgStatement *stmt, const char *name);
static IgConstraintSpec *spec_of_name(const IgStatement *stmt, const IgRelation *rel,
									  const char *name);

static char
contype_of(ConstrType contype)
{
	switch (contype)
	{
		case CONSTR_CHECK:
			return CONSTRAINT_CHECK;
		case CONSTR_FOREIGN:
			return CONSTRAINT_FOREIGN;
		case CONSTR_PRIMARY:
			return CONSTRAINT_PRIMARY;
		case CONSTR_UNIQUE:
			return CONSTRAINT_UNIQUE;
		case CONSTR_EXCLUSION:
			return CONSTRAINT_EXCLUSION;
		default:
			return '\0';
	}
}

/* "(a, b)" */
static char *
columns_sql(List *columns)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, columns)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "(",
						 quote_identifier((const char *) lfirst(lc)));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* "a_b", as the server joins the columns of a key for a constraint's name. */
static char *
joined_columns(List *columns)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, columns)
	{
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "_" : "",
						 (const char *) lfirst(lc));
		if (buf.len >= NAMEDATALEN)
			break;
	}
	return buf.data;
}

/*
 * The name that the server would choose, near enough for a hint: it is free.
 */
static char *
chosen_name(const IgRelation *rel, const IgConstraintSpec *spec, const Constraint *con)
{
	Oid			schema = get_namespace_oid(rel->schema, true);
	char	   *columns = joined_columns(spec->columns);

	if (con->conname != NULL)
		return pstrdup(con->conname);
	if (spec->using_index != NULL)
		return pstrdup(spec->using_index);

	switch (spec->contype)
	{
		case CONSTRAINT_CHECK:
			return ChooseConstraintName(rel->name, columns[0] ? columns : NULL,
										"check", schema, NIL);
		case CONSTRAINT_FOREIGN:
			return ChooseConstraintName(rel->name, columns, "fkey", schema, NIL);
		case CONSTRAINT_PRIMARY:
			return ChooseRelationName(rel->name, NULL, "pkey", schema, true);
		case CONSTRAINT_UNIQUE:
			return ChooseRelationName(rel->name, columns, "key", schema, true);
		default:
			return ChooseRelationName(rel->name, columns[0] ? columns : NULL,
									  "excl", schema, true);
	}
}

static const char *
action_sql(char action)
{
	switch (action)
	{
		case FKCONSTR_ACTION_RESTRICT:
			return "RESTRICT";
		case FKCONSTR_ACTION_CASCADE:
			return "CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return "SET NULL";
		case FKCONSTR_ACTION_SETDEFAULT:
			return "SET DEFAULT";
		default:
			return NULL;		/* NO ACTION, the default */
	}
}

static void
append_deferral(StringInfo buf, const Constraint *con)
{
	if (con->deferrable)
		appendStringInfoString(buf, " DEFERRABLE");
	if (con->initdeferred)
		appendStringInfoString(buf, " INITIALLY DEFERRED");
}

static char *
foreign_key_sql(const IgConstraintSpec *spec, const Constraint *con)
{
	StringInfoData buf;
	List	   *referenced = NIL;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, con->pk_attrs)
		referenced = lappend(referenced, strVal(lfirst(lc)));

	appendStringInfo(&buf, "FOREIGN KEY %s REFERENCES %s", columns_sql(spec->columns),
					 spec->parent ? ig_relation_quoted(spec->parent) :
					 quote_qualified_identifier(con->pktable->schemaname,
												con->pktable->relname));
	if (referenced != NIL)
		appendStringInfo(&buf, " %s", columns_sql(referenced));
	if (con->fk_matchtype == FKCONSTR_MATCH_FULL)
		appendStringInfoString(&buf, " MATCH FULL");
	if (action_sql(spec->upd_action))
		appendStringInfo(&buf, " ON UPDATE %s", action_sql(spec->upd_action));
	if (action_sql(spec->del_action))
		appendStringInfo(&buf, " ON DELETE %s", action_sql(spec->del_action));
	if (con->fk_del_set_cols != NIL)
	{
		List	   *set_columns = NIL;

		foreach(lc, con->fk_del_set_cols)
			set_columns = lappend(set_columns, strVal(lfirst(lc)));
		appendStringInfo(&buf, " %s", columns_sql(set_columns));
	}
	append_deferral(&buf, con);
	return buf.data;
}

/*
 * UNIQUE or PRIMARY KEY, as far as a unique index can stand in for it: only
 * the key and the included columns.
 */
static char *
key_sql(const IgConstraintSpec *spec, const Constraint *con)
{
	StringInfoData buf;
	List	   *included = NIL;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, con->including)
		included = lappend(included, strVal(lfirst(lc)));
	appendStringInfoString(&buf, columns_sql(spec->columns));
	if (included != NIL)
		appendStringInfo(&buf, " INCLUDE %s", columns_sql(included));
	if (con->nulls_not_distinct)
		appendStringInfoString(&buf, " NULLS NOT DISTINCT");
	return buf.data;
}

/*
 * Those of the columns that may hold NULL; unknown ones are left out.
 */
static List *
nullable_columns(const IgRelation *rel, List *columns)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (!OidIsValid(rel->relid))
		return NIL;

	foreach(lc, columns)
	{
		char	   *name = (char *) lfirst(lc);
		HeapTuple	tuple = SearchSysCacheAttName(rel->relid, name);

		if (!HeapTupleIsValid(tuple))
			continue;
		if (!((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull)
			result = lappend(result, name);
		ReleaseSysCache(tuple);
	}
	return result;
}

/*
 * Resolve a constraint clause.  column is the one that an inline constraint
 * stands behind, or NULL.
 */
IgConstraintSpec *
ig_constraint_spec(IgStatement *stmt, IgRelation *rel, Constraint *con,
				   const char *column)
{
	IgConstraintSpec *spec = palloc0(sizeof(IgConstraintSpec));
	List	   *names = con->contype == CONSTR_FOREIGN ? con->fk_attrs : con->keys;
	ListCell   *lc;

	spec->contype = contype_of(con->contype);
	spec->not_valid = con->skip_validation || !ig_constraint_enforced(con);
	spec->no_inherit = con->contype == CONSTR_CHECK && con->is_no_inherit;
	spec->using_index = con->indexname ? pstrdup(con->indexname) : NULL;
	foreach(lc, names)
		spec->columns = lappend(spec->columns, strVal(lfirst(lc)));
	if (names == NIL && column != NULL)
		spec->columns = list_make1(pstrdup(column));
	spec->nullable = nullable_columns(rel, spec->columns);
	spec->name = chosen_name(rel, spec, con);

	switch (con->contype)
	{
		case CONSTR_FOREIGN:
			spec->parent = ig_relation_lookup_in(con->pktable, stmt->default_schema);
			spec->parent_name = spec->parent ? ig_relation_label(spec->parent) :
				pstrdup(con->pktable->relname);
			spec->del_action = con->fk_del_action;
			spec->upd_action = con->fk_upd_action;
			spec->definition = foreign_key_sql(spec, con);
			break;
		case CONSTR_CHECK:
			spec->definition = ig_source_parenthesis(stmt, con->location, "check");
			if (spec->definition)
				spec->definition = psprintf("CHECK %s%s", spec->definition,
											con->is_no_inherit ? " NO INHERIT" : "");
			break;
		case CONSTR_UNIQUE:
		case CONSTR_PRIMARY:
			spec->definition = key_sql(spec, con);
			spec->timing = !con->deferrable ? "" :
				con->initdeferred ? " DEFERRABLE INITIALLY DEFERRED" : " DEFERRABLE";
			break;
		default:
			break;
	}
	return spec;
}

/*
 * Where deletes and updates travel through the foreign keys that the change
 * adds, and which existing tables are locked as their parents.
 */
void
ig_changes_foreign_key(IgStatement *stmt, IgChange *change)
{
	List	   *specs = NIL;
	ListCell   *lc;

	if (change->constraint && change->constraint->contype == CONSTRAINT_FOREIGN)
		specs = list_make1(change->constraint);
	else if (change->new_column)
		specs = change->new_column->references;

	foreach(lc, specs)
	{
		IgConstraintSpec *spec = (IgConstraintSpec *) lfirst(lc);

		change->paths = list_concat(change->paths,
									ig_cascade_paths(change->rel, spec));
		if (spec->parent && !ig_relation_is_exempt(spec->parent) &&
			spec->parent->relid != change->rel->relid)
			change->locked_parents = lappend(change->locked_parents, spec->parent);
	}
}

/*
 * Did the running transaction add this constraint?
 */
bool
ig_constraint_is_of_transaction(Oid conoid)
{
	ObjectAddress address;

	if (!OidIsValid(conoid))
		return false;
	ObjectAddressSet(address, ConstraintRelationId, conoid);
	return ig_transaction_created(&address);
}

/*
 * Does ALTER TABLE itself add the constraint, as NOT VALID?  The server
 * validates last, wherever the clause stands.
 */
static bool
is_added_not_valid(const IgStatement *stmt, const char *name)
{
	ListCell   *lc;

	foreach(lc, castNode(AlterTableStmt, stmt->parsetree)->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);
		const Constraint *con;

		if (cmd->subtype != AT_AddConstraint)
			continue;
		con = castNode(Constraint, cmd->def);
		if (con->skip_validation &&
			(con->conname == NULL || strcmp(con->conname, name) == 0))
			return true;
	}
	return false;
}

static IgConstraintSpec *
spec_of_name(const IgStatement *stmt, const IgRelation *rel, const char *name)
{
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind == IG_ADD_CONSTRAINT && change->rel == rel && change->name != NULL &&
			strcmp(change->name, name) == 0)
			return change->constraint;
	}
	return NULL;
}

/*
 * Complete what ALTER TABLE ... VALIDATE CONSTRAINT means.  Called when all
 * other changes of the statement are there.
 */
void
ig_changes_validate(IgStatement *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		Oid			conoid;

		if (change->kind != IG_VALIDATE_CONSTRAINT)
			continue;

		conoid = get_relation_constraint_oid(change->rel->relid, change->name, true);
		if (OidIsValid(conoid))
		{
			change->in_use = !ig_constraint_is_valid(conoid);
			change->added_here = change->in_use && ig_constraint_is_of_transaction(conoid);
		}
		else if (is_added_not_valid(stmt, change->name))
		{
			change->in_use = true;
			change->added_here = true;
			change->constraint = spec_of_name(stmt, change->rel, change->name);
		}
	}
}
