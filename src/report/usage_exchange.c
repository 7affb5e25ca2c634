/*-------------------------------------------------------------------------
 *
 * usage_exchange.c
 *	  The usage record of a standby, brought to its primary.
 *
 * Reads on a standby are uses, but nothing that a standby notes can reach its
 * primary by itself.  So it is exported as lines of JSON: first the window of
 * observation, then a line for each column and table that was seen.  Primary
 * and standby have the same OIDs; the names are for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <unistd.h>

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "postmaster/postmaster.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "columns/usage_record.h"
#include "platform/compat.h"

#define FORMAT_VERSION	1

/* The names of the kinds of use in the lines. */
static const char *const kind_keys[IG_USE_KINDS] = {
	"read_by_name", "read_all", "read_view", "written", "written_view",
	"copied", "checked", "explained", "ignored",
};

static char *own_name(void);
static char *window_line(IgUsageRecord *record);
static char *use_line(const IgUsageKey *key);
static void append_time(StringInfo buf, const char *key, TimestampTz at);
static void append_string(StringInfo buf, const char *key, const char *value);
static IgUsageKey *keys_of_database(IgUsageRecord *record, int *count);
static Jsonb *parse_line(const char *line, int number);
static void merge_window(IgUsageRecord *record, Jsonb *line, char *standby, int number);
static bool merge_use(IgUsageRecord *record, Jsonb *line, const char *standby, int number);
static void merge_witnesses(IgUsageRecord *record, const IgUsageKey *key, Jsonb *line,
							const char *standby);
static char *text_of(JsonbContainer *object, const char *key);
static TimestampTz time_of(JsonbContainer *object, const char *key);
static Oid oid_of(JsonbContainer *object, const char *key);
static void bad_line(int number, const char *detail);

PG_FUNCTION_INFO_V1(ig_sql_export_column_usage);
PG_FUNCTION_INFO_V1(ig_sql_merge_column_usage);
PG_FUNCTION_INFO_V1(ig_sql_forget_standby);

/*
 * invariant_guard.export_column_usage()
 */
Datum
ig_sql_export_column_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	IgUsageRecord *record = ig_usage_record();
	IgUsageKey *keys;
	int			count;
	Datum		value;
	bool		isnull = false;

	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	if (record == NULL || ig_usage_observed_since() == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no record of column usage is kept on this server"),
				 errhint("Before PostgreSQL 17 this needs invariant_guard in shared_preload_libraries.")));

	value = CStringGetTextDatum(window_line(record));
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	keys = keys_of_database(record, &count);
	for (int i = 0; i < count; i++)
	{
		char	   *line = use_line(&keys[i]);

		if (line == NULL)
			continue;
		value = CStringGetTextDatum(line);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, &value, &isnull);
	}
	return (Datum) 0;
}

/*
 * cluster_name is there to name a server; where it is not set the host and port
 * have to do.
 */
static char *
own_name(void)
{
	char		host[256] = "";

	if (cluster_name != NULL && cluster_name[0] != '\0')
		return pstrdup(cluster_name);
	if (gethostname(host, sizeof(host) - 1) != 0)
		strlcpy(host, "?", sizeof(host));
	return psprintf("%s:%d", host, PostPortNumber);
}

static char *
window_line(IgUsageRecord *record)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz gap_from;
	TimestampTz gap_to;
	StringInfoData buf;

	(void) ig_usage_observed_whole(ig_usage_observed_since(), &gap_from, &gap_to, NULL);
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"usage\": \"window\", \"version\": %d", FORMAT_VERSION);
	append_string(&buf, "system", psprintf(UINT64_FORMAT, GetSystemIdentifier()));
	appendStringInfo(&buf, ", \"database_oid\": %u", MyDatabaseId);
	append_string(&buf, "database", get_database_name(MyDatabaseId));
	append_string(&buf, "standby", own_name());
	append_time(&buf, "since", ig_usage_observed_since());
	append_time(&buf, "until", now);
	append_time(&buf, "gap_from", gap_from);
	append_time(&buf, "gap_to", gap_to);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* What can be asked of the record; and NULL of a relation that is gone. */
static char *
use_line(const IgUsageKey *key)
{
	IgColumnUse use;
	StringInfoData buf;
	char	   *table = get_rel_name(key->relid);

	if (table == NULL || !ig_usage_of(key->relid, (AttrNumber) key->attnum, &use))
		return NULL;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"usage\": \"%s\", \"relation\": %u, \"attnum\": %d, \"identity\": %u",
					 key->attnum != 0 ? "column" : "table",
					 key->relid, key->attnum, ig_usage_identity(key->relid));
	append_string(&buf, "schema", get_namespace_name(get_rel_namespace(key->relid)));
	append_string(&buf, "table", table);
	if (key->attnum != 0)
		append_string(&buf, "column", get_attname(key->relid, (AttrNumber) key->attnum, true));
	for (int i = 0; i < IG_USE_KINDS; i++)
		append_time(&buf, kind_keys[i], use.last_of[i]);
	appendStringInfoString(&buf, ", \"by\": [");
	for (int i = 0; i < use.nwitnesses; i++)
	{
		const IgUsageWitness *witness = &use.witnesses[i];

		appendStringInfo(&buf, "%s{\"role_oid\": %u, \"named\": %s", i > 0 ? ", " : "",
						 witness->role, witness->by_name ? "true" : "false");
		append_string(&buf, "role", witness->role_name);
		append_string(&buf, "application", witness->application);
		append_time(&buf, "read", witness->read_at);
		append_time(&buf, "written", witness->written_at);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "]}");
	return buf.data;
}

/* Exact to the microsecond; 0 is left out. */
static void
append_time(StringInfo buf, const char *key, TimestampTz at)
{
	char		value[MAXDATELEN + 1];

	if (at != 0)
		append_string(buf, key, JsonEncodeDateTime(value, TimestampTzGetDatum(at),
												   TIMESTAMPTZOID, NULL));
}

static void
append_string(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, ", \"%s\": ", key);
	escape_json(buf, value ? value : "");
}

/*
 * A copy: what is asked of each takes the lock.
 */
static IgUsageKey *
keys_of_database(IgUsageRecord *record, int *count)
{
	IgUsageKey *keys = MemoryContextAllocHuge(CurrentMemoryContext,
											  record->capacity * sizeof(IgUsageKey));

	*count = 0;
	ig_usage_lock(false);
	for (uint32 i = 0; i < record->highest; i++)
	{
		const IgUsageKey *key = &record->entries[i].key;

		if (key->database == MyDatabaseId && OidIsValid(key->relid))
			keys[(*count)++] = *key;
	}
	ig_usage_unlock();
	return keys;
}

/*
 * invariant_guard.merge_column_usage(jsonl): the window is the first line.
 */
Datum
ig_sql_merge_column_usage(PG_FUNCTION_ARGS)
{
	char	   *rest = text_to_cstring(PG_GETARG_TEXT_PP(0));
	IgUsageRecord *record = ig_usage_record();
	char		standby[NAMEDATALEN] = "";
	int			number = 0;
	int			merged = 0;
	char	   *line;

	if (record == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("no record of column usage is kept on this server"),
				 errhint("Before PostgreSQL 17 this needs invariant_guard in shared_preload_libraries.")));

	while ((line = strsep(&rest, "\n")) != NULL)
	{
		Jsonb	   *json;
		char	   *what;

		CHECK_FOR_INTERRUPTS();
		number++;
		if (line[strspn(line, " \t\r")] == '\0')
			continue;
		json = parse_line(line, number);
		what = text_of(&json->root, "usage");
		if (what != NULL && strcmp(what, "window") == 0)
			merge_window(record, json, standby, number);
		else if (standby[0] == '\0')
			bad_line(number, "The first line is not the window of an export.");
		else if (what == NULL || (strcmp(what, "column") != 0 && strcmp(what, "table") != 0))
			bad_line(number, "It is neither a window nor the use of a column or table.");
		else if (merge_use(record, json, standby, number))
			merged++;
	}
	if (standby[0] == '\0')
		bad_line(number, "There is no window of observation.");
	PG_RETURN_INT32(merged);
}

static Jsonb *
parse_line(const char *line, int number)
{
	Jsonb	   *json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(line)));

	if (!JB_ROOT_IS_OBJECT(json))
		bad_line(number, "It is not a JSON object.");
	return json;
}

/*
 * Only what a standby of this very server exported has the same OIDs.
 */
static void
merge_window(IgUsageRecord *record, Jsonb *line, char *standby, int number)
{
	JsonbContainer *json = &line->root;
	char	   *version = text_of(json, "version");
	char	   *system = text_of(json, "system");
	char	   *name = text_of(json, "standby");
	IgUsageStandby window = {.database = MyDatabaseId};
	IgUsageStandby *place = NULL;

	if (version == NULL || atoi(version) != FORMAT_VERSION)
		bad_line(number, "It is of an unknown version.");
	if (system == NULL || strcmp(system, psprintf(UINT64_FORMAT, GetSystemIdentifier())) != 0)
		bad_line(number, "It was not exported by a standby of this server.");
	if (oid_of(json, "database_oid") != MyDatabaseId)
		bad_line(number, "It was exported in another database.");
	if (name == NULL || name[0] == '\0')
		bad_line(number, "It does not name the standby.");

	name[pg_mbcliplen(name, strlen(name), NAMEDATALEN - 1)] = '\0';
	strlcpy(standby, name, NAMEDATALEN);
	strlcpy(window.name, name, NAMEDATALEN);
	window.since = time_of(json, "since");
	window.until = Min(time_of(json, "until"), GetCurrentTimestamp());
	window.gap_from = time_of(json, "gap_from");
	window.gap_to = time_of(json, "gap_to");
	if (window.since == 0 || window.until < window.since)
		bad_line(number, "It does not tell from when until when it observed.");

	ig_usage_lock(true);
	for (int i = 0; i < record->nstandbys; i++)
	{
		if (record->standbys[i].database == MyDatabaseId &&
			strcmp(record->standbys[i].name, name) == 0)
			place = &record->standbys[i];
	}
	if (place == NULL && record->nstandbys < IG_USAGE_STANDBYS)
		place = &record->standbys[record->nstandbys++];
	if (place != NULL && place->until <= window.until)
		*place = window;
	record->changes++;
	ig_usage_unlock();

	if (place == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("there is no room for more than %d standbys", IG_USAGE_STANDBYS),
				 errhint("SELECT invariant_guard.forget_standby('...') for one that is no more.")));
}

/*
 * false if the relation is gone, or is another one by now.
 */
static bool
merge_use(IgUsageRecord *record, Jsonb *line, const char *standby, int number)
{
	JsonbContainer *json = &line->root;
	char	   *attnum = text_of(json, "attnum");
	Oid			relid = oid_of(json, "relation");
	uint32		identity = ig_usage_identity(relid);
	IgUsageKey	key = {MyDatabaseId, relid, attnum ? atoi(attnum) : -1};
	IgUsageEntry *entry;
	TimestampTz last_of[IG_USE_KINDS];
	TimestampTz now = GetCurrentTimestamp();

	if (!OidIsValid(relid) || key.attnum < 0 || key.attnum > MaxHeapAttributeNumber)
		bad_line(number, "It does not tell the table and the column.");
	if (identity == 0 || identity != oid_of(json, "identity"))
		return false;
	for (int i = 0; i < IG_USE_KINDS; i++)
		last_of[i] = Min(time_of(json, kind_keys[i]), now);

	ig_usage_lock(true);
	entry = ig_usage_enter_relation(record, MyDatabaseId, relid, identity, now);
	if (entry != NULL && key.attnum != 0)
		entry = ig_usage_enter(record, &key);
	if (entry != NULL)
	{
		if (entry->first_seen == 0)
			entry->first_seen = now;
		for (int i = 0; i < IG_USE_KINDS; i++)
			entry->last_of[i] = Max(entry->last_of[i], last_of[i]);
	}
	else
		ig_usage_gap(record, MyDatabaseId, IG_GAP_FULL, now, now);
	record->changes++;
	ig_usage_unlock();
	if (entry != NULL)
		merge_witnesses(record, &key, line, standby);
	return entry != NULL;
}

static void
merge_witnesses(IgUsageRecord *record, const IgUsageKey *key, Jsonb *line, const char *standby)
{
	JsonbValue	list;
	TimestampTz now = GetCurrentTimestamp();

	if (getKeyJsonValueFromContainer(&line->root, "by", 2, &list) == NULL ||
		list.type != jbvBinary || !JsonContainerIsArray(list.val.binary.data))
		return;

	for (uint32 i = 0; i < JsonContainerSize(list.val.binary.data); i++)
	{
		JsonbValue *item = getIthJsonbValueFromContainer(list.val.binary.data, i);
		JsonbContainer *json;
		IgUsageEntry *entry;
		char	   *role;
		char	   *application;
		char	   *named;
		Oid			role_oid;
		TimestampTz read_at;
		TimestampTz written_at;

		if (item == NULL || item->type != jbvBinary ||
			!JsonContainerIsObject(item->val.binary.data))
			continue;
		json = item->val.binary.data;
		role = text_of(json, "role");
		application = text_of(json, "application");
		named = text_of(json, "named");
		role_oid = oid_of(json, "role_oid");
		read_at = Min(time_of(json, "read"), now);
		written_at = Min(time_of(json, "written"), now);
		if (role == NULL || application == NULL)
			continue;
		role[pg_mbcliplen(role, strlen(role), NAMEDATALEN - 1)] = '\0';
		application[pg_mbcliplen(application, strlen(application), NAMEDATALEN - 1)] = '\0';

		ig_usage_lock(true);
		entry = ig_usage_find(record, key);
		if (entry != NULL)
			ig_usage_witness(entry, record,
							 ig_usage_slot(record, application, role_oid, role, standby,
										   Max(read_at, written_at)),
							 named != NULL && strcmp(named, "true") == 0,
							 read_at, written_at);
		ig_usage_unlock();
	}
}

/*
 * invariant_guard.forget_standby(name): what it has read stays.
 */
Datum
ig_sql_forget_standby(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	IgUsageRecord *record = ig_usage_record();
	bool		found = false;

	if (record == NULL)
		PG_RETURN_BOOL(false);
	ig_usage_lock(true);
	for (int i = record->nstandbys - 1; i >= 0; i--)
	{
		if (record->standbys[i].database != MyDatabaseId ||
			strcmp(record->standbys[i].name, name) != 0)
			continue;
		record->standbys[i] = record->standbys[--record->nstandbys];
		record->changes++;
		found = true;
	}
	ig_usage_unlock();
	PG_RETURN_BOOL(found);
}

/* A string, number or boolean as text, or NULL. */
static char *
text_of(JsonbContainer *object, const char *key)
{
	JsonbValue	value;

	if (getKeyJsonValueFromContainer(object, key, strlen(key), &value) == NULL)
		return NULL;
	switch (value.type)
	{
		case jbvString:
			return pnstrdup(value.val.string.val, value.val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out,
													   NumericGetDatum(value.val.numeric)));
		case jbvBool:
			return pstrdup(value.val.boolean ? "true" : "false");
		default:
			return NULL;
	}
}

static TimestampTz
time_of(JsonbContainer *object, const char *key)
{
	char	   *string = text_of(object, key);
	TimestampTz at;

	if (string == NULL)
		return 0;
	at = DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(string),
												 ObjectIdGetDatum(InvalidOid),
												 Int32GetDatum(-1)));
	return TIMESTAMP_NOT_FINITE(at) ? 0 : at;
}

static Oid
oid_of(JsonbContainer *object, const char *key)
{
	char	   *string = text_of(object, key);

	return string != NULL ? (Oid) strtoul(string, NULL, 10) : InvalidOid;
}

static void
bad_line(int number, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("line %d is no part of an exported usage record", number),
			 errdetail("%s", detail),
			 errhint("Merge the whole of what invariant_guard.export_column_usage() gave in this database on a standby.")));
}
