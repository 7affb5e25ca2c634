/*-------------------------------------------------------------------------
 *
 * unique_active.c
 *	  unique_active(): at most one row of an owner for which a predicate holds.
 *
 * A partial unique index holds it; two sessions that add a row each cannot get
 * round it, and no trigger could do the same without locks.  The trigger does
 * nothing: it says that the index is a rule, so that it is listed, checked and
 * not dropped.  It is one for TRUNCATE, which costs nothing elsewhere.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/own_query.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/unique_index.h"

PG_FUNCTION_INFO_V1(ig_row_unique_active);
PG_FUNCTION_INFO_V1(ig_sql_add_unique_active);
PG_FUNCTION_INFO_V1(ig_sql_add_unique_active_one);
PG_FUNCTION_INFO_V1(ig_sql_duplicates);
PG_FUNCTION_INFO_V1(ig_sql_duplicates_one);

static const char *const option_names[] = {"index", NULL};

/* What is wrong with an index that is not the one of its name. */
static const char IS_MISSING[] = "is missing";
static const char IS_ELSEWHERE[] = "is one of another table";

static Datum add(FunctionCallInfo fcinfo, bool one);
static void duplicates(FunctionCallInfo fcinfo, bool one);
static char *create_sql(const IgDeclaration *d, const IgUniqueIndex *index, const char *name);
static List *owner_columns(IgDeclaration *d, FunctionCallInfo fcinfo, bool one);
static List *one_owner(IgDeclaration *d, const char *owner);
static void check_inheritance(const IgDeclaration *d);
static void check_partition_keys(const IgDeclaration *d, List *columns);
static void check_partition_key(const IgDeclaration *d, Oid relid, List *columns);
static bool has_name(List *names, const char *name);
static char *default_name(const IgDeclaration *d, List *columns);
static char *call_arguments(const IgDeclaration *d, List *columns, const char *predicate);
static const char *unfit(Oid relid, const char *name, Oid *indexrelid);
static char *check_query(const IgDeclaredTrigger *declared);
static char *complaint(const char *index, const char *what);

const IgRuleDefinition ig_unique_active_definition = {
	.kind = IG_ROW_UNIQUE_ACTIVE,
	.fires = IG_AFTER_STATEMENT(IG_FIRES_TRUNCATE),
	.options = option_names,
	.min_columns = 0,
	.max_columns = 0,
	.violations = check_query,
};

/*
 * invariant_guard.unique_active(), a trigger function.
 */
Datum
ig_row_unique_active(PG_FUNCTION_ARGS)
{
	(void) ig_rule_trigger(fcinfo, &ig_unique_active_definition);
	return ig_rule_trigger_pass((TriggerData *) fcinfo->context);
}

/*
 * invariant_guard.add_unique_active(rel regclass, owner name[], predicate text,
 * using_index name, nulls_not_distinct boolean) returns boolean: was it added?
 */
Datum
ig_sql_add_unique_active(PG_FUNCTION_ARGS)
{
	return add(fcinfo, false);
}

/* The same with owner as text: one column, or an array written as a literal. */
Datum
ig_sql_add_unique_active_one(PG_FUNCTION_ARGS)
{
	return add(fcinfo, true);
}

static Datum
add(FunctionCallInfo fcinfo, bool one)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_UNIQUE_ACTIVE);
	IgUniqueIndex index = {0};
	char	   *predicate = ig_declare_text(fcinfo, 2);
	char	   *given = ig_declare_name(fcinfo, 3);
	char	   *mismatch;
	Oid			indexrelid;

	index.columns = owner_columns(d, fcinfo, one);
	index.nulls_not_distinct = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	if (predicate == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the predicate must not be null"),
				 errdetail("It says which rows of an owner are active.")));
	ig_unique_index_predicate(d, &index, predicate);
	check_inheritance(d);
	check_partition_keys(d, index.columns);
	index.name = given ? given : default_name(d, index.columns);

	indexrelid = get_relname_relid(index.name, RelationGetNamespace(d->rel));
	if (!OidIsValid(indexrelid) && given != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("index \"%s\" does not exist in the schema of table \"%s\"",
						ig_text_name(given), d->text),
				 errhint("%s;", create_sql(d, &index, given))));
	if (!OidIsValid(indexrelid))
		ig_unique_index_create(d, &index, call_arguments(d, index.columns, predicate));
	else if ((mismatch = ig_unique_index_mismatch(d, &index, indexrelid)) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("index \"%s\" does not hold the rule \"%s\" of table \"%s\"",
						ig_text_name(index.name), d->rule->name, d->text),
				 errdetail("%s", mismatch),
				 errhint("What holds it is an index made by:\n%s;",
						 create_sql(d, &index, "another_name"))));

	d->instance = index.name;
	ig_declare_trigger(d, "index", "AFTER TRUNCATE", false, NULL,
					   ig_declare_option(NIL, "index", index.name));
	PG_RETURN_BOOL(ig_declare_end(d));
}

static char *
create_sql(const IgDeclaration *d, const IgUniqueIndex *index, const char *name)
{
	return ig_unique_index_sql(index, d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ?
							   "" : "CONCURRENTLY ", name, "", d->quoted);
}

static List *
owner_columns(IgDeclaration *d, FunctionCallInfo fcinfo, bool one)
{
	List	   *columns = one ? one_owner(d, ig_declare_text(fcinfo, 1)) :
		ig_declare_names(fcinfo, 1, "owner");
	ListCell   *lc;

	if (columns == NIL || list_length(columns) > INDEX_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the owner has 1 to %d columns", INDEX_MAX_KEYS)));
	foreach(lc, columns)
		(void) ig_declare_column(d, (const char *) lfirst(lc), "owner");
	return columns;
}

/*
 * A literal without a type arrives here also where an array is meant.
 */
static List *
one_owner(IgDeclaration *d, const char *owner)
{
	Datum		array;
	LOCAL_FCINFO(call, 2);

	if (owner == NULL)
		return NIL;
	if (*owner != '{' || get_attnum(d->relid, owner) > 0)
		return list_make1(pstrdup(owner));

	array = OidInputFunctionCall(F_ARRAY_IN, pstrdup(owner), NAMEOID, -1);
	InitFunctionCallInfoData(*call, NULL, 2, InvalidOid, NULL, NULL);
	call->args[1].value = array;
	call->args[1].isnull = false;
	return ig_declare_names(call, 1, "owner");
}

/*
 * An index is of one table, and not of those that inherit from it.
 */
static void
check_inheritance(const IgDeclaration *d)
{
	if (d->rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		find_inheritance_children(d->relid, AccessShareLock) != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("rule \"%s\" cannot be declared for table \"%s\", from which others inherit",
						d->rule->name, d->text),
				 errdetail("A unique index is of one table, so that an owner could have an active row in each of them."),
				 errhint("Partition the table instead.")));
}

static void
check_partition_keys(const IgDeclaration *d, List *columns)
{
	ListCell   *lc;

	if (d->rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	foreach(lc, find_all_inheritors(d->relid, AccessShareLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			check_partition_key(d, lfirst_oid(lc), columns);
	}
}

static void
check_partition_key(const IgDeclaration *d, Oid relid, List *columns)
{
	Relation	rel = table_open(relid, NoLock);
	PartitionKey key = RelationGetPartitionKey(rel);

	for (int i = 0; i < key->partnatts; i++)
	{
		char	   *name = key->partattrs[i] != 0 ?
			get_attname(relid, key->partattrs[i], false) : NULL;

		if (name != NULL && has_name(columns, name))
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("rule \"%s\" cannot be declared for partitioned table \"%s\" by this owner",
						d->rule->name, d->text),
				 errdetail("Table \"%s\" is partitioned by %s, which is no owner column. A unique index is one for each partition, so that an owner could have an active row in each.",
						   ig_row_relation_text(relid),
						   name ? psprintf("\"%s\"", ig_text_name(name)) : "an expression"),
				 errhint("Partition the table by columns of the owner, or name the partition key among them if one active row in each partition is what is meant.")));
	}
	table_close(rel, NoLock);
}

static bool
has_name(List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (strcmp((const char *) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

static char *
default_name(const IgDeclaration *d, List *columns)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, columns)
		appendStringInfo(&buf, "%s%s", foreach_current_index(lc) > 0 ? "_" : "",
						 (const char *) lfirst(lc));
	return makeObjectName(RelationGetRelationName(d->rel), buf.data, "active_key");
}

/* "'shop.subscriptions', '{user_id}', 'active'" */
static char *
call_arguments(const IgDeclaration *d, List *columns, const char *predicate)
{
	Datum	   *names = palloc(sizeof(Datum) * list_length(columns));
	Datum		array;
	ListCell   *lc;

	foreach(lc, columns)
		names[foreach_current_index(lc)] = CStringGetTextDatum((const char *) lfirst(lc));
	array = PointerGetDatum(construct_array(names, list_length(columns), TEXTOID, -1, false,
											TYPALIGN_INT));
	return psprintf("%s, %s, %s", quote_literal_cstr(d->quoted),
					quote_literal_cstr(OidOutputFunctionCall(F_ARRAY_OUT, array)),
					quote_literal_cstr(predicate));
}

/*
 * invariant_guard.duplicates(rel regclass, owner name[], predicate text,
 * nulls_not_distinct boolean) returns table (value jsonb, count bigint,
 * samples jsonb), with the rights of whoever calls it, and all rows or an
 * error.
 */
Datum
ig_sql_duplicates(PG_FUNCTION_ARGS)
{
	duplicates(fcinfo, false);
	return (Datum) 0;
}

Datum
ig_sql_duplicates_one(PG_FUNCTION_ARGS)
{
	duplicates(fcinfo, true);
	return (Datum) 0;
}

static void
duplicates(FunctionCallInfo fcinfo, bool one)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	IgDeclaration d = {0};
	IgUniqueIndex index = {0};
	char	   *predicate = ig_declare_text(fcinfo, 2);
	bool		nulls_not_distinct = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	char	   *sql;
	int			nest;

	InitMaterializedSRF(fcinfo, 0);
	d.rule = ig_row_rule(IG_ROW_UNIQUE_ACTIVE);
	d.relid = ig_table_argument(fcinfo);
	d.rel = table_open(d.relid, AccessShareLock);
	d.text = ig_row_relation_text(d.relid);
	d.quoted = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(d.rel)),
										  RelationGetRelationName(d.rel));
	index.columns = owner_columns(&d, fcinfo, one);
	if (predicate != NULL)
		ig_unique_index_predicate(&d, &index, predicate);
	sql = ig_unique_index_duplicates(d.rel, d.quoted, index.columns, index.predicate_sql,
									 nulls_not_distinct);
	table_close(d.rel, NoLock);

	nest = NewGUCNestLevel();
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(sql, 0, NULL, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", sql);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	AtEOXact_GUC(true, nest);
}

/*
 * What is wrong with the index of a rule, or NULL.  By the catalogs alone.
 */
static const char *
unfit(Oid relid, const char *name, Oid *indexrelid)
{
	HeapTuple	tuple;
	Form_pg_index form;
	const char *what = NULL;

	*indexrelid = get_relname_relid(name, get_rel_namespace(relid));
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(*indexrelid));
	if (!HeapTupleIsValid(tuple))
		return IS_MISSING;
	form = (Form_pg_index) GETSTRUCT(tuple);
	if (form->indrelid != relid)
		what = IS_ELSEWHERE;
	else if (!form->indisunique || !form->indisvalid)
		what = "is not unique and valid";
	ReleaseSysCache(tuple);
	return what;
}

void
ig_unique_active_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier)
{
	ListCell   *lc;

	/* dropped meanwhile? */
	if (get_rel_relkind(rule->relid) == '\0')
		return;
	foreach(lc, rule->triggers)
	{
		const char *name = ig_declared_option((const IgDeclaredTrigger *) lfirst(lc), "index");
		Oid			indexrelid;
		const char *what = name ? unfit(rule->relid, name, &indexrelid) : NULL;

		if (what != NULL)
			tell(verifier, rule, true,
				 psprintf("index \"%s\" %s, and nothing else holds the rule",
						  ig_text_name(name), what), NULL);
	}
}

/*
 * The index may be gone, or left invalid; and what was corrupted may be there
 * twice in spite of it.  A partition's index has another name.
 */
static char *
check_query(const IgDeclaredTrigger *declared)
{
	const char *name = ig_declared_option(declared, "index");
	Oid			indexrelid;
	const char *what;
	Relation	rel;
	Relation	indexrel;
	Node	   *predicate;
	List	   *columns = NIL;
	char	   *query;

	if (name == NULL)
		return NULL;
	what = unfit(declared->relid, name, &indexrelid);
	if ((what == IS_MISSING || what == IS_ELSEWHERE) && get_rel_relispartition(declared->relid))
		return NULL;
	if (what != NULL)
		return complaint(name, what);

	rel = table_open(declared->relid, AccessShareLock);
	indexrel = index_open(indexrelid, AccessShareLock);
	predicate = (Node *) make_ands_explicit(RelationGetIndexPredicate(indexrel));
	for (int i = 0; i < indexrel->rd_index->indnkeyatts; i++)
		columns = lappend(columns, get_attname(declared->relid, indexrel->rd_index->indkey.values[i], false));
	query = psprintf("SELECT concat(value, ' ', count, ' times') FROM (%s) AS found",
					 ig_unique_index_duplicates(rel, quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
																				RelationGetRelationName(rel)),
												columns,
												deparse_expression(predicate,
																   deparse_context_for(RelationGetRelationName(rel),
																					   declared->relid),
																   false, false),
												indexrel->rd_index->indnullsnotdistinct));
	index_close(indexrel, NoLock);
	table_close(rel, NoLock);
	return query;
}

static char *
complaint(const char *index, const char *what)
{
	return psprintf("SELECT %s", quote_literal_cstr(psprintf("index \"%s\" %s",
															 ig_text_name(index), what)));
}
