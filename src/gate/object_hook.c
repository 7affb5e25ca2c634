/*-------------------------------------------------------------------------
 *
 * object_hook.c
 *	  The second way in: object_access_hook, where the truth is.
 *
 * It gives the OIDs behind every CASCADE, and it is called just before each
 * index build and validation scan.  It is also called for the server's own
 * work (transient tables of a rewrite, re-created constraints), which the
 * flags tell apart.
 *
 * No SPI here, and no description of arbitrary objects: in the middle of a
 * DROP SCHEMA parts of them are gone already.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "catalog/dependency.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "gate/decide.h"
#include "gate/hooks.h"
#include "gate/net.h"
#include "gate/transaction.h"

static object_access_hook_type prev_object_access = NULL;

void		(*ig_inherited_hook) (Oid relid) = NULL;
void		(*ig_object_created_hook) (Oid classid, Oid objid) = NULL;
void		(*ig_relation_altered_hook) (Oid relid) = NULL;

static void ig_object_access(ObjectAccessType access, Oid classId, Oid objectId,
							 int subId, void *arg);
static void object_created(Oid classid, Oid objid, int subid, bool internal);

void
ig_object_hook_install(void)
{
	prev_object_access = object_access_hook;
	object_access_hook = ig_object_access;
}

static void
ig_object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
				 void *arg)
{
	if (prev_object_access)
		prev_object_access(access, classId, objectId, subId, arg);

	/* called for each function and schema look-up: leave at once */
	if (access == OAT_FUNCTION_EXECUTE || access == OAT_NAMESPACE_SEARCH)
		return;
	if (access == OAT_POST_ALTER && classId == InheritsRelationId && ig_inherited_hook)
		ig_inherited_hook(objectId);
	if (access == OAT_POST_ALTER && classId == RelationRelationId && subId == 0 &&
		ig_relation_altered_hook)
		ig_relation_altered_hook(objectId);
	if (access == OAT_POST_CREATE && ig_object_created_hook &&
		(classId == TriggerRelationId || classId == ConstraintRelationId))
		ig_object_created_hook(classId, objectId);
	if (!ig_gate_active())
		return;

	switch (access)
	{
		case OAT_POST_CREATE:
			{
				ObjectAccessPostCreate *create = (ObjectAccessPostCreate *) arg;

				object_created(classId, objectId, subId,
							   create != NULL && create->is_internal);
				break;
			}
		case OAT_POST_ALTER:
			if (classId == RelationRelationId && subId > 0)
				ig_net_column(objectId, subId);
			else if (ig_net_is_guard(classId))
				ig_net_guard_altered(classId, objectId);
			else if (classId == ProcedureRelationId)
				ig_net_function(objectId);
			else if (classId == RelationRelationId)
				ig_net_index_altered(objectId);
			break;
		case OAT_DROP:
			{
				ObjectAccessDrop *drop = (ObjectAccessDrop *) arg;

				/* clean-up of temporary objects and of rewrites */
				if (drop != NULL && (drop->dropflags & PERFORM_DELETION_INTERNAL) != 0)
					return;
				if (classId == ExtensionRelationId)
				{
					ig_net_extension(objectId);
					ig_decide_extension_dropped(objectId);
				}
				if (ig_net_is_guard(classId))
					ig_net_guard_dropped(classId, objectId);
				if (classId == RelationRelationId && subId == 0)
					ig_net_index_dropped(objectId);
				ig_net_drop(classId, objectId, subId);
				break;
			}
		case OAT_TRUNCATE:
			ig_net_truncate(objectId);
			break;
		default:
			break;
	}
}

static void
object_created(Oid classid, Oid objid, int subid, bool internal)
{
	if (classid == RelationRelationId && subid == 0)
	{
		/* what a type change builds anew is internal, and no newer than before */
		if (!internal)
			ig_net_index_build(objid);
		return;					/* the relcache knows that it is new */
	}

	/*
	 * CREATE OR REPLACE FUNCTION comes here as well.  A function that the
	 * catalog snapshot can see was there before.
	 */
	if (classid == ProcedureRelationId &&
		SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(objid)))
	{
		ig_net_function(objid);
		return;
	}
	if (ig_net_is_guard(classid) && !internal)
		ig_net_guard_created(classid, objid);
	if (classid == AttrDefaultRelationId)
		return;

	if (classid != ConstraintRelationId || !ig_net_is_recreating())
		ig_transaction_note_created(classid, objid, subid);
	if (classid == ConstraintRelationId && !internal)
		ig_net_constraint_check(objid);
}
