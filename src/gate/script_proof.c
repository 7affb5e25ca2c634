/*-------------------------------------------------------------------------
 *
 * script_proof.c
 *	  Does a judged script prove that a column holds no null value?
 *
 * The usual way to NOT NULL is CHECK (column IS NOT NULL) NOT VALID, VALIDATE,
 * SET NOT NULL, and to drop the CHECK.  Of the script's own constraints only
 * this form is understood; any other one that is valid and names the column
 * may prove it or not.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_constraint.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/script_column.h"
#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/inherit.h"

typedef enum Proof
{
	PROOF_NONE,
	PROOF_MAYBE,
	PROOF_SURE
} Proof;

static bool names_column(Node *node, void *column);
static bool is_column(const Node *node, const char *column);
static Proof raw_proof(Node *expr, const char *column);
static Proof cooked_proof(Node *expr, AttrNumber attnum);
static Proof catalog_proof(Oid relid, const char *constraint, const char *column,
						   bool alone);
static bool is_dropped_since(const IgScriptObject *object, int place, const char *name,
							 List *dropped);
static bool is_validated_since(const IgScriptObject *object, int place, const char *name);
static Proof constraint_proof(const IgScriptObject *object, int place,
							  const IgRelation *rel, const char *column);

static bool
is_column(const Node *node, const char *column)
{
	const ColumnRef *ref = (const ColumnRef *) node;

	return node != NULL && IsA(node, ColumnRef) && ref->fields != NIL &&
		IsA(llast(ref->fields), String) && strcmp(strVal(llast(ref->fields)), column) == 0;
}

static bool
names_column(Node *node, void *column)
{
	if (node == NULL)
		return false;
	if (is_column(node, (const char *) column))
		return true;
	return raw_expression_tree_walker(node, names_column, column);
}

static Proof
raw_proof(Node *expr, const char *column)
{
	ListCell   *lc;

	if (expr == NULL)
		return PROOF_NONE;
	if (IsA(expr, NullTest) && ((NullTest *) expr)->nulltesttype == IS_NOT_NULL &&
		is_column((Node *) ((NullTest *) expr)->arg, column))
		return PROOF_SURE;
	if (IsA(expr, BoolExpr) && ((BoolExpr *) expr)->boolop == AND_EXPR)
	{
		foreach(lc, ((BoolExpr *) expr)->args)
		{
			if (raw_proof((Node *) lfirst(lc), column) == PROOF_SURE)
				return PROOF_SURE;
		}
	}
	return names_column(expr, unconstify(char *, column)) ? PROOF_MAYBE : PROOF_NONE;
}

/* The same for an expression of the catalog. */
static Proof
cooked_proof(Node *expr, AttrNumber attnum)
{
	Bitmapset  *attnums = NULL;
	ListCell   *lc;

	if (IsA(expr, NullTest) && ((NullTest *) expr)->nulltesttype == IS_NOT_NULL &&
		!((NullTest *) expr)->argisrow && IsA(((NullTest *) expr)->arg, Var) &&
		((Var *) ((NullTest *) expr)->arg)->varattno == attnum)
		return PROOF_SURE;
	if (IsA(expr, BoolExpr) && ((BoolExpr *) expr)->boolop == AND_EXPR)
	{
		foreach(lc, ((BoolExpr *) expr)->args)
		{
			if (cooked_proof((Node *) lfirst(lc), attnum) == PROOF_SURE)
				return PROOF_SURE;
		}
	}
	pull_varattnos(expr, 1, &attnums);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attnums) ?
		PROOF_MAYBE : PROOF_NONE;
}

/*
 * What a constraint of the catalog proves, if it is valid; with alone, if it
 * says nothing else.
 */
static Proof
catalog_proof(Oid relid, const char *constraint, const char *column, bool alone)
{
	Oid			conoid = get_relation_constraint_oid(relid, constraint, true);
	AttrNumber	attnum = get_attnum(relid, column);
	HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(conoid));
	Proof		proof = PROOF_NONE;
	Form_pg_constraint form;
	Datum		datum;
	bool		isnull;

	if (!HeapTupleIsValid(tuple))
		return PROOF_NONE;
	form = (Form_pg_constraint) GETSTRUCT(tuple);
	datum = SysCacheGetAttr(CONSTROID, tuple, Anum_pg_constraint_conbin, &isnull);
	if (form->contype == CONSTRAINT_CHECK && !isnull && attnum > 0)
	{
		Node	   *expr = stringToNode(TextDatumGetCString(datum));

		if (!alone || IsA(expr, NullTest))
			proof = cooked_proof(expr, attnum);
	}
	else if (form->contype == IG_CONSTRAINT_NOTNULL && attnum > 0)
	{
		HeapTuple	own = ig_not_null_constraint(relid, attnum);

		if (HeapTupleIsValid(own) &&
			((Form_pg_constraint) GETSTRUCT(own))->oid == conoid)
			proof = PROOF_SURE;
	}
	ReleaseSysCache(tuple);
	return proof;
}

static bool
is_dropped_since(const IgScriptObject *object, int place, const char *name, List *dropped)
{
	ListCell   *lc;

	if (name == NULL)
		return false;
	foreach(lc, dropped)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			return true;
	}
	for (int i = place + 1; i < list_length(object->touches); i++)
	{
		const IgTouch *touch = (const IgTouch *) list_nth(object->touches, i);

		if (touch->kind == IG_TOUCH_DROP_CONSTRAINT && strcmp(touch->name, name) == 0)
			return true;
	}
	return false;
}

static bool
is_validated_since(const IgScriptObject *object, int place, const char *name)
{
	for (int i = place + 1; i < list_length(object->touches); i++)
	{
		const IgTouch *touch = (const IgTouch *) list_nth(object->touches, i);

		if (touch->kind == IG_TOUCH_VALIDATE && name != NULL &&
			strcmp(touch->name, name) == 0)
			return true;
	}
	return false;
}

/*
 * What one touch of the table proves.  A constraint without a name in the
 * script may be validated by the one that the server gave it.
 */
static Proof
constraint_proof(const IgScriptObject *object, int place, const IgRelation *rel,
				 const char *column)
{
	const IgTouch *touch = (const IgTouch *) list_nth(object->touches, place);
	const Constraint *con = (const Constraint *) touch->node;
	Proof		proof;

	if (touch->kind == IG_TOUCH_VALIDATE)
		return rel->is_foretold ? PROOF_NONE :
			catalog_proof(rel->relid, touch->name, column, false);
	if (touch->kind != IG_TOUCH_ADD_CONSTRAINT)
		return PROOF_NONE;

	if (con->contype == CONSTR_CHECK)
		proof = raw_proof(con->raw_expr, column);
	else if (con->contype == CONSTR_NOTNULL && con->keys != NIL &&
			 strcmp(strVal(linitial(con->keys)), column) == 0)
		proof = PROOF_SURE;
	else
		return PROOF_NONE;

	if (proof == PROOF_NONE || !ig_constraint_enforced(con))
		return PROOF_NONE;
	if (con->is_no_inherit && list_length(ig_inheritors(rel->relid, NULL)) > 1)
		proof = PROOF_MAYBE;
	if (con->skip_validation && con->conname == NULL)
		return PROOF_MAYBE;
	if (con->skip_validation && !is_validated_since(object, place, con->conname))
		return PROOF_NONE;
	return proof;
}

/*
 * catalog_scans tells what the catalog alone says; dropped are the constraints
 * that the statement itself drops.
 */
IgScriptWork
ig_script_not_null_work(const IgRelation *rel, const char *column, bool catalog_scans,
						List *dropped, const IgTouch **because)
{
	const IgScriptObject *object = ig_script_peek(rel->relid);
	const IgTouch *life = ig_script_touched(rel->relid, IG_TOUCHES_LIFE, column);
	const IgTouch *null = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_NOT_NULL) |
											IG_TOUCH_BIT(IG_TOUCH_NULLABLE), column);
	const IgTouch *changed;

	*because = NULL;
	if (object == NULL)
		return catalog_scans ? IG_WORK_SCAN : IG_WORK_NONE;
	if (null != NULL && null->kind == IG_TOUCH_NOT_NULL)
		return IG_WORK_NONE;
	if (life != NULL && life->kind == IG_TOUCH_DROP_COLUMN)
		return IG_WORK_NONE;
	if (life != NULL && life->kind == IG_TOUCH_RENAME_COLUMN)
	{
		*because = life;
		return IG_WORK_UNKNOWN;
	}

	for (int i = 0; i < list_length(object->touches); i++)
	{
		const IgTouch *touch = (const IgTouch *) list_nth(object->touches, i);
		Proof		proof = constraint_proof(object, i, rel, column);

		if (proof == PROOF_NONE || is_dropped_since(object, i, touch->name, dropped))
			continue;
		if (proof == PROOF_SURE)
			return IG_WORK_NONE;
		*because = touch;
	}
	if (*because != NULL)
		return IG_WORK_UNKNOWN;
	if (life != NULL || rel->is_foretold)
		return IG_WORK_SCAN;
	if (null == NULL && !catalog_scans &&
		ig_column_refuses_null(rel->relid, get_attnum(rel->relid, column)))
		return IG_WORK_NONE;

	changed = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_DROP_CONSTRAINT) |
								IG_TOUCH_BIT(IG_TOUCH_OTHER_CONSTRAINT) |
								IG_TOUCH_BIT(IG_TOUCH_PARTITIONS), NULL);
	if (null != NULL || (!catalog_scans && changed != NULL))
	{
		*because = null ? null : changed;
		return IG_WORK_UNKNOWN;
	}
	return catalog_scans ? IG_WORK_SCAN : IG_WORK_NONE;
}

/*
 * Is it a CHECK (column IS NOT NULL) of a column that the script has made NOT
 * NULL?  Its work is done, and nothing gets in without it.
 */
bool
ig_script_is_spent_check(const IgRelation *rel, const char *constraint)
{
	const IgScriptObject *object = ig_script_peek(rel->relid);
	const IgTouch *added = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_ADD_CONSTRAINT),
											 constraint);
	ListCell   *lc;

	foreach(lc, object ? object->touches : NIL)
	{
		const IgTouch *touch = (const IgTouch *) lfirst(lc);
		const Constraint *con = added ? (const Constraint *) added->node : NULL;
		const IgTouch *last;
		Proof		proof;

		if (touch->kind != IG_TOUCH_NOT_NULL)
			continue;
		last = ig_script_touched(rel->relid, IG_TOUCH_BIT(IG_TOUCH_NOT_NULL) |
								 IG_TOUCH_BIT(IG_TOUCH_NULLABLE), touch->name);
		if (last->kind != IG_TOUCH_NOT_NULL)
			continue;
		if (con != NULL)
			proof = con->contype == CONSTR_CHECK && con->raw_expr != NULL &&
				IsA(con->raw_expr, NullTest) ? raw_proof(con->raw_expr, touch->name) : PROOF_NONE;
		else
			proof = catalog_proof(rel->relid, constraint, touch->name, true);
		if (proof == PROOF_SURE)
			return true;
	}
	return false;
}

/*
 * Of the columns of a foreign key those that may hold NULL, by the script too.
 */
void
ig_script_review_nullable(const IgRelation *rel, IgConstraintSpec *spec)
{
	ListCell   *lc;

	if (ig_script_peek(rel->relid) == NULL)
		return;

	spec->nullable = NIL;
	foreach(lc, spec->columns)
	{
		char	   *column = (char *) lfirst(lc);
		const IgTouch *touch = ig_script_touched(rel->relid,
												 IG_TOUCH_BIT(IG_TOUCH_NOT_NULL) |
												 IG_TOUCH_BIT(IG_TOUCH_NULLABLE), column);
		HeapTuple	tuple = SearchSysCacheAttName(rel->relid, column);
		bool		nullable = true;

		if (HeapTupleIsValid(tuple))
		{
			nullable = !((Form_pg_attribute) GETSTRUCT(tuple))->attnotnull;
			ReleaseSysCache(tuple);
		}
		if (touch != NULL)
			nullable = touch->kind == IG_TOUCH_NULLABLE;
		if (nullable)
			spec->nullable = lappend(spec->nullable, column);
	}
}
