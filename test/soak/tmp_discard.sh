#!/bin/bash
#
# Our own regression tests under a server that was built for valgrind, or with
# the sanitizers of the compiler.
#
#   valgrind.sh [MAJOR [valgrind|sanitizer]]
#
# The server is built once from PostgreSQL's sources, with assertions, and
# kept.  A report of the tool that stops in our library, a failed test, or a
# failed assertion is a finding.
#
#   IG_TESTS="drop rename"      which tests

set -uo pipefail

. "$(dirname "$0")/lib.sh"

kind=${2:-valgrind}
if [ "$kind" = valgrind ]; then ig_require_tool valgrind valgrind; fi
ig_require "${1:-}"
ig_build_server "$kind"
ig_begin
prefix=$(dirname "$ig_bindir")

# The installed server is our own copy already.
cp -a "$prefix" "$ig_work/server"
ig_pg_config=$ig_work/server/bin/pg_config
ig_bin=$ig_work/server/bin
export PATH="$ig_bin:$PATH"
export ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0:abort_on_error=1:disable_coredump=1:detect_stack_use_after_return=0:use_sigaltstack=0
ig_copy_tree "$ig_top" "$ig_work/src"
flags=
[ "$kind" != sanitizer ] || flags='-fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined'
# With assertions castNode does not take a pointer to const without a warning.
make -C "$ig_work/src" -s -j"$(nproc)" PG_CONFIG="$ig_pg_config" COPT="$flags" SHLIB_LINK="$flags" WERROR= install >build.log 2>&1 ||
	{ cat build.log; ig_die "the build failed"; }
if ig_is_root; then chown -R postgres: "$ig_work"; fi
tests=${IG_TESTS:-$(make -C "$ig_work/src" -s PG_CONFIG="$ig_pg_config" print-REGRESS MAKEFLAGS=)}
# The first test creates the extension.
case " $tests " in *" gate "*) ;; *) tests="gate $tests" ;; esac

ig_as_server "$ig_bin/initdb" -D "$ig_work/data" -U postgres -A trust --no-sync --locale=C --encoding=UTF8 >initdb.log 2>&1 ||
	{ cat initdb.log; ig_die "initdb failed"; }
ig_as_server tee -a "$ig_work/data/postgresql.conf" >/dev/null <<-CONF
	listen_addresses = ''
	unix_socket_directories = '$ig_work'
	fsync = off
	autovacuum = off
	max_prepared_transactions = 10
	debug_discard_caches = 1
	timezone = 'UTC'
	session_preload_libraries = 'invariant_guard'
	log_line_prefix = '%m [%p] %q%a '
CONF
ig_as_server mkdir -p "$ig_work/reports" "$ig_work/out"
command=("$ig_bin/postgres" -D "$ig_work/data")
if false; then
	ig_server_source "$ig_major"
	command=(valgrind --quiet --trace-children=yes --leak-check=no --error-markers=REPORT,END --num-callers=30
		--suppressions="$ig_source/src/tools/valgrind.supp" --log-file="$ig_work/reports/%p" "${command[@]}")
fi
ig_as_server "${command[@]}" >"$ig_work/log" 2>&1 &
export PGHOST=$ig_work PGUSER=postgres
until "$ig_bin/pg_isready" -q; do sleep 1; done

start=$(date +%s)
# shellcheck disable=SC2086
ig_as_server "$ig_pgxs/src/test/regress/pg_regress" --inputdir="$ig_work/src" --outputdir="$ig_work/out" --bindir="$ig_bin" \
	--host="$PGHOST" --port=5432 --user=postgres --dbname=contrib_regression $tests >"$ig_work/out.txt" 2>&1
grep -E '\.\.\. |^(not )?ok ' "$ig_work/out.txt"
ok=$(grep -cE '(\.\.\. +ok|^ok +[0-9]+)' "$ig_work/out.txt")
echo "$ok of $(wc -w <<<"$tests") tests passed under $kind in $(ig_seconds "$start") s"
if [ "$ok" != "$(wc -w <<<"$tests")" ]; then
	ig_finding "failed tests"
	head -n 100 "$ig_work/out/regression.diffs"
fi
kill -INT "$(head -n 1 "$ig_work/data/postmaster.pid")"
wait

count=0
for file in "$ig_work"/reports/*; do
	[ -s "$file" ] || continue
	count=$((count + $(grep -c REPORT "$file")))
	if grep -q 'invariant_guard\|ig_' "$file"; then
		ig_finding "a report of valgrind: $(grep -B 20 -A 10 -m 1 'invariant_guard\|ig_' "$file" | head -n 40)"
	fi
done
[ "$kind" != valgrind ] || echo "$count reports in all"
found=$(ig_log_findings "$ig_crash_patterns" "$ig_work/log")
[ -z "$found" ] || ig_finding "in the log: $(head -n 20 <<<"$found")"
ig_finish
