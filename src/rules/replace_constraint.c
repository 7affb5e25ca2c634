/*-------------------------------------------------------------------------
 *
 * replace_constraint.c
 *	  Has a constraint that went been replaced by one as strict?
 *
 * As strict for what is written from now on: a replacement that is NOT VALID
 * counts, since its predecessor held for the rows that are there.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "rules/cure.h"
#include "rules/replacement.h"

typedef struct Key
{
	int			count;
	AttrNumber	columns[INDEX_MAX_KEYS];
} Key;

/* How the key of a unique index tells values apart. */
typedef struct UniqueKey
{
	Key			key;
	Oid			families[INDEX_MAX_KEYS];
	Oid			collations[INDEX_MAX_KEYS];
	bool		nulls_not_distinct;
	bool		immediate;
	bool		primary;
} UniqueKey;

typedef struct Note
{
	FormData_pg_constraint form;
	char	   *definition;		/* without NOT VALID */
	Key			columns;
	Key			referenced;		/* foreign keys */
	UniqueKey	unique;			/* primary keys and UNIQUE */
	List	   *predicate;		/* CHECK */
} Note;

static void read_key(HeapTuple tuple, AttrNumber attribute, Key *key);
static bool read_unique_key(Oid indexid, UniqueKey *unique);
static List *predicate_of(Node *expr);
static List *enforced_checks(TupleDesc desc, bool for_heirs, const Note *except);
static bool is_implied(Oid relid, List *predicate, bool for_heirs, const Note *except);
static bool is_stated(Oid relid, const Note *note, const Note *except);
static Node *without_types(Node *node, void *context);
static bool has_lost_column(Oid relid, const Key *key);
static bool is_same_reference(const Note *note, HeapTuple tuple);
static bool is_action_safe(char old_action, char new_action);
static bool has_unique_key(Oid relid, const Note *note, const Note *except);
static bool is_key_as_strict(Oid relid, const UniqueKey *old, const UniqueKey *candidate);
static bool are_columns_not_null(Oid relid, const Key *key);

void *
ig_replacement_note_constraint(const IgChange *change)
{
	Oid			conoid = change->address.objectId;
	HeapTuple	tuple;
	Note	   *note;
	Datum		datum;
	bool		isnull;

	if (change->address.classId != ConstraintRelationId)
		conoid = change->name == NULL ? InvalidOid :
			get_relation_constraint_oid(change->rel->relid, change->name, true);
	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	if (!HeapTupleIsValid(tuple))
		return NULL;

	note = palloc0(sizeof(Note));
	memcpy(&note->form, GETSTRUCT(tuple), sizeof(FormData_pg_constraint));
	note->definition = ig_cure_constraint_definition(conoid);
	read_key(tuple, Anum_pg_constraint_conkey, &note->columns);
	read_key(tuple, Anum_pg_constraint_confkey, &note->referenced);
	datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conbin, &isnull);
	if (!isnull)
		note->predicate = predicate_of(stringToNode(TextDatumGetCString(datum)));
	ReleaseSysCache(tuple);

	if (note->form.contype == CONSTRAINT_PRIMARY || note->form.contype == CONSTRAINT_UNIQUE)
		(void) read_unique_key(note->form.conindid, &note->unique);
	return note;
}

/*
 * A table or column that is gone needs no constraint: that it went was judged
 * by itself.  Before the statement runs, which the whole change tells from the
 * copy that is left at the end, the constraint itself does not count.
 */
bool
ig_replacement_has_constraint(const IgChange *change, const void *remembered)
{
	const Note *note = (const Note *) remembered;
	const Note *except = change->constraint != NULL ? note : NULL;
	Oid			relid = change->rel->relid;
	Relation	pg_constraint;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tuple;
	bool		found = false;

	if (has_lost_column(relid, &note->columns))
		return true;

	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (!found && HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
		char	   *definition;

		if (form->contype != note->form.contype || !ig_constraint_row_enforced(form) ||
			(except != NULL && form->oid == except->form.oid))
			continue;
		definition = ig_cure_constraint_definition(form->oid);
		found = (definition != NULL && note->definition != NULL &&
				 strcmp(definition, note->definition) == 0) ||
			(form->contype == CONSTRAINT_FOREIGN && is_same_reference(note, tuple));
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	if (found)
		return true;

	switch (note->form.contype)
	{
		case CONSTRAINT_CHECK:
			return note->predicate != NIL &&
				(is_implied(relid, note->predicate, !note->form.connoinherit, except) ||
				 is_stated(relid, note, except));
		case CONSTRAINT_PRIMARY:
		case CONSTRAINT_UNIQUE:
			return has_unique_key(relid, note, except);
		default:
			return false;
	}
}

static void
read_key(HeapTuple tuple, AttrNumber attribute, Key *key)
{
	bool		isnull;
	Datum		datum = SysCacheGetAttr(CONSTROID, tuple, attribute, &isnull);
	ArrayType  *array;

	if (isnull)
		return;
	array = DatumGetArrayTypeP(datum);
	if (ARR_NDIM(array) != 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != INT2OID)
		return;

	key->count = Min(ARR_DIMS(array)[0], INDEX_MAX_KEYS);
	memcpy(key->columns, ARR_DATA_PTR(array), key->count * sizeof(int16));
}

/*
 * false if the index does not forbid equal keys for all rows.
 */
static bool
read_unique_key(Oid indexid, UniqueKey *unique)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	Form_pg_index form;
	oidvector  *classes;
	oidvector  *collations;
	bool		isnull;
	bool		useful;

	if (!HeapTupleIsValid(tuple))
		return false;

	form = (Form_pg_index) GETSTRUCT(tuple);
	useful = form->indisunique && form->indisvalid && form->indisready && form->indislive &&
		heap_attisnull(tuple, Anum_pg_index_indpred, NULL);
	classes = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
															Anum_pg_index_indclass, &isnull));
	collations = (oidvector *) DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
															   Anum_pg_index_indcollation, &isnull));
	unique->key.count = form->indnkeyatts;
	unique->nulls_not_distinct = form->indnullsnotdistinct;
	unique->immediate = form->indimmediate;
	unique->primary = form->indisprimary;
	for (int i = 0; i < form->indnkeyatts; i++)
	{
		unique->key.columns[i] = form->indkey.values[i];
		unique->families[i] = get_opclass_family(classes->values[i]);
		unique->collations[i] = collations->values[i];
		useful = useful && form->indkey.values[i] != InvalidAttrNumber;
	}
	ReleaseSysCache(tuple);
	return useful;
}

/*
 * As a list of ANDs, simplified as the server does it, or the prover misses
 * some.
 */
static List *
predicate_of(Node *expr)
{
	expr = eval_const_expressions(NULL, expr);
	expr = (Node *) canonicalize_qual((Expr *) expr, true);
	return make_ands_implicit((Expr *) expr);
}

static bool
has_lost_column(Oid relid, const Key *key)
{
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return true;
	for (int i = 0; i < key->count; i++)
	{
		HeapTuple	tuple;

		if (key->columns[i] <= 0)
			continue;
		tuple = SearchSysCacheAttNum(relid, key->columns[i]);
		if (!HeapTupleIsValid(tuple))
			return true;
		ReleaseSysCache(tuple);
	}
	return false;
}

/*
 * A foreign key by the same columns to the same ones, in any order.
 */
static bool
is_same_reference(const Note *note, HeapTuple tuple)
{
	Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tuple);
	Key			columns = {0};
	Key			referenced = {0};

	read_key(tuple, Anum_pg_constraint_conkey, &columns);
	read_key(tuple, Anum_pg_constraint_confkey, &referenced);
	if (form->confrelid != note->form.confrelid ||
		columns.count != note->columns.count || referenced.count != columns.count ||
		ig_constraint_has_period(form) != ig_constraint_has_period(&note->form) ||
		!is_action_safe(note->form.confdeltype, form->confdeltype) ||
		!is_action_safe(note->form.confupdtype, form->confupdtype) ||
		(note->form.confmatchtype == FKCONSTR_MATCH_FULL &&
		 form->confmatchtype != FKCONSTR_MATCH_FULL))
		return false;

	for (int i = 0; i < columns.count; i++)
	{
		bool		found = false;

		for (int j = 0; j < columns.count && !found; j++)
			found = columns.columns[i] == note->columns.columns[j] &&
				referenced.columns[i] == note->referenced.columns[j];
		if (!found)
			return false;
	}
	return true;
}

/*
 * Does the new action change no row that the old one left alone?  Those that
 * set columns may name them, so they must be the same to the letter.
 */
static bool
is_action_safe(char old_action, char new_action)
{
	if (new_action == FKCONSTR_ACTION_NOACTION || new_action == FKCONSTR_ACTION_RESTRICT)
		return true;
	return old_action == FKCONSTR_ACTION_CASCADE && new_action == old_action;
}

/*
 * Constraint or bare index: both refuse the same rows.  A primary key must be
 * one again, and its columns NOT NULL.
 */
static bool
has_unique_key(Oid relid, const Note *note, const Note *except)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	ListCell   *lc;
	bool		found = false;

	if (relation == NULL)
		return true;

	foreach(lc, RelationGetIndexList(relation))
	{
		UniqueKey	candidate = {{0}};

		if ((except != NULL && lfirst_oid(lc) == except->form.conindid) ||
			!read_unique_key(lfirst_oid(lc), &candidate) ||
			(note->unique.primary && !candidate.primary))
			continue;
		found = found || is_key_as_strict(relid, &note->unique, &candidate);
	}
	relation_close(relation, AccessShareLock);
	return found && (!note->unique.primary || are_columns_not_null(relid, &note->unique.key));
}

/*
 * Rows that differ in some of the columns differ in all of them.
 */
static bool
is_key_as_strict(Oid relid, const UniqueKey *old, const UniqueKey *candidate)
{
	if (old->immediate && !candidate->immediate)
		return false;
	if (old->nulls_not_distinct && !candidate->nulls_not_distinct &&
		!are_columns_not_null(relid, &candidate->key))
		return false;

	for (int i = 0; i < candidate->key.count; i++)
	{
		bool		found = false;

		for (int j = 0; j < old->key.count && !found; j++)
			found = candidate->key.columns[i] == old->key.columns[j] &&
				candidate->families[i] == old->families[j] &&
				candidate->collations[i] == old->collations[j];
		if (!found)
			return false;
	}
	return true;
}

static bool
are_columns_not_null(Oid relid, const Key *key)
{
	for (int i = 0; i < key->count; i++)
	{
		if (!ig_column_refuses_null(relid, key->columns[i]))
			return false;
	}
	return true;
}

/*
 * The enforced CHECKs of a table, valid or not, and where heirs count, only
 * those that they have too.
 */
static List *
enforced_checks(TupleDesc desc, bool for_heirs, const Note *except)
{
	List	   *result = NIL;

	for (int i = 0; desc->constr != NULL && i < desc->constr->num_check; i++)
	{
		const ConstrCheck *check = &desc->constr->check[i];

		if (ig_check_enforced(check) && !(for_heirs && check->ccnoinherit) &&
			(except == NULL || strcmp(check->ccname, NameStr(except->form.conname)) != 0))
			result = list_concat(result, predicate_of(stringToNode(check->ccbin)));
	}
	return result;
}

/*
 * What the server takes for a proof between CHECK constraints; NOT NULL is
 * known too.
 */
bool
ig_replacement_is_implied(Oid relid, List *predicate, bool for_heirs)
{
	return is_implied(relid, predicate, for_heirs, NULL);
}

static bool
is_implied(Oid relid, List *predicate, bool for_heirs, const Note *except)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	TupleDesc	desc;
	List	   *facts;
	bool		implied;

	if (relation == NULL)
		return true;

	desc = RelationGetDescr(relation);
	facts = enforced_checks(desc, for_heirs, except);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attnotnull)
			facts = lappend(facts, ig_replacement_not_null_test(att));
	}
	implied = predicate_implied_by(predicate, facts, true);
	relation_close(relation, AccessShareLock);
	return implied;
}

/*
 * Does a CHECK say the same but for the types of what it compares?  So it is
 * where it went for the time of a type change.
 */
static bool
is_stated(Oid relid, const Note *note, const Note *except)
{
	Relation	relation = try_relation_open(relid, AccessShareLock);
	List	   *facts;
	List	   *wanted;
	ListCell   *lc;

	if (relation == NULL)
		return true;

	facts = enforced_checks(RelationGetDescr(relation), !note->form.connoinherit, except);
	facts = (List *) without_types((Node *) facts, NULL);
	wanted = (List *) without_types((Node *) note->predicate, NULL);
	relation_close(relation, AccessShareLock);

	foreach(lc, wanted)
	{
		if (!list_member(facts, lfirst(lc)))
			return false;
	}
	return true;
}

/*
 * A copy without casts that change nothing, and without what tells a column's
 * type; the operators and functions still do.
 */
static Node *
without_types(Node *node, void *context)
{
	if (node == NULL)
		return NULL;

	if (IsA(node, RelabelType))
		return without_types((Node *) ((RelabelType *) node)->arg, context);
	if (IsA(node, Var))
	{
		Var		   *var = copyObject((Var *) node);

		var->vartype = InvalidOid;
		var->vartypmod = -1;
		return (Node *) var;
	}
	if (IsA(node, Const))
	{
		Const	   *constant = copyObject((Const *) node);

		constant->consttype = InvalidOid;
		constant->consttypmod = -1;
		return (Node *) constant;
	}
	return expression_tree_mutator(node, without_types, context);
}

/*
 * Not row-wise, also for composite types: that is what NOT NULL means.
 */
NullTest *
ig_replacement_not_null_test(Form_pg_attribute att)
{
	NullTest   *test = makeNode(NullTest);

	test->arg = (Expr *) makeVar(1, att->attnum, att->atttypid, att->atttypmod,
								 att->attcollation, 0);
	test->nulltesttype = IS_NOT_NULL;
	test->argisrow = false;
	test->location = -1;
	return test;
}
