/*-------------------------------------------------------------------------
 *
 * freeze.h
 *	  The times in which the schema is frozen.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_FREEZE_H
#define IG_FREEZE_H

#include "postgres.h"

#include "datatype/timestamp.h"

/* Unbounded ends are DT_NOBEGIN and DT_NOEND. */
typedef struct IgFreeze
{
	TimestampTz lower;
	TimestampTz upper;
	bool		lower_inclusive;
	bool		upper_inclusive;
} IgFreeze;

typedef struct IgFreezeList
{
	int			count;
	IgFreeze	items[FLEXIBLE_ARRAY_MEMBER];
} IgFreezeList;

/* What invariant_guard.schema_freeze says; never NULL once it is defined. */
extern const IgFreezeList *ig_freezes;

/* Is any freeze set, whether or not it is the time?  Cheap: on the hot path. */
#define ig_freeze_is_set()	(unlikely(ig_freezes != NULL && ig_freezes->count > 0))

/*
 * Parse the setting.  The result is ig_guc_malloc memory, or NULL after
 * GUC_check_errdetail and GUC_check_errhint.
 */
extern IgFreezeList *ig_parse_freezes(const char *value);

/* Is the schema frozen at that time, and if so, until when? */
extern bool ig_freeze_holds(TimestampTz now, TimestampTz *until);

/* "until 2027-01-02 00:00:00 UTC", or "without end" */
extern char *ig_freeze_until_text(TimestampTz until);

#endif							/* IG_FREEZE_H */
