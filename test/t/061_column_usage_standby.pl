# Reads on a standby, which are exported there and merged on the primary; a
# record that is full; databases and tables that come and go; what a
# subscription applies, which is not seen.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $observed = 'SELECT server, observed, why FROM invariant_guard.usage_observation';

sub column
{
	my ($node, $column, $db) = @_;
	return $node->safe_psql($db // 'shop', qq{
		SELECT last_read_how, regexp_replace(array_to_string(used_by, '; '), '\\d{4}-[-0-9:.+ A-Z]*', 'T', 'g')
		FROM invariant_guard.column_usage WHERE table_name = 'users' AND column_name = '$column'});
}

sub complaint
{
	my ($node, $db, $sql, $pattern, $name) = @_;
	my $stderr = '';
	$node->psql($db, $sql, stderr => \$stderr);
	like($stderr, $pattern, $name);
	return;
}

sub standby
{
	my ($how, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new("primary_$how");
	$node->init(allows_streaming => 1, extra => [ '--locale=C', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', "$conf\ninvariant_guard.usage_flush_interval = 1\n");
	$node->start;
	my $major = major($node);
	if ($how eq 'session' && $major < 17)
	{
		$node->stop;
		return;
	}
	shop($node, 'shop', preload => 1);
	$node->safe_psql('postgres', 'CREATE ROLE reader LOGIN; CREATE DATABASE elsewhere');
	$node->safe_psql('shop', 'GRANT SELECT ON users TO reader');
	$node->safe_psql('elsewhere', 'CREATE EXTENSION invariant_guard');

	$node->backup('base');
	my $standby = PostgreSQL::Test::Cluster->new("standby_$how");
	$standby->init_from_backup($node, 'base', has_streaming => 1);
	$standby->start;
	$node->wait_for_catchup($standby);
	$node->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	my $name = $standby->name;    # the node's cluster_name

	# only the standby reads nickname
	$standby->psql('shop', q{SELECT nickname FROM users LIMIT 1}, extra_params => [ '-U', 'reader', '-d', $standby->connstr('shop') . ' application_name=report' ]);
	like(column($standby, 'nickname'), qr/^by name\|report \(role reader\): read T$/, "$how: seen on the standby");
	is(column($node, 'nickname'), '|', "$how: and not on the primary");

	# it is kept there too
	$standby->restart;
	like(column($standby, 'nickname'), qr/^by name\|report/, "$how: kept over a restart of the standby");
	unlike($standby->safe_psql('shop', $observed), qr/\|f\|/, "$how: which leaves no gap");

	my $export = $standby->safe_psql('shop', 'SELECT invariant_guard.export_column_usage()');
	like($export, qr/\A\{"usage": "window", "version": 1, .*"standby": "$name"/, "$how: exported");
	my $merge = sub { my ($text) = @_; $text =~ s/'/''/g; return "SELECT invariant_guard.merge_column_usage(E'" . ($text =~ s/\\/\\\\/gr) . "')"; };
	is($node->safe_psql('shop', $merge->($export)) > 0, 1, "$how: merged");
	is(column($node, 'nickname'), "by name|report (role reader, standby $name): read T", "$how: now the primary knows");
	like($node->safe_psql('shop', $observed), qr/^standby $name\|t\|$/m, "$how: and what the standby observed");
	is($node->safe_psql('shop', qq{SELECT until > since FROM invariant_guard.usage_observation WHERE server = 'standby $name' AND observed}),
		't', "$how: from when until when");

	# twice is as once; an older export does not shorten the window
	$node->safe_psql('shop', $merge->($export)) for 1 .. 2;
	is(column($node, 'nickname'), "by name|report (role reader, standby $name): read T", "$how: merged again");
	my $until = $node->safe_psql('shop', qq{SELECT until FROM invariant_guard.usage_observation WHERE server = 'standby $name' AND observed});
	$node->safe_psql('shop', $merge->($standby->safe_psql('shop', 'SELECT invariant_guard.export_column_usage()')));
	$node->safe_psql('shop', $merge->($export));
	is($node->safe_psql('shop', qq{SELECT until > '$until' FROM invariant_guard.usage_observation WHERE server = 'standby $name' AND observed}),
		't', "$how: the newest window stays");

	# as README.md has it
	my ($host, $port, $other) = ($node->host, $node->port, $standby->port);
	my ($status, $out) = run_client([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', $host, '-p', $port, 'shop' ],
		stdin => "\\set usage `psql -h $host -p $other -XAtc 'SELECT invariant_guard.export_column_usage()' shop`\n"
		  . "SELECT invariant_guard.merge_column_usage(:'usage') > 0;\n");
	is($out, "t\n", "$how: from one psql to the other");

	# what does not belong here
	my $bad = qr/is no part of an exported usage record/;
	complaint($node, 'elsewhere', $merge->($export), $bad, "$how: another database");
	complaint($node, 'shop', $merge->($export =~ s/"system": "/"system": "1/r), $bad, "$how: another server");
	complaint($node, 'shop', $merge->(''), $bad, "$how: nothing");
	complaint($node, 'shop', $merge->('[1]'), $bad, "$how: no object");
	complaint($node, 'shop', $merge->('{"usage": "column"}'), $bad, "$how: no window");
	complaint($node, 'shop', $merge->((split /\n/, $export)[0] . "\n{\"usage\": \"column\"}"), $bad, "$how: no column");
	complaint($node, 'shop', $merge->('{"usage": '), qr/invalid input syntax for type json/, "$how: no JSON");
	complaint($node, 'shop', 'SELECT invariant_guard.merge_column_usage(NULL)', qr/^$/, "$how: NULL");

	# a table that is gone by now
	$node->safe_psql('shop', 'CREATE TABLE brief (a int)');
	$node->wait_for_catchup($standby);
	$standby->safe_psql('shop', 'SELECT a FROM brief');
	$export = $standby->safe_psql('shop', 'SELECT invariant_guard.export_column_usage()');
	my $before = $node->safe_psql('shop', $merge->($export));
	$node->safe_psql('shop', 'SET invariant_guard.mode = off; DROP TABLE brief');
	is($node->safe_psql('shop', $merge->($export)), $before - 2, "$how: a table that is gone is skipped");

	is($node->safe_psql('shop', qq{SELECT invariant_guard.forget_standby('$name'), invariant_guard.forget_standby('$name')}),
		't|f', "$how: a standby that is forgotten");
	unlike($node->safe_psql('shop', $observed), qr/$name/, "$how: is not expected any more");
	like(column($node, 'nickname'), qr/$name/, "$how: what it has read stays");

	# the primary's record survives, with what was merged
	$node->restart;
	like(column($node, 'nickname'), qr/$name/, "$how: after a restart");

	# promoted, it goes on
	$standby->promote;
	$standby->safe_psql('shop', 'SELECT email FROM users LIMIT 1');
	like(column($standby, 'email'), qr/^by name/, "$how: promoted");
	like(column($standby, 'nickname'), qr/^by name/, "$how: with what it knew");
	like($standby->safe_psql('shop', $observed), qr/^this server\|f\|this server was a standby/m,
		"$how: but not what the old primary saw");
	$standby->restart;
	like(column($standby, 'nickname'), qr/^by name/, "$how: promoted, after a restart");
	$standby->stop;
	$node->stop;
	return;
}

standby('shared', q{shared_preload_libraries = 'invariant_guard'});
standby('session', '');

# A record that is full, and room that is made by what is gone.
my $node = start_node('full', q{shared_preload_libraries = 'invariant_guard'
	invariant_guard.usage_max_columns = 100});
my $major = major($node);
shop($node, 'shop');
$node->safe_psql('shop', 'CREATE TABLE wide (' . join(', ', map { "c$_ int" } 1 .. 200) . ')');
$node->safe_psql('shop', 'SELECT * FROM wide');
like($node->safe_psql('shop', q{SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'usage record'}),
	qr/^t\|100 of 100 columns and tables; .*\|invariant_guard.usage_max_columns is too small: [1-9]\d* uses were not recorded$/,
	'full: the status says it');
is($node->safe_psql('shop', q{SELECT count(*) FROM invariant_guard.usage_observation WHERE NOT observed
	AND why = 'the usage record was full (invariant_guard.usage_max_columns)'}), '1', 'full: a gap');
is($node->safe_psql('shop', q{SELECT count(last_read) BETWEEN 90 AND 100 FROM invariant_guard.column_usage WHERE table_name = 'wide'}),
	't', 'full: what found room is kept');
$node->safe_psql('shop', 'SET invariant_guard.mode = off; DROP TABLE wide');
$node->safe_psql('shop', 'SELECT nickname FROM users LIMIT 1');
$node->stop;

# the size may change at a start
$node->append_conf('postgresql.conf', 'invariant_guard.usage_max_columns = 400');
$node->start;
$node->safe_psql('shop', 'SELECT nickname FROM users LIMIT 1');
is(column($node, 'nickname') =~ /^by name/, 1, 'larger after a restart');
like($node->safe_psql('shop', q{SELECT how FROM invariant_guard.status() WHERE layer = 'usage record'}), qr/ of 400 /, 'as large as set');

# fill it again by relations that go; the next one finds room
$node->safe_psql('shop', 'CREATE TABLE wide (' . join(', ', map { "c$_ int" } 1 .. 390) . ')');
$node->safe_psql('shop', 'SELECT * FROM wide');
$node->safe_psql('shop', 'SET invariant_guard.mode = off; DROP TABLE wide; CREATE TABLE next (a int, b int)');
$node->safe_psql('postgres', 'CREATE DATABASE brief');
$node->safe_psql('brief', 'CREATE TABLE t (a int); SELECT a FROM t');
$node->safe_psql('postgres', 'SET invariant_guard.mode = off; DROP DATABASE brief');
# room is looked for once a minute, and it was not long ago
$node->restart;
$node->safe_psql('shop', 'CREATE TABLE wide (' . join(', ', map { "c$_ int" } 1 .. 300) . ')');
$node->safe_psql('shop', 'SELECT * FROM wide; SELECT a, b FROM next;');
$node->safe_psql('shop', 'SELECT * FROM wide; SELECT a, b FROM next;');
is($node->safe_psql('shop', q{SELECT count(last_read) FROM invariant_guard.column_usage WHERE table_name IN ('wide', 'next')}),
	'304', 'what is gone makes room');

# A database made from another one, and one restored, have no past.
$node->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE shop');
is(column($node, 'nickname', 'twin'), '|', 'a copy of a database has a record of its own');
is($node->safe_psql('twin', q{SELECT t.since > s.since FROM invariant_guard.usage_observation t,
	(SELECT min(since) AS since FROM invariant_guard.usage_observation WHERE NOT observed) s WHERE t.observed}), '', 'and no gaps of another one');
my $before = $node->safe_psql('postgres', 'SELECT clock_timestamp()');
my ($status, $dump) = run_client([ 'pg_dump', '-h', $node->host, '-p', $node->port, 'shop' ]);
$node->safe_psql('postgres', 'CREATE DATABASE restored');
($status) = run_client([ 'psql', '-XAtq', '-h', $node->host, '-p', $node->port, 'restored' ], stdin => $dump,
	options => '-c invariant_guard.mode=off');
like(column($node, 'nickname', 'restored'), qr/^\|[^;]*: written T$/, 'a restored table begins anew: the restore has written it');
is($node->safe_psql('restored', qq{SELECT since > '$before' FROM invariant_guard.usage_observation
	WHERE observed}), 't', 'and is not observed for longer than it is there');
$node->stop;

# Where there is no worker to be had, what is lost is told as a gap.
if ($major >= 17)
{
	$node = start_node('slots', "max_worker_processes = 0\n");
	shop($node, 'shop', preload => 1);
	like(column($node, 'nickname'), qr/^\|/, 'no worker: recorded all the same');
	is($node->safe_psql('shop', q{SELECT in_force, not_covered FROM invariant_guard.status() WHERE layer = 'usage record'}),
		't|no background worker writes it to disk: is max_worker_processes too small?', 'no worker: status');
	$node->safe_psql('shop', 'SELECT nickname FROM users LIMIT 1');
	$before = $node->safe_psql('shop', 'SELECT clock_timestamp()');
	$node->restart;
	is(column($node, 'nickname'), '|', 'no worker: lost');
	is($node->safe_psql('shop', qq{SELECT since > '$before' FROM invariant_guard.usage_observation WHERE observed}), 't',
		'and not observed before');
	$node->stop;
}

# What a subscription applies is no query.
$node = start_node('publisher', "shared_preload_libraries = 'invariant_guard'\nwal_level = logical\nmax_wal_senders = 4\n");
shop($node, 'source');
my $subscriber = start_node('subscriber', "shared_preload_libraries = 'invariant_guard'\n");
shop($subscriber, 'shop');
$subscriber->safe_psql('shop', 'DELETE FROM users');
$node->safe_psql('source', 'CREATE PUBLICATION p FOR TABLE users');
$subscriber->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
$subscriber->safe_psql('shop', q{CREATE SUBSCRIPTION s CONNECTION 'dbname=source host=} . $node->host . q{ port=} . $node->port . q{' PUBLICATION p});
$subscriber->wait_for_subscription_sync($node, 's');
$node->safe_psql('source', q{UPDATE users SET nickname = 'x' WHERE id = 1});
$node->wait_for_catchup('s');
is($subscriber->safe_psql('shop', q{SELECT last_written FROM invariant_guard.column_usage WHERE table_name = 'users' AND column_name = 'email'}),
	$subscriber->safe_psql('shop', q{SELECT last_written FROM invariant_guard.column_usage WHERE table_name = 'users' AND column_name = 'nickname'}),
	'an UPDATE that is applied is not seen');
like($node->safe_psql('source', q{SELECT dependents FROM invariant_guard.column_usage WHERE table_name = 'users' AND column_name = 'nickname'}),
	qr/publication p/, 'the publication is a dependent where it comes from');
$subscriber->safe_psql('shop', 'SET invariant_guard.mode = off; DROP SUBSCRIPTION s');
$subscriber->stop;
$node->stop;

done_testing();
