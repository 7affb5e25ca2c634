/*-------------------------------------------------------------------------
 *
 * append_only.h
 *	  The parts of the rule append-only.
 *
 * One trigger function, append_only(), has four jobs, which the trigger's
 * options tell: UPDATE, DELETE and TRUNCATE are refused, but for what
 * remove_expired() removes; a reversal has to cancel what it reverses; a row
 * must not be born old; and nothing is inserted below what is sealed.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_APPEND_ONLY_H
#define IG_APPEND_ONLY_H

#include "postgres.h"

#include "commands/trigger.h"
#include "datatype/timestamp.h"

#include "rows/declare.h"
#include "rows/rule_trigger.h"

/* How old, or how far ahead, "created" may be when a row is inserted. */
#define IG_APPEND_ONLY_DRIFT	"1 day"

/*
 * Reversals, of append_only_reversal.c.  The trigger's columns are: what refers
 * to the reversed row, the key it refers to, the amounts, and what must be the
 * same in both; the option amounts tells how many amounts there are.
 */
typedef struct IgReversalColumns
{
	const char *reversal_of;
	const char *key;
	List	   *amounts;		/* of char * */
	List	   *same;			/* of char * */
	const char *present;		/* SQL: is the reversal r not expired?  NULL
								 * where nothing expires */
} IgReversalColumns;

extern void ig_reversal_prepare(IgRuleTrigger *trigger, Relation rel);

/* Raises if they do not make up a reversal; how many of them are amounts. */
extern int	ig_reversal_check_columns(const IgRuleTrigger *trigger);
extern void ig_reversal_check(IgRuleTrigger *trigger, TriggerData *td);

/*
 * Check the columns, fill in the key, and add the trigger.  Makes the indexes
 * that the checks need where they lack; the gate judges that as any other
 * CREATE INDEX.
 */
extern void ig_reversal_declare(IgDeclaration *d, IgReversalColumns *columns);

/*
 * SQL for the rows of the table that are no proper reversals, a text for each;
 * quoted is the name of relid.
 */
extern char *ig_reversal_violations(const char *quoted, Oid relid,
									const IgReversalColumns *columns);

/* The columns of a declared reversal trigger, by their present names; or NULL. */
extern IgReversalColumns *ig_reversal_declared(const IgDeclaredTrigger *declared);

/* 'OPERATOR(schema.=)' for the key and what refers to it. */
extern char *ig_reversal_equality(Oid relid, const IgReversalColumns *columns);

/* Retention, of append_only_retention.c. */
extern void ig_retention_prepare(IgRuleTrigger *trigger, Relation rel);
extern void ig_retention_check_column(const IgRuleTrigger *trigger);
extern void ig_drift_prepare(IgRuleTrigger *trigger, Relation rel);

/*
 * SQL for the rows of an alias that are not expired; those that are may miss
 * the other half of their pair.
 */
extern char *ig_retention_present(const char *alias, const char *created, const Interval *keep);

/* The same for what a trigger with the option keep says. */
extern char *ig_retention_declared_present(const char *alias, const IgDeclaredTrigger *declared);

/* Is remove_expired() at work, and the row that is to be deleted expired? */
extern bool ig_retention_removes(IgRuleTrigger *trigger, TriggerData *td);
extern void ig_drift_check(IgRuleTrigger *trigger, TriggerData *td);

/*
 * Check keep and the column, and add the trigger that looks at it.  The result
 * are the options of the trigger that refuses UPDATE and DELETE.
 */
extern List *ig_retention_declare(IgDeclaration *d, const Interval *keep,
								  const char *created);

/*
 * The table that has the rule to which the trigger of rel belongs: up through
 * partitioned tables and inheritance parents that have a trigger of the same
 * name.
 */
extern Oid	ig_append_only_root(const IgRuleTrigger *trigger, Relation rel);

/* schema.table, quoted. */
extern char *ig_quoted_table(Oid relid);

/*
 * SPI, with the settings that what is stored is read and written by: values as
 * text look the same in each session, and row security raises instead of hiding
 * rows.  begin returns what end wants.  An error leaves both to the transaction.
 */
extern int	ig_rows_spi_begin(void);
extern void ig_rows_spi_end(int nest);

/* The trigger of the table itself that has this option, or NULL. */
extern const IgDeclaredTrigger *ig_append_only_trigger(Oid relid, const char *option);

#endif							/* IG_APPEND_ONLY_H */
