--
-- The gate must not be noticed where it has nothing to say: the server's own
-- errors come with the server's words and position, and nothing of others is
-- run on the way to them.
--
CREATE SCHEMA robust;
SET search_path = robust;
CREATE TABLE pk (id varchar(10) PRIMARY KEY, v text);
CREATE TABLE fk (id varchar(10) REFERENCES pk, w int CHECK (w > 0));
CREATE TABLE parted (a int, b text) PARTITION BY RANGE (a);
CREATE TABLE part0 PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE part1 (a int, b text);

-- errors of the server, with the place where it found them
\set VERBOSITY default
CREATE TABLE x PARTITION OF parted FOR VALUES FROM (20) TO (10);
CREATE TABLE x PARTITION OF parted FOR VALUES FROM (5) TO (15);
CREATE TABLE x PARTITION OF parted FOR VALUES FROM (nobody) TO (15);
CREATE TABLE x PARTITION OF parted FOR VALUES IN (1);
ALTER TABLE parted ATTACH PARTITION part1 FOR VALUES FROM (30) TO (20);
ALTER TABLE parted ATTACH PARTITION part1 FOR VALUES FROM (1) TO (2);
CREATE TEMP TABLE robust.x (a int);
CREATE TABLE x (a varchar(0));
ALTER TABLE pk ADD COLUMN x varchar(0);
ALTER TABLE pk ADD COLUMN x int DEFAULT nobody();
ALTER TABLE pk ADD COLUMN x int DEFAULT 1 / 0;
ALTER TABLE pk ALTER COLUMN v TYPE text USING nobody;
CREATE MATERIALIZED VIEW filed AS SELECT 1 AS v;
ALTER TABLE filed ALTER COLUMN v TYPE text USING nobody;

-- what the server says of a column that is there comes before its default
ALTER TABLE pk ADD COLUMN v int DEFAULT nobody();
ALTER TABLE pk ADD COLUMN IF NOT EXISTS v int DEFAULT 1 / 0;

-- a string that the parser warned of is not warned of again
SET standard_conforming_strings = off;
ALTER TABLE fk ADD COLUMN x text, ADD CHECK (x <> 'a\\b') NOT VALID;
RESET standard_conforming_strings;
\set VERBOSITY terse

-- the server does not plan the default of a foreign table
CREATE FOREIGN DATA WRAPPER robust_wrapper;
CREATE SERVER robust_server FOREIGN DATA WRAPPER robust_wrapper;
CREATE FOREIGN TABLE far (a int) SERVER robust_server;
ALTER FOREIGN TABLE far ADD COLUMN x int DEFAULT 1 / 0;

-- nodes without names, objects that are missing or of another kind
ALTER TABLE pk RESET (fillfactor);
ALTER TABLE pk OWNER TO CURRENT_USER;
ALTER TABLE pk SET TABLESPACE pg_default;
ALTER TABLE pk SET TABLESPACE nowhere;
ALTER TABLE pk SET ACCESS METHOD btree;
ALTER TABLE pk DROP COLUMN ctid;
ALTER TABLE pk ALTER COLUMN xmin SET NOT NULL;
ALTER TABLE pk DROP CONSTRAINT nobody;
ALTER TABLE pk ADD PRIMARY KEY USING INDEX nobody;
ALTER TABLE other.robust.pk ADD COLUMN x int;
COMMENT ON TABLE pk IS NULL;
COMMENT ON COLUMN pk.id IS NULL;
SECURITY LABEL FOR invariant_guard ON COLUMN pk.id IS NULL;
CREATE INDEX CONCURRENTLY ON pk (v);
DROP INDEX nobody;
DROP INDEX pk;
DROP VIEW pk;
DROP SEQUENCE pk_pkey;
DROP TABLE nowhere.pk;
DROP TABLE IF EXISTS nowhere.pk;
DROP FUNCTION IF EXISTS nobody(nothing);
DROP OPERATOR IF EXISTS === (nothing, int) CASCADE;
DROP CAST IF EXISTS (int AS nothing) CASCADE;
DROP TRANSFORM FOR int LANGUAGE nobody CASCADE;
DROP POLICY IF EXISTS nobody ON nowhere.pk;
DROP TRIGGER nobody ON pk;
DROP OWNED BY regress_nobody;
REASSIGN OWNED BY regress_nobody TO CURRENT_USER;
ALTER TYPE nobody ADD ATTRIBUTE x int;
ALTER DOMAIN nobody SET NOT NULL;
ALTER PUBLICATION nobody DROP TABLE pk;
GRANT SELECT ON ALL TABLES IN SCHEMA nowhere TO PUBLIC;
ALTER TABLE ALL IN TABLESPACE nowhere SET TABLESPACE pg_default;
VACUUM (FULL off) pk;
VACUUM (FULL nonsense) pk;
DROP DATABASE regress_nobody;

-- a type change that costs nothing passes, whoever references the column
BEGIN;
ALTER TABLE pk ALTER COLUMN id TYPE varchar(20);
ALTER TABLE fk ALTER COLUMN id TYPE varchar(20);
ROLLBACK;

-- a table OF a type is rewritten with the type
CREATE TYPE pair AS (a int, b text);
CREATE TABLE pairs OF pair;
ALTER TYPE pair ALTER ATTRIBUTE a TYPE bigint CASCADE;
CREATE TYPE unused AS (a int);
ALTER TYPE unused ALTER ATTRIBUTE a TYPE bigint;

-- CONCURRENTLY is what is asked for, also of many
REINDEX SCHEMA CONCURRENTLY robust;

-- 1600 columns, one of them dropped
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (' || string_agg('c' || i || ' int', ', ') || ')'
					 FROM generate_series(1, 1600) i); END $$;
SET invariant_guard.mode = off;
ALTER TABLE wide DROP COLUMN c5;
RESET invariant_guard.mode;
ALTER TABLE wide ADD COLUMN c1601 int;
ALTER TABLE wide DROP COLUMN c5;
ALTER TABLE wide ALTER COLUMN "........pg.dropped.5........" SET NOT NULL;
ALTER TABLE wide ALTER COLUMN c7 SET NOT NULL;

-- transactions that end inside of a statement
CREATE PROCEDURE in_steps() LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE robust.pk ADD COLUMN step1 int;
	COMMIT;
	BEGIN
		ALTER TABLE robust.pk DROP COLUMN step1;
	EXCEPTION WHEN OTHERS THEN
		RAISE NOTICE '%: %', SQLSTATE, SQLERRM;
	END;
	ROLLBACK;
	ALTER TABLE robust.pk ADD COLUMN step2 int;
	ALTER TABLE robust.pk DROP COLUMN step2;
END $$;
CALL in_steps();

-- the same statement again from a cached plan, and after an error
CREATE FUNCTION again() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	ALTER TABLE robust.pk DROP COLUMN step1;
	RETURN 'dropped';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END $$;
SET client_min_messages = error;
SELECT again() FROM generate_series(1, 3);
RESET client_min_messages;

-- an aborted transaction is left alone
BEGIN;
SELECT 1 / 0;
ALTER TABLE pk DROP COLUMN v;
ROLLBACK;

-- the extension goes and comes back: in force at once, also after a rollback
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(invariant_guard)';
DROP EXTENSION invariant_guard;
ALTER TABLE pk DROP COLUMN v;
ROLLBACK;
ALTER TABLE pk DROP COLUMN v;
BEGIN;
SAVEPOINT s;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(invariant_guard)';
DROP EXTENSION invariant_guard;
ALTER TABLE pk DROP COLUMN v;
ROLLBACK TO s;
ALTER TABLE pk DROP COLUMN v;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(invariant_guard)';
DROP EXTENSION invariant_guard;
COMMIT;
SET client_min_messages = error;
CREATE EXTENSION invariant_guard;
RESET client_min_messages;
ALTER TABLE pk DROP COLUMN v;

-- a partition with two faults gets the server's first word on it
CREATE TABLE ranges (a int, b int) PARTITION BY RANGE (a);
CREATE TABLE range1 PARTITION OF ranges FOR VALUES FROM (0) TO (10);
CREATE TABLE range2 PARTITION OF ranges (b WITH OPTIONS GENERATED ALWAYS AS IDENTITY)
	FOR VALUES FROM (5) TO (15);

-- so does a column for what has none, with a bad default as well
CREATE VIEW overlook AS SELECT a FROM ranges;
ALTER TABLE overlook ADD COLUMN c int DEFAULT 'x';
ALTER SEQUENCE ranges ADD COLUMN c int DEFAULT 'x';
ALTER TABLE ranges ADD COLUMN c int DEFAULT 'x' DEFAULT 1;

-- constraints and defaults of others are not run before the server has looked
-- who owns the table
CREATE ROLE regress_robust_owner;
CREATE ROLE regress_robust_other;
GRANT ALL ON SCHEMA robust TO regress_robust_owner, regress_robust_other;
SET ROLE regress_robust_owner;
CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
	$$ BEGIN RAISE NOTICE 'run by %', current_user; RETURN 1; END $$;
CREATE TABLE baited (a int) PARTITION BY LIST (a);
CREATE TABLE baited_rest PARTITION OF baited (CHECK (trap(1) = 1)) DEFAULT;
CREATE TABLE bait (a int CHECK (trap(1) = 1));
CREATE DOMAIN baited_domain AS int CHECK (trap(1) = 1);
SET ROLE regress_robust_other;
CREATE TABLE mine (a int) PARTITION BY LIST (a);
CREATE TABLE mine1 PARTITION OF baited FOR VALUES IN (1);
ALTER TABLE baited ATTACH PARTITION mine FOR VALUES IN (1);
ALTER TABLE mine ATTACH PARTITION bait FOR VALUES IN (1);
ALTER TABLE bait ALTER COLUMN a SET NOT NULL;
ALTER TABLE bait ADD COLUMN b baited_domain;
ALTER TABLE bait ALTER COLUMN a TYPE baited_domain;
CREATE TABLE mine2 (a baited_domain);
CREATE TYPE mine3 AS (a int);
ALTER TYPE mine3 ALTER ATTRIBUTE a TYPE baited_domain;
RESET ROLE;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA robust CASCADE;
DROP OWNED BY regress_robust_owner, regress_robust_other;
DROP ROLE regress_robust_owner, regress_robust_other;
DROP FOREIGN DATA WRAPPER robust_wrapper CASCADE;
