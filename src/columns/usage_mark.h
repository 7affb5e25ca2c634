/*-------------------------------------------------------------------------
 *
 * usage_mark.h
 *	  What runs now, and makes the queries inside it no use of a column.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_USAGE_MARK_H
#define IG_USAGE_MARK_H

#include "postgres.h"

#include "nodes/nodes.h"

typedef enum IgUsageMark
{
	IG_MARK_NONE,
	IG_MARK_OWN,				/* the next query is one of our own */
	IG_MARK_EXPLAIN,			/* EXPLAIN without ANALYZE */
	IG_MARK_ALTER				/* ALTER TABLE, which checks what it declares */
} IgUsageMark;

/*
 * Whoever sets it sets it back: marks are nested.  On error too (PG_FINALLY),
 * but for IG_MARK_OWN, which goes with the query that it is for.
 */
extern IgUsageMark ig_usage_mark;

/* Can a utility statement have one?  On the way of all of them. */
static inline bool
ig_usage_may_mark(const Node *statement)
{
	return IsA(statement, ExplainStmt) || IsA(statement, AlterTableStmt);
}

/* The mark to set while it runs: ig_usage_mark itself if it has none. */
extern IgUsageMark ig_usage_mark_of(const Node *statement);

#endif							/* IG_USAGE_MARK_H */
