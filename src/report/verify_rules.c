/*-------------------------------------------------------------------------
 *
 * verify_rules.c
 *	  Where the triggers of row rules do not hold what was declared.
 *
 * Only the catalogs are read; check_rules() looks at the rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/event_trigger.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "model/last_word.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "report/status.h"
#include "rows/declared.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/seal.h"
#include "rows/snapshot_source.h"
#include "rows/soft_delete_keys.h"
#include "rows/spread.h"
#include "rows/unique_index.h"

#define WEAKNESS_COLUMNS	7

/* In all sessions, or in some. */
#define BROKEN	"error"
#define LEAKY	"warning"

/*
 * What each rule has to see at least, whatever its options; a rule of which
 * nothing is said here has one trigger.
 */
static const struct
{
	IgRowRuleKind kind;
	uint32		fires;
}			required[] = {
	{IG_ROW_APPEND_ONLY, IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE)},
	{IG_ROW_SOFT_DELETE, IG_BEFORE_ROW(IG_FIRES_DELETE) | IG_AFTER_ROW(IG_FIRES_UPDATE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE)},
	{IG_ROW_SOFT_DELETE_PARENT, IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE)},
	{IG_ROW_IMMUTABLE_COLUMNS, IG_AFTER_ROW(IG_FIRES_UPDATE)},
	{IG_ROW_FROZEN_ROWS, IG_AFTER_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE)},
	{IG_ROW_ISOLATION_FLOOR, IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE)},
	{IG_ROW_COMMIT_ASSERTION, IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE)},
};

static const struct
{
	uint32		event;
	const char *words;
}			events[] = {
	{IG_BEFORE_ROW(IG_FIRES_INSERT), "BEFORE INSERT"},
	{IG_BEFORE_ROW(IG_FIRES_UPDATE), "BEFORE UPDATE"},
	{IG_BEFORE_ROW(IG_FIRES_DELETE), "BEFORE DELETE"},
	{IG_AFTER_ROW(IG_FIRES_INSERT), "AFTER INSERT"},
	{IG_AFTER_ROW(IG_FIRES_UPDATE), "AFTER UPDATE"},
	{IG_AFTER_ROW(IG_FIRES_DELETE), "AFTER DELETE"},
	{IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE), "BEFORE TRUNCATE"},
};

typedef struct Verifier
{
	ReturnSetInfo *rsinfo;
	const IgDeclaredRules *rules;
	Oid			only;			/* this relation and what inherits from it */
	bool		sessions_load;
	char	   *preload;		/* the statement that makes them */
} Verifier;

static bool is_asked_for(const Verifier *v, Oid relid);
static void verify_trigger(const Verifier *v, const IgDeclaredRule *rule,
						   const IgDeclaredTrigger *trigger);
static void verify_enabled(const Verifier *v, const IgDeclaredRule *rule,
						   const IgDeclaredTrigger *trigger);
static void verify_columns(const Verifier *v, const IgDeclaredRule *rule,
						   const IgDeclaredTrigger *trigger);
static void verify_last_word(const Verifier *v, const IgDeclaredRule *rule,
							 const IgDeclaredTrigger *trigger);
static void verify_complete(const Verifier *v, const IgDeclaredRule *rule);
static void verify_by_rule(const Verifier *v, const IgDeclaredRule *rule);
static void put_of_rule(void *verifier, const IgDeclaredRule *rule, bool everywhere,
						char *weakness, char *mend);
static uint32 events_of(const IgDeclaredTrigger *trigger);
static char *truncate_trigger(const IgDeclaredRule *rule);
static void verify_heir(const Verifier *v, const IgDeclaredRule *rule, Oid heir);
static void verify_missing(const Verifier *v, const IgDeclaredRule *rule,
						   const IgDeclaredTrigger *trigger, Oid heir);
static void verify_hooks(const Verifier *v, const IgDeclaredRule *rule);
static bool needs_hooks(const IgDeclaredRule *rule);
static void verify_roles(const Verifier *v);
static void verify_event_triggers(const Verifier *v);
static char *enable_sql(Oid relid, const IgDeclaredTrigger *trigger);
static char *quoted_name(Oid relid);
static void put(const Verifier *v, const char *severity, Oid relid, const IgDeclaredRule *rule,
				const char *trigger, char *weakness, char *mend);

PG_FUNCTION_INFO_V1(ig_sql_verify_rules);

/*
 * invariant_guard.verify_rules(rel regclass DEFAULT NULL)
 */
Datum
ig_sql_verify_rules(PG_FUNCTION_ARGS)
{
	Verifier	v = {0};
	bool		looks_at_plans = false;
	int			count = 0;
	ListCell   *lc;
	ListCell   *lh;

	InitMaterializedSRF(fcinfo, 0);
	v.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	v.only = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	v.rules = ig_declared_rules_load();
	v.sessions_load = ig_status_sessions_load(&v.preload);

	foreach(lc, v.rules->list)
	{
		const IgDeclaredRule *rule = (const IgDeclaredRule *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (is_asked_for(&v, rule->relid))
		{
			count++;
			looks_at_plans = looks_at_plans || needs_hooks(rule);
			foreach(lh, rule->triggers)
				verify_trigger(&v, rule, (const IgDeclaredTrigger *) lfirst(lh));
			if (rule->source == IG_RULE_DECLARED)
			{
				verify_complete(&v, rule);
				verify_by_rule(&v, rule);
				verify_hooks(&v, rule);
			}
		}
		if (rule->source != IG_RULE_DECLARED)
			continue;
		foreach(lh, ig_inheritors(rule->relid, NULL))
		{
			if (lfirst_oid(lh) != rule->relid && is_asked_for(&v, lfirst_oid(lh)))
			{
				count++;
				verify_heir(&v, rule, lfirst_oid(lh));
			}
		}
	}
	if (looks_at_plans)
		verify_roles(&v);
	verify_event_triggers(&v);

	/* no rows would look as if all were well */
	if (OidIsValid(v.only) && count == 0)
		ereport(NOTICE,
				(errmsg("\"%s\" has no row rule", ig_text_name(ig_table_name(v.only)))));
	return (Datum) 0;
}

/* Temporary tables of other sessions are theirs. */
static bool
is_asked_for(const Verifier *v, Oid relid)
{
	ListCell   *lc;

	if (isOtherTempNamespace(get_rel_namespace(relid)))
		return false;
	if (!OidIsValid(v->only) || v->only == relid)
		return true;
	foreach(lc, ig_parents_of(relid))
	{
		if (is_asked_for(v, lfirst_oid(lc)))
			return true;
	}
	return false;
}

static void
verify_trigger(const Verifier *v, const IgDeclaredRule *rule, const IgDeclaredTrigger *trigger)
{
	verify_enabled(v, rule, trigger);
	verify_columns(v, rule, trigger);
	verify_last_word(v, rule, trigger);
	if (trigger->update_of)
		put(v, BROKEN, rule->relid, rule, trigger->name,
			pstrdup("the trigger is limited to UPDATE OF some columns: it does not fire where another trigger changes them, and raises an error where it fires"),
			NULL);
}

static void
verify_enabled(const Verifier *v, const IgDeclaredRule *rule, const IgDeclaredTrigger *trigger)
{
	char	   *mend = enable_sql(rule->relid, trigger);

	if (trigger->enabled == TRIGGER_DISABLED)
		put(v, BROKEN, rule->relid, rule, trigger->name, pstrdup("the trigger is disabled"), mend);
	else if (trigger->enabled == TRIGGER_FIRES_ON_REPLICA)
		put(v, BROKEN, rule->relid, rule, trigger->name,
			pstrdup("the trigger fires only where session_replication_role is replica"), mend);
	else if (trigger->enabled == TRIGGER_FIRES_ON_ORIGIN && rule->rule->guards)
		put(v, LEAKY, rule->relid, rule, trigger->name,
			pstrdup("the trigger does not fire where session_replication_role is replica"), mend);
}

/* What the trigger has to be created with instead, only its author knows. */
static void
verify_columns(const Verifier *v, const IgDeclaredRule *rule, const IgDeclaredTrigger *trigger)
{
	for (int i = 0; i < list_length(trigger->attnums); i++)
	{
		if (list_nth_int(trigger->attnums, i) == 0)
			put(v, BROKEN, rule->relid, rule, trigger->name,
				psprintf("the trigger names column \"%s\", which the table does not have: whatever fires it fails",
						 ig_text_name((char *) list_nth(trigger->columns, i))),
				NULL);
	}
}

/* What a partition has from above in both is told of there. */
static void
verify_last_word(const Verifier *v, const IgDeclaredRule *rule, const IgDeclaredTrigger *trigger)
{
	ListCell   *lc;

	foreach(lc, ig_late_triggers(trigger))
	{
		const IgLateTrigger *late = (const IgLateTrigger *) lfirst(lc);
		char	   *mend = ig_late_rename(late, trigger);

		if (late->is_clone && OidIsValid(trigger->parent))
			continue;
		put(v, LEAKY, rule->relid, rule, trigger->name,
			psprintf("trigger \"%s\" fires after it, and can change what it has set",
					 ig_text_name(late->name)),
			strncmp(mend, "--", 2) == 0 ? NULL : mend);
	}
}

/*
 * What was written by hand may have its statement triggers with another rule
 * of the kind; append-only its others too, since a reversal's columns make a
 * rule of its own.
 */
static void
verify_complete(const Verifier *v, const IgDeclaredRule *rule)
{
	uint32		wanted = 0;
	uint32		present = 0;
	ListCell   *lc;
	ListCell   *lt;

	for (int i = 0; i < lengthof(required); i++)
	{
		if (required[i].kind == rule->rule->kind)
			wanted = required[i].fires;
	}
	foreach(lc, ig_declared_rules_of(v->rules, rule->relid))
	{
		const IgDeclaredRule *other = (const IgDeclaredRule *) lfirst(lc);

		foreach(lt, other->triggers)
		{
			const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lt);

			if (other == rule || (other->rule == rule->rule && other->by_hand && rule->by_hand &&
								  (!TRIGGER_FOR_ROW(trigger->type) ||
								   rule->rule->kind == IG_ROW_APPEND_ONLY)))
				present |= events_of(trigger);
		}
	}

	for (int i = 0; i < lengthof(events); i++)
	{
		if ((events[i].event & wanted & ~present) == 0)
			continue;
		put(v, BROKEN, rule->relid, rule, NULL,
			psprintf("the rule has no %s trigger", events[i].words),
			events[i].event == IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE) ?
			truncate_trigger(rule) : NULL);
	}
}

/* What nobody but the rule itself can see. */
static void
verify_by_rule(const Verifier *v, const IgDeclaredRule *rule)
{
	if (rule->rule->kind == IG_ROW_SOFT_DELETE)
		ig_soft_delete_verify(rule, put_of_rule, (void *) v);
	else if (rule->rule->kind == IG_ROW_APPEND_ONLY)
		ig_seal_verify_rule(rule, put_of_rule, (void *) v);
	else if (rule->rule->kind == IG_ROW_UNIQUE_ACTIVE)
		ig_unique_active_verify(rule, put_of_rule, (void *) v);
	else if (rule->rule->kind == IG_ROW_SNAPSHOT_COLUMNS)
		ig_snapshot_columns_verify(rule, put_of_rule, (void *) v);
}

static void
put_of_rule(void *verifier, const IgDeclaredRule *rule, bool everywhere, char *weakness,
			char *mend)
{
	put((const Verifier *) verifier, everywhere ? BROKEN : LEAKY, rule->relid, rule, NULL,
		weakness, mend);
}

static uint32
events_of(const IgDeclaredTrigger *trigger)
{
	uint32		fires = 0;

	if (TRIGGER_FOR_INSERT(trigger->type))
		fires |= IG_FIRES_INSERT;
	if (TRIGGER_FOR_UPDATE(trigger->type))
		fires |= IG_FIRES_UPDATE;
	if (TRIGGER_FOR_DELETE(trigger->type))
		fires |= IG_FIRES_DELETE;
	if (TRIGGER_FOR_TRUNCATE(trigger->type))
		fires |= IG_FIRES_TRUNCATE;
	return fires << ((TRIGGER_FOR_ROW(trigger->type) ? 0 : 8) +
					 (TRIGGER_FOR_BEFORE(trigger->type) ? 0 : 4));
}

/*
 * Of all triggers that may be missing, the one that is the same for all.  Some
 * rules refuse TRUNCATE whatever their options, which are about columns that
 * this trigger does not have.
 */
static char *
truncate_trigger(const IgDeclaredRule *rule)
{
	char	   *name = ig_spread_trigger_name(rule->rule, rule->by_hand ? NULL : rule->instance,
											  "truncate");
	bool		plain = rule->rule->kind == IG_ROW_APPEND_ONLY ||
		rule->rule->kind == IG_ROW_SOFT_DELETE;
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE TRIGGER %s BEFORE TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.%s(",
					 quote_identifier(name), quoted_name(rule->relid), rule->rule->function);
	foreach(lc, plain ? NIL : rule->options)
		appendStringInfo(&buf, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((char *) lfirst(lc)));
	appendStringInfo(&buf, ");\nALTER TABLE %s ENABLE ALWAYS TRIGGER %s;",
					 quoted_name(rule->relid), quote_identifier(name));
	return buf.data;
}

/* Does what inherits have what the rule has on the relation above? */
static void
verify_heir(const Verifier *v, const IgDeclaredRule *rule, Oid heir)
{
	ListCell   *lc;
	ListCell   *lr;

	if (get_rel_relkind(heir) == '\0')
		return;
	foreach(lc, rule->triggers)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);
		bool		found = ig_declared_is_kept(trigger);

		foreach(lr, ig_declared_rules_of(v->rules, heir))
			found = found ||
				ig_declared_counterpart(((IgDeclaredRule *) lfirst(lr))->triggers,
										trigger) != NULL;
		if (!found)
			verify_missing(v, rule, trigger, heir);
	}
}

static void
verify_missing(const Verifier *v, const IgDeclaredRule *rule, const IgDeclaredTrigger *trigger,
			   Oid heir)
{
	char	   *weakness = psprintf("the trigger of \"%s\" is missing here",
									ig_text_name(ig_table_name(rule->relid)));
	char	   *sql = ig_declared_definition(trigger);
	char	   *on = psprintf(" ON %s ", quoted_name(rule->relid));
	char	   *place = sql ? strstr(sql, on) : NULL;
	char	   *mend = NULL;

	if (get_rel_relkind(heir) == RELKIND_FOREIGN_TABLE &&
		TRIGGER_FOR_TRUNCATE(trigger->type) && !IG_FOREIGN_TRUNCATE_TRIGGERS)
		weakness = pstrdup("foreign tables have no TRUNCATE triggers before PostgreSQL 16");
	else if (place != NULL)
		mend = psprintf("%s ON %s %s;%s%s", pnstrdup(sql, place - sql), quoted_name(heir),
						place + strlen(on),
						trigger->rule->guards ? "\n" : "",
						trigger->rule->guards ? enable_sql(heir, trigger) : "");
	put(v, BROKEN, heir, rule, trigger->name, weakness, mend);
}

static void
verify_hooks(const Verifier *v, const IgDeclaredRule *rule)
{
	if (v->sessions_load || !needs_hooks(rule))
		return;
	put(v, LEAKY, rule->relid, rule, NULL,
		pstrdup("the rule looks at plans, which takes the library, and new sessions of this database do not load it as they connect"),
		v->preload);
}

static bool
needs_hooks(const IgDeclaredRule *rule)
{
	ListCell   *lc;

	switch (rule->rule->kind)
	{
		case IG_ROW_SOFT_DELETE:
		case IG_ROW_RELATIVE_ONLY:
		case IG_ROW_ON_NO_MATCH:
			return true;
		case IG_ROW_OPTIMISTIC_LOCK:
			foreach(lc, rule->options)
			{
				if (strcmp((char *) lfirst(lc), "unversioned=reject") == 0)
					return true;
			}
			return false;
		default:
			return false;
	}
}

static void
verify_roles(const Verifier *v)
{
	ListCell   *lc;

	foreach(lc, ig_status_roles_not_loading())
	{
		const IgRolePreload *found = (const IgRolePreload *) lfirst(lc);

		put(v, LEAKY, InvalidOid, NULL, NULL,
			psprintf("sessions of role \"%s\" do not load the library as they connect, and rules that look at plans refuse there what they have not looked at: its own session_preload_libraries is \"%s\"",
					 ig_text_name(found->role), ig_text_name(found->libraries)),
			found->statement);
	}
}

/*
 * They are what gives partitions and children that join their triggers.
 */
static void
verify_event_triggers(const Verifier *v)
{
	ListCell   *lc;

	foreach(lc, ig_status_weak_event_triggers())
	{
		const char *name = (const char *) lfirst(lc);
		bool		exists = SearchSysCacheExists1(EVENTTRIGGERNAME, CStringGetDatum(name));

		put(v, LEAKY, InvalidOid, NULL, name,
			pstrdup(exists ? "the event trigger does not fire always: what becomes a partition or child then does not get the rules of its parent" :
					"the event trigger is missing: what becomes a partition or child does not get the rules of its parent"),
			exists ? psprintf("ALTER EVENT TRIGGER %s ENABLE ALWAYS;", quote_identifier(name)) :
			NULL);
	}
}

/* A derivation fires on the origin only. */
static char *
enable_sql(Oid relid, const IgDeclaredTrigger *trigger)
{
	return psprintf("ALTER TABLE %s ENABLE %sTRIGGER %s;", quoted_name(relid),
					trigger->rule->guards ? "ALWAYS " : "", quote_identifier(trigger->name));
}

static char *
quoted_name(Oid relid)
{
	char	   *schema = get_namespace_name_or_temp(get_rel_namespace(relid));
	char	   *name = get_rel_name(relid);

	return schema && name ? quote_qualified_identifier(schema, name) : psprintf("%u", relid);
}

static void
put(const Verifier *v, const char *severity, Oid relid, const IgDeclaredRule *rule,
	const char *trigger, char *weakness, char *mend)
{
	const char *texts[] = {severity, NULL, rule ? rule->rule->name : NULL,
	rule ? rule->instance : NULL, trigger, weakness, mend};
	Datum		values[WEAKNESS_COLUMNS] = {0};
	bool		nulls[WEAKNESS_COLUMNS];

	StaticAssertStmt(lengthof(texts) == WEAKNESS_COLUMNS, "a text for each column");
	for (int i = 0; i < WEAKNESS_COLUMNS; i++)
	{
		nulls[i] = texts[i] == NULL;
		values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
	}
	nulls[1] = !OidIsValid(relid);
	values[1] = ObjectIdGetDatum(relid);
	tuplestore_putvalues(v->rsinfo->setResult, v->rsinfo->setDesc, values, nulls);
}
