/*-------------------------------------------------------------------------
 *
 * retirement.h
 *	  The retirement of a column or table, as its security label says it.
 *
 *		retired since 2026-01-31 12:00:00.123456+00 by "role": reason
 *
 * The time is always UTC and in this one form, whatever the session's settings
 * are; the role is in double quotes, doubled where it contains one; "blocking
 * writes" may follow it.  The reason is all the rest of the label, so that it
 * may hold any text and nothing in it needs quoting.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RETIREMENT_H
#define IG_RETIREMENT_H

#include "postgres.h"

#include "datatype/timestamp.h"

typedef struct IgRetirement
{
	TimestampTz since;
	char	   *role;			/* as it was called then */
	char	   *reason;			/* never blank */
	bool		blocks_writes;	/* no statement may give it a value */
} IgRetirement;

/* Does a text begin as a retirement does, be it good or not? */
extern bool ig_retirement_begins(const char *label);

/* Parse a whole one; NULL if it is not of the form. */
extern IgRetirement *ig_retirement_parse(const char *label);

extern char *ig_retirement_text(const IgRetirement *retirement);

/* "2026-01-31 12:00:00.123456+00", as it stands in a label. */
extern char *ig_retirement_time_text(TimestampTz time);

#endif							/* IG_RETIREMENT_H */
