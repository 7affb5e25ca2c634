/*-------------------------------------------------------------------------
 *
 * settings.c
 *	  Every setting of the extension: definition, check and assignment.
 *
 * What could weaken the guard is PGC_SUSET: only superusers set it, and roles
 * to which they gave GRANT SET ON PARAMETER.  Lists are plain strings, not
 * GUC_LIST_INPUT, whose quoting by element would break rule(object) and
 * "Odd.Name" when ALTER DATABASE ... SET or pg_dump store them.
 *
 * A value that was given before the library was loaded is a placeholder.  The
 * server checks it when the setting is defined, with the rights of the role
 * that gave it; where it is not good, there is a WARNING and the default
 * holds.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "datatype/timestamp.h"
#include "parser/scansup.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"

#include "platform/compat.h"
#include "platform/freeze.h"
#include "platform/settings.h"
#include "platform/text.h"

int			ig_guc_mode = IG_MODE_AUTO;
int			ig_guc_environment = IG_ENVIRONMENT_PRODUCTION;
int			ig_guc_message_style = IG_MESSAGE_STANDARD;
bool		ig_guc_exempt_empty_tables = false;
int			ig_guc_exempt_smaller_than = 0;
int			ig_guc_ddl_lock_timeout = 5000;
int			ig_guc_max_rows_while_locked = 1000;
int			ig_guc_retirement_period = 7 * SECS_PER_DAY;
int			ig_guc_retired_column_use = IG_RETIRED_USE_RECORD;
char	   *ig_guc_reason = NULL;

const IgPatternList *ig_financial_tables = NULL;
const IgPatternList *ig_protected_tables = NULL;
const IgPatternList *ig_protected_databases = NULL;
const IgAllowList *ig_allow_list = NULL;
uint64		ig_allow_generation = 0;
SubTransactionId ig_allow_set_subid = InvalidSubTransactionId;

/* Published by assign_severity; read by ig_severity_lookup. */
static const IgSeverityList *severity_list = NULL;

/* What severity and allow may name; handed in by ig_settings_init. */
static const IgNameSet *name_set = NULL;

/* The texts of the lists, which only the server and SHOW need. */
static char *severity_string = NULL;
static char *financial_tables_string = NULL;
static char *protected_tables_string = NULL;
static char *protected_databases_string = NULL;
static char *allow_string = NULL;
static char *schema_freeze_string = NULL;

static const struct config_enum_entry mode_options[] = {
	{"auto", IG_MODE_AUTO, false},
	{"off", IG_MODE_OFF, false},
	{"observe", IG_MODE_OBSERVE, false},
	{"warn", IG_MODE_WARN, false},
	{"enforce", IG_MODE_ENFORCE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry environment_options[] = {
	{"production", IG_ENVIRONMENT_PRODUCTION, false},
	{"staging", IG_ENVIRONMENT_STAGING, false},
	{"development", IG_ENVIRONMENT_DEVELOPMENT, false},
	{NULL, 0, false}
};

static const struct config_enum_entry message_style_options[] = {
	{"standard", IG_MESSAGE_STANDARD, false},
	{"full", IG_MESSAGE_FULL, false},
	{NULL, 0, false}
};

static const struct config_enum_entry retired_use_options[] = {
	{"record", IG_RETIRED_USE_RECORD, false},
	{"warn", IG_RETIRED_USE_WARN, false},
	{"error", IG_RETIRED_USE_ERROR, false},
	{NULL, 0, false}
};

static void define_gate_settings(void);
static void define_table_settings(void);
static void define_lock_settings(void);
static void define_retirement_settings(void);
static void define_session_settings(void);
static void define_pattern_setting(const char *name, const char *short_desc,
								   const char *long_desc, char **value,
								   GucStringCheckHook check, GucStringAssignHook assign);
static bool check_severity(char **newval, void **extra, GucSource source);
static void assign_severity(const char *newval, void *extra);
static bool check_table_patterns(char **newval, void **extra, GucSource source);
static bool check_database_patterns(char **newval, void **extra, GucSource source);
static void assign_financial_tables(const char *newval, void *extra);
static void assign_protected_tables(const char *newval, void *extra);
static void assign_protected_databases(const char *newval, void *extra);
static bool check_schema_freeze(char **newval, void **extra, GucSource source);
static void assign_schema_freeze(const char *newval, void *extra);
static bool check_reason(char **newval, void **extra, GucSource source);
static bool check_allow(char **newval, void **extra, GucSource source);
static void assign_allow(const char *newval, void *extra);
static bool is_of_session(const char *name, GucSource source);

/*
 * Define all settings.  reason comes before allow, because a placeholder of
 * allow is accepted only where the reason is known already.
 */
void
ig_settings_init(const IgNameSet *names)
{
	name_set = names;

	define_gate_settings();
	define_table_settings();
	define_lock_settings();
	define_retirement_settings();
	define_session_settings();
	ig_settings_usage_init();

	MarkGUCPrefixReserved("invariant_guard");
}

bool
ig_severity_lookup(const char *rule, const char *family, IgLevel *level)
{
	const char *names[] = {rule, family, "all"};

	if (severity_list == NULL)
		return false;

	for (int i = 0; i < lengthof(names); i++)
	{
		if (names[i] == NULL)
			continue;
		for (int j = severity_list->count - 1; j >= 0; j--)
		{
			if (strcmp(severity_list->items[j].name, names[i]) == 0)
			{
				*level = (IgLevel) severity_list->items[j].level;
				return true;
			}
		}
	}
	return false;
}

const char *
ig_level_name(IgLevel level)
{
	switch (level)
	{
		case IG_LEVEL_OFF:
			return "off";
		case IG_LEVEL_NOTICE:
			return "notice";
		case IG_LEVEL_WARNING:
			return "warning";
		case IG_LEVEL_ERROR:
			return "error";
	}
	return "error";				/* keep compiler quiet */
}

const char *
ig_mode_name(IgMode mode)
{
	for (const struct config_enum_entry *entry = mode_options; entry->name; entry++)
	{
		if (entry->val == (int) mode)
			return entry->name;
	}
	return "enforce";			/* keep compiler quiet */
}

const char *
ig_environment_name(void)
{
	return environment_options[ig_guc_environment].name;
}

const char *
ig_environment_source(void)
{
	const struct config_generic *setting = ig_guc_find("invariant_guard.environment");

	switch (setting ? setting->source : PGC_S_DEFAULT)
	{
		case PGC_S_DEFAULT:
		case PGC_S_DYNAMIC_DEFAULT:
			return "which is the default where nothing is set";
		case PGC_S_ENV_VAR:
		case PGC_S_FILE:
		case PGC_S_ARGV:
		case PGC_S_GLOBAL:
			return "as the server's configuration says";
		case PGC_S_DATABASE:
			return "as ALTER DATABASE has set it";
		case PGC_S_USER:
		case PGC_S_DATABASE_USER:
			return "as ALTER ROLE has set it";
		case PGC_S_CLIENT:
			return "as the connection string says";
		default:
			return "as this session has set it";
	}
}

/*
 * How findings are made and told.
 */
static void
define_gate_settings(void)
{
	/*
	 * invariant_guard.mode caps what all rules do.  "enforce" refuses what a
	 * rule of level error finds; "warn" lets it pass with a warning;
	 * "observe" only writes it to the server's log; "off" does not look.
	 * "auto", the default, is enforce in a database where the extension was
	 * created and off in every other one.  An explicit value holds in
	 * databases without the extension too.
	 */
	DefineCustomEnumVariable("invariant_guard.mode",
							 "Sets what happens to a statement that a rule objects to.",
							 "auto is enforce where the extension was created, and off elsewhere.",
							 &ig_guc_mode,
							 IG_MODE_AUTO,
							 mode_options,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);

	/*
	 * invariant_guard.severity changes the level of rules, as in
	 * 'drop-index-blocking=warning, compatibility=notice'.  Left of the
	 * equals sign stands a rule, a family of rules or "all"; right of it
	 * error, warning, notice or off.  A rule's own name beats its family,
	 * which beats "all", wherever they stand; of two equal names the last one
	 * counts.  What protects financial and protected tables cannot be
	 * lowered.
	 */
	DefineCustomStringVariable("invariant_guard.severity",
							   "Sets the level of single rules, or of families of rules.",
							   "A list of rule=level, where level is error, warning, notice or off.",
							   &severity_string,
							   "",
							   PGC_SUSET,
							   0,
							   check_severity,
							   assign_severity,
							   NULL);

	/*
	 * invariant_guard.environment says what kind of database this is:
	 * production, staging or development.  A database of which nothing was
	 * said is production.
	 */
	DefineCustomEnumVariable("invariant_guard.environment",
							 "Says what kind of database this is.",
							 NULL,
							 &ig_guc_environment,
							 IG_ENVIRONMENT_PRODUCTION,
							 environment_options,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);

	/*
	 * invariant_guard.schema_freeze holds the times in which only what adds
	 * to the schema passes: '[2026-12-20, 2027-01-02)', several of them
	 * separated by commas, or a multirange.  A bound that names no time zone
	 * is UTC.
	 */
	DefineCustomStringVariable("invariant_guard.schema_freeze",
							   "Sets the times in which only additive DDL passes.",
							   "A list of ranges of time, as in [2026-12-20, 2027-01-02); UTC where no time zone is named.",
							   &schema_freeze_string,
							   "",
							   PGC_SUSET,
							   0,
							   check_schema_freeze,
							   assign_schema_freeze,
							   NULL);

	/*
	 * invariant_guard.message_style puts, with "full", DETAIL and HINT into
	 * the message itself, for clients that show nothing but the message.  It
	 * changes no verdict, so every user may set it.
	 */
	DefineCustomEnumVariable("invariant_guard.message_style",
							 "Sets whether messages repeat their DETAIL and HINT.",
							 "full is for clients that show the message alone.",
							 &ig_guc_message_style,
							 IG_MESSAGE_STANDARD,
							 message_style_options,
							 PGC_USERSET,
							 0,
							 NULL,
							 NULL,
							 NULL);
}

/*
 * Which tables and databases are judged more or less strictly.
 */
static void
define_table_settings(void)
{
	/*
	 * invariant_guard.financial_tables names tables of the class financial,
	 * beside those that bear the security label: 'payments, ledger.*,
	 * public.invoice_*'.  A star stands for any run of characters.  A name
	 * without a schema is meant in every schema.  Names are folded to lower
	 * case unless they are in double quotes.
	 */
	define_pattern_setting("invariant_guard.financial_tables",
						   "Names the tables that hold financial records.",
						   "A list of table patterns, as in payments, ledger.*, public.invoice_*.",
						   &financial_tables_string,
						   check_table_patterns,
						   assign_financial_tables);

	/*
	 * invariant_guard.protected_tables names tables of the class protected,
	 * by the same patterns: rules that guard their data cannot be lowered by
	 * invariant_guard.severity.
	 */
	define_pattern_setting("invariant_guard.protected_tables",
						   "Names the tables for which destructive rules cannot be lowered.",
						   "A list of table patterns, as in users, core.*.",
						   &protected_tables_string,
						   check_table_patterns,
						   assign_protected_tables);

	/*
	 * invariant_guard.protected_databases names databases that can be neither
	 * dropped nor renamed: 'shop, billing_*'.  DROP DATABASE is run from
	 * another database, so this belongs into the server's configuration,
	 * along with shared_preload_libraries.
	 */
	define_pattern_setting("invariant_guard.protected_databases",
						   "Names the databases that can be neither dropped nor renamed.",
						   "A list of database patterns, as in shop, billing_*.",
						   &protected_databases_string,
						   check_database_patterns,
						   assign_protected_databases);

	/*
	 * invariant_guard.exempt_empty_tables exempts tables that hold no page
	 * from the rules about locks and compatibility.  It is off by default,
	 * so that a migration meets the same verdict in a test database, whose
	 * tables are empty, as in production.
	 */
	DefineCustomBoolVariable("invariant_guard.exempt_empty_tables",
							 "Exempts empty tables from the rules about locks and compatibility.",
							 NULL,
							 &ig_guc_exempt_empty_tables,
							 false,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);

	/*
	 * invariant_guard.exempt_smaller_than does the same for tables whose
	 * total size, with indexes and all partitions, is below this.  0, the
	 * default, exempts none.  A number without a unit is in kilobytes.
	 */
	DefineCustomIntVariable("invariant_guard.exempt_smaller_than",
							"Exempts tables below this size from the rules about locks and compatibility.",
							"0 exempts no table.",
							&ig_guc_exempt_smaller_than,
							0,
							0,
							MAX_KILOBYTES,
							PGC_SUSET,
							GUC_UNIT_KB,
							NULL,
							NULL,
							NULL);
}

/*
 * How long DDL may wait for a lock, and how much be done while it has one.
 */
static void
define_lock_settings(void)
{
	/*
	 * invariant_guard.ddl_lock_timeout is the longest that a statement waits
	 * for each lock, if it asks for one on an existing table that keeps
	 * others from writing.  While it waits, everybody else waits behind it.
	 * It is set as lock_timeout for that statement alone, where the session's
	 * own lock_timeout is 0 or longer; 0 leaves lock_timeout alone.
	 */
	DefineCustomIntVariable("invariant_guard.ddl_lock_timeout",
							"Sets how long DDL may wait for a strong lock on an existing table.",
							"0 leaves lock_timeout as it is.",
							&ig_guc_ddl_lock_timeout,
							5000,
							0,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_MS,
							NULL,
							NULL,
							NULL);

	/*
	 * invariant_guard.max_rows_while_locked is how many rows a transaction
	 * may change after it has taken such a lock; -1 is any number.
	 */
	DefineCustomIntVariable("invariant_guard.max_rows_while_locked",
							"Sets how many rows a transaction may change while it holds a strong lock on an existing table.",
							"-1 sets no limit.",
							&ig_guc_max_rows_while_locked,
							1000,
							-1,
							INT_MAX,
							PGC_SUSET,
							0,
							NULL,
							NULL,
							NULL);
}

/*
 * What is retired: see model/retirement.h.
 */
static void
define_retirement_settings(void)
{
	/*
	 * invariant_guard.retirement_period is how long nobody may have used a
	 * retired column or table before it can be dropped; 0 does not wait.
	 * Whoever may set it may also give a retirement a time that has passed.
	 */
	DefineCustomIntVariable("invariant_guard.retirement_period",
							"Sets how long a retired column or table must not have been used before it can be dropped.",
							"0 lets it be dropped as soon as it is retired.",
							&ig_guc_retirement_period,
							7 * SECS_PER_DAY,
							0,
							INT_MAX,
							PGC_SUSET,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);

	/*
	 * invariant_guard.retired_column_use is for test and staging: there each
	 * statement that names a retired column can get a warning, or fail, before
	 * it meets a database from which the column is gone.
	 */
	DefineCustomEnumVariable("invariant_guard.retired_column_use",
							 "Sets what happens to a statement that uses a retired column or table.",
							 "record only records it, as every use; warn warns, error fails.",
							 &ig_guc_retired_column_use,
							 IG_RETIRED_USE_RECORD,
							 retired_use_options,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);
}

/*
 * The escape hatch, which only a running session opens.
 */
static void
define_session_settings(void)
{
	/*
	 * invariant_guard.reason says why invariant_guard.allow is set: a ticket,
	 * a sentence.  It goes into the server's log with each use.  Like allow
	 * it can be set by SET and SET LOCAL only.
	 */
	DefineCustomStringVariable("invariant_guard.reason",
							   "Says why invariant_guard.allow is set.",
							   "It can be set only in a session, by SET or SET LOCAL.",
							   &ig_guc_reason,
							   "",
							   PGC_SUSET,
							   0,
							   check_reason,
							   NULL,
							   NULL);

	/*
	 * invariant_guard.allow lets named rules pass for named objects:
	 * 'drop-column(users.nickname), truncate(shop.carts)'.  An object has up
	 * to three parts, quoted as in SQL where needed.  It takes a reason, and
	 * each use is logged.  It can be set by SET and SET LOCAL only: stored
	 * for a database, role or function it would outlive the right to set it.
	 */
	DefineCustomStringVariable("invariant_guard.allow",
							   "Lets named rules pass for named objects.",
							   "A list of rule(object). It can be set only in a session, by SET or SET LOCAL, after invariant_guard.reason.",
							   &allow_string,
							   "",
							   PGC_SUSET,
							   0,
							   check_allow,
							   assign_allow,
							   NULL);
}

static void
define_pattern_setting(const char *name, const char *short_desc,
					   const char *long_desc, char **value,
					   GucStringCheckHook check, GucStringAssignHook assign)
{
	DefineCustomStringVariable(name,
							   short_desc,
							   long_desc,
							   value,
							   "",
							   PGC_SUSET,
							   0,
							   check,
							   assign,
							   NULL);
}

static bool
check_severity(char **newval, void **extra, GucSource source)
{
	*extra = ig_parse_severity(*newval, name_set);
	return *extra != NULL;
}

static void
assign_severity(const char *newval, void *extra)
{
	severity_list = (const IgSeverityList *) extra;
}

static bool
check_table_patterns(char **newval, void **extra, GucSource source)
{
	*extra = ig_parse_patterns(*newval, true);
	return *extra != NULL;
}

static bool
check_database_patterns(char **newval, void **extra, GucSource source)
{
	*extra = ig_parse_patterns(*newval, false);
	return *extra != NULL;
}

static void
assign_financial_tables(const char *newval, void *extra)
{
	ig_financial_tables = (const IgPatternList *) extra;
}

static void
assign_protected_tables(const char *newval, void *extra)
{
	ig_protected_tables = (const IgPatternList *) extra;
}

static void
assign_protected_databases(const char *newval, void *extra)
{
	ig_protected_databases = (const IgPatternList *) extra;
}

static bool
check_schema_freeze(char **newval, void **extra, GucSource source)
{
	*extra = ig_parse_freezes(*newval);
	return *extra != NULL;
}

static void
assign_schema_freeze(const char *newval, void *extra)
{
	ig_freezes = (const IgFreezeList *) extra;
}

static bool
check_reason(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0')
		return true;
	if (!is_of_session("invariant_guard.reason", source))
		return false;

	if (ig_is_blank(*newval))
	{
		GUC_check_errdetail("A reason must not be blank.");
		return false;
	}
	return true;
}

/*
 * A parallel worker is given the leader's settings one after the other, and
 * none of them was asked for by a user there.
 */
static bool
check_allow(char **newval, void **extra, GucSource source)
{
	if (!ig_is_blank(*newval))
	{
		if (!is_of_session("invariant_guard.allow", source))
			return false;

		if (!InitializingParallelWorker &&
			(ig_guc_reason == NULL || ig_guc_reason[0] == '\0'))
		{
			GUC_check_errdetail("An allowance needs a reason.");
			GUC_check_errhint("SET LOCAL invariant_guard.reason = '...' first.");
			return false;
		}
	}

	*extra = ig_parse_allow(*newval, name_set);
	return *extra != NULL;
}

static void
assign_allow(const char *newval, void *extra)
{
	ig_allow_list = (const IgAllowList *) extra;
	ig_allow_generation++;
	if (IsTransactionState() && ig_allow_set_subid == InvalidSubTransactionId)
		ig_allow_set_subid = GetCurrentSubTransactionId();
}

/*
 * Was the value given by SET, SET LOCAL or set_config()?  Everything else is
 * stored somewhere: in a file, for a database, a role or a function, or in the
 * connection string.  ALTER ... SET comes here when it is run, as a test.
 */
static bool
is_of_session(const char *name, GucSource source)
{
	if (source == PGC_S_SESSION)
		return true;

	GUC_check_errcode(ERRCODE_CANT_CHANGE_RUNTIME_PARAM);
	GUC_check_errmsg("parameter \"%s\" cannot be stored", name);
	GUC_check_errdetail("It can be set only in a session, by SET or SET LOCAL.");
	return false;
}
