--
-- seal() and verify_seal(): what was sealed is proved to be unchanged.
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

BEGIN;
CREATE TABLE ledger (gone int, id int PRIMARY KEY, cents bigint, note text, at timestamptz, part interval,
	price float8, raw bytea, tags text[]);
ALTER TABLE ledger DROP COLUMN gone;
COMMIT;
SELECT * FROM invariant_guard.seal('ledger');
SELECT * FROM invariant_guard.verify_seal('ledger');
SELECT invariant_guard.add_append_only('ledger');
SELECT * FROM invariant_guard.verify_seal('ledger');
SELECT * FROM invariant_guard.seal('ledger');
INSERT INTO ledger VALUES (1, 100, 'a', '2024-01-01 12:00+00', '1 mon 2 days', 0.1, '\x00ff', '{a,NULL,"b c"}'),
	(2, NULL, '', NULL, NULL, 'NaN', '', '{}'), (3, -5, U&'\00e4\4e16', 'infinity', '-1 day', 1e300, NULL, NULL);
SELECT number, row_count, length(hash) FROM invariant_guard.seal('ledger', 2);
SELECT number, row_count, length(hash) FROM invariant_guard.seal('ledger');
SELECT number, row_count, length(hash) FROM invariant_guard.seal('ledger');
SELECT number, columns, key, from_key, to_key, removed_to, row_count FROM ledger_seals ORDER BY 1;
SELECT obj_description('ledger_seals'::regclass), pg_get_constraintdef(oid) FROM pg_constraint
	WHERE conrelid = 'ledger_seals'::regclass AND contype = 'c';
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid IN ('ledger'::regclass, 'ledger_seals'::regclass) ORDER BY tgrelid, 1;
SELECT * FROM invariant_guard.verify_seal('ledger');

-- the hash is what is written down, made here by SQL
CREATE FUNCTION field(t text) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN t IS NULL THEN '\xffffffff' ELSE int4send(length(convert_to(t, 'UTF8'))) || convert_to(t, 'UTF8') END $$;
CREATE FUNCTION number(n bigint) RETURNS bytea LANGUAGE sql IMMUTABLE AS 'SELECT int4send(8) || int8send(n)';
CREATE AGGREGATE joined (bytea) (SFUNC = byteacat, STYPE = bytea, INITCOND = '');
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET intervalstyle = postgres;
SELECT s.number, s.hash = sha256(field('invariant_guard seal 1') || number(s.number)
		|| int4send(8) || timestamptz_send(s.sealed_at)
		|| int4send(32) || s.previous
		|| int4send(cardinality(s.columns)) || (SELECT joined(field(c) ORDER BY o) FROM unnest(s.columns) WITH ORDINALITY u(c, o))
		|| int4send(cardinality(s.key)) || (SELECT joined(field(c) ORDER BY o) FROM unnest(s.key) WITH ORDINALITY u(c, o))
		|| (SELECT joined(field(id::text) || field(cents::text) || field(note) || field(at::text) || field(part::text)
				|| field(price::text) || field(raw::text) || field(tags::text) ORDER BY id)
			FROM ledger WHERE id BETWEEN s.from_key[1]::int AND s.to_key[1]::int)
		|| number(s.row_count)) AS same
FROM ledger_seals s ORDER BY 1;
-- and does not depend on the session
SET timezone = 'Asia/Tokyo';
SET datestyle = 'SQL, DMY';
SET intervalstyle = iso_8601;
SET extra_float_digits = -3;
SET bytea_output = escape;
SET client_encoding = latin1;
SET search_path = pg_catalog;
SELECT number, rows_found, ok FROM invariant_guard.verify_seal('books.ledger');
RESET search_path;
RESET client_encoding;
RESET bytea_output;
RESET extra_float_digits;
RESET intervalstyle;
RESET datestyle;
RESET timezone;
SET search_path = books, public;

-- what is sealed is closed
INSERT INTO ledger (id) VALUES (0);
INSERT INTO ledger (id) VALUES (4);
INSERT INTO ledger (id) VALUES (5), (-5);
COPY ledger (id) FROM stdin;
-1
\.
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
INSERT INTO ledger (id) VALUES (0);
RESET session_replication_role;
RESET invariant_guard.allow;
-- and so are the seals
UPDATE ledger_seals SET row_count = 1;
DELETE FROM ledger_seals;

-- more columns later, others renamed
ALTER TABLE ledger ADD COLUMN later text;
SET invariant_guard.allow = 'rename-table(ledger), row-rule(ledger), rename-column(journal.note), rename-column(journal.note2)';
ALTER TABLE ledger RENAME TO journal;
INSERT INTO journal (id, later) VALUES (5, 'x');
SELECT number, row_count FROM invariant_guard.seal('journal');
SELECT * FROM invariant_guard.verify_seal('journal');
ALTER TABLE journal RENAME note TO note2;
SELECT * FROM invariant_guard.verify_seal('journal');
ALTER TABLE journal RENAME note2 TO note;
RESET invariant_guard.allow;

-- ---- what a superuser does with the triggers off
CREATE FUNCTION manipulate(sql text) RETURNS TABLE (seal bigint, expected bigint, there bigint, what text)
LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		PERFORM set_config('invariant_guard.mode', 'off', true);
		ALTER TABLE journal DISABLE TRIGGER ALL;
		ALTER TABLE ledger_seals DISABLE TRIGGER ALL;
		EXECUTE sql;
		ALTER TABLE journal ENABLE ALWAYS TRIGGER zz_ig_append_only_change;
		ALTER TABLE ledger_seals ENABLE ALWAYS TRIGGER zz_ig_append_only_change;
		FOR seal, expected, there, what IN
			SELECT number, rows_expected, rows_found, problem FROM invariant_guard.verify_seal('journal') WHERE NOT ok
		LOOP
			RETURN NEXT;
		END LOOP;
		RAISE EXCEPTION 'undo';
	EXCEPTION WHEN raise_exception THEN
		NULL;
	END;
END $$;
SELECT * FROM manipulate('SELECT');
SELECT * FROM manipulate('UPDATE journal SET cents = 101 WHERE id = 1');
SELECT * FROM manipulate('UPDATE journal SET cents = NULL, note = 100 WHERE id = 1');
SELECT * FROM manipulate('UPDATE journal SET note = NULL WHERE id = 2');
SELECT * FROM manipulate('UPDATE journal SET later = 1 WHERE id = 1');
SELECT * FROM manipulate('UPDATE journal SET later = 1 WHERE id = 5');
SELECT * FROM manipulate('UPDATE journal SET id = 50 WHERE id = 5');
SELECT * FROM manipulate('UPDATE journal SET id = 0 WHERE id = 1');
SELECT * FROM manipulate('DELETE FROM journal WHERE id = 2');
SELECT * FROM manipulate('DELETE FROM journal');
SELECT * FROM manipulate('INSERT INTO journal VALUES (-1), (0)');
SELECT * FROM manipulate('UPDATE journal x SET note = y.note, cents = y.cents FROM journal y WHERE (x.id, y.id) IN ((1, 2), (2, 1))');
SELECT * FROM manipulate('DELETE FROM ledger_seals WHERE number = 2');
SELECT * FROM manipulate('DELETE FROM ledger_seals WHERE number < 3');
SELECT * FROM manipulate('UPDATE ledger_seals SET hash = sha256('''') WHERE number = 2');
SELECT * FROM manipulate('UPDATE ledger_seals SET previous = sha256('''') WHERE number = 2');
SELECT * FROM manipulate('UPDATE ledger_seals SET sealed_at = now() WHERE number = 2');
SELECT * FROM manipulate('UPDATE ledger_seals SET row_count = 1 WHERE number = 1');
SELECT * FROM manipulate('UPDATE ledger_seals SET from_key = ''{0}'' WHERE number = 1');
SELECT * FROM manipulate('UPDATE ledger_seals SET to_key = ''{6}'' WHERE number = 3');
SELECT * FROM manipulate('UPDATE ledger_seals SET columns = columns[1:3] WHERE number = 1');
SELECT * FROM manipulate('UPDATE ledger_seals SET key = ''{cents}'' WHERE number = 1');
SELECT * FROM manipulate('UPDATE ledger_seals SET to_key = NULL, removed_to = to_key WHERE number = 1');
SELECT * FROM manipulate('INSERT INTO ledger_seals SELECT 5, now(), NULL, NULL, NULL, NULL, ''{5}'', 0, hash, hash FROM ledger_seals WHERE number = 3');
BEGIN;
SET LOCAL invariant_guard.mode = off;
DROP TABLE ledger_seals CASCADE;
SELECT * FROM invariant_guard.verify_seal('journal');
ROLLBACK;
SELECT count(*), bool_and(ok) FROM invariant_guard.verify_seal('journal');

-- ---- keys of two columns, and of text
CREATE TABLE two (a text COLLATE "C", b numeric, x int, PRIMARY KEY (b, a));
SELECT invariant_guard.add_append_only('two');
INSERT INTO two VALUES ('b', 1, 1), ('a', 1, 2), ('Z', 1.5, 3), ('a', 10, 4);
SELECT number, row_count FROM invariant_guard.seal('two', 3);
INSERT INTO two VALUES ('Y', 1.5, 0);
INSERT INTO two VALUES ('z', 1.5, 0), ('a', 2, 5);
SELECT number, row_count FROM invariant_guard.seal('two');
SELECT * FROM invariant_guard.verify_seal('two');
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE two DROP CONSTRAINT two_pkey;
ALTER TABLE two ADD PRIMARY KEY (x);
SELECT number, problem FROM invariant_guard.verify_seal('two');
SELECT invariant_guard.seal('two');
ROLLBACK;
CREATE TABLE texts (id varchar(10) PRIMARY KEY, c char(5));
SELECT invariant_guard.add_append_only('texts');
INSERT INTO texts VALUES ('b', 'x'), ('B', 'y'), ('a', 'z');
SELECT number, row_count FROM invariant_guard.seal('texts', 2);
INSERT INTO texts VALUES ('A');
INSERT INTO texts VALUES ('aa');
SELECT number, row_count FROM invariant_guard.seal('texts');
INSERT INTO texts VALUES ('c');
SELECT * FROM invariant_guard.verify_seal('texts');

-- ---- partitions
CREATE TABLE part (id int PRIMARY KEY, x text) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (10);
BEGIN;
CREATE TABLE part_2 (x text, id int NOT NULL);
ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20);
COMMIT;
SELECT invariant_guard.add_append_only('part');
INSERT INTO part SELECT i, i FROM generate_series(5, 15) i;
SELECT number, row_count FROM invariant_guard.seal('part');
INSERT INTO part VALUES (4);
INSERT INTO part_1 VALUES (4);
INSERT INTO part_2 (id) VALUES (16);
SELECT * FROM invariant_guard.verify_seal('part');
SELECT invariant_guard.seal('part_1');
-- rows that come with a partition are told by the next look
BEGIN;
CREATE TABLE part_3 (id int NOT NULL, x text);
INSERT INTO part_3 VALUES (-5);
ALTER TABLE part ATTACH PARTITION part_3 FOR VALUES FROM (-10) TO (1);
COMMIT;
SELECT * FROM invariant_guard.verify_seal('part');

-- ---- an owner, others, and row security
CREATE TABLE mine (id int PRIMARY KEY);
ALTER TABLE mine OWNER TO regress_ig_keeper;
SET ROLE regress_ig_keeper;
SELECT invariant_guard.add_append_only('mine');
INSERT INTO mine VALUES (1), (2);
GRANT INSERT ON mine TO regress_ig_clerk;
RESET ROLE;
SELECT number, row_count FROM invariant_guard.seal('mine');
SELECT relowner::regrole FROM pg_class WHERE oid = 'mine_seals'::regclass;
SET ROLE regress_ig_clerk;
SELECT invariant_guard.seal('books.mine');
SELECT * FROM invariant_guard.verify_seal('books.mine');
INSERT INTO books.mine VALUES (0);
INSERT INTO books.mine VALUES (3);
SET ROLE regress_ig_keeper;
SELECT number, row_count FROM invariant_guard.seal('mine');
SELECT * FROM invariant_guard.verify_seal('mine');
ALTER TABLE mine ENABLE ROW LEVEL SECURITY;
SELECT count(*) FROM invariant_guard.verify_seal('mine');
ALTER TABLE mine FORCE ROW LEVEL SECURITY;
SELECT * FROM invariant_guard.verify_seal('mine');
SELECT invariant_guard.seal('mine');
ALTER TABLE mine NO FORCE ROW LEVEL SECURITY;
RESET ROLE;
-- a stranger's table does not pass for the seals
GRANT CREATE ON SCHEMA books TO regress_ig_clerk;
SET ROLE regress_ig_clerk;
CREATE TABLE books.fake (number int8 PRIMARY KEY, to_key text[], CONSTRAINT seals_of CHECK ('books.mine'::regclass IS NOT NULL));
SELECT invariant_guard.add_append_only('books.fake');
INSERT INTO books.fake VALUES (1, '{999}');
RESET ROLE;
SELECT count(*) FROM invariant_guard.verify_seal('mine');
INSERT INTO mine VALUES (4);
-- nor are there two
CREATE TABLE mine_too (number int8 PRIMARY KEY, to_key text[], CONSTRAINT seals_of CHECK ('books.mine'::regclass IS NOT NULL));
ALTER TABLE mine_too OWNER TO regress_ig_keeper;
SELECT invariant_guard.add_append_only('mine_too');
INSERT INTO mine VALUES (5);

-- ---- what cannot be sealed
CREATE TABLE no_key (id int);
SELECT invariant_guard.add_append_only('no_key');
SELECT invariant_guard.seal('no_key');
SELECT invariant_guard.seal('no_key', 0);
SELECT invariant_guard.seal(NULL);
BEGIN READ ONLY;
SELECT count(*) FROM invariant_guard.verify_seal('two');
SELECT invariant_guard.seal('two');
ROLLBACK;

-- ---- retention removes whole seals
CREATE TABLE kept (id int PRIMARY KEY, of int, amount int, created timestamptz NOT NULL DEFAULT now());
CREATE INDEX CONCURRENTLY ON kept (of);
INSERT INTO kept SELECT i, NULL, i, now() - interval '3 years' FROM generate_series(1, 9) i;
INSERT INTO kept VALUES (10, 4, -4, now() - interval '2 years'), (11, 8, -8, now() - interval '1 month');
SELECT invariant_guard.add_append_only('kept', 'of', '{amount}', keep => '1 year', created => 'created');
SELECT invariant_guard.remove_expired('kept', 2);
SELECT number, row_count FROM invariant_guard.seal('kept', 2);
SELECT number, row_count FROM invariant_guard.seal('kept', 2);
SELECT number, row_count FROM invariant_guard.seal('kept', 2);
SELECT number, row_count FROM invariant_guard.seal('kept', 100);
SELECT invariant_guard.remove_expired('kept', 1);
SELECT * FROM invariant_guard.verify_seal('kept');
-- 8 has a young reversal
SELECT invariant_guard.remove_expired('kept');
SELECT invariant_guard.remove_expired('kept');
SELECT array_agg(id ORDER BY id) FROM kept;
INSERT INTO kept VALUES (12, NULL, 12);
SELECT number, row_count FROM invariant_guard.seal('kept');
SELECT invariant_guard.remove_expired('kept');
SELECT * FROM invariant_guard.verify_seal('kept');
INSERT INTO kept VALUES (3, NULL, 3);
-- what was removed comes back
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(kept)';
INSERT INTO kept VALUES (3, NULL, 3);
SELECT number, rows_expected, rows_found, problem FROM invariant_guard.verify_seal('kept') WHERE NOT ok;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.allow = 'append-only(kept_seals)';
UPDATE kept_seals SET removed_to = '{8}' WHERE removed_to IS NOT NULL;
SELECT number, rows_expected, rows_found, problem FROM invariant_guard.verify_seal('kept') WHERE NOT ok;
ROLLBACK;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA books CASCADE;
DROP ROLE regress_ig_clerk, regress_ig_keeper;
