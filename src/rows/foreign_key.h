/*-------------------------------------------------------------------------
 *
 * foreign_key.h
 *	  Foreign keys as row rules see them, and conditions on their columns.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_FOREIGN_KEY_H
#define IG_FOREIGN_KEY_H

#include "postgres.h"

#include "access/attnum.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "pg_config_manual.h"
#include "utils/rel.h"

/* One that the server enforces. */
typedef struct IgForeignKey
{
	Oid			constraint;
	char	   *name;
	Oid			child;			/* the table that refers */
	Oid			parent;			/* the one that is referred to */
	char		on_delete;		/* FKCONSTR_ACTION_... */
	bool		has_period;		/* its last columns are ranges */
	int			nkeys;
	AttrNumber	child_columns[INDEX_MAX_KEYS];
	AttrNumber	parent_columns[INDEX_MAX_KEYS];
	Oid			operators[INDEX_MAX_KEYS];	/* parent = child */
	Oid			same[INDEX_MAX_KEYS];	/* parent = parent */
} IgForeignKey;

/*
 * Those that refer to the relation, as its triggers tell: for a partition its
 * own, by its own columns' numbers.
 */
extern List *ig_foreign_keys_to(Relation parent);

/*
 * Those of the relation, each once: not what the server derived from them for
 * the partitions of the table that is referred to.
 */
extern List *ig_foreign_keys_of(Relation child);

/* Are these, in whatever order, the columns that refer? */
extern bool ig_foreign_key_has_columns(const IgForeignKey *key, const List *attnums);

/* The names of the columns that refer: a List of char *. */
extern List *ig_foreign_key_columns(const IgForeignKey *key);

/* "schema.name", after ONLY where the foreign key does not look below. */
extern char *ig_foreign_key_table(Oid relid);

/*
 * Append "parent.a = child.b AND ...".  An alias that is NULL stands for
 * parameters $1, $2, ... of that side's types.
 */
extern void ig_foreign_key_condition(StringInfo buf, const IgForeignKey *key,
									 const char *parent, const char *child);

/* Append "a = $1 AND ..." of the parent's own columns. */
extern void ig_foreign_key_parent(StringInfo buf, const IgForeignKey *key,
								  const char *parent);

/* The types of one side's columns, for these parameters. */
extern void ig_foreign_key_types(const IgForeignKey *key, bool of_parent, Oid *types);

#endif							/* IG_FOREIGN_KEY_H */
