/*-------------------------------------------------------------------------
 *
 * names.c
 *	  Is what a statement was judged for what it has worked on?
 *
 * A statement is judged before the server waits for its locks.  Meanwhile
 * another session may give the name to another relation, or the relation a
 * class.  What the object access hook tells is judged again by OID; for all
 * else the names are looked up once more when the statement has run: its locks
 * are held then, so that the answer stays true, and an error still undoes it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

#include "gate/decide.h"
#include "gate/statement.h"
#include "platform/label.h"
#include "rules/rules.h"

/* A relation by the name that a statement gives. */
typedef struct NamedRelation
{
	const RangeVar *rv;			/* a copy: the tree may be gone afterwards */
	Oid			relid;
	int			classes;		/* of its own label */
	const char *new_name;		/* RENAME */
	const char *new_schema;		/* SET SCHEMA */
} NamedRelation;

static NamedRelation *note_name(IgStatement *stmt, const RangeVar *rv);
static void note_alter_table(IgStatement *stmt, const AlterTableStmt *alter);
static void note_grant(IgStatement *stmt, const GrantStmt *grant);
static void judge_again(const IgStatement *stmt, Oid relid, int gained);
static bool is_still_named(const NamedRelation *name);

/*
 * Called before the statement is judged, so that a name which changes in
 * between is seen to have changed.  Statements of which every effect is told
 * by OID are not noted.
 */
void
ig_names_note(IgStatement *stmt)
{
	const Node *tree = stmt->parsetree;
	NamedRelation *name;

	switch (nodeTag(tree))
	{
		case T_AlterTableStmt:
			note_alter_table(stmt, (const AlterTableStmt *) tree);
			break;
		case T_RenameStmt:
			name = note_name(stmt, ((const RenameStmt *) tree)->relation);
			if (name != NULL && ((const RenameStmt *) tree)->subname == NULL)
				name->new_name = pstrdup(((const RenameStmt *) tree)->newname);
			break;
		case T_AlterObjectSchemaStmt:
			name = note_name(stmt, ((const AlterObjectSchemaStmt *) tree)->relation);
			if (name != NULL)
				name->new_schema = pstrdup(((const AlterObjectSchemaStmt *) tree)->newschema);
			break;
		case T_GrantStmt:
			note_grant(stmt, (const GrantStmt *) tree);
			break;
		case T_CreateTrigStmt:
			note_name(stmt, ((const CreateTrigStmt *) tree)->relation);
			break;
		case T_RuleStmt:
			note_name(stmt, ((const RuleStmt *) tree)->relation);
			break;
		case T_CreatePolicyStmt:
			note_name(stmt, ((const CreatePolicyStmt *) tree)->table);
			break;
		case T_AlterPolicyStmt:
			note_name(stmt, ((const AlterPolicyStmt *) tree)->table);
			break;
		default:
			break;
	}
}

static NamedRelation *
note_name(IgStatement *stmt, const RangeVar *rv)
{
	NamedRelation *name;

	if (rv == NULL || stmt->default_schema != NULL)
		return NULL;

	name = palloc0(sizeof(NamedRelation));
	name->rv = copyObject(rv);
	name->relid = RangeVarGetRelid(rv, NoLock, true);
	if (OidIsValid(name->relid))
		name->classes = ig_label_classes_of(name->relid);
	stmt->names = lappend(stmt->names, name);
	return name;
}

/*
 * DETACH CONCURRENTLY commits on its way: nothing could be undone.
 */
static void
note_alter_table(IgStatement *stmt, const AlterTableStmt *alter)
{
	ListCell   *lc;

	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_DetachPartition && ((const PartitionCmd *) cmd->def)->concurrent)
			return;
	}

	note_name(stmt, alter->relation);
	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AttachPartition || cmd->subtype == AT_DetachPartition)
			note_name(stmt, ((const PartitionCmd *) cmd->def)->name);
	}
}

/*
 * GRANT takes no lock at all, and what it grants to PUBLIC is the question.
 */
static void
note_grant(IgStatement *stmt, const GrantStmt *grant)
{
	bool		to_public = false;
	ListCell   *lc;

	if (!grant->is_grant || grant->objtype != OBJECT_TABLE ||
		grant->targtype != ACL_TARGET_OBJECT)
		return;
	foreach(lc, grant->grantees)
		to_public = to_public || lfirst_node(RoleSpec, lc)->roletype == ROLESPEC_PUBLIC;
	if (!to_public)
		return;
	foreach(lc, grant->objects)
		note_name(stmt, lfirst_node(RangeVar, lc));
}

/*
 * Called when the statement has run, in the same transaction.
 */
void
ig_names_check(IgStatement *stmt)
{
	ListCell   *lc;

	if (stmt->names == NIL || !ig_gate_active())
		return;

	AcceptInvalidationMessages();
	foreach(lc, stmt->names)
	{
		const NamedRelation *name = (const NamedRelation *) lfirst(lc);
		int			gained;

		if (!is_still_named(name))
			ig_decide_changed_meanwhile(name->rv->relname);

		gained = OidIsValid(name->relid) ?
			ig_label_classes_of(name->relid) & ~name->classes : 0;
		if (gained != 0)
			judge_again(stmt, name->relid, gained);
	}
}

/*
 * The relation has got classes since the statement was judged.
 */
static void
judge_again(const IgStatement *stmt, Oid relid, int gained)
{
	IgFindings	findings = {NIL};
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->rel == NULL || change->rel->relid != relid)
			continue;
		change->rel->classes |= gained;
		ig_rules_judge(change, &findings);
	}
	if (findings.list != NIL)
		ig_decide(&findings);
}

static bool
is_still_named(const NamedRelation *name)
{
	if (OidIsValid(name->relid) && name->new_name != NULL)
	{
		const char *now = get_rel_name(name->relid);

		return now != NULL && strcmp(now, name->new_name) == 0;
	}
	if (OidIsValid(name->relid) && name->new_schema != NULL)
		return get_rel_namespace(name->relid) == get_namespace_oid(name->new_schema, true);

	return RangeVarGetRelid(name->rv, NoLock, true) == name->relid;
}
