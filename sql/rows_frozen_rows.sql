--
-- frozen_rows
--
SET client_min_messages = warning;
CREATE ROLE regress_frz_owner;
CREATE ROLE regress_frz_user;
SET invariant_guard.mode = off;
CREATE SCHEMA frz;
GRANT ALL ON SCHEMA frz TO regress_frz_owner, regress_frz_user;
RESET invariant_guard.mode;
RESET client_min_messages;
\set VERBOSITY terse
SET search_path = frz;

BEGIN;
CREATE TABLE orders (gone int, id int PRIMARY KEY, status text, cents int, note text, doc json,
	twice int GENERATED ALWAYS AS (cents * 2) STORED);
ALTER TABLE orders DROP COLUMN gone;
COMMIT;
ALTER TABLE orders OWNER TO regress_frz_owner;
SELECT invariant_guard.add_frozen_rows('orders', $$status IN ('paid', 'sent')$$, allow => '{note}');
SELECT invariant_guard.add_frozen_rows('orders', $$status IN ('paid', 'sent')$$, allow => '{note}');
SELECT invariant_guard.add_frozen_rows('orders', $$status IN ('paid', 'sent')$$);
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY 1;
INSERT INTO orders VALUES (1, 'open', 1, 'a', NULL), (2, 'paid', 2, 'b', '{}'), (3, NULL, 3, 'c', NULL);
\set VERBOSITY default
UPDATE orders SET cents = 5 WHERE id = 2;
\set VERBOSITY terse
DO $$
BEGIN
	DELETE FROM frz.orders WHERE id = 2;
EXCEPTION WHEN SQLSTATE 'IGM02' THEN
	RAISE NOTICE '%', SQLSTATE;
END $$;
-- what is not frozen: changed, deleted, and made frozen
UPDATE orders SET cents = cents + 1 WHERE status IS DISTINCT FROM 'paid';
UPDATE orders SET status = 'paid' WHERE id = 1;
DELETE FROM orders WHERE id = 3;
-- frozen: only what is allowed, and what changes nothing
UPDATE orders SET note = 'x', cents = cents, status = status;
UPDATE orders SET note = 'y', status = 'open' WHERE id = 1;
UPDATE orders SET status = 'sent' WHERE id = 1;
UPDATE orders SET doc = NULL WHERE id = 2;
DELETE FROM orders;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'truncate(orders)';
TRUNCATE orders;
ROLLBACK;
-- a column that is added later
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders ADD COLUMN later int;
COMMIT;
UPDATE orders SET later = 1 WHERE id = 2;
-- other triggers, ON CONFLICT, MERGE, COPY, a view
CREATE FUNCTION sneak() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.cents = 99; RETURN NEW; END';
CREATE TRIGGER zzz_sneak BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION sneak();
UPDATE orders SET note = 'z' WHERE id = 2;
DROP TRIGGER zzz_sneak ON orders;
INSERT INTO orders VALUES (2, 'paid', 9) ON CONFLICT (id) DO UPDATE SET cents = EXCLUDED.cents;
INSERT INTO orders VALUES (2, 'paid', 9) ON CONFLICT (id) DO UPDATE SET note = 'upsert';
MERGE INTO orders o USING (VALUES (2)) s(id) ON o.id = s.id WHEN MATCHED THEN UPDATE SET cents = 0;
MERGE INTO orders o USING (VALUES (2)) s(id) ON o.id = s.id WHEN MATCHED THEN DELETE;
MERGE INTO orders o USING (VALUES (2)) s(id) ON o.id = s.id WHEN MATCHED THEN UPDATE SET note = 'merge';
COPY orders (id, status) FROM stdin;
4	paid
\.
CREATE VIEW seen AS SELECT * FROM orders;
DELETE FROM seen WHERE id = 4;
SELECT id, status, cents, note, later FROM orders ORDER BY id;

-- roles, and the replica role
GRANT SELECT, UPDATE, DELETE ON orders TO regress_frz_user;
SET ROLE regress_frz_user;
UPDATE orders SET cents = 0 WHERE id = 2;
DELETE FROM orders WHERE id = 2;
UPDATE orders SET note = 'plain' WHERE id = 2;
SET ROLE regress_frz_owner;
DELETE FROM orders WHERE id = 2;
RESET ROLE;
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
DELETE FROM orders WHERE id = 2;
RESET session_replication_role;
-- an allowance is for the table
SET invariant_guard.allow = 'frozen-rows(orders.cents)';
UPDATE orders SET cents = 7 WHERE id = 2;
SET invariant_guard.allow = 'frozen-rows(orders), truncate(orders)';
BEGIN;
UPDATE orders SET cents = 7, later = 1;
UPDATE orders SET cents = CASE id WHEN 2 THEN 8 ELSE cents END, later = CASE id WHEN 4 THEN 1 END WHERE id IN (2, 4);
TRUNCATE orders;
ROLLBACK;
BEGIN;
DELETE FROM orders WHERE id = 2;
ROLLBACK;
RESET invariant_guard.allow;
RESET invariant_guard.reason;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE orders SET cents = 0;
DELETE FROM orders;
ROLLBACK;

-- foreign keys stop at a frozen row
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE lines (id int, done boolean,
	p int REFERENCES parents ON UPDATE CASCADE ON DELETE CASCADE, q int REFERENCES parents ON DELETE SET NULL);
SELECT invariant_guard.add_frozen_rows('lines', 'done');
INSERT INTO parents VALUES (1), (2), (3);
INSERT INTO lines VALUES (1, true, 1, 2), (2, false, 3, 3);
DELETE FROM parents WHERE id = 1;
UPDATE parents SET id = 4 WHERE id = 1;
DELETE FROM parents WHERE id = 2;
DELETE FROM parents WHERE id = 3;
TABLE lines;

-- a rename, in the condition and among what is allowed
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders RENAME COLUMN status TO "State of it";
ALTER TABLE orders RENAME COLUMN note TO remark;
COMMIT;
UPDATE orders SET remark = 'renamed' WHERE id = 2;
UPDATE orders SET "State of it" = 'open' WHERE id = 2;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders DROP COLUMN "State of it";
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders DROP COLUMN remark;
ROLLBACK;

-- partitions, two levels: moves
BEGIN;
CREATE TABLE parts (id int, region int, year int, paid boolean, cents int, note text) PARTITION BY LIST (region);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (note text, cents int, x int, paid boolean, year int, region int NOT NULL, id int) PARTITION BY RANGE (year);
ALTER TABLE parts_2 DROP COLUMN x;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (2000) TO (2010);
COMMIT;
SELECT invariant_guard.add_frozen_rows('parts', 'paid', '{region,note}');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'parts_2a'::regclass ORDER BY 1;
CREATE TABLE parts_2b PARTITION OF parts_2 FOR VALUES FROM (2010) TO (2020);
INSERT INTO parts VALUES (1, 1, 2000, true, 1), (2, 2, 2000, true, 2), (3, 2, 2010, false, 3), (4, 1, 2000, false, 4);
DELETE FROM parts;
DELETE FROM parts_2a;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'truncate(parts_2b)';
TRUNCATE parts_2b;
ROLLBACK;
UPDATE parts SET cents = 0 WHERE id IN (2, 3);
-- region may change, year not
UPDATE parts SET region = 2, note = 'moved' WHERE id = 1;
UPDATE parts SET year = 2015 WHERE id = 1;
UPDATE parts SET region = 1, cents = 9 WHERE id = 1;
UPDATE parts SET region = 2, cents = 9, year = 2015 WHERE id = 4;
MERGE INTO parts p USING (VALUES (1)) s(id) ON p.id = s.id WHEN MATCHED THEN UPDATE SET region = 1;
SELECT tableoid::regclass, * FROM parts ORDER BY id;
-- triggers on the way that change the row, or make it vanish
CREATE FUNCTION sneak_part() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE frz.parts SET note = 'by the way' WHERE id = 3;
	NEW.cents = 99;
	RETURN NEW;
END $$;
CREATE FUNCTION skip_part() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER sneak BEFORE INSERT ON parts_2a FOR EACH ROW EXECUTE FUNCTION sneak_part();
UPDATE parts SET region = 2 WHERE id = 1;
DROP TRIGGER sneak ON parts_2a;
CREATE TRIGGER zzz_sneak BEFORE UPDATE ON parts_1 FOR EACH ROW EXECUTE FUNCTION sneak_part();
UPDATE parts SET region = 2 WHERE id = 1;
DROP TRIGGER zzz_sneak ON parts_1;
CREATE TRIGGER skip BEFORE INSERT ON parts_1 FOR EACH ROW EXECUTE FUNCTION skip_part();
UPDATE parts SET region = 1 WHERE id = 2;
UPDATE parts SET region = 1 WHERE id IN (2, 3);
DROP TRIGGER skip ON parts_1;
CREATE TRIGGER skip BEFORE UPDATE ON parts_2a FOR EACH ROW EXECUTE FUNCTION skip_part();
WITH u AS (UPDATE parts SET region = 1 WHERE id = 2) DELETE FROM parts WHERE id = 2;
DROP TRIGGER skip ON parts_2a;
-- let pass, a change in a move and a deletion
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'frozen-rows(parts_2a)';
UPDATE parts SET region = 2, cents = 0 WHERE id = 1;
DELETE FROM parts WHERE region = 2 AND year = 2000;
ROLLBACK;
WITH d AS (DELETE FROM parts WHERE id = 3 RETURNING *) INSERT INTO parts SELECT 5, 1, 2000, true, 5 FROM d;
SELECT tableoid::regclass, * FROM parts ORDER BY id;

-- inheritance
CREATE TABLE base (id int, done boolean);
CREATE TABLE child_1 (extra int) INHERITS (base);
SELECT invariant_guard.add_frozen_rows('base', 'done');
CREATE TABLE child_2 () INHERITS (base);
INSERT INTO child_1 VALUES (1, true, 0);
INSERT INTO child_2 VALUES (2, true);
UPDATE base SET id = 9;
UPDATE child_1 SET extra = 9;
DELETE FROM child_2;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'truncate(child_2)';
TRUNCATE child_2;
ROLLBACK;

-- a trigger written by hand
CREATE TABLE hand (id int, done boolean, note text);
CREATE TRIGGER frozen AFTER UPDATE OR DELETE ON hand FOR EACH ROW WHEN (OLD.done) EXECUTE FUNCTION invariant_guard.frozen_rows('note');
INSERT INTO hand VALUES (1, true, 'a');
UPDATE hand SET note = 'b';
UPDATE hand SET id = 2;
DELETE FROM hand;

-- bad declarations
CREATE TABLE wrong (id int, a int);
SELECT invariant_guard.add_frozen_rows('wrong', NULL);
SELECT invariant_guard.add_frozen_rows(NULL, 'true');
SELECT invariant_guard.add_frozen_rows('wrong', 'b > 1');
SELECT invariant_guard.add_frozen_rows('wrong', 'a');
SELECT invariant_guard.add_frozen_rows('wrong', 'now() > now()');
SELECT invariant_guard.add_frozen_rows('wrong', 'a > 1', '{b}');
SELECT invariant_guard.add_frozen_rows('wrong', 'a > 1', '{NULL}');
SELECT invariant_guard.add_frozen_rows('orders', 'cents > 1', '{twice}');
CREATE VIEW looked AS SELECT * FROM wrong;
SELECT invariant_guard.add_frozen_rows('looked', 'a > 1');
SET ROLE regress_frz_user;
SELECT invariant_guard.add_frozen_rows('frz.wrong', 'a > 1');
RESET ROLE;
-- a second condition is another rule
SELECT invariant_guard.add_frozen_rows('wrong', 'a > 1');
SELECT invariant_guard.add_frozen_rows('wrong', 'id > 1', '{a}');

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA frz CASCADE;
DROP ROLE regress_frz_owner, regress_frz_user;
