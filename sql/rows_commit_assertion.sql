--
-- commit_assertion: what must hold for a key when a transaction ends
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_assert_owner, regress_assert_clerk;
RESET client_min_messages;
CREATE ROLE regress_assert_owner;
CREATE ROLE regress_assert_clerk;
CREATE SCHEMA shop;
GRANT USAGE, CREATE ON SCHEMA shop TO regress_assert_owner;
GRANT USAGE ON SCHEMA shop TO regress_assert_clerk;

-- the sum of the items is the order's total, and somebody may see items only
SET ROLE regress_assert_owner;
BEGIN;
CREATE TABLE shop.orders (gone int, id int PRIMARY KEY, total int NOT NULL);
ALTER TABLE shop.orders DROP COLUMN gone;
CREATE TABLE shop.items (id int PRIMARY KEY,
	order_id int REFERENCES shop.orders ON DELETE CASCADE ON UPDATE CASCADE, cents int NOT NULL);
COMMIT;
GRANT ALL ON shop.items TO regress_assert_clerk;
INSERT INTO shop.orders VALUES (1, 100), (2, 50), (3, 7);
INSERT INTO shop.items VALUES (1, 1, 40), (2, 1, 60), (3, 2, 50), (4, 3, 6), (5, NULL, 5);
\set adds_up 'coalesce((SELECT total FROM shop.orders WHERE id = $1), 0) = (SELECT coalesce(sum(cents), 0) FROM shop.items WHERE order_id = $1)'
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', :'adds_up', 'adds up');
UPDATE shop.items SET cents = 7 WHERE id = 4;
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', :'adds_up', 'adds up');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', :'adds_up', 'adds up');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', '$1 > 0', 'adds up');
SELECT invariant_guard.add_commit_assertion('shop.items', '{order_id}', :'adds_up');
SELECT tgname, tgenabled, tgdeferrable, tginitdeferred,
	regexp_replace(pg_get_triggerdef(oid), 'EXECUTE.*', '') AS definition
FROM pg_trigger WHERE tgrelid = 'shop.items'::regclass AND NOT tgisinternal ORDER BY 1;
RESET ROLE;

-- bad declarations
SELECT invariant_guard.add_commit_assertion(NULL, '{id}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', NULL, 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id,NULL}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id,id}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{totals}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', NULL);
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'true', '');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'true', repeat('x', 32));
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', '$1');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'SELECT true, false');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', '$2 > 0');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'true); DELETE FROM shop.orders; SELECT (true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'DELETE FROM shop.orders RETURNING true');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'SELECT total > 0 FROM shop.orders WHERE id = $1 FOR UPDATE');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'random() < $1');
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'EXISTS (SELECT FROM orders WHERE id = $1)');
CREATE TEMP TABLE own (id int);
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'NOT EXISTS (SELECT FROM own WHERE id = $1)');
SELECT invariant_guard.add_commit_assertion('own', '{id}', 'true');
CREATE VIEW shop.order_list AS SELECT * FROM shop.orders;
SELECT invariant_guard.add_commit_assertion('shop.order_list', '{id}', 'true');
CREATE TABLE shop.points (at point, n numeric, k bigint);
SELECT invariant_guard.add_commit_assertion('shop.points', '{at}', 'true');
SELECT invariant_guard.add_commit_assertion('shop.points', '{n}', :'adds_up');
SELECT invariant_guard.add_commit_assertion('shop.points', '{k,n}', :'adds_up');
SELECT invariant_guard.add_commit_assertion('shop.points', '{k}', :'adds_up');
SET ROLE regress_assert_clerk;
SELECT invariant_guard.add_commit_assertion('shop.items', '{order_id}', 'true');
RESET ROLE;
CREATE TABLE shop.secret (id int);
SET ROLE regress_assert_owner;
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', 'NOT EXISTS (SELECT FROM shop.secret WHERE id = $1)');
RESET ROLE;
-- what has line breaks is told on one line
CREATE TABLE shop.small (k int);
SELECT invariant_guard.add_commit_assertion('shop.small', '{k}', E'$1 <\n\t10');
INSERT INTO shop.small VALUES (11);
SELECT invariant_guard.commit_assertion();
SELECT invariant_guard.asserted('0', 1);

-- at the end of the transaction, not before
INSERT INTO shop.orders VALUES (4, 10);
\echo :LAST_ERROR_SQLSTATE
UPDATE shop.orders SET total = 99 WHERE id = 1;
DELETE FROM shop.items WHERE id = 1;
BEGIN;
INSERT INTO shop.orders VALUES (4, 10);
INSERT INTO shop.items SELECT i, 4, 1 FROM generate_series(11, 20) i;
COMMIT;
BEGIN;
UPDATE shop.items SET cents = cents + 1 WHERE id = 1;
UPDATE shop.items SET cents = cents - 1 WHERE id = 2;
COMMIT;
BEGIN;
UPDATE shop.items SET order_id = 2 WHERE id = 11;
UPDATE shop.orders SET total = 51 WHERE id = 2;
COMMIT;
BEGIN;
UPDATE shop.items SET order_id = 2 WHERE id = 11;
UPDATE shop.orders SET total = 51 WHERE id = 2;
UPDATE shop.orders SET total = 9 WHERE id = 4;
COMMIT;
UPDATE shop.orders SET id = 5 WHERE id = 3;
DELETE FROM shop.orders WHERE id = 5;
INSERT INTO shop.items VALUES (30, NULL, 1);
UPDATE shop.items SET order_id = 2 WHERE id = 30;
DELETE FROM shop.items WHERE order_id IS NULL;
INSERT INTO shop.items VALUES (1, 1, 0) ON CONFLICT (id) DO UPDATE SET cents = 0;
MERGE INTO shop.items USING shop.orders ON items.id = orders.id WHEN MATCHED THEN DELETE;
COPY shop.items FROM stdin;
40	1	1
\.
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.items)';
TRUNCATE shop.items;
ROLLBACK;
SELECT * FROM shop.orders ORDER BY id;

-- by somebody who sees no orders
SET ROLE regress_assert_clerk;
SELECT * FROM shop.orders;
UPDATE shop.items SET cents = 0 WHERE id = 2;
BEGIN;
UPDATE shop.items SET cents = cents + 1 WHERE id = 1;
UPDATE shop.items SET cents = cents - 1 WHERE id = 2;
COMMIT;
RESET ROLE;

-- row security hides nothing from it
SET ROLE regress_assert_owner;
ALTER TABLE shop.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE shop.items FORCE ROW LEVEL SECURITY;
CREATE POLICY few ON shop.items USING (id <> 2);
BEGIN;
UPDATE shop.items SET cents = cents + 60 WHERE order_id = 1;
SELECT sum(cents) FROM shop.items WHERE order_id = 1;
COMMIT;
RESET ROLE;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE shop.items DISABLE ROW LEVEL SECURITY;
DROP POLICY few ON shop.items;
COMMIT;

-- a path in which other things have the names
CREATE SCHEMA evil;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.eq(int, bigint) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = bigint, FUNCTION = evil.eq);
CREATE FUNCTION evil.eq(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.eq);
CREATE FUNCTION evil.sum(int) RETURNS bigint LANGUAGE sql IMMUTABLE AS 'SELECT 100::bigint';
CREATE TABLE evil.pg_class AS SELECT;
SET search_path = evil, pg_catalog, shop;
SET ROLE regress_assert_clerk;
UPDATE shop.items SET cents = 3 WHERE id OPERATOR(pg_catalog.=) 1;
RESET ROLE;
SET ROLE regress_assert_owner;
BEGIN;
INSERT INTO shop.orders VALUES (6, 1);
COMMIT;
SELECT invariant_guard.add_commit_assertion('shop.orders', '{id}', '$1 = 1', 'one');
RESET ROLE;
RESET search_path;

-- once for a key, however many rows; again only if something was written since
CREATE FUNCTION shop.told(which int) RETURNS boolean LANGUAGE plpgsql STABLE AS
$$ BEGIN RAISE NOTICE 'checked %', which; RETURN (SELECT count(*) < 4 FROM shop.told WHERE k = which); END $$;
CREATE TABLE shop.told (k int, n int);
SELECT invariant_guard.add_commit_assertion('shop.told', '{k}', 'SELECT shop.told($1)');
INSERT INTO shop.told VALUES (1, 1), (1, 2), (2, 1), (1, 3), (2, 2), (NULL, 1);
BEGIN;
INSERT INTO shop.told VALUES (3, 1);
INSERT INTO shop.told VALUES (3, 2);
DELETE FROM shop.told WHERE k = 3 AND n = 2;
UPDATE shop.told SET n = 5 WHERE k = 3;
COMMIT;
BEGIN;
INSERT INTO shop.told VALUES (4, 1), (4, 2);
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SELECT 1;
INSERT INTO shop.told VALUES (4, 3);
COMMIT;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO shop.told VALUES (4, 4);
ROLLBACK;

-- savepoints
BEGIN;
INSERT INTO shop.told VALUES (5, 1), (5, 2), (5, 3), (5, 4);
SAVEPOINT a;
DELETE FROM shop.told WHERE k = 5 AND n = 4;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO a;
COMMIT;
BEGIN;
INSERT INTO shop.told VALUES (5, 1);
SAVEPOINT a;
INSERT INTO shop.told VALUES (5, 2), (5, 3), (5, 4), (6, 1);
ROLLBACK TO a;
INSERT INTO shop.told VALUES (6, 1);
COMMIT;
DO $$
BEGIN
	INSERT INTO shop.told VALUES (7, 1);
	BEGIN
		SET CONSTRAINTS ALL IMMEDIATE;
		INSERT INTO shop.told VALUES (7, 2), (7, 3), (7, 4);
	EXCEPTION WHEN SQLSTATE 'IGI03' THEN
		RAISE NOTICE 'refused';
	END;
	INSERT INTO shop.told VALUES (7, 5);
END
$$;
SELECT k, count(*) FROM shop.told GROUP BY k ORDER BY k;

-- it can be called elsewhere, and that changes nothing
BEGIN;
SELECT invariant_guard.asserted('f', 1, 8), invariant_guard.asserted('f', 1, 8);
INSERT INTO shop.told VALUES (8, 1), (8, 2), (8, 3), (8, 4);
COMMIT;

-- a prepared transaction
BEGIN;
INSERT INTO shop.told VALUES (9, 1), (9, 2), (9, 3), (9, 4);
PREPARE TRANSACTION 'regress_assertion';
BEGIN;
INSERT INTO shop.told VALUES (9, 1), (9, 2), (9, 3);
PREPARE TRANSACTION 'regress_assertion';
BEGIN;
SET LOCAL lock_timeout = '50ms';
INSERT INTO shop.told VALUES (9, 4);
COMMIT;
COMMIT PREPARED 'regress_assertion';
INSERT INTO shop.told VALUES (9, 4);

-- null does not hold
CREATE TABLE shop.nulls (k text);
SELECT invariant_guard.add_commit_assertion('shop.nulls', '{k}', 'nullif($1, ''x'') <> '''' -- a comment');
INSERT INTO shop.nulls VALUES ('a');
INSERT INTO shop.nulls VALUES ('x');
INSERT INTO shop.nulls VALUES ('');

-- what passes knowingly
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'commit-assertion(shop.nulls)';
INSERT INTO shop.nulls VALUES ('x');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
INSERT INTO shop.nulls VALUES ('x');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
INSERT INTO shop.nulls VALUES ('x');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;

-- keys of several columns, with names of all kinds, in partitions that move rows
CREATE TABLE shop."Part (a)" ("Tenant id" int, "key" text, n int, region int) PARTITION BY LIST (region);
CREATE TABLE shop.part_1 PARTITION OF shop."Part (a)" FOR VALUES IN (1);
BEGIN;
CREATE TABLE shop.part_2 (x int, region int, n int, "key" text, "Tenant id" int) PARTITION BY LIST (n);
ALTER TABLE shop.part_2 DROP COLUMN x;
ALTER TABLE shop."Part (a)" ATTACH PARTITION shop.part_2 FOR VALUES IN (2);
COMMIT;
CREATE TABLE shop.part_2a PARTITION OF shop.part_2 DEFAULT;
SELECT invariant_guard.add_commit_assertion('shop."Part (a)"', '{key,"Tenant id"}',
	'(SELECT sum(n) FROM shop."Part (a)" WHERE key = $1 AND "Tenant id" = $2) IS NOT DISTINCT FROM 10');
INSERT INTO shop."Part (a)" VALUES (1, 'a', 4, 1), (1, 'a', 6, 2), (2, 'b', 10, 2);
INSERT INTO shop.part_2a VALUES (2, 1, 'a', 1);
UPDATE shop."Part (a)" SET region = 3 - region;
UPDATE shop.part_1 SET "Tenant id" = 2;
UPDATE shop."Part (a)" SET region = 3 - region, n = n + 1 WHERE n = 4;
DELETE FROM shop.part_2;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.part_2a)';
TRUNCATE shop.part_2a;
ROLLBACK;

-- the key's column has another name, and cannot go
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'rename-column(shop.nulls.k)';
ALTER TABLE shop.nulls RENAME COLUMN k TO "New key";
COMMIT;
INSERT INTO shop.nulls VALUES ('a');
INSERT INTO shop.nulls VALUES ('');
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE shop.nulls DROP COLUMN "New key";
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE shop.nulls ALTER COLUMN "New key" TYPE varchar;
ROLLBACK;

-- inheritance
CREATE TABLE shop.parent (k int, n int);
CREATE TABLE shop.child (m int) INHERITS (shop.parent);
SELECT invariant_guard.add_commit_assertion('shop.parent', '{k}', '(SELECT count(*) FROM shop.parent WHERE k = $1) < 3');
CREATE TABLE shop.child_2 () INHERITS (shop.parent);
INSERT INTO shop.parent VALUES (1, 1);
INSERT INTO shop.child VALUES (1, 1);
INSERT INTO shop.child_2 VALUES (1, 1);
UPDATE shop.parent SET n = 2;

-- numbers that are equal, and many keys
CREATE TABLE shop.many (k numeric, n int);
SELECT invariant_guard.add_commit_assertion('shop.many', '{k}', '(SELECT count(*) FROM shop.many WHERE k = $1) < 3', 'many');
INSERT INTO shop.many VALUES (1.0, 1), (1.00, 1), (1, 1);
BEGIN;
INSERT INTO shop.many SELECT i FROM generate_series(1, 512) i;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT objsubid, mode, count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2;
ROLLBACK;
BEGIN;
INSERT INTO shop.many SELECT i FROM generate_series(1, 1000) i;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT objsubid, mode, count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() GROUP BY 1, 2 ORDER BY 1, 2;
INSERT INTO shop.many SELECT 1000 FROM generate_series(1, 2) i;
ROLLBACK;

-- written by hand, without the WHEN clause
CREATE TABLE shop.hand (k int, n int);
CREATE CONSTRAINT TRIGGER hand AFTER INSERT OR UPDATE OR DELETE ON shop.hand
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION
	invariant_guard.commit_assertion('k', 'assertion=(SELECT sum(n) FROM shop.hand WHERE k = $1) = 10');
INSERT INTO shop.hand VALUES (1, 4), (1, 6);
ALTER TABLE shop.hand ENABLE ALWAYS TRIGGER hand;
INSERT INTO shop.hand VALUES (1, 4), (1, 6);
UPDATE shop.hand SET n = n + 1 WHERE n = 4;
CREATE TABLE shop.hand_2 (k int);
CREATE CONSTRAINT TRIGGER hand AFTER INSERT ON shop.hand_2
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION invariant_guard.commit_assertion('k');
CREATE TABLE shop.hand_3 (k int);
CREATE CONSTRAINT TRIGGER hand AFTER INSERT ON shop.hand_3
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION
	invariant_guard.commit_assertion('k', 'assertion=SELECT $1');
ALTER TABLE shop.hand_3 ENABLE ALWAYS TRIGGER hand;
INSERT INTO shop.hand_3 VALUES (1);

-- with whose rights: never those of somebody who did not declare it
CREATE FUNCTION shop.who() RETURNS boolean LANGUAGE plpgsql STABLE AS
$$ BEGIN RAISE NOTICE 'as %', current_user; RETURN true; END $$;
CREATE TABLE shop.mine (k int);
GRANT ALL ON shop.mine TO regress_assert_clerk;
SET ROLE regress_assert_clerk;
CREATE CONSTRAINT TRIGGER mine AFTER INSERT ON shop.mine
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION
	invariant_guard.commit_assertion('k', 'assertion=shop.who()');
ALTER TABLE shop.mine ENABLE ALWAYS TRIGGER mine;
INSERT INTO shop.mine VALUES (1);
RESET ROLE;
INSERT INTO shop.mine VALUES (1);
SET ROLE regress_assert_owner;
CREATE TABLE shop.their_part (k int, p int) PARTITION BY LIST (p);
CREATE TABLE shop.their_parent (k int);
RESET ROLE;
CREATE TABLE shop.my_part PARTITION OF shop.their_part FOR VALUES IN (1);
CREATE TABLE shop.my_child () INHERITS (shop.their_parent);
SELECT invariant_guard.add_commit_assertion('shop.their_part', '{k}', 'shop.who()', 'who');
SELECT invariant_guard.add_commit_assertion('shop.their_parent', '{k}', 'shop.who()', 'who');
CREATE TABLE shop.my_child_2 () INHERITS (shop.their_parent);
INSERT INTO shop.their_part VALUES (1, 1);
INSERT INTO shop.my_part VALUES (1, 1);
INSERT INTO shop.their_parent VALUES (1);
INSERT INTO shop.my_child VALUES (1);
INSERT INTO shop.my_child_2 VALUES (1);
BEGIN;
SET LOCAL invariant_guard.mode = off;
DROP TRIGGER zz_ig_commit_assertion_who_insert ON shop.their_parent;
DROP TRIGGER zz_ig_commit_assertion_who_update ON shop.their_parent;
DROP TRIGGER zz_ig_commit_assertion_who_delete ON shop.their_parent;
DROP TRIGGER zz_ig_commit_assertion_who_truncate ON shop.their_parent;
COMMIT;
INSERT INTO shop.my_child VALUES (1);

-- what check_rules() asks, of the owner only
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE shop.many DISABLE TRIGGER ALL;
INSERT INTO shop.many VALUES (4, 1), (4, 1), (4, 1), (5, 1), (NULL, 1), (6, 1), (6.0, 1), (6, 1);
SELECT broken.* FROM pg_trigger, invariant_guard.broken_assertions(pg_trigger.oid) broken
WHERE tgrelid = 'shop.many'::regclass AND tgname LIKE '%insert';
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE shop.many DISABLE TRIGGER ALL;
INSERT INTO shop.many VALUES (4, 1), (4, 1), (4, 1), (5, 1), (NULL, 1), (7, 1), (7, 1), (7, 1);
ALTER TABLE shop.many ENABLE ALWAYS TRIGGER zz_ig_commit_assertion_many_insert;
SELECT broken.* FROM pg_trigger, invariant_guard.broken_assertions(pg_trigger.oid) broken
WHERE tgrelid = 'shop.many'::regclass AND tgname LIKE '%insert';
ROLLBACK;
SELECT oid AS my_trigger FROM pg_trigger WHERE tgrelid = 'shop.many'::regclass AND tgname LIKE '%insert' \gset
SET ROLE regress_assert_clerk;
SELECT invariant_guard.broken_assertions(:my_trigger);
SELECT invariant_guard.broken_assertions(1);
RESET ROLE;

-- what it reads has another name: nothing can be said, so nothing passes
BEGIN;
ALTER TABLE shop.orders RENAME TO orders_2;
UPDATE shop.items SET cents = cents WHERE id = 1;
COMMIT;

\set VERBOSITY terse
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA shop, evil CASCADE;
DROP ROLE regress_assert_owner, regress_assert_clerk;
