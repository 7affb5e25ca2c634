/*-------------------------------------------------------------------------
 *
 * target.c
 *	  The existing objects that a statement is about.
 *
 * For the rules that ask of every statement there is what it works on.  Names
 * are resolved as the server resolves them; what is not there is left to the
 * server's own error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "gate/target.h"
#include "gate/transaction.h"
#include "model/finding.h"

static List *add_relation(List *targets, const IgStatement *stmt, const RangeVar *rv);
static List *add_object(List *targets, const IgStatement *stmt, ObjectType type, Node *object);
static List *add_on_table(List *targets, const IgStatement *stmt, ObjectType type,
						  List *names);
static List *add_named(List *targets, const IgStatement *stmt, ObjectType type,
					   const char *name);
static List *add_roles(List *targets, List *roles);
static List *add_granted_roles(List *targets, const IgStatement *stmt, List *roles);
static List *add_privileges(List *targets, const IgStatement *stmt);
static List *add_dropped(List *targets, const IgStatement *stmt);
static List *add_renamed(List *targets, const IgStatement *stmt);
static List *add_replaced(List *targets, const IgStatement *stmt);
static List *add_of_type(const IgStatement *stmt);
static List *add_of_database(const IgStatement *stmt);
static List *on_relation(const IgStatement *stmt);
static bool is_temporary(const ObjectAddress *address);
static const char *object_name(const ObjectAddress *address);
static Datum object_attribute(const ObjectAddress *address, AttrNumber attnum, bool *isnull);

/*
 * By the kind of statement; those that are about no object, or about one that
 * they create, have none.
 */
List *
ig_statement_targets(const IgStatement *stmt)
{
	List	   *targets;

	switch (nodeTag(stmt->parsetree))
	{
		case T_DropStmt:
			return add_dropped(NIL, stmt);
		case T_RenameStmt:
			return add_renamed(NIL, stmt);
		case T_GrantStmt:
			return add_privileges(NIL, stmt);
		case T_CreateFunctionStmt:
		case T_DefineStmt:
		case T_CreatePLangStmt:
		case T_CreateTransformStmt:
			return add_replaced(NIL, stmt);
		default:
			break;
	}

	targets = on_relation(stmt);
	if (targets == NIL)
		targets = add_of_type(stmt);
	if (targets == NIL)
		targets = add_of_database(stmt);
	return targets;
}

/* Statements that name a relation. */
static List *
on_relation(const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;
	List	   *targets = NIL;
	ListCell   *lc;

	switch (nodeTag(node))
	{
		case T_AlterTableStmt:
			return add_relation(NIL, stmt, ((const AlterTableStmt *) node)->relation);
		case T_AlterSeqStmt:
			return add_relation(NIL, stmt, ((const AlterSeqStmt *) node)->sequence);
		case T_AlterPolicyStmt:
			return add_relation(NIL, stmt, ((const AlterPolicyStmt *) node)->table);
		case T_CreatePolicyStmt:
			return add_relation(NIL, stmt, ((const CreatePolicyStmt *) node)->table);
		case T_CreateTrigStmt:
			return add_relation(NIL, stmt, ((const CreateTrigStmt *) node)->relation);
		case T_RuleStmt:
			return add_relation(NIL, stmt, ((const RuleStmt *) node)->relation);
		case T_IndexStmt:
			return add_relation(NIL, stmt, ((const IndexStmt *) node)->relation);
		case T_ViewStmt:
			return add_relation(NIL, stmt, ((const ViewStmt *) node)->view);
		case T_TruncateStmt:
			foreach(lc, ((const TruncateStmt *) node)->relations)
				targets = add_relation(targets, stmt, lfirst_node(RangeVar, lc));
			return targets;
		default:
			return NIL;
	}
}

/* Statements that name another object of the database. */
static List *
add_of_type(const IgStatement *stmt)
{
	Node	   *node = unconstify(Node *, stmt->parsetree);

	switch (nodeTag(node))
	{
		case T_AlterOwnerStmt:
			{
				AlterOwnerStmt *alter = (AlterOwnerStmt *) node;

				return add_object(add_relation(NIL, stmt, alter->relation), stmt,
								  alter->objectType, alter->object);
			}
		case T_AlterObjectSchemaStmt:
			{
				AlterObjectSchemaStmt *alter = (AlterObjectSchemaStmt *) node;

				if (alter->relation != NULL)
					return add_relation(NIL, stmt, alter->relation);
				return add_object(NIL, stmt, alter->objectType, alter->object);
			}
		case T_AlterObjectDependsStmt:
			{
				AlterObjectDependsStmt *alter = (AlterObjectDependsStmt *) node;

				if (alter->relation != NULL)
					return add_relation(NIL, stmt, alter->relation);
				return add_object(NIL, stmt, alter->objectType, alter->object);
			}
		case T_AlterFunctionStmt:
			return add_object(NIL, stmt, ((AlterFunctionStmt *) node)->objtype,
							  (Node *) ((AlterFunctionStmt *) node)->func);
		case T_AlterOperatorStmt:
			return add_object(NIL, stmt, OBJECT_OPERATOR,
							  (Node *) ((AlterOperatorStmt *) node)->opername);
		case T_AlterDomainStmt:
			return add_object(NIL, stmt, OBJECT_DOMAIN,
							  (Node *) ((AlterDomainStmt *) node)->typeName);
		case T_AlterEnumStmt:
			return add_object(NIL, stmt, OBJECT_TYPE,
							  (Node *) ((AlterEnumStmt *) node)->typeName);
		case T_AlterTypeStmt:
			return add_object(NIL, stmt, OBJECT_TYPE,
							  (Node *) ((AlterTypeStmt *) node)->typeName);
		case T_AlterOpFamilyStmt:
			return add_object(NIL, stmt, OBJECT_OPFAMILY,
							  (Node *) lcons(makeString(((AlterOpFamilyStmt *) node)->amname),
											 list_copy(((AlterOpFamilyStmt *) node)->opfamilyname)));
		case T_AlterTSDictionaryStmt:
			return add_object(NIL, stmt, OBJECT_TSDICTIONARY,
							  (Node *) ((AlterTSDictionaryStmt *) node)->dictname);
		case T_AlterTSConfigurationStmt:
			return add_object(NIL, stmt, OBJECT_TSCONFIGURATION,
							  (Node *) ((AlterTSConfigurationStmt *) node)->cfgname);
		default:
			return NIL;
	}
}

/* Statements that name an object which is in no schema. */
static List *
add_of_database(const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;

	switch (nodeTag(node))
	{
		case T_AlterEventTrigStmt:
			return add_named(NIL, stmt, OBJECT_EVENT_TRIGGER,
							 ((const AlterEventTrigStmt *) node)->trigname);
		case T_AlterExtensionStmt:
			return add_named(NIL, stmt, OBJECT_EXTENSION,
							 ((const AlterExtensionStmt *) node)->extname);
		case T_AlterExtensionContentsStmt:
			return add_named(NIL, stmt, OBJECT_EXTENSION,
							 ((const AlterExtensionContentsStmt *) node)->extname);
		case T_AlterFdwStmt:
			return add_named(NIL, stmt, OBJECT_FDW, ((const AlterFdwStmt *) node)->fdwname);
		case T_AlterForeignServerStmt:
			return add_named(NIL, stmt, OBJECT_FOREIGN_SERVER,
							 ((const AlterForeignServerStmt *) node)->servername);
		case T_AlterUserMappingStmt:
			return add_named(NIL, stmt, OBJECT_FOREIGN_SERVER,
							 ((const AlterUserMappingStmt *) node)->servername);
		case T_DropUserMappingStmt:
			return add_named(NIL, stmt, OBJECT_FOREIGN_SERVER,
							 ((const DropUserMappingStmt *) node)->servername);
		case T_AlterPublicationStmt:
			return add_named(NIL, stmt, OBJECT_PUBLICATION,
							 ((const AlterPublicationStmt *) node)->pubname);
		case T_AlterSubscriptionStmt:
			return add_named(NIL, stmt, OBJECT_SUBSCRIPTION,
							 ((const AlterSubscriptionStmt *) node)->subname);
		case T_DropSubscriptionStmt:
			return add_named(NIL, stmt, OBJECT_SUBSCRIPTION,
							 ((const DropSubscriptionStmt *) node)->subname);
		case T_DropTableSpaceStmt:
			return add_named(NIL, stmt, OBJECT_TABLESPACE,
							 ((const DropTableSpaceStmt *) node)->tablespacename);
		case T_AlterTableSpaceOptionsStmt:
			return add_named(NIL, stmt, OBJECT_TABLESPACE,
							 ((const AlterTableSpaceOptionsStmt *) node)->tablespacename);
		case T_AlterTableMoveAllStmt:
			return add_named(NIL, stmt, OBJECT_TABLESPACE,
							 ((const AlterTableMoveAllStmt *) node)->orig_tablespacename);
		case T_DropdbStmt:
			return add_named(NIL, stmt, OBJECT_DATABASE, ((const DropdbStmt *) node)->dbname);
		case T_AlterDatabaseStmt:
			return add_named(NIL, stmt, OBJECT_DATABASE,
							 ((const AlterDatabaseStmt *) node)->dbname);
		case T_DropRoleStmt:
			return add_roles(NIL, ((const DropRoleStmt *) node)->roles);
		case T_DropOwnedStmt:
			return add_roles(NIL, ((const DropOwnedStmt *) node)->roles);
		case T_ReassignOwnedStmt:
			return add_roles(NIL, ((const ReassignOwnedStmt *) node)->roles);
		case T_GrantRoleStmt:
			return add_granted_roles(NIL, stmt, ((const GrantRoleStmt *) node)->granted_roles);
		default:
			return NIL;
	}
}

static List *
add_relation(List *targets, const IgStatement *stmt, const RangeVar *rv)
{
	IgRelation *rel = rv ? ig_relation_lookup_in(rv, stmt->default_schema) : NULL;
	IgChange   *target;

	if (rel == NULL)
		return targets;
	target = palloc0(sizeof(IgChange));
	target->kind = IG_CHANGE_KINDS;
	target->rel = rel;
	target->identity = ig_text_relation(rel);
	ObjectAddressSet(target->address, RelationRelationId, rel->relid);
	return lappend(targets, target);
}

/*
 * An object by its type and by the node that names it.  The server's own
 * function locks what it finds; that lock is given back, as it would deadlock
 * two sessions that both ask for a stronger one.
 */
static List *
add_object(List *targets, const IgStatement *stmt, ObjectType type, Node *object)
{
	Relation	relation = NULL;
	ObjectAddress address;
	IgChange   *target;

	if (object == NULL)
		return targets;

	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
		case OBJECT_INDEX:
			return add_relation(targets, stmt,
								makeRangeVarFromNameList(castNode(List, object)));
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			return add_on_table(targets, stmt, type, castNode(List, object));
		case OBJECT_DOMCONSTRAINT:
			type = OBJECT_DOMAIN;
			break;
		default:
			break;
	}
	if ((type == OBJECT_TYPE || type == OBJECT_DOMAIN) && IsA(object, List))
		object = (Node *) makeTypeNameFromNameList((List *) object);

	address = get_object_address(type, copyObject(object), &relation, AccessShareLock, true);
	if (relation != NULL)
		table_close(relation, AccessShareLock);
	if (!OidIsValid(address.objectId))
		return targets;
	if (IsSharedRelation(address.classId))
		UnlockSharedObject(address.classId, address.objectId, 0, AccessShareLock);
	else if (address.classId != RelationRelationId)
		UnlockDatabaseObject(address.classId, address.objectId, 0, AccessShareLock);

	target = ig_target_of(&address);
	return target ? lappend(targets, target) : targets;
}

/*
 * A trigger, policy or rule: the last name is its own.  What is told is the
 * table, but for one of this transaction.
 */
static List *
add_on_table(List *targets, const IgStatement *stmt, ObjectType type, List *names)
{
	List	   *table = list_copy_head(names, list_length(names) - 1);
	IgRelation *rel = ig_relation_lookup(makeRangeVarFromNameList(table));
	ObjectAddress address;
	IgChange   *target;

	if (rel == NULL)
		return targets;
	address = ig_target_on_table(type, rel->relid, strVal(llast(names)));
	if (!OidIsValid(address.objectId))
		return targets;

	target = palloc0(sizeof(IgChange));
	target->kind = IG_CHANGE_KINDS;
	target->rel = rel;
	target->identity = ig_text_relation(rel);
	target->address = address;
	target->is_new = ig_transaction_created(&address);
	return lappend(targets, target);
}

static List *
add_named(List *targets, const IgStatement *stmt, ObjectType type, const char *name)
{
	if (name == NULL)
		return targets;
	return add_object(targets, stmt, type, (Node *) makeString(pstrdup(name)));
}

static List *
add_roles(List *targets, List *roles)
{
	ListCell   *lc;

	foreach(lc, roles)
	{
		RoleSpec   *role = lfirst_node(RoleSpec, lc);
		ObjectAddress address;
		IgChange   *target;

		if (role->roletype == ROLESPEC_PUBLIC)
			continue;
		ObjectAddressSet(address, AuthIdRelationId, get_rolespec_oid(role, true));
		target = OidIsValid(address.objectId) ? ig_target_of(&address) : NULL;
		if (target != NULL)
			targets = lappend(targets, target);
	}
	return targets;
}

/* The roles that are granted stand where privileges stand. */
static List *
add_granted_roles(List *targets, const IgStatement *stmt, List *roles)
{
	ListCell   *lc;

	foreach(lc, roles)
		targets = add_named(targets, stmt, OBJECT_ROLE,
							lfirst_node(AccessPriv, lc)->priv_name);
	return targets;
}

static List *
add_privileges(List *targets, const IgStatement *stmt)
{
	const GrantStmt *grant = (const GrantStmt *) stmt->parsetree;
	ListCell   *lc;

	foreach(lc, grant->objects)
	{
		Node	   *object = (Node *) lfirst(lc);

		if (grant->targtype == ACL_TARGET_ALL_IN_SCHEMA)
			targets = add_object(targets, stmt, OBJECT_SCHEMA, object);
		else if (IsA(object, RangeVar))
			targets = add_relation(targets, stmt, (RangeVar *) object);
		else if (grant->objtype != OBJECT_LARGEOBJECT &&
				 grant->objtype != OBJECT_PARAMETER_ACL)
			targets = add_object(targets, stmt, grant->objtype, object);
	}
	return targets;
}

static List *
add_dropped(List *targets, const IgStatement *stmt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	ListCell   *lc;

	foreach(lc, drop->objects)
		targets = add_object(targets, stmt, drop->removeType, (Node *) lfirst(lc));
	return targets;
}

static List *
add_renamed(List *targets, const IgStatement *stmt)
{
	const RenameStmt *rename = (const RenameStmt *) stmt->parsetree;

	if (rename->relation != NULL)
		return add_relation(targets, stmt, rename->relation);
	if (rename->object != NULL)
		return add_object(targets, stmt, rename->renameType, rename->object);
	return add_named(targets, stmt, rename->renameType, rename->subname);
}

/*
 * What CREATE OR REPLACE would replace.
 */
static List *
add_replaced(List *targets, const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;
	ObjectAddress address;
	IgChange   *target;

	if (IsA(node, CreatePLangStmt))
		return add_named(targets, stmt, OBJECT_LANGUAGE,
						 ((const CreatePLangStmt *) node)->plname);
	if (IsA(node, CreateTransformStmt))
		return add_object(targets, stmt, OBJECT_TRANSFORM,
						  (Node *) list_make2(((const CreateTransformStmt *) node)->type_name,
											  makeString(((const CreateTransformStmt *) node)->lang)));

	ObjectAddressSet(address, ProcedureRelationId, InvalidOid);
	if (IsA(node, CreateFunctionStmt))
		address.objectId = ig_target_function(((const CreateFunctionStmt *) node)->funcname,
											  ((const CreateFunctionStmt *) node)->parameters);
	else if (((const DefineStmt *) node)->kind == OBJECT_AGGREGATE &&
			 !((const DefineStmt *) node)->oldstyle)
		address.objectId = ig_target_function(((const DefineStmt *) node)->defnames,
											  linitial_node(List, ((const DefineStmt *) node)->args));

	target = OidIsValid(address.objectId) ? ig_target_of(&address) : NULL;
	return target ? lappend(targets, target) : targets;
}

/*
 * The function of exactly these names and types of arguments, in the schema in
 * which a new one would be created.
 */
Oid
ig_target_function(List *names, List *parameters)
{
	Oid			types[FUNC_MAX_ARGS];
	int			count = 0;
	char	   *schema;
	char	   *name;
	Oid			schemaid;
	ListCell   *lc;

	DeconstructQualifiedName(names, &schema, &name);
	schemaid = schema ? LookupExplicitNamespace(schema, true) :
		QualifiedNameGetCreationNamespace(names, &name);

	foreach(lc, parameters)
	{
		FunctionParameter *parameter = lfirst_node(FunctionParameter, lc);

		if (parameter->mode == FUNC_PARAM_OUT || parameter->mode == FUNC_PARAM_TABLE)
			continue;
		if (count == FUNC_MAX_ARGS)
			return InvalidOid;
		types[count] = LookupTypeNameOid(NULL, parameter->argType, true);
		if (!OidIsValid(types[count++]))
			return InvalidOid;
	}

	if (!OidIsValid(schemaid))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(types, count)),
						   ObjectIdGetDatum(schemaid));
}

IgChange *
ig_target_of(const ObjectAddress *address)
{
	char	   *identity;
	IgChange   *target;

	if (address->classId == RelationRelationId)
	{
		IgRelation *rel = ig_relation_load(address->objectId);

		if (rel == NULL)
			return NULL;
		target = palloc0(sizeof(IgChange));
		target->kind = IG_CHANGE_KINDS;
		target->rel = rel;
		target->identity = ig_text_relation(rel);
		target->address = *address;
		return target;
	}

	identity = getObjectIdentity(address, true);
	if (identity == NULL)
		return NULL;
	target = palloc0(sizeof(IgChange));
	target->kind = IG_CHANGE_KINDS;
	target->address = *address;
	target->name = object_name(address);
	if (target->name == NULL)
		target->name = identity;
	target->identity = psprintf("%s \"%s\"", getObjectTypeDescription(address, true),
								ig_text_name(identity));
	target->is_new = ig_transaction_created(address) || is_temporary(address);
	return target;
}

ObjectAddress
ig_target_on_table(ObjectType type, Oid relid, const char *name)
{
	ObjectAddress address;

	switch (type)
	{
		case OBJECT_TRIGGER:
			ObjectAddressSet(address, TriggerRelationId, get_trigger_oid(relid, name, true));
			break;
		case OBJECT_POLICY:
			ObjectAddressSet(address, PolicyRelationId,
							 get_relation_policy_oid(relid, name, true));
			break;
		default:
			ObjectAddressSet(address, RewriteRelationId,
							 get_rewrite_oid(relid, name, true));
			break;
	}
	return address;
}

/* Is the object in a schema of temporary objects? */
static bool
is_temporary(const ObjectAddress *address)
{
	bool		isnull;
	Datum		schema;

	if (!is_objectclass_supported(address->classId))
		return false;
	schema = object_attribute(address, get_object_attnum_namespace(address->classId), &isnull);
	return !isnull && isAnyTempNamespace(DatumGetObjectId(schema));
}

/*
 * May the current role do with the object what its owner may?  If not, the
 * server has its own words for it.
 */
bool
ig_target_is_owned(const ObjectAddress *address)
{
	bool		isnull = true;
	Datum		owner = (Datum) 0;

	if (superuser())
		return true;
	if (is_objectclass_supported(address->classId))
		owner = object_attribute(address, get_object_attnum_owner(address->classId), &isnull);
	return !isnull && has_privs_of_role(GetUserId(), DatumGetObjectId(owner));
}

/* The object's own name, without that of its schema; NULL if it has none. */
static const char *
object_name(const ObjectAddress *address)
{
	bool		isnull;
	Datum		name;

	if (!is_objectclass_supported(address->classId))
		return NULL;
	name = object_attribute(address, get_object_attnum_name(address->classId), &isnull);
	return isnull ? NULL : NameStr(*DatumGetName(name));
}

/*
 * An attribute of the object's row, an OID or a name; null where the row, the
 * attribute or a cache for it is not there.
 */
static Datum
object_attribute(const ObjectAddress *address, AttrNumber attnum, bool *isnull)
{
	int			cache = get_object_catcache_oid(address->classId);
	HeapTuple	tuple = NULL;
	Datum		result = (Datum) 0;

	*isnull = true;
	if (cache >= 0 && attnum != InvalidAttrNumber)
		tuple = SearchSysCacheCopy1(cache, ObjectIdGetDatum(address->objectId));
	if (HeapTupleIsValid(tuple))
		result = SysCacheGetAttr(cache, tuple, attnum, isnull);
	return result;
}
