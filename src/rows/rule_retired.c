/*-------------------------------------------------------------------------
 *
 * rule_retired.c
 *	  Row rules and columns that are retired: one of them has to go first.
 *
 * A rule that names a column gives it values, or checks those it gets, and keeps
 * it from being dropped.  So a column that is to go gets no new rule, and one
 * that has a rule does not refuse values.  A label that is written by hand, or
 * restored before the triggers, is not asked.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "gate/statement.h"
#include "model/retirement.h"
#include "platform/catalog.h"
#include "platform/inherit.h"
#include "platform/owned.h"
#include "platform/relation.h"
#include "platform/text.h"
#include "rows/declared.h"
#include "rows/rule_retired.h"
#include "rules/allowance.h"

static const IgDeclaredRule *rule_over(const IgDeclaredRules *rules, Oid relid,
									   AttrNumber attnum);
static char *drop_rule_text(const IgDeclaredRule *rule);
static bool is_about(const IgDeclaredTrigger *trigger, AttrNumber attnum);
static void raise_retired(const IgDeclaration *d, const char *column,
						  const IgRetirement *retirement);

void
ig_rule_check_block_writes(Oid relid, AttrNumber attnum)
{
	const char *column = get_attname(relid, attnum, false);
	const IgDeclaredRules *rules = NULL;
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		const IgDeclaredRule *rule;

		if (!ig_declares_rules(lfirst_oid(lc)))
			continue;
		if (rules == NULL)
			rules = ig_declared_rules_load();
		rule = rule_over(rules, lfirst_oid(lc), get_attnum(lfirst_oid(lc), column));
		if (rule == NULL)
			continue;
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("writes to column \"%s\" of table \"%s\" cannot be blocked",
						ig_text_name(column), ig_text_name(ig_table_name(relid))),
				 errdetail("Row rule \"%s\" of table \"%s\" names it: it gives the column values, or checks those that it gets.",
						   rule->rule->name, ig_text_name(ig_table_name(rule->declared_on))),
				 errhint("-- retire it without block_writes, or drop the rule first:\n%s",
						 drop_rule_text(rule))));
	}
}

static const IgDeclaredRule *
rule_over(const IgDeclaredRules *rules, Oid relid, AttrNumber attnum)
{
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, ig_declared_rules_of(rules, relid))
	{
		const IgDeclaredRule *rule = (const IgDeclaredRule *) lfirst(lc);

		foreach(lt, attnum > 0 ? rule->triggers : NIL)
		{
			if (bms_is_member(attnum, ((const IgDeclaredTrigger *) lfirst(lt))->mentioned))
				return rule;
		}
	}
	return NULL;
}

/* Where it was declared. */
static char *
drop_rule_text(const IgDeclaredRule *rule)
{
	const IgRelation *rel = ig_relation_load(rule->declared_on);
	StringInfoData items;

	if (rel == NULL)
		return "";
	initStringInfo(&items);
	ig_allowance_append(&items, "guard-self", rel->schema, rel->name, NULL);
	if (ig_relation_is_financial(rel))
		ig_allowance_append(&items, "financial-disable-trigger", rel->schema, rel->name, NULL);
	return psprintf("BEGIN;\n"
					"SET LOCAL invariant_guard.reason = '...';\n"
					"SET LOCAL invariant_guard.allow = %s;\n"
					"SELECT invariant_guard.drop_rule(%s, %s%s%s);\n"
					"COMMIT;",
					quote_literal_cstr(items.data),
					quote_literal_cstr(ig_relation_quoted(rel)),
					quote_literal_cstr(rule->rule->name),
					rule->instance ? ", " : "",
					rule->instance ? quote_literal_cstr(rule->instance) : "");
}

void
ig_rule_check_not_retired(const IgDeclaration *d)
{
	Relation	rel;
	int			natts;
	ListCell   *lc;

	if (ig_retirement_of(d->relid, InvalidAttrNumber) != NULL)
		return;

	rel = table_open(d->relid, NoLock);
	natts = RelationGetNumberOfAttributes(rel);
	table_close(rel, NoLock);
	foreach(lc, ig_declared_triggers(d->relid))
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);

		if (!ig_declare_has(d, trigger->name))
			continue;
		for (AttrNumber attnum = 1; attnum <= natts; attnum++)
		{
			const IgRetirement *retirement = ig_retirement_of(d->relid, attnum);

			if (retirement != NULL && is_about(trigger, attnum))
				raise_retired(d, get_attname(d->relid, attnum, false), retirement);
		}
	}
}

/* By the trigger, or by the index that the rule consists of. */
static bool
is_about(const IgDeclaredTrigger *trigger, AttrNumber attnum)
{
	ListCell   *lc;

	if (bms_is_member(attnum, trigger->mentioned))
		return true;
	foreach(lc, ig_column_dependents(trigger->relid, attnum))
	{
		const ObjectAddress *object = (const ObjectAddress *) lfirst(lc);
		char	   *name = object->classId == RelationRelationId ?
			get_rel_name(object->objectId) : NULL;

		if (name != NULL && ig_change_rule_of_index(list_make1((void *) trigger), name) != NULL)
			return true;
	}
	return false;
}

static void
raise_retired(const IgDeclaration *d, const char *column, const IgRetirement *retirement)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("row rule \"%s\" cannot be about column \"%s\" of table \"%s\", which is retired",
					d->rule->name, ig_text_name(column), d->text),
			 errdetail("It is to be dropped, because: \"%s\"; the rule would keep it from that.",
					   ig_text_name(retirement->reason)),
			 errhint("SELECT invariant_guard.unretire_column(%s, %s);",
					 quote_literal_cstr(d->quoted), quote_literal_cstr(column))));
}
