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

static Oid	relation_argument(FunctionCallInfo fcinfo);
static int	class_argument(FunctionCallInfo fcinfo);
static void lock_owned_table(Oid relid);
static void check_owned_table(Oid relid);
static char *qualified_name(Oid relid);

PG_FUNCTION_INFO_V1(ig_sql_protect);
PG_FUNCTION_INFO_V1(ig_sql_unprotect);

/*
 * invariant_guard.protect(rel regclass, class text)
 */
Datum
ig_sql_protect(PG_FUNCTION_ARGS)
{
	Oid			relid = relation_argument(fcinfo);
	int			present;
	int			added;

	PreventCommandIfReadOnly("invariant_guard.protect()");

	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("a table's class must not be null"),
				 errdetail("The classes are financial and protected.")));
	added = class_argument(fcinfo);
	lock_owned_table(relid);

	present = ig_label_classes_of(relid);
	if ((added & ~present) == 0)
	{
		ereport(NOTICE,
				(errmsg("table \"%s\" has the class \"%s\" already",
						qualified_name(relid), ig_label_text(added))));
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
	Oid			relid = relation_argument(fcinfo);
	int			present;
	int			removed;

	PreventCommandIfReadOnly("invariant_guard.unprotect()");

	removed = PG_ARGISNULL(1) ? ~0 : class_argument(fcinfo);
	lock_owned_table(relid);

	present = ig_label_classes_of(relid);
	if ((present & removed) == 0)
	{
		if (PG_ARGISNULL(1))
			ereport(NOTICE,
					(errmsg("table \"%s\" has no class by label",
							qualified_name(relid))));
		else
			ereport(NOTICE,
					(errmsg("table \"%s\" does not have the class \"%s\" by label",
							qualified_name(relid), ig_label_text(removed))));
		PG_RETURN_VOID();
	}

	ig_label_set(relid, present & ~removed);
	CommandCounterIncrement();
	PG_RETURN_VOID();
}

static Oid
relation_argument(FunctionCallInfo fcinfo)
{
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the table must not be null")));
	return PG_GETARG_OID(0);
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

/*
 * Take the lock of SECURITY LABEL.  Ownership is asked first, so that nobody
 * locks what is not theirs, and again after the wait.
 */
static void
lock_owned_table(Oid relid)
{
	check_owned_table(relid);
	LockRelationOid(relid, ShareUpdateExclusiveLock);
	check_owned_table(relid);
}

static void
check_owned_table(Oid relid)
{
	char		relkind = get_rel_relkind(relid);

	if (relkind == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relid)));

	if (!ig_class_ownercheck(relid, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, get_relkind_objtype(relkind),
					   get_rel_name(relid));

	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", get_rel_name(relid)),
				 errdetail_relkind_not_supported(relkind)));
}

static char *
qualified_name(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *name = get_rel_name(relid);

	if (schema == NULL || name == NULL)
		return psprintf("%u", relid);
	return psprintf("%s.%s", schema, name);
}
