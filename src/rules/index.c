/*-------------------------------------------------------------------------
 *
 * index.c
 *	  Rules for building, dropping and rebuilding indexes, and for the
 *	  commands that order or pack a table anew.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "utils/builtins.h"

#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/rules.h"

static void judge_create(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_reindex(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_cluster(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_vacuum_full(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void cure_create(IgFinding *finding, const IgChange *change);

/*
 * On ONLY a partitioned table an index is a mere catalog entry; the change is
 * marked as derived then.
 */
static void
judge_create(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->concurrently || !change->impact.reindex ||
		(change->derived && ig_relation_is_partitioned(change->rel)))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot create index \"%s\" on %s without CONCURRENTLY",
							 ig_text_name(change->index->name ? change->index->name : ""),
							 ig_text_relation(change->rel));
	ig_finding_detail(finding, "All writes to the table wait until the index is built.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure_create(finding, change);
}

static void
cure_create(IgFinding *finding, const IgChange *change)
{
	const IgIndexSpec *index = change->index;
	const char *tail;

	if (ig_relation_is_partitioned(change->rel))
	{
		tail = ig_cure_index_tail(index->only_sql);
		if (tail != NULL && index->name != NULL)
			ig_cure_partitioned_index(finding, change->rel, index->name, index->unique, tail);
		else
			ig_finding_hint(finding,
							"-- CREATE INDEX ... ON ONLY the partitioned table, CREATE INDEX CONCURRENTLY on each partition, then ALTER INDEX ... ATTACH PARTITION for each");
		return;
	}

	ig_finding_hint(finding, "-- outside of a transaction block:");
	if (index->concurrent_sql != NULL)
		ig_finding_hint(finding, "%s;", index->concurrent_sql);
	else
		ig_finding_hint(finding, "-- the same statement as CREATE %sINDEX CONCURRENTLY ...",
						index->unique ? "UNIQUE " : "");
}

/*
 * An index of this very transaction is used by nobody, and its table is locked
 * already.
 */
static void
judge_drop(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->concurrently || change->derived || change->is_new || change->name == NULL)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot drop index \"%s\" of %s without CONCURRENTLY",
							 ig_text_name(change->name), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The statement waits for all that use the table, and whoever comes later waits for the statement.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_finding_hint(finding, "-- outside of a transaction block:");
	ig_finding_hint(finding, "DROP INDEX CONCURRENTLY %s;",
					quote_qualified_identifier(change->rel->schema, change->name));
}

/*
 * The change names an index as it is quoted in SQL, or none.
 */
static void
judge_reindex(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (change->concurrently)
		return;

	if (change->name)
		finding = ig_finding_add(findings, rule, change,
								 "cannot reindex index %s of %s without CONCURRENTLY",
								 ig_text_name(change->name), ig_text_relation(change->rel));
	else
		finding = ig_finding_add(findings, rule, change,
								 "cannot reindex %s without CONCURRENTLY",
								 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "While an index is rebuilt all writes to the table wait, and the queries that would use the index too.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_finding_hint(finding, "-- outside of a transaction block:");
	if (change->name)
		ig_finding_hint(finding, "REINDEX INDEX CONCURRENTLY %s;", change->name);
	else
		ig_finding_hint(finding, "REINDEX TABLE CONCURRENTLY %s;",
						ig_relation_quoted(change->rel));
}

static void
judge_cluster(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot cluster %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The table and its indexes are written anew while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_finding_hint(finding,
					"-- a tool such as pg_repack or pg_squeeze does the same while the table is in use");
	ig_cure_allow(finding, "in a quiet window", false);
}

static void
judge_vacuum_full(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	finding = ig_finding_add(findings, rule, change, "cannot run VACUUM FULL on %s",
							 ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The table and its indexes are written anew while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	ig_finding_hint(finding, "-- makes the space of dead rows usable again, while the table is in use:");
	ig_finding_hint(finding, "VACUUM %s;", ig_relation_quoted(change->rel));
	ig_finding_hint(finding,
					"-- a tool such as pg_repack or pg_squeeze also gives it back to the file system");
	ig_cure_allow(finding, "in a quiet window", false);
}

static const IgRule rules[] = {
	{
		.name = "create-index-blocking",
		.sqlstate = ERRCODE_IG_CREATE_INDEX_BLOCKING,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_CREATE_INDEX),
		.judge = judge_create,
		.refuses = "CREATE INDEX without CONCURRENTLY: writes wait until it is built",
		.cure = "CREATE INDEX CONCURRENTLY; for a partitioned table ON ONLY it, on each partition, and ATTACH",
	},
	{
		.name = "drop-index-blocking",
		.sqlstate = ERRCODE_IG_DROP_INDEX_BLOCKING,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_INDEX),
		.judge = judge_drop,
		.refuses = "DROP INDEX without CONCURRENTLY: it queues for the strongest lock",
		.cure = "DROP INDEX CONCURRENTLY",
	},
	{
		.name = "reindex-blocking",
		.sqlstate = ERRCODE_IG_REINDEX_BLOCKING,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_REINDEX),
		.judge = judge_reindex,
		.refuses = "REINDEX without CONCURRENTLY, in any form",
		.cure = "REINDEX ... CONCURRENTLY",
	},
	{
		.name = "cluster",
		.sqlstate = ERRCODE_IG_CLUSTER,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_CLUSTER),
		.judge = judge_cluster,
		.refuses = "CLUSTER: the table is rewritten while reads and writes wait",
		.cure = "a tool that repacks the table in use, or an allowance in a quiet window",
	},
	{
		.name = "vacuum-full",
		.sqlstate = ERRCODE_IG_VACUUM_FULL,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_VACUUM_FULL),
		.judge = judge_vacuum_full,
		.refuses = "VACUUM (FULL): the table is rewritten while reads and writes wait",
		.cure = "VACUUM, a tool that repacks the table in use, or an allowance in a quiet window",
	},
};

const IgRuleSet ig_rules_index = {rules, lengthof(rules)};
