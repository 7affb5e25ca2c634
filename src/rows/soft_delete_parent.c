/*-------------------------------------------------------------------------
 *
 * soft_delete_parent.c
 *	  soft_delete_parent(): no live row begins to refer to a deleted one.
 *
 * A trigger on the table that refers.  It knows its foreign key by the columns
 * in its WHEN clause, and the table that is referred to by the foreign key, so
 * that nothing has to be kept in step.  See soft_delete_children.c for the
 * locks.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/text.h"
#include "rows/kept_plan.h"
#include "rows/soft_delete.h"

PG_FUNCTION_INFO_V1(ig_row_soft_delete_parent);

static void prepare(IgRuleTrigger *trigger, Relation rel);

const IgRuleDefinition ig_soft_delete_parent_definition = {
	.kind = IG_ROW_SOFT_DELETE_PARENT,
	.fires = IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE),
	.options = NULL,
	.min_columns = 1,
	.max_columns = INDEX_MAX_KEYS,
	.prepare = prepare,
};

typedef struct ParentTrigger
{
	List	   *parents;		/* of ParentQuery */
	AttrNumber	deleted;		/* of the row itself, if its table has the rule */
} ParentTrigger;

typedef struct ParentQuery
{
	IgForeignKey *key;
	IgKeptPlan *lock;
	IgKeptPlan *look;
} ParentQuery;

static ParentQuery *parent_query(IgForeignKey *key, const IgSoftDelete *rule);
static void check_parent(IgRuleTrigger *trigger, ParentQuery *query, TupleTableSlot *row);

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	ParentTrigger *state = palloc0(sizeof(ParentTrigger));
	IgSoftDelete own;
	List	   *attnums = NIL;

	for (int i = 0; i < trigger->ncolumns; i++)
		attnums = lappend_int(attnums, trigger->columns[i].attnum);
	state->parents = ig_soft_delete_parents_prepare(rel, attnums);
	if (ig_soft_delete_of(rel, &own))
		state->deleted = own.deleted;
	trigger->data = state;
}

/*
 * invariant_guard.soft_delete_parent(column [, ...]), a trigger function.
 */
Datum
ig_row_soft_delete_parent(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_soft_delete_parent_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;
	const ParentTrigger *state = (const ParentTrigger *) trigger->data;
	TupleTableSlot *row = TRIGGER_FIRED_BY_UPDATE(td->tg_event) ? td->tg_newslot : td->tg_trigslot;

	if (trigger->passes || state->parents == NIL ||
		(state->deleted != 0 && !slot_attisnull(row, state->deleted)))
		return ig_rule_trigger_pass(td);
	ig_soft_delete_parents_check(trigger, state->parents, row);
	return ig_rule_trigger_pass(td);
}

List *
ig_soft_delete_parents_prepare(Relation rel, const List *attnums)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, ig_foreign_keys_of(rel))
	{
		IgForeignKey *key = (IgForeignKey *) lfirst(lc);
		IgSoftDelete rule;

		if (key->has_period ||
			(attnums != NIL && !ig_foreign_key_has_columns(key, attnums)) ||
			!ig_soft_delete_of_table(key->parent, &rule))
			continue;
		result = lappend(result, parent_query(key, &rule));
	}
	return result;
}

/*
 * The lock is one query and the look another, since a query sees what was
 * committed when it began, and it may have waited for the lock.
 */
static ParentQuery *
parent_query(IgForeignKey *key, const IgSoftDelete *rule)
{
	ParentQuery *query = palloc0(sizeof(ParentQuery));
	Oid			types[INDEX_MAX_KEYS];
	StringInfoData buf;

	query->key = key;
	ig_foreign_key_types(key, false, types);

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT 1 FROM %s p WHERE ", ig_foreign_key_table(key->parent));
	ig_foreign_key_condition(&buf, key, "p", NULL);
	query->lock = ig_kept_plan(psprintf("%s FOR KEY SHARE OF p", buf.data), key->nkeys, types);
	appendStringInfo(&buf, " AND p.%s IS NOT NULL",
					 quote_identifier(get_attname(key->parent, rule->deleted, false)));
	query->look = ig_kept_plan(buf.data, key->nkeys, types);
	return query;
}

void
ig_soft_delete_parents_check(IgRuleTrigger *trigger, List *parents, TupleTableSlot *row)
{
	ListCell   *lc;

	foreach(lc, parents)
		check_parent(trigger, (ParentQuery *) lfirst(lc), row);
}

static void
check_parent(IgRuleTrigger *trigger, ParentQuery *query, TupleTableSlot *row)
{
	const IgForeignKey *key = query->key;
	Datum		values[INDEX_MAX_KEYS];
	Oid			owner = ig_relation_owner(key->parent);

	for (int i = 0; i < key->nkeys; i++)
	{
		bool		isnull;

		values[i] = slot_getattr(row, key->child_columns[i], &isnull);
		if (isnull)
			return;
	}
	if (ig_kept_plan_run(query->lock, values, owner, IG_SEES_COMMITTED, 0, NULL, NULL) == 0)
		ig_soft_delete_defer(trigger->relid, key, values);
	else if (ig_kept_plan_run(query->look, values, owner, IG_SEES_COMMITTED, 1, NULL, NULL) > 0)
		ig_soft_delete_refuse_parent(trigger, key);
}

void
ig_soft_delete_refuse_parent(IgRuleTrigger *trigger, const IgForeignKey *key)
{
	char	   *parent = ig_row_relation_text(key->parent);

	ig_row_refuse(trigger, key->child, "soft-delete-parent",
				  key->nkeys == 1 ? get_attname(key->child, key->child_columns[0], true) : NULL,
				  psprintf("a live row of \"%s\" must not refer to a deleted row of \"%s\"",
						   ig_row_relation_text(key->child), parent),
				  psprintf("The foreign key is \"%s\".", ig_text_name(key->name)),
				  psprintf("Restore the row of \"%s\" first, or refer to another one.", parent));
}
