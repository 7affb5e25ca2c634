--
-- retire_holds: the view invariant_guard.retirements and the gate say the same.
-- Where held_by is empty, a plain drop passes, and where it is not, it is
-- refused, by the guard or by the server.
--
\set VERBOSITY terse
CREATE SCHEMA retire_holds;
SET search_path = retire_holds;
SET client_min_messages = error;
CREATE ROLE regress_holds_owner;
CREATE ROLE regress_holds_viewer;

-- one table for each case; the column "old" is retired, or else the table
CREATE TABLE cases (name text, "column" name, period text DEFAULT '0', setting text, value text);

CREATE FUNCTION retire(name text, "column" name, period text DEFAULT '0', setting text DEFAULT NULL, value text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF "column" IS NULL THEN
		PERFORM invariant_guard.retire_table(format('retire_holds.%I', name)::regclass, 'x');
	ELSE
		PERFORM invariant_guard.retire_column(format('retire_holds.%I', name)::regclass, "column", 'x');
	END IF;
	INSERT INTO cases VALUES (name, "column", period, setting, value);
END $$;

-- what the view says, and what comes of the drop; nothing is dropped
CREATE FUNCTION outcome(c cases, OUT held boolean, OUT drop text, OUT holds text[]) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('invariant_guard.retirement_period', c.period, true);
	IF c.setting IS NOT NULL THEN
		PERFORM set_config('invariant_guard.' || c.setting, c.value, true);
	END IF;
	SELECT r.held_by INTO STRICT holds FROM invariant_guard.retirements r
	WHERE r.rel = format('retire_holds.%I', c.name)::regclass AND r."column" IS NOT DISTINCT FROM c."column";
	held := holds <> '{}';
	BEGIN
		IF c."column" IS NULL THEN
			EXECUTE format('DROP %s TABLE retire_holds.%I', CASE WHEN c.name ~ 'foreign' THEN 'FOREIGN' ELSE '' END, c.name);
		ELSE
			EXECUTE format('ALTER TABLE retire_holds.%I DROP COLUMN %I', c.name, c."column");
		END IF;
		RAISE EXCEPTION 'passes' USING ERRCODE = 'ZZ999';
	EXCEPTION WHEN OTHERS THEN
		drop := CASE WHEN sqlstate = 'ZZ999' THEN 'passes' ELSE
			coalesce('refused by ' || substring(sqlerrm FROM '\(rule ([a-z-]+)\)'), 'refused by the server') END;
	END;
	IF c.setting IS NOT NULL THEN
		PERFORM set_config('invariant_guard.' || c.setting, '', true);
	END IF;
END $$;

DO $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['free', 'period', 'severity', 'view', 'matview', 'view_of_view', 'policy', 'generated',
		'default', 'index', 'index_over_more', 'check', 'references', 'trigger_of', 'trigger_text', 'function_body',
		'published_whole', 'published_columns', 'published_where', 'frozen', 'temporary_view', 'statistics', 'serial',
		'rule_names_it', 'rule_of_another', 'append_only', 'financial', 'financial_and_early', 'table_free', 'table_period',
		'table_view', 'table_fk', 'table_financial', 'table_append_only', 'table_rule', 'table_frozen', 'table_protected',
		'table_parent', 'whole_row', 'Odd, "name"', 'identity']
	LOOP
		EXECUTE format('CREATE TABLE %I (id int PRIMARY KEY, old text, other text, n int)', t);
		EXECUTE format('INSERT INTO %I VALUES (1, ''a'', ''b'', 1)', t);
	END LOOP;
END $$;

SET invariant_guard.mode = off;
CREATE VIEW v1 AS SELECT old FROM "view";
CREATE MATERIALIZED VIEW m1 AS SELECT old FROM matview;
CREATE VIEW v2 AS SELECT old FROM view_of_view;
CREATE VIEW v3 AS SELECT old FROM v2;
CREATE POLICY p1 ON policy USING (old <> '');
ALTER TABLE generated ADD COLUMN up text GENERATED ALWAYS AS (upper(old)) STORED;
ALTER TABLE "default" ALTER old SET DEFAULT 'd';
CREATE INDEX one_index ON "index" (old);
CREATE INDEX more_index ON index_over_more (other) WHERE old <> '';
ALTER TABLE "check" ADD CHECK (old <> ''), ADD CHECK (old <> other);
ALTER TABLE "references" ADD UNIQUE (old);
CREATE TABLE referring (id int, old text REFERENCES "references" (old));
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.old := 1; RETURN NEW; END';
CREATE TRIGGER t1 BEFORE UPDATE OF old ON trigger_of FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER t2 BEFORE INSERT ON trigger_text FOR EACH ROW EXECUTE FUNCTION touch();
CREATE FUNCTION body() RETURNS text BEGIN ATOMIC SELECT old FROM retire_holds.function_body; END;
CREATE PUBLICATION regress_holds_whole FOR TABLE published_whole;
CREATE PUBLICATION regress_holds_some FOR TABLE published_columns (id, old);
CREATE PUBLICATION regress_holds_where FOR TABLE published_where WHERE (old <> '');
ALTER TABLE published_where REPLICA IDENTITY FULL;
CREATE STATISTICS s1 ON old, other FROM statistics;
ALTER TABLE serial DROP COLUMN old, ADD COLUMN old serial;
CREATE TEMP VIEW tv AS SELECT old FROM temporary_view;
CREATE VIEW v4 AS SELECT id FROM table_view;
CREATE TABLE referring_2 (id int REFERENCES table_fk);
CREATE VIEW v5 AS SELECT w FROM whole_row w;
ALTER TABLE identity REPLICA IDENTITY USING INDEX identity_pkey;
CREATE PUBLICATION regress_holds_identity FOR TABLE identity;
SELECT invariant_guard.add_immutable_columns('rule_names_it', '{old}');
SELECT invariant_guard.add_immutable_columns('rule_of_another', '{other}');
SELECT invariant_guard.add_append_only('append_only');
SELECT invariant_guard.add_append_only('table_append_only');
SELECT invariant_guard.add_immutable_columns('table_rule', '{other}');
SELECT invariant_guard.protect('financial', 'financial'), invariant_guard.protect('financial_and_early', 'financial'),
	invariant_guard.protect('table_financial', 'financial'), invariant_guard.protect('table_protected', 'protected');
CREATE TABLE child (extra int) INHERITS (table_parent);
-- partitions
CREATE TABLE partition_key (id int, old int) PARTITION BY LIST (old);
CREATE TABLE key_expression (id int, old int) PARTITION BY LIST ((old + 1));
CREATE TABLE key_below (id int, old int) PARTITION BY LIST (id);
CREATE TABLE key_below_1 PARTITION OF key_below FOR VALUES IN (1) PARTITION BY LIST (old);
CREATE TABLE another_key (id int, old int) PARTITION BY LIST (id);
CREATE TABLE financial_partition (id int, old int) PARTITION BY LIST (id);
CREATE TABLE financial_partition_1 PARTITION OF financial_partition DEFAULT;
SELECT invariant_guard.protect('financial_partition_1', 'financial');
CREATE TABLE table_partition PARTITION OF another_key DEFAULT;
CREATE TABLE table_partitioned (id int, old int) PARTITION BY LIST (id);
CREATE TABLE table_partitioned_1 PARTITION OF table_partitioned DEFAULT;
CREATE TABLE table_rule_below (id int, old int) PARTITION BY LIST (id);
CREATE TABLE table_rule_below_1 PARTITION OF table_rule_below DEFAULT;
SELECT invariant_guard.add_append_only('table_rule_below_1');
CREATE TABLE another_rule_below (id int, old int, other int) PARTITION BY LIST (id);
CREATE TABLE another_rule_below_1 PARTITION OF another_rule_below DEFAULT;
SELECT invariant_guard.add_immutable_columns('another_rule_below', '{other}');
SELECT invariant_guard.add_append_only('another_rule_below_1');
CREATE TYPE typed_of AS (id int, old text);
CREATE TABLE typed OF typed_of;
CREATE FOREIGN DATA WRAPPER regress_holds;
CREATE SERVER regress_holds FOREIGN DATA WRAPPER regress_holds;
CREATE FOREIGN TABLE table_foreign (id int, old text) SERVER regress_holds;
CREATE FOREIGN TABLE column_foreign (id int, old text) SERVER regress_holds;
RESET invariant_guard.mode;

SELECT retire(t, 'old') FROM unnest(ARRAY['free', 'view', 'matview', 'view_of_view', 'policy', 'generated',
	'default', 'index', 'index_over_more', 'check', 'references', 'trigger_of', 'trigger_text', 'function_body',
	'published_whole', 'published_columns', 'published_where', 'temporary_view', 'statistics', 'serial',
	'rule_names_it', 'rule_of_another', 'append_only', 'financial', 'whole_row', 'Odd, "name"',
	'partition_key', 'key_expression', 'key_below', 'another_key', 'another_rule_below', 'financial_partition', 'typed', 'column_foreign']) t;
SELECT retire(t, NULL) FROM unnest(ARRAY['table_free', 'table_view', 'table_fk', 'table_financial', 'table_append_only',
	'table_rule', 'table_protected', 'table_parent', 'table_partition', 'table_partitioned', 'table_rule_below',
	'table_foreign']) t;
SELECT retire('period', 'old', '7d'), retire('table_period', NULL, '7d'), retire('financial_and_early', 'old', '7d'),
	retire('severity', 'old', '7d', 'severity', 'drop-column=off, columns=off'),
	retire('frozen', 'old', '0', 'schema_freeze', '[2000-01-01, 2100-01-01)'),
	retire('table_frozen', NULL, '0', 'schema_freeze', '[2000-01-01, 2100-01-01)'),
	retire('identity', 'id');

-- the two say the same
CREATE TEMP TABLE outcomes AS SELECT c.name, c.period, o.* FROM cases c, LATERAL outcome(c) o;
SELECT name, held, drop, held = (drop <> 'passes') AS agree FROM outcomes ORDER BY name COLLATE "C";

-- and this is what holds them; how long it takes is told where that can be known
SELECT name, h FROM outcomes, unnest(holds) h WHERE period = '0' ORDER BY name COLLATE "C", h COLLATE "C";
SELECT name, cardinality(holds) FROM outcomes WHERE period <> '0' ORDER BY name COLLATE "C";

SET invariant_guard.retirement_period = 0;
-- who may not even use the schema, nor own any of it, is told the same
ALTER TABLE "view" OWNER TO regress_holds_owner;
SET ROLE regress_holds_viewer;
SELECT rel::text, "column", held_by FROM invariant_guard.retirements
WHERE rel::text ~ '(view|policy|financial|append_only|index_over_more)$' ORDER BY rel::text COLLATE "C";
RESET ROLE;
-- the owner, who may not use the schema either
SET ROLE regress_holds_owner;
SELECT held_by FROM invariant_guard.retirements WHERE rel::text ~ '\.view$';
RESET ROLE;

-- what depends on it, in words that a user knows
SELECT rel::text, "column", d FROM invariant_guard.retirements r, unnest(r.dependents) d
WHERE rel::text NOT LIKE '%.%' ORDER BY rel::text COLLATE "C", d COLLATE "C";

SET invariant_guard.mode = off;
DROP PUBLICATION regress_holds_whole, regress_holds_some, regress_holds_where, regress_holds_identity;
DROP SCHEMA retire_holds CASCADE;
DROP FOREIGN DATA WRAPPER regress_holds CASCADE;
DROP ROLE regress_holds_owner, regress_holds_viewer;
