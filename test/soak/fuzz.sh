#!/bin/bash
#
# Random DDL against a guarded database: see fuzz.c.
#
#   fuzz.sh [MAJOR]
#
# First with a database without the guard beside it, then by two at once.
#
#   IG_SEED=N           the first seed; without it, one is made and printed
#   IG_STATEMENTS=20000 how many statements with comparison, and as many by
#                       the two at once
#   IG_TRACE=1          every statement to the standard error

set -uo pipefail

. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd -P)
seed=${IG_SEED:-$(date +%s)}
statements=${IG_STATEMENTS:-20000}

ig_require "${1:-}"
ig_begin
ig_build || ig_die "the build failed"
cc -std=gnu99 -O1 -g -Wall -Wno-format-truncation -I"$("$ig_pg_config" --includedir)" "$here/fuzz.c" -o ddl_fuzz \
	-L"$("$ig_pg_config" --libdir)" -lpq || ig_die "fuzz.c did not compile"

ig_start_cluster fuzz <<-'CONF' || ig_die "the server did not start"
	log_line_prefix = '%m [%p] %e %a %d '
	log_min_error_statement = log
	autovacuum = off
	max_connections = 40
CONF

psql() { "$ig_bin/psql" -Xq -v ON_ERROR_STOP=1 "$@"; }
psql <<-'SQL'
	CREATE ROLE fuzz_owner LOGIN;
	CREATE ROLE fuzz_other LOGIN;
	GRANT fuzz_other TO fuzz_owner;
SQL
for db in plain guarded crowd; do
	psql -c "CREATE DATABASE ${db}_template"
	psql -c "GRANT ALL ON DATABASE ${db}_template TO fuzz_owner"
	psql -d ${db}_template -f "$here/fuzz_setup.sql" >/dev/null || ig_die "the setup failed"
done
for db in guarded crowd; do
	psql -d ${db}_template <<-'SQL' >/dev/null
		SET client_min_messages = error;
		CREATE EXTENSION invariant_guard;
		SELECT invariant_guard.protect(oid, class) FROM watch.tables WHERE class <> 'ordinary' AND name NOT LIKE 'fp\__%';
	SQL
done
psql -d guarded_template <<-'SQL'
	LOAD 'invariant_guard';
	GRANT SET ON PARAMETER invariant_guard.allow, invariant_guard.reason, invariant_guard.severity,
		invariant_guard.mode TO fuzz_owner;
SQL
psql -c "CREATE DATABASE crowd TEMPLATE crowd_template" -c "ALTER DATABASE crowd SET session_preload_libraries = 'invariant_guard'"
for db in guarded plain; do psql -c "CREATE DATABASE $db"; done

start=$(date +%s)
./ddl_fuzz "$seed" "$statements" "$here/fuzz.grammar" guarded plain | tee fuzz.out
status=${PIPESTATUS[0]}
if [ "$status" -gt 1 ]; then ig_finding "fuzz ended with status $status"; fi
for i in 1 2; do
	./ddl_fuzz $((seed + i)) $((statements / 2)) "$here/fuzz.grammar" crowd > crowd$i.out &
done
wait
cat crowd1.out crowd2.out
echo "in $(ig_seconds "$start") s; IG_SEED=$seed repeats the first part"
for i in 1 2; do
	if ! grep -q '^seed' crowd$i.out; then ig_finding "one of two at once ended early"; fi
done
ig_findings=$((ig_findings + $(cat fuzz.out crowd1.out crowd2.out | grep -c '^FINDING')))

found=$(ig_log_findings "$ig_crash_patterns" "$ig_log")
if [ -n "$found" ]; then ig_finding "in the log: $(head -n 10 <<<"$found")"; fi
found=$(grep -a '(rule rewrite-any)' -A 4 "$ig_log" | grep -aE 'rewrite-any|STATEMENT' | head -n 20)
if [ -n "$found" ]; then ig_finding "rewrite-any has fired: $found"; fi
ig_finish
