/*-------------------------------------------------------------------------
 *
 * row_rule.c
 *	  The row rules that are declared, as the catalogs show them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "model/row_rule.h"
#include "model/when_clause.h"

static List *scan_triggers(Oid index, ScanKey key, int nkeys);
static IgDeclaredTrigger *declared_of(HeapTuple tuple, TupleDesc desc);
static void read_arguments(IgDeclaredTrigger *declared, HeapTuple tuple, TupleDesc desc,
						   bool anchored);
static char *text_of(HeapTuple tuple, AttrNumber attnum, TupleDesc desc);

List *
ig_row_rule_columns(const Trigger *trigger, Relation rel)
{
	List	   *attnums = ig_when_columns(trigger->tgoid, trigger->tgqual, NULL);

	if (attnums != NIL)
		return attnums;
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		AttrNumber	attnum;

		if (strchr(trigger->tgargs[i], '=') != NULL)
			continue;
		attnum = get_attnum(RelationGetRelid(rel), trigger->tgargs[i]);
		if (attnum <= 0)
			return NIL;
		attnums = lappend_int(attnums, attnum);
	}
	return attnums;
}

List *
ig_declared_triggers(Oid relid)
{
	ScanKeyData key;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	return scan_triggers(TriggerRelidNameIndexId, &key, 1);
}

List *
ig_all_declared_triggers(void)
{
	return scan_triggers(InvalidOid, NULL, 0);
}

static List *
scan_triggers(Oid index, ScanKey key, int nkeys)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_trigger, index, OidIsValid(index), NULL,
										  nkeys, key);
	HeapTuple	tuple;
	List	   *result = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		IgDeclaredTrigger *declared = declared_of(tuple, RelationGetDescr(pg_trigger));

		if (declared != NULL)
			result = lappend(result, declared);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return result;
}

bool
ig_declares_rules(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		has_triggers = false;

	if (HeapTupleIsValid(tuple))
	{
		has_triggers = ((Form_pg_class) GETSTRUCT(tuple))->relhastriggers;
		ReleaseSysCache(tuple);
	}
	return has_triggers && ig_declared_triggers(relid) != NIL;
}

const IgRowRule *
ig_history_rule(Oid relid)
{
	ListCell   *lc;

	if (!ig_declares_rules(relid))
		return NULL;
	foreach(lc, ig_declared_triggers(relid))
	{
		const IgRowRule *rule = ((const IgDeclaredTrigger *) lfirst(lc))->rule;

		if (rule->keeps_history)
			return rule;
	}
	return NULL;
}

IgDeclaredTrigger *
ig_declared_trigger(Oid tgoid)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	IgDeclaredTrigger *declared = NULL;

	ScanKeyInit(&key, Anum_pg_trigger_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(tgoid));
	scan = systable_beginscan(pg_trigger, TriggerOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		declared = declared_of(tuple, RelationGetDescr(pg_trigger));
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return declared;
}

/* NULL if the trigger declares no rule. */
static IgDeclaredTrigger *
declared_of(HeapTuple tuple, TupleDesc desc)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	const IgRowRule *rule = ig_row_rule_of_function(form->tgfoid);
	IgDeclaredTrigger *declared;
	char	   *qual;
	ListCell   *lc;

	if (rule == NULL)
		return NULL;

	declared = palloc0(sizeof(IgDeclaredTrigger));
	declared->rule = rule;
	declared->oid = form->oid;
	declared->relid = form->tgrelid;
	declared->parent = form->tgparentid;
	declared->name = pstrdup(NameStr(form->tgname));
	declared->type = form->tgtype;
	declared->enabled = form->tgenabled;
	declared->update_of = form->tgattr.dim1 > 0;

	qual = text_of(tuple, Anum_pg_trigger_tgqual, desc);
	declared->attnums = ig_when_columns(form->oid, qual, NULL);
	declared->mentioned = ig_when_mentioned(qual);
	foreach(lc, declared->attnums)
	{
		char	   *name = get_attname(form->tgrelid, lfirst_int(lc), true);

		declared->columns = lappend(declared->columns, name ? name : pstrdup("?"));
	}
	read_arguments(declared, tuple, desc, declared->attnums != NIL);
	return declared;
}

/*
 * tgargs holds tgnargs strings, each ended by a zero byte.
 */
static void
read_arguments(IgDeclaredTrigger *declared, HeapTuple tuple, TupleDesc desc, bool anchored)
{
	Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
	bool		isnull;
	Datum		datum = heap_getattr(tuple, Anum_pg_trigger_tgargs, desc, &isnull);
	bytea	   *bytes;
	const char *arg;

	if (isnull || form->tgnargs == 0)
		return;
	bytes = DatumGetByteaPP(datum);
	arg = VARDATA_ANY(bytes);
	for (int i = 0; i < form->tgnargs; i++, arg += strlen(arg) + 1)
	{
		AttrNumber	attnum;

		if (strchr(arg, '=') != NULL)
		{
			declared->options = lappend(declared->options, pstrdup(arg));
			continue;
		}
		if (anchored)
			continue;
		attnum = get_attnum(declared->relid, arg);
		declared->columns = lappend(declared->columns, pstrdup(arg));
		declared->attnums = lappend_int(declared->attnums, Max(attnum, 0));
		if (attnum > 0)
		{
			declared->mentioned = bms_add_member(declared->mentioned, attnum);
			declared->in_arguments = bms_add_member(declared->in_arguments, attnum);
		}
	}
}

static char *
text_of(HeapTuple tuple, AttrNumber attnum, TupleDesc desc)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attnum, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(datum);
}

const char *
ig_declared_option(const IgDeclaredTrigger *declared, const char *name)
{
	size_t		length = strlen(name);
	ListCell   *lc;

	foreach(lc, declared->options)
	{
		const char *option = (const char *) lfirst(lc);

		if (strncmp(option, name, length) == 0 && option[length] == '=')
			return option + length + 1;
	}
	return NULL;
}
