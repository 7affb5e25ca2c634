/*-------------------------------------------------------------------------
 *
 * rows.c
 *	  What row rules refuse: the records of the catalogue.
 *
 * They are judged by no gate, but by the rules' triggers and, for what no
 * trigger sees, in the plan; see rows/.  Here are their names for the settings
 * and the log, and their codes.  No severity lowers them: a rule that was
 * declared for a table is meant; what passes is an allowance, or a mode that
 * caps everything.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "platform/errcodes.h"
#include "rules/rules.h"

#define ROW_RULE(name_, sqlstate_, refuses_, cure_) \
	{ \
		.name = (name_), \
		.sqlstate = (sqlstate_), \
		.family = IG_FAMILY_ROWS, \
		.level = IG_LEVEL_ERROR, \
		.new_too = true, \
		.fixed = true, \
		.refuses = (refuses_), \
		.cure = (cure_), \
	}

static const IgRule rules[] = {
	ROW_RULE("append-only", ERRCODE_IG_APPEND_ONLY,
			 "UPDATE, DELETE or TRUNCATE of a table that is only added to; a new row below what is sealed of it, or that says it was made at another time where rows are kept for a while",
			 "a row that reverses the wrong one"),
	ROW_RULE("append-only-reversal", ERRCODE_IG_APPEND_ONLY_REVERSAL,
			 "a reversal that does not cancel the row it names, or one of a row that is reversed already",
			 "a reversal with the opposite amounts of a row that has none"),
	ROW_RULE("soft-delete", ERRCODE_IG_SOFT_DELETE,
			 "a DELETE of a soft-deleted table that would remove rows: TRUNCATE, MERGE, a cascade, or where the hooks are not loaded",
			 "DELETE, which only marks them, or purge()"),
	ROW_RULE("soft-delete-children", ERRCODE_IG_SOFT_DELETE_CHILDREN,
			 "a soft delete of a row that live rows of another table still refer to",
			 "delete those first, or declare children => 'soft_cascade'"),
	ROW_RULE("soft-delete-parent", ERRCODE_IG_SOFT_DELETE_PARENT,
			 "a live row that refers to a soft-deleted one",
			 "restore the parent first, or refer to another one"),
	ROW_RULE("soft-delete-restore", ERRCODE_IG_SOFT_DELETE_RESTORE,
			 "a soft-deleted row that is changed, or brought back by other ways than soft_restore()",
			 "soft_restore()"),
	ROW_RULE("soft-delete-purge", ERRCODE_IG_SOFT_DELETE_PURGE,
			 "the purge of rows before keep_at_least is over",
			 "wait until then"),
	ROW_RULE("soft-delete-time", ERRCODE_IG_SOFT_DELETE_TIME,
			 "a row that is marked as deleted long ago, of a table whose deleted rows are kept for a while",
			 "the present time, as DELETE writes it"),
	ROW_RULE("relative-only", ERRCODE_IG_RELATIVE_ONLY,
			 "an UPDATE that sets a column to a value that does not come from its own",
			 "SET balance = balance - 80"),
	ROW_RULE("isolation-floor", ERRCODE_IG_ISOLATION_FLOOR,
			 "a change of a table in a transaction of a lower isolation level than it asks for",
			 "BEGIN ISOLATION LEVEL ..."),
	ROW_RULE("commit-assertion", ERRCODE_IG_COMMIT_ASSERTION,
			 "a COMMIT that leaves rows of a key for which the assertion does not hold",
			 "change the other rows in the same transaction"),
	ROW_RULE("row-limit", ERRCODE_IG_ROW_LIMIT,
			 "a statement that changes more rows of a table than its limit",
			 "batches"),
	ROW_RULE("on-no-match", ERRCODE_IG_ON_NO_MATCH,
			 "an UPDATE or DELETE that matches no row, of a table where that is an error",
			 "read the row again"),
	ROW_RULE("immutable-columns", ERRCODE_IG_IMMUTABLE_COLUMNS,
			 "a change of a column that never changes once the row is there, or once it has a value",
			 "a new row"),
	ROW_RULE("frozen-rows", ERRCODE_IG_FROZEN_ROWS,
			 "an UPDATE or DELETE of a row while the condition of the freeze holds for it, and TRUNCATE",
			 "the columns that the rule allows, or a new row"),
	ROW_RULE("snapshot-columns", ERRCODE_IG_SNAPSHOT_COLUMNS,
			 "a change of what a row copied from another one when it was made, or a new row that should have, and differs",
			 "a new row"),
	ROW_RULE("optimistic-lock", ERRCODE_IG_OPTIMISTIC_LOCK,
			 "an UPDATE by a version that is stale: somebody else has changed the row since it was read",
			 "read the row again, and decide anew"),
	ROW_RULE("version-predicate", ERRCODE_IG_VERSION_PREDICATE,
			 "an UPDATE of a versioned table that does not say which version it has read",
			 "WHERE ... AND version = the one that was read"),
};

const IgRuleSet ig_rules_rows = {rules, lengthof(rules)};
