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

extern void ig_net_rewrite(Oid relid);
extern void ig_net_index_build(Oid indexid);
extern bool ig_net_is_recreating(void);
extern void ig_net_constraint_check(Oid conoid);
extern void ig_net_column(Oid relid, AttrNumber attnum);
extern void ig_net_drop(Oid classid, Oid objid, int32 objsubid);
extern void ig_net_truncate(Oid relid);
extern void ig_net_unprotect(Oid relid, int lost_classes);

#endif							/* IG_NET_H */
