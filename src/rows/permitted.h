/*-------------------------------------------------------------------------
 *
 * permitted.h
 *	  What a rule's BEFORE trigger let pass, so that its AFTER trigger does not
 *	  ask, and tell, again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_PERMITTED_H
#define IG_PERMITTED_H

#include "postgres.h"

#include "access/attnum.h"

/*
 * Was it let pass in the running command that this column of the relation
 * changes, or, for 0, that a row goes?  May have been forgotten; then one asks
 * again.  rule is a constant.
 */
extern bool ig_permitted_now(Oid relid, const char *rule, AttrNumber attnum);
extern void ig_permitted_remember(Oid relid, const char *rule, AttrNumber attnum);

#endif							/* IG_PERMITTED_H */
