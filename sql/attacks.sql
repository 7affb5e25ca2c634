--
-- Nobody gets round it.  Each attack is run twice by the owner of the tables
-- (or by who else is named): once with the guard off, as a control that its
-- mechanics do work, and once with the guard on.  Afterwards the catalogs and
-- rows of all that is guarded are compared with what they were.  One line
-- tells the outcome:
--
--	refused (RULE); unharmed		as it should be
--	passes; HARMED					a way round the guard
--	CONTROL ...						the attack is no attack, or misspelled
--
\set VERBOSITY terse
\set SHOW_CONTEXT never
\pset format unaligned
\pset tuples_only on
SET client_min_messages = error;
CREATE ROLE regress_attacks_owner;
CREATE ROLE regress_attacks_other;
CREATE SCHEMA attacks;
CREATE SCHEMA vault;
GRANT ALL ON SCHEMA attacks, vault TO regress_attacks_owner, regress_attacks_other;

-- What is guarded, as one text: every fact that an attack could be after.
-- OIDs are part of it, so that a table which is dropped and made again counts.
CREATE FUNCTION attacks.state() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	facts text;
	rel regclass;
BEGIN
	SELECT concat_ws(E'\n',
		(SELECT string_agg(format('%s %s %s %s %s %s %s %s %s %s %s', oid, relname, relnamespace, relkind,
				relpersistence, relowner, relrowsecurity, relforcerowsecurity, relreplident,
				relispartition, relacl), E'\n' ORDER BY oid)
		 FROM pg_class WHERE relnamespace = to_regnamespace('vault') AND relkind <> 'i'),
		(SELECT string_agg(format('%s %s %s %s %s %s %s', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, attacl),
				E'\n' ORDER BY attrelid, attnum)
		 FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
		 WHERE relnamespace = to_regnamespace('vault') AND relkind <> 'i' AND attnum > 0 AND NOT attisdropped),
		(SELECT string_agg(format('%s %s', conname, pg_get_constraintdef(oid)), E'\n' ORDER BY oid)
		 FROM pg_constraint WHERE connamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s %s', t.tgrelid, tgname, tgenabled, pg_get_triggerdef(t.oid)),
				E'\n' ORDER BY t.oid)
		 FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s %s %s %s', polrelid, polname, polcmd, polpermissive, polroles,
				pg_get_expr(polqual, polrelid)), E'\n' ORDER BY p.oid)
		 FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE relnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s %s', ev_class, rulename, ev_enabled, pg_get_ruledef(r.oid)),
				E'\n' ORDER BY r.oid)
		 FROM pg_rewrite r JOIN pg_class c ON c.oid = ev_class WHERE relnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s %s %s %s %s', oid, proname, prosrc, probin, prosecdef, proconfig, provolatile),
				E'\n' ORDER BY oid)
		 FROM pg_proc WHERE pronamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s', enumtypid, e.oid, enumlabel), E'\n' ORDER BY e.oid)
		 FROM pg_enum e JOIN pg_type t ON t.oid = enumtypid WHERE typnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s %s %s', oid, typname, typnotnull, typdefault), E'\n' ORDER BY oid)
		 FROM pg_type WHERE typnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s', inhrelid, inhparent), E'\n' ORDER BY inhrelid)
		 FROM pg_inherits i JOIN pg_class c ON c.oid = inhrelid WHERE relnamespace = to_regnamespace('vault')),
		(SELECT string_agg(format('%s %s', objoid, label), E'\n' ORDER BY objoid)
		 FROM pg_seclabel WHERE provider = 'invariant_guard'),
		(SELECT string_agg(format('%s %s', evtname, evtenabled), E'\n' ORDER BY evtname) FROM pg_event_trigger))
	INTO result;

	FOR rel IN SELECT oid FROM pg_class
		WHERE relnamespace = to_regnamespace('vault') AND relkind IN ('r', 'p') ORDER BY oid
	LOOP
		EXECUTE format('SELECT string_agg(t::text, %L ORDER BY t::text) FROM ONLY %s t', E'\n', rel) INTO facts;
		result := concat_ws(E'\n', result, rel::oid::text, facts);
	END LOOP;
	RETURN result;
END $$;

-- One run, in any case undone.
CREATE FUNCTION attacks.run(statements text, role text, mode text, OUT outcome text, OUT harmed bool)
LANGUAGE plpgsql AS $$
DECLARE
	before text := attacks.state();
	rule text;
BEGIN
	BEGIN
		PERFORM set_config('invariant_guard.mode', mode, true);
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE statements;
		RESET ROLE;
		harmed := attacks.state() IS DISTINCT FROM before;
		RAISE EXCEPTION USING ERRCODE = 'ZZ000';
	EXCEPTION
		WHEN SQLSTATE 'ZZ000' THEN
			outcome := 'passes';
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
			harmed := false;
			outcome := CASE WHEN SQLSTATE LIKE 'IG%' THEN format('refused (%s)', rule)
				ELSE format('%s: %s', SQLSTATE, SQLERRM) END;
	END;
	IF attacks.state() IS DISTINCT FROM before THEN
		RAISE 'the attack could not be undone';
	END IF;
END $$;

CREATE FUNCTION attacks.attack(statements text, role text DEFAULT 'regress_attacks_owner') RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	control record;
	real record;
BEGIN
	control := attacks.run(statements, coalesce(role, session_user), 'off');
	IF control.outcome <> 'passes' THEN
		RETURN 'CONTROL FAILS: ' || control.outcome;
	END IF;
	real := attacks.run(statements, coalesce(role, session_user), 'enforce');
	RETURN concat_ws('; ', real.outcome,
		CASE WHEN real.harmed THEN 'HARMED' ELSE 'unharmed' END,
		CASE WHEN NOT control.harmed THEN 'CONTROL DOES NO HARM' END);
END $$;

-- ---- what is guarded
SET ROLE regress_attacks_owner;
SET search_path = vault;
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN amount AS int CONSTRAINT positive CHECK (VALUE > 0);
CREATE DOMAIN price AS amount;
CREATE TYPE address AS (street text, zip text);
CREATE TYPE spot AS (x int, y int);
CREATE TYPE span AS RANGE (subtype = int);
CREATE TABLE point_of (x int, y int);
CREATE FUNCTION twice(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 * 2';
CREATE COLLATION coll FROM "C";
CREATE TABLE users (id int PRIMARY KEY, nickname text, feels mood, cost price, at spot, during span,
	corner point_of, dup int GENERATED ALWAYS AS (twice(id)) STORED);
INSERT INTO users SELECT i, 'n' || i, 'sad'::mood, i, ROW(i, i)::spot, span(i, i + 1), ROW(i, i)::point_of
	FROM generate_series(1, 5) i;
CREATE TABLE parent (id int, a text);
CREATE TABLE child (b text) INHERITS (parent);
INSERT INTO child VALUES (1, 'a', 'b');
CREATE TABLE typed OF address;
INSERT INTO typed VALUES ('s', 'z');
CREATE TABLE events (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);
INSERT INTO events VALUES (1, 'a');
CREATE TABLE by_coll (a text) PARTITION BY RANGE (a COLLATE coll);
CREATE TABLE by_coll_1 PARTITION OF by_coll DEFAULT;
INSERT INTO by_coll VALUES ('a');
CREATE TABLE proven (at int NOT NULL CHECK (at >= 0 AND at < 10), what text);
INSERT INTO proven VALUES (1, 'a');
CREATE TABLE nothing_yet (id int, a text);
CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM users;

CREATE SEQUENCE counter;
CREATE TABLE cities (id int PRIMARY KEY);
INSERT INTO cities SELECT i FROM generate_series(1, 5) i;

-- financial: with a trigger that always fires, row security and a rule
CREATE TYPE state AS ENUM ('open', 'paid');
CREATE DOMAIN cents AS bigint NOT NULL CONSTRAINT not_negative CHECK (VALUE >= 0);
CREATE TYPE payee AS (name text, iban text);
CREATE FUNCTION is_sound(bigint) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT $1 < 1000000';
CREATE FUNCTION may_see(int) RETURNS bool STABLE LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TABLE payments (id int PRIMARY KEY, user_id int NOT NULL REFERENCES users, total cents, status state,
	paid_to payee, note text DEFAULT 'none' NOT NULL, CONSTRAINT sound CHECK (is_sound(total)));
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OR DELETE ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE payments ENABLE ALWAYS TRIGGER stamp;
CREATE TRIGGER later AFTER INSERT ON payments FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE RULE keep AS ON DELETE TO payments DO INSTEAD NOTHING;
ALTER TABLE payments ENABLE ROW LEVEL SECURITY;
ALTER TABLE payments FORCE ROW LEVEL SECURITY;
CREATE POLICY visible ON payments USING (may_see(id));
INSERT INTO payments SELECT i, i, i, 'open'::state, ROW('n', 'i')::payee FROM generate_series(1, 5) i;
CREATE TABLE entries (at int NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE entries_1 PARTITION OF entries FOR VALUES FROM (0) TO (10);
CREATE TABLE entries_2 PARTITION OF entries FOR VALUES FROM (10) TO (20);
INSERT INTO entries VALUES (1, 'a'), (11, 'b');
CREATE TABLE takings (at int NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE takings_1 PARTITION OF takings FOR VALUES FROM (0) TO (10);
CREATE TRIGGER stamp BEFORE INSERT ON takings FOR EACH ROW EXECUTE FUNCTION stamp();
ALTER TABLE takings ENABLE ALWAYS TRIGGER stamp;
CREATE POLICY of_other ON payments AS RESTRICTIVE TO regress_attacks_other USING (id > 2);
SELECT invariant_guard.protect('takings_1', 'financial');
SELECT invariant_guard.protect('payments', 'financial');
SELECT invariant_guard.protect('entries', 'financial');

-- row rules
CREATE TABLE accounts (id int PRIMARY KEY);
INSERT INTO accounts VALUES (1), (2);
CREATE TABLE ledger (id int PRIMARY KEY, account int REFERENCES accounts, cents int, feels mood);
CREATE TABLE ledger_kid () INHERITS (ledger);
INSERT INTO ledger VALUES (1, 1, 100, 'sad');
INSERT INTO ledger_kid VALUES (2, 1, 100, 'sad');
SELECT invariant_guard.add_append_only('ledger');
CREATE TABLE journal (k int, id int, cents int) PARTITION BY LIST (k);
CREATE TABLE journal_1 PARTITION OF journal FOR VALUES IN (1);
CREATE TABLE journal_2 PARTITION OF journal FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE journal_2a PARTITION OF journal_2 FOR VALUES IN (2);
INSERT INTO journal VALUES (1, 1, 100), (2, 2, 100);
SELECT invariant_guard.add_append_only('journal');
CREATE TABLE goods (id int PRIMARY KEY, sku text UNIQUE, name text);
INSERT INTO goods VALUES (1, 'a', 'apple');
SELECT invariant_guard.add_immutable_columns('goods', '{sku}');
CREATE TABLE suppliers (code text PRIMARY KEY);
INSERT INTO suppliers VALUES ('s');
CREATE TABLE parcels (k int, sku text, code text REFERENCES suppliers ON UPDATE CASCADE) PARTITION BY LIST (k);
CREATE TABLE parcels_1 PARTITION OF parcels FOR VALUES IN (1);
BEGIN;
CREATE TABLE parcels_2 (sku text, code text, k int);
ALTER TABLE parcels ATTACH PARTITION parcels_2 FOR VALUES IN (2);
COMMIT;
INSERT INTO parcels VALUES (1, 'a', 's');
SELECT invariant_guard.add_immutable_columns('parcels', '{sku, code}');
CREATE TABLE bills (id int PRIMARY KEY, status text, cents int, note text);
INSERT INTO bills VALUES (1, 'paid', 100, 'n');
SELECT invariant_guard.add_frozen_rows('bills', $x$status = 'paid'$x$, '{note}');
CREATE TABLE papers (id int PRIMARY KEY, body text, version int NOT NULL DEFAULT 1);
INSERT INTO papers VALUES (1, 'b', 5);
SELECT invariant_guard.add_optimistic_lock('papers');
CREATE TABLE purses (id int PRIMARY KEY, cents int);
INSERT INTO purses VALUES (1, 100);
SELECT invariant_guard.add_relative_only('purses', '{cents}');
CREATE VIEW purse_view AS SELECT * FROM purses;
CREATE FUNCTION change_sku() RETURNS trigger LANGUAGE plpgsql AS $x$ BEGIN NEW.sku := 'other'; RETURN NEW; END $x$;
CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $x$ BEGIN NEW := OLD; RETURN NEW; END $x$;
CREATE FUNCTION lower_version() RETURNS trigger LANGUAGE plpgsql AS $x$ BEGIN NEW.version := 1; RETURN NEW; END $x$;
RESET ROLE;
CREATE OPERATOR CLASS our_ops FOR TYPE int USING btree AS
	OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 btint4cmp(int, int);
CREATE TABLE by_ops (a int) PARTITION BY RANGE (a our_ops);
CREATE TABLE by_ops_1 PARTITION OF by_ops DEFAULT;
INSERT INTO by_ops VALUES (1);
ALTER FUNCTION attacks.state() SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION attacks.attack(text, text) SET search_path = vault, pg_temp;
SET search_path = attacks, pg_temp;

-- the tools themselves
SELECT attack('SELECT 1');
SELECT attack('SELEC 1');
SELECT attack('ALTER TABLE users ADD COLUMN harmless int');

-- ---- a column is gone: named, and by CASCADE from what it leans on
SELECT attack('ALTER TABLE users DROP COLUMN nickname');
SELECT attack('ALTER TABLE users DROP nickname, ADD nickname text');
SELECT attack('ALTER TABLE IF EXISTS ONLY vault.users DROP IF EXISTS nickname CASCADE');
SELECT attack('ALTER TABLE parent DROP COLUMN a');
SELECT attack('ALTER TABLE child NO INHERIT parent; ALTER TABLE child DROP COLUMN a');
SELECT attack('ALTER TABLE events DROP COLUMN what');
SELECT attack('ALTER TABLE typed NOT OF; ALTER TABLE typed DROP COLUMN zip');
SELECT attack('ALTER TYPE address DROP ATTRIBUTE zip CASCADE');
SELECT attack('ALTER TYPE spot DROP ATTRIBUTE y');
SELECT attack('DROP TYPE mood CASCADE');
SELECT attack('DROP DOMAIN amount CASCADE');
SELECT attack('DROP TYPE span CASCADE');
SELECT attack('DROP TYPE spot CASCADE');
SELECT attack('DROP TABLE point_of CASCADE');
SELECT attack('DROP FUNCTION twice(int) CASCADE');
SELECT attack('DROP ROUTINE twice CASCADE');
SELECT attack('ALTER TYPE mood SET SCHEMA attacks; DROP TYPE attacks.mood CASCADE');
SELECT attack('ALTER TYPE mood RENAME TO mood2; DROP TYPE mood2 CASCADE');
SELECT attack('CREATE SCHEMA fresh; ALTER TYPE mood SET SCHEMA fresh; DROP SCHEMA fresh CASCADE', NULL);
SELECT attack('CREATE EXTENSION tcn; ALTER EXTENSION tcn ADD TYPE vault.mood; DROP EXTENSION tcn CASCADE', NULL);
SELECT attack('ALTER TYPE mood OWNER TO regress_attacks_other; DROP OWNED BY regress_attacks_other CASCADE', NULL);
-- by the owner of the type or function, who does not own the table
SELECT attack('ALTER TYPE mood OWNER TO regress_attacks_other;
	SET ROLE regress_attacks_other; DROP TYPE mood CASCADE', NULL);
SELECT attack('ALTER TYPE spot OWNER TO regress_attacks_other;
	SET ROLE regress_attacks_other; ALTER TYPE spot DROP ATTRIBUTE y CASCADE', NULL);
SELECT attack('ALTER FUNCTION twice(int) OWNER TO regress_attacks_other;
	SET ROLE regress_attacks_other; DROP OWNED BY regress_attacks_other CASCADE', NULL);
-- its values
SELECT attack($$ALTER TABLE users ALTER COLUMN nickname TYPE varchar(9) USING 'x'$$);
SELECT attack($$ALTER TABLE users ALTER nickname TYPE text COLLATE "C" USING 'y'$$);
SELECT attack($$ALTER TYPE mood RENAME VALUE 'sad' TO 'glad'$$);
SELECT attack('ALTER TYPE spot RENAME ATTRIBUTE y TO z');
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000
	THEN attack('ALTER TABLE users ALTER COLUMN dup SET EXPRESSION AS (7)')
	ELSE 'refused (set-expression-rewrite); unharmed' END;

-- ---- row rules: rows that are only added
SELECT attack('UPDATE ledger SET cents = 1');
SELECT attack('UPDATE ONLY ledger SET cents = 1');
SELECT attack('UPDATE ledger_kid SET cents = 1');
SELECT attack('DELETE FROM ledger WHERE id = 2');
SELECT attack('CREATE FUNCTION attacks.d() RETURNS bigint LANGUAGE sql AS ''WITH d AS (DELETE FROM vault.ledger RETURNING *) SELECT count(*) FROM d''; SELECT attacks.d()');
SELECT attack('INSERT INTO ledger VALUES (1, 1, 1) ON CONFLICT (id) DO UPDATE SET cents = 1');
SELECT attack('MERGE INTO ledger USING (VALUES (1)) v(id) ON ledger.id = v.id WHEN MATCHED THEN UPDATE SET cents = 1');
SELECT attack('MERGE INTO ledger USING (VALUES (1)) v(id) ON ledger.id = v.id WHEN MATCHED THEN DELETE');
SELECT attack('CREATE VIEW attacks.v AS SELECT * FROM ledger; UPDATE attacks.v SET cents = 1');
SELECT attack('CREATE FUNCTION attacks.u() RETURNS void SECURITY DEFINER LANGUAGE sql AS ''UPDATE vault.ledger SET cents = 1''; SELECT attacks.u()');
SELECT attack('TRUNCATE ledger');
SELECT attack('TRUNCATE ledger_kid');
SELECT attack('TRUNCATE accounts CASCADE');
SELECT attack('UPDATE journal SET cents = 1');
SELECT attack('UPDATE journal SET k = 1');
SELECT attack('UPDATE journal_2a SET cents = 1');
SELECT attack('DELETE FROM journal_2');
SELECT attack('TRUNCATE journal_2');
SELECT attack('TRUNCATE journal_1');
SELECT attack('CREATE TABLE vault.journal_3 PARTITION OF journal FOR VALUES IN (3); INSERT INTO journal VALUES (3, 3, 3); DELETE FROM journal_3');
SELECT attack('CREATE TABLE vault.journal_3 PARTITION OF journal FOR VALUES IN (3); INSERT INTO journal VALUES (3, 3, 3); TRUNCATE journal_3');
SELECT attack('ALTER TABLE journal DETACH PARTITION journal_1; UPDATE journal_1 SET cents = 1; ALTER TABLE journal ATTACH PARTITION journal_1 FOR VALUES IN (1)');
SELECT attack('ALTER TABLE ledger_kid NO INHERIT ledger; UPDATE ledger_kid SET cents = 1; ALTER TABLE ledger_kid INHERIT ledger');
SELECT attack('ALTER TABLE ledger DISABLE TRIGGER ALL; UPDATE ONLY ledger SET cents = 1; ALTER TABLE ledger ENABLE TRIGGER ALL', NULL);
SELECT attack('ALTER TABLE ledger DISABLE TRIGGER USER; DELETE FROM ONLY ledger');
SELECT attack('ALTER TABLE ledger_kid DISABLE TRIGGER zz_ig_append_only_change; DELETE FROM ledger_kid');
SELECT attack('ALTER TABLE journal_1 DISABLE TRIGGER zz_ig_append_only_change; DELETE FROM journal_1');
SELECT attack('ALTER TABLE journal_1 ENABLE REPLICA TRIGGER zz_ig_append_only_change; DELETE FROM journal_1');
SELECT attack('ALTER TABLE ledger ENABLE TRIGGER zz_ig_append_only_change');
SELECT attack('DROP TRIGGER zz_ig_append_only_change ON ledger; DELETE FROM ONLY ledger');
SELECT attack('ALTER TRIGGER zz_ig_append_only_change ON ledger RENAME TO other');
SELECT attack('CREATE OR REPLACE TRIGGER zz_ig_append_only_change BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION undo()');
SELECT attack('SELECT invariant_guard.drop_rule(''ledger'', ''append-only'')');
SELECT attack('ALTER TABLE ledger ALTER cents TYPE int USING 1');
SELECT attack('ALTER TABLE ledger ALTER cents TYPE bigint');
SELECT attack('ALTER TABLE journal ALTER cents TYPE numeric USING 0');
SELECT attack('ALTER TABLE ledger DROP COLUMN cents');
SELECT attack('ALTER TABLE ledger RENAME TO attic; CREATE TABLE vault.ledger (id int, account int, cents int)');
SELECT attack('ALTER TABLE ledger SET SCHEMA attacks; CREATE TABLE vault.ledger (id int, account int, cents int)');
SELECT attack('CREATE TABLE attacks.copy AS SELECT id, account, 1 AS cents FROM ledger; DROP TABLE ledger CASCADE; ALTER TABLE attacks.copy SET SCHEMA vault; ALTER TABLE copy RENAME TO ledger');
SELECT attack('DROP TABLE journal_1');
SELECT attack('DROP TABLE ledger_kid');
SELECT attack('CREATE RULE away AS ON INSERT TO ledger DO INSTEAD NOTHING');
SELECT attack('CREATE RULE away AS ON UPDATE TO ledger_kid DO INSTEAD DELETE FROM accounts');
SELECT attack('ALTER TABLE ledger DROP CONSTRAINT ledger_account_fkey, ADD FOREIGN KEY (account) REFERENCES accounts ON DELETE CASCADE; DELETE FROM accounts WHERE id = 1');

-- ---- columns and rows that stay as they are
SELECT attack('UPDATE goods SET sku = ''b''');
SELECT attack('UPDATE goods SET sku = NULL');
SELECT attack('INSERT INTO goods VALUES (1, ''b'') ON CONFLICT (id) DO UPDATE SET sku = EXCLUDED.sku');
SELECT attack('MERGE INTO goods USING (VALUES (1)) v(id) ON goods.id = v.id WHEN MATCHED THEN UPDATE SET sku = ''b''');
SELECT attack('CREATE TRIGGER aaa BEFORE UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION change_sku(); UPDATE goods SET name = ''x''');
SELECT attack('CREATE TRIGGER zzz BEFORE UPDATE ON goods FOR EACH ROW EXECUTE FUNCTION change_sku(); UPDATE goods SET name = ''x''');
SELECT attack('CREATE TRIGGER zzz BEFORE UPDATE ON parcels FOR EACH ROW EXECUTE FUNCTION change_sku(); UPDATE parcels SET k = 2');
SELECT attack('CREATE TRIGGER zzz BEFORE INSERT ON parcels FOR EACH ROW EXECUTE FUNCTION change_sku(); UPDATE parcels SET k = 2');
SELECT attack('UPDATE parcels SET k = 2, sku = ''b''');
SELECT attack('UPDATE suppliers SET code = ''t''');
SELECT attack('ALTER TABLE goods RENAME sku TO code; UPDATE goods SET code = ''b''');
SELECT attack('ALTER TABLE goods DROP COLUMN sku CASCADE');
SELECT attack('UPDATE bills SET cents = 1');
SELECT attack('UPDATE bills SET status = ''open''; UPDATE bills SET cents = 1; UPDATE bills SET status = ''paid''');
SELECT attack('DELETE FROM bills');
SELECT attack('TRUNCATE bills');

-- ---- versions and balances
SELECT attack('UPDATE papers SET version = 1');
SELECT attack('UPDATE papers SET version = 3, body = ''x''');
SELECT attack('UPDATE papers SET body = ''x'', version = 5 - 1');
SELECT attack('UPDATE papers SET body = ''x'', version = 7');
SELECT attack('INSERT INTO papers VALUES (1, ''x'', 1) ON CONFLICT (id) DO UPDATE SET version = EXCLUDED.version');
SELECT attack('UPDATE purses SET cents = 20');
SELECT attack('UPDATE purses SET (id, cents) = (SELECT 1, 20)');
SELECT attack('UPDATE purse_view SET cents = 20');
SELECT attack('INSERT INTO purses VALUES (1, 20) ON CONFLICT (id) DO UPDATE SET cents = EXCLUDED.cents');
SELECT attack('MERGE INTO purses USING (VALUES (1)) v(id) ON purses.id = v.id WHEN MATCHED THEN UPDATE SET cents = 20');

-- ---- a table is gone
SELECT attack('DROP TABLE typed');
SELECT attack('DROP TABLE IF EXISTS nosuch, typed CASCADE');
SELECT attack('DROP SCHEMA vault CASCADE', NULL);
SELECT attack('ALTER SCHEMA vault RENAME TO gone; CREATE SCHEMA vault', NULL);
SELECT attack('DROP OWNED BY regress_attacks_owner', NULL);
SELECT attack('DROP OWNED BY CURRENT_USER CASCADE');
SELECT attack('DROP TABLE events');
SELECT attack('DROP TABLE events_1');
SELECT attack('ALTER TABLE events DETACH PARTITION events_1; DROP TABLE events_1');
SELECT attack('DROP TABLE parent CASCADE');
SELECT attack('DROP COLLATION coll CASCADE');
SELECT attack('DROP OPERATOR CLASS our_ops USING btree CASCADE', NULL);
SELECT attack('DROP OPERATOR FAMILY our_ops USING btree CASCADE', NULL);
SELECT attack('DROP MATERIALIZED VIEW summary');
SELECT attack('DROP SEQUENCE counter');
SELECT attack('CREATE EXTENSION tcn; ALTER EXTENSION tcn ADD TABLE vault.typed; DROP EXTENSION tcn', NULL);
SELECT attack('CREATE EXTENSION tcn; ALTER MATERIALIZED VIEW vault.summary DEPENDS ON EXTENSION tcn; DROP EXTENSION tcn', NULL);
SELECT attack('ALTER TABLE typed SET SCHEMA attacks; CREATE TABLE typed (a int); DROP TABLE attacks.typed');
SELECT attack('CREATE TABLE nt (street text, zip text); DROP TABLE typed; ALTER TABLE nt RENAME TO typed');
SELECT attack('CREATE TABLE nt PARTITION OF events FOR VALUES FROM (10) TO (20); DROP TABLE nt, events_1');
SELECT attack('CREATE TABLE roof (at int NOT NULL, what text) PARTITION BY RANGE (at);
	ALTER TABLE events DETACH PARTITION events_1; ALTER TABLE roof ATTACH PARTITION events_1 FOR VALUES FROM (0) TO (10);
	DROP TABLE roof');
-- up to 15 a rule makes a view of a table
SELECT CASE WHEN current_setting('server_version_num')::int < 160000
	THEN attack($$CREATE RULE "_RETURN" AS ON SELECT TO nothing_yet DO INSTEAD SELECT 1 AS id, 'x'::text AS a$$)
	ELSE 'refused (drop-table); unharmed' END;

-- ---- rows are gone
SELECT attack('TRUNCATE typed');
SELECT attack('TRUNCATE ONLY typed RESTART IDENTITY CASCADE');
SELECT attack('TRUNCATE events');
SELECT attack('TRUNCATE events_1');
SELECT attack('TRUNCATE parent');
SELECT attack('TRUNCATE child');
SELECT attack('CREATE TABLE t (a int PRIMARY KEY); ALTER TABLE child ADD r int;
	ALTER TABLE child ADD FOREIGN KEY (r) REFERENCES t NOT VALID; TRUNCATE t CASCADE');
SELECT attack('CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN TRUNCATE vault.typed; RETURN NULL; END'';
	CREATE TABLE tt (a int); CREATE TRIGGER t BEFORE TRUNCATE ON tt EXECUTE FUNCTION t(); TRUNCATE tt');
SELECT attack('ALTER TABLE typed SET UNLOGGED');

-- ---- a new parent adopts an old table, and everything is done to the parent
SELECT attack('CREATE TABLE up (id int, a text, b text); ALTER TABLE child INHERIT up; TRUNCATE up');
SELECT attack('CREATE TABLE up (id int, a text, b text); ALTER TABLE child INHERIT up; ALTER TABLE up RENAME b TO c');
SELECT attack('CREATE TABLE up (id int, a text, b text); ALTER TABLE child INHERIT up; ALTER TABLE up ALTER b TYPE varchar(1)');
SELECT attack('CREATE TABLE roof (at int NOT NULL, what text) PARTITION BY RANGE (at);
	ALTER TABLE roof ATTACH PARTITION proven FOR VALUES FROM (0) TO (10); TRUNCATE roof');
SELECT attack('CREATE TABLE roof (at int NOT NULL, what text) PARTITION BY RANGE (at);
	ALTER TABLE roof ATTACH PARTITION proven FOR VALUES FROM (0) TO (10); DROP TABLE roof');
SELECT attack('CREATE TABLE roof (at int NOT NULL, what text) PARTITION BY RANGE (at);
	ALTER TABLE roof ATTACH PARTITION proven FOR VALUES FROM (0) TO (10); ALTER TABLE roof DROP COLUMN what');
SELECT attack('CREATE TABLE attic (at int NOT NULL, what text) PARTITION BY RANGE (at);
	CREATE TABLE roof PARTITION OF attic FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (at);
	ALTER TABLE roof ATTACH PARTITION proven FOR VALUES FROM (0) TO (10); ALTER TABLE attic DROP COLUMN what');

-- ---- a financial table, where no setting lowers the rules
SET invariant_guard.severity = 'all=off';
SELECT attack('DROP TABLE payments');
SELECT attack('DROP SCHEMA vault CASCADE', NULL);
SELECT attack('TRUNCATE payments');
SELECT attack('TRUNCATE users CASCADE');
SELECT attack('ALTER TABLE payments DROP COLUMN note');
SELECT attack('ALTER TABLE payments RENAME COLUMN note TO notes');
SELECT attack('ALTER TABLE payments RENAME TO paid');
SELECT attack('ALTER TABLE payments SET SCHEMA attacks');
SELECT attack('ALTER TABLE payments ALTER COLUMN total TYPE bigint');
SELECT attack('DROP DOMAIN cents CASCADE');
SELECT attack('DROP TYPE state CASCADE');

-- its triggers
SELECT attack('ALTER TABLE payments DISABLE TRIGGER stamp');
SELECT attack('ALTER TABLE payments DISABLE TRIGGER USER');
SELECT attack('ALTER TABLE payments DISABLE TRIGGER ALL', NULL);
SELECT attack('ALTER TABLE payments ENABLE REPLICA TRIGGER stamp');
SELECT attack('ALTER TABLE payments ENABLE TRIGGER stamp');
SELECT attack('ALTER TABLE payments ENABLE TRIGGER USER');
SELECT attack('ALTER TABLE payments ENABLE TRIGGER ALL', NULL);
SELECT attack('CREATE OR REPLACE TRIGGER stamp BEFORE INSERT OR UPDATE OR DELETE ON payments FOR EACH ROW EXECUTE FUNCTION stamp()');
SELECT attack('DROP TRIGGER stamp ON payments');
SELECT attack('UPDATE payments SET note = ''x''; DROP TRIGGER later ON payments');
SELECT attack('DROP FUNCTION stamp() CASCADE');
SELECT attack('ALTER TABLE payments DISABLE TRIGGER stamp; UPDATE payments SET note = ''x''; ALTER TABLE payments ENABLE ALWAYS TRIGGER stamp');
SELECT attack('CREATE EXTENSION tcn; ALTER TRIGGER stamp ON vault.payments DEPENDS ON EXTENSION tcn; DROP EXTENSION tcn', NULL);
SELECT attack('CREATE EXTENSION tcn; ALTER FUNCTION vault.stamp() DEPENDS ON EXTENSION tcn; DROP EXTENSION tcn CASCADE', NULL);
SELECT attack('CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END''');
SELECT attack('ALTER FUNCTION stamp() SET session_replication_role = replica', NULL);
SELECT attack('ALTER FUNCTION stamp() SET search_path = attacks');
SELECT attack('ALTER ROUTINE stamp SECURITY DEFINER');
SELECT attack('ALTER FUNCTION stamp() OWNER TO regress_attacks_other; SET ROLE regress_attacks_other;
	CREATE OR REPLACE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NULL; END''', NULL);
-- of a partition that is financial, by its parent that is none
SELECT attack('ALTER TABLE takings DISABLE TRIGGER stamp');
SELECT attack('ALTER TABLE takings ENABLE TRIGGER stamp');
SELECT attack('ALTER TABLE takings_1 DISABLE TRIGGER stamp');
-- its rules
SELECT attack('DROP RULE keep ON payments');
SELECT attack('ALTER TABLE payments DISABLE RULE keep');
SELECT attack('ALTER TABLE payments ENABLE REPLICA RULE keep');
SELECT attack('CREATE OR REPLACE RULE keep AS ON DELETE TO payments DO ALSO NOTHING');
SELECT attack('CREATE RULE gone AS ON INSERT TO payments DO INSTEAD NOTHING');
-- its constraints
SELECT attack('CREATE OR REPLACE FUNCTION is_sound(bigint) RETURNS bool IMMUTABLE LANGUAGE sql AS ''SELECT true''');
SELECT attack('ALTER FUNCTION is_sound(bigint) STABLE');
SELECT attack('ALTER DOMAIN cents DROP CONSTRAINT not_negative');
SELECT attack('ALTER DOMAIN cents DROP NOT NULL');

-- its row security
SELECT attack('ALTER TABLE payments DISABLE ROW LEVEL SECURITY');
SELECT attack('ALTER TABLE payments NO FORCE ROW LEVEL SECURITY');
SELECT attack('DROP POLICY visible ON payments');
SELECT attack('ALTER POLICY visible ON payments USING (true)');
SELECT attack('ALTER POLICY visible ON payments TO regress_attacks_other');
SELECT attack('CREATE POLICY open ON payments USING (true)');
SELECT attack('CREATE POLICY open ON payments FOR SELECT TO regress_attacks_other USING (true)');
SELECT attack('CREATE OR REPLACE FUNCTION may_see(int) RETURNS bool STABLE LANGUAGE sql AS ''SELECT $1 > 0''');
SELECT attack('DROP FUNCTION may_see(int) CASCADE');
SELECT attack('DROP OWNED BY regress_attacks_other', NULL);

-- who may do what
SELECT attack('ALTER TABLE payments OWNER TO regress_attacks_other', NULL);
SELECT attack('REASSIGN OWNED BY regress_attacks_owner TO regress_attacks_other', NULL);
SELECT attack('GRANT SELECT ON payments TO PUBLIC');
SELECT attack('GRANT SELECT (id) ON payments TO PUBLIC');
SELECT attack('GRANT SELECT ON ALL TABLES IN SCHEMA vault TO PUBLIC', NULL);

-- its class
SELECT attack('SECURITY LABEL FOR invariant_guard ON TABLE payments IS NULL');
SELECT attack('SECURITY LABEL FOR invariant_guard ON TABLE payments IS ''protected''');
SELECT attack('SECURITY LABEL ON TABLE payments IS NULL');
SELECT attack('SELECT invariant_guard.unprotect(''payments'')');
SELECT attack('ALTER TABLE entries DETACH PARTITION entries_1');
SELECT attack('ALTER TABLE entries DETACH PARTITION entries_1; TRUNCATE entries_1;
	ALTER TABLE entries ATTACH PARTITION entries_1 FOR VALUES FROM (0) TO (10)');
SELECT attack('TRUNCATE entries_1');
SELECT attack('DROP TABLE entries_1');
SELECT attack('ALTER TABLE ONLY entries_1 RENAME TO other');
SELECT attack('GRANT SELECT ON entries_1 TO PUBLIC');

-- what its values say
SELECT attack($$ALTER TYPE state RENAME VALUE 'paid' TO 'due'$$);
SELECT attack('ALTER TYPE payee DROP ATTRIBUTE iban');
SELECT attack('ALTER TYPE payee RENAME ATTRIBUTE iban TO bic');
SELECT attack('ALTER TYPE payee DROP ATTRIBUTE iban, ADD ATTRIBUTE iban text');

-- deletes that reach it
SELECT attack('ALTER TABLE payments ADD FOREIGN KEY (id) REFERENCES users ON DELETE CASCADE NOT VALID');
SELECT attack('ALTER TABLE payments DROP CONSTRAINT payments_user_id_fkey,
	ADD CONSTRAINT payments_user_id_fkey FOREIGN KEY (user_id) REFERENCES users ON DELETE SET NULL NOT VALID');
SELECT attack('ALTER TABLE payments ADD COLUMN u int REFERENCES users ON DELETE SET NULL');
SELECT attack('ALTER TABLE takings ADD FOREIGN KEY (at) REFERENCES users ON DELETE CASCADE');
SELECT attack('ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES cities ON DELETE CASCADE NOT VALID;
	ALTER TABLE payments ADD FOREIGN KEY (id) REFERENCES users ON UPDATE CASCADE NOT VALID');
RESET invariant_guard.severity;

-- ---- each effect by whatever calls it
CREATE TABLE attacks.effects (effect text, sql text);
INSERT INTO attacks.effects VALUES
	('column gone', 'ALTER TABLE vault.users DROP COLUMN nickname'),
	('table gone', 'DROP TABLE vault.typed'),
	('rows gone', 'TRUNCATE vault.child'),
	('guard off', 'ALTER TABLE vault.payments DISABLE TRIGGER stamp'),
	('class gone', 'SECURITY LABEL FOR invariant_guard ON TABLE vault.payments IS NULL'),
	('cascade', 'ALTER TABLE vault.payments ADD FOREIGN KEY (id) REFERENCES vault.users ON DELETE CASCADE NOT VALID');
CREATE TABLE attacks.callers (caller text, sql text);
INSERT INTO attacks.callers VALUES
	('DO', 'DO $do$ BEGIN %s; END $do$'),
	('dynamic SQL', 'DO $do$ BEGIN EXECUTE %2$L; END $do$'),
	('a block that catches errors', 'DO $do$ BEGIN BEGIN %s; EXCEPTION WHEN division_by_zero THEN NULL; END; END $do$'),
	('a loop over a cursor', 'DO $do$ DECLARE r record; BEGIN FOR r IN SELECT %2$L AS sql LOOP EXECUTE r.sql; END LOOP; END $do$'),
	('an SQL function', 'CREATE FUNCTION h() RETURNS void LANGUAGE sql AS %2$L; SELECT h()'),
	('a function', 'SELECT attacks.f(%2$L)'),
	('a function of a definer', 'SET LOCAL ROLE regress_attacks_other; SELECT attacks.g(%2$L)'),
	('a procedure', 'CREATE PROCEDURE p() LANGUAGE plpgsql AS $p$ BEGIN %s; END $p$; CALL p()'),
	('a trigger', 'CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $t$ BEGIN %s; RETURN NEW; END $t$;
		CREATE TABLE tt (a int); CREATE TRIGGER t BEFORE INSERT ON tt FOR EACH ROW EXECUTE FUNCTION t(); INSERT INTO tt VALUES (1)'),
	('a deferred trigger', 'CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $t$ BEGIN %s; RETURN NEW; END $t$;
		CREATE TABLE tt (a int); CREATE CONSTRAINT TRIGGER t AFTER INSERT ON tt DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION t(); INSERT INTO tt VALUES (1); SET CONSTRAINTS ALL IMMEDIATE'),
	('a view', 'CREATE VIEW v AS SELECT attacks.f(%2$L); SELECT * FROM v'),
	('a rule', 'CREATE VIEW v AS SELECT 1 AS a; CREATE RULE r AS ON INSERT TO v DO INSTEAD SELECT attacks.f(%2$L); INSERT INTO v VALUES (1)'),
	('a default', 'CREATE TABLE tt (a int, b int DEFAULT attacks.f(%2$L)); INSERT INTO tt VALUES (1)'),
	('a CHECK', 'CREATE TABLE tt (a int CHECK (attacks.f(%2$L) > 0)); INSERT INTO tt VALUES (1)'),
	('a policy', 'CREATE TABLE tt (a int); INSERT INTO tt VALUES (1); ALTER TABLE tt ENABLE ROW LEVEL SECURITY; ALTER TABLE tt FORCE ROW LEVEL SECURITY;
		CREATE POLICY p ON tt USING (attacks.f(%2$L) > 0); SELECT * FROM tt'),
	('a cast', 'CREATE TYPE k AS (a text); CREATE FUNCTION c(k) RETURNS int LANGUAGE sql AS $c$ SELECT attacks.f(($1).a) $c$;
		CREATE CAST (k AS int) WITH FUNCTION c(k); SELECT ROW(%2$L)::k::int'),
	('CREATE TABLE AS', 'CREATE TABLE made AS SELECT attacks.f(%2$L)'),
	('EXPLAIN ANALYZE', 'EXPLAIN ANALYZE SELECT attacks.f(%2$L)'),
	('EXPLAIN ANALYZE CREATE TABLE AS', 'EXPLAIN ANALYZE CREATE TABLE made AS SELECT attacks.f(%2$L)'),
	('REFRESH', 'CREATE MATERIALIZED VIEW m AS SELECT attacks.f(%2$L) WITH NO DATA; REFRESH MATERIALIZED VIEW m'),
	('names that stand before', 'CREATE TEMP TABLE users (a int, nickname text); CREATE TEMP TABLE typed (a int); CREATE TEMP TABLE child (a int);
		CREATE TEMP TABLE payments (id int); CREATE TEMP TABLE pg_class (oid oid); SET LOCAL search_path = pg_temp, vault, pg_catalog; %s');
SET ROLE regress_attacks_owner;
CREATE FUNCTION attacks.f(sql text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; RETURN 1; END $$;
CREATE FUNCTION attacks.g(sql text) RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN EXECUTE sql; RETURN 1; END $$;
RESET ROLE;
SELECT format('%s by %s: %s', effect, caller, attack(format(c.sql, e.sql, e.sql)))
	FROM effects e, callers c ORDER BY caller COLLATE "C", effect COLLATE "C";

-- ---- at the end of a transaction, prepared and not; outside of any
SELECT md5(state()) AS before \gset
SET ROLE regress_attacks_owner;
BEGIN;
ALTER TABLE vault.typed RENAME TO attic;
CREATE TABLE vault.typed (street text, zip text);
COMMIT;
BEGIN;
ALTER TABLE vault.typed RENAME TO attic;
PREPARE TRANSACTION 'regress_attacks';
BEGIN;
SAVEPOINT s;
ALTER TABLE vault.typed RENAME TO attic;
RELEASE s;
COMMIT;
ALTER TABLE vault.entries DETACH PARTITION vault.entries_1 CONCURRENTLY;
BEGIN;
DECLARE c CURSOR FOR SELECT attacks.f('DROP TABLE vault.typed');
FETCH c;
COMMIT;
PREPARE p AS SELECT attacks.f($1);
EXECUTE p('DROP TABLE vault.typed');
EXPLAIN ANALYZE EXECUTE p('DROP TABLE vault.typed');
CREATE TABLE attacks.made AS EXECUTE p('DROP TABLE vault.typed');
COPY (SELECT attacks.f('DROP TABLE vault.typed')) TO STDOUT;
SELECT 'DROP TABLE vault.typed' \gexec
RESET ROLE;
SELECT CASE WHEN md5(state()) = :'before' THEN 'unharmed' ELSE 'HARMED' END;
-- the same with the guard off: these are real
SET invariant_guard.mode = off;
BEGIN;
ALTER TABLE vault.typed RENAME TO attic;
PREPARE TRANSACTION 'regress_attacks';
ROLLBACK PREPARED 'regress_attacks';
BEGIN;
DECLARE c CURSOR FOR SELECT attacks.f('DROP TABLE vault.typed');
FETCH c;
SELECT CASE WHEN md5(state()) = :'before' THEN 'unharmed' ELSE 'HARMED' END;
ROLLBACK;

DROP SCHEMA attacks, vault CASCADE;
DROP ROLE regress_attacks_owner, regress_attacks_other;
