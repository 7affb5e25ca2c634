# Every row rule against every way to change a row: on plain, partitioned and
# inherited tables, for a superuser, the owner and a role that may only change
# rows, in the replica role, and in sessions that load the library late.  The
# rules are declared by their functions, by hand as README does it, and for the
# lowest partition or heir alone.
#
# What has to happen is not written down for each case.  Each statement is run
# on a twin of the table that has no rule; from what it does there, a few lines
# for each rule (IgRowRules.pm) tell what the rule has to make of it: to refuse
# it, or to let it come to the same rows, or to others (a soft delete).  So no case
# can be vacuous without being noticed: the ways that break a rule are counted.

use strict;
use warnings FATAL => 'all';

use IgRowRules;
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
		low => '_1a',
		key => 'id, k',
	},
	inherited => {
		make => "CREATE TABLE %s ($columns, PRIMARY KEY (id));"
		  . 'CREATE TABLE %s_kid (more int, PRIMARY KEY (id)) INHERITS (%s);'
		  . "INSERT INTO %s_kid ($names) SELECT i, i %% 2 + 1, i, i, 'n' || i, nullif('m' || i, 'm11'), 1 FROM generate_series(11, 14) i;",
		targets => { '' => 1, '_kid' => 1 },
		low => '_kid',
		key => 'id',
	});
$shapes{parted}{make} =~ s/(gone text, updated_at timestamptz, .*?), updated_at timestamptz/$1/;

my $fill = "INSERT INTO %s ($names) SELECT i, i %% 2 + 1, i, i, 'n' || i, nullif('m' || i, 'm1'), 1 FROM generate_series(1, 6) i;";

# What to do: %t is the table, %k a fitting key of the partition, %c the columns
# of the primary key, %i a key that is there, %v a view of the table, %o the table it refers to.
# is: what kind of command a rule of commands takes it for; sets: columns that
# get a value made of nothing that they held; says: states the version it read;
# merges: what MERGE may do to rows that are there; key: goes by a foreign key;
# truncates; since: the first major that has it.
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
	[ 'update of these only', "UPDATE ONLY %t SET note = 'only' WHERE id IN (2, 3, 12)", is => 'update' ],
	[ 'delete of these only', 'DELETE FROM ONLY %t WHERE id IN (2, 3, 12)', is => 'delete' ],
	[ 'truncate', 'TRUNCATE %t', truncates => 1 ],
	[ 'truncate only', 'TRUNCATE ONLY %t', truncates => 1 ],
	[ 'on conflict update', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1), (60, %k, 1, 60, 'n', 'm', 1)
		ON CONFLICT (%c) DO UPDATE SET note = excluded.note" ],
	[ 'on conflict set', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1) ON CONFLICT (%c) DO UPDATE SET cents = 77", sets => 'cents' ],
	[ 'on conflict nothing', "INSERT INTO %t ($names) VALUES (%i, 1, 2, 2, 'n', 'm2', 1) ON CONFLICT (%c) DO NOTHING" ],
	[ 'merge update', "MERGE INTO %t t USING generate_series(2, 3) g (id) ON t.id = g.id WHEN MATCHED THEN UPDATE SET note = 'merged'",
		merges => 'update' ],
	[ 'merge delete', 'MERGE INTO %t t USING generate_series(2, 3) g (id) ON t.id = g.id WHEN MATCHED THEN DELETE', merges => 'delete' ],
	[ 'merge all', "MERGE INTO %t t USING (VALUES (2, 0), (3, 0), (70, %k)) g (id, k) ON t.id = g.id
		WHEN MATCHED AND t.id = 3 THEN DELETE WHEN MATCHED THEN UPDATE SET note = 'merged'
		WHEN NOT MATCHED AND g.id = 70 THEN INSERT ($names) VALUES (g.id, g.k, 1, 70, 'n', 'm', 1)", merges => 'update delete' ],
	[ 'merge by source', "MERGE INTO %t t USING generate_series(2, 20) g (id) ON t.id = g.id
		WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN MATCHED AND t.id = 3 THEN UPDATE SET note = 'merged' RETURNING t.id",
		merges => 'update delete', since => 17 ],
	[ 'view merge', "MERGE INTO %v t USING generate_series(2, 3) g (id) ON t.id = g.id WHEN MATCHED THEN UPDATE SET note = 'merged'",
		merges => 'update', since => 17 ],
	[ 'merge insert', "MERGE INTO %t t USING (VALUES (70, %k)) g (id, k) ON t.id = g.id
		WHEN NOT MATCHED THEN INSERT ($names) VALUES (g.id, g.k, 1, 70, 'n', 'm', 1)" ],
	[ 'cte update', "WITH w AS (UPDATE %t SET note = 'cte' WHERE id IN (2, 3, 12) RETURNING id) SELECT id FROM w", is => 'update' ],
	[ 'cte delete', 'WITH w AS (DELETE FROM %t WHERE id IN (2, 3, 12) RETURNING id) SELECT id FROM w', is => 'delete' ],
	[ 'cte insert', "WITH w AS (INSERT INTO %t ($names) VALUES (50, %k, 1, 50, 'new', 'm', 1) RETURNING id) SELECT id FROM w" ],
	[ 'view insert', "INSERT INTO %v ($names) VALUES (50, %k, 1, 50, 'new', 'm', 1)" ],
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
	[ 'key truncates', 'TRUNCATE %o CASCADE', key => 1, truncates => 1 ],
);

# As hashes.
for my $op (@ops)
{
	my ($name, @rest) = @$op;
	my @sql;

	push @sql, shift @rest while @rest && $rest[0] !~ /^(?:is|sets|says|key|merges|truncates|since)$/;
	$op = { name => $name, sql => \@sql, @rest };
}

# --- the tables

# matrix_late is a role whose sessions load the library with the first trigger
# that fires, or by the login trigger.
$node->safe_psql('postgres', 'CREATE ROLE matrix_owner; CREATE ROLE matrix_plain; CREATE ROLE matrix_late LOGIN IN ROLE matrix_plain;'
	  . 'ALTER ROLE matrix_late SET session_preload_libraries = plpgsql;'
	  . 'GRANT pg_read_server_files TO matrix_owner, matrix_plain; CREATE DATABASE shop');
$node->safe_psql('shop', q{
	CREATE EXTENSION invariant_guard;
	ALTER DATABASE shop SET session_preload_libraries = 'invariant_guard';
	ALTER DATABASE shop SET invariant_guard.severity = 'truncate=off, truncate-cascade=off';
	GRANT CREATE ON SCHEMA public TO matrix_owner;
	CREATE FUNCTION run(command text) RETURNS SETOF int LANGUAGE plpgsql AS
		$$ BEGIN RETURN QUERY EXECUTE command; END $$;
});

sub make_table
{
	my ($table, $shape) = @_;
	my $sql = "CREATE TABLE o_$table (owner int PRIMARY KEY); INSERT INTO o_$table SELECT generate_series(1, 20);"
	  . "$shapes{$shape}{make} $fill";

	$sql =~ s/%s/$table/g;
	$sql =~ s/%%/%/g;
	$sql .= "CREATE VIEW v_$table$_ AS SELECT * FROM $table$_;" for keys %{ $shapes{$shape}{targets} };
	return "SET ROLE matrix_owner; $sql RESET ROLE;"
	  . "GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO matrix_plain;";
}

# By a function, by hand, and for the lowest of the tables alone.
sub hows_of
{
	my ($rule) = @_;
	return ('', $rule->{hand} ? 'hand_' : (), 'low_');
}

sub shapes_of
{
	my ($rule, $how) = @_;
	return @{ $rule->{hand_shapes} } if $how eq 'hand_' && $rule->{hand_shapes};
	return grep { $how ne 'low_' || $shapes{$_}{low} } @{ $rule->{shapes} // [ sort keys %shapes ] };
}

# A key of the parent is none of its heirs.
sub make_keys
{
	my ($table, $shape) = @_;
	my @heirs = $shape eq 'inherited' ? grep { $_ ne '' } keys %{ $shapes{$shape}{targets} } : ();

	return join '', map { "ALTER TABLE $table$_ ADD FOREIGN KEY (owner) REFERENCES o_$table ON DELETE CASCADE ON UPDATE CASCADE;" } '', @heirs;
}

# The statements that declare a rule for a table.
sub declare
{
	my ($rule, $table, $shape, $how) = @_;
	my $hand = $how eq 'hand_';
	my $sql = $hand ? '' : "DO \$do\$ BEGIN PERFORM $rule->{add}; END \$do\$;";
	my $number = 0;

	$table .= $shapes{$shape}{low} if $how eq 'low_';
	for my $trigger ($hand ? @{ $rule->{hand} } : (), $hand && $shape eq 'parted' ? @{ $rule->{hand_parted} // [] } : ())
	{
		my $kind = $trigger =~ /DEFERRABLE/ ? 'CONSTRAINT TRIGGER' : 'TRIGGER';
		my $name = 'zz_hand_' . ++$number;

		$sql .= "CREATE $kind $name $trigger;";
		$sql .= "ALTER TABLE %s ENABLE ALWAYS TRIGGER $name;" if !$rule->{origin};
	}
	$sql =~ s/%s/$table/g;
	return "$sql\n";
}

my $setup = 'SET invariant_guard.mode = off;';
$setup .= make_table("twin_$_", $_) . make_keys("twin_$_", $_) for sort keys %shapes;
for my $rule (@rules)
{
	for my $how (hows_of($rule))
	{
		for my $shape (shapes_of($rule, $how))
		{
			my $table = "$how$rule->{name}_$shape";
			my @steps = (declare($rule, $table, $shape, $how), make_keys($table, $shape));

			# some cannot be declared where a key cascades; one may be added later, by an allowance
			@steps = reverse @steps if !$rule->{keys_last};
			$setup .= join '', make_table($table, $shape), @steps;
		}
	}
}
$node->safe_psql('shop', $setup);

# What was there before a rule was written by hand has of it what the server
# takes along: row triggers on partitions.  verify_rules() has the rest.
my @lacking;
for my $rule (grep { $_->{hand} } @rules)
{
	for my $shape (grep { $_ ne 'plain' } shapes_of($rule, 'hand_'))
	{
		next if $shape eq 'parted' && !grep { !/FOR EACH ROW/ } @{ $rule->{hand} };
		push @lacking, map { "hand_$rule->{name}_$shape$_" } grep { $_ ne '' } keys %{ $shapes{$shape}{targets} };
	}
}
is($node->safe_psql('shop', q{SELECT DISTINCT relation::text COLLATE "C" FROM invariant_guard.verify_rules() WHERE relation IS NOT NULL ORDER BY 1}),
	join("\n", sort @lacking), 'tables that a rule written by hand does not reach');
$node->safe_psql('shop', q{
	DO $$ DECLARE sql text; BEGIN
		FOR sql IN SELECT mend FROM invariant_guard.verify_rules() WHERE relation IS NOT NULL LOOP EXECUTE sql; END LOOP;
	END $$});
is($node->safe_psql('shop', 'SELECT relation, rule, trigger, weakness FROM invariant_guard.verify_rules() WHERE relation IS NOT NULL'),
	'', 'they have it now');

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

# New sessions cost time: late ones do with the top and the bottom, and where the
# plan is not looked at, with the top of the partitioned table.
sub targets_of
{
	my ($rule, $shape, $late) = @_;
	my @targets = sort keys %{ $shapes{$shape}{targets} };

	@targets = grep { $_ eq '' || ($rule->{plan} && !/^_[12]$/) } @targets if $late;
	return @targets;
}

# The statement of one cell, in a transaction that is taken back.
sub cell_script
{
	my ($name, $begin, @statements) = @_;
	my $script = '';

	# in one message
	$begin =~ s/;\s*(?=\S)/\\; /g;
	$script .= "$begin\n\\echo \@cell $name\n";
	for my $sql (@statements, 'SET CONSTRAINTS ALL IMMEDIATE;')
	{
		my $counted = $sql =~ /^(?:UPDATE|DELETE|EXECUTE|WITH|SELECT)/ ? 'counted' : 'done';
		$script .= "\\o /dev/null\n$sql\n\\o\n\\echo \@$counted :SQLSTATE :ROW_COUNT\n";
	}
	return $script;
}

# Runs all statements on all targets of a table, and returns for each its code,
# how many rows the statements say to have met, and the rows of the table.  A
# late session is a new one for each, and tries twice.
sub run_all
{
	my ($rule, $table, $shape, $begin, $late) = @_;
	my $generic = "SET plan_cache_mode = force_generic_plan;\n";
	my $script = $generic;

	for my $target (targets_of($rule, $shape, $late))
	{
		for my $op (@ops)
		{
			my @statements = op_statements($op, $table, $shape, $target);

			$script .= "\\c - matrix_late\n$generic" if $late;
			for my $try ($late ? ('|first', '') : (''))
			{
				$script .= cell_script("$op->{name}|$target$try", $begin, @statements)
				  . "SELECT '\@row', $names, deleted_at IS NOT NULL, created_at = now(), updated_at = now(), tableoid::regclass || ' ' || ctid FROM $table;\n"
				  . "ROLLBACK;\n" . ("@statements" =~ /PREPARE/ ? "DEALLOCATE ALL;\n" : '');
			}
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
			@row{qw(id k owner cents note memo version deleted created updated place)} = split /\|/, $_, -1;
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

my $major = major($node);
@ops = grep { ($_->{since} // 0) <= $major } @ops;

my %sessions = (
	superuser => '',
	owner => 'SET LOCAL ROLE matrix_owner;',
	plain => 'SET LOCAL ROLE matrix_plain;',
	replica => "SET LOCAL invariant_guard.reason = 'matrix'; SET LOCAL invariant_guard.allow = 'guard-self(session_replication_role)';"
	  . 'SET LOCAL session_replication_role = replica;',
	late => '',
);

my %twins;
my %before;
for my $shape (sort keys %shapes)
{
	for my $how (qw(superuser replica))
	{
		my $twins = $twins{$shape}{$how} = run_all({}, "twin_$shape", $shape, "BEGIN; $sessions{$how}");
		my @fail = grep { $twins->{"$_->{name}|"}{code} ne '00000' } @ops;

		# the parent alone has no rows to truncate
		is(join(', ', map { $_->{name} } @fail), $shape eq 'parted' ? 'truncate only' : '', "without a rule, $shape table, $how");
	}
	$before{$shape} = $twins{$shape}{superuser}{'update of no row|'}{rows};
}

my ($cells, $refused) = (0, 0);
for my $rule (@rules)
{
	for my $how (hows_of($rule))
	{
		my $late_refusals = 0;
		for my $shape (shapes_of($rule, $how))
		{
			for my $session ($how ? qw(plain replica) : sort keys %sessions)
			{
				next if $session eq 'late' && !$rule->{plan} && $shape ne 'parted';
				my @wrong = try_rule($rule, $how, $shape, $session, \$late_refusals);
				is(join("\n", @wrong), '', "$how$rule->{name}, $shape table, $session");
			}
		}
		# a limit of the rules that look at the plan: what loads the library is
		# refused, and passes when it is sent again
		is($late_refusals > 0 ? 1 : 0, $major < 17 ? 1 : 0, "$rule->{name}: what loads the library is refused")
		  if $rule->{plan} && !$how;
	}
}
note("$cells cells, $refused of them to be refused");
cmp_ok($refused, '>', $cells / 10, 'a good part breaks a rule');

# The rows of the twin of the table that has the rule.
sub rows_of
{
	my ($rows, $shape, $how) = @_;
	return $rows if $how ne 'low_';
	return { map { $_ => $rows->{$_} } grep { $rows->{$_}{place} =~ /$shapes{$shape}{low} / } keys %$rows };
}

sub try_rule
{
	my ($rule, $how, $shape, $session, $late_refusals) = @_;
	my $twin_of = $session eq 'replica' ? 'replica' : 'superuser';
	my $late = $session eq 'late';
	my $begin = ($rule->{begin} // 'BEGIN') . "; $sessions{$session}";
	my $found = run_all($rule, "$how$rule->{name}_$shape", $shape, $begin, $late);
	my ($broken, @wrong) = (0);

	for my $op (@ops)
	{
		for my $target (targets_of($rule, $shape, $late))
		{
			my $cell = "$op->{name}|$target";
			my $twin = $twins{$shape}{$twin_of}{$cell};
			next if $twin->{code} ne '00000' || ($op->{key} && $target ne '');
			my @counts = sort { $a <=> $b } @{ $twin->{counts} };
			my $verdict = $rule->{judge}->({
				op => $op, target => $target, replica => $session eq 'replica', late => $late && $major < 17,
				before => rows_of($before{$shape}, $shape, $how), after => rows_of($twin->{rows}, $shape, $how), all => $twin->{rows},
				names => $how ne 'low_' || $target eq $shapes{$shape}{low} ? 'own' : $target eq '_2' ? 'other' : 'above',
				least => $counts[0] // 0, most => $counts[-1] // 0,
			});

			$cells++;
			$broken++ if $verdict && !ref $verdict;
			push @wrong, compare($rule, $cell, $found->{$cell}, $verdict, $twin->{rows});
			next if !$late;
			if ($rule->{plan} && $major < 17 && $found->{"$cell|first"}{code} =~ /^$rule->{code}/ && !($verdict && !ref $verdict))
			{
				$$late_refusals++;
				next;
			}
			push @wrong, compare($rule, "$cell|first", $found->{"$cell|first"}, $verdict, $twin->{rows});
		}
	}
	$refused += $broken;
	return @wrong;
}

# What is wrong with a cell, if anything is.
sub compare
{
	my ($rule, $name, $cell, $verdict, $rows) = @_;

	return "$name: nothing came back" if !$cell;
	if ($verdict && !ref $verdict)
	{
		return () if $cell->{code} =~ /^$rule->{code}$/;
		return "$name: not refused, but $cell->{code}\n" . rows_text($cell->{rows});
	}
	$rows = $verdict if ref $verdict;
	return () if $cell->{code} eq '00000' && rows_text($cell->{rows}) eq rows_text($rows);
	return "$name: $cell->{code}\n" . rows_text($cell->{rows}) . "\n instead of\n" . rows_text($rows);
}

$node->stop;
done_testing();
