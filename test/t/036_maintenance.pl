# What a server does by itself goes on: autovacuum, also against wraparound,
# parallel workers, the maintenance programs, and single-user mode.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = q{
autovacuum = on
autovacuum_naptime = 1s
autovacuum_vacuum_threshold = 10
autovacuum_analyze_threshold = 10
autovacuum_vacuum_cost_delay = 0
autovacuum_freeze_max_age = 100000
log_autovacuum_min_duration = 0
max_worker_processes = 12
max_parallel_workers = 8
};
my $data = q{
	SELECT invariant_guard.protect('payments', 'financial');
	BEGIN;
	CREATE TABLE big (id int, txt text) WITH (parallel_workers = 2);
	INSERT INTO big SELECT i, 'x' || i FROM generate_series(1, 20000) i;
	CREATE TABLE parted (id int, txt text) PARTITION BY RANGE (id);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10000);
	CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10000) TO (30000);
	INSERT INTO parted SELECT * FROM big;
	CREATE MATERIALIZED VIEW sums AS SELECT id % 10 AS k, count(*) FROM big GROUP BY 1;
	CREATE UNIQUE INDEX ON sums (k);
	SECURITY LABEL FOR invariant_guard ON TABLE big IS 'financial';
	SECURITY LABEL FOR invariant_guard ON TABLE parted IS 'protected';
	COMMIT;
	ANALYZE;
};

# ---- autovacuum
my $node = start_node('maintenance', "shared_preload_libraries = 'invariant_guard'\n$conf");
my $major = major($node);
shop($node, 'shop', preload => 1);
$node->safe_psql('shop', $data);
$node->safe_psql('shop', 'ALTER TABLE payments SET (autovacuum_enabled = false)');
$node->safe_psql('shop', 'UPDATE big SET txt = txt; DELETE FROM parted WHERE id % 2 = 0; UPDATE users SET email = email');

# as many transactions as make every table a matter of wraparound
$node->safe_psql('shop', q{DO $$ BEGIN FOR i IN 1 .. 110000 LOOP
	BEGIN INSERT INTO payments VALUES (i + 1000, 1, 1);
	EXCEPTION WHEN unique_violation THEN NULL; END;
	END LOOP; END $$; DELETE FROM payments WHERE id > 1000});
ok( $node->poll_query_until('shop', q{SELECT bool_and(age(relfrozenxid) < 100000) FROM pg_class
		WHERE relname IN ('payments', 'big', 'users', 'parted_1', 'parted_2')}),
	'autovacuum freezes guarded tables, also one that has it off');
ok( $node->poll_query_until('shop', q{SELECT count(*) = 3 FROM pg_stat_user_tables
		WHERE relname IN ('big', 'users', 'parted_1') AND autovacuum_count > 0}),
	'autovacuum vacuums guarded tables');
ok( $node->poll_query_until('shop', q{SELECT count(*) = 3 FROM pg_stat_user_tables
		WHERE relname IN ('big', 'users', 'parted_1') AND autoanalyze_count > 0}),
	'autovacuum analyzes guarded tables');
my $log = slurp_file($node->logfile);
like($log, qr/automatic (?:aggressive )?vacuum to prevent wraparound of table "shop.public.payments"/,
	'one of them was against wraparound');
# who wants the table's lock has the server cancel it
unlike($log, qr/\(rule |ERROR:  (?!canceling autovacuum task)/, 'nothing was judged or failed');

# ---- by hand, and by the programs
passes($node, 'shop', $_, $_)
  for 'VACUUM FREEZE payments;', 'VACUUM (FREEZE, ANALYZE, VERBOSE, DISABLE_PAGE_SKIPPING) big;',
  'VACUUM (PARALLEL 2, INDEX_CLEANUP on) big;', 'VACUUM (FULL false) users;', 'VACUUM;', 'ANALYZE parted;',
  'ANALYZE;', 'CHECKPOINT;', 'REINDEX TABLE CONCURRENTLY big;', 'REFRESH MATERIALIZED VIEW CONCURRENTLY sums;';
for my $program (
	[ 'vacuumdb', '-a', '-z', '-j', '2' ], [ 'vacuumdb', '-a', '-Z', '--analyze-in-stages' ],
	[ 'vacuumdb', '-d', 'shop', '-F', '-t', 'payments' ], [ 'reindexdb', '--concurrently', '-d', 'shop', '-j', '2', '-t', 'big', '-t', 'users' ])
{
	my ($status, $out, $err) = run_client([ $program->[0], '-h', $node->host, '-p', $node->port, @$program[ 1 .. $#$program ] ]);
	is($status, 0, "@$program");
	unlike($err, qr/ERROR/, "@$program: no error");
}
for my $program ([ 'vacuumdb', 'vacuum-full', '-d', 'shop', '-f' ], [ 'reindexdb', 'reindex-blocking', '-d', 'shop' ],
	[ 'clusterdb', 'cluster', '-d', 'shop', '-t', 'users' ], [ 'dropdb', 'drop-database', 'shop' ])
{
	my ($name, $rule, @options) = @$program;
	my ($status, $out, $err) = run_client([ $name, '-h', $node->host, '-p', $node->port, @options ]);
	isnt($status, 0, "$name @options fails");
	like($err, qr/ERROR:  .*\(rule $rule\)/, "$name @options: $rule");
}
$node->stop;

# ---- parallel workers: with the library preloaded, and loaded in mid-session
for my $way ('session', 'none')
{
	$node = start_node("parallel_$way", "max_worker_processes = 12\nmax_parallel_workers = 8\n");
	shop($node, 'shop', preload => $way eq 'session');
	$node->safe_psql('shop', $data);
	$node->safe_psql('shop', q{
		CREATE ROLE regress_parallel;
		GRANT SET ON PARAMETER invariant_guard.allow, invariant_guard.reason TO regress_parallel;
		GRANT ALL ON ALL TABLES IN SCHEMA public TO regress_parallel;
	});
	my $parallel = q{
		SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SET min_parallel_index_scan_size = 0; SET max_parallel_workers_per_gather = 2;
		SET max_parallel_maintenance_workers = 2; SET parallel_leader_participation = off;
	};
	my $query = 'SELECT count(*), sum(id) FROM big WHERE length(txt) > 1;';
	my $explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) $query";

	for my $before ('', 'CREATE TEMP TABLE loads ();',
		q{CREATE TEMP TABLE loads (); SET invariant_guard.mode = 'observe';
			SET invariant_guard.severity = 'lock=warning'; SET invariant_guard.message_style = 'full';},
		q{CREATE TEMP TABLE loads (); SET invariant_guard.reason = 'test';
			SET invariant_guard.allow = 'drop-column(users.nickname)';},
		q{CREATE TEMP TABLE loads (); BEGIN; SET LOCAL invariant_guard.reason = 'test';
			SET LOCAL invariant_guard.allow = 'drop-column(users.nickname)';},
		q{CREATE TEMP TABLE loads (); SET ROLE regress_parallel; SET invariant_guard.reason = 'test';
			SET invariant_guard.allow = 'drop-column(users.nickname)';})
	{
		my ($out, $err);
		my $status = $node->psql('shop', "$before $parallel $explain $query", stdout => \$out, stderr => \$err);
		is($status, 0, "$way: parallel query after: $before") or diag($err);
		like($out, qr/Workers Launched: 2/, "$way: two workers");
		like($out, qr/^20000\|200010000$/m, "$way: their result");
	}

	# the library is in the leader, and the workers load it for themselves
	is($node->safe_psql('shop', "CREATE TEMP TABLE loads (); $parallel SELECT count(DISTINCT label), count(*) > 100 "
				. q{FROM big, pg_seclabels WHERE provider = 'invariant_guard' AND id < 100}),
		'2|t', "$way: a parallel read of labels");

	for my $sql ('CREATE INDEX CONCURRENTLY big_id ON big (id);', 'REINDEX INDEX CONCURRENTLY big_id;',
		'BEGIN; CREATE TABLE fresh WITH (parallel_workers = 2) AS SELECT * FROM big; CREATE INDEX ON fresh (txt); COMMIT;')
	{
		my $err;
		is($node->psql('shop', "$parallel SET client_min_messages = debug1; $sql", stderr => \$err), 0, "$way: $sql");
		like($err, qr/building index ".*" on table ".*" with request for 2 parallel workers/, "$way: in parallel");
	}
	is_refused($node, 'shop', "$parallel CREATE INDEX ON big (txt);", 'create-index-blocking', "$way: an index");
	passes($node, 'shop', "$parallel CREATE MATERIALIZED VIEW other AS $query REFRESH MATERIALIZED VIEW CONCURRENTLY sums;",
		"$way: materialized views");
	passes($node, 'shop', "$parallel VACUUM (PARALLEL 2) big;", "$way: parallel vacuum");

	# ---- single-user mode: all DDL passes
	$node->stop;
	my ($status, $out, $err) = run_client(
		[ 'postgres', '--single', '-D', $node->data_dir, 'shop' ],
		stdin => "ALTER TABLE users DROP COLUMN nickname\n"
		  . "TRUNCATE payments\n"
		  . "ALTER TABLE big RENAME COLUMN txt TO words\n"
		  . "DROP TABLE parted\n"
		  . "ALTER TABLE users ADD COLUMN again text NOT NULL DEFAULT clock_timestamp()::text\n"
		  . "SELECT count(*) FROM invariant_guard.status()\n"	# which loads the library
		  . "SECURITY LABEL FOR invariant_guard ON TABLE users IS 'protected'\n"
		  . "VACUUM FULL users\n" . "REINDEX DATABASE shop\n" . "REINDEX SYSTEM shop\n"
		  . "ALTER EVENT TRIGGER invariant_guard_ddl_start DISABLE\n"
		  . "ALTER EVENT TRIGGER invariant_guard_ddl_start ENABLE ALWAYS\n");
	is($status, 0, "$way: single-user mode") or diag($err);
	unlike($out . $err, qr/ERROR|WARNING|FATAL/, "$way: single-user mode says nothing against DDL");
	is(() = log_complaints($err), 0, "$way: single-user mode: no sign of a crash");
	$node->start;
	is($node->safe_psql('shop', q{SELECT (SELECT count(*) FROM payments), (SELECT count(*) FROM users),
			(SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname IN ('nickname', 'again')),
			to_regclass('parted') IS NULL}),
		'0|100|1|t', "$way: and did it");
	is_refused($node, 'shop', 'ALTER TABLE users DROP COLUMN again;', 'drop-column', "$way: the guard is in force again");
	$node->stop;
}

done_testing();
