/*-------------------------------------------------------------------------
 *
 * fixed.c
 *	  Columns that keep what an INSERT stored.
 *
 * What counts is the row that is stored, so it is an AFTER UPDATE trigger that
 * looks at it: a BEFORE trigger does not see what triggers after it do, and it
 * costs three times as much, since it locks the row first.  With changed() in
 * its WHEN clause it is not even queued for a row that keeps the columns.
 *
 * A row that moves to another partition has no AFTER UPDATE.  There leaves() in
 * the WHEN clause of an AFTER DELETE trigger, which never fires, notes the row
 * that leaves, and moved() in that of an AFTER INSERT trigger compares.
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
#include "rows/moved.h"

static void refuse_change(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td,
						  int i);
static char *with_condition(const char *condition, const char *anchor);

IgFixed *
ig_fixed_prepare(IgRuleTrigger *trigger, const char *rule, const char *noun)
{
	static const char *const yes_no[] = {"false", "true", NULL};
	IgFixed    *fixed = palloc0(sizeof(IgFixed));

	fixed->rule = rule;
	fixed->noun = noun;
	fixed->key = ig_rule_option(trigger, "key", "");
	fixed->write_once = ig_rule_option_word(trigger, "write_once", yes_no, 0) == 1;
	fixed->permitted = palloc0(sizeof(bool) * (trigger->ncolumns + 1));
	return fixed;
}

void
ig_fixed_check(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td)
{
	for (int i = 0; i < trigger->ncolumns; i++)
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
		refuse_change(trigger, fixed, td, i);
	}
}

/*
 * Each column on its own, since an allowance may be for one of them.
 */
static void
refuse_change(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td, int i)
{
	const char *name = NameStr(trigger->columns[i].name);

	if (fixed->permitted[i])
		return;
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
}

void
ig_fixed_check_move(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td)
{
	ListCell   *lc;

	foreach(lc, ig_move_changes(td, fixed->key))
	{
		const IgMoveChange *change = (const IgMoveChange *) lfirst(lc);

		if (change->was_null && fixed->write_once)
			continue;
		for (int i = 0; i < trigger->ncolumns; i++)
		{
			if (trigger->columns[i].attnum == change->attnum)
				refuse_change(trigger, fixed, td, i);
		}
	}
}

void
ig_fixed_declare(IgDeclaration *d, List *columns, const char *condition, List *options)
{
	const char *key = d->instance ? d->instance : "";
	char	   *changed = psprintf("(%s)", ig_declare_anchor("changed", NULL, columns));
	char	   *left = psprintf("%s AND NOT %s", ig_declare_anchor("uses", "old", columns),
								ig_moved_leaves(key));

	ig_declare_trigger(d, "changed", "AFTER UPDATE", true,
					   with_condition(condition, changed), options);
	if (d->rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE && !d->rel->rd_rel->relispartition)
		return;

	ig_declare_trigger(d, "left", "AFTER DELETE", true, with_condition(condition, left), options);
	for (int from = 0; from < list_length(columns); from += IG_MOVED_COLUMNS)
	{
		List	   *some = NIL;

		for (int i = from; i < from + IG_MOVED_COLUMNS && i < list_length(columns); i++)
			some = lappend(some, list_nth(columns, i));
		ig_declare_trigger(d, from == 0 ? "moved" : psprintf("moved%d", from), "AFTER INSERT",
						   true, ig_moved_anchor("moved", key, some), options);
	}
}

/* Both, in this order; the first may be NULL. */
static char *
with_condition(const char *condition, const char *anchor)
{
	return condition ? psprintf("(%s) AND %s", condition, anchor) : pstrdup(anchor);
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
