/*-------------------------------------------------------------------------
 *
 * net.h
 *	  The net under the prediction.
 *
 * What the server is about to do, told by the table_rewrite event and by the
 * object-access calls, is held against what was foretold of the running
 * statement.  What was foretold was judged then; what was not is judged now.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_NET_H
#define IG_NET_H

#include "postgres.h"

#include "nodes/pg_list.h"

extern void ig_net_rewrite(Oid relid);
extern void ig_net_index_build(Oid indexid);
extern bool ig_net_is_recreating(void);
extern void ig_net_constraint_check(Oid conoid);
extern void ig_net_column(Oid relid, AttrNumber attnum);
extern void ig_net_drop(Oid classid, Oid objid, int32 objsubid);
extern void ig_net_extension(Oid extension);
extern void ig_net_truncate(Oid relid);
extern List *ig_net_line_of_descent(Oid relid);
extern void ig_net_unprotect(Oid relid, int lost_classes);

/* The guards of financial tables; net_guards.c */
extern bool ig_net_is_guard(Oid classid);
extern void ig_net_guard_dropped(Oid classid, Oid objid);
extern void ig_net_guard_altered(Oid classid, Oid objid);
extern void ig_net_guard_created(Oid classid, Oid objid);
extern void ig_net_function(Oid funcid);

/* The same of an index, of which a row rule may consist. */
extern void ig_net_index_dropped(Oid relid);
extern void ig_net_index_altered(Oid relid);

#endif							/* IG_NET_H */
