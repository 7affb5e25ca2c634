/*-------------------------------------------------------------------------
 *
 * assertion_key.c
 *	  The keys of commit assertions: their hashes, and their locks.
 *
 * A transaction that has changed very many keys would fill the server's lock
 * table; it locks the assertion as a whole instead.  So each checker has a lock
 * on the assertion: one that many can have, or for the whole one that excludes
 * the others.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rows/assertion_key.h"

/* Key spaces of advisory locks; SQL's functions use 1 and 2. */
#define LOCK_SPACE_ASSERTION	0x4947
#define LOCK_SPACE_KEY			0x4948

/* With more keys than these, a transaction locks the assertion as a whole. */
#define MAX_KEYS	512

typedef struct NotedAssertion
{
	uint64		id;
	int			count;			/* of its keys */
	bool		whole;
	bool		locked;
} NotedAssertion;

typedef struct NotedKey
{
	uint64		tag;			/* hash key: assertion and key */
	NotedAssertion *assertion;
	bool		locked;
} NotedKey;

/* Of this transaction; in TopTransactionContext. */
static List *noted_assertions = NIL;
static HTAB *noted_keys = NULL;
static bool all_locked = true;

static NotedAssertion *noted_assertion(uint64 id);
static void lock_assertions(void);
static void lock_keys(void);
static void lock(uint64 tag, uint16 space, LOCKMODE mode);
static int	compare_assertions(const ListCell *a, const ListCell *b);
static int	compare_tags(const void *a, const void *b);

void
ig_key_column(IgKeyColumn *column, Oid typid, Oid collation)
{
	column->typid = typid;
	column->collation = collation;
	get_typlenbyval(typid, &column->typlen, &column->typbyval);
	column->cache = lookup_type_cache(typid, TYPECACHE_HASH_EXTENDED_PROC_FINFO |
									  TYPECACHE_HASH_OPFAMILY);
	if (!OidIsValid(column->cache->hash_extended_proc))
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("type %s cannot be the key of a commit assertion", format_type_be(typid)),
				 errdetail("The type has no hash function, by which keys are locked.")));
}

uint64
ig_key_hash(const IgKeyColumn *columns, int count, const Datum *values)
{
	uint64		hash = 0;

	for (int i = 0; i < count; i++)
	{
		Datum		value = FunctionCall2Coll(&columns[i].cache->hash_extended_proc_finfo,
											  columns[i].collation, values[i], UInt64GetDatum(0));

		hash = hash_combine64(hash, DatumGetUInt64(value));
	}
	return hash;
}

void
ig_key_image(StringInfo buf, const IgKeyColumn *columns, int count, const Datum *values)
{
	for (int i = 0; i < count; i++)
	{
		const void *data = &values[i];
		Size		length = sizeof(Datum);

		if (columns[i].typlen == -1)
		{
			struct varlena *packed = PG_DETOAST_DATUM_PACKED(values[i]);

			data = VARDATA_ANY(packed);
			length = VARSIZE_ANY_EXHDR(packed);
		}
		else if (!columns[i].typbyval)
		{
			data = DatumGetPointer(values[i]);
			length = columns[i].typlen == -2 ? strlen((const char *) data) : columns[i].typlen;
		}
		appendBinaryStringInfo(buf, (const char *) &length, sizeof(length));
		appendBinaryStringInfo(buf, (const char *) data, length);
	}
}

uint64
ig_assertion_id(const char *assertion)
{
	return hash_bytes_extended((const unsigned char *) assertion, strlen(assertion), 0);
}

void
ig_assertion_note(uint64 id, uint64 hash)
{
	NotedAssertion *assertion = noted_assertion(id);
	uint64		tag = hash_combine64(id, hash);
	NotedKey   *key;
	bool		found;

	if (assertion->whole)
		return;
	key = (NotedKey *) hash_search(noted_keys, &tag, HASH_ENTER, &found);
	if (found)
		return;
	key->assertion = assertion;
	key->locked = false;
	all_locked = false;
	if (++assertion->count > MAX_KEYS)
	{
		assertion->whole = true;
		assertion->locked = false;
	}
}

static NotedAssertion *
noted_assertion(uint64 id)
{
	NotedAssertion *assertion;
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, noted_assertions)
	{
		if (((NotedAssertion *) lfirst(lc))->id == id)
			return (NotedAssertion *) lfirst(lc);
	}

	old = MemoryContextSwitchTo(TopTransactionContext);
	if (noted_keys == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(uint64);
		ctl.entrysize = sizeof(NotedKey);
		ctl.hcxt = TopTransactionContext;
		noted_keys = hash_create("invariant_guard assertion keys", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	assertion = palloc0(sizeof(NotedAssertion));
	assertion->id = id;
	noted_assertions = lappend(noted_assertions, assertion);
	MemoryContextSwitchTo(old);
	all_locked = false;
	return assertion;
}

/*
 * Those for whole assertions come before those for keys, and both are taken in
 * the order of their numbers.
 */
void
ig_assertion_lock(uint64 id, uint64 hash)
{
	ig_assertion_note(id, hash);
	if (all_locked)
		return;
	lock_assertions();
	lock_keys();
	all_locked = true;
}

static void
lock_assertions(void)
{
	ListCell   *lc;

	list_sort(noted_assertions, compare_assertions);
	foreach(lc, noted_assertions)
	{
		NotedAssertion *assertion = (NotedAssertion *) lfirst(lc);

		if (!assertion->locked)
			lock(assertion->id, LOCK_SPACE_ASSERTION,
				 assertion->whole ? ExclusiveLock : RowExclusiveLock);
		assertion->locked = true;
	}
}

static void
lock_keys(void)
{
	uint64	   *tags = palloc(sizeof(uint64) * (hash_get_num_entries(noted_keys) + 1));
	int			count = 0;
	HASH_SEQ_STATUS status;
	NotedKey   *key;

	hash_seq_init(&status, noted_keys);
	while ((key = (NotedKey *) hash_seq_search(&status)) != NULL)
	{
		if (!key->locked && !key->assertion->whole)
			tags[count++] = key->tag;
	}
	qsort(tags, count, sizeof(uint64), compare_tags);
	for (int i = 0; i < count; i++)
	{
		lock(tags[i], LOCK_SPACE_KEY, ExclusiveLock);
		key = (NotedKey *) hash_search(noted_keys, &tags[i], HASH_FIND, NULL);
		key->locked = true;
	}
	pfree(tags);
}

static void
lock(uint64 tag, uint16 space, LOCKMODE mode)
{
	LOCKTAG		locktag;

	SET_LOCKTAG_ADVISORY(locktag, MyDatabaseId, (uint32) (tag >> 32), (uint32) tag, space);
	(void) LockAcquire(&locktag, mode, false, false);
}

static int
compare_assertions(const ListCell *a, const ListCell *b)
{
	uint64		x = ((const NotedAssertion *) lfirst(a))->id;
	uint64		y = ((const NotedAssertion *) lfirst(b))->id;

	return compare_tags(&x, &y);
}

static int
compare_tags(const void *a, const void *b)
{
	uint64		x = *(const uint64 *) a;
	uint64		y = *(const uint64 *) b;

	return x < y ? -1 : x > y;
}

/*
 * Locks that were taken since the savepoint are gone with it.
 */
void
ig_assertion_locks_lost(void)
{
	HASH_SEQ_STATUS status;
	NotedKey   *key;
	ListCell   *lc;

	if (noted_keys == NULL)
		return;
	foreach(lc, noted_assertions)
		((NotedAssertion *) lfirst(lc))->locked = false;
	hash_seq_init(&status, noted_keys);
	while ((key = (NotedKey *) hash_seq_search(&status)) != NULL)
		key->locked = false;
	all_locked = false;
}

void
ig_assertion_locks_forget(void)
{
	noted_assertions = NIL;
	noted_keys = NULL;
	all_locked = true;
}
