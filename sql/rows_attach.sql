--
-- A table that has a row rule of its own becomes a partition of one that has it
-- too; and drop_rule() where there are several rules of a kind
--
SET client_min_messages = warning;
CREATE SCHEMA att;
SET search_path = att;
CREATE TABLE top (id int, k int NOT NULL, a int, b int) PARTITION BY LIST (k);
CREATE TABLE one (id int, k int NOT NULL CHECK (k = 1), a int, b int);
CREATE TABLE two (id int, k int NOT NULL CHECK (k = 2), a int, b int) PARTITION BY LIST (k);
CREATE TABLE two_2 PARTITION OF two FOR VALUES IN (2);
CREATE TABLE three (id int, k int NOT NULL CHECK (k = 3), a int, b int);
RESET client_min_messages;
SELECT invariant_guard.add_append_only('top'), invariant_guard.add_row_limit('top', 3, '{insert}'),
	invariant_guard.add_immutable_columns('top', '{a}');
SELECT invariant_guard.add_append_only('one'), invariant_guard.add_row_limit('one', 5, '{insert}'),
	invariant_guard.add_immutable_columns('one', '{a}'), invariant_guard.add_immutable_columns('one', '{b}');
SELECT invariant_guard.add_append_only('two_2');
SELECT invariant_guard.add_isolation_floor('three', 'repeatable read');

ALTER TABLE top ATTACH PARTITION one FOR VALUES IN (1);
-- as the hint says, with nothing in between
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(att.one)';
SELECT invariant_guard.drop_rule('att.one', 'append-only');
SELECT invariant_guard.drop_rule('att.one', 'immutable-columns', '8e4753d1');
SELECT invariant_guard.drop_rule('att.one', 'row-limit');
ALTER TABLE top ATTACH PARTITION one FOR VALUES IN (1);
COMMIT;
SELECT rule, columns, options, source FROM invariant_guard.row_rules WHERE relation = 'one'::regclass ORDER BY 1, 2;
SELECT relation, weakness FROM invariant_guard.verify_rules('top');
-- of a partition of what is attached
ALTER TABLE top ATTACH PARTITION two FOR VALUES IN (2);
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(att.two_2)';
SELECT invariant_guard.drop_rule('att.two_2', 'append-only');
ALTER TABLE top ATTACH PARTITION two FOR VALUES IN (2);
COMMIT;
-- another rule is no hindrance, nor is one that came with keep_rules()
ALTER TABLE top ATTACH PARTITION three FOR VALUES IN (3);
SELECT invariant_guard.keep_rules('three');
ALTER TABLE top DETACH PARTITION three CONCURRENTLY;
ALTER TABLE top ATTACH PARTITION three FOR VALUES IN (3);
-- statement triggers are ours to copy: the same ones may stay
CREATE TABLE told (id int, k int NOT NULL) PARTITION BY LIST (k);
CREATE TABLE told_1 (id int, k int NOT NULL CHECK (k = 1));
CREATE TABLE told_2 (id int, k int NOT NULL CHECK (k = 2));
SELECT invariant_guard.add_on_no_match('told'), invariant_guard.add_on_no_match('told_1'),
	invariant_guard.add_on_no_match('told_2', '{delete}');
ALTER TABLE told ATTACH PARTITION told_1 FOR VALUES IN (1);
ALTER TABLE told ATTACH PARTITION told_2 FOR VALUES IN (2);
-- a financial table
CREATE TABLE money (id int, k int NOT NULL CHECK (k = 4), a int, b int);
SECURITY LABEL FOR invariant_guard ON TABLE money IS 'financial';
SELECT invariant_guard.add_row_limit('money', 5, '{insert}');
ALTER TABLE top ATTACH PARTITION money FOR VALUES IN (4);
-- before it runs, and where the server has the word
SELECT rule, message FROM invariant_guard.check_ddl('ALTER TABLE att.top ATTACH PARTITION att.money FOR VALUES IN (4)') WHERE rule = 'row-rule';
SET invariant_guard.mode = warn;
ALTER TABLE top ATTACH PARTITION money FOR VALUES IN (4);
RESET invariant_guard.mode;

-- ---- a rule of one partition alone does not see where its rows go
CREATE TABLE lone (id int, k int, a int, deleted_at timestamptz) PARTITION BY LIST (k);
CREATE TABLE lone_1 PARTITION OF lone FOR VALUES IN (1) PARTITION BY LIST (id);
CREATE TABLE lone_1a PARTITION OF lone_1 DEFAULT;
CREATE TABLE lone_2 PARTITION OF lone FOR VALUES IN (2);
SELECT invariant_guard.add_immutable_columns('lone_1a', '{a}');
SELECT invariant_guard.add_soft_delete('lone_1');
SELECT invariant_guard.add_append_only('lone_2');
INSERT INTO lone VALUES (1, 1, 1);
UPDATE lone SET a = 2;
UPDATE lone SET a = 2, k = 2;
UPDATE lone SET k = 1;
-- nor audit columns where they come from
CREATE TABLE made (id int, k int, created_at date, updated_at date) PARTITION BY LIST (k);
CREATE TABLE made_1 PARTITION OF made FOR VALUES IN (1);
CREATE TABLE made_2 PARTITION OF made FOR VALUES IN (2);
SELECT invariant_guard.add_audit_columns('made_2');
INSERT INTO made VALUES (1, 1, '2020-01-01', '2020-01-01');
UPDATE made SET k = 2 RETURNING created_at > '2020-01-01' AS counts_as_new;

-- ---- drop_rule(): several of a kind
CREATE TABLE many (id int, a int, b int);
SELECT invariant_guard.add_immutable_columns('many', '{a}'), invariant_guard.add_immutable_columns('many', '{b}');
SELECT invariant_guard.add_row_limit('many', 5);
CREATE TRIGGER few BEFORE UPDATE ON many FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=3', 'commands=update');
CREATE TRIGGER fewer BEFORE DELETE ON many FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=2', 'commands=delete');
SELECT rule, instance, triggers FROM invariant_guard.row_rules WHERE relation = 'many'::regclass ORDER BY 1, 2;
SET invariant_guard.reason = 'test';
SET invariant_guard.allow = 'guard-self(att.many)';
SELECT invariant_guard.drop_rule('many', 'immutable-columns');
SELECT invariant_guard.drop_rule('many', 'row-limit');
SELECT invariant_guard.drop_rule('many', 'row-limit', 'none');
SELECT invariant_guard.drop_rule('many', 'row-limit', 'fewer');
RESET invariant_guard.allow;
SELECT invariant_guard.drop_rule('many', 'row-limit', '');
SET invariant_guard.allow = 'guard-self(att.many)';
SELECT invariant_guard.drop_rule('many', 'row-limit', '');
SELECT invariant_guard.drop_rule('many', 'row-limit', '');
SELECT invariant_guard.drop_rule('many', 'row-limit');
RESET invariant_guard.allow;
RESET invariant_guard.reason;
-- a hint names the right one
SET invariant_guard.severity = 'drop-column=off';
ALTER TABLE many DROP COLUMN a;
RESET invariant_guard.severity;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA att CASCADE;
