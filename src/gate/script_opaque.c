/*-------------------------------------------------------------------------
 *
 * script_opaque.c
 *	  Statements of a judged script whose doing cannot be seen.
 *
 * Code that runs may run DDL.  Functions of pg_catalog do not, and neither do
 * those that are immutable or stable.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/extension.h"
#include "nodes/nodeFuncs.h"
#include "utils/lsyscache.h"

#include "gate/script.h"

static bool calls_opaque(Node *node, void *context);
static bool is_opaque_function(List *names);

/*
 * What cannot be seen, as the end of a sentence that begins with the word
 * "what"; NULL if all can.
 */
const char *
ig_script_opaque(const Node *parsetree)
{
	const char *function = NULL;

	switch (nodeTag(parsetree))
	{
		case T_DoStmt:
			return "a DO block does";
		case T_CallStmt:
			return "a procedure does";
		case T_ExecuteStmt:
			return "a prepared statement does";
		case T_CreateExtensionStmt:
			{
				const CreateExtensionStmt *create = (const CreateExtensionStmt *) parsetree;

				if (create->if_not_exists &&
					OidIsValid(get_extension_oid(create->extname, true)))
					return NULL;
				return "the script of an extension does";
			}
		case T_AlterExtensionStmt:
			return "the script of an extension does";
		case T_VariableSetStmt:
			{
				const VariableSetStmt *set = (const VariableSetStmt *) parsetree;

				if (set->name != NULL && (strcmp(set->name, "role") == 0 ||
										  strcmp(set->name, "session_authorization") == 0))
					return "another role may do";
				return NULL;
			}
		case T_SelectStmt:
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			calls_opaque(unconstify(Node *, parsetree), &function);
			return function ? psprintf("the function %s() does", function) : NULL;
		default:
			return NULL;
	}
}

static bool
calls_opaque(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, FuncCall) && is_opaque_function(((FuncCall *) node)->funcname))
	{
		*(const char **) context = NameListToString(((FuncCall *) node)->funcname);
		return true;
	}
	return raw_expression_tree_walker(node, calls_opaque, context);
}

/*
 * By name alone: any function that the call may mean.
 */
static bool
is_opaque_function(List *names)
{
	FuncCandidateList candidates;
	bool		found = false;

	if (ig_script_find_other(IG_NAME_FUNCTION, names) != NULL)
		return true;
	candidates = FuncnameGetCandidates(names, -1, NIL, false, false, false, true);
	for (; candidates != NULL; candidates = candidates->next)
	{
		Oid			schema = get_func_namespace(candidates->oid);
		char	   *schema_name;

		found = true;
		if (schema == PG_CATALOG_NAMESPACE || func_volatile(candidates->oid) != PROVOLATILE_VOLATILE)
			continue;
		schema_name = get_namespace_name(schema);
		if (schema_name != NULL && strcmp(schema_name, "invariant_guard") == 0)
			continue;
		return true;
	}
	return !found;
}
