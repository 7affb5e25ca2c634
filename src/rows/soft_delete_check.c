/*-------------------------------------------------------------------------
 *
 * soft_delete_check.c
 *	  Live rows that refer to a deleted one, as a query.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "rows/soft_delete.h"

static void append_orphans(StringInfo buf, const IgForeignKey *key, const IgSoftDelete *rule);

char *
ig_soft_delete_orphans(Relation rel, const IgSoftDelete *rule)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, ig_foreign_keys_to(rel))
	{
		const IgForeignKey *key = (const IgForeignKey *) lfirst(lc);

		if (key->has_period)
			continue;
		if (buf.len > 0)
			appendStringInfoString(&buf, " UNION ALL ");
		append_orphans(&buf, key, rule);
	}
	return buf.len > 0 ? buf.data : NULL;
}

/*
 * 'shop.lines (order_id)=(1)'
 */
static void
append_orphans(StringInfo buf, const IgForeignKey *key, const IgSoftDelete *rule)
{
	StringInfoData names;
	StringInfoData values;
	IgSoftDelete child;
	ListCell   *lc;

	initStringInfo(&names);
	initStringInfo(&values);
	foreach(lc, ig_foreign_key_columns(key))
	{
		const char *name = (const char *) lfirst(lc);

		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", name);
		appendStringInfo(&values, ", c.%s", quote_identifier(name));
	}

	appendStringInfo(buf, "SELECT pg_catalog.concat(%s, pg_catalog.concat_ws(', '%s), ')') FROM %s c JOIN %s p ON ",
					 quote_literal_cstr(psprintf("%s (%s)=(", ig_row_relation_text(key->child),
												 names.data)),
					 values.data, ig_foreign_key_table(key->child),
					 ig_foreign_key_table(key->parent));
	ig_foreign_key_condition(buf, key, "p", "c");
	appendStringInfo(buf, " WHERE p.%s IS NOT NULL",
					 quote_identifier(get_attname(key->parent, rule->deleted, false)));
	if (ig_soft_delete_of_table(key->child, &child))
		appendStringInfo(buf, " AND c.%s IS NULL",
						 quote_identifier(get_attname(key->child, child.deleted, false)));
	else if (key->child == key->parent)
		appendStringInfo(buf, " AND c.%s IS NULL",
						 quote_identifier(get_attname(key->child, rule->deleted, false)));
}
