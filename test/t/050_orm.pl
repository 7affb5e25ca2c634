# Applications with an object-relational mapper, which know nothing of the
# guard: what they count on still holds, and what is refused comes to them as
# their library's own errors.

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Name, program, how to see whether the libraries are there: as Debian has them,
# and not as somebody has built them for themselves.
my $programs = dirname(abs_path(__FILE__)) . '/../orm';
my @clients = (
	[ 'ActiveRecord', [ '/usr/bin/ruby', "$programs/active_record.rb" ], [ '/usr/bin/ruby', '-e', 'require "active_record"; require "pg"' ] ],
	[ 'SQLAlchemy', [ '/usr/bin/python3', "$programs/sqlalchemy_client.py" ], [ '/usr/bin/python3', '-c', 'import sqlalchemy.orm, psycopg2' ] ]);

sub is_there
{
	my ($command) = @_;
	my ($out, $err) = ('', '');

	return eval { IPC::Run::run($command, '>', \$out, '2>', \$err) };
}

my @present = grep { is_there($_->[2]) } @clients;

plan skip_all => 'neither ActiveRecord nor SQLAlchemy is installed' if !@present;

my $node = start_node('orm', "shared_preload_libraries = 'invariant_guard'\n");

$node->safe_psql('postgres', 'CREATE DATABASE app');
$node->safe_psql(
	'app', q{
	CREATE EXTENSION invariant_guard;
	BEGIN;
	CREATE TABLE entries (id bigserial PRIMARY KEY, cents bigint NOT NULL, note text);
	CREATE TABLE orders (id bigserial PRIMARY KEY, status text, note text, lock_version int NOT NULL DEFAULT 0,
		updated_at timestamptz);
	CREATE TABLE versioned_orders (id bigserial PRIMARY KEY, status text, version int NOT NULL);
	CREATE TABLE accounts (id bigserial PRIMARY KEY, name text, deleted_at timestamptz);
	CREATE TABLE posts (id bigserial PRIMARY KEY, account_id bigint NOT NULL REFERENCES accounts (id),
		body text, deleted_at timestamptz);
	CREATE INDEX ON posts (account_id);
	CREATE VIEW accounts_live AS SELECT * FROM accounts WHERE deleted_at IS NULL;
	CREATE TABLE documents (id bigserial PRIMARY KEY, number text NOT NULL, title text,
		created_at timestamptz, updated_at timestamptz);
	COMMIT;
});

# What is declared, by name of the part of the programs that is about it.
my %declared = (
	append_only => [ 'entries' ],
	audit_columns => [ 'documents' ],
	immutable_columns => [ "documents', '{number}" ],
	optimistic_lock => [ "orders', 'lock_version", 'versioned_orders' ],
	soft_delete => [ 'accounts', 'posts' ]);
my @rules = grep {
	$node->safe_psql('app', "SELECT count(*) FROM pg_proc WHERE proname = 'add_$_'") > 0
} sort keys %declared;

for my $rule (@rules)
{
	$node->safe_psql('app', "SELECT invariant_guard.add_$rule('$_')") for @{ $declared{$rule} };
}
is($node->safe_psql('app', 'SELECT * FROM invariant_guard.verify_rules()'), '', 'what is declared holds');

for my $client (@clients)
{
	my ($name, $command) = @$client;

  SKIP:
	{
		skip "$name is not installed", 1 if !grep { $_ == $client } @present;
		for my $rule (@rules)
		{
			my ($status, $out, $err) = run_client([ @$command, $node->host, $node->port, 'app', $rule ]);
			my @results = grep { /^(?:not )?ok - / } split /\n/, $out;

			is($status, 0, "$name, $rule: the program ends well");
			cmp_ok(scalar @results, '>', 0, "$name, $rule: it says something");
			for my $line (@results)
			{
				ok($line =~ /^ok/, "$name, $rule: " . ($line =~ s/^(?:not )?ok - //r));
			}
			diag($out) if $out =~ /^not ok/m;
		}
	}
}

$node->stop;
done_testing();
