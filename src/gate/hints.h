/*-------------------------------------------------------------------------
 *
 * hints.h
 *	  The hints of all that one statement is refused for.
 *
 * A rule knows its own finding and what that has to be allowed.  The setting
 * holds one list, so that who sets what the next hint tells takes back what
 * the last one told.  Here the lists are put together.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_HINTS_H
#define IG_HINTS_H

#include "postgres.h"

#include "model/finding.h"

/*
 * Of one statement, or of a transaction at its end.
 */
typedef struct IgHints
{
	List	   *refused;		/* of IgFinding */
	List	   *allowed;		/* those that are allowed already, which a new
								 * list would forget */
	List	   *all;			/* of char *: what the statement needs to pass
								 * as it is; see ig_hints_begin() */
} IgHints;

/*
 * Once both lists are there.  Of more than can be shown, each hint tells its
 * own allowances alone, and all remains empty.
 */
extern void ig_hints_begin(IgHints *hints);

/*
 * The hint of one of the refused, NULL if it has none.  Its SQL has what that
 * needs as a whole.  A comment has what the statement needs; or only names the
 * finding's own, where others follow and ig_hints_end() tells all.
 */
extern char *ig_hints_of(const IgHints *hints, const IgFinding *finding, bool others_follow);

/* The last line, where comments need one; else NULL. */
extern char *ig_hints_end(const IgHints *hints);

#endif							/* IG_HINTS_H */
