/*-------------------------------------------------------------------------
 *
 * label.h
 *	  The class of a table and its retirement, kept as its security label; and
 *	  the retirement of a column.
 *
 * The label of a table is a list of classes, 'financial', 'protected' or both,
 * and a retirement, which comes last: its reason is the rest of the label.  All
 * parts are separated by commas.  The label of a column is a retirement.  A
 * label follows renames, goes with what bears it, and is carried by pg_dump and
 * pg_upgrade.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LABEL_H
#define IG_LABEL_H

#include "postgres.h"

#include "access/attnum.h"

#include "platform/relation.h"
#include "platform/retirement.h"

/*
 * Called before a table loses classes, when its owner's right to change the
 * label was checked and the table is locked.  May raise an error.
 */
extern void (*ig_label_weakened_hook) (Oid relid, int lost_classes);

extern void ig_label_init(void);

/*
 * May the current user give a retirement any time and role?  So it is for
 * superusers, and for whoever may set retirement_period.
 */
extern bool ig_label_may_backdate(void);

/* The IG_CLASS_ bits of the relation's own label, whatever its ancestors'. */
extern int	ig_label_classes_of(Oid relid);

/*
 * The retirement by the own label of a table or, with an attribute number, of
 * a column; NULL if there is none.
 */
extern IgRetirement *ig_label_retirement_of(Oid relid, AttrNumber attnum);

/* The retirement in the text of a label; NULL if there is none. */
extern IgRetirement *ig_label_retirement_in(const char *label);

/* The numbers of the table's columns that bear a label. */
extern List *ig_label_columns(Oid relid);

/* Retire, or with NULL take that back; like ig_label_set. */
extern void ig_label_set_retirement(Oid relid, AttrNumber attnum,
									const IgRetirement *retirement);

/*
 * The classes in the label of a table, which may have a retirement besides.
 */
extern int	ig_label_classes_in(const char *label);

/*
 * Parse a list of classes.  False when it contains a word that is no class, or none at
 * all (bad_word is then empty); classes has what was understood even so.
 */
extern bool ig_label_parse(const char *label, int *classes, char **bad_word);

/* The list of these classes; NULL for none. */
extern char *ig_label_text(int classes);

/* Raise the error for a word that is no class. */
extern void ig_label_bad_class(const char *word);

/*
 * Do what SECURITY LABEL does once it has found and locked the table and
 * checked its ownership, which the caller must have done.  The rest of the
 * label stays as it is.
 */
extern void ig_label_set(Oid relid, int classes);

#endif							/* IG_LABEL_H */
