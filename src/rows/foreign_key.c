/*-------------------------------------------------------------------------
 *
 * foreign_key.c
 *	  Foreign keys as row rules see them, and conditions on their columns.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_constraint.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "rows/foreign_key.h"

static IgForeignKey *load(Oid constraint, bool skip_derived);
static bool is_derived(const FormData_pg_constraint *form);
static void append_collation(StringInfo buf, Oid collation);

List *
ig_foreign_keys_to(Relation parent)
{
	List	   *constraints = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	/* they belong to the cache, which looking at catalogs may empty */
	for (int i = 0; parent->trigdesc != NULL && i < parent->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &parent->trigdesc->triggers[i];

		if (OidIsValid(trigger->tgconstraint) &&
			RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_PK)
			constraints = list_append_unique_oid(constraints, trigger->tgconstraint);
	}
	foreach(lc, constraints)
	{
		IgForeignKey *key = load(lfirst_oid(lc), false);

		if (key != NULL)
			result = lappend(result, key);
	}
	return result;
}

List *
ig_foreign_keys_of(Relation child)
{
	List	   *constraints = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	/* the list belongs to the cache, which looking at catalogs may empty */
	foreach(lc, RelationGetFKeyList(child))
		constraints = lappend_oid(constraints, lfirst_node(ForeignKeyCacheInfo, lc)->conoid);
	foreach(lc, constraints)
	{
		IgForeignKey *key = load(lfirst_oid(lc), true);

		if (key != NULL)
			result = lappend(result, key);
	}
	return result;
}

/*
 * NULL if it is gone, or is not enforced.
 */
static IgForeignKey *
load(Oid constraint, bool skip_derived)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	const FormData_pg_constraint *form;
	IgForeignKey *key;

	if (!HeapTupleIsValid(tuple))
		return NULL;
	form = (const FormData_pg_constraint *) GETSTRUCT(tuple);
	if (form->contype != CONSTRAINT_FOREIGN || !ig_constraint_row_enforced(form) ||
		(skip_derived && is_derived(form)))
	{
		ReleaseSysCache(tuple);
		return NULL;
	}

	key = palloc0(sizeof(IgForeignKey));
	key->constraint = constraint;
	key->name = pstrdup(NameStr(form->conname));
	key->child = form->conrelid;
	key->parent = form->confrelid;
	key->on_delete = form->confdeltype;
	key->has_period = ig_constraint_has_period(form);
	DeconstructFkConstraintRow(tuple, &key->nkeys, key->child_columns, key->parent_columns,
							   key->operators, key->same, NULL, NULL, NULL);
	ReleaseSysCache(tuple);
	return key;
}

/*
 * A foreign key of the same table stands above it, and refers to the
 * partitioned table.
 */
static bool
is_derived(const FormData_pg_constraint *form)
{
	HeapTuple	tuple;
	bool		derived;

	if (!OidIsValid(form->conparentid))
		return false;
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(form->conparentid));
	if (!HeapTupleIsValid(tuple))
		return false;
	derived = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid == form->conrelid;
	ReleaseSysCache(tuple);
	return derived;
}

bool
ig_foreign_key_has_columns(const IgForeignKey *key, const List *attnums)
{
	if (list_length(attnums) != key->nkeys)
		return false;
	for (int i = 0; i < key->nkeys; i++)
	{
		if (!list_member_int(attnums, key->child_columns[i]))
			return false;
	}
	return true;
}

List *
ig_foreign_key_columns(const IgForeignKey *key)
{
	List	   *names = NIL;

	for (int i = 0; i < key->nkeys; i++)
		names = lappend(names, get_attname(key->child, key->child_columns[i], false));
	return names;
}

char *
ig_foreign_key_table(Oid relid)
{
	return psprintf("%s%s", get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											   get_rel_name(relid)));
}

void
ig_foreign_key_types(const IgForeignKey *key, bool of_parent, Oid *types)
{
	for (int i = 0; i < key->nkeys; i++)
		types[i] = of_parent ? get_atttype(key->parent, key->parent_columns[i]) :
			get_atttype(key->child, key->child_columns[i]);
}

/*
 * In the words of ri_triggers.c, so that what is found is what the foreign key
 * takes for the same.
 */
void
ig_foreign_key_condition(StringInfo buf, const IgForeignKey *key, const char *parent,
						 const char *child)
{
	for (int i = 0; i < key->nkeys; i++)
	{
		Oid			types[2];
		Oid			collations[2];
		int32		typmod;
		char	   *left;
		char	   *right;

		get_atttypetypmodcoll(key->parent, key->parent_columns[i], &types[0], &typmod,
							  &collations[0]);
		get_atttypetypmodcoll(key->child, key->child_columns[i], &types[1], &typmod,
							  &collations[1]);
		left = parent == NULL ? psprintf("$%d", i + 1) :
			psprintf("%s.%s", parent,
					 quote_identifier(get_attname(key->parent, key->parent_columns[i], false)));
		right = child == NULL ? psprintf("$%d", i + 1) :
			psprintf("%s.%s", child,
					 quote_identifier(get_attname(key->child, key->child_columns[i], false)));
		if (i > 0)
			appendStringInfoString(buf, " AND ");
		generate_operator_clause(buf, left, types[0], key->operators[i], right, types[1]);
		if (child != NULL && collations[0] != collations[1] && OidIsValid(collations[0]))
			append_collation(buf, collations[0]);
	}
}

void
ig_foreign_key_parent(StringInfo buf, const IgForeignKey *key, const char *parent)
{
	for (int i = 0; i < key->nkeys; i++)
	{
		Oid			typid = get_atttype(key->parent, key->parent_columns[i]);
		char	   *name = get_attname(key->parent, key->parent_columns[i], false);

		if (i > 0)
			appendStringInfoString(buf, " AND ");
		generate_operator_clause(buf, psprintf("%s.%s", parent, quote_identifier(name)), typid,
								 key->same[i], psprintf("$%d", i + 1), typid);
	}
}

static void
append_collation(StringInfo buf, Oid collation)
{
	HeapTuple	tuple = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tuple);
	appendStringInfo(buf, " COLLATE %s",
					 quote_qualified_identifier(get_namespace_name(form->collnamespace),
												NameStr(form->collname)));
	ReleaseSysCache(tuple);
}
