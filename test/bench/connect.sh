#!/bin/bash
#
# What the library costs each new connection.
#
#   connect.sh [ROUNDS] [SECONDS]
#
# Three servers get the same load in turn, connections that ask one question and
# go: one without the library, one that loads it for each session and one that
# loads it once, with the server.  Printed is how long a connection takes, and
# the ratios to the first server within each round.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

rounds=${1:-9}
seconds=${2:-2}

ig_require ""
ig_begin
ig_build

echo "SELECT 1;" >ask.sql
servers="without session shared"
for server in $servers; do
	preload=
	if [ $server != without ]; then preload="${server}_preload_libraries = invariant_guard"; fi
	ig_start_cluster $server <<<"autovacuum = off
$preload"
done

# server SERVER: connections per second
connections()
{
	PGHOST=$ig_work/$1 "$ig_bin/pgbench" -n -C -T "$seconds" -f ask.sql postgres 2>/dev/null |
		sed -n 's/^tps = \([0-9.]*\).*/\1/p'
}

for server in $servers; do connections $server >/dev/null; done
for round in $(seq "$rounds"); do
	a=$(connections without)
	b=$(connections session)
	c=$(connections shared)
	echo "$a $b $c"
done | awk '
	function told(name, v, n,    i, j, t) {
		for (i = 2; i <= n; i++)
			for (j = i; j > 1 && v[j] < v[j - 1]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
		printf "%-30s median %8.3f, smallest %8.3f, largest %8.3f\n", name, v[int((n + 1) / 2)], v[1], v[n]
	}
	{ without[NR] = 1000 / $1; session[NR] = 1000 / $2; shared[NR] = 1000 / $3; rs[NR] = $1 / $2; rh[NR] = $1 / $3 }
	END {
		told("ms a connection, without", without, NR)
		told("loaded for the session", session, NR)
		told("loaded with the server", shared, NR)
		told("session : without", rs, NR)
		told("shared : without", rh, NR)
	}'
