/*-------------------------------------------------------------------------
 *
 * effect.h
 *	  What a statement would do to each relation that exists already.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_EFFECT_H
#define IG_EFFECT_H

#include "postgres.h"

#include "gate/statement.h"

typedef struct IgEffect
{
	IgRelation *rel;
	LOCKMODE	lock;			/* strongest; NoLock if weaker than those of DDL */
	bool		rewrites;		/* its file is written anew */
	List	   *rebuilds;		/* of char *: indexes that are built */
	bool		scans;			/* it is read as a whole */
	List	   *rechecks;		/* of char *: constraints that are checked */
	const char *reason;			/* why: a clause to follow "because", or NULL */
} IgEffect;

/*
 * The effects, by relation, in no special order.  The statement's changes must
 * have been made.
 */
extern List *ig_effects(const IgStatement *stmt);

#endif							/* IG_EFFECT_H */
