/*-------------------------------------------------------------------------
 *
 * impact_not_null.c
 *	  Does SET NOT NULL read the table?
 *
 * It does, unless validated CHECK constraints prove that the column holds no
 * NULL.  The proof is the server's (NotNullImpliedByRelConstraints), written
 * out here because the server's exported form of it takes all constraints that
 * are there now, while those which the same ALTER TABLE drops are gone when
 * the server looks.  One path for both cases cannot disagree with itself.
 *
 * Up to 17 the command goes to every child that is not NOT NULL yet.  From 18
 * a NOT NULL is a constraint: one that exists ends the way down, and one that
 * is not valid is validated, which no CHECK makes cheaper.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/impact.h"
#include "platform/compat.h"
#include "platform/inherit.h"

#define UNPROVEN_REASON \
	"no validated CHECK constraint proves that the column holds no null value"

typedef struct SetNotNull
{
	const char *column;
	List	   *dropped;		/* of char * */
	IgImpact   *impact;
} SetNotNull;

static void add_scan(SetNotNull *context, Relation relation, const char *reason);
static void visit_all(SetNotNull *context, Oid relid);
static void visit_without_constraint(SetNotNull *context, Oid relid, bool is_top);
static void validate_all(SetNotNull *context, Oid relid, bool no_inherit);
static bool is_proven(SetNotNull *context, Relation relation, AttrNumber attnum,
					  bool is_top);
static bool is_dropped(SetNotNull *context, Oid relid, const char *constraint, bool is_top);

void
ig_impact_set_not_null(IgRelation *rel, AttrNumber attnum, List *dropped_constraints,
					   IgImpact *impact)
{
	SetNotNull	context = {NULL, dropped_constraints, impact};
	HeapTuple	tuple;
	Form_pg_constraint con;

	if (!OidIsValid(rel->relid) || attnum <= 0)
		return;
	context.column = get_attname(rel->relid, attnum, true);
	if (context.column == NULL)
		return;

	if (!IG_HAS_NOT_NULL_CONSTRAINTS)
	{
		visit_all(&context, rel->relid);
		return;
	}

	tuple = ig_not_null_constraint(rel->relid, attnum);
	if (HeapTupleIsValid(tuple))
	{
		con = (Form_pg_constraint) GETSTRUCT(tuple);
		if (!is_dropped(&context, rel->relid, NameStr(con->conname), true))
		{
			/* an inherited one only becomes local, whatever its state */
			if (con->conislocal && !con->convalidated)
				validate_all(&context, rel->relid, con->connoinherit);
			return;
		}
	}
	visit_without_constraint(&context, rel->relid, true);
}

static void
add_scan(SetNotNull *context, Relation relation, const char *reason)
{
	if (!ig_impact_concerns(relation))
		return;
	context->impact->scan = true;
	if (context->impact->reason == NULL)
		context->impact->reason = pstrdup(reason);
	ig_impact_add_table(context->impact, relation);
}

/*
 * Up to 17: the table and all its children, each of which may be NOT NULL
 * already.  Below a partitioned table that is, all are.
 */
static void
visit_all(SetNotNull *context, Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		Relation	relation = try_relation_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	attnum;
		bool		done;

		if (relation == NULL)
			continue;
		if (!ig_relation_is_owned(lfirst_oid(lc)))
		{
			/* the server refuses; somebody else's CHECKs are not run */
			relation_close(relation, AccessShareLock);
			return;
		}
		attnum = get_attnum(lfirst_oid(lc), context->column);
		done = attnum > 0 && ig_column_is_not_null(RelationGetDescr(relation), attnum);
		if (attnum > 0 && !done &&
			!is_proven(context, relation, attnum, lfirst_oid(lc) == relid))
			add_scan(context, relation, UNPROVEN_REASON);
		done = done && lfirst_oid(lc) == relid &&
			relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
		relation_close(relation, AccessShareLock);
		if (done)
			return;
	}
}

/*
 * From 18: a table without the constraint, and its children until one has it.
 */
static void
visit_without_constraint(SetNotNull *context, Oid relid, bool is_top)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	AttrNumber	attnum = get_attnum(relid, context->column);
	ListCell   *lc;

	check_stack_depth();
	if (relation == NULL)
		return;
	if (!ig_relation_is_owned(relid))
	{
		relation_close(relation, AccessShareLock);
		return;
	}
	if (attnum > 0 && !is_proven(context, relation, attnum, is_top))
		add_scan(context, relation, UNPROVEN_REASON);
	relation_close(relation, AccessShareLock);

	foreach(lc, ig_inheritance_children(relid))
	{
		HeapTuple	tuple = NULL;

		attnum = get_attnum(lfirst_oid(lc), context->column);
		if (attnum > 0)
			tuple = ig_not_null_constraint(lfirst_oid(lc), attnum);
		if (!HeapTupleIsValid(tuple) ||
			is_dropped(context, lfirst_oid(lc),
					   NameStr(((Form_pg_constraint) GETSTRUCT(tuple))->conname), false))
			visit_without_constraint(context, lfirst_oid(lc), false);
	}
}

/*
 * From 18: a constraint that is not valid, and those of the children.
 */
static void
validate_all(SetNotNull *context, Oid relid, bool no_inherit)
{
	List	   *relids = list_make1_oid(relid);
	ListCell   *lc;

	if (!no_inherit)
		relids = ig_inheritors(relid, NULL);

	foreach(lc, relids)
	{
		Relation	relation = try_relation_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	attnum = get_attnum(lfirst_oid(lc), context->column);

		if (relation == NULL)
			continue;
		if (attnum > 0 && !ig_column_is_not_null(RelationGetDescr(relation), attnum))
			add_scan(context, relation, "the NOT NULL constraint of the column is not valid yet");
		relation_close(relation, AccessShareLock);
	}
}

/*
 * Do the table's validated CHECK constraints imply that the column is not
 * null?  Their expressions are simplified as the server does it, or the prover
 * misses some.
 */
static bool
is_proven(SetNotNull *context, Relation relation, AttrNumber attnum, bool is_top)
{
	TupleConstr *constr = RelationGetDescr(relation)->constr;
	Form_pg_attribute att = TupleDescAttr(RelationGetDescr(relation), attnum - 1);
	NullTest   *test = makeNode(NullTest);
	List	   *facts = NIL;

	if (constr == NULL)
		return false;

	for (int i = 0; i < constr->num_check; i++)
	{
		Node	   *expr;

		if (!constr->check[i].ccvalid ||
			is_dropped(context, RelationGetRelid(relation), constr->check[i].ccname, is_top))
			continue;
		expr = stringToNode(constr->check[i].ccbin);
		expr = eval_const_expressions(NULL, expr);
		expr = (Node *) canonicalize_qual((Expr *) expr, true);
		facts = list_concat(facts, make_ands_implicit((Expr *) expr));
	}

	/* not row-wise, also for composite types: that is what NOT NULL means */
	test->arg = (Expr *) makeVar(1, attnum, att->atttypid, att->atttypmod,
								 att->attcollation, 0);
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	return predicate_implied_by(list_make1(test), facts, true);
}

/*
 * Is the constraint among those that the same ALTER TABLE drops?  At a child
 * it goes only if it has no other reason to be there.
 */
static bool
is_dropped(SetNotNull *context, Oid relid, const char *constraint, bool is_top)
{
	ListCell   *lc;
	bool		named = false;
	bool		result = false;
	HeapTuple	tuple;

	foreach(lc, context->dropped)
		named = named || strcmp((char *) lfirst(lc), constraint) == 0;
	if (!named || is_top)
		return named;

	tuple = SearchSysCache1(CONSTROID,
							ObjectIdGetDatum(get_relation_constraint_oid(relid, constraint, true)));
	if (HeapTupleIsValid(tuple))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		result = !con->conislocal && con->coninhcount <= 1;
		ReleaseSysCache(tuple);
	}
	return result;
}
