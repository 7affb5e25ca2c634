# The regression tests once more, in a server that preloads nothing: after the
# first DDL of a session, all that they judge is judged just the same.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# These ask how the library was loaded, or for its settings before it is.
my %skip = map { $_ => 1 } qw(settings status);

my $top = dirname(__FILE__) . '/../..';
my @tests = grep { !$skip{$_} } split ' ', $ENV{IG_REGRESS} // '';
plan skip_all => 'IG_REGRESS names no test' if !@tests;

my $node = start_node('without_preload', "max_prepared_transactions = 5\n");
$node->safe_psql('postgres', 'CREATE DATABASE contrib_regression TEMPLATE template0');
$node->safe_psql('postgres', qq{ALTER DATABASE contrib_regression SET $_})
  for ("lc_messages TO 'C'", "timezone_abbreviations TO 'Default'", "bytea_output TO 'hex'");

# As pg_regress runs psql.
sub output_of
{
	my ($test) = @_;
	my $out = '';
	local $ENV{PGTZ} = 'PST8PDT';
	local $ENV{PGDATESTYLE} = 'Postgres, MDY';
	local $ENV{PGOPTIONS} = '-c intervalstyle=postgres_verbose';
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;

	IPC::Run::run([ 'psql', '-X', '-a', '-q', '-d', 'contrib_regression' ],
		'<', "$top/sql/$test.sql", '>', \$out, '2>&1');
	# what CREATE EXTENSION says here, and only here
	$out =~ s/^WARNING:  library "invariant_guard" is not preloaded\nDETAIL: .*\nHINT: .*\n//m;
	return $out;
}

for my $test (@tests)
{
	my $out = output_of($test);
	my ($same) = grep { slurp_file($_) eq $out } glob("$top/expected/$test.out $top/expected/${test}_*.out");

	ok($same, "$test without preloading");
	if (!$same)
	{
		my $diff = '';
		IPC::Run::run([ 'diff', '-U3', "$top/expected/$test.out", '-' ], '<', \$out, '>', \$diff);
		diag($diff);
	}
}

$node->stop;
done_testing();
