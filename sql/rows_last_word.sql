--
-- Triggers that fire after a row rule's own, and would have the last word
--
SET client_min_messages = warning;
CREATE SCHEMA lw;
SET search_path = lw;
CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.version := 0; RETURN NEW; END';
CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TABLE docs (id int PRIMARY KEY, version int NOT NULL DEFAULT 0, created_at timestamptz, updated_at timestamptz);
RESET client_min_messages;
SELECT invariant_guard.add_optimistic_lock('docs');

-- CREATE TRIGGER: what fires after it, before each row, for the same command
CREATE TRIGGER zzz BEFORE UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE OR REPLACE TRIGGER zz_iz BEFORE INSERT OR UPDATE ON lw.docs FOR EACH ROW EXECUTE FUNCTION meddle();
CREATE TRIGGER a_first BEFORE UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz BEFORE INSERT ON docs FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz_after AFTER UPDATE ON docs FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz_statement BEFORE UPDATE ON docs FOR EACH STATEMENT EXECUTE FUNCTION leave();
CREATE TRIGGER zzz_delete BEFORE DELETE ON docs FOR EACH ROW EXECUTE FUNCTION leave();
-- of another rule of ours it is no matter
CREATE TRIGGER zzz_ours BEFORE UPDATE OR DELETE ON docs FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=5');
SELECT invariant_guard.drop_rule('docs', 'row-limit');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(lw.docs)';
SELECT invariant_guard.drop_rule('docs', 'row-limit');
COMMIT;

-- ALTER TRIGGER RENAME, and what the hint says
ALTER TRIGGER a_first ON docs RENAME TO zzz_last;
ALTER TRIGGER a_first ON lw.docs RENAME TO zz_before_zzz_last;
ALTER TRIGGER zz_before_zzz_last ON docs RENAME TO a_first;
ALTER TRIGGER zzz_after ON docs RENAME TO zzz_after_2;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(lw.docs)';
ALTER TRIGGER a_first ON docs RENAME TO zzz_last;
COMMIT;
-- it has it already
ALTER TRIGGER zzz_last ON docs RENAME TO zzz_very_last;

-- verify_rules() tells, and mends
SELECT severity, relation, rule, trigger, weakness, mend FROM invariant_guard.verify_rules('docs');
ALTER TABLE docs DISABLE TRIGGER zzz_very_last;
SELECT weakness FROM invariant_guard.verify_rules('docs');
ALTER TABLE docs ENABLE TRIGGER zzz_very_last;
SELECT mend FROM invariant_guard.verify_rules('docs') \gexec
SELECT weakness FROM invariant_guard.verify_rules('docs');
SELECT tgname FROM pg_trigger WHERE tgrelid = 'docs'::regclass AND tgfoid = 'leave()'::regprocedure ORDER BY 1;

-- what is there when the rule is declared; INSERT matters to audit columns
CREATE TABLE notes (id int, created_at timestamptz, updated_at timestamptz);
CREATE TRIGGER zzz BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION leave();
SELECT invariant_guard.add_audit_columns('notes');
SELECT weakness, mend FROM invariant_guard.verify_rules('notes');
ALTER TRIGGER zzz ON lw.notes RENAME TO zz_before_zzz;
SELECT weakness, mend FROM invariant_guard.verify_rules('notes');
-- a name that nothing much sorts before
CREATE TABLE hand (id int, version int);
CREATE TRIGGER a BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version');
CREATE TRIGGER b BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION leave();
SET invariant_guard.mode = off;
CREATE TRIGGER b BEFORE UPDATE ON hand FOR EACH ROW EXECUTE FUNCTION leave();
RESET invariant_guard.mode;
SELECT trigger, weakness, mend FROM invariant_guard.verify_rules('hand') WHERE weakness ~ 'fires after';

-- partitions: the clone counts
CREATE TABLE parts (id int, k int, version int NOT NULL DEFAULT 0) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES IN (2);
SELECT invariant_guard.add_optimistic_lock('parts_1');
CREATE TRIGGER zzz BEFORE UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz BEFORE UPDATE ON parts_1 FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz BEFORE UPDATE ON parts_2 FOR EACH ROW EXECUTE FUNCTION leave();
DROP TRIGGER zzz ON parts_2;
SET invariant_guard.mode = off;
CREATE TRIGGER zzz BEFORE UPDATE ON parts FOR EACH ROW EXECUTE FUNCTION leave();
RESET invariant_guard.mode;
SELECT relation, trigger, weakness, mend FROM invariant_guard.verify_rules('parts');
DROP TRIGGER zzz ON parts;
-- and where all have the rule, of their own ones
CREATE TABLE whole (id int, k int, version int NOT NULL DEFAULT 0) PARTITION BY LIST (k);
CREATE TABLE whole_1 PARTITION OF whole FOR VALUES IN (1);
CREATE TRIGGER zzz BEFORE UPDATE ON whole_1 FOR EACH ROW EXECUTE FUNCTION leave();
SELECT invariant_guard.add_optimistic_lock('whole');
CREATE TRIGGER zzzz BEFORE UPDATE ON whole_1 FOR EACH ROW EXECUTE FUNCTION leave();
SET invariant_guard.mode = off;
CREATE TRIGGER zzy BEFORE UPDATE ON whole FOR EACH ROW EXECUTE FUNCTION leave();
RESET invariant_guard.mode;
SELECT relation, trigger, weakness, mend FROM invariant_guard.verify_rules('whole') ORDER BY 1, 3;

-- what a table brings that joins one with the rule
CREATE TABLE whole_2 (id int, k int NOT NULL CHECK (k = 2), version int NOT NULL DEFAULT 0) PARTITION BY LIST (id);
CREATE TABLE whole_2_1 PARTITION OF whole_2 FOR VALUES IN (1);
CREATE TRIGGER zzz_2 BEFORE UPDATE ON whole_2_1 FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER a_first BEFORE UPDATE ON whole_2 FOR EACH ROW EXECUTE FUNCTION leave();
ALTER TABLE whole ATTACH PARTITION whole_2 FOR VALUES IN (2);
ALTER TRIGGER zzz_2 ON lw.whole_2_1 RENAME TO zz_before_zzz_2;
SELECT relation, trigger, weakness, mend FROM invariant_guard.verify_rules('whole_2');
CREATE TABLE memos (id int, version int NOT NULL DEFAULT 0);
CREATE TRIGGER zzz BEFORE UPDATE ON memos FOR EACH ROW EXECUTE FUNCTION leave();
ALTER TABLE memos INHERIT hand;
ALTER TABLE memos NO INHERIT hand;

-- a snapshot that nobody verifies
CREATE TABLE prices (id int PRIMARY KEY, price int);
CREATE TABLE sold (price_id int REFERENCES prices, price int);
CREATE TABLE sold_2 (price_id int REFERENCES prices, price int);
SELECT invariant_guard.add_snapshot_columns('sold', '{price}', 'prices', '{price}'),
	invariant_guard.add_snapshot_columns('sold_2', '{price}', 'prices', '{price}', verify => true);
CREATE TRIGGER zzz BEFORE INSERT ON sold FOR EACH ROW EXECUTE FUNCTION leave();
CREATE TRIGGER zzz BEFORE INSERT ON sold_2 FOR EACH ROW EXECUTE FUNCTION leave();

-- a table of this transaction, and before it runs
BEGIN;
CREATE TABLE fresh (id int, version int NOT NULL DEFAULT 0);
SELECT invariant_guard.add_optimistic_lock('fresh');
CREATE TRIGGER zzz BEFORE UPDATE ON fresh FOR EACH ROW EXECUTE FUNCTION leave();
ROLLBACK;
SELECT rule, message FROM invariant_guard.check_ddl('CREATE TRIGGER zzz BEFORE UPDATE ON lw.docs FOR EACH ROW EXECUTE FUNCTION lw.leave()');

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA lw CASCADE;
