/*-------------------------------------------------------------------------
 *
 * catalog.h
 *	  Small questions to the catalogs.
 *
 * All of them answer for an object that is gone as for one that has nothing.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_CATALOG_H
#define IG_CATALOG_H

#include "postgres.h"

#include "platform/relation.h"

extern bool ig_relation_holds_rows(const IgRelation *rel);
extern Oid	ig_relation_access_method(Oid relid);
extern Oid	ig_relation_owner(Oid relid);
extern bool ig_relation_is_populated(Oid relid);
extern bool ig_column_refuses_null(Oid relid, AttrNumber attnum);
extern char ig_column_generated(Oid relid, AttrNumber attnum);
extern List *ig_index_columns(const IgRelation *table, const char *index_name);
extern bool ig_has_unique_index_for_refresh(Oid relid);
extern bool ig_has_trigger_always(Oid relid, const char *name);
extern bool ig_constraint_is_valid(Oid conoid);
extern List *ig_typed_tables(Oid composite_relid);
extern Oid	ig_identity_sequence(Oid relid, AttrNumber attnum);
extern List *ig_column_dependents(Oid relid, AttrNumber attnum);

#endif							/* IG_CATALOG_H */
