# Two doors, one verdict: what check_ddl says of a statement is what the gate
# says when it runs.  The statements are those of the regression tests that
# collect all rules which refuse a statement; there each one is judged first.
# Where the server itself refuses a statement, the gate has nothing to say, and
# check_ddl may say anything.

use strict;
use warnings FATAL => 'all';

use File::Basename;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = dirname(dirname(dirname(__FILE__)));
my $node = start_node('two_doors', "session_preload_libraries = 'invariant_guard'\n");

# What stands in for the test's own function, which is refused_by_gate then.
sub compare
{
	my ($severity) = @_;
	$severity = defined $severity ? "'$severity'" : "current_setting('invariant_guard.severity')";
	return qq{
CREATE FUNCTION refused_by(statement text) RETURNS text LANGUAGE plpgsql AS \$compare\$
DECLARE
	gate text := refused_by_gate(statement);
	script text;
	-- of these COMMIT tells, unless the statement is refused for something else
	later CONSTANT text[] := '{drop-enforced-constraint, drop-not-null, drop-default-required, rename-table, set-schema, drop-view, drop-function}';
	before text := current_setting('invariant_guard.severity');
BEGIN
	PERFORM set_config('invariant_guard.severity', $severity, true);
	SELECT coalesce(string_agg(DISTINCT coalesce(rule, level), ', ' ORDER BY coalesce(rule, level)), '-')
	INTO script FROM invariant_guard.check_ddl(statement)
	WHERE (level = 'error' AND rule <> ALL (later))
		OR (level = 'undecidable' AND detail NOT LIKE '%decided at COMMIT.');
	PERFORM set_config('invariant_guard.severity', before, true);
	IF gate LIKE 'server: %' THEN
		RAISE WARNING 'SERVER %', statement;
	ELSIF script = (SELECT coalesce(string_agg(DISTINCT r, ', ' ORDER BY r), '-')
			FROM unnest(string_to_array(gate, ', ')) r WHERE r <> ALL (later)) THEN
		RAISE WARNING 'SAME %', statement;
	ELSE
		RAISE WARNING 'OTHER % (gate: %; check_ddl: %)', statement, gate, script;
	END IF;
	RETURN gate;
END \$compare\$;
};
}

my $total = 0;
for my $file (sort glob "$top/sql/*.sql")
{
	my $name = basename($file, '.sql');
	my $text = slurp_file($file);
	my $stderr = '';

	next if $text !~ /CREATE FUNCTION refused_by\(statement text\).*?END \$\$;/s;
	my $function = $&;
	my ($severity) = $function =~ /SET invariant_guard\.severity = '([^']*)'/;
	(my $wrapped = $function) =~ s/refused_by\(/refused_by_gate(/;
	$wrapped .= compare($severity);
	$text =~ s/\Q$function\E/$wrapped/;

	$node->safe_psql('postgres', "CREATE DATABASE $name");
	$node->safe_psql($name, 'CREATE EXTENSION invariant_guard');
	$node->psql($name, "\\o /dev/null\n$text", stderr => \$stderr, on_error_stop => 0);

	my @same = $stderr =~ /WARNING:  SAME /g;
	my @other = $stderr =~ /WARNING:  (OTHER [^\n]*)/g;
	my @server = $stderr =~ /WARNING:  SERVER /g;
	cmp_ok(scalar @same, '>', 0, "$name: statements are compared");
	is(join("\n", @other), '', "$name: both doors say the same");
	note(sprintf '%s: %d the same, %d refused by the server', $name, scalar @same, scalar @server);
	$total += @same;
}
cmp_ok($total, '>=', 250, "$total statements were judged by both doors");

# A standby has no transaction ids to give; nothing that check_ddl does asks for one.
my ($before) = split /\n/, $node->safe_psql('postgres', 'SELECT txid_snapshot_xmax(txid_current_snapshot())');
$node->safe_psql('proof', "SELECT count(*) FROM invariant_guard.check_ddl('CREATE TABLE a (b int); DROP TABLE a')");
is($node->safe_psql('postgres', 'SELECT txid_snapshot_xmax(txid_current_snapshot())'), $before,
	'check_ddl takes no transaction id');

$node->stop;
done_testing();
