--
-- check_ddl(): scripts that are judged and not run.
--
CREATE SCHEMA check_ddl;
SET search_path = check_ddl;
\set SHOW_CONTEXT never

CREATE TABLE t (id int PRIMARY KEY, a text, n int, b bigint NOT NULL DEFAULT 0)
	WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, 'a' || i, i, i FROM generate_series(1, 100) i;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE part (id int NOT NULL, a int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE empty_part (id int, a int) PARTITION BY RANGE (id);
CREATE TABLE money (id int PRIMARY KEY, parent_id int NOT NULL, cents bigint);
SELECT invariant_guard.protect('money', 'financial');
CREATE DOMAIN amount AS int;
CREATE TABLE d (total amount);
INSERT INTO d VALUES (1);
ANALYZE;

-- The rows of a script, short.
CREATE FUNCTION judge(script text, single_transaction boolean DEFAULT true)
RETURNS TABLE (n int, said text, object text, lock text, because text) LANGUAGE sql AS $$
	SELECT statement, coalesce(rule || ': ' || level, level), object, lock,
		CASE WHEN rule IS NULL THEN concat_ws('. ', message, detail) END
	FROM invariant_guard.check_ddl(script, single_transaction)
$$;

--
-- What comes back
--
\x on
SELECT * FROM invariant_guard.check_ddl($$
	-- a comment; with a semicolon
	ALTER TABLE t /* inside */ ADD CHECK (n > 0);
	DO 'BEGIN END';
$$);
\x off
SELECT * FROM judge('');
SELECT * FROM judge('-- nothing');
SELECT * FROM judge(NULL);
SELECT * FROM judge(E'SELECT 1;\nALTER TABLE t DROPP COLUMN a');
SELECT * FROM judge(E'SELECT 1;\n\n\\connect other\nSELECT 2;');
SELECT * FROM judge(E'SELECT 1;\n\\i file.sql');
SELECT * FROM judge(E'COPY parent FROM stdin;\n1\n2\n\\.\n');
SELECT * FROM judge('COPY parent FROM stdin');
SELECT * FROM judge('ALTER TABLE t ADD COLUMN x int; ALTER TABLE t ADD COLUMN y int; CREATE INDEX i ON t (n); DROP TABLE t');
-- it is judged by what is there, and nothing is done
SELECT * FROM judge('CREATE TABLE made (a int); INSERT INTO made VALUES (1); TRUNCATE t; CREATE ROLE regress_check_ddl');
SELECT to_regclass('made'), count(*) FROM t;
SELECT mode, count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 't'::regclass GROUP BY 1;
BEGIN;
SELECT * FROM judge('DROP TABLE t; ALTER TABLE t ALTER n TYPE bigint; CREATE TABLE made (a int)');
SELECT relation::regclass, mode FROM pg_locks
	WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation IN ('t'::regclass, 'parent'::regclass);
COMMIT;
BEGIN READ ONLY;
SELECT * FROM judge('TRUNCATE t');
COMMIT;
SET invariant_guard.mode = off;
SELECT * FROM judge('TRUNCATE t');
RESET invariant_guard.mode;

--
-- Levels, and allowances of the session and of the script
--
SET invariant_guard.severity = 'truncate=warning, create-index-blocking=off';
SELECT * FROM judge('TRUNCATE t; CREATE INDEX ON t (a)');
RESET invariant_guard.severity;
SELECT * FROM judge($$SET invariant_guard.severity = 'truncate=notice'; TRUNCATE t$$);
SELECT * FROM judge($$
	SET LOCAL invariant_guard.allow = 'truncate(t)';
	TRUNCATE t;
	SET LOCAL invariant_guard.reason = 'x';
	TRUNCATE t;
	COMMIT;
	TRUNCATE t$$);
SELECT * FROM judge($$
	BEGIN;
	SET invariant_guard.reason = 'x';
	SET invariant_guard.allow = 'truncate(t)';
	ROLLBACK;
	TRUNCATE t;
	SET invariant_guard.reason = 'x';
	SET invariant_guard.allow = 'truncate(t)';
	COMMIT;
	TRUNCATE t;
	RESET invariant_guard.allow;
	TRUNCATE t$$);
SET invariant_guard.reason = 'the session';
SET invariant_guard.allow = 'truncate(t)';
SELECT * FROM judge('TRUNCATE t, parent');
BEGIN;
SELECT * FROM judge($$SET invariant_guard.allow = 'drop-table(t)'; DROP TABLE t; TRUNCATE t$$);
SHOW invariant_guard.allow;
COMMIT;
RESET invariant_guard.allow;
RESET invariant_guard.reason;
-- the search path of the script
SELECT * FROM judge('SET search_path = pg_catalog; TRUNCATE t; RESET search_path; TRUNCATE check_ddl.t');
SELECT * FROM judge($$SELECT pg_catalog.set_config('search_path', '', false); TRUNCATE check_ddl.t; TRUNCATE t$$);
SHOW search_path;
-- the mode does not count
SELECT * FROM judge('SET invariant_guard.mode = off; TRUNCATE t');

--
-- Tables that the script makes
--
SELECT * FROM judge($$
	CREATE TABLE made (id int PRIMARY KEY, a text);
	CREATE INDEX made_a ON made (a);
	ALTER TABLE made ADD COLUMN b uuid NOT NULL DEFAULT gen_random_uuid();
	ALTER TABLE made ALTER a TYPE int USING a::int;
	ALTER TABLE made ALTER a SET NOT NULL;
	ALTER TABLE made ADD CHECK (a > 0);
	ALTER TABLE made DROP COLUMN b;
	ALTER TABLE made RENAME COLUMN a TO c;
	ALTER TABLE made RENAME TO made2;
	REINDEX TABLE made2;
	DROP INDEX made_a;
	TRUNCATE made2;
	DROP TABLE made2$$);
-- after a COMMIT it is there for all
SELECT * FROM judge($$
	CREATE TABLE made (id int PRIMARY KEY, a text);
	COMMIT;
	CREATE INDEX made_a ON made (a);
	ALTER TABLE made ADD COLUMN b uuid NOT NULL DEFAULT gen_random_uuid();
	ALTER TABLE made ADD COLUMN c int;
	ALTER TABLE made ALTER a TYPE int USING a::int;
	ALTER TABLE made ALTER a SET NOT NULL;
	ALTER TABLE made ALTER id SET NOT NULL;
	ALTER TABLE made ADD CHECK (a > 0);
	ALTER TABLE made DROP COLUMN a;
	ALTER TABLE made RENAME COLUMN id TO c;
	TRUNCATE made;
	DROP TABLE made$$);
SELECT * FROM judge('CREATE TABLE made (a int); CREATE INDEX ON made (a); DROP TABLE made', false);
SELECT * FROM judge('CREATE TABLE made (a int); ROLLBACK; CREATE INDEX ON made (a)');
SELECT * FROM judge('SAVEPOINT s; DROP TABLE parent; ROLLBACK TO s; CREATE INDEX ON parent (id)');
-- kept in mind: one that nothing was put into is empty
SET invariant_guard.exempt_empty_tables = on;
SELECT * FROM judge('CREATE TABLE made (a int); COMMIT; CREATE INDEX ON made (a); INSERT INTO made VALUES (1); CREATE INDEX ON made (a)');
RESET invariant_guard.exempt_empty_tables;
-- the rules for financial tables hold from the first day
SELECT * FROM judge($$
	CREATE TABLE made (id int PRIMARY KEY, price float8);
	SELECT invariant_guard.protect('made', 'financial');
	ALTER TABLE made ADD COLUMN tax float4;
	ALTER TABLE made ADD COLUMN parent_id int REFERENCES parent ON DELETE CASCADE;
	ALTER TABLE made ALTER price TYPE real;
	ALTER TABLE made DROP COLUMN price;
	ALTER TABLE made RENAME TO made2;
	TRUNCATE made2;
	DROP TABLE made2$$);
SET invariant_guard.financial_tables = 'check_ddl.pay*';
SELECT * FROM judge('CREATE UNLOGGED TABLE payments (a float8, b numeric); CREATE TABLE payments_as AS SELECT 1.5::float8 AS f');
SELECT * FROM judge('CREATE TABLE x (price float8); CREATE TABLE payments (LIKE x); SELECT 1::float8 AS f INTO payments_2');
RESET invariant_guard.financial_tables;
-- foreign keys through them
SELECT * FROM judge($$
	CREATE TABLE middle (id int PRIMARY KEY, parent_id int);
	ALTER TABLE money ADD FOREIGN KEY (parent_id) REFERENCES middle ON DELETE CASCADE NOT VALID;
	ALTER TABLE middle ADD FOREIGN KEY (parent_id) REFERENCES parent ON DELETE CASCADE$$);
SELECT * FROM judge($$
	CREATE TABLE middle (id int PRIMARY KEY, parent_id int REFERENCES parent);
	CREATE TABLE child (id int, middle_id int REFERENCES middle (id) ON DELETE CASCADE)$$);
-- schemas, partitions, replaced tables
SELECT * FROM judge($$
	CREATE SCHEMA made CREATE TABLE x (a int) CREATE INDEX ON x (a);
	SET search_path = made;
	CREATE TABLE y (a int);
	CREATE INDEX ON y (a);
	DROP TABLE made.x;
	DROP SCHEMA made CASCADE$$);
SELECT * FROM judge($$
	CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM (100) TO (200);
	CREATE TABLE made (id int, a int) PARTITION BY RANGE (id);
	CREATE TABLE made_1 PARTITION OF made FOR VALUES FROM (0) TO (1);
	CREATE INDEX ON made (a)$$);
SELECT * FROM judge('ALTER TABLE empty_part ADD CHECK (a > 0); CREATE TABLE p1 PARTITION OF empty_part DEFAULT; COMMIT; ALTER TABLE empty_part ADD CHECK (a > 0)');
SELECT * FROM judge('DROP TABLE parent; CREATE TABLE parent (id bigint)');
SELECT * FROM judge('ALTER TABLE parent RENAME TO old; CREATE TABLE parent (id bigint)');

--
-- Names that come and go
--
SELECT * FROM judge('ALTER TABLE t RENAME TO things; CREATE VIEW t AS SELECT * FROM things');
SELECT * FROM judge('ALTER TABLE t RENAME TO things; COMMIT; CREATE VIEW t AS SELECT * FROM things');
SELECT * FROM judge('ALTER TABLE t RENAME TO things; CREATE VIEW t AS SELECT 1', false);
SELECT * FROM judge('ALTER TABLE t RENAME TO things; ALTER TABLE things RENAME TO t');
SELECT * FROM judge('ALTER TABLE t RENAME TO a; ALTER TABLE a RENAME TO b; CREATE VIEW t AS SELECT 1');
SELECT * FROM judge('ALTER TABLE t RENAME TO things; CREATE VIEW t AS SELECT 1; CREATE INDEX ON things (a); TRUNCATE t');
-- a view stands for the table only with its columns and grants
SELECT * FROM judge('ALTER TABLE t RENAME TO things; CREATE VIEW t AS SELECT id, a FROM things');
SELECT * FROM judge('ALTER TABLE t RENAME TO things; SAVEPOINT s; CREATE VIEW t AS SELECT * FROM things; ROLLBACK TO s');
SELECT * FROM judge('SAVEPOINT s; ALTER TABLE t RENAME TO things; ROLLBACK TO s');
-- whether a replacement is as strict shows only when it runs
SELECT * FROM judge('ALTER TABLE t ALTER COLUMN b DROP DEFAULT; ALTER TABLE t ALTER COLUMN b SET DEFAULT 1');
SELECT * FROM judge('ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID');
SELECT * FROM judge('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT c CHECK (id > 0) NOT VALID', false);
SELECT * FROM judge('ALTER TABLE t DROP CONSTRAINT t_pkey; COMMIT; ALTER TABLE t ADD CONSTRAINT c CHECK (id > 0) NOT VALID');
SELECT * FROM judge('DROP FUNCTION judge(text, boolean); CREATE FUNCTION judge(text) RETURNS int LANGUAGE sql AS $x$SELECT 1$x$');
SELECT * FROM judge('ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ALTER COLUMN b DROP DEFAULT');
SELECT * FROM judge('DROP TABLE parent; CREATE INDEX ON parent (id)');
SELECT * FROM judge('ALTER TABLE parent SET SCHEMA public; TRUNCATE parent; TRUNCATE public.parent');
SELECT * FROM judge('ALTER TABLE nothing ADD COLUMN a int; ALTER TABLE IF EXISTS nothing ADD COLUMN a int; DROP TABLE nothing; DROP TABLE IF EXISTS nothing');
SELECT * FROM judge($$ALTER TABLE t RENAME COLUMN a TO label; COMMIT; ALTER TABLE t DROP COLUMN a; ALTER TABLE t DROP COLUMN label$$);

--
-- Labels
--
SELECT * FROM judge($$SECURITY LABEL FOR invariant_guard ON TABLE t IS 'financial'; ALTER TABLE t ADD COLUMN price float8; TRUNCATE t$$);
SELECT * FROM judge($$SELECT invariant_guard.protect('t', 'financial'); ROLLBACK; ALTER TABLE t ADD COLUMN price float8$$);
SELECT * FROM judge($$SELECT invariant_guard.unprotect('money', 'financial'); ALTER TABLE money ADD COLUMN price float8$$);
SELECT * FROM judge($$SECURITY LABEL FOR invariant_guard ON TABLE money IS 'protected'; SECURITY LABEL FOR invariant_guard ON TABLE money IS NULL$$);

--
-- NOT NULL, proved by the script
--
SELECT * FROM judge($$
	ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;
	ALTER TABLE t VALIDATE CONSTRAINT c;
	ALTER TABLE t ALTER a SET NOT NULL;
	ALTER TABLE t DROP CONSTRAINT c$$, false);
SELECT * FROM judge($$
	ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;
	ALTER TABLE t ALTER a SET NOT NULL$$, false);
SELECT * FROM judge($$
	ALTER TABLE t ADD CONSTRAINT c CHECK (a IS NOT NULL) NOT VALID;
	ALTER TABLE t VALIDATE CONSTRAINT c;
	ALTER TABLE t DROP CONSTRAINT c;
	ALTER TABLE t ALTER a SET NOT NULL$$, false);
SELECT * FROM judge($$
	ALTER TABLE t ADD CONSTRAINT c CHECK (a > '') NOT VALID;
	ALTER TABLE t VALIDATE CONSTRAINT c;
	ALTER TABLE t ALTER a SET NOT NULL;
	ALTER TABLE t ALTER n SET NOT NULL;
	ALTER TABLE t DROP CONSTRAINT c$$, false);
SELECT * FROM judge($$
	ALTER TABLE t ADD COLUMN x int;
	ALTER TABLE t ALTER x SET NOT NULL;
	ALTER TABLE t ADD COLUMN y int;
	ALTER TABLE t ADD CONSTRAINT c CHECK (y IS NOT NULL AND y > 0) NOT VALID;
	ALTER TABLE t VALIDATE CONSTRAINT c;
	ALTER TABLE t ALTER y SET NOT NULL$$);
SELECT * FROM judge('ALTER TABLE t ALTER b DROP NOT NULL; COMMIT; ALTER TABLE t ALTER b SET NOT NULL');
SELECT * FROM judge('ALTER TABLE t ALTER b SET NOT NULL; ALTER TABLE t ALTER id SET NOT NULL');
-- one transaction: VALIDATE is in vain there
SELECT * FROM judge('ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c');
SELECT * FROM judge('ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE t VALIDATE CONSTRAINT c', false);
-- keys by an index of the script
SELECT * FROM judge($$
	CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);
	ALTER TABLE t ADD CONSTRAINT t_n UNIQUE USING INDEX t_n$$, false);
SELECT * FROM judge($$
	CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);
	ALTER TABLE t DROP CONSTRAINT t_pkey;
	ALTER TABLE t ADD CONSTRAINT t_n PRIMARY KEY USING INDEX t_n$$, false);
SELECT * FROM judge($$
	CREATE UNIQUE INDEX CONCURRENTLY t_n ON t (n);
	ALTER TABLE t ADD CONSTRAINT c CHECK (n IS NOT NULL) NOT VALID;
	ALTER TABLE t VALIDATE CONSTRAINT c;
	ALTER TABLE t ALTER n SET NOT NULL;
	ALTER TABLE t DROP CONSTRAINT c;
	ALTER TABLE t ADD CONSTRAINT t_n PRIMARY KEY USING INDEX t_n$$, false);

--
-- Columns, constraints and indexes that an earlier statement changed
--
SELECT * FROM judge('ALTER TABLE t ADD COLUMN x int; ALTER TABLE t ALTER x TYPE bigint; ALTER TABLE t DROP COLUMN x; ALTER TABLE t DROP COLUMN n');
SELECT * FROM judge('ALTER TABLE t ADD COLUMN x int; COMMIT; ALTER TABLE t DROP COLUMN x; ALTER TABLE t DROP COLUMN x; ALTER TABLE t ADD COLUMN x int NOT NULL');
SELECT * FROM judge('ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a int NOT NULL; ALTER TABLE t DROP COLUMN n');
SELECT * FROM judge('CREATE INDEX t_a ON t (a); COMMIT; ALTER TABLE t ALTER a TYPE varchar COLLATE "C"; ALTER TABLE t ALTER n TYPE bigint');
SELECT * FROM judge('CREATE INDEX CONCURRENTLY t_an ON t (a, n); ALTER TABLE t DROP COLUMN a; DROP INDEX t_an; DROP INDEX CONCURRENTLY IF EXISTS t_an', false);
SELECT * FROM judge('ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID; ALTER TABLE t DROP CONSTRAINT c; COMMIT; ALTER TABLE t ADD CONSTRAINT c CHECK (n > 0) NOT VALID; COMMIT; ALTER TABLE t DROP CONSTRAINT c');
SELECT * FROM judge('ALTER TABLE t ALTER b DROP DEFAULT; ALTER TABLE t ALTER b SET DEFAULT 1; ALTER TABLE t ALTER b DROP DEFAULT');
SELECT * FROM judge('ALTER TABLE t ADD COLUMN x int NOT NULL DEFAULT 0; ALTER TABLE t ALTER x DROP DEFAULT; COMMIT; ALTER TABLE t ADD COLUMN y int NOT NULL DEFAULT 0; COMMIT; ALTER TABLE t ALTER y DROP DEFAULT');
SELECT * FROM judge('CREATE TABLE p_2 (id int NOT NULL, a int); ALTER TABLE part ATTACH PARTITION p_2 FOR VALUES FROM (100) TO (200)');
SELECT * FROM judge($$
	ALTER TABLE parent ADD CONSTRAINT c CHECK (id >= 500 AND id < 600) NOT VALID;
	ALTER TABLE parent VALIDATE CONSTRAINT c;
	ALTER TABLE empty_part ATTACH PARTITION parent FOR VALUES FROM (500) TO (600)$$, false);
SELECT * FROM judge('CREATE VIEW v AS SELECT * FROM t; DROP TABLE t CASCADE; ROLLBACK; CREATE VIEW v AS SELECT * FROM t; COMMIT; DROP TABLE t CASCADE');
SELECT * FROM judge('DROP SCHEMA nowhere CASCADE; ALTER SCHEMA check_ddl RENAME TO other; TRUNCATE other.t');

--
-- Types that the script makes
--
SELECT * FROM judge($$
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	ALTER TABLE t ADD COLUMN m mood;
	ALTER TABLE t ADD COLUMN m2 mood NOT NULL DEFAULT 'sad';
	ALTER TABLE t ADD COLUMN m3 mood NOT NULL;
	CREATE DOMAIN positive AS int CHECK (VALUE > 0);
	ALTER TABLE t ADD COLUMN p positive;
	DROP TYPE mood;
	COMMIT;
	DROP DOMAIN positive$$);
SELECT * FROM judge('ALTER DOMAIN amount ADD CHECK (VALUE > 0); ALTER DOMAIN amount ADD CONSTRAINT c CHECK (VALUE > 0) NOT VALID; ALTER DOMAIN amount VALIDATE CONSTRAINT c', false);

--
-- What cannot be seen, and what the server refuses
--
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION g() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
SELECT * FROM judge($$
	CALL p();
	SELECT f();
	SELECT g(), now(), random();
	UPDATE t SET n = f();
	CREATE FUNCTION h() RETURNS int LANGUAGE sql AS 'TRUNCATE t; SELECT 1';
	SELECT h();
	EXECUTE plan;
	CREATE EXTENSION nothing;
	CREATE EXTENSION IF NOT EXISTS invariant_guard;
	SET ROLE someone;
	ALTER TABLE t ADD COLUMN x int DEFAULT h();
	ALTER TABLE t ALTER a TYPE int USING nothing(a);
	ALTER TABLE t ADD COLUMN y int REFERENCES nothing$$);
CREATE ROLE regress_check_ddl;
GRANT USAGE ON SCHEMA check_ddl, invariant_guard TO regress_check_ddl;
SET ROLE regress_check_ddl;
SELECT * FROM judge('ALTER TABLE t ALTER n TYPE bigint USING f(); TRUNCATE t');
RESET ROLE;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA check_ddl CASCADE;
REVOKE ALL ON SCHEMA invariant_guard FROM regress_check_ddl;
DROP ROLE regress_check_ddl;
