/*-------------------------------------------------------------------------
 *
 * commit_assertion.c
 *	  commit_assertion(): what must hold for a key when a transaction ends.
 *
 * A deferred constraint trigger has an event for each row; the assertion is
 * checked for each key, and again only if the transaction has written since.
 * The WHEN clause notes the key, so that the locks are known before the first
 * of them is taken, and queues no second event for a key in one statement.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "nodes/nodeFuncs.h"
#include "parser/scansup.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/assertion_key.h"
#include "rows/assertion_plan.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_commit_assertion);
PG_FUNCTION_INFO_V1(ig_anchor_asserted);

#define ALL_CHANGES		(IG_FIRES_INSERT | IG_FIRES_UPDATE | IG_FIRES_DELETE)

/* How many keys of one statement the WHEN clause remembers; a power of two. */
#define REMEMBERED		64

/* A key that was checked in this transaction; hash key are the first two. */
typedef struct CheckedKey
{
	const char *image;			/* assertion and key, as bytes */
	Size		length;
	CommandId	when;			/* nothing was written since, if still current */
} CheckedKey;

typedef struct AssertionData
{
	IgKeptPlan *plan;
	const char *text;
	uint64		id;
	Oid			role;			/* with whose rights it is checked */
	IgKeyColumn *columns;
} AssertionData;

/* One key of a row. */
typedef struct RowKey
{
	Datum	   *values;
	uint64		hash;
	bool		is_complete;	/* no column is null */
} RowKey;

/* The WHEN clause's, for one statement and one table. */
typedef struct NotedKeys
{
	uint64		id;
	int			nkeys;
	int			nrows;			/* 2 for OLD and NEW */
	bool		passes;
	IgKeyColumn *columns;
	StringInfoData images[REMEMBERED];
} NotedKeys;

static const char *const option_names[] = {"assertion", "name", NULL};

/* Of this transaction; in TopTransactionContext. */
static HTAB *checked_keys = NULL;

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check(IgRuleTrigger *trigger, Relation rel);
static void check_row(IgRuleTrigger *trigger, const TriggerData *td);
static void key_of(const IgRuleTrigger *trigger, TupleTableSlot *slot, RowKey *key);
static void check_key(IgRuleTrigger *trigger, const RowKey *key);
static CheckedKey *checked_key(const IgRuleTrigger *trigger, const RowKey *key);
static char *on_one_line(const char *source);
static void refuse(IgRuleTrigger *trigger, const RowKey *key, IgAssertionResult result);
static char *key_text(const IgRuleTrigger *trigger, const RowKey *key);
static NotedKeys *prepare_noted(FunctionCallInfo fcinfo);
static bool note_row(NotedKeys *noted, FunctionCallInfo fcinfo, int first);
static bool is_remembered(NotedKeys *noted, uint64 hash, const Datum *values);
static void remember(NotedKeys *noted, StringInfo place, const StringInfo image);
static uint32 image_hash(const void *key, Size size);
static int	image_compare(const void *a, const void *b, Size size);
static void transaction_ends(XactEvent event, void *arg);
static void savepoint_ends(SubXactEvent event, SubTransactionId sub,
						   SubTransactionId parent, void *arg);

const IgRuleDefinition ig_commit_assertion_definition = {
	.kind = IG_ROW_COMMIT_ASSERTION,
	.fires = IG_AFTER_ROW(ALL_CHANGES) | IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE),
	.options = option_names,
	.min_columns = 1,
	.max_columns = INDEX_MAX_KEYS,
	.prepare = prepare,
	.check = check,
	.violations = ig_commit_assertion_violations,
};

void
ig_commit_assertion_init(void)
{
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(savepoint_ends, NULL);
}

static void
transaction_ends(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT &&
		event != XACT_EVENT_PREPARE)
		return;
	checked_keys = NULL;
	ig_assertion_locks_forget();
}

/*
 * What was checked may be as it was before, though nothing was written since.
 */
static void
savepoint_ends(SubXactEvent event, SubTransactionId sub, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	checked_keys = NULL;
	ig_assertion_locks_lost();
}

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	AssertionData *data = palloc0(sizeof(AssertionData));
	Oid			types[INDEX_MAX_KEYS];

	check(trigger, rel);
	trigger->data = data;
	data->text = ig_rule_option(trigger, "assertion", NULL);
	if (trigger->ncolumns == 0)
		return;
	data->id = ig_assertion_id(data->text);
	data->role = ig_assertion_role(trigger->tgoid, rel);
	data->columns = palloc0(sizeof(IgKeyColumn) * (trigger->ncolumns + 1));
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		types[i] = trigger->columns[i].typid;
		ig_key_column(&data->columns[i], types[i], trigger->columns[i].collation);
	}
	data->plan = ig_assertion_plan(data->text, trigger->ncolumns, types);
}

/* What the assertion reads may not be there yet. */
static void
check(IgRuleTrigger *trigger, Relation rel)
{
	if (ig_rule_option(trigger, "assertion", NULL) == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a trigger of table \"%s\" calls function invariant_guard.%s() without the option \"%s\"",
						ig_row_relation_text(trigger->relid), "commit_assertion", "assertion"),
				 errhint("Use invariant_guard.add_commit_assertion().")));
}

/*
 * invariant_guard.commit_assertion(), a trigger function.
 */
Datum
ig_row_commit_assertion(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_commit_assertion_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_FOR_ROW(td->tg_event))
		check_row(trigger, td);
	else
		ig_row_refuse(trigger, trigger->relid, "commit-assertion", NULL,
					  psprintf("cannot truncate table \"%s\", which has a commit assertion",
							   ig_row_relation_text(trigger->relid)),
					  "The assertion is checked for the keys of rows, and TRUNCATE does not say which ones it removes.",
					  "Use DELETE.");
	return ig_rule_trigger_pass(td);
}

static void
check_row(IgRuleTrigger *trigger, const TriggerData *td)
{
	AssertionData *data = (AssertionData *) trigger->data;
	RowKey		keys[2];
	int			count = 0;
	int			first;

	key_of(trigger, td->tg_trigslot, &keys[count]);
	if (keys[count].is_complete)
		count++;
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
	{
		key_of(trigger, td->tg_newslot, &keys[count]);
		if (keys[count].is_complete)
			count++;
	}

	/* both before the first lock, which is the one that comes first */
	for (int i = 0; i < count; i++)
		ig_assertion_note(data->id, keys[i].hash);
	first = count == 2 && keys[1].hash < keys[0].hash ? 1 : 0;
	for (int i = 0; i < count; i++)
		check_key(trigger, &keys[(first + i) % 2]);
}

/* A row with NULL in its key belongs to no key, as with a foreign key. */
static void
key_of(const IgRuleTrigger *trigger, TupleTableSlot *slot, RowKey *key)
{
	const AssertionData *data = (const AssertionData *) trigger->data;

	key->values = palloc(sizeof(Datum) * trigger->ncolumns);
	key->is_complete = true;
	for (int i = 0; i < trigger->ncolumns && key->is_complete; i++)
	{
		bool		isnull;

		key->values[i] = slot_getattr(slot, trigger->columns[i].attnum, &isnull);
		key->is_complete = !isnull;
	}
	if (key->is_complete)
		key->hash = ig_key_hash(data->columns, trigger->ncolumns, key->values);
}

/*
 * The command counter tells whether anything was written since the key was
 * checked: a check does not advance it.
 */
static void
check_key(IgRuleTrigger *trigger, const RowKey *key)
{
	AssertionData *data = (AssertionData *) trigger->data;
	CheckedKey *checked;
	IgAssertionResult result;

	if (trigger->permitted)
		return;
	CommandCounterIncrement();
	checked = checked_key(trigger, key);
	if (checked->when == GetCurrentCommandId(false))
		return;

	ig_assertion_lock(data->id, key->hash);
	result = ig_assertion_check(data->plan, data->text, data->role, key->values);
	if (result != IG_ASSERTION_HOLDS)
		refuse(trigger, key, result);

	/* what it calls may have made the table anew */
	checked_key(trigger, key)->when = GetCurrentCommandId(false);
}

static CheckedKey *
checked_key(const IgRuleTrigger *trigger, const RowKey *key)
{
	const AssertionData *data = (const AssertionData *) trigger->data;
	StringInfoData image;
	CheckedKey	probe = {0};
	CheckedKey *checked;
	bool		found;

	if (checked_keys == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = offsetof(CheckedKey, when);
		ctl.entrysize = sizeof(CheckedKey);
		ctl.hash = image_hash;
		ctl.match = image_compare;
		ctl.hcxt = TopTransactionContext;
		checked_keys = hash_create("invariant_guard checked keys", 64, &ctl,
								   HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
	}

	initStringInfo(&image);
	appendBinaryStringInfo(&image, (const char *) &data->plan, sizeof(data->plan));
	ig_key_image(&image, data->columns, trigger->ncolumns, key->values);
	probe.image = image.data;
	probe.length = image.len;
	checked = (CheckedKey *) hash_search(checked_keys, &probe, HASH_FIND, NULL);
	if (checked == NULL)
	{
		char	   *kept = MemoryContextAlloc(TopTransactionContext, image.len);

		memcpy(kept, image.data, image.len);
		probe.image = kept;
		checked = (CheckedKey *) hash_search(checked_keys, &probe, HASH_ENTER, &found);
		checked->when = InvalidCommandId;
	}
	pfree(image.data);
	return checked;
}

static uint32
image_hash(const void *key, Size size)
{
	const CheckedKey *checked = (const CheckedKey *) key;

	return hash_bytes((const unsigned char *) checked->image, checked->length);
}

static int
image_compare(const void *a, const void *b, Size size)
{
	const CheckedKey *x = (const CheckedKey *) a;
	const CheckedKey *y = (const CheckedKey *) b;

	return x->length != y->length || memcmp(x->image, y->image, x->length) != 0;
}

/* White space is made one blank, so that it need not be shown escaped. */
static char *
on_one_line(const char *source)
{
	char	   *result = palloc(strlen(source) + 1);
	char	   *end = result;

	for (; *source != '\0'; source++)
	{
		if (!scanner_isspace(*source))
			*end++ = *source;
		else if (end > result && end[-1] != ' ')
			*end++ = ' ';
	}
	*end = '\0';
	return result;
}

static void
refuse(IgRuleTrigger *trigger, const RowKey *key, IgAssertionResult result)
{
	const AssertionData *data = (const AssertionData *) trigger->data;
	const char *name = ig_rule_option(trigger, "name", NULL);

	ig_row_refuse(trigger, trigger->relid, "commit-assertion", NULL,
				  psprintf("commit assertion%s of table \"%s\" %s",
						   name ? psprintf(" \"%s\"", ig_text_name(name)) : "",
						   ig_row_relation_text(trigger->relid),
						   result == IG_ASSERTION_UNKNOWN ? "is null" : "does not hold"),
				  psprintf("Key %s, assertion: %s", key_text(trigger, key),
						   ig_text_name(on_one_line(data->text))),
				  result == IG_ASSERTION_UNKNOWN ?
				  "What is null does not hold: coalesce() gives a value to a row that is not there." : NULL);
}

/* '(order_id)=(7)' */
static char *
key_text(const IgRuleTrigger *trigger, const RowKey *key)
{
	StringInfoData names;
	StringInfoData values;

	initStringInfo(&names);
	initStringInfo(&values);
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(trigger->columns[i].typid, &output, &is_varlena);
		appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", NameStr(trigger->columns[i].name));
		appendStringInfo(&values, "%s%s", i > 0 ? ", " : "",
						 OidOutputFunctionCall(output, key->values[i]));
	}
	return psprintf("(%s)=(%s)", ig_text_name(names.data), ig_text_name(values.data));
}

/*
 * invariant_guard.asserted(id text, columns integer, VARIADIC key "any")
 * returns boolean, in the WHEN clause: notes the key, and tells whether it is
 * the first row with it in this statement.  That it knows by itself: whoever
 * calls it elsewhere changes nothing of what is checked.
 */
Datum
ig_anchor_asserted(PG_FUNCTION_ARGS)
{
	NotedKeys  *noted = (NotedKeys *) fcinfo->flinfo->fn_extra;
	bool		is_new = false;

	if (unlikely(noted == NULL))
		noted = prepare_noted(fcinfo);
	if (noted->passes)
		PG_RETURN_BOOL(false);
	for (int row = 0; row < noted->nrows; row++)
	{
		if (note_row(noted, fcinfo, 2 + row * noted->nkeys))
			is_new = true;
	}
	PG_RETURN_BOOL(is_new);
}

static NotedKeys *
prepare_noted(FunctionCallInfo fcinfo)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	NotedKeys  *noted = palloc0(sizeof(NotedKeys));
	int			given = PG_NARGS() - 2;
	List	   *args = fcinfo->flinfo->fn_expr && IsA(fcinfo->flinfo->fn_expr, FuncExpr) ?
		((FuncExpr *) fcinfo->flinfo->fn_expr)->args : NIL;

	noted->nkeys = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);
	if (PG_ARGISNULL(0) || noted->nkeys <= 0 || list_length(args) != PG_NARGS() ||
		get_fn_expr_variadic(fcinfo->flinfo) ||
		(given != noted->nkeys && given != 2 * noted->nkeys))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function invariant_guard.asserted() takes a key, or an old and a new one"),
				 errhint("Use invariant_guard.add_commit_assertion().")));

	noted->nrows = given / noted->nkeys;
	noted->id = strtoull(text_to_cstring(PG_GETARG_TEXT_PP(0)), NULL, 16);
	noted->passes = IsLogicalWorker();
	noted->columns = palloc0(sizeof(IgKeyColumn) * noted->nkeys);
	for (int i = 0; i < noted->nkeys; i++)
	{
		Node	   *arg = (Node *) list_nth(args, i + 2);

		ig_key_column(&noted->columns[i], exprType(arg), exprCollation(arg));
	}
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = noted;
	return noted;
}

static bool
note_row(NotedKeys *noted, FunctionCallInfo fcinfo, int first)
{
	Datum		values[INDEX_MAX_KEYS];
	uint64		hash;

	for (int i = 0; i < noted->nkeys; i++)
	{
		if (PG_ARGISNULL(first + i))
			return false;
		values[i] = PG_GETARG_DATUM(first + i);
	}
	hash = ig_key_hash(noted->columns, noted->nkeys, values);
	if (is_remembered(noted, hash, values))
		return false;
	ig_assertion_note(noted->id, hash);
	return true;
}

/*
 * Since it was remembered in this statement, its event is queued, and has not
 * fired.
 */
static bool
is_remembered(NotedKeys *noted, uint64 hash, const Datum *values)
{
	StringInfo	place = &noted->images[hash & (REMEMBERED - 1)];
	StringInfoData image;
	bool		same;

	initStringInfo(&image);
	ig_key_image(&image, noted->columns, noted->nkeys, values);
	same = place->data != NULL && place->len == image.len &&
		memcmp(place->data, image.data, image.len) == 0;
	if (!same)
		remember(noted, place, &image);
	pfree(image.data);
	return same;
}

static void
remember(NotedKeys *noted, StringInfo place, const StringInfo image)
{
	if (place->data == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(noted));

		initStringInfo(place);
		MemoryContextSwitchTo(old);
	}
	resetStringInfo(place);
	appendBinaryStringInfo(place, image->data, image->len);
}
