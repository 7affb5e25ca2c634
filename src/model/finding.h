/*-------------------------------------------------------------------------
 *
 * finding.h
 *	  What a rule found, and the texts for people.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_FINDING_H
#define IG_FINDING_H

#include "postgres.h"

#include "model/change.h"
#include "platform/settings.h"
#include "platform/text.h"

struct IgRule;

/*
 * Where a hint tells what to allow: the bytes of its text that say so.
 */
typedef struct IgAllowancePlace
{
	int			begin;
	int			end;
	char	   *items;			/* as the setting has them */
	bool		in_comment;		/* both settings, for the statement as it is;
								 * else the value, for the SQL behind it */
	bool		in_transaction;
} IgAllowancePlace;

typedef struct IgFinding
{
	const struct IgRule *rule;
	IgLevel		level;			/* default of the rule, or what the judge
								 * found right for this object */
	const IgChange *change;
	const char *schema;			/* diagnostic fields; NULL if none */
	const char *table;
	const char *column;
	const char *object;			/* the object's name where it is no table */
	char	   *message;		/* without the rule's name, which is added */
	char	   *detail;
	char	   *hint;			/* SQL; what is no SQL is a "--" comment */
	List	   *allowances;		/* of IgAllowancePlace, in the hint's order */
	void	   *note;			/* of its rule, until the transaction's end */
} IgFinding;

/* The findings of one statement, in the order in which they were found. */
typedef struct IgFindings
{
	List	   *list;			/* of IgFinding */
	bool		may_wait;		/* the transaction goes on after the statement */
	const char *statement;		/* its text; NULL where not known */
} IgFindings;

/*
 * Add a finding.  The diagnostic fields come from the change; message is
 * required, and ends without a period.
 */
extern IgFinding *ig_finding_add(IgFindings *findings, const struct IgRule *rule,
								 const IgChange *change, const char *message,...)
			pg_attribute_printf(4, 5);
extern void ig_finding_detail(IgFinding *finding, const char *format,...)
			pg_attribute_printf(2, 3);
extern void ig_finding_hint(IgFinding *finding, const char *format,...)
			pg_attribute_printf(2, 3);

/* Append one more sentence about the table: its size, and the lock. */
extern void ig_finding_detail_table(IgFinding *finding, IgRelation *rel, LOCKMODE lock);

/* Names in messages: never quoted twice, control characters escaped. */
/* 'table "shop.users"', 'view "shop.live_users"', ... */
extern char *ig_text_relation(const IgRelation *rel);

#endif							/* IG_FINDING_H */
