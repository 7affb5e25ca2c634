/*-------------------------------------------------------------------------
 *
 * discipline.c
 *	  Rules about transactions: locks, how long they are waited for, and what
 *	  is done while they are held.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/locks.h"
#include "rules/cure.h"
#include "rules/rules.h"

/* Strong locks on so many tables in one transaction are many. */
#define MANY_TABLES		3

/* How many tables or sessions a message names. */
#define MAX_NAMES		5

static void about(IgFinding *finding, const IgRelation *rel);
static List *labels(List *locks);
static void judge_timeout(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_blockers(const IgRule *rule, const IgChange *change, IgFindings *findings);
static IgRelation *relation_of(const IgChange *change, Oid relid);
static void blocker_detail(IgFinding *finding, const IgBlocker *blocker, const IgRelation *rel);
static void blocker_hint(IgFinding *finding, const IgBlocker *blocker);
static void judge_held(const IgRule *rule, const IgChange *change, IgFindings *findings);
static const char *work_of(const IgChange *change);
static const char *work_of_constraint(const IgChange *change);
static const char *work_of_column(const IgChange *change);
static const char *work_of_impact(const IgChange *change);
static const IgRelation *work_place(const IgChange *change);
static void held_detail(IgFinding *finding, const IgChange *change);
static void cure_work(IgFinding *finding, const IgChange *work);
static void judge_rows(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_validate(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_many(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_enum(const IgRule *rule, const IgChange *change, IgFindings *findings);

/*
 * The finding is about another relation than the change's first one.
 */
static void
about(IgFinding *finding, const IgRelation *rel)
{
	finding->schema = rel->schema;
	finding->table = rel->name;
	finding->column = NULL;
}

/* The relations of a list of IgTableLock, as a list of char *. */
static List *
labels(List *locks)
{
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, locks)
		names = lappend(names,
						psprintf("%s.%s", ((const IgTableLock *) lfirst(lc))->rel->schema,
								 ((const IgTableLock *) lfirst(lc))->rel->name));
	return names;
}

static void
judge_timeout(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->no_timeout)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "nothing limits how long this statement waits for its lock on %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "While it waits, whoever comes later waits behind it. Neither invariant_guard.ddl_lock_timeout nor lock_timeout is set.");
	ig_finding_hint(finding, "SET lock_timeout = '5s';");
}

/*
 * Also reported for a relation that the statement does not name.
 */
static void
judge_blockers(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;
	IgRelation *rel;
	int			shown = 0;
	ListCell   *lc;

	if (change->blockers == NIL)
		return;

	rel = relation_of(change, ((const IgBlocker *) linitial(change->blockers))->relid);
	finding = ig_finding_add(findings, rule, change,
							 "the statement has to wait for other sessions that use %s",
							 ig_text_relation(rel));
	about(finding, rel);
	ig_finding_hint(finding,
					"-- run it when these have ended, or end them, if nobody minds:");
	foreach(lc, change->blockers)
	{
		const IgBlocker *blocker = (const IgBlocker *) lfirst(lc);

		if (shown++ == MAX_NAMES)
		{
			ig_finding_detail(finding, "There are %d more.",
							  list_length(change->blockers) - MAX_NAMES);
			break;
		}
		blocker_detail(finding, blocker, relation_of(change, blocker->relid));
		blocker_hint(finding, blocker);
	}
	ig_finding_detail(finding, "While the statement waits, whoever comes later waits behind it.");
}

static IgRelation *
relation_of(const IgChange *change, Oid relid)
{
	ListCell   *lc;

	foreach(lc, change->locks)
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		if (lock->rel->relid == relid)
			return lock->rel;
	}
	return change->rel;
}

static void
blocker_detail(IgFinding *finding, const IgBlocker *blocker, const IgRelation *rel)
{
	StringInfoData what;

	if (blocker->pid == 0)
	{
		ig_finding_detail(finding, "A prepared transaction holds a lock on %s.",
						  ig_text_relation(rel));
		return;
	}

	initStringInfo(&what);
	if (blocker->detailed)
	{
		appendStringInfo(&what, " (application \"%s\"", ig_text_name(blocker->application));
		if (blocker->state != NULL)
			appendStringInfo(&what, ", %s", blocker->state);
		if (blocker->began != 0)
			appendStringInfo(&what, ", in a transaction for %d s",
							 (int) ((GetCurrentTimestamp() - blocker->began) / USECS_PER_SEC));
		appendStringInfoChar(&what, ')');
	}
	ig_finding_detail(finding, "Process %d%s holds a lock on %s.", blocker->pid, what.data,
					  ig_text_relation(rel));
}

/* To cancel ends a query; who is idle in a transaction runs none. */
static void
blocker_hint(IgFinding *finding, const IgBlocker *blocker)
{
	if (blocker->pid == 0)
		ig_finding_hint(finding,
						"-- COMMIT PREPARED or ROLLBACK PREPARED, by the names in pg_prepared_xacts");
	else if (blocker->state != NULL && strncmp(blocker->state, "idle", strlen("idle")) == 0)
		ig_finding_hint(finding, "-- SELECT pg_terminate_backend(%d);", blocker->pid);
	else
		ig_finding_hint(finding, "-- SELECT pg_cancel_backend(%d);", blocker->pid);
}

/*
 * Is this the rule's business?  The gate looks for blockers only then, which
 * takes a moment where there are some.
 */
bool
ig_rules_ask_for_blockers(const IgRelation *rel)
{
	for (int i = 0; i < ig_rules_discipline.count; i++)
	{
		const IgRule *rule = &ig_rules_discipline.rules[i];

		if (rule->judge == judge_blockers)
			return ig_rule_effective_level(rule, rule->level, rel->classes) != IG_LEVEL_OFF;
	}
	return false;
}

static void
judge_held(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgChange *work = NULL;
	const char *what = NULL;
	IgFinding  *finding;
	ListCell   *lc;

	if (change->kind == IG_CHANGE_ROWS)
	{
		judge_rows(rule, change, findings);
		return;
	}
	if (change->held == NIL)
		return;

	foreach(lc, change->work)
	{
		work = (const IgChange *) lfirst(lc);
		what = ig_rules_exempt_work(work) ? NULL : work_of(work);
		if (what != NULL)
			break;
	}
	if (what == NULL)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot %s %s while %s is locked",
							 what, ig_text_relation(work_place(work)),
							 ig_text_relation(((const IgTableLock *) linitial(change->held))->rel));
	held_detail(finding, change);
	if (work->rel != NULL)
		ig_finding_detail_table(finding, work->rel, NoLock);
	cure_work(finding, work);
}

/*
 * What the change does that takes time: a verb for a relation, or NULL.
 */
static const char *
work_of(const IgChange *change)
{
	switch (change->kind)
	{
		case IG_ADD_COLUMN:
			return work_of_column(change);
		case IG_ADD_CONSTRAINT:
			return work_of_constraint(change);
		case IG_VALIDATE_CONSTRAINT:
			/* the other case has a rule of its own */
			return change->in_use && !change->added_here ? "read all rows of" : NULL;
		case IG_CREATE_INDEX:
			/* on ONLY a partitioned table: a mere catalog entry */
			return change->derived && ig_relation_is_partitioned(change->rel) ? NULL :
				work_of_impact(change);
		case IG_REINDEX:
			return "build the indexes of";
		case IG_CLUSTER:
		case IG_VACUUM_FULL:
		case IG_SET_PERSISTENCE:
			return "rewrite";
		case IG_SET_TABLESPACE:
		case IG_SET_ACCESS_METHOD:
			return change->rel->relkind == RELKIND_PARTITIONED_TABLE ? NULL : "rewrite";
		case IG_REFRESH_MATVIEW:
			return "fill";
		default:
			return work_of_impact(change);
	}
}

static const char *
work_of_constraint(const IgChange *change)
{
	const IgConstraintSpec *spec = change->constraint;

	switch (spec->contype)
	{
		case CONSTRAINT_CHECK:
		case CONSTRAINT_FOREIGN:
			return spec->not_valid ? NULL : "read all rows of";
		case CONSTRAINT_PRIMARY:
		case CONSTRAINT_UNIQUE:
		case CONSTRAINT_EXCLUSION:
			return spec->using_index == NULL ? "build an index on" : work_of_impact(change);
		default:
			return NULL;
	}
}

static const char *
work_of_column(const IgChange *change)
{
	const IgNewColumn *column = change->new_column;

	if (change->impact.rewrite || column == NULL)
		return work_of_impact(change);
	if (column->unique || column->primary_key)
		return "build an index on";
	if (column->checks != NIL || (column->references != NIL && column->default_clause))
		return "read all rows of";

	return work_of_impact(change);
}

static const char *
work_of_impact(const IgChange *change)
{
	if (change->impact.rewrite)
		return "rewrite";
	if (change->impact.reindex)
		return "build an index on";
	if (change->impact.scan || change->impact.recheck)
		return "read all rows of";

	return NULL;
}

/* A domain has no rows; the tables that use it have. */
static const IgRelation *
work_place(const IgChange *change)
{
	if (change->rel == NULL && change->domain_use != NIL)
		return ((const IgDomainUse *) linitial(change->domain_use))->rel;

	return change->rel;
}

static void
held_detail(IgFinding *finding, const IgChange *change)
{
	const IgTableLock *first = (const IgTableLock *) linitial(change->held);
	List	   *others = list_copy_tail(change->held, 1);

	about(finding, first->rel);
	ig_finding_detail(finding,
					  "An earlier statement of the transaction took %s lock on it, and who is kept out waits until the transaction ends.",
					  ig_text_lock(first->mode));
	if (others != NIL)
		ig_finding_detail(finding, "It has locked %s as well.",
						  ig_text_list(labels(others), MAX_NAMES));
}

static void
cure_work(IgFinding *finding, const IgChange *work)
{
	if (work->kind == IG_VALIDATE_CONSTRAINT)
	{
		ig_finding_hint(finding, "-- after COMMIT, in a transaction of its own:");
		ig_finding_hint(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;",
						ig_relation_quoted(work->rel), quote_identifier(work->name));
	}
	else if (work->kind == IG_REFRESH_MATVIEW && work->concurrently)
	{
		ig_finding_hint(finding, "-- after COMMIT, in a transaction of its own:");
		ig_finding_hint(finding, "REFRESH MATERIALIZED VIEW CONCURRENTLY %s;",
						ig_relation_quoted(work->rel));
	}
	else
		ig_finding_hint(finding,
						"-- COMMIT first: the statement belongs into a transaction of its own");
	ig_cure_allow(finding, "or, if the table is locked for so long on purpose", true);
}

static void
judge_rows(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot change more than %d rows while %s is locked",
							 ig_guc_max_rows_while_locked, ig_text_relation(change->rel));
	held_detail(finding, change);
	ig_finding_detail(finding, "Since then the transaction has changed " INT64_FORMAT " rows.",
					  change->rows);
	ig_finding_hint(finding,
					"-- COMMIT the change of the schema first, and change the rows in transactions of their own, in batches");
	ig_cure_allow(finding, "or, if the table is locked for so long on purpose", true);
}

static void
judge_validate(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->added_here)
		return;

	if (change->rel != NULL)
		finding = ig_finding_add(findings, rule, change,
								 "cannot validate constraint \"%s\" of %s in the transaction that adds it",
								 ig_text_name(change->name), ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot validate constraint \"%s\" of domain \"%s\" in the transaction that adds it",
								 ig_text_name(change->name), ig_text_name(change->identity));
	ig_finding_detail(finding,
					  "The lock of ADD CONSTRAINT is held until the transaction ends, so all rows are read under it, as without NOT VALID.");
	if (change->rel == NULL)
	{
		ig_finding_hint(finding, "-- after COMMIT: ALTER DOMAIN %s VALIDATE CONSTRAINT %s",
						ig_text_name(change->identity),
						ig_text_name(quote_identifier(change->name)));
		return;
	}

	ig_finding_detail_table(finding, change->rel, NoLock);
	if (change->constraint != NULL && change->constraint->definition != NULL)
	{
		ig_cure_add_constraint(finding, change->rel, change->name,
							   change->constraint->definition);
		return;
	}
	if (!OidIsValid(get_relation_constraint_oid(change->rel->relid, change->name, true)))
	{
		ig_finding_hint(finding,
						"-- ADD CONSTRAINT ... NOT VALID alone, and VALIDATE CONSTRAINT in another transaction");
		return;
	}
	ig_finding_hint(finding, "-- after COMMIT of ADD CONSTRAINT ... NOT VALID, in another transaction:");
	ig_finding_hint(finding, "ALTER TABLE %s VALIDATE CONSTRAINT %s;",
					ig_relation_quoted(change->rel), quote_identifier(change->name));
}

/*
 * Add the tables to those that are there.  A partition or child of a table
 * that is locked too is part of it.
 */
static List *
add_tables(List *tables, List *locks, List **covered)
{
	ListCell   *lc;

	foreach(lc, locks)
	{
		IgTableLock *lock = (IgTableLock *) lfirst(lc);

		if (lock->by_lock_table || list_member_oid(*covered, lock->rel->relid))
			continue;
		if (lock->rel->relkind != RELKIND_RELATION &&
			lock->rel->relkind != RELKIND_PARTITIONED_TABLE)
			continue;
		*covered = list_concat(*covered, ig_inheritors(lock->rel->relid, NULL));
		tables = lappend(tables, lock);
	}
	return tables;
}

/*
 * Told by the statement with which they become many.
 */
static void
judge_many(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	List	   *covered = NIL;
	List	   *before;
	List	   *tables;
	IgFinding  *finding;

	if (change->one_by_one ||
		list_length(change->held) + list_length(change->locks) < MANY_TABLES)
		return;
	before = add_tables(NIL, change->held, &covered);
	if (list_length(before) >= MANY_TABLES)
		return;
	tables = add_tables(list_copy(before), change->locks, &covered);
	if (list_length(tables) < MANY_TABLES)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "the transaction locks %d existing tables at once",
							 list_length(tables));
	about(finding, ((const IgTableLock *) linitial(tables))->rel);
	ig_finding_detail(finding,
					  "It holds strong locks on %s until it ends: who uses one of them waits for the work on all of them, and who takes them in another order may run into a deadlock.",
					  ig_text_list(labels(tables), MAX_NAMES));
	ig_finding_hint(finding,
					"-- change one table in one transaction, where the changes do not depend on each other");
}

static void
judge_enum(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "value '%s' of type %s can be used only after COMMIT",
							 ig_text_name(change->name), ig_text_name(change->identity));
	ig_finding_detail(finding, "This transaction has added it, and the statement seems to use it.");
	ig_finding_hint(finding,
					"-- COMMIT after ALTER TYPE ... ADD VALUE, and use the value in the next transaction");
}

static const IgRule rules[] = {
	{
		.name = "lock-timeout-missing",
		.sqlstate = ERRCODE_IG_LOCK_TIMEOUT_MISSING,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_TAKE_LOCKS),
		.judge = judge_timeout,
		.refuses = "a strong lock on an existing table is asked for, and neither ddl_lock_timeout nor lock_timeout is set",
		.cure = "SET lock_timeout",
	},
	{
		.name = "blockers-present",
		.sqlstate = ERRCODE_IG_BLOCKERS_PRESENT,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_TAKE_LOCKS),
		.judge = judge_blockers,
		.refuses = "other sessions hold locks for which the statement would have to wait; told before it queues",
		.cure = "run it when they have ended",
	},
	{
		.name = "lock-held-while",
		.sqlstate = ERRCODE_IG_LOCK_HELD_WHILE,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_TAKE_LOCKS) | IG_KIND(IG_CHANGE_ROWS),
		.judge = judge_held,
		.refuses = "a scan, index build or rewrite, or changes of more than max_rows_while_locked rows, while an earlier statement's strong lock is held",
		.cure = "COMMIT in between",
	},
	{
		.name = "validate-same-transaction",
		.sqlstate = ERRCODE_IG_VALIDATE_SAME_TRANSACTION,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_VALIDATE_CONSTRAINT) | IG_KIND(IG_DOMAIN_CONSTRAINT),
		.judge = judge_validate,
		.refuses = "VALIDATE CONSTRAINT in the transaction that adds the constraint as NOT VALID",
		.cure = "COMMIT in between",
	},
	{
		.name = "many-tables",
		.sqlstate = ERRCODE_IG_MANY_TABLES,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_WARNING,
		.kinds = IG_KIND(IG_TAKE_LOCKS),
		.judge = judge_many,
		.refuses = "DDL of one transaction takes strong locks on three or more existing tables; told once",
		.cure = "one table in one transaction",
	},
	{
		.name = "enum-value-same-transaction",
		.sqlstate = ERRCODE_IG_ENUM_VALUE_SAME_TRANSACTION,
		.family = IG_FAMILY_DISCIPLINE,
		.level = IG_LEVEL_NOTICE,
		.kinds = IG_KIND(IG_USE_ENUM_VALUE),
		.judge = judge_enum,
		.refuses = "DDL that names an enum value which the same transaction has added",
		.cure = "COMMIT in between",
	},
};

const IgRuleSet ig_rules_discipline = {rules, lengthof(rules)};
