-- predict_ddl(): what a statement would do, without running it.  That it is
-- exact is for test/exact to prove; here is what it says and what it refuses.
\set VERBOSITY terse
SET client_min_messages = warning;
SET invariant_guard.mode = off;
CREATE SCHEMA predict;
SET search_path = predict;
CREATE TABLE users (id int PRIMARY KEY, email varchar(50), age int);
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users, total numeric(10,2));
CREATE INDEX users_age_idx ON users (age);
CREATE VIEW adults AS SELECT id FROM users WHERE age > 17;
CREATE TABLE log (at date, what text) PARTITION BY RANGE (at);
CREATE TABLE log_2025 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE log_rest PARTITION OF log DEFAULT;
CREATE SEQUENCE tickets;
RESET invariant_guard.mode;
RESET client_min_messages;

-- locks, on what is not named as well
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('ALTER TABLE users ADD COLUMN note text');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('ALTER TABLE users SET (fillfactor = 70)');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('DROP TABLE orders');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('DROP TABLE users CASCADE') ORDER BY relation::text;
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('CREATE TABLE items (id int, order_id int REFERENCES orders)');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl(
	'CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM (''2026-01-01'') TO (''2027-01-01'')');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('TRUNCATE users CASCADE');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('CREATE POLICY p ON users USING (true)');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('ALTER SEQUENCE tickets RESTART');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('CREATE OR REPLACE VIEW adults AS SELECT id FROM users');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('LOCK TABLE adults IN SHARE MODE');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('COMMENT ON TABLE users IS ''people''');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('ALTER INDEX users_age_idx SET (fillfactor = 70)');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('REINDEX TABLE orders');
SELECT relation, lock_mode FROM invariant_guard.predict_ddl('CREATE INDEX CONCURRENTLY ON users (email)');

-- what is written anew, built, read and checked, heirs by themselves
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE orders ALTER user_id TYPE bigint') ORDER BY relation::text;
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE users ALTER email TYPE varchar(80)');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE users ADD COLUMN seen timestamptz DEFAULT clock_timestamp()');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE users ADD COLUMN seen timestamptz DEFAULT now()');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0)');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE orders ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users');
SELECT * FROM invariant_guard.predict_ddl('CREATE INDEX what_idx ON log (what)') ORDER BY relation::text;
SELECT * FROM invariant_guard.predict_ddl(
	'CREATE TABLE log_2026 PARTITION OF log FOR VALUES FROM (''2026-01-01'') TO (''2027-01-01'')');
SELECT * FROM invariant_guard.predict_ddl('VACUUM FULL orders');

-- what is new, temporary or not there has no row
SELECT count(*) FROM invariant_guard.predict_ddl('CREATE TABLE plain (id int)');
SELECT count(*) FROM invariant_guard.predict_ddl('DROP TABLE IF EXISTS nothing');
BEGIN;
CREATE TABLE fresh (id int);
SELECT count(*) FROM invariant_guard.predict_ddl('ALTER TABLE fresh ADD COLUMN n int');
ROLLBACK;
CREATE TEMP TABLE passing (id int);
SELECT count(*) FROM invariant_guard.predict_ddl('DROP TABLE passing');

-- it keeps no lock and does nothing
BEGIN;
SELECT count(*) > 0 FROM invariant_guard.predict_ddl('DROP TABLE users CASCADE');
SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation = 'users'::regclass
	AND mode <> 'AccessShareLock';
COMMIT;
SELECT count(*) FROM users;

-- what it refuses
SELECT * FROM invariant_guard.predict_ddl(NULL);
SELECT * FROM invariant_guard.predict_ddl('');
SELECT * FROM invariant_guard.predict_ddl('DROP TABLE users; DROP TABLE orders');
SELECT * FROM invariant_guard.predict_ddl('SELECT 1');
SELECT * FROM invariant_guard.predict_ddl('DELETE FROM users');
SELECT * FROM invariant_guard.predict_ddl('BEGIN');
SELECT * FROM invariant_guard.predict_ddl('DO $$BEGIN END$$');
SELECT * FROM invariant_guard.predict_ddl('ALTER TABLE');

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA predict CASCADE;
