/*-------------------------------------------------------------------------
 *
 * anchor.c
 *	  uses() and changed(): the columns of a rule, in its WHEN clause.
 *
 * There the server keeps them true: it follows a rename, refuses a drop and a
 * change of type, maps them to the columns of partitions, and pg_dump writes
 * them by their present names.  changed() is a filter besides: a trigger whose
 * columns stay as they are is not called, and one that fires AFTER is not even
 * queued.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

#include "platform/compat.h"
#include "rows/anchor.h"

PG_FUNCTION_INFO_V1(ig_anchor_uses);
PG_FUNCTION_INFO_V1(ig_anchor_changed);

typedef struct ArgumentType
{
	int16		typlen;
	bool		typbyval;
} ArgumentType;

static const ArgumentType *argument_types(FunctionCallInfo fcinfo);

/*
 * invariant_guard.uses(VARIADIC "any") returns boolean: true.
 */
Datum
ig_anchor_uses(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(true);
}

/*
 * invariant_guard.changed(VARIADIC "any") returns boolean: does any pair of
 * arguments, OLD's and NEW's, differ?  By the values' bytes, so that it takes
 * any type, and takes 1.0 and 1.00 for two.
 */
Datum
ig_anchor_changed(PG_FUNCTION_ARGS)
{
	const ArgumentType *types = (const ArgumentType *) fcinfo->flinfo->fn_extra;

	if (types == NULL)
		types = argument_types(fcinfo);

	for (int i = 0; i + 1 < PG_NARGS(); i += 2)
	{
		if (!ig_same_value(PG_GETARG_DATUM(i), PG_ARGISNULL(i),
						   PG_GETARG_DATUM(i + 1), PG_ARGISNULL(i + 1),
						   types[i].typbyval, types[i].typlen))
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

static const ArgumentType *
argument_types(FunctionCallInfo fcinfo)
{
	ArgumentType *types;

	if (PG_NARGS() % 2 != 0 || get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("function invariant_guard.changed() takes pairs of values"),
				 errhint("changed(old.a, new.a, old.b, new.b)")));

	types = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ArgumentType) * PG_NARGS());
	for (int i = 0; i < PG_NARGS(); i++)
	{
		Oid			typid = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (typid != get_fn_expr_argtype(fcinfo->flinfo, i - i % 2))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("arguments %d and %d of function invariant_guard.changed() differ in type",
							i, i + 1)));
		get_typlenbyval(typid, &types[i].typlen, &types[i].typbyval);
	}
	fcinfo->flinfo->fn_extra = types;
	return types;
}
