/*-------------------------------------------------------------------------
 *
 * change_drop.c
 *	  DROP of whatever kind, and what CASCADE takes along.
 *
 * Names are resolved as the server resolves them, but without locks.  What is
 * not there, or is of another kind, is left to the server's own error or
 * NOTICE.
 *
 * Each named object gets the change of its kind.  With CASCADE one more change
 * lists what it takes along, and each table, column, ... of these gets its own
 * derived change, so that the rules which guard them need not know of CASCADE.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/policy.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "parser/parse_type.h"
#include "rewrite/rewriteSupport.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "model/finding.h"
#include "platform/compat.h"
#include "platform/inherit.h"

/* A named object for which there is no kind of change of its own. */
#define NO_CHANGE	IG_CHANGE_KINDS

static IgChange *named_change(IgStatement *stmt, const DropStmt *drop, Node *object);
static IgChange *named_relation(IgStatement *stmt, const DropStmt *drop, List *names);
static bool may_drop(const IgRelation *rel);
static IgChange *named_index(IgStatement *stmt, const DropStmt *drop, List *names);
static IgChange *named_type(IgStatement *stmt, TypeName *type_name);
static IgChange *named_function(IgStatement *stmt, const DropStmt *drop,
								ObjectWithArgs *function);
static IgChange *named_on_table(IgStatement *stmt, const DropStmt *drop, List *names);
static IgChange *named_other(IgStatement *stmt, const DropStmt *drop, Node *object);
static IgChange *name_object(IgStatement *stmt, IgChangeKind kind, IgRelation *rel,
							 Oid classid, Oid objid);
static IgChangeKind relation_kind(char relkind);
static bool relkind_fits(ObjectType type, char relkind);
static void add_cascade(IgStatement *stmt, IgChange *named, List *victims);
static void add_part(IgStatement *stmt, IgChange *named, IgVictim *part);
static void add_victim(IgStatement *stmt, const IgVictim *victim);
static IgChange *derived_relation(IgStatement *stmt, IgRelation *rel);
static const char *part_name(const IgVictim *victim);
static bool is_populated(Oid relid);

void
ig_changes_drop(IgStatement *stmt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	List	   *named = NIL;
	ListCell   *lc;

	foreach(lc, drop->objects)
	{
		IgChange   *change = named_change(stmt, drop, (Node *) lfirst(lc));

		if (change != NULL)
			named = lappend(named, change);
	}

	ig_changes_cascade(stmt, named, NIL, drop->behavior == DROP_CASCADE);
	ig_changes_locked_parents(stmt);
}

static IgChange *
named_change(IgStatement *stmt, const DropStmt *drop, Node *object)
{
	Oid			oid;

	switch (drop->removeType)
	{
		case OBJECT_TABLE:
		case OBJECT_FOREIGN_TABLE:
		case OBJECT_VIEW:
		case OBJECT_MATVIEW:
		case OBJECT_SEQUENCE:
			return named_relation(stmt, drop, castNode(List, object));
		case OBJECT_INDEX:
			return named_index(stmt, drop, castNode(List, object));
		case OBJECT_TYPE:
		case OBJECT_DOMAIN:
			return named_type(stmt, castNode(TypeName, object));
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_AGGREGATE:
		case OBJECT_ROUTINE:
			return named_function(stmt, drop, castNode(ObjectWithArgs, object));
		case OBJECT_TRIGGER:
		case OBJECT_POLICY:
		case OBJECT_RULE:
			return named_on_table(stmt, drop, castNode(List, object));
		case OBJECT_SCHEMA:
			oid = get_namespace_oid(strVal(object), true);
			if (!OidIsValid(oid) || isAnyTempNamespace(oid))
				return NULL;
			return name_object(stmt, IG_DROP_SCHEMA, NULL, NamespaceRelationId, oid);
		case OBJECT_PUBLICATION:
			oid = get_publication_oid(strVal(object), true);
			if (!OidIsValid(oid))
				return NULL;
			return name_object(stmt, IG_DROP_PUBLICATION, NULL, PublicationRelationId, oid);
		case OBJECT_EXTENSION:
			oid = get_extension_oid(strVal(object), true);
			if (!OidIsValid(oid))
				return NULL;
			return name_object(stmt, NO_CHANGE, NULL, ExtensionRelationId, oid);
		default:
			return named_other(stmt, drop, object);
	}
}

/*
 * Somebody who owns neither the relation nor its schema gets the server's own
 * refusal, and learns nothing else.
 */
static bool
may_drop(const IgRelation *rel)
{
	Oid			schema = get_namespace_oid(rel->schema, true);

	return ig_relation_is_owned(rel->relid) ||
		(OidIsValid(schema) && ig_schema_ownercheck(schema, GetUserId()));
}

static IgChange *
named_relation(IgStatement *stmt, const DropStmt *drop, List *names)
{
	IgRelation *rel = ig_relation_lookup(makeRangeVarFromNameList(names));
	IgChange   *change;

	if (rel == NULL || !relkind_fits(drop->removeType, rel->relkind) || !may_drop(rel))
		return NULL;

	change = name_object(stmt, relation_kind(rel->relkind), rel,
						 RelationRelationId, rel->relid);
	if (change == NULL || ig_relation_is_exempt(rel))
		return change;

	change->impact.lock = AccessExclusiveLock;
	if (change->kind == IG_DROP_MATVIEW)
		change->in_use = is_populated(rel->relid);
	else if (change->kind == IG_DROP_TABLE)
	{
		change->in_use = ig_relation_is_published(rel->relid, false);
		change->suspects = ig_function_suspects(rel->name, NULL);
	}
	return change;
}

/*
 * The index of a constraint or of a partitioned table's partition cannot be
 * dropped by itself, and a partitioned index not concurrently.
 */
static IgChange *
named_index(IgStatement *stmt, const DropStmt *drop, List *names)
{
	IgRelation *index = ig_relation_lookup(makeRangeVarFromNameList(names));
	IgRelation *rel;
	IgChange   *change;
	Oid			relid;

	if (index == NULL || index->relkind != RELKIND_INDEX || index->is_partition ||
		OidIsValid(get_index_constraint(index->relid)))
		return NULL;

	relid = IndexGetRelation(index->relid, true);
	rel = OidIsValid(relid) ? ig_relation_load(relid) : NULL;
	if (rel == NULL)
		return NULL;

	change = name_object(stmt, IG_DROP_INDEX, rel, RelationRelationId, index->relid);
	if (change == NULL)
		return NULL;
	change->name = index->name;
	change->identity = ig_text_relation(index);
	/* change->is_new: to the relcache an index is new that was only rebuilt */
	change->concurrently = drop->concurrent;
	change->impact.lock = drop->concurrent ? ShareUpdateExclusiveLock : AccessExclusiveLock;
	if (!change->is_new)
		change->identity_lost = ig_change_index_lost(stmt, rel, index->relid);
	return change;
}

/* The row type of a table goes with the table only. */
static IgChange *
named_type(IgStatement *stmt, TypeName *type_name)
{
	Oid			typid = LookupTypeNameOid(NULL, type_name, true);
	Oid			relid;

	if (!OidIsValid(typid))
		return NULL;

	relid = get_typ_typrelid(typid);
	if (OidIsValid(relid) && get_rel_relkind(relid) != RELKIND_COMPOSITE_TYPE)
		return NULL;

	return name_object(stmt, IG_DROP_TYPE, NULL, TypeRelationId, typid);
}

static IgChange *
named_function(IgStatement *stmt, const DropStmt *drop, ObjectWithArgs *function)
{
	Oid			funcid = LookupFuncWithArgs(drop->removeType, function, true);
	IgChange   *change;
	char	   *name;
	char	   *itself;
	ListCell   *lc;

	if (!OidIsValid(funcid))
		return NULL;

	change = name_object(stmt, IG_DROP_FUNCTION, NULL, ProcedureRelationId, funcid);
	name = get_func_name(funcid);
	if (change == NULL || name == NULL || change->is_new)
		return change;

	itself = psprintf("%s.%s", get_namespace_name(get_func_namespace(funcid)), name);
	foreach(lc, ig_function_suspects(name, NULL))
	{
		if (strcmp((char *) lfirst(lc), itself) != 0)
			change->suspects = lappend(change->suspects, lfirst(lc));
	}
	return change;
}

/*
 * A trigger, policy or rule: the last name is its own, the others are the table's.
 */
static IgChange *
named_on_table(IgStatement *stmt, const DropStmt *drop, List *names)
{
	List	   *table = list_copy_head(names, list_length(names) - 1);
	const char *name = strVal(llast(names));
	IgRelation *rel = ig_relation_lookup(makeRangeVarFromNameList(table));
	IgChange   *change;
	Oid			oid;

	if (rel == NULL || !ig_relation_is_owned(rel->relid))
		return NULL;

	if (drop->removeType == OBJECT_TRIGGER)
	{
		oid = get_trigger_oid(rel->relid, name, true);
		if (!OidIsValid(oid))
			return NULL;
		change = name_object(stmt, IG_DISABLE_TRIGGER, rel, TriggerRelationId, oid);
	}
	else if (drop->removeType == OBJECT_RULE)
	{
		oid = get_rewrite_oid(rel->relid, name, true);
		if (!OidIsValid(oid))
			return NULL;
		change = name_object(stmt, IG_DISABLE_TRIGGER, rel, RewriteRelationId, oid);
		if (change != NULL)
			change->new_name = psprintf("drop rule \"%s\"", ig_text_name(name));
	}
	else
	{
		oid = get_relation_policy_oid(rel->relid, name, true);
		if (!OidIsValid(oid))
			return NULL;
		change = name_object(stmt, IG_DISABLE_RLS, rel, PolicyRelationId, oid);
	}
	if (change != NULL)
		change->name = name;
	return change;
}

/*
 * Anything else is of interest for what CASCADE takes along.  There is no
 * lighter way to resolve it than the server's own, whose lock is given back:
 * kept, it would deadlock two sessions that both ask for a stronger one.
 */
static IgChange *
named_other(IgStatement *stmt, const DropStmt *drop, Node *object)
{
	Relation	relation = NULL;
	ObjectAddress address;

	if (drop->behavior != DROP_CASCADE)
		return NULL;

	address = get_object_address(drop->removeType, copyObject(object), &relation,
								 AccessShareLock, true);
	if (relation != NULL)
		table_close(relation, AccessShareLock);
	if (!OidIsValid(address.objectId))
		return NULL;

	if (IsSharedRelation(address.classId))
		UnlockSharedObject(address.classId, address.objectId, 0, AccessShareLock);
	else if (address.classId != RelationRelationId)
		UnlockDatabaseObject(address.classId, address.objectId, 0, AccessShareLock);

	return name_object(stmt, NO_CHANGE, NULL, address.classId, address.objectId);
}

/*
 * A change for an object that the statement names, or NULL if the object is
 * gone.  Without a kind of its own it stays outside of the statement's list.
 */
static IgChange *
name_object(IgStatement *stmt, IgChangeKind kind, IgRelation *rel,
			Oid classid, Oid objid)
{
	const char *tag = CreateCommandName(unconstify(Node *, stmt->parsetree));
	const char *word = tag + strlen("DROP ");
	IgChange   *change;
	ObjectAddress address;
	char	   *identity;

	ObjectAddressSet(address, classid, objid);
	identity = getObjectIdentity(&address, true);
	if (identity == NULL)
		return NULL;

	if (kind == NO_CHANGE)
	{
		change = palloc0(sizeof(IgChange));
		change->kind = kind;
		change->rel = rel;
	}
	else
		change = ig_change_add(stmt, kind, rel);

	change->address = address;
	change->is_new = ig_transaction_created(&address);
	change->sql = psprintf("%s %s", tag, identity);
	if (rel != NULL)
		change->identity = ig_text_relation(rel);
	else
	{
		if (kind == IG_DROP_SCHEMA)
			change->name = get_namespace_name(objid);
		else if (kind == IG_DROP_PUBLICATION)
			change->name = get_publication_name(objid, true);
		else if (classid == ExtensionRelationId)
			change->name = get_extension_name(objid);
		if (change->name == NULL)
			change->name = identity;

		change->identity = psprintf("%s \"%s\"", asc_tolower(word, strlen(word)),
									ig_text_name(change->name));
	}
	return change;
}

static IgChangeKind
relation_kind(char relkind)
{
	switch (relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			return IG_DROP_TABLE;
		case RELKIND_MATVIEW:
			return IG_DROP_MATVIEW;
		case RELKIND_SEQUENCE:
			return IG_DROP_SEQUENCE;
		case RELKIND_VIEW:
			return IG_DROP_VIEW;
		default:
			return NO_CHANGE;
	}
}

static bool
relkind_fits(ObjectType type, char relkind)
{
	switch (type)
	{
		case OBJECT_TABLE:
			return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
		case OBJECT_FOREIGN_TABLE:
			return relkind == RELKIND_FOREIGN_TABLE;
		case OBJECT_VIEW:
			return relkind == RELKIND_VIEW;
		case OBJECT_MATVIEW:
			return relkind == RELKIND_MATVIEW;
		case OBJECT_SEQUENCE:
			return relkind == RELKIND_SEQUENCE;
		default:
			return false;
	}
}

/*
 * Does it make no difference to anybody what depends on the named objects?  So
 * it is for tables that are new or temporary: without CASCADE nothing but
 * their own parts goes, unless they are partitioned, since an old table may
 * have become a partition of a new one.
 */
static bool
is_nothing_lost(List *named)
{
	ListCell   *lc;

	foreach(lc, named)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind != IG_DROP_TABLE || !ig_relation_is_exempt(change->rel) ||
			ig_relation_is_partitioned(change->rel))
			return false;
	}
	return true;
}

/*
 * Add what goes along with the named objects.  addresses is for the case that
 * one change stands for many of them: then named has it as often.
 *
 * An object on which others depend has no statement of its own: without CASCADE
 * the server refuses it.
 */
void
ig_changes_cascade(IgStatement *stmt, List *named, List *addresses, bool cascade)
{
	List	   *victims = NIL;
	IgDependents found;
	ListCell   *lc;

	if (named == NIL || (!cascade && addresses == NIL && is_nothing_lost(named)))
		return;

	if (addresses == NIL)
	{
		foreach(lc, named)
			addresses = lappend(addresses, &((IgChange *) lfirst(lc))->address);
	}
	ig_dependents_find(addresses, &found);

	foreach(lc, found.parts)
	{
		IgVictim   *part = (IgVictim *) lfirst(lc);

		add_part(stmt, (IgChange *) list_nth(named, part->origin), part);
	}

	/* the victims are in the order of the named objects */
	foreach(lc, found.victims)
	{
		const IgVictim *victim = (const IgVictim *) lfirst(lc);
		ListCell   *next = lnext(found.victims, lc);
		IgChange   *change = (IgChange *) list_nth(named, victim->origin);

		victims = lappend(victims, lfirst(lc));
		if (next != NULL &&
			list_nth(named, ((const IgVictim *) lfirst(next))->origin) == change)
			continue;

		if (cascade)
			add_cascade(stmt, change, victims);
		else
			change->dependents = victims;
		change->sql = NULL;
		victims = NIL;
	}
}

static void
add_cascade(IgStatement *stmt, IgChange *named, List *victims)
{
	IgChange   *change = ig_change_add(stmt, IG_DROP_CASCADE, named->rel);

	change->address = named->address;
	change->column = named->column;
	change->attnum = named->attnum;
	change->name = named->name;
	change->identity = named->identity;
	change->impact = named->impact;
	change->identity_lost = named->identity_lost;
	change->victims = list_concat_copy(named->kind == IG_DROP_OWNED ? NIL : named->victims,
									   victims);
	if (named->sql != NULL)
		change->sql = psprintf("%s CASCADE", named->sql);

	ig_changes_victims(stmt, victims);
}

/*
 * A partition is judged with its parent, unless it is of a class that the
 * parent is not.
 */
static void
add_part(IgStatement *stmt, IgChange *named, IgVictim *part)
{
	IgRelation *rel = part->rel;

	if (rel == NULL)
		return;
	if (rel->is_partition)
	{
		Oid			parentid = ig_partition_parent(rel->relid);
		IgRelation *parent = OidIsValid(parentid) ? ig_relation_load(parentid) : NULL;

		if (parent == NULL || (rel->classes & ~parent->classes) == 0)
			return;
	}

	named->victims = lappend(named->victims, part);
	derived_relation(stmt, rel);
}

/*
 * Derived changes for those of the victims that rules guard one by one.
 */
void
ig_changes_victims(IgStatement *stmt, List *victims)
{
	ListCell   *lc;

	foreach(lc, victims)
		add_victim(stmt, (const IgVictim *) lfirst(lc));
}

static void
add_victim(IgStatement *stmt, const IgVictim *victim)
{
	IgRelation *rel = victim->rel;
	IgChange   *change = NULL;
	const char *name;

	if (rel == NULL)
		return;

	switch (victim->address.classId)
	{
		case RelationRelationId:
			if (victim->address.objectSubId != 0)
				change = ig_change_column_lost(stmt, rel, victim->address.objectSubId);
			else
				change = derived_relation(stmt, rel);
			break;
		case ConstraintRelationId:
			change = ig_change_constraint_lost(stmt, rel, victim->address.objectId);
			break;
		case TriggerRelationId:
		case PolicyRelationId:
			name = part_name(victim);
			if (name == NULL)
				break;
			change = ig_change_add(stmt, victim->address.classId == TriggerRelationId ?
								   IG_DISABLE_TRIGGER : IG_DISABLE_RLS, rel);
			change->address = victim->address;
			change->name = name;
			break;
		default:
			break;
	}
	if (change == NULL)
		return;

	/* the statement as a whole is told with what is named */
	change->derived = true;
	change->sql = NULL;
}

/*
 * Views are named in the list of victims, and lose no data.
 */
static IgChange *
derived_relation(IgStatement *stmt, IgRelation *rel)
{
	IgChangeKind kind = relation_kind(rel->relkind);
	IgChange   *change;

	if (kind == NO_CHANGE || kind == IG_DROP_VIEW)
		return NULL;

	change = ig_change_add(stmt, kind, rel);
	change->derived = true;
	change->identity = ig_text_relation(rel);
	change->impact.lock = AccessExclusiveLock;
	if (kind == IG_DROP_MATVIEW)
		change->in_use = is_populated(rel->relid);
	else if (kind == IG_DROP_TABLE)
		change->in_use = ig_relation_is_published(rel->relid, false);
	return change;
}

/* The name of a trigger or policy. */
static const char *
part_name(const IgVictim *victim)
{
	bool		trigger = victim->address.classId == TriggerRelationId;
	Relation	catalog = table_open(victim->address.classId, AccessShareLock);
	HeapTuple	tuple;
	const char *name = NULL;

	tuple = get_catalog_object_by_oid(catalog,
									  trigger ? Anum_pg_trigger_oid : Anum_pg_policy_oid,
									  victim->address.objectId);
	if (HeapTupleIsValid(tuple))
		name = pstrdup(trigger ?
					   NameStr(((Form_pg_trigger) GETSTRUCT(tuple))->tgname) :
					   NameStr(((Form_pg_policy) GETSTRUCT(tuple))->polname));
	table_close(catalog, AccessShareLock);
	return name;
}

static bool
is_populated(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		populated;

	if (!HeapTupleIsValid(tuple))
		return false;

	populated = ((Form_pg_class) GETSTRUCT(tuple))->relispopulated;
	ReleaseSysCache(tuple);
	return populated;
}
