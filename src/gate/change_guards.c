/*-------------------------------------------------------------------------
 *
 * change_guards.c
 *	  Statements that put something else in the place of a table's guards:
 *	  CREATE OR REPLACE TRIGGER, CREATE RULE, CREATE POLICY and ALTER POLICY.
 *
 * For the rules these are the same as disabling a trigger or row security;
 * new_name holds what is done, in words.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "rewrite/rewriteSupport.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/compat.h"
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
 * nowhere, and no trigger sees it.  One that is replaced may have done what a
 * trigger does.  A rule on SELECT makes a view of an empty table, up to 15.
 */
void
ig_changes_create_rule(IgStatement *stmt)
{
	const RuleStmt *create = castNode(RuleStmt, stmt->parsetree);
	IgRelation *rel = ig_relation_lookup_in(create->relation, stmt->default_schema);
	ObjectAddress address;
	IgChange   *change;

	if (rel == NULL)
		return;
	if (create->event == CMD_SELECT)
	{
		if (IG_RULE_MAKES_VIEW && rel->relkind == RELKIND_RELATION)
		{
			change = ig_change_add(stmt, IG_DROP_TABLE, rel);
			change->sql = ig_source_statement(stmt);
			change->impact.lock = AccessExclusiveLock;
		}
		return;
	}

	ObjectAddressSet(address, RewriteRelationId,
					 get_rewrite_oid(rel->relid, create->rulename, true));
	if (create->replace && OidIsValid(address.objectId))
	{
		change = guard_change(stmt, IG_DISABLE_TRIGGER, rel, create->rulename,
							  "replace rule");
		change->is_new = ig_transaction_created(&address);
	}
	else if (create->instead)
	{
		change = guard_change(stmt, IG_DISABLE_TRIGGER, rel, create->rulename,
							  "redirect writes by rule");
		ObjectAddressSet(change->address, RewriteRelationId, InvalidOid);
	}
}

/*
 * Do policies of earlier transactions say already who may see which rows?
 */
bool
ig_is_access_by_policy(Oid relid)
{
	HeapTuple	class_tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Relation	pg_policy;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		result = false;
	bool		enabled;

	if (!HeapTupleIsValid(class_tuple))
		return false;
	enabled = ((Form_pg_class) GETSTRUCT(class_tuple))->relrowsecurity;
	ReleaseSysCache(class_tuple);
	if (!enabled)
		return false;

	pg_policy = table_open(PolicyRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_policy_polrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_policy, PolicyPolrelidPolnameIndexId, true, NULL, 1, &key);
	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);
		ObjectAddress address;

		ObjectAddressSet(address, PolicyRelationId, form->oid);
		result = form->polpermissive && !ig_transaction_created(&address);
	}
	systable_endscan(scan);
	table_close(pg_policy, AccessShareLock);
	return result;
}

/*
 * CREATE POLICY: permissive ones are joined by OR.
 */
void
ig_changes_create_policy(IgStatement *stmt)
{
	const CreatePolicyStmt *create = castNode(CreatePolicyStmt, stmt->parsetree);
	IgRelation *rel = ig_relation_lookup(create->table);

	if (rel != NULL && create->permissive && ig_is_access_by_policy(rel->relid))
		guard_change(stmt, IG_DISABLE_RLS, rel, create->policy_name,
					 "widen access by policy");
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
