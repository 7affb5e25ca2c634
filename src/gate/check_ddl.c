/*-------------------------------------------------------------------------
 *
 * check_ddl.c
 *	  The second door of the gate: check_ddl() judges a script that is not run.
 *
 * Each statement goes the way of one that runs, from parse tree to findings,
 * with an overlay of what the script has done so far; see script.h.  Nothing
 * is decided: levels and allowances are applied, the mode is not asked.
 *
 * A statement is judged inside a subtransaction that is always rolled back.
 * That gives back the locks on catalogs and tables that were read, and what
 * the server says against a statement becomes a row, not the end.  Settings
 * that the script makes are really made, and taken back with their level.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/xact.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "parser/analyze.h"
#include "parser/parser.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

#include "gate/decide.h"
#include "gate/hints.h"
#include "gate/lock_plan.h"
#include "gate/script.h"
#include "gate/script_source.h"
#include "platform/compat.h"
#include "rules/rules.h"

#define CHECK_COLUMNS	10

typedef struct Savepoint
{
	const char *name;
	int			mark;
	int			statement;
} Savepoint;

typedef struct Checker
{
	IgScript   *script;
	const char *source;
	MemoryContext memory;		/* rows and what the script left */
	MemoryContext own;			/* of the present statement */
	bool		single;			/* what is outside of BEGIN is one transaction */
	bool		in_block;
	int			nest_level;		/* of the settings of the transaction */
	List	   *settings;		/* of VariableSetStmt: to last beyond it */
	List	   *savepoints;		/* of Savepoint */
	List	   *rows;			/* of IgScriptRow */
	const Node *node;			/* the present statement */
	const RawStmt *raw;
	const char *default_schema;
	const char *sql;			/* its text */
} Checker;

/* The one that is at work, for what is called back. */
static Checker *checker = NULL;

static IgScriptRow *add_row(const char *level, const char *message);
static void doubt(const char *object, int because, const char *detail);
static bool add_finding(const IgStatement *stmt, IgFinding *finding, IgHints *hints);
static void add_hints(int first, IgHints *hints);
static const char *lock_of(const IgStatement *stmt, const IgFinding *finding);
static bool changes_rows(const Node *node);
static Node *analyzed(Node *node);
static void judge(void);
static void effect(void);
static void guarded(void (*work) (void));
static void check_statement(const RawStmt *raw);
static void check_node(Node *node, const char *default_schema);
static void transaction(const TransactionStmt *stmt);
static void end_transaction(bool commit);
static void set(const VariableSetStmt *stmt);
static bool apply(const VariableSetStmt *stmt);
static void set_config(const SelectStmt *select);
static void check(const char *source);
static void put_rows(ReturnSetInfo *rsinfo, List *rows);

PG_FUNCTION_INFO_V1(ig_sql_check_ddl);

/*
 * invariant_guard.check_ddl(sql text, single_transaction boolean DEFAULT true)
 *
 * A script that is null is an error: a pipeline that lost its file must not
 * take silence for consent.
 */
Datum
ig_sql_check_ddl(PG_FUNCTION_ARGS)
{
	Checker		own = {0};
	uint64		generation = ig_allow_generation;
	SubTransactionId set_subid = ig_allow_set_subid;
	int			outer_level;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the script must not be null")));
	if (checker != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("check_ddl cannot be called while it judges a script")));
	InitMaterializedSRF(fcinfo, 0);

	own.memory = AllocSetContextCreate(CurrentMemoryContext, "invariant_guard check_ddl",
									   ALLOCSET_DEFAULT_SIZES);
	own.own = AllocSetContextCreate(own.memory, "invariant_guard check_ddl statement",
									ALLOCSET_DEFAULT_SIZES);
	own.single = PG_ARGISNULL(1) || PG_GETARG_BOOL(1);
	own.source = text_to_cstring(PG_GETARG_TEXT_PP(0));
	own.script = ig_script_begin(own.memory);

	outer_level = NewGUCNestLevel();
	PG_TRY();
	{
		checker = &own;
		check(own.source);
		AtEOXact_GUC(true, outer_level);
	}
	PG_FINALLY();
	{
		checker = NULL;
		ig_script_activate(NULL);
		ig_allow_generation = generation;
		ig_allow_set_subid = set_subid;
	}
	PG_END_TRY();

	put_rows((ReturnSetInfo *) fcinfo->resultinfo, own.rows);
	MemoryContextDelete(own.memory);
	return (Datum) 0;
}

static void
check(const char *source)
{
	MemoryContext old = MemoryContextSwitchTo(checker->memory);
	List	   *statements = ig_script_parse(source);
	ListCell   *lc;

	ig_script_activate(checker->script);
	checker->nest_level = NewGUCNestLevel();
	foreach(lc, statements)
	{
		CHECK_FOR_INTERRUPTS();
		check_statement(lfirst_node(RawStmt, lc));
		MemoryContextReset(checker->own);
	}
	checker->rows = ig_script_rows_settle(checker->rows, true, checker->memory);
	MemoryContextSwitchTo(old);
}

static void
put_rows(ReturnSetInfo *rsinfo, List *rows)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		const IgScriptRow *row = (const IgScriptRow *) lfirst(lc);
		const char *texts[CHECK_COLUMNS];
		Datum		values[CHECK_COLUMNS];
		bool		nulls[CHECK_COLUMNS];

		texts[0] = "";
		texts[1] = row->sql;
		texts[2] = row->rule;
		texts[3] = row->code;
		texts[4] = row->level;
		texts[5] = row->object;
		texts[6] = row->lock;
		texts[7] = row->message;
		texts[8] = row->detail;
		texts[9] = row->hint;
		for (int i = 0; i < CHECK_COLUMNS; i++)
		{
			nulls[i] = texts[i] == NULL;
			values[i] = texts[i] ? CStringGetTextDatum(texts[i]) : (Datum) 0;
		}
		values[0] = Int32GetDatum(row->statement);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
}

static IgScriptRow *
add_row(const char *level, const char *message)
{
	MemoryContext old = MemoryContextSwitchTo(checker->memory);
	IgScriptRow *row = palloc0(sizeof(IgScriptRow));

	row->statement = checker->script->statement;
	row->sql = checker->sql;
	row->level = level;
	row->message = pstrdup(message);
	checker->rows = lappend(checker->rows, row);
	MemoryContextSwitchTo(old);
	return row;
}

static char *
kept(const char *string)
{
	return string ? MemoryContextStrdup(checker->memory, string) : NULL;
}

/*
 * A statement of which something cannot be told.
 */
static void
doubt(const char *object, int because, const char *detail)
{
	IgScriptRow *row;

	if (because > 0 && because != checker->script->statement)
		row = add_row("undecidable", psprintf("this depends on statement %d of the script",
											  because));
	else
		row = add_row("undecidable", "this cannot be decided before it runs");
	row->object = kept(object);
	row->detail = kept(detail);
}

/*
 * The mode of the lock on the relation that the finding is about.
 */
static const char *
lock_of(const IgStatement *stmt, const IgFinding *finding)
{
	const IgChange *change = finding->change;
	LOCKMODE	mode = change->impact.lock;
	ListCell   *lc;

	foreach(lc, change->rel ? ig_lock_plan(stmt) : NIL)
	{
		const IgTableLock *lock = (const IgTableLock *) lfirst(lc);

		if (lock->rel->relid == change->rel->relid)
			mode = Max(mode, lock->mode);
	}
	if (mode == NoLock || change->rel == NULL || change->rel->is_new)
		return NULL;
	return GetLockmodeName(DEFAULT_LOCKMETHOD, mode);
}

/*
 * A row for it, which has no hint yet; true if the gate would refuse the
 * statement for it.
 */
static bool
add_finding(const IgStatement *stmt, IgFinding *finding, IgHints *hints)
{
	const IgChange *change = finding->change;
	IgLevel		level = ig_rule_effective_level(finding->rule, finding->level,
												change->rel ? change->rel->classes : 0);
	char	   *object;
	IgScriptRow *row;

	if (level == IG_LEVEL_OFF)
		return false;
	if (ig_decide_allowance(finding) >= 0)
	{
		hints->allowed = lappend(hints->allowed, finding);
		return false;
	}
	if (level == IG_LEVEL_ERROR)
		hints->refused = lappend(hints->refused, finding);

	row = add_row(ig_level_name(level), finding->message);
	row->finding = finding;
	object = ig_decide_object(finding);
	row->rule = finding->rule->name;
	row->code = kept(unpack_sql_state(finding->rule->sqlstate));
	row->object = object[0] ? kept(object) : NULL;
	row->lock = lock_of(stmt, finding);
	row->detail = kept(finding->detail);

	/* alone in its transaction only a statement of several parts may mend itself */
	if (finding->rule->acquitted != NULL &&
		(checker->single || checker->in_block || IsA(stmt->parsetree, AlterTableStmt)))
	{
		row->waits = true;
		row->loss.kind = change->kind;
		row->loss.relid = change->rel ? change->rel->relid : InvalidOid;
		row->loss.schema = kept(change->rel ? change->rel->schema : finding->schema);
		row->loss.name = kept(change->rel ? change->rel->name : finding->object);
		row->loss.new_name = kept(change->new_name);
	}
	return level == IG_LEVEL_ERROR && !row->waits;
}

/*
 * CREATE TABLE AS and EXPLAIN as they come to the gate: with their query
 * analyzed.  A query over what only the script has cannot be.
 */
static Node *
analyzed(Node *node)
{
	RawStmt    *raw;

	if (!IsA(node, CreateTableAsStmt) && !IsA(node, ExplainStmt) &&
		!(IsA(node, SelectStmt) && ((SelectStmt *) node)->intoClause != NULL))
		return node;

	raw = makeNode(RawStmt);
	raw->stmt = copyObject(node);
	return parse_analyze_fixedparams(raw, checker->source, NULL, 0, NULL)->utilityStmt;
}

static void
judge(void)
{
	const char *opaque = ig_script_opaque(checker->node);
	Node	   *node = analyzed(unconstify(Node *, checker->node));
	IgStatement stmt = {0};
	IgFindings	findings = {NIL};
	IgHints		hints = {NIL};
	int			first = list_length(checker->rows);
	bool		refused = false;
	ListCell   *lc;

	if (opaque != NULL)
		doubt(NULL, 0, psprintf("What %s cannot be seen; if it runs DDL, the gate judges that then.",
								opaque));
	if (node == NULL)
		return;

	stmt.parsetree = node;
	stmt.query = checker->source;
	stmt.location = checker->raw->stmt_location;
	stmt.length = checker->raw->stmt_len;
	stmt.default_schema = checker->default_schema;
	if (ig_statement_is_judged(node))
	{
		ig_statement_changes(&stmt);
		ig_script_review(&stmt, doubt);
	}
	ig_script_changes_label(&stmt);
	ig_statement_findings(&stmt, &findings);
	foreach(lc, findings.list)
		refused |= add_finding(&stmt, (IgFinding *) lfirst(lc), &hints);

	findings.list = NIL;
	if (ig_statement_is_watched(node))
		ig_script_discipline(&stmt, refused, &findings);
	else if (checker->script->held != NIL && changes_rows(node))
		doubt(NULL, 0,
			  "It changes rows while the transaction holds strong locks; how many is known when it runs.");
	foreach(lc, findings.list)
		add_finding(&stmt, (IgFinding *) lfirst(lc), &hints);
	add_hints(first, &hints);
	ig_script_rows_note(checker->rows, node);
}

/*
 * Each row stands for itself, so that what is allowed is told in each.
 */
static void
add_hints(int first, IgHints *hints)
{
	ig_hints_begin(hints);
	for (int i = first; i < list_length(checker->rows); i++)
	{
		IgScriptRow *row = (IgScriptRow *) list_nth(checker->rows, i);

		if (row->finding == NULL)
			continue;
		row->hint = kept(list_member_ptr(hints->refused, row->finding) ?
						 ig_hints_of(hints, row->finding, false) : row->finding->hint);
		row->finding = NULL;
	}
}

/* By the commands that rule lock-held-while is about. */
static bool
changes_rows(const Node *node)
{
	const IgRule *rule = ig_rule_by_name("lock-held-while");

	if (!IsA(node, InsertStmt) && !IsA(node, UpdateStmt) && !IsA(node, DeleteStmt) &&
		!IsA(node, MergeStmt) && !(IsA(node, CopyStmt) && ((const CopyStmt *) node)->is_from))
		return false;
	return ig_rule_effective_level(rule, rule->level, 0) != IG_LEVEL_OFF;
}

static void
effect(void)
{
	ig_script_effect(checker->node, checker->default_schema);
}

/*
 * Work in a subtransaction that leaves nothing.  An error of the server's is a
 * reason for doubt, except those that are about the session itself.
 */
static void
guarded(void (*work) (void))
{
	MemoryContext old = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	int			rows = list_length(checker->rows);
	ErrorData  *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(checker->own);
	PG_TRY();
	{
		work();
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(checker->own);
		error = CopyErrorData();
		switch (ERRCODE_TO_CATEGORY(error->sqlerrcode))
		{
			case ERRCODE_INSUFFICIENT_RESOURCES:
			case ERRCODE_OPERATOR_INTERVENTION:
			case ERRCODE_SYSTEM_ERROR:
				PG_RE_THROW();
		}
		FlushErrorState();
	}
	PG_END_TRY();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(old);
	CurrentResourceOwner = owner;
	ig_script_activate(checker->script);

	if (error != NULL)
	{
		checker->rows = list_truncate(checker->rows, rows);
		doubt(NULL, 0, psprintf("The server says of it: %s.", error->message));
	}
}

static void
check_statement(const RawStmt *raw)
{
	Node	   *node = raw->stmt;

	checker->script->statement++;
	checker->raw = raw;
	checker->sql = ig_script_statement(checker->source, raw);

	if (IsA(node, TransactionStmt))
	{
		transaction((TransactionStmt *) node);
		return;
	}
	if (IsA(node, VariableSetStmt))
		set((VariableSetStmt *) node);
	else if (IsA(node, SelectStmt))
		set_config((SelectStmt *) node);

	check_node(node, NULL);
	if (!checker->single && !checker->in_block)
		end_transaction(true);
}

/*
 * The elements of CREATE SCHEMA are statements of their own.
 */
static void
check_node(Node *node, const char *default_schema)
{
	checker->node = node;
	checker->default_schema = default_schema;
	guarded(judge);

	if (IsA(node, CreateSchemaStmt))
	{
		CreateSchemaStmt *create = (CreateSchemaStmt *) node;
		CreateSchemaStmt *alone = copyObject(create);
		const char *schema = create->schemaname ? create->schemaname :
			create->authrole ? create->authrole->rolename : NULL;
		ListCell   *lc;

		alone->schemaElts = NIL;
		checker->node = (Node *) alone;
		guarded(effect);
		foreach(lc, create->schemaElts)
			check_node((Node *) lfirst(lc), schema);
		return;
	}
	guarded(effect);
}

static void
transaction(const TransactionStmt *stmt)
{
	ListCell   *lc;

	switch (stmt->kind)
	{
		case TRANS_STMT_BEGIN:
		case TRANS_STMT_START:
			checker->in_block = true;
			break;
		case TRANS_STMT_COMMIT:
		case TRANS_STMT_PREPARE:
			end_transaction(true);
			checker->in_block = stmt->chain;
			break;
		case TRANS_STMT_ROLLBACK:
			end_transaction(false);
			checker->in_block = stmt->chain;
			break;
		case TRANS_STMT_SAVEPOINT:
			{
				Savepoint  *savepoint = palloc(sizeof(Savepoint));

				savepoint->name = stmt->savepoint_name;
				savepoint->mark = ig_script_mark();
				savepoint->statement = checker->script->statement;
				checker->savepoints = lcons(savepoint, checker->savepoints);
				break;
			}
		case TRANS_STMT_ROLLBACK_TO:
			foreach(lc, checker->savepoints)
			{
				const Savepoint *savepoint = (const Savepoint *) lfirst(lc);

				if (strcmp(savepoint->name, stmt->savepoint_name) == 0)
				{
					ig_script_undo(savepoint->mark);
					checker->rows = ig_script_rows_take_back(checker->rows, savepoint->statement);
					break;
				}
			}
			break;
		default:
			break;
	}
}

/*
 * What was made is made for all from here on, or never was.
 */
static void
end_transaction(bool commit)
{
	ListCell   *lc;

	checker->rows = ig_script_rows_settle(checker->rows, commit, checker->memory);
	if (!commit)
		ig_script_undo(0);
	else if (checker->script->undo != NIL)
		checker->script->committed = true;
	list_free_deep(checker->script->undo);
	checker->script->undo = NIL;
	checker->script->transaction++;
	checker->script->held = NIL;
	checker->savepoints = NIL;

	AtEOXact_GUC(true, checker->nest_level);
	foreach(lc, commit ? checker->settings : NIL)
		apply((const VariableSetStmt *) lfirst(lc));
	checker->settings = NIL;
	checker->nest_level = NewGUCNestLevel();
}

/*
 * SET and RESET of what verdicts depend on.  The mode does not count: the
 * question is what the gate would say.
 */
static void
set(const VariableSetStmt *stmt)
{
	if (!apply(stmt))
		return;
	if (!stmt->is_local)
		checker->settings = lappend(checker->settings, unconstify(VariableSetStmt *, stmt));
}

static bool
apply(const VariableSetStmt *stmt)
{
	static const char *const names[] = {
		"search_path", "lock_timeout", "statement_timeout", "default_tablespace",
		"default_table_access_method", "transaction_timeout", NULL
	};
	bool		counts = false;
	char	   *value = NULL;

	if (stmt->name == NULL || (stmt->kind != VAR_SET_VALUE &&
							   stmt->kind != VAR_SET_DEFAULT && stmt->kind != VAR_RESET))
		return false;
	for (int i = 0; names[i] != NULL; i++)
		counts = counts || pg_strcasecmp(stmt->name, names[i]) == 0;
	if (pg_strncasecmp(stmt->name, "invariant_guard.", strlen("invariant_guard.")) == 0)
		counts = pg_strcasecmp(stmt->name, "invariant_guard.mode") != 0;
	if (!counts || GetConfigOption(stmt->name, true, false) == NULL)
		return false;

	if (stmt->kind == VAR_SET_VALUE)
		value = ExtractSetVariableArgs(unconstify(VariableSetStmt *, stmt));
	if (set_config_option(stmt->name, value, superuser() ? PGC_SUSET : PGC_USERSET,
						  PGC_S_SESSION, GUC_ACTION_SAVE, true, DEBUG5, false) > 0)
		return true;
	doubt(stmt->name, 0, "The setting was not accepted; what follows is judged without it.");
	return false;
}

/*
 * SELECT set_config('search_path', ...), with which dumps begin.
 */
static void
set_config(const SelectStmt *select)
{
	const FuncCall *call;
	ListCell   *lc;
	List	   *words = NIL;

	if (list_length(select->targetList) != 1)
		return;
	call = (const FuncCall *) linitial_node(ResTarget, select->targetList)->val;
	if (call == NULL || !IsA(call, FuncCall) || list_length(call->args) != 3 ||
		strcmp(strVal(llast(call->funcname)), "set_config") != 0)
		return;
	foreach(lc, list_copy_head(call->args, 2))
	{
		const A_Const *word = (const A_Const *) lfirst(lc);

		if (!IsA(word, A_Const) || word->isnull || !IsA(&word->val, String))
			return;
		words = lappend(words, strVal(&word->val));
	}

	if (pg_strcasecmp((char *) linitial(words), "search_path") == 0)
		set_config_option("search_path", (char *) lsecond(words), PGC_USERSET, PGC_S_SESSION,
						  GUC_ACTION_SAVE, true, DEBUG5, false);
}
