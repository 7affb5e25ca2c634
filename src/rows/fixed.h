/*-------------------------------------------------------------------------
 *
 * fixed.h
 *	  Columns that keep what an INSERT stored: of immutable_columns and
 *	  snapshot_columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_FIXED_H
#define IG_FIXED_H

#include "postgres.h"

#include "rows/declare.h"
#include "rows/rule_trigger.h"

/* Of a trigger, in its statement. */
typedef struct IgFixed
{
	const char *rule;			/* of the catalogue of rules */
	const char *noun;			/* "immutable", for messages */
	const char *key;			/* tells the rule from others of the table */
	bool		write_once;		/* null may become a value */
	bool	   *permitted;		/* for each of the trigger's columns: a change
								 * was let pass in this statement */
} IgFixed;

/* The options that it reads: key and write_once. */
extern IgFixed *ig_fixed_prepare(IgRuleTrigger *trigger, const char *rule,
								 const char *noun);

/* From a BEFORE or AFTER UPDATE row trigger: refuse what changes them. */
extern void ig_fixed_check(IgRuleTrigger *trigger, IgFixed *fixed, const TriggerData *td);

/* From an AFTER INSERT row trigger with moved() in its WHEN clause: refuse. */
extern void ig_fixed_check_move(IgRuleTrigger *trigger, IgFixed *fixed,
								const TriggerData *td);

/*
 * The triggers for it.  columns is a List of char *; condition is one on OLD, or
 * NULL.
 */
extern void ig_fixed_declare(IgDeclaration *d, List *columns, const char *condition,
							 List *options);

/*
 * The columns of a name[] argument in the order of the table.  Raises for none,
 * and for what is no column, or a generated one.
 */
extern List *ig_fixed_columns(IgDeclaration *d, List *names, const char *role);

/* An instance for a rule that is about these columns and this condition. */
extern const char *ig_fixed_instance(IgDeclaration *d, List *columns, const char *condition);

#endif							/* IG_FIXED_H */
