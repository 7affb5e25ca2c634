/*-------------------------------------------------------------------------
 *
 * rule_trigger.h
 *	  What all trigger functions of row rules share.
 *
 * A trigger function is
 *
 *		static const IgRuleDefinition definition = {...};
 *
 *		Datum
 *		ig_row_append_only(PG_FUNCTION_ARGS)
 *		{
 *			IgRuleTrigger *trigger = ig_rule_trigger(fcinfo, &definition);
 *			TriggerData *td = (TriggerData *) fcinfo->context;
 *
 *			if (trigger->passes)
 *				return ig_rule_trigger_pass(td);
 *			...
 *		}
 *
 * The SQL function is invariant_guard.append_only(), its C symbol
 * ig_row_append_only, and its IgRowRule stands in model/row_rule.c.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_RULE_TRIGGER_H
#define IG_RULE_TRIGGER_H

#include "postgres.h"

#include "commands/trigger.h"
#include "fmgr.h"

#include "model/row_rule.h"

/* What a trigger may be declared for, as a bit each. */
#define IG_FIRES_INSERT		0x1
#define IG_FIRES_UPDATE		0x2
#define IG_FIRES_DELETE		0x4
#define IG_FIRES_TRUNCATE	0x8
#define IG_BEFORE_ROW(events)		((events) << 0)
#define IG_AFTER_ROW(events)		((events) << 4)
#define IG_BEFORE_STATEMENT(events)	((events) << 8)
#define IG_AFTER_STATEMENT(events)	((events) << 12)

struct IgRuleTrigger;

/* One for each trigger function; const. */
typedef struct IgRuleDefinition
{
	IgRowRuleKind kind;
	uint32		fires;			/* IG_BEFORE_ROW(IG_FIRES_...) | ... */
	const char *const *options; /* the names that may stand left of "=", NULL
								 * at the end; NULL for none */
	int			min_columns;
	int			max_columns;	/* -1: any number */

	/* checks what is special, and fills data; may be NULL */
	void		(*prepare) (struct IgRuleTrigger *trigger, Relation rel);

	/*
	 * When a trigger is made, checks what leans on nothing but its table: a
	 * restore may make all else later, and enables it after that.  May be NULL,
	 * or the same as prepare.
	 */
	void		(*check) (struct IgRuleTrigger *trigger, Relation rel);

	/*
	 * What check_rules() looks for: SQL that gives one text column, a row for
	 * each violation in the table's present rows, or NULL if there is nothing
	 * to look for.  Called for each trigger of the kind; all but one of a rule's
	 * triggers give NULL.  The query is run as the caller, with a pinned
	 * search_path; its names are qualified.  May be NULL.
	 */
	char	   *(*violations) (const IgDeclaredTrigger *declared);
} IgRuleDefinition;

/* Each kind's own, in the file of its trigger function. */
extern const IgRuleDefinition ig_append_only_definition;
extern const IgRuleDefinition ig_audit_columns_definition;
extern const IgRuleDefinition ig_commit_assertion_definition;
extern const IgRuleDefinition ig_frozen_rows_definition;
extern const IgRuleDefinition ig_immutable_columns_definition;
extern const IgRuleDefinition ig_isolation_floor_definition;
extern const IgRuleDefinition ig_on_no_match_definition;
extern const IgRuleDefinition ig_optimistic_lock_definition;
extern const IgRuleDefinition ig_relative_only_definition;
extern const IgRuleDefinition ig_row_limit_definition;
extern const IgRuleDefinition ig_snapshot_columns_definition;
extern const IgRuleDefinition ig_soft_delete_definition;
extern const IgRuleDefinition ig_soft_delete_parent_definition;
extern const IgRuleDefinition ig_unique_active_definition;

typedef struct IgRuleColumn
{
	AttrNumber	attnum;
	Oid			typid;
	int32		typmod;
	Oid			collation;
	int16		typlen;
	bool		typbyval;
	NameData	name;
} IgRuleColumn;

typedef struct IgRuleOption
{
	const char *name;
	const char *value;
} IgRuleOption;

/*
 * What a trigger function knows of the trigger that calls it.  Made once for
 * each statement and relation, since partitions differ in their columns'
 * numbers; lives in context, as long as the statement.
 */
typedef struct IgRuleTrigger
{
	const IgRuleDefinition *definition;
	Oid			relid;
	Oid			tgoid;
	bool		passes;			/* nothing is to be done: a subscription's
								 * worker applies what was judged elsewhere */
	const char *permitted;		/* the rule, and the column, of which a */
	char	   *permitted_column;	/* violation by this statement has passed */
	int			ncolumns;
	IgRuleColumn *columns;
	int			noptions;
	IgRuleOption *options;
	void	   *data;			/* the rule's own; from prepare */
	MemoryContext context;
} IgRuleTrigger;

/*
 * What a trigger of the relation says, without prepare; raises as
 * ig_rule_trigger_check does.  tg stays as it is for as long as it is used.
 */
extern IgRuleTrigger *ig_rule_trigger_read(const IgRuleDefinition *definition,
										   const Trigger *tg, Relation rel);

extern IgRuleTrigger *ig_rule_trigger_make(FunctionCallInfo fcinfo,
										   const IgRuleDefinition *definition);
extern pg_noinline void ig_rule_trigger_misused(FunctionCallInfo fcinfo,
												const IgRuleDefinition *definition);

/*
 * Raises unless called as a trigger of the kind that the definition allows, and
 * if columns or options are not there or not of the right kind.
 */
static inline IgRuleTrigger *
ig_rule_trigger(FunctionCallInfo fcinfo, const IgRuleDefinition *definition)
{
	IgRuleTrigger *trigger;

	if (unlikely(!CALLED_AS_TRIGGER(fcinfo)))
		ig_rule_trigger_misused(fcinfo, definition);
	trigger = (IgRuleTrigger *) fcinfo->flinfo->fn_extra;
	if (likely(trigger != NULL &&
			   trigger->tgoid == ((TriggerData *) fcinfo->context)->tg_trigger->tgoid))
		return trigger;
	return ig_rule_trigger_make(fcinfo, definition);
}

/* The result of a trigger that changes nothing. */
static inline Datum
ig_rule_trigger_pass(const TriggerData *td)
{
	if (TRIGGER_FIRED_FOR_STATEMENT(td->tg_event) || !TRIGGER_FIRED_BEFORE(td->tg_event))
		return PointerGetDatum(NULL);
	return PointerGetDatum(TRIGGER_FIRED_BY_UPDATE(td->tg_event) ?
						   td->tg_newtuple : td->tg_trigtuple);
}

/* The value of an option, or the default. */
extern const char *ig_rule_option(const IgRuleTrigger *trigger, const char *name,
								  const char *otherwise);

/*
 * The option's value as the index of a word of a NULL-terminated list; raises
 * for another word.
 */
extern int	ig_rule_option_word(const IgRuleTrigger *trigger, const char *name,
								const char *const *words, int otherwise);

/*
 * The rule has been broken.  rule is its name in the catalogue of rules
 * (rules/rows.c), column and the texts but message may be NULL; the texts need
 * not be kept.  Returns if an allowance or the mode lets it pass, which is told
 * once a statement; trigger is NULL where there is none.
 */
extern void ig_row_refuse(IgRuleTrigger *trigger, Oid relid, const char *rule,
						  const char *column, const char *message,
						  const char *detail, const char *hint);

/* Would an allowance let the rule be broken on relid?  Or is the mode off? */
extern bool ig_row_is_allowed(const char *rule, Oid relid);

/*
 * An allowance as SQL, for a hint: what lets the rule be broken on relid, and
 * below it the comment or statement given.
 */
extern char *ig_row_allowance(const char *rule, Oid relid, const char *column,
							  const char *then);

/* 'schema.name' of a relation, for messages; control characters escaped. */
extern char *ig_row_relation_text(Oid relid);

/*
 * Was the running statement planned before the hooks were there?  Then what is
 * found in the plan was not looked for.
 */
extern bool ig_row_plan_unchecked(void);

#endif							/* IG_RULE_TRIGGER_H */
