/*-------------------------------------------------------------------------
 *
 * statement.h
 *	  One statement on its way through the gate.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_STATEMENT_H
#define IG_STATEMENT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/plannodes.h"

#include "gate/impact.h"
#include "model/change.h"
#include "platform/compat.h"
#include "platform/freeze.h"
#include "platform/locks.h"

typedef struct IgStatement
{
	const Node *parsetree;		/* read only; gone once the statement ran */
	const char *query;			/* source text, NULL where not known */
	int			location;		/* of the statement in query; -1 = start */
	int			length;			/* 0 = to the end */
	bool		nested;			/* run by a function or DO: more may follow */
	const char *default_schema; /* of CREATE SCHEMA's elements, else NULL */
	List	   *changes;		/* of IgChange */
	char	   *allow;			/* allowances that the statement needs beside
								 * those for its changes, or NULL */
	List	   *names;			/* what its names stood for; see names.c */
	struct IgStatement *outer;	/* the one that this one runs inside of */
	List	   *locks;			/* of IgTableLock: the strong ones it takes */
	bool		queues;			/* some of them are not held yet */
	IgLockTimeout timeout;		/* how long it may wait for them */
	char	   *enum_type;		/* ADD VALUE: the type, and the value */
	char	   *enum_label;
} IgStatement;

/*
 * The innermost statement that is running, or NULL.  The net asks it what was
 * foretold; see net.h.
 */
extern IgStatement *ig_statement_current;

/*
 * Judge a statement by parse tree; raises if it is refused.  The caller must
 * be in a transaction, and owns the memory context that is current.
 */
extern void ig_statement_judge(IgStatement *stmt);

/*
 * Does a statement of this kind pass the gate at all?  Cheap; no catalogs.
 * The first is for those of which there is always something to ask.
 */
extern bool ig_statement_is_watched(const Node *parsetree);
extern bool ig_freeze_concerns(const Node *parsetree);

#define ig_statement_is_judged(parsetree) \
	(ig_statement_is_watched(parsetree) || \
	 (ig_freeze_is_set() && ig_freeze_concerns(parsetree)))

/* What a name stands for must not change while the statement waits; names.c */
extern void ig_names_note(IgStatement *stmt);
extern void ig_names_check(IgStatement *stmt);

/* The transaction or subtransaction ended by an error: see statement.c. */
extern void ig_statement_forget(SubTransactionId subid);
extern void ig_statement_set_by_event(const Node *parsetree);
extern void ig_statement_end_by_event(void);

/* Fill changes from the parse tree.  Statements that change nothing add none. */
extern void ig_statement_changes(IgStatement *stmt);

/* Judge these changes; nothing is decided, and nothing raised. */
struct IgFindings;
extern void ig_statement_findings(const IgStatement *stmt, struct IgFindings *findings);

/* Whoever refuses the statement is to tell of this allowance too. */
extern void ig_statement_need(IgStatement *stmt, const char *rule, const char *a,
							  const char *b);

/* Make a change, append it to the statement and return it. */
extern IgChange *ig_change_add(IgStatement *stmt, IgChangeKind kind, IgRelation *rel);

/* The table loses classes of its label. */
extern IgChange *ig_change_unprotect(IgStatement *stmt, IgRelation *rel, int lost_classes);

/* One function for each kind of statement; change_*.c */
extern void ig_changes_alter_table(IgStatement *stmt);
extern void ig_changes_create_table(IgStatement *stmt);
extern void ig_changes_create_table_as(IgStatement *stmt);
extern void ig_changes_create_index(IgStatement *stmt);
extern void ig_changes_reindex(IgStatement *stmt);
extern void ig_changes_cluster(IgStatement *stmt);
extern void ig_changes_vacuum(IgStatement *stmt);
extern void ig_changes_refresh(IgStatement *stmt);
extern void ig_changes_move_all(IgStatement *stmt);
extern void ig_changes_drop(IgStatement *stmt);
extern void ig_changes_drop_owned(IgStatement *stmt);
extern void ig_changes_drop_database(IgStatement *stmt);
extern void ig_changes_truncate(IgStatement *stmt);
extern void ig_changes_rename(IgStatement *stmt);
extern void ig_changes_set_schema(IgStatement *stmt);
extern void ig_changes_alter_enum(IgStatement *stmt);
extern void ig_changes_alter_domain(IgStatement *stmt);
extern void ig_changes_alter_publication(IgStatement *stmt);
extern void ig_changes_grant(IgStatement *stmt);
extern void ig_changes_create_trigger(IgStatement *stmt);
extern void ig_changes_create_rule(IgStatement *stmt);
extern void ig_changes_create_policy(IgStatement *stmt);
extern void ig_changes_alter_policy(IgStatement *stmt);
extern bool ig_is_access_by_policy(Oid relid);
extern void ig_changes_reassign_owned(IgStatement *stmt);

/* What is asked of all statements, once the changes of their kind are there. */
extern void ig_changes_freeze(IgStatement *stmt);
extern void ig_changes_reset(IgStatement *stmt);
extern void ig_changes_self(IgStatement *stmt);

/* change_rows.c: what would loosen the row rules of a table */
extern void ig_changes_rows(IgStatement *stmt);
extern void ig_changes_last_word(IgStatement *stmt);
extern void ig_changes_attached_rules(IgStatement *stmt, IgRelation *part,
									  const IgRelation *parent);
extern IgChange *ig_change_loosened(const IgChange *change);

/* Of these IgDeclaredTriggers the one whose rule consists of the index, or NULL. */
extern const struct IgDeclaredTrigger *ig_change_rule_of_index(List *declared, const char *index);

/* 'SELECT invariant_guard.drop_rule(...);' for the rule of this trigger. */
extern char *ig_drop_rule_call(const struct IgDeclaredTrigger *trigger);
extern void ig_changes_detached_rules(IgStatement *stmt, IgRelation *part,
									  const IgRelation *parent);

/* Parts shared between CREATE TABLE and ALTER TABLE; change_column.c,
 * change_constraint.c */
struct ParseState;
extern IgNewColumn *ig_new_column(IgStatement *stmt, IgRelation *rel, ColumnDef *def,
								  bool may_evaluate, IgImpact *impact);
extern IgConstraintSpec *ig_constraint_spec(IgStatement *stmt, IgRelation *rel,
											Constraint *con, const char *column);
extern IgConstraintSpec *ig_constraint_spec_of(Oid conoid);
extern bool ig_create_column_is_nullable(const CreateStmt *create, const char *name);
extern void ig_changes_foreign_key(IgStatement *stmt, IgChange *change);
extern void ig_changes_validate(IgStatement *stmt);
extern bool ig_constraint_is_of_transaction(Oid conoid);
extern void ig_changes_partition(IgStatement *stmt, IgRelation *parent,
								 const PartitionCmd *cmd, bool attach, LOCKMODE lock);

/* source.c: the user's own words, from the source text, by the server's lexer */
extern char *ig_source_statement(const IgStatement *stmt);
extern char *ig_source_parenthesis(const IgStatement *stmt, int location, const char *keyword);
extern char *ig_source_insert_after(const IgStatement *stmt, const char *keyword,
									const char *insertion);
extern bool ig_source_has_string(const IgStatement *stmt, const char *string);
extern const char *ig_source_of_session(const Node *parsetree);

/* dependency.c: what a drop would take along */
typedef struct IgDependents
{
	bool		cascades;		/* the server refuses without CASCADE */
	List	   *victims;		/* of IgVictim: what CASCADE takes along */
	List	   *parts;			/* of IgVictim: partitions, and other relations
								 * with rows, that go even without CASCADE */
} IgDependents;

extern void ig_dependents_find(List *addresses, IgDependents *found);
extern List *ig_dependents(List *addresses, bool *cascades);
extern List *ig_dependents_closure(List *addresses);
extern Oid	ig_object_relation(const ObjectAddress *address);
extern char *ig_describe(const ObjectAddress *address);
extern List *ig_function_suspects(const char *table, const char *column);

/* The same for several columns of one table. */
typedef struct IgFunctionText
{
	char	   *name;			/* schema.function */
	char	   *body;
} IgFunctionText;

extern List *ig_function_texts(const char *table);
extern List *ig_suspects_among(List *texts, const char *column);
extern List *ig_trigger_suspects(Oid relid, const char *column);

/* change_drop.c, change_drop_part.c: drops that other statements share.  The
 * changes in named need not be among the statement's. */
extern void ig_changes_cascade(IgStatement *stmt, List *named, List *addresses,
							   bool cascade);
extern void ig_changes_victims(IgStatement *stmt, List *victims);
extern void ig_changes_stored_type(IgStatement *stmt, Oid typid, const char *what);
extern void ig_changes_heirs(IgStatement *stmt);
extern void ig_changes_locked_parents(IgStatement *stmt);
extern IgChange *ig_change_drop_column(IgStatement *stmt, IgRelation *rel,
									   AttrNumber attnum, bool cascade);
extern IgChange *ig_change_column_lost(IgStatement *stmt, IgRelation *rel,
									   AttrNumber attnum);
extern IgChange *ig_change_drop_constraint(IgStatement *stmt, IgRelation *rel,
										   const char *name, bool cascade);
extern IgChange *ig_change_constraint_lost(IgStatement *stmt, IgRelation *rel, Oid conoid);
extern bool ig_change_index_lost(IgStatement *stmt, IgRelation *rel, Oid indexid);
extern bool ig_relation_is_published(Oid relid, bool with_changes);

/* change_storage.c: the current user's own tables and materialized views, by
 * OID, in a schema or, with InvalidOid, in all; and a boolean option's value */
extern List *ig_own_tables(Oid schema);
extern bool ig_option_is_set(List *options, const char *name);

/* change_owned.c: ObjectAddress of all that a role owns in this database */
extern List *ig_owned_objects(Oid roleid);

/* discipline.c: the locks that the statement takes, and what goes with them */
extern void ig_discipline_judge_enum(IgStatement *stmt);
extern void ig_discipline_judge(IgStatement *stmt, struct IgFindings *findings);
extern List *ig_discipline_locks(const IgStatement *stmt);
extern bool ig_discipline_is_one_by_one(const Node *parsetree);
extern void ig_discipline_begin(IgStatement *stmt);
extern void ig_discipline_end(IgStatement *stmt);

/* cascade.c: where deletes and updates travel along foreign keys */
extern List *ig_cascade_paths(const IgRelation *child, const IgConstraintSpec *fk);

#endif							/* IG_STATEMENT_H */
