/*-------------------------------------------------------------------------
 *
 * seal_remove.c
 *	  Retention where rows are sealed: whole seals are removed.
 *
 * A seal of which some rows are gone could not be verified.  So the rows of a
 * seal go together, the oldest seal first, and a record of that is chained to
 * the seals: verify_seal() then expects none of these rows.  What is not sealed
 * yet stays.  The caller has locked the table against writers, one of whom may
 * be about to reverse an expired row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/compat.h"
#include "rows/own_query.h"
#include "rows/seal.h"

typedef struct Removal
{
	Relation	rel;
	const IgSealKey *key;
	const char *table;			/* quoted, with ONLY where that is meant */
	const char *created;
	const IgReversalColumns *reversal;
	TimestampTz horizon;
} Removal;

static const IgSeal *last_removable(const Removal *removal, List *seals, int64 batch);
static bool has_young_row(const Removal *removal, List *to_key);
static int64 run(const Removal *removal, const char *sql, List *to_key);

int64
ig_seal_remove(Oid relid, const char *created, const IgReversalColumns *columns,
			   TimestampTz horizon, int64 batch)
{
	Oid			seals = ig_seals_of(relid);
	Removal		removal = {.created = created, .reversal = columns, .horizon = horizon};
	IgSeal		record = {0};
	const IgSeal *last;
	int64		removed = 0;

	LockRelationOid(seals, ShareRowExclusiveLock);
	removal.rel = table_open(relid, NoLock);
	removal.key = ig_seal_key(removal.rel);
	removal.table = psprintf("%s%s", removal.rel->rd_rel->relkind == RELKIND_RELATION ? "ONLY " : "",
							 ig_quoted_table(relid));
	PushActiveSnapshot(GetLatestSnapshot());
	last = last_removable(&removal, ig_seals_read(seals, "ORDER BY number"), batch);
	if (last != NULL)
		ig_seal_begin(seals, &record);
	PopActiveSnapshot();

	if (last != NULL)
	{
		removed = run(&removal, psprintf("DELETE FROM %s o WHERE %s AND $1 IS NOT NULL", removal.table,
										 ig_seal_bound(removal.key, "<=", 2)), last->to_key);
		record.removed_to = last->to_key;
		ig_seal_hash_removal(&record);
		ig_seal_write(seals, &record);
	}
	table_close(removal.rel, NoLock);
	return removed;
}

/*
 * The last seal up to which all rows are expired, and what reverses them as
 * well.  A reversal may be in a later seal, and stay for a while.
 */
static const IgSeal *
last_removable(const Removal *removal, List *seals, int64 batch)
{
	const IgSeal *result = NULL;
	List	   *removed_to = NIL;
	bool		is_removed;
	int64		rows = 0;
	ListCell   *lc;

	foreach(lc, seals)
	{
		const IgSeal *seal = (const IgSeal *) lfirst(lc);

		if (seal->removed_to != NIL)
			removed_to = seal->removed_to;
	}
	is_removed = removed_to != NIL;
	foreach(lc, seals)
	{
		const IgSeal *seal = (const IgSeal *) lfirst(lc);

		CHECK_FOR_INTERRUPTS();
		if (seal->to_key == NIL)
			continue;
		if (is_removed)
		{
			is_removed = !ig_equal_texts(seal->to_key, removed_to);
			continue;
		}
		rows += seal->row_count;
		if ((result != NULL && rows > batch) || has_young_row(removal, seal->to_key))
			break;
		result = seal;
	}
	return result;
}

/* One of them, or a reversal of one of them, wherever that is. */
static bool
has_young_row(const Removal *removal, List *to_key)
{
	const char *bound = ig_seal_bound(removal->key, "<=", 2);
	const char *key;
	const char *reversal_of;

	if (run(removal, psprintf("SELECT FROM %s o WHERE %s AND o.%s OPERATOR(pg_catalog.>=) $1 LIMIT 1",
							  removal->table, bound, removal->created), to_key) > 0)
		return true;
	if (removal->reversal == NULL)
		return false;
	key = quote_identifier(removal->reversal->key);
	reversal_of = quote_identifier(removal->reversal->reversal_of);
	return run(removal, psprintf("SELECT FROM %s r JOIN %s o ON o.%s %s r.%s WHERE r.%s OPERATOR(pg_catalog.>=) $1"
								 " AND r.%s IS NOT NULL AND %s LIMIT 1",
								 removal->table, removal->table, key,
								 ig_reversal_equality(RelationGetRelid(removal->rel), removal->reversal),
								 reversal_of, removal->created, reversal_of, bound), to_key) > 0;
}

/* $1 is the horizon, and the key of the last row stands from $2 on. */
static int64
run(const Removal *removal, const char *sql, List *to_key)
{
	int			nargs = list_length(to_key) + 1;
	Oid		   *types = palloc(sizeof(Oid) * nargs);
	Datum	   *values = palloc(sizeof(Datum) * nargs);
	ListCell   *lc;

	types[0] = TIMESTAMPTZOID;
	values[0] = TimestampTzGetDatum(removal->horizon);
	foreach(lc, to_key)
	{
		types[foreach_current_index(lc) + 1] = TEXTOID;
		values[foreach_current_index(lc) + 1] = CStringGetTextDatum((const char *) lfirst(lc));
	}
	if (ig_own_query(sql, nargs, types, values, NULL, false, 0) < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", sql);
	return (int64) SPI_processed;
}
