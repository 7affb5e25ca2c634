# The ways in which the library gets into a session, and what holds in each.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $drop_column = 'ALTER TABLE users DROP COLUMN nickname;';

# ---- nothing is preloaded: the extension's event triggers
my $node = start_node('plain');
my $major = major($node);
my $said = shop($node, 'plain');

like($said, qr/WARNING:  library "invariant_guard" is not preloaded/,
	'CREATE EXTENSION warns when nothing preloads the library');
like($said, qr/ALTER DATABASE plain SET session_preload_libraries = 'invariant_guard';/,
	'the warning has the statement that preloads it');
like($said, $major < 17 ? qr/Before the first DDL of a session/ : qr/login event trigger loads it/,
	'and says what is not covered');

is_refused($node, 'plain', $drop_column, 'drop-column', 'the first DDL of a session is judged');
is_refused($node, 'plain', "CREATE TEMP TABLE x (); $drop_column",
	'drop-column', 'the second DDL of a session is judged');
is_refused($node, 'plain', "DO \$\$ BEGIN EXECUTE '$drop_column'; END \$\$;",
	'drop-column', 'DDL in a DO block is judged when it is the first of a session');
is_refused($node, 'plain', "CREATE TEMP TABLE x (); TRUNCATE users;",
	'truncate', 'TRUNCATE is judged once the library is loaded');
if ($major < 17)
{
	passes($node, 'plain', 'BEGIN; TRUNCATE users; ROLLBACK;',
		'TRUNCATE is not seen before the first DDL of a session');
}
else
{
	is_refused($node, 'plain', 'TRUNCATE users;', 'truncate',
		'TRUNCATE is judged as the first statement of a session');
}
is($node->safe_psql('plain', 'SELECT count(*), count(nickname) FROM users'),
	'100|100', 'nothing was lost');

# ---- a database of its own setting
$said = shop($node, 'session', preload => 1);
is_refused($node, 'session', 'TRUNCATE users;', 'truncate',
	'session_preload_libraries: TRUNCATE is judged as the first statement');
is_refused($node, 'session', $drop_column, 'drop-column',
	'session_preload_libraries: DDL is judged');
is($node->safe_psql('session',
		q{SELECT count(*) FROM invariant_guard.status() WHERE how LIKE '%session_preload_libraries%'}),
	'2', 'session_preload_libraries: status() tells how the hooks were loaded');

# ---- preloaded, no extension
shop($node, 'bare', preload => 1, without_extension => 1);
passes($node, 'bare', "BEGIN; TRUNCATE users; $drop_column ROLLBACK;",
	'no extension: mode auto is off');
$node->safe_psql('bare', q{ALTER DATABASE bare SET invariant_guard.mode = 'enforce'});
is_refused($node, 'bare', $drop_column, 'drop-column', 'no extension: mode enforce holds');
is_refused($node, 'bare', 'TRUNCATE users;', 'truncate', 'no extension: TRUNCATE too');
$node->safe_psql('bare', q{ALTER DATABASE bare SET invariant_guard.mode = 'off'});
passes($node, 'bare', "BEGIN; TRUNCATE users; $drop_column ROLLBACK;", 'no extension: mode off');

# ---- another database of the server knows nothing of it
shop($node, 'other', without_extension => 1);
passes($node, 'other', "TRUNCATE users; $drop_column", 'another database is left alone');

# ---- nobody but a superuser switches it off
$node->safe_psql('session', q{
	CREATE ROLE regress_owner LOGIN;
	ALTER TABLE users OWNER TO regress_owner;
	GRANT CREATE ON SCHEMA public TO regress_owner;
});
for my $setting ("invariant_guard.mode = 'off'", "invariant_guard.severity = 'all=off'",
	"invariant_guard.exempt_empty_tables = on", 'session_preload_libraries = DEFAULT')
{
	isnt(refusal($node, 'session', "SET ROLE regress_owner; SET $setting;"),
		'', "the owner of the table cannot SET $setting");
}
{
	my $stderr;
	local $ENV{PGOPTIONS} = '-c invariant_guard.mode=off';
	$node->psql('session', $drop_column, stderr => \$stderr,
		extra_params => [ '-U', 'regress_owner' ]);
	like($stderr, qr/permission denied|rule drop-column/, 'nor in the connection string');
	is($node->safe_psql('session', 'SELECT count(nickname) FROM users'), '100',
		'and the column is still there');
}
$node->stop;

# ---- the whole server
$node = start_node('shared', "shared_preload_libraries = 'invariant_guard'\n");
shop($node, 'shop');
is_refused($node, 'shop', 'TRUNCATE users;', 'truncate',
	'shared_preload_libraries: TRUNCATE is judged as the first statement');
is_refused($node, 'shop', $drop_column, 'drop-column', 'shared_preload_libraries: DDL is judged');
is($node->safe_psql('shop',
		q{SELECT count(*) FROM invariant_guard.status() WHERE how LIKE '%shared_preload_libraries%'}),
	'2', 'shared_preload_libraries: status() tells how the hooks were loaded');
$node->safe_psql('postgres', 'CREATE DATABASE scratch');
passes($node, 'postgres', 'DROP DATABASE scratch;', 'a database that is not guarded can be dropped');
$node->safe_psql('postgres', q{ALTER SYSTEM SET invariant_guard.protected_databases = 'shop'});
$node->reload;
is_refused($node, 'postgres', 'DROP DATABASE shop;', 'drop-database',
	'a protected database cannot be dropped from another one');
$node->stop;

# ---- with another library that hooks utility statements, on either side
for my $libraries ('pg_stat_statements, invariant_guard', 'invariant_guard, pg_stat_statements')
{
	(my $name = $libraries) =~ s/\W+/_/g;
	$node = start_node($name,
		"shared_preload_libraries = '$libraries'\npg_stat_statements.track_utility = on\n");
	shop($node, 'shop');
	$node->safe_psql('shop', 'CREATE EXTENSION pg_stat_statements');
	is_refused($node, 'shop', $drop_column, 'drop-column', "$libraries: DDL is judged");
	is_refused($node, 'shop', 'TRUNCATE users;', 'truncate', "$libraries: TRUNCATE is judged");
	passes($node, 'shop', 'CREATE TABLE a (b int); ALTER TABLE a ADD COLUMN c int;',
		"$libraries: harmless DDL passes");
	is($node->safe_psql('shop',
			q{SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE 'ALTER TABLE a ADD COLUMN%'}),
		'1', "$libraries: the other library sees the statement once");
	$node->stop;
}

done_testing();
