/*-------------------------------------------------------------------------
 *
 * own_query.h
 *	  SPI for queries of our own, which are no use of the columns they read.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_OWN_QUERY_H
#define IG_OWN_QUERY_H

#include "postgres.h"

#include "executor/spi.h"

/*
 * As SPI_execute_with_args, SPI_execute_snapshot and SPI_cursor_open_with_args.
 * They are recorded as checks are; what they make others run, triggers and
 * functions, as ever.
 */
extern int	ig_own_query(const char *sql, int nargs, Oid *types, Datum *values,
						 const char *nulls, bool read_only, long limit);
extern int	ig_own_plan(SPIPlanPtr plan, Datum *values, Snapshot snapshot,
						Snapshot crosscheck, bool read_only, bool fire_triggers,
						long limit);
extern Portal ig_own_cursor(const char *sql, int nargs, Oid *types, Datum *values);

#endif							/* IG_OWN_QUERY_H */
