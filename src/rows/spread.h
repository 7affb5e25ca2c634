/*-------------------------------------------------------------------------
 *
 * spread.h
 *	  Row rules of a table on what inherits from it.
 *
 * The server clones row triggers to partitions.  It does neither so with
 * statement triggers, TRUNCATE among them, nor with any trigger for inheritance
 * children: that is done here, when a rule is declared and when a partition or
 * child joins.  What leaves loses its clones.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_SPREAD_H
#define IG_SPREAD_H

#include "postgres.h"

#include "model/row_rule.h"

/* The name of a rule's trigger; instance may be NULL. */
extern char *ig_spread_trigger_name(const IgRowRule *rule, const char *instance,
									const char *suffix);

/*
 * Give the rule triggers of a table to all below it that lack them.  Locks
 * these as CREATE TRIGGER does.
 */
extern void ig_spread_from(Oid relid);

/*
 * A table has become a partition or child: give it, and all below it, the rule
 * triggers of what it joined.  The caller holds the lock of ATTACH or INHERIT.
 */
extern void ig_spread_to(Oid relid);

/* Warn of triggers of others on the table that have the last word over a rule. */
extern void ig_spread_warn(Oid relid, const IgRowRule *rule);

#endif							/* IG_SPREAD_H */
