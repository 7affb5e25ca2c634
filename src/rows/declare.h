/*-------------------------------------------------------------------------
 *
 * declare.h
 *	  What all add_*() functions share: writing the triggers of a rule.
 *
 *		IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_IMMUTABLE_COLUMNS);
 *
 *		column = ig_declare_column(d, name, "immutable");
 *		ig_declare_trigger(d, "update", "BEFORE UPDATE", true,
 *						   ig_declare_anchor(d, "changed", columns), options);
 *		ig_declare_end(d);
 *
 * The SQL functions pin search_path; see install/.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_DECLARE_H
#define IG_DECLARE_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "fmgr.h"
#include "utils/rel.h"

#include "model/row_rule.h"

typedef struct IgDeclaration
{
	const IgRowRule *rule;
	Oid			relid;
	Relation	rel;			/* ShareRowExclusiveLock, as CREATE TRIGGER */
	char	   *quoted;			/* schema.name, quoted */
	char	   *text;			/* schema.name, for messages */
	const char *instance;		/* tells several rules of a kind on one table
								 * apart, part of the triggers' names; NULL */
	bool		grows;			/* the rule gets more triggers by itself */
	List	   *triggers;		/* of IgTriggerSpec */
} IgDeclaration;

/*
 * Begin: argument 0 of the function is the table, a regclass.  Raises for NULL,
 * for what is no table of the current user's, and for views, foreign and
 * temporary tables, catalogs.  Needs SPI_connect to have been called by nobody.
 */
extern IgDeclaration *ig_declare_begin(FunctionCallInfo fcinfo, IgRowRuleKind kind);

/* The column; raises if there is none.  role is a word for the message. */
extern Form_pg_attribute ig_declare_column(IgDeclaration *d, const char *name,
										   const char *role);

/* A name argument; NULL if the argument is null. */
extern char *ig_declare_name(FunctionCallInfo fcinfo, int arg);

/* A text argument; NULL if it is null. */
extern char *ig_declare_text(FunctionCallInfo fcinfo, int arg);

/*
 * A name[] argument as a List of char *.  Raises for an element that is null
 * or stands twice; NIL for null or an empty array.
 */
extern List *ig_declare_names(FunctionCallInfo fcinfo, int arg, const char *role);

/* A text argument that must be one of these words; raises for another. */
extern int	ig_declare_word(FunctionCallInfo fcinfo, int arg, const char *name,
							const char *const *words);

/*
 * A condition on the table's own columns, as SQL for a WHEN clause in which
 * they stand as alias.column ("old", "new").  Raises for what is no boolean
 * expression of immutable functions over these columns; subqueries and
 * aggregates are refused by the server.
 */
extern char *ig_declare_condition(IgDeclaration *d, const char *sql, const char *alias);

/*
 * 'invariant_guard.uses(old.a, old.b)' for the function uses and alias old;
 * for changed it pairs old and new.  More than 50 columns make several calls.
 */
extern char *ig_declare_anchor(const char *function, const char *alias, List *columns);

/* 'option=value' appended to a list of arguments; value NULL adds nothing. */
extern List *ig_declare_option(List *options, const char *name, const char *value);

/*
 * Add a trigger: zz_ig_FUNCTION[_INSTANCE]_SUFFIX, so that it fires after those
 * of others.  fires is 'BEFORE UPDATE OR DELETE'; when may be NULL; options is
 * a List of char *, arguments of the function.  A statement trigger is put on
 * each partition and child as well.
 */
extern void ig_declare_trigger(IgDeclaration *d, const char *suffix, const char *fires,
							   bool row, const char *when, List *options);

/* A CONSTRAINT TRIGGER ... DEFERRABLE INITIALLY DEFERRED; for each row. */
extern void ig_declare_constraint_trigger(IgDeclaration *d, const char *suffix,
										  const char *fires, const char *when,
										  List *options);

/*
 * Write the triggers, on inheritance children too.  Returns false, after a
 * NOTICE, if the same rule is there already; raises if it is there with other
 * columns or options.  Closes the relation and keeps the lock.
 */
extern bool ig_declare_end(IgDeclaration *d);

/* Is a trigger of this name among those that were added? */
extern bool ig_declare_has(const IgDeclaration *d, const char *trigger_name);

/* Raise: the rule is there with other columns or options. */
extern void ig_declare_otherwise(IgDeclaration *d);

/* Run a command by SPI; SPI_connect is done here.  Raises on failure. */
extern void ig_declare_execute(const char *sql);

/*
 * Rows that are there break the rule: raise, with up to five of them.  query
 * gives one text column, a row for each sample; the declaring function calls it
 * before ig_declare_end, when the table is locked against writers.  Row
 * security is off for it, or it raises.
 */
extern void ig_declare_check_rows(IgDeclaration *d, const char *query, const char *what,
								  const char *hint);

#endif							/* IG_DECLARE_H */
