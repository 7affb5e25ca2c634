# Every row rule against every way to change a row: on plain, partitioned and
# inherited tables, for a superuser, the owner and a role that may only change
# rows, and in the replica role.
#
# What has to happen is not written down for each case.  Each statement is run
# on a twin of the table that has no rule; from what it does there, a few lines
# for each rule tell what the rule has to make of it: to refuse it, or to let it
# come to the same rows, or to others (a soft delete).  So no case can be vacuous
# without being noticed: the ways that break a rule are counted.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('matrix');
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/$_", "50\t$_\t1\t50\tnew\tm\t1\n") for 1, 2;

my $columns = 'id int NOT NULL, k int NOT NULL, owner int, cents bigint, note text, memo text, '
  . 'version int NOT NULL DEFAULT 1, deleted_at timestamptz, created_at timestamptz, updated_at timestamptz';
my $names = 'id, k, owner, cents, note, memo, version';

# Shape: statements that make the table %s, and what may be named, with the
# partition key of the rows that fit.
my %shapes = (
	plain => { make => "CREATE TABLE %s ($columns, PRIMARY KEY (id));", targets => { '' => 1 }, key => 'id' },
	parted => {
		make => "CREATE TABLE %s ($columns, PRIMARY KEY (id, k)) PARTITION BY LIST (k);"
		  . 'CREATE TABLE %s_1 PARTITION OF %s FOR VALUES IN (1) PARTITION BY RANGE (k);'
		  . 'CREATE TABLE %s_1a PARTITION OF %s_1 FOR VALUES FROM (0) TO (1000);'
		  . "CREATE TABLE %s_2 (gone text, updated_at timestamptz, $columns, UNIQUE (id, k));"
		  . 'ALTER TABLE %s_2 DROP COLUMN gone;'
		  . 'ALTER TABLE %s ATTACH PARTITION %s_2 FOR VALUES IN (2);',
		targets => { '' => 1, '_1' => 1, '_1a' => 1, '_2' => 2 },
		key => 'id, k',
	},
	inherited => {
		make => "CREATE TABLE %s ($columns, PRIMARY KEY (id));"
		  . 'CREATE TABLE %s_kid (more int, PRIMARY KEY (id)) INHERITS (%s);'
		  . "INSERT INTO %s_kid ($names) SELECT i, i %% 2 + 1, i, i, 'n' || i, nullif('m' || i, 'm11'), 1 FROM generate_series(11, 14) i;",
		targets => { '' => 1, '_kid' => 1 },
		key => 'id',
	});
$shapes{parted}{make} =~ s/(gone text, updated_at timestamptz, .*?), updated_at timestamptz/$1/;

my $fill = "INSERT INTO %s ($names) SELECT i, i %% 2 + 1, i, i, 'n' || i, nullif('m' || i, 'm1'), 1 FROM generate_series(1, 6) i;";

# What to do: %t is the table, %k a fitting key of the partition, %c the columns
# of the primary key, %i a key that is there, %v a view of the table, %o the table it refers to.
# is: what kind of command a rule of commands takes it for; sets: columns that
# get a value made of nothing that they held; says: states the version it read.
my @ops = (
	[ 'insert', "INSERT INTO %t ($names) VALUES (50, %k, 1, 50, 'new', 'm', 1)" ],
	[ 'insert select', "INSERT INTO %t ($names) SELECT 50 + i, %k, 1, 50, 'new', 'm', 1 FROM generate_series(1, 2) i" ],
	[ 'copy', "COPY %t ($names) FROM '$dir/%k'" ],
	[ 'update', "UPDATE %t SET note = 'changed' WHERE id <= 3", is => 'update' ],
	[ 'update of nothing', 'UPDATE %t SET note = note WHERE id <= 3', is => 'update' ],
	[ 'update of all', "UPDATE %t SET note = 'changed'", is => 'update' ],
	[ 'update to null', 'UPDATE %t SET note = NULL, memo = NULL WHERE id IN (1, 12)', is => 'update' ],
	[ 'update from null', "UPDATE %t SET memo = 'first' WHERE id IN (1, 11)", is => 'update' ],
	[ 'update of a value', "UPDATE %t SET memo = 'second' WHERE id IN (2, 3, 12)", is => 'update' ],
	[ 'update of no row', "UPDATE %t SET note = 'changed' WHERE id = -1", is => 'update' ],
	[ 'absolute', 'UPDATE %t SET cents = 20 WHERE id IN (1, 2, 12)', is => 'update', sets => 'cents' ],
	[ 'relative', 'UPDATE %t SET cents = cents + 20 WHERE id IN (1, 2, 12)', is => 'update' ],
	[ 'too much', 'UPDATE %t SET cents = cents + 5000 WHERE id IN (1, 2, 12)', is => 'update' ],
	[ 'same owner', 'UPDATE %t SET owner = 3 WHERE id IN (1, 4, 12)', is => 'update' ],
	[ 'version stated', 'UPDATE %t SET cents = cents + 1, version = version + 1 WHERE id IN (1, 12) AND version = 1',
		is => 'update', says => 1 ],
	[ 'version seen', "UPDATE %t SET note = 'seen' WHERE id IN (2, 12) AND version = 1", is => 'update', says => 1 ],
	[ 'version made up', "UPDATE %t SET note = 'v', version = 9 WHERE id IN (2, 3, 12)", is => 'update' ],
	[ 'version set back', 'UPDATE %t SET version = 0 WHERE id IN (2, 3, 12)', is => 'update' ],
	[ 'move', 'UPDATE %t SET k = 3 - k WHERE id IN (1, 2, 12)', is => 'update' ],
	[ 'move and change', "UPDATE %t SET k = 3 - k, note = 'moved', cents = cents + 1 WHERE id IN (1, 2, 4, 12)", is => 'update' ],
	[ 'delete', 'DELETE FROM %t WHERE id IN (1, 2, 12)', is => 'delete' ],
	[ 'delete of no row', 'DELETE FROM %t WHERE id = -1', is => 'delete' ],
	[ 'delete of all', 'DELETE FROM %t', is => 'delete' ],
	[ 'delete using', 'DELETE FROM %t USING generate_series(1, 2) g WHERE id = g RETURNING id', is => 'delete' ],
	[ 'truncate', 'TRUNCATE %t' ],
	[ 'on conflict update', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1), (60, %k, 1, 60, 'n', 'm', 1)
		ON CONFLICT (%c) DO UPDATE SET note = excluded.note" ],
	[ 'on conflict set', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1) ON CONFLICT (%c) DO UPDATE SET cents = 77", sets => 'cents' ],
	[ 'on conflict nothing', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1) ON CONFLICT (%c) DO NOTHING" ],
	[ 'merge update', "MERGE INTO %t t USING generate_series(2, 3) g (id) ON t.id = g.id WHEN MATCHED THEN UPDATE SET note = 'merged'" ],
	[ 'merge delete', 'MERGE INTO %t t USING generate_series(2, 3) g (id) ON t.id = g.id WHEN MATCHED THEN DELETE' ],
	[ 'merge insert', "MERGE INTO %t t USING (VALUES (70, %k)) g (id, k) ON t.id = g.id
		WHEN NOT MATCHED THEN INSERT ($names) VALUES (g.id, g.k, 1, 70, 'n', 'm', 1)" ],
	[ 'cte update', "WITH w AS (UPDATE %t SET note = 'cte' WHERE id IN (2, 3, 12) RETURNING id) SELECT id FROM w", is => 'update' ],
	[ 'cte delete', 'WITH w AS (DELETE FROM %t WHERE id IN (2, 3, 12) RETURNING id) SELECT id FROM w', is => 'delete' ],
	[ 'view update', "UPDATE %v SET note = 'view', cents = cents + 1 WHERE id IN (2, 3, 12)", is => 'update' ],
	[ 'view delete', 'DELETE FROM %v WHERE id IN (2, 3, 12)', is => 'delete' ],
	[ 'prepared update', "PREPARE p AS UPDATE %t SET note = 'p' WHERE id = \$1",
		(map { "EXECUTE p($_)" } 2, 3, 12), is => 'update' ],
	[ 'prepared delete', 'PREPARE p AS DELETE FROM %t WHERE id = $1', (map { "EXECUTE p($_)" } 2, 3, 12), is => 'delete' ],
	[ 'cursor update', 'DECLARE c CURSOR FOR SELECT * FROM %t WHERE id IN (2, 3) FOR UPDATE', 'FETCH c',
		"UPDATE %t SET note = 'cursor' WHERE CURRENT OF c", 'CLOSE c', is => 'update' ],
	[ 'cursor delete', 'DECLARE c CURSOR FOR SELECT * FROM %t WHERE id IN (2, 3) FOR UPDATE', 'FETCH c',
		'DELETE FROM %t WHERE CURRENT OF c', 'CLOSE c', is => 'delete' ],
	[ 'function update', q{SELECT * FROM run($$UPDATE %t SET note = 'function' WHERE id IN (2, 3, 12) RETURNING id$$)}, is => 'update' ],
	[ 'function delete', q{SELECT * FROM run($$DELETE FROM %t WHERE id IN (2, 3, 12) RETURNING id$$)}, is => 'delete' ],
	[ 'key deletes', 'DELETE FROM %o WHERE owner IN (2, 3, 12)', key => 1 ],
	[ 'key updates', 'UPDATE %o SET owner = owner + 100 WHERE owner IN (2, 3, 12)', key => 1 ],
);

# As hashes.
for my $op (@ops)
{
	my ($name, @rest) = @$op;
	my @sql;

	push @sql, shift @rest while @rest && $rest[0] !~ /^(?:is|sets|says|key)$/;
	$op = { name => $name, sql => \@sql, @rest };
}

# What rules are asked: of the rows before and after, by id, and the statements.
sub changed
{
	my ($cell, @columns) = @_;
	my @ids = grep {
		my ($old, $new) = ($cell->{before}{$_}, $cell->{after}{$_});
		$new && grep { $old->{$_} ne $new->{$_} } @columns
	} keys %{ $cell->{before} };
	return @ids;
}

my @data = qw(k owner cents note memo version);

sub gone
{
	my ($cell) = @_;
	return grep { !$cell->{after}{$_} } keys %{ $cell->{before} };
}

sub truncates { return $_[0]{op}{name} eq 'truncate' }

# The rows that UPDATE and DELETE themselves say to have met.
sub met
{
	my ($cell) = @_;
	return $cell->{op}{is} ? $cell->{most} : 0;
}

# judge: nothing, and the statement comes to the rows of the twin; 'refuse'; or
# the rows that are to be there instead.
my @rules = (
	{
		name => 'append_only',
		add => q{invariant_guard.add_append_only('%s')},
		judge => sub { (changed($_[0], @data) || gone($_[0]) || met($_[0]) || truncates($_[0])) && 'refuse' },
		no_key => 1,
	},
	{
		name => 'immutable_columns',
		add => q{invariant_guard.add_immutable_columns('%s', '{note}')},
		judge => sub { changed($_[0], 'note') && 'refuse' },
	},
	{
		name => 'write_once',
		add => q{invariant_guard.add_immutable_columns('%s', '{memo}', write_once => true)},
		judge => sub {
			my ($cell) = @_;
			(grep { $cell->{before}{$_}{memo} ne '' } changed($cell, 'memo')) && 'refuse';
		},
	},
	{
		name => 'snapshot_columns',
		add => q{invariant_guard.add_snapshot_columns('%s', '{note}')},
		judge => sub { changed($_[0], 'note') && 'refuse' },
	},
	{
		name => 'frozen_rows',
		add => q{invariant_guard.add_frozen_rows('%s', 'cents > 2', allow => '{memo}')},
		judge => sub {
			my ($cell) = @_;
			((grep { $cell->{before}{$_}{cents} > 2 } changed($cell, qw(k owner cents note version)), gone($cell))
				  || truncates($cell)) && 'refuse';
		},
	},
	{
		name => 'optimistic_lock',
		add => q{invariant_guard.add_optimistic_lock('%s')},
		judge => \&count_versions,
	},
	{
		name => 'optimistic_lock_reject',
		add => q{invariant_guard.add_optimistic_lock('%s', unversioned => 'reject')},
		judge => sub {
			my ($cell) = @_;
			return 'refuse' if !$cell->{op}{says} && !$cell->{op}{key} && (changed($cell, @data)
				|| ($cell->{op}{is} // '') eq 'update' || $cell->{op}{name} eq 'merge update');
			return count_versions($cell);
		},
	},
	{
		name => 'soft_delete',
		add => q{invariant_guard.add_soft_delete('%s')},
		judge => sub {
			my ($cell) = @_;
			my %rows = %{ $cell->{after} };
			return 'refuse' if truncates($cell) || ($cell->{op}{name} eq 'merge delete' && gone($cell));
			$rows{$_} = { %{ $cell->{before}{$_} }, deleted => 't' } for gone($cell);
			return \%rows;
		},
		no_key => 1,
	},
	{
		name => 'unique_active',
		add => q{invariant_guard.add_unique_active('%s', '{owner,k}', 'cents > 0')},
		judge => sub {
			my ($cell) = @_;
			my %seen;
			(grep { $_->{cents} > 0 && $seen{"$_->{owner},$_->{k}"}++ } values %{ $cell->{after} }) && 'refuse';
		},
		shapes => [qw(plain parted)],
		code => '23505',
	},
	{
		name => 'relative_only',
		add => q{invariant_guard.add_relative_only('%s', '{cents}')},
		judge => sub { ($_[0]{op}{sets} // '') eq 'cents' && changed($_[0], 'cents') && 'refuse' },
	},
	{
		name => 'isolation_floor',
		add => q{invariant_guard.add_isolation_floor('%s', 'repeatable read')},
		judge => sub { my ($cell) = @_; $cell->{op}{key} && !changed($cell, @data) && !gone($cell) ? '' : 'refuse' },
	},
	{
		name => 'isolation_floor_met',
		add => q{invariant_guard.add_isolation_floor('%s', 'repeatable read')},
		begin => 'BEGIN ISOLATION LEVEL REPEATABLE READ',
		judge => sub { '' },
	},
	{
		name => 'commit_assertion',
		add => q{invariant_guard.add_commit_assertion('%s', '{k}',
			$$(SELECT coalesce(sum(cents), 0) FROM public.%s WHERE k = $1) < 1000$$)},
		judge => sub {
			my ($cell) = @_;
			my %sum;
			$sum{ $_->{k} } += $_->{cents} for values %{ $cell->{after} };
			return (truncates($cell) || grep { $_ >= 1000 } values %sum) && 'refuse';
		},
	},
	{
		name => 'row_limit',
		add => q{invariant_guard.add_row_limit('%s', 2)},
		judge => sub {
			my ($cell) = @_;
			my $all = () = (changed($cell, @data), gone($cell));
			return (truncates($cell) || met($cell) > 2 || (!$cell->{op}{is} && $all > 2)) && 'refuse';
		},
	},
	{
		name => 'on_no_match',
		add => q{invariant_guard.add_on_no_match('%s')},
		judge => sub { $_[0]{op}{is} && $_[0]{least} == 0 && 'refuse' },
	},
	{
		name => 'audit_columns',
		add => q{invariant_guard.add_audit_columns('%s')},
		judge => sub {
			my ($cell) = @_;
			my %rows = map { $_ => { %{ $cell->{after}{$_} } } } keys %{ $cell->{after} };
			return \%rows if $cell->{replica};
			$rows{$_}{updated} = 't' for changed($cell, @data);
			$rows{$_}{created} = $rows{$_}{updated} = 't' for grep { !$cell->{before}{$_} } keys %rows;
			return \%rows;
		},
	},
);

sub count_versions
{
	my ($cell) = @_;
	my %rows = %{ $cell->{after} };
	my %touched = map { $_ => 1 } changed($cell, @data);
	return \%rows if !%touched && $cell->{op}{name} ne 'update of nothing';

	for my $id (keys %rows)
	{
		my $old = $cell->{before}{$id};
		next if !$old || (!$touched{$id} && !($cell->{op}{name} eq 'update of nothing' && met_row($cell, $id)));
		my $new = $rows{$id}{version};
		return 'refuse' if $new != $old->{version} && $new != $old->{version} + 1;
		$rows{$id} = { %{ $rows{$id} }, version => $old->{version} + 1 };
	}
	return \%rows;
}

# Was the row among those that "update of nothing" writes anew?
sub met_row
{
	my ($cell, $id) = @_;
	my $target = $cell->{target};
	return 0 if $id > 3;
	return $target eq '_2' ? $id % 2 : $target =~ /^_1/ ? $id % 2 == 0 : $target eq '';
}

# --- the tables

$node->safe_psql('postgres', 'CREATE ROLE matrix_owner; CREATE ROLE matrix_plain;'
	  . 'GRANT pg_read_server_files TO matrix_owner, matrix_plain; CREATE DATABASE shop');
$node->safe_psql('shop', q{
	CREATE EXTENSION invariant_guard;
	ALTER DATABASE shop SET session_preload_libraries = 'invariant_guard';
	ALTER DATABASE shop SET invariant_guard.severity = 'truncate=off';
	GRANT CREATE ON SCHEMA public TO matrix_owner;
	CREATE FUNCTION run(command text) RETURNS SETOF int LANGUAGE plpgsql AS
		$$ BEGIN RETURN QUERY EXECUTE command; END $$;
});

sub make_table
{
	my ($table, $shape, $key) = @_;
	my $sql = "CREATE TABLE o_$table (owner int PRIMARY KEY); INSERT INTO o_$table SELECT generate_series(1, 20);"
	  . "$shapes{$shape}{make} $fill";

	$sql =~ s/%s/$table/g;
	$sql =~ s/%%/%/g;
	for my $part ('', grep { $_ ne '' } keys %{ $shapes{$shape}{targets} })
	{
		$sql .= "CREATE VIEW v_$table$part AS SELECT * FROM $table$part;";
		# a key of the parent is none of its heirs
		$sql .= "ALTER TABLE $table$part ADD FOREIGN KEY (owner) REFERENCES o_$table ON DELETE CASCADE ON UPDATE CASCADE;"
		  if $key && ($part eq '' || $shape eq 'inherited');
	}
	return "SET ROLE matrix_owner; $sql RESET ROLE;"
	  . "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO matrix_plain;";
}

my $setup = 'SET invariant_guard.mode = off;';
for my $shape (sort keys %shapes)
{
	$setup .= make_table("twin_$shape", $shape, 1);
	for my $rule (@rules)
	{
		next if $rule->{shapes} && !grep { $_ eq $shape } @{ $rule->{shapes} };
		$setup .= make_table("$rule->{name}_$shape", $shape, !$rule->{no_key});
		(my $add = $rule->{add}) =~ s/%s/$rule->{name}_$shape/g;
		$setup .= "DO \$do\$ BEGIN PERFORM $add; END \$do\$;\n";
	}
}
$node->safe_psql('shop', $setup);

# --- the cells

sub op_statements
{
	my ($op, $table, $shape, $target) = @_;
	my %with = (t => "$table$target", k => $shapes{$shape}{targets}{$target}, c => $shapes{$shape}{key}, i => $target eq '_kid' ? 12 : 2,
		v => "v_$table$target", o => "o_$table");
	my @statements;

	for my $sql (@{ $op->{sql} })
	{
		push @statements, "$sql;";
		$statements[-1] =~ s/%([tkcvoi])\b/$with{$1}/g;
	}
	return @statements;
}

# Runs all statements on all targets of a table, each in a transaction that is
# taken back, and returns for each its code, how many rows the statements say
# to have met, and the rows of the table.
sub run_all
{
	my ($table, $shape, $begin, $prelude) = @_;
	my $script = "SET plan_cache_mode = force_generic_plan;\n";

	for my $target (sort keys %{ $shapes{$shape}{targets} })
	{
		for my $op (@ops)
		{
			$script .= "$begin; $prelude\n\\echo \@cell $op->{name}|$target\n";
			for my $sql (op_statements($op, $table, $shape, $target), 'SET CONSTRAINTS ALL IMMEDIATE;')
			{
				my $counted = $sql =~ /^(?:UPDATE|DELETE|EXECUTE|WITH|SELECT)/ ? 'counted' : 'done';
				$script .= "\\o /dev/null\n$sql\n\\o\n\\echo \@$counted :SQLSTATE :ROW_COUNT\n";
			}
			$script .= "SELECT '\@row', $names, deleted_at IS NOT NULL, created_at = now(), updated_at = now() FROM $table;\n"
			  . "ROLLBACK;\nDEALLOCATE ALL;\n";
		}
	}
	my ($stdout, $stderr) = ('', '');
	$node->psql('shop', $script, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	return parse($stdout);
}

sub parse
{
	my ($stdout) = @_;
	my %cells;
	my $cell;

	for (split /\n/, $stdout)
	{
		if (/^\@cell (.*)/)
		{
			$cell = $cells{$1} = { code => '00000', counts => [], rows => {} };
		}
		elsif (/^\@(counted|done) (\S+) (\d+)/)
		{
			push @{ $cell->{counts} }, $3 if $1 eq 'counted';
			$cell->{code} = $2 if $cell->{code} eq '00000';
		}
		elsif (s/^\@row\|//)
		{
			my %row;
			@row{qw(id k owner cents note memo version deleted created updated)} = split /\|/, $_, -1;
			$cell->{rows}{ $row{id} } = \%row;
		}
	}
	return \%cells;
}

sub rows_text
{
	my ($rows) = @_;
	return join "\n", map { my $r = $rows->{$_}; join '|', map { $r->{$_} } qw(id k owner cents note memo version deleted created updated) }
	  sort { $a <=> $b } keys %$rows;
}

my $replica = "SET LOCAL invariant_guard.reason = 'matrix'; SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)'; SET LOCAL session_replication_role = replica;";
my %sessions = (
	superuser => '',
	owner => 'SET LOCAL ROLE matrix_owner;',
	plain => 'SET LOCAL ROLE matrix_plain;',
	replica => $replica,
);

my %twins;
my %before;
for my $shape (keys %shapes)
{
	for my $how ('', 'replica')
	{
		$twins{$shape}{$how} = run_all("twin_$shape", $shape, 'BEGIN', $how ? $replica : '');
	}
	$before{$shape} = $twins{$shape}{''}{'update of no row|'}{rows};
}

my ($cells, $refused) = (0, 0);
for my $rule (@rules)
{
	for my $shape (@{ $rule->{shapes} // [ sort keys %shapes ] })
	{
		for my $session (sort keys %sessions)
		{
			my @wrong = try_rule($rule, $shape, $session);
			is(join("\n", @wrong), '', "$rule->{name}, $shape table, $session");
		}
	}
}
note("$cells cells, $refused of them to be refused");
cmp_ok($refused, '>', $cells / 10, 'a good part breaks a rule');

sub try_rule
{
	my ($rule, $shape, $session) = @_;
	my $is_replica = $session eq 'replica' ? 'replica' : '';
	my $found = run_all("$rule->{name}_$shape", $shape, $rule->{begin} // 'BEGIN', $sessions{$session});
	my $broken = 0;
	my @wrong;

	for my $op (@ops)
	{
		my $name = $op->{name};

		for my $target (sort keys %{ $shapes{$shape}{targets} })
		{
			my $twin = $twins{$shape}{$is_replica}{"$name|$target"};
			my $cell = $found->{"$name|$target"};
			next if $twin->{code} ne '00000' || ($op->{key} && ($rule->{no_key} || $target ne ''));
			my @counts = sort { $a <=> $b } @{ $twin->{counts} };
			my $asked = {
				op => $op, target => $target, replica => $is_replica,
				before => $before{$shape}, after => $twin->{rows},
				least => $counts[0] // 0, most => $counts[-1] // 0,
			};
			my $verdict = $rule->{judge}->($asked);
			my $expected = $rule->{code} // 'IG';

			$cells++;
			if ($verdict && !ref $verdict)
			{
				$broken++;
				push @wrong, "$name on \"$target\": not refused, but $cell->{code}\n" . rows_text($cell->{rows})
				  if $cell->{code} !~ /^$expected/;
				next;
			}
			my $rows = ref $verdict ? $verdict : $twin->{rows};
			push @wrong, "$name on \"$target\": $cell->{code}\n" . rows_text($cell->{rows}) . "\n instead of\n" . rows_text($rows)
			  if $cell->{code} ne '00000' || rows_text($cell->{rows}) ne rows_text($rows);
		}
	}
	$refused += $broken;
	return @wrong;
}

$node->stop;
done_testing();
