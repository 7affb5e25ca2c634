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
#include "utils/syscache.h"

#include "model/row_rule_kind.h"
#include "model/when_clause.h"
#include "rows/move.h"
#include "rows/rows.h"
#include "rows/running.h"
#include "rows/soft_delete.h"

void
ig_rows_init(void)
{
	ig_row_rule_kind_init();
	ig_when_init();
	ig_plan_rules_install();
	ig_move_init();
	ig_after_ddl_init();
	ig_running_install();
	ig_optimistic_lock_init();
	ig_relative_only_init();
	ig_on_no_match_init();
	ig_commit_assertion_init();
	ig_row_limit_init();
	ig_soft_delete_init();
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
