/*-------------------------------------------------------------------------
 *
 * assertion_role.c
 *	  With whose rights a commit assertion is checked.
 *
 * It has the rights of a table's owner, so it must be the owner's word.  The
 * catalogs do not say who made a trigger, and whoever has the TRIGGER privilege
 * can; but only the owner can enable it ALWAYS.  And the owner meant is that of
 * the table for which it was declared: a partition or child may belong to
 * somebody else, who did not write what came to it from above.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "rows/assertion_plan.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

static bool is_by_owner_of(Oid tgoid, Relation rel);
static IgDeclaredTrigger *same_above(const IgDeclaredTrigger *declared);
static bool may_be_from_above(Oid relid);
static bool is_same_assertion(const IgDeclaredTrigger *a, const IgDeclaredTrigger *b);

Oid
ig_assertion_role(Oid tgoid, Relation rel)
{
	IgDeclaredTrigger *declared;
	IgDeclaredTrigger *above;

	if (is_by_owner_of(tgoid, rel))
		return rel->rd_rel->relowner;

	declared = ig_declared_trigger(tgoid);
	while (declared != NULL &&
		   (above = OidIsValid(declared->parent) ?
			ig_declared_trigger(declared->parent) : same_above(declared)) != NULL)
		declared = above;

	if (declared == NULL || declared->enabled != TRIGGER_FIRES_ALWAYS ||
		may_be_from_above(declared->relid))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("a commit assertion of table \"%s\" is not confirmed by the table's owner",
						ig_row_relation_text(RelationGetRelid(rel))),
				 errdetail("It is checked with the owner's rights. Others can create a trigger, but only the owner can enable it always."),
				 declared == NULL || declared->enabled == TRIGGER_FIRES_ALWAYS ? 0 :
				 errhint("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s;",
						 ig_row_relation_text(declared->relid),
						 ig_text_name(quote_identifier(declared->name)))));
	return ig_relation_owner(declared->relid);
}

/* The usual case, by what is cached. */
static bool
is_by_owner_of(Oid tgoid, Relation rel)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if (trigger->tgoid == tgoid)
			return !trigger->tgisclone && trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
				ig_parents_of(RelationGetRelid(rel)) == NIL;
	}
	return false;
}

/*
 * What was spread to inheritance children has no link to where it comes from.
 */
static IgDeclaredTrigger *
same_above(const IgDeclaredTrigger *declared)
{
	ListCell   *lp;

	foreach(lp, ig_parents_of(declared->relid))
	{
		ListCell   *lt;

		foreach(lt, ig_declared_triggers(lfirst_oid(lp)))
		{
			IgDeclaredTrigger *above = (IgDeclaredTrigger *) lfirst(lt);

			if (above->enabled == TRIGGER_FIRES_ALWAYS && is_same_assertion(above, declared))
				return above;
		}
	}
	return NULL;
}

/*
 * A copy stays when that of which it is one is dropped: it is not the word of
 * the child's owner.
 */
static bool
may_be_from_above(Oid relid)
{
	ListCell   *lc;

	foreach(lc, ig_parents_of(relid))
	{
		if (ig_relation_owner(lfirst_oid(lc)) != ig_relation_owner(relid))
			return true;
	}
	return false;
}

static bool
is_same_assertion(const IgDeclaredTrigger *a, const IgDeclaredTrigger *b)
{
	const char *x = ig_declared_option(a, "assertion");
	const char *y = ig_declared_option(b, "assertion");

	return a->rule == b->rule && x != NULL && y != NULL && strcmp(x, y) == 0;
}
