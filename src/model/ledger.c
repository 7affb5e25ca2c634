/*-------------------------------------------------------------------------
 *
 * ledger.c
 *	  What became of findings: the last ones of the server, and counts.
 *
 * Both are of a fixed size, in shared memory.  The entries are a ring.  The
 * counts are looked up one by one, by database and SQLSTATE, which is what
 * all versions of the library call a rule: there are few of them, and only
 * findings come here.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "utils/timestamp.h"

#include "model/ledger.h"
#include "platform/shared.h"

/* For some 30 databases in which every rule has found something. */
#define MAX_COUNTS	2048

typedef struct Ledger
{
	uint64		added;			/* entries ever; the next one's place follows */
	uint64		uncounted;
	int			ncounts;
	IgLedgerCount counts[MAX_COUNTS];
	IgLedgerEntry entries[IG_LEDGER_SIZE];
} Ledger;

static IgSharedPart part = {
	.name = "ledger",
	.size = sizeof(Ledger),
};

static const char *const outcome_names[] = {
	"refused",
	"warned",
	"noticed",
	"observed",
	"allowed",
};

StaticAssertDecl(lengthof(outcome_names) == IG_OUTCOMES, "each outcome has a name");

static void count_one(Ledger *ledger, Oid database, int sqlstate, IgOutcome outcome,
					  TimestampTz at);

void
ig_ledger_init(void)
{
	ig_shared_add(&part);
}

const char *
ig_outcome_name(IgOutcome outcome)
{
	return outcome_names[outcome];
}

void
ig_ledger_clip(char *field, Size size, const char *from)
{
	int			length = strlen(from);

	if (length >= size)
		length = pg_mbcliplen(from, length, size - 1);
	memcpy(field, from, length);
	field[length] = '\0';
}

void
ig_ledger_add(IgLedgerEntry *entry)
{
	Ledger	   *ledger = ig_shared_get(&part);

	if (ledger == NULL)
		return;

	entry->at = GetCurrentTimestamp();
	ig_shared_lock(&part, LW_EXCLUSIVE);
	count_one(ledger, entry->database, entry->sqlstate, entry->outcome, entry->at);
	entry->number = ledger->added + 1;
	ledger->entries[ledger->added % IG_LEDGER_SIZE] = *entry;
	ledger->added++;
	ig_shared_unlock(&part);
}

void
ig_ledger_count(Oid database, int sqlstate, IgOutcome outcome)
{
	Ledger	   *ledger = ig_shared_get(&part);
	TimestampTz now;

	if (ledger == NULL)
		return;

	now = GetCurrentTimestamp();
	ig_shared_lock(&part, LW_EXCLUSIVE);
	count_one(ledger, database, sqlstate, outcome, now);
	ig_shared_unlock(&part);
}

/* The caller holds the lock. */
static void
count_one(Ledger *ledger, Oid database, int sqlstate, IgOutcome outcome, TimestampTz at)
{
	IgLedgerCount *count = NULL;

	for (int i = 0; i < ledger->ncounts && count == NULL; i++)
	{
		if (ledger->counts[i].database == database &&
			ledger->counts[i].sqlstate == sqlstate)
			count = &ledger->counts[i];
	}
	if (count == NULL)
	{
		if (ledger->ncounts == MAX_COUNTS)
		{
			ledger->uncounted++;
			return;
		}
		count = &ledger->counts[ledger->ncounts++];
		memset(count, 0, sizeof(IgLedgerCount));
		count->database = database;
		count->sqlstate = sqlstate;
	}
	count->counts[outcome]++;
	count->last_at = Max(count->last_at, at);
}

/*
 * Memory for all entries is taken before the lock: under it nothing may fail.
 */
bool
ig_ledger_entries(Oid database, IgLedgerEntry **entries, int *count)
{
	Ledger	   *ledger = ig_shared_get(&part);
	uint64		oldest;

	*count = 0;
	if (ledger == NULL)
		return false;

	*entries = palloc(IG_LEDGER_SIZE * sizeof(IgLedgerEntry));
	ig_shared_lock(&part, LW_SHARED);
	oldest = ledger->added > IG_LEDGER_SIZE ? ledger->added - IG_LEDGER_SIZE : 0;
	for (uint64 i = ledger->added; i > oldest; i--)
	{
		const IgLedgerEntry *entry = &ledger->entries[(i - 1) % IG_LEDGER_SIZE];

		if (entry->database == database)
			(*entries)[(*count)++] = *entry;
	}
	ig_shared_unlock(&part);
	return true;
}

bool
ig_ledger_counts(Oid database, IgLedgerCount **counts, int *count)
{
	Ledger	   *ledger = ig_shared_get(&part);

	*count = 0;
	if (ledger == NULL)
		return false;

	*counts = palloc(MAX_COUNTS * sizeof(IgLedgerCount));
	ig_shared_lock(&part, LW_SHARED);
	for (int i = 0; i < ledger->ncounts; i++)
	{
		if (ledger->counts[i].database == database)
			(*counts)[(*count)++] = ledger->counts[i];
	}
	ig_shared_unlock(&part);
	return true;
}

void
ig_ledger_reset_counts(Oid database)
{
	Ledger	   *ledger = ig_shared_get(&part);
	int			kept = 0;

	if (ledger == NULL)
		return;

	ig_shared_lock(&part, LW_EXCLUSIVE);
	for (int i = 0; i < ledger->ncounts; i++)
	{
		if (ledger->counts[i].database != database)
			ledger->counts[kept++] = ledger->counts[i];
	}
	ledger->ncounts = kept;
	ledger->uncounted = 0;
	ig_shared_unlock(&part);
}

uint64
ig_ledger_uncounted(void)
{
	Ledger	   *ledger = ig_shared_get(&part);
	uint64		uncounted;

	if (ledger == NULL)
		return 0;

	ig_shared_lock(&part, LW_SHARED);
	uncounted = ledger->uncounted;
	ig_shared_unlock(&part);
	return uncounted;
}
