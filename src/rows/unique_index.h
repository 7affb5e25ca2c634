/*-------------------------------------------------------------------------
 *
 * unique_index.h
 *	  The index that holds unique_active: what it has to be, and making it.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_UNIQUE_INDEX_H
#define IG_UNIQUE_INDEX_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "rows/declare.h"
#include "rows/declared.h"

typedef struct IgUniqueIndex
{
	char	   *name;			/* in the table's schema */
	List	   *columns;		/* of char * */
	Node	   *predicate;		/* as the server takes it from pg_index */
	char	   *predicate_sql;	/* columns unqualified, all else qualified */
	bool		nulls_not_distinct;
} IgUniqueIndex;

/*
 * What the rule asks for.  Raises for a predicate that is no boolean expression
 * of immutable functions over the table's columns.
 */
extern void ig_unique_index_predicate(IgDeclaration *d, IgUniqueIndex *index,
									  const char *predicate);

/* 'a, "B"' */
extern char *ig_unique_index_columns(const IgUniqueIndex *index);

/*
 * CREATE UNIQUE INDEX for a table; options is put in front of the index's name
 * ("CONCURRENTLY "), only in front of the table's.
 */
extern char *ig_unique_index_sql(const IgUniqueIndex *index, const char *options,
								 const char *name, const char *only, const char *table);

/* NULL if the relation is this index of the table; else why it is not. */
extern char *ig_unique_index_mismatch(const IgDeclaration *d, const IgUniqueIndex *index,
									  Oid indexrelid);

/*
 * Make it.  Raises, with the statements that build it while the table is in
 * use, if the gate does not let it be built; and if rows break the rule.
 */
extern void ig_unique_index_create(IgDeclaration *d, const IgUniqueIndex *index,
								   const char *call);

/*
 * SQL that gives value jsonb, count bigint, samples jsonb: a row for each owner
 * that has several rows; predicate_sql may be NULL.
 */
extern char *ig_unique_index_duplicates(Relation rel, const char *table, List *columns,
										const char *predicate_sql,
										bool nulls_not_distinct);

/* An index that is gone or does not hold the rule, for verify_rules(). */
extern void ig_unique_active_verify(const IgDeclaredRule *rule, IgRuleTell tell, void *verifier);

#endif							/* IG_UNIQUE_INDEX_H */
