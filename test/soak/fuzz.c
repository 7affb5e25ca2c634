/*-------------------------------------------------------------------------
 *
 * fuzz.c
 *	  Random DDL against a guarded database, and beside it the same against a
 *	  database without the guard.
 *
 * usage: fuzz SEED STATEMENTS GRAMMAR GUARDED [PLAIN]
 *
 * Two sessions of the owner work in turn, in transactions, subtransactions,
 * DO blocks and scripts.  What the gate refuses has no effect and is kept from
 * the plain database; everything else must end there in the same way, by
 * SQLSTATE, and leave the same schema behind.  A third session, a superuser's,
 * looks after each commit whether what must not go is still there.
 *
 * Without PLAIN, only that is checked; then several may run at once.
 *
 * Databases are made again from templates (GUARDED_template, PLAIN_template)
 * every so often, and whenever the two cannot be compared any more.  A run is
 * repeated by its seed.  Each finding is a line that starts with FINDING.
 *
 *-------------------------------------------------------------------------
 */
#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#define SESSIONS		2
#define MAX_RULES		1000
#define MAX_ELEMENTS	5000
#define TEXT_SIZE		16384
#define HISTORY			30
#define RESET_AFTER		600		/* statements */

typedef struct Rule
{
	char		name[40];
	int			weight;
	char	   *text;
} Rule;

typedef enum Cap
{
	CAP_ENFORCE, CAP_WARN, CAP_OBSERVE
} Cap;

typedef struct Session
{
	PGconn	   *guarded;
	PGconn	   *plain;
	bool		in_transaction;
	bool		failed;
	int			depth;			/* of savepoints */
	Cap			cap;
	bool		lowered;		/* severity was set */
	char		allowed[512];	/* the allowances of this transaction */
	char		history[HISTORY][300];
	int			nhistory;
} Session;

typedef struct Outcome
{
	char		state[6];		/* "00000" if it succeeded */
	char		message[400];
	char		rule[64];
} Outcome;

static Rule rules[MAX_RULES];
static int	nrules;
static uint64_t random_state;
static Session sessions[SESSIONS];
static PGconn *watcher;
static PGconn *plain_watcher;
static const char *guarded_name;
static const char *plain_name;
static char *elements[MAX_ELEMENTS];
static int	nelements;
static char carried[4096];		/* allowances of commits that nobody could look at */
static bool carried_lowered;

static long nstatements, npassed, nrefused, nfailed, nresets, ncommits, nsoft, nfindings, ncompared, ndouble;
static struct { char rule[64]; long count; } by_rule[200];

/* ---- chance ---------------------------------------------------------------- */

static uint32_t
chance(uint32_t n)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t) ((random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static bool
percent(uint32_t n)
{
	return chance(100) < n;
}

/* ---- the grammar ----------------------------------------------------------- */

static void
read_grammar(const char *file)
{
	static char line[4096];
	FILE	   *f = fopen(file, "r");

	if (f == NULL)
	{
		perror(file);
		exit(2);
	}
	while (fgets(line, sizeof(line), f))
	{
		char	   *colon = strchr(line, ':');
		char	   *space = strchr(line, ' ');

		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (colon == NULL || space == NULL || space > colon || nrules == MAX_RULES)
		{
			fprintf(stderr, "bad line: %s\n", line);
			exit(2);
		}
		snprintf(rules[nrules].name, sizeof(rules[0].name), "%.*s", (int) (space - line), line);
		rules[nrules].weight = atoi(space);
		rules[nrules].text = strdup(colon[1] == ' ' ? colon + 2 : colon + 1);
		nrules++;
	}
	fclose(f);
}

static const char *
choose(const char *name, size_t len)
{
	int			total = 0;
	int			pick;

	for (int i = 0; i < nrules; i++)
		if (strlen(rules[i].name) == len && strncmp(rules[i].name, name, len) == 0)
			total += rules[i].weight;
	if (total == 0)
	{
		fprintf(stderr, "no rule <%.*s>\n", (int) len, name);
		exit(2);
	}
	pick = (int) chance(total);
	for (int i = 0; i < nrules; i++)
	{
		if (strlen(rules[i].name) != len || strncmp(rules[i].name, name, len) != 0)
			continue;
		pick -= rules[i].weight;
		if (pick < 0)
			return rules[i].text;
	}
	return "";
}

/* The end of the group that starts at text, which is "[" or "{". */
static const char *
group_end(const char *text)
{
	int			depth = 0;

	for (; *text; text++)
	{
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '[' || *text == '{')
			depth++;
		else if ((*text == ']' || *text == '}') && --depth == 0)
			return text;
	}
	return text - 1;
}

static void
expand(const char *text, size_t len, char *out)
{
	const char *end = text + len;

	for (; text < end; text++)
	{
		size_t		n = strlen(out);

		if (n > TEXT_SIZE / 2)
			return;
		if (*text == '\\' && text + 1 < end)
		{
			out[n] = *++text;
			out[n + 1] = '\0';
		}
		else if (*text == '<' && islower((unsigned char) text[1]))
		{
			const char *close = strchr(text, '>');
			const char *chosen = choose(text + 1, close - text - 1);

			expand(chosen, strlen(chosen), out);
			text = close;
		}
		else if (*text == '[' && text[1] == ']')
		{
			/* the brackets of an array type */
			strcat(out, "[]");
			text++;
		}
		else if (*text == '[')
		{
			const char *close = group_end(text);

			if (chance(2) == 0)
				expand(text + 1, close - text - 1, out);
			text = close;
		}
		else if (*text == '{')
		{
			const char *close = group_end(text);
			const char *parts[64];
			int			nparts = 0;

			parts[nparts++] = text + 1;
			for (const char *p = text + 1; p < close; p++)
			{
				if (*p == '{' || *p == '[')
					p = group_end(p);
				else if (*p == '|' && nparts < 62)
					parts[nparts++] = p + 1;
			}
			parts[nparts] = close + 1;
			{
				int			k = (int) chance(nparts);

				expand(parts[k], parts[k + 1] - parts[k] - 1, out);
			}
			text = close;
		}
		else
		{
			out[n] = *text;
			out[n + 1] = '\0';
		}
	}
}

static void
make(const char *name, char *out)
{
	const char *chosen = choose(name, strlen(name));

	out[0] = '\0';
	expand(chosen, strlen(chosen), out);
}

/* ---- connections ------------------------------------------------------------ */

static void
ignore_notice(void *arg, const char *message)
{
}

static PGconn *
open_connection(const char *db, const char *user)
{
	char		conninfo[300];
	PGconn	   *conn;

	snprintf(conninfo, sizeof(conninfo), "dbname=%s user=%s application_name=fuzz", db, user);
	conn = PQconnectdb(conninfo);
	if (PQstatus(conn) != CONNECTION_OK)
	{
		printf("FINDING: no connection: %s", PQerrorMessage(conn));
		exit(1);
	}
	PQsetNoticeProcessor(conn, ignore_notice, NULL);
	PQclear(PQexec(conn, "SET search_path = fz; SET lock_timeout = '40ms'; SET statement_timeout = '10s'"));
	return conn;
}

static void
tell_history(void)
{
	for (int i = 0; i < SESSIONS; i++)
	{
		Session    *s = &sessions[i];
		int			from = s->nhistory > 12 ? s->nhistory - 12 : 0;

		for (int k = from; k < s->nhistory; k++)
			printf("  session %d: %s\n", i, s->history[k % HISTORY]);
	}
}

static void
finding(const char *what, const char *detail)
{
	nfindings++;
	printf("FINDING: after %ld statements: %s: %s\n", nstatements, what, detail);
	tell_history();
	fflush(stdout);
	if (nfindings >= 40)
	{
		printf("too many findings\n");
		exit(1);
	}
}

static void
remember(Session *s, const char *sql, const Outcome *o)
{
	snprintf(s->history[s->nhistory++ % HISTORY], sizeof(s->history[0]), "%.200s -- %s %.80s",
			 sql, o->state, o->message);
}

static Outcome
run(PGconn *conn, const char *sql)
{
	Outcome		o;
	PGresult   *res = PQexec(conn, sql);
	ExecStatusType status = PQresultStatus(res);
	const char *value;

	memset(&o, 0, sizeof(o));
	strcpy(o.state, "00000");
	if (status == PGRES_COPY_OUT || status == PGRES_COPY_IN)
	{
		PQclear(res);
		while ((res = PQgetResult(conn)) != NULL && PQresultStatus(res) != PGRES_FATAL_ERROR)
		{
			if (PQresultStatus(res) == PGRES_COPY_IN)
				PQputCopyEnd(conn, "no");
			PQclear(res);
		}
	}
	if (PQresultStatus(res) == PGRES_FATAL_ERROR)
	{
		value = PQresultErrorField(res, PG_DIAG_SQLSTATE);
		snprintf(o.state, sizeof(o.state), "%s", value ? value : "?????");
		value = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
		snprintf(o.message, sizeof(o.message), "%s", value ? value : PQerrorMessage(conn));
		value = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
		if (value && strncmp(o.state, "IG", 2) == 0)
			snprintf(o.rule, sizeof(o.rule), "%s", value);
	}
	PQclear(res);
	if (PQstatus(conn) != CONNECTION_OK)
		strcpy(o.state, "lost!");
	return o;
}

/* ---- what must not go ------------------------------------------------------- */

static void
forget_elements(void)
{
	while (nelements > 0)
		free(elements[--nelements]);
}

/*
 * Does one of the transaction's allowances, "rule(object), ...", cover that
 * this aspect of the table has changed?
 */
static bool
is_allowed(const char *allowed, const char *table, const char *aspect)
{
	char		copy[5000];
	char	   *save;

	snprintf(copy, sizeof(copy), "%s", allowed);
	for (char *item = strtok_r(copy, ", ", &save); item; item = strtok_r(NULL, ", ", &save))
	{
		size_t		rule_len = strcspn(item, "(");
		const char *object = item + rule_len + 1;
		size_t		len = strlen(table);
		bool		named = rule_len < strlen(item) && strncmp(object, table, len) == 0 &&
			(object[len] == ')' || object[len] == '.');
		bool		whole = named && object[len] == ')';

		/* these reach further than the object that they name */
		if (strncmp(item, "drop-cascade", rule_len) == 0 || strncmp(item, "drop-schema", rule_len) == 0 ||
			strncmp(item, "drop-type", rule_len) == 0)
			return true;
		if (strncmp(item, "financial-drop", rule_len) == 0 || strncmp(item, "drop-table", rule_len) == 0)
		{
			/* a column takes its constraints and policies along */
			if (whole || (named && strcmp(aspect, "exists") != 0 && strcmp(aspect, "label") != 0 &&
						  strcmp(aspect, "owner") != 0))
				return true;
		}
		else if (strncmp(item, "unprotect", rule_len) == 0)
		{
			if (named)
				return true;
		}
		else if (strncmp(item, "drop-column", rule_len) == 0)
		{
			if (named && (strcmp(aspect, "column") == 0 || strcmp(aspect, "rows") == 0))
				return true;
		}
		else if (strstr(item, "truncate") == item || strstr(item, "financial-truncate") == item)
		{
			if (named && (strcmp(aspect, "rows") == 0 || strcmp(aspect, "file") == 0))
				return true;
		}
		else if (strncmp(item, "financial-type", rule_len) == 0)
		{
			if (named && (strcmp(aspect, "type") == 0 || strcmp(aspect, "rows") == 0))
				return true;
		}
		else if (strncmp(item, "financial-disable-trigger", rule_len) == 0)
		{
			if (named && strcmp(aspect, "trigger") == 0)
				return true;
		}
		else if (strncmp(item, "financial-disable-rls", rule_len) == 0)
		{
			if (named && (strcmp(aspect, "security") == 0 || strcmp(aspect, "policy") == 0))
				return true;
		}
		else if (strncmp(item, "alter-type-rewrite", rule_len) == 0)
		{
			if (named && strcmp(aspect, "file") == 0)
				return true;
		}
	}
	return false;
}

/*
 * Look, compare with the last time and, unless compare is NULL, complain about
 * what is gone.
 */
static void
look(const Session *compare)
{
	PGresult   *res = PQexec(watcher, "SELECT format('%s|%s|%s', tab, aspect, value) FROM watch.look() "
							 "WHERE value IS NOT NULL ORDER BY 1");
	int			n = PQntuples(res);

	if (PQresultStatus(res) != PGRES_TUPLES_OK)
	{
		const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

		/* the other session holds a lock, or a table went while we looked */
		if (PQstatus(watcher) != CONNECTION_OK || !state ||
			(plain_name != NULL && strcmp(state, "55P03") != 0))
			finding("the watching session", PQerrorMessage(watcher));
		PQclear(res);
		if (compare != NULL && strlen(carried) + strlen(compare->allowed) + 3 < sizeof(carried))
		{
			strcat(strcat(carried, compare->allowed), ", ");
			carried_lowered = carried_lowered || compare->lowered;
		}
		return;
	}
	if (compare != NULL)
	{
		char		allowed[5000];
		bool		lowered = compare->lowered || carried_lowered;

		snprintf(allowed, sizeof(allowed), "%s%s", carried, compare->allowed);
		carried[0] = '\0';
		carried_lowered = false;
		for (int e = 0; e < nelements; e++)
		{
			bool		found = false;
			bool		unknown = strstr(elements[e], "|rows|") != NULL;
			size_t		prefix = unknown ? strstr(elements[e], "|rows|") + 6 - elements[e] : 0;
			char		table[64];
			char		aspect[64];

			for (int i = 0; i < n && !found; i++)
			{
				found = strcmp(PQgetvalue(res, i, 0), elements[e]) == 0;
				if (unknown && strncmp(PQgetvalue(res, i, 0), elements[e], prefix) == 0)
					unknown = false;
			}
			if (found || sscanf(elements[e], "%63[^|]|%63[^|]", table, aspect) != 2)
				continue;
			if (unknown)		/* it is locked, or not there: see "exists" */
				continue;
			if (is_allowed(allowed, table, aspect))
				continue;
			/* severity cannot lower what protects a table of a class */
			if (lowered && table[0] != 'f' && table[0] != 'g')
				continue;
			if (lowered && (strcmp(aspect, "file") == 0 || table[0] == 'g') &&
				strcmp(aspect, "exists") != 0 && strcmp(aspect, "column") != 0)
				continue;
			finding("gone", elements[e]);
		}
	}
	forget_elements();
	for (int i = 0; i < n && nelements < MAX_ELEMENTS; i++)
		elements[nelements++] = strdup(PQgetvalue(res, i, 0));
	PQclear(res);
}

/* Is the schema of both databases the same? */
static void
compare_schemas(void)
{
	static const char *query = "SELECT coalesce(string_agg(l, E'\\n'), '') FROM watch.schema() l";
	PGresult   *a = PQexec(watcher, query);
	PGresult   *b = PQexec(plain_watcher, query);

	ncompared++;
	if (PQresultStatus(a) != PGRES_TUPLES_OK || PQresultStatus(b) != PGRES_TUPLES_OK)
		finding("schemas not read", PQerrorMessage(PQresultStatus(a) != PGRES_TUPLES_OK ? watcher : plain_watcher));
	else if (strcmp(PQgetvalue(a, 0, 0), PQgetvalue(b, 0, 0)) != 0)
	{
		char	   *p = PQgetvalue(a, 0, 0);
		char	   *q = PQgetvalue(b, 0, 0);
		char		detail[700];

		while (*p && *p == *q)
			p++, q++;
		while (p > PQgetvalue(a, 0, 0) && p[-1] != '\n')
			p--, q--;
		snprintf(detail, sizeof(detail), "\"%.*s\" with the guard, \"%.*s\" without",
				 (int) strcspn(p, "\n"), p, (int) strcspn(q, "\n"), q);
		finding("the schemas differ", detail);
	}
	PQclear(a);
	PQclear(b);
}

/* ---- starting anew ---------------------------------------------------------- */

static void
recreate(const char *name)
{
	char		sql[300];
	PGconn	   *conn = open_connection("postgres", "postgres");
	Outcome		o;

	PQclear(PQexec(conn, "RESET lock_timeout; RESET statement_timeout"));
	snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s (FORCE)", name);
	o = run(conn, sql);
	if (strcmp(o.state, "00000") == 0)
	{
		snprintf(sql, sizeof(sql), "CREATE DATABASE %s TEMPLATE %s_template", name, name);
		o = run(conn, sql);
	}
	if (strcmp(o.state, "00000") == 0 && strcmp(name, guarded_name) == 0)
	{
		snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET session_preload_libraries = 'invariant_guard'", name);
		o = run(conn, sql);
	}
	if (strcmp(o.state, "00000") != 0)
	{
		printf("FINDING: %s: %s\n", sql, o.message);
		exit(1);
	}
	PQfinish(conn);
}

static void
reset(bool first)
{
	for (int i = 0; i < SESSIONS && !first; i++)
	{
		PQfinish(sessions[i].guarded);
		if (plain_name)
			PQfinish(sessions[i].plain);
	}
	if (!first)
	{
		PQfinish(watcher);
		if (plain_name)
			PQfinish(plain_watcher);
	}
	nresets++;

	if (plain_name)
	{
		recreate(guarded_name);
		recreate(plain_name);
		plain_watcher = open_connection(plain_name, "postgres");
	}
	watcher = open_connection(guarded_name, "postgres");
	memset(sessions, 0, sizeof(sessions));
	for (int i = 0; i < SESSIONS; i++)
	{
		sessions[i].guarded = open_connection(guarded_name, "fuzz_owner");
		if (plain_name)
			sessions[i].plain = open_connection(plain_name, "fuzz_owner");
	}
	forget_elements();
	carried[0] = '\0';
	carried_lowered = false;
	look(NULL);
}

/* ---- one step ---------------------------------------------------------------- */

static bool
is_soft(const Outcome *o)
{
	/* lock timeout, statement timeout, deadlock, and what races in catalogs */
	return strcmp(o->state, "55P03") == 0 || strcmp(o->state, "57014") == 0 ||
		strcmp(o->state, "40P01") == 0;
}

static void
count_rule(const char *rule)
{
	for (int i = 0; i < 200; i++)
	{
		if (by_rule[i].rule[0] == '\0')
			snprintf(by_rule[i].rule, sizeof(by_rule[i].rule), "%s", rule);
		if (strcmp(by_rule[i].rule, rule) == 0)
		{
			by_rule[i].count++;
			return;
		}
	}
}

/*
 * Judge how a statement ended on both sides.  False if the two cannot be
 * compared any more.
 */
static bool
judge(const char *sql, const Outcome *guarded, const Outcome *plain)
{
	char		detail[900];

	if (strcmp(guarded->state, "lost!") == 0 || strcmp(guarded->state, "XX001") == 0 ||
		strcmp(guarded->state, "XX002") == 0)
	{
		snprintf(detail, sizeof(detail), "%s: %.300s", guarded->message, sql);
		finding("the session was lost", detail);
		return false;
	}
	if (strcmp(guarded->rule, "rewrite-any") == 0)
		finding("rewrite-any has fired", sql);
	if (plain == NULL)
	{
		if (strcmp(guarded->state, "XX000") == 0 && strstr(guarded->message, "concurrently") == NULL &&
			strstr(guarded->message, "cache lookup failed") == NULL &&
			strstr(guarded->message, "cannot rename trigger") == NULL &&	/* users' mistakes, too */
			strstr(guarded->message, "is not marked NOT NULL") == NULL)
			finding(guarded->message, sql);
		return true;
	}
	if (strcmp(guarded->state, plain->state) == 0)
		return true;
	if (is_soft(guarded) || is_soft(plain))
	{
		nsoft++;
		return false;
	}
	/* of two mistakes in one statement the gate may meet another one first */
	if (strcmp(guarded->state, "00000") != 0 && strcmp(plain->state, "00000") != 0 &&
		strncmp(guarded->state, "XX", 2) != 0 && (strpbrk(sql, ",;") != NULL || strstr(sql, "PARTITION OF") != NULL))
	{
		ndouble++;
		return true;
	}
	snprintf(detail, sizeof(detail), "%s %s with the guard, %s %s without: %.300s",
			 guarded->state, guarded->message, plain->state, plain->message, sql);
	finding("another outcome", detail);
	return false;
}

/*
 * Run one statement on both sides and follow the transaction.  Without effect
 * on the plain database if the gate refuses.  False if all must start anew.
 */
static bool
step(Session *s, const char *sql, const char *plain_sql)
{
	Outcome		guarded = run(s->guarded, sql);
	Outcome		plain;
	bool		refused = strncmp(guarded.state, "IG", 2) == 0;
	bool		same = true;

	nstatements++;
	remember(s, sql, &guarded);
	if (refused)
	{
		nrefused++;
		count_rule(guarded.rule);
	}
	else if (strcmp(guarded.state, "00000") == 0)
		npassed++;
	else
		nfailed++;

	if (plain_name && s->plain && !refused && plain_sql)
	{
		plain = run(s->plain, plain_sql);
		same = judge(sql, &guarded, &plain);
	}
	else
	{
		same = judge(sql, &guarded, NULL);
		if (plain_name && refused && s->in_transaction)
			run(s->plain, "SELECT refused by the gate");
	}
	if (getenv("IG_TRACE"))
		fprintf(stderr, "%ld\t%d\t%s\t%s\n", nstatements, (int) (s - sessions), guarded.state, sql);
	return same;
}

static void
end_of_transaction(Session *s)
{
	s->in_transaction = s->failed = s->lowered = false;
	s->depth = 0;
	s->cap = CAP_ENFORCE;
	s->allowed[0] = '\0';
}

static bool
follow(Session *s)
{
	PGTransactionStatusType status = PQtransactionStatus(s->guarded);

	if (plain_name && PQtransactionStatus(s->plain) != status)
	{
		finding("the transactions differ", "");
		return false;
	}
	s->in_transaction = status != PQTRANS_IDLE;
	s->failed = status == PQTRANS_INERROR;
	return true;
}

/* The transaction, or a statement outside of one, has been committed. */
static bool
committed(Session *s)
{
	ncommits++;
	look(s);
	end_of_transaction(s);
	if (plain_name && chance(8) == 0 && !sessions[0].in_transaction && !sessions[1].in_transaction)
	{
		long		before = nfindings;

		compare_schemas();
		return nfindings == before;
	}
	return true;
}

static bool
begin(Session *s)
{
	char		sql[1200];
	char		word[400];

	if (!step(s, percent(10) ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN", "BEGIN"))
		return false;
	s->in_transaction = true;
	if (plain_name && percent(30))
	{
		for (int i = chance(3); i >= 0; i--)
		{
			make("allowance", word);
			snprintf(s->allowed + strlen(s->allowed), sizeof(s->allowed) - strlen(s->allowed), "%s%s",
					 s->allowed[0] ? ", " : "", word);
		}
		snprintf(sql, sizeof(sql), "SET LOCAL invariant_guard.reason = 'fuzz'; SET LOCAL invariant_guard.allow = '%s'",
				 s->allowed);
		if (!step(s, sql, "SELECT 1"))
			return false;
	}
	if (plain_name && percent(12))
	{
		make("severity", word);
		snprintf(sql, sizeof(sql), "SET LOCAL invariant_guard.severity = '%s'", word);
		s->lowered = true;
		if (!step(s, sql, "SELECT 1"))
			return false;
	}
	if (percent(35))
	{
		s->cap = percent(50) ? CAP_OBSERVE : CAP_WARN;
		snprintf(sql, sizeof(sql), "SET LOCAL invariant_guard.mode = %s", s->cap == CAP_WARN ? "warn" : "observe");
		if (!step(s, sql, "SELECT 1"))
			return false;
	}
	return follow(s);
}

/*
 * A random statement in a random dress.
 */
static bool
random_statement(Session *s)
{
	static char one[TEXT_SIZE], two[TEXT_SIZE], sql[4 * TEXT_SIZE];
	bool		in_transaction = s->in_transaction;
	uint32_t	dress = chance(100);

	make("top", one);
	make("top", two);
	if (dress < 70)
		snprintf(sql, sizeof(sql), "%s", one);
	else if (dress < 80)
		snprintf(sql, sizeof(sql), "DO $do$ BEGIN EXECUTE $x$%s$x$; END $do$", one);
	else if (dress < 88)
		snprintf(sql, sizeof(sql), "DO $do$ BEGIN EXECUTE $x$%s$x$; EXECUTE $x$%s$x$; END $do$", one, two);
	else if (dress < 94)
		snprintf(sql, sizeof(sql), "%s; %s", one, two);
	else
	{
		/* refused, and caught: nothing has happened, on the plain side neither */
		snprintf(sql, sizeof(sql), "DO $do$ BEGIN EXECUTE $x$%s$x$; RAISE 'undone'; "
				 "EXCEPTION WHEN OTHERS THEN NULL; END $do$", one);
		return step(s, sql, "SELECT 1") && follow(s);
	}
	if (!step(s, sql, sql) || !follow(s))
		return false;
	if (!in_transaction && !s->in_transaction && !s->failed)
		return committed(s);
	return true;
}

static bool
end(Session *s, bool commit)
{
	bool		fails = s->failed;
	Outcome		o;

	/* what was only observed is not to stay */
	if (s->cap != CAP_ENFORCE)
		commit = false;
	if (!commit)
	{
		if (!step(s, "ROLLBACK", "ROLLBACK"))
			return false;
		end_of_transaction(s);
		return follow(s);
	}

	o = run(s->guarded, "COMMIT");
	nstatements++;
	remember(s, "COMMIT", &o);
	if (strncmp(o.state, "IG", 2) == 0)
	{
		nrefused++;
		count_rule(o.rule);
		if (plain_name)
			run(s->plain, "ROLLBACK");
		end_of_transaction(s);
		return follow(s);
	}
	if (plain_name)
	{
		Outcome		p = run(s->plain, "COMMIT");

		if (!judge("COMMIT", &o, &p))
			return false;
	}
	if (fails || strcmp(o.state, "00000") != 0)
	{
		end_of_transaction(s);
		return follow(s);
	}
	return follow(s) && committed(s);
}

static bool
savepoint(Session *s, const char *verb)
{
	char		sql[80];

	snprintf(sql, sizeof(sql), "%s s%d", verb, verb[0] == 'S' ? s->depth + 1 : s->depth);
	if (!step(s, sql, sql) || !follow(s))
		return false;
	if (!s->failed)
	{
		if (verb[0] == 'S')
			s->depth++;
		else if (verb[0] == 'R' && verb[1] == 'E')
			s->depth--;
	}
	return true;
}

static bool
act(Session *s)
{
	uint32_t	what = chance(100);

	if (!s->in_transaction)
		return what < 40 ? begin(s) : random_statement(s);
	if (s->failed)
		return s->depth > 0 && what < 75 ? savepoint(s, "ROLLBACK TO") : end(s, false);
	if (what < 62)
		return random_statement(s);
	if (what < 72)
		return s->depth < 6 ? savepoint(s, "SAVEPOINT") : random_statement(s);
	if (what < 77)
		return s->depth > 0 ? savepoint(s, "ROLLBACK TO") : random_statement(s);
	if (what < 80)
		return s->depth > 0 ? savepoint(s, "RELEASE") : random_statement(s);
	return end(s, what < 94);
}

int
main(int argc, char **argv)
{
	uint64_t	seed;
	long		wanted;
	long		last_reset = 0;

	if (argc < 5)
	{
		fprintf(stderr, "usage: fuzz SEED STATEMENTS GRAMMAR GUARDED [PLAIN]\n");
		return 2;
	}
	seed = strtoull(argv[1], NULL, 10);
	wanted = atol(argv[2]);
	read_grammar(argv[3]);
	guarded_name = argv[4];
	plain_name = argc > 5 ? argv[5] : NULL;
	random_state = seed * UINT64_C(2654435769) + 88172645463325252ULL;
	for (int i = 0; i < 10; i++)
		chance(2);

	reset(true);
	while (nstatements < wanted)
	{
		bool		fine = act(&sessions[chance(SESSIONS)]);

		if (fine && (nstatements - last_reset < RESET_AFTER || plain_name == NULL))
			continue;
		if (!plain_name)
		{
			for (int i = 0; i < SESSIONS; i++)
			{
				if (PQstatus(sessions[i].guarded) != CONNECTION_OK)
					return 1;
			}
			continue;
		}
		reset(false);
		last_reset = nstatements;
	}

	printf("seed %llu: %ld statements: %ld passed, %ld refused, %ld failed; %ld commits, %ld starts anew, "
		   "%ld comparisons, %ld timeouts on one side only, %ld other errors first\n", (unsigned long long) seed, nstatements, npassed, nrefused, nfailed,
		   ncommits, nresets, ncompared, nsoft, ndouble);
	for (int i = 0; i < 200 && by_rule[i].rule[0]; i++)
		printf("  %6ld %s\n", by_rule[i].count, by_rule[i].rule);
	return nfindings > 0;
}
