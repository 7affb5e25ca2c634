#!/bin/bash
#
# What a soft delete costs beside the UPDATE that an application would write:
# instructions for each row of one statement, and for each prepared statement.
#
#   soft_delete.sh
#
# As instructions.sh does it: a backend under callgrind, twice with a different
# number of rows; the difference is what one costs.

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

few=1000
many=9000

command -v valgrind >/dev/null || ig_apt_install valgrind
ig_require ""
ig_begin
ig_build

ig_start_cluster bench <<<"autovacuum = off
shared_preload_libraries = 'invariant_guard'"
"$ig_bin/createdb" bench

columns="(id int PRIMARY KEY, a int, b text, deleted_at timestamptz, op uuid)"
"$ig_bin/psql" -Xqd bench <<-SQL
	SET client_min_messages = error;
	CREATE EXTENSION invariant_guard;
	CREATE TABLE plain $columns;
	CREATE TABLE soft $columns;
	CREATE TABLE soft_op $columns;
	CREATE TABLE plain_parent $columns;
	CREATE TABLE soft_parent $columns;
	CREATE TABLE plain_part $columns PARTITION BY RANGE (id);
	CREATE TABLE plain_part_1 PARTITION OF plain_part FOR VALUES FROM (0) TO (100000);
	CREATE TABLE soft_part $columns PARTITION BY RANGE (id);
	CREATE TABLE soft_part_1 PARTITION OF soft_part FOR VALUES FROM (0) TO (100000);
	BEGIN;
	CREATE TABLE plain_child (id int, p int REFERENCES plain_parent);
	CREATE TABLE soft_child (id int, p int REFERENCES soft_parent);
	CREATE INDEX ON plain_child (p);
	CREATE INDEX ON soft_child (p);
	COMMIT;
	SELECT format('INSERT INTO %I SELECT i, i, ''text '' || i FROM generate_series(1, 20000) i', relname)
	FROM pg_class WHERE relkind IN ('r', 'p') AND relname ~ '^(plain|soft)(_op|_parent|_part)?\$' \gexec
	SELECT invariant_guard.add_soft_delete(c::regclass) FROM unnest('{soft,soft_parent,soft_part}'::text[]) c;
	SELECT invariant_guard.add_soft_delete('soft_op', operation => 'op');
	VACUUM ANALYZE;
	CHECKPOINT;
SQL
ig_stop_cluster bench
ig_as_server cp -r "$ig_work/bench/data" "$ig_work/bench/filled"
ig_as_server mkdir -p "$ig_work/grind"

# The backend of one session, under callgrind: the largest count is its own.
count()
{
	local pid
	rm -rf "$ig_work"/grind/* "$ig_work/bench/data"
	ig_as_server cp -r "$ig_work/bench/filled" "$ig_work/bench/data"
	ig_as_server valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$ig_work/grind/%p" \
		"$ig_bin/postgres" -D "$ig_work/bench/data" >"$ig_work/grind.log" 2>&1 &
	pid=$!
	until "$ig_bin/pg_isready" -q; do sleep 0.5; done
	"$ig_bin/psql" -XqAtd bench >/dev/null
	kill -INT "$(head -n 1 "$ig_work/bench/data/postmaster.pid")"
	wait $pid || :
	grep -h '^summary:\|^totals:' "$ig_work"/grind/* | awk '{ if ($2 > max) max = $2 } END { print max }'
}

# a_row NAME STATEMENT: of one statement that ends in "id <= "
a_row()
{
	local a b
	a=$(count <<<"$2 $few")
	b=$(count <<<"$2 $many")
	printf '%-34s %8d a row\n' "$1" $(((b - a) / (many - few)))
}

# a_statement NAME STATEMENT: of one that ends in "id = "
a_statement()
{
	local a b
	a=$( (echo "PREPARE d(int) AS $2 \$1;"; seq -f 'EXECUTE d(%g);' 1 150) | count)
	b=$( (echo "PREPARE d(int) AS $2 \$1;"; seq -f 'EXECUTE d(%g);' 1 550) | count)
	printf '%-34s %8d a statement\n' "$1" $(((b - a) / 400))
}

set_plain="SET deleted_at = now() WHERE deleted_at IS NULL AND"
a_row "UPDATE" "UPDATE plain $set_plain id <="
a_row "soft delete" "DELETE FROM soft WHERE id <="
a_row "soft delete with operation" "DELETE FROM soft_op WHERE id <="
a_row "UPDATE of a partition" "UPDATE plain_part $set_plain id <="
a_row "soft delete in a partition" "DELETE FROM soft_part WHERE id <="
a_row "UPDATE of what is referred to" "UPDATE plain_parent $set_plain id <="
a_row "DELETE of what is referred to" "DELETE FROM plain_parent WHERE id <="
a_row "soft delete of what is referred to" "DELETE FROM soft_parent WHERE id <="
a_statement "UPDATE" "UPDATE plain $set_plain id ="
a_statement "soft delete" "DELETE FROM soft WHERE id ="
a_statement "soft delete with operation" "DELETE FROM soft_op WHERE id ="
