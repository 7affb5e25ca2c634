# What guards the guard, where it takes a connection string, a restart or
# another database: session_replication_role and event_triggers set before the
# library is loaded, ALTER SYSTEM, and a freeze that stands in a file.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# What psql says on both channels.
sub said
{
	my ($node, $db, $sql, $options) = @_;
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-At', '-h', $node->host, '-p', $node->port, '-d', $db,
			'-v', 'VERBOSITY=verbose' ],
		stdin => $sql, options => $options // '');

	return $out . $err;
}

my $role = q{SELECT how FROM invariant_guard.status() WHERE layer = 'session_replication_role'};
my $refused = qr/(?:ERROR|FATAL):  IGG02: .*\(rule guard-self\)/;
my $silent = qr/WARNING:  session_replication_role was "replica" before the guard was loaded/;

# ---- sessions preload the library
my $node = start_node('session');
my $major = major($node);
shop($node, 'shop', preload => 1);

my $text = said($node, 'shop', $role, '-c session_replication_role=replica');
like($text, $silent, 'session: PGOPTIONS: told when the library is loaded');
like($text, qr/^replica in this session$/m, 'session: and status() shows it');
unlike(said($node, 'shop', $role), qr/replica|WARNING/, 'session: nothing is told of an ordinary session');
like(said($node, 'shop', 'SET session_replication_role = origin; SET session_replication_role = replica;',
		'-c session_replication_role=replica'),
	$refused, 'session: once back, it cannot be set again');

$node->safe_psql('shop',
	'SET invariant_guard.mode = off; ALTER DATABASE shop SET session_replication_role = replica');
like(said($node, 'shop', $role), $silent, 'session: ALTER DATABASE: told when the library is loaded');
like(said($node, 'shop', 'SELECT 1', '-c invariant_guard.mode=off'), qr/^1\n$/, 'session: not with mode = off');
$node->safe_psql('shop', 'ALTER DATABASE shop RESET session_replication_role');
unlike(said($node, 'shop', $role), qr/replica|WARNING/, 'session: RESET passes');

if ($major >= 17)
{
	my $off = qr/WARNING:  event_triggers was "off" before the guard was loaded/;

	like(said($node, 'shop', 'SELECT 1', '-c event_triggers=off'), $off, 'session: event_triggers in PGOPTIONS: told');
	for my $set ('SET event_triggers = off', 'SET LOCAL event_triggers = 0',
		q{SELECT set_config('event_triggers', 'false', false)},
		q{UPDATE pg_settings SET setting = 'off' WHERE name = 'event_triggers'},
		'ALTER DATABASE shop SET event_triggers = off', 'ALTER SYSTEM SET event_triggers = no',
		q{CREATE FUNCTION f() RETURNS int LANGUAGE sql SET event_triggers = off AS 'SELECT 1'})
	{
		like(said($node, 'shop', $set), $refused, "session: $set");
	}
	unlike(said($node, 'shop', 'SET event_triggers = on; RESET event_triggers'), qr/ERROR/, 'session: on passes');
}

# ALTER SYSTEM has no event trigger, and no transaction
$node->safe_psql('shop', 'SET invariant_guard.mode = off; ALTER SYSTEM SET session_preload_libraries = invariant_guard');
for my $set ('SET session_preload_libraries = auto_explain', 'SET session_preload_libraries = DEFAULT',
	'RESET session_preload_libraries', 'RESET ALL', 'SET session_replication_role = replica')
{
	like(said($node, 'shop', "ALTER SYSTEM $set"), $refused, "session: ALTER SYSTEM $set");
}
for my $set ('SET session_preload_libraries = auto_explain, invariant_guard', 'SET work_mem = 4096',
	'RESET work_mem', 'SET session_replication_role = origin', 'RESET session_replication_role')
{
	unlike(said($node, 'shop', "ALTER SYSTEM $set"), qr/ERROR/, "session: ALTER SYSTEM $set passes");
}
$text = said($node, 'shop', 'ALTER SYSTEM RESET ALL');
my ($hint) = $text =~ /HINT:  (.*?RESET invariant_guard\.reason;)/s;
ok($hint, 'session: ALTER SYSTEM RESET ALL: there is a hint');
unlike(said($node, 'shop', $hint // 'nothing'), qr/ERROR/, 'session: which passes');

# without a word from event triggers: the first statement of a session
is_refused($node, 'shop', 'ALTER EVENT TRIGGER invariant_guard_ddl_end DISABLE', 'guard-self',
	'session: ALTER EVENT TRIGGER as the first statement');
is_refused($node, 'shop', 'DROP EXTENSION invariant_guard', 'guard-self', 'session: DROP EXTENSION as the first statement');
shop($node, 'events');
is_refused($node, 'events', 'DROP EXTENSION invariant_guard', 'guard-self', 'events: DROP EXTENSION as the first statement');
is_refused($node, 'events', 'ALTER EXTENSION invariant_guard DROP FUNCTION invariant_guard.status()', 'guard-self',
	'events: ALTER EXTENSION as the first statement');
like(said($node, 'events', 'DROP SCHEMA invariant_guard CASCADE'), qr/Also: .*\(rule guard-self\)/,
	'events: DROP SCHEMA as the first statement');

# a freeze of the database, in sessions that the first DDL makes load the library
$node->safe_psql('events', q{CREATE VIEW v AS SELECT 1; ALTER DATABASE events SET invariant_guard.schema_freeze = '[2000-01-01,)'});
is_refused($node, 'events', 'DROP VIEW v', 'schema-freeze', 'events: a freeze holds for the first statement');
is_refused($node, 'events', "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';\nALTER FUNCTION f() STABLE;",
	'schema-freeze', 'events: a statement that no other rule is about');
passes($node, 'events', 'ALTER DATABASE events RESET invariant_guard.schema_freeze', 'events: the freeze is lifted');
passes($node, 'events', 'DROP VIEW v', 'events: and over');
$node->stop;

# ---- the server preloads the library; a freeze stands in its file
$node = start_node('shared', "shared_preload_libraries = 'invariant_guard'\ntimezone = 'Asia/Tokyo'\n"
	. "invariant_guard.schema_freeze = '[2000-01-01, 9999-12-31 12:00)'\n");
shop($node, 'shop');
like(said($node, 'shop', 'DROP TABLE users'), qr/the schema is frozen until 9999-12-31 12:00:00 UTC/,
	'shared: a freeze from the file is in UTC');
passes($node, 'shop', "BEGIN; COMMIT; BEGIN; SAVEPOINT a; ROLLBACK TO a; PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p; "
	. 'COPY users TO STDOUT; DECLARE c CURSOR FOR SELECT 1; FETCH c; CLOSE c; LISTEN l; NOTIFY l; COMMIT; CHECKPOINT; DISCARD ALL;',
	'shared: what is no DDL passes a freeze');
is(refusal($node, 'shop', "BEGIN;\nSELECT 1 / 0;\nDROP TABLE users;\nEXECUTE nosuch;\nROLLBACK;"), '22012',
	'shared: an aborted transaction is left alone');
my $before = -s $node->logfile;
$node->append_conf('postgresql.conf', "invariant_guard.schema_freeze = '[tomorrow,)'");
$node->reload;
$node->wait_for_log(qr/contains errors/, $before);
like(slurp_file($node->logfile, $before), qr/invalid value for parameter "invariant_guard.schema_freeze"/,
	'shared: a bad value is not taken from the file');
like(said($node, 'shop', 'DROP TABLE users'), qr/\(rule schema-freeze\)/, 'shared: the freeze goes on');
$node->append_conf('postgresql.conf', "invariant_guard.schema_freeze = ''");
$node->reload;
$node->poll_query_until('shop', q{SELECT current_setting('invariant_guard.schema_freeze') = ''});

# the connection string is refused, what is stored is passed over
like(said($node, 'shop', 'SELECT 1', '-c session_replication_role=replica'), qr/FATAL: .*\(rule guard-self\)/,
	'shared: PGOPTIONS is refused');
like(said($node, 'shop', 'SHOW session_replication_role', '-c invariant_guard.mode=off -c session_replication_role=replica'),
	qr/^replica$/m, 'shared: unless the mode is off before it');
like(said($node, 'postgres', 'SHOW session_replication_role', '-c session_replication_role=replica'),
	qr/^replica$/m, 'shared: a database without the extension is no concern');
$node->safe_psql('shop',
	'SET invariant_guard.mode = off; ALTER DATABASE shop SET session_replication_role = replica');
$text = said($node, 'shop', 'SHOW session_replication_role');
like($text, qr/WARNING: .*the stored value "replica" of session_replication_role is passed over \(rule guard-self\)/,
	'shared: what is stored is passed over');
like($text, qr/^origin$/m, 'shared: and not in force');
$node->safe_psql('shop', 'ALTER DATABASE shop RESET session_replication_role');

# the library stays, whoever says otherwise, in whatever database
for my $db ('shop', 'postgres')
{
	like(said($node, $db, "ALTER SYSTEM SET shared_preload_libraries = ''"), $refused,
		"shared: ALTER SYSTEM in $db");
	unlike(said($node, $db, 'ALTER SYSTEM RESET shared_preload_libraries; ALTER SYSTEM RESET ALL'), qr/ERROR/,
		"shared: where the file that is reset says nothing, in $db");
	unlike(said($node, $db, "ALTER DATABASE shop SET session_preload_libraries = 'invariant_guard'; "
				. 'ALTER DATABASE shop RESET session_preload_libraries;'),
		qr/ERROR/, "shared: sessions need not preload what the server does, in $db");
}
$node->safe_psql('shop', "ALTER SYSTEM SET shared_preload_libraries = 'auto_explain', 'invariant_guard'");
$node->restart;
like(said($node, 'postgres', 'ALTER SYSTEM RESET shared_preload_libraries'), $refused, 'shared: RESET');
like(said($node, 'postgres', 'ALTER SYSTEM RESET ALL'), $refused, 'shared: RESET ALL');
is($node->safe_psql('shop', 'SHOW shared_preload_libraries'), 'auto_explain, invariant_guard', 'shared: it stays');
unlike(said($node, 'shop', "LOAD 'auto_explain'"), qr/ERROR/, 'shared: LOAD of what is loaded passes');
$node->stop;

done_testing();
