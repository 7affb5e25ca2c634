--
-- row_limit: how many rows of a table one statement may change
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_limit_owner, regress_limit_user;
RESET client_min_messages;
CREATE ROLE regress_limit_owner;
CREATE ROLE regress_limit_user;
CREATE SCHEMA "Row limit";
GRANT USAGE, CREATE ON SCHEMA "Row limit" TO regress_limit_owner;
GRANT USAGE ON SCHEMA "Row limit" TO regress_limit_user;
SET search_path = "Row limit";

SET ROLE regress_limit_owner;
CREATE TABLE orders (id int PRIMARY KEY, n int);
CREATE TABLE items (id int PRIMARY KEY, n int, parent int REFERENCES items ON DELETE CASCADE,
	order_id int REFERENCES orders ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO orders SELECT i, 0 FROM generate_series(1, 9) i;
INSERT INTO items SELECT i, 0, NULL, (i + 1) / 2 FROM generate_series(1, 18) i;
GRANT ALL ON orders, items TO regress_limit_user;
SELECT invariant_guard.add_row_limit('items', 3);
SELECT invariant_guard.add_row_limit('items', 3, ARRAY['delete', 'update', 'delete']);
SELECT invariant_guard.add_row_limit('items', 4);
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = 'items'::regclass AND NOT tgisinternal ORDER BY 1;
RESET ROLE;

-- bad declarations
SELECT invariant_guard.add_row_limit(NULL, 1);
SELECT invariant_guard.add_row_limit('orders', NULL);
SELECT invariant_guard.add_row_limit('orders', -1);
SELECT invariant_guard.add_row_limit('orders', 1, NULL);
SELECT invariant_guard.add_row_limit('orders', 1, '{}');
SELECT invariant_guard.add_row_limit('orders', 1, '{update,NULL}');
SELECT invariant_guard.add_row_limit('orders', 1, '{update,truncate}');
CREATE VIEW orders_view AS SELECT * FROM orders;
SELECT invariant_guard.add_row_limit('orders_view', 1);
SET ROLE regress_limit_user;
SELECT invariant_guard.add_row_limit('orders', 1);
RESET ROLE;
SELECT invariant_guard.row_limit();

-- each statement, by each role
UPDATE items SET n = 1 WHERE id <= 3;
UPDATE items SET n = 1 WHERE id <= 4;
\echo :LAST_ERROR_SQLSTATE
UPDATE items SET n = 1 WHERE id <= 3;
DELETE FROM items WHERE id <= 4;
INSERT INTO items SELECT i, 0, NULL, 1 FROM generate_series(101, 110) i;
INSERT INTO items SELECT i, 0, NULL, 1 FROM generate_series(101, 103) i
	ON CONFLICT (id) DO UPDATE SET n = 1;
INSERT INTO items SELECT i, 0, NULL, 1 FROM generate_series(101, 104) i
	ON CONFLICT (id) DO UPDATE SET n = 1;
MERGE INTO items USING (SELECT generate_series(1, 4) AS i) s ON id = i
	WHEN MATCHED AND id < 3 THEN UPDATE SET n = 2 WHEN MATCHED AND id > 3 THEN DELETE;
MERGE INTO items USING (SELECT generate_series(1, 4) AS i) s ON id = i
	WHEN MATCHED AND id < 3 THEN UPDATE SET n = 2 WHEN MATCHED THEN DELETE;
WITH a AS (UPDATE items SET n = 3 WHERE id < 3)
UPDATE items SET n = 4 WHERE id IN (5, 6);
WITH a AS (UPDATE items SET n = 3 WHERE id < 3 RETURNING 1), b AS (DELETE FROM items WHERE id > 108 RETURNING 1)
SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);
COPY items FROM stdin;
201	0	\N	1
202	0	\N	1
203	0	\N	1
204	0	\N	1
\.
SET ROLE regress_limit_owner;
UPDATE items SET n = 1;
SET ROLE regress_limit_user;
DELETE FROM items;
RESET ROLE;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(items)';
TRUNCATE items;
ROLLBACK;

-- rows that another trigger skips do not count
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER skip BEFORE UPDATE ON items FOR EACH ROW WHEN (old.id > 2) EXECUTE FUNCTION skip();
UPDATE items SET n = 9;
DROP TRIGGER skip ON items;

-- it stops at the first row too many
CREATE SEQUENCE seen;
GRANT USAGE ON seen TO PUBLIC;
UPDATE items SET n = nextval('seen');
SELECT last_value FROM seen;

-- cascades: all that one statement does, and not what several do
DELETE FROM orders WHERE id = 2;
DELETE FROM orders WHERE id IN (3, 4);
UPDATE orders SET id = id + 100 WHERE id IN (3, 4);
DO $$
BEGIN
	FOR i IN 3..6 LOOP
		DELETE FROM orders WHERE id = i;
	END LOOP;
END
$$;
UPDATE items SET parent = 101 WHERE id IN (102, 103, 104);
DELETE FROM items WHERE id = 101;
UPDATE items SET parent = NULL WHERE id IN (103, 104);
DELETE FROM items WHERE id = 101;
SELECT count(*) FROM items;

-- a function that loops runs several statements; one in a statement is its own
CREATE FUNCTION touch(which int) RETURNS int LANGUAGE plpgsql AS
$$ BEGIN UPDATE items SET n = 5 WHERE id = which; RETURN which; END $$;
SELECT count(touch(i)) FROM generate_series(1, 18) i;
UPDATE items SET n = touch(1) WHERE id IN (13, 14, 15);
UPDATE items SET n = touch(1) WHERE id > 12;

-- an error leaves nothing behind
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		BEGIN
			UPDATE items SET n = 6;
		EXCEPTION WHEN SQLSTATE 'IGI04' THEN
			RAISE NOTICE 'refused';
		END;
		UPDATE items SET n = 6 WHERE id IN (13, 14, 15);
	END LOOP;
END
$$;
PREPARE few(int) AS UPDATE items SET n = 7 WHERE id > $1 AND id < 100;
EXECUTE few(15);
EXECUTE few(15);
EXECUTE few(12);
EXECUTE few(15);

-- what passes knowingly
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-limit(items)';
UPDATE items SET n = 8;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE items SET n = 8;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE items SET n = 8;
ROLLBACK;

-- inserts: what ON CONFLICT leaves out does not count
CREATE TABLE log (id int PRIMARY KEY, n int);
SELECT invariant_guard.add_row_limit('log', 2, '{insert}');
INSERT INTO log VALUES (1), (2);
INSERT INTO log VALUES (1), (2), (3), (4) ON CONFLICT DO NOTHING;
INSERT INTO log VALUES (1), (2), (3), (4), (5) ON CONFLICT (id) DO UPDATE SET n = 1;
INSERT INTO log VALUES (6), (7), (8);
UPDATE log SET n = 2;
DELETE FROM log;
COPY log FROM stdin;
1	1
2	2
\.
COPY log FROM stdin;
3	1
4	2
5	2
\.
SELECT count(*) FROM log;

-- partitions together; a move is one update
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE part_2a PARTITION OF part_2 DEFAULT;
SELECT invariant_guard.add_row_limit('part', 3, '{insert,update}');
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3);
INSERT INTO part VALUES (1, 1), (2, 2), (3, 3);
INSERT INTO part VALUES (1, 1), (2, 2), (3, 3), (4, 1);
UPDATE part SET k = k % 3 + 1;
INSERT INTO part VALUES (4, 1);
UPDATE part SET k = k % 3 + 1;
UPDATE part SET id = id;
DELETE FROM part;
CREATE TABLE part_u (LIKE part) PARTITION BY LIST (k);
CREATE TABLE part_u1 PARTITION OF part_u FOR VALUES IN (1);
CREATE TABLE part_u2 PARTITION OF part_u FOR VALUES IN (2);
INSERT INTO part_u VALUES (1, 1), (2, 1), (3, 1);
SELECT invariant_guard.add_row_limit('part_u', 2, '{delete}');
UPDATE part_u SET k = 2;
DELETE FROM part_u;
DELETE FROM part_u2 WHERE id < 3;

-- inheritance
CREATE TABLE parent (id int, n int);
CREATE TABLE child (m int) INHERITS (parent);
INSERT INTO parent VALUES (1, 1), (2, 2);
INSERT INTO child VALUES (3, 3), (4, 4);
SELECT invariant_guard.add_row_limit('parent', 3);
UPDATE parent SET n = 2 WHERE id < 4;
UPDATE parent SET n = 2;

-- a partition that has kept the rule, until it is detached and then
CREATE TABLE kept (id int, k int) PARTITION BY LIST (k);
CREATE TABLE kept_1 PARTITION OF kept FOR VALUES IN (1);
SELECT invariant_guard.add_row_limit('kept', 3);
SELECT invariant_guard.keep_rules('kept_1');
INSERT INTO kept SELECT i, 1 FROM generate_series(1, 4) i;
UPDATE kept SET id = id WHERE id < 4;
UPDATE kept SET id = id;
DELETE FROM kept;
ALTER TABLE kept DETACH PARTITION kept_1 CONCURRENTLY;
UPDATE kept_1 SET id = id WHERE id < 4;
UPDATE kept_1 SET id = id;

CREATE TABLE added (id int, k int) PARTITION BY LIST (k);
CREATE TABLE added_1 PARTITION OF added FOR VALUES IN (1);
CREATE TABLE added_2 PARTITION OF added FOR VALUES IN (2);
SELECT invariant_guard.add_row_limit('added', 3, '{insert}');
SELECT invariant_guard.keep_rules('added_1');
INSERT INTO added SELECT i, 1 + i % 2 FROM generate_series(1, 3) i;
INSERT INTO added SELECT i, 1 FROM generate_series(1, 3) i;
INSERT INTO added_1 SELECT i, 1 FROM generate_series(1, 3) i;
INSERT INTO added SELECT i, 1 FROM generate_series(1, 4) i;
WITH a AS (INSERT INTO added VALUES (1, 1), (2, 1)) INSERT INTO added VALUES (1, 1), (2, 2);
ALTER TABLE added DETACH PARTITION added_1 CONCURRENTLY;
INSERT INTO added_1 SELECT i, 1 FROM generate_series(1, 3) i;
INSERT INTO added_1 SELECT i, 1 FROM generate_series(1, 4) i;
SELECT count(*) FROM added_1;

-- a soft delete counts as the DELETE that it is for the client
CREATE TABLE soft (id int, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('soft');
SELECT invariant_guard.add_row_limit('soft', 2, '{delete}');
INSERT INTO soft SELECT i FROM generate_series(1, 5) i;
DELETE FROM soft;
DELETE FROM soft WHERE id < 3;
UPDATE soft SET id = id;

-- triggers written by hand
CREATE TABLE hand (id int);
INSERT INTO hand VALUES (1), (2);
CREATE TRIGGER hand BEFORE UPDATE OR DELETE ON hand
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=1');
CREATE TRIGGER hand_2 AFTER INSERT ON hand
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=1');
DELETE FROM hand;
INSERT INTO hand VALUES (3);
INSERT INTO hand VALUES (3), (4);
CREATE TABLE hand_2 (id int);
CREATE TRIGGER hand BEFORE UPDATE OR DELETE ON hand_2
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=many');
CREATE TABLE hand_3 (id int);
CREATE TRIGGER hand BEFORE UPDATE OR DELETE ON hand_3
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=1', 'commands=update,merge');

\set VERBOSITY terse
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA "Row limit" CASCADE;
DROP ROLE regress_limit_owner, regress_limit_user;
