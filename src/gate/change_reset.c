/*-------------------------------------------------------------------------
 *
 * change_reset.c
 *	  Statements that reset a database, or take a good part of it.
 *
 * Each single drop has a rule of its own.  What is asked here is whether they
 * amount to a reset: the schema that applications live in, all that a role
 * owns, or table after table within one transaction.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/statement.h"
#include "gate/transaction.h"
#include "platform/text.h"
#include "rules/allowance.h"

static void add_schemas(IgStatement *stmt);
static void add_roles(IgStatement *stmt);
static void add_many_tables(IgStatement *stmt);
static void find_tables(List *schemas, List **holding, bool *elsewhere);
static void add_reset(IgStatement *stmt, const char *name, char *words);

void
ig_changes_reset(IgStatement *stmt)
{
	switch (nodeTag(stmt->parsetree))
	{
		case T_DropStmt:
			add_schemas(stmt);
			break;
		case T_DropOwnedStmt:
			add_roles(stmt);
			break;
		case T_TruncateStmt:
			break;
		default:
			return;
	}
	add_many_tables(stmt);
}

/*
 * DROP SCHEMA public in any form; of another schema with CASCADE, if no other
 * one is left that holds a table.
 */
static void
add_schemas(IgStatement *stmt)
{
	const DropStmt *drop = (const DropStmt *) stmt->parsetree;
	List	   *schemas = NIL;
	List	   *holding = NIL;
	bool		elsewhere = true;
	ListCell   *lc;

	if (drop->removeType != OBJECT_SCHEMA)
		return;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind == IG_DROP_SCHEMA && !change->is_new)
			schemas = list_append_unique_oid(schemas, change->address.objectId);
	}
	if (schemas != NIL && drop->behavior == DROP_CASCADE)
		find_tables(schemas, &holding, &elsewhere);

	foreach(lc, schemas)
	{
		const char *name = get_namespace_name(lfirst_oid(lc));

		if (name == NULL)
			continue;
		if (strcmp(name, "public") == 0)
			add_reset(stmt, name, psprintf("drop schema \"%s\"", name));
		else if (!elsewhere && list_member_oid(holding, lfirst_oid(lc)))
			add_reset(stmt, name,
					  psprintf("drop schema \"%s\", after which no table is left",
							   ig_text_name(name)));
	}
}

/*
 * Which of the schemas hold tables, and does another one?
 */
static void
find_tables(List *schemas, List **holding, bool *elsewhere)
{
	Relation	pg_class = table_open(RelationRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(pg_class, InvalidOid, false, NULL, 0, NULL);
	Oid			own = get_namespace_oid("invariant_guard", true);
	HeapTuple	tuple;

	*elsewhere = false;
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_class form = (Form_pg_class) GETSTRUCT(tuple);

		if ((form->relkind != RELKIND_RELATION && form->relkind != RELKIND_PARTITIONED_TABLE) ||
			form->oid < FirstNormalObjectId || form->relnamespace == own ||
			form->relpersistence == RELPERSISTENCE_TEMP)
			continue;
		if (list_member_oid(schemas, form->relnamespace))
			*holding = list_append_unique_oid(*holding, form->relnamespace);
		else
			*elsewhere = true;
	}
	systable_endscan(scan);
	table_close(pg_class, AccessShareLock);
}

static void
add_roles(IgStatement *stmt)
{
	List	   *roles = NIL;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if (change->kind == IG_DROP_OWNED)
			roles = lappend(roles, unconstify(char *, change->name));
	}
	foreach(lc, roles)
		add_reset(stmt, (char *) lfirst(lc),
				  psprintf("drop all that role \"%s\" owns",
						   ig_text_name((char *) lfirst(lc))));
}

/*
 * Is this the statement by which the transaction drops or truncates too many
 * existing tables?  Partitions count with the table that they are of: to drop
 * the old ones is how partitioned tables are kept.
 */
static void
add_many_tables(IgStatement *stmt)
{
	List	   *relids = NIL;
	List	   *schemas = NIL;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *change = (const IgChange *) lfirst(lc);

		if ((change->kind != IG_DROP_TABLE && change->kind != IG_TRUNCATE) ||
			!ig_relation_counts_as_lost(change->rel) ||
			ig_transaction_lost(change->rel->relid))
			continue;
		relids = list_append_unique_oid(relids, change->rel->relid);
		if (!list_member(schemas, makeString(change->rel->schema)))
			schemas = lappend(schemas, makeString(change->rel->schema));
	}
	if (relids == NIL ||
		ig_transaction_lost_count() + list_length(relids) <= IG_MAX_LOST_TABLES)
		return;

	foreach(lc, schemas)
		add_reset(stmt, strVal(lfirst(lc)), IG_MANY_TABLES_LOST);
}

/* One for each schema or role is enough. */
static void
add_reset(IgStatement *stmt, const char *name, char *words)
{
	IgChange   *change;
	ListCell   *lc;

	foreach(lc, stmt->changes)
	{
		const IgChange *other = (const IgChange *) lfirst(lc);

		if (other->kind == IG_RESET && strcmp(other->name, name) == 0)
			return;
	}
	change = ig_change_add(stmt, IG_RESET, NULL);
	change->name = name;
	change->words = words;
	change->sql = ig_source_statement(stmt);
	ig_statement_need(stmt, "environment", name, NULL);
}
