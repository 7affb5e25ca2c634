/*-------------------------------------------------------------------------
 *
 * moved.c
 *	  leaves(), moved() and moved_except(): did a row change while it moved?
 *
 * leaves() stands in the WHEN clause of an AFTER DELETE trigger, the others in
 * that of an AFTER INSERT one.  There the row is final, whatever other triggers
 * did to it on its way to another partition, and its old version can still be
 * had.  WHEN clauses are evaluated row by row; the triggers fire when the
 * statement is done.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/anchor.h"
#include "rows/move.h"
#include "rows/moved.h"

PG_FUNCTION_INFO_V1(ig_anchor_leaves);
PG_FUNCTION_INFO_V1(ig_anchor_is_moving);
PG_FUNCTION_INFO_V1(ig_anchor_moved);
PG_FUNCTION_INFO_V1(ig_anchor_moved_except);

/* Arguments: the rule's key, tableoid, ctid, columns. */
#define KEY(fcinfo)			text_to_cstring(DatumGetTextPP((fcinfo)->args[0].value))
#define RELID(fcinfo)		DatumGetObjectId((fcinfo)->args[1].value)
#define TID(fcinfo)			((ItemPointer) DatumGetPointer((fcinfo)->args[2].value))
#define FIRST_COLUMN		3

static bool is_watched_move(FunctionCallInfo fcinfo);
static void check_place(FunctionCallInfo fcinfo, int tableoid, int varno);
static AttrNumber argument_column(FunctionCallInfo fcinfo, int arg, int varno);
static pg_noinline void misplaced(FunctionCallInfo fcinfo);
static bool differs(FunctionCallInfo fcinfo, Relation source, HeapTuple old,
					AttrNumber attnum, const char *name, Datum value, bool isnull);

/*
 * invariant_guard.leaves(key text, relid oid, row tid) returns boolean: true.
 * The row may be moving, and the rule holds for it.
 */
Datum
ig_anchor_leaves(PG_FUNCTION_ARGS)
{
	check_place(fcinfo, 1, INNER_VAR);
	ig_move_leaves(RELID(fcinfo), TID(fcinfo), KEY(fcinfo));
	PG_RETURN_BOOL(true);
}

/*
 * invariant_guard.is_moving(relid oid, row tid) returns boolean: does the insert
 * belong to a move of a row that leaves() noted?
 */
Datum
ig_anchor_is_moving(PG_FUNCTION_ARGS)
{
	check_place(fcinfo, 0, OUTER_VAR);
	PG_RETURN_BOOL(ig_move_is_arrival(PG_GETARG_OID(0), (ItemPointer) PG_GETARG_POINTER(1)));
}

/*
 * invariant_guard.moved(key text, relid oid, row tid, VARIADIC "any") returns
 * boolean: does the insert belong to a move of a row for which the rule held,
 * and does any of the columns differ from the old row's?
 */
Datum
ig_anchor_moved(PG_FUNCTION_ARGS)
{
	Oid			source_relid;
	HeapTuple	old;
	Relation	source;
	bool		result = false;

	if (!is_watched_move(fcinfo))
		PG_RETURN_BOOL(false);

	old = ig_move_old_row(&source_relid);
	source = table_open(source_relid, NoLock);
	for (int i = FIRST_COLUMN; i < PG_NARGS(); i++)
	{
		AttrNumber	attnum = argument_column(fcinfo, i, OUTER_VAR);

		if (differs(fcinfo, source, old, attnum, get_attname(RELID(fcinfo), attnum, false),
					PG_GETARG_DATUM(i), PG_ARGISNULL(i)))
			result = true;
	}
	table_close(source, NoLock);
	PG_RETURN_BOOL(result);
}

/*
 * invariant_guard.moved_except(key text, relid oid, row tid, VARIADIC "any")
 * returns boolean: like moved(), for all columns but those given.  Says
 * besides that the row has arrived.
 */
Datum
ig_anchor_moved_except(PG_FUNCTION_ARGS)
{
	Bitmapset  *allowed = NULL;
	Oid			source_relid;
	HeapTuple	old;
	Relation	source;
	Relation	rel;
	TupleTableSlot *slot;
	bool		result = false;

	if (!is_watched_move(fcinfo))
		PG_RETURN_BOOL(false);

	ig_move_arrived();
	for (int i = FIRST_COLUMN; i < PG_NARGS(); i++)
		allowed = bms_add_member(allowed, argument_column(fcinfo, i, OUTER_VAR));
	old = ig_move_old_row(&source_relid);
	source = table_open(source_relid, NoLock);
	rel = table_open(RELID(fcinfo), NoLock);
	if (rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_UNREADABLE),
				 errmsg("cannot move a row that a rule watches to foreign table \"%s\"",
						ig_text_name(RelationGetRelationName(rel))),
				 errdetail("What becomes of it there cannot be compared.")));
	slot = table_slot_create(rel, NULL);
	if (!table_tuple_fetch_row_version(rel, TID(fcinfo), SnapshotAny, slot))
		elog(ERROR, "failed to fetch a row that has moved");

	for (int i = 0; i < RelationGetDescr(rel)->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);
		Datum		value;
		bool		isnull;

		if (attr->attisdropped || attr->attgenerated != '\0' ||
			bms_is_member(attr->attnum, allowed))
			continue;
		value = slot_getattr(slot, attr->attnum, &isnull);
		if (differs(fcinfo, source, old, attr->attnum, NameStr(attr->attname), value, isnull))
			result = true;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	table_close(source, NoLock);
	PG_RETURN_BOOL(result);
}

/*
 * Nearly every insert belongs to no move.
 */
static bool
is_watched_move(FunctionCallInfo fcinfo)
{
	check_place(fcinfo, 1, OUTER_VAR);
	return !PG_ARGISNULL(0) && !PG_ARGISNULL(1) && !PG_ARGISNULL(2) &&
		ig_move_is_arrival(RELID(fcinfo), TID(fcinfo)) && ig_move_has_rule(KEY(fcinfo));
}

/*
 * Anybody may call these functions, who must not be able to name a row that is
 * not at hand.  Nowhere else than in a trigger's WHEN clause does a system
 * column belong to OLD or NEW, which are INNER_VAR and OUTER_VAR there.
 */
static void
check_place(FunctionCallInfo fcinfo, int tableoid, int varno)
{
	if (likely(fcinfo->flinfo->fn_extra != NULL))
		return;
	if (argument_column(fcinfo, tableoid, varno) != TableOidAttributeNumber ||
		argument_column(fcinfo, tableoid + 1, varno) != SelfItemPointerAttributeNumber)
		misplaced(fcinfo);
	fcinfo->flinfo->fn_extra = fcinfo->flinfo;
}

static AttrNumber
argument_column(FunctionCallInfo fcinfo, int arg, int varno)
{
	Node	   *expr = fcinfo->flinfo->fn_expr;
	Node	   *node = expr != NULL && IsA(expr, FuncExpr) ?
		list_nth(((FuncExpr *) expr)->args, arg) : NULL;

	if (node == NULL || !IsA(node, Var) || ((Var *) node)->varno != varno)
		misplaced(fcinfo);
	return ((Var *) node)->varattno;
}

static void
misplaced(FunctionCallInfo fcinfo)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("function invariant_guard.%s() belongs into the WHEN clause of a trigger",
					get_func_name(fcinfo->flinfo->fn_oid)),
			 errdetail("Its arguments are tableoid, ctid and columns of OLD in an AFTER DELETE trigger, or of NEW in an AFTER INSERT one.")));
}

/*
 * Partitions may differ in the columns' numbers, not in their names and types.
 * What differs is remembered for the trigger.
 */
static bool
differs(FunctionCallInfo fcinfo, Relation source, HeapTuple old, AttrNumber attnum,
		const char *name, Datum value, bool isnull)
{
	AttrNumber	old_attnum = get_attnum(RelationGetRelid(source), name);
	Form_pg_attribute attr;
	Datum		old_value;
	bool		old_isnull;

	if (old_attnum == InvalidAttrNumber)
		elog(ERROR, "column \"%s\" of relation %u does not exist", name,
			 RelationGetRelid(source));
	attr = TupleDescAttr(RelationGetDescr(source), old_attnum - 1);
	old_value = heap_getattr(old, old_attnum, RelationGetDescr(source), &old_isnull);
	if (ig_same_value(old_value, old_isnull, value, isnull, attr->attbyval, attr->attlen))
		return false;
	ig_move_changed(RELID(fcinfo), TID(fcinfo), KEY(fcinfo), attnum, old_isnull);
	return true;
}

char *
ig_moved_leaves(const char *key)
{
	return psprintf("invariant_guard.leaves(%s::pg_catalog.text, old.tableoid, old.ctid)",
					quote_literal_cstr(key));
}

char *
ig_moved_anchor(const char *function, const char *key, List *columns)
{
	StringInfoData buf;
	ListCell   *lc;

	Assert(list_length(columns) <= IG_MOVED_COLUMNS);
	initStringInfo(&buf);
	appendStringInfo(&buf, "invariant_guard.%s(%s::pg_catalog.text, new.tableoid, new.ctid",
					 function, quote_literal_cstr(key));
	foreach(lc, columns)
		appendStringInfo(&buf, ", new.%s", quote_identifier((const char *) lfirst(lc)));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}
