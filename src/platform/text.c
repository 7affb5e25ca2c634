/*-------------------------------------------------------------------------
 *
 * text.c
 *	  Names, lists and locks in words.
 *
 * Names come from users and may hold any character but NUL.  In messages they
 * are shown escaped, so that no name can look like the start of another log
 * line.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "parser/scansup.h"
#include "mb/pg_wchar.h"

#include "platform/text.h"

static int	character_length(const char *name);
static bool breaks_line(pg_wchar c);

/*
 * Every byte of a multibyte character has its high bit set in all encodings
 * that a server may use, so ASCII controls are found byte by byte.  Unicode
 * has more characters that break lines or turn the direction of writing.
 */
char *
ig_text_name(const char *name)
{
	bool		utf8 = GetDatabaseEncoding() == PG_UTF8;
	StringInfoData buf;

	initStringInfo(&buf);
	while (*name != '\0')
	{
		int			length = character_length(name);
		unsigned char first = (unsigned char) *name;

		if (length == 1 && (first < 0x20 || first == 0x7f))
			appendStringInfo(&buf, "\\x%02x", first);
		else if (utf8 && length > 1 &&
				 breaks_line(utf8_to_unicode((const unsigned char *) name)))
			appendStringInfo(&buf, "\\u%04x",
							 (unsigned int) utf8_to_unicode((const unsigned char *) name));
		else
			appendBinaryStringInfo(&buf, name, length);
		name += length;
	}
	return buf.data;
}

/* A name that was cut within a character counts as single bytes there. */
static int
character_length(const char *name)
{
	int			length = pg_mblen(name);

	return strnlen(name, length) == length ? length : 1;
}

/* C1 controls, line and paragraph separator, marks of direction. */
static bool
breaks_line(pg_wchar c)
{
	return (c >= 0x80 && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
		(c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
}

/*
 * '"a", "b" and 3 more'.
 */
char *
ig_text_list(List *names, int at_most)
{
	StringInfoData buf;
	int			shown = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		if (shown == at_most)
		{
			appendStringInfo(&buf, " and %d more", list_length(names) - shown);
			break;
		}
		appendStringInfo(&buf, "%s\"%s\"", shown > 0 ? ", " : "",
						 ig_text_name((const char *) lfirst(lc)));
		shown++;
	}
	return buf.data;
}

const char *
ig_text_lock(LOCKMODE lock)
{
	switch (lock)
	{
		case AccessShareLock:
			return "ACCESS SHARE";
		case RowShareLock:
			return "ROW SHARE";
		case RowExclusiveLock:
			return "ROW EXCLUSIVE";
		case ShareUpdateExclusiveLock:
			return "SHARE UPDATE EXCLUSIVE";
		case ShareLock:
			return "SHARE";
		case ShareRowExclusiveLock:
			return "SHARE ROW EXCLUSIVE";
		case ExclusiveLock:
			return "EXCLUSIVE";
		case AccessExclusiveLock:
			return "ACCESS EXCLUSIVE";
		default:
			return "no";
	}
}

bool
ig_is_blank(const char *value)
{
	while (scanner_isspace(*value))
		value++;
	return *value == '\0';
}

char *
ig_text_words(const char *const *words)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; words[i] != NULL; i++)
		appendStringInfo(&buf, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " and " : ", ",
						 words[i]);
	return buf.data;
}
