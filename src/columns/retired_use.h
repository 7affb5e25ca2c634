/*-------------------------------------------------------------------------
 *
 * retired_use.h
 *	  What happens to a statement that uses what is retired.
 *
 * The usage record's hook remembers of each relation whether it has to ask
 * here, so that statements on all other relations are not slower.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RETIRED_USE_H
#define IG_RETIRED_USE_H

#include "postgres.h"

#include "nodes/bitmapset.h"

/*
 * Read the labels of a relation, and of those it inherits from.  True if
 * anything of it is retired: then ig_retired_use() is to be called whenever a
 * statement begins to use it, until the relcache says that the relation has
 * changed and this is asked again.  The caller must be in a transaction.
 */
extern bool ig_retired_look_up(Oid relid);

/*
 * A statement begins to use the relation; the columns are those of its
 * permissions, offset by FirstLowInvalidHeapAttributeNumber.  counts is false
 * for what is no use, as in a foreign key's check; of that only blocked writes
 * are looked at, and by_server says that no client asks for them either.
 * Raises where the statement must not run.
 */
extern void ig_retired_use(Oid relid, const Bitmapset *read, const Bitmapset *written,
						   bool counts, bool by_server);

#endif							/* IG_RETIRED_USE_H */
