/*-------------------------------------------------------------------------
 *
 * declared.h
 *	  The row rules that are declared, put together from their triggers.
 *
 * By the catalog snapshot and without a lock: what is dropped meanwhile may
 * still be among them, and functions that are asked about it must bear that.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_DECLARED_H
#define IG_DECLARED_H

#include "postgres.h"

#include "utils/hsearch.h"

#include "model/row_rule.h"

typedef enum IgRuleSource
{
	IG_RULE_DECLARED,			/* for the relation itself */
	IG_RULE_OF_PARTITIONED,		/* for the partitioned table above */
	IG_RULE_OF_PARENT			/* for a table that this one inherits from */
} IgRuleSource;

/* One rule on one relation. */
typedef struct IgDeclaredRule
{
	const IgRowRule *rule;
	Oid			relid;
	const char *instance;		/* NULL for one that has no name of its own */
	bool		by_hand;		/* its triggers have names that no add_ function
								 * gives */
	List	   *triggers;		/* of IgDeclaredTrigger, by their names */
	List	   *columns;		/* of char * */
	List	   *options;		/* of char *: name=value */
	IgRuleSource source;
	Oid			declared_on;	/* the relation itself, or the one at the top */
} IgDeclaredRule;

typedef struct IgDeclaredRules
{
	List	   *list;			/* of IgDeclaredRule, by relation and rule */
	HTAB	   *by_relation;
} IgDeclaredRules;

/* All rules of the database. */
extern IgDeclaredRules *ig_declared_rules_load(void);

/* Those on one relation. */
extern List *ig_declared_rules_of(const IgDeclaredRules *rules, Oid relid);

/* Is it the instance of this name?  A long one was shortened for the triggers. */
extern bool ig_declared_is_instance(const IgDeclaredRule *rule, const char *instance);

/* Is this trigger of a partition its own copy of a clone?  See keep_rules(). */
extern bool ig_declared_is_kept(const IgDeclaredTrigger *trigger);

/*
 * Does one of the triggers do on its relation what this one does on a relation
 * above?
 */
extern const IgDeclaredTrigger *ig_declared_counterpart(const List *triggers,
														 const IgDeclaredTrigger *above);

/*
 * CREATE TRIGGER as the server writes it, all names qualified; NULL if the
 * trigger is gone, or another session is changing its table just now.
 */
extern char *ig_declared_definition(const IgDeclaredTrigger *trigger);

/*
 * How a rule tells verify_rules() what its triggers do not show: a weakness,
 * whether it is one in all sessions or in some, and the SQL that mends it, or
 * NULL.
 */
typedef void (*IgRuleTell) (void *verifier, const IgDeclaredRule *rule, bool everywhere,
							char *weakness, char *mend);

/* 'always', 'origin', 'replica' or 'disabled' */
extern const char *ig_declared_enabled_word(char enabled);

#endif							/* IG_DECLARED_H */
