--
-- uses() and changed() in WHEN clauses.  Where such a call is the whole clause,
-- the library answers it; with "AND true" behind it the server does.  Each table
-- has a trigger of either kind, and they must always agree.
--
SET invariant_guard.mode = off;
SET client_min_messages = warning;
CREATE SCHEMA when_clause;
SET search_path = when_clause;
CREATE TABLE told (tab text, id int, trigger text, by text);

CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO when_clause.told VALUES (TG_TABLE_NAME, NEW.id, split_part(TG_NAME, '_', 2), split_part(TG_NAME, '_', 1));
	RETURN NEW;
END $$;

-- two triggers that ask the same
CREATE FUNCTION ask(tab regclass, name text, fires text, clause text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TRIGGER library_%s %s ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION when_clause.tell()',
				   name, fires, tab, clause);
	EXECUTE format('CREATE TRIGGER server_%s %s ON %s FOR EACH ROW WHEN (%s AND true) EXECUTE FUNCTION when_clause.tell()',
				   name, fires, tab, clause);
END $$;

-- what both say once, and what only one says
CREATE VIEW answers AS
SELECT tab, id, trigger, count(*) FILTER (WHERE by = 'library') AS library, count(*) FILTER (WHERE by = 'server') AS server
FROM told GROUP BY 1, 2, 3;

CREATE TABLE t (id int PRIMARY KEY, a int, n numeric, s text COLLATE "C", gone int, d text, arr int[]);
ALTER TABLE t DROP COLUMN gone;
SELECT ask('t', 'a', 'AFTER UPDATE', 'invariant_guard.changed(old.a, new.a)'),
	ask('t', 'two', 'AFTER UPDATE', 'invariant_guard.changed(old.n, new.n, old.d, new.d)'),
	ask('t', 'before', 'BEFORE UPDATE', 'invariant_guard.changed(old.s, new.s)'),
	ask('t', 'uses', 'AFTER UPDATE', 'invariant_guard.uses(new.a, old.s)'),
	ask('t', 'inserted', 'AFTER INSERT', 'invariant_guard.uses(new.a)');

INSERT INTO t VALUES (1, 1, 1.0, 'x', 'd', '{1}'), (2, NULL, NULL, NULL, NULL, NULL);
SELECT * FROM answers ORDER BY 1, 2, 3;

-- the same value, NULL and a value, a value and NULL, 1.0 and 1.00
DELETE FROM told;
UPDATE t SET a = a, n = n, s = s, d = d;
UPDATE t SET a = 1 WHERE id = 2;
UPDATE t SET a = NULL WHERE id = 2;
UPDATE t SET n = 1.00 WHERE id = 1;
UPDATE t SET s = 'y', d = NULL WHERE id = 1;
SELECT * FROM answers ORDER BY 1, 2, 3;

-- stored out of line, and left alone or written anew
UPDATE t SET d = (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 400) i) WHERE id = 1;
DELETE FROM told;
UPDATE t SET a = 7 WHERE id = 1;
UPDATE t SET d = d || '' WHERE id = 1;
UPDATE t SET d = d || '.' WHERE id = 1;
SELECT * FROM answers ORDER BY 1, 2, 3;

-- what is not a pair of columns
CREATE TABLE other (id int PRIMARY KEY, a text, b text);
SELECT ask('other', 'lower', 'AFTER UPDATE', 'invariant_guard.changed(lower(old.a), lower(new.a))'),
	ask('other', 'crossed', 'AFTER UPDATE', 'invariant_guard.changed(old.a, new.b)'),
	ask('other', 'swapped', 'AFTER UPDATE', 'invariant_guard.changed(new.a, old.a)'),
	ask('other', 'row', 'AFTER UPDATE', 'invariant_guard.changed(old, new)'),
	ask('other', 'none', 'AFTER UPDATE', 'invariant_guard.changed(VARIADIC ''{}''::text[])');
INSERT INTO other VALUES (1, 'A', 'a');
UPDATE other SET b = 'b';
DROP TRIGGER library_none ON other;
DROP TRIGGER server_none ON other;
UPDATE other SET a = 'a';
UPDATE other SET b = 'c';
SELECT * FROM answers WHERE tab = 'other' ORDER BY 1, 2, 3;

-- a prepared statement outlives what the clause says
CREATE TABLE renamed (id int PRIMARY KEY, a int, b int);
SELECT ask('renamed', 'one', 'AFTER UPDATE', 'invariant_guard.changed(old.a, new.a)');
INSERT INTO renamed VALUES (1, 1, 1);
PREPARE both_columns AS UPDATE renamed SET b = b + 1;
EXECUTE both_columns;
EXECUTE both_columns;
SELECT count(*) FROM told WHERE tab = 'renamed';
CREATE OR REPLACE TRIGGER library_one AFTER UPDATE ON renamed FOR EACH ROW
	WHEN (invariant_guard.changed(old.b, new.b)) EXECUTE FUNCTION tell();
CREATE OR REPLACE TRIGGER server_one AFTER UPDATE ON renamed FOR EACH ROW
	WHEN (invariant_guard.changed(old.b, new.b) AND true) EXECUTE FUNCTION tell();
EXECUTE both_columns;
SELECT * FROM answers WHERE tab = 'renamed';
DEALLOCATE both_columns;

-- partitions with columns elsewhere; more of them than are looked at
CREATE TABLE many (id int, k int, a int) PARTITION BY LIST (k);
DO $$
BEGIN
	FOR i IN 1..20 LOOP
		EXECUTE format('CREATE TABLE when_clause.many_%s (gone int, a int, k int, id int)', i);
		EXECUTE format('ALTER TABLE when_clause.many_%s DROP COLUMN gone', i);
		EXECUTE format('ALTER TABLE when_clause.many ATTACH PARTITION when_clause.many_%s FOR VALUES IN (%s)', i, i);
	END LOOP;
END $$;
SELECT ask('many', 'a', 'AFTER UPDATE', 'invariant_guard.changed(old.a, new.a)');
INSERT INTO many SELECT i, i, i FROM generate_series(1, 20) i;
UPDATE many SET a = a + 1 WHERE k IN (3, 19);
UPDATE many SET a = a + id % 2 WHERE id > 15;
UPDATE many SET a = a;
SELECT * FROM answers WHERE tab LIKE 'many%' ORDER BY id;

-- the other doors to a row
DELETE FROM told;
INSERT INTO t VALUES (1, 0) ON CONFLICT (id) DO UPDATE SET a = 100;
MERGE INTO t USING (VALUES (1), (2)) v (id) ON t.id = v.id WHEN MATCHED THEN UPDATE SET a = t.a;
WITH w AS (UPDATE t SET s = 'z' WHERE id = 2 RETURNING id) SELECT * FROM w;
SELECT * FROM answers ORDER BY 1, 2, 3;

-- at random
DELETE FROM told;
INSERT INTO t (id) SELECT generate_series(3, 200);
SELECT setseed(0.5);
DO $$
BEGIN
	FOR i IN 1..20 LOOP
		UPDATE when_clause.t SET a = nullif((random() * 3)::int, 0), n = (ARRAY[1.0, 1.00, NULL, 2])[1 + (random() * 3)::int],
			s = (ARRAY['', NULL, 'a', 'b'])[1 + (random() * 3)::int], d = (ARRAY['', NULL, repeat('d', 3000)])[1 + (random() * 2)::int];
	END LOOP;
END $$;
SELECT trigger, sum(library) > 500 AS fired, sum(library) = sum(server) AS as_often FROM answers GROUP BY 1 ORDER BY 1;
SELECT * FROM answers WHERE library <> server;

DROP SCHEMA when_clause CASCADE;
