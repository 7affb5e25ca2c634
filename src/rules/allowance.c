/*-------------------------------------------------------------------------
 *
 * allowance.c
 *	  Hints that run a refused statement with the allowances it needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "utils/builtins.h"

#include "model/retirement.h"
#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/retired.h"
#include "rules/rules.h"

/* How many victims a hint allows. */
#define MAX_ALLOWED	20

/* How many of those that have to go first it names. */
#define MAX_SHOWN	10

static void add_place(IgFinding *finding, const char *told, int behind, const char *items,
					  bool in_comment, bool in_transaction);
static bool collect_drop(StringInfo items, const IgFinding *finding, const IgChange *change);
static void hint_dependents(IgFinding *finding, const IgChange *change);
static bool is_to_retire(const IgFinding *finding, const IgChange *change);
static bool is_free_to_go(const IgRelation *rel, AttrNumber attnum);
static void set_allow(IgFinding *finding, const char *items, bool in_transaction);
static void append_named(StringInfo items, const IgChange *change);
static void append_victim(StringInfo items, const IgVictim *victim);
static void append_relation(StringInfo items, const IgRelation *rel);
static void append_column(StringInfo items, const IgRelation *rel, const char *column,
						  AttrNumber attnum);

void
ig_allowance_append(StringInfo items, const char *rule, const char *a,
					const char *b, const char *c)
{
	const char *parts[] = {a, b, c};
	int			nparts = 0;

	appendStringInfo(items, "%s%s", items->len > 0 ? ", " : "", rule);
	for (int i = 0; i < lengthof(parts); i++)
	{
		if (parts[i] != NULL)
			appendStringInfo(items, "%s%s", nparts++ == 0 ? "(" : ".",
							 quote_identifier(parts[i]));
	}
	if (nparts > 0)
		appendStringInfoChar(items, ')');
}

void
ig_allowance_append_own(StringInfo items, const IgFinding *finding)
{
	if (finding->table)
		ig_allowance_append(items, finding->rule->name, finding->schema,
							finding->table, finding->column);
	else
		ig_allowance_append(items, finding->rule->name, finding->schema,
							finding->object, NULL);
}

/*
 * With what the statement needs as a whole, whichever of its findings is told.
 */
static const char *
with_common(const IgFinding *finding, const char *items)
{
	const char *common = finding->change->allow;

	if (common == NULL)
		return items;
	return items[0] == '\0' ? common : psprintf("%s, %s", items, common);
}

/*
 * The hint ends with what tells the items, and some bytes behind that.
 */
static void
add_place(IgFinding *finding, const char *told, int behind, const char *items,
		  bool in_comment, bool in_transaction)
{
	IgAllowancePlace *place = palloc(sizeof(IgAllowancePlace));

	place->end = strlen(finding->hint) - behind;
	place->begin = place->end - strlen(told);
	place->items = pstrdup(items);
	place->in_comment = in_comment;
	place->in_transaction = in_transaction;
	finding->allowances = lappend(finding->allowances, place);
}

char *
ig_allowance_settings(const char *items, bool in_transaction)
{
	const char *set = in_transaction ? "SET LOCAL" : "SET";

	return psprintf("%s invariant_guard.reason = '...'; %s invariant_guard.allow = %s;",
					set, set, ig_text_name(quote_literal_cstr(items)));
}

void
ig_allowance_comment(IgFinding *finding, const char *prose, const char *items,
					 bool in_transaction)
{
	char	   *settings = ig_allowance_settings(items, in_transaction);

	ig_finding_hint(finding, "-- %s: %s", prose, settings);
	add_place(finding, settings, 0, items, true, in_transaction);
}

/* The setting alone, as a line of the hint. */
static void
set_allow(IgFinding *finding, const char *items, bool in_transaction)
{
	char	   *value = quote_literal_cstr(items);

	ig_finding_hint(finding, "%s invariant_guard.allow = %s;",
					in_transaction ? "SET LOCAL" : "SET", value);
	add_place(finding, value, strlen(";"), items, false, in_transaction);
}

void
ig_allowance_hint(IgFinding *finding, const char *items, const char *sql)
{
	ig_finding_hint(finding, "BEGIN;");
	ig_finding_hint(finding, "SET LOCAL invariant_guard.reason = '...';");
	set_allow(finding, with_common(finding, items), true);
	ig_finding_hint(finding, "%s;", sql);
	ig_finding_hint(finding, "COMMIT;");
}

void
ig_allowance_hint_session(IgFinding *finding, const char *items, const char *sql)
{
	ig_finding_hint(finding, "SET invariant_guard.reason = '...';");
	set_allow(finding, with_common(finding, items), false);
	ig_finding_hint(finding, "%s;", sql);
	ig_finding_hint(finding, "RESET invariant_guard.allow;");
	ig_finding_hint(finding, "RESET invariant_guard.reason;");
}

/*
 * Without a statement of its own, the object goes with another one, whose
 * finding has the statement; here only the allowance can be told.
 */
void
ig_allowance_hint_own(IgFinding *finding, const char *sql)
{
	StringInfoData items;

	if (sql == NULL)
	{
		ig_cure_allow(finding, "for this one", true);
		return;
	}

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	ig_allowance_hint(finding, items.data, sql);
}

void
ig_allowance_hint_statement(IgFinding *finding, const IgChange *change)
{
	if (change->sql == NULL || change->allow == NULL)
		ig_allowance_hint_own(finding, NULL);
	else if (change->concurrently)
		ig_allowance_hint_session(finding, "", change->sql);
	else
		ig_allowance_hint(finding, "", change->sql);
}

/*
 * The statement as it is, with an allowance for every single thing that goes.
 */
void
ig_allowance_hint_drop(IgFinding *finding, const IgChange *change)
{
	bool		cascade = change->kind == IG_DROP_CASCADE;
	StringInfoData items;

	initStringInfo(&items);
	if (is_to_retire(finding, change) &&
		ig_retire_hint(finding, change, change->sql == NULL && change->dependents == NIL))
	{
		ig_allowance_hint_at_once(finding, change,
								  change->sql == NULL && change->dependents == NIL ?
								  "for this one" :
								  "or at once, when it is certain that nothing uses it");
		return;
	}
	if (!collect_drop(&items, finding, change))
	{
		ig_finding_hint(finding,
						"-- drop one by one what is listed, each with an allowance of its own, before the rest");
		ig_allowance_hint_own(finding, NULL);
		return;
	}
	if (change->sql == NULL)
	{
		ig_allowance_hint_own(finding, NULL);
		return;
	}

	if (change->kind == IG_DROP_COLUMN && change->impact.names != NIL)
		ig_finding_hint(finding,
						"-- build a replacement of each index first, with CREATE INDEX CONCURRENTLY, then:");
	if (cascade)
		ig_finding_hint(finding,
						"-- better drop these one by one, so that nothing goes unseen; or all at once:");
	ig_allowance_hint(finding, items.data, change->sql);
}

void
ig_allowance_hint_at_once(IgFinding *finding, const IgChange *change, const char *prose)
{
	StringInfoData items;

	initStringInfo(&items);
	if (change->sql == NULL || !collect_drop(&items, finding, change))
	{
		ig_cure_allow(finding, prose, true);
		hint_dependents(finding, change);
		return;
	}

	if (change->kind == IG_DROP_COLUMN && change->impact.names != NIL)
		ig_finding_hint(finding,
						"-- build a replacement of each index first, with CREATE INDEX CONCURRENTLY");
	ig_allowance_comment(finding, prose, with_common(finding, items.data), true);
}

/*
 * What a view is to say without it, nobody can write but its author.
 */
static void
hint_dependents(IgFinding *finding, const IgChange *change)
{
	StringInfoData buf;
	int			count = list_length(change->dependents);

	if (count == 0)
		return;
	initStringInfo(&buf);
	for (int i = 0; i < Min(count, MAX_SHOWN); i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
						 ig_text_name(((const IgVictim *) list_nth(change->dependents, i))->description));
	if (count > MAX_SHOWN)
		appendStringInfo(&buf, " and %d more", count - MAX_SHOWN);
	ig_finding_hint(finding, "-- in any case these must do without it first, or go: %s", buf.data);
}

/*
 * All that the statement of the change needs; false where that is too much to
 * be told, or not known.
 */
static bool
collect_drop(StringInfo items, const IgFinding *finding, const IgChange *change)
{
	bool		cascade = change->kind == IG_DROP_CASCADE;
	ListCell   *lc;

	if (list_length(change->victims) > MAX_ALLOWED ||
		(cascade && change->address.classId == AuthIdRelationId))
		return false;

	if (cascade || change->kind == IG_DROP_OWNED)
		ig_allowance_append_own(items, finding);
	append_named(items, change);
	foreach(lc, change->victims)
		append_victim(items, (const IgVictim *) lfirst(lc));
	return true;
}

/*
 * Is retirement what the rule asks for?  A financial table is dropped by an
 * allowance only.
 */
static bool
is_to_retire(const IgFinding *finding, const IgChange *change)
{
	int			sqlstate = finding->rule->sqlstate;

	if (sqlstate != ERRCODE_IG_DROP_COLUMN && sqlstate != ERRCODE_IG_DROP_TABLE &&
		sqlstate != ERRCODE_IG_DROP_COLUMN_INDEX)
		return false;
	if (change->sql == NULL && sqlstate == ERRCODE_IG_DROP_COLUMN_INDEX)
		return false;
	return ig_retirement_of_change(change) == NULL;
}

/* What was retired and may be dropped by now needs no allowance. */
static bool
is_free_to_go(const IgRelation *rel, AttrNumber attnum)
{
	IgVerdict	verdict;

	ig_retirement_judge(rel->relid, attnum, &verdict);
	return verdict.retirement != NULL && verdict.hold == IG_HOLD_NOTHING;
}

/* What the object that the statement names needs. */
static void
append_named(StringInfo items, const IgChange *change)
{
	const IgRelation *rel = change->rel;

	if (rel != NULL)
	{
		if (rel->is_new)
			return;
		if (change->identity_lost)
			ig_allowance_append(items, "replica-identity", rel->schema, rel->name, NULL);
		if (change->column != NULL)
		{
			append_column(items, rel, change->column, change->attnum);
			if (change->impact.names != NIL)
				ig_allowance_append(items, "drop-column-index", rel->schema, rel->name,
									change->column);
		}
		else if (change->address.classId == RelationRelationId &&
				 change->address.objectId == rel->relid)
			append_relation(items, rel);
		else if (change->address.classId == RelationRelationId)
			ig_allowance_append(items, "drop-index-blocking", rel->schema, rel->name, NULL);
		else if (change->address.classId == ConstraintRelationId && rel->classes != 0)
			ig_allowance_append(items, "drop-enforced-constraint", rel->schema, rel->name, NULL);
	}
	else if (change->address.classId == NamespaceRelationId)
		ig_allowance_append(items, "drop-schema", change->name, NULL, NULL);
}

static void
append_victim(StringInfo items, const IgVictim *victim)
{
	const IgRelation *rel = victim->rel;

	if (rel == NULL)
		return;

	switch (victim->address.classId)
	{
		case RelationRelationId:
			if (victim->column != NULL)
				append_column(items, rel, victim->column, victim->address.objectSubId);
			else
				append_relation(items, rel);
			break;
		case ConstraintRelationId:
			if (rel->classes != 0)
				ig_allowance_append(items, "drop-enforced-constraint",
									rel->schema, rel->name, NULL);
			break;
		case TriggerRelationId:
			if (ig_relation_is_financial(rel))
				ig_allowance_append(items, "financial-disable-trigger",
									rel->schema, rel->name, NULL);
			break;
		case PolicyRelationId:
			if (ig_relation_is_financial(rel))
				ig_allowance_append(items, "financial-disable-rls",
									rel->schema, rel->name, NULL);
			break;
		default:
			break;
	}
}

static void
append_relation(StringInfo items, const IgRelation *rel)
{
	const char *rule;

	switch (rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			rule = ig_relation_is_financial(rel) ? "financial-drop" : "drop-table";
			break;
		case RELKIND_MATVIEW:
			rule = ig_relation_is_financial(rel) ? "financial-drop" : "drop-materialized-view";
			break;
		case RELKIND_SEQUENCE:
			rule = "drop-sequence";
			break;
		default:
			return;
	}
	if (strcmp(rule, "drop-table") == 0 && is_free_to_go(rel, InvalidAttrNumber))
		return;
	ig_allowance_append(items, rule, rel->schema, rel->name, NULL);
}

static void
append_column(StringInfo items, const IgRelation *rel, const char *column, AttrNumber attnum)
{
	if (!ig_relation_is_financial(rel) && is_free_to_go(rel, attnum))
		return;
	ig_allowance_append(items,
						ig_relation_is_financial(rel) ? "financial-drop" : "drop-column",
						rel->schema, rel->name, column);
}
