/*-------------------------------------------------------------------------
 *
 * change_attach_rules.c
 *	  ATTACH PARTITION of a table that has a row rule of its own, where the
 *	  partitioned table has it too.
 *
 * The partition gets clones of the triggers of the partitioned table, and the
 * server has no place for two of one name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/builtins.h"

#include "gate/statement.h"
#include "model/finding.h"
#include "model/row_rule.h"
#include "platform/inherit.h"

static char *drop_calls(Oid relid, List *above, const IgDeclaredTrigger **first);
static const IgDeclaredTrigger *same_name(List *triggers, const char *name);
static char *instance_of(const IgDeclaredTrigger *trigger);

void
ig_changes_attached_rules(IgStatement *stmt, IgRelation *part, const IgRelation *parent)
{
	List	   *above = ig_declares_rules(parent->relid) ?
		ig_declared_triggers(parent->relid) : NIL;
	ListCell   *lc;

	foreach(lc, above == NIL ? NIL : ig_inheritors(part->relid, NULL))
	{
		const IgDeclaredTrigger *first = NULL;
		char	   *calls = drop_calls(lfirst_oid(lc), above, &first);
		IgChange   *change;

		if (calls == NULL)
			continue;
		change = ig_change_add(stmt, IG_LOOSEN_ROW_RULE, part);
		change->parent = unconstify(IgRelation *, parent);
		change->ruled = ig_relation_load(lfirst_oid(lc));
		change->name = first->rule->name;
		change->cure = calls;
		change->sql = ig_source_statement(stmt);
		return;
	}
}

/*
 * What drops the rules of the relation that are there above as well, one line
 * for each; NULL if there is none.
 */
static char *
drop_calls(Oid relid, List *above, const IgDeclaredTrigger **first)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, ig_declares_rules(relid) ? ig_declared_triggers(relid) : NIL)
	{
		const IgDeclaredTrigger *own = (const IgDeclaredTrigger *) lfirst(lc);
		const IgDeclaredTrigger *other = same_name(above, own->name);
		char	   *call;

		if (other == NULL || other->rule != own->rule || OidIsValid(own->parent) ||
			!TRIGGER_FOR_ROW(other->type))
			continue;
		call = ig_drop_rule_call(own);
		if (strstr(buf.data, call) != NULL)
			continue;
		if (*first == NULL)
			*first = own;
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "\n" : "", call);
	}
	return buf.len > 0 ? buf.data : NULL;
}

static const IgDeclaredTrigger *
same_name(List *triggers, const char *name)
{
	ListCell   *lc;

	foreach(lc, triggers)
	{
		if (strcmp(((const IgDeclaredTrigger *) lfirst(lc))->name, name) == 0)
			return (const IgDeclaredTrigger *) lfirst(lc);
	}
	return NULL;
}

/*
 * The instance is named where the table has several of the kind: the empty one
 * has none.
 */
char *
ig_drop_rule_call(const IgDeclaredTrigger *trigger)
{
	const IgRelation *rel = ig_relation_load(trigger->relid);
	char	   *instance = instance_of(trigger);
	bool		several = false;
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(trigger->relid))
	{
		const IgDeclaredTrigger *other = (const IgDeclaredTrigger *) lfirst(lc);

		several = several || (other->rule == trigger->rule && TRIGGER_FOR_ROW(other->type) &&
							  strcmp(instance_of(other), instance) != 0);
	}
	return psprintf("SELECT invariant_guard.drop_rule(%s, %s%s%s);",
					quote_literal_cstr(ig_relation_quoted(rel)),
					quote_literal_cstr(trigger->rule->name), several ? ", " : "",
					several ? quote_literal_cstr(instance) : "");
}

/* What drop_rule() knows it by: one written by hand by a trigger. */
static char *
instance_of(const IgDeclaredTrigger *trigger)
{
	char	   *instance;

	if (!ig_row_rule_gave_name(trigger->rule, trigger->name, &instance))
		return trigger->name;
	return instance ? instance : pstrdup("");
}
