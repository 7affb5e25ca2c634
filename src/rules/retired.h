/*-------------------------------------------------------------------------
 *
 * retired.h
 *	  What the rules for drops say of retirement.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RETIRED_H
#define IG_RETIRED_H

#include "postgres.h"

#include "model/finding.h"
#include "model/retirement.h"

/*
 * What keeps it from being dropped: a clause.  Without names it does not say
 * who has used it.
 */
extern const char *ig_retired_why(const IgVerdict *verdict, bool names);

/*
 * The call that retires what the change drops, as the first step of a hint.
 * False, and nothing is added, where that cannot be retired.
 */
extern bool ig_retire_hint(IgFinding *finding, const IgChange *change);

#endif							/* IG_RETIRED_H */
