/*-------------------------------------------------------------------------
 *
 * status.h
 *	  What status() has to be told about the loading of the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_STATUS_H
#define IG_STATUS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Was the library loaded by the postmaster?  Set by _PG_init. */
extern bool ig_loaded_at_server_start;

/*
 * Do the sessions that connect to this database from now on load the library
 * at once?  If not, the statement is what makes them.
 */
extern bool ig_status_sessions_load(char **statement);

/*
 * Roles whose sessions do not, since a session_preload_libraries of their own
 * goes before that of the database; a List of IgRolePreload, by name.
 */
typedef struct IgRolePreload
{
	char	   *role;
	char	   *libraries;
	char	   *statement;		/* what makes them */
} IgRolePreload;

extern List *ig_status_roles_not_loading(void);

/* Those of our event triggers that are missing or do not fire always; char *. */
extern List *ig_status_weak_event_triggers(void);

#endif							/* IG_STATUS_H */
