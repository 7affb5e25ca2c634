/*-------------------------------------------------------------------------
 *
 * finding.c
 *	  What a rule found, and the texts for people.
 *
 * Names come from users and may hold any character but NUL.  In messages they
 * are shown escaped, so that no name can look like the start of another log
 * line.  In SQL they are quoted as SQL does it, and never stand in a comment
 * unescaped: a line break would end the comment and run the rest.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "model/finding.h"
#include "rules/rules.h"

static void set_object(IgFinding *finding, const IgChange *change);
static char *append_text(char *before, const char *separator, const char *format,
						 va_list args) pg_attribute_printf(3, 0);
static const char *relation_word(char relkind);
static bool holds_rows(char relkind);
static char *size_sentence(IgRelation *rel);

IgFinding *
ig_finding_add(IgFindings *findings, const IgRule *rule, const IgChange *change,
			   const char *message,...)
{
	IgFinding  *finding = palloc0(sizeof(IgFinding));
	va_list		args;

	finding->rule = rule;
	finding->level = rule->level;
	finding->change = change;

	if (change->rel)
	{
		finding->schema = change->rel->schema;
		finding->table = change->rel->name;
		finding->column = change->column;
	}
	else
		set_object(finding, change);

	va_start(args, message);
	finding->message = append_text(NULL, "", message, args);
	va_end(args);

	findings->list = lappend(findings->list, finding);
	return finding;
}

/*
 * Schema and name of what is no relation.  The catalogs know them apart; the
 * change's own words are the next best.
 */
static void
set_object(IgFinding *finding, const IgChange *change)
{
	HeapTuple	tuple;

	finding->object = change->name ? change->name : change->identity;

	if (change->address.classId == TypeRelationId)
	{
		tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(change->address.objectId));
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_type form = (Form_pg_type) GETSTRUCT(tuple);

			finding->schema = get_namespace_name(form->typnamespace);
			finding->object = pstrdup(NameStr(form->typname));
			ReleaseSysCache(tuple);
		}
	}
	else if (change->address.classId == ProcedureRelationId)
	{
		tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(change->address.objectId));
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);

			finding->schema = get_namespace_name(form->pronamespace);
			finding->object = pstrdup(NameStr(form->proname));
			ReleaseSysCache(tuple);
		}
	}
}

/*
 * before, separator and the new words; just the new words where before is NULL.
 */
static char *
append_text(char *before, const char *separator, const char *format, va_list args)
{
	StringInfoData buf;
	int			save_errno = errno;

	initStringInfo(&buf);
	if (before)
		appendStringInfo(&buf, "%s%s", before, separator);

	for (;;)
	{
		va_list		again;
		int			needed;

		errno = save_errno;
		va_copy(again, args);
		needed = appendStringInfoVA(&buf, format, again);
		va_end(again);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	return buf.data;
}

/*
 * Called again, it adds another sentence.
 */
void
ig_finding_detail(IgFinding *finding, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	finding->detail = append_text(finding->detail, " ", format, args);
	va_end(args);
}

/*
 * Called again, it adds another line.
 */
void
ig_finding_hint(IgFinding *finding, const char *format,...)
{
	va_list		args;

	va_start(args, format);
	finding->hint = append_text(finding->hint, "\n", format, args);
	va_end(args);
}

void
ig_finding_detail_table(IgFinding *finding, IgRelation *rel, LOCKMODE lock)
{
	char	   *words = ig_text_relation(rel);

	if (!holds_rows(rel->relkind) || !OidIsValid(rel->relid))
	{
		if (lock != NoLock)
			ig_finding_detail(finding, "The statement holds %s lock on %s.",
							  ig_text_lock(lock), words);
		return;
	}

	words[0] = pg_toupper((unsigned char) words[0]);
	if (lock == NoLock)
		ig_finding_detail(finding, "%s %s.", words, size_sentence(rel));
	else
		ig_finding_detail(finding, "%s %s, and the statement holds %s lock on it.",
						  words, size_sentence(rel), ig_text_lock(lock));
}

/*
 * "is empty", "is of unknown size" because another session holds it locked, or
 * "has about 61 million rows (48 GB) in 12 partitions".
 */
static char *
size_sentence(IgRelation *rel)
{
	char	   *size = ig_relation_size_text(rel);
	StringInfoData buf;

	initStringInfo(&buf);
	if (strcmp(size, "empty") == 0)
		appendStringInfoString(&buf, "is empty");
	else if (strncmp(size, "about ", strlen("about ")) != 0)
		appendStringInfoString(&buf, "is of unknown size");
	else
	{
		char	   *comma = strrchr(size, ',');

		Assert(comma != NULL);
		appendStringInfo(&buf, "has %.*s (%s)", (int) (comma - size), size, comma + 2);
	}

	if (ig_relation_is_partitioned(rel))
	{
		int			leaves = list_length(ig_relation_leaves(rel->relid));

		appendStringInfo(&buf, rel->empty ? " (%d partition%s)" : " in %d partition%s",
						 leaves, leaves == 1 ? "" : "s");
	}
	return buf.data;
}

static bool
holds_rows(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_MATVIEW;
}

static const char *
relation_word(char relkind)
{
	switch (relkind)
	{
		case RELKIND_VIEW:
			return "view";
		case RELKIND_MATVIEW:
			return "materialized view";
		case RELKIND_SEQUENCE:
			return "sequence";
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			return "index";
		case RELKIND_FOREIGN_TABLE:
			return "foreign table";
		case RELKIND_COMPOSITE_TYPE:
			return "type";
		default:
			return "table";
	}
}

char *
ig_text_relation(const IgRelation *rel)
{
	return psprintf("%s \"%s.%s\"", relation_word(rel->relkind),
					ig_text_name(rel->schema), ig_text_name(rel->name));
}
