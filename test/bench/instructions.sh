#!/bin/bash
#
# What the guard costs, in instructions, which do not depend on what else the
# machine is doing.
#
#   instructions.sh [TABLES]
#
# Runs a backend under valgrind's callgrind for the same statements without
# and with the guard, twice with a different number of repetitions; the
# difference is what one repetition costs.  TABLES more tables fill the
# catalogs first.  Also times a refusal on 1,000 and on 1,000,000 rows.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

tables=${1:-10}
few=100
many=300

command -v valgrind >/dev/null || ig_apt_install valgrind
ig_require ""
ig_begin
ig_build

statements()
{
	case "$1" in
		empty) echo "BEGIN; COMMIT;" ;;
		select) echo "EXECUTE point(7);" ;;
		ddl) echo "BEGIN; CREATE TABLE x (a int); ALTER TABLE x ADD COLUMN b int; DROP TABLE x; COMMIT;" ;;
	esac
}

script()
{
	local i
	echo "PREPARE point(int) AS SELECT v FROM points WHERE id = \$1;"
	# warm the caches, so that they count in both runs alike
	for i in $(seq 20); do statements "$1"; done
	for i in $(seq "$2"); do statements "$1"; done
}

ig_start_cluster bench <<<"autovacuum = off"
for db in without guarded; do
	"$ig_bin/createdb" $db
	"$ig_bin/psql" -Xqd $db -c "CREATE TABLE points (id int PRIMARY KEY, v int);
		INSERT INTO points SELECT i, i FROM generate_series(1, 1000) i" -c "VACUUM ANALYZE points"
	"$ig_bin/psql" -Xqd $db -c "DO \$\$ BEGIN FOR i IN 1..$tables LOOP
		EXECUTE format('CREATE TABLE filler_%s (a int)', i);
		IF i % 200 = 0 THEN COMMIT; END IF; END LOOP; END \$\$"
done
"$ig_bin/psql" -Xqd guarded -c "SET client_min_messages = error; CREATE EXTENSION invariant_guard" \
	-c "ALTER DATABASE guarded SET session_preload_libraries = 'invariant_guard'"

# A refusal, timed in one session by the server's own clock.
"$ig_bin/psql" -Xqd guarded -c "CREATE TABLE small AS SELECT i AS id, i AS v FROM generate_series(1, 1000) i;
	CREATE TABLE large AS SELECT i AS id, i AS v FROM generate_series(1, 1000000) i; ANALYZE small, large"
for statement in "ALTER TABLE %s ALTER COLUMN id TYPE bigint" \
				 "ALTER TABLE %s ALTER COLUMN v SET NOT NULL" "CREATE INDEX ON %s (v)"; do
	for table in small large; do
		sql=$(printf "$statement" $table)
		"$ig_bin/psql" -XAtqd guarded <<-SQL 2>&1 | grep '^refused' || { echo "not refused: $sql"; exit 1; }
			DO \$\$ DECLARE t timestamptz; total float = 0; BEGIN
				FOR i IN 1..51 LOOP
					t = clock_timestamp();
					BEGIN EXECUTE '$sql'; RAISE 'not refused';
					EXCEPTION WHEN OTHERS THEN
						IF SQLSTATE !~ '^IG' THEN RAISE; END IF;
					END;
					IF i > 1 THEN total = total + extract(epoch FROM clock_timestamp() - t); END IF;
				END LOOP;
				RAISE INFO E'\nrefused in % ms: $sql', round((total / 50 * 1000)::numeric, 3);
			END \$\$;
		SQL
	done
done

ig_stop_cluster bench

# The backend of one session, under callgrind: the largest count is its own.
ig_as_server mkdir -p "$ig_work/grind"
count()
{
	local db=$1 load=$2 times=$3 pid
	rm -f "$ig_work"/grind/*
	ig_as_server valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$ig_work/grind/%p" \
		"$ig_bin/postgres" -D "$ig_work/bench/data" >"$ig_work/grind.log" 2>&1 &
	pid=$!
	until "$ig_bin/pg_isready" -q; do sleep 0.5; done
	script "$load" "$times" | "$ig_bin/psql" -XqAtd "$db" >/dev/null
	kill -INT "$(head -n 1 "$ig_work/bench/data/postmaster.pid")"
	wait $pid || :
	grep -h '^summary:\|^totals:' "$ig_work"/grind/* | awk '{ if ($2 > max) max = $2 } END { print max }'
}

for load in empty select ddl; do
	for db in without guarded; do
		a=$(count $db $load $few)
		b=$(count $db $load $many)
		echo $(((b - a) / (many - few)))
	done | xargs | awk -v load=$load '{ printf "%-8s %d instructions without, %d with: %+d, ratio %.4f\n",
		load, $1, $2, $2 - $1, $2 / $1 }'
done
