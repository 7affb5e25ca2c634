/*-------------------------------------------------------------------------
 *
 * assertion_key.h
 *	  The keys of commit assertions: their hashes, and their locks.
 *
 * Whoever checks an assertion for a key holds the key's lock until the end of
 * the transaction, so that two transactions that change rows of a key do not
 * both check without seeing each other.  The locks are advisory locks in a key
 * space that SQL does not reach: in pg_locks they have the objsubid 18759 for
 * the assertion as a whole and 18760 for a key of it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ASSERTION_KEY_H
#define IG_ASSERTION_KEY_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef struct IgKeyColumn
{
	Oid			typid;
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	struct TypeCacheEntry *cache;
} IgKeyColumn;

/* Fill a column; raises if its type has no hash function. */
extern void ig_key_column(IgKeyColumn *column, Oid typid, Oid collation);

/* The same for values that are equal. */
extern uint64 ig_key_hash(const IgKeyColumn *columns, int count, const Datum *values);

/* Different for values that are not the same bytes; appended to buf. */
extern void ig_key_image(StringInfo buf, const IgKeyColumn *columns, int count,
						 const Datum *values);

/* The number of an assertion: by its text, whatever table it is declared for. */
extern uint64 ig_assertion_id(const char *assertion);

/*
 * Rows of the key have changed: its lock will be wanted.  Noting only makes
 * that keys are locked in the same order by everybody.
 */
extern void ig_assertion_note(uint64 id, uint64 hash);

/* Lock all keys noted, this one among them. */
extern void ig_assertion_lock(uint64 id, uint64 hash);

/* In the transaction's callbacks. */
extern void ig_assertion_locks_lost(void);	/* a savepoint was taken back */
extern void ig_assertion_locks_forget(void);	/* the transaction has ended */

#endif							/* IG_ASSERTION_KEY_H */
