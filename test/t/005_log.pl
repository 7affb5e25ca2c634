# What stands in the server's log: allowances with their reason, refusals, and
# in observe mode the findings.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('log', "log_error_verbosity = verbose\n");
shop($node, 'shop', preload => 1);

# The part of the log that a piece of SQL adds.
sub log_of
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;

	$node->psql('shop', $sql, on_error_stop => 0);
	return substr(slurp_file($node->logfile), $offset);
}

my $log = log_of('ALTER TABLE users DROP COLUMN nickname');
like($log, qr/ERROR:  IGW\d\d: cannot .*\(rule drop-column\)/, 'a refusal');

$log = log_of(q{
	BEGIN;
	SET LOCAL invariant_guard.reason = 'TICKET-12';
	SET LOCAL invariant_guard.allow = 'drop-column(public.users.nickname)';
	ALTER TABLE users DROP COLUMN nickname;
	ROLLBACK;
});
like($log, qr/LOG:  IGW\d\d: allowed: .*\(rule drop-column\)/, 'an allowance that is used');
like($log, qr/DETAIL:  Object "public\.users\.nickname", role "[^"]+", application "[^"]*", reason "TICKET-12"\./,
	'with object, role, application and reason');
unlike($log, qr/ERROR/, 'and no error');

$log = log_of(q{
	SET invariant_guard.mode = 'observe';
	BEGIN;
	ALTER TABLE users DROP COLUMN nickname;
	TRUNCATE users;
	ROLLBACK;
});
like($log, qr/LOG:  IGW\d\d: observed error: .*\(rule drop-column\)/, 'observe: drop-column');
like($log, qr/LOG:  IGW\d\d: observed error: .*\(rule truncate\)/, 'observe: truncate');
unlike($log, qr/ERROR/, 'observe: no error');

# A name with a line break must not look like another entry of the log.
$log = log_of(qq{CREATE TABLE "x\nFATAL:  fake" (a int); DROP TABLE "x\nFATAL:  fake";});
unlike($log, qr/^(?:ERROR|LOG|DETAIL|HINT).*\n[^\t]*FATAL:  fake.*\(rule/m, 'line breaks in names are escaped');

$node->stop;
done_testing();
