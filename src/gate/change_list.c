/*-------------------------------------------------------------------------
 *
 * change_list.c
 *	  The changes of a statement, and the allowances that it needs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "lib/stringinfo.h"

#include "gate/statement.h"
#include "platform/compat.h"
#include "rules/allowance.h"

IgChange *
ig_change_add(IgStatement *stmt, IgChangeKind kind, IgRelation *rel)
{
	IgChange   *change = palloc0(sizeof(IgChange));

	change->kind = kind;
	change->rel = rel;
	if (rel != NULL && OidIsValid(rel->relid))
		ObjectAddressSet(change->address, RelationRelationId, rel->relid);
	stmt->changes = lappend(stmt->changes, change);
	return change;
}

IgChange *
ig_change_unprotect(IgStatement *stmt, IgRelation *rel, int lost_classes)
{
	IgChange   *change = ig_change_add(stmt, IG_UNPROTECT, rel);

	change->name = (lost_classes & IG_CLASS_FINANCIAL) == 0 ? "protected" :
		(lost_classes & IG_CLASS_PROTECTED) == 0 ? "financial" :
		"financial, protected";
	return change;
}

void
ig_statement_need(IgStatement *stmt, const char *rule, const char *a, const char *b)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (stmt->allow)
		appendStringInfoString(&buf, stmt->allow);
	ig_allowance_append(&buf, rule, a, b, NULL);
	stmt->allow = buf.data;
}
