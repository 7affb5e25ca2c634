# What a role that is no superuser can bring along when it connects, and what
# it can do before its session has loaded the library.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $drop = 'ALTER TABLE users DROP COLUMN nickname';
my $node = start_node('privileges');

$node->safe_psql('postgres', 'CREATE ROLE shopkeeper LOGIN');
for my $db (qw(preloaded bare))
{
	shop($node, $db, preload => $db eq 'preloaded');
	$node->safe_psql($db, 'ALTER TABLE users OWNER TO shopkeeper');
	$node->safe_psql('postgres', "ALTER DATABASE $db OWNER TO shopkeeper");
}

# The error that one session of the shopkeeper ends with, '' if none.
sub attempt
{
	my ($db, $options, $sql) = @_;
	my $stderr = '';
	local $ENV{PGOPTIONS} = $options;

	$node->psql($db, $sql, stderr => \$stderr, on_error_stop => 0,
		extra_params => [ '-U', 'shopkeeper' ]);
	$stderr =~ s/^WARNING: .*\n//mg;
	return $stderr;
}

sub has_column
{
	my ($db) = @_;
	return $node->safe_psql($db,
		q{SELECT count(*) FROM pg_attribute
		WHERE attrelid = 'users'::regclass AND attname = 'nickname'}) eq '1';
}

my @weaker = (
	'invariant_guard.mode=off',
	'invariant_guard.severity=drop-column=off',
	'invariant_guard.exempt_empty_tables=on',
	'invariant_guard.reason=because',
	'invariant_guard.allow=drop-column(users.nickname)',
	'session_preload_libraries=',
	'session_replication_role=replica');
push @weaker, 'event_triggers=off' if major($node) >= 17;

for my $db (qw(preloaded bare))
{
	like(attempt($db, '', $drop), qr/cannot drop column/, "$db: refused");

	# some are a failed connection, some a warning and no effect
	for my $option (@weaker)
	{
		attempt($db, "-c $option", $drop);
		ok(has_column($db), "$db: PGOPTIONS $option");
	}

	# a setting of a library that is not there yet is a placeholder
	for my $option (@weaker)
	{
		my ($name, $value) = split /=/, $option, 2;

		attempt($db, '', "SET $name = '$value'; $drop; $drop;");
		attempt($db, '', "BEGIN; SELECT set_config('$name', '$value', true); $drop; COMMIT;");
		ok(has_column($db), "$db: SET $name");

		attempt($db, '', "ALTER ROLE shopkeeper SET $name = '$value'");
		attempt($db, '', "ALTER DATABASE $db SET $name = '$value'");
		attempt($db, '',
			"CREATE FUNCTION hatch() RETURNS void LANGUAGE sql SET $name = '$value' AS '$drop'");
		attempt($db, '', 'SELECT hatch()');
		is($node->safe_psql('postgres',
				"SELECT count(*) FROM pg_db_role_setting WHERE setconfig::text LIKE '%$value%'
				AND setrole <> 0"),
			'0', "$db: $name is not stored for a role");
		attempt($db, '', "$drop; $drop;");
		ok(has_column($db), "$db: $name, stored");
	}
}

# the other direction: a superuser's own setting does all of it
$node->safe_psql('preloaded', "SET invariant_guard.mode = off; $drop");
ok(!has_column('preloaded'), 'a superuser can switch it off');

$node->stop;
done_testing();
