/*-------------------------------------------------------------------------
 *
 * assertion_plan.h
 *	  The assertions of a session, parsed, and whether they hold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ASSERTION_PLAN_H
#define IG_ASSERTION_PLAN_H

#include "postgres.h"

#include "utils/rel.h"

#include "model/row_rule.h"

typedef struct IgAssertion IgAssertion;

typedef enum IgAssertionResult
{
	IG_ASSERTION_HOLDS,
	IG_ASSERTION_BROKEN,
	IG_ASSERTION_UNKNOWN		/* it is null */
} IgAssertionResult;

/* The text as a scalar: what is judged, as the server sees it. */
extern char *ig_assertion_sql(const char *sql);

/* Kept for the session: by text and the types of the key. */
extern IgAssertion *ig_assertion(const char *sql, int nkeys, const Oid *types);

/*
 * Does it hold for the key?  As the owner of the relation, with row security
 * off and nothing but pg_catalog in the path; by what is committed now and what
 * the transaction has done, whatever its isolation level.  The caller holds the
 * key's lock.  Raises for what is no assertion.
 */
extern IgAssertionResult ig_assertion_check(IgAssertion *assertion, Relation rel,
											const Datum *values);

/*
 * From ig_assertion_as_owner on, until ig_assertion_as_before or an error, the
 * session is the relation's owner as it is for a check.
 */
typedef struct IgAsOwner
{
	Oid			userid;
	int			context;
	int			nest;
} IgAsOwner;

extern void ig_assertion_as_owner(Relation rel, IgAsOwner *before);
extern void ig_assertion_as_before(const IgAsOwner *before);

/* Parse it; raises for what is no assertion.  As the owner. */
extern void ig_assertion_prepare(IgAssertion *assertion);

/* SQL for check_rules(); see ig_rule_check. */
extern char *ig_commit_assertion_violations(const IgDeclaredTrigger *declared);

#endif							/* IG_ASSERTION_PLAN_H */
