/*-------------------------------------------------------------------------
 *
 * script_source.h
 *	  The text of a script that is to be judged.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SCRIPT_SOURCE_H
#define IG_SCRIPT_SOURCE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * The statements, as RawStmts.  Raises the server's error for bad syntax, and
 * clear ones for what only psql understands.
 */
extern List *ig_script_parse(const char *source);

/* The text of one, without the comments before it. */
extern char *ig_script_statement(const char *source, const RawStmt *raw);

#endif							/* IG_SCRIPT_SOURCE_H */
