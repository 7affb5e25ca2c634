/*-------------------------------------------------------------------------
 *
 * pending.c
 *	  Findings that wait for the end of the transaction.
 *
 * What a finding points to lives only as long as its statement, so a copy is
 * made of what deciding needs: the texts, and what identifies the object.
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

static bool has_given_name(const IgChange *change, const IgRelation *rel);

static char *
copied(const char *string)
{
	return string ? pstrdup(string) : NULL;
}

static List *
copied_places(List *places)
{
	List	   *copies = NIL;
	ListCell   *lc;

	foreach(lc, places)
	{
		IgAllowancePlace *copy = palloc(sizeof(IgAllowancePlace));

		*copy = *(const IgAllowancePlace *) lfirst(lc);
		copy->items = pstrdup(copy->items);
		copies = lappend(copies, copy);
	}
	return copies;
}

bool
ig_pending_waits(IgFinding *finding, bool more_follows)
{
	const IgRule *rule = finding->rule;
	MemoryContext old;

	if (rule->acquitted == NULL || !(more_follows || rule->early))
		return false;

	old = MemoryContextSwitchTo(TopTransactionContext);
	finding->note = rule->note(finding->change);
	MemoryContextSwitchTo(old);
	return finding->note != NULL &&
		(more_follows || rule->acquitted(finding->change, finding->note));
}

/*
 * Keep a finding until the transaction's end.
 */
void
ig_pending_add(const IgFinding *finding, const char *statement)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Pending    *entry = palloc(sizeof(Pending));
	IgChange   *change = palloc0(sizeof(IgChange));
	IgFinding  *copy = palloc(sizeof(IgFinding));

	change->kind = finding->change->kind;
	change->rel = finding->change->rel ? ig_relation_copy(finding->change->rel) : NULL;
	change->address = finding->change->address;
	change->name = copied(finding->change->name);
	change->column = copied(finding->change->column);
	change->attnum = finding->change->attnum;
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
	copy->allowances = copied_places(finding->allowances);
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
	const IgChange *lost = entry->finding->change;
	ListCell   *lc;

	if (lost->rel == NULL ||
		(lost->kind != IG_RENAME_TABLE && lost->kind != IG_SET_SCHEMA &&
		 lost->kind != IG_DROP_VIEW))
		return false;

	foreach(lc, pending)
	{
		const Pending *earlier = (const Pending *) lfirst(lc);

		if (earlier == entry)
			return false;
		if (has_given_name(earlier->finding->change, lost->rel))
			return true;
	}
	return false;
}

/* Did the change give the relation the schema and name that it has there? */
static bool
has_given_name(const IgChange *change, const IgRelation *rel)
{
	const char *schema;
	const char *name;

	if (change->rel == NULL || change->rel->relid != rel->relid)
		return false;
	if (change->kind != IG_RENAME_TABLE && change->kind != IG_SET_SCHEMA)
		return false;

	schema = change->kind == IG_SET_SCHEMA ? change->new_name : change->rel->schema;
	name = change->kind == IG_RENAME_TABLE ? change->new_name : change->rel->name;
	return strcmp(schema, rel->schema) == 0 && strcmp(name, rel->name) == 0;
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

		if (!finding->rule->acquitted(finding->change, finding->note) &&
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
