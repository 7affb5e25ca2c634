/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  What row rules have in common beside their triggers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "utils/syscache.h"

#include "model/row_rule_kind.h"
#include "model/when_clause.h"
#include "rows/move.h"
#include "rows/rows.h"
#include "rows/running.h"
#include "rows/soft_delete.h"

static IgRuleCheck checks[IG_ROW_RULE_KINDS];

void
ig_rows_init(void)
{
	ig_row_rule_kind_init();
	ig_when_init();
	ig_plan_rules_install();
	ig_move_init();
	ig_after_ddl_init();
	ig_append_only_init();
	ig_running_install();
	ig_optimistic_lock_init();
	ig_relative_only_init();
	ig_on_no_match_init();
	ig_audit_columns_init();
	ig_commit_assertion_init();
	ig_row_limit_init();
	ig_soft_delete_init();
	ig_unique_active_init();
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

/*
 * A table that refers to a soft-deleted one must not point at deleted rows,
 * also if it came later than the rule.
 */
void
ig_foreign_key_created(Oid conoid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	Form_pg_constraint form;
	Oid			parent = InvalidOid;
	IgSoftDelete rule;

	if (!HeapTupleIsValid(tuple))
		return;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	if (form->contype == CONSTRAINT_FOREIGN && !OidIsValid(form->conparentid))
		parent = form->confrelid;
	ReleaseSysCache(tuple);

	if (OidIsValid(parent) && ig_declares_rules(parent) &&
		ig_soft_delete_of_table(parent, &rule))
		(void) ig_soft_delete_cover_children(parent);
}
