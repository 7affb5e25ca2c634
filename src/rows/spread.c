/*-------------------------------------------------------------------------
 *
 * spread.c
 *	  Row rules of a table on what inherits from it.
 *
 * What joins gets its triggers when the command has ended; see after_ddl.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "model/last_word.h"
#include "platform/compat.h"
#include "platform/inherit.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/rows.h"
#include "rows/spread.h"

PG_FUNCTION_INFO_V1(ig_sql_keep_rules);

static void spread(const List *triggers, Oid child);
static void warn_of_each(const List *triggers, Oid child);
static void raise_clash(const IgDeclaredTrigger *declared, Oid child,
						const IgDeclaredTrigger *present);
static bool is_server_cloning(const IgDeclaredTrigger *declared, Oid child);
static void copy_trigger(const IgDeclaredTrigger *declared, Oid child, const char *name);
static bool is_same(const IgDeclaredTrigger *declared, Oid other);
static void pin_search_path(void);
static CreateTrigStmt *statement_of(Oid tgoid);

char *
ig_spread_trigger_name(const IgRowRule *rule, const char *instance, const char *suffix)
{
	return makeObjectName(psprintf("zz_ig_%s", rule->function), instance, suffix);
}

void
ig_spread_to(Oid relid)
{
	ListCell   *la;

	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return;
	foreach(la, ig_parents_of(relid))
	{
		List	   *triggers = ig_declared_triggers(lfirst_oid(la));
		ListCell   *lh;

		if (triggers == NIL)
			continue;
		foreach(lh, find_all_inheritors(relid, AccessShareLock, NULL))
			spread(triggers, lfirst_oid(lh));
		CommandCounterIncrement();
		foreach(lh, find_all_inheritors(relid, NoLock, NULL))
			warn_of_each(triggers, lfirst_oid(lh));
	}
}

/* Of the rules that the table above has given. */
static void
warn_of_each(const List *triggers, Oid child)
{
	List	   *rules = NIL;
	ListCell   *lc;

	foreach(lc, triggers)
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		rules = list_append_unique_ptr(rules, unconstify(IgRowRule *, declared->rule));
	}
	foreach(lc, rules)
		ig_spread_warn(child, (const IgRowRule *) lfirst(lc));
}

/*
 * The rule is there all the same: whether they change what it sets, nobody but
 * their author knows.
 */
void
ig_spread_warn(Oid relid, const IgRowRule *rule)
{
	ListCell   *lc;
	ListCell   *lt;

	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		foreach(lt, declared->rule == rule ? ig_late_triggers(declared) : NIL)
		{
			const IgLateTrigger *late = (const IgLateTrigger *) lfirst(lt);

			if (late->is_clone)
				continue;
			ereport(WARNING,
					(errmsg("trigger \"%s\" of table \"%s\" fires after the rule's own, and has the last word",
							ig_text_name(late->name), ig_text_name(ig_table_name(relid))),
					 errdetail("It can change what trigger \"%s\" has set.",
							   ig_text_name(declared->name)),
					 errhint("%s", ig_late_rename(late, declared))));
		}
	}
}

void
ig_spread_from(Oid relid)
{
	List	   *triggers = ig_declared_triggers(relid);
	ListCell   *lc;

	if (triggers == NIL)
		return;
	foreach(lc, find_all_inheritors(relid, ShareRowExclusiveLock, NULL))
	{
		if (lfirst_oid(lc) != relid)
			spread(triggers, lfirst_oid(lc));
	}
}

static void
spread(const List *triggers, Oid child)
{
	const ListCell *lc;

	foreach(lc, triggers)
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		Oid			present;

		if (is_server_cloning(declared, child))
			continue;
		present = get_trigger_oid(child, declared->name, true);
		if (!OidIsValid(present))
			copy_trigger(declared, child, declared->name);
		else if (!is_same(declared, present))
			raise_clash(declared, child, ig_declared_trigger(present));
	}
}

/* present is NULL if the trigger is of no rule. */
static void
raise_clash(const IgDeclaredTrigger *declared, Oid child, const IgDeclaredTrigger *present)
{
	char	   *instance = NULL;
	char	   *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(child)),
												   get_rel_name(child));

	if (present != NULL)
		(void) ig_row_rule_gave_name(present->rule, present->name, &instance);
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("table \"%s\" has another trigger \"%s\"",
					ig_text_name(ig_table_name(child)), ig_text_name(declared->name)),
			 errdetail("A trigger of that name guards the rule \"%s\" of table \"%s\", and has to guard those that inherit from it.",
					   declared->rule->name,
					   ig_text_name(ig_table_name(declared->relid))),
			 present != NULL ?
			 errhint("Drop it in the same transaction before: SELECT invariant_guard.drop_rule(%s, %s%s%s);",
					 quote_literal_cstr(table), quote_literal_cstr(present->rule->name),
					 instance ? ", " : "", instance ? quote_literal_cstr(instance) : "") : 0));
}

/*
 * What the server does by itself, or cannot do at all.
 */
static bool
is_server_cloning(const IgDeclaredTrigger *declared, Oid child)
{
	if (TRIGGER_FOR_ROW(declared->type))
		return get_rel_relispartition(child);
	return get_rel_relkind(child) == RELKIND_FOREIGN_TABLE &&
		TRIGGER_FOR_TRUNCATE(declared->type) && !IG_FOREIGN_TRUNCATE_TRIGGERS;
}

/*
 * Does the trigger of another table say the same, and fire as often?
 */
static bool
is_same(const IgDeclaredTrigger *declared, Oid other)
{
	const IgDeclaredTrigger *present = ig_declared_trigger(other);
	CreateTrigStmt *a;
	CreateTrigStmt *b;
	int			nest;

	if (present == NULL || present->enabled != declared->enabled)
		return false;
	nest = NewGUCNestLevel();
	pin_search_path();
	a = statement_of(declared->oid);
	b = statement_of(other);
	AtEOXact_GUC(true, nest);
	a->relation = b->relation = NULL;
	return equal(a, b);
}

/*
 * The same trigger on another table, by the server's own words for it.  They
 * are read under the path under which they were written.
 */
static void
copy_trigger(const IgDeclaredTrigger *declared, Oid child, const char *name)
{
	int			nest = NewGUCNestLevel();
	CreateTrigStmt *stmt;

	pin_search_path();
	stmt = statement_of(declared->oid);
	stmt->relation = makeRangeVar(get_namespace_name(get_rel_namespace(child)),
								  get_rel_name(child), -1);
	stmt->trigname = pstrdup(name);
	(void) CreateTriggerFiringOn(stmt, NULL, InvalidOid, InvalidOid, InvalidOid,
								 InvalidOid, InvalidOid, InvalidOid, NULL, false,
								 false, declared->enabled);
	AtEOXact_GUC(true, nest);
	CommandCounterIncrement();
}

static void
pin_search_path(void)
{
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET,
							 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

static CreateTrigStmt *
statement_of(Oid tgoid)
{
	char	   *sql = TextDatumGetCString(DirectFunctionCall1(pg_get_triggerdef,
															  ObjectIdGetDatum(tgoid)));
	List	   *raw = raw_parser(sql, RAW_PARSE_DEFAULT);

	return castNode(CreateTrigStmt, linitial_node(RawStmt, raw)->stmt);
}

/*
 * invariant_guard.keep_rules(rel regclass) returns integer: what the rules of
 * the partitioned table guard by clones, the partition guards by triggers of
 * its own, which stay when it is detached.  How many were made.
 */
Datum
ig_sql_keep_rules(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	int			count = 0;
	ListCell   *lc;

	PreventCommandIfReadOnly("invariant_guard.keep_rules()");
	ig_lock_owned_table(relid, ShareRowExclusiveLock);
	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);
		char	   *name = makeObjectName(declared->name, NULL, "kept");

		if (!OidIsValid(declared->parent) || OidIsValid(get_trigger_oid(relid, name, true)))
			continue;
		copy_trigger(declared, relid, name);
		count++;
	}
	PG_RETURN_INT32(count);
}
