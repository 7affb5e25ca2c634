# The record of column usage: what is recorded, what is kept apart, what is left
# after a crash, and what a standby has read.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What was recorded of a table since the last look: 'column: ways', sorted.
# Sessions are short, so each of them tells what it does.
sub uses
{
	my ($node, $table, $db) = @_;

	return $node->safe_psql($db // 'shop', qq{
		SELECT string_agg(coalesce(column_name, '(table)') || ':' ||
			coalesce(' read ' || last_read_how, '') || coalesce(' written ' || last_written_how, '') ||
			coalesce(' apart ' || not_counted_as, ''), ', ' ORDER BY attnum)
		FROM invariant_guard.column_usage
		WHERE relation = '$table'::regclass
			AND (last_read IS NOT NULL OR last_written IS NOT NULL OR last_not_counted IS NOT NULL)});
}

# Forget everything, run it, and look.
sub recorded
{
	my ($node, $sql, $table, $expected, $name) = @_;
	my ($stdout, $stderr) = ('', '');

	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	$node->psql('shop', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	note($stderr) if $stderr =~ /ERROR/;
	is(uses($node, $table), $expected, $name);
	return;
}

sub gaps
{
	my ($node, $db) = @_;
	return $node->safe_psql($db // 'shop',
		q{SELECT string_agg(why, '; ' ORDER BY since) FROM invariant_guard.usage_observation WHERE NOT observed});
}

sub objects
{
	my ($node) = @_;

	shop($node, 'shop', preload => 1);
	$node->safe_psql('shop', q{
		SET invariant_guard.mode = off;
		ALTER TABLE payments ADD FOREIGN KEY (user_id) REFERENCES users;
		CREATE VIEW mails AS SELECT id, email, upper(nickname) AS shout FROM users;
		CREATE VIEW mails_invoker WITH (security_invoker) AS SELECT id, email FROM users;
		CREATE FUNCTION mail_of(int) RETURNS text LANGUAGE sql AS 'SELECT email FROM users WHERE id = $1';
		CREATE FUNCTION mail_plpgsql(k int) RETURNS text LANGUAGE plpgsql AS
			$$BEGIN RETURN (SELECT email FROM users WHERE id = k); END$$;
		CREATE TABLE parts (id int, region text, note text) PARTITION BY LIST (region);
		CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu');
		CREATE TABLE parent (id int, x text);
		CREATE TABLE child (y text) INHERITS (parent);
		CREATE SCHEMA "Odd ""Schema";
		CREATE TABLE "Odd ""Schema"."Odd.Table" ("Odd ""Column" int, other int);
		CREATE TABLE dropped (a int, b int, c int);
		ALTER TABLE dropped DROP COLUMN b;
		CREATE TABLE generated (a int, g int GENERATED ALWAYS AS (a + 1) STORED, t text);
		CREATE TABLE single (only_one int);
	});
	return;
}

sub what_is_recorded
{
	my ($node, $how) = @_;
	my $is = sub { my ($sql, $table, $expected, $name) = @_;
		recorded($node, $sql, $table, $expected, "$how: $name"); };

	$is->('SELECT id FROM users', 'users', '(table): read by name, id: read by name', 'SELECT names');
	$is->('SELECT 1 FROM users WHERE email = $$x$$ ORDER BY nickname', 'users',
		'(table): read by name, email: read by name, nickname: read by name', 'WHERE and ORDER BY');
	$is->('SELECT * FROM users LIMIT 1', 'users',
		'(table): read all columns, id: read all columns, email: read all columns, nickname: read all columns', 'SELECT *');
	$is->('SELECT u FROM users u LIMIT 1', 'users',
		'(table): read all columns, id: read all columns, email: read all columns, nickname: read all columns', 'whole row');
	$is->('SELECT ctid, xmin FROM users LIMIT 1', 'users', '(table): read by name', 'system columns');
	$is->('SELECT count(*) FROM users', 'users', '(table): read by name', 'count(*)');
	$is->('SELECT * FROM users LIMIT 1; SELECT nickname FROM users LIMIT 1;', 'users',
		'(table): read by name, id: read all columns, email: read all columns, nickname: read by name', 'all, then by name');
	$is->('SELECT nickname FROM users LIMIT 1; SELECT * FROM users LIMIT 1;', 'users',
		'(table): read all columns, id: read all columns, email: read all columns, nickname: read all columns',
		'by name, then all: the later one is told');
	is($node->safe_psql('shop', q{SELECT last_read_by_name < last_read FROM invariant_guard.column_usage
		WHERE table_name = 'users' AND column_name = 'nickname'}), 't', "$how: and the earlier one too");

	# views, functions, prepared statements, cursors
	$is->('SELECT id FROM mails LIMIT 1', 'users',
		'(table): read through a view, id: read through a view, email: read through a view, nickname: read through a view',
		'a view reads what it names');
	is(uses($node, 'mails'), '(table): read by name, id: read by name', "$how: and of the view what the query names");
	$is->('SELECT id FROM mails_invoker LIMIT 1', 'users', '(table): read by name, id: read by name, email: read by name',
		'a view of security_invoker passes for the query');
	$is->('SELECT mail_of(1)', 'users', '(table): read by name, id: read by name, email: read by name', 'SQL function');
	$is->('SELECT mail_plpgsql(1)', 'users', '(table): read by name, id: read by name, email: read by name', 'PL/pgSQL function');
	$is->('PREPARE p AS SELECT nickname FROM users; EXECUTE p; EXECUTE p;', 'users',
		'(table): read by name, nickname: read by name', 'prepared statement');
	$is->('PREPARE p AS SELECT nickname FROM users;', 'users', '', 'PREPARE alone');
	$is->('BEGIN; DECLARE c CURSOR FOR SELECT nickname FROM users; FETCH c; COMMIT;', 'users',
		'(table): read by name, nickname: read by name', 'cursor');
	$is->('CREATE TEMP TABLE t AS SELECT nickname FROM users', 'users',
		'(table): read by name, nickname: read by name', 'CREATE TABLE AS');
	$is->('WITH x AS (SELECT nickname FROM users) SELECT count(*) FROM x WHERE nickname <> $$$$', 'users',
		'(table): read by name, nickname: read by name', 'CTE');

	# writing
	$is->(q{INSERT INTO users VALUES (1001, 'a', 'b')}, 'users',
		'(table): written directly, id: written directly, email: written directly, nickname: written directly', 'INSERT');
	$is->(q{INSERT INTO users (id) VALUES (1002)}, 'users', '(table): written directly, id: written directly',
		'INSERT with a list');
	$is->(q{INSERT INTO users (id, email) VALUES (1002, 'x') ON CONFLICT (id) DO UPDATE SET nickname = excluded.email
			RETURNING email}, 'users',
		'(table): read by name written directly, id: read by name written directly, '
		  . 'email: read by name written directly, nickname: written directly', 'ON CONFLICT, RETURNING');
	$is->(q{UPDATE users SET nickname = 'x' WHERE id = 1}, 'users',
		'(table): read by name written directly, id: read by name, nickname: written directly', 'UPDATE');
	$is->('DELETE FROM dropped WHERE a = 1', 'dropped', '(table): read by name written directly, a: read by name', 'DELETE');
	$is->(q{MERGE INTO users u USING (VALUES (1, 'm')) v (id, n) ON u.id = v.id
			WHEN MATCHED THEN UPDATE SET nickname = v.n
			WHEN NOT MATCHED THEN INSERT (id, email) VALUES (v.id, v.n)}, 'users',
		'(table): read by name written directly, id: read by name written directly, '
		  . 'email: written directly, nickname: written directly', 'MERGE');
	$is->('SELECT id FROM users WHERE id = 1 FOR UPDATE', 'users', '(table): read by name, id: read by name',
		'FOR UPDATE writes nothing');
	$is->(q{UPDATE mails SET email = 'x' WHERE id = 1}, 'users',
		'(table): read through a view written through a view, id: read through a view, '
		  . 'email: read through a view written through a view, nickname: read through a view',
		'UPDATE of a view');
	$is->("COPY users (id, nickname) FROM stdin;\n2001\tx\n\\.\n", 'users',
		'(table): written directly, id: written directly, nickname: written directly', 'COPY FROM');

	$is->('COPY users TO stdout', 'users',
		'(table): read all columns, id: read all columns, email: read all columns, nickname: read all columns',
		'COPY TO of the whole table');
	$is->('COPY users (id, nickname) TO stdout', 'users', '(table): read by name, id: read by name, nickname: read by name',
		'COPY TO of some columns');
	$is->('COPY (SELECT nickname FROM users) TO stdout', 'users', '(table): read by name, nickname: read by name',
		'COPY TO of a query');
	# what is kept apart
	$is->('EXPLAIN SELECT nickname FROM users', 'users', '(table): apart explained, nickname: apart explained', 'EXPLAIN');
	$is->('EXPLAIN (ANALYZE off) SELECT nickname FROM users', 'users',
		'(table): apart explained, nickname: apart explained', 'EXPLAIN (ANALYZE off)');
	$is->('EXPLAIN ANALYZE SELECT nickname FROM users', 'users', '(table): read by name, nickname: read by name',
		'EXPLAIN ANALYZE');
	$is->('EXPLAIN SELECT nickname FROM nowhere; SELECT nickname FROM users', 'users',
		'(table): read by name, nickname: read by name', 'after an EXPLAIN that failed');
	$is->('INSERT INTO payments VALUES (5001, 1, 1)', 'users', '(table): apart constraint check, id: apart constraint check',
		'a foreign key looks at the table it refers to');
	$is->('DELETE FROM users WHERE id = 2001', 'payments',
		'(table): apart constraint check, user_id: apart constraint check', 'and at the one that refers');
	$is->('SET invariant_guard.mode = off; BEGIN; ALTER TABLE payments ADD CONSTRAINT again FOREIGN KEY (user_id) REFERENCES users NOT VALID; '
		  . 'ALTER TABLE payments VALIDATE CONSTRAINT again; ROLLBACK', 'users',
		'(table): apart constraint check, id: apart constraint check', 'VALIDATE CONSTRAINT');
	$is->(q{SET application_name = 'pg_dump'; SELECT nickname FROM users}, 'users',
		'(table): apart ignored application, nickname: apart ignored application', 'an application that is ignored');
	$is->(q{SET invariant_guard.usage_ignore_applications = '"Grafana *"'; SET application_name = 'Grafana 9';
			SELECT nickname FROM users}, 'users',
		'(table): apart ignored application, nickname: apart ignored application', 'one of a list of patterns');

	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	run_client([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', '/dev/null', 'shop' ]);
	is($node->safe_psql('shop', q{SELECT count(*) FROM invariant_guard.column_usage WHERE last_read IS NOT NULL
		AND schema_name = 'public'}), '0', "$how: pg_dump uses no column");
	is($node->safe_psql('shop', q{SELECT not_counted_as FROM invariant_guard.column_usage
		WHERE table_name = 'users' AND column_name = 'nickname'}), 'dump or table sync', "$how: but is seen");

	# partitions, inheritance, names
	$is->('SELECT note FROM parts', 'parts', '(table): read by name, note: read by name', 'a partitioned table');
	is(uses($node, 'parts_eu'), '', "$how: and not its partitions");
	$is->('SELECT note FROM parts_eu', 'parts_eu', '(table): read by name, note: read by name', 'a partition');
	$is->('SELECT x FROM parent', 'parent', '(table): read by name, x: read by name', 'a parent');
	is(uses($node, 'child'), '', "$how: and not its child");
	$is->('SELECT "Odd ""Column" FROM "Odd ""Schema"."Odd.Table"', '"Odd ""Schema"."Odd.Table"',
		'(table): read by name, Odd "Column: read by name', 'quoted names');
	$is->('SELECT * FROM dropped', 'dropped', '(table): read all columns, a: read all columns, c: read all columns',
		'SELECT * beside a dropped column');
	$is->('SELECT c FROM dropped; BEGIN; SET invariant_guard.mode = off; ALTER TABLE dropped RENAME c TO d; '
		  . 'ALTER TABLE dropped RENAME TO dropped_2; COMMIT', 'dropped_2',
		'(table): read by name, d: read by name', 'a column and a table that were renamed');
	$is->('SELECT d FROM dropped_2; BEGIN; SET invariant_guard.mode = off; ALTER TABLE dropped_2 DROP COLUMN d; '
		  . 'ALTER TABLE dropped_2 ADD COLUMN d int; ALTER TABLE dropped_2 RENAME TO dropped; '
		  . 'ALTER TABLE dropped RENAME d TO c; COMMIT', 'dropped',
		'(table): read by name', 'a column that was dropped and added again is another one');
	$is->('BEGIN; SELECT nickname FROM users; ROLLBACK', 'users', '(table): read by name, nickname: read by name',
		'a transaction that was rolled back');
	$is->('SET ROLE pg_monitor; SELECT nickname FROM users', 'users', '', 'a query that was not allowed');
	$is->('TRUNCATE single', 'single', '', 'TRUNCATE');
	$is->('CREATE TEMP TABLE users (nickname text); SELECT nickname FROM users', 'public.users', '', 'a temporary table');
	$is->('SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; '
		  . 'SET min_parallel_table_scan_size = 0; SELECT count(nickname) FROM users', 'users',
		'(table): read by name, nickname: read by name', 'parallel workers');
	return;
}

sub who_is_told
{
	my ($node, $how) = @_;
	my $by = sub { my ($role) = @_; return $node->safe_psql('shop',
		($role ? "SET ROLE $role; " : '') . q{
		SELECT regexp_replace(w, '\d{4}-[-0-9:.+ A-Z]*', 'T', 'g') FROM invariant_guard.column_usage, unnest(used_by) w
		WHERE table_name = 'users' AND column_name = 'nickname'}); };

	$node->safe_psql('postgres', q{CREATE ROLE ann LOGIN SUPERUSER; CREATE ROLE ben LOGIN; CREATE ROLE cat LOGIN;
		CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher});
	$node->safe_psql('shop', q{GRANT SELECT, UPDATE ON users TO ben;
		CREATE FUNCTION definer() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT nickname FROM users WHERE id = 1'});
	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	$node->safe_psql('shop', q{SET application_name = 'old-web'; SET ROLE ben; SELECT nickname FROM users LIMIT 1});
	$node->safe_psql('shop', q{SET application_name = 'job'; UPDATE users SET nickname = nickname WHERE id = 1});
	is($by->(), "job (role postgres): read T, written T\nold-web (role ben): read T", "$how: who");
	is($by->('ben'), "<insufficient privilege>: read T, written T\nold-web (role ben): read T", "$how: who, to one of them");
	is($by->('cat'), "<insufficient privilege>: read T, written T\n<insufficient privilege>: read T", "$how: who, to another");
	is($by->('watcher'), "job (role postgres): read T, written T\nold-web (role ben): read T",
		"$how: who, to pg_read_all_stats");

	# another application name in the same session, and the role behind a function
	$node->safe_psql('shop', q{SELECT invariant_guard.reset_column_usage();
		SET application_name = 'one'; SELECT nickname FROM users LIMIT 1;
		SET application_name = 'two'; SELECT nickname FROM users LIMIT 1;
		SET ROLE ben; SET application_name = 'three'; SELECT definer();});
	is($by->(), "three (role ben): read T\ntwo (role postgres): read T\none (role postgres): read T",
		"$how: a pool that changes names; the role of a SECURITY DEFINER function is that of the session");
	$node->safe_psql('shop', join '', map { "SET application_name = 'app $_'; SELECT nickname FROM users LIMIT 1;" } 1 .. 600);
	is($by->(), join("\n", map { "app $_ (role postgres): read T" } reverse 597 .. 600),
		"$how: the latest of more than there is room for");

	# privileges
	for my $call ('reset_column_usage()', 'export_column_usage()', 'merge_column_usage($$$$)', 'forget_standby($$$$)')
	{
		my $stderr = '';
		$node->psql('shop', "SET ROLE ben; SELECT invariant_guard.$call", stderr => \$stderr);
		like($stderr, qr/permission denied for function/, "$how: not for everybody: $call");
	}
	$node->safe_psql('shop', 'GRANT EXECUTE ON FUNCTION invariant_guard.reset_column_usage() TO ben');
	$node->safe_psql('shop', 'SET ROLE ben; SELECT invariant_guard.reset_column_usage()');
	is(uses($node, 'users'), '', "$how: reset by one to whom it was granted");
	return;
}

# A session that goes on, and tells a use only once in a minute.
sub anew
{
	my ($node, $how) = @_;
	my $session = $node->background_psql('shop');
	my $last = sub { $node->safe_psql('shop', q{SELECT last_read FROM invariant_guard.column_usage
		WHERE table_name = 'users' AND column_name = 'nickname'}) };

	$session->query_safe('PREPARE p AS SELECT nickname FROM users WHERE id = 1; EXECUTE p');
	my $first = $last->();
	$session->query_safe('EXECUTE p');
	is($last->(), $first, "$how: told once in a minute");
	$node->safe_psql('shop', q{SECURITY LABEL FOR invariant_guard ON TABLE users IS 'protected'});
	$session->query_safe('EXECUTE p');
	isnt($last->(), $first, "$how: but again when a label has changed");
	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	is($last->(), '', "$how: forgotten");
	$session->query_safe('EXECUTE p');
	isnt($last->(), '', "$how: told again after a reset");
	$node->safe_psql('shop', q{SET invariant_guard.mode = off;
		SECURITY LABEL FOR invariant_guard ON TABLE users IS NULL});
	$session->quit;
	return;
}

sub dependents
{
	my ($node, $how) = @_;

	$node->safe_psql('shop', q{
		SET invariant_guard.mode = off;
		CREATE TABLE used (id int PRIMARY KEY, a text, b text GENERATED ALWAYS AS (upper(a)) STORED, c int DEFAULT 7, d int CHECK (d > 0));
		CREATE INDEX used_a ON used (lower(a));
		CREATE VIEW used_view AS SELECT a FROM used;
		CREATE POLICY used_policy ON used USING (a <> '');
		CREATE FUNCTION used_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := lower(NEW.a); RETURN NEW; END';
		CREATE TRIGGER used_trigger BEFORE INSERT ON used FOR EACH ROW EXECUTE FUNCTION used_trigger();
		CREATE FUNCTION used_text() RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT a FROM used LIMIT 1); END$$;
		CREATE PUBLICATION used_all FOR TABLE used;
		CREATE PUBLICATION used_one FOR TABLE users (id, email);
	});
	is($node->safe_psql('shop', q{SELECT d FROM invariant_guard.column_usage, unnest(dependents) d
		WHERE table_name = 'used' AND column_name = 'a' ORDER BY d COLLATE "C"}),
		join("\n", 'column b of table used', 'index used_a', 'policy used_policy on table used', 'publication used_all',
			'text of function public.used_text', 'text of trigger used_trigger', 'view used_view'), "$how: dependents");
	is($node->safe_psql('shop', q{SELECT column_name, dependents FROM invariant_guard.column_usage
		WHERE table_name = 'used' AND column_name IN ('c', 'd') ORDER BY 1}),
		"c|{\"publication used_all\"}\nd|{\"constraint used_d_check on table used\",\"publication used_all\"}",
		"$how: a default of its own is none");
	like($node->safe_psql('shop', q{SELECT dependents FROM invariant_guard.column_usage
		WHERE table_name = 'users' AND column_name = 'email'}), qr/"publication of table users in publication used_one"/,
		"$how: a list of columns");
	$node->safe_psql('shop', 'SET invariant_guard.mode = off; DROP PUBLICATION used_all, used_one; DROP TABLE used CASCADE');
	return;
}

sub gaps_are_told
{
	my ($node, $how) = @_;

	is(gaps($node), '', "$how: no gap yet");
	$node->safe_psql('shop', 'SET invariant_guard.track_columns = off; SELECT nickname FROM users LIMIT 1');
	is(gaps($node), 'invariant_guard.track_columns was off in a session', "$how: track_columns off");
	is(gaps($node, 'postgres_ig'), '', "$how: in that database only");
	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	return;
}

# Until the file has what is known now, and when that was.  A writing that ends
# after now may have begun before; the next one has not.
sub until_written
{
	my ($node) = @_;
	my $now;

	for (1 .. 2)
	{
		$now = $node->safe_psql('shop', 'SELECT clock_timestamp()');
		$node->poll_query_until('shop', qq{SELECT substring(how FROM 'on disk since (.*)')::timestamptz > '$now'
			FROM invariant_guard.status() WHERE layer = 'usage record'}) or die 'the record is not written';
	}
	return $now;
}

# kill -9 of a backend, and of the server; a shutdown.
sub what_is_left
{
	my ($node, $how) = @_;
	my $seen = sub { uses($node, 'users') };

	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	$node->safe_psql('shop', 'SELECT nickname FROM users LIMIT 1');
	$node->restart;
	is($seen->(), '(table): read by name, nickname: read by name', "$how: after a restart");
	is(gaps($node), '', "$how: a server that is down is no gap");

	$node->safe_psql('shop', 'SELECT email FROM users LIMIT 1');
	my $written = until_written($node);
	my $session = $node->background_psql('shop', on_error_die => 0);
	my $pid = $session->query_safe('SELECT pg_backend_pid()');
	my $offset = -s $node->logfile;
	kill 'KILL', $pid;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	$node->poll_query_until('postgres', 'SELECT 1', '1') or die 'the server does not come back';
	is($seen->(), '(table): read by name, email: read by name, nickname: read by name', "$how: after kill -9 of a backend");
	is(gaps($node), 'the server crashed, or was restored from a backup', "$how: which leaves a gap");
	is($node->safe_psql('shop', qq{SELECT since > '$written' AND until <= now() FROM invariant_guard.usage_observation
		WHERE NOT observed}), 't', "$how: from what was written last");
	eval { $session->{run}->kill_kill };
	killed_on_purpose($node);

	$node->safe_psql('shop', 'SELECT id FROM users LIMIT 1');
	until_written($node);
	crash_node($node);
	is($seen->(), '(table): read by name, id: read by name, email: read by name, nickname: read by name',
		"$how: after kill -9 of the server");
	like(gaps($node), qr/^the server crashed[^;]*; the server crashed/, "$how: which leaves another gap");

	$node->stop('immediate');
	$node->start;
	like(gaps($node), qr/(?:the server crashed[^;]*(?:; )?){3}/, "$how: after an immediate shutdown");
	return;
}

# The log of a server that was hurt on purpose: other tests look for such lines.
sub killed_on_purpose
{
	my ($node) = @_;

	$node->stop;
	my $log = slurp_file($node->logfile);
	$log =~ s/terminated by signal 9/ended on purpose/g;
	open(my $file, '>', $node->logfile) or die;
	print $file $log;
	close($file);
	$node->start;
	return;
}

sub worker
{
	my ($node, $how) = @_;

	$node->poll_query_until('shop', q{SELECT not_covered IS NULL FROM invariant_guard.status() WHERE layer = 'usage record'});
	is($node->safe_psql('shop', q{SELECT in_force, not_covered FROM invariant_guard.status() WHERE layer = 'usage record'}),
		't|', "$how: status");
	return;
}

sub try_everything
{
	my ($node, $how) = @_;

	objects($node);
	$node->safe_psql('postgres', 'CREATE DATABASE postgres_ig');
	$node->safe_psql('postgres_ig', 'CREATE EXTENSION invariant_guard');
	gaps_are_told($node, $how);
	what_is_recorded($node, $how);
	who_is_told($node, $how);
	anew($node, $how);
	dependents($node, $how);
	worker($node, $how);
	what_is_left($node, $how);
	return;
}

my $conf = "invariant_guard.usage_flush_interval = 1\nrestart_after_crash = on\n";
my $shared = start_node('shared', "shared_preload_libraries = 'invariant_guard'\n$conf");
my $major = major($shared);
try_everything($shared, 'shared preload');

# A server that ran without the library in between.
$shared->stop;
$shared->adjust_conf('postgresql.conf', 'shared_preload_libraries', q{''});
$shared->start;
$shared->stop;
$shared->adjust_conf('postgresql.conf', 'shared_preload_libraries', q{'invariant_guard'});
$shared->start;
like(gaps($shared), qr/the server may have run without the library$/, 'a run without the library');

# A damaged file is not read.
$shared->stop;
my $file = $shared->data_dir . '/pg_stat/invariant_guard_usage';
open(my $handle, '+<:raw', $file) or die;
seek($handle, -5, 2);
print $handle 'xxxxx';
close($handle);
$shared->start;
is(uses($shared, 'users'), '', 'a damaged file: begun anew');
like(slurp_file($shared->logfile), qr/the record of column usage is begun anew/, 'and told to the log');
$shared->stop;

my $session = start_node('session', $conf);
if ($major >= 17)
{
	try_everything($session, 'registry of segments');
}
else
{
	shop($session, 'shop', preload => 1);
	is(uses($session, 'users'), '', 'no shared preload: nothing');
	is($session->safe_psql('shop', 'SELECT observed, why FROM invariant_guard.usage_observation'),
		'f|no record is kept', 'and says so');
	is($session->safe_psql('shop', q{SELECT in_force FROM invariant_guard.status() WHERE layer = 'usage record'}), 'f',
		'status too');
	$session->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
}
$session->stop;

done_testing();
