/*-------------------------------------------------------------------------
 *
 * catalog.c
 *	  Small questions to the catalogs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

/*
 * May the relation, or one below it, hold rows that ALTER TABLE would rewrite?
 */
bool
ig_relation_holds_rows(const IgRelation *rel)
{
	return rel->relkind == RELKIND_RELATION || rel->relkind == RELKIND_MATVIEW ||
		rel->relkind == RELKIND_PARTITIONED_TABLE;
}

bool
ig_relation_never_held_rows(Oid relid)
{
	Relation	relation;
	Form_pg_class form;
	bool		result = false;

	if (!ConditionalLockRelationOid(relid, AccessShareLock))
		return false;
	relation = try_relation_open(relid, NoLock);
	if (relation != NULL)
	{
		form = relation->rd_rel;
		result = form->relkind == RELKIND_RELATION &&
			form->relpersistence == RELPERSISTENCE_PERMANENT &&
			form->relam == HEAP_TABLE_AM_OID && !form->relhassubclass &&
			form->relfilenode == relid &&
			form->relpages == 0 && form->reltuples < 0 &&
			RelationGetNumberOfBlocks(relation) == 0;
		relation_close(relation, NoLock);
	}
	UnlockRelationOid(relid, AccessShareLock);
	return result;
}

static Form_pg_class
class_form(Oid relid, HeapTuple *tuple)
{
	*tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	return HeapTupleIsValid(*tuple) ? (Form_pg_class) GETSTRUCT(*tuple) : NULL;
}

Oid
ig_relation_access_method(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form = class_form(relid, &tuple);
	Oid			result;

	if (form == NULL)
		return InvalidOid;
	result = form->relam;
	ReleaseSysCache(tuple);
	return result;
}

Oid
ig_relation_owner(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form = class_form(relid, &tuple);
	Oid			result;

	if (form == NULL)
		return InvalidOid;
	result = form->relowner;
	ReleaseSysCache(tuple);
	return result;
}

bool
ig_relation_is_populated(Oid relid)
{
	HeapTuple	tuple;
	Form_pg_class form = class_form(relid, &tuple);
	bool		result;

	if (form == NULL)
		return false;
	result = form->relispopulated;
	ReleaseSysCache(tuple);
	return result;
}

bool
ig_column_refuses_null(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return false;
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
	ReleaseSysCache(tuple);
	return result;
}

/* ATTRIBUTE_GENERATED_..., or '\0'. */
char
ig_column_generated(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	char		result;

	if (!HeapTupleIsValid(tuple))
		return '\0';
	result = ((Form_pg_attribute) GETSTRUCT(tuple))->attgenerated;
	ReleaseSysCache(tuple);
	return result;
}

/*
 * The key columns of an index, which USING INDEX looks for in the table's own
 * schema; NIL if there is no such index or it is one over expressions.
 */
List *
ig_index_columns(const IgRelation *table, const char *index_name)
{
	Oid			indexid = get_relname_relid(index_name, get_rel_namespace(table->relid));
	HeapTuple	tuple;
	Form_pg_index form;
	List	   *columns = NIL;

	if (!OidIsValid(indexid))
		return NIL;
	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	if (!HeapTupleIsValid(tuple))
		return NIL;

	form = (Form_pg_index) GETSTRUCT(tuple);
	if (form->indrelid == table->relid)
	{
		for (int i = 0; i < form->indnkeyatts; i++)
		{
			AttrNumber	attnum = form->indkey.values[i];
			char	   *name = attnum > 0 ? get_attname(table->relid, attnum, true) : NULL;

			if (name != NULL)
				columns = lappend(columns, name);
		}
	}
	ReleaseSysCache(tuple);
	return columns;
}

/*
 * Has a materialized view the unique index that REFRESH ... CONCURRENTLY
 * needs: valid, over plain columns, for all rows?
 */
bool
ig_has_unique_index_for_refresh(Oid relid)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		result = false;
	ListCell   *lc;

	if (!RelationIsValid(rel))
		return false;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_index form;
		bool		usable;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_index) GETSTRUCT(tuple);
		usable = form->indisunique && form->indimmediate && form->indisvalid &&
			heap_attisnull(tuple, Anum_pg_index_indpred, NULL) && form->indnatts > 0;
		for (int i = 0; usable && i < form->indnatts; i++)
			usable = form->indkey.values[i] > 0;
		ReleaseSysCache(tuple);
		result = result || usable;
	}
	RelationClose(rel);
	return result;
}

/*
 * The tables that were created OF a composite type, to which ALTER TYPE ...
 * CASCADE goes on; as IgRelations.
 */
List *
ig_typed_tables(Oid composite_relid)
{
	Oid			typid = get_rel_type_id(composite_relid);
	Relation	pg_depend;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	List	   *tables = NIL;

	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(typid));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		HeapTuple	class_tuple;
		Form_pg_class form;

		if (depend->classid != RelationRelationId || depend->objsubid != 0)
			continue;
		form = class_form(depend->objid, &class_tuple);
		if (form == NULL)
			continue;
		if (form->reloftype == typid)
			tables = lappend(tables, ig_relation_load(depend->objid));
		ReleaseSysCache(class_tuple);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return tables;
}

/* The sequence of an identity column, or InvalidOid. */
Oid
ig_identity_sequence(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		identity;
	ListCell   *lc;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	identity = ((Form_pg_attribute) GETSTRUCT(tuple))->attidentity != '\0';
	ReleaseSysCache(tuple);
	if (!identity)
		return InvalidOid;

	foreach(lc, ig_column_dependents(relid, attnum))
	{
		const ObjectAddress *address = (const ObjectAddress *) lfirst(lc);

		if (address->classId == RelationRelationId &&
			get_rel_relkind(address->objectId) == RELKIND_SEQUENCE)
			return address->objectId;
	}
	return InvalidOid;
}

/*
 * What depends directly on a column, as ObjectAddress.
 */
List *
ig_column_dependents(Oid relid, AttrNumber attnum)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	List	   *result = NIL;
	SysScanDesc scan;
	ScanKeyData keys[3];
	HeapTuple	tuple;

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) attnum));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 3, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *address = palloc(sizeof(ObjectAddress));

		ObjectAddressSubSet(*address, depend->classid, depend->objid, depend->objsubid);
		result = lappend(result, address);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return result;
}

/*
 * Does a trigger of the table, or of a partition below it, fire ALWAYS?  The
 * one of this name, or with NULL any.
 */
bool
ig_has_trigger_always(Oid relid, const char *name)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		SysScanDesc scan;
		ScanKeyData key;
		HeapTuple	tuple;

		if (found)
			break;
		ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
					ObjectIdGetDatum(lfirst_oid(lc)));
		scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 1, &key);
		while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
		{
			Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);

			found = form->tgenabled == TRIGGER_FIRES_ALWAYS &&
				(name == NULL || strcmp(NameStr(form->tgname), name) == 0);
		}
		systable_endscan(scan);
	}
	table_close(pg_trigger, AccessShareLock);
	return found;
}

/*
 * Has the constraint been validated?  True where there is none.
 */
bool
ig_constraint_is_valid(Oid conoid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	bool		valid = true;

	if (HeapTupleIsValid(tuple))
	{
		valid = ((Form_pg_constraint) GETSTRUCT(tuple))->convalidated;
		ReleaseSysCache(tuple);
	}
	return valid;
}
