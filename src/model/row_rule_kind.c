/*-------------------------------------------------------------------------
 *
 * row_rule_kind.c
 *	  The kinds of row rules, and the functions that make a trigger one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "model/row_rule_kind.h"

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

/* zz_ig_FUNCTION[_INSTANCE]_SUFFIX, see ig_spread_trigger_name() */
#define NAME_PREFIX		"zz_ig_"

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

void
ig_row_rule_kind_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
}

static void
functions_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	HASH_SEQ_STATUS status;
	KnownFunction *known;

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

/* A suffix is one word. */
bool
ig_row_rule_gave_name(const IgRowRule *rule, const char *name, char **instance)
{
	char	   *prefix = psprintf(NAME_PREFIX "%s_", rule->function);
	const char *rest = name + strlen(prefix);
	const char *suffix;

	*instance = NULL;
	if (strncmp(name, prefix, strlen(prefix)) != 0)
		return false;
	suffix = strrchr(rest, '_');
	if (suffix != NULL && suffix > rest)
		*instance = pnstrdup(rest, suffix - rest);
	return true;
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
