/*-------------------------------------------------------------------------
 *
 * decide.c
 *	  From findings to an outcome; the one place of the gate that raises.
 *
 * Order of what is asked of each finding: its level (severity settings, table
 * class), then the allowances of the session, then the mode, which caps all.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "access/parallel.h"

#include "gate/decide.h"
#include "gate/hints.h"
#include "gate/pending.h"
#include "gate/record.h"
#include "gate/transaction.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "rules/rules.h"

/* How many findings beside the first one an error shows in full. */
#define MAX_OTHERS	20

/* Is the extension created in this database?  Forgotten with any schema. */
static bool extension_known = false;
static Oid	extension_oid = InvalidOid;

static void namespace_changed(Datum arg, int cacheid, uint32 hashvalue);
static bool is_extension_created(void);
static bool is_ordinary_backend(void);
static bool is_allowance_for(const IgAllowItem *item, const IgRule *rule);
static bool allowance_matches(const IgAllowItem *item, const IgFinding *finding);
static IgLevel level_in_force(const IgFinding *finding);
static IgOutcome outcome_of(IgLevel level, IgMode mode);
static void append_hints(StringInfo buf, const IgFinding *finding, List *others, IgHints *hints);
static void append_hint(StringInfo buf, List **given, const char *rule, const char *hint);
static void report(int elevel, const IgFinding *finding, List *others, IgHints *hints);

void
ig_decide_init(void)
{
	CacheRegisterSyscacheCallback(NAMESPACEOID, namespace_changed, (Datum) 0);
}

/*
 * The extension's own schema comes and goes with it, and pg_extension itself
 * sends no message that a callback could hear.
 */
static void
namespace_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	extension_known = false;
}

static bool
is_extension_created(void)
{
	if (!extension_known)
	{
		extension_oid = get_extension_oid("invariant_guard", true);
		extension_known = true;
	}
	return OidIsValid(extension_oid);
}

Oid
ig_extension_oid(void)
{
	return is_extension_created() ? extension_oid : InvalidOid;
}

/*
 * An extension is about to go.  Its schema went before it, and what was asked
 * since then found it still there.
 */
void
ig_decide_extension_dropped(Oid extension)
{
	if (extension_known && extension == extension_oid)
		extension_oid = InvalidOid;
}

IgMode
ig_effective_mode(void)
{
	if (ig_guc_mode != IG_MODE_AUTO)
		return (IgMode) ig_guc_mode;

	return is_extension_created() ? IG_MODE_ENFORCE : IG_MODE_OFF;
}

/*
 * A state in which catalogs can be read.  Autovacuum and logical apply do
 * their own work without any utility statement; what runs one there is a
 * function of somebody's index or trigger, and that is judged as anywhere.
 */
static bool
is_ordinary_backend(void)
{
	return !IsBinaryUpgrade && IsUnderPostmaster && !creating_extension &&
		OidIsValid(MyDatabaseId) && IsTransactionState() &&
		!IsParallelWorker();
}

bool
ig_gate_active(void)
{
	return ig_guc_mode != IG_MODE_OFF && is_ordinary_backend() &&
		ig_effective_mode() != IG_MODE_OFF;
}

bool
ig_gate_active_server_wide(void)
{
	return ig_guc_mode != IG_MODE_OFF && is_ordinary_backend();
}

void
ig_decide(IgFindings *findings)
{
	IgMode		mode = ig_effective_mode();
	IgRecord	record = {{0}};
	IgHints		hints = {NIL};
	List	   *refused = NIL;
	List	   *waiting = NIL;	/* a later statement may put it right */
	ListCell   *lc;

	if (mode == IG_MODE_OFF)
		mode = IG_MODE_ENFORCE; /* server-wide rules are asked without it */

	foreach(lc, findings->list)
	{
		IgFinding  *finding = (IgFinding *) lfirst(lc);
		IgLevel		level = level_in_force(finding);
		IgHints		alone = {list_make1(finding)};
		IgOutcome	outcome;
		int			allowance;

		if (level == IG_LEVEL_OFF)
			continue;

		outcome = outcome_of(level, mode);
		allowance = mode == IG_MODE_OBSERVE ? -1 : ig_decide_allowance(finding);
		if (allowance >= 0)
		{
			ig_transaction_note_allowance(allowance);
			hints.allowed = lappend(hints.allowed, finding);
			outcome = IG_ALLOWED;
		}
		else if (ig_pending_waits(finding, findings->may_wait))
		{
			waiting = lappend(waiting, finding);
			continue;
		}

		ig_record(&record, finding, level, outcome);
		if (outcome == IG_REFUSED)
			refused = lappend(refused, finding);
		else if (outcome == IG_WARNED)
			report(WARNING_CLIENT_ONLY, finding, NIL, &alone);
		else if (outcome == IG_NOTICED)
			report(NOTICE, finding, NIL, &alone);
	}

	/* what is refused anyway is told as a whole, at once */
	if (refused != NIL)
	{
		foreach(lc, waiting)
		{
			IgFinding  *finding = (IgFinding *) lfirst(lc);
			IgLevel		level = level_in_force(finding);

			ig_record(&record, finding, level, outcome_of(level, mode));
		}
		refused = list_concat(refused, waiting);
		ig_record_end(&record);
		hints.refused = refused;
		report(ERROR, linitial(refused), list_copy_tail(refused, 1), &hints);
	}

	ig_record_end(&record);
	foreach(lc, waiting)
		ig_pending_add((const IgFinding *) lfirst(lc), findings->statement);
}

static IgLevel
level_in_force(const IgFinding *finding)
{
	int			classes = finding->change->rel ? finding->change->rel->classes : 0;

	return ig_rule_effective_level(finding->rule, finding->level, classes);
}

/* Where no allowance says otherwise. */
static IgOutcome
outcome_of(IgLevel level, IgMode mode)
{
	if (mode == IG_MODE_OBSERVE)
		return IG_OBSERVED;
	if (level == IG_LEVEL_ERROR)
		return mode == IG_MODE_ENFORCE ? IG_REFUSED : IG_WARNED;

	return level == IG_LEVEL_NOTICE ? IG_NOTICED : IG_WARNED;
}

void
ig_decide_change(const IgChange *change)
{
	IgFindings	findings = {NIL};

	ig_rules_judge(change, &findings);
	ig_decide(&findings);
}

/*
 * Of the rule itself, or of one that would have refused more.
 */
static bool
is_allowance_for(const IgAllowItem *item, const IgRule *rule)
{
	const char *const *other = rule->allowed_as;

	if (strcmp(item->rule, rule->name) == 0)
		return true;
	for (; other != NULL && *other != NULL; other++)
	{
		if (strcmp(item->rule, *other) == 0)
			return true;
	}
	return false;
}

/*
 * An allowance names a rule and, where the finding has one, its object: by the
 * last parts of its qualified name, "table" or "schema.table" for a table and
 * "table.column" or "schema.table.column" for a column.
 */
static bool
allowance_matches(const IgAllowItem *item, const IgFinding *finding)
{
	const char *full[3];
	int			nfull = 0;
	int			least = 1;

	if (!is_allowance_for(item, finding->rule))
		return false;

	if (finding->schema)
		full[nfull++] = finding->schema;
	if (finding->table)
	{
		full[nfull++] = finding->table;
		if (finding->column)
		{
			full[nfull++] = finding->column;
			least = 2;
		}
	}
	else if (finding->object)
		full[nfull++] = finding->object;

	if (nfull == 0)
		return item->nparts == 0;
	if (item->nparts < least || item->nparts > nfull)
		return false;

	for (int i = 1; i <= item->nparts; i++)
	{
		if (strcmp(item->parts[item->nparts - i], full[nfull - i]) != 0)
			return false;
	}
	return true;
}

int
ig_decide_allowance(const IgFinding *finding)
{
	if (ig_guc_reason == NULL || ig_guc_reason[0] == '\0')
		return -1;

	for (int i = 0; i < ig_allow_list->count; i++)
	{
		if (allowance_matches(&ig_allow_list->items[i], finding))
			return i;
	}
	return -1;
}

/*
 * The object of a finding as an allowance would name it, unquoted.
 */
char *
ig_decide_object(const IgFinding *finding)
{
	StringInfoData buf;
	const char *parts[4];
	int			nparts = 0;

	parts[nparts++] = finding->schema;
	parts[nparts++] = finding->table;
	parts[nparts++] = finding->column;
	if (finding->table == NULL)
		parts[nparts++] = finding->object;

	initStringInfo(&buf);
	for (int i = 0; i < nparts; i++)
	{
		if (parts[i])
			appendStringInfo(&buf, "%s%s", buf.len > 0 ? "." : "",
							 ig_text_name(parts[i]));
	}
	return buf.data;
}

/*
 * At the end of the transaction that set it.
 */
void
ig_decide_notice_unused(const IgAllowItem *item)
{
	StringInfoData object;

	initStringInfo(&object);
	for (int i = 0; i < item->nparts; i++)
		appendStringInfo(&object, "%s%s", i > 0 ? "." : "(",
						 ig_text_name(item->parts[i]));
	if (item->nparts > 0)
		appendStringInfoChar(&object, ')');

	ereport(NOTICE,
			(errmsg("allowance %s%s was not used by this transaction",
					item->rule, object.data)));
}

void
ig_decide_tell_weakness(const char *name, const char *value, const char *reason)
{
	ereport(WARNING,
			(errcode(ERRCODE_IG_GUARD_SELF),
			 errmsg("%s was \"%s\" before the guard was loaded (rule guard-self)",
					name, value),
			 errdetail("%s", reason),
			 errhint("See invariant_guard.status(); find where it is set: the server's configuration, ALTER DATABASE, ALTER ROLE, or the connection string.")));
}

/*
 * What a statement has worked on is not what it was judged for.
 */
void
ig_decide_changed_meanwhile(const char *name)
{
	if (ig_effective_mode() != IG_MODE_ENFORCE)
		return;

	ereport(ERROR,
			(errcode(ERRCODE_IG_CHANGED_MEANWHILE),
			 errmsg("\"%s\" is no longer what the statement was judged for",
					ig_text_name(name)),
			 errdetail("While the statement waited, another session gave the name to another relation."),
			 errhint("-- run the statement again")));
}

/*
 * The hints of all that are shown.
 */
static void
append_hints(StringInfo buf, const IgFinding *finding, List *others, IgHints *hints)
{
	List	   *given = NIL;
	ListCell   *lc;

	ig_hints_begin(hints);
	append_hint(buf, &given, others ? finding->rule->name : NULL,
				ig_hints_of(hints, finding, others != NIL));
	foreach(lc, others)
	{
		const IgFinding *other = (const IgFinding *) lfirst(lc);

		if (foreach_current_index(lc) == MAX_OTHERS)
			return;
		append_hint(buf, &given, other->rule->name, ig_hints_of(hints, other, true));
	}
	if (others != NIL)
		append_hint(buf, &given, NULL, ig_hints_end(hints));
}

/* Unless another finding has the same one. */
static void
append_hint(StringInfo buf, List **given, const char *rule, const char *hint)
{
	ListCell   *lc;

	if (hint == NULL)
		return;
	foreach(lc, *given)
	{
		if (strcmp((const char *) lfirst(lc), hint) == 0)
			return;
	}
	*given = lappend(*given, unconstify(char *, hint));
	if (buf->len > 0)
		appendStringInfoChar(buf, '\n');
	if (rule != NULL)
		appendStringInfo(buf, "-- %s:\n", rule);
	appendStringInfoString(buf, hint);
}

/*
 * Tell the client of one finding; an error speaks for the others of its
 * statement as well.  The log has a line of each already: see record.c.
 *
 * The message's first line stands alone, since a third of all clients show no
 * more than that.
 */
static void
report(int elevel, const IgFinding *finding, List *others, IgHints *hints)
{
	StringInfoData message;
	StringInfoData detail;
	StringInfoData hint;
	bool		full = ig_guc_message_style == IG_MESSAGE_FULL;
	ListCell   *lc;

	initStringInfo(&message);
	initStringInfo(&detail);
	initStringInfo(&hint);

	appendStringInfo(&message, "%s (rule %s)", finding->message, finding->rule->name);
	if (list_length(others) > 0)
		appendStringInfo(&message, ", and %d more", list_length(others));

	if (finding->detail)
		appendStringInfoString(&detail, finding->detail);
	append_hints(&hint, finding, others, hints);
	foreach(lc, others)
	{
		const IgFinding *other = (const IgFinding *) lfirst(lc);

		if (foreach_current_index(lc) == MAX_OTHERS)
		{
			int			untold = list_length(others) - MAX_OTHERS;

			appendStringInfo(&detail, untold == 1 ? "\nThere is %d more finding." :
							 "\nThere are %d more findings.", untold);
			break;
		}
		appendStringInfo(&detail, "%sAlso: %s (rule %s).%s%s",
						 detail.len > 0 ? "\n" : "", other->message,
						 other->rule->name,
						 other->detail ? " " : "",
						 other->detail ? other->detail : "");
	}

	if (full && detail.len > 0)
		appendStringInfo(&message, "\n%s", detail.data);
	if (full && hint.len > 0)
		appendStringInfo(&message, "\n%s", hint.data);

	ereport(elevel,
			(errcode(finding->rule->sqlstate),
			 errmsg_internal("%s", message.data),
			 !full && detail.len > 0 ? errdetail_internal("%s", detail.data) : 0,
			 !full && hint.len > 0 ? errhint("%s", hint.data) : 0,
			 finding->schema ? err_generic_string(PG_DIAG_SCHEMA_NAME, finding->schema) : 0,
			 finding->table ? err_generic_string(PG_DIAG_TABLE_NAME, finding->table) : 0,
			 finding->column ? err_generic_string(PG_DIAG_COLUMN_NAME, finding->column) : 0,
			 err_generic_string(PG_DIAG_CONSTRAINT_NAME, finding->rule->name)));
}
