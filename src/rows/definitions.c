/*-------------------------------------------------------------------------
 *
 * definitions.c
 *	  What is asked of all kinds of row rules alike.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "rows/definitions.h"
#include "rows/rule_trigger.h"
#include "rows/trigger.h"

/* By IgRowRuleKind. */
static const IgRuleDefinition *const definitions[] = {
	&ig_optimistic_lock_definition,
	&ig_soft_delete_definition,
	&ig_soft_delete_parent_definition,
	&ig_append_only_definition,
	&ig_immutable_columns_definition,
	&ig_frozen_rows_definition,
	&ig_snapshot_columns_definition,
	&ig_unique_active_definition,
	&ig_relative_only_definition,
	&ig_isolation_floor_definition,
	&ig_commit_assertion_definition,
	&ig_row_limit_definition,
	&ig_on_no_match_definition,
	&ig_audit_columns_definition,
};

StaticAssertDecl(lengthof(definitions) == IG_ROW_RULE_KINDS, "each kind is defined");

/*
 * Before the first row meets it.
 */
void
ig_rule_trigger_check(Oid tgoid)
{
	const IgDeclaredTrigger *declared = ig_declared_trigger(tgoid);
	const IgRuleDefinition *definition;
	IgRuleTrigger *trigger;
	Relation	rel;

	if (declared == NULL || OidIsValid(declared->parent))
		return;
	definition = definitions[declared->rule->kind];

	rel = table_open(declared->relid, AccessShareLock);
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *tg = &rel->trigdesc->triggers[i];

		if (tg->tgoid != tgoid)
			continue;
		trigger = ig_rule_trigger_read(definition, ig_trigger_copy(tg), rel);
		if (definition->check)
			definition->check(trigger, rel);
		break;
	}
	table_close(rel, NoLock);
}

char *
ig_rule_violations(const IgDeclaredTrigger *declared)
{
	const IgRuleDefinition *definition = definitions[declared->rule->kind];

	return definition->violations ? definition->violations(declared) : NULL;
}
