/*-------------------------------------------------------------------------
 *
 * session_guard.c
 *	  The server's own settings that silence triggers.
 *
 * There are many ways to set one: SET, SET LOCAL, set_config(), an UPDATE of
 * pg_settings, the SET clause of a function, ALTER DATABASE and ALTER ROLE, the
 * connection string.  All of them ask the setting's check hook, so that is
 * where ours stands, behind the server's if it has one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "gate/decide.h"
#include "gate/own.h"
#include "platform/compat.h"
#include "platform/errcodes.h"

#define REPLICATION_ROLE	"session_replication_role"
#define EVENT_TRIGGERS		"event_triggers"

static GucEnumCheckHook prev_check_role = NULL;
static GucBoolCheckHook prev_check_events = NULL;

static bool check_role(int *newval, void **extra, GucSource source);
static bool check_events(bool *newval, void **extra, GucSource source);
static bool judge(const char *name, const char *value, GucSource source);

/*
 * The hooks; and a word about what was set before they were there.
 */
void
ig_session_guard_install(void)
{
	struct config_generic *role = ig_guc_find(REPLICATION_ROLE);
	struct config_generic *events = ig_guc_find(EVENT_TRIGGERS);
	const char *value;
	const char *weakness;

	if (role != NULL && role->vartype == PGC_ENUM)
	{
		prev_check_role = ((struct config_enum *) role)->check_hook;
		((struct config_enum *) role)->check_hook = check_role;
	}
	if (events != NULL && events->vartype == PGC_BOOL)
	{
		prev_check_events = ((struct config_bool *) events)->check_hook;
		((struct config_bool *) events)->check_hook = check_events;
	}

	/* a subscription's worker is in that role by its nature */
	weakness = IsLogicalWorker() ? NULL : ig_session_weakness(&value);
	if (weakness != NULL && ig_gate_active())
		ig_decide_tell_weakness(weakness, value, ig_session_reason(weakness));
}

const char *
ig_session_weakness(const char **value)
{
	const char *events = GetConfigOption(EVENT_TRIGGERS, true, false);

	if (SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
	{
		*value = "replica";
		return REPLICATION_ROLE;
	}
	if (events != NULL && strcmp(events, "off") == 0)
	{
		*value = "off";
		return EVENT_TRIGGERS;
	}
	return NULL;
}

/* For those that are stored, and not set here and now. */
bool
ig_session_would_weaken(const char *name, const char *value)
{
	bool		on = true;

	if (pg_strcasecmp(name, REPLICATION_ROLE) == 0)
		return pg_strcasecmp(value, "replica") == 0;
	return pg_strcasecmp(name, EVENT_TRIGGERS) == 0 && parse_bool(value, &on) && !on;
}

const char *
ig_session_reason(const char *name)
{
	return pg_strcasecmp(name, REPLICATION_ROLE) == 0 ?
		"Triggers and rules that do not fire always, those of foreign keys among them, would be silent." :
		"Event triggers would be silent, those that fire always included.";
}

static bool
check_role(int *newval, void **extra, GucSource source)
{
	if (prev_check_role && !prev_check_role(newval, extra, source))
		return false;
	return *newval != SESSION_REPLICATION_ROLE_REPLICA ||
		judge(REPLICATION_ROLE, "replica", source);
}

static bool
check_events(bool *newval, void **extra, GucSource source)
{
	if (prev_check_events && !prev_check_events(newval, extra, source))
		return false;
	return *newval || judge(EVENT_TRIGGERS, "off", source);
}

/*
 * Raising is what the server does itself with a bad value of a SET, of a test
 * or of the connection string.  What is stored for the database or the role
 * must not keep anybody from connecting: there it warns and goes on without
 * the value.  Files are read in the midst of anything, and so pass; the
 * server's own code, that of a subscription, has a source of its own.
 */
static bool
judge(const char *name, const char *value, GucSource source)
{
	IgChange	change = {0};

	switch (source)
	{
		case PGC_S_SESSION:
		case PGC_S_TEST:
		case PGC_S_CLIENT:
		case PGC_S_DATABASE:
		case PGC_S_USER:
		case PGC_S_DATABASE_USER:
			break;
		default:
			return true;
	}
	if (InitializingParallelWorker || !ig_gate_active())
		return true;

	if (source <= PGC_S_DATABASE_USER)
	{
		if (ig_effective_mode() != IG_MODE_ENFORCE)
			return true;
		GUC_check_errcode(ERRCODE_IG_GUARD_SELF);
		GUC_check_errmsg("the stored value \"%s\" of %s is passed over (rule guard-self)",
						 value, name);
		GUC_check_errdetail("%s", ig_session_reason(name));
		return false;
	}

	change.kind = IG_WEAKEN_GUARD;
	change.name = name;
	change.words = psprintf("set %s to %s", name, value);
	change.new_name = ig_session_reason(name);
	ig_decide_change(&change);
	return true;
}
