--
-- labels: the class of a table, by SECURITY LABEL and by function
--
CREATE SCHEMA labels;
SET search_path = labels;
CREATE ROLE regress_ig_owner;
GRANT ALL ON SCHEMA labels TO regress_ig_owner;

CREATE TABLE payments (id int PRIMARY KEY, amount numeric);
CREATE TABLE parts (id int) PARTITION BY RANGE (id);
CREATE VIEW v AS SELECT id FROM payments;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM payments;
CREATE SEQUENCE seq;
CREATE TYPE composite AS (a int);
CREATE DOMAIN dom AS int;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';

CREATE VIEW seclabels AS
	SELECT objtype, objname, label FROM pg_seclabels
	WHERE provider = 'invariant_guard' ORDER BY objname;

-- tables
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financial';
SECURITY LABEL FOR invariant_guard ON TABLE parts IS 'protected';
SELECT * FROM seclabels;
SECURITY LABEL FOR invariant_guard ON TABLE payments IS ' protected,financial ';
SELECT * FROM seclabels;

-- words that are no class
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financal';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financial, protect';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'top secret';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'Financial';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financial,';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS ',';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS '';

-- what is no table
SECURITY LABEL FOR invariant_guard ON VIEW v IS 'financial';
SECURITY LABEL FOR invariant_guard ON MATERIALIZED VIEW mv IS 'financial';
SECURITY LABEL FOR invariant_guard ON SEQUENCE seq IS 'financial';
SECURITY LABEL FOR invariant_guard ON COLUMN payments.amount IS 'financial';
SECURITY LABEL FOR invariant_guard ON SCHEMA labels IS 'protected';
SECURITY LABEL FOR invariant_guard ON TYPE composite IS 'protected';
SECURITY LABEL FOR invariant_guard ON DOMAIN dom IS 'protected';
SECURITY LABEL FOR invariant_guard ON FUNCTION f() IS 'protected';
SECURITY LABEL FOR invariant_guard ON ROLE regress_ig_owner IS 'protected';
SELECT current_database() AS db \gset
SECURITY LABEL FOR invariant_guard ON DATABASE :"db" IS 'protected';
-- there is nothing to take away
SECURITY LABEL FOR invariant_guard ON SCHEMA labels IS NULL;
SECURITY LABEL FOR invariant_guard ON COLUMN payments.amount IS NULL;
SECURITY LABEL FOR invariant_guard ON VIEW v IS NULL;

-- the label follows a rename and goes with the table
BEGIN;
CREATE TABLE short_lived (id int);
SELECT invariant_guard.protect('short_lived', 'protected');
ALTER TABLE short_lived RENAME TO other_name;
SELECT * FROM seclabels;
ROLLBACK;
SELECT * FROM seclabels;

--
-- protect() and unprotect()
--
CREATE TABLE t (id int);
SELECT invariant_guard.protect('t', 'financial');
SELECT invariant_guard.protect('t', 'financial');
SELECT invariant_guard.protect('t', 'protected');
SELECT invariant_guard.protect('t', 'protected, financial');
SELECT * FROM seclabels WHERE objname = 't';
-- twice in one statement
CREATE TABLE twice (id int);
SELECT invariant_guard.protect('twice', 'financial'), invariant_guard.protect('twice', 'protected');
SELECT * FROM seclabels WHERE objname = 'twice';

SELECT invariant_guard.protect('t', 'protectd');
SELECT invariant_guard.protect('t', '');
SELECT invariant_guard.protect('t', NULL);
SELECT invariant_guard.protect(NULL, 'financial');
SELECT invariant_guard.protect('v', 'financial');
SELECT invariant_guard.protect('payments_pkey', 'financial');
SELECT invariant_guard.protect('no_such_table', 'financial');
SELECT invariant_guard.unprotect(NULL);
SELECT invariant_guard.unprotect('t', 'finance');

-- in a read-only transaction
BEGIN READ ONLY;
SELECT invariant_guard.protect('t', 'financial');
ROLLBACK;

-- a label of the same transaction as its table counts at once, and one that is
-- taken back with its savepoint does not
BEGIN;
CREATE TABLE young (id int);
ALTER TABLE young ADD COLUMN a float8;
SAVEPOINT before_label;
SECURITY LABEL FOR invariant_guard ON TABLE young IS 'financial';
ALTER TABLE young ADD COLUMN b float8;
ROLLBACK TO before_label;
ALTER TABLE young ADD COLUMN b float8;
SELECT invariant_guard.protect('young', 'financial');
ALTER TABLE young ADD COLUMN c float8;
ROLLBACK;

-- taking away; what the gate says to it is tested with its rule
SET invariant_guard.mode = 'off';
SELECT invariant_guard.unprotect('t', 'financial');
SELECT invariant_guard.unprotect('t', 'financial');
SELECT * FROM seclabels WHERE objname = 't';
SELECT invariant_guard.unprotect('t');
SELECT invariant_guard.unprotect('t');
SELECT * FROM seclabels WHERE objname = 't';
SECURITY LABEL FOR invariant_guard ON TABLE payments IS NULL;
SECURITY LABEL FOR invariant_guard ON TABLE payments IS NULL;
SELECT * FROM seclabels;
RESET invariant_guard.mode;

-- the owner may, others may not
ALTER TABLE t OWNER TO regress_ig_owner;
SET ROLE regress_ig_owner;
SELECT invariant_guard.protect('t', 'protected');
SELECT invariant_guard.protect('payments', 'protected');
SELECT invariant_guard.unprotect('parts');
SECURITY LABEL FOR invariant_guard ON TABLE parts IS NULL;
RESET ROLE;
SELECT * FROM seclabels;

SET invariant_guard.mode = 'off';
SET client_min_messages = 'warning';
DROP SCHEMA labels CASCADE;
DROP ROLE regress_ig_owner;
SELECT count(*) FROM pg_seclabel WHERE provider = 'invariant_guard';
