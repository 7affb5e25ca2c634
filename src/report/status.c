/*-------------------------------------------------------------------------
 *
 * status.c
 *	  Which layers of the guard are in force in this session.
 *
 * Each layer works without the others, so status() says of each one whether
 * it is there, how it came to be there, and what is therefore not covered.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "columns/usage_record.h"
#include "gate/decide.h"
#include "gate/hooks.h"
#include "model/ledger.h"
#include "platform/compat.h"
#include "platform/library.h"
#include "platform/shared.h"
#include "report/status.h"

#define STATUS_COLUMNS	4

typedef enum LoadedBy
{
	LOADED_BY_SERVER,			/* shared_preload_libraries */
	LOADED_BY_SESSION,			/* session_preload_libraries */
	LOADED_BY_LOGIN,			/* the login event trigger */
	LOADED_BY_STATEMENT			/* the first that needed it */
} LoadedBy;

/* Statements that fire no event trigger, whatever the extension does. */
#if IG_HAS_REINDEX_EVENT
#define REINDEX_IF_UNSEEN	""
#else
#define REINDEX_IF_UNSEEN	"REINDEX, "
#endif
#define UNSEEN_BY_EVENTS \
	"TRUNCATE, LOCK TABLE, VACUUM FULL, CLUSTER, " REINDEX_IF_UNSEEN \
	"EXPLAIN ANALYZE CREATE TABLE AS, REASSIGN OWNED, ALTER SYSTEM, " \
	"and statements on databases, roles and event triggers"

static const char *const ddl_triggers[] = {
	"invariant_guard_ddl_start",
	"invariant_guard_ddl_end",
	"invariant_guard_rewrite",
	NULL
};

static const char *const login_triggers[] = {"invariant_guard_login", NULL};

static void put_row(ReturnSetInfo *rsinfo, const char *layer, bool in_force,
					const char *how, const char *not_covered);
static void put_hook_rows(ReturnSetInfo *rsinfo);
static void put_event_trigger_row(ReturnSetInfo *rsinfo);
static void put_login_row(ReturnSetInfo *rsinfo);
static void put_session_row(ReturnSetInfo *rsinfo);
static void put_mode_row(ReturnSetInfo *rsinfo);
static void put_ledger_row(ReturnSetInfo *rsinfo);
static void put_usage_row(ReturnSetInfo *rsinfo);
static LoadedBy how_loaded(void);
static bool is_preloaded(char **statement);
static bool is_loaded_by_login(void);
static bool are_event_triggers_on(void);
static char *triggers_not_always(const char *const *names);
static bool is_trigger_always(const char *name);
static char *stored_session_preload(Oid database, Oid role);
static char *libraries_in(HeapTuple tuple, TupleDesc desc);
static int	compare_roles(const ListCell *a, const ListCell *b);
static char *database_name(void);
static char *preload_statement(const char *object, const char *libraries);

PG_FUNCTION_INFO_V1(ig_sql_status);
PG_FUNCTION_INFO_V1(ig_sql_warn_if_not_preloaded);

/*
 * invariant_guard.status()
 */
Datum
ig_sql_status(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);

	put_hook_rows(rsinfo);
	put_event_trigger_row(rsinfo);
	put_login_row(rsinfo);
	put_row(rsinfo, "security labels", true,
			"the provider is registered in this session", NULL);
	put_session_row(rsinfo);
	put_mode_row(rsinfo);
	put_ledger_row(rsinfo);
	put_usage_row(rsinfo);

	return (Datum) 0;
}

/*
 * invariant_guard.warn_if_not_preloaded(): the last word of the installation.
 *
 * What was stored for the database counts too: it holds from the next session
 * on, which is what the warning is about.
 */
Datum
ig_sql_warn_if_not_preloaded(PG_FUNCTION_ARGS)
{
	char	   *statement;
	bool		by_login;

	if (is_preloaded(&statement))
		PG_RETURN_VOID();

	/* a login trigger loads it just as early, but can be silenced */
	by_login = is_loaded_by_login();

	ereport(WARNING,
			(errcode(ERRCODE_WARNING),
			 errmsg("library \"%s\" is not preloaded", IG_LIBRARY_NAME),
			 by_login ?
			 errdetail("The login event trigger loads it into each session, but not while event_triggers is off.") :
			 errdetail("Before the first DDL of a session these are not judged: %s.",
					   UNSEEN_BY_EVENTS),
			 errhint("%s", statement)));

	PG_RETURN_VOID();
}

bool
ig_status_sessions_load(char **statement)
{
	return is_preloaded(statement) || is_loaded_by_login();
}

List *
ig_status_weak_event_triggers(void)
{
	List	   *names = NIL;

	for (int i = 0; ddl_triggers[i] != NULL; i++)
	{
		if (!is_trigger_always(ddl_triggers[i]))
			names = lappend(names, (void *) ddl_triggers[i]);
	}
	return names;
}

static bool
is_preloaded(char **statement)
{
	char	   *stored = stored_session_preload(MyDatabaseId, InvalidOid);
	const char *libraries = stored ? stored : session_preload_libraries_string;

	*statement = preload_statement(psprintf("DATABASE %s", database_name()), libraries);
	return ig_loaded_at_server_start || ig_library_is_listed(libraries) ||
		ig_library_is_listed(session_preload_libraries_string);
}

static bool
is_loaded_by_login(void)
{
	return IG_HAS_LOGIN_EVENT && are_event_triggers_on() &&
		triggers_not_always(login_triggers) == NULL;
}

static void
put_row(ReturnSetInfo *rsinfo, const char *layer, bool in_force,
		const char *how, const char *not_covered)
{
	Datum		values[STATUS_COLUMNS];
	bool		nulls[STATUS_COLUMNS] = {false, false, false, false};

	values[0] = CStringGetTextDatum(layer);
	values[1] = BoolGetDatum(in_force);
	values[2] = CStringGetTextDatum(how);
	if (not_covered)
		values[3] = CStringGetTextDatum(not_covered);
	else
	{
		values[3] = (Datum) 0;
		nulls[3] = true;
	}
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * Whoever reads this has the library loaded, so the hooks are there; the
 * question is since when, and whether other sessions have them.  The object
 * access hook already sees the statement that loads the library, the utility
 * hook only the next one.
 */
static void
put_hook_rows(ReturnSetInfo *rsinfo)
{
	const char *how = NULL;
	const char *utility_gap = NULL;
	const char *access_gap = NULL;

	switch (how_loaded())
	{
		case LOADED_BY_SERVER:
			how = "loaded by shared_preload_libraries";
			utility_gap = "what a subscription applies";
			access_gap = utility_gap;
			break;
		case LOADED_BY_SESSION:
			how = "loaded by session_preload_libraries";
			utility_gap = "replication connections before their first DDL; "
				"DROP DATABASE and ALTER DATABASE in sessions of other databases; "
				"what a subscription applies";
			access_gap = "TRUNCATE in replication connections before their first DDL; "
				"what a subscription applies";
			break;
		case LOADED_BY_LOGIN:
			how = "loaded by the login event trigger";
			utility_gap = "sessions that connect while event_triggers is off; "
				"DROP DATABASE and ALTER DATABASE in sessions of other databases; "
				"what a subscription applies";
			access_gap = "TRUNCATE in sessions that connect while event_triggers is off; "
				"what a subscription applies";
			break;
		case LOADED_BY_STATEMENT:
			how = "loaded by a statement of this session: the first DDL, "
				"LOAD, or a function of the extension";
			utility_gap = "in sessions that do not load the library as they connect, "
				"before their first DDL: " UNSEEN_BY_EVENTS;
			access_gap = "in sessions that do not load the library as they connect, "
				"before their first DDL: TRUNCATE";
			break;
	}

	put_row(rsinfo, "utility hook", true, how, utility_gap);
	put_row(rsinfo, "object access hook", true, how, access_gap);
}

static LoadedBy
how_loaded(void)
{
	if (ig_loaded_at_server_start)
		return LOADED_BY_SERVER;
	if (ig_library_is_listed(session_preload_libraries_string))
		return LOADED_BY_SESSION;
	if (ig_loaded_by_login)
		return LOADED_BY_LOGIN;
	return LOADED_BY_STATEMENT;
}

static void
put_event_trigger_row(ReturnSetInfo *rsinfo)
{
	char	   *missing = triggers_not_always(ddl_triggers);

	if (missing)
		put_row(rsinfo, "event triggers", false,
				psprintf("missing or not enabled always: %s", missing),
				"all DDL of sessions that do not preload the library; "
				"table rewrites that no rule predicted");
	else if (!are_event_triggers_on())
		put_row(rsinfo, "event triggers", false,
				"the setting event_triggers is off",
				"all DDL of sessions that do not preload the library; "
				"table rewrites that no rule predicted");
	else
		put_row(rsinfo, "event triggers", true,
				"enabled always, so in replica role too",
				"left to the utility hook: " UNSEEN_BY_EVENTS);
}

static void
put_login_row(ReturnSetInfo *rsinfo)
{
	const char *layer = "login event trigger";

	if (!IG_HAS_LOGIN_EVENT)
		put_row(rsinfo, layer, false, "PostgreSQL has it from version 17 on",
				"sessions that do not preload the library, before their first DDL");
	else if (triggers_not_always(login_triggers) != NULL)
		put_row(rsinfo, layer, false, "missing or not enabled always",
				"sessions that do not preload the library, before their first DDL");
	else if (!are_event_triggers_on())
		put_row(rsinfo, layer, false, "the setting event_triggers is off",
				"sessions that do not preload the library, before their first DDL");
	else
		put_row(rsinfo, layer, true,
				"enabled always: loads the library when a session connects", NULL);
}

/*
 * Only where there is something to tell: triggers are silent in this session.
 */
static void
put_session_row(ReturnSetInfo *rsinfo)
{
	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		put_row(rsinfo, "session_replication_role", false,
				"replica in this session",
				"rows: triggers and rules that do not fire always are silent, those of foreign keys among them");
}

static void
put_mode_row(ReturnSetInfo *rsinfo)
{
	IgMode		mode = ig_effective_mode();
	const char *gap = NULL;
	char	   *how;

	if (ig_guc_mode != IG_MODE_AUTO)
		how = psprintf("%s, as invariant_guard.mode says", ig_mode_name(mode));
	else
		how = psprintf("%s: invariant_guard.mode is auto, and the extension is %s in this database",
					   ig_mode_name(mode),
					   mode == IG_MODE_OFF ? "not created" : "created");

	if (mode == IG_MODE_OFF)
		gap = "everything: no statement is judged";
	else if (mode == IG_MODE_OBSERVE)
		gap = "nothing is refused: findings go to the server log";
	else if (mode == IG_MODE_WARN)
		gap = "nothing is refused: errors are warnings";

	put_row(rsinfo, "mode", mode != IG_MODE_OFF, how, gap);
}

/*
 * What the views refusals, findings and rule_counters show.
 */
static void
put_ledger_row(ReturnSetInfo *rsinfo)
{
	const char *layer = "record of findings";
	uint64		uncounted;

	if (!ig_shared_is_possible())
	{
		put_row(rsinfo, layer, false,
				"before PostgreSQL 17 it needs shared_preload_libraries",
				"the views refusals, findings and rule_counters are empty: "
				"see the server log");
		return;
	}

	uncounted = ig_ledger_uncounted();
	put_row(rsinfo, layer, true,
			psprintf("the last %d findings of the server, and counts for each rule, "
					 "since its start", IG_LEDGER_SIZE),
			uncounted == 0 ? NULL :
			psprintf("there is no room for more rules and databases: "
					 UINT64_FORMAT " findings were not counted", uncounted));
}

/*
 * What the view column_usage shows.
 */
static void
put_usage_row(ReturnSetInfo *rsinfo)
{
	const char *layer = "usage record";
	IgUsageRecord *record = ig_usage_record();
	const char *gap = NULL;

	if (record == NULL)
	{
		put_row(rsinfo, layer, false,
				ig_usage_is_kept() ? "there is no shared memory for it" :
				"before PostgreSQL 17 it needs shared_preload_libraries",
				"who uses which column: the view column_usage shows dependents only");
		return;
	}

	if (!ig_guc_track_columns)
		gap = "invariant_guard.track_columns is off in this session";
	else if (record->unrecorded > 0)
		gap = psprintf("invariant_guard.usage_max_columns is too small: " UINT64_FORMAT
					   " uses were not recorded", record->unrecorded);
	else if (!record->has_worker)
		gap = "no background worker writes it to disk: is max_worker_processes too small?";
	put_row(rsinfo, layer, ig_guc_track_columns,
			psprintf("%u of %u columns and tables; on disk since %s", record->used,
					 record->capacity, timestamptz_to_str(record->saved_at)), gap);
}

/*
 * From 17 on a superuser can switch off all event triggers of a session.
 */
static bool
are_event_triggers_on(void)
{
	const char *value = GetConfigOption("event_triggers", true, false);

	return value == NULL || strcmp(value, "on") == 0;
}

/*
 * The triggers that are not there or do not fire always; NULL if all do.
 */
static char *
triggers_not_always(const char *const *names)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (; *names; names++)
	{
		if (!is_trigger_always(*names))
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", *names);
	}
	return buf.len > 0 ? buf.data : NULL;
}

/*
 * A trigger of the right name that calls another's function is none of ours.
 */
static bool
is_trigger_always(const char *name)
{
	HeapTuple	tuple;
	Form_pg_event_trigger form;
	bool		always;

	tuple = SearchSysCache1(EVENTTRIGGERNAME, CStringGetDatum(name));
	if (!HeapTupleIsValid(tuple))
		return false;

	form = (Form_pg_event_trigger) GETSTRUCT(tuple);
	always = form->evtenabled == TRIGGER_FIRES_ALWAYS &&
		get_func_namespace(form->evtfoid) == get_namespace_oid("invariant_guard", true);
	ReleaseSysCache(tuple);
	return always;
}

/*
 * What ALTER DATABASE or ALTER ROLE ... SET session_preload_libraries stored, or
 * NULL.
 */
static char *
stored_session_preload(Oid database, Oid role)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	char	   *value = NULL;

	ScanKeyInit(&keys[0], Anum_pg_db_role_setting_setdatabase,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(database));
	ScanKeyInit(&keys[1], Anum_pg_db_role_setting_setrole,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(role));

	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	scan = systable_beginscan(rel, DbRoleSettingDatidRolidIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		value = libraries_in(tuple, RelationGetDescr(rel));
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return value;
}

static char *
libraries_in(HeapTuple tuple, TupleDesc desc)
{
	static const char prefix[] = "session_preload_libraries=";
	bool		isnull;
	Datum		config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig, desc, &isnull);
	Datum	   *items = NULL;
	bool	   *nulls = NULL;
	int			nitems = 0;
	char	   *value = NULL;

	if (!isnull)
		deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false,
						  TYPALIGN_INT, &items, &nulls, &nitems);
	for (int i = 0; i < nitems; i++)
	{
		char	   *item = nulls[i] ? NULL : TextDatumGetCString(items[i]);

		if (item && pg_strncasecmp(item, prefix, strlen(prefix)) == 0)
			value = item + strlen(prefix);
	}
	return value;
}

/*
 * What is stored for a role in this database goes before what is stored for it
 * in all.
 */
List *
ig_status_roles_not_loading(void)
{
	Relation	rel;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *result = NIL;

	if (ig_loaded_at_server_start || is_loaded_by_login())
		return NIL;
	rel = table_open(DbRoleSettingRelationId, AccessShareLock);
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_db_role_setting form = (Form_pg_db_role_setting) GETSTRUCT(tuple);
		bool		everywhere = !OidIsValid(form->setdatabase);
		char	   *name = OidIsValid(form->setrole) ? GetUserNameFromId(form->setrole, true) : NULL;
		char	   *libraries = libraries_in(tuple, RelationGetDescr(rel));
		IgRolePreload *found;

		if (name == NULL || libraries == NULL || ig_library_is_listed(libraries) ||
			(!everywhere && form->setdatabase != MyDatabaseId) ||
			(everywhere && stored_session_preload(MyDatabaseId, form->setrole) != NULL))
			continue;
		found = palloc0(sizeof(IgRolePreload));
		found->role = name;
		found->libraries = libraries;
		found->statement = preload_statement(psprintf("ROLE %s%s%s", quote_identifier(name),
													  everywhere ? "" : " IN DATABASE ",
													  everywhere ? "" : database_name()),
											 libraries);
		result = lappend(result, found);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	list_sort(result, compare_roles);
	return result;
}

static int
compare_roles(const ListCell *a, const ListCell *b)
{
	return strcmp(((const IgRolePreload *) lfirst(a))->role,
				  ((const IgRolePreload *) lfirst(b))->role);
}

/* Quoted. */
static char *
database_name(void)
{
	char	   *name = get_database_name(MyDatabaseId);

	return pstrdup(quote_identifier(name ? name : "?"));
}

/*
 * The statement that adds the library to what is preloaded already.  Each
 * library is a literal of its own: one literal that holds a list would be
 * taken for one name.
 */
static char *
preload_statement(const char *object, const char *libraries)
{
	StringInfoData buf;
	List	   *files = NIL;
	ListCell   *lc;

	if (libraries &&
		!SplitDirectoriesString(pstrdup(libraries), ',', &files))
		files = NIL;

	initStringInfo(&buf);
	appendStringInfo(&buf, "ALTER %s SET session_preload_libraries = ", object);
	foreach(lc, files)
	{
		const char *file = (const char *) lfirst(lc);

		/* SET ... = '' is stored as a library without a name */
		if (file[0] != '\0')
			appendStringInfo(&buf, "%s, ", quote_literal_cstr(file));
	}
	appendStringInfo(&buf, "%s;", quote_literal_cstr(IG_LIBRARY_NAME));
	return buf.data;
}
