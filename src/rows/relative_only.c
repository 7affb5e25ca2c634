/*-------------------------------------------------------------------------
 *
 * relative_only.c
 *	  relative_only(): a column is changed by what it holds.
 *
 * SET balance = 20, of a value that was read and computed with elsewhere, loses
 * what somebody else has added meanwhile; SET balance = balance - 80 does not.
 * Which of them it is, is seen in the plan: what is assigned has to contain the
 * column of the row that is updated.  The trigger is there for plans that were
 * not looked at.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"

PG_FUNCTION_INFO_V1(ig_row_relative_only);
PG_FUNCTION_INFO_V1(ig_sql_add_relative_only);

#define RULE	"relative-only"

const IgRuleDefinition ig_relative_only_definition = {
	.kind = IG_ROW_RELATIVE_ONLY,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE),
	.options = NULL,
	.min_columns = 1,
	.max_columns = -1,
};

/* The column of the target that is looked for in an expression. */
typedef struct Wanted
{
	Index		target;
	AttrNumber	attnum;
	int			level;			/* of subqueries */
} Wanted;

static void visit(IgPlanVisit *visit);
static List *targetlists(const Query *query);
static List *absolute_columns(const IgPlanVisit *visit, const List *attnums);
static bool is_relative(Node *node, const Wanted *wanted, const List *targetlist);
static bool operator_is_relative(const OpExpr *expr, const Wanted *wanted,
								 const List *targetlist);
static bool case_is_relative(const CaseExpr *expr, const Wanted *wanted,
							 const List *targetlist);
static bool any_is_relative(const List *nodes, const Wanted *wanted, const List *targetlist);
static bool is_zero(Node *node);
static Node *assigned_by_sublink(const Param *param, const List *targetlist);
static bool mentions(Node *node, Wanted *wanted);
static void refuse(Oid relid, AttrNumber attnum);

void
ig_relative_only_init(void)
{
	ig_plan_visitor(IG_ROW_RELATIVE_ONLY, visit);
}

/*
 * invariant_guard.relative_only(), a trigger function.
 */
Datum
ig_row_relative_only(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_relative_only_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;
	uint32		mark;

	/* data says that the plan was asked for */
	if (trigger->passes || trigger->data != NULL)
		return PointerGetDatum(td->tg_newtuple);
	trigger->data = trigger;

	mark = ig_rule_mark(td->tg_trigger, td->tg_relation);
	if (ig_running_has_mark(mark, trigger->relid) || ig_running_is_key_query() ||
		ig_let_pass_now(mark, trigger->relid))
		return PointerGetDatum(td->tg_newtuple);
	if (ig_running_has_bad_mark(mark, trigger->relid))
		ig_row_refuse(trigger, trigger->relid, RULE, NULL,
					  psprintf("cannot set a column of table \"%s\" to a value that does not come from it",
							   ig_row_relation_text(trigger->relid)),
					  "What somebody else has added to it since it was read would be lost. The statement was planned when this was let pass.",
					  NULL);
	else
		ig_row_refuse(trigger, trigger->relid, RULE, NULL,
					  psprintf("cannot tell whether the statement sets columns of table \"%s\" to values that come from them",
							   ig_row_relation_text(trigger->relid)),
					  ig_running_statement() == NULL ?
					  "The statement's plan could not be looked at: it was made before the library was loaded." :
					  "The statement was not planned as one of this table, which has the rule.",
					  ig_running_statement() == NULL ?
					  "Send the statement again. With invariant_guard in session_preload_libraries or shared_preload_libraries, the first statement of a session passes too." :
					  "Declare the rule for the table that the statement names.");
	return PointerGetDatum(td->tg_newtuple);
}

static void
visit(IgPlanVisit *visit)
{
	List	   *attnums = ig_row_rule_columns(visit->trigger, visit->target);
	uint32		mark;
	List	   *absolute;
	ListCell   *lc;

	if (attnums == NIL || !TRIGGER_FOR_UPDATE(visit->trigger->tgtype))
		return;
	mark = ig_table_mark(ig_rule_mark(visit->trigger, visit->target),
						 RelationGetRelid(visit->target));
	absolute = ig_plan_visit_is_delete(visit) ? NIL : absolute_columns(visit, attnums);
	visit->mark = absolute == NIL ? mark : IG_BAD_MARK(mark);

	/* each has to be allowed by itself */
	foreach(lc, absolute)
		refuse(RelationGetRelid(visit->target), lfirst_int(lc));
	if (absolute != NIL)
		ig_let_pass_note(mark);
}

/* What the query sets in rows that are there: a List of Lists. */
static List *
targetlists(const Query *query)
{
	List	   *result = NIL;
	ListCell   *lc;

	if (query->commandType == CMD_UPDATE)
		result = lappend(result, query->targetList);
	else if (query->commandType == CMD_MERGE)
	{
		foreach(lc, query->mergeActionList)
		{
			const MergeAction *action = lfirst_node(MergeAction, lc);

			if (action->commandType == CMD_UPDATE)
				result = lappend(result, action->targetList);
		}
	}
	else if (query->commandType == CMD_INSERT && query->onConflict != NULL &&
			 query->onConflict->action == ONCONFLICT_UPDATE)
		result = lappend(result, query->onConflict->onConflictSet);
	return result;
}

/* Those of the columns that are set to a value of its own. */
static List *
absolute_columns(const IgPlanVisit *visit, const List *attnums)
{
	List	   *result = NIL;
	ListCell   *ll;

	foreach(ll, targetlists(visit->query))
	{
		const List *targetlist = (const List *) lfirst(ll);
		ListCell   *lc;

		foreach(lc, targetlist)
		{
			const TargetEntry *entry = lfirst_node(TargetEntry, lc);
			Wanted		wanted = {visit->query->resultRelation, entry->resno, 0};

			/* what can be computed beforehand hides nothing then */
			if (!entry->resjunk && list_member_int(attnums, entry->resno) &&
				!is_relative(eval_const_expressions(NULL, (Node *) copyObject(entry->expr)),
							 &wanted, targetlist))
				result = list_append_unique_int(result, entry->resno);
		}
	}
	return result;
}

/*
 * Does the value come from the column?  A condition in which it stands is not
 * enough.
 */
static bool
is_relative(Node *node, const Wanted *wanted, const List *targetlist)
{
	if (node == NULL)
		return false;
	check_stack_depth();
	switch (nodeTag(node))
	{
		case T_Var:
			return ((Var *) node)->varno == wanted->target &&
				((Var *) node)->varattno == wanted->attnum &&
				((Var *) node)->varlevelsup == 0;
		case T_OpExpr:
			return operator_is_relative((const OpExpr *) node, wanted, targetlist);
		case T_CaseExpr:
			return case_is_relative((const CaseExpr *) node, wanted, targetlist);
		case T_Param:
			if (((Param *) node)->paramkind == PARAM_MULTIEXPR)
			{
				Wanted		walk = *wanted;

				walk.level = 1;
				return mentions(assigned_by_sublink((Param *) node, targetlist), &walk);
			}
			return false;
		case T_SubLink:
			{
				Wanted		walk = *wanted;

				return mentions(node, &walk);
			}
		case T_FuncExpr:
			return any_is_relative(((FuncExpr *) node)->args, wanted, targetlist);
		case T_CoalesceExpr:
			return any_is_relative(((CoalesceExpr *) node)->args, wanted, targetlist);
		case T_MinMaxExpr:
			return any_is_relative(((MinMaxExpr *) node)->args, wanted, targetlist);
		case T_NullIfExpr:
			return is_relative(linitial(((NullIfExpr *) node)->args), wanted, targetlist);
		case T_RelabelType:
			return is_relative((Node *) ((RelabelType *) node)->arg, wanted, targetlist);
		case T_CoerceViaIO:
			return is_relative((Node *) ((CoerceViaIO *) node)->arg, wanted, targetlist);
		case T_CoerceToDomain:
			return is_relative((Node *) ((CoerceToDomain *) node)->arg, wanted, targetlist);
		case T_CollateExpr:
			return is_relative((Node *) ((CollateExpr *) node)->arg, wanted, targetlist);
		default:
			{
				/* array[...], row, subscript and field of the column itself */
				Wanted		walk = *wanted;

				return mentions(node, &walk);
			}
	}
}

/*
 * balance - balance and balance * 0 are what is left out as obvious; there are
 * any number of other ways.
 */
static bool
operator_is_relative(const OpExpr *expr, const Wanted *wanted, const List *targetlist)
{
	if (list_length(expr->args) == 2)
	{
		Node	   *left = linitial(expr->args);
		Node	   *right = lsecond(expr->args);
		const char *name = get_opname(expr->opno);

		if (name != NULL && (strcmp(name, "-") == 0 || strcmp(name, "/") == 0) &&
			equal(left, right))
			return false;
		if (name != NULL && strcmp(name, "*") == 0 && (is_zero(left) || is_zero(right)))
			return false;
	}
	return any_is_relative(expr->args, wanted, targetlist);
}

/* Each of the results has to be. */
static bool
case_is_relative(const CaseExpr *expr, const Wanted *wanted, const List *targetlist)
{
	ListCell   *lc;

	foreach(lc, expr->args)
	{
		if (!is_relative((Node *) lfirst_node(CaseWhen, lc)->result, wanted, targetlist))
			return false;
	}
	return is_relative((Node *) expr->defresult, wanted, targetlist);
}

static bool
any_is_relative(const List *nodes, const Wanted *wanted, const List *targetlist)
{
	ListCell   *lc;

	foreach(lc, nodes)
	{
		if (is_relative((Node *) lfirst(lc), wanted, targetlist))
			return true;
	}
	return false;
}

static bool
is_zero(Node *node)
{
	const Const *value = (const Const *) node;
	Oid			output;
	bool		is_varlena;

	if (!IsA(node, Const) || value->constisnull ||
		TypeCategory(value->consttype) != TYPCATEGORY_NUMERIC)
		return false;
	getTypeOutputInfo(value->consttype, &output, &is_varlena);
	return strspn(OidOutputFunctionCall(output, value->constvalue), "-0.") ==
		strlen(OidOutputFunctionCall(output, value->constvalue));
}

/*
 * SET (a, b) = (SELECT x, y ...): the expression for one of them.
 */
static Node *
assigned_by_sublink(const Param *param, const List *targetlist)
{
	int			sublink_id = param->paramid >> 16;
	int			column = param->paramid & 0xFFFF;
	ListCell   *lc;

	foreach(lc, targetlist)
	{
		const TargetEntry *entry = lfirst_node(TargetEntry, lc);
		const SubLink *sublink = (const SubLink *) entry->expr;

		if (entry->expr == NULL || !IsA(sublink, SubLink) ||
			sublink->subLinkType != MULTIEXPR_SUBLINK || sublink->subLinkId != sublink_id)
			continue;
		return (Node *) list_nth_node(TargetEntry,
									  castNode(Query, sublink->subselect)->targetList,
									  column - 1)->expr;
	}
	return NULL;
}

/* Anywhere in the expression or in the queries in it. */
static bool
mentions(Node *node, Wanted *wanted)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
		return ((Var *) node)->varno == wanted->target &&
			((Var *) node)->varattno == wanted->attnum &&
			(int) ((Var *) node)->varlevelsup == wanted->level;
	if (IsA(node, Query))
	{
		bool		result;

		wanted->level++;
		result = query_tree_walker((Query *) node, mentions, wanted, 0);
		wanted->level--;
		return result;
	}
	return expression_tree_walker(node, mentions, wanted);
}

static void
refuse(Oid relid, AttrNumber attnum)
{
	const char *column = get_attname(relid, attnum, false);
	const char *quoted = quote_identifier(column);

	ig_row_refuse(NULL, relid, RULE, column,
				  psprintf("cannot set column \"%s\" of table \"%s\" to a value that does not come from it",
						   ig_text_name(column), ig_row_relation_text(relid)),
				  "What somebody else has added to it since it was read would be lost.",
				  psprintf("UPDATE %s SET %s = %s + <the difference> WHERE ...",
						   quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													  get_rel_name(relid)),
						   quoted, quoted));
}

/*
 * invariant_guard.add_relative_only(rel regclass, columns name[]) returns
 * boolean: was it added?
 */
Datum
ig_sql_add_relative_only(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_RELATIVE_ONLY);
	List	   *columns = ig_declare_names(fcinfo, 1, "relative");
	Bitmapset  *attnums = NULL; /* the same columns in any order are the same rule */
	int			attnum = -1;
	ListCell   *lc;

	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("columns must not be %s", PG_ARGISNULL(1) ? "null" : "empty")));
	foreach(lc, columns)
	{
		Form_pg_attribute attr = ig_declare_column(d, (const char *) lfirst(lc), "relative");

		if (attr->attgenerated != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
					 errmsg("column \"%s\" of table \"%s\" is generated",
							ig_text_name((const char *) lfirst(lc)), d->text),
					 errdetail("A statement cannot set it.")));
		attnums = bms_add_member(attnums, attr->attnum);
	}
	columns = NIL;
	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
		columns = lappend(columns, get_attname(d->relid, attnum, false));

	ig_declare_trigger(d, "update", "BEFORE UPDATE", true,
					   ig_declare_anchor("changed", NULL, columns), NIL);
	PG_RETURN_BOOL(ig_declare_end(d));
}
