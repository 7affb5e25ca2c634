/*-------------------------------------------------------------------------
 *
 * soft_delete_plan.c
 *	  DELETE of a soft-deleted table becomes an UPDATE, in the plan.
 *
 * The statement stays what it was for whoever sent it: it needs the privilege
 * of a DELETE, is judged by the policies for DELETE, reports DELETE n, and
 * finds no row that is deleted already.  Only what the plan does is another
 * thing, so that triggers, indexes and replication see an UPDATE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "utils/fmgroids.h"

#include "platform/compat.h"
#include "rows/soft_delete.h"

static void visit(IgPlanVisit *visit);
static bool is_purge(const IgPlanVisit *visit);
static void mark_instead(IgPlanVisit *visit, const IgSoftDelete *rule);
static void add_operation(IgPlanVisit *visit, const IgSoftDelete *rule);
static bool is_generated_from(Relation rel, AttrNumber attnum);
static void add_updated(IgPlanVisit *visit, AttrNumber attnum);
static void set_column(IgPlanVisit *visit, AttrNumber attnum, Expr *value);
static Var *column_of(IgPlanVisit *visit, AttrNumber attnum);
static Expr *is_null(Expr *arg, NullTestType type);
static Expr *time_of_now(IgPlanVisit *visit, AttrNumber attnum);
static Expr *new_operation(Query *query);

void
ig_soft_delete_plan_init(void)
{
	ig_plan_visitor(IG_ROW_SOFT_DELETE, visit);
}

/*
 * Of the rule's triggers the one for DELETE counts.  A query that was visited
 * before is an UPDATE with all that is added here.
 */
static void
visit(IgPlanVisit *visit)
{
	IgSoftDelete rule;

	if (!ig_soft_delete_declares(visit->trigger) || !ig_soft_delete_of(visit->target, &rule))
		return;
	if (visit->query->commandType == CMD_UPDATE)
		add_operation(visit, &rule);
	else if (visit->query->commandType == CMD_DELETE && !is_purge(visit))
		mark_instead(visit, &rule);
}

/*
 * purge() says so before its own DELETE is planned.  Those of triggers that it
 * fires are planned later, and are like any other.
 */
static bool
is_purge(const IgPlanVisit *visit)
{
	IgSoftDeleteWork *work = ig_soft_delete_work;

	if (work == NULL || !work->purges || work->purged != RelationGetRelid(visit->target))
		return false;
	work->purged = InvalidOid;
	return true;
}

static void
mark_instead(IgPlanVisit *visit, const IgSoftDelete *rule)
{
	Query	   *query = visit->query;

	query->commandType = CMD_UPDATE;
	set_column(visit, rule->deleted, time_of_now(visit, rule->deleted));
	if (rule->operation != 0)
		set_column(visit, rule->operation, new_operation(query));
	query->jointree->quals =
		make_and_qual(query->jointree->quals,
					  (Node *) is_null((Expr *) column_of(visit, rule->deleted), IS_NULL));

	/* what is asked for stays ACL_DELETE; the executor wants to know these */
	add_updated(visit, rule->deleted);
	if (rule->operation != 0)
		add_updated(visit, rule->operation);
	if (visit->tag_is_delete != NULL)
		*visit->tag_is_delete = true;
}

/*
 * An UPDATE that marks rows, as an application does that knows of the column,
 * gets an operation of its own, unless it brings one.  No privilege is asked
 * for the column, which the statement does not name; but where columns are
 * generated from it the executor has to know, and asks.
 */
static void
add_operation(IgPlanVisit *visit, const IgSoftDelete *rule)
{
	CaseExpr   *value = makeNode(CaseExpr);
	CaseWhen   *when = makeNode(CaseWhen);
	Expr	   *is_mark;
	TargetEntry *marks = NULL;
	ListCell   *lc;

	if (rule->operation == 0)
		return;
	foreach(lc, visit->query->targetList)
	{
		TargetEntry *tle = lfirst_node(TargetEntry, lc);

		if (tle->resjunk)
			continue;
		if (tle->resno == rule->operation)
			return;
		if (tle->resno == rule->deleted)
			marks = tle;
	}
	if (marks == NULL || (IsA(marks->expr, Const) && ((Const *) marks->expr)->constisnull))
		return;

	/* an expression is not to be evaluated twice where that may matter */
	is_mark = is_null((Expr *) column_of(visit, rule->deleted), IS_NULL);
	if (!IsA(marks->expr, Const) && !contain_volatile_functions((Node *) marks->expr) &&
		!contain_subplans((Node *) marks->expr))
		is_mark = makeBoolExpr(AND_EXPR,
							   list_make2(is_mark,
										  is_null((Expr *) copyObject(marks->expr), IS_NOT_NULL)),
							   -1);
	when->expr = is_mark;
	when->result = new_operation(visit->query);
	when->location = -1;
	value->casetype = UUIDOID;
	value->casecollid = InvalidOid;
	value->args = list_make1(when);
	value->defresult = (Expr *) column_of(visit, rule->operation);
	value->location = -1;
	set_column(visit, rule->operation, (Expr *) value);
	if (is_generated_from(visit->target, rule->operation))
		add_updated(visit, rule->operation);
}

static bool
is_generated_from(Relation rel, AttrNumber attnum)
{
	const TupleConstr *constr = RelationGetDescr(rel)->constr;

	for (int i = 0; constr != NULL && constr->has_generated_stored && i < constr->num_defval; i++)
	{
		const AttrDefault *def = &constr->defval[i];
		Bitmapset  *columns = NULL;

		if (TupleDescAttr(RelationGetDescr(rel), def->adnum - 1)->attgenerated == '\0')
			continue;
		pull_varattnos((Node *) stringToNode(def->adbin), 1, &columns);
		if (bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, columns))
			return true;
	}
	return false;
}

static void
add_updated(IgPlanVisit *visit, AttrNumber attnum)
{
	RangeTblEntry *rte = rt_fetch(visit->query->resultRelation, visit->query->rtable);
	IgRtePermissions *permissions = ig_rte_permissions(visit->query, rte);

	permissions->updatedCols = bms_add_member(permissions->updatedCols,
											  attnum - FirstLowInvalidHeapAttributeNumber);
}

/*
 * In front, where nothing is junk.
 */
static void
set_column(IgPlanVisit *visit, AttrNumber attnum, Expr *value)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(visit->target), attnum - 1);

	visit->query->targetList =
		lcons(makeTargetEntry(value, attnum, pstrdup(NameStr(attr->attname)), false),
			  visit->query->targetList);
}

static Var *
column_of(IgPlanVisit *visit, AttrNumber attnum)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(visit->target), attnum - 1);

	return makeVar(visit->query->resultRelation, attnum, attr->atttypid, attr->atttypmod,
				   attr->attcollation, 0);
}

static Expr *
is_null(Expr *arg, NullTestType type)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = arg;
	test->nulltesttype = type;
	test->argisrow = false;
	test->location = -1;
	return (Expr *) test;
}

static Expr *
time_of_now(IgPlanVisit *visit, AttrNumber attnum)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(visit->target), attnum - 1);
	Node	   *now = (Node *) makeFuncExpr(F_NOW, TIMESTAMPTZOID, NIL, InvalidOid, InvalidOid,
											COERCE_EXPLICIT_CALL);
	Node	   *coerced = coerce_to_target_type(NULL, now, TIMESTAMPTZOID, attr->atttypid,
												attr->atttypmod, COERCION_ASSIGNMENT,
												COERCE_IMPLICIT_CAST, -1);

	if (coerced == NULL)
		elog(ERROR, "could not coerce a time to type %u", attr->atttypid);
	return (Expr *) coerced;
}

/*
 * (SELECT gen_random_uuid()): a subquery by itself runs once for each execution
 * of the statement, however many rows and partitions it has.
 */
static Expr *
new_operation(Query *query)
{
	Query	   *sub = makeNode(Query);
	SubLink    *link = makeNode(SubLink);
	Expr	   *uuid = (Expr *) makeFuncExpr(F_GEN_RANDOM_UUID, UUIDOID, NIL, InvalidOid,
											 InvalidOid, COERCE_EXPLICIT_CALL);

	sub->commandType = CMD_SELECT;
	sub->querySource = QSRC_ORIGINAL;
	sub->canSetTag = true;
	sub->jointree = makeFromExpr(NIL, NULL);
	sub->targetList = list_make1(makeTargetEntry(uuid, 1, pstrdup("operation"), false));

	link->subLinkType = EXPR_SUBLINK;
	link->subselect = (Node *) sub;
	link->location = -1;
	query->hasSubLinks = true;
	return (Expr *) link;
}
