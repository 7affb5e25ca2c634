/*-------------------------------------------------------------------------
 *
 * label.h
 *	  The class of a table, kept as its security label.
 *
 * A label is a list of classes: 'financial', 'protected', or both with a comma
 * between them.  It follows renames, goes with the table, and is carried by
 * pg_dump and pg_upgrade.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_LABEL_H
#define IG_LABEL_H

#include "postgres.h"

#include "platform/relation.h"

/*
 * Called before a table loses classes, when its owner's right to change the
 * label was checked and the table is locked.  May raise an error.
 */
extern void (*ig_label_weakened_hook) (Oid relid, int lost_classes);

extern void ig_label_init(void);

/* The IG_CLASS_ bits of the relation's own label, whatever its ancestors'. */
extern int	ig_label_classes_of(Oid relid);

/*
 * Parse a label.  False when it contains a word that is no class, or none at
 * all (bad_word is then empty); classes has what was understood even so.
 */
extern bool ig_label_parse(const char *label, int *classes, char **bad_word);

/* The label for these classes; NULL for none. */
extern char *ig_label_text(int classes);

/* Raise the error for a word that is no class. */
extern void ig_label_bad_class(const char *word);

/*
 * Do what SECURITY LABEL does once it has found and locked the table and
 * checked its ownership, which the caller must have done.
 */
extern void ig_label_set(Oid relid, int classes);

#endif							/* IG_LABEL_H */
