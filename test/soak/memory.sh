#!/bin/bash
#
# Does the guard use more and more memory in a session that lives long?
#
#   memory.sh [MAJOR]
#
# The same statements, ROUNDS times, run in one session without and in one with
# the guard: allowed, refused (plainly and in PL/pgSQL exception blocks),
# warned of, observed, allowed by an allowance, rolled back with a transaction
# and with a subtransaction.  What the memory contexts hold, by name, and the
# resident size of the backend are taken after a tenth of the rounds and at the
# end.  A context that grew in between by more than it did without the guard is
# a finding.
#
#   IG_ROUNDS=500       a round is some 230 statements
#   IG_SLACK=16384      bytes by which a context's growth may exceed

set -uo pipefail

. "$(dirname "$0")/lib.sh"

rounds=${IG_ROUNDS:-500}
slack=${IG_SLACK:-16384}

setup()
{
	cat <<-'SQL'
		SET client_min_messages = error;
		CREATE SCHEMA shop;
		CREATE TYPE shop.mood AS ENUM ('fine', 'not so fine');
		CREATE DOMAIN shop.amount AS int CHECK (VALUE > 0);
		CREATE TABLE shop.users (id int PRIMARY KEY, name text, email varchar(80) UNIQUE, m shop.mood, a shop.amount);
		CREATE TABLE shop.orders (id int PRIMARY KEY, user_id int REFERENCES shop.users, total int DEFAULT 0, CHECK (total >= 0));
		CREATE INDEX orders_total ON shop.orders (total, user_id);
		CREATE TABLE shop.events (at int, what text) PARTITION BY RANGE (at);
		CREATE TABLE shop.events_1 PARTITION OF shop.events FOR VALUES FROM (0) TO (10);
		CREATE TABLE shop.events_2 PARTITION OF shop.events FOR VALUES FROM (10) TO (20);
		CREATE TABLE shop.loose (at int, what text);
		CREATE TABLE shop.payments (id int PRIMARY KEY, cents int);
		CREATE TABLE shop.scratch (id int, a int);
		CREATE VIEW shop.totals AS SELECT user_id, sum(total) FROM shop.orders GROUP BY user_id;
		CREATE MATERIALIZED VIEW shop.filed AS SELECT * FROM shop.orders;
		CREATE SEQUENCE shop.numbers;
		CREATE FUNCTION shop.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
		CREATE FUNCTION shop.rss() RETURNS bigint LANGUAGE sql AS
			$$ SELECT substring(pg_read_file('/proc/self/status') FROM 'VmRSS:\s+(\d+)')::bigint * 1024 $$;
		INSERT INTO shop.users SELECT i, 'n', i FROM generate_series(1, 100) i;
		INSERT INTO shop.orders SELECT i, i FROM generate_series(1, 100) i;
	SQL
}

# What the gate refuses; without it, each leaves what it found, or fails.
refused()
{
	cat <<-'SQL'
		ALTER TABLE shop.users ADD COLUMN phone text NOT NULL;
		ALTER TABLE shop.orders ALTER COLUMN total TYPE bigint;
		ALTER TABLE shop.orders ALTER COLUMN user_id SET NOT NULL;
		ALTER TABLE shop.orders ADD CHECK (total < 1000000);
		ALTER TABLE shop.events ADD CONSTRAINT c CHECK (at > 0);
		CREATE INDEX ON shop.users (name);
		ALTER TABLE shop.orders RENAME COLUMN total TO sum;
		ALTER TABLE shop.payments DROP COLUMN cents;
		TRUNCATE shop.users CASCADE;
		DROP SCHEMA shop CASCADE;
		DROP TABLE shop.orders;
		DROP TYPE shop.mood CASCADE;
		ALTER TABLE shop.events ATTACH PARTITION shop.loose FOR VALUES FROM (20) TO (30);
		ALTER DOMAIN shop.amount ADD CHECK (VALUE < 100);
		REINDEX TABLE shop.orders;
	SQL
}

allowed()
{
	cat <<-'SQL'
		ALTER TABLE shop.users ALTER COLUMN name SET DEFAULT 'x';
		ALTER TABLE shop.users ALTER COLUMN name DROP DEFAULT;
		COMMENT ON TABLE shop.users IS 'people';
		CREATE OR REPLACE VIEW shop.totals AS SELECT user_id, sum(total) FROM shop.orders GROUP BY user_id;
		GRANT SELECT ON shop.users TO pg_monitor;
		CREATE TABLE shop.brief (id serial PRIMARY KEY, u int REFERENCES shop.users);
	SQL
}

one_round()
{
	local allow
	allow="SET LOCAL invariant_guard.reason = 'T-1'; SET LOCAL invariant_guard.allow = 'drop-column(shop.payments.cents), truncate(shop.scratch), drop-table(shop.brief), drop-sequence(shop.brief_id_seq)';"
	# refused plainly; without the guard in a transaction that is rolled back
	while read -r statement; do echo "BEGIN; $statement ROLLBACK;"; done < <(refused)
	allowed
	echo "BEGIN; $allow DROP TABLE shop.brief; COMMIT;"
	echo "BEGIN; $allow TRUNCATE shop.scratch; ALTER TABLE shop.payments DROP COLUMN cents; ROLLBACK;"
	# refused within exception blocks
	echo 'DO $$ BEGIN'
	while read -r statement; do
		echo "BEGIN EXECUTE '${statement%;}'; RAISE division_by_zero; EXCEPTION WHEN OTHERS THEN NULL; END;"
	done < <(refused)
	echo 'END $$;'
	# subtransactions that are rolled back, and one that is not
	echo "BEGIN; SAVEPOINT a; CREATE TABLE shop.x (i int); ALTER TABLE shop.x ADD COLUMN j int NOT NULL;"
	echo "SAVEPOINT b; DROP TABLE shop.x; ROLLBACK TO b; RELEASE b; ROLLBACK TO a;"
	echo "CREATE TABLE shop.x (i int); DROP TABLE shop.x; COMMIT;"
	echo "BEGIN; ALTER TABLE shop.users RENAME TO people; CREATE VIEW shop.users AS SELECT * FROM shop.people; ROLLBACK;"
	echo "BEGIN; SECURITY LABEL FOR invariant_guard ON TABLE shop.scratch IS 'financial'; ROLLBACK;"
	echo "CREATE TEMP TABLE t (i int); ALTER TABLE t ADD COLUMN j serial; DROP TABLE t;"
	for mode in warn observe; do
		echo "BEGIN; SET LOCAL invariant_guard.mode = $mode;"
		while read -r statement; do echo "SAVEPOINT a; $statement ROLLBACK TO a;"; done < <(refused)
		echo "ROLLBACK;"
	done
	echo "BEGIN; SET LOCAL invariant_guard.severity = 'wipe=warning, lock=notice, compatibility=off'; SET LOCAL invariant_guard.financial_tables = 'shop.pay*';"
	echo "CREATE INDEX ON shop.users (name); DROP VIEW shop.totals; TRUNCATE shop.payments; ROLLBACK;"
}

measure()
{
	cat <<-'SQL'
		SELECT 'context|' || name || '|' || sum(used_bytes) || '|' || sum(total_bytes)
			FROM pg_backend_memory_contexts
			WHERE name NOT IN ('MessageContext', 'PortalContext', 'ExecutorState', 'ExprContext', 'TupleSort main',
				'Caller tuples', 'TransactionAbortContext', 'printtup', 'tuplestore tuples', 'HashAgg meta context',
				'HashAgg hashed tuples', 'ErrorContext', 'TopTransactionContext', 'PortalHoldContext', 'TupleSort sort')
			GROUP BY name;
		SELECT 'rss|rss|' || shop.rss() || '|0';
		\echo end
	SQL
}

script()
{
	local i
	for i in $(seq "$rounds"); do
		cat round.sql
		if [ "$i" = $((rounds / 10)) ] || [ "$i" = "$rounds" ]; then cat measure.sql measure.sql; fi
	done
}

ig_require "${1:-}"
ig_begin
ig_build || ig_die "the build failed"
ig_start_cluster memory <<<"autovacuum = off
log_min_messages = fatal
max_wal_size = 4GB" || ig_die "the server did not start"

one_round > round.sql
measure > measure.sql
statements=$(($(grep -oE ';' round.sql | wc -l) - $(refused | wc -l)))
for db in without guarded; do
	"$ig_bin/createdb" $db
	setup | "$ig_bin/psql" -Xqd $db
done
"$ig_bin/psql" -Xqd guarded -c "SET client_min_messages = error; CREATE EXTENSION invariant_guard" \
	-c "SELECT invariant_guard.protect('shop.payments', 'financial')" \
	-c "ALTER DATABASE guarded SET session_preload_libraries = 'invariant_guard'" >/dev/null

for db in without guarded; do
	start=$(date +%s)
	# The second of two measurements counts: the first has its own caches to fill.
	script | "$ig_bin/psql" -XAtqd $db 2>$db.err |
		awk -F '|' -v OFS='|' '$0 == "end" { n++ } /^(context|rss)\|/ && (n == 1 || n == 3) { print n == 1 ? "early" : "late", $2, $3, $4 }' > $db.txt
	echo "$db: $((rounds * statements)) statements in $(ig_seconds "$start") s"
done
if [ "$(grep -c 'rule ' guarded.err)" -lt $((rounds * 15)) ]; then ig_finding "the gate has refused too little"; fi
sed 's/^.*ERROR:/ERROR:/' guarded.err | grep -o '(rule [a-z-]*)' | sort | uniq -c | sort -rn | awk '{ print "  " $1, $3 }' | head -n 20

for db in without guarded; do
	awk -F '|' -v db=$db '$1 == "early" { early[$2] = $3 } $1 == "late" { print db "|" $2 "|" early[$2] + 0 "|" $3 "|" $3 - early[$2] }' $db.txt
done > growth.txt
echo
echo "used bytes after a tenth and at the end, by context; growth without and with the guard:"
awk -F '|' '$1 == "without" { without[$2] = $5 }
	$1 == "guarded" { printf "%-40s %10d %10d  without %+8d, with %+8d\n", $2, $3, $4, without[$2], $5 }' growth.txt | sort
while IFS='|' read -r name grown; do
	ig_finding "context \"$name\" grew by $grown bytes more with the guard than without"
done < <(awk -F '|' -v slack="$slack" '$1 == "without" { without[$2] = $5 }
	$1 == "guarded" { grown = $5 - (without[$2] > 0 ? without[$2] : 0)
		if (grown > ($2 == "rss" ? 2097152 : slack)) print $2 "|" grown }' growth.txt)
ig_finish
