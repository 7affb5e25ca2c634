/*-------------------------------------------------------------------------
 *
 * when_clause.c
 *	  What the WHEN clause of a row rule's trigger says.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "rewrite/prs2lock.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "model/row_rule_kind.h"
#include "model/when_clause.h"
#include "platform/compat.h"

/*
 * What was read from clauses: a trigger asks once a statement, and reading is
 * dear.  By the clause's text, so that nothing but a function in it can make it
 * untrue.
 */
typedef struct KnownClause
{
	uint32		hash;			/* hash key */
	char	   *qual;
	List	   *attnums;
	IgWhenForm	form;
} KnownClause;

#define MAX_KNOWN_CLAUSES	1000

static HTAB *known_clauses = NULL;
static MemoryContext clauses_context = NULL;

/* Where that of a trigger was found last: comparing is cheaper than hashing. */
typedef struct LastFound
{
	Oid			tgoid;
	const KnownClause *known;
} LastFound;

#define LAST_FOUND	64			/* a power of two */

static LastFound last_found[LAST_FOUND];

typedef struct AnchorWalk
{
	bool		anchors_only;
	bool		inside;			/* of an anchor */
	List	   *attnums;
	Bitmapset  *mentioned;
} AnchorWalk;

static void functions_changed(Datum arg, int cacheid, uint32 hashvalue);
static void forget_clauses(void);
static const KnownClause *known_clause(Oid tgoid, const char *qual);
static const KnownClause *read_clause(uint32 hash, const char *qual);
static IgWhenForm form_of(const Node *node);
static bool is_pair(const Node *old, const Node *new);
static bool is_column(const Node *node, int varno);
static bool collect_columns(Node *node, AnchorWalk *walk);

void
ig_when_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, functions_changed, (Datum) 0);
}

static void
functions_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	forget_clauses();
}

List *
ig_when_columns(Oid tgoid, const char *qual, IgWhenForm *form)
{
	const KnownClause *known = qual ? known_clause(tgoid, qual) : NULL;

	if (form != NULL)
		*form = known ? known->form : IG_WHEN_OTHER;
	return known ? list_copy(known->attnums) : NIL;
}

static const KnownClause *
known_clause(Oid tgoid, const char *qual)
{
	LastFound  *last = &last_found[tgoid & (LAST_FOUND - 1)];
	const KnownClause *known;
	uint32		hash;

	if (last->known != NULL && last->tgoid == tgoid && strcmp(last->known->qual, qual) == 0)
		return last->known;

	hash = hash_bytes((const unsigned char *) qual, strlen(qual));
	known = known_clauses == NULL ? NULL :
		(const KnownClause *) hash_search(known_clauses, &hash, HASH_FIND, NULL);
	if (known == NULL || strcmp(known->qual, qual) != 0)
		known = read_clause(hash, qual);
	last->tgoid = tgoid;
	last->known = known;
	return known;
}

/* Also when there are too many of them. */
static void
forget_clauses(void)
{
	memset(last_found, 0, sizeof(last_found));
	known_clauses = NULL;
	if (clauses_context != NULL)
		MemoryContextReset(clauses_context);
}

static const KnownClause *
read_clause(uint32 hash, const char *qual)
{
	Node	   *node = (Node *) stringToNode(qual);
	AnchorWalk	walk = {.anchors_only = true};
	IgWhenForm	form;
	MemoryContext old;
	KnownClause *known;
	KnownClause kept;
	bool		is_known;

	/* looking at functions may empty the cache, so it is filled afterwards */
	(void) collect_columns(node, &walk);
	form = form_of(node);

	if (known_clauses != NULL && hash_get_num_entries(known_clauses) >= MAX_KNOWN_CLAUSES)
		forget_clauses();
	if (clauses_context == NULL)
		clauses_context = AllocSetContextCreate(TopMemoryContext,
												"invariant_guard WHEN clauses",
												ALLOCSET_DEFAULT_SIZES);
	if (known_clauses == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(uint32);
		ctl.entrysize = sizeof(KnownClause);
		ctl.hcxt = clauses_context;
		known_clauses = hash_create("invariant_guard WHEN clauses", 64, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	old = MemoryContextSwitchTo(clauses_context);
	kept.hash = hash;
	kept.qual = pstrdup(qual);
	kept.attnums = list_copy(walk.attnums);
	kept.form = form;
	MemoryContextSwitchTo(old);

	/* one of the same hash gives way */
	known = (KnownClause *) hash_search(known_clauses, &hash, HASH_ENTER, &is_known);
	*known = kept;
	return known;
}

/*
 * WHEN (changed(OLD.a, NEW.a, OLD.b, NEW.b)), as it stands in tgqual.
 */
static IgWhenForm
form_of(const Node *node)
{
	const FuncExpr *call;

	if (node == NULL || !IsA(node, FuncExpr))
		return IG_WHEN_OTHER;
	call = (const FuncExpr *) node;
	if (ig_row_rule_anchor_is(call->funcid, "uses"))
		return IG_WHEN_USES;
	if (!ig_row_rule_anchor_is(call->funcid, "changed") || call->funcvariadic ||
		list_length(call->args) % 2 != 0)
		return IG_WHEN_OTHER;
	for (int i = 0; i < list_length(call->args); i += 2)
	{
		if (!is_pair(list_nth(call->args, i), list_nth(call->args, i + 1)))
			return IG_WHEN_OTHER;
	}
	return IG_WHEN_CHANGED;
}

static bool
is_pair(const Node *old, const Node *new)
{
	return is_column(old, PRS2_OLD_VARNO) && is_column(new, PRS2_NEW_VARNO) &&
		((const Var *) old)->varattno == ((const Var *) new)->varattno;
}

static bool
is_column(const Node *node, int varno)
{
	const Var  *var = (const Var *) node;

	return IsA(node, Var) && var->varno == varno && var->varattno > 0;
}

/*
 * A clause that is one call is written so by nodeToString; the server's own
 * reading of it is what is too dear here.
 */
IgWhenForm
ig_when_likely_form(const char *qual)
{
	static const char call[] = "{FUNCEXPR :funcid ";
	Oid			funcid;

	if (strncmp(qual, call, sizeof(call) - 1) != 0)
		return IG_WHEN_OTHER;
	funcid = (Oid) strtoul(qual + sizeof(call) - 1, NULL, 10);
	if (ig_row_rule_anchor_is(funcid, "uses"))
		return IG_WHEN_USES;
	return ig_row_rule_anchor_is(funcid, "changed") ? IG_WHEN_CHANGED : IG_WHEN_OTHER;
}

Bitmapset *
ig_when_mentioned(const char *qual)
{
	AnchorWalk	walk = {0};

	if (qual != NULL)
		(void) collect_columns((Node *) stringToNode(qual), &walk);
	return walk.mentioned;
}

static bool
collect_columns(Node *node, AnchorWalk *walk)
{
	if (node == NULL)
		return false;
	if (IsA(node, Var))
	{
		AttrNumber	attnum = ((Var *) node)->varattno;

		if (attnum > 0 && (walk->inside || !walk->anchors_only))
		{
			walk->attnums = list_append_unique_int(walk->attnums, attnum);
			walk->mentioned = bms_add_member(walk->mentioned, attnum);
		}
		return false;
	}
	if (IsA(node, FuncExpr) && ig_row_rule_is_anchor(((FuncExpr *) node)->funcid))
	{
		bool		outside = walk->inside;

		walk->inside = true;
		(void) expression_tree_walker(node, collect_columns, walk);
		walk->inside = outside;
		return false;
	}
	return expression_tree_walker(node, collect_columns, walk);
}
