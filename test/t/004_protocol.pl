# The gate holds whichever way a statement comes over the wire, and a refusal
# is an ordinary error to the client.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('protocol');
my $major = major($node);
my $dir = PostgreSQL::Test::Utils::tempdir();

shop($node, 'shop', preload => 1);
$node->safe_psql('shop', q{SELECT invariant_guard.protect('payments', 'financial')});

# ---- the fields of the error
my $stderr;
$node->psql('shop', "\\set VERBOSITY verbose\nALTER TABLE users DROP COLUMN nickname;",
	stderr => \$stderr);
like($stderr, qr/ERROR:  IGW\d\d: cannot .*\(rule drop-column\)/, 'SQLSTATE, message and rule');
like($stderr, qr/SCHEMA NAME:  public/, 'schema name');
like($stderr, qr/TABLE NAME:  users/, 'table name');
like($stderr, qr/COLUMN NAME:  nickname/, 'column name');
like($stderr, qr/CONSTRAINT NAME:  drop-column/, 'the rule as constraint name');
like($stderr, qr/DETAIL:  \S/, 'detail');
like($stderr, qr/HINT:  \S/, 'hint');

# ---- clients that show the message alone
$node->psql('shop', "\\set VERBOSITY terse\nSET invariant_guard.message_style = 'full';\n"
	. 'ALTER TABLE users DROP COLUMN nickname;', stderr => \$stderr);
like($stderr, qr/ERROR:  cannot [^\n]*\(rule drop-column\)\n[^\n]+\n/, 'message_style full');

# ---- extended protocol, parsed once and executed often
for my $protocol ('simple', 'extended', 'prepared')
{
	my %scripts = (
		'drop-column' => 'ALTER TABLE users DROP COLUMN nickname;',
		'financial-drop' => 'DROP TABLE payments;',
		'truncate' => 'TRUNCATE users;',
		'create-index-blocking' => 'CREATE INDEX ON users (email);');
	for my $rule (sort keys %scripts)
	{
		my $file = "$dir/$rule.sql";
		my ($out, $err);
		unlink $file;
		append_to_file($file, "$scripts{$rule}\n");
		IPC::Run::run(
			[ 'pgbench', '-n', '-M', $protocol, '-t', '2', '-f', $file,
			  '-h', $node->host, '-p', $node->port, 'shop' ],
			'>', \$out, '2>', \$err);
		like($err, qr/ERROR:  .*\(rule \Q$rule\E\)/, "$protocol protocol: $rule");
	}

	unlink "$dir/pass.sql";
	append_to_file("$dir/pass.sql",
		"BEGIN;\nCREATE TABLE tmp_a (b int);\nALTER TABLE tmp_a ADD COLUMN c int NOT NULL;\nDROP TABLE tmp_a;\nEND;\n");
	$node->command_ok(
		[ 'pgbench', '-n', '-M', $protocol, '-t', '20', '-f', "$dir/pass.sql",
		  '-h', $node->host, '-p', $node->port, 'shop' ],
		"$protocol protocol: new tables, twenty times over");
}

SKIP:
{
	skip 'psql has \bind since 16', 2 if $major < 16;
	is_refused($node, 'shop', "ALTER TABLE users DROP COLUMN nickname \\bind \\g\n",
		'drop-column', '\bind');
	passes($node, 'shop', "CREATE TABLE bound (a int) \\bind \\g\nDROP TABLE IF EXISTS nosuch \\bind \\g\n",
		'\bind of what is harmless');
}

# ---- several statements in one message are one transaction
{
	my ($out, $err);
	IPC::Run::run(
		[ 'psql', '-X', '-d', $node->connstr('shop'), '-c',
		  'CREATE TABLE along (a int); ALTER TABLE users DROP COLUMN nickname; SELECT 2' ],
		'>', \$out, '2>', \$err);
	like($err, qr/\(rule drop-column\)/, 'several statements in one message');
}
is($node->safe_psql('shop', q{SELECT to_regclass('along') IS NULL}), 't',
	'a refusal undoes the whole message');

# ---- transactions and savepoints
is($node->safe_psql('shop', q{
	\set ON_ERROR_STOP 0
	\set VERBOSITY terse
	\o /dev/null
	BEGIN;
	CREATE TABLE kept (a int);
	SAVEPOINT s;
	TRUNCATE users;
	ROLLBACK TO s;
	INSERT INTO kept VALUES (1);
	COMMIT;
	\o
	SELECT count(*) FROM kept;
}, on_error_stop => 0, on_error_die => 0), '1', 'a savepoint before a refusal');
is_refused($node, 'shop', "BEGIN; TRUNCATE users; SELECT 1; COMMIT;", 'truncate',
	'a refusal in a transaction');
is(refusal($node, 'shop', "\\o /dev/null\nDO \$\$ BEGIN TRUNCATE users; EXCEPTION WHEN OTHERS THEN NULL; END \$\$;"),
	'', 'a block may catch the refusal');
is($node->safe_psql('shop', 'SELECT count(*) FROM users'), '100', 'but the rows are there');

# ---- COPY and the rest of a session go on after a refusal
is($node->safe_psql('shop', "\\set ON_ERROR_STOP 0\nTRUNCATE users;\n"
		. "COPY (SELECT 'copied') TO STDOUT;\n", on_error_stop => 0, on_error_die => 0),
	'copied', 'the session is usable after a refusal');

is($node->safe_psql('shop', 'SELECT count(*), count(nickname) FROM users'), '100|100', 'nothing was lost');
$node->stop;
done_testing();
