/*-------------------------------------------------------------------------
 *
 * impact_attach.c
 *	  What a new partition costs.
 *
 * ATTACH PARTITION reads the new partition unless its CHECK constraints prove
 * the bound, reads the default partition unless its constraints rule out the
 * rows of the new one, builds the indexes that the parent has and the new
 * partition has not, and checks the foreign keys that it did not have.  A
 * partition that is created has no rows, so that only the default partition
 * matters.
 *
 * The questions are put as ATExecAttachPartition puts them.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/attmap.h"
#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/tablecmds.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_node.h"
#include "parser/parse_utilcmd.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

#include "gate/impact.h"
#include "platform/compat.h"
#include "platform/inherit.h"

#define NOT_IN_DEFAULT_REASON \
	"no validated CHECK constraint proves that the default partition holds no row of the new partition"

static void impact_on(Relation parent, Relation part, char *name,
					  const PartitionBoundSpec *bound, const char *query,
					  IgImpact *impact);
static bool has_columns_of(Relation relation, Relation other, bool same_type);
static void check_partition(Relation parent, Relation part, List *bound, IgImpact *impact);
static void check_default(Relation parent, List *bound, bool is_attach, IgImpact *impact);
static void check_constraint(Relation relation, List *constraint, const char *reason,
							 IgImpact *impact);
static void check_default_leaf(Relation leaf, List *constraint, IgImpact *impact);
static void add_proof(Relation relation, List *constraint, IgImpact *impact);
static void check_indexes(Relation parent, Relation part, IgImpact *impact);
static bool must_build(Relation parent, Relation parent_index, Relation part, List **used);
static bool has_index(Relation parent, Relation parent_index, Relation part, List **used);
static bool index_matches(Relation index, Relation parent_index, Oid relid,
						  Oid parent_constraint, AttrMap *attmap);
static void check_foreign_keys(Relation parent, Relation part, IgImpact *impact);
static bool merges_foreign_key(HeapTuple wanted, Relation part, AttrMap *attmap,
							   char **checked);

/*
 * The caller has checked that the current user owns the parent and, if it is
 * there, the partition: constraints are simplified here, which runs the
 * immutable functions in them.
 */
void
ig_impact_attach(IgRelation *parent, IgRelation *part, const PartitionBoundSpec *bound,
				 const char *query, IgImpact *impact)
{
	Relation	parent_rel;
	Relation	part_rel = NULL;

	if (!OidIsValid(parent->relid) || bound == NULL)
		return;
	parent_rel = try_relation_open(parent->relid, AccessShareLock);
	if (parent_rel == NULL)
		return;

	if (parent_rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		if (OidIsValid(part->relid))
			part_rel = try_relation_open(part->relid, AccessShareLock);
		if (part_rel != NULL || !OidIsValid(part->relid))
			impact_on(parent_rel, part_rel, part->name, bound, query, impact);
		if (part_rel != NULL)
			relation_close(part_rel, AccessShareLock);
	}
	relation_close(parent_rel, AccessShareLock);
}

static void
impact_on(Relation parent, Relation part, char *name,
		  const PartitionBoundSpec *bound, const char *query, IgImpact *impact)
{
	ParseState *pstate;
	PartitionBoundSpec *spec;
	List	   *bound_constraint;

	/* what the server refuses */
	if (part != NULL &&
		(part->rd_rel->relispartition || OidIsValid(part->rd_rel->reloftype) ||
		 !has_columns_of(part, parent, true) || !has_columns_of(parent, part, false)))
		return;

	/* a new partition costs nothing but what is done to the default one */
	if (part == NULL &&
		!OidIsValid(get_default_oid_from_partdesc(RelationGetPartitionDesc(parent, true))))
		return;

	/* a bound that is empty or taken has no constraint to ask about */
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = query;
	spec = transformPartitionBound(pstate, parent,
								   copyObject((PartitionBoundSpec *) bound));
	check_new_partition_bound(name, parent, spec, pstate);
	bound_constraint = get_qual_from_partbound(parent, spec);

	if (part != NULL)
	{
		check_partition(parent, part, bound_constraint, impact);
		if (part->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		{
			check_indexes(parent, part, impact);
			check_foreign_keys(parent, part, impact);
		}
	}
	if (!spec->is_default)
		check_default(parent, bound_constraint, part != NULL, impact);
}

/*
 * Has the relation a column for each one of the other, found by name?
 */
static bool
has_columns_of(Relation relation, Relation other, bool same_type)
{
	TupleDesc	desc = RelationGetDescr(relation);

	for (int i = 0; i < RelationGetDescr(other)->natts; i++)
	{
		Form_pg_attribute wanted = TupleDescAttr(RelationGetDescr(other), i);
		AttrNumber	attnum;
		Form_pg_attribute att;

		if (wanted->attisdropped)
			continue;
		attnum = get_attnum(RelationGetRelid(relation), NameStr(wanted->attname));
		if (attnum <= 0 || attnum > desc->natts)
			return false;
		att = TupleDescAttr(desc, attnum - 1);
		if (same_type &&
			(att->atttypid != wanted->atttypid || att->atttypmod != wanted->atttypmod ||
			 att->attcollation != wanted->attcollation))
			return false;
	}
	return true;
}

/*
 * The rows of the new partition must fit its bound, and that of each partition
 * which the parent is itself.
 */
static void
check_partition(Relation parent, Relation part, List *bound, IgImpact *impact)
{
	List	   *constraint = list_concat_copy(bound, RelationGetPartitionQual(parent));

	if (constraint == NIL)
		return;

	constraint = (List *) eval_const_expressions(NULL, (Node *) constraint);
	constraint = list_make1(make_ands_explicit(constraint));
	constraint = map_partition_varattnos(constraint, 1, part, parent);
	check_constraint(part, constraint,
					 "no validated CHECK constraint proves that all rows fit the partition bound",
					 impact);
}

/*
 * The default partition must hold no row that belongs to the new partition.
 */
static void
check_default(Relation parent, List *bound, bool is_attach, IgImpact *impact)
{
	Oid			relid = get_default_oid_from_partdesc(RelationGetPartitionDesc(parent, true));
	Relation	relation;
	List	   *constraint;

	if (!OidIsValid(relid))
		return;
	relation = try_relation_open(relid, AccessShareLock);
	if (relation == NULL)
		return;

	constraint = get_proposed_default_constraint(bound);
	constraint = map_partition_varattnos(constraint, 1, relation, parent);
	if (is_attach)
		check_constraint(relation, constraint, NOT_IN_DEFAULT_REASON, impact);
	else if (!PartConstraintImpliedByRelConstraint(relation, constraint))
	{
		ListCell   *lc;

		/* CREATE TABLE asks each leaf, and does not go by what is between */
		foreach(lc, ig_inheritors(relid, NULL))
		{
			Relation	leaf = try_relation_open(lfirst_oid(lc), AccessShareLock);

			if (leaf == NULL)
				continue;
			check_default_leaf(leaf, constraint, impact);
			relation_close(leaf, AccessShareLock);
		}
	}
	relation_close(relation, AccessShareLock);
}

static void
check_default_leaf(Relation leaf, List *constraint, IgImpact *impact)
{
	/*
	 * The column numbers are those of the default partition, not of the leaf:
	 * so does check_default_partition_contents.
	 */
	if (!ig_impact_concerns(leaf) ||
		PartConstraintImpliedByRelConstraint(leaf, constraint))
		return;

	impact->scan = true;
	if (impact->reason == NULL)
		impact->reason = NOT_IN_DEFAULT_REASON;
	ig_impact_add_table(impact, leaf);
	add_proof(leaf, constraint, impact);
}

/*
 * Remember what a CHECK of the relation would have to say.
 */
static void
add_proof(Relation relation, List *constraint, IgImpact *impact)
{
	IgProof    *proof = palloc(sizeof(IgProof));

	proof->relid = RelationGetRelid(relation);
	proof->check = deparse_expression((Node *) make_ands_explicit(copyObject(constraint)),
									  deparse_context_for(RelationGetRelationName(relation),
														  RelationGetRelid(relation)),
									  false, false);
	impact->proofs = lappend(impact->proofs, proof);
}

/*
 * QueuePartitionConstraintValidation: read what nothing proves, going down to
 * the leaves.
 */
static void
check_constraint(Relation relation, List *constraint, const char *reason, IgImpact *impact)
{
	check_stack_depth();
	if (PartConstraintImpliedByRelConstraint(relation, constraint))
		return;

	if (ig_impact_concerns(relation))
	{
		impact->scan = true;
		if (impact->reason == NULL)
			impact->reason = pstrdup(reason);
		ig_impact_add_table(impact, relation);
		add_proof(relation, constraint, impact);
	}
	else if (relation->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionDesc partdesc = RelationGetPartitionDesc(relation, true);

		for (int i = 0; i < partdesc->nparts; i++)
		{
			Relation	child = try_relation_open(partdesc->oids[i], AccessShareLock);

			if (child == NULL)
				continue;
			check_constraint(child, map_partition_varattnos(constraint, 1, child, relation),
							 reason, impact);
			relation_close(child, AccessShareLock);
		}
	}
}

/*
 * Which of the parent's indexes are built?
 */
static void
check_indexes(Relation parent, Relation part, IgImpact *impact)
{
	List	   *used = NIL;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(parent))
	{
		Relation	parent_index = try_index_open(lfirst_oid(lc), AccessShareLock);

		if (parent_index == NULL)
			continue;
		if (parent_index->rd_rel->relkind == RELKIND_PARTITIONED_INDEX &&
			must_build(parent, parent_index, part, &used))
		{
			impact->reindex = true;
			if (impact->reason == NULL)
				impact->reason = "the partition has no index that matches the parent's";
			ig_impact_add_index(impact, RelationGetRelationName(parent_index));
		}
		index_close(parent_index, AccessShareLock);
	}
}

/*
 * Is an index built for the partition, or for any partition of its own?  An
 * index of the partition is attached to one index of the parent at most.
 */
static bool
must_build(Relation parent, Relation parent_index, Relation part, List **used)
{
	bool		result = false;

	check_stack_depth();
	if (has_index(parent, parent_index, part, used))
		return false;
	if (part->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		PartitionDesc partdesc = RelationGetPartitionDesc(part, true);

		for (int i = 0; i < partdesc->nparts; i++)
		{
			Relation	child = try_relation_open(partdesc->oids[i], AccessShareLock);

			if (child == NULL)
				continue;
			result = must_build(parent, parent_index, child, used) || result;
			relation_close(child, AccessShareLock);
		}
		return result;
	}
	return ig_impact_concerns(part);
}

static bool
has_index(Relation parent, Relation parent_index, Relation part, List **used)
{
	AttrMap    *attmap = ig_attrmap_by_name(RelationGetDescr(part), RelationGetDescr(parent));
	Oid			constraint = get_relation_idx_constraint_oid(RelationGetRelid(parent),
															 RelationGetRelid(parent_index));
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(part))
	{
		Relation	index = try_index_open(lfirst_oid(lc), AccessShareLock);
		bool		matches;

		if (index == NULL)
			continue;
		matches = !list_member_oid(*used, lfirst_oid(lc)) &&
			!index->rd_rel->relispartition && index->rd_index->indisvalid &&
			index_matches(index, parent_index, RelationGetRelid(part), constraint, attmap);
		index_close(index, AccessShareLock);
		if (matches)
		{
			*used = lappend_oid(*used, lfirst_oid(lc));
			return true;
		}
	}
	return false;
}

/*
 * The index of a constraint is matched only by that of a constraint.
 */
static bool
index_matches(Relation index, Relation parent_index, Oid relid, Oid parent_constraint,
			  AttrMap *attmap)
{
	Oid			constraint;

	if (!CompareIndexInfo(BuildIndexInfo(index), BuildIndexInfo(parent_index),
						  index->rd_indcollation, parent_index->rd_indcollation,
						  index->rd_opfamily, parent_index->rd_opfamily, attmap))
		return false;
	if (!OidIsValid(parent_constraint))
		return true;

	constraint = get_relation_idx_constraint_oid(relid, RelationGetRelid(index));
	return OidIsValid(constraint) &&
		ig_same_constraint_type(constraint, parent_constraint);
}

/*
 * Which of the parent's foreign keys are checked?  One that the partition has
 * in the same form is merged (CloneFkReferencing); else the partition gets a
 * new one, and all its rows are looked up.
 */
static void
check_foreign_keys(Relation parent, Relation part, IgImpact *impact)
{
	AttrMap    *attmap = ig_attrmap_by_name(RelationGetDescr(part), RelationGetDescr(parent));
	List	   *wanted = NIL;
	ListCell   *lc;

	if (!ig_impact_concerns_any(RelationGetRelid(part)))
		return;

	/* the list is the relcache's, which may go away under us */
	foreach(lc, RelationGetFKeyList(parent))
		wanted = lappend_oid(wanted, ((ForeignKeyCacheInfo *) lfirst(lc))->conoid);

	foreach(lc, wanted)
	{
		HeapTuple	tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_constraint con;
		char	   *checked;

		if (!HeapTupleIsValid(tuple))
			continue;
		con = (Form_pg_constraint) GETSTRUCT(tuple);
		checked = NameStr(con->conname);
		if (!list_member_oid(wanted, con->conparentid) && ig_fk_enforced(con) &&
			(!merges_foreign_key(tuple, part, attmap, &checked) || checked != NULL))
		{
			impact->recheck = true;
			if (impact->reason == NULL)
				impact->reason = "a foreign key of the parent is checked for the partition's rows";
			ig_impact_add_constraint(impact, checked);
		}
		ReleaseSysCache(tuple);
	}
}

/*
 * Has the partition a foreign key to merge (tryAttachPartitionForeignKey)?
 * From 18 it may be NOT VALID, and is then checked itself: hand out its name,
 * or NULL if nothing is checked.
 */
static bool
merges_foreign_key(HeapTuple wanted, Relation part, AttrMap *attmap, char **checked)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(wanted);
	int			nkeys;
	AttrNumber	conkey[INDEX_MAX_KEYS];
	AttrNumber	confkey[INDEX_MAX_KEYS];
	Oid			pfeqop[INDEX_MAX_KEYS];
	Oid			ppeqop[INDEX_MAX_KEYS];
	Oid			ffeqop[INDEX_MAX_KEYS];
	int			ndelset;
	AttrNumber	delset[INDEX_MAX_KEYS];
	ListCell   *lc;

	DeconstructFkConstraintRow(wanted, &nkeys, conkey, confkey, pfeqop, ppeqop, ffeqop,
							   &ndelset, delset);
	foreach(lc, copyObject(RelationGetFKeyList(part)))
	{
		ForeignKeyCacheInfo *fk = (ForeignKeyCacheInfo *) lfirst(lc);
		HeapTuple	tuple;
		bool		same = fk->confrelid == con->confrelid && fk->nkeys == nkeys;

		for (int i = 0; i < nkeys && same; i++)
			same = fk->conkey[i] == attmap->attnums[conkey[i] - 1] &&
				fk->confkey[i] == confkey[i] && fk->conpfeqop[i] == pfeqop[i];
		tuple = same ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(fk->conoid)) : NULL;
		if (HeapTupleIsValid(tuple))
		{
			Form_pg_constraint own = (Form_pg_constraint) GETSTRUCT(tuple);

			same = !OidIsValid(own->conparentid) &&
				(own->convalidated || IG_ATTACH_VALIDATES_FK) &&
				own->condeferrable == con->condeferrable &&
				own->condeferred == con->condeferred &&
				own->confupdtype == con->confupdtype &&
				own->confdeltype == con->confdeltype &&
				own->confmatchtype == con->confmatchtype;
			if (same)
				*checked = (con->convalidated && !own->convalidated) ?
					pstrdup(NameStr(own->conname)) : NULL;
			ReleaseSysCache(tuple);
			if (same)
				return true;
		}
	}
	return false;
}
