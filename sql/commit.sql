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

--
-- the view must serve who used the table: its columns, and its grants
--
CREATE ROLE regress_ig_app;
GRANT SELECT, INSERT ON users TO regress_ig_app;
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT * FROM people;
COMMIT;
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT id FROM people;
GRANT SELECT, INSERT ON users TO regress_ig_app;
COMMIT;
BEGIN;
ALTER TABLE users RENAME TO people;
CREATE VIEW users AS SELECT *, upper(nickname) AS loud FROM people;
GRANT SELECT, INSERT ON users TO regress_ig_app;
COMMIT;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE people RENAME TO users;
REVOKE ALL ON users FROM regress_ig_app;
RESET invariant_guard.mode;

--
-- set-schema: a view with the old name in the old schema
--
CREATE SCHEMA at_commit2;
BEGIN;
ALTER TABLE users SET SCHEMA at_commit2;
COMMIT;
BEGIN;
ALTER TABLE users SET SCHEMA at_commit2;
CREATE VIEW users AS SELECT * FROM at_commit2.users;
COMMIT;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE at_commit2.users SET SCHEMA at_commit;
RESET invariant_guard.mode;
BEGIN;
ALTER TABLE users SET SCHEMA at_commit2;
ALTER TABLE at_commit2.users SET SCHEMA at_commit;
COMMIT;
-- by two steps, and by two statements about different names
BEGIN;
ALTER TABLE users RENAME TO people;
ALTER TABLE people SET SCHEMA at_commit2;
COMMIT;
BEGIN;
ALTER TABLE users RENAME TO people;
ALTER TABLE people SET SCHEMA at_commit2;
CREATE VIEW users AS SELECT * FROM at_commit2.people;
COMMIT;
SET invariant_guard.mode = off;
DROP VIEW users;
ALTER TABLE at_commit2.people SET SCHEMA at_commit;
ALTER TABLE people RENAME TO users;
RESET invariant_guard.mode;
-- a type has no view
CREATE TYPE pair AS (a int);
BEGIN;
ALTER TYPE pair SET SCHEMA at_commit2;
ROLLBACK;

--
-- drop-enforced-constraint
--
CREATE TABLE ref (id int PRIMARY KEY, other int UNIQUE);
INSERT INTO ref VALUES (1, 1);
CREATE TABLE t (id int PRIMARY KEY, a int CONSTRAINT a_positive CHECK (a > 0), b int NOT NULL, c text NOT NULL,
	r int CONSTRAINT r_fkey REFERENCES ref ON DELETE CASCADE, span int4range,
	CONSTRAINT b_c_key UNIQUE (b, c), CONSTRAINT a_r_key UNIQUE (a, r),
	CONSTRAINT spans EXCLUDE USING gist (span WITH &&));
INSERT INTO t VALUES (1, 1, 1, 'x', 1, '[1,2)');
SET invariant_guard.severity = 'drop-enforced-constraint=error, cascade-any=off';

CREATE UNIQUE INDEX CONCURRENTLY c_index ON t (c COLLATE "POSIX");
CREATE UNIQUE INDEX CONCURRENTLY bc_some ON t (b, c) WHERE a > 5;
CREATE UNIQUE INDEX CONCURRENTLY bc_more ON t (b, c, a);
CREATE UNIQUE INDEX CONCURRENTLY id_again ON t (id);

-- nothing in its place, at the end of the transaction
\set VERBOSITY default
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
COMMIT;
\set VERBOSITY terse
-- alone it is refused at once; with a replacement in the same statement it passes
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t DROP CONSTRAINT a_positive, ADD CONSTRAINT a_larger CHECK (a > 10) NOT VALID;
ALTER TABLE t DROP CONSTRAINT a_larger, ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;
-- it passes too where something replaces it already, but not two of each other
ALTER TABLE t DROP CONSTRAINT a_larger;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID, ADD CONSTRAINT positive CHECK (0 < a) NOT VALID;
ALTER TABLE t DROP CONSTRAINT a_larger;
SET invariant_guard.mode = off;
ALTER TABLE t DROP CONSTRAINT a_larger;
RESET invariant_guard.mode;
ALTER TABLE t DROP CONSTRAINT a_positive, DROP CONSTRAINT positive;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t DROP CONSTRAINT positive;
COMMIT;
ALTER TABLE t DROP CONSTRAINT positive;
-- so does one under another name, or one that implies it; a weaker one does not
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0) NOT VALID;
COMMIT;
ALTER TABLE t RENAME CONSTRAINT positive TO a_positive;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > -1) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NO INHERIT NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0 AND b > 0) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID, ADD CONSTRAINT b_positive CHECK (b > 0) NOT VALID;
COMMIT;
-- savepoints: the replacement, or the drop, is rolled back
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_positive;
SAVEPOINT s;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
ALTER TABLE t DROP CONSTRAINT a_positive;
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
ALTER TABLE t DROP CONSTRAINT a_positive;
RELEASE s;
SAVEPOINT s2;
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0) NOT VALID;
RELEASE s2;
COMMIT;
-- two-phase commit; the whole transaction is gone when the verdict is an error
BEGIN;
INSERT INTO ref VALUES (2, 2);
ALTER TABLE t DROP CONSTRAINT a_positive;
PREPARE TRANSACTION 'regress_ig_constraint';
SELECT count(*) FROM ref;

-- UNIQUE: a key of the same or fewer columns, as a constraint or not
BEGIN;
ALTER TABLE t DROP CONSTRAINT b_c_key;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT b_c_key;
ALTER TABLE t ADD CONSTRAINT bc_more UNIQUE USING INDEX bc_more;
COMMIT;
CREATE UNIQUE INDEX CONCURRENTLY b_index ON t (b);
BEGIN;
ALTER TABLE t DROP CONSTRAINT b_c_key;
ALTER TABLE t ADD CONSTRAINT b_only UNIQUE USING INDEX b_index DEFERRABLE;
COMMIT;
ALTER TABLE t DROP CONSTRAINT b_c_key, ADD CONSTRAINT b_only UNIQUE USING INDEX b_index;
BEGIN;
ALTER TABLE t DROP CONSTRAINT b_only;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT a_r_key;
COMMIT;
-- a primary key only by another one
BEGIN;
ALTER TABLE t DROP CONSTRAINT t_pkey;
COMMIT;
ALTER TABLE t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey2 PRIMARY KEY USING INDEX id_again;

-- a foreign key with the same or safer actions
BEGIN;
ALTER TABLE t DROP CONSTRAINT r_fkey;
ALTER TABLE t ADD CONSTRAINT r_fkey FOREIGN KEY (r) REFERENCES ref (other) NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT r_fkey;
ALTER TABLE t ADD CONSTRAINT r_fkey FOREIGN KEY (r) REFERENCES ref ON DELETE SET NULL NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT r_fkey;
ALTER TABLE t ADD CONSTRAINT r_fkey2 FOREIGN KEY (r) REFERENCES ref NOT VALID;
COMMIT;
BEGIN;
ALTER TABLE t DROP CONSTRAINT r_fkey2;
ALTER TABLE t ADD CONSTRAINT r_fkey FOREIGN KEY (r) REFERENCES ref ON DELETE CASCADE NOT VALID;
COMMIT;
-- EXCLUDE: the same again
BEGIN;
ALTER TABLE t DROP CONSTRAINT spans;
COMMIT;
SELECT conname, convalidated FROM pg_constraint
	WHERE conrelid = 't'::regclass AND contype <> 'n' ORDER BY conname;
-- a column or table that goes as well was judged by itself
BEGIN;
SET LOCAL invariant_guard.reason = 'nobody uses it';
SET LOCAL invariant_guard.allow = 'drop-column(at_commit.t.span)';
ALTER TABLE t DROP CONSTRAINT spans;
ALTER TABLE t DROP COLUMN span;
COMMIT;
RESET invariant_guard.severity;

-- an error on a financial table, and the same acquittal
ALTER TABLE payments ADD CONSTRAINT id_positive CHECK (id > 0) NOT VALID;
BEGIN;
ALTER TABLE payments DROP CONSTRAINT id_positive;
COMMIT;
BEGIN;
ALTER TABLE payments DROP CONSTRAINT id_positive;
ALTER TABLE payments ADD CONSTRAINT id_large CHECK (id >= 1000) NOT VALID;
COMMIT;

--
-- drop-view and drop-function: created again
--
SET invariant_guard.severity = 'drop-view=error, drop-function=error, drop-not-null=error';
CREATE VIEW v AS SELECT id, nickname FROM users;
GRANT SELECT ON v TO regress_ig_app;
BEGIN;
DROP VIEW v;
COMMIT;
BEGIN;
DROP VIEW v;
CREATE VIEW v AS SELECT id, nickname, 1 AS more FROM users;
COMMIT;
BEGIN;
DROP VIEW v;
CREATE VIEW v AS SELECT nickname, id FROM users;
GRANT SELECT ON v TO regress_ig_app;
COMMIT;
BEGIN;
DROP VIEW v;
CREATE VIEW v AS SELECT id, nickname, 1 AS more FROM users;
GRANT SELECT ON v TO regress_ig_app;
COMMIT;
CREATE FUNCTION f(a int, b int DEFAULT 1, OUT c int, OUT d int) LANGUAGE sql AS 'SELECT 1, 2';
BEGIN;
DROP FUNCTION f(int, int);
COMMIT;
BEGIN;
DROP FUNCTION f(int, int);
CREATE FUNCTION f(a int, b int, OUT c int, OUT d int) LANGUAGE sql AS 'SELECT 1, 2';
COMMIT;
BEGIN;
DROP FUNCTION f(int, int);
CREATE FUNCTION f(a int, b int DEFAULT 1, OUT d int, OUT c int) LANGUAGE sql AS 'SELECT 1, 2';
COMMIT;
BEGIN;
DROP FUNCTION f(int, int);
CREATE FUNCTION f(a int, b int DEFAULT 1, OUT c int, OUT d int) LANGUAGE sql AS 'SELECT 3, 4';
REVOKE ALL ON FUNCTION f FROM PUBLIC;
COMMIT;
BEGIN;
DROP FUNCTION f(int, int);
CREATE FUNCTION f(a int, b int DEFAULT 2, OUT c int, OUT d int) LANGUAGE sql AS 'SELECT 3, 4';
COMMIT;

--
-- drop-not-null and drop-default-required
--
CREATE TABLE d (a int NOT NULL DEFAULT 1, b serial);
INSERT INTO d VALUES (1);
BEGIN;
ALTER TABLE d ALTER a DROP NOT NULL;
COMMIT;
BEGIN;
ALTER TABLE d ALTER a DROP NOT NULL;
ALTER TABLE d ADD CONSTRAINT a_filled CHECK (a IS NOT NULL) NOT VALID;
COMMIT;
ALTER TABLE d VALIDATE CONSTRAINT a_filled;
ALTER TABLE d ALTER a SET NOT NULL;
ALTER TABLE d DROP CONSTRAINT a_filled;
BEGIN;
ALTER TABLE d ALTER a DROP DEFAULT;
COMMIT;
BEGIN;
ALTER TABLE d ALTER a DROP DEFAULT;
ALTER TABLE d ALTER a SET DEFAULT 2;
COMMIT;
BEGIN;
ALTER TABLE d ALTER b DROP DEFAULT;
ALTER TABLE d ALTER b ADD GENERATED BY DEFAULT AS IDENTITY;
COMMIT;
RESET invariant_guard.severity;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA at_commit, at_commit2 CASCADE;
DROP ROLE regress_ig_app;
