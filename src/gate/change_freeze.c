/*-------------------------------------------------------------------------
 *
 * change_freeze.c
 *	  Which statements only add to the schema.
 *
 * While a freeze holds, each DDL statement of the server is looked up here,
 * those included that no other rule is about.  Additive is what no running
 * version of the application can notice: what it reads and writes is there as
 * before, and whatever it wrote yesterday it may write today.
 *
 * A statement that is not listed, which a newer server may have, is not
 * additive.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "gate/decide.h"
#include "gate/target.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "platform/freeze.h"

/* What is not additive in the statement, in words, or NULL if nothing is. */
typedef const char *(*Judge) (const IgStatement *stmt);

static const char *adds(const IgStatement *stmt);
static const char *changes(const IgStatement *stmt);
static const char *replaces(const IgStatement *stmt);
static const char *revokes(const IgStatement *stmt);
static const char *renames(const IgStatement *stmt);
static const char *moves_to_schema(const IgStatement *stmt);
static const char *changes_owner(const IgStatement *stmt);
static const char *alters_table(const IgStatement *stmt);
static const char *alters_domain(const IgStatement *stmt);
static const char *alters_enum(const IgStatement *stmt);
static const char *alters_op_family(const IgStatement *stmt);
static const char *alters_ts_configuration(const IgStatement *stmt);
static const char *alters_publication(const IgStatement *stmt);
static const char *creates_index(const IgStatement *stmt);

/*
 * The list.  Settings of databases, roles and the server are no part of the
 * schema, and roles are changed in emergencies: they pass.
 */
static const struct
{
	NodeTag		tag;
	Judge		judge;
	bool		without_object; /* is judged even if no object is found */
}			statements[] = {
	/* new objects */
	{T_CreateSchemaStmt, adds},
	{T_CreateStmt, adds},
	{T_CreateForeignTableStmt, adds},
	{T_CreateTableAsStmt, adds},
	{T_ImportForeignSchemaStmt, adds},
	{T_CreateSeqStmt, adds},
	{T_CreateDomainStmt, adds},
	{T_CompositeTypeStmt, adds},
	{T_CreateEnumStmt, adds},
	{T_CreateRangeStmt, adds},
	{T_CreateStatsStmt, adds},
	{T_CreateExtensionStmt, adds},
	{T_CreateFdwStmt, adds},
	{T_CreateForeignServerStmt, adds},
	{T_CreateUserMappingStmt, adds},
	{T_CreateEventTrigStmt, adds},
	{T_CreateConversionStmt, adds},
	{T_CreateCastStmt, adds},
	{T_CreateOpClassStmt, adds},
	{T_CreateOpFamilyStmt, adds},
	{T_CreateAmStmt, adds},
	{T_CreatePublicationStmt, adds},
	{T_CreateSubscriptionStmt, adds},
	{T_CreateTableSpaceStmt, adds},
	{T_CreatedbStmt, adds},
	{T_CreateRoleStmt, adds},
	/* new, unless they replace what is there */
	{T_CreateFunctionStmt, replaces},
	{T_ViewStmt, replaces},
	{T_DefineStmt, replaces},
	{T_CreatePLangStmt, replaces},
	{T_CreateTransformStmt, replaces},
	/* additions to what is there */
	{T_CommentStmt, adds},
	{T_SecLabelStmt, adds},
	{T_GrantStmt, revokes},
	{T_GrantRoleStmt, revokes},
	{T_AlterDefaultPrivilegesStmt, revokes, true},
	{T_IndexStmt, creates_index},
	{T_AlterTableStmt, alters_table},
	{T_AlterEnumStmt, alters_enum},
	{T_AlterDomainStmt, alters_domain},
	{T_AlterOpFamilyStmt, alters_op_family},
	{T_AlterTSConfigurationStmt, alters_ts_configuration},
	{T_AlterPublicationStmt, alters_publication},
	/* maintenance, which has rules of its own */
	{T_RefreshMatViewStmt, adds},
	{T_ClusterStmt, adds},
	{T_AlterStatsStmt, adds},
	{T_AlterCollationStmt, adds},	/* REFRESH VERSION */
	{T_AlterDatabaseRefreshCollStmt, adds},
	/* no part of the schema */
	{T_AlterSystemStmt, adds},
	{T_AlterDatabaseSetStmt, adds},
	{T_AlterRoleStmt, adds},
	{T_AlterRoleSetStmt, adds},
	/* never additive */
	{T_DropStmt, changes},
	{T_TruncateStmt, changes},
	{T_RenameStmt, renames},
	{T_AlterObjectSchemaStmt, moves_to_schema},
	{T_AlterOwnerStmt, changes_owner},
	{T_AlterObjectDependsStmt, changes},
	{T_CreateTrigStmt, changes},
	{T_RuleStmt, changes},
	{T_CreatePolicyStmt, changes},
	{T_AlterPolicyStmt, changes},
	{T_AlterSeqStmt, changes},
	{T_AlterTypeStmt, changes},
	{T_AlterFunctionStmt, changes},
	{T_AlterOperatorStmt, changes},
	{T_AlterTSDictionaryStmt, changes},
	{T_AlterExtensionStmt, changes},
	{T_AlterExtensionContentsStmt, changes},
	{T_AlterEventTrigStmt, changes},
	{T_AlterFdwStmt, changes},
	{T_AlterForeignServerStmt, changes},
	{T_AlterUserMappingStmt, changes},
	{T_DropUserMappingStmt, changes},
	{T_AlterSubscriptionStmt, changes},
	{T_DropSubscriptionStmt, changes},
	{T_AlterTableMoveAllStmt, changes},
	{T_AlterTableSpaceOptionsStmt, changes},
	{T_DropTableSpaceStmt, changes},
	{T_AlterDatabaseStmt, changes},
	{T_DropdbStmt, changes},
	{T_DropRoleStmt, changes},
	{T_DropOwnedStmt, changes},
	{T_ReassignOwnedStmt, changes},
};

/* What ALTER TABLE and its like can do, in words; what is not listed changes. */
static const struct
{
	AlterTableType subtype;
	const char *words;			/* NULL: additive */
	bool		new_column_too; /* also of a column of this transaction */
}			alterations[] = {
	{AT_AddColumn, "ADD COLUMN ... NOT NULL", true},
	{AT_ColumnDefault, "ALTER COLUMN ... DEFAULT"},
	{AT_DropNotNull, "DROP NOT NULL"},
	{AT_SetNotNull, "SET NOT NULL", true},
	{AT_SetStatistics, NULL},
	{AT_SetOptions, NULL},
	{AT_ResetOptions, NULL},
	{AT_SetStorage, "SET STORAGE"},
	{AT_SetCompression, "SET COMPRESSION"},
	{AT_DropExpression, "DROP EXPRESSION"},
	{AT_DropColumn, "DROP COLUMN"},
	{AT_AddIndexConstraint, "ADD CONSTRAINT", true},
	{AT_AddConstraint, "ADD CONSTRAINT", true},
	{AT_AlterConstraint, "ALTER CONSTRAINT", true},
	{AT_ValidateConstraint, NULL},
	{AT_DropConstraint, "DROP CONSTRAINT", true},
	{AT_AlterColumnType, "ALTER COLUMN ... TYPE"},
	{AT_AlterColumnGenericOptions, "ALTER COLUMN ... OPTIONS"},
	{AT_AddIdentity, "ADD GENERATED"},
	{AT_SetIdentity, "SET GENERATED"},
	{AT_DropIdentity, "DROP IDENTITY"},
	{AT_ChangeOwner, "OWNER TO", true},
	{AT_ClusterOn, "CLUSTER ON", true},
	{AT_DropCluster, "SET WITHOUT CLUSTER", true},
	{AT_SetLogged, "SET LOGGED", true},
	{AT_SetUnLogged, "SET UNLOGGED", true},
	{AT_SetAccessMethod, "SET ACCESS METHOD", true},
	{AT_SetTableSpace, "SET TABLESPACE", true},
	{AT_SetRelOptions, "SET (...)", true},
	{AT_ResetRelOptions, "RESET (...)", true},
	{AT_EnableTrig, "ENABLE TRIGGER", true},
	{AT_EnableAlwaysTrig, "ENABLE ALWAYS TRIGGER", true},
	{AT_EnableReplicaTrig, "ENABLE REPLICA TRIGGER", true},
	{AT_DisableTrig, "DISABLE TRIGGER", true},
	{AT_EnableTrigAll, "ENABLE TRIGGER ALL", true},
	{AT_DisableTrigAll, "DISABLE TRIGGER ALL", true},
	{AT_EnableTrigUser, "ENABLE TRIGGER USER", true},
	{AT_DisableTrigUser, "DISABLE TRIGGER USER", true},
	{AT_EnableRule, "ENABLE RULE", true},
	{AT_EnableAlwaysRule, "ENABLE ALWAYS RULE", true},
	{AT_EnableReplicaRule, "ENABLE REPLICA RULE", true},
	{AT_DisableRule, "DISABLE RULE", true},
	{AT_AddInherit, "INHERIT", true},
	{AT_DropInherit, "NO INHERIT", true},
	{AT_ReplicaIdentity, "REPLICA IDENTITY", true},
	{AT_EnableRowSecurity, "ENABLE ROW LEVEL SECURITY", true},
	{AT_DisableRowSecurity, "DISABLE ROW LEVEL SECURITY", true},
	{AT_ForceRowSecurity, "FORCE ROW LEVEL SECURITY", true},
	{AT_NoForceRowSecurity, "NO FORCE ROW LEVEL SECURITY", true},
	{AT_GenericOptions, "OPTIONS", true},
	{AT_AttachPartition, NULL},
	{AT_DetachPartition, "DETACH PARTITION", true},
};

static const char *tag_of(const IgStatement *stmt);
static const char *alteration_words(const IgStatement *stmt, const AlterTableCmd *cmd,
									const IgRelation *rel);
static bool is_option_harmless(const IgRelation *rel);
static bool is_added_as_required(const IgStatement *stmt, const AlterTableCmd *cmd,
								 const IgRelation *rel);
static bool is_column_new(const IgRelation *rel, const char *column);
static void break_freeze(IgStatement *stmt, List *targets, const char *words,
						 const char *until);
static bool runs_alone(const Node *node);

/*
 * May the statement be subject to a freeze?  Reads no catalog.
 */
bool
ig_freeze_concerns(const Node *parsetree)
{
	return IsA(parsetree, TruncateStmt) ||
		GetCommandLogLevel(unconstify(Node *, parsetree)) == LOGSTMT_DDL;
}

void
ig_changes_freeze(IgStatement *stmt)
{
	const char *words = NULL;
	bool		without_object = true;
	TimestampTz until;
	List	   *targets;
	int			i;

	if (!ig_freeze_concerns(stmt->parsetree) || !ig_gate_active() ||
		!ig_freeze_holds(GetCurrentTimestamp(), &until))
		return;

	for (i = 0; i < lengthof(statements); i++)
	{
		if (statements[i].tag == nodeTag(stmt->parsetree))
			break;
	}
	if (i < lengthof(statements))
	{
		words = statements[i].judge(stmt);
		without_object = statements[i].without_object;
	}
	else
		words = tag_of(stmt);
	if (words == NULL)
		return;

	targets = ig_statement_targets(stmt);
	if (targets == NIL && without_object)
	{
		IgChange   *whole = palloc0(sizeof(IgChange));

		whole->kind = IG_CHANGE_KINDS;
		targets = list_make1(whole);
	}
	break_freeze(stmt, targets, words, ig_freeze_until_text(until));
}

/*
 * A change for each object that was there before.
 */
static void
break_freeze(IgStatement *stmt, List *targets, const char *words, const char *until)
{
	ListCell   *lc;

	foreach(lc, targets)
	{
		const IgChange *target = (const IgChange *) lfirst(lc);
		IgChange   *change;

		if (target->is_new || (target->rel && ig_relation_is_exempt(target->rel)))
			continue;
		change = ig_change_add(stmt, IG_BREAK_FREEZE, target->rel);
		change->address = target->address;
		change->name = target->name;
		change->identity = target->identity;
		change->words = words;
		change->until = until;
		change->sql = ig_source_statement(stmt);
		change->concurrently = runs_alone(stmt->parsetree);
		if (target->rel)
			ig_statement_need(stmt, "schema-freeze", target->rel->schema, target->rel->name);
		else
			ig_statement_need(stmt, "schema-freeze", target->name, NULL);
	}
}

/* Is it one of those that no transaction block may hold? */
static bool
runs_alone(const Node *node)
{
	switch (nodeTag(node))
	{
		case T_DropdbStmt:
		case T_DropTableSpaceStmt:
			return true;
		case T_IndexStmt:
			return ((const IndexStmt *) node)->concurrent;
		case T_DropStmt:
			return ((const DropStmt *) node)->concurrent;
		default:
			return false;
	}
}

static const char *
tag_of(const IgStatement *stmt)
{
	return CreateCommandName(unconstify(Node *, stmt->parsetree));
}

static const char *
adds(const IgStatement *stmt)
{
	return NULL;
}

static const char *
changes(const IgStatement *stmt)
{
	return tag_of(stmt);
}

static const char *
replaces(const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;
	const char *tag = tag_of(stmt);
	bool		replace = false;

	switch (nodeTag(node))
	{
		case T_CreateFunctionStmt:
			replace = ((const CreateFunctionStmt *) node)->replace;
			break;
		case T_ViewStmt:
			replace = ((const ViewStmt *) node)->replace;
			break;
		case T_DefineStmt:
			replace = ((const DefineStmt *) node)->replace;
			break;
		case T_CreatePLangStmt:
			replace = ((const CreatePLangStmt *) node)->replace;
			break;
		case T_CreateTransformStmt:
			replace = ((const CreateTransformStmt *) node)->replace;
			break;
		default:
			break;
	}
	return replace ? psprintf("CREATE OR REPLACE%s", tag + strlen("CREATE")) : NULL;
}

static const char *
revokes(const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;

	if (IsA(node, GrantStmt))
		return ((const GrantStmt *) node)->is_grant ? NULL : "REVOKE";
	if (IsA(node, GrantRoleStmt))
		return ((const GrantRoleStmt *) node)->is_grant ? NULL : "REVOKE";
	return ((const AlterDefaultPrivilegesStmt *) node)->action->is_grant ? NULL :
		"ALTER DEFAULT PRIVILEGES ... REVOKE";
}

static const char *
renames(const IgStatement *stmt)
{
	return psprintf("%s ... RENAME", tag_of(stmt));
}

static const char *
moves_to_schema(const IgStatement *stmt)
{
	return psprintf("%s ... SET SCHEMA", tag_of(stmt));
}

static const char *
changes_owner(const IgStatement *stmt)
{
	return psprintf("%s ... OWNER TO", tag_of(stmt));
}

/* The one thing about a domain that nobody notices is VALIDATE. */
static const char *
alters_domain(const IgStatement *stmt)
{
	return ((const AlterDomainStmt *) stmt->parsetree)->subtype == 'V' ? NULL : tag_of(stmt);
}

static const char *
alters_enum(const IgStatement *stmt)
{
	return ((const AlterEnumStmt *) stmt->parsetree)->oldVal == NULL ? NULL :
		"ALTER TYPE ... RENAME VALUE";
}

static const char *
alters_op_family(const IgStatement *stmt)
{
	return ((const AlterOpFamilyStmt *) stmt->parsetree)->isDrop ? tag_of(stmt) : NULL;
}

static const char *
alters_ts_configuration(const IgStatement *stmt)
{
	return ((const AlterTSConfigurationStmt *) stmt->parsetree)->kind ==
		ALTER_TSCONFIG_ADD_MAPPING ? NULL : tag_of(stmt);
}

static const char *
alters_publication(const IgStatement *stmt)
{
	const AlterPublicationStmt *alter = (const AlterPublicationStmt *) stmt->parsetree;

	return alter->pubobjects != NIL && alter->action == AP_AddObjects ? NULL : tag_of(stmt);
}

/*
 * A unique index refuses rows that were good before.  On the partitioned table
 * alone an index is an entry in the catalogs, to which those of the partitions
 * are attached.
 */
static const char *
creates_index(const IgStatement *stmt)
{
	const IndexStmt *index = (const IndexStmt *) stmt->parsetree;
	IgRelation *rel;

	if (index->unique)
		return "CREATE UNIQUE INDEX";
	if (index->concurrent)
		return NULL;
	rel = ig_relation_lookup_in(index->relation, stmt->default_schema);
	if (rel != NULL && rel->relkind == RELKIND_PARTITIONED_TABLE && !index->relation->inh)
		return NULL;
	return "CREATE INDEX";
}

/*
 * ALTER TABLE, VIEW, INDEX, TYPE, ...: all that is not additive in it.
 */
static const char *
alters_table(const IgStatement *stmt)
{
	const AlterTableStmt *alter = (const AlterTableStmt *) stmt->parsetree;
	IgRelation *rel = ig_relation_lookup(alter->relation);
	StringInfoData buf;
	ListCell   *lc;

	if (rel == NULL)
		return NULL;

	initStringInfo(&buf);
	foreach(lc, alter->cmds)
	{
		const char *words = alteration_words(stmt, lfirst_node(AlterTableCmd, lc), rel);

		if (words == NULL)
			continue;
		if (*words == '\0')
			return tag_of(stmt);
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", words);
	}
	if (buf.len == 0)
		return NULL;
	return psprintf("%s ... %s", tag_of(stmt), buf.data);
}

/* NULL for what is additive, "" for what has no words. */
static const char *
alteration_words(const IgStatement *stmt, const AlterTableCmd *cmd, const IgRelation *rel)
{
	for (int i = 0; i < lengthof(alterations); i++)
	{
		if (alterations[i].subtype != cmd->subtype)
			continue;
		if (!alterations[i].new_column_too && is_column_new(rel, cmd->name))
			return NULL;
		if (cmd->subtype == AT_AddColumn)
		{
			if (rel->relkind == RELKIND_COMPOSITE_TYPE)
				return "ADD ATTRIBUTE";
			if (!is_added_as_required(stmt, cmd, rel))
				return NULL;
		}
		if ((cmd->subtype == AT_SetRelOptions || cmd->subtype == AT_ResetRelOptions) &&
			is_option_harmless(rel))
			return NULL;
		return alterations[i].words;
	}
	return "";
}

/* Storage parameters; those of views say whose rights count. */
static bool
is_option_harmless(const IgRelation *rel)
{
	return rel->relkind != RELKIND_VIEW;
}

/*
 * Must every INSERT name the new column?  What other rules ask of it was found
 * out before.
 */
static bool
is_added_as_required(const IgStatement *stmt, const AlterTableCmd *cmd,
					 const IgRelation *rel)
{
	const ColumnDef *def = (const ColumnDef *) cmd->def;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind == IG_ADD_COLUMN && change->rel &&
			change->rel->relid == rel->relid &&
			strcmp(change->column, def->colname) == 0)
			return change->new_column->not_null && !change->new_column->has_default;
	}
	return false;
}

static bool
is_column_new(const IgRelation *rel, const char *column)
{
	ObjectAddress address;
	AttrNumber	attnum = column ? get_attnum(rel->relid, column) : InvalidAttrNumber;

	if (attnum <= InvalidAttrNumber)
		return false;
	ObjectAddressSubSet(address, RelationRelationId, rel->relid, attnum);
	return ig_transaction_created(&address);
}
