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
 * The call that retires what the change drops, as the first step of a hint; in
 * a comment where it goes with something else, whose hint may have been
 * followed by then.  False, and nothing is added, where it cannot be retired.
 */
extern bool ig_retire_hint(IgFinding *finding, const IgChange *change, bool comment);

#endif							/* IG_RETIRED_H */
