--
-- Constraints of tables and domains: what adding costs and what dropping
-- breaks.  Each cure is run as the hint gives it.
--
CREATE SCHEMA lock_constraint;
SET search_path = lock_constraint;

-- All rules that refuse a statement, warnings included.
CREATE FUNCTION refused_by(statement text) RETURNS text LANGUAGE plpgsql
SET invariant_guard.severity = 'compatibility=error' AS $$
DECLARE
	state text; rule text; message text; detail text;
BEGIN
	BEGIN
		EXECUTE statement;
		RAISE SQLSTATE 'TT000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, rule = CONSTRAINT_NAME,
			message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	END;
	IF state = 'TT000' THEN
		RETURN '-';
	ELSIF state NOT LIKE 'IG%' THEN
		RETURN 'server: ' || message;
	END IF;
	RETURN concat_ws(', ', rule,
		(SELECT string_agg(m[1], ', ')
		 FROM regexp_matches(detail, 'Also: [^\n]*?\(rule ([a-z-]+)\)\.', 'g') m));
END $$;

-- The SQL of the hint, without its comments: one row a statement.
CREATE FUNCTION cure(statement text) RETURNS SETOF text LANGUAGE plpgsql
SET client_min_messages = error AS $$
DECLARE
	hint text;
BEGIN
	BEGIN
		EXECUTE statement;
		RAISE SQLSTATE 'TT000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	END;
	RETURN QUERY SELECT line FROM regexp_split_to_table(hint, '\n') WITH ORDINALITY l (line, n)
		WHERE line NOT LIKE '--%' ORDER BY n;
END $$;

CREATE TABLE t (id int, a int, b int NOT NULL, r int4range) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, i, i, int4range(i, i + 1) FROM generate_series(1, 1000) i;
ANALYZE t;
CREATE TABLE ref (id int PRIMARY KEY, self int) WITH (autovacuum_enabled = off);
INSERT INTO ref SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE ref;
CREATE TABLE part (id int, a int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (501) WITH (autovacuum_enabled = off);
CREATE TABLE part2 PARTITION OF part DEFAULT WITH (autovacuum_enabled = off);
INSERT INTO part SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE part;
CREATE TABLE parent (id int, a int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO child SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE child;
CREATE TABLE "My ""T""" ("My col" int);
INSERT INTO "My ""T""" SELECT generate_series(1, 1000);
ANALYZE "My ""T""";
CREATE FOREIGN DATA WRAPPER lock_constraint_fdw;
CREATE SERVER lock_constraint_server FOREIGN DATA WRAPPER lock_constraint_fdw;
CREATE FOREIGN TABLE ft (id int) SERVER lock_constraint_server;

--
-- add-check-validated
--
\set VERBOSITY default
ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0);
\set VERBOSITY terse
ALTER TABLE t ADD CHECK (a > 0);
ALTER TABLE part ADD CHECK (a > 0);
ALTER TABLE parent ADD CHECK (a > 0);
ALTER TABLE "My ""T""" ADD CONSTRAINT "My check" CHECK ("My col" > 0);
DO $$ BEGIN ALTER TABLE t ADD CHECK (a > 0); END $$;
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE t ADD CHECK (a > 0) NOT VALID'),
	('ALTER TABLE t ADD CHECK (a > 0), ADD CHECK (b > 0), ADD CHECK (id > 0) NOT VALID'),
	('ALTER TABLE t ADD COLUMN x int, ADD CHECK (x > 0)'),
	('ALTER TABLE t ADD CHECK (true)'),
	('ALTER TABLE parent ADD CHECK (a > 0) NO INHERIT'),
	('ALTER TABLE part ADD CHECK (a > 0) NOT VALID'),
	('ALTER FOREIGN TABLE ft ADD CHECK (id > 0)')) v (s);
SELECT cure('ALTER TABLE t ADD CONSTRAINT a_positive CHECK (a > 0)') \gexec
SELECT cure('ALTER TABLE part ADD CHECK (a > 0)') \gexec
SELECT cure('ALTER TABLE parent ADD CHECK (a > 0)') \gexec
SELECT cure('ALTER TABLE "My ""T""" ADD CONSTRAINT "My check" CHECK ("My col" > 0)') \gexec
SELECT conrelid::regclass, conname, convalidated FROM pg_constraint
	WHERE connamespace = 'lock_constraint'::regnamespace AND contype = 'c' AND conrelid <> 0
	ORDER BY conrelid::regclass::text, 2;
-- not checked is not costly (NOT ENFORCED: since 18)
DO $$
BEGIN
	IF current_setting('server_version_num')::int >= 180000 THEN
		EXECUTE 'ALTER TABLE t ADD CONSTRAINT wish CHECK (a > 100) NOT ENFORCED';
		EXECUTE 'ALTER TABLE t DROP CONSTRAINT wish';
	END IF;
END $$;

--
-- add-foreign-key-validated
--
\set VERBOSITY default
ALTER TABLE t ADD CONSTRAINT t_ref FOREIGN KEY (a) REFERENCES ref;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref (id)'),
	('ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref NOT VALID'),
	('ALTER TABLE ref ADD FOREIGN KEY (self) REFERENCES ref'),
	('ALTER TABLE part ADD FOREIGN KEY (a) REFERENCES ref'),
	('ALTER TABLE child ADD FOREIGN KEY (a) REFERENCES ref'),
	('ALTER TABLE "My ""T""" ADD FOREIGN KEY ("My col") REFERENCES ref'),
	('ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref, ADD FOREIGN KEY (b) REFERENCES ref NOT VALID'),
	('ALTER TABLE t ADD COLUMN x int, ADD FOREIGN KEY (x) REFERENCES ref')) v (s);
SELECT cure('ALTER TABLE t ADD CONSTRAINT t_ref FOREIGN KEY (a) REFERENCES ref') \gexec
SELECT cure('ALTER TABLE "My ""T""" ADD FOREIGN KEY ("My col") REFERENCES ref') \gexec
SELECT cure('ALTER TABLE parent ADD FOREIGN KEY (a) REFERENCES ref (id) MATCH FULL ON DELETE RESTRICT ON UPDATE RESTRICT DEFERRABLE INITIALLY DEFERRED') \gexec
-- a partitioned table has no NOT VALID before 18: each partition, then the
-- whole, which looks at no row
ALTER TABLE part1 ADD CONSTRAINT part_a_fkey FOREIGN KEY (a) REFERENCES ref NOT VALID;
ALTER TABLE part1 VALIDATE CONSTRAINT part_a_fkey;
ALTER TABLE part2 ADD CONSTRAINT part_a_fkey FOREIGN KEY (a) REFERENCES ref NOT VALID;
ALTER TABLE part2 VALIDATE CONSTRAINT part_a_fkey;
BEGIN;
SET LOCAL invariant_guard.reason = 'its partitions have it';
SET LOCAL invariant_guard.allow = 'add-foreign-key-validated(part)';
ALTER TABLE part ADD FOREIGN KEY (a) REFERENCES ref;
COMMIT;
SELECT conrelid::regclass, conname, convalidated, conparentid <> 0 AS taken_over FROM pg_constraint
	WHERE connamespace = 'lock_constraint'::regnamespace AND contype = 'f'
		AND confrelid = 'ref'::regclass
	ORDER BY conrelid::regclass::text, 2;
-- a new table may refer to an old one, the lock on which is brief
BEGIN;
CREATE TABLE fresh (id int, a int REFERENCES ref);
INSERT INTO fresh VALUES (1, 1);
ALTER TABLE fresh ADD FOREIGN KEY (id) REFERENCES ref;
ROLLBACK;

--
-- foreign-key-locks-parent: off, and a warning where the parent is guarded
--
SET invariant_guard.financial_tables = 'lock_constraint.ledger';
CREATE TABLE ledger (id int PRIMARY KEY, amount numeric NOT NULL) WITH (autovacuum_enabled = off);
INSERT INTO ledger SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE ledger;
\set VERBOSITY default
CREATE TABLE note (id int, ledger int NOT NULL REFERENCES ledger, ref int REFERENCES ref);
\set VERBOSITY terse
ALTER TABLE note ADD COLUMN second int REFERENCES ledger;
ALTER TABLE note ADD FOREIGN KEY (id) REFERENCES ledger NOT VALID;
ALTER TABLE note ADD FOREIGN KEY (id) REFERENCES ref NOT VALID;
SET invariant_guard.severity = 'drop-column=off, drop-table=off, drop-enforced-constraint=off';
ALTER TABLE note DROP CONSTRAINT note_id_fkey;
ALTER TABLE note DROP CONSTRAINT note_id_fkey1;
ALTER TABLE note DROP COLUMN second;
ALTER TABLE note DROP COLUMN ref;
DROP TABLE note;
RESET invariant_guard.severity;
RESET invariant_guard.financial_tables;
SET invariant_guard.severity = 'foreign-key-locks-parent=error';
CREATE TABLE note (id int, ref int REFERENCES ref);
CREATE TABLE note (id int, ref int);
-- the stronger rule speaks for it
ALTER TABLE note ADD FOREIGN KEY (id) REFERENCES ref;
ALTER TABLE note ADD FOREIGN KEY (id) REFERENCES ref NOT VALID;
-- both sides new
BEGIN;
CREATE TABLE side_a (id int PRIMARY KEY);
CREATE TABLE side_b (id int REFERENCES side_a);
ROLLBACK;
RESET invariant_guard.severity;

--
-- add-unique-constraint
--
\set VERBOSITY default
ALTER TABLE t ADD CONSTRAINT t_a_key UNIQUE (a);
ALTER TABLE part ADD UNIQUE (id);
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE t ADD UNIQUE (a, b)'),
	('ALTER TABLE t ADD UNIQUE (a) INCLUDE (b) DEFERRABLE'),
	('ALTER TABLE t ADD COLUMN x int, ADD UNIQUE (x)'),
	('ALTER TABLE child ADD UNIQUE (a)'),
	('ALTER TABLE "My ""T""" ADD UNIQUE ("My col")')) v (s);
SELECT cure('ALTER TABLE t ADD CONSTRAINT t_a_key UNIQUE (a) INCLUDE (b)') \gexec
SELECT cure('ALTER TABLE t ADD CONSTRAINT t_b_key UNIQUE (b) DEFERRABLE INITIALLY DEFERRED') \gexec
SELECT cure('ALTER TABLE "My ""T""" ADD UNIQUE ("My col")') \gexec
SELECT cure('ALTER TABLE part ADD UNIQUE (id)') \gexec
SELECT indexrelid::regclass, indisunique, indimmediate, indisvalid FROM pg_index
	WHERE indrelid IN ('t'::regclass, 'part'::regclass, 'part1'::regclass, '"My ""T"""'::regclass)
	ORDER BY indexrelid::regclass::text;

--
-- add-primary-key and primary-key-nullable
--
\set VERBOSITY default
ALTER TABLE t ADD PRIMARY KEY (id);
CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id);
ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id;
\set VERBOSITY terse
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER TABLE t ADD PRIMARY KEY (b)'),
	('ALTER TABLE t ADD PRIMARY KEY (id, b)'),
	('ALTER TABLE t ADD COLUMN x serial, ADD PRIMARY KEY (x)'),
	('ALTER TABLE part ADD PRIMARY KEY (id)'),
	('ALTER TABLE child ADD PRIMARY KEY (id)'),
	('ALTER TABLE "My ""T""" ADD PRIMARY KEY ("My col")'),
	('ALTER TABLE t ADD PRIMARY KEY USING INDEX t_id'),
	('ALTER TABLE t ALTER id SET NOT NULL, ADD PRIMARY KEY USING INDEX t_id')) v (s);
SELECT cure('ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY USING INDEX t_id') \gexec
SELECT cure('ALTER TABLE child ADD PRIMARY KEY (id)') \gexec
SELECT conrelid::regclass, conname FROM pg_constraint
	WHERE conrelid IN ('t'::regclass, 'child'::regclass) AND contype = 'p' ORDER BY 1;
-- a validated check is proof enough
CREATE TABLE proved (id int CHECK (id IS NOT NULL));
INSERT INTO proved SELECT generate_series(1, 1000);
CREATE UNIQUE INDEX CONCURRENTLY proved_id ON proved (id);
ALTER TABLE proved ADD PRIMARY KEY USING INDEX proved_id;

--
-- add-exclusion
--
\set VERBOSITY default
ALTER TABLE t ADD CONSTRAINT t_r EXCLUDE USING gist (r WITH &&);
\set VERBOSITY terse
BEGIN;
SET LOCAL invariant_guard.reason = 'Sunday night';
SET LOCAL invariant_guard.allow = 'add-exclusion(lock_constraint.t)';
ALTER TABLE t ADD CONSTRAINT t_r EXCLUDE USING gist (r WITH &&);
COMMIT;

--
-- drop-enforced-constraint
--
\set VERBOSITY default
-- in a transaction it waits for the commit: see commit.sql
SET invariant_guard.severity = 'drop-enforced-constraint=error';
ALTER TABLE t DROP CONSTRAINT a_positive;
\set VERBOSITY terse
ALTER TABLE t DROP CONSTRAINT t_a_key;
ALTER TABLE t DROP CONSTRAINT t_ref;
ALTER TABLE t DROP CONSTRAINT t_r;
ALTER TABLE t DROP CONSTRAINT t_pkey;
ALTER TABLE t DROP CONSTRAINT IF EXISTS nobody;
ALTER TABLE t DROP CONSTRAINT nobody;
ALTER TABLE parent DROP CONSTRAINT parent_check;
RESET invariant_guard.severity;
-- what SET NOT NULL needed has done its work
ALTER TABLE proved DROP CONSTRAINT proved_id_check;
-- an error on a guarded table
SET invariant_guard.protected_tables = 'lock_constraint.child';
ALTER TABLE child DROP CONSTRAINT child_pkey;
RESET invariant_guard.protected_tables;
-- one that this transaction has added
BEGIN;
ALTER TABLE t ADD CONSTRAINT brief CHECK (b > 0) NOT VALID;
ALTER TABLE t DROP CONSTRAINT brief;
ROLLBACK;

--
-- domain-constraint-scan
--
CREATE DOMAIN amount AS int;
CREATE DOMAIN unused AS int;
CREATE TABLE prices (id int, price amount) WITH (autovacuum_enabled = off);
INSERT INTO prices SELECT i, i FROM generate_series(1, 1000) i;
ANALYZE prices;
\set VERBOSITY default
ALTER DOMAIN amount ADD CONSTRAINT amount_positive CHECK (VALUE > 0);
ALTER DOMAIN amount SET NOT NULL;
\set VERBOSITY terse
SELECT cure('ALTER DOMAIN amount ADD CONSTRAINT amount_positive CHECK (VALUE > 0)') \gexec
ALTER DOMAIN amount VALIDATE CONSTRAINT amount_positive;
BEGIN;
SET LOCAL invariant_guard.reason = 'Sunday night';
SET LOCAL invariant_guard.allow = 'domain-constraint-scan(lock_constraint.amount)';
ALTER DOMAIN amount VALIDATE CONSTRAINT amount_positive;
COMMIT;
CREATE DOMAIN sub AS amount;
CREATE TYPE boxed AS (a amount);
CREATE TABLE sub_used (a sub, b sub) PARTITION BY LIST (a);
CREATE TABLE sub_used1 PARTITION OF sub_used DEFAULT;
SELECT s AS statement, refused_by(s)
FROM (VALUES
	('ALTER DOMAIN amount ADD CHECK (VALUE > 0)'),
	('ALTER DOMAIN amount ADD CHECK (VALUE > 0) NOT VALID'),
	('ALTER DOMAIN sub ADD CHECK (VALUE > 0)'),
	('ALTER DOMAIN unused ADD CHECK (VALUE > 0)'),
	('ALTER DOMAIN unused SET NOT NULL'),
	('ALTER DOMAIN amount DROP NOT NULL'),
	('ALTER DOMAIN amount SET DEFAULT 1')) v (s);
-- used by new and temporary tables only
CREATE DOMAIN young AS int;
CREATE TEMP TABLE scratch (a young);
ALTER DOMAIN young ADD CHECK (VALUE > 0);
DROP TABLE scratch;
BEGIN;
CREATE TABLE fresh (a young);
ALTER DOMAIN young SET NOT NULL;
ROLLBACK;

--
-- new and temporary tables
--
CREATE TEMP TABLE scratch (id int, r int4range);
INSERT INTO scratch VALUES (1);
ALTER TABLE scratch ADD CHECK (id > 0), ADD PRIMARY KEY (id), ADD UNIQUE (id, r),
	ADD EXCLUDE USING gist (r WITH &&);
ALTER TABLE scratch DROP CONSTRAINT scratch_id_check, DROP CONSTRAINT scratch_pkey;
DROP TABLE scratch;
BEGIN;
CREATE TABLE fresh (id int, r int4range);
INSERT INTO fresh VALUES (1);
ALTER TABLE fresh ADD CHECK (id > 0), ADD PRIMARY KEY (id), ADD UNIQUE (id, r),
	ADD EXCLUDE USING gist (r WITH &&), ADD FOREIGN KEY (id) REFERENCES ref;
ALTER TABLE fresh DROP CONSTRAINT fresh_id_check, DROP CONSTRAINT fresh_pkey;
ROLLBACK;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA lock_constraint CASCADE;
DROP FOREIGN DATA WRAPPER lock_constraint_fdw CASCADE;
RESET invariant_guard.mode;
RESET client_min_messages;
