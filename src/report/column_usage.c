/*-------------------------------------------------------------------------
 *
 * column_usage.c
 *	  Who still uses a column, for people.
 *
 * When a column was used, everybody may know.  By whom is shown as in the
 * server's own statistics views: to members of the role, and of
 * pg_read_all_stats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/index.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "columns/usage_record.h"
#include "gate/statement.h"
#include "platform/catalog.h"
#include "platform/compat.h"

#define USE_COLUMNS			8
#define OBSERVATION_COLUMNS	5

/* The functions whose text names a table: of the table that was asked last. */
typedef struct TextsOfTable
{
	MemoryContext context;
	Oid			relid;
	List	   *texts;			/* of IgFunctionText */
} TextsOfTable;

static const char *kind_name(IgUseKind kind);
static IgUseKind latest_apart(const IgColumnUse *use);
static Datum witnesses(const IgColumnUse *use, bool *isnull);
static char *witness_text(const IgUsageWitness *witness);
static void put_period(ReturnSetInfo *rsinfo, const char *server, bool observed,
					   TimestampTz from, TimestampTz to, const char *why);
static List *add_text(List *list, const char *words);
static char *dependent(Oid relid, AttrNumber attnum, const ObjectAddress *found);
static AttrNumber number_of_columns(Oid relid);
static bool is_not_null(Oid constraint);
static bool belongs_to(const ObjectAddress *address, Oid relid);
static List *dependents(Oid relid, AttrNumber attnum, FmgrInfo *flinfo);
static List *function_texts(Oid relid, const char *table, FmgrInfo *flinfo);
static List *publications(Oid relid);
static List *add_publications(List *found, List *pubids, Oid relid);

PG_FUNCTION_INFO_V1(ig_sql_column_use);
PG_FUNCTION_INFO_V1(ig_sql_column_dependents);
PG_FUNCTION_INFO_V1(ig_sql_usage_observation);
PG_FUNCTION_INFO_V1(ig_sql_reset_column_usage);

/*
 * invariant_guard.column_use(relation, attnum)
 */
Datum
ig_sql_column_use(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_GETARG_OID(0);
	AttrNumber	attnum = PG_GETARG_INT16(1);
	IgColumnUse use;
	IgUseKind	apart;
	TupleDesc	desc;
	Datum		values[USE_COLUMNS];
	bool		nulls[USE_COLUMNS] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	(void) ig_usage_of(relid, attnum, &use);
	apart = latest_apart(&use);
	values[0] = TimestampTzGetDatum(use.last_read);
	values[1] = CStringGetTextDatum(kind_name(use.last_read_kind));
	values[2] = TimestampTzGetDatum(use.last_of[IG_USE_READ_NAME]);
	values[3] = TimestampTzGetDatum(use.last_written);
	values[4] = CStringGetTextDatum(kind_name(use.last_written_kind));
	values[5] = TimestampTzGetDatum(use.last_apart);
	values[6] = CStringGetTextDatum(kind_name(apart));
	values[7] = witnesses(&use, &nulls[7]);
	nulls[0] = nulls[1] = use.last_read == 0;
	nulls[2] = use.last_of[IG_USE_READ_NAME] == 0;
	nulls[3] = nulls[4] = use.last_written == 0;
	nulls[5] = nulls[6] = use.last_apart == 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static const char *
kind_name(IgUseKind kind)
{
	switch (kind)
	{
		case IG_USE_READ_NAME:
			return "by name";
		case IG_USE_READ_ALL:
			return "all columns";
		case IG_USE_READ_VIEW:
		case IG_USE_WRITTEN_VIEW:
			return "through a view";
		case IG_USE_WRITTEN:
			return "directly";
		case IG_USE_COPIED:
			return "dump or table sync";
		case IG_USE_CHECKED:
			return "constraint check";
		case IG_USE_EXPLAINED:
			return "explained";
		case IG_USE_IGNORED:
			return "ignored application";
	}
	return "";					/* keep compiler quiet */
}

static IgUseKind
latest_apart(const IgColumnUse *use)
{
	IgUseKind	latest = IG_USE_COUNTED;

	for (int i = IG_USE_COUNTED; i < IG_USE_KINDS; i++)
	{
		if (use->last_of[i] > use->last_of[latest])
			latest = (IgUseKind) i;
	}
	return latest;
}

static Datum
witnesses(const IgColumnUse *use, bool *isnull)
{
	Datum		elements[IG_USAGE_WITNESSES];

	*isnull = use->nwitnesses == 0;
	for (int i = 0; i < use->nwitnesses; i++)
		elements[i] = CStringGetTextDatum(witness_text(&use->witnesses[i]));
	return PointerGetDatum(construct_array(elements, use->nwitnesses, TEXTOID, -1, false,
										   TYPALIGN_INT));
}

/*
 * shop-web (role shop): read 2026-11-02 10:00:00+00, written 2026-11-01 ...
 */
static char *
witness_text(const IgUsageWitness *witness)
{
	StringInfoData buf;
	bool		visible = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS) ||
		(SearchSysCacheExists1(AUTHOID, ObjectIdGetDatum(witness->role)) &&
		 has_privs_of_role(GetUserId(), witness->role));

	initStringInfo(&buf);
	if (!visible)
		appendStringInfoString(&buf, "<insufficient privilege>:");
	else
		appendStringInfo(&buf, "%s (role %s%s%s):",
						 witness->application[0] ? witness->application : "<no application name>",
						 witness->role_name,
						 witness->standby[0] ? ", standby " : "", witness->standby);
	if (witness->read_at != 0)
		appendStringInfo(&buf, " read %s", timestamptz_to_str(witness->read_at));
	if (witness->written_at != 0)
		appendStringInfo(&buf, "%s written %s", witness->read_at != 0 ? "," : "",
						 timestamptz_to_str(witness->written_at));
	return buf.data;
}

/*
 * invariant_guard.usage_observation()
 */
Datum
ig_sql_usage_observation(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	TimestampTz since = ig_usage_observed_since();
	IgUsageRecord *record = ig_usage_record();
	IgUsageGap *gaps;
	IgUsageStandby *standbys;
	int			ngaps;
	int			nstandbys;

	InitMaterializedSRF(fcinfo, 0);
	if (record == NULL || since == 0)
	{
		put_period(rsinfo, "this server", false, 0, 0, "no record is kept");
		return (Datum) 0;
	}

	gaps = palloc(sizeof(record->gaps));
	standbys = palloc(sizeof(record->standbys));
	ig_usage_lock(false);
	memcpy(gaps, record->gaps, sizeof(record->gaps));
	memcpy(standbys, record->standbys, sizeof(record->standbys));
	ngaps = record->ngaps;
	nstandbys = record->nstandbys;
	ig_usage_unlock();

	put_period(rsinfo, "this server", true, since, 0, NULL);
	for (int i = 0; i < ngaps; i++)
	{
		if ((!OidIsValid(gaps[i].database) || gaps[i].database == MyDatabaseId) &&
			gaps[i].to > since)
			put_period(rsinfo, "this server", false, gaps[i].from, gaps[i].to,
					   ig_usage_gap_words(gaps[i].kind));
	}
	for (int i = 0; i < nstandbys; i++)
	{
		char	   *name = psprintf("standby %s", standbys[i].name);

		if (standbys[i].database != MyDatabaseId)
			continue;
		put_period(rsinfo, name, true, standbys[i].since, standbys[i].until, NULL);
		if (standbys[i].gap_to != 0)
			put_period(rsinfo, name, false, standbys[i].gap_from, standbys[i].gap_to,
					   "not observed there");
	}
	return (Datum) 0;
}

static void
put_period(ReturnSetInfo *rsinfo, const char *server, bool observed, TimestampTz from,
		   TimestampTz to, const char *why)
{
	Datum		values[OBSERVATION_COLUMNS];
	bool		nulls[OBSERVATION_COLUMNS] = {false};

	values[0] = CStringGetTextDatum(server);
	values[1] = BoolGetDatum(observed);
	values[2] = TimestampTzGetDatum(from);
	values[3] = TimestampTzGetDatum(to);
	values[4] = CStringGetTextDatum(why ? why : "");
	nulls[2] = from == 0;
	nulls[3] = to == 0;
	nulls[4] = why == NULL;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * invariant_guard.reset_column_usage(): this database, standbys included.
 */
Datum
ig_sql_reset_column_usage(PG_FUNCTION_ARGS)
{
	IgUsageRecord *record = ig_usage_record();
	IgUsageKey	key = {MyDatabaseId, InvalidOid, 0};
	IgUsageEntry *entry;
	TimestampTz now = GetCurrentTimestamp();

	if (record == NULL)
		PG_RETURN_VOID();

	ig_usage_lock(true);
	ig_usage_remove_database(record, MyDatabaseId);
	entry = ig_usage_enter(record, &key);
	if (entry != NULL)
		entry->first_seen = now;
	ig_usage_unlock();

	/* other sessions have told what they did before, and would not repeat it */
	ig_usage_begin_anew();
	PG_RETURN_VOID();
}

/*
 * invariant_guard.column_dependents(relation, attnum): what uses it without a
 * query, in the server's words.
 */
Datum
ig_sql_column_dependents(PG_FUNCTION_ARGS)
{
	List	   *list = dependents(PG_GETARG_OID(0), PG_GETARG_INT16(1), fcinfo->flinfo);
	Datum	   *elements = palloc((list_length(list) + 1) * sizeof(Datum));
	int			count = 0;
	ListCell   *lc;

	foreach(lc, list)
		elements[count++] = CStringGetTextDatum((const char *) lfirst(lc));
	if (count == 0)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* Once; one object may depend on a column in several ways.  NULL is gone. */
static List *
add_text(List *list, const char *words)
{
	ListCell   *lc;

	if (words == NULL)
		return list;
	foreach(lc, list)
	{
		if (strcmp((const char *) lfirst(lc), words) == 0)
			return list;
	}
	return lappend(list, unconstify(char *, words));
}

static List *
dependents(Oid relid, AttrNumber attnum, FmgrInfo *flinfo)
{
	char	   *table = get_rel_name(relid);
	char	   *column = attnum != 0 ? get_attname(relid, attnum, true) : NULL;
	AttrNumber	last = attnum;
	List	   *result = NIL;
	ListCell   *lc;

	if (table == NULL || (attnum != 0 && column == NULL))
		return NIL;
	if (attnum == 0)
		last = number_of_columns(relid);
	for (AttrNumber i = attnum; i <= last; i++)
	{
		foreach(lc, ig_column_dependents(relid, i))
			result = add_text(result, dependent(relid, attnum, (const ObjectAddress *) lfirst(lc)));
	}
	if (column != NULL)
	{
		foreach(lc, ig_trigger_suspects(relid, column))
			result = lappend(result, psprintf("text of trigger %s", (char *) lfirst(lc)));
	}
	foreach(lc, ig_suspects_among(function_texts(relid, table, flinfo), column))
		result = lappend(result, psprintf("text of function %s", (char *) lfirst(lc)));
	return list_concat(result, publications(relid));
}

/*
 * The columns of a table are asked for one after the other, so the functions
 * that may name them are kept from one call to the next.
 */
static List *
function_texts(Oid relid, const char *table, FmgrInfo *flinfo)
{
	TextsOfTable *kept = (TextsOfTable *) flinfo->fn_extra;
	MemoryContext old;

	if (kept == NULL)
	{
		kept = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(TextsOfTable));
		kept->context = AllocSetContextCreate(flinfo->fn_mcxt, "invariant_guard texts",
											  ALLOCSET_DEFAULT_SIZES);
		flinfo->fn_extra = kept;
	}
	if (kept->relid == relid)
		return kept->texts;

	MemoryContextReset(kept->context);
	kept->relid = InvalidOid;
	old = MemoryContextSwitchTo(kept->context);
	kept->texts = ig_function_texts(table);
	kept->relid = relid;
	MemoryContextSwitchTo(old);
	return kept->texts;
}

/*
 * The words for one that depends on the column, or with attnum 0 on any; NULL if
 * it does not count: a default of the column's own, NOT NULL, and of the table as
 * a whole what belongs to it.
 */
static char *
dependent(Oid relid, AttrNumber attnum, const ObjectAddress *found)
{
	ObjectAddress address = *found;

	if (address.classId == TypeRelationId ||
		(address.classId == ConstraintRelationId && is_not_null(address.objectId)))
		return NULL;

	/* a view's rule is the view, and what generates a column that column */
	if (address.classId == RewriteRelationId && ig_object_relation(found) != relid)
		ObjectAddressSet(address, RelationRelationId, ig_object_relation(found));
	else if (address.classId == AttrDefaultRelationId)
		address = GetAttrDefaultColumnAddress(address.objectId);

	if (address.classId == RelationRelationId && address.objectId == relid &&
		(attnum == 0 || address.objectSubId == attnum || address.objectSubId == 0))
		return NULL;
	if (address.classId == RelationRelationId &&
		get_rel_relkind(address.objectId) == RELKIND_TOASTVALUE)
		return NULL;
	if (attnum == 0 && belongs_to(&address, relid))
		return NULL;
	return ig_describe(&address);
}

static AttrNumber
number_of_columns(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	AttrNumber	result;

	if (!HeapTupleIsValid(tuple))
		return 0;
	result = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_not_null(Oid constraint)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_constraint) GETSTRUCT(tuple))->contype == IG_CONSTRAINT_NOTNULL;
	ReleaseSysCache(tuple);
	return result;
}

static bool
belongs_to(const ObjectAddress *address, Oid relid)
{
	char		relkind;

	if (address->classId != RelationRelationId)
		return address->classId == StatisticExtRelationId ||
			ig_object_relation(address) == relid;
	relkind = get_rel_relkind(address->objectId);
	return relkind == RELKIND_SEQUENCE ||
		((relkind == RELKIND_INDEX || relkind == RELKIND_PARTITIONED_INDEX) &&
		 IndexGetRelation(address->objectId, true) == relid);
}

/*
 * Publications that publish all columns of the relation.  One with a list of
 * columns depends on each of them.
 */
static List *
publications(Oid relid)
{
	List	   *result = NIL;

	result = add_publications(result, GetRelationPublications(relid), relid);
	result = add_publications(result, GetSchemaPublications(get_rel_namespace(relid)),
								   InvalidOid);
	if (get_rel_relkind(relid) == RELKIND_RELATION ||
		get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		result = add_publications(result, GetAllTablesPublications(), InvalidOid);
	return result;
}

static List *
add_publications(List *found, List *pubids, Oid relid)
{
	ListCell   *lc;

	foreach(lc, pubids)
	{
		bool		all = true;

		if (OidIsValid(relid))
		{
			HeapTuple	tuple = SearchSysCache2(PUBLICATIONRELMAP, ObjectIdGetDatum(relid),
												ObjectIdGetDatum(lfirst_oid(lc)));

			if (!HeapTupleIsValid(tuple))
				continue;
			(void) SysCacheGetAttr(PUBLICATIONRELMAP, tuple,
								   Anum_pg_publication_rel_prattrs, &all);
			ReleaseSysCache(tuple);
		}
		if (all)
			found = lappend(found, psprintf("publication %s",
											get_publication_name(lfirst_oid(lc), false)));
	}
	return found;
}
