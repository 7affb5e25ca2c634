/*-------------------------------------------------------------------------
 *
 * seal.c
 *	  seal(): a hash over the rows that were added since the last one.
 *
 * No writer is in flight while a seal is made: seal() waits for them, and they
 * for it.  From then on the sealed range is closed: a trigger refuses keys that
 * are not above the last sealed one, since a row that comes late there could
 * not be told from one that was slipped in.  Keys that are taken beforehand and
 * used much later, as from a sequence with a large cache, are refused by that.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/own_query.h"
#include "rows/rows.h"
#include "rows/seal.h"

PG_FUNCTION_INFO_V1(ig_sql_seal);

#define DEFAULT_ROWS	1000000

static Oid	constrained_table(Oid conoid);
static void declare_closed(FunctionCallInfo fcinfo);
static Oid	create_seals(Oid relid);
static List *columns_of(Relation rel);
static List *texts_of(Datum array);
static Datum array_of(List *texts, char *null);
static IgSeal *read_seal(HeapTuple tuple, TupleDesc desc);
static void read_hash(uint8 *hash, Datum value, bool isnull);
static void check_key(Oid relid, const IgSealKey *key, const IgSeal *last);

/*
 * What names the table in a constraint of this name, has the rule, and is the
 * same role's: others may make what they like.
 */
Oid
ig_seals_of(Oid relid)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		Oid			table;

		if (form->classid != ConstraintRelationId || form->refobjsubid != 0)
			continue;
		table = constrained_table(form->objid);
		if (!OidIsValid(table) || table == relid || table == result ||
			ig_relation_owner(table) != ig_relation_owner(relid) || !ig_declares_rules(table))
			continue;
		if (OidIsValid(result))
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_UNREADABLE),
					 errmsg("tables \"%s\" and \"%s\" both say that they hold the seals of \"%s\"",
							ig_text_name(ig_table_name(result)),
							ig_text_name(ig_table_name(table)),
							ig_text_name(ig_table_name(relid))),
					 errdetail("That is what their constraint \"%s\" says.", IG_SEALS_OF)));
		result = table;
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return result;
}

static Oid
constrained_table(Oid conoid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	Form_pg_constraint form;
	Oid			result = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (form->contype == CONSTRAINT_CHECK && namestrcmp(&form->conname, IG_SEALS_OF) == 0)
		result = form->conrelid;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * invariant_guard.seal(rel regclass, at_most bigint) returns (number, row_count,
 * hash): the new seal; no row if there was nothing to seal.
 */
Datum
ig_sql_seal(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = ig_table_argument(fcinfo);
	int64		at_most = PG_ARGISNULL(1) ? DEFAULT_ROWS : PG_GETARG_INT64(1);
	IgSeal		seal = {0};
	Relation	rel;
	IgSealKey  *key;
	const IgSeal *last;
	Oid			seals;
	Oid			user;
	int			context;
	int			nest;

	PreventCommandIfReadOnly("invariant_guard.seal()");
	if (at_most < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("at_most must be at least 1, and not %lld", (long long) at_most)));
	InitMaterializedSRF(fcinfo, 0);
	ig_lock_owned_table(relid, ShareRowExclusiveLock);
	ig_seal_check_table(relid);
	(void) find_all_inheritors(relid, ShareRowExclusiveLock, NULL);

	/* what is made belongs to the table's owner, and runs as that role */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(ig_relation_owner(relid), context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	if (ig_append_only_trigger(relid, "sealed") == NULL)
		declare_closed(fcinfo);
	seals = ig_seals_of(relid);
	if (!OidIsValid(seals))
		seals = create_seals(relid);
	LockRelationOid(seals, ShareRowExclusiveLock);

	rel = table_open(relid, NoLock);
	nest = ig_rows_spi_begin();
	PushActiveSnapshot(GetLatestSnapshot());
	ig_seal_begin(seals, &seal);
	key = ig_seal_key(rel);
	last = ig_seal_last(seals);
	check_key(relid, key, last);
	seal.columns = columns_of(rel);
	seal.key = key->names;
	ig_seal_hash(rel, key, last ? last->to_key : NIL, NIL, at_most, &seal);
	PopActiveSnapshot();
	if (seal.row_count > 0)
		ig_seal_write(seals, &seal);
	ig_rows_spi_end(nest);
	table_close(rel, NoLock);
	SetUserIdAndSecContext(user, context);

	if (seal.row_count > 0)
	{
		Datum		values[3] = {Int64GetDatum(seal.number), Int64GetDatum(seal.row_count),
		PointerGetDatum(ig_seal_bytea(seal.hash))};
		bool		nulls[3] = {0};

		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* What is "above" the last seal is told by its key. */
static void
check_key(Oid relid, const IgSealKey *key, const IgSeal *last)
{
	if (last != NULL && !ig_equal_texts(last->key, key->names))
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" has another primary key than when it was sealed",
						ig_text_name(ig_table_name(relid))),
				 errdetail("It was (%s).", ig_text_list(last->key, 10))));
}

void
ig_seal_check_table(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule->kind != IG_ROW_APPEND_ONLY)
			continue;
		if (OidIsValid(declared->parent))
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("table \"%s\" is a partition", ig_text_name(ig_table_name(relid))),
					 errdetail("It is sealed as part of the partitioned table.")));
		return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_IG_NO_SUCH_RULE),
			 errmsg("table \"%s\" has no rule \"append-only\"", ig_text_name(ig_table_name(relid))),
			 errdetail("Rows can be sealed when they do not change any more."),
			 errhint("SELECT invariant_guard.add_append_only(%s);",
					 quote_literal_cstr(ig_quoted_table(relid)))));
}

/*
 * The trigger that keeps what is sealed closed.
 */
static void
declare_closed(FunctionCallInfo fcinfo)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_APPEND_ONLY);
	IgSealKey  *key = ig_seal_key(d->rel);

	ig_declare_trigger(d, "sealed", "AFTER INSERT", true,
					   ig_declare_anchor("uses", "new", key->names),
					   ig_declare_option(NIL, "sealed", "closed"));
	(void) ig_declare_end(d);
	CommandCounterIncrement();
}

static Oid
create_seals(Oid relid)
{
	char	   *name = makeObjectName(get_rel_name(relid), NULL, "seals");
	const char *quoted = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													name);
	Oid			result;

	ig_declare_execute(psprintf("CREATE TABLE %s (number pg_catalog.int8 PRIMARY KEY,"
								" sealed_at pg_catalog.timestamptz NOT NULL,"
								" columns pg_catalog.text[], key pg_catalog.text[], from_key pg_catalog.text[],"
								" to_key pg_catalog.text[], removed_to pg_catalog.text[],"
								" row_count pg_catalog.int8 NOT NULL,"
								" hash pg_catalog.bytea NOT NULL, previous pg_catalog.bytea NOT NULL,"
								" CONSTRAINT %s CHECK (%s::pg_catalog.regclass IS NOT NULL))",
								quoted, IG_SEALS_OF, quote_literal_cstr(ig_quoted_table(relid))));
	ig_declare_execute(psprintf("COMMENT ON TABLE %s IS %s", quoted,
								quote_literal_cstr(psprintf("seals of %s, by invariant_guard.seal()",
															get_rel_name(relid)))));
	ig_declare_execute(psprintf("SELECT invariant_guard.add_append_only(%s)",
								quote_literal_cstr(quoted)));
	CommandCounterIncrement();
	result = ig_seals_of(relid);
	if (!OidIsValid(result))
		elog(ERROR, "table %s does not show what it seals", quoted);
	return result;
}

/* What is stored; a virtual column is not. */
static List *
columns_of(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *columns = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (!attr->attisdropped && attr->attgenerated != IG_GENERATED_VIRTUAL)
			columns = lappend(columns, pstrdup(NameStr(attr->attname)));
	}
	return columns;
}

bytea *
ig_seal_bytea(const uint8 *hash)
{
	bytea	   *bytes = (bytea *) palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);

	SET_VARSIZE(bytes, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	memcpy(VARDATA(bytes), hash, PG_SHA256_DIGEST_LENGTH);
	return bytes;
}

List *
ig_copy_texts(List *texts)
{
	List	   *copy = NIL;
	ListCell   *lc;

	foreach(lc, texts)
		copy = lappend(copy, pstrdup((const char *) lfirst(lc)));
	return copy;
}

bool
ig_equal_texts(List *a, List *b)
{
	ListCell   *la;
	ListCell   *lb;

	if (list_length(a) != list_length(b))
		return false;
	forboth(la, a, lb, b)
	{
		if (strcmp((const char *) lfirst(la), (const char *) lfirst(lb)) != 0)
			return false;
	}
	return true;
}

static List *
texts_of(Datum array)
{
	List	   *result = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &elements,
					  &nulls, &count);
	for (int i = 0; i < count; i++)
		result = lappend(result, nulls[i] ? pstrdup("") : TextDatumGetCString(elements[i]));
	return result;
}

static Datum
array_of(List *texts, char *null)
{
	Datum	   *elements = palloc(sizeof(Datum) * (list_length(texts) + 1));
	ListCell   *lc;

	*null = texts == NIL ? 'n' : ' ';
	foreach(lc, texts)
		elements[foreach_current_index(lc)] = CStringGetTextDatum((const char *) lfirst(lc));
	return PointerGetDatum(construct_array(elements, list_length(texts), TEXTOID, -1, false,
										   TYPALIGN_INT));
}

Datum
ig_seal_key_array(List *texts, bool *isnull)
{
	char		null;
	Datum		result = array_of(texts, &null);

	*isnull = null == 'n';
	return result;
}

void
ig_seal_write(Oid seals, const IgSeal *seal)
{
	Oid			types[10] = {INT8OID, TIMESTAMPTZOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
	TEXTARRAYOID, TEXTARRAYOID, INT8OID, BYTEAOID, BYTEAOID};
	char		nulls[11] = "          ";
	Datum		values[10];

	values[0] = Int64GetDatum(seal->number);
	values[1] = TimestampTzGetDatum(seal->sealed_at);
	values[2] = array_of(seal->columns, &nulls[2]);
	values[3] = array_of(seal->key, &nulls[3]);
	values[4] = array_of(seal->from_key, &nulls[4]);
	values[5] = array_of(seal->to_key, &nulls[5]);
	values[6] = array_of(seal->removed_to, &nulls[6]);
	values[7] = Int64GetDatum(seal->row_count);
	values[8] = PointerGetDatum(ig_seal_bytea(seal->hash));
	values[9] = PointerGetDatum(ig_seal_bytea(seal->previous));
	if (ig_own_query(psprintf("INSERT INTO %s (number, sealed_at, columns, key, from_key,"
									   " to_key, removed_to, row_count, hash, previous)"
									   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
									   ig_quoted_table(seals)),
							  10, types, values, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not write a seal");
}

List *
ig_seals_read(Oid seals, const char *tail)
{
	char	   *sql = psprintf("SELECT number, sealed_at, columns, key, from_key, to_key, removed_to,"
							   " row_count, hash, previous FROM ONLY %s %s",
							   ig_quoted_table(seals), tail);
	List	   *result = NIL;

	if (ig_own_query(sql, 0, NULL, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", sql);
	for (uint64 i = 0; i < SPI_processed; i++)
		result = lappend(result, read_seal(SPI_tuptable->vals[i], SPI_tuptable->tupdesc));
	return result;
}

static void
read_hash(uint8 *hash, Datum value, bool isnull)
{
	bytea	   *bytes = isnull ? NULL : DatumGetByteaPP(value);

	if (bytes != NULL && VARSIZE_ANY_EXHDR(bytes) == PG_SHA256_DIGEST_LENGTH)
		memcpy(hash, VARDATA_ANY(bytes), PG_SHA256_DIGEST_LENGTH);
}

static IgSeal *
read_seal(HeapTuple tuple, TupleDesc desc)
{
	IgSeal	   *seal = palloc0(sizeof(IgSeal));
	List	  **lists[] = {&seal->columns, &seal->key, &seal->from_key, &seal->to_key,
	&seal->removed_to};
	bool		isnull;
	Datum		value;

	seal->number = DatumGetInt64(SPI_getbinval(tuple, desc, 1, &isnull));
	seal->sealed_at = DatumGetTimestampTz(SPI_getbinval(tuple, desc, 2, &isnull));
	for (int i = 0; i < lengthof(lists); i++)
	{
		value = SPI_getbinval(tuple, desc, 3 + i, &isnull);
		if (!isnull)
			*lists[i] = texts_of(value);
	}
	seal->row_count = DatumGetInt64(SPI_getbinval(tuple, desc, 8, &isnull));
	value = SPI_getbinval(tuple, desc, 9, &isnull);
	read_hash(seal->hash, value, isnull);
	value = SPI_getbinval(tuple, desc, 10, &isnull);
	read_hash(seal->previous, value, isnull);
	return seal;
}

const IgSeal *
ig_seal_last(Oid seals)
{
	List	   *found = ig_seals_read(seals, "WHERE to_key IS NOT NULL ORDER BY number DESC LIMIT 1");

	return found ? (const IgSeal *) linitial(found) : NULL;
}

void
ig_seal_begin(Oid seals, IgSeal *seal)
{
	List	   *found = ig_seals_read(seals, "ORDER BY number DESC LIMIT 1");
	const IgSeal *last = found ? (const IgSeal *) linitial(found) : NULL;

	seal->number = last ? last->number + 1 : 1;
	seal->sealed_at = GetCurrentTimestamp();
	if (last)
		memcpy(seal->previous, last->hash, PG_SHA256_DIGEST_LENGTH);
}
