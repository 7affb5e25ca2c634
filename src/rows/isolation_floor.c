/*-------------------------------------------------------------------------
 *
 * isolation_floor.c
 *	  isolation_floor(): a table is changed at an isolation level or above it.
 *
 * The statement trigger refuses before the first row is touched, and costs
 * nothing per row.  It is not called for what reaches the table from above: a
 * statement on a partitioned table or inheritance parent that does not have the
 * rule itself.  For that there is the row trigger, whose WHEN clause is false
 * at a sufficient level, so that nothing is queued; it is AFTER, since COPY
 * does not insert in batches where a row trigger is BEFORE INSERT.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"

#include "platform/compat.h"
#include "rows/declare.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_isolation_floor);
PG_FUNCTION_INFO_V1(ig_sql_isolation_below);
PG_FUNCTION_INFO_V1(ig_sql_add_isolation_floor);

#define ALL_CHANGES		(IG_FIRES_INSERT | IG_FIRES_UPDATE | IG_FIRES_DELETE)

static const char *const levels[] = {"repeatable read", "serializable", NULL};

/* The server's numbers of them. */
static const int level_numbers[] = {XACT_REPEATABLE_READ, XACT_SERIALIZABLE};

static const char *const option_names[] = {"level", NULL};

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void refuse(IgRuleTrigger *trigger, int level);
static const char *name_of(int number);

const IgRuleDefinition ig_isolation_floor_definition = {
	.kind = IG_ROW_ISOLATION_FLOOR,
	.fires = IG_BEFORE_STATEMENT(ALL_CHANGES | IG_FIRES_TRUNCATE) |
	IG_AFTER_ROW(ALL_CHANGES) | IG_BEFORE_ROW(ALL_CHANGES),
	.options = option_names,
	.min_columns = 0,
	.max_columns = 0,
	.prepare = prepare,
	.check = prepare,
};

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	int		   *level = palloc(sizeof(int));

	*level = ig_rule_option_word(trigger, "level", levels, 0);
	trigger->data = level;
}

/*
 * invariant_guard.isolation_floor(), a trigger function.
 */
Datum
ig_row_isolation_floor(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_isolation_floor_definition);
	int			level = *(const int *) trigger->data;

	if (!trigger->passes && XactIsoLevel < level_numbers[level])
		refuse(trigger, level);
	return ig_rule_trigger_pass((TriggerData *) fcinfo->context);
}

static void
refuse(IgRuleTrigger *trigger, int level)
{
	ig_row_refuse(trigger, trigger->relid, "isolation-floor", NULL,
				  psprintf("cannot change table \"%s\" in a transaction of isolation level %s",
						   ig_row_relation_text(trigger->relid), name_of(XactIsoLevel)),
				  psprintf("The table is changed at %s%s only.", levels[level],
						   levels[level + 1] ? " or above" : ""),
				  psprintf("-- BEGIN ISOLATION LEVEL %s; and run the transaction again where it fails with SQLSTATE 40001.",
						   level == 0 ? "REPEATABLE READ" : "SERIALIZABLE"));
}

static const char *
name_of(int number)
{
	return number == XACT_READ_UNCOMMITTED ? "read uncommitted" :
		number == XACT_READ_COMMITTED ? "read committed" :
		number == XACT_REPEATABLE_READ ? "repeatable read" : "serializable";
}

/*
 * invariant_guard.isolation_below(level text) returns boolean, for the WHEN
 * clause of the row trigger.  What is no level is below none, and the trigger
 * function says so.
 */
Datum
ig_sql_isolation_below(PG_FUNCTION_ARGS)
{
	int		   *number = (int *) fcinfo->flinfo->fn_extra;

	if (unlikely(number == NULL))
	{
		char	   *level = text_to_cstring(PG_GETARG_TEXT_PP(0));

		number = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(int));
		*number = XACT_SERIALIZABLE + 1;
		for (int i = 0; levels[i] != NULL; i++)
		{
			if (strcmp(levels[i], level) == 0)
				*number = level_numbers[i];
		}
		fcinfo->flinfo->fn_extra = number;
	}
	PG_RETURN_BOOL(XactIsoLevel < *number && !IsLogicalWorker());
}

/*
 * invariant_guard.add_isolation_floor(rel regclass, level text) returns
 * boolean: was it added?
 */
Datum
ig_sql_add_isolation_floor(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_ISOLATION_FLOOR);
	const char *level = levels[ig_declare_word(fcinfo, 1, "level", levels)];
	List	   *options = ig_declare_option(NIL, "level", level);

	ig_declare_trigger(d, "change", "BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE", false,
					   NULL, options);
	ig_declare_trigger(d, "row", "AFTER INSERT OR UPDATE OR DELETE", true,
					   psprintf("invariant_guard.isolation_below(%s)",
								quote_literal_cstr(level)), options);
	PG_RETURN_BOOL(ig_declare_end(d));
}
