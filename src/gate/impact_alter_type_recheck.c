/*-------------------------------------------------------------------------
 *
 * impact_alter_type_recheck.c
 *	  Which constraints are checked again when a column changes its type?
 *
 * Where the heap is not rewritten the server still drops each CHECK constraint
 * and foreign key over the column and adds it again from its definition.  A
 * CHECK that was validated is then checked for all rows.  A foreign key is
 * not, if it goes on comparing by the same operator and the same casts
 * (ATAddForeignKeyConstraint).
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/amapi.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_opclass.h"
#include "parser/parse_coerce.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/impact.h"
#include "platform/compat.h"

/* How one key column of a foreign key is compared. */
typedef struct KeyComparison
{
	Oid			operator;		/* referenced = referencing */
	Oid			right;			/* what it takes on the referencing side */
	Oid			old_type;		/* of the referencing column */
	Oid			new_type;
	Oid			old_collation;
	Oid			new_collation;
} KeyComparison;

typedef enum KeyFate
{
	KEY_SAME,
	KEY_CHANGED,
	KEY_IMPOSSIBLE				/* the server finds no operator, and fails */
} KeyFate;

static bool check_is_checked(Form_pg_constraint con, List *valid_above);
static KeyFate foreign_key_fate(const IgRetype *retype, HeapTuple tuple);
static KeyFate key_fate(const IgRetype *retype, Form_pg_constraint con,
						AttrNumber pk_column, AttrNumber fk_column,
						bool overlaps, Oid old_operator);
static bool find_comparison(Oid opclass, Oid pk_type, bool overlaps, KeyComparison *key);
static bool find_cast(Oid target, Oid source, CoercionPathType *path, Oid *function);

/*
 * Type and collation of a column before or after the change.  False if the
 * column is gone.
 */
bool
ig_retype_column(const IgRetype *retype, Oid relid, AttrNumber attnum, bool after,
				 Oid *type, Oid *collation)
{
	int32		typmod;
	char	   *name = get_attname(relid, attnum, true);

	if (name == NULL)
		return false;
	if (after && strcmp(name, retype->column) == 0 &&
		list_member_oid(retype->tables, relid))
	{
		*type = retype->new_type;
		*collation = retype->new_collation;
		return true;
	}
	get_atttypetypmodcoll(relid, attnum, type, &typmod, collation);
	return true;
}

/*
 * Enter those of the constraints that are checked again.  They come in the
 * order of the tables, parents before their children.  False if the server
 * cannot add one again and will fail.
 */
bool
ig_retype_constraints(const IgRetype *retype, List *constraints, IgImpact *impact)
{
	List	   *valid_above = NIL;
	ListCell   *lc;

	foreach(lc, constraints)
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_constraint con;
		KeyFate		fate = KEY_SAME;
		char	   *reason = NULL;

		if (!HeapTupleIsValid(tuple))
			continue;
		con = (Form_pg_constraint) GETSTRUCT(tuple);

		if (con->contype == CONSTRAINT_CHECK && check_is_checked(con, valid_above))
		{
			fate = KEY_CHANGED;
			reason = "a CHECK constraint over the column is added again and checked";
			valid_above = lappend(valid_above, pstrdup(NameStr(con->conname)));
		}
		else if (con->contype == CONSTRAINT_FOREIGN && con->conislocal)
		{
			fate = foreign_key_fate(retype, tuple);
			reason = "a foreign key compares in another way with the new type";
			if (fate == KEY_CHANGED && !con->convalidated)
				fate = KEY_SAME;
		}

		if (fate == KEY_CHANGED && OidIsValid(con->conrelid) &&
			ig_impact_concerns_any(con->conrelid))
		{
			impact->recheck = true;
			if (impact->reason == NULL)
				impact->reason = reason;
			ig_impact_add_constraint(impact, NameStr(con->conname));
		}
		ReleaseSysCache(tuple);
		if (fate == KEY_IMPOSSIBLE)
			return false;
	}
	return true;
}

/*
 * A CHECK that a table has only from its parents is added again with theirs,
 * and is then checked if theirs is valid, whatever its own state was.
 */
static bool
check_is_checked(Form_pg_constraint con, List *valid_above)
{
	ListCell   *lc;

	if (con->conislocal)
		return con->convalidated;

	foreach(lc, valid_above)
	{
		if (strcmp((char *) lfirst(lc), NameStr(con->conname)) == 0)
			return true;
	}
	return false;
}

static KeyFate
foreign_key_fate(const IgRetype *retype, HeapTuple tuple)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tuple);
	int			nkeys;
	AttrNumber	conkey[INDEX_MAX_KEYS];
	AttrNumber	confkey[INDEX_MAX_KEYS];
	Oid			pfeqop[INDEX_MAX_KEYS];
	Oid			ppeqop[INDEX_MAX_KEYS];
	Oid			ffeqop[INDEX_MAX_KEYS];
	int			ndelset;
	AttrNumber	delset[INDEX_MAX_KEYS];
	KeyFate		result = KEY_SAME;

	DeconstructFkConstraintRow(tuple, &nkeys, conkey, confkey, pfeqop, ppeqop, ffeqop,
							   &ndelset, delset);
	for (int i = 0; i < nkeys; i++)
	{
		bool		overlaps = ig_constraint_has_period(con) && i == nkeys - 1;
		KeyFate		fate = key_fate(retype, con, confkey[i], conkey[i], overlaps, pfeqop[i]);

		if (fate == KEY_IMPOSSIBLE)
			return fate;
		if (fate == KEY_CHANGED)
			result = fate;
	}
	return result;
}

static KeyFate
key_fate(const IgRetype *retype, Form_pg_constraint con, AttrNumber pk_column,
		 AttrNumber fk_column, bool overlaps, Oid old_operator)
{
	KeyComparison key;
	Oid			pk_type;
	Oid			pk_collation;
	Oid			opclass = ig_retype_opclass(retype, con->conindid, pk_column);
	CoercionPathType old_path;
	CoercionPathType new_path;
	Oid			old_cast;
	Oid			new_cast;
	bool		deterministic = true;

	if (!OidIsValid(opclass) ||
		!ig_retype_column(retype, con->confrelid, pk_column, true, &pk_type, &pk_collation) ||
		!ig_retype_column(retype, con->conrelid, fk_column, false,
						  &key.old_type, &key.old_collation) ||
		!ig_retype_column(retype, con->conrelid, fk_column, true,
						  &key.new_type, &key.new_collation) ||
		!find_comparison(opclass, pk_type, overlaps, &key))
		return KEY_IMPOSSIBLE;

	if (IG_FK_COMPARES_COLLATIONS)
	{
		if (OidIsValid(pk_collation) != OidIsValid(key.new_collation))
			return KEY_IMPOSSIBLE;
		if (OidIsValid(pk_collation) && pk_collation != key.new_collation &&
			!(get_collation_isdeterministic(pk_collation) &&
			  get_collation_isdeterministic(key.new_collation)))
			return KEY_IMPOSSIBLE;
		if (key.old_collation != key.new_collation)
			deterministic = OidIsValid(key.old_collation) &&
				OidIsValid(key.new_collation) &&
				get_collation_isdeterministic(key.old_collation) &&
				get_collation_isdeterministic(key.new_collation);
	}

	/* the casts are looked at only where the check may be skipped */
	if (key.operator != old_operator || retype->rewrites)
		return KEY_CHANGED;
	if (!find_cast(key.right, key.old_type, &old_path, &old_cast) ||
		!find_cast(key.right, key.new_type, &new_path, &new_cast))
		return KEY_IMPOSSIBLE;
	if (old_path != new_path || old_cast != new_cast ||
		(IsPolymorphicType(key.right) && key.old_type != key.new_type) ||
		!deterministic)
		return KEY_CHANGED;
	return KEY_SAME;
}

/*
 * The operator by which ATAddForeignKeyConstraint would compare, given the
 * operator class of the referenced key.
 */
static bool
find_comparison(Oid opclass, Oid pk_type, bool overlaps, KeyComparison *key)
{
	HeapTuple	tuple = SearchSysCache1(CLAOID, ObjectIdGetDatum(opclass));
	Form_pg_opclass form;
	Oid			method;
	Oid			family;
	Oid			input;
	int16		strategy;
	Oid			fk_base = getBaseType(key->new_type);
	Oid			actual[2];
	Oid			declared[2];

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_opclass) GETSTRUCT(tuple);
	method = form->opcmethod;
	family = form->opcfamily;
	input = form->opcintype;
	ReleaseSysCache(tuple);

	strategy = ig_key_strategy(method, family, overlaps);
	if (strategy == InvalidStrategy)
		return false;

	key->operator = get_opfamily_member(family, input, fk_base, strategy);
	key->right = fk_base;
	if (OidIsValid(key->operator) &&
		OidIsValid(get_opfamily_member(family, fk_base, fk_base, strategy)))
		return true;

	actual[0] = pk_type;
	actual[1] = key->new_type;
	declared[0] = declared[1] = input;
	if (!can_coerce_type(2, actual, declared, COERCION_IMPLICIT))
		return false;
	key->operator = get_opfamily_member(family, input, input, strategy);
	key->right = input;
	return OidIsValid(key->operator);
}

/*
 * How a referencing column gets to the type that the operator takes
 * (findFkeyCast).  A binary-coercible type and the same type are alike.
 */
static bool
find_cast(Oid target, Oid source, CoercionPathType *path, Oid *function)
{
	*function = InvalidOid;
	*path = COERCION_PATH_RELABELTYPE;
	if (target == source)
		return true;
	*path = find_coercion_pathway(target, source, COERCION_IMPLICIT, function);
	return *path != COERCION_PATH_NONE;
}
