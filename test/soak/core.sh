#!/bin/bash
#
# PostgreSQL's own regression and isolation tests, with the library preloaded.
#
#   core.sh [MAJOR]
#
# The source's minor may differ from the installed one, so what is compared is
# not the expected output but that of a run of the same server without the
# library.  With mode = off or observe nothing may differ, except what lists
# event triggers and label providers.  With enforce much is refused: which
# rules refuse something in which test is listed in core_enforce.txt and
# explained in CORE.md; what follows from a refusal (a table that is still
# there, one that was not made) has one of a few SQLSTATEs.
#
#   IG_RUNS="off observe enforce"       which runs beside the one without
#   IG_SUITES="regress isolation"       which suites
#   IG_UPDATE=FILE                      write the list of rules there

set -uo pipefail

. "$(dirname "$0")/lib.sh"

here=$(cd "$(dirname "$0")" && pwd -P)
runs=${IG_RUNS:-off auto observe enforce}
suites=${IG_SUITES:-regress isolation}

# Two tests see that the guard is there: the one lists all event triggers, the
# other expects that there is no label provider.  Without what they say of
# those, their output must be the same too.
comparable()
{
	case "$1" in
		*/event_trigger.out)
			sed -E '/invariant_guard_/d; s/[ -]+/ /g; s/^ ?\([0-9]+ rows\)//' "$1" ;;
		*/security_label.out)
			grep -vE '^(ERROR|DETAIL): ' "$1" ;;
		*)
			cat "$1" ;;
	esac
}

settings()
{
	cat <<-CONF
		log_line_prefix = '%m [%p] %e %a '
		max_prepared_transactions = 2
		max_connections = 60
		shared_buffers = 128MB
		log_statement = none
		log_min_messages = warning
	CONF
	[ "$2" = without ] && return
	echo "shared_preload_libraries = 'invariant_guard'"
	[ "$2" = auto ] || echo "invariant_guard.mode = $2"
	# A spec is set up for each of its permutations, and taken down after; one
	# waits for ever without its index.
	[ "$1 $2" != "isolation enforce" ] ||
		echo "invariant_guard.severity = 'wipe = off, create-index-blocking = off'"
}

# run_suite SUITE RUN: results are left in $ig_work/SUITE-RUN/results
run_suite()
{
	local suite=$1 run=$2 out=$ig_work/$1-$2 program start options=
	start=$(date +%s)
	program=$ig_pgxs/src/test/regress/pg_regress
	[ "$suite" = isolation ] && program=$ig_pgxs/src/test/isolation/pg_isolation_regress
	if [ "$suite" = regress ]; then
		options="--dlpath=$ig_work/dl --schedule=$ig_source/src/test/regress/parallel_schedule"
		case "$run" in off|observe|enforce) options+=" --load-extension=invariant_guard" ;; esac
	else
		options="--schedule=$ig_source/src/test/isolation/isolation_schedule"
	fi
	ig_start_cluster "$suite$run" <<<"$(settings "$suite" "$run")" || ig_die "the server did not start"
	ig_as_server mkdir -p "$out"
	# shellcheck disable=SC2086
	ig_as_server timeout 3600 env PGISOLATIONTIMEOUT=60 "$program" --inputdir="$ig_source/src/test/$suite" --outputdir="$out" \
		--bindir="$ig_bin" --host="$PGHOST" --port="$PGPORT" --user=postgres --max-concurrent-tests=20 \
		--dbname="core_$suite" $options >"$out.txt" 2>&1
	ig_stop_cluster "$suite$run"
	cp "$ig_work/$suite$run/log" "$out.log"
	rm -rf "$ig_work/$suite$run"
	echo "$suite, $run: $(find "$out/results" -name '*.out' | wc -l) tests in $(ig_seconds "$start") s"
}

differing()
{
	local suite=$1 run=$2 file name
	for file in "$ig_work/$suite-without/results"/*.out; do
		name=$(basename "$file")
		cmp -s <(comparable "$file") <(comparable "$ig_work/$suite-$run/results/$name") || echo "${name%.out}"
	done
}

check_log()
{
	local suite=$1 run=$2 found
	found=$(ig_log_findings "$ig_crash_patterns" "$ig_work/$suite-$run.log")
	[ -z "$found" ] || ig_finding "$suite, $run: in the log: $(head -n 5 <<<"$found")"
	# The server's tests themselves may meet these, so both runs are compared.
	found=$(ig_log_findings "$ig_race_patterns" "$ig_work/$suite-$run.log" | sed 's/^.* \(ERROR\|WARNING\|LOG\):/\1:/' | sort)
	found=$(comm -13 <(ig_log_findings "$ig_race_patterns" "$ig_work/$suite-without.log" |
		sed 's/^.* \(ERROR\|WARNING\|LOG\):/\1:/' | sort) <(printf '%s' "$found"))
	[ -z "$found" ] || ig_finding "$suite, $run: in the log: $(head -n 5 <<<"$found")"
	if grep -q '(rule rewrite-any)' "$ig_work/$suite-$run.log"; then
		ig_finding "$suite, $run: the rule rewrite-any has fired: $(grep -m 3 '(rule rewrite-any)' "$ig_work/$suite-$run.log")"
	fi
}

# Nothing is refused: the output is the same, but for a few tests.
check_same()
{
	local suite=$1 run=$2 name
	for name in $(differing "$suite" "$run"); do
		ig_finding "$suite, $run: the output of $name differs"
		diff -U 3 "$ig_work/$suite-without/results/$name.out" "$ig_work/$suite-$run/results/$name.out" | head -n 40
	done
}

# Much is refused: each error that the run without did not have is one of ours
# or follows from one.
check_enforce()
{
	local suite=$1 run=$2 known=$here/core_enforce.txt
	perl "$here/core_errors.pl" "$suite" "$ig_work/$suite-without.log" "$ig_work/$suite-$run.log" \
		"$known" "$ig_work/$suite-$run.list" > "$ig_work/$suite-$run.report"
	grep -v '^FINDING' "$ig_work/$suite-$run.report"
	while read -r _ line; do ig_finding "$suite, $run: $line"; done < <(grep '^FINDING' "$ig_work/$suite-$run.report")
	if [ -n "${IG_UPDATE:-}" ]; then cat "$ig_work/$suite-$run.list" >> "$IG_UPDATE"; fi
}

ig_require "${1:-}"
ig_begin
ig_build || ig_die "the build failed"
ig_server_source "$ig_major"
echo "PostgreSQL $("$ig_pg_config" --version | sed 's/^PostgreSQL //'), tests of $(basename "$ig_source")"

mkdir -p "$ig_work/dl"
cc -shared -fPIC -O2 -I"$("$ig_pg_config" --includedir-server)" "$ig_source/src/test/regress/regress.c" \
	-o "$ig_work/dl/regress.so" || ig_die "regress.c did not compile"
cp "$("$ig_pg_config" --pkglibdir)"/{autoinc,refint}.so "$ig_work/dl/"

for suite in $suites; do
	for run in without $runs; do
		run_suite "$suite" "$run"
		[ "$run" = without ] && continue
		check_log "$suite" "$run"
		if [ "$run" = enforce ]; then check_enforce "$suite" "$run"; else check_same "$suite" "$run"; fi
	done
done
ig_finish
