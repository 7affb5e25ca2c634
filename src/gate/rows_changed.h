/*-------------------------------------------------------------------------
 *
 * rows_changed.h
 *	  How many rows a transaction changes while it holds a strong lock.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ROWS_CHANGED_H
#define IG_ROWS_CHANGED_H

#include "postgres.h"

/* Is there anything to count?  For whoever is on the way of every query. */
extern bool ig_rows_counting;

extern void ig_rows_changed_install(void);

/* The first strong lock was taken; none is held any more. */
extern void ig_rows_begin(void);
extern void ig_rows_end(void);
extern void ig_rows_taken_back(void);

/*
 * A statement has changed rows: judge how many they are by now; raises if it
 * is refused.  processed is what the statement itself counted.
 */
extern void ig_rows_judge(uint64 processed);

#endif							/* IG_ROWS_CHANGED_H */
