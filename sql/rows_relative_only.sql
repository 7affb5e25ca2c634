--
-- relative_only: a column is changed by what it holds.
--
CREATE SCHEMA ro;
SET search_path = ro;
\set VERBOSITY terse
CREATE TABLE accounts (gone int, id int PRIMARY KEY, owner text, balance bigint NOT NULL DEFAULT 0, points int, ok bool);
SET invariant_guard.mode = off;
ALTER TABLE accounts DROP COLUMN gone;
RESET invariant_guard.mode;
INSERT INTO accounts (id, owner, balance, points) VALUES (1, 'a', 100, 1), (2, 'b', 100, 2);
CREATE TABLE moves (account int, amount bigint, balance bigint);
INSERT INTO moves VALUES (1, 5, 7);
CREATE VIEW money AS SELECT id AS no, balance AS amount FROM accounts;
PREPARE before AS UPDATE accounts SET balance = 20 WHERE id = 1;
EXECUTE before;
SELECT invariant_guard.add_relative_only('accounts', '{balance,points}');
SELECT invariant_guard.add_relative_only('accounts', '{balance,points}');
SELECT invariant_guard.add_relative_only('accounts', '{points,balance}');
SELECT invariant_guard.add_relative_only('accounts', '{balance}');
SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 'accounts'::regclass AND NOT tgisinternal;
EXECUTE before;
\set VERBOSITY default
UPDATE accounts SET balance = 20 WHERE id = 1;
\set VERBOSITY sqlstate
UPDATE accounts SET balance = 20 WHERE id = 1;
\set VERBOSITY terse

BEGIN;
-- good
UPDATE accounts SET balance = balance - 80 WHERE id = 1 RETURNING balance;
UPDATE accounts SET balance = 80 + accounts.balance WHERE id = 1 RETURNING balance;
UPDATE accounts SET balance = balance;
UPDATE accounts SET balance = -balance WHERE id = 2 RETURNING balance;
UPDATE accounts SET balance = GREATEST(balance - 80, 0) WHERE id = 1 RETURNING balance;
UPDATE accounts SET points = coalesce(points, 0) + 1 WHERE id = 1 RETURNING points;
UPDATE accounts SET balance = CASE WHEN balance > 10 THEN balance - 10 ELSE balance END WHERE id = 1 RETURNING balance;
UPDATE accounts SET balance = round(balance * 1.1)::bigint WHERE id = 2 RETURNING balance;
UPDATE accounts SET points = (points::bigint + 1)::int WHERE id = 1 RETURNING points;
UPDATE accounts SET (balance, points) = (balance + 1, points + 1) WHERE id = 1 RETURNING balance, points;
UPDATE accounts SET (balance, owner) = ROW(balance + 1, 'c') WHERE id = 1 RETURNING balance, owner;
UPDATE accounts SET (balance, owner) = (SELECT accounts.balance + sum(amount), 'd' FROM moves) WHERE id = 1 RETURNING balance, owner;
UPDATE accounts SET balance = accounts.balance + amount FROM moves WHERE account = id RETURNING accounts.balance;
UPDATE accounts SET balance = (SELECT accounts.balance + sum(amount) FROM moves) WHERE id = 1 RETURNING balance;
UPDATE accounts SET balance = balance + (SELECT sum(amount) FROM moves) WHERE id = 1 RETURNING balance;
UPDATE accounts SET owner = 'x' WHERE id = 1;
UPDATE money SET amount = amount + 1 WHERE no = 1 RETURNING amount;
INSERT INTO accounts (id, balance) VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET balance = accounts.balance + EXCLUDED.balance RETURNING balance;
INSERT INTO accounts (id, balance) VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET owner = EXCLUDED.owner RETURNING balance;
INSERT INTO accounts (id, balance) VALUES (1, 3) ON CONFLICT DO NOTHING;
INSERT INTO accounts (id, balance) VALUES (3, 3);
MERGE INTO accounts a USING moves m ON a.id = m.account WHEN MATCHED THEN UPDATE SET balance = a.balance + m.amount WHEN NOT MATCHED THEN INSERT (id, balance) VALUES (account, amount);
WITH u AS (UPDATE accounts SET balance = balance + 1 WHERE id = 1 RETURNING balance) SELECT * FROM u;
DO $$ BEGIN UPDATE ro.accounts SET balance = balance + 1 WHERE id = 1; END $$;
DELETE FROM accounts WHERE id = 3;
ROLLBACK;
COPY accounts (id, balance) FROM STDIN;
4	4
\.

-- not good
UPDATE accounts SET balance = NULL;
UPDATE accounts SET balance = DEFAULT;
UPDATE accounts SET points = balance;
UPDATE accounts SET balance = $$20$$;
UPDATE accounts SET owner = 'x', balance = 20 WHERE id = 99;
UPDATE accounts SET (owner, balance) = ('x', 20);
UPDATE accounts SET (owner, balance) = (SELECT 'x', 20);
UPDATE accounts SET (owner, balance) = (SELECT accounts.balance::text, 20);
UPDATE accounts SET balance = CASE WHEN balance > 10 THEN 20 ELSE balance END;
UPDATE accounts SET balance = CASE WHEN balance > 10 THEN balance - 10 END;
UPDATE accounts SET balance = balance - balance + 20;
UPDATE accounts SET balance = balance * 0 + 20;
UPDATE accounts SET balance = 20 + (1 - 1) * balance;
UPDATE accounts SET balance = NULLIF(20, balance);
UPDATE accounts SET balance = s.balance - 80 FROM accounts s WHERE s.id = accounts.id;
UPDATE accounts SET balance = (SELECT balance - 80 FROM accounts s WHERE s.id = accounts.id);
UPDATE accounts SET balance = moves.balance FROM moves;
WITH s AS (SELECT id, balance - 80 AS b FROM accounts) UPDATE accounts SET balance = b FROM s WHERE s.id = accounts.id;
UPDATE money SET amount = 20;
INSERT INTO accounts (id, balance) VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET balance = EXCLUDED.balance;
INSERT INTO accounts (id, balance) VALUES (1, 3) ON CONFLICT (id) DO UPDATE SET balance = EXCLUDED.balance + 1;
MERGE INTO accounts a USING moves m ON a.id = m.account WHEN MATCHED THEN UPDATE SET balance = m.amount;
MERGE INTO accounts a USING moves m ON a.id = m.account WHEN MATCHED AND false THEN UPDATE SET balance = a.balance + m.amount WHEN MATCHED THEN UPDATE SET balance = 1;
WITH u AS (UPDATE accounts SET balance = 20 WHERE id = 1 RETURNING balance) SELECT * FROM u;
DO $$ DECLARE b bigint; BEGIN
	SELECT balance - 80 INTO b FROM ro.accounts WHERE id = 1;
	UPDATE ro.accounts SET balance = b WHERE id = 1;
END $$;
PREPARE p(bigint) AS UPDATE accounts SET balance = $1 WHERE id = 1;
EXECUTE p(20);
CREATE FUNCTION f() RETURNS void LANGUAGE sql AS $$ UPDATE ro.accounts SET balance = 20 WHERE id = 1 $$;
SELECT f();

-- other triggers set what they like
CREATE FUNCTION fee() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.points := 7; RETURN NEW; END $$;
CREATE TRIGGER fee BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION fee();
UPDATE accounts SET owner = 'fee' WHERE id = 1 RETURNING points;
DROP TRIGGER fee ON accounts;

-- a statement within it that failed is forgotten
CREATE FUNCTION caught() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
	UPDATE ro.moves SET amount = 1 / (amount - amount);
	RETURN 1;
EXCEPTION WHEN division_by_zero THEN
	RETURN 2;
END $$;
UPDATE accounts SET balance = balance + caught() WHERE id = 1 RETURNING balance;
-- a plan that was let pass is not a good one afterwards
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'relative-only(ro.accounts.balance)';
EXECUTE p(21);
ROLLBACK;
EXECUTE p(22);
SET invariant_guard.mode = warn;
UPDATE accounts SET balance = 23 WHERE id = 1;
SET invariant_guard.mode = off;
EXECUTE p(24);
RESET invariant_guard.mode;
EXECUTE p(25);
-- each has to be allowed
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'relative-only(ro.accounts.balance)';
UPDATE accounts SET balance = 1, points = 1 WHERE id = 1;
ROLLBACK;
-- replica
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE accounts SET balance = 20;
ROLLBACK;

-- a plain role
CREATE ROLE regress_ro;
GRANT USAGE ON SCHEMA ro TO regress_ro;
GRANT SELECT, UPDATE ON accounts TO regress_ro;
SET ROLE regress_ro;
UPDATE accounts SET balance = 20 WHERE id = 1;
UPDATE accounts SET balance = balance + 1 WHERE id = 1;
RESET ROLE;

-- partitions with other attribute numbers, inheritance
CREATE TABLE pa (k int, id int, n int) PARTITION BY LIST (k);
CREATE TABLE pa_1 (n int, id int, k int);
SET invariant_guard.mode = off;
ALTER TABLE pa ATTACH PARTITION pa_1 FOR VALUES IN (1);
RESET invariant_guard.mode;
CREATE TABLE pa_2 PARTITION OF pa FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE pa_2a PARTITION OF pa_2 FOR VALUES IN (1, 2);
SELECT invariant_guard.add_relative_only('pa', '{n}');
INSERT INTO pa VALUES (1, 1, 1), (2, 2, 2);
UPDATE pa SET n = 5;
UPDATE pa_1 SET n = 5;
UPDATE pa_2 SET n = 5;
UPDATE pa_2a SET n = 5;
UPDATE pa SET n = n + 5 RETURNING tableoid::regclass, n;
UPDATE pa_1 SET n = n + 5 RETURNING n;
UPDATE pa SET k = 2, n = n + 1 WHERE k = 1 RETURNING tableoid::regclass, n;
UPDATE pa SET k = 1, n = 1 WHERE id = 1;
CREATE TABLE base (id int, n int);
CREATE TABLE derived (more int) INHERITS (base);
SELECT invariant_guard.add_relative_only('base', '{n}');
INSERT INTO derived VALUES (1, 1);
UPDATE base SET n = 2;
UPDATE derived SET n = 2;
UPDATE base SET n = n + 2 RETURNING n;
UPDATE derived SET n = n + 2 RETURNING n;
-- rows of the parent itself, which the plan names twice
INSERT INTO base VALUES (2, 2);
UPDATE base SET n = n + 2 RETURNING tableoid::regclass, n;
WITH w AS (UPDATE base SET n = n + 1 RETURNING id) UPDATE derived SET n = n + 1 WHERE false;
UPDATE base SET n = 7;
-- a rule below the table that is named
CREATE TABLE above (id int, n int) PARTITION BY LIST (id);
CREATE TABLE below PARTITION OF above FOR VALUES IN (1);
SELECT invariant_guard.add_relative_only('below', '{n}');
INSERT INTO above VALUES (1, 1);
UPDATE above SET n = 2;
UPDATE above SET id = 1;

-- foreign keys that cascade
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (p int REFERENCES parent ON UPDATE CASCADE ON DELETE SET NULL, n int);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1);
SELECT invariant_guard.add_relative_only('child', '{p,n}');
UPDATE parent SET id = 2;
DELETE FROM parent;
SELECT * FROM child;
-- but not what a trigger does that they fire
CREATE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE ro.accounts SET balance = 20 WHERE id = 1; RETURN NEW; END $$;
CREATE TRIGGER gone BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION gone();
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1);
DELETE FROM parent;
CREATE OR REPLACE FUNCTION gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE ONLY "ro"."accounts" SET balance = 20 WHERE "id" = 1; RETURN NEW; END $$;
DELETE FROM parent;
-- whatever the names are
CREATE SCHEMA "ro "" x";
CREATE TABLE "ro "" x"."Child ""y" (p int REFERENCES parent ON UPDATE CASCADE, n int);
SELECT invariant_guard.add_relative_only('"ro "" x"."Child ""y"', '{p}');
INSERT INTO parent VALUES (5);
INSERT INTO "ro "" x"."Child ""y" VALUES (5, 1);
UPDATE parent SET id = 6 WHERE id = 5;
SELECT * FROM "ro "" x"."Child ""y";
\set VERBOSITY default
UPDATE "ro "" x"."Child ""y" SET p = 7;
ALTER TABLE "ro "" x"."Child ""y" ADD COLUMN "Version" int NOT NULL DEFAULT 0;
SELECT invariant_guard.add_optimistic_lock('"ro "" x"."Child ""y"', 'Version', unversioned => 'reject');
UPDATE "ro "" x"."Child ""y" SET n = 7;
\set VERBOSITY terse

-- renamed, and not dropped
SET invariant_guard.mode = off;
ALTER TABLE accounts RENAME COLUMN balance TO "Balance";
ALTER TABLE accounts DROP COLUMN "Balance";
RESET invariant_guard.mode;
UPDATE accounts SET "Balance" = 1;
UPDATE accounts SET "Balance" = "Balance" + 1 WHERE id = 1;

-- written by hand
CREATE TABLE hand (id int, n int);
INSERT INTO hand VALUES (1, 1);
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.relative_only('n');
UPDATE hand SET n = 2;
UPDATE hand SET n = n + 1 RETURNING n;
UPDATE hand SET id = 2 RETURNING n;
SET invariant_guard.mode = off;
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.relative_only('m');
RESET invariant_guard.mode;
UPDATE hand SET n = 2;
SELECT invariant_guard.relative_only();

-- bad declarations
SELECT invariant_guard.add_relative_only(NULL, '{n}');
SELECT invariant_guard.add_relative_only('hand', NULL);
SELECT invariant_guard.add_relative_only('hand', '{}');
SELECT invariant_guard.add_relative_only('hand', '{m}');
SELECT invariant_guard.add_relative_only('hand', '{n,n}');
SELECT invariant_guard.add_relative_only('hand', '{NULL}');
SELECT invariant_guard.add_relative_only('money', '{amount}');
SELECT invariant_guard.add_relative_only('pg_class', '{relpages}');
SET ROLE regress_ro;
SELECT invariant_guard.add_relative_only('accounts', '{points}');
RESET ROLE;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA "ro "" x" CASCADE;
DROP SCHEMA ro CASCADE;
DROP ROLE regress_ro;
