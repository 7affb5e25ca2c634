# A worker of the server runs other people's functions: autovacuum those of
# index expressions.  What they do there is judged as in a session.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('workers', q{
	autovacuum = on
	autovacuum_naptime = 1s
	shared_preload_libraries = 'invariant_guard'
});
$node->safe_psql('postgres', 'CREATE ROLE clerk LOGIN');

# The clerk's index calls a function that does its evil in a worker only.
sub lay_trap
{
	my ($db, $evil) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $db OWNER clerk");
	$node->safe_psql($db, 'CREATE EXTENSION invariant_guard');
	$node->safe_psql($db, qq{
		SET ROLE clerk;
		CREATE SCHEMA mine;
		CREATE TABLE mine.precious (a int);
		INSERT INTO mine.precious VALUES (1);
		CREATE TABLE mine.told (a int);
		CREATE FUNCTION mine.boom() RETURNS void LANGUAGE plpgsql AS \$\$
		BEGIN
			IF current_setting('application_name') = '' THEN
				$evil;
			END IF;
		END \$\$;
		CREATE FUNCTION mine.expression(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
			'BEGIN PERFORM mine.boom(); RETURN 1; END';
		CREATE TABLE mine.scratch (a int) WITH (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
	});
}

sub spring_trap
{
	my ($db) = @_;

	# a new table may have an index at once
	$node->safe_psql($db, q{
		SET ROLE clerk;
		BEGIN;
		DROP TABLE IF EXISTS mine.bait;
		CREATE TABLE mine.bait (a int) WITH (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
		CREATE INDEX ON mine.bait (mine.expression(a));
		INSERT INTO mine.bait SELECT generate_series(1, 500);
		COMMIT;
	});
}

sub count_rows
{
	my ($db, $table) = @_;
	return $node->safe_psql($db, qq{
		SELECT CASE WHEN to_regclass('$table') IS NULL THEN 'gone'
		ELSE (xpath('/row/n/text()', query_to_xml('SELECT count(*) AS n FROM $table', false, true, '')))[1]::text END});
}

my %evil = (
	dropped => 'DROP TABLE IF EXISTS mine.precious',
	emptied => 'TRUNCATE mine.precious',
	altered => 'ALTER TABLE mine.precious DROP COLUMN IF EXISTS a');

for my $db (sort keys %evil)
{
	my $offset = -s $node->logfile;

	lay_trap($db, $evil{$db});
	spring_trap($db);
	ok($node->wait_for_log(qr/ERROR: .* "mine\.precious" .*\(rule /, $offset),
		"$db: a worker is refused");
	is(count_rows($db, 'mine.precious'), '1', "$db: the rows are there");
	is($node->safe_psql($db,
			q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'mine.precious'::regclass AND attname = 'a'}),
		'1', "$db: and the column");
}

# the control: where the guard is off, the same does its work
my $db = 'unguarded';
lay_trap($db, $evil{emptied});
$node->safe_psql('postgres', "ALTER DATABASE $db SET invariant_guard.mode = off");
spring_trap($db);
ok($node->poll_query_until($db, 'SELECT count(*) = 0 FROM mine.precious'),
	'without the guard the worker does as it is told');

# a worker's own work goes on
$node->safe_psql('dropped', q{
	CREATE TABLE calm (a int) WITH (autovacuum_analyze_threshold = 1, autovacuum_analyze_scale_factor = 0);
	INSERT INTO calm SELECT generate_series(1, 500)});
ok($node->poll_query_until('dropped',
		q{SELECT last_autoanalyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'calm'}),
	'a table is analyzed');

$node->stop;
done_testing();
