/*-------------------------------------------------------------------------
 *
 * ledger_view.c
 *	  What became of findings, for people.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "model/ledger.h"
#include "platform/compat.h"
#include "rules/rules.h"

#define FINDING_COLUMNS		13
#define COUNTER_COLUMNS		(3 + IG_OUTCOMES)

static void notice_no_memory(void);
static bool is_visible(const IgLedgerEntry *entry);
static void put_entry(ReturnSetInfo *rsinfo, const IgLedgerEntry *entry, const char *database);
static void put_counter(const IgRule *rule, void *context);
static Datum text_datum(const char *string);

PG_FUNCTION_INFO_V1(ig_sql_findings);
PG_FUNCTION_INFO_V1(ig_sql_rule_counters);
PG_FUNCTION_INFO_V1(ig_sql_reset_counters);

typedef struct CounterContext
{
	ReturnSetInfo *rsinfo;
	const IgLedgerCount *counts;
	int			count;
} CounterContext;

/*
 * invariant_guard.findings()
 */
Datum
ig_sql_findings(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	char	   *database = get_database_name(MyDatabaseId);
	IgLedgerEntry *entries;
	int			count;

	InitMaterializedSRF(fcinfo, 0);
	if (!ig_ledger_entries(MyDatabaseId, &entries, &count))
		notice_no_memory();

	for (int i = 0; i < count; i++)
	{
		if (is_visible(&entries[i]))
			put_entry(rsinfo, &entries[i], database ? database : "");
	}
	return (Datum) 0;
}

/*
 * invariant_guard.rule_counters(): each rule has a row.
 */
Datum
ig_sql_rule_counters(PG_FUNCTION_ARGS)
{
	CounterContext context = {(ReturnSetInfo *) fcinfo->resultinfo};
	IgLedgerCount *counts;

	InitMaterializedSRF(fcinfo, 0);
	if (!ig_ledger_counts(MyDatabaseId, &counts, &context.count))
	{
		notice_no_memory();
		return (Datum) 0;
	}
	context.counts = counts;
	ig_rules_visit(put_counter, &context);
	return (Datum) 0;
}

/*
 * invariant_guard.reset_counters()
 */
Datum
ig_sql_reset_counters(PG_FUNCTION_ARGS)
{
	ig_ledger_reset_counts(MyDatabaseId);
	PG_RETURN_VOID();
}

/* An empty view must not pass for a quiet database. */
static void
notice_no_memory(void)
{
	ereport(NOTICE,
			(errmsg("findings are not kept on this server"),
			 errdetail("Before PostgreSQL 17 this needs invariant_guard in shared_preload_libraries; the server log has every finding.")));
}

/*
 * As with the server's own statistics views.
 */
static bool
is_visible(const IgLedgerEntry *entry)
{
	Oid			reader = GetUserId();

	return has_privs_of_role(reader, ROLE_PG_READ_ALL_STATS) ||
		has_privs_of_role(reader, entry->role) ||
		has_privs_of_role(reader, entry->session_role);
}

static void
put_entry(ReturnSetInfo *rsinfo, const IgLedgerEntry *entry, const char *database)
{
	const IgRule *rule = ig_rule_by_sqlstate(entry->sqlstate);
	Datum		values[FINDING_COLUMNS];
	bool		nulls[FINDING_COLUMNS] = {false};

	values[0] = Int64GetDatum((int64) entry->number);
	values[1] = TimestampTzGetDatum(entry->at);
	values[2] = text_datum(database);
	values[3] = text_datum(entry->role_name);
	values[4] = text_datum(entry->application);
	values[5] = Int32GetDatum(entry->pid);
	values[6] = text_datum(rule ? rule->name : "");
	values[7] = text_datum(unpack_sql_state(entry->sqlstate));
	values[8] = text_datum(ig_level_name(entry->level));
	values[9] = text_datum(entry->object);
	values[10] = text_datum(ig_outcome_name(entry->outcome));
	values[11] = text_datum(entry->message);
	values[12] = text_datum(entry->reason);
	nulls[6] = rule == NULL;
	nulls[9] = entry->object[0] == '\0';
	nulls[12] = entry->outcome != IG_ALLOWED;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static void
put_counter(const IgRule *rule, void *context)
{
	const CounterContext *counters = (const CounterContext *) context;
	ReturnSetInfo *rsinfo = counters->rsinfo;
	IgLedgerCount none = {0};
	const IgLedgerCount *count = &none;
	Datum		values[COUNTER_COLUMNS];
	bool		nulls[COUNTER_COLUMNS] = {false};

	for (int i = 0; i < counters->count; i++)
	{
		if (counters->counts[i].sqlstate == rule->sqlstate)
			count = &counters->counts[i];
	}

	values[0] = text_datum(rule->name);
	values[1] = text_datum(unpack_sql_state(rule->sqlstate));
	for (int i = 0; i < IG_OUTCOMES; i++)
		values[2 + i] = Int64GetDatum((int64) count->counts[i]);
	values[2 + IG_OUTCOMES] = TimestampTzGetDatum(count->last_at);
	nulls[2 + IG_OUTCOMES] = count == &none;
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
text_datum(const char *string)
{
	return CStringGetTextDatum(string);
}
