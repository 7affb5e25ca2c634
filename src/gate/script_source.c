/*-------------------------------------------------------------------------
 *
 * script_source.c
 *	  The text of a script that is to be judged.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/pg_list.h"
#include "parser/parser.h"
#include "utils/builtins.h"

#include "gate/script_source.h"

static void transpose_position(void *source);
static int	line_of(const char *source, int place);
static int	copy_data_before(const char *source, int place);
static const char *behind_comment(const char *at, const char *end);

/*
 * A position in the script is not one in the query that called us.
 */
static void
transpose_position(void *source)
{
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery((const char *) source);
	}
}

List *
ig_script_parse(const char *source)
{
	MemoryContext old = CurrentMemoryContext;
	ErrorContextCallback callback;
	ErrorData  *error;
	int			place;
	List	   *result = NIL;

	callback.callback = transpose_position;
	callback.arg = unconstify(char *, source);
	callback.previous = error_context_stack;
	error_context_stack = &callback;
	PG_TRY();
	{
		result = raw_parser(source, RAW_PARSE_DEFAULT);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(old);
		error_context_stack = callback.previous;
		error = CopyErrorData();

		/* positions count characters, from 1 */
		place = error->internalpos > 0 ?
			pg_mbcharcliplen(source, strlen(source), error->internalpos - 1) : -1;
		if (place >= 0 && copy_data_before(source, place) > 0)
		{
			FlushErrorState();
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("line %d: data for COPY FROM STDIN cannot be in the script",
							copy_data_before(source, place)),
					 errdetail("The script must hold SQL statements and nothing else.")));
		}
		if (place >= 0 && source[place] == '\\')
		{
			FlushErrorState();
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("line %d: \"%.*s\" is a command of psql, which the server does not understand",
							line_of(source, place),
							(int) strcspn(source + place, " \t\r\n"), source + place),
					 errdetail("The script must hold SQL statements and nothing else.")));
		}
		PG_RE_THROW();
	}
	PG_END_TRY();
	error_context_stack = callback.previous;
	return result;
}

static int
line_of(const char *source, int place)
{
	int			line = 1;

	for (int i = 0; i < place; i++)
		line += source[i] == '\n';
	return line;
}

/*
 * The line after a COPY ... FROM STDIN that ends before the place; 0 if there
 * is none.
 */
static int
copy_data_before(const char *source, int place)
{
	const char *copy = NULL;

	for (const char *at = source; at < source + place; at++)
	{
		if ((at == source || !isalnum((unsigned char) at[-1])) &&
			pg_strncasecmp(at, "copy", 4) == 0 && isspace((unsigned char) at[4]))
			copy = at;
		else if (*at == ';')
			copy = NULL;
		else if (copy != NULL && pg_strncasecmp(at, "from", 4) == 0 &&
				 isspace((unsigned char) at[4]))
		{
			const char *word = at + 4 + strspn(at + 4, " \t\r\n");
			const char *end = strchr(word, ';');

			if (pg_strncasecmp(word, "stdin", 5) == 0 && end != NULL &&
				end < source + place)
				return line_of(source, (int) (end - source)) + 1;
		}
	}
	return 0;
}

/*
 * What follows a comment or white space at the beginning; the place itself if there
 * is neither.
 */
static const char *
behind_comment(const char *at, const char *end)
{
	int			depth = 0;

	if (isspace((unsigned char) *at))
		return at + 1;
	if (end - at > 1 && at[0] == '-' && at[1] == '-')
	{
		while (at < end && *at != '\n' && *at != '\r')
			at++;
		return at;
	}
	if (end - at <= 1 || at[0] != '/' || at[1] != '*')
		return at;

	do
	{
		if (end - at > 1 && at[0] == '/' && at[1] == '*')
		{
			depth++;
			at += 2;
		}
		else if (end - at > 1 && at[0] == '*' && at[1] == '/')
		{
			depth--;
			at += 2;
		}
		else
			at++;
	} while (depth > 0 && at < end);
	return at;
}

char *
ig_script_statement(const char *source, const RawStmt *raw)
{
	const char *start = source + Max(raw->stmt_location, 0);
	const char *end = raw->stmt_len > 0 ? start + raw->stmt_len : start + strlen(start);
	const char *next;

	while (start < end && (next = behind_comment(start, end)) != start)
		start = next;
	while (end > start && (isspace((unsigned char) end[-1]) || end[-1] == ';'))
		end--;
	return pnstrdup(start, end - start);
}
