--
-- What a later statement of the same transaction puts right is judged when the
-- transaction commits.
--
\set VERBOSITY terse
CREATE SCHEMA at_commit;
SET search_path = at_commit;
CREATE TABLE users (id int PRIMARY KEY, nickname text);
CREATE TABLE payments (id int PRIMARY KEY);
SELECT invariant_guard.protect('payments', 'financial');

-- a statement of its own is judged at once
ALTER TABLE users RENAME TO people;

-- in a transaction a view with the old name acquits it
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT * FROM people;
COMMIT;
SELECT count(*) FROM users;
BEGIN;
DROP VIEW users;
ALTER TABLE people RENAME TO users;
ROLLBACK;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.mode;

-- without one, the commit names the statement
\set VERBOSITY default
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW other AS SELECT * FROM people;
COMMIT;
\set VERBOSITY terse
SELECT count(*) FROM users;
-- another table in its place is no view
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE TABLE users (id int);
COMMIT;
-- nor a view in another schema
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW public.users AS SELECT * FROM people;
COMMIT;
-- several statements in one message, and a function, go on too
ALTER TABLE users RENAME TO people \; CREATE VIEW users AS SELECT * FROM people \; DROP VIEW users \; ALTER TABLE people RENAME TO users;
DO $$ BEGIN ALTER TABLE at_commit.users RENAME TO people; END $$;
DO $$ BEGIN
	ALTER TABLE at_commit.users RENAME TO people;
	CREATE VIEW at_commit.users AS SELECT * FROM at_commit.people;
END $$;
SELECT count(*) FROM users;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.mode;

-- a rename that is rolled back asks for nothing
BEGIN;
SAVEPOINT s;
ALTER TABLE users RENAME TO people;
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
ALTER TABLE users RENAME TO people;
RELEASE s;
COMMIT;
DO $$ BEGIN
	BEGIN
		ALTER TABLE at_commit.users RENAME TO people;
		RAISE EXCEPTION 'back';
	EXCEPTION WHEN raise_exception THEN NULL;
	END;
END $$;

-- with an error beside it everything is told at once
BEGIN;
ALTER TABLE users RENAME TO people;
TRUNCATE people;
ROLLBACK;

-- two-phase commit is a commit
BEGIN;
ALTER TABLE users RENAME TO people;
PREPARE TRANSACTION 'regress_ig_rename';

-- there and back again is nothing
BEGIN;
ALTER TABLE users RENAME TO people;
ALTER TABLE people RENAME TO users;
COMMIT;
BEGIN;
ALTER TABLE users RENAME TO people;
ALTER TABLE people RENAME TO folk;
CREATE VIEW users AS SELECT * FROM folk;
COMMIT;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE folk RENAME TO users;
RESET invariant_guard.mode;

-- modes, severity and allowances hold as they do for a statement
SET invariant_guard.mode = warn;
BEGIN;
ALTER TABLE users RENAME TO people;
COMMIT;
SET invariant_guard.mode = off;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.mode;
SET invariant_guard.severity = 'rename-table=off';
BEGIN;
ALTER TABLE users RENAME TO people;
COMMIT;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.severity;
BEGIN;
SET LOCAL invariant_guard.reason = 'nobody uses it';
SET LOCAL invariant_guard.allow = 'rename-table(at_commit.users)';
ALTER TABLE users RENAME TO people;
COMMIT;
SET invariant_guard.mode = off;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.mode;

-- a financial table is not to be renamed, view or not
BEGIN;
ALTER TABLE payments RENAME TO paid;
ROLLBACK;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA at_commit CASCADE;
