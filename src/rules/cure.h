/*-------------------------------------------------------------------------
 *
 * cure.h
 *	  The steps from which rules put their hints together.
 *
 * A hint is SQL that can be pasted as it stands: statements that end in ";",
 * and prose in "--" comments.  Each step appends to the hint of a finding.
 * Statements are meant to run one by one, each in a transaction of its own.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_CURE_H
#define IG_CURE_H

#include "postgres.h"

#include "model/finding.h"

/* Names that are still free, built as the server builds them. */
extern char *ig_cure_constraint_name(const IgRelation *rel, const char *column,
									 const char *label);
extern char *ig_cure_column_name(const IgRelation *rel, const char *column);

/* 'a, b', quoted as needed */
extern char *ig_cure_columns(List *names);

/* The type of a column as it can be pasted, NULL if the column is gone. */
extern char *ig_cure_column_type(Oid relid, const char *column);

/* Of an existing constraint; without NOT VALID.  '\0' and NULL if it is gone. */
extern char ig_cure_constraint_type(Oid conoid);
extern char *ig_cure_constraint_definition(Oid conoid);

/* ADD CONSTRAINT ... NOT VALID and VALIDATE; definition as in the spec */
extern void ig_cure_add_constraint(IgFinding *finding, const IgRelation *rel,
								   const char *name, const char *definition);

/* Prove that the column holds no NULL, then SET NOT NULL without a scan. */
extern void ig_cure_not_null(IgFinding *finding, const IgRelation *rel,
							 const char *column);

/* Fill column with value (SQL) where condition (SQL) holds, in batches. */
extern void ig_cure_backfill(IgFinding *finding, const IgRelation *rel,
							 const char *column, const char *value,
							 const char *condition);

/*
 * A new column of that type beside the old one, and how to move there.  value
 * is what fills it, as SQL; NULL if it cannot be told.
 */
extern void ig_cure_new_column(IgFinding *finding, const IgRelation *rel,
							   const char *old_column, const char *new_column,
							   const char *type_sql, const char *value);

/*
 * An index of a partitioned table, without a lock on any of its partitions
 * that blocks writes.  tail is what follows the table's name: "(a, b)".
 */
extern void ig_cure_partitioned_index(IgFinding *finding, const IgRelation *rel,
									  const char *name, bool unique, const char *tail);

/* That tail of a CREATE INDEX statement; NULL if it cannot be told for sure. */
extern const char *ig_cure_index_tail(const char *create_sql);

/*
 * The allowance for this finding, in a comment: nothing that opens a hatch is
 * run by pasting.  The prose tells when; in_transaction is false for commands
 * that cannot run in a transaction block.
 */
extern void ig_cure_allow(IgFinding *finding, const char *prose, bool in_transaction);

#endif							/* IG_CURE_H */
