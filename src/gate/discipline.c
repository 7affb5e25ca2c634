/*-------------------------------------------------------------------------
 *
 * discipline.c
 *	  The locks that a statement takes, and what goes with them: how long it
 *	  may wait, who is in the way, and what is held already.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

#include "gate/decide.h"
#include "gate/held_locks.h"
#include "gate/lock_plan.h"
#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "rules/rules.h"

/* Who still holds a lock after this time is reported, in microseconds. */
#define SECOND_LOOK		20000L

static void read_enum_value(IgStatement *stmt);
static bool is_concurrent(const IgStatement *stmt);
static bool is_of_new_tables(const IgStatement *stmt);
static bool is_refused(const IgFindings *findings);
static List *not_held(List *locks);
static List *conflicts(List *locks);
static List *find_blockers(List *locks);

/*
 * Judge what the statement locks, once its other findings are there.
 */
void
ig_discipline_judge(IgStatement *stmt, IgFindings *findings)
{
	List	   *held = ig_held_locks();
	List	   *queue;
	IgChange   *change;
	bool		refused;

	stmt->locks = ig_discipline_locks(stmt);
	/* whoever says LOCK TABLE wants to wait, and does nothing else */
	if (IsA(stmt->parsetree, LockStmt) || (stmt->locks == NIL && held == NIL))
		return;

	/* what is refused anyway takes no lock */
	refused = is_refused(findings);
	queue = refused ? NIL : not_held(stmt->locks);
	stmt->queues = queue != NIL;

	change = palloc0(sizeof(IgChange));
	change->kind = IG_TAKE_LOCKS;
	change->locks = refused ? NIL : stmt->locks;
	change->one_by_one = ig_discipline_is_one_by_one(stmt->parsetree);
	change->held = held;
	change->work = stmt->changes;
	change->rel = ((const IgTableLock *) linitial(stmt->locks ? stmt->locks : held))->rel;
	change->no_timeout = queue != NIL && ig_guc_ddl_lock_timeout == 0 && LockTimeout == 0;
	if (queue != NIL && ig_rules_ask_for_blockers(change->rel))
		change->blockers = find_blockers(queue);
	ig_rules_judge(change, findings);
}

/*
 * It has been judged, and will run.  Nothing is set where the gate only
 * looks on.
 */
void
ig_discipline_begin(IgStatement *stmt)
{
	bool		commits_inside;

	if (!stmt->queues || ig_guc_ddl_lock_timeout == 0 ||
		(LockTimeout > 0 && LockTimeout <= ig_guc_ddl_lock_timeout) ||
		ig_effective_mode() == IG_MODE_OBSERVE)
		return;

	commits_inside = !stmt->nested && !IsTransactionBlock() &&
		(IsA(stmt->parsetree, VacuumStmt) || IsA(stmt->parsetree, ClusterStmt) ||
		 IsA(stmt->parsetree, ReindexStmt));
	ig_lock_timeout_begin(&stmt->timeout, ig_guc_ddl_lock_timeout, commits_inside);
}

/*
 * It has run.  Its parse tree may be gone; what is held is seen when it is
 * asked for, so that the locks of a statement that has committed are none.
 */
void
ig_discipline_end(IgStatement *stmt)
{
	ig_lock_timeout_end(&stmt->timeout);
	if (stmt->locks != NIL)
		ig_held_locks_note(stmt->locks);
	if (stmt->enum_label != NULL)
		ig_transaction_note_enum_value(stmt->enum_type, stmt->enum_label);
}

/*
 * Does it work on many relations, each in a transaction of its own?
 */
bool
ig_discipline_is_one_by_one(const Node *parsetree)
{
	switch (nodeTag(parsetree))
	{
		case T_VacuumStmt:
			return true;
		case T_ClusterStmt:
			return castNode(ClusterStmt, parsetree)->relation == NULL;
		case T_ReindexStmt:
			return castNode(ReindexStmt, parsetree)->relation == NULL;
		default:
			return false;
	}
}

/*
 * A value that this transaction has added cannot be used by it.  To be asked
 * first of all: whoever looks into such a statement gets the server's error,
 * which tells less.
 */
void
ig_discipline_judge_enum(IgStatement *stmt)
{
	IgFindings	findings = {NIL};
	const IgEnumValue *value;

	if (IsA(stmt->parsetree, AlterEnumStmt))
	{
		read_enum_value(stmt);
		return;
	}

	for (int i = 0; (value = ig_transaction_enum_value(i)) != NULL; i++)
	{
		IgChange   *change;

		if (!ig_source_has_string(stmt, NameStr(value->label)))
			continue;
		change = palloc0(sizeof(IgChange));
		change->kind = IG_USE_ENUM_VALUE;
		change->identity = value->type;
		change->name = NameStr(value->label);
		ig_rules_judge(change, &findings);
	}
	if (findings.list != NIL)
		ig_decide(&findings);
}

/*
 * ALTER TYPE ... ADD VALUE of one that is not there yet.
 */
static void
read_enum_value(IgStatement *stmt)
{
	const AlterEnumStmt *alter = castNode(AlterEnumStmt, stmt->parsetree);
	ObjectAddress address;
	Oid			typid;

	if (alter->oldVal != NULL)
		return;
	typid = LookupTypeNameOid(NULL, makeTypeNameFromNameList(alter->typeName), true);
	if (!OidIsValid(typid) ||
		SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(typid),
							  CStringGetDatum(alter->newVal)))
		return;
	ObjectAddressSet(address, TypeRelationId, typid);
	if (IG_NEW_ENUM_TAKES_VALUES && ig_transaction_created(&address))
		return;

	stmt->enum_type = format_type_be_qualified(typid);
	stmt->enum_label = pstrdup(alter->newVal);
}

/*
 * Is it a CONCURRENTLY form?  VALIDATE of a domain's constraint is marked in
 * the same way, and is none.
 */
static bool
is_concurrent(const IgStatement *stmt)
{
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->concurrently && change->kind != IG_DOMAIN_CONSTRAINT)
			return true;
	}
	return false;
}

/*
 * Is it one of the frequent statements that concern nothing but new tables?
 * Cheaper to see than a plan is to make.
 */
static bool
is_of_new_tables(const IgStatement *stmt)
{
	const Node *node = stmt->parsetree;
	const CreateStmt *create = (const CreateStmt *) node;
	ListCell   *lc;

	if (stmt->changes == NIL)
		return false;
	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->rel == NULL || !ig_relation_is_exempt(change->rel) ||
			change->locked_parents != NIL)
			return false;
	}

	switch (nodeTag(node))
	{
		case T_CreateStmt:
			return create->inhRelations == NIL && create->partbound == NULL &&
				create->ofTypename == NULL;
		case T_DropStmt:
			return ((const DropStmt *) node)->removeType == OBJECT_TABLE &&
				list_length(((const DropStmt *) node)->objects) == list_length(stmt->changes);
		case T_AlterTableStmt:
			foreach(lc, ((const AlterTableStmt *) node)->cmds)
			{
				AlterTableType subtype = lfirst_node(AlterTableCmd, lc)->subtype;

				if (subtype != AT_AddColumn && subtype != AT_AddConstraint)
					return false;
			}
			return true;
		case T_IndexStmt:
			return true;
		default:
			return false;
	}
}

/*
 * Those of the statement's locks that keep others from writing.
 */
List *
ig_discipline_locks(const IgStatement *stmt)
{
	List	   *strong = NIL;
	ListCell   *lc;

	if (is_of_new_tables(stmt) || is_concurrent(stmt))
		return NIL;

	foreach(lc, ig_lock_plan(stmt))
	{
		IgTableLock *lock = (IgTableLock *) lfirst(lc);

		/* LOCK TABLE counts as taking a lock, and is no DDL otherwise */
		lock->by_lock_table = IsA(stmt->parsetree, LockStmt);
		if (ig_lock_is_strong(lock->mode))
			strong = lappend(strong, lock);
	}
	return strong;
}

/*
 * Will the statement surely not run?  Then nobody has to be waited for.
 */
static bool
is_refused(const IgFindings *findings)
{
	ListCell   *lc;

	if (ig_effective_mode() != IG_MODE_ENFORCE)
		return false;

	foreach(lc, findings->list)
	{
		const IgFinding *finding = (const IgFinding *) lfirst(lc);
		int			classes = finding->change->rel ? finding->change->rel->classes : 0;

		if (finding->rule->acquitted == NULL &&
			ig_rule_effective_level(finding->rule, finding->level, classes) == IG_LEVEL_ERROR &&
			ig_decide_allowance(finding) < 0)
			return true;
	}
	return false;
}

static List *
not_held(List *locks)
{
	List	   *queue = NIL;
	ListCell   *lc;

	foreach(lc, locks)
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		if (!ig_lock_is_held(lock->rel->relid, lock->mode))
			queue = lappend(queue, lfirst(lc));
	}
	return queue;
}

static List *
conflicts(List *locks)
{
	List	   *blockers = NIL;
	ListCell   *lc;

	foreach(lc, locks)
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		blockers = list_concat(blockers, ig_lock_conflicts(lock->rel->relid, lock->mode));
	}
	return blockers;
}

/*
 * Who would have to be waited for.  On a busy table there is somebody at any
 * moment; only who is still there a moment later is worth a word.
 */
static List *
find_blockers(List *locks)
{
	List	   *before = conflicts(locks);
	List	   *blockers = NIL;
	ListCell   *lc;

	if (before == NIL)
		return NIL;

	pg_usleep(SECOND_LOOK);
	CHECK_FOR_INTERRUPTS();

	foreach(lc, conflicts(locks))
	{
		if (ig_lock_is_among((const IgBlocker *) lfirst(lc), before))
			blockers = lappend(blockers, lfirst(lc));
	}
	if (blockers != NIL)
		ig_lock_describe(blockers);
	return blockers;
}
