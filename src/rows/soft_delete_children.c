/*-------------------------------------------------------------------------
 *
 * soft_delete_children.c
 *	  What the mark of a row means for the rows that refer to it.
 *
 * That no live row comes to refer to a deleted one is a matter of two locks. A
 * row that begins to refer to the parent locks it FOR KEY SHARE, as foreign
 * keys do, and then looks at what is committed (soft_delete_parent.c).  The one
 * that marks the parent locks it FOR UPDATE, as a DELETE would, and then looks
 * at what is committed.  Whichever comes second waits, and sees the other.  An
 * ordinary UPDATE of the parent disturbs nobody.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "rows/kept_plan.h"
#include "rows/soft_delete.h"

/* A foreign key that refers to the relation, and what to run for a row. */
typedef struct ChildQuery
{
	IgForeignKey *key;
	bool		cascades;
	bool		with_operation;
	IgKeptPlan *look;			/* or the cascade */
	IgKeptPlan *lock;
} ChildQuery;

/* Where it was let pass that a row is marked without one. */
static const pg_uuid_t no_operation = {{0}};

static List *child_queries(Relation rel, const IgSoftDelete *rule);
static ChildQuery *child_query(Relation rel, const IgSoftDelete *rule, IgForeignKey *key);
static void write_cascade(ChildQuery *query, Oid *types, Relation rel,
						  const IgSoftDelete *rule, const IgSoftDelete *child_rule);
static void write_look(ChildQuery *query, const Oid *types, const IgSoftDelete *child_rule);
static void check_consent(const IgForeignKey *key);
static void lock_marked(const IgMarkedRow *marked, ChildQuery *query);
static bool key_values(const IgMarkedRow *marked, const ChildQuery *query, Datum *values);
static void refuse(IgRuleTrigger *trigger, const IgSoftDelete *rule, const ChildQuery *query);

void
ig_soft_delete_children(IgRuleTrigger *trigger, const IgSoftDelete *rule,
						const IgMarkedRow *marked, List **keys)
{
	bool		locked = false;
	ListCell   *lc;

	if (*keys == NIL)
	{
		MemoryContext old = MemoryContextSwitchTo(trigger->context);

		*keys = child_queries(marked->rel, rule);
		MemoryContextSwitchTo(old);
	}

	foreach(lc, *keys)
	{
		ChildQuery *query = (ChildQuery *) lfirst(lc);
		Datum		values[INDEX_MAX_KEYS + 2];
		uint64		found;

		if (!key_values(marked, query, values))
			continue;
		if (!locked)
			lock_marked(marked, query);
		locked = true;

		values[query->key->nkeys] = marked->deleted;
		values[query->key->nkeys + 1] = marked->operation;
		if (query->with_operation && marked->operation_is_null)
			values[query->key->nkeys + 1] = UUIDPGetDatum(&no_operation);
		found = ig_kept_plan_run(query->look, values, ig_relation_owner(query->key->child),
								 IG_SEES_COMMITTED, query->cascades ? 0 : 1, NULL, NULL);
		if (found > 0 && !query->cascades)
			refuse(trigger, rule, query);
	}
}

static List *
child_queries(Relation rel, const IgSoftDelete *rule)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, ig_foreign_keys_to(rel))
	{
		IgForeignKey *key = (IgForeignKey *) lfirst(lc);

		if (!key->has_period)
			result = lappend(result, child_query(rel, rule, key));
	}
	return result;
}

static ChildQuery *
child_query(Relation rel, const IgSoftDelete *rule, IgForeignKey *key)
{
	ChildQuery *query = palloc0(sizeof(ChildQuery));
	IgSoftDelete child_rule;
	bool		child_is_soft = ig_soft_delete_of_table(key->child, &child_rule);
	Oid			types[INDEX_MAX_KEYS + 2];
	StringInfoData buf;

	query->key = key;
	ig_foreign_key_types(key, true, types);

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT 1 FROM %s p WHERE ", ig_foreign_key_table(key->parent));
	ig_foreign_key_parent(&buf, key, "p");
	appendStringInfoString(&buf, " FOR UPDATE OF p");
	query->lock = ig_kept_plan(buf.data, key->nkeys, types);

	query->cascades = child_is_soft && rule->children == IG_CHILDREN_SOFT_CASCADE;
	if (query->cascades)
		check_consent(key);
	if (query->cascades)
		write_cascade(query, types, rel, rule, &child_rule);
	else
		write_look(query, types, child_is_soft ? &child_rule : NULL);
	return query;
}

/*
 * Rows are marked with the rights of the child's owner.  Where that is another
 * one than the parent's, the trigger that the rule has made on the child says
 * that the rule was declared by somebody who owns both.
 */
static void
check_consent(const IgForeignKey *key)
{
	ListCell   *lc;

	if (ig_relation_owner(key->child) == ig_relation_owner(key->parent))
		return;
	foreach(lc, ig_declared_triggers(key->child))
	{
		const IgDeclaredTrigger *declared = (const IgDeclaredTrigger *) lfirst(lc);

		if (declared->rule->kind == IG_ROW_SOFT_DELETE_PARENT &&
			ig_foreign_key_has_columns(key, declared->attnums))
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("the soft cascade to table \"%s\" is not confirmed by the table's owner",
					ig_row_relation_text(key->child)),
			 errdetail("It belongs to another role than table \"%s\".",
					   ig_row_relation_text(key->parent)),
			 errhint("Declare the rule as a role that owns both: SELECT invariant_guard.add_soft_delete(...);")));
}

/*
 * The owner of a child may call its columns what he likes; all of it is quoted.
 */
static void
write_cascade(ChildQuery *query, Oid *types, Relation rel,
			  const IgSoftDelete *rule, const IgSoftDelete *child_rule)
{
	const IgForeignKey *key = query->key;
	const char *deleted = quote_identifier(get_attname(key->child, child_rule->deleted, false));
	StringInfoData buf;

	types[key->nkeys] = TupleDescAttr(RelationGetDescr(rel), rule->deleted - 1)->atttypid;
	types[key->nkeys + 1] = UUIDOID;
	query->with_operation = rule->operation != 0 && child_rule->operation != 0;

	initStringInfo(&buf);
	appendStringInfo(&buf, "UPDATE %s c SET %s = $%d", ig_foreign_key_table(key->child),
					 deleted, key->nkeys + 1);
	if (query->with_operation)
		appendStringInfo(&buf, ", %s = $%d",
						 quote_identifier(get_attname(key->child, child_rule->operation, false)),
						 key->nkeys + 2);
	appendStringInfoString(&buf, " WHERE ");
	ig_foreign_key_condition(&buf, key, NULL, "c");
	appendStringInfo(&buf, " AND c.%s IS NULL", deleted);
	query->look = ig_kept_plan(buf.data, key->nkeys + (query->with_operation ? 2 : 1), types);
}

static void
write_look(ChildQuery *query, const Oid *types, const IgSoftDelete *child_rule)
{
	const IgForeignKey *key = query->key;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "SELECT 1 FROM %s c WHERE ", ig_foreign_key_table(key->child));
	ig_foreign_key_condition(&buf, key, NULL, "c");
	if (child_rule != NULL)
		appendStringInfo(&buf, " AND c.%s IS NULL",
						 quote_identifier(get_attname(key->child, child_rule->deleted, false)));
	query->look = ig_kept_plan(buf.data, key->nkeys, types);
}

/*
 * As a DELETE would.  The version that the trigger was called for is not the
 * present one where another trigger has changed the row since; then it is looked
 * for by its key.
 */
static void
lock_marked(const IgMarkedRow *marked, ChildQuery *query)
{
	TupleTableSlot *slot = table_slot_create(marked->rel, NULL);
	Datum		values[INDEX_MAX_KEYS + 2];
	TM_FailureData failure;
	TM_Result	result;

	CommandCounterIncrement();
	PushActiveSnapshot(GetLatestSnapshot());
	result = table_tuple_lock(marked->rel, marked->tid, GetActiveSnapshot(), slot,
							  GetCurrentCommandId(false), LockTupleExclusive, LockWaitBlock,
							  0, &failure);
	PopActiveSnapshot();
	ExecDropSingleTupleTableSlot(slot);

	if (result != TM_Ok && key_values(marked, query, values))
		(void) ig_kept_plan_run(query->lock, values, ig_relation_owner(query->key->parent),
								IG_SEES_COMMITTED, 0, NULL, NULL);
}

/* False if one of them is null: then no row can refer to it. */
static bool
key_values(const IgMarkedRow *marked, const ChildQuery *query, Datum *values)
{
	for (int i = 0; i < query->key->nkeys; i++)
	{
		bool		isnull;

		values[i] = slot_getattr(marked->row, query->key->parent_columns[i], &isnull);
		if (isnull)
			return false;
	}
	return true;
}

static void
refuse(IgRuleTrigger *trigger, const IgSoftDelete *rule, const ChildQuery *query)
{
	char	   *child = ig_row_relation_text(query->key->child);

	ig_row_refuse(trigger, trigger->relid, "soft-delete-children", NULL,
				  psprintf("cannot delete a row of \"%s\": live rows of \"%s\" refer to it",
						   ig_row_relation_text(trigger->relid), child),
				  rule->children == IG_CHILDREN_SOFT_CASCADE ?
				  psprintf("Table \"%s\" is not soft-deleted, so that its rows cannot be marked with it.",
						   child) : NULL,
				  rule->children == IG_CHILDREN_SOFT_CASCADE ?
				  psprintf("Delete those first, or declare their table soft-deleted: SELECT invariant_guard.add_soft_delete(%s, ...);",
						   quote_literal_cstr(ig_soft_delete_quoted(query->key->child))) :
				  "Delete those first, or declare the rule with children => 'soft_cascade'.");
}
