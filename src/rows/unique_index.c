/*-------------------------------------------------------------------------
 *
 * unique_index.c
 *	  The index that holds unique_active: what it has to be, and making it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "optimizer/prep.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/resowner.h"
#include "utils/ruleutils.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/unique_index.h"

/* How many partitions' statements a hint writes out. */
#define MAX_PARTITIONS	4

/* How many rows of an owner are shown. */
#define MAX_SAMPLES		5

static bool has_columns(Relation indexrel, const IgDeclaration *d, const IgUniqueIndex *index,
						char **reason);
static char *predicate_of(Relation indexrel);
static bool has_default_order(Relation indexrel, const IgDeclaration *d, int i);
static char *build_hint(const IgDeclaration *d, const IgUniqueIndex *index, const char *call);
static void append_partitions(StringInfo hint, const IgDeclaration *d, const IgUniqueIndex *index);
static char *partition_index_name(const IgDeclaration *d, const IgUniqueIndex *index, Oid relid);
static char *quoted_name(Oid relid);
static char *key_object(Relation rel, char **order);

void
ig_unique_index_predicate(IgDeclaration *d, IgUniqueIndex *index, const char *predicate)
{
	const char *alias = RelationGetRelationName(d->rel);
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	SelectStmt *select;
	Node	   *expr;

	/* is it one expression, and immutable? */
	(void) ig_declare_condition(d, predicate, alias);

	select = (SelectStmt *) linitial_node(RawStmt,
										  raw_parser(psprintf("SELECT %s", predicate),
													 RAW_PARSE_DEFAULT))->stmt;
	nsitem = addRangeTableEntryForRelation(pstate, d->rel, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	expr = transformWhereClause(pstate, linitial_node(ResTarget, select->targetList)->val,
								EXPR_KIND_INDEX_PREDICATE, "WHERE");
	assign_expr_collations(pstate, expr);
	index->predicate_sql = deparse_expression(expr, deparse_context_for(alias, d->relid),
											  false, false);

	/* as RelationGetIndexPredicate does it */
	expr = eval_const_expressions(NULL, expr);
	expr = (Node *) canonicalize_qual((Expr *) expr, false);
	index->predicate = (Node *) make_ands_implicit((Expr *) expr);
	fix_opfuncids(index->predicate);
}

char *
ig_unique_index_columns(const IgUniqueIndex *index)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, index->columns)
		appendStringInfo(&buf, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier((const char *) lfirst(lc)));
	return buf.data;
}

char *
ig_unique_index_sql(const IgUniqueIndex *index, const char *options, const char *name,
					const char *only, const char *table)
{
	return psprintf("CREATE UNIQUE INDEX %s%s ON %s%s (%s)%s WHERE %s", options,
					quote_identifier(name), only, table, ig_unique_index_columns(index),
					index->nulls_not_distinct ? " NULLS NOT DISTINCT" : "",
					index->predicate_sql);
}

char *
ig_unique_index_mismatch(const IgDeclaration *d, const IgUniqueIndex *index, Oid indexrelid)
{
	char		relkind = get_rel_relkind(indexrelid);
	Relation	indexrel;
	Form_pg_index form;
	char	   *reason = NULL;

	if (relkind != RELKIND_INDEX && relkind != RELKIND_PARTITIONED_INDEX)
		return pstrdup("It is no index.");

	indexrel = index_open(indexrelid, AccessShareLock);
	form = indexrel->rd_index;
	if (form->indrelid != d->relid)
		reason = psprintf("It is an index of table \"%s\".",
						  ig_text_name(get_rel_name(form->indrelid)));
	else if (!form->indisunique)
		reason = pstrdup("It is not unique.");
	else if (!form->indisvalid || !form->indisready || !form->indislive)
		reason = pstrdup(relkind == RELKIND_PARTITIONED_INDEX ?
						 "It is not valid, since a partition has none that is attached to it." :
						 "It is not valid: drop it with DROP INDEX CONCURRENTLY, and create it again.");
	else if (!form->indimmediate)
		reason = pstrdup("It is that of a deferrable constraint.");
	else if (form->indnullsnotdistinct != index->nulls_not_distinct)
		reason = psprintf("It is one with NULLS %sDISTINCT.",
						  form->indnullsnotdistinct ? "NOT " : "");
	else if (has_columns(indexrel, d, index, &reason) &&
			 !equal(RelationGetIndexPredicate(indexrel), index->predicate))
		reason = psprintf("Its predicate is another one: %s.", predicate_of(indexrel));
	index_close(indexrel, NoLock);
	return reason;
}

static char *
predicate_of(Relation indexrel)
{
	Oid			relid = indexrel->rd_index->indrelid;
	List	   *predicate = RelationGetIndexPredicate(indexrel);

	if (predicate == NIL)
		return pstrdup("none");
	return ig_text_name(deparse_expression((Node *) make_ands_explicit(predicate),
										   deparse_context_for(get_rel_name(relid), relid),
										   false, false));
}

/*
 * In any order, each one with the type's own idea of what is equal.
 */
static bool
has_columns(Relation indexrel, const IgDeclaration *d, const IgUniqueIndex *index, char **reason)
{
	Form_pg_index form = indexrel->rd_index;

	if (indexrel->rd_rel->relam != BTREE_AM_OID ||
		form->indnkeyatts != list_length(index->columns))
	{
		*reason = psprintf("Its columns are not (%s).", ig_unique_index_columns(index));
		return false;
	}
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		bool		found = false;
		ListCell   *lc;

		foreach(lc, index->columns)
		{
			if (form->indkey.values[i] != 0 &&
				get_attnum(d->relid, (const char *) lfirst(lc)) == form->indkey.values[i])
				found = true;
		}
		if (!found)
		{
			*reason = psprintf("Its columns are not (%s).", ig_unique_index_columns(index));
			return false;
		}
		if (!has_default_order(indexrel, d, i))
		{
			*reason = pstrdup("It has another operator class or collation than its columns.");
			return false;
		}
	}
	return true;
}

static bool
has_default_order(Relation indexrel, const IgDeclaration *d, int i)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(d->rel),
										   indexrel->rd_index->indkey.values[i] - 1);
	Oid			opclass = GetDefaultOpClass(attr->atttypid, BTREE_AM_OID);

	return OidIsValid(opclass) && get_opclass_family(opclass) == indexrel->rd_opfamily[i] &&
		attr->attcollation == indexrel->rd_indcollation[i];
}

/*
 * The gate says whether it may be built at once; the rows, whether it can be.
 * Both are found out by trying: to count before would keep writers waiting for
 * nothing.
 */
void
ig_unique_index_create(IgDeclaration *d, const IgUniqueIndex *index, const char *call)
{
	MemoryContext caller = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	char	   *sql = ig_unique_index_sql(index, "", index->name, "", d->quoted);
	ErrorData  *error = NULL;

	/* CREATE INDEX wants the relation unused by its own transaction */
	table_close(d->rel, NoLock);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(caller);
	PG_TRY();
	{
		ig_declare_execute(sql);
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(caller);
		error = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	CurrentResourceOwner = owner;
	d->rel = table_open(d->relid, NoLock);
	if (error == NULL)
		return;

	if (error->sqlerrcode == ERRCODE_UNIQUE_VIOLATION)
		ig_declare_check_rows(d, psprintf("SELECT concat(value, ' ', count, ' times') FROM (%s) AS found",
										  ig_unique_index_duplicates(d->rel, d->quoted, index->columns,
																	 index->predicate_sql,
																	 index->nulls_not_distinct)),
							  "of the same owner for which the predicate holds",
							  psprintf("SELECT * FROM invariant_guard.duplicates(%s%s); lists them all.",
									   call, index->nulls_not_distinct ? ", nulls_not_distinct => true" : ""));
	if (error->sqlerrcode == ERRCODE_IG_CREATE_INDEX_BLOCKING)
		error->hint = psprintf("-- what stands in the way: SELECT * FROM invariant_guard.duplicates(%s);\n%s",
							   call, build_hint(d, index, call));
	ReThrowError(error);
}

/*
 * Where the table is partitioned, each partition's index is built by itself.
 */
static char *
build_hint(const IgDeclaration *d, const IgUniqueIndex *index, const char *call)
{
	StringInfoData hint;

	initStringInfo(&hint);
	if (d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		appendStringInfo(&hint, "%s;\n",
						 ig_unique_index_sql(index, "", index->name, "ONLY ", d->quoted));
		append_partitions(&hint, d, index);
	}
	else
		appendStringInfo(&hint, "-- outside of a transaction block:\n%s;\n",
						 ig_unique_index_sql(index, "CONCURRENTLY ", index->name, "", d->quoted));
	appendStringInfo(&hint, "SELECT invariant_guard.add_unique_active(%s%s, using_index => %s);",
					 call, index->nulls_not_distinct ? ", nulls_not_distinct => true" : "",
					 quote_literal_cstr(index->name));
	return hint.data;
}

static void
append_partitions(StringInfo hint, const IgDeclaration *d, const IgUniqueIndex *index)
{
	const char *schema = get_namespace_name(RelationGetNamespace(d->rel));
	List	   *relids = find_all_inheritors(d->relid, AccessShareLock, NULL);
	ListCell   *lc;

	appendStringInfoString(hint, "-- outside of a transaction block:\n");
	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);
		Oid			parent;
		bool		is_leaf = get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE;
		char	   *name = partition_index_name(d, index, relid);

		if (relid == d->relid)
			continue;
		if (foreach_current_index(lc) > MAX_PARTITIONS)
		{
			appendStringInfo(hint, "-- and so on, for %d more\n",
							 list_length(relids) - 1 - MAX_PARTITIONS);
			break;
		}
		parent = get_partition_parent(relid, false);
		appendStringInfo(hint, "%s;\nALTER INDEX %s ATTACH PARTITION %s;\n",
						 ig_unique_index_sql(index, is_leaf ? "CONCURRENTLY " : "", name,
											 is_leaf ? "" : "ONLY ", quoted_name(relid)),
						 quote_qualified_identifier(parent == d->relid ? schema :
													get_namespace_name(get_rel_namespace(parent)),
													partition_index_name(d, index, parent)),
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name));
	}
}

static char *
partition_index_name(const IgDeclaration *d, const IgUniqueIndex *index, Oid relid)
{
	return relid == d->relid ? index->name :
		makeObjectName(get_rel_name(relid), index->name, NULL);
}

static char *
quoted_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

char *
ig_unique_index_duplicates(Relation rel, const char *table, List *columns,
						   const char *predicate_sql, bool nulls_not_distinct)
{
	StringInfoData object;
	StringInfoData group;
	StringInfoData filter;
	char	   *order;
	char	   *key = key_object(rel, &order);
	ListCell   *lc;

	initStringInfo(&object);
	initStringInfo(&group);
	initStringInfo(&filter);
	foreach(lc, columns)
	{
		const char *name = (const char *) lfirst(lc);
		const char *comma = foreach_current_index(lc) > 0 ? ", " : "";

		appendStringInfo(&object, "%s%s, %s", comma, quote_literal_cstr(name),
						 quote_identifier(name));
		appendStringInfo(&group, "%s%s", comma, quote_identifier(name));
		if (!nulls_not_distinct)
			appendStringInfo(&filter, " AND %s IS NOT NULL", quote_identifier(name));
	}
	return psprintf("SELECT jsonb_build_object(%s) AS value, count(*) AS count, "
					"to_jsonb((array_agg(%s ORDER BY %s))[1:%d]) AS samples "
					"FROM %s%s WHERE (%s)%s GROUP BY %s HAVING count(*) > 1 "
					"ORDER BY count(*) DESC, %s",
					object.data, key, order, MAX_SAMPLES,
					rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ", table,
					predicate_sql ? predicate_sql : "true", filter.data, group.data, group.data);
}

/*
 * A row's primary key as a JSON object; where there is none, where it lies.
 */
static char *
key_object(Relation rel, char **order)
{
	Oid			keyid;
	StringInfoData object;
	StringInfoData columns;
	Relation	keyrel;

	/* fills rd_pkindex */
	list_free(RelationGetIndexList(rel));
	keyid = rel->rd_pkindex;
	if (!OidIsValid(keyid))
	{
		*order = "tableoid, ctid";
		return "jsonb_build_object('table', tableoid::regclass, 'ctid', ctid)";
	}

	initStringInfo(&object);
	initStringInfo(&columns);
	keyrel = index_open(keyid, AccessShareLock);
	for (int i = 0; i < keyrel->rd_index->indnkeyatts; i++)
	{
		char	   *name = get_attname(RelationGetRelid(rel), keyrel->rd_index->indkey.values[i], false);

		appendStringInfo(&object, "%s%s, %s", i > 0 ? ", " : "", quote_literal_cstr(name),
						 quote_identifier(name));
		appendStringInfo(&columns, "%s%s", i > 0 ? ", " : "", quote_identifier(name));
	}
	index_close(keyrel, NoLock);
	*order = columns.data;
	return psprintf("jsonb_build_object(%s)", object.data);
}
