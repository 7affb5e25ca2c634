#!/bin/bash
#
# Replay a folder of SQL migrations in observe mode, and count what the gate
# would have refused.
#
#   replay.sh [options] DIR
#
#   --single-transaction   each file in one transaction, not by statements; a
#                          file that no transaction can hold, by statements
#   --exempt-empty         with invariant_guard.exempt_empty_tables = on
#   --set NAME=VALUE       any other setting of the database
#   --list                 print each finding with its file and line
#   --without-guard        only apply the files
#   --server               use the running server that PGHOST, PGPORT, PGUSER
#                          name, as a superuser; else a throw-away cluster
#
# The files are applied in the order of their names, each by a session of its
# own, to a fresh database.  A file passes when nothing at level error was
# found in it.  Every file must apply: the exit code says whether they did.

set -uo pipefail

. "$(dirname "$0")/../setup/lib.sh"

usage() { sed -n 's/^#   //p' "$0" >&2; exit 2; }

single=no
exempt_empty=off
guard=yes
list=no
server=no
settings=()
folders=()
while [ $# -gt 0 ]; do
	case "$1" in
		--single-transaction) single=yes ;;
		--exempt-empty) exempt_empty=on ;;
		--set) shift; settings+=("${1:?}") ;;
		--list) list=yes ;;
		--without-guard) guard=no ;;
		--server) server=yes ;;
		-*) usage ;;
		*) folders+=("$1") ;;
	esac
	shift
done
[ ${#folders[@]} = 1 ] || usage
dir=$(cd "${folders[0]}" && pwd -P) || exit 2
mapfile -t files < <(find "$dir" -maxdepth 1 -name '*.sql' | LC_ALL=C sort)
[ ${#files[@]} -gt 0 ] || ig_die "no .sql file in $dir"

database=ig_replay_$$

sql() { psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$@"; }

# In a server that is not ours only the database is to go.
drop_and_exit()
{
	local status=$?
	sql postgres -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" 2>/dev/null
	(exit $status)
	ig_cleanup
}

prepare_database()
{
	local setting
	sql postgres -c "CREATE DATABASE $database TEMPLATE template0" || return 1
	if [ $guard = yes ]; then
		sql "$database" >/dev/null <<-SQL || return 1
			SET client_min_messages = error;
			CREATE EXTENSION invariant_guard;
			ALTER DATABASE $database SET session_preload_libraries = 'invariant_guard';
			ALTER DATABASE $database SET invariant_guard.mode = 'observe';
			ALTER DATABASE $database SET invariant_guard.exempt_empty_tables = '$exempt_empty';
		SQL
		for setting in ${settings[@]+"${settings[@]}"}; do
			sql "$database" -c "ALTER DATABASE $database SET ${setting%%=*} = '${setting#*=}'" || return 1
		done
	fi
}

# The server tells the client what it logs: the statements, to count them, and
# the findings.
apply_once()
{
	local file=$1 err=$2
	shift 2
	PGOPTIONS='-c client_min_messages=log -c log_statement=all' \
		psql -X -q -v ON_ERROR_STOP=1 "$@" -d "$database" -f "$file" >/dev/null 2>"$err"
}

apply()
{
	in_transaction=no
	if [ $single = yes ]; then
		in_transaction=yes
		if apply_once "$1" "$2" --single-transaction; then return 0; fi
		if ! grep -q 'ERROR:.* cannot run inside a transaction block' "$2"; then return 1; fi
		in_transaction=no
	fi
	apply_once "$1" "$2"
}

# The form of record.c: what is in double quotes has its own ones doubled.
quoted='"([^"]|"")*"'
finding="LOG:  (IG[A-Z0-9]{3}: )?invariant_guard: observed ([a-z0-9-]+) \\(IG[A-Z0-9]{3}\\)( on $quoted)?: role $quoted, application $quoted, level (error|warning|notice): "

replay()
{
	local file name err=$ig_work/err n=0 failed=0 passed=0
	: >"$ig_work/findings"
	: >"$ig_work/odd"
	statements=0
	for file in "${files[@]}"; do
		name=$(basename "$file")
		if ! apply "$file" "$err"; then
			failed=$((failed + 1))
			echo "$name does not apply: $(grep -m 1 -E 'ERROR:|FATAL:|error:' "$err" | sed 's/^psql:.*: ERROR:/ERROR:/')"
		fi
		statements=$((statements + $(grep -c 'LOG:  statement: ' "$err")))
		if [ $in_transaction = yes ]; then statements=$((statements - 2)); fi
		sed -nE "s/^.*$finding.*/\7 \2/p" "$err" | sed "s|\$| $n|" >>"$ig_work/findings"
		# no pipe here: one that ends early makes the whole of it a failure
		if ! grep -qE "${finding/(error|warning|notice)/error}" "$err"; then passed=$((passed + 1)); fi
		grep -E 'LOG: .*observed ' "$err" | grep -vE "$finding" >>"$ig_work/odd"
		if [ $list = yes ]; then grep -E "$finding" "$err" | sed "s|^psql:$dir/||"; fi
		n=$((n + 1))
	done

	echo
	echo "$dir"
	printf '%6d files, %d statements, %d files do not apply\n' $n $statements $failed
	if [ $guard = yes ]; then
		printf '%6d files would pass (%s %%)\n' $passed \
			"$(awk "BEGIN { printf \"%.1f\", 100 * $passed / $n }")"
		print_rules
	fi
	[ $failed = 0 ] && ! [ -s "$ig_work/odd" ]
}

print_rules()
{
	if [ -s "$ig_work/findings" ]; then
		echo
		printf '%-32s %8s %8s %8s %8s\n' rule error warning notice files
		awk '
			{ count[$2, $1]++; total[$2]++; if (!(($2, $3) in seen)) { seen[$2, $3] = 1; files[$2]++ } }
			END { for (rule in total)
				printf "%-32s %8d %8d %8d %8d\n", rule, count[rule, "error"],
					count[rule, "warning"], count[rule, "notice"], files[rule] }
			' "$ig_work/findings" | sort -k2,2nr -k3,3nr -k1,1
	fi
	if [ -s "$ig_work/odd" ]; then
		echo
		echo "messages of the gate that were not understood:"
		head -n 20 "$ig_work/odd"
	fi
}

if [ $server = yes ]; then
	declare -A given
	for variable in PGHOST PGPORT PGUSER PGPASSWORD PGSSLMODE; do
		if [ -n "${!variable+set}" ]; then given[$variable]=${!variable}; fi
	done
	ig_begin
	for variable in "${!given[@]}"; do export "$variable=${given[$variable]}"; done
	trap drop_and_exit EXIT
else
	ig_require
	ig_begin
	if [ $guard = yes ]; then ig_build || exit 1; else ig_copy_installation; fi
	ig_start_cluster replay </dev/null || exit 1
fi
prepare_database || ig_die "the database could not be prepared"
replay
