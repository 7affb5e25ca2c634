/*-------------------------------------------------------------------------
 *
 * transaction.c
 *	  What the running transaction has done so far.
 *
 * Everything is kept in journals: arrays in order of time whose entries bear
 * the subtransaction that made them.  Subtransaction ids only grow, so what
 * belongs to a subtransaction that ends is always at the journal's tail; an
 * abort cuts the tail off, a commit hands it to the parent.  The memory is
 * the transaction's own, and the callbacks at its end only forget pointers.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "gate/script.h"
#include "gate/transaction.h"
#include "platform/settings.h"

typedef struct CreatedObject
{
	ObjectAddress address;
	SubTransactionId subid;
} CreatedObject;

typedef struct DroppedName
{
	NameData	schema;
	NameData	name;
	SubTransactionId subid;
} DroppedName;

typedef struct AddedEnumValue
{
	IgEnumValue value;
	SubTransactionId subid;
} AddedEnumValue;

typedef struct LostTable
{
	Oid			relid;
	SubTransactionId subid;
} LostTable;

typedef struct UsedAllowance
{
	uint64		generation;		/* of the list that it is an item of */
	int			item;
	SubTransactionId subid;
} UsedAllowance;

typedef struct CreatedCount
{
	ObjectAddress address;		/* hash key */
	int			entries;		/* how many journal entries name it */
} CreatedCount;

static CreatedObject *created;
static int	created_count;
static int	created_size;
static HTAB *created_index;		/* for look-up; follows the journal */

static DroppedName *dropped;
static int	dropped_count;
static int	dropped_size;

static LostTable lost[IG_MAX_LOST_TABLES + 1];
static int	lost_count;

static UsedAllowance *used;
static int	used_count;
static int	used_size;

static AddedEnumValue *enum_values;
static int	enum_value_count;
static int	enum_value_size;

static void *journal_room(void *journal, int count, int *size, Size width);
static void created_count_change(const ObjectAddress *address, int by);
static void created_end(SubTransactionId subid, SubTransactionId parent, bool commit);
static void dropped_end(SubTransactionId subid, SubTransactionId parent, bool commit);
static void lost_end(SubTransactionId subid, SubTransactionId parent, bool commit);
static void used_end(SubTransactionId subid, SubTransactionId parent, bool commit);
static void enum_value_end(SubTransactionId subid, SubTransactionId parent, bool commit);

/*
 * Remember that this transaction created an object.
 */
void
ig_transaction_note_created(Oid classid, Oid objid, int32 objsubid)
{
	CreatedObject *entry;

	created = journal_room(created, created_count, &created_size,
						   sizeof(CreatedObject));
	entry = &created[created_count];
	ObjectAddressSubSet(entry->address, classid, objid, objsubid);
	entry->subid = GetCurrentSubTransactionId();
	created_count_change(&entry->address, 1);
	created_count++;
}

/*
 * Was the object created by this transaction?  Not for whole relations, whose
 * relcache entry knows it.
 */
bool
ig_transaction_created(const ObjectAddress *address)
{
	if (created_index == NULL)
		return false;

	return hash_search(created_index, address, HASH_FIND, NULL) != NULL;
}

void
ig_transaction_note_dropped_name(const char *schema, const char *name)
{
	DroppedName *entry;

	dropped = journal_room(dropped, dropped_count, &dropped_size,
						   sizeof(DroppedName));
	entry = &dropped[dropped_count++];
	namestrcpy(&entry->schema, schema);
	namestrcpy(&entry->name, name);
	entry->subid = GetCurrentSubTransactionId();
}

bool
ig_transaction_dropped_name(const char *schema, const char *name)
{
	for (int i = 0; i < dropped_count; i++)
	{
		if (strcmp(NameStr(dropped[i].schema), schema) == 0 &&
			strcmp(NameStr(dropped[i].name), name) == 0)
			return true;
	}
	return ig_script_dropped_name(schema, name);
}

/*
 * What comes after the last place is of the same subtransaction as the last
 * entry or of a later one, and so is cut off whenever that is.
 */
void
ig_transaction_note_lost(Oid relid)
{
	if (lost_count == lengthof(lost) || ig_transaction_lost(relid))
		return;
	lost[lost_count].relid = relid;
	lost[lost_count++].subid = GetCurrentSubTransactionId();
}

bool
ig_transaction_lost(Oid relid)
{
	for (int i = 0; i < lost_count; i++)
	{
		if (lost[i].relid == relid)
			return true;
	}
	return false;
}

int
ig_transaction_lost_count(void)
{
	return lost_count;
}

/*
 * Remember that an item of the present allow list was used.
 */
void
ig_transaction_note_allowance(int item)
{
	UsedAllowance *entry;

	used = journal_room(used, used_count, &used_size, sizeof(UsedAllowance));
	entry = &used[used_count++];
	entry->generation = ig_allow_generation;
	entry->item = item;
	entry->subid = GetCurrentSubTransactionId();
}

void
ig_transaction_note_enum_value(const char *type, const char *label)
{
	AddedEnumValue *entry;

	enum_values = journal_room(enum_values, enum_value_count, &enum_value_size,
							   sizeof(AddedEnumValue));
	entry = &enum_values[enum_value_count++];
	entry->value.type = MemoryContextStrdup(TopTransactionContext, type);
	namestrcpy(&entry->value.label, label);
	entry->subid = GetCurrentSubTransactionId();
}

/*
 * By number, counted from 0; NULL when there are no more.
 */
const IgEnumValue *
ig_transaction_enum_value(int number)
{
	return number < enum_value_count ? &enum_values[number].value : NULL;
}

/*
 * Room for one more entry.  The journals live in TopTransactionContext.
 */
static void *
journal_room(void *journal, int count, int *size, Size width)
{
	if (journal != NULL && count < *size)
		return journal;

	if (journal == NULL)
	{
		*size = 16;
		return MemoryContextAlloc(TopTransactionContext, *size * width);
	}
	*size *= 2;
	return repalloc_huge(journal, *size * width);
}

static void
created_count_change(const ObjectAddress *address, int by)
{
	CreatedCount *entry;
	bool		found;

	if (created_index == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(ObjectAddress);
		ctl.entrysize = sizeof(CreatedCount);
		ctl.hcxt = TopTransactionContext;
		created_index = hash_create("invariant_guard created objects", 64, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}

	entry = hash_search(created_index, address, HASH_ENTER, &found);
	if (!found)
		entry->entries = 0;
	entry->entries += by;
	if (entry->entries <= 0)
		hash_search(created_index, address, HASH_REMOVE, NULL);
}

static void
created_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	for (int i = created_count - 1; i >= 0 && created[i].subid >= subid; i--)
	{
		if (commit)
			created[i].subid = parent;
		else
		{
			created_count_change(&created[i].address, -1);
			created_count = i;
		}
	}
}

static void
dropped_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	for (int i = dropped_count - 1; i >= 0 && dropped[i].subid >= subid; i--)
	{
		if (commit)
			dropped[i].subid = parent;
		else
			dropped_count = i;
	}
}

static void
lost_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	for (int i = lost_count - 1; i >= 0 && lost[i].subid >= subid; i--)
	{
		if (commit)
			lost[i].subid = parent;
		else
			lost_count = i;
	}
}

static void
used_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	for (int i = used_count - 1; i >= 0 && used[i].subid >= subid; i--)
	{
		if (commit)
			used[i].subid = parent;
		else
			used_count = i;
	}
}

static void
enum_value_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	for (int i = enum_value_count - 1; i >= 0 && enum_values[i].subid >= subid; i--)
	{
		if (commit)
			enum_values[i].subid = parent;
		else
			enum_value_count = i;
	}
}

bool
ig_transaction_used_allowance(int item)
{
	for (int i = 0; i < used_count; i++)
	{
		if (used[i].item == item && used[i].generation == ig_allow_generation)
			return true;
	}
	return false;
}

/*
 * The memory goes with the transaction; only the pointers must be forgotten.
 */
void
ig_transaction_forget(void)
{
	created = NULL;
	created_count = 0;
	created_index = NULL;
	dropped = NULL;
	dropped_count = 0;
	lost_count = 0;
	used = NULL;
	used_count = 0;
	enum_values = NULL;
	enum_value_count = 0;
}

void
ig_transaction_subxact_end(SubTransactionId subid, SubTransactionId parent, bool commit)
{
	created_end(subid, parent, commit);
	dropped_end(subid, parent, commit);
	lost_end(subid, parent, commit);
	used_end(subid, parent, commit);
	enum_value_end(subid, parent, commit);
}
