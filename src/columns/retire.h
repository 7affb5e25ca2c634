/*-------------------------------------------------------------------------
 *
 * retire.h
 *	  Retiring columns and tables.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RETIRE_H
#define IG_RETIRE_H

#include "postgres.h"

/* In _PG_init: hand the usage record to the rules. */
extern void ig_retire_init(void);

#endif							/* IG_RETIRE_H */
