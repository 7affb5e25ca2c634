/*-------------------------------------------------------------------------
 *
 * rule_trigger.c
 *	  What all trigger functions of row rules share.
 *
 * Arguments follow the custom of the core triggers: column names and
 * "option=value".  What add_*() writes has the columns in the WHEN clause
 * instead, where the server keeps them true.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "gate/decide.h"
#include "gate/net.h"
#include "model/finding.h"
#include "model/when_clause.h"
#include "platform/errcodes.h"
#include "platform/list_setting.h"
#include "platform/text.h"
#include "rows/rule_trigger.h"
#include "rows/rows.h"
#include "rules/allowance.h"
#include "rules/rules.h"

static void check_declaration(const Trigger *tg, const IgRuleDefinition *definition,
							  Relation rel);
static void add_columns(IgRuleTrigger *trigger, const Trigger *tg, Relation rel);
static void add_column(IgRuleTrigger *trigger, AttrNumber attnum, Relation rel);
static AttrNumber column_number(const IgRuleTrigger *trigger, const char *name, Relation rel);
static void add_option(IgRuleTrigger *trigger, const char *arg, Relation rel);
static bool is_applying(void);
static const char *as_sql(const char *hint);
static void name_by_allowance(IgFinding *finding, Oid relid);
static bool is_permitted(const IgRuleTrigger *trigger, const char *rule,
						 const char *column);
static const char *function_name(const IgRuleDefinition *definition);

/*
 * Does the worker of a subscription apply a row that was judged where it came
 * from?  What a function or another trigger does in the worker was judged
 * nowhere; each such call has an error callback of its own, while the worker
 * itself, or its initial COPY, has one.
 */
static bool
is_applying(void)
{
	return IsLogicalWorker() &&
		(error_context_stack == NULL || error_context_stack->previous == NULL);
}

static const char *
function_name(const IgRuleDefinition *definition)
{
	return ig_row_rule(definition->kind)->function;
}

void
ig_rule_trigger_misused(FunctionCallInfo fcinfo, const IgRuleDefinition *definition)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("function invariant_guard.%s() must be called as trigger",
					function_name(definition))));
}

IgRuleTrigger *
ig_rule_trigger_make(FunctionCallInfo fcinfo, const IgRuleDefinition *definition)
{
	const TriggerData *td = (const TriggerData *) fcinfo->context;
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	IgRuleTrigger *trigger = ig_rule_trigger_read(definition, td->tg_trigger, td->tg_relation);

	if (definition->prepare)
		definition->prepare(trigger, td->tg_relation);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = trigger;
	return trigger;
}

IgRuleTrigger *
ig_rule_trigger_read(const IgRuleDefinition *definition, const Trigger *tg, Relation rel)
{
	IgRuleTrigger *trigger = palloc0(sizeof(IgRuleTrigger));

	trigger->definition = definition;
	trigger->relid = RelationGetRelid(rel);
	trigger->tgoid = tg->tgoid;
	trigger->passes = is_applying();
	trigger->context = CurrentMemoryContext;

	check_declaration(tg, definition, rel);
	add_columns(trigger, tg, rel);
	return trigger;
}

/*
 * A trigger written by hand may be of any kind; one of the wrong kind would
 * seem to guard, and not.
 */
static void
check_declaration(const Trigger *tg, const IgRuleDefinition *definition, Relation rel)
{
	int16		type = tg->tgtype;
	uint32		events = 0;
	int			shift;

	if (TRIGGER_FOR_INSERT(type))
		events |= IG_FIRES_INSERT;
	if (TRIGGER_FOR_UPDATE(type))
		events |= IG_FIRES_UPDATE;
	if (TRIGGER_FOR_DELETE(type))
		events |= IG_FIRES_DELETE;
	if (TRIGGER_FOR_TRUNCATE(type))
		events |= IG_FIRES_TRUNCATE;
	shift = (TRIGGER_FOR_ROW(type) ? 0 : 8) + (TRIGGER_FOR_BEFORE(type) ? 0 : 4);

	if (TRIGGER_FOR_INSTEAD(type) || ((events << shift) & ~definition->fires) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" fires at another time than function invariant_guard.%s() is made for",
						tg->tgname, ig_row_relation_text(RelationGetRelid(rel)),
						function_name(definition)),
				 errhint("See the function's section in the documentation for its CREATE TRIGGER form, or use invariant_guard.add_%s().",
						 function_name(definition))));
	if (tg->tgnattr > 0)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" must not be limited to UPDATE OF some columns",
						tg->tgname, ig_row_relation_text(RelationGetRelid(rel))),
				 errdetail("It would not fire where another trigger changes them.")));
}

/*
 * The columns are those of the WHEN clause; where it has none, the arguments.
 */
static void
add_columns(IgRuleTrigger *trigger, const Trigger *tg, Relation rel)
{
	const IgRuleDefinition *definition = trigger->definition;
	List	   *anchored = ig_when_columns(tg->tgoid, tg->tgqual, NULL);
	ListCell   *lc;

	trigger->columns = palloc0(sizeof(IgRuleColumn) * (list_length(anchored) + tg->tgnargs + 1));
	trigger->options = palloc0(sizeof(IgRuleOption) * (tg->tgnargs + 1));

	foreach(lc, anchored)
		add_column(trigger, lfirst_int(lc), rel);
	for (int i = 0; i < tg->tgnargs; i++)
	{
		if (strchr(tg->tgargs[i], '=') != NULL)
			add_option(trigger, tg->tgargs[i], rel);
		else if (anchored == NIL)
			add_column(trigger, column_number(trigger, tg->tgargs[i], rel), rel);
	}

	if (TRIGGER_FOR_ROW(tg->tgtype) &&
		(trigger->ncolumns < definition->min_columns ||
		 (definition->max_columns >= 0 && trigger->ncolumns > definition->max_columns)))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" names %d columns, which is not what function invariant_guard.%s() is made for",
						tg->tgname, ig_row_relation_text(trigger->relid),
						trigger->ncolumns, function_name(definition)),
				 errhint("Use invariant_guard.add_%s().", function_name(definition))));
}

static void
add_column(IgRuleTrigger *trigger, AttrNumber attnum, Relation rel)
{
	Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), attnum - 1);
	IgRuleColumn *column = &trigger->columns[trigger->ncolumns++];

	column->attnum = attnum;
	column->typid = attr->atttypid;
	column->typmod = attr->atttypmod;
	column->collation = attr->attcollation;
	column->typlen = attr->attlen;
	column->typbyval = attr->attbyval;
	column->name = attr->attname;
}

/*
 * A name that stands as an argument may be stale.
 */
static AttrNumber
column_number(const IgRuleTrigger *trigger, const char *name, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (!attr->attisdropped && namestrcmp(&attr->attname, name) == 0)
			return attr->attnum;
	}

	ereport(ERROR,
			(errcode(ERRCODE_IG_RULE_UNREADABLE),
			 errmsg("column \"%s\" of rule \"%s\" does not exist in table \"%s\"", name,
					ig_row_rule(trigger->definition->kind)->name,
					ig_row_relation_text(trigger->relid)),
			 errdetail("It was renamed or dropped since the rule was declared, and the rule cannot be checked without it."),
			 errhint("Create the trigger again with the column's present name.")));
	return InvalidAttrNumber;
}

static void
add_option(IgRuleTrigger *trigger, const char *arg, Relation rel)
{
	const char *equals = strchr(arg, '=');
	char	   *name = pnstrdup(arg, equals - arg);
	const char *const *known = trigger->definition->options;
	const char *nearest;

	for (int i = 0; known != NULL && known[i] != NULL; i++)
	{
		if (strcmp(known[i], name) == 0)
		{
			trigger->options[trigger->noptions].name = name;
			trigger->options[trigger->noptions].value = pstrdup(equals + 1);
			trigger->noptions++;
			return;
		}
	}

	nearest = known ? ig_nearest_word(name, known, NULL) : NULL;
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("unrecognized option \"%s\" of function invariant_guard.%s() in table \"%s\"",
					name, function_name(trigger->definition),
					ig_row_relation_text(trigger->relid)),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
}

const char *
ig_rule_option(const IgRuleTrigger *trigger, const char *name, const char *otherwise)
{
	for (int i = 0; i < trigger->noptions; i++)
	{
		if (strcmp(trigger->options[i].name, name) == 0)
			return trigger->options[i].value;
	}
	return otherwise;
}

int
ig_rule_option_word(const IgRuleTrigger *trigger, const char *name,
					const char *const *words, int otherwise)
{
	const char *value = ig_rule_option(trigger, name, NULL);

	if (value == NULL)
		return otherwise;
	for (int i = 0; words[i] != NULL; i++)
	{
		if (strcmp(words[i], value) == 0)
			return i;
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("invalid value for option \"%s\" of function invariant_guard.%s() in table \"%s\": \"%s\"",
					name, function_name(trigger->definition),
					ig_row_relation_text(trigger->relid), value),
			 errdetail("The values are %s.", ig_text_words(words))));
	return otherwise;
}

/*
 * What passed for one row passes for the next, if it is the same rule and the
 * same column: an allowance may name one of several.
 */
static bool
is_permitted(const IgRuleTrigger *trigger, const char *rule, const char *column)
{
	if (trigger == NULL || trigger->permitted == NULL ||
		strcmp(trigger->permitted, rule) != 0)
		return false;
	if (column == NULL || trigger->permitted_column == NULL)
		return column == trigger->permitted_column;
	return strcmp(trigger->permitted_column, column) == 0;
}

/*
 * A hint is SQL, and what is not stands behind "--"; see IgFinding.  Only what
 * ig_row_allowance gave is SQL here.
 */
static const char *
as_sql(const char *hint)
{
	StringInfoData buf;

	if (strncmp(hint, "BEGIN;", 6) == 0 || strncmp(hint, "--", 2) == 0)
		return hint;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "-- ");
	for (const char *c = hint; *c != '\0'; c++)
	{
		appendStringInfoChar(&buf, *c);
		if (*c == '\n')
			appendStringInfoString(&buf, "-- ");
	}
	return buf.data;
}

/*
 * A row of a partition or child breaks the rule of a table above, and an
 * allowance may name that one.
 */
static void
name_by_allowance(IgFinding *finding, Oid relid)
{
	const char *schema = finding->schema;
	const char *table = finding->table;
	ListCell   *lc;

	foreach(lc, ig_net_line_of_descent(relid))
	{
		finding->schema = get_namespace_name(get_rel_namespace(lfirst_oid(lc)));
		finding->table = get_rel_name(lfirst_oid(lc));
		if (finding->table != NULL && ig_decide_allowance(finding) >= 0)
			return;
	}
	finding->schema = schema;
	finding->table = table;
}

/*
 * Severity and class do not matter; allowances, the mode, the log and the
 * counters are those of the gate, so it is the gate that decides.
 */
void
ig_row_refuse(IgRuleTrigger *trigger, Oid relid, const char *rule, const char *column,
			  const char *message, const char *detail, const char *hint)
{
	IgFindings	findings = {NIL};
	IgChange	change = {0};
	IgFinding  *finding;
	MemoryContext old;

	if (is_permitted(trigger, rule, column) || !ig_gate_active())
		return;

	change.kind = IG_BREAK_ROW_RULE;
	change.rel = ig_relation_load(relid);
	change.column = column;
	finding = ig_finding_add(&findings, ig_rule_by_name(rule), &change, "%s", message);
	if (detail != NULL)
		ig_finding_detail(finding, "%s", detail);
	if (hint != NULL)
		ig_finding_hint(finding, "%s", as_sql(hint));

	name_by_allowance(finding, relid);

	/* what an allowance is remembered by must outlive the row */
	old = MemoryContextSwitchTo(CurTransactionContext);
	ig_decide(&findings);
	MemoryContextSwitchTo(old);
	if (trigger == NULL)
		return;
	trigger->permitted = ig_rule_by_name(rule)->name;
	trigger->permitted_column = column ? MemoryContextStrdup(trigger->context, column) : NULL;
}

bool
ig_row_is_allowed(const char *rule, Oid relid)
{
	IgFindings	findings = {NIL};
	IgChange	change = {0};
	IgFinding  *finding;

	if (!ig_gate_active())
		return true;
	change.kind = IG_BREAK_ROW_RULE;
	change.rel = ig_relation_load(relid);
	finding = ig_finding_add(&findings, ig_rule_by_name(rule), &change, "%s", rule);
	name_by_allowance(finding, relid);
	return ig_decide_allowance(finding) >= 0;
}

char *
ig_row_allowance(const char *rule, Oid relid, const char *column, const char *then)
{
	IgRelation *rel = ig_relation_load(relid);
	StringInfoData items;
	StringInfoData buf;

	if (rel == NULL)
		return NULL;
	initStringInfo(&items);
	initStringInfo(&buf);
	ig_allowance_append(&items, rule, rel->schema, rel->name, column);
	appendStringInfo(&buf, "BEGIN;\nSET LOCAL invariant_guard.reason = 'why';\nSET LOCAL invariant_guard.allow = %s;\n%s%s\nCOMMIT;",
					 quote_literal_cstr(items.data), strstr(then, "...") ? "-- " : "", then);
	return buf.data;
}

char *
ig_row_relation_text(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *name = get_rel_name(relid);

	if (schema == NULL || name == NULL)
		return psprintf("%u", relid);
	return ig_text_name(psprintf("%s.%s", schema, name));
}
