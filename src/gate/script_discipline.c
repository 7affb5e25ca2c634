/*-------------------------------------------------------------------------
 *
 * script_discipline.c
 *	  Transactions of a judged script: what they hold, and what they added.
 *
 * The live gate asks the lock manager what the transaction holds.  Of a script
 * nothing is held, so the strong locks that its statements would take are kept
 * until its transaction ends.  A statement that is refused takes none.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "storage/proc.h"

#include "gate/script.h"
#include "platform/settings.h"
#include "rules/rules.h"

static bool is_held(const IgTableLock *lock);
static void hold(const IgTableLock *lock);
static void judge_enum(const IgStatement *stmt, IgFindings *findings);

/*
 * Judge what the statement locks and what is held, once its other findings
 * are there.
 */
void
ig_script_discipline(IgStatement *stmt, bool refused, IgFindings *findings)
{
	List	   *locks = ig_discipline_locks(stmt);
	List	   *held = ig_script->held;
	IgChange   *change;
	ListCell   *lc;

	judge_enum(stmt, findings);
	if (!IsA(stmt->parsetree, LockStmt) && (locks != NIL || held != NIL))
	{
		change = palloc0(sizeof(IgChange));
		change->kind = IG_TAKE_LOCKS;
		change->locks = refused ? NIL : locks;
		change->one_by_one = ig_discipline_is_one_by_one(stmt->parsetree);
		change->held = held;
		change->work = stmt->changes;
		change->rel = ((const IgTableLock *) linitial(locks ? locks : held))->rel;
		foreach(lc, refused ? NIL : locks)
		{
			if (!is_held((const IgTableLock *) lfirst(lc)))
				change->no_timeout = ig_guc_ddl_lock_timeout == 0 && LockTimeout == 0;
		}
		ig_rules_judge(change, findings);
	}

	foreach(lc, refused ? NIL : locks)
		hold((const IgTableLock *) lfirst(lc));
}

static bool
is_held(const IgTableLock *lock)
{
	ListCell   *lc;

	foreach(lc, ig_script->held)
	{
		const IgTableLock *other = (const IgTableLock *) lfirst(lc);

		if (other->rel->relid == lock->rel->relid && other->mode >= lock->mode)
			return true;
	}
	return false;
}

static void
hold(const IgTableLock *lock)
{
	MemoryContext old = MemoryContextSwitchTo(ig_script->memory);
	IgTableLock *kept;
	ListCell   *lc;

	foreach(lc, ig_script->held)
	{
		kept = (IgTableLock *) lfirst(lc);
		if (kept->rel->relid == lock->rel->relid)
		{
			kept->mode = Max(kept->mode, lock->mode);
			MemoryContextSwitchTo(old);
			return;
		}
	}

	kept = palloc(sizeof(IgTableLock));
	*kept = *lock;
	kept->rel = palloc(sizeof(IgRelation));
	*kept->rel = *lock->rel;
	kept->rel->schema = pstrdup(lock->rel->schema);
	kept->rel->name = pstrdup(lock->rel->name);
	MemoryContextSwitchTo(old);
	ig_script_append(&ig_script->held, kept);
}

/*
 * A value that the script's transaction has added to an enum.
 */
void
ig_script_note_enum_value(const AlterEnumStmt *alter)
{
	const IgNameFact *fact = ig_script_find_other(IG_NAME_TYPE, alter->typeName);
	IgTouch    *value;

	if (alter->oldVal != NULL ||
		(fact != NULL && fact->node != NULL && IsA(fact->node, CreateEnumStmt) &&
		 ig_script_is_new(fact)))
		return;
	value = MemoryContextAllocZero(ig_script->memory, sizeof(IgTouch));
	value->kind = IG_TOUCH_ENUM_VALUE;
	value->at = ig_script->statement;
	value->transaction = ig_script->transaction;
	value->name = MemoryContextStrdup(ig_script->memory,
									  TypeNameToString(makeTypeNameFromNameList(alter->typeName)));
	value->new_name = alter->newVal;
	ig_script_append(&ig_script->enum_values, value);
}

static void
judge_enum(const IgStatement *stmt, IgFindings *findings)
{
	ListCell   *lc;

	foreach(lc, IsA(stmt->parsetree, AlterEnumStmt) ? NIL : ig_script->enum_values)
	{
		const IgTouch *value = (const IgTouch *) lfirst(lc);
		IgChange   *change;

		if (!ig_script_is_new(value) || !ig_source_has_string(stmt, value->new_name))
			continue;
		change = palloc0(sizeof(IgChange));
		change->kind = IG_USE_ENUM_VALUE;
		change->identity = value->name;
		change->name = value->new_name;
		ig_rules_judge(change, findings);
	}
}
