# core_errors.pl SUITE LOG-WITHOUT LOG-WITH KNOWN LIST
#
# Which errors a run of PostgreSQL's own tests has with the guard enforcing,
# and a run without it has not: counted by rule and, where they are not ours,
# by SQLSTATE.  LIST gets a line "SUITE/TEST rule rule ..." for each test with
# refusals; KNOWN holds such lines: a rule that is not known for its test is a
# finding, and so is an error that does not follow from a refusal.

use strict;
use warnings;

my ($suite, $without, $with, $known_file, $list_file) = @ARGV;

# What follows from a statement that was refused before it.
my %consequence = (
	'42P07' => 'a relation is still there',
	'08006' => 'a subscription is still there, to nobody',
	'42710' => 'an object is still there',
	'42723' => 'a function is still there',
	'42P06' => 'a schema is still there',
	'42701' => 'a column is still there',
	'42P16' => 'a table is defined otherwise',
	'42P17' => 'an object is defined otherwise',
	'42P01' => 'a relation was not made, or has its old name',
	'42703' => 'a column was not made, or has its old name',
	'42704' => 'an object was not made, or has its old name',
	'42883' => 'a function was not made, or has its old name',
	'3F000' => 'a schema was not made',
	'42P10' => 'an index or constraint was not made',
	'42804' => 'a column has its old type',
	'42846' => 'a column has its old type',
	'42809' => 'an object of another kind has the name',
	'42830' => 'a key was not made',
	'42601' => 'a table has other columns',
	'22P04' => 'a table has other columns',
	'22P02' => 'a column has its old type',
	'2BP01' => 'an object still depends on it',
	'25P02' => 'a transaction has failed already',
	'3B001' => 'a transaction has failed already',
	'23505' => 'rows of an earlier test are still there',
	'23503' => 'rows of an earlier test are still there',
	'23502' => 'a column is still there, or still NOT NULL',
	'23514' => 'a constraint is still there, or a partition was not made',
	'55000' => 'an object is in another state',
	'42501' => 'an owner or a privilege is another one',
	'0A000' => 'an object is in another state',
	'26000' => 'a prepared statement was not made',
	'57P01' => 'the worker of a subscription that is still there is stopped',
	'21000' => 'rows of an earlier test are still there');

sub errors
{
	my ($file) = @_;
	my %count;
	my %example;
	open(my $fh, '<', $file) or die "$file: $!";
	while (my $line = <$fh>)
	{
		# "time [pid] SQLSTATE application ERROR:  message"
		next unless $line =~ /^\S+ \S+ \S+ \[\d+\] (\S{5}) (.*?) ?(?:ERROR|FATAL|PANIC):  (.*)$/;
		my ($state, $app, $message) = ($1, $2, $3);
		my $test = $app =~ m{^(?:pg_regress|isolation)/([^/ ]+)} ? $1 : 'others';
		my $key = $message =~ /\(rule ([a-z0-9-]+)\)/ ? "rule $1" : $state;
		$count{$test}{$key}++;
		push @{ $example{$test}{$key} }, $message;
	}
	close($fh);
	return (\%count, \%example);
}

my ($base) = errors($without);
my ($guarded, $example) = errors($with);

my %known;
if (open(my $fh, '<', $known_file))
{
	while (<$fh>)
	{
		next if /^#/ or !/\S/;
		my ($test, @rules) = split;
		$known{$test}{$_} = 1 for @rules;
	}
}

my (%by_rule, %by_state, %tests_of);
open(my $list, '>', $list_file) or die "$list_file: $!";
for my $test (sort keys %$guarded)
{
	my @rules;
	for my $key (sort keys %{ $guarded->{$test} })
	{
		my $new = $guarded->{$test}{$key} - ($base->{$test}{$key} // 0);
		next if $new <= 0;
		$tests_of{$key}{$test} = 1;
		if ($key =~ /^rule (.*)/)
		{
			push @rules, $1;
			$by_rule{$1} += $new;
			print "FINDING $test: rule $1 is not known to refuse something there: $example->{$test}{$key}[0]\n"
			  unless $known{"$suite/$test"}{$1};
		}
		else
		{
			$by_state{$key} += $new;
			print "FINDING $test: SQLSTATE $key does not follow from a refusal: $example->{$test}{$key}[-1]\n"
			  unless $consequence{$key} or $known{"$suite/$test"}{$key};
		}
	}
	print $list "$suite/$test @rules\n" if @rules;
}
close($list);

print "refused, by rule:\n";
printf "  %6d in %3d tests  %s\n", $by_rule{$_}, scalar keys %{ $tests_of{"rule $_"} }, $_
  for sort { $by_rule{$b} <=> $by_rule{$a} } keys %by_rule;
print "what follows, by SQLSTATE:\n";
printf "  %6d in %3d tests  %s  %s\n", $by_state{$_}, scalar keys %{ $tests_of{$_} }, $_, $consequence{$_} // '?'
  for sort { $by_state{$b} <=> $by_state{$a} } keys %by_state;
