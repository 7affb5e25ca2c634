/*-------------------------------------------------------------------------
 *
 * trigger.c
 *	  Triggers as the relation cache has them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"

#include "platform/compat.h"
#include "rows/trigger.h"

/*
 * Of what trigger functions and plan visitors look at.
 */
Trigger *
ig_trigger_copy(const Trigger *trigger)
{
	Trigger    *copy = palloc(sizeof(Trigger));

	*copy = *trigger;
	copy->tgname = pstrdup(trigger->tgname);
	if (trigger->tgnattr > 0)
	{
		copy->tgattr = palloc(sizeof(int16) * trigger->tgnattr);
		memcpy(copy->tgattr, trigger->tgattr, sizeof(int16) * trigger->tgnattr);
	}
	if (trigger->tgnargs > 0)
	{
		copy->tgargs = palloc(sizeof(char *) * trigger->tgnargs);
		for (int i = 0; i < trigger->tgnargs; i++)
			copy->tgargs[i] = pstrdup(trigger->tgargs[i]);
	}
	copy->tgqual = trigger->tgqual ? pstrdup(trigger->tgqual) : NULL;
	copy->tgoldtable = trigger->tgoldtable ? pstrdup(trigger->tgoldtable) : NULL;
	copy->tgnewtable = trigger->tgnewtable ? pstrdup(trigger->tgnewtable) : NULL;
	return copy;
}

/* As the executor asks it. */
bool
ig_trigger_fires_here(const Trigger *trigger)
{
	switch (trigger->tgenabled)
	{
		case TRIGGER_DISABLED:
			return false;
		case TRIGGER_FIRES_ON_ORIGIN:
			return SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA;
		case TRIGGER_FIRES_ON_REPLICA:
			return SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
		default:
			return true;
	}
}
