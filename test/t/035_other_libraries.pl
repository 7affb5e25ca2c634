# Together with other libraries that hook the executor and utility statements,
# loaded before us and after us, in each mode: the results, what those libraries
# count and log, and the refusals are the same.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $dir = PostgreSQL::Test::Utils::tempdir();
my $conf = q{
pg_stat_statements.track = 'all'
pg_stat_statements.track_utility = on
auto_explain.log_min_duration = 0
auto_explain.log_nested_statements = on
auto_explain.log_analyze = on
auto_explain.log_timing = off
max_prepared_transactions = 5
};

# What the gate refuses stands in lines of its own, each a transaction.
my $work = q{
INSERT INTO users SELECT i, 'u' || i, 'n' || i FROM generate_series(101, 300) i;
UPDATE users SET nickname = 'x' WHERE id < 50;
DELETE FROM payments WHERE id > 90;
SELECT count(*), min(email), max(nickname) FROM users;
PREPARE p(int) AS SELECT nickname FROM users WHERE id = $1;
EXECUTE p(1);
EXECUTE p(60);
DEALLOCATE p;
CREATE TABLE made AS SELECT id, email FROM users;
SELECT count(*) INTO made_too FROM made;
ALTER TABLE made ADD COLUMN note text DEFAULT 'n';
CREATE VIEW seen AS SELECT * FROM made;
CREATE FUNCTION inner_ddl() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	CREATE TABLE nested (a int PRIMARY KEY, b text);
	INSERT INTO nested SELECT i, 'b' FROM generate_series(1, 10) i;
	ALTER TABLE nested ADD COLUMN c int NOT NULL DEFAULT 1;
	DROP TABLE nested;
	BEGIN
		ALTER TABLE users RENAME COLUMN nickname TO nick;
		ALTER TABLE users RENAME COLUMN nick TO nickname;
		RETURN 'renamed';
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END;
END $$;
SELECT inner_ddl();
DO $$ BEGIN PERFORM count(*) FROM users; END $$;
COPY users TO '/dev/null';
COPY made (id) FROM '/dev/null';
BEGIN; DECLARE c CURSOR FOR SELECT id FROM users ORDER BY id; FETCH 3 FROM c; MOVE 5 IN c; FETCH 1 FROM c; COMMIT;
BEGIN; SAVEPOINT s; INSERT INTO made VALUES (1); ROLLBACK TO s; COMMIT;
SELECT 1 / 0;
CREATE INDEX CONCURRENTLY made_id ON made (id);
EXPLAIN (COSTS OFF) SELECT * FROM users WHERE id = 1;
EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) CREATE TABLE explained AS SELECT 1 AS a;
VACUUM (ANALYZE) users;
CREATE INDEX users_email ON users (email);
ALTER TABLE users ADD COLUMN phone text NOT NULL DEFAULT clock_timestamp()::text;
ALTER TABLE payments ALTER COLUMN user_id TYPE bigint;
SELECT inner_ddl();
VACUUM FULL payments;
TRUNCATE payments;
DROP TABLE payments;
ALTER TABLE users DROP COLUMN nickname;
DROP VIEW seen;
SELECT count(*) FROM users;
};
append_to_file("$dir/work.sql", $work);

my $counted = q{SELECT toplevel, calls, rows, query FROM public.pg_stat_statements
	WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND query !~ 'pg_stat_statements' ORDER BY query COLLATE "C", 1, 2, 3};

# Runs the work in a new database: what comes out, the errors and warnings,
# what was counted, whose plans were logged.
sub run_work
{
	my ($node, $mode) = @_;
	my %result;

	$node->safe_psql('postgres', 'SET invariant_guard.mode = off; DROP DATABASE IF EXISTS shop');
	shop($node, 'shop', without_extension => !defined $mode);
	$node->safe_psql('shop', 'CREATE EXTENSION pg_stat_statements SCHEMA public; SELECT pg_stat_statements_reset()');
	my $offset = -s $node->logfile;
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-A', '-t', '-q', '-d', $node->connstr('shop'), '-f', "$dir/work.sql" ],
		options => defined $mode ? "-c invariant_guard.mode=$mode" : '');
	my $log = substr(slurp_file($node->logfile), $offset);

	$result{status} = $status;
	$result{out} = $out;
	$result{errors} = join "\n", $err =~ /ERROR:  (.*)/g;
	$result{warnings} = join "\n", $err =~ /WARNING:  (.*)/g;
	$result{counted} = $node->safe_psql('shop', $counted);
	$result{plans} = join "\n", $log =~ /^\tQuery Text: (.*)/mg;
	$result{recorded} = join "\n", $log =~ /LOG:  invariant_guard: (.*)/g;
	return \%result;
}

my $theirs = 'pg_stat_statements, auto_explain';
my $node = start_node('without', "shared_preload_libraries = '$theirs'\n$conf");
my $without = run_work($node, undef);
$node->stop;
like($without->{counted}, qr/\|DROP TABLE payments$/m, 'without us: statements are counted');
like($without->{plans}, qr/INSERT INTO nested/, 'without us: plans are logged');
is($without->{errors}, 'division by zero', 'without us: one error');

my %runs;
for my $order ([ 'before', "invariant_guard, $theirs" ], [ 'after', "$theirs, invariant_guard" ],
	[ 'amid', 'pg_stat_statements, invariant_guard, auto_explain' ])
{
	my ($name, $libraries) = @$order;

	$node = start_node($name, "shared_preload_libraries = '$libraries'\n$conf");
	for my $mode (qw(off observe warn enforce))
	{
		$runs{$name}{$mode} = run_work($node, $mode);
	}
	$node->stop;

	for my $mode (qw(off observe warn))
	{
		is($runs{$name}{$mode}{$_}, $without->{$_}, "we come $name them, $mode: $_ as without us")
		  for qw(status out errors counted plans);
	}
	is($runs{$name}{off}{$_}, '', "we come $name them, off: no $_") for qw(warnings recorded);
	is($runs{$name}{observe}{warnings}, '', "we come $name them, observe: no warnings");
	like($runs{$name}{observe}{recorded}, qr/^observed $_ \(/m, "we come $name them, observe: $_")
	  for qw(drop-column drop-table truncate vacuum-full create-index-blocking rename-column);
	like($runs{$name}{warn}{warnings}, qr/\(rule $_\)/, "we come $name them, warn: $_")
	  for qw(drop-column drop-table truncate vacuum-full create-index-blocking);

	my $enforced = $runs{$name}{enforce};
	like($enforced->{errors}, qr/\(rule $_\)/, "we come $name them, enforce: $_")
	  for qw(drop-column drop-table truncate vacuum-full create-index-blocking add-column-rewrite
	  alter-type-rewrite);
	unlike($enforced->{counted}, qr/DROP TABLE payments|VACUUM FULL/, "we come $name them: a refusal is not counted");
	is(() = $enforced->{out} =~ /IGO02/g, 2, "we come $name them: nested DDL is refused");
}

for my $mode (qw(off observe warn enforce))
{
	for my $name (qw(after amid))
	{
		is($runs{$name}{$mode}{$_}, $runs{before}{$mode}{$_}, "$mode: $_, before and $name")
		  for qw(status out errors warnings counted plans recorded);
	}
}

done_testing();
