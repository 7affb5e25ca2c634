--
-- Discipline of transactions: how long DDL waits for a lock, what is done while
-- one is held, and what one transaction should not do.
--
CREATE SCHEMA discipline;
SET search_path = discipline;
CREATE TABLE a (id int PRIMARY KEY, n int);
CREATE TABLE b (id int PRIMARY KEY, n int);
CREATE TABLE c (id int PRIMARY KEY, n int);
CREATE TABLE d (id int PRIMARY KEY, n int);
CREATE TABLE "Odd ""Table" (id int, n int);
INSERT INTO a SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO b SELECT i, i FROM generate_series(1, 100) i;
ALTER TABLE b ADD CONSTRAINT b_old CHECK (n > 0) NOT VALID;
ALTER TABLE "Odd ""Table" ADD CONSTRAINT "Odd Check" CHECK (n > 0) NOT VALID;
CREATE TABLE history (version text);
ANALYZE a, b;

-- the rules, as a user sees them
SELECT name, code, default_level FROM invariant_guard.rules WHERE family = 'discipline'
ORDER BY code;
BEGIN;
ALTER TABLE a ADD COLUMN seen int;
ALTER TABLE b VALIDATE CONSTRAINT b_old;
ROLLBACK;
BEGIN;
ALTER TABLE a ADD COLUMN seen int;
INSERT INTO b SELECT i, i FROM generate_series(1001, 2001) i;
ROLLBACK;
ALTER TABLE a ADD CONSTRAINT a_new CHECK (n > 0) NOT VALID, VALIDATE CONSTRAINT a_new;
BEGIN;
ALTER TABLE a ADD COLUMN seen int;
ALTER TABLE b ADD COLUMN seen int;
ALTER TABLE c ADD COLUMN seen int;
ROLLBACK;
SET invariant_guard.ddl_lock_timeout = 0;
BEGIN;
ALTER TABLE a ADD COLUMN seen int;
ROLLBACK;
RESET invariant_guard.ddl_lock_timeout;
\set VERBOSITY terse

--
-- ddl_lock_timeout: set for the statement alone.  A stable default is
-- evaluated while the statement runs, and tells.
--
SHOW lock_timeout;
ALTER TABLE a ADD COLUMN t1 text DEFAULT current_setting('lock_timeout');
SELECT t1 FROM a LIMIT 1;
SHOW lock_timeout;
-- the session's own is shorter, or longer
SET lock_timeout = '2s';
ALTER TABLE a ADD COLUMN t2 text DEFAULT current_setting('lock_timeout');
SET lock_timeout = '1min';
ALTER TABLE a ADD COLUMN t3 text DEFAULT current_setting('lock_timeout');
SELECT t2, t3 FROM a LIMIT 1;
SHOW lock_timeout;
RESET lock_timeout;
-- another value; none; modes that only look on, or do not
SET invariant_guard.ddl_lock_timeout = '1500ms';
ALTER TABLE a ADD COLUMN t4 text DEFAULT current_setting('lock_timeout');
\set VERBOSITY sqlstate
SET invariant_guard.ddl_lock_timeout = -1;
\set VERBOSITY terse
SET invariant_guard.ddl_lock_timeout = 'soon';
RESET invariant_guard.ddl_lock_timeout;
SET invariant_guard.mode = off;
ALTER TABLE a ADD COLUMN t5 text DEFAULT current_setting('lock_timeout');
SET invariant_guard.mode = observe;
ALTER TABLE a ADD COLUMN t6 text DEFAULT current_setting('lock_timeout');
SET invariant_guard.mode = warn;
ALTER TABLE a ADD COLUMN t7 text DEFAULT current_setting('lock_timeout');
RESET invariant_guard.mode;
SELECT t4, t5, t6, t7 FROM a LIMIT 1;
-- a new table, a temporary one, and a lock that is held already
BEGIN;
CREATE TABLE fresh AS SELECT 1 AS id;
ALTER TABLE fresh ADD COLUMN t text DEFAULT current_setting('lock_timeout');
SELECT t FROM fresh;
CREATE TEMP TABLE passing AS SELECT 1 AS id;
ALTER TABLE passing ADD COLUMN t text DEFAULT current_setting('lock_timeout');
SELECT t FROM passing;
LOCK TABLE a IN ACCESS EXCLUSIVE MODE;
ALTER TABLE a ADD COLUMN t8 text DEFAULT current_setting('lock_timeout');
SELECT t8 FROM a LIMIT 1;
ROLLBACK;
-- in a transaction that has set its own
BEGIN;
SET LOCAL lock_timeout = '1min';
ALTER TABLE a ADD COLUMN t9 text DEFAULT current_setting('lock_timeout');
SHOW lock_timeout;
COMMIT;
SELECT t9 FROM a LIMIT 1;
SHOW lock_timeout;
-- given back after an error, a refusal, a savepoint, an exception block
ALTER TABLE a ADD COLUMN e int DEFAULT 1 / 0;
ALTER TABLE a ADD COLUMN e int DEFAULT length(current_setting('no.such'));
SHOW lock_timeout;
ALTER TABLE a ALTER COLUMN n TYPE bigint;
SHOW lock_timeout;
BEGIN;
SAVEPOINT s;
ALTER TABLE a ADD COLUMN e int DEFAULT length(current_setting('no.such'));
ROLLBACK TO s;
SHOW lock_timeout;
COMMIT;
DO $$
BEGIN
	BEGIN
		ALTER TABLE a ADD COLUMN e int DEFAULT length(current_setting('no.such'));
	EXCEPTION WHEN OTHERS THEN
		RAISE NOTICE '%, lock_timeout %', SQLERRM, current_setting('lock_timeout');
	END;
	ALTER TABLE a ADD COLUMN t10 text DEFAULT current_setting('lock_timeout');
	RAISE NOTICE 'lock_timeout %', current_setting('lock_timeout');
END $$;
SELECT t10 FROM a LIMIT 1;
SHOW lock_timeout;
-- in a function that has its own
CREATE FUNCTION with_own() RETURNS text LANGUAGE plpgsql SET lock_timeout = '3s' AS $$
BEGIN
	ALTER TABLE a ADD COLUMN t11 text DEFAULT current_setting('lock_timeout');
	RETURN current_setting('lock_timeout');
END $$;
SELECT with_own();
SELECT t11 FROM a LIMIT 1;
SHOW lock_timeout;
-- what is set inside of the statement stays, as long as it would without
CREATE FUNCTION set_inside() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('lock_timeout', '1234ms', current_setting('discipline.local')::bool);
END $$;
CREATE EVENT TRIGGER discipline_inside ON ddl_command_start WHEN TAG IN ('ALTER TABLE')
	EXECUTE FUNCTION set_inside();
SET discipline.local = on;
BEGIN;
ALTER TABLE a ADD COLUMN t12 text DEFAULT current_setting('lock_timeout');
SHOW lock_timeout;
COMMIT;
SHOW lock_timeout;
ALTER TABLE a ADD COLUMN e int DEFAULT length(current_setting('no.such'));
SHOW lock_timeout;
SET discipline.local = off;
BEGIN;
ALTER TABLE a ADD COLUMN t13 text;
ROLLBACK;
SHOW lock_timeout;
ALTER TABLE a ADD COLUMN t13 text;
SHOW lock_timeout;
DROP EVENT TRIGGER discipline_inside;
RESET lock_timeout;
SELECT t12 FROM a LIMIT 1;
-- statements that commit inside; the index tells
CREATE FUNCTION tell(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_setting('discipline.tell', true) = 'on' THEN
		RAISE NOTICE 'lock_timeout %', current_setting('lock_timeout');
	ELSIF current_setting('discipline.tell', true) = 'fail' THEN
		RAISE 'lock_timeout % and an error', current_setting('lock_timeout');
	END IF;
	RETURN $1;
END $$;
CREATE SCHEMA discipline_one
	CREATE TABLE one (id int)
	CREATE INDEX one_tell ON one (discipline.tell(id));
INSERT INTO discipline_one.one VALUES (1);
SET invariant_guard.severity = 'reindex-blocking=off, vacuum-full=off, cluster=off';
SET discipline.tell = 'on';
REINDEX SCHEMA discipline_one;
SHOW lock_timeout;
VACUUM (FULL) discipline_one.one;
SHOW lock_timeout;
CLUSTER discipline_one.one USING one_tell;
SHOW lock_timeout;
CLUSTER;
SHOW lock_timeout;
REINDEX TABLE CONCURRENTLY discipline_one.one;
SET discipline.tell = 'fail';
REINDEX SCHEMA discipline_one;
SHOW lock_timeout;
VACUUM (FULL) discipline_one.one;
SHOW lock_timeout;
SET discipline.tell = 'on';
SET lock_timeout = '1min';
VACUUM (FULL) discipline_one.one;
SHOW lock_timeout;
RESET lock_timeout;
RESET discipline.tell;

--
-- lock-timeout-missing
--
SET invariant_guard.severity = 'create-index-blocking=off';
SET invariant_guard.ddl_lock_timeout = 0;
ALTER TABLE a ADD COLUMN m1 int;
CREATE INDEX a_n ON a (n);
CREATE TABLE child (a_id int REFERENCES a);
-- one warning for a lock, while it is held
BEGIN;
ALTER TABLE a ADD COLUMN m2 int;
ALTER TABLE a ADD COLUMN m3 int;
ROLLBACK;
-- not for a refused statement, CONCURRENTLY, weak locks, new and temporary tables, LOCK
ALTER TABLE a ADD COLUMN e int NOT NULL;
DROP INDEX CONCURRENTLY a_n;
CREATE INDEX CONCURRENTLY a_n ON a (n);
ALTER TABLE "Odd ""Table" VALIDATE CONSTRAINT "Odd Check";
BEGIN;
CREATE TABLE fresh (id int);
ALTER TABLE fresh ADD COLUMN n int;
CREATE TEMP TABLE passing (id int);
ALTER TABLE passing ADD COLUMN n int;
LOCK TABLE a;
ROLLBACK;
SET lock_timeout = '1min';
ALTER TABLE a ADD COLUMN m4 int;
RESET lock_timeout;
SET invariant_guard.severity = 'lock-timeout-missing=error';
ALTER TABLE a ADD COLUMN m5 int;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'lock-timeout-missing(a)';
ALTER TABLE a ADD COLUMN m5 int;
COMMIT;
RESET invariant_guard.ddl_lock_timeout;
RESET invariant_guard.severity;

--
-- lock-held-while: work on existing tables
--
CREATE MATERIALIZED VIEW mv AS SELECT id FROM a;
CREATE UNIQUE INDEX CONCURRENTLY mv_id ON mv (id);
CREATE DOMAIN positive AS int;
CREATE TABLE with_domain (p positive);
ALTER DOMAIN positive ADD CONSTRAINT positive_check CHECK (VALUE > 0) NOT VALID;
CREATE TABLE parted (k int) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (1000000);
SET invariant_guard.severity = 'lock=off, compatibility=off, many-tables=off';
CREATE PROCEDURE held(lock text, VARIADIC work text[]) LANGUAGE plpgsql AS $$
DECLARE
	statement text;
BEGIN
	EXECUTE lock;
	FOREACH statement IN ARRAY work LOOP
		BEGIN
			EXECUTE statement;
			RAISE SQLSTATE 'TT000';
		EXCEPTION
			WHEN SQLSTATE 'TT000' THEN RAISE NOTICE 'passes: %', statement;
			WHEN OTHERS THEN RAISE NOTICE '%', SQLERRM;
		END;
	END LOOP;
	ROLLBACK;
END $$;
CALL held('ALTER TABLE a ADD COLUMN w int',
	'CREATE INDEX ON b (n)', 'CREATE INDEX ON parted (k)', 'CREATE INDEX ON ONLY parted (k)',
	'CREATE UNIQUE INDEX ON "Odd ""Table" (id)',
	'ALTER TABLE b ALTER COLUMN n TYPE bigint', 'ALTER TABLE b ALTER COLUMN n SET NOT NULL',
	'ALTER TABLE b ADD CHECK (n > 1)', 'ALTER TABLE b ADD CHECK (n > 1) NOT VALID',
	'ALTER TABLE b ADD UNIQUE (n)', 'ALTER TABLE b ADD FOREIGN KEY (n) REFERENCES a',
	'ALTER TABLE b ADD COLUMN v uuid DEFAULT gen_random_uuid()', 'ALTER TABLE b ADD COLUMN v uuid',
	'ALTER TABLE b ADD COLUMN v int UNIQUE', 'ALTER TABLE b ADD COLUMN v int CHECK (v > 0)',
	'ALTER TABLE b ADD COLUMN v int REFERENCES a', 'ALTER TABLE b ADD COLUMN v int DEFAULT 1 REFERENCES a',
	'ALTER TABLE b VALIDATE CONSTRAINT b_old', 'ALTER TABLE a VALIDATE CONSTRAINT no_such',
	'REINDEX TABLE b', 'CLUSTER b USING b_pkey', 'ALTER TABLE b SET UNLOGGED',
	'REFRESH MATERIALIZED VIEW mv', 'REFRESH MATERIALIZED VIEW CONCURRENTLY mv',
	'ALTER DOMAIN positive VALIDATE CONSTRAINT positive_check',
	'CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (1000000) TO (2000000)');
-- what is new or temporary may be worked on
CALL held('ALTER TABLE a ADD COLUMN w int',
	'CREATE TABLE fresh AS SELECT 1 AS id; CREATE INDEX ON fresh (id); ALTER TABLE fresh ADD CHECK (id > 0)',
	'CREATE TEMP TABLE passing AS SELECT 1 AS id; CREATE INDEX ON passing (id)',
	'CREATE TABLE empty_parted (k int) PARTITION BY RANGE (k); CREATE INDEX ON empty_parted (k)',
	'CREATE TABLE new_child (a_id int REFERENCES a)');
-- which locks count: those that keep writers out
CALL held('ALTER TABLE b VALIDATE CONSTRAINT b_old', 'ALTER TABLE "Odd ""Table" VALIDATE CONSTRAINT "Odd Check"',
	'CREATE INDEX ON a (n)');
CALL held('LOCK TABLE a IN SHARE UPDATE EXCLUSIVE MODE', 'CREATE INDEX ON b (n)');
CALL held('LOCK TABLE ONLY a, "Odd ""Table" IN SHARE MODE', 'CREATE INDEX ON b (n)');
CALL held('CREATE INDEX ON a (n)', 'CREATE INDEX ON b (n)');
CALL held('CREATE TABLE new_child (a_id int REFERENCES a)', 'CREATE INDEX ON b (n)');
CALL held('REFRESH MATERIALIZED VIEW CONCURRENTLY mv', 'CREATE INDEX ON b (n)');
CALL held('CREATE TEMP TABLE passing (id int); ALTER TABLE passing ADD COLUMN n int', 'CREATE INDEX ON b (n)');
CALL held('CREATE TABLE fresh (id int); ALTER TABLE fresh ADD COLUMN n int', 'CREATE INDEX ON b (n)');
-- a savepoint that is rolled back gives the lock back; one that is released does not
BEGIN;
SAVEPOINT s;
ALTER TABLE a ADD COLUMN w int;
ROLLBACK TO s;
CREATE INDEX b_w ON b (n);
ROLLBACK TO s;
SAVEPOINT s2;
ALTER TABLE c ADD COLUMN w int;
RELEASE s2;
CREATE INDEX c_w ON c (n);
ROLLBACK;
-- one statement does both: it is judged for that by the rules of the family lock
ALTER TABLE b ADD COLUMN w1 int, ADD CHECK (n > 0);
-- exempt where small tables are
SET invariant_guard.exempt_smaller_than = '1GB';
CALL held('ALTER TABLE a ADD COLUMN w int', 'CREATE INDEX ON b (n)');
RESET invariant_guard.exempt_smaller_than;
-- allowed, for the table that is locked; warned of; observed
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'lock-held-while(discipline.a)';
ALTER TABLE a ADD COLUMN w int;
CREATE INDEX ON b (n);
ROLLBACK;
SET invariant_guard.mode = warn;
CALL held('ALTER TABLE a ADD COLUMN w int', 'CREATE INDEX ON b (n)');
SET invariant_guard.mode = off;
CALL held('ALTER TABLE a ADD COLUMN w int', 'CREATE INDEX ON b (n)');
RESET invariant_guard.mode;

--
-- lock-held-while: rows
--
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE kids (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE CASCADE);
INSERT INTO parent SELECT generate_series(1, 20);
INSERT INTO kids SELECT i, 1 + i % 20 FROM generate_series(1, 20) i;
CREATE TABLE logged (id int);
CREATE FUNCTION log_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO history VALUES ('row');
	RETURN NULL;
END $$;
CREATE TRIGGER log_row AFTER INSERT ON logged FOR EACH ROW EXECUTE FUNCTION log_row();
SET invariant_guard.max_rows_while_locked = 10;
CALL held('ALTER TABLE c ADD COLUMN w int',
	'INSERT INTO history SELECT i FROM generate_series(1, 10) i',
	'INSERT INTO history SELECT i FROM generate_series(1, 11) i',
	'UPDATE a SET n = n WHERE id <= 10', 'UPDATE a SET n = n WHERE id <= 11', 'UPDATE a SET n = n WHERE false',
	'DELETE FROM b WHERE id <= 10', 'DELETE FROM b WHERE id <= 11',
	'MERGE INTO a USING b ON a.id = b.id WHEN MATCHED AND b.id <= 11 THEN UPDATE SET n = 1',
	'WITH w AS (UPDATE a SET n = n WHERE id <= 11 RETURNING id) SELECT count(*) FROM w',
	'WITH w AS (UPDATE a SET n = n WHERE id <= 6 RETURNING id), v AS (DELETE FROM b WHERE id <= 6) SELECT 1',
	'DELETE FROM parent WHERE id <= 5', 'DELETE FROM parent WHERE id <= 6',
	'INSERT INTO logged SELECT i FROM generate_series(1, 5) i', 'INSERT INTO logged SELECT i FROM generate_series(1, 6) i',
	'INSERT INTO parted SELECT i FROM generate_series(1, 11) i',
	'DO $x$ BEGIN FOR i IN 1..11 LOOP INSERT INTO history VALUES (i); END LOOP; END $x$',
	'EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) INSERT INTO history SELECT i FROM generate_series(1, 11) i',
	'INSERT INTO a VALUES (1, 1) ON CONFLICT DO NOTHING',
	'SELECT count(*) FROM a, b',
	'CREATE TABLE fresh AS SELECT * FROM a; INSERT INTO fresh SELECT * FROM b; UPDATE fresh SET n = 1',
	'CREATE TEMP TABLE passing AS SELECT * FROM a; INSERT INTO passing SELECT * FROM b; DELETE FROM passing');
-- they add up, by whatever statement, from the lock on
BEGIN;
UPDATE a SET n = n;
ALTER TABLE c ADD COLUMN w int;
INSERT INTO history VALUES ('migration');
INSERT INTO history SELECT i FROM generate_series(1, 9) i;
SAVEPOINT s;
INSERT INTO history VALUES ('one more');
ROLLBACK TO s;
-- what was rolled back counts no more, new tables not at all
SAVEPOINT s;
CREATE TABLE fresh AS SELECT * FROM a;
INSERT INTO fresh SELECT * FROM b;
ROLLBACK TO s;
SAVEPOINT s;
UPDATE a SET n = n WHERE id <= 50;
ROLLBACK TO s;
SELECT count(*) FROM history;
COMMIT;
-- the next transaction starts anew, and holds nothing
UPDATE a SET n = n;
BEGIN;
UPDATE a SET n = n;
ROLLBACK;
-- COPY
CREATE TABLE copied (id int);
BEGIN;
ALTER TABLE c ADD COLUMN w2 int;
COPY copied FROM stdin;
1
2
3
\.
COPY (SELECT * FROM a) TO '/dev/null';
COPY copied FROM stdin;
4
5
6
7
8
9
10
11
\.
ROLLBACK;
-- a prepared statement, and a deferred trigger at COMMIT
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON copied DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION log_row();
PREPARE six AS INSERT INTO copied SELECT i FROM generate_series(1, 6) i;
BEGIN;
ALTER TABLE c ADD COLUMN w2 int;
EXECUTE six;
COMMIT;
BEGIN;
ALTER TABLE c ADD COLUMN w2 int;
EXECUTE six;
EXECUTE six;
ROLLBACK;
-- LOCK TABLE; a lock that a savepoint gave back; one of the transaction before
BEGIN;
LOCK TABLE c IN SHARE ROW EXCLUSIVE MODE;
UPDATE a SET n = n;
ROLLBACK;
BEGIN;
LOCK TABLE c IN ROW EXCLUSIVE MODE;
UPDATE a SET n = n;
SAVEPOINT s;
LOCK TABLE c;
ROLLBACK TO s;
UPDATE a SET n = n;
ROLLBACK;
-- the limit: off, none at all
SET invariant_guard.max_rows_while_locked = -1;
CALL held('ALTER TABLE c ADD COLUMN w2 int', 'UPDATE a SET n = n');
SET invariant_guard.max_rows_while_locked = 0;
CALL held('ALTER TABLE c ADD COLUMN w2 int', 'INSERT INTO history VALUES (1)', 'SELECT 1');
SET invariant_guard.max_rows_while_locked = -2;
SET invariant_guard.max_rows_while_locked = 10;
-- allowed; told once in a transaction
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'lock-held-while(c)';
ALTER TABLE c ADD COLUMN w2 int;
UPDATE a SET n = n;
UPDATE a SET n = n;
ROLLBACK;
SET invariant_guard.mode = warn;
BEGIN;
ALTER TABLE c ADD COLUMN w2 int;
UPDATE a SET n = n;
UPDATE a SET n = n;
ROLLBACK;
SET invariant_guard.mode = off;
CALL held('ALTER TABLE c ADD COLUMN w2 int', 'UPDATE a SET n = n');
RESET invariant_guard.mode;
-- where the server does not count, what statements report does
SET track_counts = off;
CALL held('ALTER TABLE c ADD COLUMN w2 int', 'UPDATE a SET n = n WHERE id <= 10');
CALL held('ALTER TABLE c ADD COLUMN w2 int', 'UPDATE a SET n = n WHERE id <= 11');
RESET track_counts;
RESET invariant_guard.max_rows_while_locked;
RESET invariant_guard.severity;

--
-- validate-same-transaction
--
BEGIN;
ALTER TABLE a ADD CONSTRAINT v_check CHECK (n > 0) NOT VALID;
ALTER TABLE a VALIDATE CONSTRAINT v_check;
ROLLBACK;
BEGIN;
ALTER TABLE "Odd ""Table" ADD CONSTRAINT "Odd Key" FOREIGN KEY (id) REFERENCES a NOT VALID;
ALTER TABLE "Odd ""Table" VALIDATE CONSTRAINT "Odd Key";
ROLLBACK;
ALTER TABLE a VALIDATE CONSTRAINT a_id_check, ADD CHECK (id > 0) NOT VALID;
BEGIN;
ALTER DOMAIN positive ADD CONSTRAINT small CHECK (VALUE < 100) NOT VALID;
ALTER DOMAIN positive VALIDATE CONSTRAINT small;
ROLLBACK;
-- in two transactions; again; on a new table; after the addition was taken back
ALTER TABLE a ADD CONSTRAINT v_check CHECK (n > 0) NOT VALID;
ALTER TABLE a VALIDATE CONSTRAINT v_check;
ALTER TABLE a VALIDATE CONSTRAINT v_check;
BEGIN;
CREATE TABLE fresh (id int);
ALTER TABLE fresh ADD CONSTRAINT f_check CHECK (id > 0) NOT VALID;
ALTER TABLE fresh VALIDATE CONSTRAINT f_check;
ALTER TABLE fresh ADD CONSTRAINT f_check2 CHECK (id > 0) NOT VALID, VALIDATE CONSTRAINT f_check2;
ROLLBACK;
BEGIN;
SAVEPOINT s;
ALTER TABLE c ADD CONSTRAINT late CHECK (n > 0) NOT VALID;
ROLLBACK TO s;
ALTER TABLE b VALIDATE CONSTRAINT b_old;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'validate-same-transaction(a)';
ALTER TABLE a ADD CONSTRAINT v_check2 CHECK (n > 0) NOT VALID, VALIDATE CONSTRAINT v_check2;
COMMIT;

--
-- many-tables: told once, DDL only
--
BEGIN;
ALTER TABLE a ADD COLUMN y int;
ALTER TABLE b ADD COLUMN y int;
ALTER TABLE a ADD COLUMN y2 int;
ALTER TABLE c ADD COLUMN y int;
ALTER TABLE d ADD COLUMN y int;
ROLLBACK;
-- locked parents count; views, new and temporary tables, weak locks and LOCK TABLE do not
CREATE TABLE refs (a_id int REFERENCES a, b_id int REFERENCES b, c_id int REFERENCES c);
BEGIN;
ALTER TABLE a ADD COLUMN y int;
CREATE TABLE fresh (id int);
ALTER TABLE fresh ADD COLUMN n int;
CREATE TEMP TABLE passing (id int);
ALTER TABLE passing ADD COLUMN n int;
LOCK TABLE b, c, d;
ALTER TABLE b ADD COLUMN y int;
ROLLBACK;
-- a partition, or a child, is part of its table
CREATE TABLE child_of_a () INHERITS (a);
CREATE TABLE child_of_a2 () INHERITS (a);
ALTER TABLE a ADD COLUMN everywhere int;
SET invariant_guard.mode = off;
DROP TABLE child_of_a, child_of_a2;
RESET invariant_guard.mode;
BEGIN;
ALTER TABLE parted ADD COLUMN y int;
ALTER TABLE parted_1 ALTER COLUMN y SET DEFAULT 1;
ALTER TABLE a ADD COLUMN y int;
ROLLBACK;
-- savepoints; not for a refused statement
BEGIN;
ALTER TABLE a ADD COLUMN y int;
SAVEPOINT s;
ALTER TABLE b ADD COLUMN y int;
ROLLBACK TO s;
ALTER TABLE c ADD COLUMN y int;
TRUNCATE d;
ROLLBACK;
SET invariant_guard.severity = 'many-tables=error';
CREATE TABLE refs2 (a_id int REFERENCES a, b_id int REFERENCES b, c_id int REFERENCES c);
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'many-tables(discipline.a)';
CREATE TABLE refs2 (a_id int REFERENCES a, b_id int REFERENCES b, c_id int REFERENCES c);
COMMIT;
RESET invariant_guard.severity;

--
-- enum-value-same-transaction
--
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE person (m mood);
BEGIN;
ALTER TYPE mood ADD VALUE 'so''-so' AFTER 'sad';
ALTER TYPE mood ADD VALUE 'fine' AFTER 'so''-so';
ALTER TABLE a ADD COLUMN mood mood DEFAULT 'sad';
-- a comment that says 'fine', "fine", 'fin' 'e'
ALTER TABLE a ADD COLUMN mood_2 mood /* 'fine' */ DEFAULT 'so''-so';
ROLLBACK;
BEGIN;
ALTER TYPE mood ADD VALUE 'fine';
SAVEPOINT s;
INSERT INTO person VALUES ('fine');
ROLLBACK TO s;
CREATE INDEX ON a (n) WHERE n > length('fine');
ROLLBACK;
-- taken back; there already; in the next transaction
BEGIN;
SAVEPOINT s;
ALTER TYPE mood ADD VALUE 'fine';
ROLLBACK TO s;
ALTER TYPE mood ADD VALUE IF NOT EXISTS 'sad';
ALTER TABLE a ADD COLUMN mood_3 mood DEFAULT 'sad';
ALTER TABLE a ADD COLUMN mood_4 text DEFAULT 'fine';
ROLLBACK;
ALTER TYPE mood ADD VALUE 'fine';
ALTER TABLE a ADD COLUMN mood_5 mood DEFAULT 'fine';

SET client_min_messages = error;
SET invariant_guard.mode = off;
DROP SCHEMA discipline, discipline_one CASCADE;
RESET invariant_guard.mode;
