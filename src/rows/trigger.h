/*-------------------------------------------------------------------------
 *
 * trigger.h
 *	  Triggers as the relation cache has them.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_TRIGGER_H
#define IG_TRIGGER_H

#include "postgres.h"

#include "utils/reltrigger.h"

/*
 * A copy of a trigger of the relation cache, in the present memory context.  The
 * cache's own may go away with any look at a catalog, whatever lock is held.
 */
extern Trigger *ig_trigger_copy(const Trigger *trigger);

/* Is the trigger enabled for this session, by its session_replication_role? */
extern bool ig_trigger_fires_here(const Trigger *trigger);

#endif							/* IG_TRIGGER_H */
