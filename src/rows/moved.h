/*-------------------------------------------------------------------------
 *
 * moved.h
 *	  WHEN clauses that tell whether a row changed while it moved.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_MOVED_H
#define IG_MOVED_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* How many columns ig_moved_anchor takes; the server's limit, nearly. */
#define IG_MOVED_COLUMNS	90

/*
 * For an AFTER DELETE trigger, after what says that the rule holds for OLD:
 * always true, and to be called for each such row.
 */
extern char *ig_moved_leaves(const char *key);

/*
 * For an AFTER INSERT trigger: FUNCTION('key'::text, new.tableoid, new.ctid,
 * new.a, ...), of moved and moved_except.
 */
extern char *ig_moved_anchor(const char *function, const char *key, List *columns);

#endif							/* IG_MOVED_H */
