/*-------------------------------------------------------------------------
 *
 * dependency.c
 *	  What a drop would take along.
 *
 * The server finds it out in findDependentObjects, but only while it locks
 * and deletes.  This walks pg_depend in the same way, without any lock but
 * that on the catalog: a refusal must not wait for what it refuses to touch.
 *
 * Every object is expanded once, and what makes it go is noted in it.  What
 * is reached by normal dependencies alone needs CASCADE; what is reached as a
 * part of something else (its index, its default, its partition) goes
 * silently.  An object that is itself only the inside of another one, like
 * the rule of a view, stands for its owner: the owner goes, and with it the
 * part.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_language.h"
#include "catalog/pg_largeobject.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication_namespace.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/compat.h"

/* How an object was reached; more than one may hold. */
#define REACHED_NAMED	0x01	/* the statement says so */
#define REACHED_NORMAL	0x02	/* by a dependency that needs CASCADE */
#define REACHED_PART	0x04	/* as a part of what goes */

#define MAX_SUSPECTS	20

typedef struct Reached
{
	ObjectAddress address;		/* hash key */
	int			reached;
	int			origin;			/* the named object that came here first */
} Reached;

typedef struct Search
{
	Relation	depend;
	HTAB	   *items;
	List	   *order;			/* of Reached *, as they were reached */
} Search;

static void search_all(Search *search, List *addresses);
static void reach(Search *search, const ObjectAddress *address, int reached, int origin);
static List *missing_owners(Search *search, const ObjectAddress *address);
static void expand(Search *search, const Reached *item);
static bool is_present(Search *search, const ObjectAddress *address);
static bool is_whole_present(Search *search, const ObjectAddress *address);
static SysScanDesc scan_depend(Relation depend, ScanKeyData *key, Oid index,
							   const ObjectAddress *address);
static void sort_out(Search *search, const Reached *item, IgDependents *found);
static bool holds_rows(const ObjectAddress *address);
static Oid	relation_in_catalog(Oid catalogid, AttrNumber oidcol, Oid objid);
static int	compare_victims(const ListCell *a, const ListCell *b);
static bool is_user_text(Form_pg_proc form, HeapTuple tuple, TupleDesc desc);
static bool contains_word(const char *body, const char *word);
static bool is_word_byte(char c);

/*
 * What goes if all of these objects (ObjectAddress) are dropped.  Temporary
 * objects and those of this transaction are not listed.
 */
void
ig_dependents_find(List *addresses, IgDependents *found)
{
	Search		search = {0};
	ListCell   *lc;

	found->cascades = false;
	found->victims = NIL;
	found->parts = NIL;

	search_all(&search, addresses);
	foreach(lc, search.order)
		sort_out(&search, (const Reached *) lfirst(lc), found);

	list_sort(found->victims, compare_victims);
	list_sort(found->parts, compare_victims);
	hash_destroy(search.items);
}

/*
 * Every object that goes if these do, they themselves and all parts included,
 * whoever they belong to; as ObjectAddress.
 */
List *
ig_dependents_closure(List *addresses)
{
	Search		search = {0};
	List	   *result = NIL;
	ListCell   *lc;

	search_all(&search, addresses);
	foreach(lc, search.order)
	{
		ObjectAddress *address = palloc(sizeof(ObjectAddress));

		*address = ((const Reached *) lfirst(lc))->address;
		result = lappend(result, address);
	}
	hash_destroy(search.items);
	return result;
}

static void
search_all(Search *search, List *addresses)
{
	HASHCTL		ctl = {0};
	ListCell   *lc;
	int			origin = 0;

	ctl.keysize = sizeof(ObjectAddress);
	ctl.entrysize = sizeof(Reached);
	ctl.hcxt = CurrentMemoryContext;
	search->items = hash_create("invariant_guard dependents", 256, &ctl,
								HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	search->depend = table_open(DependRelationId, AccessShareLock);

	foreach(lc, addresses)
		reach(search, (const ObjectAddress *) lfirst(lc), REACHED_NAMED, origin++);

	/* the list grows while it is read */
	for (int i = 0; i < list_length(search->order); i++)
	{
		CHECK_FOR_INTERRUPTS();
		expand(search, (const Reached *) list_nth(search->order, i));
	}
	table_close(search->depend, AccessShareLock);
}

List *
ig_dependents(List *addresses, bool *cascades)
{
	IgDependents found;

	ig_dependents_find(addresses, &found);
	*cascades = found.cascades;
	return found.victims;
}

/*
 * Note that the object goes.  If it is the inside of another object or belongs
 * to an extension, that one goes too: the object is entered first, so that a
 * circle ends here.
 */
static void
reach(Search *search, const ObjectAddress *address, int reached, int origin)
{
	Reached    *item;
	bool		known;
	ListCell   *lc;

	check_stack_depth();

	if (is_whole_present(search, address))
		return;

	item = hash_search(search->items, address, HASH_ENTER, &known);
	if (known)
	{
		item->reached |= reached;
		return;
	}
	item->reached = reached;
	item->origin = origin;
	search->order = lappend(search->order, item);

	/* a named part without its owner is the server's own error */
	if (reached == REACHED_NAMED)
		return;

	foreach(lc, missing_owners(search, address))
		reach(search, (const ObjectAddress *) lfirst(lc), REACHED_NORMAL, origin);
}

/*
 * The objects whose inside this one is and which have not been reached.
 */
static List *
missing_owners(Search *search, const ObjectAddress *address)
{
	List	   *owners = NIL;
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	scan = scan_depend(search->depend, key, DependDependerIndexId, address);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress *owner;

		if (form->deptype != DEPENDENCY_INTERNAL &&
			form->deptype != DEPENDENCY_EXTENSION)
			continue;

		/* a part of the object that depends on the object itself */
		if (form->refclassid == address->classId &&
			form->refobjid == address->objectId && address->objectSubId == 0)
			continue;

		owner = palloc(sizeof(ObjectAddress));
		ObjectAddressSubSet(*owner, form->refclassid, form->refobjid, form->refobjsubid);
		if (!is_present(search, owner))
			owners = lappend(owners, owner);
	}
	systable_endscan(scan);
	return owners;
}

/*
 * Reach all that depends on the object directly.
 */
static void
expand(Search *search, const Reached *item)
{
	const ObjectAddress *address = &item->address;
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tuple;

	scan = scan_depend(search->depend, key, DependReferenceIndexId, address);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);
		ObjectAddress other;

		if (form->classid == address->classId && form->objid == address->objectId &&
			address->objectSubId == 0)
			continue;

		ObjectAddressSubSet(other, form->classid, form->objid, form->objsubid);
		reach(search, &other,
			  form->deptype == DEPENDENCY_NORMAL ? REACHED_NORMAL : REACHED_PART,
			  item->origin);
	}
	systable_endscan(scan);
}

static bool
is_present(Search *search, const ObjectAddress *address)
{
	return hash_search(search->items, address, HASH_FIND, NULL) != NULL ||
		is_whole_present(search, address);
}

/* Is the address that of a column whose table goes? */
static bool
is_whole_present(Search *search, const ObjectAddress *address)
{
	ObjectAddress whole;

	if (address->objectSubId == 0)
		return false;

	ObjectAddressSet(whole, address->classId, address->objectId);
	return hash_search(search->items, &whole, HASH_FIND, NULL) != NULL;
}

/*
 * Both indexes of pg_depend begin with class, object and sub-object.  A whole
 * object stands for its columns as well.
 */
static SysScanDesc
scan_depend(Relation depend, ScanKeyData *key, Oid index, const ObjectAddress *address)
{
	bool		by_reference = (index == DependReferenceIndexId);

	ScanKeyInit(&key[0],
				by_reference ? Anum_pg_depend_refclassid : Anum_pg_depend_classid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(address->classId));
	ScanKeyInit(&key[1],
				by_reference ? Anum_pg_depend_refobjid : Anum_pg_depend_objid,
				BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(address->objectId));
	ScanKeyInit(&key[2],
				by_reference ? Anum_pg_depend_refobjsubid : Anum_pg_depend_objsubid,
				BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(address->objectSubId));
	return systable_beginscan(depend, index, true, NULL,
							  address->objectSubId == 0 ? 2 : 3, key);
}

/*
 * Put one object where it belongs in the result.
 */
static void
sort_out(Search *search, const Reached *item, IgDependents *found)
{
	bool		needs_cascade = item->reached == REACHED_NORMAL;
	IgRelation *rel = NULL;
	IgVictim   *victim;
	Oid			relid;

	if ((item->reached & REACHED_NAMED) != 0 || is_whole_present(search, &item->address))
		return;
	if (!needs_cascade && !holds_rows(&item->address))
		return;

	found->cascades |= needs_cascade;

	relid = ig_object_relation(&item->address);
	if (OidIsValid(relid))
		rel = ig_relation_load(relid);
	if ((rel != NULL && ig_relation_is_exempt(rel)) ||
		ig_transaction_created(&item->address))
		return;

	victim = palloc0(sizeof(IgVictim));
	victim->address = item->address;
	victim->rel = rel;
	if (rel != NULL && item->address.classId == RelationRelationId &&
		item->address.objectSubId != 0)
		victim->column = get_attname(rel->relid, item->address.objectSubId, true);
	victim->origin = item->origin;
	victim->description = ig_describe(&item->address);
	if (victim->description == NULL)
		return;

	if (needs_cascade)
		found->victims = lappend(found->victims, victim);
	else
		found->parts = lappend(found->parts, victim);
}

static bool
holds_rows(const ObjectAddress *address)
{
	char		relkind;

	if (address->classId != RelationRelationId || address->objectSubId != 0)
		return false;

	relkind = get_rel_relkind(address->objectId);
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_MATVIEW;
}

/*
 * The relation that the object is, or is a part of; InvalidOid if it is none.
 */
Oid
ig_object_relation(const ObjectAddress *address)
{
	switch (address->classId)
	{
		case RelationRelationId:
			return address->objectId;
		case ConstraintRelationId:
			return relation_in_catalog(ConstraintRelationId, Anum_pg_constraint_oid,
									   address->objectId);
		case TriggerRelationId:
			return relation_in_catalog(TriggerRelationId, Anum_pg_trigger_oid,
									   address->objectId);
		case RewriteRelationId:
			return relation_in_catalog(RewriteRelationId, Anum_pg_rewrite_oid,
									   address->objectId);
		case PolicyRelationId:
			return relation_in_catalog(PolicyRelationId, Anum_pg_policy_oid,
									   address->objectId);
		case AttrDefaultRelationId:
			return GetAttrDefaultColumnAddress(address->objectId).objectId;
		default:
			return InvalidOid;
	}
}

static Oid
relation_in_catalog(Oid catalogid, AttrNumber oidcol, Oid objid)
{
	Relation	catalog = table_open(catalogid, AccessShareLock);
	HeapTuple	tuple = get_catalog_object_by_oid(catalog, oidcol, objid);
	Oid			relid = InvalidOid;

	if (HeapTupleIsValid(tuple))
	{
		switch (catalogid)
		{
			case ConstraintRelationId:
				relid = ((Form_pg_constraint) GETSTRUCT(tuple))->conrelid;
				break;
			case TriggerRelationId:
				relid = ((Form_pg_trigger) GETSTRUCT(tuple))->tgrelid;
				break;
			case RewriteRelationId:
				relid = ((Form_pg_rewrite) GETSTRUCT(tuple))->ev_class;
				break;
			case PolicyRelationId:
				relid = ((Form_pg_policy) GETSTRUCT(tuple))->polrelid;
				break;
		}
	}
	table_close(catalog, AccessShareLock);
	return relid;
}

/* By named object, then as they were created. */
static int
compare_victims(const ListCell *a, const ListCell *b)
{
	const IgVictim *va = (const IgVictim *) lfirst(a);
	const IgVictim *vb = (const IgVictim *) lfirst(b);

	if (va->origin != vb->origin)
		return va->origin < vb->origin ? -1 : 1;
	if (va->address.objectId != vb->address.objectId)
		return va->address.objectId < vb->address.objectId ? -1 : 1;
	if (va->address.classId != vb->address.classId)
		return va->address.classId < vb->address.classId ? -1 : 1;
	return va->address.objectSubId - vb->address.objectSubId;
}

/*
 * The object in the server's words, "column nickname of table shop.users", or
 * NULL if it is gone.  The server raises an error for a catalog whose rows are
 * no objects, and has no other list of the rest than the one asked here, which
 * lacks these four.
 */
char *
ig_describe(const ObjectAddress *address)
{
	switch (address->classId)
	{
		case AttrDefaultRelationId:
		case LargeObjectRelationId:
		case PublicationNamespaceRelationId:
		case PublicationRelRelationId:
			break;
		default:
			if (!is_objectclass_supported(address->classId))
				return NULL;
			break;
	}
	return getObjectDescription(address, true);
}

/*
 * Functions whose text contains the name of the table, and that of the column
 * if one is given: as words, wherever they stand.  The server does not know
 * these as dependencies, so this is a guess, and limited to a few names.
 */
List *
ig_function_suspects(const char *table, const char *column)
{
	return ig_suspects_among(ig_function_texts(table), column);
}

List *
ig_suspects_among(List *texts, const char *column)
{
	List	   *suspects = NIL;
	ListCell   *lc;

	foreach(lc, texts)
	{
		const IgFunctionText *function = (const IgFunctionText *) lfirst(lc);

		if (list_length(suspects) == MAX_SUSPECTS)
			break;
		if (column == NULL || contains_word(function->body, column))
			suspects = lappend(suspects, function->name);
	}
	return suspects;
}

/*
 * All functions whose text contains the name of the table, with their texts.
 */
List *
ig_function_texts(const char *table)
{
	List	   *texts = NIL;
	Relation	pg_proc = table_open(ProcedureRelationId, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(pg_proc);
	HeapTuple	tuple;
	SysScanDesc scan;

	/* in the order in which they were made, not that of the catalog's pages */
	scan = systable_beginscan(pg_proc, ProcedureOidIndexId, true, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tuple);
		bool		isnull;
		Datum		source;
		char	   *body;
		char	   *schema;

		CHECK_FOR_INTERRUPTS();
		if (!is_user_text(form, tuple, desc))
			continue;

		source = heap_getattr(tuple, Anum_pg_proc_prosrc, desc, &isnull);
		if (isnull)
			continue;
		body = TextDatumGetCString(source);
		schema = get_namespace_name(form->pronamespace);
		if (schema != NULL && contains_word(body, table) &&
			!OidIsValid(getExtensionOfObject(ProcedureRelationId, form->oid)))
		{
			IgFunctionText *function = palloc(sizeof(IgFunctionText));

			function->name = psprintf("%s.%s", schema, NameStr(form->proname));
			function->body = body;
			texts = lappend(texts, function);
		}
		else
			pfree(body);
	}

	systable_endscan(scan);
	table_close(pg_proc, AccessShareLock);
	return texts;
}

/*
 * Triggers of the table whose function's text contains the name of the column,
 * which is how NEW.column is used: their names.  A guess like the above.
 */
List *
ig_trigger_suspects(Oid relid, const char *column)
{
	List	   *suspects = NIL;
	Relation	pg_proc = table_open(ProcedureRelationId, AccessShareLock);
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tuple);
		HeapTuple	proc = SearchSysCache1(PROCOID, ObjectIdGetDatum(form->tgfoid));

		if (!HeapTupleIsValid(proc))
			continue;
		if (is_user_text((Form_pg_proc) GETSTRUCT(proc), proc, RelationGetDescr(pg_proc)))
		{
			bool		isnull;
			Datum		source = SysCacheGetAttr(PROCOID, proc, Anum_pg_proc_prosrc, &isnull);

			if (!isnull && contains_word(TextDatumGetCString(source), column))
				suspects = lappend(suspects, pstrdup(NameStr(form->tgname)));
		}
		ReleaseSysCache(proc);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	table_close(pg_proc, AccessShareLock);
	return suspects;
}

/*
 * Is the function's body a text of the user's, unknown to the server until it
 * is called?  A parsed body (BEGIN ATOMIC) has real dependencies.
 */
static bool
is_user_text(Form_pg_proc form, HeapTuple tuple, TupleDesc desc)
{
	bool		isnull;

	if (form->oid < FirstNormalObjectId ||
		form->prolang == INTERNALlanguageId || form->prolang == ClanguageId ||
		form->prokind == PROKIND_AGGREGATE)
		return false;

	(void) heap_getattr(tuple, Anum_pg_proc_prosqlbody, desc, &isnull);
	return isnull;
}

/*
 * Does the word stand in the body by itself, in whatever case?
 */
static bool
contains_word(const char *body, const char *word)
{
	size_t		length = strlen(word);

	if (length == 0)
		return false;

	for (const char *c = body; *c != '\0'; c++)
	{
		if (c > body && is_word_byte(c[-1]))
			continue;
		if (pg_strncasecmp(c, word, length) == 0 && !is_word_byte(c[length]))
			return true;
	}
	return false;
}

/* Bytes of multibyte characters count as letters, as they do in SQL names. */
static bool
is_word_byte(char c)
{
	return isalnum((unsigned char) c) || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}
