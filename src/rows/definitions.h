/*-------------------------------------------------------------------------
 *
 * definitions.h
 *	  What is asked of all kinds of row rules alike.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_DEFINITIONS_H
#define IG_DEFINITIONS_H

#include "postgres.h"

#include "model/row_rule.h"

/*
 * A trigger was made: if it declares a rule, raise if it is of a kind that its
 * function is not made for, or names columns or options that are not there.
 * The table is locked as for CREATE TRIGGER.
 */
extern void ig_rule_trigger_check(Oid tgoid);

/* The query for the rows that break the rule, or NULL; see violations there. */
extern char *ig_rule_violations(const IgDeclaredTrigger *declared);

#endif							/* IG_DEFINITIONS_H */
