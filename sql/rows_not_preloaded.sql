--
-- Rules that look at the plan, in sessions that load the library with the
-- first trigger that fires: what was not looked at is refused.
--
CREATE SCHEMA np;
SET invariant_guard.mode = off;
CREATE ROLE regress_np LOGIN;
ALTER ROLE regress_np SET session_preload_libraries = plpgsql;
ALTER ROLE regress_np SET search_path = np;
GRANT USAGE ON SCHEMA np TO regress_np;
ALTER DEFAULT PRIVILEGES IN SCHEMA np GRANT ALL ON TABLES TO regress_np;
RESET invariant_guard.mode;
SET search_path = np;
CREATE TABLE plain (id int PRIMARY KEY, note text, version int NOT NULL DEFAULT 0);
CREATE TABLE strict (id int PRIMARY KEY, note text, version int NOT NULL DEFAULT 0);
CREATE TABLE accounts (id int PRIMARY KEY, balance int);
CREATE TABLE orders (id int PRIMARY KEY);
SELECT invariant_guard.add_optimistic_lock('plain');
SELECT invariant_guard.add_optimistic_lock('strict', unversioned => 'reject');
SELECT invariant_guard.add_relative_only('accounts', '{balance}');
SELECT invariant_guard.add_on_no_match('orders');
INSERT INTO plain VALUES (1, 'a');
INSERT INTO strict VALUES (1, 'a');
INSERT INTO accounts VALUES (1, 100);
INSERT INTO orders VALUES (1);
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (p int REFERENCES parents ON DELETE SET NULL, version int NOT NULL DEFAULT 0);
CREATE TABLE others (p int REFERENCES parents ON DELETE SET NULL);
SELECT invariant_guard.add_optimistic_lock('children', unversioned => 'reject');
INSERT INTO parents VALUES (1), (2);
INSERT INTO children VALUES (1);
INSERT INTO others VALUES (2);
CREATE FUNCTION changed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE np.strict SET note = 'b' WHERE id = 1;
	RETURN NEW;
END $$;
CREATE TRIGGER changed BEFORE UPDATE ON others FOR EACH ROW EXECUTE FUNCTION changed();
CREATE FUNCTION two() RETURNS int LANGUAGE sql AS $$
	UPDATE np.orders SET id = 1;
	UPDATE np.accounts SET balance = 7 WHERE id = 1;
	SELECT 1
$$;
\set VERBOSITY terse
SELECT current_user AS me \gset

-- what the trigger alone can tell
\c - regress_np
UPDATE plain SET note = 'b' WHERE id = 1 RETURNING version;
\c
UPDATE plain SET note = 'c', version = 1 WHERE id = 1;
-- a version predicate
\c
UPDATE strict SET note = 'b' WHERE id = 1 AND version = 0;
UPDATE strict SET note = 'b' WHERE id = 1;
UPDATE strict SET note = 'b' WHERE id = 1 AND version = 0 RETURNING version;
\c
\set VERBOSITY default
UPDATE strict SET note = 'b' WHERE id = 1;
-- by a foreign key, and by a trigger that its query fires
\c
DELETE FROM parents WHERE id = 1;
DELETE FROM parents WHERE id = 1;
SELECT * FROM children;
\c
DELETE FROM parents WHERE id = 2;
DELETE FROM parents WHERE id = 2;
-- relative
\c
UPDATE accounts SET balance = balance - 80 WHERE id = 1;
\set VERBOSITY terse
UPDATE accounts SET balance = 7 WHERE id = 1;
UPDATE accounts SET balance = balance - 80 WHERE id = 1 RETURNING balance;
\c
UPDATE accounts SET id = 1 WHERE id = 1;
\c
UPDATE accounts SET balance = 7 WHERE id = 1;
-- planned before, run after
\c
SELECT two();
-- no row
\c
UPDATE orders SET id = 2 WHERE id = 2;
\c
DELETE FROM orders WHERE id = 2;
\c
UPDATE orders SET id = 1 WHERE id = 1;
\c
WITH u AS (UPDATE orders SET id = 1 WHERE id = 1 RETURNING id) SELECT count(*) FROM u;
WITH u AS (UPDATE orders SET id = 1 WHERE id = 1 RETURNING id) SELECT count(*) FROM u;
-- which nothing reads, so that the executor's finish runs it
\c
WITH u AS (UPDATE orders SET id = 3 WHERE id = 3) SELECT 1 AS one;
WITH u AS (UPDATE orders SET id = 3 WHERE id = 3) SELECT 1 AS one;
WITH u AS (UPDATE orders SET id = 1 WHERE id = 1) SELECT 1 AS one;
\c
WITH u AS (DELETE FROM orders WHERE id = 3) INSERT INTO plain VALUES (3, 'x');
SELECT count(*) FROM plain WHERE id = 3;

\c - :me
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA np CASCADE;
DROP ROLE regress_np;
