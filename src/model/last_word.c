/*-------------------------------------------------------------------------
 *
 * last_word.c
 *	  Triggers that fire after a row rule's own, and have the last word.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "model/last_word.h"
#include "platform/text.h"

/* It sorts after most names, and before those that we give. */
#define EARLIER_PREFIX	"zz_before"

#define EVENTS \
	(TRIGGER_TYPE_INSERT | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_UPDATE)

static bool sets_columns(const IgDeclaredTrigger *declared);
static bool is_verified(const IgDeclaredTrigger *declared);
static bool is_after(const char *name, int16 type, const IgDeclaredTrigger *declared);

/*
 * Of a soft delete it is what tells how a row was marked that moves to another
 * partition.
 */
static bool
sets_columns(const IgDeclaredTrigger *declared)
{
	if (!TRIGGER_FOR_ROW(declared->type) || !TRIGGER_FOR_BEFORE(declared->type))
		return false;
	switch (declared->rule->kind)
	{
		case IG_ROW_OPTIMISTIC_LOCK:
		case IG_ROW_AUDIT_COLUMNS:
			return true;
		case IG_ROW_SNAPSHOT_COLUMNS:
			return !is_verified(declared);
		case IG_ROW_SOFT_DELETE:
			return TRIGGER_FOR_UPDATE(declared->type);
		default:
			return false;
	}
}

/* Does a trigger look at the new row when no other can change it any more? */
static bool
is_verified(const IgDeclaredTrigger *declared)
{
	ListCell   *lc;
	ListCell   *lo;

	foreach(lc, ig_declared_triggers(declared->relid))
	{
		const IgDeclaredTrigger *other = (const IgDeclaredTrigger *) lfirst(lc);

		foreach(lo, other->rule == declared->rule ? other->options : NIL)
		{
			if (strcmp((const char *) lfirst(lo), "does=verify") == 0)
				return true;
		}
	}
	return false;
}

static bool
is_after(const char *name, int16 type, const IgDeclaredTrigger *declared)
{
	return TRIGGER_FOR_ROW(type) && TRIGGER_FOR_BEFORE(type) &&
		(type & declared->type & EVENTS & ~TRIGGER_TYPE_DELETE) != 0 &&
		strcmp(name, declared->name) > 0;
}

const IgDeclaredTrigger *
ig_overruled_trigger(Oid relid, const char *name, int16 type)
{
	ListCell   *lc;

	if (!TRIGGER_FOR_ROW(type) || !TRIGGER_FOR_BEFORE(type) || !ig_declares_rules(relid))
		return NULL;
	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (sets_columns(declared) && is_after(name, type, declared))
			return declared;
	}
	return NULL;
}

List *
ig_late_triggers(const IgDeclaredTrigger *declared)
{
	Relation	pg_trigger;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *result = NIL;

	if (!sets_columns(declared))
		return NIL;
	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(declared->relid));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		IgLateTrigger *late;

		if (form->tgisinternal || form->tgenabled == TRIGGER_DISABLED ||
			!is_after(NameStr(form->tgname), form->tgtype, declared) ||
			ig_row_rule_of_function(form->tgfoid) != NULL)
			continue;
		late = palloc0(sizeof(IgLateTrigger));
		late->name = pstrdup(NameStr(form->tgname));
		late->is_clone = OidIsValid(form->tgparentid);
		result = lappend(result, late);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return result;
}

char *
ig_earlier_name(const char *name, const IgDeclaredTrigger *declared)
{
	char	   *earlier = makeObjectName(EARLIER_PREFIX, name, NULL);

	return strcmp(earlier, declared->name) < 0 ? earlier : NULL;
}

char *
ig_late_rename(const IgLateTrigger *late, const IgDeclaredTrigger *declared)
{
	char	   *schema = get_namespace_name(get_rel_namespace(declared->relid));
	char	   *table = get_rel_name(declared->relid);
	char	   *earlier = ig_earlier_name(late->name, declared);

	if (schema == NULL || table == NULL || earlier == NULL || late->is_clone)
		return psprintf("-- Give the trigger a name that sorts before \"%s\".",
						ig_text_name(declared->name));
	return psprintf("ALTER TRIGGER %s ON %s RENAME TO %s;", quote_identifier(late->name),
					quote_qualified_identifier(schema, table), quote_identifier(earlier));
}
