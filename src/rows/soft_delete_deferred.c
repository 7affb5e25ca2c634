/*-------------------------------------------------------------------------
 *
 * soft_delete_deferred.c
 *	  Rows that come before what they refer to.
 *
 * Under a deferred foreign key a row may refer to one that is not there yet, so
 * that nobody can lock it, or look whether it is deleted.  Who adds or deletes
 * the other row meanwhile does not see this one.  So the look is made up for
 * before the transaction commits: by then the foreign key has found the other
 * row, and holds its lock.
 *
 * Only the values are kept, and not the rows: what has changed since counts as
 * it is by then.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "platform/catalog.h"
#include "rows/kept_plan.h"
#include "rows/soft_delete.h"

/*
 * More rows of one foreign key than this, and the table is looked at instead;
 * unless nobody owns both, so that nobody can join them.
 */
#define MAX_REMEMBERED	10000

/* A foreign key that some row of this transaction has come too early for. */
typedef struct Early
{
	Oid			relid;			/* the table that refers */
	Oid			constraint;
	int			nkeys;
	List	   *rows;			/* of Datum *; NIL if there were too many */
} Early;

/* In TopTransactionContext. */
static List *earlies = NIL;

static void before_commit(XactEvent event, void *arg);
static Early *early_of(Oid relid, const IgForeignKey *key);
static void judge(const Early *early);
static void judge_key(const Early *early, Relation rel, const IgForeignKey *key);
static bool finds_any(const IgForeignKey *key, const char *is_deleted, const char *is_live);
static bool finds(const IgForeignKey *key, List *rows, const char *is_deleted,
				  const char *is_live);
static IgKeptPlan *deleted_plan(const IgForeignKey *key, const char *is_deleted);
static IgKeptPlan *live_plan(const IgForeignKey *key, const char *is_live);

void
ig_soft_delete_deferred_init(void)
{
	RegisterXactCallback(before_commit, NULL);
}

void
ig_soft_delete_defer(Oid relid, const IgForeignKey *key, const Datum *values)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Early	   *early = early_of(relid, key);

	if (list_length(early->rows) == MAX_REMEMBERED &&
		ig_relation_owner(key->child) == ig_relation_owner(key->parent))
	{
		list_free_deep(early->rows);
		early->rows = NIL;
		early->nkeys = 0;
	}
	if (early->nkeys > 0)
	{
		Datum	   *copy = palloc(sizeof(Datum) * key->nkeys);

		for (int i = 0; i < key->nkeys; i++)
		{
			int16		length;
			bool		by_value;

			get_typlenbyval(get_atttype(relid, key->child_columns[i]), &length, &by_value);
			copy[i] = datumCopy(values[i], by_value, length);
		}
		early->rows = lappend(early->rows, copy);
	}
	MemoryContextSwitchTo(old);
}

static Early *
early_of(Oid relid, const IgForeignKey *key)
{
	Early	   *early;
	ListCell   *lc;

	foreach(lc, earlies)
	{
		early = (Early *) lfirst(lc);
		if (early->relid == relid && early->constraint == key->constraint)
			return early;
	}
	early = palloc0(sizeof(Early));
	early->relid = relid;
	early->constraint = key->constraint;
	early->nkeys = key->nkeys;
	earlies = lappend(earlies, early);
	return early;
}

/*
 * The deferred triggers have been fired, and nothing is queued any more.
 */
static void
before_commit(XactEvent event, void *arg)
{
	List	   *list = earlies;
	ListCell   *lc;

	if (list == NIL)
		return;
	earlies = NIL;
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE)
		return;

	PushActiveSnapshot(GetTransactionSnapshot());
	foreach(lc, list)
		judge((const Early *) lfirst(lc));
	PopActiveSnapshot();
}

/* What is there of it: a savepoint may have taken it back. */
static void
judge(const Early *early)
{
	Relation	rel = try_relation_open(early->relid, AccessShareLock);
	ListCell   *lc;

	if (rel == NULL)
		return;
	foreach(lc, ig_foreign_keys_of(rel))
	{
		const IgForeignKey *key = (const IgForeignKey *) lfirst(lc);

		if (key->constraint == early->constraint)
			judge_key(early, rel, key);
	}
	relation_close(rel, NoLock);
}

static void
judge_key(const Early *early, Relation rel, const IgForeignKey *key)
{
	IgSoftDelete parent;
	IgSoftDelete own;
	char	   *is_deleted;
	char	   *is_live = "true";

	if (!ig_soft_delete_of_table(key->parent, &parent))
		return;
	is_deleted = psprintf("p.%s IS NOT NULL",
						  quote_identifier(get_attname(key->parent, parent.deleted, false)));
	if (ig_soft_delete_of(rel, &own))
		is_live = psprintf("c.%s IS NULL",
						   quote_identifier(get_attname(key->child, own.deleted, false)));

	if (early->nkeys == 0 ? finds_any(key, is_deleted, is_live) :
		finds(key, early->rows, is_deleted, is_live))
		ig_soft_delete_refuse_parent(NULL, key);
}

/* Is there a live row that refers to a deleted one? */
static bool
finds_any(const IgForeignKey *key, const char *is_deleted, const char *is_live)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT 1 FROM %s c JOIN %s p ON ", ig_foreign_key_table(key->child),
					 ig_foreign_key_table(key->parent));
	ig_foreign_key_condition(&buf, key, "p", "c");
	appendStringInfo(&buf, " WHERE %s AND %s", is_deleted, is_live);
	return ig_kept_plan_run(ig_kept_plan(buf.data, 0, NULL), NULL, ig_relation_owner(key->parent),
							IG_SEES_COMMITTED, 1, NULL, NULL) > 0;
}

/*
 * By one of these values?  Each table is asked as its owner, who need not be
 * able to read the other.  The parent has an index; the child needs one on the
 * columns that refer.
 */
static bool
finds(const IgForeignKey *key, List *rows, const char *is_deleted, const char *is_live)
{
	Oid			parent_owner = ig_relation_owner(key->parent);
	Oid			child_owner = ig_relation_owner(key->child);
	IgKeptPlan *deleted = deleted_plan(key, is_deleted);
	IgKeptPlan *live = live_plan(key, is_live);
	ListCell   *lc;

	foreach(lc, rows)
	{
		Datum		referred[INDEX_MAX_KEYS];
		bool		nulls[INDEX_MAX_KEYS];

		if (ig_kept_plan_run(deleted, (const Datum *) lfirst(lc), parent_owner,
							 IG_SEES_COMMITTED, 1, referred, nulls) > 0 &&
			ig_kept_plan_run(live, referred, child_owner, IG_SEES_COMMITTED, 1, NULL, NULL) > 0)
			return true;
	}
	return false;
}

/* The key of the deleted row that the values refer to. */
static IgKeptPlan *
deleted_plan(const IgForeignKey *key, const char *is_deleted)
{
	Oid			types[INDEX_MAX_KEYS];
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < key->nkeys; i++)
		appendStringInfo(&buf, "%s p.%s", i == 0 ? "SELECT" : ",",
						 quote_identifier(get_attname(key->parent, key->parent_columns[i], false)));
	appendStringInfo(&buf, " FROM %s p WHERE %s AND ", ig_foreign_key_table(key->parent),
					 is_deleted);
	ig_foreign_key_condition(&buf, key, "p", NULL);
	ig_foreign_key_types(key, false, types);
	return ig_kept_plan(buf.data, key->nkeys, types);
}

/* The live rows that refer to a row of that key. */
static IgKeptPlan *
live_plan(const IgForeignKey *key, const char *is_live)
{
	Oid			types[INDEX_MAX_KEYS];
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT 1 FROM %s c WHERE %s AND ", ig_foreign_key_table(key->child),
					 is_live);
	ig_foreign_key_condition(&buf, key, NULL, "c");
	ig_foreign_key_types(key, true, types);
	return ig_kept_plan(buf.data, key->nkeys, types);
}
