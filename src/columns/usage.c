/*-------------------------------------------------------------------------
 *
 * usage.c
 *	  The usage record: what may be asked of it.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "columns/usage.h"
#include "platform/shared.h"

void
ig_usage_init(void)
{
}

void
ig_usage_install(void)
{
}

bool
ig_usage_is_kept(void)
{
	return ig_shared_is_possible();
}

bool
ig_usage_of(Oid relid, AttrNumber attnum, IgColumnUse *use)
{
	memset(use, 0, sizeof(IgColumnUse));
	return false;
}

bool
ig_usage_of_tree(Oid relid, AttrNumber attnum, IgColumnUse *use)
{
	return ig_usage_of(relid, attnum, use);
}

TimestampTz
ig_usage_observed_since(void)
{
	return 0;
}

bool
ig_usage_observed_whole(TimestampTz since, TimestampTz *from, TimestampTz *to,
						const char **why)
{
	if (from)
		*from = 0;
	if (to)
		*to = 0;
	if (why)
		*why = "no record is kept";
	return false;
}
