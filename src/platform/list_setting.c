/*-------------------------------------------------------------------------
 *
 * list_setting.c
 *	  Parsing of the settings that hold lists.
 *
 * Items are separated by commas, with any white space around them; an empty
 * value is an empty list, and a comma must be followed by an item.  The
 * scanners move a pointer over the value, and report what they do not like in
 * the variables that check hooks have for it.  They must not raise errors:
 * the same code runs when the postmaster reads its configuration again.
 *
 * Every word that is known here is ASCII.  Other bytes are looked at one by
 * one, which is right in each encoding that a server may have.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include <ctype.h>

#include "common/string.h"
#include "parser/scansup.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#include "platform/compat.h"
#include "platform/list_setting.h"
#include "platform/settings.h"

/* A word that is farther from all good ones is no misspelling of them. */
#define MAX_WORD_DISTANCE	4

static const char *const level_words[] = {"off", "notice", "warning", "error", NULL};
static const char *const all_words[] = {"all", NULL};

typedef bool (*ItemScanner) (const char **pos, void *item, const void *context);

typedef struct PatternContext
{
	bool		with_schema;
} PatternContext;

static void *scan_list(const char *value, Size header, Size item_size,
					   ItemScanner scanner, const void *context);
static bool scan_pattern(const char **pos, void *item, const void *context);
static bool ends_like_name(const char *pos);
static bool scan_severity(const char **pos, void *item, const void *context);
static bool scan_allowance(const char **pos, void *item, const void *context);
static bool scan_allowed_object(const char **pos, IgAllowItem *item);
static bool scan_name(const char **pos, bool with_star, char *name);
static bool scan_quoted_name(const char **pos, char *name);
static char *scan_word(const char **pos);
static void skip_space(const char **pos);
static bool complain_expected(const char *pos, const char *what);
static bool complain_too_long(const char *start, Size length);
static void suggest(const char *word, const char *const *first,
					const char *const *second, const char *otherwise);
static bool is_listed(const char *word, const char *const *list);
static void find_nearest(const char *word, const char *const *list,
						 int *distance, const char **nearest);
static void find_completions(const char *word, const char *const *list,
							 int *completions, const char **last);

/*
 * Does the name match?  "*" stands for any run of characters.
 */
bool
ig_pattern_match(const char *pattern, const char *name)
{
	const char *star = NULL;
	const char *retry = NULL;

	while (*name)
	{
		if (*pattern == '*')
		{
			star = ++pattern;
			retry = name;
		}
		else if (*pattern == *name)
		{
			pattern++;
			name++;
		}
		else if (star)
		{
			/* let the last star take one more byte */
			pattern = star;
			name = ++retry;
		}
		else
			return false;
	}

	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/*
 * Does any of the patterns match?  schema is NULL for what lies in none.
 */
bool
ig_pattern_list_match(const IgPatternList *list, const char *schema, const char *name)
{
	if (list == NULL)
		return false;

	for (int i = 0; i < list->count; i++)
	{
		const IgPattern *item = &list->items[i];

		if (item->schema[0] != '\0' &&
			(schema == NULL || !ig_pattern_match(item->schema, schema)))
			continue;
		if (ig_pattern_match(item->name, name))
			return true;
	}
	return false;
}

IgPatternList *
ig_parse_patterns(const char *value, bool with_schema)
{
	PatternContext context;

	context.with_schema = with_schema;
	return scan_list(value, offsetof(IgPatternList, items), sizeof(IgPattern),
					 scan_pattern, &context);
}

IgSeverityList *
ig_parse_severity(const char *value, const IgNameSet *names)
{
	return scan_list(value, offsetof(IgSeverityList, items), sizeof(IgSeverityItem),
					 scan_severity, names);
}

IgAllowList *
ig_parse_allow(const char *value, const IgNameSet *names)
{
	return scan_list(value, offsetof(IgAllowList, items), sizeof(IgAllowItem),
					 scan_allowance, names);
}

/*
 * The good word that the bad one was probably meant to be, or NULL: the
 * nearest one, if less than half of the bad one is wrong, or else the only one
 * that begins like it.  Either list may be NULL; each ends with NULL.
 */
const char *
ig_nearest_word(const char *word, const char *const *first, const char *const *second)
{
	int			length = strlen(word);
	int			distance = Min(MAX_WORD_DISTANCE, (length - 1) / 2) + 1;
	const char *nearest = NULL;
	int			completions = 0;

	/* the distance function trusts its input to be of the right encoding */
	if (length == 0 || length >= NAMEDATALEN || !pg_is_ascii(word))
		return NULL;

	find_nearest(word, first, &distance, &nearest);
	find_nearest(word, second, &distance, &nearest);
	if (nearest)
		return nearest;

	find_completions(word, first, &completions, &nearest);
	find_completions(word, second, &completions, &nearest);
	return completions == 1 ? nearest : NULL;
}

static void
find_nearest(const char *word, const char *const *list,
			 int *distance, const char **nearest)
{
	for (; list && *list; list++)
	{
		int			d = varstr_levenshtein_less_equal(word, strlen(word),
													  *list, strlen(*list),
													  1, 1, 1, *distance - 1, true);

		if (d < *distance)
		{
			*distance = d;
			*nearest = *list;
		}
	}
}

static void
find_completions(const char *word, const char *const *list,
				 int *completions, const char **last)
{
	for (; list && *list; list++)
	{
		if (strncmp(word, *list, strlen(word)) == 0)
		{
			(*completions)++;
			*last = *list;
		}
	}
}

/*
 * The way through every list.  All list types begin with their count, so that
 * one function can fill each of them.
 */
static void *
scan_list(const char *value, Size header, Size item_size,
		  ItemScanner scanner, const void *context)
{
	const char *pos = value ? value : "";
	Size		most = 1;
	char	   *list;
	int		   *count;

	/* commas inside of quotes are counted too: this is an upper bound */
	for (const char *c = pos; *c; c++)
	{
		if (*c == ',')
			most++;
	}

	list = ig_guc_malloc(header + most * item_size);
	if (list == NULL)
	{
		GUC_check_errdetail("Out of memory.");
		return NULL;
	}
	memset(list, 0, header + most * item_size);
	count = (int *) list;

	skip_space(&pos);
	if (*pos == '\0')
		return list;

	for (;;)
	{
		if (!scanner(&pos, list + header + *count * item_size, context))
			break;
		(*count)++;

		skip_space(&pos);
		if (*pos == '\0')
			return list;
		if (*pos != ',')
		{
			complain_expected(pos, "a comma");
			break;
		}
		pos++;
		skip_space(&pos);
	}

	ig_guc_free(list);
	return NULL;
}

/*
 * [schema.]name
 */
static bool
scan_pattern(const char **pos, void *item, const void *context)
{
	IgPattern  *pattern = (IgPattern *) item;
	const PatternContext *ctx = (const PatternContext *) context;
	const char *start = *pos;

	if (!scan_name(pos, true, pattern->name))
		return false;
	if (**pos != '.')
		return ends_like_name(*pos);

	if (!ctx->with_schema)
	{
		GUC_check_errdetail("A database has no schema: unexpected \".\" in \"%s\".", start);
		GUC_check_errhint("Put a name that contains a dot in double quotes.");
		return false;
	}

	strlcpy(pattern->schema, pattern->name, NAMEDATALEN);
	(*pos)++;
	if (!scan_name(pos, true, pattern->name))
		return false;
	if (**pos == '.')
	{
		GUC_check_errdetail("A table pattern has at most two parts, a schema and a name: unexpected third part in \"%s\".",
							start);
		return false;
	}
	return ends_like_name(*pos);
}

/*
 * Behind an unquoted name with other characters, say how to write it.
 */
static bool
ends_like_name(const char *pos)
{
	if (*pos == '\0' || *pos == ',' || scanner_isspace(*pos))
		return true;

	complain_expected(pos, "a comma");
	GUC_check_errhint("Put a name in double quotes if it contains other characters than letters, digits, underscores and dollar signs.");
	return false;
}

/*
 * rule=level, where a family or "all" may stand for the rule
 */
static bool
scan_severity(const char **pos, void *item, const void *context)
{
	IgSeverityItem *severity = (IgSeverityItem *) item;
	const IgNameSet *names = (const IgNameSet *) context;
	char	   *name;
	char	   *level;

	name = scan_word(pos);
	if (name[0] == '\0')
		return complain_expected(*pos, "a rule, a family of rules or \"all\"");
	if (!is_listed(name, names->rules) && !is_listed(name, names->families) &&
		!is_listed(name, all_words))
	{
		GUC_check_errdetail("Unrecognized rule \"%s\".", name);
		suggest(name, names->rules, names->families,
				"A rule, a family of rules or \"all\" stands before the equals sign; the view invariant_guard.rules lists them.");
		return false;
	}
	if (is_listed(name, names->fixed))
	{
		GUC_check_errdetail("The level of rule \"%s\" cannot be changed.", name);
		GUC_check_errhint("An allowance lets one object pass it.");
		return false;
	}
	strlcpy(severity->name, name, NAMEDATALEN);

	skip_space(pos);
	if (**pos != '=')
		return complain_expected(*pos, psprintf("\"=\" and a level after \"%s\"", name));
	(*pos)++;
	skip_space(pos);

	level = scan_word(pos);
	if (level[0] == '\0')
		return complain_expected(*pos, "one of the levels error, warning, notice and off");
	for (int i = IG_LEVEL_OFF; i <= IG_LEVEL_ERROR; i++)
	{
		if (strcmp(level, ig_level_name(i)) == 0)
		{
			severity->level = i;
			return true;
		}
	}
	GUC_check_errdetail("Unrecognized level \"%s\" of \"%s\".", level, name);
	suggest(level, level_words, NULL, "The levels are error, warning, notice and off.");
	return false;
}

/*
 * rule or rule(object)
 */
static bool
scan_allowance(const char **pos, void *item, const void *context)
{
	IgAllowItem *allow = (IgAllowItem *) item;
	const IgNameSet *names = (const IgNameSet *) context;
	char	   *rule;

	rule = scan_word(pos);
	if (rule[0] == '\0')
		return complain_expected(*pos, "a rule");
	/* a family may have the name of one of its rules */
	if (!is_listed(rule, names->rules) &&
		(is_listed(rule, names->families) || is_listed(rule, all_words)))
	{
		GUC_check_errdetail("An allowance names one rule, and \"%s\" stands for many.", rule);
		return false;
	}
	if (!is_listed(rule, names->rules))
	{
		GUC_check_errdetail("Unrecognized rule \"%s\".", rule);
		suggest(rule, names->rules, NULL,
				"The view invariant_guard.rules lists the rules.");
		return false;
	}
	strlcpy(allow->rule, rule, NAMEDATALEN);

	skip_space(pos);
	if (**pos != '(')
		return true;
	(*pos)++;
	return scan_allowed_object(pos, allow);
}

/*
 * The object of an allowance, from behind the opening parenthesis.
 */
static bool
scan_allowed_object(const char **pos, IgAllowItem *item)
{
	const char *start = *pos;

	for (;;)
	{
		skip_space(pos);
		if (item->nparts == lengthof(item->parts))
		{
			GUC_check_errdetail("An object has at most three parts: unexpected fourth part in \"%s\".",
								start);
			return false;
		}
		if (!scan_name(pos, false, item->parts[item->nparts]))
			return false;
		item->nparts++;

		skip_space(pos);
		if (**pos != '.')
			break;
		(*pos)++;
	}

	if (**pos != ')')
		return complain_expected(*pos, "a closing parenthesis");
	(*pos)++;
	return true;
}

/*
 * One name, as SQL would read it; an unquoted pattern may contain stars too.
 */
static bool
scan_name(const char **pos, bool with_star, char *name)
{
	const char *start = *pos;
	Size		length;

	if (*start == '"')
		return scan_quoted_name(pos, name);

	while (isalnum((unsigned char) **pos) || **pos == '_' || **pos == '$' ||
		   IS_HIGHBIT_SET(**pos) || (with_star && **pos == '*'))
		(*pos)++;

	length = *pos - start;
	if (length == 0)
		return complain_expected(start, "a name");
	if (length >= NAMEDATALEN)
		return complain_too_long(start, length);

	strlcpy(name, downcase_identifier(start, length, false, false), NAMEDATALEN);
	return true;
}

static bool
scan_quoted_name(const char **pos, char *name)
{
	const char *start = *pos;
	Size		length = 0;

	for ((*pos)++;; (*pos)++)
	{
		if (**pos == '\0')
		{
			GUC_check_errdetail("Unterminated double quote at %s.", start);
			return false;
		}
		if (**pos == '"')
		{
			(*pos)++;
			if (**pos != '"')
				break;
		}
		if (length < NAMEDATALEN - 1)
			name[length] = **pos;
		length++;
	}

	if (length == 0)
	{
		GUC_check_errdetail("A name must not be empty.");
		return false;
	}
	if (length >= NAMEDATALEN)
		return complain_too_long(start, *pos - start);
	name[length] = '\0';
	return true;
}

/*
 * A word of ours: the name of a rule or level.  Empty where none starts.
 */
static char *
scan_word(const char **pos)
{
	const char *start = *pos;
	char	   *word;

	while (isalnum((unsigned char) **pos) || **pos == '_' || **pos == '-' ||
		   IS_HIGHBIT_SET(**pos))
		(*pos)++;

	word = pnstrdup(start, *pos - start);
	for (char *c = word; *c; c++)
		*c = pg_ascii_tolower((unsigned char) *c);
	return word;
}

static void
skip_space(const char **pos)
{
	while (scanner_isspace(**pos))
		(*pos)++;
}

/*
 * The rest of the value is shown, not one byte of it, which could be the half
 * of a character.
 */
static bool
complain_expected(const char *pos, const char *what)
{
	if (*pos == '\0')
		GUC_check_errdetail("Expected %s at the end of the value.", what);
	else
		GUC_check_errdetail("Expected %s at \"%s\".", what, pos);
	return false;
}

static bool
complain_too_long(const char *start, Size length)
{
	GUC_check_errdetail("The name %.*s is longer than %d bytes.",
						(int) length, start, NAMEDATALEN - 1);
	return false;
}

/*
 * Hint at the nearest good word or, when none is near, say something else.
 */
static void
suggest(const char *word, const char *const *first,
		const char *const *second, const char *otherwise)
{
	const char *nearest = ig_nearest_word(word, first, second);

	if (nearest)
		GUC_check_errhint("Perhaps you meant \"%s\".", nearest);
	else
		GUC_check_errhint("%s", otherwise);
}

static bool
is_listed(const char *word, const char *const *list)
{
	for (; list && *list; list++)
	{
		if (strcmp(word, *list) == 0)
			return true;
	}
	return false;
}
