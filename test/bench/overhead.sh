#!/bin/bash
#
# What the guard costs where it has nothing to refuse.
#
#   overhead.sh [ROUNDS] [SECONDS]
#
# Two databases of one throw-away cluster, one without the library and one with
# the extension and the library preloaded, get the same load in turn; each
# round gives a ratio of transactions per second (with / without), and the
# median, smallest and largest ratio of all rounds are printed.  Loads: an
# empty transaction, a prepared point select, and a transaction that creates,
# alters and drops a table.
#
# Transactions per second are noisy; instructions.sh counts instructions.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

rounds=${1:-7}
seconds=${2:-3}

ig_require ""
ig_begin
ig_build
ig_start_cluster bench <<<"autovacuum = off"

for db in without guarded; do
	"$ig_bin/createdb" $db
	"$ig_bin/psql" -Xqd $db -c "CREATE TABLE points (id int PRIMARY KEY, v int);
		INSERT INTO points SELECT i, i FROM generate_series(1, 10000) i" -c "VACUUM ANALYZE points"
done
"$ig_bin/psql" -Xqd guarded -c "SET client_min_messages = error; CREATE EXTENSION invariant_guard" \
	-c "ALTER DATABASE guarded SET session_preload_libraries = 'invariant_guard'"

printf 'BEGIN;\nCOMMIT;\n' > empty.sql
printf '\\set id random(1, 10000)\nSELECT v FROM points WHERE id = :id;\n' > select.sql
printf 'BEGIN;\nCREATE TABLE x (a int);\nALTER TABLE x ADD COLUMN b int;\nDROP TABLE x;\nCOMMIT;\n' > ddl.sql

tps() { "$ig_bin/pgbench" -n -M "$2" -T "$seconds" -f "$3" "$1" 2>/dev/null | sed -n 's/^tps = \([0-9.]*\).*without.*/\1/p'; }

for load in "simple empty" "prepared select" "simple ddl"; do
	set -- $load
	for round in $(seq "$rounds"); do
		if [ $((round % 2)) = 0 ]; then
			a=$(tps without "$1" "$2.sql"); b=$(tps guarded "$1" "$2.sql")
		else
			b=$(tps guarded "$1" "$2.sql"); a=$(tps without "$1" "$2.sql")
		fi
		echo "$b $a" | awk '{ printf "%.3f\n", $1 / $2 }'
	done | sort -n | awk -v load="$2" '{ r[NR] = $1 }
		END { printf "%-8s with/without: median %.3f, smallest %.3f, largest %.3f\n",
			  load, r[int((NR + 1) / 2)], r[1], r[NR] }'
done
