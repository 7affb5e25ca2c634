# The table of rules in README.md is the catalogue, line by line.  With
# IG_UPDATE_README=file the table is written into that file instead.

use strict;
use warnings FATAL => 'all';

use Cwd qw(abs_path);
use File::Basename;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = $ENV{IG_UPDATE_README} // dirname(abs_path(__FILE__)) . '/../../README.md';
my $begin = "<!-- rules: begin -->\n";
my $end = "<!-- rules: end -->\n";

my $node = start_node('readme');
shop($node, 'shop', preload => 1);

my $rows = $node->safe_psql('shop', q{
	SELECT pg_catalog.format('| %s | %s | %s | %s | %s | %s |',
		name, code, family, default_level,
		pg_catalog.replace(refuses, '|', '\|'), pg_catalog.replace(cure, '|', '\|'))
	FROM invariant_guard.rules ORDER BY code});
my $table = "| rule | code | family | level | refused | cure |\n|---|---|---|---|---|---|\n$rows\n";
my $text = slurp_file($readme);

if ($ENV{IG_UPDATE_README})
{
	$text =~ s/\Q$begin\E.*\Q$end\E/$begin$table$end/s or die "no place for the table";
	open(my $file, '>', $readme) or die "$readme: $!";
	print $file $text;
	close($file);
}

my ($written) = $text =~ /\Q$begin\E(.*)\Q$end\E/s;
is($written, $table, 'README.md shows the rules of the catalogue');

# Codes and names are unique, and no rule is without words.
is($node->safe_psql('shop', q{
	SELECT count(*) - count(DISTINCT name) + count(*) - count(DISTINCT code)
	FROM invariant_guard.rules}), '0', 'names and codes are unique');
is($node->safe_psql('shop', q{
	SELECT count(*) FROM invariant_guard.rules
	WHERE coalesce(refuses, '') = '' OR coalesce(cure, '') = ''}), '0', 'each rule has its words');

$node->stop;
done_testing();
