--
-- soft_delete: DELETE marks rows, and does not remove them
--
CREATE SCHEMA shop;
SET search_path = shop;
CREATE FUNCTION shop.state(deleted_at timestamptz) RETURNS text LANGUAGE sql AS
	$$SELECT CASE WHEN deleted_at IS NULL THEN 'live' WHEN deleted_at = now() THEN 'deleted now' ELSE 'deleted' END$$;

-- the statement stays a DELETE for whoever sent it
BEGIN;
CREATE TABLE customers (gone int, id int PRIMARY KEY, name text, deleted_at timestamptz, delete_operation uuid);
ALTER TABLE customers DROP COLUMN gone;
COMMIT;
SELECT invariant_guard.add_soft_delete('customers', operation => 'delete_operation', keep_at_least => '90 days');
SELECT invariant_guard.add_soft_delete('customers', operation => 'delete_operation', keep_at_least => '90 days');
SELECT invariant_guard.add_soft_delete('customers', operation => 'delete_operation');
SELECT tgname, tgenabled, regexp_replace(pg_get_triggerdef(oid), '^.*FOR EACH', 'FOR EACH') AS definition
FROM pg_trigger WHERE tgrelid = 'customers'::regclass ORDER BY 1;
INSERT INTO customers SELECT i, 'c' || i FROM generate_series(1, 20) i;
\set QUIET off
DELETE FROM customers WHERE id = 1;
DELETE FROM customers WHERE id = 1;
DELETE FROM customers WHERE id IN (1, 2, 3);
\set QUIET on
BEGIN;
DELETE FROM customers WHERE id = 4 RETURNING id, name, state(deleted_at), delete_operation IS NOT NULL AS operation;
COMMIT;
SELECT state(deleted_at), count(*), count(delete_operation), count(DISTINCT delete_operation) FROM customers GROUP BY 1 ORDER BY 1;

-- prepared, and planned before: generic and custom plans
PREPARE d(int) AS DELETE FROM customers WHERE id = $1 RETURNING id;
SET plan_cache_mode = force_generic_plan;
EXECUTE d(4);
EXECUTE d(5);
SET plan_cache_mode = force_custom_plan;
EXECUTE d(5);
EXECUTE d(6);
RESET plan_cache_mode;

-- data-modifying CTEs, below every kind of statement
WITH d AS (DELETE FROM customers WHERE id IN (6, 7) RETURNING id) SELECT * FROM d;
CREATE TABLE log (id int);
\set QUIET off
WITH d AS (DELETE FROM customers WHERE id IN (8, 9) RETURNING id) INSERT INTO log SELECT id FROM d;
WITH a AS (DELETE FROM customers WHERE id = 10 RETURNING id) DELETE FROM customers USING a WHERE customers.id = a.id + 1;
\set QUIET on
SELECT * FROM log ORDER BY 1;

-- USING, and an alias
\set QUIET off
DELETE FROM customers AS c USING log l WHERE c.id = l.id + 4;
\set QUIET on
-- a cursor's row
BEGIN;
DECLARE cur CURSOR FOR SELECT id FROM customers WHERE deleted_at IS NULL ORDER BY id FOR UPDATE;
FETCH cur;
DELETE FROM customers WHERE CURRENT OF cur RETURNING id;
DELETE FROM customers WHERE CURRENT OF cur RETURNING id;
COMMIT;
-- COPY
COPY (DELETE FROM customers WHERE id = 15 RETURNING id, state(deleted_at)) TO STDOUT;
-- PL/pgSQL and SQL functions
DO $$
DECLARE n int; r record;
BEGIN
	DELETE FROM customers WHERE id = 16;
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE INFO 'found % row_count %', FOUND, n;
	DELETE FROM customers WHERE id = 16;
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE INFO 'found % row_count %', FOUND, n;
	DELETE FROM customers WHERE id = 17 RETURNING id, deleted_at = now() AS now INTO STRICT r;
	RAISE INFO 'returned %', r;
	FOR r IN DELETE FROM customers WHERE id > 17 AND id < 20 RETURNING id LOOP
		RAISE INFO 'loop %', r.id;
	END LOOP;
	EXECUTE 'DELETE FROM customers WHERE id = 99';
	GET DIAGNOSTICS n = ROW_COUNT;
	RAISE INFO 'row_count %', n;
END $$;
CREATE FUNCTION remove_customer(int) RETURNS SETOF int LANGUAGE sql AS 'DELETE FROM shop.customers WHERE id = $1 RETURNING id';
CREATE FUNCTION remove_all() RETURNS void LANGUAGE sql BEGIN ATOMIC DELETE FROM shop.customers; END;
SELECT * FROM remove_customer(20);
INSERT INTO customers VALUES (21, 'c21');
SELECT remove_all();
SELECT state(deleted_at), count(*), count(delete_operation), count(DISTINCT delete_operation) FROM customers GROUP BY 1 ORDER BY 1;
-- one statement is one operation
SELECT count(*) FROM customers GROUP BY delete_operation ORDER BY 1;

-- who knows of the column may set it
INSERT INTO customers VALUES (30, 'c30'), (31, 'c31'), (32, 'c32'), (33, 'c33'), (34, 'c34');
UPDATE customers SET deleted_at = now() WHERE id IN (30, 31);
UPDATE customers SET deleted_at = clock_timestamp(), delete_operation = '11111111-1111-1111-1111-111111111111' WHERE id = 32;
PREPARE u(timestamptz) AS UPDATE customers SET deleted_at = $1 WHERE id = 33;
EXECUTE u(NULL);
SELECT id, state(deleted_at), delete_operation FROM customers WHERE id = 33;
EXECUTE u(now());
UPDATE customers SET (deleted_at, name) = (SELECT clock_timestamp(), 'x') WHERE id = 34;
SELECT count(*), count(delete_operation), count(DISTINCT delete_operation) FROM customers WHERE id >= 30;
-- ... but not so that it cannot be brought back
INSERT INTO customers VALUES (40, 'c40') ON CONFLICT (id) DO UPDATE SET deleted_at = now();
INSERT INTO customers VALUES (40, 'c40') ON CONFLICT (id) DO UPDATE SET deleted_at = now();
UPDATE customers SET deleted_at = now(), delete_operation = NULL WHERE id = 40;

-- deleted rows: other columns may change, the mark not
UPDATE customers SET name = 'anonymous' WHERE id = 1;
UPDATE customers SET deleted_at = '1970-01-01' WHERE id = 1;
UPDATE customers SET delete_operation = gen_random_uuid() WHERE id = 1;
UPDATE customers SET deleted_at = NULL WHERE id = 1;
UPDATE customers SET deleted_at = NULL, delete_operation = NULL WHERE id = 1;
INSERT INTO customers VALUES (1, 'again') ON CONFLICT (id) DO UPDATE SET deleted_at = NULL;
-- TRUNCATE, which another rule refuses first, and MERGE
CREATE TABLE fresh (id int, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('fresh');
TRUNCATE fresh;
BEGIN;
SET LOCAL invariant_guard.reason = 'why';
SET LOCAL invariant_guard.allow = 'truncate(shop.customers)';
TRUNCATE customers;
ROLLBACK;
MERGE INTO customers c USING (VALUES (40)) v(id) ON c.id = v.id WHEN MATCHED THEN DELETE;
MERGE INTO customers c USING (VALUES (40)) v(id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET name = 'merged';
MERGE INTO customers c USING (VALUES (1)) v(id) ON c.id = v.id WHEN MATCHED THEN UPDATE SET deleted_at = NULL;

-- what came deleted, without an operation, is brought back by UPDATE
BEGIN;
SET LOCAL invariant_guard.reason = 'import';
SET LOCAL invariant_guard.allow = 'soft-delete-time(shop.customers.deleted_at)';
INSERT INTO customers (id, name, deleted_at) VALUES (70, 'imported', '2001-01-01');
SAVEPOINT a;
UPDATE customers SET delete_operation = gen_random_uuid() WHERE id = 70;
ROLLBACK TO a;
UPDATE customers SET deleted_at = NULL WHERE id = 70 RETURNING id, deleted_at, delete_operation;
ROLLBACK;

-- restoring one operation, and only that
DELETE FROM customers WHERE id = 40;
SELECT invariant_guard.soft_restore('customers', '11111111-1111-1111-1111-111111111111');
SELECT invariant_guard.soft_restore('customers', '11111111-1111-1111-1111-111111111111');
SELECT invariant_guard.soft_restore('customers', delete_operation) FROM customers WHERE id = 30;
SELECT id, name, delete_operation FROM customers WHERE deleted_at IS NULL ORDER BY id;
SELECT invariant_guard.soft_restore('customers', NULL);
SELECT invariant_guard.soft_restore('log', gen_random_uuid());
SELECT invariant_guard.soft_restore(0, gen_random_uuid());

-- purging: what is old enough
SELECT invariant_guard.purge('customers');
SELECT invariant_guard.purge('customers', older_than => '1 day');
BEGIN;
SET LOCAL invariant_guard.reason = 'erasure';
SET LOCAL invariant_guard.allow = 'soft-delete-purge(shop.customers)';
SELECT invariant_guard.purge('customers', 3, older_than => '0');
SELECT count(*) FROM customers;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'import';
SET LOCAL invariant_guard.allow = 'soft-delete-time(shop.customers.deleted_at)';
INSERT INTO customers SELECT i, 'old', now() - interval '91 days', gen_random_uuid() FROM generate_series(50, 54) i;
INSERT INTO customers VALUES (55, 'old', now() - interval '89 days', gen_random_uuid()), (56, 'never', 'infinity', gen_random_uuid());
COMMIT;
SELECT invariant_guard.purge('customers', 2);
SELECT invariant_guard.purge('customers');
SELECT id FROM customers WHERE id >= 50 ORDER BY id;
SELECT invariant_guard.purge('customers', 0);
SELECT invariant_guard.purge('customers', NULL);
SELECT invariant_guard.purge('log');
-- what fires meanwhile is not let pass
CREATE FUNCTION remove_others() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM shop.customers WHERE id = 30; RETURN NULL; END $$;
CREATE TRIGGER remove_others AFTER DELETE ON customers FOR EACH ROW EXECUTE FUNCTION remove_others();
BEGIN;
SET LOCAL invariant_guard.reason = 'import';
SET LOCAL invariant_guard.allow = 'soft-delete-time(shop.customers.deleted_at)';
INSERT INTO customers VALUES (57, 'old', now() - interval '91 days', gen_random_uuid());
COMMIT;
SELECT invariant_guard.purge('customers');
DROP TRIGGER remove_others ON customers;
SELECT id, state(deleted_at) FROM customers WHERE id IN (30, 57) ORDER BY id;
INSERT INTO customers VALUES (58, 'c58');

-- allowances and modes: what is refused passes, what is derived does not change
BEGIN;
SET LOCAL invariant_guard.reason = 'why';
SET LOCAL invariant_guard.allow = 'soft-delete(shop.customers), truncate(shop.customers)';
TRUNCATE customers;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
DELETE FROM customers WHERE id = 58 RETURNING id, state(deleted_at);
UPDATE customers SET deleted_at = NULL, delete_operation = NULL WHERE id = 58;
MERGE INTO customers c USING (VALUES (58)) v(id) ON c.id = v.id WHEN MATCHED THEN DELETE;
SELECT count(*) FROM customers WHERE id = 58;
ROLLBACK;

-- roles: DELETE is what it takes, and all it takes
CREATE ROLE regress_deleter;
CREATE ROLE regress_updater;
GRANT USAGE ON SCHEMA shop TO regress_deleter, regress_updater;
GRANT SELECT (id), DELETE ON customers TO regress_deleter;
GRANT SELECT (id), UPDATE ON customers TO regress_updater;
SET ROLE regress_deleter;
DELETE FROM customers WHERE id = 31 RETURNING id;
UPDATE customers SET deleted_at = now() WHERE id = 32;
SELECT invariant_guard.soft_restore('customers', gen_random_uuid());
SELECT invariant_guard.purge('customers');
SELECT invariant_guard.add_soft_delete('customers');
SELECT invariant_guard.soft_delete_children('customers');
SELECT invariant_guard.live_view('customers');
SELECT invariant_guard.live_unique('customers', '{name}');
SET ROLE regress_updater;
DELETE FROM customers WHERE id = 32;
UPDATE customers SET deleted_at = now() WHERE id = 32;
RESET ROLE;
SELECT id, state(deleted_at), delete_operation IS NOT NULL AS operation FROM customers WHERE id IN (31, 32) ORDER BY id;
-- of which one column is enough
REVOKE UPDATE ON customers FROM regress_updater;
GRANT UPDATE (deleted_at) ON customers TO regress_updater;
INSERT INTO customers VALUES (60, 'c60');
SET ROLE regress_updater;
UPDATE customers SET deleted_at = now() WHERE id = 60;
RESET ROLE;
SELECT count(delete_operation) FROM customers WHERE id = 60;

-- replica role changes nothing
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
RESET invariant_guard.allow;
RESET invariant_guard.reason;
INSERT INTO customers VALUES (61, 'c61');
DELETE FROM customers WHERE id = 61 RETURNING id, state(deleted_at);
UPDATE customers SET deleted_at = NULL WHERE id = 61;
MERGE INTO customers c USING (VALUES (61)) v(id) ON c.id = v.id WHEN MATCHED THEN DELETE;
SET session_replication_role = origin;

-- row security: the policies for DELETE judge it, and one that hides deleted
-- rows is no hindrance
CREATE TABLE tenants (id int PRIMARY KEY, tenant text, deleted_at timestamptz, delete_operation uuid);
SELECT invariant_guard.add_soft_delete('tenants', operation => 'delete_operation');
INSERT INTO tenants VALUES (1, 'regress_deleter'), (2, 'regress_updater'), (3, 'regress_deleter');
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY live ON tenants FOR SELECT USING (deleted_at IS NULL);
CREATE POLICY own ON tenants FOR DELETE USING (tenant = current_user);
GRANT SELECT, DELETE ON tenants TO regress_deleter, regress_updater;
SET ROLE regress_deleter;
\set QUIET off
DELETE FROM tenants WHERE id IN (1, 2);
DELETE FROM tenants RETURNING id;
DELETE FROM tenants;
\set QUIET on
SELECT * FROM tenants;
SELECT invariant_guard.soft_restore('tenants', gen_random_uuid());
RESET ROLE;
SELECT id, tenant, deleted_at IS NULL AS live FROM tenants ORDER BY id;

-- views
CREATE VIEW named AS SELECT id, name FROM customers WHERE deleted_at IS NULL;
CREATE VIEW barred WITH (security_barrier) AS SELECT id, name FROM customers WHERE deleted_at IS NULL WITH CHECK OPTION;
SELECT invariant_guard.live_view('customers');
SELECT invariant_guard.live_view('customers');
SELECT invariant_guard.live_view('customers', 'Live Customers');
SELECT reloptions FROM pg_class WHERE oid = 'customers_live'::regclass;
INSERT INTO customers VALUES (70, 'c70'), (71, 'c71'), (72, 'c72'), (73, 'c73');
GRANT SELECT, DELETE ON named, customers_live TO regress_updater;
SET ROLE regress_updater;
\set QUIET off
DELETE FROM named WHERE id = 70 RETURNING *;
DELETE FROM named WHERE id = 70;
DELETE FROM customers_live WHERE id = 71;
\set QUIET on
RESET ROLE;
DELETE FROM customers_live WHERE id = 71 RETURNING id, state(deleted_at);
DELETE FROM barred WHERE id = 72 RETURNING *;
SELECT id, state(deleted_at) FROM customers WHERE id BETWEEN 70 AND 79 ORDER BY id;
-- one that does it itself
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM shop.customers WHERE id = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER instead INSTEAD OF DELETE ON named FOR EACH ROW EXECUTE FUNCTION instead();
\set QUIET off
DELETE FROM named WHERE id = 73;
\set QUIET on
-- rules
CREATE TABLE requests (id int);
CREATE RULE also AS ON INSERT TO requests DO ALSO DELETE FROM customers WHERE id = NEW.id;
INSERT INTO customers VALUES (74, 'c74');
INSERT INTO requests VALUES (74);
SELECT id, state(deleted_at) FROM customers WHERE id IN (73, 74) ORDER BY id;

-- unique among live rows
SET invariant_guard.mode = off;
SELECT invariant_guard.live_unique('customers', '{name}');
RESET invariant_guard.mode;
SELECT pg_get_indexdef('customers_name_live_key'::regclass);
INSERT INTO customers VALUES (79, 'c32');
DELETE FROM customers WHERE id IN (30, 79);
INSERT INTO customers VALUES (81, 'c30');
INSERT INTO customers VALUES (82, 'c30');
SELECT invariant_guard.soft_restore('customers', delete_operation) FROM customers WHERE id = 30;
SELECT invariant_guard.live_unique('customers', '{name}');
SELECT invariant_guard.live_unique('customers', '{nome}', 'other');
SELECT invariant_guard.live_unique('customers', '{}');
SELECT invariant_guard.live_unique('log', '{id}');

-- timestamps without time zone, generated columns, no operation, frozen
CREATE TABLE docs (id int PRIMARY KEY, body text, deleted_at timestamp(0),
	live boolean GENERATED ALWAYS AS (deleted_at IS NULL) STORED);
SELECT invariant_guard.add_soft_delete('docs', deleted_rows => 'frozen');
INSERT INTO docs VALUES (1, 'a'), (2, 'b');
EXPLAIN (COSTS off) DELETE FROM docs WHERE id = 1;
EXPLAIN (COSTS off) UPDATE docs SET deleted_at = now() WHERE id = 1;
DELETE FROM docs WHERE id = 1 RETURNING id, live, deleted_at = localtimestamp(0) AS now;
UPDATE docs SET body = 'c';
UPDATE docs SET body = 'c' WHERE live;
SELECT invariant_guard.soft_restore('docs', gen_random_uuid());
UPDATE docs SET deleted_at = NULL WHERE id = 1 RETURNING *;
SELECT invariant_guard.purge('docs');
DELETE FROM docs WHERE id = 1;
SELECT invariant_guard.purge('docs', older_than => '-1 day');
SELECT * FROM docs;

-- triggers: those for UPDATE fire
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE INFO '% % % of %', TG_WHEN, TG_LEVEL, TG_OP, TG_TABLE_NAME; RETURN COALESCE(NEW, OLD); END $$;
CREATE TRIGGER tell_row BEFORE UPDATE OF deleted_at OR DELETE ON docs FOR EACH ROW EXECUTE FUNCTION tell();
CREATE TRIGGER tell_statement AFTER UPDATE OR DELETE ON docs FOR EACH STATEMENT EXECUTE FUNCTION tell();
DELETE FROM docs;

-- one that changes what is set is judged
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.name = 'no operation' THEN NEW.delete_operation = NULL; END IF;
	IF NEW.name = 'stays' THEN NEW.deleted_at = NULL; END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION meddle();
INSERT INTO customers VALUES (90, 'no operation'), (91, 'stays');
DELETE FROM customers WHERE id = 90;
DELETE FROM customers WHERE id = 91 RETURNING id, state(deleted_at);
-- a column is renamed, and the rule follows; dropped it cannot be
SET invariant_guard.mode = off;
ALTER TABLE docs RENAME COLUMN deleted_at TO "Gone At";
RESET invariant_guard.mode;
INSERT INTO docs VALUES (3, 'c');
DELETE FROM docs RETURNING id, live;
SET invariant_guard.mode = off;
ALTER TABLE docs DROP COLUMN "Gone At";
RESET invariant_guard.mode;
-- a trigger that is disabled declares nothing
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE docs DISABLE TRIGGER USER;
DELETE FROM docs;
SELECT count(*) FROM docs;
ROLLBACK;

-- written by hand
SET invariant_guard.reason = 'test';
SET invariant_guard.allow = 'guard-self(shop.notes)';
CREATE TABLE notes (id int, at timestamptz);
CREATE TRIGGER soft_delete BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('at');
INSERT INTO notes VALUES (1), (2);
DELETE FROM notes WHERE id = 1 RETURNING id, state(at);
MERGE INTO notes n USING (VALUES (1)) v(id) ON n.id = v.id WHEN MATCHED THEN DELETE;
CREATE TRIGGER wrong BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('at');
CREATE TRIGGER wrong BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('id');
CREATE TRIGGER wrong BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('at', 'child=restrict');
CREATE TRIGGER wrong BEFORE UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('at', 'children=no');
CREATE TRIGGER wrong BEFORE DELETE ON notes FOR EACH ROW EXECUTE FUNCTION invariant_guard.soft_delete('at', 'keep_at_least=long');
RESET invariant_guard.allow;
RESET invariant_guard.reason;
SELECT invariant_guard.soft_delete();

CREATE TABLE notes2 (id int, deleted_at timestamptz);
CREATE TRIGGER zz_ig_soft_delete_delete BEFORE DELETE ON notes2 FOR EACH ROW
	WHEN (invariant_guard.uses(OLD.deleted_at)) EXECUTE FUNCTION invariant_guard.soft_delete();
CREATE TRIGGER zz_ig_soft_delete_change AFTER UPDATE ON notes2 FOR EACH ROW
	WHEN (OLD.deleted_at IS NOT NULL AND invariant_guard.changed(OLD.deleted_at, NEW.deleted_at)) EXECUTE FUNCTION invariant_guard.soft_delete();
CREATE TRIGGER zz_ig_soft_delete_truncate BEFORE TRUNCATE ON notes2 EXECUTE FUNCTION invariant_guard.soft_delete();
INSERT INTO notes2 VALUES (1), (2);
DELETE FROM notes2 WHERE id = 1 RETURNING id, state(deleted_at);
UPDATE notes2 SET deleted_at = deleted_at - interval '1 day';
UPDATE notes2 SET deleted_at = NULL;
-- names
CREATE TABLE "Odd ""Table"" with a name of 63 bytes, as long as a name can be."
	("an id" int, "the ""time"" with a name of 63 bytes, as long as a name can be..." timestamptz, "an operation" uuid);
SELECT invariant_guard.add_soft_delete('"Odd ""Table"" with a name of 63 bytes, as long as a name can be."',
	'the "time" with a name of 63 bytes, as long as a name can be...', operation => 'an operation');
INSERT INTO "Odd ""Table"" with a name of 63 bytes, as long as a name can be." VALUES (1);
DELETE FROM "Odd ""Table"" with a name of 63 bytes, as long as a name can be." RETURNING "an id";
SELECT invariant_guard.live_view('"Odd ""Table"" with a name of 63 bytes, as long as a name can be."');
BEGIN;
SET LOCAL invariant_guard.mode = off;
SELECT invariant_guard.live_unique('"Odd ""Table"" with a name of 63 bytes, as long as a name can be."', '{an id}');
COMMIT;
SELECT invariant_guard.soft_restore('"Odd ""Table"" with a name of 63 bytes, as long as a name can be."', "an operation") FROM "Odd ""Table"" with a name of 63 bytes, as long as a name can be.";
SELECT invariant_guard.purge('"Odd ""Table"" with a name of 63 bytes, as long as a name can be."');

-- bad declarations
CREATE TABLE bad (id int, d date, t timestamptz NOT NULL, f timestamptz DEFAULT now(), g timestamptz, u text, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete(NULL);
SELECT invariant_guard.add_soft_delete(0);
SELECT invariant_guard.add_soft_delete('named');
SELECT invariant_guard.add_soft_delete('pg_class');
CREATE TEMP TABLE passing (deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('passing');
DROP TABLE passing;
SELECT invariant_guard.add_soft_delete('bad', NULL);
SELECT invariant_guard.add_soft_delete('bad', 'delete_at');
SELECT invariant_guard.add_soft_delete('bad', 'd');
SELECT invariant_guard.add_soft_delete('bad', 't');
SELECT invariant_guard.add_soft_delete('bad', 'f');
SELECT invariant_guard.add_soft_delete('bad', 'g', 'cascade');
SELECT invariant_guard.add_soft_delete('bad', 'g', NULL);
SELECT invariant_guard.add_soft_delete('bad', 'g', 'soft_cascade');
SELECT invariant_guard.add_soft_delete('bad', 'g', operation => 'u');
SELECT invariant_guard.add_soft_delete('bad', 'g', operation => 'none');
SELECT invariant_guard.add_soft_delete('bad', 'g', keep_at_least => '-1 day');
SELECT invariant_guard.add_soft_delete('bad', 'g', keep_at_least => '0');
SELECT invariant_guard.add_soft_delete('bad', 'g', deleted_rows => 'closed');
SELECT invariant_guard.soft_delete_children('bad');
SELECT invariant_guard.live_view('bad');
SELECT invariant_guard.purge(NULL);
SELECT tgname FROM pg_trigger WHERE tgrelid = 'bad'::regclass;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA shop CASCADE;
DROP ROLE regress_deleter, regress_updater;
