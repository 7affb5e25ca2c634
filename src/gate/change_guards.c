/*-------------------------------------------------------------------------
 *
 * change_guards.c
 *	  Statements that put something else in the place of a table's guards:
 *	  CREATE OR REPLACE TRIGGER, CREATE RULE and ALTER POLICY.
 *
 * For the rules these are the same as disabling a trigger or row security;
 * new_name holds what is done, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "commands/policy.h"
#include "commands/trigger.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/text.h"

static IgChange *
guard_change(IgStatement *stmt, IgChangeKind kind, IgRelation *rel, const char *name,
			 const char *what)
{
	IgChange   *change = ig_change_add(stmt, kind, rel);

	change->name = name;
	change->new_name = psprintf("%s \"%s\"", what, ig_text_name(name));
	change->sql = ig_source_statement(stmt);
	return change;
}

/*
 * CREATE OR REPLACE TRIGGER where there is one of the name: the new one may do
 * anything, and it fires as an ordinary one even if the old one fired always.
 */
void
ig_changes_create_trigger(IgStatement *stmt)
{
	const CreateTrigStmt *create = castNode(CreateTrigStmt, stmt->parsetree);
	ObjectAddress address;
	IgRelation *rel;
	IgChange   *change;

	if (!create->replace || create->relation == NULL)
		return;
	rel = ig_relation_lookup_in(create->relation, stmt->default_schema);
	if (rel == NULL)
		return;
	ObjectAddressSet(address, TriggerRelationId,
					 get_trigger_oid(rel->relid, create->trigname, true));
	if (!OidIsValid(address.objectId))
		return;

	change = guard_change(stmt, IG_DISABLE_TRIGGER, rel, create->trigname,
						  "replace trigger");
	change->is_new = ig_transaction_created(&address);
	ig_changes_heirs(stmt);
}

/*
 * CREATE RULE ... DO INSTEAD: what is written to the table goes elsewhere, or
 * nowhere, and no trigger sees it.
 */
void
ig_changes_create_rule(IgStatement *stmt)
{
	const RuleStmt *create = castNode(RuleStmt, stmt->parsetree);
	IgRelation *rel;

	if (!create->instead || create->event == CMD_SELECT)
		return;
	rel = ig_relation_lookup_in(create->relation, stmt->default_schema);
	if (rel != NULL)
		guard_change(stmt, IG_DISABLE_TRIGGER, rel, create->rulename,
					 "redirect writes by rule");
}

void
ig_changes_alter_policy(IgStatement *stmt)
{
	const AlterPolicyStmt *alter = castNode(AlterPolicyStmt, stmt->parsetree);
	IgRelation *rel = ig_relation_lookup(alter->table);
	ObjectAddress address;
	IgChange   *change;

	if (rel == NULL)
		return;
	ObjectAddressSet(address, PolicyRelationId,
					 get_relation_policy_oid(rel->relid, alter->policy_name, true));
	if (!OidIsValid(address.objectId))
		return;

	change = guard_change(stmt, IG_DISABLE_RLS, rel, alter->policy_name, "alter policy");
	change->is_new = ig_transaction_created(&address);
}
