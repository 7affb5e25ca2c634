/*-------------------------------------------------------------------------
 *
 * seal_hash.c
 *	  The hash of a seal, and the key in whose order it is made.
 *
 * Nothing of it may depend on how rows are stored, on who asks, or on the major
 * version; what is hashed, byte by byte, is told in seal.h.  Text is ordered by
 * its bytes: the order of a collation changes with the operating system.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/own_query.h"
#include "rows/seal.h"

#define HEADING			"invariant_guard seal 1"
#define REMOVAL			"invariant_guard removal 1"
#define ROWS_A_FETCH	100

typedef struct SealHash
{
	pg_cryptohash_ctx *ctx;
	int			nkeys;			/* the first columns of the query are the key */
	int			ncolumns;
	FmgrInfo   *outputs;
	int64		count;
} SealHash;

static char *key_type(Relation rel, Form_pg_attribute attr);
static void begin(SealHash *hash, const char *heading, const IgSeal *seal);
static void finish(SealHash *hash, IgSeal *seal);
static void add_bytes(SealHash *hash, const void *bytes, size_t length);
static void add_int32(SealHash *hash, uint32 value);
static void add_int64(SealHash *hash, int64 value);
static void add_text(SealHash *hash, const char *value);
static void add_list(SealHash *hash, List *texts);
static Portal open_rows(Relation rel, const IgSealKey *key, List *after, List *up_to,
						List *columns);
static void find_outputs(SealHash *hash, TupleDesc desc);
static List *hash_row(SealHash *hash, HeapTuple tuple, TupleDesc desc, bool want_key);

IgSealKey *
ig_seal_key(Relation rel)
{
	IgSealKey  *key = palloc0(sizeof(IgSealKey));
	StringInfoData order;
	Relation	index;

	list_free(RelationGetIndexList(rel));
	if (!OidIsValid(rel->rd_pkindex))
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" has no primary key",
						ig_text_name(ig_table_name(RelationGetRelid(rel)))),
				 errdetail("Rows are sealed in the order of their keys.")));

	initStringInfo(&order);
	index = index_open(rel->rd_pkindex, AccessShareLock);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel),
											   index->rd_index->indkey.values[i] - 1);
		char	   *name = pstrdup(NameStr(attr->attname));

		key->types = lappend(key->types, key_type(rel, attr));
		key->names = lappend(key->names, name);
		key->columns = lappend(key->columns,
							   psprintf("o.%s%s", quote_identifier(name),
										OidIsValid(attr->attcollation) ? " COLLATE pg_catalog.\"C\"" : ""));
		appendStringInfo(&order, "%s%s", i > 0 ? ", " : "", (char *) llast(key->columns));
	}
	index_close(index, NoLock);
	key->order = order.data;
	return key;
}

/*
 * The name of the type under its domains, for a cast from text.  Raises for a
 * type that the server's own operators do not order.
 */
static char *
key_type(Relation rel, Form_pg_attribute attr)
{
	Oid			typid = getBaseType(attr->atttypid);
	TypeCacheEntry *cache = lookup_type_cache(typid, TYPECACHE_LT_OPR);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(cache->lt_opr));
	Form_pg_type type;
	char	   *result;
	bool		ordered = HeapTupleIsValid(tuple) &&
		((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace == PG_CATALOG_NAMESPACE;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (!ordered)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" cannot be sealed by a key of type %s",
						ig_text_name(ig_table_name(RelationGetRelid(rel))),
						format_type_be(attr->atttypid)),
				 errdetail("Column \"%s\" of its primary key has a type that is ordered by operators of an extension.",
						   NameStr(attr->attname))));

	tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(typid));
	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", typid);
	type = (Form_pg_type) GETSTRUCT(tuple);
	result = quote_qualified_identifier(get_namespace_name(type->typnamespace),
										NameStr(type->typname));
	ReleaseSysCache(tuple);
	return result;
}

char *
ig_seal_bound(const IgSealKey *key, const char *operator, int first)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "ROW(%s) OPERATOR(pg_catalog.%s) ROW(", key->order, operator);
	for (int i = 0; i < list_length(key->types); i++)
		appendStringInfo(&buf, "%sCAST($%d AS %s)%s", i > 0 ? ", " : "", first + i,
						 (char *) list_nth(key->types, i),
						 strstr((char *) list_nth(key->columns, i), " COLLATE ") ?
						 " COLLATE pg_catalog.\"C\"" : "");
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

void
ig_seal_hash(Relation rel, const IgSealKey *key, List *after, List *up_to, int64 limit,
			 IgSeal *seal)
{
	SealHash	hash = {0};
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext batch = AllocSetContextCreate(caller, "invariant_guard seal",
												ALLOCSET_DEFAULT_SIZES);
	Portal		portal = open_rows(rel, key, after, up_to, seal->columns);

	hash.nkeys = list_length(key->names);
	hash.ncolumns = list_length(seal->columns);
	begin(&hash, HEADING, seal);
	seal->to_key = NIL;
	for (;;)
	{
		int64		want = limit > 0 ? Min(limit - hash.count, ROWS_A_FETCH) : ROWS_A_FETCH;
		int64		got;

		if (want == 0)
			break;
		SPI_cursor_fetch(portal, true, want);
		got = (int64) SPI_processed;
		if (hash.outputs == NULL)
			find_outputs(&hash, SPI_tuptable->tupdesc);
		for (int64 i = 0; i < got; i++)
		{
			bool		is_end = i == got - 1;
			List	   *found;

			CHECK_FOR_INTERRUPTS();
			MemoryContextSwitchTo(batch);
			found = hash_row(&hash, SPI_tuptable->vals[i], SPI_tuptable->tupdesc,
							 is_end || hash.count == 0);
			MemoryContextSwitchTo(caller);
			if (hash.count == 0)
				seal->from_key = ig_copy_texts(found);
			if (is_end)
				seal->to_key = ig_copy_texts(found);
			hash.count++;
			MemoryContextReset(batch);
		}
		SPI_freetuptable(SPI_tuptable);
		if (got < want)
			break;
	}
	SPI_cursor_close(portal);
	MemoryContextDelete(batch);
	seal->row_count = hash.count;
	add_int64(&hash, hash.count);
	finish(&hash, seal);
}

void
ig_seal_hash_removal(IgSeal *seal)
{
	SealHash	hash = {0};

	begin(&hash, REMOVAL, seal);
	add_list(&hash, seal->removed_to);
	finish(&hash, seal);
}

static void
begin(SealHash *hash, const char *heading, const IgSeal *seal)
{
	hash->ctx = pg_cryptohash_create(PG_SHA256);
	if (hash->ctx == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory")));
	if (pg_cryptohash_init(hash->ctx) < 0)
		elog(ERROR, "could not initialize SHA-256: %s", pg_cryptohash_error(hash->ctx));
	add_text(hash, heading);
	add_int64(hash, seal->number);
	add_int64(hash, seal->sealed_at);
	add_int32(hash, PG_SHA256_DIGEST_LENGTH);
	add_bytes(hash, seal->previous, PG_SHA256_DIGEST_LENGTH);
	add_list(hash, seal->columns);
	add_list(hash, seal->key);
}

static void
finish(SealHash *hash, IgSeal *seal)
{
	if (pg_cryptohash_final(hash->ctx, seal->hash, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not finish SHA-256: %s", pg_cryptohash_error(hash->ctx));
	pg_cryptohash_free(hash->ctx);
}

static void
add_bytes(SealHash *hash, const void *bytes, size_t length)
{
	if (pg_cryptohash_update(hash->ctx, (const uint8 *) bytes, length) < 0)
		elog(ERROR, "could not update SHA-256: %s", pg_cryptohash_error(hash->ctx));
}

static void
add_int32(SealHash *hash, uint32 value)
{
	uint32		swapped = pg_hton32(value);

	add_bytes(hash, &swapped, sizeof(swapped));
}

/* Its length is eight bytes, as that of any other. */
static void
add_int64(SealHash *hash, int64 value)
{
	uint64		swapped = pg_hton64((uint64) value);

	add_int32(hash, sizeof(swapped));
	add_bytes(hash, &swapped, sizeof(swapped));
}

/* In UTF-8; where the database has no encoding, as it is. */
static void
add_text(SealHash *hash, const char *value)
{
	const char *utf8 = GetDatabaseEncoding() == PG_SQL_ASCII ? value :
		pg_server_to_any(value, strlen(value), PG_UTF8);
	size_t		length = strlen(utf8);

	add_int32(hash, length);
	add_bytes(hash, utf8, length);
}

static void
add_list(SealHash *hash, List *texts)
{
	ListCell   *lc;

	add_int32(hash, list_length(texts));
	foreach(lc, texts)
		add_text(hash, (const char *) lfirst(lc));
}

static Portal
open_rows(Relation rel, const IgSealKey *key, List *after, List *up_to, List *columns)
{
	StringInfoData sql;
	int			nkeys = list_length(key->names);
	Oid		   *types = palloc(sizeof(Oid) * nkeys * 2);
	Datum	   *values = palloc(sizeof(Datum) * nkeys * 2);
	int			nargs = 0;
	ListCell   *lc;
	Portal		portal;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT ");
	foreach(lc, key->names)
		appendStringInfo(&sql, "o.%s, ", quote_identifier((const char *) lfirst(lc)));
	foreach(lc, columns)
		appendStringInfo(&sql, "%so.%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier((const char *) lfirst(lc)));
	appendStringInfo(&sql, " FROM %s%s o WHERE true",
					 rel->rd_rel->relkind == RELKIND_RELATION ? "ONLY " : "",
					 ig_quoted_table(RelationGetRelid(rel)));
	if (after != NIL)
		appendStringInfo(&sql, " AND %s", ig_seal_bound(key, ">", 1));
	foreach(lc, after)
		values[nargs++] = CStringGetTextDatum((const char *) lfirst(lc));
	if (up_to != NIL)
		appendStringInfo(&sql, " AND %s", ig_seal_bound(key, "<=", nargs + 1));
	foreach(lc, up_to)
		values[nargs++] = CStringGetTextDatum((const char *) lfirst(lc));
	for (int i = 0; i < nargs; i++)
		types[i] = TEXTOID;
	appendStringInfo(&sql, " ORDER BY %s", key->order);

	portal = ig_own_cursor(sql.data, nargs, types, values);
	if (portal == NULL)
		elog(ERROR, "SPI_cursor_open_with_args failed: %s", sql.data);
	return portal;
}

static void
find_outputs(SealHash *hash, TupleDesc desc)
{
	hash->outputs = palloc(sizeof(FmgrInfo) * desc->natts);
	for (int i = 0; i < desc->natts; i++)
	{
		Oid			output;
		bool		is_varlena;

		getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &output, &is_varlena);
		fmgr_info(output, &hash->outputs[i]);
	}
}

/* The result is the key, if it is wanted; in the current context. */
static List *
hash_row(SealHash *hash, HeapTuple tuple, TupleDesc desc, bool want_key)
{
	List	   *key = NIL;

	for (int i = 0; i < hash->nkeys + hash->ncolumns; i++)
	{
		bool		isnull;
		Datum		value;

		if (i < hash->nkeys && !want_key)
			continue;
		value = SPI_getbinval(tuple, desc, i + 1, &isnull);
		if (i < hash->nkeys)
			key = lappend(key, OutputFunctionCall(&hash->outputs[i], value));
		else if (isnull)
			add_int32(hash, PG_UINT32_MAX);
		else
			add_text(hash, OutputFunctionCall(&hash->outputs[i], value));
	}
	return key;
}
