/*-------------------------------------------------------------------------
 *
 * impact_alter_type.c
 *	  What ALTER COLUMN TYPE costs.
 *
 * The server has four answers: it copies the heap with all indexes; it keeps
 * the heap but builds indexes anew; it keeps both but checks constraints
 * again; or it only changes the catalogs.  The first is decided by planning
 * the expression that turns an old value into a new one and looking whether
 * anything is left of it (ATPrepAlterColumnType), the others by what depends
 * on the column.  It does this for each table that inherits the column, and so
 * do we.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "gate/impact.h"
#include "platform/compat.h"

static bool retype_init(IgRetype *retype, Relation relation, AttrNumber attnum,
						const ColumnDef *def, ParseState *pstate);
static void describe_types(const IgRetype *retype, int32 old_typmod, bool plans,
						   IgTypeChange *change);
static char *type_sql(Oid type, int32 typmod, Oid collation);
static Node *using_expression(Relation relation, const ColumnDef *def, ParseState *pstate);
static bool may_change(Relation relation, AttrNumber attnum, bool has_using);
static Node *conversion(const IgRetype *retype, Relation relation, AttrNumber attnum,
						Node *expr, ParseState *pstate);
static Node *find_blocker(Node *expr, AttrNumber attnum);
static char *rewrite_reason(Node *blocker, const char *new_sql);
static bool any_heap_rewritten(const IgRetype *retype);
static bool keep_heaps(const IgRetype *retype, const IgRetypeDependents *dependents, IgImpact *impact);

static void
impact_of(Relation relation, AttrNumber attnum, const ColumnDef *def, const char *query,
		  bool after_drop, IgTypeChange *change, IgImpact *impact)
{
	ParseState *pstate = make_parsestate(NULL);
	IgRetype	retype = {0};
	IgRetypeDependents dependents = {NIL, NIL};
	IgImpact	found = *impact;
	Node	   *expr;
	Node	   *blocker = NULL;
	bool		plans;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), attnum - 1);

	/* in the order of the server, so that the first error is the same */
	pstate->p_sourcetext = query;
	expr = using_expression(relation, def, pstate);
	if (!may_change(relation, attnum, expr != NULL) ||
		!retype_init(&retype, relation, attnum, def, pstate))
		return;
	retype.tables = ig_retype_tables(relation, retype.column);
	retype.after_drop = after_drop;

	/* where no table has rows the server plans no conversion */
	plans = relation->rd_rel->relkind == RELKIND_RELATION ||
		relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		list_length(retype.tables) > 1;
	describe_types(&retype, att->atttypmod, plans, change);
	if (!plans)
		return;

	if (att->attgenerated == IG_GENERATED_VIRTUAL)
	{
		if (get_typtype(retype.new_type) == TYPTYPE_DOMAIN)
			return;
	}
	else
	{
		expr = conversion(&retype, relation, attnum, expr, pstate);
		if (expr == NULL)
			return;
		blocker = find_blocker(expr, attnum);
	}

	retype.rewrites = blocker != NULL;
	if (!ig_retype_allowed(&retype, &dependents) ||
		!keep_heaps(&retype, &dependents, &found))
		return;

	if (blocker == NULL)
		*impact = found;
	else if (any_heap_rewritten(&retype))
	{
		impact->rewrite = true;
		impact->reason = rewrite_reason(blocker, change->new_sql);
	}
}

void
ig_impact_alter_type(IgRelation *rel, AttrNumber attnum, const ColumnDef *def,
					 const char *query, bool after_drop, IgTypeChange *change,
					 IgImpact *impact)
{
	Relation	relation;

	if (!OidIsValid(rel->relid) || def == NULL || def->typeName == NULL)
		return;
	relation = try_relation_open(rel->relid, AccessShareLock);
	if (relation == NULL)
		return;
	if (attnum > 0 && attnum <= RelationGetDescr(relation)->natts &&
		!TupleDescAttr(RelationGetDescr(relation), attnum - 1)->attisdropped)
		impact_of(relation, attnum, def, query, after_drop, change, impact);
	relation_close(relation, AccessShareLock);
}

/*
 * The USING expression, analyzed; NULL if there is none.
 */
static Node *
using_expression(Relation relation, const ColumnDef *def, ParseState *pstate)
{
	ParseNamespaceItem *nsitem;

	if (def->cooked_default != NULL)
		return copyObject(def->cooked_default);
	if (def->raw_default == NULL)
		return NULL;

	nsitem = addRangeTableEntryForRelation(pstate, relation, AccessShareLock,
										   NULL, false, true);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	return transformExpr(pstate, copyObject(def->raw_default),
						 EXPR_KIND_ALTER_COL_TRANSFORM);
}

/*
 * Does the server let the column of the named table change its type at all?
 */
static bool
may_change(Relation relation, AttrNumber attnum, bool has_using)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), attnum - 1);

	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_COMPOSITE_TYPE:
			break;
		case RELKIND_FOREIGN_TABLE:
			if (has_using)
				return false;
			break;
		default:
			return false;
	}
	return att->attinhcount == 0 && !OidIsValid(relation->rd_rel->reloftype) &&
		!(att->attgenerated && has_using) &&
		!ig_retype_is_key(relation, attnum);
}

/*
 * Old and new type of the column.  False if the new type does not exist.
 */
static bool
retype_init(IgRetype *retype, Relation relation, AttrNumber attnum,
			const ColumnDef *def, ParseState *pstate)
{
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), attnum - 1);
	ColumnDef  *copy = copyObject((ColumnDef *) def);
	ParseState *place = IG_ALTER_TYPE_TELLS_PLACE ? pstate : NULL;
	Type		type = LookupTypeName(place, copy->typeName, &retype->new_typmod, true);
	bool		is_defined;

	if (type == NULL)
		return false;
	retype->new_type = typeTypeId(type);
	is_defined = ((Form_pg_type) GETSTRUCT(type))->typisdefined;
	ReleaseSysCache(type);
	if (!is_defined)
		return false;

	retype->new_collation = GetColumnDefCollation(place, copy, retype->new_type);
	retype->column = pstrdup(NameStr(att->attname));
	retype->old_type = att->atttypid;
	retype->old_collation = att->attcollation;
	return true;
}

static void
describe_types(const IgRetype *retype, int32 old_typmod, bool plans, IgTypeChange *change)
{
	change->old_sql = type_sql(retype->old_type, old_typmod, retype->old_collation);
	change->new_sql = type_sql(retype->new_type, retype->new_typmod, retype->new_collation);
	change->new_base_typid = getBaseType(retype->new_type);

	/* to look at a domain's constraints is to plan them */
	change->narrowing = (plans || get_typtype(retype->new_type) != TYPTYPE_DOMAIN) &&
		ig_type_narrows(retype->old_type, old_typmod, retype->new_type, retype->new_typmod);
}

/*
 * A type as it can be pasted behind ALTER COLUMN ... TYPE: with its schema if
 * the name alone does not find it, and with a collation that is not its own.
 */
static char *
type_sql(Oid type, int32 typmod, Oid collation)
{
	char	   *sql = format_type_extended(type, typmod, FORMAT_TYPE_TYPEMOD_GIVEN);

	if (OidIsValid(collation) && collation != get_typcollation(type))
		return psprintf("%s COLLATE %s", sql, generate_collation_name(collation));
	return sql;
}

/*
 * The planned expression that makes a new value, NULL if there is no cast.
 * The server plans it once for each table, which comes out the same: columns
 * that are inherited do not differ but in their numbers.
 */
static Node *
conversion(const IgRetype *retype, Relation relation, AttrNumber attnum,
		   Node *expr, ParseState *pstate)
{
	if (expr == NULL)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), attnum - 1);

		expr = (Node *) makeVar(1, attnum, att->atttypid, att->atttypmod,
								att->attcollation, 0);
	}

	expr = coerce_to_target_type(pstate, expr, exprType(expr),
								 retype->new_type, retype->new_typmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1);
	if (expr == NULL)
		return NULL;

	assign_expr_collations(pstate, expr);
	expr = ig_expand_generated(expr, relation);
	return (Node *) expression_planner((Expr *) expr);
}

/*
 * The part of a conversion because of which the stored values must go through
 * it, NULL if they can stay as they are (ATColumnChangeRequiresRewrite).
 */
static Node *
find_blocker(Node *expr, AttrNumber attnum)
{
	for (;;)
	{
		if (IsA(expr, Var) && ((Var *) expr)->varattno == attnum)
			return NULL;
		else if (IsA(expr, RelabelType))
			expr = (Node *) ((RelabelType *) expr)->arg;
		else if (IsA(expr, CoerceToDomain))
		{
			if (DomainHasConstraints(((CoerceToDomain *) expr)->resulttype))
				return expr;
			expr = (Node *) ((CoerceToDomain *) expr)->arg;
		}
		else if (IsA(expr, FuncExpr))
		{
			FuncExpr   *func = (FuncExpr *) expr;

			if (func->funcid != F_TIMESTAMPTZ_TIMESTAMP &&
				func->funcid != F_TIMESTAMP_TIMESTAMPTZ)
				return expr;
			if (TimestampTimestampTzRequiresRewrite())
				return expr;
			expr = linitial(func->args);
		}
		else
			return expr;
	}
}

static char *
rewrite_reason(Node *blocker, const char *new_sql)
{
	if (IsA(blocker, CoerceToDomain))
		return psprintf("the value of each row is checked against the constraints of domain %s",
						format_type_be(((CoerceToDomain *) blocker)->resulttype));

	if (IsA(blocker, FuncExpr))
	{
		FuncExpr   *func = (FuncExpr *) blocker;

		if (func->funcid == F_TIMESTAMPTZ_TIMESTAMP ||
			func->funcid == F_TIMESTAMP_TIMESTAMPTZ)
			return psprintf("converting %s under TimeZone \"%s\" changes stored values",
							format_type_be(exprType(linitial(func->args))),
							GetConfigOption("TimeZone", false, false));
		if (func->funcformat != COERCE_EXPLICIT_CALL && func->args != NIL &&
			exprType(linitial(func->args)) == func->funcresulttype)
			return psprintf("the value of each row is made to fit %s", new_sql);
		return psprintf("the value of each row is converted by %s",
						format_procedure(func->funcid));
	}
	if (IsA(blocker, CoerceViaIO))
		return psprintf("the value of each row is written as text and read as %s", new_sql);
	if (IsA(blocker, ArrayCoerceExpr))
		return "the elements of each row's array are converted";
	if (IsA(blocker, Var))
		return "the USING expression takes another column's values";
	return "the USING expression computes the value of each row anew";
}

static bool
any_heap_rewritten(const IgRetype *retype)
{
	ListCell   *lc;

	foreach(lc, retype->tables)
	{
		Relation	relation = try_relation_open(lfirst_oid(lc), AccessShareLock);
		bool		concerns;

		if (relation == NULL)
			continue;
		concerns = ig_impact_concerns(relation);
		relation_close(relation, AccessShareLock);
		if (concerns)
			return true;
	}
	return false;
}

/*
 * The name to speak of an index by: that of the partitioned index above it.
 */
static char *
index_name(Oid indexid)
{
	if (get_rel_relispartition(indexid))
	{
		List	   *ancestors = get_partition_ancestors(indexid);

		if (ancestors != NIL)
			indexid = llast_oid(ancestors);
	}
	return get_rel_name(indexid);
}

/*
 * One index over the column.  False if the server cannot make it again.
 */
static bool
keep_index(const IgRetype *retype, Oid indexid, IgImpact *impact)
{
	char	   *reason = NULL;
	Oid			relid = IndexGetRelation(indexid, true);
	IgIndexFate fate = ig_retype_index(retype, indexid, &reason);

	if (fate == IG_INDEX_IMPOSSIBLE)
		return false;
	if (fate == IG_INDEX_REBUILT && OidIsValid(relid) && ig_impact_concerns_any(relid))
	{
		impact->reindex = true;
		if (impact->reason == NULL)
			impact->reason = reason;
		ig_impact_add_index(impact, index_name(indexid));
	}
	return true;
}

/*
 * What is done where no heap is rewritten.  False if the server will fail,
 * which it does with a rewrite as well.
 */
static bool
keep_heaps(const IgRetype *retype, const IgRetypeDependents *dependents, IgImpact *impact)
{
	ListCell   *lc;

	foreach(lc, dependents->indexes)
	{
		if (!keep_index(retype, lfirst_oid(lc), impact))
			return false;
	}
	foreach(lc, dependents->constraints)
	{
		Oid			indexid = get_constraint_index(lfirst_oid(lc));

		if (OidIsValid(indexid) && !keep_index(retype, indexid, impact))
			return false;
	}
	return ig_retype_constraints(retype, dependents->constraints, impact);
}
