/*-------------------------------------------------------------------------
 *
 * drop_rule.c
 *	  drop_rule(): the triggers of a rule, wherever they are, go.
 *
 * They go by DROP TRIGGER, the way of every statement.  The gate is asked about
 * the rule as a whole, so that one allowance for the table is enough for what
 * inherits from it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "gate/decide.h"
#include "gate/own.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/list_setting.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/declared.h"
#include "rows/rows.h"
#include "rows/soft_delete_keys.h"
#include "rules/allowance.h"
#include "rules/rules.h"

static const IgRowRule *rule_argument(FunctionCallInfo fcinfo);
static const IgDeclaredRule *find_rule(List *declared, Oid relid, const IgRowRule *rule,
									   const char *instance);
static void raise_not_declared(List *declared, Oid relid, const IgRowRule *rule,
							   const char *instance, List *instances);
static bool is_unnamed(List *instances);
static char *instances_text(List *instances);
static const char *instance_argument(List *declared, const IgDeclaredRule *rule);
static List *own_triggers(const IgDeclaredRules *rules, const IgDeclaredRule *rule);
static char *call_text(Oid relid, const IgRowRule *rule, const char *instance);
static void judge(const IgDeclaredRule *rule, const char *instance, List *triggers,
				  List *others);
static IgChange *add_change(List **changes, IgChangeKind kind, IgRelation *rel);
static bool is_new(List *triggers);
static List *those_of_one(List **triggers);
static int	drop_triggers(List *triggers);
static int	drop_from_heirs(Oid relid, List *triggers);
static bool has_kept(List *present, List *triggers);
static bool is_among(const IgDeclaredTrigger *trigger, List *triggers);
static bool is_wanted_above(const IgDeclaredTrigger *trigger, List *done);
static void drop_trigger(const IgDeclaredTrigger *trigger);

PG_FUNCTION_INFO_V1(ig_sql_drop_rule);

/*
 * invariant_guard.drop_rule(rel regclass, rule text, instance text DEFAULT NULL)
 * returns integer: how many triggers were dropped, clones not counted.
 */
Datum
ig_sql_drop_rule(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	const IgRowRule *rule = rule_argument(fcinfo);
	const char *instance = ig_declare_text(fcinfo, 2);
	const IgDeclaredRule *declared;
	IgDeclaredRules *rules;
	List	   *triggers;
	List	   *others = NIL;
	int			count;

	PreventCommandIfReadOnly("invariant_guard.drop_rule()");
	ig_check_owned_table(relid);

	rules = ig_declared_rules_load();
	declared = find_rule(ig_declared_rules_of(rules, relid), relid, rule, instance);
	triggers = own_triggers(rules, declared);
	if (rule->kind == IG_ROW_SOFT_DELETE)
		others = ig_soft_delete_companions(declared);
	judge(declared, instance_argument(ig_declared_rules_of(rules, relid), declared), triggers,
		  others);

	/* the first one locks the table, so that nothing joins it from then on */
	count = drop_triggers(triggers);
	while (others != NIL)
		count += drop_triggers(those_of_one(&others));
	PG_RETURN_INT32(count);
}

static const IgRowRule *
rule_argument(FunctionCallInfo fcinfo)
{
	const char *names[IG_ROW_RULE_KINDS + 1] = {NULL};
	char	   *name = ig_declare_text(fcinfo, 1);
	const IgRowRule *rule;
	const char *nearest;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the rule must not be null")));
	rule = ig_row_rule_by_name(name);
	if (rule != NULL)
		return rule;

	for (int i = 0; i < IG_ROW_RULE_KINDS; i++)
		names[i] = ig_row_rule((IgRowRuleKind) i)->name;
	nearest = ig_nearest_word(name, names, NULL);
	ereport(ERROR,
			(errcode(ERRCODE_IG_NO_SUCH_RULE),
			 errmsg("there is no row rule \"%s\"", ig_text_name(name)),
			 errdetail("The row rules are %s.", ig_text_words(names)),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
	return NULL;
}

/*
 * Without an instance: the only one.  The one that has no name is named ''.
 */
static const IgDeclaredRule *
find_rule(List *declared, Oid relid, const IgRowRule *rule, const char *instance)
{
	const IgDeclaredRule *found = NULL;
	List	   *instances = NIL;
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgDeclaredRule *candidate = (const IgDeclaredRule *) lfirst(lc);

		if (candidate->rule != rule)
			continue;
		instances = lappend(instances, (void *) (candidate->instance ? candidate->instance : ""));
		if (instance == NULL || ig_declared_is_instance(candidate, instance))
			found = candidate;
	}
	if (found == NULL || (instance == NULL && list_length(instances) > 1))
		raise_not_declared(declared, relid, rule, instance, instances);
	return found;
}

static void
raise_not_declared(List *declared, Oid relid, const IgRowRule *rule, const char *instance,
				   List *instances)
{
	char	   *table = ig_text_name(ig_table_name(relid));
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, declared)
		names = list_append_unique_ptr(names,
									   (void *) ((const IgDeclaredRule *) lfirst(lc))->rule->name);

	if (!list_member_ptr(names, rule->name))
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("table \"%s\" has no rule \"%s\"", table, rule->name),
				 names == NIL ? errdetail("It has no row rule.") :
				 errdetail("Its row rules are %s.", ig_text_list(names, 20))));
	else if (instance == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("table \"%s\" has several rules \"%s\"", table, rule->name),
				 errdetail("Their instances are %s.", instances_text(instances)),
				 errhint("Name one of them: %s;",
						 call_text(relid, rule, (const char *) linitial(instances)))));
	else
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("rule \"%s\" of table \"%s\" has no instance \"%s\"",
						rule->name, table, ig_text_name(instance)),
				 is_unnamed(instances) ? errdetail("It has no instances.") :
				 errdetail("Its instances are %s.", instances_text(instances))));
}

/* One, and without a name? */
static bool
is_unnamed(List *instances)
{
	return list_length(instances) == 1 && ((const char *) linitial(instances))[0] == '\0';
}

static char *
instances_text(List *instances)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, instances)
	{
		const char *instance = (const char *) lfirst(lc);

		appendStringInfo(&buf, "%s\"%s\"%s", buf.len > 0 ? ", " : "", ig_text_name(instance),
						 instance[0] == '\0' ? " (which has no name)" : "");
	}
	return buf.data;
}

/* To be named in a call that drops it: NULL where there is but one. */
static const char *
instance_argument(List *declared, const IgDeclaredRule *rule)
{
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgDeclaredRule *other = (const IgDeclaredRule *) lfirst(lc);

		if (other->rule == rule->rule && rule->instance == NULL && other->instance != NULL)
			return "";
	}
	return rule->instance;
}

/*
 * What comes from above goes there.  Of a partition that has kept the rules,
 * these may go by themselves.
 */
static List *
own_triggers(const IgDeclaredRules *rules, const IgDeclaredRule *rule)
{
	List	   *kept = NIL;
	ListCell   *lc;

	if (rule->source == IG_RULE_DECLARED)
		return rule->triggers;

	foreach(lc, rule->triggers)
	{
		if (ig_declared_is_kept((const IgDeclaredTrigger *) lfirst(lc)))
			kept = lappend(kept, lfirst(lc));
	}
	if (kept == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
				 errmsg("cannot drop rule \"%s\" of table \"%s\", which has it from table \"%s\"",
						rule->rule->name, ig_text_name(ig_table_name(rule->relid)),
						ig_text_name(ig_table_name(rule->declared_on))),
				 errhint("Drop it there: %s;",
						 call_text(rule->declared_on, rule->rule,
								   instance_argument(ig_declared_rules_of(rules, rule->declared_on), rule)))));
	return kept;
}

static char *
call_text(Oid relid, const IgRowRule *rule, const char *instance)
{
	char	   *schema = get_namespace_name_or_temp(get_rel_namespace(relid));
	char	   *name = get_rel_name(relid);
	char	   *table = schema && name ? quote_qualified_identifier(schema, name) : psprintf("%u", relid);

	return psprintf("SELECT invariant_guard.drop_rule(%s, %s%s%s)",
					quote_literal_cstr(table), quote_literal_cstr(rule->name),
					instance ? ", " : "", instance ? quote_literal_cstr(instance) : "");
}

/*
 * Ask the gate once.  Each financial table among them has its say as well, and
 * whoever refuses tells of the allowances for all.
 */
static void
judge(const IgDeclaredRule *rule, const char *instance, List *triggers, List *others)
{
	IgRelation *rel = ig_relation_load(rule->relid);
	IgFindings	findings = {NIL};
	List	   *relids;
	List	   *changes = NIL;
	StringInfoData allow;
	IgChange   *whole;
	ListCell   *lc;

	if (!ig_gate_active() || rel == NULL)
		return;

	initStringInfo(&allow);
	ig_allowance_append(&allow, "guard-self", rel->schema, rel->name, NULL);
	whole = add_change(&changes, IG_WEAKEN_GUARD, rel);
	whole->is_new = is_new(triggers);
	whole->words = psprintf("drop rule \"%s\" of %s", rule->rule->name, ig_text_relation(rel));
	whole->new_name = "Its triggers hold the rule for whatever application, on the table and on all that inherit from it.";
	whole->sql = call_text(rule->relid, rule->rule, instance);

	relids = ig_inheritors(rule->relid, NULL);
	foreach(lc, others)
		relids = list_append_unique_oid(relids, ((const IgDeclaredTrigger *) lfirst(lc))->relid);
	foreach(lc, relids)
	{
		const IgDeclaredTrigger *first = (const IgDeclaredTrigger *) linitial(triggers);
		IgRelation *table = ig_relation_load(lfirst_oid(lc));
		IgChange   *change;

		if (table == NULL || !ig_relation_is_financial(table) || whole->is_new)
			continue;
		ig_allowance_append(&allow, "financial-disable-trigger", table->schema, table->name, NULL);
		change = add_change(&changes, IG_DISABLE_TRIGGER, table);
		change->name = first->name;
		change->new_name = psprintf("drop rule \"%s\"", rule->rule->name);
		change->derived = lfirst_oid(lc) != rule->relid;
	}

	foreach(lc, changes)
		ig_rules_judge((const IgChange *) lfirst(lc), &findings);
	foreach(lc, findings.list)
	{
		IgFinding  *finding = (IgFinding *) lfirst(lc);

		finding->hint = NULL;
		finding->allowances = NIL;
		ig_allowance_hint(finding, allow.data, whole->sql);
	}
	ig_decide(&findings);
}

static IgChange *
add_change(List **changes, IgChangeKind kind, IgRelation *rel)
{
	IgChange   *change = palloc0(sizeof(IgChange));

	change->kind = kind;
	change->rel = rel;
	*changes = lappend(*changes, change);
	return change;
}

/* What this transaction has declared has guarded nothing yet. */
static bool
is_new(List *triggers)
{
	ListCell   *lc;

	foreach(lc, triggers)
	{
		ObjectAddress address;

		ObjectAddressSet(address, TriggerRelationId,
						 ((const IgDeclaredTrigger *) lfirst(lc))->oid);
		if (!ig_transaction_created(&address))
			return false;
	}
	return true;
}

/* Take the triggers of the first one's relation out of the list. */
static List *
those_of_one(List **triggers)
{
	Oid			relid = ((const IgDeclaredTrigger *) linitial(*triggers))->relid;
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, *triggers)
	{
		if (((const IgDeclaredTrigger *) lfirst(lc))->relid == relid)
			result = lappend(result, lfirst(lc));
	}
	*triggers = list_difference_ptr(*triggers, result);
	return result;
}

/* Triggers of one relation, there and on what inherits from it. */
static int
drop_triggers(List *triggers)
{
	ListCell   *lc;

	foreach(lc, triggers)
		drop_trigger((const IgDeclaredTrigger *) lfirst(lc));
	return list_length(triggers) +
		drop_from_heirs(((const IgDeclaredTrigger *) linitial(triggers))->relid, triggers);
}

/*
 * The clones of partitions are gone by now.  What a partition has kept is its
 * own, with the statement triggers, which are no clones; and what another
 * parent wants stays.
 */
static int
drop_from_heirs(Oid relid, List *triggers)
{
	List	   *done = list_make1_oid(relid);
	List	   *keepers = NIL;
	int			count = 0;
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		Oid			heir = lfirst_oid(lc);
		List	   *present = heir == relid ? NIL : ig_declared_triggers(heir);

		if (has_kept(present, triggers))
		{
			keepers = lappend(keepers, ig_table_name(heir));
			present = NIL;
		}
		foreach(lt, present)
		{
			const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lt);

			if (!is_among(trigger, triggers) || is_wanted_above(trigger, done))
				continue;
			drop_trigger(trigger);
			count++;
		}
		done = lappend_oid(done, heir);
	}
	if (keepers != NIL)
		ereport(NOTICE,
				(errmsg("the rule stays where triggers of its own were kept: %s",
						ig_text_list(keepers, 10))));
	return count;
}

/* Is one of these a copy that keep_rules() has made of one of those? */
static bool
has_kept(List *present, List *triggers)
{
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, present)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);

		foreach(lt, triggers)
		{
			const IgDeclaredTrigger *above = (const IgDeclaredTrigger *) lfirst(lt);

			if (trigger->rule == above->rule &&
				strcmp(trigger->name, makeObjectName(above->name, NULL, "kept")) == 0)
				return true;
		}
	}
	return false;
}

static bool
is_among(const IgDeclaredTrigger *trigger, List *triggers)
{
	ListCell   *lc;

	foreach(lc, triggers)
	{
		const IgDeclaredTrigger *above = (const IgDeclaredTrigger *) lfirst(lc);

		if (trigger->rule == above->rule && strcmp(trigger->name, above->name) == 0)
			return true;
	}
	return false;
}

/* Does a parent that has not been seen to have a trigger of this name? */
static bool
is_wanted_above(const IgDeclaredTrigger *trigger, List *done)
{
	ListCell   *lp;
	ListCell   *lt;

	foreach(lp, ig_parents_of(trigger->relid))
	{
		if (list_member_oid(done, lfirst_oid(lp)))
			continue;
		foreach(lt, ig_declared_triggers(lfirst_oid(lp)))
		{
			const IgDeclaredTrigger *above = (const IgDeclaredTrigger *) lfirst(lt);

			if (above->rule == trigger->rule && strcmp(above->name, trigger->name) == 0)
				return true;
		}
	}
	return false;
}

static void
drop_trigger(const IgDeclaredTrigger *trigger)
{
	char	   *table = quote_qualified_identifier(get_namespace_name_or_temp(get_rel_namespace(trigger->relid)),
												   get_rel_name(trigger->relid));

	ig_own_trigger_let_go = trigger->oid;
	PG_TRY();
	{
		ig_declare_execute(psprintf("DROP TRIGGER %s ON %s", quote_identifier(trigger->name), table));
	}
	PG_FINALLY();
	{
		ig_own_trigger_let_go = InvalidOid;
	}
	PG_END_TRY();
	CommandCounterIncrement();
}
