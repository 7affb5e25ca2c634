--
-- What the server really does, beside what the gate says of it: the locks, as
-- pg_locks shows them; the tables that got a new file; the indexes that were
-- built; the tables that were read from end to end.
--
CREATE SCHEMA proof;
SET search_path = proof;
\set VERBOSITY terse
SET invariant_guard.severity = 'alter-type-in-use=off, drop-column=off, drop-table=off, drop-enforced-constraint=off, drop-not-null=off';

-- The rules that refuse a statement, or what it takes to make it run.
CREATE FUNCTION refused_by(statement text) RETURNS text LANGUAGE plpgsql AS $$
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

-- The relations of this schema: name, kind, file, scans so far.
CREATE FUNCTION relations() RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_object_agg(oid, jsonb_build_object('name', relname, 'kind', relkind,
		'file', pg_relation_filenode(oid), 'scans', pg_stat_get_xact_numscans(oid)))
	FROM pg_class WHERE relnamespace = 'proof'::regnamespace AND relkind IN ('r', 'p', 'm', 'i')
$$;

-- Run the statement without the gate, look, and roll back.
CREATE FUNCTION work(statement text, OUT locks text, OUT rewrites text, OUT builds text, OUT scans text)
LANGUAGE plpgsql AS $$
DECLARE
	weak_to_strong CONSTANT text[] := '{AccessShare,RowShare,RowExclusive,ShareUpdateExclusive,Share,ShareRowExclusive,Exclusive,AccessExclusive}';
	before jsonb; after jsonb; message text;
BEGIN
	before := relations();
	SET LOCAL invariant_guard.mode = off;
	BEGIN
		EXECUTE statement;
		after := relations();
		SELECT string_agg(relation || ' ' || mode, ', ' ORDER BY relation) INTO locks
		FROM (SELECT before -> l.relation::text ->> 'name' AS relation,
				weak_to_strong[max(array_position(weak_to_strong, replace(l.mode, 'Lock', '')))] AS mode
			  FROM pg_catalog.pg_locks l
			  WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
				AND before -> l.relation::text ->> 'kind' IN ('r', 'p', 'm')
			  GROUP BY 1) l
		WHERE mode <> 'AccessShare';
		SELECT string_agg(value ->> 'name', ', ' ORDER BY value ->> 'name')
				FILTER (WHERE value ->> 'kind' IN ('r', 'm') AND before ? key
					AND value -> 'file' <> before -> key -> 'file'),
			string_agg(value ->> 'name', ', ' ORDER BY value ->> 'name')
				FILTER (WHERE value ->> 'kind' = 'i' AND NOT EXISTS
					(SELECT FROM jsonb_each(before) b WHERE b.value -> 'file' = a.value -> 'file')),
			string_agg(value ->> 'name', ', ' ORDER BY value ->> 'name')
				FILTER (WHERE value ->> 'kind' IN ('r', 'm') AND before ? key
					AND (value -> 'scans')::int > (before -> key -> 'scans')::int)
			INTO rewrites, builds, scans
		FROM jsonb_each(after) a;
		RAISE SQLSTATE 'TT000';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS message = MESSAGE_TEXT;
		IF SQLSTATE <> 'TT000' THEN
			locks := message;
		END IF;
	END;
	SET LOCAL invariant_guard.mode = enforce;
END $$;

CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN free AS int;
CREATE DOMAIN preset AS int DEFAULT 1;
CREATE FUNCTION one() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
CREATE TABLE ref (id int PRIMARY KEY);
CREATE TABLE t (id int PRIMARY KEY, a int, b text, c varchar(10), d numeric(10,2), ts timestamp,
	n int CHECK (n IS NOT NULL), m int NOT NULL, f free, x int CHECK (x > 0), r int4range,
	old int REFERENCES ref);
CREATE UNIQUE INDEX CONCURRENTLY t_a ON t (a);
CREATE UNIQUE INDEX CONCURRENTLY t_m ON t (m);
CREATE INDEX CONCURRENTLY t_b ON t (b);
INSERT INTO ref SELECT generate_series(1, 100);
INSERT INTO t SELECT i, i, i, i, i, '2000-01-01', i, i, i, i, int4range(i, i + 1), i FROM generate_series(1, 100) i;
ALTER TABLE t ADD CONSTRAINT later CHECK (a > 0) NOT VALID;
ALTER TABLE t ADD CONSTRAINT later_ref FOREIGN KEY (n) REFERENCES ref NOT VALID;
CREATE TABLE part (id int NOT NULL, a int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (50);
CREATE TABLE part2 PARTITION OF part FOR VALUES FROM (50) TO (1000);
CREATE TABLE whole (id int NOT NULL, a int) PARTITION BY RANGE (id);
CREATE TABLE whole1 PARTITION OF whole FOR VALUES FROM (0) TO (50);
CREATE TABLE whole_rest PARTITION OF whole DEFAULT;
CREATE TABLE loose (id int NOT NULL, a int);
CREATE TABLE fitting (id int NOT NULL CHECK (id >= 1000 AND id < 2000), a int);
INSERT INTO part SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO whole SELECT i, i FROM generate_series(1, 100) i;
INSERT INTO loose SELECT i, i FROM generate_series(1000, 1100) i;
INSERT INTO fitting SELECT i, i FROM generate_series(1000, 1100) i;
CREATE TABLE parent (id int, a int);
CREATE TABLE child () INHERITS (parent);
INSERT INTO child SELECT i, i FROM generate_series(1, 100) i;
CREATE MATERIALIZED VIEW mv AS SELECT id FROM ref;
CREATE TABLE pointer (id int REFERENCES ref);
CREATE UNLOGGED TABLE unlogged (id int);
INSERT INTO unlogged SELECT generate_series(1, 100);
CREATE ACCESS METHOD proof_heap TYPE TABLE HANDLER heap_tableam_handler;
SET allow_in_place_tablespaces = on;
CREATE TABLESPACE proof_space LOCATION '';
SET TimeZone = 'America/New_York';
-- a foreign key is checked by a query; let it look up each row by the key
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;

\pset null '-'
CREATE TEMP TABLE proved AS
SELECT n, s AS statement, w.*, refused_by(s)
FROM (VALUES
	-- columns
	(1, 'ALTER TABLE t ADD COLUMN z int'),
	(2, 'ALTER TABLE t ADD COLUMN z int NOT NULL DEFAULT 1'),
	(3, 'ALTER TABLE t ADD COLUMN z timestamptz DEFAULT now()'),
	(4, 'ALTER TABLE t ADD COLUMN z int DEFAULT one()'),
	(5, 'ALTER TABLE t ADD COLUMN z float8 DEFAULT random()'),
	(6, 'ALTER TABLE t ADD COLUMN z serial'),
	(7, 'ALTER TABLE t ADD COLUMN z int GENERATED ALWAYS AS IDENTITY'),
	(8, 'ALTER TABLE t ADD COLUMN z int GENERATED ALWAYS AS (a) STORED'),
	(9, 'ALTER TABLE t ADD COLUMN z positive DEFAULT 1'),
	(10, 'ALTER TABLE t ADD COLUMN z free DEFAULT 1'),
	(11, 'ALTER TABLE t ADD COLUMN z int CHECK (z > 0)'),
	(12, 'ALTER TABLE t ADD COLUMN z int REFERENCES ref'),
	(13, 'ALTER TABLE t ADD COLUMN z int DEFAULT 1 REFERENCES ref'),
	(14, 'ALTER TABLE t ADD COLUMN z int DEFAULT NULL REFERENCES ref'),
	(15, 'ALTER TABLE t ADD COLUMN z preset REFERENCES ref'),
	(16, 'ALTER TABLE t ADD COLUMN y int DEFAULT 1, ADD COLUMN z int REFERENCES ref'),
	(17, 'ALTER TABLE t ADD COLUMN z int UNIQUE'),
	(18, 'ALTER TABLE part ADD COLUMN z float8 DEFAULT random()'),
	(19, 'ALTER TABLE parent ADD COLUMN z float8 DEFAULT random()'),
	(20, 'ALTER TABLE t ALTER a TYPE bigint'),
	(21, 'ALTER TABLE t ALTER c TYPE text'),
	(22, 'ALTER TABLE t ALTER c TYPE varchar(5)'),
	(23, 'ALTER TABLE t ALTER d TYPE numeric(12,2)'),
	(24, 'ALTER TABLE t ALTER ts TYPE timestamptz'),
	(25, 'ALTER TABLE t ALTER b TYPE text COLLATE "C"'),
	(26, 'ALTER TABLE t ALTER b TYPE varchar'),
	(27, 'ALTER TABLE t ALTER x TYPE free'),
	(28, 'ALTER TABLE t ALTER f TYPE positive'),
	(29, 'ALTER TABLE part ALTER a TYPE bigint'),
	(30, 'ALTER TABLE parent ALTER a TYPE bigint'),
	(31, 'ALTER TABLE t ALTER a SET NOT NULL'),
	(32, 'ALTER TABLE t ALTER n SET NOT NULL'),
	(33, 'ALTER TABLE t ALTER x SET NOT NULL'),
	(34, 'ALTER TABLE t DROP CONSTRAINT t_n_check, ALTER n SET NOT NULL'),
	(35, 'ALTER TABLE part ALTER a SET NOT NULL'),
	-- constraints
	(36, 'ALTER TABLE t ADD CHECK (a > 0)'),
	(37, 'ALTER TABLE t ADD CHECK (a > 0) NOT VALID'),
	(38, 'ALTER TABLE t VALIDATE CONSTRAINT later'),
	(39, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref'),
	(40, 'ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES ref NOT VALID'),
	(41, 'ALTER TABLE t VALIDATE CONSTRAINT later_ref'),
	(42, 'ALTER TABLE t DROP CONSTRAINT t_old_fkey'),
	(43, 'ALTER TABLE part ADD FOREIGN KEY (a) REFERENCES ref'),
	(44, 'CREATE TABLE note (id int REFERENCES ref)'),
	(45, 'ALTER TABLE t ADD UNIQUE (n)'),
	(46, 'ALTER TABLE t ADD UNIQUE USING INDEX t_a'),
	(47, 'ALTER TABLE child ADD PRIMARY KEY (id)'),
	(48, 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY USING INDEX t_a'),
	(49, 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY USING INDEX t_m'),
	(50, 'ALTER TABLE t ADD EXCLUDE USING gist (r WITH &&)'),
	(51, 'ALTER DOMAIN free ADD CHECK (VALUE > 0)'),
	(52, 'ALTER DOMAIN free ADD CHECK (VALUE > 0) NOT VALID'),
	(53, 'ALTER DOMAIN free SET NOT NULL'),
	-- indexes and storage
	(54, 'CREATE INDEX ON t (c)'),
	(55, 'CREATE INDEX ON part (a)'),
	(56, 'CREATE INDEX ON ONLY part (a)'),
	(57, 'DROP INDEX t_b'),
	(58, 'REINDEX TABLE ref'),
	(59, 'REINDEX INDEX t_b'),
	(60, 'CLUSTER t USING t_pkey'),
	(61, 'ALTER TABLE unlogged SET LOGGED'),
	(62, 'ALTER TABLE unlogged SET UNLOGGED'),
	(63, 'ALTER TABLE loose SET TABLESPACE proof_space'),
	(64, 'ALTER TABLE loose SET TABLESPACE pg_default'),
	(65, 'ALTER TABLE loose SET ACCESS METHOD proof_heap'),
	(66, 'ALTER TABLE loose SET ACCESS METHOD heap'),
	(67, 'REFRESH MATERIALIZED VIEW mv'),
	-- partitions
	(68, 'ALTER TABLE part DETACH PARTITION part1'),
	(69, 'ALTER TABLE part ATTACH PARTITION loose FOR VALUES FROM (1000) TO (2000)'),
	(70, 'ALTER TABLE part ATTACH PARTITION fitting FOR VALUES FROM (1000) TO (2000)'),
	(71, 'ALTER TABLE whole ATTACH PARTITION fitting FOR VALUES FROM (1000) TO (2000)'),
	(72, 'CREATE TABLE fresh PARTITION OF part FOR VALUES FROM (1000) TO (2000)'),
	(73, 'CREATE TABLE fresh PARTITION OF whole FOR VALUES FROM (1000) TO (2000)'),
	-- names and defaults
	(74, 'ALTER TABLE t RENAME a TO z'),
	(76, 'ALTER TABLE t ALTER m DROP NOT NULL'),
	(77, 'ALTER TABLE t ALTER a SET DEFAULT 1'),
	(78, 'ALTER TABLE ref REPLICA IDENTITY FULL'),
	(79, 'COMMENT ON TABLE t IS ''x'''),
	(80, 'DROP TABLE pointer')) v (n, s), work(s) w;
SELECT statement, locks, rewrites, builds, scans, refused_by FROM proved ORDER BY n;
-- no work while others wait that the gate lets pass
SELECT statement FROM proved
	WHERE coalesce(rewrites, builds, scans) IS NOT NULL AND refused_by = '-'
		AND locks ~ ' (Share|ShareRowExclusive|Exclusive|AccessExclusive)(,|$)';
-- no refusal of what does none, save for what breaks applications or queues
-- for the strongest lock of all
SELECT statement, refused_by FROM proved
	WHERE coalesce(rewrites, builds, scans) IS NULL AND refused_by <> '-';
-- what 17 and 18 have brought; where it is not known, this is as they have it
CREATE TABLE newer (a int, b int, g int GENERATED ALWAYS AS (a + 1) STORED,
	fk int CONSTRAINT fk REFERENCES ref);
INSERT INTO newer (a, b, fk) SELECT i, i, i FROM generate_series(1, 100) i;
DO $$
BEGIN
	IF current_setting('server_version_num')::int >= 180000 THEN
		EXECUTE 'ALTER TABLE newer ADD CONSTRAINT a_filled NOT NULL a NOT VALID';
	END IF;
END $$;
SET invariant_guard.severity = 'drop-not-null=error, drop-enforced-constraint=error'; -- both are judged at COMMIT
SELECT s AS statement,
	CASE WHEN known THEN coalesce(w.rewrites, w.builds, w.scans) ELSE works_on END AS works_on,
	CASE WHEN known THEN refused_by(s) ELSE rule END AS refused_by
FROM (VALUES
	(17, 'ALTER TABLE newer ALTER g SET EXPRESSION AS (a + 2)', 'newer', 'set-expression-rewrite'),
	(17, 'ALTER TABLE newer SET ACCESS METHOD DEFAULT', NULL, '-'),
	(17, 'ALTER TABLE part SET ACCESS METHOD proof_heap', NULL, '-'),
	(18, 'ALTER TABLE newer ADD z int GENERATED ALWAYS AS (a + 1) VIRTUAL', NULL, '-'),
	(18, 'ALTER TABLE newer ADD z int GENERATED ALWAYS AS (a + 1) VIRTUAL NOT NULL', 'newer', 'add-column-scan'),
	(18, 'ALTER TABLE newer ADD z int GENERATED ALWAYS AS (a + 1) VIRTUAL CHECK (z > 0)', 'newer', 'add-column-scan'),
	(18, 'ALTER TABLE newer ADD z int DEFAULT 1 CHECK (z > 0) NOT ENFORCED', NULL, '-'),
	(18, 'ALTER TABLE newer ADD z int DEFAULT 1 REFERENCES ref NOT ENFORCED', NULL, '-'),
	(18, 'ALTER TABLE newer ALTER a SET NOT NULL', 'newer', 'set-not-null-scan'),
	(18, 'ALTER TABLE newer ADD NOT NULL b', 'newer', 'set-not-null-scan'),
	(18, 'ALTER TABLE newer ADD NOT NULL b NOT VALID', NULL, '-'),
	(18, 'ALTER TABLE newer VALIDATE CONSTRAINT a_filled', 'newer', '-'),
	(18, 'ALTER TABLE newer DROP CONSTRAINT a_filled', NULL, '-'),
	(18, 'ALTER TABLE newer ADD CHECK (a > 0) NOT ENFORCED', NULL, '-'),
	(18, 'ALTER TABLE newer ADD FOREIGN KEY (a) REFERENCES ref NOT ENFORCED', NULL, '-'),
	(18, 'ALTER TABLE newer ALTER CONSTRAINT fk NOT ENFORCED', NULL, '-'),
	(18, 'ALTER TABLE part ADD FOREIGN KEY (a) REFERENCES ref NOT VALID', NULL, '-')) v (since, s, works_on, rule),
	LATERAL (SELECT current_setting('server_version_num')::int / 10000 >= since AS known) k,
	work(s) w;
\pset null ''

DROP TABLE proved;
RESET TimeZone;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
RESET allow_in_place_tablespaces;
SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA proof CASCADE;
DROP TABLESPACE proof_space;
DROP ACCESS METHOD proof_heap;
RESET invariant_guard.mode;
RESET invariant_guard.severity;
RESET client_min_messages;
