/*-------------------------------------------------------------------------
 *
 * retire.c
 *	  retire_column(), retire_table() and what takes them back; and what the
 *	  usage record says of what is retired.
 *
 * They do what SECURITY LABEL does, in its order of checks, with the present
 * time and role.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/catalog.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "columns/retire.h"
#include "columns/usage.h"
#include "model/retirement.h"
#include "platform/compat.h"
#include "platform/label.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/rule_retired.h"

static char *reason_argument(FunctionCallInfo fcinfo, int number);
static AttrNumber column_argument(FunctionCallInfo fcinfo, Oid relid);
static void check_permanent(Oid relid);
static void check_not_inherited(Oid relid, AttrNumber attnum, const char *column);
static bool retire(Oid relid, AttrNumber attnum, const char *what,
				   const char *reason, bool blocks_writes);
static bool unretire(Oid relid, AttrNumber attnum, const char *what);
static char *column_text(Oid relid, AttrNumber attnum);
static char *table_text(Oid relid);
static void usage_of(Oid relid, AttrNumber attnum, TimestampTz since, IgUsage *usage);
static void last_use(const IgColumnUse *found, bool written, IgUse *use);
static const char *kind_text(IgUseKind kind);

PG_FUNCTION_INFO_V1(ig_sql_retire_column);
PG_FUNCTION_INFO_V1(ig_sql_retire_table);
PG_FUNCTION_INFO_V1(ig_sql_unretire_column);
PG_FUNCTION_INFO_V1(ig_sql_unretire_table);

void
ig_retire_init(void)
{
	ig_usage_of_hook = usage_of;
}

/*
 * invariant_guard.retire_column(rel regclass, "column" name, reason text,
 *		block_writes boolean DEFAULT NULL)
 *
 * Without block_writes that stays as it is; false for what is not retired yet.
 * True if anything has changed.
 */
Datum
ig_sql_retire_column(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	char	   *reason = reason_argument(fcinfo, 2);
	const IgRetirement *present;
	bool		blocked;
	bool		blocks;
	AttrNumber	attnum;

	PreventCommandIfReadOnly("invariant_guard.retire_column()");

	if (PG_ARGISNULL(1))
		(void) column_argument(fcinfo, relid);
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);
	attnum = column_argument(fcinfo, relid);
	check_permanent(relid);
	check_not_inherited(relid, attnum, get_attname(relid, attnum, false));

	present = ig_label_retirement_of(relid, attnum);
	blocked = present != NULL && present->blocks_writes;
	blocks = PG_ARGISNULL(3) ? blocked : PG_GETARG_BOOL(3);
	if (blocks && !blocked)
		ig_rule_check_block_writes(relid, attnum);

	PG_RETURN_BOOL(retire(relid, attnum, column_text(relid, attnum), reason, blocks));
}

/*
 * invariant_guard.retire_table(rel regclass, reason text)
 */
Datum
ig_sql_retire_table(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	char	   *reason = reason_argument(fcinfo, 1);

	PreventCommandIfReadOnly("invariant_guard.retire_table()");
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);
	check_permanent(relid);

	PG_RETURN_BOOL(retire(relid, 0, table_text(relid), reason, false));
}

/*
 * invariant_guard.unretire_column(rel regclass, "column" name)
 */
Datum
ig_sql_unretire_column(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	AttrNumber	attnum;

	PreventCommandIfReadOnly("invariant_guard.unretire_column()");
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);
	attnum = column_argument(fcinfo, relid);

	PG_RETURN_BOOL(unretire(relid, attnum, column_text(relid, attnum)));
}

/*
 * invariant_guard.unretire_table(rel regclass)
 */
Datum
ig_sql_unretire_table(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);

	PreventCommandIfReadOnly("invariant_guard.unretire_table()");
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);

	PG_RETURN_BOOL(unretire(relid, 0, table_text(relid)));
}

static char *
reason_argument(FunctionCallInfo fcinfo, int number)
{
	char	   *reason;

	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the reason must not be null"),
				 errdetail("It is shown to whoever still uses what is retired.")));

	reason = text_to_cstring(PG_GETARG_TEXT_PP(number));
	if (ig_is_blank(reason))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the reason must not be blank"),
				 errdetail("It is shown to whoever still uses what is retired.")));
	return reason;
}

static AttrNumber
column_argument(FunctionCallInfo fcinfo, Oid relid)
{
	const char *column;
	AttrNumber	attnum;

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the column must not be null")));

	column = NameStr(*PG_GETARG_NAME(1));
	attnum = get_attnum(relid, column);
	if (attnum == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist",
						ig_text_name(column), ig_text_name(ig_table_name(relid)))));
	if (attnum < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
				 errmsg("system column \"%s\" cannot be retired", ig_text_name(column))));
	return attnum;
}

/*
 * What goes with the session anyway is nobody else's; and nobody drops what
 * the server is made of.
 */
static void
check_permanent(Oid relid)
{
	if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("temporary table \"%s\" cannot be retired, nor can its columns",
						ig_text_name(get_rel_name(relid))),
				 errhint("Nobody else uses it: it can be dropped.")));
	if (IsCatalogRelationOid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("system catalog \"%s\" cannot be retired, nor can its columns",
						ig_text_name(ig_table_name(relid)))));
}

/*
 * An inherited column cannot be dropped by itself.
 */
static void
check_not_inherited(Oid relid, AttrNumber attnum, const char *column)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		inherited = HeapTupleIsValid(tuple) &&
		((Form_pg_attribute) GETSTRUCT(tuple))->attinhcount > 0;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (inherited)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TABLE_DEFINITION),
				 errmsg("inherited column \"%s\" of table \"%s\" cannot be retired",
						ig_text_name(column), ig_text_name(ig_table_name(relid))),
				 errdetail("It can be dropped only together with the column it is inherited from."),
				 errhint("Retire the column of the table above.")));
}

/*
 * What is retired already stays so since then; only the reason and whether it
 * blocks writes are taken over.
 */
static bool
retire(Oid relid, AttrNumber attnum, const char *what, const char *reason, bool blocks_writes)
{
	IgRetirement *present = ig_label_retirement_of(relid, attnum);
	IgRetirement retirement = {0};

	if (present != NULL && present->blocks_writes == blocks_writes &&
		strcmp(present->reason, reason) == 0)
	{
		ereport(NOTICE,
				(errmsg("%s is retired already", what),
				 errdetail("It has been so since %s.", timestamptz_to_str(present->since))));
		return false;
	}

	if (present != NULL)
		retirement = *present;
	else
	{
		retirement.since = GetCurrentTimestamp();
		retirement.role = GetUserNameFromId(GetUserId(), false);
	}
	retirement.reason = unconstify(char *, reason);
	retirement.blocks_writes = blocks_writes;
	ig_label_set_retirement(relid, attnum, &retirement);
	CommandCounterIncrement();
	return true;
}

static bool
unretire(Oid relid, AttrNumber attnum, const char *what)
{
	if (ig_label_retirement_of(relid, attnum) == NULL)
	{
		ereport(NOTICE, (errmsg("%s is not retired", what)));
		return false;
	}

	ig_label_set_retirement(relid, attnum, NULL);
	CommandCounterIncrement();
	return true;
}

static char *
column_text(Oid relid, AttrNumber attnum)
{
	return psprintf("column \"%s\" of table \"%s\"",
					ig_text_name(get_attname(relid, attnum, false)),
					ig_text_name(ig_table_name(relid)));
}

static char *
table_text(Oid relid)
{
	return psprintf("table \"%s\"", ig_text_name(ig_table_name(relid)));
}

/*
 * What the usage record says, in the terms of the rules.
 */
static void
usage_of(Oid relid, AttrNumber attnum, TimestampTz since, IgUsage *usage)
{
	IgColumnUse found;
	TimestampTz gap_end;
	const char *why;

	memset(usage, 0, sizeof(IgUsage));
	if (!ig_usage_is_kept())
	{
		usage->why_not = "the library is not in shared_preload_libraries";
		return;
	}

	usage->observed = true;
	usage->observed_since = since;
	if (!ig_usage_observed_whole(since, NULL, &gap_end, &why))
	{
		usage->observed = gap_end != 0;
		usage->observed_since = gap_end;
		usage->why_not = why;
	}

	if (attnum == InvalidAttrNumber ? ig_usage_of(relid, attnum, &found) :
		ig_usage_of_tree(relid, attnum, &found))
	{
		last_use(&found, false, &usage->read);
		last_use(&found, true, &usage->written);
	}
}

/*
 * The latest witness of a kind is that of the last use; if it is no longer
 * among those that are kept, nobody is named.
 */
static void
last_use(const IgColumnUse *found, bool written, IgUse *use)
{
	const IgUsageWitness *last = NULL;
	TimestampTz last_at = 0;

	use->at = written ? found->last_written : found->last_read;
	if (use->at == 0)
		return;

	for (int i = 0; i < found->nwitnesses; i++)
	{
		const IgUsageWitness *witness = &found->witnesses[i];
		TimestampTz at = written ? witness->written_at : witness->read_at;

		if (at > last_at)
		{
			last = witness;
			last_at = at;
		}
	}
	if (last != NULL)
	{
		use->application = pstrdup(last->application);
		use->role = pstrdup(last->role_name);
	}
	use->how = kind_text(written ? found->last_written_kind : found->last_read_kind);
}

static const char *
kind_text(IgUseKind kind)
{
	switch (kind)
	{
		case IG_USE_READ_ALL:
			return " with all columns of the table";
		case IG_USE_READ_VIEW:
		case IG_USE_WRITTEN_VIEW:
			return " through a view";
		default:
			return "";
	}
}
