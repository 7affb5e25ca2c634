/*-------------------------------------------------------------------------
 *
 * optimistic_lock.c
 *	  optimistic_lock(): nobody overwrites what they have not read.
 *
 * A version counts the changes of a row.  What the client says of it in SET is
 * compared with the row as it is once it is locked, so that of two clients that
 * have read the same version only one gets through.  What the client says in
 * WHERE is looked for in the plan; see version_predicate.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tupmacs.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"
#include "rows/running.h"
#include "rows/trigger.h"
#include "rows/version.h"

PG_FUNCTION_INFO_V1(ig_row_optimistic_lock);
PG_FUNCTION_INFO_V1(ig_sql_add_optimistic_lock);

typedef enum Protocol
{
	PROTOCOL_INCREMENT,
	PROTOCOL_ECHO,
	PROTOCOL_SERVER
} Protocol;

static const char *const protocols[] = {"increment", "echo", "server", NULL};

typedef enum Unversioned
{
	UNVERSIONED_BUMP,
	UNVERSIONED_REJECT
} Unversioned;

static const char *const unversioned_words[] = {"bump", "reject", NULL};

/* What the trigger knows of its rule; made once a statement. */
typedef struct VersionRule
{
	AttrNumber	attnum;
	Oid			typid;
	int16		typlen;			/* 0 if not passed by value */
	Protocol	protocol;
	bool		wants_good_plan;	/* and has not asked for it yet */
	bool		is_copy;		/* an earlier trigger of the table does it */
	Bitmapset  *excluded;		/* attribute numbers */
} VersionRule;

/* A version as a column holds it; in rows from before, it may be null. */
typedef struct Version
{
	int64		number;			/* 0 for null */
	bool		isnull;
} Version;

static const char *const options[] = {"protocol", "unversioned", NULL};

static void prepare(IgRuleTrigger *trigger, Relation rel);

static char *check_query(const IgDeclaredTrigger *declared);

const IgRuleDefinition ig_optimistic_lock_definition = {
	.kind = IG_ROW_OPTIMISTIC_LOCK,
	.fires = IG_BEFORE_ROW(IG_FIRES_UPDATE),
	.options = options,
	.min_columns = 1,
	.max_columns = -1,
	.prepare = prepare,
	.check = prepare,
	.violations = check_query,
};

static Version version_of(const VersionRule *rule, TupleTableSlot *slot);
static bool is_version_type(Oid typid);
static bool is_copy(const IgRuleTrigger *trigger, Relation rel);
static Version next_version(const VersionRule *rule, const IgRuleTrigger *trigger,
							Version version);
static bool is_fresh(const VersionRule *rule, Version old, Version sent);
static void refuse_stale(IgRuleTrigger *trigger, Version old, Version sent);
static char *version_text(Version version);
static bool only_excluded_changed(const VersionRule *rule, const TriggerData *td);
static bool is_same(Datum a, Datum b, bool typbyval, int16 typlen);
static inline bool is_uncounted(const VersionRule *rule, const TriggerData *td);
static HeapTuple with_version(const VersionRule *rule, const TriggerData *td, Version wanted);
static Datum datum_of(const VersionRule *rule, Version version);
static char *place_of(HeapTuple tuple, TupleDesc desc, int attnum);
static void check_version_column(IgDeclaration *d, Form_pg_attribute attr);

void
ig_optimistic_lock_init(void)
{
	ig_version_predicate_init();
}

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	VersionRule *rule = palloc0(sizeof(VersionRule));
	const IgRuleColumn *column = &trigger->columns[0];

	rule->attnum = column->attnum;
	rule->typid = column->typid;
	rule->typlen = column->typbyval ? column->typlen : 0;
	rule->protocol = ig_rule_option_word(trigger, "protocol", protocols, PROTOCOL_INCREMENT);
	rule->wants_good_plan = ig_rule_option_word(trigger, "unversioned", unversioned_words,
												UNVERSIONED_BUMP) == UNVERSIONED_REJECT;
	for (int i = 1; i < trigger->ncolumns; i++)
		rule->excluded = bms_add_member(rule->excluded, trigger->columns[i].attnum);
	rule->is_copy = is_copy(trigger, rel);
	trigger->data = rule;

	if (!is_version_type(rule->typid))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("version column \"%s\" of table \"%s\" is of type %s",
						NameStr(column->name), ig_row_relation_text(trigger->relid),
						format_type_be(rule->typid)),
				 errdetail("A version is a smallint, integer or bigint.")));
}

static bool
is_version_type(Oid typid)
{
	return typid == INT2OID || typid == INT4OID || typid == INT8OID;
}

/*
 * A partition that keeps its rules has each twice: what the first has counted
 * looks like what a client has sent to the second.
 */
static bool
is_copy(const IgRuleTrigger *trigger, Relation rel)
{
	TriggerDesc *desc = CopyTriggerDesc(rel->trigdesc);
	const Trigger *own = NULL;
	const Trigger *same = NULL;

	/* in the order in which they fire */
	for (int i = 0; i < desc->numtriggers && own == NULL; i++)
	{
		const Trigger *tg = &desc->triggers[i];
		const IgRowRule *rule = ig_row_rule_of_function(tg->tgfoid);

		if (tg->tgoid == trigger->tgoid)
			own = tg;
		else if (rule != NULL && rule->kind == IG_ROW_OPTIMISTIC_LOCK &&
				 TRIGGER_FOR_UPDATE(tg->tgtype) && ig_trigger_fires_here(tg))
			same = tg;
	}
	return own != NULL && same != NULL && ig_rule_mark(own, rel) == ig_rule_mark(same, rel);
}

/*
 * invariant_guard.optimistic_lock(), a trigger function.  The first column is
 * the version; changes that are confined to the further ones do not count.
 */
Datum
ig_row_optimistic_lock(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_optimistic_lock_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;
	VersionRule *rule = (VersionRule *) trigger->data;
	Version		old;
	Version		wanted;

	if (trigger->passes || rule->is_copy)
		return PointerGetDatum(td->tg_newtuple);
	if (rule->wants_good_plan)
	{
		ig_version_predicate_checked(td->tg_trigger, td->tg_relation);
		rule->wants_good_plan = false;
	}

	old = version_of(rule, td->tg_trigslot);
	if (bms_is_member(rule->attnum - FirstLowInvalidHeapAttributeNumber, td->tg_updatedcols))
	{
		Version		sent = version_of(rule, td->tg_newslot);

		/* where a stale one is let pass, the version goes on from where it is */
		if (!is_fresh(rule, old, sent))
			refuse_stale(trigger, old, sent);
		else if (rule->protocol == PROTOCOL_INCREMENT)
			return PointerGetDatum(td->tg_newtuple);
		else if (is_uncounted(rule, td))
			return PointerGetDatum(td->tg_newtuple);
		wanted = next_version(rule, trigger, old);
	}
	else if (!is_uncounted(rule, td))
		wanted = next_version(rule, trigger, old);
	else
	{
		Version		present = version_of(rule, td->tg_newslot);

		if (present.number == old.number && present.isnull == old.isnull)
			return PointerGetDatum(td->tg_newtuple);
		wanted = old;
	}
	return PointerGetDatum(with_version(rule, td, wanted));
}

static inline bool
is_uncounted(const VersionRule *rule, const TriggerData *td)
{
	return rule->excluded != NULL && only_excluded_changed(rule, td);
}

static Version
version_of(const VersionRule *rule, TupleTableSlot *slot)
{
	Version		version = {0};
	Datum		datum = slot_getattr(slot, rule->attnum, &version.isnull);

	if (version.isnull)
		return version;
	switch (rule->typid)
	{
		case INT2OID:
			version.number = DatumGetInt16(datum);
			break;
		case INT4OID:
			version.number = DatumGetInt32(datum);
			break;
		default:
			version.number = DatumGetInt64(datum);
			break;
	}
	return version;
}

static Version
next_version(const VersionRule *rule, const IgRuleTrigger *trigger, Version version)
{
	int64		largest = rule->typid == INT2OID ? PG_INT16_MAX :
		rule->typid == INT4OID ? PG_INT32_MAX : PG_INT64_MAX;

	if (version.number >= largest)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("version column \"%s\" of table \"%s\" cannot count any further",
						NameStr(trigger->columns[0].name),
						ig_row_relation_text(trigger->relid)),
				 errdetail("The row's version is " INT64_FORMAT ", the largest %s.",
						   largest, format_type_be(rule->typid)),
				 rule->typid != INT8OID ?
				 errhint("Give the column a wider type.") : 0));
	version.number++;
	version.isnull = false;
	return version;
}

static bool
is_fresh(const VersionRule *rule, Version old, Version sent)
{
	if (rule->protocol == PROTOCOL_INCREMENT)
		return !sent.isnull && old.number < PG_INT64_MAX && sent.number == old.number + 1;
	return sent.number == old.number && (old.isnull || !sent.isnull);
}

static void
refuse_stale(IgRuleTrigger *trigger, Version old, Version sent)
{
	const VersionRule *rule = (const VersionRule *) trigger->data;
	const char *table = ig_row_relation_text(trigger->relid);
	const char *column = NameStr(trigger->columns[0].name);
	const char *is = version_text(old);
	const char *hint = "Read the row again, and decide anew what is to be changed.";
	char	   *message;
	char	   *detail;

	if (rule->protocol == PROTOCOL_SERVER)
	{
		message = psprintf("cannot set version column \"%s\" of table \"%s\"", column, table);
		detail = psprintf("The server counts it: the row's version is %s, and the statement sets it to %s.",
						  is, version_text(sent));
		hint = "Leave the column out of SET.";
	}
	else
	{
		message = psprintf("cannot update a row of table \"%s\" by a stale version", table);
		if (rule->protocol == PROTOCOL_ECHO)
			detail = psprintf("The row's version is %s, and the statement sends %s as the one that was read.",
							  is, version_text(sent));
		else if (sent.isnull || sent.number == PG_INT64_MIN)
			detail = psprintf("The row's version is %s, and the statement sets it to %s.",
							  is, version_text(sent));
		else
			detail = psprintf("The row's version is %s, and the statement sets it to %s, which follows " INT64_FORMAT ".",
							  is, version_text(sent), sent.number - 1);
	}
	ig_row_refuse(trigger, trigger->relid, "optimistic-lock", NULL, message, detail, hint);
}

static char *
version_text(Version version)
{
	return version.isnull ? pstrdup("null") : psprintf(INT64_FORMAT, version.number);
}

/*
 * Are all columns but the excluded ones as they were?  What is generated is not
 * yet computed, and follows from the others.
 */
static bool
only_excluded_changed(const VersionRule *rule, const TriggerData *td)
{
	TupleDesc	desc = RelationGetDescr(td->tg_relation);
	TupleTableSlot *old = td->tg_trigslot;
	TupleTableSlot *new = td->tg_newslot;

	slot_getallattrs(old);
	slot_getallattrs(new);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (attr->attisdropped || attr->attgenerated != '\0' || attr->attnum == rule->attnum ||
			bms_is_member(attr->attnum, rule->excluded))
			continue;
		if (old->tts_isnull[i] != new->tts_isnull[i])
			return false;
		if (!old->tts_isnull[i] &&
			!is_same(old->tts_values[i], new->tts_values[i], attr->attbyval, attr->attlen))
			return false;
	}
	return true;
}

/*
 * A value out of line that was not touched is the same pointer still; it need
 * not be fetched.
 */
static bool
is_same(Datum a, Datum b, bool typbyval, int16 typlen)
{
	if (typlen == -1)
	{
		const struct varlena *va = (const struct varlena *) DatumGetPointer(a);
		const struct varlena *vb = (const struct varlena *) DatumGetPointer(b);

		if (VARATT_IS_EXTERNAL_ONDISK(va) && VARATT_IS_EXTERNAL_ONDISK(vb) &&
			memcmp(va, vb, VARSIZE_EXTERNAL(va)) == 0)
			return true;
	}
	return datum_image_eq(a, b, typbyval, typlen);
}

/*
 * The new row with this version in it.  Where there is one already, which is
 * nearly always, it is written over in a copy; the server's own way is to take
 * the row apart and to put it together again.
 */
static HeapTuple
with_version(const VersionRule *rule, const TriggerData *td, Version wanted)
{
	TupleDesc	desc = RelationGetDescr(td->tg_relation);
	HeapTuple	tuple;
	char	   *place;
	int			attnum = rule->attnum;
	Datum		value;

	if (rule->typlen > 0 && !wanted.isnull &&
		attnum <= HeapTupleHeaderGetNatts(td->tg_newtuple->t_data) &&
		!heap_attisnull(td->tg_newtuple, attnum, desc))
	{
		tuple = heap_copytuple(td->tg_newtuple);
		place = place_of(tuple, desc, attnum);
		store_att_byval(place, datum_of(rule, wanted), rule->typlen);
		return tuple;
	}

	value = datum_of(rule, wanted);
	return heap_modify_tuple_by_cols(td->tg_newtuple, desc, 1, &attnum, &value,
									 &wanted.isnull);
}

static Datum
datum_of(const VersionRule *rule, Version version)
{
	return rule->typid == INT2OID ? Int16GetDatum((int16) version.number) :
		rule->typid == INT4OID ? Int32GetDatum((int32) version.number) :
		Int64GetDatum(version.number);
}

/*
 * Where the column's value is in the tuple; it is there, and not null.
 */
static char *
place_of(HeapTuple tuple, TupleDesc desc, int attnum)
{
	HeapTupleHeader header = tuple->t_data;
	char	   *data = (char *) header + header->t_hoff;
	bool		has_nulls = HeapTupleHasNulls(tuple);
	long		offset = 0;

	for (int i = 0;; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (has_nulls && att_isnull(i, header->t_bits))
			continue;
		offset = att_align_pointer(offset, attr->attalign, attr->attlen, data + offset);
		if (i == attnum - 1)
			return data + offset;
		offset = att_addlength_pointer(offset, attr->attlen, data + offset);
	}
}

/*
 * Rows without a version: a statement that says WHERE version = 0 does not find
 * them.
 */
static char *
check_query(const IgDeclaredTrigger *declared)
{
	Oid			relid = declared->relid;

	if (OidIsValid(declared->parent) || declared->attnums == NIL ||
		linitial_int(declared->attnums) == 0)
		return NULL;
	return psprintf("SELECT pg_catalog.format('row %%s of \"%%s\" has no version', ctid, tableoid::pg_catalog.regclass) FROM %s%s WHERE %s IS NULL",
					get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											   get_rel_name(relid)),
					quote_identifier((const char *) linitial(declared->columns)));
}

/*
 * invariant_guard.add_optimistic_lock(rel regclass, column name, protocol text,
 * unversioned text, exclude name[]) returns boolean: was it added?
 */
Datum
ig_sql_add_optimistic_lock(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_OPTIMISTIC_LOCK);
	char	   *column = ig_declare_name(fcinfo, 1);
	int			protocol = ig_declare_word(fcinfo, 2, "protocol", protocols);
	int			unversioned = ig_declare_word(fcinfo, 3, "unversioned", unversioned_words);
	List	   *excluded = ig_declare_names(fcinfo, 4, "excluded");
	List	   *arguments = NIL;
	ListCell   *lc;

	check_version_column(d, ig_declare_column(d, column, "version"));
	foreach(lc, excluded)
	{
		if (strcmp((const char *) lfirst(lc), column) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("version column \"%s\" cannot be excluded from its own rule",
							ig_text_name(column))));
		(void) ig_declare_column(d, (const char *) lfirst(lc), "excluded");
	}

	arguments = ig_declare_option(arguments, "protocol", protocols[protocol]);
	arguments = ig_declare_option(arguments, "unversioned", unversioned_words[unversioned]);
	ig_declare_trigger(d, "update", "BEFORE UPDATE", true,
					   ig_declare_anchor("uses", "old", lcons(column, excluded)), arguments);
	PG_RETURN_BOOL(ig_declare_end(d));
}

static void
check_version_column(IgDeclaration *d, Form_pg_attribute attr)
{
	const char *name = quote_identifier(NameStr(attr->attname));

	if (!is_version_type(attr->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("version column \"%s\" of table \"%s\" is of type %s",
						ig_text_name(NameStr(attr->attname)), d->text,
						format_type_be(attr->atttypid)),
				 errdetail("A version is a smallint, integer or bigint.")));
	if (attr->attgenerated != '\0' || attr->attidentity != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("version column \"%s\" of table \"%s\" is generated",
						ig_text_name(NameStr(attr->attname)), d->text),
				 errdetail("The version is counted by the rule, and by clients.")));

	if (!ig_column_is_not_null(RelationGetDescr(d->rel), attr->attnum))
		ig_declare_check_rows(d,
							  psprintf("SELECT pg_catalog.format('%%s %%s', tableoid::pg_catalog.regclass, ctid) FROM %s WHERE %s IS NULL",
									   d->quoted, name),
							  "without a version",
							  psprintf("UPDATE %s SET %s = 0 WHERE %s IS NULL;\nALTER TABLE %s ALTER COLUMN %s SET DEFAULT 0;",
									   d->quoted, name, name, d->quoted, name));
}
