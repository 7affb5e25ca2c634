# A guarded database of every kind of object goes through pg_dump and
# pg_restore, in each of their ways; and what a restore says that was not told
# to switch the gate off.

use strict;
use warnings FATAL => 'all';

use IgLedger;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('restore', "wal_level = logical\n");
my $major = major($node);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @connect = ('-h', $node->host, '-p', $node->port);
my $off = '-c invariant_guard.mode=off';

make_ledger($node, 'shop');
my %expected = map { $_ => $node->safe_psql('shop', $ledger_facts{$_}) } sort keys %ledger_facts;
my $schema = schema_of($node, 'shop');

sub check_copy
{
	my ($db, $how) = @_;

	is($node->safe_psql($db, $ledger_facts{$_}), $expected{$_}, "$how: $_") for sort keys %ledger_facts;
	is(schema_of($node, $db), $schema, "$how: the schemas are the same");
	ledger_is_guarded($node, $db, $how);
}

# Restores into a new database, or into one that is there.
sub restore
{
	my ($db, $file, $options, %opt) = @_;

	my $create = sub { $node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0") };
	my $again = sub {
		return if $opt{existing};
		$node->safe_psql('postgres', "DROP DATABASE $db");
		$create->();
	};

	$create->() if !$opt{existing};
	return run_client([ 'pg_restore', @connect, @$options, '-d', $db, $file ],
		options => $opt{guard_on} ? undef : $off, again => $again);
}

sub restores
{
	my ($db, $file, $options, $how, %opt) = @_;
	my ($status, $out, $err) = restore($db, $file, $options, %opt);

	is("$status $err", '0 ', "$how: succeeds, and says nothing");
}

# ---- the dumps, with the guard on
for my $dump ([ '-Fc' ], [ '-Fd', '-j', '2' ], [ '-Ft' ], [ '-Fp' ], [ '-Fp', '--inserts' ],
	[ '-Fp', '--clean', '--if-exists' ])
{
	my $file = "$dir/shop" . join('', @$dump);
	my ($status, $out, $err) = run_client([ 'pg_dump', @connect, @$dump, '-f', $file, 'shop' ]);
	is("$status $err", '0 ', "pg_dump @$dump");
}
my $custom = "$dir/shop-Fc";

# ---- each way to restore, as it is documented
for my $way (
	[ 'custom', $custom ],
	[ 'jobs', $custom, '-j', '2' ],
	[ 'folder', "$dir/shop-Fd-j2", '-j', '2' ],
	[ 'tar', "$dir/shop-Ft" ],
	[ 'one_transaction', $custom, '-1' ])
{
	my ($db, $file, @options) = @$way;

	restores($db, $file, [ '--exit-on-error', @options ], $db);
	check_copy($db, $db);
}
for my $way ([ 'plain', '-Fp' ], [ 'plain_inserts', '-Fp--inserts' ])
{
	my ($db, $suffix) = @$way;

	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0");
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/shop$suffix", $db ],
		options => $off);
	is($status, 0, "$db: succeeds");
	unlike($err, qr/ERROR/, "$db: without an error");
	check_copy($db, $db);
}

# ---- in sections
$node->safe_psql('postgres', 'CREATE DATABASE sections TEMPLATE template0');
restores('sections', $custom, [ '--exit-on-error', "--section=$_" ], "section $_", existing => 1)
  for qw(pre-data data post-data);
check_copy('sections', 'sections');

# ---- over what is there.  pg_dump drops the constraints of partitions one by
# one, which the server refuses with or without us; all else must succeed.
my $own_error = qr/ERROR:  cannot drop inherited constraint/;
for my $way ([ 'custom', '--clean' ], [ 'jobs', '--clean', '--if-exists' ],
	[ 'folder', '--clean', '--if-exists', '-j', '2' ])
{
	my ($db, @options) = @$way;
	my ($status, $out, $err) = restore($db, $custom, \@options, existing => 1);

	is((grep { /ERROR:/ && !/$own_error/ } split /\n/, $err), 0, "@options: no error of ours");
	check_copy($db, "@options");
}
{
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-q', '-o', '/dev/null', @connect, '-f', "$dir/shop-Fp--clean--if-exists", 'plain' ],
		options => $off);
	is((grep { /ERROR:/ && !/$own_error/ } split /\n/, $err), 0, 'plain text, --clean: no error of ours');
	check_copy('plain', 'plain text, --clean');
}

# ---- the whole database, with its settings, on another server; then over itself
{
	my $other = start_node('other', "wal_level = logical\nshared_preload_libraries = 'invariant_guard'\n");
	my @to = ('-h', $other->host, '-p', $other->port);

	$other->safe_psql('postgres', 'CREATE ROLE regress_restore_reader');
	for my $options ([ '-C' ], [ '-C', '--clean' ], [ '-C', '--clean', '--if-exists', '-j', '2' ])
	{
		my ($status, $out, $err) =
		  run_client([ 'pg_restore', @to, '--exit-on-error', @$options, '-d', 'postgres', $custom ],
			options => $off, again => sub { });

		is("$status $err", '0 ', "@$options: succeeds, and says nothing");
		is($other->safe_psql('shop', $ledger_facts{$_}), $expected{$_}, "@$options: $_") for sort keys %ledger_facts;
		is(schema_of($other, 'shop', '-C'), schema_of($node, 'shop', '-C'), "@$options: settings too");
		is_refused($other, 'shop', 'TRUNCATE ledger.entry;', 'financial-truncate', "@$options: the guard holds");
	}

	my ($status, $out, $err) =
	  run_client([ 'pg_restore', @to, '-C', '--clean', '--exit-on-error', '-d', 'postgres', $custom ]);
	isnt($status, 0, 'guard on, -C --clean: pg_restore fails');
	like($err, qr/ERROR:  .*\(rule drop-database\)/, 'the guarded database is not dropped');
	is($other->safe_psql('shop', $ledger_facts{$_}), $expected{$_}, "guard on, -C --clean: $_") for sort keys %ledger_facts;
	$other->stop;
}

# ---- as a template
for my $strategy ('wal_log', 'file_copy')
{
	$node->safe_psql('postgres', "CREATE DATABASE copy_$strategy TEMPLATE shop STRATEGY $strategy");
	check_copy("copy_$strategy", "a copy by $strategy");
}

# ---- the schema, then the data alone with the triggers disabled
restores('data_only', $custom, [ '--exit-on-error', '-s' ], 'schema only');
is(schema_of($node, 'data_only'), $schema, 'schema only: the schemas are the same');
ledger_is_guarded($node, 'data_only', 'schema only');
restores('data_only', $custom, [ '--exit-on-error', '-a', '--disable-triggers' ], 'data only', existing => 1);
# ENABLE TRIGGER ALL is how pg_restore ends it, which makes origin of always
$node->safe_psql('data_only', q{
	ALTER TABLE ledger.customer ENABLE ALWAYS TRIGGER customer_touch;
	SET invariant_guard.mode = off;
	REFRESH MATERIALIZED VIEW ledger.total;
});
check_copy('data_only', 'data only');

# ---- one table; its label comes along
$node->safe_psql('postgres', 'CREATE DATABASE one_table TEMPLATE template0');
$node->safe_psql('one_table', "SET client_min_messages = error; CREATE EXTENSION invariant_guard;");
restores('one_table', $custom, [ '--exit-on-error', '-t', 'payments', '-t', 'users' ], 'tables', existing => 1);
is($node->safe_psql('one_table', 'SELECT count(*) FROM payments'), '100', 'tables: the rows');
{
	my ($status) = run_client([ 'pg_dump', @connect, '-Fc', '-t', '"odd ""name".*', '-f', "$dir/one", 'shop' ]);
	is($status, 0, 'pg_dump of one table');
	$node->safe_psql('one_table', 'CREATE SCHEMA "odd ""name"');
	restores('one_table', "$dir/one", ['--exit-on-error'], 'one table', existing => 1);
	is_refused($node, 'one_table', 'DROP TABLE "odd ""name"."a\b;";', 'financial-drop',
		'one table: its label is in force');
}

# ---- without the documented setting: one transaction makes all of it new
restores('new_at_once', $custom, ['-1'], 'guard on, one transaction', guard_on => 1);
check_copy('new_at_once', 'guard on, one transaction');

# ---- statement by statement: each refusal is an error, and the exit status says so
{
	my ($status, $out, $err) = restore('by_halves', $custom, [], guard_on => 1);
	my @errors = grep { /error: could not execute query: / } split /\n/, $err;
	my @refused = grep { /ERROR:  .*\(rule [a-z-]+\)/ } @errors;
	my ($ignored) = $err =~ /warning: errors ignored on restore: (\d+)/;

	isnt($status, 0, 'guard on: pg_restore fails');
	is($ignored, scalar @errors, 'guard on: each error is told');
	cmp_ok(scalar @refused, '>', 0, 'guard on: refusals with their rule');
	like($err, qr/rule add-primary-key/, 'guard on: a primary key');
	like($err, qr/rule create-index-blocking/, 'guard on: an index');
	is($node->safe_psql('by_halves', q{SELECT (SELECT count(*) FROM ledger.entry_low)
			+ (SELECT count(*) FROM ledger.entry_high_rest) + (SELECT count(*) FROM ledger.entry_rest)}),
		'1201', 'guard on: the rows are there');
	is($node->safe_psql('by_halves', $ledger_facts{labels}), $expected{labels}, 'guard on: the labels are there');
	is_refused($node, 'by_halves', 'DROP TABLE ledger.entry;', 'financial-drop', 'guard on: the guard holds');
}
{
	my ($status, $out, $err) = restore('stops', $custom, ['--exit-on-error'], guard_on => 1);

	isnt($status, 0, 'guard on, --exit-on-error: pg_restore fails');
	like($err, qr/ERROR:  .*\(rule [a-z-]+\)/, 'at a refusal');
	is(() = $err =~ /ERROR:  /g, 1, 'the first one');
}

# ---- into the guarded database itself: nothing goes, in whatever way
for my $options (['--clean'], [ '--clean', '--if-exists' ], [ '--clean', '--if-exists', '-1' ],
	[ '--clean', '-j', '2' ])
{
	my ($status, $out, $err) = restore('shop', $custom, $options, guard_on => 1, existing => 1);

	isnt($status, 0, "guard on, @$options: pg_restore fails");
	like($err, qr/ERROR:  .*\(rule [a-z-]+\)/, "guard on, @$options: with refusals");
	is($node->safe_psql('shop', $ledger_facts{labels}), $expected{labels}, "guard on, @$options: the labels");
	is($node->safe_psql('shop', 'SELECT count(*) FROM ledger.entry'), '1201', "guard on, @$options: the rows");
	ledger_is_guarded($node, 'shop', "guard on, @$options");
}
{
	my ($status, $out, $err) =
	  restore('data_again', $custom, [ '-s' ]);
	($status, $out, $err) =
	  restore('data_again', $custom, [ '-a', '--disable-triggers' ], guard_on => 1, existing => 1);

	isnt($status, 0, 'guard on, --disable-triggers: pg_restore fails');
	like($err, qr/\(rule financial-disable-trigger\)/, 'the financial table keeps its triggers');
	is($node->safe_psql('data_again', q{SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'}),
		'0', 'and nothing is left disabled');
}

$node->stop;
done_testing();
