# Every hint that the regression tests provoke is executed.  Each file of sql/
# is run in a database of its own, and what it is told is recorded; then, for
# each hint that is SQL, a fresh database is brought to where the refused
# statement stood, and the hint is run in its place.
#
# A hint passes when the gate has nothing against it under "enforce", and when
# the server understands it: no syntax error, no object that is not there.
# Rows that violate what is asked for, and rights that the role does not have,
# are the user's to mend; what stands behind them is then left out.
#
# Allowances in a comment are for the statement itself: they are set, those of
# one comment alone, and the statement is run after them.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IgTest;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(dirname(dirname(__FILE__)));
my $node = start_node('every_hint',
	"session_preload_libraries = 'invariant_guard'\nmax_prepared_transactions = 5\nwal_level = logical\n");

# Errors of the server that a hint may run into.
my $user_errors = qr/^(?:23...|42501|22...)$/;

# Where a hint cannot pass in the place of the statement: by file, rule and what
# the trouble is then, with the reason.
my %expected = (
	# COMMIT, before the hint, takes back the renaming that gave the table its name
	'commit truncate' => qr/^42P01: .*at_commit\.people/,
	# the procedure makes the table itself
	'routes drop-column' => qr/^42P01: .*routes\.step/,
	# the test has raised the level of another rule, which NOT VALID cannot meet
	'lock_constraint add-foreign-key-validated' => qr/rule foreign-key-locks-parent/,
	# what the server keeps together by itself, and what names the database
	'guard_self guard-self' => qr/^(?:2BP01: .* requires it|0A000: .*SET SCHEMA|42P16: .*columns from view|3D000: .*contrib_regression)/,
	'guard_self drop-cascade' => qr/^2BP01: .* requires it/,
);

# And where the statement itself cannot pass there, with what a comment allows.
my %expected_allowed = (
	# the statement slips past the gate there, and here it does not
	'net rewrite-any' => qr/^IG/,
	'net drop-table' => qr/^IG/,
	# no name with a line break can stand in a comment
	'retire drop-column' => qr/^IGW01: .*\\x0a/,
	# COMMIT makes tables of the same transaction old ones
	'wipe drop-table' => qr/wipe\.a3/,
	'wipe truncate' => qr/wipe\.fresh/,
	'wipe replace-table' => qr/wipe\.a5/,
);

$node->safe_psql('postgres', 'CREATE DATABASE hint_template');
$node->safe_psql('hint_template', 'CREATE EXTENSION invariant_guard');

# A file as psql would read it: commands that start with a backslash, and
# statements up to their semicolon or \g.
sub units
{
	my ($text) = @_;
	my @units;
	my $unit = '';

	while ($text ne '')
	{
		if ($unit !~ /\S/ && $text =~ s/^(\\[^\n]*\n?)//)
		{
			push @units, $1;
			$unit = '';
		}
		elsif ($text =~ s/^(--[^\n]*\n?)//) { }
		elsif ($text =~ s{^(/\*.*?\*/)}{}s) { $unit .= $1 }
		elsif ($text =~ s/^([eE]'(?:[^'\\]|\\.|'')*')//s) { $unit .= $1 }
		elsif ($text =~ s/^('(?:[^']|'')*')//s) { $unit .= $1 }
		elsif ($text =~ s/^("(?:[^"]|"")*")//s) { $unit .= $1 }
		elsif ($text =~ s/^((\$\w*\$).*?\2)//s) { $unit .= $1 }
		elsif ($text =~ s/^(;|\\g[^\n]*\n|\\crosstabview[^\n]*\n)//)
		{
			push @units, $unit . $1;
			$unit = '';
		}
		elsif ($text =~ s/^(\w+|.)//s) { $unit .= $1 }
	}
	push @units, $unit if $unit =~ /\S/;
	return @units;
}

# Run a script in a session of its own; all that was said, in its order.
sub session
{
	my ($db, $script) = @_;
	my $said = '';

	IPC::Run::run([ 'psql', '-XAtq', '-d', $node->connstr($db) ], '<', \$script, '>', \$said, '2>&1',
		IPC::Run::timeout(300));
	return $said;
}

sub fresh
{
	my ($db) = @_;
	my $said = session('postgres',
		"SET invariant_guard.mode = off; DROP DATABASE IF EXISTS $db WITH (FORCE);\n"
		  . "SELECT format('DROP OWNED BY %I; DROP ROLE %I', rolname, rolname)"
		  . " FROM pg_roles WHERE rolname LIKE 'regress%' \\gexec\n"
		  . "CREATE DATABASE $db TEMPLATE hint_template;\n");
	die $said if $said =~ /database .* (?:being accessed|already exists)/;
}

# The hints of a file: [position of the unit, rule, hint, level].
sub record
{
	my ($file, @units) = @_;
	my $script = "\\o /dev/null\n\\set VERBOSITY default\n\\set SHOW_CONTEXT never\n";
	my @hints;

	for my $k (0 .. $#units)
	{
		next if $units[$k] =~ /^\\set VERBOSITY/;
		$script .= "$units[$k]\n\\echo \@\@$k\n";
	}
	fresh('hint_record');
	my $said = session('hint_record', $script);
	my $from = 0;

	while ($said =~ /\@\@(\d+)\n/g)
	{
		my $k = $1;
		my $part = substr($said, $from, pos($said) - $from);

		$from = pos($said);
		while ($part =~ /^(?:psql:\S+ )?(ERROR|WARNING|NOTICE):  ([^\n]*\(rule ([a-z-]+)\).*?)(?=^(?:psql:\S+ )?(?:ERROR|WARNING|NOTICE):  |\@\@\d+\n)/gsm)
		{
			my ($level, $report, $rule) = ($1, $2, $3);

			push @hints, [ $k, $rule, $1, $level ] if $report =~ /^HINT:  (.*)\z/sm;
		}
	}
	return @hints;
}

# What is wrong with a hint, in the place of unit k; '' if nothing.
sub trouble
{
	my ($hint, $k, @units) = @_;
	my $script = "\\set VERBOSITY terse\n";
	my $in_block = 0;

	for my $i (0 .. $k - 1)
	{
		next if $units[$i] =~ /^\\(?:set VERBOSITY|echo|d)/;
		$script .= "$units[$i]\n";
	}
	$script .= "\n\\o\nSET client_min_messages = warning;\n"
	  . "SET invariant_guard.mode = enforce;\nCOMMIT;\n\\set VERBOSITY verbose\n\\set ON_ERROR_STOP on\n\\echo \@\@hint\n$hint\n";

	fresh('hint_run');
	my $said = session('hint_run', $script);

	$said =~ s/.*^\@\@hint\n//sm or return "did not get there: $said";
	while ($said =~ /^(?:psql:\S+ )?(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): ([^\n]*)/gm)
	{
		return "$1: $2" if $1 !~ $user_errors;
	}
	return '';
}

my ($executed, $prose, $allowed) = (0, 0, 0);

# What the gate still has against the statement itself, with the allowances of
# a comment of its hint; '' if nothing.
sub not_allowed
{
	my ($expected, $hint, $k, @units) = @_;

	# what is of the whole server would stay
	return '' if $units[$k] =~ /^\s*ALTER\s+(?:SYSTEM|ROLE|USER|DATABASE)\b/i
	  || $units[$k] !~ /^\s*(?:ALTER|CREATE|DROP|TRUNCATE|VACUUM|CLUSTER|REINDEX|REFRESH|GRANT|SECURITY)\b/i;
	while ($hint =~ /^-- .*?(SET (LOCAL )?invariant_guard\.reason = '\.\.\.'; SET (?:LOCAL )?invariant_guard\.allow = .*;)$/mg)
	{
		my ($set, $local) = ($1, $2);
		my $trouble = trouble($local ? "BEGIN;\n$set\n$units[$k]\nCOMMIT;" : "$set\n$units[$k]", $k, @units);

		$allowed++;
		next if defined $expected && $trouble =~ $expected;
		return "$set\n$trouble" if $trouble =~ /^(?:IG|did not get there)/;
	}
	return '';
}

for my $path (sort glob("$top/sql/*.sql"))
{
	my $file = basename($path, '.sql');
	my @units = units(slurp_file($path));
	my @hints;
	my @wrong;

	next if $ENV{IG_HINT_FILES} && $ENV{IG_HINT_FILES} !~ /\b$file\b/;
	@hints = record($file, @units);
	for my $found (@hints)
	{
		my ($k, $rule, $hint, $level) = @$found;
		my $refused = $level eq 'ERROR' ? not_allowed($expected_allowed{"$file $rule"}, $hint, $k, @units) : '';

		push @wrong, "rule $rule after: $units[$k]\nhint: $hint\nwith $refused" if $refused ne '';
		if ($hint !~ /^(?!--)\S/m)
		{
			$prose++;
			next;
		}
		$executed++;
		my $trouble = trouble($hint, $k, @units);
		my $expected = $expected{"$file $rule"};

		next if defined $expected && $trouble =~ $expected;
		push @wrong, "rule $rule after: $units[$k]\nhint: $hint\n$trouble" if $trouble ne '';
	}
	is(scalar(@wrong), 0, "$file: the hints pass, " . scalar(@hints) . ' in all')
	  or diag(join("\n\n", @wrong));
}

note("$executed hints were executed, $prose more are prose; $allowed times a statement was run with allowances");
if (!$ENV{IG_HINT_FILES})
{
	cmp_ok($executed, '>', 100, 'hints were found at all');
	cmp_ok($allowed, '>', 100, 'and allowances in comments');
}

$node->stop;
done_testing();
