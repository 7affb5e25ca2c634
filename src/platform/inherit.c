/*-------------------------------------------------------------------------
 *
 * inherit.c
 *	  Which tables inherit from a table, asked without a lock.
 *
 * The server's find_all_inheritors is for callers that hold locks: it raises
 * an error for a table that another session drops meanwhile.  Here such a
 * table has no children, and the server finds its own words for it later.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/inherit.h"
#include "platform/relation.h"

typedef struct Inheritor
{
	Oid			relid;			/* hash key */
	int			position;		/* in the lists */
} Inheritor;

static bool may_have_children(Oid relid);

/* As the planner asks; once it had children the mark may stay. */
static bool
may_have_children(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_class) GETSTRUCT(tuple))->relhassubclass;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * A partition that is being detached counts as gone.
 */
List *
ig_inheritance_children(Oid relid)
{
	List	   *children = NIL;
	Relation	pg_inherits;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	if (!may_have_children(relid))
		return NIL;

	pg_inherits = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_inherits_inhparent, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_inherits, InheritsParentIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_inherits form = (Form_pg_inherits) GETSTRUCT(tuple);

		if (!form->inhdetachpending)
			children = lappend_oid(children, form->inhrelid);
	}
	systable_endscan(scan);
	table_close(pg_inherits, AccessShareLock);

	list_sort(children, list_oid_cmp);
	return children;
}

List *
ig_inheritors(Oid relid, List **counts)
{
	List	   *relids = list_make1_oid(relid);
	List	   *parents = list_make1_int(0);
	HASHCTL		ctl = {0};
	HTAB	   *seen;
	Inheritor  *entry;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(Inheritor);
	ctl.hcxt = CurrentMemoryContext;
	seen = hash_create("invariant_guard inheritors", 32, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	entry = hash_search(seen, &relid, HASH_ENTER, NULL);
	entry->position = 0;

	/* the list grows while it is read */
	for (int i = 0; i < list_length(relids); i++)
	{
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, ig_inheritance_children(list_nth_oid(relids, i)))
		{
			Oid			child = lfirst_oid(lc);
			bool		found;

			entry = hash_search(seen, &child, HASH_ENTER, &found);
			if (found)
			{
				lfirst_int(list_nth_cell(parents, entry->position))++;
				continue;
			}
			entry->position = list_length(relids);
			relids = lappend_oid(relids, child);
			parents = lappend_int(parents, 1);
		}
	}
	hash_destroy(seen);

	if (counts != NULL)
		*counts = parents;
	return relids;
}

Oid
ig_partition_parent(Oid relid)
{
	List	   *ancestors = NIL;

	if (get_rel_relispartition(relid))
		ancestors = get_partition_ancestors(relid);
	return ancestors != NIL ? linitial_oid(ancestors) : InvalidOid;
}

bool
ig_relation_is_owned(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		return ig_relation_is_foretold(relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return has_privs_of_role(GetUserId(), owner);
}

List *
ig_parents_of(Oid relid)
{
	Relation	pg_inherits = table_open(InheritsRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *parents = NIL;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_inherits, InheritsRelidSeqnoIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		parents = lappend_oid(parents, ((Form_pg_inherits) GETSTRUCT(tuple))->inhparent);
	systable_endscan(scan);
	table_close(pg_inherits, AccessShareLock);
	return parents;
}
