/*-------------------------------------------------------------------------
 *
 * retirements.c
 *	  What is retired, who still uses it, and when it may go.
 *
 * Everybody may see what is retired: it is for them that it is announced.  Who
 * has used it is for the table's owner, and for members of pg_read_all_stats.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_seclabel.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "gate/statement.h"
#include "model/retirement.h"
#include "model/row_rule.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/label.h"
#include "platform/text.h"
#include "report/retirement_holds.h"

#define RETIREMENT_COLUMNS	14

static void put_labelled(ReturnSetInfo *rsinfo, Oid relid, AttrNumber attnum);
static void put_use(Datum *values, bool *nulls, int first, const IgUse *use,
					TimestampTz since, bool names);
static List *dependents_of(Oid relid, AttrNumber attnum);
static char *describe(const ObjectAddress *object);
static bool is_among(List *strings, const char *string);
static bool is_shown(const ObjectAddress *object, Oid relid, AttrNumber attnum);
static bool is_inside(Oid catalog, Oid oid);
static List *naming_functions(Oid relid, const char *column);
static List *naming_triggers(Oid relid, const char *column);
static Datum text_array(List *strings);

PG_FUNCTION_INFO_V1(ig_sql_retirements);

/*
 * invariant_guard.retirements()
 */
Datum
ig_sql_retirements(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Relation	pg_seclabel;
	SysScanDesc scan;
	HeapTuple	tuple;
	List	   *relids = NIL;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);

	/* nothing is asked of other catalogs while this one is read */
	pg_seclabel = table_open(SecLabelRelationId, AccessShareLock);
	scan = systable_beginscan(pg_seclabel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FormData_pg_seclabel *form = (FormData_pg_seclabel *) GETSTRUCT(tuple);

		if (form->classoid == RelationRelationId)
			relids = list_append_unique_oid(relids, form->objoid);
	}
	systable_endscan(scan);
	table_close(pg_seclabel, AccessShareLock);

	foreach(lc, relids)
	{
		Oid			relid = lfirst_oid(lc);
		ListCell   *la;

		CHECK_FOR_INTERRUPTS();
		put_labelled(rsinfo, relid, InvalidAttrNumber);
		foreach(la, ig_label_columns(relid))
			put_labelled(rsinfo, relid, lfirst_int(la));
	}
	return (Datum) 0;
}

/*
 * A row for what the label retires; none if it does not, or is gone.
 */
static void
put_labelled(ReturnSetInfo *rsinfo, Oid relid, AttrNumber attnum)
{
	const IgRetirement *retirement = ig_label_retirement_of(relid, attnum);
	char	   *column = attnum != InvalidAttrNumber ? get_attname(relid, attnum, true) : NULL;
	bool		names = ig_class_ownercheck(relid, GetUserId()) ||
		has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
	Datum		values[RETIREMENT_COLUMNS];
	bool		nulls[RETIREMENT_COLUMNS] = {false};
	IgVerdict	verdict;
	List	   *holds;

	if (retirement == NULL || get_rel_name(relid) == NULL ||
		(attnum != InvalidAttrNumber && column == NULL))
		return;
	ig_retirement_judge(relid, attnum, &verdict);
	if (verdict.retirement == NULL)
		return;
	holds = ig_retirement_holds(relid, attnum, &verdict, names);

	values[0] = ObjectIdGetDatum(relid);
	nulls[1] = column == NULL;
	values[1] = column ? DirectFunctionCall1(namein, CStringGetDatum(column)) : (Datum) 0;
	values[2] = TimestampTzGetDatum(retirement->since);
	values[3] = CStringGetTextDatum(retirement->role);
	values[4] = CStringGetTextDatum(retirement->reason);
	values[5] = BoolGetDatum(retirement->blocks_writes);
	put_use(values, nulls, 6, &verdict.usage.read, retirement->since, names);
	put_use(values, nulls, 8, &verdict.usage.written, retirement->since, names);
	nulls[10] = !verdict.usage.observed;
	values[10] = TimestampTzGetDatum(verdict.usage.observed_since);
	values[11] = text_array(dependents_of(relid, attnum));
	nulls[12] = verdict.may_go == 0;
	values[12] = TimestampTzGetDatum(verdict.may_go);
	values[13] = text_array(holds);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* When and by whom; only what was since the retirement. */
static void
put_use(Datum *values, bool *nulls, int first, const IgUse *use, TimestampTz since, bool names)
{
	nulls[first] = use->at == 0 || use->at < since;
	nulls[first + 1] = nulls[first] || !names || use->role == NULL;
	values[first] = TimestampTzGetDatum(use->at);
	values[first + 1] = (Datum) 0;
	if (!nulls[first + 1])
		values[first + 1] = CStringGetTextDatum(psprintf("application \"%s\" as role \"%s\"",
														 ig_text_name(use->application),
														 ig_text_name(use->role)));
}

/*
 * What the server knows to depend on it, and the functions that name it, which
 * is a guess.
 */
static List *
dependents_of(Oid relid, AttrNumber attnum)
{
	char	   *column = attnum != InvalidAttrNumber ? get_attname(relid, attnum, true) : NULL;
	ObjectAddress address;
	List	   *result = NIL;
	ListCell   *lc;

	ObjectAddressSubSet(address, RelationRelationId, relid, attnum);
	foreach(lc, ig_dependents_closure(list_make1(&address)))
	{
		const ObjectAddress *object = (const ObjectAddress *) lfirst(lc);
		char	   *description = is_shown(object, relid, attnum) ? describe(object) : NULL;

		if (description != NULL && !is_among(result, description))
			result = lappend(result, description);
	}
	result = list_concat(result, naming_functions(relid, column));
	return list_concat(result, naming_triggers(relid, column));
}

/*
 * The triggers of a row rule are the rule.
 */
static char *
describe(const ObjectAddress *object)
{
	const IgDeclaredTrigger *trigger = object->classId == TriggerRelationId ?
		ig_declared_trigger(object->objectId) : NULL;

	if (trigger == NULL)
		return ig_describe(object);
	return psprintf("row rule \"%s\" of table %s", trigger->rule->name,
					quote_identifier(get_rel_name(trigger->relid)));
}

static bool
is_among(List *strings, const char *string)
{
	ListCell   *lc;

	foreach(lc, strings)
	{
		if (strcmp((const char *) lfirst(lc), string) == 0)
			return true;
	}
	return false;
}

/*
 * Not the inside of what is shown anyway: the row types and rules of
 * relations, TOAST tables, the triggers of foreign keys, the index of a
 * constraint; and what is of the column or table itself.
 */
static bool
is_shown(const ObjectAddress *object, Oid relid, AttrNumber attnum)
{
	switch (object->classId)
	{
		case RelationRelationId:
			if (object->objectId == relid)
				return attnum != InvalidAttrNumber && object->objectSubId != attnum;
			return get_rel_namespace(object->objectId) != PG_TOAST_NAMESPACE &&
				!OidIsValid(get_index_constraint(object->objectId));
		case AttrDefaultRelationId:
			return false;
		case ConstraintRelationId:
			return !is_inside(ConstraintRelationId, object->objectId);
		case TriggerRelationId:
			return !is_inside(TriggerRelationId, object->objectId);
		case TypeRelationId:
			return !OidIsValid(get_typ_typrelid(object->objectId)) &&
				!OidIsValid(get_element_type(object->objectId));
		case RewriteRelationId:
		case CastRelationId:
		case PublicationRelRelationId:
			return false;
		default:
			return true;
	}
}

/*
 * A constraint that only says NOT NULL, which is an object since 18; or a
 * trigger that the server has made, for a foreign key.
 */
static bool
is_inside(Oid catalog, Oid oid)
{
	bool		constraint = catalog == ConstraintRelationId;
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;
	bool		inside = true;

	ScanKeyInit(&key, constraint ? Anum_pg_constraint_oid : Anum_pg_trigger_oid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(oid));
	scan = systable_beginscan(rel, constraint ? ConstraintOidIndexId : TriggerOidIndexId,
							  true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
		inside = constraint ?
			((Form_pg_constraint) GETSTRUCT(tuple))->contype == IG_CONSTRAINT_NOTNULL :
			((Form_pg_trigger) GETSTRUCT(tuple))->tgisinternal;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return inside;
}

static List *
naming_functions(Oid relid, const char *column)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, ig_function_suspects(get_rel_name(relid), column))
		result = lappend(result, psprintf("function %s (its text names it)",
										  (char *) lfirst(lc)));
	return result;
}

/*
 * A trigger's function need not name the table.
 */
static List *
naming_triggers(Oid relid, const char *column)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, column != NULL ? ig_trigger_suspects(relid, column) : NIL)
		result = lappend(result, psprintf("trigger %s on table %s (the text of its function names it)",
										  quote_identifier((char *) lfirst(lc)),
										  get_rel_name(relid)));
	return result;
}

static Datum
text_array(List *strings)
{
	int			count = list_length(strings);
	Datum	   *elements = palloc(sizeof(Datum) * Max(count, 1));
	ListCell   *lc;

	foreach(lc, strings)
		elements[foreach_current_index(lc)] = CStringGetTextDatum((char *) lfirst(lc));
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}
