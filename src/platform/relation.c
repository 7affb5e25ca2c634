/*-------------------------------------------------------------------------
 *
 * relation.c
 *	  Facts of relations, read without keeping a lock.
 *
 * A lock that a refusal does not need must not be asked for, and one that is
 * kept while the server asks for a stronger one deadlocks two sessions that do
 * the same.  So names and flags come from the system caches, and only the
 * size of a table is read under a lock, conditionally and at once released.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/label.h"
#include "platform/relation.h"
#include "platform/settings.h"
#include "platform/text.h"

const IgRelationOverlay *ig_relation_overlay = NULL;

static bool is_created_here(Oid relid, HeapTuple pg_class_row);
static bool has_old_children(Oid relid);
static int	classes_by_name(const char *schema, const char *name);
static void measure_leaf(IgRelation *rel, Oid leaf);
static char *count_text(double count);

/*
 * The facts of a relation, or NULL if there is none (any more).
 */
IgRelation *
ig_relation_load(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form;
	IgRelation *rel;
	char	   *schema;

	if (ig_relation_overlay != NULL)
	{
		rel = ig_relation_overlay->load(relid);
		if (rel != NULL)
			return rel;
	}

	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tuple))
		return NULL;

	form = (Form_pg_class) GETSTRUCT(tuple);
	schema = get_namespace_name(form->relnamespace);
	if (schema == NULL)
	{
		ReleaseSysCache(tuple);
		return NULL;
	}

	rel = palloc0(sizeof(IgRelation));
	rel->relid = relid;
	rel->schema = schema;
	rel->name = pstrdup(NameStr(form->relname));
	rel->relkind = form->relkind;
	rel->persistence = form->relpersistence;
	rel->is_partition = form->relispartition;
	rel->of_type = form->reloftype;
	rel->is_new = is_created_here(relid, tuple);
	if (rel->is_new && form->relhassubclass && has_old_children(relid))
		rel->is_new = false;
	ReleaseSysCache(tuple);

	rel->classes = ig_relation_classes(relid, rel->schema, rel->name);
	if (ig_relation_overlay != NULL && !ig_relation_overlay->amend(rel))
		return NULL;
	return rel;
}

/*
 * A copy in the memory context that is current, to outlive a statement.
 */
IgRelation *
ig_relation_copy(const IgRelation *rel)
{
	IgRelation *copy = palloc(sizeof(IgRelation));

	*copy = *rel;
	copy->schema = pstrdup(rel->schema);
	copy->name = pstrdup(rel->name);
	return copy;
}

/* Is it one that only the judged script made? */
bool
ig_relation_is_foretold(Oid relid)
{
	return ig_relation_overlay != NULL && ig_relation_overlay->load(relid) != NULL;
}

/*
 * The OID of the relation that a name stands for, or InvalidOid.  In an
 * element of CREATE SCHEMA the new schema is searched first.
 */
Oid
ig_relation_find(const RangeVar *rv, const char *default_schema)
{
	Oid			schema;
	Oid			relid = InvalidOid;

	if (ig_relation_overlay != NULL)
		return ig_relation_overlay->find(rv, default_schema);

	if (default_schema != NULL && rv->schemaname == NULL)
	{
		schema = get_namespace_oid(default_schema, true);
		if (OidIsValid(schema))
			relid = get_relname_relid(rv->relname, schema);
	}
	return OidIsValid(relid) ? relid : RangeVarGetRelid(rv, NoLock, true);
}

/*
 * The relation that a name stands for, found as the server finds it, or NULL.
 * No lock is taken: the server looks again, and gives its own errors.
 */
IgRelation *
ig_relation_lookup(const RangeVar *rv)
{
	return ig_relation_lookup_in(rv, NULL);
}

/* The same for a name in an element of CREATE SCHEMA. */
IgRelation *
ig_relation_lookup_in(const RangeVar *rv, const char *default_schema)
{
	Oid			relid = ig_relation_find(rv, default_schema);

	return OidIsValid(relid) ? ig_relation_load(relid) : NULL;
}

/*
 * The schema in which an unqualified name would be created.  InvalidOid where
 * there is none: the server says so, with the place in the statement.
 */
Oid
ig_relation_creation_namespace(const RangeVar *rv)
{
	List	   *path;

	if (rv->relpersistence == RELPERSISTENCE_TEMP)
		return LookupNamespaceNoError("pg_temp");
	path = fetch_search_path(false);
	return path != NIL ? linitial_oid(path) : InvalidOid;
}

/*
 * A relation that the statement is about to create.
 */
IgRelation *
ig_relation_to_be(const RangeVar *rv, const char *default_schema, char relkind)
{
	IgRelation *rel = palloc0(sizeof(IgRelation));

	rel->name = pstrdup(rv->relname);
	rel->relkind = relkind;
	rel->persistence = rv->relpersistence;
	rel->is_new = true;

	if (rv->schemaname != NULL)
		rel->schema = pstrdup(rv->schemaname);
	else if (rv->relpersistence == RELPERSISTENCE_TEMP)
		rel->schema = "pg_temp";
	else if (default_schema != NULL)
		rel->schema = pstrdup(default_schema);
	else if (ig_relation_overlay != NULL)
		rel->schema = ig_relation_overlay->creation_schema(rv);
	else
		rel->schema = get_namespace_name(ig_relation_creation_namespace(rv));

	if (rel->schema == NULL)
		rel->schema = "";
	if (strcmp(rel->schema, "pg_temp") == 0)
		rel->persistence = RELPERSISTENCE_TEMP;
	rel->classes = classes_by_name(rel->schema, rel->name);
	return rel;
}

/*
 * Was the relation created by the running transaction?  Only the relcache
 * knows: the row's xmin is also ours after any ALTER.  But without that xmin
 * it cannot be new, which saves opening it.
 */
static bool
is_created_here(Oid relid, HeapTuple pg_class_row)
{
	Relation	rel;
	bool		result;

	if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(pg_class_row->t_data)))
		return false;

	rel = RelationIdGetRelation(relid);
	if (!RelationIsValid(rel))
		return false;
	result = rel->rd_createSubid != InvalidSubTransactionId;
	RelationClose(rel);
	return result;
}

bool
ig_relation_is_created_here(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = is_created_here(relid, tuple);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * A new table that an old one was attached to, or inherits from, is not new:
 * what is done to it is done to the old one.
 */
static bool
has_old_children(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		HeapTuple	tuple;
		bool		old;

		if (lfirst_oid(lc) == relid)
			continue;
		tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		if (!HeapTupleIsValid(tuple))
			continue;
		old = !is_created_here(lfirst_oid(lc), tuple);
		ReleaseSysCache(tuple);
		if (old)
			return true;
	}
	return false;
}

static int
classes_by_name(const char *schema, const char *name)
{
	int			classes = 0;

	if (ig_pattern_list_match(ig_financial_tables, schema, name))
		classes |= IG_CLASS_FINANCIAL;
	if (ig_pattern_list_match(ig_protected_tables, schema, name))
		classes |= IG_CLASS_PROTECTED;
	return classes;
}

int
ig_relation_own_classes(Oid relid, const char *schema, const char *name)
{
	return ig_label_classes_of(relid) | classes_by_name(schema, name);
}

/*
 * The classes of a table: by its own label and name, and by those of the
 * partitioned tables above it.
 */
int
ig_relation_classes(Oid relid, const char *schema, const char *name)
{
	int			classes = ig_relation_own_classes(relid, schema, name);
	ListCell   *lc;

	if (!get_rel_relispartition(relid))
		return classes;

	foreach(lc, get_partition_ancestors(relid))
	{
		Oid			ancestor = lfirst_oid(lc);
		char	   *ancestor_name = get_rel_name(ancestor);
		char	   *ancestor_schema = get_namespace_name(get_rel_namespace(ancestor));

		classes |= ig_label_classes_of(ancestor);
		if (ancestor_name && ancestor_schema)
			classes |= classes_by_name(ancestor_schema, ancestor_name);
	}
	return classes;
}

bool
ig_relation_is_partitioned(const IgRelation *rel)
{
	return rel->relkind == RELKIND_PARTITIONED_TABLE ||
		rel->relkind == RELKIND_PARTITIONED_INDEX;
}

/*
 * The relations that hold the rows: the table itself unless it is partitioned,
 * and all partitions and inheritance children.
 */
List *
ig_relation_leaves(Oid relid)
{
	List	   *leaves = NIL;
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		char		relkind = get_rel_relkind(lfirst_oid(lc));

		if (RELKIND_HAS_STORAGE(relkind) || relkind == RELKIND_FOREIGN_TABLE)
			leaves = lappend_oid(leaves, lfirst_oid(lc));
		if (ig_relation_overlay != NULL)
			leaves = list_concat(leaves, ig_relation_overlay->leaves(lfirst_oid(lc)));
	}
	return leaves;
}

/*
 * Fill in size and number of rows, summed over all leaves.
 */
void
ig_relation_measure(IgRelation *rel)
{
	ListCell   *lc;

	if (rel->measured || rel->is_foretold)
		return;

	rel->measured = true;
	rel->empty = true;
	rel->bytes = 0;
	rel->rows = 0;
	if (!OidIsValid(rel->relid))
		return;

	foreach(lc, ig_relation_leaves(rel->relid))
		measure_leaf(rel, lfirst_oid(lc));
}

/*
 * Under a lock if it can be had at once.  Somebody who holds ACCESS EXCLUSIVE
 * must not make a refusal wait, so without it the sizes are the catalog's, and
 * the table counts as not empty: unknown is never small.
 */
static void
measure_leaf(IgRelation *rel, Oid leaf)
{
	Relation	relation;

	if (ig_relation_is_foretold(leaf))
		return;
	if (!ConditionalLockRelationOid(leaf, AccessShareLock))
	{
		rel->empty = false;
		rel->bytes = PG_UINT64_MAX / 2;
		return;
	}

	relation = try_relation_open(leaf, NoLock);
	if (relation != NULL)
	{
		BlockNumber pages = 0;
		double		tuples = 0;
		double		allvisible;

		if (relation->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		{
			rel->empty = false;
			tuples = Max(relation->rd_rel->reltuples, 0);
		}
		else if (RELKIND_HAS_STORAGE(relation->rd_rel->relkind) &&
				 RelationGetNumberOfBlocks(relation) > 0)
		{
			rel->empty = false;
			estimate_rel_size(relation, NULL, &pages, &tuples, &allvisible);
			if (rel->is_going)
				rel->bytes += (uint64) pages * BLCKSZ;
			else
				rel->bytes += DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
																ObjectIdGetDatum(leaf)));
		}
		rel->rows += tuples;
		relation_close(relation, NoLock);
	}
	UnlockRelationOid(leaf, AccessShareLock);
}

static char *
count_text(double count)
{
	if (count < 10000)
		return psprintf("%.0f", count);
	if (count < 1e6)
		return psprintf("%.0f thousand", count / 1e3);
	if (count < 1e9)
		return psprintf("%.0f million", count / 1e6);
	return psprintf("%.0f billion", count / 1e9);
}

/*
 * Size in words: "about 61 million rows, 48 GB", or "empty".
 */
char *
ig_relation_size_text(IgRelation *rel)
{
	char	   *size;

	if (rel->is_foretold)
		return "made by an earlier statement";
	ig_relation_measure(rel);
	if (rel->empty)
		return "empty";
	if (rel->bytes >= PG_UINT64_MAX / 2)
		return "size unknown, as another session holds it locked";

	size = TextDatumGetCString(DirectFunctionCall1(pg_size_pretty,
												   Int64GetDatum((int64) rel->bytes)));
	return psprintf("about %s %s, %s", count_text(rel->rows),
					rel->rows >= 0.5 && rel->rows < 1.5 ? "row" : "rows", size);
}

/* Name for SQL. */
char *
ig_relation_quoted(const IgRelation *rel)
{
	return quote_qualified_identifier(rel->schema, rel->name);
}

/* Name for messages, to be put in double quotes by the message. */
char *
ig_relation_label(const IgRelation *rel)
{
	return psprintf("%s.%s", ig_text_name(rel->schema), ig_text_name(rel->name));
}
