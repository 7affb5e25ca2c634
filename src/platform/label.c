/*-------------------------------------------------------------------------
 *
 * label.c
 *	  The class of a table, kept as its security label.
 *
 * Only tables bear labels.  Labels on schemas would break pg_upgrade, since
 * they are restored before the extension; databases and roles are shared with
 * databases that know nothing of the extension; views hold no rows; and for
 * columns there is no label yet.
 *
 * The server sends no invalidation when a label changes, so the check of a new
 * label does it here: caches of labels need only listen to the relcache.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_class.h"
#include "commands/seclabel.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "parser/scansup.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"

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
	char	   *bad_word;
	int			classes;

	/* most that are asked for are new, and reading the catalog is dear */
	if (!changed_here && ig_relation_is_created_here(relid))
		return 0;

	ObjectAddressSet(address, RelationRelationId, relid);
	label = GetSecurityLabel(&address, LABEL_PROVIDER);
	if (label == NULL)
		return 0;

	/* a stored label was checked; a later version may have had more words */
	(void) ig_label_parse(label, &classes, &bad_word);
	return classes;
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
	ObjectAddress address;
	char	   *label = ig_label_text(classes);

	ObjectAddressSet(address, RelationRelationId, relid);
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
	char	   *bad_word;

	changed_here = true;
	if (IsBinaryUpgrade)
		return;

	/* there is nothing to remove from what cannot bear a label */
	if (label == NULL &&
		(object->classId != RelationRelationId || object->objectSubId != 0))
		return;

	if (label)
	{
		check_labelled_object(object);
		if (!ig_label_parse(label, &new_classes, &bad_word))
			ig_label_bad_class(bad_word);
	}

	lost = ig_label_classes_of(object->objectId) & ~new_classes;
	if (lost != 0 && ig_label_weakened_hook)
		ig_label_weakened_hook(object->objectId, lost);

	CacheInvalidateRelcacheByRelid(object->objectId);
}

static void
check_labelled_object(const ObjectAddress *object)
{
	char		relkind;

	if (object->classId != RelationRelationId)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("only tables can have a security label of invariant_guard")));

	if (object->objectSubId != 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("only tables can have a security label of invariant_guard"),
				 errdetail("There is no label for columns yet.")));

	relkind = get_rel_relkind(object->objectId);
	if (relkind != RELKIND_RELATION && relkind != RELKIND_PARTITIONED_TABLE &&
		relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("only tables can have a security label of invariant_guard"),
				 errdetail_relkind_not_supported(relkind)));
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
