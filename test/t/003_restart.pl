# What was set holds after a restart and after a crash.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('restart');

shop($node, 'shop', preload => 1);
$node->safe_psql('shop', q{
	SELECT invariant_guard.protect('payments', 'financial');
	ALTER DATABASE shop SET invariant_guard.severity = 'truncate=warning';
	ALTER DATABASE shop SET invariant_guard.environment = 'staging';
	CHECKPOINT;
});

sub check
{
	my ($when) = @_;

	is($node->safe_psql('shop', q{SELECT current_setting('invariant_guard.severity') || ' ' ||
			current_setting('invariant_guard.environment')}),
		'truncate=warning staging', "$when: the settings of the database");
	is($node->safe_psql('shop',
			q{SELECT label FROM pg_seclabels WHERE objname = 'payments' AND provider = 'invariant_guard'}),
		'financial', "$when: the label");
	is_refused($node, 'shop', 'TRUNCATE payments;', 'financial-truncate', "$when: a financial table");
	is_refused($node, 'shop', 'ALTER TABLE users DROP COLUMN nickname;', 'drop-column', "$when: a column");
	my $stderr;
	$node->psql('shop', 'BEGIN; TRUNCATE users; ROLLBACK', stderr => \$stderr);
	like($stderr, qr/WARNING:  .*\(rule truncate\)/, "$when: a lowered rule");
}

check('before');
$node->restart;
check('after a restart');

# A refused statement, an allowed one and an open transaction at the moment of
# the crash.
my ($in, $out, $err) = ('', '', '');
my $session = IPC::Run::start(
	[ 'psql', '-X', '-q', '-A', '-t', '-d', $node->connstr('shop') ],
	'<', \$in, '>', \$out, '2>', \$err,
	IPC::Run::timeout(60));
$in .= "BEGIN; SET LOCAL invariant_guard.reason = 'test'; "
	. "SET LOCAL invariant_guard.allow = 'drop-column(public.users.nickname)'; "
	. "ALTER TABLE users DROP COLUMN nickname; SELECT 'dropped';\n";
$session->pump until $out =~ /dropped/;
crash_node($node);
eval { $session->kill_kill; };

is($node->safe_psql('shop', 'SELECT count(nickname) FROM users'), '100',
	'what was allowed but not committed is undone by the crash');
check('after a crash');

$node->stop;
done_testing();
