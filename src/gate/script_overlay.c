/*-------------------------------------------------------------------------
 *
 * script_overlay.c
 *	  What a judged script has done so far, and how the rest of us sees it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

#include "gate/script.h"
#include "platform/label.h"

typedef struct NameKey
{
	NameData	schema;
	NameData	name;
	int			kind;
} NameKey;

typedef struct NameEntry
{
	NameKey		key;
	List	   *facts;			/* of IgNameFact; the last one holds */
} NameEntry;

/* A list that grew, or a place that was set. */
typedef struct Undo
{
	List	  **list;
	void	  **place;
	void	   *old;
} Undo;

IgScript   *ig_script = NULL;

static Oid	find_in(const char *schema, const char *name);
static Oid	overlay_find(const RangeVar *rv, const char *default_schema);
static IgRelation *overlay_load(Oid relid);
static bool overlay_amend(IgRelation *rel);
static List *overlay_leaves(Oid relid);
static bool schema_exists(const char *schema);
static int	classes_of(const IgScriptObject *object, Oid relid, const char *schema,
					   const char *name);

static const IgRelationOverlay overlay = {
	.find = overlay_find,
	.creation_schema = ig_script_creation_schema,
	.load = overlay_load,
	.amend = overlay_amend,
	.leaves = overlay_leaves,
};

IgScript *
ig_script_begin(MemoryContext memory)
{
	IgScript   *script = MemoryContextAllocZero(memory, sizeof(IgScript));
	HASHCTL		names = {0};
	HASHCTL		objects = {0};

	script->memory = memory;
	script->transaction = 1;
	script->last_relid = PG_UINT32_MAX;

	names.keysize = sizeof(NameKey);
	names.entrysize = sizeof(NameEntry);
	names.hcxt = memory;
	script->names = hash_create("invariant_guard names of a script", 256, &names,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	objects.keysize = sizeof(Oid);
	objects.entrysize = sizeof(IgScriptObject);
	objects.hcxt = memory;
	script->objects = hash_create("invariant_guard relations of a script", 256, &objects,
								  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return script;
}

/* NULL ends it. */
void
ig_script_activate(IgScript *script)
{
	ig_script = script;
	ig_relation_overlay = script ? &overlay : NULL;
	ig_retirement_overlay = script ? ig_script_retirement : NULL;
}

/*
 * Set a pointer, or an intptr_t, so that it can be undone.
 */
void
ig_script_set(void *place, void *value)
{
	MemoryContext old = MemoryContextSwitchTo(ig_script->memory);
	Undo	   *undo = palloc0(sizeof(Undo));

	undo->place = (void **) place;
	undo->old = *undo->place;
	*undo->place = value;
	ig_script->undo = lappend(ig_script->undo, undo);
	MemoryContextSwitchTo(old);
}

void
ig_script_append(List **list, void *item)
{
	MemoryContext old = MemoryContextSwitchTo(ig_script->memory);
	Undo	   *undo = palloc0(sizeof(Undo));

	undo->list = list;
	*list = lappend(*list, item);
	ig_script->undo = lappend(ig_script->undo, undo);
	MemoryContextSwitchTo(old);
}

int
ig_script_mark(void)
{
	return list_length(ig_script->undo);
}

void
ig_script_undo(int mark)
{
	while (list_length(ig_script->undo) > mark)
	{
		Undo	   *undo = (Undo *) llast(ig_script->undo);

		if (undo->list != NULL)
			*undo->list = list_truncate(*undo->list, list_length(*undo->list) - 1);
		else
			*undo->place = undo->old;
		ig_script->undo = list_truncate(ig_script->undo, list_length(ig_script->undo) - 1);
	}
}

static NameEntry *
name_entry(IgNameKind kind, const char *schema, const char *name, HASHACTION action)
{
	NameKey		key;
	NameEntry  *entry;
	bool		found;

	memset(&key, 0, sizeof(key));
	namestrcpy(&key.schema, schema);
	namestrcpy(&key.name, name);
	key.kind = kind;
	entry = hash_search(ig_script->names, &key, action, &found);
	if (entry != NULL && !found)
		entry->facts = NIL;
	return entry;
}

/*
 * What the script made of a name: NULL if it has nothing to do with it.
 */
IgNameFact *
ig_script_fact(IgNameKind kind, const char *schema, const char *name)
{
	NameEntry  *entry = name_entry(kind, schema, name, HASH_FIND);

	return entry && entry->facts ? (IgNameFact *) llast(entry->facts) : NULL;
}

void
ig_script_name(IgNameKind kind, const char *schema, const char *name, bool present,
			   IgScriptObject *object, const Node *node)
{
	NameEntry  *entry = name_entry(kind, schema, name, HASH_ENTER);
	IgNameFact *fact = MemoryContextAllocZero(ig_script->memory, sizeof(IgNameFact));

	fact->present = present;
	fact->at = ig_script->statement;
	fact->transaction = ig_script->transaction;
	fact->object = object;
	fact->node = node;
	ig_script_append(&entry->facts, fact);
	if (kind == IG_NAME_SCHEMA)
		ig_script_set(&ig_script->schema_facts,
					  (void *) (ig_script->schema_facts + 1));
}

/* One of the catalog gets an entry when it is touched. */
IgScriptObject *
ig_script_object(Oid relid)
{
	bool		found;
	IgScriptObject *object = hash_search(ig_script->objects, &relid, HASH_ENTER, &found);

	if (!found)
	{
		memset(object, 0, sizeof(IgScriptObject));
		object->relid = relid;
	}
	return object;
}

IgScriptObject *
ig_script_peek(Oid relid)
{
	return hash_search(ig_script->objects, &relid, HASH_FIND, NULL);
}

/*
 * The script makes a relation.  Its number is one that nothing has.
 */
IgScriptObject *
ig_script_make(const RangeVar *rv, const char *default_schema, char relkind)
{
	IgRelation *to_be = ig_relation_to_be(rv, default_schema, relkind);
	IgScriptObject *object;

	while (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(ig_script->last_relid)))
		ig_script->last_relid--;
	object = ig_script_object(ig_script->last_relid--);
	object->made = true;
	object->at = ig_script->statement;
	object->transaction = ig_script->transaction;
	object->relkind = relkind;
	object->persistence = to_be->persistence;
	object->schema = MemoryContextStrdup(ig_script->memory, to_be->schema);
	object->name = MemoryContextStrdup(ig_script->memory, to_be->name);
	ig_script_name(IG_NAME_RELATION, object->schema, object->name, true, object, NULL);
	return object;
}

void
ig_script_touch(Oid relid, IgTouchKind kind, const char *name, const char *new_name,
				const Node *node)
{
	IgTouch    *touch = MemoryContextAllocZero(ig_script->memory, sizeof(IgTouch));

	touch->kind = kind;
	touch->at = ig_script->statement;
	touch->transaction = ig_script->transaction;
	touch->name = name ? MemoryContextStrdup(ig_script->memory, name) : NULL;
	touch->new_name = new_name ? MemoryContextStrdup(ig_script->memory, new_name) : NULL;
	touch->node = node;
	ig_script_append(&ig_script_object(relid)->touches, touch);
}

static bool
schema_exists(const char *schema)
{
	IgNameFact *fact = ig_script_fact(IG_NAME_SCHEMA, "", schema);

	return fact ? fact->present : OidIsValid(get_namespace_oid(schema, true));
}

/*
 * The schemas that are searched, in order: those of the search path as the
 * script has set it, and the implied ones.
 */
List *
ig_script_path(void)
{
	const char *present = namespace_search_path ? namespace_search_path : "";
	List	   *names;
	MemoryContext old;
	ListCell   *lc;

	if (ig_script->path_text != NULL && strcmp(ig_script->path_text, present) == 0 &&
		ig_script->path_facts == ig_script->schema_facts)
		return ig_script->path;

	old = MemoryContextSwitchTo(ig_script->memory);
	ig_script->path_text = pstrdup(present);
	ig_script->path_facts = ig_script->schema_facts;
	ig_script->path = NIL;
	if (!SplitIdentifierString(pstrdup(present), ',', &names))
		names = NIL;
	foreach(lc, names)
	{
		char	   *name = (char *) lfirst(lc);

		if (strcmp(name, "$user") == 0)
			name = GetUserNameFromId(GetUserId(), false);
		if (schema_exists(name))
			ig_script->path = lappend(ig_script->path, name);
	}
	MemoryContextSwitchTo(old);
	return ig_script->path;
}

char *
ig_script_creation_schema(const RangeVar *rv)
{
	if (rv->relpersistence == RELPERSISTENCE_TEMP)
		return "pg_temp";
	if (rv->schemaname != NULL)
		return rv->schemaname;
	return ig_script_path() != NIL ? (char *) linitial(ig_script->path) : "";
}

/*
 * A relation of one schema.  What was there before the schema was dropped is
 * gone with it.
 */
static Oid
find_in(const char *schema, const char *name)
{
	IgNameFact *whole = ig_script_fact(IG_NAME_SCHEMA, "", schema);
	IgNameFact *fact = ig_script_fact(IG_NAME_RELATION, schema, name);
	Oid			oid;

	if (fact != NULL && whole != NULL && fact->at < whole->at)
		return InvalidOid;
	if (fact != NULL)
		return fact->present ? fact->object->relid : InvalidOid;
	if (whole != NULL)
		return InvalidOid;

	if (strcmp(schema, "pg_temp") == 0)
		return RangeVarGetRelid(makeRangeVar("pg_temp", pstrdup(name), -1), NoLock, true);
	oid = get_namespace_oid(schema, true);
	return OidIsValid(oid) ? get_relname_relid(name, oid) : InvalidOid;
}

static Oid
overlay_find(const RangeVar *rv, const char *default_schema)
{
	Oid			relid = InvalidOid;
	ListCell   *lc;

	if (rv->schemaname != NULL)
		return find_in(rv->schemaname, rv->relname);

	if (default_schema != NULL)
		relid = find_in(default_schema, rv->relname);
	if (!OidIsValid(relid))
		relid = find_in("pg_temp", rv->relname);
	if (!OidIsValid(relid))
		relid = find_in("pg_catalog", rv->relname);
	foreach(lc, ig_script_path())
	{
		if (OidIsValid(relid))
			break;
		relid = find_in((char *) lfirst(lc), rv->relname);
	}
	return relid;
}

/* Of label, name, and the tables above. */
static int
classes_of(const IgScriptObject *object, Oid relid, const char *schema, const char *name)
{
	int			classes = ig_relation_classes(relid, schema, name);

	if (object->labelled)
	{
		classes &= ~ig_label_classes_of(relid);
		classes |= ig_relation_classes(InvalidOid, schema, name) | (int) object->label;
	}
	return classes | (int) object->more_classes;
}

static IgRelation *
overlay_load(Oid relid)
{
	IgScriptObject *object = ig_script_peek(relid);
	IgRelation *rel;

	if (object == NULL || !object->made || object->gone)
		return NULL;

	rel = palloc0(sizeof(IgRelation));
	rel->relid = relid;
	rel->schema = pstrdup(object->schema);
	rel->name = pstrdup(object->name);
	rel->relkind = object->relkind;
	rel->persistence = object->persistence;
	rel->is_new = ig_script_is_new(object);
	rel->is_partition = object->is_partition;
	rel->is_foretold = true;
	rel->empty = !object->written;
	rel->bytes = rel->empty ? 0 : PG_UINT64_MAX / 2;
	rel->measured = true;
	rel->classes = classes_of(object, InvalidOid, rel->schema, rel->name);
	return rel;
}

static bool
overlay_amend(IgRelation *rel)
{
	const IgScriptObject *object = ig_script_peek(rel->relid);

	if (object == NULL)
		return true;
	if (object->gone)
		return false;

	if (object->name != NULL)
	{
		rel->schema = pstrdup(object->schema);
		rel->name = pstrdup(object->name);
	}
	rel->classes = classes_of(object, rel->relid, rel->schema, rel->name);
	return true;
}

/*
 * What the script put below a relation, or the relation itself if the script
 * made it.
 */
static List *
overlay_leaves(Oid relid)
{
	const IgScriptObject *object = ig_script_peek(relid);
	List	   *leaves = NIL;
	ListCell   *lc;

	if (object == NULL || object->gone)
		return NIL;
	if (object->made && (RELKIND_HAS_STORAGE(object->relkind) ||
						 object->relkind == RELKIND_FOREIGN_TABLE))
		return list_make1_oid(relid);

	foreach(lc, object->partitions)
		leaves = list_concat(leaves, overlay_leaves(*(Oid *) lfirst(lc)));
	return leaves;
}

/*
 * A type or function that the script made, by its name; NULL if it made none.
 */
const IgNameFact *
ig_script_find_other(IgNameKind kind, List *names)
{
	char	   *schema;
	char	   *name;
	ListCell   *lc;

	DeconstructQualifiedName(names, &schema, &name);
	if (schema != NULL)
		return ig_script_fact(kind, schema, name);

	foreach(lc, ig_script_path())
	{
		IgNameFact *fact = ig_script_fact(kind, (char *) lfirst(lc), name);

		if (fact != NULL)
			return fact;
	}
	return NULL;
}

static bool
is_table(const IgScriptObject *object)
{
	char		relkind = object->made ? object->relkind : get_rel_relkind(object->relid);

	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE;
}

/*
 * Did the script's running transaction drop a table of that name?
 */
bool
ig_script_dropped_name(const char *schema, const char *name)
{
	NameEntry  *entry;
	ListCell   *lc;

	if (ig_relation_overlay == NULL)
		return false;

	entry = name_entry(IG_NAME_RELATION, schema, name, HASH_FIND);
	if (entry == NULL)
		return false;
	foreach(lc, entry->facts)
	{
		const IgNameFact *fact = (const IgNameFact *) lfirst(lc);

		if (!fact->present && ig_script_is_new(fact) && fact->object->gone == fact->at &&
			is_table(fact->object))
			return true;
	}
	return false;
}

bool
ig_script_dropped_constraint(Oid relid, const char *name)
{
	const IgScriptObject *object;
	ListCell   *lc;

	if (ig_relation_overlay == NULL)
		return false;

	object = ig_script_peek(relid);
	if (object == NULL)
		return false;
	foreach(lc, object->touches)
	{
		const IgTouch *touch = (const IgTouch *) lfirst(lc);

		if (touch->kind == IG_TOUCH_DROP_CONSTRAINT && strcmp(touch->name, name) == 0)
			return true;
	}
	return false;
}

List *
ig_script_keys(void)
{
	List	   *keys = NIL;
	ListCell   *lc;

	if (ig_relation_overlay == NULL)
		return NIL;

	foreach(lc, ig_script->keys)
	{
		const IgScriptKey *key = (const IgScriptKey *) lfirst(lc);

		if (key->name == NULL || !ig_script_dropped_constraint(key->child, key->name))
			keys = lappend(keys, lfirst(lc));
	}
	return keys;
}
