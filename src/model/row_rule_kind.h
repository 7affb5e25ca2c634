/*-------------------------------------------------------------------------
 *
 * row_rule_kind.h
 *	  The kinds of row rules, and the functions that make a trigger one.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ROW_RULE_KIND_H
#define IG_ROW_RULE_KIND_H

#include "postgres.h"

typedef enum IgRowRuleKind
{
	IG_ROW_OPTIMISTIC_LOCK,
	IG_ROW_SOFT_DELETE,
	IG_ROW_SOFT_DELETE_PARENT,	/* on the children of a soft-deleted table */
	IG_ROW_APPEND_ONLY,
	IG_ROW_IMMUTABLE_COLUMNS,
	IG_ROW_FROZEN_ROWS,
	IG_ROW_SNAPSHOT_COLUMNS,
	IG_ROW_UNIQUE_ACTIVE,
	IG_ROW_RELATIVE_ONLY,
	IG_ROW_ISOLATION_FLOOR,
	IG_ROW_COMMIT_ASSERTION,
	IG_ROW_ROW_LIMIT,
	IG_ROW_ON_NO_MATCH,
	IG_ROW_AUDIT_COLUMNS,

	IG_ROW_RULE_KINDS			/* count; keep last */
} IgRowRuleKind;

typedef struct IgRowRule
{
	IgRowRuleKind kind;
	const char *name;			/* for people, and for drop_rule() */
	const char *function;		/* in the schema invariant_guard */
	bool		guards;			/* has to fire always; what derives values
								 * fires on the origin only */
	bool		keeps_history;	/* no DDL may change, move or lose what is
								 * stored in the table */
} IgRowRule;

extern const IgRowRule *ig_row_rule(IgRowRuleKind kind);
extern const IgRowRule *ig_row_rule_by_name(const char *name);

/*
 * The rule that a trigger function belongs to, or NULL.  Cheap: kept in a
 * cache of the backend.  The caller is in a valid transaction.
 */
extern const IgRowRule *ig_row_rule_of_function(Oid funcid);

/*
 * Has an add_ function given the trigger its name?  The instance is NULL where
 * the name has none.
 */
extern bool ig_row_rule_gave_name(const IgRowRule *rule, const char *name, char **instance);

/* Is it uses(), changed() or moved()? */
extern bool ig_row_rule_is_anchor(Oid funcid);

/* Is it that one of them? */
extern bool ig_row_rule_anchor_is(Oid funcid, const char *name);

extern void ig_row_rule_kind_init(void);

#endif							/* IG_ROW_RULE_KIND_H */
