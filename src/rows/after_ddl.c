/*-------------------------------------------------------------------------
 *
 * after_ddl.c
 *	  What row rules have to do when DDL has ended.
 *
 * The object-access hook notes what concerns them, by whatever words it came
 * about; the event trigger that comes with the extension has it done. Then the
 * catalogs show it, and the statement's locks are still held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "gate/decide.h"
#include "gate/hooks.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/spread.h"

/*
 * OIDs of this transaction; in TopTransactionContext.  What a savepoint took
 * back stays among them: who looks at one must not expect to find it.
 */
static List *inherited = NIL;	/* tables that became partitions or children */
static List *triggers = NIL;	/* that were made */
static List *constraints = NIL;

static void note_inherited(Oid relid);
static void note_created(Oid classid, Oid objid);
static void note(List **list, Oid oid);
static void ddl_has_ended(void);
static void forget(XactEvent event, void *arg);

void
ig_after_ddl_init(void)
{
	ig_inherited_hook = note_inherited;
	ig_object_created_hook = note_created;
	ig_ddl_end_hook = ddl_has_ended;
	RegisterXactCallback(forget, NULL);
}

static void
note(List **list, Oid oid)
{
	MemoryContext old;

	if (IsBinaryUpgrade || creating_extension || !IsTransactionState())
		return;
	old = MemoryContextSwitchTo(TopTransactionContext);
	*list = lappend_oid(*list, oid);
	MemoryContextSwitchTo(old);
}

static void
note_inherited(Oid relid)
{
	note(&inherited, relid);
}

static void
note_created(Oid classid, Oid objid)
{
	/* with the mode at off, what is made is nobody's concern */
	if (classid == TriggerRelationId && ig_gate_active())
		note(&triggers, objid);
	else if (classid == ConstraintRelationId)
		note(&constraints, objid);
}

static void
forget(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		inherited = triggers = constraints = NIL;
}

static void
ddl_has_ended(void)
{
	List	   *relids = inherited;
	List	   *tgoids = triggers;
	List	   *conoids = constraints;
	ListCell   *lc;

	inherited = triggers = constraints = NIL;
	foreach(lc, relids)
		ig_spread_to(lfirst_oid(lc));
	foreach(lc, tgoids)
		ig_rule_trigger_check(lfirst_oid(lc));
	foreach(lc, conoids)
		ig_foreign_key_created(lfirst_oid(lc));
}
