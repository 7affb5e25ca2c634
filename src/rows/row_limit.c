/*-------------------------------------------------------------------------
 *
 * row_limit.c
 *	  row_limit(): how many rows of a table one statement may change.
 *
 * A statement is known by the memory context of its executor state: all that
 * it does there, to partitions and in data-modifying CTEs too, counts together,
 * and the count goes away with the context.  The queries of foreign keys count
 * for the statement whose triggers they are run by, which is noted while
 * ExecutorFinish fires them.  Any other statement that a function or trigger
 * runs counts for itself.
 *
 * Updates and deletes are counted by a BEFORE trigger, which tells a move to
 * another partition from a delete.  It is not called before the row is locked,
 * so that no row counts twice.  Inserts are counted in the WHEN clause of an
 * AFTER trigger: what ON CONFLICT does not insert is not counted, nothing is
 * queued, and COPY can still insert in batches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/move.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"
#include "rows/soft_delete.h"
#include "rows/trigger.h"

PG_FUNCTION_INFO_V1(ig_row_row_limit);
PG_FUNCTION_INFO_V1(ig_sql_row_limit_passed);
PG_FUNCTION_INFO_V1(ig_sql_add_row_limit);

/* Rows that a statement has changed in a table and all below it. */
typedef struct Counter
{
	Oid			topmost;		/* of those that have the trigger */
	int64		count;
	bool		permitted;		/* the rest of the statement may pass */
	Oid			inserted_in;	/* the last row of those that were inserted */
	ItemPointerData inserted;
} Counter;

/* A statement that has a counter. */
typedef struct Statement
{
	struct Statement *next;
	MemoryContext context;
	List	   *counters;
	MemoryContextCallback at_end;
} Statement;

typedef struct LimitData
{
	uint32		commands;		/* IG_FIRES_ bits */
	int64		max;
	Counter    *counter;
	bool		has_clone;		/* which counts */
	uint32		update;			/* what the client calls an UPDATE: that of a
								 * soft delete is a DELETE */
} LimitData;

/* Cached, since a statement may change but one row. */
typedef struct Topmost
{
	Oid			relid;			/* hash key */
	Oid			topmost;
} Topmost;

/* The WHEN clause's. */
typedef struct InsertCount
{
	Oid			relid;
	LimitData	limit;
	bool		is_limited;
} InsertCount;

static const char *const option_names[] = {"max", "commands", NULL};
static const char *const command_words[] = {"insert", "update", "delete", NULL};
static const uint32 command_bits[] = {IG_FIRES_INSERT, IG_FIRES_UPDATE, IG_FIRES_DELETE};

static ExecutorFinish_hook_type prev_executor_finish = NULL;

static Statement *statements = NULL;

static HTAB *topmosts = NULL;

/* The statement whose AFTER triggers are being fired. */
static MemoryContext finishing = NULL;

static void ig_executor_finish(QueryDesc *queryDesc);
static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check(IgRuleTrigger *trigger, Relation rel);
static bool has_clone(Oid tgoid, const TriggerDesc *triggers);
static void read_limit(LimitData *limit, const char *max, const char *commands, Oid relid);
static Counter *counter_of(MemoryContext context, Oid topmost);
static MemoryContext context_of_statement(MemoryContext executor);
static void statement_ends(void *arg);
static Oid	topmost_limited(Oid relid);
static Oid	find_topmost_limited(Oid relid);
static void relations_changed(Datum arg, Oid relid);
static bool has_limit(Oid relid);
static void count_row(IgRuleTrigger *trigger, LimitData *limit, Oid relid);
static void refuse(IgRuleTrigger *trigger, const LimitData *limit, Oid relid);
static bool is_counted(Counter *counter, Oid relid, ItemPointer tid);
static InsertCount *prepare_insert_count(FunctionCallInfo fcinfo, Oid relid);
static const char *commands_argument(FunctionCallInfo fcinfo, int arg, uint32 *bits);
static const char *before_events(const IgDeclaration *d, uint32 commands);

const IgRuleDefinition ig_row_limit_definition = {
	.kind = IG_ROW_ROW_LIMIT,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_AFTER_ROW(IG_FIRES_INSERT) | IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE),
	.options = option_names,
	.min_columns = 0,
	.max_columns = 0,
	.prepare = prepare,
	.check = check,
};

void
ig_row_limit_init(void)
{
	prev_executor_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = ig_executor_finish;
	CacheRegisterRelcacheCallback(relations_changed, (Datum) 0);
}

/*
 * On the way of every query: one that changes nothing leaves at once, and so
 * does a foreign key's, which fires no triggers.
 */
static void
ig_executor_finish(QueryDesc *queryDesc)
{
	MemoryContext outer = finishing;

	if ((queryDesc->operation == CMD_SELECT && !queryDesc->plannedstmt->hasModifyingCTE) ||
		(queryDesc->estate->es_top_eflags & EXEC_FLAG_SKIP_TRIGGERS) != 0)
	{
		if (prev_executor_finish)
			prev_executor_finish(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
		return;
	}

	PG_TRY();
	{
		finishing = queryDesc->estate->es_query_cxt;
		if (prev_executor_finish)
			prev_executor_finish(queryDesc);
		else
			standard_ExecutorFinish(queryDesc);
	}
	PG_FINALLY();
	{
		finishing = outer;
	}
	PG_END_TRY();
}

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	LimitData  *limit = palloc0(sizeof(LimitData));
	const QueryDesc *running;

	trigger->data = limit;
	check(trigger, rel);
	limit->counter = counter_of(context_of_statement(trigger->context),
								topmost_limited(trigger->relid));
	limit->has_clone = has_clone(trigger->tgoid, rel->trigdesc);
	running = ig_running_statement();
	limit->update = running != NULL && running->operation == CMD_DELETE ?
		IG_FIRES_DELETE : IG_FIRES_UPDATE;
}

static void
check(IgRuleTrigger *trigger, Relation rel)
{
	LimitData	unused = {0};

	read_limit(trigger->data ? (LimitData *) trigger->data : &unused,
			   ig_rule_option(trigger, "max", NULL),
			   ig_rule_option(trigger, "commands", "update,delete"), trigger->relid);
}

/*
 * A partition that has kept the rule (keep_rules()), and is not detached yet,
 * has both the clone and a copy of it: a row counts once.
 */
static bool
has_clone(Oid tgoid, const TriggerDesc *triggers)
{
	const Trigger *own = NULL;

	for (int i = 0; i < triggers->numtriggers; i++)
	{
		if (triggers->triggers[i].tgoid == tgoid)
			own = &triggers->triggers[i];
	}
	for (int i = 0; own != NULL && !own->tgisclone && i < triggers->numtriggers; i++)
	{
		const Trigger *other = &triggers->triggers[i];

		if (other->tgisclone && other->tgfoid == own->tgfoid && other->tgtype == own->tgtype &&
			ig_trigger_fires_here(other))
			return true;
	}
	return false;
}

static void
read_limit(LimitData *limit, const char *max, const char *commands, Oid relid)
{
	char	   *end = NULL;
	char	   *rest = pstrdup(commands);
	char	   *word;

	errno = 0;
	limit->max = max ? strtoll(max, &end, 10) : -1;
	if (max == NULL || end == max || *end != '\0' || errno != 0 || limit->max < 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("invalid value for option \"%s\" of function invariant_guard.%s() in table \"%s\": \"%s\"",
						"max", "row_limit", ig_row_relation_text(relid), max ? max : ""),
				 errdetail("It must be a number of rows.")));

	while ((word = strsep(&rest, ",")) != NULL)
	{
		int			i = 0;

		while (command_words[i] != NULL && strcmp(command_words[i], word) != 0)
			i++;
		if (command_words[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("invalid value for option \"%s\" of function invariant_guard.%s() in table \"%s\": \"%s\"",
							"commands", "row_limit", ig_row_relation_text(relid), commands),
					 errdetail("It must be a list of %s.", ig_text_words(command_words))));
		limit->commands |= command_bits[i];
	}
}

/*
 * A foreign key's query is one of the statement that fires it.  Where that is
 * not known, since the library was loaded by its own trigger, all that the
 * client's statement does counts together.
 */
static MemoryContext
context_of_statement(MemoryContext executor)
{
	if (!InNoForceRLSOperation())
		return executor;
	if (finishing != NULL)
		return finishing;
	return PortalContext ? PortalContext : executor;
}

static Counter *
counter_of(MemoryContext context, Oid topmost)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Statement  *statement = statements;
	Counter    *counter;
	ListCell   *lc;

	while (statement != NULL && statement->context != context)
		statement = statement->next;
	if (statement == NULL)
	{
		statement = palloc0(sizeof(Statement));
		statement->context = context;
		statement->at_end.func = statement_ends;
		statement->at_end.arg = statement;
		MemoryContextRegisterResetCallback(context, &statement->at_end);
		statement->next = statements;
		statements = statement;
	}

	foreach(lc, statement->counters)
	{
		counter = (Counter *) lfirst(lc);
		if (counter->topmost == topmost)
		{
			MemoryContextSwitchTo(old);
			return counter;
		}
	}
	counter = palloc0(sizeof(Counter));
	counter->topmost = topmost;
	statement->counters = lappend(statement->counters, counter);
	MemoryContextSwitchTo(old);
	return counter;
}

/* Its memory is about to be freed, be it by an error. */
static void
statement_ends(void *arg)
{
	Statement **link = &statements;

	while (*link != NULL && *link != (Statement *) arg)
		link = &(*link)->next;
	if (*link != NULL)
		*link = (*link)->next;
}

/*
 * The table for which the rule was declared: upwards as far as the rule goes.
 */
static Oid
topmost_limited(Oid relid)
{
	Topmost    *known;
	Oid			topmost;

	if (topmosts == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(Topmost);
		topmosts = hash_create("invariant_guard row limits", 64, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	known = (Topmost *) hash_search(topmosts, &relid, HASH_FIND, NULL);
	if (known != NULL)
		return known->topmost;

	/* reading the catalogs may empty the table, so it is filled afterwards */
	topmost = find_topmost_limited(relid);
	known = (Topmost *) hash_search(topmosts, &relid, HASH_ENTER, NULL);
	known->topmost = topmost;
	return topmost;
}

/* Whatever joins or leaves, and whatever trigger is made, tells of itself. */
static void
relations_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS status;
	Topmost    *known;

	if (topmosts == NULL)
		return;
	hash_seq_init(&status, topmosts);
	while ((known = (Topmost *) hash_seq_search(&status)) != NULL)
		hash_search(topmosts, &known->relid, HASH_REMOVE, NULL);
}

static Oid
find_topmost_limited(Oid relid)
{
	for (;;)
	{
		Oid			above = InvalidOid;
		ListCell   *lc;

		foreach(lc, ig_parents_of(relid))
		{
			if (has_limit(lfirst_oid(lc)))
				above = lfirst_oid(lc);
		}
		if (!OidIsValid(above))
			return relid;
		relid = above;
	}
}

static bool
has_limit(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(relid))
	{
		if (((IgDeclaredTrigger *) lfirst(lc))->rule->kind == IG_ROW_ROW_LIMIT)
			return true;
	}
	return false;
}

/*
 * invariant_guard.row_limit(), a trigger function.
 */
Datum
ig_row_row_limit(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_row_limit_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;
	LimitData  *limit = (LimitData *) trigger->data;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);

	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
	{
		ig_move_note(td);
		if ((limit->commands & limit->update) != 0 && !limit->has_clone)
			count_row(trigger, limit, trigger->relid);
	}
	else if (TRIGGER_FIRED_BY_DELETE(td->tg_event))
	{
		if (!ig_move_is_delete(td) && (limit->commands & IG_FIRES_DELETE) != 0 &&
			!limit->has_clone)
			count_row(trigger, limit, trigger->relid);
	}
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
	{
		if (!limit->has_clone)
			count_row(trigger, limit, trigger->relid);
	}
	else
		ig_row_refuse(trigger, trigger->relid, "row-limit", NULL,
					  psprintf("cannot truncate table \"%s\", which limits how many rows a statement deletes",
							   ig_row_relation_text(trigger->relid)),
					  psprintf("The limit is %lld.", (long long) limit->max),
					  "DELETE in batches.");
	return ig_rule_trigger_pass(td);
}

static inline void
count_row(IgRuleTrigger *trigger, LimitData *limit, Oid relid)
{
	if (unlikely(++limit->counter->count > limit->max) && !limit->counter->permitted)
		refuse(trigger, limit, relid);
}

static void
refuse(IgRuleTrigger *trigger, const LimitData *limit, Oid relid)
{
	Oid			topmost = limit->counter->topmost;

	ig_row_refuse(trigger, topmost, "row-limit", NULL,
				  psprintf("statement changes more rows of table \"%s\" than its limit of %lld",
						   ig_row_relation_text(topmost), (long long) limit->max),
				  "Rows changed by cascading foreign keys and in all partitions count.",
				  "Work in batches, or look whether the WHERE clause is right.");

	/* an allowance or the mode has let it pass */
	limit->counter->permitted = true;
}

/*
 * invariant_guard.row_limit_passed(relid oid, row tid) returns boolean: counts a
 * row that was inserted into the table, and raises if it is one too many; false.
 * Called by anybody else it counts for their own query only.
 */
Datum
ig_sql_row_limit_passed(PG_FUNCTION_ARGS)
{
	InsertCount *insert = (InsertCount *) fcinfo->flinfo->fn_extra;
	Oid			relid = PG_GETARG_OID(0);
	ItemPointer tid = (ItemPointer) PG_GETARG_POINTER(1);

	if (unlikely(insert == NULL || insert->relid != relid))
		insert = prepare_insert_count(fcinfo, relid);
	if (insert->is_limited && !is_counted(insert->limit.counter, relid, tid) &&
		!ig_move_is_arrival(relid, tid))
		count_row(NULL, &insert->limit, relid);
	PG_RETURN_BOOL(false);
}

/*
 * Of a row that has both a clone and a copy of it, the clauses are evaluated one
 * right after the other.  A row of a foreign table has no place.
 */
static bool
is_counted(Counter *counter, Oid relid, ItemPointer tid)
{
	if (!ItemPointerIsValid(tid))
		return false;
	if (counter->inserted_in == relid && ItemPointerEquals(&counter->inserted, tid))
		return true;
	counter->inserted_in = relid;
	counter->inserted = *tid;
	return false;
}

static InsertCount *
prepare_insert_count(FunctionCallInfo fcinfo, Oid relid)
{
	MemoryContext context = fcinfo->flinfo->fn_mcxt;
	InsertCount *insert = MemoryContextAllocZero(context, sizeof(InsertCount));
	ListCell   *lc;

	insert->relid = relid;
	fcinfo->flinfo->fn_extra = insert;
	if (IsLogicalWorker())
		return insert;

	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);
		const char *commands;

		if (declared->rule->kind != IG_ROW_ROW_LIMIT || !TRIGGER_FOR_INSERT(declared->type))
			continue;
		commands = ig_declared_option(declared, "commands");
		read_limit(&insert->limit, ig_declared_option(declared, "max"),
				   commands ? commands : "insert", relid);
		insert->limit.counter = counter_of(context_of_statement(context),
										   topmost_limited(relid));
		insert->is_limited = true;
	}
	return insert;
}

/*
 * invariant_guard.add_row_limit(rel regclass, max_rows bigint, commands text[])
 * returns boolean: was it added?
 */
Datum
ig_sql_add_row_limit(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_ROW_LIMIT);
	uint32		commands = 0;
	const char *words = commands_argument(fcinfo, 2, &commands);
	const char *before = before_events(d, commands);
	List	   *options;

	if (PG_ARGISNULL(1) || PG_GETARG_INT64(1) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows must be a number of rows, not %s",
						PG_ARGISNULL(1) ? "null" : psprintf("%lld", (long long) PG_GETARG_INT64(1)))));

	options = ig_declare_option(NIL, "max", psprintf("%lld", (long long) PG_GETARG_INT64(1)));
	options = ig_declare_option(options, "commands", words);
	if (before != NULL)
		ig_declare_trigger(d, "change", before, true, NULL, options);
	if (commands & IG_FIRES_INSERT)
		ig_declare_trigger(d, "insert", "AFTER INSERT", true,
						   "invariant_guard.row_limit_passed(new.tableoid, new.ctid)", options);
	if (commands & IG_FIRES_DELETE)
		ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, options);
	PG_RETURN_BOOL(ig_declare_end(d));
}

/*
 * 'insert,update', in this order whatever the argument's.
 */
static const char *
commands_argument(FunctionCallInfo fcinfo, int arg, uint32 *bits)
{
	StringInfoData words;
	Datum	   *elements;
	bool	   *nulls;
	int			count = 0;

	if (!PG_ARGISNULL(arg))
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), TEXTOID, -1, false, TYPALIGN_INT,
						  &elements, &nulls, &count);
	for (int n = 0; n < count; n++)
	{
		char	   *word = nulls[n] ? NULL : TextDatumGetCString(elements[n]);
		int			i = 0;

		while (word != NULL && command_words[i] != NULL && strcmp(command_words[i], word) != 0)
			i++;
		if (word == NULL || command_words[i] == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("invalid value for commands: \"%s\"",
							word ? ig_text_name(word) : "null"),
					 errdetail("The values are %s.", ig_text_words(command_words))));
		*bits |= command_bits[i];
	}
	if (*bits == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("commands must name one command or more"),
				 errdetail("The values are %s.", ig_text_words(command_words))));

	initStringInfo(&words);
	for (int i = 0; command_words[i] != NULL; i++)
	{
		if (*bits & command_bits[i])
			appendStringInfo(&words, "%s%s", words.len > 0 ? "," : "", command_words[i]);
	}
	return words.data;
}

/*
 * A move between partitions is known by both of its triggers only.
 */
static const char *
before_events(const IgDeclaration *d, uint32 commands)
{
	IgSoftDelete rule;

	if (d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		d->rel->rd_rel->relispartition ||
		((commands & IG_FIRES_DELETE) != 0 && ig_soft_delete_of(d->rel, &rule)) ||
		(commands & (IG_FIRES_UPDATE | IG_FIRES_DELETE)) == (IG_FIRES_UPDATE | IG_FIRES_DELETE))
		return "BEFORE UPDATE OR DELETE";
	return commands & IG_FIRES_UPDATE ? "BEFORE UPDATE" :
		commands & IG_FIRES_DELETE ? "BEFORE DELETE" : NULL;
}
