--
-- on_no_match: an UPDATE or DELETE that matches no row is an error.
--
CREATE SCHEMA nm;
SET search_path = nm;
\set VERBOSITY terse
CREATE TABLE orders (id int PRIMARY KEY, note text, version int NOT NULL DEFAULT 0);
CREATE TABLE log (id int, note text);
CREATE VIEW live AS SELECT * FROM orders WHERE id < 100;
INSERT INTO orders SELECT i, 'n' FROM generate_series(1, 9) i;
SELECT invariant_guard.add_on_no_match('orders');
SELECT invariant_guard.add_on_no_match('orders');
SELECT invariant_guard.add_on_no_match('orders', '{update}');
SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal;

UPDATE orders SET note = 'x' WHERE id = 1;
UPDATE orders SET note = 'x' WHERE id = 99;
\set VERBOSITY default
UPDATE orders SET note = 'x' WHERE id = 1 AND version = 7;
\set VERBOSITY sqlstate
UPDATE orders SET note = 'x' WHERE id = 1 AND version = 7;
\set VERBOSITY terse
UPDATE orders SET note = 'x' WHERE false;
UPDATE orders SET note = 'x' WHERE id = 99 RETURNING *;
UPDATE orders SET note = 'x' WHERE id = 2 RETURNING id;
DELETE FROM orders WHERE id = 99;
DELETE FROM orders WHERE id = 9;
UPDATE live SET note = 'x' WHERE id = 99;
UPDATE live SET note = 'x' WHERE id = 2;
UPDATE orders SET note = 'x' FROM log WHERE log.id = orders.id;
PREPARE p(int) AS UPDATE orders SET note = 'p' WHERE id = $1;
EXECUTE p(1);
EXECUTE p(99);
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) UPDATE orders SET note = 'x' WHERE id = 99;

-- these say themselves what happens where nothing matches
INSERT INTO orders VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET note = 'c' WHERE false;
INSERT INTO orders VALUES (1, 'c') ON CONFLICT DO NOTHING;
MERGE INTO orders o USING log l ON o.id = l.id WHEN MATCHED THEN UPDATE SET note = l.note;
SELECT * FROM orders WHERE id = 99 FOR UPDATE;
COPY (SELECT 1 WHERE false) TO STDOUT;

-- data-modifying CTEs
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 1 RETURNING *) INSERT INTO log SELECT id, note FROM u;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 99 RETURNING *) INSERT INTO log SELECT id, note FROM u;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 99) SELECT 1 AS one;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 1) SELECT 1 AS one;
WITH d AS (DELETE FROM orders WHERE id = 99 RETURNING *) SELECT count(*) FROM d;
WITH d AS (DELETE FROM orders WHERE id = 8 RETURNING *) SELECT count(*) FROM d;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 1 RETURNING id) UPDATE orders SET note = 'v' FROM u WHERE orders.id = u.id + 1;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 1 RETURNING id) UPDATE orders SET note = 'v' FROM u WHERE orders.id = u.id + 98;
WITH u AS (UPDATE orders SET note = 'w' WHERE id = 99 RETURNING id) DELETE FROM orders WHERE id = 7;
WITH i AS (INSERT INTO orders VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET note = 'c' WHERE false) SELECT 1 AS one;
WITH l AS (INSERT INTO log VALUES (1, 'l') RETURNING id) UPDATE orders SET note = 'l' FROM l WHERE orders.id = l.id;
-- a soft delete among them is the DELETE that the client has sent
CREATE TABLE soft (id int, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('soft'), invariant_guard.add_on_no_match('soft', '{delete}');
CREATE TABLE soft_parts (id int, deleted_at timestamptz) PARTITION BY LIST (id);
CREATE TABLE soft_parts_1 PARTITION OF soft_parts FOR VALUES IN (1);
SELECT invariant_guard.add_soft_delete('soft_parts'), invariant_guard.add_on_no_match('soft_parts', '{update}');
CREATE VIEW soft_view AS SELECT id FROM soft;
INSERT INTO soft VALUES (1), (2);
INSERT INTO soft_parts VALUES (1);
WITH d AS (DELETE FROM soft WHERE id = 1 RETURNING id) SELECT * FROM d;
WITH d AS (DELETE FROM soft WHERE id = 1 RETURNING id) SELECT * FROM d;
WITH d AS (DELETE FROM soft_view WHERE id = 1 RETURNING id) SELECT * FROM d;
WITH u AS (UPDATE soft SET id = 3 WHERE id = 9 RETURNING id) SELECT * FROM u;
WITH d AS (DELETE FROM soft_parts WHERE id = 9 RETURNING id) SELECT * FROM d;
WITH u AS (UPDATE soft_parts SET id = 1 WHERE id = 9 RETURNING id) SELECT * FROM u;
PREPARE w(int) AS WITH u AS (UPDATE orders SET note = 'w' WHERE id = $1 RETURNING id) SELECT count(*) FROM u;
EXECUTE w(1);
EXECUTE w(99);

-- functions, triggers and errors that are caught
CREATE FUNCTION f(n int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN
	UPDATE nm.orders SET note = 'f' WHERE id = n;
	RETURN FOUND;
EXCEPTION WHEN SQLSTATE 'IGI05' THEN
	RAISE NOTICE '%', SQLERRM;
	RETURN NULL;
END $$;
SELECT f(1), f(99), f(2);
UPDATE orders SET note = 'g' WHERE id = 3 AND f(99) IS NULL;
UPDATE orders SET note = 'g' WHERE id = 99 AND f(1);
CREATE FUNCTION s(n int) RETURNS int LANGUAGE sql AS $$ UPDATE nm.orders SET note = 's' WHERE id = n RETURNING id $$;
SELECT s(1);
SELECT s(99);
CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE nm.orders SET note = NEW.note WHERE id = NEW.id; RETURN NEW; END $$;
CREATE TRIGGER logged BEFORE INSERT ON log FOR EACH ROW EXECUTE FUNCTION logged();
INSERT INTO log VALUES (1, 't');
INSERT INTO log VALUES (99, 't');
DROP TRIGGER logged ON log;
-- a row that a trigger skips is not changed
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER skip BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION skip();
UPDATE orders SET note = 'k' WHERE id = 1;
DROP TRIGGER skip ON orders;
BEGIN;
SAVEPOINT a;
UPDATE orders SET note = 'x' WHERE id = 99;
ROLLBACK TO a;
UPDATE orders SET note = 'x' WHERE id = 1;
COMMIT;

-- allowance and mode
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'on-no-match(nm.orders)';
UPDATE orders SET note = 'x' WHERE id = 99;
COMMIT;
SET invariant_guard.mode = warn;
UPDATE orders SET note = 'x' WHERE id = 99;
SET invariant_guard.mode = off;
UPDATE orders SET note = 'x' WHERE id = 99;
RESET invariant_guard.mode;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE orders SET note = 'x' WHERE id = 99;
ROLLBACK;
CREATE ROLE regress_nm;
GRANT USAGE ON SCHEMA nm TO regress_nm;
GRANT SELECT, UPDATE ON orders TO regress_nm;
SET ROLE regress_nm;
UPDATE orders SET note = 'x' WHERE id = 99;
UPDATE orders SET note = 'x' WHERE id = 1;
RESET ROLE;

-- one of the commands
CREATE TABLE only_delete (id int);
SELECT invariant_guard.add_on_no_match('only_delete', '{delete}');
UPDATE only_delete SET id = 1;
DELETE FROM only_delete;
CREATE TABLE only_update (id int);
SELECT invariant_guard.add_on_no_match('only_update', '{update,update}');
UPDATE only_update SET id = 1;
DELETE FROM only_update;

-- partitions and inheritance: whatever name the statement uses
CREATE TABLE pa (k int, id int) PARTITION BY LIST (k);
CREATE TABLE pa_1 PARTITION OF pa FOR VALUES IN (1);
CREATE TABLE pa_2 PARTITION OF pa FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE pa_2a PARTITION OF pa_2 FOR VALUES IN (1, 2);
SELECT invariant_guard.add_on_no_match('pa');
CREATE TABLE pa_3 PARTITION OF pa FOR VALUES IN (3);
INSERT INTO pa VALUES (1, 1), (2, 2);
UPDATE pa SET id = 1 WHERE k = 3;
UPDATE pa SET id = 1 WHERE k = 99;
UPDATE pa SET id = 1 WHERE k = 1;
UPDATE pa SET k = 3 WHERE k = 1;
UPDATE pa_1 SET id = 1;
UPDATE pa_2 SET id = 1 WHERE id = 9;
DELETE FROM pa_2a WHERE id = 9;
DELETE FROM pa_3;
DELETE FROM pa_3;
CREATE TABLE base (id int);
CREATE TABLE derived (more int) INHERITS (base);
SELECT invariant_guard.add_on_no_match('base');
INSERT INTO derived VALUES (1, 1);
UPDATE base SET id = 1 WHERE id = 9;
UPDATE ONLY base SET id = 1;
UPDATE derived SET id = 1 WHERE id = 9;
UPDATE base SET id = 2;

-- foreign keys that cascade, onto nothing
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (p int REFERENCES parent ON UPDATE CASCADE ON DELETE CASCADE);
SELECT invariant_guard.add_on_no_match('child');
INSERT INTO parent VALUES (1);
UPDATE parent SET id = 2;
DELETE FROM parent;
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1);
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE nm.orders SET note = 'x' WHERE id = 99; RETURN OLD; END $$;
CREATE TRIGGER gone BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION gone();
DELETE FROM parent;
TRUNCATE only_update;

-- written by hand
CREATE TABLE hand (id int);
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.on_no_match();
UPDATE hand SET id = 1;
DELETE FROM hand;
SET invariant_guard.mode = off;
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.on_no_match('commands=upsert');
UPDATE hand SET id = 1;
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz AFTER UPDATE ON hand FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.on_no_match();
UPDATE hand SET id = 1;
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.on_no_match('id');
UPDATE hand SET id = 1;
RESET invariant_guard.mode;
SELECT invariant_guard.on_no_match();

-- bad declarations
SELECT invariant_guard.add_on_no_match(NULL);
SELECT invariant_guard.add_on_no_match('hand', NULL);
SELECT invariant_guard.add_on_no_match('hand', '{}');
SELECT invariant_guard.add_on_no_match('hand', '{insert}');
SELECT invariant_guard.add_on_no_match('hand', '{NULL}');
SELECT invariant_guard.add_on_no_match('live');
SELECT invariant_guard.add_on_no_match('pg_class');
SET ROLE regress_nm;
SELECT invariant_guard.add_on_no_match('orders');
RESET ROLE;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA nm CASCADE;
DROP ROLE regress_nm;
