/*-------------------------------------------------------------------------
 *
 * usage.h
 *	  The usage record: who still reads and writes which column.
 *
 * What is recorded is what a query needed privileges for: each query that
 * starts to run, and COPY, tells the columns that it reads and those that it
 * writes.  That is once per statement, never per row.  Whatever reads a column
 * without that is not seen: triggers (NEW.x), policies, constraints, index and
 * generated expressions, publications, apply workers.  So an answer is "no
 * query used it since", never "unused"; the rest is asked of the catalogs.
 *
 * All times are those of the first use in a minute (IG_USAGE_RESOLUTION) of
 * one session: a later use in the same minute of the same session does not
 * move them.  (Where retirement_period is shorter than four minutes, the minute
 * is a quarter of it.)  Two things start a session's minute anew: the relation's catalog
 * entry changes, as with SECURITY LABEL, so that a use after a label was
 * committed is always told; and another application name or role.
 *
 * Uses of catalogs and of temporary tables are not recorded.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_USAGE_H
#define IG_USAGE_H

#include "postgres.h"

#include "access/attnum.h"
#include "datatype/timestamp.h"

/* How exact the times are, in seconds. */
#define IG_USAGE_RESOLUTION		60

/* The most recent distinct witnesses that are kept of a column. */
#define IG_USAGE_WITNESSES		4

/*
 * The ways to use a column.  What comes after IG_USE_COUNTED is kept apart:
 * it is shown, but is no use.
 */
typedef enum IgUseKind
{
	IG_USE_READ_NAME,			/* in a query that names some of the columns */
	IG_USE_READ_ALL,			/* in one that reads all: SELECT *, or a list of
								 * all of them, or the row as a whole */
	IG_USE_READ_VIEW,			/* through a view that names the column, whether
								 * the query wants it of the view or not */
	IG_USE_WRITTEN,				/* INSERT, UPDATE, MERGE, COPY FROM; of the table
								 * as a whole DELETE too */
	IG_USE_WRITTEN_VIEW,
	IG_USE_COPIED,				/* by pg_dump, or as a subscriber's first copy */
	IG_USE_CHECKED,				/* by a foreign key, a row rule, or ALTER TABLE */
	IG_USE_EXPLAINED,			/* EXPLAIN without ANALYZE */
	IG_USE_IGNORED				/* by one of usage_ignore_applications */
} IgUseKind;

#define IG_USE_COUNTED			IG_USE_COPIED
#define IG_USE_KINDS			(IG_USE_IGNORED + 1)

/* Who used it. */
typedef struct IgUsageWitness
{
	Oid			role;			/* what the session is logged in as, or has SET
								 * ROLE to; not the owner of a function */
	char		role_name[NAMEDATALEN]; /* as it was called then */
	char		application[NAMEDATALEN];	/* application_name, may be empty */
	char		standby[NAMEDATALEN];	/* a standby's name if it was merged from
										 * there, else empty */
	TimestampTz read_at;		/* 0 = did not read it */
	TimestampTz written_at;		/* 0 = did not write it */
	bool		by_name;		/* read by name, or written directly, at least
								 * once; else as part of all, or through a view */
} IgUsageWitness;

typedef struct IgColumnUse
{
	TimestampTz last_read;		/* any counted kind; 0 = never seen */
	TimestampTz last_written;
	IgUseKind	last_read_kind; /* of last_read, if that is not 0 */
	IgUseKind	last_written_kind;	/* of last_written, if that is not 0 */
	TimestampTz last_of[IG_USE_KINDS];	/* each kind's own; 0 = never seen */
	TimestampTz last_apart;		/* the latest that is no use */
	int			nwitnesses;		/* the latest first */
	IgUsageWitness witnesses[IG_USAGE_WITNESSES];
} IgColumnUse;

/* In _PG_init, before ig_shared_init(). */
extern void ig_usage_init(void);

/* In _PG_init, after it: hooks, and what keeps the record on disk. */
extern void ig_usage_install(void);

/*
 * What is known of a column of a relation of this database.  attnum 0 is the
 * relation as a whole: any use of it at all, count(*) and DELETE included.
 *
 * true, and *use is filled, if it was seen; false, and *use is all zero, if
 * not, or if no record is kept.  Partitions and inheritance children have their
 * own entries: a query is recorded of the relation that it names, for parents
 * see ig_usage_of_tree().
 */
extern bool ig_usage_of(Oid relid, AttrNumber attnum, IgColumnUse *use);

/*
 * The same of a column including the relations from and to which it is
 * inherited: a query of a partitioned table reads its partitions, and one of a
 * partition reads the table's rows.  The columns are matched by name.  Takes no
 * locks.  This is what a drop should ask.
 */
extern bool ig_usage_of_tree(Oid relid, AttrNumber attnum, IgColumnUse *use);

/*
 * Can this server have a record, loaded as the library is?  Before 17 it takes
 * shared_preload_libraries.
 */
extern bool ig_usage_is_kept(void);

/*
 * Since when this database is observed: when the record was begun, or reset,
 * or first saw this database.  0 = it is not.  A table is not observed longer
 * than it exists, nor a restored one under its new OID.
 */
extern TimestampTz ig_usage_observed_since(void);

/*
 * Was this database observed without a gap from then till now?  If not, *from
 * and *to are the latest time that was not observed (from 0: since ever), and
 * *why is a clause that says why ("the server crashed").  All three may be NULL.
 *
 * A gap is: the server ran without the library, or crashed (that loses at most
 * usage_flush_interval); the record was full; a session had track_columns off;
 * a standby whose reads were merged once was not merged again for
 * IG_USAGE_STANDBY_GRACE seconds, or has a gap of its own.  A server that was
 * shut down and started again has none.  Sessions that have not loaded the
 * library are not noticed: shared_preload_libraries leaves none.
 */
#define IG_USAGE_STANDBY_GRACE	3600

extern bool ig_usage_observed_whole(TimestampTz since, TimestampTz *from,
									TimestampTz *to, const char **why);

/*
 * Each session tells its uses anew from now on, whether it has told them in
 * this minute or not: what is recorded after this was done after it.  For the
 * begin of a period in which nothing may be used.  Changes no entry.
 */
extern void ig_usage_begin_anew(void);

#endif							/* IG_USAGE_H */
