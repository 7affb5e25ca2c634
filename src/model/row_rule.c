/*-------------------------------------------------------------------------
 *
 * row_rule.c
 *	  The kinds of row rules, and what the catalogs say of those declared.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "model/row_rule.h"
#include "model/when_clause.h"

static const IgRowRule rules[] = {
	{IG_ROW_OPTIMISTIC_LOCK, "optimistic-lock", "optimistic_lock", true, false},
	{IG_ROW_SOFT_DELETE, "soft-delete", "soft_delete", true, false},
	{IG_ROW_SOFT_DELETE_PARENT, "soft-delete-parent", "soft_delete_parent", true, false},
	{IG_ROW_APPEND_ONLY, "append-only", "append_only", true, true},
	{IG_ROW_IMMUTABLE_COLUMNS, "immutable-columns", "immutable_columns", true, false},
	{IG_ROW_FROZEN_ROWS, "frozen-rows", "frozen_rows", true, false},
	{IG_ROW_SNAPSHOT_COLUMNS, "snapshot-columns", "snapshot_columns", true, false},
	{IG_ROW_UNIQUE_ACTIVE, "unique-active", "unique_active", true, false},
	{IG_ROW_RELATIVE_ONLY, "relative-only", "relative_only", true, false},
	{IG_ROW_ISOLATION_FLOOR, "isolation-floor", "isolation_floor", true, false},
	{IG_ROW_COMMIT_ASSERTION, "commit-assertion", "commit_assertion", true, false},
	{IG_ROW_ROW_LIMIT, "row-limit", "row_limit", true, false},
	{IG_ROW_ON_NO_MATCH, "on-no-match", "on_no_match", true, false},
	{IG_ROW_AUDIT_COLUMNS, "audit-columns", "audit_columns", false, false},
};

StaticAssertDecl(lengthof(rules) == IG_ROW_RULE_KINDS, "each kind has its record");

/* What a function is: the name of its symbol tells. */
#define SYMBOL_PREFIX	"ig_row_"
#define ANCHOR_PREFIX	"ig_anchor_"

/* What is known of functions; forgotten with any change of pg_proc. */
typedef struct KnownFunction
{
	Oid			funcid;			/* hash key */
	const IgRowRule *rule;
	char		anchor[NAMEDATALEN];	/* the name of one, or empty */
} KnownFunction;

static HTAB *known_functions = NULL;

static void functions_changed(Datum arg, int cacheid, uint32 hashvalue);
static const KnownFunction *known_function(Oid funcid);
static void recognize(KnownFunction *known);
static List *scan_triggers(Oid index, ScanKey key, int nkeys);
static IgDeclaredTrigger *declared_of(HeapTuple tuple, TupleDesc desc);
static void read_arguments(IgDeclaredTrigger *declared, HeapTuple tuple, TupleDesc desc,
						   bool anchored);
static char *text_of(HeapTuple tuple, AttrNumber attnum, TupleDesc desc);

void
ig_row_rule_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
}

static void
functions_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	KnownFunction *known;

	ig_when_forget();
	if (known_functions == NULL)
		return;
	hash_seq_init(&status, known_functions);
	while ((known = (KnownFunction *) hash_seq_search(&status)) != NULL)
		hash_search(known_functions, &known->funcid, HASH_REMOVE, NULL);
}

const IgRowRule *
ig_row_rule(IgRowRuleKind kind)
{
	Assert(rules[kind].kind == kind);
	return &rules[kind];
}

const IgRowRule *
ig_row_rule_by_name(const char *name)
{
	for (int i = 0; i < lengthof(rules); i++)
	{
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	}
	return NULL;
}

/*
 * The entry may be gone with the next look at a catalog: use it at once.
 */
static const KnownFunction *
known_function(Oid funcid)
{
	KnownFunction *known;
	KnownFunction found = {0};
	bool		is_known;

	if (known_functions == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(KnownFunction);
		known_functions = hash_create("invariant_guard functions", 64, &ctl,
									  HASH_ELEM | HASH_BLOBS);
	}

	known = (KnownFunction *) hash_search(known_functions, &funcid, HASH_FIND, NULL);
	if (known != NULL)
		return known;

	/* reading the catalog may empty the table, so it is filled afterwards */
	found.funcid = funcid;
	recognize(&found);
	known = (KnownFunction *) hash_search(known_functions, &funcid, HASH_ENTER, &is_known);
	*known = found;
	return known;
}

/*
 * Only a superuser can have made a C function, of whatever name, so that the
 * symbol in our library is what tells.
 */
static void
recognize(KnownFunction *known)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(known->funcid));
	Form_pg_proc form;
	char	   *symbol;
	bool		isnull;
	Datum		datum;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_proc) GETSTRUCT(tuple);
	if (form->prolang != ClanguageId)
	{
		ReleaseSysCache(tuple);
		return;
	}

	datum = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_prosrc, &isnull);
	symbol = isnull ? NULL : TextDatumGetCString(datum);
	if (symbol != NULL && strncmp(symbol, ANCHOR_PREFIX, strlen(ANCHOR_PREFIX)) == 0)
		strlcpy(known->anchor, symbol + strlen(ANCHOR_PREFIX), NAMEDATALEN);
	else if (symbol != NULL && strncmp(symbol, SYMBOL_PREFIX, strlen(SYMBOL_PREFIX)) == 0)
	{
		for (int i = 0; i < lengthof(rules); i++)
		{
			if (strcmp(symbol + strlen(SYMBOL_PREFIX), rules[i].function) == 0)
				known->rule = &rules[i];
		}
	}
	ReleaseSysCache(tuple);
}

const IgRowRule *
ig_row_rule_of_function(Oid funcid)
{
	return known_function(funcid)->rule;
}

bool
ig_row_rule_is_anchor(Oid funcid)
{
	return known_function(funcid)->anchor[0] != '\0';
}

bool
ig_row_rule_anchor_is(Oid funcid, const char *name)
{
	return strcmp(known_function(funcid)->anchor, name) == 0;
}

List *
ig_row_rule_columns(const Trigger *trigger, Relation rel)
{
	List	   *attnums = ig_when_columns(trigger->tgoid, trigger->tgqual, NULL);

	if (attnums != NIL)
		return attnums;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		AttrNumber	attnum;

		if (strchr(trigger->tgargs[i], '=') != NULL)
			continue;
		attnum = get_attnum(RelationGetRelid(rel), trigger->tgargs[i]);
		if (attnum <= 0)
			return NIL;
		attnums = lappend_int(attnums, attnum);
	}
	return attnums;
}

List *
ig_declared_triggers(Oid relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	return scan_triggers(TriggerRelidNameIndexId, &key, 1);
}

List *
ig_all_declared_triggers(void)
{
	return scan_triggers(InvalidOid, NULL, 0);
}

static List *
scan_triggers(Oid index, ScanKey key, int nkeys)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_trigger, index, OidIsValid(index), NULL,
										  nkeys, key);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		IgDeclaredTrigger *declared = declared_of(tuple, RelationGetDescr(pg_trigger));

		if (declared != NULL)
			result = lappend(result, declared);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return result;
}

bool
ig_declares_rules(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		has_triggers = false;

	if (HeapTupleIsValid(tuple))
	{
		has_triggers = ((Form_pg_class) GETSTRUCT(tuple))->relhastriggers;
		ReleaseSysCache(tuple);
	}
	return has_triggers && ig_declared_triggers(relid) != NIL;
}

const IgRowRule *
ig_history_rule(Oid relid)
{
	ListCell   *lc;

	if (!ig_declares_rules(relid))
		return NULL;
	foreach(lc, ig_declared_triggers(relid))
	{
		const IgRowRule *rule = ((const IgDeclaredTrigger *) lfirst(lc))->rule;

		if (rule->keeps_history)
			return rule;
	}
	return NULL;
}

IgDeclaredTrigger *
ig_declared_trigger(Oid tgoid)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	IgDeclaredTrigger *declared = NULL;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(tgoid));
	scan = systable_beginscan(pg_trigger, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		declared = declared_of(tuple, RelationGetDescr(pg_trigger));
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return declared;
}

/* NULL if the trigger declares no rule. */
static IgDeclaredTrigger *
declared_of(HeapTuple tuple, TupleDesc desc)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	const IgRowRule *rule = ig_row_rule_of_function(form->tgfoid);
	IgDeclaredTrigger *declared;
	char	   *qual;
	ListCell   *lc;

	if (rule == NULL)
		return NULL;

	declared = palloc0(sizeof(IgDeclaredTrigger));
	declared->rule = rule;
	declared->oid = form->oid;
	declared->relid = form->tgrelid;
	declared->parent = form->tgparentid;
	declared->name = pstrdup(NameStr(form->tgname));
	declared->type = form->tgtype;
	declared->enabled = form->tgenabled;
	declared->update_of = form->tgattr.dim1 > 0;

	qual = text_of(tuple, Anum_pg_trigger_tgqual, desc);
	declared->attnums = ig_when_columns(form->oid, qual, NULL);
	declared->mentioned = ig_when_mentioned(qual);
	foreach(lc, declared->attnums)
	{
		char	   *name = get_attname(form->tgrelid, lfirst_int(lc), true);

		declared->columns = lappend(declared->columns, name ? name : pstrdup("?"));
	}
	read_arguments(declared, tuple, desc, declared->attnums != NIL);
	return declared;
}

/*
 * tgargs holds tgnargs strings, each ended by a zero byte.
 */
static void
read_arguments(IgDeclaredTrigger *declared, HeapTuple tuple, TupleDesc desc, bool anchored)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_trigger_tgargs, desc, &isnull);
	bytea	   *bytes;
	const char *arg;

	if (isnull || form->tgnargs == 0)
		return;
	bytes = DatumGetByteaPP(datum);
	arg = VARDATA_ANY(bytes);
	for (int i = 0; i < form->tgnargs; i++, arg += strlen(arg) + 1)
	{
		AttrNumber	attnum;

		if (strchr(arg, '=') != NULL)
		{
			declared->options = lappend(declared->options, pstrdup(arg));
			continue;
		}
		if (anchored)
			continue;
		attnum = get_attnum(declared->relid, arg);
		declared->columns = lappend(declared->columns, pstrdup(arg));
		declared->attnums = lappend_int(declared->attnums, Max(attnum, 0));
		if (attnum > 0)
		{
			declared->mentioned = bms_add_member(declared->mentioned, attnum);
			declared->in_arguments = bms_add_member(declared->in_arguments, attnum);
		}
	}
}

static char *
text_of(HeapTuple tuple, AttrNumber attnum, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attnum, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}
