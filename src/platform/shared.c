/*-------------------------------------------------------------------------
 *
 * shared.c
 *	  Memory that all sessions of the server share.
 *
 * Each part has a head with its lock.  The lock's tranche is made together
 * with the memory, and told to each process that gets it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#include "platform/compat.h"
#include "platform/shared.h"

typedef struct IgSharedHead
{
	int			tranche;
	LWLock		lock;
} IgSharedHead;

#define HEAD_SIZE	MAXALIGN(sizeof(IgSharedHead))

static IgSharedPart *parts = NULL;

/* The part whose segment is being made: the registry's callback has no room. */
static IgSharedPart *being_made = NULL;

static shmem_request_hook_type prev_shmem_request = NULL;
static shmem_startup_hook_type prev_shmem_startup = NULL;

static void shmem_request(void);
static void shmem_startup(void);
static void make(void *memory);

/*
 * Sessions that have different versions of the library loaded, which happens
 * after an update without a restart, must not share what they read differently.
 */
void
ig_shared_add(IgSharedPart *part)
{
	part->next = parts;
	parts = part;
	ig_shared_resize(part, part->size);
}

void
ig_shared_resize(IgSharedPart *part, Size size)
{
	part->size = size;
	snprintf(part->full_name, sizeof(part->full_name), "invariant_guard %s %s %zu",
			 part->name, IG_VERSION, part->size);
}

bool
ig_shared_is_ready(const IgSharedPart *part)
{
	return part->head != NULL;
}

void
ig_shared_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;

	prev_shmem_request = shmem_request_hook;
	shmem_request_hook = shmem_request;
	prev_shmem_startup = shmem_startup_hook;
	shmem_startup_hook = shmem_startup;
}

static void
shmem_request(void)
{
	if (prev_shmem_request)
		prev_shmem_request();

	for (IgSharedPart *part = parts; part != NULL; part = part->next)
		RequestAddinShmemSpace(HEAD_SIZE + MAXALIGN(part->size));
}

/*
 * Also after a crash of another process: then the memory is a new one.
 */
static void
shmem_startup(void)
{
	if (prev_shmem_startup)
		prev_shmem_startup();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	for (IgSharedPart *part = parts; part != NULL; part = part->next)
	{
		bool		found;

		part->head = ShmemInitStruct(part->full_name, HEAD_SIZE + part->size, &found);
		being_made = part;
		if (!found)
			make(part->head);
		LWLockRegisterTranche(part->head->tranche, part->full_name);
	}
	LWLockRelease(AddinShmemInitLock);
}

static void
make(void *memory)
{
	IgSharedHead *head = (IgSharedHead *) memory;

	memset(memory, 0, HEAD_SIZE + being_made->size);
	head->tranche = LWLockNewTrancheId();
	LWLockInitialize(&head->lock, head->tranche);
	if (being_made->init)
		being_made->init((char *) memory + HEAD_SIZE);
}

bool
ig_shared_is_possible(void)
{
	return (parts != NULL && parts->head != NULL) ||
		(IG_HAS_DSM_REGISTRY && IsUnderPostmaster);
}

void *
ig_shared_get(IgSharedPart *part)
{
	if (part->head == NULL)
	{
		if (!IG_HAS_DSM_REGISTRY || !IsUnderPostmaster)
			return NULL;

		being_made = part;
		part->head = ig_named_segment(part->full_name, HEAD_SIZE + part->size, make);
		LWLockRegisterTranche(part->head->tranche, part->full_name);
	}
	return (char *) part->head + HEAD_SIZE;
}

void
ig_shared_lock(IgSharedPart *part, LWLockMode mode)
{
	LWLockAcquire(&part->head->lock, mode);
}

void
ig_shared_unlock(IgSharedPart *part)
{
	LWLockRelease(&part->head->lock);
}
