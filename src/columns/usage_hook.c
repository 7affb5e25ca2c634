/*-------------------------------------------------------------------------
 *
 * usage_hook.c
 *	  What is recorded: ExecutorCheckPerms_hook.
 *
 * The server calls it for each query that starts to run, for COPY, and for the
 * queries of foreign keys, with the columns for which privileges were needed.
 * ExecutorStart_hook would miss COPY.
 *
 * On the way of every query, so a session remembers what it has told already
 * in this minute, and finds that by one look-up and two comparisons of sets for
 * each relation.  What is not told yet takes the slow way: look at the
 * relation, tell "all columns" from "some of them", write it down.
 *
 * What is no use of a column is recognised by what it is: the queries of
 * foreign keys by the security context that nothing else has but the triggers
 * that they fire, our own by a mark, EXPLAIN and ALTER TABLE by the statement
 * that runs, a dump and the first copy for a subscriber by the session.  An
 * EXPLAIN's own query cannot be told from one that a function runs while it is
 * planned, nor that matters.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "common/hashfn.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "replication/walsender.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "columns/retired_use.h"
#include "columns/usage_mark.h"
#include "columns/usage_record.h"
#include "platform/compat.h"
#include "platform/settings.h"
#include "platform/shared.h"
#include "rows/running.h"

/* How a query uses a relation. */
typedef enum UseClass
{
	CLASS_DIRECT,
	CLASS_VIEW,
	CLASS_COPIED,
	CLASS_CHECKED,
	CLASS_EXPLAINED,
	CLASS_IGNORED
} UseClass;

#define CLASSES		(CLASS_IGNORED + 1)

/* How many relations a session remembers. */
#define MAX_TOLD	10000

#define USE_READS	ACL_SELECT
#define USE_WRITES	(ACL_INSERT | ACL_UPDATE | ACL_DELETE)

static const struct
{
	IgUseKind	read;
	IgUseKind	written;
}			kinds[CLASSES] = {
	{IG_USE_READ_NAME, IG_USE_WRITTEN},
	{IG_USE_READ_VIEW, IG_USE_WRITTEN_VIEW},
	{IG_USE_COPIED, IG_USE_COPIED},
	{IG_USE_CHECKED, IG_USE_CHECKED},
	{IG_USE_EXPLAINED, IG_USE_EXPLAINED},
	{IG_USE_IGNORED, IG_USE_IGNORED},
};

/* What this session has told of a relation since the time it remembers. */
typedef struct Told
{
	Oid			relid;			/* hash key */
	char		status;
	bool		known;			/* the next four are valid */
	bool		recorded;		/* uses of this relation are recorded at all */
	bool		retired;		/* itself, or a column of it */
	uint32		identity;
	Bitmapset  *live;			/* columns that are not dropped */
	uint32		epoch;			/* the rest is of this one */
	AclMode		done[CLASSES];
	Bitmapset  *read[CLASSES];
	Bitmapset  *written[CLASSES];
	Bitmapset  *all;			/* what was told last as all columns */
} Told;

#define SH_PREFIX		told
#define SH_ELEMENT_TYPE	Told
#define SH_KEY_TYPE		Oid
#define SH_KEY			relid
#define SH_HASH_KEY(tb, key)	murmurhash32(key)
#define SH_EQUAL(tb, a, b)		((a) == (b))
#define SH_SCOPE		static inline
#define SH_DECLARE
#define SH_DEFINE
/* the server's own code is not as strict as ours */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#include "lib/simplehash.h"
#pragma GCC diagnostic pop

IgUsageMark ig_usage_mark = IG_MARK_NONE;

static ExecutorCheckPerms_hook_type prev_CheckPerms = NULL;

/* All of this in a context of its own. */
static MemoryContext told_context = NULL;
static told_hash *told = NULL;

/*
 * A minute of one application and role.  It ends when another one begins, or
 * when everything that was known of relations may have changed.
 */
static uint32 epoch = 1;
static TimestampTz epoch_begin = 0;
static TimestampTz epoch_end = 0;
static const char *epoch_application = NULL;
static Oid	epoch_role = InvalidOid;
static UseClass epoch_class = CLASS_DIRECT;
static IgUsageSlotRef epoch_slot;
static uint32 epoch_generation = 0;
static TimestampTz last_statement = 0;
static uint32 gap_noted = 0;

/* Grows when every session has to tell everything anew. */
static const volatile uint32 no_generation = 0;
static const volatile uint32 *generation = &no_generation;

/* Was any relation that this session has used retired? */
static bool any_retired = false;

/* Grows with each message that says that a relation has changed. */
static uint64 relation_changes = 0;

static bool ig_CheckPerms(IG_CHECK_PERMS_ARGS);
static void note_query(List *permissions);
static UseClass class_of(const IgRtePermissions *perms, UseClass use);
static bool is_copying(void);
static void judge_retired(List *permissions, UseClass use);
static void begin_epoch(TimestampTz now);
static TimestampTz resolution(void);
static bool is_told(const IgRtePermissions *perms, UseClass use);
static void tell(const IgRtePermissions *perms, UseClass use, TimestampTz now);
static Told *remember(Oid relid);
static void look_up(Told *entry);
static void forget_uses(Told *entry);
static bool is_all(const Bitmapset *columns, const Bitmapset *live);
static Bitmapset *written_columns(const IgRtePermissions *perms);
static void write_down(IgUsageRecord *record, Told *entry, const IgRtePermissions *perms,
					   UseClass use, bool all, TimestampTz now);
static void note_gap(List *permissions, TimestampTz now);
static IgUsageSlotRef own_slot(IgUsageRecord *record, TimestampTz now);
static void relation_changed(Datum arg, Oid relid);
static void transaction_ended(XactEvent event, void *arg);
static void subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
								 SubTransactionId parentSubid, void *arg);

void
ig_usage_hook_install(void)
{
	prev_CheckPerms = ExecutorCheckPerms_hook;
	ExecutorCheckPerms_hook = ig_CheckPerms;
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

static bool
ig_CheckPerms(IG_CHECK_PERMS_ARGS)
{
	bool		allowed = prev_CheckPerms ? prev_CheckPerms(IG_CHECK_PERMS_PASS) : true;

	if (likely(allowed))
		note_query(permissions);
	return allowed;
}

/*
 * The statement's begin will do as the time, unless it is the same one as last
 * time: a function or procedure may run for hours.  The checks of foreign keys,
 * of which there may be one for each row, need no better time.
 */
static void
note_query(List *permissions)
{
	TimestampTz now = GetCurrentStatementStartTimestamp();
	UseClass	use;
	ListCell   *lc;

	if (now == last_statement)
		now = InNoForceRLSOperation() ? Max(now, epoch_begin) : GetCurrentTimestamp();
	else
		last_statement = now;
	if (unlikely(now >= epoch_end || now < epoch_begin ||
				 application_name != epoch_application ||
				 *generation != epoch_generation ||
				 GetOuterUserId() != epoch_role))
		begin_epoch(now);

	if (unlikely(!ig_guc_track_columns))
	{
		if (gap_noted != epoch)
			note_gap(permissions, now);
		return;
	}

	use = epoch_class;
	if (unlikely(ig_usage_mark != IG_MARK_NONE))
	{
		use = ig_usage_mark == IG_MARK_EXPLAIN ? CLASS_EXPLAINED : CLASS_CHECKED;
		/* what our own query makes others run is their use */
		if (ig_usage_mark == IG_MARK_OWN)
			ig_usage_mark = IG_MARK_NONE;
	}
	else if (InNoForceRLSOperation() && !ig_running_in_key_query())
		use = CLASS_CHECKED;

	foreach(lc, permissions)
	{
		const IgRtePermissions *perms = (const IgRtePermissions *) lfirst(lc);

		if (!ig_perms_is_relation(perms) || perms->relid < FirstNormalObjectId)
			continue;
		if (!is_told(perms, class_of(perms, use)))
			tell(perms, class_of(perms, use), now);
	}
	if (unlikely(any_retired))
		judge_retired(permissions, use);
}

/* A relation that is reached through a view is asked for by the view's owner. */
static inline UseClass
class_of(const IgRtePermissions *perms, UseClass use)
{
	return use == CLASS_DIRECT && OidIsValid(perms->checkAsUser) ? CLASS_VIEW : use;
}

/*
 * Does the session copy tables as they are: pg_dump, or a walsender, by which a
 * subscriber begins?  They are to have whatever there is, and need no column.
 *
 * pg_dump is known by what it has set for itself, since PGAPPNAME changes its
 * name; an exporter that wants a snapshot does not go that far.  Asked on the
 * slow way only: such a session tells each table as often as it reads it.
 */
static bool
is_copying(void)
{
	return am_walsender ||
		(XactReadOnly && IsolationUsesXactSnapshot() && !synchronize_seqscans &&
		 namespace_search_path != NULL && namespace_search_path[0] == '\0');
}

/*
 * What was used is written down by now, whether it may be used or not.
 */
static pg_noinline void
judge_retired(List *permissions, UseClass use)
{
	bool		counts = use == CLASS_DIRECT && !is_copying();
	ListCell   *lc;

	if (use == CLASS_EXPLAINED || IsParallelWorker())
		return;

	foreach(lc, permissions)
	{
		const IgRtePermissions *perms = (const IgRtePermissions *) lfirst(lc);
		const Told *entry;
		Bitmapset  *written;

		if (!ig_perms_is_relation(perms) ||
			(perms->requiredPerms & (USE_READS | USE_WRITES)) == 0)
			continue;
		entry = told_lookup(told, perms->relid);
		if (entry == NULL || !entry->retired)
			continue;
		written = written_columns(perms);
		ig_retired_use(perms->relid, perms->selectedCols, written, counts,
					   use == CLASS_CHECKED);
		bms_free(written);
	}
}

static pg_noinline void
begin_epoch(TimestampTz now)
{
	epoch++;
	epoch_begin = now;
	epoch_end = now + resolution();
	epoch_application = application_name;
	epoch_role = GetOuterUserId();
	epoch_generation = *generation;
	epoch_slot.generation = 0;
	epoch_class = application_name != NULL &&
		ig_pattern_list_match(ig_usage_ignore_applications, NULL, application_name) ?
		CLASS_IGNORED : CLASS_DIRECT;
}

/*
 * A minute; less where a minute could hide that somebody goes on, so that a
 * short period can be tried.
 */
static TimestampTz
resolution(void)
{
	TimestampTz most = (TimestampTz) IG_USAGE_RESOLUTION * USECS_PER_SEC;

	if (ig_guc_retirement_period == 0)
		return most;
	return Min(most, (TimestampTz) ig_guc_retirement_period * USECS_PER_SEC / 4);
}

/*
 * The fast way.  What a query wants of a relation is some of USE_READS and
 * USE_WRITES; those with columns have sets, and those without are told when
 * the relation is.
 */
static bool
is_told(const IgRtePermissions *perms, UseClass use)
{
	Told	   *entry = told != NULL ? told_lookup(told, perms->relid) : NULL;

	if (entry == NULL || !entry->known)
		return false;
	if (!entry->recorded)
		return true;
	if (entry->epoch != epoch ||
		(perms->requiredPerms & (USE_READS | USE_WRITES) & ~entry->done[use]) != 0)
		return false;
	if (!bms_is_subset(perms->selectedCols, entry->read[use]) &&
		(use != CLASS_DIRECT || !bms_equal(perms->selectedCols, entry->all)))
		return false;
	return (perms->requiredPerms & USE_WRITES) == 0 ||
		(bms_is_subset(perms->updatedCols, entry->written[use]) &&
		 bms_is_subset(perms->insertedCols, entry->written[use]));
}

/*
 * The slow way.  A parallel worker runs what its leader has told.
 */
static pg_noinline void
tell(const IgRtePermissions *perms, UseClass use, TimestampTz now)
{
	Told	   *entry;
	IgUsageRecord *record;
	bool		all;

	if (IsParallelWorker() || !IsTransactionState() ||
		(perms->requiredPerms & (USE_READS | USE_WRITES)) == 0)
		return;

	entry = remember(perms->relid);
	if (!entry->known)
		look_up(entry);
	record = ig_usage_record();
	if (record == NULL)
		return;
	if (generation != &record->generation)
	{
		generation = &record->generation;
		epoch_generation = *generation;
	}
	if (unlikely(record->standby) && !RecoveryInProgress())
		ig_usage_note_promotion(record, now);
	ig_usage_worker_want(record, now);
	if (!entry->recorded)
		return;
	if (entry->epoch != epoch)
		forget_uses(entry);

	all = is_all(perms->selectedCols, entry->live);
	if (use == CLASS_DIRECT && is_copying())
		use = CLASS_COPIED;
	write_down(record, entry, perms, use, all, now);
}

/*
 * No pointer to an entry may be kept across this: the table may grow.  A session
 * that makes temporary tables all day long would let it grow for ever.
 */
static Told *
remember(Oid relid)
{
	Told	   *entry;
	bool		found;

	if (told != NULL && told->members >= MAX_TOLD)
	{
		MemoryContextDelete(told_context);
		told = NULL;
	}
	if (told == NULL)
	{
		told_context = AllocSetContextCreate(TopMemoryContext, "invariant_guard usage",
											 ALLOCSET_SMALL_SIZES);
		told = told_create(told_context, 64, NULL);
	}
	entry = told_insert(told, relid, &found);
	if (!found)
	{
		char		status = entry->status;

		memset(entry, 0, sizeof(Told));
		entry->relid = relid;
		entry->status = status;
	}
	return entry;
}

/*
 * Relations of the session alone, sequences, our own views and what is gone are
 * not recorded.
 * The catalog caches may come back to relation_changed() while they are asked,
 * so what they say is put into the entry at the end.
 */
static void
look_up(Told *entry)
{
	Oid			relid = entry->relid;
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Bitmapset  *live = NULL;
	uint32		identity = 0;
	uint64		changes = relation_changes;
	bool		any = false;
	MemoryContext old;
	int			natts = 0;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if (form->relpersistence != RELPERSISTENCE_TEMP &&
			form->relkind != RELKIND_SEQUENCE && form->relkind != RELKIND_TOASTVALUE &&
			form->relnamespace != get_namespace_oid("invariant_guard", true))
			natts = form->relnatts;
		ReleaseSysCache(tuple);
	}

	old = MemoryContextSwitchTo(told_context);
	for (AttrNumber attnum = 1; attnum <= natts; attnum++)
	{
		Form_pg_attribute att;

		tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid), Int16GetDatum(attnum));
		if (!HeapTupleIsValid(tuple))
			continue;
		att = (Form_pg_attribute) GETSTRUCT(tuple);
		if (!att->attisdropped)
			live = bms_add_member(live, attnum - FirstLowInvalidHeapAttributeNumber);
		ReleaseSysCache(tuple);
	}
	MemoryContextSwitchTo(old);
	if (natts > 0)
		any = ig_retired_look_up(relid);
	if (natts > 0 && ig_usage_record() != NULL)
		identity = ig_usage_identity(relid);

	bms_free(entry->live);
	entry->live = live;
	entry->identity = identity;
	entry->recorded = identity != 0;
	entry->retired = any;
	any_retired |= any;
	entry->known = changes == relation_changes;
	forget_uses(entry);
}

static void
forget_uses(Told *entry)
{
	for (int i = 0; i < CLASSES; i++)
	{
		entry->done[i] = 0;
		bms_free(entry->read[i]);
		bms_free(entry->written[i]);
		entry->read[i] = entry->written[i] = NULL;
	}
	bms_free(entry->all);
	entry->all = NULL;
	entry->epoch = epoch;
}

/*
 * Does the set hold every column, or the row as a whole?
 */
static bool
is_all(const Bitmapset *columns, const Bitmapset *live)
{
	if (bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, columns))
		return true;
	return live != NULL && bms_is_subset(live, columns);
}

/*
 * A DELETE has columns that it writes only where a row rule marks the rows
 * instead: that is the rule's doing, and no use.  In the present context.
 */
static Bitmapset *
written_columns(const IgRtePermissions *perms)
{
	if ((perms->requiredPerms & (ACL_INSERT | ACL_UPDATE)) == 0)
		return NULL;
	return bms_union(perms->updatedCols, perms->insertedCols);
}

/*
 * What found no room counts as told too, or a full record would make every
 * query slow.
 */
static void
write_down(IgUsageRecord *record, Told *entry, const IgRtePermissions *perms,
		   UseClass use, bool all, TimestampTz now)
{
	Bitmapset  *written = written_columns(perms);
	bool		read_all = all && use == CLASS_DIRECT;
	IgUsageStamp stamp = {
		.relid = entry->relid,
		.identity = entry->identity,
		.read_kind = read_all ? IG_USE_READ_ALL : kinds[use].read,
		.write_kind = kinds[use].written,
		.reads = (perms->requiredPerms & USE_READS) != 0,
		.writes = (perms->requiredPerms & USE_WRITES) != 0,
		.read = all ? entry->live : perms->selectedCols,
		.written = written,
		.at = now,
	};
	MemoryContext old;
	bool		complete;

	/*
	 * A SELECT that locks rows asks for UPDATE as well, on no column.
	 */
	if ((perms->requiredPerms & USE_WRITES) == ACL_UPDATE && bms_is_empty(written))
		stamp.writes = false;

	stamp.who = own_slot(record, now);
	ig_usage_lock(true);
	complete = ig_usage_stamp(record, &stamp);
	ig_usage_unlock();
	if (!complete)
		ig_usage_prune(record, now);
	bms_free(written);

	old = MemoryContextSwitchTo(told_context);
	if (read_all)
	{
		bms_free(entry->all);
		entry->all = bms_copy(perms->selectedCols);
	}
	else
		entry->read[use] = bms_add_members(entry->read[use], perms->selectedCols);
	entry->written[use] = bms_add_members(entry->written[use], perms->updatedCols);
	entry->written[use] = bms_add_members(entry->written[use], perms->insertedCols);
	entry->done[use] |= perms->requiredPerms;
	MemoryContextSwitchTo(old);
}

/*
 * The session is told to record nothing.  Queries of the catalogs alone hide
 * nothing.
 */
static pg_noinline void
note_gap(List *permissions, TimestampTz now)
{
	IgUsageRecord *record = NULL;
	ListCell   *lc;

	foreach(lc, permissions)
	{
		const IgRtePermissions *perms = (const IgRtePermissions *) lfirst(lc);

		if (ig_perms_is_relation(perms) && perms->relid >= FirstNormalObjectId &&
			!IsParallelWorker() && IsTransactionState())
			record = ig_usage_record();
	}
	if (record == NULL)
		return;
	gap_noted = epoch;
	ig_usage_lock(true);
	ig_usage_gap(record, MyDatabaseId, IG_GAP_OFF, now,
				 now + IG_USAGE_RESOLUTION * USECS_PER_SEC);
	ig_usage_unlock();
}

/*
 * Names are looked up before the lock.  Those that are too long are clipped at
 * a character's end.
 */
static IgUsageSlotRef
own_slot(IgUsageRecord *record, TimestampTz now)
{
	char		application[NAMEDATALEN] = "";
	char		role[NAMEDATALEN] = "";
	char	   *name;

	if (epoch_slot.generation != 0)
		return epoch_slot;

	name = GetUserNameFromId(epoch_role, true);
	if (name != NULL)
		strlcpy(role, name, sizeof(role));
	if (application_name != NULL)
		memcpy(application, application_name,
			   pg_mbcliplen(application_name, strlen(application_name), NAMEDATALEN - 1));

	ig_usage_lock(true);
	epoch_slot = ig_usage_slot(record, application, epoch_role, role, "", now);
	ig_usage_unlock();
	return epoch_slot;
}

/*
 * What is known of the relation, or of all, may be wrong now.
 */
static void
relation_changed(Datum arg, Oid relid)
{
	told_iterator it;
	Told	   *entry;

	relation_changes++;
	if (told == NULL)
		return;
	if (OidIsValid(relid))
	{
		entry = told_lookup(told, relid);
		if (entry != NULL)
			entry->known = false;
		return;
	}
	told_start_iterate(told, &it);
	while ((entry = told_iterate(told, &it)) != NULL)
		entry->known = false;
}

/*
 * A query of our own that failed before it began to run leaves its mark.
 */
static void
transaction_ended(XactEvent event, void *arg)
{
	if (ig_usage_mark == IG_MARK_OWN)
		ig_usage_mark = IG_MARK_NONE;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId mySubid,
					 SubTransactionId parentSubid, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && ig_usage_mark == IG_MARK_OWN)
		ig_usage_mark = IG_MARK_NONE;
}

/*
 * What a utility statement says of the queries that run inside it.
 */
IgUsageMark
ig_usage_mark_of(const Node *statement)
{
	bool		analyze = false;
	ListCell   *lc;

	switch (nodeTag(statement))
	{
		case T_AlterTableStmt:
			return IG_MARK_ALTER;
		case T_ExplainStmt:
			foreach(lc, ((const ExplainStmt *) statement)->options)
			{
				DefElem    *option = lfirst_node(DefElem, lc);

				if (strcmp(option->defname, "analyze") == 0)
					analyze = defGetBoolean(option);
			}
			return analyze ? ig_usage_mark : IG_MARK_EXPLAIN;
		default:
			return ig_usage_mark;
	}
}
