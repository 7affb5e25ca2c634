/*-------------------------------------------------------------------------
 *
 * errcodes.h
 *	  Every SQLSTATE of invariant_guard, in one list.
 *
 * Class IG is free in the SQL standard (classes that start with I-Z belong to
 * implementations) and in PostgreSQL.  A code is IG + letter of the family +
 * two digits; it is assigned once, in order, and never used for anything
 * else.  The letters:
 *
 *	L  lock or rewrite stops the application
 *	O  the running version of the application breaks
 *	W  data is wiped
 *	F  financial or protected tables
 *	C  life of columns and tables
 *	T  discipline of transactions and sessions
 *	Z  freeze and environment
 *	G  the guard itself
 *	V  optimistic lock
 *	D  soft delete
 *	A  append-only
 *	M  immutable columns and rows
 *	I  isolation and lost updates
 *	R  declaration of row rules
 *	9  what could not be judged
 *
 * H, B, X, K and N are kept for the families to come.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_ERRCODES_H
#define IG_ERRCODES_H

#include "utils/elog.h"

#define IG_SQLSTATE(letter, tens, units) \
	MAKE_SQLSTATE('I', 'G', letter, tens, units)

/* L: the statement stops the application */
#define ERRCODE_IG_ADD_COLUMN_REWRITE			IG_SQLSTATE('L', '0', '1')
#define ERRCODE_IG_ADD_COLUMN_SCAN				IG_SQLSTATE('L', '0', '2')
#define ERRCODE_IG_ADD_COLUMN_INDEX				IG_SQLSTATE('L', '0', '3')
#define ERRCODE_IG_ALTER_TYPE_REWRITE			IG_SQLSTATE('L', '0', '4')
#define ERRCODE_IG_ALTER_TYPE_REINDEX			IG_SQLSTATE('L', '0', '5')
#define ERRCODE_IG_ALTER_TYPE_RECHECK			IG_SQLSTATE('L', '0', '6')
#define ERRCODE_IG_SET_NOT_NULL_SCAN			IG_SQLSTATE('L', '0', '7')
#define ERRCODE_IG_ADD_CHECK_VALIDATED			IG_SQLSTATE('L', '0', '8')
#define ERRCODE_IG_ADD_FOREIGN_KEY_VALIDATED	IG_SQLSTATE('L', '0', '9')
#define ERRCODE_IG_ADD_UNIQUE_CONSTRAINT		IG_SQLSTATE('L', '1', '0')
#define ERRCODE_IG_ADD_PRIMARY_KEY				IG_SQLSTATE('L', '1', '1')
#define ERRCODE_IG_PRIMARY_KEY_NULLABLE			IG_SQLSTATE('L', '1', '2')
#define ERRCODE_IG_ADD_EXCLUSION				IG_SQLSTATE('L', '1', '3')
#define ERRCODE_IG_CREATE_INDEX_BLOCKING		IG_SQLSTATE('L', '1', '4')
#define ERRCODE_IG_DROP_INDEX_BLOCKING			IG_SQLSTATE('L', '1', '5')
#define ERRCODE_IG_REINDEX_BLOCKING				IG_SQLSTATE('L', '1', '6')
#define ERRCODE_IG_CLUSTER						IG_SQLSTATE('L', '1', '7')
#define ERRCODE_IG_VACUUM_FULL					IG_SQLSTATE('L', '1', '8')
#define ERRCODE_IG_SET_LOGGED					IG_SQLSTATE('L', '1', '9')
#define ERRCODE_IG_SET_TABLESPACE				IG_SQLSTATE('L', '2', '0')
#define ERRCODE_IG_SET_ACCESS_METHOD			IG_SQLSTATE('L', '2', '1')
#define ERRCODE_IG_REFRESH_BLOCKING				IG_SQLSTATE('L', '2', '2')
#define ERRCODE_IG_DETACH_BLOCKING				IG_SQLSTATE('L', '2', '3')
#define ERRCODE_IG_ATTACH_SCAN					IG_SQLSTATE('L', '2', '4')
#define ERRCODE_IG_PARTITION_OF_LOCK			IG_SQLSTATE('L', '2', '5')
#define ERRCODE_IG_DOMAIN_CONSTRAINT_SCAN		IG_SQLSTATE('L', '2', '6')
#define ERRCODE_IG_FOREIGN_KEY_LOCKS_PARENT		IG_SQLSTATE('L', '2', '7')
#define ERRCODE_IG_REWRITE_ANY					IG_SQLSTATE('L', '2', '8')
#define ERRCODE_IG_SET_EXPRESSION_REWRITE		IG_SQLSTATE('L', '2', '9')

/* O: the running version of the application breaks */
#define ERRCODE_IG_ADD_REQUIRED_COLUMN			IG_SQLSTATE('O', '0', '1')
#define ERRCODE_IG_RENAME_COLUMN				IG_SQLSTATE('O', '0', '2')
#define ERRCODE_IG_RENAME_TABLE					IG_SQLSTATE('O', '0', '3')
#define ERRCODE_IG_RENAME_SCHEMA				IG_SQLSTATE('O', '0', '4')
#define ERRCODE_IG_SET_SCHEMA					IG_SQLSTATE('O', '0', '5')
#define ERRCODE_IG_RENAME_ENUM_VALUE			IG_SQLSTATE('O', '0', '6')
#define ERRCODE_IG_ALTER_TYPE_NARROWING			IG_SQLSTATE('O', '0', '7')
#define ERRCODE_IG_ALTER_TYPE_IN_USE			IG_SQLSTATE('O', '0', '8')
#define ERRCODE_IG_DROP_NOT_NULL				IG_SQLSTATE('O', '0', '9')
#define ERRCODE_IG_DROP_DEFAULT_REQUIRED		IG_SQLSTATE('O', '1', '0')
#define ERRCODE_IG_DROP_VIEW					IG_SQLSTATE('O', '1', '1')
#define ERRCODE_IG_DROP_FUNCTION				IG_SQLSTATE('O', '1', '2')
#define ERRCODE_IG_DROP_TYPE					IG_SQLSTATE('O', '1', '3')
#define ERRCODE_IG_DROP_ENFORCED_CONSTRAINT		IG_SQLSTATE('O', '1', '4')
#define ERRCODE_IG_STRING_FUNCTION_REFERENCE	IG_SQLSTATE('O', '1', '5')
#define ERRCODE_IG_REPLICA_IDENTITY				IG_SQLSTATE('O', '1', '6')
#define ERRCODE_IG_RENAME_OBJECT				IG_SQLSTATE('O', '1', '7')

/* W: data is wiped */
#define ERRCODE_IG_DROP_COLUMN					IG_SQLSTATE('W', '0', '1')
#define ERRCODE_IG_DROP_COLUMN_INDEX			IG_SQLSTATE('W', '0', '2')
#define ERRCODE_IG_DROP_TABLE					IG_SQLSTATE('W', '0', '3')
#define ERRCODE_IG_DROP_SCHEMA					IG_SQLSTATE('W', '0', '4')
#define ERRCODE_IG_DROP_DATABASE				IG_SQLSTATE('W', '0', '5')
#define ERRCODE_IG_DROP_OWNED					IG_SQLSTATE('W', '0', '6')
#define ERRCODE_IG_DROP_MATERIALIZED_VIEW		IG_SQLSTATE('W', '0', '7')
#define ERRCODE_IG_DROP_SEQUENCE				IG_SQLSTATE('W', '0', '8')
#define ERRCODE_IG_DROP_CASCADE					IG_SQLSTATE('W', '0', '9')
#define ERRCODE_IG_TRUNCATE						IG_SQLSTATE('W', '1', '0')
#define ERRCODE_IG_TRUNCATE_CASCADE				IG_SQLSTATE('W', '1', '1')
#define ERRCODE_IG_REPLACE_TABLE				IG_SQLSTATE('W', '1', '2')
#define ERRCODE_IG_UNLOGGED_TABLE				IG_SQLSTATE('W', '1', '3')
#define ERRCODE_IG_DROP_PUBLICATION				IG_SQLSTATE('W', '1', '4')
#define ERRCODE_IG_ALTER_PUBLICATION_DROP		IG_SQLSTATE('W', '1', '5')

/* F: financial and protected tables */
#define ERRCODE_IG_CASCADE_FINANCIAL			IG_SQLSTATE('F', '0', '1')
#define ERRCODE_IG_CASCADE_ANY					IG_SQLSTATE('F', '0', '2')
#define ERRCODE_IG_FINANCIAL_NULLABLE_REFERENCE	IG_SQLSTATE('F', '0', '3')
#define ERRCODE_IG_FINANCIAL_FLOAT				IG_SQLSTATE('F', '0', '4')
#define ERRCODE_IG_FINANCIAL_DROP				IG_SQLSTATE('F', '0', '5')
#define ERRCODE_IG_FINANCIAL_TRUNCATE			IG_SQLSTATE('F', '0', '6')
#define ERRCODE_IG_FINANCIAL_RENAME				IG_SQLSTATE('F', '0', '7')
#define ERRCODE_IG_FINANCIAL_TYPE				IG_SQLSTATE('F', '0', '8')
#define ERRCODE_IG_FINANCIAL_DISABLE_TRIGGER	IG_SQLSTATE('F', '0', '9')
#define ERRCODE_IG_FINANCIAL_DISABLE_RLS		IG_SQLSTATE('F', '1', '0')
#define ERRCODE_IG_FINANCIAL_OWNER				IG_SQLSTATE('F', '1', '1')
#define ERRCODE_IG_FINANCIAL_GRANT_PUBLIC		IG_SQLSTATE('F', '1', '2')

/* C: life of columns and tables */
#define ERRCODE_IG_DROP_TOO_EARLY				IG_SQLSTATE('C', '0', '1')
#define ERRCODE_IG_RETIRED_USE					IG_SQLSTATE('C', '0', '2')
#define ERRCODE_IG_RETIRED_WRITE				IG_SQLSTATE('C', '0', '3')

/* T: discipline of transactions and sessions */
#define ERRCODE_IG_LOCK_TIMEOUT_MISSING			IG_SQLSTATE('T', '0', '1')
#define ERRCODE_IG_BLOCKERS_PRESENT				IG_SQLSTATE('T', '0', '2')
#define ERRCODE_IG_LOCK_HELD_WHILE				IG_SQLSTATE('T', '0', '3')
#define ERRCODE_IG_VALIDATE_SAME_TRANSACTION	IG_SQLSTATE('T', '0', '4')
#define ERRCODE_IG_MANY_TABLES					IG_SQLSTATE('T', '0', '5')
#define ERRCODE_IG_ENUM_VALUE_SAME_TRANSACTION	IG_SQLSTATE('T', '0', '6')

/* Z: freeze and environment */
#define ERRCODE_IG_SCHEMA_FREEZE				IG_SQLSTATE('Z', '0', '1')
#define ERRCODE_IG_ENVIRONMENT					IG_SQLSTATE('Z', '0', '2')

/* G: the guard itself */
#define ERRCODE_IG_UNPROTECT					IG_SQLSTATE('G', '0', '1')
#define ERRCODE_IG_GUARD_SELF					IG_SQLSTATE('G', '0', '2')
#define ERRCODE_IG_ROW_RULE						IG_SQLSTATE('G', '0', '3')

/* V: optimistic lock */
#define ERRCODE_IG_OPTIMISTIC_LOCK				IG_SQLSTATE('V', '0', '1')
#define ERRCODE_IG_VERSION_PREDICATE			IG_SQLSTATE('V', '0', '2')

/* D: soft delete */
#define ERRCODE_IG_SOFT_DELETE					IG_SQLSTATE('D', '0', '1')
#define ERRCODE_IG_SOFT_DELETE_CHILDREN			IG_SQLSTATE('D', '0', '2')
#define ERRCODE_IG_SOFT_DELETE_PARENT			IG_SQLSTATE('D', '0', '3')
#define ERRCODE_IG_SOFT_DELETE_RESTORE			IG_SQLSTATE('D', '0', '4')
#define ERRCODE_IG_SOFT_DELETE_PURGE			IG_SQLSTATE('D', '0', '5')
#define ERRCODE_IG_SOFT_DELETE_TIME				IG_SQLSTATE('D', '0', '6')

/* A: append-only */
#define ERRCODE_IG_APPEND_ONLY					IG_SQLSTATE('A', '0', '1')
#define ERRCODE_IG_APPEND_ONLY_REVERSAL			IG_SQLSTATE('A', '0', '2')

/* M: immutable columns and rows */
#define ERRCODE_IG_IMMUTABLE_COLUMNS			IG_SQLSTATE('M', '0', '1')
#define ERRCODE_IG_FROZEN_ROWS					IG_SQLSTATE('M', '0', '2')
#define ERRCODE_IG_SNAPSHOT_COLUMNS				IG_SQLSTATE('M', '0', '3')

/* I: isolation and lost updates */
#define ERRCODE_IG_RELATIVE_ONLY				IG_SQLSTATE('I', '0', '1')
#define ERRCODE_IG_ISOLATION_FLOOR				IG_SQLSTATE('I', '0', '2')
#define ERRCODE_IG_COMMIT_ASSERTION				IG_SQLSTATE('I', '0', '3')
#define ERRCODE_IG_ROW_LIMIT					IG_SQLSTATE('I', '0', '4')
#define ERRCODE_IG_ON_NO_MATCH					IG_SQLSTATE('I', '0', '5')

/* R: declaration of row rules */
#define ERRCODE_IG_RULE_BROKEN_BY_ROWS			IG_SQLSTATE('R', '0', '1')
#define ERRCODE_IG_RULE_DECLARED_OTHERWISE		IG_SQLSTATE('R', '0', '2')
#define ERRCODE_IG_RULE_NOT_APPLICABLE			IG_SQLSTATE('R', '0', '3')
#define ERRCODE_IG_NO_SUCH_RULE					IG_SQLSTATE('R', '0', '4')

/* 9: what could not be judged is refused */
#define ERRCODE_IG_CHANGED_MEANWHILE			IG_SQLSTATE('9', '0', '1')
#define ERRCODE_IG_RULE_UNREADABLE				IG_SQLSTATE('9', '0', '2')

#endif							/* IG_ERRCODES_H */
