/*-------------------------------------------------------------------------
 *
 * append_only_retention.c
 *	  Retention of append-only tables: how long rows are kept at least.
 *
 * What is older is removed by remove_expired(), and by nothing else; keep is in
 * the options of the trigger that refuses DELETE, and gets only longer.  An
 * interval of months or days depends on the time zone: here it is always that
 * of UTC, whatever the session's.
 *
 * A row that says of itself that it is old could be removed at once: so a new
 * row may be a day old, and no more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/append_only.h"
#include "rows/own_query.h"
#include "rows/rows.h"
#include "rows/seal.h"

PG_FUNCTION_INFO_V1(ig_sql_remove_expired);
PG_FUNCTION_INFO_V1(ig_sql_extend_retention);

#define DEFAULT_BATCH	10000

typedef struct Retention
{
	Oid			root;
} Retention;

/* What remove_expired() is removing; else invalid. */
static struct
{
	Oid			root;
	TimestampTz horizon;
}			removing;

static const char *created_of(IgDeclaration *d, const char *created);
static void check_keep(const Interval *keep);
static char *keep_text(const Interval *keep);
static Interval *keep_of(const IgDeclaredTrigger *declared);
static TimestampTz horizon_of(const Interval *keep);
static const IgDeclaredTrigger *retention_argument(FunctionCallInfo fcinfo, Oid *relid,
												   LOCKMODE lock);
static int64 remove_guarded(Oid relid, const IgDeclaredTrigger *declared, bool sealed, int64 batch);
static int64 remove_rows(Oid relid, const char *created, bool sealed, int64 batch);
static int64 run(const char *sql, Oid type, Datum value);
static int64 remove_plain(Oid relid, const char *created, int64 batch);
static int64 remove_with_reversals(Oid relid, const char *created,
								   const IgReversalColumns *columns, int64 batch);
static bool is_no_shorter(const Interval *present, const Interval *keep);
static void set_keep(Oid relid, const char *trigger_name, const char *option);

void
ig_retention_prepare(IgRuleTrigger *trigger, Relation rel)
{
	Retention  *retention = palloc0(sizeof(Retention));

	ig_retention_check_column(trigger);
	retention->root = ig_append_only_root(trigger, rel);
	trigger->data = retention;
}

void
ig_retention_check_column(const IgRuleTrigger *trigger)
{
	if (trigger->ncolumns != 1 || trigger->columns[0].typid != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a trigger of table \"%s\" does not tell which column says since when rows are kept",
						ig_row_relation_text(trigger->relid)),
				 errhint("Use invariant_guard.add_append_only().")));
}

void
ig_drift_prepare(IgRuleTrigger *trigger, Relation rel)
{
	ig_retention_prepare(trigger, rel);
}

bool
ig_retention_removes(IgRuleTrigger *trigger, TriggerData *td)
{
	const Retention *retention = (const Retention *) trigger->data;
	bool		isnull;
	Datum		created;

	if (!OidIsValid(removing.root) || retention == NULL || retention->root != removing.root)
		return false;
	created = slot_getattr(td->tg_trigslot, trigger->columns[0].attnum, &isnull);
	return !isnull && DatumGetTimestampTz(created) < removing.horizon;
}

/*
 * The trigger's condition has filtered already; but one that was written by
 * hand may have none.
 */
void
ig_drift_check(IgRuleTrigger *trigger, TriggerData *td)
{
	Interval   *drift = DatumGetIntervalP(DirectFunctionCall3(interval_in,
															  CStringGetDatum(ig_rule_option(trigger, "drift", IG_APPEND_ONLY_DRIFT)),
															  ObjectIdGetDatum(InvalidOid),
															  Int32GetDatum(-1)));
	bool		isnull;
	Datum		created = slot_getattr(td->tg_trigslot, trigger->columns[0].attnum, &isnull);
	TimestampTz now = GetCurrentTransactionStartTimestamp();
	TimestampTz least = horizon_of(drift);

	if (!isnull && DatumGetTimestampTz(created) >= least &&
		DatumGetTimestampTz(created) - now <= now - least)
		return;
	ig_row_refuse(trigger, trigger->relid, "append-only", NameStr(trigger->columns[0].name),
				  psprintf("column \"%s\" of a new row of append-only table \"%s\" is not the present time",
						   ig_text_name(NameStr(trigger->columns[0].name)),
						   ig_row_relation_text(trigger->relid)),
				  psprintf("It says how long the row is kept, and may be at most %s from now.",
						   ig_rule_option(trigger, "drift", IG_APPEND_ONLY_DRIFT)),
				  ig_row_allowance("append-only", trigger->relid,
								   NameStr(trigger->columns[0].name),
								   "-- then the rows of another time"));
}

List *
ig_retention_declare(IgDeclaration *d, const Interval *keep, const char *created)
{
	const char *column;

	if (keep == NULL || created == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("retention needs both keep and created"),
				 errdetail("They are how long rows are kept at least, and the column that says since when.")));
	check_keep(keep);
	column = quote_identifier(created_of(d, created));
	ig_declare_trigger(d, "created", "AFTER INSERT", true,
					   psprintf("%s AND (new.%s NOT BETWEEN pg_catalog.now() - INTERVAL '%s' AND pg_catalog.now() + INTERVAL '%s') IS NOT FALSE",
								ig_declare_anchor("uses", "new", list_make1(pstrdup(created))),
								column, IG_APPEND_ONLY_DRIFT, IG_APPEND_ONLY_DRIFT),
					   ig_declare_option(NIL, "drift", IG_APPEND_ONLY_DRIFT));
	return ig_declare_option(NIL, "keep", keep_text(keep));
}

static const char *
created_of(IgDeclaration *d, const char *created)
{
	Form_pg_attribute attr = ig_declare_column(d, created, "created");

	if (attr->atttypid != TIMESTAMPTZOID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" has type %s", created, d->text,
						format_type_be(attr->atttypid)),
				 errdetail("What says since when rows are kept has to be a timestamp with time zone, which no session reads otherwise.")));
	if (attr->attgenerated == IG_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("column \"%s\" of table \"%s\" is a virtual generated column", created,
						d->text),
				 errdetail("A row rule sees stored columns only.")));
	return created;
}

static void
check_keep(const Interval *keep)
{
	if (keep->month < 0 || keep->day < 0 || keep->time < 0 ||
		(keep->month == 0 && keep->day == 0 && keep->time == 0) ||
		keep->month > 1000 * MONTHS_PER_YEAR)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rows cannot be kept for \"%s\"", keep_text(keep)),
				 errdetail("It has to be more than nothing, with no part that is negative, and at most 1000 years.")));
	(void) horizon_of(keep);
}

/* In ISO 8601, which reads the same in each session: P7Y. */
static char *
keep_text(const Interval *keep)
{
	int			style = IntervalStyle;
	char	   *result;

	IntervalStyle = INTSTYLE_ISO_8601;
	result = DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(keep)));
	IntervalStyle = style;
	return result;
}

static Interval *
keep_of(const IgDeclaredTrigger *declared)
{
	return DatumGetIntervalP(DirectFunctionCall3(interval_in,
												 CStringGetDatum(ig_declared_option(declared, "keep")),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
}

/* What was created before this moment is expired; days and months are UTC's. */
static TimestampTz
horizon_of(const Interval *keep)
{
	Timestamp	now = GetCurrentTransactionStartTimestamp();

	/* without a time zone the arithmetic is that of UTC */
	return DatumGetTimestamp(DirectFunctionCall2(timestamp_mi_interval,
												 TimestampGetDatum(now),
												 IntervalPGetDatum(keep)));
}

char *
ig_retention_present(const char *alias, const char *created, const Interval *keep)
{
	return psprintf("%s.%s OPERATOR(pg_catalog.>=) %s::pg_catalog.timestamptz", alias,
					quote_identifier(created),
					quote_literal_cstr(timestamptz_to_str(horizon_of(keep))));
}

char *
ig_retention_declared_present(const char *alias, const IgDeclaredTrigger *declared)
{
	return ig_retention_present(alias, (const char *) linitial(declared->columns),
								keep_of(declared));
}

/*
 * The table and its trigger with the option keep; raises if it has none.
 */
static const IgDeclaredTrigger *
retention_argument(FunctionCallInfo fcinfo, Oid *relid, LOCKMODE lock)
{
	const IgDeclaredTrigger *declared;
	ListCell   *lc;

	*relid = ig_table_argument(fcinfo);
	ig_lock_owned_table(*relid, lock);
	declared = ig_append_only_trigger(*relid, "keep");
	if (declared == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("table \"%s\" has no rule \"append-only\" with a retention",
						ig_text_name(ig_table_name(*relid))),
				 errdetail("Without one, nothing is ever removed.")));
	foreach(lc, ig_parents_of(*relid))
	{
		if (OidIsValid(get_trigger_oid(lfirst_oid(lc), declared->name, true)))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("the retention of table \"%s\" is that of \"%s\"",
							ig_text_name(ig_table_name(*relid)),
							ig_text_name(ig_table_name(lfirst_oid(lc)))),
					 errdetail("It is a partition of it, or inherits from it.")));
	}
	return declared;
}

/*
 * invariant_guard.remove_expired(rel regclass, batch integer) returns bigint:
 * how many rows were removed.
 */
Datum
ig_sql_remove_expired(PG_FUNCTION_ARGS)
{
	Oid			relid;
	const IgDeclaredTrigger *declared;
	int64		batch = PG_ARGISNULL(1) ? DEFAULT_BATCH : PG_GETARG_INT32(1);
	bool		sealed;

	PreventCommandIfReadOnly("invariant_guard.remove_expired()");
	if (batch < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("batch must be at least 1, and not %lld", (long long) batch)));
	if (IsolationUsesXactSnapshot())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("invariant_guard.remove_expired() must be called in READ COMMITTED"),
				 errdetail("An older snapshot would miss a row that has just been reversed.")));

	/*
	 * With seals, no row is locked before it is known that it goes; the first
	 * one may be made while we wait.
	 */
	relid = ig_table_argument(fcinfo);
	sealed = OidIsValid(ig_seals_of(relid));
	declared = retention_argument(fcinfo, &relid, sealed ? ShareRowExclusiveLock : RowExclusiveLock);
	sealed = sealed || OidIsValid(ig_seals_of(relid));
	if (sealed)
	{
		LockRelationOid(relid, ShareRowExclusiveLock);
		(void) find_all_inheritors(relid, ShareRowExclusiveLock, NULL);
	}
	if (OidIsValid(removing.root))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("invariant_guard.remove_expired() is at work already")));
	PG_RETURN_INT64(remove_guarded(relid, declared, sealed, batch));
}

/* Whatever happens, the triggers let nothing pass afterwards. */
static int64
remove_guarded(Oid relid, const IgDeclaredTrigger *declared, bool sealed, int64 batch)
{
	int64		removed;

	PG_TRY();
	{
		removing.horizon = horizon_of(keep_of(declared));
		removing.root = relid;
		removed = remove_rows(relid, (const char *) linitial(declared->columns), sealed, batch);
	}
	PG_FINALLY();
	{
		removing.root = InvalidOid;
	}
	PG_END_TRY();
	return removed;
}

static int64
remove_rows(Oid relid, const char *created, bool sealed, int64 batch)
{
	const IgDeclaredTrigger *reversal = ig_append_only_trigger(relid, "amounts");
	const IgReversalColumns *columns = reversal ? ig_reversal_declared(reversal) : NULL;
	int			nest = ig_rows_spi_begin();
	int64		removed;

	created = quote_identifier(created);
	if (sealed)
		removed = ig_seal_remove(relid, created, columns, removing.horizon, batch);
	else if (columns != NULL)
		removed = remove_with_reversals(relid, created, columns, batch);
	else
		removed = remove_plain(relid, created, batch);
	ig_rows_spi_end(nest);
	return removed;
}

/*
 * A command with up to two arguments, and how many rows it made; SPI is
 * connected.
 */
static int64
run(const char *sql, Oid type, Datum value)
{
	Oid			types[2] = {TIMESTAMPTZOID, type};
	Datum		values[2] = {TimestampTzGetDatum(removing.horizon), value};
	int			result = ig_own_query(sql, 2, types, values, NULL, false, 0);

	if (result < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", sql);
	return (int64) SPI_processed;
}

/*
 * By leaf, since a list of tuple identifiers is a scan by them in a table, and
 * a scan of all of it in a hierarchy.
 */
static int64
remove_plain(Oid relid, const char *created, int64 batch)
{
	int64		removed = 0;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, RowExclusiveLock, NULL))
	{
		char	   *table = ig_quoted_table(lfirst_oid(lc));

		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_RELATION || removed >= batch)
			continue;
		removed += run(psprintf("DELETE FROM ONLY %s WHERE ctid OPERATOR(pg_catalog.=) ANY (ARRAY"
								"(SELECT ctid FROM ONLY %s o WHERE o.%s OPERATOR(pg_catalog.<) $1"
								" ORDER BY o.%s LIMIT $2))", table, table, created, created),
					   INT8OID, Int64GetDatum(batch - removed));
	}
	return removed;
}

/*
 * A row goes when each reversal of it is expired as well, and takes these
 * along: of a pair both halves are there, or none.
 */
static int64
remove_with_reversals(Oid relid, const char *created, const IgReversalColumns *columns,
					  int64 batch)
{
	const char *table = ig_quoted_table(relid);
	const char *key = quote_identifier(columns->key);
	const char *reversal_of = quote_identifier(columns->reversal_of);
	const char *equals = ig_reversal_equality(relid, columns);
	char	   *unreversed = psprintf("NOT EXISTS (SELECT FROM %s r WHERE r.%s %s o.%s"
									  " AND r.%s OPERATOR(pg_catalog.>=) $1)",
									  table, reversal_of, equals, key, created);
	Oid			type = get_array_type(get_atttype(relid, get_attnum(relid, columns->key)));
	Datum		keys;
	bool		isnull;

	run(psprintf("SELECT pg_catalog.array_agg(k.key) FROM (SELECT o.%s AS key FROM %s o"
				 " WHERE o.%s OPERATOR(pg_catalog.<) $1 AND o.%s IS NULL AND %s"
				 " ORDER BY o.%s LIMIT $2 FOR UPDATE) k",
				 key, table, created, reversal_of, unreversed, created),
		INT8OID, Int64GetDatum(batch));
	keys = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return 0;

	/* by a new snapshot: what was reversed while we waited for the lock stays */
	run(psprintf("SELECT pg_catalog.array_agg(o.%s) FROM %s o WHERE o.%s %s ANY ($2) AND %s",
				 key, table, key, equals, unreversed), type, keys);
	keys = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	if (isnull)
		return 0;
	return run(psprintf("DELETE FROM %s d WHERE (d.%s %s ANY ($2) OR d.%s %s ANY ($2))"
						" AND d.%s OPERATOR(pg_catalog.<) $1",
						table, key, equals, reversal_of, equals, created), type, keys);
}

/*
 * invariant_guard.extend_retention(rel regclass, keep interval) returns
 * boolean: was it lengthened?
 */
Datum
ig_sql_extend_retention(PG_FUNCTION_ARGS)
{
	Oid			relid;
	const IgDeclaredTrigger *declared;
	const Interval *keep;
	const Interval *present;

	PreventCommandIfReadOnly("invariant_guard.extend_retention()");
	declared = retention_argument(fcinfo, &relid, ShareRowExclusiveLock);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("keep must not be null")));
	keep = PG_GETARG_INTERVAL_P(1);
	check_keep(keep);
	present = keep_of(declared);

	if (memcmp(keep, present, sizeof(Interval)) == 0)
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" keeps its rows for %s already",
						ig_text_name(ig_table_name(relid)), keep_text(keep))));
		PG_RETURN_BOOL(false);
	}
	if (!is_no_shorter(present, keep))
		ereport(ERROR,
				(errcode(ERRCODE_IG_APPEND_ONLY),
				 errmsg("table \"%s\" keeps its rows for %s, and %s is not longer",
						ig_text_name(ig_table_name(relid)), keep_text(present), keep_text(keep)),
				 errdetail("The retention of an append-only table is only ever lengthened; a month counts as 28 days for it.")));
	set_keep(relid, declared->name, psprintf("keep=%s", keep_text(keep)));
	PG_RETURN_BOOL(true);
}

/*
 * Whenever it is asked: part by part, or since its least length is not below
 * the greatest one of the present.
 */
static bool
is_no_shorter(const Interval *present, const Interval *keep)
{
	int64		greatest = (present->month / 12) * (int64) 366 + (present->month % 12) * 31 + present->day;
	int64		least = (keep->month / 12) * (int64) 365 + (keep->month % 12) * 28 + keep->day;

	if (keep->month >= present->month &&
		keep->day * (int64) USECS_PER_DAY + keep->time >=
		present->day * (int64) USECS_PER_DAY + present->time)
		return true;
	return least + keep->time / USECS_PER_DAY >
		greatest + present->time / USECS_PER_DAY;
}

/*
 * The arguments of the trigger, its clones and copies are rewritten in place:
 * a trigger that is made anew would fire on the origin only, and for a while
 * there would be none.
 */
static void
set_keep(Oid relid, const char *trigger_name, const char *option)
{
	Relation	pg_trigger = table_open(TriggerRelationId, RowExclusiveLock);
	int			length = strlen(option) + 1;
	bytea	   *args = (bytea *) palloc0(VARHDRSZ + length);
	ListCell   *lc;

	SET_VARSIZE(args, VARHDRSZ + length);
	memcpy(VARDATA(args), option, length);
	foreach(lc, find_all_inheritors(relid, ShareRowExclusiveLock, NULL))
	{
		ScanKeyData keys[2];
		SysScanDesc scan;
		HeapTuple	tuple;

		ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(lfirst_oid(lc)));
		ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
					CStringGetDatum(trigger_name));
		scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 2, keys);
		tuple = systable_getnext(scan);
		if (HeapTupleIsValid(tuple) &&
			ig_append_only_trigger(lfirst_oid(lc), "keep") != NULL)
		{
			Datum		values[Natts_pg_trigger] = {0};
			bool		nulls[Natts_pg_trigger] = {0};
			bool		replaces[Natts_pg_trigger] = {0};
			HeapTuple	changed;

			values[Anum_pg_trigger_tgargs - 1] = PointerGetDatum(args);
			replaces[Anum_pg_trigger_tgargs - 1] = true;
			changed = heap_modify_tuple(tuple, RelationGetDescr(pg_trigger), values, nulls,
										replaces);
			CatalogTupleUpdate(pg_trigger, &changed->t_self, changed);
			CacheInvalidateRelcacheByRelid(lfirst_oid(lc));
		}
		systable_endscan(scan);
	}
	table_close(pg_trigger, RowExclusiveLock);
	CommandCounterIncrement();
}
