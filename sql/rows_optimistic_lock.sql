--
-- optimistic_lock: nobody overwrites what they have not read.
--
CREATE SCHEMA ol;
SET search_path = ol;
\set VERBOSITY terse

-- a table whose columns are not where they were
CREATE TABLE orders (gone int, id int PRIMARY KEY, note text, seen int, version int NOT NULL DEFAULT 1);
SET invariant_guard.mode = off;
ALTER TABLE orders DROP COLUMN gone;
RESET invariant_guard.mode;
INSERT INTO orders (id, note) VALUES (1, 'a'), (2, 'b');
SELECT invariant_guard.add_optimistic_lock('orders');
SELECT invariant_guard.add_optimistic_lock('orders');
SELECT invariant_guard.add_optimistic_lock('orders', protocol => 'echo');
SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal;

-- what ORMs send: Rails, SQLAlchemy, JPA, Prisma
UPDATE orders SET note = 'rails', version = 2 WHERE id = 1 AND version = 1;
UPDATE orders SET note = 'stale', version = 2 WHERE id = 1 AND version = 1;
UPDATE orders SET note = 'prisma', version = version + 1 WHERE id = 1 AND version = 2 RETURNING version;
-- without the predicate a stale version is an error of its own
\set VERBOSITY sqlstate
UPDATE orders SET note = 'stale', version = 3 WHERE id = 1;
\set VERBOSITY terse
UPDATE orders SET note = 'reset', version = 1 WHERE id = 1;
UPDATE orders SET note = 'skip', version = 9 WHERE id = 1;
UPDATE orders SET note = 'null', version = NULL WHERE id = 1;
UPDATE orders SET note = 'lowest', version = -2147483648 WHERE id = 1;
UPDATE orders SET version = DEFAULT WHERE id = 1;
UPDATE orders SET (note, version) = ('stale', 3) WHERE id = 1;
UPDATE orders SET (note, version) = (SELECT 'next', 4) WHERE id = 1;
-- what does not state it is counted
UPDATE orders SET note = 'raw' WHERE id = 1 RETURNING id, note, version;
UPDATE orders SET note = note RETURNING id, version;

-- DETAIL and HINT
\set VERBOSITY default
UPDATE orders SET version = 5 WHERE id = 1;
UPDATE orders SET version = NULL WHERE id = 1;
\set VERBOSITY terse

-- ON CONFLICT, MERGE, CTE, view, PL/pgSQL, prepared
INSERT INTO orders (id, note) VALUES (1, 'upsert') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note RETURNING version;
INSERT INTO orders (id, note, version) VALUES (1, 'upsert', 7) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note, version = EXCLUDED.version RETURNING version;
INSERT INTO orders (id, note, version) VALUES (1, 'upsert', 7) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note, version = EXCLUDED.version;
MERGE INTO orders o USING (VALUES (1, 'merge')) s(id, note) ON o.id = s.id WHEN MATCHED THEN UPDATE SET note = s.note;
MERGE INTO orders o USING (VALUES (1, 8)) s(id, version) ON o.id = s.id WHEN MATCHED THEN UPDATE SET version = s.version;
MERGE INTO orders o USING (VALUES (1, 9)) s(id, version) ON o.id = s.id WHEN MATCHED THEN UPDATE SET version = s.version;
WITH u AS (UPDATE orders SET note = 'cte' WHERE id = 1 RETURNING version) SELECT * FROM u;
CREATE VIEW live AS SELECT id, note AS remark, version AS rev FROM orders WHERE id < 100;
UPDATE live SET remark = 'view', rev = 10 WHERE id = 1;
UPDATE live SET remark = 'view', rev = 11 WHERE id = 1 RETURNING rev;
DO $$ DECLARE v int; BEGIN
	UPDATE ol.orders SET note = 'plpgsql' WHERE id = 1 RETURNING version INTO v;
	UPDATE ol.orders SET note = 'plpgsql', version = v + 1 WHERE id = 1 AND version = v;
	RAISE NOTICE 'found %', FOUND;
	BEGIN
		UPDATE ol.orders SET version = v WHERE id = 1;
	EXCEPTION WHEN SQLSTATE 'IGV01' THEN RAISE NOTICE '%', SQLERRM;
	END;
END $$;
PREPARE p(int, int) AS UPDATE orders SET note = 'prepared', version = $2 WHERE id = $1;
EXECUTE p(1, 14);
EXECUTE p(1, 14);
SELECT * FROM orders ORDER BY id;
COPY orders (id, note) FROM STDIN;
3	copied
\.
SELECT * FROM orders WHERE id = 3;

-- other BEFORE triggers cannot set it back; one that counts too does no harm
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.version := 1; RETURN NEW; END $$;
CREATE FUNCTION count_too() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.version := OLD.version + 1; RETURN NEW; END $$;
CREATE TRIGGER meddle BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION meddle();
UPDATE orders SET note = 'meddled' WHERE id = 2 RETURNING version;
DROP TRIGGER meddle ON orders;
CREATE TRIGGER count_too BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION count_too();
UPDATE orders SET note = 'counted' WHERE id = 2 RETURNING version;
DROP TRIGGER count_too ON orders;

-- what is let pass goes on from where it is: the version is never set back
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'optimistic-lock(ol.orders)';
UPDATE orders SET version = 1 WHERE id = 1 RETURNING version;
COMMIT;
SET invariant_guard.mode = warn;
UPDATE orders SET version = 1 WHERE id = 1 RETURNING version;
SET invariant_guard.mode = off;
UPDATE orders SET version = 1 WHERE id = 1 RETURNING version;
UPDATE orders SET note = 'derived' WHERE id = 1 RETURNING version;
RESET invariant_guard.mode;
UPDATE orders SET version = 1 WHERE id = 1 RETURNING version;

-- origin and replica
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';
SET LOCAL session_replication_role = replica;
UPDATE orders SET note = 'replica' WHERE id = 1 RETURNING version;
UPDATE orders SET version = 1 WHERE id = 1;
ROLLBACK;

-- a plain role
CREATE ROLE regress_ol;
GRANT USAGE ON SCHEMA ol TO regress_ol;
GRANT SELECT, UPDATE (note) ON orders TO regress_ol;
SET ROLE regress_ol;
UPDATE orders SET note = 'plain' WHERE id = 1 RETURNING version;
UPDATE orders SET note = 'plain', version = 1 WHERE id = 1;
SELECT invariant_guard.add_optimistic_lock('orders', 'seen');
RESET ROLE;
GRANT UPDATE ON orders TO regress_ol;
SET ROLE regress_ol;
UPDATE orders SET note = 'plain', version = 1 WHERE id = 1;
RESET ROLE;

-- echo: the client sends back what it has read
CREATE TABLE docs (id int PRIMARY KEY, body text, rev bigint NOT NULL DEFAULT 0);
INSERT INTO docs VALUES (1, 'a');
SELECT invariant_guard.add_optimistic_lock('docs', 'rev', protocol => 'echo');
UPDATE docs SET body = 'b', rev = 0 WHERE id = 1 RETURNING rev;
\set VERBOSITY default
UPDATE docs SET body = 'c', rev = 0 WHERE id = 1;
\set VERBOSITY terse
UPDATE docs SET body = 'c', rev = rev + 1 WHERE id = 1;
UPDATE docs SET body = 'c', rev = NULL WHERE id = 1;
UPDATE docs SET body = 'd' WHERE id = 1 RETURNING rev;

-- server: clients do not set it
CREATE TABLE carts (id int PRIMARY KEY, body text, "Rev No" smallint NOT NULL DEFAULT 0);
INSERT INTO carts VALUES (1, 'a');
SELECT invariant_guard.add_optimistic_lock('carts', 'Rev No', 'server');
UPDATE carts SET body = 'b' WHERE id = 1 AND "Rev No" = 0 RETURNING "Rev No";
UPDATE carts SET body = 'b', "Rev No" = 1 WHERE id = 1 RETURNING "Rev No";
\set VERBOSITY default
UPDATE carts SET body = 'b', "Rev No" = 3 WHERE id = 1;
-- the largest value
SET invariant_guard.mode = off;
INSERT INTO carts VALUES (2, 'a', 32767);
RESET invariant_guard.mode;
UPDATE carts SET body = 'b' WHERE id = 2;
\set VERBOSITY terse
CREATE TABLE ends (id int PRIMARY KEY, i int NOT NULL, b bigint NOT NULL);
INSERT INTO ends VALUES (1, 2147483646, 9223372036854775807);
SELECT invariant_guard.add_optimistic_lock('ends', 'i');
UPDATE ends SET id = id RETURNING i;
UPDATE ends SET id = id RETURNING i;
CREATE TABLE end8 (id int, b bigint NOT NULL);
INSERT INTO end8 VALUES (1, 9223372036854775807), (2, -9223372036854775808);
SELECT invariant_guard.add_optimistic_lock('end8', 'b');
UPDATE end8 SET id = 1 WHERE id = 1;
UPDATE end8 SET b = -9223372036854775808 WHERE id = 1;
UPDATE end8 SET b = b + 1 WHERE id = 2 RETURNING b;
UPDATE end8 SET b = -9223372036854775808 WHERE id = 2;

-- excluded columns
CREATE TABLE users (id int PRIMARY KEY, name text, seen int, hits int, blob text, n int,
	twice int GENERATED ALWAYS AS (n * 2) STORED, version int NOT NULL DEFAULT 0);
INSERT INTO users (id, name, n, blob) SELECT 1, 'a', 1, string_agg(md5(i::text), '') FROM generate_series(1, 400) i;
SELECT invariant_guard.add_optimistic_lock('users', exclude => '{seen,hits}');
UPDATE users SET seen = 1 RETURNING version;
UPDATE users SET seen = 2, hits = 1, name = 'a', blob = blob RETURNING version;
UPDATE users SET seen = 3, name = 'b' RETURNING version;
UPDATE users SET n = 2 RETURNING twice, version;
UPDATE users SET blob = blob || 'x' RETURNING version;
UPDATE users SET name = NULL RETURNING version;
UPDATE users SET seen = 4, version = 5 RETURNING version;
UPDATE users SET seen = 4, version = 5 RETURNING version;
-- another trigger changes what counts
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := NEW.seen; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION touch();
UPDATE users SET seen = 5 RETURNING name, version;

-- rows without a version count as 0
CREATE TABLE old (id int PRIMARY KEY, note text, version int);
INSERT INTO old VALUES (1, 'a', NULL);
\set VERBOSITY default
SELECT invariant_guard.add_optimistic_lock('old');
\set VERBOSITY terse
UPDATE old SET version = 0 WHERE version IS NULL;
SELECT invariant_guard.add_optimistic_lock('old');
INSERT INTO old VALUES (2, 'b', NULL), (3, 'c', NULL), (4, 'd', NULL);
UPDATE old SET note = 'x' WHERE id = 2 RETURNING version;
UPDATE old SET version = 2 WHERE id = 3;
UPDATE old SET version = 1 WHERE id = 3 AND version IS NULL RETURNING version;
UPDATE old SET version = NULL WHERE id = 4;

-- wherever the column is in the row
CREATE TABLE shapes (c "char", b bool, t text, s smallint, n numeric, v bigint, a int[], z text);
INSERT INTO shapes VALUES ('c', true, 'abc', 1, 1.5, 1, '{1,2}', 'z'), (NULL, NULL, NULL, 1, NULL, 1, NULL, NULL),
	('d', NULL, repeat('x', 300), 1, 1, 1, '{}', NULL);
SELECT invariant_guard.add_optimistic_lock('shapes', 's');
CREATE TRIGGER by_hand BEFORE UPDATE ON shapes FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('v');
UPDATE shapes SET z = 'y';
SELECT c, b, length(t), s, n, v, a, z FROM shapes ORDER BY 3;
UPDATE shapes SET t = NULL, s = s + 1;
SELECT c, b, length(t), s, n, v, a, z FROM shapes ORDER BY n;
CREATE TABLE grown (id int);
INSERT INTO grown VALUES (1);
ALTER TABLE grown ADD COLUMN version int NOT NULL DEFAULT 3;
SELECT invariant_guard.add_optimistic_lock('grown');
UPDATE grown SET version = 1;
UPDATE grown SET id = 2 RETURNING version;
UPDATE grown SET id = 2 RETURNING version;

-- partitions two levels deep, other attribute numbers, moves
CREATE TABLE acc (k int, id int, note text, version int NOT NULL DEFAULT 0, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE acc_1 (version int NOT NULL DEFAULT 0, gone text, note text, id int NOT NULL, k int NOT NULL);
SET invariant_guard.mode = off;
ALTER TABLE acc_1 DROP COLUMN gone;
ALTER TABLE acc ATTACH PARTITION acc_1 FOR VALUES IN (1);
RESET invariant_guard.mode;
CREATE TABLE acc_2 PARTITION OF acc FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE acc_2a PARTITION OF acc_2 FOR VALUES IN (2);
SELECT invariant_guard.add_optimistic_lock('acc', exclude => '{note}');
CREATE TABLE acc_3 PARTITION OF acc FOR VALUES IN (3);
INSERT INTO acc (k, id) VALUES (1, 1), (2, 2), (3, 3);
UPDATE acc SET version = 1 WHERE version = 0 RETURNING tableoid::regclass, version;
UPDATE acc SET note = 'n' RETURNING tableoid::regclass, version;
UPDATE acc_1 SET version = 9;
UPDATE acc_2a SET version = 9;
UPDATE acc SET k = 3 WHERE k = 1 RETURNING tableoid::regclass, version;
UPDATE acc SET k = 1, version = 3 WHERE id = 1 RETURNING tableoid::regclass, version;
UPDATE acc SET k = 3, version = 3 WHERE id = 1 RETURNING tableoid::regclass, version;
DELETE FROM acc WHERE id = 3;

-- inheritance
CREATE TABLE base (id int, version int NOT NULL DEFAULT 0);
CREATE TABLE derived (more int) INHERITS (base);
SELECT invariant_guard.add_optimistic_lock('base');
INSERT INTO derived VALUES (1, 0, 1);
UPDATE base SET version = 0;
UPDATE derived SET version = 0;
UPDATE base SET id = 2 RETURNING tableoid::regclass, version;
-- rows of the parent itself, which the plan names twice
CREATE TABLE heirs (id int, version int NOT NULL DEFAULT 0);
CREATE TABLE heirs_kid () INHERITS (heirs);
SELECT invariant_guard.add_optimistic_lock('heirs', unversioned => 'reject');
INSERT INTO heirs VALUES (1);
INSERT INTO heirs_kid VALUES (2);
UPDATE heirs SET id = id WHERE version = 0 RETURNING tableoid::regclass, version;
UPDATE heirs SET id = id;

-- foreign keys that cascade count, and are not refused
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent ON UPDATE CASCADE ON DELETE SET NULL, version int NOT NULL DEFAULT 0);
INSERT INTO parent VALUES (1);
INSERT INTO child VALUES (1, 1);
SELECT invariant_guard.add_optimistic_lock('child', unversioned => 'reject');
UPDATE parent SET id = 2;
SELECT * FROM child;
DELETE FROM parent;
SELECT * FROM child;

-- renamed, and not dropped
SET invariant_guard.mode = off;
ALTER TABLE docs RENAME COLUMN rev TO revision;
ALTER TABLE docs DROP COLUMN revision;
RESET invariant_guard.mode;
UPDATE docs SET revision = 1 WHERE id = 1;
UPDATE docs SET revision = 2 WHERE id = 1 RETURNING revision;

-- TRUNCATE and DELETE are not the lock's business
DELETE FROM orders WHERE id = 3;

-- bad declarations
SELECT invariant_guard.add_optimistic_lock(NULL);
SELECT invariant_guard.add_optimistic_lock('users', NULL);
SELECT invariant_guard.add_optimistic_lock('parent');
SELECT invariant_guard.add_optimistic_lock('users', 'verson');
SELECT invariant_guard.add_optimistic_lock('users', 'name');
SELECT invariant_guard.add_optimistic_lock('users', 'twice');
SELECT invariant_guard.add_optimistic_lock('users', 'n', protocol => 'incremental');
SELECT invariant_guard.add_optimistic_lock('users', 'n', protocol => NULL);
SELECT invariant_guard.add_optimistic_lock('users', 'n', unversioned => 'refuse');
SELECT invariant_guard.add_optimistic_lock('users', 'n', exclude => '{n}');
SELECT invariant_guard.add_optimistic_lock('users', 'n', exclude => '{nix}');
SELECT invariant_guard.add_optimistic_lock('users', 'n', exclude => '{seen,seen}');
SELECT invariant_guard.add_optimistic_lock('users', 'n', exclude => '{seen,NULL}');
SELECT invariant_guard.add_optimistic_lock('live');
SELECT invariant_guard.add_optimistic_lock('pg_class', 'relpages');
CREATE TEMP TABLE tmp (version int);
SELECT invariant_guard.add_optimistic_lock('tmp');

-- written by hand
CREATE TABLE hand (id int PRIMARY KEY, note text, version int NOT NULL DEFAULT 0);
INSERT INTO hand VALUES (1, 'a');
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version', 'protocol=echo');
UPDATE hand SET note = 'b', version = 0 RETURNING version;
UPDATE hand SET note = 'b', version = 0;
SET invariant_guard.mode = off;
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('protocol=echo');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('note');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version', 'protocol=ech');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version', 'protocl=echo');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz AFTER UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
CREATE TRIGGER zz BEFORE UPDATE OF note ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version');
UPDATE hand SET note = 'b';
DROP TRIGGER zz ON hand;
SELECT invariant_guard.optimistic_lock();
RESET invariant_guard.mode;

--
-- unversioned => 'reject': the version has to be said in WHERE
--
CREATE TABLE strict (id int PRIMARY KEY, note text, seen int, version int NOT NULL DEFAULT 1);
INSERT INTO strict VALUES (1, 'a'), (2, 'b');
CREATE TABLE stage (id int, note text, version int);
INSERT INTO stage VALUES (1, 's', 1);
CREATE VIEW strict_view AS SELECT id, note, version AS rev FROM strict WHERE id > 0;
PREPARE before AS UPDATE strict SET note = 'before' WHERE id = 1;
EXECUTE before;
SELECT invariant_guard.add_optimistic_lock('strict', unversioned => 'reject', exclude => '{seen}');
EXECUTE before;

\set VERBOSITY sqlstate
UPDATE strict SET note = 'x' WHERE id = 1;
\set VERBOSITY default
UPDATE strict SET note = 'x', version = version + 1 WHERE id = 1;
\set VERBOSITY terse
BEGIN;
-- good
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version = 1 RETURNING version;
UPDATE strict SET note = strict.note || 'x', version = 3 WHERE version = 2 AND id = 1;
UPDATE strict SET note = strict.note || 'x' WHERE (id = 1 AND (note IS NOT NULL AND 3 = version)) RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE (id, version) = (1, 4) RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE (id, version) IN ((1, 5), (2, 1)) RETURNING id, version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version IN (6) RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version = 7::bigint RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version::text = '8' RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version = 9::numeric RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version IS NOT DISTINCT FROM 10 RETURNING version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version IS NULL;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND invariant_guard.check_version(version, 11) RETURNING version;
UPDATE strict SET note = strict.note || 'x' FROM (VALUES (1, 12), (2, 1)) v(id, ver) WHERE strict.id = v.id AND version = ver RETURNING strict.id, version;
UPDATE strict SET note = strict.note || 'x' FROM stage WHERE strict.id = stage.id AND strict.version = stage.version + 12 RETURNING strict.version;
WITH v AS (SELECT 14 AS ver) UPDATE strict SET note = strict.note || 'x' FROM v WHERE id = 1 AND version = ver RETURNING version;
WITH u AS (UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version = 15 RETURNING version) SELECT * FROM u;
UPDATE strict SET note = strict.note || 'x' FROM (stage a JOIN stage b USING (version)) j WHERE strict.id = 1 AND strict.version = j.version + 15 RETURNING strict.version;
UPDATE strict SET note = strict.note || 'x' WHERE id = 1 AND version = (SELECT max(version) + 16 FROM stage) RETURNING version;
INSERT INTO strict VALUES (1, 'i', 0, 18) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note WHERE strict.version = EXCLUDED.version RETURNING version;
INSERT INTO strict VALUES (1, 'i', 0, 18) ON CONFLICT DO NOTHING;
INSERT INTO strict VALUES (1, 'i', 0, 18) ON CONFLICT (id) DO UPDATE SET seen = EXCLUDED.seen RETURNING seen, version;
MERGE INTO strict USING stage ON strict.id = stage.id AND strict.version = stage.version + 18 WHEN MATCHED THEN UPDATE SET note = strict.note || 'm';
MERGE INTO strict USING stage ON strict.id = stage.id WHEN MATCHED AND strict.version = stage.version + 19 THEN UPDATE SET note = strict.note || 'm' WHEN NOT MATCHED THEN INSERT VALUES (9);
UPDATE strict SET seen = 7 WHERE id = 1 RETURNING seen, version;
UPDATE strict_view SET note = 'v' WHERE id = 1 AND rev = 21 RETURNING rev;
INSERT INTO strict_view VALUES (1, 'i', 22) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note WHERE strict_view.rev = EXCLUDED.rev RETURNING rev;
DO $$ DECLARE read int = 23; BEGIN
	UPDATE ol.strict SET note = 'p' WHERE id = 1 AND version = read;
	RAISE NOTICE 'found %', FOUND;
END $$;
DELETE FROM strict WHERE id = 2;
ROLLBACK;
-- not good
UPDATE strict SET note = 'x';
UPDATE strict SET note = 'x' WHERE version = version;
UPDATE strict SET note = 'x' WHERE id = 1 OR version = 1;
UPDATE strict SET note = 'x' WHERE version = 1 OR version = 2;
UPDATE strict SET note = 'x' WHERE NOT version = 1;
UPDATE strict SET note = 'x' WHERE version > 0;
UPDATE strict SET note = 'x' WHERE version IN (1, 2);
UPDATE strict SET note = 'x' WHERE version + 1 = 2;
UPDATE strict SET note = 'x' WHERE id = 1 AND version = id;
UPDATE strict SET note = 'x' WHERE id = 1 AND version = seen * 0 + 1;
UPDATE strict SET note = 'x' WHERE id = 1 AND version = (SELECT version FROM strict s WHERE s.id = 1);
UPDATE strict SET note = 'x' WHERE id = 1 AND version = (SELECT strict.version);
UPDATE strict SET note = 'x' FROM strict s WHERE s.id = strict.id AND s.version = strict.version;
UPDATE strict SET note = 'x' FROM (SELECT id, version FROM strict) s WHERE s.id = strict.id AND s.version = strict.version;
WITH s AS (SELECT id, version FROM strict) UPDATE strict SET note = 'x' FROM s WHERE s.id = strict.id AND s.version = strict.version;
UPDATE strict SET note = 'x' FROM (strict a JOIN stage b USING (version)) j WHERE strict.version = j.version;
UPDATE strict SET note = 'x' WHERE id = 1 AND invariant_guard.check_version(version, version);
INSERT INTO strict VALUES (1, 'i') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note;
INSERT INTO strict VALUES (1, 'i') ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note WHERE EXCLUDED.version = 1;
MERGE INTO strict USING stage ON strict.id = stage.id WHEN MATCHED THEN UPDATE SET note = 'm';
MERGE INTO strict USING stage ON strict.id = stage.id WHEN MATCHED AND strict.version = stage.version THEN UPDATE SET note = 'm' WHEN MATCHED THEN UPDATE SET note = 'n';
UPDATE strict_view SET note = 'v' WHERE id = 1;
INSERT INTO strict_view VALUES (1, 'i', 22) ON CONFLICT (id) DO UPDATE SET note = EXCLUDED.note WHERE EXCLUDED.rev = 22;
-- since 17: what has no partner is not held by the condition of the join
DO $$ BEGIN
	IF current_setting('server_version_num')::int < 170000 THEN
		RAISE SQLSTATE 'IGV02';
	END IF;
	EXECUTE $m$MERGE INTO strict USING stage ON strict.id = stage.id AND strict.version = stage.version
		WHEN NOT MATCHED BY SOURCE THEN UPDATE SET note = 'm'$m$;
EXCEPTION WHEN SQLSTATE 'IGV02' THEN RAISE NOTICE 'refused';
END $$;
BEGIN;
DO $$ BEGIN
	IF current_setting('server_version_num')::int >= 170000 THEN
		EXECUTE $m$MERGE INTO strict USING stage ON strict.id = stage.id + 99
			WHEN NOT MATCHED BY SOURCE AND strict.version = 1 THEN UPDATE SET note = 'm'$m$;
	END IF;
END $$;
ROLLBACK;
UPDATE strict SET note = 'x', seen = 1 WHERE id = 1;
WITH u AS (UPDATE strict SET note = 'x' WHERE id = 1 RETURNING version) SELECT * FROM u;
DO $$ BEGIN UPDATE ol.strict SET note = 'p' WHERE id = 1; END $$;
EXPLAIN (COSTS OFF) UPDATE strict SET note = 'x';
UPDATE strict SET note = 'x' WHERE false;
BEGIN;
DECLARE c CURSOR FOR SELECT * FROM strict WHERE id = 1 FOR UPDATE;
FETCH c;
UPDATE strict SET note = 'c' WHERE CURRENT OF c;
ROLLBACK;
-- a plan that was let pass is not a good one afterwards
PREPARE let AS UPDATE strict SET note = 'let' WHERE id = 1 RETURNING version;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'version-predicate(ol.strict)';
EXECUTE let;
ROLLBACK;
EXECUTE let;
SET invariant_guard.mode = warn;
EXECUTE let;
EXECUTE let;
SET invariant_guard.mode = off;
EXECUTE let;
RESET invariant_guard.mode;
EXECUTE let;
-- an allowance for the predicate is none for a stale version
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'version-predicate(ol.strict)';
UPDATE strict SET version = 1 WHERE id = 1;
ROLLBACK;
-- a rule below the table that is named
CREATE TABLE above (id int, note text, version int NOT NULL DEFAULT 0) PARTITION BY LIST (id);
CREATE TABLE below PARTITION OF above FOR VALUES IN (1);
SELECT invariant_guard.add_optimistic_lock('below', unversioned => 'reject');
INSERT INTO above VALUES (1, 'a');
UPDATE above SET note = 'x' WHERE id = 1;
UPDATE above SET note = 'x' WHERE id = 1 AND version = 0;
UPDATE below SET note = 'x' WHERE id = 1 AND version = 0 RETURNING version;
-- partitions
CREATE TABLE sp (version int NOT NULL DEFAULT 0, id int, note text) PARTITION BY LIST (id);
CREATE TABLE sp_1 (note text, id int, version int NOT NULL DEFAULT 0);
SET invariant_guard.mode = off;
ALTER TABLE sp ATTACH PARTITION sp_1 FOR VALUES IN (1);
RESET invariant_guard.mode;
CREATE TABLE sp_2 PARTITION OF sp FOR VALUES IN (2);
SELECT invariant_guard.add_optimistic_lock('sp', unversioned => 'reject');
INSERT INTO sp (id) VALUES (1);
UPDATE sp SET note = 'x' WHERE version = 0 RETURNING version;
UPDATE sp SET id = 2 WHERE id = 1;
UPDATE sp SET id = 2 WHERE id = 1 AND version = 1 RETURNING tableoid::regclass, version;
UPDATE sp_2 SET note = 'x';
UPDATE sp_2 SET note = 'x' WHERE version = 2 RETURNING version;
-- a partition that keeps its rules has them twice
CREATE TABLE ke (id int, note text, version int NOT NULL DEFAULT 0) PARTITION BY LIST (id);
CREATE TABLE ke_1 PARTITION OF ke FOR VALUES IN (1);
SELECT invariant_guard.add_optimistic_lock('ke', protocol => 'echo', unversioned => 'reject');
SELECT invariant_guard.keep_rules('ke_1');
INSERT INTO ke VALUES (1, 'a');
UPDATE ke SET note = 'b', version = 0 WHERE version = 0 RETURNING version;
UPDATE ke_1 SET note = 'b', version = 1 WHERE version = 1 RETURNING version;
UPDATE ke SET note = 'b', version = 1 WHERE version = 2 RETURNING version;
-- statements of a trigger that a foreign key's query fires
CREATE TABLE p2 (id int PRIMARY KEY);
CREATE TABLE c2 (p int REFERENCES p2 ON DELETE CASCADE);
CREATE FUNCTION c2_gone() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE ol.strict SET note = 'c2' WHERE id = 1; RETURN OLD; END $$;
CREATE TRIGGER gone BEFORE DELETE ON c2 FOR EACH ROW EXECUTE FUNCTION c2_gone();
INSERT INTO p2 VALUES (1);
INSERT INTO c2 VALUES (1);
DELETE FROM p2;

--
-- check_version, expect_version
--
SELECT invariant_guard.check_version(5, 5), invariant_guard.check_version(NULL, NULL), invariant_guard.check_version(NULL, 0);
SELECT invariant_guard.check_version(6, 5);
SELECT invariant_guard.check_version(6, NULL);
SELECT invariant_guard.check_version(NULL, 1);
SELECT invariant_guard.check_version(0, NULL);
SELECT id FROM strict WHERE id = 1 AND invariant_guard.check_version(version, 2);
\set VERBOSITY sqlstate
SELECT invariant_guard.check_version(1, 99);
SELECT invariant_guard.expect_version('strict', 1, 99);
\set VERBOSITY default
SELECT id FROM strict WHERE id = 1 AND invariant_guard.check_version(version, 99);
SELECT invariant_guard.expect_version('strict', 1, 99);
SELECT invariant_guard.expect_version('strict', 99, 2);
\set VERBOSITY terse
SELECT version FROM strict WHERE id = 1 \gset
SELECT invariant_guard.expect_version('strict', 1, :version), invariant_guard.expect_version('strict', '1', :version),
	invariant_guard.expect_version('strict', 1::bigint, :version::smallint), invariant_guard.expect_version('strict', '1'::varchar, :version);
PREPARE e AS SELECT invariant_guard.expect_version('strict', $1, $2);
EXECUTE e('1', :version);
SELECT invariant_guard.expect_version('acc', ROW(2, 2), 1), invariant_guard.expect_version('acc', ARRAY[2, 2], 1),
	invariant_guard.expect_version('acc', '{2,2}'::text[], 1);
SELECT invariant_guard.expect_version('acc', ROW(2, 2), 7);
SELECT invariant_guard.expect_version('acc', ROW(2, NULL), 7);
SELECT invariant_guard.expect_version('acc', 2, 1);
SELECT invariant_guard.expect_version('acc', ROW(2, 2, 2), 1);
SELECT invariant_guard.expect_version('strict', 'x', 1);
SELECT invariant_guard.expect_version('strict', NULL::int, 1);
SELECT invariant_guard.expect_version('strict', 1, NULL);
SELECT invariant_guard.expect_version(NULL, 1, 1);
SELECT invariant_guard.expect_version('stage', 1, 1);
SELECT invariant_guard.expect_version('sp', 1, 1);
CREATE TABLE named (name varchar(20) COLLATE "C" PRIMARY KEY, version smallint);
SELECT invariant_guard.add_optimistic_lock('named');
INSERT INTO named VALUES ('O''Neil "x"');
SELECT invariant_guard.expect_version('named', 'O''Neil "x"', 0);
SELECT invariant_guard.expect_version('named', 'O''Neil', 0);
-- with the caller's rights and policies
SET ROLE regress_ol;
SELECT invariant_guard.expect_version('strict', 1, :version);
RESET ROLE;
GRANT SELECT ON strict TO regress_ol;
SET ROLE regress_ol;
SELECT invariant_guard.expect_version('strict', 1, :version);
RESET ROLE;
GRANT UPDATE ON strict TO regress_ol;
SET ROLE regress_ol;
SELECT invariant_guard.expect_version('strict', 1, :version);
RESET ROLE;
ALTER TABLE strict ENABLE ROW LEVEL SECURITY;
SET ROLE regress_ol;
SELECT invariant_guard.expect_version('strict', 1, :version);
RESET ROLE;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA ol CASCADE;
DROP ROLE regress_ol;
