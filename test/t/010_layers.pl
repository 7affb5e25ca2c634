# What each layer sees by itself: the event triggers alone, the login event
# trigger, the hooks of a preloaded library, and several of them together.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('layers');
my $major = major($node);

# What the statements below work on.
my $objects = q{
	CREATE SCHEMA sales;
	CREATE TABLE sales.orders (id int PRIMARY KEY, user_id int, note text, state varchar(20));
	INSERT INTO sales.orders SELECT i, i, 'n', 's' FROM generate_series(1, 100) i;
	CREATE TYPE mood AS ENUM ('sad', 'happy');
	CREATE TABLE people (id int, feels mood, at timestamp);
	INSERT INTO people VALUES (1, 'sad', now());
	CREATE INDEX people_at ON people (at);
	CREATE VIEW people_view AS SELECT id FROM people;
	CREATE MATERIALIZED VIEW people_count AS SELECT count(*) AS n FROM people;
	CREATE SEQUENCE counter;
	CREATE DOMAIN amount AS int;
	CREATE TABLE bills (total amount);
	INSERT INTO bills VALUES (1);
	CREATE FUNCTION drop_nickname() RETURNS void LANGUAGE plpgsql AS
		$$ BEGIN ALTER TABLE users DROP COLUMN nickname; END $$;
	CREATE FUNCTION drop_nickname_sql() RETURNS int LANGUAGE sql AS
		$$ ALTER TABLE users DROP COLUMN nickname; SELECT 1 $$;
	CREATE PROCEDURE drop_nickname_proc() LANGUAGE plpgsql AS
		$$ BEGIN COMMIT; ALTER TABLE users DROP COLUMN nickname; END $$;
	ANALYZE;
};
$node->safe_psql('postgres', 'CREATE ROLE regress_layers_owner');

# Each is the first statement of a session, and what is expected of it.
my @first = (
	[ 'ADD COLUMN', 'ALTER TABLE users ADD COLUMN phone text NOT NULL', 'add-required-column' ],
	[ 'volatile default', 'ALTER TABLE users ADD COLUMN at timestamptz DEFAULT clock_timestamp()',
		'add-column-rewrite' ],
	[ 'ALTER TYPE', 'ALTER TABLE users ALTER COLUMN id TYPE bigint', 'alter-type-rewrite' ],
	[ 'SET NOT NULL', 'ALTER TABLE users ALTER COLUMN email SET NOT NULL', 'set-not-null-scan' ],
	[ 'ADD CHECK', 'ALTER TABLE users ADD CHECK (id > 0)', 'add-check-validated' ],
	[ 'ADD FOREIGN KEY', 'ALTER TABLE payments ADD FOREIGN KEY (user_id) REFERENCES users',
		'add-foreign-key-validated' ],
	[ 'DROP TABLE', 'DROP TABLE users', 'drop-table' ],
	[ 'DROP SCHEMA CASCADE', 'DROP SCHEMA sales CASCADE', 'drop-schema' ],
	[ 'DROP TYPE CASCADE', 'DROP TYPE mood CASCADE', 'drop-cascade' ],
	[ 'DROP DOMAIN CASCADE', 'DROP DOMAIN amount CASCADE', 'drop-cascade' ],
	[ 'DROP SEQUENCE', 'DROP SEQUENCE counter', 'drop-sequence' ],
	[ 'DROP MATERIALIZED VIEW', 'DROP MATERIALIZED VIEW people_count', 'drop-materialized-view' ],
	[ 'DROP INDEX', 'DROP INDEX people_at', 'drop-index-blocking' ],
	[ 'CREATE INDEX', 'CREATE INDEX ON users (email)', 'create-index-blocking' ],
	[ 'rename of a column', 'ALTER TABLE users RENAME COLUMN email TO mail', 'rename-column' ],
	[ 'rename of a schema', 'ALTER SCHEMA sales RENAME TO shop', 'rename-schema' ],
	[ 'rename of an enum value', q{ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'}, 'rename-enum-value' ],
	[ 'ALTER DOMAIN', 'ALTER DOMAIN amount ADD CHECK (VALUE > 0)', 'domain-constraint-scan' ],
	[ 'REFRESH', 'REFRESH MATERIALIZED VIEW people_count', 'refresh-blocking' ],
	[ 'SET UNLOGGED', 'ALTER TABLE users SET UNLOGGED', 'unlogged-table' ],
	[ 'DROP OWNED', 'DROP OWNED BY regress_layers_owner', 'drop-owned' ],
	[ 'a DO block', q{DO 'BEGIN ALTER TABLE users DROP COLUMN nickname; END'}, 'drop-column' ],
	[ 'EXECUTE in a DO block', q{DO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$}, 'drop-table' ],
	[ 'a function', 'SELECT drop_nickname()', 'drop-column' ],
	[ 'a function in SQL', 'SELECT drop_nickname_sql()', 'drop-column' ],
	[ 'a function below CREATE TABLE AS',
		'CREATE TABLE t AS SELECT drop_nickname_sql() AS n', 'drop-column' ],
	[ 'elements of CREATE SCHEMA',
		'CREATE SCHEMA fresh CREATE TABLE t (a int) CREATE INDEX ON t (a)', undef ],
	[ 'an element of CREATE SCHEMA that is refused',
		q{SET LOCAL invariant_guard.financial_tables = 'fresh.*'; CREATE SCHEMA fresh CREATE TABLE t (a int, b real)},
		'financial-float' ],
	[ 'several findings', 'ALTER TABLE users ADD COLUMN b serial, DROP COLUMN email, ADD CHECK (id > 0)',
		'drop-column' ],
	[ 'a label', 'SECURITY LABEL FOR invariant_guard ON TABLE guarded IS NULL', 'unprotect' ],
	[ 'a guarded table', 'DROP TABLE guarded', 'drop-table' ],
	[ 'what is harmless', 'ALTER TABLE users ADD COLUMN remark text', undef ],
	[ 'a new table', 'CREATE TABLE fresh (a int PRIMARY KEY)', undef ]);

# What a session says, and nothing that depends on the way the statement came:
# no HINT, which may quote the statement, no line of the source.
sub said
{
	my ($db, $sql) = @_;
	my $stderr = '';

	$node->psql($db, "\\set VERBOSITY verbose\n\\o /dev/null\n$sql", stderr => \$stderr,
		on_error_stop => 0);
	$stderr =~ s/^psql:[^ ]* //mg;
	$stderr .= "\n" if $stderr ne '';
	$stderr =~ s/^(LOCATION|LINE \d+|CONTEXT|STATEMENT):.*\n( *\^\n)?//mg;
	$stderr =~ s/^HINT:.*?(?=^\S+(?: NAME)?:  |\z)//msg;
	return $stderr;
}

# How often a rule is named.
sub count_of
{
	my ($said, $rule) = @_;
	my @found = $said =~ /\(rule \Q$rule\E\)/g;
	return scalar @found;
}

sub layers_shop
{
	my ($db, %opt) = @_;

	shop($node, $db, %opt);
	$node->safe_psql($db, "SET client_min_messages = error; SET invariant_guard.mode = off; $objects");
	$node->safe_psql($db, q{
		CREATE TABLE guarded (id int);
		CREATE TABLE owned_by_role (id int);
		ALTER TABLE owned_by_role OWNER TO regress_layers_owner;
		SELECT invariant_guard.protect('guarded', 'protected')});
}

# ---- the event triggers alone against the hooks: the same verdict in the same
# words.  From 17 on the login event trigger would bring the hooks.
layers_shop('events');
layers_shop('hooks', preload => 1);
if ($major >= 17)
{
	$node->safe_psql('events', q{
		SET invariant_guard.mode = off;
		ALTER EVENT TRIGGER invariant_guard_login DISABLE});
}

for my $case (@first)
{
	my ($name, $sql, $rule) = @$case;
	my $block = "BEGIN;\n$sql;\nROLLBACK;\n";
	my $events = said('events', $block);
	my $hooks = said('hooks', $block);

	if (defined $rule)
	{
		is(count_of($events, $rule), 1, "first of a session: $name: $rule") or diag($events);
	}
	else
	{
		unlike($events, qr/ERROR/, "first of a session: $name passes");
	}
	is($events, $hooks, "first of a session: $name: the hooks say the same");

	# in mode warn the statement goes on, past the object-access hook as well
	$block = "BEGIN;\nSET LOCAL invariant_guard.mode = warn;\n$sql;\nROLLBACK;\n";
	is(said('events', $block), said('hooks', $block), "mode warn: $name: the hooks say the same");
	if (defined $rule)
	{
		is(count_of(said('events', $block), $rule), 1, "mode warn: $name: found once");
	}
}
# in a transaction block these are judged when it commits
is_refused($node, 'events', 'ALTER TABLE users SET SCHEMA sales;', 'set-schema', 'first of a session: SET SCHEMA');
is_refused($node, 'events', "BEGIN; ALTER TABLE users SET SCHEMA sales; COMMIT;\n", 'set-schema',
	'first of a session: SET SCHEMA in a transaction block');
is_refused($node, 'events', 'ALTER TABLE users RENAME TO clients;', 'rename-table',
	'first of a session: rename of a table');
is_refused($node, 'events', "BEGIN; ALTER TABLE users RENAME TO clients; COMMIT;\n", 'rename-table',
	'first of a session: rename of a table in a transaction block');
is_refused($node, 'events', 'CALL drop_nickname_proc();', 'drop-column',
	'first of a session: a procedure that commits');
is_refused($node, 'events', "CREATE TABLE fresh (a int); TRUNCATE users;\n", 'truncate',
	'TRUNCATE after harmless DDL');

# one message of several statements
{
	my ($out, $err);
	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr('events'), '-c',
			'CREATE TABLE along (a int); TRUNCATE users; SELECT 1' ], '>', \$out, '2>', \$err);
	like($err, qr/\(rule truncate\)/, 'TRUNCATE in one message with harmless DDL');
	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr('events'), '-c',
			'SELECT 1; DROP TABLE users; SELECT 1' ], '>', \$out, '2>', \$err);
	like($err, qr/\(rule drop-table\)/, 'DROP TABLE in one message with others');
	IPC::Run::run([ 'psql', '-X', '-d', $node->connstr('events'), '-c',
			'CREATE TABLE along (a int); CREATE INDEX ON along (a); ALTER TABLE along ADD b serial;'
			. ' DROP TABLE along' ], '>', \$out, '2>', \$err);
	unlike($err, qr/rule/, 'one message that makes, changes and drops a table');
}

# ---- TRUNCATE as the first statement
my $truncated = said('events', "BEGIN; TRUNCATE users; ROLLBACK;\n");
is($truncated, '', 'TRUNCATE as the first statement is not seen by event triggers');
if ($major >= 17)
{
	layers_shop('login');
	is_refused($node, 'login', 'TRUNCATE users;', 'truncate',
		'login event trigger: TRUNCATE as the first statement');
	is_refused($node, 'login', 'REINDEX TABLE users;', 'reindex-blocking', 'login event trigger: REINDEX');
	is_refused($node, 'login', 'VACUUM FULL users;', 'vacuum-full', 'login event trigger: VACUUM FULL');
	is($node->safe_psql('login', q{SELECT count(*) FROM pg_settings WHERE name = 'invariant_guard.mode'}),
		'1', 'login event trigger: the settings are there from the first statement on');
	for my $case (@first)
	{
		my $block = "BEGIN;\n$case->[1];\nROLLBACK;\n";
		is(said('login', $block), said('hooks', $block), "login event trigger: $case->[0]");
	}
}

# ---- nothing is left over from a first statement that failed
my $judged_twice = <<'SQL';
ALTER TABLE users ADD COLUMN phone text NOT NULL;
ALTER TABLE users ADD COLUMN phone text NOT NULL;
DROP TABLE users;
SQL
my $again = said('events', $judged_twice);
is(count_of($again, 'add-required-column'), 2, 'after a refusal: the same statement is refused once more');
is(count_of($again, 'drop-table'), 1, 'after a refusal: the next statement is judged, once');

# a first statement that the server refuses, for a reason of its own
$again = said('events', "ALTER TABLE users ADD COLUMN id int;\nDROP TABLE users;\nTRUNCATE users;\n");
is(count_of($again, 'drop-table'), 1, 'after an error of the server: DROP TABLE');
is(count_of($again, 'truncate'), 1, 'after an error of the server: TRUNCATE');
like($again, qr/column "id" of relation "users" already exists/, 'and the error is the server\'s own');

# refused in a subtransaction, then the same again in the same transaction
$again = said('events', <<'SQL');
BEGIN;
SAVEPOINT s;
DROP TABLE users;
ROLLBACK TO s;
DROP TABLE users;
ROLLBACK TO s;
ALTER TABLE users DROP COLUMN nickname;
ROLLBACK;
SQL
is(count_of($again, 'drop-table'), 2, 'after ROLLBACK TO: refused again');
is(count_of($again, 'drop-column'), 1, 'after ROLLBACK TO: the next is judged once');

# what a statement was foretold to do is no licence for the ones after it
$again = said('events', <<'SQL');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-table(users)';
SAVEPOINT s;
DROP TABLE users;
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = '';
DROP TABLE users;
ROLLBACK;
SQL
is(count_of($again, 'drop-table'), 1, 'an allowed drop that was rolled back is no licence');
is(said('events', <<'SQL'), '', 'an error inside of the first statement, caught');
DO $$
BEGIN
	BEGIN
		ALTER TABLE users ALTER COLUMN email TYPE int;
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	BEGIN
		EXECUTE 'CREATE TABLE broken (a int CHECK (b > 0))';
	EXCEPTION WHEN OTHERS THEN NULL;
	END;
	CREATE TABLE intact (a int);
	ALTER TABLE intact ADD COLUMN b serial;
	DROP TABLE intact;
END $$;
SQL
$again = said('events', <<'SQL');
DO $$
BEGIN
	CREATE TABLE made AS SELECT drop_nickname_sql() AS n;
EXCEPTION WHEN OTHERS THEN
	RAISE NOTICE 'caught %', SQLERRM;
END $$;
TRUNCATE users;
ALTER TABLE users DROP COLUMN nickname;
SQL
is(count_of($again, 'drop-column'), 2, 'a refusal below the first statement, caught; then refused again');
is(count_of($again, 'truncate'), 1, 'and what follows is judged once');

# ---- allowances and modes that were set before the library was loaded
is(said('events', <<'SQL'), '', 'an allowance that was set before the first DDL');
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-column(users.email)';
ALTER TABLE users DROP COLUMN email;
ROLLBACK;
SQL
$node->safe_psql('events', q{
	CREATE ROLE regress_layers_user;
	SET invariant_guard.mode = off;
	ALTER TABLE users OWNER TO regress_layers_user});
for my $set ("SET invariant_guard.mode = 'off'", "SET invariant_guard.severity = 'all=off'",
	"SET invariant_guard.reason = 'x'; SET invariant_guard.allow = 'drop-column(users.nickname)'",
	"SET invariant_guard.exempt_smaller_than = '1TB'")
{
	like(said('events', "SET ROLE regress_layers_user; $set; ALTER TABLE users DROP COLUMN nickname;\n"),
		qr/ERROR: .*\(rule drop-column\)/, "the owner's $set before the first DDL does not help");
}

# ---- event triggers fire always
is_refused($node, 'events', "SET session_replication_role = replica;\nDROP TABLE users;", 'drop-table',
	'session_replication_role = replica does not switch them off');
is($node->safe_psql('events',
		q{SELECT count(*) FROM pg_event_trigger WHERE evtname LIKE 'invariant_guard%'
		  AND evtname <> 'invariant_guard_login' AND evtenabled <> 'A'}), '0', 'all are ENABLE ALWAYS');

# ---- nothing of all that has happened
is($node->safe_psql('events', q{SELECT count(*), count(nickname) FROM users}), '100|100',
	'nothing was lost');
is($node->safe_psql('events', q{SELECT count(*) FROM sales.orders}), '100', 'in the other schema neither');

# ---- a login that fails is a session's own affair
if ($major >= 17)
{
	my $stderr;
	$node->psql('login', 'SELECT 1', stderr => \$stderr, extra_params => [ '-U', 'nobody_at_all' ]);
	like($stderr, qr/role "nobody_at_all" does not exist/, 'a login that fails');
	$node->safe_psql('login', q{CREATE ROLE regress_layers_login LOGIN});
	is($node->safe_psql('login', 'SELECT 1', extra_params => [ '-U', 'regress_layers_login' ]), '1',
		'a role without any privilege can log in');
	$node->safe_psql('login', q{ALTER DATABASE login SET default_transaction_read_only = on});
	is($node->safe_psql('login', 'SELECT 1'), '1', 'a database that is read-only');
	is($node->safe_psql('login', q{SET default_transaction_read_only = off; ALTER DATABASE login RESET ALL; SELECT 1}),
		'1', 'and back');
	is($node->safe_psql('login', q{SELECT evtenabled FROM pg_event_trigger WHERE evtname = 'invariant_guard_login'}),
		'A', 'the login event trigger is ENABLE ALWAYS');
}

# ---- hooks alone: preloaded, an explicit mode, no extension
shop($node, 'bare', preload => 1, without_extension => 1);
$node->safe_psql('bare', q{ALTER DATABASE bare SET invariant_guard.mode = 'enforce'});
$node->safe_psql('bare', "SET client_min_messages = error; SET invariant_guard.mode = off; $objects");
$node->safe_psql('bare', q{CREATE TABLE guarded (id int);
	SECURITY LABEL FOR invariant_guard ON TABLE guarded IS 'protected';
	CREATE TABLE owned_by_role (id int);
	ALTER TABLE owned_by_role OWNER TO regress_layers_owner});
for my $case (@first)
{
	my $block = "BEGIN;\n$case->[1];\nROLLBACK;\n";
	is(said('bare', $block), said('hooks', $block), "without the extension: $case->[0]");
}
is_refused($node, 'bare', 'TRUNCATE users;', 'truncate', 'without the extension: TRUNCATE');
is_refused($node, 'bare', 'VACUUM FULL users;', 'vacuum-full', 'without the extension: VACUUM FULL');
$node->stop;

# ---- databases: only the library of the whole server sees them come and go
$node = start_node('databases', "shared_preload_libraries = 'invariant_guard'\n");
shop($node, 'shop');
$node->safe_psql('postgres', "CREATE DATABASE $_")
  for qw(shadow by_mode by_role preloading named free);
is_refused($node, 'shop', 'TRUNCATE users;', 'truncate', 'shared_preload_libraries');
$node->safe_psql('postgres', q{
	CREATE ROLE regress_layers_app;
	ALTER DATABASE by_mode SET invariant_guard.mode = 'enforce';
	ALTER ROLE regress_layers_app IN DATABASE by_role SET invariant_guard.mode = 'warn';
	ALTER DATABASE preloading SET session_preload_libraries = 'invariant_guard';
	ALTER DATABASE free SET work_mem = '8MB';
	ALTER SYSTEM SET invariant_guard.protected_databases = 'named, prod*'});
$node->reload;

for my $database (qw(by_mode by_role preloading named))
{
	is_refused($node, 'postgres', "DROP DATABASE $database;", 'drop-database', "DROP DATABASE $database");
	is_refused($node, 'postgres', "DROP DATABASE IF EXISTS $database WITH (FORCE);", 'drop-database',
		"DROP DATABASE IF EXISTS $database WITH (FORCE)");
	is_refused($node, 'postgres', "ALTER DATABASE $database RENAME TO other;", 'drop-database',
		"ALTER DATABASE $database RENAME");
}
is_refused($node, 'template1', 'DROP DATABASE named;', 'drop-database', 'from another database');
is_refused($node, 'shop', 'DROP DATABASE named;', 'drop-database', 'from a guarded database');
passes($node, 'postgres', 'ALTER DATABASE shadow RENAME TO shadow2; DROP DATABASE shadow2;',
	'a database that is not guarded is renamed and dropped');
passes($node, 'postgres', 'DROP DATABASE free;', 'a setting of somebody else guards nothing');
passes($node, 'postgres', 'DROP DATABASE IF EXISTS nosuch;', 'a database that is not there');
passes($node, 'postgres', 'CREATE DATABASE shadow3; DROP DATABASE shadow3;', 'shadow databases come and go');
is(refusal($node, 'postgres', 'DROP DATABASE nosuch;'), '3D000', 'the server\'s own error');
passes($node, 'postgres', q{
	SET invariant_guard.reason = 'test';
	SET invariant_guard.allow = 'drop-database(by_role)';
	DROP DATABASE by_role;}, 'an allowance');
is_refused($node, 'postgres', q{
	SET invariant_guard.reason = 'test';
	SET invariant_guard.allow = 'drop-database(by_role)';
	DROP DATABASE by_mode;}, 'drop-database', 'an allowance for another database');
passes($node, 'postgres', q{
	SET invariant_guard.reason = 'test';
	SET invariant_guard.allow = 'drop-database(named)';
	ALTER DATABASE named RENAME TO renamed;}, 'an allowance for a rename');
passes($node, 'postgres', 'DROP DATABASE renamed;', 'which is then not in the list');
is($node->safe_psql('postgres',
		q{SELECT string_agg(datname, ',' ORDER BY datname) FROM pg_database
		  WHERE datname IN ('by_mode', 'by_role', 'preloading', 'named', 'other')}),
	'by_mode,preloading', 'what is left');
$node->stop;

done_testing();
