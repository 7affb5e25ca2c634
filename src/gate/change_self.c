/*-------------------------------------------------------------------------
 *
 * change_self.c
 *	  Statements that would weaken the guard itself.
 *
 * These are for who may do so: superusers and owners, who err.  Settings of a
 * session are looked at in their check hooks, by whatever way they are set;
 * see session_guard.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "commands/dbcommands.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/guc.h"

#include "gate/decide.h"
#include "gate/own.h"
#include "gate/target.h"
#include "gate/transaction.h"
#include "model/finding.h"
#include "model/row_rule.h"
#include "platform/compat.h"
#include "platform/library.h"

#define WHY_PART		"It is a part of invariant_guard; without it the guard is not whole, and statements pass that it would refuse."
#define WHY_TRIGGER		"The trigger executes a function of invariant_guard, and has to fire always."
#define WHY_LIBRARY		"Sessions would start without the library of invariant_guard, which they preload now."
#define WHY_LOAD		"A library can change whatever the server does, and be no extension that anybody sees."

static const char *const preload_settings[] = {
	"shared_preload_libraries",
	"session_preload_libraries",
	"local_preload_libraries",
	NULL
};

static void self_drop(IgStatement *stmt);
static void self_victims(IgStatement *stmt);
static void self_targets(IgStatement *stmt, const char *words);
static void self_event_trigger(IgStatement *stmt);
static void self_function(IgStatement *stmt);
static void self_relation(IgStatement *stmt, const RangeVar *rv, const char *words);
static void self_alter_table(IgStatement *stmt);
static bool is_derivation(IgStatement *stmt, const RangeVar *rv, const char *name);
static void self_trigger(IgStatement *stmt, const RangeVar *rv, const char *name,
						 const char *words);
static void self_load(IgStatement *stmt);
static void self_system(IgStatement *stmt);
static void self_stored(IgStatement *stmt, Oid database, Oid role,
						const VariableSetStmt *set);
static void weaken(IgStatement *stmt, const IgChange *target, const char *words,
				   const char *why);
static void weaken_named(IgStatement *stmt, const char *name, const char *words,
						 const char *why);
static bool is_harmless(const char *name);
static bool may_set(const char *name, AclMode privilege);
static Oid	role_of(const RoleSpec *role);

/*
 * In a database without the extension, what concerns the whole server is left.
 */
void
ig_changes_self(IgStatement *stmt)
{
	const Node *node = stmt->parsetree;

	switch (nodeTag(node))
	{
		case T_AlterSystemStmt:
			self_system(stmt);
			return;
		case T_AlterDatabaseSetStmt:
			self_stored(stmt, get_database_oid(((const AlterDatabaseSetStmt *) node)->dbname, true),
						InvalidOid, ((const AlterDatabaseSetStmt *) node)->setstmt);
			return;
		case T_AlterRoleSetStmt:
			{
				const AlterRoleSetStmt *alter = (const AlterRoleSetStmt *) node;

				self_stored(stmt, alter->database ? get_database_oid(alter->database, true) : InvalidOid,
							role_of(alter->role), alter->setstmt);
				return;
			}
		case T_LoadStmt:
			self_load(stmt);
			return;
		default:
			break;
	}

	if (!OidIsValid(ig_own_schema()))
		return;

	switch (nodeTag(node))
	{
		case T_DropStmt:
			self_drop(stmt);
			break;
		case T_DropOwnedStmt:
			self_victims(stmt);
			break;
		case T_AlterExtensionContentsStmt:
		case T_AlterFunctionStmt:
		case T_AlterObjectDependsStmt:
			self_targets(stmt, "alter %s");
			break;
		case T_AlterOwnerStmt:
			self_targets(stmt, "change the owner of %s");
			break;
		case T_AlterObjectSchemaStmt:
			self_targets(stmt, "move %s");
			break;
		case T_RenameStmt:
			if (((const RenameStmt *) node)->renameType == OBJECT_TRIGGER)
				self_trigger(stmt, ((const RenameStmt *) node)->relation,
							 ((const RenameStmt *) node)->subname, "rename %s");
			else
				self_targets(stmt, "rename %s");
			break;
		case T_AlterEventTrigStmt:
			self_event_trigger(stmt);
			break;
		case T_CreateFunctionStmt:
			self_function(stmt);
			break;
		case T_ViewStmt:
			self_relation(stmt, ((const ViewStmt *) node)->view, "replace %s");
			break;
		case T_RuleStmt:
			self_relation(stmt, ((const RuleStmt *) node)->relation, "add a rule to %s");
			break;
		case T_AlterTableStmt:
			self_alter_table(stmt);
			break;
		case T_CreateTrigStmt:
			if (((const CreateTrigStmt *) node)->replace)
				self_trigger(stmt, ((const CreateTrigStmt *) node)->relation,
							 ((const CreateTrigStmt *) node)->trigname, "replace %s");
			break;
		default:
			break;
	}
}

/*
 * What a drop names is among the changes already, unless its kind has none.
 */
static void
self_drop(IgStatement *stmt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	List	   *named = NIL;
	ListCell   *lc;

	if (drop->removeType == OBJECT_TRIGGER)
	{
		foreach(lc, drop->objects)
		{
			List	   *names = lfirst_node(List, lc);

			self_trigger(stmt,
						 makeRangeVarFromNameList(list_copy_head(names, list_length(names) - 1)),
						 strVal(llast(names)), "drop %s");
		}
		return;
	}

	if (drop->removeType == OBJECT_EXTENSION || drop->removeType == OBJECT_EVENT_TRIGGER)
	{
		int			before = list_length(stmt->changes);

		self_targets(stmt, "drop %s");
		if (list_length(stmt->changes) == before)
			self_victims(stmt);
		return;
	}

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (!change->derived && change->kind != IG_DROP_CASCADE && ig_is_own(&change->address))
			named = lappend(named, ig_target_of(&change->address));
	}
	foreach(lc, named)
	{
		if (lfirst(lc) != NULL)
			weaken(stmt, (const IgChange *) lfirst(lc), "drop %s", WHY_PART);
	}
	if (named == NIL)
		self_victims(stmt);
}

/*
 * What goes along.  A part of the extension goes with the extension only.
 */
static void
self_victims(IgStatement *stmt)
{
	ObjectAddress extension;
	ListCell   *lc;
	ListCell   *lv;

	ObjectAddressSet(extension, ExtensionRelationId, ig_extension_oid());
	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		foreach(lv, change->victims)
		{
			IgChange   *target;

			if (!ig_is_own(&((const IgVictim *) lfirst(lv))->address))
				continue;
			target = ig_target_of(&extension);
			if (target != NULL)
				weaken(stmt, target, "drop %s", WHY_PART);
			return;
		}
	}
}

static void
self_targets(IgStatement *stmt, const char *words)
{
	ListCell   *lc;

	foreach(lc, ig_statement_targets(stmt))
	{
		const IgChange *target = (const IgChange *) lfirst(lc);

		if (ig_is_own(&target->address))
			weaken(stmt, target, words, WHY_PART);
	}
}

static void
self_event_trigger(IgStatement *stmt)
{
	const AlterEventTrigStmt *alter = (const AlterEventTrigStmt *) stmt->parsetree;

	if (alter->tgenabled == TRIGGER_FIRES_ALWAYS)
		return;
	self_targets(stmt, alter->tgenabled == TRIGGER_DISABLED ? "disable %s" :
				 "enable %s other than always");
}

/*
 * CREATE OR REPLACE of a function in our schema.  Others are not looked up,
 * since that repeats the notices that their argument types may give.
 */
static void
self_function(IgStatement *stmt)
{
	const CreateFunctionStmt *create = (const CreateFunctionStmt *) stmt->parsetree;
	ObjectAddress address;
	IgChange   *target;
	char	   *schema;
	char	   *name;
	Oid			schemaid = InvalidOid;

	if (!create->replace)
		return;
	DeconstructQualifiedName(create->funcname, &schema, &name);
	if (schema != NULL)
		schemaid = get_namespace_oid(schema, true);
	else
	{
		List	   *path = fetch_search_path(false);

		if (path != NIL)
			schemaid = linitial_oid(path);
	}
	if (schemaid != ig_own_schema())
		return;

	ObjectAddressSet(address, ProcedureRelationId,
					 ig_target_function(create->funcname, create->parameters));
	target = OidIsValid(address.objectId) ? ig_target_of(&address) : NULL;
	if (target != NULL)
		weaken(stmt, target, "replace %s", WHY_PART);
}

static void
self_relation(IgStatement *stmt, const RangeVar *rv, const char *words)
{
	IgRelation *rel = ig_relation_lookup_in(rv, stmt->default_schema);
	ObjectAddress address;

	if (rel == NULL)
		return;
	ObjectAddressSet(address, RelationRelationId, rel->relid);
	if (ig_is_own(&address))
		weaken(stmt, ig_target_of(&address), words, WHY_PART);
}

/*
 * ALTER of what is ours; and triggers of any table that execute our functions,
 * which ENABLE TRIGGER ALL or USER turn from always to ordinary ones.
 */
static void
self_alter_table(IgStatement *stmt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt->parsetree;
	ListCell   *lc;

	self_relation(stmt, alter->relation, "alter %s");
	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		switch (cmd->subtype)
		{
			case AT_DisableTrig:
			case AT_DisableTrigAll:
			case AT_DisableTrigUser:
				self_trigger(stmt, alter->relation, cmd->name, "disable %s");
				break;
			case AT_EnableTrig:
				if (is_derivation(stmt, alter->relation, cmd->name))
					break;
				/* FALLTHROUGH */
			case AT_EnableTrigAll:
			case AT_EnableTrigUser:
				self_trigger(stmt, alter->relation, cmd->name, "enable %s other than always");
				break;
			case AT_EnableReplicaTrig:
				self_trigger(stmt, alter->relation, cmd->name,
							 "enable %s other than always");
				break;
			default:
				break;
		}
	}
}

/*
 * A trigger of ours that fills columns fires on the origin only, as it should.
 */
static bool
is_derivation(IgStatement *stmt, const RangeVar *rv, const char *name)
{
	IgRelation *rel = ig_relation_lookup_in(rv, stmt->default_schema);
	ObjectAddress trigger;
	IgDeclaredTrigger *declared;

	if (rel == NULL || !ig_own_trigger(rel->relid, false, name, &trigger))
		return false;
	declared = ig_declared_trigger(trigger.objectId);
	return declared != NULL && !declared->rule->guards;
}

static void
self_trigger(IgStatement *stmt, const RangeVar *rv, const char *name, const char *words)
{
	IgRelation *rel = rv ? ig_relation_lookup_in(rv, stmt->default_schema) : NULL;
	ObjectAddress trigger;
	IgChange	target = {0};

	if (rel == NULL || !ig_own_trigger(rel->relid, rv->inh, name, &trigger) ||
		trigger.objectId == ig_own_trigger_let_go)
		return;
	target.rel = rel;
	target.address = trigger;
	target.is_new = ig_transaction_created(&trigger);
	target.identity = name ?
		psprintf("trigger \"%s\" of %s", ig_text_name(name), ig_text_relation(rel)) :
		psprintf("the guarding triggers of %s", ig_text_relation(rel));
	weaken(stmt, &target, words, WHY_TRIGGER);
}

static void
self_load(IgStatement *stmt)
{
	const LoadStmt *load = (const LoadStmt *) stmt->parsetree;

	if (load->filename == NULL || !superuser() || ig_library_is_loaded(load->filename))
		return;
	weaken_named(stmt, load->filename,
				 psprintf("load library \"%s\"", ig_text_name(load->filename)), WHY_LOAD);
}

/*
 * ALTER SYSTEM.  What stands in the other configuration files is in force as
 * long as this one says nothing.
 */
static void
self_system(IgStatement *stmt)
{
	const VariableSetStmt *set = ((const AlterSystemStmt *) stmt->parsetree)->setstmt;
	const char *value = set->kind == VAR_SET_VALUE ?
		ExtractSetVariableArgs(unconstify(VariableSetStmt *, set)) : NULL;

	for (int i = 0; preload_settings[i] != NULL; i++)
	{
		const char *name = preload_settings[i];
		const struct config_generic *setting = ig_guc_find(name);
		bool		listed;

		if ((set->kind != VAR_RESET_ALL && pg_strcasecmp(set->name, name) != 0) ||
			is_harmless(name) || !may_set(name, ACL_ALTER_SYSTEM))
			continue;
		listed = ig_library_is_listed(ig_stored_system_setting(name));
		if (value != NULL && setting != NULL && setting->source <= PGC_S_ARGV)
			listed = listed || ig_library_is_listed(GetConfigOption(name, true, false));
		if (listed && !ig_library_is_listed(value))
			weaken_named(stmt, name, psprintf("take invariant_guard out of %s", name),
						 WHY_LIBRARY);
	}

	if (value != NULL && ig_session_would_weaken(set->name, value) &&
		may_set(set->name, ACL_ALTER_SYSTEM))
		weaken_named(stmt, set->name, psprintf("set %s to %s", set->name, value),
					 ig_session_reason(set->name));
}

/*
 * ALTER DATABASE and ALTER ROLE: what is stored there now, and for a new value
 * also what holds where nothing is stored.
 */
static void
self_stored(IgStatement *stmt, Oid database, Oid role, const VariableSetStmt *set)
{
	const char *value = NULL;

	if (set->kind == VAR_SET_VALUE || set->kind == VAR_SET_CURRENT)
		value = ExtractSetVariableArgs(unconstify(VariableSetStmt *, set));

	for (int i = 0; preload_settings[i] != NULL; i++)
	{
		const char *name = preload_settings[i];
		const struct config_generic *setting = ig_guc_find(name);
		bool		listed;

		if ((set->kind != VAR_RESET_ALL && pg_strcasecmp(set->name, name) != 0) ||
			is_harmless(name) || !may_set(name, ACL_SET))
			continue;
		listed = ig_library_is_listed(ig_stored_setting(database, role, name));
		if (value != NULL && !listed)
			listed = ig_library_is_listed(ig_stored_setting(database, InvalidOid, name)) ||
				(setting != NULL && setting->source <= PGC_S_ARGV &&
				 ig_library_is_listed(GetConfigOption(name, true, false)));
		if (listed && !ig_library_is_listed(value))
			weaken_named(stmt, name, psprintf("take invariant_guard out of %s", name),
						 WHY_LIBRARY);
	}
}

/*
 * words has one place for the object.  Who has no right to the object is told
 * so by the server.
 */
static void
weaken(IgStatement *stmt, const IgChange *target, const char *words, const char *why)
{
	IgChange   *change;
	ObjectAddress owned = target->address;

	if (target->rel != NULL)
		ObjectAddressSet(owned, RelationRelationId, target->rel->relid);
	if (!ig_target_is_owned(&owned))
		return;

	change = ig_change_add(stmt, IG_WEAKEN_GUARD, target->rel);
	change->address = target->address;
	change->name = target->name;
	change->identity = target->identity;
	change->is_new = target->is_new;
	change->words = psprintf(words, target->identity);
	change->new_name = why;
	change->sql = ig_source_statement(stmt);
	if (target->rel != NULL)
		ig_statement_need(stmt, "guard-self", target->rel->schema, target->rel->name);
	else
		ig_statement_need(stmt, "guard-self", target->name, NULL);
}

/* The same for a setting or a library. */
static void
weaken_named(IgStatement *stmt, const char *name, const char *words, const char *why)
{
	IgChange   *change = ig_change_add(stmt, IG_WEAKEN_GUARD, NULL);

	change->name = name;
	change->words = words;
	change->new_name = why;
	change->sql = ig_source_statement(stmt);
	change->concurrently = IsA(stmt->parsetree, AlterSystemStmt);
	ig_statement_need(stmt, "guard-self", name, NULL);
}

/* Where the server preloads the library, sessions need not. */
static bool
is_harmless(const char *name)
{
	return strcmp(name, preload_settings[0]) != 0 &&
		ig_library_is_listed(GetConfigOption(preload_settings[0], true, false));
}

/* May the current role set the setting, or would the server refuse it? */
static bool
may_set(const char *name, AclMode privilege)
{
	const struct config_generic *setting = ig_guc_find(name);

	return superuser() ||
		(privilege == ACL_SET && setting != NULL && setting->context == PGC_USERSET) ||
		pg_parameter_aclcheck(name, GetUserId(), privilege) == ACLCHECK_OK;
}

/* InvalidOid for all roles, and for one that is not there. */
static Oid
role_of(const RoleSpec *role)
{
	return role ? get_rolespec_oid(role, true) : InvalidOid;
}
