/*-------------------------------------------------------------------------
 *
 * assertion_plan.h
 *	  The queries of assertions, and whether these hold.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ASSERTION_PLAN_H
#define IG_ASSERTION_PLAN_H

#include "postgres.h"

#include "utils/rel.h"

#include "model/row_rule.h"
#include "rows/kept_plan.h"

typedef enum IgAssertionResult
{
	IG_ASSERTION_HOLDS,
	IG_ASSERTION_BROKEN,
	IG_ASSERTION_UNKNOWN		/* it is null */
} IgAssertionResult;

/* The text as a scalar: what is judged, as the server sees it. */
extern char *ig_assertion_sql(const char *sql);

/* Its query; the same for the same text and types of the key. */
extern IgKeptPlan *ig_assertion_plan(const char *sql, int nkeys, const Oid *types);

/*
 * Does it hold for the key?  With the rights of the role, with row security
 * off and nothing but pg_catalog in the path; by what is committed now and what
 * the transaction has done, whatever its isolation level.  The caller holds the
 * key's lock.  Raises for what is no assertion.
 */
extern IgAssertionResult ig_assertion_check(IgKeptPlan *plan, const char *sql, Oid role,
											const Datum *values);

/*
 * Whose rights an assertion has: those of who owns the table for which it was
 * declared.  Raises unless that is sure; see assertion_role.c.
 */
extern Oid	ig_assertion_role(Oid tgoid, Relation rel);

/*
 * From ig_assertion_as_role on, until ig_assertion_as_before or an error, the
 * session has the rights and settings of a check.
 */
typedef struct IgAsRole
{
	Oid			userid;
	int			context;
	int			nest;
} IgAsRole;

extern void ig_assertion_as_role(Oid role, IgAsRole *before);
extern void ig_assertion_as_before(const IgAsRole *before);

/* Parse it; raises for what is no assertion.  In the role. */
extern void ig_assertion_prepare(IgKeptPlan *plan, const char *sql);

/* SQL for check_rules(); see ig_rule_check. */
extern char *ig_commit_assertion_violations(const IgDeclaredTrigger *declared);

#endif							/* IG_ASSERTION_PLAN_H */
