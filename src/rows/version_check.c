/*-------------------------------------------------------------------------
 *
 * version_check.c
 *	  check_version() and expect_version(): what clients ask of a version.
 *
 * What is asked for by name is answered, whatever the mode is.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/genam.h"
#include "access/stratnum.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "model/row_rule.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/own_query.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_sql_check_version);
PG_FUNCTION_INFO_V1(ig_sql_expect_version);

/* A row's key as it was given: a text for each column, NULL for a null. */
typedef struct Key
{
	int			count;
	char	   *values[INDEX_MAX_KEYS];
} Key;

typedef struct KeyColumns
{
	int			count;
	AttrNumber	attnums[INDEX_MAX_KEYS];
	Oid			equal[INDEX_MAX_KEYS];	/* operators */
} KeyColumns;

static char *version_column(Oid relid);
static void key_columns(Oid relid, KeyColumns *columns);
static void key_of(FunctionCallInfo fcinfo, int arg, bool one_column, Key *key);
static void key_of_record(Datum datum, Key *key);
static void key_of_array(Datum datum, Oid typid, Key *key);
static void add_value(Key *key, Datum datum, bool isnull, Oid typid);
static Oid	operator_schema(Oid opno);
static bool locked_version(Oid relid, const char *column, const KeyColumns *columns,
						   const Key *key, int64 *version);
static void raise_stale(Oid relid, const char *message, const char *detail, const char *hint);

static const char *const hint_again = "-- Read the row again, and decide anew what is to be changed.";

/*
 * invariant_guard.check_version(current bigint, expected bigint) returns
 * boolean: true, or raises IGV01.  The row's version may be null, which counts
 * as 0; the one that is expected is only where the row's is.
 */
Datum
ig_sql_check_version(PG_FUNCTION_ARGS)
{
	int64		current = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	bool		same = PG_ARGISNULL(1) ? PG_ARGISNULL(0) : current == PG_GETARG_INT64(1);

	if (!same)
		raise_stale(InvalidOid, "the row has another version than the one that is expected",
					psprintf("Its version is %s, and the statement expects %s.",
							 PG_ARGISNULL(0) ? "null" : psprintf(INT64_FORMAT, PG_GETARG_INT64(0)),
							 PG_ARGISNULL(1) ? "null" : psprintf(INT64_FORMAT, PG_GETARG_INT64(1))),
					hint_again);
	PG_RETURN_BOOL(true);
}

/*
 * invariant_guard.expect_version(rel regclass, key, version bigint) returns
 * boolean: true if the row with this primary key has this version, and is
 * locked now, so that it keeps it until the transaction changes it; else raises
 * IGV01.  Several key columns are given as a ROW(...) or an array, in the order
 * of the primary key.  Needs SELECT and UPDATE on the table.
 */
Datum
ig_sql_expect_version(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	char	   *column = version_column(relid);
	const char *table = ig_text_name(ig_table_name(relid));
	KeyColumns	columns = {0};
	Key			key = {0};
	int64		expected;
	int64		current;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", PG_ARGISNULL(1) ? "key" : "version")));
	expected = PG_GETARG_INT64(2);
	key_columns(relid, &columns);
	key_of(fcinfo, 1, columns.count == 1, &key);
	if (key.count != columns.count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key has %d values, and the primary key of table \"%s\" has %d columns",
						key.count, table, columns.count),
				 errhint("Several values are given as ROW(...) or as an array, in the order of the primary key.")));

	if (!locked_version(relid, column, &columns, &key, &current))
		raise_stale(relid, psprintf("a row of table \"%s\" is gone", table),
					psprintf("No row has the key that is expected to have version " INT64_FORMAT ", or it is not visible to the current user.", expected),
					hint_again);
	if (current != expected)
		raise_stale(relid, psprintf("a row of table \"%s\" has another version than the one that is expected", table),
					psprintf("Its version is " INT64_FORMAT ", and the statement expects " INT64_FORMAT ".",
							 current, expected),
					hint_again);
	PG_RETURN_BOOL(true);
}

/* That of the table's optimistic lock. */
static char *
version_column(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule->kind == IG_ROW_OPTIMISTIC_LOCK && declared->columns != NIL)
			return (char *) linitial(declared->columns);
	}
	ereport(ERROR,
			(errcode(ERRCODE_IG_NO_SUCH_RULE),
			 errmsg("table \"%s\" has no rule \"optimistic-lock\"",
					ig_text_name(ig_table_name(relid))),
			 errhint("SELECT invariant_guard.add_optimistic_lock(...);")));
	return NULL;
}

static void
key_columns(Oid relid, KeyColumns *columns)
{
	Relation	rel = table_open(relid, AccessShareLock);
	Relation	index;

	(void) RelationGetIndexList(rel);
	if (!OidIsValid(rel->rd_pkindex))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table \"%s\" has no primary key",
						ig_text_name(ig_table_name(relid)))));

	index = index_open(rel->rd_pkindex, AccessShareLock);
	columns->count = index->rd_index->indnkeyatts;
	for (int i = 0; i < columns->count; i++)
	{
		columns->attnums[i] = index->rd_index->indkey.values[i];
		columns->equal[i] = get_opfamily_member(index->rd_opfamily[i], index->rd_opcintype[i],
												index->rd_opcintype[i], BTEqualStrategyNumber);
		if (!OidIsValid(columns->equal[i]))
			elog(ERROR, "no equality operator for column %d of index %u", i + 1,
				 RelationGetRelid(index));
	}
	index_close(index, NoLock);
	table_close(rel, NoLock);
}

static void
key_of(FunctionCallInfo fcinfo, int arg, bool one_column, Key *key)
{
	Oid			typid = get_fn_expr_argtype(fcinfo->flinfo, arg);

	if (!OidIsValid(typid))
		elog(ERROR, "could not determine the type of the key");
	if (typid == RECORDOID || type_is_rowtype(typid))
		key_of_record(PG_GETARG_DATUM(arg), key);
	else if (!one_column && OidIsValid(get_element_type(typid)))
		key_of_array(PG_GETARG_DATUM(arg), typid, key);
	else
		add_value(key, PG_GETARG_DATUM(arg), false, typid);
}

static void
key_of_record(Datum datum, Key *key)
{
	HeapTupleHeader header = DatumGetHeapTupleHeader(datum);
	TupleDesc	desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header),
											  HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {0};

	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	tuple.t_data = header;
	for (int i = 0; i < desc->natts; i++)
	{
		bool		isnull;
		Datum		value;

		if (TupleDescAttr(desc, i)->attisdropped)
			continue;
		value = heap_getattr(&tuple, i + 1, desc, &isnull);
		add_value(key, value, isnull, TupleDescAttr(desc, i)->atttypid);
	}
	ReleaseTupleDesc(desc);
}

static void
key_of_array(Datum datum, Oid typid, Key *key)
{
	Oid			element = get_element_type(typid);
	int16		typlen;
	bool		typbyval;
	char		typalign;
	Datum	   *values;
	bool	   *nulls;
	int			count;

	get_typlenbyvalalign(element, &typlen, &typbyval, &typalign);
	deconstruct_array(DatumGetArrayTypeP(datum), element, typlen, typbyval, typalign,
					  &values, &nulls, &count);
	for (int i = 0; i < count; i++)
		add_value(key, values[i], nulls[i], element);
}

/* Values more than a key can have are counted, and not kept. */
static void
add_value(Key *key, Datum datum, bool isnull, Oid typid)
{
	Oid			output;
	bool		is_varlena;

	if (key->count < INDEX_MAX_KEYS && !isnull)
	{
		getTypeOutputInfo(typid, &output, &is_varlena);
		key->values[key->count] = OidOutputFunctionCall(output, datum);
	}
	key->count++;
}

static Oid
operator_schema(Oid opno)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(opno));
	Oid			schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", opno);
	schema = ((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace;
	ReleaseSysCache(tuple);
	return schema;
}

/*
 * By a query as the caller, whose rights and policies hold.  A null counts as
 * version 0, as it does for the trigger.
 */
static bool
locked_version(Oid relid, const char *column, const KeyColumns *columns, const Key *key,
			   int64 *version)
{
	StringInfoData sql;
	Oid			types[INDEX_MAX_KEYS];
	Datum		values[INDEX_MAX_KEYS];
	char		nulls[INDEX_MAX_KEYS];
	bool		found;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT %s::pg_catalog.int8 FROM %s%s WHERE ", quote_identifier(column),
					 get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid)));
	for (int i = 0; i < columns->count; i++)
	{
		char	   *name = get_attname(relid, columns->attnums[i], false);
		Oid			typid;
		int32		typmod;
		Oid			collation;
		Oid			input;
		Oid			ioparam;

		get_atttypetypmodcoll(relid, columns->attnums[i], &typid, &typmod, &collation);
		getTypeInputInfo(typid, &input, &ioparam);
		types[i] = typid;
		values[i] = OidInputFunctionCall(input, key->values[i], ioparam, typmod);
		nulls[i] = key->values[i] ? ' ' : 'n';
		appendStringInfo(&sql, "%s%s OPERATOR(%s.%s) $%d", i > 0 ? " AND " : "",
						 quote_identifier(name),
						 quote_identifier(get_namespace_name(operator_schema(columns->equal[i]))),
						 get_opname(columns->equal[i]), i + 1);
	}
	appendStringInfoString(&sql, " FOR NO KEY UPDATE");

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(sql.data, columns->count, types, values, nulls, false, 2) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_with_args failed: %s", sql.data);
	found = SPI_processed > 0;
	if (found)
	{
		bool		isnull;
		Datum		datum = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		*version = isnull ? 0 : DatumGetInt64(datum);
	}
	SPI_finish();
	return found;
}

static void
raise_stale(Oid relid, const char *message, const char *detail, const char *hint)
{
	char	   *schema = OidIsValid(relid) ? get_namespace_name(get_rel_namespace(relid)) : NULL;
	char	   *name = OidIsValid(relid) ? get_rel_name(relid) : NULL;

	ereport(ERROR,
			(errcode(ERRCODE_IG_OPTIMISTIC_LOCK),
			 errmsg("%s (rule optimistic-lock)", message),
			 errdetail("%s", detail),
			 errhint("%s", hint),
			 schema ? err_generic_string(PG_DIAG_SCHEMA_NAME, schema) : 0,
			 name ? err_generic_string(PG_DIAG_TABLE_NAME, name) : 0,
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, "optimistic-lock")));
}
