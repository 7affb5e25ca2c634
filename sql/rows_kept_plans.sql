--
-- The queries that row rules run for each row: as whom, of which names, and
-- how long their plans are kept.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE ROLE regress_kept_owner;
CREATE ROLE regress_kept_user;
CREATE SCHEMA kept;
CREATE SCHEMA hidden;
GRANT ALL ON SCHEMA kept, hidden TO regress_kept_owner;
GRANT USAGE ON SCHEMA kept TO regress_kept_user;
SET invariant_guard.mode = off;

-- one rule of each kind that looks elsewhere
SET ROLE regress_kept_owner;
CREATE TABLE hidden.source (id int PRIMARY KEY, price int, deleted_at timestamptz, op uuid);
CREATE TABLE kept.copies (id int, source int REFERENCES hidden.source, price int, deleted_at timestamptz, op uuid);
CREATE TABLE kept.book (id int PRIMARY KEY, of int, amount int);
CREATE TABLE kept.counted (k int, n int);
SELECT invariant_guard.add_snapshot_columns('kept.copies', '{price}', 'hidden.source');
SELECT invariant_guard.add_soft_delete('kept.copies', operation => 'op');
SELECT invariant_guard.add_soft_delete('hidden.source', children => 'soft_cascade', operation => 'op');
SELECT invariant_guard.add_append_only('kept.book', 'of', '{amount}');
SELECT invariant_guard.add_commit_assertion('kept.counted', '{k}', '(SELECT count(*) FROM kept.counted WHERE k = $1) < 3');
INSERT INTO hidden.source VALUES (1, 10, NULL), (2, 20, now()), (3, 30, NULL);
GRANT INSERT, SELECT ON ALL TABLES IN SCHEMA kept TO regress_kept_user;
RESET ROLE;

-- by somebody who may not even enter the schema of what is looked at, in a new
-- session, and with a path in which other things have the names
SET invariant_guard.mode = enforce;
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE TABLE evil.source (id int, price int, deleted_at timestamptz);
CREATE TABLE evil.book (id int, of int, amount int);
CREATE TABLE evil.counted (k int, n int);
CREATE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.eq);
\c -
\set VERBOSITY terse
SET ROLE regress_kept_user;
SET search_path = evil, pg_catalog, kept;
INSERT INTO kept.copies (id, source) VALUES (1, 1) RETURNING price;
INSERT INTO kept.copies (id, source) VALUES (2, 2);
INSERT INTO kept.book VALUES (1, NULL, 5), (2, 1, -5);
INSERT INTO kept.book VALUES (3, 1, -5);
INSERT INTO kept.counted VALUES (1, 1), (1, 2), (2, 1), (2, 2);
INSERT INTO kept.counted VALUES (1, 3);
RESET search_path;
-- the same by another path, and as somebody else
INSERT INTO kept.copies (id, source) VALUES (3, 1) RETURNING price;
RESET ROLE;
INSERT INTO kept.copies (id, source) VALUES (4, 3) RETURNING price;
INSERT INTO kept.book VALUES (3, 1, -5);
DELETE FROM hidden.source WHERE id = 1;
SELECT id, deleted_at IS NOT NULL AS deleted FROM kept.copies ORDER BY id;

-- the same text with a value of another type is another query: 4294967297 is 1
-- in the low half
BEGIN;
SET LOCAL invariant_guard.mode = off;
SELECT invariant_guard.drop_rule('kept.book', 'append-only');
ALTER TABLE kept.book ALTER id TYPE bigint, ALTER of TYPE bigint;
SELECT invariant_guard.add_append_only('kept.book', 'of', '{amount}');
COMMIT;
INSERT INTO kept.book VALUES (4294967297, NULL, 7), (4294967298, 4294967297, -7);
INSERT INTO kept.book VALUES (4294967299, 4294967297, -7);

-- tables made anew under the names that are known
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE hidden.source RENAME TO source_before;
CREATE TABLE hidden.source (price int, id int PRIMARY KEY);
INSERT INTO hidden.source VALUES (77, 3);
COMMIT;
INSERT INTO kept.copies (id, source) VALUES (5, 3) RETURNING price;
BEGIN;
SET LOCAL invariant_guard.mode = off;
DROP TABLE hidden.source;
ALTER TABLE hidden.source_before RENAME TO source;
ALTER TABLE hidden.source RENAME price TO old_price;
ALTER TABLE hidden.source ADD price int DEFAULT 5;
COMMIT;
INSERT INTO kept.copies (id, source) VALUES (6, 3) RETURNING price;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE kept.counted RENAME TO counted_before;
CREATE TABLE kept.counted (k int);
ALTER TABLE kept.counted OWNER TO regress_kept_owner;
INSERT INTO kept.counted VALUES (1), (1), (1);
COMMIT;
INSERT INTO kept.counted_before VALUES (3, 1);
INSERT INTO kept.counted_before VALUES (1, 1);

-- a look-up in a look-up: what an assertion calls writes a row of which another
-- rule judges, and may fail; the roles are as they were
CREATE TABLE kept.outer_one (k int, n int);
BEGIN;
CREATE TABLE kept.log (id int PRIMARY KEY, of int, amount int);
SELECT invariant_guard.add_append_only('kept.log', 'of', '{amount}');
COMMIT;
INSERT INTO kept.log VALUES (1, NULL, 1), (2, NULL, 2);
CREATE FUNCTION kept.write(k int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO kept.log VALUES ((SELECT max(id) + 1 FROM kept.log), k, -k);
	RETURN 'written';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION kept.judge(k int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
DECLARE
	said text := kept.write(k);
BEGIN
	RAISE NOTICE '% % as %', k, said, current_user;
	RETURN true;
END $$;
ALTER TABLE kept.log OWNER TO regress_kept_owner;
ALTER TABLE kept.outer_one OWNER TO regress_kept_owner;
GRANT INSERT ON kept.outer_one TO regress_kept_user;
SELECT invariant_guard.add_commit_assertion('kept.outer_one', '{k}', 'kept.judge($1)');
SET ROLE regress_kept_user;
INSERT INTO kept.outer_one VALUES (1, 1), (2, 1);
INSERT INTO kept.outer_one VALUES (1, 1);
SELECT current_user;
RESET ROLE;
SELECT * FROM kept.log ORDER BY id;

-- plans of names that are gone do not stay
CREATE FUNCTION kept.plans() RETURNS bigint LANGUAGE sql AS
	$$ SELECT count(*) FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource' $$;
SET invariant_guard.mode = off;
DO $$
BEGIN
	FOR i IN 1..700 LOOP
		EXECUTE pg_catalog.format('ALTER TABLE hidden.source RENAME TO source_%s', i);
		INSERT INTO kept.copies (id, source) VALUES (7, 3);
		EXECUTE pg_catalog.format('ALTER TABLE hidden.source_%s RENAME TO source', i);
		COMMIT;
	END LOOP;
END $$;
SELECT kept.plans() < 1100 AS few;
RESET invariant_guard.mode;
INSERT INTO kept.copies (id, source) VALUES (8, 3) RETURNING price;
INSERT INTO kept.copies (id, source) VALUES (9, 2);

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA kept, hidden, evil CASCADE;
DROP ROLE regress_kept_owner, regress_kept_user;
