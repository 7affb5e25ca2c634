/*-------------------------------------------------------------------------
 *
 * change_stored_type.c
 *	  What a change of a type does to the values of it that tables hold.
 *
 * An attribute that goes, an enum value that is renamed, a domain's constraint
 * that is dropped: no table is named and no row is touched, and yet the rows
 * say something else, or may.  Financial tables are told of it one by one.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "gate/statement.h"

static List *types_with(Oid typid, List *types, List **columns);
static void add_column(IgStatement *stmt, const ObjectAddress *column, const char *what);

/*
 * what is done to the type, in words; the statement is the caller's.
 */
void
ig_changes_stored_type(IgStatement *stmt, Oid typid, const char *what)
{
	List	   *types;
	List	   *columns = NIL;
	ListCell   *lc;

	if (!OidIsValid(typid))
		return;

	/* the list grows while it is read */
	types = list_make1_oid(typid);
	foreach(lc, types)
	{
		CHECK_FOR_INTERRUPTS();
		types = types_with(lfirst_oid(lc), types, &columns);
	}
	foreach(lc, columns)
		add_column(stmt, (const ObjectAddress *) lfirst(lc), what);
}

/*
 * Append the types that are made of this one: its array, domains and ranges
 * over it, and rows that have it as a part.
 */
static List *
types_with(Oid typid, List *types, List **columns)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	Oid			array = get_array_type(typid);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	if (OidIsValid(array))
		types = list_append_unique_oid(types, array);

	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(typid));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *column;

		if (depend->classid == TypeRelationId)
			types = list_append_unique_oid(types, depend->objid);
		if (depend->classid != RelationRelationId || depend->objsubid <= 0 ||
			get_atttype(depend->objid, depend->objsubid) != typid)
			continue;			/* a default that names the type, perhaps */

		column = palloc(sizeof(ObjectAddress));
		ObjectAddressSubSet(*column, RelationRelationId, depend->objid, depend->objsubid);
		*columns = lappend(*columns, column);
		types = list_append_unique_oid(types, get_rel_type_id(depend->objid));
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return types;
}

static void
add_column(IgStatement *stmt, const ObjectAddress *column, const char *what)
{
	IgRelation *rel = ig_relation_load(column->objectId);
	IgChange   *change;

	if (rel == NULL || !ig_relation_is_financial(rel) || ig_relation_is_exempt(rel) ||
		(rel->relkind != RELKIND_RELATION && rel->relkind != RELKIND_PARTITIONED_TABLE &&
		 rel->relkind != RELKIND_FOREIGN_TABLE))
		return;

	change = ig_change_add(stmt, IG_CHANGE_STORED_TYPE, rel);
	change->address = *column;
	change->column = get_attname(column->objectId, column->objectSubId, true);
	change->attnum = column->objectSubId;
	change->derived = true;
	change->new_name = what;
	if (change->column == NULL)
		stmt->changes = list_delete_ptr(stmt->changes, change);
}
