# IgRowRules: the row rules that 043_row_rule_matrix.pl tries, and what each of
# them has to make of a statement.

package IgRowRules;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(@rules);

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

# The old rows that a statement wrote anew or removed, changed or not.
sub touched
{
	my ($cell) = @_;
	return grep { !$cell->{after}{$_} || $cell->{after}{$_}{place} ne $cell->{before}{$_}{place} } keys %{ $cell->{before} };
}

# Those that are somewhere still, and the others.
sub updated
{
	my ($cell) = @_;
	return grep { $cell->{all}{$_} } touched($cell);
}

sub deleted
{
	my ($cell) = @_;
	return grep { !$cell->{all}{$_} } keys %{ $cell->{before} };
}

sub arrived
{
	my ($cell) = @_;
	return grep { !$cell->{before}{$_} } keys %{ $cell->{after} };
}

# Does it truncate the table, rows or not?
sub truncates
{
	my ($cell) = @_;
	return $cell->{op}{truncates} && ($cell->{names} eq 'own' || gone($cell));
}

sub merges { return ($_[0]{op}{merges} // '') =~ /$_[1]/ }

# add, hand: how it is declared by a function, and by hand.  plan: it looks at
# plans.  code: of what it refuses.
# judge: nothing, and the statement comes to the rows of the twin; 'refuse'; or
# the rows that are to be there instead.  It is asked with the rows of the table
# that has the rule before and after, by id; all rows after, of the tables above
# too; and whether the statement names this table, its own, or one above.
our @rules = (
	{
		name => 'append_only',
		keys_last => 1,
		add => q{invariant_guard.add_append_only('%s')},
		code => 'IGA01',
		hand => [
			q{BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION invariant_guard.append_only()},
			q{BEFORE TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.append_only()},
		],
		judge => sub { (touched($_[0]) || truncates($_[0])) && 'refuse' },
	},
	{
		name => 'immutable_columns',
		add => q{invariant_guard.add_immutable_columns('%s', '{note}')},
		code => 'IGM01',
		hand => [
			q{AFTER UPDATE ON %s FOR EACH ROW WHEN (invariant_guard.changed(OLD.note, NEW.note)) EXECUTE FUNCTION invariant_guard.immutable_columns()},
		],
		hand_shapes => ['plain'],
		judge => sub { changed($_[0], 'note') && 'refuse' },
	},
	{
		name => 'write_once',
		add => q{invariant_guard.add_immutable_columns('%s', '{memo}', write_once => true)},
		code => 'IGM01',
		judge => sub {
			my ($cell) = @_;
			(grep { $cell->{before}{$_}{memo} ne '' } changed($cell, 'memo')) && 'refuse';
		},
	},
	{
		name => 'snapshot_columns',
		add => q{invariant_guard.add_snapshot_columns('%s', '{note}')},
		code => 'IGM03',
		hand => [
			q{AFTER UPDATE ON %s FOR EACH ROW WHEN (invariant_guard.changed(OLD.note, NEW.note)) EXECUTE FUNCTION invariant_guard.snapshot_columns()},
		],
		hand_shapes => ['plain'],
		judge => sub { changed($_[0], 'note') && 'refuse' },
	},
	{
		name => 'frozen_rows',
		add => q{invariant_guard.add_frozen_rows('%s', 'cents > 2', allow => '{memo}')},
		code => 'IGM02',
		hand => [
			q{AFTER UPDATE OR DELETE ON %s FOR EACH ROW WHEN (OLD.cents > 2 AND invariant_guard.uses(OLD.memo)) EXECUTE FUNCTION invariant_guard.frozen_rows()},
			q{BEFORE TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.frozen_rows()},
		],
		hand_shapes => ['plain'],
		judge => sub {
			my ($cell) = @_;
			((grep { $cell->{before}{$_}{cents} > 2 } changed($cell, qw(k owner cents note version)), gone($cell))
				  || truncates($cell)) && 'refuse';
		},
	},
	{
		name => 'optimistic_lock',
		add => q{invariant_guard.add_optimistic_lock('%s')},
		code => 'IGV01',
		hand => [
			q{BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version')},
		],
		judge => \&count_versions,
	},
	{
		name => 'optimistic_lock_reject',
		add => q{invariant_guard.add_optimistic_lock('%s', unversioned => 'reject')},
		code => 'IGV0[12]',
		hand => [
			q{BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION invariant_guard.optimistic_lock('version', 'unversioned=reject')},
		],
		plan => 1,
		judge => sub {
			my ($cell) = @_;
			return 'refuse' if $cell->{names} eq 'above' && !$cell->{op}{key} && updated($cell);
			return count_versions($cell) if $cell->{names} ne 'own';
			my $asked = ($cell->{op}{is} // '') eq 'update' || merges($cell, 'update');

			# no row, no trigger, and nothing that loads the library
			$asked &&= touched($cell) if $cell->{late};
			return 'refuse' if !$cell->{op}{says} && !$cell->{op}{key} && ($asked || changed($cell, @data));
			return count_versions($cell);
		},
	},
	{
		name => 'soft_delete',
		keys_last => 1,
		add => q{invariant_guard.add_soft_delete('%s')},
		code => 'IGD01',
		hand => [
			q{BEFORE DELETE ON %s FOR EACH ROW WHEN (invariant_guard.uses(OLD.deleted_at)) EXECUTE FUNCTION invariant_guard.soft_delete()},
			q{AFTER UPDATE ON %s FOR EACH ROW WHEN (OLD.deleted_at IS NOT NULL AND invariant_guard.changed(OLD.deleted_at, NEW.deleted_at))
				EXECUTE FUNCTION invariant_guard.soft_delete()},
			q{BEFORE TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.soft_delete()},
		],
		hand_parted => [ q{BEFORE UPDATE ON %s FOR EACH ROW WHEN (invariant_guard.uses(OLD.deleted_at)) EXECUTE FUNCTION invariant_guard.soft_delete()} ],
		plan => 1,
		judge => sub {
			my ($cell) = @_;
			my %rows = %{ $cell->{all} };
			my $removes = merges($cell, 'delete') || $cell->{op}{key} || $cell->{names} ne 'own';
			return 'refuse' if truncates($cell) || ($removes && deleted($cell));
			$rows{$_} = { %{ $cell->{before}{$_} }, deleted => 't' } for deleted($cell);
			return \%rows;
		},
	},
	{
		name => 'unique_active',
		add => q{invariant_guard.add_unique_active('%s', '{owner,k}', 'cents > 0')},
		code => '23505',
		judge => sub {
			my ($cell) = @_;
			my %seen;
			(grep { $_->{cents} > 0 && $seen{"$_->{owner},$_->{k}"}++ } values %{ $cell->{after} }) && 'refuse';
		},
		shapes => [qw(plain parted)],
	},
	{
		name => 'relative_only',
		add => q{invariant_guard.add_relative_only('%s', '{cents}')},
		code => 'IGI01',
		hand => [
			q{BEFORE UPDATE ON %s FOR EACH ROW WHEN (invariant_guard.changed(OLD.cents, NEW.cents)) EXECUTE FUNCTION invariant_guard.relative_only()},
		],
		plan => 1,
		judge => sub {
			my ($cell) = @_;
			my $bad = ($cell->{op}{sets} // '') eq 'cents' || ($cell->{names} eq 'above' && !$cell->{op}{key});
			return $bad && changed({ %$cell, after => $cell->{all} }, 'cents') && 'refuse';
		},
	},
	{
		name => 'isolation_floor',
		add => q{invariant_guard.add_isolation_floor('%s', 'repeatable read')},
		code => 'IGI02',
		hand => [
			q{BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.isolation_floor('level=repeatable read')},
			q{AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW WHEN (invariant_guard.isolation_below('repeatable read'))
				EXECUTE FUNCTION invariant_guard.isolation_floor('level=repeatable read')},
		],
		judge => sub {
			my ($cell) = @_;
			my $asked = $cell->{names} eq 'own' && !$cell->{op}{key};
			return ($asked || touched($cell) || arrived($cell) || truncates($cell)) && 'refuse';
		},
	},
	{
		name => 'isolation_floor_met',
		add => q{invariant_guard.add_isolation_floor('%s', 'repeatable read')},
		code => 'IGI02',
		begin => 'BEGIN ISOLATION LEVEL REPEATABLE READ',
		judge => sub { '' },
	},
	{
		name => 'commit_assertion',
		add => q{invariant_guard.add_commit_assertion('%s', '{k}',
			$$(SELECT coalesce(sum(cents), 0) FROM public.%s WHERE k = $1) < 1000$$)},
		code => 'IGI03',
		hand => [
			q{AFTER INSERT OR UPDATE OR DELETE ON %s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
				EXECUTE FUNCTION invariant_guard.commit_assertion('k',
				'assertion=(SELECT coalesce(sum(cents), 0) FROM public.%s WHERE k = $1) < 1000')},
			q{BEFORE TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.commit_assertion('k',
				'assertion=(SELECT coalesce(sum(cents), 0) FROM public.%s WHERE k = $1) < 1000')},
		],
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
		code => 'IGI04',
		hand => [
			q{BEFORE UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION invariant_guard.row_limit('max=2', 'commands=update,delete')},
			q{BEFORE TRUNCATE ON %s EXECUTE FUNCTION invariant_guard.row_limit('max=2')},
		],
		judge => sub {
			my ($cell) = @_;
			my $all = () = touched($cell);

			# of several statements, each counts for itself
			$all = $cell->{most} if @{ $cell->{op}{sql} } > 1;
			return (truncates($cell) || $all > 2) && 'refuse';
		},
	},
	{
		name => 'on_no_match',
		add => q{invariant_guard.add_on_no_match('%s')},
		code => 'IGI05',
		hand => [
			q{BEFORE UPDATE OR DELETE ON %s EXECUTE FUNCTION invariant_guard.on_no_match('commands=update,delete')},
		],
		plan => 1,
		judge => sub { $_[0]{names} eq 'own' && $_[0]{op}{is} && $_[0]{least} == 0 && 'refuse' },
	},
	{
		name => 'audit_columns',
		add => q{invariant_guard.add_audit_columns('%s')},
		hand => [
			q{BEFORE INSERT OR UPDATE ON %s FOR EACH ROW WHEN (invariant_guard.uses(NEW.created_at, NEW.updated_at))
				EXECUTE FUNCTION invariant_guard.audit_columns('roles=created_at,updated_at')},
		],
		origin => 1,
		judge => sub {
			my ($cell) = @_;
			my %rows = map { $_ => { %{ $cell->{all}{$_} } } } keys %{ $cell->{all} };
			return \%rows if $cell->{replica};
			$rows{$_}{updated} = 't' for changed({ %$cell, after => $cell->{all} }, @data);
			# also what moves here from a partition that has not the rule
			$rows{$_}{created} = $rows{$_}{updated} = 't' for arrived($cell);
			return \%rows;
		},
	},
);

sub count_versions
{
	my ($cell) = @_;
	my %rows = %{ $cell->{all} };

	for my $id (updated($cell))
	{
		my ($old, $new) = map { $_->{version} } $cell->{before}{$id}, $rows{$id};

		return 'refuse' if $new != $old && $new != $old + 1;
		$rows{$id} = { %{ $rows{$id} }, version => $old + 1 };
	}
	return \%rows;
}

1;
