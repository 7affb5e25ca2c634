/*-------------------------------------------------------------------------
 *
 * columns.c
 *	  Rules for what is retired: not yet dropped, and no longer used.
 *
 * drop-column and drop-table pass what is retired; drop-too-early is what they
 * leave to be asked.  The other two are judged by no gate but as a statement
 * starts to run; see columns/retired_use.c.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "model/retirement.h"
#include "platform/errcodes.h"
#include "rules/allowance.h"
#include "rules/retired.h"
#include "rules/rules.h"

static void judge_too_early(const IgRule *rule, const IgChange *change, IgFindings *findings);
static void tell_use(IgFinding *finding, const char *what, const IgUse *use);
static void tell_hold(IgFinding *finding, const IgVerdict *verdict);
static char *object_literal(const IgRelation *rel);

/*
 * Where dropping it unretired would be less than an error, dropping it early is
 * no more than that.
 */
static void
judge_too_early(const IgRule *rule, const IgChange *change, IgFindings *findings)
{
	const IgRule *drop = ig_rule_by_name(change->kind == IG_DROP_COLUMN ?
										 "drop-column" : "drop-table");
	char	   *what = ig_text_relation(change->rel);
	IgVerdict	verdict;
	IgFinding  *finding;

	if (!OidIsValid(change->rel->relid))
		return;
	ig_retirement_judge(change->rel->relid,
						change->kind == IG_DROP_COLUMN ? change->attnum : InvalidAttrNumber,
						&verdict);
	if (verdict.retirement == NULL || verdict.hold == IG_HOLD_NOTHING)
		return;

	if (change->kind == IG_DROP_COLUMN)
		what = psprintf("column \"%s\" of %s", ig_text_name(change->column), what);
	finding = ig_finding_add(findings, rule, change, "cannot drop %s yet: %s", what,
							 ig_retired_why(&verdict, true));
	finding->level = Min(rule->level,
						 ig_rule_effective_level(drop, drop->level, change->rel->classes));

	ig_finding_detail(finding, "It was retired on %s by role \"%s\", because: \"%s\".",
					  timestamptz_to_str(verdict.retirement->since),
					  ig_text_name(verdict.retirement->role),
					  ig_text_name(verdict.retirement->reason));
	tell_use(finding, "read", &verdict.usage.read);
	tell_use(finding, "written", &verdict.usage.written);
	tell_hold(finding, &verdict);

	ig_finding_hint(finding,
					"SELECT * FROM invariant_guard.retirements WHERE rel = %s::pg_catalog.regclass;",
					object_literal(change->rel));
	ig_allowance_hint_at_once(finding, change, verdict.hold == IG_HOLD_UNOBSERVED ?
							  "when it is certain that nothing uses it" :
							  "or at once, when it is certain that nothing uses it");
}

const char *
ig_retired_why(const IgVerdict *verdict, bool names)
{
	const IgUse *use = verdict->hold == IG_HOLD_WRITTEN ? &verdict->usage.written :
		&verdict->usage.read;

	switch (verdict->hold)
	{
		case IG_HOLD_READ:
		case IG_HOLD_WRITTEN:
			if (!names)
				return "it has been used since it was retired";
			if (use->application == NULL || use->application[0] == '\0')
				return psprintf("role \"%s\" has used it since it was retired",
								ig_text_name(use->role ? use->role : ""));
			return psprintf("application \"%s\" has used it since it was retired",
							ig_text_name(use->application));
		case IG_HOLD_GAP:
			return "its use was not recorded all the time since it was retired";
		case IG_HOLD_UNOBSERVED:
			return "nobody knows who uses it, since that is not recorded";
		default:
			return "it was retired too short a time ago";
	}
}

static void
tell_use(IgFinding *finding, const char *what, const IgUse *use)
{
	if (use->at == 0)
		return;

	ig_finding_detail(finding, "It was last %s%s on %s by application \"%s\" as role \"%s\".",
					  what, use->how ? use->how : "", timestamptz_to_str(use->at),
					  ig_text_name(use->application ? use->application : ""),
					  ig_text_name(use->role ? use->role : ""));
}

static void
tell_hold(IgFinding *finding, const IgVerdict *verdict)
{
	const IgUsage *usage = &verdict->usage;

	if (verdict->hold == IG_HOLD_UNOBSERVED)
		ig_finding_detail(finding, "Uses of columns are not recorded: %s.",
						  usage->why_not ? usage->why_not : "there is no usage record");
	else if (verdict->hold == IG_HOLD_GAP)
		ig_finding_detail(finding, "Until %s its use was not recorded: %s.",
						  timestamptz_to_str(usage->observed_since),
						  usage->why_not ? usage->why_not : "the record began then");
	if (verdict->may_go != 0)
		ig_finding_detail(finding, "It may go after %s, if nothing uses it till then (invariant_guard.retirement_period is %s).",
						  timestamptz_to_str(verdict->may_go),
						  GetConfigOptionByName("invariant_guard.retirement_period", NULL, false));
}

/* The table's name as a literal that is cast to regclass. */
static char *
object_literal(const IgRelation *rel)
{
	return quote_literal_cstr(ig_relation_quoted(rel));
}

bool
ig_retire_hint(IgFinding *finding, const IgChange *change, bool comment)
{
	const IgRelation *rel = change->rel;
	char	   *call;

	/* explicit modes hold without the extension's functions too */
	if (!OidIsValid(get_extension_oid("invariant_guard", true)))
		return false;
	if (!OidIsValid(rel->relid) || rel->is_foretold ||
		(rel->relkind != RELKIND_RELATION && rel->relkind != RELKIND_PARTITIONED_TABLE &&
		 rel->relkind != RELKIND_FOREIGN_TABLE))
		return false;

	if (change->kind == IG_DROP_COLUMN)
		call = psprintf("retire_column(%s, %s, 'why')", object_literal(rel),
						quote_literal_cstr(change->column));
	else
		call = psprintf("retire_table(%s, 'why')", object_literal(rel));

	/* no line break in a name may end a comment */
	if (comment)
	{
		ig_finding_hint(finding, "-- retire it first: SELECT invariant_guard.%s;",
						ig_text_name(call));
		return true;
	}
	ig_finding_hint(finding, "SELECT invariant_guard.%s;", call);
	if (ig_guc_retirement_period == 0)
		ig_finding_hint(finding, "-- then drop it");
	else
		ig_finding_hint(finding,
						"-- then drop it, when nothing has used it for %s: see the view invariant_guard.retirements",
						GetConfigOptionByName("invariant_guard.retirement_period", NULL, false));
	return true;
}

static const char *const drops[] = {"drop-column", "drop-table", NULL};

static const IgRule rules[] = {
	{
		.name = "drop-too-early",
		.sqlstate = ERRCODE_IG_DROP_TOO_EARLY,
		.family = IG_FAMILY_COLUMNS,
		.level = IG_LEVEL_ERROR,
		.kinds = IG_KIND(IG_DROP_COLUMN) | IG_KIND(IG_DROP_TABLE),
		.judge = judge_too_early,
		.allowed_as = drops,
		.refuses = "DROP of a retired column or table that was used, or not observed, within retirement_period",
		.cure = "wait; invariant_guard.retirements says until when, and for whom",
	},
	{
		.name = "retired-use",
		.sqlstate = ERRCODE_IG_RETIRED_USE,
		.family = IG_FAMILY_COLUMNS,
		.level = IG_LEVEL_ERROR,
		.refuses = "a statement that uses a retired column or table, where retired_column_use is warn or error",
		.cure = "a statement that does not name the column",
	},
	{
		.name = "retired-write",
		.sqlstate = ERRCODE_IG_RETIRED_WRITE,
		.family = IG_FAMILY_COLUMNS,
		.level = IG_LEVEL_ERROR,
		.refuses = "a statement that gives a value to a column that was retired with block_writes",
		.cure = "a statement that does not name the column",
	},
};

const IgRuleSet ig_rules_columns = {rules, lengthof(rules)};
