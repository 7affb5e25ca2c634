/*-------------------------------------------------------------------------
 *
 * impact_alter_type_tables.c
 *	  To which tables does ALTER COLUMN TYPE go, and what depends on the column?
 *
 * And does any of them, or anything there, make the server refuse?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/impact.h"
#include "platform/inherit.h"

static List *typed_tables(Oid rowtype);
static bool is_rowtype_stored(Oid rowtype);
static bool default_fits(const IgRetype *retype, Relation relation, AttrNumber attnum);
static bool find_dependents(Oid relid, AttrNumber attnum, IgRetypeDependents *dependents);

/*
 * Is the column part of the partition key, also of an expression in it?
 */
bool
ig_retype_is_key(Relation relation, AttrNumber attnum)
{
	bool		is_expr;

	return has_partition_attrs(relation,
							   bms_make_singleton(attnum - FirstLowInvalidHeapAttributeNumber),
							   &is_expr);
}

/*
 * The relation and all that get the change through it, parents first.  NIL if
 * the server will refuse: a child has the column from elsewhere, too.
 */
List *
ig_retype_tables(Relation relation, const char *column)
{
	List	   *nparents;
	List	   *relids;
	ListCell   *lc;
	ListCell   *lp;

	if (relation->rd_rel->relkind == RELKIND_COMPOSITE_TYPE)
		return lcons_oid(RelationGetRelid(relation),
						 typed_tables(relation->rd_rel->reltype));

	relids = ig_inheritors(RelationGetRelid(relation), &nparents);
	forboth(lc, relids, lp, nparents)
	{
		HeapTuple	tuple;
		bool		from_elsewhere;

		if (lfirst_oid(lc) == RelationGetRelid(relation))
			continue;
		tuple = SearchSysCacheAttName(lfirst_oid(lc), column);
		if (!HeapTupleIsValid(tuple))
			return NIL;
		from_elsewhere = ((Form_pg_attribute) GETSTRUCT(tuple))->attinhcount > lfirst_int(lp);
		ReleaseSysCache(tuple);
		if (from_elsewhere)
			return NIL;
	}
	return relids;
}

/*
 * The tables OF a composite type: ALTER TYPE ... CASCADE changes them, too.
 */
static List *
typed_tables(Oid rowtype)
{
	List	   *result = NIL;
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_class_reloftype, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rowtype));
	scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
		result = lappend_oid(result, ((Form_pg_class) GETSTRUCT(tuple))->oid);
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return result;
}

/*
 * Collect the dependents of the column in all tables.  False if any table or
 * dependent makes the server refuse.
 */
bool
ig_retype_allowed(const IgRetype *retype, IgRetypeDependents *dependents)
{
	ListCell   *lc;

	foreach(lc, retype->tables)
	{
		Relation	relation = try_relation_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	attnum;
		bool		allowed;

		if (relation == NULL)
			return false;
		attnum = get_attnum(RelationGetRelid(relation), retype->column);
		allowed = attnum > 0 &&
			!ig_retype_is_key(relation, attnum) &&
			!is_rowtype_stored(relation->rd_rel->reltype) &&
			(retype->after_drop || default_fits(retype, relation, attnum));
		if (allowed && !find_dependents(RelationGetRelid(relation), attnum, dependents))
			allowed = retype->after_drop;
		relation_close(relation, AccessShareLock);
		if (!allowed)
			return false;
	}
	return retype->tables != NIL;
}

/*
 * Has any table a column of the type, or of one made from it?  Then nothing
 * would convert the values in it (find_composite_type_dependencies).
 */
static bool
is_rowtype_stored(Oid rowtype)
{
	Relation	pg_depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		result = false;

	check_stack_depth();
	if (!OidIsValid(rowtype))
		return false;

	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rowtype));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, key);
	while (!result && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		char		relkind;

		if (depend->classid == TypeRelationId)
			result = is_rowtype_stored(depend->objid);
		if (depend->classid != RelationRelationId || depend->objsubid <= 0)
			continue;

		relkind = get_rel_relkind(depend->objid);
		if (RELKIND_HAS_STORAGE(relkind) || RELKIND_HAS_PARTITIONS(relkind))
			result = true;
		else
			result = is_rowtype_stored(get_rel_type_id(depend->objid));
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return result;
}

/*
 * Can the column's default be turned into the new type?
 */
static bool
default_fits(const IgRetype *retype, Relation relation, AttrNumber attnum)
{
	Node	   *expr;

	if (!TupleDescAttr(RelationGetDescr(relation), attnum - 1)->atthasdef)
		return true;
	expr = build_column_default(relation, attnum);
	if (expr == NULL)
		return true;

	expr = strip_implicit_coercions(expr);
	return coerce_to_target_type(NULL, expr, exprType(expr),
								 retype->new_type, retype->new_typmod,
								 COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST, -1) != NULL;
}

/*
 * Enter one dependent.  False if its kind keeps the column from being changed
 * (RememberAllDependentForRebuilding).
 */
static bool
add_dependent(Form_pg_depend depend, Oid relid, AttrNumber attnum, IgRetypeDependents *dependents)
{
	switch (depend->classid)
	{
		case RelationRelationId:
			{
				char		relkind = get_rel_relkind(depend->objid);
				Oid			constraint;

				if (relkind != RELKIND_INDEX && relkind != RELKIND_PARTITIONED_INDEX)
					return true;
				constraint = get_index_constraint(depend->objid);
				if (OidIsValid(constraint))
					dependents->constraints =
						list_append_unique_oid(dependents->constraints, constraint);
				else
					dependents->indexes =
						list_append_unique_oid(dependents->indexes, depend->objid);
				return true;
			}
		case ConstraintRelationId:
			dependents->constraints =
				list_append_unique_oid(dependents->constraints, depend->objid);
			return true;
		case AttrDefaultRelationId:
			{
				Oid			own = GetAttrDefaultOid(relid, attnum);

				/* else it is a generated column's */
				return own == depend->objid;
			}
		case ProcedureRelationId:
		case RewriteRelationId:
		case TriggerRelationId:
		case PolicyRelationId:
		case PublicationRelRelationId:
			return false;
		default:
			return true;
	}
}

static bool
find_dependents(Oid relid, AttrNumber attnum, IgRetypeDependents *dependents)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		allowed = true;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber, F_INT4EQ,
				Int32GetDatum((int32) attnum));

	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 3, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (!add_dependent((Form_pg_depend) GETSTRUCT(tuple), relid, attnum, dependents))
			allowed = false;
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return allowed;
}
