/*-------------------------------------------------------------------------
 *
 * change_heirs.c
 *	  What a change of columns does to partitions, children and typed tables.
 *
 * They follow the table, or the composite type, that the statement names, and
 * most rules have said all there is to say about the named one.  But a heir
 * may be a financial table where that one is none: then it is judged by
 * itself.  Costs are not told a second time.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"

#include "gate/statement.h"
#include "platform/catalog.h"
#include "platform/inherit.h"

static void add_heirs(IgStatement *stmt, const IgChange *change);
static void add_heir(IgStatement *stmt, const IgChange *change, IgRelation *heir);

/*
 * Called when all other changes of the statement are there.
 */
void
ig_changes_heirs(IgStatement *stmt)
{
	List	   *changes = list_copy(stmt->changes);
	ListCell   *lc;

	foreach(lc, changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if ((change->kind == IG_ADD_COLUMN || change->kind == IG_ALTER_COLUMN_TYPE ||
			 change->kind == IG_RENAME_COLUMN || change->kind == IG_DISABLE_TRIGGER) &&
			OidIsValid(change->rel->relid))
			add_heirs(stmt, change);
	}
}

static void
add_heirs(IgStatement *stmt, const IgChange *change)
{
	ListCell   *lc;

	/* triggers are cloned to partitions, and to nothing else */
	if (change->kind == IG_DISABLE_TRIGGER &&
		change->rel->relkind != RELKIND_PARTITIONED_TABLE)
		return;

	if (change->rel->relkind == RELKIND_COMPOSITE_TYPE)
	{
		/* the clauses of ALTER TYPE have been resolved for each table OF it */
		if (change->kind != IG_RENAME_COLUMN)
			return;
		foreach(lc, ig_typed_tables(change->rel->relid))
			add_heir(stmt, change, (IgRelation *) lfirst(lc));
		return;
	}

	foreach(lc, ig_inheritors(change->rel->relid, NULL))
		add_heir(stmt, change, ig_relation_load(lfirst_oid(lc)));
}

static void
add_heir(IgStatement *stmt, const IgChange *change, IgRelation *heir)
{
	IgChange   *derived;
	AttrNumber	attnum;

	if (heir == NULL || !ig_relation_is_financial(heir) ||
		ig_relation_is_financial(change->rel))
		return;
	attnum = change->column ? get_attnum(heir->relid, change->column) : InvalidAttrNumber;
	if (change->column && change->kind != IG_ADD_COLUMN && attnum <= 0)
		return;

	derived = ig_change_add(stmt, change->kind, heir);
	derived->derived = true;
	derived->column = change->column;
	derived->attnum = attnum;
	derived->name = change->name;
	derived->new_name = change->new_name;
	derived->type_change = change->type_change;
	derived->is_new = change->is_new;
	derived->impact.lock = change->impact.lock;
	if (change->new_column != NULL)
	{
		derived->new_column = palloc0(sizeof(IgNewColumn));
		derived->new_column->typid = change->new_column->typid;
		derived->new_column->base_typid = change->new_column->base_typid;
		derived->new_column->type_sql = change->new_column->type_sql;
	}
}
