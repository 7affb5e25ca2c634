/*-------------------------------------------------------------------------
 *
 * record.h
 *	  What is kept of each finding: a line in the log, an entry, a count.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RECORD_H
#define IG_RECORD_H

#include "postgres.h"

#include "model/finding.h"
#include "model/ledger.h"

/* What was recorded so far of one statement; starts as zeros. */
typedef struct IgRecord
{
	int			counts[IG_OUTCOMES];
} IgRecord;

/* level is the one in force.  Nothing of this is undone by a rollback. */
extern void ig_record(IgRecord *record, const IgFinding *finding, IgLevel level,
					  IgOutcome outcome);

/* Once after the last finding, and before an error is raised. */
extern void ig_record_end(const IgRecord *record);

#endif							/* IG_RECORD_H */
