--
-- immutable_columns
--
SET client_min_messages = warning;
CREATE ROLE regress_imm_owner;
CREATE ROLE regress_imm_user;
SET invariant_guard.mode = off;
CREATE SCHEMA imm;
GRANT ALL ON SCHEMA imm TO regress_imm_owner, regress_imm_user;
RESET invariant_guard.mode;
RESET client_min_messages;
\set VERBOSITY terse
SET search_path = imm;

-- a message in full, and its code
BEGIN;
CREATE TABLE orders (gone int, id int PRIMARY KEY, customer int, doc json, spot point, note text);
ALTER TABLE orders DROP COLUMN gone;
COMMIT;
ALTER TABLE orders OWNER TO regress_imm_owner;
SELECT invariant_guard.add_immutable_columns('orders', '{customer, doc, spot}');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'orders'::regclass ORDER BY 1;
INSERT INTO orders VALUES (1, 7, '{"a": 1}', '(1,2)', 'first'), (2, 7, NULL, NULL, NULL);
\set VERBOSITY default
UPDATE orders SET customer = 8 WHERE id = 1;
\set VERBOSITY terse
DO $$
BEGIN
	UPDATE imm.orders SET customer = 8 WHERE id = 1;
EXCEPTION WHEN SQLSTATE 'IGM01' THEN
	RAISE NOTICE '%', SQLSTATE;
END $$;
-- passes: the same value, and other columns
UPDATE orders SET customer = 7, doc = '{"a": 1}', spot = '(1,2)', note = 'second' WHERE id = 1;
-- refused: another spelling of the same JSON, a value for NULL, NULL for a value
UPDATE orders SET doc = '{"a":1}' WHERE id = 1;
UPDATE orders SET spot = '(0,0)' WHERE id = 2;
UPDATE orders SET customer = NULL;
-- what other triggers do, before and after ours by name
CREATE FUNCTION sneak() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.customer = 99; RETURN NEW; END';
CREATE TRIGGER a_sneak BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION sneak();
UPDATE orders SET note = 'third';
DROP TRIGGER a_sneak ON orders;
CREATE TRIGGER zzz_sneak BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION sneak();
UPDATE orders SET note = 'third';
DROP TRIGGER zzz_sneak ON orders;
-- ON CONFLICT, MERGE, a view, a CTE, a cursor
INSERT INTO orders VALUES (1, 8) ON CONFLICT (id) DO UPDATE SET customer = EXCLUDED.customer;
INSERT INTO orders VALUES (1, 8) ON CONFLICT (id) DO UPDATE SET note = 'upsert';
MERGE INTO orders o USING (VALUES (1, 8)) s(id, c) ON o.id = s.id WHEN MATCHED THEN UPDATE SET customer = s.c;
MERGE INTO orders o USING (VALUES (1, 8)) s(id, c) ON o.id = s.id WHEN MATCHED THEN UPDATE SET note = 'merge';
CREATE VIEW seen AS SELECT * FROM orders;
UPDATE seen SET customer = 1 WHERE id = 1;
WITH u AS (UPDATE orders SET customer = 1 RETURNING id) SELECT * FROM u;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM orders FOR UPDATE;
FETCH c;
UPDATE orders SET customer = 1 WHERE CURRENT OF c;
ROLLBACK;
DROP VIEW seen;
-- INSERT, COPY and DELETE pass
COPY orders (id, customer) FROM stdin;
3	7
\.
DELETE FROM orders WHERE id = 3;

-- roles: superuser and owner above; here a plain role, and the replica role
GRANT SELECT, UPDATE ON orders TO regress_imm_user;
SET ROLE regress_imm_user;
UPDATE orders SET customer = 8;
UPDATE orders SET note = 'plain';
SET ROLE regress_imm_owner;
UPDATE orders SET customer = 8;
RESET ROLE;
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
UPDATE orders SET customer = 8;
UPDATE orders SET note = 'replica';
RESET session_replication_role;
RESET invariant_guard.allow;
RESET invariant_guard.reason;

-- an allowance for one column is one for no other, in any row
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'immutable-columns(orders.customer)';
UPDATE orders SET customer = customer + 1;
UPDATE orders SET customer = customer + 1, doc = CASE id WHEN 2 THEN '[]'::json ELSE doc END;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE orders SET customer = customer + 1;
ROLLBACK;

-- the rule follows a rename; a drop and a change of type are the server's to refuse
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders RENAME COLUMN customer TO "Customer, the 1st";
COMMIT;
UPDATE orders SET "Customer, the 1st" = 8;
SELECT invariant_guard.add_immutable_columns('orders', '{"Customer, the 1st", doc, spot}');
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders DROP COLUMN doc;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE orders ALTER COLUMN doc TYPE jsonb;
ROLLBACK;

-- while a condition holds; another rule of the kind on the table
CREATE TABLE bills (id int PRIMARY KEY, status text, cents int, payee text, note text);
SELECT invariant_guard.add_immutable_columns('bills', '{cents,status}', when_condition => $$status = 'paid'$$);
SELECT invariant_guard.add_immutable_columns('bills', '{cents,status}', when_condition => $$status = 'paid'$$);
SELECT invariant_guard.add_immutable_columns('bills', '{payee}', write_once => true);
INSERT INTO bills VALUES (1, 'open', 1, NULL), (2, 'paid', 2, 'b'), (3, NULL, 3, NULL);
UPDATE bills SET cents = cents + 1 WHERE id IN (1, 3);
UPDATE bills SET cents = cents + 1 WHERE id = 2;
UPDATE bills SET status = 'open' WHERE id = 2;
UPDATE bills SET status = 'paid' WHERE id = 1;
UPDATE bills SET cents = 0 WHERE id = 1;
-- write-once
UPDATE bills SET payee = 'x' WHERE id = 1;
UPDATE bills SET payee = 'y' WHERE id = 1;
UPDATE bills SET payee = NULL WHERE id = 1;
UPDATE bills SET payee = 'x', note = 'n' WHERE id = 1;
TABLE bills ORDER BY id;

-- foreign keys that would change an immutable column stop the parent's change
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE casc (id int, p int REFERENCES parents ON UPDATE CASCADE ON DELETE SET NULL);
SELECT invariant_guard.add_immutable_columns('casc', '{p}');
INSERT INTO parents VALUES (1), (2);
INSERT INTO casc VALUES (1, 1);
UPDATE parents SET id = 3 WHERE id = 1;
DELETE FROM parents WHERE id = 1;
UPDATE parents SET id = 4 WHERE id = 2;
TABLE parents ORDER BY 1;
TABLE casc;

-- a large value that is stored out of line, and left alone or not
CREATE TABLE large (id int, body text, n int);
ALTER TABLE large ALTER COLUMN body SET STORAGE EXTERNAL;
SELECT invariant_guard.add_immutable_columns('large', '{body}');
INSERT INTO large SELECT 1, repeat('x', 100000), 1;
UPDATE large SET n = 2;
UPDATE large SET body = body || '', n = 3;
UPDATE large SET body = body || 'y';
SELECT id, n, length(body) FROM large;

-- more than 50 and more than 90 columns
SELECT format('CREATE TABLE wide (id int, %s)', string_agg(format('c%s int', i), ', ' ORDER BY i))
FROM generate_series(1, 120) i \gexec
SELECT invariant_guard.add_immutable_columns('wide', (SELECT array_agg(('c' || i)::name) FROM generate_series(1, 120) i));
INSERT INTO wide (id, c1, c120) VALUES (1, 1, 120);
UPDATE wide SET c1 = 2;
UPDATE wide SET c77 = 2;
UPDATE wide SET c120 = 2;
UPDATE wide SET id = 2;

-- names of 63 bytes, which the triggers' names are made shorter for
SELECT format('CREATE TABLE %I (%I int, b int)', repeat('t', 63), repeat('c', 63)) \gexec
SELECT invariant_guard.add_immutable_columns(repeat('t', 63)::regclass, ARRAY[repeat('c', 63)::name]);
SELECT format('INSERT INTO %I VALUES (1, 1)', repeat('t', 63)) \gexec
SELECT format('UPDATE %I SET %I = 2', repeat('t', 63), repeat('c', 63)) \gexec

-- partitions, two levels, with columns in another order
BEGIN;
CREATE TABLE parts (id int, region int, year int, owner text, cents int) PARTITION BY LIST (region);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (cents int, x int, owner text, year int, region int NOT NULL, id int) PARTITION BY RANGE (year);
ALTER TABLE parts_2 DROP COLUMN x;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE parts_2a PARTITION OF parts_2 FOR VALUES FROM (2000) TO (2010);
COMMIT;
SELECT invariant_guard.add_immutable_columns('parts', '{owner,cents}');
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgrelid IN ('parts'::regclass, 'parts_2a'::regclass) ORDER BY 1, 2;
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'parts_2a'::regclass ORDER BY 1;
CREATE TABLE parts_2b PARTITION OF parts_2 FOR VALUES FROM (2010) TO (2020);
INSERT INTO parts VALUES (1, 1, 2000, 'a', 1), (2, 2, 2000, 'b', 2), (3, 2, 2010, 'c', 3);
UPDATE parts SET owner = 'z';
UPDATE parts_2b SET cents = 9;
-- a move, with and without a change
UPDATE parts SET region = 2 WHERE id = 1;
UPDATE parts SET year = 2015, owner = 'z' WHERE id = 1;
UPDATE parts SET region = 1, cents = 0 WHERE id = 2;
MERGE INTO parts p USING (VALUES (1)) s(id) ON p.id = s.id WHEN MATCHED THEN UPDATE SET region = 1, owner = 'z';
MERGE INTO parts p USING (VALUES (1)) s(id) ON p.id = s.id WHEN MATCHED THEN UPDATE SET region = 1;
-- triggers that change the row on its way, and run statements of their own
CREATE FUNCTION sneak_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO imm.bills VALUES (100 + (random() * 1e9)::int, 'open', 1);
	UPDATE imm.parts SET id = id WHERE id = 3;
	NEW.owner = 'sneaked';
	RETURN NEW;
END $$;
CREATE TRIGGER sneak BEFORE INSERT ON parts_2a FOR EACH ROW EXECUTE FUNCTION sneak_owner();
UPDATE parts SET region = 2 WHERE id = 1;
DROP TRIGGER sneak ON parts_2a;
CREATE TRIGGER zzz_sneak BEFORE UPDATE ON parts_1 FOR EACH ROW EXECUTE FUNCTION sneak_owner();
UPDATE parts SET region = 2 WHERE id = 1;
UPDATE parts SET id = 10 WHERE id = 1;
DROP TRIGGER zzz_sneak ON parts_1;
CREATE TRIGGER sneak BEFORE INSERT ON parts_2a FOR EACH ROW EXECUTE FUNCTION sneak_owner();
-- an INSERT of its own is free
INSERT INTO parts VALUES (4, 2, 2001, 'd', 4);
DROP TRIGGER sneak ON parts_2a;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'immutable-columns(parts_2a.owner)';
UPDATE parts SET region = 2, owner = 'let pass' WHERE id = 1;
UPDATE parts SET year = year WHERE id = 1;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'immutable-columns(parts_2a.owner)';
UPDATE parts SET region = 2, owner = 'let pass', cents = 0 WHERE id = 1;
ROLLBACK;
-- a row deleted and one inserted by one statement are no move
WITH d AS (DELETE FROM parts WHERE id = 4 RETURNING *) INSERT INTO parts SELECT id, region, year, 'new', 0 FROM d;
MERGE INTO parts p USING (VALUES (4, 1), (5, 2)) s(id, r) ON p.id = s.id
WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 1, 2000, 'merged', 0);
-- nor is a row that is inserted after another one moved
WITH u AS (UPDATE parts SET region = 2 WHERE id = 1 RETURNING *)
INSERT INTO parts SELECT id + 20, n, year, 'other', 0 FROM u, generate_series(1, 2) n;
SELECT tableoid::regclass, * FROM parts ORDER BY id;
-- conditions and write-once, on the old row wherever it went
CREATE TABLE paid (id int, k int, status text, cents int, ref text) PARTITION BY LIST (k);
CREATE TABLE paid_1 PARTITION OF paid FOR VALUES IN (1);
CREATE TABLE paid_2 PARTITION OF paid FOR VALUES IN (2);
SELECT invariant_guard.add_immutable_columns('paid', '{cents}', $$status = 'paid'$$);
SELECT invariant_guard.add_immutable_columns('paid', '{ref}', write_once => true);
INSERT INTO paid VALUES (1, 1, 'open', 1), (2, 1, 'paid', 2), (3, 1, 'open', 3);
UPDATE paid SET k = 2, cents = cents + 1 WHERE id <> 2;
UPDATE paid SET k = 2, cents = cents + 1 WHERE id = 2;
UPDATE paid SET k = 2 WHERE id = 2;
UPDATE paid SET k = 1, ref = 'r' WHERE id = 1;
UPDATE paid SET k = 2, ref = 's' WHERE id = 1;
UPDATE paid SET k = 1, cents = cents + 1;
SELECT tableoid::regclass, * FROM paid ORDER BY id;
-- detached: the rule goes, unless it is kept
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE paid DETACH PARTITION paid_1;
UPDATE paid_1 SET ref = 'free';
ROLLBACK;
SELECT invariant_guard.keep_rules('paid_1');
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE paid DETACH PARTITION paid_1;
SET LOCAL invariant_guard.mode = enforce;
UPDATE paid_1 SET ref = 'free' WHERE id = 1;
ROLLBACK;

-- inheritance children, those that join later too
CREATE TABLE base (id int, code text);
CREATE TABLE child_1 (extra int) INHERITS (base);
SELECT invariant_guard.add_immutable_columns('base', '{code}');
CREATE TABLE child_2 (code text, id int);
ALTER TABLE child_2 INHERIT base;
INSERT INTO child_1 VALUES (1, 'a', 0);
INSERT INTO child_2 VALUES ('b', 2);
UPDATE base SET code = 'z' WHERE id = 1;
UPDATE base SET code = 'z' WHERE id = 2;
UPDATE child_2 SET code = 'z';
UPDATE base SET id = id + 1;

-- a trigger written by hand
CREATE TABLE hand (id int, a int, b int);
CREATE TRIGGER fixed AFTER UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.immutable_columns('a', 'b', 'write_once=true');
INSERT INTO hand VALUES (1, 1, NULL);
UPDATE hand SET b = 1;
UPDATE hand SET b = 2;
UPDATE hand SET id = 2;
CREATE TABLE wrong (id int, a int);
CREATE TRIGGER fixed AFTER UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION invariant_guard.immutable_columns();
INSERT INTO wrong VALUES (1, 1);
BEGIN;
CREATE TRIGGER fixed AFTER UPDATE ON wrong FOR EACH ROW EXECUTE FUNCTION invariant_guard.immutable_columns('a', 'write_once=maybe');
ROLLBACK;
BEGIN;
CREATE TRIGGER fixed BEFORE DELETE ON wrong FOR EACH ROW EXECUTE FUNCTION invariant_guard.immutable_columns('a');
ROLLBACK;
SELECT invariant_guard.immutable_columns();

-- what stands in the WHEN clauses does nothing elsewhere
SELECT invariant_guard.leaves('k', tableoid, ctid) FROM orders;
SELECT invariant_guard.leaves('k', 'pg_authid'::regclass, '(0,1)');
SELECT invariant_guard.moved('k', o.tableoid, o.ctid, o.note) FROM orders o JOIN bills b USING (id);
SELECT invariant_guard.moved_except('k', 'pg_class'::regclass, '(0,1)');
SELECT invariant_guard.is_moving(1, '(0,1)');
UPDATE orders SET note = 'x' WHERE invariant_guard.leaves('k', tableoid, ctid);
CREATE TRIGGER misplaced BEFORE UPDATE ON wrong FOR EACH ROW WHEN (invariant_guard.moved('k', old.tableoid, old.ctid, new.a)) EXECUTE FUNCTION sneak();
UPDATE wrong SET a = 1;
DROP TRIGGER misplaced ON wrong;

-- bad declarations
SELECT invariant_guard.add_immutable_columns(NULL, '{a}');
SELECT invariant_guard.add_immutable_columns('wrong', NULL);
SELECT invariant_guard.add_immutable_columns('wrong', '{}');
SELECT invariant_guard.add_immutable_columns('wrong', '{a,NULL}');
SELECT invariant_guard.add_immutable_columns('wrong', '{a,a}');
SELECT invariant_guard.add_immutable_columns('wrong', '{aa}');
SELECT invariant_guard.add_immutable_columns('wrong', '{ctid}');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', 'b > 1');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', 'a + 1');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', 'a > random()');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', 'a = (SELECT 1)');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', 'true) EXECUTE FUNCTION x(); --');
SELECT invariant_guard.add_immutable_columns('wrong', '{a}', NULL, NULL);
SELECT invariant_guard.add_immutable_columns('pg_class', '{relname}');
CREATE VIEW looked AS SELECT * FROM wrong;
SELECT invariant_guard.add_immutable_columns('looked', '{a}');
CREATE TEMP TABLE temporary (a int);
SELECT invariant_guard.add_immutable_columns('temporary', '{a}');
CREATE TABLE made (a int, b int GENERATED ALWAYS AS (a + 1) STORED);
SELECT invariant_guard.add_immutable_columns('made', '{b}');
SET ROLE regress_imm_user;
SELECT invariant_guard.add_immutable_columns('imm.wrong', '{a}');
RESET ROLE;
SELECT invariant_guard.add_immutable_columns('orders', '{doc,spot,"Customer, the 1st"}', write_once => true);

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA imm CASCADE;
DROP ROLE regress_imm_owner, regress_imm_user;
