#!/bin/bash
#
# Run one of the long tests against PostgreSQL 17 or 18, in a chroot of a
# Debian release that carries it.
#
#   in_chroot.sh MAJOR SCRIPT [ARGUMENT...]     in_chroot.sh 18 core.sh
#
# The tree and what was built of it are the chroot's own, beside those of
# run_in_chroot.sh, so that both may run at once.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd -P)
major=${1:?usage: in_chroot.sh MAJOR SCRIPT}
script=${2:?usage: in_chroot.sh MAJOR SCRIPT}
shift 2

. "$here/lib.sh"
ig_is_root || ig_die "a chroot needs root"
root=$("$here/../setup/chroot.sh" "$major" </dev/null | tail -n 1) || ig_die "no chroot for PostgreSQL $major"
[ -d "$root/srv" ] || ig_die "no chroot for PostgreSQL $major"

exec 9>"$root/srv/.lock.soak"
flock 9
ig_copy_tree "$ig_top" "$root/srv/invariant_guard_soak"

keep=()
for name in $(compgen -e | grep '^IG_'); do
	[ "$name" = IG_CACHE_DIR ] || keep+=("$name=${!name}")
done
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	LC_ALL=C.UTF-8 HOME=/root "${keep[@]}" \
	"/srv/invariant_guard_soak/test/soak/$script" "$major" "$@" </dev/null
