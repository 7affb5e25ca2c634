--
-- What a statement is to be allowed that is refused for several things: one
-- list, since the setting holds one.
--
CREATE SCHEMA hints;
SET search_path = hints;
CREATE TABLE users (id int PRIMARY KEY, a int, "b, ""c""" text);
CREATE TABLE payments (id int PRIMARY KEY, amount numeric(12, 2));
SELECT invariant_guard.protect('payments', 'financial');
CREATE TABLE old (id int PRIMARY KEY);
CREATE TABLE older (id int PRIMARY KEY);

-- each by an allowance
\set VERBOSITY default
ALTER TABLE users DROP COLUMN a, DROP COLUMN "b, ""c""";
BEGIN;
SET LOCAL invariant_guard.reason = '...'; SET LOCAL invariant_guard.allow = 'drop-column(hints.users.a), drop-column(hints.users."b, ""c""")';
ALTER TABLE users DROP COLUMN a, DROP COLUMN "b, ""c""";
ROLLBACK;

-- one is allowed already: a new list must not forget it
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-column(users.a)';
ALTER TABLE users DROP COLUMN a, DROP COLUMN "b, ""c""";
ROLLBACK;

-- one has a better cure; all of them are about one column
ALTER TABLE users ADD COLUMN needed int NOT NULL, DROP COLUMN a;
ALTER TABLE payments ALTER COLUMN amount TYPE float8;

-- no transaction
VACUUM FULL old, older;

-- SQL has what that needs, and no more
DROP TABLE payments, users;
CREATE VIEW shown AS SELECT id FROM payments;
DROP TABLE payments CASCADE;

-- at the end of the transaction
CREATE VIEW seen AS SELECT id FROM users;
SET invariant_guard.severity = 'drop-view=error';
BEGIN;
DROP VIEW shown;
DROP VIEW seen;
COMMIT;
BEGIN;
SET LOCAL invariant_guard.reason = '...'; SET LOCAL invariant_guard.allow = 'drop-view(hints.shown), drop-view(hints.seen)';
DROP VIEW shown;
DROP VIEW seen;
COMMIT;
RESET invariant_guard.severity;

-- each row of check_ddl() stands for itself
\pset format unaligned
\pset tuples_only on
SELECT rule, hint FROM invariant_guard.check_ddl('ALTER TABLE users DROP COLUMN a, DROP COLUMN "b, ""c"""');
SELECT rule, hint FROM invariant_guard.check_ddl('ALTER TABLE users ADD COLUMN needed int NOT NULL, DROP COLUMN a');
SELECT rule, hint FROM invariant_guard.check_ddl($$SET LOCAL invariant_guard.reason = 'test';
	SET LOCAL invariant_guard.allow = 'drop-column(users.a)';
	ALTER TABLE users DROP COLUMN a, DROP COLUMN "b, ""c"""$$);
\pset format aligned
\pset tuples_only off

-- very many: each tells its own
\set VERBOSITY terse
DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE many (' || string_agg('c' || i || ' int', ', ') || ')' FROM generate_series(1, 23) i); END $$;
DO $$ DECLARE hint text; BEGIN
	EXECUTE (SELECT 'ALTER TABLE many ' || string_agg('DROP COLUMN c' || i, ', ') FROM generate_series(1, 23) i);
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RAISE NOTICE '% lines with one allowance, % with several', regexp_count(hint, $r$allow = '[^,]*'$r$), regexp_count(hint, $r$allow = '[^']*,$r$);
END $$;
SELECT count(*), count(*) FILTER (WHERE hint ~ $r$allow = '[^,]*'$r$) AS with_one FROM invariant_guard.check_ddl(
	(SELECT 'ALTER TABLE many ' || string_agg('DROP COLUMN c' || i, ', ') FROM generate_series(1, 23) i));

-- how many are not told
DO $$ DECLARE detail text; BEGIN
	FOR n IN 21..23 LOOP
		BEGIN
			EXECUTE (SELECT 'ALTER TABLE many ' || string_agg('DROP COLUMN c' || i, ', ') FROM generate_series(1, n) i);
		EXCEPTION WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
			RAISE NOTICE '% columns: %', n, substring(detail FROM 'There .*$');
		END;
	END LOOP;
END $$;

SET client_min_messages = error;
SET invariant_guard.mode = off;
DROP SCHEMA hints CASCADE;
