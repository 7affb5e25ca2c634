#!/bin/bash
#
# Run every test against each major: the installed server, then 17 and 18 in
# chroots.  The last line is "N passed, N failed" for all of them together.

set -uo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
passed=0
failed=0
summary=

# run NAME COMMAND...: the command's last line says what it counted.
run()
{
	local name=$1 line log started=$SECONDS
	shift
	log=$(mktemp)
	"$@" </dev/null 2>&1 | tee "$log"
	line=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$log" | tail -n 1)
	rm -f "$log"
	if [ -z "$line" ]; then line="0 passed, 1 failed"; fi
	set -- $line
	passed=$((passed + $1))
	failed=$((failed + $3))
	summary+="$(printf '%-22s %6d passed %6d failed %6d s' "$name" "$1" "$3" $((SECONDS - started)))"$'\n'
}

. "$here/lib.sh"
installed=
if ig_find_server; then installed=$ig_major; fi

run "installed server" "$here/run_tests.sh"
for major in 17 18; do
	if [ "$installed" != $major ]; then
		run "PostgreSQL $major" "$here/run_in_chroot.sh" $major
	fi
done

echo
printf '%s\n' "$summary"
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
