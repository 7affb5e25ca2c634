# The worker of a subscription applies what was judged where it came from.  What
# somebody's trigger does in that worker was judged nowhere, and is.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
for my $node ($publisher, $subscriber)
{
	$node->init(allows_streaming => 'logical', extra => [ '--locale=C', '--encoding=UTF8' ]);
	$node->append_conf('postgresql.conf', "wal_retrieve_retry_interval = 100ms\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE shop');
	$node->safe_psql('shop', q{
		CREATE TABLE ledger (id int PRIMARY KEY, cents int);
		CREATE TABLE bait (id int PRIMARY KEY);
		CREATE TABLE precious (id int PRIMARY KEY, cents int);
		INSERT INTO precious VALUES (1, 1);
	});
}
$publisher->safe_psql('shop', q{
	INSERT INTO ledger SELECT i, i FROM generate_series(1, 10) i;
	CREATE PUBLICATION news FOR TABLE ledger, bait});
$subscriber->safe_psql('shop', q{
	SET client_min_messages = error;
	CREATE EXTENSION invariant_guard;
	SELECT invariant_guard.add_append_only('ledger'), invariant_guard.add_append_only('precious');
});
my $connection = 'host=' . $publisher->host . ' port=' . $publisher->port . ' dbname=shop';
$subscriber->safe_psql('shop', "CREATE SUBSCRIPTION sub CONNECTION '$connection' PUBLICATION news");
$subscriber->wait_for_subscription_sync($publisher, 'sub', 'shop');

# ---- the worker's own work passes, of whatever kind
$publisher->safe_psql('shop', q{
	UPDATE ledger SET cents = 20 WHERE id = 2;
	DELETE FROM ledger WHERE id = 3;
	INSERT INTO ledger VALUES (11, 11)});
$publisher->wait_for_catchup('sub');
is($subscriber->safe_psql('shop', 'SELECT count(*), sum(cents) FROM ledger'),
	$publisher->safe_psql('shop', 'SELECT count(*), sum(cents) FROM ledger'), 'the worker applies what it gets');
$publisher->safe_psql('shop', 'TRUNCATE ledger');
$publisher->wait_for_catchup('sub');
is($subscriber->safe_psql('shop', 'SELECT count(*) FROM ledger'), '0', 'TRUNCATE too');

# ---- a session does not, whatever role it says it is
is(refusal($subscriber, 'shop', q{
		SET invariant_guard.reason = 'test';
		SET invariant_guard.allow = 'guard-self(session_replication_role)';
		SET session_replication_role = replica;
		UPDATE precious SET cents = 2}), 'IGA01', 'a session in the replica role is judged');

# ---- nor does what a trigger does in the worker
my $offset = -s $subscriber->logfile;
$subscriber->safe_psql('shop', q{
	CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN UPDATE public.precious SET cents = 2; RETURN NEW; END';
	CREATE TRIGGER spring BEFORE INSERT ON bait FOR EACH ROW EXECUTE FUNCTION spring();
	ALTER TABLE bait ENABLE REPLICA TRIGGER spring});
$publisher->safe_psql('shop', 'INSERT INTO bait VALUES (1)');
ok($subscriber->wait_for_log(qr/ERROR: .*cannot update a row of append-only table "public.precious"/, $offset),
	'a trigger in the worker is judged');
is($subscriber->safe_psql('shop', 'SELECT cents FROM precious'), '1', 'the row is as it was');
$subscriber->safe_psql('shop', 'ALTER TABLE bait DISABLE TRIGGER spring');
$publisher->wait_for_catchup('sub');
is($subscriber->safe_psql('shop', 'SELECT count(*) FROM bait'), '1', 'without it the worker goes on');

$subscriber->safe_psql('shop', 'DROP SUBSCRIPTION sub');
$subscriber->stop;
$publisher->stop;
done_testing();
