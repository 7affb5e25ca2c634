/*-------------------------------------------------------------------------
 *
 * snapshot_columns.c
 *	  snapshot_columns(): what a row copied from another one when it was made.
 *
 * The columns never change after INSERT.  With a source, a BEFORE INSERT
 * trigger copies what is not given; and with verify an AFTER INSERT trigger,
 * which sees the row that is stored, refuses what differs.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/typcache.h"
#include "utils/varlena.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/anchor.h"
#include "rows/declare.h"
#include "rows/fixed.h"
#include "rows/move.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/snapshot_source.h"

PG_FUNCTION_INFO_V1(ig_row_snapshot_columns);
PG_FUNCTION_INFO_V1(ig_sql_add_snapshot_columns);

#define RULE	"snapshot-columns"

static const char *const does_words[] = {"keep", "fill", "verify", NULL};

enum
{
	DOES_KEEP,
	DOES_FILL,
	DOES_VERIFY
};

/* Of a trigger, in its statement. */
typedef struct SnapshotRule
{
	int			does;
	IgFixed    *fixed;
	IgSnapshotSource *source;	/* NULL for DOES_KEEP */
	FmgrInfo   *equal;			/* for each column of the source, for
								 * DOES_VERIFY; fn_oid may be invalid */
} SnapshotRule;

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void check(IgRuleTrigger *trigger, Relation rel);
static const char *qual_of(Oid tgoid, Relation rel);
static HeapTuple fill(IgRuleTrigger *trigger, const TriggerData *td);
static void verify(IgRuleTrigger *trigger, const TriggerData *td);
static bool is_equal(SnapshotRule *rule, int i, const IgRuleColumn *column,
					 Datum a, bool a_isnull, Datum b, bool b_isnull);
static void declare_source(IgDeclaration *d, FunctionCallInfo fcinfo, Oid source,
						   List *columns, bool with_verify);
static void check_not_key(IgDeclaration *d, List *columns, const char *key);
static List *source_names(FunctionCallInfo fcinfo, List *columns);
static void check_source_columns(IgDeclaration *d, Oid source, List *columns, List *names);
static bool copies(const IgDeclaredTrigger *declared, Oid *source, List **keys,
				   List **columns, List **names);
static char *check_query(const IgDeclaredTrigger *declared);

static const char *const option_names[] = {"key", "does", "keys", "source_columns", "source", NULL};

const IgRuleDefinition ig_snapshot_columns_definition = {
	.kind = IG_ROW_SNAPSHOT_COLUMNS,
	.fires = IG_BEFORE_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE) |
	IG_AFTER_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE | IG_FIRES_DELETE),
	.options = option_names,
	.min_columns = 1,
	.max_columns = -1,
	.prepare = prepare,
	.check = check,
	.violations = check_query,
};

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	SnapshotRule *rule = palloc0(sizeof(SnapshotRule));
	List	   *names;
	int			nkeys;

	trigger->data = rule;
	rule->does = ig_rule_option_word(trigger, "does", does_words, DOES_KEEP);
	rule->fixed = ig_fixed_prepare(trigger, RULE, "snapshot");
	if (rule->does == DOES_KEEP || trigger->passes)
		return;

	nkeys = atoi(ig_rule_option(trigger, "keys", "0"));
	if (!SplitIdentifierString(pstrdup(ig_rule_option(trigger, "source_columns", "")), ',', &names))
		names = NIL;
	rule->source = ig_snapshot_source(trigger, rel,
									  ig_snapshot_source_relid(qual_of(trigger->tgoid, rel)),
									  nkeys, names);
	if (rule->does != DOES_VERIFY)
		return;

	rule->equal = palloc0(sizeof(FmgrInfo) * rule->source->ncolumns);
	for (int i = 0; i < rule->source->ncolumns; i++)
	{
		TypeCacheEntry *type = lookup_type_cache(trigger->columns[nkeys + i].typid,
												 TYPECACHE_EQ_OPR_FINFO);

		if (OidIsValid(type->eq_opr_finfo.fn_oid))
			fmgr_info_copy(&rule->equal[i], &type->eq_opr_finfo, trigger->context);
	}
}

/* The table that is copied from may not be there yet. */
static void
check(IgRuleTrigger *trigger, Relation rel)
{
	(void) ig_rule_option_word(trigger, "does", does_words, DOES_KEEP);
}

static const char *
qual_of(Oid tgoid, Relation rel)
{
	for (int i = 0; i < rel->trigdesc->numtriggers; i++)
	{
		if (rel->trigdesc->triggers[i].tgoid == tgoid)
			return rel->trigdesc->triggers[i].tgqual;
	}
	return NULL;
}

/*
 * invariant_guard.snapshot_columns(), a trigger function.
 */
Datum
ig_row_snapshot_columns(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_snapshot_columns_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;
	SnapshotRule *rule = (SnapshotRule *) trigger->data;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
		ig_fixed_check(trigger, rule->fixed, td);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event) && rule->does == DOES_FILL)
		return PointerGetDatum(fill(trigger, td));
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event) && rule->does == DOES_VERIFY)
		verify(trigger, td);
	else if (TRIGGER_FIRED_BY_INSERT(td->tg_event))
		ig_fixed_check_move(trigger, rule->fixed, td);
	return ig_rule_trigger_pass(td);
}

/*
 * A derivation: in a replica, and where a row only moves, it is as it is.
 */
static HeapTuple
fill(IgRuleTrigger *trigger, const TriggerData *td)
{
	SnapshotRule *rule = (SnapshotRule *) trigger->data;
	int			n = rule->source->ncolumns;
	const IgRuleColumn *columns = trigger->columns + rule->source->nkeys;
	Datum	   *values;
	bool	   *nulls;
	int		   *attnums;
	int			missing = 0;

	if (!TRIGGER_FIRED_BEFORE(td->tg_event) || ig_move_is_insert(td) ||
		SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA)
		return td->tg_trigtuple;
	for (int i = 0; i < n; i++)
		missing += slot_attisnull(td->tg_trigslot, columns[i].attnum) ? 1 : 0;
	if (missing == 0)
		return td->tg_trigtuple;

	values = palloc(sizeof(Datum) * n);
	nulls = palloc(sizeof(bool) * n);
	attnums = palloc(sizeof(int) * n);
	if (!ig_snapshot_read(trigger, rule->source, td->tg_relation, td->tg_trigslot, values, nulls))
		return td->tg_trigtuple;

	missing = 0;
	for (int i = 0; i < n; i++)
	{
		if (!slot_attisnull(td->tg_trigslot, columns[i].attnum))
			continue;
		attnums[missing] = columns[i].attnum;
		values[missing] = values[i];
		nulls[missing] = nulls[i];
		missing++;
	}
	return heap_modify_tuple_by_cols(td->tg_trigtuple, RelationGetDescr(td->tg_relation),
									 missing, attnums, values, nulls);
}

static void
verify(IgRuleTrigger *trigger, const TriggerData *td)
{
	SnapshotRule *rule = (SnapshotRule *) trigger->data;
	int			nkeys = rule->source->nkeys;
	int			n = rule->source->ncolumns;
	Datum	   *values = palloc(sizeof(Datum) * n);
	bool	   *nulls = palloc(sizeof(bool) * n);

	if (trigger->permitted)
		return;
	for (int i = 0; i < nkeys; i++)
	{
		if (slot_attisnull(td->tg_trigslot, trigger->columns[i].attnum))
			return;
	}

	if (!ig_snapshot_read(trigger, rule->source, td->tg_relation, td->tg_trigslot, values, nulls))
	{
		ig_row_refuse(trigger, trigger->relid, RULE, NULL,
					  psprintf("cannot verify what a row of table \"%s\" copied from table \"%s\"",
							   ig_row_relation_text(trigger->relid),
							   ig_row_relation_text(rule->source->relid)),
					  "The row that it refers to is not there for this statement.", NULL);
		return;
	}
	for (int i = 0; i < n; i++)
	{
		const IgRuleColumn *column = &trigger->columns[nkeys + i];
		bool		isnull;
		Datum		value = slot_getattr(td->tg_trigslot, column->attnum, &isnull);

		if (is_equal(rule, i, column, value, isnull, values[i], nulls[i]) ||
			rule->fixed->permitted[nkeys + i])
			continue;
		ig_row_refuse(trigger, trigger->relid, RULE, NameStr(column->name),
					  psprintf("column \"%s\" of a new row of table \"%s\" differs from what it refers to",
							   ig_text_name(NameStr(column->name)),
							   ig_row_relation_text(trigger->relid)),
					  psprintf("It is copied from table \"%s\": trigger \"%s\".",
							   ig_row_relation_text(rule->source->relid),
							   td->tg_trigger->tgname),
					  ig_row_allowance(RULE, trigger->relid, NameStr(column->name), "INSERT ...;"));
		trigger->permitted = false;
		rule->fixed->permitted[nkeys + i] = true;
	}
}

static bool
is_equal(SnapshotRule *rule, int i, const IgRuleColumn *column,
		 Datum a, bool a_isnull, Datum b, bool b_isnull)
{
	if (a_isnull || b_isnull || !OidIsValid(rule->equal[i].fn_oid))
		return ig_same_value(a, a_isnull, b, b_isnull, column->typbyval, column->typlen);
	return DatumGetBool(FunctionCall2Coll(&rule->equal[i], column->collation, a, b));
}

/*
 * invariant_guard.add_snapshot_columns(rel regclass, columns name[], source
 * regclass, source_columns name[], foreign_key name, verify boolean) returns
 * boolean: was it added?
 *
 * Raises if there is not one foreign key to the source, for source columns of
 * another type, and for those that the table's owner may not read.
 */
Datum
ig_sql_add_snapshot_columns(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_SNAPSHOT_COLUMNS);
	List	   *names = ig_declare_names(fcinfo, 1, "snapshot");
	List	   *columns = ig_fixed_columns(d, names, "snapshot");
	Oid			source = PG_ARGISNULL(2) ? InvalidOid : PG_GETARG_OID(2);
	List	   *options;

	if (PG_ARGISNULL(5))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("verify must not be null")));
	if (!OidIsValid(source) && (!PG_ARGISNULL(3) || !PG_ARGISNULL(4) || PG_GETARG_BOOL(5)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("source_columns, foreign_key and verify need a source")));

	d->instance = ig_fixed_instance(d, columns, NULL);
	options = ig_declare_option(NIL, "key", d->instance);
	/* says to a second declaration whether it is the same */
	options = ig_declare_option(options, "source", !OidIsValid(source) ? NULL :
								PG_GETARG_BOOL(5) ? "verified" : "copied");
	ig_fixed_declare(d, columns, NULL, options);
	if (OidIsValid(source))
		declare_source(d, fcinfo, source, names, PG_GETARG_BOOL(5));
	PG_RETURN_BOOL(ig_declare_end(d));
}

/*
 * columns in the order in which they were given, as source_columns are.
 */
static void
declare_source(IgDeclaration *d, FunctionCallInfo fcinfo, Oid source, List *columns,
			   bool with_verify)
{
	List	   *names = source_names(fcinfo, columns);
	List	   *keys;
	List	   *options = ig_declare_option(NIL, "key", d->instance);
	StringInfoData list;
	char	   *uses;
	ListCell   *lc;

	check_source_columns(d, source, columns, names);
	keys = ig_snapshot_key_columns(d->rel, source, ig_declare_name(fcinfo, 4));
	foreach(lc, keys)
		check_not_key(d, columns, (const char *) lfirst(lc));

	initStringInfo(&list);
	foreach(lc, names)
		appendStringInfo(&list, "%s%s", list.len > 0 ? "," : "",
						 quote_identifier((const char *) lfirst(lc)));
	options = ig_declare_option(options, "keys", psprintf("%d", list_length(keys)));
	options = ig_declare_option(options, "source_columns", list.data);
	uses = psprintf("invariant_guard.uses(%s::pg_catalog.regclass) AND %s",
					quote_literal_cstr(quote_qualified_identifier(get_namespace_name(get_rel_namespace(source)),
																  get_rel_name(source))),
					ig_declare_anchor("uses", "new", list_concat_copy(keys, columns)));

	ig_declare_trigger(d, "fill", "BEFORE INSERT", true, uses,
					   ig_declare_option(list_copy(options), "does", "fill"));
	if (with_verify)
		ig_declare_trigger(d, "verify", "AFTER INSERT", true,
						   psprintf("%s AND NOT invariant_guard.is_moving(new.tableoid, new.ctid)", uses),
						   ig_declare_option(list_copy(options), "does", "verify"));
}

static void
check_not_key(IgDeclaration *d, List *columns, const char *key)
{
	ListCell   *lc;

	foreach(lc, columns)
	{
		if (strcmp((const char *) lfirst(lc), key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
					 errmsg("column \"%s\" of table \"%s\" is part of the foreign key by which the source is found",
							ig_text_name(key), d->text)));
	}
}

/* Those of the same names, if none are given. */
static List *
source_names(FunctionCallInfo fcinfo, List *columns)
{
	List	   *names = ig_declare_names(fcinfo, 3, "source");

	if (names == NIL)
		return columns;
	if (list_length(names) != list_length(columns))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there are %d snapshot columns, but %d source columns",
						list_length(columns), list_length(names))));
	return names;
}

/*
 * The rule reads the source as the table's owner, who therefore must be able
 * to.
 */
static void
check_source_columns(IgDeclaration *d, Oid source, List *columns, List *names)
{
	for (int i = 0; i < list_length(columns); i++)
	{
		Form_pg_attribute attr = ig_declare_column(d, (const char *) list_nth(columns, i), "snapshot");
		const char *name = (const char *) list_nth(names, i);
		AttrNumber	attnum = get_attnum(source, name);
		Oid			typid;
		int32		typmod;
		Oid			collation;

		if (attnum <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist", ig_text_name(name),
							ig_row_relation_text(source))));
		get_atttypetypmodcoll(source, attnum, &typid, &typmod, &collation);
		if (typid != attr->atttypid || (attr->atttypmod >= 0 && typmod != attr->atttypmod))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is of type %s, but column \"%s\" of table \"%s\" of type %s",
							ig_text_name(NameStr(attr->attname)),
							format_type_with_typemod(attr->atttypid, attr->atttypmod),
							ig_text_name(name), ig_row_relation_text(source),
							format_type_with_typemod(typid, typmod))));
		if (pg_attribute_aclcheck(source, attnum, d->rel->rd_rel->relowner, ACL_SELECT) != ACLCHECK_OK &&
			pg_class_aclcheck(source, d->rel->rd_rel->relowner, ACL_SELECT) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
					 errmsg("the owner of table \"%s\" may not read column \"%s\" of table \"%s\"",
							d->text, ig_text_name(name), ig_row_relation_text(source)),
					 errhint("The rule reads it as the owner.")));
	}
}

/*
 * What the trigger that copies says of its source; false for any other trigger,
 * and for one whose arguments do not fit.  The trigger's table is locked.
 */
static bool
copies(const IgDeclaredTrigger *declared, Oid *source, List **keys, List **columns, List **names)
{
	const char *does = ig_declared_option(declared, "does");
	const char *list = ig_declared_option(declared, "source_columns");
	const char *count = ig_declared_option(declared, "keys");
	int			nkeys = count ? atoi(count) : 0;
	Relation	rel;

	if (OidIsValid(declared->parent) || does == NULL || strcmp(does, "fill") != 0 ||
		list == NULL || nkeys < 1 || nkeys >= list_length(declared->columns) ||
		!SplitIdentifierString(pstrdup(list), ',', names) ||
		list_length(*names) != list_length(declared->columns) - nkeys)
		return false;

	rel = table_open(declared->relid, NoLock);
	*source = rel->trigdesc ? ig_snapshot_source_relid(qual_of(declared->oid, rel)) : InvalidOid;
	table_close(rel, NoLock);
	*keys = list_truncate(list_copy(declared->columns), nkeys);
	*columns = list_copy_tail(declared->columns, nkeys);
	return OidIsValid(*source);
}

/*
 * Rows older than the rule may lack what their source has.
 */
static char *
check_query(const IgDeclaredTrigger *declared)
{
	Oid			source;
	List	   *keys;
	List	   *columns;
	List	   *names;

	LockRelationOid(declared->relid, AccessShareLock);
	return copies(declared, &source, &keys, &columns, &names) ?
		ig_snapshot_missing_query(declared->relid, source, keys, columns, names) : NULL;
}

/*
 * verify_rules() waits for nobody: a table that another session is changing is
 * left out.
 */
void
ig_snapshot_columns_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier)
{
	Oid			source;
	List	   *keys;
	List	   *columns;
	List	   *names;
	ListCell   *lc;

	if (!ConditionalLockRelationOid(rule->relid, AccessShareLock))
		return;
	foreach(lc, get_rel_relkind(rule->relid) == '\0' ? NIL : rule->triggers)
	{
		char	   *loss = copies((const IgDeclaredTrigger *) lfirst(lc), &source, &keys,
								  &columns, &names) ?
			ig_snapshot_source_loss(rule->relid, source, keys, names) : NULL;

		if (loss != NULL)
			tell(verifier, rule, true,
				 psprintf("the rule cannot read its source, and every INSERT fails: %s", loss),
				 NULL);
	}
	UnlockRelationOid(rule->relid, AccessShareLock);
}
