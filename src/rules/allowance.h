/*-------------------------------------------------------------------------
 *
 * allowance.h
 *	  Hints that run a refused statement with the allowances it needs.
 *
 * Where there is no safer form of a statement, the cure is to allow just this
 * one.  One statement may need several allowances, for one object that is
 * named and for others that go along, and the hint must pass as a whole.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ALLOWANCE_H
#define IG_ALLOWANCE_H

#include "postgres.h"

#include "lib/stringinfo.h"

#include "model/finding.h"

/* Append 'rule(a.b.c)' to a list of allowances; parts may be NULL. */
extern void ig_allowance_append(StringInfo items, const char *rule, const char *a,
								const char *b, const char *c);

/* The same for the finding's own rule and object. */
extern void ig_allowance_append_own(StringInfo items, const IgFinding *finding);

/*
 * Both settings with these allowances, for a comment: no line break in a name
 * ends it.
 */
extern char *ig_allowance_settings(const char *items, bool in_transaction);

/* The same as a line of the hint, after a few words about when. */
extern void ig_allowance_comment(IgFinding *finding, const char *prose,
								 const char *items, bool in_transaction);

/* The statement, without ";", with these allowances in one transaction. */
extern void ig_allowance_hint(IgFinding *finding, const char *items, const char *sql);

/* The same for a statement that cannot run in a transaction block. */
extern void ig_allowance_hint_session(IgFinding *finding, const char *items,
									  const char *sql);

/* With the finding's own allowance alone; sql may be NULL. */
extern void ig_allowance_hint_own(IgFinding *finding, const char *sql);

/*
 * The change's own statement with all that it needs.  Where its text is not
 * known, the finding's own allowance alone is told.
 */
extern void ig_allowance_hint_statement(IgFinding *finding, const IgChange *change);

/*
 * With those for the object that goes, its parts and the victims of CASCADE.
 * What can be retired is to be retired first: then the rest is a comment.
 */
extern void ig_allowance_hint_drop(IgFinding *finding, const IgChange *change);

/* The same in a comment, after a few words about when. */
extern void ig_allowance_hint_at_once(IgFinding *finding, const IgChange *change,
									  const char *prose);

#endif							/* IG_ALLOWANCE_H */
