--
-- retire: what is to be dropped is announced first, and then watched.  Who has
-- used it is tested where that is recorded on each major: see t/062_retirement.
--
\set VERBOSITY terse
CREATE SCHEMA retire;
SET search_path = retire;
CREATE ROLE regress_retire_owner;
CREATE ROLE regress_retire_other;
GRANT ALL ON SCHEMA retire TO regress_retire_owner, regress_retire_other;

CREATE TABLE never_published (a int, b int);
CREATE TABLE users (id int PRIMARY KEY, gone text, nickname text, email text, city text);
INSERT INTO users SELECT i, i, i, i, i FROM generate_series(1, 10) i;
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE users DROP COLUMN gone;
COMMIT;

-- the labels, without what differs from run to run
CREATE VIEW labels AS
	SELECT objtype, objname, regexp_replace(label, 'since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?\+00', 'since TIME') AS label
	FROM pg_seclabels WHERE provider = 'invariant_guard' AND objnamespace = 'retire'::regnamespace
	ORDER BY objname COLLATE "C";

GRANT SELECT ON labels TO PUBLIC;

-- what both doors say of a statement
CREATE FUNCTION doors(statement text) RETURNS TABLE (door text, says text) LANGUAGE plpgsql AS $$
BEGIN
	door := 'check_ddl';
	SELECT string_agg(coalesce(rule, level), ', ' ORDER BY coalesce(rule, level)) INTO says
	FROM invariant_guard.check_ddl(statement) WHERE level = 'error';
	says := coalesce(says, 'passes');
	RETURN NEXT;
	door := 'gate';
	BEGIN
		EXECUTE statement;
		RAISE EXCEPTION 'passes' USING ERRCODE = 'ZZ999';
	EXCEPTION WHEN OTHERS THEN
		says := CASE sqlstate WHEN 'ZZ999' THEN 'passes' ELSE
			substring(sqlerrm FROM '\(rule ([a-z-]+)\)') || coalesce(substring(sqlerrm FROM ', and \d+ more'), '') END;
		says := coalesce(says, sqlstate || ' ' || sqlerrm);
	END;
	RETURN NEXT;
END $$;

--
-- retiring and taking it back
--
SELECT invariant_guard.retire_column('users', 'nickname', 'APP-12: nobody reads it');
SELECT * FROM labels;
SELECT invariant_guard.retire_column('users', 'nickname', 'APP-12: nobody reads it');
-- another reason, and the time stays
CREATE TEMP TABLE before AS SELECT label FROM pg_seclabels WHERE provider = 'invariant_guard' AND objname = 'users.nickname';
SELECT invariant_guard.retire_column('users', 'nickname', 'another', block_writes => true);
SELECT * FROM labels;
SELECT substring(a.label FOR 40) = substring(b.label FOR 40) AS same_time
FROM before a, pg_seclabels b WHERE provider = 'invariant_guard' AND objname = 'users.nickname';
-- nor does block_writes change, unless it is said
SELECT invariant_guard.retire_column('users', 'nickname', 'a third one');
SELECT * FROM labels;
SELECT invariant_guard.retire_column('users', 'nickname', 'a third one', NULL);
SELECT invariant_guard.retire_column('users', 'nickname', 'a third one', false);
SELECT invariant_guard.retire_column('users', 'nickname', 'a third one');
SELECT * FROM labels;
SELECT invariant_guard.unretire_column('users', 'nickname');
SELECT invariant_guard.unretire_column('users', 'nickname');
SELECT invariant_guard.retire_table('users', 'all of it');
SELECT invariant_guard.retire_table('users', 'all of it');
SELECT * FROM labels;
SELECT invariant_guard.unretire_table('users');
SELECT invariant_guard.unretire_table('users');
SELECT * FROM labels;
-- twice in one statement
SELECT invariant_guard.retire_column('users', 'nickname', 'a'), invariant_guard.retire_column('users', 'city', 'b');
SELECT * FROM labels;
SELECT invariant_guard.unretire_column('users', 'nickname'), invariant_guard.unretire_column('users', 'city');

--
-- bad arguments
--
SELECT invariant_guard.retire_column(NULL, 'nickname', 'x');
SELECT invariant_guard.retire_column('users', NULL, 'x');
SELECT invariant_guard.retire_column('users', 'nickname', NULL);
SELECT invariant_guard.retire_column('users', 'nickname', '');
SELECT invariant_guard.retire_column('users', 'nickname', E' \n\t ');
SELECT invariant_guard.retire_column('users', 'no_such', 'x');
SELECT invariant_guard.retire_column('users', 'gone', 'x');
SELECT invariant_guard.retire_column('users', '........pg.dropped.2........', 'x');
SELECT invariant_guard.retire_column('users', 'ctid', 'x');
SELECT invariant_guard.retire_column('no_such', 'nickname', 'x');
SELECT invariant_guard.retire_column(0, 'nickname', 'x');
SELECT invariant_guard.retire_column('labels', 'label', 'x');
SELECT invariant_guard.retire_column('users_pkey', 'id', 'x');
SELECT invariant_guard.retire_column('pg_class', 'relname', 'x');
CREATE TEMP TABLE passing (a int);
SELECT invariant_guard.retire_column('passing', 'a', 'x');
SELECT invariant_guard.retire_table('passing', 'x');
SELECT invariant_guard.retire_table(NULL, 'x');
SELECT invariant_guard.retire_table('users', NULL);
SELECT invariant_guard.retire_table('users', '  ');
SELECT invariant_guard.retire_table('labels', 'x');
SELECT invariant_guard.unretire_column('users', NULL);
SELECT invariant_guard.unretire_column('users', 'no_such');
SELECT invariant_guard.unretire_table(NULL);
CREATE TYPE composite AS (a int, b int);
SELECT invariant_guard.retire_column('composite', 'a', 'x');
BEGIN READ ONLY;
SELECT invariant_guard.retire_column('users', 'nickname', 'x');
ROLLBACK;
BEGIN READ ONLY;
SELECT invariant_guard.unretire_table('users');
ROLLBACK;

--
-- any reason, any name, any role
--
CREATE ROLE "regress_retire "" by : role";
CREATE TABLE "Odd, ""table""" ("Odd: col'umn" int, abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk int);
ALTER TABLE "Odd, ""table""" OWNER TO "regress_retire "" by : role";
GRANT USAGE ON SCHEMA retire TO "regress_retire "" by : role";
SET ROLE "regress_retire "" by : role";
SELECT invariant_guard.retire_column('"Odd, ""table"""', 'Odd: col''umn', 'it''s "done", financial: retired since 2001-01-01 00:00:00+00 by "x": $$ \ ' || E'\n-- é');
SELECT invariant_guard.retire_column('"Odd, ""table"""', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk', ' protected, ');
SELECT invariant_guard.retire_table('"Odd, ""table"""', ', financial');
RESET ROLE;
SELECT * FROM labels;
SELECT invariant_guard.unretire_table('"Odd, ""table"""');
SELECT invariant_guard.unretire_column('"Odd, ""table"""', 'abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk');

-- together with classes, which stay
SELECT invariant_guard.retire_table('users', 'financial, protected');
SELECT invariant_guard.protect('users', 'protected');
SELECT * FROM labels WHERE objname = 'users';
SELECT invariant_guard.protect('users', 'financial');
SELECT * FROM labels WHERE objname = 'users';
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'unprotect(users)';
SELECT invariant_guard.unprotect('users', 'protected');
SELECT * FROM labels WHERE objname = 'users';
SELECT invariant_guard.unprotect('users');
SELECT * FROM labels WHERE objname = 'users';
SELECT invariant_guard.protect('users', 'financial');
SELECT invariant_guard.unretire_table('users');
SELECT * FROM labels WHERE objname = 'users';
SELECT invariant_guard.unprotect('users');
RESET invariant_guard.allow;
RESET invariant_guard.reason;
SELECT invariant_guard.protect('users', 'retired since 2026-01-31 12:00:00+00 by "x": y');

--
-- by hand
--
-- superusers may write any time, as a restore does
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2020-02-29 23:59:59.5+00 by "somebody": restored';
SECURITY LABEL FOR invariant_guard ON TABLE users IS 'protected,  retired since 2020-02-29 23:59:59+00 by "some""body" blocking writes: restored';
SELECT objname, label FROM pg_seclabels WHERE provider = 'invariant_guard' AND objname LIKE 'users%' ORDER BY 1;
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS NULL;
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS NULL;
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'unprotect(users)';
SECURITY LABEL FOR invariant_guard ON TABLE users IS NULL;
RESET invariant_guard.allow;
RESET invariant_guard.reason;
-- what is not of the form
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS '';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'financial';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'financial, retired since 2020-02-28 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired ';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retire';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-29 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 24:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+01 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00.+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+00 by x: y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+00 by "": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+00 by "x: y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+00 by "x": ';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2021-02-28 00:00:00+00 by "x" blocking: y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since infinity by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN users.ctid IS 'retired since 2021-02-28 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON COLUMN labels.label IS 'retired since 2021-02-28 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON TABLE users IS 'retired since yesterday';
SECURITY LABEL FOR invariant_guard ON TABLE users IS 'financal, retired since 2021-02-28 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON TABLE users IS ', retired since 2021-02-28 00:00:00+00 by "x": y';
SECURITY LABEL FOR invariant_guard ON VIEW labels IS 'retired since 2021-02-28 00:00:00+00 by "x": y';
SELECT * FROM labels WHERE objname LIKE 'users%';

-- others cannot say that it began earlier, nor that somebody else did it
ALTER TABLE users OWNER TO regress_retire_owner;
SET ROLE regress_retire_owner;
\set VERBOSITY default
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2020-02-28 00:00:00+00 by "regress_retire_owner": forged';
\set VERBOSITY terse
SECURITY LABEL FOR invariant_guard ON TABLE users IS 'retired since 2020-02-28 00:00:00+00 by "regress_retire_owner": forged';
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 9999-02-28 00:00:00+00 by "postgres": forged';
DO $$ BEGIN EXECUTE format('SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS %L',
	'retired since ' || to_char(now() AT TIME ZONE 'UTC' - interval '1 second', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 by "regress_retire_owner": forged'); END $$;
-- nor by an old transaction; but that it begins now
DO $$ BEGIN EXECUTE format('SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS %L',
	'retired since ' || to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00 by "regress_retire_owner": by hand'); END $$;
SELECT * FROM labels WHERE objname LIKE 'users%';
-- what is retired may get another reason, a later time, or an allowed label with its own time
DO $$ DECLARE l text; BEGIN SELECT label INTO l FROM pg_seclabels WHERE provider = 'invariant_guard' AND objname = 'users.nickname';
	EXECUTE format('SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS %L', replace(l, 'by hand', 'another')); END $$;
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 9999-02-28 00:00:00+00 by "regress_retire_owner": later';
SELECT * FROM labels WHERE objname LIKE 'users%';
SELECT invariant_guard.unretire_column('users', 'nickname');
RESET ROLE;
GRANT SET ON PARAMETER invariant_guard.retirement_period TO regress_retire_owner;
SET ROLE regress_retire_owner;
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS 'retired since 2020-02-28 00:00:00+00 by "somebody": restored';
SELECT invariant_guard.unretire_column('users', 'nickname');
RESET ROLE;
REVOKE SET ON PARAMETER invariant_guard.retirement_period FROM regress_retire_owner;

-- somebody else's table
SET ROLE regress_retire_other;
SELECT invariant_guard.retire_column('users', 'nickname', 'x');
SELECT invariant_guard.retire_table('users', 'x');
SELECT invariant_guard.unretire_column('users', 'nickname');
SELECT invariant_guard.unretire_table('users');
SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS NULL;
SET invariant_guard.retirement_period = 0;
SET invariant_guard.retired_column_use = record;
RESET ROLE;
SET ROLE regress_retire_owner;
SELECT invariant_guard.retire_column('users', 'nickname', 'mine');
SET invariant_guard.retirement_period = 0;
SELECT * FROM labels WHERE objname LIKE 'users%';
RESET ROLE;

--
-- drops
--
-- not retired, retired too short a time ago, and without waiting
ANALYZE users;
\set VERBOSITY default
ALTER TABLE users DROP COLUMN email;
\set VERBOSITY terse
SELECT * FROM doors('ALTER TABLE users DROP COLUMN email');
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname, DROP COLUMN email');
SELECT * FROM doors('DROP TABLE users');
SET invariant_guard.retirement_period = 0;
SELECT * FROM doors('ALTER TABLE users DROP COLUMN email');
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname, DROP COLUMN email');
SELECT * FROM doors('DROP TABLE users');
SELECT invariant_guard.retire_table('users', 'x');
-- with its table each column is retired
SELECT * FROM doors('ALTER TABLE users DROP COLUMN email');
SELECT * FROM doors('DROP TABLE users');
SELECT invariant_guard.unretire_table('users');
RESET invariant_guard.retirement_period;

-- what a script retires first, check_ddl counts as the gate does
CREATE FUNCTION scripts(script text) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(statement || ' ' || coalesce(rule, level), ', ' ORDER BY statement), 'passes')
	FROM invariant_guard.check_ddl(script, false) WHERE level = 'error' $$;
SELECT scripts($$SELECT invariant_guard.retire_column('users', 'email', 'x'); ALTER TABLE users DROP COLUMN email$$);
SELECT scripts($$SELECT invariant_guard.retire_table('users', 'x'); DROP TABLE users$$);
SET invariant_guard.retirement_period = 0;
SELECT scripts($$SELECT invariant_guard.retire_column('users', 'email', 'x', true); ALTER TABLE users DROP COLUMN email$$);
SELECT scripts($$SELECT invariant_guard.retire_table('users', 'x'); DROP TABLE users$$);
SELECT scripts($$SELECT invariant_guard.retire_column('users', 'email', 'x'); ALTER TABLE users DROP COLUMN city$$);
SELECT scripts($$SELECT invariant_guard.unretire_column('users', 'nickname'); ALTER TABLE users DROP COLUMN nickname$$);
SELECT scripts($$SECURITY LABEL FOR invariant_guard ON COLUMN users.nickname IS NULL; ALTER TABLE users DROP COLUMN nickname$$);
SELECT scripts($$SECURITY LABEL FOR invariant_guard ON COLUMN users.email IS 'retired since 2020-02-28 00:00:00+00 by "x": y'; ALTER TABLE users DROP COLUMN email$$);
SELECT scripts($$SECURITY LABEL FOR invariant_guard ON TABLE users IS 'retired since 2020-02-28 00:00:00+00 by "x": y'; DROP TABLE users$$);
SELECT scripts($$BEGIN; SELECT invariant_guard.retire_column('users', 'email', 'x'); ROLLBACK; ALTER TABLE users DROP COLUMN email$$);
RESET invariant_guard.retirement_period;

-- an allowance for a drop is one for an early drop; so is a lower level
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname)';
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'drop-too-early(users.nickname)';
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'drop-too-early(users.email)';
ALTER TABLE users DROP COLUMN email;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.severity = 'drop-column=off';
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.severity = 'columns=off';
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
SET invariant_guard.severity = 'drop-column=off, drop-too-early=error';
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
-- not on protected tables
SET invariant_guard.protected_tables = 'retire.users';
SET invariant_guard.severity = 'columns=off, wipe=off';
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
RESET invariant_guard.severity;
RESET invariant_guard.protected_tables;
-- nor does retirement change what is asked of financial ones
SET invariant_guard.financial_tables = 'retire.users';
SET invariant_guard.retirement_period = 0;
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
SELECT invariant_guard.retire_table('users', 'x');
SELECT * FROM doors('DROP TABLE users');
SELECT invariant_guard.unretire_table('users');
RESET invariant_guard.financial_tables;

-- an index over other columns still has to be replaced first
CREATE INDEX CONCURRENTLY users_nickname_city ON users (nickname, city);
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
DROP INDEX CONCURRENTLY users_nickname_city;
CREATE INDEX CONCURRENTLY users_nickname ON users (nickname);
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
-- a view still needs CASCADE, which names it
CREATE VIEW nicknames AS SELECT nickname FROM users;
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname CASCADE');
\set VERBOSITY default
ALTER TABLE users DROP COLUMN nickname CASCADE;
\set VERBOSITY terse
DROP VIEW nicknames;

-- the view: what depends on a column, and what holds it
CREATE VIEW nicknames AS SELECT nickname FROM users;
CREATE FUNCTION nick_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT NICKNAME FROM users WHERE id = $1';
CREATE FUNCTION sets_nick() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.nickname := lower(NEW.nickname); RETURN NEW; END';
CREATE FUNCTION other_nick() RETURNS text LANGUAGE sql AS 'SELECT ''nickname_of users''';
CREATE TRIGGER sets_nick BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION sets_nick();
CREATE TRIGGER on_nick AFTER UPDATE OF nickname ON users FOR EACH ROW EXECUTE FUNCTION sets_nick();
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_nick ON users USING (nickname IS NOT NULL);
CREATE POLICY by_city ON users USING (city IS NOT NULL);
CREATE INDEX CONCURRENTLY users_nickname_city ON users (nickname, city);
SET client_min_messages = error;
CREATE PUBLICATION regress_retire_all FOR TABLE users;
CREATE PUBLICATION regress_retire_some FOR TABLE never_published (a);
RESET client_min_messages;
SET invariant_guard.mode = off;
ALTER TABLE users ADD COLUMN shout text GENERATED ALWAYS AS (upper(nickname)) STORED;
ALTER TABLE users ADD CHECK (nickname <> '');
RESET invariant_guard.mode;
SELECT rel, "column", retired_by, reason, block_writes FROM invariant_guard.retirements WHERE rel = 'users'::regclass;
SELECT d FROM invariant_guard.retirements, unnest(dependents) d WHERE rel = 'users'::regclass ORDER BY d COLLATE "C";
SELECT h FROM invariant_guard.retirements, unnest(held_by) h WHERE rel = 'users'::regclass ORDER BY h COLLATE "C";
SELECT invariant_guard.retire_table('users', 'the whole');
SELECT rel, "column", reason, held_by FROM invariant_guard.retirements WHERE rel = 'users'::regclass AND "column" IS NULL;
-- 18 has constraints for NOT NULL
SELECT d FROM invariant_guard.retirements, unnest(dependents) d
WHERE rel = 'users'::regclass AND "column" IS NULL AND d NOT LIKE '%not_null%' ORDER BY d COLLATE "C";
SELECT invariant_guard.unretire_table('users');
-- who has used it is not for everybody; that it is retired is
SET ROLE regress_retire_other;
SELECT rel, "column", reason, since <= now() AS past, read_by, written_by FROM invariant_guard.retirements WHERE rel = 'users'::regclass;
RESET ROLE;
SET invariant_guard.mode = off;
DROP PUBLICATION regress_retire_all;
DROP VIEW nicknames;
DROP POLICY by_nick ON users;
DROP TRIGGER on_nick ON users;
DROP TRIGGER sets_nick ON users;
DROP FUNCTION nick_of, other_nick, sets_nick;
ALTER TABLE users DROP COLUMN shout, DISABLE ROW LEVEL SECURITY;
DROP INDEX users_nickname_city;
RESET invariant_guard.mode;

-- the label follows a rename and goes with the column
SET invariant_guard.retirement_period = 0;
BEGIN;
SET LOCAL invariant_guard.mode = warn;
ALTER TABLE users RENAME COLUMN nickname TO handle;
ALTER TABLE users RENAME TO people;
SELECT * FROM labels WHERE objname LIKE 'people%';
SELECT * FROM doors('ALTER TABLE people DROP COLUMN handle');
ALTER TABLE people DROP COLUMN handle;
ALTER TABLE people ADD COLUMN handle text;
SELECT * FROM labels WHERE objname LIKE 'people%';
ROLLBACK;
-- the one that is added again under the same name is not retired
BEGIN;
ALTER TABLE users DROP COLUMN nickname;
ALTER TABLE users ADD COLUMN nickname text;
COMMIT;
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
SELECT invariant_guard.retire_column('users', 'nickname', 'again');
SELECT * FROM doors('ALTER TABLE users DROP COLUMN nickname');
-- no name gets out of a comment
ALTER TABLE users ADD COLUMN "a
DROP TABLE users; --" int;
ANALYZE users;
\set VERBOSITY default
ALTER TABLE users DROP COLUMN "a
DROP TABLE users; --";
\set VERBOSITY terse
-- a column that is new in the transaction
BEGIN;
ALTER TABLE users ADD COLUMN fresh text;
ALTER TABLE users DROP COLUMN fresh;
ROLLBACK;
RESET invariant_guard.retirement_period;

-- a table that never held a row need not wait; one that held any must, also if empty
CREATE TABLE never (id int, a int);
SELECT * FROM doors('DROP TABLE never');
SELECT invariant_guard.retire_table('never', 'x'), invariant_guard.retire_column('never', 'a', 'x');
SELECT * FROM doors('DROP TABLE never');
SELECT * FROM doors('ALTER TABLE never DROP COLUMN a');
BEGIN;
INSERT INTO never VALUES (1, 1);
ROLLBACK;
SELECT * FROM doors('DROP TABLE never');
CREATE TABLE emptied (id int);
INSERT INTO emptied VALUES (1);
DELETE FROM emptied;
VACUUM emptied;
SELECT pg_relation_size('emptied') AS size, invariant_guard.retire_table('emptied', 'x');
SELECT * FROM doors('DROP TABLE emptied');
CREATE TABLE truncated (id int);
INSERT INTO truncated VALUES (1);
BEGIN;
SET LOCAL invariant_guard.mode = off;
TRUNCATE truncated;
COMMIT;
SELECT pg_relation_size('truncated') AS size, invariant_guard.retire_table('truncated', 'x');
SELECT * FROM doors('DROP TABLE truncated');
CREATE UNLOGGED TABLE unlogged (id int);
SELECT invariant_guard.retire_table('unlogged', 'x');
SELECT * FROM doors('DROP TABLE unlogged');

-- what takes columns and tables along is judged the same
CREATE DOMAIN dom AS text;
CREATE TYPE mood AS ENUM ('good');
CREATE TABLE along (id int, d dom, m mood);
INSERT INTO along VALUES (1, 'a', 'good');
CREATE SCHEMA retire_other;
CREATE TABLE retire_other.t (id int);
INSERT INTO retire_other.t VALUES (1);
SELECT * FROM doors('DROP DOMAIN dom CASCADE');
SELECT * FROM doors('DROP TYPE mood CASCADE');
SELECT * FROM doors('DROP SCHEMA retire_other CASCADE');
SELECT invariant_guard.retire_column('along', 'd', 'x'), invariant_guard.retire_column('along', 'm', 'x'),
	invariant_guard.retire_table('retire_other.t', 'x');
SELECT * FROM doors('DROP DOMAIN dom CASCADE');
SELECT * FROM doors('DROP TYPE mood CASCADE');
SELECT * FROM doors('DROP SCHEMA retire_other CASCADE');
SET invariant_guard.retirement_period = 0;
SELECT * FROM doors('DROP DOMAIN dom CASCADE');
SELECT * FROM doors('DROP TYPE mood CASCADE');
SELECT * FROM doors('DROP SCHEMA retire_other CASCADE');
RESET invariant_guard.retirement_period;

-- partitions and inheritance
CREATE TABLE part (id int, k int, old text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10) PARTITION BY LIST (k);
CREATE TABLE part_1a PARTITION OF part_1 DEFAULT;
CREATE TABLE part_2 (k int, gone int, old text, id int);
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE part_2 DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
COMMIT;
INSERT INTO part VALUES (1, 1, 'a'), (11, 1, 'b');
SELECT invariant_guard.retire_column('part_1', 'old', 'x');
SELECT invariant_guard.retire_column('part', 'old', 'x');
SELECT * FROM doors('ALTER TABLE part DROP COLUMN old');
SELECT * FROM doors('DROP TABLE part_2');
SELECT invariant_guard.retire_table('part', 'x');
SELECT * FROM doors('DROP TABLE part_2');
SELECT * FROM doors('DROP TABLE part');
SET invariant_guard.retirement_period = 0;
SELECT * FROM doors('ALTER TABLE part DROP COLUMN old');
SELECT * FROM doors('DROP TABLE part_1a');
SELECT * FROM doors('DROP TABLE part_2');
SELECT * FROM doors('DROP TABLE part');
SELECT invariant_guard.unretire_table('part'), invariant_guard.retire_table('part_2', 'its own');
SELECT * FROM doors('DROP TABLE part_1a');
SELECT * FROM doors('DROP TABLE part_2');
CREATE TABLE base (id int, old text);
CREATE TABLE child (extra text) INHERITS (base);
INSERT INTO child VALUES (1, 'a', 'b');
SELECT invariant_guard.retire_column('child', 'old', 'x');
SELECT invariant_guard.retire_column('base', 'old', 'x'), invariant_guard.retire_column('child', 'extra', 'x');
SELECT * FROM doors('ALTER TABLE base DROP COLUMN old');
SELECT * FROM doors('ALTER TABLE child DROP COLUMN extra');
SELECT invariant_guard.retire_table('base', 'x');
-- an inheritance child is a table of its own
SELECT * FROM doors('DROP TABLE base CASCADE');
RESET invariant_guard.retirement_period;

--
-- retired_column_use and block_writes
--
CREATE TABLE used (id int PRIMARY KEY, old text, other text DEFAULT 'o', calc int);
INSERT INTO used SELECT i, i, i FROM generate_series(1, 3) i;
CREATE VIEW used_view AS SELECT id, old FROM used;
CREATE FUNCTION reads_old() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(old) FROM used); END $$;
PREPARE reads AS SELECT old FROM used WHERE id = 1;
PREPARE writes AS UPDATE used SET old = 'x' WHERE id = 1;
PREPARE neither AS SELECT other FROM used WHERE id = 1;
EXECUTE reads;
EXECUTE neither;
SELECT reads_old();
SELECT invariant_guard.retire_column('used', 'old', 'not read since 2.0');
-- record
EXECUTE reads;
-- warn
SET invariant_guard.retired_column_use = warn;
EXECUTE reads;
EXECUTE writes;
EXECUTE neither;
SELECT count(*) FROM used;
SELECT * FROM used ORDER BY id;
SELECT used FROM used WHERE id = 2;
SELECT id FROM used_view WHERE id = 2;
SELECT reads_old();
EXPLAIN (COSTS OFF) EXECUTE reads;
-- error
SET invariant_guard.retired_column_use = error;
EXECUTE reads;
EXECUTE neither;
SELECT reads_old();
SELECT other FROM used WHERE old = '1';
INSERT INTO used (id, other) VALUES (4, 'o');
INSERT INTO used VALUES (5, 'o');
INSERT INTO used (id) VALUES (6) RETURNING old;
UPDATE used SET other = 'p' WHERE id = 4;
DELETE FROM used WHERE id = 4;
COPY used (id, old) TO stdout;
COPY used TO stdout;
COPY (SELECT other FROM used WHERE id = 1) TO stdout;
MERGE INTO used u USING (SELECT 1 AS id) s ON u.id = s.id WHEN MATCHED THEN UPDATE SET old = 'm';
MERGE INTO used u USING (SELECT 1 AS id) s ON u.id = s.id WHEN MATCHED THEN UPDATE SET other = 'm';
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'retired-use(used.old)';
EXECUTE reads;
ROLLBACK;
RESET invariant_guard.retired_column_use;
EXECUTE reads;

-- block_writes
SELECT invariant_guard.retire_column('used', 'old', 'not read since 2.0', block_writes => true);
EXECUTE writes;
EXECUTE reads;
INSERT INTO used (id, other) VALUES (4, 'o');
INSERT INTO used (id, old) VALUES (7, NULL);
INSERT INTO used (id, old) VALUES (7, DEFAULT);
INSERT INTO used (id, other) VALUES (4, 'o') ON CONFLICT (id) DO UPDATE SET old = 'c';
INSERT INTO used (id, other) VALUES (4, 'o') ON CONFLICT (id) DO UPDATE SET other = 'c';
UPDATE used SET old = NULL;
UPDATE used_view SET old = 'v';
MERGE INTO used u USING (SELECT 9 AS id) s ON u.id = s.id WHEN NOT MATCHED THEN INSERT (id, old) VALUES (9, 'm');
-- refused before there is anything to be sent: some psqls would take data for SQL
COPY used FROM '/dev/null';
COPY used (id, other) FROM stdin;
8	y
\.
DELETE FROM used WHERE id = 8;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'retired-write(used.old)';
EXECUTE writes;
ROLLBACK;
SET invariant_guard.mode = warn;
EXECUTE writes;
RESET invariant_guard.mode;
SELECT invariant_guard.unretire_column('used', 'old');
EXECUTE writes;
-- a table, and by the names of partitions
SELECT invariant_guard.retire_table('used', 'x');
SET invariant_guard.retired_column_use = error;
EXECUTE neither;
SELECT count(*) FROM used;
SELECT invariant_guard.unretire_table('used');
EXECUTE neither;
SELECT old FROM part_2;
SELECT old FROM part_1a;
SELECT id FROM part_1a;
SELECT old FROM child;
INSERT INTO part_1a (id, k, old) VALUES (2, 1, 'c');
RESET invariant_guard.retired_column_use;
SELECT invariant_guard.retire_column('part', 'old', 'x', block_writes => true);
INSERT INTO part_1a (id, k, old) VALUES (2, 1, 'c');
INSERT INTO part (id, k) VALUES (2, 1);

-- a foreign key's own queries are no use
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE refers (id int, parent_id int REFERENCES parent ON DELETE SET NULL);
INSERT INTO parent VALUES (1);
INSERT INTO refers VALUES (1, 1);
SELECT invariant_guard.retire_column('refers', 'parent_id', 'x', block_writes => true);
SET invariant_guard.retired_column_use = error;
DELETE FROM parent;
RESET invariant_guard.retired_column_use;
SELECT * FROM refers;

-- what the transaction made takes values, as when it restores a dump; later ones do not
BEGIN;
CREATE TABLE restored (id int, old text);
SELECT invariant_guard.retire_column('restored', 'old', 'x', block_writes => true);
COPY restored FROM stdin;
1	a
\.
SET LOCAL invariant_guard.retired_column_use = error;
INSERT INTO restored VALUES (2, 'b');
SELECT * FROM restored;
COMMIT;
INSERT INTO restored VALUES (3, 'c');

-- a column that a row rule names: the rule goes first
CREATE TABLE ruled (id int, note text);
INSERT INTO ruled VALUES (1, 'a');
SELECT invariant_guard.add_immutable_columns('ruled', '{note}');
SELECT invariant_guard.retire_column('ruled', 'note', 'x');
CREATE TABLE kept (id int, note text);
INSERT INTO kept VALUES (1, 'a');
SELECT invariant_guard.add_append_only('kept');
SELECT invariant_guard.retire_table('kept', 'x'), invariant_guard.retire_column('kept', 'note', 'x');
SET invariant_guard.retirement_period = 0;
SELECT rel, "column", h FROM invariant_guard.retirements, unnest(held_by) h
WHERE rel IN ('ruled'::regclass, 'kept'::regclass) AND h NOT LIKE 'trigger %' ORDER BY rel::text, "column" NULLS FIRST, h;
\set VERBOSITY default
ALTER TABLE ruled DROP COLUMN note;
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'guard-self(ruled)';
SELECT invariant_guard.drop_rule('ruled', 'immutable-columns');
COMMIT;
ALTER TABLE ruled DROP COLUMN note;
RESET invariant_guard.retirement_period;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP PUBLICATION regress_retire_some;
DROP SCHEMA retire CASCADE;
DROP SCHEMA retire_other CASCADE;
DROP ROLE regress_retire_owner, regress_retire_other, "regress_retire "" by : role";
