# What stands in the server's log: one line of each refusal, each warning, each
# used allowance, and in observe mode of each finding, whatever the client sees
# of it and however much the server is told to log.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('log', "log_error_verbosity = verbose\nlog_line_prefix = '%m [%p] '\n");
shop($node, 'shop', preload => 1);
$node->safe_psql('postgres', 'CREATE ROLE deployer SUPERUSER LOGIN');

my $who = 'role "deployer", application "it\'s ""me"""';

# The part of the log that a piece of SQL adds, and what the client was told.
sub log_of
{
	my ($sql) = @_;
	my $offset = -s $node->logfile;
	my $told = '';

	$node->psql('shop', "SET ROLE deployer; SET application_name = 'it''s \"me\"';\n" . $sql,
		on_error_stop => 0, stderr => \$told);
	return (substr(slurp_file($node->logfile), $offset), $told);
}

# Our lines of it: from the name on; and none may be followed by one of its
# own details, statement or place in the source.
sub lines_of
{
	my ($log) = @_;
	my @lines;
	my @all = split /\n/, $log;

	for my $i (0 .. $#all)
	{
		next unless $all[$i] =~ /LOG:  [0-9A-Z]{5}: invariant_guard: (.*)$/;
		push @lines, $1;
		fail("one line: $all[$i + 1]")
		  if $i < $#all && $all[$i + 1] !~ /^\S+ \S+ \S+ \[\d+\] (?:LOG|ERROR|WARNING|NOTICE):  /;
	}
	return @lines;
}

sub lines_are
{
	my ($sql, $expected, $name) = @_;
	my ($log, $told) = log_of($sql);
	my @lines = lines_of($log);

	is_deeply(\@lines, $expected, $name) or diag($log);
	unlike($told, qr/invariant_guard:/, "$name: the client sees none of it");
	return ($log, $told);
}

my $nickname = "cannot drop column \"nickname\" of table \"public.users\"";
my $refused = "refused drop-column (IGW01) on \"public.users.nickname\": $who, level error: $nickname";

lines_are('ALTER TABLE users DROP COLUMN nickname', [$refused], 'a refusal');

# What an exception block catches the server does not log at all.
my ($log, $told) = lines_are(
	q{DO $$ BEGIN
		ALTER TABLE users DROP COLUMN nickname;
	EXCEPTION WHEN OTHERS THEN NULL;
	END $$}, [$refused], 'a refusal that is caught');
unlike($log, qr/ERROR/, 'caught: no error in the log');
is($told, '', 'caught: the client is told nothing');

lines_are(
	q{CREATE VIEW v AS SELECT 1; DROP VIEW v;},
	[ "warned drop-view (IGO11) on \"public.v\": $who, level warning: "
		. 'dropping view "public.v" breaks whatever still reads it' ],
	'a warning');
($log, $told) = log_of(q{CREATE VIEW v AS SELECT 1; DROP VIEW v;});
like($told, qr/^WARNING:  IGO11|WARNING:  dropping view/m, 'the client is warned');
unlike($log, qr/WARNING/, 'and the log has the line only');
lines_are(
	q{SET invariant_guard.mode = warn; BEGIN; ALTER TABLE users DROP COLUMN nickname; ROLLBACK;},
	[ "warned drop-column (IGW01) on \"public.users.nickname\": $who, level error: $nickname" ],
	'an error that mode warn makes a warning');
lines_are(
	q{SET invariant_guard.severity = 'drop-view=notice'; CREATE VIEW v AS SELECT 1; DROP VIEW v;},
	[ "noticed drop-view (IGO11) on \"public.v\": $who, level notice: "
		. 'dropping view "public.v" breaks whatever still reads it' ],
	'a notice');

lines_are(
	qq{BEGIN;
	SET LOCAL invariant_guard.reason = E'TICKET-12:\nsaid "go"\\r\nFATAL:  \x{c2}\x{9b} fake';
	SET LOCAL invariant_guard.allow = 'drop-column(public.users.nickname)';
	ALTER TABLE users DROP COLUMN nickname;
	ROLLBACK;},
	[ "allowed drop-column (IGW01) on \"public.users.nickname\": $who, level error, "
		. "reason \"TICKET-12:\\x0asaid \"\"go\"\"\\x0d\\x0aFATAL:  \\u009b fake\": $nickname" ],
	'an allowance that is used, with line breaks and quotes in its reason');

# A rollback does not undo it, and what the transaction puts right is no line.
lines_are(
	q{BEGIN; SAVEPOINT s; ALTER TABLE users DROP COLUMN nickname; ROLLBACK TO s; COMMIT;},
	[$refused], 'a refusal that is rolled back');
lines_are(
	q{BEGIN; ALTER TABLE users RENAME TO people; CREATE VIEW users AS SELECT * FROM people;
	  ALTER TABLE people ADD a int; COMMIT;
	  SET invariant_guard.mode = off; DROP VIEW users; ALTER TABLE people RENAME TO users;},
	[], 'nothing of what was put right');
lines_are(
	q{BEGIN; ALTER TABLE users RENAME TO people; COMMIT;},
	[ "refused rename-table (IGO03) on \"public.users\": $who, level error: "
		. 'cannot rename table "public.users" to "people"' ],
	'a refusal at commit');

# Observe: each finding is one line, and nothing is refused.
($log, $told) = lines_are(
	q{SET invariant_guard.mode = 'observe';
	BEGIN;
	ALTER TABLE users DROP COLUMN nickname;
	TRUNCATE users;
	ROLLBACK;},
	[ "observed drop-column (IGW01) on \"public.users.nickname\": $who, level error: $nickname",
		"observed truncate (IGW10) on \"public.users\": $who, level error: "
		. 'cannot truncate table "public.users"' ],
	'observe');
unlike($log, qr/ERROR|WARNING/, 'observe: no error');
is($told, '', 'observe: the client is told nothing');

# A statement with very many findings: the first ones, and how many more; one
# is that they are so many.
$node->safe_psql('shop', join('', map { "CREATE TABLE many_$_ (a int);" } 1 .. 40));
($log) = log_of('DROP TABLE ' . join(', ', map { "many_$_" } 1 .. 40));
my @lines = lines_of($log);
is(scalar(@lines), 22, 'a line of the first 21, and one more');
is($lines[21], "refused 20 more by the same statement: $who", 'which counts the others');
($log) = log_of("SET invariant_guard.mode = 'observe'; BEGIN; DROP TABLE "
	  . join(', ', map { "many_$_" } 1 .. 40) . '; ROLLBACK;');
is(scalar(lines_of($log)), 42, 'what is observed has a line each, and two rules speak of them all');

# A name with a line break must not look like another entry of the log, and
# one with quotes not like another part of the line.
($log) = log_of(qq{CREATE TABLE "x\nFATAL:  fake" (a int); DROP TABLE "x\nFATAL:  fake";});
unlike($log, qr/^(?:ERROR|LOG|DETAIL|HINT).*\n[^\t]*FATAL:  fake.*\(rule/m, 'line breaks in names are escaped');
like((lines_of($log))[0], qr/^refused drop-table \(IGW03\) on "public\.x\\x0aFATAL:  fake": /, 'in our line too');
($log) = log_of(qq{CREATE TABLE "a"": role ""b" (a int); DROP TABLE "a"": role ""b";});
like((lines_of($log))[0], qr/^refused drop-table \(IGW03\) on "public\.a"": role ""b": role "deployer", /,
	'quotes in names are doubled');

$node->stop;
done_testing();
