--
-- column_usage: what the record is needed for is in test/t/060_column_usage.pl,
-- since not every server has one here
--
CREATE SCHEMA used;
SET search_path = used, public;
SET client_min_messages = error;
SET invariant_guard.mode = off;

-- a row for the table, and one for each column that is there
CREATE TABLE plain (gone int, id int, "Odd ""Name" text);
ALTER TABLE plain DROP COLUMN gone;
CREATE VIEW plain_view AS SELECT id FROM plain;
CREATE TEMP TABLE plain_temp (a int);
CREATE SEQUENCE plain_sequence;
CREATE TABLE parts (id int, k int) PARTITION BY LIST (k);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
SELECT table_name, column_name, relation, attnum FROM invariant_guard.column_usage
WHERE schema_name = 'used';

-- what uses a column without a query
CREATE FUNCTION dependents_of(rel regclass, col name) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT d FROM invariant_guard.column_usage u, pg_catalog.unnest(u.dependents) d
	WHERE u.relation = rel AND u.column_name IS NOT DISTINCT FROM col ORDER BY d COLLATE "C" $$;

CREATE TABLE target (
	id int PRIMARY KEY,
	a text,
	b int CHECK (b > 0),
	c text GENERATED ALWAYS AS (upper(a)) STORED,
	d int DEFAULT 7,
	"E ""e" text,
	f serial);
CREATE TABLE referrer (id int REFERENCES target, "user" int);
CREATE INDEX target_a ON target (lower(a)) WHERE b > 1;
CREATE UNIQUE INDEX target_e ON target ("E ""e");
CREATE STATISTICS target_stat ON a, b FROM target;
CREATE POLICY target_policy ON target USING (a <> '');
CREATE VIEW target_view AS SELECT a, b AS renamed FROM target WHERE d > 1;
CREATE VIEW target_whole AS SELECT t FROM target t;
CREATE MATERIALIZED VIEW target_mat AS SELECT b FROM target;
CREATE RULE target_rule AS ON INSERT TO target WHERE new.d = 3 DO ALSO INSERT INTO plain (id) VALUES (new.d);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.a := OLD.b; RETURN NEW; END$$;
CREATE TRIGGER target_of BEFORE UPDATE OF d ON target FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION by_text() RETURNS int LANGUAGE sql AS 'SELECT b FROM used.target LIMIT 1';
CREATE FUNCTION by_body() RETURNS text BEGIN ATOMIC SELECT a FROM used.target LIMIT 1; END;
CREATE FUNCTION other_text() RETURNS int LANGUAGE sql AS 'SELECT 1 AS b -- targets';

SELECT * FROM dependents_of('target', 'id');
SELECT * FROM dependents_of('target', 'a');
SELECT * FROM dependents_of('target', 'b');
SELECT * FROM dependents_of('target', 'd');
SELECT * FROM dependents_of('target', 'E "e');
SELECT * FROM dependents_of('target', 'f');
SELECT * FROM dependents_of('target', NULL);
SELECT * FROM dependents_of('target_view', 'renamed');
SELECT * FROM dependents_of('referrer', 'user');

-- publications: of all columns, of some, of a schema
CREATE PUBLICATION used_whole FOR TABLE parts;
CREATE PUBLICATION used_some FOR TABLE target (id, d);
CREATE PUBLICATION used_schema FOR TABLES IN SCHEMA used;
SELECT * FROM dependents_of('parts', 'k');
SELECT * FROM dependents_of('target', 'd') d WHERE d ~ 'publication';
SELECT * FROM dependents_of('target', 'f') d WHERE d ~ 'publication';
DROP PUBLICATION used_whole, used_some, used_schema;

-- what is not there
SELECT invariant_guard.column_dependents(0, 1::int2), invariant_guard.column_dependents('target'::regclass, 99::int2),
	invariant_guard.column_dependents('target'::regclass, (-1)::int2), invariant_guard.column_dependents(NULL, 1::int2);
SELECT last_read, used_by FROM invariant_guard.column_use(0, 1::int2);
SELECT last_read, used_by FROM invariant_guard.column_use('target'::regclass, 99::int2);

-- everybody may look, not everybody may forget
CREATE ROLE regress_ig_looker;
SET ROLE regress_ig_looker;
SELECT count(*) FROM invariant_guard.column_usage WHERE table_name = 'target';
SELECT count(*) > 0 FROM invariant_guard.usage_observation;
SELECT invariant_guard.reset_column_usage();
SELECT invariant_guard.export_column_usage();
SELECT invariant_guard.merge_column_usage('');
SELECT invariant_guard.forget_standby('');
SET invariant_guard.track_columns = off;
SET invariant_guard.usage_ignore_applications = 'mine';
RESET ROLE;
DROP ROLE regress_ig_looker;

-- settings
SET invariant_guard.usage_ignore_applications = 'pg_dump, "pgAdmin 4*"';
SET invariant_guard.usage_ignore_applications = 'pgAdmin 4';
SET invariant_guard.usage_ignore_applications = '"';
SET invariant_guard.usage_flush_interval = '2s';
SET invariant_guard.track_columns = 'some';
RESET invariant_guard.usage_ignore_applications;

DROP SCHEMA used CASCADE;
