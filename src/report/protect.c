/*-------------------------------------------------------------------------
 *
 * protect.c
 *	  protect() and unprotect(): the class of a table without SECURITY LABEL.
 *
 * They do what SECURITY LABEL does, in its order of checks, except that they
 * add one class to the present ones or take one away.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/objectaddress.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/compat.h"
#include "platform/label.h"
#include "platform/owned.h"

static int	class_argument(FunctionCallInfo fcinfo);

PG_FUNCTION_INFO_V1(ig_sql_protect);
PG_FUNCTION_INFO_V1(ig_sql_unprotect);

/*
 * invariant_guard.protect(rel regclass, class text)
 */
Datum
ig_sql_protect(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	int			present;
	int			added;

	PreventCommandIfReadOnly("invariant_guard.protect()");

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a table's class must not be null"),
				 errdetail("The classes are financial and protected.")));
	added = class_argument(fcinfo);
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);

	present = ig_label_classes_of(relid);
	if ((added & ~present) == 0)
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" has the class \"%s\" already",
						ig_table_name(relid), ig_label_text(added))));
		PG_RETURN_VOID();
	}

	ig_label_set(relid, present | added);

	/* the same statement may name the table again */
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

/*
 * invariant_guard.unprotect(rel regclass, class text default null): without a
 * class it takes away all of them.
 */
Datum
ig_sql_unprotect(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	int			present;
	int			removed;

	PreventCommandIfReadOnly("invariant_guard.unprotect()");

	removed = PG_ARGISNULL(1) ? ~0 : class_argument(fcinfo);
	ig_lock_owned_table(relid, ShareUpdateExclusiveLock);

	present = ig_label_classes_of(relid);
	if ((present & removed) == 0)
	{
		if (PG_ARGISNULL(1))
			ereport(NOTICE,
					(errmsg("table \"%s\" has no class by label",
							ig_table_name(relid))));
		else
			ereport(NOTICE,
					(errmsg("table \"%s\" does not have the class \"%s\" by label",
							ig_table_name(relid), ig_label_text(removed))));
		PG_RETURN_VOID();
	}

	ig_label_set(relid, present & ~removed);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

static int
class_argument(FunctionCallInfo fcinfo)
{
	char	   *words = text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *bad_word;
	int			classes;

	if (!ig_label_parse(words, &classes, &bad_word))
		ig_label_bad_class(bad_word);
	return classes;
}
