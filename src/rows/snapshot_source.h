/*-------------------------------------------------------------------------
 *
 * snapshot_source.h
 *	  The row that a row refers to, from which it copies.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SNAPSHOT_SOURCE_H
#define IG_SNAPSHOT_SOURCE_H

#include "postgres.h"

#include "commands/trigger.h"

#include "rows/declared.h"
#include "rows/kept_plan.h"
#include "rows/rule_trigger.h"

/* The source of a trigger, in its statement. */
typedef struct IgSnapshotSource
{
	Oid			relid;
	int			nkeys;			/* the first columns of the trigger */
	int			ncolumns;		/* those that follow */
	IgKeptPlan *plan;
} IgSnapshotSource;

/* The constant of type regclass in the WHEN clause; InvalidOid if none. */
extern Oid	ig_snapshot_source_relid(const char *qual);

/*
 * Find the foreign key, and write the query.  names are the source's columns,
 * one for each of the trigger's after the keys.  Raises if the key or a column
 * is gone, or a type has changed.
 */
extern IgSnapshotSource *ig_snapshot_source(IgRuleTrigger *trigger, Relation rel,
											Oid source, int nkeys, List *names);

/*
 * Read the source for a row: into values and nulls, one for each column, in the
 * current memory context.  False if the key has a null, or there is no such row
 * in the snapshot of the statement.  Reads as the owner of the table.
 */
extern bool ig_snapshot_read(IgRuleTrigger *trigger, const IgSnapshotSource *source,
							 Relation rel, TupleTableSlot *slot, Datum *values, bool *nulls);

/*
 * For a declaration: the columns of the foreign key from rel to source, a List
 * of char *.  constraint is the key's name, or NULL if there is but one.
 */
extern List *ig_snapshot_key_columns(Relation rel, Oid source, const char *constraint);

/*
 * For check_rules(): rows of the table that lack what their source has.  keys,
 * columns and names (the source's) are Lists of char *; NULL if the key or a
 * column of the source is gone.
 */
extern char *ig_snapshot_missing_query(Oid relid, Oid source, List *keys, List *columns,
									   List *names);

/* What of it is gone, for people; NULL if nothing is. */
extern char *ig_snapshot_source_loss(Oid relid, Oid source, List *keys, List *names);

/* A rule whose source cannot be read any more, for verify_rules(). */
extern void ig_snapshot_columns_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier);

#endif							/* IG_SNAPSHOT_SOURCE_H */
