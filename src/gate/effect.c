/*-------------------------------------------------------------------------
 *
 * effect.c
 *	  What a statement would do to each relation that exists already.
 *
 * The locks are those of the lock plan.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "gate/effect.h"
#include "gate/lock_plan.h"

static IgEffect *effect_on(List **effects, IgRelation *rel);

List *
ig_effects(const IgStatement *stmt)
{
	List	   *effects = NIL;
	ListCell   *lc;

	foreach(lc, ig_lock_plan(stmt))
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		effect_on(&effects, lock->rel)->lock = lock->mode;
	}
	return effects;
}

static IgEffect *
effect_on(List **effects, IgRelation *rel)
{
	IgEffect   *effect;
	ListCell   *lc;

	foreach(lc, *effects)
	{
		effect = (IgEffect *) lfirst(lc);
		if (effect->rel->relid == rel->relid)
			return effect;
	}
	effect = palloc0(sizeof(IgEffect));
	effect->rel = rel;
	*effects = lappend(*effects, effect);
	return effect;
}
