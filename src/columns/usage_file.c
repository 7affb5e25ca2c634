/*-------------------------------------------------------------------------
 *
 * usage_file.c
 *	  The usage record on disk.
 *
 * A file in the data directory, so a standby can have one too, and none of it
 * goes through WAL.  It is written anew beside the old one, brought to disk,
 * and renamed.  Where nothing has changed only its head is written, which says
 * until when nothing was lost.
 *
 * What happened between the file's last word and now was not observed, unless
 * it can be shown that the server did not run.  With shared_preload_libraries
 * the postmaster writes the last file when the server is shut down, with the
 * checksum of pg_control; if that is the same at the next start, nobody has
 * started the server in between.  Without, the worker writes the last one when
 * no session that could add to the record is left.
 *
 * A base backup takes the file along.  A standby that finds the record of a
 * primary begins its own; one that is promoted keeps what it has seen, and the
 * time in which another server was the primary is a gap.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/xlog.h"
#include "catalog/pg_control.h"
#include "common/controldata_utils.h"
#include "common/file_perm.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/pg_crc32c.h"
#include "storage/fd.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "columns/usage_record.h"
#include "platform/compat.h"

#define USAGE_FILE		PGSTAT_STAT_PERMANENT_DIRECTORY "/invariant_guard_usage"
#define USAGE_FILE_NEW	USAGE_FILE ".new"
#define FILE_MAGIC		0x49475531
#define RECORD_HEAD		offsetof(IgUsageRecord, entries)

typedef struct FileHead
{
	uint32		magic;
	uint32		record_size;	/* what the layout is told by */
	uint32		entry_size;
	uint32		final;			/* nothing was added to the record after it */
	TimestampTz alive_at;		/* nothing before this is missing */
	uint64		entries;
	pg_crc32c	control;		/* of pg_control, or 0 */
	pg_crc32c	body;			/* of what follows the head */
	pg_crc32c	head;			/* of what stands before this */
} FileHead;

static bool is_standby_to_be(void);
static char *copy_record(IgUsageRecord *record, FileHead *head);
static void finish_head(FileHead *head, bool final);
static bool write_file(const char *body, const FileHead *head);
static bool write_head(const FileHead *head);
static bool write_all(int fd, const char *data, Size length);
static char *read_file(FileHead *head);
static bool read_all(int fd, char *data, Size length);
static void restore(IgUsageRecord *record, const char *body, const FileHead *head);
static void note_downtime(IgUsageRecord *record, const FileHead *head, bool at_server_start);
static Size body_size(const FileHead *head);
static pg_crc32c crc_of(const void *data, Size length);

/* Of the file that this process wrote last. */
static FileHead last_head;

/*
 * The caller holds the lock, or is the postmaster.  at_server_start tells that
 * pg_control is still as the last server has left it.
 */
void
ig_usage_load(IgUsageRecord *record, bool at_server_start)
{
	FileHead	head;
	char	   *body;
	bool		was_standby;

	ig_usage_clear(record);
	record->standby = at_server_start ? is_standby_to_be() : RecoveryInProgress();
	body = read_file(&head);
	was_standby = body != NULL && ((IgUsageRecord *) body)->standby;
	if (body != NULL && (was_standby || !record->standby))
	{
		restore(record, body, &head);
		note_downtime(record, &head, at_server_start);
		if (was_standby && !record->standby)
			ig_usage_gap(record, InvalidOid, IG_GAP_STANDBY, record->since,
						 GetCurrentTimestamp());
	}
	if (body != NULL)
		pfree(body);

	/* from here on the file that says "final" would be wrong */
	body = copy_record(record, &head);
	finish_head(&head, false);
	if (write_file(body, &head))
		record->saved_at = head.alive_at;
	pfree(body);
	record->loaded = true;
}

/*
 * The postmaster cannot ask whether the server is in recovery before it is.
 */
static bool
is_standby_to_be(void)
{
	struct stat st;

	return stat(STANDBY_SIGNAL_FILE, &st) == 0;
}

/*
 * final: nobody adds to the record any more.
 */
void
ig_usage_save(IgUsageRecord *record, bool final)
{
	FileHead	head;
	char	   *body;

	if (!final && record->changes == record->saved_changes && last_head.magic != 0)
	{
		last_head.alive_at = GetCurrentTimestamp();
		finish_head(&last_head, false);
		if (write_head(&last_head))
		{
			record->saved_at = last_head.alive_at;
			return;
		}
	}

	ig_usage_lock(true);
	body = copy_record(record, &head);
	ig_usage_unlock();
	finish_head(&head, final);
	if (write_file(body, &head))
	{
		last_head = head;
		record->saved_at = head.alive_at;
	}
	pfree(body);
}

/*
 * What goes into the file after the head.  Under the lock, which may be held
 * while memory is taken: an error lets it go.
 */
static char *
copy_record(IgUsageRecord *record, FileHead *head)
{
	char	   *body;
	IgUsageEntry *to;

	memset(head, 0, sizeof(FileHead));
	head->magic = FILE_MAGIC;
	head->record_size = RECORD_HEAD;
	head->entry_size = sizeof(IgUsageEntry);
	head->entries = record->used;
	head->alive_at = GetCurrentTimestamp();

	body = MemoryContextAllocHuge(CurrentMemoryContext, body_size(head));
	memcpy(body, record, RECORD_HEAD);
	to = (IgUsageEntry *) (body + RECORD_HEAD);
	for (uint32 i = 0; i < record->highest; i++)
	{
		if (OidIsValid(record->entries[i].key.database))
			*to++ = record->entries[i];
	}
	Assert((char *) to == body + body_size(head));
	head->body = crc_of(body, body_size(head));
	record->saved_changes = record->changes;
	return body;
}

static Size
body_size(const FileHead *head)
{
	return RECORD_HEAD + head->entries * sizeof(IgUsageEntry);
}

/*
 * The postmaster, which is the last to write, knows that the server is shut
 * down.
 */
static void
finish_head(FileHead *head, bool final)
{
	head->final = final;
	head->control = 0;
	if (final && !IsUnderPostmaster)
	{
		bool		crc_ok;
		ControlFileData *control = get_controlfile(DataDir, &crc_ok);

		head->control = control->crc;
		head->final = crc_ok && (control->state == DB_SHUTDOWNED ||
								 control->state == DB_SHUTDOWNED_IN_RECOVERY);
		pfree(control);
	}
	head->head = crc_of(head, offsetof(FileHead, head));
}

static pg_crc32c
crc_of(const void *data, Size length)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, data, length);
	FIN_CRC32C(crc);
	return crc;
}

/*
 * Failures are told to the log, and tried again by and by.
 */
static bool
write_file(const char *body, const FileHead *head)
{
	int			fd = OpenTransientFile(USAGE_FILE_NEW, O_CREAT | O_TRUNC | O_WRONLY | PG_BINARY);
	bool		ok;

	ok = fd >= 0 && write_all(fd, (const char *) head, sizeof(FileHead)) &&
		write_all(fd, body, body_size(head)) && pg_fsync(fd) == 0;
	if (!ok)
		ereport(LOG,
				(errcode_for_file_access(),
				 errmsg("could not write file \"%s\": %m", USAGE_FILE_NEW)));
	if (fd >= 0)
		CloseTransientFile(fd);
	return ok && durable_rename(USAGE_FILE_NEW, USAGE_FILE, LOG) == 0;
}

/*
 * It is smaller than a disk's sector, and so written whole or not at all.
 */
static bool
write_head(const FileHead *head)
{
	int			fd = OpenTransientFile(USAGE_FILE, O_WRONLY | PG_BINARY);
	bool		ok;

	if (fd < 0)
		return false;
	ok = write_all(fd, (const char *) head, sizeof(FileHead)) && pg_fsync(fd) == 0;
	CloseTransientFile(fd);
	return ok;
}

static bool
write_all(int fd, const char *data, Size length)
{
	while (length > 0)
	{
		ssize_t		written = write(fd, data, Min(length, 1024 * 1024));

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
		{
			if (written == 0)
				errno = ENOSPC;
			return false;
		}
		data += written;
		length -= written;
	}
	return true;
}

/*
 * The file's body and head, or NULL where there is none that can be used.
 */
static char *
read_file(FileHead *head)
{
	int			fd = OpenTransientFile(USAGE_FILE, O_RDONLY | PG_BINARY);
	char	   *body = NULL;
	bool		ok;

	if (fd < 0 && errno == ENOENT)
		return NULL;

	ok = fd >= 0 && read_all(fd, (char *) head, sizeof(FileHead)) &&
		head->magic == FILE_MAGIC && head->head == crc_of(head, offsetof(FileHead, head)) &&
		head->record_size == RECORD_HEAD && head->entry_size == sizeof(IgUsageEntry) &&
		head->entries < PG_INT32_MAX;
	if (ok)
	{
		body = MemoryContextAllocHuge(CurrentMemoryContext, body_size(head));
		ok = read_all(fd, body, body_size(head)) &&
			head->body == crc_of(body, body_size(head));
	}
	if (fd >= 0)
		CloseTransientFile(fd);
	if (ok)
		return body;

	ereport(LOG,
			(errmsg("the record of column usage is begun anew"),
			 errdetail("File \"%s\" cannot be read, is damaged, or is of another version.",
					   USAGE_FILE)));
	return NULL;
}

static bool
read_all(int fd, char *data, Size length)
{
	while (length > 0)
	{
		ssize_t		got = read(fd, data, Min(length, 1024 * 1024));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		data += got;
		length -= got;
	}
	return true;
}

/*
 * The record may have become smaller; then some of it is lost.
 */
static void
restore(IgUsageRecord *record, const char *body, const FileHead *head)
{
	const IgUsageRecord *from = (const IgUsageRecord *) body;
	bool		complete = true;

	record->since = from->since;
	record->unrecorded = from->unrecorded;
	record->ngaps = Min(from->ngaps, IG_USAGE_GAPS);
	record->nstandbys = Min(from->nstandbys, IG_USAGE_STANDBYS);
	memcpy(record->gaps, from->gaps, sizeof(record->gaps));
	memcpy(record->standbys, from->standbys, sizeof(record->standbys));
	memcpy(record->slots, from->slots, sizeof(record->slots));

	for (uint64 i = 0; i < head->entries; i++)
	{
		const IgUsageEntry *entry = &from->entries[i];
		IgUsageEntry *copy = ig_usage_enter(record, &entry->key);

		if (copy == NULL)
			complete = false;
		else
		{
			copy->identity = entry->identity;
			copy->first_seen = entry->first_seen;
			memcpy(copy->last_of, entry->last_of, sizeof(copy->last_of));
			memcpy(copy->refs, entry->refs, sizeof(copy->refs));
		}
	}
	if (!complete)
		ig_usage_gap(record, InvalidOid, IG_GAP_FULL, record->since, head->alive_at);
}

/*
 * Is there a time since the file's last word of which nothing is known?
 */
static void
note_downtime(IgUsageRecord *record, const FileHead *head, bool at_server_start)
{
	IgUsageGapKind kind = IG_GAP_CRASHED;

	if (at_server_start)
	{
		bool		crc_ok;
		ControlFileData *control = get_controlfile(DataDir, &crc_ok);
		bool		shut_down = control->state == DB_SHUTDOWNED ||
			control->state == DB_SHUTDOWNED_IN_RECOVERY;

		if (head->final && crc_ok && shut_down && EQ_CRC32C(head->control, control->crc))
			return;
		if (head->final || shut_down)
			kind = IG_GAP_WITHOUT;
		pfree(control);
	}
	else if (head->final)
	{
		if (head->control == 0)
			return;
		kind = IG_GAP_WITHOUT;
	}
	ig_usage_gap(record, InvalidOid, kind, head->alive_at, GetCurrentTimestamp());
}
