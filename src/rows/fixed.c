/*-------------------------------------------------------------------------
 *
 * fixed.c
 *	  Columns that keep what an INSERT stored.
 *
 * What counts is the row that is stored, so an AFTER UPDATE trigger looks at
 * it: a BEFORE trigger does not see what triggers after it do.  It has
 * changed() in its WHEN clause, and queues nothing for a row that keeps the
 * columns.  The BEFORE UPDATE trigger only stops earlier.
 *
 * A row that moves to another partition has no AFTER UPDATE.  There the BEFORE
 * UPDATE trigger leaves a note, whatever changed, and moved() in the WHEN
 * clause of an AFTER INSERT trigger compares.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/text.h"
#include "rows/anchor.h"
#include "rows/fixed.h"
#include "rows/move.h"
#include "rows/permitted.h"

static void refuse_change(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td,
						  int column);
static char *with_condition(const char *anchor, const char *condition);

IgFixed *
ig_fixed_prepare(IgRuleTrigger *trigger, const char *rule, const char *noun, int first)
{
	static const char *const yes_no[] = {"false", "true", NULL};
	IgFixed    *fixed = palloc0(sizeof(IgFixed));

	fixed->rule = rule;
	fixed->noun = noun;
	fixed->first = first;
	fixed->key = ig_rule_option(trigger, "key", "");
	fixed->write_once = ig_rule_option_word(trigger, "write_once", yes_no, 0) == 1;
	fixed->permitted = palloc0(sizeof(bool) * (trigger->ncolumns + 1));
	return fixed;
}

void
ig_fixed_check(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td)
{
	bool		kept = true;

	for (int i = fixed->first; i < trigger->ncolumns; i++)
	{
		const IgRuleColumn *column = &trigger->columns[i];
		bool		old_isnull;
		bool		new_isnull;
		Datum		old = slot_getattr(td->tg_trigslot, column->attnum, &old_isnull);
		Datum		new = slot_getattr(td->tg_newslot, column->attnum, &new_isnull);

		if (old_isnull && fixed->write_once)
			continue;
		if (ig_same_value(old, old_isnull, new, new_isnull, column->typbyval, column->typlen))
			continue;
		kept = false;
		if (!fixed->permitted[i] &&
			!ig_permitted_now(trigger->relid, fixed->rule, column->attnum))
			refuse_change(trigger, fixed, td, i);
	}

	/* what was let pass here is not asked about again where the row arrives */
	if (kept && TRIGGER_FIRED_BEFORE(td->tg_event))
		ig_move_note_rule(td, fixed->key, fixed->write_once);
}

/*
 * Each column on its own, since an allowance may be for one of them.
 */
static void
refuse_change(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td, int i)
{
	const char *name = NameStr(trigger->columns[i].name);

	trigger->permitted = false;
	ig_row_refuse(trigger, trigger->relid, fixed->rule, name,
				  psprintf("cannot change %s column \"%s\" of table \"%s\"", fixed->noun,
						   ig_text_name(name), ig_row_relation_text(trigger->relid)),
				  fixed->write_once ?
				  psprintf("Once it has a value, it keeps it: trigger \"%s\".",
						   td->tg_trigger->tgname) :
				  psprintf("It keeps what was stored: trigger \"%s\".",
						   td->tg_trigger->tgname),
				  ig_row_allowance(fixed->rule, trigger->relid, name, "UPDATE ...;"));
	trigger->permitted = false;
	fixed->permitted[i] = true;
	ig_permitted_remember(trigger->relid, fixed->rule, trigger->columns[i].attnum);
}

void
ig_fixed_check_move(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td)
{
	StringInfoData names;
	const char *only = NULL;

	if (td->tg_trigger->tgqual == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" fires for each INSERT",
						td->tg_trigger->tgname, ig_row_relation_text(trigger->relid)),
				 errhint("It needs WHEN (invariant_guard.moved(...)).")));

	initStringInfo(&names);
	for (int i = fixed->first; i < trigger->ncolumns; i++)
		appendStringInfo(&names, "%s\"%s\"", i > fixed->first ? ", " : "",
						 ig_text_name(NameStr(trigger->columns[i].name)));
	if (trigger->ncolumns == fixed->first + 1)
		only = NameStr(trigger->columns[fixed->first].name);

	ig_row_refuse(trigger, trigger->relid, fixed->rule, only,
				  psprintf(only ? "cannot change %s column %s of table \"%s\"" :
						   "cannot change any of the %s columns %s of table \"%s\"",
						   fixed->noun, names.data, ig_row_relation_text(trigger->relid)),
				  "Another trigger changed it while the row moved to another partition.",
				  ig_row_allowance(fixed->rule, trigger->relid, only, "UPDATE ...;"));
}

void
ig_fixed_declare(IgDeclaration *d, List *others, List *columns, const char *condition,
				 List *options)
{
	List	   *all = list_concat_copy(others, columns);
	char	   *changed = with_condition(ig_declare_anchor("changed", NULL, columns), condition);
	char	   *uses = with_condition(ig_declare_anchor("uses", "old", all), condition);
	bool		moves = d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		d->rel->rd_rel->relispartition;

	if (others != NIL)
		changed = psprintf("%s AND %s", ig_declare_anchor("uses", "old", others), changed);

	ig_declare_trigger(d, "before", "BEFORE UPDATE", true, moves ? uses : changed, options);
	ig_declare_trigger(d, "after", "AFTER UPDATE", true, changed, options);
	if (moves)
	{
		const char *key = d->instance ? d->instance : "";
		char	   *moved = ig_moved_anchor("moved", key, NULL, columns);

		if (others != NIL)
			moved = psprintf("%s AND (%s)", ig_declare_anchor("uses", "new", others), moved);
		ig_declare_trigger(d, "moved", "AFTER INSERT", true, moved, options);
	}
}

static char *
with_condition(const char *anchor, const char *condition)
{
	return condition ? psprintf("(%s) AND (%s)", condition, anchor) :
		psprintf("(%s)", anchor);
}

List *
ig_fixed_columns(IgDeclaration *d, List *names, const char *role)
{
	Bitmapset  *attnums = NULL;
	List	   *result = NIL;
	ListCell   *lc;
	int			attnum = -1;

	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no %s column is named", role)));
	foreach(lc, names)
	{
		Form_pg_attribute attr = ig_declare_column(d, (const char *) lfirst(lc), role);

		if (attr->attgenerated != '\0')
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("column \"%s\" of table \"%s\" is generated",
							ig_text_name(NameStr(attr->attname)), d->text),
					 errhint("Name the columns that it is generated from.")));
		attnums = bms_add_member(attnums, attr->attnum);
	}
	while ((attnum = bms_next_member(attnums, attnum)) >= 0)
		result = lappend(result, get_attname(d->relid, attnum, false));
	return result;
}

/*
 * By the columns' numbers, which a rename leaves as they are.
 */
const char *
ig_fixed_instance(IgDeclaration *d, List *columns, const char *condition)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, columns)
		appendStringInfo(&buf, "%d,", get_attnum(d->relid, (const char *) lfirst(lc)));
	if (condition != NULL)
		appendStringInfoString(&buf, condition);
	return psprintf("%08x", hash_bytes((const unsigned char *) buf.data, buf.len));
}
