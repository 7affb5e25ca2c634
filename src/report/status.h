/*-------------------------------------------------------------------------
 *
 * status.h
 *	  What status() has to be told about the loading of the library.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_STATUS_H
#define IG_STATUS_H

#include "postgres.h"

/* Was the library loaded by the postmaster?  Set by _PG_init. */
extern bool ig_loaded_at_server_start;

#endif							/* IG_STATUS_H */
