/*-------------------------------------------------------------------------
 *
 * target.h
 *	  The existing objects that a statement is about.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_TARGET_H
#define IG_TARGET_H

#include "postgres.h"

#include "gate/statement.h"

/*
 * Of IgChange, without a kind and in no list of changes: rel, or address, name
 * and identity, and is_new for what is temporary or of this transaction.
 * Objects that are not there are left out.  Takes no lock that it keeps.
 */
extern List *ig_statement_targets(const IgStatement *stmt);

/* One object; NULL if it is gone. */
extern IgChange *ig_target_of(const ObjectAddress *address);

extern bool ig_target_is_owned(const ObjectAddress *address);

/* The trigger, policy or rule of a relation, or an address without an OID. */
extern ObjectAddress ig_target_on_table(ObjectType type, Oid relid, const char *name);

/* What CREATE OR REPLACE FUNCTION would replace; InvalidOid if nothing. */
extern Oid	ig_target_function(List *names, List *parameters);

#endif							/* IG_TARGET_H */
