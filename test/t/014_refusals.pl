# The record of findings in shared memory: the views refusals, findings and
# rule_counters.  Who sees what, what is kept and what is not.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $drop = 'ALTER TABLE users DROP COLUMN nickname;';

sub attempt
{
	my ($node, $db, $sql, %opt) = @_;

	$node->psql($db, $sql, on_error_stop => 0, %opt);
	return;
}

sub try_everything
{
	my ($node, $how) = @_;
	my $is = sub {
		my ($sql, $expected, $name, $db) = @_;
		is($node->safe_psql($db // 'shop', $sql), $expected, "$how: $name");
	};

	shop($node, 'shop', preload => 1);
	shop($node, 'other', preload => 1);
	$node->safe_psql('postgres', 'CREATE ROLE ann SUPERUSER LOGIN; CREATE ROLE ben LOGIN;'
		  . 'CREATE ROLE watcher LOGIN; GRANT pg_read_all_stats TO watcher;');

	$is->('SELECT in_force, not_covered FROM invariant_guard.status() WHERE layer = $$record of findings$$',
		't|', 'status');
	$is->('SELECT count(*) FROM invariant_guard.findings', '0', 'nothing yet');

	# A refusal stays although its transaction is rolled back, or the error caught.
	attempt($node, 'shop', "SET ROLE ann; SET application_name = 'app'; BEGIN; $drop ROLLBACK;");
	$is->(q{SELECT now() - occurred_at < interval '5 min', database, role, application, pid > 0, rule, code, level,
			object, outcome, message, reason FROM invariant_guard.refusals},
		't|shop|ann|app|t|drop-column|IGW01|error|public.users.nickname|refused|'
		  . 'cannot drop column "nickname" of table "public.users"|', 'a refusal');
	attempt($node, 'shop', "DO \$\$ BEGIN $drop EXCEPTION WHEN OTHERS THEN NULL; END \$\$");
	$is->('SELECT count(*), min(role) FROM invariant_guard.refusals', '2|ann', 'one that was caught');

	# The other outcomes.
	attempt($node, 'shop', 'CREATE VIEW v AS SELECT 1; DROP VIEW v;');
	attempt($node, 'shop', "SET invariant_guard.severity = 'truncate=notice'; BEGIN; TRUNCATE users; ROLLBACK;");
	attempt($node, 'shop', 'SET invariant_guard.mode = observe; BEGIN; TRUNCATE users; ROLLBACK;');
	attempt($node, 'shop', qq{BEGIN; SET LOCAL invariant_guard.reason = E'TICKET-1\n"x"';
		SET LOCAL invariant_guard.allow = 'truncate(users)'; TRUNCATE users; ROLLBACK;});
	$is->('SELECT outcome, rule, level, reason FROM invariant_guard.findings LIMIT 4',
		"allowed|truncate|error|TICKET-1\n\"x\"\nobserved|truncate|error|\n"
		  . "noticed|truncate|notice|\nwarned|drop-view|warning|", 'all outcomes, the newest first');
	$is->('SELECT count(*) FROM invariant_guard.refusals', '2', 'of which refusals shows its own');
	$is->(q{SELECT rule, refused, warned, noticed, observed, allowed, last_at IS NOT NULL
			FROM invariant_guard.rule_counters WHERE last_at IS NOT NULL ORDER BY 1},
		"drop-column|2|0|0|0|0|t\ndrop-view|0|1|0|0|0|t\ntruncate|0|0|1|1|1|t", 'counters');
	$is->('SELECT count(*) = (SELECT count(*) FROM invariant_guard.rules) FROM invariant_guard.rule_counters',
		't', 'a row for each rule');

	# Each database has its own.
	attempt($node, 'other', 'TRUNCATE users');
	$is->('SELECT rule, database FROM invariant_guard.findings', 'truncate|other', 'of this database only', 'other');
	$is->('SELECT rule, refused FROM invariant_guard.rule_counters WHERE last_at IS NOT NULL',
		'truncate|1', 'counters of this database only', 'other');
	$is->('SELECT count(*) FROM invariant_guard.findings', '6', 'and the first has its own');

	# Privileges.
	$node->safe_psql('shop', 'CREATE TABLE bens (a int); ALTER TABLE bens OWNER TO ben');
	attempt($node, 'shop', 'TRUNCATE bens', extra_params => [ '-U', 'ben' ]);
	attempt($node, 'shop', 'SET SESSION AUTHORIZATION ben; TRUNCATE bens');
	$is->('SET ROLE ben; SELECT role, object FROM invariant_guard.refusals',
		"ben|public.bens\nben|public.bens", 'a role sees its own');
	$is->('SET ROLE watcher; SELECT count(*) FROM invariant_guard.findings', '8', 'pg_read_all_stats sees all');
	$is->('SET ROLE ben; SELECT refused FROM invariant_guard.rule_counters WHERE rule = $$truncate$$',
		'2', 'everybody sees the counters');
	my $stderr = '';
	$node->psql('shop', 'SET ROLE ben; SELECT invariant_guard.reset_counters()', stderr => \$stderr);
	like($stderr, qr/permission denied for function reset_counters/, "$how: not everybody resets them");
	$node->safe_psql('shop', 'GRANT EXECUTE ON FUNCTION invariant_guard.reset_counters() TO watcher');
	$node->safe_psql('shop', 'SET ROLE watcher; SELECT invariant_guard.reset_counters()');
	$is->('SELECT count(*) FROM invariant_guard.rule_counters WHERE last_at IS NOT NULL', '0', 'reset');
	$is->('SELECT sum(refused) FROM invariant_guard.rule_counters', '1', 'but not those of another database', 'other');
	$is->('SELECT count(*) FROM invariant_guard.findings', '8', 'nor the findings');

	# Long texts are clipped at the end of a character.
	attempt($node, 'shop', "BEGIN; SET LOCAL invariant_guard.reason = 'x" . ("\x{c3}\x{a9}" x 2000) . "';"
		  . "SET LOCAL invariant_guard.allow = 'truncate(users)'; TRUNCATE users; ROLLBACK;");
	$is->(q{SELECT reason = 'x' || repeat(U&'\00e9', 127) FROM invariant_guard.findings LIMIT 1}, 't', 'clipping');

	# A statement with many findings does not push all others out; all count.
	$node->safe_psql('shop', join('', map { "CREATE TABLE many_$_ (a int);" } 1 .. 40));
	attempt($node, 'shop', 'DROP TABLE ' . join(', ', map { "many_$_" } 1 .. 40));
	$is->(q{SELECT count(*) FROM invariant_guard.refusals WHERE object LIKE '%.many%'}, '21', 'many findings: entries');
	$is->(q{SELECT refused FROM invariant_guard.rule_counters WHERE rule = 'drop-table'}, '40', 'many findings: counts');

	# More writers at once than there is room for.
	$node->safe_psql('shop', 'SELECT invariant_guard.reset_counters()');
	my @sessions = map { $node->background_psql('shop', on_error_stop => 0) } 1 .. 4;
	my $loop = q{DO $$ BEGIN FOR i IN 1..400 LOOP
		BEGIN TRUNCATE users; EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; END $$;};
	$_->{stdin} .= "$loop\n" for @sessions;
	$_->{run}->pump_nb for @sessions;
	$_->quit for @sessions;
	$is->('SELECT refused FROM invariant_guard.rule_counters WHERE rule = $$truncate$$', '1600', 'writers at once: counts');
	# None has written more than 400 of the last 1000, so at least three are among
	# them; whether the fourth is, the scheduler decides.
	$is->('SELECT count(*), count(DISTINCT pid) >= 3, min(rule), max(rule) FROM invariant_guard.findings',
		'1000|t|truncate|truncate', 'the ring is full, and whole');
	$is->('SELECT count(*) FROM invariant_guard.findings', '0', 'what is too old is gone', 'other');
	$is->(q{SELECT bool_and(number = above - 1) FROM (
			SELECT number, lag(number) OVER (ORDER BY number DESC) AS above FROM invariant_guard.findings()) n
			WHERE above IS NOT NULL}, 't', 'in order');

	# A restart empties it, a crash too.
	for my $mode (qw(fast immediate))
	{
		$node->stop($mode);
		$node->start;
		$is->('SELECT count(*) FROM invariant_guard.findings', '0', "empty after $mode shutdown");
		$is->('SELECT count(*) FROM invariant_guard.rule_counters WHERE last_at IS NOT NULL', '0', 'counters too');
		attempt($node, 'shop', 'TRUNCATE users');
		$is->('SELECT count(*) FROM invariant_guard.findings', '1', 'and used again');
	}
}

my $shared = start_node('shared', "shared_preload_libraries = 'invariant_guard'\n");
my $major = major($shared);
try_everything($shared, 'shared preload');
$shared->stop;

my $session = start_node('session');
if ($major >= 17)
{
	try_everything($session, 'registry of segments');
}
else
{
	my $stderr = '';

	shop($session, 'shop', preload => 1);
	attempt($session, 'shop', $drop);
	for my $view (qw(refusals findings rule_counters))
	{
		$session->psql('shop', "SELECT count(*) FROM invariant_guard.$view", stderr => \$stderr, stdout => \my $out);
		is($out, '0', "no shared preload: $view is empty");
		like($stderr, qr/NOTICE:  findings are not kept on this server/, 'and says why');
	}
	is( $session->safe_psql('shop',
			'SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = $$record of findings$$'),
		'f|before PostgreSQL 17 it needs shared_preload_libraries|'
		  . 'the views refusals, findings and rule_counters are empty: see the server log', 'status says it');
	$session->safe_psql('shop', 'SELECT invariant_guard.reset_counters()');
}
$session->stop;
done_testing();
