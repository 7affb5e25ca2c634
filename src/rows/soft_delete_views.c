/*-------------------------------------------------------------------------
 *
 * soft_delete_views.c
 *	  live_view() and live_unique(): a view and a unique index of live rows.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "commands/defrem.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/soft_delete.h"

PG_FUNCTION_INFO_V1(ig_sql_live_view);
PG_FUNCTION_INFO_V1(ig_sql_live_unique);

static char *deleted_column(Oid relid);
static char *all_columns(Oid relid);
static char *column_list(Oid relid, List *names);
static Oid	made(Oid relid, const char *name);
static void check_free(Oid relid, const char *name);

/*
 * invariant_guard.live_view(rel regclass, name name) returns regclass: makes a
 * view of the live rows, in the table's schema.  It shows each what they may
 * see of the table.
 */
Datum
ig_sql_live_view(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	char	   *name = ig_declare_name(fcinfo, 1);
	char	   *deleted;

	PreventCommandIfReadOnly("invariant_guard.live_view()");
	ig_lock_owned_table(relid, AccessShareLock);
	deleted = deleted_column(relid);
	if (name == NULL)
		name = makeObjectName(get_rel_name(relid), NULL, "live");
	check_free(relid, name);
	ig_declare_execute(psprintf("CREATE VIEW %s WITH (security_invoker = true) AS SELECT %s FROM %s WHERE %s IS NULL",
								quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name),
								all_columns(relid), ig_soft_delete_quoted(relid), deleted));
	PG_RETURN_OID(made(relid, name));
}

/*
 * invariant_guard.live_unique(rel regclass, columns name[], name name) returns
 * regclass: makes the unique index that holds for live rows only.
 */
Datum
ig_sql_live_unique(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	List	   *columns = ig_declare_names(fcinfo, 1, "unique");
	char	   *name = ig_declare_name(fcinfo, 2);
	char	   *deleted;
	char	   *list;

	PreventCommandIfReadOnly("invariant_guard.live_unique()");
	if (columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the unique columns must not be empty")));
	ig_lock_owned_table(relid, ShareLock);
	deleted = deleted_column(relid);
	list = column_list(relid, columns);
	if (name == NULL)
		name = makeObjectName(get_rel_name(relid), (const char *) linitial(columns), "live_key");
	check_free(relid, name);
	ig_declare_execute(psprintf("CREATE UNIQUE INDEX %s ON %s (%s) WHERE %s IS NULL",
								quote_identifier(name), ig_soft_delete_quoted(relid), list, deleted));
	PG_RETURN_OID(made(relid, name));
}

static char *
deleted_column(Oid relid)
{
	IgSoftDelete rule;

	if (!ig_soft_delete_of_table(relid, &rule))
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("table \"%s\" is not soft-deleted", ig_row_relation_text(relid)),
				 errhint("SELECT invariant_guard.add_soft_delete(...);")));
	return pstrdup(quote_identifier(get_attname(relid, rule.deleted, false)));
}

/* By their names, which a view knows anyway. */
static char *
all_columns(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute attr = TupleDescAttr(RelationGetDescr(rel), i);

		if (!attr->attisdropped)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
							 quote_identifier(NameStr(attr->attname)));
	}
	table_close(rel, NoLock);
	return buf.data;
}

static char *
column_list(Oid relid, List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		const char *name = (const char *) lfirst(lc);

		if (get_attnum(relid, name) == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of table \"%s\" does not exist", ig_text_name(name),
							ig_row_relation_text(relid))));
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", quote_identifier(name));
	}
	return buf.data;
}

static void
check_free(Oid relid, const char *name)
{
	if (OidIsValid(get_relname_relid(name, get_rel_namespace(relid))))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation \"%s\" already exists", ig_text_name(name)),
				 errhint("Give another name.")));
}

static Oid
made(Oid relid, const char *name)
{
	return get_relname_relid(name, get_rel_namespace(relid));
}
