/*-------------------------------------------------------------------------
 *
 * change_truncate.c
 *	  TRUNCATE, and the tables that its CASCADE reaches.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"

#include "gate/statement.h"
#include "model/finding.h"
#include "platform/inherit.h"

static List *add_heirs(IgStatement *stmt, const IgRelation *rel, List *relids);
static void add_reached(IgStatement *stmt, List *relids);
static bool is_told_with_ancestor(const IgRelation *rel, List *relids);
static void add_table(IgStatement *stmt, IgRelation *rel, bool derived);
static void set_together(IgStatement *stmt);
static List *referencing_first(IgStatement *stmt, IgRelation *rel, List *ordered);

void
ig_changes_truncate(IgStatement *stmt)
{
	const TruncateStmt *truncate = (const TruncateStmt *) stmt->parsetree;
	List	   *relids = NIL;
	ListCell   *lc;

	foreach(lc, truncate->relations)
	{
		const RangeVar *rv = lfirst_node(RangeVar, lc);
		IgRelation *rel = ig_relation_lookup(rv);

		if (rel == NULL ||
			(rel->relkind != RELKIND_RELATION && rel->relkind != RELKIND_FOREIGN_TABLE &&
			 rel->relkind != RELKIND_PARTITIONED_TABLE))
			continue;

		relids = list_append_unique_oid(relids, rel->relid);
		add_table(stmt, rel, false);
		if (rv->inh)
			relids = add_heirs(stmt, rel, relids);
	}

	if (truncate->behavior == DROP_CASCADE)
		add_reached(stmt, relids);
	set_together(stmt);
}

/*
 * Partitions and children are emptied with their parent.  Those of a class
 * that the parent is not of are judged by themselves.
 */
static List *
add_heirs(IgStatement *stmt, const IgRelation *rel, List *relids)
{
	ListCell   *lc;

	foreach(lc, ig_inheritors(rel->relid, NULL))
	{
		IgRelation *heir;

		if (lfirst_oid(lc) == rel->relid)
			continue;
		relids = lappend_oid(relids, lfirst_oid(lc));

		heir = ig_relation_load(lfirst_oid(lc));
		if (heir != NULL && (heir->classes & ~rel->classes) != 0)
			add_table(stmt, heir, true);
	}
	return relids;
}

/*
 * Every table with a foreign key to one that is emptied, and so on, as the
 * server does it.
 */
static void
add_reached(IgStatement *stmt, List *relids)
{
	List	   *reached;

	relids = list_copy(relids);
	while ((reached = heap_truncate_find_FKs(relids)) != NIL)
	{
		ListCell   *lc;

		relids = list_concat(relids, reached);
		foreach(lc, reached)
		{
			IgRelation *rel = ig_relation_load(lfirst_oid(lc));

			if (rel != NULL && !is_told_with_ancestor(rel, relids))
				add_table(stmt, rel, true);
		}
	}
}

/* A partition whose parent is emptied as well, and has the same classes. */
static bool
is_told_with_ancestor(const IgRelation *rel, List *relids)
{
	ListCell   *lc;

	if (!rel->is_partition)
		return false;

	foreach(lc, get_partition_ancestors(rel->relid))
	{
		IgRelation *ancestor;

		if (!list_member_oid(relids, lfirst_oid(lc)))
			continue;
		ancestor = ig_relation_load(lfirst_oid(lc));
		if (ancestor != NULL && (rel->classes & ~ancestor->classes) == 0)
			return true;
	}
	return false;
}

static void
add_table(IgStatement *stmt, IgRelation *rel, bool derived)
{
	IgChange   *change = ig_change_add(stmt, IG_TRUNCATE, rel);

	change->derived = derived;
	change->identity = ig_text_relation(rel);
	change->impact.lock = AccessExclusiveLock;
	change->sql = psprintf("TRUNCATE %s", ig_relation_quoted(rel));
}

/*
 * The tables in an order in which their rows could be deleted.  One change
 * bears it for all.
 */
static void
set_together(IgStatement *stmt)
{
	IgChange   *bearer = NULL;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);

		if (ig_relation_is_exempt(change->rel))
			continue;
		if (bearer == NULL)
			bearer = change;
		bearer->together = referencing_first(stmt, change->rel, bearer->together);
	}
}

/*
 * Append the table, but those before it that reference it.  In a circle of
 * foreign keys there is no right order, and any will do.
 */
static List *
referencing_first(IgStatement *stmt, IgRelation *rel, List *ordered)
{
	int			place = list_length(ordered);
	List	   *referencing;
	ListCell   *lc;

	if (list_member_ptr(ordered, rel))
		return ordered;

	check_stack_depth();
	ordered = lappend(ordered, rel);
	referencing = heap_truncate_find_FKs(list_make1_oid(rel->relid));
	foreach(lc, stmt->changes)
	{
		IgRelation *other = ((IgChange *) lfirst(lc))->rel;

		if (!ig_relation_is_exempt(other) && list_member_oid(referencing, other->relid))
			ordered = referencing_first(stmt, other, ordered);
	}

	ordered = list_delete_nth_cell(ordered, place);
	return lappend(ordered, rel);
}
