/*-------------------------------------------------------------------------
 *
 * declare.c
 *	  What all add_*() functions share: writing the triggers of a rule.
 *
 * The triggers are written as SQL, so that they go the way of every CREATE
 * TRIGGER: through the gate, and into the catalogs as pg_dump expects them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_clause.h"
#include "parser/parse_collate.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/list_setting.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/declared.h"
#include "rows/own_query.h"
#include "rows/rows.h"
#include "rows/rule_retired.h"
#include "rows/spread.h"

/* How many arguments one call of changed() or uses() takes; server's limit. */
#define COLUMNS_A_CALL	50

/* How many rows an error about existing rows shows. */
#define MAX_SAMPLES		5

typedef struct IgTriggerSpec
{
	char	   *name;
	const char *fires;
	bool		row;
	bool		constraint;
	const char *when;
	List	   *options;
} IgTriggerSpec;

static void check_relation(Relation rel);
static void add_spec(IgDeclaration *d, const char *suffix, const char *fires, bool row,
					 bool constraint, const char *when, List *options);
static char *trigger_sql(const IgDeclaration *d, const IgTriggerSpec *spec, const char *name);
static void check_partitions(IgDeclaration *d);
static void warn_of_moves(const IgDeclaration *d);
static bool has_others(const IgDeclaration *d);
static bool is_same_as_present(IgDeclaration *d);
static char *definition_of(Oid tgoid, const char *name);
static int	triggers_of_instance(const IgDeclaration *d);

IgDeclaration *
ig_declare_begin(FunctionCallInfo fcinfo, IgRowRuleKind kind)
{
	IgDeclaration *d = palloc0(sizeof(IgDeclaration));

	d->rule = ig_row_rule(kind);
	d->relid = ig_table_argument(fcinfo);
	PreventCommandIfReadOnly(psprintf("invariant_guard.add_%s()", d->rule->function));
	ig_lock_owned_table(d->relid, ShareRowExclusiveLock);

	d->rel = table_open(d->relid, NoLock);
	check_relation(d->rel);
	d->quoted = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(d->rel)),
										   RelationGetRelationName(d->rel));
	d->text = ig_text_name(ig_table_name(d->relid));
	return d;
}

static void
check_relation(Relation rel)
{
	char		relkind = rel->rd_rel->relkind;

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a row rule cannot be declared for \"%s\"",
						ig_text_name(ig_table_name(RelationGetRelid(rel)))),
				 errdetail_relkind_not_supported(relkind)));
	if (RelationUsesLocalBuffers(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a row rule cannot be declared for the temporary table \"%s\"",
						ig_text_name(RelationGetRelationName(rel)))));
	if (IsSystemRelation(rel))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("a row rule cannot be declared for the system catalog \"%s\"",
						RelationGetRelationName(rel))));
}

Form_pg_attribute
ig_declare_column(IgDeclaration *d, const char *name, const char *role)
{
	TupleDesc	desc = RelationGetDescr(d->rel);
	const char **names = palloc0(sizeof(char *) * (desc->natts + 1));
	const char *nearest;
	int			count = 0;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the %s column of rule \"%s\" must not be null", role, d->rule->name)));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (attr->attisdropped)
			continue;
		if (namestrcmp(&attr->attname, name) == 0)
			return attr;
		names[count++] = NameStr(attr->attname);
	}

	nearest = ig_nearest_word(name, names, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_COLUMN),
			 errmsg("column \"%s\" of table \"%s\" does not exist", ig_text_name(name), d->text),
			 errdetail("It is named as %s column of rule \"%s\".", role, d->rule->name),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
	return NULL;
}

char *
ig_declare_name(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(arg)));
}

char *
ig_declare_text(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

List *
ig_declare_names(FunctionCallInfo fcinfo, int arg, const char *role)
{
	List	   *result = NIL;
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	if (PG_ARGISNULL(arg))
		return NIL;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(arg), NAMEOID, NAMEDATALEN, false,
					  TYPALIGN_CHAR, &elements, &nulls, &count);
	for (int i = 0; i < count; i++)
	{
		ListCell   *lc;
		char	   *name;

		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("the name of a column must not be null"),
					 errdetail("Element %d of the %s columns is.", i + 1, role)));
		name = pstrdup(NameStr(*DatumGetName(elements[i])));
		foreach(lc, result)
		{
			if (strcmp((const char *) lfirst(lc), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" stands twice among the %s columns",
								ig_text_name(name), role)));
		}
		result = lappend(result, name);
	}
	return result;
}

int
ig_declare_word(FunctionCallInfo fcinfo, int arg, const char *name,
				const char *const *words)
{
	char	   *value = ig_declare_text(fcinfo, arg);
	const char *nearest;

	if (value == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name),
				 errdetail("The values are %s.", ig_text_words(words))));
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], value) == 0)
			return i;
	}
	nearest = ig_nearest_word(value, words, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid value for %s: \"%s\"", name, ig_text_name(value)),
			 errdetail("The values are %s.", ig_text_words(words)),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
	return 0;
}

/*
 * The text is parsed with nothing but the table's columns in sight, and
 * deparsed with all names qualified; so nothing but one expression can be in
 * it, whatever it contains.
 */
char *
ig_declare_condition(IgDeclaration *d, const char *sql, const char *alias)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	List	   *raw;
	SelectStmt *select;
	Node	   *expr;

	raw = raw_parser(psprintf("SELECT %s", sql), RAW_PARSE_DEFAULT);
	select = list_length(raw) == 1 ?
		(SelectStmt *) linitial_node(RawStmt, raw)->stmt : NULL;
	if (select == NULL || !IsA(select, SelectStmt) || list_length(select->targetList) != 1 ||
		select->fromClause || select->whereClause || select->groupClause ||
		select->havingClause || select->sortClause || select->limitCount ||
		select->limitOffset || select->lockingClause || select->withClause ||
		select->intoClause || select->distinctClause || select->windowClause ||
		select->op != SETOP_NONE)
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("the condition is not one expression: \"%s\"", ig_text_name(sql))));

	pstate->p_sourcetext = sql;
	nsitem = addRangeTableEntryForRelation(pstate, d->rel, AccessShareLock,
										   makeAlias(alias, NIL), false, true);
	addNSItemToQuery(pstate, nsitem, false, true, true);
	expr = transformWhereClause(pstate, linitial_node(ResTarget, select->targetList)->val,
								EXPR_KIND_CHECK_CONSTRAINT, "row rule");
	assign_expr_collations(pstate, expr);
	if (contain_mutable_functions(expr))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("functions in the condition of a row rule must be immutable"),
				 errdetail("The condition is \"%s\".", ig_text_name(sql))));

	return deparse_expression(expr, deparse_context_for(alias, d->relid), true, false);
}

char *
ig_declare_anchor(const char *function, const char *alias, List *columns)
{
	StringInfoData buf;
	bool		pairs = strcmp(function, "changed") == 0;

	initStringInfo(&buf);
	for (int i = 0; i < list_length(columns); i++)
	{
		const char *column = quote_identifier((const char *) list_nth(columns, i));

		if (i % COLUMNS_A_CALL == 0)
			appendStringInfo(&buf, "%sinvariant_guard.%s(",
							 i == 0 ? "" : pairs ? ") OR " : ") AND ", function);
		else
			appendStringInfoString(&buf, ", ");
		if (pairs)
			appendStringInfo(&buf, "old.%s, new.%s", column, column);
		else
			appendStringInfo(&buf, "%s.%s", alias, column);
	}
	appendStringInfoChar(&buf, ')');
	return columns == NIL ? NULL : buf.data;
}

List *
ig_declare_option(List *options, const char *name, const char *value)
{
	return value == NULL ? options : lappend(options, psprintf("%s=%s", name, value));
}

void
ig_declare_trigger(IgDeclaration *d, const char *suffix, const char *fires, bool row,
				   const char *when, List *options)
{
	add_spec(d, suffix, fires, row, false, when, options);
}

void
ig_declare_constraint_trigger(IgDeclaration *d, const char *suffix, const char *fires,
							  const char *when, List *options)
{
	add_spec(d, suffix, fires, true, true, when, options);
}

static void
add_spec(IgDeclaration *d, const char *suffix, const char *fires, bool row,
		 bool constraint, const char *when, List *options)
{
	IgTriggerSpec *spec = palloc0(sizeof(IgTriggerSpec));

	spec->name = ig_spread_trigger_name(d->rule, d->instance, suffix);
	spec->fires = fires;
	spec->row = row;
	spec->constraint = constraint;
	spec->when = when;
	spec->options = options;
	d->triggers = lappend(d->triggers, spec);
}

static char *
trigger_sql(const IgDeclaration *d, const IgTriggerSpec *spec, const char *name)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE %sTRIGGER %s %s ON %s %sFOR EACH %s ",
					 spec->constraint ? "CONSTRAINT " : "", quote_identifier(name),
					 spec->fires, d->quoted,
					 spec->constraint ? "DEFERRABLE INITIALLY DEFERRED " : "",
					 spec->row ? "ROW" : "STATEMENT");
	if (spec->when)
		appendStringInfo(&buf, "WHEN (%s) ", spec->when);
	appendStringInfo(&buf, "EXECUTE FUNCTION invariant_guard.%s(", d->rule->function);
	foreach(lc, spec->options)
		appendStringInfo(&buf, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_literal_cstr((const char *) lfirst(lc)));
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

bool
ig_declare_end(IgDeclaration *d)
{
	ListCell   *lc;

	if (triggers_of_instance(d) > 0)
	{
		if ((!d->grows && has_others(d)) || !is_same_as_present(d))
			ig_declare_otherwise(d);
		ereport(NOTICE,
				(errmsg("table \"%s\" has rule \"%s\" already", d->text, d->rule->name)));
		table_close(d->rel, NoLock);
		return false;
	}

	check_partitions(d);

	/* CREATE TRIGGER wants the relation unused by its own transaction's scans */
	table_close(d->rel, NoLock);
	d->rel = NULL;
	foreach(lc, d->triggers)
	{
		const IgTriggerSpec *spec = (const IgTriggerSpec *) lfirst(lc);

		ig_declare_execute(trigger_sql(d, spec, spec->name));
		if (d->rule->guards)
			ig_declare_execute(psprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s",
										d->quoted, quote_identifier(spec->name)));
	}
	CommandCounterIncrement();
	ig_rule_check_not_retired(d);
	ig_spread_from(d->relid);
	foreach(lc, ig_inheritors(d->relid, NULL))
		ig_spread_warn(lfirst_oid(lc), d->rule);
	warn_of_moves(d);
	return true;
}

/*
 * Where a row goes is no trigger's concern but that of the partition to which
 * it goes: changed on its way, or to where it is removed for good.  Other rules
 * see it leave.  Where it comes from is told by the triggers that saw it leave,
 * without which it looks new.
 */
static void
warn_of_moves(const IgDeclaration *d)
{
	Oid			root = d->relid;
	Oid			parent;
	bool		leaves = d->rule->kind == IG_ROW_IMMUTABLE_COLUMNS ||
		d->rule->kind == IG_ROW_SNAPSHOT_COLUMNS || d->rule->kind == IG_ROW_SOFT_DELETE;

	if (!leaves && d->rule->kind != IG_ROW_AUDIT_COLUMNS)
		return;
	while (OidIsValid(parent = ig_partition_parent(root)))
		root = parent;
	if (root == d->relid)
		return;
	ereport(WARNING,
			(leaves ?
			 errmsg("rule \"%s\" of partition \"%s\" does not see rows that move out of it",
					d->rule->name, d->text) :
			 errmsg("rule \"%s\" of partition \"%s\" takes rows that move into it for new ones",
					d->rule->name, d->text),
			 leaves ?
			 errdetail("An UPDATE of table \"%s\" moves rows to partitions that have not the rule.",
					   ig_text_name(ig_table_name(root))) :
			 errdetail("An UPDATE of table \"%s\" moves rows from partitions that have not the rule.",
					   ig_text_name(ig_table_name(root))),
			 errhint("Declare the rule for that table.")));
}

/*
 * A partition cannot have a trigger of the name that the clone will get.
 */
static void
check_partitions(IgDeclaration *d)
{
	ListCell   *lc;
	ListCell   *ls;

	if (d->rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;
	foreach(lc, ig_inheritors(d->relid, NULL))
	{
		Oid			relid = lfirst_oid(lc);
		char	   *quoted;

		foreach(ls, relid == d->relid ? NIL : d->triggers)
		{
			const IgTriggerSpec *spec = (const IgTriggerSpec *) lfirst(ls);

			if (!spec->row || !OidIsValid(get_trigger_oid(relid, spec->name, true)))
				continue;
			quoted = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												get_rel_name(relid));
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_DECLARED_OTHERWISE),
					 errmsg("partition \"%s\" of table \"%s\" has rule \"%s\" of its own",
							ig_text_name(ig_table_name(relid)), d->text, d->rule->name),
					 errhint("Drop it in the same transaction before: SELECT invariant_guard.drop_rule(%s, %s%s);",
							 quote_literal_cstr(quoted), quote_literal_cstr(d->rule->name),
							 d->instance ? psprintf(", %s", quote_literal_cstr(d->instance)) : "")));
		}
	}
}

void
ig_declare_otherwise(IgDeclaration *d)
{
	ereport(ERROR,
			(errcode(ERRCODE_IG_RULE_DECLARED_OTHERWISE),
			 errmsg("table \"%s\" has rule \"%s\" already, declared otherwise",
					d->text, d->rule->name),
			 errhint("SELECT * FROM invariant_guard.row_rules; shows it. To declare it anew, drop it first: SELECT invariant_guard.drop_rule(%s, %s%s);",
					 quote_literal_cstr(d->quoted), quote_literal_cstr(d->rule->name),
					 d->instance ? psprintf(", %s", quote_literal_cstr(d->instance)) : ""),
			 errtable(d->rel)));
}

bool
ig_declare_has(const IgDeclaration *d, const char *trigger_name)
{
	ListCell   *lc;

	foreach(lc, d->triggers)
	{
		if (strcmp(((IgTriggerSpec *) lfirst(lc))->name, trigger_name) == 0)
			return true;
	}
	return false;
}

static int
triggers_of_instance(const IgDeclaration *d)
{
	int			count = 0;
	ListCell   *lc;

	foreach(lc, d->triggers)
	{
		if (OidIsValid(get_trigger_oid(d->relid, ((IgTriggerSpec *) lfirst(lc))->name, true)))
			count++;
	}
	return count;
}

/*
 * Does the rule that is there have triggers which this declaration has not?
 */
static bool
has_others(const IgDeclaration *d)
{
	ListCell   *lc;

	foreach(lc, ig_declared_rules_of(ig_declared_rules_load(), d->relid))
	{
		const IgDeclaredRule *present = (const IgDeclaredRule *) lfirst(lc);
		int			same = 0;
		int			others = 0;
		ListCell   *lt;

		if (present->rule != d->rule)
			continue;
		foreach(lt, present->triggers)
		{
			const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lt);

			if (ig_declare_has(d, trigger->name))
				same++;
			else if (!ig_declared_is_kept(trigger))
				others++;
		}
		if (same > 0)
			return others > 0;
	}
	return false;
}

/*
 * The server's own words for both are compared: those for the new ones are had
 * by making them under another name, and taking that back.
 */
static bool
is_same_as_present(IgDeclaration *d)
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	bool		same = true;
	ListCell   *lc;

	table_close(d->rel, NoLock);
	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	foreach(lc, d->triggers)
	{
		const IgTriggerSpec *spec = (const IgTriggerSpec *) lfirst(lc);
		Oid			present = get_trigger_oid(d->relid, spec->name, true);
		char	   *name = psprintf("zz_ig_%d", foreach_current_index(lc));

		if (!OidIsValid(present))
		{
			same = false;
			break;
		}
		ig_declare_execute(trigger_sql(d, spec, name));
		CommandCounterIncrement();
		if (strcmp(definition_of(present, spec->name),
				   definition_of(get_trigger_oid(d->relid, name, false), name)) != 0)
			same = false;
	}
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	d->rel = table_open(d->relid, NoLock);
	return same;
}

/* Without the trigger's own name. */
static char *
definition_of(Oid tgoid, const char *name)
{
	char	   *sql = TextDatumGetCString(DirectFunctionCall1(pg_get_triggerdef,
															  ObjectIdGetDatum(tgoid)));
	char	   *found = strstr(sql, quote_identifier(name));

	return found ? found + strlen(quote_identifier(name)) : sql;
}

void
ig_declare_execute(const char *sql)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(sql, 0, NULL, NULL, NULL, false, 0) < 0)
		elog(ERROR, "SPI_execute failed: %s", sql);
	SPI_finish();
}

void
ig_declare_check_rows(IgDeclaration *d, const char *query, const char *what,
					  const char *hint)
{
	MemoryContext caller = CurrentMemoryContext;
	StringInfoData samples;
	int			count;
	int			nest = NewGUCNestLevel();

	initStringInfo(&samples);
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	if (ig_own_query(query, 0, NULL, NULL, NULL, false, MAX_SAMPLES) != SPI_OK_SELECT)
		elog(ERROR, "SPI_execute failed: %s", query);
	count = (int) SPI_processed;
	for (int i = 0; i < count; i++)
	{
		char	   *value = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);
		MemoryContext spi = MemoryContextSwitchTo(caller);

		appendStringInfo(&samples, "%s%s", i > 0 ? ", " : "",
						 value ? ig_text_name(value) : "NULL");
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	AtEOXact_GUC(true, nest);

	if (count == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_IG_RULE_BROKEN_BY_ROWS),
			 errmsg("rule \"%s\" cannot be declared: table \"%s\" has rows %s",
					d->rule->name, d->text, what),
			 errdetail("Among them: %s.", samples.data),
			 hint ? errhint("%s", hint) : 0,
			 errtable(d->rel)));
}
