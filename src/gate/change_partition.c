/*-------------------------------------------------------------------------
 *
 * change_partition.c
 *	  ATTACH PARTITION, DETACH PARTITION and CREATE TABLE ... PARTITION OF.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/label.h"

/*
 * The foreign keys of a partitioned table reach into each new partition.
 */
static void
inherited_foreign_keys(IgChange *change, const IgRelation *parent)
{
	Relation	pg_constraint;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(parent->relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_FOREIGN)
			change->paths = list_concat(change->paths,
										ig_cascade_paths(change->rel,
														 ig_constraint_spec_of(con->oid)));
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
}

/*
 * What is detached keeps the classes of its own label and name, and no other.
 */
static void
lose_classes(IgStatement *stmt, IgRelation *part, const IgRelation *parent)
{
	int			own = ig_relation_own_classes(part->relid, part->schema, part->name);
	int			lost = part->classes & ~own;
	IgChange   *change;

	if (lost == 0 || !part->is_partition)
		return;

	change = ig_change_add(stmt, IG_UNPROTECT, part);
	change->parent = unconstify(IgRelation *, parent);
	change->name = ig_label_text(lost);
	change->new_name = ig_label_text(part->classes);
	change->sql = ig_source_statement(stmt);
}

/*
 * Attach or detach.  The same sub-commands attach indexes to partitioned
 * indexes, which costs nothing.
 */
void
ig_changes_partition(IgStatement *stmt, IgRelation *parent, const PartitionCmd *cmd,
					 bool attach, LOCKMODE lock)
{
	IgRelation *part;
	IgChange   *change;

	if (parent->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	part = ig_relation_lookup(cmd->name);
	if (part == NULL)
		return;

	/* first, since its cure comes before the others' */
	if (!attach)
	{
		lose_classes(stmt, part, parent);
		ig_changes_detached_rules(stmt, part, parent);
	}
	else
		ig_changes_attached_rules(stmt, part, parent);

	change = ig_change_add(stmt, attach ? IG_ATTACH_PARTITION : IG_DETACH_PARTITION, part);
	change->parent = parent;
	change->concurrently = cmd->concurrent;
	change->in_use = OidIsValid(get_default_partition_oid(parent->relid));
	change->impact.lock = attach ? AccessExclusiveLock : lock;

	/* once attached, it is of its new ancestors' classes too */
	part->classes |= parent->classes;

	if (attach)
	{
		if (ig_relation_is_owned(part->relid))
			ig_impact_attach(parent, part, cmd->bound, stmt->query, &change->impact);
		inherited_foreign_keys(change, parent);
	}
}
