/*-------------------------------------------------------------------------
 *
 * change.h
 *	  The vocabulary of the gate: what a statement asks for, resolved.
 *
 * A Change is one atomic change of one object.  The gate makes them out of
 * parse trees and catalogs; rules read them, and never a parse node.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_CHANGE_H
#define IG_CHANGE_H

#include "postgres.h"

#include "catalog/objectaddress.h"
#include "nodes/pg_list.h"
#include "storage/lockdefs.h"

#include "platform/relation.h"

/* At most 64: a rule names the kinds that it judges in a bit mask. */
typedef enum IgChangeKind
{
	/* columns */
	IG_ADD_COLUMN,				/* rel, column, new_column */
	IG_DROP_COLUMN,				/* rel, column, attnum */
	IG_ALTER_COLUMN_TYPE,		/* rel, column, attnum, type_change */
	IG_SET_EXPRESSION,			/* rel, column, attnum (17+) */
	IG_SET_NOT_NULL,			/* rel, column, attnum; or new_column, where the
								 * same statement adds it */
	IG_DROP_NOT_NULL,			/* rel, column, attnum */
	IG_DROP_DEFAULT,			/* rel, column, attnum */

	/* constraints */
	IG_ADD_CONSTRAINT,			/* rel, constraint */
	IG_VALIDATE_CONSTRAINT,		/* rel, name, constraint if added by the same
								 * statement */
	IG_DROP_CONSTRAINT,			/* rel, name, constraint */
	IG_UNENFORCE_CONSTRAINT,	/* rel, name, constraint: NOT ENFORCED (18) */

	/* indexes and storage */
	IG_CREATE_INDEX,			/* rel, index */
	IG_DROP_INDEX,				/* rel = the table, name */
	IG_REINDEX,					/* rel = a table, or the index's table */
	IG_CLUSTER,					/* rel */
	IG_VACUUM_FULL,				/* rel */
	IG_SET_PERSISTENCE,			/* rel, new_persistence */
	IG_SET_TABLESPACE,			/* rel (table or index), new_name */
	IG_SET_ACCESS_METHOD,		/* rel, new_name */
	IG_REFRESH_MATVIEW,			/* rel */

	/* tables */
	IG_CREATE_TABLE,			/* rel (to be); new_persistence */
	IG_DROP_TABLE,				/* rel; all relkinds that hold rows */
	IG_DROP_MATVIEW,			/* rel */
	IG_DROP_SEQUENCE,			/* rel */
	IG_DROP_VIEW,				/* rel */
	IG_TRUNCATE,				/* rel; derived when reached by CASCADE */
	IG_REPLICA_IDENTITY,		/* rel */
	IG_CHANGE_OWNER,			/* rel, new_name */
	IG_GRANT_PUBLIC,			/* rel */
	IG_DISABLE_TRIGGER,			/* rel, name: a trigger, or ALL, USER */
	IG_DISABLE_RLS,				/* rel, name: a policy that goes, or NULL */

	/* partitions */
	IG_ATTACH_PARTITION,		/* rel = partition, parent */
	IG_DETACH_PARTITION,		/* rel = partition, parent */
	IG_CREATE_PARTITION,		/* rel (to be), parent */

	/* names */
	IG_RENAME_COLUMN,			/* rel, column, new_name */
	IG_RENAME_TABLE,			/* rel, new_name */
	IG_RENAME_SCHEMA,			/* name, new_name */
	IG_SET_SCHEMA,				/* rel or name, new_name */
	IG_RENAME_ENUM_VALUE,		/* identity, name, new_name */
	IG_RENAME_OBJECT,			/* identity, new_name: a type or function */

	/* other objects */
	IG_CHANGE_STORED_TYPE,		/* rel, column, new_name = what is done */
	IG_DOMAIN_CONSTRAINT,		/* identity, domain_use */
	IG_DROP_FUNCTION,			/* identity */
	IG_DROP_TYPE,				/* identity */
	IG_DROP_SCHEMA,				/* name */
	IG_DROP_DATABASE,			/* name; new_name when it is a rename */
	IG_DROP_OWNED,				/* name = role, victims */
	IG_DROP_PUBLICATION,		/* name */
	IG_ALTER_PUBLICATION_DROP,	/* name, victims */
	IG_DROP_CASCADE,			/* identity of what was named, victims */
	IG_BREAK_FREEZE,			/* rel or name, words, until, allow */
	IG_RESET,					/* name = schema or role, words */
	IG_WEAKEN_GUARD,			/* rel or name, words */
	IG_UNPROTECT,				/* rel, name = class that is taken away */
	IG_UNPREDICTED_WORK,		/* rel; the net: impact says what */
	IG_TAKE_LOCKS,				/* rel, locks, held, work, blockers, no_timeout:
								 * the strong locks of a statement; rel is the
								 * first one's */
	IG_CHANGE_ROWS,				/* rel = the first of held; held, rows */
	IG_USE_ENUM_VALUE,			/* identity = the type, name = the value */
	IG_BREAK_ROW_RULE,			/* rel, column: what a row rule refuses */
	IG_LOOSEN_ROW_RULE,			/* rel, column, name = the rule, words */

	IG_CHANGE_KINDS				/* count; keep last */
} IgChangeKind;

#define IG_KIND(kind)	(UINT64CONST(1) << (kind))

/* The default of a new column, and what fills existing rows. */
typedef struct IgNewColumn
{
	char	   *type_sql;		/* as it can be pasted, NULL if unknown type */
	Oid			typid;
	Oid			base_typid;		/* under domains and arrays' domains */
	bool		not_null;		/* NOT NULL, or part of a key */
	bool		in_key;			/* part of a PRIMARY KEY of this statement */
	bool		has_default;	/* default, generated, identity, serial or the
								 * domain's own default */
	char	   *default_sql;	/* deparsed, NULL if none or not known */
	bool		serial;
	char		identity;		/* ATTRIBUTE_IDENTITY_... or '\0' */
	char		generated;		/* ATTRIBUTE_GENERATED_... or '\0' */
	bool		unique;			/* inline UNIQUE */
	bool		primary_key;	/* inline PRIMARY KEY */
	List	   *checks;			/* of IgConstraintSpec, inline CHECKs */
	List	   *references;		/* of IgConstraintSpec, inline REFERENCES */
	bool		default_clause; /* DEFAULT, even of NULL, serial or generated:
								 * the references are checked at once */
} IgNewColumn;

typedef struct IgConstraintSpec
{
	char		contype;		/* CONSTRAINT_... of pg_constraint.h */
	char	   *name;			/* given, or as the server would choose */
	bool		not_valid;		/* no scan: NOT VALID or NOT ENFORCED */
	bool		no_inherit;		/* CHECK ... NO INHERIT */
	char	   *using_index;	/* USING INDEX name */
	List	   *columns;		/* of char *: key or referencing columns */
	List	   *nullable;		/* of char *: those of them that are nullable */
	char	   *definition;		/* SQL from the keyword on, without NOT VALID;
								 * NULL if it cannot be given */
	const char *timing;			/* keys: " DEFERRABLE ...", or "" */
	/* foreign keys */
	IgRelation *parent;			/* NULL when it does not exist yet */
	char	   *parent_name;	/* as displayed */
	char		del_action;		/* FKCONSTR_ACTION_... */
	char		upd_action;
} IgConstraintSpec;

typedef struct IgIndexSpec
{
	char	   *name;			/* given, or as the server would choose */
	bool		unique;
	char	   *concurrent_sql; /* the same statement with CONCURRENTLY */
	char	   *only_sql;		/* the same on ONLY the partitioned parent */
} IgIndexSpec;

typedef struct IgTypeChange
{
	char	   *old_sql;
	char	   *new_sql;
	bool		narrowing;		/* the new type holds fewer values */
	Oid			new_base_typid; /* under domains and arrays' domains */
} IgTypeChange;

/* One thing that a drop takes along. */
typedef struct IgVictim
{
	ObjectAddress address;
	char	   *description;	/* "column nickname of table shop.users" */
	IgRelation *rel;			/* the relation that it is or belongs to, if any */
	const char *column;			/* of rel, if it is one */
	int			origin;			/* which of the named objects takes it along,
								 * counted from 0 */
} IgVictim;

/* A column that uses a domain. */
typedef struct IgDomainUse
{
	IgRelation *rel;
	char	   *column;
} IgDomainUse;

/* A CHECK that would spare the scan of a table, if it had been validated. */
typedef struct IgProof
{
	Oid			relid;
	char	   *check;			/* SQL, without CHECK and parentheses */
} IgProof;

/*
 * A relation that exists already and that a statement locks, with the
 * strongest mode in which it does.
 */
typedef struct IgTableLock
{
	IgRelation *rel;
	LOCKMODE	mode;
	bool		by_lock_table;	/* taken by LOCK TABLE, not by DDL */
} IgTableLock;

/* Does a lock of this mode keep others from writing to the table? */
#define ig_lock_is_strong(mode)		((mode) >= ShareLock)

/*
 * What the change costs; computed by the gate's impact functions, which ask
 * the server's own ones.  Everything is about pre-existing, permanent tables.
 */
typedef struct IgImpact
{
	LOCKMODE	lock;			/* strongest on rel, NoLock if none */
	bool		rewrite;		/* the heap is copied */
	bool		reindex;		/* an index is built or rebuilt */
	bool		recheck;		/* constraints are checked again: a scan */
	bool		scan;			/* the heap is read as a whole */
	char	   *reason;			/* why: a clause to follow "because" */
	List	   *names;			/* of char *: the indexes or constraints that
								 * are meant by reindex and recheck */
	/* the same names apart, for who must know which is which */
	List	   *tables;			/* of char *: what is scanned, schema.name */
	List	   *indexes;		/* of char *: what reindex means */
	List	   *constraints;	/* of char *: what recheck means */
	List	   *proofs;			/* of IgProof, for partition bounds */
} IgImpact;

typedef struct IgChange
{
	IgChangeKind kind;
	IgRelation *rel;			/* NULL where the object is no relation */
	IgRelation *parent;			/* of partitions */
	IgRelation *ruled;			/* whose row rule has to go first */
	ObjectAddress address;		/* the object that goes, where one does */
	const char *column;
	AttrNumber	attnum;
	const char *name;
	const char *new_name;
	const char *identity;		/* object in words, quoted for a message */
	const char *sql;			/* drops: this one as a statement of its own,
								 * without ";"; NULL if it has none */
	const char *words;			/* what is done, where the kind does not say */
	const char *until;			/* when the freeze ends, in words */
	const char *cure;			/* what passes in its place: SQL, or prose behind "--" */
	const char *allow;			/* allowances, without which the statement
								 * does not pass as a whole */
	bool		is_new;			/* object is of this transaction (for what is
								 * no relation; columns of an old table too) */
	bool		concurrently;
	bool		derived;		/* reached by CASCADE, not named */
	bool		passed_as_retired;	/* nothing but that let the drop pass */
	bool		identity_lost;	/* the replica identity of a published table
								 * goes along */
	bool		in_use;			/* matview: populated; partition: has default;
								 * replica identity: published; VALIDATE: there
								 * is something to be done */
	bool		added_here;		/* VALIDATE: of what this transaction added */
	char		new_persistence;
	IgNewColumn *new_column;
	IgConstraintSpec *constraint;
	IgIndexSpec *index;
	IgTypeChange *type_change;
	List	   *victims;		/* of IgVictim */
	List	   *dependents;		/* of IgVictim: have to go before, without CASCADE */
	List	   *domain_use;		/* of IgDomainUse */
	List	   *paths;			/* of IgCascadePath, foreign keys only */
	List	   *locked_parents; /* of IgRelation, locked but not named */
	List	   *together;		/* of IgRelation: emptied by the same TRUNCATE,
								 * referencing tables before referenced ones */
	List	   *suspects;		/* of char *: functions whose text names it */
	List	   *locks;			/* of IgTableLock */
	List	   *held;			/* of IgTableLock: strong ones that earlier
								 * statements of the transaction took */
	List	   *work;			/* of IgChange: the statement's own changes */
	List	   *blockers;		/* of IgBlocker: who is in the way of locks */
	bool		one_by_one;		/* each lock in a transaction of its own */
	bool		no_timeout;		/* nothing limits the wait for the locks */
	int64		rows;			/* changed since the first of held was taken */
	IgImpact	impact;
} IgChange;

/* A chain of foreign keys by which a delete or update reaches a table. */
typedef struct IgCascadePath
{
	IgRelation *target;			/* the table that is reached */
	char	   *path;			/* "users -> orders -> payments" */
	const char *action;			/* "ON DELETE CASCADE" */
	bool		via_update;
} IgCascadePath;

#endif							/* IG_CHANGE_H */
