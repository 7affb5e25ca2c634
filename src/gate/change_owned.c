/*-------------------------------------------------------------------------
 *
 * change_owned.c
 *	  Statements about all that a role owns, and about whole databases.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_shdepend.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "commands/user.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "model/finding.h"
#include "platform/settings.h"

#define OUR_LIBRARY		"invariant_guard"
#define OUR_PREFIX		"invariant_guard."
#define PRELOAD_SETTING "session_preload_libraries="

static IgVictim *owned_victim(const ObjectAddress *address);
static void add_owned_role(IgStatement *stmt, Oid roleid, List **named, List **addresses);
static bool is_guarded_database(const char *name);
static bool has_our_setting(Oid dbid);
static bool is_our_setting(const char *setting);

/*
 * DROP OWNED BY: the role's objects in this database.  It also revokes what
 * was granted to the role, which destroys nothing.
 */
void
ig_changes_drop_owned(IgStatement *stmt)
{
	const DropOwnedStmt *drop = (const DropOwnedStmt *) stmt->parsetree;
	List	   *named = NIL;
	List	   *addresses = NIL;
	ListCell   *lc;

	foreach(lc, roleSpecsToIds(drop->roles))
		add_owned_role(stmt, lfirst_oid(lc), &named, &addresses);

	ig_changes_cascade(stmt, named, addresses, drop->behavior == DROP_CASCADE);
	ig_changes_locked_parents(stmt);
}

/*
 * One change for all objects of the role, which stands for each of them where
 * it is asked what depends on them.
 */
static void
add_owned_role(IgStatement *stmt, Oid roleid, List **named, List **addresses)
{
	const char *role = GetUserNameFromId(roleid, true);
	List	   *objects = ig_owned_objects(roleid);
	IgChange   *change = palloc0(sizeof(IgChange));
	ListCell   *lc;

	if (role == NULL)
		return;

	change->kind = IG_DROP_OWNED;
	ObjectAddressSet(change->address, AuthIdRelationId, roleid);
	change->name = role;
	change->identity = psprintf("what role \"%s\" owns", ig_text_name(role));
	change->sql = psprintf("DROP OWNED BY %s", quote_identifier(role));

	foreach(lc, objects)
	{
		IgVictim   *victim = owned_victim((const ObjectAddress *) lfirst(lc));

		*named = lappend(*named, change);
		*addresses = lappend(*addresses, lfirst(lc));
		if (victim != NULL)
			change->victims = lappend(change->victims, victim);
	}

	if (change->victims != NIL)
		stmt->changes = lappend(stmt->changes, change);
	ig_changes_victims(stmt, change->victims);
}

/*
 * ObjectAddress of all local objects that the role owns.
 */
List *
ig_owned_objects(Oid roleid)
{
	Relation	pg_shdepend = table_open(SharedDependRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key[2];
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&key[0], Anum_pg_shdepend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(AuthIdRelationId));
	ScanKeyInit(&key[1], Anum_pg_shdepend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(roleid));
	scan = systable_beginscan(pg_shdepend, SharedDependReferenceIndexId, true,
							  NULL, 2, key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_shdepend form = (Form_pg_shdepend) GETSTRUCT(tuple);
		ObjectAddress *address;

		CHECK_FOR_INTERRUPTS();
		if (form->dbid != MyDatabaseId || form->deptype != SHARED_DEPENDENCY_OWNER)
			continue;

		address = palloc(sizeof(ObjectAddress));
		ObjectAddressSubSet(*address, form->classid, form->objid, form->objsubid);
		result = lappend(result, address);
	}
	systable_endscan(scan);
	table_close(pg_shdepend, AccessShareLock);
	return result;
}

/*
 * NULL for what may go: temporary relations and objects of this transaction.
 */
static IgVictim *
owned_victim(const ObjectAddress *address)
{
	IgVictim   *victim = palloc0(sizeof(IgVictim));

	victim->address = *address;
	if (address->classId == RelationRelationId)
		victim->rel = ig_relation_load(address->objectId);
	if (victim->rel != NULL && ig_relation_is_exempt(victim->rel))
		return NULL;
	if (ig_transaction_created(address))
		return NULL;

	victim->description = ig_describe(address);
	return victim->description != NULL ? victim : NULL;
}

/*
 * REASSIGN OWNED: who may change a guarded table is about to change.
 */
void
ig_changes_reassign_owned(IgStatement *stmt)
{
	const ReassignOwnedStmt *reassign = (const ReassignOwnedStmt *) stmt->parsetree;
	Oid			new_owner = get_rolespec_oid(reassign->newrole, true);
	ListCell   *lc;

	if (!OidIsValid(new_owner))
		return;

	foreach(lc, roleSpecsToIds(reassign->roles))
	{
		ListCell   *lo;

		if (lfirst_oid(lc) == new_owner)
			continue;

		foreach(lo, ig_owned_objects(lfirst_oid(lc)))
		{
			const ObjectAddress *address = (const ObjectAddress *) lfirst(lo);
			IgRelation *rel;
			IgChange   *change;

			if (address->classId != RelationRelationId)
				continue;
			rel = ig_relation_load(address->objectId);
			if (rel == NULL || rel->classes == 0 || ig_relation_is_temp(rel))
				continue;
			change = ig_change_add(stmt, IG_CHANGE_OWNER, rel);
			change->new_name = GetUserNameFromId(new_owner, true);
			change->identity = ig_text_relation(rel);
			change->impact.lock = AccessExclusiveLock;
		}
	}
}

/*
 * DROP DATABASE, and ALTER DATABASE ... RENAME TO.
 */
void
ig_changes_drop_database(IgStatement *stmt)
{
	const char *name;
	const char *new_name = NULL;
	IgChange   *change;

	if (IsA(stmt->parsetree, DropdbStmt))
		name = ((const DropdbStmt *) stmt->parsetree)->dbname;
	else if (IsA(stmt->parsetree, RenameStmt) &&
			 ((const RenameStmt *) stmt->parsetree)->renameType == OBJECT_DATABASE)
	{
		name = ((const RenameStmt *) stmt->parsetree)->subname;
		new_name = ((const RenameStmt *) stmt->parsetree)->newname;
	}
	else
		return;

	if (!is_guarded_database(name))
		return;

	change = ig_change_add(stmt, IG_DROP_DATABASE, NULL);
	change->name = name;
	change->new_name = new_name;
	change->identity = psprintf("database \"%s\"", ig_text_name(name));
	change->sql = new_name == NULL ?
		psprintf("DROP DATABASE %s", quote_identifier(name)) :
		psprintf("ALTER DATABASE %s RENAME TO %s", quote_identifier(name),
				 quote_identifier(new_name));
}

/*
 * A database is guarded when the server's administrator says so, or when it
 * has a setting of ours or loads us.  Test and shadow databases come and go.
 */
static bool
is_guarded_database(const char *name)
{
	Oid			dbid = get_database_oid(name, true);

	if (!OidIsValid(dbid))
		return false;

	return ig_pattern_list_match(ig_protected_databases, NULL, name) ||
		has_our_setting(dbid);
}

/* For the database as a whole or for a role in it. */
static bool
has_our_setting(Oid dbid)
{
	Relation	catalog = table_open(DbRoleSettingRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_db_role_setting_setdatabase, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(dbid));
	scan = systable_beginscan(catalog, DbRoleSettingDatidRolidIndexId, true,
							  NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		bool		isnull;
		Datum		config;
		Datum	   *settings;
		bool	   *nulls;
		int			count;

		config = heap_getattr(tuple, Anum_pg_db_role_setting_setconfig,
							  RelationGetDescr(catalog), &isnull);
		if (isnull)
			continue;
		deconstruct_array(DatumGetArrayTypeP(config), TEXTOID, -1, false, TYPALIGN_INT,
						  &settings, &nulls, &count);
		for (int i = 0; i < count && !found; i++)
			found = !nulls[i] && is_our_setting(TextDatumGetCString(settings[i]));
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return found;
}

static bool
is_our_setting(const char *setting)
{
	if (pg_strncasecmp(setting, OUR_PREFIX, strlen(OUR_PREFIX)) == 0)
		return true;

	return pg_strncasecmp(setting, PRELOAD_SETTING, strlen(PRELOAD_SETTING)) == 0 &&
		strstr(setting, OUR_LIBRARY) != NULL;
}
