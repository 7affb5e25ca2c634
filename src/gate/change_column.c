/*-------------------------------------------------------------------------
 *
 * change_column.c
 *	  A new column: what it is, and whether the server must rewrite for it.
 *
 * Shared by CREATE TABLE and ALTER TABLE ... ADD COLUMN.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/heap.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "optimizer/optimizer.h"
#include "parser/parse_node.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "gate/statement.h"
#include "platform/catalog.h"
#include "platform/compat.h"

static const char *serial_type(const ColumnDef *def);
static Constraint *with_attributes(const ColumnDef *def, const Constraint *con);
static bool domain_is_not_null(Oid typid);
static void column_type(const IgStatement *stmt, const ColumnDef *def,
						IgNewColumn *column, int32 *typmod);
static void column_constraints(IgStatement *stmt, IgRelation *rel,
							   const ColumnDef *def, IgNewColumn *column,
							   Node **raw_default);
static Node *column_default(const ColumnDef *def, const IgNewColumn *column,
							int32 typmod, Node *raw_default);
static char *rewrite_reason(const IgNewColumn *column, Node *planned, bool may_evaluate);

/*
 * The base type of one of serial's six spellings, or NULL.  As the server
 * does, only unqualified names without array bounds count.
 */
static const char *
serial_type(const ColumnDef *def)
{
	const TypeName *type = def->typeName;
	const char *name;

	if (type == NULL || list_length(type->names) != 1 || type->pct_type)
		return NULL;

	name = strVal(linitial(type->names));
	if (strcmp(name, "smallserial") == 0 || strcmp(name, "serial2") == 0)
		return "smallint";
	if (strcmp(name, "serial") == 0 || strcmp(name, "serial4") == 0)
		return "integer";
	if (strcmp(name, "bigserial") == 0 || strcmp(name, "serial8") == 0)
		return "bigint";
	return NULL;
}

/*
 * Does the type, or a domain below it, refuse NULL?
 */
static bool
domain_is_not_null(Oid typid)
{
	while (OidIsValid(typid))
	{
		HeapTuple	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
		Form_pg_type form;
		bool		not_null;

		if (!HeapTupleIsValid(tuple))
			return false;
		form = (Form_pg_type) GETSTRUCT(tuple);
		not_null = form->typtype == TYPTYPE_DOMAIN && form->typnotnull;
		typid = form->typtype == TYPTYPE_DOMAIN ? form->typbasetype : InvalidOid;
		ReleaseSysCache(tuple);
		if (not_null)
			return true;
	}
	return false;
}

/*
 * Resolve the type.  An unknown one leaves typid invalid: the server will say
 * so itself.
 */
static void
column_type(const IgStatement *stmt, const ColumnDef *def, IgNewColumn *column,
			int32 *typmod)
{
	const char *serial = serial_type(def);
	ParseState *pstate;
	Type		type;

	*typmod = -1;
	if (serial != NULL)
	{
		column->serial = true;
		column->has_default = true;
		column->not_null = true;
		column->type_sql = pstrdup(serial);
		column->typid = serial[0] == 's' ? INT2OID : serial[0] == 'i' ? INT4OID : INT8OID;
		column->base_typid = column->typid;
		return;
	}
	if (def->typeName == NULL)
		return;

	/* a type modifier that the type does not take is an error here already */
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = stmt->query;
	type = LookupTypeName(pstate, def->typeName, typmod, true);
	if (type == NULL)
		return;
	if (((Form_pg_type) GETSTRUCT(type))->typisdefined)
	{
		column->typid = typeTypeId(type);
		column->base_typid = getBaseType(column->typid);
		column->type_sql = format_type_with_typemod(column->typid, *typmod);
	}
	ReleaseSysCache(type);
}

/*
 * A copy of an inline constraint with what the grammar leaves in nodes of their
 * own behind it: DEFERRABLE, INITIALLY DEFERRED, [NOT] ENFORCED.
 */
static Constraint *
with_attributes(const ColumnDef *def, const Constraint *con)
{
	Constraint *copy = copyObject((Constraint *) con);
	bool		behind = false;
	ListCell   *lc;

	foreach(lc, def->constraints)
	{
		const Constraint *attr = lfirst_node(Constraint, lc);

		if (attr == con)
			behind = true;
		else if (!behind)
			continue;
		else if (attr->contype == CONSTR_ATTR_DEFERRABLE)
			copy->deferrable = true;
		else if (attr->contype == CONSTR_ATTR_DEFERRED)
			copy->deferrable = copy->initdeferred = true;
		else if (IG_IS_NOT_ENFORCED_ATTR(attr->contype))
			ig_set_enforced(copy, false);
		else if (attr->contype != CONSTR_ATTR_NOT_DEFERRABLE &&
				 attr->contype != CONSTR_ATTR_IMMEDIATE &&
				 !IG_IS_ENFORCED_ATTR(attr->contype))
			break;
	}
	return copy;
}

/*
 * The inline constraints.  *raw_default is set if there is a DEFAULT clause.
 */
static void
column_constraints(IgStatement *stmt, IgRelation *rel, const ColumnDef *def,
				   IgNewColumn *column, Node **raw_default)
{
	ListCell   *lc;

	*raw_default = def->raw_default;
	foreach(lc, def->constraints)
	{
		Constraint *con = (Constraint *) lfirst(lc);

		switch (con->contype)
		{
			case CONSTR_NOTNULL:
				column->not_null = true;
				break;
			case CONSTR_DEFAULT:
				if (*raw_default != NULL)
					column->has_default = true; /* twice: not looked into */
				*raw_default = con->raw_expr;
				break;
			case CONSTR_IDENTITY:
				column->identity = con->generated_when;
				column->not_null = true;
				column->has_default = true;
				break;
			case CONSTR_GENERATED:
				column->generated = ig_constraint_generated_kind(con);
				column->has_default = true;
				break;
			case CONSTR_PRIMARY:
				column->primary_key = true;
				column->in_key = true;
				column->not_null = true;
				break;
			case CONSTR_UNIQUE:
				column->unique = true;
				break;
			case CONSTR_CHECK:
				column->checks = lappend(column->checks,
										 ig_constraint_spec(stmt, rel, with_attributes(def, con),
															def->colname));
				break;
			case CONSTR_FOREIGN:
				column->references = lappend(column->references,
											 ig_constraint_spec(stmt, rel, with_attributes(def, con),
															def->colname));
				break;
			default:
				break;
		}
	}
}

/*
 * The default as the server will store it, or NULL if it stores none.  As in
 * AddRelationNewConstraints, a bare NULL is none; and as in
 * build_column_default, without one the type's own default counts.
 */
static Node *
column_default(const ColumnDef *def, const IgNewColumn *column, int32 typmod,
			   Node *raw_default)
{
	if (raw_default != NULL)
	{
		/* without the source text, as the server: no position in its errors */
		ParseState *pstate = make_parsestate(NULL);
		Node	   *cooked;

		cooked = cookDefault(pstate, copyObject(raw_default), column->typid, typmod,
							 def->colname, '\0');
		free_parsestate(pstate);
		if (!(IsA(cooked, Const) && ((Const *) cooked)->constisnull))
			return cooked;
	}
	return get_typdefault(column->typid);
}

/*
 * Why every row must be written anew, or NULL.  This is the condition of
 * ATExecAddColumn: a value can be kept outside the heap only if it is one for
 * all rows, and a domain's constraints must see each of them.  To look at
 * these is to plan them, which the server does for no other statement.
 */
static char *
rewrite_reason(const IgNewColumn *column, Node *planned, bool may_evaluate)
{
	if (column->serial)
		return "serial calls nextval() for each row";
	if (column->identity != '\0')
		return "an identity column calls nextval() for each row";
	if (column->generated == ATTRIBUTE_GENERATED_STORED)
		return "a stored generated column is computed for each row";
	if (column->generated != '\0')
		return NULL;
	if (may_evaluate && OidIsValid(column->typid) && DomainHasConstraints(column->typid))
		return "the constraints of its domain are checked for each row";
	if (planned != NULL && contain_volatile_functions(planned))
		return psprintf("its default %s is volatile",
						column->default_sql ? column->default_sql : "expression");
	return NULL;
}

/*
 * Describe a new column, and fill in the impact of adding it.
 *
 * may_evaluate: the current user owns the table, so that planning the default
 * runs nothing that the server would not run a moment later.  The server plans
 * nothing for a foreign table, whose rows it does not write.
 */
IgNewColumn *
ig_new_column(IgStatement *stmt, IgRelation *rel, ColumnDef *def,
			  bool may_evaluate, IgImpact *impact)
{
	IgNewColumn *column = palloc0(sizeof(IgNewColumn));
	Node	   *raw_default;
	Node	   *cooked = NULL;
	Node	   *planned = NULL;
	int32		typmod;

	column_type(stmt, def, column, &typmod);
	column_constraints(stmt, rel, def, column, &raw_default);
	column->default_clause = raw_default != NULL || column->serial ||
		column->generated != '\0';
	if (domain_is_not_null(column->typid))
		column->not_null = true;

	if (may_evaluate && OidIsValid(column->typid) && !column->has_default)
		cooked = column_default(def, column, typmod, raw_default);
	if (cooked != NULL)
	{
		column->has_default = true;
		if (raw_default != NULL)
			column->default_sql = deparse_expression(cooked, NIL, false, false);
		if (ig_relation_holds_rows(rel))
			planned = (Node *) expression_planner((Expr *) cooked);
	}
	if (!may_evaluate && raw_default != NULL)
		column->has_default = true;

	impact->reason = rewrite_reason(column, planned,
									may_evaluate && ig_relation_holds_rows(rel));
	impact->rewrite = impact->reason != NULL;
	return column;
}
