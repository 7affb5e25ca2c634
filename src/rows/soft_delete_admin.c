/*-------------------------------------------------------------------------
 *
 * soft_delete_admin.c
 *	  soft_restore(): deleted rows come back.
 *
 * It runs plain statements as whoever calls it, and tells the triggers which
 * rows of which tables these may touch; purge() does it likewise.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "rows/own_query.h"
#include "rows/soft_delete.h"

PG_FUNCTION_INFO_V1(ig_sql_soft_restore);

static void add_tree(Oid relid, List **visited, List **ordered);
static int64 restore(Oid relid, IgSoftDeleteWork *work);
static int64 run_once(const char *sql, int nargs, Oid *types, Datum *values);

/*
 * invariant_guard.soft_restore(rel regclass, operation uuid) returns bigint:
 * brings back what one DELETE of the table has marked, in this table and in
 * those that refer to it.  How many rows.
 */
Datum
ig_sql_soft_restore(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	IgSoftDeleteWork work = {0};
	IgSoftDelete rule;
	List	   *visited = NIL;
	List	   *ordered = NIL;
	int64		count = 0;
	ListCell   *lc;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the operation must not be null")));
	PreventCommandIfReadOnly("invariant_guard.soft_restore()");
	ig_soft_delete_need(relid, &rule);
	if (rule.operation == 0)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" has no column for the operation", ig_row_relation_text(relid)),
				 errdetail("Without one a row is brought back by an UPDATE that sets its time of deletion to NULL.")));

	add_tree(relid, &visited, &ordered);
	work.operation = PG_GETARG_UUID_P(1);
	foreach(lc, ordered)
		work.relids = list_concat_unique_oid(work.relids,
											 find_all_inheritors(lfirst_oid(lc), AccessShareLock, NULL));
	foreach(lc, ordered)
		count += restore(lfirst_oid(lc), &work);
	PG_RETURN_INT64(count);
}

void
ig_soft_delete_need(Oid relid, IgSoftDelete *rule)
{
	if (ig_soft_delete_of_table(relid, rule))
		return;
	if (get_rel_relkind(relid) == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));
	ereport(ERROR,
			(errcode(ERRCODE_IG_NO_SUCH_RULE),
			 errmsg("table \"%s\" is not soft-deleted", ig_row_relation_text(relid))));
}

/*
 * The table and those below it that have operations, each before what refers
 * to it, since no live row may refer to a deleted one.
 */
static void
add_tree(Oid relid, List **visited, List **ordered)
{
	Relation	rel;
	IgSoftDelete rule;
	List	   *keys;
	ListCell   *lc;

	check_stack_depth();
	if (list_member_oid(*visited, relid))
		return;
	*visited = lappend_oid(*visited, relid);

	rel = table_open(relid, AccessShareLock);
	if (!ig_soft_delete_of(rel, &rule) || rule.operation == 0)
	{
		table_close(rel, NoLock);
		return;
	}
	keys = ig_foreign_keys_to(rel);
	table_close(rel, NoLock);
	foreach(lc, keys)
		add_tree(((const IgForeignKey *) lfirst(lc))->child, visited, ordered);
	*ordered = lcons_oid(relid, *ordered);
}

static int64
restore(Oid relid, IgSoftDeleteWork *work)
{
	IgSoftDelete rule;
	Oid			type = UUIDOID;
	Datum		value = UUIDPGetDatum(work->operation);
	const char *deleted;
	const char *operation;

	ig_soft_delete_need(relid, &rule);
	deleted = quote_identifier(get_attname(relid, rule.deleted, false));
	operation = quote_identifier(get_attname(relid, rule.operation, false));
	return ig_soft_delete_run(psprintf("UPDATE %s SET %s = NULL, %s = NULL WHERE %s OPERATOR(pg_catalog.=) $1 AND %s IS NOT NULL",
									   ig_soft_delete_quoted(relid), deleted, operation, operation, deleted),
							  1, &type, &value, work);
}

int64
ig_soft_delete_run(const char *sql, int nargs, Oid *types, Datum *values,
				   IgSoftDeleteWork *work)
{
	IgSoftDeleteWork *outer = ig_soft_delete_work;
	int			nest = NewGUCNestLevel();
	int64		count = 0;

	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	ig_soft_delete_work = work;
	PG_TRY();
	{
		count = run_once(sql, nargs, types, values);
	}
	PG_FINALLY();
	{
		ig_soft_delete_work = outer;
	}
	PG_END_TRY();
	AtEOXact_GUC(true, nest);
	return count;
}

static int64
run_once(const char *sql, int nargs, Oid *types, Datum *values)
{
	int64		count;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(sql, nargs, types, values, NULL, false, 0) < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", sql);
	count = (int64) SPI_processed;
	SPI_finish();
	return count;
}
