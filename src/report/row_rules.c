/*-------------------------------------------------------------------------
 *
 * row_rules.c
 *	  The row rules that are declared, as a view.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "rows/declared.h"

#define RULE_COLUMNS	10

static void put_rule(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo);
static Datum text_array(List *texts);
static Datum trigger_names(const IgDeclaredRule *rule);
static char *enabled_words(const IgDeclaredRule *rule);
static char *definition_of(const IgDeclaredRule *rule);

PG_FUNCTION_INFO_V1(ig_sql_row_rules);

/*
 * invariant_guard.row_rules()
 */
Datum
ig_sql_row_rules(PG_FUNCTION_ARGS)
{
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	foreach(lc, ig_declared_rules_load()->list)
		put_rule((const IgDeclaredRule *) lfirst(lc), (ReturnSetInfo *) fcinfo->resultinfo);
	return (Datum) 0;
}

static void
put_rule(const IgDeclaredRule *rule, ReturnSetInfo *rsinfo)
{
	static const char *const sources[] = {"declared", "partitioned table", "inheritance parent"};
	char	   *definition;
	Datum		values[RULE_COLUMNS] = {0};
	bool		nulls[RULE_COLUMNS] = {false};

	CHECK_FOR_INTERRUPTS();
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(rule->relid)))
		return;
	definition = definition_of(rule);

	values[0] = ObjectIdGetDatum(rule->relid);
	values[1] = CStringGetTextDatum(rule->rule->name);
	nulls[2] = rule->instance == NULL;
	values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(rule->instance);
	values[3] = text_array(rule->columns);
	values[4] = text_array(rule->options);
	values[5] = trigger_names(rule);
	values[6] = CStringGetTextDatum(enabled_words(rule));
	values[7] = CStringGetTextDatum(sources[rule->source]);
	values[8] = ObjectIdGetDatum(rule->declared_on);
	nulls[9] = definition == NULL;
	values[9] = nulls[9] ? (Datum) 0 : CStringGetTextDatum(definition);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

static Datum
text_array(List *texts)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *lc;

	foreach(lc, texts)
		elements[foreach_current_index(lc)] = CStringGetTextDatum((const char *) lfirst(lc));
	return PointerGetDatum(construct_array(elements, list_length(texts), TEXTOID, -1, false,
										   TYPALIGN_INT));
}

static Datum
trigger_names(const IgDeclaredRule *rule)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, rule->triggers)
		names = lappend(names, ((const IgDeclaredTrigger *) lfirst(lc))->name);
	return text_array(names);
}

/* One word, or several where the triggers differ. */
static char *
enabled_words(const IgDeclaredRule *rule)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, rule->triggers)
	{
		const char *word =
			ig_declared_enabled_word(((const IgDeclaredTrigger *) lfirst(lc))->enabled);

		if (strstr(buf.data, word) == NULL)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", word);
	}
	return buf.data;
}

/* As statements that make the triggers. */
static char *
definition_of(const IgDeclaredRule *rule)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, rule->triggers)
	{
		char	   *sql = ig_declared_definition((const IgDeclaredTrigger *) lfirst(lc));

		if (sql == NULL)
			return NULL;
		appendStringInfo(&buf, "%s%s;", buf.len > 0 ? "\n" : "", sql);
	}
	return buf.data;
}
