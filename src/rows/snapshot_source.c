/*-------------------------------------------------------------------------
 *
 * snapshot_source.c
 *	  The row that a row refers to, from which it copies.
 *
 * It is found by the foreign key, with the key's own operators, and read as
 * foreign keys read: by a kept plan, whoever inserts.  But as the owner of the
 * table that copies, not of the source: a rule gives nobody a look at what its
 * owner may not read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/rls.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "rows/own_query.h"
#include "rows/snapshot_source.h"

/* Plans of the backend, by the trigger; made anew when the query differs. */
typedef struct KeptPlan
{
	Oid			tgoid;			/* hash key */
	char	   *sql;
	SPIPlanPtr	plan;
} KeptPlan;

static HTAB *kept_plans = NULL;

static bool find_regclass(Node *node, Oid *result);
static List *first_names(const IgRuleTrigger *trigger, int count);
static const ForeignKeyCacheInfo *find_key(Oid relid, Oid source, List *columns);
static const ForeignKeyCacheInfo *key_of(Oid relid, Oid source, List *columns);
static int	position_in_key(const ForeignKeyCacheInfo *key, const char *name);
static char *source_query(const IgRuleTrigger *trigger, Oid source,
						  const ForeignKeyCacheInfo *key, int nkeys, List *names);
static void append_source(StringInfo buf, Oid source);
static void append_key(StringInfo buf, const ForeignKeyCacheInfo *key, const char *column,
					   Oid typid, const char *value);
static void check_source_column(const IgRuleTrigger *trigger, const IgRuleColumn *column,
								Oid source, const char *name);
static SPIPlanPtr keep_plan(Oid tgoid, const char *sql, int nargs, Oid *argtypes);
static Datum copy_out(Datum value, Form_pg_attribute attr, MemoryContext context);
static pg_noinline void unreadable(const IgRuleTrigger *trigger, const char *detail);

Oid
ig_snapshot_source_relid(const char *qual)
{
	Oid			result = InvalidOid;

	if (qual != NULL)
		(void) find_regclass((Node *) stringToNode(qual), &result);
	return result;
}

static bool
find_regclass(Node *node, Oid *result)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && ((Const *) node)->consttype == REGCLASSOID)
	{
		*result = DatumGetObjectId(((Const *) node)->constvalue);
		return true;
	}
	return expression_tree_walker(node, find_regclass, result);
}

IgSnapshotSource *
ig_snapshot_source(IgRuleTrigger *trigger, Relation rel, Oid source, int nkeys, List *names)
{
	IgSnapshotSource *result = palloc0(sizeof(IgSnapshotSource));
	const ForeignKeyCacheInfo *key;
	Oid			argtypes[INDEX_MAX_KEYS];
	char	   *sql;

	result->relid = source;
	result->nkeys = nkeys;
	result->ncolumns = trigger->ncolumns - nkeys;
	if (nkeys < 1 || nkeys > INDEX_MAX_KEYS || result->ncolumns < 1 ||
		list_length(names) != result->ncolumns || !SearchSysCacheExists1(RELOID, source))
		unreadable(trigger, "Its trigger does not say what is copied from where.");
	key = find_key(RelationGetRelid(rel), source, first_names(trigger, nkeys));
	if (key == NULL)
		unreadable(trigger, psprintf("There is no foreign key to table \"%s\" any more.",
									 ig_row_relation_text(source)));
	sql = source_query(trigger, source, key, nkeys, names);
	for (int i = 0; i < nkeys; i++)
		argtypes[i] = trigger->columns[i].typid;
	result->plan = keep_plan(trigger->tgoid, sql, nkeys, argtypes);
	return result;
}

static List *
first_names(const IgRuleTrigger *trigger, int count)
{
	List	   *result = NIL;

	for (int i = 0; i < count; i++)
		result = lappend(result, (char *) NameStr(trigger->columns[i].name));
	return result;
}

/*
 * A foreign key is not inherited: an inheritance child has that of its parent.
 */
static const ForeignKeyCacheInfo *
find_key(Oid relid, Oid source, List *columns)
{
	List	   *candidates = list_make1_oid(relid);

	for (int i = 0; i < list_length(candidates); i++)
	{
		Oid			candidate = list_nth_oid(candidates, i);
		const ForeignKeyCacheInfo *key = key_of(candidate, source, columns);

		if (key != NULL)
			return key;
		candidates = list_concat_unique_oid(candidates, ig_parents_of(candidate));
	}
	return NULL;
}

/* The key to the source of just these columns. */
static const ForeignKeyCacheInfo *
key_of(Oid relid, Oid source, List *columns)
{
	Relation	rel = table_open(relid, AccessShareLock);
	const ForeignKeyCacheInfo *result = NULL;
	ListCell   *lc;

	foreach(lc, copyObject(RelationGetFKeyList(rel)))
	{
		const ForeignKeyCacheInfo *key = (const ForeignKeyCacheInfo *) lfirst(lc);
		int			matched = 0;

		if (key->confrelid != source || key->nkeys != list_length(columns))
			continue;
		while (matched < key->nkeys &&
			   position_in_key(key, (const char *) list_nth(columns, matched)) >= 0)
			matched++;
		if (matched == key->nkeys)
		{
			result = key;
			break;
		}
	}
	table_close(rel, NoLock);
	return result;
}

static int
position_in_key(const ForeignKeyCacheInfo *key, const char *name)
{
	for (int i = 0; i < key->nkeys; i++)
	{
		if (strcmp(get_attname(key->conrelid, key->conkey[i], false), name) == 0)
			return i;
	}
	return -1;
}

static char *
source_query(const IgRuleTrigger *trigger, Oid source, const ForeignKeyCacheInfo *key,
			 int nkeys, List *names)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "SELECT ");
	for (int i = nkeys; i < trigger->ncolumns; i++)
	{
		const char *name = (const char *) list_nth(names, i - nkeys);

		check_source_column(trigger, &trigger->columns[i], source, name);
		appendStringInfo(&buf, "%ss.%s", i > nkeys ? ", " : "", quote_identifier(name));
	}
	appendStringInfoString(&buf, " FROM ");
	append_source(&buf, source);
	appendStringInfoString(&buf, " WHERE ");
	for (int i = 0; i < nkeys; i++)
	{
		appendStringInfoString(&buf, i > 0 ? " AND " : "");
		append_key(&buf, key, NameStr(trigger->columns[i].name), trigger->columns[i].typid,
				   psprintf("$%d", i + 1));
	}
	return buf.data;
}

/* A foreign key to a plain table means that table alone. */
static void
append_source(StringInfo buf, Oid source)
{
	appendStringInfo(buf, "%s%s s",
					 get_rel_relkind(source) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(source)),
												get_rel_name(source)));
}

/*
 * The source's column of the key, s.column, equals the value.  One that is not
 * of the operator's type is cast, as for foreign keys; one of a polymorphic
 * operator is not.
 */
static void
append_key(StringInfo buf, const ForeignKeyCacheInfo *key, const char *column, Oid typid,
		   const char *value)
{
	int			position = position_in_key(key, column);
	Oid			operator = key->conpfeqop[position];
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Form_pg_operator form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for operator %u", operator);
	form = (Form_pg_operator) GETSTRUCT(tuple);
	appendStringInfo(buf, "s.%s OPERATOR(%s.%s) %s",
					 quote_identifier(get_attname(key->confrelid, key->confkey[position], false)),
					 quote_identifier(get_namespace_name(form->oprnamespace)),
					 NameStr(form->oprname), value);
	if (form->oprright != typid && !IsPolymorphicType(form->oprright))
		appendStringInfo(buf, "::%s", format_type_be_qualified(form->oprright));
	ReleaseSysCache(tuple);
}

/*
 * The source's owner may have renamed a column, or changed its type: nothing
 * holds them back.
 */
static void
check_source_column(const IgRuleTrigger *trigger, const IgRuleColumn *column, Oid source,
					const char *name)
{
	AttrNumber	attnum = get_attnum(source, name);
	Oid			typid;
	int32		typmod;
	Oid			collation;

	if (attnum <= 0)
		unreadable(trigger, psprintf("Column \"%s\" of table \"%s\" was renamed or dropped since the rule was declared.",
									 ig_text_name(name), ig_row_relation_text(source)));
	get_atttypetypmodcoll(source, attnum, &typid, &typmod, &collation);
	if (typid != column->typid || (column->typmod >= 0 && typmod != column->typmod))
		unreadable(trigger, psprintf("Column \"%s\" of table \"%s\" is of type %s now, column \"%s\" of type %s.",
									 ig_text_name(name), ig_row_relation_text(source),
									 format_type_with_typemod(typid, typmod),
									 ig_text_name(NameStr(column->name)),
									 format_type_with_typemod(column->typid, column->typmod)));
}

static void
unreadable(const IgRuleTrigger *trigger, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_IG_RULE_UNREADABLE),
			 errmsg("rule \"%s\" of table \"%s\" cannot read its source",
					ig_row_rule(trigger->definition->kind)->name,
					ig_row_relation_text(trigger->relid)),
			 errdetail("%s", detail),
			 errhint("Drop the rule, and declare it again.")));
}

/*
 * The plan depends neither on the user, who is always the table's owner, nor on
 * policies, of which none apply; see ig_snapshot_read.
 */
static SPIPlanPtr
keep_plan(Oid tgoid, const char *sql, int nargs, Oid *argtypes)
{
	KeptPlan   *kept;
	bool		found;
	SPIPlanPtr	plan;

	if (kept_plans == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(Oid);
		ctl.entrysize = sizeof(KeptPlan);
		kept_plans = hash_create("invariant_guard plans", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	}
	kept = (KeptPlan *) hash_search(kept_plans, &tgoid, HASH_FIND, &found);
	if (found && strcmp(kept->sql, sql) == 0)
		return kept->plan;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(sql, nargs, argtypes);
	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_prepare failed for \"%s\"", sql);
	SPI_finish();

	kept = (KeptPlan *) hash_search(kept_plans, &tgoid, HASH_ENTER, &found);
	if (found)
	{
		SPI_freeplan(kept->plan);
		pfree(kept->sql);
	}
	kept->plan = plan;
	kept->sql = MemoryContextStrdup(TopMemoryContext, sql);
	return plan;
}

bool
ig_snapshot_read(IgRuleTrigger *trigger, const IgSnapshotSource *source, Relation rel,
				 TupleTableSlot *slot, Datum *values, bool *nulls)
{
	MemoryContext context = CurrentMemoryContext;
	Datum		args[INDEX_MAX_KEYS];
	Oid			userid;
	int			sec;
	bool		found;

	for (int i = 0; i < source->nkeys; i++)
	{
		bool		isnull;

		args[i] = slot_getattr(slot, trigger->columns[i].attnum, &isnull);
		if (isnull)
			return false;
	}

	GetUserIdAndSecContext(&userid, &sec);
	SetUserIdAndSecContext(rel->rd_rel->relowner,
						   sec | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS);
	if (check_enable_rls(source->relid, InvalidOid, true) == RLS_ENABLED)
		unreadable(trigger, psprintf("Policies of table \"%s\" apply to the owner of table \"%s\".",
									 ig_row_relation_text(source->relid),
									 ig_row_relation_text(trigger->relid)));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_plan(source->plan, args, InvalidSnapshot, InvalidSnapshot, true, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute_snapshot failed");
	found = SPI_processed > 0;
	for (int i = 0; found && i < source->ncolumns; i++)
	{
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &nulls[i]);
		if (!nulls[i])
			values[i] = copy_out(values[i], TupleDescAttr(SPI_tuptable->tupdesc, i), context);
	}
	SPI_finish();
	SetUserIdAndSecContext(userid, sec);
	return found;
}

/*
 * What is stored out of line belongs to the source.
 */
static Datum
copy_out(Datum value, Form_pg_attribute attr, MemoryContext context)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	Datum		result;

	if (attr->attlen == -1 && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
		result = PointerGetDatum(detoast_external_attr((struct varlena *) DatumGetPointer(value)));
	else
		result = datumCopy(value, attr->attbyval, attr->attlen);
	MemoryContextSwitchTo(old);
	return result;
}

List *
ig_snapshot_key_columns(Relation rel, Oid source, const char *constraint)
{
	const ForeignKeyCacheInfo *chosen = NULL;
	List	   *result = NIL;
	int			count = 0;
	ListCell   *lc;

	foreach(lc, copyObject(RelationGetFKeyList(rel)))
	{
		const ForeignKeyCacheInfo *key = (const ForeignKeyCacheInfo *) lfirst(lc);

		if (key->confrelid != source ||
			(constraint != NULL && strcmp(get_constraint_name(key->conoid), constraint) != 0))
			continue;
		chosen = key;
		count++;
	}
	if (count != 1)
		ereport(ERROR,
				(errcode(count == 0 ? ERRCODE_UNDEFINED_OBJECT : ERRCODE_AMBIGUOUS_COLUMN),
				 constraint ?
				 errmsg("table \"%s\" has no foreign key \"%s\" to table \"%s\"",
						ig_row_relation_text(RelationGetRelid(rel)), ig_text_name(constraint),
						ig_row_relation_text(source)) :
				 count == 0 ?
				 errmsg("table \"%s\" has no foreign key to table \"%s\"",
						ig_row_relation_text(RelationGetRelid(rel)),
						ig_row_relation_text(source)) :
				 errmsg("table \"%s\" has %d foreign keys to table \"%s\"",
						ig_row_relation_text(RelationGetRelid(rel)), count,
						ig_row_relation_text(source)),
				 count == 0 ? errhint("What is copied is found by a foreign key.") :
				 errhint("Name it: foreign_key => '...'.")));

	for (int i = 0; i < chosen->nkeys; i++)
		result = lappend(result, get_attname(RelationGetRelid(rel), chosen->conkey[i], false));
	return result;
}

char *
ig_snapshot_missing_query(Oid relid, Oid source, List *keys, List *columns, List *names)
{
	const ForeignKeyCacheInfo *key = find_key(relid, source, keys);
	StringInfoData buf;

	if (key == NULL)
		return NULL;
	initStringInfo(&buf);
	for (int i = 0; i < list_length(columns); i++)
	{
		const char *column = (const char *) list_nth(columns, i);
		const char *name = (const char *) list_nth(names, i);

		if (get_attnum(source, name) <= 0)
			return NULL;
		appendStringInfo(&buf, "%sSELECT pg_catalog.format('%%s of %%s: column %%I is null', t.ctid, t.tableoid::pg_catalog.regclass, %s) FROM %s t, ",
						 i > 0 ? " UNION ALL " : "", quote_literal_cstr(column),
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
													get_rel_name(relid)));
		append_source(&buf, source);
		appendStringInfo(&buf, " WHERE t.%s IS NULL AND s.%s IS NOT NULL",
						 quote_identifier(column), quote_identifier(name));
		for (int k = 0; k < list_length(keys); k++)
		{
			const char *key_column = (const char *) list_nth(keys, k);

			appendStringInfoString(&buf, " AND ");
			append_key(&buf, key, key_column, get_atttype(relid, get_attnum(relid, key_column)),
					   psprintf("t.%s", quote_identifier(key_column)));
		}
	}
	return buf.data;
}

char *
ig_snapshot_source_loss(Oid relid, Oid source, List *keys, List *names)
{
	ListCell   *lc;

	if (find_key(relid, source, keys) == NULL)
		return psprintf("there is no foreign key to table \"%s\" any more",
						ig_row_relation_text(source));
	foreach(lc, names)
	{
		if (get_attnum(source, (const char *) lfirst(lc)) <= 0)
			return psprintf("column \"%s\" of table \"%s\" was renamed or dropped",
							ig_text_name((const char *) lfirst(lc)), ig_row_relation_text(source));
	}
	return NULL;
}
