/*-------------------------------------------------------------------------
 *
 * when.h
 *	  WHEN clauses of row rules, answered without the server's executor.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_WHEN_H
#define IG_WHEN_H

#include "postgres.h"

#include "executor/execdesc.h"

/*
 * Before a statement that changes rows runs: gives its triggers the answer to
 * those WHEN clauses that are nothing but uses() or changed().  It is the one
 * that the server would come to.  What is not prepared here, the server does.
 */
extern void ig_when_prepare(const QueryDesc *query);

#endif							/* IG_WHEN_H */
