/*-------------------------------------------------------------------------
 *
 * change_rows.c
 *	  Changes that would loosen a row rule of a table.
 *
 * The triggers themselves are guarded with the rest of the guard (change_self.c
 * and net_guards.c).  Here is what goes round them: DDL that rewrites or loses
 * what an append-only table holds, a partition that leaves its clones behind,
 * a name that becomes another table's, a rule that redirects what is written,
 * a foreign key that deletes, an index that a rule consists of.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_rewrite.h"
#include "commands/defrem.h"
#include "commands/trigger.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "model/finding.h"
#include "model/row_rule.h"
#include "platform/catalog.h"
#include "platform/inherit.h"

#define WHY_HISTORY		"What is stored in the table is never changed or removed, and this would do it without any trigger that sees it."
#define WHY_NAME		"Another table could take the name, and those who use it would write to that one, without the rule."
#define WHY_COLUMN		"The rule names the column, and could not be checked without it."
#define WHY_DROP_FIRST	"The rule names the column, and could not be checked without it: invariant_guard.drop_rule() drops the rule first."
#define WHY_REDIRECT	"What is written would go elsewhere, or nowhere, and no trigger of the rule would see it."
#define WHY_CASCADE		"The foreign key would delete or change rows that the rule keeps, or every such statement on the other table would fail."
#define WHY_INDEX		"The rule is held by this index."
#define WHY_SEALS		"The constraint tells whose seals these are; without it they are not found, and rows below what is sealed are let in."
#define WHY_OWNER		"Seals of another role than the table's are not believed, and rows below what is sealed would be let in."

static IgChange *loosened_history(const IgChange *change, List *declared);
static IgChange *loosened_column(const IgChange *change, List *declared, bool anchored_too);
static IgChange *loosened_by_key(const IgChange *change, List *declared);
static IgChange *loosened_seals(const IgChange *change, List *declared, const char *verb);
static IgChange *loosened_owner(const IgChange *change, List *declared);
static Oid	sealed_by(Oid seals);
static void renamed_constraint(IgStatement *stmt);
static IgChange *loosened_index(const IgChange *change, List *declared);
static IgChange *loosened_index_column(const IgChange *change, List *declared);
static IgChange *loosen(const IgChange *change, const IgRowRule *rule, const char *words,
						const char *why);
static const IgRowRule *history_rule(List *declared);
static const IgDeclaredTrigger *declared_of_kind(List *declared, IgRowRuleKind kind);
static List *declared_below(Oid relid, bool partitions_only);

/*
 * What the change would loosen, as a change of its own, or NULL.
 */
IgChange *
ig_change_loosened(const IgChange *change)
{
	List	   *declared;

	if (change->rel == NULL || !OidIsValid(change->rel->relid) ||
		ig_relation_is_exempt(change->rel))
		return NULL;

	switch (change->kind)
	{
		case IG_DROP_COLUMN:
		case IG_ALTER_COLUMN_TYPE:
		case IG_SET_EXPRESSION:
			declared = declared_below(change->rel->relid, false);
			break;
		case IG_DROP_TABLE:
			declared = declared_below(change->rel->relid, true);
			break;
		case IG_RENAME_TABLE:
		case IG_SET_SCHEMA:
		case IG_RENAME_COLUMN:
		case IG_DISABLE_TRIGGER:
		case IG_ADD_CONSTRAINT:
		case IG_DROP_CONSTRAINT:
		case IG_CHANGE_OWNER:
		case IG_DROP_INDEX:
			declared = ig_declares_rules(change->rel->relid) ?
				ig_declared_triggers(change->rel->relid) : NIL;
			break;
		default:
			return NULL;
	}
	if (declared == NIL)
		return NULL;

	switch (change->kind)
	{
		case IG_DROP_COLUMN:
			{
				IgChange   *loosened = loosened_history(change, declared);

				if (loosened == NULL)
					loosened = loosened_column(change, declared, true);
				return loosened ? loosened : loosened_index_column(change, declared);
			}
		case IG_ALTER_COLUMN_TYPE:
			return change->impact.rewrite ? loosened_history(change, declared) : NULL;
		case IG_SET_EXPRESSION:
		case IG_DROP_TABLE:
		case IG_RENAME_TABLE:
		case IG_SET_SCHEMA:
			return loosened_history(change, declared);
		case IG_RENAME_COLUMN:
			return loosened_column(change, declared, false);
		case IG_DISABLE_TRIGGER:
			if (change->address.classId != RewriteRelationId)
				return NULL;
			return loosen(change, ((IgDeclaredTrigger *) linitial(declared))->rule,
						  psprintf("redirect what is written to %s by rule \"%s\"",
								   ig_text_relation(change->rel), ig_text_name(change->name)),
						  WHY_REDIRECT);
		case IG_ADD_CONSTRAINT:
			return loosened_by_key(change, declared);
		case IG_DROP_CONSTRAINT:
			return loosened_seals(change, declared, "drop");
		case IG_CHANGE_OWNER:
			return loosened_owner(change, declared);
		default:
			return loosened_index(change, declared);
	}
}

/*
 * All that the changes of a statement would loosen.
 */
void
ig_changes_rows(IgStatement *stmt)
{
	List	   *changes = list_copy(stmt->changes);
	ListCell   *lc;

	ig_changes_last_word(stmt);
	renamed_constraint(stmt);
	foreach(lc, changes)
	{
		IgChange   *loosened = ig_change_loosened((const IgChange *) lfirst(lc));

		if (loosened == NULL)
			continue;
		loosened->sql = ig_source_statement(stmt);
		stmt->changes = lappend(stmt->changes, loosened);
		ig_statement_need(stmt, "row-rule", loosened->rel->schema, loosened->rel->name);
	}
}

/*
 * A partition is detached: its clones of the parent's triggers go, unless
 * keep_rules() has given it some of its own.
 */
void
ig_changes_detached_rules(IgStatement *stmt, IgRelation *part, const IgRelation *parent)
{
	bool		concurrently = false;
	List	   *declared;
	ListCell   *lc;

	if (ig_relation_is_exempt(part) || !ig_declares_rules(part->relid))
		return;
	foreach(lc, stmt->changes)
		concurrently = concurrently || ((const IgChange *) lfirst(lc))->concurrently;
	declared = ig_declared_triggers(part->relid);
	foreach(lc, declared)
	{
		const IgDeclaredTrigger *clone = (const IgDeclaredTrigger *) lfirst(lc);
		IgChange   *change;

		if (!OidIsValid(clone->parent) ||
			OidIsValid(get_trigger_oid(part->relid,
									   makeObjectName(clone->name, NULL, "kept"), true)))
			continue;
		change = ig_change_add(stmt, IG_LOOSEN_ROW_RULE, part);
		change->parent = unconstify(IgRelation *, parent);
		change->name = clone->rule->name;
		change->words = psprintf("detach %s from %s", ig_text_relation(part),
								 ig_text_relation(parent));
		change->new_name = "The partition has the rule from the partitioned table, and loses it once it is detached.";
		change->sql = ig_source_statement(stmt);
		change->concurrently = concurrently;
		return;
	}
}

static IgChange *
loosen(const IgChange *change, const IgRowRule *rule, const char *words, const char *why)
{
	IgChange   *loosened = palloc0(sizeof(IgChange));

	loosened->kind = IG_LOOSEN_ROW_RULE;
	loosened->rel = change->rel;
	loosened->address = change->address;
	loosened->name = rule->name;
	loosened->words = words;
	loosened->new_name = why;
	loosened->derived = change->derived;
	loosened->concurrently = change->concurrently;
	return loosened;
}

/* A rule among them whose rows are never changed or removed. */
static const IgRowRule *
history_rule(List *declared)
{
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgRowRule *rule = ((const IgDeclaredTrigger *) lfirst(lc))->rule;

		if (rule->keeps_history)
			return rule;
	}
	return NULL;
}

static const IgDeclaredTrigger *
declared_of_kind(List *declared, IgRowRuleKind kind)
{
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);

		if (trigger->rule->kind == kind)
			return trigger;
	}
	return NULL;
}

/*
 * A change of columns reaches what inherits as well, and partitions go with
 * their table; each may have rules that the table itself does not have.
 */
static List *
declared_below(Oid relid, bool partitions_only)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, ig_inheritors(relid, NULL))
	{
		Oid			heir = lfirst_oid(lc);

		if (heir != relid && partitions_only && !get_rel_relispartition(heir))
			continue;
		if (ig_declares_rules(heir))
			result = list_concat(result, ig_declared_triggers(heir));
	}
	return result;
}

static IgChange *
loosened_history(const IgChange *change, List *declared)
{
	const IgRowRule *rule = history_rule(declared);
	const char *table = ig_text_relation(change->rel);
	bool		is_name = change->kind == IG_RENAME_TABLE || change->kind == IG_SET_SCHEMA;
	const char *words;

	if (rule == NULL)
		return NULL;
	switch (change->kind)
	{
		case IG_DROP_COLUMN:
			words = psprintf("drop column \"%s\" of %s", ig_text_name(change->column), table);
			break;
		case IG_ALTER_COLUMN_TYPE:
			words = psprintf("rewrite column \"%s\" of %s", ig_text_name(change->column), table);
			break;
		case IG_SET_EXPRESSION:
			words = psprintf("compute column \"%s\" of %s anew", ig_text_name(change->column), table);
			break;
		case IG_DROP_TABLE:
			words = psprintf("drop %s", table);
			break;
		default:
			words = psprintf("take the name from %s", table);
			break;
	}
	return loosen(change, rule, words, is_name ? WHY_NAME : WHY_HISTORY);
}

/*
 * A column that stands in a WHEN clause is renamed there by the server; one
 * that is an argument of the trigger function is not.
 */
static IgChange *
loosened_column(const IgChange *change, List *declared, bool anchored_too)
{
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);
		AttrNumber	attnum = trigger->relid == change->rel->relid ? change->attnum :
			get_attnum(trigger->relid, change->column);
		IgChange   *loosened;

		if (anchored_too ? !bms_is_member(attnum, trigger->mentioned) :
			!bms_is_member(attnum, trigger->in_arguments))
			continue;
		loosened = loosen(change, trigger->rule,
						  psprintf("%s column \"%s\" of %s",
								   change->kind == IG_DROP_COLUMN ? "drop" : "rename",
								   ig_text_name(change->column), ig_text_relation(change->rel)),
						  change->kind == IG_DROP_COLUMN ? WHY_DROP_FIRST : WHY_COLUMN);
		if (change->kind == IG_DROP_COLUMN)
		{
			loosened->ruled = ig_relation_load(trigger->relid);
			loosened->cure = ig_drop_rule_call(trigger);
		}
		return loosened;
	}
	return NULL;
}

/*
 * Rows that are only added cannot be changed by an action of a foreign key;
 * those that are soft-deleted can, but not be deleted.
 */
static IgChange *
loosened_by_key(const IgChange *change, List *declared)
{
	const IgConstraintSpec *con = change->constraint;
	const IgRowRule *rule = history_rule(declared);
	const IgDeclaredTrigger *soft = declared_of_kind(declared, IG_ROW_SOFT_DELETE);
	bool		changes;

	if (con == NULL || con->contype != CONSTRAINT_FOREIGN)
		return NULL;
	changes = con->del_action == FKCONSTR_ACTION_CASCADE ||
		con->del_action == FKCONSTR_ACTION_SETNULL ||
		con->del_action == FKCONSTR_ACTION_SETDEFAULT ||
		con->upd_action == FKCONSTR_ACTION_CASCADE ||
		con->upd_action == FKCONSTR_ACTION_SETNULL ||
		con->upd_action == FKCONSTR_ACTION_SETDEFAULT;
	if (rule == NULL && soft != NULL && con->del_action == FKCONSTR_ACTION_CASCADE)
		rule = soft->rule;
	else if (!changes)
		return NULL;
	if (rule == NULL)
		return NULL;

	return loosen(change, rule,
				  psprintf("add a foreign key to %s by whose actions its rows are deleted or changed",
						   ig_text_relation(change->rel)),
				  WHY_CASCADE);
}

/*
 * The constraint by which the seals of a table are found.
 */
static IgChange *
loosened_seals(const IgChange *change, List *declared, const char *verb)
{
	const IgRowRule *rule = history_rule(declared);

	if (rule == NULL || change->name == NULL || strcmp(change->name, IG_SEALS_OF) != 0 ||
		!OidIsValid(sealed_by(change->rel->relid)))
		return NULL;
	return loosen(change, rule,
				  psprintf("%s constraint \"%s\" of %s", verb, IG_SEALS_OF,
						   ig_text_relation(change->rel)),
				  WHY_SEALS);
}

/* No change of its own names it. */
static void
renamed_constraint(IgStatement *stmt)
{
	const RenameStmt *rename = IsA(stmt->parsetree, RenameStmt) ?
		castNode(RenameStmt, stmt->parsetree) : NULL;
	IgChange	change = {0};
	IgChange   *loosened;

	if (rename == NULL || rename->renameType != OBJECT_TABCONSTRAINT)
		return;
	change.rel = ig_relation_lookup_in(rename->relation, stmt->default_schema);
	change.name = rename->subname;
	if (change.rel == NULL || ig_relation_is_exempt(change.rel) ||
		!ig_declares_rules(change.rel->relid))
		return;
	loosened = loosened_seals(&change, ig_declared_triggers(change.rel->relid), "rename");
	if (loosened == NULL)
		return;
	loosened->sql = ig_source_statement(stmt);
	stmt->changes = lappend(stmt->changes, loosened);
	ig_statement_need(stmt, "row-rule", change.rel->schema, change.rel->name);
}

/*
 * Seals go with their table, see rows/after_ddl.c.  REASSIGN OWNED takes both.
 */
static IgChange *
loosened_owner(const IgChange *change, List *declared)
{
	const IgRowRule *rule = history_rule(declared);
	Oid			sealed = rule && !change->identity ? sealed_by(change->rel->relid) : InvalidOid;
	IgRelation *table = OidIsValid(sealed) ? ig_relation_load(sealed) : NULL;
	IgChange   *loosened;

	if (table == NULL || get_role_oid(change->new_name, true) == ig_relation_owner(sealed))
		return NULL;
	loosened = loosen(change, rule,
					  psprintf("change the owner of %s, which holds the seals of %s",
							   ig_text_relation(change->rel), ig_text_relation(table)),
					  WHY_OWNER);
	loosened->cure = psprintf("ALTER TABLE %s OWNER TO %s;\n-- which takes its seals along",
							  ig_relation_quoted(table), quote_identifier(change->new_name));
	return loosened;
}

/* The table whose seals this one holds, as its constraint says. */
static Oid
sealed_by(Oid seals)
{
	Oid			conoid = get_relation_constraint_oid(seals, IG_SEALS_OF, true);
	Relation	pg_depend;
	SysScanDesc scan;
	ScanKeyData keys[2];
	HeapTuple	tuple;
	Oid			result = InvalidOid;

	if (!OidIsValid(conoid))
		return InvalidOid;
	pg_depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&keys[0], Anum_pg_depend_classid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(ConstraintRelationId));
	ScanKeyInit(&keys[1], Anum_pg_depend_objid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(conoid));
	scan = systable_beginscan(pg_depend, DependDependerIndexId, true, NULL, 2, keys);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_depend form = (Form_pg_depend) GETSTRUCT(tuple);

		if (form->refclassid == RelationRelationId && form->refobjid != seals)
			result = form->refobjid;
	}
	systable_endscan(scan);
	table_close(pg_depend, AccessShareLock);
	return result;
}

static IgChange *
loosened_index(const IgChange *change, List *declared)
{
	const IgDeclaredTrigger *trigger = change->name ?
		ig_change_rule_of_index(declared, change->name) : NULL;

	if (trigger == NULL)
		return NULL;
	return loosen(change, trigger->rule,
				  psprintf("drop index \"%s\" of %s", ig_text_name(change->name),
						   ig_text_relation(change->rel)),
				  WHY_INDEX);
}

/*
 * With a column the server drops its indexes, and does not say so.
 */
static IgChange *
loosened_index_column(const IgChange *change, List *declared)
{
	ListCell   *lc;

	foreach(lc, ig_column_dependents(change->rel->relid, change->attnum))
	{
		const ObjectAddress *address = (const ObjectAddress *) lfirst(lc);
		const IgDeclaredTrigger *trigger = NULL;
		char	   *name;

		if (address->classId != RelationRelationId)
			continue;
		name = get_rel_name(address->objectId);
		if (name != NULL)
			trigger = ig_change_rule_of_index(declared, name);
		if (trigger != NULL)
			return loosen(change, trigger->rule,
						  psprintf("drop column \"%s\" of %s, and index \"%s\" with it",
								   ig_text_name(change->column),
								   ig_text_relation(change->rel), ig_text_name(name)),
						  WHY_INDEX);
	}
	return NULL;
}

/* The rule that consists of the index. */
const IgDeclaredTrigger *
ig_change_rule_of_index(List *declared, const char *index)
{
	ListCell   *lc;

	foreach(lc, declared)
	{
		const IgDeclaredTrigger *trigger = (const IgDeclaredTrigger *) lfirst(lc);
		ListCell   *lo;

		foreach(lo, trigger->options)
		{
			const char *option = (const char *) lfirst(lo);

			if (strncmp(option, "index=", 6) == 0 && strcmp(option + 6, index) == 0)
				return trigger;
		}
	}
	return NULL;
}
