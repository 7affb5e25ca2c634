/*-------------------------------------------------------------------------
 *
 * change_drop_part.c
 *	  Parts of a table that go: a column, a constraint, an index.
 *
 * They go by ALTER TABLE, or because CASCADE reaches them from elsewhere; what
 * is lost with them is the same.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "model/finding.h"
#include "platform/compat.h"
#include "platform/inherit.h"

static void add_heirs(IgStatement *stmt, IgChange *change);
static void column_constraints(IgStatement *stmt, IgChange *change);
static void column_indexes(IgStatement *stmt, IgChange *change);
static bool index_has_column(Form_pg_index index, AttrNumber attnum);
static bool index_depends_on(Oid indexid, Oid relid, AttrNumber attnum, bool other);
static bool is_identity_index(Form_pg_index index);
static List *key_columns(HeapTuple tuple, Oid relid);
static bool key_has_column(HeapTuple tuple, AttrNumber attnum);
static int	key_numbers(HeapTuple tuple, int16 **numbers);
static char *constraint_sql(Oid conoid);
static bool publishes_changes(List *publications);
static List *publications_of(Oid catalog, Oid indexid, AttrNumber attnum, Oid objid);
static List *referenced_tables(Oid relid, List *result, List *going);

/*
 * ALTER TABLE ... DROP COLUMN.
 */
IgChange *
ig_change_drop_column(IgStatement *stmt, IgRelation *rel, AttrNumber attnum, bool cascade)
{
	IgChange   *change = ig_change_column_lost(stmt, rel, attnum);

	if (change == NULL)
		return NULL;

	if (!ig_relation_is_exempt(rel) && !change->is_new)
		change->suspects = ig_function_suspects(rel->name, change->column);
	add_heirs(stmt, change);
	ig_changes_cascade(stmt, list_make1(change), NIL, cascade);
	ig_changes_stored_type(stmt, get_rel_type_id(rel->relid),
						   psprintf("drop attribute \"%s\" of the type",
									ig_text_name(change->column)));
	return change;
}

/*
 * A column goes, named or not, and takes along its part in indexes and
 * constraints.  NULL if it is gone.
 */
IgChange *
ig_change_column_lost(IgStatement *stmt, IgRelation *rel, AttrNumber attnum)
{
	char	   *column = get_attname(rel->relid, attnum, true);
	IgChange   *change;

	if (column == NULL)
		return NULL;

	change = ig_change_add(stmt, IG_DROP_COLUMN, rel);
	ObjectAddressSubSet(change->address, RelationRelationId, rel->relid, attnum);
	change->column = column;
	change->attnum = attnum;
	change->is_new = ig_transaction_created(&change->address);
	change->identity = psprintf("column \"%s\" of %s", ig_text_name(column),
								ig_text_relation(rel));
	change->sql = psprintf("ALTER %sTABLE %s DROP COLUMN %s",
						   rel->relkind == RELKIND_FOREIGN_TABLE ? "FOREIGN " : "",
						   ig_relation_quoted(rel), quote_identifier(column));
	if (rel->relkind == RELKIND_COMPOSITE_TYPE)
		change->sql = psprintf("ALTER TYPE %s DROP ATTRIBUTE %s",
							   ig_relation_quoted(rel), quote_identifier(column));
	change->impact.lock = AccessExclusiveLock;
	if (ig_relation_is_exempt(rel))
		return change;

	change->in_use = ig_relation_is_published(rel->relid, false);
	column_indexes(stmt, change);
	column_constraints(stmt, change);
	return change;
}

/*
 * The column goes from partitions and children too.  Those of a class that
 * the parent is not of are judged by themselves; but an inherited column can
 * be dropped only together with the parent's.
 */
static void
add_heirs(IgStatement *stmt, IgChange *change)
{
	ListCell   *lc;

	foreach(lc, ig_inheritors(change->rel->relid, NULL))
	{
		IgRelation *heir = ig_relation_load(lfirst_oid(lc));
		IgChange   *derived;

		if (heir == NULL || ig_relation_is_exempt(heir) ||
			(heir->classes & ~change->rel->classes) == 0)
			continue;

		derived = ig_change_column_lost(stmt, heir,
										get_attnum(heir->relid, change->column));
		if (derived != NULL)
		{
			IgVictim   *victim = palloc0(sizeof(IgVictim));

			derived->derived = true;
			derived->sql = NULL;
			victim->address = derived->address;
			victim->rel = heir;
			victim->column = derived->column;
			victim->description = ig_describe(&victim->address);
			change->victims = lappend(change->victims, victim);
		}
	}
}

/*
 * Foreign keys that go with the column: dropping one locks the other side.
 */
static void
column_constraints(IgStatement *stmt, IgChange *change)
{
	Oid			relid = change->rel->relid;
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *seen = NIL;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		IgRelation *parent;

		if (form->contype != CONSTRAINT_FOREIGN || form->confrelid == relid ||
			list_member_oid(seen, form->confrelid) ||
			!key_has_column(tuple, change->attnum))
			continue;

		seen = lappend_oid(seen, form->confrelid);
		parent = ig_relation_load(form->confrelid);
		if (parent != NULL && !ig_relation_is_exempt(parent))
			change->locked_parents = lappend(change->locked_parents, parent);
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
}

/*
 * Indexes that go silently although they are about other columns as well; and
 * the index by which subscribers find a row.
 */
static void
column_indexes(IgStatement *stmt, IgChange *change)
{
	Oid			relid = change->rel->relid;
	Relation	pg_index = table_open(IndexRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	List	   *lost_identity = NIL;
	ListCell   *lc;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_index, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_index index = (Form_pg_index) GETSTRUCT(tuple);
		char	   *name;

		if (!index_has_column(index, change->attnum) &&
			!index_depends_on(index->indexrelid, relid, change->attnum, false))
			continue;

		name = get_rel_name(index->indexrelid);
		if (name != NULL &&
			(index->indnatts > 1 ||
			 index_depends_on(index->indexrelid, relid, change->attnum, true)))
			change->impact.names = lappend(change->impact.names, name);
		if (is_identity_index(index))
			lost_identity = lappend_oid(lost_identity, index->indexrelid);
	}
	systable_endscan(scan);
	table_close(pg_index, AccessShareLock);

	foreach(lc, lost_identity)
		change->identity_lost |= ig_change_index_lost(stmt, change->rel, lfirst_oid(lc));
}

/* As key or included column, not in an expression. */
static bool
index_has_column(Form_pg_index index, AttrNumber attnum)
{
	for (int i = 0; i < index->indnatts; i++)
	{
		if (index->indkey.values[i] == attnum)
			return true;
	}
	return false;
}

/*
 * Does the index, by an expression or its predicate too, depend on the column;
 * with other, on any column but this one?
 */
static bool
index_depends_on(Oid indexid, Oid relid, AttrNumber attnum, bool other)
{
	Relation	pg_depend = table_open(DependRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(indexid));
	scan = systable_beginscan(pg_depend, DependDependerIndexId, true, NULL, 2, key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == RelationRelationId && form->refobjid == relid &&
			form->refobjsubid != 0)
			found = other ? form->refobjsubid != attnum : form->refobjsubid == attnum;
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return found;
}

/*
 * ALTER TABLE ... DROP CONSTRAINT.  NULL if there is none of this name.
 */
IgChange *
ig_change_drop_constraint(IgStatement *stmt, IgRelation *rel, const char *name, bool cascade)
{
	Oid			conoid = get_relation_constraint_oid(rel->relid, name, true);
	IgChange   *change;

	if (!OidIsValid(conoid))
		return NULL;

	change = ig_change_constraint_lost(stmt, rel, conoid);
	if (change != NULL)
		ig_changes_cascade(stmt, list_make1(change), NIL, cascade);
	return change;
}

/*
 * A constraint goes, named or not.  A NOT NULL constraint, of which the server
 * makes an object from 18 on, goes as DROP NOT NULL does.
 */
IgChange *
ig_change_constraint_lost(IgStatement *stmt, IgRelation *rel, Oid conoid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	Form_pg_constraint form;
	IgConstraintSpec *spec;
	IgChange   *change;
	bool		not_null;

	if (!HeapTupleIsValid(tuple))
		return NULL;

	form = (Form_pg_constraint) GETSTRUCT(tuple);
	not_null = form->contype == IG_CONSTRAINT_NOTNULL;
	spec = ig_constraint_spec_of(conoid);

	change = ig_change_add(stmt, not_null ? IG_DROP_NOT_NULL : IG_DROP_CONSTRAINT, rel);
	ObjectAddressSet(change->address, ConstraintRelationId, conoid);
	change->constraint = spec;
	change->name = spec->name;
	change->is_new = ig_transaction_created(&change->address);
	change->identity = psprintf("constraint \"%s\" of %s", ig_text_name(spec->name),
								ig_text_relation(rel));
	change->sql = psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
						   ig_relation_quoted(rel), quote_identifier(spec->name));
	change->impact.lock = AccessExclusiveLock;
	if (not_null && spec->columns != NIL)
	{
		change->column = linitial(spec->columns);
		change->attnum = get_attnum(rel->relid, change->column);
	}

	if (form->contype == CONSTRAINT_FOREIGN)
	{
		if (spec->parent != NULL && spec->parent->relid != rel->relid &&
			!ig_relation_is_exempt(spec->parent))
			change->locked_parents = list_make1(spec->parent);
	}
	else if (OidIsValid(form->conindid) && !change->is_new)
		change->identity_lost = ig_change_index_lost(stmt, rel, form->conindid);
	ReleaseSysCache(tuple);
	return change;
}

/*
 * An existing constraint in the words of a clause.  The caller has seen that it
 * exists; one that is gone since gives an empty specification.
 */
IgConstraintSpec *
ig_constraint_spec_of(Oid conoid)
{
	IgConstraintSpec *spec = palloc0(sizeof(IgConstraintSpec));
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	Form_pg_constraint form;

	if (!HeapTupleIsValid(tuple))
		return spec;

	form = (Form_pg_constraint) GETSTRUCT(tuple);
	spec->contype = form->contype;
	spec->name = pstrdup(NameStr(form->conname));
	spec->not_valid = !form->convalidated;
	spec->columns = key_columns(tuple, form->conrelid);
	if (form->contype == CONSTRAINT_FOREIGN)
	{
		spec->parent = ig_relation_load(form->confrelid);
		spec->del_action = form->confdeltype;
		spec->upd_action = form->confupdtype;
		if (spec->parent != NULL)
			spec->parent_name = ig_relation_label(spec->parent);
	}
	ReleaseSysCache(tuple);

	spec->definition = constraint_sql(conoid);
	return spec;
}

/*
 * An index goes: does it identify the rows of a published table?
 */
bool
ig_change_index_lost(IgStatement *stmt, IgRelation *rel, Oid indexid)
{
	HeapTuple	tuple;
	IgChange   *change;
	bool		identity;

	if (ig_relation_is_exempt(rel))
		return false;

	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	if (!HeapTupleIsValid(tuple))
		return false;
	identity = is_identity_index((Form_pg_index) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);

	if (!identity || !ig_relation_is_published(rel->relid, true))
		return false;

	change = ig_change_add(stmt, IG_REPLICA_IDENTITY, rel);
	change->name = get_rel_name(indexid);
	change->in_use = true;
	change->derived = true;
	change->impact.lock = AccessExclusiveLock;
	return true;
}

static bool
is_identity_index(Form_pg_index index)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(index->indrelid));
	char		identity;

	if (!HeapTupleIsValid(tuple))
		return false;

	identity = ((Form_pg_class) GETSTRUCT(tuple))->relreplident;
	ReleaseSysCache(tuple);

	return (identity == REPLICA_IDENTITY_DEFAULT && index->indisprimary) ||
		(identity == REPLICA_IDENTITY_INDEX && index->indisreplident);
}

/* Names of a constraint's columns. */
static List *
key_columns(HeapTuple tuple, Oid relid)
{
	int16	   *numbers;
	int			count = key_numbers(tuple, &numbers);
	List	   *names = NIL;

	for (int i = 0; i < count; i++)
	{
		char	   *name = get_attname(relid, numbers[i], true);

		if (name != NULL)
			names = lappend(names, name);
	}
	return names;
}

static bool
key_has_column(HeapTuple tuple, AttrNumber attnum)
{
	int16	   *numbers;
	int			count = key_numbers(tuple, &numbers);

	for (int i = 0; i < count; i++)
	{
		if (numbers[i] == attnum)
			return true;
	}
	return false;
}

/*
 * The attribute numbers of a constraint's columns, and how many there are.
 */
static int
key_numbers(HeapTuple tuple, int16 **numbers)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conkey, &isnull);
	ArrayType  *array;

	*numbers = NULL;
	if (isnull)
		return 0;

	array = DatumGetArrayTypeP(datum);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT2OID)
		return 0;

	*numbers = (int16 *) ARR_DATA_PTR(array);
	return ARR_DIMS(array)[0];
}

/*
 * The constraint's definition, without what says that it is not validated.
 */
static char *
constraint_sql(Oid conoid)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;
	char	   *sql;
	char	   *suffix;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(conoid);
	fcinfo->args[0].isnull = false;
	result = pg_get_constraintdef(fcinfo);
	if (fcinfo->isnull)
		return NULL;

	sql = TextDatumGetCString(result);
	suffix = strstr(sql, " NOT VALID");
	if (suffix != NULL && suffix[strlen(" NOT VALID")] == '\0')
		*suffix = '\0';
	return sql;
}

/*
 * Does a publication of this database publish the table, itself or as a part
 * of a partitioned table; with with_changes, its updates or deletes?
 */
bool
ig_relation_is_published(Oid relid, bool with_changes)
{
	char		relkind = get_rel_relkind(relid);
	List	   *relids = list_make1_oid(relid);
	List	   *publications;
	ListCell   *lc;

	if ((relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE) ||
		get_rel_persistence(relid) != RELPERSISTENCE_PERMANENT ||
		IsCatalogRelationOid(relid))
		return false;

	publications = GetAllTablesPublications();
	if (get_rel_relispartition(relid))
		relids = list_concat(relids, get_partition_ancestors(relid));
	foreach(lc, relids)
	{
		Oid			schemaid = get_rel_namespace(lfirst_oid(lc));

		publications = list_concat(publications,
								   publications_of(PublicationRelRelationId,
												   PublicationRelPrrelidPrpubidIndexId,
												   Anum_pg_publication_rel_prrelid,
												   lfirst_oid(lc)));
		publications = list_concat(publications,
								   publications_of(PublicationNamespaceRelationId,
												   PublicationNamespacePnnspidPnpubidIndexId,
												   Anum_pg_publication_namespace_pnnspid,
												   schemaid));
	}
	return with_changes ? publishes_changes(publications) : publications != NIL;
}

/*
 * The publications of a table or schema.  GetRelationPublications would leave
 * a list in the catalog cache for each table that is dropped in the session,
 * for ever, since nothing of pg_publication_rel changes with it.
 */
static List *
publications_of(Oid catalog, Oid indexid, AttrNumber attnum, Oid objid)
{
	List	   *result = NIL;
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, attnum, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(objid));
	scan = systable_beginscan(rel, indexid, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		if (catalog == PublicationRelRelationId)
			result = lappend_oid(result, ((Form_pg_publication_rel) GETSTRUCT(tuple))->prpubid);
		else
			result = lappend_oid(result, ((Form_pg_publication_namespace) GETSTRUCT(tuple))->pnpubid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

static bool
publishes_changes(List *publications)
{
	ListCell   *lc;

	foreach(lc, publications)
	{
		HeapTuple	tuple = SearchSysCache1(PUBLICATIONOID,
											ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_publication form;
		bool		changes;

		if (!HeapTupleIsValid(tuple))
			continue;
		form = (Form_pg_publication) GETSTRUCT(tuple);
		changes = form->pubupdate || form->pubdelete;
		ReleaseSysCache(tuple);
		if (changes)
			return true;
	}
	return false;
}

/*
 * With a table its foreign keys go, and for that the server takes ACCESS
 * EXCLUSIVE on the tables they reference.  To be called when all changes of
 * the statement are known.
 */
void
ig_changes_locked_parents(IgStatement *stmt)
{
	List	   *going = NIL;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind == IG_DROP_TABLE)
			going = list_concat(going, ig_inheritors(change->rel->relid, NULL));
	}

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		List	   *parents = NIL;
		ListCell   *lr;

		if (change->kind != IG_DROP_TABLE || ig_relation_is_exempt(change->rel))
			continue;
		foreach(lr, ig_inheritors(change->rel->relid, NULL))
			parents = referenced_tables(lfirst_oid(lr), parents, going);
		foreach(lr, parents)
		{
			IgRelation *parent = ig_relation_load(lfirst_oid(lr));

			if (parent != NULL && !ig_relation_is_exempt(parent))
				change->locked_parents = lappend(change->locked_parents, parent);
		}
	}
}

/*
 * Add the OIDs of the tables that relid's foreign keys reference.
 */
static List *
referenced_tables(Oid relid, List *result, List *going)
{
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		if (form->contype == CONSTRAINT_FOREIGN && !list_member_oid(going, form->confrelid))
			result = list_append_unique_oid(result, form->confrelid);
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	return result;
}
