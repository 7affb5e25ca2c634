/*-------------------------------------------------------------------------
 *
 * when_clause.h
 *	  What the WHEN clause of a row rule's trigger says.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_WHEN_CLAUSE_H
#define IG_WHEN_CLAUSE_H

#include "postgres.h"

#include "nodes/bitmapset.h"
#include "nodes/pg_list.h"

/* A clause that can be answered without the server's executor. */
typedef enum IgWhenForm
{
	IG_WHEN_OTHER,
	IG_WHEN_USES,				/* uses() and nothing else: always true */
	IG_WHEN_CHANGED,			/* changed(OLD.a, NEW.a, ...) and nothing else */
} IgWhenForm;

/*
 * The columns of a trigger of the relation, in the order in which they are
 * written: a List of int attribute numbers from the anchor of its WHEN clause
 * (the text of pg_trigger.tgqual), NIL if it has none.  With form, also what
 * the clause as a whole is; of IG_WHEN_CHANGED the columns are all that matters.
 *
 * Kept in a cache of the backend; the trigger's OID only makes it faster.
 */
extern List *ig_when_columns(Oid tgoid, const char *qual, IgWhenForm *form);

/* All columns of OLD and NEW that the clause mentions. */
extern Bitmapset *ig_when_mentioned(const char *qual);

/*
 * Which form may the clause be, by its beginning?  IG_WHEN_USES is for certain,
 * IG_WHEN_CHANGED has to be read.  Cheap.
 */
extern IgWhenForm ig_when_likely_form(const char *qual);

extern void ig_when_init(void);

#endif							/* IG_WHEN_CLAUSE_H */
