/*-------------------------------------------------------------------------
 *
 * replace_object.c
 *	  Has a column's property, a view, a name or a function been replaced?
 *
 * What comes after must serve who used what was before: the same columns or
 * arguments, and privileges for the same roles.  A new object has those that
 * its creation gives, so the grants must have been repeated as well.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "rules/replacement.h"

/* What a role may do with a view as it can with a table. */
#define VIEW_RIGHTS		(ACL_SELECT | ACL_INSERT | ACL_UPDATE | ACL_DELETE)

typedef struct RelationNote
{
	List	   *names;			/* of char *: the columns */
	List	   *types;			/* of Oid */
	Acl		   *acl;
} RelationNote;

typedef struct FunctionNote
{
	char	   *name;
	Oid			schema;
	oidvector  *arguments;
	Oid			result;
	bool		returns_set;
	char		kind;
	int			defaults;
	Datum		out_types;
	Datum		out_modes;
	Datum		out_names;
	Acl		   *acl;
} FunctionNote;

static bool is_selectable(char relkind);
static void read_columns(Oid relid, List **names, List **types);
static Acl *relation_acl(Oid relid, Oid *owner);
static bool are_rights_kept(const Acl *old, const Acl *acl, Oid owner, AclMode rights);
static FunctionNote *read_function(Oid funcid, Oid *owner);
static Datum array_of(HeapTuple tuple, AttrNumber attribute);
static bool is_same_array(Datum a, Datum b);

/*
 * The change itself says which column it is.
 */
void *
ig_replacement_note_column(const IgChange *change)
{
	AttrNumber *attnum;

	if (change->rel == NULL || change->attnum <= 0)
		return NULL;

	attnum = palloc(sizeof(AttrNumber));
	*attnum = change->attnum;
	return attnum;
}

bool
ig_replacement_has_not_null(const IgChange *change, const void *note)
{
	AttrNumber	attnum = *(const AttrNumber *) note;
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(change->rel->relid),
										Int16GetDatum(attnum));
	Form_pg_attribute form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;

	form = (Form_pg_attribute) GETSTRUCT(tuple);
	result = form->attisdropped || form->attnotnull ||
		ig_replacement_is_implied(change->rel->relid,
								  list_make1(ig_replacement_not_null_test(form)), true);
	ReleaseSysCache(tuple);
	return result;
}

/*
 * Without NOT NULL no default is needed either.
 */
bool
ig_replacement_has_default(const IgChange *change, const void *note)
{
	AttrNumber	attnum = *(const AttrNumber *) note;
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(change->rel->relid),
										Int16GetDatum(attnum));
	Form_pg_attribute form;
	bool		result;

	if (!HeapTupleIsValid(tuple))
		return true;

	form = (Form_pg_attribute) GETSTRUCT(tuple);
	result = form->attisdropped || form->atthasdef || form->attidentity != '\0' ||
		!ig_column_refuses_null(change->rel->relid, attnum);
	ReleaseSysCache(tuple);
	return result;
}

static bool
is_selectable(char relkind)
{
	return relkind == RELKIND_RELATION || relkind == RELKIND_PARTITIONED_TABLE ||
		relkind == RELKIND_FOREIGN_TABLE || relkind == RELKIND_VIEW ||
		relkind == RELKIND_MATVIEW;
}

void *
ig_replacement_note_relation(const IgChange *change)
{
	RelationNote *note;
	Oid			owner;

	if (change->rel == NULL)
		return NULL;

	note = palloc0(sizeof(RelationNote));
	if (is_selectable(change->rel->relkind))
		read_columns(change->rel->relid, &note->names, &note->types);
	note->acl = relation_acl(change->rel->relid, &owner);
	return note->acl ? note : NULL;
}

/*
 * Applications that use the old name find the relation itself, which got it
 * back, or a view that has its columns first, which the same roles may use.
 */
bool
ig_replacement_has_relation(const IgChange *change, const void *remembered)
{
	const RelationNote *note = (const RelationNote *) remembered;
	Oid			schema = get_namespace_oid(change->rel->schema, true);
	Oid			relid;
	Oid			owner;
	Acl		   *acl;
	List	   *names = NIL;
	List	   *types = NIL;

	if (!OidIsValid(schema))
		return false;
	relid = get_relname_relid(change->rel->name, schema);
	if (!OidIsValid(relid))
		return false;
	if (relid == change->rel->relid)
		return true;
	if (get_rel_relkind(relid) != RELKIND_VIEW)
		return false;

	read_columns(relid, &names, &types);
	if (list_length(names) < list_length(note->names))
		return false;
	for (int i = 0; i < list_length(note->names); i++)
	{
		if (strcmp(list_nth(names, i), list_nth(note->names, i)) != 0 ||
			list_nth_oid(types, i) != list_nth_oid(note->types, i))
			return false;
	}

	acl = relation_acl(relid, &owner);
	return acl != NULL && are_rights_kept(note->acl, acl, owner, VIEW_RIGHTS);
}

static void
read_columns(Oid relid, List **names, List **types)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	int			natts;

	if (!HeapTupleIsValid(tuple))
		return;
	natts = ((Form_pg_class) GETSTRUCT(tuple))->relnatts;
	ReleaseSysCache(tuple);

	for (AttrNumber attnum = 1; attnum <= natts; attnum++)
	{
		Form_pg_attribute att;

		tuple = SearchSysCacheAttNum(relid, attnum);
		if (!HeapTupleIsValid(tuple))
			continue;			/* dropped */
		att = (Form_pg_attribute) GETSTRUCT(tuple);
		*names = lappend(*names, pstrdup(NameStr(att->attname)));
		*types = lappend_oid(*types, att->atttypid);
		ReleaseSysCache(tuple);
	}
}

/* A copy, or NULL if the relation is gone. */
static Acl *
relation_acl(Oid relid, Oid *owner)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Datum		datum;
	bool		isnull;
	Acl		   *acl;

	if (!HeapTupleIsValid(tuple))
		return NULL;

	*owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	datum = SysCacheGetAttr(RELOID, tuple, Anum_pg_class_relacl, &isnull);
	acl = isnull ? acldefault(OBJECT_TABLE, *owner) : DatumGetAclPCopy(datum);
	ReleaseSysCache(tuple);
	return acl;
}

/*
 * Has each role of the old list these of its rights by the new one, itself or
 * as a member?
 */
static bool
are_rights_kept(const Acl *old, const Acl *acl, Oid owner, AclMode rights)
{
	const AclItem *items = ACL_DAT(old);

	for (int i = 0; i < ACL_NUM(old); i++)
	{
		AclMode		needed = ACLITEM_GET_PRIVS(items[i]) & rights;

		if (aclmask(acl, items[i].ai_grantee, owner, needed, ACLMASK_ALL) != needed)
			return false;
	}
	return true;
}

void *
ig_replacement_note_function(const IgChange *change)
{
	Oid			owner;

	if (change->address.classId != ProcedureRelationId)
		return NULL;
	return read_function(change->address.objectId, &owner);
}

bool
ig_replacement_has_function(const IgChange *change, const void *remembered)
{
	const FunctionNote *old = (const FunctionNote *) remembered;
	Oid			funcid;
	Oid			owner;
	FunctionNote *function;

	funcid = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
							 CStringGetDatum(old->name), PointerGetDatum(old->arguments),
							 ObjectIdGetDatum(old->schema));
	function = OidIsValid(funcid) ? read_function(funcid, &owner) : NULL;
	if (function == NULL)
		return false;

	return function->result == old->result && function->returns_set == old->returns_set &&
		function->kind == old->kind && function->defaults >= old->defaults &&
		is_same_array(function->out_types, old->out_types) &&
		is_same_array(function->out_modes, old->out_modes) &&
		is_same_array(function->out_names, old->out_names) &&
		are_rights_kept(old->acl, function->acl, owner, ACL_EXECUTE);
}

static FunctionNote *
read_function(Oid funcid, Oid *owner)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(funcid));
	Form_pg_proc form;
	FunctionNote *note;
	Datum		datum;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return NULL;

	form = (Form_pg_proc) GETSTRUCT(tuple);
	note = palloc0(sizeof(FunctionNote));
	note->name = pstrdup(NameStr(form->proname));
	note->schema = form->pronamespace;
	note->arguments = buildoidvector(form->proargtypes.values, form->pronargs);
	note->result = form->prorettype;
	note->returns_set = form->proretset;
	note->kind = form->prokind;
	note->defaults = form->pronargdefaults;
	note->out_types = array_of(tuple, Anum_pg_proc_proallargtypes);
	note->out_modes = array_of(tuple, Anum_pg_proc_proargmodes);
	note->out_names = array_of(tuple, Anum_pg_proc_proargnames);
	*owner = form->proowner;
	datum = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proacl, &isnull);
	note->acl = isnull ? acldefault(OBJECT_FUNCTION, *owner) : DatumGetAclPCopy(datum);
	ReleaseSysCache(tuple);
	return note;
}

/* A copy of an array, or 0 where it is NULL. */
static Datum
array_of(HeapTuple tuple, AttrNumber attribute)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(PROCOID, tuple, attribute, &isnull);

	return isnull ? (Datum) 0 : PointerGetDatum(DatumGetArrayTypePCopy(datum));
}

static bool
is_same_array(Datum a, Datum b)
{
	if (a == (Datum) 0 || b == (Datum) 0)
		return a == b;
	return datumIsEqual(a, b, false, -1);
}
