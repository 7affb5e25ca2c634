/*-------------------------------------------------------------------------
 *
 * version_predicate.c
 *	  Does an UPDATE say in its WHERE clause which version it has read?
 *
 * UPDATE ... SET version = version + 1 WHERE id = 1 loses what somebody else
 * has written meanwhile, and no trigger can tell: it sees the row as it is once
 * it is locked.  The plan tells.  Asked for is a condition that each updated
 * row has to meet: version = what does not come from the table itself.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parsetree.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "platform/compat.h"
#include "platform/text.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"
#include "rows/version.h"

#define RULE	"version-predicate"

/* What is looked for. */
typedef struct Wanted
{
	const Query *query;
	Index		target;			/* range table index of the updated table */
	Index		excluded;		/* that of EXCLUDED, or 0 */
	Oid			relid;
	AttrNumber	version;
	Bitmapset  *uncounted;		/* columns whose changes do not count */
	int			level;			/* of subqueries, while an expression is walked */
} Wanted;

static void visit(IgPlanVisit *visit);
static bool begin(Wanted *wanted, const IgPlanVisit *visit);
static bool is_reject(const Trigger *trigger);
static bool all_updates_say(const Wanted *wanted);
static bool merge_says(const Wanted *wanted);
static bool counts(const Wanted *wanted, const List *targetlist);
static bool says(const Wanted *wanted, Node *qual);
static bool arms_say(const Wanted *wanted, const BoolExpr *expr);
static bool operator_says(const Wanted *wanted, const List *args);
static bool function_says(const Wanted *wanted, const FuncExpr *func);
static bool is_version(const Wanted *wanted, Node *node);
static bool comes_from_table(Node *node, Wanted *wanted);
static bool entry_comes_from_table(const RangeTblEntry *rte, AttrNumber attnum,
								   Wanted *wanted);
static void refuse(Oid relid, AttrNumber version);

void
ig_version_predicate_init(void)
{
	ig_plan_visitor(IG_ROW_OPTIMISTIC_LOCK, visit);
}

static void
visit(IgPlanVisit *visit)
{
	Wanted		wanted = {0};
	uint32		mark;

	if (!is_reject(visit->trigger) || !begin(&wanted, visit))
		return;
	mark = ig_table_mark(ig_rule_mark(visit->trigger, visit->target), wanted.relid);
	if (ig_plan_visit_is_delete(visit) || all_updates_say(&wanted))
	{
		visit->mark = mark;
		return;
	}
	refuse(wanted.relid, wanted.version);
	ig_let_pass_note(mark);
	visit->mark = IG_BAD_MARK(mark);
}

void
ig_version_predicate_checked(const Trigger *trigger, Relation rel)
{
	uint32		mark = ig_rule_mark(trigger, rel);
	Oid			relid = RelationGetRelid(rel);
	const char *detail;

	if (ig_running_has_mark(mark, relid) || ig_running_is_key_query() ||
		ig_let_pass_now(mark, relid))
		return;
	if (ig_running_has_bad_mark(mark, relid))
	{
		refuse(RelationGetRelid(rel), linitial_int(ig_row_rule_columns(trigger, rel)));
		return;
	}
	detail = ig_running_statement() == NULL ?
		"The statement's plan could not be looked at: it was made before the library was loaded." :
		"The statement was not planned as one of this table, which has the rule.";
	ig_row_refuse(NULL, RelationGetRelid(rel), RULE, NULL,
				  psprintf("cannot tell by which version the statement updates rows of table \"%s\"",
						   ig_row_relation_text(RelationGetRelid(rel))), detail,
				  ig_running_statement() == NULL ?
				  "Send the statement again. With invariant_guard in session_preload_libraries or shared_preload_libraries, the first statement of a session passes too." :
				  "Declare the rule for the table that the statement names.");
}

static bool
is_reject(const Trigger *trigger)
{
	if (!TRIGGER_FOR_UPDATE(trigger->tgtype))
		return false;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		if (strcmp(trigger->tgargs[i], "unversioned=reject") == 0)
			return true;
	}
	return false;
}

/* False if the trigger's columns are not to be read; it raises by itself. */
static bool
begin(Wanted *wanted, const IgPlanVisit *visit)
{
	List	   *attnums = ig_row_rule_columns(visit->trigger, visit->target);
	ListCell   *lc;

	if (attnums == NIL)
		return false;
	wanted->query = visit->query;
	wanted->target = visit->query->resultRelation;
	wanted->relid = RelationGetRelid(visit->target);
	wanted->version = linitial_int(attnums);
	foreach(lc, attnums)
		wanted->uncounted = bms_add_member(wanted->uncounted, lfirst_int(lc));
	return true;
}

static bool
all_updates_say(const Wanted *wanted)
{
	const Query *query = wanted->query;

	switch (query->commandType)
	{
		case CMD_UPDATE:
			return !counts(wanted, query->targetList) || says(wanted, query->jointree->quals);
		case CMD_MERGE:
			return merge_says(wanted);
		case CMD_INSERT:
			if (query->onConflict != NULL && query->onConflict->action == ONCONFLICT_UPDATE)
			{
				Wanted		conflict = *wanted;

				conflict.excluded = query->onConflict->exclRelIndex;
				return !counts(wanted, query->onConflict->onConflictSet) ||
					says(&conflict, query->onConflict->onConflictWhere);
			}
			return true;
		default:
			return true;
	}
}

static bool
merge_says(const Wanted *wanted)
{
	bool		joined = says(wanted, ig_merge_condition(wanted->query));
	ListCell   *lc;

	foreach(lc, wanted->query->mergeActionList)
	{
		const MergeAction *action = lfirst_node(MergeAction, lc);

		if (action->commandType == CMD_UPDATE && counts(wanted, action->targetList) &&
			!(joined && ig_merge_has_source(action)) && !says(wanted, action->qual))
			return false;
	}
	return true;
}

/*
 * Is anything set but the version and what is excluded?  Where only the version
 * is, that is a change that counts.
 */
static bool
counts(const Wanted *wanted, const List *targetlist)
{
	ListCell   *lc;

	foreach(lc, targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);

		if (entry->resjunk)
			continue;
		if (entry->resno == wanted->version || !bms_is_member(entry->resno, wanted->uncounted))
			return true;
	}
	return false;
}

/*
 * Does the condition imply version = something from outside?
 */
static bool
says(const Wanted *wanted, Node *qual)
{
	if (qual == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(qual))
	{
		case T_List:
			{
				ListCell   *lc;

				foreach(lc, (List *) qual)
				{
					if (says(wanted, (Node *) lfirst(lc)))
						return true;
				}
				return false;
			}
		case T_BoolExpr:
			return arms_say(wanted, (const BoolExpr *) qual);
		case T_OpExpr:
			{
				const OpExpr *expr = (const OpExpr *) qual;
				char	   *name = expr->opno < FirstNormalObjectId ?
					get_opname(expr->opno) : NULL;

				return name != NULL && strcmp(name, "=") == 0 &&
					operator_says(wanted, expr->args);
			}
		case T_NullTest:
			return ((const NullTest *) qual)->nulltesttype == IS_NULL &&
				is_version(wanted, (Node *) ((const NullTest *) qual)->arg);
		case T_FuncExpr:
			return function_says(wanted, (const FuncExpr *) qual);
		default:
			return false;
	}
}

/*
 * One arm of an AND is enough.  Of an OR each has to say it beside something
 * else: (id, version) IN ((1, 5), (2, 7)) is such a one.  A NOT is looked into
 * for IS NOT DISTINCT FROM.
 */
static bool
arms_say(const Wanted *wanted, const BoolExpr *expr)
{
	ListCell   *lc;

	switch (expr->boolop)
	{
		case AND_EXPR:
			return says(wanted, (Node *) expr->args);
		case OR_EXPR:
			foreach(lc, expr->args)
			{
				Node	   *arm = (Node *) lfirst(lc);

				if (!is_andclause(arm) || !says(wanted, arm))
					return false;
			}
			return true;
		case NOT_EXPR:
			return IsA(linitial(expr->args), DistinctExpr) &&
				operator_says(wanted, ((const DistinctExpr *) linitial(expr->args))->args);
	}
	return false;
}

static bool
operator_says(const Wanted *wanted, const List *args)
{
	Wanted		walk = *wanted;

	if (list_length(args) != 2)
		return false;
	return (is_version(wanted, linitial(args)) && !comes_from_table(lsecond(args), &walk)) ||
		(is_version(wanted, lsecond(args)) && !comes_from_table(linitial(args), &walk));
}

/* check_version(version, 5) raises where it is another one. */
static bool
function_says(const Wanted *wanted, const FuncExpr *func)
{
	Wanted		walk = *wanted;
	char	   *name;
	char	   *schema;

	if (list_length(func->args) != 2 || func->funcresulttype != BOOLOID)
		return false;
	name = get_func_name(func->funcid);
	schema = get_namespace_name(get_func_namespace(func->funcid));
	return name != NULL && schema != NULL && strcmp(name, "check_version") == 0 &&
		strcmp(schema, "invariant_guard") == 0 &&
		is_version(wanted, linitial(func->args)) &&
		!comes_from_table(lsecond(func->args), &walk);
}

/*
 * The column itself, or a cast of it that keeps different versions different.
 */
static bool
is_version(const Wanted *wanted, Node *node)
{
	while (node != NULL)
	{
		if (IsA(node, Var))
			return ((Var *) node)->varno == wanted->target &&
				((Var *) node)->varattno == wanted->version &&
				((Var *) node)->varlevelsup == 0;
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO) && ((CoerceViaIO *) node)->resulttype == TEXTOID)
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat != COERCE_EXPLICIT_CALL &&
				 ((FuncExpr *) node)->funcid < FirstNormalObjectId &&
				 (((FuncExpr *) node)->funcresulttype == INT2OID ||
				  ((FuncExpr *) node)->funcresulttype == INT4OID ||
				  ((FuncExpr *) node)->funcresulttype == INT8OID ||
				  ((FuncExpr *) node)->funcresulttype == NUMERICOID) &&
				 /* with a precision, numeric rounds */
				 list_length(((FuncExpr *) node)->args) == 1)
			node = (Node *) linitial(((FuncExpr *) node)->args);
		else
			return false;
	}
	return false;
}

/*
 * Does the expression read the table: the row that is updated, or the table
 * once more beside it?  What is read there, in the same statement, is not what
 * the client has read.
 */
static bool
comes_from_table(Node *node, Wanted *wanted)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		const Var  *var = (const Var *) node;

		if ((int) var->varlevelsup != wanted->level || var->varno == wanted->excluded)
			return false;
		if (var->varno == wanted->target)
			return true;
		return entry_comes_from_table(rt_fetch(var->varno, wanted->query->rtable),
									  var->varattno, wanted);
	}
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *rte = (const RangeTblEntry *) node;

		return rte->rtekind == RTE_RELATION && rte->relid == wanted->relid;
	}
	if (IsA(node, CurrentOfExpr))
		return true;
	if (IsA(node, Query))
	{
		bool		result;

		wanted->level++;
		result = query_tree_walker((Query *) node, comes_from_table, wanted,
								   QTW_EXAMINE_RTES_BEFORE);
		wanted->level--;
		return result;
	}
	return expression_tree_walker(node, comes_from_table, wanted);
}

/*
 * The same for a column of another entry of the statement's own range table.
 */
static bool
entry_comes_from_table(const RangeTblEntry *rte, AttrNumber attnum, Wanted *wanted)
{
	Wanted		walk = *wanted;
	ListCell   *lc;

	switch (rte->rtekind)
	{
		case RTE_RELATION:
			return rte->relid == wanted->relid;
		case RTE_SUBQUERY:
			walk.level = 0;
			return comes_from_table((Node *) rte->subquery, &walk);
		case RTE_JOIN:
			if (attnum <= 0 || attnum > list_length(rte->joinaliasvars))
				return true;
			walk.level = 0;
			return comes_from_table(list_nth(rte->joinaliasvars, attnum - 1), &walk);
		case RTE_CTE:
			foreach(lc, wanted->query->cteList)
			{
				const CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

				walk.level = 0;
				if (rte->ctelevelsup == 0 && strcmp(cte->ctename, rte->ctename) == 0)
					return comes_from_table(cte->ctequery, &walk);
			}
			return false;
		default:
			return false;
	}
}

static void
refuse(Oid relid, AttrNumber version)
{
	const char *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid));
	const char *column = get_attname(relid, version, false);
	const char *quoted = quote_identifier(column);

	ig_row_refuse(NULL, relid, RULE, NULL,
				  psprintf("cannot update table \"%s\" without saying which version was read",
						   ig_row_relation_text(relid)),
				  psprintf("What somebody else has changed since would be overwritten: nothing in WHERE compares column \"%s\" with a value from outside of the table.",
						   ig_text_name(column)),
				  psprintf("UPDATE %s SET ... WHERE ... AND %s = <the version that was read>",
						   table, quoted));
}
