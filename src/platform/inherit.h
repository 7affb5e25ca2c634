/*-------------------------------------------------------------------------
 *
 * inherit.h
 *	  Which tables inherit from a table, asked without a lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_INHERIT_H
#define IG_INHERIT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * The table and all that inherit from it, parents before their children; with
 * counts, how many parents in the list each one has.
 */
extern List *ig_inheritors(Oid relid, List **counts);

/* The direct children, in the order of their OIDs. */
extern List *ig_inheritance_children(Oid relid);

/* The partitioned table that a partition is of, or InvalidOid. */
extern Oid	ig_partition_parent(Oid relid);

/* What a table inherits from or is a partition of, directly. */
extern List *ig_parents_of(Oid relid);

/* Does the current user own the relation?  Nobody owns what is gone. */
extern bool ig_relation_is_owned(Oid relid);

#endif							/* IG_INHERIT_H */
