/*-------------------------------------------------------------------------
 *
 * soft_delete.h
 *	  What the files of the rule soft-delete share.
 *
 *		soft_delete.c			the trigger function: what is refused
 *		soft_delete_rule.c		the rule as a table declares it
 *		soft_delete_plan.c		DELETE becomes UPDATE, in the plan
 *		soft_delete_exec.c		which triggers that UPDATE can do without
 *		soft_delete_children.c	what a mark means for rows that refer to it
 *		soft_delete_parent.c	no live row refers to a deleted one
 *		soft_delete_declare.c	add_soft_delete()
 *		soft_delete_check.c		live rows that refer to a deleted one
 *		soft_delete_admin.c		soft_restore()
 *		soft_delete_purge.c		purge()
 *		soft_delete_deferred.c	rows that come before what they refer to
 *		soft_delete_views.c		live_view(), live_unique()
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SOFT_DELETE_H
#define IG_SOFT_DELETE_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "storage/itemptr.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "rows/foreign_key.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

typedef enum IgSoftDeleteChildren
{
	IG_CHILDREN_RESTRICT,		/* live children forbid the soft delete */
	IG_CHILDREN_SOFT_CASCADE,	/* those of soft-deleted tables go with it */
	IG_CHILDREN_INDEPENDENT		/* they do not matter */
} IgSoftDeleteChildren;

extern const char *const ig_soft_delete_children_words[];

/* The rule as a table declares it. */
typedef struct IgSoftDelete
{
	AttrNumber	deleted;		/* the time; NULL in a live row */
	AttrNumber	operation;		/* uuid, or 0 */
	IgSoftDeleteChildren children;
	bool		frozen;			/* deleted rows do not change */
	const char *keep;			/* an interval, or NULL */
} IgSoftDelete;

/*
 * The rule of an open relation, by the trigger that holds up its DELETEs;
 * false if it has none, or it is disabled.  The texts live as long as the
 * relation's cache entry.
 */
extern bool ig_soft_delete_of(Relation rel, IgSoftDelete *rule);
extern bool ig_soft_delete_of_table(Oid relid, IgSoftDelete *rule);

/* Is it the trigger that declares the rule, the one for DELETE? */
extern bool ig_soft_delete_declares(const Trigger *trigger);

/*
 * A row of the rule's relation has been marked: do with its children as the
 * rule says.  row has the columns that are referred to; tid is the version that
 * is to be locked.  *keys keeps what is known of the foreign keys, for the
 * statement.
 */
typedef struct IgMarkedRow
{
	Relation	rel;
	ItemPointer tid;
	TupleTableSlot *row;
	Datum		deleted;
	Datum		operation;
	bool		operation_is_null;
} IgMarkedRow;

extern void ig_soft_delete_children(IgRuleTrigger *trigger, const IgSoftDelete *rule,
									const IgMarkedRow *marked, List **keys);

/*
 * The row is live, or live again: refuse it if a row that it refers to is
 * soft-deleted.  attnums limits it to the foreign key of these columns, unless
 * it is NIL.
 */
extern List *ig_soft_delete_parents_prepare(Relation rel, const List *attnums);
extern void ig_soft_delete_parents_check(IgRuleTrigger *trigger, List *parents,
										 TupleTableSlot *row);

/*
 * The row that these values refer to is not there yet: look at it before the
 * transaction commits.
 */
extern void ig_soft_delete_defer(Oid relid, const IgForeignKey *key, const Datum *values);

extern void ig_soft_delete_refuse_parent(IgRuleTrigger *trigger, const IgForeignKey *key);

/*
 * SQL that gives one text column, a row for each live row that refers to a
 * deleted one; NULL if no foreign key refers to the table.
 */
extern char *ig_soft_delete_orphans(Relation rel, const IgSoftDelete *rule);

/*
 * Guard the tables that refer to this one by foreign keys; returns how many
 * triggers were made.
 */
extern int	ig_soft_delete_cover_children(Oid parent);

/*
 * What soft_restore() and purge() are doing: the triggers let exactly that
 * pass.
 */
typedef struct IgSoftDeleteWork
{
	List	   *relids;			/* the tables, and all below them */
	bool		purges;
	Oid			purged;			/* whose next DELETE that is planned is one */
	Datum		cutoff;			/* purges rows deleted by then; by the column's type */
	const pg_uuid_t *operation; /* restores its rows, if it does not purge */
} IgSoftDeleteWork;

extern IgSoftDeleteWork *ig_soft_delete_work;

/* Raises if the table has not the rule. */
extern void ig_soft_delete_need(Oid relid, IgSoftDelete *rule);

/*
 * Run a statement of theirs; how many rows.  Row security that would hide rows
 * is an error: nothing is done by halves.
 */
extern int64 ig_soft_delete_run(const char *sql, int nargs, Oid *types, Datum *values,
								IgSoftDeleteWork *work);

/*
 * How long past a time may be that was written by others than the server:
 * clocks differ, and without a time zone so do the sessions' zones.
 */
#define IG_SOFT_DELETE_DRIFT	"1 day"

/* An interval as an option has it. */
extern Interval *ig_soft_delete_interval(const char *words);

/* So long before the transaction began, as a value of the column's type. */
extern Datum ig_soft_delete_ago(Oid typid, Interval *interval);

/* 'schema.name', quoted */
extern char *ig_soft_delete_quoted(Oid relid);

extern void ig_soft_delete_plan_init(void);
extern void ig_soft_delete_exec_init(void);
extern void ig_soft_delete_deferred_init(void);

#endif							/* IG_SOFT_DELETE_H */
