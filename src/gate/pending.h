/*-------------------------------------------------------------------------
 *
 * pending.h
 *	  Findings that wait for the end of the transaction.
 *
 * Some things a later statement of the same transaction can put right: a view
 * with the old name after a rename, a constraint in the place of another.  Their findings are kept until the
 * transaction is about to commit, and judged then.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_PENDING_H
#define IG_PENDING_H

#include "postgres.h"

#include "model/finding.h"

extern bool ig_pending_exists;

/*
 * Is it to be judged at the transaction's end?  So it is if more statements
 * follow, one of which may put it right, and if what is there already does so:
 * then the end must show that it is still there.  If so, the rule notes now
 * what it will need to know.
 */
extern bool ig_pending_waits(IgFinding *finding, bool more_follows);

extern void ig_pending_add(const IgFinding *finding, const char *statement);

/* Before commit or prepare: raises for what was not put right. */
extern void ig_pending_judge(void);

/* The transaction's or a subtransaction's end. */
extern void ig_pending_forget(void);
extern void ig_pending_subxact_end(SubTransactionId subid, SubTransactionId parent,
								   bool commit);

#endif							/* IG_PENDING_H */
