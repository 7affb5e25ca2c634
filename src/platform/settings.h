/*-------------------------------------------------------------------------
 *
 * settings.h
 *	  Every setting of the extension: what the rest of the code may ask.
 *
 * All lists are parsed in their check hooks and published by assign hooks, so
 * that reading a setting never parses and never fails.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SETTINGS_H
#define IG_SETTINGS_H

#include "postgres.h"

#include "platform/list_setting.h"

typedef enum IgMode
{
	IG_MODE_AUTO,				/* enforce where the extension was created */
	IG_MODE_OFF,
	IG_MODE_OBSERVE,			/* findings are only written to the log */
	IG_MODE_WARN,				/* errors become warnings */
	IG_MODE_ENFORCE
} IgMode;

typedef enum IgEnvironment
{
	IG_ENVIRONMENT_PRODUCTION,
	IG_ENVIRONMENT_STAGING,
	IG_ENVIRONMENT_DEVELOPMENT
} IgEnvironment;

typedef enum IgMessageStyle
{
	IG_MESSAGE_STANDARD,
	IG_MESSAGE_FULL				/* DETAIL and HINT in the message itself */
} IgMessageStyle;

/* What happens to a statement that names a retired column. */
typedef enum IgRetiredUse
{
	IG_RETIRED_USE_RECORD,
	IG_RETIRED_USE_WARN,
	IG_RETIRED_USE_ERROR
} IgRetiredUse;

/* How grave a finding is; the order is used for comparison. */
typedef enum IgLevel
{
	IG_LEVEL_OFF,
	IG_LEVEL_NOTICE,
	IG_LEVEL_WARNING,
	IG_LEVEL_ERROR
} IgLevel;

/*
 * The names that may stand left of "=" in severity and before "(" in allow.
 * The catalogue of rules hands this in: the platform knows no rule.
 */
typedef struct IgNameSet
{
	/* the names, terminated by NULL */
	const char *const *rules;
	const char *const *families;	/* may stand in severity only */
	const char *const *fixed;	/* those of the rules that have one level */
} IgNameSet;

extern int	ig_guc_mode;
extern int	ig_guc_environment;
extern int	ig_guc_message_style;
extern bool ig_guc_exempt_empty_tables;
extern int	ig_guc_exempt_smaller_than; /* kB; 0 = no exemption */
extern int	ig_guc_ddl_lock_timeout;	/* ms; 0 = off */
extern int	ig_guc_max_rows_while_locked;	/* -1 = off */
extern int	ig_guc_retirement_period;	/* s; 0 = no waiting */
extern int	ig_guc_retired_column_use;	/* IG_RETIRED_USE_... */
extern char *ig_guc_reason;
extern bool ig_guc_track_columns;
extern int	ig_guc_usage_max_columns;
extern int	ig_guc_usage_flush_interval;	/* s */

/* Parsed values; never NULL once ig_settings_init has run. */
extern const IgPatternList *ig_financial_tables;
extern const IgPatternList *ig_protected_tables;
extern const IgPatternList *ig_protected_databases;
extern const IgPatternList *ig_usage_ignore_applications;

/*
 * allow: what the session permits itself.  The list is immutable; which items
 * were used is kept by whoever decides, by index.  ig_allow_generation grows
 * with each assignment, also when a transaction's end takes one back.
 */
extern const IgAllowList *ig_allow_list;
extern uint64 ig_allow_generation;

/*
 * The outermost subtransaction of the running transaction that set allow, or
 * InvalidSubTransactionId.  When the server takes a SET LOCAL back, it is
 * outside of a transaction and the assign hook leaves this alone; the ends of
 * transactions and subtransactions see to it.
 */
extern SubTransactionId ig_allow_set_subid;

extern void ig_settings_init(const IgNameSet *names);

/* settings_usage.c; ig_settings_init calls it. */
extern void ig_settings_usage_init(void);

/*
 * Was a level set for the rule?  Looks for the rule's own name first, then
 * its family, then "all"; within one kind the last item wins.
 */
extern bool ig_severity_lookup(const char *rule, const char *family, IgLevel *level);

extern const char *ig_level_name(IgLevel level);
extern const char *ig_mode_name(IgMode mode);

/* The environment that is set, and where the setting comes from: a clause. */
extern const char *ig_environment_name(void);
extern const char *ig_environment_source(void);

#endif							/* IG_SETTINGS_H */
