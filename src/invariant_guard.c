/*-------------------------------------------------------------------------
 *
 * invariant_guard.c
 *	  A database that refuses to be broken: module entry.
 *
 * The rooms of the house, from the ground up; each uses only what is below:
 *
 *	platform/	PostgreSQL made uniform: versions, settings, relations
 *	model/		the vocabulary: changes, impacts, findings
 *	rules/		the catalogue, one family a file
 *	gate/		a statement's way: hooks, changes, impacts, decision
 *	columns/	who still uses which column
 *	rows/		trigger functions that hold row rules, and what declares them
 *	report/		views and functions for people
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "columns/retire.h"
#include "columns/usage.h"
#include "gate/decide.h"
#include "gate/hooks.h"
#include "gate/net.h"
#include "gate/rows_changed.h"
#include "gate/own.h"
#include "gate/transaction_end.h"
#include "model/ledger.h"
#include "platform/compat.h"
#include "platform/label.h"
#include "platform/settings.h"
#include "platform/shared.h"
#include "report/status.h"
#include "rows/rows.h"
#include "rules/rules.h"

IG_MODULE_MAGIC("invariant_guard", IG_VERSION);

PGDLLEXPORT void _PG_init(void);

bool		ig_loaded_at_server_start = false;

/*
 * The library may be loaded by shared_preload_libraries, by
 * session_preload_libraries, by the login event trigger, or in the midst of
 * the first DDL of a session; what is installed is the same each time.
 */
void
_PG_init(void)
{
	ig_loaded_at_server_start = process_shared_preload_libraries_in_progress;

	ig_settings_init(ig_rules_name_set());
	ig_ledger_init();
	ig_usage_init();
	ig_shared_init();
	ig_usage_install();
	ig_retire_init();
	ig_label_init();
	ig_label_weakened_hook = ig_net_unprotect;
	ig_decide_init();
	ig_transaction_end_init();
	ig_utility_hook_install();
	ig_object_hook_install();
	ig_rows_changed_install();
	ig_session_guard_install();
	ig_rows_init();
}
