/*-------------------------------------------------------------------------
 *
 * own_query.c
 *	  SPI for queries of our own, which are no use of the columns they read.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "columns/usage_mark.h"
#include "rows/own_query.h"

int
ig_own_query(const char *sql, int nargs, Oid *types, Datum *values, const char *nulls,
			 bool read_only, long limit)
{
	IgUsageMark outer = ig_usage_mark;
	int			result;

	ig_usage_mark = IG_MARK_OWN;
	result = SPI_execute_with_args(sql, nargs, types, values, nulls, read_only, limit);
	ig_usage_mark = outer;
	return result;
}

int
ig_own_plan(SPIPlanPtr plan, Datum *values, Snapshot snapshot, Snapshot crosscheck,
			bool read_only, bool fire_triggers, long limit)
{
	IgUsageMark outer = ig_usage_mark;
	int			result;

	ig_usage_mark = IG_MARK_OWN;
	result = SPI_execute_snapshot(plan, values, NULL, snapshot, crosscheck, read_only,
								  fire_triggers, limit);
	ig_usage_mark = outer;
	return result;
}

Portal
ig_own_cursor(const char *sql, int nargs, Oid *types, Datum *values)
{
	IgUsageMark outer = ig_usage_mark;
	Portal		portal;

	ig_usage_mark = IG_MARK_OWN;
	portal = SPI_cursor_open_with_args(NULL, sql, nargs, types, values, NULL, true, 0);
	ig_usage_mark = outer;
	return portal;
}
