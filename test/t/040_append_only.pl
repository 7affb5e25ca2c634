# Append-only tables: the rule, its retention and its seals go with a dump, and
# still find what was manipulated; logical replication applies what was judged
# by the publisher.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('books');
$node->init(allows_streaming => 'logical', extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', "wal_retrieve_retry_interval = 100ms\n");
$node->start;

my $tables = q{
	BEGIN;
	CREATE TABLE "Ledger's" (id int PRIMARY KEY, account text, amount numeric, at timestamptz NOT NULL DEFAULT now(),
		reverses int, price float8 DEFAULT 0.1, took interval DEFAULT '1 mon 3 days', raw bytea DEFAULT '\x00ff');
	SELECT invariant_guard.add_append_only('"Ledger''s"', 'reverses', '{amount}', '{account}', keep => '7 years', created => 'at');
	CREATE TABLE moves (id int, k int, amount int, PRIMARY KEY (id, k)) PARTITION BY LIST (k);
	CREATE TABLE moves_1 PARTITION OF moves FOR VALUES IN (1);
	CREATE TABLE moves_2 PARTITION OF moves FOR VALUES IN (2) PARTITION BY LIST (k);
	CREATE TABLE moves_2a PARTITION OF moves_2 FOR VALUES IN (2);
	SELECT invariant_guard.add_append_only('moves');
	COMMIT;
};

shop($node, 'books', preload => 1);
$node->safe_psql('books', $tables);
$node->safe_psql('books', q{
	INSERT INTO "Ledger's" (id, account, amount) SELECT i, 'a' || i, i FROM generate_series(1, 2500) i;
	INSERT INTO "Ledger's" (id, account, amount, reverses) VALUES (2501, 'a7', -7, 7);
	INSERT INTO moves SELECT i, 1 + i % 2, i FROM generate_series(1, 100) i;
	SELECT invariant_guard.seal('"Ledger''s"', 2000);
	SELECT invariant_guard.seal('"Ledger''s"');
	SELECT invariant_guard.seal('moves');
	INSERT INTO "Ledger's" (id, account, amount) VALUES (3000, 'b', 1);
	SELECT invariant_guard.extend_retention('"Ledger''s"', '8 years');
});

my $triggers = q{SELECT tgrelid::regclass, tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
	WHERE NOT tgisinternal AND tgname LIKE 'zz_ig%' ORDER BY tgrelid::regclass::text, tgname};
my $verify = q{SELECT * FROM invariant_guard.verify_seal('"Ledger''s"')};
my $verify_moves = q{SELECT * FROM invariant_guard.verify_seal('moves')};
my $declared = $node->safe_psql('books', $triggers);
my $verified = $node->safe_psql('books', $verify);

is($verified, "1|{1}|{2000}|2000|2000|t|\n2|{2001}|{2501}|501|501|t|", 'the seals hold');
like($declared, qr/zz_ig_append_only_change\|A\|.*keep=P8Y/, 'the retention is in the trigger');

# What has to be so in a database that was restored.
sub check_restored
{
	my ($db, $how, $with_moves) = @_;

	is($node->safe_psql($db, $verify), $verified, "$how: the seals hold");
	is_refused($node, $db, q{DELETE FROM "Ledger's" WHERE id = 1;}, 'append-only', "$how: DELETE");
	is_refused($node, $db, q{UPDATE "Ledger's" SET amount = 0 WHERE id = 1;}, 'append-only', "$how: UPDATE");
	is_refused($node, $db, q{INSERT INTO "Ledger's" (id, account, amount) VALUES (0, 'x', 0);},
		'append-only', "$how: INSERT below the seal");
	is_refused($node, $db, q{INSERT INTO "Ledger's" (id, account, amount, at) VALUES (4000, 'x', 0, now() - interval '9 years');},
		'append-only', "$how: a row that is born old");
	is_refused($node, $db, q{INSERT INTO "Ledger's" (id, account, amount, reverses) VALUES (4000, 'a7', -7, 7);},
		'append-only-reversal', "$how: a second reversal");
	is(refusal($node, $db, q{SELECT invariant_guard.extend_retention('"Ledger''s"', '7 years');}), 'IGA01',
		"$how: the retention stays");
	is($node->safe_psql($db, q{SELECT invariant_guard.remove_expired('"Ledger''s"')}), '0', "$how: nothing is expired");
	is_refused($node, $db, q{DELETE FROM "Ledger's_seals";}, 'append-only', "$how: the seals");
	if ($with_moves)
	{
		is($node->safe_psql($db, $triggers), $declared, "$how: all triggers");
		is($node->safe_psql($db, $verify_moves), '1|{1,2}|{100,1}|100|100|t|', "$how: the seals of a partitioned table");
		is_refused($node, $db, 'DELETE FROM moves_2a;', 'append-only', "$how: a partition");
	}

	passes($node, $db, q{
		SET invariant_guard.reason = 'test'; SET invariant_guard.allow = 'append-only("Ledger''s")';
		UPDATE "Ledger's" SET amount = amount + 1 WHERE id = 2100;
	}, "$how: a manipulation");
	is($node->safe_psql($db, $verify),
		"1|{1}|{2000}|2000|2000|t|\n2|{2001}|{2501}|501|501|f|rows were changed, or the seal was",
		"$how: and it is found");
	is($node->safe_psql($db, q{INSERT INTO "Ledger's" (id, account, amount) VALUES (4001, 'x', 0);
			SELECT number, row_count FROM invariant_guard.seal('"Ledger''s"')}), '3|2', "$how: the next seal");
}

my $dir = PostgreSQL::Test::Utils::tempdir;
my $off = '-c invariant_guard.mode=off';
my @client = ('-h', $node->host, '-p', $node->port);

# ---- the whole database
is((run_client([ 'pg_dump', @client, '-Fc', '-f', "$dir/whole", 'books' ]))[0], 0, 'pg_dump -Fc');
$node->safe_psql('postgres', "CREATE DATABASE whole");
is((run_client([ 'pg_restore', @client, '--exit-on-error', '-d', 'whole', "$dir/whole" ], options => $off))[0], 0, 'pg_restore');
check_restored('whole', 'whole', 1);
$node->safe_psql('postgres', "CREATE DATABASE jobs");
is((run_client([ 'pg_restore', @client, '-j', '2', '-d', 'jobs', "$dir/whole" ], options => $off,
		again => sub { $node->safe_psql('postgres', $_) for 'DROP DATABASE jobs', 'CREATE DATABASE jobs' }))[0],
	0, 'pg_restore -j 2');
check_restored('jobs', 'two jobs', 1);

# ---- two tables, and the schema apart from the data
$node->safe_psql('postgres', "CREATE DATABASE two_tables");
$node->safe_psql('two_tables', 'CREATE EXTENSION invariant_guard');
is((run_client([ 'pg_dump', @client, '-t', q{"Ledger's"*}, '-f', "$dir/tables", 'books' ]))[0], 0, 'pg_dump -t');
is((run_client([ 'psql', @client, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/tables", 'two_tables' ], options => $off))[0], 0, 'restored by psql');
check_restored('two_tables', 'two tables', 0);

# only the sealed table: it is known that there were seals
$node->safe_psql('postgres', "CREATE DATABASE one_table");
$node->safe_psql('one_table', 'CREATE EXTENSION invariant_guard');
is((run_client([ 'pg_dump', @client, '-t', q{"Ledger's"}, '-f', "$dir/table", 'books' ]))[0], 0, 'pg_dump -t of one');
is((run_client([ 'psql', @client, '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/table", 'one_table' ], options => $off))[0], 0, 'restored');
is_refused($node, 'one_table', q{DELETE FROM "Ledger's";}, 'append-only', 'one table: DELETE');
is(refusal($node, 'one_table', $verify), 'IGA01', 'one table: the seals are missed');

# ---- logical replication: what the publisher let pass is applied
$node->safe_psql('postgres', 'CREATE DATABASE subscriber');
$node->safe_psql('subscriber', 'CREATE EXTENSION invariant_guard');
$node->safe_psql('postgres', "ALTER DATABASE subscriber SET session_preload_libraries = 'invariant_guard'");
$node->safe_psql('subscriber', $tables);
$node->safe_psql('books', q{
	CREATE PUBLICATION news FOR TABLE "Ledger's", moves WITH (publish_via_partition_root = true);
	SELECT pg_create_logical_replication_slot('news', 'pgoutput');
});
my $connection = 'host=' . $node->host . ' port=' . $node->port . ' dbname=books';
passes($node, 'subscriber',
	"CREATE SUBSCRIPTION news CONNECTION '$connection' PUBLICATION news WITH (create_slot = false, slot_name = 'news')",
	'CREATE SUBSCRIPTION');
$node->wait_for_subscription_sync($node, 'news', 'subscriber');
my $rows = q{SELECT md5(string_agg(l::text, ',' ORDER BY id)), (SELECT md5(string_agg(m::text, ',' ORDER BY id)) FROM moves m) FROM "Ledger's" l};
is($node->safe_psql('subscriber', $rows), $node->safe_psql('books', $rows), 'the copy of rows that are old and reversed');
$node->safe_psql('books', q{
	INSERT INTO "Ledger's" (id, account, amount) VALUES (5000, 'n', 1);
	INSERT INTO "Ledger's" (id, account, amount, reverses) VALUES (5001, 'n', -1, 5000);
	SET invariant_guard.reason = 'test';
	SET invariant_guard.allow = 'append-only("Ledger''s"), append-only(moves_1), append-only(moves_2a)';
	UPDATE "Ledger's" SET account = 'judged' WHERE id = 3000;
	DELETE FROM "Ledger's" WHERE id = 5;
	UPDATE moves SET amount = 0 WHERE id < 5;
	DELETE FROM moves WHERE id = 6;
});
$node->wait_for_catchup('news');
is($node->safe_psql('subscriber', $rows), $node->safe_psql('books', $rows), 'what the publisher let pass is applied');
is($node->safe_psql('subscriber', q{SELECT account FROM "Ledger's" WHERE id = 3000}), 'judged', 'an UPDATE as well');
is_refused($node, 'subscriber', q{
	SET invariant_guard.reason = 'test'; SET invariant_guard.allow = 'guard-self(session_replication_role)';
	SET session_replication_role = replica; DELETE FROM "Ledger's";}, 'append-only', 'a session in the replica role');
is_refused($node, 'subscriber', q{UPDATE moves SET amount = 1;}, 'append-only', 'a session of the subscriber');
passes($node, 'subscriber', 'DROP SUBSCRIPTION news', 'DROP SUBSCRIPTION');

# ---- columns that are not stored
if (major($node) >= 18)
{
	$node->safe_psql('books', q{CREATE TABLE virtual (id int PRIMARY KEY, amount int, twice int GENERATED ALWAYS AS (amount * 2) VIRTUAL,
		reverses int, at timestamptz NOT NULL DEFAULT now())});
	is(refusal($node, 'books', q{SELECT invariant_guard.add_append_only('virtual', 'reverses', '{twice}')}), 'IGR03',
		'a virtual column is no amount');
	is($node->safe_psql('books', q{SELECT invariant_guard.add_append_only('virtual');
		INSERT INTO virtual VALUES (1, 5); SELECT number, row_count FROM invariant_guard.seal('virtual');
		SELECT columns FROM virtual_seals; SELECT ok FROM invariant_guard.verify_seal('virtual')}),
		"t\n1|1\n{id,amount,reverses,at}\nt", 'and is not sealed');
}

$node->stop;
done_testing();
