--
-- retire_ruled: columns that row rules name, and retirement.  A column with a
-- rule does not refuse values, one that is to go gets no rule, and what a rule
-- does by itself is no use of a column.
--
\set VERBOSITY terse
CREATE SCHEMA retire_ruled;
SET search_path = retire_ruled;
SET client_min_messages = warning;

-- who may retire which column with block_writes; nothing is left of it
CREATE FUNCTION blocks(rel regclass, "column" name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	words text;
	rule text;
BEGIN
	PERFORM invariant_guard.retire_column(rel, "column", 'x', block_writes => true);
	RAISE EXCEPTION 'may be blocked' USING ERRCODE = 'ZZ999';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, rule = PG_EXCEPTION_DETAIL;
	RETURN concat_ws(': ', words, substring(rule FROM '^[^:]*'));
END $$;

SET invariant_guard.mode = off;
CREATE TABLE parents (id int PRIMARY KEY, name text, deleted_at timestamptz, operation uuid);
CREATE TABLE children (id int PRIMARY KEY, parent_id int REFERENCES parents, note text, deleted_at timestamptz, operation uuid);
SELECT invariant_guard.add_soft_delete('children', operation => 'operation');
SELECT invariant_guard.add_soft_delete('parents', children => 'soft_cascade', operation => 'operation');
CREATE TABLE versioned (id int PRIMARY KEY, v text, version bigint NOT NULL DEFAULT 1);
SELECT invariant_guard.add_optimistic_lock('versioned');
CREATE TABLE audited (id int PRIMARY KEY, v text, created_at timestamptz, updated_at timestamptz);
SELECT invariant_guard.add_audit_columns('audited');
CREATE TABLE ledger (id int PRIMARY KEY, reversal_of int, amount numeric, account int, note text);
SELECT invariant_guard.add_append_only('ledger', reversal_of => 'reversal_of', amounts => '{amount}', same => '{account}');
CREATE TABLE products (id int PRIMARY KEY, price numeric, note text);
CREATE TABLE items (id int PRIMARY KEY, product_id int REFERENCES products, price numeric, note text);
SELECT invariant_guard.add_snapshot_columns('items', '{price}', 'products');
CREATE TABLE fixed (id int PRIMARY KEY, a text, b text, state text);
SELECT invariant_guard.add_immutable_columns('fixed', '{a}'), invariant_guard.add_immutable_columns('fixed', '{b}');
SELECT invariant_guard.add_frozen_rows('fixed', $$state = 'done'$$);
CREATE TABLE relative (id int PRIMARY KEY, balance numeric, note text);
SELECT invariant_guard.add_relative_only('relative', '{balance}');
CREATE TABLE active (id int PRIMARY KEY, owner int, is_active bool, note text);
SELECT invariant_guard.add_unique_active('active', 'owner', 'is_active');
CREATE TABLE parts (id int, old text, note text) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts DEFAULT;
SELECT invariant_guard.add_immutable_columns('parts_1', '{old}');
RESET invariant_guard.mode;

SELECT t AS "table", c AS "column", blocks(t::regclass, c::name) FROM (VALUES
	('parents', 'deleted_at'), ('parents', 'operation'), ('parents', 'name'),
	('children', 'parent_id'), ('children', 'deleted_at'), ('children', 'note'),
	('versioned', 'version'), ('versioned', 'v'), ('audited', 'created_at'), ('audited', 'updated_at'), ('audited', 'v'),
	('ledger', 'reversal_of'), ('ledger', 'amount'), ('ledger', 'account'), ('ledger', 'id'), ('ledger', 'note'),
	('items', 'price'), ('items', 'product_id'), ('items', 'note'), ('products', 'price'),
	('fixed', 'a'), ('fixed', 'b'), ('fixed', 'state'), ('relative', 'balance'), ('relative', 'note'),
	('active', 'owner'), ('active', 'is_active'), ('active', 'note'), ('parts', 'old'), ('parts', 'note')) v (t, c);

-- the hint passes as it is, and then the column can be blocked
\set VERBOSITY default
SELECT invariant_guard.retire_column('fixed', 'b', 'x', block_writes => true);
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = '...';
SET LOCAL invariant_guard.allow = 'guard-self(retire_ruled.fixed)';
SELECT invariant_guard.drop_rule('retire_ruled.fixed', 'immutable-columns', '8e4753d1');
COMMIT;
SELECT invariant_guard.retire_column('fixed', 'b', 'x', block_writes => true);
SELECT invariant_guard.protect('versioned', 'financial');
\set VERBOSITY default
SELECT invariant_guard.retire_column('versioned', 'version', 'x', block_writes => true);
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = '...';
SET LOCAL invariant_guard.allow = 'guard-self(retire_ruled.versioned), financial-disable-trigger(retire_ruled.versioned)';
SELECT invariant_guard.drop_rule('retire_ruled.versioned', 'optimistic-lock');
COMMIT;
SELECT invariant_guard.retire_column('versioned', 'version', 'x', block_writes => true);

-- without block_writes it can be retired; what holds it is told
SET invariant_guard.retirement_period = 0;
SELECT invariant_guard.retire_column('parents', 'operation', 'x'), invariant_guard.retire_column('parents', 'deleted_at', 'x'),
	invariant_guard.retire_column('children', 'deleted_at', 'x'), invariant_guard.retire_column('children', 'operation', 'x');
SELECT rel, "column", held_by FROM invariant_guard.retirements WHERE rel IN ('parents'::regclass, 'children'::regclass);
ALTER TABLE parents DROP COLUMN operation;

-- what the rules do is no use: neither told, nor refused where a label blocks it
INSERT INTO parents SELECT i, i FROM generate_series(1, 4) i;
INSERT INTO children SELECT i, i FROM generate_series(1, 4) i;
SET invariant_guard.retired_column_use = error;
DELETE FROM parents WHERE id = 1;
DELETE FROM children WHERE id = 2;
SELECT deleted_at FROM parents;
RESET invariant_guard.retired_column_use;
SECURITY LABEL FOR invariant_guard ON COLUMN parents.deleted_at IS 'retired since 2020-02-28 00:00:00+00 by "x" blocking writes: by hand';
SECURITY LABEL FOR invariant_guard ON COLUMN children.deleted_at IS 'retired since 2020-02-28 00:00:00+00 by "x" blocking writes: by hand';
DELETE FROM parents WHERE id = 3;
SELECT id, deleted_at IS NOT NULL AS deleted FROM children ORDER BY id;
UPDATE parents SET deleted_at = NULL WHERE id = 3;
-- and what a label says already may get another reason
SELECT invariant_guard.retire_column('parents', 'deleted_at', 'another reason');
SELECT reason, block_writes FROM invariant_guard.retirements WHERE rel = 'parents'::regclass AND "column" = 'deleted_at';

--
-- a rule over a column that is retired
--
SET invariant_guard.mode = off;
CREATE TABLE later (id int PRIMARY KEY, old text, other text, old_time timestamptz, version bigint NOT NULL DEFAULT 1, k int);
CREATE UNIQUE INDEX later_k ON later (k) WHERE other IS NULL;
CREATE TABLE later_parts (id int, old text, other text) PARTITION BY LIST (id);
CREATE TABLE later_parts_1 PARTITION OF later_parts DEFAULT;
SELECT invariant_guard.retire_column('later', 'old', 'APP-12', block_writes => true), invariant_guard.retire_column('later', 'old_time', 'APP-13'),
	invariant_guard.retire_column('later', 'version', 'APP-14'), invariant_guard.retire_column('later', 'k', 'APP-15'),
	invariant_guard.retire_column('later_parts', 'old', 'APP-16');
RESET invariant_guard.mode;
\set VERBOSITY default
SELECT invariant_guard.add_immutable_columns('later', '{other,old}');
\set VERBOSITY terse
SELECT invariant_guard.add_soft_delete('later', 'old_time');
SELECT invariant_guard.add_optimistic_lock('later');
SELECT invariant_guard.add_audit_columns('later', NULL, 'old_time');
SELECT invariant_guard.add_frozen_rows('later', $$old = 'done'$$);
SELECT invariant_guard.add_relative_only('later', '{k}');
SELECT invariant_guard.add_unique_active('later', 'k', 'other IS NULL', using_index => 'later_k');
SELECT invariant_guard.add_immutable_columns('later_parts_1', '{old}');
SELECT invariant_guard.add_immutable_columns('later', '{other}');
SELECT count(*) FROM invariant_guard.row_rules WHERE relation IN ('later'::regclass, 'later_parts_1'::regclass);
-- as the hint says
SELECT invariant_guard.unretire_column('retire_ruled.later', 'old');
SELECT invariant_guard.add_frozen_rows('later', $$old = 'done'$$);
-- what is there already may be said again, and a table that is to go may have rules till then
SELECT invariant_guard.retire_column('later', 'old', 'APP-17');
SELECT invariant_guard.add_frozen_rows('later', $$old = 'done'$$);
SELECT invariant_guard.retire_table('later', 'APP-18');
SELECT invariant_guard.add_relative_only('later', '{k}');

SET invariant_guard.mode = off;
DROP SCHEMA retire_ruled CASCADE;
