#!/bin/bash
#
# Run every test against PostgreSQL 17 or 18, in a chroot of a Debian release
# that carries it.
#
#   run_in_chroot.sh MAJOR

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
major=${1:?usage: run_in_chroot.sh MAJOR}

fail() { echo "run_in_chroot.sh: $*"; echo; echo "0 passed, 1 failed"; exit 1; }

[ "$(id -u)" = 0 ] || fail "a chroot needs root"
root=$("$here/chroot.sh" "$major" </dev/null | tail -n 1) || fail "no chroot for PostgreSQL $major"
[ -d "$root/srv" ] || fail "no chroot for PostgreSQL $major"

# One run at a time in each chroot: the copy of the tree is shared, to keep
# what was built.
exec 9>"$root/srv/.lock"
if ! flock -n 9; then
	echo "waiting for another run in $root"
	flock 9
fi

. "$here/lib.sh"
ig_copy_tree "$ig_top" "$root/srv/invariant_guard"

status=0
chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	LC_ALL=C.UTF-8 HOME=/root IG_IN_CHROOT=1 CI="${CI:-}" IG_LAYERS="${IG_LAYERS:-}" IG_TESTS="${IG_TESTS:-}" \
	IG_KEEP="${IG_KEEP:-}" IG_RESULTS="${IG_RESULTS:+/srv/results}" \
	/srv/invariant_guard/test/setup/run_tests.sh "$major" </dev/null || status=$?

if [ -n "${IG_RESULTS:-}" ] && [ -d "$root/srv/results" ]; then
	mkdir -p "$IG_RESULTS"
	cp -r "$root/srv/results/." "$IG_RESULTS/"
	rm -rf "$root/srv/results"
fi
exit $status
