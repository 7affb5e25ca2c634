/*-------------------------------------------------------------------------
 *
 * list_setting.h
 *	  Parsing of the settings that hold lists.
 *
 * A check hook must return its result as one chunk of memory that the server
 * releases with one call, so every parsed list is flat: a header and an array
 * of fixed-size items.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LIST_SETTING_H
#define IG_LIST_SETTING_H

#include "postgres.h"

/*
 * One pattern of tables or databases.  "*" stands for any run of characters;
 * a name in double quotes is taken literally but for "*", and other names are
 * folded to lower case as SQL does.  Without a schema any schema matches.
 */
typedef struct IgPattern
{
	char		schema[NAMEDATALEN];	/* empty: any */
	char		name[NAMEDATALEN];
} IgPattern;

typedef struct IgPatternList
{
	int			count;
	IgPattern	items[FLEXIBLE_ARRAY_MEMBER];
} IgPatternList;

typedef struct IgSeverityItem
{
	char		name[NAMEDATALEN];	/* a rule, a family, or "all" */
	int			level;			/* IgLevel */
} IgSeverityItem;

typedef struct IgSeverityList
{
	int			count;
	IgSeverityItem items[FLEXIBLE_ARRAY_MEMBER];
} IgSeverityList;

/*
 * One allowance: rule(object), or the rule alone for what has no object.  The
 * object is up to three dotted names; parts[0] is the leftmost one given.
 */
typedef struct IgAllowItem
{
	char		rule[NAMEDATALEN];
	int			nparts;
	char		parts[3][NAMEDATALEN];
} IgAllowItem;

typedef struct IgAllowList
{
	int			count;
	IgAllowItem items[FLEXIBLE_ARRAY_MEMBER];
} IgAllowList;

extern bool ig_pattern_match(const char *pattern, const char *name);
extern bool ig_pattern_list_match(const IgPatternList *list, const char *schema,
								  const char *name);

/*
 * The parsers.  Each returns a chunk of ig_guc_malloc memory, or NULL after
 * setting GUC_check_errdetail and GUC_check_errhint, which name the bad word
 * and, where there is one, the nearest good one.
 */
extern IgPatternList *ig_parse_patterns(const char *value, bool with_schema);

/* The good word that a misspelled one was meant to be, or NULL. */
extern const char *ig_nearest_word(const char *word, const char *const *first,
								   const char *const *second);

struct IgNameSet;
extern IgSeverityList *ig_parse_severity(const char *value, const struct IgNameSet *names);
extern IgAllowList *ig_parse_allow(const char *value, const struct IgNameSet *names);

#endif							/* IG_LIST_SETTING_H */
