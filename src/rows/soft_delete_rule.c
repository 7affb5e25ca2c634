/*-------------------------------------------------------------------------
 *
 * soft_delete_rule.c
 *	  The rule as a table declares it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "model/when_clause.h"
#include "rows/soft_delete.h"
#include "rows/trigger.h"

static void read_columns(Relation rel, const Trigger *trigger, IgSoftDelete *rule);
static void read_arguments(const Trigger *trigger, IgSoftDelete *rule);

bool
ig_soft_delete_declares(const Trigger *trigger)
{
	return TRIGGER_FOR_ROW(trigger->tgtype) && TRIGGER_FOR_BEFORE(trigger->tgtype) &&
		TRIGGER_FOR_DELETE(trigger->tgtype) && trigger->tgenabled != TRIGGER_DISABLED;
}

/*
 * As rule_trigger.c reads it; what is wrong with a trigger that was written by
 * hand it says when it fires.
 */
bool
ig_soft_delete_of(Relation rel, IgSoftDelete *rule)
{
	for (int i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];
		const IgRowRule *kind;

		if (!ig_soft_delete_declares(trigger))
			continue;
		kind = ig_row_rule_of_function(trigger->tgfoid);
		if (kind == NULL || kind->kind != IG_ROW_SOFT_DELETE)
			continue;

		/* there may be another description of the same triggers by now */
		trigger = ig_trigger_copy(&rel->trigdesc->triggers[i]);
		memset(rule, 0, sizeof(IgSoftDelete));
		read_arguments(trigger, rule);
		read_columns(rel, trigger, rule);
		return rule->deleted > 0;
	}
	return false;
}

bool
ig_soft_delete_of_table(Oid relid, IgSoftDelete *rule)
{
	Relation	rel = RelationIdGetRelation(relid);
	bool		found;

	if (!RelationIsValid(rel))
		return false;
	found = ig_soft_delete_of(rel, rule);
	RelationClose(rel);
	return found;
}

char *
ig_soft_delete_quoted(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

Interval *
ig_soft_delete_interval(const char *words)
{
	return DatumGetIntervalP(DirectFunctionCall3(interval_in, CStringGetDatum(words),
												 ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

Datum
ig_soft_delete_ago(Oid typid, Interval *interval)
{
	Datum		time = DirectFunctionCall2(timestamptz_mi_interval,
										   TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()),
										   IntervalPGetDatum(interval));

	return typid == TIMESTAMPOID ? DirectFunctionCall1(timestamptz_timestamp, time) : time;
}

static void
read_arguments(const Trigger *trigger, IgSoftDelete *rule)
{
	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *arg = trigger->tgargs[i];

		if (strcmp(arg, "children=soft_cascade") == 0)
			rule->children = IG_CHILDREN_SOFT_CASCADE;
		else if (strcmp(arg, "children=independent") == 0)
			rule->children = IG_CHILDREN_INDEPENDENT;
		else if (strcmp(arg, "deleted_rows=frozen") == 0)
			rule->frozen = true;
		else if (strncmp(arg, "keep_at_least=", 14) == 0)
			rule->keep = arg + 14;
	}
}

/*
 * Of the WHEN clause or, written by hand, of the arguments.
 */
static void
read_columns(Relation rel, const Trigger *trigger, IgSoftDelete *rule)
{
	List	   *anchored = ig_when_columns(trigger->tgoid, trigger->tgqual, NULL);

	rule->deleted = list_length(anchored) > 0 ? linitial_int(anchored) : 0;
	rule->operation = list_length(anchored) > 1 ? lsecond_int(anchored) : 0;
	for (int i = 0; i < trigger->tgnargs && rule->deleted == 0; i++)
	{
		if (strchr(trigger->tgargs[i], '=') != NULL)
			continue;
		rule->deleted = get_attnum(RelationGetRelid(rel), trigger->tgargs[i]);
		if (i + 1 < trigger->tgnargs && strchr(trigger->tgargs[i + 1], '=') == NULL)
			rule->operation = get_attnum(RelationGetRelid(rel), trigger->tgargs[i + 1]);
	}
}
