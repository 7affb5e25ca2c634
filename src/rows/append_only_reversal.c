/*-------------------------------------------------------------------------
 *
 * append_only_reversal.c
 *	  Corrections of append-only tables: a row that reverses another one.
 *
 * A reversal names the row that it reverses, which is there and is no reversal
 * itself; its amounts are the opposite ones; and there is one only.  A reversal
 * that was wrong is followed by an ordinary row: with reversals of reversals
 * nobody could tell whether a row counts without following a chain.
 *
 * That there is one only is held by a lock on the reversed row, and by a look
 * at what is committed by then, whatever the snapshot of the transaction.  A
 * unique index could not do it where the table is partitioned or inherited
 * from.  The lock is the one that an UPDATE would take: it conflicts with
 * itself, and not with foreign keys that refer to the row.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/append_only.h"
#include "rows/own_query.h"
#include "rows/rows.h"

#define RULE	"append-only-reversal"

/* Where the columns stand among those of the trigger. */
#define REVERSAL_OF		0
#define KEY				1
#define FIRST_AMOUNT	2

/* A look-up whose plan is kept for the session. */
typedef struct KeptPlanKey
{
	Oid			root;			/* the table */
	Oid			which;			/* KEY or REVERSAL_OF */
} KeptPlanKey;

typedef struct KeptPlanEntry
{
	KeptPlanKey key;
	char	   *sql;
	SPIPlanPtr	plan;
} KeptPlanEntry;

typedef struct Reversal
{
	Oid			root;
	Oid			owner;
	int			namounts;
	char	   *original_sql;
	char	   *twin_sql;
} Reversal;

/* What was found under the key. */
typedef struct Original
{
	int			count;
	Oid			relid;
	ItemPointerData tid;
	Datum	   *values;
	bool	   *nulls;
} Original;

static HTAB *kept_plans = NULL;

static char *equality(Oid typid);
static SPIPlanPtr kept_plan(Oid root, Oid which, const char *sql, Oid argtype);
static void look_up(const IgRuleTrigger *trigger, Oid which, Datum key);
static void find_original(const IgRuleTrigger *trigger, Datum key, Original *original);
static bool lock_original(const Original *original);
static bool is_only_reversal(const IgRuleTrigger *trigger, Datum key);
static bool cancels(Oid typid, Datum a, bool a_null, Datum b, bool b_null);
static Datum as_numeric(Oid typid, Datum value);
static void check_against(IgRuleTrigger *trigger, TupleTableSlot *slot,
						  const Original *original);
static pg_noinline void refuse(IgRuleTrigger *trigger, const char *message,
							   const char *detail, const char *hint);
static const char *only_key_column(IgDeclaration *d);
static void check_column_kinds(IgDeclaration *d, const IgReversalColumns *columns);
static void check_stored(IgDeclaration *d, Form_pg_attribute column);
static void make_index(IgDeclaration *d, Form_pg_attribute column, bool only_reversals);
static bool is_index_on(Oid index_oid, AttrNumber attnum, bool only_reversals);

void
ig_reversal_prepare(IgRuleTrigger *trigger, Relation rel)
{
	Reversal   *reversal = palloc0(sizeof(Reversal));
	StringInfoData list;
	char	   *quoted;

	reversal->namounts = atoi(ig_rule_option(trigger, "amounts", "0"));
	if (reversal->namounts < 1 || trigger->ncolumns < FIRST_AMOUNT + reversal->namounts ||
		trigger->columns[REVERSAL_OF].typid != trigger->columns[KEY].typid)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a trigger of table \"%s\" does not tell which columns make up a reversal",
						ig_row_relation_text(trigger->relid)),
				 errhint("Use invariant_guard.add_append_only().")));

	reversal->root = ig_append_only_root(trigger, rel);
	reversal->owner = ig_relation_owner(reversal->root);
	quoted = quote_qualified_identifier(get_namespace_name(get_rel_namespace(reversal->root)),
										get_rel_name(reversal->root));
	initStringInfo(&list);
	for (int i = 0; i < trigger->ncolumns; i++)
		appendStringInfo(&list, ", %s", quote_identifier(NameStr(trigger->columns[i].name)));
	reversal->original_sql = psprintf("SELECT tableoid, ctid%s FROM %s WHERE %s %s $1",
									  list.data, quoted,
									  quote_identifier(NameStr(trigger->columns[KEY].name)),
									  equality(trigger->columns[KEY].typid));
	reversal->twin_sql = psprintf("SELECT FROM %s WHERE %s %s $1", quoted,
								  quote_identifier(NameStr(trigger->columns[REVERSAL_OF].name)),
								  equality(trigger->columns[KEY].typid));
	trigger->data = reversal;
}

/* 'OPERATOR(schema.=)': what the type itself holds for equal. */
static char *
equality(Oid typid)
{
	TypeCacheEntry *cache = lookup_type_cache(typid, TYPECACHE_EQ_OPR);
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(cache->eq_opr));
	Form_pg_operator form;
	char	   *result;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("could not identify an equality operator for type %s",
						format_type_be(typid))));
	form = (Form_pg_operator) GETSTRUCT(tuple);
	result = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
					  NameStr(form->oprname));
	ReleaseSysCache(tuple);
	return result;
}

/*
 * By name, so that a plan is another one when the table or a column is named
 * anew.  It is made and run as the table's owner.
 */
static SPIPlanPtr
kept_plan(Oid root, Oid which, const char *sql, Oid argtype)
{
	KeptPlanKey key = {root, which};
	KeptPlanEntry *entry;
	SPIPlanPtr	plan;
	bool		found;

	if (kept_plans == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(KeptPlanKey);
		ctl.entrysize = sizeof(KeptPlanEntry);
		kept_plans = hash_create("invariant_guard reversals", 16, &ctl,
								 HASH_ELEM | HASH_BLOBS);
	}
	entry = (KeptPlanEntry *) hash_search(kept_plans, &key, HASH_FIND, &found);
	if (found && strcmp(entry->sql, sql) == 0)
		return entry->plan;

	plan = SPI_prepare(sql, 1, &argtype);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed: %s", sql);
	sql = MemoryContextStrdup(TopMemoryContext, sql);
	entry = (KeptPlanEntry *) hash_search(kept_plans, &key, HASH_ENTER, &found);
	if (found)
	{
		SPI_freeplan(entry->plan);
		pfree(entry->sql);
	}
	entry->sql = unconstify(char *, sql);
	entry->plan = plan;
	return plan;
}

/*
 * Run one of the look-ups, as foreign keys run theirs: as the owner, past row
 * security, and by the latest snapshot.  SPI is connected; two rows are enough.
 */
static void
look_up(const IgRuleTrigger *trigger, Oid which, Datum key)
{
	const Reversal *reversal = (const Reversal *) trigger->data;
	Oid			user;
	int			context;
	SPIPlanPtr	plan;

	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(reversal->owner, context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
	plan = kept_plan(reversal->root, which,
					 which == KEY ? reversal->original_sql : reversal->twin_sql,
					 trigger->columns[KEY].typid);
	CommandCounterIncrement();
	if (ig_own_plan(plan, &key, GetLatestSnapshot(), InvalidSnapshot, false, false, 2) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_snapshot failed");
	SetUserIdAndSecContext(user, context);
}

/*
 * AFTER INSERT: the row is what it will be, and others of its statement are
 * there as well.
 */
void
ig_reversal_check(IgRuleTrigger *trigger, TriggerData *td)
{
	TupleTableSlot *slot = td->tg_trigslot;
	bool		isnull;
	Datum		key = slot_getattr(slot, trigger->columns[REVERSAL_OF].attnum, &isnull);
	Original	original = {0};

	if (isnull)
		return;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	do
	{
		CHECK_FOR_INTERRUPTS();
		find_original(trigger, key, &original);
	} while (original.count == 1 && !lock_original(&original));

	if (original.count == 0)
		refuse(trigger, "reverses a row that is not there", NULL, NULL);
	else if (original.count > 1)
		refuse(trigger, "reverses more than one row",
			   psprintf("Column \"%s\" does not tell the rows apart.",
						ig_text_name(NameStr(trigger->columns[KEY].name))), NULL);
	else
	{
		check_against(trigger, slot, &original);
		if (!is_only_reversal(trigger, key))
			refuse(trigger, "reverses a row that is reversed already", NULL,
				   "A row is reversed once. What is still wrong is corrected by an ordinary row.");
	}
	SPI_finish();
}

static void
find_original(const IgRuleTrigger *trigger, Datum key, Original *original)
{
	TupleDesc	desc;
	HeapTuple	tuple;
	bool		isnull;

	look_up(trigger, KEY, key);
	original->count = (int) SPI_processed;
	if (original->count != 1)
		return;

	desc = SPI_tuptable->tupdesc;
	tuple = SPI_tuptable->vals[0];
	original->relid = DatumGetObjectId(SPI_getbinval(tuple, desc, 1, &isnull));
	original->tid = *(ItemPointer) DatumGetPointer(SPI_getbinval(tuple, desc, 2, &isnull));
	original->values = palloc(sizeof(Datum) * trigger->ncolumns);
	original->nulls = palloc(sizeof(bool) * trigger->ncolumns);
	for (int i = 0; i < trigger->ncolumns; i++)
		original->values[i] = SPI_getbinval(tuple, desc, i + 3, &original->nulls[i]);
}

/*
 * By hand, since FOR UPDATE asks for the right to update, which the owner of
 * an append-only table may well have given up.  False if the row was changed
 * meanwhile, which takes an allowance.
 */
static bool
lock_original(const Original *original)
{
	Relation	rel = table_open(original->relid, RowShareLock);
	ItemPointerData tid = original->tid;
	TupleTableSlot *slot;
	TM_FailureData failure;
	TM_Result	result;

	if (rel->rd_rel->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a row of \"%s\" cannot be locked, and so not be reversed",
						ig_row_relation_text(original->relid)),
				 errdetail_relkind_not_supported(rel->rd_rel->relkind)));
	slot = table_slot_create(rel, NULL);
	result = table_tuple_lock(rel, &tid, GetActiveSnapshot(), slot, GetCurrentCommandId(false),
							  LockTupleNoKeyExclusive, LockWaitBlock, 0, &failure);
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);

	/* TM_SelfModified: by this very command, so nobody else can reverse it */
	return result == TM_Ok || result == TM_SelfModified;
}

static void
check_against(IgRuleTrigger *trigger, TupleTableSlot *slot, const Original *original)
{
	const Reversal *reversal = (const Reversal *) trigger->data;

	if (!original->nulls[REVERSAL_OF])
		refuse(trigger, "reverses a row that is a reversal itself", NULL,
			   "What is wrong with a reversal is corrected by an ordinary row.");

	for (int i = FIRST_AMOUNT; i < trigger->ncolumns; i++)
	{
		const IgRuleColumn *column = &trigger->columns[i];
		bool		is_amount = i < FIRST_AMOUNT + reversal->namounts;
		bool		isnull;
		Datum		value = slot_getattr(slot, column->attnum, &isnull);
		bool		matches;

		if (is_amount)
			matches = cancels(column->typid, value, isnull, original->values[i],
							  original->nulls[i]);
		else
			matches = isnull == original->nulls[i] &&
				(isnull || datum_image_eq(value, original->values[i], column->typbyval,
										  column->typlen));
		if (!matches)
			refuse(trigger, is_amount ?
				   "does not cancel the row that it reverses" :
				   "differs from the row that it reverses",
				   psprintf(is_amount ? "The sum of column \"%s\" of both rows is not zero." :
							"Column \"%s\" must be the same in both rows.",
							ig_text_name(NameStr(column->name))), NULL);
	}
}

/* Two amounts that are missing cancel each other; NaN cancels nothing. */
static bool
cancels(Oid typid, Datum a, bool a_null, Datum b, bool b_null)
{
	Datum		sum;
	Datum		zero;

	if (a_null || b_null)
		return a_null && b_null;
	zero = DirectFunctionCall1(int4_numeric, Int32GetDatum(0));
	sum = DirectFunctionCall2(numeric_add, as_numeric(typid, a), as_numeric(typid, b));
	return DatumGetBool(DirectFunctionCall2(numeric_eq, sum, zero));
}

static Datum
as_numeric(Oid typid, Datum value)
{
	switch (getBaseType(typid))
	{
		case INT2OID:
			return DirectFunctionCall1(int2_numeric, value);
		case INT4OID:
			return DirectFunctionCall1(int4_numeric, value);
		case INT8OID:
			return DirectFunctionCall1(int8_numeric, value);
		case NUMERICOID:
			return value;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_UNREADABLE),
					 errmsg("an amount of type %s cannot be checked", format_type_be(typid)),
					 errdetail("Amounts are integers or numeric.")));
	}
}

/* The row itself is one of those that are found. */
static bool
is_only_reversal(const IgRuleTrigger *trigger, Datum key)
{
	look_up(trigger, REVERSAL_OF, key);
	return SPI_processed <= 1;
}

static void
refuse(IgRuleTrigger *trigger, const char *message, const char *detail, const char *hint)
{
	ig_row_refuse(trigger, trigger->relid, RULE, NULL,
				  psprintf("a new row of append-only table \"%s\" %s",
						   ig_row_relation_text(trigger->relid), message),
				  detail, hint);
}

void
ig_reversal_declare(IgDeclaration *d, IgReversalColumns *columns)
{
	List	   *all;
	char	   *when;

	if (columns->reversal_of == NULL || columns->amounts == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("reversals need both reversal_of and amounts"),
				 errdetail("They are the column that refers to the reversed row, and the columns that have to cancel.")));
	if (columns->key == NULL)
		columns->key = only_key_column(d);
	check_column_kinds(d, columns);

	all = list_concat(list_make2(pstrdup(columns->reversal_of), pstrdup(columns->key)),
					  list_copy(columns->amounts));
	all = list_concat(all, list_copy(columns->same));
	for (int i = 0; i < list_length(all); i++)
	{
		for (int j = 0; j < i; j++)
		{
			if (strcmp((char *) list_nth(all, i), (char *) list_nth(all, j)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" stands twice among the columns of a reversal",
								ig_text_name((char *) list_nth(all, i)))));
		}
	}

	ig_declare_check_rows(d, ig_reversal_violations(d->quoted, d->relid, columns),
						  "that are reversals and cancel no row",
						  "Each is shown by its key. Correct the rows first; what cannot be corrected keeps the rule without reversals.");
	make_index(d, ig_declare_column(d, columns->key, "key"), false);
	make_index(d, ig_declare_column(d, columns->reversal_of, "reversal_of"), true);

	when = psprintf("new.%s IS NOT NULL AND %s", quote_identifier(columns->reversal_of),
					ig_declare_anchor("uses", "new", all));
	ig_declare_trigger(d, "reversal", "AFTER INSERT", true, when,
					   ig_declare_option(NIL, "amounts",
										 psprintf("%d", list_length(columns->amounts))));
}

/* The column of the primary key; raises if it has several, or none. */
static const char *
only_key_column(IgDeclaration *d)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(d->rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	int			attnum;

	if (bms_num_members(key) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" has no primary key of one column", d->text),
				 errdetail("reversal_of refers to it."),
				 errhint("Name the column that it refers to: key => 'id'.")));
	attnum = bms_singleton_member(key) + FirstLowInvalidHeapAttributeNumber;
	return pstrdup(NameStr(TupleDescAttr(RelationGetDescr(d->rel), attnum - 1)->attname));
}

static void
check_column_kinds(IgDeclaration *d, const IgReversalColumns *columns)
{
	Form_pg_attribute reversal_of = ig_declare_column(d, columns->reversal_of, "reversal_of");
	Form_pg_attribute key = ig_declare_column(d, columns->key, "key");
	ListCell   *lc;

	if (reversal_of->attnotnull)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("column \"%s\" of table \"%s\" must be nullable", columns->reversal_of,
						d->text),
				 errdetail("It is null in rows that reverse nothing.")));
	if (reversal_of->atttypid != key->atttypid)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" has type %s, and column \"%s\" has type %s",
						columns->reversal_of, d->text, format_type_be(reversal_of->atttypid),
						columns->key, format_type_be(key->atttypid)),
				 errdetail("The one refers to the other, so that their types must be the same.")));

	foreach(lc, columns->amounts)
	{
		Form_pg_attribute amount = ig_declare_column(d, (char *) lfirst(lc), "amount");
		Oid			base = getBaseType(amount->atttypid);

		if (base != INT2OID && base != INT4OID && base != INT8OID && base != NUMERICOID)
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("amount \"%s\" of table \"%s\" has type %s",
							(char *) lfirst(lc), d->text, format_type_be(amount->atttypid)),
					 errdetail("Amounts are smallint, integer, bigint or numeric.")));
		check_stored(d, amount);
	}
	foreach(lc, columns->same)
		check_stored(d, ig_declare_column(d, (char *) lfirst(lc), "same"));
}

/* What a trigger gets of a virtual column is not its value. */
static void
check_stored(IgDeclaration *d, Form_pg_attribute column)
{
	if (column->attgenerated == IG_GENERATED_VIRTUAL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("column \"%s\" of table \"%s\" is a virtual generated column",
						NameStr(column->attname), d->text),
				 errdetail("A row rule sees stored columns only.")));
}

/*
 * The look-up is made for each reversal, so that there has to be an index that
 * begins with the column; that of reversal_of is small if it holds reversals
 * only.  On a large table the gate refuses to build it here, and tells how.
 */
static void
make_index(IgDeclaration *d, Form_pg_attribute column, bool only_reversals)
{
	const char *name = quote_identifier(NameStr(column->attname));
	List	   *indexes = RelationGetIndexList(d->rel);
	ListCell   *lc;
	char	   *sql;

	foreach(lc, indexes)
	{
		if (is_index_on(lfirst_oid(lc), column->attnum, only_reversals))
			return;
	}

	/* CREATE INDEX wants the relation unused by its own session */
	sql = psprintf("CREATE INDEX ON %s (%s)%s", d->quoted, name,
				   only_reversals ? psprintf(" WHERE %s IS NOT NULL", name) : "");
	table_close(d->rel, NoLock);
	ig_declare_execute(sql);
	CommandCounterIncrement();
	d->rel = table_open(d->relid, NoLock);
}

static bool
is_index_on(Oid index_oid, AttrNumber attnum, bool only_reversals)
{
	Relation	index = index_open(index_oid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	List	   *predicate = RelationGetIndexPredicate(index);
	bool		result = form->indisvalid && form->indkey.values[0] == attnum &&
		(index->rd_rel->relam == BTREE_AM_OID || index->rd_rel->relam == HASH_AM_OID);

	/* the planner knows that what equals something is not null */
	if (predicate != NIL)
	{
		const NullTest *test = (const NullTest *) linitial(predicate);

		result = result && only_reversals && list_length(predicate) == 1 &&
			IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
			IsA(test->arg, Var) && ((const Var *) test->arg)->varattno == attnum;
	}
	index_close(index, NoLock);
	return result;
}

char *
ig_reversal_violations(const char *quoted, Oid relid, const IgReversalColumns *columns)
{
	const char *reversal_of = quote_identifier(columns->reversal_of);
	const char *key = quote_identifier(columns->key);
	StringInfoData cancels_sql;
	ListCell   *lc;

	initStringInfo(&cancels_sql);
	foreach(lc, columns->amounts)
	{
		const char *name = quote_identifier((const char *) lfirst(lc));

		appendStringInfo(&cancels_sql,
						 " AND CASE WHEN r.%s IS NULL OR o.%s IS NULL THEN r.%s IS NULL AND o.%s IS NULL"
						 " ELSE r.%s::pg_catalog.numeric OPERATOR(pg_catalog.+) o.%s::pg_catalog.numeric"
						 " OPERATOR(pg_catalog.=) 0 END",
						 name, name, name, name, name, name);
	}
	foreach(lc, columns->same)
	{
		const char *name = quote_identifier((const char *) lfirst(lc));

		appendStringInfo(&cancels_sql,
						 " AND r.%s::pg_catalog.text COLLATE pg_catalog.\"C\" IS NOT DISTINCT FROM o.%s::pg_catalog.text COLLATE pg_catalog.\"C\"",
						 name, name);
	}

	return psprintf("SELECT pg_catalog.concat(wrong.key, ' ', wrong.what) FROM ("
					"SELECT r.%s AS key, CASE WHEN o.%s IS NULL THEN 'reverses a row that is not there'"
					" WHEN o.%s IS NOT NULL THEN 'reverses a reversal'"
					" WHEN pg_catalog.count(*) OVER (PARTITION BY r.%s) OPERATOR(pg_catalog.>) 1"
					" THEN 'reverses a row that is reversed more than once'"
					" WHEN NOT (true%s) THEN 'does not cancel the row that it reverses' END AS what"
					" FROM %s r LEFT JOIN %s o ON o.%s %s r.%s WHERE r.%s IS NOT NULL AND %s) wrong"
					" WHERE wrong.what IS NOT NULL ORDER BY wrong.key",
					key, key, reversal_of, reversal_of, cancels_sql.data, quoted, quoted,
					key, ig_reversal_equality(relid, columns), reversal_of, reversal_of,
					columns->present ? columns->present : "true");
}

char *
ig_reversal_equality(Oid relid, const IgReversalColumns *columns)
{
	return equality(get_atttype(relid, get_attnum(relid, columns->key)));
}

IgReversalColumns *
ig_reversal_declared(const IgDeclaredTrigger *declared)
{
	IgReversalColumns *columns = palloc0(sizeof(IgReversalColumns));
	const char *amounts = ig_declared_option(declared, "amounts");
	int			namounts = amounts ? atoi(amounts) : 0;

	if (amounts == NULL || list_length(declared->columns) < FIRST_AMOUNT + namounts)
		return NULL;
	columns->reversal_of = (const char *) list_nth(declared->columns, REVERSAL_OF);
	columns->key = (const char *) list_nth(declared->columns, KEY);
	columns->amounts = list_copy_head(list_copy_tail(declared->columns, FIRST_AMOUNT), namounts);
	columns->same = list_copy_tail(declared->columns, FIRST_AMOUNT + namounts);
	return columns;
}
