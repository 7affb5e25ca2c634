/*-------------------------------------------------------------------------
 *
 * soft_delete_admin.c
 *	  soft_restore() and purge(): what becomes of deleted rows.
 *
 * Both run plain statements as whoever calls them, and tell the triggers which
 * rows of which tables these may touch.
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
PG_FUNCTION_INFO_V1(ig_sql_purge);

static void need_rule(Oid relid, IgSoftDelete *rule);
static void add_tree(Oid relid, List **visited, List **ordered);
static int64 restore(Oid relid, IgSoftDeleteWork *work);
static int64 run(const char *sql, int nargs, Oid *types, Datum *values,
				 IgSoftDeleteWork *work);
static int64 run_once(const char *sql, int nargs, Oid *types, Datum *values);
static Datum cutoff_of(Oid relid, const IgSoftDelete *rule, const Interval *older_than);
static Interval *keep_of(const IgSoftDelete *rule);
static char *purge_query(Oid relid, const IgSoftDelete *rule);
static char *purge_condition(Relation rel, const IgSoftDelete *rule);

/* ---- soft_restore --------------------------------------------------------- */

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
	need_rule(relid, &rule);
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

static void
need_rule(Oid relid, IgSoftDelete *rule)
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

	need_rule(relid, &rule);
	deleted = quote_identifier(get_attname(relid, rule.deleted, false));
	operation = quote_identifier(get_attname(relid, rule.operation, false));
	return run(psprintf("UPDATE %s SET %s = NULL, %s = NULL WHERE %s OPERATOR(pg_catalog.=) $1 AND %s IS NOT NULL",
						ig_soft_delete_quoted(relid), deleted, operation, operation, deleted),
			   1, &type, &value, work);
}

/* ---- both ----------------------------------------------------------------- */

/*
 * Row security that would hide rows is an error: nothing is done by halves.
 */
static int64
run(const char *sql, int nargs, Oid *types, Datum *values, IgSoftDeleteWork *work)
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

/* ---- purge ---------------------------------------------------------------- */

/*
 * invariant_guard.purge(rel regclass, batch integer, older_than interval)
 * returns bigint: removes for good what was deleted longer ago than
 * keep_at_least, up to batch rows, and none that others still refer to.  How
 * many.
 */
Datum
ig_sql_purge(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	Interval   *older_than = PG_ARGISNULL(2) ? NULL : PG_GETARG_INTERVAL_P(2);
	IgSoftDeleteWork work = {0};
	IgSoftDelete rule;
	Oid			types[2];
	Datum		values[2];
	char	   *sql;
	int64		count = 0;
	int64		removed;

	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be a positive number of rows")));
	PreventCommandIfReadOnly("invariant_guard.purge()");
	ig_lock_owned_table(relid, RowExclusiveLock);
	need_rule(relid, &rule);

	work.purges = true;
	work.relids = find_all_inheritors(relid, RowExclusiveLock, NULL);
	work.cutoff = cutoff_of(relid, &rule, older_than);
	sql = purge_query(relid, &rule);
	types[0] = get_atttype(relid, rule.deleted);
	types[1] = INT8OID;
	values[0] = work.cutoff;

	/* removing what refers to a row of the same table lets that one go too */
	do
	{
		CHECK_FOR_INTERRUPTS();
		work.purged = relid;
		values[1] = Int64GetDatum(PG_GETARG_INT32(1) - count);
		removed = run(sql, 2, types, values, &work);
		count += removed;
	} while (removed > 0 && count < PG_GETARG_INT32(1));
	PG_RETURN_INT64(count);
}

/*
 * The latest time of deletion that is old enough, by the column's type.
 */
static Datum
cutoff_of(Oid relid, const IgSoftDelete *rule, const Interval *older_than)
{
	Interval   *keep = keep_of(rule);
	Datum		cutoff = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());

	if (older_than != NULL && keep != NULL &&
		DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(older_than),
										 IntervalPGetDatum(keep))))
		ig_row_refuse(NULL, relid, "soft-delete-purge", NULL,
					  psprintf("rows of \"%s\" are kept for at least %s after they were deleted",
							   ig_row_relation_text(relid), rule->keep),
					  "older_than is less than that.",
					  ig_row_allowance("soft-delete-purge", relid, NULL,
									   psprintf("SELECT invariant_guard.purge(%s, older_than => '...');",
												quote_literal_cstr(ig_soft_delete_quoted(relid)))));
	if (older_than != NULL)
		keep = (Interval *) older_than;
	if (keep != NULL)
		cutoff = DirectFunctionCall2(timestamptz_mi_interval, cutoff, IntervalPGetDatum(keep));
	if (get_atttype(relid, rule->deleted) == TIMESTAMPOID)
		cutoff = DirectFunctionCall1(timestamptz_timestamp, cutoff);
	return cutoff;
}

static Interval *
keep_of(const IgSoftDelete *rule)
{
	if (rule->keep == NULL)
		return NULL;
	return DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(rule->keep),
												 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

/*
 * A row's place tells which are in the batch; the condition stands twice, since
 * rows of other partitions are in the same place.
 */
static char *
purge_query(Oid relid, const IgSoftDelete *rule)
{
	Relation	rel = table_open(relid, NoLock);
	char	   *table = ig_soft_delete_quoted(relid);
	char	   *condition = purge_condition(rel, rule);

	table_close(rel, NoLock);
	return psprintf("DELETE FROM %s t WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.ctid FROM %s t WHERE %s LIMIT $2)) AND %s",
					table, table, condition, condition);
}

/*
 * Old enough, and no row refers to it; but one that a cascade is meant for, of
 * a table whose rows may be removed.
 */
static char *
purge_condition(Relation rel, const IgSoftDelete *rule)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "t.%s OPERATOR(pg_catalog.<=) $1",
					 quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(rel), rule->deleted - 1)->attname)));
	foreach(lc, ig_foreign_keys_to(rel))
	{
		const IgForeignKey *key = (const IgForeignKey *) lfirst(lc);
		IgSoftDelete child;

		if ((key->on_delete == FKCONSTR_ACTION_CASCADE ||
			 key->on_delete == FKCONSTR_ACTION_SETNULL ||
			 key->on_delete == FKCONSTR_ACTION_SETDEFAULT) &&
			!ig_soft_delete_of_table(key->child, &child))
			continue;
		appendStringInfo(&buf, " AND NOT EXISTS (SELECT FROM %s c WHERE ",
						 ig_foreign_key_table(key->child));
		ig_foreign_key_condition(&buf, key, "t", "c");
		if (key->child == key->parent)
			appendStringInfoString(&buf, " AND (c.tableoid OPERATOR(pg_catalog.<>) t.tableoid OR c.ctid OPERATOR(pg_catalog.<>) t.ctid)");
		appendStringInfoChar(&buf, ')');
	}
	return buf.data;
}
