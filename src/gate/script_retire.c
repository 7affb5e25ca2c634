/*-------------------------------------------------------------------------
 *
 * script_retire.c
 *	  What a script that is judged has retired so far, or taken back.
 *
 * A column is retired by the name that it has in the catalog; where the script
 * has renamed it, it is not decided anyway whether it may be dropped.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/timestamp.h"

#include "gate/script.h"
#include "model/retirement.h"
#include "platform/compat.h"
#include "platform/label.h"

typedef struct ScriptRetirement
{
	Oid			relid;
	const char *column;			/* NULL: the table */
	IgRetirement *retirement;	/* NULL: taken back */
} ScriptRetirement;

static void by_label(const SecLabelStmt *stmt);
static void by_call(const FuncCall *call);
static const char *string_argument(const FuncCall *call, int number);
static void note(List *table, const char *column, const IgRetirement *retirement);

/*
 * The effect of a statement: SECURITY LABEL, or a SELECT of our functions.
 */
void
ig_script_retire(const Node *parsetree)
{
	ListCell   *lc;

	if (IsA(parsetree, SecLabelStmt))
	{
		by_label((const SecLabelStmt *) parsetree);
		return;
	}
	if (!IsA(parsetree, SelectStmt))
		return;

	foreach(lc, ((const SelectStmt *) parsetree)->targetList)
	{
		const FuncCall *call = (const FuncCall *) lfirst_node(ResTarget, lc)->val;

		if (call != NULL && IsA(call, FuncCall) && list_length(call->funcname) == 2 &&
			strcmp(strVal(linitial(call->funcname)), "invariant_guard") == 0)
			by_call(call);
	}
}

static void
by_label(const SecLabelStmt *stmt)
{
	IgRetirement *retirement = stmt->label ? ig_label_retirement_in(stmt->label) : NULL;
	List	   *names = (List *) stmt->object;

	if (stmt->provider == NULL || strcmp(stmt->provider, "invariant_guard") != 0)
		return;
	if (stmt->objtype == OBJECT_TABLE || stmt->objtype == OBJECT_FOREIGN_TABLE)
		note(names, NULL, retirement);
	else if (stmt->objtype == OBJECT_COLUMN && list_length(names) > 1)
		note(list_copy_head(names, list_length(names) - 1), strVal(llast(names)), retirement);
}

/*
 * Retired from now on, as it would be when the script runs.
 */
static void
by_call(const FuncCall *call)
{
	const char *function = strVal(llast(call->funcname));
	bool		column = strcmp(function, "retire_column") == 0 ||
		strcmp(function, "unretire_column") == 0;
	const char *names = string_argument(call, 0);
	const char *name = column ? string_argument(call, 1) : NULL;
	IgRetirement retirement = {0};

	if (names == NULL || (column && name == NULL))
		return;
	if (strcmp(function, "unretire_column") == 0 || strcmp(function, "unretire_table") == 0)
		note(ig_string_to_names(names), name, NULL);
	if (strcmp(function, "retire_column") != 0 && strcmp(function, "retire_table") != 0)
		return;

	retirement.since = GetCurrentTimestamp();
	retirement.role = GetUserNameFromId(GetUserId(), false);
	retirement.reason = unconstify(char *, string_argument(call, column ? 2 : 1));
	if (retirement.reason != NULL)
		note(ig_string_to_names(names), name, &retirement);
}

/* An argument that is given as a literal, or NULL. */
static const char *
string_argument(const FuncCall *call, int number)
{
	Node	   *arg = number < list_length(call->args) ? list_nth(call->args, number) : NULL;

	if (arg != NULL && IsA(arg, TypeCast))
		arg = ((TypeCast *) arg)->arg;
	if (arg == NULL || !IsA(arg, A_Const) || ((A_Const *) arg)->isnull ||
		!IsA(&((A_Const *) arg)->val, String))
		return NULL;
	return strVal(&((A_Const *) arg)->val);
}

/*
 * What is retired already stays so since then.
 */
static void
note(List *table, const char *column, const IgRetirement *retirement)
{
	Oid			relid = ig_relation_find(makeRangeVarFromNameList(table), NULL);
	AttrNumber	attnum = OidIsValid(relid) && column ? get_attnum(relid, column) : InvalidAttrNumber;
	MemoryContext old;
	ScriptRetirement *entry;

	if (!OidIsValid(relid) || (column != NULL && attnum == InvalidAttrNumber) ||
		(retirement != NULL && ig_retirement_of(relid, attnum) != NULL))
		return;

	old = MemoryContextSwitchTo(ig_script->memory);
	entry = palloc0(sizeof(ScriptRetirement));
	entry->relid = relid;
	entry->column = column ? pstrdup(column) : NULL;
	if (retirement != NULL)
	{
		entry->retirement = palloc0(sizeof(IgRetirement));
		*entry->retirement = *retirement;
		entry->retirement->role = pstrdup(retirement->role);
		entry->retirement->reason = pstrdup(retirement->reason);
	}
	MemoryContextSwitchTo(old);
	ig_script_append(&ig_script->retired, entry);
}

bool
ig_script_retirement(Oid relid, AttrNumber attnum, IgRetirement **retirement)
{
	const char *column = attnum != InvalidAttrNumber ? get_attname(relid, attnum, true) : NULL;

	for (int i = list_length(ig_script->retired) - 1; i >= 0; i--)
	{
		const ScriptRetirement *entry = (const ScriptRetirement *) list_nth(ig_script->retired, i);

		if (entry->relid != relid || (entry->column == NULL) != (attnum == InvalidAttrNumber))
			continue;
		if (attnum != InvalidAttrNumber &&
			(column == NULL || strcmp(column, entry->column) != 0))
			continue;
		*retirement = entry->retirement;
		return true;
	}
	return false;
}
