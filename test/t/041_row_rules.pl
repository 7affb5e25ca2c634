# Row rules outlive what is done to a database: dumps of all of it, of its
# schema and of single tables, with the states of their triggers; sessions that
# have not loaded the library; and the workers of a subscription, which pass.
# Only drop_rule() ends them, and leaves nothing behind.
#
# A rule is a line of the table below; one whose add_ function is not there is
# left out.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# add: with %s for the table; prepare: what the table needs before, with %s;
# breaks: statements that the rule refuses on each table, with %s, and the code,
# as the first ones of a session.
my @rules = (
	{
		name => 'append-only',
		function => 'add_append_only',
		add => q{SELECT invariant_guard.add_append_only('%s')},
		breaks => [
			[ 'UPDATE %s SET cents = 0', 'IGA01' ],
			[ 'DELETE FROM %s', 'IGA01' ],
			[ 'TRUNCATE %s', 'IGA01' ]
		],
	},
	{
		name => 'optimistic-lock',
		function => 'add_optimistic_lock',
		add => q{SELECT invariant_guard.add_optimistic_lock('%s', 'version')},
		breaks => [ [ 'UPDATE %s SET version = version + 5', 'IGV01' ] ],
	},
	{
		name => 'soft-delete',
		function => 'add_soft_delete',
		add => q{SELECT invariant_guard.add_soft_delete('%s')},
		breaks => [
			[ 'TRUNCATE %s', 'IGD01' ],
			[ 'MERGE INTO %s t USING (VALUES (1)) v (x) ON t.id > 0 WHEN MATCHED THEN DELETE', 'IGD01' ]
		],
	},
	{
		name => 'immutable-columns',
		function => 'add_immutable_columns',
		add => q{SELECT invariant_guard.add_immutable_columns('%s', '{note}')},
		breaks => [ [ q{UPDATE %s SET note = 'other'}, 'IGM01' ] ],
	},
	{
		name => 'frozen-rows',
		function => 'add_frozen_rows',
		add => q{SELECT invariant_guard.add_frozen_rows('%s', 'cents > 3')},
		breaks => [
			[ q{UPDATE %s SET note = 'other'}, 'IGM02' ],
			[ 'DELETE FROM %s', 'IGM02' ],
			[ 'TRUNCATE %s', 'IGM02' ]
		],
	},
	{
		name => 'relative-only',
		function => 'add_relative_only',
		add => q{SELECT invariant_guard.add_relative_only('%s', '{cents}')},
		breaks => [ [ 'UPDATE %s SET cents = 0', 'IGI01' ] ],
	},
	{
		name => 'isolation-floor',
		function => 'add_isolation_floor',
		add => q{SELECT invariant_guard.add_isolation_floor('%s', 'repeatable read')},
		breaks => [ [ 'UPDATE %s SET cents = 0', 'IGI02' ], [ 'DELETE FROM %s', 'IGI02' ] ],
	},
	{
		name => 'row-limit',
		function => 'add_row_limit',
		add => q{SELECT invariant_guard.add_row_limit('%s', 3)},
		breaks => [ [ 'UPDATE %s SET cents = 0', 'IGI04' ], [ 'DELETE FROM %s', 'IGI04' ] ],
	},
	{
		name => 'on-no-match',
		function => 'add_on_no_match',
		add => q{SELECT invariant_guard.add_on_no_match('%s')},
		breaks => [ [ 'UPDATE %s SET cents = 0 WHERE id = -1', 'IGI05' ] ],
	},
	{
		name => 'snapshot-columns',
		function => 'add_snapshot_columns',
		add => q{SELECT invariant_guard.add_snapshot_columns('%s', '{note}')},
		breaks => [ [ q{UPDATE %s SET note = 'other'}, 'IGM03' ] ],
	},
	{
		name => 'commit-assertion',
		function => 'add_commit_assertion',
		add => q{SELECT invariant_guard.add_commit_assertion('%s', '{id}',
			$$(SELECT coalesce(sum(cents), 1) FROM public.%s WHERE id = $1) > 0$$)},
		breaks => [ [ 'UPDATE %s SET cents = -1', 'IGI03' ] ],
	},
	# what it fills in, its own test shows; here, that it is carried along
	{
		name => 'audit-columns',
		function => 'add_audit_columns',
		add => q{SELECT invariant_guard.add_audit_columns('%s')},
		breaks => [],
	},
);

my $columns = 'id int NOT NULL, k int NOT NULL, cents bigint, note text, deleted_at timestamptz, '
  . 'version int NOT NULL DEFAULT 1, created_at timestamptz, updated_at timestamptz';
my $rows = q{INSERT INTO %s (id, k, cents, note) SELECT i, i %% 2 + 1, i, 'n' || i FROM generate_series(1, 10) i;
	UPDATE %s SET created_at = now(), updated_at = now()};

# name of the shape => statements that make a table and fill it, tables to attack
my %shapes = (
	plain => [ "CREATE TABLE %s ($columns, PRIMARY KEY (id))", [''] ],
	parted => [
		"CREATE TABLE %s ($columns, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
		  . 'CREATE TABLE %s_1 PARTITION OF %s FOR VALUES IN (1) PARTITION BY RANGE (id);'
		  . 'CREATE TABLE %s_1a PARTITION OF %s_1 FOR VALUES FROM (0) TO (1000);'
		  . "CREATE TABLE %s_2 (gone text, note text, $columns);"
		  . 'ALTER TABLE %s_2 DROP COLUMN gone;'
		  . 'ALTER TABLE %s ATTACH PARTITION %s_2 FOR VALUES IN (2);',
		[ '', '_1', '_1a', '_2' ]
	],
	inherited => [
		"CREATE TABLE %s ($columns, PRIMARY KEY (id)); CREATE TABLE %s_kid (more int) INHERITS (%s);"
		  . 'INSERT INTO %s_kid (id, k, cents, note) SELECT 100 + i, 1, i, i FROM generate_series(1, 5) i;',
		[ '', '_kid' ]
	]);
$shapes{parted}[0] =~ s/\(gone text, note text, (.*?)note text, /(gone text, note text, $1/;

my $node = start_node('rows', "wal_level = logical\nmax_wal_senders = 5\nmax_replication_slots = 5\n");
my $major = major($node);
my $dir = PostgreSQL::Test::Utils::tempdir();
my @connect = ('-h', $node->host, '-p', $node->port);
my $off = '-c invariant_guard.mode=off';

my $described = q{SELECT relation, rule, instance, columns, options, triggers, enabled, source, declared_on, definition
	FROM invariant_guard.row_rules ORDER BY relation::text, rule, instance};
my $triggers = q{SELECT tgrelid::regclass, tgname, tgenabled, tgparentid <> 0, pg_get_triggerdef(oid)
	FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgrelid::regclass::text, tgname};
# without a login event trigger, rules that look at plans want the library earlier
my $weak = q{SELECT * FROM invariant_guard.verify_rules() WHERE mend IS NULL OR mend NOT LIKE 'ALTER DATABASE %'};

$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', 'SET client_min_messages = error; CREATE EXTENSION invariant_guard');
@rules = grep {
	$node->safe_psql('shop', "SELECT count(*) FROM pg_proc WHERE proname = '$_->{function}'") > 0
} @rules;

sub table
{
	my ($rule, $shape) = @_;

	return ($rule->{name} =~ s/-/_/gr) . "_$shape";
}

# The table's name for each %s of a text.
sub about
{
	my ($text, $table) = @_;

	return $text =~ s/%s/$table/gr =~ s/%%/%/gr;
}

for my $rule (@rules)
{
	for my $shape (sort keys %shapes)
	{
		my $table = table($rule, $shape);

		$node->safe_psql('shop', "SET client_min_messages = error; SET invariant_guard.mode = off;"
			  . about("$shapes{$shape}[0]; " . ($rule->{prepare} // '') . "; $rows", $table));
		$node->safe_psql('shop', about($rule->{add}, $table));
	}
}

# Each statement that breaks a rule, on each of its tables, in a session that
# begins with it.
sub holds
{
	my ($db, $how) = @_;

	for my $rule (@rules)
	{
		my @passed;

		for my $shape (sort keys %shapes)
		{
			for my $part (@{ $shapes{$shape}[1] })
			{
				my $table = table($rule, $shape) . $part;

				for my $break (@{ $rule->{breaks} })
				{
					my $sql = about($break->[0], $table);
					my $code = refusal($node, $db, "$sql;");

					# what the gate refuses by itself is no proof of the rule
					$code = refusal($node, $db, "SET invariant_guard.severity = 'all=off'; $sql;")
					  if $code ne $break->[1];
					push @passed, "$sql: '$code'" if $code ne $break->[1];
				}
			}
		}
		is(join("\n", @passed), '', "$how: $rule->{name} holds on each table");
	}
}

my $expected_rules = $node->safe_psql('shop', $described);
my $expected_triggers = $node->safe_psql('shop', $triggers);

is($node->safe_psql('shop', $weak), '', 'what is declared holds');
is($node->safe_psql('shop', q{SELECT count(*) FROM invariant_guard.check_rules()}), '0', 'and so do the rows');
holds('shop', 'declared');

sub check_copy
{
	my ($db, $how, %opt) = @_;

	is($node->safe_psql($db, $triggers), $expected_triggers, "$how: the same triggers, with their states");
	is($node->safe_psql($db, $described), $expected_rules, "$how: the same rules");
	is($node->safe_psql($db, $weak), '', "$how: verify_rules() finds nothing");
	holds($db, $how) if !$opt{empty};
}

# ---- a session that has not loaded the library is guarded from its first
# statement on, whether it was prepared or not; it is the trigger that loads it
{
	my ($out, $err) = ('', '');
	my $table = table($rules[0], 'plain');

	$node->psql('shop', "PREPARE change AS UPDATE $table SET cents = 0;\nEXECUTE change;\n"
		  . "SELECT how FROM invariant_guard.status() WHERE layer = 'utility hook';",
		stdout => \$out, stderr => \$err, on_error_stop => 0);
	like($err, qr/rule append-only/, 'a prepared statement is refused');
	like($out, $major >= 17 ? qr/login event trigger/ : qr/a statement of this session/,
		'in a session that has not preloaded the library');
	is($node->safe_psql('shop', "SELECT count(*) FROM $table WHERE cents = 0"), '0', 'and nothing has changed');
}

# ---- the states that the triggers are in
my $some = table($rules[0], 'parted');
$node->safe_psql('shop', "SET invariant_guard.mode = off;"
	  . " ALTER TABLE ${some}_1a DISABLE TRIGGER USER;"
	  . " ALTER TABLE ${some}_2 ENABLE REPLICA TRIGGER zz_ig_append_only_truncate");
my $weaknesses = q{SELECT relation, trigger, weakness, mend FROM invariant_guard.verify_rules()
	WHERE mend NOT LIKE 'ALTER DATABASE %' ORDER BY 1, 2};
my $expected_weaknesses = $node->safe_psql('shop', $weaknesses);
is(() = $expected_weaknesses =~ /\n/g, 2, 'three triggers that do not fire are found');
$node->safe_psql('postgres', 'CREATE DATABASE weak');
run_client([ 'pg_dump', @connect, '-Fc', '-f', "$dir/weak", 'shop' ]);
{
	my ($status, $out, $err) =
	  run_client([ 'pg_restore', @connect, '--exit-on-error', '-d', 'weak', "$dir/weak" ], options => $off);
	is("$status $err", '0 ', 'with disabled triggers: restored');
	is($node->safe_psql('weak', $weaknesses), $expected_weaknesses, 'with disabled triggers: found as before');
}
$node->safe_psql('shop', join("\n", map { (split /\|/)[3] } split /\n/, $expected_weaknesses));
is($node->safe_psql('shop', $weak), '', 'what mends them, mends them');
is($node->safe_psql('shop', $described), $expected_rules, 'and the rules are as declared');

# ---- each way to dump and to restore
for my $dump ([ '-Fc' ], [ '-Fp' ], [ '-Fd', '-j', '2' ])
{
	my ($status, $out, $err) =
	  run_client([ 'pg_dump', @connect, @$dump, '-f', "$dir/shop$dump->[0]", 'shop' ]);
	is("$status $err", '0 ', "pg_dump @$dump");
}
for my $way ([ 'custom', '-Fc' ], [ 'jobs', '-Fd', '-j', '2' ], [ 'at_once', '-Fc', '-1' ])
{
	my ($db, $file, @options) = @$way;
	my ($status, $out, $err);

	$node->safe_psql('postgres', "CREATE DATABASE $db");
	($status, $out, $err) =
	  run_client([ 'pg_restore', @connect, '--exit-on-error', @options, '-d', $db, "$dir/shop$file" ],
		options => $off);
	is("$status $err", '0 ', "$db: succeeds, and says nothing");
	check_copy($db, $db);
}
$node->safe_psql('postgres', 'CREATE DATABASE as_text');
{
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-q', '-o', '/dev/null', '-v', 'ON_ERROR_STOP=1', @connect, '-f', "$dir/shop-Fp", 'as_text' ],
		options => $off);
	is($status, 0, 'as text: succeeds');
	check_copy('as_text', 'as text');
}

# ---- the schema, then the data, which pg_restore ends by ENABLE TRIGGER ALL
$node->safe_psql('postgres', 'CREATE DATABASE halves');
for my $half ('-s', '-a')
{
	my @options = $half eq '-a' ? ('-a', '--disable-triggers') : ($half);
	my ($status, $out, $err) =
	  run_client([ 'pg_restore', @connect, '--exit-on-error', @options, '-d', 'halves', "$dir/shop-Fc" ],
		options => $off);

	is("$status $err", '0 ', "@options: succeeds, and says nothing");
	check_copy('halves', 'the schema alone', empty => 1) if $half eq '-s';
}
isnt($node->safe_psql('halves', $weak), '', '--disable-triggers leaves triggers that do not fire always');
$node->safe_psql('halves', "SET client_min_messages = error;\n"
	  . $node->safe_psql('halves', 'SELECT mend FROM invariant_guard.verify_rules()'));
check_copy('halves', 'mended after --disable-triggers');

# ---- single tables, into a database that has the extension
$node->safe_psql('postgres', 'CREATE DATABASE tables');
$node->safe_psql('tables', 'SET client_min_messages = error; CREATE EXTENSION invariant_guard');
for my $rule (@rules)
{
	my $prefix = $rule->{name} =~ s/-/_/gr;
	my ($status, $out, $err) = run_client([ 'pg_dump', @connect, '-Fc', '-t', "${prefix}_*", '-f', "$dir/one", 'shop' ]);

	is("$status $err", '0 ', "$prefix: pg_dump -t");
	($status, $out, $err) =
	  run_client([ 'pg_restore', @connect, '--exit-on-error', '-d', 'tables', "$dir/one" ], options => $off);
	is("$status $err", '0 ', "$prefix: restored by itself");
}
check_copy('tables', 'single tables');

# ---- rules that look at plans, where nothing loads the library early
if (grep { $_->{name} eq 'relative-only' } @rules)
{
	my $unloaded = q{SELECT DISTINCT mend FROM invariant_guard.verify_rules() WHERE weakness LIKE '%new sessions%'};
	my $mend = $node->safe_psql('tables', $unloaded);

	is($mend, $major >= 17 ? '' : "ALTER DATABASE tables SET session_preload_libraries = 'invariant_guard';",
		'verify_rules() tells whether new sessions load the library');
	passes($node, 'tables', $mend, 'what it says passes');
	is($node->safe_psql('tables', $unloaded), '', 'and mends it');
}

# ---- a subscription: what was judged where it was written passes
my $subscriber = start_node('rows_subscriber', "wal_level = logical\nwal_retrieve_retry_interval = 100ms\n");
$subscriber->safe_psql('postgres', 'CREATE DATABASE shop');
{
	my ($status, $out, $err) = run_client(
		[ 'pg_restore', '-h', $subscriber->host, '-p', $subscriber->port, '-s', '--exit-on-error', '-d', 'shop', "$dir/shop-Fc" ],
		options => $off);
	is("$status $err", '0 ', 'the schema on another server');
}
my @published = map { my $rule = $_; map { table($rule, $_) } qw(plain parted) } @rules;
$node->safe_psql('shop', 'CREATE PUBLICATION news FOR TABLE ' . join(', ', @published));
$subscriber->safe_psql('shop', "CREATE SUBSCRIPTION sub CONNECTION 'host=" . $node->host
	  . ' port=' . $node->port . " dbname=shop' PUBLICATION news");
$subscriber->wait_for_subscription_sync($node, 'sub', 'shop');
for my $table (@published)
{
	$node->safe_psql('shop', "SET invariant_guard.mode = off; UPDATE $table SET cents = cents + 1 WHERE id > 5;"
		  . " UPDATE $table SET k = 2 WHERE id = 2; DELETE FROM $table WHERE id = 1;"
		  . " INSERT INTO $table (id, k, cents) VALUES (50, 1, 50)");
}
my $contents = join(' UNION ALL ',
	map { "SELECT '$_', (SELECT string_agg(format('%s %s %s', id, k, cents), ', ' ORDER BY id) FROM $_)" } @published);
$node->wait_for_catchup('sub');
is($subscriber->safe_psql('shop', $contents), $node->safe_psql('shop', $contents), 'changes are applied');
$node->safe_psql('shop', "SET invariant_guard.mode = off; TRUNCATE $_") for @published;
$node->wait_for_catchup('sub');
is($subscriber->safe_psql('shop', 'SELECT count(*) FROM ' . $published[0]), '0', 'so is TRUNCATE');

unlike(slurp_file($subscriber->logfile), qr/WARNING:  session_replication_role/,
	'and the worker is not warned of its role');

# a session in the role of a replica is no worker
$subscriber->safe_psql('shop', "INSERT INTO $published[0] (id, k, cents) VALUES (1, 1, 1)");
is(refusal($subscriber, 'shop', q{
		SET invariant_guard.reason = 'test';
		SET invariant_guard.allow = 'guard-self(session_replication_role)';
		SET session_replication_role = replica;} . "DELETE FROM $published[0];"),
	'IGA01', 'a session in replica role is refused');
$subscriber->safe_psql('shop', 'DROP SUBSCRIPTION sub');

# ---- a rule that is dropped leaves nothing behind, on none of the tables
for my $rule (@rules)
{
	for my $shape (sort keys %shapes)
	{
		my $table = table($rule, $shape);
		my $left = "SELECT string_agg(tgrelid::regclass || ' ' || tgname, ', ') FROM pg_trigger"
		  . " WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE '$table%'";

		is(refusal($node, 'shop', "SELECT invariant_guard.drop_rule('$table', '$rule->{name}');"),
			'IGG02', "$table: drop_rule() needs an allowance");
		passes($node, 'shop', "SET invariant_guard.reason = 'test';"
			  . " SET invariant_guard.allow = 'guard-self($table)';"
			  . " SELECT invariant_guard.drop_rule('$table', '$rule->{name}');", "$table: and passes with one");
		is($node->safe_psql('shop', $left), '', "$table: no trigger is left");
	}
}
is($node->safe_psql('shop', 'SELECT count(*) FROM invariant_guard.row_rules'), '0', 'no rule is left');

# ---- rows that were there before: a bounded sample, with their number, by the
# rights of the table's owner
if (grep { $_->{name} eq 'audit-columns' } @rules)
{
	my $check = q{SELECT count(*), min(violations), max(violations), count(DISTINCT sample)
		FROM invariant_guard.check_rules('unstamped')};

	$node->safe_psql('shop', q{
		CREATE ROLE regress_row_rules;
		CREATE TABLE unstamped (id int, created_at timestamptz, updated_at timestamptz);
		ALTER TABLE unstamped OWNER TO regress_row_rules;
		INSERT INTO unstamped SELECT i FROM generate_series(1, 30) i;
		SELECT invariant_guard.add_audit_columns('unstamped');
	});
	is($node->safe_psql('shop', $check), '20|60|60|20', 'samples, and how many there are');
	is($node->safe_psql('shop', "SET ROLE regress_row_rules; $check"), '20|60|60|20', 'for the owner as well');
	is($node->safe_psql('shop', "SET default_transaction_read_only = on; $check"), '20|60|60|20', 'read only');
	$node->safe_psql('shop', 'ALTER TABLE unstamped ENABLE ROW LEVEL SECURITY');
	is($node->safe_psql('shop', "SET ROLE regress_row_rules; $check"), '20|60|60|20', 'row security spares the owner');
	$node->safe_psql('shop', 'ALTER TABLE unstamped FORCE ROW LEVEL SECURITY');
	is(refusal($node, 'shop', "SET ROLE regress_row_rules; $check;"), '42501', 'where it does not, it is an error');
	is(refusal($node, 'shop', "$check;"), '42501', 'also for a superuser, who looks with the rights of the owner');
}

# ---- what a soft delete has on the tables that refer to its own
if (grep { $_->{name} eq 'soft-delete' } @rules)
{
	my $covered = q{SELECT coalesce(string_agg(relation || ':' || rule, ' ' ORDER BY relation::text, rule), '')
		FROM invariant_guard.row_rules};
	my $gap = q{SELECT weakness, mend FROM invariant_guard.verify_rules('parent') WHERE weakness LIKE 'nothing keeps%'};
	my $allow = q{SET invariant_guard.reason = 'test'; SET invariant_guard.allow = 'guard-self(parent)'; };

	$node->safe_psql('shop', q{
		BEGIN;
		CREATE TABLE parent (id int PRIMARY KEY, deleted_at timestamptz);
		CREATE TABLE other_parent (id int PRIMARY KEY, deleted_at timestamptz);
		CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent, both_id int REFERENCES parent,
			CONSTRAINT child_other FOREIGN KEY (both_id) REFERENCES other_parent);
		CREATE TABLE child_kid () INHERITS (child);
		SELECT invariant_guard.add_soft_delete('parent');
		SELECT invariant_guard.add_soft_delete('other_parent');
		COMMIT;
	});
	is($node->safe_psql('shop', $gap), '', 'tables that refer to it are covered');
	$node->safe_psql('shop', "SET invariant_guard.mode = off;"
		  . " SELECT invariant_guard.drop_rule('child', 'soft-delete-parent', 'child_parent_id_fkey')");
	my ($weakness, $mend) = split /\|/, $node->safe_psql('shop', $gap);
	like($weakness, qr/"public\.child" .* "child_parent_id_fkey"/, 'one that is not is found');
	passes($node, 'shop', $mend, 'and mended');
	is($node->safe_psql('shop', $gap), '', 'so that it is covered again');
	$node->safe_psql('shop', "$allow SELECT invariant_guard.drop_rule('parent', 'soft-delete')");
	unlike($node->safe_psql('shop', $covered), qr/\bparent:/, 'the rule is dropped');
	is($node->safe_psql('shop', q{SELECT string_agg(relation || ' ' || array_to_string(columns, ','), ' ' ORDER BY relation::text)
			FROM invariant_guard.row_rules WHERE rule = 'soft-delete-parent'}),
		'child both_id child_kid both_id', 'with what was there for it alone, on children too');
}

$subscriber->stop;
$node->stop;
done_testing();
