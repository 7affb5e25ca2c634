/*-------------------------------------------------------------------------
 *
 * version.h
 *	  The parts of the optimistic lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_VERSION_H
#define IG_VERSION_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/reltrigger.h"

/*
 * The visitor of plans: an UPDATE of a table with unversioned => 'reject' has
 * to say in its WHERE clause which version it has read.  Raises, or marks.
 */
extern void ig_version_predicate_init(void);

/*
 * From the trigger, once a statement: raise unless the plan was found good.
 */
extern void ig_version_predicate_checked(const Trigger *trigger, Relation rel);

#endif							/* IG_VERSION_H */
