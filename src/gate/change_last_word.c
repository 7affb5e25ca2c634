/*-------------------------------------------------------------------------
 *
 * change_last_word.c
 *	  CREATE TRIGGER and ALTER TRIGGER RENAME that give a trigger the last word
 *	  over a row rule.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "model/finding.h"
#include "model/last_word.h"
#include "platform/inherit.h"

static void created(IgStatement *stmt, const CreateTrigStmt *create);
static void renamed(IgStatement *stmt, const RenameStmt *rename);
static bool find_trigger(Oid relid, const char *name, int16 *type, Oid *function);
static const IgDeclaredTrigger *overruled(const IgRelation *rel, const char *name, int16 type);
static void loosen(IgStatement *stmt, IgRelation *rel, const IgDeclaredTrigger *declared,
				   const char *words, const char *cure);

void
ig_changes_last_word(IgStatement *stmt)
{
	if (IsA(stmt->parsetree, CreateTrigStmt))
		created(stmt, castNode(CreateTrigStmt, stmt->parsetree));
	else if (IsA(stmt->parsetree, RenameStmt) &&
			 castNode(RenameStmt, stmt->parsetree)->renameType == OBJECT_TRIGGER)
		renamed(stmt, castNode(RenameStmt, stmt->parsetree));
}

/*
 * The function is looked up last, since few triggers come so far.
 */
static void
created(IgStatement *stmt, const CreateTrigStmt *create)
{
	IgRelation *rel = create->relation == NULL ? NULL :
		ig_relation_lookup_in(create->relation, stmt->default_schema);
	int16		type = create->timing | create->events | (create->row ? TRIGGER_TYPE_ROW : 0);
	const IgDeclaredTrigger *declared;
	Oid			function;

	if (rel == NULL || ig_relation_is_exempt(rel))
		return;
	declared = overruled(rel, create->trigname, type);
	if (declared == NULL)
		return;
	function = LookupFuncName(create->funcname, 0, NULL, true);
	if (OidIsValid(function) && ig_row_rule_of_function(function) != NULL)
		return;
	loosen(stmt, rel, declared,
		   psprintf("create trigger \"%s\" of %s", ig_text_name(create->trigname),
					ig_text_relation(rel)),
		   psprintf("-- Give the trigger a name that sorts before \"%s\"; or, if it may have the last word:",
					ig_text_name(declared->name)));
}

/* One that has the last word already gets no more of it. */
static void
renamed(IgStatement *stmt, const RenameStmt *rename)
{
	IgRelation *rel = ig_relation_lookup_in(rename->relation, stmt->default_schema);
	const IgDeclaredTrigger *declared;
	char	   *earlier;
	int16		type;
	Oid			function;

	if (rel == NULL || ig_relation_is_exempt(rel) ||
		!find_trigger(rel->relid, rename->subname, &type, &function) ||
		ig_row_rule_of_function(function) != NULL)
		return;
	declared = overruled(rel, rename->newname, type);
	if (declared == NULL || strcmp(rename->subname, declared->name) > 0)
		return;
	earlier = ig_earlier_name(rename->newname, declared);
	loosen(stmt, rel, declared,
		   psprintf("rename trigger \"%s\" of %s to \"%s\"", ig_text_name(rename->subname),
					ig_text_relation(rel), ig_text_name(rename->newname)),
		   earlier == NULL ?
		   psprintf("-- Give the trigger a name that sorts before \"%s\"; or, if it may have the last word:",
					ig_text_name(declared->name)) :
		   psprintf("ALTER TRIGGER %s ON %s RENAME TO %s;", quote_identifier(rename->subname),
					ig_relation_quoted(rel), quote_identifier(earlier)));
}

static bool
find_trigger(Oid relid, const char *name, int16 *type, Oid *function)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	bool		found;

	ScanKeyInit(&keys[0], Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_trigger_tgname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(name));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 2, keys);
	tuple = systable_getnext(scan);
	found = HeapTupleIsValid(tuple);
	if (found)
	{
		*type = ((Form_pg_trigger) GETSTRUCT(tuple))->tgtype;
		*function = ((Form_pg_trigger) GETSTRUCT(tuple))->tgfoid;
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return found;
}

/*
 * Of the table, or of a partition, which gets a clone of the trigger.
 */
static const IgDeclaredTrigger *
overruled(const IgRelation *rel, const char *name, int16 type)
{
	const IgDeclaredTrigger *declared = ig_overruled_trigger(rel->relid, name, type);
	ListCell   *lc;

	if (declared != NULL || rel->relkind != RELKIND_PARTITIONED_TABLE)
		return declared;
	foreach(lc, ig_inheritors(rel->relid, NULL))
	{
		declared = ig_overruled_trigger(lfirst_oid(lc), name, type);
		if (declared != NULL)
			return declared;
	}
	return NULL;
}

static void
loosen(IgStatement *stmt, IgRelation *rel, const IgDeclaredTrigger *declared,
	   const char *words, const char *cure)
{
	IgChange   *change = ig_change_add(stmt, IG_LOOSEN_ROW_RULE, rel);

	change->name = declared->rule->name;
	change->words = words;
	change->new_name = psprintf("It would fire after trigger \"%s\" of the rule, and could change what that has set.",
								ig_text_name(declared->name));
	change->cure = cure;
	change->sql = ig_source_statement(stmt);
	ig_statement_need(stmt, "row-rule", rel->schema, rel->name);
}
