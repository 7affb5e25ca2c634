/*-------------------------------------------------------------------------
 *
 * check_rules.c
 *	  Rows that break the row rules now.
 *
 * A rule says what to look for; see ig_rule_check() in rows/rows.h.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declared.h"
#include "rows/definitions.h"
#include "rows/own_query.h"
#include "rows/rows.h"

#define MAX_SAMPLES		20
#define CHECK_COLUMNS	5

static bool is_asked_for(const IgDeclaredRule *rule, Oid only);
static void check_rule(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo);
static void run_check(const IgDeclaredRule *rule, const char *query, ReturnSetInfo *rsinfo);
static void put_samples(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo);

PG_FUNCTION_INFO_V1(ig_sql_check_rules);

/*
 * invariant_guard.check_rules(rel regclass DEFAULT NULL)
 */
Datum
ig_sql_check_rules(PG_FUNCTION_ARGS)
{
	Oid			only = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	int			others = 0;
	ListCell   *lc;

	if (OidIsValid(only))
		ig_check_owned_table(only);

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, ig_declared_rules_load()->list)
	{
		const IgDeclaredRule *rule = (const IgDeclaredRule *) lfirst(lc);

		if (!is_asked_for(rule, only))
			continue;
		if (ig_relation_is_owned(rule->relid))
			check_rule(rule, (ReturnSetInfo *) fcinfo->resultinfo);
		else if (get_rel_relkind(rule->relid) != '\0')
			others++;
	}
	if (others > 0)
		ereport(NOTICE,
				(errmsg("%d rules of tables that are not yours were left out", others)));
	return (Datum) 0;
}

/*
 * The check of a table looks at what inherits from it too, so that it is done
 * where the rule was declared; of a partition that is asked for, there.
 */
static bool
is_asked_for(const IgDeclaredRule *rule, Oid only)
{
	return rule->relid == only ||
		(!OidIsValid(only) && rule->source == IG_RULE_DECLARED);
}

static void
check_rule(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo)
{
	ListCell   *lc;

	/* what is dropped meanwhile has no rows */
	LockRelationOid(rule->relid, AccessShareLock);
	if (!ig_relation_is_owned(rule->relid))
		return;
	foreach(lc, rule->triggers)
	{
		char	   *query = ig_rule_violations((const IgDeclaredTrigger *) lfirst(lc));

		CHECK_FOR_INTERRUPTS();
		if (query != NULL)
			run_check(rule, query, rsinfo);
	}
}

/*
 * As the table's owner, who may have written what is called in the condition
 * of a rule, and with no way to do more than to read.  Row security would hide
 * violations: it is off, or the server raises an error.
 */
static void
run_check(const IgDeclaredRule *rule, const char *query, ReturnSetInfo *rsinfo)
{
	int			nest = NewGUCNestLevel();
	Oid			user;
	int			context;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(ig_relation_owner(rule->relid),
						   context | SECURITY_RESTRICTED_OPERATION);
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	query = psprintf("SELECT v.sample, pg_catalog.count(*) OVER () FROM (%s) AS v(sample) LIMIT %d",
					 query, MAX_SAMPLES);
	if (ig_own_query(query, 0, NULL, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", query);
	put_samples(rule, rsinfo);
	SPI_finish();

	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, context);
}

static void
put_samples(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	tuple = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		char	   *sample = SPI_getvalue(tuple, desc, 1);
		Datum		values[CHECK_COLUMNS];
		bool		nulls[CHECK_COLUMNS] = {false};

		values[0] = ObjectIdGetDatum(rule->relid);
		values[1] = CStringGetTextDatum(rule->rule->name);
		nulls[2] = rule->instance == NULL;
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(rule->instance);
		nulls[3] = sample == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(sample);
		values[4] = SPI_getbinval(tuple, desc, 2, &nulls[4]);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}
