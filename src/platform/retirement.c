/*-------------------------------------------------------------------------
 *
 * retirement.c
 *	  The retirement of a column or table, as its security label says it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "pgtime.h"
#include "utils/datetime.h"
#include "utils/timestamp.h"

#include "platform/retirement.h"
#include "platform/text.h"

#define WORD_RETIRED	"retired"
#define WORDS_SINCE		"retired since "
#define WORDS_BY		" by "
#define WORDS_BLOCKING	" blocking writes"
#define WORDS_REASON	": "

static bool take(const char **pos, const char *words);
static bool take_number(const char **pos, int digits, int *number);
static bool take_time(const char **pos, TimestampTz *time);
static bool take_fraction(const char **pos, fsec_t *fsec);
static char *take_role(const char **pos);

bool
ig_retirement_begins(const char *label)
{
	size_t		length = strlen(WORD_RETIRED);

	return strncmp(label, WORD_RETIRED, length) == 0 &&
		(label[length] == '\0' || scanner_isspace(label[length]));
}

IgRetirement *
ig_retirement_parse(const char *label)
{
	IgRetirement *retirement = palloc0(sizeof(IgRetirement));
	const char *pos = label;

	if (!take(&pos, WORDS_SINCE) || !take_time(&pos, &retirement->since) ||
		!take(&pos, WORDS_BY))
		return NULL;

	retirement->role = take_role(&pos);
	if (retirement->role == NULL)
		return NULL;

	retirement->blocks_writes = take(&pos, WORDS_BLOCKING);
	if (!take(&pos, WORDS_REASON) || ig_is_blank(pos))
		return NULL;

	retirement->reason = pstrdup(pos);
	return retirement;
}

static bool
take(const char **pos, const char *words)
{
	size_t		length = strlen(words);

	if (strncmp(*pos, words, length) != 0)
		return false;
	*pos += length;
	return true;
}

static bool
take_number(const char **pos, int digits, int *number)
{
	*number = 0;
	for (int i = 0; i < digits; i++)
	{
		char		c = (*pos)[i];

		if (c < '0' || c > '9')
			return false;
		*number = *number * 10 + (c - '0');
	}
	*pos += digits;
	return true;
}

/*
 * One form only, so that the session's settings have no say in it.
 */
static bool
take_time(const char **pos, TimestampTz *time)
{
	struct pg_tm tm = {0};
	fsec_t		fsec = 0;
	int			utc = 0;

	if (!take_number(pos, 4, &tm.tm_year) || !take(pos, "-") ||
		!take_number(pos, 2, &tm.tm_mon) || !take(pos, "-") ||
		!take_number(pos, 2, &tm.tm_mday) || !take(pos, " ") ||
		!take_number(pos, 2, &tm.tm_hour) || !take(pos, ":") ||
		!take_number(pos, 2, &tm.tm_min) || !take(pos, ":") ||
		!take_number(pos, 2, &tm.tm_sec) || !take_fraction(pos, &fsec) ||
		!take(pos, "+00"))
		return false;

	if (tm.tm_year < 1 || tm.tm_mon < 1 || tm.tm_mon > MONTHS_PER_YEAR ||
		tm.tm_mday < 1 || tm.tm_mday > day_tab[isleap(tm.tm_year)][tm.tm_mon - 1] ||
		tm.tm_hour >= HOURS_PER_DAY || tm.tm_min >= MINS_PER_HOUR ||
		tm.tm_sec >= SECS_PER_MINUTE)
		return false;

	return tm2timestamp(&tm, fsec, &utc, time) == 0;
}

/* Up to six digits, or none. */
static bool
take_fraction(const char **pos, fsec_t *fsec)
{
	int			digits = 0;

	*fsec = 0;
	if (!take(pos, "."))
		return true;

	for (; digits < 6 && **pos >= '0' && **pos <= '9'; digits++)
		*fsec = *fsec * 10 + (*(*pos)++ - '0');
	if (digits == 0)
		return false;
	for (; digits < 6; digits++)
		*fsec *= 10;
	return true;
}

/*
 * A name in double quotes; NULL if it is none.
 */
static char *
take_role(const char **pos)
{
	StringInfoData buf;

	if (!take(pos, "\""))
		return NULL;

	initStringInfo(&buf);
	for (;;)
	{
		if (**pos == '\0')
			return NULL;
		if (**pos == '"')
		{
			(*pos)++;
			if (**pos != '"')
				return buf.len > 0 ? buf.data : NULL;
		}
		appendStringInfoChar(&buf, *(*pos)++);
	}
}

char *
ig_retirement_text(const IgRetirement *retirement)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s%s%s\"", WORDS_SINCE,
					 ig_retirement_time_text(retirement->since), WORDS_BY);
	for (const char *c = retirement->role; *c != '\0'; c++)
	{
		if (*c == '"')
			appendStringInfoChar(&buf, '"');
		appendStringInfoChar(&buf, *c);
	}
	appendStringInfo(&buf, "\"%s%s%s",
					 retirement->blocks_writes ? WORDS_BLOCKING : "", WORDS_REASON,
					 retirement->reason);
	return buf.data;
}

char *
ig_retirement_time_text(TimestampTz time)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (timestamp2tm(time, NULL, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("infinity");
	if (fsec == 0)
		return psprintf("%04d-%02d-%02d %02d:%02d:%02d+00", tm.tm_year, tm.tm_mon,
						tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return psprintf("%04d-%02d-%02d %02d:%02d:%02d.%06d+00", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int) fsec);
}
