/*-------------------------------------------------------------------------
 *
 * cascade.c
 *	  Where deletes and updates travel along foreign keys.
 *
 * The question is asked of a foreign key that does not exist yet: if a row of
 * the referenced table is deleted, or its key changed, the rows of which
 * tables are deleted or changed because of it?
 *
 * What travels is an event.  A deleted row travels on by ON DELETE CASCADE;
 * ON DELETE SET NULL or SET DEFAULT turns it into a change of the referencing
 * columns.  A change of columns travels on by the foreign keys that reference
 * one of these columns and have an action ON UPDATE.  NO ACTION and RESTRICT
 * end the journey.
 *
 * A row of a partition is a row of all tables above it, so an event of a table
 * is one of its ancestors and partitions as well.  The foreign keys that the
 * server cloned onto partitions are left out: their root stands for them.
 * Column numbers differ between these tables, so columns go by name.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/array.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/script.h"
#include "gate/statement.h"
#include "platform/compat.h"
#include "platform/inherit.h"

/* A foreign key of the catalog that does something on delete or update. */
typedef struct Key
{
	Oid			child;
	Oid			parent;
	char		del_action;
	char		upd_action;
	List	   *columns;		/* of char *, of child */
	List	   *set_columns;	/* those that ON DELETE SET sets; NIL = all */
	List	   *referenced;		/* of char *, of parent */
	bool		passed_delete;	/* a delete has come by in this search */
	bool		passed_update;
} Key;

/* All such keys of one referenced table. */
typedef struct KeysOfParent
{
	Oid			parent;			/* hash key */
	List	   *keys;
} KeysOfParent;

/* One table that was reached, and what happened to its rows. */
typedef struct Event
{
	Oid			relid;
	bool		is_delete;
	List	   *columns;		/* that changed, if not */
	const char *path;
} Event;

typedef struct Journey
{
	HTAB	   *keys;			/* KeysOfParent */
	List	   *events;			/* of Event, in order; read while it grows */
	List	   *seen;			/* OIDs of the tables that are in paths */
	List	   *paths;			/* of IgCascadePath */
	bool		via_update;
} Journey;

static void start(Journey *journey, const IgRelation *child, const IgConstraintSpec *fk,
				  char action, bool via_update);
static void travel(Journey *journey, const Event *event, Oid relid);
static void pass(Journey *journey, const Event *event, Key *key);
static void arrive(Journey *journey, IgRelation *rel, char action, bool on_update,
				   const char *path);
static void arrive_partitions(Journey *journey, const IgRelation *rel, char action,
							  bool on_update, const char *path);
static List *same_rows(Oid relid);
static HTAB *load_keys(void);
static void add_key(HTAB *keys, HeapTuple tuple, TupleDesc desc);
static void enter_key(HTAB *keys, Key *key);
static void add_script_keys(HTAB *keys);
static void forget_passes(HTAB *keys);
static List *array_columns(HeapTuple tuple, TupleDesc desc, AttrNumber attribute, Oid relid);
static bool acts(char action);
static bool have_common(List *a, List *b);
static const char *action_text(char action, bool on_update);

List *
ig_cascade_paths(const IgRelation *child, const IgConstraintSpec *fk)
{
	Journey		journey = {0};

	if (!acts(fk->del_action) && !acts(fk->upd_action))
		return NIL;

	/* nothing references a table that does not exist yet */
	if (OidIsValid(child->relid))
		journey.keys = load_keys();

	if (acts(fk->del_action))
		start(&journey, child, fk, fk->del_action, false);
	if (acts(fk->upd_action))
		start(&journey, child, fk, fk->upd_action, true);
	return journey.paths;
}

/*
 * Follow a delete of a parent's row, or with via_update a change of its key.
 */
static void
start(Journey *journey, const IgRelation *child, const IgConstraintSpec *fk,
	  char action, bool via_update)
{
	const char *parent = fk->parent ? ig_relation_label(fk->parent) : fk->parent_name;
	IgRelation *target = palloc(sizeof(IgRelation));
	Event	   *event = palloc0(sizeof(Event));
	char	   *path;

	*target = *child;
	path = psprintf("%s -> %s", parent ? parent : "?", ig_relation_label(child));

	journey->via_update = via_update;
	journey->events = NIL;
	journey->seen = NIL;
	arrive(journey, target, action, via_update, path);
	if (journey->keys == NULL)
		return;

	arrive_partitions(journey, child, action, via_update, path);
	forget_passes(journey->keys);
	event->relid = child->relid;
	event->is_delete = !via_update && action == FKCONSTR_ACTION_CASCADE;
	event->columns = fk->columns;
	event->path = path;
	journey->events = list_make1(event);

	for (int i = 0; i < list_length(journey->events); i++)
	{
		const Event *next = (const Event *) list_nth(journey->events, i);
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		foreach(lc, same_rows(next->relid))
			travel(journey, next, lfirst_oid(lc));
	}
}

/*
 * The event goes on by the keys that reference relid.
 */
static void
travel(Journey *journey, const Event *event, Oid relid)
{
	KeysOfParent *entry = hash_search(journey->keys, &relid, HASH_FIND, NULL);
	ListCell   *lc;

	if (entry == NULL)
		return;

	foreach(lc, entry->keys)
	{
		Key		   *key = (Key *) lfirst(lc);

		if (event->is_delete)
		{
			if (key->passed_delete || !acts(key->del_action))
				continue;
			key->passed_delete = true;
		}
		else
		{
			if (key->passed_update || !acts(key->upd_action) ||
				!have_common(event->columns, key->referenced))
				continue;
			key->passed_update = true;
		}
		pass(journey, event, key);
	}
}

static void
pass(Journey *journey, const Event *event, Key *key)
{
	IgRelation *rel = ig_relation_load(key->child);
	char		action = event->is_delete ? key->del_action : key->upd_action;
	Event	   *next;

	if (rel == NULL)
		return;

	next = palloc0(sizeof(Event));
	next->relid = key->child;
	next->is_delete = event->is_delete && action == FKCONSTR_ACTION_CASCADE;
	next->columns = key->columns;
	if (event->is_delete && key->set_columns != NIL)
		next->columns = key->set_columns;
	next->path = psprintf("%s -> %s", event->path, ig_relation_label(rel));
	journey->events = lappend(journey->events, next);

	arrive(journey, rel, action, !event->is_delete, next->path);
	arrive_partitions(journey, rel, action, !event->is_delete, next->path);
}

/* The first path to a table is a shortest one; others are not told. */
static void
arrive(Journey *journey, IgRelation *rel, char action, bool on_update, const char *path)
{
	IgCascadePath *found;

	if (OidIsValid(rel->relid))
	{
		if (list_member_oid(journey->seen, rel->relid))
			return;
		journey->seen = lappend_oid(journey->seen, rel->relid);
	}

	found = palloc0(sizeof(IgCascadePath));
	found->target = rel;
	found->path = pstrdup(path);
	found->action = action_text(action, on_update);
	found->via_update = journey->via_update;
	journey->paths = lappend(journey->paths, found);
}

/*
 * Partitions are reached with their parent; those of a class that the parent
 * is not of are named by themselves.
 */
static void
arrive_partitions(Journey *journey, const IgRelation *rel, char action,
				  bool on_update, const char *path)
{
	ListCell   *lc;

	if (!ig_relation_is_partitioned(rel))
		return;

	foreach(lc, ig_inheritors(rel->relid, NULL))
	{
		IgRelation *part = ig_relation_load(lfirst_oid(lc));

		if (part != NULL && (part->classes & ~rel->classes) != 0)
			arrive(journey, part, action, on_update,
				   psprintf("%s -> %s", path, ig_relation_label(part)));
	}
}

/*
 * The table, and the partitioned tables and partitions that may hold the same
 * row.
 */
static List *
same_rows(Oid relid)
{
	List	   *relids = list_make1_oid(relid);

	if (get_rel_relispartition(relid))
		relids = list_concat(relids, get_partition_ancestors(relid));
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		relids = list_concat_unique_oid(relids, ig_inheritors(relid, NULL));
	return relids;
}

/*
 * All foreign keys with an action, by referenced table.  There is no index on
 * confrelid, so the catalog is read once as a whole.
 */
static HTAB *
load_keys(void)
{
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	HASHCTL		ctl = {0};
	HTAB	   *keys;
	SysScanDesc scan;
	HeapTuple	tuple;

	ctl.keysize = sizeof(Oid);
	ctl.entrysize = sizeof(KeysOfParent);
	ctl.hcxt = CurrentMemoryContext;
	keys = hash_create("invariant_guard foreign keys", 64, &ctl,
					   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

	scan = systable_beginscan(pg_constraint, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);

		CHECK_FOR_INTERRUPTS();
		if (form->contype == CONSTRAINT_FOREIGN && !OidIsValid(form->conparentid) &&
			ig_constraint_row_enforced(form) &&
			(acts(form->confdeltype) || acts(form->confupdtype)) &&
			!ig_script_dropped_constraint(form->conrelid, NameStr(form->conname)))
			add_key(keys, tuple, RelationGetDescr(pg_constraint));
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	add_script_keys(keys);
	return keys;
}

/* Those that a judged script has added. */
static void
add_script_keys(HTAB *keys)
{
	ListCell   *lc;

	foreach(lc, ig_script_keys())
	{
		const IgScriptKey *added = (const IgScriptKey *) lfirst(lc);
		Key		   *key = palloc0(sizeof(Key));

		if (!acts(added->del_action) && !acts(added->upd_action))
			continue;
		key->child = added->child;
		key->parent = added->parent;
		key->del_action = added->del_action;
		key->upd_action = added->upd_action;
		key->columns = added->columns;
		key->set_columns = added->set_columns;
		key->referenced = added->referenced;
		enter_key(keys, key);
	}
}

static void
add_key(HTAB *keys, HeapTuple tuple, TupleDesc desc)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	Key		   *key = palloc0(sizeof(Key));

	key->child = form->conrelid;
	key->parent = form->confrelid;
	key->del_action = form->confdeltype;
	key->upd_action = form->confupdtype;
	key->columns = array_columns(tuple, desc, Anum_pg_constraint_conkey, key->child);
	key->set_columns = array_columns(tuple, desc, Anum_pg_constraint_confdelsetcols,
									 key->child);
	key->referenced = array_columns(tuple, desc, Anum_pg_constraint_confkey, key->parent);
	enter_key(keys, key);
}

static void
enter_key(HTAB *keys, Key *key)
{
	KeysOfParent *entry;
	bool		found;

	entry = hash_search(keys, &key->parent, HASH_ENTER, &found);
	if (!found)
		entry->keys = NIL;
	entry->keys = lappend(entry->keys, key);
}

static void
forget_passes(HTAB *keys)
{
	HASH_SEQ_STATUS status;
	KeysOfParent *entry;

	hash_seq_init(&status, keys);
	while ((entry = hash_seq_search(&status)) != NULL)
	{
		ListCell   *lc;

		foreach(lc, entry->keys)
		{
			((Key *) lfirst(lc))->passed_delete = false;
			((Key *) lfirst(lc))->passed_update = false;
		}
	}
}

/* The names of the columns whose numbers stand in an array of the row. */
static List *
array_columns(HeapTuple tuple, TupleDesc desc, AttrNumber attribute, Oid relid)
{
	bool		isnull;
	Datum		datum = heap_getattr(tuple, attribute, desc, &isnull);
	ArrayType  *array;
	List	   *names = NIL;

	if (isnull)
		return NIL;

	array = DatumGetArrayTypeP(datum);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT2OID)
		return NIL;

	for (int i = 0; i < ARR_DIMS(array)[0]; i++)
	{
		char	   *name = get_attname(relid, ((int16 *) ARR_DATA_PTR(array))[i], true);

		if (name != NULL)
			names = lappend(names, name);
	}
	return names;
}

static bool
acts(char action)
{
	return action == FKCONSTR_ACTION_CASCADE || action == FKCONSTR_ACTION_SETNULL ||
		action == FKCONSTR_ACTION_SETDEFAULT;
}

static bool
have_common(List *a, List *b)
{
	ListCell   *la;
	ListCell   *lb;

	foreach(la, a)
	{
		foreach(lb, b)
		{
			if (strcmp((const char *) lfirst(la), (const char *) lfirst(lb)) == 0)
				return true;
		}
	}
	return false;
}

static const char *
action_text(char action, bool on_update)
{
	switch (action)
	{
		case FKCONSTR_ACTION_CASCADE:
			return on_update ? "ON UPDATE CASCADE" : "ON DELETE CASCADE";
		case FKCONSTR_ACTION_SETNULL:
			return on_update ? "ON UPDATE SET NULL" : "ON DELETE SET NULL";
		default:
			return on_update ? "ON UPDATE SET DEFAULT" : "ON DELETE SET DEFAULT";
	}
}
