/*-------------------------------------------------------------------------
 *
 * soft_delete_keys.h
 *	  What a soft delete has on the tables that refer to its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SOFT_DELETE_KEYS_H
#define IG_SOFT_DELETE_KEYS_H

#include "postgres.h"

#include "rows/declared.h"

/*
 * The triggers that are there for the rule and for nothing else: a List of
 * IgDeclaredTrigger, for drop_rule().
 */
extern List *ig_soft_delete_companions(const IgDeclaredRule *rule);

/* Foreign keys that have no such triggers, for verify_rules(). */
extern void ig_soft_delete_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier);

#endif							/* IG_SOFT_DELETE_KEYS_H */
