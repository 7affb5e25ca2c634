--
-- Indexes, storage and partitions: what is built, copied or read while others
-- wait.  Each cure is run as the hint gives it.
--
CREATE SCHEMA lock_index;
SET search_path = lock_index;

-- All rules that refuse a statement, warnings included.
CREATE FUNCTION refused_by(statement text) RETURNS text LANGUAGE plpgsql
SET invariant_guard.severity = 'compatibility=error' AS $$
DECLARE
	state text; rule text; message text; detail text;
BEGIN
	BEGIN
		EXECUTE statement;
		RAISE SQLSTATE 'TT000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, rule = CONSTRAINT_NAME,
			message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	END;
	IF state = 'TT000' THEN
		RETURN '-';
	ELSIF state NOT LIKE 'IG%' THEN
		RETURN 'server: ' || message;
	END IF;
	RETURN concat_ws(', ', rule,
		(SELECT string_agg(m[1], ', ')
		 FROM regexp_matches(detail, 'Also: [^\n]*?\(rule ([a-z-]+)\)\.', 'g') m));
END $$;

-- The SQL of the hint, without its comments: one row a statement.
CREATE FUNCTION cure(statement text) RETURNS SETOF text LANGUAGE plpgsql
SET client_min_messages = error AS $$
DECLARE
	hint text;
BEGIN
	BEGIN
		EXECUTE statement;
		RAISE SQLSTATE 'TT000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	END;
	RETURN QUERY SELECT line FROM regexp_split_to_table(hint, '\n') WITH ORDINALITY l (line, n)
		WHERE line NOT LIKE '--%' ORDER BY n;
END $$;

CREATE TABLE t (id int PRIMARY KEY, a int, b text) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, i, i FROM generate_series(1, 1000) i;
ANALYZE t;
CREATE TABLE part (id int NOT NULL, a int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (501) WITH (autovacuum_enabled = off);
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (501) TO (2000) WITH (autovacuum_enabled = off);
INSERT INTO part SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE part;
CREATE TABLE "My ""T""" ("My col" int) WITH (autovacuum_enabled = off);
INSERT INTO "My ""T""" SELECT generate_series(1, 1000);
ANALYZE "My ""T""";
CREATE MATERIALIZED VIEW mv WITH (autovacuum_enabled = off) AS SELECT id, a FROM t WHERE id > 1000;
CREATE MATERIALIZED VIEW mv_unfilled AS SELECT id FROM t WITH NO DATA;
ANALYZE mv;

--
-- create-index-blocking
--
\set VERBOSITY default
CREATE INDEX t_a ON t (a);
CREATE INDEX part_a ON part (a);
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('CREATE INDEX ON t (a)'),
	('CREATE UNIQUE INDEX ON t (a)'),
	('CREATE INDEX IF NOT EXISTS t_a ON t USING hash (a) WHERE b IS NOT NULL'),
	('CREATE INDEX IF NOT EXISTS t_pkey ON t (a)'),
	('CREATE INDEX ON t (lower(b)) INCLUDE (a)'),
	('CREATE INDEX ON part (a)'),
	('CREATE INDEX ON ONLY part (a)'),
	('CREATE INDEX ON part1 (a)'),
	('CREATE INDEX ON mv (a)'),
	('CREATE INDEX "My index" ON "My ""T""" ("My col")')) v (s);
DO $$ BEGIN CREATE INDEX t_a ON t (a); END $$;
SELECT cure('CREATE UNIQUE INDEX t_a ON lock_index.t USING btree (a DESC) INCLUDE (b) WHERE a > 0') \gexec
SELECT cure('CREATE INDEX "My index" ON "My ""T""" ("My col")') \gexec
SELECT cure('CREATE INDEX part_a ON part (a)') \gexec
SELECT indexrelid::regclass, indisvalid, pg_get_expr(indpred, indrelid) AS predicate FROM pg_index
	WHERE indrelid IN ('t'::regclass, 'part'::regclass, '"My ""T"""'::regclass)
	ORDER BY indexrelid::regclass::text;

--
-- drop-index-blocking
--
\set VERBOSITY default
DROP INDEX t_a;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('DROP INDEX t_a, "My index"'),
	('DROP INDEX IF EXISTS lock_index.t_a'),
	('DROP INDEX IF EXISTS nobody'),
	('DROP INDEX nobody'),
	('DROP INDEX t_pkey')) v (s);
-- a partitioned index has no concurrent form
BEGIN;
DROP INDEX part_a;
ROLLBACK;
SELECT cure('DROP INDEX t_a') \gexec
SELECT cure('DROP INDEX "My index"') \gexec
-- what is new goes as it came
BEGIN;
CREATE TABLE fresh (a int);
CREATE INDEX fresh_a ON fresh (a);
DROP INDEX fresh_a;
ROLLBACK;

--
-- reindex-blocking
--
\set VERBOSITY default
REINDEX TABLE t;
REINDEX INDEX t_pkey;
\set VERBOSITY terse
REINDEX INDEX part_a;
REINDEX TABLE part;
REINDEX TABLE "My ""T""";
REINDEX (VERBOSE, CONCURRENTLY off) TABLE t;
SELECT refused_by('REINDEX SCHEMA lock_index');
REINDEX (CONCURRENTLY) TABLE t;
REINDEX TABLE CONCURRENTLY part;
REINDEX TABLE pg_catalog.pg_statistic_ext;
SELECT cure('REINDEX TABLE t') \gexec
SELECT cure('REINDEX INDEX t_pkey') \gexec

--
-- cluster and vacuum-full
--
\set VERBOSITY default
CLUSTER t USING t_pkey;
VACUUM FULL t;
\set VERBOSITY terse
CLUSTER "My ""T""";
VACUUM (FULL) t;
VACUUM (FULL true, ANALYZE) "My ""T""", part1;
VACUUM (FULL off) t;
VACUUM (ANALYZE) t;
CREATE TABLE clustered (id int PRIMARY KEY);
ALTER TABLE clustered CLUSTER ON clustered_pkey;
CLUSTER;
SELECT cure('CLUSTER t USING t_pkey') \gexec
BEGIN;
SET LOCAL invariant_guard.reason = 'Sunday night';
SET LOCAL invariant_guard.allow = 'cluster(t)';
CLUSTER t USING t_pkey;
COMMIT;

--
-- set-logged, set-tablespace, set-access-method
--
CREATE UNLOGGED TABLE unlogged (id int) WITH (autovacuum_enabled = off);
INSERT INTO unlogged SELECT generate_series(1, 1000);
ANALYZE unlogged;
\set VERBOSITY default
ALTER TABLE unlogged SET LOGGED;
\set VERBOSITY terse
ALTER TABLE t SET LOGGED;
ALTER TABLE unlogged SET UNLOGGED;

SET allow_in_place_tablespaces = on;
CREATE TABLESPACE lock_index_space LOCATION '';
\set VERBOSITY default
ALTER TABLE t SET TABLESPACE lock_index_space;
ALTER INDEX t_pkey SET TABLESPACE lock_index_space;
\set VERBOSITY terse
ALTER TABLE t SET TABLESPACE pg_default;
ALTER INDEX t_pkey SET TABLESPACE pg_default;
ALTER MATERIALIZED VIEW mv SET TABLESPACE lock_index_space;
DO $$ BEGIN ALTER TABLE part1 SET TABLESPACE lock_index_space; END $$;
-- a partitioned table has nothing to move
ALTER TABLE part SET TABLESPACE lock_index_space;
ALTER TABLE part SET TABLESPACE pg_default;
SELECT cure('ALTER INDEX t_pkey SET TABLESPACE lock_index_space') \gexec
SELECT cure('ALTER INDEX t_pkey SET TABLESPACE pg_default') \gexec
CREATE TABLE moved (id int) TABLESPACE lock_index_space;
ALTER TABLE ALL IN TABLESPACE lock_index_space SET TABLESPACE pg_default;
BEGIN;
CREATE TABLE fresh (id int);
ALTER TABLE fresh SET TABLESPACE lock_index_space;
ALTER TABLE fresh SET UNLOGGED;
ROLLBACK;

CREATE ACCESS METHOD lock_index_heap TYPE TABLE HANDLER heap_tableam_handler;
\set VERBOSITY default
ALTER TABLE t SET ACCESS METHOD lock_index_heap;
\set VERBOSITY terse
ALTER TABLE t SET ACCESS METHOD heap;
ALTER TABLE t SET LOGGED, SET ACCESS METHOD lock_index_heap;

--
-- refresh-blocking
--
\set VERBOSITY default
REFRESH MATERIALIZED VIEW mv;
\set VERBOSITY terse
CREATE UNIQUE INDEX CONCURRENTLY mv_id ON mv (id);
\set VERBOSITY default
REFRESH MATERIALIZED VIEW mv;
\set VERBOSITY terse
DO $$ BEGIN REFRESH MATERIALIZED VIEW mv WITH DATA; END $$;
SELECT cure('REFRESH MATERIALIZED VIEW mv') \gexec
-- never filled: no readers to be stopped
REFRESH MATERIALIZED VIEW mv_unfilled;
BEGIN;
CREATE MATERIALIZED VIEW fresh AS SELECT 1 AS a;
REFRESH MATERIALIZED VIEW fresh;
ROLLBACK;

--
-- detach-blocking
--
\set VERBOSITY default
ALTER TABLE part DETACH PARTITION part1;
\set VERBOSITY terse
DO $$ BEGIN ALTER TABLE part DETACH PARTITION part1; END $$;
SELECT cure('ALTER TABLE part DETACH PARTITION part1') \gexec
-- with a default partition there is no concurrent form to advise
CREATE TABLE part_rest PARTITION OF part DEFAULT WITH (autovacuum_enabled = off);
INSERT INTO part VALUES (3000), (-1);
ANALYZE part;
\set VERBOSITY default
ALTER TABLE part DETACH PARTITION part_rest;
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = 'Sunday night';
SET LOCAL invariant_guard.allow = 'detach-blocking(part_rest)';
ALTER TABLE part DETACH PARTITION part_rest;
COMMIT;

--
-- attach-scan
--
-- DETACH CONCURRENTLY has left a check that proves the bound
BEGIN;
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501);
ROLLBACK;
ALTER TABLE part1 DROP CONSTRAINT part1_id_check;
\set VERBOSITY default
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501);
\set VERBOSITY terse
-- a check that is not validated, or too wide, proves nothing
ALTER TABLE part1 ADD CONSTRAINT wide CHECK (id >= 0 AND id < 502) NOT VALID;
ALTER TABLE part1 VALIDATE CONSTRAINT wide;
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501);
ALTER TABLE part1 ADD CONSTRAINT narrow CHECK (id >= 0 AND id < 501) NOT VALID;
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501);
ALTER TABLE part1 DROP CONSTRAINT wide, DROP CONSTRAINT narrow;
SELECT cure('ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501)') \gexec
ALTER TABLE part ATTACH PARTITION part1 FOR VALUES FROM (0) TO (501);
-- the default partition is read for the new one, and the parent's index built
SELECT cure('ALTER TABLE part ATTACH PARTITION part_rest DEFAULT') \gexec
ALTER TABLE part ATTACH PARTITION part_rest DEFAULT;
CREATE TABLE part3 (id int NOT NULL, a int) WITH (autovacuum_enabled = off);
INSERT INTO part3 SELECT i, i FROM generate_series(2001, 2100) i;
ANALYZE part3;
\set VERBOSITY default
ALTER TABLE part ATTACH PARTITION part3 FOR VALUES FROM (2001) TO (2101);
\set VERBOSITY terse
SELECT cure('ALTER TABLE part ATTACH PARTITION part3 FOR VALUES FROM (2001) TO (2101)') \gexec
ALTER TABLE part ATTACH PARTITION part3 FOR VALUES FROM (2001) TO (2101);
CREATE TABLE part4 PARTITION OF part FOR VALUES FROM (2500) TO (2600);
SELECT cure('CREATE TABLE part4 PARTITION OF part FOR VALUES FROM (2500) TO (2600)') \gexec
CREATE TABLE part4 PARTITION OF part FOR VALUES FROM (2500) TO (2600);
-- keys of the parent
CREATE TABLE keyed (id int, ref int REFERENCES t, PRIMARY KEY (id)) PARTITION BY LIST (id);
CREATE TABLE keyed1 (id int NOT NULL, ref int CHECK (id IS NOT NULL AND id = 1)) WITH (autovacuum_enabled = off);
INSERT INTO keyed1 VALUES (1, 1);
ANALYZE keyed1;
\set VERBOSITY default
ALTER TABLE keyed ATTACH PARTITION keyed1 FOR VALUES IN (1);
\set VERBOSITY terse
SELECT cure('ALTER TABLE keyed ATTACH PARTITION keyed1 FOR VALUES IN (1)') \gexec
ALTER TABLE keyed ATTACH PARTITION keyed1 FOR VALUES IN (1);
SELECT inhrelid::regclass, inhparent::regclass FROM pg_inherits
	WHERE inhparent IN ('part'::regclass, 'keyed'::regclass) ORDER BY inhrelid::regclass::text;
-- a new table is filled and attached at once
BEGIN;
CREATE TABLE keyed2 (id int NOT NULL, ref int);
INSERT INTO keyed2 VALUES (2, 2);
ALTER TABLE keyed ATTACH PARTITION keyed2 FOR VALUES IN (2);
ROLLBACK;

--
-- partition-of-lock: off
--
CREATE TABLE keyed3 PARTITION OF keyed FOR VALUES IN (3);
SET invariant_guard.severity = 'partition-of-lock=error';
\set VERBOSITY default
CREATE TABLE keyed4 PARTITION OF keyed FOR VALUES IN (4);
\set VERBOSITY terse
BEGIN;
SELECT cure('CREATE TABLE keyed4 PARTITION OF keyed FOR VALUES IN (4)') \gexec
ALTER TABLE keyed ATTACH PARTITION keyed4 FOR VALUES IN (4);
COMMIT;
BEGIN;
CREATE TABLE fresh (a int) PARTITION BY LIST (a);
CREATE TABLE fresh1 PARTITION OF fresh FOR VALUES IN (1);
ROLLBACK;
RESET invariant_guard.severity;

--
-- new and temporary tables
--
CREATE TEMP TABLE scratch (id int PRIMARY KEY, a int);
INSERT INTO scratch VALUES (1, 1);
CREATE INDEX scratch_a ON scratch (a);
DROP INDEX scratch_a;
REINDEX TABLE scratch;
CLUSTER scratch USING scratch_pkey;
VACUUM FULL scratch;
DROP TABLE scratch;
BEGIN;
CREATE TABLE fresh (id int PRIMARY KEY, a int);
INSERT INTO fresh VALUES (1, 1);
CREATE INDEX fresh_a ON fresh (a);
REINDEX TABLE fresh;
CLUSTER fresh USING fresh_a;
COMMIT;
REINDEX TABLE fresh;

RESET allow_in_place_tablespaces;
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA lock_index CASCADE;
DROP TABLESPACE lock_index_space;
DROP ACCESS METHOD lock_index_heap;
RESET invariant_guard.mode;
RESET client_min_messages;
