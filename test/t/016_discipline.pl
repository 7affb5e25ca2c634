# Two sessions and one lock: who is in the way is told, DDL gives up after
# ddl_lock_timeout, and lock_timeout is as it was however the statement ends.

use strict;
use warnings FATAL => 'all';

use IgTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('discipline', "max_prepared_transactions = 5\n");

# A psql that stays, and says what it is told until it has said all of it.
sub session
{
	my ($db, $name, $user) = @_;
	my %s = (in => '', out => '', number => 0);

	local $ENV{PGAPPNAME} = $name;
	$s{timer} = IPC::Run::timeout(60);
	$s{run} = IPC::Run::start([ 'psql', '-XqAt', '-h', $node->host, '-p', $node->port,
			'-U', $user // 'postgres', '-d', $db ],
		'<', \$s{in}, '>', \$s{out}, '2>&1', $s{timer});
	ask(\%s, "\\set VERBOSITY verbose");
	return \%s;
}

sub say_to
{
	my ($s, $sql) = @_;
	$s->{timer}->reset;
	$s->{out} = '';
	$s->{number}++;
	$s->{in} .= "$sql\n;\n\\echo done $s->{number}\n";
	$s->{run}->pump_nb;
	return;
}

sub answer
{
	my ($s) = @_;
	$s->{timer}->reset;
	$s->{run}->pump until $s->{out} =~ /^done $s->{number}$/m;
	my $said = $s->{out};
	$said =~ s/^done \d+\n//mg;
	note($said) if $said ne '';
	return $said;
}

sub ask
{
	my ($s, $sql) = @_;
	say_to($s, $sql);
	return answer($s);
}

# Until a session waits for a lock.
sub until_it_waits
{
	my ($pid) = @_;
	return $node->poll_query_until('postgres',
		"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $pid");
}

shop($node, 'shop', preload => 1);
$node->safe_psql('postgres', 'CREATE ROLE owner LOGIN; CREATE ROLE stranger LOGIN');
$node->safe_psql('shop', 'SET invariant_guard.mode = off; CREATE TABLE quiet (id int); ALTER TABLE users OWNER TO owner;'
	  . 'GRANT ALL ON SCHEMA public TO owner; GRANT ALL ON users, quiet TO stranger;');

#
# blockers-present
#
my $reader = session('shop', 'long report', 'stranger');
my $migration = session('shop', 'migration', 'owner');
my $admin = session('shop', 'admin');
chomp(my $reader_pid = ask($reader, 'SELECT pg_backend_pid()'));
chomp(my $migration_pid = ask($migration, 'SELECT pg_backend_pid()'));

ask($reader, 'BEGIN; SELECT count(*) FROM users;');
ask($admin, "SET invariant_guard.severity = 'blockers-present=error, create-index-blocking=off'");
my $said = ask($admin, 'ALTER TABLE users ADD COLUMN x int;');
like($said, qr/ERROR:  IGT02: the statement has to wait for other sessions that use table "public\.users" \(rule blockers-present\)/,
	'refused before it queues');
like($said, qr/DETAIL:  Process $reader_pid \(application "long report", idle in transaction, in a transaction for \d+ s\) holds a lock on table "public\.users"\./,
	'with process, application, state and age');
like($said, qr/^-- SELECT pg_terminate_backend\($reader_pid\);$/m, 'and what would end it');
unlike(ask($admin, 'BEGIN; CREATE INDEX ON users (email); ROLLBACK;'), qr/ERROR/,
	'a lock that does not conflict is not in the way');
unlike(ask($admin, 'BEGIN; ALTER TABLE payments ADD COLUMN x int; ROLLBACK;'), qr/ERROR/,
	'nor is one on another table');
like(ask($admin, 'BEGIN; CREATE TABLE child (id int REFERENCES users); ROLLBACK;'), qr/^$/,
	'nor a reader for a foreign key');
like(ask($admin, 'BEGIN; LOCK TABLE payments; ALTER TABLE payments ADD COLUMN x int; ROLLBACK;'), qr/^$/,
	'nor this session itself');

# what another role's session does is for those who may see it
$node->safe_psql('shop', "SET client_min_messages = error; ALTER ROLE owner SET invariant_guard.severity = 'blockers-present=error'");
my $owner = session('shop', 'owner', 'owner');
$said = ask($owner, 'ALTER TABLE users ADD COLUMN x int;');
like($said, qr/DETAIL:  Process $reader_pid holds a lock on table/, 'others see the process');
unlike($said, qr/long report|idle in transaction/, 'and no more');
$node->safe_psql('postgres', 'GRANT pg_read_all_stats TO owner');
like(ask($owner, 'ALTER TABLE users ADD COLUMN x int;'), qr/application "long report"/, 'pg_read_all_stats sees all');
$node->safe_psql('postgres', 'REVOKE pg_read_all_stats FROM owner');
$node->safe_psql('postgres', 'ALTER ROLE owner RESET invariant_guard.severity');

# a statement that is refused anyway waits for nobody
unlike(ask($admin, 'ALTER TABLE users DROP COLUMN nickname;'), qr/blockers-present/, 'not where it is refused anyway');

# a prepared transaction
ask($reader, "PREPARE TRANSACTION 'late';");
$said = ask($admin, 'ALTER TABLE users ADD COLUMN x int;');
like($said, qr/DETAIL:  A prepared transaction holds a lock on table "public\.users"\./, 'a prepared transaction');
ask($reader, "ROLLBACK PREPARED 'late';");
like(ask($admin, 'BEGIN; ALTER TABLE users ADD COLUMN x int; ROLLBACK;'), qr/^$/, 'nobody is there any more');

# Who comes and goes is no blocker.  One of four is always there, so that one
# look would find somebody each time; on a slow machine two looks may, too.
my @coming = ($reader, map { session('shop', "report $_", 'stranger') } 1 .. 3);
say_to($_, 'DO $$ BEGIN LOOP PERFORM count(*) FROM users; PERFORM pg_sleep(0.01); COMMIT;'
	  . ' EXIT WHEN EXISTS (SELECT FROM quiet); COMMIT; END LOOP; END $$;') for @coming;
my $undisturbed = 0;
for (1 .. 200)
{
	$undisturbed = ask($admin, 'BEGIN; ALTER TABLE users ADD COLUMN x int; ROLLBACK;') !~ /blockers-present/;
	last if $undisturbed;
}
ok($undisturbed, 'short transactions on a busy table');
$node->safe_psql('shop', 'INSERT INTO quiet VALUES (1)');
is(join('', map { answer($_) } @coming), '', 'whose transactions did not fail');

#
# ddl_lock_timeout
#
$node->safe_psql('shop', "ALTER DATABASE shop SET invariant_guard.ddl_lock_timeout = '400ms'");
$_->{run}->finish for grep { $_->{in} .= "\\q\n"; 1 } ($migration, $owner, $admin);
$migration = session('shop', 'migration', 'owner');
$admin = session('shop', 'admin');
chomp($migration_pid = ask($migration, 'SELECT pg_backend_pid()'));
my $alter = 'ALTER TABLE users ADD COLUMN x int;';

ask($reader, 'BEGIN; SELECT count(*) FROM users;');
$said = ask($migration, $alter);
like($said, qr/WARNING:  IGT02:/, 'a warning first');
like($said, qr/ERROR:  55P03: canceling statement due to lock timeout/, 'DDL gives up');
is(ask($migration, 'SHOW lock_timeout'), "0\n", 'lock_timeout after the timeout');
like(ask($migration, "BEGIN; SAVEPOINT s; $alter ROLLBACK TO s; SHOW lock_timeout; COMMIT;"),
	qr/55P03.*^0$/ms, 'after ROLLBACK TO');
like(ask($migration, "DO \$\$ BEGIN $alter EXCEPTION WHEN lock_not_available THEN RAISE WARNING 'caught, %', current_setting('lock_timeout'); END \$\$;"),
	qr/caught, 0/, 'in an exception block');
like(ask($migration, "SET lock_timeout = '100ms'; $alter SHOW lock_timeout; RESET lock_timeout;"),
	qr/55P03.*^100ms$/ms, 'a shorter one of the session stays');
like(ask($migration, "SET lock_timeout = '10min'; $alter SHOW lock_timeout; RESET lock_timeout;"),
	qr/55P03.*^10min$/ms, 'a longer one comes back');
like(ask($migration, "BEGIN; SET LOCAL statement_timeout = '200ms'; $alter ROLLBACK; SHOW lock_timeout;"),
	qr/57014: canceling statement due to statement timeout.*^0$/ms, 'after a statement timeout');

# cancelled by another session
ask($admin, "SET invariant_guard.ddl_lock_timeout = 0; SET invariant_guard.severity = 'discipline=off'");
$node->safe_psql('shop', "ALTER ROLE owner IN DATABASE shop SET invariant_guard.ddl_lock_timeout = '1min'");
my $patient = session('shop', 'patient', 'owner');
chomp(my $patient_pid = ask($patient, 'SELECT pg_backend_pid()'));
say_to($patient, $alter);
ok(until_it_waits($patient_pid), 'DDL waits');
$node->safe_psql('shop', "SELECT pg_cancel_backend($patient_pid)");
like(answer($patient), qr/57014: canceling statement due to user request/, 'and is cancelled');
is(ask($patient, 'SHOW lock_timeout'), "0\n", 'lock_timeout after the cancel');
say_to($patient, $alter);
ok(until_it_waits($patient_pid), 'DDL waits again');
ask($reader, 'COMMIT;');
unlike(answer($patient), qr/ERROR/, 'and goes on when the reader has ended');
is(ask($patient, 'SHOW lock_timeout'), "0\n", 'lock_timeout after success');

# LOCK and what is done by hand wait as long as they want
ask($reader, 'BEGIN; SELECT count(*) FROM users;');
say_to($migration, 'BEGIN; LOCK TABLE users; SHOW lock_timeout; ROLLBACK;');
ok(until_it_waits($migration_pid), 'LOCK TABLE waits');
select(undef, undef, undef, 1);
ask($reader, 'COMMIT;');
is(answer($migration), "0\n", 'as long as it takes');

# statements that commit inside
ask($reader, 'BEGIN; SELECT count(*) FROM users;');
$node->safe_psql('shop', "ALTER DATABASE shop SET invariant_guard.severity = 'lock=off'");
my $window = session('shop', 'window');
like(ask($window, 'VACUUM (FULL) users;'), qr/55P03/, 'VACUUM FULL gives up');
is(ask($window, 'SHOW lock_timeout'), "0\n", 'lock_timeout after VACUUM FULL');
like(ask($window, 'CLUSTER users USING users_pkey;'), qr/55P03/, 'CLUSTER gives up');
is(ask($window, 'SHOW lock_timeout'), "0\n", 'lock_timeout after CLUSTER');
ask($reader, 'UPDATE users SET email = email WHERE id = 1;');
like(ask($window, 'REINDEX SCHEMA public;'), qr/55P03/, 'REINDEX SCHEMA gives up');
is(ask($window, 'SHOW lock_timeout'), "0\n", 'lock_timeout after REINDEX SCHEMA');
say_to($window, 'CREATE INDEX CONCURRENTLY users_email ON users (email);');
select(undef, undef, undef, 1);
ask($reader, 'COMMIT;');
unlike(answer($window), qr/ERROR/, 'CONCURRENTLY waits as long as it takes');
is(ask($window, "VACUUM (FULL) users; SHOW lock_timeout;"), "0\n", 'and VACUUM FULL works');

# parallel workers get along with it
is(ask($window, q{SET max_parallel_maintenance_workers = 2; SET min_parallel_table_scan_size = 0;
	CREATE TABLE big AS SELECT i FROM generate_series(1, 200000) i; CREATE INDEX ON big (i); SHOW lock_timeout;}),
	"0\n", 'a parallel index build');
$_->{run}->finish for grep { $_->{in} .= "\\q\n"; 1 } ($window, $patient, $migration, $admin);

#
# A session whose first DDL loads the library.
#
shop($node, 'lazy');
my $lazy_reader = session('lazy', 'reader');
my $first = sub { my $s = session('lazy', 'lazy'); my $r = ask($s, $_[0]); $s->{in} .= "\\q\n"; $s->{run}->finish; return $r; };
is($first->("ALTER TABLE users ADD COLUMN t text DEFAULT current_setting('lock_timeout'); SHOW lock_timeout; SELECT t FROM users LIMIT 1;"),
	"0\n5s\n", 'the first DDL of a session has its timeout, and gives it back');
like($first->("ALTER TABLE users ADD COLUMN u int DEFAULT length(current_setting('no.such')); SHOW lock_timeout;"),
	qr/ERROR.*^0$/ms, 'after an error');
like($first->("BEGIN; SAVEPOINT s; ALTER TABLE users ADD COLUMN u int DEFAULT length(current_setting('no.such')); ROLLBACK TO s; SHOW lock_timeout; COMMIT;"),
	qr/ERROR.*^0$/ms, 'after a savepoint');
like($first->("BEGIN; ALTER TABLE users ADD COLUMN u int; SHOW lock_timeout; INSERT INTO users SELECT i FROM generate_series(1001, 3000) i; ROLLBACK;"),
	qr/^0\n.*IGT03/ms, 'and the lock that it took is known');
ask($lazy_reader, 'BEGIN; SELECT count(*) FROM users;');
like($first->('ALTER TABLE users ADD COLUMN u int; SHOW lock_timeout;'),
	qr/IGT02.*55P03.*^0$/ms, 'who is in the way is told, too');
$_->{run}->finish for grep { $_->{in} .= "\\q\n"; 1 } ($lazy_reader, @coming);

$node->stop;
done_testing();
