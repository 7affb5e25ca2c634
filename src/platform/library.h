/*-------------------------------------------------------------------------
 *
 * library.h
 *	  The library itself: where it is preloaded, and what else is loaded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LIBRARY_H
#define IG_LIBRARY_H

#include "postgres.h"

#define IG_LIBRARY_NAME	"invariant_guard"

/* Is our library in a list of libraries?  NULL is an empty list. */
extern bool ig_library_is_listed(const char *libraries);

/* Is the library loaded in this process, by the name that LOAD was given? */
extern bool ig_library_is_loaded(const char *file);

/*
 * What is stored under a setting's name for a database, a role, or a role in a
 * database; InvalidOid stands for "all".  NULL if there is nothing.
 */
extern char *ig_stored_setting(Oid database, Oid role, const char *name);

/* The same for ALTER SYSTEM. */
extern char *ig_stored_system_setting(const char *name);

#endif							/* IG_LIBRARY_H */
