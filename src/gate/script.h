/*-------------------------------------------------------------------------
 *
 * script.h
 *	  What a script has done so far that is judged without being run.
 *
 * The catalogs know nothing of what an earlier statement of the script does.
 * So each statement, once judged, leaves its effect in an overlay: names that
 * came and went, relations that were made, and touches, which tell what was
 * changed in a relation and by which statement.  Later statements are judged
 * by the catalog and the overlay together; where the two cannot tell, the
 * verdict is "undecidable", and the touch says why.
 *
 * Everything that is kept is either appended to a list or set in a place, and
 * both can be undone, in order: that is what ROLLBACK in the script does.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SCRIPT_H
#define IG_SCRIPT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "utils/hsearch.h"

#include "gate/statement.h"
#include "model/finding.h"
#include "model/retirement.h"

typedef enum IgTouchKind
{
	IG_TOUCH_ADD_COLUMN,		/* name; node = ColumnDef, or NULL */
	IG_TOUCH_DROP_COLUMN,
	IG_TOUCH_RENAME_COLUMN,		/* name -> new_name */
	IG_TOUCH_COLUMN_TYPE,
	IG_TOUCH_NOT_NULL,
	IG_TOUCH_NULLABLE,
	IG_TOUCH_DEFAULT,
	IG_TOUCH_ADD_CONSTRAINT,	/* name or NULL; node = Constraint */
	IG_TOUCH_VALIDATE,			/* name */
	IG_TOUCH_DROP_CONSTRAINT,	/* name */
	IG_TOUCH_OTHER_CONSTRAINT,	/* name: altered, renamed */
	IG_TOUCH_ADD_INDEX,			/* name or NULL; node = IndexStmt */
	IG_TOUCH_DROP_INDEX,		/* name */
	IG_TOUCH_TRIGGER,			/* name: triggers and policies */
	IG_TOUCH_PARTITIONS,
	IG_TOUCH_STORAGE,
	IG_TOUCH_DEPENDENT,			/* a view, or a foreign key of another table */
	IG_TOUCH_ENUM_VALUE
} IgTouchKind;

typedef struct IgTouch
{
	IgTouchKind kind;
	int			at;				/* number of the statement */
	int			transaction;	/* of the script */
	const char *name;
	const char *new_name;
	const Node *node;
} IgTouch;

/* A relation that the script made or touched. */
typedef struct IgScriptObject
{
	Oid			relid;			/* hash key */
	bool		made;			/* by the script; relid is then made up */
	int			at;				/* made by that statement */
	int			transaction;
	Oid			table;			/* of an index */
	char		relkind;
	char		persistence;
	bool		is_partition;
	char	   *schema;			/* present name; NULL: as in the catalog */
	char	   *name;
	/* intptr_t, so that they can be set and undone like pointers */
	intptr_t	gone;			/* the statement that dropped it, or 0 */
	intptr_t	labelled;		/* the script set its label */
	intptr_t	label;			/* IG_CLASS_... */
	intptr_t	more_classes;	/* of the tables above it */
	intptr_t	written;		/* rows may have been put into it */
	List	   *touches;		/* of IgTouch, in order */
	List	   *partitions;		/* OIDs that the script put below it */
} IgScriptObject;

/* What the names of one kind stand for. */
typedef enum IgNameKind
{
	IG_NAME_RELATION,
	IG_NAME_SCHEMA,				/* schema is empty */
	IG_NAME_TYPE,
	IG_NAME_FUNCTION
} IgNameKind;

typedef struct IgNameFact
{
	bool		present;
	int			at;
	int			transaction;
	IgScriptObject *object;		/* of relations */
	const Node *node;			/* the statement that made it, if one did */
} IgNameFact;

/* A foreign key that the script added. */
typedef struct IgScriptKey
{
	Oid			child;
	Oid			parent;
	char	   *name;
	char		del_action;
	char		upd_action;
	List	   *columns;		/* of char * */
	List	   *set_columns;
	List	   *referenced;
} IgScriptKey;

typedef struct IgScript
{
	MemoryContext memory;		/* of all that is kept */
	HTAB	   *names;
	HTAB	   *objects;
	List	   *undo;
	List	   *keys;			/* of IgScriptKey */
	List	   *dropped;		/* of RangeVar: names of relations */
	List	   *held;			/* of IgTableLock: by the present transaction */
	List	   *retired;		/* of what script_retire.c keeps */
	List	   *enum_values;	/* of IgTouch: name is the type */
	char	   *confused;		/* from here on nothing can be told, because */
	intptr_t	confused_at;
	intptr_t	schema_facts;	/* grows with each */
	int			statement;		/* the present one, from 1 */
	int			transaction;	/* the present one, from 1 */
	Oid			last_relid;		/* that was made up */
	bool		committed;		/* a transaction of the script has made changes */
	char	   *path_text;		/* the search path that path was made of */
	intptr_t	path_facts;
	List	   *path;			/* of char *: the schemas that are searched */
} IgScript;

/* NULL but while a script is judged. */
extern IgScript *ig_script;

extern IgScript *ig_script_begin(MemoryContext memory);
extern void ig_script_activate(IgScript *script);

/* script_overlay.c: what is kept */
extern void ig_script_set(void *place, void *value);
extern void ig_script_append(List **list, void *item);
extern int	ig_script_mark(void);
extern void ig_script_undo(int mark);
extern IgNameFact *ig_script_fact(IgNameKind kind, const char *schema, const char *name);
extern void ig_script_name(IgNameKind kind, const char *schema, const char *name,
						   bool present, IgScriptObject *object, const Node *node);
extern IgScriptObject *ig_script_object(Oid relid);
extern IgScriptObject *ig_script_peek(Oid relid);
extern IgScriptObject *ig_script_make(const RangeVar *rv, const char *default_schema,
									  char relkind);
extern void ig_script_touch(Oid relid, IgTouchKind kind, const char *name,
							const char *new_name, const Node *node);
extern List *ig_script_path(void);
extern char *ig_script_creation_schema(const RangeVar *rv);
extern const IgNameFact *ig_script_find_other(IgNameKind kind, List *names);

/* Is it of the transaction that the script is in? */
#define ig_script_is_new(thing) \
	((thing)->transaction == ig_script->transaction)

/* Questions of the rest of the gate; all false or NIL without a script. */
extern bool ig_script_dropped_name(const char *schema, const char *name);
extern bool ig_script_dropped_constraint(Oid relid, const char *name);
extern List *ig_script_keys(void);

/* script_effect.c: what a statement leaves behind */
extern void ig_script_effect(const Node *parsetree, const char *default_schema);
extern void ig_script_add_constraint(Oid relid, const Constraint *con, const char *column,
									 const char *default_schema);
extern void ig_script_add_column(Oid relid, const ColumnDef *def, const char *default_schema);
extern void ig_script_attach(Oid parent, Oid part);

/* script_effect_alter.c */
extern void ig_script_effect_alter(const Node *parsetree);
extern void ig_script_changes_label(IgStatement *stmt);
extern void ig_script_name_other(IgNameKind kind, List *names, bool present,
								 const Node *node);

/* script_review.c: the changes of a statement, by the overlay too */
typedef void (*IgScriptDoubt) (const char *object, int because, const char *detail);
extern void ig_script_review(IgStatement *stmt, IgScriptDoubt doubt);

/* script_remedy.c: does a statement put right what an earlier one took away? */
typedef enum IgRemedy
{
	IG_REMEDY_NONE,
	IG_REMEDY_POSSIBLE,
	IG_REMEDY_SURE
} IgRemedy;

typedef struct IgLoss
{
	IgChangeKind kind;
	Oid			relid;
	const char *schema;
	const char *name;			/* of the relation, or of a function */
	const char *new_name;
} IgLoss;

/* What check_ddl() says of a statement; in its memory. */
typedef struct IgScriptRow
{
	int			statement;
	const char *sql;
	const char *rule;			/* NULL: undecidable */
	const char *code;
	const char *level;
	const char *object;
	const char *lock;
	const char *message;
	const char *detail;
	const char *hint;
	const IgFinding *finding;	/* while its statement is judged */
	/* a finding that a later statement of the transaction may put right */
	bool		waits;
	IgLoss		loss;
	IgRemedy	remedy;
	int			remedied_by;	/* the number of that statement */
} IgScriptRow;

/* Does the present statement put right what is waiting? */
extern void ig_script_rows_note(List *rows, const Node *node);

/* What came after this statement in the transaction was rolled back. */
extern List *ig_script_rows_take_back(List *rows, int statement);

/* The transaction has ended. */
extern List *ig_script_rows_settle(List *rows, bool commit, MemoryContext memory);

/* script_discipline.c: what the transaction holds, and has added */
extern void ig_script_discipline(IgStatement *stmt, bool refused, IgFindings *findings);
extern void ig_script_note_enum_value(const AlterEnumStmt *alter);

/* script_retire.c: true if the script has retired it, or taken that back */
extern void ig_script_retire(const Node *parsetree);
extern bool ig_script_retirement(Oid relid, AttrNumber attnum, IgRetirement **retirement);

/* script_opaque.c: does the statement do what cannot be seen?  Says what. */
extern const char *ig_script_opaque(const Node *parsetree);

#endif							/* IG_SCRIPT_H */
