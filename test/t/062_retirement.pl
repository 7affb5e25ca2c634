# Retirement where uses are recorded: a drop is refused while somebody still
# uses what is retired, also by a prepared statement, and passes when that has
# stopped and the period is over.  What a dump, a restart and a rename make of
# it; statements that are told, or refused.

use strict;
use warnings FATAL => 'all';

use IgTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('retirement',
	"shared_preload_libraries = 'invariant_guard'\ninvariant_guard.retirement_period = 3\n");
my $dir = PostgreSQL::Test::Utils::tempdir();
my @connect = ('-h', $node->host, '-p', $node->port);
my $number = 0;

shop($node, 'shop');
$node->safe_psql('shop', q{
	CREATE ROLE regress_app LOGIN;
	CREATE ROLE regress_other LOGIN;
	GRANT SELECT, INSERT, UPDATE, DELETE ON users, payments TO regress_app, regress_other;
	CREATE TABLE part (id int, old text) PARTITION BY RANGE (id);
	CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (0) TO (10);
	INSERT INTO part VALUES (1, 'a');
	GRANT SELECT ON part, part_1 TO regress_app;
	CREATE TABLE "Odd, ""Table""" ("Odd ""Column""" int, kept int);
	INSERT INTO "Odd, ""Table""" VALUES (1, 1);
});

# A session that stays; what it answers to a statement.
sub session
{
	my ($role, $application) = @_;
	my %s = (in => '', out => '');

	$s{run} = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr('shop') . " user=$role application_name='$application'" ],
		'<', \$s{in}, '>', \$s{out}, '2>&1', IPC::Run::timeout(800));
	return \%s;
}

sub ask
{
	my ($s, $sql) = @_;

	$number++;
	$s->{out} = '';
	$s->{in} .= "$sql\n;\n\\echo done $number\n";
	$s->{run}->pump until $s->{out} =~ /^done $number$/m;
	$s->{out} =~ s/^done $number\n//m;
	chomp $s->{out};
	return $s->{out};
}

sub end_session
{
	my ($s) = @_;
	$s->{in} .= "\\q\n";
	$s->{run}->finish;
}

# All that the server says against a statement.
sub said
{
	my ($sql, $db) = @_;
	my $stderr = '';

	$node->psql($db // 'shop', "\\set VERBOSITY verbose\n$sql", stderr => \$stderr, on_error_stop => 0);
	return $stderr;
}

# What is early must be so however long the test takes; the period that the
# server has is for what is to become free.
my $long = "SET invariant_guard.retirement_period = '1h';";

sub said_early
{
	my ($sql, $db) = @_;
	return said("$long BEGIN; $sql; ROLLBACK;", $db);
}

# Both doors, and nothing is dropped.
sub is_early
{
	my ($sql, $why, $name) = @_;
	my $said = said_early($sql);

	like($said, qr/ERROR:  IGC01: .*: $why \(rule drop-too-early\)/, "$name: refused");
	is($node->safe_psql('shop', "$long SELECT string_agg(rule || ' ' || code, ',') FROM invariant_guard.check_ddl(\$\$$sql\$\$) WHERE level = 'error'"),
		'drop-too-early IGC01', "$name: check_ddl says so too");
	return $said;
}

sub is_free
{
	my ($sql, $name) = @_;

	is(said("BEGIN; $sql; ROLLBACK;"), '', "$name: passes");
	is($node->safe_psql('shop', "SELECT count(*) FROM invariant_guard.check_ddl(\$\$$sql\$\$) WHERE level = 'error'"),
		'0', "$name: check_ddl says so too");
}

my $nickname = q{SELECT %s FROM invariant_guard.retirements WHERE rel = 'users'::regclass AND "column" = 'nickname'};

# Wait until nothing but time has passed.
sub wait_till_free
{
	my ($where, $period) = @_;
	my $free = "SELECT count(*) > 0 AND bool_and(held_by = '{}') FROM invariant_guard.retirements WHERE $where";

	$node->poll_query_until('shop', ($period // '') . $free, $period ? "SET\nt" : 't') or die "not free: $where";
}

# ---- a prepared statement of another session
my $client = session('regress_app', 'mobile 3.1');
my $writer = session('regress_other', 'importer');
ask($client, 'PREPARE old AS SELECT nickname FROM users WHERE id = $1');
is(ask($client, 'EXECUTE old(1)'), 'n1', 'the old client reads the column');
my $drop = 'ALTER TABLE users DROP COLUMN nickname';

is_refused($node, 'shop', $drop, 'drop-column', 'what is not retired');
is($node->safe_psql('shop', "SELECT invariant_guard.retire_column('users', 'nickname', 'APP-12: not shown since 3.2')"),
	't', 'retired');
my $said = is_early($drop, 'it was retired too short a time ago', 'at first');
like($said, qr/It was retired on .* by role "postgres", because: "APP-12: not shown since 3\.2"\./, 'why it was retired is told');
like($said, qr/It may go after .*invariant_guard\.retirement_period is 1h/, 'and when it may go');
like($said, qr/HINT:  SELECT \* FROM invariant_guard\.retirements WHERE rel = 'public\.users'::pg_catalog\.regclass;/, 'and the next step');
is($node->safe_psql('shop', sprintf($nickname, q{read_at IS NULL AND written_at IS NULL AND may_go = since + interval '3 s'})),
	't', 'uses from before do not count');

is(ask($client, 'EXECUTE old(2)'), 'n2', 'the old client goes on');
# with this period a session tells a use again after 0.75 s
sleep 1;
$said = is_early($drop, 'application "mobile 3\.1" has used it since it was retired', 'still read');
like($said, qr/It was last read on .* by application "mobile 3\.1" as role "regress_app"\./, 'who reads it is told');
is($node->safe_psql('shop', $long . sprintf($nickname, q{read_by || ': ' || (may_go = read_at + interval '1 h') || ': ' || array_to_string(held_by, '|')})),
	'application "mobile 3.1" as role "regress_app": true: application "mobile 3.1" has used it since it was retired', 'so does the view');
is($node->safe_psql('shop', "$long SET ROLE regress_other; " . sprintf($nickname, q{(read_at IS NOT NULL) || coalesce(read_by, '-') || held_by::text})),
	'true-{"it has been used since it was retired"}', 'which does not tell everybody who');

ask($writer, q{INSERT INTO users VALUES (1001, 'a', 'b')});
$said = is_early($drop, 'application "importer" has used it since it was retired', 'written');
like($said, qr/It was last written on .* by application "importer" as role "regress_other"\./, 'who writes it is told');
like($said, qr/last read on .* "mobile 3\.1"/, 'beside who reads it');

# somebody who goes on holds it, however long that is
for (1 .. 5)
{
	is(ask($client, 'EXECUTE old(2)'), 'n2', 'the old client still goes on');
	sleep 1;
}
is($node->safe_psql('shop', sprintf($nickname, q{read_at > since + interval '3 s'})), 't', 'and that is known');
is_early($drop, 'application "mobile 3\.1" has used it since it was retired', 'used without end');
wait_till_free(q{rel = 'users'::regclass});
is_free($drop, 'quiet for the period');

# every way to use it, each by a session of its own
my @uses = (
	[ 'a function', 'SELECT nick(1)', q{CREATE FUNCTION nick(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT nickname FROM users WHERE id = $1); END'} ],
	[ 'a view', 'SELECT id FROM nicks LIMIT 1', q{CREATE VIEW nicks AS SELECT id, nickname FROM users}, 'DROP VIEW nicks' ],
	[ 'all columns', 'SELECT * FROM users LIMIT 1' ],
	[ 'the whole row', 'SELECT u FROM users u LIMIT 1' ],
	[ 'COPY', 'COPY users (id, nickname) TO STDOUT' ],
	[ 'COPY of the whole table', 'COPY users TO STDOUT' ],
	[ 'COPY of a query', 'COPY (SELECT nickname FROM users) TO STDOUT' ],
	[ 'MERGE', q{MERGE INTO users u USING (SELECT 1 AS id) s ON u.id = s.id WHEN MATCHED THEN UPDATE SET nickname = 'm'} ],
	[ 'UPDATE', q{UPDATE users SET nickname = 'u' WHERE id = 2} ],
	[ 'a cursor', 'BEGIN; DECLARE c CURSOR FOR SELECT nickname FROM users; COMMIT' ],
);
for my $use (@uses)
{
	my ($name, $sql, $before, $after) = @$use;

	$node->safe_psql('shop', "SET invariant_guard.mode = off; $before") if $before;
	$node->safe_psql('shop', "SELECT invariant_guard.unretire_column('users', 'nickname'); SELECT invariant_guard.retire_column('users', 'nickname', 'x')");
	$node->safe_psql('shop', "SET application_name = 'by $name'; $sql");
	$node->safe_psql('shop', "SET invariant_guard.mode = off; $after") if $after;
	like(said_early($drop), qr/application "by \Q$name\E" has used it since it was retired \(rule drop-too-early\)/, "used by $name");
}
# and what is no use
$node->safe_psql('shop', "SELECT invariant_guard.unretire_column('users', 'nickname'); SELECT invariant_guard.retire_column('users', 'nickname', 'x')");
$node->safe_psql('shop', 'SELECT id, email FROM users LIMIT 1; SELECT count(*) FROM users; UPDATE users SET email = id; EXPLAIN SELECT nickname FROM users;');
$node->command_ok([ 'pg_dump', @connect, '-f', "$dir/unused.sql", 'shop' ], 'pg_dump');
is($node->safe_psql('shop', sprintf($nickname, q{read_at IS NULL AND written_at IS NULL})), 't',
	'other columns, count(*), EXPLAIN and pg_dump are no use');

# ---- a use while the drop waits for its lock, and an unretirement
# From the use to the second look there is time as long as the period.
my $period = "SET invariant_guard.retirement_period = '10s';";
wait_till_free(q{rel = 'users'::regclass}, $period);
my $waiting = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%DROP COLUMN%' AND pid <> pg_backend_pid()};
my $dropper = session('postgres', 'dropper');
ask($dropper, "$period SET invariant_guard.ddl_lock_timeout = 0; SET invariant_guard.severity = 'blockers-present=off'");
for my $case ([ 'used', 'EXECUTE old(3)', qr/application "mobile 3\.1" has used it .*\(rule drop-too-early\)/ ],
	[ 'unretired', undef, qr/cannot drop column "nickname" of table "public\.users" \(rule drop-column\)/ ])
{
	my ($name, $sql, $expected) = @$case;

	ask($client, 'BEGIN; LOCK TABLE users IN SHARE UPDATE EXCLUSIVE MODE') if $sql;
	if (!$sql)
	{
		$client = session('postgres', 'retirer');
		ask($client, q{BEGIN; SELECT invariant_guard.unretire_column('users', 'nickname')});
	}
	$dropper->{out} = '';
	$dropper->{in} .= "$drop;\n\\echo dropped\n";
	$dropper->{run}->pump_nb for 1 .. 3;
	ok($node->poll_query_until('shop', $waiting), "$name: the drop waits");
	ask($client, $sql) if $sql;
	ask($client, 'COMMIT');
	$dropper->{run}->pump until $dropper->{out} =~ /^dropped$/m;
	like($dropper->{out}, $expected, "$name while the drop waited");
	unlike($dropper->{out}, qr/does not name it/, "$name: and is told as what the statement names");
	is($node->safe_psql('shop', 'SELECT count(nickname) > 0 FROM users'), 't', "$name: the column is there");
	if ($sql)
	{
		end_session($client);
		wait_till_free(q{rel = 'users'::regclass}, $period);
	}
}
end_session($client);
end_session($dropper);
end_session($writer);

# ---- partitions, odd names, renames, columns that are added again
$node->safe_psql('shop', q{SELECT invariant_guard.retire_column('part', 'old', 'x'), invariant_guard.retire_table('"Odd, ""Table"""', 'y')});
$node->safe_psql('shop', q{SET application_name = 'of a part'; SELECT old FROM part_1});
is_early('ALTER TABLE part DROP COLUMN old', 'application "of a part" has used it since it was retired', 'read by the name of a partition');
$node->safe_psql('shop', q{SET application_name = 'odd'; SELECT count(*) FROM "Odd, ""Table"""});
is_early('DROP TABLE "Odd, ""Table"""', 'application "odd" has used it since it was retired', 'a table of which only rows were counted');
$node->safe_psql('shop', q{SET application_name = 'deleter'; DELETE FROM "Odd, ""Table""" WHERE kept = 2});
like(is_early('DROP TABLE "Odd, ""Table"""', 'application "deleter" has used it since it was retired', 'a table'),
	qr/last (?:written|read) on .* by application "deleter"/, 'DELETE is a use of a table');
wait_till_free(q{true});
is_free('ALTER TABLE part DROP COLUMN old', 'a partitioned table');
is_free('DROP TABLE "Odd, ""Table"""', 'an odd name');
is($node->safe_psql('shop', q{
	SET invariant_guard.mode = off;
	ALTER TABLE part RENAME COLUMN old TO older;
	ALTER TABLE part RENAME TO parted;
	SELECT rel || '.' || "column" FROM invariant_guard.retirements WHERE "column" IS NOT NULL}), 'parted.older', 'it follows a rename');
$node->safe_psql('shop', 'ALTER TABLE parted DROP COLUMN older; ALTER TABLE parted ADD COLUMN older text; DROP TABLE "Odd, ""Table""";');
is($node->safe_psql('shop', 'SELECT count(*) FROM invariant_guard.retirements'), '0', 'and goes with what is dropped');
is_refused($node, 'shop', 'ALTER TABLE parted DROP COLUMN older', 'drop-column', 'the column that was added again is another one');

# ---- what was not observed
$node->safe_psql('shop', q{SELECT invariant_guard.retire_column('users', 'nickname', 'x'), invariant_guard.retire_column('payments', 'cents', 'x')});
wait_till_free(q{true});
$node->safe_psql('shop', 'SET invariant_guard.track_columns = off; SELECT nickname FROM users LIMIT 1');
like(is_early($drop, 'its use was not recorded all the time since it was retired', 'a session that records nothing'),
	qr/Until .* its use was not recorded: /, 'what was not observed is told');

# ---- a restart; dump and restore
$node->safe_psql('shop', "SELECT invariant_guard.unretire_column('users', 'nickname'); SELECT invariant_guard.unretire_column('payments', 'cents');
	SELECT invariant_guard.retire_column('users', 'nickname', 'it''s \"done\", \$\$: ' || chr(10) || ' -- x', block_writes => true);
	SELECT invariant_guard.retire_table('payments', 'old'); SELECT invariant_guard.protect('payments', 'protected')");
my $all = q{SELECT string_agg(rel || '.' || coalesce("column", '') || ' ' || extract(epoch FROM since) || ' ' || retired_by || ' ' || block_writes || ' ' || reason, '|' ORDER BY rel::text)
	FROM invariant_guard.retirements};
my $expected = $node->safe_psql('shop', $all);
like($expected, qr/payments.*users\.nickname/s, 'two are retired');
$node->restart;
is($node->safe_psql('shop', $all), $expected, 'a restart');
for my $way ('plain', 'custom', 'schema only')
{
	(my $db = $way) =~ s/ /_/;
	my @format = $way eq 'plain' ? () : $way eq 'custom' ? ('-Fc') : ('-s');

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ 'pg_dump', @connect, @format, '-f', "$dir/$db", 'shop' ], "$way: dump");
	my ($status) = run_client($way eq 'custom' ?
		[ 'pg_restore', @connect, '--exit-on-error', '-j2', '-d', $db, "$dir/$db" ] :
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/$db", $db ],
		options => '-c invariant_guard.mode=off');
	is($status, 0, "$way: restore");
	is($node->safe_psql($db, $all), $expected, "$way: since when, by whom and why is restored");
	next if $way eq 'schema only';
	like(said_early($drop, $db), qr/application "[^"]+" has used it since it was retired \(rule drop-too-early\)/,
		"$way: but the restore itself has written the column");
}

# in one transaction all is new, with the guard on as well: labels come before the rows
$node->safe_psql('postgres', 'CREATE DATABASE at_once');
my ($at_once) = run_client([ 'pg_restore', @connect, '-1', '-d', 'at_once', "$dir/custom" ]);
is($at_once, 0, 'one transaction, guard on: restore');
is($node->safe_psql('at_once', $all), $expected, 'one transaction, guard on: what is retired is restored');
is($node->safe_psql('at_once', 'SELECT count(nickname) > 0 FROM users'), 't', 'one transaction, guard on: values and all');

# ---- statements that are told, or refused; cached plans included
$node->safe_psql('shop', "SELECT invariant_guard.retire_column('users', 'nickname', 'gone in 4.0', block_writes => false)");
my $cached = session('regress_app', 'cached');
ask($cached, 'SET plan_cache_mode = force_generic_plan; PREPARE reads AS SELECT nickname FROM users WHERE id = $1; PREPARE writes AS UPDATE users SET nickname = $1 WHERE id = 1; PREPARE others AS SELECT email FROM users WHERE id = $1');
unlike(ask($cached, 'EXECUTE reads(1)'), qr/retired/, 'record: nothing is said');
for my $mode ('warn', 'error', 'record')
{
	$node->safe_psql('postgres', "ALTER SYSTEM SET invariant_guard.retired_column_use = '$mode'; SELECT pg_reload_conf()");
	for (1 .. 1200)
	{
		last if ask($cached, 'SHOW invariant_guard.retired_column_use') eq $mode;
		select(undef, undef, undef, 0.1);
	}
	my ($reads, $others) = (ask($cached, 'EXECUTE reads(3)'), ask($cached, 'EXECUTE others(3)'));
	unlike($others, qr/retired/, "$mode: a statement that does not name it");
	like($reads, qr/WARNING:  the statement reads column "nickname" of table "public\.users", which is retired \(rule retired-use\).*\nDETAIL:  It was retired on .* because: "gone in 4\.0"/s, "$mode: prepared statement")
	  if $mode eq 'warn';
	like($reads, qr/ERROR:  cannot read column "nickname" of table "public\.users", which is retired \(rule retired-use\)/, "$mode: prepared statement")
	  if $mode eq 'error';
	unlike($reads, qr/retired/, "$mode: prepared statement") if $mode eq 'record';
}
unlike(ask($cached, q{EXECUTE writes('x')}), qr/retired/, 'writes pass');
$node->safe_psql('shop', "SELECT invariant_guard.retire_column('users', 'nickname', 'gone in 4.0', block_writes => true)");
like(ask($cached, q{EXECUTE writes('x')}), qr/ERROR:  cannot write column "nickname" of table "public\.users", which is retired \(rule retired-write\)/,
	'block_writes: a prepared statement of a session that was there before');
unlike(ask($cached, 'EXECUTE reads(3)'), qr/retired/, 'block_writes: reads pass');
$node->safe_psql('shop', "SELECT invariant_guard.unretire_column('users', 'nickname')");
unlike(ask($cached, q{EXECUTE writes('y')}), qr/retired/, 'unretired: writes pass');
end_session($cached);

$node->stop;
done_testing();
