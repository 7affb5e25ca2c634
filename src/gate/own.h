/*-------------------------------------------------------------------------
 *
 * own.h
 *	  What the guard itself consists of.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_OWN_H
#define IG_OWN_H

#include "postgres.h"

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"

/*
 * The schema of the extension where that is created, else InvalidOid.  All that
 * the extension consists of is in it, but for the event triggers.
 */
extern Oid	ig_own_schema(void);

/* The extension, its schema, what is in it, and its event triggers. */
extern bool ig_is_own(const ObjectAddress *address);

/*
 * A trigger of the relation, or of one below it if recurse, that executes a
 * function of ours: that of this name, or the first of any name.  False if
 * there is none.
 */
extern bool ig_own_trigger(Oid relid, bool recurse, const char *name,
						   ObjectAddress *trigger);

/*
 * A trigger that goes along with a rule, of whose drop as a whole the gate has
 * been asked already; InvalidOid but while drop_rule() drops it.
 */
extern Oid	ig_own_trigger_let_go;

/* Install the check hooks of the server's own settings; see session_guard.c. */
extern void ig_session_guard_install(void);

/* Settings that make the guard's triggers silent: the bad one's name or NULL. */
extern const char *ig_session_weakness(const char **value);
extern bool ig_session_would_weaken(const char *name, const char *value);
extern const char *ig_session_reason(const char *name);

#endif							/* IG_OWN_H */
