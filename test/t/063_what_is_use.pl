# What counts as a use of a column, and what does not: every way to read one,
# dumps and other copies, the queries of row rules and of triggers, and what is
# left to a transaction that another session ends.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $conf = "shared_preload_libraries = 'invariant_guard'\nmax_prepared_transactions = 4\n"
  . "wal_level = logical\nmax_wal_senders = 8\n";
my $node = PostgreSQL::Test::Cluster->new('uses');
$node->init(allows_streaming => 'logical', extra => [ '--locale=C', '--encoding=UTF8' ]);
$node->append_conf('postgresql.conf', $conf);
$node->start;
my $major = major($node);
shop($node, 'shop');
$node->safe_psql('shop', q{
	SET invariant_guard.mode = off;
	SET client_min_messages = error;
	CREATE VIEW barrier WITH (security_barrier) AS SELECT id, email FROM users WHERE nickname <> '';
	CREATE VIEW invoker WITH (security_invoker) AS SELECT id, nickname FROM users;
	CREATE MATERIALIZED VIEW kept AS SELECT nickname FROM users;
	CREATE UNIQUE INDEX ON kept (nickname);
	CREATE FUNCTION inlined() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT nickname FROM public.users';
	CREATE FUNCTION scalar(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT nickname FROM public.users WHERE id = $1';
	CREATE FUNCTION whole() RETURNS SETOF users LANGUAGE sql STABLE AS 'SELECT * FROM public.users';
	CREATE FUNCTION body() RETURNS text BEGIN ATOMIC SELECT nickname FROM users LIMIT 1; END;
	CREATE PROCEDURE loops() LANGUAGE plpgsql AS $$DECLARE r record;
		BEGIN FOR r IN SELECT nickname FROM users LOOP COMMIT; END LOOP; END$$;
	CREATE TABLE target (a text);
	CREATE TABLE documents (id int, doc jsonb);
	INSERT INTO documents VALUES (1, '[{"a": 1}]');
});

# 'column: ways' of what was seen of a table since it was forgotten.
sub uses
{
	my ($table, $on) = @_;

	return ($on // $node)->safe_psql('shop', qq{
		SELECT string_agg(coalesce(column_name, '*') || coalesce(' read ' || last_read_how, '') ||
			coalesce(' written ' || last_written_how, '') || coalesce(' apart ' || not_counted_as, ''), ', ' ORDER BY attnum)
		FROM invariant_guard.column_usage
		WHERE relation = '$table'::regclass
			AND (last_read IS NOT NULL OR last_written IS NOT NULL OR last_not_counted IS NOT NULL)});
}

sub forget
{
	my ($on) = @_;
	($on // $node)->safe_psql('shop', 'SELECT invariant_guard.reset_column_usage()');
	return;
}

sub is_use
{
	my ($sql, $table, $expected, $name) = @_;
	my ($stdout, $stderr) = ('', '');

	forget();
	$node->psql('shop', $sql, stdout => \$stdout, stderr => \$stderr, on_error_stop => 0);
	unlike($stderr, qr/ERROR/, "$name: runs");
	is(uses($table), $expected, $name);
	return;
}

# ---- every way to read a column
my $by_name = '* read by name, nickname read by name';
my $all = '* read all columns, id read all columns, email read all columns, nickname read all columns';
my $off = 'SET invariant_guard.mode = off;';
my @reads = (
	[ 'CREATE TABLE AS', 'CREATE TABLE made AS SELECT nickname FROM users', $by_name ],
	[ 'CREATE TABLE AS EXECUTE', 'PREPARE p AS SELECT nickname FROM users; CREATE TABLE made_2 AS EXECUTE p', $by_name ],
	[ 'SELECT INTO', 'SELECT nickname INTO made_3 FROM users', $by_name ],
	[ 'CREATE MATERIALIZED VIEW', 'CREATE MATERIALIZED VIEW kept_2 AS SELECT nickname FROM users',
		$major >= 17 ? '* read through a view, nickname read through a view' : $by_name ],
	[ '... WITH NO DATA', 'CREATE MATERIALIZED VIEW kept_3 AS SELECT nickname FROM users WITH NO DATA', '' ],
	[ 'REFRESH', "$off REFRESH MATERIALIZED VIEW kept", '* read through a view, nickname read through a view' ],
	[ 'REFRESH CONCURRENTLY', "$off REFRESH MATERIALIZED VIEW CONCURRENTLY kept", '* read through a view, nickname read through a view' ],
	[ 'EXPLAIN ANALYZE CREATE TABLE AS', 'EXPLAIN ANALYZE CREATE TABLE made_4 AS SELECT nickname FROM users', $by_name ],
	[ 'cursor held over commit', 'BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT nickname FROM users; COMMIT; FETCH c', $by_name ],
	[ 'cursor that is never fetched from', 'BEGIN; DECLARE c SCROLL CURSOR FOR SELECT nickname FROM users; COMMIT', $by_name ],
	[ 'parallel query', 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; '
		  . 'SET min_parallel_table_scan_size = 0; SELECT count(*) FROM users WHERE nickname <> $$$$', $by_name ],
	[ 'parallel CREATE TABLE AS', 'SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; '
		  . 'SET min_parallel_table_scan_size = 0; CREATE TABLE made_5 AS SELECT nickname FROM users', $by_name ],
	[ 'function that is inlined', 'SELECT * FROM inlined() LIMIT 1', $by_name ],
	[ 'inlined, and a part of the row', 'SELECT id FROM whole() LIMIT 1', $all ],
	[ 'scalar function', 'SELECT scalar(1)', "* read by name, id read by name, nickname read by name" ],
	[ 'function with a body', 'SELECT body()', $by_name ],
	[ 'loop of a procedure that commits', 'CALL loops()', $by_name ],
	[ 'DO, EXECUTE', q{DO $$ DECLARE t text; BEGIN EXECUTE 'SELECT nickname FROM users LIMIT 1' INTO t; END $$}, $by_name ],
	[ 'DO, a row variable', 'DO $$ DECLARE r users%ROWTYPE; BEGIN SELECT * INTO r FROM users LIMIT 1; END $$', $all ],
	[ 'view of security_barrier', 'SELECT id FROM barrier LIMIT 1',
		'* read through a view, id read through a view, email read through a view, nickname read through a view' ],
	[ 'view of security_invoker', 'SELECT id FROM invoker LIMIT 1', '* read by name, id read by name, nickname read by name' ],
	[ 'WHERE CURRENT OF', 'BEGIN; DECLARE c CURSOR FOR SELECT id FROM users WHERE id > 50 FOR UPDATE; FETCH c; '
		  . 'UPDATE users SET nickname = $$x$$ WHERE CURRENT OF c; DELETE FROM users WHERE CURRENT OF c; COMMIT',
		'* read by name written directly, id read by name, nickname written directly' ],
	[ 'RETURNING', 'UPDATE users SET email = $$y$$ WHERE id = 2 RETURNING nickname',
		'* read by name written directly, id read by name, email written directly, nickname read by name' ],
	[ 'DELETE RETURNING, in WITH', 'WITH d AS (DELETE FROM users WHERE id = 3 RETURNING nickname) INSERT INTO target SELECT * FROM d',
		'* read by name written directly, id read by name, nickname read by name' ],
	[ 'INSERT SELECT', 'INSERT INTO target SELECT nickname FROM users', $by_name ],
	[ 'MERGE, as the source', 'MERGE INTO target t USING users u ON t.a = u.nickname WHEN MATCHED THEN DO NOTHING', $by_name ],
	[ 'EXISTS', 'SELECT EXISTS (SELECT FROM users WHERE nickname IS NULL)', $by_name ],
	[ 'a condition that is false', 'SELECT nickname FROM users WHERE false', $by_name ],
	[ 'a join that is not needed', 'SELECT d.id FROM documents d LEFT JOIN users u ON u.id = d.id', '* read by name, id read by name' ],
	# since 16 the server asks for no privileges here, and so nothing is seen
	[ 'a subquery that is not needed', 'SELECT d.id FROM documents d LEFT JOIN (SELECT DISTINCT nickname FROM users) u ON u.nickname = d.doc::text',
		$major >= 16 ? '' : $by_name ],
	[ 'TABLESAMPLE', 'SELECT nickname FROM users TABLESAMPLE SYSTEM (1)', $by_name ],
	[ 'TABLE', 'TABLE users', $all ],
	[ 'row_to_json', 'SELECT row_to_json(u) FROM users u LIMIT 1', $all ],
	[ 'query_to_xml', q{SELECT query_to_xml('SELECT nickname FROM users', true, false, '')}, $by_name ],
	[ 'window, in a lateral subquery', 'SELECT * FROM documents d, LATERAL (SELECT rank() OVER (ORDER BY nickname) FROM users LIMIT 1) r', $by_name ],
	[ 'COPY of a query that writes', 'COPY (UPDATE users SET email = $$z$$ WHERE id = 4 RETURNING nickname) TO stdout',
		'* read by name written directly, id read by name, email written directly, nickname read by name' ],
);
push @reads,
  [ 'MERGE RETURNING', q{MERGE INTO users u USING (VALUES (5)) v (id) ON u.id = v.id WHEN MATCHED THEN UPDATE SET email = 'm' RETURNING u.nickname},
	'* read by name written directly, id read by name, email written directly, nickname read by name' ],
  [ 'JSON_TABLE', q{SELECT j.* FROM users u, JSON_TABLE('["n1"]', '$[*]' PASSING u.nickname AS n COLUMNS (a text PATH '$')) j LIMIT 1}, $by_name ]
  if $major >= 17;
push @reads,
  [ 'RETURNING old and new', q{UPDATE users SET email = 'o' WHERE id = 6 RETURNING old.nickname},
	'* read by name written directly, id read by name, email written directly, nickname read by name' ],
  [ 'RETURNING new as a whole', q{INSERT INTO users (id) VALUES (1001) RETURNING new},
	'* read all columns written directly, id read all columns written directly, email read all columns, nickname read all columns' ]
  if $major >= 18;
is_use($_->[1], 'users', $_->[2], $_->[0]) for @reads;
is_use(q{SELECT doc -> 0 FROM documents}, 'documents', '* read by name, doc read by name', 'JSON');
is_use(q{SELECT j.* FROM documents, JSON_TABLE(doc, '$[*]' COLUMNS (a int PATH '$.a')) j}, 'documents',
	'* read by name, doc read by name', 'JSON_TABLE of a column') if $major >= 17;

# ---- copies: whose is a use
my @to = ('-h', $node->host, '-p', $node->port);
my $apart = '* apart dump or table sync, id apart dump or table sync, email apart dump or table sync, nickname apart dump or table sync';
my $dir = PostgreSQL::Test::Utils::tempdir();
is_use('COPY users TO stdout', 'users', $all, 'COPY of a table');
is_use(q{SET application_name = 'exporter'; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; COPY users TO stdout; COMMIT},
	'users', $all, 'COPY with a snapshot, as exporters do');
is_use(q{SET synchronize_seqscans = off; BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE; COPY public.users TO stdout; COMMIT},
	'users', $all, 'COPY by one that dumps nothing');
$node->safe_psql('shop', q{SELECT invariant_guard.retire_column('users', 'nickname', 'x');
	ALTER DATABASE shop SET invariant_guard.retired_column_use = error});
my @dumps = (
	[ 'plain', 'pg_dump', '-f', "$dir/plain" ], [ 'custom', 'pg_dump', '-Fc', '-f', "$dir/custom" ],
	[ 'parallel', 'pg_dump', '-Fd', '-j', '2', '-f', "$dir/parallel" ],
	[ 'serializable', 'pg_dump', '--serializable-deferrable', '-f', "$dir/serializable" ],
	[ 'INSERTs', 'pg_dump', '--inserts', '-f', "$dir/inserts" ], [ 'one table', 'pg_dump', '-t', 'users', '-a', '-f', "$dir/one" ]);
for my $dump (@dumps)
{
	my ($name, @command) = @$dump;

	# by its own name it is ignored as an application; under another one, by what it does
	for my $application ('', 'nightly backup')
	{
		forget();
		local %ENV = %ENV;
		delete $ENV{PGAPPNAME};
		$ENV{PGAPPNAME} = $application if $application ne '';
		my ($status) = run_client([ @command, @to, 'shop' ]);
		is($status, 0, "pg_dump, $name: not hindered");
		is(uses('users'), $application ? $apart : $apart =~ s/dump or table sync/ignored application/gr, "pg_dump, $name, $application: no use");
		PostgreSQL::Test::Utils::system_log('rm', '-rf', "$dir/$name") if $name eq 'parallel';
	}
}
$node->safe_psql('shop', q{ALTER DATABASE shop RESET invariant_guard.retired_column_use});
$node->safe_psql('shop', q{SET invariant_guard.mode = off; SELECT invariant_guard.unretire_column('users', 'nickname')});

# on a standby
$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('uses_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
forget();
$node->wait_for_catchup($standby);
{
	local $ENV{PGAPPNAME} = 'nightly backup';
	for my $options ([], [ '-Fd', '-j', '2' ])
	{
		my ($status) = run_client([ 'pg_dump', @$options, '-f', "$dir/standby" . scalar(@$options), '-h', $standby->host, '-p', $standby->port, 'shop' ]);
		is($status, 0, "pg_dump @$options on a standby");
	}
	is(uses('users', $standby), $apart, 'pg_dump on a standby: no use');
}
$standby->safe_psql('shop', 'COPY users TO stdout');
like(uses('users', $standby), qr/nickname read all columns/, 'COPY on a standby is one');
$standby->stop;

# ---- the first copy of a subscription is no more a use than what it applies
$node->safe_psql('shop', q{SET client_min_messages = error; CREATE PUBLICATION whole FOR TABLE users;
	CREATE PUBLICATION parts FOR TABLE payments (id, cents) WHERE (cents > 1)});
my $subscriber = start_node('uses_subscriber', "shared_preload_libraries = 'invariant_guard'\n");
shop($subscriber, 'shop');
$subscriber->safe_psql('shop', 'DELETE FROM users; DELETE FROM payments');
forget();
$subscriber->safe_psql('shop', q{CREATE SUBSCRIPTION s CONNECTION 'dbname=shop host=} . $node->host . ' port=' . $node->port . q{' PUBLICATION whole, parts});
$subscriber->wait_for_subscription_sync($node, 's');
is(uses('users'), $apart, 'table sync');
is(uses('payments'), '* apart dump or table sync, id apart dump or table sync, cents apart dump or table sync',
	'table sync of some columns and rows');
$subscriber->safe_psql('shop', 'SET invariant_guard.mode = off; DROP SUBSCRIPTION s');
$subscriber->stop;

# ---- row rules: what they look up is kept apart, what they write is theirs
$node->safe_psql('shop', q{
	SET invariant_guard.mode = off;
	SET client_min_messages = error;
	CREATE TABLE parents (id int PRIMARY KEY, name text, deleted_at timestamptz, operation uuid);
	CREATE TABLE children (id int PRIMARY KEY, parent_id int REFERENCES parents, deleted_at timestamptz, operation uuid);
	CREATE TABLE log (id int, seen int);
	SELECT invariant_guard.add_soft_delete('children', operation => 'operation');
	SELECT invariant_guard.add_soft_delete('parents', children => 'soft_cascade', operation => 'operation');
	INSERT INTO parents SELECT i, i FROM generate_series(1, 9) i;
	INSERT INTO children SELECT i, i FROM generate_series(1, 9) i;
	CREATE FUNCTION looks() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM seen FROM log; RETURN coalesce(NEW, OLD); END';
	CREATE TRIGGER looks BEFORE UPDATE ON children FOR EACH ROW EXECUTE FUNCTION looks();
	CREATE TABLE versioned (id int PRIMARY KEY, v text, version bigint NOT NULL DEFAULT 1);
	SELECT invariant_guard.add_optimistic_lock('versioned');
	INSERT INTO versioned VALUES (1, 'a');
	CREATE TABLE products (id int PRIMARY KEY, price numeric);
	CREATE TABLE items (id int PRIMARY KEY, product_id int REFERENCES products, price numeric);
	SELECT invariant_guard.add_snapshot_columns('items', '{price}', 'products');
	INSERT INTO products VALUES (1, 5);
	CREATE TABLE ledger (id int PRIMARY KEY, reversal_of int, amount numeric);
	SELECT invariant_guard.add_append_only('ledger', reversal_of => 'reversal_of', amounts => '{amount}');
	INSERT INTO ledger VALUES (1, NULL, 5);
	CREATE TABLE limits (account int, most numeric);
	CREATE TABLE entries (id int PRIMARY KEY, account int, amount numeric);
	SELECT invariant_guard.add_commit_assertion('entries', '{account}',
		'(SELECT coalesce(sum(most), 0) FROM public.limits WHERE account = $1) >= 0', 'bounded');
	CREATE TABLE active (id int PRIMARY KEY, owner int, is_active bool);
	SELECT invariant_guard.add_unique_active('active', 'owner', 'is_active');
	CREATE TABLE keys (id int PRIMARY KEY);
	CREATE TABLE keyed (id int PRIMARY KEY, k int REFERENCES keys ON DELETE CASCADE);
	CREATE TRIGGER looks BEFORE DELETE ON keyed FOR EACH ROW EXECUTE FUNCTION looks();
	INSERT INTO keys VALUES (1), (2);
	INSERT INTO keyed VALUES (1, 1), (2, 2);
});
my $check = sub { join ', ', map { "$_ apart constraint check" } @_ };
is_use('DELETE FROM children WHERE id = 1', 'children', '* read by name written directly, id read by name',
	'soft delete: the columns that it marks');
is_use('DELETE FROM parents WHERE id = 2', 'children', $check->('*', 'parent_id', 'deleted_at', 'operation'), 'soft cascade');
is(uses('parents'), '* read by name written directly, id read by name', 'and the parent');
is(uses('log'), '* read by name, seen read by name', 'and the query of a trigger that it fires');
is_use('UPDATE children SET deleted_at = now() WHERE id = 3', 'children',
	'* read by name written directly, id read by name, deleted_at written directly', 'marked by hand: what the statement says');
is_use('INSERT INTO children VALUES (20, 5)', 'parents', $check->('*', 'id', 'deleted_at'), 'is the parent alive?');
is_use(q{SELECT invariant_guard.expect_version('versioned', 1, 1)}, 'versioned', $check->('*', 'id', 'version'), 'expect_version()');
is_use('INSERT INTO items (id, product_id) VALUES (1, 1)', 'products', $check->('*', 'id', 'price'), 'snapshot');
is_use('INSERT INTO entries VALUES (1, 1, 1)', 'limits', $check->('*', 'account', 'most'), 'assertion');
is_use('SELECT invariant_guard.purge($$parents$$)', 'parents', $check->('*', 'id', 'deleted_at'), 'purge()');
is_use('SELECT * FROM invariant_guard.seal($$ledger$$)', 'ledger', $check->('*', 'id', 'reversal_of', 'amount'), 'seal()');
is_use('SELECT * FROM invariant_guard.verify_seal($$ledger$$)', 'ledger', $check->('*', 'id', 'reversal_of', 'amount'), 'verify_seal()');
is_use('SELECT * FROM invariant_guard.check_rules()', 'active', $check->('*', 'id', 'owner', 'is_active'), 'check_rules()');
is(uses('ledger'), $check->('*', 'id', 'reversal_of', 'amount'), 'and another rule of it');
is_use('SELECT * FROM invariant_guard.duplicates($$active$$, $$owner$$)', 'active', $check->('*', 'id', 'owner'), 'duplicates()');
is_use('DELETE FROM keys WHERE id = 1', 'keyed', $check->('*', 'k'), 'a foreign key that cascades');
is(uses('log'), '* read by name, seen read by name', 'and the query of a trigger that it fires');
is_use('INSERT INTO ledger VALUES (2, 1, -5)', 'ledger', '* written directly apart constraint check, '
	  . join(', ', map { "$_ written directly apart constraint check" } 'id', 'reversal_of', 'amount'), 'reversal');
# one of ours that fails before it runs leaves nothing behind
is_use(q{DO $$ BEGIN PERFORM invariant_guard.duplicates('active', 'id', 'nothing'); EXCEPTION WHEN undefined_column THEN
	PERFORM version FROM versioned; END $$}, 'versioned', '* read by name, version read by name', 'after one that failed');
forget();
$node->psql('shop', q{SELECT invariant_guard.duplicates('active', 'id', 'nothing'); SELECT version FROM versioned}, on_error_stop => 0);
is(uses('versioned'), '* read by name, version read by name', 'in the next transaction as well');

# ---- two-phase commit
$node->safe_psql('shop', q{CREATE TABLE phased (id int PRIMARY KEY, email text, nickname text);
	INSERT INTO phased VALUES (1, 'e', 'n')});
forget();
$node->safe_psql('shop', q{BEGIN; SELECT invariant_guard.retire_column('phased', 'nickname', 'APP-12', block_writes => true);
	SELECT email FROM phased LIMIT 1; PREPARE TRANSACTION 'retires'});
my $retired = q{SELECT block_writes, reason FROM invariant_guard.retirements WHERE rel = 'phased'::regclass};
is($node->safe_psql('shop', $retired), '', 'prepared: not retired yet');
is(uses('phased'), '* read by name, email read by name', 'prepared: what it has read is recorded');
$node->restart;
is(uses('phased'), '* read by name, email read by name', 'prepared: after a restart too');
my $session = $node->background_psql('shop');
$session->query_safe('PREPARE w AS UPDATE phased SET nickname = $1 WHERE id = 1; EXECUTE w($$a$$)');
$node->safe_psql('shop', q{COMMIT PREPARED 'retires'});
is($node->safe_psql('shop', $retired), 't|APP-12', 'committed by another session: retired');
$session->query_safe(q{DO $do$ BEGIN EXECUTE 'EXECUTE w($$b$$)'; EXCEPTION WHEN OTHERS THEN
	PERFORM set_config('my.error', sqlerrm, false); END $do$});
like($session->query_safe(q{SELECT current_setting('my.error', true)}),
	qr/cannot write column "nickname" of table "public\.phased", which is retired/,
	'committed: a session that was there before is told');
$session->quit;
is($node->safe_psql('shop', q{SELECT read_at IS NULL, written_at > since FROM invariant_guard.retirements WHERE rel = 'phased'::regclass}),
	't|t', 'committed: what was used meanwhile is known');
is_refused($node, 'shop', 'ALTER TABLE phased DROP COLUMN nickname', 'drop-too-early', 'committed: it waits');
$node->safe_psql('shop', q{BEGIN; SELECT invariant_guard.unretire_column('phased', 'nickname'); PREPARE TRANSACTION 'unretires'});
$node->restart;
$node->safe_psql('shop', q{ROLLBACK PREPARED 'unretires'});
is($node->safe_psql('shop', $retired), 't|APP-12', 'rolled back: still retired');
$node->safe_psql('shop', q{SET invariant_guard.retirement_period = 0; BEGIN; ALTER TABLE phased DROP COLUMN nickname; PREPARE TRANSACTION 'drops'});
$node->restart;
$node->safe_psql('shop', q{COMMIT PREPARED 'drops'});
is($node->safe_psql('shop', $retired), '', 'dropped by a prepared transaction');

$node->stop;
done_testing();
