/*-------------------------------------------------------------------------
 *
 * rules.c
 *	  The catalogue of rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"

#include "platform/errcodes.h"
#include "platform/settings.h"
#include "rules/rules.h"

/* In the order of the families' letters, which is that of the README too. */
static const IgRuleSet *const catalogue[] = {
	&ig_rules_add_column,
	&ig_rules_alter_column,
	&ig_rules_constraint,
	&ig_rules_index,
	&ig_rules_table,
	&ig_rules_partition,
	&ig_rules_domain,
	&ig_rules_rename,
	&ig_rules_drop,
	&ig_rules_truncate,
	&ig_rules_financial,
	&ig_rules_columns,
	&ig_rules_discipline,
	&ig_rules_environment,
	&ig_rules_guard,
	&ig_rules_rows,
};

#define MAX_RULES	128

/* By IgFamily. */
static const char *const family_names[] = {
	"lock",
	"compatibility",
	"wipe",
	"financial",
	"columns",
	"discipline",
	"environment",
	"guard",
	"rows",
	NULL
};

StaticAssertDecl(lengthof(family_names) == IG_FAMILY_ROWS + 2,
				 "each family has a name");
StaticAssertDecl(IG_CHANGE_KINDS <= 64, "the kinds of change fit a bit mask");

static void collect_name(const IgRule *rule, void *context);
static void collect_fixed_name(const IgRule *rule, void *context);
static bool is_exempt_family(const IgRule *rule);
static bool is_exempt(const IgRule *rule, const IgChange *change);
static bool is_without_leaves(const IgChange *change);
static bool is_exempt_by_size(const IgChange *change);
static bool is_small(IgRelation *rel);
static void drop_replaced(IgFindings *findings, int first);
static bool is_replaced(const IgFinding *finding, const IgFindings *findings, int first);
static IgLevel level_of(const IgFinding *finding);

void
ig_rules_visit(IgRuleVisitor visitor, void *context)
{
	for (int i = 0; i < lengthof(catalogue); i++)
	{
		for (int j = 0; j < catalogue[i]->count; j++)
			visitor(&catalogue[i]->rules[j], context);
	}
}

const IgRule *
ig_rule_by_name(const char *name)
{
	for (int i = 0; i < lengthof(catalogue); i++)
	{
		for (int j = 0; j < catalogue[i]->count; j++)
		{
			if (strcmp(catalogue[i]->rules[j].name, name) == 0)
				return &catalogue[i]->rules[j];
		}
	}
	return NULL;
}

const IgRule *
ig_rule_by_sqlstate(int sqlstate)
{
	for (int i = 0; i < lengthof(catalogue); i++)
	{
		for (int j = 0; j < catalogue[i]->count; j++)
		{
			if (catalogue[i]->rules[j].sqlstate == sqlstate)
				return &catalogue[i]->rules[j];
		}
	}
	return NULL;
}

const char *
ig_family_name(IgFamily family)
{
	return family_names[family];
}

typedef struct NameArray
{
	const char *names[MAX_RULES + 1];
	int			count;
} NameArray;

static void
collect_name(const IgRule *rule, void *context)
{
	NameArray  *array = (NameArray *) context;

	if (array->count >= MAX_RULES)
		elog(ERROR, "more than %d rules", MAX_RULES);
	array->names[array->count++] = rule->name;
	array->names[array->count] = NULL;
}

static void
collect_fixed_name(const IgRule *rule, void *context)
{
	if (rule->fixed)
		collect_name(rule, context);
}

/*
 * The names for the settings that hold names of rules; built once.
 */
const IgNameSet *
ig_rules_name_set(void)
{
	static NameArray all;
	static NameArray fixed;
	static IgNameSet set;

	if (set.rules == NULL)
	{
		all.count = 0;
		fixed.count = 0;
		ig_rules_visit(collect_name, &all);
		ig_rules_visit(collect_fixed_name, &fixed);
		set.families = family_names;
		set.fixed = fixed.names;
		set.rules = all.names;
	}
	return &set;
}

void
ig_rules_judge(const IgChange *change, IgFindings *findings)
{
	uint64		kind = IG_KIND(change->kind);
	int			first = list_length(findings->list);
	bool		small = is_exempt_by_size(change);

	for (int i = 0; i < lengthof(catalogue); i++)
	{
		for (int j = 0; j < catalogue[i]->count; j++)
		{
			const IgRule *rule = &catalogue[i]->rules[j];

			if ((rule->kinds & kind) == 0 || is_exempt(rule, change))
				continue;
			if (small && is_exempt_family(rule))
				continue;
			rule->judge(rule, change, findings);
		}
	}
	drop_replaced(findings, first);
}

/* Can the size of a table exempt it from the rule? */
static bool
is_exempt_family(const IgRule *rule)
{
	return rule->family == IG_FAMILY_LOCK || rule->family == IG_FAMILY_COMPATIBILITY;
}

/*
 * What nobody else can see yet is nobody's concern.  A column or index that
 * is new does not make the table new: a scan of the table is one all the same.
 */
static bool
is_exempt(const IgRule *rule, const IgChange *change)
{
	if (change->rel && ig_relation_is_temp(change->rel))
		return true;
	if (rule->new_too)
		return false;
	if (change->rel && change->rel->is_new)
		return true;

	if (rule->family == IG_FAMILY_LOCK && is_without_leaves(change))
		return true;

	return change->is_new &&
		(change->rel == NULL || rule->family != IG_FAMILY_LOCK);
}

/*
 * A partitioned table that has no partition yet holds nothing that could be
 * read or written anew, now or while the statement runs: it is locked.
 */
static bool
is_without_leaves(const IgChange *change)
{
	return change->rel && change->rel->relkind == RELKIND_PARTITIONED_TABLE &&
		OidIsValid(change->rel->relid) &&
		ig_relation_leaves(change->rel->relid) == NIL;
}

bool
ig_rules_exempt_work(const IgChange *change)
{
	if (change->rel != NULL && ig_relation_is_exempt(change->rel))
		return true;
	return is_without_leaves(change) || is_exempt_by_size(change);
}

/*
 * Empty or small, where the administrator exempts such tables; and if a
 * statement works on several tables, then each of them.  The tables that a
 * foreign key references are only locked: they count where the other side is
 * new, and are never passed over if they are guarded.
 */
static bool
is_exempt_by_size(const IgChange *change)
{
	int			small = 0;
	ListCell   *lc;

	if (!ig_guc_exempt_empty_tables && ig_guc_exempt_smaller_than <= 0)
		return false;

	if (change->rel && !ig_relation_is_exempt(change->rel))
	{
		if (!is_small(change->rel))
			return false;
		small++;
	}
	if (change->parent && !ig_relation_is_exempt(change->parent))
	{
		if (!is_small(change->parent))
			return false;
		small++;
	}
	foreach(lc, change->domain_use)
	{
		if (!is_small(((const IgDomainUse *) lfirst(lc))->rel))
			return false;
		small++;
	}
	foreach(lc, change->locked_parents)
	{
		IgRelation *parent = (IgRelation *) lfirst(lc);

		if (parent->classes != 0 || (small == 0 && !is_small(parent)))
			return false;
	}
	return small > 0 || change->locked_parents != NIL;
}

static bool
is_small(IgRelation *rel)
{
	if (rel->classes != 0)
		return false;
	if (rel->relkind != RELKIND_RELATION && rel->relkind != RELKIND_MATVIEW &&
		rel->relkind != RELKIND_PARTITIONED_TABLE)
		return false;

	ig_relation_measure(rel);
	rel->passed_as_small = rel->empty ||
		(ig_guc_exempt_smaller_than > 0 &&
		 rel->bytes < (uint64) ig_guc_exempt_smaller_than * 1024);
	return rel->passed_as_small;
}

/*
 * Until the statement had its lock, others may have filled the table.
 */
void
ig_rules_judge_grown(const IgChange *change, IgFindings *findings)
{
	ListCell   *lc;

	if (change->rel == NULL || !change->rel->passed_as_small)
		return;

	change->rel->measured = false;
	ig_rules_judge(change, findings);
	foreach(lc, findings->list)
	{
		const IgFinding *finding = (const IgFinding *) lfirst(lc);

		if (!is_exempt_family(finding->rule))
			findings->list = foreach_delete_current(findings->list, lc);
	}
}

void
ig_rules_judge_retired(const IgChange *change, IgFindings *findings)
{
	ListCell   *lc;

	ig_rules_judge(change, findings);
	foreach(lc, findings->list)
	{
		const IgRule *rule = ((const IgFinding *) lfirst(lc))->rule;

		if (rule->sqlstate != ERRCODE_IG_DROP_COLUMN &&
			rule->sqlstate != ERRCODE_IG_DROP_TABLE &&
			rule->family != IG_FAMILY_COLUMNS)
			findings->list = foreach_delete_current(findings->list, lc);
	}
}

/*
 * Of the findings of one change, drop those that another one says better.
 */
static void
drop_replaced(IgFindings *findings, int first)
{
	List	   *kept = NIL;

	if (list_length(findings->list) < first + 2)
		return;

	for (int i = 0; i < list_length(findings->list); i++)
	{
		IgFinding  *finding = (IgFinding *) list_nth(findings->list, i);

		if (i < first || !is_replaced(finding, findings, first))
			kept = lappend(kept, finding);
	}
	findings->list = kept;
}

/*
 * A finding that is less grave, by the settings in force, replaces nothing:
 * what it says would be the weaker verdict.
 */
static bool
is_replaced(const IgFinding *finding, const IgFindings *findings, int first)
{
	for (int i = first; i < list_length(findings->list); i++)
	{
		const IgFinding *other = (const IgFinding *) list_nth(findings->list, i);
		const char *const *name = other->rule->replaces;

		if (other == finding || name == NULL || level_of(other) < level_of(finding))
			continue;
		for (; *name != NULL; name++)
		{
			if (strcmp(*name, finding->rule->name) == 0)
				return true;
		}
	}
	return false;
}

static IgLevel
level_of(const IgFinding *finding)
{
	int			classes = finding->change->rel ? finding->change->rel->classes : 0;

	return ig_rule_effective_level(finding->rule, finding->level, classes);
}

/*
 * found is the rule's default, or what its judge found right for the object.
 * A setting may raise any rule; it cannot lower what guards the data of
 * protected and financial tables.
 */
IgLevel
ig_rule_effective_level(const IgRule *rule, IgLevel found, int classes)
{
	IgLevel		set;

	if (rule->fixed || !ig_severity_lookup(rule->name, ig_family_name(rule->family), &set))
		return found;
	if (set >= found)
		return set;
	if ((rule->family == IG_FAMILY_WIPE || rule->family == IG_FAMILY_COLUMNS) && classes != 0)
		return found;
	if ((rule->family == IG_FAMILY_COMPATIBILITY || rule->family == IG_FAMILY_ENVIRONMENT) &&
		(classes & IG_CLASS_FINANCIAL) != 0)
		return found;

	return set;
}
