/*-------------------------------------------------------------------------
 *
 * soft_delete.c
 *	  soft_delete(): a DELETE marks rows, and does not remove them.
 *
 * That a DELETE becomes an UPDATE is done in the plan, see soft_delete_plan.c.
 * What reaches the trigger as a DELETE would remove a row: a cascade, MERGE, a
 * plan that was made before the library was loaded.  It is refused, never
 * skipped: a skipped row breaks cascades and moves between partitions.
 *
 * On the way of a soft delete itself is nothing but the WHEN clauses, and what
 * it has to do for the rows that refer to it.
 *
 * Where rows are kept for a while, a time that somebody else has written must
 * not be long past: purge() would remove the row at once.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "rows/move.h"
#include "rows/soft_delete.h"

PG_FUNCTION_INFO_V1(ig_row_soft_delete);

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check(IgRuleTrigger *trigger, Relation rel);
static const Trigger *declared_trigger(const IgRuleTrigger *trigger, Relation rel);

static const char *const options[] = {"children", "deleted_rows", "keep_at_least", NULL};
static const char *const deleted_rows_words[] = {"open", "frozen", NULL};
const char *const ig_soft_delete_children_words[] = {"restrict", "soft_cascade", "independent", NULL};

static char *orphans_of_declared(const IgDeclaredTrigger *declared);

const IgRuleDefinition ig_soft_delete_definition = {
	.kind = IG_ROW_SOFT_DELETE,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE),
	.options = options,
	.min_columns = 0,
	.max_columns = 2,
	.prepare = prepare,
	.check = check,
	.violations = orphans_of_declared,
};

typedef struct SoftDeleteTrigger
{
	IgSoftDelete rule;
	bool		has_children;	/* it is this trigger that looks after them */
	List	   *keys;			/* for ig_soft_delete_children */
	List	   *parents;		/* for ig_soft_delete_parents_check */
	bool		parents_known;
} SoftDeleteTrigger;

/*
 * How the row that is about to be updated is marked by that; if it moves to
 * another partition no AFTER trigger tells.  Attached to what move.c noted.
 */
typedef struct Marking
{
	Datum		deleted;
	pg_uuid_t	operation;
	bool		operation_is_null;
} Marking;

IgSoftDeleteWork *ig_soft_delete_work = NULL;

static void check_delete(IgRuleTrigger *trigger, TriggerData *td);
static void refuse_delete(IgRuleTrigger *trigger);
static bool is_purged(const IgRuleTrigger *trigger, const TriggerData *td);
static void mark_of_moving(IgRuleTrigger *trigger, TriggerData *td);
static void check_update(IgRuleTrigger *trigger, TriggerData *td);
static void note_mark(const IgMarkedRow *marked);
static void check_mark(IgRuleTrigger *trigger, TriggerData *td, Datum deleted);
static void check_time(IgRuleTrigger *trigger, Datum deleted);
static void check_insert(IgRuleTrigger *trigger, TriggerData *td);
static void refuse_without_operation(IgRuleTrigger *trigger);
static void check_deleted(IgRuleTrigger *trigger, TriggerData *td);
static void check_restored(IgRuleTrigger *trigger, TriggerData *td);
static bool has_operation(const SoftDeleteTrigger *state, const TriggerData *td);
static Oid	declaring_table(Oid relid);
static bool is_restored_by_us(const IgRuleTrigger *trigger, const TriggerData *td);
static bool is_changed(const IgRuleTrigger *trigger, const TriggerData *td);

void
ig_soft_delete_init(void)
{
	ig_soft_delete_plan_init();
	ig_soft_delete_exec_init();
	ig_soft_delete_deferred_init();
}

/*
 * The columns: the time first, then the operation.
 */
static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	SoftDeleteTrigger *state = palloc0(sizeof(SoftDeleteTrigger));
	const Trigger *declared = declared_trigger(trigger, rel);
	bool		is_always = declared->tgenabled == TRIGGER_FIRES_ALWAYS;

	trigger->data = state;
	if (!TRIGGER_FOR_ROW(declared->tgtype))
		return;

	check(trigger, rel);
	state->rule.deleted = trigger->columns[0].attnum;
	state->rule.operation = trigger->ncolumns > 1 ? trigger->columns[1].attnum : 0;
	state->rule.children = ig_rule_option_word(trigger, "children", ig_soft_delete_children_words,
											   IG_CHILDREN_RESTRICT);
	state->rule.frozen = ig_rule_option_word(trigger, "deleted_rows", deleted_rows_words, 0) == 1;
	state->rule.keep = ig_rule_option(trigger, "keep_at_least", NULL);

	/* others than the owner can make a trigger, but not enable it always */
	if (state->rule.children == IG_CHILDREN_SOFT_CASCADE && !is_always)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("the soft cascade of table \"%s\" is not confirmed by the table's owner",
						ig_row_relation_text(trigger->relid)),
				 errdetail("It marks rows of other tables with their owners' rights."),
				 errhint("Enable the trigger ALWAYS, or use invariant_guard.add_soft_delete().")));
	state->has_children = ig_rule_option(trigger, "children", NULL) != NULL &&
		state->rule.children != IG_CHILDREN_INDEPENDENT;
}

static const Trigger *
declared_trigger(const IgRuleTrigger *trigger, Relation rel)
{
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		if (rel->trigdesc->triggers[i].tgoid == trigger->tgoid)
			return &rel->trigdesc->triggers[i];
	}
	elog(ERROR, "trigger %u is not there", trigger->tgoid);
	return NULL;
}

static void
check(IgRuleTrigger *trigger, Relation rel)
{
	const char *keep = ig_rule_option(trigger, "keep_at_least", NULL);

	(void) ig_rule_option_word(trigger, "children", ig_soft_delete_children_words, 0);
	(void) ig_rule_option_word(trigger, "deleted_rows", deleted_rows_words, 0);
	if (keep != NULL)
		(void) ig_soft_delete_interval(keep);
	if (!TRIGGER_FOR_ROW(declared_trigger(trigger, rel)->tgtype))
		return;
	if (trigger->ncolumns < 1 ||
		(trigger->columns[0].typid != TIMESTAMPTZOID && trigger->columns[0].typid != TIMESTAMPOID) ||
		(trigger->ncolumns > 1 && trigger->columns[1].typid != UUIDOID))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("the columns of function invariant_guard.soft_delete() in table \"%s\" are not a timestamp and a uuid",
						ig_row_relation_text(trigger->relid)),
				 errhint("Use invariant_guard.add_soft_delete().")));
}

/*
 * invariant_guard.soft_delete(deleted_at [, operation] [, option=value ...]), a
 * trigger function.
 */
Datum
ig_row_soft_delete(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_soft_delete_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);

	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		check_update(trigger, td);
	else if (TRIGGER_FIRED_BY_DELETE(td->tg_event))
		check_delete(trigger, td);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		check_insert(trigger, td);
	else
		ig_row_refuse(trigger, trigger->relid, "soft-delete", NULL,
					  psprintf("cannot truncate soft-deleted table \"%s\"",
							   ig_row_relation_text(trigger->relid)),
					  "TRUNCATE would remove rows for good, live ones among them.",
					  "DELETE marks them; invariant_guard.purge() removes what has been marked for long enough.");
	return ig_rule_trigger_pass(td);
}

/* ---- DELETE that was not turned into an UPDATE ---------------------------- */

static void
check_delete(IgRuleTrigger *trigger, TriggerData *td)
{
	if (is_purged(trigger, td))
		return;
	if (ig_move_is_delete(td))
	{
		mark_of_moving(trigger, td);
		return;
	}
	refuse_delete(trigger);
}

static void
refuse_delete(IgRuleTrigger *trigger)
{
	char	   *quoted = ig_soft_delete_quoted(declaring_table(trigger->relid));
	char	   *message = psprintf("cannot remove a row of soft-deleted table \"%s\"",
								   ig_row_relation_text(trigger->relid));

	if (InNoForceRLSOperation())
		ig_row_refuse(trigger, trigger->relid, "soft-delete", NULL, message,
					  "A foreign key cascades the DELETE of a row that this one refers to.",
					  psprintf("Delete the rows of %s first, which marks them, or declare the other table soft-deleted too: SELECT invariant_guard.add_soft_delete(...);",
							   quoted));
	else if (ig_row_plan_unchecked())
		ig_row_refuse(trigger, trigger->relid, "soft-delete", NULL, message,
					  "The statement was planned before invariant_guard was loaded in this session, which is what turns DELETE into a mark.",
					  "Run the statement again: the library is loaded now. To have it loaded from the start of each session, set session_preload_libraries or shared_preload_libraries.");
	else
		ig_row_refuse(trigger, trigger->relid, "soft-delete", NULL, message,
					  "MERGE, a DELETE of a table above it that is not soft-deleted, and a plan that was made without invariant_guard remove rows, and do not mark them.",
					  psprintf("DELETE FROM %s marks rows; invariant_guard.purge() removes what has been marked for long enough.",
							   quoted));
}

/*
 * Both types count microseconds.
 */
static bool
is_purged(const IgRuleTrigger *trigger, const TriggerData *td)
{
	const IgSoftDeleteWork *work = ig_soft_delete_work;
	const SoftDeleteTrigger *state = (const SoftDeleteTrigger *) trigger->data;
	bool		is_live;
	Datum		deleted;

	if (work == NULL || !work->purges || !list_member_oid(work->relids, trigger->relid))
		return false;
	deleted = slot_getattr(td->tg_trigslot, state->rule.deleted, &is_live);
	return !is_live && DatumGetTimestamp(deleted) <= DatumGetTimestamp(work->cutoff);
}

static void
mark_of_moving(IgRuleTrigger *trigger, TriggerData *td)
{
	SoftDeleteTrigger *state = (SoftDeleteTrigger *) trigger->data;
	const Marking *marking = (const Marking *) ig_move_attached();
	IgMarkedRow marked = {0};

	if (marking == NULL)
		return;
	check_time(trigger, marking->deleted);
	if (state->rule.operation != 0 && marking->operation_is_null)
		refuse_without_operation(trigger);
	if (!state->has_children)
		return;
	marked.rel = td->tg_relation;
	marked.tid = &td->tg_trigtuple->t_self;
	marked.row = td->tg_trigslot;
	marked.deleted = marking->deleted;
	marked.operation = UUIDPGetDatum(&marking->operation);
	marked.operation_is_null = marking->operation_is_null;
	ig_soft_delete_children(trigger, &state->rule, &marked, &state->keys);
}

/* ---- UPDATE --------------------------------------------------------------- */

static void
check_update(IgRuleTrigger *trigger, TriggerData *td)
{
	SoftDeleteTrigger *state = (SoftDeleteTrigger *) trigger->data;
	bool		was_live;
	bool		is_live;
	Datum		deleted;

	if (TRIGGER_FIRED_BEFORE(td->tg_event))
	{
		ig_move_note(td);
		ig_move_attach(NULL);
	}

	(void) slot_getattr(td->tg_trigslot, state->rule.deleted, &was_live);
	deleted = slot_getattr(td->tg_newslot, state->rule.deleted, &is_live);
	if (!was_live)
		check_deleted(trigger, td);
	else if (!is_live)
		check_mark(trigger, td, deleted);
}

/*
 * A row that was live is marked, by DELETE or by an UPDATE that says so.
 */
static void
check_mark(IgRuleTrigger *trigger, TriggerData *td, Datum deleted)
{
	SoftDeleteTrigger *state = (SoftDeleteTrigger *) trigger->data;
	IgMarkedRow marked = {0};

	marked.rel = td->tg_relation;
	marked.row = td->tg_newslot;
	marked.deleted = deleted;
	marked.operation_is_null = true;
	if (state->rule.operation != 0)
		marked.operation = slot_getattr(td->tg_newslot, state->rule.operation,
										&marked.operation_is_null);

	if (TRIGGER_FIRED_BEFORE(td->tg_event))
	{
		note_mark(&marked);
		return;
	}

	check_time(trigger, deleted);
	if (state->rule.operation != 0 && marked.operation_is_null)
		refuse_without_operation(trigger);
	if (state->has_children)
	{
		marked.tid = &td->tg_newtuple->t_self;
		ig_soft_delete_children(trigger, &state->rule, &marked, &state->keys);
	}
}

/*
 * The trigger's condition has filtered already; but one that was written by
 * hand may have none.
 */
static void
check_time(IgRuleTrigger *trigger, Datum deleted)
{
	const SoftDeleteTrigger *state = (const SoftDeleteTrigger *) trigger->data;
	const IgRuleColumn *column = &trigger->columns[0];
	Datum		least;

	if (state->rule.keep == NULL)
		return;
	least = ig_soft_delete_ago(column->typid, ig_soft_delete_interval(IG_SOFT_DELETE_DRIFT));
	if (DatumGetTimestamp(deleted) >= DatumGetTimestamp(least))
		return;
	ig_row_refuse(trigger, trigger->relid, "soft-delete-time", NameStr(column->name),
				  psprintf("a row of \"%s\" is marked as deleted at a time long past",
						   ig_row_relation_text(trigger->relid)),
				  psprintf("Column \"%s\" says how long the row is kept (keep_at_least=%s), and may be at most %s before the present time.",
						   ig_text_name(NameStr(column->name)), ig_text_name(state->rule.keep),
						   IG_SOFT_DELETE_DRIFT),
				  ig_row_allowance("soft-delete-time", trigger->relid, NameStr(column->name),
								   "-- then the rows of another time"));
}

/*
 * A new row that comes deleted.  One that moves was judged where it left.
 */
static void
check_insert(IgRuleTrigger *trigger, TriggerData *td)
{
	const SoftDeleteTrigger *state = (const SoftDeleteTrigger *) trigger->data;
	bool		is_live;
	Datum		deleted = slot_getattr(td->tg_trigslot, state->rule.deleted, &is_live);

	if (!is_live)
		check_time(trigger, deleted);
}

static void
refuse_without_operation(IgRuleTrigger *trigger)
{
	const char *column = NameStr(trigger->columns[1].name);

	ig_row_refuse(trigger, trigger->relid, "soft-delete", column,
				  psprintf("a row of \"%s\" is marked as deleted, but not with the operation that did it",
						   ig_row_relation_text(trigger->relid)),
				  psprintf("Column \"%s\" is NULL, so that invariant_guard.soft_restore() could not bring it back.",
						   ig_text_name(column)),
				  psprintf("DELETE FROM %s fills it in; or set it to gen_random_uuid().",
						   ig_soft_delete_quoted(declaring_table(trigger->relid))));
}

static void
note_mark(const IgMarkedRow *marked)
{
	Marking    *marking = palloc0(sizeof(Marking));

	marking->deleted = marked->deleted;
	marking->operation_is_null = marked->operation_is_null;
	if (!marked->operation_is_null)
		marking->operation = *DatumGetUUIDP(marked->operation);
	ig_move_attach(marking);
}

static void
check_deleted(IgRuleTrigger *trigger, TriggerData *td)
{
	SoftDeleteTrigger *state = (SoftDeleteTrigger *) trigger->data;
	bool		is_live;

	(void) slot_getattr(td->tg_newslot, state->rule.deleted, &is_live);
	if (is_live)
	{
		check_restored(trigger, td);
		return;
	}
	if (is_changed(trigger, td))
		ig_row_refuse(trigger, trigger->relid, "soft-delete-restore",
					  NameStr(trigger->columns[0].name),
					  psprintf("cannot change when or by what a row of \"%s\" was deleted",
							   ig_row_relation_text(trigger->relid)),
					  "Restoring and purging go by it.", NULL);
	else if (state->rule.frozen)
		ig_row_refuse(trigger, trigger->relid, "soft-delete-restore", NULL,
					  psprintf("cannot change a deleted row of \"%s\"",
							   ig_row_relation_text(trigger->relid)),
					  "The rule was declared with deleted_rows => 'frozen'.",
					  "Restore the row first: SELECT invariant_guard.soft_restore(...);");
}

/*
 * Without an operation soft_restore() cannot tell what to bring back; there a
 * plain UPDATE does.  So it does for a row that has none, because it came
 * deleted: nothing was deleted with it.
 */
static void
check_restored(IgRuleTrigger *trigger, TriggerData *td)
{
	SoftDeleteTrigger *state = (SoftDeleteTrigger *) trigger->data;
	MemoryContext old;

	if (has_operation(state, td) && !is_restored_by_us(trigger, td))
		ig_row_refuse(trigger, trigger->relid, "soft-delete-restore",
					  NameStr(trigger->columns[0].name),
					  psprintf("cannot bring back a deleted row of \"%s\" by UPDATE",
							   ig_row_relation_text(trigger->relid)),
					  "What was deleted together with it would stay deleted.",
					  psprintf("SELECT invariant_guard.soft_restore(%s, operation); brings back all that one DELETE has marked.",
							   quote_literal_cstr(ig_soft_delete_quoted(declaring_table(trigger->relid)))));

	/* of a row that moves, the INSERT is judged */
	if (TRIGGER_FIRED_BEFORE(td->tg_event))
		return;
	if (!state->parents_known)
	{
		old = MemoryContextSwitchTo(trigger->context);
		state->parents = ig_soft_delete_parents_prepare(td->tg_relation, NIL);
		state->parents_known = true;
		MemoryContextSwitchTo(old);
	}
	ig_soft_delete_parents_check(trigger, state->parents, td->tg_newslot);
}

/* For a partition the one above it that has the rule. */
static Oid
declaring_table(Oid relid)
{
	IgSoftDelete rule;
	Oid			parent = ig_partition_parent(relid);

	return OidIsValid(parent) && ig_soft_delete_of_table(parent, &rule) ?
		declaring_table(parent) : relid;
}

static bool
has_operation(const SoftDeleteTrigger *state, const TriggerData *td)
{
	bool		isnull = true;

	if (state->rule.operation != 0)
		(void) slot_getattr(td->tg_trigslot, state->rule.operation, &isnull);
	return !isnull;
}

static bool
is_restored_by_us(const IgRuleTrigger *trigger, const TriggerData *td)
{
	const IgSoftDeleteWork *work = ig_soft_delete_work;
	const SoftDeleteTrigger *state = (const SoftDeleteTrigger *) trigger->data;
	bool		isnull;
	Datum		operation;

	if (work == NULL || work->purges || !list_member_oid(work->relids, trigger->relid))
		return false;
	operation = slot_getattr(td->tg_trigslot, state->rule.operation, &isnull);
	return !isnull && memcmp(DatumGetUUIDP(operation), work->operation, UUID_LEN) == 0;
}

static bool
is_changed(const IgRuleTrigger *trigger, const TriggerData *td)
{
	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const IgRuleColumn *column = &trigger->columns[i];
		bool		nulls[2];
		Datum		old = slot_getattr(td->tg_trigslot, column->attnum, &nulls[0]);
		Datum		new = slot_getattr(td->tg_newslot, column->attnum, &nulls[1]);

		if (nulls[0] != nulls[1] ||
			(!nulls[0] && !datum_image_eq(old, new, column->typbyval, column->typlen)))
			return true;
	}
	return false;
}

/*
 * For check_rules(); of the triggers the one for DELETE answers.
 */
static char *
orphans_of_declared(const IgDeclaredTrigger *declared)
{
	IgSoftDelete rule;
	Relation	rel;
	char	   *query = NULL;

	if (!TRIGGER_FOR_DELETE(declared->type) || OidIsValid(declared->parent))
		return NULL;
	rel = RelationIdGetRelation(declared->relid);
	if (!RelationIsValid(rel))
		return NULL;
	if (ig_soft_delete_of(rel, &rule) && rule.children != IG_CHILDREN_INDEPENDENT)
		query = ig_soft_delete_orphans(rel, &rule);
	RelationClose(rel);
	return query;
}
