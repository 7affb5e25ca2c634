--
-- soft_delete: how long deleted rows are kept, which of them purge() leaves, and
-- rows that come before those that they refer to
--
SET client_min_messages = warning;
CREATE SCHEMA kept;
SET search_path = kept;
RESET client_min_messages;

-- who may set the time may not set one long ago: purge() would take the row
CREATE TABLE orders (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
SELECT invariant_guard.add_soft_delete('orders', operation => 'op', keep_at_least => '90 days');
INSERT INTO orders VALUES (1), (2), (3), (4);
UPDATE orders SET deleted_at = '2001-01-01' WHERE id = 1;
UPDATE orders SET deleted_at = '-infinity', op = gen_random_uuid() WHERE id = 1;
INSERT INTO orders VALUES (5, '2001-01-01', gen_random_uuid());
INSERT INTO orders VALUES (1) ON CONFLICT (id) DO UPDATE SET deleted_at = '2001-01-01', op = gen_random_uuid();
MERGE INTO orders o USING (VALUES (1)) v(id) ON o.id = v.id
	WHEN MATCHED THEN UPDATE SET deleted_at = '2001-01-01', op = gen_random_uuid();
COPY orders (id, deleted_at) FROM STDIN;
5	2001-01-01
\.
-- in two steps neither
UPDATE orders SET deleted_at = now() WHERE id = 2;
UPDATE orders SET deleted_at = '2001-01-01' WHERE id = 2;
-- clocks differ, and a transaction takes its time
UPDATE orders SET deleted_at = now() - interval '23 hours' WHERE id = 3;
UPDATE orders SET deleted_at = clock_timestamp() + interval '23 hours' WHERE id = 4;
INSERT INTO orders VALUES (5, now() - interval '23 hours', gen_random_uuid());
-- so rows are kept for that long more
BEGIN;
SET LOCAL invariant_guard.reason = 'import';
SET LOCAL invariant_guard.allow = 'soft-delete-time(kept.orders.deleted_at)';
INSERT INTO orders VALUES (6, now() - interval '90 days', gen_random_uuid()), (7, now() - interval '91 days', gen_random_uuid());
UPDATE orders SET deleted_at = now() - interval '92 days' WHERE id = 1;
COMMIT;
SELECT invariant_guard.purge('orders', older_than => '90 days');
SELECT invariant_guard.purge('orders', older_than => '89 days');
SELECT invariant_guard.purge('orders');
SELECT id FROM orders ORDER BY id;
BEGIN;
SET LOCAL invariant_guard.reason = 'erasure';
SET LOCAL invariant_guard.allow = 'soft-delete-purge(kept.orders)';
SELECT invariant_guard.purge('orders', older_than => '1 hour');
SELECT id FROM orders ORDER BY id;
ROLLBACK;

-- what was made where nobody looked
SET invariant_guard.mode = off;
DROP TRIGGER zz_ig_soft_delete_insert ON orders;
RESET invariant_guard.mode;
SELECT severity, rule, weakness, mend FROM invariant_guard.verify_rules('orders') WHERE severity = 'error';

-- where nothing says how long, any time is good
CREATE TABLE notes (id int PRIMARY KEY, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('notes');
INSERT INTO notes VALUES (1, NULL), (2, '2001-01-01');
UPDATE notes SET deleted_at = '2001-01-01' WHERE id = 1;
SELECT invariant_guard.purge('notes');

-- partitions: a row that was deleted long ago may move, and one that is deleted
-- while it moves is looked at; without a time zone
CREATE TABLE docs (id int, region text, deleted_at timestamp) PARTITION BY LIST (region);
CREATE TABLE docs_a PARTITION OF docs FOR VALUES IN ('a');
CREATE TABLE docs_b PARTITION OF docs FOR VALUES IN ('b');
SELECT invariant_guard.add_soft_delete('docs', keep_at_least => '1 year');
BEGIN;
SET LOCAL invariant_guard.reason = 'import';
SET LOCAL invariant_guard.allow = 'soft-delete-time(kept.docs.deleted_at)';
INSERT INTO docs VALUES (1, 'a', now() - interval '300 days');
COMMIT;
INSERT INTO docs VALUES (2, 'a'), (3, 'a');
UPDATE docs SET region = 'b' WHERE id = 1;
UPDATE docs SET region = 'b', deleted_at = '2001-01-01' WHERE id = 2;
UPDATE docs SET region = 'b', deleted_at = localtimestamp WHERE id = 3;
INSERT INTO docs_b VALUES (4, 'b', '2001-01-01');
INSERT INTO docs VALUES (4, 'b', '2001-01-01');
SELECT tableoid::regclass, id, deleted_at IS NULL AS live FROM docs ORDER BY id;

-- a time that comes from above by a cascade is looked at where rows are kept
CREATE TABLE customers (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
CREATE TABLE bills (id int PRIMARY KEY, customer int REFERENCES customers, deleted_at timestamptz, op uuid);
SELECT invariant_guard.add_soft_delete('bills', operation => 'op', keep_at_least => '10 years'),
	invariant_guard.add_soft_delete('customers', operation => 'op', children => 'soft_cascade');
INSERT INTO customers VALUES (1);
INSERT INTO bills VALUES (1, 1);
UPDATE customers SET deleted_at = '2001-01-01' WHERE id = 1;
DELETE FROM customers WHERE id = 1;
SELECT count(*) FROM bills WHERE deleted_at = now() OR deleted_at > now() - interval '1 hour';

-- ---- purge() leaves what is frozen, and takes the rest
CREATE TABLE invoices (id int PRIMARY KEY, paid bool, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('invoices'), invariant_guard.add_frozen_rows('invoices', 'paid', '{deleted_at}');
INSERT INTO invoices VALUES (1, true), (2, false), (3, NULL), (4, true), (5, false);
DELETE FROM invoices WHERE id < 5;
SELECT invariant_guard.purge('invoices', 1) + invariant_guard.purge('invoices', 1);
SELECT invariant_guard.purge('invoices');
SELECT id FROM invoices ORDER BY id;
BEGIN;
SET LOCAL invariant_guard.reason = 'erasure';
SET LOCAL invariant_guard.allow = 'frozen-rows(kept.invoices)';
SELECT invariant_guard.purge('invoices');
SELECT id FROM invoices ORDER BY id;
ROLLBACK;
-- of partitions, one of which has the rule
CREATE TABLE parts (id int, k int, paid bool, deleted_at timestamptz) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
SELECT invariant_guard.add_soft_delete('parts'), invariant_guard.add_frozen_rows('parts_2', 'paid', '{deleted_at}');
INSERT INTO parts VALUES (1, 1, true), (2, 2, true), (3, 2, false);
DELETE FROM parts;
SELECT invariant_guard.purge('parts');
SELECT id FROM parts ORDER BY id;
SELECT invariant_guard.purge('parts_2');
-- and all of them
CREATE TABLE whole (id int, k int, paid bool, deleted_at timestamptz) PARTITION BY LIST (k);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES IN (1);
SELECT invariant_guard.add_soft_delete('whole'), invariant_guard.add_frozen_rows('whole', 'paid', '{deleted_at}');
INSERT INTO whole VALUES (1, 1, true), (2, 1, false);
DELETE FROM whole;
SELECT invariant_guard.purge('whole');
SELECT id FROM whole;
-- by a condition on the row as a whole
CREATE TABLE receipts (id int, paid bool, deleted_at timestamptz);
CREATE FUNCTION is_paid(receipts) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1.paid';
SELECT invariant_guard.add_soft_delete('receipts');
CREATE TRIGGER frozen BEFORE DELETE ON receipts FOR EACH ROW
	WHEN (is_paid(OLD) AND invariant_guard.uses(OLD.paid)) EXECUTE FUNCTION invariant_guard.frozen_rows();
INSERT INTO receipts VALUES (1, true), (2, false);
DELETE FROM receipts;
SELECT invariant_guard.purge('receipts');
SELECT id FROM receipts;
-- children, with columns of their own
CREATE TABLE base (id int, deleted_at timestamptz);
CREATE TABLE derived (paid bool) INHERITS (base);
SELECT invariant_guard.add_soft_delete('base'), invariant_guard.add_frozen_rows('derived', 'paid', '{deleted_at}');
INSERT INTO base VALUES (1);
INSERT INTO derived VALUES (2, NULL, false), (3, NULL, true);
DELETE FROM base;
SELECT invariant_guard.purge('derived');
SELECT invariant_guard.purge('base');

-- ---- a deferred foreign key: a row that comes before the one it refers to
CREATE TABLE parent (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent DEFERRABLE INITIALLY DEFERRED, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('parent'), invariant_guard.add_soft_delete('child');
BEGIN;
INSERT INTO child VALUES (1, 1);
INSERT INTO parent VALUES (1, now());
COMMIT;
BEGIN;
INSERT INTO child VALUES (1, NULL);
UPDATE child SET parent = 1;
INSERT INTO parent VALUES (1, now());
PREPARE TRANSACTION 'early';
SELECT count(*) FROM child;
-- what counts is how it stands when the transaction commits
BEGIN;
INSERT INTO child VALUES (1, 1), (2, 2), (3, 3), (4, 4);
INSERT INTO parent VALUES (1, now()), (2, now()), (3, now()), (4, NULL);
UPDATE parent SET deleted_at = NULL WHERE id = 1;
DELETE FROM child WHERE id = 2;
SAVEPOINT a;
INSERT INTO child VALUES (5, 5);
ROLLBACK TO a;
UPDATE child SET parent = 4 WHERE id = 3;
INSERT INTO parent VALUES (5, now());
COMMIT;
SELECT id, parent, deleted_at IS NULL AS live FROM child ORDER BY id;
-- many of them
BEGIN;
INSERT INTO child SELECT i, i FROM generate_series(10, 10020) i;
INSERT INTO parent SELECT i, CASE WHEN i = 20 THEN now() END FROM generate_series(10, 10020) i;
COMMIT;
-- owners who cannot read each other's table
CREATE ROLE regress_parent_owner;
CREATE ROLE regress_child_owner;
CREATE TABLE theirs (id bigint PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE others (id int PRIMARY KEY, parent int REFERENCES theirs DEFERRABLE INITIALLY DEFERRED);
SELECT invariant_guard.add_soft_delete('theirs');
SET invariant_guard.mode = off;
GRANT USAGE ON SCHEMA kept TO regress_parent_owner, regress_child_owner;
ALTER TABLE theirs OWNER TO regress_parent_owner;
ALTER TABLE others OWNER TO regress_child_owner;
SET invariant_guard.mode = enforce;
BEGIN;
INSERT INTO others VALUES (1, 1), (2, 2);
INSERT INTO theirs VALUES (1, NULL), (2, now());
DELETE FROM others WHERE id = 2;
COMMIT;
BEGIN;
INSERT INTO others VALUES (3, 3);
INSERT INTO theirs VALUES (3, now());
COMMIT;
BEGIN;
INSERT INTO others SELECT i, i FROM generate_series(10, 10020) i;
INSERT INTO theirs SELECT i, CASE WHEN i = 10020 THEN now() END FROM generate_series(10, 10020) i;
COMMIT;
SELECT id, parent FROM others;
-- an allowance, and the table goes
BEGIN;
SET LOCAL invariant_guard.reason = 'why';
SET LOCAL invariant_guard.allow = 'soft-delete-parent(kept.child.parent)';
INSERT INTO child VALUES (6, 6);
INSERT INTO parent VALUES (6, now());
COMMIT;
SELECT count(*) FROM child WHERE id = 6;
BEGIN;
INSERT INTO child VALUES (7, 7);
INSERT INTO parent VALUES (7, now());
SET CONSTRAINTS ALL IMMEDIATE;
SET LOCAL invariant_guard.mode = off;
DROP TABLE child;
SET LOCAL invariant_guard.mode = enforce;
COMMIT;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA kept CASCADE;
DROP ROLE regress_parent_owner, regress_child_owner;
