/*-------------------------------------------------------------------------
 *
 * partition.c
 *	  Rules for partitions that come and go.
 *
 * New tables count here as well: what is locked, and may be read, are the
 * partitioned table and its default partition.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"

#include "catalog/dependency.h"
#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/rules.h"

#define MAX_NAMES	5

static void judge_attach(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_partition_of(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_detach(const IgRule *rule, const IgChange *change, IgFindings *findings);
static const char *attach_reason(const IgChange *change);
static void attach_detail(IgFinding *finding, const IgChange *change);
static void cure_scan(IgFinding *finding, const IgChange *change);
static void cure_indexes(IgFinding *finding, const IgChange *change);
static void cure_index(IgFinding *finding, const IgChange *change, const char *name);
static void cure_foreign_keys(IgFinding *finding, const IgChange *change);

static void
judge_attach(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		creates = change->kind == IG_CREATE_PARTITION;
	IgFinding  *finding;

	if (!change->impact.scan && !change->impact.reindex && !change->impact.recheck)
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot %s %s %s %s because %s",
							 creates ? "create" : "attach", ig_text_relation(change->rel),
							 creates ? "as a partition of" : "to",
							 ig_text_relation(change->parent), attach_reason(change));
	attach_detail(finding, change);
	if (!creates)
		ig_finding_detail_table(finding, change->rel, AccessExclusiveLock);

	if (change->impact.scan)
		cure_scan(finding, change);
	if (change->impact.reindex)
		cure_indexes(finding, change);
	if (change->impact.recheck)
		cure_foreign_keys(finding, change);
	ig_finding_hint(finding, "-- then the statement itself, which has nothing left to check or build");
}

static const char *
attach_reason(const IgChange *change)
{
	if (change->impact.scan)
		return "rows would be checked against the bound";
	if (change->impact.reindex)
		return "indexes would be built";

	return "foreign keys would be checked";
}

static void
attach_detail(IgFinding *finding, const IgChange *change)
{
	const IgImpact *impact = &change->impact;

	if (impact->scan && impact->tables != NIL)
		ig_finding_detail(finding, "All rows of %s are read while reads and writes wait.",
						  ig_text_list(impact->tables, MAX_NAMES));
	if (impact->reindex && impact->indexes != NIL)
		ig_finding_detail(finding, "The partition gets a copy of %s built while reads and writes wait.",
						  ig_text_list(impact->indexes, MAX_NAMES));
	if (impact->recheck && impact->constraints != NIL)
		ig_finding_detail(finding, "All rows of the partition are looked up for %s.",
						  ig_text_list(impact->constraints, MAX_NAMES));
	if (impact->reason)
		ig_finding_detail(finding, "The cause: %s.", impact->reason);
}

/*
 * A validated CHECK that says the same as the bound spares the scan; on the
 * default partition, one that says the opposite.
 */
static void
cure_scan(IgFinding *finding, const IgChange *change)
{
	ListCell   *lc;

	if (change->impact.proofs == NIL)
	{
		ig_finding_hint(finding,
						"-- on each table that is read: ADD CONSTRAINT ... CHECK (...) NOT VALID with the bound (on the default partition, its opposite), and VALIDATE it in another transaction");
		return;
	}
	foreach(lc, change->impact.proofs)
	{
		const IgProof *proof = (const IgProof *) lfirst(lc);
		IgRelation *rel = ig_relation_load(proof->relid);

		if (rel != NULL)
			ig_cure_add_constraint(finding, rel, ig_cure_constraint_name(rel, NULL, "bound"),
								   psprintf("CHECK (%s)", proof->check));
	}
	ig_finding_hint(finding, "-- (afterwards the partition needs these checks no longer)");
}

static void
cure_indexes(IgFinding *finding, const IgChange *change)
{
	ListCell   *lc;

	foreach(lc, change->impact.indexes)
		cure_index(finding, change, (const char *) lfirst(lc));
}

/*
 * The counterpart of an index of the partitioned table; if it is that of a
 * constraint, the partition must have such a constraint.
 */
static void
cure_index(IgFinding *finding, const IgChange *change, const char *name)
{
	const IgRelation *rel = change->rel;
	Oid			indexid = get_relname_relid(name, get_rel_namespace(change->parent->relid));
	Oid			conoid;
	const char *definition;
	const char *tail;
	const char *quoted;
	bool		unique;
	char		contype;

	if (!OidIsValid(indexid) || ig_relation_is_partitioned(rel))
	{
		ig_finding_hint(finding, "-- create the counterpart of index %s CONCURRENTLY",
						ig_text_name(quote_identifier(name)));
		return;
	}

	definition = pg_get_indexdef_string(indexid);
	unique = strncmp(definition, "CREATE UNIQUE", strlen("CREATE UNIQUE")) == 0;
	tail = ig_cure_index_tail(definition);
	if (tail == NULL)
		return;

	quoted = quote_identifier(ChooseRelationName(rel->name, name, "part",
												 get_rel_namespace(rel->relid), false));
	ig_finding_hint(finding, "CREATE %sINDEX CONCURRENTLY %s ON %s%s;",
					unique ? "UNIQUE " : "", quoted, ig_relation_quoted(rel), tail);

	conoid = get_index_constraint(indexid);
	contype = OidIsValid(conoid) ? ig_cure_constraint_type(conoid) : '\0';
	if (contype == CONSTRAINT_PRIMARY || contype == CONSTRAINT_UNIQUE)
		ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s;",
						ig_relation_quoted(rel), quoted,
						contype == CONSTRAINT_PRIMARY ? "PRIMARY KEY" : "UNIQUE", quoted);
}

static void
cure_foreign_keys(IgFinding *finding, const IgChange *change)
{
	ListCell   *lc;

	/* a key by which a delete reaches it would be refused as well */
	foreach(lc, change->paths)
	{
		if (ig_relation_is_financial(((const IgCascadePath *) lfirst(lc))->target))
			return;
	}

	foreach(lc, change->impact.constraints)
	{
		char	   *name = (char *) lfirst(lc);
		Oid			conoid = get_relation_constraint_oid(change->parent->relid, name, true);

		if (OidIsValid(conoid) && !ig_relation_is_partitioned(change->rel))
			ig_cure_add_constraint(finding, change->rel, name,
								   ig_cure_constraint_definition(conoid));
	}
}

/*
 * Off by default: the lock is brief, but it is ACCESS EXCLUSIVE, where ATTACH
 * asks for less.
 */
static void
judge_partition_of(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const char *table = ig_relation_quoted(change->rel);
	const char *parent = ig_relation_quoted(change->parent);
	IgFinding  *finding;

	if (ig_relation_is_exempt(change->parent))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "creating %s as a partition locks all of %s",
							 ig_text_relation(change->rel), ig_text_relation(change->parent));
	ig_finding_detail_table(finding, change->parent, AccessExclusiveLock);
	ig_finding_hint(finding, "CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING IDENTITY);",
					table, parent);
	ig_finding_hint(finding,
					"-- and in the same transaction: ALTER TABLE %s ATTACH PARTITION %s FOR VALUES ...",
					ig_text_name(parent), ig_text_name(table));
}

/*
 * The server has no concurrent form for a table with a default partition.
 */
static void
judge_detach(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	bool		has_default = change->in_use;
	IgFinding  *finding;

	if (change->concurrently || ig_relation_is_exempt(change->parent))
		return;

	finding = ig_finding_add(findings, rule, change, "cannot detach partition \"%s\" from %s %s",
							 ig_text_name(ig_relation_label(change->rel)),
							 ig_text_relation(change->parent),
							 has_default ? "because it would lock the whole of it" :
							 "without CONCURRENTLY");
	ig_finding_detail(finding,
					  "The statement waits for all that use any partition, and whoever comes later waits for the statement.");
	ig_finding_detail_table(finding, change->parent, AccessExclusiveLock);
	if (!has_default)
	{
		ig_finding_hint(finding, "-- outside of a transaction block:");
		ig_finding_hint(finding, "ALTER TABLE %s DETACH PARTITION %s CONCURRENTLY;",
						ig_relation_quoted(change->parent), ig_relation_quoted(change->rel));
		return;
	}
	ig_finding_hint(finding,
					"-- a table with a default partition has no concurrent form; let it give up soon if the table is busy:");
	ig_finding_hint(finding, "SET lock_timeout = '2s';");
	ig_cure_allow(finding, "and in the transaction", true);
}

static const char *const partition_of_replaced[] = {"partition-of-lock", NULL};

static const IgRule rules[] = {
	{
		.name = "detach-blocking",
		.sqlstate = ERRCODE_IG_DETACH_BLOCKING,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DETACH_PARTITION),
		.judge = judge_detach,
		.refuses = "DETACH PARTITION without CONCURRENTLY: the whole partitioned table is locked",
		.cure = "DETACH PARTITION ... CONCURRENTLY, where there is no default partition",
	},
	{
		.name = "attach-scan",
		.sqlstate = ERRCODE_IG_ATTACH_SCAN,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ATTACH_PARTITION) | IG_KIND(IG_CREATE_PARTITION),
		.new_too = true,
		.judge = judge_attach,
		.replaces = partition_of_replaced,
		.refuses = "a new partition for which rows are read or indexes built, the default partition's included",
		.cure = "a validated CHECK with the bound, and the parent's indexes built concurrently, then ATTACH",
	},
	{
		.name = "partition-of-lock",
		.sqlstate = ERRCODE_IG_PARTITION_OF_LOCK,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_OFF,
		.kinds = IG_KIND(IG_CREATE_PARTITION),
		.new_too = true,
		.judge = judge_partition_of,
		.refuses = "CREATE TABLE ... PARTITION OF an existing table: a brief but strong lock on all of it (off)",
		.cure = "CREATE TABLE ... (LIKE ...), then ATTACH PARTITION",
	},
};

const IgRuleSet ig_rules_partition = {rules, lengthof(rules)};
