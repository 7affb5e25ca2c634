/*-------------------------------------------------------------------------
 *
 * retired_use.c
 *	  What happens to a statement that uses what is retired.
 *
 * Where invariant_guard.retired_column_use is warn or error, the statement is
 * told so, and where a column was retired with block_writes, a statement that
 * gives it a value is refused.  Both is asked each time a statement begins to
 * run, so that it holds for cached plans and prepared statements as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "columns/retired_use.h"
#include "gate/decide.h"
#include "model/retirement.h"
#include "platform/inherit.h"
#include "platform/label.h"
#include "platform/relation.h"
#include "platform/settings.h"
#include "rules/allowance.h"
#include "rules/rules.h"

/* What of a relation is retired; columns are offset as in permissions. */
typedef struct Retired
{
	Oid			relid;			/* hash key */
	char		status;
	bool		table;
	Bitmapset  *columns;
	Bitmapset  *blocking;
} Retired;

#define SH_PREFIX		retired
#define SH_ELEMENT_TYPE	Retired
#define SH_KEY_TYPE		Oid
#define SH_KEY			relid
#define SH_HASH_KEY(tb, key)	murmurhash32(key)
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
/* the server's own code is not as strict as ours */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "lib/simplehash.h"
#pragma GCC diagnostic pop

/* Of relations of which anything is or was retired; in a context of its own. */
static MemoryContext retired_context = NULL;
static retired_hash *retired = NULL;

#define OFFSET(attnum)	((attnum) - FirstLowInvalidHeapAttributeNumber)
#define WHOLE_ROW		OFFSET(InvalidAttrNumber)

static void add_columns(Oid relid, Oid bearer, Bitmapset **columns, Bitmapset **blocking);
static void keep(Oid relid, bool table, Bitmapset *columns, Bitmapset *blocking);
static void judge_writes(const Retired *entry, const Bitmapset *written);
static void judge_use(const Retired *entry, const Bitmapset *read, const Bitmapset *written);
static void refuse(const char *rule, Oid relid, AttrNumber attnum, IgLevel level,
				   const char *verb);

bool
ig_retired_look_up(Oid relid)
{
	List	   *line = list_make1_oid(relid);
	Bitmapset  *columns = NULL;
	Bitmapset  *blocking = NULL;
	bool		table = ig_retirement_of(relid, InvalidAttrNumber) != NULL;
	ListCell   *lc;

	/* the list grows while it is read */
	foreach(lc, line)
	{
		add_columns(relid, lfirst_oid(lc), &columns, &blocking);
		line = list_concat_unique_oid(line, ig_parents_of(lfirst_oid(lc)));
	}
	list_free(line);

	keep(relid, table, columns, blocking);
	return table || columns != NULL;
}

/*
 * The columns that bearer's labels retire, as the relation numbers them.
 */
static void
add_columns(Oid relid, Oid bearer, Bitmapset **columns, Bitmapset **blocking)
{
	ListCell   *lc;

	foreach(lc, ig_label_columns(bearer))
	{
		AttrNumber	attnum = lfirst_int(lc);
		IgRetirement *retirement = ig_label_retirement_of(bearer, attnum);

		if (relid != bearer)
		{
			char	   *name = get_attname(bearer, attnum, true);

			attnum = name != NULL ? get_attnum(relid, name) : InvalidAttrNumber;
		}
		if (retirement == NULL || attnum <= 0)
			continue;
		*columns = bms_add_member(*columns, OFFSET(attnum));
		if (retirement->blocks_writes)
			*blocking = bms_add_member(*blocking, OFFSET(attnum));
	}
}

static void
keep(Oid relid, bool table, Bitmapset *columns, Bitmapset *blocking)
{
	Retired    *entry;
	MemoryContext old;
	bool		found;

	if (retired == NULL)
	{
		if (!table && columns == NULL)
			return;
		retired_context = AllocSetContextCreate(TopMemoryContext, "invariant_guard retired",
												ALLOCSET_SMALL_SIZES);
		retired = retired_create(retired_context, 16, NULL);
	}

	if (!table && columns == NULL && retired_lookup(retired, relid) == NULL)
		return;

	old = MemoryContextSwitchTo(retired_context);
	columns = bms_copy(columns);
	blocking = bms_copy(blocking);
	MemoryContextSwitchTo(old);
	entry = retired_insert(retired, relid, &found);
	if (found)
	{
		bms_free(entry->columns);
		bms_free(entry->blocking);
	}
	entry->table = table;
	entry->columns = columns;
	entry->blocking = blocking;
}

/*
 * An entry does not outlive the reading of a catalog, which may bring news of
 * the relation: so it is copied.
 */
void
ig_retired_use(Oid relid, const Bitmapset *read, const Bitmapset *written, bool counts,
			   bool by_server)
{
	const Retired *found = retired != NULL ? retired_lookup(retired, relid) : NULL;
	bool		tells = counts && ig_guc_retired_column_use != IG_RETIRED_USE_RECORD;
	Retired		entry;
	bool		is_new;

	if (found == NULL || (!tells && found->blocking == NULL) || !ig_gate_active())
		return;

	entry = *found;
	entry.columns = bms_copy(found->columns);
	entry.blocking = bms_copy(found->blocking);
	/* a restore in one transaction: the label of a table comes before its rows */
	is_new = ig_relation_is_created_here(relid);
	if (!by_server && !is_new)
		judge_writes(&entry, written);
	if (tells && !is_new)
		judge_use(&entry, read, written);
	bms_free(entry.columns);
	bms_free(entry.blocking);
}

static void
judge_writes(const Retired *entry, const Bitmapset *written)
{
	int			member = -1;
	Bitmapset  *blocked = bms_intersect(written, entry->blocking);

	while ((member = bms_next_member(blocked, member)) >= 0)
		refuse("retired-write", entry->relid,
			   member + FirstLowInvalidHeapAttributeNumber, IG_LEVEL_ERROR, "write");
	bms_free(blocked);
}

static void
judge_use(const Retired *entry, const Bitmapset *read, const Bitmapset *written)
{
	IgLevel		level = ig_guc_retired_column_use == IG_RETIRED_USE_WARN ?
		IG_LEVEL_WARNING : IG_LEVEL_ERROR;
	bool		all = bms_is_member(WHOLE_ROW, read);
	int			member = -1;

	if (entry->table)
	{
		refuse("retired-use", entry->relid, InvalidAttrNumber, level, "use");
		return;
	}
	while ((member = bms_next_member(entry->columns, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (bms_is_member(member, written))
			refuse("retired-use", entry->relid, attnum, level, "write");
		else if (all || bms_is_member(member, read))
			refuse("retired-use", entry->relid, attnum, level, "read");
	}
}

/*
 * One finding, decided at once: by severity, allowances and mode.
 */
static void
refuse(const char *rule, Oid relid, AttrNumber attnum, IgLevel level, const char *verb)
{
	const IgRetirement *retirement = ig_retirement_of(relid, attnum);
	IgFindings	findings = {NIL};
	IgChange	change = {0};
	IgFinding  *finding;
	StringInfoData items;
	MemoryContext old;
	char	   *what;

	change.kind = IG_BREAK_ROW_RULE;
	change.rel = ig_relation_load(relid);
	if (retirement == NULL || change.rel == NULL)
		return;

	what = ig_text_relation(change.rel);
	if (attnum != InvalidAttrNumber)
	{
		change.attnum = attnum;
		change.column = get_attname(relid, attnum, true);
		if (change.column == NULL)
			return;
		what = psprintf("column \"%s\" of %s", ig_text_name(change.column), what);
	}

	finding = ig_finding_add(&findings, ig_rule_by_name(rule), &change,
							 level == IG_LEVEL_ERROR ? "cannot %s %s, which is retired" :
							 "the statement %ss %s, which is retired", verb, what);
	finding->level = level;
	ig_finding_detail(finding, "It was retired on %s by role \"%s\", because: \"%s\".",
					  timestamptz_to_str(retirement->since), ig_text_name(retirement->role),
					  ig_text_name(retirement->reason));
	if (strcmp(rule, "retired-write") == 0)
		ig_finding_detail(finding, "It takes no values any more, NULL and DEFAULT included.");
	ig_finding_hint(finding, attnum == InvalidAttrNumber ? "-- do without the table" :
					"-- do not name the column, neither by itself nor by *");

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	ig_finding_hint(finding,
					"-- or, for this time: SET LOCAL invariant_guard.reason = '...'; SET LOCAL invariant_guard.allow = %s;",
					ig_text_name(quote_literal_cstr(items.data)));

	/* what an allowance is remembered by must outlive the statement */
	old = MemoryContextSwitchTo(CurTransactionContext);
	ig_decide(&findings);
	MemoryContextSwitchTo(old);
}
