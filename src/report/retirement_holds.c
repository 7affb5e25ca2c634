/*-------------------------------------------------------------------------
 *
 * retirement_holds.c
 *	  What still holds something that is retired.
 *
 * The gate itself is asked: the statement that drops it is parsed and judged as
 * if it ran, so that the view and the gate cannot disagree.  What the server
 * refuses by itself, the gate leaves to it: that is looked up here.
 *
 * It is judged as the superuser would run it, since the names of what others
 * own, and of schemas that are closed, would not be found; nothing but catalogs
 * is read meanwhile.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "catalog/dependency.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_trigger.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/statement.h"
#include "model/row_rule.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/inherit.h"
#include "platform/text.h"
#include "report/retirement_holds.h"
#include "rules/retired.h"
#include "rules/rules.h"

static List *add(List *holds, char *hold);
static char *drop_text(const IgRelation *rel, const char *column);
static List *by_gate(List *holds, const IgRelation *rel, AttrNumber attnum, const char *sql,
					 const IgVerdict *verdict, bool names);
static List *of_finding(List *holds, const IgFinding *finding, const IgRelation *rel,
						AttrNumber attnum, const IgVerdict *verdict, bool names);
static List *by_dependents(List *holds, Oid relid, AttrNumber attnum);
static bool is_in_partition_key(Oid relid, AttrNumber attnum);
static bool is_typed(Oid relid);
static List *by_server(List *holds, Oid relid, AttrNumber attnum, const char *column);

List *
ig_retirement_holds(Oid relid, AttrNumber attnum, const IgVerdict *verdict, bool names)
{
	const IgRelation *rel = ig_relation_load(relid);
	const char *column = attnum != InvalidAttrNumber ? get_attname(relid, attnum, true) : NULL;
	List	   *holds = NIL;
	Oid			user;
	int			context;

	if (rel == NULL || (attnum != InvalidAttrNumber && column == NULL))
		return NIL;

	/* an error puts the user back, by the end of the (sub)transaction */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID, context | SECURITY_LOCAL_USERID_CHANGE);
	holds = by_gate(holds, rel, attnum, drop_text(rel, column), verdict, names);
	SetUserIdAndSecContext(user, context);

	holds = by_dependents(holds, relid, attnum);
	return by_server(holds, relid, attnum, column);
}

/* Once: what goes with it may be held for the same reason. */
static List *
add(List *holds, char *hold)
{
	ListCell   *lc;

	foreach(lc, holds)
	{
		if (strcmp((const char *) lfirst(lc), hold) == 0)
			return holds;
	}
	return lappend(holds, hold);
}

static char *
drop_text(const IgRelation *rel, const char *column)
{
	const char *kind = rel->relkind == RELKIND_FOREIGN_TABLE ? "FOREIGN TABLE" : "TABLE";

	if (column == NULL)
		return psprintf("DROP %s %s", kind, ig_relation_quoted(rel));
	return psprintf("ALTER %s %s DROP COLUMN %s", kind, ig_relation_quoted(rel),
					quote_identifier(column));
}

/*
 * Mode and allowances are not asked: they are the session's.
 */
static List *
by_gate(List *holds, const IgRelation *rel, AttrNumber attnum, const char *sql,
		const IgVerdict *verdict, bool names)
{
	IgStatement stmt = {0};
	IgFindings	findings = {NIL};
	ListCell   *lc;

	stmt.parsetree = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt;
	stmt.query = sql;
	stmt.location = -1;
	ig_statement_changes(&stmt);
	ig_statement_findings(&stmt, &findings);

	foreach(lc, findings.list)
	{
		const IgFinding *finding = (const IgFinding *) lfirst(lc);
		int			classes = finding->change->rel ? finding->change->rel->classes : 0;

		if (ig_rule_effective_level(finding->rule, finding->level, classes) == IG_LEVEL_ERROR)
			holds = of_finding(holds, finding, rel, attnum, verdict, names);
	}
	return holds;
}

/*
 * In as few words as will do; else the rule's name, which an allowance takes,
 * and what it says.
 */
static List *
of_finding(List *holds, const IgFinding *finding, const IgRelation *rel, AttrNumber attnum,
		   const IgVerdict *verdict, bool names)
{
	const IgChange *change = finding->change;
	IgVerdict	other;
	ListCell   *lc;

	switch (finding->rule->sqlstate)
	{
		case ERRCODE_IG_DROP_TOO_EARLY:
			if (change->rel->relid == rel->relid && change->attnum == attnum)
				return add(holds, unconstify(char *, ig_retired_why(verdict, names)));
			ig_retirement_judge(change->rel->relid, change->attnum, &other);
			return add(holds, psprintf("%s: %s", ig_text_relation(change->rel),
									   ig_retired_why(&other, names)));
		case ERRCODE_IG_DROP_COLUMN_INDEX:
			foreach(lc, change->impact.names)
				holds = add(holds, psprintf("index %s is about other columns as well",
											quote_identifier((const char *) lfirst(lc))));
			return holds;
		case ERRCODE_IG_ROW_RULE:
			return add(holds, psprintf("row rule \"%s\" keeps it", change->name));
		case ERRCODE_IG_FINANCIAL_DROP:
			/* that it is too early is not asked of them, but good to know */
			if (verdict->hold != IG_HOLD_NOTHING)
				holds = add(holds, unconstify(char *, ig_retired_why(verdict, names)));
			break;
		default:
			break;
	}
	return add(holds, psprintf("rule %s: %s", finding->rule->name, finding->message));
}

/*
 * Without CASCADE, what depends on it has to go first.  Temporary objects, and
 * those of this transaction, are not listed one by one.
 */
static List *
by_dependents(List *holds, Oid relid, AttrNumber attnum)
{
	ObjectAddress address;
	IgDependents found;
	ListCell   *lc;

	ObjectAddressSubSet(address, RelationRelationId, relid, attnum);
	ig_dependents_find(list_make1(&address), &found);
	foreach(lc, found.victims)
	{
		const IgVictim *victim = (const IgVictim *) lfirst(lc);
		const IgDeclaredTrigger *trigger = victim->address.classId != TriggerRelationId ? NULL :
			ig_declared_trigger(victim->address.objectId);

		holds = add(holds, trigger != NULL ?
					psprintf("row rule \"%s\" keeps it", trigger->rule->name) :
					psprintf("%s depends on it", victim->description));
	}
	if (found.cascades && found.victims == NIL)
		holds = add(holds, pstrdup("a temporary or new object depends on it"));
	return holds;
}

/*
 * What the server says no to whatever goes along.
 */
static List *
by_server(List *holds, Oid relid, AttrNumber attnum, const char *column)
{
	Oid			extension;
	ListCell   *lc;

	if (attnum == InvalidAttrNumber)
	{
		extension = getExtensionOfObject(RelationRelationId, relid);
		return !OidIsValid(extension) ? holds :
			add(holds, psprintf("extension %s requires it",
								quote_identifier(get_extension_name(extension))));
	}

	if (is_typed(relid))
		holds = add(holds, pstrdup("it is of the type that the table is made of"));
	foreach(lc, ig_inheritors(relid, NULL))
	{
		AttrNumber	heirs = get_attnum(lfirst_oid(lc), column);

		if (heirs != InvalidAttrNumber && is_in_partition_key(lfirst_oid(lc), heirs))
			holds = add(holds, psprintf("the partition key of table %s is about it",
										quote_qualified_identifier(get_namespace_name(get_rel_namespace(lfirst_oid(lc))),
																   get_rel_name(lfirst_oid(lc)))));
	}
	return holds;
}

static bool
is_typed(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		typed;

	if (!HeapTupleIsValid(tuple))
		return false;
	typed = OidIsValid(((Form_pg_class) GETSTRUCT(tuple))->reloftype);
	ReleaseSysCache(tuple);
	return typed;
}

/*
 * As a column of the key, or in an expression there.
 */
static bool
is_in_partition_key(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	Form_pg_partitioned_table form;
	Bitmapset  *columns = NULL;
	bool		isnull;
	Datum		expressions;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_partitioned_table) GETSTRUCT(tuple);
	for (int i = 0; i < form->partnatts; i++)
		columns = bms_add_member(columns,
								 form->partattrs.values[i] - FirstLowInvalidHeapAttributeNumber);
	expressions = SysCacheGetAttr(PARTRELID, tuple, Anum_pg_partitioned_table_partexprs, &isnull);
	if (!isnull)
		pull_varattnos((Node *) stringToNode(TextDatumGetCString(expressions)), 1, &columns);
	ReleaseSysCache(tuple);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, columns);
}
