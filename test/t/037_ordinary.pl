# Ordinary input through ordinary clients: what is allowed says word for word
# what it says in a database without us; and what a session does in the middle
# of a guarded statement ends as it would end without us.

use strict;
use warnings FATAL => 'all';

use IgTest;
use IO::Socket;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $node = start_node('ordinary', "max_prepared_transactions = 5\nallow_in_place_tablespaces = on\n");
my $major = major($node);
my @databases = ('without', 'preloaded', 'plain');

shop($node, 'without', without_extension => 1);
shop($node, 'preloaded', preload => 1);
shop($node, 'plain');
$node->safe_psql($_, q{
	BEGIN;
	CREATE MATERIALIZED VIEW counted AS SELECT id, email FROM users;
	CREATE UNIQUE INDEX ON counted (id);
	SELECT lo_create(4711);
	CREATE PROCEDURE steps() LANGUAGE plpgsql AS $$
	BEGIN
		CREATE TABLE step_one (a int); COMMIT;
		ALTER TABLE step_one ADD COLUMN b int; ROLLBACK;
		BEGIN CREATE TABLE step_one (a int); EXCEPTION WHEN duplicate_table THEN RAISE NOTICE '%', SQLERRM; END;
		CREATE TABLE step_two (a int); COMMIT;
	END $$;
	CREATE TABLE parent (id int) PARTITION BY LIST (id);
	COMMIT;
}) for @databases;
is($node->safe_psql($_, q{SELECT invariant_guard.protect('payments', 'financial')}), '', "$_: a label")
  for qw(preloaded plain);

# ---- the same words in each database
my %scripts = (
	'settings' => 'RESET ALL; SET search_path = nowhere; CREATE TABLE IF NOT EXISTS lost (a int); CREATE VIEW lost AS SELECT 1;
		RESET search_path; SHOW work_mem; SET work_mem = DEFAULT; SET TIME ZONE LOCAL; SET SESSION CHARACTERISTICS AS
		TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET LOCAL work_mem = 100; RESET nothing.such; RESET nosuch; SHOW nosuch;
		SET ROLE NONE; RESET ROLE; SET SESSION AUTHORIZATION DEFAULT; SET NAMES DEFAULT; SET search_path = nowhere;
		CREATE TABLE lost (a int);',
	'roles' => q{ALTER ROLE CURRENT_USER SET work_mem = '5MB'; ALTER ROLE CURRENT_USER RESET ALL; ALTER USER SESSION_USER
		VALID UNTIL 'infinity'; ALTER ROLE ALL SET work_mem = '4MB'; ALTER ROLE ALL RESET work_mem; DROP ROLE CURRENT_USER;
		DROP ROLE SESSION_USER, nobody; DROP ROLE IF EXISTS nobody, noone; DROP ROLE CURRENT_ROLE; ALTER ROLE PUBLIC SET a = b;
		ALTER ROLE nobody RENAME TO noone; GRANT nobody TO CURRENT_USER; GRANT pg_monitor TO CURRENT_USER;
		REVOKE pg_monitor FROM CURRENT_USER; CREATE ROLE regress_ordinary; COMMENT ON ROLE regress_ordinary IS 'x';
		GRANT SELECT ON users TO regress_ordinary, CURRENT_USER; ALTER DEFAULT PRIVILEGES FOR ROLE regress_ordinary
		GRANT SELECT ON TABLES TO CURRENT_USER; ALTER DEFAULT PRIVILEGES FOR ROLE
		regress_ordinary REVOKE SELECT ON TABLES FROM CURRENT_USER; REVOKE ALL ON ALL TABLES IN SCHEMA public FROM regress_ordinary;
		DROP OWNED BY regress_ordinary; DROP OWNED BY nobody; REASSIGN OWNED BY regress_ordinary TO CURRENT_USER;
		REASSIGN OWNED BY nobody TO CURRENT_USER; DROP ROLE regress_ordinary; ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES
		TO PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;},
	'indexes' => 'CREATE INDEX CONCURRENTLY ON users (email); CREATE INDEX CONCURRENTLY ON users ((lower(email)), id);
		CREATE INDEX CONCURRENTLY IF NOT EXISTS users_email_idx ON users (email); CREATE INDEX CONCURRENTLY IF NOT EXISTS ON
		users (id); REINDEX INDEX CONCURRENTLY users_email_idx; REINDEX TABLE CONCURRENTLY users; DROP INDEX CONCURRENTLY
		users_email_idx, users_lower_id_idx; DROP INDEX CONCURRENTLY IF EXISTS users_lower_id_idx; BEGIN; CREATE INDEX
		CONCURRENTLY ON users (email); ROLLBACK; CREATE TABLE fresh (a int); BEGIN; CREATE TABLE fresher (a int);
		CREATE INDEX ON fresher (a); CREATE UNIQUE INDEX ON fresher ((a + 1)) WHERE a > 0; COMMIT; CREATE UNIQUE INDEX
		CONCURRENTLY ON payments ((1)); SELECT indisvalid FROM pg_index WHERE indexrelid = \'payments_expr_idx\'::regclass;
		DROP INDEX CONCURRENTLY payments_expr_idx; REINDEX SYSTEM CONCURRENTLY without;',
	'comments' => q{COMMENT ON TABLE users IS NULL; COMMENT ON COLUMN users.id IS NULL; COMMENT ON COLUMN users.id IS '';
		COMMENT ON INDEX users_pkey IS NULL; COMMENT ON TABLE nowhere IS NULL; COMMENT ON SCHEMA public IS NULL; COMMENT ON
		MATERIALIZED VIEW counted IS NULL; COMMENT ON CONSTRAINT users_pkey ON users IS NULL; COMMENT ON LARGE OBJECT 4711
		IS NULL; COMMENT ON TABLESPACE pg_default IS NULL; SECURITY LABEL FOR nobody ON TABLE users IS NULL;},
	'aborted' => 'BEGIN; SELECT 1 / 0; SELECT 1; CREATE TABLE x (a int); DROP TABLE users; TRUNCATE users; ROLLBACK;
		BEGIN; SAVEPOINT s; SELECT 1 / 0; ALTER TABLE users DROP COLUMN email; ROLLBACK TO s; SELECT 1; SAVEPOINT t; CREATE
		TABLE users (a int); RELEASE t; ROLLBACK TO t; ROLLBACK TO s; RELEASE s; COMMIT; BEGIN; SELECT 1 / 0; COMMIT;
		BEGIN; SELECT 1 / 0; ROLLBACK AND CHAIN; SELECT 1; COMMIT AND CHAIN; SELECT 2; END; BEGIN; SELECT 1 / 0; BEGIN;
		ROLLBACK TO nosuch; END; ROLLBACK; COMMIT; SAVEPOINT outside; BEGIN; PREPARE p AS SELECT 1; SELECT 1 / 0;
		EXECUTE p; DEALLOCATE p; SET x.y = 1; LOCK TABLE users; DISCARD ALL; PREPARE TRANSACTION \'t\'; ROLLBACK;
		DROP TABLE nowhere; START TRANSACTION READ ONLY; CREATE TABLE ro (a int); ROLLBACK;',
	'discard' => 'CREATE TEMP TABLE t (a int); PREPARE p AS SELECT 1; SELECT lastval(); DISCARD PLANS; DISCARD SEQUENCES;
		DISCARD TEMP; SELECT * FROM t; CREATE TEMP TABLE t (a serial PRIMARY KEY, b text); DISCARD ALL; SELECT * FROM t;
		EXECUTE p; CREATE TEMP TABLE t (a int);',
	'notify' => q{LISTEN news; NOTIFY news, 'x'; BEGIN; NOTIFY news; CREATE TABLE noted (a int); COMMIT; UNLISTEN news;
		NOTIFY news; UNLISTEN *; BEGIN; LISTEN a; ROLLBACK; SELECT pg_notify('b', 'c');},
	'copy' => qq{COPY users TO STDOUT; COPY (SELECT 1, 'a') TO STDOUT CSV HEADER; CREATE TABLE copied (a int, b text);
COPY copied FROM STDIN;
1\tx
2\ty
\\.
COPY copied (a) FROM STDIN CSV;
3
\\.
COPY copied FROM STDIN;
z\tz
\\.
		SELECT * FROM copied; BEGIN; TRUNCATE copied_not; ROLLBACK; BEGIN; CREATE TABLE cc (a int); TRUNCATE cc;
COPY cc FROM STDIN WITH (FREEZE);
1
\\.
		COMMIT; COPY nowhere TO STDOUT; COPY users TO '/nowhere/x';},
	'large objects' => q{SELECT lo_create(4712); SELECT lo_put(4712, 0, 'abc'); SELECT lo_get(4712); GRANT SELECT ON LARGE
		OBJECT 4712 TO PUBLIC; ALTER LARGE OBJECT 4712 OWNER TO CURRENT_USER; BEGIN; SELECT lo_open(4712, 393216);
		SELECT lowrite(0, 'xyz'); SELECT lo_truncate(0, 2); CREATE TABLE with_lo (a oid); SELECT lo_close(0); COMMIT;
		SELECT lo_get(4712); SELECT lo_unlink(4712); SELECT lo_unlink(4712);},
	'materialized views' => 'REFRESH MATERIALIZED VIEW CONCURRENTLY counted; BEGIN; CREATE MATERIALIZED VIEW mv AS SELECT 1
		AS a WITH NO DATA; REFRESH MATERIALIZED VIEW mv; REFRESH MATERIALIZED VIEW CONCURRENTLY mv; ROLLBACK; CREATE
		MATERIALIZED VIEW mv AS SELECT 1 AS a WITH NO DATA; REFRESH MATERIALIZED VIEW mv; REFRESH MATERIALIZED VIEW
		CONCURRENTLY mv; REFRESH MATERIALIZED VIEW CONCURRENTLY counted WITH NO DATA; REFRESH MATERIALIZED VIEW nowhere;
		REFRESH MATERIALIZED VIEW CONCURRENTLY users; DELETE FROM users WHERE id = 100; REFRESH MATERIALIZED VIEW
		CONCURRENTLY counted; SELECT count(*) FROM counted;',
	'temporary tables' => 'BEGIN; CREATE TEMP TABLE a (x serial PRIMARY KEY) ON COMMIT DROP; INSERT INTO a DEFAULT VALUES;
		TABLE a; COMMIT; TABLE a; CREATE TEMP TABLE d (x int) ON COMMIT DELETE ROWS; BEGIN; INSERT INTO d VALUES (1); TABLE d;
		COMMIT; TABLE d; ALTER TABLE d ADD COLUMN y int NOT NULL DEFAULT random() * 0; ALTER TABLE d DROP COLUMN x; ALTER TABLE
		d ALTER COLUMN y TYPE bigint; CREATE INDEX ON d (y); REINDEX TABLE d; VACUUM FULL d; CLUSTER d USING d_y_idx; ALTER TABLE
		d RENAME COLUMN y TO z; ALTER TABLE d RENAME TO e; TRUNCATE e; LOCK TABLE e; DROP TABLE e CASCADE; CREATE TEMP VIEW
		v AS SELECT * FROM users; DROP VIEW v; CREATE TEMP TABLE p (a int) PARTITION BY LIST (a); CREATE TEMP TABLE p1
		PARTITION OF p DEFAULT; ALTER TABLE p DETACH PARTITION p1; DROP TABLE p, p1; CREATE TEMP SEQUENCE s; DROP SEQUENCE s;
		CREATE TEMP TABLE users (a int); ALTER TABLE users DROP COLUMN a; TRUNCATE users; DROP TABLE users; SELECT count(*)
		FROM users; CREATE TABLE pg_temp.q AS SELECT 1 AS b; TRUNCATE q; DROP TABLE pg_temp.q;',
	'two phases' => q{BEGIN; CREATE TABLE two (a int PRIMARY KEY); ALTER TABLE two ADD COLUMN b int NOT NULL; INSERT INTO two
		VALUES (1, 1); PREPARE TRANSACTION 'ordinary'; SELECT gid FROM pg_prepared_xacts; COMMIT PREPARED 'ordinary'; TABLE two;
		BEGIN; ALTER TABLE two ADD COLUMN c int; PREPARE TRANSACTION 'ordinary'; ROLLBACK PREPARED 'ordinary'; COMMIT PREPARED
		'ordinary'; BEGIN; CREATE TEMP TABLE tt (a int); PREPARE TRANSACTION 'ordinary'; SELECT count(*) FROM pg_prepared_xacts;},
	'cursors' => 'BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT id FROM users ORDER BY id; FETCH 2 FROM c; CREATE TABLE held
		(a int); ALTER TABLE held ADD COLUMN b int; FETCH 1 FROM c; COMMIT; ALTER TABLE users ADD COLUMN later int; FETCH 2 FROM c;
		CLOSE c; BEGIN; DECLARE d SCROLL CURSOR FOR SELECT * FROM users ORDER BY id; FETCH 1 FROM d; ALTER TABLE users ADD COLUMN
		latest int; ROLLBACK; BEGIN; DECLARE e CURSOR FOR SELECT id FROM users ORDER BY id FOR UPDATE; FETCH 1 FROM e; SAVEPOINT s;
		CREATE TABLE inner_one (a int); ROLLBACK TO s; FETCH 1 FROM e; UPDATE users SET email = email WHERE CURRENT OF e; MOVE 3 IN
		e; FETCH 1 FROM e; CLOSE ALL; COMMIT; FETCH 1 FROM e;',
	'blocks and procedures' => q{CALL steps(); DO $$ BEGIN CREATE TABLE done (a int); RAISE division_by_zero; EXCEPTION WHEN
		division_by_zero THEN NULL; END $$; SELECT to_regclass('done'); BEGIN; CALL steps(); ROLLBACK; DO $$ BEGIN EXECUTE 'CREATE
		TABLE done (a int)'; EXECUTE 'DROP TABLE done'; EXECUTE 'SELECT 1 / 0'; END $$; DO LANGUAGE nosuch 'x';},
	'schemas and partitions' => q{CREATE SCHEMA made CREATE TABLE a (b int PRIMARY KEY) CREATE VIEW c AS SELECT * FROM a
		CREATE INDEX ON a (b); CREATE TABLE made.d (LIKE made.a INCLUDING ALL); CREATE TABLE made.e AS TABLE made.a; SELECT 1 AS f
		INTO made.g; CREATE TABLE parent_1 PARTITION OF parent FOR VALUES IN (1); CREATE TABLE parent_2 PARTITION OF parent FOR
		VALUES IN (1); INSERT INTO parent VALUES (1), (2); CREATE UNLOGGED TABLE made.h (a int); BEGIN; CREATE SCHEMA gone CREATE
		TABLE x (a int); DROP SCHEMA gone CASCADE; ROLLBACK; CREATE SCHEMA made; CREATE SCHEMA IF NOT EXISTS made;},
	'databases' => q{CREATE DATABASE ordinary_other; ALTER DATABASE ordinary_other SET work_mem = '5MB'; COMMENT ON DATABASE
		ordinary_other IS 'x'; ALTER DATABASE ordinary_other RENAME TO ordinary_another; DROP DATABASE ordinary_another;
		DROP DATABASE IF EXISTS ordinary_another; CREATE TABLESPACE ordinary_space LOCATION ''; ALTER TABLESPACE ordinary_space
		RENAME TO ordinary_place; CREATE TABLE placed (a int) TABLESPACE ordinary_place; CREATE TABLE sp (a int); },
	'maintenance' => q{VACUUM users; VACUUM (VERBOSE false, ANALYZE) users, payments; ANALYZE users (id); CHECKPOINT; LOCK TABLE
		users; BEGIN; LOCK TABLE users IN SHARE MODE NOWAIT; ROLLBACK; VACUUM nowhere; BEGIN; VACUUM users; ROLLBACK; ANALYZE
		nowhere; EXPLAIN (COSTS off) SELECT * FROM users WHERE id = 1; EXPLAIN (COSTS off) CREATE TABLE y AS SELECT 1;
		SHOW lock_timeout; SHOW statement_timeout;},
	'empty' => ';;; -- nothing' . "\n" . '/* nothing */; SELECT; VALUES (1); TABLE users LIMIT 1; SELECT 1 \; SELECT 2;
		BEGIN \; CREATE TABLE several (a int) \; DROP TABLE several \; COMMIT; SELEC 1; CREATE TABLE; SELECT 1',
	'columns' => 'ALTER TABLE users ADD COLUMN one int; ALTER TABLE users ADD COLUMN one int; ALTER TABLE users ADD COLUMN IF
		NOT EXISTS one int; ALTER TABLE users ADD COLUMN two text DEFAULT current_user::text; ALTER TABLE users ALTER one SET DEFAULT 5;
		ALTER TABLE users ALTER one DROP DEFAULT; ALTER TABLE users ALTER one SET STATISTICS 50; ALTER TABLE users ALTER two SET
		STORAGE external; ALTER TABLE users SET (fillfactor = 90); ALTER TABLE users ADD CHECK (id > 0) NOT VALID; ALTER TABLE
		users VALIDATE CONSTRAINT users_id_check; ALTER TABLE users DROP COLUMN IF EXISTS nosuch; ALTER TABLE users DROP COLUMN
		nosuch; ALTER TABLE IF EXISTS nowhere DROP COLUMN a; ALTER TABLE nowhere ADD COLUMN a int; SELECT count(*), count(one)
		FROM users; SHOW lock_timeout;');

# Numbers of processes differ, and the name of the database that is guarded.
sub said_by
{
	my ($db, $sql) = @_;
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($db) ], stdin => $sql);

	s/(server process with PID) \d+/$1 N/g, s/\b(?:without|preloaded|plain)\b/DB/g, s/^LOCATION: .*\n//mg
	  for $out, $err;
	return "$status\n$out\n$err";
}

for my $name (sort keys %scripts)
{
	my $expected = said_by('without', $scripts{$name});

	# what belongs to the whole server goes before the next one makes it
	my $clean = q{DROP TABLE IF EXISTS placed; DROP TABLESPACE IF EXISTS ordinary_place;};
	for my $db (@databases)
	{
		my $said = $db eq 'without' ? $expected : said_by($db, $scripts{$name});
		is($said, $expected, "$name, as without us: $db") if $db ne 'without';
		$node->psql($db, $clean =~ s/DROP TABLE /SET invariant_guard.mode = off; DROP TABLE /r) if $name eq 'databases';
	}
}

# ---- 1,600 columns
for my $db (qw(preloaded plain))
{
	$node->safe_psql($db, q{DO $$ BEGIN EXECUTE (SELECT 'CREATE TABLE wide (' || string_agg('c' || i || ' int', ', ') || ')'
		FROM generate_series(1, 1600) i); END $$; INSERT INTO wide (c1) VALUES (1)});
	my $start = Time::HiRes::time();
	is(refusal($node, $db, 'ALTER TABLE wide ADD COLUMN one_more int;'), '54011', "$db: a column too many, by the server's words");
	is_refused($node, $db, 'ALTER TABLE wide DROP COLUMN c800;', 'drop-column', "$db: one of 1,600 columns");
	is_refused($node, $db, 'DROP TABLE wide;', 'drop-table', "$db: 1,600 columns at once");
	passes($node, $db, 'ALTER TABLE wide ALTER COLUMN c1600 SET DEFAULT 1;', "$db: one default of 1,600");
	passes($node, $db, 'CREATE TABLE wide_too (LIKE wide INCLUDING ALL);', "$db: 1,600 columns copied");
	cmp_ok(Time::HiRes::time() - $start, '<', 60, "$db: in reasonable time");
}

# ---- what ends a guarded statement from outside
for my $db (qw(preloaded plain))
{
	my ($in, $out, $err) = ('', '', '');
	my $holder = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr($db) ],
		'<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout(180));
	my $waiting = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%waits%'
		AND pid <> pg_backend_pid()};
	my $after = "DROP TABLE payments; ALTER TABLE payments ADD COLUMN after_%s int; SHOW lock_timeout; SHOW statement_timeout;";

	# longer than it takes to end it
	$node->safe_psql($db, "ALTER DATABASE $db SET invariant_guard.ddl_lock_timeout = '10min'");
	$in .= "BEGIN; SELECT count(*) FROM payments; SELECT 'holds';\n";
	$holder->pump until $out =~ /holds/;

	# a timeout of its own
	for my $timeout ('statement_timeout', 'lock_timeout')
	{
		my ($stdout, $stderr);
		$node->psql($db, "\\set VERBOSITY verbose\nBEGIN; SET LOCAL $timeout = '200ms'; ALTER TABLE payments ADD COLUMN waits int;"
				. "ROLLBACK; BEGIN; CREATE TABLE t_$timeout (a int); DROP TABLE payments; ROLLBACK;"
				. 'SELECT 1 AS one; SHOW lock_timeout;',
			stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
		like($stderr, $timeout eq 'lock_timeout' ? qr/ERROR:  55P03/ : qr/ERROR:  57014/, "$db: $timeout");
		like($stderr, qr/\(rule financial-drop\)/, "$db: $timeout: the next statement is judged");
		is($stdout, "1\n0", "$db: $timeout: and the session goes on");
	}

	# cancelled and terminated by another session
	for my $how ('pg_cancel_backend', 'pg_terminate_backend')
	{
		my ($win, $wout, $werr) = ('', '', '');
		my $waiter = IPC::Run::start([ 'psql', '-X', '-q', '-A', '-t', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($db) ],
			'<', \$win, '>', \$wout, '2>', \$werr, IPC::Run::timeout(180));
		$win .= "SET lock_timeout = '100s'; SET invariant_guard.reason = 'test'; SET invariant_guard.allow = 'drop-table(users)';\n"
		  if $db eq 'preloaded';
		$win .= "ALTER TABLE payments ADD COLUMN waits int;\nDROP TABLE payments;\nSELECT 'goes on';\n\\q\n";
		$waiter->pump_nb;
		ok($node->poll_query_until($db, $waiting), "$db: it waits");
		$node->safe_psql($db, "SELECT $how(pid) FROM pg_stat_activity WHERE query LIKE '%waits%' AND wait_event_type = 'Lock'
			AND pid <> pg_backend_pid()");
		$waiter->finish;
		if ($how eq 'pg_cancel_backend')
		{
			like($werr, qr/ERROR:  57014/, "$db: cancelled");
			like($werr, qr/\(rule financial-drop\)/, "$db: cancelled: the next statement is judged");
			like($wout, qr/goes on/, "$db: cancelled: and the session goes on");
		}
		else
		{
			like($werr, qr/FATAL:  57P01/, "$db: terminated");
		}
	}
	$in .= "COMMIT;\n\\q\n";
	$holder->finish;
	is($node->safe_psql($db, 'SELECT count(*) FROM payments'), '100', "$db: nothing was lost");
	is_refused($node, $db, 'DROP TABLE payments;', 'financial-drop', "$db: the guard holds");
}

# ---- the protocol itself: portals that are suspended, and statements in a row
sub wire_connect
{
	my ($db) = @_;
	my $socket = $node->raw_connect;
	my $body = pack('N', 196608) . join('', map { "$_\0" } 'user', 'postgres', 'database', $db) . "\0";

	$socket->print(pack('N', length($body) + 4) . $body);
	$socket->flush;
	return $socket;
}

sub wire_send
{
	my ($socket, @messages) = @_;

	$socket->print(join '', map { substr($_, 0, 1) . pack('N', length($_) + 3) . substr($_, 1) } @messages);
	$socket->flush;
}

# The types of the answers up to one of the given type, a refusal with its rule.
sub wire_read
{
	my ($socket, $last) = @_;
	my @got;

	while (1)
	{
		my ($head, $body) = ('', '');
		read($socket, $head, 5) == 5 or return join(' ', @got, 'closed');
		my ($type, $length) = unpack('a N', $head);
		read($socket, $body, $length - 4) if $length > 4;
		my $word = $type;
		$word = 'D(' . substr($body, 6) . ')' if $type eq 'D';
		$word = 'E(' . ($body =~ /\(rule ([a-z-]+)\)/ ? $1 : $body =~ /C([0-9A-Z]{5})\0/ ? $1 : '') . ')' if $type eq 'E';
		$word = "Z$body" if $type eq 'Z';
		push @got, $word if $type !~ /[RSKN]/;
		return join(' ', @got) if $type eq $last;
	}
}

sub parse { "P$_[0]\0$_[1]\0" . pack('n', 0) }
sub bind_to { "B$_[0]\0$_[1]\0" . pack('nnn', 0, 0, 0) }
sub execute { "E$_[0]\0" . pack('N', $_[1]) }
sub statement { (parse('', $_[0]), bind_to('', ''), execute('', 0)) }

for my $db (qw(preloaded plain))
{
	my $socket = wire_connect($db);
	is(wire_read($socket, 'Z'), 'ZI', "$db: connected");
	wire_send($socket, "QBEGIN\0");
	is(wire_read($socket, 'Z'), 'C ZT', "$db: BEGIN");
	wire_send($socket, parse('s', 'SELECT id FROM users ORDER BY id'), bind_to('p', 's'), execute('p', 2), 'H');
	is(wire_read($socket, 's'), '1 2 D(1) D(2) s', "$db: a portal is suspended");
	wire_send($socket, statement('CREATE TABLE amid (a int)'), statement('ALTER TABLE amid ADD COLUMN b int'),
		execute('p', 2), 'S');
	is(wire_read($socket, 'Z'), '1 2 C 1 2 C D(3) D(4) s ZT', "$db: DDL, and it goes on");
	wire_send($socket, execute('p', 1), statement('ALTER TABLE users ADD COLUMN amid int'), 'S');
	is(wire_read($socket, 'Z'), 'D(5) s 1 2 E(55006) ZE', "$db: DDL on the table that it reads: the server's own error");
	wire_send($socket, statement('ROLLBACK'), 'S');
	is(wire_read($socket, 'Z'), '1 2 C ZI', "$db: ROLLBACK");

	wire_send($socket, "QBEGIN\0");
	wire_read($socket, 'Z');
	wire_send($socket, parse('s2', 'SELECT id FROM users ORDER BY id'), bind_to('p', 's2'), execute('p', 2), 'H');
	wire_read($socket, 's');
	wire_send($socket, statement('SAVEPOINT a'), statement('DROP TABLE payments'), execute('p', 2), 'S');
	is(wire_read($socket, 'Z'), '1 2 C 1 2 E(financial-drop) ZE', "$db: a refusal beside a suspended portal");
	wire_send($socket, statement('ROLLBACK TO a'), execute('p', 2), 'S');
	is(wire_read($socket, 'Z'), '1 2 C D(3) D(4) s ZT', "$db: which goes on after ROLLBACK TO");
	wire_send($socket, "QCOMMIT\0");
	is(wire_read($socket, 'Z'), 'C ZI', "$db: COMMIT");

	# a utility statement that returns rows, one at a time
	wire_send($socket, parse('x', 'EXPLAIN (COSTS off) SELECT 1 UNION ALL SELECT 2'), 'S');
	wire_read($socket, 'Z');
	wire_send($socket, "QBEGIN\0");
	wire_read($socket, 'Z');
	wire_send($socket, bind_to('u', 'x'), execute('u', 1), 'H');
	is(wire_read($socket, 's'), '2 D(Append) s', "$db: EXPLAIN, its first row");
	wire_send($socket, statement('CREATE TABLE amid2 (a int)'), execute('u', 1), execute('u', 5), 'S');
	is(wire_read($socket, 'Z'), '1 2 C D(  ->  Result) s D(  ->  Result) C ZT', "$db: EXPLAIN, the others");
	wire_send($socket, "QROLLBACK\0");
	wire_read($socket, 'Z');

	# many in a row: a refusal skips the rest, and undoes what came before
	wire_send($socket, statement('CREATE TABLE row1 (a int)'), statement('ALTER TABLE users DROP COLUMN nickname'),
		statement('CREATE TABLE row2 (a int)'), 'S', statement('CREATE TABLE row3 (a int)'), 'S');
	is(wire_read($socket, 'Z'), '1 2 C 1 2 E(drop-column) ZI', "$db: statements in a row up to a refusal");
	is(wire_read($socket, 'Z'), '1 2 C ZI', "$db: those after Sync");
	is($node->safe_psql($db, q{SELECT to_regclass('row1'), to_regclass('row2'), to_regclass('row3')}), '||row3',
		"$db: what is left of them");

	# parsed once, executed before and after a label is given
	wire_send($socket, parse('t', 'TRUNCATE row3'), "QCREATE TEMP TABLE loads ()\0");
	wire_read($socket, 'Z');
	wire_send($socket, bind_to('', 't'), execute('', 0), 'S');
	is(wire_read($socket, 'Z'), '2 E(truncate) ZI', "$db: a prepared TRUNCATE");
	wire_send($socket, "QSECURITY LABEL FOR invariant_guard ON TABLE row3 IS 'financial'\0");
	wire_read($socket, 'Z');
	wire_send($socket, bind_to('', 't'), execute('', 0), 'S');
	is(wire_read($socket, 'Z'), '2 E(financial-truncate) ZI', "$db: the same, once the table is financial");
	wire_send($socket, 'X');
	close $socket;
}

# ---- the check of the logs finds what it is for
is(() = log_complaints(join "\n", 'PANIC:  x', 'TRAP: failed Assert', 'server process (PID 1) was terminated by signal 11',
		'WARNING:  relcache reference leak: relation "a" not closed', 'WARNING:  snapshot 0x1 still active',
		'ERROR:  cache lookup failed for relation 1', 'ERROR:  tuple concurrently updated',
		'WARNING:  problem in alloc set x: detected write past chunk end in block'),
	8, 'the logs are read for signs of a crash');
is(() = log_complaints("LOG:  statement: SELECT 'PANIC'\nERROR:  x\n\tTRAP: y\nSTATEMENT:  SELECT 'TRAP: '"),
	0, 'and statements may say what they like');

$node->stop;
done_testing();
