/*-------------------------------------------------------------------------
 *
 * hints.c
 *	  The hints of all that one statement is refused for.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "gate/hints.h"
#include "rules/allowance.h"

/* Of how many findings the allowances are put together. */
#define MOST_TOGETHER	21

static void add_items(List **items, const char *list);
static void add_needs(List **items, const IgFinding *finding);
static void add_own(List **items, const IgFinding *finding);
static bool is_same_work(const IgFinding *a, const IgFinding *b);
static List *items_of_sql(const IgHints *hints, const IgFinding *finding, const char *own);
static char *joined(List *items);

void
ig_hints_begin(IgHints *hints)
{
	ListCell   *lc;

	if (list_length(hints->refused) > MOST_TOGETHER)
		return;

	foreach(lc, hints->refused)
		add_needs(&hints->all, (const IgFinding *) lfirst(lc));
	foreach(lc, hints->allowed)
		add_own(&hints->all, (const IgFinding *) lfirst(lc));
}

/* Are both about the same part of the statement? */
static bool
is_same_work(const IgFinding *a, const IgFinding *b)
{
	return a->change == b->change ||
		(a->change->sql != NULL && b->change->sql != NULL &&
		 strcmp(a->change->sql, b->change->sql) == 0);
}

/*
 * Each allowance that is not there yet, of a list as allowance.c writes it: a
 * quoted name may hold a comma.
 */
static void
add_items(List **items, const char *list)
{
	const char *start = list;
	bool		quoted = false;

	for (const char *p = list; list[0] != '\0'; p++)
	{
		char	   *item;
		ListCell   *lc;

		if (*p == '"')
			quoted = !quoted;
		if (*p != '\0' && (*p != ',' || quoted))
			continue;

		item = pnstrdup(start, p - start);
		foreach(lc, *items)
		{
			if (strcmp((const char *) lfirst(lc), item) == 0)
				break;
		}
		if (lc == NULL)
			*items = lappend(*items, item);
		if (*p == '\0')
			return;
		start = p + strlen(", ");
	}
}

static void
add_own(List **items, const IgFinding *finding)
{
	StringInfoData own;

	initStringInfo(&own);
	ig_allowance_append_own(&own, finding);
	add_items(items, own.data);
}

static void
add_needs(List **items, const IgFinding *finding)
{
	ListCell   *lc;

	foreach(lc, finding->allowances)
		add_items(items, ((const IgAllowancePlace *) lfirst(lc))->items);
	if (finding->allowances == NIL)
		add_own(items, finding);
}

/*
 * What stands before SQL is for that alone: no hatch is opened further than
 * it needs.
 */
static List *
items_of_sql(const IgHints *hints, const IgFinding *finding, const char *own)
{
	List	   *items = NIL;
	ListCell   *lc;

	add_items(&items, own);
	foreach(lc, hints->refused)
	{
		if (is_same_work((const IgFinding *) lfirst(lc), finding))
			add_needs(&items, (const IgFinding *) lfirst(lc));
	}
	foreach(lc, hints->allowed)
	{
		if (is_same_work((const IgFinding *) lfirst(lc), finding))
			add_own(&items, (const IgFinding *) lfirst(lc));
	}
	return items;
}

static char *
joined(List *items)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, items)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", (const char *) lfirst(lc));
	return buf.data;
}

char *
ig_hints_of(const IgHints *hints, const IgFinding *finding, bool others_follow)
{
	StringInfoData buf;
	int			done = 0;
	ListCell   *lc;

	if (finding->hint == NULL || hints->all == NIL)
		return finding->hint;

	initStringInfo(&buf);
	foreach(lc, finding->allowances)
	{
		const IgAllowancePlace *place = (const IgAllowancePlace *) lfirst(lc);
		List	   *own = NIL;

		add_items(&own, place->items);
		appendBinaryStringInfo(&buf, finding->hint + done, place->begin - done);
		if (!place->in_comment)
			appendStringInfoString(&buf, quote_literal_cstr(joined(items_of_sql(hints, finding, place->items))));
		else if (others_follow && list_length(own) < list_length(hints->all))
			appendStringInfoString(&buf, ig_text_name(place->items));
		else
			appendStringInfoString(&buf, ig_allowance_settings(joined(hints->all), place->in_transaction));
		done = place->end;
	}
	appendStringInfoString(&buf, finding->hint + done);
	return buf.data;
}

char *
ig_hints_end(const IgHints *hints)
{
	bool		needed = false;
	bool		cured = false;
	bool		in_transaction = true;
	ListCell   *lc;
	ListCell   *lp;

	foreach(lc, hints->refused)
	{
		const IgFinding *finding = (const IgFinding *) lfirst(lc);

		cured = cured || finding->allowances == NIL;
		foreach(lp, finding->allowances)
		{
			const IgAllowancePlace *place = (const IgAllowancePlace *) lfirst(lp);
			List	   *own = NIL;

			in_transaction = in_transaction && place->in_transaction;
			add_items(&own, place->items);
			if (place->in_comment)
				needed = needed || list_length(own) < list_length(hints->all);
			/* SQL that does all of it */
			else if (list_length(items_of_sql(hints, finding, place->items)) == list_length(hints->all))
				return NULL;
		}
	}
	if (!needed)
		return NULL;
	return psprintf("-- %s: %s", cured ? "or all of it as it is, without these cures" : "for all of it as it is",
					ig_allowance_settings(joined(hints->all), in_transaction));
}
