/*-------------------------------------------------------------------------
 *
 * rules.h
 *	  The catalogue of rules.
 *
 * A rule is a const record and a judge.  The judge is a pure function of one
 * Change: it raises nothing, locks nothing, and adds findings.  What every
 * rule has in common (exemption of new and temporary tables, of empty and
 * small ones, severity, allowances) is done around it, once.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RULES_H
#define IG_RULES_H

#include "postgres.h"

#include "model/finding.h"

typedef enum IgFamily
{
	IG_FAMILY_LOCK,				/* L: stops the application */
	IG_FAMILY_COMPATIBILITY,	/* O: breaks its running version */
	IG_FAMILY_WIPE,				/* W: data is wiped */
	IG_FAMILY_FINANCIAL,		/* F: financial and protected tables */
	IG_FAMILY_COLUMNS,			/* C: what is retired */
	IG_FAMILY_DISCIPLINE,		/* T: transactions, timeouts, locks held */
	IG_FAMILY_ENVIRONMENT,		/* Z: freezes, and what kind of database it is */
	IG_FAMILY_GUARD,			/* G: the guard itself */
	IG_FAMILY_ROWS				/* A, D, I, M, V: declared for rows */
} IgFamily;

typedef struct IgRule IgRule;

struct IgRule
{
	const char *name;
	int			sqlstate;
	IgFamily	family;
	IgLevel		level;
	uint64		kinds;			/* IG_KIND bits of the changes it judges */
	bool		new_too;		/* judges new objects as well */
	bool		fixed;			/* severity cannot lower it */
	void		(*judge) (const IgRule *rule, const IgChange *change,
						  IgFindings *findings);
	/*
	 * Has a later statement of the transaction put it right?  Asked at its
	 * end, of a copy of the change that has no more than what identifies the
	 * object, and of what note() noted before the statement ran.  A note that
	 * is NULL: it cannot.  See replacement.h.
	 */
	void	   *(*note) (const IgChange *change);
	bool		(*acquitted) (const IgChange *change, const void *note);
	bool		early;			/* acquitted() can tell before the statement
								 * runs what makes up for it already */
	/* rules whose findings on the same change this one's replace, or NULL */
	const char *const *replaces;
	/* rules whose allowances pass this one too, or NULL: they permit more */
	const char *const *allowed_as;
	const char *refuses;		/* for people: one line */
	const char *cure;			/* for people: one line */
};

/* One family's array, and how many rules it has. */
typedef struct IgRuleSet
{
	const IgRule *rules;
	int			count;
} IgRuleSet;

extern const IgRuleSet ig_rules_add_column;
extern const IgRuleSet ig_rules_alter_column;
extern const IgRuleSet ig_rules_constraint;
extern const IgRuleSet ig_rules_index;
extern const IgRuleSet ig_rules_table;
extern const IgRuleSet ig_rules_partition;
extern const IgRuleSet ig_rules_domain;
extern const IgRuleSet ig_rules_rename;
extern const IgRuleSet ig_rules_drop;
extern const IgRuleSet ig_rules_truncate;
extern const IgRuleSet ig_rules_financial;
extern const IgRuleSet ig_rules_columns;
extern const IgRuleSet ig_rules_discipline;
extern const IgRuleSet ig_rules_environment;
extern const IgRuleSet ig_rules_guard;
extern const IgRuleSet ig_rules_rows;

typedef void (*IgRuleVisitor) (const IgRule *rule, void *context);

extern void ig_rules_visit(IgRuleVisitor visitor, void *context);
extern const IgRule *ig_rule_by_name(const char *name);
extern const IgRule *ig_rule_by_sqlstate(int sqlstate);
extern const char *ig_family_name(IgFamily family);
extern const IgNameSet *ig_rules_name_set(void);

/* Judge one change by every rule that is meant for its kind. */
extern void ig_rules_judge(const IgChange *change, IgFindings *findings);

/*
 * Is the work that the change does one that the settings exempt, because the
 * table is new, temporary, small where such are exempt, or without partitions?
 */
extern bool ig_rules_exempt_work(const IgChange *change);

/* Does any rule ask who is in the way of a lock on the relation?  discipline.c */
extern bool ig_rules_ask_for_blockers(const IgRelation *rel);

/*
 * The same for what passed because it was retired, once its lock is held: has
 * somebody used it meanwhile, or taken it out of retirement?
 */
extern void ig_rules_judge_retired(const IgChange *change, IgFindings *findings);

/*
 * The same for the rules from which its size had exempted the table, if it has
 * grown since.  The caller must hold the statement's lock on it.
 */
extern void ig_rules_judge_grown(const IgChange *change, IgFindings *findings);

/* The level that is in force for a rule, without regard to mode. */
extern IgLevel ig_rule_effective_level(const IgRule *rule, IgLevel found, int classes);

#endif							/* IG_RULES_H */
