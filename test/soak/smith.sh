#!/bin/bash
#
# SQLsmith's random queries and data changes against a guarded database.
#
#   smith.sh [MAJOR]
#
# A role without privileges beyond its own tables runs them, in enforce, with
# a statement timeout.  A crash, or a line in the server's log that a healthy
# server never writes, is a finding.
#
#   IG_STATEMENTS=100000    how many, in runs of 10,000
#   IG_SEED=1               the first run's seed

set -uo pipefail

. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd -P)
statements=${IG_STATEMENTS:-100000}
seed=${IG_SEED:-1}

ig_require_tool sqlsmith sqlsmith
ig_require "${1:-}"
ig_begin
ig_build || ig_die "the build failed"
ig_start_cluster smith <<-'CONF' || ig_die "the server did not start"
	log_line_prefix = '%m [%p] %e %a '
	log_min_messages = error
	log_min_error_statement = panic
	max_connections = 40
CONF

psql() { "$ig_bin/psql" -Xq -v ON_ERROR_STOP=1 "$@"; }
psql -c "CREATE ROLE fuzz_owner LOGIN" -c "CREATE ROLE fuzz_other" -c "CREATE DATABASE smith" \
	-c "ALTER DATABASE smith SET session_preload_libraries = 'invariant_guard'" \
	-c "ALTER DATABASE smith SET search_path = fz, public" -c "ALTER ROLE fuzz_owner SET statement_timeout = '1s'"
psql -c "GRANT ALL ON DATABASE smith TO fuzz_owner"
psql -d smith -f "$here/fuzz_setup.sql" >/dev/null || ig_die "the setup failed"
psql -d smith <<-'SQL' >/dev/null
	SET client_min_messages = error;
	DROP FOREIGN TABLE fz.ft1;	-- its wrapper can read nothing
	CREATE EXTENSION invariant_guard;
	SELECT invariant_guard.protect(oid, class) FROM watch.tables WHERE class <> 'ordinary' AND name NOT LIKE 'fp\__%';
	GRANT USAGE ON SCHEMA watch TO fuzz_owner;
SQL

start=$(date +%s)
done=0
while [ "$done" -lt "$statements" ]; do
	if ! sqlsmith --target="host=$PGHOST port=$PGPORT dbname=smith user=fuzz_owner" --max-queries=10000 \
			--seed="$seed" >"$ig_work/smith.out" 2>&1; then
		ig_finding "seed $seed ended early: $(tail -n 2 "$ig_work/smith.out" | cut -c 1-300)"
	fi
	done=$((done + 10000))
	seed=$((seed + 1))
done
psql -d smith -Atc "SELECT count(*) || ' tables are there' FROM watch.tables JOIN pg_class USING (oid)"
echo "$done statements in $(ig_seconds "$start") s; errors by SQLSTATE:"
grep -aoE '\[[0-9]+\] [0-9A-Z]{5} .* (ERROR|FATAL):' "$ig_log" | awk '{ print $2 }' | sort | uniq -c | sort -rn | head -n 15
found=$(ig_log_findings "$ig_crash_patterns" "$ig_log")
[ -z "$found" ] || ig_finding "in the log: $(head -n 10 <<<"$found")"
ig_finish
