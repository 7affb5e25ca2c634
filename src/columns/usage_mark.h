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
	IG_MARK_OWN,				/* a query of our own: not recorded at all */
	IG_MARK_EXPLAIN,			/* EXPLAIN without ANALYZE */
	IG_MARK_COPY,				/* COPY relation TO */
	IG_MARK_ALTER				/* ALTER TABLE, which checks what it declares */
} IgUsageMark;

/*
 * Whoever sets it sets it back, on error too (PG_FINALLY): marks are nested.
 */
extern IgUsageMark ig_usage_mark;

/* Can a utility statement have one?  On the way of all of them. */
static inline bool
ig_usage_may_mark(const Node *statement)
{
	NodeTag		tag = nodeTag(statement);

	return tag == T_CopyStmt || tag == T_ExplainStmt || tag == T_AlterTableStmt;
}

/* The mark to set while it runs: ig_usage_mark itself if it has none. */
extern IgUsageMark ig_usage_mark_of(const Node *statement);

#endif							/* IG_USAGE_MARK_H */
