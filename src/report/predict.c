/*-------------------------------------------------------------------------
 *
 * predict.c
 *	  predict_ddl(): what a statement would do, without running it.
 *
 * It asks the gate the same as the gate asks itself, so it says what the rules
 * go by.  Like the gate it evaluates expressions of the statement only for the
 * owner of the table, for whom the server would do it a moment later, and
 * keeps no lock.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "funcapi.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "catalog/pg_type.h"

#include "gate/effect.h"
#include "gate/statement.h"
#include "platform/compat.h"
#include "platform/text.h"

#define PREDICT_COLUMNS	7

static Node *single_statement(const char *query);
static bool is_ddl(Node *parsetree);
static void put_effect(const IgEffect *effect, ReturnSetInfo *rsinfo);
static Datum text_array(List *names);

PG_FUNCTION_INFO_V1(ig_sql_predict_ddl);

/*
 * invariant_guard.predict_ddl(statement text)
 */
Datum
ig_sql_predict_ddl(PG_FUNCTION_ARGS)
{
	IgStatement stmt = {0};
	char	   *query;
	ListCell   *lc;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the statement to predict must not be null")));

	query = text_to_cstring(PG_GETARG_TEXT_PP(0));
	InitMaterializedSRF(fcinfo, 0);
	stmt.parsetree = single_statement(query);
	stmt.query = query;
	stmt.location = -1;
	ig_statement_changes(&stmt);

	foreach(lc, ig_effects(&stmt))
		put_effect((const IgEffect *) lfirst(lc), (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

static Node *
single_statement(const char *query)
{
	List	   *parsed = raw_parser(query, RAW_PARSE_DEFAULT);
	Node	   *parsetree;

	if (list_length(parsed) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("predict_ddl() takes exactly one statement, not %d",
						list_length(parsed)),
				 errdetail("What a statement does depends on those before it, so statements are predicted one by one.")));

	parsetree = linitial_node(RawStmt, parsed)->stmt;
	if (!is_ddl(parsetree))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is no statement that predict_ddl() can predict",
						CreateCommandName(parsetree)),
				 errdetail("It predicts statements that define or maintain objects.")));
	return parsetree;
}

/*
 * The server counts some of what it maintains with as no DDL.
 */
static bool
is_ddl(Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_TruncateStmt:
		case T_VacuumStmt:
		case T_ReindexStmt:
		case T_LockStmt:
			return true;
		case T_SelectStmt:
		case T_ExplainStmt:
		case T_PrepareStmt:
		case T_ExecuteStmt:
			return false;
		default:
			return GetCommandLogLevel(parsetree) == LOGSTMT_DDL;
	}
}

static void
put_effect(const IgEffect *effect, ReturnSetInfo *rsinfo)
{
	Datum		values[PREDICT_COLUMNS];
	bool		nulls[PREDICT_COLUMNS] = {0};

	values[0] = ObjectIdGetDatum(effect->rel->relid);
	nulls[1] = effect->lock == NoLock;
	values[1] = nulls[1] ? (Datum) 0 : CStringGetTextDatum(ig_text_lock(effect->lock));
	values[2] = BoolGetDatum(effect->rewrites);
	values[3] = text_array(effect->rebuilds);
	values[4] = BoolGetDatum(effect->scans);
	values[5] = text_array(effect->rechecks);
	nulls[6] = effect->reason == NULL;
	values[6] = nulls[6] ? (Datum) 0 : CStringGetTextDatum(effect->reason);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
text_array(List *names)
{
	Datum	   *values = palloc(sizeof(Datum) * (list_length(names) + 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, names)
		values[n++] = CStringGetTextDatum((const char *) lfirst(lc));
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}
