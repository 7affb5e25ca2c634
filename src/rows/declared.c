/*-------------------------------------------------------------------------
 *
 * declared.c
 *	  The row rules that are declared, put together from their triggers.
 *
 * What belongs together is told by the names of the triggers where an add_
 * function has given them, and else by the columns and options that they have
 * in common.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#include "platform/inherit.h"
#include "rows/declared.h"
#include "rows/spread.h"

#define KEPT_SUFFIX		"_kept"

typedef struct RelationRules
{
	Oid			relid;			/* hash key */
	List	   *triggers;		/* of IgDeclaredTrigger */
	List	   *rules;			/* of IgDeclaredRule */
} RelationRules;

static int	compare_triggers(const ListCell *a, const ListCell *b);
static List *rules_of_triggers(List *triggers);
static IgDeclaredRule *rule_of_trigger(List **rules, List *siblings,
									   const IgDeclaredTrigger *trigger);
static char *plain_name(List *siblings, const IgDeclaredTrigger *trigger);
static IgDeclaredRule *find_by_hand(List *rules, const IgDeclaredTrigger *trigger);
static void name_by_hand(List *rules);
static List *add_texts(List *texts, const List *more);
static bool same_texts(const List *a, const List *b);
static void find_source(const IgDeclaredRules *rules, IgDeclaredRule *rule);
static Oid	declared_above(const IgDeclaredRules *rules, const IgDeclaredRule *rule,
						   Oid relid);
static List *triggers_of(const IgDeclaredRules *rules, Oid relid);

IgDeclaredRules *
ig_declared_rules_load(void)
{
	IgDeclaredRules *rules = palloc0(sizeof(IgDeclaredRules));
	List	   *triggers = ig_all_declared_triggers();
	HASHCTL		ctl = {0};
	ListCell   *lc;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(RelationRules);
	ctl.hcxt = CurrentMemoryContext;
	rules->by_relation = hash_create("invariant_guard declared rules", 128, &ctl,
									 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	list_sort(triggers, compare_triggers);
	foreach(lc, triggers)
	{
		IgDeclaredTrigger *trigger = (IgDeclaredTrigger *) lfirst(lc);
		bool		found;
		RelationRules *entry = hash_search(rules->by_relation, &trigger->relid,
										   HASH_ENTER, &found);

		if (!found)
			entry->triggers = entry->rules = NIL;
		entry->triggers = lappend(entry->triggers, trigger);

		/* the last one of the relation: they stand together */
		if (lnext(triggers, lc) == NULL ||
			((IgDeclaredTrigger *) lfirst(lnext(triggers, lc)))->relid != trigger->relid)
		{
			entry->rules = rules_of_triggers(entry->triggers);
			rules->list = list_concat(rules->list, entry->rules);
		}
	}

	foreach(lc, rules->list)
		find_source(rules, (IgDeclaredRule *) lfirst(lc));
	return rules;
}

List *
ig_declared_rules_of(const IgDeclaredRules *rules, Oid relid)
{
	RelationRules *entry = hash_search(rules->by_relation, &relid, HASH_FIND, NULL);

	return entry ? entry->rules : NIL;
}

static List *
triggers_of(const IgDeclaredRules *rules, Oid relid)
{
	RelationRules *entry = hash_search(rules->by_relation, &relid, HASH_FIND, NULL);

	return entry ? entry->triggers : NIL;
}

static int
compare_triggers(const ListCell *a, const ListCell *b)
{
	const IgDeclaredTrigger *left = (const IgDeclaredTrigger *) lfirst(a);
	const IgDeclaredTrigger *right = (const IgDeclaredTrigger *) lfirst(b);

	if (left->relid != right->relid)
		return left->relid < right->relid ? -1 : 1;
	if (left->rule->kind != right->rule->kind)
		return left->rule->kind < right->rule->kind ? -1 : 1;
	return strcmp(left->name, right->name);
}

/*
 * Statement triggers have no columns, so that they join what is there already.
 */
static List *
rules_of_triggers(List *triggers)
{
	List	   *rules = NIL;
	ListCell   *lc;

	for (int row = 1; row >= 0; row--)
	{
		foreach(lc, triggers)
		{
			const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);
			IgDeclaredRule *rule;

			if ((TRIGGER_FOR_ROW(trigger->type) != 0) != (row == 1))
				continue;
			rule = rule_of_trigger(&rules, triggers, trigger);
			rule->triggers = lappend(rule->triggers, (void *) trigger);
			rule->columns = add_texts(rule->columns, trigger->columns);
			rule->options = add_texts(rule->options, trigger->options);
		}
	}
	name_by_hand(rules);
	return rules;
}

/* The rule among these that the trigger is of, or a new one. */
static IgDeclaredRule *
rule_of_trigger(List **rules, List *siblings, const IgDeclaredTrigger *trigger)
{
	char	   *instance = NULL;
	bool		by_hand = !ig_row_rule_gave_name(trigger->rule, plain_name(siblings, trigger),
												 &instance);
	IgDeclaredRule *rule = by_hand ? find_by_hand(*rules, trigger) : NULL;
	ListCell   *lc;

	if (rule != NULL)
		return rule;
	foreach(lc, *rules)
	{
		rule = (IgDeclaredRule *) lfirst(lc);
		if (!by_hand && !rule->by_hand && rule->rule == trigger->rule &&
			(instance == NULL ? rule->instance == NULL :
			 rule->instance != NULL && strcmp(rule->instance, instance) == 0))
			return rule;
	}
	foreach(lc, TRIGGER_FOR_ROW(trigger->type) ? NIL : *rules)
	{
		rule = (IgDeclaredRule *) lfirst(lc);
		if (rule->by_hand && rule->rule == trigger->rule)
			return rule;
	}

	rule = palloc0(sizeof(IgDeclaredRule));
	rule->rule = trigger->rule;
	rule->relid = trigger->relid;
	rule->instance = instance;
	rule->by_hand = by_hand;
	*rules = lappend(*rules, rule);
	return rule;
}

bool
ig_declared_is_kept(const IgDeclaredTrigger *trigger)
{
	size_t		length = strlen(trigger->name);

	return !OidIsValid(trigger->parent) && length > strlen(KEPT_SUFFIX) &&
		strcmp(trigger->name + length - strlen(KEPT_SUFFIX), KEPT_SUFFIX) == 0;
}

/*
 * The name of the clone of which the trigger is a copy, as long as that is
 * there; a long name was shortened for the copy's.
 */
static char *
plain_name(List *siblings, const IgDeclaredTrigger *trigger)
{
	ListCell   *lc;

	if (!ig_declared_is_kept(trigger))
		return trigger->name;
	foreach(lc, siblings)
	{
		const IgDeclaredTrigger *other = (const IgDeclaredTrigger *) lfirst(lc);

		if (other->rule == trigger->rule && OidIsValid(other->parent) &&
			strcmp(makeObjectName(other->name, NULL, KEPT_SUFFIX + 1), trigger->name) == 0)
			return other->name;
	}
	return pnstrdup(trigger->name, strlen(trigger->name) - strlen(KEPT_SUFFIX));
}

bool
ig_declared_is_instance(const IgDeclaredRule *rule, const char *instance)
{
	const char *name = ((const IgDeclaredTrigger *) linitial(rule->triggers))->name;
	const char *suffix = strrchr(name, '_');
	ListCell   *lc;

	if (rule->instance == NULL)
		return instance[0] == '\0';
	foreach(lc, rule->by_hand ? rule->triggers : NIL)
	{
		if (strcmp(((const IgDeclaredTrigger *) lfirst(lc))->name, instance) == 0)
			return true;
	}
	return strcmp(rule->instance, instance) == 0 ||
		(suffix != NULL && !rule->by_hand &&
		 strcmp(name, ig_spread_trigger_name(rule->rule, instance, suffix + 1)) == 0);
}

static IgDeclaredRule *
find_by_hand(List *rules, const IgDeclaredTrigger *trigger)
{
	ListCell   *lc;

	foreach(lc, rules)
	{
		IgDeclaredRule *rule = (IgDeclaredRule *) lfirst(lc);
		const IgDeclaredTrigger *first = (const IgDeclaredTrigger *) linitial(rule->triggers);

		if (!rule->by_hand || rule->rule != trigger->rule)
			continue;
		if (!TRIGGER_FOR_ROW(trigger->type) ||
			(same_texts(first->columns, trigger->columns) &&
			 same_texts(first->options, trigger->options)))
			return rule;
	}
	return NULL;
}

/* Where several of a kind were written by hand, their triggers tell them apart. */
static void
name_by_hand(List *rules)
{
	ListCell   *la;
	ListCell   *lb;

	foreach(la, rules)
	{
		IgDeclaredRule *rule = (IgDeclaredRule *) lfirst(la);

		foreach(lb, rules)
		{
			const IgDeclaredRule *other = (const IgDeclaredRule *) lfirst(lb);

			if (rule->by_hand && other != rule && other->rule == rule->rule)
				rule->instance = ((IgDeclaredTrigger *) linitial(rule->triggers))->name;
		}
	}
}

static List *
add_texts(List *texts, const List *more)
{
	const ListCell *lc;

	foreach(lc, more)
	{
		bool		known = false;
		ListCell   *lt;

		foreach(lt, texts)
			known = known || strcmp((char *) lfirst(lt), (char *) lfirst(lc)) == 0;
		if (!known)
			texts = lappend(texts, lfirst(lc));
	}
	return texts;
}

static bool
same_texts(const List *a, const List *b)
{
	if (list_length(a) != list_length(b))
		return false;
	for (int i = 0; i < list_length(a); i++)
	{
		if (strcmp((char *) list_nth(a, i), (char *) list_nth(b, i)) != 0)
			return false;
	}
	return true;
}

/*
 * A copy that keep_rules() has made is no less the partition's own for being
 * there beside its clone.
 */
static void
find_source(const IgDeclaredRules *rules, IgDeclaredRule *rule)
{
	rule->declared_on = declared_above(rules, rule, rule->relid);
	rule->source = rule->declared_on == rule->relid ? IG_RULE_DECLARED :
		get_rel_relispartition(rule->relid) ? IG_RULE_OF_PARTITIONED : IG_RULE_OF_PARENT;
}

/*
 * The highest relation from relid upwards of which a trigger is there in the
 * rule.
 */
static Oid
declared_above(const IgDeclaredRules *rules, const IgDeclaredRule *rule, Oid relid)
{
	ListCell   *lp;
	ListCell   *lt;

	foreach(lp, ig_parents_of(relid))
	{
		foreach(lt, triggers_of(rules, lfirst_oid(lp)))
		{
			if (ig_declared_counterpart(rule->triggers,
										(const IgDeclaredTrigger *) lfirst(lt)) != NULL)
				return declared_above(rules, rule, lfirst_oid(lp));
		}
	}
	return relid;
}

const IgDeclaredTrigger *
ig_declared_counterpart(const List *triggers, const IgDeclaredTrigger *above)
{
	const ListCell *lc;

	foreach(lc, triggers)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);

		if (trigger->parent == above->oid ||
			(trigger->rule == above->rule && strcmp(trigger->name, above->name) == 0))
			return trigger;
	}
	return NULL;
}

/*
 * The server's function raises an error if the table is dropped under it, so
 * that it needs the lock, for which nobody is to wait.
 */
char *
ig_declared_definition(const IgDeclaredTrigger *trigger)
{
	LOCAL_FCINFO(call, 1);
	char	   *sql = NULL;

	if (!ConditionalLockRelationOid(trigger->relid, AccessShareLock))
		return NULL;
	if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(trigger->relid)))
	{
		Datum		result;

		InitFunctionCallInfoData(*call, NULL, 1, InvalidOid, NULL, NULL);
		call->args[0].value = ObjectIdGetDatum(trigger->oid);
		call->args[0].isnull = false;
		result = pg_get_triggerdef(call);
		if (!call->isnull)
			sql = TextDatumGetCString(result);
	}
	UnlockRelationOid(trigger->relid, AccessShareLock);
	return sql;
}

const char *
ig_declared_enabled_word(char enabled)
{
	switch (enabled)
	{
		case TRIGGER_FIRES_ALWAYS:
			return "always";
		case TRIGGER_FIRES_ON_ORIGIN:
			return "origin";
		case TRIGGER_FIRES_ON_REPLICA:
			return "replica";
		default:
			return "disabled";
	}
}
