--
-- Family G: what guards the guard.
--
\set VERBOSITY terse
CREATE SCHEMA self;
SET search_path = self;
CREATE TABLE users (id int PRIMARY KEY, parent int REFERENCES users);
CREATE TABLE orders (id int) PARTITION BY RANGE (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM (1) TO (100);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER regress_ig_self ON sql_drop EXECUTE FUNCTION ddl();
CREATE ROLE regress_ig_self;
SET invariant_guard.severity = 'wipe=warning, compatibility=off, environment=off';

-- the extension, by whatever way
\set VERBOSITY default
DROP EXTENSION invariant_guard;
\set VERBOSITY terse
DROP EXTENSION IF EXISTS nosuch, invariant_guard CASCADE;
ALTER EXTENSION invariant_guard DROP FUNCTION invariant_guard.status();
ALTER EXTENSION invariant_guard ADD TABLE users;
ALTER EXTENSION invariant_guard SET SCHEMA self;
ALTER EXTENSION invariant_guard UPDATE;
DROP SCHEMA invariant_guard CASCADE;
ALTER SCHEMA invariant_guard RENAME TO other;
ALTER SCHEMA invariant_guard OWNER TO regress_ig_self;
SET invariant_guard.severity = 'wipe=off';
BEGIN;
UPDATE pg_extension SET extowner = 'regress_ig_self'::regrole WHERE extname = 'invariant_guard';
INSERT INTO pg_shdepend SELECT (SELECT oid FROM pg_database WHERE datname = current_database()),
	'pg_extension'::regclass, oid, 0, 'pg_authid'::regclass, 'regress_ig_self'::regrole, 'o'
	FROM pg_extension WHERE extname = 'invariant_guard';
SET LOCAL invariant_guard.severity = 'all=off';
DROP OWNED BY regress_ig_self CASCADE;
ROLLBACK;
-- a drop that no statement has told of
CREATE PROCEDURE drop_it() LANGUAGE plpgsql AS 'BEGIN DROP EXTENSION invariant_guard; END';
CALL drop_it();

-- its event triggers; others are nobody's concern
ALTER EVENT TRIGGER invariant_guard_ddl_start DISABLE;
ALTER EVENT TRIGGER invariant_guard_ddl_start ENABLE;
ALTER EVENT TRIGGER invariant_guard_ddl_start ENABLE REPLICA;
ALTER EVENT TRIGGER invariant_guard_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER invariant_guard_ddl_start OWNER TO regress_ig_self;
ALTER EVENT TRIGGER invariant_guard_ddl_start RENAME TO other;
DROP EVENT TRIGGER invariant_guard_ddl_start;
DROP EVENT TRIGGER IF EXISTS invariant_guard_ddl_end CASCADE;
CREATE EVENT TRIGGER regress_ig_self_too ON sql_drop EXECUTE FUNCTION ddl();
ALTER EVENT TRIGGER regress_ig_self DISABLE;
ALTER EVENT TRIGGER regress_ig_self ENABLE;
ALTER EVENT TRIGGER regress_ig_self_too RENAME TO regress_ig_self_3;
DROP EVENT TRIGGER regress_ig_self_3;
DROP EVENT TRIGGER regress_ig_self;

-- its functions and views
CREATE OR REPLACE FUNCTION invariant_guard.on_ddl_command_start() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
SET search_path = invariant_guard;
CREATE OR REPLACE FUNCTION on_ddl_command_start() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
SET search_path = self;
ALTER FUNCTION invariant_guard.on_ddl_command_start() SET work_mem = '1MB';
ALTER FUNCTION invariant_guard.status() SECURITY DEFINER;
ALTER FUNCTION invariant_guard.status() OWNER TO regress_ig_self;
ALTER FUNCTION invariant_guard.status() RENAME TO other;
ALTER ROUTINE invariant_guard.status() SET SCHEMA self;
ALTER FUNCTION invariant_guard.status() DEPENDS ON EXTENSION plpgsql;
DROP FUNCTION invariant_guard.status();
DROP FUNCTION invariant_guard.on_ddl_command_start() CASCADE;
CREATE OR REPLACE VIEW invariant_guard.rules AS SELECT 1 AS a;
ALTER VIEW invariant_guard.rules OWNER TO regress_ig_self;
ALTER VIEW invariant_guard.rules RENAME TO other;
ALTER VIEW invariant_guard.rules SET SCHEMA self;
CREATE RULE r AS ON INSERT TO invariant_guard.rules DO INSTEAD NOTHING;
DROP VIEW invariant_guard.rules;
CREATE OR REPLACE FUNCTION ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN NULL; END';
GRANT SELECT ON invariant_guard.rules TO regress_ig_self;
REVOKE SELECT ON invariant_guard.rules FROM regress_ig_self;
COMMENT ON VIEW invariant_guard.rules IS 'the rules: what each refuses, what to do instead, and its level on a table of no class';

-- triggers that execute its functions
CREATE FUNCTION invariant_guard.regress_ig_row() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE OR REPLACE FUNCTION invariant_guard.regress_ig_row(a int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER ours BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION invariant_guard.regress_ig_row();
CREATE TRIGGER theirs BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION fire();
CREATE TRIGGER ours BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION invariant_guard.regress_ig_row();
ALTER TABLE users ENABLE ALWAYS TRIGGER ours;
\set VERBOSITY default
ALTER TABLE users DISABLE TRIGGER ours;
\set VERBOSITY terse
ALTER TABLE users DISABLE TRIGGER ALL;
ALTER TABLE users DISABLE TRIGGER USER;
ALTER TABLE users ENABLE TRIGGER ours;
ALTER TABLE users ENABLE REPLICA TRIGGER ours;
ALTER TABLE users ENABLE TRIGGER ALL;
ALTER TABLE users ENABLE TRIGGER USER, ADD COLUMN a int;
ALTER TABLE orders DISABLE TRIGGER ours;
ALTER TABLE ONLY orders DISABLE TRIGGER ours;
ALTER TABLE orders_1 DISABLE TRIGGER ours;
ALTER TRIGGER ours ON users RENAME TO other;
CREATE OR REPLACE TRIGGER ours BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION fire();
DROP TRIGGER ours ON users;
DROP TRIGGER ours ON orders;
DROP FUNCTION invariant_guard.regress_ig_row() CASCADE;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname = 'ours' ORDER BY 1;
ALTER TABLE users DISABLE TRIGGER theirs;
ALTER TABLE users ENABLE TRIGGER theirs;
CREATE OR REPLACE TRIGGER theirs BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION fire();
DROP TRIGGER theirs ON users;
BEGIN;
CREATE TABLE fresh (id int);
CREATE TRIGGER ours BEFORE DELETE ON fresh FOR EACH ROW EXECUTE FUNCTION invariant_guard.regress_ig_row();
ALTER TABLE fresh DISABLE TRIGGER ours;
CREATE TRIGGER more BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION invariant_guard.regress_ig_row();
DROP TRIGGER more ON users;
-- a table takes its triggers along
DROP TABLE orders;
ROLLBACK;

-- session_replication_role, by each way to set it
\set VERBOSITY default
SET session_replication_role = replica;
\set VERBOSITY terse
SET SESSION session_replication_role TO 'replica';
BEGIN;
SET LOCAL session_replication_role = replica;
ROLLBACK;
SELECT set_config('session_replication_role', 'replica', false);
SELECT set_config('session_replication_role', 'replica', true);
UPDATE pg_settings SET setting = 'replica' WHERE name = 'session_replication_role';
CREATE FUNCTION silent() RETURNS void LANGUAGE sql SET session_replication_role = replica AS 'DELETE FROM users';
ALTER FUNCTION fire() SET session_replication_role = replica;
ALTER DATABASE contrib_regression SET session_replication_role = replica;
ALTER ROLE regress_ig_self SET session_replication_role = replica;
ALTER ROLE ALL SET session_replication_role = replica;
ALTER ROLE regress_ig_self IN DATABASE contrib_regression SET session_replication_role = replica;
ALTER SYSTEM SET session_replication_role = replica;
ALTER SYSTEM SET session_replication_role = 'Replica';
DO $$ BEGIN SET session_replication_role = replica; EXCEPTION WHEN SQLSTATE 'IGG02' THEN RAISE WARNING '%', SQLERRM; END $$;
SHOW session_replication_role;
SET invariant_guard.mode = off;
CREATE FUNCTION silent() RETURNS void LANGUAGE sql SET session_replication_role = replica AS 'DELETE FROM users';
RESET invariant_guard.mode;
SELECT silent();
SET session_replication_role = local;
SET session_replication_role = origin;
RESET session_replication_role;
SET session_replication_role = nonsense;
SET ROLE regress_ig_self;
SET session_replication_role = replica;
RESET ROLE;
-- back to origin passes, also at the end of the transaction that was allowed it
BEGIN;
SET LOCAL invariant_guard.reason = 'a copy is loaded';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
SELECT how, not_covered FROM invariant_guard.status() WHERE layer = 'session_replication_role';
COMMIT;
SHOW session_replication_role;
SELECT count(*) FROM invariant_guard.status() WHERE layer = 'session_replication_role';

-- other libraries; ours and what is loaded pass
\set VERBOSITY default
LOAD 'auto_explain';
\set VERBOSITY terse
LOAD '$libdir/auto_explain';
LOAD 'invariant_guard';
LOAD '$libdir/plpgsql';
LOAD 'plpgsql';

-- where the library is preloaded
ALTER DATABASE contrib_regression SET session_preload_libraries = auto_explain, invariant_guard;
ALTER DATABASE contrib_regression SET session_preload_libraries = '$libdir/invariant_guard';
ALTER DATABASE contrib_regression SET session_preload_libraries = auto_explain;
ALTER DATABASE contrib_regression SET session_preload_libraries = '';
ALTER DATABASE contrib_regression SET session_preload_libraries TO DEFAULT;
\set VERBOSITY default
ALTER DATABASE contrib_regression RESET session_preload_libraries;
\set VERBOSITY terse
ALTER DATABASE contrib_regression RESET ALL;
ALTER DATABASE contrib_regression RESET work_mem;
ALTER DATABASE contrib_regression SET local_preload_libraries = '';
ALTER ROLE regress_ig_self IN DATABASE contrib_regression SET session_preload_libraries = '';
ALTER ROLE regress_ig_self SET local_preload_libraries = 'invariant_guard';
ALTER ROLE regress_ig_self SET local_preload_libraries = '';
ALTER ROLE regress_ig_self RESET local_preload_libraries;
ALTER ROLE regress_ig_self RESET ALL;
ALTER ROLE regress_ig_self SET work_mem = '1MB';
SELECT setting FROM pg_db_role_setting, unnest(setconfig) AS setting WHERE setting LIKE '%preload%' ORDER BY 1;

-- allowances; observe and warn refuse nothing
BEGIN;
SET LOCAL invariant_guard.reason = 'it is to go';
SET LOCAL invariant_guard.allow = 'guard-self(invariant_guard)';
DROP EXTENSION invariant_guard CASCADE;
SELECT count(*) FROM pg_extension WHERE extname = 'invariant_guard';
ROLLBACK;
SELECT count(*) FROM pg_extension WHERE extname = 'invariant_guard';
BEGIN;
SET LOCAL invariant_guard.mode = warn;
DROP EXTENSION invariant_guard CASCADE;
SET LOCAL session_replication_role = replica;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = observe;
SET LOCAL session_replication_role = replica;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
SET LOCAL session_replication_role = replica;
ALTER EVENT TRIGGER invariant_guard_ddl_start DISABLE;
DROP EXTENSION invariant_guard CASCADE;
ROLLBACK;
-- the level cannot be set
SET invariant_guard.severity = 'guard-self=off';
SET invariant_guard.severity = 'guard=off';
ALTER EVENT TRIGGER invariant_guard_ddl_start DISABLE;

SET invariant_guard.mode = off;
SET client_min_messages = error;
ALTER ROLE regress_ig_self RESET ALL;
ALTER ROLE regress_ig_self IN DATABASE contrib_regression RESET ALL;
ALTER DATABASE contrib_regression RESET session_preload_libraries;
ALTER DATABASE contrib_regression RESET local_preload_libraries;
DROP FUNCTION invariant_guard.regress_ig_row(), invariant_guard.regress_ig_row(int) CASCADE;
DROP SCHEMA self CASCADE;
DROP ROLE regress_ig_self;
