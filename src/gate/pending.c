/*-------------------------------------------------------------------------
 *
 * pending.c
 *	  Findings that wait for the end of the transaction.
 *
 * What a finding points to lives only as long as its statement, so a copy is
 * made of what deciding needs: the texts, and the relation's name and classes.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "gate/decide.h"
#include "gate/pending.h"
#include "rules/rules.h"

typedef struct Pending
{
	IgFinding  *finding;
	SubTransactionId subid;
} Pending;

/* Is there any?  For the caller that asks at each commit. */
bool		ig_pending_exists = false;

/* In the transaction's memory, in order of time. */
static List *pending = NIL;

static char *
copied(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

/*
 * Keep a finding of a relation until the transaction's end.
 */
void
ig_pending_add(const IgFinding *finding, const char *statement)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Pending    *entry = palloc(sizeof(Pending));
	IgChange   *change = palloc0(sizeof(IgChange));
	IgFinding  *copy = palloc(sizeof(IgFinding));

	change->kind = finding->change->kind;
	change->rel = ig_relation_copy(finding->change->rel);
	change->new_name = copied(finding->change->new_name);

	*copy = *finding;
	copy->change = change;
	copy->schema = copied(finding->schema);
	copy->table = copied(finding->table);
	copy->column = copied(finding->column);
	copy->object = copied(finding->object);
	copy->message = copied(finding->message);
	copy->detail = copied(finding->detail);
	copy->hint = copied(finding->hint);
	if (statement != NULL)
		ig_finding_detail(copy, "The statement was: %s", statement);

	entry->finding = copy;
	entry->subid = GetCurrentSubTransactionId();
	pending = lappend(pending, entry);
	ig_pending_exists = true;
	MemoryContextSwitchTo(old);
}

/*
 * Is the name that a statement took away one that this transaction had given?
 * Then nobody else has ever seen it.
 */
static bool
is_name_of_this_transaction(const Pending *entry)
{
	const IgRelation *rel = entry->finding->change->rel;
	ListCell   *lc;

	foreach(lc, pending)
	{
		const Pending *earlier = (const Pending *) lfirst(lc);
		const IgChange *change = earlier->finding->change;

		if (earlier == entry)
			return false;
		if (change->rel->relid == rel->relid && change->new_name != NULL &&
			strcmp(change->new_name, rel->name) == 0)
			return true;
	}
	return false;
}

void
ig_pending_judge(void)
{
	IgFindings	findings = {NIL};
	ListCell   *lc;

	foreach(lc, pending)
	{
		const Pending *entry = (const Pending *) lfirst(lc);
		IgFinding  *finding = entry->finding;

		if (!finding->rule->acquitted(finding->change) &&
			!is_name_of_this_transaction(entry))
			findings.list = lappend(findings.list, finding);
	}
	ig_pending_forget();

	if (findings.list != NIL && ig_gate_active())
		ig_decide(&findings);
}

void
ig_pending_forget(void)
{
	pending = NIL;
	ig_pending_exists = false;
}

void
ig_pending_subxact_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	ListCell   *lc;

	foreach(lc, pending)
	{
		Pending    *entry = (Pending *) lfirst(lc);

		if (entry->subid < subid)
			continue;
		if (commit)
			entry->subid = parent;
		else
			pending = foreach_delete_current(pending, lc);
	}
}
