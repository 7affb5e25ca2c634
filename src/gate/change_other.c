/*-------------------------------------------------------------------------
 *
 * change_other.c
 *	  Names, types, publications and grants.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "platform/text.h"

static void rename_relation(IgStatement *stmt, const RenameStmt *rename);
static void rename_column(IgStatement *stmt, const RenameStmt *rename);
static ObjectAddress type_or_function(ObjectType type, Node *object);
static void rename_object(IgStatement *stmt, const RenameStmt *rename);
static void domain_users(Oid typid, List **uses);
static void loosen_domain(IgStatement *stmt, const AlterDomainStmt *alter);
static List *schema_tables(List *schemas);
static void publication_loss(IgChange *change, const AlterPublicationStmt *alter, Oid pubid);

/*
 * ALTER ... RENAME.  Indexes, constraints, triggers and the like are named by
 * no application and pass.
 */
void
ig_changes_rename(IgStatement *stmt)
{
	const RenameStmt *rename = castNode(RenameStmt, stmt->parsetree);
	ObjectAddress address;
	IgChange   *change;

	switch (rename->renameType)
	{
		case OBJECT_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_FOREIGN_TABLE:
			rename_relation(stmt, rename);
			break;
		case OBJECT_COLUMN:
		case OBJECT_ATTRIBUTE:
			rename_column(stmt, rename);
			break;
		case OBJECT_SCHEMA:
			ObjectAddressSet(address, NamespaceRelationId,
							 get_namespace_oid(rename->subname, true));
			if (!OidIsValid(address.objectId))
				return;
			change = ig_change_add(stmt, IG_RENAME_SCHEMA, NULL);
			change->address = address;
			change->name = rename->subname;
			change->new_name = rename->newname;
			change->is_new = ig_transaction_created(&address);
			break;
		case OBJECT_DATABASE:
			ig_changes_drop_database(stmt);
			break;
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			rename_object(stmt, rename);
			break;
		default:
			break;
	}
}

/*
 * The statement's word for the relation need not be right: ALTER TABLE renames
 * views and indexes as well.
 */
static void
rename_relation(IgStatement *stmt, const RenameStmt *rename)
{
	IgRelation *rel = ig_relation_lookup(rename->relation);
	IgChange   *change;

	if (rel == NULL || rel->relkind == RELKIND_INDEX ||
		rel->relkind == RELKIND_PARTITIONED_INDEX)
		return;

	change = ig_change_add(stmt, IG_RENAME_TABLE, rel);
	change->new_name = rename->newname;
	change->in_use = ig_transaction_dropped_name(rel->schema, rename->newname);
	change->suspects = ig_function_suspects(rel->name, NULL);
	change->impact.lock = AccessExclusiveLock;
}

static void
rename_column(IgStatement *stmt, const RenameStmt *rename)
{
	IgRelation *rel = ig_relation_lookup(rename->relation);
	AttrNumber	attnum;
	IgChange   *change;

	if (rel == NULL || rel->relkind == RELKIND_INDEX ||
		rel->relkind == RELKIND_PARTITIONED_INDEX)
		return;
	attnum = get_attnum(rel->relid, rename->subname);
	if (attnum <= 0)
		return;

	change = ig_change_add(stmt, IG_RENAME_COLUMN, rel);
	change->column = rename->subname;
	change->attnum = attnum;
	change->address.objectSubId = attnum;
	change->new_name = rename->newname;
	change->is_new = ig_transaction_created(&change->address);
	change->suspects = ig_function_suspects(rel->name, rename->subname);
	change->impact.lock = AccessExclusiveLock;
	ig_changes_heirs(stmt);
	ig_changes_stored_type(stmt, get_rel_type_id(rel->relid),
						   psprintf("rename attribute \"%s\" of the type",
									ig_text_name(rename->subname)));
}

/*
 * The type or function that a statement names, found without a lock.
 */
static ObjectAddress
type_or_function(ObjectType type, Node *object)
{
	ObjectAddress address = InvalidObjectAddress;
	Oid			oid;

	switch (type)
	{
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			oid = LookupTypeNameOid(NULL, makeTypeNameFromNameList((List *) object), true);
			ObjectAddressSet(address, TypeRelationId, oid);
			break;
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
		case OBJECT_AGGREGATE:
			oid = LookupFuncWithArgs(type, (ObjectWithArgs *) object, true);
			ObjectAddressSet(address, ProcedureRelationId, oid);
			break;
		default:
			break;
	}
	return address;
}

/*
 * ALTER TYPE, DOMAIN or FUNCTION ... RENAME.
 */
static void
rename_object(IgStatement *stmt, const RenameStmt *rename)
{
	ObjectAddress address = type_or_function(rename->renameType, rename->object);
	IgChange   *change;

	if (!OidIsValid(address.objectId))
		return;
	change = ig_change_add(stmt, IG_RENAME_OBJECT, NULL);
	change->address = address;
	change->identity = ig_describe(&address);
	change->new_name = rename->newname;
	change->is_new = ig_transaction_created(&address);
}

/*
 * ALTER ... SET SCHEMA of what queries name: relations, types and functions.
 */
void
ig_changes_set_schema(IgStatement *stmt)
{
	const AlterObjectSchemaStmt *alter = castNode(AlterObjectSchemaStmt, stmt->parsetree);
	ObjectAddress address;
	IgChange   *change;

	if (alter->relation != NULL)
	{
		IgRelation *rel = ig_relation_lookup(alter->relation);

		if (rel == NULL || strcmp(rel->schema, alter->newschema) == 0)
			return;
		change = ig_change_add(stmt, IG_SET_SCHEMA, rel);
		change->new_name = alter->newschema;
		change->suspects = ig_function_suspects(rel->name, NULL);
		change->impact.lock = AccessExclusiveLock;
		return;
	}

	address = type_or_function(alter->objectType, alter->object);
	if (!OidIsValid(address.objectId))
		return;
	change = ig_change_add(stmt, IG_SET_SCHEMA, NULL);
	change->address = address;
	change->identity = ig_describe(&address);
	change->new_name = alter->newschema;
	change->is_new = ig_transaction_created(&address);
}

/*
 * ALTER TYPE ... RENAME VALUE; new values break nothing.
 */
void
ig_changes_alter_enum(IgStatement *stmt)
{
	const AlterEnumStmt *alter = castNode(AlterEnumStmt, stmt->parsetree);
	ObjectAddress address;
	IgChange   *change;
	Oid			typid;

	if (alter->oldVal == NULL)
		return;
	typid = LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName), true);
	if (!OidIsValid(typid) ||
		!SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(typid),
							   CStringGetDatum(alter->oldVal)))
		return;

	ObjectAddressSet(address, TypeRelationId, typid);
	change = ig_change_add(stmt, IG_RENAME_ENUM_VALUE, NULL);
	change->address = address;
	change->identity = format_type_be_qualified(typid);
	change->name = alter->oldVal;
	change->new_name = alter->newVal;
	change->is_new = ig_transaction_created(&address);
	ig_changes_stored_type(stmt, typid, psprintf("rename value \"%s\" of the type",
												 ig_text_name(alter->oldVal)));
}

/*
 * The columns of stored, existing tables that are of a type, or of a domain
 * over it; the server reads these tables for a new domain constraint.
 */
static void
domain_users(Oid typid, List **uses)
{
	Relation	pg_depend;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;

	check_stack_depth();
	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(typid));
	scan = systable_beginscan(pg_depend, DependReferenceIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend depend = (Form_pg_depend) GETSTRUCT(tuple);
		IgRelation *rel;
		IgDomainUse *use;

		if (depend->classid == TypeRelationId &&
			get_typtype(depend->objid) == TYPTYPE_DOMAIN)
			domain_users(depend->objid, uses);
		if (depend->classid != RelationRelationId || depend->objsubid <= 0)
			continue;
		rel = ig_relation_load(depend->objid);
		if (rel == NULL || ig_relation_is_exempt(rel) ||
			!(rel->relkind == RELKIND_RELATION || rel->relkind == RELKIND_MATVIEW))
			continue;
		if (get_atttype(depend->objid, depend->objsubid) != typid)
			continue;			/* a default that names the type */
		use = palloc(sizeof(IgDomainUse));
		use->rel = rel;
		use->column = get_attname(depend->objid, depend->objsubid, true);
		if (use->column != NULL)
			*uses = lappend(*uses, use);
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
}

/*
 * ALTER DOMAIN ... DROP CONSTRAINT or DROP NOT NULL, of what there is.
 */
static void
loosen_domain(IgStatement *stmt, const AlterDomainStmt *alter)
{
	Oid			typid = LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName),
										  true);
	Type		type;
	bool		not_null;

	if (!OidIsValid(typid) || get_typtype(typid) != TYPTYPE_DOMAIN ||
		!ig_type_ownercheck(typid, GetUserId()))
		return;

	type = typeidType(typid);
	not_null = ((Form_pg_type) GETSTRUCT(type))->typnotnull;
	ReleaseSysCache(type);
	if (alter->subtype == 'N' && not_null)
		ig_changes_stored_type(stmt, typid, "take NOT NULL from the domain");
	else if (alter->subtype == 'X' && OidIsValid(get_domain_constraint_oid(typid, alter->name, true)))
		ig_changes_stored_type(stmt, typid, psprintf("drop constraint \"%s\" of the domain",
													 ig_text_name(alter->name)));
}

/*
 * ALTER DOMAIN, where tables are read for it.
 */
void
ig_changes_alter_domain(IgStatement *stmt)
{
	const AlterDomainStmt *alter = castNode(AlterDomainStmt, stmt->parsetree);
	const Constraint *con = (const Constraint *) alter->def;
	Oid			typid;
	IgChange   *change;
	List	   *uses = NIL;

	/* T default, N drop and O set not null, C add, X drop, V validate */
	if (alter->subtype == 'N' || alter->subtype == 'X')
		loosen_domain(stmt, alter);
	if (alter->subtype != 'O' && alter->subtype != 'C' && alter->subtype != 'V')
		return;
	if (alter->subtype == 'C' && con != NULL && con->skip_validation)
		return;

	typid = LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName), true);
	if (!OidIsValid(typid) || get_typtype(typid) != TYPTYPE_DOMAIN ||
		!ig_type_ownercheck(typid, GetUserId()))
		return;
	domain_users(typid, &uses);
	if (uses == NIL)
		return;

	change = ig_change_add(stmt, IG_DOMAIN_CONSTRAINT, NULL);
	ObjectAddressSet(change->address, TypeRelationId, typid);
	change->identity = format_type_be_qualified(typid);
	change->domain_use = uses;
	change->name = alter->subtype == 'V' ? alter->name : con ? con->conname : NULL;
	change->concurrently = alter->subtype == 'V';
	if (alter->subtype == 'V')
		change->added_here =
			ig_constraint_is_of_transaction(get_domain_constraint_oid(typid, alter->name, true));
	change->impact.lock = ShareLock;
	change->impact.scan = true;
	if (alter->subtype == 'O')
		change->impact.reason = "SET NOT NULL";
	else if (alter->subtype == 'V')
		change->impact.reason = "VALIDATE CONSTRAINT";
	else
	{
		change->impact.reason = "ADD CONSTRAINT";
		if (con != NULL)
			change->new_name = ig_source_parenthesis(stmt, con->location, "check");
	}
}

/*
 * What ALTER PUBLICATION ... DROP or SET takes out of a publication.
 */
void
ig_changes_alter_publication(IgStatement *stmt)
{
	const AlterPublicationStmt *alter = castNode(AlterPublicationStmt, stmt->parsetree);
	Oid			pubid = GetSysCacheOid1(PUBLICATIONNAME, Anum_pg_publication_oid,
										CStringGetDatum(alter->pubname));
	IgChange   *change;
	ObjectAddress address;

	if (!OidIsValid(pubid) || alter->pubobjects == NIL ||
		(alter->action != AP_DropObjects && alter->action != AP_SetObjects))
		return;
	ObjectAddressSet(address, PublicationRelationId, pubid);
	if (ig_transaction_created(&address))
		return;

	change = ig_change_add(stmt, IG_ALTER_PUBLICATION_DROP, NULL);
	change->address = address;
	change->name = alter->pubname;
	publication_loss(change, alter, pubid);
	if (change->victims == NIL)
		stmt->changes = list_delete_ptr(stmt->changes, change);
}

static void
publication_loss(IgChange *change, const AlterPublicationStmt *alter, Oid pubid)
{
	List	   *named = NIL;
	List	   *members = list_concat(GetPublicationRelations(pubid, PUBLICATION_PART_ROOT),
									  GetPublicationSchemas(pubid));
	ListCell   *lc;

	foreach(lc, alter->pubobjects)
	{
		PublicationObjSpec *object = lfirst_node(PublicationObjSpec, lc);
		Oid			oid = InvalidOid;

		if (object->pubtable != NULL)
			oid = RangeVarGetRelid(object->pubtable->relation, NoLock, true);
		else if (object->name != NULL)
			oid = get_namespace_oid(object->name, true);
		named = lappend_oid(named, oid);
	}

	foreach(lc, members)
	{
		Oid			oid = lfirst_oid(lc);
		bool		goes = list_member_oid(named, oid) == (alter->action == AP_DropObjects);
		IgVictim   *victim;

		if (!goes)
			continue;
		victim = palloc0(sizeof(IgVictim));
		victim->rel = ig_relation_load(oid);
		ObjectAddressSet(victim->address,
						 victim->rel ? RelationRelationId : NamespaceRelationId, oid);
		victim->description = ig_describe(&victim->address);
		change->victims = lappend(change->victims, victim);
	}
}

/* The tables of schemas, as IgRelations; for GRANT ON ALL TABLES. */
static List *
schema_tables(List *schemas)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;
	List	   *relids = NIL;
	List	   *tables = NIL;
	ListCell   *lc;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (list_member_oid(schemas, form->relnamespace) &&
			(form->relkind == RELKIND_RELATION || form->relkind == RELKIND_FOREIGN_TABLE ||
			 form->relkind == RELKIND_PARTITIONED_TABLE))
			relids = lappend_oid(relids, form->oid);
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);

	foreach(lc, relids)
		tables = lappend(tables, ig_relation_load(lfirst_oid(lc)));
	return tables;
}

/*
 * GRANT ... TO PUBLIC, on tables.
 */
void
ig_changes_grant(IgStatement *stmt)
{
	const GrantStmt *grant = castNode(GrantStmt, stmt->parsetree);
	List	   *tables = NIL;
	List	   *schemas = NIL;
	bool		to_public = false;
	ListCell   *lc;

	if (!grant->is_grant || grant->objtype != OBJECT_TABLE)
		return;
	foreach(lc, grant->grantees)
		to_public = to_public || lfirst_node(RoleSpec, lc)->roletype == ROLESPEC_PUBLIC;
	if (!to_public)
		return;

	foreach(lc, grant->objects)
	{
		if (grant->targtype == ACL_TARGET_OBJECT)
			tables = lappend(tables, ig_relation_lookup(lfirst_node(RangeVar, lc)));
		else if (grant->targtype == ACL_TARGET_ALL_IN_SCHEMA)
			schemas = lappend_oid(schemas, get_namespace_oid(strVal(lfirst(lc)), true));
	}
	if (schemas != NIL)
		tables = schema_tables(schemas);

	foreach(lc, tables)
	{
		IgRelation *rel = (IgRelation *) lfirst(lc);

		if (rel != NULL && rel->classes != 0)
			ig_change_add(stmt, IG_GRANT_PUBLIC, rel);
	}
}
