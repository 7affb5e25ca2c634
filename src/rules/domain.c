/*-------------------------------------------------------------------------
 *
 * domain.c
 *	  The rule for constraints of domains that tables use.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "utils/builtins.h"

#include "platform/errcodes.h"
#include "rules/cure.h"
#include "rules/rules.h"

#define MAX_NAMES	5

/* Of how many tables the size is told. */
#define MAX_TABLES	3

static void judge_domain(const IgRule *rule, const IgChange *change, IgFindings *findings);
static const char *domain_verb(const IgChange *change, bool *not_null);
static void cure_domain(IgFinding *finding, const IgChange *change, bool not_null);

/*
 * "set" and so on, to be followed by the domain; VALIDATE is marked by
 * concurrently, and SET NOT NULL has no constraint's name or expression.
 */
static const char *
domain_verb(const IgChange *change, bool *not_null)
{
	*not_null = change->impact.reason && strcmp(change->impact.reason, "SET NOT NULL") == 0;
	if (change->concurrently)
		return "validate a constraint of";
	if (*not_null)
		return "set NOT NULL for";

	return "add a validated constraint to";
}

static void
judge_domain(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	List	   *columns = NIL;
	List	   *seen = NIL;
	bool		not_null;
	const char *verb = domain_verb(change, &not_null);
	IgFinding  *finding;
	ListCell   *lc;

	if (!change->impact.scan || change->domain_use == NIL)
		return;

	foreach(lc, change->domain_use)
	{
		const IgDomainUse *use = (const IgDomainUse *) lfirst(lc);

		columns = lappend(columns, psprintf("%s.%s.%s", use->rel->schema, use->rel->name,
											use->column));
	}

	finding = ig_finding_add(findings, rule, change,
							 "cannot %s domain \"%s\" because the tables that use it would be read",
							 verb, ig_text_name(change->identity));
	ig_finding_detail(finding, "All rows are checked in %s %s while writes wait.",
					  list_length(columns) == 1 ? "column" : "columns",
					  ig_text_list(columns, MAX_NAMES));
	foreach(lc, change->domain_use)
	{
		IgRelation *rel = ((const IgDomainUse *) lfirst(lc))->rel;

		if (list_member_oid(seen, rel->relid) || list_length(seen) == MAX_TABLES)
			continue;
		seen = lappend_oid(seen, rel->relid);
		ig_finding_detail_table(finding, rel, change->impact.lock);
	}
	cure_domain(finding, change, not_null);
}

/*
 * As NOT VALID the constraint holds for new values at once.  The old ones are
 * read under the same lock whenever it is validated, so that stays a matter of
 * a quiet window.
 */
static void
cure_domain(IgFinding *finding, const IgChange *change, bool not_null)
{
	const char *check = not_null ? "(VALUE IS NOT NULL)" : change->new_name;
	const char *name = change->name;
	const char *dot = strrchr(change->identity, '.');

	if (name == NULL)
		name = makeObjectName(strchr(change->identity, '"') ? "domain" :
							  dot ? dot + 1 : change->identity,
							  NULL, not_null ? "not_null" : "check");

	if (!change->concurrently && check != NULL)
	{
		ig_finding_hint(finding, "ALTER DOMAIN %s ADD CONSTRAINT %s CHECK %s NOT VALID;",
						change->identity, quote_identifier(name), check);
		ig_finding_hint(finding, "-- then, in a quiet window: ALTER DOMAIN %s VALIDATE CONSTRAINT %s",
						ig_text_name(change->identity),
						ig_text_name(quote_identifier(name)));
	}
	else if (!change->concurrently)
		ig_finding_hint(finding, "-- add it as NOT VALID; it holds for new values then");
	ig_cure_allow(finding, "there, in the same transaction", true);
}

static const IgRule rules[] = {
	{
		.name = "domain-constraint-scan",
		.sqlstate = ERRCODE_IG_DOMAIN_CONSTRAINT_SCAN,
		.family = IG_FAMILY_LOCK,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DOMAIN_CONSTRAINT),
		.judge = judge_domain,
		.refuses = "ALTER DOMAIN ADD CHECK, SET NOT NULL or VALIDATE: the tables that use it are scanned",
		.cure = "NOT VALID, and VALIDATE in a quiet window",
	},
};

const IgRuleSet ig_rules_domain = {rules, lengthof(rules)};
