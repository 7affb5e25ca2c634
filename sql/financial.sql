--
-- Family F: financial and protected tables, new ones too.
--
\set VERBOSITY terse
CREATE SCHEMA financial;
SET search_path = financial;
CREATE TABLE users (id int PRIMARY KEY, parent_id int);
CREATE TABLE orders (id int PRIMARY KEY, user_id int NOT NULL, code text UNIQUE);
CREATE TABLE payments (id int PRIMARY KEY, order_id int NOT NULL, amount numeric NOT NULL, note text);
CREATE TABLE notes (id int PRIMARY KEY, order_id int NOT NULL);
INSERT INTO users SELECT i FROM generate_series(1, 10) i;
INSERT INTO orders SELECT i, i, i FROM generate_series(1, 100) i;
ANALYZE users, orders, payments, notes;
SELECT invariant_guard.protect('payments', 'financial');

-- cascade-financial: the financial table is reached directly, by each action
\set VERBOSITY default
ALTER TABLE payments ADD CONSTRAINT p_order FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE NOT VALID;
\set VERBOSITY terse
ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE SET NULL NOT VALID;
ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders ON DELETE SET DEFAULT NOT VALID;
ALTER TABLE payments ADD FOREIGN KEY (order_id) REFERENCES orders ON UPDATE CASCADE NOT VALID;
ALTER TABLE payments ADD COLUMN user_id int REFERENCES users ON DELETE CASCADE;
-- allowed: no action, restrict
ALTER TABLE payments ADD CONSTRAINT p_order FOREIGN KEY (order_id) REFERENCES orders NOT VALID;
ALTER TABLE payments DROP CONSTRAINT p_order;
ALTER TABLE payments ADD CONSTRAINT p_order2 FOREIGN KEY (order_id) REFERENCES orders ON DELETE RESTRICT NOT VALID;

-- at any depth: the path is shown.  First make the last hop, knowingly.
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'cascade-financial(financial.payments)';
ALTER TABLE payments ADD CONSTRAINT p_cascade FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE NOT VALID;
COMMIT;
\set VERBOSITY default
ALTER TABLE orders ADD CONSTRAINT o_user FOREIGN KEY (user_id) REFERENCES users ON DELETE CASCADE NOT VALID;
\set VERBOSITY terse
-- SET NULL goes no further than the row that it touches
ALTER TABLE orders ADD CONSTRAINT o_user FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL NOT VALID;
ALTER TABLE orders DROP CONSTRAINT o_user;
-- a key update travels where the updated column is referenced in its turn
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'cascade-financial(financial.payments)';
ALTER TABLE payments ADD CONSTRAINT p_code FOREIGN KEY (note) REFERENCES orders (code) ON UPDATE CASCADE NOT VALID;
COMMIT;
CREATE TABLE codes (code text PRIMARY KEY);
ALTER TABLE orders ADD CONSTRAINT o_code FOREIGN KEY (code) REFERENCES codes ON UPDATE CASCADE NOT VALID;
-- the table itself, in a ring
ALTER TABLE users ADD CONSTRAINT u_parent FOREIGN KEY (parent_id) REFERENCES users ON DELETE CASCADE NOT VALID;

-- new tables too, in every form
CREATE TABLE late (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders ON DELETE CASCADE);
DROP TABLE late;
SET invariant_guard.financial_tables = 'invoice*, ledger.*';
CREATE TABLE invoices (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders ON DELETE CASCADE);
CREATE TABLE invoices (id int PRIMARY KEY, order_id int NOT NULL,
	FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE);
CREATE TEMP TABLE invoices (id int PRIMARY KEY, order_id int REFERENCES pg_temp.invoices ON DELETE CASCADE);
DROP TABLE pg_temp.invoices;
CREATE TABLE invoices (id int PRIMARY KEY, order_id int NOT NULL REFERENCES orders);

-- partitions have the class of what is above them; ATTACH brings its keys
CREATE TABLE invoice_part (id int NOT NULL, k int NOT NULL, amount numeric) PARTITION BY RANGE (k);
CREATE TABLE leaf PARTITION OF invoice_part FOR VALUES FROM (0) TO (10);
ALTER TABLE leaf ADD COLUMN share float8;
ALTER TABLE leaf DISABLE TRIGGER ALL;
CREATE TABLE plain (id int NOT NULL, k int NOT NULL, o int NOT NULL) PARTITION BY RANGE (k);
ALTER TABLE plain ADD CONSTRAINT plain_o FOREIGN KEY (o) REFERENCES orders ON DELETE CASCADE;
CREATE TABLE invoice_leaf (id int NOT NULL, k int NOT NULL CHECK (k >= 0 AND k < 10), o int NOT NULL);
ALTER TABLE plain ATTACH PARTITION invoice_leaf FOR VALUES FROM (0) TO (10);

-- cascade-any: other tables, with the reach; a warning
ALTER TABLE notes ADD CONSTRAINT n_order FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE NOT VALID;
ALTER TABLE notes ADD CONSTRAINT n_order2 FOREIGN KEY (order_id) REFERENCES orders NOT VALID;

-- financial-nullable-reference
ALTER TABLE payments ADD COLUMN payer_id int REFERENCES users;
CREATE TABLE invoice_lines (id int PRIMARY KEY, invoice_id int REFERENCES invoices);
CREATE TABLE invoice_taxes (id int PRIMARY KEY, invoice_id int NOT NULL REFERENCES invoices);
CREATE TABLE invoice_notes (id int, invoice_id int, PRIMARY KEY (id, invoice_id),
	FOREIGN KEY (invoice_id) REFERENCES invoices);

-- financial-float, under domains too; numeric passes
CREATE DOMAIN rate AS real;
ALTER TABLE payments ADD COLUMN fee float8;
ALTER TABLE payments ADD COLUMN fee real;
ALTER TABLE payments ADD COLUMN fee rate;
ALTER TABLE payments ADD COLUMN fee float(10);
ALTER TABLE payments ALTER COLUMN amount TYPE float8;
CREATE TABLE invoice_totals (id int, total float8);
CREATE TABLE measures (x float8);
CREATE TABLE invoice_likes (LIKE measures);
CREATE TABLE invoice_as AS SELECT 1.5::float8 AS total;
SELECT 1.5::float8 AS total INTO invoice_into;
EXPLAIN (ANALYZE, COSTS off, TIMING off, SUMMARY off) CREATE TABLE invoice_explained AS SELECT 1.5::float8 AS total;
ALTER TABLE payments ADD COLUMN fee numeric, ADD COLUMN cents bigint;

-- financial-drop, -truncate, -rename, -type: in the place of the general rules
DROP TABLE payments;
ALTER TABLE payments DROP COLUMN note;
DROP TABLE orders CASCADE;
TRUNCATE payments;
TRUNCATE orders CASCADE;
ALTER TABLE payments RENAME TO paid;
ALTER TABLE payments RENAME COLUMN amount TO total;
ALTER TABLE payments SET SCHEMA public;
ALTER TABLE payments ALTER COLUMN note TYPE varchar;

-- no setting lowers them, nor what wipes or breaks a financial table
\set VERBOSITY default
SET invariant_guard.severity = 'all=off, financial-drop=off';
\set VERBOSITY terse
SET invariant_guard.severity = 'all=off, truncate=off, financial=off, wipe=off, compatibility=off, lock=off';
DROP TABLE payments;
TRUNCATE payments;
ALTER TABLE payments ALTER COLUMN amount DROP NOT NULL;
ALTER TABLE payments ALTER COLUMN note TYPE varchar;
TRUNCATE notes;
RESET invariant_guard.severity;
SELECT invariant_guard.protect('notes', 'protected');
SET invariant_guard.severity = 'all=off';
TRUNCATE notes;
ALTER TABLE notes ALTER COLUMN order_id DROP NOT NULL;
RESET invariant_guard.severity;

-- a type change enters the constraints of its column anew: they are no newer
CREATE TABLE wages (id int PRIMARY KEY, code varchar(10) CONSTRAINT code_given CHECK (code <> ''));
SELECT invariant_guard.protect('wages', 'financial');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'alter-type-recheck(wages.code), financial-type(wages.code)';
ALTER TABLE wages ALTER COLUMN code TYPE varchar(20);
ALTER TABLE wages DROP CONSTRAINT code_given;
COMMIT;
BEGIN;
ALTER TABLE wages ADD CONSTRAINT short CHECK (length(code) < 9) NOT VALID;
ALTER TABLE wages DROP CONSTRAINT short;
ROLLBACK;
SET invariant_guard.mode = off;
DROP TABLE wages;
RESET invariant_guard.mode;

-- financial-disable-trigger: disabled, made replica-only, dropped
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TRIGGER stamp BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE payments DISABLE TRIGGER stamp;
ALTER TABLE payments DISABLE TRIGGER ALL;
ALTER TABLE payments DISABLE TRIGGER USER;
\set VERBOSITY default
ALTER TABLE payments ENABLE REPLICA TRIGGER stamp;
\set VERBOSITY terse
DROP TRIGGER stamp ON payments;
DROP FUNCTION stamp() CASCADE;
-- replaced, or gone round by a rule
\set VERBOSITY default
CREATE OR REPLACE TRIGGER stamp BEFORE INSERT ON payments FOR EACH ROW WHEN (false) EXECUTE FUNCTION stamp();
\set VERBOSITY terse
CREATE OR REPLACE TRIGGER another BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE OR REPLACE TRIGGER stamp BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE nothing AS ON DELETE TO payments DO INSTEAD NOTHING;
CREATE OR REPLACE RULE nothing AS ON INSERT TO payments DO INSTEAD INSERT INTO notes VALUES (1, 1);
CREATE RULE also AS ON INSERT TO payments DO ALSO NOTHING;
CREATE RULE nothing AS ON DELETE TO notes DO INSTEAD NOTHING;
BEGIN;
CREATE TRIGGER fresh BEFORE INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE OR REPLACE TRIGGER fresh BEFORE UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
ROLLBACK;
ALTER TABLE payments ENABLE ALWAYS TRIGGER stamp;
ALTER TABLE users DISABLE TRIGGER stamp;
DROP TRIGGER stamp ON users;
-- by way of the partitioned table above a financial leaf
CREATE TABLE root (id int, k int) PARTITION BY RANGE (k);
CREATE TABLE invoice_below PARTITION OF root FOR VALUES FROM (0) TO (10);
CREATE TRIGGER stamp BEFORE INSERT ON root FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE root DISABLE TRIGGER stamp;
CREATE OR REPLACE TRIGGER stamp BEFORE INSERT ON root FOR EACH ROW WHEN (false) EXECUTE FUNCTION stamp();

-- financial-disable-rls
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY all_rows ON payments USING (true);
ALTER TABLE payments DISABLE ROW LEVEL SECURITY;
\set VERBOSITY default
ALTER TABLE payments NO FORCE ROW LEVEL SECURITY;
\set VERBOSITY terse
DROP POLICY all_rows ON payments;
ALTER POLICY all_rows ON payments USING (amount > 0);
ALTER POLICY nobody ON payments USING (true);
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users DISABLE ROW LEVEL SECURITY;

-- financial-owner
CREATE ROLE regress_ig_clerk;
ALTER TABLE payments OWNER TO regress_ig_clerk;
ALTER TABLE payments OWNER TO CURRENT_USER;
ALTER TABLE users OWNER TO regress_ig_clerk;
SET invariant_guard.financial_tables = 'users';
REASSIGN OWNED BY regress_ig_clerk TO CURRENT_USER;
RESET invariant_guard.financial_tables;
REASSIGN OWNED BY regress_ig_clerk TO CURRENT_USER;

-- financial-grant-public
GRANT SELECT ON payments TO PUBLIC;
GRANT SELECT ON users, payments TO regress_ig_clerk, PUBLIC;
GRANT SELECT ON ALL TABLES IN SCHEMA financial TO PUBLIC;
GRANT SELECT ON payments TO regress_ig_clerk;
GRANT SELECT ON users TO PUBLIC;
REVOKE SELECT ON payments FROM PUBLIC;

-- unprotect: in every form
SELECT invariant_guard.unprotect('payments');
SECURITY LABEL FOR invariant_guard ON TABLE payments IS NULL;
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'protected';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financial, protected';
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'unprotect(financial.payments)';
SELECT invariant_guard.unprotect('payments');
COMMIT;
SELECT label FROM pg_seclabels WHERE objoid = 'payments'::regclass;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA financial CASCADE;
DROP OWNED BY regress_ig_clerk;
DROP ROLE regress_ig_clerk;
