--
-- The net under the prediction.  A statement slips past the gate's judgement
-- when the mode is raised only while it runs; then the server's own calls, just
-- before it starts to work, are what is judged.
--
CREATE SCHEMA net;
SET search_path = net;
CREATE TABLE t (id int PRIMARY KEY, a int, b int CHECK (b IS NOT NULL), c varchar(10));
CREATE TABLE ref (id int PRIMARY KEY);
CREATE TABLE part (id int NOT NULL, k int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (1000);
INSERT INTO t SELECT i, i, i, i FROM generate_series(1, 100) i;
INSERT INTO part SELECT i, i FROM generate_series(1, 100) i;
ANALYZE t, part;
CREATE FUNCTION wake() RETURNS event_trigger LANGUAGE plpgsql
	AS 'BEGIN SET LOCAL invariant_guard.mode = enforce; END';
SET invariant_guard.mode = off;
CREATE EVENT TRIGGER regress_ig_wake ON ddl_command_start EXECUTE FUNCTION wake();

-- heaps
ALTER TABLE t ALTER COLUMN a TYPE bigint;
\set VERBOSITY terse
ALTER TABLE t ADD COLUMN d int DEFAULT random();
ALTER TABLE t SET UNLOGGED;
ALTER TABLE part ALTER COLUMN k TYPE bigint;
-- index builds
CREATE INDEX ON t (a);
CREATE INDEX ON part (k);
ALTER TABLE t ADD UNIQUE (a);
ALTER TABLE t ADD COLUMN d int UNIQUE;
ALTER TABLE t ALTER COLUMN c TYPE text;
-- scans
ALTER TABLE t ADD CHECK (a > 0);
ALTER TABLE t ADD CHECK (a > 0) NOT VALID;
ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref;
ALTER TABLE t ALTER COLUMN a SET NOT NULL;
ALTER TABLE part ALTER COLUMN k SET NOT NULL;
ALTER TABLE t ALTER COLUMN b SET NOT NULL;
ALTER TABLE t ALTER COLUMN b SET STATISTICS 10;
-- drops; of what goes only the heap can still be measured
\set VERBOSITY default
DROP TABLE t;
\set VERBOSITY terse
DROP TABLE part;
ALTER TABLE t DROP COLUMN a;
DROP SCHEMA net CASCADE;
-- what is new passes through the net as well
BEGIN;
SET LOCAL invariant_guard.mode = off;
CREATE TABLE fresh (a int);
INSERT INTO fresh VALUES (1);
SET LOCAL invariant_guard.mode = off;
ALTER TABLE fresh ALTER COLUMN a TYPE bigint;
SET LOCAL invariant_guard.mode = off;
CREATE INDEX ON fresh (a);
SET LOCAL invariant_guard.mode = off;
ALTER TABLE fresh ADD CHECK (a > 0);
SET LOCAL invariant_guard.mode = off;
ALTER TABLE fresh ALTER COLUMN a SET NOT NULL;
SET LOCAL invariant_guard.mode = off;
DROP TABLE fresh;
COMMIT;

DROP EVENT TRIGGER regress_ig_wake;
SET client_min_messages = warning;
DROP SCHEMA net CASCADE;
