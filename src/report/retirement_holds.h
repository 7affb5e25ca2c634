/*-------------------------------------------------------------------------
 *
 * retirement_holds.h
 *	  What still holds something that is retired.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RETIREMENT_HOLDS_H
#define IG_RETIREMENT_HOLDS_H

#include "postgres.h"

#include "model/retirement.h"

/*
 * Whatever would refuse a plain drop now, where the gate enforces and nothing
 * is allowed: a List of char *.  Without names it does not say who has used it.
 */
extern List *ig_retirement_holds(Oid relid, AttrNumber attnum, const IgVerdict *verdict,
								 bool names);

#endif							/* IG_RETIREMENT_HOLDS_H */
