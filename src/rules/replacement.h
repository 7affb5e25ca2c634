/*-------------------------------------------------------------------------
 *
 * replacement.h
 *	  What a later statement of the same transaction can put right.
 *
 * Each pair belongs to a kind of finding: before the statement runs, the first
 * function notes what is about to be lost (NULL if nothing can make up for
 * it); when the transaction is about to commit, the second one holds what is
 * there by then against the note.  The note is allocated in the current memory
 * context, which must last as long.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_REPLACEMENT_H
#define IG_REPLACEMENT_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "nodes/primnodes.h"

#include "model/change.h"

/* A constraint: one as strict, enforced, on the same table. */
extern void *ig_replacement_note_constraint(const IgChange *change);
extern bool ig_replacement_has_constraint(const IgChange *change, const void *note);

/* NOT NULL, or an enforced constraint that says the same. */
extern void *ig_replacement_note_column(const IgChange *change);
extern bool ig_replacement_has_not_null(const IgChange *change, const void *note);

/* A default, whatever it is. */
extern bool ig_replacement_has_default(const IgChange *change, const void *note);

/* A name that can be read: the relation itself, or a view in its place. */
extern void *ig_replacement_note_relation(const IgChange *change);
extern bool ig_replacement_has_relation(const IgChange *change, const void *note);

/* A function: one that is called in the same way, and by the same roles. */
extern void *ig_replacement_note_function(const IgChange *change);
extern bool ig_replacement_has_function(const IgChange *change, const void *note);

/*
 * Do the table's enforced CHECK and NOT NULL constraints, valid or not, imply
 * the predicate, an implicit AND; also for its heirs?
 */
extern bool ig_replacement_is_implied(Oid relid, List *predicate, bool for_heirs);
extern NullTest *ig_replacement_not_null_test(Form_pg_attribute att);

#endif							/* IG_REPLACEMENT_H */
