/*-------------------------------------------------------------------------
 *
 * usage.c
 *	  The usage record: what may be asked of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

#include "columns/usage_record.h"
#include "platform/inherit.h"
#include "platform/settings.h"
#include "platform/shared.h"

bool		ig_usage_is_preloaded = false;

static void fill(IgColumnUse *use, const IgUsageRecord *record, const IgUsageEntry *entry);
static void fill_kinds(IgColumnUse *use, const TimestampTz *last_of);
static void add_witness(IgColumnUse *use, const IgUsageWitness *witness);
static bool is_same_witness(const IgUsageWitness *a, const IgUsageWitness *b);
static List *ancestors_of(Oid relid);
static bool later_gap(TimestampTz since, TimestampTz gap_from, TimestampTz gap_to, const char *gap_why,
					  TimestampTz *from, TimestampTz *to, const char **why);

void
ig_usage_init(void)
{
	ig_usage_record_init();
}

void
ig_usage_install(void)
{
	ig_usage_is_preloaded = process_shared_preload_libraries_in_progress;
	if (IsBinaryUpgrade)
		return;
	/* what is retired is asked for without a record, too */
	ig_usage_hook_install();
	if (!ig_usage_is_kept())
		return;
	ig_usage_worker_install();
}

bool
ig_usage_is_kept(void)
{
	return ig_usage_is_preloaded || ig_shared_is_possible();
}

const char *
ig_usage_gap_words(IgUsageGapKind kind)
{
	switch (kind)
	{
		case IG_GAP_CRASHED:
			return "the server crashed, or was restored from a backup";
		case IG_GAP_WITHOUT:
			return "the server may have run without the library";
		case IG_GAP_FULL:
			return "the usage record was full (invariant_guard.usage_max_columns)";
		case IG_GAP_OFF:
			return "invariant_guard.track_columns was off in a session";
		case IG_GAP_STANDBY:
			return "this server was a standby, and saw nothing of its primary";
	}
	return "";					/* keep compiler quiet */
}

bool
ig_usage_of(Oid relid, AttrNumber attnum, IgColumnUse *use)
{
	IgUsageRecord *record = ig_usage_record();
	uint32		identity = ig_usage_identity(relid);
	IgUsageKey	key = {MyDatabaseId, relid, 0};
	const IgUsageEntry *entry;

	memset(use, 0, sizeof(IgColumnUse));
	if (record == NULL || identity == 0)
		return false;

	ig_usage_lock(false);
	entry = ig_usage_find(record, &key);
	if (entry != NULL && entry->identity != identity)
		entry = NULL;
	if (entry != NULL && attnum != 0)
	{
		key.attnum = attnum;
		entry = ig_usage_find(record, &key);
	}
	if (entry != NULL)
		fill(use, record, entry);
	ig_usage_unlock();
	return use->last_read != 0 || use->last_written != 0 || use->last_apart != 0;
}

/* Under the lock. */
static void
fill(IgColumnUse *use, const IgUsageRecord *record, const IgUsageEntry *entry)
{
	fill_kinds(use, entry->last_of);
	for (int i = 0; i < IG_USAGE_WITNESSES; i++)
	{
		const IgUsageRef *ref = &entry->refs[i];
		const IgUsageSlot *slot = &record->slots[ref->who.slot];
		IgUsageWitness witness = {0};

		if (ref->who.generation == 0 || ref->who.generation != slot->generation)
			continue;
		witness.role = slot->role;
		witness.read_at = ref->read_at;
		witness.written_at = ref->written_at;
		witness.by_name = ref->by_name;
		strlcpy(witness.role_name, slot->role_name, NAMEDATALEN);
		strlcpy(witness.application, slot->application, NAMEDATALEN);
		strlcpy(witness.standby, slot->standby, NAMEDATALEN);
		add_witness(use, &witness);
	}
}

/*
 * Where two kinds are of the same moment, the one that says more is told.
 */
static void
fill_kinds(IgColumnUse *use, const TimestampTz *last_of)
{
	for (int i = 0; i < IG_USE_KINDS; i++)
	{
		TimestampTz at = last_of[i];

		use->last_of[i] = Max(use->last_of[i], at);
		if (i >= IG_USE_COUNTED)
			use->last_apart = Max(use->last_apart, at);
		else if (i < IG_USE_WRITTEN && at > use->last_read)
		{
			use->last_read = at;
			use->last_read_kind = (IgUseKind) i;
		}
		else if (i >= IG_USE_WRITTEN && at > use->last_written)
		{
			use->last_written = at;
			use->last_written_kind = (IgUseKind) i;
		}
	}
}

/*
 * Into its place, the latest first.
 */
static void
add_witness(IgColumnUse *use, const IgUsageWitness *witness)
{
	IgUsageWitness added = *witness;
	TimestampTz at;
	int			place;

	for (int i = 0; i < use->nwitnesses; i++)
	{
		if (!is_same_witness(&use->witnesses[i], witness))
			continue;
		added.read_at = Max(added.read_at, use->witnesses[i].read_at);
		added.written_at = Max(added.written_at, use->witnesses[i].written_at);
		added.by_name |= use->witnesses[i].by_name;
		memmove(&use->witnesses[i], &use->witnesses[i + 1],
				(--use->nwitnesses - i) * sizeof(IgUsageWitness));
		break;
	}

	at = Max(added.read_at, added.written_at);
	for (place = 0; place < use->nwitnesses; place++)
	{
		if (at > Max(use->witnesses[place].read_at, use->witnesses[place].written_at))
			break;
	}
	if (place == IG_USAGE_WITNESSES)
		return;
	if (use->nwitnesses < IG_USAGE_WITNESSES)
		use->nwitnesses++;
	memmove(&use->witnesses[place + 1], &use->witnesses[place],
			(use->nwitnesses - place - 1) * sizeof(IgUsageWitness));
	use->witnesses[place] = added;
}

static bool
is_same_witness(const IgUsageWitness *a, const IgUsageWitness *b)
{
	return a->role == b->role && strcmp(a->role_name, b->role_name) == 0 &&
		strcmp(a->application, b->application) == 0 &&
		strcmp(a->standby, b->standby) == 0;
}

bool
ig_usage_of_tree(Oid relid, AttrNumber attnum, IgColumnUse *use)
{
	char	   *name = attnum != 0 ? get_attname(relid, attnum, true) : NULL;
	bool		seen = ig_usage_of(relid, attnum, use);
	List	   *others = list_concat(ancestors_of(relid), ig_inheritors(relid, NULL));
	ListCell   *lc;

	if (attnum != 0 && name == NULL)
		return seen;
	foreach(lc, others)
	{
		Oid			other = lfirst_oid(lc);
		AttrNumber	other_attnum = name ? get_attnum(other, name) : 0;
		IgColumnUse other_use;

		if (other == relid || (name && other_attnum == InvalidAttrNumber) ||
			!ig_usage_of(other, other_attnum, &other_use))
			continue;
		seen = true;
		fill_kinds(use, other_use.last_of);
		for (int i = 0; i < other_use.nwitnesses; i++)
			add_witness(use, &other_use.witnesses[i]);
	}
	return seen;
}

/*
 * Everything that the relation inherits from, at any height.
 */
static List *
ancestors_of(Oid relid)
{
	List	   *result = list_copy(ig_parents_of(relid));

	for (int i = 0; i < list_length(result); i++)
		result = list_concat_unique_oid(result, ig_parents_of(list_nth_oid(result, i)));
	return result;
}

/*
 * Who asks first of a database in which nothing was used yet makes it known.
 */
TimestampTz
ig_usage_observed_since(void)
{
	IgUsageRecord *record = ig_usage_record();
	IgUsageKey	key = {MyDatabaseId, InvalidOid, 0};
	IgUsageEntry *entry;
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz since = 0;

	if (record == NULL)
		return 0;
	ig_usage_lock(true);
	entry = ig_usage_enter(record, &key);
	if (entry != NULL && entry->first_seen == 0)
	{
		entry->first_seen = now;
		record->changes++;
	}
	if (entry != NULL)
		since = Max(entry->first_seen, record->since);
	ig_usage_unlock();
	return since;
}

bool
ig_usage_observed_whole(TimestampTz since, TimestampTz *from, TimestampTz *to,
						const char **why)
{
	IgUsageRecord *record = ig_usage_record();
	TimestampTz observed = ig_usage_observed_since();
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz unused_from = 0;
	TimestampTz unused_to = 0;
	const char *unused_why = NULL;
	bool		whole = true;

	if (from == NULL)
		from = &unused_from;
	if (to == NULL)
		to = &unused_to;
	if (why == NULL)
		why = &unused_why;
	*from = *to = 0;
	*why = NULL;
	if (record == NULL || observed == 0)
	{
		*to = now;
		*why = "no record is kept";
		return false;
	}

	if (later_gap(since, 0, observed, "the record begins only then", from, to, why))
		whole = false;
	ig_usage_lock(false);
	for (int i = 0; i < record->ngaps; i++)
	{
		const IgUsageGap *gap = &record->gaps[i];

		if ((!OidIsValid(gap->database) || gap->database == MyDatabaseId) &&
			later_gap(since, gap->from, gap->to, ig_usage_gap_words(gap->kind), from, to, why))
			whole = false;
	}
	for (int i = 0; i < record->nstandbys; i++)
	{
		const IgUsageStandby *standby = &record->standbys[i];

		if (standby->database != MyDatabaseId)
			continue;
		if (later_gap(since, 0, standby->since, "a standby was not observed before", from, to, why) ||
			later_gap(since, standby->gap_from, standby->gap_to, "a standby was not observed", from, to, why))
			whole = false;
		if (now - standby->until > IG_USAGE_STANDBY_GRACE * USECS_PER_SEC &&
			later_gap(since, standby->until, now, "the reads of a standby were not merged since", from, to, why))
			whole = false;
	}
	ig_usage_unlock();
	return whole;
}

/*
 * Is it a gap for somebody who asks from since on?  The latest one is told.
 */
static bool
later_gap(TimestampTz since, TimestampTz gap_from, TimestampTz gap_to, const char *gap_why,
		  TimestampTz *from, TimestampTz *to, const char **why)
{
	if (gap_to <= since)
		return false;
	if (gap_to > *to)
	{
		*from = gap_from;
		*to = gap_to;
		*why = gap_why;
	}
	return true;
}

void
ig_usage_begin_anew(void)
{
	IgUsageRecord *record = ig_usage_record();

	if (record == NULL)
		return;
	ig_usage_lock(true);
	record->generation++;
	ig_usage_unlock();
}
