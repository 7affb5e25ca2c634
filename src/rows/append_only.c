/*-------------------------------------------------------------------------
 *
 * append_only.c
 *	  append_only(): rows are added, and never changed or removed.
 *
 * A BEFORE row trigger that raises is enough against UPDATE and DELETE: it
 * fires for each row that would be changed, whatever changes it, and nothing
 * that fires later can undo an error.  What is checked of a new row is checked
 * AFTER, when no other trigger can change it any more.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "rows/append_only.h"
#include "rows/rows.h"
#include "rows/seal.h"
#include "rows/spread.h"

PG_FUNCTION_INFO_V1(ig_row_append_only);
PG_FUNCTION_INFO_V1(ig_sql_add_append_only);

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check(IgRuleTrigger *trigger, Relation rel);
static void refuse_idle_insert(const IgRuleTrigger *trigger, const char *name);
static void check_insert(IgRuleTrigger *trigger, TriggerData *td);
static pg_noinline void refuse_change(IgRuleTrigger *trigger, const TriggerData *td);
static void check_no_other_trigger(IgDeclaration *d);
static char *violations(const IgDeclaredTrigger *declared);

/* What the text of a value depends on, and what a query sees. */
static const struct
{
	const char *name;
	const char *value;
}			pinned[] = {
	{"search_path", "pg_catalog, pg_temp"},
	{"row_security", "off"},
	{"datestyle", "ISO, YMD"},
	{"timezone", "UTC"},
	{"intervalstyle", "postgres"},
	{"extra_float_digits", "1"},
	{"bytea_output", "hex"},
	{"lc_monetary", "C"},
	{"quote_all_identifiers", "off"},
	{"array_nulls", "on"},
	{NULL, NULL},
};

static const char *const options[] = {"amounts", "drift", "keep", "sealed", NULL};

const IgRuleDefinition ig_append_only_definition = {
	.kind = IG_ROW_APPEND_ONLY,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE | IG_FIRES_DELETE) |
	IG_BEFORE_STATEMENT(IG_FIRES_TRUNCATE) | IG_AFTER_ROW(IG_FIRES_INSERT),
	.options = options,
	.min_columns = 0,
	.max_columns = -1,
	.prepare = prepare,
	.check = check,
	.violations = violations,
};

/*
 * invariant_guard.append_only(), a trigger function.
 */
Datum
ig_row_append_only(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_append_only_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		check_insert(trigger, td);
	else if (!TRIGGER_FIRED_BY_DELETE(td->tg_event) || !ig_retention_removes(trigger, td))
		refuse_change(trigger, td);
	return ig_rule_trigger_pass(td);
}

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	if (ig_rule_option(trigger, "amounts", NULL))
		ig_reversal_prepare(trigger, rel);
	else if (ig_rule_option(trigger, "drift", NULL))
		ig_drift_prepare(trigger, rel);
	else if (ig_rule_option(trigger, "sealed", NULL))
		ig_seal_prepare(trigger, rel);
	else if (ig_rule_option(trigger, "keep", NULL))
		ig_retention_prepare(trigger, rel);
}

/* The seals, and what is above the table, may not be there yet. */
static void
check(IgRuleTrigger *trigger, Relation rel)
{
	if (ig_rule_option(trigger, "amounts", NULL))
		ig_reversal_check_columns(trigger);
	else if (ig_rule_option(trigger, "drift", NULL) || ig_rule_option(trigger, "keep", NULL))
		ig_retention_check_column(trigger);
	else if (!ig_rule_option(trigger, "sealed", NULL))
	{
		for (int i = 0; i < rel->trigdesc->numtriggers; i++)
		{
			const Trigger *tg = &rel->trigdesc->triggers[i];

			if (tg->tgoid == trigger->tgoid && TRIGGER_FOR_INSERT(tg->tgtype))
				refuse_idle_insert(trigger, tg->tgname);
		}
	}
}

static void
check_insert(IgRuleTrigger *trigger, TriggerData *td)
{
	if (ig_rule_option(trigger, "amounts", NULL))
		ig_reversal_check(trigger, td);
	else if (ig_rule_option(trigger, "drift", NULL))
		ig_drift_check(trigger, td);
	else if (ig_rule_option(trigger, "sealed", NULL))
		ig_seal_check(trigger, td);
	else
		refuse_idle_insert(trigger, td->tg_trigger->tgname);
}

static void
refuse_idle_insert(const IgRuleTrigger *trigger, const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("trigger \"%s\" of table \"%s\" fires on INSERT and has nothing to check",
					name, ig_row_relation_text(trigger->relid)),
			 errhint("Use invariant_guard.add_append_only().")));
}

static void
refuse_change(IgRuleTrigger *trigger, const TriggerData *td)
{
	bool		is_delete = TRIGGER_FIRED_BY_DELETE(td->tg_event);

	ig_row_refuse(trigger, trigger->relid, "append-only", NULL,
				  psprintf("cannot %s append-only table \"%s\"",
						   TRIGGER_FIRED_BY_UPDATE(td->tg_event) ? "update a row of" :
						   is_delete ? "delete a row of" : "truncate",
						   ig_row_relation_text(trigger->relid)),
				  "Rows of this table are added, and never changed or removed.",
				  is_delete && trigger->data != NULL ?
				  "Rows that have been kept long enough are removed by invariant_guard.remove_expired()." :
				  "What is wrong is corrected by another row.");
}

/*
 * invariant_guard.add_append_only(rel, reversal_of, amounts, same, key, keep,
 * created) returns boolean: was it added?
 */
Datum
ig_sql_add_append_only(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_APPEND_ONLY);
	IgReversalColumns columns = {0};
	char	   *created;
	List	   *arguments = NIL;
	char	   *anchor = NULL;

	columns.reversal_of = ig_declare_name(fcinfo, 1);
	columns.amounts = ig_declare_names(fcinfo, 2, "amount");
	columns.same = ig_declare_names(fcinfo, 3, "same");
	columns.key = ig_declare_name(fcinfo, 4);
	created = ig_declare_name(fcinfo, 6);

	if (!PG_ARGISNULL(5) || created != NULL)
	{
		arguments = ig_retention_declare(d, PG_ARGISNULL(5) ? NULL : PG_GETARG_INTERVAL_P(5),
										 created);
		anchor = ig_declare_anchor("uses", "old", list_make1(created));
		columns.present = ig_retention_present("r", created, PG_GETARG_INTERVAL_P(5));
	}
	ig_declare_trigger(d, "change", "BEFORE UPDATE OR DELETE", true, anchor, arguments);
	ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, NIL);
	if (columns.reversal_of != NULL || columns.amounts != NIL || columns.same != NIL ||
		columns.key != NULL)
		ig_reversal_declare(d, &columns);
	check_no_other_trigger(d);
	PG_RETURN_BOOL(ig_declare_end(d));
}

/*
 * The rule with fewer options than it has now is another rule.
 */
static void
check_no_other_trigger(IgDeclaration *d)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(d->relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule == d->rule && !ig_declared_option(declared, "sealed") &&
			!ig_declare_has(d, declared->name))
			ig_declare_otherwise(d);
	}
}

Oid
ig_append_only_root(const IgRuleTrigger *trigger, Relation rel)
{
	Oid			root = trigger->relid;
	const char *name = NULL;
	bool		higher = true;

	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		if (rel->trigdesc->triggers[i].tgoid == trigger->tgoid)
			name = pstrdup(rel->trigdesc->triggers[i].tgname);
	}
	while (higher && name != NULL)
	{
		ListCell   *lc;

		higher = false;
		foreach(lc, ig_parents_of(root))
		{
			if (OidIsValid(get_trigger_oid(lfirst_oid(lc), name, true)))
			{
				root = lfirst_oid(lc);
				higher = true;
				break;
			}
		}
	}
	return root;
}

const IgDeclaredTrigger *
ig_append_only_trigger(Oid relid, const char *option)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(relid))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule->kind == IG_ROW_APPEND_ONLY &&
			ig_declared_option(declared, option) != NULL)
			return declared;
	}
	return NULL;
}

int
ig_rows_spi_begin(void)
{
	int			nest = NewGUCNestLevel();

	for (int i = 0; pinned[i].name != NULL; i++)
		(void) set_config_option(pinned[i].name, pinned[i].value, PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	return nest;
}

void
ig_rows_spi_end(int nest)
{
	SPI_finish();
	AtEOXact_GUC(true, nest);
}

char *
ig_quoted_table(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* Clones say what their parent says. */
static char *
violations(const IgDeclaredTrigger *declared)
{
	const IgDeclaredTrigger *retention;
	IgReversalColumns *columns;

	if (OidIsValid(declared->parent))
		return NULL;
	columns = ig_reversal_declared(declared);
	retention = columns ? ig_append_only_trigger(declared->relid, "keep") : NULL;
	if (retention != NULL)
		columns->present = ig_retention_declared_present("r", retention);
	return columns == NULL ? NULL :
		ig_reversal_violations(ig_quoted_table(declared->relid), declared->relid, columns);
}
