/*-------------------------------------------------------------------------
 *
 * relation.h
 *	  What the rules know about a relation.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RELATION_H
#define IG_RELATION_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "nodes/primnodes.h"

/* Classes of a table, a bit each: by security label or by setting. */
#define IG_CLASS_FINANCIAL	0x01
#define IG_CLASS_PROTECTED	0x02

/*
 * Facts of one relation, read once a statement.  A table that the statement
 * is about to create has relid = InvalidOid and is_new = true.
 */
typedef struct IgRelation
{
	Oid			relid;
	char	   *schema;			/* never NULL */
	char	   *name;			/* never NULL */
	char		relkind;		/* RELKIND_... */
	char		persistence;	/* RELPERSISTENCE_... */
	bool		is_new;			/* created by the running transaction */
	bool		is_partition;
	Oid			of_type;		/* of CREATE TABLE ... OF; else invalid */
	int			classes;		/* IG_CLASS_..., own, inherited from a
								 * partition's ancestors, or by setting */
	bool		is_going;		/* in the midst of its drop: indexes and TOAST
								 * may be gone, so only the heap is measured */
	bool		is_foretold;	/* made by a script that is judged, not run */
	/* filled by ig_relation_measure */
	bool		measured;
	uint64		bytes;			/* heap, indexes and TOAST of all leaves */
	double		rows;			/* the planner's estimate, all leaves */
	bool		empty;			/* no leaf's heap holds a page */
	bool		passed_as_small;	/* that, or its size, exempted it */
} IgRelation;

#define ig_relation_is_temp(rel) \
	((rel)->persistence == RELPERSISTENCE_TEMP)
#define ig_relation_is_exempt(rel) \
	((rel)->is_new || ig_relation_is_temp(rel))
#define ig_relation_is_financial(rel) \
	(((rel)->classes & IG_CLASS_FINANCIAL) != 0)

/*
 * The relations as a script has left them so far that is judged without being
 * run.  Those that it made have numbers that no relation of the catalog has.
 */
typedef struct IgRelationOverlay
{
	/* what the name stands for, or InvalidOid; the schema may be NULL */
	Oid			(*find) (const RangeVar *rv, const char *default_schema);
	/* the schema in which a relation of that name would be created */
	char	   *(*creation_schema) (const RangeVar *rv);
	/* one that the script made; NULL for any other */
	IgRelation *(*load) (Oid relid);
	/* put the script's changes into one of the catalog; false if it is gone */
	bool		(*amend) (IgRelation *rel);
	/* the leaves that the script made below a relation */
	List	   *(*leaves) (Oid relid);
} IgRelationOverlay;

/* NULL but while such a script is judged. */
extern const IgRelationOverlay *ig_relation_overlay;

extern Oid	ig_relation_find(const RangeVar *rv, const char *default_schema);
extern bool ig_relation_is_foretold(Oid relid);
extern IgRelation *ig_relation_load(Oid relid);
extern IgRelation *ig_relation_lookup(const RangeVar *rv);
extern IgRelation *ig_relation_lookup_in(const RangeVar *rv, const char *default_schema);
extern Oid	ig_relation_creation_namespace(const RangeVar *rv);
extern IgRelation *ig_relation_to_be(const RangeVar *rv, const char *default_schema,
									 char relkind);
extern IgRelation *ig_relation_copy(const IgRelation *rel);
extern void ig_relation_measure(IgRelation *rel);
extern List *ig_relation_leaves(Oid relid);
extern bool ig_relation_is_partitioned(const IgRelation *rel);
extern char *ig_relation_size_text(IgRelation *rel);
extern char *ig_relation_quoted(const IgRelation *rel);
extern char *ig_relation_label(const IgRelation *rel);
extern int	ig_relation_own_classes(Oid relid, const char *schema, const char *name);
extern bool ig_relation_is_created_here(Oid relid);
extern int	ig_relation_classes(Oid relid, const char *schema, const char *name);

#endif							/* IG_RELATION_H */
