/*-------------------------------------------------------------------------
 *
 * script_column.h
 *	  Columns and constraints in a judged script; a part of its review.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SCRIPT_COLUMN_H
#define IG_SCRIPT_COLUMN_H

#include "postgres.h"

#include "gate/script.h"

#define IG_TOUCH_BIT(kind)	(1u << (kind))

/* Those that make a column, end it, or give it another name. */
#define IG_TOUCHES_LIFE \
	(IG_TOUCH_BIT(IG_TOUCH_ADD_COLUMN) | IG_TOUCH_BIT(IG_TOUCH_DROP_COLUMN) | \
	 IG_TOUCH_BIT(IG_TOUCH_RENAME_COLUMN))

/* The last touch of one of these kinds; of that name, if one is given. */
extern const IgTouch *ig_script_touched(Oid relid, uint32 kinds, const char *name);

extern void ig_script_review_alter(IgStatement *stmt, IgScriptDoubt doubt);
extern void ig_script_review_rename(IgStatement *stmt, IgScriptDoubt doubt);
extern void ig_script_review_nullable(const IgRelation *rel, IgConstraintSpec *spec);
extern void ig_script_review_drop_trigger(List *names, IgScriptDoubt doubt);

/* script_proof.c: what SET NOT NULL would have to do */
typedef enum IgScriptWork
{
	IG_WORK_NONE,
	IG_WORK_SCAN,
	IG_WORK_UNKNOWN				/* *because tells which touch */
} IgScriptWork;

extern IgScriptWork ig_script_not_null_work(const IgRelation *rel, const char *column,
											bool catalog_scans, List *dropped,
											const IgTouch **because);
extern bool ig_script_is_spent_check(const IgRelation *rel, const char *constraint);

#endif							/* IG_SCRIPT_COLUMN_H */
