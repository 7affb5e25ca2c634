/*-------------------------------------------------------------------------
 *
 * audit_columns.c
 *	  audit_columns(): when and by whom a row was created and updated.
 *
 * The columns belong to the trigger.  What a client writes into them is
 * overwritten, not refused: many an application writes all columns of a row
 * back, with what is left of a timestamp after its own data types.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/tupmacs.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/text.h"
#include "rows/anchor.h"
#include "rows/declare.h"
#include "rows/move.h"
#include "rows/rows.h"
#include "rows/rule_trigger.h"

PG_FUNCTION_INFO_V1(ig_row_audit_columns);
PG_FUNCTION_INFO_V1(ig_sql_add_audit_columns);

/* What a column is for; also the order of the arguments. */
enum
{
	CREATED_AT,
	UPDATED_AT,
	CREATED_BY,
	UPDATED_BY,
	ROLES
};

#define IS_TIME(role)		((role) == CREATED_AT || (role) == UPDATED_AT)
#define IS_CREATED(role)	((role) == CREATED_AT || (role) == CREATED_BY)

static const char *const role_names[] = {"created_at", "updated_at", "created_by", "updated_by", NULL};

static const char *const imports_words[] = {"overwrite", "keep", NULL};

enum
{
	IMPORTS_OVERWRITE,
	IMPORTS_KEEP
};

static const char *const who_words[] = {"session_user", "current_user", NULL};

enum
{
	WHO_SESSION,
	WHO_CURRENT
};

static const char *const clock_words[] = {"transaction", "statement", "clock", NULL};

enum
{
	CLOCK_TRANSACTION,
	CLOCK_STATEMENT,
	CLOCK_CLOCK
};

/* Of a trigger, in its statement. */
typedef struct Audit
{
	int			imports;
	int			who;
	int			clock;
	int			roles[ROLES];	/* of the trigger's columns, in their order */
	Bitmapset  *ignored;		/* these, and what has no value of its own */
	Oid			userid;			/* of whom the next are, for each column */
	Datum		user[ROLES];
} Audit;

static void prepare(IgRuleTrigger *trigger, Relation rel);
static void read_roles(IgRuleTrigger *trigger, Audit *audit);
static HeapTuple stamp_insert(IgRuleTrigger *trigger, const TriggerData *td);
static HeapTuple stamp_arrival(IgRuleTrigger *trigger, const TriggerData *td);
static HeapTuple stamp_update(IgRuleTrigger *trigger, const TriggerData *td);
static bool is_changed(const Audit *audit, const TriggerData *td);
static bool differs(const TriggerData *td, Form_pg_attribute attr);
static HeapTuple store(IgRuleTrigger *trigger, const TriggerData *td, HeapTuple tuple,
					   TupleTableSlot *slot, const bool *set, const Datum *values,
					   const bool *nulls);
static bool overwrite(const TriggerData *td, HeapTuple tuple, TupleTableSlot *slot,
					  AttrNumber attnum, Datum value);
static Datum value_for(IgRuleTrigger *trigger, int column);
static Datum time_as(const IgRuleColumn *column, TimestampTz now);
static Datum user_for(IgRuleTrigger *trigger, int column);
static Datum user_as(const IgRuleColumn *column, Oid userid, const char *name);
static void check_type(IgDeclaration *d, Form_pg_attribute attr, int role);
static char *check_query(const IgDeclaredTrigger *declared);

static const char *const option_names[] = {"roles", "imports", "who", "clock", NULL};

const IgRuleDefinition ig_audit_columns_definition = {
	.kind = IG_ROW_AUDIT_COLUMNS,
	.fires = IG_BEFORE_ROW(IG_FIRES_INSERT | IG_FIRES_UPDATE),
	.options = option_names,
	.min_columns = 1,
	.max_columns = ROLES,
	.prepare = prepare,
	.check = prepare,
	.violations = check_query,
};

static void
prepare(IgRuleTrigger *trigger, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Audit	   *audit = palloc0(sizeof(Audit));

	audit->imports = ig_rule_option_word(trigger, "imports", imports_words, IMPORTS_OVERWRITE);
	audit->who = ig_rule_option_word(trigger, "who", who_words, WHO_SESSION);
	audit->clock = ig_rule_option_word(trigger, "clock", clock_words, CLOCK_TRANSACTION);
	read_roles(trigger, audit);

	for (int i = 0; i < trigger->ncolumns; i++)
		audit->ignored = bms_add_member(audit->ignored, trigger->columns[i].attnum);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute attr = TupleDescAttr(desc, i);

		if (attr->attisdropped || attr->attgenerated != '\0')
			audit->ignored = bms_add_member(audit->ignored, attr->attnum);
	}
	trigger->data = audit;
}

/*
 * "roles=created_at,updated_by": a word for each column.  Without it a trigger
 * written by hand has created_at and updated_at.
 */
static void
read_roles(IgRuleTrigger *trigger, Audit *audit)
{
	const char *rest = ig_rule_option(trigger, "roles", "created_at,updated_at");

	for (int i = 0; i < trigger->ncolumns; i++)
	{
		size_t		length = strcspn(rest, ",");
		int			role = 0;

		while (role < ROLES && (strlen(role_names[role]) != length ||
								strncmp(role_names[role], rest, length) != 0))
			role++;
		if (role == ROLES)
			ereport(ERROR,
					(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
					 errmsg("option \"roles\" of function invariant_guard.audit_columns() in table \"%s\" does not say what column \"%s\" is for",
							ig_row_relation_text(trigger->relid),
							ig_text_name(NameStr(trigger->columns[i].name))),
					 errdetail("It names one of %s for each column.", ig_text_words(role_names))));
		audit->roles[i] = role;
		rest += length + (rest[length] == ',' ? 1 : 0);
	}
}

/*
 * invariant_guard.audit_columns(), a trigger function.
 */
Datum
ig_row_audit_columns(PG_FUNCTION_ARGS)
{
	IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &ig_audit_columns_definition);
	TriggerData *td = (TriggerData *) fcinfo->context;

	if (trigger->passes)
		return ig_rule_trigger_pass(td);
	if (TRIGGER_FIRED_BY_UPDATE(td->tg_event))
	{
		ig_move_note(td);
		return PointerGetDatum(stamp_update(trigger, td));
	}
	if (ig_move_is_insert(td))
		return PointerGetDatum(stamp_arrival(trigger, td));
	return PointerGetDatum(stamp_insert(trigger, td));
}

static HeapTuple
stamp_insert(IgRuleTrigger *trigger, const TriggerData *td)
{
	const Audit *audit = (const Audit *) trigger->data;
	Datum		values[ROLES];
	bool		nulls[ROLES] = {false};
	bool		set[ROLES];

	for (int i = 0; i < trigger->ncolumns; i++)
	{
		set[i] = audit->imports != IMPORTS_KEEP ||
			slot_attisnull(td->tg_trigslot, trigger->columns[i].attnum);
		values[i] = set[i] ? value_for(trigger, i) : (Datum) 0;
	}
	return store(trigger, td, td->tg_trigtuple, td->tg_trigslot, set, values, nulls);
}

/*
 * The row comes from another partition, where it was stamped as an update.
 * Triggers on its way may take it for a new one.
 */
static HeapTuple
stamp_arrival(IgRuleTrigger *trigger, const TriggerData *td)
{
	const Audit *audit = (const Audit *) trigger->data;
	Datum		values[ROLES] = {(Datum) 0};
	bool		nulls[ROLES] = {false};
	bool		set[ROLES] = {false};
	Oid			source;
	HeapTuple	old = ig_move_old_row(&source);
	Relation	rel = RelationIdGetRelation(source);

	for (int i = 0; i < trigger->ncolumns; i++)
	{
		AttrNumber	attnum = get_attnum(source, NameStr(trigger->columns[i].name));

		if (attnum == InvalidAttrNumber || !IS_CREATED(audit->roles[i]))
			continue;
		values[i] = heap_getattr(old, attnum, RelationGetDescr(rel), &nulls[i]);
		set[i] = !nulls[i];
	}
	RelationClose(rel);
	return store(trigger, td, td->tg_trigtuple, td->tg_trigslot, set, values, nulls);
}

/*
 * What was null may be filled in, which is how rows older than the rule get
 * their values; what has one keeps it.
 */
static HeapTuple
stamp_update(IgRuleTrigger *trigger, const TriggerData *td)
{
	const Audit *audit = (const Audit *) trigger->data;
	bool		changed = is_changed(audit, td);
	Datum		values[ROLES];
	bool		nulls[ROLES];
	bool		set[ROLES];

	for (int i = 0; i < trigger->ncolumns; i++)
	{
		if (changed && !IS_CREATED(audit->roles[i]))
		{
			values[i] = value_for(trigger, i);
			nulls[i] = false;
			set[i] = true;
			continue;
		}
		values[i] = slot_getattr(td->tg_trigslot, trigger->columns[i].attnum, &nulls[i]);
		set[i] = !nulls[i];
	}
	return store(trigger, td, td->tg_newtuple, td->tg_newslot, set, values, nulls);
}

/*
 * Does the row change, but for its stamps?  The columns that the client sets
 * are looked at first, since one of them will nearly always do.
 */
static bool
is_changed(const Audit *audit, const TriggerData *td)
{
	TupleDesc	desc = RelationGetDescr(td->tg_relation);
	int			member = -1;

	while ((member = bms_next_member(td->tg_updatedcols, member)) >= 0)
	{
		AttrNumber	attnum = member + FirstLowInvalidHeapAttributeNumber;

		if (attnum > 0 && attnum <= desc->natts && !bms_is_member(attnum, audit->ignored) &&
			differs(td, TupleDescAttr(desc, attnum - 1)))
			return true;
	}
	for (int i = 0; i < desc->natts; i++)
	{
		if (!bms_is_member(i + 1, audit->ignored) && differs(td, TupleDescAttr(desc, i)))
			return true;
	}
	return false;
}

static bool
differs(const TriggerData *td, Form_pg_attribute attr)
{
	bool		old_isnull;
	bool		new_isnull;
	Datum		old = slot_getattr(td->tg_trigslot, attr->attnum, &old_isnull);
	Datum		new = slot_getattr(td->tg_newslot, attr->attnum, &new_isnull);

	return !ig_same_value(old, old_isnull, new, new_isnull, attr->attbyval, attr->attlen);
}

/*
 * The tuple with the values that are to be set; itself, if it has them.
 */
static HeapTuple
store(IgRuleTrigger *trigger, const TriggerData *td, HeapTuple tuple, TupleTableSlot *slot,
	  const bool *set, const Datum *values, const bool *nulls)
{
	int			attnums[ROLES];
	Datum		new_values[ROLES];
	bool		new_nulls[ROLES];
	int			count = 0;

	for (int i = 0; i < trigger->ncolumns; i++)
	{
		const IgRuleColumn *column = &trigger->columns[i];
		bool		isnull;
		Datum		present;

		if (!set[i])
			continue;
		present = slot_getattr(slot, column->attnum, &isnull);
		if (ig_same_value(present, isnull, values[i], nulls[i],
						  column->typbyval, column->typlen))
			continue;
		if (column->typbyval && !isnull && !nulls[i] &&
			overwrite(td, tuple, slot, column->attnum, values[i]))
			continue;
		attnums[count] = column->attnum;
		new_values[count] = values[i];
		new_nulls[count] = nulls[i];
		count++;
	}
	if (count == 0)
		return tuple;
	return heap_modify_tuple_by_cols(tuple, RelationGetDescr(td->tg_relation), count,
									 attnums, new_values, new_nulls);
}

/*
 * Put a value of fixed length where there is one.  That is done in the tuple
 * that the slot holds and owns, before anybody has taken a value from it, and
 * spares making another tuple, which costs more than all else here.  False
 * where the slot is of another kind.
 */
static bool
overwrite(const TriggerData *td, HeapTuple tuple, TupleTableSlot *slot,
		  AttrNumber attnum, Datum value)
{
	TupleDesc	desc = RelationGetDescr(td->tg_relation);
	const BufferHeapTupleTableSlot *heap = (const BufferHeapTupleTableSlot *) slot;
	Form_pg_attribute attr = TupleDescAttr(desc, attnum - 1);
	char	   *data;
	uint32		offset = 0;

	if (!TTS_IS_BUFFERTUPLE(slot) || heap->base.tuple != tuple || BufferIsValid(heap->buffer) ||
		!TTS_SHOULDFREE(slot) || attnum > slot->tts_nvalid ||
		attnum > HeapTupleHeaderGetNatts(tuple->t_data))
		return false;

	data = (char *) tuple->t_data + tuple->t_data->t_hoff;
	for (int i = 0; i < attnum - 1; i++)
	{
		Form_pg_attribute before = TupleDescAttr(desc, i);

		if (slot->tts_isnull[i])
			continue;
		offset = att_align_pointer(offset, before->attalign, before->attlen, data + offset);
		offset = att_addlength_pointer(offset, before->attlen, data + offset);
	}
	offset = att_align_nominal(offset, attr->attalign);
	store_att_byval(data + offset, value, attr->attlen);
	slot->tts_values[attnum - 1] = value;
	return true;
}

static Datum
value_for(IgRuleTrigger *trigger, int i)
{
	const Audit *audit = (const Audit *) trigger->data;

	if (!IS_TIME(audit->roles[i]))
		return user_for(trigger, i);
	return time_as(&trigger->columns[i],
				   audit->clock == CLOCK_TRANSACTION ? GetCurrentTransactionStartTimestamp() :
				   audit->clock == CLOCK_STATEMENT ? GetCurrentStatementStartTimestamp() :
				   GetCurrentTimestamp());
}

static Datum
time_as(const IgRuleColumn *column, TimestampTz now)
{
	Datum		value = TimestampTzGetDatum(now);

	switch (column->typid)
	{
		case TIMESTAMPTZOID:
			return column->typmod < 0 ? value :
				DirectFunctionCall2(timestamptz_scale, value, Int32GetDatum(column->typmod));
		case TIMESTAMPOID:
			value = DirectFunctionCall1(timestamptz_timestamp, value);
			return column->typmod < 0 ? value :
				DirectFunctionCall2(timestamp_scale, value, Int32GetDatum(column->typmod));
		case DATEOID:
			return DirectFunctionCall1(timestamptz_date, value);
		default:
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_UNREADABLE),
					 errmsg("audit column \"%s\" is of type %s, which holds no time",
							ig_text_name(NameStr(column->name)), format_type_be(column->typid))));
	}
	return (Datum) 0;
}

/*
 * Made once a statement; the user may change within one only where functions
 * have their own.
 */
static Datum
user_for(IgRuleTrigger *trigger, int i)
{
	Audit	   *audit = (Audit *) trigger->data;
	Oid			userid = audit->who == WHO_SESSION ? GetSessionUserId() : GetUserId();

	if (audit->userid != userid)
	{
		MemoryContext old = MemoryContextSwitchTo(trigger->context);
		char	   *name = GetUserNameFromId(userid, false);

		for (int n = 0; n < trigger->ncolumns; n++)
		{
			if (!IS_TIME(audit->roles[n]))
				audit->user[n] = user_as(&trigger->columns[n], userid, name);
		}
		audit->userid = userid;
		MemoryContextSwitchTo(old);
	}
	return audit->user[i];
}

static Datum
user_as(const IgRuleColumn *column, Oid userid, const char *name)
{
	switch (column->typid)
	{
		case REGROLEOID:
		case OIDOID:
			return ObjectIdGetDatum(userid);
		case TEXTOID:
		case VARCHAROID:
			return CStringGetTextDatum(name);
		case NAMEOID:
			return DirectFunctionCall1(namein, CStringGetDatum(name));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_IG_RULE_UNREADABLE),
					 errmsg("audit column \"%s\" is of type %s, which holds no user",
							ig_text_name(NameStr(column->name)), format_type_be(column->typid))));
	}
	return (Datum) 0;
}

/*
 * invariant_guard.add_audit_columns(rel regclass, created_at name, updated_at
 * name, created_by name, updated_by name, imports text, who text, clock text)
 * returns boolean: was it added?
 *
 * Raises if no column is named, one is named twice, or is of another type.
 */
Datum
ig_sql_add_audit_columns(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_AUDIT_COLUMNS);
	List	   *columns = NIL;
	List	   *options = NIL;
	StringInfoData roles;

	initStringInfo(&roles);
	for (int role = 0; role < ROLES; role++)
	{
		char	   *name = ig_declare_name(fcinfo, role + 1);
		ListCell   *lc;

		if (name == NULL)
			continue;
		check_type(d, ig_declare_column(d, name, role_names[role]), role);
		foreach(lc, columns)
		{
			if (strcmp((const char *) lfirst(lc), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" is named twice", ig_text_name(name))));
		}
		columns = lappend(columns, name);
		appendStringInfo(&roles, "%s%s", roles.len > 0 ? "," : "", role_names[role]);
	}
	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no audit column is named")));

	options = ig_declare_option(options, "roles", roles.data);
	options = ig_declare_option(options, "imports",
								imports_words[ig_declare_word(fcinfo, 5, "imports", imports_words)]);
	options = ig_declare_option(options, "who",
								who_words[ig_declare_word(fcinfo, 6, "who", who_words)]);
	options = ig_declare_option(options, "clock",
								clock_words[ig_declare_word(fcinfo, 7, "clock", clock_words)]);
	ig_declare_trigger(d, "stamp", "BEFORE INSERT OR UPDATE", true,
					   ig_declare_anchor("uses", "new", columns), options);
	PG_RETURN_BOOL(ig_declare_end(d));
}

/*
 * A name has at most 63 bytes, hence as many characters.
 */
static void
check_type(IgDeclaration *d, Form_pg_attribute attr, int role)
{
	bool		fits;

	if (attr->attgenerated != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("column \"%s\" of table \"%s\" is generated",
						ig_text_name(NameStr(attr->attname)), d->text)));
	if (IS_TIME(role))
		fits = attr->atttypid == TIMESTAMPTZOID || attr->atttypid == TIMESTAMPOID ||
			attr->atttypid == DATEOID;
	else
		fits = attr->atttypid == TEXTOID || attr->atttypid == NAMEOID ||
			attr->atttypid == REGROLEOID || attr->atttypid == OIDOID ||
			(attr->atttypid == VARCHAROID &&
			 (attr->atttypmod < 0 || attr->atttypmod - VARHDRSZ >= NAMEDATALEN - 1));
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is of type %s, which cannot be %s",
						ig_text_name(NameStr(attr->attname)), d->text,
						format_type_with_typemod(attr->atttypid, attr->atttypmod),
						role_names[role]),
				 IS_TIME(role) ? errhint("timestamptz, timestamp or date") :
				 errhint("text, varchar, varchar of at least 63 characters, name, regrole or oid")));
}

/*
 * Rows older than the rule have no stamps.
 */
static char *
check_query(const IgDeclaredTrigger *declared)
{
	StringInfoData buf;
	ListCell   *lc;

	if (declared->columns == NIL || OidIsValid(declared->parent))
		return NULL;
	initStringInfo(&buf);
	foreach(lc, declared->columns)
	{
		const char *name = (const char *) lfirst(lc);

		appendStringInfo(&buf, "%sSELECT pg_catalog.format('%%s of %%s: column %%I is null', ctid, tableoid::pg_catalog.regclass, %s) FROM %s WHERE %s IS NULL",
						 buf.len > 0 ? " UNION ALL " : "", quote_literal_cstr(name),
						 quote_qualified_identifier(get_namespace_name(get_rel_namespace(declared->relid)),
													get_rel_name(declared->relid)),
						 quote_identifier(name));
	}
	return buf.data;
}
