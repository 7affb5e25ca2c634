/*-------------------------------------------------------------------------
 *
 * permitted.c
 *	  What a rule's BEFORE trigger let pass.
 *
 * An allowance, and a mode that only warns, are for a statement, and are told
 * once.  Remembered is no more than the running command, since the next one may
 * be under other settings.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "nodes/pg_list.h"
#include "storage/proc.h"
#include "utils/memutils.h"

#include "platform/compat.h"
#include "rows/permitted.h"

typedef struct Permitted
{
	Oid			relid;
	const char *rule;
	AttrNumber	attnum;
} Permitted;

/* In TopTransactionContext; of this command of this transaction. */
static List *permitted = NIL;
static LocalTransactionId permitted_lxid = InvalidLocalTransactionId;
static CommandId permitted_cid = InvalidCommandId;

static bool is_current(void);

static bool
is_current(void)
{
	return permitted_lxid == ig_proc_lxid(MyProc) &&
		permitted_cid == GetCurrentCommandId(false);
}

bool
ig_permitted_now(Oid relid, const char *rule, AttrNumber attnum)
{
	ListCell   *lc;

	if (permitted == NIL || !is_current())
		return false;
	foreach(lc, permitted)
	{
		const Permitted *item = (const Permitted *) lfirst(lc);

		if (item->relid == relid && item->attnum == attnum && strcmp(item->rule, rule) == 0)
			return true;
	}
	return false;
}

void
ig_permitted_remember(Oid relid, const char *rule, AttrNumber attnum)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Permitted  *item = palloc(sizeof(Permitted));

	item->relid = relid;
	item->rule = rule;
	item->attnum = attnum;
	if (!is_current())
		permitted = NIL;
	permitted = lappend(permitted, item);
	permitted_lxid = ig_proc_lxid(MyProc);
	permitted_cid = GetCurrentCommandId(false);
	MemoryContextSwitchTo(old);
}
