# IgTest: what the TAP tests share.

package IgTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test2::API ();
use Test::More;

our @EXPORT = qw(start_node crash_node major shop refusal is_refused passes
  run_client schema_of log_complaints check_log);

# What a healthy server never writes, and a library must not make it write.
my $crash_pattern = qr/PANIC
	| TRAP:
	| terminated\ by\ signal
	| AddressSanitizer
	| runtime\ error:
	| Invalid\ (?:read|write)
	| Conditional\ jump
	| reference\ leak
	| resource\ was\ not\ closed
	| snapshot\ .*\ still\ active
	| unexpected\ .*\ in\ relcache
	| could\ not\ find\ tuple
	| cache\ lookup\ failed
	| tuple\ concurrently\ updated
	| problem\ in\ alloc\ set
	| detected\ write\ past\ chunk\ end/x;

# The lines of a log that match it.  Statements may say what they like, and so
# may their further lines, which begin with a tab.
sub log_complaints
{
	my ($text) = @_;

	return grep { /$crash_pattern/ && !/^\t/ && !/STATEMENT:  |LOG:  (?:statement|execute|duration)/ }
	  split /\n/, $text;
}

sub check_log
{
	my ($file) = @_;
	my @found = log_complaints(slurp_file($file));

	ok(!@found, 'no sign of a crash in ' . basename($file))
	  or diag(join "\n", @found[ 0 .. ($#found < 20 ? $#found : 20) ]);
}

# The logs of all nodes are looked at when a test is done.
Test2::API::test2_stack()->top->follow_up(
	sub {
		my $test = basename($0, '.pl');
		my $dir = $PostgreSQL::Test::Utils::log_path;

		check_log($_) for sort glob "$dir/${test}_*.log";
	});

# A node of its own settings, started.
sub start_node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', "log_statement = none\n" . ($conf // ''));
	$node->start;
	return $node;
}

# kill -9 of the postmaster, and a start once it is really gone.
sub crash_node
{
	my ($node) = @_;
	my $pid = $node->{_pid};

	$node->kill9;
	for (1 .. 300)
	{
		last if !kill(0, $pid);
		select(undef, undef, undef, 0.1);
	}
	# the children notice a little later, and hold the shared memory till then
	for (1 .. 30)
	{
		return if $node->start(fail_ok => 1);
		sleep 1;
	}
	BAIL_OUT('the server does not start after a crash');
}

sub major
{
	my ($node) = @_;
	return int($node->safe_psql('postgres', 'SHOW server_version_num') / 10000);
}

# A database with two small tables, and the extension unless told otherwise.
# Returns what CREATE EXTENSION said.
sub shop
{
	my ($node, $db, %opt) = @_;
	my $said = '';

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql(
		$db, q{
		CREATE TABLE users (id int PRIMARY KEY, email text, nickname text);
		CREATE TABLE payments (id int PRIMARY KEY, user_id int, cents bigint);
		INSERT INTO users SELECT i, 'u' || i, 'n' || i FROM generate_series(1, 100) i;
		INSERT INTO payments SELECT i, i, i FROM generate_series(1, 100) i;
		ANALYZE;
	});
	if (!$opt{without_extension})
	{
		$node->psql($db, 'CREATE EXTENSION invariant_guard', stderr => \$said);
	}
	if ($opt{preload})
	{
		$node->safe_psql($db,
			"ALTER DATABASE $db SET session_preload_libraries = 'invariant_guard'");
	}
	return $said;
}

# The SQLSTATE of the first error of some statements, which run in a session
# of their own and go on after errors; '' when there was none.
sub refusal
{
	my ($node, $db, $sql, %opt) = @_;
	my $stderr = '';

	$node->psql($db, "\\set VERBOSITY verbose\n" . $sql,
		stderr => \$stderr, on_error_stop => 0, extra_params => $opt{extra_params} // []);
	note($stderr) if $stderr ne '';
	return $stderr =~ /^(?:psql:[^\n]*: )?(?:ERROR|FATAL):  ([0-9A-Z]{5}):/m ? $1 : '';
}

# Refused by the named rule, which is what the constraint's name tells.
sub is_refused
{
	my ($node, $db, $sql, $rule, $name) = @_;
	my $stderr = '';

	$node->psql($db, "\\set VERBOSITY verbose\n" . $sql, stderr => \$stderr, on_error_stop => 0);
	like($stderr, qr/ERROR:  IG[A-Z0-9]{3}: .*\(rule \Q$rule\E\)/, $name);
}

# A client program: its exit status, its output, what it complained of.  The
# workers of pg_restore -j can deadlock among themselves, on a server without the
# library too (an index that is attached and a foreign key: 7 of 250 restores of
# IgLedger's database with -j 4); again gets things ready for another try.
sub run_client
{
	my ($command, %opt) = @_;
	my ($out, $err, $status);
	local $ENV{PGOPTIONS} = $opt{options} if defined $opt{options};

	for my $try (1 .. 10)
	{
		$out = $err = '';
		IPC::Run::run($command, '<', \($opt{stdin} // ''), '>', \$out, '2>', \$err);
		$status = $?;
		note("@$command: status $status\n$err") if $status != 0 || $err ne '';
		last if !$opt{again} || $err !~ /deadlock detected/;
		$opt{again}->();
	}
	return ($status, $out, $err);
}

# The schema as text, without the lines that differ from one dump to the next.
sub schema_of
{
	my ($node, $db, @options) = @_;
	my ($status, $out) =
	  run_client([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-s', @options, $db ]);

	is($status, 0, "pg_dump -s of $db");
	$out =~ s/^\\(un)?restrict .*\n//mg;
	return $out;
}

sub passes
{
	my ($node, $db, $sql, $name) = @_;
	my ($stderr, $status) = ('', 0);

	$status = $node->psql($db, $sql, stderr => \$stderr, on_error_stop => 1);
	is($status, 0, $name) or diag($stderr);
}

1;
