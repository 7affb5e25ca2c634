/*-------------------------------------------------------------------------
 *
 * statement.c
 *	  From a parse tree to Changes, and from these to a decision.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/nodeFuncs.h"
#include "utils/memutils.h"

#include "gate/decide.h"
#include "gate/statement.h"
#include "model/retirement.h"
#include "platform/compat.h"
#include "rules/allowance.h"
#include "rules/rules.h"

IgStatement *ig_statement_current = NULL;

/*
 * The statement that an event trigger announced while no hook of ours was
 * below it: the one whose first DDL loaded the library.
 */
static IgStatement *event_statement = NULL;
static SubTransactionId event_subid = InvalidSubTransactionId;

static void forget_event(void);
static bool passes_as_retired(const IgChange *change, const IgFindings *findings, int first);
static bool is_told(const IgFinding *finding);

/*
 * Which statements are looked at.  Everything else leaves the hook after this
 * one comparison, so nothing here may read a catalog.
 */
bool
ig_statement_is_watched(const Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_AlterDatabaseStmt:
		case T_AlterDatabaseSetStmt:
		case T_AlterDomainStmt:
		case T_AlterEnumStmt:
		case T_AlterEventTrigStmt:
		case T_AlterExtensionContentsStmt:
		case T_AlterFunctionStmt:
		case T_AlterObjectDependsStmt:
		case T_AlterObjectSchemaStmt:
		case T_AlterOwnerStmt:
		case T_AlterPolicyStmt:
		case T_AlterPublicationStmt:
		case T_AlterRoleSetStmt:
		case T_AlterSeqStmt:
		case T_AlterSystemStmt:
		case T_AlterTableMoveAllStmt:
		case T_AlterTableStmt:
		case T_ClusterStmt:
		case T_CreatePolicyStmt:
		case T_CreateSchemaStmt:
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
		case T_CreateTableAsStmt:
		case T_CreateTrigStmt:
		case T_DropOwnedStmt:
		case T_DropStmt:
		case T_DropdbStmt:
		case T_ExplainStmt:
		case T_GrantStmt:
		case T_IndexStmt:
		case T_LoadStmt:
		case T_ReassignOwnedStmt:
		case T_RefreshMatViewStmt:
		case T_ReindexStmt:
		case T_RenameStmt:
		case T_RuleStmt:
		case T_TruncateStmt:
		case T_VacuumStmt:
			return true;

			/* of these only what stops somebody */
		case T_LockStmt:
			return ig_lock_is_strong(((const LockStmt *) parsetree)->mode);
		case T_ViewStmt:
			return ((const ViewStmt *) parsetree)->replace;

			/* and of these what may put something in the guard's place */
		case T_CreateFunctionStmt:
			return ((const CreateFunctionStmt *) parsetree)->replace;
		default:
			return false;
	}
}

void
ig_statement_changes(IgStatement *stmt)
{
	ListCell   *lc;

	switch (nodeTag(stmt->parsetree))
	{
		case T_AlterTableStmt:
			ig_changes_alter_table(stmt);
			break;
		case T_AlterTableMoveAllStmt:
			ig_changes_move_all(stmt);
			break;
		case T_CreateStmt:
		case T_CreateForeignTableStmt:
			ig_changes_create_table(stmt);
			break;
		case T_CreateTableAsStmt:
		case T_ExplainStmt:
			ig_changes_create_table_as(stmt);
			break;
		case T_IndexStmt:
			ig_changes_create_index(stmt);
			break;
		case T_ReindexStmt:
			ig_changes_reindex(stmt);
			break;
		case T_ClusterStmt:
			ig_changes_cluster(stmt);
			break;
		case T_VacuumStmt:
			ig_changes_vacuum(stmt);
			break;
		case T_RefreshMatViewStmt:
			ig_changes_refresh(stmt);
			break;
		case T_DropStmt:
			ig_changes_drop(stmt);
			break;
		case T_DropOwnedStmt:
			ig_changes_drop_owned(stmt);
			break;
		case T_ReassignOwnedStmt:
			ig_changes_reassign_owned(stmt);
			break;
		case T_DropdbStmt:
			ig_changes_drop_database(stmt);
			break;
		case T_TruncateStmt:
			ig_changes_truncate(stmt);
			break;
		case T_RenameStmt:
			ig_changes_rename(stmt);
			break;
		case T_AlterObjectSchemaStmt:
			ig_changes_set_schema(stmt);
			break;
		case T_AlterEnumStmt:
			ig_changes_alter_enum(stmt);
			break;
		case T_AlterDomainStmt:
			ig_changes_alter_domain(stmt);
			break;
		case T_AlterPublicationStmt:
			ig_changes_alter_publication(stmt);
			break;
		case T_GrantStmt:
			ig_changes_grant(stmt);
			break;
		case T_CreateTrigStmt:
			ig_changes_create_trigger(stmt);
			break;
		case T_RuleStmt:
			ig_changes_create_rule(stmt);
			break;
		case T_CreatePolicyStmt:
			ig_changes_create_policy(stmt);
			break;
		case T_AlterPolicyStmt:
			ig_changes_alter_policy(stmt);
			break;
		default:
			break;
	}

	ig_changes_rows(stmt);
	ig_changes_self(stmt);
	ig_changes_reset(stmt);
	if (ig_freeze_is_set())
		ig_changes_freeze(stmt);
	foreach(lc, stmt->changes)
		((IgChange *) lfirst(lc))->allow = stmt->allow;
}

/*
 * What all rules find in the changes, which must have been made.
 */
void
ig_statement_findings(const IgStatement *stmt, IgFindings *findings)
{
	bool		told = false;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		IgChange   *change = (IgChange *) lfirst(lc);
		int			first = list_length(findings->list);
		bool		of_whole = change->kind == IG_RESET || change->kind == IG_BREAK_FREEZE ||
			change->kind == IG_WEAKEN_GUARD ||
			(change->kind == IG_LOOSEN_ROW_RULE && change->parent == NULL);

		/* the statement needs more than this rule knows of, told before it */
		if (of_whole && told)
			change->sql = NULL;
		ig_rules_judge(change, findings);
		change->passed_as_retired = passes_as_retired(change, findings, first);
		for (int i = first; !of_whole && i < list_length(findings->list); i++)
			told = told || is_told((const IgFinding *) list_nth(findings->list, i));
	}
}

/*
 * Has the change, whose findings begin at first, passed the rules for drops
 * because what goes is retired, and nobody uses it?
 */
static bool
passes_as_retired(const IgChange *change, const IgFindings *findings, int first)
{
	if ((change->kind != IG_DROP_COLUMN && change->kind != IG_DROP_TABLE) ||
		ig_retirement_of_change(change) == NULL)
		return false;

	for (int i = first; i < list_length(findings->list); i++)
	{
		if (((const IgFinding *) list_nth(findings->list, i))->rule->family == IG_FAMILY_COLUMNS)
			return false;
	}
	return true;
}

/* Will anybody hear of the finding, by the settings in force? */
static bool
is_told(const IgFinding *finding)
{
	int			classes = finding->change->rel ? finding->change->rel->classes : 0;

	return ig_rule_effective_level(finding->rule, finding->level, classes) != IG_LEVEL_OFF;
}

/*
 * One part of an ALTER TABLE may put right what another one does.
 */
static bool
has_several_parts(const IgStatement *stmt)
{
	return IsA(stmt->parsetree, AlterTableStmt) &&
		list_length(castNode(AlterTableStmt, stmt->parsetree)->cmds) > 1;
}

void
ig_statement_judge(IgStatement *stmt)
{
	const IgRelationOverlay *overlay = ig_relation_overlay;
	bool		(*retirements) (Oid, AttrNumber, IgRetirement **) = ig_retirement_overlay;
	IgFindings	findings = {NIL};

	/* one that runs is judged by what is, even inside the judging of a script */
	ig_relation_overlay = NULL;
	ig_retirement_overlay = NULL;
	ig_names_note(stmt);
	ig_discipline_judge_enum(stmt);
	ig_statement_changes(stmt);
	ig_statement_findings(stmt, &findings);
	ig_discipline_judge(stmt, &findings);
	ig_relation_overlay = overlay;
	ig_retirement_overlay = retirements;

	if (findings.list == NIL)
		return;
	findings.may_wait = stmt->nested || IsTransactionBlock() || has_several_parts(stmt);
	findings.statement = ig_source_statement(stmt);
	ig_decide(&findings);
}

/*
 * An event trigger announces a statement that no hook of ours has seen.  What
 * was foretold of it must live until its end, so it goes into the
 * transaction's memory.
 */
void
ig_statement_set_by_event(const Node *parsetree)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	IgStatement *stmt = palloc0(sizeof(IgStatement));

	stmt->parsetree = parsetree;
	stmt->location = -1;
	stmt->query = ig_source_of_session(parsetree);
	ig_statement_judge(stmt);
	MemoryContextSwitchTo(old);

	ig_discipline_begin(stmt);
	event_statement = stmt;
	event_subid = GetCurrentSubTransactionId();
	ig_statement_current = stmt;
}

/*
 * The statement has come to its end.
 */
void
ig_statement_end_by_event(void)
{
	IgStatement *stmt = event_statement;

	forget_event();
	if (stmt != NULL)
		ig_discipline_end(stmt);
}

static void
forget_event(void)
{
	if (event_statement != NULL && ig_statement_current == event_statement)
		ig_statement_current = NULL;
	event_statement = NULL;
}

/*
 * A subtransaction, or with InvalidSubTransactionId the transaction, ended.
 * Statements that a hook announced are taken back by the hook itself.
 */
void
ig_statement_forget(SubTransactionId subid)
{
	if (event_statement == NULL || event_subid < subid)
		return;
	forget_event();
}
