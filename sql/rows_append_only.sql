--
-- append_only
--
CREATE SCHEMA shop;
SET search_path = shop;
CREATE TABLE ledger (id int PRIMARY KEY, cents bigint);
SELECT invariant_guard.add_append_only('ledger');
SELECT invariant_guard.add_append_only('ledger');
INSERT INTO ledger VALUES (1, 100);
UPDATE ledger SET cents = 1;
DELETE FROM ledger;
TRUNCATE ledger;
SET session_replication_role = replica;
BEGIN;
SET LOCAL invariant_guard.reason = 'why';
SET LOCAL invariant_guard.allow = 'append-only(ledger)';
UPDATE ledger SET cents = 1;
UPDATE ledger SET cents = 2;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE ledger SET cents = 1;
ROLLBACK;
DROP TRIGGER zz_ig_append_only_change ON ledger;
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
SELECT invariant_guard.add_append_only('part');
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3) PARTITION BY LIST (id);
CREATE TABLE part_3a PARTITION OF part_3 FOR VALUES IN (3);
INSERT INTO part VALUES (1,1),(2,2),(3,3);
TRUNCATE part_2;
TRUNCATE part_3a;
TRUNCATE part_3;
DELETE FROM part_3a;
UPDATE part_1 SET k = 2;
SELECT invariant_guard.keep_rules('part_2');
CREATE TABLE kid () INHERITS (ledger);
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1::text,2;
