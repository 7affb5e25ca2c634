/*-------------------------------------------------------------------------
 *
 * record.c
 *	  What is kept of each finding: a line in the log, an entry, a count.
 *
 * The server logs an error only when it reaches the client; what an exception
 * block catches leaves no trace.  So each finding gets a line of its own.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/guc.h"

#include "gate/decide.h"
#include "gate/record.h"
#include "rules/rules.h"

/* How many findings of one statement and outcome get a line each. */
#define MAX_LINES	21

static void write_line(int sqlstate, bool observed, const char *line);
static char *finding_line(const IgFinding *finding, IgLevel level, IgOutcome outcome);
static void append_quoted(StringInfo buf, const char *before, const char *value);
static void append_session(StringInfo buf);
static void add_entry(const IgFinding *finding, IgLevel level, IgOutcome outcome);

/*
 * Each used allowance has its line, however many there are; so has what is
 * only observed, of which nothing else tells.
 */
void
ig_record(IgRecord *record, const IgFinding *finding, IgLevel level, IgOutcome outcome)
{
	record->counts[outcome]++;
	if (outcome != IG_ALLOWED && record->counts[outcome] > MAX_LINES)
	{
		if (outcome == IG_OBSERVED)
			write_line(finding->rule->sqlstate, true,
					   finding_line(finding, level, outcome));
		ig_ledger_count(MyDatabaseId, finding->rule->sqlstate, outcome);
		return;
	}
	write_line(finding->rule->sqlstate, outcome == IG_OBSERVED,
			   finding_line(finding, level, outcome));
	add_entry(finding, level, outcome);
}

void
ig_record_end(const IgRecord *record)
{
	for (IgOutcome outcome = 0; outcome < IG_OUTCOMES; outcome++)
	{
		int			more = record->counts[outcome] - MAX_LINES;
		StringInfoData buf;

		if (outcome == IG_ALLOWED || outcome == IG_OBSERVED || more <= 0)
			continue;

		initStringInfo(&buf);
		appendStringInfo(&buf, "invariant_guard: %s %d more by the same statement:",
						 ig_outcome_name(outcome), more);
		append_session(&buf);
		write_line(0, false, buf.data);
	}
}

/*
 * One line, whatever log_error_verbosity says: neither the statement, nor the
 * context, nor the place in our source, which the usual macro would add.
 *
 * What is observed a client may ask to see, by client_min_messages = log, as
 * the replay of migrations does; all else is told to it anyway.
 */
static void
write_line(int sqlstate, bool observed, const char *line)
{
	if (!errstart(observed ? LOG : LOG_SERVER_ONLY, TEXTDOMAIN))
		return;

	if (sqlstate != 0)
		errcode(sqlstate);
	errmsg_internal("%s", line);
	errhidestmt(true);
	errhidecontext(true);
	errfinish(NULL, 0, NULL);
}

/*
 * invariant_guard: refused drop-table (IGW03) on "shop.users": role "deployer",
 * application "psql", level error: cannot drop ...
 */
static char *
finding_line(const IgFinding *finding, IgLevel level, IgOutcome outcome)
{
	const IgRule *rule = finding->rule;
	char	   *object = ig_decide_object(finding);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "invariant_guard: %s %s (%s)", ig_outcome_name(outcome),
					 rule->name, unpack_sql_state(rule->sqlstate));
	if (object[0] != '\0')
		append_quoted(&buf, " on ", object);
	appendStringInfoChar(&buf, ':');
	append_session(&buf);
	appendStringInfo(&buf, ", level %s", ig_level_name(level));
	if (outcome == IG_ALLOWED)
		append_quoted(&buf, ", reason ", ig_guc_reason);
	appendStringInfo(&buf, ": %s", ig_text_name(finding->message));
	return buf.data;
}

static void
append_session(StringInfo buf)
{
	append_quoted(buf, " role ", GetUserNameFromId(GetUserId(), false));
	append_quoted(buf, ", application ", application_name ? application_name : "");
}

/*
 * In double quotes, with those inside doubled, so that no text can pass for
 * another part of the line.
 */
static void
append_quoted(StringInfo buf, const char *before, const char *value)
{
	appendStringInfo(buf, "%s\"", before);
	for (const char *c = ig_text_name(value); *c != '\0'; c++)
	{
		if (*c == '"')
			appendStringInfoChar(buf, '"');
		appendStringInfoChar(buf, *c);
	}
	appendStringInfoChar(buf, '"');
}

static void
add_entry(const IgFinding *finding, IgLevel level, IgOutcome outcome)
{
	IgLedgerEntry entry = {0};

	entry.database = MyDatabaseId;
	entry.role = GetUserId();
	entry.session_role = GetSessionUserId();
	entry.pid = MyProcPid;
	entry.sqlstate = finding->rule->sqlstate;
	entry.level = level;
	entry.outcome = outcome;
	ig_ledger_clip(entry.role_name, sizeof(entry.role_name),
				   GetUserNameFromId(entry.role, false));
	ig_ledger_clip(entry.application, sizeof(entry.application),
				   application_name ? application_name : "");
	ig_ledger_clip(entry.object, sizeof(entry.object), ig_decide_object(finding));
	ig_ledger_clip(entry.message, sizeof(entry.message), finding->message);
	if (outcome == IG_ALLOWED)
		ig_ledger_clip(entry.reason, sizeof(entry.reason), ig_guc_reason);
	ig_ledger_add(&entry);
}
