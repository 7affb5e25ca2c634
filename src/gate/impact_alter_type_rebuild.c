/*-------------------------------------------------------------------------
 *
 * impact_alter_type_rebuild.c
 *	  Which indexes are built anew when a column changes its type?
 *
 * Where the heap is not rewritten the server makes each index over the column
 * again from its own definition, and takes over the old file if the result is
 * sure to look the same (CheckIndexCompatible).  That function looks at the
 * new column, which is not there yet, so its steps are repeated here with the
 * new type put in: the definition names an operator class, collation or
 * operator only if it is not the default one of the old type, and what it does
 * not name becomes the default of the new type.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/partition.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_operator.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "parser/parse_coerce.h"
#include "parser/parse_oper.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "gate/impact.h"
#include "platform/compat.h"

/* An index, and what its new self would look like. */
typedef struct NewIndex
{
	const IgRetype *retype;
	Relation	index;
	Oid			accessmethod;
	oidvector  *old_opclasses;
	char		contype;		/* of the constraint it implements, or '\0' */
	Oid			types[INDEX_MAX_KEYS];
	Oid			opclasses[INDEX_MAX_KEYS];
	Oid			collations[INDEX_MAX_KEYS];
} NewIndex;

static NewIndex *new_index_of(const IgRetype *retype, Relation index);
static IgIndexFate index_fate(const IgRetype *retype, Relation index, char **reason);
static bool resolve_key(NewIndex *new_index, int key);
static IgIndexFate compare_keys(const NewIndex *new_index, char **reason);
static IgIndexFate compare_operators(const NewIndex *new_index, char **reason);
static Oid	resolve_operator(Oid operator, Oid old_type, Oid new_type);

/*
 * What becomes of an index?  Nothing of a partitioned one, which has no file;
 * the indexes of its partitions are asked about by themselves.
 */
IgIndexFate
ig_retype_index(const IgRetype *retype, Oid indexid, char **reason)
{
	Relation	index = try_index_open(indexid, AccessShareLock);
	IgIndexFate fate;

	if (index == NULL)
		return IG_INDEX_KEPT;
	fate = index_fate(retype, index, reason);
	index_close(index, AccessShareLock);
	return fate;
}

static bool
index_has(Relation index, AttrNumber pg_index_column)
{
	return !heap_attisnull(index->rd_indextuple, pg_index_column, NULL);
}

static NewIndex *
new_index_of(const IgRetype *retype, Relation index)
{
	NewIndex   *result = palloc0(sizeof(NewIndex));
	Oid			constraint = get_index_constraint(RelationGetRelid(index));
	bool		isnull;

	result->retype = retype;
	result->index = index;
	result->accessmethod = index->rd_rel->relam;
	result->old_opclasses = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, index->rd_indextuple,
										Anum_pg_index_indclass, &isnull));
	if (OidIsValid(constraint))
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));

		if (HeapTupleIsValid(tuple))
		{
			result->contype = ((Form_pg_constraint) GETSTRUCT(tuple))->contype;
			ReleaseSysCache(tuple);
		}
	}
	return result;
}

static IgIndexFate
index_fate(const IgRetype *retype, Relation index, char **reason)
{
	NewIndex   *new_index = new_index_of(retype, index);
	IgIndexFate fate;

	/*
	 * The parent's index is dropped with those of all partitions and created
	 * again, which builds the latter: there is no file to share at the parent.
	 */
	if (index->rd_rel->relispartition)
	{
		*reason = "indexes of partitions are always built anew with their parent's";
		return IG_INDEX_REBUILT;
	}

	if (!index_has(index, Anum_pg_index_indexprs))
	{
		for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		{
			if (!resolve_key(new_index, i))
				return IG_INDEX_IMPOSSIBLE;
		}
	}

	if (index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX)
		return IG_INDEX_KEPT;

	if (index_has(index, Anum_pg_index_indexprs) ||
		index_has(index, Anum_pg_index_indpred))
	{
		*reason = "an index with an expression or a WHERE clause is always built anew";
		return IG_INDEX_REBUILT;
	}
	if (!index->rd_index->indisvalid)
	{
		*reason = "an invalid index is always built anew";
		return IG_INDEX_REBUILT;
	}

	fate = compare_keys(new_index, reason);
	if (fate == IG_INDEX_KEPT && index->rd_index->indisexclusion)
		fate = compare_operators(new_index, reason);
	return fate;
}

/*
 * Type, collation and operator class of a key column of the new index, as
 * pg_get_indexdef would have written them and ComputeIndexAttrs would read
 * them.  The definition of a PRIMARY KEY or UNIQUE constraint names columns
 * only.  False if the server finds nothing that fits.
 */
static bool
resolve_key(NewIndex *new_index, int key)
{
	Relation	index = new_index->index;
	Oid			relid = index->rd_index->indrelid;
	AttrNumber	attnum = index->rd_index->indkey.values[key];
	Oid			old_opclass = new_index->old_opclasses->values[key];
	bool		only_columns = new_index->contype == CONSTRAINT_PRIMARY ||
		new_index->contype == CONSTRAINT_UNIQUE;
	bool		has_options;
	Oid			old_type;
	Oid			old_collation;

	if (!ig_retype_column(new_index->retype, relid, attnum, false,
						  &old_type, &old_collation) ||
		!ig_retype_column(new_index->retype, relid, attnum, true,
						  &new_index->types[key], &new_index->collations[key]))
		return false;

	if (!only_columns && OidIsValid(index->rd_indcollation[key]) &&
		index->rd_indcollation[key] != old_collation)
		new_index->collations[key] = index->rd_indcollation[key];
	if (type_is_collatable(new_index->types[key]) !=
		OidIsValid(new_index->collations[key]))
		return false;

	/* index_create does not allow these to see strings as equal that differ */
	if ((old_opclass == TEXT_BTREE_PATTERN_OPS_OID ||
		 old_opclass == VARCHAR_BTREE_PATTERN_OPS_OID ||
		 old_opclass == BPCHAR_BTREE_PATTERN_OPS_OID) &&
		OidIsValid(new_index->collations[key]) &&
		!get_collation_isdeterministic(new_index->collations[key]))
		return false;

	has_options = get_attoptions(RelationGetRelid(index), key + 1) != (Datum) 0;
	if (only_columns ||
		(!has_options &&
		 GetDefaultOpClass(old_type, new_index->accessmethod) == old_opclass))
		new_index->opclasses[key] = GetDefaultOpClass(new_index->types[key],
													  new_index->accessmethod);
	else if (IsBinaryCoercible(new_index->types[key],
							   get_opclass_input_type(old_opclass)))
		new_index->opclasses[key] = old_opclass;
	return OidIsValid(new_index->opclasses[key]);
}

/*
 * CheckIndexCompatible, but for the operators of an exclusion constraint.
 * Options of operator classes are in the definition and so do not change.
 * The type of an index column is not always that of the table's: GIN over an
 * array stores elements, and then the server never finds it unchanged.
 */
static IgIndexFate
compare_keys(const NewIndex *new_index, char **reason)
{
	Relation	index = new_index->index;

	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		Oid			opclass = new_index->opclasses[i];

		if (opclass != new_index->old_opclasses->values[i])
		{
			*reason = "an index needs another operator class for the new type";
			return IG_INDEX_REBUILT;
		}
		if (new_index->collations[i] != index->rd_indcollation[i])
		{
			*reason = "the new collation may order differently";
			return IG_INDEX_REBUILT;
		}
		if (IsPolymorphicType(get_opclass_input_type(opclass)) &&
			TupleDescAttr(RelationGetDescr(index), i)->atttypid != new_index->types[i])
		{
			*reason = "the operator class of an index takes any type, and may tell the new one apart";
			return IG_INDEX_REBUILT;
		}
	}
	return IG_INDEX_KEPT;
}

/*
 * The operators of an EXCLUDE constraint are found again by name.  Those of a
 * key WITHOUT OVERLAPS follow from its operator class.
 */
static IgIndexFate
compare_operators(const NewIndex *new_index, char **reason)
{
	Relation	index = new_index->index;
	Oid		   *operators;
	Oid		   *procs;
	uint16	   *strategies;

	RelationGetExclusionInfo(index, &operators, &procs, &strategies);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		Oid			operator = operators[i];
		Oid			old_type;
		Oid			collation;
		Oid			left;
		Oid			right;

		if (new_index->contype == CONSTRAINT_EXCLUSION &&
			ig_retype_column(new_index->retype, index->rd_index->indrelid,
							 index->rd_index->indkey.values[i], false,
							 &old_type, &collation))
			operator = resolve_operator(operator, old_type, new_index->types[i]);

		if (!OidIsValid(operator) || get_commutator(operator) != operator ||
			!op_in_opfamily(operator, get_opclass_family(new_index->opclasses[i])))
			return IG_INDEX_IMPOSSIBLE;

		op_input_types(operator, &left, &right);
		if (operator != operators[i] ||
			((IsPolymorphicType(left) || IsPolymorphicType(right)) &&
			 TupleDescAttr(RelationGetDescr(index), i)->atttypid != new_index->types[i]))
		{
			*reason = "the exclusion constraint needs another operator for the new type";
			return IG_INDEX_REBUILT;
		}
	}
	return IG_INDEX_KEPT;
}

/*
 * An operator is written without its schema if the name alone finds it for the
 * old type (generate_operator_name), and is then looked up for the new one.
 */
static Oid
resolve_operator(Oid operator, Oid old_type, Oid new_type)
{
	HeapTuple	tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(operator));
	Operator	found;
	char	   *schema;
	List	   *name;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	name = list_make1(makeString(pstrdup(NameStr(((Form_pg_operator) GETSTRUCT(tuple))->oprname))));
	schema = get_namespace_name(((Form_pg_operator) GETSTRUCT(tuple))->oprnamespace);
	ReleaseSysCache(tuple);

	found = oper(NULL, name, old_type, old_type, true, -1);
	if ((found == NULL || oprid(found) != operator) && schema != NULL)
		name = lcons(makeString(schema), name);
	if (found != NULL)
		ReleaseSysCache(found);

	return compatible_oper_opid(name, new_type, new_type, true);
}

/*
 * The operator class that a column has in the new self of an index: what a
 * foreign key is compared by.  InvalidOid if there is none.
 */
Oid
ig_retype_opclass(const IgRetype *retype, Oid indexid, AttrNumber column)
{
	Relation	index = try_index_open(indexid, AccessShareLock);
	NewIndex   *new_index;
	Oid			result = InvalidOid;

	if (index == NULL)
		return InvalidOid;

	new_index = new_index_of(retype, index);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		if (index->rd_index->indkey.values[i] == column && resolve_key(new_index, i))
			result = new_index->opclasses[i];
	}
	index_close(index, AccessShareLock);
	return result;
}
