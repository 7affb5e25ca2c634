/*-------------------------------------------------------------------------
 *
 * soft_delete_purge.c
 *	  purge(): what was deleted long enough ago is removed.
 *
 * A plain DELETE, and the triggers are told that it is one.  What it leaves out:
 * rows that others still refer to, and those that are frozen, since one of them
 * would stop it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "rows/soft_delete.h"
#include "rows/trigger.h"

PG_FUNCTION_INFO_V1(ig_sql_purge);

static Datum cutoff_of(Oid relid, const IgSoftDelete *rule, Interval *older_than);
static char *purge_query(Oid relid, const char *condition);
static char *purge_condition(Oid relid, const IgSoftDelete *rule);
static char *frozen_condition(Oid relid, List *relids);
static void append_frozen(StringInfo buf, Oid root, Relation rel);
static bool is_frozen_trigger(const Trigger *trigger);
static char *condition_text(Oid root, Relation rel, const char *qual);
static Node *without_anchors(Node *node, void *context);
static void tell_of_frozen(Oid relid, const char *condition, Oid *types, Datum *values,
						   IgSoftDeleteWork *work);

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
	char	   *condition;
	char	   *frozen;
	char	   *sql;
	int64		count = 0;
	int64		removed;

	if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be a positive number of rows")));
	PreventCommandIfReadOnly("invariant_guard.purge()");
	ig_lock_owned_table(relid, RowExclusiveLock);
	ig_soft_delete_need(relid, &rule);

	work.purges = true;
	work.relids = find_all_inheritors(relid, RowExclusiveLock, NULL);
	work.cutoff = cutoff_of(relid, &rule, older_than);
	condition = purge_condition(relid, &rule);
	frozen = frozen_condition(relid, work.relids);
	sql = purge_query(relid, frozen == NULL ? condition :
					  psprintf("%s AND (%s) IS NOT TRUE", condition, frozen));
	types[0] = get_atttype(relid, rule.deleted);
	types[1] = INT8OID;
	values[0] = work.cutoff;

	/* removing what refers to a row of the same table lets that one go too */
	do
	{
		CHECK_FOR_INTERRUPTS();
		work.purged = relid;
		values[1] = Int64GetDatum(PG_GETARG_INT32(1) - count);
		removed = ig_soft_delete_run(sql, 2, types, values, &work);
		count += removed;
	} while (removed > 0 && count < PG_GETARG_INT32(1));
	if (frozen != NULL && count < PG_GETARG_INT32(1))
		tell_of_frozen(relid, psprintf("%s AND (%s)", condition, frozen), types, values, &work);
	PG_RETURN_INT64(count);
}

/*
 * The latest time of deletion that is old enough, by the column's type.  A time
 * may be off by the drift, and rows are kept at least so long.
 */
static Datum
cutoff_of(Oid relid, const IgSoftDelete *rule, Interval *older_than)
{
	Interval   *keep = rule->keep ? ig_soft_delete_interval(rule->keep) : NULL;
	Oid			typid = get_atttype(relid, rule->deleted);
	Interval	none = {0};
	Datum		least;
	Datum		cutoff;

	if (older_than != NULL && keep != NULL &&
		DatumGetBool(DirectFunctionCall2(interval_lt, IntervalPGetDatum(older_than),
										 IntervalPGetDatum(keep))))
	{
		ig_row_refuse(NULL, relid, "soft-delete-purge", NULL,
					  psprintf("rows of \"%s\" are kept for at least %s after they were deleted",
							   ig_row_relation_text(relid), rule->keep),
					  "older_than is less than that.",
					  ig_row_allowance("soft-delete-purge", relid, NULL,
									   psprintf("SELECT invariant_guard.purge(%s, older_than => '...');",
												quote_literal_cstr(ig_soft_delete_quoted(relid)))));
		return ig_soft_delete_ago(typid, older_than);
	}

	cutoff = ig_soft_delete_ago(typid, older_than ? older_than : keep ? keep : &none);
	if (keep == NULL)
		return cutoff;
	keep = DatumGetIntervalP(DirectFunctionCall2(interval_pl, IntervalPGetDatum(keep),
												 IntervalPGetDatum(ig_soft_delete_interval(IG_SOFT_DELETE_DRIFT))));
	least = ig_soft_delete_ago(typid, keep);
	return DatumGetTimestamp(cutoff) < DatumGetTimestamp(least) ? cutoff : least;
}

/*
 * A row's place tells which are in the batch; the condition stands twice, since
 * rows of other partitions are in the same place.
 */
static char *
purge_query(Oid relid, const char *condition)
{
	char	   *table = ig_soft_delete_quoted(relid);

	return psprintf("DELETE FROM %s t WHERE t.ctid OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT t.ctid FROM %s t WHERE %s LIMIT $2)) AND %s",
					table, table, condition, condition);
}

/*
 * Old enough, and no row refers to it; but one that a cascade is meant for, of
 * a table whose rows may be removed.
 */
static char *
purge_condition(Oid relid, const IgSoftDelete *rule)
{
	Relation	rel = table_open(relid, NoLock);
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
	table_close(rel, NoLock);
	return buf.data;
}

/*
 * True of a row that rule frozen-rows keeps, of the table or of one below it;
 * NULL if there is none.
 */
static char *
frozen_condition(Oid relid, List *relids)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, relids)
	{
		Relation	rel = table_open(lfirst_oid(lc), NoLock);

		append_frozen(&buf, relid, rel);
		table_close(rel, NoLock);
	}
	return buf.len > 0 ? buf.data : NULL;
}

/*
 * A clone says what the partitioned table's trigger says, for which all rows
 * below are looked at.
 */
static void
append_frozen(StringInfo buf, Oid root, Relation rel)
{
	Oid			relid = RelationGetRelid(rel);

	if (rel->trigdesc == NULL ||
		ig_row_is_allowed(ig_row_rule(IG_ROW_FROZEN_ROWS)->name, relid))
		return;
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];
		char	   *condition;

		if ((trigger->tgisclone && relid != root) || !is_frozen_trigger(trigger))
			continue;
		trigger = ig_trigger_copy(trigger);
		condition = condition_text(root, rel, trigger->tgqual);
		if (condition == NULL)
			continue;
		appendStringInfo(buf, "%s(", buf->len > 0 ? " OR " : "");
		if (relid != root)
			appendStringInfo(buf, "t.tableoid OPERATOR(pg_catalog.=) %u AND ", relid);
		appendStringInfo(buf, "(%s) IS TRUE)", condition);
	}
}

static bool
is_frozen_trigger(const Trigger *trigger)
{
	const IgRowRule *rule;

	if (!TRIGGER_FOR_ROW(trigger->tgtype) || !TRIGGER_FOR_DELETE(trigger->tgtype) ||
		!ig_trigger_fires_here(trigger))
		return false;
	rule = ig_row_rule_of_function(trigger->tgfoid);
	return rule != NULL && rule->kind == IG_ROW_FROZEN_ROWS;
}

/*
 * Of OLD, as a condition on t.  NULL if it is about columns that the table which
 * is purged does not have, as an inheritance child's own, or about its row as a
 * whole, which is of another type.
 */
static char *
condition_text(Oid root, Relation rel, const char *qual)
{
	Oid			relid = RelationGetRelid(rel);
	Node	   *expr = qual ? without_anchors((Node *) stringToNode(qual), NULL) :
		makeBoolConst(true, false);
	Bitmapset  *attnums = NULL;
	int			attnum = -1;

	pull_varattnos(expr, PRS2_OLD_VARNO, &attnums);
	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
	{
		AttrNumber	number = attnum + FirstLowInvalidHeapAttributeNumber;
		char	   *name = get_attname(relid, number, true);

		/* the row as a whole has no name */
		if (number == InvalidAttrNumber && relid == root)
			continue;
		if (name == NULL || get_attnum(root, name) == InvalidAttrNumber)
			return NULL;
	}
	return deparse_expression(expr, deparse_context_for("t", relid), true, false);
}

/* What they answer they answer in triggers only. */
static Node *
without_anchors(Node *node, void *context)
{
	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && ig_row_rule_is_anchor(((FuncExpr *) node)->funcid))
		return makeBoolConst(true, false);
	return expression_tree_mutator(node, without_anchors, context);
}

static void
tell_of_frozen(Oid relid, const char *condition, Oid *types, Datum *values,
			   IgSoftDeleteWork *work)
{
	int64		count;

	count = ig_soft_delete_run(psprintf("SELECT FROM %s t WHERE %s LIMIT $2",
										ig_soft_delete_quoted(relid), condition),
							   2, types, values, work);
	if (count == 0)
		return;
	ereport(NOTICE,
			(errmsg_plural("%lld row of \"%s\" was deleted long enough ago, but is frozen and stays",
						   "%lld rows of \"%s\" were deleted long enough ago, but are frozen and stay",
						   (unsigned long) count, (long long) count,
						   ig_row_relation_text(relid)),
			 errdetail("What is frozen is kept by rule \"%s\".",
					   ig_row_rule(IG_ROW_FROZEN_ROWS)->name)));
}
