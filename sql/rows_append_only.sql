--
-- append_only: rows are added, and never changed or removed.
--
CREATE SCHEMA books;
SET search_path = books, public;
SET client_min_messages = warning;
CREATE ROLE regress_ig_clerk;
CREATE ROLE regress_ig_keeper;
RESET client_min_messages;
GRANT USAGE ON SCHEMA books TO regress_ig_clerk;
GRANT ALL ON SCHEMA books TO regress_ig_keeper;

-- what a statement does to a table: its SQLSTATE and rule, or its tag
CREATE FUNCTION attempt(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rule text;
	n bigint;
BEGIN
	EXECUTE sql;
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN 'passes: ' || n;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
	RETURN SQLSTATE || ' ' || rule;
END $$;

-- ---- one table
BEGIN;
CREATE TABLE ledger (gone int, id int PRIMARY KEY, cents bigint, note text);
ALTER TABLE ledger DROP COLUMN gone;
COMMIT;
INSERT INTO ledger VALUES (1, 100), (2, 200);
SELECT invariant_guard.add_append_only('ledger');
SELECT invariant_guard.add_append_only('ledger');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'ledger'::regclass ORDER BY 1;
INSERT INTO ledger VALUES (3, 300);
COPY ledger FROM stdin;
4	400	\N
\.
INSERT INTO ledger VALUES (5, 500) ON CONFLICT DO NOTHING;
INSERT INTO ledger VALUES (5, 500) ON CONFLICT (id) DO UPDATE SET cents = 1;
INSERT INTO ledger VALUES (5, 500) ON CONFLICT DO NOTHING;
UPDATE ledger SET cents = 1;
UPDATE ledger SET cents = cents WHERE id = 1;
UPDATE ledger SET cents = 1 WHERE id = 99;
DELETE FROM ledger;
DELETE FROM ledger WHERE id = 99;
SET invariant_guard.reason = 'test';
SET invariant_guard.allow = 'truncate(ledger)';
TRUNCATE ledger;
RESET invariant_guard.allow;
MERGE INTO ledger l USING (VALUES (1), (6)) v(id) ON l.id = v.id
	WHEN MATCHED THEN UPDATE SET cents = 1;
MERGE INTO ledger l USING (VALUES (1), (6)) v(id) ON l.id = v.id
	WHEN MATCHED THEN DELETE;
MERGE INTO ledger l USING (VALUES (1), (6)) v(id) ON l.id = v.id
	WHEN NOT MATCHED THEN INSERT VALUES (v.id, 600);
WITH d AS (DELETE FROM ledger WHERE id = 1 RETURNING *) INSERT INTO ledger SELECT 7, cents FROM d;
SELECT count(*), sum(cents), count(note) FROM ledger;

-- an allowance is for the statement's table, and the modes are those of the gate
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(ledger)';
UPDATE ledger SET note = 'allowed';
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
UPDATE ledger SET note = 'warned' WHERE id < 3;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = observe;
DELETE FROM ledger WHERE id = 1;
ROLLBACK;

-- other triggers: none of them takes the guard's place
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION other() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.cents = 0; RETURN NEW; END';
CREATE TRIGGER a_skips BEFORE DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION skip();
CREATE TRIGGER zzz_other BEFORE UPDATE ON ledger FOR EACH ROW EXECUTE FUNCTION other();
DELETE FROM ledger;
SELECT attempt('UPDATE ledger SET note = NULL');
SELECT count(*), sum(cents), count(note) FROM ledger;
DROP TRIGGER a_skips ON ledger;
DROP TRIGGER zzz_other ON ledger;

-- roles, and the replica role
GRANT ALL ON ledger TO regress_ig_clerk;
SET ROLE regress_ig_clerk;
SELECT attempt('INSERT INTO ledger VALUES (10, 1)'), attempt('UPDATE ledger SET cents = 1'),
	attempt('DELETE FROM ledger'), attempt('TRUNCATE ledger');
RESET ROLE;
SET invariant_guard.allow = 'guard-self(session_replication_role), truncate(ledger)';
SET session_replication_role = replica;
SELECT attempt('INSERT INTO ledger VALUES (11, 1)'), attempt('UPDATE ledger SET cents = 1'),
	attempt('DELETE FROM ledger'), attempt('TRUNCATE ledger'),
	attempt('INSERT INTO ledger VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET cents = 1');
RESET session_replication_role;
RESET invariant_guard.allow;

-- ---- foreign keys into it
CREATE TABLE accounts (id int PRIMARY KEY);
INSERT INTO accounts VALUES (1), (2), (3);
CREATE TABLE l_delete (id int PRIMARY KEY, account int REFERENCES accounts ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE l_null (id int PRIMARY KEY, account int REFERENCES accounts ON DELETE SET NULL);
INSERT INTO l_delete VALUES (1, 1);
INSERT INTO l_null VALUES (1, 2);
SELECT invariant_guard.add_append_only('l_delete'), invariant_guard.add_append_only('l_null');
DELETE FROM accounts WHERE id = 1;
UPDATE accounts SET id = 9 WHERE id = 1;
DELETE FROM accounts WHERE id = 2;
DELETE FROM accounts WHERE id = 3;
SET invariant_guard.allow = 'truncate(accounts), truncate(l_delete), truncate(l_null), truncate-cascade(l_delete), truncate-cascade(l_null)';
TRUNCATE accounts CASCADE;
RESET invariant_guard.allow;
SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM l_delete), (SELECT count(account) FROM l_null);

-- ---- partitions of two levels, that are there and that come
CREATE TABLE part (id int, k int, cents int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3) PARTITION BY LIST (id);
CREATE TABLE part_3a PARTITION OF part_3 FOR VALUES IN (3);
SELECT invariant_guard.add_append_only('part');
CREATE TABLE part_3b PARTITION OF part_3 FOR VALUES IN (4);
BEGIN;
CREATE TABLE part_2 (cents int, k int, id int);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
COMMIT;
INSERT INTO part VALUES (1, 1), (2, 2), (3, 3), (4, 3);
INSERT INTO part_1 VALUES (1, 1);
SET invariant_guard.allow = 'truncate(part), truncate(part_1), truncate(part_2), truncate(part_3), truncate(part_3a), truncate(part_3b)';
SELECT t, attempt('UPDATE ' || t || ' SET cents = 1') u, attempt('DELETE FROM ' || t) d,
	attempt('TRUNCATE ' || t) t, attempt('UPDATE ' || t || ' SET k = 1, id = 9') move
FROM unnest('{part,part_1,part_2,part_3,part_3a,part_3b}'::text[]) t;
SET invariant_guard.allow = 'guard-self(session_replication_role), truncate(part_2), truncate(part_3b)';
SET session_replication_role = replica;
SELECT t, attempt('UPDATE ' || t || ' SET cents = 1') u, attempt('DELETE FROM ' || t) d,
	attempt('TRUNCATE ' || t) t, attempt('UPDATE ' || t || ' SET k = 1, id = 9') move
FROM unnest('{part_2,part_3b}'::text[]) t;
RESET session_replication_role;
RESET invariant_guard.allow;
SELECT tableoid::regclass, count(*) FROM part GROUP BY tableoid ORDER BY tableoid::regclass::text;
SELECT invariant_guard.add_append_only('part_1');

-- ---- inheritance
CREATE TABLE kid () INHERITS (ledger);
BEGIN;
CREATE TABLE kid_too (cents bigint, extra int, note text, id int NOT NULL);
ALTER TABLE kid_too INHERIT ledger;
COMMIT;
CREATE TABLE grandkid () INHERITS (kid);
INSERT INTO kid VALUES (20, 1);
INSERT INTO kid_too (id, cents) VALUES (21, 1);
INSERT INTO grandkid VALUES (22, 1);
SET invariant_guard.allow = 'truncate(kid), truncate(kid_too), truncate(grandkid)';
SELECT t, attempt('UPDATE ' || t || ' SET cents = 1') u, attempt('DELETE FROM ONLY ' || t) d,
	attempt('TRUNCATE ' || t) t
FROM unnest('{kid,kid_too,grandkid}'::text[]) t;
RESET invariant_guard.allow;
UPDATE ledger SET cents = 2 WHERE id = 22;

-- ---- names, and what is no table for it
CREATE TABLE "Zeile ""x"" mit 63 Zeichen, so lang wie ein Name nur sein darf.." ("id=" int PRIMARY KEY);
SELECT invariant_guard.add_append_only('"Zeile ""x"" mit 63 Zeichen, so lang wie ein Name nur sein darf.."');
INSERT INTO "Zeile ""x"" mit 63 Zeichen, so lang wie ein Name nur sein darf.." VALUES (1);
DELETE FROM "Zeile ""x"" mit 63 Zeichen, so lang wie ein Name nur sein darf..";
CREATE VIEW v AS SELECT * FROM ledger;
CREATE TEMP TABLE temporary_ledger (id int);
SELECT invariant_guard.add_append_only(NULL);
SELECT invariant_guard.add_append_only('v');
SELECT invariant_guard.add_append_only('temporary_ledger');
SELECT invariant_guard.add_append_only('pg_catalog.pg_class');
SET ROLE regress_ig_clerk;
SELECT invariant_guard.add_append_only('books.ledger');
RESET ROLE;

-- a trigger by hand
CREATE TABLE by_hand (id int PRIMARY KEY, of int, amount int);
CREATE TRIGGER guard BEFORE UPDATE OR DELETE ON by_hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER reversal AFTER INSERT ON by_hand FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only('of', 'id', 'amount', 'amounts=1');
INSERT INTO by_hand VALUES (1, NULL, 5), (2, 1, -5);
INSERT INTO by_hand VALUES (3, 1, -5);
DELETE FROM by_hand;
CREATE TABLE bad_hand (id int);
CREATE TRIGGER b AFTER INSERT ON bad_hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TABLE bad_hand2 (id int);
CREATE TRIGGER b AFTER INSERT ON bad_hand2 FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only('amount=1');
CREATE TABLE bad_hand3 (id int);
CREATE TRIGGER b AFTER INSERT ON bad_hand3 FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only('amounts=1');
CREATE TABLE bad_hand4 (id int);
CREATE TRIGGER b AFTER UPDATE ON bad_hand4 FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TABLE bad_hand5 (id int);
CREATE TRIGGER b BEFORE UPDATE OR DELETE ON bad_hand5 FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only('id', 'keep=1 year');
SELECT invariant_guard.append_only();

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP ROLE regress_ig_clerk, regress_ig_keeper;
