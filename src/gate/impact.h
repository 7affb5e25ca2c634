/*-------------------------------------------------------------------------
 *
 * impact.h
 *	  What a change costs: rewrite, index build, check, scan.
 *
 * The functions answer for the running server, by its own functions where it
 * exports them and by the same steps where it does not; what they say is
 * proved on every major by test/exact.  An answer never depends on the number
 * of rows: an empty table counts as rewritten or scanned.  Temporary tables
 * and those of the running transaction do not count, also as partitions.
 *
 * Each one opens what it looks at under ACCESS SHARE and lets go of it before
 * it returns, so two sessions never wait for each other's upgrade.  A change
 * that the server refuses by itself has no impact.
 *
 * The impact is expected to be zeroed, and is only added to.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_IMPACT_H
#define IG_IMPACT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/relcache.h"

#include "model/change.h"

/*
 * ALTER COLUMN TYPE.  Analyses and plans the USING expression, which runs
 * immutable functions of the user: the caller has checked that the current
 * user owns the table, as the server does before it goes on the same way.
 *
 * after_drop: the same ALTER TABLE drops a column, a default or a generation
 * expression.  The server does that first, so what depends on the column may
 * be gone by the time that its type is changed.
 */
extern void ig_impact_alter_type(IgRelation *rel, AttrNumber attnum,
								 const ColumnDef *def, const char *query,
								 bool after_drop, IgTypeChange *change, IgImpact *impact);

/*
 * SET NOT NULL, and a PRIMARY KEY over a nullable column.  The constraints
 * that the same ALTER TABLE drops, by name, prove nothing.
 */
extern void ig_impact_set_not_null(IgRelation *rel, AttrNumber attnum,
								   List *dropped_constraints, IgImpact *impact);

/*
 * ATTACH PARTITION, and CREATE TABLE ... PARTITION OF, where the partition is
 * yet to be.  Analyses the bound, with the errors of the server.
 */
extern void ig_impact_attach(IgRelation *parent, IgRelation *part,
							 const PartitionBoundSpec *bound, const char *query,
							 IgImpact *impact);

/* impact_common.c */
extern bool ig_impact_concerns(Relation relation);
extern bool ig_impact_concerns_any(Oid relid);
extern void ig_impact_add_table(IgImpact *impact, Relation relation);
extern void ig_impact_add_index(IgImpact *impact, const char *name);
extern void ig_impact_add_constraint(IgImpact *impact, const char *name);
extern List *ig_impact_add_name(List *names, const char *name);

/*
 * A column that changes its type, in a table and in all that inherit from it.
 */
typedef struct IgRetype
{
	const char *column;
	List	   *tables;			/* of Oid, parents before their children */
	Oid			old_type;
	Oid			old_collation;
	Oid			new_type;
	int32		new_typmod;
	Oid			new_collation;
	bool		rewrites;		/* the heaps are copied */
	bool		after_drop;		/* what forbids the change may be dropped first */
} IgRetype;

/* What depends on the column, in any of the tables. */
typedef struct IgRetypeDependents
{
	List	   *indexes;		/* of Oid, without those of constraints */
	List	   *constraints;	/* of Oid */
} IgRetypeDependents;

/* impact_alter_type_tables.c: the tables and what depends on the column */
extern bool ig_retype_is_key(Relation relation, AttrNumber attnum);
extern List *ig_retype_tables(Relation relation, const char *column);
extern bool ig_retype_allowed(const IgRetype *retype, IgRetypeDependents *dependents);

/* impact_alter_type_rebuild.c: the indexes */
typedef enum IgIndexFate
{
	IG_INDEX_KEPT,				/* its file is taken over */
	IG_INDEX_REBUILT,
	IG_INDEX_IMPOSSIBLE			/* the server cannot make it again, and fails */
} IgIndexFate;

extern IgIndexFate ig_retype_index(const IgRetype *retype, Oid indexid, char **reason);
extern Oid	ig_retype_opclass(const IgRetype *retype, Oid indexid, AttrNumber column);

/* impact_alter_type_recheck.c: the CHECK constraints and foreign keys */
extern bool ig_retype_constraints(const IgRetype *retype, List *constraints,
								  IgImpact *impact);
extern bool ig_retype_column(const IgRetype *retype, Oid relid, AttrNumber attnum,
							 bool after, Oid *type, Oid *collation);

/* impact_narrowing.c */
extern bool ig_type_narrows(Oid old_type, int32 old_typmod, Oid new_type, int32 new_typmod);

#endif							/* IG_IMPACT_H */
