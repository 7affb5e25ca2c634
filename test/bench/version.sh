#!/bin/bash
#
# What the optimistic lock and its relatives cost, in instructions.
#
#   version.sh [one]    with "one": only single rows
#
# A backend under valgrind's callgrind updates 10,000 rows of a table with a key,
# and single rows by a prepared statement; each twice with a different number
# of repetitions, of which the difference is told: without a trigger, with
# ours, and with one in PL/pgSQL that does the same.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

rows=10000
command -v valgrind >/dev/null || ig_apt_install valgrind
ig_require ""
ig_begin
ig_build

every="none plpgsql_bump plpgsql_check by_hand lock exclude reject relative no_match"

trigger()
{
	local on="BEFORE UPDATE ON $2 FOR EACH ROW"
	case $1 in
		none) ;;
		plpgsql_*) echo "CREATE TRIGGER t $on EXECUTE FUNCTION $1()" ;;
		by_hand) echo "CREATE TRIGGER t $on EXECUTE FUNCTION invariant_guard.optimistic_lock('version')" ;;
		lock) echo "SELECT invariant_guard.add_optimistic_lock('$2')" ;;
		exclude) echo "SELECT invariant_guard.add_optimistic_lock('$2', exclude => '{seen}')" ;;
		reject) echo "SELECT invariant_guard.add_optimistic_lock('$2', unversioned => 'reject')" ;;
		relative) echo "SELECT invariant_guard.add_relative_only('$2', '{n}')" ;;
		no_match) echo "SELECT invariant_guard.add_on_no_match('$2')" ;;
	esac
}

ig_start_cluster bench <<<"autovacuum = off
session_preload_libraries = invariant_guard"
for variant in $every; do
	"$ig_bin/createdb" "$variant"
	{
		cat <<-'SQL'
			SET client_min_messages = error;
			CREATE EXTENSION invariant_guard;
			SET invariant_guard.mode = off;
			CREATE FUNCTION plpgsql_bump() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN NEW.version := OLD.version + 1; RETURN NEW; END $$;
			CREATE FUNCTION plpgsql_check() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
				IF NEW.version IS DISTINCT FROM OLD.version AND NEW.version <> OLD.version + 1 THEN
					RAISE EXCEPTION 'stale';
				END IF;
				NEW.version := OLD.version + 1;
				RETURN NEW;
			END $$;
		SQL
		for i in 1 2 3 4 5; do
			echo "CREATE TABLE t$i (id int PRIMARY KEY, note text, n int, seen int, version int NOT NULL DEFAULT 0);
				INSERT INTO t$i SELECT i, 'note', i, i FROM generate_series(1, $rows) i;
				$(trigger "$variant" t$i); VACUUM ANALYZE t$i;"
		done
		echo "CREATE TABLE one (id int PRIMARY KEY, note text, n int, seen int, version int NOT NULL DEFAULT 0)
				WITH (fillfactor = 40);
			INSERT INTO one SELECT i, 'note', i, i FROM generate_series(1, $rows) i;
			$(trigger "$variant" one); VACUUM ANALYZE one;"
	} | "$ig_bin/psql" -Xqd "$variant" >/dev/null
done
ig_stop_cluster bench

# script LOAD TIMES: t5 warms the caches up.
script()
{
	local i where="version = 0"
	case $1 in
		all)
			echo "UPDATE t5 SET n = n + 1 WHERE $where;"
			for i in $(seq "$2"); do echo "UPDATE t$i SET n = n + 1 WHERE $where;"; done ;;
		stated)
			echo "UPDATE t5 SET n = n + 1, version = version + 1 WHERE $where;"
			for i in $(seq "$2"); do echo "UPDATE t$i SET n = n + 1, version = version + 1 WHERE $where;"; done ;;
		one)
			echo "PREPARE u(int) AS UPDATE one SET n = n + 1 WHERE id = \$1 AND version = 0;"
			for i in $(seq $((20 + $2))); do echo "EXECUTE u($i);"; done ;;
	esac
}

ig_as_server mkdir -p "$ig_work/grind"
count()
{
	local db=$1 load=$2 times=$3 pid
	rm -f "$ig_work"/grind/*
	ig_as_server valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$ig_work/grind/%p" \
		"$ig_bin/postgres" -D "$ig_work/bench/data" >"$ig_work/grind.log" 2>&1 &
	pid=$!
	until "$ig_bin/pg_isready" -q; do sleep 0.5; done
	{
		echo "BEGIN;"
		script "$load" "$times"
		echo "ROLLBACK;"
	} | "$ig_bin/psql" -XqAtd "$db" >/dev/null
	kill -INT "$(head -n 1 "$ig_work/bench/data/postmaster.pid")"
	wait $pid || :
	grep -h '^summary:\|^totals:' "$ig_work"/grind/* | awk '{ if ($2 > max) max = $2 } END { print max }'
}

# measure LOAD FEW MANY UNITS NAME VARIANTS
measure()
{
	local load=$1 few=$2 many=$3 units=$4 variant a b per base=0
	echo "-- $5"
	for variant in $6; do
		a=$(count "$variant" "$load" "$few")
		b=$(count "$variant" "$load" "$many")
		per=$(((b - a) / (many - few) / units))
		if [ "$base" = 0 ]; then base=$per; fi
		awk -v v="$variant" -v p=$per -v b=$base \
			'BEGIN { printf "%-14s %8d  %+7d  %.3f\n", v, p, p - b, p / b }'
	done
}

if [ "${1:-}" != one ]; then
measure all 1 3 $rows "per row of an UPDATE of $rows rows that does not state the version" \
	"none plpgsql_bump plpgsql_check by_hand lock exclude relative"
measure stated 1 3 $rows "per row of an UPDATE of $rows rows that states the version" \
	"none plpgsql_check lock"
fi
measure one 200 1200 1 "per UPDATE of one row by a prepared statement" \
	"none plpgsql_bump by_hand lock reject relative no_match"
