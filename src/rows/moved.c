/*-------------------------------------------------------------------------
 *
 * moved.c
 *	  moved() and moved_except(): did a row change while it moved?
 *
 * They stand in the WHEN clause of an AFTER INSERT trigger: there the row is
 * final, whatever other triggers did to it on its way to another partition,
 * and its old version can still be had.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_attribute.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "rows/anchor.h"
#include "rows/move.h"

PG_FUNCTION_INFO_V1(ig_anchor_moved);
PG_FUNCTION_INFO_V1(ig_anchor_moved_except);

/* The arguments before the columns of moved(), of moved_except(). */
#define MOVED_FIXED			2
#define MOVED_EXCEPT_FIXED	3

static const IgMoveRule *rule_of(FunctionCallInfo fcinfo);
static AttrNumber argument_column(FunctionCallInfo fcinfo, int arg);
static bool differs_from_old(Relation source, HeapTuple old, const char *name,
							 Datum value, bool isnull, const IgMoveRule *rule);
static bool changed_but_allowed(FunctionCallInfo fcinfo, Relation source, HeapTuple old,
								const IgMoveRule *rule);

/*
 * invariant_guard.moved(key text, destination oid, VARIADIC "any") returns
 * boolean: does the insert belong to a move of a row for which the rule held,
 * and does any of the columns differ from the old row's?
 */
Datum
ig_anchor_moved(PG_FUNCTION_ARGS)
{
	Oid			source_relid;
	const IgMoveRule *rule = rule_of(fcinfo);
	HeapTuple	old;
	Relation	source;
	bool		result = false;

	if (rule == NULL)
		PG_RETURN_BOOL(false);

	old = ig_move_old_row(&source_relid);
	source = table_open(source_relid, NoLock);
	for (int i = MOVED_FIXED; i < PG_NARGS() && !result; i++)
	{
		const char *name = get_attname(PG_GETARG_OID(1), argument_column(fcinfo, i), false);

		result = differs_from_old(source, old, name, PG_GETARG_DATUM(i), PG_ARGISNULL(i), rule);
	}
	table_close(source, NoLock);
	PG_RETURN_BOOL(result);
}

/*
 * invariant_guard.moved_except(key text, destination oid, row tid, VARIADIC
 * "any") returns boolean: like moved(), for all columns but those given.  Says
 * besides that the row has arrived.
 */
Datum
ig_anchor_moved_except(PG_FUNCTION_ARGS)
{
	Oid			source_relid;
	const IgMoveRule *rule = rule_of(fcinfo);
	HeapTuple	old;
	Relation	source;
	bool		result;

	if (rule == NULL)
		PG_RETURN_BOOL(false);

	ig_move_arrived();
	old = ig_move_old_row(&source_relid);
	source = table_open(source_relid, NoLock);
	result = changed_but_allowed(fcinfo, source, old, rule);
	table_close(source, NoLock);
	PG_RETURN_BOOL(result);
}

/*
 * Nearly every insert belongs to no move.
 */
static const IgMoveRule *
rule_of(FunctionCallInfo fcinfo)
{
	if (!ig_move_in_progress() || PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return NULL;
	return ig_move_rule(text_to_cstring(PG_GETARG_TEXT_PP(0)));
}

static AttrNumber
argument_column(FunctionCallInfo fcinfo, int arg)
{
	Node	   *expr = fcinfo->flinfo->fn_expr;
	Node	   *node = expr != NULL && IsA(expr, FuncExpr) ?
		list_nth(((FuncExpr *) expr)->args, arg) : NULL;

	if (node == NULL || !IsA(node, Var))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument %d of function %s() is no column of NEW", arg + 1,
						get_func_name(fcinfo->flinfo->fn_oid))));
	return ((Var *) node)->varattno;
}

/*
 * Partitions may differ in the columns' numbers, not in their names and types.
 */
static bool
differs_from_old(Relation source, HeapTuple old, const char *name, Datum value,
				 bool isnull, const IgMoveRule *rule)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(source), name);
	Form_pg_attribute attr;
	Datum		old_value;
	bool		old_isnull;

	if (attnum == InvalidAttrNumber)
		return true;
	attr = TupleDescAttr(RelationGetDescr(source), attnum - 1);
	old_value = heap_getattr(old, attnum, RelationGetDescr(source), &old_isnull);
	if (old_isnull && rule->write_once)
		return false;
	return !ig_same_value(old_value, old_isnull, value, isnull, attr->attbyval, attr->attlen);
}

static bool
changed_but_allowed(FunctionCallInfo fcinfo, Relation source, HeapTuple old,
					const IgMoveRule *rule)
{
	Relation	rel = table_open(PG_GETARG_OID(1), NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	Bitmapset  *allowed = NULL;
	bool		result = false;

	for (int i = MOVED_EXCEPT_FIXED; i < PG_NARGS(); i++)
		allowed = bms_add_member(allowed, argument_column(fcinfo, i));
	if (!table_tuple_fetch_row_version(rel, (ItemPointer) PG_GETARG_POINTER(2), SnapshotAny, slot))
		elog(ERROR, "failed to fetch a row that has moved");

	for (int i = 0; i < desc->natts && !result; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		Datum		value;
		bool		isnull;

		if (attr->attisdropped || attr->attgenerated != '\0' ||
			bms_is_member(attr->attnum, allowed))
			continue;
		value = slot_getattr(slot, attr->attnum, &isnull);
		result = differs_from_old(source, old, NameStr(attr->attname), value, isnull, rule);
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return result;
}

char *
ig_moved_anchor(const char *function, const char *key, const char *extra, List *columns)
{
	StringInfoData buf;
	int			i = 0;

	initStringInfo(&buf);
	do
	{
		appendStringInfo(&buf, "%sinvariant_guard.%s(%s::pg_catalog.text, new.tableoid",
						 i > 0 ? ") OR " : "", function, quote_literal_cstr(key));
		if (extra != NULL)
			appendStringInfo(&buf, ", %s", extra);
		for (int n = 0; n < IG_MOVED_COLUMNS && i < list_length(columns); n++, i++)
			appendStringInfo(&buf, ", new.%s",
							 quote_identifier((const char *) list_nth(columns, i)));
	} while (i < list_length(columns));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}
