--
-- unique_active: at most one row of an owner for which a predicate holds
--
\set SHOW_CONTEXT never
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_active_owner, regress_active_user;
RESET client_min_messages;
CREATE ROLE regress_active_owner;
CREATE ROLE regress_active_user;
CREATE SCHEMA shop;
GRANT USAGE, CREATE ON SCHEMA shop TO regress_active_owner;
GRANT USAGE ON SCHEMA shop TO regress_active_user;

-- a new table: the function makes the index
SET ROLE regress_active_owner;
BEGIN;
CREATE TABLE shop.subscriptions (gone int, id int PRIMARY KEY, user_id int, status varchar(10), "Until" date);
ALTER TABLE shop.subscriptions DROP COLUMN gone;
GRANT ALL ON shop.subscriptions TO regress_active_user;
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', $$status = 'active'$$);
COMMIT;
SELECT invariant_guard.add_unique_active('shop.subscriptions', '{user_id}', $$status = 'active'$$);
SELECT invariant_guard.add_unique_active('shop.subscriptions', ARRAY['user_id'], $$status = 'active'$$);
SELECT indexdef FROM pg_indexes WHERE schemaname = 'shop' ORDER BY 1;
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = 'shop.subscriptions'::regclass AND NOT tgisinternal ORDER BY 1;
RESET ROLE;

-- each statement, by each role
INSERT INTO shop.subscriptions VALUES (1, 1, 'active'), (2, 1, 'ended'), (3, 2, 'active');
INSERT INTO shop.subscriptions VALUES (4, 1, 'active');
UPDATE shop.subscriptions SET status = 'active' WHERE id = 2;
INSERT INTO shop.subscriptions VALUES (2, 1, 'ended') ON CONFLICT (id) DO UPDATE SET status = 'active';
MERGE INTO shop.subscriptions USING (SELECT 2 AS k) s ON id = k WHEN MATCHED THEN UPDATE SET status = 'active';
COPY shop.subscriptions FROM stdin;
5	2	active	\N
\.
SET ROLE regress_active_owner;
UPDATE shop.subscriptions SET user_id = 1 WHERE id = 3;
SET ROLE regress_active_user;
UPDATE shop.subscriptions SET user_id = 1 WHERE id = 3;
RESET ROLE;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE shop.subscriptions SET user_id = 1 WHERE id = 3;
ROLLBACK;
INSERT INTO shop.subscriptions VALUES (6, NULL, 'active'), (7, NULL, 'active');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.subscriptions)';
TRUNCATE shop.subscriptions;
ROLLBACK;

-- bad declarations
SELECT invariant_guard.add_unique_active(NULL, 'user_id', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', NULL::text, 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', '{}', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', '{user_id,NULL}', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', '{user_id,user_id}', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', '{user_id', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user', 'true');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', NULL);
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', 'status');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', '"Until" > now()');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', 'true, false');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', 'EXISTS (SELECT)');
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', 'true', 'no_index');
CREATE VIEW shop.list AS SELECT * FROM shop.subscriptions;
SELECT invariant_guard.add_unique_active('shop.list', 'user_id', 'true');
SET ROLE regress_active_user;
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', 'true');
RESET ROLE;
SELECT invariant_guard.unique_active();
-- the same owner by another predicate needs an index of another name
SELECT invariant_guard.add_unique_active('shop.subscriptions', 'user_id', $$status = 'trial'$$);

-- rows that break it, in a table that is in use: nothing is built in its way
CREATE TABLE shop.cards (id int PRIMARY KEY, "User" int, bank text, is_default bool);
INSERT INTO shop.cards SELECT i, i / 3, 'b', i % 2 = 0 FROM generate_series(1, 12) i;
SELECT invariant_guard.add_unique_active('shop.cards', '{User,bank}', 'is_default');
SELECT * FROM invariant_guard.duplicates('shop.cards', '{User,bank}', 'is_default');
SELECT * FROM invariant_guard.duplicates('shop.cards', ARRAY['User'], 'is_default');
SELECT * FROM invariant_guard.duplicates('shop.cards', 'bank');
CREATE UNIQUE INDEX CONCURRENTLY "cards_User_bank_active_key" ON shop.cards ("User", bank) WHERE is_default;
SELECT invariant_guard.add_unique_active('shop.cards', '{User,bank}', 'is_default', using_index => 'cards_User_bank_active_key');
DROP INDEX CONCURRENTLY shop."cards_User_bank_active_key";
DELETE FROM shop.cards WHERE id IN (8, 12);
DELETE FROM shop.cards WHERE id IN (6, 10);
CREATE UNIQUE INDEX CONCURRENTLY "cards_User_bank_active_key" ON shop.cards ("User", bank) WHERE is_default;
SELECT invariant_guard.add_unique_active('shop.cards', '{User,bank}', 'is_default', using_index => 'cards_User_bank_active_key');
-- the index is the rule; what is told to pass it can be pasted
DROP INDEX CONCURRENTLY shop."cards_User_bank_active_key";
-- in the same transaction as its rows, and where it is allowed, it is built at once
BEGIN;
CREATE TABLE shop.new (id int, owner int);
INSERT INTO shop.new VALUES (1, 1), (2, 1), (3, NULL), (4, NULL);
SAVEPOINT a;
SELECT invariant_guard.add_unique_active('shop.new', 'owner', 'true');
ROLLBACK TO a;
DELETE FROM shop.new WHERE id = 1;
SELECT invariant_guard.add_unique_active('shop.new', 'owner', 'true', nulls_not_distinct => true);
ROLLBACK TO a;
DELETE FROM shop.new WHERE id IN (1, 3);
SELECT invariant_guard.add_unique_active('shop.new', 'owner', 'true', nulls_not_distinct => true);
INSERT INTO shop.new VALUES (5, NULL);
ROLLBACK;
CREATE TABLE shop.old (id int, owner int);
INSERT INTO shop.old VALUES (1, 1), (2, 2), (3, 2);
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'create-index-blocking(shop.old)';
SELECT invariant_guard.add_unique_active('shop.old', 'owner', 'id > 0');
ROLLBACK;
DELETE FROM shop.old WHERE id = 3;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'create-index-blocking(shop.old)';
SELECT invariant_guard.add_unique_active('shop.old', 'owner', 'id > 0');
COMMIT;
INSERT INTO shop.old VALUES (4, 2);

-- an index is taken only if it is the one that is needed
BEGIN;
CREATE TABLE shop.fit (id int, a int, b text, v varchar);
CREATE UNIQUE INDEX fit_1 ON shop.fit (a) WHERE v = 'x';
CREATE UNIQUE INDEX fit_2 ON shop.fit (b, a) INCLUDE (id) WHERE (v)::text = 'x'::text;
CREATE UNIQUE INDEX fit_3 ON shop.fit (b text_pattern_ops, a) WHERE v = 'x';
CREATE UNIQUE INDEX fit_4 ON shop.fit (b COLLATE "C", a) WHERE v = 'x';
CREATE UNIQUE INDEX fit_5 ON shop.fit (a, b) WHERE v = 'y';
CREATE UNIQUE INDEX fit_6 ON shop.fit (a, b);
CREATE INDEX fit_7 ON shop.fit (a, b) WHERE v = 'x';
CREATE UNIQUE INDEX fit_8 ON shop.fit (a, b) NULLS NOT DISTINCT WHERE v = 'x';
CREATE UNIQUE INDEX fit_9 ON shop.fit (a, lower(b)) WHERE v = 'x';
COMMIT;
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_1');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_3');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_4');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_5');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_6');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_7');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_8');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_9');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'cards_pkey');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'cards');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_2');
SELECT invariant_guard.add_unique_active('shop.fit', '{a,b}', $$v = 'x'$$, 'fit_8', true);

-- names of all kinds
BEGIN;
CREATE TABLE shop."Table ""x""" ("a ""b"" cccccccccccccccccccccccccccccccccccccccccccccccccccccc" int, "{c" int, s text);
SELECT invariant_guard.add_unique_active('shop."Table ""x"""', 'a "b" cccccccccccccccccccccccccccccccccccccccccccccccccccccc', 's IS NULL');
SELECT invariant_guard.add_unique_active('shop."Table ""x"""', '{c', 's IS NULL');
COMMIT;
INSERT INTO shop."Table ""x""" VALUES (1, 2), (1, 3);
INSERT INTO shop."Table ""x""" VALUES (2, 2);

-- partitions: the partition key must be one of the owner's columns
CREATE TABLE shop.part (id int, tenant int, user_id int, region int, active bool) PARTITION BY LIST (tenant);
CREATE TABLE shop.part_1 PARTITION OF shop.part FOR VALUES IN (1);
BEGIN;
CREATE TABLE shop.part_2 (x int, region int, tenant int, user_id int, id int, active bool) PARTITION BY LIST (user_id);
ALTER TABLE shop.part_2 DROP COLUMN x;
ALTER TABLE shop.part ATTACH PARTITION shop.part_2 FOR VALUES IN (2);
COMMIT;
CREATE TABLE shop.part_2a PARTITION OF shop.part_2 FOR VALUES IN (1, 2);
CREATE TABLE shop.part_2b PARTITION OF shop.part_2 FOR VALUES IN (3);
SELECT invariant_guard.add_unique_active('shop.part', 'user_id', 'active');
SELECT invariant_guard.add_unique_active('shop.part', '{tenant}', 'active');
INSERT INTO shop.part VALUES (1, 1, 1, 1, true), (2, 2, 1, 1, true), (3, 2, 3, 1, true);
SELECT invariant_guard.add_unique_active('shop.part', '{tenant,user_id}', 'active');
CREATE UNIQUE INDEX part_tenant_user_id_active_key ON ONLY shop.part (tenant, user_id) WHERE active;
CREATE UNIQUE INDEX CONCURRENTLY part_1_part_tenant_user_id_active_key ON shop.part_1 (tenant, user_id) WHERE active;
ALTER INDEX shop.part_tenant_user_id_active_key ATTACH PARTITION shop.part_1_part_tenant_user_id_active_key;
SELECT invariant_guard.add_unique_active('shop.part', '{tenant,user_id}', 'active', using_index => 'part_tenant_user_id_active_key');
CREATE UNIQUE INDEX part_2_part_tenant_user_id_active_key ON ONLY shop.part_2 (tenant, user_id) WHERE active;
ALTER INDEX shop.part_tenant_user_id_active_key ATTACH PARTITION shop.part_2_part_tenant_user_id_active_key;
CREATE UNIQUE INDEX CONCURRENTLY part_2a_part_tenant_user_id_active_key ON shop.part_2a (tenant, user_id) WHERE active;
ALTER INDEX shop.part_2_part_tenant_user_id_active_key ATTACH PARTITION shop.part_2a_part_tenant_user_id_active_key;
CREATE UNIQUE INDEX CONCURRENTLY part_2b_part_tenant_user_id_active_key ON shop.part_2b (tenant, user_id) WHERE active;
ALTER INDEX shop.part_2_part_tenant_user_id_active_key ATTACH PARTITION shop.part_2b_part_tenant_user_id_active_key;
SELECT invariant_guard.add_unique_active('shop.part', '{tenant,user_id}', 'active', using_index => 'part_tenant_user_id_active_key');
CREATE TABLE shop.part_3 PARTITION OF shop.part FOR VALUES IN (3);
INSERT INTO shop.part VALUES (4, 3, 1, 1, true);
INSERT INTO shop.part VALUES (5, 3, 1, 1, true);
UPDATE shop.part SET tenant = 2 WHERE id = 4;
INSERT INTO shop.part_2a VALUES (1, 2, 1, 9, true);
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgname LIKE 'zz\_ig%' AND tgrelid::regclass::text LIKE 'shop.part%' ORDER BY tgrelid::regclass::text COLLATE "C";
SELECT * FROM invariant_guard.duplicates('shop.part', 'region', 'active');

-- an index says nothing of the tables that inherit
CREATE TABLE shop.parent (id int, owner int);
CREATE TABLE shop.child () INHERITS (shop.parent);
SELECT invariant_guard.add_unique_active('shop.parent', 'owner', 'true');

-- all rows are counted, or none; with the rights of whoever asks
SET ROLE regress_active_user;
SELECT * FROM invariant_guard.duplicates('shop.cards', 'bank');
RESET ROLE;
SET ROLE regress_active_owner;
ALTER TABLE shop.subscriptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY few ON shop.subscriptions USING (user_id = 1);
SET ROLE regress_active_user;
SELECT * FROM invariant_guard.duplicates('shop.subscriptions', 'user_id');
RESET ROLE;
SELECT * FROM invariant_guard.duplicates('shop.subscriptions', '{user_id}');
SELECT * FROM invariant_guard.duplicates('shop.subscriptions', 'user_id', nulls_not_distinct => true);
SELECT * FROM invariant_guard.duplicates(NULL, 'user_id');
SELECT * FROM invariant_guard.duplicates('shop.subscriptions', 'id', 'nothing');

-- a path in which other things have the names
CREATE SCHEMA evil;
CREATE FUNCTION evil.eq(text, text) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT true';
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.eq);
SET search_path = evil, pg_catalog, shop;
BEGIN;
CREATE TABLE shop.safe (id int, status text);
SELECT invariant_guard.add_unique_active('shop.safe', 'id', $$status = 'x'$$);
SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indrelid = 'shop.safe'::regclass;
COMMIT;
RESET search_path;

\set VERBOSITY terse
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA shop, evil CASCADE;
DROP ROLE regress_active_owner, regress_active_user;
