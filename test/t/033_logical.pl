# Logical replication of guarded tables: the publisher's and the subscriber's
# workers go on as ever, and only sessions are judged, on both sides.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $tables = q{
	CREATE TABLE events (id int, body text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
	CREATE TABLE events_low PARTITION OF events FOR VALUES FROM (0) TO (100);
	CREATE TABLE events_high PARTITION OF events FOR VALUES FROM (100) TO (10000);
	CREATE TABLE wide (id int PRIMARY KEY, body text, twice int GENERATED ALWAYS AS (id * 2) STORED);
	CREATE TABLE lines (id int PRIMARY KEY, user_id int);
	SELECT invariant_guard.protect('payments', 'financial');
	SELECT invariant_guard.protect('events', 'financial');
	SELECT invariant_guard.protect('wide', 'protected');
};
my $rows = q{SELECT (SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY id), '')) FROM payments t),
	(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY id), '')) FROM users t),
	(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY id), '')) FROM events t),
	(SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY id), '')) FROM wide t),
	(SELECT count(*) FROM payments), (SELECT count(*) FROM events_high)};

for my $way ('session', 'shared')
{
	my $conf = $way eq 'shared' ? "shared_preload_libraries = 'invariant_guard'\ninvariant_guard.mode = 'enforce'\n" : '';
	my $publisher = PostgreSQL::Test::Cluster->new("publisher_$way");
	my $subscriber = PostgreSQL::Test::Cluster->new("subscriber_$way");

	for my $node ($publisher, $subscriber)
	{
		$node->init(allows_streaming => 'logical', extra => [ '--locale=C', '--encoding=UTF8' ]);
		$node->append_conf('postgresql.conf', "wal_retrieve_retry_interval = 100ms\n$conf");
		$node->start;
		shop($node, 'shop', preload => 1);
		$node->safe_psql('shop', $tables);
	}
	# what the subscriber's own rows must be out of the way for
	$subscriber->safe_psql('shop', 'DELETE FROM payments; DELETE FROM users');
	$publisher->safe_psql('shop', q{
		INSERT INTO events SELECT i, 'e' || i FROM generate_series(1, 500) i;
		INSERT INTO wide SELECT i, 'w' || i FROM generate_series(1, 500) i;
		CREATE PUBLICATION news FOR TABLE payments, users, events, wide
			WITH (publish_via_partition_root = true);
		CREATE PUBLICATION all_tables FOR ALL TABLES WITH (publish_via_partition_root = true);
	});

	my $connection = 'host=' . $publisher->host . ' port=' . $publisher->port . ' dbname=shop';
	my $same = sub {
		my ($how) = @_;

		$publisher->wait_for_catchup('sub');
		is($subscriber->safe_psql('shop', $rows), $publisher->safe_psql('shop', $rows), "$way: $how");
	};

	# ---- the initial copy, and what comes after it
	passes($subscriber, 'shop',
		"CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION news WITH (streaming = on);",
		"$way: CREATE SUBSCRIPTION");
	$subscriber->wait_for_subscription_sync($publisher, 'sub', 'shop');
	$same->('the initial copy');
	is($subscriber->safe_psql('shop', 'SELECT count(*) FROM events'), '500', "$way: all rows");

	$publisher->safe_psql('shop', q{
		INSERT INTO payments SELECT i, i, i FROM generate_series(101, 200) i;
		UPDATE payments SET cents = cents + 1 WHERE id <= 50;
		DELETE FROM payments WHERE id > 190;
		UPDATE users SET nickname = NULL;
		UPDATE events SET id = id + 1000 WHERE id < 50;
		DELETE FROM wide WHERE id % 2 = 0;
		UPDATE wide SET id = -id WHERE id < 100;
		BEGIN; INSERT INTO events VALUES (9999, 'x'); SAVEPOINT s; DELETE FROM events; ROLLBACK TO s; COMMIT;
		SET logical_decoding_work_mem = '64kB';
		INSERT INTO wide SELECT i, repeat('x', 500) FROM generate_series(1000, 3000) i;
	});
	$same->('inserts, updates and deletes');

	# ---- TRUNCATE: refused to sessions on both sides, applied by the worker
	is_refused($publisher, 'shop', 'TRUNCATE payments;', 'financial-truncate', "$way: TRUNCATE on the publisher");
	is_refused($subscriber, 'shop', 'TRUNCATE payments;', 'financial-truncate', "$way: TRUNCATE on the subscriber");
	is_refused($subscriber, 'shop', 'TRUNCATE wide;', 'truncate', "$way: TRUNCATE of a protected table");
	$publisher->safe_psql('shop', q{
		SET invariant_guard.reason = 'test';
		SET invariant_guard.allow = 'financial-truncate(payments), financial-truncate(events),
			truncate(payments), truncate(events), truncate(wide), financial-truncate(events_low),
			financial-truncate(events_high), truncate(events_low), truncate(events_high)';
		TRUNCATE payments, events, wide;
	});
	$same->('TRUNCATE');
	is($subscriber->safe_psql('shop', 'SELECT count(*) FROM payments'), '0', "$way: nothing is left");
	$publisher->safe_psql('shop', q{
		INSERT INTO payments VALUES (1, 1, 1); INSERT INTO wide VALUES (1, 'a'); INSERT INTO events VALUES (1, 'a')});
	$same->('rows after TRUNCATE');

	# ---- more tables, a new copy, and the other publication
	$publisher->safe_psql('shop', 'INSERT INTO lines SELECT i, i FROM generate_series(1, 20) i');
	passes($publisher, 'shop', 'ALTER PUBLICATION news ADD TABLE lines;', "$way: ALTER PUBLICATION ADD TABLE");
	passes($subscriber, 'shop', 'ALTER SUBSCRIPTION sub REFRESH PUBLICATION;', "$way: REFRESH PUBLICATION");
	$subscriber->wait_for_subscription_sync($publisher, 'sub', 'shop');
	is($subscriber->safe_psql('shop', 'SELECT count(*) FROM lines'), '20', "$way: the new table is copied");
	passes($subscriber, 'shop', 'ALTER SUBSCRIPTION sub SET PUBLICATION all_tables;', "$way: SET PUBLICATION");
	$subscriber->wait_for_subscription_sync($publisher, 'sub', 'shop');
	$publisher->safe_psql('shop', q{INSERT INTO events VALUES (2, 'b'); DELETE FROM users WHERE id = 7});
	$same->('another publication');

	# ---- DDL that passes on both sides, while it replicates
	for my $node ($subscriber, $publisher)
	{
		passes($node, 'shop', 'ALTER TABLE payments ADD COLUMN note text;', "$way: ADD COLUMN");
		passes($node, 'shop', 'CREATE INDEX CONCURRENTLY payments_note ON payments (note);',
			"$way: CREATE INDEX CONCURRENTLY");
	}
	$publisher->safe_psql('shop', q{INSERT INTO payments VALUES (2, 2, 2, 'n'); UPDATE payments SET note = 'm'});
	$same->('a new column');
	is_refused($publisher, 'shop', 'ALTER TABLE payments REPLICA IDENTITY NOTHING;', 'replica-identity',
		"$way: REPLICA IDENTITY");

	# ---- logical decoding by hand, a replication connection
	$publisher->safe_psql('postgres', 'SELECT 1');
	is($publisher->safe_psql('shop', q{
			SELECT pg_create_logical_replication_slot('hand', 'test_decoding') IS NOT NULL}), 't', "$way: a slot");
	$publisher->safe_psql('shop', q{INSERT INTO lines VALUES (21, 21)});
	like($publisher->safe_psql('shop', q{SELECT data FROM pg_logical_slot_get_changes('hand', NULL, NULL)}),
		qr/table public.lines: INSERT: id\[integer\]:21/, "$way: logical decoding");
	my ($status, $out, $err) = run_client(
		[ 'psql', '-X', '-A', '-t', '-d', "$connection replication=database", '-c', 'IDENTIFY_SYSTEM' ]);
	is($status, 0, "$way: a replication connection");
	($status, $out, $err) = run_client(
		[ 'psql', '-X', '-A', '-t', '-d', "$connection replication=database", '-c', 'DROP TABLE payments' ]);
	like($err, qr/ERROR:  .*\(rule financial-drop\)/, "$way: SQL over a replication connection is judged");

	# ---- its end
	ok($subscriber->poll_query_until('shop', q{SELECT count(*) = 1 FROM pg_stat_subscription WHERE subname = 'sub'
			AND relid IS NULL AND latest_end_lsn IS NOT NULL}),
		"$way: the worker runs");
	# A line without an application's name is a worker's.  One that begins anew
	# may find its predecessor's slot or origin still in use, and tries again.
	my $error = qr/^\S+ \S+ \S+ \[\d+\] ERROR:  (?!.* active for PID \d+$)/m;
	unlike(slurp_file($_->logfile), qr/$error|WARNING:  .*\(rule/,
		"$way: no complaint in the log of " . $_->name) for $publisher, $subscriber;
	passes($subscriber, 'shop', 'DROP SUBSCRIPTION sub;', "$way: DROP SUBSCRIPTION");
	$subscriber->stop;
	$publisher->stop;
}

done_testing();
