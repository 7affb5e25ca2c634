/*-------------------------------------------------------------------------
 *
 * label.c
 *	  The class of a table and its retirement, kept as its security label; and
 *	  the retirement of a column.
 *
 * Only tables and their columns bear labels.  Labels on schemas would break
 * pg_upgrade, since they are restored before the extension; databases and roles
 * are shared with databases that know nothing of the extension; and views hold
 * no rows.
 *
 * Since when something is retired decides when it may be dropped, and the label
 * can be written by hand.  So whoever is neither a superuser nor may set
 * retirement_period can give it no time that has passed, except the one that
 * the label bears already.  That a dump is restored makes no difference: what
 * the server could know of it, anybody can make it believe.
 *
 * The server sends no invalidation when a label changes, so the check of a new
 * label does it here: caches of labels need only listen to the relcache.  What
 * inherits from the table may have its label from there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_seclabel.h"
#include "commands/seclabel.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "platform/inherit.h"
#include "platform/label.h"
#include "platform/list_setting.h"

#define LABEL_PROVIDER "invariant_guard"

static const struct
{
	const char *name;
	int			bit;
}			classes_by_name[] =

{
	{"financial", IG_CLASS_FINANCIAL},
	{"protected", IG_CLASS_PROTECTED}
};

static const char *const class_words[] = {"financial", "protected", NULL};

void		(*ig_label_weakened_hook) (Oid relid, int lost_classes) = NULL;

/* Was any label given or taken away by the running transaction? */
static bool changed_here = false;

static void forget_changes(XactEvent event, void *arg);
static void check_label(const ObjectAddress *object, const char *label);
static void check_labelled_object(const ObjectAddress *object);
static IgRetirement *split(const char *label, char **words, bool *malformed);
static void check_text(const ObjectAddress *object, const char *label, int *classes);
static void check_retirement(const ObjectAddress *object, const IgRetirement *retirement);
static void set_text(Oid relid, AttrNumber attnum, const char *classes,
					 const IgRetirement *retirement);
static int	class_by_name(const char *name, int length);

void
ig_label_init(void)
{
	register_label_provider(LABEL_PROVIDER, check_label);
	RegisterXactCallback(forget_changes, NULL);
}

static void
forget_changes(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT ||
		event == XACT_EVENT_PREPARE)
		changed_here = false;
}

int
ig_label_classes_of(Oid relid)
{
	ObjectAddress address;
	char	   *label;

	/* most that are asked for are new, and reading the catalog is dear */
	if (!changed_here && ig_relation_is_created_here(relid))
		return 0;

	ObjectAddressSet(address, RelationRelationId, relid);
	label = GetSecurityLabel(&address, LABEL_PROVIDER);
	if (label == NULL)
		return 0;

	/* a stored label was checked; a later version may have had more words */
	return ig_label_classes_in(label);
}

int
ig_label_classes_in(const char *label)
{
	char	   *words;
	char	   *bad_word;
	bool		malformed;
	int			classes;

	(void) split(label, &words, &malformed);
	if (words == NULL)
		return 0;
	(void) ig_label_parse(words, &classes, &bad_word);
	return classes;
}

IgRetirement *
ig_label_retirement_of(Oid relid, AttrNumber attnum)
{
	ObjectAddress address;
	char	   *label;

	ObjectAddressSubSet(address, RelationRelationId, relid, attnum);
	label = GetSecurityLabel(&address, LABEL_PROVIDER);
	return label == NULL ? NULL : ig_label_retirement_in(label);
}

IgRetirement *
ig_label_retirement_in(const char *label)
{
	char	   *words;
	bool		malformed;

	return split(label, &words, &malformed);
}

List *
ig_label_columns(Oid relid)
{
	Relation	pg_seclabel = table_open(SecLabelRelationId, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(pg_seclabel);
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	List	   *result = NIL;

	ScanKeyInit(&keys[0], Anum_pg_seclabel_objoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], Anum_pg_seclabel_classoid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	scan = systable_beginscan(pg_seclabel, SecLabelObjectIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		FormData_pg_seclabel *form = (FormData_pg_seclabel *) GETSTRUCT(tuple);
		bool		isnull;
		Datum		provider = heap_getattr(tuple, Anum_pg_seclabel_provider, desc, &isnull);

		if (form->objsubid > 0 && !isnull &&
			strcmp(TextDatumGetCString(provider), LABEL_PROVIDER) == 0)
			result = lappend_int(result, form->objsubid);
	}
	systable_endscan(scan);
	table_close(pg_seclabel, AccessShareLock);
	return result;
}

/*
 * The retirement in a label, if there is one, and what stands before it, if
 * anything does.  The words of a retirement stand nowhere else: a class is one word.
 */
static IgRetirement *
split(const char *label, char **words, bool *malformed)
{
	const char *pos = label;
	const char *end;
	IgRetirement *retirement;

	*malformed = false;
	for (;;)
	{
		while (scanner_isspace(*pos))
			pos++;
		if (ig_retirement_begins(pos))
			break;
		pos = strchr(pos, ',');
		if (pos == NULL)
		{
			*words = pstrdup(label);
			return NULL;
		}
		pos++;
	}

	/* without the comma before it */
	end = pos;
	while (end > label && scanner_isspace(end[-1]))
		end--;
	*words = end > label ? pnstrdup(label, end - label - 1) : NULL;
	retirement = ig_retirement_parse(pos);
	*malformed = retirement == NULL;
	return retirement;
}

bool
ig_label_parse(const char *label, int *classes, char **bad_word)
{
	const char *pos = label;

	*classes = 0;
	*bad_word = NULL;

	for (;;)
	{
		const char *start;
		const char *end;
		int			bit;

		while (scanner_isspace(*pos))
			pos++;
		start = pos;
		while (*pos && *pos != ',')
			pos++;
		end = pos;
		while (end > start && scanner_isspace(end[-1]))
			end--;

		bit = class_by_name(start, end - start);
		if (bit == 0 && *bad_word == NULL)
			*bad_word = pnstrdup(start, end - start);
		*classes |= bit;

		if (*pos == '\0')
			return *bad_word == NULL;
		pos++;
	}
}

char *
ig_label_text(int classes)
{
	StringInfoData buf;

	if (classes == 0)
		return NULL;

	initStringInfo(&buf);
	for (int i = 0; i < lengthof(classes_by_name); i++)
	{
		if (classes & classes_by_name[i].bit)
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "",
							 classes_by_name[i].name);
	}
	return buf.data;
}

void
ig_label_bad_class(const char *word)
{
	const char *nearest = ig_nearest_word(word, class_words, NULL);

	if (word[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a table's class must not be empty"),
				 errdetail("The classes are financial and protected.")));

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unrecognized class of tables: \"%s\"", word),
			 errdetail("The classes are financial and protected."),
			 nearest ? errhint("Perhaps you meant \"%s\".", nearest) : 0));
}

void
ig_label_set(Oid relid, int classes)
{
	set_text(relid, 0, ig_label_text(classes), ig_label_retirement_of(relid, 0));
}

void
ig_label_set_retirement(Oid relid, AttrNumber attnum, const IgRetirement *retirement)
{
	int			classes = attnum == 0 ? ig_label_classes_of(relid) : 0;

	set_text(relid, attnum, ig_label_text(classes), retirement);
}

static void
set_text(Oid relid, AttrNumber attnum, const char *classes, const IgRetirement *retirement)
{
	const char *label = classes;
	ObjectAddress address;

	if (retirement != NULL)
		label = psprintf("%s%s%s", classes ? classes : "", classes ? ", " : "",
						 ig_retirement_text(retirement));

	ObjectAddressSubSet(address, RelationRelationId, relid, attnum);
	check_label(&address, label);
	SetSecurityLabel(&address, LABEL_PROVIDER, label);
}

/*
 * The server asks before it sets or, with a NULL label, removes one.  It has
 * checked ownership and holds ShareUpdateExclusiveLock on the object.  A label
 * that pg_upgrade carries over was checked when it was set.
 */
static void
check_label(const ObjectAddress *object, const char *label)
{
	int			new_classes = 0;
	int			lost;
	ListCell   *lc;

	changed_here = true;
	if (IsBinaryUpgrade)
		return;

	/* there is nothing to remove from what cannot bear a label */
	if (label == NULL && object->classId != RelationRelationId)
		return;

	if (label)
	{
		check_labelled_object(object);
		check_text(object, label, &new_classes);
	}

	if (object->objectSubId == 0)
	{
		lost = ig_label_classes_of(object->objectId) & ~new_classes;
		if (lost != 0 && ig_label_weakened_hook)
			ig_label_weakened_hook(object->objectId, lost);
	}

	foreach(lc, ig_inheritors(object->objectId, NULL))
	{
		HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tuple))
			continue;
		CacheInvalidateRelcacheByTuple(tuple);
		ReleaseSysCache(tuple);
	}
}

static void
check_labelled_object(const ObjectAddress *object)
{
	char		relkind;

	if (object->classId != RelationRelationId || object->objectSubId < 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("only tables and their columns can have a security label of invariant_guard")));

	relkind = get_rel_relkind(object->objectId);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("only tables and their columns can have a security label of invariant_guard"),
				 errdetail_relkind_not_supported(relkind)));
}

static void
check_text(const ObjectAddress *object, const char *label, int *classes)
{
	bool		malformed;
	char	   *words;
	char	   *bad_word;
	IgRetirement *retirement = split(label, &words, &malformed);

	if (malformed)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid retirement in a security label"),
				 errdetail("Its form is: retired since 2026-01-31 12:00:00+00 by \"role\": reason."),
				 errhint("invariant_guard.retire_column() and retire_table() write it.")));

	if (object->objectSubId != 0)
	{
		if (retirement == NULL || words != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the security label of a column can only say that it is retired"),
					 errhint("invariant_guard.retire_column() writes it.")));
	}
	else if (words != NULL && !ig_label_parse(words, classes, &bad_word))
		ig_label_bad_class(bad_word);

	if (retirement != NULL)
		check_retirement(object, retirement);
}

/*
 * The time of the statement is the earliest that can be true: one transaction
 * may last longer than the period.  A later one lets nobody drop earlier.
 */
static void
check_retirement(const ObjectAddress *object, const IgRetirement *retirement)
{
	const IgRetirement *present = ig_label_retirement_of(object->objectId,
														 object->objectSubId);

	if (present != NULL && retirement->since >= present->since &&
		strcmp(retirement->role, present->role) == 0)
		return;
	if (ig_label_may_backdate())
		return;

	if (retirement->since < GetCurrentStatementStartTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a retirement cannot have begun in the past"),
				 errdetail("The label says %s. Earlier times are accepted from superusers, and from roles that may set invariant_guard.retirement_period, as when a dump is restored.",
						   ig_retirement_time_text(retirement->since)),
				 errhint("invariant_guard.retire_column() and retire_table() retire from now on.")));

	if (strcmp(retirement->role, GetUserNameFromId(GetUserId(), false)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a retirement cannot be by another role than the current one"),
				 errdetail("The label says \"%s\".", retirement->role)));
}

bool
ig_label_may_backdate(void)
{
	return superuser() ||
		pg_parameter_aclcheck("invariant_guard.retirement_period", GetUserId(),
							  ACL_SET) == ACLCHECK_OK;
}

static int
class_by_name(const char *name, int length)
{
	for (int i = 0; i < lengthof(classes_by_name); i++)
	{
		if (strlen(classes_by_name[i].name) == length &&
			strncmp(classes_by_name[i].name, name, length) == 0)
			return classes_by_name[i].bit;
	}
	return 0;
}
