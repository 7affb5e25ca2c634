/*-------------------------------------------------------------------------
 *
 * settings_usage.c
 *	  The settings of the usage record.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/guc.h"

#include "platform/settings.h"

bool		ig_guc_track_columns = true;
int			ig_guc_usage_max_columns = 20000;
int			ig_guc_usage_flush_interval = 60;

const IgPatternList *ig_usage_ignore_applications = NULL;

static char *ignore_applications_string = NULL;

static bool check_applications(char **newval, void **extra, GucSource source);
static void assign_applications(const char *newval, void *extra);

void
ig_settings_usage_init(void)
{
	/*
	 * invariant_guard.track_columns is whether queries of a session are put
	 * into the usage record.  A time in which a session did not is a gap:
	 * not observed.
	 */
	DefineCustomBoolVariable("invariant_guard.track_columns",
							 "Records which columns are read and written, and by whom.",
							 NULL,
							 &ig_guc_track_columns,
							 true,
							 PGC_SUSET,
							 0,
							 NULL,
							 NULL,
							 NULL);

	/*
	 * invariant_guard.usage_ignore_applications names applications whose
	 * queries are no use of a column: they are recorded, but apart.  It is
	 * compared with application_name, which every session may set; whoever
	 * hides behind such a name hides only their own use.  A session notices a
	 * change within a minute.
	 */
	DefineCustomStringVariable("invariant_guard.usage_ignore_applications",
							   "Names the applications whose queries are no use of a column.",
							   "A list of patterns, as in pg_dump, \"pgAdmin 4*\".",
							   &ignore_applications_string,
							   "pg_dump",
							   PGC_SUSET,
							   0,
							   check_applications,
							   assign_applications,
							   NULL);

	/*
	 * invariant_guard.usage_max_columns is for how many columns there is
	 * room, in the whole server; each takes some 200 bytes, and so does each
	 * table.  Where the library is not preloaded by the server, that one
	 * counts which holds when the first session asks for the record.
	 */
	DefineCustomIntVariable("invariant_guard.usage_max_columns",
							"Sets for how many columns and tables the usage record has room.",
							"It can only be set at server start.",
							&ig_guc_usage_max_columns,
							20000,
							100,
							5000000,
							process_shared_preload_libraries_in_progress ? PGC_POSTMASTER : PGC_SIGHUP,
							0,
							NULL,
							NULL,
							NULL);

	/*
	 * invariant_guard.usage_flush_interval is how often the record is written
	 * to disk.  A crash of the server loses what came after that.
	 */
	DefineCustomIntVariable("invariant_guard.usage_flush_interval",
							"Sets how often the usage record is written to disk.",
							"A crash loses at most this much of it.",
							&ig_guc_usage_flush_interval,
							60,
							1,
							3600,
							PGC_SIGHUP,
							GUC_UNIT_S,
							NULL,
							NULL,
							NULL);
}

static bool
check_applications(char **newval, void **extra, GucSource source)
{
	*extra = ig_parse_patterns(*newval, false);
	return *extra != NULL;
}

static void
assign_applications(const char *newval, void *extra)
{
	ig_usage_ignore_applications = (const IgPatternList *) extra;
}
