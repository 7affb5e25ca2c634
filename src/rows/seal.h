/*-------------------------------------------------------------------------
 *
 * seal.h
 *	  Seals of append-only tables: what is sealed can be proved to be unchanged.
 *
 * A seal is a SHA-256 over the rows with keys above those of the seal before,
 * up to its own last key, in the order of their keys; and over the seal before.
 * Seals are rows of an ordinary table beside the sealed one, TABLE_seals, which
 * is append-only itself.  What tells which table it seals is a CHECK constraint
 * that names that table as a regclass: the server follows a rename there,
 * pg_dump writes it, and it is found by what it depends on.
 *
 * What is hashed is text, each value by its type's output function under
 * settings that are always the same, in UTF-8:
 *
 *	"invariant_guard seal 1", number, sealed_at, hash of the seal before,
 *	names of the columns, of those of the key; then each row's values; then the
 *	number of rows
 *
 * each as a length of four bytes, most significant first, and the bytes; a null
 * is the length 0xFFFFFFFF.  Lists have their length in front.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SEAL_H
#define IG_SEAL_H

#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "rows/append_only.h"
#include "rows/declared.h"

/* A row of TABLE_seals.  A removal has removed_to, and no key and columns. */
typedef struct IgSeal
{
	int64		number;
	TimestampTz sealed_at;
	List	   *columns;		/* of char * */
	List	   *key;			/* of char *: those of the primary key */
	List	   *from_key;		/* of char *: of the first row */
	List	   *to_key;			/* of the last row */
	List	   *removed_to;		/* all rows up to this key were expired, and
								 * have been removed */
	int64		row_count;
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	uint8		previous[PG_SHA256_DIGEST_LENGTH];
} IgSeal;

/* The table with the seals of a table, or InvalidOid. */
extern Oid	ig_seals_of(Oid relid);

/* Raises for what has not the rule, and for a partition of what has it. */
extern void ig_seal_check_table(Oid relid);

/*
 * The seals that the rest of the query tells, by the active snapshot; SPI is
 * connected.
 */
extern List *ig_seals_read(Oid seals, const char *tail);

/* Number, time and chain of the next one; the lock on seals is held. */
extern void ig_seal_begin(Oid seals, IgSeal *seal);

/* The last seal that has a key, or NULL. */
extern const IgSeal *ig_seal_last(Oid seals);

extern bytea *ig_seal_bytea(const uint8 *hash);

/* A text[] of a List of char *, null for NIL. */
extern Datum ig_seal_key_array(List *texts, bool *isnull);

/*
 * The primary key of a sealed table, as SQL, with alias o for the table.  Text
 * is compared by its bytes, whatever the collation.
 */
typedef struct IgSealKey
{
	List	   *names;			/* of char *: as they are */
	List	   *columns;		/* of char *: quoted, and collated */
	List	   *types;			/* of char *: for a cast from text */
	char	   *order;			/* the columns, for ORDER BY or ROW() */
} IgSealKey;

/* Raises if there is no primary key, or none that the server's operators order. */
extern IgSealKey *ig_seal_key(Relation rel);

/* 'ROW(o.a, ...) operator ROW(CAST($first AS type), ...)' */
extern char *ig_seal_bound(const IgSealKey *key, const char *operator, int first);

/* A List of char * in the current context. */
extern List *ig_copy_texts(List *texts);
extern bool ig_equal_texts(List *a, List *b);

/*
 * Hash the rows above after (NIL for all) up to up_to (NIL for all), at most
 * limit of them (0 for all), and complete the seal: number, sealed_at, columns,
 * key and previous are given, the rest is found.  SPI is connected.
 */
extern void ig_seal_hash(Relation rel, const IgSealKey *key, List *after, List *up_to,
						 int64 limit, IgSeal *seal);

/* The hash of a removal, which covers no rows. */
extern void ig_seal_hash_removal(IgSeal *seal);

/* Write it into the table with the seals; SPI is connected. */
extern void ig_seal_write(Oid seals, const IgSeal *seal);

/* Does the table itself have that trigger?  Then it has seals. */
extern bool ig_is_sealed(Oid relid);

/* Give the seals to the owner of the table, if that is another one by now. */
extern void ig_seals_follow(Oid relid, Oid seals);

/* For verify_rules(). */
extern void ig_seal_verify_rule(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier);

/* The trigger on INSERT that keeps what is sealed closed. */
extern void ig_seal_prepare(IgRuleTrigger *trigger, Relation rel);
extern void ig_seal_check(IgRuleTrigger *trigger, TriggerData *td);

/*
 * For remove_expired(): remove whole seals, the oldest first, and note it.
 * Returns how many rows were removed.  created is quoted; columns may be NULL.
 */
extern int64 ig_seal_remove(Oid relid, const char *created, const IgReversalColumns *columns,
							TimestampTz horizon, int64 batch);

#endif							/* IG_SEAL_H */
