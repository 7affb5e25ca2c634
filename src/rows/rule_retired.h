/*-------------------------------------------------------------------------
 *
 * rule_retired.h
 *	  Row rules and columns that are retired: one of them has to go first.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RULE_RETIRED_H
#define IG_RULE_RETIRED_H

#include "postgres.h"

#include "access/attnum.h"

#include "rows/declare.h"

/*
 * Raise if a row rule of the table, or of one that inherits from it, names the
 * column: no statement could give it the values that the rule needs.
 */
extern void ig_rule_check_block_writes(Oid relid, AttrNumber attnum);

/*
 * Raise if one of the triggers that were written depends on a column that is
 * retired by itself.  A table that is retired as a whole may get rules.
 */
extern void ig_rule_check_not_retired(const IgDeclaration *d);

#endif							/* IG_RULE_RETIRED_H */
