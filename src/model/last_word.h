/*-------------------------------------------------------------------------
 *
 * last_word.h
 *	  Triggers that fire after a row rule's own, and have the last word.
 *
 * A rule that sets columns does it BEFORE ROW.  Such triggers fire in the order
 * of their names, and each may change what the one before it has set.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LAST_WORD_H
#define IG_LAST_WORD_H

#include "postgres.h"

#include "model/row_rule.h"

typedef struct IgLateTrigger
{
	char	   *name;
	bool		is_clone;		/* of the partitioned table's */
} IgLateTrigger;

/*
 * The rule's trigger on the relation over which a trigger of this name and type
 * (TRIGGER_TYPE_ bits) would have the last word, or NULL.  The caller knows that
 * it is none of ours.
 */
extern const IgDeclaredTrigger *ig_overruled_trigger(Oid relid, const char *name, int16 type);

/*
 * Those that have it over this one: a List of IgLateTrigger.  Not those that are
 * disabled, nor ours.
 */
extern List *ig_late_triggers(const IgDeclaredTrigger *declared);

/* What makes one of them fire before: a statement, or prose behind "--". */
extern char *ig_late_rename(const IgLateTrigger *late, const IgDeclaredTrigger *declared);

/* A name for such a trigger by which it fires before this one, or NULL. */
extern char *ig_earlier_name(const char *name, const IgDeclaredTrigger *declared);

#endif							/* IG_LAST_WORD_H */
