#!/bin/sh
#
# run.sh
#	  Compare the gate's predictions with what the server does.
#
# Two parts: the cost of type changes, NOT NULL and partitions, over thousands
# of small cases, and statements of all kinds over one large schema.
#
# usage: run.sh <pg_config> <work directory> [psql options]
#
# Builds the helper library from this directory and the gate's sources into
# the work directory, which the server must be able to read, runs every case
# and prints the differences.  Exits with 1 if there are any.  The connection
# must be a superuser's; everything happens in the schemas exact, types, x, exact_ddl,
# shop and other.
#
set -e
pg_config=$1
work=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
src=$here/../../src
cc -shared -fPIC -O1 -g -std=gnu99 -I"$src" -I"$($pg_config --includedir-server)" \
	"$here/predict.c" "$src"/gate/impact_*.c "$src"/platform/inherit.c -o "$work/exact.so"
cc -shared -fPIC -O1 -g -std=gnu99 -I"$($pg_config --includedir-server)" \
	"$here/trace.c" -o "$work/trace.so"
chmod 755 "$work/exact.so" "$work/trace.so"

is18=$(psql -XAtq "$@" -c "select current_setting('server_version_num')::int >= 180000")
cd "$here"
psql -Xq "$@" -v library="$work/exact" -v trace_library="$work/trace" -v is18="$is18" \
	-f frame.sql -f type_cases.sql -f other_cases.sql -c 'call exact.run()'
psql -XAtq "$@" <<'SQL'
select format('%s cases, %s ran, %s refused by the server, %s rewrites, %s rebuilds, %s checks',
	(select count(*) from exact.cases), count(*), count(failed), count(rewritten),
	count(rebuilt) filter (where rewritten is null),
	count(*) filter (where rewritten is null and (verified is not null or validated is not null)))
from exact.results;
select format('%s more refused by both: %s', count(*), left(failed, 60))
from exact.refused_by_both group by left(failed, 60) order by 1;
select what, count(*) from exact.differences group by what order by what;
\x
select * from exact.differences order by id limit 20;
SQL
psql -Xq "$@" -v trace_library="$work/trace" \
	-f statement_schema.sql -f statement_frame.sql -f statement_cases.sql -c 'call exact_ddl.run()' \
	-f statement_real.sql
psql -XAtq "$@" <<'SQL'
select format('%s statements, %s refused by the server, %s locks on existing relations, %s rewrites, %s rebuilds, %s scans, %s findings, %s known differences',
	(select count(*) from exact_ddl.outcomes), (select count(failed) from exact_ddl.outcomes),
	count(did_lock), count(*) filter (where did_rewrite), count(*) filter (where did_rebuild <> '{}'),
	count(*) filter (where did_scan), (select sum(observed) from exact_ddl.outcomes),
	(select count(*) from exact_ddl.known))
from exact_ddl.compared;
select format('%s statements with transactions of their own, %s locks on existing relations',
	(select count(*) from exact_ddl.real where done is not null), count(*))
from exact_ddl.real_locks;
\x
select * from exact_ddl.unexplained order by what, statement, relation limit 20;
SQL
test "$(psql -XAtq "$@" -c 'select count(*) from exact.differences')" = 0 &&
	test "$(psql -XAtq "$@" -c 'select count(*) from exact_ddl.unexplained')" = 0 &&
	test "$(psql -XAtq "$@" -c 'select sum(observed) > 100 from exact_ddl.outcomes')" = t &&
	test "$(psql -XAtq "$@" -c 'select count(*) > 50 from exact_ddl.real_locks')" = t
