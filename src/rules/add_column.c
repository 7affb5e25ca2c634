/*-------------------------------------------------------------------------
 *
 * add_column.c
 *	  Rules for ALTER TABLE ... ADD COLUMN.
 *
 * Whatever part of the clause a rule objects to, the cure is the same: the
 * bare column first, and everything else in steps that neither rewrite nor
 * scan under a strong lock.  So all rules of this file give the same hint,
 * and the first of them that is refused brings it whole.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "commands/defrem.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/rules.h"

static void judge_rewrite(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_scan(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_index(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void judge_required(const IgRule *rule, const IgChange *change, IgFindings *findings);
static bool holds_rows(const IgRelation *rel);
static bool is_scanned(List *specs);
static void cure(IgFinding *finding, const IgChange *change);
static void cure_column(IgFinding *finding, const IgChange *change);
static void cure_sequence(IgFinding *finding, const IgChange *change);
static void cure_stored(IgFinding *finding, const IgChange *change);
static void cure_constraints(IgFinding *finding, const IgChange *change, List *specs,
							 const char *label);
static void cure_key(IgFinding *finding, const IgChange *change);
static char *base_type_sql(const IgNewColumn *column);

/*
 * Foreign tables keep no rows here, and the server checks none.
 */
static bool
holds_rows(const IgRelation *rel)
{
	return rel->relkind == RELKIND_RELATION || rel->relkind == RELKIND_PARTITIONED_TABLE;
}

static void
judge_rewrite(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	IgFinding  *finding;

	if (!change->impact.rewrite || !holds_rows(change->rel))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add column \"%s\" of %s because it would rewrite the table",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding, "All rows and indexes are written anew because %s.",
					  change->impact.reason ? change->impact.reason :
					  "its value differs from row to row");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure(finding, change);
}

/*
 * Is there one among the constraints that the server would check at once?
 */
static bool
is_scanned(List *specs)
{
	ListCell   *lc;

	foreach(lc, specs)
	{
		if (!((const IgConstraintSpec *) lfirst(lc))->not_valid)
			return true;
	}
	return false;
}

/*
 * Without a DEFAULT clause the server takes all values of the new column for
 * NULL, and does not check a foreign key.  It does check a CHECK, and whether a
 * virtual column, which is stored nowhere, is NOT NULL.
 */
static void
judge_scan(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgNewColumn *column = change->new_column;
	bool		checks = is_scanned(column->checks);
	bool		references = column->default_clause && is_scanned(column->references);
	bool		nulls = column->not_null && column->generated == IG_GENERATED_VIRTUAL;
	IgFinding  *finding;
	ListCell   *lc;

	if ((!checks && !references && !nulls) || !holds_rows(change->rel))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add column \"%s\" of %s with a constraint that is checked at once",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	if (checks)
		ig_finding_detail(finding, "Every row is read to check the CHECK constraint.");
	if (references)
		ig_finding_detail(finding, "Every row is looked up in the referenced table.");
	if (nulls)
		ig_finding_detail(finding, "The value of every row is computed to check NOT NULL.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);

	foreach(lc, references ? column->references : NIL)
	{
		const IgConstraintSpec *spec = (const IgConstraintSpec *) lfirst(lc);

		if (spec->parent && !ig_relation_is_exempt(spec->parent) &&
			spec->parent->relid != change->rel->relid)
			ig_finding_detail_table(finding, spec->parent, ShareRowExclusiveLock);
	}
	cure(finding, change);
}

static void
judge_index(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgNewColumn *column = change->new_column;
	IgFinding  *finding;

	if ((!column->unique && !column->primary_key) || !holds_rows(change->rel))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add column \"%s\" of %s as %s",
							 ig_text_name(change->column), ig_text_relation(change->rel),
							 column->primary_key ? "PRIMARY KEY" : "UNIQUE");
	ig_finding_detail(finding, "Its index is built while reads and writes wait.");
	ig_finding_detail_table(finding, change->rel, change->impact.lock);
	cure(finding, change);
}

static void
judge_required(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgNewColumn *column = change->new_column;
	IgFinding  *finding;

	if ((!column->not_null && !column->in_key) || column->has_default ||
		!holds_rows(change->rel))
		return;

	finding = ig_finding_add(findings, rule, change,
							 "cannot add column \"%s\" of %s as NOT NULL without a default",
							 ig_text_name(change->column), ig_text_relation(change->rel));
	ig_finding_detail(finding,
					  "The statement fails if there are rows, and running applications "
					  "that do not know the column can no longer insert.");
	ig_finding_detail_table(finding, change->rel, NoLock);
	cure(finding, change);
}

/*
 * The whole way to the column that was asked for.
 */
static void
cure(IgFinding *finding, const IgChange *change)
{
	const IgNewColumn *column = change->new_column;
	bool		virtual = column->generated == IG_GENERATED_VIRTUAL;

	if (column->type_sql == NULL)
		return;

	if (column->generated == ATTRIBUTE_GENERATED_STORED)
		cure_stored(finding, change);
	else if (virtual)
		ig_finding_hint(finding, "-- add the column without its constraints, then:");
	else if (column->serial || column->identity != '\0')
		cure_sequence(finding, change);
	else
		cure_column(finding, change);

	if ((column->not_null || column->in_key) &&
		(change->impact.rewrite || column->default_sql == NULL))
	{
		if (!virtual)
			ig_finding_hint(finding, "-- when every row has a value, in later transactions:");
		ig_cure_not_null(finding, change->rel, change->column);
	}
	cure_constraints(finding, change, column->checks, "check");
	cure_constraints(finding, change, column->references, "fkey");
	if (column->unique || column->primary_key)
		cure_key(finding, change);
}

/*
 * A default that needs no rewrite stays in the clause, with NOT NULL, which is
 * free then.  One that does is set afterwards: it holds for new rows only, and
 * the old ones are filled in batches.
 */
static void
cure_column(IgFinding *finding, const IgChange *change)
{
	const IgNewColumn *column = change->new_column;
	const char *table = ig_relation_quoted(change->rel);
	const char *quoted = quote_identifier(change->column);
	const char *type_sql = change->impact.rewrite ? base_type_sql(column) : column->type_sql;

	if (!change->impact.rewrite && column->default_sql)
	{
		ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s DEFAULT %s%s;",
						table, quoted, type_sql, column->default_sql,
						column->not_null ? " NOT NULL" : "");
		return;
	}

	if (strcmp(type_sql, column->type_sql) != 0)
		ig_finding_hint(finding,
						"-- the base type; add the constraints of the domain as CHECK ... NOT VALID");
	ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;", table, quoted, type_sql);
	if (column->default_sql)
	{
		ig_finding_hint(finding, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s;",
						table, quoted, column->default_sql);
		ig_cure_backfill(finding, change->rel, change->column, "DEFAULT",
						 psprintf("%s IS NULL", quoted));
	}
	else if (!column->has_default && (column->not_null || column->in_key))
		ig_finding_hint(finding, "-- let every writer set it, and fill the existing rows");
}

/*
 * serial and IDENTITY: a sequence and a default that takes from it.
 */
static void
cure_sequence(IgFinding *finding, const IgChange *change)
{
	const IgRelation *rel = change->rel;
	const char *table = ig_relation_quoted(rel);
	const char *quoted = quote_identifier(change->column);
	const char *type_sql = base_type_sql(change->new_column);
	char	   *name = ChooseRelationName(rel->name, change->column, "seq",
										  get_rel_namespace(rel->relid), false);
	char	   *sequence = quote_qualified_identifier(rel->schema, name);

	if (change->new_column->identity != '\0')
		ig_finding_hint(finding,
						"-- IDENTITY needs the rewrite; a default that takes from a sequence does not:");
	ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;", table, quoted, type_sql);
	ig_finding_hint(finding, "CREATE SEQUENCE %s AS %s OWNED BY %s.%s;",
					sequence, type_sql, table, quoted);
	ig_finding_hint(finding, "ALTER TABLE %s ALTER COLUMN %s SET DEFAULT nextval(%s);",
					table, quoted, quote_literal_cstr(sequence));
	ig_cure_backfill(finding, rel, change->column, "DEFAULT",
					 psprintf("%s IS NULL", quoted));
}

static void
cure_stored(IgFinding *finding, const IgChange *change)
{
	if (IG_HAS_VIRTUAL_GENERATED)
		ig_finding_hint(finding,
						"-- a VIRTUAL generated column needs no rewrite; or an ordinary one:");
	ig_finding_hint(finding, "ALTER TABLE %s ADD COLUMN %s %s;",
					ig_relation_quoted(change->rel), quote_identifier(change->column),
					change->new_column->type_sql);
	ig_finding_hint(finding,
					"-- let a BEFORE INSERT OR UPDATE trigger compute it, and fill the existing rows in batches");
}

/*
 * The inline constraints, each one added NOT VALID and validated later.
 */
static void
cure_constraints(IgFinding *finding, const IgChange *change, List *specs,
				 const char *label)
{
	const IgRelation *rel = change->rel;
	ListCell   *lc;

	foreach(lc, specs)
	{
		const IgConstraintSpec *spec = (const IgConstraintSpec *) lfirst(lc);
		const char *name = spec->name ? spec->name :
			ig_cure_constraint_name(rel, change->column, label);

		if (spec->contype == CONSTRAINT_FOREIGN && ig_relation_is_partitioned(rel) &&
			!IG_FK_NOT_VALID_PARTITIONED)
			ig_finding_hint(finding,
							"-- a partitioned table cannot have a foreign key that is NOT VALID: add it to each partition");
		else if (spec->definition == NULL)
			ig_finding_hint(finding,
							"-- add the constraint %s in a statement of its own, as NOT VALID, and validate it later",
							ig_text_name(quote_identifier(name)));
		else if (spec->not_valid)
			ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s NOT ENFORCED;",
							ig_relation_quoted(rel), quote_identifier(name),
							spec->definition);
		else
			ig_cure_add_constraint(finding, rel, name, spec->definition);
	}
}

static void
cure_key(IgFinding *finding, const IgChange *change)
{
	const IgRelation *rel = change->rel;
	bool		primary = change->new_column->primary_key;
	const char *table = ig_relation_quoted(rel);
	const char *name;

	if (ig_relation_is_partitioned(rel))
	{
		ig_finding_hint(finding,
						"-- the unique index of a partitioned table: ON ONLY it, CONCURRENTLY on each partition, and ALTER INDEX ... ATTACH PARTITION");
		return;
	}

	name = quote_identifier(ig_cure_constraint_name(rel, primary ? NULL : change->column,
													primary ? "pkey" : "key"));
	ig_finding_hint(finding, "CREATE UNIQUE INDEX CONCURRENTLY %s ON %s (%s);",
					name, table, quote_identifier(change->column));
	ig_finding_hint(finding, "ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s;",
					table, name, primary ? "PRIMARY KEY" : "UNIQUE", name);
}

/*
 * The type under a domain, for a column whose domain would cost a rewrite.
 */
static char *
base_type_sql(const IgNewColumn *column)
{
	int32		typmod = -1;
	Oid			base;

	if (!OidIsValid(column->typid) || get_typtype(column->typid) != TYPTYPE_DOMAIN)
		return column->type_sql;

	base = getBaseTypeAndTypmod(column->typid, &typmod);
	return format_type_with_typemod(base, typmod);
}

static const IgRule rules[] = {
	{
		.name = "add-column-rewrite",
		.sqlstate = ERRCODE_IG_ADD_COLUMN_REWRITE,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_COLUMN),
		.judge = judge_rewrite,
		.refuses = "ADD COLUMN with a volatile default, serial, identity, a stored generated value or a constrained domain: the table is rewritten",
		.cure = "add the bare column, set the default, fill old rows in batches, validate constraints later",
	},
	{
		.name = "add-column-scan",
		.sqlstate = ERRCODE_IG_ADD_COLUMN_SCAN,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_COLUMN),
		.judge = judge_scan,
		.refuses = "ADD COLUMN with an inline CHECK, or with REFERENCES and a default: the table is scanned",
		.cure = "add the column first, the constraint as NOT VALID, and validate it later",
	},
	{
		.name = "add-column-index",
		.sqlstate = ERRCODE_IG_ADD_COLUMN_INDEX,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_COLUMN),
		.judge = judge_index,
		.refuses = "ADD COLUMN ... UNIQUE or PRIMARY KEY: an index is built while reads and writes wait",
		.cure = "add the column, CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... USING INDEX",
	},
	{
		.name = "add-required-column",
		.sqlstate = ERRCODE_IG_ADD_REQUIRED_COLUMN,
		.family = IG_FAMILY_COMPATIBILITY,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_ADD_COLUMN),
		.judge = judge_required,
		.refuses = "ADD COLUMN NOT NULL, or as part of a key, without a default: running writers that omit it fail",
		.cure = "add the column as nullable, fill it, prove NOT NULL with a validated CHECK, then SET NOT NULL",
	},
};

const IgRuleSet ig_rules_add_column = {rules, lengthof(rules)};
