/*-------------------------------------------------------------------------
 *
 * owned.h
 *	  The table that a function of ours is asked to work on.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_OWNED_H
#define IG_OWNED_H

#include "postgres.h"

#include "fmgr.h"
#include "storage/lockdefs.h"

/* Argument 0, a regclass; raises for NULL. */
extern Oid	ig_table_argument(FunctionCallInfo fcinfo);

/*
 * Lock a table of the current user's.  Ownership is asked first, so that
 * nobody locks what is not theirs, and again after the wait.  Raises for what
 * is not there, is somebody else's, or is no table.
 */
extern void ig_lock_owned_table(Oid relid, LOCKMODE lock);

/* The same checks without a lock. */
extern void ig_check_owned_table(Oid relid);

/* 'schema.name', for a message. */
extern char *ig_table_name(Oid relid);

#endif							/* IG_OWNED_H */
