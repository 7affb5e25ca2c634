/*-------------------------------------------------------------------------
 *
 * usage_record.h
 *	  The usage record in shared memory, for the files of this folder and for
 *	  what shows, exports and merges it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_USAGE_RECORD_H
#define IG_USAGE_RECORD_H

#include "postgres.h"

#include "nodes/bitmapset.h"

#include "columns/usage.h"

#define IG_USAGE_GAPS		64
#define IG_USAGE_STANDBYS	16
#define IG_USAGE_SLOTS		512 /* applications and roles of the whole server */

/* A relation's column; attnum 0 the relation, relid 0 the database. */
typedef struct IgUsageKey
{
	Oid			database;
	Oid			relid;
	int32		attnum;
} IgUsageKey;

/* A slot of the witnesses, as it was when it was taken. */
typedef struct IgUsageSlotRef
{
	uint16		slot;
	uint16		generation;		/* 0 = none */
} IgUsageSlotRef;

typedef struct IgUsageRef
{
	IgUsageSlotRef who;
	bool		by_name;
	TimestampTz read_at;
	TimestampTz written_at;
} IgUsageRef;

typedef struct IgUsageEntry
{
	IgUsageKey	key;
	uint32		next;			/* of its bucket, or of the free ones; 0 = none */
	uint32		identity;		/* of a relation, see ig_usage_identity() */
	TimestampTz first_seen;
	TimestampTz last_of[IG_USE_KINDS];
	IgUsageRef	refs[IG_USAGE_WITNESSES];
} IgUsageEntry;

typedef struct IgUsageSlot
{
	Oid			role;
	uint16		generation;		/* 0 = never used */
	TimestampTz used_at;
	char		role_name[NAMEDATALEN];
	char		application[NAMEDATALEN];
	char		standby[NAMEDATALEN];
} IgUsageSlot;

typedef enum IgUsageGapKind
{
	IG_GAP_CRASHED,
	IG_GAP_WITHOUT,				/* the server may have run without the library */
	IG_GAP_FULL,
	IG_GAP_OFF,					/* track_columns was off */
	IG_GAP_STANDBY				/* another server was the primary */
} IgUsageGapKind;

typedef struct IgUsageGap
{
	Oid			database;		/* InvalidOid = all */
	IgUsageGapKind kind;
	TimestampTz from;
	TimestampTz to;
} IgUsageGap;

/* What a standby observed of a database. */
typedef struct IgUsageStandby
{
	Oid			database;
	char		name[NAMEDATALEN];
	TimestampTz since;
	TimestampTz until;
	TimestampTz gap_from;		/* the latest; 0 = none */
	TimestampTz gap_to;
} IgUsageStandby;

/*
 * All of it; entries follow, and after them a bucket for each.  Entries are
 * numbered from 1 on.
 */
typedef struct IgUsageRecord
{
	uint32		capacity;
	bool		loaded;			/* what the file held is in it */
	bool		standby;		/* it is the record of a standby */
	bool		has_worker;
	TimestampTz worker_wanted;	/* when one was last asked for */
	TimestampTz saved_at;		/* the file holds what was known then */
	TimestampTz pruned_at;
	volatile uint32 generation; /* grows when all must be told anew */
	uint64		changes;
	uint64		saved_changes;
	uint64		unrecorded;		/* uses that found no room */
	int			attached;		/* sessions that may write to it */
	uint32		used;
	uint32		highest;		/* entries beyond it were never used */
	uint32		free;			/* first of the free ones below it; 0 = none */
	TimestampTz since;
	int			ngaps;
	int			nstandbys;
	IgUsageGap	gaps[IG_USAGE_GAPS];
	IgUsageStandby standbys[IG_USAGE_STANDBYS];
	IgUsageSlot slots[IG_USAGE_SLOTS];
	IgUsageEntry entries[FLEXIBLE_ARRAY_MEMBER];
} IgUsageRecord;

/* One relation of one query. */
typedef struct IgUsageStamp
{
	Oid			relid;
	uint32		identity;
	IgUseKind	read_kind;
	IgUseKind	write_kind;
	bool		reads;			/* the relation, if no column of it */
	bool		writes;
	/* attribute numbers less FirstLowInvalidHeapAttributeNumber */
	const Bitmapset *read;
	const Bitmapset *written;
	IgUsageSlotRef who;
	TimestampTz at;
} IgUsageStamp;

/* usage_record.c */
extern void ig_usage_record_init(void);
extern IgUsageRecord *ig_usage_record(void);
extern IgUsageRecord *ig_usage_record_at_start(void);
extern void ig_usage_lock(bool exclusive);
extern void ig_usage_unlock(void);
extern void ig_usage_note_promotion(IgUsageRecord *record, TimestampTz now);
extern void ig_usage_clear(IgUsageRecord *record);
extern IgUsageEntry *ig_usage_find(IgUsageRecord *record, const IgUsageKey *key);
extern IgUsageEntry *ig_usage_enter(IgUsageRecord *record, const IgUsageKey *key);
extern IgUsageEntry *ig_usage_enter_relation(IgUsageRecord *record, Oid database, Oid relid,
											 uint32 identity, TimestampTz at);
extern void ig_usage_remove_database(IgUsageRecord *record, Oid database);
extern void ig_usage_remove_relation(IgUsageRecord *record, Oid database, Oid relid);
extern bool ig_usage_stamp(IgUsageRecord *record, const IgUsageStamp *stamp);
extern void ig_usage_witness(IgUsageEntry *entry, IgUsageRecord *record, IgUsageSlotRef who,
							 bool by_name, TimestampTz read_at, TimestampTz written_at);
extern IgUsageSlotRef ig_usage_slot(IgUsageRecord *record, const char *application,
									Oid role, const char *role_name,
									const char *standby, TimestampTz at);
extern void ig_usage_gap(IgUsageRecord *record, Oid database, IgUsageGapKind kind,
						 TimestampTz from, TimestampTz to);
extern void ig_usage_prune(IgUsageRecord *record, TimestampTz now);
extern uint32 ig_usage_identity(Oid relid);

/* usage_hook.c */
extern void ig_usage_hook_install(void);

/* usage_file.c */
extern void ig_usage_load(IgUsageRecord *record, bool at_server_start);
extern void ig_usage_save(IgUsageRecord *record, bool final);

/* usage_worker.c */
extern void ig_usage_worker_install(void);
extern void ig_usage_worker_want(IgUsageRecord *record, TimestampTz now);

/* usage.c */
extern bool ig_usage_is_preloaded;	/* by the server */
extern const char *ig_usage_gap_words(IgUsageGapKind kind);

#endif							/* IG_USAGE_RECORD_H */
