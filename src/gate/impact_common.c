/*-------------------------------------------------------------------------
 *
 * impact_common.c
 *	  What all computations of impact share.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "gate/impact.h"
#include "platform/inherit.h"


/*
 * Does work on the relation matter?  It must have rows of its own, and be
 * neither temporary nor created by the running transaction.
 */
bool
ig_impact_concerns(Relation relation)
{
	return (relation->rd_rel->relkind == RELKIND_RELATION ||
			relation->rd_rel->relkind == RELKIND_MATVIEW) &&
		relation->rd_rel->relpersistence != RELPERSISTENCE_TEMP &&
		relation->rd_createSubid == InvalidSubTransactionId;
}

/*
 * The same of a table that is named by its OID, or of a partition of it.
 */
bool
ig_impact_concerns_any(Oid relid)
{
	List	   *relids = list_make1_oid(relid);
	ListCell   *lc;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		relids = ig_inheritors(relid, NULL);

	foreach(lc, relids)
	{
		Relation	relation = try_relation_open(lfirst_oid(lc), AccessShareLock);
		bool		concerns;

		if (relation == NULL)
			continue;
		concerns = ig_impact_concerns(relation);
		relation_close(relation, AccessShareLock);
		if (concerns)
			return true;
	}
	return false;
}

void
ig_impact_add_table(IgImpact *impact, Relation relation)
{
	char	   *schema = get_namespace_name(RelationGetNamespace(relation));
	char	   *name = psprintf("%s.%s", schema ? schema : "",
								RelationGetRelationName(relation));

	impact->tables = ig_impact_add_name(impact->tables, name);
	impact->names = ig_impact_add_name(impact->names, name);
}

void
ig_impact_add_index(IgImpact *impact, const char *name)
{
	impact->indexes = ig_impact_add_name(impact->indexes, name);
	impact->names = ig_impact_add_name(impact->names, name);
}

void
ig_impact_add_constraint(IgImpact *impact, const char *name)
{
	impact->constraints = ig_impact_add_name(impact->constraints, name);
	impact->names = ig_impact_add_name(impact->names, name);
}

List *
ig_impact_add_name(List *names, const char *name)
{
	ListCell   *lc;

	if (name == NULL)
		return names;
	foreach(lc, names)
	{
		if (strcmp((char *) lfirst(lc), name) == 0)
			return names;
	}
	return lappend(names, pstrdup(name));
}
