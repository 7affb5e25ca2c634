/*-------------------------------------------------------------------------
 *
 * rows.h
 *	  What row rules have in common beside their triggers.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ROWS_H
#define IG_ROWS_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "model/row_rule.h"

/* In _PG_init. */
extern void ig_rows_init(void);
extern void ig_plan_rules_install(void);
extern void ig_after_ddl_init(void);

/*
 * The hooks: rules that look at the plan.  A visitor is called for each
 * INSERT, UPDATE, DELETE and MERGE that is planned, once for each trigger of
 * its target that declares a rule of the kind and fires in this session: look
 * at trigger->tgtype, where a rule has several.  Not for the queries of foreign
 * keys.  It may change the query, which is the
 * planner's own copy.  The target is open and locked.
 */
typedef struct IgPlanVisit
{
	Query	   *query;			/* top level, or a data-modifying CTE */
	Query	   *top;			/* the query that is planned */
	Relation	target;
	const Trigger *trigger;
	bool	   *tag_is_delete;	/* set it, and the command's tag is DELETE;
								 * NULL if query is not the top level */
	uint32		mark;			/* set it, and the plan is marked with it; see
								 * running.h */
} IgPlanVisit;

typedef void (*IgPlanVisitor) (IgPlanVisit *visit);

/* Was the query a DELETE before a rule has made an UPDATE of it? */
static inline bool
ig_plan_visit_is_delete(const IgPlanVisit *visit)
{
	return visit->tag_is_delete != NULL && *visit->tag_is_delete;
}

/* In _PG_init; one for each kind. */
extern void ig_plan_visitor(IgRowRuleKind kind, IgPlanVisitor visitor);

/*
 * A foreign key, or any other constraint, was made.  Whoever has to guard what
 * refers to the rows of a rule does it here.
 */
extern void ig_foreign_key_created(Oid conoid);

/* _PG_init of the rules that need more than their triggers. */
extern void ig_optimistic_lock_init(void);
extern void ig_soft_delete_init(void);
extern void ig_relative_only_init(void);
extern void ig_on_no_match_init(void);
extern void ig_commit_assertion_init(void);
extern void ig_row_limit_init(void);

#endif							/* IG_ROWS_H */
