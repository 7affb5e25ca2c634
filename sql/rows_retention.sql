--
-- append_only with a retention: what is old enough is removed, by one way.
--
CREATE SCHEMA books;
SET search_path = books, public;
SET client_min_messages = warning;
CREATE ROLE regress_ig_keeper;
CREATE ROLE regress_ig_clerk;
RESET client_min_messages;
GRANT ALL ON SCHEMA books TO regress_ig_keeper;
GRANT USAGE ON SCHEMA books TO regress_ig_clerk;
SET invariant_guard.reason = 'test';

CREATE TABLE t (id int PRIMARY KEY, created timestamptz NOT NULL DEFAULT now(), local timestamp);
SELECT invariant_guard.add_append_only('t', keep => '1 year');
SELECT invariant_guard.add_append_only('t', created => 'created');
SELECT invariant_guard.add_append_only('t', keep => '1 year', created => 'local');
SELECT invariant_guard.add_append_only('t', keep => '1 year', created => 'createt');
SELECT invariant_guard.add_append_only('t', keep => '0', created => 'created');
SELECT invariant_guard.add_append_only('t', keep => '1 year -1 day', created => 'created');
SELECT invariant_guard.add_append_only('t', keep => '5000 years', created => 'created');
INSERT INTO t SELECT i, now() - interval '1 year 2 days' - i * interval '1 day' FROM generate_series(1, 10) i;
INSERT INTO t SELECT i, now() - interval '1 year' + i * interval '1 day' FROM generate_series(11, 20) i;
SET intervalstyle = sql_standard;
SELECT invariant_guard.add_append_only('t', keep => '1-0', created => 'created');
RESET intervalstyle;
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 't'::regclass ORDER BY tgname;
SELECT invariant_guard.add_append_only('t', keep => '12 months', created => 'created');
SELECT invariant_guard.add_append_only('t', keep => '2 years', created => 'created');

-- nothing else removes them
DELETE FROM t WHERE id = 10;
UPDATE t SET created = now() WHERE id = 10;
-- nor is a row born old, or in the future
INSERT INTO t VALUES (30);
INSERT INTO t VALUES (31, now() - interval '23 hours'), (32, now() + interval '23 hours');
INSERT INTO t VALUES (33, now() - interval '25 hours');
INSERT INTO t VALUES (33, now() + interval '25 hours');
INSERT INTO t VALUES (33, 'infinity');
INSERT INTO t VALUES (33, '-infinity');
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(t.created)';
INSERT INTO t VALUES (33, now() - interval '25 hours');
ROLLBACK;

-- in batches
SELECT invariant_guard.remove_expired('t', 0);
SELECT invariant_guard.remove_expired('t', 4);
SELECT min(id), max(id), count(*) FROM t;
SELECT invariant_guard.remove_expired('t');
SELECT invariant_guard.remove_expired('t');
SELECT min(id), max(id), count(*) FROM t;
DELETE FROM t WHERE id = 11;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT invariant_guard.remove_expired('t');
ROLLBACK;
SELECT invariant_guard.remove_expired(NULL);
SELECT invariant_guard.remove_expired('pg_class');

-- whose it is not
GRANT ALL ON t TO regress_ig_clerk;
SET ROLE regress_ig_clerk;
SELECT invariant_guard.remove_expired('books.t');
SELECT invariant_guard.extend_retention('books.t', '9 years');
RESET ROLE;

-- only longer
SELECT invariant_guard.extend_retention('t', NULL);
SELECT invariant_guard.extend_retention('t', '-1 year');
SELECT invariant_guard.extend_retention('t', '364 days');
SELECT invariant_guard.extend_retention('t', '366 days');
SELECT invariant_guard.extend_retention('t', '1 year');
SELECT invariant_guard.extend_retention('t', '367 days');
SELECT invariant_guard.extend_retention('t', '12 months');
SELECT invariant_guard.extend_retention('t', '13 months');
SELECT invariant_guard.extend_retention('t', '14 months');
SELECT tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 't'::regclass AND tgname LIKE '%change';
SELECT invariant_guard.remove_expired('t');
CREATE TABLE forever (id int, created timestamptz NOT NULL);
SELECT invariant_guard.add_append_only('forever');
SELECT invariant_guard.remove_expired('forever');
SELECT invariant_guard.extend_retention('forever', '1 year');
SELECT invariant_guard.extend_retention('t', '15 months'), invariant_guard.extend_retention('t', '14 months');

-- a trigger that deletes more while rows are removed
CREATE FUNCTION more() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN DELETE FROM books.t WHERE id = 20; RETURN OLD; END $$;
CREATE TRIGGER more AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION more();
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(t.created)';
INSERT INTO t VALUES (-1, now() - interval '10 years');
COMMIT;
SELECT invariant_guard.remove_expired('t');
DROP TRIGGER more ON t;
DELETE FROM t WHERE id = -1;
SELECT invariant_guard.remove_expired('t');

-- another append-only table below it has a retention of its own
CREATE TABLE head (id int PRIMARY KEY, created timestamptz NOT NULL DEFAULT now());
CREATE TABLE line (id int PRIMARY KEY, head int REFERENCES head ON DELETE CASCADE, created timestamptz NOT NULL DEFAULT now());
INSERT INTO head VALUES (1, now() - interval '2 years');
INSERT INTO line VALUES (1, 1, now() - interval '2 years');
SELECT invariant_guard.add_append_only('head', keep => '1 year', created => 'created');
SELECT invariant_guard.add_append_only('line', keep => '1 year', created => 'created');
SELECT invariant_guard.remove_expired('head');
SELECT invariant_guard.remove_expired('line'), invariant_guard.remove_expired('head');

-- ---- pairs go together, and wait for their younger half
CREATE TABLE ledger (id int PRIMARY KEY, of int REFERENCES ledger, amount int, created timestamptz NOT NULL DEFAULT now());
CREATE INDEX CONCURRENTLY ON ledger (of);
INSERT INTO ledger VALUES (1, NULL, 5, now() - interval '3 years'), (2, NULL, 6, now() - interval '3 years'),
	(3, NULL, 7, now() - interval '3 years'), (4, 1, -5, now() - interval '2 years'), (5, 2, -6, now() - interval '1 month');
SELECT invariant_guard.add_append_only('ledger', 'of', '{amount}', keep => '1 year', created => 'created');
SELECT invariant_guard.remove_expired('ledger', 1);
SELECT invariant_guard.remove_expired('ledger');
SELECT array_agg(id ORDER BY id) FROM ledger;
INSERT INTO ledger VALUES (6, 1, -5);

-- what is expired may miss its other half, what is not may not
BEGIN;
CREATE TABLE halves (id int PRIMARY KEY, of int, amount int, created timestamptz NOT NULL);
INSERT INTO halves VALUES (4, 1, -5, now() - interval '2 years');
CREATE INDEX ON halves (of);
COMMIT;
SELECT invariant_guard.add_append_only('halves', 'of', '{amount}');
SELECT invariant_guard.add_append_only('halves', 'of', '{amount}', keep => '3 years', created => 'created');
SELECT invariant_guard.add_append_only('halves', 'of', '{amount}', keep => '1 year', created => 'created');

-- ---- partitions and children, an owner that is no superuser
CREATE TABLE part (id int, created timestamptz NOT NULL DEFAULT now()) PARTITION BY LIST (id);
ALTER TABLE part OWNER TO regress_ig_keeper;
SET ROLE regress_ig_keeper;
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
BEGIN;
CREATE TABLE part_2 (created timestamptz NOT NULL DEFAULT now(), id int);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES IN (2);
COMMIT;
INSERT INTO part SELECT i % 2 + 1, now() - i * interval '1 day' FROM generate_series(1, 20) i;
SELECT invariant_guard.add_append_only('part', keep => '10 days 12 hours', created => 'created');
SELECT invariant_guard.remove_expired('part_1');
SELECT invariant_guard.extend_retention('part_1', '20 days');
SELECT invariant_guard.remove_expired('part', 7), invariant_guard.remove_expired('part', 7);
SELECT tableoid::regclass, count(*) FROM part GROUP BY tableoid ORDER BY tableoid::regclass::text;
DELETE FROM part_2;
INSERT INTO part_2 VALUES (now() - interval '2 days', 2);
SELECT invariant_guard.extend_retention('part', '1 month');
SELECT tgrelid::regclass, tgenabled, substring(pg_get_triggerdef(oid) FROM 'keep=\w+') FROM pg_trigger
	WHERE tgname LIKE 'zz_ig_append_only_change' AND tgrelid::regclass::text LIKE 'part%' ORDER BY 1;
CREATE TABLE base (id int, created timestamptz NOT NULL DEFAULT now());
SELECT invariant_guard.add_append_only('base', keep => '5 days', created => 'created');
CREATE TABLE child () INHERITS (base);
SELECT invariant_guard.remove_expired('child');
ALTER TABLE base ENABLE ROW LEVEL SECURITY;
SELECT invariant_guard.remove_expired('base');
ALTER TABLE base FORCE ROW LEVEL SECURITY;
SELECT invariant_guard.remove_expired('base');
ALTER TABLE base NO FORCE ROW LEVEL SECURITY;
RESET ROLE;
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(base.created), append-only(child.created)';
INSERT INTO base VALUES (1, now() - interval '8 days');
INSERT INTO child VALUES (2, now() - interval '8 days'), (3, now());
COMMIT;
SELECT invariant_guard.remove_expired('base');
SELECT * FROM (SELECT id FROM base) s;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP ROLE regress_ig_clerk, regress_ig_keeper;
