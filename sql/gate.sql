--
-- The gate itself: by whatever way a statement comes, it is judged once, and
-- what is new or temporary passes.
--
CREATE EXTENSION invariant_guard;
SET search_path = shop, public;
CREATE SCHEMA shop;
CREATE TABLE shop.users (id int PRIMARY KEY, nickname text, email text);
INSERT INTO shop.users SELECT i, 'n' || i, 'e' || i FROM generate_series(1, 100) i;
ANALYZE shop.users;

-- a refusal as a user sees it
ALTER TABLE shop.users ADD COLUMN phone text NOT NULL;

-- diagnostic fields and SQLSTATE
DO $$
DECLARE
	code text; rule text; sch text; tab text; col text;
BEGIN
	ALTER TABLE shop.users ADD COLUMN phone text NOT NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, rule = CONSTRAINT_NAME,
		sch = SCHEMA_NAME, tab = TABLE_NAME, col = COLUMN_NAME;
	RAISE NOTICE '% % %.%.%', code, rule, sch, tab, col;
END $$;

-- top level, several sub-commands: all findings at once
ALTER TABLE users ADD COLUMN a int NOT NULL, ADD COLUMN b serial, DROP COLUMN email;
\set VERBOSITY terse

-- DO, EXECUTE, a function in PL/pgSQL and in SQL, a procedure
DO $$ BEGIN ALTER TABLE shop.users DROP COLUMN nickname; END $$;
DO $$ BEGIN EXECUTE 'ALTER TABLE shop.users DROP COLUMN nickname'; END $$;
CREATE FUNCTION drop_it() RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN ALTER TABLE shop.users DROP COLUMN nickname; END $$;
SELECT drop_it();
CREATE FUNCTION drop_it_sql() RETURNS void LANGUAGE sql AS
	$$ ALTER TABLE shop.users DROP COLUMN nickname $$;
SELECT drop_it_sql();
CREATE PROCEDURE drop_it_proc() LANGUAGE plpgsql AS
	$$ BEGIN COMMIT; ALTER TABLE shop.users DROP COLUMN nickname; END $$;
CALL drop_it_proc();

-- below EXPLAIN ANALYZE nothing is dropped, but functions run
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) SELECT drop_it();

-- quoted names and names of 63 bytes
CREATE TABLE "Odd ""Name"" of a table" ("Column, odd" text);
INSERT INTO "Odd ""Name"" of a table" VALUES ('x');
ALTER TABLE "Odd ""Name"" of a table" DROP COLUMN "Column, odd";
CREATE TABLE t23456789012345678901234567890123456789012345678901234567890123
	(c23456789012345678901234567890123456789012345678901234567890123 int);
\set VERBOSITY default
ALTER TABLE t23456789012345678901234567890123456789012345678901234567890123
	ADD CHECK (c23456789012345678901234567890123456789012345678901234567890123 > 0);
\set VERBOSITY terse

-- the name is resolved as the server does: search_path, pg_temp first
CREATE TABLE public.users (id int, nickname text);
SET search_path = public, shop;
ALTER TABLE users DROP COLUMN nickname;
CREATE TEMP TABLE users (id int, nickname text);
ALTER TABLE users DROP COLUMN nickname;
ALTER TABLE pg_temp.users DROP COLUMN id;
DROP TABLE users;
ALTER TABLE users DROP COLUMN nickname;
SET search_path = shop, public;
ALTER TABLE users DROP COLUMN nickname;

-- objects that are missing: the server's own answer
ALTER TABLE nobody DROP COLUMN x;
ALTER TABLE users DROP COLUMN x;
ALTER TABLE IF EXISTS nobody DROP COLUMN x;
ALTER TABLE users DROP COLUMN IF EXISTS x;
DROP TABLE IF EXISTS nobody;
TRUNCATE nobody;

-- new in this transaction: everything passes
BEGIN;
CREATE TABLE fresh (id int PRIMARY KEY, a text);
INSERT INTO fresh VALUES (1, 'x');
ALTER TABLE fresh ADD COLUMN b int NOT NULL DEFAULT 1, ADD COLUMN c serial;
ALTER TABLE fresh ALTER COLUMN id TYPE bigint;
CREATE INDEX ON fresh (a);
TRUNCATE fresh;
ALTER TABLE fresh DROP COLUMN a;
DROP TABLE fresh;
ROLLBACK;

-- a partitioned table holds nothing itself: what counts are its partitions
CREATE TABLE split (id int, k int) PARTITION BY RANGE (k);
BEGIN;
ALTER TABLE split ADD COLUMN s serial, ADD COLUMN c int CHECK (c > 0), ALTER COLUMN id TYPE bigint;
ALTER TABLE split ALTER COLUMN id SET NOT NULL;
ALTER TABLE split ADD UNIQUE (id, k);
CREATE INDEX ON split (id);
ROLLBACK;
CREATE TABLE split1 PARTITION OF split FOR VALUES FROM (0) TO (10);
ALTER TABLE split ADD COLUMN s serial;
ALTER TABLE split ADD COLUMN c int CHECK (c > 0);
ALTER TABLE split ALTER COLUMN id SET NOT NULL;
ALTER TABLE split ADD UNIQUE (id, k);
CREATE INDEX ON split (id);

-- a column that is new in this transaction may go; others may not
BEGIN;
ALTER TABLE users ADD COLUMN extra int;
ALTER TABLE users DROP COLUMN extra;
SAVEPOINT s;
ALTER TABLE users ADD COLUMN extra int;
RELEASE s;
ALTER TABLE users DROP COLUMN extra;
-- touching its catalog row does not make an old column new
ALTER TABLE users ALTER COLUMN nickname SET STATISTICS 10;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;

-- a rolled-back subtransaction takes its state along
BEGIN;
SAVEPOINT s;
DROP VIEW IF EXISTS no_view;
CREATE TABLE fresh (a int);
ROLLBACK TO s;
CREATE TABLE fresh (a int);
COMMIT;
BEGIN;
SAVEPOINT s;
ALTER TABLE fresh ADD COLUMN b int;
ROLLBACK TO s;
ALTER TABLE fresh ADD COLUMN b int;
COMMIT;
BEGIN;
SAVEPOINT s;
CREATE TABLE gone (a int);
ROLLBACK TO s;
DROP TABLE fresh;
ROLLBACK;

-- elements of CREATE SCHEMA
CREATE SCHEMA annex
	CREATE TABLE orders (id int PRIMARY KEY, amount int)
	CREATE INDEX orders_amount ON orders (amount)
	CREATE VIEW big AS SELECT * FROM orders WHERE amount > 100;
SET invariant_guard.financial_tables = 'annex2.payments';
CREATE SCHEMA annex2
	CREATE TABLE users (id int PRIMARY KEY)
	CREATE TABLE payments (id int PRIMARY KEY, user_id int NOT NULL
		REFERENCES users ON DELETE CASCADE);
RESET invariant_guard.financial_tables;

-- an aborted block: nothing is looked up
BEGIN;
SELECT 1 / 0;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK TO nothing;
ROLLBACK;

-- modes
SET invariant_guard.mode = warn;
BEGIN;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
SET invariant_guard.mode = observe;
BEGIN;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
SET invariant_guard.mode = off;
BEGIN;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
RESET invariant_guard.mode;

-- severity: the rule's name before the family, the family before all
SET invariant_guard.severity = 'all=off, wipe=warning, drop-column=error';
ALTER TABLE users DROP COLUMN nickname;
BEGIN;
DROP TABLE users CASCADE;
ROLLBACK;
ALTER TABLE users ADD COLUMN must int NOT NULL DEFAULT 0, ALTER COLUMN id TYPE bigint;
ANALYZE users;
RESET invariant_guard.severity;

-- the message alone, for clients that show nothing else
\set VERBOSITY default
SET invariant_guard.message_style = full;
ALTER TABLE users DROP COLUMN nickname;
RESET invariant_guard.message_style;

-- allowances
SET invariant_guard.allow = 'drop-column(users.nickname)';
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-12';
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname), truncate(shop.users)';
ALTER TABLE users DROP COLUMN nickname;
COMMIT;
ALTER TABLE users DROP COLUMN email;
\set VERBOSITY terse
-- it names a rule and an object, never everything
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-13';
SET LOCAL invariant_guard.allow = 'drop-column';
ALTER TABLE users DROP COLUMN email;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-13';
SET LOCAL invariant_guard.allow = 'drop-column(email)';
ALTER TABLE users DROP COLUMN email;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-13';
SET LOCAL invariant_guard.allow = 'drop-column(public.users.email)';
ALTER TABLE users DROP COLUMN email;
ROLLBACK;
-- used in a savepoint that is rolled back: not used
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-14';
SET LOCAL invariant_guard.allow = 'drop-column(shop.users.email)';
SAVEPOINT s;
ALTER TABLE users DROP COLUMN email;
ROLLBACK TO s;
COMMIT;

-- the extension's own script and other people's
CREATE EXTENSION pg_trgm;
DROP EXTENSION pg_trgm;

-- empty and small tables, where the administrator says so
CREATE TABLE empty_one (id int, a text);
ALTER TABLE empty_one ADD COLUMN b int NOT NULL, ADD COLUMN c serial;
SET invariant_guard.exempt_empty_tables = on;
ALTER TABLE empty_one ADD COLUMN b int NOT NULL, ADD COLUMN c serial;
-- wiping is another matter
ALTER TABLE empty_one DROP COLUMN a;
ALTER TABLE users ADD COLUMN b int NOT NULL;
RESET invariant_guard.exempt_empty_tables;
SET invariant_guard.exempt_smaller_than = '10MB';
BEGIN;
ALTER TABLE users ADD COLUMN b serial;
ROLLBACK;
RESET invariant_guard.exempt_smaller_than;

SET invariant_guard.mode = off;
DROP SCHEMA shop, annex CASCADE;
DROP TABLE public.users;
