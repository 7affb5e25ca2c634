/*-------------------------------------------------------------------------
 *
 * predict.c
 *	  The gate's prediction.
 *
 * A library for tests only: exact_predict() says what the gate computes for a
 * statement without running it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "gate/impact.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(exact_predict);

/* Of what is linked in, the only question to the rest of the platform. */
bool
ig_relation_is_foretold(Oid relid)
{
	return false;
}

static Datum
text_array(List *strings)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(strings) + 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, strings)
		values[n++] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static IgRelation *
load(const RangeVar *rv)
{
	IgRelation *rel = palloc0(sizeof(IgRelation));

	rel->relid = RangeVarGetRelid(rv, NoLock, true);
	rel->name = rv->relname;
	rel->schema = "";
	return rel;
}

static void
predict_alter(AlterTableStmt *stmt, const char *query, IgTypeChange *change, IgImpact *impact)
{
	IgRelation *rel = load(stmt->relation);
	List	   *dropped = NIL;
	bool		after_drop = false;
	ListCell   *lc;

	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DropConstraint)
			dropped = lappend(dropped, cmd->name);
		if (cmd->subtype == AT_DropColumn || cmd->subtype == AT_DropExpression ||
			(cmd->subtype == AT_ColumnDefault && cmd->def == NULL))
			after_drop = true;
	}
	foreach(lc, stmt->cmds)
	{
		AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AlterColumnType)
			ig_impact_alter_type(rel, get_attnum(rel->relid, cmd->name),
								 (ColumnDef *) cmd->def, query, after_drop, change, impact);
		else if (cmd->subtype == AT_SetNotNull)
			ig_impact_set_not_null(rel, get_attnum(rel->relid, cmd->name), dropped, impact);
		else if (cmd->subtype == AT_AttachPartition)
			ig_impact_attach(rel, load(((PartitionCmd *) cmd->def)->name),
							 ((PartitionCmd *) cmd->def)->bound, query, impact);
	}
}

static List *
add_all(List *result, const char *label, List *names)
{
	ListCell   *lc;

	foreach(lc, names)
		result = lappend(result, psprintf("%s:%s", label, (char *) lfirst(lc)));
	return result;
}

/* exact_predict(statement): one word for each thing that is predicted */
Datum
exact_predict(PG_FUNCTION_ARGS)
{
	char	   *query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Node	   *stmt = linitial_node(RawStmt, raw_parser(query, RAW_PARSE_DEFAULT))->stmt;
	IgImpact	impact = {0};
	IgTypeChange change = {0};
	List	   *result = NIL;

	if (IsA(stmt, AlterTableStmt))
		predict_alter((AlterTableStmt *) stmt, query, &change, &impact);
	else if (IsA(stmt, CreateStmt) && ((CreateStmt *) stmt)->partbound != NULL)
		ig_impact_attach(load(linitial(((CreateStmt *) stmt)->inhRelations)),
						 palloc0(sizeof(IgRelation)),
						 ((CreateStmt *) stmt)->partbound, query, &impact);

	if (impact.rewrite)
		result = lappend(result, "rewrite");
	if (impact.reindex)
		result = lappend(result, "reindex");
	if (impact.recheck)
		result = lappend(result, "recheck");
	if (impact.scan)
		result = lappend(result, "scan");
	result = add_all(result, "table", impact.tables);
	result = add_all(result, "index", impact.indexes);
	result = add_all(result, "constraint", impact.constraints);
	if (impact.reason)
		result = lappend(result, psprintf("because:%s", impact.reason));
	if (change.old_sql)
		result = lappend(result, psprintf("type:%s to %s", change.old_sql, change.new_sql));
	if (change.narrowing)
		result = lappend(result, "narrowing");
	PG_RETURN_DATUM(text_array(result));
}
