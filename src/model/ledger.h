/*-------------------------------------------------------------------------
 *
 * ledger.h
 *	  What became of findings: the last ones of the server, and counts.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LEDGER_H
#define IG_LEDGER_H

#include "postgres.h"

#include "datatype/timestamp.h"

#include "platform/settings.h"

typedef enum IgOutcome
{
	IG_REFUSED,					/* the statement failed */
	IG_WARNED,
	IG_NOTICED,
	IG_OBSERVED,				/* mode observe: nothing was said */
	IG_ALLOWED					/* by an allowance */
} IgOutcome;

#define IG_OUTCOMES	(IG_ALLOWED + 1)

/* How many of the last findings are kept. */
#define IG_LEDGER_SIZE	1000

/*
 * Texts are in the encoding of the database, end with NUL, and are clipped at
 * a character's end where they are longer.
 */
typedef struct IgLedgerEntry
{
	uint64		number;			/* from 1 on since the server's start */
	TimestampTz at;
	Oid			database;
	Oid			role;			/* in whose name the statement ran */
	Oid			session_role;	/* who connected */
	int			pid;
	int			sqlstate;		/* of the rule */
	IgLevel		level;
	IgOutcome	outcome;
	char		role_name[NAMEDATALEN];
	char		application[NAMEDATALEN];
	char		object[256];
	char		message[1024];
	char		reason[256];
} IgLedgerEntry;

/* One rule in one database. */
typedef struct IgLedgerCount
{
	Oid			database;
	int			sqlstate;
	TimestampTz last_at;
	uint64		counts[IG_OUTCOMES];
} IgLedgerCount;

extern void ig_ledger_init(void);
extern const char *ig_outcome_name(IgOutcome outcome);

/* Copy a text into an entry. */
extern void ig_ledger_clip(char *field, Size size, const char *from);

/*
 * Keep and count a finding; number and at are filled here.  These two do
 * nothing where there is no shared memory.
 */
extern void ig_ledger_add(IgLedgerEntry *entry);
extern void ig_ledger_count(Oid database, int sqlstate, IgOutcome outcome);

/* Of one database; the newest first.  false where there is no shared memory. */
extern bool ig_ledger_entries(Oid database, IgLedgerEntry **entries, int *count);
extern bool ig_ledger_counts(Oid database, IgLedgerCount **counts, int *count);
extern void ig_ledger_reset_counts(Oid database);

/* Findings of the whole server that found no room for a count. */
extern uint64 ig_ledger_uncounted(void);

#endif							/* IG_LEDGER_H */
