/*-------------------------------------------------------------------------
 *
 * lock_plan_keys.c
 *	  The locks that constraints reach for: on referenced and referencing
 *	  tables, and on a partition's new and old relatives.
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
#include "catalog/pg_constraint.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "gate/lock_plan_parts.h"
#include "platform/inherit.h"

/*
 * The constraints in whose row the attribute has the value: oid, conrelid,
 * confrelid or conparentid; as copies of the fixed part of the rows.
 */
List *
ig_plan_constraints(AttrNumber attribute, Oid value)
{
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	Oid			index = InvalidOid;
	List	   *result = NIL;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	if (attribute == Anum_pg_constraint_conrelid)
		index = ConstraintRelidTypidNameIndexId;
	else if (attribute == Anum_pg_constraint_conparentid)
		index = ConstraintParentIndexId;
	else if (attribute == Anum_pg_constraint_oid)
		index = ConstraintOidIndexId;

	ScanKeyInit(&key, attribute, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	scan = systable_beginscan(pg_constraint, index, OidIsValid(index), NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint copy = palloc(sizeof(FormData_pg_constraint));

		CHECK_FOR_INTERRUPTS();
		memcpy(copy, GETSTRUCT(tuple), sizeof(FormData_pg_constraint));
		result = lappend(result, copy);
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	return result;
}

/* The table's constraint of that name, or NULL. */
Form_pg_constraint
ig_plan_constraint(Oid relid, const char *name)
{
	ListCell   *lc;

	foreach(lc, ig_plan_constraints(Anum_pg_constraint_conrelid, relid))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);

		if (strcmp(NameStr(con->conname), name) == 0)
			return con;
	}
	return NULL;
}

/* The constraint of that number, or NULL. */
Form_pg_constraint
ig_plan_constraint_of(Oid conoid)
{
	List	   *found = ig_plan_constraints(Anum_pg_constraint_oid, conoid);

	return found != NIL ? (Form_pg_constraint) linitial(found) : NULL;
}

/*
 * A table that a new foreign key references gets triggers, and so does each
 * of its partitions.
 */
void
ig_plan_referenced(IgLockPlan *plan, Oid relid)
{
	if (!OidIsValid(relid))
		return;
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		ig_plan_add_tree(plan, relid, ShareRowExclusiveLock);
	else
		ig_plan_add(plan, relid, ShareRowExclusiveLock);
}

/* The foreign keys in a list of Constraint nodes. */
void
ig_plan_references(IgLockPlan *plan, List *constraints)
{
	ListCell   *lc;

	foreach(lc, constraints)
	{
		const Constraint *con = (const Constraint *) lfirst(lc);

		if (IsA(con, Constraint) && con->contype == CONSTR_FOREIGN)
			ig_plan_referenced(plan, ig_plan_lookup(plan->stmt, con->pktable));
	}
}

/*
 * The foreign keys of a partitioned table, and those that reference it, are
 * cloned for a new partition.
 */
void
ig_plan_foreign_keys_of_parent(IgLockPlan *plan, Oid parent)
{
	ListCell   *lc;

	foreach(lc, ig_plan_constraints(Anum_pg_constraint_conrelid, parent))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);

		if (con->contype == CONSTRAINT_FOREIGN)
			ig_plan_referenced(plan, con->confrelid);
	}
	foreach(lc, ig_plan_constraints(Anum_pg_constraint_confrelid, parent))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);

		if (con->contype == CONSTRAINT_FOREIGN)
			ig_plan_add(plan, con->conrelid, ShareRowExclusiveLock);
	}
}

void
ig_plan_attach(IgLockPlan *plan, Oid parent, Oid part)
{
	ig_plan_add(plan, parent, ShareUpdateExclusiveLock);
	ig_plan_add_tree(plan, part, AccessExclusiveLock);
	ig_plan_add_tree(plan, get_default_partition_oid(parent), AccessExclusiveLock);
	ig_plan_foreign_keys_of_parent(plan, parent);
}

/*
 * What the partition references gets triggers for it alone, and what
 * references its parent loses its constraint on it.
 */
void
ig_plan_detach(IgLockPlan *plan, Oid parent, Oid part, bool concurrent)
{
	List	   *going = NIL;
	ListCell   *lc;

	ig_plan_add(plan, parent, concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock);
	ig_plan_add(plan, get_default_partition_oid(parent), AccessExclusiveLock);
	ig_plan_add(plan, part, AccessExclusiveLock);
	if (!OidIsValid(part))
		return;

	ig_plan_add_tree(plan, part, AccessExclusiveLock);
	foreach(lc, ig_plan_constraints(Anum_pg_constraint_conrelid, part))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);

		if (con->contype == CONSTRAINT_FOREIGN && OidIsValid(con->conparentid))
			ig_plan_add(plan, con->confrelid, ShareRowExclusiveLock);
	}
	foreach(lc, ig_plan_constraints(Anum_pg_constraint_confrelid, part))
	{
		Form_pg_constraint con = (Form_pg_constraint) lfirst(lc);
		ObjectAddress *address;

		if (con->contype != CONSTRAINT_FOREIGN || !OidIsValid(con->conparentid))
			continue;
		address = palloc(sizeof(ObjectAddress));
		ObjectAddressSet(*address, ConstraintRelationId, con->oid);
		going = lappend(going, address);
	}
	if (going != NIL)
		ig_plan_deletion(plan, going);
}
