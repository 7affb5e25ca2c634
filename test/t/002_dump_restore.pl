# pg_dump and what it takes along: security labels, the extension, its event
# triggers.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('dump');
my $dir = PostgreSQL::Test::Utils::tempdir();
my $port = $node->port;
my $host = $node->host;
my @connect = ('-h', $host, '-p', $port);

shop($node, 'shop', preload => 1);
$node->safe_psql('shop', q{
	SELECT invariant_guard.protect('payments', 'financial');
	SECURITY LABEL FOR invariant_guard ON TABLE users IS 'protected';
	CREATE INDEX CONCURRENTLY payments_user ON payments (user_id);
});

my $labels = q{SELECT string_agg(objname || '=' || label, ' ' ORDER BY objname)
	FROM pg_seclabels WHERE provider = 'invariant_guard'};
my $triggers = q{SELECT string_agg(evtname || '=' || evtenabled::text, ' ' ORDER BY evtname)
	FROM pg_event_trigger};
my $expected_labels = $node->safe_psql('shop', $labels);
my $expected_triggers = $node->safe_psql('shop', $triggers);

is($expected_labels, 'payments=financial users=protected', 'labels were set');
like($expected_triggers, qr/=A/, 'there are event triggers');
unlike($expected_triggers, qr/=[^A]/, 'each event trigger is enabled always');

sub check_copy
{
	my ($db, $how) = @_;

	is($node->safe_psql($db, $labels), $expected_labels, "$how: the labels are there");
	is($node->safe_psql($db, $triggers),
		$expected_triggers, "$how: the event triggers are there and enabled always");
	is($node->safe_psql($db, 'SELECT count(*) FROM payments'), '100', "$how: the rows are there");
	is(schema_of($node, $db), schema_of($node, 'shop'), "$how: the schemas are the same");
	is_refused($node, $db, 'DROP TABLE payments;', 'financial-drop', "$how: the guard holds");
}

# ---- plain text, in one transaction: all that is restored is new
$node->command_ok([ 'pg_dump', @connect, '-f', "$dir/shop.sql", 'shop' ], 'pg_dump of a guarded database');
$node->safe_psql('postgres', 'CREATE DATABASE one_transaction');
$node->command_ok(
	[ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/shop.sql", 'one_transaction' ],
	'restore in one transaction');
check_copy('one_transaction', 'one transaction');

# ---- plain text, statement by statement, in the restore mode
$node->safe_psql('postgres', 'CREATE DATABASE by_statements');
{
	local $ENV{PGOPTIONS} = '-c invariant_guard.mode=off';
	$node->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/shop.sql", 'by_statements' ],
		'restore by statements with mode off');
}
check_copy('by_statements', 'by statements');

# ---- custom format, two jobs
$node->command_ok([ 'pg_dump', @connect, '-Fc', '-f', "$dir/shop.dump", 'shop' ], 'pg_dump -Fc');
$node->safe_psql('postgres', 'CREATE DATABASE two_jobs');
is((run_client([ 'pg_restore', @connect, '-j', '2', '-d', 'two_jobs', "$dir/shop.dump" ],
		options => '-c invariant_guard.mode=off',
		again => sub { $node->safe_psql('postgres', $_) for 'DROP DATABASE two_jobs', 'CREATE DATABASE two_jobs' }))[0],
	0, 'pg_restore with two jobs');
check_copy('two_jobs', 'two jobs');

# ---- --clean into the guarded database: refused as it stands, allowed with mode off
{
	my ($out, $err);
	IPC::Run::run([ 'pg_restore', @connect, '--clean', '--exit-on-error', '-d', 'two_jobs', "$dir/shop.dump" ],
		'>', \$out, '2>', \$err);
	like($err, qr/\(rule [a-z-]+\)/, 'pg_restore --clean is refused');
	is($node->safe_psql('two_jobs', 'SELECT count(*) FROM payments'), '100', 'and nothing is lost');

	local $ENV{PGOPTIONS} = '-c invariant_guard.mode=off';
	$node->command_ok(
		[ 'pg_restore', @connect, '--clean', '--exit-on-error', '-d', 'two_jobs', "$dir/shop.dump" ],
		'pg_restore --clean with mode off');
}
check_copy('two_jobs', 'clean');

# ---- data only, into a guarded schema
$node->safe_psql('postgres', 'CREATE DATABASE data_only TEMPLATE template0');
$node->command_ok([ 'pg_dump', @connect, '-s', '-f', "$dir/schema.sql", 'shop' ], 'pg_dump -s');
$node->command_ok([ 'pg_dump', @connect, '-a', '-f', "$dir/data.sql", 'shop' ], 'pg_dump -a');
$node->command_ok(
	[ 'psql', '-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/schema.sql", 'data_only' ],
	'the schema alone');
$node->command_ok(
	[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/data.sql", 'data_only' ],
	'the data alone, with the guard on');
check_copy('data_only', 'data only');

# ---- roles and databases of the whole server
$node->command_ok([ 'pg_dumpall', @connect, '-g', '-f', "$dir/globals.sql" ], 'pg_dumpall -g');

$node->stop;
done_testing();
