/*-------------------------------------------------------------------------
 *
 * script_remedy.c
 *	  What a later statement of a script may put right.
 *
 * When a script runs, the gate looks at COMMIT whether what was lost has been
 * replaced, by what is in the catalogs then.  A script that does not run shows
 * only that there is a statement which may do so.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "utils/syscache.h"

#include "gate/script.h"
#include "platform/relation.h"

static IgRemedy remedy_by(const Node *node, const IgLoss *loss);
static IgRemedy remedy_at_commit(List *rows, const IgScriptRow *row);
static void leave_to_commit(IgScriptRow *row);
static bool alters_back(const AlterTableStmt *alter, Oid relid);
static bool shows_all_of(const Node *query, const char *name);
static bool has_grants(Oid relid);

void
ig_script_rows_note(List *rows, const Node *node)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		IgScriptRow *row = (IgScriptRow *) lfirst(lc);
		IgRemedy	remedy;

		if (!row->waits)
			continue;
		remedy = remedy_by(node, &row->loss);
		if (remedy > row->remedy)
		{
			row->remedy = remedy;
			row->remedied_by = ig_script->statement;
		}
	}
}

List *
ig_script_rows_take_back(List *rows, int statement)
{
	ListCell   *lc;

	foreach(lc, rows)
	{
		IgScriptRow *row = (IgScriptRow *) lfirst(lc);

		if (row->waits && row->statement > statement)
			rows = foreach_delete_current(rows, lc);
		else if (row->waits && row->remedied_by > statement)
			row->remedy = IG_REMEDY_NONE;
	}
	return rows;
}

List *
ig_script_rows_settle(List *rows, bool commit, MemoryContext memory)
{
	MemoryContext old = MemoryContextSwitchTo(memory);
	ListCell   *lc;

	foreach(lc, rows)
	{
		IgScriptRow *row = (IgScriptRow *) lfirst(lc);

		if (row->waits)
			row->remedy = commit ? remedy_at_commit(rows, row) : IG_REMEDY_SURE;
	}
	foreach(lc, rows)
	{
		IgScriptRow *row = (IgScriptRow *) lfirst(lc);

		if (!row->waits)
			continue;
		row->waits = false;
		if (row->remedy == IG_REMEDY_SURE)
			rows = foreach_delete_current(rows, lc);
		else if (row->remedy == IG_REMEDY_POSSIBLE)
			leave_to_commit(row);
	}
	MemoryContextSwitchTo(old);
	return rows;
}

/*
 * Neither a finding nor none: when the script runs, COMMIT tells.
 */
static void
leave_to_commit(IgScriptRow *row)
{
	row->detail = psprintf("Rule %s finds: %s. Whether statement %d puts that right is decided at COMMIT.",
						   row->rule, row->message, row->remedied_by);
	row->message = "this cannot be decided before it runs";
	row->level = "undecidable";
	row->rule = NULL;
	row->code = NULL;
}

/*
 * A name may also have come back to the relation itself, or be one that the
 * same transaction had given.
 */
static IgRemedy
remedy_at_commit(List *rows, const IgScriptRow *row)
{
	const IgNameFact *fact;
	ListCell   *lc;

	if (row->loss.kind != IG_RENAME_TABLE)
		return row->remedy;

	fact = ig_script_fact(IG_NAME_RELATION, row->loss.schema, row->loss.name);
	if (fact != NULL && fact->present)
	{
		if (fact->object->relid == row->loss.relid)
			return IG_REMEDY_SURE;
		if (fact->object->relkind == RELKIND_VIEW)
			return row->remedy;
	}

	foreach(lc, rows)
	{
		const IgScriptRow *earlier = (const IgScriptRow *) lfirst(lc);

		if (earlier == row)
			break;
		if (earlier->waits && earlier->loss.relid == row->loss.relid &&
			earlier->loss.new_name != NULL &&
			strcmp(earlier->loss.new_name, row->loss.name) == 0)
			return IG_REMEDY_SURE;
	}
	return IG_REMEDY_NONE;
}

/*
 * Of a name that was taken away, the view in its place counts for sure only if
 * it shows all columns of a table that nobody was granted anything on.
 */
static IgRemedy
remedy_by(const Node *node, const IgLoss *loss)
{
	const ViewStmt *view = (const ViewStmt *) node;

	switch (loss->kind)
	{
		case IG_DROP_CONSTRAINT:
		case IG_UNENFORCE_CONSTRAINT:
		case IG_DROP_NOT_NULL:
		case IG_DROP_DEFAULT:
			return IsA(node, AlterTableStmt) &&
				alters_back((const AlterTableStmt *) node, loss->relid) ?
				IG_REMEDY_POSSIBLE : IG_REMEDY_NONE;
		case IG_DROP_FUNCTION:
			if (!IsA(node, CreateFunctionStmt))
				return IG_REMEDY_NONE;
			return strcmp(strVal(llast(((const CreateFunctionStmt *) node)->funcname)),
						  loss->name) == 0 ? IG_REMEDY_POSSIBLE : IG_REMEDY_NONE;
		case IG_RENAME_TABLE:
		case IG_SET_SCHEMA:
		case IG_DROP_VIEW:
			if (!IsA(node, ViewStmt) || strcmp(view->view->relname, loss->name) != 0)
				return IG_REMEDY_NONE;
			if (loss->kind == IG_RENAME_TABLE && loss->new_name != NULL &&
				shows_all_of(view->query, loss->new_name) && !has_grants(loss->relid))
				return IG_REMEDY_SURE;
			return IG_REMEDY_POSSIBLE;
		default:
			return IG_REMEDY_NONE;
	}
}

/* Does it add a constraint, a default or NOT NULL to the relation? */
static bool
alters_back(const AlterTableStmt *alter, Oid relid)
{
	ListCell   *lc;

	if (ig_relation_find(alter->relation, NULL) != relid)
		return false;
	foreach(lc, alter->cmds)
	{
		const AlterTableCmd *cmd = lfirst_node(AlterTableCmd, lc);

		if (cmd->subtype == AT_AddConstraint || cmd->subtype == AT_SetNotNull ||
			(cmd->subtype == AT_ColumnDefault && cmd->def != NULL) ||
			cmd->subtype == AT_AddIdentity)
			return true;
	}
	return false;
}

/* Is it SELECT * FROM name, and nothing else? */
static bool
shows_all_of(const Node *query, const char *name)
{
	const SelectStmt *select = (const SelectStmt *) query;
	const ResTarget *target;
	const ColumnRef *column;

	if (query == NULL || !IsA(query, SelectStmt) || list_length(select->targetList) != 1 ||
		list_length(select->fromClause) != 1 || !IsA(linitial(select->fromClause), RangeVar))
		return false;
	if (select->whereClause || select->distinctClause || select->groupClause ||
		select->havingClause || select->limitCount || select->limitOffset ||
		select->withClause || select->op != SETOP_NONE)
		return false;

	target = linitial_node(ResTarget, select->targetList);
	column = (const ColumnRef *) target->val;
	if (!IsA(column, ColumnRef) || list_length(column->fields) != 1 ||
		!IsA(linitial(column->fields), A_Star))
		return false;
	return strcmp(linitial_node(RangeVar, select->fromClause)->relname, name) == 0;
}

static bool
has_grants(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		none;

	if (!HeapTupleIsValid(tuple))
		return true;
	none = heap_attisnull(tuple, Anum_pg_class_relacl, NULL);
	ReleaseSysCache(tuple);
	return !none;
}
