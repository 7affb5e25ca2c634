/*-------------------------------------------------------------------------
 *
 * table.c
 *	  Rules for the storage of a table as a whole, for materialized views and
 *	  replica identities; and the net under the other rules.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"

#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/rules.h"

static void judge_persistence(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_tablespace(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_access_method(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_refresh(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_replica_identity(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_unpredicted(const IgRule *rule, const IgChange *change, IgFindings *findings);

/*
 * The changes of this file that would change nothing are never made.
 */
static void
judge_persistence(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		logged = change->new_persistence == RELPERSISTENCE_PERMANENT;
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot set %s to %s because it would rewrite the table",
							 ig_text_relation(change->rel), logged ? "LOGGED" : "UNLOGGED");
	ig_finding_detail(finding, "All rows and indexes are written anew%s.",
					  logged ? ", and into the write-ahead log" : "");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_cure_allow(finding, "there is no online form; in a quiet window", true);
}

static void
judge_tablespace(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		index = change->rel->relkind == RELKIND_INDEX;
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot move %s to tablespace \"%s\"",
							 ig_text_relation(change->rel),
							 ig_text_name(change->new_name ? change->new_name : ""));
	ig_finding_detail(finding, "Its files are copied while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (index && change->new_name)
	{
		ig_finding_hint(finding, "-- builds it anew in the other place, while the table is in use:");
		ig_finding_hint(finding, "REINDEX (CONCURRENTLY, TABLESPACE %s) INDEX %s;",
						quote_identifier(change->new_name), ig_relation_quoted(change->rel));
		return;
	}
	ig_finding_hint(finding,
					"-- a tool such as pg_repack or pg_squeeze moves it while the table is in use");
	ig_cure_allow(finding, "in a quiet window", true);
}

static void
judge_access_method(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change,
							 "cannot set the access method of %s because it would rewrite the table",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "All rows and indexes are written anew.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_cure_allow(finding, "there is no online form; in a quiet window", true);
}

/*
 * A view that was never filled has no readers to be stopped.  The change has a
 * name where there is a unique index that CONCURRENTLY can use.
 */
static void
judge_refresh(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *view = ig_relation_quoted(change->rel);
	IgFinding  *finding;

	if (change->concurrently || !change->in_use)
		return;

	finding = ig_finding_add(findings, rule, change, "cannot refresh %s without CONCURRENTLY",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "All readers wait until its query has run to the end.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	if (change->name == NULL)
	{
		ig_finding_hint(finding,
						"-- first, once, a unique index over plain columns, without WHERE: CREATE UNIQUE INDEX CONCURRENTLY ... ON %s (...)",
						ig_text_name(view));
		ig_finding_hint(finding, "-- then: REFRESH MATERIALIZED VIEW CONCURRENTLY %s",
						ig_text_name(view));
	}
	else
		ig_finding_hint(finding, "REFRESH MATERIALIZED VIEW CONCURRENTLY %s;", view);
}

/*
 * Either REPLICA IDENTITY itself, or derived: the index by which subscribers
 * find their rows goes, and the change has its name.
 */
static void
judge_replica_identity(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->in_use)
		return;

	if (change->derived && change->name)
		finding = ig_finding_add(findings, rule, change,
								 "cannot drop index \"%s\" of %s while it is the replica identity of a published table",
								 ig_text_name(change->name), ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot change the replica identity of %s while it is published",
								 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "Without an identity UPDATE and DELETE fail on the published table, and with another one subscribers may not find their rows.");
	ig_finding_hint(finding,
					"-- make the index of the new identity first, on the subscribers as well, then in a quiet window");
	ig_cure_allow(finding, "when the subscribers are ready", true);
}

/*
 * The server is about to do what nothing foretold.  What exactly the statement
 * was is not known here.
 */
static void
judge_unpredicted(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgImpact *impact = &change->impact;
	const char *what = impact->rewrite ? "rewrite" :
		impact->reindex ? "build an index of" : "scan";
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot let this statement %s %s",
							 what, ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The server was about to do it while others wait, although nothing in the statement says so.");
	ig_finding_detail_table(finding, change->rel, impact->lock);
	ig_cure_allow(finding, "in a quiet window", true);
}

static const IgRule rules[] = {
	{
		.name = "set-logged",
		.sqlstate = ERRCODE_IG_SET_LOGGED,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_PERSISTENCE),
		.judge = judge_persistence,
		.refuses = "SET LOGGED or SET UNLOGGED: the table is rewritten",
		.cure = "an allowance in a quiet window; there is no online form",
	},
	{
		.name = "set-tablespace",
		.sqlstate = ERRCODE_IG_SET_TABLESPACE,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_TABLESPACE),
		.judge = judge_tablespace,
		.refuses = "SET TABLESPACE: all files are copied while reads and writes wait",
		.cure = "REINDEX (CONCURRENTLY, TABLESPACE ...) for an index, a repacking tool for a table",
	},
	{
		.name = "set-access-method",
		.sqlstate = ERRCODE_IG_SET_ACCESS_METHOD,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_SET_ACCESS_METHOD),
		.judge = judge_access_method,
		.refuses = "SET ACCESS METHOD: the table is rewritten",
		.cure = "an allowance in a quiet window; there is no online form",
	},
	{
		.name = "refresh-blocking",
		.sqlstate = ERRCODE_IG_REFRESH_BLOCKING,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_REFRESH_MATVIEW),
		.judge = judge_refresh,
		.refuses = "REFRESH of a filled materialized view without CONCURRENTLY: readers wait",
		.cure = "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index",
	},
	{
		.name = "rewrite-any",
		.sqlstate = ERRCODE_IG_REWRITE_ANY,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_UNPREDICTED_WORK),
		.judge = judge_unpredicted,
		.refuses = "a rewrite, index build or scan that no other rule has foretold",
		.cure = "an allowance in a quiet window",
	},
	{
		.name = "replica-identity",
		.sqlstate = ERRCODE_IG_REPLICA_IDENTITY,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_REPLICA_IDENTITY),
		.judge = judge_replica_identity,
		.refuses = "REPLICA IDENTITY of a published table is changed, or its index dropped",
		.cure = "make the new identity first, on the subscribers too",
	},
};

const IgRuleSet ig_rules_table = {rules, lengthof(rules)};
