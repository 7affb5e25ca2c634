--
-- Names, types and identities that running applications use.
--
CREATE SCHEMA compatibility;
SET search_path = compatibility;

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

CREATE TABLE t (id int PRIMARY KEY, nick text);
INSERT INTO t SELECT i, i FROM generate_series(1, 10) i;
CREATE INDEX CONCURRENTLY t_nick ON t (nick);
CREATE TABLE part (id int, a int) PARTITION BY LIST (id);
CREATE TABLE part1 PARTITION OF part DEFAULT;
CREATE TABLE parent (id int, a int);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE "My ""T""" ("My col" int);
CREATE VIEW v AS SELECT id, nick FROM t;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM t;
CREATE SEQUENCE seq;
CREATE TYPE pair AS (a int, b int);
CREATE TYPE mood AS ENUM ('sad', 'it''s fine');
CREATE DOMAIN dom AS int;
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql RETURN $1 + 1;
CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE agg (int) (sfunc = int4pl, stype = int);
CREATE SCHEMA compatibility2;

--
-- rename-column
--
\set VERBOSITY default
ALTER TABLE t RENAME COLUMN nick TO nickname;
ALTER TYPE pair RENAME ATTRIBUTE a TO x;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE t RENAME nick TO nickname'),
	('ALTER TABLE IF EXISTS t RENAME nick TO nickname'),
	('ALTER TABLE IF EXISTS nobody RENAME nick TO nickname'),
	('ALTER TABLE t RENAME nobody TO nickname'),
	('ALTER TABLE part RENAME a TO b'),
	('ALTER TABLE parent RENAME a TO b'),
	('ALTER VIEW v RENAME COLUMN nick TO nickname'),
	('ALTER TABLE v RENAME COLUMN nick TO nickname'),
	('ALTER MATERIALIZED VIEW mv RENAME COLUMN id TO key'),
	('ALTER TYPE pair RENAME ATTRIBUTE a TO x CASCADE'),
	('ALTER TABLE "My ""T""" RENAME "My col" TO "Our col"')) v (s);
DO $$ BEGIN ALTER TABLE t RENAME COLUMN nick TO nickname; END $$;
SELECT cure('ALTER TABLE t RENAME COLUMN nick TO nickname') \gexec
SELECT cure('ALTER TABLE "My ""T""" RENAME "My col" TO "Our col"') \gexec
SELECT cure('ALTER TYPE pair RENAME ATTRIBUTE a TO x') \gexec
SELECT count(*) AS unlike FROM t WHERE nickname IS DISTINCT FROM nick;

--
-- rename-table
--
\set VERBOSITY default
ALTER TABLE t RENAME TO people;
ALTER SEQUENCE seq RENAME TO numbers;
\set VERBOSITY terse
ALTER TABLE IF EXISTS nobody RENAME TO people;
ALTER TABLE part RENAME TO people;
ALTER TABLE part1 RENAME TO people;
ALTER VIEW v RENAME TO people;
ALTER TABLE v RENAME TO people;
ALTER MATERIALIZED VIEW mv RENAME TO people;
ALTER TABLE "My ""T""" RENAME TO "Our ""T""";
BEGIN;
ALTER INDEX t_nick RENAME TO t_nickname;
ALTER TABLE t RENAME CONSTRAINT t_pkey TO t_key;
ROLLBACK;
-- the cure; how a view with the old name acquits a rename is in commit.sql
CREATE VIEW compatibility.people AS SELECT * FROM compatibility.t;
CREATE VIEW compatibility."Our ""T""" AS SELECT * FROM compatibility."My ""T""";
INSERT INTO people (id, nick) VALUES (11, 'eleven');
SELECT nick FROM t WHERE id = 11;

--
-- rename-schema and set-schema
--
\set VERBOSITY default
ALTER SCHEMA compatibility2 RENAME TO compatibility3;
ALTER TABLE t SET SCHEMA compatibility2;
ALTER FUNCTION f(int) SET SCHEMA compatibility2;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TYPE mood SET SCHEMA compatibility2'),
	('ALTER DOMAIN dom SET SCHEMA compatibility2'),
	('ALTER PROCEDURE p() SET SCHEMA compatibility2'),
	('ALTER TABLE t SET SCHEMA compatibility'),
	('ALTER TABLE IF EXISTS nobody SET SCHEMA compatibility2'),
	('ALTER SCHEMA nobody RENAME TO somebody')) v (s);
-- what a view can put right waits for the commit of a transaction
ALTER TABLE part SET SCHEMA compatibility2;
ALTER TABLE "My ""T""" SET SCHEMA compatibility2;
ALTER VIEW v SET SCHEMA compatibility2;
ALTER MATERIALIZED VIEW mv SET SCHEMA compatibility2;
ALTER SEQUENCE seq SET SCHEMA compatibility2;
SELECT cure('ALTER SCHEMA compatibility2 RENAME TO compatibility3') \gexec
CREATE VIEW compatibility2.t AS SELECT * FROM compatibility.t;
SELECT count(*) FROM compatibility2.t;
BEGIN;
CREATE SCHEMA compatibility4;
ALTER SCHEMA compatibility4 RENAME TO compatibility5;
CREATE TABLE compatibility5.fresh (a int);
ALTER TABLE compatibility5.fresh SET SCHEMA compatibility;
ROLLBACK;

--
-- rename-enum-value
--
\set VERBOSITY default
ALTER TYPE mood RENAME VALUE 'it''s fine' TO 'it''s good';
\set VERBOSITY terse
DO $$ BEGIN ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'; END $$;
ALTER TYPE mood RENAME VALUE 'nobody' TO 'blue';
SELECT cure('ALTER TYPE mood RENAME VALUE ''it''''s fine'' TO ''it''''s good''') \gexec
SELECT enum_range(NULL::mood);
BEGIN;
CREATE TYPE fresh AS ENUM ('a');
ALTER TYPE fresh RENAME VALUE 'a' TO 'b';
ROLLBACK;

--
-- drop-view, drop-function, drop-type
--
\set VERBOSITY default
-- in a transaction the first two wait for the commit: see commit.sql
SET invariant_guard.severity = 'drop-view=error, drop-function=error, drop-type=error';
DROP VIEW v;
DROP FUNCTION f(int);
DROP TYPE mood;
\set VERBOSITY terse
DROP VIEW people, v;
DROP FUNCTION f;
DROP ROUTINE f(int), p();
DROP PROCEDURE p();
DROP AGGREGATE agg(int);
RESET invariant_guard.severity;
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('DROP VIEW IF EXISTS nobody'),
	('DROP FUNCTION IF EXISTS nobody()'),
	('DROP TYPE pair'),
	('DROP DOMAIN dom'),
	('DROP TYPE IF EXISTS nobody'),
	('CREATE OR REPLACE VIEW v AS SELECT id, nick FROM t WHERE id > 0'),
	('CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql RETURN $1 + 2')) v (s);
BEGIN;
CREATE VIEW fresh AS SELECT 1 AS a;
CREATE FUNCTION fresh() RETURNS int LANGUAGE sql RETURN 1;
CREATE TYPE fresh_type AS (a int);
CREATE TEMP VIEW scratch AS SELECT 1 AS a;
DROP VIEW fresh, scratch;
DROP FUNCTION fresh();
DROP TYPE fresh_type;
ROLLBACK;
CREATE TEMP VIEW scratch AS SELECT 1 AS a;
DROP VIEW scratch;

--
-- string-function-reference
--
CREATE TABLE accounts (id int PRIMARY KEY, secret_code text, plain text);
CREATE FUNCTION reads_code() RETURNS SETOF text LANGUAGE plpgsql AS
	$$ BEGIN RETURN QUERY SELECT secret_code FROM accounts; END $$;
CREATE FUNCTION tracked_code() RETURNS SETOF text LANGUAGE sql
	BEGIN ATOMIC SELECT plain FROM accounts; END;
CREATE FUNCTION calls_it() RETURNS SETOF text LANGUAGE sql AS 'SELECT reads_code()';
SET invariant_guard.severity = 'rename-column=off, rename-table=off, drop-column=off, drop-table=off';
\set VERBOSITY default
BEGIN;
ALTER TABLE accounts RENAME COLUMN secret_code TO code;
ROLLBACK;
\set VERBOSITY terse
SET invariant_guard.severity = 'rename-column=off, rename-table=off, drop-column=off, drop-table=off, string-function-reference=error';
ALTER TABLE accounts RENAME COLUMN secret_code TO code;
ALTER TABLE accounts DROP COLUMN secret_code;
ALTER TABLE accounts RENAME TO members;
DROP FUNCTION reads_code();
BEGIN;
ALTER TABLE accounts RENAME COLUMN plain TO code;
ROLLBACK;
RESET invariant_guard.severity;

--
-- replica-identity
--
CREATE TABLE published (id int PRIMARY KEY, other int NOT NULL UNIQUE);
CREATE TABLE kept (id int PRIMARY KEY, other int NOT NULL);
CREATE UNIQUE INDEX CONCURRENTLY kept_other ON kept (other);
ALTER TABLE kept REPLICA IDENTITY USING INDEX kept_other;
-- nobody listens yet
ALTER TABLE published REPLICA IDENTITY FULL;
ALTER TABLE published REPLICA IDENTITY DEFAULT;
SET client_min_messages = error;
CREATE PUBLICATION compatibility_pub FOR TABLE published, kept;
RESET client_min_messages;
\set VERBOSITY default
ALTER TABLE published REPLICA IDENTITY FULL;
DROP INDEX CONCURRENTLY kept_other;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE published REPLICA IDENTITY NOTHING'),
	('ALTER TABLE published REPLICA IDENTITY USING INDEX published_other_key'),
	('ALTER TABLE published DROP CONSTRAINT published_pkey'),
	('ALTER TABLE published DROP COLUMN id'),
	('DROP INDEX kept_other'),
	('ALTER TABLE t REPLICA IDENTITY FULL')) v (s);
SET invariant_guard.severity = 'drop-enforced-constraint=error';
ALTER TABLE published DROP CONSTRAINT published_other_key;
ALTER TABLE kept DROP CONSTRAINT kept_pkey;
RESET invariant_guard.severity;
BEGIN;
SET LOCAL invariant_guard.reason = 'the subscribers are ready';
SET LOCAL invariant_guard.allow = 'replica-identity(published)';
ALTER TABLE published REPLICA IDENTITY FULL;
COMMIT;

--
-- new and temporary objects
--
CREATE TEMP TABLE scratch (a int);
ALTER TABLE scratch RENAME a TO b;
ALTER TABLE scratch RENAME TO scratch2;
ALTER TABLE scratch2 REPLICA IDENTITY FULL;
DROP TABLE scratch2;
BEGIN;
CREATE TABLE fresh (a int);
CREATE TYPE fresh_type AS (a int);
ALTER TABLE fresh RENAME a TO b;
ALTER TABLE fresh RENAME TO fresh2;
ALTER TABLE fresh2 SET SCHEMA compatibility2;
ALTER TYPE fresh_type RENAME ATTRIBUTE a TO b;
ALTER TABLE t ADD COLUMN late int;
ALTER TABLE t RENAME late TO later;
ROLLBACK;
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP PUBLICATION compatibility_pub;
DROP SCHEMA compatibility, compatibility2, compatibility3 CASCADE;
RESET invariant_guard.mode;
RESET client_min_messages;
