/*-------------------------------------------------------------------------
 *
 * retirement.h
 *	  Is a column or table retired, and may it go by now?
 *
 * It may go once nobody has used it for invariant_guard.retirement_period: the
 * time is counted from the retirement, from the last use since, or from when
 * its use began to be recorded without a gap, whichever was last.
 *
 * Who has used it knows the usage record, which is in columns/; it hands in a
 * function, so that the rules need not know it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_MODEL_RETIREMENT_H
#define IG_MODEL_RETIREMENT_H

#include "postgres.h"

#include "access/attnum.h"

#include "model/change.h"
#include "platform/retirement.h"

/* One use; at is 0 where there was none. */
typedef struct IgUse
{
	TimestampTz at;
	const char *application;
	const char *role;
	const char *how;			/* a phrase to follow "read" or "written", or "" */
} IgUse;

typedef struct IgUsage
{
	IgUse		read;			/* the last ones that are recorded */
	IgUse		written;
	bool		observed;		/* are uses recorded, now and here? */
	TimestampTz observed_since; /* without a gap until now */
	const char *why_not;		/* and why not before, or at all: a clause */
} IgUsage;

/*
 * Who has used a column, by whatever relation it is inherited from or to; or,
 * with InvalidAttrNumber, that one relation.  NULL where there is no record.
 */
extern void (*ig_usage_of_hook) (Oid relid, AttrNumber attnum, TimestampTz since,
								 IgUsage *usage);

/*
 * What a script that is judged, and not run, says of a label: false if nothing.
 * NULL but while one is judged.
 */
extern bool (*ig_retirement_overlay) (Oid relid, AttrNumber attnum,
									  IgRetirement **retirement);

/* What keeps something that is retired from being dropped. */
typedef enum IgHold
{
	IG_HOLD_NOTHING,
	IG_HOLD_PERIOD,				/* it was retired too short a time ago */
	IG_HOLD_READ,				/* or used since */
	IG_HOLD_WRITTEN,
	IG_HOLD_GAP,				/* or perhaps: it was not observed all the time */
	IG_HOLD_UNOBSERVED			/* nobody knows who uses it */
} IgHold;

typedef struct IgVerdict
{
	IgRetirement *retirement;	/* NULL: it is not retired; then all else is
								 * not filled in */
	IgUsage		usage;
	bool		never_filled;	/* the table never held a row: nothing holds it */
	IgHold		hold;
	TimestampTz may_go;			/* when, if nobody uses it till then; 0 where
								 * that cannot be told */
} IgVerdict;

/*
 * The retirement of a table or, with an attribute number, of a column: by its
 * own label, by that of what it inherits it from, or as a part of a table that
 * is retired.  NULL if it is not retired, or gone.
 */
extern IgRetirement *ig_retirement_of(Oid relid, AttrNumber attnum);

extern void ig_retirement_judge(Oid relid, AttrNumber attnum, IgVerdict *verdict);

/* The same for what a change drops. */
extern IgRetirement *ig_retirement_of_change(const IgChange *change);

#endif							/* IG_MODEL_RETIREMENT_H */
