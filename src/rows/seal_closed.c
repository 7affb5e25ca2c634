/*-------------------------------------------------------------------------
 *
 * seal_closed.c
 *	  What is sealed stays closed: no row is inserted below the last seal.
 *
 * seal() lets no writer be in flight, so that what a statement finds as the
 * last seal stays the last one until the statement's transaction ends.  Found
 * it is once a statement, by the latest snapshot; a row then costs a comparison.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "rows/rows.h"
#include "rows/seal.h"

typedef struct SealColumn
{
	FmgrInfo	compare;
	Oid			collation;
	Datum		bound;
} SealColumn;

static Oid	seals_above(Oid relid);
static ArrayType *last_key(Oid seals);
static void prepare_column(SealColumn *column, const IgRuleColumn *from, char *bound);

/*
 * data stays NULL where nothing is sealed.
 */
void
ig_seal_prepare(IgRuleTrigger *trigger, Relation rel)
{
	Oid			seals;
	ArrayType  *array;
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	SealColumn *columns;

	if (trigger->passes)
		return;
	seals = seals_above(trigger->relid);
	array = OidIsValid(seals) ? last_key(seals) : NULL;
	if (array == NULL)
		return;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	if (count != trigger->ncolumns)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_UNREADABLE),
				 errmsg("the seals of table \"%s\" have keys of %d columns, and not of %d",
						ig_row_relation_text(trigger->relid), count, trigger->ncolumns),
				 errdetail("The table has another primary key than when it was sealed.")));
	columns = palloc0(sizeof(SealColumn) * count);
	for (int i = 0; i < count; i++)
		prepare_column(&columns[i], &trigger->columns[i], TextDatumGetCString(elements[i]));
	trigger->data = columns;
}

static void
prepare_column(SealColumn *column, const IgRuleColumn *from, char *bound)
{
	Oid			typid = getBaseType(from->typid);
	TypeCacheEntry *cache = lookup_type_cache(typid, TYPECACHE_CMP_PROC_FINFO);
	Oid			input;
	Oid			param;

	if (!OidIsValid(cache->cmp_proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify a comparison function for type %s",
						format_type_be(typid))));
	fmgr_info(cache->cmp_proc, &column->compare);
	column->collation = OidIsValid(from->collation) ? C_COLLATION_OID : InvalidOid;
	getTypeInputInfo(typid, &input, &param);
	column->bound = OidInputFunctionCall(input, bound, param, -1);
}

/* The seals of the table, or of the one whose partition it is. */
static Oid
seals_above(Oid relid)
{
	Oid			seals;

	while (!OidIsValid(seals = ig_seals_of(relid)) &&
		   OidIsValid(relid = ig_partition_parent(relid)))
		;
	return seals;
}

/*
 * Without SQL, so that no right to read the seals is needed.  The numbers' order
 * is that of the primary key; removals have no key.
 */
static ArrayType *
last_key(Oid seals)
{
	Relation	rel = table_open(seals, AccessShareLock);
	AttrNumber	attnum = get_attnum(seals, "to_key");
	Relation	index;
	SysScanDesc scan;
	Snapshot	snapshot;
	HeapTuple	tuple;
	ArrayType  *result = NULL;

	list_free(RelationGetIndexList(rel));
	if (!OidIsValid(rel->rd_pkindex) || attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_UNREADABLE),
				 errmsg("table \"%s\" is not as invariant_guard.seal() has made it",
						ig_row_relation_text(seals))));
	index = index_open(rel->rd_pkindex, AccessShareLock);
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	scan = systable_beginscan_ordered(rel, index, snapshot, 0, NULL);
	while (result == NULL &&
		   HeapTupleIsValid(tuple = systable_getnext_ordered(scan, BackwardScanDirection)))
	{
		bool		isnull;
		Datum		value = heap_getattr(tuple, attnum, RelationGetDescr(rel), &isnull);

		if (!isnull)
			result = DatumGetArrayTypePCopy(value);
	}
	systable_endscan_ordered(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, AccessShareLock);
	table_close(rel, AccessShareLock);
	return result;
}

void
ig_seal_check(IgRuleTrigger *trigger, TriggerData *td)
{
	SealColumn *columns = (SealColumn *) trigger->data;
	int32		result = 0;

	if (columns == NULL)
		return;
	for (int i = 0; i < trigger->ncolumns && result == 0; i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(td->tg_trigslot, trigger->columns[i].attnum, &isnull);

		result = isnull ? 0 : DatumGetInt32(FunctionCall2Coll(&columns[i].compare,
															  columns[i].collation, value,
															  columns[i].bound));
	}
	if (result > 0)
		return;
	ig_row_refuse(trigger, trigger->relid, "append-only", NULL,
				  psprintf("cannot insert below what is sealed of append-only table \"%s\"",
						   ig_row_relation_text(trigger->relid)),
				  "The key of a new row must be above the last one that is sealed.",
				  "Take a new key, and insert the row again.");
}

bool
ig_is_sealed(Oid relid)
{
	return ig_declares_rules(relid) && ig_append_only_trigger(relid, "sealed") != NULL;
}

/*
 * Both are the same role's, or the seals are not believed.
 */
void
ig_seals_follow(Oid relid, Oid seals)
{
	Oid			owner;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) ||
		!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(seals)))
		return;
	owner = ig_relation_owner(relid);
	if (owner == ig_relation_owner(seals))
		return;
	ig_declare_execute(psprintf("ALTER TABLE %s OWNER TO %s", ig_quoted_table(seals),
								quote_identifier(GetUserNameFromId(owner, false))));
}

void
ig_seal_verify_rule(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier)
{
	ListCell   *lc;

	foreach(lc, rule->triggers)
	{
		if (ig_declared_option((const IgDeclaredTrigger *) lfirst(lc), "sealed") == NULL ||
			OidIsValid(seals_above(rule->relid)))
			continue;
		tell(verifier, rule, true,
			 pstrdup("the table was sealed, and its seals are not found: rows below what was sealed are let in"),
			 NULL);
		return;
	}
}
