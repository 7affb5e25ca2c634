/*-------------------------------------------------------------------------
 *
 * seal_verify.c
 *	  verify_seal(): are the sealed rows what they were?
 *
 * All of it is read by one snapshot.  The chain shows a seal that was changed,
 * or taken out of the middle.  Who can write everything can also make all seals
 * anew, or take the last ones away: for that the newest hash has to be kept
 * where that role cannot write.
 *
 *-------------------------------------------------------------------------
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#include "platform/catalog.h"
#include "platform/compat.h"
#include "platform/errcodes.h"
#include "platform/owned.h"
#include "platform/text.h"
#include "rows/rows.h"
#include "rows/seal.h"

PG_FUNCTION_INFO_V1(ig_sql_verify_seal);

typedef struct Verification
{
	ReturnSetInfo *rsinfo;
	Relation	rel;
	const IgSealKey *key;
	List	   *removed_to;		/* the last key that retention has removed */
	bool		is_removed;		/* is the present seal below it? */
	const IgSeal *previous;
	List	   *after;			/* the last key of the seal before */
} Verification;

static void verify(Verification *v, const IgSeal *seal);
static const char *chain_problem(const Verification *v, const IgSeal *seal);
static const char *missing_column(const Verification *v, const IgSeal *seal);
static const char *rows_problem(const IgSeal *seal, const IgSeal *found, int64 expected,
								bool is_removed);
static void put(const Verification *v, const IgSeal *seal, int64 expected, int64 found,
				bool is_counted, const char *problem);

/*
 * invariant_guard.verify_seal(rel regclass): a row for each seal.
 */
Datum
ig_sql_verify_seal(PG_FUNCTION_ARGS)
{
	Verification v = {.rsinfo = (ReturnSetInfo *) fcinfo->resultinfo};
	Oid			relid = ig_table_argument(fcinfo);
	Oid			seals;
	Oid			user;
	int			context;
	int			nest;
	List	   *all;
	ListCell   *lc;

	InitMaterializedSRF(fcinfo, 0);
	ig_lock_owned_table(relid, AccessShareLock);
	ig_seal_check_table(relid);
	seals = ig_seals_of(relid);
	if (!OidIsValid(seals))
	{
		if (ig_append_only_trigger(relid, "sealed") != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_IG_APPEND_ONLY),
					 errmsg("the seals of table \"%s\" are gone", ig_text_name(ig_table_name(relid))),
					 errdetail("It was sealed, and no table names it in a constraint \"seals_of\" any more.")));
		return (Datum) 0;
	}

	/* output functions of types run as the owner, whoever asks */
	GetUserIdAndSecContext(&user, &context);
	SetUserIdAndSecContext(ig_relation_owner(relid), context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
	LockRelationOid(seals, AccessShareLock);
	v.rel = table_open(relid, NoLock);
	nest = ig_rows_spi_begin();
	v.key = ig_seal_key(v.rel);
	all = ig_seals_read(seals, "ORDER BY number");
	foreach(lc, all)
	{
		const IgSeal *seal = (const IgSeal *) lfirst(lc);

		if (seal->removed_to != NIL)
			v.removed_to = seal->removed_to;
	}
	v.is_removed = v.removed_to != NIL;
	foreach(lc, all)
		verify(&v, (const IgSeal *) lfirst(lc));
	ig_rows_spi_end(nest);
	table_close(v.rel, NoLock);
	SetUserIdAndSecContext(user, context);
	return (Datum) 0;
}

static void
verify(Verification *v, const IgSeal *seal)
{
	IgSeal		found = *seal;
	const char *problem = chain_problem(v, seal);
	const char *missing = missing_column(v, seal);
	int64		expected = v->is_removed ? 0 : seal->row_count;

	v->previous = seal;
	found.row_count = 0;
	if (seal->removed_to != NIL || seal->to_key == NIL)
	{
		ig_seal_hash_removal(&found);
		if (problem == NULL && memcmp(found.hash, seal->hash, PG_SHA256_DIGEST_LENGTH) != 0)
			problem = "the record of a removal was changed";
		put(v, seal, 0, 0, true, problem);
		return;
	}
	if (!ig_equal_texts(seal->key, v->key->names))
	{
		put(v, seal, expected, 0, false, missing ? missing :
			"the table has another primary key than when it was sealed");
		return;
	}

	if (missing == NULL)
		ig_seal_hash(v->rel, v->key, v->after, seal->to_key, 0, &found);
	if (problem == NULL)
		problem = missing ? missing : rows_problem(seal, &found, expected, v->is_removed);
	put(v, seal, expected, found.row_count, missing == NULL, problem);
	v->after = seal->to_key;
	if (v->is_removed && ig_equal_texts(seal->to_key, v->removed_to))
		v->is_removed = false;
}

static const char *
chain_problem(const Verification *v, const IgSeal *seal)
{
	static const uint8 none[PG_SHA256_DIGEST_LENGTH];
	int64		expected = v->previous ? v->previous->number + 1 : 1;

	if (seal->number == expected + 1)
		return psprintf("seal %lld is missing", (long long) expected);
	if (seal->number != expected)
		return psprintf("seals %lld to %lld are missing", (long long) expected,
						(long long) seal->number - 1);
	if (memcmp(seal->previous, v->previous ? v->previous->hash : none,
			   PG_SHA256_DIGEST_LENGTH) != 0)
		return "it does not follow the seal before it, one of them was changed";
	return NULL;
}

static const char *
missing_column(const Verification *v, const IgSeal *seal)
{
	ListCell   *lc;

	foreach(lc, seal->columns)
	{
		const char *name = (const char *) lfirst(lc);

		if (get_attnum(RelationGetRelid(v->rel), name) <= 0)
			return psprintf("column \"%s\" was renamed or dropped since, so that it cannot be verified",
							ig_text_name(name));
	}
	return NULL;
}

static const char *
rows_problem(const IgSeal *seal, const IgSeal *found, int64 expected, bool is_removed)
{
	int64		more = found->row_count - expected;

	if (more != 0 && is_removed)
		return "rows are there that have been removed as expired";
	if (more < 0)
		return psprintf(more == -1 ? "%lld row is missing" : "%lld rows are missing",
						(long long) -more);
	if (more > 0)
		return psprintf(more == 1 ? "%lld row is there that was not sealed" :
						"%lld rows are there that were not sealed", (long long) more);
	if (!is_removed &&
		(memcmp(found->hash, seal->hash, PG_SHA256_DIGEST_LENGTH) != 0 ||
		 !ig_equal_texts(found->from_key, seal->from_key) ||
		 !ig_equal_texts(found->to_key, seal->to_key)))
		return "rows were changed, or the seal was";
	return NULL;
}

static void
put(const Verification *v, const IgSeal *seal, int64 expected, int64 found,
	bool is_counted, const char *problem)
{
	Datum		values[7];
	bool		nulls[7] = {0};

	values[0] = Int64GetDatum(seal->number);
	values[1] = ig_seal_key_array(seal->from_key, &nulls[1]);
	values[2] = ig_seal_key_array(seal->removed_to ? seal->removed_to : seal->to_key, &nulls[2]);
	values[3] = Int64GetDatum(expected);
	values[4] = Int64GetDatum(found);
	nulls[4] = !is_counted;
	values[5] = BoolGetDatum(problem == NULL);
	values[6] = problem ? CStringGetTextDatum(problem) : (Datum) 0;
	nulls[6] = problem == NULL;
	tuplestore_putvalues(v->rsinfo->setResult, v->rsinfo->setDesc, values, nulls);
}
