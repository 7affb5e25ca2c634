--
-- Family Z: a freeze of the schema, and what kind of database this is.
--
\set VERBOSITY terse
CREATE SCHEMA frozen;

-- the setting: ranges as tstzrange writes them, several of them, a multirange
SET invariant_guard.schema_freeze = '[2026-12-20, 2027-01-02)';
SET invariant_guard.schema_freeze = '[2026-12-20, 2027-01-02), (2027-04-01 18:00, 2027-04-02T06:00:30.5Z]';
SET invariant_guard.schema_freeze = '{[2026-12-20,2027-01-02),["2027-04-01 18:00:00+00","2027-04-02 06:00:00+02:30")}';
SET invariant_guard.schema_freeze = ' [2026-12-20 24:00 Europe/Berlin , infinity) ';
SET invariant_guard.schema_freeze = '(,)';
SET invariant_guard.schema_freeze = '[-infinity, 2000-01-01]';
SET invariant_guard.schema_freeze = '[2000-02-29, 2000-02-29]';
SET invariant_guard.schema_freeze = '';
-- and what it is not
\set VERBOSITY default
SET invariant_guard.schema_freeze = '[now, infinity)';
\set VERBOSITY terse
CREATE FUNCTION pg_temp.refuses(value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM set_config('invariant_guard.schema_freeze', value, true);
	RETURN 'accepted';
EXCEPTION WHEN invalid_parameter_value THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END $$;
\pset format unaligned
\pset tuples_only on
SELECT value || ' -> ' || pg_temp.refuses(value) FROM unnest(ARRAY[
	'today', '[today, tomorrow)', '[2026-12-20 allballs, )', '[epoch, )', '[infinity, )', '[, -infinity)',
	'2026-12-20', '[2026-12-20)', '[2026-12-20, 2027-01-02', '[2026-12-20, 2027-01-02) [2028-01-01, )',
	'[2026-12-20, 2027-01-02),', '{[2026-12-20, 2027-01-02)', '[2026-12-20, 2027-01-02)}', '{}', 'empty',
	'[2027-01-02, 2026-12-20)', '[2026-12-20, 2026-12-20)', '(2026-12-20, 2026-12-20]',
	'[2026-13-01, )', '[2026-02-29, )', '[12/20/2026, )', '[26-12-20, )', '[2026-12-20 25:00, )',
	'[2026-12-20 24:00:01, )', '[2026-12-20 18, )', '[2026-12-20 18:00 CET, )', '[2026-12-20 18:00 Nowhere/Land, )',
	'[2026-12-20 18:00+99, )', '[2026-12-20 18:00:00.1234567, )', '["2026-12-20, )', '[2026-12-20 BC, )',
	'[2026-12-20 18:00+01 , 2027-01-02 06:00-08:30)', '[-4711-01-01, )']) AS value;
-- a bound means the same whoever reads it
SET TimeZone = 'Asia/Tokyo';
SET DateStyle = 'SQL, DMY';
SET invariant_guard.schema_freeze = '[1999-01-02, 9999-03-04 05:06:07)';
ALTER SYSTEM SET invariant_guard.schema_freeze = '[tomorrow, )';

SET search_path = frozen;
RESET invariant_guard.schema_freeze;
CREATE TABLE users (id int PRIMARY KEY, nickname text, born date);
CREATE TABLE orders (id int PRIMARY KEY, user_id int, total numeric) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (100);
CREATE TABLE orders_2 (LIKE orders INCLUDING ALL);
CREATE TABLE payments (id int);
SELECT invariant_guard.protect('payments', 'financial');
CREATE VIEW names AS SELECT id, nickname FROM users;
CREATE MATERIALIZED VIEW counts AS SELECT count(*) AS n FROM users;
CREATE UNIQUE INDEX CONCURRENTLY counts_n ON counts (n);
CREATE SEQUENCE numbers;
CREATE TYPE mood AS ENUM ('sad');
CREATE TYPE pair AS (a int, b int);
CREATE DOMAIN positive AS int;
ALTER DOMAIN positive ADD CONSTRAINT p CHECK (VALUE > 0) NOT VALID;
CREATE FUNCTION one(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TRIGGER watch AFTER INSERT ON users EXECUTE FUNCTION fire();
CREATE POLICY own ON users;
CREATE RULE nothing AS ON INSERT TO names DO INSTEAD NOTHING;
CREATE EVENT TRIGGER regress_ig_freeze ON sql_drop EXECUTE FUNCTION ddl();
SET client_min_messages = error;
CREATE PUBLICATION regress_ig_freeze FOR TABLE users;
CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq);
CREATE OPERATOR FAMILY family USING btree;
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
CREATE TEXT SEARCH DICTIONARY dict (TEMPLATE = simple);
CREATE STATISTICS born_name ON nickname, born FROM users;
CREATE FOREIGN DATA WRAPPER regress_ig_wrapper;
CREATE SERVER regress_ig_server FOREIGN DATA WRAPPER regress_ig_wrapper;
CREATE USER MAPPING FOR PUBLIC SERVER regress_ig_server;
CREATE ROLE regress_ig_frozen;
CREATE ROLE regress_ig_other;
GRANT SELECT ON users TO regress_ig_frozen;

-- What the freeze says of a statement, which is undone in any case; the other
-- rules are of no interest here.
CREATE FUNCTION judge(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION 'passes';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
	RETURN statement || ' -> ' || replace(message, ': the schema is frozen until 9999-03-04 05:06:07 UTC (rule schema-freeze)', ': frozen');
END $$;
SET invariant_guard.severity = 'all=off, schema-freeze=error';
SET invariant_guard.schema_freeze = '[1999-01-02, 9999-03-04 05:06:07)';

-- what is new passes
SELECT judge(statement) FROM unnest(ARRAY[
	'CREATE TABLE a (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users)',
	'CREATE TABLE a PARTITION OF orders FOR VALUES FROM (200) TO (300)',
	'CREATE TABLE a () INHERITS (users)', 'CREATE TABLE a AS SELECT * FROM users',
	'CREATE TEMP TABLE a (id int)', 'CREATE SCHEMA a CREATE TABLE b (id int) CREATE INDEX ON b (id)',
	'CREATE SEQUENCE a', 'CREATE VIEW a AS SELECT 1', 'CREATE OR REPLACE VIEW a AS SELECT 1',
	'CREATE MATERIALIZED VIEW a AS SELECT 1', 'CREATE TYPE a AS ENUM ()', 'CREATE TYPE a AS (b int)',
	'CREATE TYPE a AS RANGE (SUBTYPE = int)', 'CREATE DOMAIN a AS int NOT NULL',
	'CREATE FUNCTION a() RETURNS int LANGUAGE sql AS ''SELECT 1''',
	'CREATE OR REPLACE FUNCTION a() RETURNS int LANGUAGE sql AS ''SELECT 1''',
	'CREATE OR REPLACE FUNCTION one(a text) RETURNS int LANGUAGE sql AS ''SELECT 1''',
	'CREATE OR REPLACE PROCEDURE one() LANGUAGE sql AS ''SELECT 1''',
	'CREATE OR REPLACE AGGREGATE total(bigint) (SFUNC = int8pl, STYPE = bigint)',
	'CREATE OPERATOR ==== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq)',
	'CREATE COLLATION a FROM "C"', 'CREATE TEXT SEARCH DICTIONARY a (TEMPLATE = simple)',
	'CREATE STATISTICS a ON id, born FROM users', 'CREATE CAST (pair AS text) WITH INOUT',
	'CREATE EVENT TRIGGER regress_ig_a ON sql_drop EXECUTE FUNCTION ddl()',
	'CREATE PUBLICATION regress_ig_a FOR TABLE users', 'CREATE ROLE regress_ig_a',
	'CREATE FOREIGN TABLE a (id int) SERVER regress_ig_server',
	'CREATE EXTENSION pg_trgm', 'CREATE ACCESS METHOD a TYPE INDEX HANDLER bthandler',
	'CREATE CONVERSION a FOR ''UTF8'' TO ''LATIN1'' FROM utf8_to_iso8859_1',
	'CREATE OPERATOR FAMILY a USING btree']) AS statement;
-- and so does what adds to the old
SELECT judge(statement) FROM unnest(ARRAY[
	'ALTER TABLE users ADD COLUMN city text', 'ALTER TABLE users ADD city text CHECK (city <> '''') UNIQUE',
	'ALTER TABLE users ADD n int NOT NULL DEFAULT 0', 'ALTER TABLE users ADD n serial',
	'ALTER TABLE orders ATTACH PARTITION orders_2 FOR VALUES FROM (100) TO (200)',
	'ALTER TABLE users ALTER nickname SET STATISTICS 100', 'ALTER TABLE users SET (fillfactor = 90)',
	'ALTER INDEX users_pkey SET (fillfactor = 90)', 'ALTER DOMAIN positive VALIDATE CONSTRAINT p',
	'CREATE INDEX ON ONLY orders (user_id)', 'ALTER TYPE mood ADD VALUE ''happy''',
	'COMMENT ON TABLE users IS ''ours''', 'GRANT SELECT ON orders TO regress_ig_frozen',
	'GRANT regress_ig_frozen TO regress_ig_other', 'ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO regress_ig_frozen',
	'SECURITY LABEL FOR invariant_guard ON TABLE users IS ''protected''',
	'ALTER PUBLICATION regress_ig_freeze ADD TABLE orders', 'ALTER STATISTICS born_name SET STATISTICS 10',
	'ALTER OPERATOR FAMILY family USING btree ADD OPERATOR 1 <(int, int)',
	'ALTER TEXT SEARCH CONFIGURATION words ADD MAPPING FOR entity WITH simple',
	'REFRESH MATERIALIZED VIEW CONCURRENTLY counts', 'REINDEX TABLE users', 'ANALYZE users',
	'ALTER ROLE regress_ig_frozen PASSWORD NULL', 'ALTER ROLE regress_ig_frozen SET work_mem = ''1MB''',
	'DROP TABLE IF EXISTS nothing', 'ALTER TABLE IF EXISTS nothing DROP COLUMN a',
	'INSERT INTO users VALUES (1)', 'LOCK TABLE users']) AS statement;
CREATE INDEX CONCURRENTLY users_born ON users (born);
VACUUM users;
-- everything else does not
SELECT judge(statement) FROM unnest(ARRAY[
	'ALTER TABLE users ADD n int NOT NULL', 'ALTER TABLE users ADD n int PRIMARY KEY', 'ALTER TYPE pair ADD ATTRIBUTE c int',
	'ALTER TABLE users ADD a int, DROP COLUMN born, ALTER nickname SET NOT NULL', 'ALTER TABLE users ALTER born TYPE text',
	'ALTER TABLE users ALTER nickname SET DEFAULT ''''', 'ALTER TABLE users ALTER id DROP NOT NULL',
	'ALTER TABLE users ALTER id ADD GENERATED ALWAYS AS IDENTITY', 'ALTER TABLE users ALTER nickname SET STORAGE PLAIN',
	'ALTER TABLE users ADD CONSTRAINT c CHECK (id > 0) NOT VALID', 'ALTER TABLE users ADD UNIQUE (nickname)',
	'ALTER TABLE users DROP CONSTRAINT users_pkey', 'ALTER TABLE users INHERIT payments',
	'ALTER TABLE users OWNER TO regress_ig_frozen', 'ALTER TABLE users ENABLE ROW LEVEL SECURITY',
	'ALTER TABLE users DISABLE TRIGGER watch', 'ALTER TABLE users ENABLE ALWAYS TRIGGER watch', 'ALTER TABLE users SET UNLOGGED',
	'ALTER TABLE users REPLICA IDENTITY FULL', 'ALTER TABLE orders DETACH PARTITION orders_1',
	'ALTER TABLE users CLUSTER ON users_pkey', 'ALTER VIEW names SET (security_barrier)', 'ALTER VIEW names ALTER id SET DEFAULT 1',
	'ALTER TABLE users RENAME TO people', 'ALTER TABLE users RENAME nickname TO nick', 'ALTER VIEW names RENAME TO n',
	'ALTER TABLE users RENAME CONSTRAINT users_pkey TO a', 'ALTER TRIGGER watch ON users RENAME TO w', 'ALTER TYPE mood RENAME TO m',
	'ALTER TYPE mood RENAME VALUE ''sad'' TO ''blue''', 'ALTER TYPE pair RENAME ATTRIBUTE a TO c', 'ALTER SCHEMA frozen RENAME TO f',
	'ALTER DOMAIN positive RENAME CONSTRAINT p TO q', 'ALTER INDEX users_pkey RENAME TO a', 'ALTER FUNCTION one RENAME TO two',
	'ALTER ROLE regress_ig_frozen RENAME TO regress_ig_a', 'ALTER SERVER regress_ig_server RENAME TO s',
	'ALTER TABLE users SET SCHEMA public', 'ALTER FUNCTION one SET SCHEMA public', 'ALTER TYPE mood OWNER TO regress_ig_frozen',
	'ALTER SCHEMA frozen OWNER TO regress_ig_frozen', 'ALTER EVENT TRIGGER regress_ig_freeze OWNER TO CURRENT_USER',
	'ALTER DOMAIN positive DROP CONSTRAINT p', 'ALTER DOMAIN positive SET NOT NULL', 'ALTER SEQUENCE numbers RESTART',
	'ALTER FUNCTION one STABLE', 'ALTER FUNCTION one(int) DEPENDS ON EXTENSION invariant_guard', 'ALTER OPERATOR === (int, int) SET (RESTRICT = eqsel)',
	'CREATE INDEX ON users (nickname)', 'CREATE UNIQUE INDEX ON users (nickname)', 'CREATE INDEX ON orders (user_id)',
	'CREATE OR REPLACE VIEW names AS SELECT id, nickname FROM users', 'CREATE OR REPLACE FUNCTION one(a int) RETURNS int LANGUAGE sql AS ''SELECT 2''',
	'CREATE OR REPLACE FUNCTION frozen.one(IN a int, OUT b int) RETURNS int LANGUAGE sql AS ''SELECT 2''',
	'CREATE OR REPLACE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int)',
	'CREATE TRIGGER more AFTER INSERT ON users EXECUTE FUNCTION fire()', 'CREATE POLICY more ON users', 'ALTER POLICY own ON users USING (true)',
	'CREATE RULE more AS ON INSERT TO users DO ALSO NOTHING', 'DROP TABLE users CASCADE', 'DROP TABLE users, orders', 'DROP VIEW names',
	'DROP INDEX users_born', 'DROP SEQUENCE numbers', 'DROP FUNCTION one', 'DROP TYPE mood', 'DROP DOMAIN positive', 'DROP TRIGGER watch ON users',
	'DROP POLICY own ON users', 'DROP RULE nothing ON names', 'DROP EVENT TRIGGER regress_ig_freeze', 'DROP PUBLICATION regress_ig_freeze',
	'DROP AGGREGATE total(int)', 'DROP OPERATOR === (int, int)', 'DROP TEXT SEARCH DICTIONARY dict', 'DROP STATISTICS born_name',
	'DROP MATERIALIZED VIEW counts', 'DROP SCHEMA frozen CASCADE', 'DROP ROLE regress_ig_other', 'DROP OWNED BY regress_ig_frozen',
	'REASSIGN OWNED BY regress_ig_frozen TO regress_ig_other', 'DROP USER MAPPING FOR PUBLIC SERVER regress_ig_server',
	'ALTER USER MAPPING FOR PUBLIC SERVER regress_ig_server OPTIONS (a ''b'')', 'ALTER SERVER regress_ig_server VERSION ''2''',
	'ALTER FOREIGN DATA WRAPPER regress_ig_wrapper OPTIONS (a ''b'')', 'ALTER PUBLICATION regress_ig_freeze DROP TABLE users',
	'ALTER PUBLICATION regress_ig_freeze SET (publish = ''insert'')', 'ALTER EVENT TRIGGER regress_ig_freeze DISABLE',
	'ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR word', 'ALTER TEXT SEARCH DICTIONARY dict (StopWords = english)',
	'ALTER OPERATOR FAMILY family USING btree DROP OPERATOR 1 (int, int)', 'DROP OPERATOR FAMILY family USING btree',
	'ALTER EXTENSION plpgsql ADD FUNCTION one(int)', 'TRUNCATE users', 'TRUNCATE orders_1, payments', 'REVOKE SELECT ON users FROM regress_ig_frozen',
	'REVOKE ALL ON ALL TABLES IN SCHEMA frozen FROM PUBLIC', 'REVOKE regress_ig_frozen FROM regress_ig_other',
	'REVOKE USAGE ON TYPE mood FROM PUBLIC', 'REVOKE EXECUTE ON FUNCTION one FROM PUBLIC',
	'ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC']) AS statement;
CREATE UNIQUE INDEX CONCURRENTLY users_nickname ON users (nickname);
DROP INDEX CONCURRENTLY users_born;
CREATE DATABASE regress_ig_frozen;
DROP DATABASE regress_ig_frozen;

-- what is of this transaction, or temporary, may be changed in any way
BEGIN;
CREATE TABLE fresh (id int, name text);
ALTER TABLE fresh ADD n int NOT NULL, DROP COLUMN name;
ALTER TABLE fresh RENAME TO still_fresh;
TRUNCATE still_fresh;
DROP TABLE still_fresh;
ALTER TABLE users ADD COLUMN city text;
ALTER TABLE users ALTER city SET DEFAULT 'X', ALTER city TYPE varchar;
ALTER TABLE users DROP COLUMN city;
CREATE TYPE colour AS ENUM ('red');
ALTER TYPE colour RENAME VALUE 'red' TO 'blue';
DROP TYPE colour;
CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE OR REPLACE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 3';
DROP FUNCTION two();
CREATE TEMP TABLE scratch (id int);
ALTER TABLE scratch ADD name text NOT NULL;
CREATE FUNCTION pg_temp.three() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE INDEX ON scratch (id);
COMMIT;
CREATE OR REPLACE FUNCTION pg_temp.three() RETURNS int LANGUAGE sql AS 'SELECT 3';
DROP TABLE scratch;

-- how it is told: until when, what else, and the way past it
SET invariant_guard.schema_freeze = '[1999-01-02, 9000-01-01), [9000-01-01, 9999-03-04 05:06:07+05:06]';
\set VERBOSITY sqlstate
TRUNCATE users;
\set VERBOSITY default
TRUNCATE users;
RESET invariant_guard.severity;
ALTER TABLE users DROP COLUMN born;
SET invariant_guard.schema_freeze = '[1999-01-02,)';
DROP VIEW names;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = 'urgent';
SET LOCAL invariant_guard.allow = 'drop-column(frozen.users.born), schema-freeze(frozen.users), schema-freeze(names), schema-freeze';
ALTER TABLE users DROP COLUMN born;
DROP VIEW names;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ROLLBACK;
-- severity lowers it, but not for a financial table
SET invariant_guard.severity = 'schema-freeze=warning';
SET client_min_messages = warning;
ALTER TABLE users ALTER nickname SET DEFAULT '';
ALTER TABLE payments ALTER id SET DEFAULT 0;
RESET invariant_guard.severity;
-- outside of a freeze nothing is said
SET invariant_guard.schema_freeze = '[1999-01-02, 2000-01-01), [9000-01-01,)';
ALTER TABLE users ALTER nickname DROP DEFAULT;
RESET invariant_guard.schema_freeze;
ALTER FUNCTION one STABLE;

-- What resets a database: DROP SCHEMA public, of the last schema with tables,
-- DROP OWNED, and more than five existing tables in one transaction
SET invariant_guard.severity = 'wipe=off, compatibility=off, discipline=off';
\set VERBOSITY default
DROP SCHEMA public;
DROP SCHEMA public CASCADE;
SET invariant_guard.environment = staging;
DROP SCHEMA public CASCADE;
SET invariant_guard.environment = development;
BEGIN;
DROP SCHEMA public CASCADE;
ROLLBACK;
RESET invariant_guard.environment;
\set VERBOSITY terse
SET invariant_guard.severity = 'wipe=off, compatibility=off, discipline=off, environment=warning';
CREATE SCHEMA "Shop";
CREATE SCHEMA shelf;
CREATE TABLE "Shop"."T 1" (id int);
BEGIN;
DROP SCHEMA "Shop" CASCADE;
ROLLBACK;
-- the other schemas that hold tables go along, or hold none any more
BEGIN;
SET LOCAL invariant_guard.mode = off;
DO $$
DECLARE
	s text;
BEGIN
	FOR s IN SELECT DISTINCT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
		WHERE relkind IN ('r', 'p') AND c.oid >= 16384 AND nspname NOT IN ('Shop', 'invariant_guard', 'frozen')
	LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', s);
	END LOOP;
END $$;
SET LOCAL invariant_guard.mode = enforce;
SET LOCAL invariant_guard.severity = 'wipe=off, compatibility=off, discipline=off, financial=off';
SAVEPOINT a;
DROP SCHEMA shelf;
DROP SCHEMA "Shop";
ROLLBACK TO a;
DROP SCHEMA "Shop", shelf CASCADE;
ROLLBACK TO a;
SET LOCAL invariant_guard.mode = off;
DROP SCHEMA frozen CASCADE;
SET LOCAL invariant_guard.mode = enforce;
SAVEPOINT b;
DROP SCHEMA "Shop", shelf CASCADE;
ROLLBACK TO b;
CREATE SCHEMA another CREATE TABLE t (id int);
DROP SCHEMA another CASCADE;
ROLLBACK;

-- one by one in one transaction, in one statement, with savepoints that undo
SET invariant_guard.severity = 'wipe=off, compatibility=off, discipline=off';
CREATE TABLE t1 (id int);
CREATE TABLE t2 (id int);
CREATE TABLE t3 (id int);
CREATE TABLE t4 (id int);
CREATE TABLE t5 (id int) PARTITION BY LIST (id);
CREATE TABLE t5_1 PARTITION OF t5 FOR VALUES IN (1);
CREATE TABLE t5_2 PARTITION OF t5 FOR VALUES IN (2);
CREATE TABLE "Shop".t6 (id int);
BEGIN;
TRUNCATE t1, t2, t3;
TRUNCATE t1;
DROP TABLE t1, t4, t5;
CREATE TABLE fresh (id int);
TRUNCATE fresh;
DROP TABLE fresh;
DROP TABLE t2;
SAVEPOINT a;
\set VERBOSITY default
DROP TABLE "Shop".t6;
\set VERBOSITY terse
ROLLBACK TO a;
DROP TABLE t3;
COMMIT;
CREATE TABLE t1 (id int);
CREATE TABLE t2 (id int);
CREATE TABLE t3 (id int);
CREATE TABLE t4 (id int);
CREATE TABLE t5 (id int);
BEGIN;
SAVEPOINT a;
DROP TABLE t1, t2, t3;
ROLLBACK TO a;
SAVEPOINT b;
DROP TABLE t1;
RELEASE b;
DROP TABLE t2, t3, t4, t5;
SAVEPOINT c;
TRUNCATE "Shop".t6;
ROLLBACK TO c;
DO $$ BEGIN
	BEGIN
		DROP TABLE "Shop".t6;
	EXCEPTION WHEN SQLSTATE 'IGZ02' THEN
		RAISE WARNING 'refused';
	END;
END $$;
ROLLBACK;
DROP TABLE t1, t2, t3, t4, t5, "Shop".t6;
DO $$ BEGIN
	FOR i IN 1 .. 5 LOOP
		EXECUTE format('DROP TABLE t%s', i);
	END LOOP;
	DROP TABLE "Shop".t6;
END $$;
-- old partitions may go
BEGIN;
CREATE TABLE days (day int) PARTITION BY LIST (day);
COMMIT;
SELECT format('CREATE TABLE days_%s PARTITION OF days FOR VALUES IN (%s)', i, i) FROM generate_series(1, 7) i \gexec
BEGIN;
DROP TABLE days_1, days_2, days_3, days_4;
DROP TABLE days_5, days_6, days_7;
COMMIT;
DROP TABLE days;
-- an allowance passes it, as development does
BEGIN;
SET LOCAL invariant_guard.reason = 'the shop closes';
SET LOCAL invariant_guard.allow = 'environment(frozen), environment("Shop")';
DROP TABLE t1, t2, t3, t4, t5, "Shop".t6;
ROLLBACK;
SET invariant_guard.environment = development;
BEGIN;
DROP TABLE t1, t2, t3, t4, t5, "Shop".t6;
ROLLBACK;
RESET invariant_guard.environment;
-- DROP OWNED
ALTER TABLE t1 OWNER TO regress_ig_frozen;
\set VERBOSITY default
DROP OWNED BY regress_ig_frozen, regress_ig_other;
\set VERBOSITY terse
DROP OWNED BY regress_ig_other;
BEGIN;
SET LOCAL invariant_guard.reason = 'he left';
SET LOCAL invariant_guard.allow = 'environment(regress_ig_frozen)';
DROP OWNED BY regress_ig_frozen;
ROLLBACK;
RESET invariant_guard.severity;
-- beside the rules for each of the tables
DROP TABLE t1, t2, t3, t4, t5, "Shop".t6;
\set VERBOSITY default
DROP SCHEMA public CASCADE;

SET invariant_guard.mode = off;
SET client_min_messages = error;
DROP DATABASE regress_ig_frozen;
DROP EVENT TRIGGER regress_ig_freeze;
DROP PUBLICATION regress_ig_freeze;
DROP SCHEMA frozen, "Shop", shelf CASCADE;
DROP FOREIGN DATA WRAPPER regress_ig_wrapper CASCADE;
DROP OWNED BY regress_ig_frozen, regress_ig_other;
DROP ROLE regress_ig_frozen, regress_ig_other;
