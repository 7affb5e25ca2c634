#!/bin/bash
#
# What the guard costs on a table with many partitions.
#
#   partitions.sh [MAJOR]
#
# Times of the same statements without and with the guard, each in a
# transaction that is rolled back, as the best of five; where the gate refuses
# by itself, an allowance lets the statement through, and the time of the
# refusal is told beside it.  A ratio above IG_RATIO is a finding.
#
#   IG_PARTITIONS=10000     IG_RATIO=3

set -uo pipefail

. "$(dirname "$0")/lib.sh"

partitions=${IG_PARTITIONS:-10000}
limit=${IG_RATIO:-3}

ig_require "${1:-}"
ig_begin
ig_build || ig_die "the build failed"
ig_start_cluster partitions <<-'CONF' || ig_die "the server did not start"
	autovacuum = off
	max_locks_per_transaction = 4000
	log_min_messages = fatal
CONF

statements()
{
	cat <<-'SQL'
		|ALTER TABLE many ADD COLUMN x int
		|ALTER TABLE many ALTER COLUMN v SET DEFAULT 'x'
		|CREATE INDEX ON ONLY many (v)
		|ALTER TABLE many ATTACH PARTITION loose FOR VALUES FROM (-10) TO (0)
		|CREATE TABLE late PARTITION OF many FOR VALUES FROM (-30) TO (-20)
		detach-blocking(many_7)|ALTER TABLE many DETACH PARTITION many_7
		alter-type-rewrite(many.w), alter-type-in-use(many.w)|ALTER TABLE many ALTER COLUMN w TYPE bigint
		truncate(many)|TRUNCATE many
		drop-column(many.v)|ALTER TABLE many DROP COLUMN v
		drop-table(many)|DROP TABLE many
	SQL
}

# one DATABASE ALLOWANCE STATEMENT: "state milliseconds", the best of five
one()
{
	"$ig_bin/psql" -XAtqd "$1" <<-SQL 2>/dev/null | sort -k 2 -n | head -n 1
		SET client_min_messages = error;
		SELECT format('%s %s', state, ms) FROM generate_series(1, 5) i, LATERAL timed(\$x\$$2\$x\$, \$x\$$3\$x\$ || left('', i)) t;
	SQL
}

for db in without guarded; do
	"$ig_bin/createdb" $db
	"$ig_bin/psql" -Xqd $db <<-SQL
		CREATE TABLE many (id int NOT NULL, v text, w int) PARTITION BY RANGE (id);
		CREATE TABLE loose (id int NOT NULL CHECK (id >= -10 AND id < 0), v text, w int);
		DO \$\$ BEGIN FOR i IN 1..$partitions LOOP
			EXECUTE format('CREATE TABLE many_%s PARTITION OF many FOR VALUES FROM (%s) TO (%s)', i, i * 10, i * 10 + 10);
			IF i % 500 = 0 THEN COMMIT; END IF; END LOOP; END \$\$;
		CREATE FUNCTION timed(allow text, statement text, OUT state text, OUT ms numeric) LANGUAGE plpgsql AS \$\$
		DECLARE t timestamptz = clock_timestamp();
		BEGIN
			BEGIN
				PERFORM set_config('invariant_guard.reason', 'timing', true), set_config('invariant_guard.allow', allow, true);
				t = clock_timestamp();
				EXECUTE statement;
				ms = extract(epoch FROM clock_timestamp() - t) * 1000;
				RAISE SQLSTATE 'TT000';
			EXCEPTION WHEN OTHERS THEN
				state = SQLSTATE;
				ms = round(coalesce(ms, extract(epoch FROM clock_timestamp() - t) * 1000), 1);
			END;
		END \$\$;
		ANALYZE;
	SQL
done
"$ig_bin/psql" -Xqd guarded -c "SET client_min_messages = error; CREATE EXTENSION invariant_guard" \
	-c "ALTER DATABASE guarded SET session_preload_libraries = 'invariant_guard'"

echo "$partitions partitions; milliseconds"
printf '%-68s %9s %9s %7s %9s\n' statement without with ratio refused
while IFS='|' read -r allow statement; do
	read -r _ without < <(one without "" "$statement")
	refused=-
	if [ -n "$allow" ]; then
		read -r state refused < <(one guarded "" "$statement")
		[ "$state" != TT000 ] || { ig_finding "not refused: $statement"; }
	fi
	read -r state with < <(one guarded "$allow" "$statement")
	[ "$state" = TT000 ] || with="$state"
	ratio=$(awk -v a="$without" -v b="$with" 'BEGIN { if (a > 0 && b ~ /^[0-9.]+$/) printf "%.2f", b / a; else print "-" }')
	printf '%-68s %9s %9s %7s %9s\n' "$statement" "$without" "$with" "$ratio" "$refused"
	if awk -v r="$ratio" -v l="$limit" -v b="$with" 'BEGIN { exit !(r != "-" && r > l && b > 50) }'; then
		ig_finding "ratio $ratio: $statement"
	fi
done < <(statements)
ig_finish
