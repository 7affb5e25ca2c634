--
-- What is declared, whether it holds, and how it goes: row_rules,
-- verify_rules(), check_rules(), drop_rule().
--
SET client_min_messages = error;
SET lock_timeout = '30s';
CREATE ROLE regress_declared_owner;
CREATE ROLE regress_declared_other;
CREATE SCHEMA declared;
GRANT USAGE, CREATE ON SCHEMA declared TO PUBLIC;
SET search_path = declared;
RESET client_min_messages;

CREATE TABLE plain (id int);
CREATE TABLE "Odd ""Näme" ("c c" int);
CREATE TABLE part (id int, k int) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
BEGIN;
CREATE TABLE part_2 (k int, gone int, id int);
ALTER TABLE part_2 DROP COLUMN gone;
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
COMMIT;
CREATE TABLE part_3 PARTITION OF part FOR VALUES IN (3) PARTITION BY LIST (id);
CREATE TABLE part_3a PARTITION OF part_3 FOR VALUES IN (3);
CREATE TABLE top (id int);
CREATE TABLE mid () INHERITS (top);
CREATE TABLE low (more int) INHERITS (mid);
SELECT invariant_guard.add_append_only('plain');
SELECT invariant_guard.add_append_only('"Odd ""Näme"');
SELECT invariant_guard.add_append_only('part');
SELECT invariant_guard.add_append_only('top');

CREATE VIEW facts AS
	SELECT relation, rule, instance, columns, options, triggers, enabled, source, declared_on
	FROM invariant_guard.row_rules
	WHERE relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'declared'::regnamespace)
	ORDER BY relation::text, rule, instance;
CREATE VIEW found AS
	SELECT severity, relation, rule, instance, trigger, weakness, mend
	FROM invariant_guard.verify_rules()
	WHERE relation IS NULL
		OR relation IN (SELECT oid FROM pg_class WHERE relnamespace = 'declared'::regnamespace)
	ORDER BY relation::text, rule, trigger, weakness;

-- ---- the view
\x
SELECT * FROM facts;
SELECT definition FROM invariant_guard.row_rules WHERE relation = 'part_3a'::regclass;
SELECT definition FROM invariant_guard.row_rules WHERE relation = '"Odd ""Näme"'::regclass;
\x
-- for everybody, by any path, and without a lock that would wait
SET ROLE regress_declared_other;
SET search_path = '';
SELECT count(*) FROM invariant_guard.row_rules WHERE relation = 'declared.plain'::pg_catalog.regclass;
SELECT count(*) FROM invariant_guard.verify_rules('declared.plain');
RESET ROLE;
SET search_path = declared;
SELECT * FROM found;

-- written by hand: what has the same columns belongs together
CREATE TABLE hand (id int);
CREATE TRIGGER a_change BEFORE UPDATE OR DELETE ON hand
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER b_truncate BEFORE TRUNCATE ON hand
	FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.append_only();
SELECT relation, instance, triggers, enabled, source FROM facts WHERE relation = 'hand'::regclass;

-- ---- verify_rules: each weakness, and what mends it
SELECT severity, trigger, weakness, mend FROM found WHERE relation = 'hand'::regclass;
CREATE TABLE half (id int);
CREATE TRIGGER c_half BEFORE UPDATE ON half
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TABLE wrong (id int, a int);
-- what became wrong later, or was made where nobody looked
SET invariant_guard.mode = off;
ALTER EVENT TRIGGER invariant_guard_ddl_end DISABLE;
CREATE TRIGGER d_wrong BEFORE UPDATE OF a OR DELETE ON wrong
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only('b');
ALTER EVENT TRIGGER invariant_guard_ddl_end ENABLE ALWAYS;
RESET invariant_guard.mode;
CREATE TABLE hand_part (id int) PARTITION BY LIST (id);
CREATE TABLE hand_part_1 PARTITION OF hand_part FOR VALUES IN (1);
CREATE TRIGGER e_change BEFORE UPDATE OR DELETE ON hand_part
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER e_truncate BEFORE TRUNCATE ON hand_part
	FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.append_only();
ALTER TABLE hand_part ENABLE ALWAYS TRIGGER e_change;
ALTER TABLE hand_part ENABLE ALWAYS TRIGGER e_truncate;
SELECT relation, triggers, source, declared_on FROM facts WHERE relation::text ~ 'hand_part';
SET invariant_guard.mode = off;
ALTER TABLE plain DISABLE TRIGGER zz_ig_append_only_change;
ALTER TABLE plain ENABLE REPLICA TRIGGER zz_ig_append_only_truncate;
ALTER TABLE part_2 DISABLE TRIGGER USER;
ALTER TABLE ONLY top ENABLE TRIGGER ALL;
DROP TRIGGER zz_ig_append_only_truncate ON "Odd ""Näme";
DROP TRIGGER zz_ig_append_only_change ON mid;
DROP TRIGGER zz_ig_append_only_truncate ON part_3a;
ALTER EVENT TRIGGER invariant_guard_rewrite ENABLE;
RESET invariant_guard.mode;
SELECT relation, enabled FROM facts WHERE enabled <> 'always';
SELECT * FROM found \gx
SELECT relation, trigger FROM invariant_guard.verify_rules('part_3') ORDER BY 1, 2;
SELECT relation, trigger FROM invariant_guard.verify_rules('part') ORDER BY 1, 2;
CREATE TABLE unruled (id int);
SELECT relation, trigger FROM invariant_guard.verify_rules('unruled') ORDER BY 1, 2;
SELECT relation, trigger FROM invariant_guard.verify_rules(99) ORDER BY 1, 2;

-- the column mend can be pasted, with the gate on
SELECT mend FROM found WHERE mend IS NOT NULL \gexec
SELECT severity, relation, trigger, weakness FROM found;
SET invariant_guard.mode = off;
DROP TABLE half, wrong;
RESET invariant_guard.mode;

-- ---- check_rules: append_only has nothing to look for
SELECT * FROM invariant_guard.check_rules();
SELECT * FROM invariant_guard.check_rules('plain');
SET ROLE regress_declared_other;
SELECT * FROM invariant_guard.check_rules('plain');
SET client_min_messages = warning;	-- how many tables are left out
SELECT * FROM invariant_guard.check_rules();
RESET client_min_messages;
RESET ROLE;
SELECT * FROM invariant_guard.check_rules('facts');

-- ---- drop_rule: bad arguments
SELECT invariant_guard.drop_rule(NULL, 'append-only');
SELECT invariant_guard.drop_rule('plain', NULL);
SELECT invariant_guard.drop_rule('plain', 'append_only');
SELECT invariant_guard.drop_rule('plain', 'nonsense');
SELECT invariant_guard.drop_rule('plain', 'frozen-rows');
SELECT invariant_guard.drop_rule('plain', 'append-only', 'x');
SELECT invariant_guard.drop_rule('unruled', 'append-only');
SELECT invariant_guard.drop_rule('facts', 'append-only');
SELECT invariant_guard.drop_rule(99, 'append-only');
SELECT invariant_guard.drop_rule('part_3a', 'append-only');
SELECT invariant_guard.drop_rule('low', 'append-only');
SET ROLE regress_declared_other;
SELECT invariant_guard.drop_rule('plain', 'append-only');
RESET ROLE;
BEGIN READ ONLY;
SELECT invariant_guard.drop_rule('plain', 'append-only');
ROLLBACK;

-- the gate is asked, once
SELECT invariant_guard.drop_rule('plain', 'append-only');
SELECT invariant_guard.drop_rule('part', 'append-only');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(declared.plain)';
SELECT invariant_guard.drop_rule('part', 'append-only');
ROLLBACK;
SELECT relation, triggers FROM facts WHERE relation::text ~ '^(plain|part)';
-- other drops are judged as ever in the meantime
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(declared.part)';
SELECT invariant_guard.drop_rule('part', 'append-only');
SELECT relation, triggers FROM facts WHERE relation::text ~ '^part';
SAVEPOINT s;
DROP TRIGGER zz_ig_append_only_change ON plain;
ROLLBACK TO s;
INSERT INTO part VALUES (1, 1);
DELETE FROM part_1;
SELECT invariant_guard.add_append_only('part');
SELECT count(*) FROM found;
-- what this transaction has declared needs no allowance
SET LOCAL invariant_guard.allow = '';
SELECT invariant_guard.drop_rule('part', 'append-only');
ROLLBACK;

-- inheritance: children too, but for those whom another parent wants to have it
CREATE TABLE top_2 (id int);
SELECT invariant_guard.add_append_only('top_2');
CREATE TABLE both_of () INHERITS (top, top_2);
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(top)';
SELECT invariant_guard.drop_rule('top', 'append-only');
SELECT relation, triggers, source, declared_on FROM facts WHERE relation::text ~ '^(top|mid|low|both)';
SELECT * FROM found;
ROLLBACK;

-- a partition that has kept the rules
SELECT invariant_guard.keep_rules('part_2');
SELECT relation, instance, triggers, source, declared_on FROM facts WHERE relation = 'part_2'::regclass;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(part)';
SELECT invariant_guard.drop_rule('part', 'append-only');
SELECT relation, instance, triggers, source, declared_on FROM facts WHERE relation = 'part_2'::regclass;
SELECT severity, weakness FROM found WHERE relation = 'part_2'::regclass;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(part_2)';
SELECT invariant_guard.drop_rule('part_2', 'append-only');
SELECT relation, instance, triggers, source, declared_on FROM facts WHERE relation = 'part_2'::regclass;
SELECT invariant_guard.drop_rule('part_2', 'append-only');
ROLLBACK;

-- a partition that has the rule of its own
CREATE TABLE later (id int) PARTITION BY LIST (id);
CREATE TABLE later_1 PARTITION OF later FOR VALUES IN (1);
SELECT invariant_guard.add_append_only('later_1');
SELECT invariant_guard.add_append_only('later');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(later_1)';
SELECT invariant_guard.drop_rule('declared.later_1', 'append-only');
SELECT invariant_guard.add_append_only('later');
COMMIT;
SELECT relation, triggers, source FROM facts WHERE relation::text ~ '^later';

-- written by hand
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(hand)';
SELECT invariant_guard.drop_rule('hand', 'append-only');
SELECT count(*) FROM facts WHERE relation = 'hand'::regclass;
ROLLBACK;

-- several of a kind; long names are shortened
CREATE TABLE several (id int);
SET client_min_messages = error;
CREATE TRIGGER zz_ig_append_only_x_change BEFORE UPDATE OR DELETE ON several
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER zz_ig_append_only_x_truncate BEFORE TRUNCATE ON several
	FOR EACH STATEMENT EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER zz_ig_append_only_a_b_change BEFORE UPDATE OR DELETE ON several
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
CREATE TRIGGER one BEFORE UPDATE OR DELETE ON several
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
SET invariant_guard.mode = off;
ALTER EVENT TRIGGER invariant_guard_ddl_end DISABLE;
CREATE TRIGGER two BEFORE UPDATE OR DELETE ON several
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only('z');
ALTER EVENT TRIGGER invariant_guard_ddl_end ENABLE ALWAYS;
RESET invariant_guard.mode;
RESET client_min_messages;
SELECT instance, triggers FROM facts WHERE relation = 'several'::regclass;
SELECT invariant_guard.drop_rule('several', 'append-only');
SELECT invariant_guard.drop_rule('several', 'append-only', 'y');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(several)';
SELECT invariant_guard.drop_rule('several', 'append-only', 'x');
SELECT invariant_guard.drop_rule('several', 'append-only', 'one');
SELECT instance, triggers FROM facts WHERE relation = 'several'::regclass;
ROLLBACK;

-- the owner, who may not set an allowance; a financial table has its say
SET client_min_messages = error;
CREATE TABLE theirs (id int);
ALTER TABLE theirs OWNER TO regress_declared_owner;
RESET client_min_messages;
SET ROLE regress_declared_owner;
SELECT invariant_guard.add_append_only('theirs');
SELECT invariant_guard.drop_rule('theirs', 'append-only');
RESET ROLE;
SELECT invariant_guard.protect('theirs', 'financial');
SELECT invariant_guard.drop_rule('theirs', 'append-only');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(theirs)';
SELECT invariant_guard.drop_rule('theirs', 'append-only');
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'guard-self(theirs), financial-disable-trigger(theirs)';
SELECT invariant_guard.drop_rule('theirs', 'append-only');
SELECT count(*) FROM facts WHERE relation = 'theirs'::regclass;
ROLLBACK;

-- ---- what triggers do not show: the index that is the rule, and what is copied
BEGIN;
CREATE TABLE cards (id int PRIMARY KEY, customer int, active bool);
SELECT invariant_guard.add_unique_active('cards', 'customer', 'active');
COMMIT;
CREATE TABLE products (id int PRIMARY KEY, price int);
CREATE TABLE items (id int PRIMARY KEY, product_id int REFERENCES products, price int);
SELECT invariant_guard.add_snapshot_columns('items', '{price}', source => 'products');
CREATE VIEW unseen AS SELECT severity, relation, rule, weakness, mend FROM found
	WHERE relation::text IN ('cards', 'items');
SELECT * FROM unseen;
SET invariant_guard.mode = off;
ALTER TABLE products RENAME COLUMN price TO cost;
DROP INDEX cards_customer_active_key;
RESET invariant_guard.mode;
SELECT * FROM unseen;
SET invariant_guard.mode = off;
ALTER TABLE products RENAME COLUMN cost TO price;
ALTER TABLE items DROP CONSTRAINT items_product_id_fkey;
CREATE INDEX cards_customer_active_key ON cards (customer) WHERE active;
RESET invariant_guard.mode;
SELECT * FROM unseen;
SET invariant_guard.mode = off;
DROP INDEX cards_customer_active_key;
CREATE UNIQUE INDEX cards_customer_active_key ON items (id);
RESET invariant_guard.mode;
SELECT * FROM unseen WHERE relation = 'cards'::regclass;
SELECT * FROM invariant_guard.check_rules('cards');
SET invariant_guard.mode = off;
DROP TABLE cards, items, products CASCADE;
RESET invariant_guard.mode;

-- what a rule lacks for TRUNCATE is made without options about columns
CREATE TABLE ledger (id int PRIMARY KEY, reverses int, cents int);
CREATE TRIGGER reversal AFTER INSERT ON ledger FOR EACH ROW
	WHEN (new.reverses IS NOT NULL AND invariant_guard.uses(new.reverses, new.id, new.cents))
	EXECUTE FUNCTION invariant_guard.append_only('amounts=1');
SELECT mend FROM found WHERE relation = 'ledger'::regclass AND mend IS NOT NULL \gexec
SELECT severity, weakness, mend FROM found WHERE relation = 'ledger'::regclass;
CREATE TRIGGER change BEFORE UPDATE OR DELETE ON ledger
	FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only();
ALTER TABLE ledger ENABLE ALWAYS TRIGGER change;
SELECT severity, weakness, mend FROM found WHERE relation = 'ledger'::regclass;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(ledger)';
TRUNCATE ledger;
ROLLBACK;

-- in the modes that refuse nothing
BEGIN;
SET LOCAL invariant_guard.mode = warn;
SELECT invariant_guard.drop_rule('plain', 'append-only');
ROLLBACK;
SET invariant_guard.mode = off;
SELECT invariant_guard.drop_rule('plain', 'append-only');
SELECT count(*) FROM facts WHERE relation = 'plain'::regclass;

SET client_min_messages = warning;
DROP SCHEMA declared CASCADE;
DROP ROLE regress_declared_owner, regress_declared_other;
RESET client_min_messages;
RESET invariant_guard.mode;
