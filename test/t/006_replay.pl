# The replay of a migration history: what it counts, and what it says of a
# file that does not apply.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $replay = dirname(__FILE__) . '/../replay/replay.sh';
my $node = start_node('replay');

sub write_files
{
	my (%files) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();

	append_to_file("$dir/$_.sql", $files{$_}) for keys %files;
	return $dir;
}

sub replay
{
	my ($dir, @options) = @_;
	my ($out, $err);
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	delete local $ENV{PGDATABASE};

	my $ok = IPC::Run::run([ $replay, '--server', @options, $dir ], '>', \$out, '2>', \$err);
	note($out, $err);
	return ($ok, $out);
}

my $dir = write_files(
	'0001_create' => "CREATE TABLE users (id int PRIMARY KEY, name text);\n"
	  . "CREATE INDEX users_name ON users (name);\n",
	'0002_drop' => "ALTER TABLE users ADD COLUMN a int;\nALTER TABLE users DROP COLUMN name;\n"
	  . "CREATE INDEX users_a ON users (a);\n",
	'0003_index' => "CREATE INDEX CONCURRENTLY users_a2 ON users (a);\n",
	'0004_index' => "CREATE INDEX users_a3 ON users (a);\n");

for my $options ([], ['--single-transaction'])
{
	my ($ok, $out) = replay($dir, @$options);
	my $how = "@$options" || 'by statements';

	# By statements the index of the first file is built on a table of an
	# earlier transaction.
	my $passed = @$options ? 2 : 1;
	my $indexes = @$options ? 2 : 3;
	ok($ok, "$how: every file applies");
	like($out, qr/^ +4 files, 7 statements, 0 files do not apply$/m, "$how: files and statements");
	like($out, qr/^ +$passed files would pass/m, "$how: files that pass");
	like($out, qr/^drop-column +1 +0 +0 +1$/m, "$how: drop-column");
	like($out, qr/^create-index-blocking +$indexes +0 +0 +$indexes$/m, "$how: create-index-blocking");
}

{
	my ($ok, $out) = replay($dir, '--exempt-empty');
	like($out, qr/^drop-column /m, 'empty tables exempted: what wipes data is still found');
	unlike($out, qr/^create-index-blocking /m, 'empty tables exempted: locks are not');
}

$dir = write_files(
	'0001_good' => "CREATE TABLE users (id int PRIMARY KEY);\n",
	'0002_bad' => "ALTER TABLE nosuch ADD COLUMN a int;\n");
{
	my ($ok, $out) = replay($dir);
	ok(!$ok, 'a file that does not apply is a failure');
	like($out, qr/^0002_bad\.sql does not apply: ERROR: .*nosuch/m, 'with its name and message');
}

is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname LIKE 'ig_replay%'}),
	'0', 'no database is left behind');

$node->stop;
done_testing();
