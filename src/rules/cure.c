/*-------------------------------------------------------------------------
 *
 * cure.c
 *	  The steps from which rules put their hints together.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/inherit.h"
#include "rules/allowance.h"
#include "rules/cure.h"
#include "rules/rules.h"

/* How many pages one batch of a backfill looks at. */
#define BATCH_PAGES	5000

/* How many partitions are written out. */
#define MAX_LEAVES	10

static bool is_word(const char *start, const char *p, const char *word);
static const char *skip_name(const char *sql);
static void append_part(StringInfo buf, const char *part);

char *
ig_cure_constraint_name(const IgRelation *rel, const char *column, const char *label)
{
	Oid			namespaceid = get_namespace_oid(rel->schema, true);

	if (!OidIsValid(namespaceid))
		return makeObjectName(rel->name, column, label);

	return ChooseConstraintName(rel->name, column, label, namespaceid, NIL);
}

char *
ig_cure_column_name(const IgRelation *rel, const char *column)
{
	char	   *name = makeObjectName(column, NULL, "new");

	for (int i = 1; get_attnum(rel->relid, name) != InvalidAttrNumber; i++)
		name = makeObjectName(column, NULL, psprintf("new%d", i));

	return name;
}

char *
ig_cure_columns(List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
						 quote_identifier((const char *) lfirst(lc)));

	return buf.data;
}

char *
ig_cure_column_type(Oid relid, const char *column)
{
	HeapTuple	tuple = SearchSysCacheAttName(relid, column);
	Form_pg_attribute attr;
	char	   *type_sql;

	if (!HeapTupleIsValid(tuple))
		return NULL;

	attr = (Form_pg_attribute) GETSTRUCT(tuple);
	type_sql = format_type_extended(attr->atttypid, attr->atttypmod,
									FORMAT_TYPE_TYPEMOD_GIVEN |
									FORMAT_TYPE_INVALID_AS_NULL);
	ReleaseSysCache(tuple);
	return type_sql;
}

char
ig_cure_constraint_type(Oid conoid)
{
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	char		contype;

	if (!HeapTupleIsValid(tuple))
		return '\0';
	contype = ((Form_pg_constraint) GETSTRUCT(tuple))->contype;
	ReleaseSysCache(tuple);
	return contype;
}

/*
 * The function returns NULL for a constraint that is gone, which the usual
 * ways to call it take for a bug.
 */
char *
ig_cure_constraint_definition(Oid conoid)
{
	LOCAL_FCINFO(fcinfo, 1);
	Datum		result;
	char	   *definition;
	char	   *suffix;

	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = ObjectIdGetDatum(conoid);
	fcinfo->args[0].isnull = false;
	result = pg_get_constraintdef(fcinfo);
	if (fcinfo->isnull)
		return NULL;

	definition = TextDatumGetCString(result);
	suffix = strstr(definition, " NOT VALID");
	if (suffix != NULL && suffix[strlen(" NOT VALID")] == '\0')
		*suffix = '\0';
	return definition;
}

void
ig_cure_add_constraint(IgFinding *finding, const IgRelation *rel,
					   const char *name, const char *definition)
{
	const char *table = ig_relation_quoted(rel);
	const char *constraint = quote_identifier(name);

	ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s NOT VALID;",
					table, constraint, definition);
	ig_finding_hint(finding, "-- then, in another transaction:");
	ig_finding_hint(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;",
					table, constraint);
}

/*
 * The check is dropped at the end, in a statement of its own: in the same
 * ALTER TABLE the server would drop it first and have no proof left.
 */
void
ig_cure_not_null(IgFinding *finding, const IgRelation *rel, const char *column)
{
	const char *table = ig_relation_quoted(rel);
	const char *quoted = quote_identifier(column);
	char	   *name = ig_cure_constraint_name(rel, column, "not_null");

	ig_cure_add_constraint(finding, rel, name,
						   psprintf("CHECK (%s IS NOT NULL)", quoted));
	ig_finding_hint(finding, "ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;",
					table, quoted);
	ig_finding_hint(finding, "ALTER TABLE %s DROP CONSTRAINT %s;",
					table, quote_identifier(name));
}

/*
 * By ranges of pages, which the server reads directly: no batch has to pass
 * over the rows that earlier ones have filled.  On a partitioned table the
 * range is that of each partition.
 */
void
ig_cure_backfill(IgFinding *finding, const IgRelation *rel, const char *column,
				 const char *value, const char *condition)
{
	ig_finding_hint(finding,
					"-- fill the existing rows, range of pages by range of pages up to the table's end:");
	ig_finding_hint(finding,
					"UPDATE %s SET %s = %s WHERE %s AND ctid >= '(0,0)' AND ctid < '(%d,0)';",
					ig_relation_quoted(rel), quote_identifier(column), value,
					condition, BATCH_PAGES);
}

void
ig_cure_new_column(IgFinding *finding, const IgRelation *rel, const char *old_column,
				   const char *new_column, const char *type_sql, const char *value)
{
	const char *quoted_new = quote_identifier(new_column);
	const char *quoted_old = quote_identifier(old_column);

	if (rel->relkind == RELKIND_COMPOSITE_TYPE)
		ig_finding_hint(finding, "ALTER TYPE %s ADD ATTRIBUTE %s %s CASCADE;",
						ig_relation_quoted(rel), quoted_new, type_sql);
	else if (OidIsValid(rel->of_type))
		ig_finding_hint(finding, "ALTER TYPE %s ADD ATTRIBUTE %s %s CASCADE;",
						format_type_extended(rel->of_type, -1, FORMAT_TYPE_FORCE_QUALIFY),
						quoted_new, type_sql);
	else
		ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;",
						ig_relation_quoted(rel), quoted_new, type_sql);
	ig_finding_hint(finding, "-- let the application or a trigger write both columns, then");
	if (value != NULL && rel->relkind != RELKIND_COMPOSITE_TYPE)
		ig_cure_backfill(finding, rel, new_column, value,
						 psprintf("%s IS NULL AND %s IS NOT NULL",
								  quoted_new, quoted_old));
	else
		ig_finding_hint(finding, "-- fill the new one from the old one in batches,");
	ig_finding_hint(finding,
					"-- then let all readers and writers move to %s, and retire %s",
					ig_text_name(quoted_new), ig_text_name(quoted_old));
}

/*
 * The index of the parent stays invalid, and unused, until each partition has
 * brought its own.  With more than one level of partitions the middle ones
 * need their own index ON ONLY too, which is not written out here.
 */
void
ig_cure_partitioned_index(IgFinding *finding, const IgRelation *rel,
						  const char *name, bool unique, const char *tail)
{
	const char *create = unique ? "CREATE UNIQUE INDEX" : "CREATE INDEX";
	const char *separator = tail[0] == '(' ? " " : "";
	char	   *parent = quote_qualified_identifier(rel->schema, name);
	List	   *leaves = ig_relation_leaves(rel->relid);
	int			shown = 0;
	ListCell   *lc;

	ig_finding_hint(finding, "%s %s ON ONLY %s%s%s;", create, quote_identifier(name),
					ig_relation_quoted(rel), separator, tail);
	foreach(lc, leaves)
	{
		IgRelation *leaf = ig_relation_load(lfirst_oid(lc));
		char	   *leaf_index;

		if (leaf == NULL || !leaf->is_partition)
			continue;
		if (shown == MAX_LEAVES || ig_partition_parent(leaf->relid) != rel->relid)
		{
			ig_finding_hint(finding, "-- and so on for %s",
							shown == MAX_LEAVES ?
							psprintf("the other %d partitions", list_length(leaves) - shown) :
							"partitions of partitions, level by level");
			return;
		}
		leaf_index = ChooseRelationName(leaf->name, name, "part",
										get_rel_namespace(leaf->relid), false);
		ig_finding_hint(finding, "%s CONCURRENTLY %s ON %s%s%s;", create,
						quote_identifier(leaf_index), ig_relation_quoted(leaf),
						separator, tail);
		ig_finding_hint(finding, "ALTER INDEX %s ATTACH PARTITION %s;", parent,
						quote_qualified_identifier(leaf->schema, leaf_index));
		shown++;
	}
}

/*
 * What follows the table's name in "... ON ONLY schema.table USING btree (a)",
 * or NULL.  The first ON outside of quotes is the one before the table; a
 * comment in between makes it give up.
 */
const char *
ig_cure_index_tail(const char *create_sql)
{
	const char *p = create_sql;

	if (p == NULL || strstr(p, "--") != NULL || strstr(p, "/*") != NULL)
		return NULL;

	while (*p != '\0' && !is_word(create_sql, p, "on"))
	{
		if (*p == '"')
			p = strchr(p + 1, '"');
		if (p == NULL)
			return NULL;
		p++;
	}
	if (*p == '\0')
		return NULL;

	p += strlen("on");
	while (isspace((unsigned char) *p))
		p++;
	if (is_word(create_sql, p, "only"))
		p += strlen("only");
	return skip_name(p);
}

/* Does the word stand at p, between spaces? */
static bool
is_word(const char *start, const char *p, const char *word)
{
	size_t		length = strlen(word);

	return p > start && isspace((unsigned char) p[-1]) &&
		pg_strncasecmp(p, word, length) == 0 && isspace((unsigned char) p[length]);
}

/*
 * Behind a name of up to three parts, with its white space on both sides.
 */
static const char *
skip_name(const char *sql)
{
	const char *p = sql;

	for (;;)
	{
		while (isspace((unsigned char) *p))
			p++;
		if (*p == '"')
		{
			do
			{
				p = strchr(p + 1, '"');
				if (p == NULL)
					return NULL;
				p++;
			} while (*p == '"');
		}
		else
		{
			while (IS_HIGHBIT_SET(*p) || isalnum((unsigned char) *p) || *p == '_' || *p == '$')
				p++;
		}
		sql = p;
		while (isspace((unsigned char) *p))
			p++;
		if (*p != '.')
			break;
		p++;
	}
	return *p == '(' ? p : sql;
}

/*
 * The object is named as completely as the finding knows it.
 */
void
ig_cure_allow(IgFinding *finding, const char *prose, bool in_transaction)
{
	StringInfoData object;

	initStringInfo(&object);
	append_part(&object, finding->schema);
	append_part(&object, finding->table);
	if (finding->table)
		append_part(&object, finding->column);
	else
		append_part(&object, finding->object);

	ig_allowance_comment(finding, prose, object.len == 0 ? finding->rule->name :
						 psprintf("%s(%s)", finding->rule->name, object.data),
						 in_transaction);
}

static void
append_part(StringInfo buf, const char *part)
{
	if (part)
		appendStringInfo(buf, "%s%s", buf->len > 0 ? "." : "",
						 ig_text_name(quote_identifier(part)));
}
