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

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "gate/decide.h"
#include "gate/hooks.h"
#include "platform/catalog.h"
#include "rows/definitions.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/seal.h"
#include "rows/spread.h"

/*
 * OIDs of this transaction; in TopTransactionContext.  What a savepoint took
 * back stays among them: who looks at one must not expect to find it.
 */
static List *inherited = NIL;	/* tables that became partitions or children */
static List *triggers = NIL;	/* that were made */
static List *constraints = NIL;
static List *sealed = NIL;		/* tables that may have another owner, each with */
static List *seals = NIL;		/* the table of its seals */

static void note_inherited(Oid relid);
static void note_created(Oid classid, Oid objid);
static void note_altered(Oid relid);
static bool has_new_owner(Oid relid);
static void note(List **list, Oid oid);
static void ddl_has_ended(void);
static void forget(XactEvent event, void *arg);

void
ig_after_ddl_init(void)
{
	ig_inherited_hook = note_inherited;
	ig_object_created_hook = note_created;
	ig_relation_altered_hook = note_altered;
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

/*
 * The seals are found while both tables have the same owner, who is still in
 * sight.
 */
static void
note_altered(Oid relid)
{
	Oid			found;

	if (!has_new_owner(relid) || !ig_is_sealed(relid))
		return;
	found = ig_seals_of(relid);
	if (!OidIsValid(found))
		return;
	note(&sealed, relid);
	note(&seals, found);
}

static bool
has_new_owner(Oid relid)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		result;

	ScanKeyInit(&key, Anum_pg_class_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_class, ClassOidIndexId, true, SnapshotSelf, 1, &key);
	tuple = systable_getnext(scan);
	result = HeapTupleIsValid(tuple) &&
		((Form_pg_class) GETSTRUCT(tuple))->relowner != ig_relation_owner(relid);
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
	return result;
}

static void
forget(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		inherited = triggers = constraints = sealed = seals = NIL;
}

static void
ddl_has_ended(void)
{
	List	   *relids = inherited;
	List	   *tgoids = triggers;
	List	   *conoids = constraints;
	List	   *owned = sealed;
	List	   *owned_seals = seals;
	ListCell   *lc;
	ListCell   *ls;

	inherited = triggers = constraints = sealed = seals = NIL;
	foreach(lc, relids)
		ig_spread_to(lfirst_oid(lc));
	foreach(lc, tgoids)
		ig_rule_trigger_check(lfirst_oid(lc));
	foreach(lc, conoids)
		ig_foreign_key_created(lfirst_oid(lc));
	forboth(lc, owned, ls, owned_seals)
		ig_seals_follow(lfirst_oid(lc), lfirst_oid(ls));
}
