/*-------------------------------------------------------------------------
 *
 * compat.h
 *	  The differences between PostgreSQL 15, 16, 17 and 18, and the only place
 *	  in the project that looks at PG_VERSION_NUM.
 *
 * Each shim says what changed in the server and since when.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_COMPAT_H
#define IG_COMPAT_H

#include "postgres.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"				/* in 15 part of postgres.h */
#endif
#if PG_VERSION_NUM >= 170000
#include "storage/dsm_registry.h"
#endif

#if PG_VERSION_NUM < 150000 || PG_VERSION_NUM >= 190000
#error "invariant_guard supports PostgreSQL 15, 16, 17 and 18"
#endif

/*
 * 16.5 and 17.1 changed the size of ResultRelInfo within a major; 16.6 and
 * 17.2 took that back.  A library built with their headers misreads memory.
 */
#if PG_VERSION_NUM == 160005 || PG_VERSION_NUM == 170001
#error "this minor release has an ABI break that was reverted; update PostgreSQL"
#endif

/*
 * 16 exports what a module must export also when the default visibility is
 * hidden, and declares _PG_init.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_,funcname)(void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_,funcname) (void) \
{ \
	static const Pg_finfo_record my_finfo = { 1 }; \
	return &my_finfo; \
} \
extern int no_such_variable
extern PGDLLEXPORT void _PG_init(void);
#endif

/*
 * On every major castNode of a server built with assertions wants a pointer
 * that is not to const, though it only looks at the tag.
 */
#ifdef USE_ASSERT_CHECKING
#undef castNode
#define castNode(_type_, nodeptr) \
	((_type_ *) castNodeImpl(T_##_type_, (void *) (nodeptr)))
#endif

/* What a major can do, for code that must ask without naming a version. */
#define IG_HAS_DSM_REGISTRY			(PG_VERSION_NUM >= 170000)
#define IG_HAS_LOGIN_EVENT			(PG_VERSION_NUM >= 170000)
#define IG_HAS_REINDEX_EVENT		(PG_VERSION_NUM >= 170000)
#define IG_HAS_NOT_NULL_CONSTRAINTS	(PG_VERSION_NUM >= 180000)
#define IG_PARTITIONS_HAVE_IDENTITY	(PG_VERSION_NUM >= 170000)
#define IG_ADD_CONSTRAINT_LOCKS_HEIRS	(PG_VERSION_NUM >= 180000)
#define IG_VACUUM_HAS_ONLY			(PG_VERSION_NUM >= 180000)
#define IG_FK_NOT_VALID_PARTITIONED	(PG_VERSION_NUM >= 180000)
#define IG_HAS_VIRTUAL_GENERATED	(PG_VERSION_NUM >= 180000)

/*
 * 16 named the relfilenode's parts anew: rd_firstRelfilenodeSubid became
 * rd_firstRelfilelocatorSubid.
 */
#if PG_VERSION_NUM >= 160000
#define ig_rd_firstRelfileSubid(rel)	((rel)->rd_firstRelfilelocatorSubid)
#else
#define ig_rd_firstRelfileSubid(rel)	((rel)->rd_firstRelfilenodeSubid)
#endif

/* 16 replaced the per-class *_ownercheck functions by object_ownercheck. */
#if PG_VERSION_NUM >= 160000
#define ig_class_ownercheck(relid, role) \
	object_ownercheck(RelationRelationId, relid, role)
#define ig_type_ownercheck(typid, role) \
	object_ownercheck(TypeRelationId, typid, role)
#define ig_schema_ownercheck(nspid, role) \
	object_ownercheck(NamespaceRelationId, nspid, role)
#else
#define ig_class_ownercheck(relid, role)	pg_class_ownercheck(relid, role)
#define ig_type_ownercheck(typid, role)		pg_type_ownercheck(typid, role)
#define ig_schema_ownercheck(nspid, role)	pg_namespace_ownercheck(nspid, role)
#endif

/*
 * 16 requires the extra memory of a GUC check hook to come from guc_malloc;
 * before, it was plain malloc.
 */
#if PG_VERSION_NUM >= 160000
#define ig_guc_malloc(size)		guc_malloc(LOG, size)
#define ig_guc_free(ptr)		guc_free(ptr)
#else
#define ig_guc_malloc(size)		malloc(size)
#define ig_guc_free(ptr)		free(ptr)
#endif

/*
 * A setting by its name, or NULL; for what the server does not tell of it
 * otherwise.  16 has a function for it; before, the table is sorted by name,
 * but in an order of its own, and not looked at often.
 */
static inline struct config_generic *
ig_guc_find(const char *name)
{
#if PG_VERSION_NUM >= 160000
	return find_option(name, false, true, 0);
#else
	struct config_generic **settings = get_guc_variables();
	int			count = GetNumConfigOptions();

	for (int i = 0; i < count; i++)
	{
		if (pg_strcasecmp(settings[i]->name, name) == 0)
			return settings[i];
	}
	return NULL;
#endif
}

/* 17 has a registry of named segments of dynamic shared memory. */
static inline void *
ig_named_segment(const char *name, Size size, void (*init) (void *memory))
{
#if PG_VERSION_NUM >= 170000
	bool		found;

	return GetNamedDSMSegment(name, size, init, &found);
#else
	return NULL;
#endif
}

/* 18 lets a module name itself and its version. */
#if PG_VERSION_NUM >= 180000
#define IG_MODULE_MAGIC(name_, version_) \
	PG_MODULE_MAGIC_EXT(.name = (name_), .version = (version_))
#else
#define IG_MODULE_MAGIC(name_, version_)	PG_MODULE_MAGIC
#endif

/* 17 added ALTER COLUMN SET EXPRESSION. */
#if PG_VERSION_NUM >= 170000
#define IG_AT_IS_SET_EXPRESSION(subtype)	((subtype) == AT_SetExpression)
#else
#define IG_AT_IS_SET_EXPRESSION(subtype)	false
#endif

/*
 * 18 has NOT ENFORCED constraints, virtual generated columns and NOT NULL
 * constraints that may be NOT VALID.
 */
#if PG_VERSION_NUM >= 180000
#define ig_constraint_enforced(con)			((con)->is_enforced)
#define ig_check_enforced(chk)				((chk)->ccenforced)
#define ig_set_enforced(con, value)			((con)->is_enforced = (value))
#define IG_IS_ENFORCED_ATTR(contype)		((contype) == CONSTR_ATTR_ENFORCED)
#define IG_IS_NOT_ENFORCED_ATTR(contype)	((contype) == CONSTR_ATTR_NOT_ENFORCED)
#define IG_GENERATED_VIRTUAL				ATTRIBUTE_GENERATED_VIRTUAL
#else
#define ig_constraint_enforced(con)			true
#define ig_check_enforced(chk)				true
#define ig_set_enforced(con, value)			((void) 0)
#define IG_IS_ENFORCED_ATTR(contype)		false
#define IG_IS_NOT_ENFORCED_ATTR(contype)	false
#define IG_GENERATED_VIRTUAL				'v'
#endif

/*
 * 18 has ALTER CONSTRAINT ... [NOT] ENFORCED, with a node of its own.  Returns
 * the constraint's name if the sub-command changes enforcement, else NULL.
 */
static inline const char *
ig_alter_constraint_enforcement(const AlterTableCmd *cmd, bool *enforced)
{
#if PG_VERSION_NUM >= 180000
	const ATAlterConstraint *alter = castNode(ATAlterConstraint, cmd->def);

	*enforced = alter->is_enforced;
	return alter->alterEnforceability ? alter->conname : NULL;
#else
	*enforced = true;
	return NULL;
#endif
}

/* 18 tells stored from virtual generated columns; before, all are stored. */
static inline char
ig_constraint_generated_kind(const Constraint *con)
{
#if PG_VERSION_NUM >= 180000
	return con->generated_kind;
#else
	return ATTRIBUTE_GENERATED_STORED;
#endif
}

/* 18 has constraints that are NOT ENFORCED: for a row of pg_constraint. */
#if PG_VERSION_NUM >= 180000
#define ig_constraint_row_enforced(form)	((form)->conenforced)
#else
#define ig_constraint_row_enforced(form)	true
#endif

/* 17 keeps NOT NULL of domains in pg_constraint, 18 that of tables as well. */
#define IG_CONSTRAINT_NOTNULL	'n'

/*
 * Is the column known to hold no NULL?  From 18 attnotnull is also set for a
 * NOT NULL constraint that was not validated; the descriptor knows better.
 */
static inline bool
ig_column_is_not_null(TupleDesc desc, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 180000
	return TupleDescAttr(desc, attnum - 1)->attnotnull &&
		TupleDescCompactAttr(desc, attnum - 1)->attnullability == ATTNULLABLE_VALID;
#else
	return TupleDescAttr(desc, attnum - 1)->attnotnull;
#endif
}

/* 16 lets build_attrmap_by_name tolerate missing columns; before, it cannot. */
#if PG_VERSION_NUM >= 160000
#define ig_attrmap_by_name(to, from)	build_attrmap_by_name(to, from, false)
#else
#define ig_attrmap_by_name(to, from)	build_attrmap_by_name(to, from)
#endif

/*
 * 18 replaces virtual generated columns in an expression by what generates
 * them.
 */
#if PG_VERSION_NUM >= 180000
#define ig_expand_generated(node, rel)	expand_generated_columns_in_expr(node, rel, 1)
#else
#define ig_expand_generated(node, rel)	(node)
#endif

/*
 * 18 has foreign keys that are NOT ENFORCED, and those with PERIOD, whose last
 * operator is "overlaps", over indexes that are no B-trees; and it wants both
 * sides of a foreign key to agree on what is equal where a collation is not
 * deterministic.
 */
#if PG_VERSION_NUM >= 180000
#define ig_constraint_has_period(con)	((con)->conperiod)
#define ig_fk_enforced(con)				((con)->conenforced)
#define ig_key_strategy(am, opfamily, overlaps) \
	IndexAmTranslateCompareType((overlaps) ? COMPARE_OVERLAP : COMPARE_EQ, \
								am, opfamily, true)
#define IG_FK_COMPARES_COLLATIONS			true
#else
#define ig_constraint_has_period(con)	false
#define ig_fk_enforced(con)				true
#define ig_key_strategy(am, opfamily, overlaps) \
	((void) (am), BTEqualStrategyNumber)
#define IG_FK_COMPARES_COLLATIONS			false
#endif

/*
 * 17 wants the constraints of two indexes to be of the same type, so that a
 * UNIQUE of a partition does not stand for its parent's PRIMARY KEY.
 */
#if PG_VERSION_NUM >= 170000
#define ig_same_constraint_type(a, b)	(get_constraint_type(a) == get_constraint_type(b))
#else
#define ig_same_constraint_type(a, b)	true
#endif

/*
 * 18 lets a partition's foreign key that is NOT VALID be merged on ATTACH, and
 * validates it then; before, it is not merged.
 */
#define IG_ATTACH_VALIDATES_FK				(PG_VERSION_NUM >= 180000)

/*
 * 18 keeps the NOT NULL of a table's column in pg_constraint.  The result is a
 * copy of the row, or NULL.
 */
#if PG_VERSION_NUM >= 180000
#define ig_not_null_constraint(relid, attnum)	findNotNullConstraintAttnum(relid, attnum)
#else
#define ig_not_null_constraint(relid, attnum)	((HeapTuple) NULL)
#endif

/* 16 gave stringToQualifiedNameList a place for soft errors. */
#if PG_VERSION_NUM >= 160000
#define ig_string_to_names(string)	stringToQualifiedNameList(string, NULL)
#else
#define ig_string_to_names(string)	stringToQualifiedNameList(string)
#endif

/* 18 says where in the statement the new type of ALTER COLUMN TYPE is wrong. */
#define IG_ALTER_TYPE_TELLS_PLACE	(PG_VERSION_NUM >= 180000)

/* Up to 15 a rule on SELECT turns an empty table into a view. */
#define IG_RULE_MAKES_VIEW			(PG_VERSION_NUM < 160000)

/*
 * 17 counts backends from 0 and calls their number a proc number, moved a
 * backend's own virtual transaction id into a struct, and renamed the look-up
 * of backend entries, which 16 had renamed before.  ig_local_beentry counts
 * from 1 on each major.
 */
#if PG_VERSION_NUM >= 170000
#define ig_vxid_proc(vxid)			ProcNumberGetProc((vxid).procNumber)
#define ig_proc_lxid(proc)			((proc)->vxid.lxid)
#else
#define ig_vxid_proc(vxid)			BackendIdGetProc((vxid).backendId)
#define ig_proc_lxid(proc)			((proc)->lxid)
#endif
#if PG_VERSION_NUM >= 160000
#define ig_local_beentry(number)	pgstat_get_local_beentry_by_index(number)
#else
#define ig_local_beentry(number)	pgstat_fetch_stat_local_beentry(number)
#endif

/* 16 renamed the fields of PgStat_TableStatus. */
#if PG_VERSION_NUM >= 160000
#define ig_tabstat_relid(status)	((status)->id)
#else
#define ig_tabstat_relid(status)	((status)->t_id)
#endif

/*
 * 17 lets a value that was added to an enum type be used at once where the
 * type is of the same transaction; before, it cannot.
 */
#define IG_NEW_ENUM_TAKES_VALUES	(PG_VERSION_NUM >= 170000)

/* 16 has TRUNCATE triggers on foreign tables. */
#define IG_FOREIGN_TRUNCATE_TRIGGERS	(PG_VERSION_NUM >= 160000)

/*
 * 16 moved what a query may do with a column from the range table's entry to a
 * struct of its own, of which there is a list beside the range table.
 */
#if PG_VERSION_NUM >= 160000
#define ig_rte_permissions(query, rte)	getRTEPermissionInfo((query)->rteperminfos, rte)
#define ig_executor_permissions(estate, rte) \
	((rte)->perminfoindex == 0 ? NULL : getRTEPermissionInfo((estate)->es_rteperminfos, rte))
#define IgRtePermissions				RTEPermissionInfo
#define IG_CHECK_PERMS_ARGS		List *range_table, List *permissions, bool ereport_on_violation
#define IG_CHECK_PERMS_PASS		range_table, permissions, ereport_on_violation
#define ig_perms_is_relation(rte)	true
#else
#define IG_CHECK_PERMS_ARGS		List *permissions, bool ereport_on_violation
#define IG_CHECK_PERMS_PASS		permissions, ereport_on_violation
#define ig_perms_is_relation(rte)	((rte)->rtekind == RTE_RELATION)
#define ig_rte_permissions(query, rte)	(rte)
#define ig_executor_permissions(estate, rte)	(rte)
#define IgRtePermissions				RangeTblEntry
#endif

/* 18 took execute_once from ExecutorRun. */
#if PG_VERSION_NUM >= 180000
#define IG_EXECUTOR_RUN_PARAMETERS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count
#define IG_EXECUTOR_RUN_ARGUMENTS	queryDesc, direction, count
#else
#define IG_EXECUTOR_RUN_PARAMETERS \
	QueryDesc *queryDesc, ScanDirection direction, uint64 count, bool execute_once
#define IG_EXECUTOR_RUN_ARGUMENTS	queryDesc, direction, count, execute_once
#endif

/*
 * 17 has MERGE ... WHEN NOT MATCHED BY SOURCE, whose target row has no partner
 * of which the condition of the join would say something, and keeps that
 * condition apart from WHERE.
 */
#if PG_VERSION_NUM >= 170000
#define ig_merge_condition(query)	((query)->mergeJoinCondition)
#define ig_merge_has_source(action)	((action)->matchKind == MERGE_WHEN_MATCHED)
#else
#define ig_merge_condition(query)	((query)->jointree->quals)
#define ig_merge_has_source(action)	((action)->matched)
#endif

#endif							/* IG_COMPAT_H */
