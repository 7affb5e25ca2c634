/*-------------------------------------------------------------------------
 *
 * frozen_rows.c
 *	  frozen_rows(): rows that are neither changed nor deleted while a condition
 *	  holds for them.
 *
 * The condition stands in the WHEN clause, for OLD, and so do the columns that
 * may change all the same.  All others are compared, those that are added later
 * too.
 *
 * A frozen row may move to another partition if the columns of the key may
 * change.  leaves() in the WHEN clause of the AFTER DELETE trigger notes it;
 * moved_except() in that of an AFTER INSERT trigger compares where it arrives.
 * When the statement is done, the AFTER DELETE trigger asks whether it has
 * arrived at all, since another trigger may have made it vanish: if not, it was
 * deleted.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/text.h"
#include "rows/anchor.h"
#include "rows/declare.h"
#include "rows/fixed.h"
#include "rows/move.h"
#include "rows/moved.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_frozen_rows);
PG_FUNCTION_INFO_V1(ig_sql_add_frozen_rows);

#define RULE	"frozen-rows"

/* Of a trigger, in its statement. */
typedef struct Frozen
{
	const char *key;
	Bitmapset  *free;			/* columns that may change, and generated ones */
} Frozen;

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check_update(IgRuleTrigger *trigger, const TriggerData *td);
static void check_move(IgRuleTrigger *trigger, const TriggerData *td);
static void refuse_column(IgRuleTrigger *trigger, const TriggerData *td,
						  Form_pg_attribute attr);
static void refuse_row(IgRuleTrigger *trigger, const TriggerData *td, const char *message,
					   const char *detail);

static const char *const option_names[] = {"key", NULL};

const IgRuleDefinition ig_frozen_rows_definition = {
	.kind = IG_ROW_FROZEN_ROWS,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_AFTER_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE | IG_FIRES_INSERT) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE),
	.options = option_names,
	.min_columns = 0,
	.max_columns = -1,
	.prepare = prepare,
	.check = prepare,
};

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Frozen	   *frozen = palloc0(sizeof(Frozen));

	frozen->key = ig_rule_option(trigger, "key", "");
	for (int i = 0; i < trigger->ncolumns; i++)
		frozen->free = bms_add_member(frozen->free, trigger->columns[i].attnum);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		/* a generated column changes with those that it is made from */
		if (attr->attisdropped || attr->attgenerated != '\0')
			frozen->free = bms_add_member(frozen->free, attr->attnum);
	}
	trigger->data = frozen;
}

/*
 * invariant_guard.frozen_rows(), a trigger function.
 */
Datum
ig_row_frozen_rows(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_frozen_rows_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		check_update(trigger, td);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		check_move(trigger, td);
	else if (TRIGGER_FIRED_BY_TRUNCATE(td->tg_event))
		refuse_row(trigger, td, psprintf("cannot truncate table \"%s\"",
										 ig_row_relation_text(trigger->relid)),
				   "It would take frozen rows along.");
	else if (!ig_move_has_arrived(td))
		refuse_row(trigger, td, psprintf("cannot delete a frozen row of table \"%s\"",
										 ig_row_relation_text(trigger->relid)),
				   psprintf("The condition of trigger \"%s\" holds for the row.",
							td->tg_trigger->tgname));
	return ig_rule_trigger_pass(td);
}

static void
check_update(IgRuleTrigger *trigger, const TriggerData *td)
{
	Frozen	   *frozen = (Frozen *) trigger->data;
	TupleDesc	desc = RelationGetDescr(td->tg_relation);

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);
		bool		old_isnull;
		bool		new_isnull;
		Datum		old;
		Datum		new;

		if (bms_is_member(attr->attnum, frozen->free))
			continue;
		old = slot_getattr(td->tg_trigslot, attr->attnum, &old_isnull);
		new = slot_getattr(td->tg_newslot, attr->attnum, &new_isnull);
		if (ig_same_value(old, old_isnull, new, new_isnull, attr->attbyval, attr->attlen))
			continue;
		refuse_column(trigger, td, attr);
	}
}

/*
 * It has arrived, and changed on its way.
 */
static void
check_move(IgRuleTrigger *trigger, const TriggerData *td)
{
	ListCell   *lc;

	foreach(lc, ig_move_changes(td, ((Frozen *) trigger->data)->key))
		refuse_column(trigger, td,
					  TupleDescAttr(RelationGetDescr(td->tg_relation),
									((const IgMoveChange *) lfirst(lc))->attnum - 1));
}

/*
 * What is frozen is the row, so an allowance is for the table.
 */
static void
refuse_column(IgRuleTrigger *trigger, const TriggerData *td, Form_pg_attribute attr)
{
	if (!trigger->permitted)
		refuse_row(trigger, td,
				   psprintf("cannot change column \"%s\" of a frozen row of table \"%s\"",
							ig_text_name(NameStr(attr->attname)),
							ig_row_relation_text(trigger->relid)),
				   psprintf("The condition of trigger \"%s\" holds for the row.",
							td->tg_trigger->tgname));
}

static void
refuse_row(IgRuleTrigger *trigger, const TriggerData *td, const char *message,
		   const char *detail)
{
	ig_row_refuse(trigger, trigger->relid, RULE, NULL, message, detail,
				  ig_row_allowance(RULE, trigger->relid, NULL,
								   TRIGGER_FIRED_BY_TRUNCATE(td->tg_event) ? "TRUNCATE ...;" :
								   TRIGGER_FIRED_BY_DELETE(td->tg_event) ? "DELETE ...;" :
								   "UPDATE ...;"));
}

/*
 * invariant_guard.add_frozen_rows(rel regclass, condition text, allow name[])
 * returns boolean: was it added?
 *
 * Raises for a condition that is null, or not one on the table's columns by
 * immutable functions.
 */
Datum
ig_sql_add_frozen_rows(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_FROZEN_ROWS);
	char	   *condition = ig_declare_text(fcinfo, 1);
	List	   *names = ig_declare_names(fcinfo, 2, "allowed");
	List	   *allow = names == NIL ? NIL : ig_fixed_columns(d, names, "allowed");
	List	   *options = NIL;
	char	   *when;

	if (condition == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the condition must not be null")));
	if (list_length(allow) > IG_MOVED_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("rule \"%s\" allows changes of %d columns at most", d->rule->name,
						IG_MOVED_COLUMNS)));

	when = ig_declare_condition(d, condition, "old");
	d->instance = ig_fixed_instance(d, NIL, when);
	options = ig_declare_option(options, "key", d->instance);
	if (allow != NIL)
		when = psprintf("(%s) AND %s", when, ig_declare_anchor("uses", "old", allow));

	if (d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || d->rel->rd_rel->relispartition)
	{
		ig_declare_trigger(d, "update", "AFTER UPDATE", true, when, options);
		ig_declare_trigger(d, "delete", "AFTER DELETE", true,
						   psprintf("(%s) AND %s", when, ig_moved_leaves(d->instance)), options);
		ig_declare_trigger(d, "moved", "AFTER INSERT", true,
						   ig_moved_anchor("moved_except", d->instance, allow), options);
	}
	else
		ig_declare_trigger(d, "change", "AFTER UPDATE OR DELETE", true, when, options);
	ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, options);
	PG_RETURN_BOOL(ig_declare_end(d));
}
