--
-- Ways round the row rules, which are closed
--
SET client_min_messages = warning;
CREATE ROLE regress_lph_user;
SET invariant_guard.mode = off;
CREATE SCHEMA lph;
GRANT ALL ON SCHEMA lph TO regress_lph_user;
RESET invariant_guard.mode;
RESET client_min_messages;
\set VERBOSITY terse
SET search_path = lph;

-- a table of the attacker's own, whose rows move between partitions
SET ROLE regress_lph_user;
CREATE TABLE own (id int, region text) PARTITION BY LIST (region);
CREATE TABLE own_a PARTITION OF own FOR VALUES IN ('a');
CREATE TABLE own_b PARTITION OF own FOR VALUES IN ('b');
SELECT invariant_guard.add_row_limit('own', 1000);
INSERT INTO own SELECT g, 'a' FROM generate_series(1, 10) g;
RESET ROLE;

-- what a statement that failed has said of a row is forgotten
CREATE TABLE frozen (id int, region text, status text, note text) PARTITION BY LIST (region);
CREATE TABLE frozen_a PARTITION OF frozen FOR VALUES IN ('a');
CREATE TABLE frozen_b PARTITION OF frozen FOR VALUES IN ('b');
SELECT invariant_guard.add_frozen_rows('frozen', $$status = 'paid'$$, '{region,note}');
GRANT ALL ON frozen TO regress_lph_user;
INSERT INTO frozen VALUES (1, 'a', 'paid', ''), (2, 'a', 'paid', '');
SET ROLE regress_lph_user;
BEGIN;
SAVEPOINT s;
UPDATE frozen SET region = 'b', note = 1 / (2 - id);
ROLLBACK TO s;
DELETE FROM frozen WHERE id = 1;
ROLLBACK;
DO $$
BEGIN
	BEGIN
		UPDATE frozen SET region = 'b', note = 1 / (2 - id);
	EXCEPTION WHEN division_by_zero THEN
		DELETE FROM frozen WHERE id = 1;
	END;
END $$;
-- and what one has said in whose midst another one failed is not
RESET ROLE;
CREATE FUNCTION fails() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	UPDATE lph.frozen SET region = 'b', note = 1 / (2 - id) WHERE id IN (2, 3);
	RETURN 'did not';
EXCEPTION WHEN division_by_zero THEN
	RETURN 'failed';
END $$;
INSERT INTO frozen VALUES (3, 'a', 'paid', '');
UPDATE frozen SET region = 'b', note = CASE WHEN id = 1 THEN 'moved' ELSE fails() END WHERE id IN (1, 3);
SELECT id, region, note FROM frozen ORDER BY id;
-- nor is memory kept for rows that have moved
CREATE TABLE once (id int, region text, v int) PARTITION BY LIST (region);
CREATE TABLE once_a PARTITION OF once FOR VALUES IN ('a');
CREATE TABLE once_b PARTITION OF once FOR VALUES IN ('b');
SELECT invariant_guard.add_immutable_columns('once', '{v}', write_once => true);
INSERT INTO once SELECT g, 'a' FROM generate_series(1, 1000) g;
BEGIN;
UPDATE once SET region = 'b', v = 1 WHERE id <= 500;
CREATE TEMP TABLE used ON COMMIT DROP AS
	SELECT sum(used_bytes) AS bytes FROM pg_backend_memory_contexts WHERE name = 'TopTransactionContext';
UPDATE once SET region = 'b', v = 1 WHERE id > 500;
SELECT sum(used_bytes) - (SELECT bytes FROM used) < 20000 AS same
FROM pg_backend_memory_contexts WHERE name = 'TopTransactionContext';
COMMIT;

-- a row that is inserted after one that moves, in the same statement
CREATE TABLE products (id int PRIMARY KEY, price int);
CREATE TABLE items (id int PRIMARY KEY, product int REFERENCES products, price int);
CREATE TABLE few (id int, region text DEFAULT 'a');
INSERT INTO products VALUES (1, 100);
SELECT invariant_guard.add_snapshot_columns('items', '{price}', 'products', verify => true),
	invariant_guard.add_row_limit('few', 3, '{insert}');
GRANT ALL ON items, few TO regress_lph_user;
SET ROLE regress_lph_user;
WITH moved AS (UPDATE own SET region = 'b' WHERE id = 1 RETURNING id) INSERT INTO items SELECT id, 1, 1 FROM moved;
WITH moved AS (UPDATE own SET region = 'b' RETURNING id) INSERT INTO few SELECT id FROM moved;
RESET ROLE;
-- also into the table itself
SELECT invariant_guard.drop_rule('own', 'row-limit');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(lph.own)';
SELECT invariant_guard.drop_rule('own', 'row-limit');
COMMIT;
SELECT invariant_guard.add_row_limit('own', 3, '{insert}');
-- the partition is for the rows that move, which do not count
UPDATE own SET region = 'b' WHERE id <= 5;
WITH moved AS (UPDATE own SET region = 'b' WHERE region = 'a' RETURNING id) INSERT INTO own SELECT id, 'a' FROM moved;
SELECT region, count(*) FROM own GROUP BY region ORDER BY region;

-- a statement that looks like one of a foreign key, in a cascade
CREATE TABLE accounts (id int PRIMARY KEY, balance int, version int NOT NULL DEFAULT 0);
SELECT invariant_guard.add_relative_only('accounts', '{balance}'),
	invariant_guard.add_optimistic_lock('accounts', unversioned => 'reject'),
	invariant_guard.add_on_no_match('accounts');
INSERT INTO accounts VALUES (1, 100);
CREATE TABLE points (id int PRIMARY KEY, balance int);
SELECT invariant_guard.add_relative_only('points', '{balance}');
INSERT INTO points VALUES (1, 100);
GRANT ALL ON accounts, points TO regress_lph_user;
SET ROLE regress_lph_user;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent ON DELETE CASCADE, sql text);
CREATE FUNCTION runs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN EXECUTE OLD.sql; RETURN OLD; END';
CREATE TRIGGER runs BEFORE DELETE ON child FOR EACH ROW EXECUTE FUNCTION runs();
INSERT INTO parent VALUES (1), (2), (3), (4);
INSERT INTO child VALUES
	(1, 'UPDATE "lph"."accounts" SET balance = 5, version = version + 1 WHERE id OPERATOR(pg_catalog.=) 1 AND version OPERATOR(pg_catalog.=) 0'),
	(2, 'UPDATE "lph"."accounts" SET balance = balance - 1 WHERE id OPERATOR(pg_catalog.=) 1'),
	(3, 'DELETE FROM "lph"."accounts" WHERE id OPERATOR(pg_catalog.=) 7'),
	(4, 'UPDATE "lph"."points" SET balance = 5 WHERE id OPERATOR(pg_catalog.=) 1');
DELETE FROM parent WHERE id = 1;
DELETE FROM parent WHERE id = 2;
DELETE FROM parent WHERE id = 3;
DELETE FROM parent WHERE id = 4;
RESET ROLE;
TABLE accounts;

-- what is seen of one table says nothing of another, nor of another part of the statement
CREATE TABLE above (id int, balance int);
CREATE TABLE below () INHERITS (above);
SELECT invariant_guard.add_relative_only('below', '{balance}');
INSERT INTO below VALUES (1, 100);
WITH a AS (UPDATE points SET balance = balance + 1) UPDATE above SET balance = 5;
WITH a AS (UPDATE below SET balance = balance + 1 WHERE id = 2) UPDATE above SET balance = 5;
WITH a AS (UPDATE below SET balance = balance + 1 WHERE id = 2) UPDATE below SET balance = balance - 1;
TABLE below;

-- precision makes one of several versions
UPDATE accounts SET balance = balance - 1 WHERE version::numeric(5, -4) = 0;
UPDATE accounts SET balance = balance - 1 WHERE version::numeric = 0;

-- a cascade of soft deletes is no client's statement
CREATE TABLE orders (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
CREATE TABLE lines (id int PRIMARY KEY, order_id int REFERENCES orders, deleted_at timestamptz, op uuid,
	version int NOT NULL DEFAULT 0);
SELECT invariant_guard.add_soft_delete('lines', operation => 'op'),
	invariant_guard.add_optimistic_lock('lines', unversioned => 'reject'),
	invariant_guard.add_on_no_match('lines'),
	invariant_guard.add_soft_delete('orders', operation => 'op', children => 'soft_cascade');
INSERT INTO orders VALUES (1), (2);
INSERT INTO lines VALUES (1, 1);
DELETE FROM orders;
SELECT l.version, l.deleted_at = o.deleted_at AS same, l.op = o.op AS same FROM lines l JOIN orders o ON o.id = l.order_id;

-- nor may who owns only the parent, or may only make triggers on it, mark rows of others
CREATE TABLE theirs (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
CREATE TABLE ours (id int PRIMARY KEY, parent int REFERENCES theirs, deleted_at timestamptz, op uuid);
SELECT invariant_guard.add_soft_delete('ours', operation => 'op');
INSERT INTO theirs VALUES (1);
INSERT INTO ours VALUES (1, 1);
GRANT SELECT, UPDATE, TRIGGER ON theirs TO regress_lph_user;
SET ROLE regress_lph_user;
CREATE TRIGGER mine BEFORE DELETE ON theirs FOR EACH ROW WHEN (invariant_guard.uses(OLD.deleted_at, OLD.op))
	EXECUTE FUNCTION invariant_guard.soft_delete('children=soft_cascade');
CREATE TRIGGER mine_too AFTER UPDATE ON theirs FOR EACH ROW WHEN (invariant_guard.uses(OLD.deleted_at, OLD.op))
	EXECUTE FUNCTION invariant_guard.soft_delete('children=soft_cascade');
UPDATE theirs SET deleted_at = now(), op = gen_random_uuid();
RESET ROLE;
ALTER TABLE theirs ENABLE ALWAYS TRIGGER mine;
ALTER TABLE theirs ENABLE ALWAYS TRIGGER mine_too;
ALTER TABLE theirs OWNER TO regress_lph_user;
SET ROLE regress_lph_user;
UPDATE theirs SET deleted_at = now(), op = gen_random_uuid();
SELECT invariant_guard.add_soft_delete('theirs', operation => 'op', children => 'soft_cascade');
RESET ROLE;
SELECT id, deleted_at IS NULL AS live FROM ours;

-- another trigger's statement in the midst of a row that is marked and moves
CREATE TABLE other (id int PRIMARY KEY, deleted_at timestamptz, n int) PARTITION BY LIST (id);
CREATE TABLE other_1 PARTITION OF other FOR VALUES IN (1);
CREATE TABLE places (id int, region text, deleted_at timestamptz, op uuid, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE places_a PARTITION OF places FOR VALUES IN ('a');
CREATE TABLE places_b PARTITION OF places FOR VALUES IN ('b');
SELECT invariant_guard.add_soft_delete('other'), invariant_guard.add_soft_delete('places', operation => 'op');
CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE lph.other SET n = n + 1; RETURN OLD; END';
CREATE TRIGGER counts BEFORE DELETE ON places FOR EACH ROW EXECUTE FUNCTION counts();
INSERT INTO other VALUES (1, NULL, 0);
INSERT INTO places VALUES (1, 'a');
UPDATE places SET region = 'b', deleted_at = now(), op = NULL WHERE id = 1;

-- a column that is generated from the operation
CREATE TABLE notes (id int, deleted_at timestamptz, op uuid, has_op bool GENERATED ALWAYS AS (op IS NOT NULL) STORED);
SELECT invariant_guard.add_soft_delete('notes', operation => 'op');
INSERT INTO notes VALUES (1), (2), (3);
DELETE FROM notes WHERE id = 1;
UPDATE notes SET deleted_at = now() WHERE id = 2;
SELECT id, has_op FROM notes ORDER BY id;

-- the index that a rule consists of
BEGIN;
CREATE TABLE subs (id int, owner int, status text) PARTITION BY HASH (owner);
CREATE TABLE subs_0 PARTITION OF subs FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE cards (id int, owner int, status text);
SELECT invariant_guard.add_unique_active('subs', 'owner', $$status = 'active'$$),
	invariant_guard.add_unique_active('cards', 'owner', $$status = 'active'$$);
COMMIT;
DROP INDEX subs_owner_active_key;
ALTER INDEX subs_owner_active_key RENAME TO free;
ALTER TABLE cards_owner_active_key RENAME TO free;
ALTER INDEX cards_owner_active_key SET (fillfactor = 50);
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(lph.cards)';
ALTER INDEX cards_owner_active_key RENAME TO free;
ROLLBACK;

-- a trigger of the name that the copy for a child would have
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN coalesce(NEW, OLD); END';
CREATE TABLE history (id int);
SELECT invariant_guard.add_append_only('history');
CREATE TABLE more (id int);
CREATE TRIGGER zz_ig_append_only_change BEFORE UPDATE OR DELETE ON more FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE more INHERIT history;
DROP TRIGGER zz_ig_append_only_change ON more;
CREATE TRIGGER zz_ig_append_only_change BEFORE UPDATE OR DELETE ON more FOR EACH ROW WHEN (false)
	EXECUTE FUNCTION invariant_guard.append_only();
ALTER TABLE more ENABLE ALWAYS TRIGGER zz_ig_append_only_change;
ALTER TABLE more INHERIT history;
CREATE TABLE rest (id int);
ALTER TABLE rest INHERIT history;
ALTER TABLE rest NO INHERIT history;
ALTER TABLE rest INHERIT history;
CREATE TABLE third () INHERITS (history);
CREATE TABLE fourth (id int);
CREATE TRIGGER zz_ig_append_only_change BEFORE UPDATE OR DELETE ON fourth FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT invariant_guard.add_append_only('fourth');

-- the function that a condition calls
CREATE FUNCTION is_paid(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 = 'paid'$$;
CREATE FUNCTION unused(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE TABLE bills (id int, status text, note text);
SELECT invariant_guard.add_frozen_rows('bills', 'lph.is_paid(status)');
INSERT INTO bills VALUES (1, 'paid');
CREATE OR REPLACE FUNCTION is_paid(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
CREATE OR REPLACE FUNCTION is_paid(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 = 'paid'$$;
ALTER FUNCTION is_paid(text) STRICT;
ALTER FUNCTION is_paid(text) COST 10;
CREATE OR REPLACE FUNCTION unused(text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
DELETE FROM bills;
-- through an operator and another function
CREATE FUNCTION same(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR === (LEFTARG = text, RIGHTARG = text, FUNCTION = same);
CREATE FUNCTION calls(text) RETURNS bool LANGUAGE sql IMMUTABLE RETURN $1 OPERATOR(lph.===) 'open';
CREATE TABLE tasks (id int, status text);
SELECT invariant_guard.add_frozen_rows('tasks', 'lph.calls(status)');
CREATE OR REPLACE FUNCTION same(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT false';
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(lph.bills)';
CREATE OR REPLACE FUNCTION is_paid(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 IN ('paid', 'void')$$;
ROLLBACK;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA lph CASCADE;
DROP ROLE regress_lph_user;
