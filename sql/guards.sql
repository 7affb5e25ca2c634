--
-- The guards of financial tables: what weakens them is refused by whatever
-- words it comes, and what does not passes.  sql/attacks.sql has the routes;
-- here are the words of the refusals, and the other side of each rule.
--
\set VERBOSITY terse
CREATE SCHEMA guards;
SET search_path = guards;
CREATE ROLE regress_guards_clerk;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE FUNCTION may_see(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION is_sound(numeric) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 1000000';
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE TYPE payee AS (name text, iban text);
CREATE DOMAIN cents AS bigint NOT NULL CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE DOMAIN fee AS cents;
CREATE TABLE payments (id int PRIMARY KEY, total numeric CHECK (is_sound(total)), status state,
	paid_to payee[], costs fee);
CREATE TABLE notes (id int PRIMARY KEY, status state, paid_to payee);
CREATE TRIGGER stamp BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE payments ENABLE ALWAYS TRIGGER stamp;
CREATE TRIGGER plain BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE keep AS ON DELETE TO payments DO INSTEAD NOTHING;
CREATE POLICY visible ON payments USING (may_see(id));
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
SELECT invariant_guard.protect('payments', 'financial');

-- triggers and rules
\set VERBOSITY default
ALTER TABLE payments ENABLE TRIGGER stamp;
ALTER TABLE payments DISABLE RULE keep;
DROP RULE keep ON payments;
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
\set VERBOSITY terse
ALTER TABLE payments ENABLE ALWAYS TRIGGER plain;
ALTER TABLE payments ENABLE ALWAYS TRIGGER stamp;
ALTER TABLE payments ENABLE ALWAYS RULE keep;
ALTER TRIGGER plain ON payments RENAME TO plainer;
CREATE TRIGGER another BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE payments ENABLE TRIGGER another;
CREATE RULE also AS ON INSERT TO payments DO ALSO NOTHING;
BEGIN;
CREATE TRIGGER fresh BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
DROP TRIGGER fresh ON payments;
CREATE RULE fresh AS ON INSERT TO payments DO ALSO NOTHING;
DROP RULE fresh ON payments;
ROLLBACK;

-- the functions behind them: the same text again is no change
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
ALTER FUNCTION stamp() COST 1000;
ALTER FUNCTION stamp() OWNER TO CURRENT_USER;
CREATE OR REPLACE FUNCTION is_sound(numeric) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';
CREATE OR REPLACE FUNCTION may_see(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT $1 > 0';
CREATE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION other() RETURNS int LANGUAGE sql AS 'SELECT 2';
CREATE FUNCTION of_notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION of_notes();
CREATE OR REPLACE FUNCTION of_notes() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
BEGIN;
CREATE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER fresh BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION fresh();
CREATE OR REPLACE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'financial-disable-trigger(guards.payments)';
CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
ROLLBACK;

-- policies: one more permissive one widens, a restrictive one narrows
\set VERBOSITY default
CREATE POLICY open ON payments FOR SELECT USING (true);
\set VERBOSITY terse
CREATE POLICY narrow ON payments AS RESTRICTIVE USING (id > 0);
ALTER POLICY visible ON payments RENAME TO seen;
CREATE POLICY open ON notes USING (true);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
SELECT invariant_guard.protect('notes', 'financial');
CREATE POLICY more ON notes USING (true);
DROP POLICY narrow ON payments;
CREATE TABLE bare (id int);
SELECT invariant_guard.protect('bare', 'financial');
-- where nobody sees anything yet, the first ones of a transaction are no more
BEGIN;
ALTER TABLE bare ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON bare FOR SELECT USING (true);
CREATE POLICY writing ON bare FOR INSERT WITH CHECK (true);
DROP POLICY writing ON bare;
COMMIT;
CREATE POLICY writing ON bare FOR INSERT WITH CHECK (true);
-- a role leaves a policy with all that it owns
CREATE TABLE shared (id int);
CREATE POLICY of_clerk ON shared AS RESTRICTIVE TO regress_guards_clerk USING (id > 2);
CREATE POLICY of_both ON shared AS RESTRICTIVE TO regress_guards_clerk, CURRENT_USER USING (id > 2);
SELECT invariant_guard.protect('shared', 'financial');
DROP OWNED BY regress_guards_clerk;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'financial-disable-rls(guards.shared)';
DROP OWNED BY regress_guards_clerk;
ROLLBACK;

-- types: what the stored values say
\set VERBOSITY default
ALTER TYPE state RENAME VALUE 'paid' TO 'due';
\set VERBOSITY terse
SET invariant_guard.severity = 'compatibility=off, wipe=off';
ALTER TYPE state RENAME VALUE 'paid' TO 'due';
ALTER TYPE payee DROP ATTRIBUTE iban;
ALTER TYPE payee RENAME ATTRIBUTE iban TO bic;
ALTER DOMAIN cents DROP CONSTRAINT not_negative;
ALTER DOMAIN cents DROP NOT NULL;
ALTER DOMAIN cents DROP CONSTRAINT IF EXISTS nothing;
ALTER DOMAIN fee DROP NOT NULL;
RESET invariant_guard.severity;
ALTER TYPE state ADD VALUE 'late';
ALTER TYPE payee ADD ATTRIBUTE bic text;
ALTER DOMAIN cents SET DEFAULT 0;
CREATE DOMAIN unused AS int NOT NULL CHECK (VALUE > 0);
ALTER DOMAIN unused DROP CONSTRAINT unused_check;
ALTER DOMAIN unused DROP NOT NULL;
-- their names, and those of functions, as with a drop
\set VERBOSITY default
ALTER TYPE state RENAME TO status;
\set VERBOSITY terse
ALTER DOMAIN cents RENAME TO pennies;
ALTER FUNCTION other() RENAME TO another;
BEGIN;
CREATE TYPE fresh AS ENUM ();
ALTER TYPE fresh RENAME TO fresher;
ROLLBACK;
SET invariant_guard.severity = 'rename-object=error';
ALTER FUNCTION another() RENAME TO other;
RESET invariant_guard.severity;

-- a partition has the classes of those above it until it is detached
CREATE TABLE entries (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE entries_1 PARTITION OF entries FOR VALUES FROM (0) TO (10);
CREATE TABLE entries_2 PARTITION OF entries FOR VALUES FROM (10) TO (20);
SELECT invariant_guard.protect('entries', 'financial');
\set VERBOSITY default
ALTER TABLE entries DETACH PARTITION entries_1 CONCURRENTLY;
\set VERBOSITY terse
ALTER TABLE entries DETACH PARTITION entries_2;
SECURITY LABEL FOR invariant_guard ON TABLE entries_1 IS 'financial';
ALTER TABLE entries DETACH PARTITION entries_1 CONCURRENTLY;
TRUNCATE entries_1;
SET invariant_guard.financial_tables = 'entries_*';
ALTER TABLE entries DETACH PARTITION entries_2 CONCURRENTLY;
RESET invariant_guard.financial_tables;
CREATE TABLE events (at int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
ALTER TABLE events DETACH PARTITION events_1 CONCURRENTLY;

-- a new parent with an old child is judged as the child; with a new one it is new
CREATE TABLE old (a int, b text);
BEGIN;
CREATE TABLE roof (a int, b text);
CREATE TABLE floor () INHERITS (roof);
TRUNCATE roof;
ALTER TABLE roof DROP COLUMN b;
DROP TABLE roof CASCADE;
ROLLBACK;
BEGIN;
CREATE TABLE roof (a int, b text);
ALTER TABLE old INHERIT roof;
SAVEPOINT s;
TRUNCATE roof;
ROLLBACK TO s;
ALTER TABLE old NO INHERIT roof;
TRUNCATE roof;
ROLLBACK;

-- an index that a type change has built anew is as old as it was
CREATE TABLE sent (id int PRIMARY KEY, code varchar(10) NOT NULL);
CREATE UNIQUE INDEX CONCURRENTLY sent_code ON sent (code);
ALTER TABLE sent REPLICA IDENTITY USING INDEX sent_code;
SET client_min_messages = error;
CREATE PUBLICATION regress_guards FOR TABLE sent;
RESET client_min_messages;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'alter-type-reindex(sent.code), alter-type-rewrite(sent.code), alter-type-narrowing(sent.code), drop-index-blocking(sent)';
ALTER TABLE sent ALTER COLUMN code TYPE varchar(9);
DROP INDEX sent_code;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'create-index-blocking(sent)';
CREATE INDEX fresh ON sent (id);
DROP INDEX fresh;
ROLLBACK;
DROP PUBLICATION regress_guards;

-- an allowance that was set before a savepoint is still this transaction's own
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-table(old)';
SAVEPOINT s;
SET LOCAL invariant_guard.allow = 'drop-table(old), drop-table(notes)';
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-table(old)';
ROLLBACK TO s;
COMMIT;
SET invariant_guard.reason = 'test';
SET invariant_guard.allow = 'drop-table(old)';
BEGIN;
SAVEPOINT s;
SET LOCAL invariant_guard.allow = 'drop-table(notes)';
ROLLBACK TO s;
COMMIT;
BEGIN;
SAVEPOINT s;
SET LOCAL invariant_guard.allow = 'drop-table(notes)';
RELEASE s;
COMMIT;
-- one that was used in what was rolled back was not used
BEGIN;
SET LOCAL invariant_guard.allow = 'drop-table(old)';
SAVEPOINT s;
DROP TABLE old;
ROLLBACK TO s;
COMMIT;
RESET invariant_guard.allow;
RESET invariant_guard.reason;

-- somebody else's: the server's own refusal, and nothing of what hangs on it
GRANT USAGE ON SCHEMA guards TO regress_guards_clerk;
CREATE VIEW reads_old AS SELECT * FROM old;
SET ROLE regress_guards_clerk;
DROP TABLE old CASCADE;
DROP VIEW reads_old;
DROP TRIGGER stamp ON payments;
DROP POLICY seen ON payments;
DROP RULE keep ON payments;
RESET ROLE;
-- but the owner of the schema may
ALTER SCHEMA guards OWNER TO regress_guards_clerk;
SET ROLE regress_guards_clerk;
DROP TABLE old CASCADE;
RESET ROLE;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA guards CASCADE;
DROP ROLE regress_guards_clerk;
