--
-- What somebody who is no superuser can do against the gate: nothing.
--
\set VERBOSITY terse
CREATE ROLE regress_guard_owner;
CREATE ROLE regress_guard_admin CREATEROLE CREATEDB;
CREATE SCHEMA books AUTHORIZATION regress_guard_owner;
GRANT regress_guard_owner TO regress_guard_admin WITH ADMIN OPTION;
SET ROLE regress_guard_owner;
SET search_path = books;
CREATE TABLE users (id int PRIMARY KEY, nickname text);
CREATE TABLE payments (id int PRIMARY KEY, amount numeric);
SELECT invariant_guard.protect('payments', 'financial');
CREATE FUNCTION audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER audit BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION audit();
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON payments USING (true);

-- settings that weaken it, by whatever way they are set
SET invariant_guard.mode = off;
SET LOCAL invariant_guard.mode = off;
SELECT set_config('invariant_guard.mode', 'off', false);
UPDATE pg_settings SET setting = 'off' WHERE name = 'invariant_guard.mode';
SET invariant_guard.severity = 'drop-column=off';
SET invariant_guard.environment = development;
SET invariant_guard.exempt_empty_tables = on;
SET invariant_guard.exempt_smaller_than = '1GB';
SET invariant_guard.financial_tables = '';
SET invariant_guard.protected_tables = '';
SET invariant_guard.protected_databases = '';
SET invariant_guard.reason = 'because';
SET invariant_guard.allow = 'drop-column(users.nickname)';
SET session_preload_libraries = '';
SET session_replication_role = replica;
ALTER ROLE regress_guard_owner SET invariant_guard.mode = off;
ALTER ROLE CURRENT_USER SET invariant_guard.severity = 'all=off';
CREATE FUNCTION unguarded() RETURNS void LANGUAGE sql SET invariant_guard.mode = off
	AS $$ ALTER TABLE books.users DROP COLUMN nickname $$;
CREATE FUNCTION unguarded() RETURNS void LANGUAGE plpgsql SET search_path = books AS
	$$ BEGIN PERFORM set_config('invariant_guard.mode', 'off', true);
	ALTER TABLE books.users DROP COLUMN nickname; END $$;
SELECT unguarded();
ALTER FUNCTION unguarded() SET invariant_guard.mode = off;
GRANT SET ON PARAMETER invariant_guard.mode TO regress_guard_owner;
GRANT SET ON PARAMETER invariant_guard.allow TO PUBLIC;
LOAD 'invariant_guard';
-- RESET gives back what the administrator chose
RESET invariant_guard.mode;
RESET ALL;
SET search_path = books;
SHOW invariant_guard.mode;
ALTER TABLE users DROP COLUMN nickname;

-- whoever may create roles and databases
RESET ROLE;
SET ROLE regress_guard_admin;
ALTER ROLE regress_guard_owner SET invariant_guard.mode = off;
CREATE ROLE regress_guard_more;
ALTER ROLE regress_guard_more SET invariant_guard.allow = 'drop-column(users.nickname)';
ALTER DATABASE contrib_regression SET invariant_guard.mode = off;
ALTER DATABASE contrib_regression SET session_preload_libraries = '';
GRANT SET ON PARAMETER invariant_guard.mode TO regress_guard_more;
ALTER SYSTEM SET invariant_guard.mode = off;
-- the owner of a database
CREATE DATABASE regress_guard_db;
ALTER DATABASE regress_guard_db SET invariant_guard.mode = off;
ALTER DATABASE regress_guard_db SET session_preload_libraries = '';
ALTER ROLE regress_guard_more IN DATABASE regress_guard_db SET invariant_guard.severity = 'all=off';
DROP DATABASE regress_guard_db;
DROP ROLE regress_guard_more;
-- a member of the owner is judged as the owner is
ALTER TABLE books.users DROP COLUMN nickname;
RESET ROLE;
SET ROLE regress_guard_owner;

-- what is the extension's
ALTER EVENT TRIGGER invariant_guard_ddl_start DISABLE;
DROP EVENT TRIGGER invariant_guard_ddl_start;
CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION invariant_guard.on_ddl_command_start();
DROP EXTENSION invariant_guard;
ALTER EXTENSION invariant_guard DROP EVENT TRIGGER invariant_guard_ddl_start;
ALTER EXTENSION invariant_guard SET SCHEMA books;
CREATE OR REPLACE FUNCTION invariant_guard.on_ddl_command_start() RETURNS event_trigger
	LANGUAGE plpgsql AS $$ BEGIN END $$;
ALTER FUNCTION invariant_guard.on_ddl_command_start() OWNER TO regress_guard_owner;
DROP FUNCTION invariant_guard.on_ddl_command_start();
SELECT invariant_guard.on_ddl_command_start();
CREATE FUNCTION invariant_guard.protect(text) RETURNS void LANGUAGE sql AS 'SELECT 1';
CREATE TABLE invariant_guard.rules2 (a int);
CREATE OR REPLACE VIEW invariant_guard.rules AS SELECT 1;
ALTER SCHEMA invariant_guard RENAME TO gone;
DROP SCHEMA invariant_guard CASCADE;
GRANT ALL ON SCHEMA invariant_guard TO regress_guard_owner;

-- the class of one's own table can be taken, not given away
SECURITY LABEL FOR invariant_guard ON TABLE payments IS NULL;
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'protected';
SELECT invariant_guard.unprotect('payments');
SELECT invariant_guard.unprotect('payments', 'financial');
ALTER TABLE payments RENAME TO other;
ALTER TABLE payments SET SCHEMA public;
ALTER TABLE payments OWNER TO regress_guard_owner;
ALTER TABLE payments DISABLE TRIGGER audit;
ALTER TABLE payments DISABLE TRIGGER ALL;
ALTER TABLE payments ENABLE REPLICA TRIGGER audit;
DROP TRIGGER audit ON payments;
ALTER TABLE payments DISABLE ROW LEVEL SECURITY;
DROP POLICY everything ON payments;
GRANT SELECT ON payments TO PUBLIC;
GRANT SELECT (amount) ON payments TO PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA books TO PUBLIC;
DROP OWNED BY regress_guard_owner;
DELETE FROM pg_seclabel;

-- names that stand before those of the system
CREATE FUNCTION books.on_ddl_command_start() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION books.format_type(oid, int) RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$;
CREATE FUNCTION books.never(oid, oid) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT false';
CREATE OPERATOR books.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = books.never);
CREATE TEMP TABLE pg_extension (extname name, oid oid);
CREATE TEMP TABLE pg_class (relname name, oid oid);
CREATE TEMP VIEW rules AS SELECT 1 AS x;
SET search_path = books, pg_temp, pg_catalog;
ALTER TABLE users DROP COLUMN nickname;
ALTER TABLE books.payments DROP COLUMN amount;
SELECT count(*) > 50 AS rules FROM invariant_guard.rules;
SET search_path = books;

-- somebody else's table: the server's own refusal, in its own words
RESET ROLE;
CREATE TABLE books.not_theirs (id int, a text);
SET ROLE regress_guard_owner;
ALTER TABLE not_theirs DROP COLUMN a;
ALTER TABLE not_theirs ADD COLUMN b serial;
SELECT invariant_guard.protect('not_theirs', 'financial');
SECURITY LABEL FOR invariant_guard ON TABLE not_theirs IS 'financial';
RESET ROLE;

-- the hatch is opened for a role by a grant, and closed again
GRANT SET ON PARAMETER invariant_guard.allow, invariant_guard.reason TO regress_guard_owner;
SET ROLE regress_guard_owner;
ALTER ROLE regress_guard_owner SET invariant_guard.allow = 'drop-column(users.nickname)';
CREATE FUNCTION hatch() RETURNS void LANGUAGE sql SET invariant_guard.allow = 'drop-column(users.nickname)'
	AS $$ ALTER TABLE books.users DROP COLUMN nickname $$;
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-1';
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname)';
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
RESET ROLE;
REVOKE SET ON PARAMETER invariant_guard.allow, invariant_guard.reason FROM regress_guard_owner;
SET ROLE regress_guard_owner;
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-1';
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname)';
ROLLBACK;
ALTER TABLE users DROP COLUMN nickname;
RESET ROLE;

DISCARD TEMP;
SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP ROLE regress_guard_owner, regress_guard_admin;
