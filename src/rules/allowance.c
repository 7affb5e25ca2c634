/*-------------------------------------------------------------------------
 *
 * allowance.c
 *	  Hints that run a refused statement with the allowances it needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/rules.h"

void
ig_allowance_append(StringInfo items, const char *rule, const char *a,
					const char *b, const char *c)
{
	const char *parts[] = {a, b, c};
	int			nparts = 0;

	appendStringInfo(items, "%s%s", items->len > 0 ? ", " : "", rule);
	for (int i = 0; i < lengthof(parts); i++)
	{
		if (parts[i] != NULL)
			appendStringInfo(items, "%s%s", nparts++ == 0 ? "(" : ".",
							 quote_identifier(parts[i]));
	}
	if (nparts > 0)
		appendStringInfoChar(items, ')');
}

void
ig_allowance_append_own(StringInfo items, const IgFinding *finding)
{
	if (finding->table)
		ig_allowance_append(items, finding->rule->name, finding->schema,
							finding->table, finding->column);
	else
		ig_allowance_append(items, finding->rule->name, finding->schema,
							finding->object, NULL);
}

void
ig_allowance_hint(IgFinding *finding, const char *items, const char *sql)
{
	ig_finding_hint(finding, "BEGIN;");
	ig_finding_hint(finding, "SET LOCAL invariant_guard.reason = '...';");
	ig_finding_hint(finding, "SET LOCAL invariant_guard.allow = %s;",
					quote_literal_cstr(items));
	ig_finding_hint(finding, "%s;", sql);
	ig_finding_hint(finding, "COMMIT;");
}

void
ig_allowance_hint_session(IgFinding *finding, const char *items, const char *sql)
{
	ig_finding_hint(finding, "SET invariant_guard.reason = '...';");
	ig_finding_hint(finding, "SET invariant_guard.allow = %s;",
					quote_literal_cstr(items));
	ig_finding_hint(finding, "%s;", sql);
	ig_finding_hint(finding, "RESET invariant_guard.allow;");
	ig_finding_hint(finding, "RESET invariant_guard.reason;");
}

/*
 * Without a statement of its own, the object goes with another one, whose
 * finding has the statement; here only the allowance can be told.
 */
void
ig_allowance_hint_own(IgFinding *finding, const char *sql)
{
	StringInfoData items;

	if (sql == NULL)
	{
		ig_cure_allow(finding, "for this one", true);
		return;
	}

	initStringInfo(&items);
	ig_allowance_append_own(&items, finding);
	ig_allowance_hint(finding, items.data, sql);
}
