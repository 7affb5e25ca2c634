/*-------------------------------------------------------------------------
 *
 * change_storage.c
 *	  Statements that write a relation's files anew: REINDEX, CLUSTER, VACUUM
 *	  FULL, REFRESH MATERIALIZED VIEW and ALTER TABLE ALL IN TABLESPACE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/catalog.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_namespace.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

typedef bool (*ClassFilter) (Form_pg_class form, Oid argument);

static List *oids_where(ClassFilter filter, Oid argument);
static List *tables_where(ClassFilter filter, Oid argument);
static void change_each(IgStatement *stmt, IgChangeKind kind, List *tables, LOCKMODE lock);

/*
 * Is a boolean option of a parenthesized list given, and true?
 */
bool
ig_option_is_set(List *options, const char *name)
{
	ListCell   *lc;
	bool		result = false;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0)
			result = defGetBoolean(option);
	}
	return result;
}

/*
 * The user tables and materialized views of this database that a filter wants.
 * Statements that name no table work on many.
 */
static List *
oids_where(ClassFilter filter, Oid argument)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *relids = NIL;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->oid >= FirstNormalObjectId && filter(form, argument))
			relids = lappend_oid(relids, form->oid);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return relids;
}

static List *
tables_where(ClassFilter filter, Oid argument)
{
	List	   *tables = NIL;
	ListCell   *lc;

	foreach(lc, oids_where(filter, argument))
	{
		IgRelation *rel = ig_relation_load(lfirst_oid(lc));

		if (rel != NULL && !ig_relation_is_temp(rel))
			tables = lappend(tables, rel);
	}
	return tables;
}

static void
change_each(IgStatement *stmt, IgChangeKind kind, List *tables, LOCKMODE lock)
{
	ListCell   *lc;

	foreach(lc, tables)
		ig_change_add(stmt, kind, (IgRelation *) lfirst(lc))->impact.lock = lock;
}

static bool
is_own_table(Form_pg_class form, Oid argument)
{
	return (form->relkind == RELKIND_RELATION || form->relkind == RELKIND_MATVIEW) &&
		ig_relation_is_owned(form->oid);
}

static bool
is_own_table_of_schema(Form_pg_class form, Oid schema)
{
	return form->relnamespace == schema && is_own_table(form, InvalidOid);
}

List *
ig_own_tables(Oid schema)
{
	return oids_where(OidIsValid(schema) ? is_own_table_of_schema : is_own_table, schema);
}

static bool
is_own_clustered_table(Form_pg_class form, Oid argument)
{
	Relation	rel;
	bool		clustered = false;
	ListCell   *lc;

	if (!is_own_table(form, InvalidOid) || !form->relhasindex)
		return false;
	rel = RelationIdGetRelation(form->oid);
	if (!RelationIsValid(rel))
		return false;
	foreach(lc, RelationGetIndexList(rel))
		clustered = clustered || get_index_isclustered(lfirst_oid(lc));
	RelationClose(rel);
	return clustered;
}

static bool
is_in_tablespace(Form_pg_class form, Oid tablespace)
{
	Oid			current = form->reltablespace;

	if (!RELKIND_HAS_STORAGE(form->relkind))
		return false;
	if (!OidIsValid(current))
		current = MyDatabaseTableSpace;
	return current == tablespace && ig_relation_is_owned(form->oid);
}

/*
 * REINDEX, in the form of any of its objects.  Indexes of system catalogs
 * cannot be rebuilt concurrently, so these are left alone.
 */
void
ig_changes_reindex(IgStatement *stmt)
{
	const ReindexStmt *reindex = castNode(ReindexStmt, stmt->parsetree);
	bool		concurrently = ig_option_is_set(reindex->params, "concurrently");
	LOCKMODE	lock = concurrently ? ShareUpdateExclusiveLock : ShareLock;
	IgRelation *rel;
	IgChange   *change;
	ListCell   *lc;

	if (reindex->relation == NULL)
	{
		List	   *tables = NIL;

		if (reindex->kind == REINDEX_OBJECT_SCHEMA && reindex->name != NULL)
			tables = tables_where(is_own_table_of_schema,
								  get_namespace_oid(reindex->name, true));
		else if (reindex->kind == REINDEX_OBJECT_DATABASE)
			tables = tables_where(is_own_table, InvalidOid);
		foreach(lc, tables)
		{
			change = ig_change_add(stmt, IG_REINDEX, (IgRelation *) lfirst(lc));
			change->concurrently = concurrently;
			change->impact.lock = lock;
		}
		return;
	}

	rel = ig_relation_lookup(reindex->relation);
	if (rel == NULL || rel->relid < FirstNormalObjectId)
		return;
	if (rel->relkind == RELKIND_INDEX || rel->relkind == RELKIND_PARTITIONED_INDEX)
	{
		IgRelation *table = ig_relation_load(IndexGetRelation(rel->relid, true));

		if (table == NULL)
			return;
		change = ig_change_add(stmt, IG_REINDEX, table);
		change->name = ig_relation_quoted(rel);
	}
	else
		change = ig_change_add(stmt, IG_REINDEX, rel);
	change->concurrently = concurrently;
	change->impact.lock = lock;
}

/*
 * CLUSTER one table, or all that were clustered before.
 */
void
ig_changes_cluster(IgStatement *stmt)
{
	const ClusterStmt *cluster = castNode(ClusterStmt, stmt->parsetree);

	if (cluster->relation != NULL)
	{
		IgRelation *rel = ig_relation_lookup(cluster->relation);

		if (rel != NULL)
			ig_change_add(stmt, IG_CLUSTER, rel)->impact.lock = AccessExclusiveLock;
		return;
	}
	change_each(stmt, IG_CLUSTER, tables_where(is_own_clustered_table, InvalidOid),
				AccessExclusiveLock);
}

/*
 * VACUUM, where it is FULL.
 */
void
ig_changes_vacuum(IgStatement *stmt)
{
	const VacuumStmt *vacuum = castNode(VacuumStmt, stmt->parsetree);
	ListCell   *lc;

	if (!vacuum->is_vacuumcmd || !ig_option_is_set(vacuum->options, "full"))
		return;

	if (vacuum->rels == NIL)
	{
		change_each(stmt, IG_VACUUM_FULL, tables_where(is_own_table, InvalidOid),
					AccessExclusiveLock);
		return;
	}
	foreach(lc, vacuum->rels)
	{
		VacuumRelation *target = lfirst_node(VacuumRelation, lc);
		IgRelation *rel = target->relation ? ig_relation_lookup(target->relation) :
			ig_relation_load(target->oid);

		if (rel != NULL && rel->relid >= FirstNormalObjectId)
			ig_change_add(stmt, IG_VACUUM_FULL, rel)->impact.lock = AccessExclusiveLock;
	}
}

/*
 * REFRESH MATERIALIZED VIEW.  CONCURRENTLY is legal for a populated one only;
 * an unpopulated one has no readers who could be stopped.
 */
void
ig_changes_refresh(IgStatement *stmt)
{
	const RefreshMatViewStmt *refresh = castNode(RefreshMatViewStmt, stmt->parsetree);
	IgRelation *rel = ig_relation_lookup(refresh->relation);
	IgChange   *change;

	if (rel == NULL || rel->relkind != RELKIND_MATVIEW)
		return;
	change = ig_change_add(stmt, IG_REFRESH_MATVIEW, rel);
	change->concurrently = refresh->concurrent;
	change->in_use = ig_relation_is_populated(rel->relid);
	change->name = ig_has_unique_index_for_refresh(rel->relid) ? "unique index" : NULL;
	change->impact.lock = refresh->concurrent ? ExclusiveLock : AccessExclusiveLock;
}

/*
 * ALTER TABLE | INDEX | MATERIALIZED VIEW ALL IN TABLESPACE a SET TABLESPACE b.
 */
void
ig_changes_move_all(IgStatement *stmt)
{
	const AlterTableMoveAllStmt *move = castNode(AlterTableMoveAllStmt, stmt->parsetree);
	Oid			from = get_tablespace_oid(move->orig_tablespacename, true);
	Oid			to = get_tablespace_oid(move->new_tablespacename, true);
	List	   *owners = roleSpecsToIds(move->roles);
	ListCell   *lc;

	if (!OidIsValid(from) || !OidIsValid(to) || from == to)
		return;

	foreach(lc, tables_where(is_in_tablespace, from))
	{
		IgRelation *rel = (IgRelation *) lfirst(lc);
		IgChange   *change;

		if ((move->objtype == OBJECT_TABLE && rel->relkind != RELKIND_RELATION) ||
			(move->objtype == OBJECT_MATVIEW && rel->relkind != RELKIND_MATVIEW) ||
			(move->objtype == OBJECT_INDEX && rel->relkind != RELKIND_INDEX))
			continue;
		if (owners != NIL && !list_member_oid(owners, ig_relation_owner(rel->relid)))
			continue;
		change = ig_change_add(stmt, IG_SET_TABLESPACE, rel);
		change->new_name = move->new_tablespacename;
		change->impact.lock = AccessExclusiveLock;
	}
}
