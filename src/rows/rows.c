/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  What row rules have in common beside their triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"

#include "rows/rows.h"

static IgRuleCheck checks[IG_ROW_RULE_KINDS];

void
ig_rows_init(void)
{
	ig_row_rule_init();
	ig_plan_rules_install();
	ig_spread_init();
	ig_audit_columns_init();
	ig_snapshot_columns_init();
}

char *
ig_row_words(const char *const *words)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; words[i] != NULL; i++)
		appendStringInfo(&buf, "%s%s", i == 0 ? "" : words[i + 1] == NULL ? " and " : ", ",
						 words[i]);
	return buf.data;
}

void
ig_rule_check(IgRowRuleKind kind, IgRuleCheck check)
{
	checks[kind] = check;
}

char *
ig_rule_check_query(const IgDeclaredTrigger *declared)
{
	IgRuleCheck check = checks[declared->rule->kind];

	return check ? check(declared) : NULL;
}

const char *
ig_declared_option(const IgDeclaredTrigger *declared, const char *name)
{
	size_t		length = strlen(name);
	ListCell   *lc;

	foreach(lc, declared->options)
	{
		const char *option = (const char *) lfirst(lc);

		if (strncmp(option, name, length) == 0 && option[length] == '=')
			return option + length + 1;
	}
	return NULL;
}
