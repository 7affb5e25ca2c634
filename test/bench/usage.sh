#!/bin/bash
#
# What the record of column usage costs.
#
#   usage.sh [ROUNDS] [SECONDS]
#
# In transactions per second: each round runs pgbench with
# invariant_guard.track_columns on and off, one right after the other, in the one
# order and in the other by turns, and gives a ratio (on / off).  Printed are the
# median of the ratios, the quartiles, and the smallest and largest.  How far the
# ratios are apart says how small a difference this machine can show.
#
# And in instructions, which do not depend on what else the machine is doing: a
# prepared point select under valgrind's callgrind, with the setting on and off,
# each twice with a different number of repetitions; the difference is what one
# repetition costs.  With the setting off the hook is still called, so what
# callgrind says of the hook alone is printed as well.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

rounds=${1:-15}
seconds=${2:-2}
few=100
many=1100

command -v valgrind >/dev/null || ig_apt_install valgrind
ig_require ""
ig_begin
ig_build
ig_start_cluster bench <<-CONF
	shared_preload_libraries = 'invariant_guard'
	autovacuum = off
	fsync = off
CONF
"$ig_bin/createdb" bench
"$ig_bin/psql" -Xqd bench -c "SET client_min_messages = error; CREATE EXTENSION invariant_guard" \
	-c "CREATE TABLE points (id int PRIMARY KEY, v int, w int, x text);
		INSERT INTO points SELECT i, i, i, 'x' FROM generate_series(1, 1000) i" -c "VACUUM ANALYZE points"
PGOPTIONS="-c invariant_guard.mode=off" "$ig_bin/pgbench" -iqs 10 bench >/dev/null 2>&1

tps()
{
	PGOPTIONS="-c invariant_guard.track_columns=$1" "$ig_bin/pgbench" -n -M prepared -T "$seconds" \
		-c "$2" -j "$2" -b "$3" bench 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*without.*/\1/p'
}

for load in select-only tpcb-like; do
	for clients in 1 2; do
		for round in $(seq "$rounds"); do
			if [ $((round % 2)) = 0 ]; then
				a=$(tps off "$clients" "$load"); b=$(tps on "$clients" "$load")
			else
				b=$(tps on "$clients" "$load"); a=$(tps off "$clients" "$load")
			fi
			echo "$b $a" | awk '{ printf "%.4f\n", $1 / $2 }'
		done | sort -n | awk -v load="$load, $clients client(s)" '{ r[NR] = $1 }
			END { printf "%-26s on/off: median %.3f, quartiles %.3f and %.3f, from %.3f to %.3f, %d pairs\n",
				  load, r[int((NR + 1) / 2)], r[int((NR + 3) / 4)], r[int((3 * NR + 3) / 4)], r[1], r[NR], NR }'
	done
done
ig_stop_cluster bench

# The backend of one session, under callgrind: the largest count is its own.
script()
{
	local i
	echo "SET invariant_guard.track_columns = $1;"
	echo "PREPARE point(int) AS SELECT v FROM points WHERE id = \$1;"
	# warm the caches, so that they count in both runs alike
	for i in $(seq $((20 + $2))); do echo "EXECUTE point(7);"; done
}

ig_as_server mkdir -p "$ig_work/grind"
count()
{
	local pid
	rm -f "$ig_work"/grind/*
	ig_as_server valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$ig_work/grind/%p" \
		"$ig_bin/postgres" -D "$ig_work/bench/data" >"$ig_work/grind.log" 2>&1 &
	pid=$!
	until "$ig_bin/pg_isready" -q; do sleep 0.5; done
	script "$1" "$2" | "$ig_bin/psql" -XqAtd bench >/dev/null
	kill -INT "$(head -n 1 "$ig_work/bench/data/postmaster.pid")"
	wait $pid || :
	grep -h '^summary:\|^totals:' "$ig_work"/grind/* | awk '{ if ($2 > max) max = $2 } END { print max }'
}

# What one call of the hook costs, with all that it calls.
hook()
{
	local file
	file=$(grep -H '^summary:\|^totals:' "$ig_work"/grind/* | sort -t ' ' -k 2 -n | tail -n 1 | cut -d : -f 1)
	callgrind_annotate --inclusive=yes --threshold=100 "$file" |
		awk '/:ig_CheckPerms/ && !n { gsub(",", "", $1); n = $1 } END { print n + 0 }'
}

for setting in off on; do
	a=$(count $setting $few)
	h=$(hook)
	b=$(count $setting $many)
	echo $(((b - a) / (many - few))) $((($(hook) - h) / (many - few)))
done | xargs | awk '{
	printf "prepared point select: %d instructions off, %d on: %+d, %.2f %%\n", $1, $3, $3 - $1, ($3 - $1) * 100 / $1
	printf "the hook alone: %d off, %d on: %.2f %% of a select without it\n", $2, $4, $4 * 100 / ($3 - $4) }'
