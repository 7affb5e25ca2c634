/*-------------------------------------------------------------------------
 *
 * drop_rule.h
 *	  What a rule has outside of its own table, for drop_rule().
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_DROP_RULE_H
#define IG_DROP_RULE_H

#include "postgres.h"

#include "rows/declared.h"

/*
 * Triggers on other tables that are there for a rule and for nothing else: a
 * List of IgDeclaredTrigger.  They go along with it.
 */
typedef List *(*IgRuleCompanions) (const IgDeclaredRule *rule);

/* In _PG_init; one for each kind that has any. */
extern void ig_rule_companions(IgRowRuleKind kind, IgRuleCompanions companions);

#endif							/* IG_DROP_RULE_H */
