/*-------------------------------------------------------------------------
 *
 * shared.h
 *	  Memory that all sessions of the server share.
 *
 * Where the library is in shared_preload_libraries the memory is the server's
 * own.  Otherwise, from PostgreSQL 17 on, it is taken from the registry of
 * named segments when it is first asked for; before 17 there is none.  Either
 * way it is as old as the server's last start.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SHARED_H
#define IG_SHARED_H

#include "postgres.h"

#include "storage/lwlock.h"

/*
 * One piece of it.  A module defines it as a static variable, adds it in
 * _PG_init, and gets its memory whenever it needs it.
 */
typedef struct IgSharedPart
{
	const char *name;			/* at most 20 bytes */
	Size		size;
	void		(*init) (void *memory); /* once; the memory is zeroed before */
	/* private to shared.c */
	char		full_name[64];	/* another one for each layout */
	struct IgSharedHead *head;
	struct IgSharedPart *next;
} IgSharedPart;

/* In _PG_init: first each part, then once the other. */
extern void ig_shared_add(IgSharedPart *part);
extern void ig_shared_init(void);

/* Another size; before its memory is there. */
extern void ig_shared_resize(IgSharedPart *part, Size size);

/* Does this process have its memory? */
extern bool ig_shared_is_ready(const IgSharedPart *part);

/* Can this server have it, loaded as it is? */
extern bool ig_shared_is_possible(void);

/*
 * The memory of a part, or NULL where there is none.  May raise an error from
 * 17 on, when the server is out of dynamic shared memory, so it must be called
 * without the lock.
 */
extern void *ig_shared_get(IgSharedPart *part);

/*
 * The part's own lock; the caller has got the memory before.  An error lets
 * it go, but what is done under it must not raise one.
 */
extern void ig_shared_lock(IgSharedPart *part, LWLockMode mode);
extern void ig_shared_unlock(IgSharedPart *part);

#endif							/* IG_SHARED_H */
