--
-- Rule row-rule: what goes round the row rules of a table.
--
CREATE SCHEMA keep;
SET search_path = keep;
CREATE TABLE accounts (id int PRIMARY KEY);
CREATE TABLE ledger (id int PRIMARY KEY, account int, cents int, note varchar(20), paid int);
CREATE TABLE plain (id int PRIMARY KEY, cents int, note varchar(20));
SELECT invariant_guard.add_append_only('ledger');
INSERT INTO ledger VALUES (1, 1, 100, 'a');
INSERT INTO plain VALUES (1, 100, 'a');

-- all rules that refuse a statement, which is not carried out; what a row
-- rule's own trigger refuses is no matter of the gate
CREATE FUNCTION refused_by(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	detail text;
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION SQLSTATE 'ZZ000';
EXCEPTION
	WHEN SQLSTATE 'ZZ000' THEN
		RETURN '-';
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
		RETURN coalesce((SELECT string_agg(m[1], ', ' ORDER BY m[1])
						 FROM regexp_matches(message || detail, '\(rule ([a-z-]+)\)', 'g') AS m),
						'server: ' || message);
END $$;
CREATE FUNCTION broken_by(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	rule text;
BEGIN
	EXECUTE statement;
	RETURN '-';
EXCEPTION
	WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
		RETURN rule;
END $$;

-- what the settings can lower is lowered, so that what remains is the rule
SET invariant_guard.severity = 'lock=off, compatibility=off, wipe=off, financial=off, discipline=off';

SELECT s, refused_by(s) FROM unnest(ARRAY[
	'ALTER TABLE ledger DROP COLUMN note',
	'ALTER TABLE ledger ALTER cents TYPE bigint',
	'ALTER TABLE ledger ALTER cents TYPE int USING cents * 2',
	'ALTER TABLE ledger ALTER note TYPE varchar(30)',
	'ALTER TABLE ledger RENAME TO old_ledger',
	'ALTER TABLE ledger SET SCHEMA public',
	'ALTER TABLE ledger RENAME COLUMN note TO remark',
	'DROP TABLE ledger',
	'CREATE RULE away AS ON DELETE TO ledger DO INSTEAD NOTHING',
	'CREATE RULE also AS ON INSERT TO ledger DO ALSO NOTHING',
	'ALTER TABLE ledger ADD FOREIGN KEY (account) REFERENCES accounts ON DELETE CASCADE NOT VALID',
	'ALTER TABLE ledger ADD FOREIGN KEY (account) REFERENCES accounts ON UPDATE SET NULL NOT VALID',
	'ALTER TABLE ledger ADD FOREIGN KEY (account) REFERENCES accounts NOT VALID',
	'ALTER TABLE ledger DISABLE TRIGGER ALL',
	'ALTER TABLE ledger DISABLE TRIGGER zz_ig_append_only_change',
	'ALTER TABLE ledger ENABLE ALWAYS TRIGGER zz_ig_append_only_change',
	'DROP TRIGGER zz_ig_append_only_truncate ON ledger',
	'ALTER TABLE ledger ADD COLUMN more int',
	'CREATE INDEX ON ledger (account)',
	'ALTER TABLE plain DROP COLUMN note',
	'ALTER TABLE plain ALTER cents TYPE bigint',
	'ALTER TABLE plain RENAME TO old_plain',
	'DROP TABLE plain',
	'CREATE RULE away AS ON DELETE TO plain DO INSTEAD NOTHING',
	'DROP SCHEMA keep CASCADE'
]) AS s;

-- columns that the rule names: in the WHEN clause, and as arguments
CREATE TABLE anchored (id int, a int, b int);
CREATE TRIGGER t BEFORE UPDATE ON anchored FOR EACH ROW
	WHEN (invariant_guard.changed(old.a, new.a)) EXECUTE FUNCTION invariant_guard.immutable_columns();
CREATE TABLE named (id int, a int, b int);
CREATE TRIGGER t BEFORE UPDATE ON named FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.immutable_columns('a');
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'ALTER TABLE named DROP COLUMN a',
	'ALTER TABLE named RENAME COLUMN a TO c',
	'ALTER TABLE named DROP COLUMN b',
	'ALTER TABLE named RENAME COLUMN b TO c',
	'ALTER TABLE named RENAME TO other',
	'ALTER TABLE anchored RENAME COLUMN a TO c',
	'ALTER TABLE anchored DROP COLUMN a CASCADE'
]) AS s;

-- partitions
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
SELECT invariant_guard.add_append_only('part');
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE TABLE part_3 (id int, k int);
ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES IN (3);
INSERT INTO part VALUES (1, 1), (2, 2), (3, 3);
SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger
WHERE tgrelid::regclass::text LIKE 'part%' ORDER BY 1, 2;
SELECT s, broken_by(s) FROM unnest(ARRAY[
	'TRUNCATE part',
	'TRUNCATE part_1',
	'TRUNCATE part_2',
	'TRUNCATE part_3'
]) AS s;
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'ALTER TABLE part DETACH PARTITION part_2',
	'ALTER TABLE part_2 DISABLE TRIGGER zz_ig_append_only_change',
	'DROP TABLE part_2',
	'ALTER TABLE part DROP COLUMN id',
	'ALTER TABLE part ALTER id TYPE bigint'
]) AS s;
\set VERBOSITY terse
ALTER TABLE part DETACH PARTITION part_2 CONCURRENTLY;
\set VERBOSITY default
ALTER TABLE part DETACH PARTITION part_1;
SELECT invariant_guard.keep_rules('part_1');
SELECT invariant_guard.keep_rules('part_1');
ALTER TABLE part DETACH PARTITION part_1;
SELECT s, broken_by(s) FROM unnest(ARRAY[
	'UPDATE part_1 SET id = 2',
	'DELETE FROM part_1',
	'TRUNCATE part_1'
]) AS s;
SELECT refused_by('DROP TABLE part_1');
ALTER TABLE part ATTACH PARTITION part_1 FOR VALUES IN (1);
SELECT invariant_guard.keep_rules('part_2');
ALTER TABLE part DETACH PARTITION part_2 CONCURRENTLY;
SELECT broken_by('UPDATE part_2 SET id = 2');
SELECT invariant_guard.keep_rules(NULL);
SELECT invariant_guard.keep_rules('plain');

-- children
CREATE TABLE kid () INHERITS (ledger);
CREATE TABLE kid_later (id int NOT NULL, account int, cents int, note varchar(20), paid int);
ALTER TABLE kid_later INHERIT ledger;
INSERT INTO kid VALUES (2, 1, 100, 'b');
INSERT INTO kid_later VALUES (3, 1, 100, 'b');
CREATE SCHEMA keep_2 CREATE TABLE kid_3 () INHERITS (ledger);
DO $$ BEGIN CREATE TABLE kid_4 () INHERITS (kid); END $$;
SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger
WHERE tgrelid::regclass::text LIKE '%kid%' ORDER BY 1, 2;
SELECT s, broken_by(s) FROM unnest(ARRAY[
	'UPDATE kid SET cents = 2',
	'UPDATE ledger SET cents = 2 WHERE id = 3',
	'DELETE FROM kid_later',
	'TRUNCATE kid'
]) AS s;
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'ALTER TABLE kid_later NO INHERIT ledger',
	'ALTER TABLE kid DROP COLUMN note',
	'DROP TABLE kid'
]) AS s;
CREATE TABLE above (id int, cents int);
CREATE TABLE below () INHERITS (above);
SELECT invariant_guard.add_append_only('below');
INSERT INTO below VALUES (1, 1);
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'ALTER TABLE above ALTER cents TYPE bigint',
	'ALTER TABLE above DROP COLUMN cents'
]) AS s;
SELECT broken_by('UPDATE above SET cents = 1');

-- a trigger that goes along with something else
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE moods (id int, m mood);
CREATE TRIGGER t BEFORE UPDATE ON moods FOR EACH ROW
	WHEN (invariant_guard.changed(old.m, new.m)) EXECUTE FUNCTION invariant_guard.immutable_columns();
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'DROP TYPE mood',
	'DROP TYPE mood CASCADE',
	'DROP EXTENSION invariant_guard CASCADE'
]) AS s;

-- a trigger that cannot hold its rule is refused at once
CREATE TRIGGER late AFTER UPDATE ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER parts BEFORE UPDATE OF cents ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER what BEFORE UPDATE ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only('nothing=such');
CREATE TRIGGER col BEFORE UPDATE ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only('no_column');
CREATE TRIGGER fine BEFORE UPDATE ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only();

-- ... but not with the mode at off
BEGIN;
SET LOCAL invariant_guard.mode = off;
CREATE TRIGGER late AFTER UPDATE ON plain FOR EACH ROW
	EXECUTE FUNCTION invariant_guard.append_only();
ROLLBACK;

-- an index that a rule consists of
CREATE TABLE plans (id int PRIMARY KEY, owner int, active bool, price int);
SELECT invariant_guard.add_unique_active('plans', '{owner}', 'active');
SELECT s, refused_by(s) FROM unnest(ARRAY[
	'DROP INDEX ' || (SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'plans'::regclass AND NOT indisprimary),
	'ALTER TABLE plans DROP COLUMN owner',
	'ALTER TABLE plans DROP COLUMN active',
	'ALTER TABLE plans DROP COLUMN price'
]) AS s;

-- with an allowance; what is new in the transaction is nobody's concern
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(keep.ledger)';
ALTER TABLE ledger RENAME TO ledger_old;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(part_3)';
ALTER TABLE part DETACH PARTITION part_3;
UPDATE part_3 SET id = 2;
ROLLBACK;
BEGIN;
CREATE TABLE fresh (id int, cents int);
SELECT invariant_guard.add_append_only('fresh');
ALTER TABLE fresh RENAME TO fresh_2;
DROP TABLE fresh_2;
ROLLBACK;

-- what it says
RESET invariant_guard.severity;
\set VERBOSITY terse
TRUNCATE ledger;
\set VERBOSITY default
SET invariant_guard.severity = 'lock=off, compatibility=off, wipe=off, financial=off, discipline=off';
DROP TABLE below;
ALTER TABLE below RENAME TO old_below;

SET invariant_guard.mode = off;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA keep CASCADE;
DROP SCHEMA keep_2 CASCADE;
