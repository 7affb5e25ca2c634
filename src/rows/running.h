/*-------------------------------------------------------------------------
 *
 * running.h
 *	  The statement that is being executed, for trigger functions.
 *
 * A row trigger is not told which statement has fired it.  What was looked for
 * in a statement's plan leaves a mark there (IgPlanVisit.mark); a trigger asks
 * for it here, and so tells a plan that was looked at from one that was not:
 * made before the library was loaded, or aimed at a table above that does not
 * have the rule.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RUNNING_H
#define IG_RUNNING_H

#include "postgres.h"

#include "executor/execdesc.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

/* In _PG_init. */
extern void ig_running_install(void);

/*
 * The innermost INSERT, UPDATE, DELETE or MERGE in execution, or NULL if it
 * began before the library was loaded.  From a trigger: the one that fired it.
 */
extern const QueryDesc *ig_running_statement(void);

/*
 * Does the text look like a query of a foreign key, which cascades or sets
 * null?  Others can write the like.
 */
extern bool ig_is_key_query(const char *source);

/*
 * Is the query in execution one, or one of a row rule?  Others cannot have
 * theirs executed in the same way.
 */
extern bool ig_query_is_of_key(const QueryDesc *query);

/* The same of the statement that fired the trigger.  Not if it is not known. */
extern bool ig_running_is_key_query(void);

/*
 * Does anything run inside one, as the triggers do that it fires?  Not the query
 * itself, when it begins.
 */
extern bool ig_running_in_key_query(void);

/*
 * What a rule says, as a number: the same for a table's trigger and those below
 * it.  Reads the trigger's WHEN clause: not for each row.
 */
extern uint32 ig_rule_mark(const Trigger *trigger, Relation rel);

/* The same for the table that a statement names. */
extern uint32 ig_table_mark(uint32 mark, Oid relid);

/* Put a mark into a plan; is it in the plan? */
extern void ig_plan_add_mark(PlannedStmt *plan, uint32 mark);
extern bool ig_plan_has_mark(const PlannedStmt *plan, uint32 mark);

/*
 * Is the rule's mark in the plan of the statement, for the table or one above
 * it, as often as the statement changes the table?  And a bad one?
 */
extern bool ig_running_has_mark(uint32 mark, Oid relid);
extern bool ig_running_has_bad_mark(uint32 mark, Oid relid);

/*
 * What a visitor refused and an allowance or the mode let pass gets another
 * mark, so that the plan is not taken for a good one later; but the statement
 * for which it was made was told, and need not be told again.
 */
#define IG_BAD_MARK(mark)	(~(mark))
extern void ig_let_pass_note(uint32 table_mark);
extern bool ig_let_pass_now(uint32 mark, Oid relid);

#endif							/* IG_RUNNING_H */
