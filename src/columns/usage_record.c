/*-------------------------------------------------------------------------
 *
 * usage_record.c
 *	  The usage record in shared memory.
 *
 * A hash table of a fixed size: an entry for each column that was seen, one for
 * each relation (attnum 0) and one for each database (relid 0).  Who used a
 * column is kept as references to slots that all columns share; a slot that is
 * taken for somebody else gets another generation, and what refers to the old
 * one is forgotten.
 *
 * All of it is under one lock.  A session comes here once a minute for a
 * relation, and stays for some hundred instructions.  Nothing that is done
 * under the lock raises an error.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/resowner.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "columns/usage_record.h"
#include "platform/compat.h"
#include "platform/settings.h"
#include "platform/shared.h"

/*
 * The size is a part of the memory's name, and a server that does not preload
 * the library may change its settings.  So the size that was used first is kept
 * in a piece of its own.
 */
static void init_size(void *memory);

static IgSharedPart size_part = {
	.name = "usage size",
	.size = sizeof(uint32),
	.init = init_size,
};

static IgSharedPart part = {
	.name = "usage",
};

/* This process counts in record->attached. */
static bool attached = false;

static Size record_size(uint32 capacity);
static IgUsageRecord *attach(void);
static IgUsageRecord *attach_safely(void);
static void detach(int code, Datum arg);
static uint32 *bucket_of(IgUsageRecord *record, const IgUsageKey *key);
static void remove_entry(IgUsageRecord *record, IgUsageEntry *entry);
static bool stamp_column(IgUsageRecord *record, const IgUsageStamp *stamp, int attnum,
						 bool read, bool written);
static void stamp_entry(IgUsageEntry *entry, IgUsageRecord *record,
						const IgUsageStamp *stamp, bool read, bool written);

static Size
record_size(uint32 capacity)
{
	return add_size(offsetof(IgUsageRecord, entries),
					mul_size(capacity, sizeof(IgUsageEntry) + sizeof(uint32)));
}

static void
init_size(void *memory)
{
	*(uint32 *) memory = (uint32) ig_guc_usage_max_columns;
}

void
ig_usage_record_init(void)
{
	ig_shared_add(&size_part);
	part.size = record_size(ig_guc_usage_max_columns);
	ig_shared_add(&part);
}

/*
 * The record with what the file holds, or NULL where there is none, or none can
 * be had now.  Raises no error: it is on the way of ordinary queries.
 */
IgUsageRecord *
ig_usage_record(void)
{
	if (likely(attached))
		return (IgUsageRecord *) ig_shared_get(&part);
	if (!ig_shared_is_possible())
		return NULL;
	if (ig_shared_is_ready(&part))
		return attach();
	return attach_safely();
}

/*
 * In the postmaster, which has made the memory: empty.
 */
IgUsageRecord *
ig_usage_record_at_start(void)
{
	IgUsageRecord *record = ig_shared_get(&part);

	record->capacity = (uint32) ig_guc_usage_max_columns;
	return record;
}

static IgUsageRecord *
attach(void)
{
	IgUsageRecord *record;

	if (!ig_shared_is_ready(&part))
	{
		uint32	   *size = ig_shared_get(&size_part);

		ig_shared_resize(&part, record_size(*size));
	}
	record = ig_shared_get(&part);
	if (record == NULL)
		return NULL;

	ig_usage_lock(true);
	if (!record->loaded)
	{
		uint32	   *size = ig_shared_get(&size_part);

		record->capacity = *size;
		ig_usage_load(record, false);
	}
	record->attached++;
	ig_usage_unlock();
	attached = true;
	before_shmem_exit(detach, (Datum) 0);
	return record;
}

/*
 * Without preloading, the memory may not be there to be had.  The query that
 * came here has nothing to do with that, so it is tried again in a minute.
 */
static IgUsageRecord *
attach_safely(void)
{
	static TimestampTz failed_at = 0;
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	IgUsageRecord *volatile record = NULL;
	TimestampTz now = GetCurrentTimestamp();

	if (!IsTransactionState())
		return attach();
	if (IsInParallelMode() ||
		(now >= failed_at && now - failed_at < IG_USAGE_RESOLUTION * USECS_PER_SEC))
		return NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(old);
	PG_TRY();
	{
		record = attach();
		ReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		failed_at = now;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	return record;
}

static void
detach(int code, Datum arg)
{
	IgUsageRecord *record = ig_shared_get(&part);

	ig_usage_lock(true);
	record->attached--;
	ig_usage_unlock();
	attached = false;
}

/*
 * The postmaster has no place in the queue of a lock, and needs none: when it
 * comes here nobody else is there.
 */
void
ig_usage_lock(bool exclusive)
{
	if (MyProc != NULL)
		ig_shared_lock(&part, exclusive ? LW_EXCLUSIVE : LW_SHARED);
}

void
ig_usage_unlock(void)
{
	if (MyProc != NULL)
		ig_shared_unlock(&part);
}

/*
 * Everything anew, from now on.
 */
void
ig_usage_clear(IgUsageRecord *record)
{
	uint32	   *buckets = (uint32 *) &record->entries[record->capacity];

	memset(buckets, 0, record->capacity * sizeof(uint32));
	memset(record->slots, 0, sizeof(record->slots));
	record->used = record->highest = record->free = 0;
	record->ngaps = record->nstandbys = 0;
	record->unrecorded = 0;
	record->since = GetCurrentTimestamp();
}

/*
 * A server that was a standby has not seen what its primary did.
 */
void
ig_usage_note_promotion(IgUsageRecord *record, TimestampTz now)
{
	ig_usage_lock(true);
	if (record->standby)
	{
		record->standby = false;
		ig_usage_gap(record, InvalidOid, IG_GAP_STANDBY, record->since, now);
	}
	ig_usage_unlock();
}

static uint32 *
bucket_of(IgUsageRecord *record, const IgUsageKey *key)
{
	uint32		hash = hash_combine(hash_combine(murmurhash32(key->database),
												 murmurhash32(key->relid)),
									murmurhash32((uint32) key->attnum));

	return (uint32 *) &record->entries[record->capacity] + hash % record->capacity;
}

IgUsageEntry *
ig_usage_find(IgUsageRecord *record, const IgUsageKey *key)
{
	uint32		number = *bucket_of(record, key);

	while (number != 0)
	{
		IgUsageEntry *entry = &record->entries[number - 1];

		if (memcmp(&entry->key, key, sizeof(IgUsageKey)) == 0)
			return entry;
		number = entry->next;
	}
	return NULL;
}

/*
 * Find it or make it; NULL if the record is full.
 */
IgUsageEntry *
ig_usage_enter(IgUsageRecord *record, const IgUsageKey *key)
{
	IgUsageEntry *entry = ig_usage_find(record, key);
	uint32	   *bucket = bucket_of(record, key);
	uint32		number;

	if (entry != NULL)
		return entry;

	if (record->free != 0)
	{
		number = record->free;
		record->free = record->entries[number - 1].next;
	}
	else if (record->highest < record->capacity)
		number = ++record->highest;
	else
		return NULL;

	entry = &record->entries[number - 1];
	memset(entry, 0, sizeof(IgUsageEntry));
	entry->key = *key;
	entry->next = *bucket;
	*bucket = number;
	record->used++;
	return entry;
}

static void
remove_entry(IgUsageRecord *record, IgUsageEntry *entry)
{
	uint32	   *link = bucket_of(record, &entry->key);
	uint32		number = (uint32) (entry - record->entries) + 1;

	while (*link != number)
		link = &record->entries[*link - 1].next;
	*link = entry->next;
	memset(entry, 0, sizeof(IgUsageEntry));
	entry->next = record->free;
	record->free = number;
	record->used--;
}

/*
 * The entry of a relation, and before it that of its database.  One that is
 * there under the same OID, but was another relation, is forgotten.
 */
IgUsageEntry *
ig_usage_enter_relation(IgUsageRecord *record, Oid database, Oid relid,
						uint32 identity, TimestampTz at)
{
	IgUsageKey	key = {database, InvalidOid, 0};
	IgUsageEntry *entry = ig_usage_enter(record, &key);

	if (entry == NULL)
		return NULL;
	if (entry->first_seen == 0)
		entry->first_seen = at;

	key.relid = relid;
	entry = ig_usage_find(record, &key);
	if (entry != NULL && entry->identity != identity)
		ig_usage_remove_relation(record, database, relid);
	entry = ig_usage_enter(record, &key);
	if (entry != NULL && entry->first_seen == 0)
	{
		entry->first_seen = at;
		entry->identity = identity;
	}
	return entry;
}

void
ig_usage_remove_relation(IgUsageRecord *record, Oid database, Oid relid)
{
	for (int attnum = 0; attnum <= MaxHeapAttributeNumber; attnum++)
	{
		IgUsageKey	key = {database, relid, attnum};
		IgUsageEntry *entry = ig_usage_find(record, &key);

		if (entry != NULL)
			remove_entry(record, entry);
	}
	record->changes++;
}

void
ig_usage_remove_database(IgUsageRecord *record, Oid database)
{
	for (uint32 i = 0; i < record->highest; i++)
	{
		if (record->entries[i].key.database == database)
			remove_entry(record, &record->entries[i]);
	}
	for (int i = record->nstandbys - 1; i >= 0; i--)
	{
		if (record->standbys[i].database == database)
			record->standbys[i] = record->standbys[--record->nstandbys];
	}
	for (int i = record->ngaps - 1; i >= 0; i--)
	{
		if (record->gaps[i].database == database)
			record->gaps[i] = record->gaps[--record->ngaps];
	}
	record->changes++;
}

/*
 * Write down what a query does with a relation.  false if it found no room.
 */
bool
ig_usage_stamp(IgUsageRecord *record, const IgUsageStamp *stamp)
{
	IgUsageEntry *relation = ig_usage_enter_relation(record, MyDatabaseId, stamp->relid,
													 stamp->identity, stamp->at);
	bool		complete = true;
	int			member = -1;

	record->changes++;
	if (relation == NULL)
		complete = false;
	else
		stamp_entry(relation, record, stamp, stamp->reads, stamp->writes);

	while (relation != NULL && (member = bms_next_member(stamp->read, member)) >= 0)
	{
		if (!stamp_column(record, stamp, member, true, false))
			complete = false;
	}
	member = -1;
	while (relation != NULL && (member = bms_next_member(stamp->written, member)) >= 0)
	{
		if (!stamp_column(record, stamp, member, false, true))
			complete = false;
	}

	if (!complete)
	{
		record->unrecorded++;
		ig_usage_gap(record, MyDatabaseId, IG_GAP_FULL, stamp->at,
					 stamp->at + IG_USAGE_RESOLUTION * USECS_PER_SEC);
	}
	return complete;
}

static bool
stamp_column(IgUsageRecord *record, const IgUsageStamp *stamp, int member, bool read, bool written)
{
	IgUsageKey	key = {MyDatabaseId, stamp->relid, member + FirstLowInvalidHeapAttributeNumber};
	IgUsageEntry *entry;

	if (key.attnum <= 0)
		return true;
	entry = ig_usage_enter(record, &key);
	if (entry == NULL)
		return false;
	if (entry->first_seen == 0)
		entry->first_seen = stamp->at;
	stamp_entry(entry, record, stamp, read, written);
	return true;
}

static void
stamp_entry(IgUsageEntry *entry, IgUsageRecord *record, const IgUsageStamp *stamp,
			bool read, bool written)
{
	bool		read_counts = read && stamp->read_kind < IG_USE_COUNTED;
	bool		write_counts = written && stamp->write_kind < IG_USE_COUNTED;

	if (read)
		entry->last_of[stamp->read_kind] = Max(entry->last_of[stamp->read_kind], stamp->at);
	if (written)
		entry->last_of[stamp->write_kind] = Max(entry->last_of[stamp->write_kind], stamp->at);
	if (read_counts || write_counts)
		ig_usage_witness(entry, record, stamp->who,
						 (read && stamp->read_kind == IG_USE_READ_NAME) ||
						 (written && stamp->write_kind == IG_USE_WRITTEN),
						 read_counts ? stamp->at : 0, write_counts ? stamp->at : 0);
}

/*
 * Add a witness to an entry, in place of the one that was not seen for longest.
 */
void
ig_usage_witness(IgUsageEntry *entry, IgUsageRecord *record, IgUsageSlotRef who,
				 bool by_name, TimestampTz read_at, TimestampTz written_at)
{
	IgUsageRef *place = NULL;
	TimestampTz place_at = 0;

	if (who.generation == 0)
		return;
	for (int i = 0; i < IG_USAGE_WITNESSES; i++)
	{
		IgUsageRef *ref = &entry->refs[i];
		TimestampTz at = Max(ref->read_at, ref->written_at);

		if (ref->who.generation != record->slots[ref->who.slot].generation)
			memset(ref, 0, sizeof(IgUsageRef));
		if (ref->who.generation == 0)
			at = 0;
		else if (ref->who.slot == who.slot)
		{
			place = ref;
			break;
		}
		if (place == NULL || at < place_at)
		{
			place = ref;
			place_at = at;
		}
	}
	if (place->who.generation == 0 || place->who.slot != who.slot)
	{
		if (place_at > Max(read_at, written_at))
			return;
		memset(place, 0, sizeof(IgUsageRef));
		place->who = who;
	}
	place->by_name |= by_name;
	place->read_at = Max(place->read_at, read_at);
	place->written_at = Max(place->written_at, written_at);
}

/*
 * The slot of an application and role, in place of the one that was not used
 * for longest.  The texts end with NUL and are shorter than NAMEDATALEN.
 */
IgUsageSlotRef
ig_usage_slot(IgUsageRecord *record, const char *application, Oid role,
			  const char *role_name, const char *standby, TimestampTz at)
{
	IgUsageSlot *place = NULL;
	IgUsageSlotRef ref;

	for (int i = 0; i < IG_USAGE_SLOTS; i++)
	{
		IgUsageSlot *slot = &record->slots[i];

		if (slot->generation != 0 && slot->role == role &&
			strcmp(slot->application, application) == 0 &&
			strcmp(slot->role_name, role_name) == 0 &&
			strcmp(slot->standby, standby) == 0)
		{
			place = slot;
			break;
		}
		if (place == NULL || slot->used_at < place->used_at)
			place = slot;
	}

	if (place->generation == 0 || place->role != role ||
		strcmp(place->application, application) != 0 ||
		strcmp(place->role_name, role_name) != 0 ||
		strcmp(place->standby, standby) != 0)
	{
		place->generation = place->generation == PG_UINT16_MAX ? 1 : place->generation + 1;
		place->role = role;
		strlcpy(place->application, application, NAMEDATALEN);
		strlcpy(place->role_name, role_name, NAMEDATALEN);
		strlcpy(place->standby, standby, NAMEDATALEN);
		place->used_at = 0;
	}
	place->used_at = Max(place->used_at, at);
	ref.slot = (uint16) (place - record->slots);
	ref.generation = place->generation;
	return ref;
}

/*
 * A time that was not observed.  It lengthens one of the same kind that is still
 * going on: what sessions tell of is told once a minute.  Where there is no room the oldest is forgotten, and everything
 * before it counts as not observed.
 */
void
ig_usage_gap(IgUsageRecord *record, Oid database, IgUsageGapKind kind,
			 TimestampTz from, TimestampTz to)
{
	TimestampTz slack = kind == IG_GAP_FULL || kind == IG_GAP_OFF ?
		IG_USAGE_RESOLUTION * USECS_PER_SEC : 0;
	int			oldest = 0;

	record->changes++;
	for (int i = 0; i < record->ngaps; i++)
	{
		IgUsageGap *gap = &record->gaps[i];

		if (gap->database == database && gap->kind == kind && gap->from <= from &&
			gap->to + slack >= from)
		{
			gap->to = Max(gap->to, to);
			return;
		}
		if (gap->to < record->gaps[oldest].to)
			oldest = i;
	}
	if (record->ngaps == IG_USAGE_GAPS)
	{
		record->since = Max(record->since, record->gaps[oldest].to);
		record->gaps[oldest] = record->gaps[--record->ngaps];
	}
	record->gaps[record->ngaps].database = database;
	record->gaps[record->ngaps].kind = kind;
	record->gaps[record->ngaps].from = from;
	record->gaps[record->ngaps].to = to;
	record->ngaps++;
}

/*
 * Make room, by forgetting the relations of this database and the databases
 * that are gone.  At most once a minute.  A relation that another transaction
 * has just made is not visible either, but is seen again in a minute.
 */
void
ig_usage_prune(IgUsageRecord *record, TimestampTz now)
{
	Oid		   *relids;
	Oid		   *databases;
	int			nrelids = 0;
	int			ndatabases = 0;

	if (now - record->pruned_at < IG_USAGE_RESOLUTION * USECS_PER_SEC &&
		now >= record->pruned_at)
		return;

	relids = MemoryContextAllocHuge(CurrentMemoryContext, record->capacity * sizeof(Oid));
	databases = MemoryContextAllocHuge(CurrentMemoryContext, record->capacity * sizeof(Oid));
	ig_usage_lock(true);
	record->pruned_at = now;
	for (uint32 i = 0; i < record->highest; i++)
	{
		const IgUsageKey *key = &record->entries[i].key;

		if (key->database == MyDatabaseId && OidIsValid(key->relid) && key->attnum == 0)
			relids[nrelids++] = key->relid;
		else if (OidIsValid(key->database) && !OidIsValid(key->relid))
			databases[ndatabases++] = key->database;
	}
	ig_usage_unlock();

	for (int i = 0; i < nrelids; i++)
	{
		if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relids[i])))
			continue;
		ig_usage_lock(true);
		ig_usage_remove_relation(record, MyDatabaseId, relids[i]);
		ig_usage_unlock();
	}
	for (int i = 0; i < ndatabases; i++)
	{
		if (SearchSysCacheExists1(DATABASEOID, ObjectIdGetDatum(databases[i])))
			continue;
		ig_usage_lock(true);
		ig_usage_remove_database(record, databases[i]);
		ig_usage_unlock();
	}
	pfree(relids);
	pfree(databases);
}

/*
 * What tells a relation from another one that has its OID later: the
 * transaction that made it, as the rows of its system columns have it, which
 * are never updated.  A view has none of those; there it is the OID of its row
 * type.  0 if there is no such relation.
 */
uint32
ig_usage_identity(Oid relid)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(SelfItemPointerAttributeNumber));
	uint32		identity = 0;

	if (HeapTupleIsValid(tuple))
	{
		identity = HeapTupleHeaderGetRawXmin(tuple->t_data);
		ReleaseSysCache(tuple);
		return identity;
	}
	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (HeapTupleIsValid(tuple))
	{
		identity = ((Form_pg_class) GETSTRUCT(tuple))->reltype;
		ReleaseSysCache(tuple);
	}
	return identity;
}
