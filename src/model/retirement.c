/*-------------------------------------------------------------------------
 *
 * retirement.c
 *	  Is a column or table retired, and may it go by now?
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/partition.h"
#include "catalog/pg_attribute.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "model/retirement.h"
#include "platform/catalog.h"
#include "platform/inherit.h"
#include "platform/label.h"
#include "platform/settings.h"

void		(*ig_usage_of_hook) (Oid relid, AttrNumber attnum, TimestampTz since,
								 IgUsage *usage) = NULL;

bool		(*ig_retirement_overlay) (Oid relid, AttrNumber attnum,
									  IgRetirement **retirement) = NULL;

static IgRetirement *own_retirement(Oid relid, AttrNumber attnum);
static IgRetirement *retirement_of_table(Oid relid, Oid *bearer);
static IgRetirement *retirement_of_column(Oid relid, AttrNumber attnum);
static bool is_own_column(Oid relid, AttrNumber attnum);
static void usage_of_table(Oid relid, TimestampTz since, IgUsage *usage);
static void add_usage(IgUsage *usage, const IgUsage *more);
static void find_hold(IgVerdict *verdict, TimestampTz now);

IgRetirement *
ig_retirement_of(Oid relid, AttrNumber attnum)
{
	IgRetirement *retirement = NULL;
	Oid			bearer;

	if (attnum != InvalidAttrNumber)
		retirement = retirement_of_column(relid, attnum);
	return retirement ? retirement : retirement_of_table(relid, &bearer);
}

IgRetirement *
ig_retirement_of_change(const IgChange *change)
{
	if (change->rel == NULL || !OidIsValid(change->rel->relid))
		return NULL;
	return ig_retirement_of(change->rel->relid,
							change->kind == IG_DROP_COLUMN ? change->attnum : InvalidAttrNumber);
}

static IgRetirement *
own_retirement(Oid relid, AttrNumber attnum)
{
	IgRetirement *retirement;

	if (ig_retirement_overlay != NULL && ig_retirement_overlay(relid, attnum, &retirement))
		return retirement;
	return ig_label_retirement_of(relid, attnum);
}

/*
 * A partition is a part of the partitioned table above it.
 */
static IgRetirement *
retirement_of_table(Oid relid, Oid *bearer)
{
	IgRetirement *retirement = own_retirement(relid, InvalidAttrNumber);
	ListCell   *lc;

	*bearer = relid;
	if (retirement != NULL || !get_rel_relispartition(relid))
		return retirement;

	foreach(lc, get_partition_ancestors(relid))
	{
		*bearer = lfirst_oid(lc);
		retirement = own_retirement(*bearer, InvalidAttrNumber);
		if (retirement != NULL)
			return retirement;
	}
	return NULL;
}

/*
 * An inherited column is dropped together with the one above it, and there it
 * is retired.
 */
static IgRetirement *
retirement_of_column(Oid relid, AttrNumber attnum)
{
	IgRetirement *retirement = own_retirement(relid, attnum);
	char	   *name;
	ListCell   *lc;

	if (retirement != NULL || is_own_column(relid, attnum))
		return retirement;

	name = get_attname(relid, attnum, true);
	if (name == NULL)
		return NULL;
	foreach(lc, ig_parents_of(relid))
	{
		AttrNumber	above = get_attnum(lfirst_oid(lc), name);

		if (above == InvalidAttrNumber)
			continue;
		retirement = retirement_of_column(lfirst_oid(lc), above);
		if (retirement != NULL)
			return retirement;
	}
	return NULL;
}

static bool
is_own_column(Oid relid, AttrNumber attnum)
{
	HeapTuple	tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										Int16GetDatum(attnum));
	bool		own;

	if (!HeapTupleIsValid(tuple))
		return true;
	own = ((Form_pg_attribute) GETSTRUCT(tuple))->attinhcount == 0;
	ReleaseSysCache(tuple);
	return own;
}

/*
 * What is read by the name of a partition is a use of the table.  The other
 * way round it is none: when old partitions go, the table stays in use.
 */
static void
usage_of_table(Oid relid, TimestampTz since, IgUsage *usage)
{
	ListCell   *lc;

	usage->observed = true;
	foreach(lc, ig_inheritors(relid, NULL))
	{
		IgUsage		own = {{0}};

		if (lfirst_oid(lc) != relid && !get_rel_relispartition(lfirst_oid(lc)))
			continue;
		ig_usage_of_hook(lfirst_oid(lc), InvalidAttrNumber, since, &own);
		add_usage(usage, &own);
	}
}

/* The last use of any of them; observed is what all of them are. */
static void
add_usage(IgUsage *usage, const IgUsage *more)
{
	if (more->read.at > usage->read.at)
		usage->read = more->read;
	if (more->written.at > usage->written.at)
		usage->written = more->written;
	if (more->observed_since > usage->observed_since || !more->observed)
	{
		usage->observed_since = more->observed_since;
		usage->why_not = more->why_not;
	}
	if (!more->observed)
		usage->observed = false;
}

void
ig_retirement_judge(Oid relid, AttrNumber attnum, IgVerdict *verdict)
{
	Oid			bearer = relid;

	memset(verdict, 0, sizeof(IgVerdict));
	if (attnum != InvalidAttrNumber)
		verdict->retirement = retirement_of_column(relid, attnum);
	if (verdict->retirement == NULL)
		verdict->retirement = retirement_of_table(relid, &bearer);
	if (verdict->retirement == NULL)
		return;

	if (ig_usage_of_hook != NULL && attnum != InvalidAttrNumber)
		ig_usage_of_hook(relid, attnum, verdict->retirement->since, &verdict->usage);
	else if (ig_usage_of_hook != NULL)
		usage_of_table(bearer, verdict->retirement->since, &verdict->usage);
	verdict->never_filled = ig_relation_never_held_rows(relid);
	find_hold(verdict, GetCurrentTimestamp());
}

/*
 * Whatever was last: the retirement, a use, or the end of a time in which
 * there may have been one.
 */
static void
find_hold(IgVerdict *verdict, TimestampTz now)
{
	const IgUsage *usage = &verdict->usage;
	TimestampTz last = verdict->retirement->since;
	IgHold		hold = IG_HOLD_PERIOD;

	if (verdict->never_filled || ig_guc_retirement_period == 0)
	{
		verdict->may_go = now;
		return;
	}
	if (!usage->observed)
	{
		verdict->hold = IG_HOLD_UNOBSERVED;
		return;
	}

	if (usage->observed_since > last)
	{
		last = usage->observed_since;
		hold = IG_HOLD_GAP;
	}
	if (usage->read.at >= last)
	{
		last = usage->read.at;
		hold = IG_HOLD_READ;
	}
	if (usage->written.at >= last)
	{
		last = usage->written.at;
		hold = IG_HOLD_WRITTEN;
	}

	verdict->may_go = last + (TimestampTz) ig_guc_retirement_period * USECS_PER_SEC;
	if (verdict->may_go > now)
		verdict->hold = hold;
}
