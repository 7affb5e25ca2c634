/*-------------------------------------------------------------------------
 *
 * freeze.c
 *	  The times in which the schema is frozen.
 *
 * The setting holds ranges of time as tstzrange writes them, several of them
 * separated by commas or in the braces of a multirange.  What it means must
 * not depend on who reads it: neither on TimeZone nor on DateStyle, nor on the
 * day on which a server starts.  So a bound is an ISO 8601 date, with or
 * without a time of day, and UTC if it names no zone; "now", "today" and the
 * like are none.
 *
 * The parser reads no catalog and raises nothing: it also runs when the
 * postmaster reads its configuration.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "parser/scansup.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/freeze.h"

/* A bound is at most "294276-12-31 23:59:59.999999 America/Argentina/ComodRivadavia". */
#define MAX_BOUND		100

/* How many bytes of a bad piece an error shows. */
#define MAX_SHOWN		40

const IgFreezeList *ig_freezes = NULL;

static bool scan_ranges(const char *value, IgFreezeList *list);
static bool scan_range(const char **pos, IgFreeze *freeze);
static bool scan_bound(const char **pos, char *bound);
static bool parse_bound(const char *bound, TimestampTz infinite, TimestampTz *result);
static bool parse_date(const char **pos, struct pg_tm *tm);
static bool parse_time(const char **pos, struct pg_tm *tm, fsec_t *fsec);
static bool parse_fraction(const char **pos, fsec_t *fsec);
static bool parse_zone(const char **pos, struct pg_tm *tm, int *tz);
static bool parse_number(const char **pos, int least, int most, int *result);
static void skip_space(const char **pos);
static const char *clip(const char *piece);
static bool complain(const char *format,...) pg_attribute_printf(1, 2);
static bool complain_bound(const char *bound);
static bool is_within(const IgFreeze *freeze, TimestampTz now);

IgFreezeList *
ig_parse_freezes(const char *value)
{
	IgFreezeList *list;
	int			most = 0;

	for (const char *c = value; *c; c++)
		most += *c == '[' || *c == '(';

	list = ig_guc_malloc(offsetof(IgFreezeList, items) + Max(most, 1) * sizeof(IgFreeze));
	if (list == NULL)
		return NULL;
	list->count = 0;

	if (!scan_ranges(value, list))
	{
		GUC_check_errhint("Give ranges of time such as \"[2026-12-20, 2027-01-02)\", separated by commas; "
						  "a bound is a date, or a date and a time such as \"2026-12-20 18:00+01\", "
						  "in UTC where it names no time zone, and may be left out.");
		ig_guc_free(list);
		return NULL;
	}
	return list;
}

static bool
scan_ranges(const char *value, IgFreezeList *list)
{
	const char *pos = value;
	bool		braces;

	skip_space(&pos);
	if (*pos == '\0')
		return true;
	braces = *pos == '{';
	if (braces)
		pos++;

	for (;;)
	{
		skip_space(&pos);
		if (!scan_range(&pos, &list->items[list->count]))
			return false;
		list->count++;
		skip_space(&pos);
		if (*pos != ',')
			break;
		pos++;
	}

	if (braces && *pos++ != '}')
		return complain("The brace \"{\" is not closed.");
	skip_space(&pos);
	if (*pos != '\0')
		return complain("There is \"%s\" where a comma or the end was expected.", clip(pos));
	return true;
}

static bool
scan_range(const char **pos, IgFreeze *freeze)
{
	const char *start = *pos;
	char		lower[MAX_BOUND];
	char		upper[MAX_BOUND];

	if (**pos != '[' && **pos != '(')
		return complain(**pos == '\0' ? "A range of time was expected at the end." :
						"There is \"%s\" where a range of time was expected.", clip(*pos));
	freeze->lower_inclusive = *(*pos)++ == '[';

	if (!scan_bound(pos, lower))
		return false;
	if (**pos != ',')
		return complain("The range that begins with \"%s\" has not two bounds with a comma between them.",
						clip(start));
	(*pos)++;
	if (!scan_bound(pos, upper))
		return false;
	if (**pos != ']' && **pos != ')')
		return complain("The range that begins with \"%s\" does not end with \")\" or \"]\".",
						clip(start));
	freeze->upper_inclusive = *(*pos)++ == ']';

	if (!parse_bound(lower, DT_NOBEGIN, &freeze->lower) ||
		!parse_bound(upper, DT_NOEND, &freeze->upper))
		return false;
	if (freeze->lower > freeze->upper)
		return complain("The range from \"%s\" to \"%s\" ends before it begins.", lower, upper);
	if (freeze->lower == freeze->upper &&
		!(freeze->lower_inclusive && freeze->upper_inclusive))
		return complain("The range from \"%s\" to \"%s\" is empty.", lower, upper);
	return true;
}

/*
 * The text of a bound, without the quotes in which ranges are printed.
 */
static bool
scan_bound(const char **pos, char *bound)
{
	const char *start;
	const char *end;
	bool		quoted;

	skip_space(pos);
	quoted = **pos == '"';
	if (quoted)
		(*pos)++;
	start = *pos;
	*pos += strcspn(*pos, quoted ? "\"" : ",[](){}\"");
	end = *pos;
	while (end > start && scanner_isspace(end[-1]))
		end--;
	if (end - start >= MAX_BOUND)
		return complain("The bound that begins with \"%s\" is too long.", clip(start));
	memcpy(bound, start, end - start);
	bound[end - start] = '\0';

	if (quoted)
	{
		if (**pos != '"')
			return complain("The quote before \"%s\" is not closed.", bound);
		(*pos)++;
		skip_space(pos);
	}
	return true;
}

/*
 * infinite is what a bound that was left out means.
 */
static bool
parse_bound(const char *bound, TimestampTz infinite, TimestampTz *result)
{
	const char *pos = bound;
	struct pg_tm tm = {0};
	fsec_t		fsec = 0;
	int			tz = 0;

	if (*bound == '\0' ||
		pg_strcasecmp(bound, infinite == DT_NOEND ? "infinity" : "-infinity") == 0)
	{
		*result = infinite;
		return true;
	}

	if (!parse_date(&pos, &tm))
		return complain_bound(bound);
	if (*pos == 'T' || *pos == 't' || *pos == ' ')
	{
		pos++;
		skip_space(&pos);
		if (isdigit((unsigned char) *pos) && !parse_time(&pos, &tm, &fsec))
			return complain_bound(bound);
	}
	if (!parse_zone(&pos, &tm, &tz) || *pos != '\0' ||
		tm2timestamp(&tm, fsec, &tz, result) != 0)
		return complain_bound(bound);
	return true;
}

static bool
parse_date(const char **pos, struct pg_tm *tm)
{
	if (strspn(*pos, "0123456789") < 4 ||
		!parse_number(pos, 1, 294276, &tm->tm_year) || *(*pos)++ != '-' ||
		!parse_number(pos, 1, MONTHS_PER_YEAR, &tm->tm_mon) || *(*pos)++ != '-')
		return false;
	return parse_number(pos, 1, day_tab[isleap(tm->tm_year)][tm->tm_mon - 1], &tm->tm_mday);
}

static bool
parse_time(const char **pos, struct pg_tm *tm, fsec_t *fsec)
{
	if (!parse_number(pos, 0, HOURS_PER_DAY, &tm->tm_hour) || *(*pos)++ != ':' ||
		!parse_number(pos, 0, MINS_PER_HOUR - 1, &tm->tm_min))
		return false;
	if (**pos == ':')
	{
		(*pos)++;
		if (!parse_number(pos, 0, SECS_PER_MINUTE - 1, &tm->tm_sec) ||
			!parse_fraction(pos, fsec))
			return false;
	}
	/* 24:00 is the end of the day */
	return tm->tm_hour < HOURS_PER_DAY ||
		(tm->tm_min == 0 && tm->tm_sec == 0 && *fsec == 0);
}

static bool
parse_fraction(const char **pos, fsec_t *fsec)
{
	int			unit = USECS_PER_SEC;

	if (**pos != '.')
		return true;
	for ((*pos)++; isdigit((unsigned char) **pos); (*pos)++)
	{
		unit /= 10;
		if (unit == 0)
			return false;		/* finer than the server's clock */
		*fsec += (**pos - '0') * unit;
	}
	return unit != USECS_PER_SEC;
}

/*
 * Z, UTC, an offset from it, or the name of a zone, which has a slash: what
 * has none is an abbreviation, and their meaning is a setting.
 */
static bool
parse_zone(const char **pos, struct pg_tm *tm, int *tz)
{
	int			sign;
	int			hours;
	int			minutes = 0;
	pg_tz	   *zone;

	skip_space(pos);
	if (**pos == '\0')
		return true;
	if (pg_strcasecmp(*pos, "z") == 0 || pg_strcasecmp(*pos, "utc") == 0 ||
		pg_strcasecmp(*pos, "gmt") == 0)
	{
		*pos += strlen(*pos);
		return true;
	}
	if (**pos == '+' || **pos == '-')
	{
		sign = *(*pos)++ == '+' ? 1 : -1;
		if (!parse_number(pos, 0, MAX_TZDISP_HOUR, &hours))
			return false;
		if (**pos == ':')
		{
			(*pos)++;
			if (!parse_number(pos, 0, MINS_PER_HOUR - 1, &minutes))
				return false;
		}
		*tz = -sign * (hours * SECS_PER_HOUR + minutes * SECS_PER_MINUTE);
		return true;
	}

	if (strchr(*pos, '/') == NULL || strlen(*pos) > TZ_STRLEN_MAX)
		return false;
	zone = pg_tzset(*pos);
	if (zone == NULL)
		return false;
	*tz = DetermineTimeZoneOffset(tm, zone);
	*pos += strlen(*pos);
	return true;
}

/* Digits only, and not more of them than the largest value has. */
static bool
parse_number(const char **pos, int least, int most, int *result)
{
	int			digits = strspn(*pos, "0123456789");

	if (digits == 0 || digits > (most > 9999 ? 6 : 2))
		return false;
	*result = atoi(*pos);
	*pos += digits;
	return *result >= least && *result <= most;
}

static void
skip_space(const char **pos)
{
	while (scanner_isspace(**pos))
		(*pos)++;
}

/* So much of the text as an error can show, cut between two characters. */
static const char *
clip(const char *piece)
{
	static char shown[MAX_SHOWN + 1];
	int			length = pg_mbcliplen(piece, strlen(piece), MAX_SHOWN);

	memcpy(shown, piece, length);
	shown[length] = '\0';
	return shown;
}

/* For the one who reads the error: which piece is bad. */
static bool
complain(const char *format,...)
{
	char		buf[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(buf, sizeof(buf), format, args);
	va_end(args);
	GUC_check_errdetail("%s", buf);
	return false;
}

static bool
complain_bound(const char *bound)
{
	return complain("\"%s\" is not a date as ISO 8601 writes it, with or without a time of day and a time zone.",
					bound);
}

bool
ig_freeze_holds(TimestampTz now, TimestampTz *until)
{
	bool		holds = false;
	bool		grows = true;

	for (int i = 0; i < ig_freezes->count; i++)
	{
		if (!is_within(&ig_freezes->items[i], now))
			continue;
		*until = holds ? Max(*until, ig_freezes->items[i].upper) : ig_freezes->items[i].upper;
		holds = true;
	}

	/* a freeze that begins where one ends, or before, carries it on */
	while (holds && grows)
	{
		grows = false;
		for (int i = 0; i < ig_freezes->count; i++)
		{
			if (ig_freezes->items[i].lower > *until || ig_freezes->items[i].upper <= *until)
				continue;
			*until = ig_freezes->items[i].upper;
			grows = true;
		}
	}
	return holds;
}

static bool
is_within(const IgFreeze *freeze, TimestampTz now)
{
	return (freeze->lower < now || (freeze->lower == now && freeze->lower_inclusive)) &&
		(now < freeze->upper || (now == freeze->upper && freeze->upper_inclusive));
}

char *
ig_freeze_until_text(TimestampTz until)
{
	struct pg_tm tm;
	fsec_t		fsec;

	if (TIMESTAMP_IS_NOEND(until) || timestamp2tm(until, NULL, &tm, &fsec, NULL, NULL) != 0)
		return pstrdup("without end");

	return psprintf("until %04d-%02d-%02d %02d:%02d:%02d UTC", tm.tm_year, tm.tm_mon,
					tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}
