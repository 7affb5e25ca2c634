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

/*
 * Did the table never hold a row, not even one that is gone?  Sure when true:
 * no page was ever written, since no VACUUM or ANALYZE has been there that
 * could have cut off empty ones, and the file is the one it was created with,
 * so it was not truncated or rewritten.  (But pg_upgrade forgets about VACUUM
 * and ANALYZE: then it is only sure that it holds none.)  Takes no lock that it
 * would have to wait for.
 */
extern bool ig_relation_never_held_rows(Oid relid);
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
