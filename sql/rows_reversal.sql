--
-- append_only with reversals: a row that cancels another one, once.
--
CREATE SCHEMA books;
SET search_path = books, public;
SET client_min_messages = warning;
CREATE ROLE regress_ig_keeper;
CREATE ROLE regress_ig_clerk;
RESET client_min_messages;
GRANT ALL ON SCHEMA books TO regress_ig_keeper;
GRANT USAGE ON SCHEMA books TO regress_ig_clerk;

-- ---- what is declared
BEGIN;
CREATE TABLE ledger (gone int, id bigint PRIMARY KEY, account int NOT NULL, currency text NOT NULL,
	cents bigint, fee numeric, reverses bigint, wrong real, short int);
ALTER TABLE ledger DROP COLUMN gone;
SELECT invariant_guard.add_append_only('ledger', reversal_of => 'reverses', amounts => '{cents,fee}', same => '{account,currency}');
COMMIT;
SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'ledger'::regclass ORDER BY tgname;
SELECT indexdef FROM pg_indexes WHERE tablename = 'ledger' ORDER BY 1;
SELECT invariant_guard.add_append_only('ledger', 'reverses', '{cents,fee}', '{account,currency}');
SELECT invariant_guard.add_append_only('ledger');
SELECT invariant_guard.add_append_only('ledger', 'reverses', '{cents}');

-- ---- what is not
CREATE TABLE t (id bigint PRIMARY KEY, other int, of bigint, must bigint NOT NULL, amount int, wrong real);
SELECT invariant_guard.add_append_only('t', 'of');
SELECT invariant_guard.add_append_only('t', NULL, '{amount}');
SELECT invariant_guard.add_append_only('t', 'off', '{amount}');
SELECT invariant_guard.add_append_only('t', 'other', '{amount}');
SELECT invariant_guard.add_append_only('t', 'must', '{amount}');
SELECT invariant_guard.add_append_only('t', 'of', '{wrong}');
SELECT invariant_guard.add_append_only('t', 'of', '{amount,NULL}');
SELECT invariant_guard.add_append_only('t', 'of', '{amount,amount}');
SELECT invariant_guard.add_append_only('t', 'of', '{amount}', '{amount}');
SELECT invariant_guard.add_append_only('t', 'of', '{amount}', '{nothing}');
SELECT invariant_guard.add_append_only('t', 'of', '{amount}', key => 'of');
CREATE TABLE no_key (id bigint, of bigint, amount int);
SELECT invariant_guard.add_append_only('no_key', 'of', '{amount}');
-- the gate has its say about an index of a table that others use
SELECT invariant_guard.add_append_only('t', 'of', '{amount}');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass;
CREATE INDEX CONCURRENTLY ON t (of) WHERE of IS NOT NULL;
-- rows that break it
INSERT INTO t (id, of, must, amount) VALUES (1, NULL, 0, 5), (2, 1, 0, -5), (3, 1, 0, -5), (4, 2, 0, 5), (5, 77, 0, 0),
	(6, NULL, 0, 9), (7, 6, 0, 9);
SELECT invariant_guard.add_append_only('t', 'of', '{amount}');
DELETE FROM t WHERE id IN (3, 4, 5, 7);
SELECT invariant_guard.add_append_only('t', 'of', '{amount}');

-- ---- what passes and what does not
INSERT INTO ledger (id, account, currency, cents, fee) VALUES (1, 7, 'EUR', 100, 1.50), (2, 7, 'EUR', -30, NULL);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (11, 7, 'EUR', -100, -1.5, 1);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', -100, -1.5, 1);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', 100, 1.5, 11);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', 0, 0, 12);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', 30, NULL, 99);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', -30, NULL, 2);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', 30, 0, 2);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', NULL, NULL, 2);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 8, 'EUR', 30, NULL, 2);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'USD', 30, NULL, 2);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (12, 7, 'EUR', 30, NULL, 2);
-- the smallest number has no opposite, and NaN none either
INSERT INTO ledger (id, account, currency, cents, fee) VALUES (3, 7, 'EUR', -9223372036854775808, 'NaN');
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (13, 7, 'EUR', 9223372036854775807, 'NaN', 3);
INSERT INTO ledger (id, account, currency, cents, fee) VALUES (4, 7, 'EUR', 0, 'NaN');
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (14, 7, 'EUR', 0, 'NaN', 4);
-- one statement: a row and its reversal in any order; but not two
INSERT INTO ledger (id, account, currency, cents, reverses) VALUES (15, 7, 'EUR', -5, 5), (5, 7, 'EUR', 5, NULL);
INSERT INTO ledger (id, account, currency, cents, reverses) VALUES (6, 7, 'EUR', 5, NULL), (16, 7, 'EUR', -5, 6), (17, 7, 'EUR', -5, 6);
COPY ledger (id, account, currency, cents, reverses) FROM stdin;
6	7	EUR	5	\N
16	7	EUR	-5	6
\.
COPY ledger (id, account, currency, cents, reverses) FROM stdin;
17	7	EUR	-5	6
\.
MERGE INTO ledger USING (VALUES (17)) v(id) ON ledger.id = v.id
	WHEN NOT MATCHED THEN INSERT (id, account, currency, cents, reverses) VALUES (v.id, 7, 'EUR', -5, 6);
INSERT INTO ledger (id, account, currency, cents, reverses) VALUES (16, 7, 'EUR', -5, 6) ON CONFLICT DO NOTHING;
-- a trigger that fires last changes the amount: it is the final row that counts
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.cents = 1; RETURN NEW; END';
CREATE TRIGGER zzzz BEFORE INSERT ON ledger FOR EACH ROW WHEN (NEW.id > 1000) EXECUTE FUNCTION change();
INSERT INTO ledger (id, account, currency, cents, fee) VALUES (7, 7, 'EUR', 9, 0);
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (1001, 7, 'EUR', -9, 0, 7);
-- modes, and an allowance
BEGIN;
SET LOCAL invariant_guard.mode = warn;
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (18, 7, 'EUR', -8, 0, 7);
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'why';
SET LOCAL invariant_guard.allow = 'append-only-reversal(ledger)';
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (18, 7, 'EUR', -8, 0, 7), (19, 7, 'EUR', -8, 0, 77);
ROLLBACK;
-- the replica role
SET invariant_guard.reason = 'test';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
INSERT INTO ledger (id, account, currency, cents, fee, reverses) VALUES (18, 7, 'EUR', -8, 0, 7);
RESET session_replication_role;
RESET invariant_guard.allow;

-- ---- a plain role that may only insert, an owner that gave up its rights, row security
CREATE TABLE mine (id int PRIMARY KEY, of int, amount int, tenant text DEFAULT current_user);
ALTER TABLE mine OWNER TO regress_ig_keeper;
CREATE INDEX CONCURRENTLY ON mine (of);
SET ROLE regress_ig_keeper;
SELECT invariant_guard.add_append_only('mine', 'of', '{amount}');
GRANT INSERT ON mine TO regress_ig_clerk;
REVOKE UPDATE, DELETE, TRUNCATE ON mine FROM regress_ig_keeper;
ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
ALTER TABLE mine FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON mine USING (tenant = current_user);
INSERT INTO mine VALUES (1, NULL, 5), (2, NULL, 6);
SET ROLE regress_ig_clerk;
INSERT INTO mine VALUES (3, 1, -4);
INSERT INTO mine VALUES (3, 1, -5);
INSERT INTO mine VALUES (4, 1, -5);
RESET ROLE;

-- ---- names are followed; what is used cannot be dropped
ALTER TABLE ledger ALTER account SET DEFAULT 7, ALTER currency SET DEFAULT 'EUR';
INSERT INTO ledger (id, cents) VALUES (31, 5), (32, 6);
SET invariant_guard.allow = 'rename-column(ledger.reverses), rename-column(ledger.cents), rename-table(ledger), rename-table(journal), row-rule(ledger)';
ALTER TABLE ledger RENAME reverses TO "Storno von";
ALTER TABLE ledger RENAME cents TO "id";
ALTER TABLE ledger RENAME cents TO "Cent's";
ALTER TABLE ledger RENAME TO journal;
RESET invariant_guard.allow;
INSERT INTO journal (id, "Cent's", "Storno von") VALUES (41, -5, 31);
INSERT INTO journal (id, "Cent's", "Storno von") VALUES (42, -7, 32);
SET invariant_guard.allow = 'drop-column(journal."Storno von")';
ALTER TABLE journal DROP "Storno von";
RESET invariant_guard.allow;

-- ---- partitions: by month, with a key that is not the whole primary key
CREATE TABLE moves (id int, at date, reverses int, amount numeric(12, 2), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE moves_1 PARTITION OF moves FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE moves_2 (reverses int, amount numeric(12, 2), at date NOT NULL, id int NOT NULL);
SELECT invariant_guard.add_append_only('moves', 'reverses', '{amount}');
BEGIN;
CREATE TABLE shop_moves (LIKE moves INCLUDING ALL) PARTITION BY RANGE (at);
SELECT invariant_guard.add_append_only('shop_moves', 'reverses', '{amount}', key => 'id');
CREATE TABLE shop_1 PARTITION OF shop_moves FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE shop_2 (reverses int, gone int, amount numeric(12, 2), at date NOT NULL, id int NOT NULL);
ALTER TABLE shop_2 DROP gone;
ALTER TABLE shop_moves ATTACH PARTITION shop_2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
COMMIT;
INSERT INTO shop_moves (id, at, amount) VALUES (1, '2024-01-15', 9.99), (2, '2024-01-15', 1), (2, '2024-01-16', 1);
INSERT INTO shop_moves (id, at, amount, reverses) VALUES (11, '2024-02-15', -9.98, 1);
INSERT INTO shop_2 (id, at, amount, reverses) VALUES (11, '2024-02-15', -9.99, 1);
INSERT INTO shop_1 (id, at, amount, reverses) VALUES (12, '2024-01-15', -9.99, 1);
INSERT INTO shop_moves (id, at, amount, reverses) VALUES (12, '2024-02-15', -1, 2);

-- ---- inheritance: one key for all of it
BEGIN;
CREATE TABLE base (id int PRIMARY KEY, of int, amount int);
SELECT invariant_guard.add_append_only('base', 'of', '{amount}');
CREATE TABLE child (more text) INHERITS (base);
COMMIT;
INSERT INTO base VALUES (1, NULL, 5);
INSERT INTO child VALUES (2, NULL, 6);
INSERT INTO child VALUES (3, 1, -5);
INSERT INTO base VALUES (4, 2, -6);
INSERT INTO base VALUES (5, 1, -5);
INSERT INTO child VALUES (5, 2, -6);

-- ---- keys of other types
BEGIN;
CREATE DOMAIN number_text AS text COLLATE "C" CHECK (value <> '');
CREATE TABLE texts (id number_text PRIMARY KEY, of number_text, amount int);
SELECT invariant_guard.add_append_only('texts', 'of', '{amount}');
CREATE TABLE uuids (id uuid PRIMARY KEY, of uuid, amount smallint);
SELECT invariant_guard.add_append_only('uuids', 'of', '{amount}');
COMMIT;
INSERT INTO texts VALUES ('a', NULL, 1), ('b', 'a', -1);
INSERT INTO texts VALUES ('c', 'A', -1);
INSERT INTO uuids VALUES ('00000000-0000-0000-0000-000000000001', NULL, 1), ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', -1);
INSERT INTO uuids VALUES ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', -1);

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP ROLE regress_ig_clerk, regress_ig_keeper;
