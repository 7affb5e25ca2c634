/*-------------------------------------------------------------------------
 *
 * soft_delete_declare.c
 *	  add_soft_delete(): the triggers of the rule, on the table and on those
 *	  that refer to it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/declare.h"
#include "rows/soft_delete.h"
#include "rows/spread.h"

PG_FUNCTION_INFO_V1(ig_sql_add_soft_delete);
PG_FUNCTION_INFO_V1(ig_sql_soft_delete_children);

static const char *const deleted_rows_words[] = {"open", "frozen", NULL};

/* What the call says. */
typedef struct Declared
{
	IgSoftDelete rule;
	char	   *column;
	char	   *operation;		/* NULL for none */
	List	   *columns;		/* both, of char * */
} Declared;

static void read_call(FunctionCallInfo fcinfo, IgDeclaration *d, Declared *declared);
static void check_column(IgDeclaration *d, Form_pg_attribute attr, const char *role);
static char *interval_option(FunctionCallInfo fcinfo, int arg);
static void check_references(IgDeclaration *d, const Declared *declared);
static void check_referring(IgDeclaration *d, const Declared *declared);
static void not_applicable(IgDeclaration *d, const char *message, const char *detail,
						   const char *hint);
static void write_triggers(IgDeclaration *d, const Declared *declared);
static char *insert_condition(const IgDeclaration *d, const Declared *declared);
static char *is_long_past(const Declared *declared);
static char *change_condition(const Declared *declared);
static IgDeclaration *declaration_of(Oid relid, IgRowRuleKind kind, const char *instance);
static int	cover_child(const IgForeignKey *key);
static int	look_after_children(Oid parent, const IgSoftDelete *rule);
static bool is_covered(const IgForeignKey *key);
static const char *instance_of(const IgForeignKey *key);

/*
 * invariant_guard.add_soft_delete(rel regclass, "column" name, children text,
 * operation name, keep_at_least interval, deleted_rows text) returns boolean:
 * was it added?
 */
Datum
ig_sql_add_soft_delete(PG_FUNCTION_ARGS)
{
	IgDeclaration *d = ig_declare_begin(fcinfo, IG_ROW_SOFT_DELETE);
	Declared	declared = {0};
	bool		added;

	/* one for each foreign key that refers to the table */
	d->grows = true;
	read_call(fcinfo, d, &declared);
	check_references(d, &declared);
	check_referring(d, &declared);
	write_triggers(d, &declared);
	added = ig_declare_end(d);
	CommandCounterIncrement();
	(void) ig_soft_delete_cover_children(d->relid);
	PG_RETURN_BOOL(added);
}

static void
read_call(FunctionCallInfo fcinfo, IgDeclaration *d, Declared *declared)
{
	Form_pg_attribute attr;

	declared->column = ig_declare_name(fcinfo, 1);
	attr = ig_declare_column(d, declared->column, "deletion time");
	if (attr->atttypid != TIMESTAMPTZOID && attr->atttypid != TIMESTAMPOID)
		not_applicable(d, psprintf("column \"%s\" of table \"%s\" is of type %s",
								   ig_text_name(declared->column), d->text,
								   format_type_be(attr->atttypid)),
					   "The time of deletion is a timestamp with or without time zone.", NULL);
	check_column(d, attr, "deletion time");
	declared->rule.deleted = attr->attnum;
	declared->columns = list_make1(declared->column);

	declared->rule.children = ig_declare_word(fcinfo, 2, "children", ig_soft_delete_children_words);
	declared->operation = ig_declare_name(fcinfo, 3);
	if (declared->operation != NULL)
	{
		attr = ig_declare_column(d, declared->operation, "operation");
		if (attr->atttypid != UUIDOID)
			not_applicable(d, psprintf("column \"%s\" of table \"%s\" is of type %s",
									   ig_text_name(declared->operation), d->text,
									   format_type_be(attr->atttypid)),
						   "The operation that deleted a row is a uuid.", NULL);
		check_column(d, attr, "operation");
		declared->rule.operation = attr->attnum;
		declared->columns = lappend(declared->columns, declared->operation);
	}
	else if (declared->rule.children == IG_CHILDREN_SOFT_CASCADE)
		not_applicable(d, psprintf("table \"%s\" needs a column for the operation", d->text),
					   "With children => 'soft_cascade' it tells what was deleted together.",
					   "Add a column of type uuid, and name it: operation => 'delete_operation'.");

	declared->rule.keep = interval_option(fcinfo, 4);
	declared->rule.frozen = ig_declare_word(fcinfo, 5, "deleted_rows", deleted_rows_words) == 1;
}

/* A live row has NULL in it, and no other value comes by itself. */
static void
check_column(IgDeclaration *d, Form_pg_attribute attr, const char *role)
{
	const char *what = attr->attnotnull ? "is NOT NULL" :
		attr->attgenerated ? "is generated" :
		attr->attidentity ? "is an identity column" :
		attr->atthasdef ? "has a default" : NULL;

	if (what != NULL)
		not_applicable(d, psprintf("the %s column \"%s\" of table \"%s\" %s", role,
								   ig_text_name(NameStr(attr->attname)), d->text, what),
					   "It is NULL in live rows.", NULL);
}

/*
 * As ISO 8601 has it, which reads the same under any intervalstyle.
 */
static char *
interval_option(FunctionCallInfo fcinfo, int arg)
{
	Interval   *interval;
	struct pg_itm itm;
	char		words[MAXDATELEN + 1];

	if (PG_ARGISNULL(arg))
		return NULL;
	interval = PG_GETARG_INTERVAL_P(arg);
	interval2itm(*interval, &itm);
	EncodeInterval(&itm, INTSTYLE_ISO_8601, words);
	if (interval->month < 0 || interval->day < 0 || interval->time < 0 ||
		(interval->month == 0 && interval->day == 0 && interval->time == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("keep_at_least must be a positive interval, not %s", words)));
	return pstrdup(words);
}

static void
not_applicable(IgDeclaration *d, const char *message, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(ERRCODE_IG_RULE_NOT_APPLICABLE),
			 errmsg("rule \"%s\" cannot be declared: %s", d->rule->name, message),
			 detail ? errdetail("%s", detail) : 0,
			 hint ? errhint("%s", hint) : 0,
			 errtable(d->rel)));
}

/*
 * The foreign keys of the table.  A cascade from a table whose rows are removed
 * would have to remove rows here, or to change what deleted ones refer to.
 */
static void
check_references(IgDeclaration *d, const Declared *declared)
{
	ListCell   *lc;

	foreach(lc, ig_foreign_keys_of(d->rel))
	{
		const IgForeignKey *key = (const IgForeignKey *) lfirst(lc);
		IgSoftDelete parent;
		bool		parent_is_soft = key->parent == d->relid ||
			ig_soft_delete_of_table(key->parent, &parent);
		char	   *parent_text = ig_row_relation_text(key->parent);

		if (!parent_is_soft && (key->on_delete == FKCONSTR_ACTION_CASCADE ||
								key->on_delete == FKCONSTR_ACTION_SETNULL ||
								key->on_delete == FKCONSTR_ACTION_SETDEFAULT))
			not_applicable(d, psprintf("foreign key \"%s\" of table \"%s\" is ON DELETE %s, and rows of \"%s\" are removed for good",
									   ig_text_name(key->name), d->text,
									   key->on_delete == FKCONSTR_ACTION_CASCADE ? "CASCADE" :
									   key->on_delete == FKCONSTR_ACTION_SETNULL ? "SET NULL" : "SET DEFAULT",
									   parent_text),
						   "That would remove or change rows of this table, deleted ones too.",
						   psprintf("Declare \"%s\" soft-deleted first, or make the foreign key NO ACTION.",
									parent_text));
		if (parent_is_soft && key->parent != d->relid &&
			parent.children == IG_CHILDREN_SOFT_CASCADE && declared->operation == NULL)
			not_applicable(d, psprintf("table \"%s\" needs a column for the operation", d->text),
						   psprintf("Rows of it are deleted together with those of \"%s\".", parent_text),
						   "Add a column of type uuid, and name it: operation => 'delete_operation'.");
	}
}

/*
 * The foreign keys that refer to the table, and the rows that are there.  Who
 * writes to one of the tables, or to a partition, is waited for before they are
 * looked at.
 */
static void
check_referring(IgDeclaration *d, const Declared *declared)
{
	char	   *orphans;
	ListCell   *lc;

	(void) find_all_inheritors(d->relid, ShareRowExclusiveLock, NULL);
	foreach(lc, ig_foreign_keys_to(d->rel))
	{
		const IgForeignKey *key = (const IgForeignKey *) lfirst(lc);
		IgSoftDelete child;

		ig_lock_owned_table(key->child, ShareRowExclusiveLock);
		(void) find_all_inheritors(key->child, ShareRowExclusiveLock, NULL);

		if (key->has_period)
			not_applicable(d, psprintf("foreign key \"%s\" of table \"%s\" refers to a period",
									   ig_text_name(key->name), ig_row_relation_text(key->child)),
						   NULL, NULL);
		if (declared->rule.children == IG_CHILDREN_SOFT_CASCADE && key->child != d->relid &&
			ig_soft_delete_of_table(key->child, &child) && child.operation == 0)
			not_applicable(d, psprintf("soft-deleted table \"%s\" has no column for the operation",
									   ig_row_relation_text(key->child)),
						   "Rows of it would be deleted together with those of this table.",
						   "Drop its rule, and declare it anew with a column of type uuid: operation => 'delete_operation'.");
	}

	if (declared->rule.children == IG_CHILDREN_INDEPENDENT)
		return;
	orphans = ig_soft_delete_orphans(d->rel, &declared->rule);
	if (orphans != NULL)
		ig_declare_check_rows(d, orphans, "that are deleted, and live rows refer to them",
							  "Delete those too, or declare the rule with children => 'independent'.");
}

/*
 * What looks after the children is not among them: it depends on which there
 * are, see ig_soft_delete_cover_children.
 */
static void
write_triggers(IgDeclaration *d, const Declared *declared)
{
	List	   *change_options = NIL;
	List	   *options = NIL;

	if (declared->rule.frozen)
		change_options = ig_declare_option(NIL, "deleted_rows", "frozen");
	change_options = ig_declare_option(change_options, "keep_at_least", declared->rule.keep);
	options = ig_declare_option(options, "children",
								ig_soft_delete_children_words[declared->rule.children]);
	options = list_concat(options, change_options);

	ig_declare_trigger(d, "delete", "BEFORE DELETE", true,
					   ig_declare_anchor("uses", "old", declared->columns), options);
	ig_declare_trigger(d, "change", "AFTER UPDATE", true, change_condition(declared),
					   change_options);
	if (d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE || d->rel->rd_rel->relispartition)
		ig_declare_trigger(d, "move", "BEFORE UPDATE", true,
						   ig_declare_anchor("uses", "old", declared->columns), change_options);
	if (declared->rule.keep != NULL)
		ig_declare_trigger(d, "insert", "AFTER INSERT", true, insert_condition(d, declared),
						   change_options);
	ig_declare_trigger(d, "truncate", "BEFORE TRUNCATE", false, NULL, NIL);
}

/*
 * A new row says that it was deleted long ago; but one that comes from another
 * partition may have been.
 */
static char *
insert_condition(const IgDeclaration *d, const Declared *declared)
{
	bool		arrives = d->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE ||
		d->rel->rd_rel->relispartition;

	return psprintf("%s AND %s%s", is_long_past(declared),
					ig_declare_anchor("uses", "new", declared->columns),
					arrives ? " AND NOT invariant_guard.is_moving(new.tableoid, new.ctid)" : "");
}

static char *
is_long_past(const Declared *declared)
{
	return psprintf("new.%s < pg_catalog.now() - INTERVAL '%s'",
					quote_identifier(declared->column), IG_SOFT_DELETE_DRIFT);
}

/*
 * A soft delete is to leave it soon: its row was live before, and has an
 * operation now, and the time of now.
 */
static char *
change_condition(const Declared *declared)
{
	const char *column = quote_identifier(declared->column);
	const char *operation = declared->operation ? quote_identifier(declared->operation) : NULL;
	char	   *deleted;

	deleted = psprintf("old.%s IS NOT NULL AND %s", column,
					   ig_declare_anchor(declared->rule.frozen ? "uses" : "changed", "old",
										 declared->columns));
	if (operation != NULL)
		deleted = psprintf("(%s) OR (old.%s IS NULL AND new.%s IS NOT NULL AND new.%s IS NULL)",
						   deleted, column, column, operation);
	if (declared->rule.keep != NULL)
		deleted = psprintf("(%s) OR (old.%s IS NULL AND %s)", deleted, column,
						   is_long_past(declared));
	return deleted;
}

/* ---- the tables that refer to it ------------------------------------------ */

/*
 * invariant_guard.soft_delete_children(rel regclass) returns integer: how many
 * triggers were made for foreign keys that are newer than the rule.
 */
Datum
ig_sql_soft_delete_children(PG_FUNCTION_ARGS)
{
	Oid			relid = ig_table_argument(fcinfo);
	IgSoftDelete rule;

	PreventCommandIfReadOnly("invariant_guard.soft_delete_children()");
	ig_lock_owned_table(relid, ShareRowExclusiveLock);
	if (!ig_soft_delete_of_table(relid, &rule))
		ereport(ERROR,
				(errcode(ERRCODE_IG_NO_SUCH_RULE),
				 errmsg("table \"%s\" is not soft-deleted", ig_row_relation_text(relid)),
				 errhint("SELECT invariant_guard.add_soft_delete(...);")));
	PG_RETURN_INT32(ig_soft_delete_cover_children(relid));
}

int
ig_soft_delete_cover_children(Oid parent)
{
	Relation	rel = table_open(parent, ShareRowExclusiveLock);
	List	   *keys = ig_foreign_keys_to(rel);
	IgSoftDelete rule;
	bool		found = ig_soft_delete_of(rel, &rule);
	int			count = 0;
	ListCell   *lc;

	table_close(rel, NoLock);
	if (!found || keys == NIL)
		return 0;
	foreach(lc, keys)
		count += cover_child((const IgForeignKey *) lfirst(lc));
	if (rule.children != IG_CHILDREN_INDEPENDENT)
		count += look_after_children(parent, &rule);
	return count;
}

static int
cover_child(const IgForeignKey *key)
{
	IgDeclaration *d;
	List	   *columns;

	if (key->has_period || is_covered(key))
		return 0;
	ig_lock_owned_table(key->child, ShareRowExclusiveLock);
	d = declaration_of(key->child, IG_ROW_SOFT_DELETE_PARENT, instance_of(key));
	columns = ig_foreign_key_columns(key);
	ig_declare_trigger(d, "insert", "AFTER INSERT", true,
					   ig_declare_anchor("uses", "new", columns), NIL);
	ig_declare_trigger(d, "update", "AFTER UPDATE", true,
					   ig_declare_anchor("changed", "old", columns), NIL);
	(void) ig_declare_end(d);
	CommandCounterIncrement();
	return 2;
}

/*
 * The trigger on the table itself that does with children as the rule says.
 */
static int
look_after_children(Oid parent, const IgSoftDelete *rule)
{
	IgDeclaration *d = declaration_of(parent, IG_ROW_SOFT_DELETE, NULL);
	char	   *column = get_attname(parent, rule->deleted, false);
	List	   *columns = list_make1(column);
	char	   *name = ig_spread_trigger_name(d->rule, NULL, "children");

	if (OidIsValid(get_trigger_oid(parent, name, true)))
	{
		table_close(d->rel, NoLock);
		return 0;
	}
	if (rule->operation != 0)
		columns = lappend(columns, get_attname(parent, rule->operation, false));
	ig_declare_trigger(d, "children", "AFTER UPDATE", true,
					   psprintf("old.%s IS NULL AND new.%s IS NOT NULL AND %s",
								quote_identifier(column), quote_identifier(column),
								ig_declare_anchor("uses", "new", columns)),
					   ig_declare_option(NIL, "children",
										 ig_soft_delete_children_words[rule->children]));
	(void) ig_declare_end(d);
	CommandCounterIncrement();
	return 1;
}

static IgDeclaration *
declaration_of(Oid relid, IgRowRuleKind kind, const char *instance)
{
	IgDeclaration *d = palloc0(sizeof(IgDeclaration));

	d->rule = ig_row_rule(kind);
	d->relid = relid;
	d->rel = table_open(relid, NoLock);
	d->quoted = ig_soft_delete_quoted(relid);
	d->text = ig_row_relation_text(relid);
	d->instance = instance;
	return d;
}

/* By its columns: a trigger serves all foreign keys that have the same. */
static bool
is_covered(const IgForeignKey *key)
{
	ListCell   *lc;

	foreach(lc, ig_declared_triggers(key->child))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule->kind == IG_ROW_SOFT_DELETE_PARENT &&
			ig_foreign_key_has_columns(key, declared->attnums))
			return true;
	}
	return false;
}

/* The foreign key's name, unless a trigger of another one has it. */
static const char *
instance_of(const IgForeignKey *key)
{
	const IgRowRule *rule = ig_row_rule(IG_ROW_SOFT_DELETE_PARENT);
	const char *instance = key->name;

	for (int i = 2;
		 OidIsValid(get_trigger_oid(key->child, ig_spread_trigger_name(rule, instance, "insert"), true));
		 i++)
		instance = psprintf("%d_%s", i, key->name);
	return instance;
}
