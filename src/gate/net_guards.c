/*-------------------------------------------------------------------------
 *
 * net_guards.c
 *	  The net under the guards of financial tables: triggers, rules, policies,
 *	  and the functions behind them.
 *
 * Here it is the outcome that is looked at, not the statement: the row that a
 * command has just written, read with SnapshotSelf, is held against the one
 * that the catalog snapshot still shows.  So it does not matter by which words
 * or names a guard was reached, and what is left as it was is no change.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/index.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_operator.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "rewrite/rewriteDefine.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "gate/decide.h"
#include "gate/net.h"
#include "gate/own.h"
#include "gate/statement.h"
#include "gate/transaction.h"
#include "model/finding.h"
#include "model/row_rule.h"
#include "platform/catalog.h"
#include "platform/text.h"

/* What is known of a guard: a row of pg_trigger, pg_rewrite or pg_policy. */
typedef struct Guard
{
	Oid			relid;
	char	   *name;
	char		enabled;		/* TRIGGER_FIRES_..., RULE_FIRES_... */
	bool		internal;		/* the server's own trigger */
	bool		permissive;		/* of a policy */
	bool		updated;		/* the row is not the first of its OID */
} Guard;

/* What else than its text makes up what a function does. */
static const AttrNumber function_parts[] = {
	Anum_pg_proc_prolang, Anum_pg_proc_prosecdef, Anum_pg_proc_proleakproof,
	Anum_pg_proc_proisstrict, Anum_pg_proc_provolatile, Anum_pg_proc_prosrc,
	Anum_pg_proc_probin, Anum_pg_proc_prosqlbody, Anum_pg_proc_proconfig
};

static HeapTuple catalog_row(Relation catalog, Oid classid, Oid objid, Snapshot snapshot);
static bool load_guard(Oid classid, Oid objid, Snapshot snapshot, Guard *guard);
static int	strength(char enabled);
static bool is_guard_foretold(IgRelation *rel, IgChangeKind kind);
static void judge_guard(Oid classid, Oid objid, const Guard *guard, const char *what);
static bool is_loosening_foretold(const IgRelation *rel);
static void judge_rule_trigger(Oid tgoid, const Guard *guard, const char *what);
static void judge_rule_index(Oid relid, const char *index, const char *what);
static void add_users(const ObjectAddress *object, List **objects, List **users);
static void add_object(List **list, Oid classid, Oid objid);
static bool is_function_changed(Oid funcid);
static void judge_function(Oid funcid, const ObjectAddress *user);
static void judge_rule_function(Oid funcid, Oid tgoid, IgRelation *rel);

bool
ig_net_is_guard(Oid classid)
{
	return classid == TriggerRelationId || classid == RewriteRelationId ||
		classid == PolicyRelationId;
}

/*
 * A guard is about to go, whatever takes it along.
 */
void
ig_net_guard_dropped(Oid classid, Oid objid)
{
	Guard		guard;

	if (!load_guard(classid, objid, NULL, &guard) || guard.internal)
		return;
	if (classid == TriggerRelationId)
		judge_rule_trigger(objid, &guard, "drop");
	judge_guard(classid, objid, &guard,
				classid == TriggerRelationId ? "drop trigger" :
				classid == RewriteRelationId ? "drop rule" : "drop policy");
}

/*
 * A guard was altered: does it hold less often than before?  What a policy
 * says may have become wider or narrower; only a new name is neither.
 */
void
ig_net_guard_altered(Oid classid, Oid objid)
{
	Guard		before;
	Guard		after;

	if (!load_guard(classid, objid, NULL, &before) ||
		!load_guard(classid, objid, SnapshotSelf, &after))
		return;

	if (classid == PolicyRelationId)
	{
		if (strcmp(before.name, after.name) == 0)
			judge_guard(classid, objid, &after, "alter policy");
		return;
	}
	if (strength(after.enabled) >= strength(before.enabled))
		return;
	if (classid == TriggerRelationId)
		judge_rule_trigger(objid, &after, "weaken");
	judge_guard(classid, objid, &after,
				classid == TriggerRelationId ? "weaken trigger" : "weaken rule");
}

/*
 * A guard was entered, or replaced by one of the same name; its old row may be
 * out of sight already.  One more permissive policy lets through what the
 * others do not.
 */
void
ig_net_guard_created(Oid classid, Oid objid)
{
	Guard		guard;

	if (!load_guard(classid, objid, SnapshotSelf, &guard) || guard.internal)
		return;

	if (guard.updated)
		judge_guard(classid, objid, &guard,
					classid == TriggerRelationId ? "replace trigger" : "replace rule");
	else if (guard.permissive && ig_is_access_by_policy(guard.relid))
		judge_guard(classid, objid, &guard, "widen access by policy");
}

/*
 * An index is about to go, or has another name: a rule that consists of it
 * finds it by its name.
 */
void
ig_net_index_dropped(Oid relid)
{
	if (get_rel_relkind(relid) == RELKIND_INDEX ||
		get_rel_relkind(relid) == RELKIND_PARTITIONED_INDEX)
		judge_rule_index(relid, get_rel_name(relid), "drop");
}

void
ig_net_index_altered(Oid relid)
{
	const char *before = get_rel_name(relid);
	Relation	pg_class;
	HeapTuple	after;

	if (before == NULL || (get_rel_relkind(relid) != RELKIND_INDEX &&
						   get_rel_relkind(relid) != RELKIND_PARTITIONED_INDEX))
		return;
	pg_class = table_open(RelationRelationId, AccessShareLock);
	after = catalog_row(pg_class, RelationRelationId, relid, SnapshotSelf);
	table_close(pg_class, AccessShareLock);
	if (HeapTupleIsValid(after) &&
		namestrcmp(&((Form_pg_class) GETSTRUCT(after))->relname, before) != 0)
		judge_rule_index(relid, before, "rename");
}

/*
 * A function was altered or replaced.  What leans on it without holding a copy
 * of it: triggers, policies, and CHECK constraints, be it through an operator or
 * another function.
 */
void
ig_net_function(Oid funcid)
{
	List	   *objects = NIL;
	List	   *users = NIL;
	ListCell   *lc;

	if (!is_function_changed(funcid))
		return;

	add_object(&objects, ProcedureRelationId, funcid);
	for (int i = 0; i < list_length(objects); i++)
		add_users((const ObjectAddress *) list_nth(objects, i), &objects, &users);
	foreach(lc, users)
		judge_function(funcid, (const ObjectAddress *) lfirst(lc));
}

/* What depends on the object: more of them to follow, and what is judged. */
static void
add_users(const ObjectAddress *object, List **objects, List **users)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object->classId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(object->objectId));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);

		if (depend->classid == TriggerRelationId || depend->classid == PolicyRelationId ||
			depend->classid == ConstraintRelationId)
			add_object(users, depend->classid, depend->objid);
		else if (depend->classid == OperatorRelationId || depend->classid == ProcedureRelationId)
			add_object(objects, depend->classid, depend->objid);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
}

static void
add_object(List **list, Oid classid, Oid objid)
{
	ObjectAddress *object;
	ListCell   *lc;

	foreach(lc, *list)
	{
		const ObjectAddress *known = (const ObjectAddress *) lfirst(lc);

		if (known->classId == classid && known->objectId == objid)
			return;
	}
	object = palloc(sizeof(ObjectAddress));
	ObjectAddressSet(*object, classid, objid);
	*list = lappend(*list, object);
}

/*
 * A copy of a guard's row, or NULL.  A NULL snapshot is the catalog's own.
 */
static HeapTuple
catalog_row(Relation catalog, Oid classid, Oid objid, Snapshot snapshot)
{
	Oid			index;
	AttrNumber	oidcol;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	switch (classid)
	{
		case TriggerRelationId:
			index = TriggerOidIndexId;
			oidcol = Anum_pg_trigger_oid;
			break;
		case RewriteRelationId:
			index = RewriteOidIndexId;
			oidcol = Anum_pg_rewrite_oid;
			break;
		case PolicyRelationId:
			index = PolicyOidIndexId;
			oidcol = Anum_pg_policy_oid;
			break;
		case RelationRelationId:
			index = ClassOidIndexId;
			oidcol = Anum_pg_class_oid;
			break;
		default:
			index = ProcedureOidIndexId;
			oidcol = Anum_pg_proc_oid;
			break;
	}

	ScanKeyInit(&key, oidcol, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(objid));
	scan = systable_beginscan(catalog, index, true, snapshot, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		tuple = heap_copytuple(tuple);
	systable_endscan(scan);
	return tuple;
}

static bool
load_guard(Oid classid, Oid objid, Snapshot snapshot, Guard *guard)
{
	Relation	catalog = table_open(classid, AccessShareLock);
	HeapTuple	tuple = catalog_row(catalog, classid, objid, snapshot);

	table_close(catalog, AccessShareLock);
	memset(guard, 0, sizeof(Guard));
	if (!HeapTupleIsValid(tuple))
		return false;

	guard->updated = (tuple->t_data->t_infomask & HEAP_UPDATED) != 0;
	if (classid == TriggerRelationId)
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		guard->relid = form->tgrelid;
		guard->name = pstrdup(NameStr(form->tgname));
		guard->enabled = form->tgenabled;
		guard->internal = form->tgisinternal;
	}
	else if (classid == RewriteRelationId)
	{
		Form_pg_rewrite form = (Form_pg_rewrite) GETSTRUCT(tuple);

		guard->relid = form->ev_class;
		guard->name = pstrdup(NameStr(form->rulename));
		guard->enabled = form->ev_enabled;
	}
	else
	{
		Form_pg_policy form = (Form_pg_policy) GETSTRUCT(tuple);

		guard->relid = form->polrelid;
		guard->name = pstrdup(NameStr(form->polname));
		guard->permissive = form->polpermissive;
	}
	return true;
}

/*
 * In how many sessions it fires; rules have the same letters.
 */
static int
strength(char enabled)
{
	switch (enabled)
	{
		case TRIGGER_FIRES_ALWAYS:
			return 3;
		case TRIGGER_FIRES_ON_ORIGIN:
			return 2;
		case TRIGGER_FIRES_ON_REPLICA:
			return 1;
		default:
			return 0;
	}
}

/*
 * Has a running statement said that it would weaken a guard of this kind of
 * the table, or of one above it, or that the table itself goes?
 */
static bool
is_guard_foretold(IgRelation *rel, IgChangeKind kind)
{
	List	   *line = ig_statement_current ? ig_net_line_of_descent(rel->relid) : NIL;

	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if ((change->kind == kind || change->kind == IG_DROP_TABLE) &&
				list_member_oid(line, change->rel->relid) &&
				(change->rel->classes & rel->classes) == rel->classes)
				return true;
		}
	}
	return false;
}

static void
judge_guard(Oid classid, Oid objid, const Guard *guard, const char *what)
{
	IgChange	change = {0};
	IgRelation *rel = ig_relation_load(guard->relid);

	if (rel == NULL || !ig_relation_is_financial(rel) || ig_relation_is_exempt(rel))
		return;

	change.kind = classid == PolicyRelationId ? IG_DISABLE_RLS : IG_DISABLE_TRIGGER;
	change.rel = rel;
	change.derived = true;
	ObjectAddressSet(change.address, classid, objid);
	if (ig_transaction_created(&change.address) || is_guard_foretold(rel, change.kind))
		return;
	change.name = guard->name;
	change.new_name = psprintf("%s \"%s\"", what, ig_text_name(guard->name));
	ig_decide_change(&change);
}

/*
 * Has a running statement said that it would weaken the triggers of the table,
 * or what it takes along?
 */
static bool
is_loosening_foretold(const IgRelation *rel)
{
	List	   *line;

	/* drop_rule() has asked for the rule as a whole */
	if (OidIsValid(ig_own_trigger_let_go))
		return true;

	line = ig_statement_current ? ig_net_line_of_descent(rel->relid) : NIL;
	for (IgStatement *stmt = ig_statement_current; stmt != NULL; stmt = stmt->outer)
	{
		ListCell   *lc;

		foreach(lc, stmt->changes)
		{
			const IgChange *change = (const IgChange *) lfirst(lc);

			if ((change->kind == IG_WEAKEN_GUARD || change->kind == IG_LOOSEN_ROW_RULE ||
				 change->kind == IG_DROP_TABLE) &&
				(change->rel == NULL || list_member_oid(line, change->rel->relid)))
				return true;
		}
	}
	return false;
}

/*
 * A trigger of a row rule goes, or fires less often, in a way that nobody saw
 * coming: by CASCADE from a column, a function or a type.
 */
static void
judge_rule_trigger(Oid tgoid, const Guard *guard, const char *what)
{
	const IgDeclaredTrigger *declared = ig_declared_trigger(tgoid);
	IgRelation *rel = declared ? ig_relation_load(guard->relid) : NULL;
	IgChange	change = {0};

	if (rel == NULL || ig_relation_is_exempt(rel) || is_loosening_foretold(rel))
		return;
	ObjectAddressSet(change.address, TriggerRelationId, tgoid);
	if (ig_transaction_created(&change.address))
		return;

	change.kind = IG_LOOSEN_ROW_RULE;
	change.rel = rel;
	change.derived = true;
	change.name = declared->rule->name;
	change.words = psprintf("%s trigger \"%s\" of %s", what, ig_text_name(guard->name),
							ig_text_relation(rel));
	change.new_name = "The rule is its triggers.";
	ig_decide_change(&change);
}

static void
judge_rule_index(Oid relid, const char *index, const char *what)
{
	Oid			table = IndexGetRelation(relid, true);
	const IgDeclaredTrigger *declared;
	IgRelation *rel;
	IgChange	change = {0};

	if (!OidIsValid(table) || !ig_declares_rules(table))
		return;
	declared = ig_change_rule_of_index(ig_declared_triggers(table), index);
	rel = declared ? ig_relation_load(table) : NULL;
	if (rel == NULL || ig_relation_is_exempt(rel) || is_loosening_foretold(rel))
		return;
	ObjectAddressSet(change.address, TriggerRelationId, declared->oid);
	if (ig_transaction_created(&change.address))
		return;

	change.kind = IG_LOOSEN_ROW_RULE;
	change.rel = rel;
	change.derived = true;
	change.name = declared->rule->name;
	change.words = psprintf("%s index \"%s\" of %s", what, ig_text_name(index),
							ig_text_relation(rel));
	change.new_name = "The rule is held by this index.";
	ig_decide_change(&change);
}

/*
 * Does the function do something else than before?  One that is new does not.
 */
static bool
is_function_changed(Oid funcid)
{
	Relation	pg_proc = table_open(ProcedureRelationId, AccessShareLock);
	HeapTuple	before = catalog_row(pg_proc, ProcedureRelationId, funcid, NULL);
	HeapTuple	after = catalog_row(pg_proc, ProcedureRelationId, funcid, SnapshotSelf);
	TupleDesc	desc = RelationGetDescr(pg_proc);
	bool		result = false;

	for (int i = 0; i < lengthof(function_parts) && before != NULL && after != NULL; i++)
	{
		AttrNumber	attnum = function_parts[i];
		Form_pg_attribute attr = TupleDescAttr(desc, attnum - 1);
		bool		null_before;
		bool		null_after;
		Datum		old_value = heap_getattr(before, attnum, desc, &null_before);
		Datum		new_value = heap_getattr(after, attnum, desc, &null_after);

		if (null_before != null_after ||
			(!null_before && !datum_image_eq(old_value, new_value, attr->attbyval, attr->attlen)))
			result = true;
	}
	table_close(pg_proc, AccessShareLock);
	return result;
}

/*
 * user is a trigger, policy or CHECK constraint that calls the function.
 */
static void
judge_function(Oid funcid, const ObjectAddress *user)
{
	Oid			relid = ig_object_relation(user);
	IgRelation *rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;
	ObjectAddress function;
	IgChange	change = {0};

	ObjectAddressSet(function, ProcedureRelationId, funcid);
	if (rel == NULL || ig_relation_is_exempt(rel) || ig_transaction_created(user) ||
		ig_transaction_created(&function))
		return;
	if (user->classId == TriggerRelationId)
		judge_rule_function(funcid, user->objectId, rel);
	if (!ig_relation_is_financial(rel))
		return;

	change.kind = user->classId == PolicyRelationId ? IG_DISABLE_RLS : IG_DISABLE_TRIGGER;
	change.rel = rel;
	change.derived = true;
	change.address = *user;
	change.name = get_func_name(funcid);
	change.new_name = psprintf("change function \"%s.%s\" behind %s",
							   ig_text_name(get_namespace_name(get_func_namespace(funcid))),
							   ig_text_name(change.name),
							   user->classId == TriggerRelationId ? "a trigger" :
							   user->classId == PolicyRelationId ? "a policy" : "a constraint");
	ig_decide_change(&change);
}

/*
 * A rule that holds while a condition does is loosened by what the condition
 * calls.  Our own functions are guarded with the extension.
 */
static void
judge_rule_function(Oid funcid, Oid tgoid, IgRelation *rel)
{
	const IgDeclaredTrigger *declared = ig_declared_trigger(tgoid);
	IgChange	change = {0};

	if (declared == NULL || OidIsValid(declared->parent) ||
		ig_row_rule_of_function(funcid) != NULL)
		return;
	change.kind = IG_LOOSEN_ROW_RULE;
	change.rel = rel;
	change.derived = true;
	ObjectAddressSet(change.address, TriggerRelationId, tgoid);
	change.name = declared->rule->name;
	change.words = psprintf("change function \"%s.%s\" behind trigger \"%s\" of %s",
							ig_text_name(get_namespace_name(get_func_namespace(funcid))),
							ig_text_name(get_func_name(funcid)), ig_text_name(declared->name),
							ig_text_relation(rel));
	change.new_name = "The rule holds for the rows for which its condition does.";
	ig_decide_change(&change);
}
