--
-- isolation_floor: a table is changed at an isolation level or above it
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_floor_owner, regress_floor_user;
RESET client_min_messages;
CREATE ROLE regress_floor_owner;
CREATE ROLE regress_floor_user;
CREATE SCHEMA floor;
GRANT USAGE, CREATE ON SCHEMA floor TO regress_floor_owner;
GRANT USAGE ON SCHEMA floor TO regress_floor_user;
SET search_path = floor;

-- what is declared
SET ROLE regress_floor_owner;
CREATE TABLE orders (id int PRIMARY KEY, n int);
CREATE TABLE items (id int PRIMARY KEY, n int,
	order_id int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO orders SELECT i, 0 FROM generate_series(1, 9) i;
INSERT INTO items SELECT i, 0, i FROM generate_series(1, 9) i;
GRANT ALL ON orders, items TO regress_floor_user;
SELECT invariant_guard.add_isolation_floor('items', 'repeatable read');
SELECT invariant_guard.add_isolation_floor('items', 'repeatable read');
SELECT invariant_guard.add_isolation_floor('items', 'serializable');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = 'items'::regclass AND NOT tgisinternal ORDER BY 1;
RESET ROLE;

-- bad declarations
SELECT invariant_guard.add_isolation_floor(NULL, 'serializable');
SELECT invariant_guard.add_isolation_floor('orders', NULL);
SELECT invariant_guard.add_isolation_floor('orders', 'read committed');
SELECT invariant_guard.add_isolation_floor('orders', 'serialisable');
SELECT invariant_guard.add_isolation_floor('pg_class', 'serializable');
CREATE VIEW orders_view AS SELECT * FROM orders;
SELECT invariant_guard.add_isolation_floor('orders_view', 'serializable');
CREATE TEMP TABLE own (id int);
SELECT invariant_guard.add_isolation_floor('own', 'serializable');
SET ROLE regress_floor_user;
SELECT invariant_guard.add_isolation_floor('orders', 'serializable');
RESET ROLE;
SELECT invariant_guard.isolation_floor();

-- each statement, by each role
INSERT INTO items VALUES (10, 0, 1);
\echo :LAST_ERROR_SQLSTATE
UPDATE items SET n = 1 WHERE id = 1;
DELETE FROM items WHERE id = 1;
COPY items FROM stdin;
10	0	1
\.
INSERT INTO items VALUES (1, 0, 1) ON CONFLICT (id) DO UPDATE SET n = 1;
MERGE INTO items USING orders ON items.id = orders.id WHEN MATCHED THEN DELETE;
WITH gone AS (DELETE FROM items RETURNING *) SELECT count(*) FROM gone;
DELETE FROM orders WHERE id = 1;
UPDATE orders SET id = 11 WHERE id = 1;
UPDATE orders SET n = 1 WHERE id = 1;
SELECT count(*) FROM items;
UPDATE items SET n = 1 WHERE false;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(items)';
TRUNCATE items;
ROLLBACK;
SET ROLE regress_floor_owner;
UPDATE items SET n = 1;
SET ROLE regress_floor_user;
UPDATE items SET n = 1;
RESET ROLE;

-- at the level and above
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO items VALUES (10, 0, 1);
UPDATE items SET n = 1 WHERE id = 1;
DELETE FROM orders WHERE id = 2;
COPY items FROM stdin;
12	0	1
\.
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SET LOCAL ROLE regress_floor_user;
DELETE FROM items WHERE id = 3;
COMMIT;
BEGIN ISOLATION LEVEL READ UNCOMMITTED;
DELETE FROM items WHERE id = 4;
ROLLBACK;
SELECT invariant_guard.add_isolation_floor('orders', 'serializable');
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE orders SET n = 2;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE orders SET n = 2;
ROLLBACK;

-- what passes knowingly
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'isolation-floor(items)';
UPDATE items SET n = 1 WHERE id < 8;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE items SET n = 1 WHERE id < 8;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE items SET n = 1;
ROLLBACK;

-- partitions: from above, directly, and where only one has the rule
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE part_2a PARTITION OF part_2 FOR VALUES IN (1);
CREATE TABLE part_2b PARTITION OF part_2 FOR VALUES IN (2, 5, 7);
INSERT INTO part VALUES (1, 1), (1, 2), (2, 2);
SELECT invariant_guard.add_isolation_floor('part_2', 'serializable');
CREATE TABLE part_2c PARTITION OF part_2 FOR VALUES IN (3);
INSERT INTO part VALUES (5, 1);
INSERT INTO part VALUES (1, 2);
INSERT INTO part_2c VALUES (3, 2);
COPY part FROM stdin;
7	2
\.
UPDATE part SET k = 2 WHERE k = 1;
UPDATE part SET k = 1 WHERE k = 2;
UPDATE part_2a SET id = 1;
DELETE FROM part_2b;
DELETE FROM part;
MERGE INTO part USING orders ON part.id = orders.id WHEN MATCHED THEN DELETE;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(part_2b)';
TRUNCATE part_2b;
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
UPDATE part SET k = 3 - k;
ROLLBACK;

-- inheritance
CREATE TABLE parent (id int, n int);
CREATE TABLE child (m int) INHERITS (parent);
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO parent VALUES (1, 1);
INSERT INTO grandchild VALUES (3, 3);
SELECT invariant_guard.add_isolation_floor('child', 'serializable');
UPDATE parent SET n = 2 WHERE id = 1;
UPDATE parent SET n = 2;
UPDATE ONLY grandchild SET n = 2;
INSERT INTO grandchild VALUES (4, 4);

-- triggers written by hand
CREATE TABLE hand (id int, k int);
CREATE TRIGGER hand BEFORE INSERT OR UPDATE OR DELETE ON hand
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.isolation_floor('level=serializable');
INSERT INTO hand VALUES (1, 1);
CREATE TABLE hand_2 (id int, k int);
CREATE TRIGGER hand BEFORE INSERT ON hand_2
	FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.isolation_floor('level=high');
INSERT INTO hand_2 VALUES (1, 1);

\set VERBOSITY terse
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA floor CASCADE;
DROP ROLE regress_floor_owner, regress_floor_user;
