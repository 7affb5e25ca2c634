/*-------------------------------------------------------------------------
 *
 * anchor.h
 *	  When two values are the same.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ANCHOR_H
#define IG_ANCHOR_H

#include "postgres.h"

#include "utils/datum.h"

#include "platform/compat.h"

/*
 * Are two values of a type the same, byte by byte?  Takes any type, and takes
 * 1.0 and 1.00 for two.  A value that is stored out of line, and that an UPDATE
 * has left alone, is not read.
 */
static inline bool
ig_same_value(Datum a, bool a_isnull, Datum b, bool b_isnull, bool typbyval, int typlen)
{
	if (a_isnull || b_isnull)
		return a_isnull == b_isnull;
	if (typlen == -1)
	{
		const struct varlena *x = (const struct varlena *) DatumGetPointer(a);
		const struct varlena *y = (const struct varlena *) DatumGetPointer(b);

		if (VARATT_IS_EXTERNAL_ONDISK(x) && VARATT_IS_EXTERNAL_ONDISK(y) &&
			memcmp(x, y, VARSIZE_EXTERNAL(x)) == 0)
			return true;
	}
	return datum_image_eq(a, b, typbyval, typlen);
}

#endif							/* IG_ANCHOR_H */
