#!/bin/bash
#
# Run every test of invariant_guard against one PostgreSQL.
#
#   run_tests.sh [MAJOR]    without MAJOR: the server that is installed
#
# Builds, installs into a private copy of the installation, makes a throw-away
# cluster, and runs the layers one after the other.  The last line is
# "N passed, N failed"; the exit code says the same.
#
#   IG_LAYERS="regress isolation tap exact style"   which layers to run
#   IG_TESTS="drop 004_protocol"              which regression tests, specs, TAP files
#   IG_KEEP=1                                 keep the working folder
#   IG_RESULTS=folder                         copy results and logs there

set -uo pipefail

. "$(dirname "$0")/lib.sh"

passed=0
failed=0
layers=${IG_LAYERS:-regress isolation tap exact style}

count() { passed=$((passed + $1)); failed=$((failed + $2)); }

heading() { echo; echo "== $*"; }

finish()
{
	if [ -n "${IG_RESULTS:-}" ]; then
		mkdir -p "$IG_RESULTS"
		cp -r "$ig_work"/out* "$ig_work"/tap "$IG_RESULTS"/ 2>/dev/null
		cp "$ig_work"/*/log "$IG_RESULTS"/server.log 2>/dev/null
	fi
	echo
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
	exit
}

give_up()
{
	echo "$*"
	count 0 1
	finish
}

ig_die() { give_up "$*"; }

# The tests that were asked for, of those that the Makefile lists.
choose()
{
	local name
	for name in "$@"; do
		case " ${IG_TESTS:-$name} " in *" $name "*) echo "$name" ;; esac
	done
}

# pg_regress says "... ok" or, since 16, speaks TAP.  A test that is not
# reported at all has failed too.
count_regress()
{
	local output=$1 wanted=$2 ok
	ok=$(grep -cE '(\.\.\. +ok|^ok +[0-9]+)' "$output")
	if [ "$ok" -gt "$wanted" ]; then ok=$wanted; fi
	count "$ok" $((wanted - ok))
	echo "$ok of $wanted passed"
	[ "$ok" = "$wanted" ]
}

show_failure()
{
	local dir=$1
	if [ -s "$dir/regression.diffs" ]; then
		echo "-- regression.diffs"
		head -n 600 "$dir/regression.diffs"
	fi
	echo "-- the end of the server's log"
	tail -n 40 "$ig_log"
}

# run_regress PROGRAM INPUTDIR OUTDIR DBNAME OPTIONS -- TESTS
run_regress()
{
	local program=$1 input=$2 out=$3 dbname=$4 options=$5 name
	shift 5
	if [ $# = 0 ]; then
		echo "no test is listed in the Makefile"
		count 0 1
		return
	fi
	ig_as_server mkdir -p "$out"
	# pg_regress gives up at a test of which nothing is expected
	for name in "$@"; do
		if ! [ -e "$input/expected/$name.out" ]; then
			echo "there is no expected/$name.out"
			ig_as_server touch "$input/expected/$name.out"
		fi
	done
	# shellcheck disable=SC2086
	ig_as_server timeout 1800 "$program" --inputdir="$input" --outputdir="$out" \
		--bindir="$ig_bin" --host="$PGHOST" --port="$PGPORT" --user=postgres \
		$options --dbname="$dbname" "$@" >"$out.txt" 2>&1
	grep -vE '^(SET|(CREATE|ALTER|DROP) DATABASE)$' "$out.txt"
	count_regress "$out.txt" $# || show_failure "$out"
}

layer_regress()
{
	heading "regression tests"
	# shellcheck disable=SC2046
	run_regress "$ig_pgxs/src/test/regress/pg_regress" "$ig_work/src" "$ig_work/out" \
		contrib_regression "$(ig_make_variable REGRESS_OPTS)" \
		$(choose $(ig_make_variable REGRESS))
}

layer_isolation()
{
	heading "isolation tests"
	# shellcheck disable=SC2046
	run_regress "$ig_pgxs/src/test/isolation/pg_isolation_regress" "$ig_work/src/test" \
		"$ig_work/out_iso" isolation_regression "" \
		$(choose $(ig_make_variable ISOLATION))
}

# One test file in a process of its own; its assertions are counted.  A file
# that ends early fails once more.
run_tap_file()
{
	local file=$1 name log ok bad status
	name=$(basename "$file" .pl)
	log=$ig_work/tap/$name.log
	ig_as_server mkdir -p "$ig_work/tap/$name"
	cd "$ig_work/tap/$name" || return
	ig_as_server timeout 900 env PG_REGRESS="$ig_pgxs/src/test/regress/pg_regress" \
		PERL5LIB="$ig_work/src/test/t:$ig_pgxs/src/test/perl" TESTDIR="$PWD" TESTDATADIR="$PWD/data" \
		IG_REGRESS="$(ig_make_variable REGRESS)" TESTLOGDIR="$PWD/log" top_builddir="$PWD" PG_TEST_TIMEOUT_DEFAULT=120 \
		TEMP_CONFIG="$ig_work/tap.conf" \
		prove -v --timer "$file" >"$log" 2>&1
	status=$?
	cd "$ig_work" || return
	ok=$(grep -c '^ok [0-9]' "$log")
	bad=$(grep -c '^not ok ' "$log")
	if [ $status != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
	if [ $status = 0 ] && grep -q 'skipped: ' "$log"; then
		echo "$name: skipped"
	else
		echo "$name: $ok passed, $bad failed"
	fi
	count "$ok" "$bad"
	if [ "$bad" != 0 ]; then
		grep -vE '^ok ' "$log" | tail -n 80
		for log in "$ig_work/tap/$name"/log/*.log "$ig_work/tap/$name"/tmp_check/log/*.log; do
			if [ -e "$log" ]; then echo "-- the end of $(basename "$log")"; tail -n 25 "$log"; fi
		done
	fi
}

layer_tap()
{
	local file
	heading "TAP tests"
	# it takes transaction ids, locks and places in the log when it likes; the
	# tests that are about it switch it on
	echo "autovacuum = off" >"$ig_work/tap.conf"
	for file in "$ig_work"/src/test/t/[0-9]*.pl; do
		if [ ! -e "$file" ]; then count 0 1; echo "no test in test/t"; return; fi
		[ -z "$(choose "$(basename "$file" .pl)")" ] || run_tap_file "$file"
	done
}

# Some twelve thousand predictions held against what the server then does.
layer_exact()
{
	local out=$ig_work/exact.txt
	heading "exactness of predictions"
	mkdir -p "$ig_work/exact"
	if bash "$ig_work/src/test/exact/run.sh" "$ig_pg_config" "$ig_work/exact" >"$out" 2>&1; then
		grep -E ' (cases|statements), ' "$out"
		count 1 0
	else
		tail -n 60 "$out"
		count 0 1
	fi
}

layer_style()
{
	local ok bad
	heading "house style"
	"$ig_top/test/setup/check_style.sh" "$ig_lib/invariant_guard.so" >"$ig_work/style.txt" 2>&1
	cat "$ig_work/style.txt"
	ok=$(grep -c '^ok ' "$ig_work/style.txt")
	bad=$(grep -c '^not ok ' "$ig_work/style.txt")
	if [ "$ok" = 0 ]; then bad=1; fi
	count "$ok" "$bad"
}

# What a healthy server never writes, and a library must not make it write.
crash_patterns='PANIC|TRAP:|terminated by signal|AddressSanitizer|runtime error:|Invalid (read|write)'
crash_patterns+='|Conditional jump|detected write past chunk end|problem in alloc set|reference leak'
crash_patterns+='|resource was not closed|snapshot .* still active|unexpected .* in relcache'
crash_patterns+='|could not find tuple|cache lookup failed|tuple concurrently updated'

layer_logs()
{
	local found
	heading "server logs"
	found=$(find "$ig_work" -name '*log*' -type f -not -path '*/src/*' -not -path '*/inst/*' \
				-not -path '*/pg_wal/*' -print0 |
			xargs -0 grep -aE "$crash_patterns" 2>/dev/null |
			grep -avE 'STATEMENT:|LOG:  (statement|execute)' | head -n 40)
	if [ -n "$found" ]; then
		echo "$found"
		count 0 1
	else
		echo "no sign of a crash"
		count 1 0
	fi
}

ig_require "${1:-}"
case " $layers " in *" tap "*) ig_want_clients ;; esac
ig_begin

heading "PostgreSQL $("$ig_pg_config" --version | sed 's/^PostgreSQL //')"
ig_build || give_up "the build failed"
echo "built and installed into $ig_inst"

# The server's user may not be able to read this tree.
ig_copy_tree "$ig_top" "$ig_work/src"
if ig_is_root; then chown -R postgres: "$ig_work/src"; fi

case " $layers " in
	*" regress "*|*" isolation "*|*" exact "*)
		ig_start_cluster main <<-CONF || give_up "the server did not start"
			session_preload_libraries = 'invariant_guard'
			log_statement = none
			autovacuum = off
		CONF
		;;
esac
for layer in $layers; do
	"layer_$layer"
done
layer_logs
finish
