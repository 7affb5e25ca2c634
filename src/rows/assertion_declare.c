/*-------------------------------------------------------------------------
 *
 * assertion_declare.c
 *	  add_commit_assertion(), and what check_rules() asks of an assertion.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/assertion_key.h"
#include "rows/assertion_plan.h"
#include "rows/declare.h"
#include "rows/own_query.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_sql_add_commit_assertion);
PG_FUNCTION_INFO_V1(ig_sql_broken_assertions);

/* A parameter of the assertion, and where it stands in the text. */
typedef struct IgParam
{
	int			number;
	int			location;
} IgParam;

static void declare_triggers(IgDeclaration *d, const char *assertion, List *columns,
							 const char *name);
static List *key_types(IgDeclaration *d, List *columns);
static void check_other_tables(IgDeclaration *d, const char *assertion, List *columns);
static void check_same_key(IgDeclaration *d, List *columns, const IgDeclaredTrigger *other);
static bool have_same_hash(Oid relid, AttrNumber attnum, Oid other, AttrNumber other_attnum);
static char *violations(const char *table, List *columns, const char *assertion);
static char *with_columns(const char *assertion);
static bool collect_params(Node *node, List **params);
static int	compare_params(const ListCell *a, const ListCell *b);

/*
 * invariant_guard.add_commit_assertion(rel regclass, key name[], assertion
 * text, name text) returns boolean: was it added?
 */
Datum
ig_sql_add_commit_assertion(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_COMMIT_ASSERTION);
	List	   *columns = ig_declare_names(fcinfo, 1, "key");
	char	   *assertion = ig_declare_text(fcinfo, 2);
	char	   *name = ig_declare_text(fcinfo, 3);
	List	   *types = key_types(d, columns);
	Oid			typids[INDEX_MAX_KEYS];
	IgAsRole	before;

	if (assertion == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the assertion must not be null")));
	if (name != NULL && (*name == '\0' || strlen(name) >= NAMEDATALEN / 2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid name of a commit assertion: \"%s\"", ig_text_name(name)),
				 errdetail("It has 1 to %d bytes.", NAMEDATALEN / 2 - 1)));
	for (int i = 0; i < list_length(types); i++)
		typids[i] = list_nth_oid(types, i);

	/* what the owner may not read would fail at each commit */
	ig_assertion_as_role(d->rel->rd_rel->relowner, &before);
	ig_assertion_prepare(ig_assertion_plan(assertion, list_length(types), typids), assertion);
	ig_declare_check_rows(d, violations(d->quoted, columns, assertion),
						  "for whose key the assertion does not hold", NULL);
	ig_assertion_as_before(&before);

	check_other_tables(d, assertion, columns);
	declare_triggers(d, assertion, columns, name);
	PG_RETURN_BOOL(ig_declare_end(d));
}

static List *
key_types(IgDeclaration *d, List *columns)
{
	List	   *types = NIL;
	ListCell   *lc;

	if (columns == NIL || list_length(columns) > INDEX_MAX_KEYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key of a commit assertion has 1 to %d columns", INDEX_MAX_KEYS)));
	foreach(lc, columns)
	{
		Form_pg_attribute attr = ig_declare_column(d, (const char *) lfirst(lc), "key");
		IgKeyColumn column;

		ig_key_column(&column, attr->atttypid, attr->attcollation);
		types = lappend_oid(types, attr->atttypid);
	}
	return types;
}

static void
declare_triggers(IgDeclaration *d, const char *assertion, List *columns, const char *name)
{
	char	   *id = psprintf("%016llx", (unsigned long long) ig_assertion_id(assertion));
	List	   *options = ig_declare_option(NIL, "assertion", assertion);
	StringInfoData old;
	StringInfoData new;
	ListCell   *lc;

	initStringInfo(&old);
	initStringInfo(&new);
	foreach(lc, columns)
	{
		appendStringInfo(&old, ", old.%s", quote_identifier((const char *) lfirst(lc)));
		appendStringInfo(&new, ", new.%s", quote_identifier((const char *) lfirst(lc)));
	}

	options = ig_declare_option(options, "name", name);
	d->instance = name ? name : pnstrdup(id, 8);
	ig_declare_constraint_trigger(d, "insert", "AFTER INSERT",
								  psprintf("invariant_guard.asserted('%s', %d%s)", id,
										   list_length(columns), new.data), options);
	ig_declare_constraint_trigger(d, "update", "AFTER UPDATE",
								  psprintf("invariant_guard.asserted('%s', %d%s%s)", id,
										   list_length(columns), old.data, new.data), options);
	ig_declare_constraint_trigger(d, "delete", "AFTER DELETE",
								  psprintf("invariant_guard.asserted('%s', %d%s)", id,
										   list_length(columns), old.data), options);
	ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, options);
}

/*
 * Two tables that share an assertion must share its locks: what is equal in one
 * must have the hash that it has in the other.
 */
static void
check_other_tables(IgDeclaration *d, const char *assertion, List *columns)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	/* in the order in which they were made, so that the first one is told */
	SysScanDesc scan = systable_beginscan(pg_trigger, TriggerOidIndexId, true, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		const IgRowRule *rule = ig_row_rule_of_function(form->tgfoid);
		const IgDeclaredTrigger *declared;
		const char *other;

		if (rule == NULL || rule->kind != IG_ROW_COMMIT_ASSERTION || form->tgrelid == d->relid ||
			!TRIGGER_FOR_ROW(form->tgtype))
			continue;
		declared = ig_declared_trigger(form->oid);
		other = declared ? ig_declared_option(declared, "assertion") : NULL;
		if (other != NULL && strcmp(other, assertion) == 0)
			check_same_key(d, columns, declared);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
}

static void
check_same_key(IgDeclaration *d, List *columns, const IgDeclaredTrigger *other)
{
	bool		same = list_length(columns) == list_length(other->attnums);

	for (int i = 0; same && i < list_length(columns); i++)
		same = have_same_hash(d->relid, get_attnum(d->relid, (const char *) list_nth(columns, i)),
							  other->relid, list_nth_int(other->attnums, i));
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
				 errmsg("table \"%s\" has the same commit assertion for a key of other types",
						ig_row_relation_text(other->relid)),
				 errdetail("Keys of different types are not locked against each other, so that concurrent changes of the two tables would not be seen."),
				 errhint("Let both columns have the same type.")));
}

static bool
have_same_hash(Oid relid, AttrNumber attnum, Oid other, AttrNumber other_attnum)
{
	Oid			types[2];
	Oid			collations[2];
	int32		typmod;

	if (other_attnum <= 0)
		return true;
	get_atttypetypmodcoll(relid, attnum, &types[0], &typmod, &collations[0]);
	get_atttypetypmodcoll(other, other_attnum, &types[1], &typmod, &collations[1]);
	if (lookup_type_cache(types[0], TYPECACHE_HASH_OPFAMILY)->hash_opf !=
		lookup_type_cache(types[1], TYPECACHE_HASH_OPFAMILY)->hash_opf)
		return false;
	return collations[0] == collations[1] ||
		((!OidIsValid(collations[0]) || get_collation_isdeterministic(collations[0])) &&
		 (!OidIsValid(collations[1]) || get_collation_isdeterministic(collations[1])));
}

/*
 * A text for each key of the table for which the assertion does not hold.
 */
static char *
violations(const char *table, List *columns, const char *assertion)
{
	StringInfoData keys;
	StringInfoData filter;
	StringInfoData names;
	ListCell   *lc;

	initStringInfo(&keys);
	initStringInfo(&filter);
	initStringInfo(&names);
	foreach(lc, columns)
	{
		const char *column = quote_identifier((const char *) lfirst(lc));
		int			i = foreach_current_index(lc);

		appendStringInfo(&keys, "%st.%s AS k%d", i > 0 ? ", " : "", column, i + 1);
		appendStringInfo(&filter, "%st.%s IS NOT NULL", i > 0 ? " AND " : "", column);
		appendStringInfo(&names, "%s, ig_key.k%d", i > 0 ? ", ', '" : "", i + 1);
	}
	return psprintf("SELECT pg_catalog.concat('('%s, ')') FROM (SELECT DISTINCT %s FROM %s t WHERE %s) ig_key "
					"WHERE %s IS NOT TRUE ORDER BY 1",
					names.data, keys.data, table, filter.data,
					ig_assertion_sql(with_columns(assertion)));
}

/*
 * The assertion with the columns of ig_key instead of its parameters.
 */
static char *
with_columns(const char *assertion)
{
	const char *prefix = "SELECT ";
	char	   *sql = psprintf("%s%s", prefix, ig_assertion_sql(assertion));
	List	   *params = NIL;
	StringInfoData buf;
	int			done = strlen(prefix);
	ListCell   *lc;

	(void) collect_params((Node *) raw_parser(sql, RAW_PARSE_DEFAULT), &params);
	list_sort(params, compare_params);

	initStringInfo(&buf);
	foreach(lc, params)
	{
		const IgParam *param = (const IgParam *) lfirst(lc);

		if (param->location < done)
			continue;
		appendBinaryStringInfo(&buf, sql + done, param->location - done);
		appendStringInfo(&buf, "ig_key.k%d", param->number);
		done = param->location + 1;
		while (sql[done] >= '0' && sql[done] <= '9')
			done++;
	}
	appendStringInfoString(&buf, sql + done);
	return buf.data;
}

static bool
collect_params(Node *node, List **params)
{
	if (node == NULL)
		return false;
	if (IsA(node, RawStmt))
		return collect_params(((RawStmt *) node)->stmt, params);
	if (IsA(node, ParamRef))
	{
		IgParam    *param = palloc(sizeof(IgParam));

		param->number = ((ParamRef *) node)->number;
		param->location = ((ParamRef *) node)->location;
		*params = lappend(*params, param);
		return false;
	}
	return raw_expression_tree_walker(node, collect_params, params);
}

static int
compare_params(const ListCell *a, const ListCell *b)
{
	return ((const IgParam *) lfirst(a))->location - ((const IgParam *) lfirst(b))->location;
}

/*
 * For check_rules(): one of the rule's triggers speaks for all.  What is asked
 * is a function of ours, since an assertion has the rights of who declared it.
 */
char *
ig_commit_assertion_violations(const IgDeclaredTrigger *declared)
{
	if (declared->columns == NIL || !TRIGGER_FOR_INSERT(declared->type))
		return NULL;
	if (declared->enabled != TRIGGER_FIRES_ALWAYS)
		return psprintf("SELECT %s",
						quote_literal_cstr(psprintf("trigger \"%s\" is not enabled always",
													ig_text_name(declared->name))));
	return psprintf("SELECT * FROM invariant_guard.broken_assertions(%u)", declared->oid);
}

/*
 * invariant_guard.broken_assertions(trigger oid) returns setof text: the keys
 * for which the commit assertion that the trigger declares does not hold.
 * For the table's owner.
 */
Datum
ig_sql_broken_assertions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	const IgDeclaredTrigger *declared = ig_declared_trigger(PG_GETARG_OID(0));
	Relation	rel;
	IgAsRole	before;
	char	   *sql;

	if (declared == NULL || declared->rule->kind != IG_ROW_COMMIT_ASSERTION ||
		declared->columns == NIL || ig_declared_option(declared, "assertion") == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("trigger %u declares no commit assertion", PG_GETARG_OID(0))));
	ig_check_owned_table(declared->relid);
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);

	rel = table_open(declared->relid, AccessShareLock);
	ig_assertion_as_role(ig_assertion_role(declared->oid, rel), &before);
	sql = violations(quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)),
					 declared->columns, ig_declared_option(declared, "assertion"));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(sql, 0, NULL, NULL, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", sql);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(rsinfo->setResult, SPI_tuptable->vals[i]);
	SPI_finish();
	ig_assertion_as_before(&before);
	table_close(rel, NoLock);
	return (Datum) 0;
}
