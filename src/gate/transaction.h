/*-------------------------------------------------------------------------
 *
 * transaction.h
 *	  What the running transaction has done so far.
 *
 * A relation's own newness is in the relcache and needs no book-keeping here;
 * this remembers the objects for which the server keeps no such mark, the
 * names of dropped tables, how many were lost, and the allowances that were
 * used.  A rolled-back subtransaction takes its part along.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_TRANSACTION_H
#define IG_TRANSACTION_H

#include "postgres.h"

#include "catalog/objectaddress.h"

/* Objects other than whole relations that this transaction created. */
extern void ig_transaction_note_created(Oid classid, Oid objid, int32 objsubid);
extern bool ig_transaction_created(const ObjectAddress *address);

/* Tables that this transaction dropped or renamed away, by name. */
extern void ig_transaction_note_dropped_name(const char *schema, const char *name);
extern bool ig_transaction_dropped_name(const char *schema, const char *name);

/* Values that this transaction added to enum types. */
typedef struct IgEnumValue
{
	char	   *type;			/* qualified, quoted as in SQL */
	NameData	label;
} IgEnumValue;

extern void ig_transaction_note_enum_value(const char *type, const char *label);
extern const IgEnumValue *ig_transaction_enum_value(int number);

/*
 * Existing tables that this transaction dropped or emptied.  Only so many are
 * remembered as it takes to say that there are too many.
 */
#define IG_MAX_LOST_TABLES	5
#define IG_MANY_TABLES_LOST "drop or truncate more than 5 tables in one transaction"

#define ig_relation_counts_as_lost(rel) \
	(((rel)->relkind == RELKIND_RELATION || (rel)->relkind == RELKIND_PARTITIONED_TABLE) && \
	 !(rel)->is_partition && !ig_relation_is_exempt(rel))

extern void ig_transaction_note_lost(Oid relid);
extern bool ig_transaction_lost(Oid relid);
extern int	ig_transaction_lost_count(void);

/* Allowances: which items of the present list were used. */
extern void ig_transaction_note_allowance(int item);
extern bool ig_transaction_used_allowance(int item);

/* Its end, and that of a subtransaction; transaction_end.c calls them. */
extern void ig_transaction_forget(void);
extern void ig_transaction_subxact_end(SubTransactionId subid, SubTransactionId parent,
									   bool commit);

#endif							/* IG_TRANSACTION_H */
