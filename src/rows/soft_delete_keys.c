/*-------------------------------------------------------------------------
 *
 * soft_delete_keys.c
 *	  What a soft delete has on the tables that refer to its own.
 *
 * Foreign keys are followed in pg_constraint, without a lock; those of
 * partitions come with that of the partitioned table.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/rows.h"
#include "rows/soft_delete_keys.h"

/* A foreign key, as far as it matters here. */
typedef struct Reference
{
	char	   *name;
	Oid			child;
	Oid			parent;
	List	   *attnums;		/* of int, of the child */
} Reference;

static List *references_of(AttrNumber column, Oid relid);
static Reference *reference_of(HeapTuple tuple, TupleDesc desc);
static bool is_about(const IgDeclaredTrigger *trigger, const Reference *reference);
static bool is_soft_deleted(Oid relid);
static bool is_shared(const Reference *reference);
static bool lets_old_rows_in(const IgDeclaredRule *rule);

/*
 * Those in which the table stands in this column of pg_constraint.  conrelid
 * has an index, confrelid has none.
 */
static List *
references_of(AttrNumber column, Oid relid)
{
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	bool		by_index = column == Anum_pg_constraint_conrelid;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, by_index, NULL,
							  1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_FOREIGN && !OidIsValid(con->conparentid) &&
			!ig_constraint_has_period(con))
			result = lappend(result, reference_of(tuple, RelationGetDescr(pg_constraint)));
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	return result;
}

static Reference *
reference_of(HeapTuple tuple, TupleDesc desc)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	Reference  *reference = palloc0(sizeof(Reference));
	bool		isnull;
	Datum		conkey = heap_getattr(tuple, Anum_pg_constraint_conkey, desc, &isnull);

	reference->name = pstrdup(NameStr(con->conname));
	reference->child = con->conrelid;
	reference->parent = con->confrelid;
	if (!isnull)
	{
		Datum	   *elements;
		int			count;

		deconstruct_array(DatumGetArrayTypeP(conkey), INT2OID, sizeof(int16), true,
						  TYPALIGN_SHORT, &elements, NULL, &count);
		for (int i = 0; i < count; i++)
			reference->attnums = lappend_int(reference->attnums, DatumGetInt16(elements[i]));
	}
	return reference;
}

/* By its columns, in whatever order. */
static bool
is_about(const IgDeclaredTrigger *trigger, const Reference *reference)
{
	return trigger->rule->kind == IG_ROW_SOFT_DELETE_PARENT &&
		list_length(trigger->attnums) == list_length(reference->attnums) &&
		list_difference_int(trigger->attnums, reference->attnums) == NIL;
}

static bool
is_soft_deleted(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(relid))
	{
		if (((const IgDeclaredTrigger *) lfirst(lc))->rule->kind == IG_ROW_SOFT_DELETE)
			return true;
	}
	return false;
}

/* Do the same columns refer to another soft-deleted table as well? */
static bool
is_shared(const Reference *reference)
{
	ListCell   *lc;

	foreach(lc, references_of(Anum_pg_constraint_conrelid, reference->child))
	{
		const Reference *other = (const Reference *) lfirst(lc);

		if (other->parent != reference->parent &&
			list_length(other->attnums) == list_length(reference->attnums) &&
			list_difference_int(other->attnums, reference->attnums) == NIL &&
			is_soft_deleted(other->parent))
			return true;
	}
	return false;
}

List *
ig_soft_delete_companions(const IgDeclaredRule *rule)
{
	List	   *triggers = NIL;
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, references_of(Anum_pg_constraint_confrelid, rule->relid))
	{
		const Reference *reference = (const Reference *) lfirst(lc);

		if (is_shared(reference))
			continue;
		foreach(lt, ig_declared_triggers(reference->child))
		{
			IgDeclaredTrigger *trigger = (IgDeclaredTrigger *) lfirst(lt);
			ListCell   *lk;
			bool		known = false;

			/* two foreign keys may have the same columns */
			foreach(lk, triggers)
				known = known || ((IgDeclaredTrigger *) lfirst(lk))->oid == trigger->oid;
			if (!known && !OidIsValid(trigger->parent) && is_about(trigger, reference))
				triggers = lappend(triggers, trigger);
		}
	}
	return triggers;
}

/*
 * Rows are kept for a while: does anybody look at the time of a row that comes
 * deleted?
 */
static bool
lets_old_rows_in(const IgDeclaredRule *rule)
{
	bool		keeps = false;
	ListCell   *lc;

	foreach(lc, rule->triggers)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);

		if (TRIGGER_FOR_INSERT(trigger->type))
			return false;
		keeps = keeps || ig_declared_option(trigger, "keep_at_least") != NULL;
	}
	return keeps;
}

void
ig_soft_delete_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier)
{
	ListCell   *lc;
	ListCell   *lt;

	if (lets_old_rows_in(rule))
		tell(verifier, rule, true,
			 pstrdup("the rule has no AFTER INSERT trigger: a new row may say that it was deleted long ago, and be purged at once"),
			 NULL);
	foreach(lc, references_of(Anum_pg_constraint_confrelid, rule->relid))
	{
		const Reference *reference = (const Reference *) lfirst(lc);
		char	   *schema = get_namespace_name_or_temp(get_rel_namespace(rule->relid));
		char	   *name = get_rel_name(rule->relid);
		bool		covered = get_rel_relkind(reference->child) == '\0';

		foreach(lt, ig_declared_triggers(reference->child))
			covered = covered || is_about((const IgDeclaredTrigger *) lfirst(lt), reference);
		if (covered || schema == NULL || name == NULL)
			continue;
		tell(verifier, rule, true,
			 psprintf("nothing keeps live rows of \"%s\" from referring to deleted ones by foreign key \"%s\"",
					  ig_text_name(ig_table_name(reference->child)),
					  ig_text_name(reference->name)),
			 psprintf("SELECT invariant_guard.soft_delete_children(%s);",
					  quote_literal_cstr(quote_qualified_identifier(schema, name))));
	}
}
