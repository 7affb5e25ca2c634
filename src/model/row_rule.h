/*-------------------------------------------------------------------------
 *
 * row_rule.h
 *	  The row rules that are declared, as the catalogs show them.
 *
 * A row rule is its triggers: those that execute one of our trigger functions.
 * What a rule is about it says itself: its columns stand in the trigger's WHEN
 * clause, as arguments of uses() or changed(), where the server follows a
 * rename and refuses a drop; or, written by hand, as arguments of the trigger
 * function.  What has an "=" there is an option.
 *
 * This is what the gate, which protects the rules, the rules themselves and
 * the reports all need to know; what a rule does is in rows/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ROW_RULE_H
#define IG_ROW_RULE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "model/row_rule_kind.h"

/*
 * A trigger that declares a rule, as the catalogs show it.  columns is in the
 * order in which they are written; several triggers make up one rule.
 */
typedef struct IgDeclaredTrigger
{
	const IgRowRule *rule;
	Oid			oid;
	Oid			relid;
	Oid			parent;			/* trigger of the partitioned table above */
	char	   *name;
	int16		type;			/* TRIGGER_TYPE_ bits */
	char		enabled;		/* TRIGGER_FIRES_..., TRIGGER_DISABLED */
	bool		update_of;		/* limited to UPDATE OF some columns */
	List	   *columns;		/* of char *: as the relation names them now, or
								 * as an argument does that names no column */
	List	   *attnums;		/* of int: their numbers, 0 for no such column */
	List	   *options;		/* of char *: name=value */
	Bitmapset  *mentioned;		/* all columns that the trigger depends on,
								 * those of its condition included */
	Bitmapset  *in_arguments;	/* those that stand there as arguments */
} IgDeclaredTrigger;

/*
 * A table with the seals of an append-only one has a CHECK constraint of this
 * name, whose expression names that one.
 */
#define IG_SEALS_OF		"seals_of"

/*
 * The columns of a trigger as the relation cache has it, as a List of int
 * attribute numbers in the order in which they are written: from its WHEN
 * clause, or from its arguments; NIL if one of these names no column.
 */
extern List *ig_row_rule_columns(const Trigger *trigger, Relation rel);

/*
 * The IgDeclaredTriggers of a relation, those that are disabled included, by
 * the catalog snapshot.  No lock is needed; columns that are gone have number 0.
 */
extern List *ig_declared_triggers(Oid relid);

/* Those of all relations, in one scan. */
extern List *ig_all_declared_triggers(void);

/* Does the relation declare any rule?  Cheaper than the list. */
extern bool ig_declares_rules(Oid relid);

/*
 * A rule of the relation by which its rows are never changed or removed, or
 * NULL.
 */
extern const IgRowRule *ig_history_rule(Oid relid);

/* One of them by its OID in pg_trigger, or NULL if it declares no rule. */
extern IgDeclaredTrigger *ig_declared_trigger(Oid tgoid);

/* The value of an option of a declared trigger, or NULL. */
extern const char *ig_declared_option(const IgDeclaredTrigger *declared, const char *name);

#endif							/* IG_ROW_RULE_H */
