/*-------------------------------------------------------------------------
 *
 * own.c
 *	  What the guard itself consists of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_event_trigger.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/decide.h"
#include "gate/own.h"
#include "platform/inherit.h"

Oid			ig_own_trigger_let_go = InvalidOid;

static bool trigger_of_relation(Oid relid, const char *name, ObjectAddress *trigger);

Oid
ig_own_schema(void)
{
	if (!OidIsValid(ig_extension_oid()))
		return InvalidOid;
	return get_namespace_oid("invariant_guard", true);
}

bool
ig_is_own(const ObjectAddress *address)
{
	Oid			schema = ig_own_schema();
	HeapTuple	tuple;
	bool		result = false;

	if (!OidIsValid(schema))
		return false;

	switch (address->classId)
	{
		case ExtensionRelationId:
			return address->objectId == ig_extension_oid();
		case NamespaceRelationId:
			return address->objectId == schema;
		case RelationRelationId:
			return get_rel_namespace(address->objectId) == schema;
		case ProcedureRelationId:
			return get_func_namespace(address->objectId) == schema;
		case TypeRelationId:
			tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(address->objectId));
			if (HeapTupleIsValid(tuple))
			{
				result = ((Form_pg_type) GETSTRUCT(tuple))->typnamespace == schema;
				ReleaseSysCache(tuple);
			}
			return result;
		case EventTriggerRelationId:
			tuple = SearchSysCache1(EVENTTRIGGEROID, ObjectIdGetDatum(address->objectId));
			if (HeapTupleIsValid(tuple))
			{
				result = get_func_namespace(((Form_pg_event_trigger) GETSTRUCT(tuple))->evtfoid) == schema;
				ReleaseSysCache(tuple);
			}
			return result;
		default:
			return false;
	}
}

bool
ig_own_trigger(Oid relid, bool recurse, const char *name, ObjectAddress *trigger)
{
	ListCell   *lc;

	if (!OidIsValid(ig_own_schema()) || !OidIsValid(relid))
		return false;
	if (trigger_of_relation(relid, name, trigger))
		return true;
	if (!recurse)
		return false;
	foreach(lc, ig_inheritors(relid, NULL))
	{
		if (trigger_of_relation(lfirst_oid(lc), name, trigger))
			return true;
	}
	return false;
}

static bool
trigger_of_relation(Oid relid, const char *name, ObjectAddress *trigger)
{
	Oid			schema = ig_own_schema();
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

		if (get_func_namespace(form->tgfoid) != schema ||
			(name != NULL && strcmp(NameStr(form->tgname), name) != 0))
			continue;
		ObjectAddressSet(*trigger, TriggerRelationId, form->oid);
		found = true;
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return found;
}
