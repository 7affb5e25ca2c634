/*-------------------------------------------------------------------------
 *
 * transaction_end.h
 *	  What the gate does when a transaction ends.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_TRANSACTION_END_H
#define IG_TRANSACTION_END_H

#include "postgres.h"

/* Called once, when the library is loaded. */
extern void ig_transaction_end_init(void);

#endif							/* IG_TRANSACTION_END_H */
