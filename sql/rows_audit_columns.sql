--
-- audit_columns
--
SET client_min_messages = warning;
CREATE ROLE regress_aud_owner;
CREATE ROLE regress_aud_user;
SET invariant_guard.mode = off;
CREATE SCHEMA aud;
GRANT ALL ON SCHEMA aud TO regress_aud_owner, regress_aud_user;
RESET invariant_guard.mode;
RESET client_min_messages;
\set VERBOSITY terse
SET search_path = aud;
SET timezone = 'UTC';
CREATE FUNCTION age_of(timestamptz) RETURNS text LANGUAGE sql AS
$$ SELECT CASE WHEN $1 IS NULL THEN 'null' WHEN $1 = now() THEN 'now' WHEN $1 > now() THEN 'later' ELSE 'older' END $$;

BEGIN;
CREATE TABLE docs (gone int, id int PRIMARY KEY, v text, doc json, created_at timestamptz,
	updated_at timestamptz, created_by text, updated_by name, twice text GENERATED ALWAYS AS (v || v) STORED);
ALTER TABLE docs DROP COLUMN gone;
COMMIT;
SELECT invariant_guard.add_audit_columns('docs', created_by => 'created_by', updated_by => 'updated_by');
SELECT invariant_guard.add_audit_columns('docs', created_by => 'created_by', updated_by => 'updated_by');
SELECT invariant_guard.add_audit_columns('docs', created_by => 'created_by', updated_by => 'updated_by', who => 'current_user');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'docs'::regclass ORDER BY 1;
GRANT ALL ON docs TO regress_aud_user;
CREATE VIEW looks AS SELECT id, v, age_of(created_at) AS created, age_of(updated_at) AS updated, created_by, updated_by FROM docs;
GRANT SELECT ON looks TO regress_aud_user;

-- INSERT: what is given is overwritten
BEGIN;
INSERT INTO docs VALUES (1, 'a', '{"a": 1}', '2000-01-01', '2000-01-01', 'forged', 'forged');
INSERT INTO docs (id, v) VALUES (2, 'b');
COPY docs (id, v, created_at) FROM stdin;
3	c	2000-01-01
\.
TABLE looks ORDER BY id;
COMMIT;
-- UPDATE: created stays, updated is when something changed
BEGIN;
UPDATE docs SET v = 'a2', created_at = '2000-01-01', created_by = 'forged' WHERE id = 1;
UPDATE docs SET v = v, doc = doc, updated_at = '2000-01-01', updated_by = 'forged', created_at = now() WHERE id = 2;
UPDATE docs SET created_at = NULL, updated_at = NULL, created_by = NULL, v = 'c2' WHERE id = 3;
TABLE looks ORDER BY id;
SELECT count(*) FROM docs WHERE updated_at < '2001-01-01' OR created_at < '2001-01-01';
ROLLBACK;
BEGIN;
UPDATE docs SET doc = '{"a":1}' WHERE id = 1;
UPDATE docs SET doc = NULL WHERE id = 2;
UPDATE docs SET updated_at = '2000-01-01', updated_by = NULL WHERE id = 3;
TABLE looks ORDER BY id;
ROLLBACK;
-- ON CONFLICT, MERGE
BEGIN;
INSERT INTO docs (id, v) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, created_at = EXCLUDED.created_at;
INSERT INTO docs (id, v) VALUES (2, 'b') ON CONFLICT (id) DO UPDATE SET v = EXCLUDED.v, created_at = EXCLUDED.created_at;
MERGE INTO docs d USING (VALUES (3), (4)) s(id) ON d.id = s.id
WHEN MATCHED THEN UPDATE SET v = 'merged' WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, 'new');
TABLE looks ORDER BY id;
ROLLBACK;
-- another trigger, whose change counts
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v = NEW.v || '!'; NEW.created_at = '2000-01-01'; RETURN NEW; END $$;
CREATE TRIGGER a_touch BEFORE UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION touch();
BEGIN;
UPDATE docs SET id = id WHERE id = 1;
SELECT * FROM looks WHERE id = 1;
ROLLBACK;
DROP TRIGGER a_touch ON docs;
-- a second trigger finds what this one stored
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % %', NEW.v, NEW.updated_at = now(), OLD.updated_at = now(); RETURN NEW; END $$;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(aud.docs)';
CREATE TRIGGER zzz_tell BEFORE UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION tell();
COMMIT;
CREATE TRIGGER zzz_told AFTER UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION tell();
BEGIN;
UPDATE docs SET v = 'told' WHERE id = 1 RETURNING updated_at = now() AS now, created_at < now() AS before;
UPDATE docs SET v = 'none' WHERE id = 1 RETURNING twice;
ROLLBACK;
DROP TRIGGER zzz_tell ON docs;
DROP TRIGGER zzz_told ON docs;

-- who: the session's user, or the one of the moment
SET ROLE regress_aud_user;
BEGIN;
INSERT INTO docs (id) VALUES (5);
SELECT id, created_by = session_user, updated_by = current_user FROM docs WHERE id = 5;
ROLLBACK;
RESET ROLE;
CREATE TABLE moment (id int, created_by varchar(63), updated_by regrole, seen oid);
ALTER TABLE moment OWNER TO regress_aud_owner;
GRANT ALL ON moment TO regress_aud_user;
SELECT invariant_guard.add_audit_columns('moment', NULL, NULL, 'created_by', 'updated_by', who => 'current_user');
CREATE FUNCTION as_owner() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ UPDATE aud.moment SET id = id + 1 $$;
ALTER FUNCTION as_owner() OWNER TO regress_aud_owner;
SET ROLE regress_aud_user;
INSERT INTO moment VALUES (1);
TABLE moment;
SELECT as_owner();
TABLE moment;
UPDATE moment SET id = id + 1;
TABLE moment;
RESET ROLE;

-- the replica role stores what is given
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
BEGIN;
INSERT INTO docs (id, created_at) VALUES (6, '2000-01-01');
UPDATE docs SET created_at = '2000-01-01', updated_at = '2000-01-01' WHERE id = 1;
SELECT id, created_at, updated_at FROM docs WHERE id IN (1, 6) AND created_at < '2001-01-01' ORDER BY id;
ROLLBACK;
RESET session_replication_role;
RESET invariant_guard.allow;
RESET invariant_guard.reason;

-- imports; other types; clocks
CREATE TABLE kept (id int, created_at timestamp(0), updated_at date);
SELECT invariant_guard.add_audit_columns('kept', imports => 'keep', clock => 'statement');
BEGIN;
INSERT INTO kept VALUES (1, '2000-01-01 00:00:00.7', NULL), (2, NULL, '2000-01-01');
SELECT id, created_at < '2001-01-01' AS old_c, updated_at < '2001-01-01' AS old_u,
	date_trunc('second', created_at) = created_at AS whole FROM kept ORDER BY id;
UPDATE kept SET id = id + 10;
SELECT id, created_at < '2001-01-01' AS old_c, updated_at BETWEEN now()::date AND statement_timestamp()::date AS u FROM kept ORDER BY id;
ROLLBACK;
CREATE TABLE ticking (id int, created_at timestamptz, updated_at timestamptz(3));
SELECT invariant_guard.add_audit_columns('ticking', clock => 'clock');
BEGIN;
INSERT INTO ticking SELECT i FROM generate_series(1, 1000) i;
SELECT bool_and(created_at > now()), count(DISTINCT created_at) > 1, bool_and(updated_at = date_trunc('milliseconds', updated_at)) FROM ticking;
ROLLBACK;

-- what was null may be filled in
CREATE TABLE older (id int, created_at timestamptz, updated_at timestamptz);
INSERT INTO older VALUES (1), (2);
SELECT invariant_guard.add_audit_columns('older');
UPDATE older SET created_at = '2000-01-01' WHERE id = 1;
UPDATE older SET id = 3 WHERE id = 2;
UPDATE older SET created_at = '2001-01-01' WHERE id = 1;
SELECT id, created_at, age_of(updated_at) FROM older ORDER BY id;

-- a rename is followed
SET invariant_guard.mode = off;
ALTER TABLE docs RENAME COLUMN updated_at TO "Updated at";
RESET invariant_guard.mode;
BEGIN;
UPDATE docs SET v = 'renamed' WHERE id = 1 RETURNING age_of("Updated at");
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE docs DROP COLUMN "Updated at";
ROLLBACK;

-- partitions: a move is an update
BEGIN;
CREATE TABLE parts (id int, k int, created_at timestamptz, updated_at timestamptz, created_by text) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 (created_by text, x int, updated_at timestamptz, id int, created_at timestamptz, k int NOT NULL) PARTITION BY LIST (id);
ALTER TABLE parts_2 DROP COLUMN x;
ALTER TABLE parts ATTACH PARTITION parts_2 FOR VALUES IN (2);
CREATE TABLE parts_2a PARTITION OF parts_2 DEFAULT;
COMMIT;
SELECT invariant_guard.add_audit_columns('parts', created_by => 'created_by');
SELECT invariant_guard.keep_rules('parts_2a');
INSERT INTO parts VALUES (1, 1), (2, 2), (3, 1);
BEGIN;
UPDATE parts SET k = 2, created_at = '2000-01-01' WHERE id = 1;
SELECT tableoid::regclass, id, k, age_of(created_at), age_of(updated_at), created_by = session_user FROM parts ORDER BY id;
COMMIT;
-- triggers on the way, that take it for a new row, and run statements of their own
CREATE FUNCTION reset() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE aud.parts SET id = id WHERE id = 3;
	NEW.created_at = now();
	NEW.created_by = 'reset';
	RETURN NEW;
END $$;
CREATE TRIGGER reset BEFORE INSERT ON parts_1 FOR EACH ROW EXECUTE FUNCTION reset();
BEGIN;
MERGE INTO parts p USING (VALUES (1)) s(id) ON p.id = s.id WHEN MATCHED THEN UPDATE SET k = 1;
SELECT tableoid::regclass, id, k, age_of(created_at), age_of(updated_at), created_by = session_user FROM parts ORDER BY id;
ROLLBACK;
DROP TRIGGER reset ON parts_1;
-- rows that are new, after others were updated or moved by the same statement
BEGIN;
WITH u AS (UPDATE parts SET id = id + 10 RETURNING *) INSERT INTO parts SELECT id + 10, k FROM u;
SELECT tableoid::regclass, id, k, age_of(created_at), age_of(updated_at) FROM parts ORDER BY id;
ROLLBACK;
BEGIN;
WITH u AS (UPDATE parts SET k = 3 - k RETURNING *) INSERT INTO parts SELECT id + 10 * n, n FROM u, generate_series(1, 2) n;
SELECT tableoid::regclass, id, k, age_of(created_at), age_of(updated_at) FROM parts ORDER BY id;
ROLLBACK;

-- inheritance
CREATE TABLE base (id int, created_at timestamptz, updated_at timestamptz);
CREATE TABLE child_1 (extra int) INHERITS (base);
SELECT invariant_guard.add_audit_columns('base');
CREATE TABLE child_2 () INHERITS (base);
BEGIN;
INSERT INTO child_1 (id) VALUES (1);
INSERT INTO child_2 (id, created_at) VALUES (2, '2000-01-01');
SELECT tableoid::regclass, id, age_of(created_at), age_of(updated_at) FROM base ORDER BY id;
COMMIT;
BEGIN;
UPDATE base SET id = id + 10;
SELECT tableoid::regclass, id, age_of(created_at), age_of(updated_at) FROM base ORDER BY id;
ROLLBACK;

-- a row with nulls and wide values before the columns, updated in place or not
CREATE TABLE wide (a text, b numeric, c int, d char, updated_at timestamptz, e text, updated_by oid);
SELECT invariant_guard.add_audit_columns('wide', NULL, 'updated_at', NULL, 'updated_by');
INSERT INTO wide VALUES (repeat('x', 3000), 1.5, NULL, 'y', NULL, 'e'), (NULL, NULL, 1, NULL, NULL, NULL), ('short', 1, 1, 'z', NULL, 'f');
UPDATE wide SET c = 7;
SELECT length(a), b, c, d, updated_at IS NOT NULL AS at, e, updated_by::regrole = session_user::regrole AS by FROM wide ORDER BY 1;

-- a trigger written by hand
CREATE TABLE hand (id int, made timestamptz, changed timestamptz, by text);
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON hand FOR EACH ROW
EXECUTE FUNCTION invariant_guard.audit_columns('made', 'changed', 'by', 'roles=created_at,updated_at,updated_by');
INSERT INTO hand VALUES (1) RETURNING made = now() AS made, changed = now() AS changed, by = session_user AS by;
CREATE TABLE wrong (id int, a int, at timestamptz, by text, made timestamptz GENERATED ALWAYS AS ('epoch'::timestamptz) STORED, short varchar(20));
CREATE TRIGGER stamp BEFORE INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION invariant_guard.audit_columns('at', 'a');
INSERT INTO wrong (id) VALUES (1);
CREATE TRIGGER first_stamp BEFORE INSERT ON wrong FOR EACH ROW EXECUTE FUNCTION invariant_guard.audit_columns('at', 'roles=created');

-- bad declarations
SELECT invariant_guard.add_audit_columns(NULL);
SELECT invariant_guard.add_audit_columns('wrong');
SELECT invariant_guard.add_audit_columns('wrong', NULL, NULL);
SELECT invariant_guard.add_audit_columns('wrong', 'at', 'at');
SELECT invariant_guard.add_audit_columns('wrong', 'a', NULL);
SELECT invariant_guard.add_audit_columns('wrong', 'by', NULL);
SELECT invariant_guard.add_audit_columns('wrong', 'made', NULL);
SELECT invariant_guard.add_audit_columns('wrong', 'at', NULL, 'a');
SELECT invariant_guard.add_audit_columns('wrong', 'at', NULL, 'short');
SELECT invariant_guard.add_audit_columns('wrong', 'at', NULL, imports => 'kept');
SELECT invariant_guard.add_audit_columns('wrong', 'at', NULL, who => NULL);
SELECT invariant_guard.add_audit_columns('wrong', 'at', NULL, clock => 'wall');
SELECT invariant_guard.add_audit_columns('looks', 'created', NULL);
SET ROLE regress_aud_user;
SELECT invariant_guard.add_audit_columns('aud.older');
RESET ROLE;

RESET timezone;
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA aud CASCADE;
DROP ROLE regress_aud_owner, regress_aud_user;
