/*-------------------------------------------------------------------------
 *
 * hooks.h
 *	  The ways in: what _PG_init installs.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_HOOKS_H
#define IG_HOOKS_H

extern void ig_utility_hook_install(void);
extern void ig_object_hook_install(void);
extern bool ig_utility_hook_is_running(void);

/* Was the library loaded by the login event trigger of this session? */
extern bool ig_loaded_by_login;

/*
 * Called when a table has become a partition or child of another one, in the
 * midst of the command; and when a DDL command has ended, by the event trigger.
 */
extern void (*ig_inherited_hook) (Oid relid);
extern void (*ig_ddl_end_hook) (void);

/* Called when a relation was altered, which its catalog row does not show yet. */
extern void (*ig_relation_altered_hook) (Oid relid);

/* Called when a trigger or constraint was entered into the catalogs. */
extern void (*ig_object_created_hook) (Oid classid, Oid objid);

#endif							/* IG_HOOKS_H */
