#!/bin/bash
#
# Make a chroot that holds one PostgreSQL major with its server headers.
#
#   chroot.sh MAJOR     MAJOR is 17 (Debian trixie) or 18 (Debian forky)
#
# Prints the chroot's folder on its last line.  It does nothing when a complete
# chroot is there already.  No Debian release carries PostgreSQL 16.
#
# Packages come from the mirror that this machine's own apt uses.  The folder
# is $IG_CHROOT_DIR, or /var/cache/invariant_guard.  Remove a chroot with
# "chroot.sh --remove MAJOR": it unmounts first, since an rm through a bind
# mount would empty the host's /dev.

set -euo pipefail

die() { echo "chroot.sh: $*" >&2; exit 1; }

base=${IG_CHROOT_DIR:-/var/cache/invariant_guard}
remove=no
if [ "${1:-}" = --remove ]; then remove=yes; shift; fi
major=${1:-}
case "$major" in
	17) suite=trixie ;;
	18) suite=forky ;;
	*) die "no Debian release here has PostgreSQL '$major'; known: 17 and 18" ;;
esac
root=$base/pg$major

unmount_all()
{
	local m
	for m in dev/shm dev proc; do
		if mountpoint -q "$root/$m"; then umount "$root/$m"; fi
	done
}

mount_all()
{
	mountpoint -q "$root/proc" || mount -t proc proc "$root/proc"
	mountpoint -q "$root/dev" || mount --bind /dev "$root/dev"
	mountpoint -q "$root/dev/shm" || mount -t tmpfs tmpfs "$root/dev/shm"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	cp /etc/hosts "$root/etc/hosts"
}

if [ $remove = yes ]; then
	unmount_all
	if mount | grep -q " $root/"; then die "something is still mounted below $root"; fi
	rm -rf --one-file-system "$root"
	exit 0
fi

[ "$(id -u)" = 0 ] || die "a chroot needs root"

# Two runs must not make the same chroot at once.
mkdir -p "$base"
exec 8>"$base/.lock.pg$major"
flock 8

if [ -e "$root/.complete" ]; then
	mount_all
	echo "$root"
	exit 0
fi

if ! command -v debootstrap >/dev/null; then
	apt-get install -y -q debootstrap >&2 </dev/null ||
		{ apt-get update -q >&2 && apt-get install -y -q debootstrap >&2 </dev/null; }
fi

mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' |
		 grep -v security | head -n 1) || :
[ -n "$mirror" ] || die "apt on this machine names no Debian mirror"

unmount_all
rm -rf --one-file-system "$root"
mkdir -p "$root"

# Older debootstraps know neither name; every later Debian uses sid's script.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
debootstrap --variant=minbase "$suite" "$root" "$mirror" "$script" >&2

mount_all
printf '#!/bin/sh\nexit 101\n' > "$root/usr/sbin/policy-rc.d"
chmod +x "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/postgresql-common"
echo 'create_main_cluster = false' > "$root/etc/postgresql-common/createcluster.conf"

in_root() { chroot "$root" /usr/bin/env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@" </dev/null; }

in_root apt-get -o Acquire::Check-Valid-Until=false update -q >&2
in_root apt-get install -y -q --no-install-recommends \
	"postgresql-$major" "postgresql-server-dev-$major" postgresql-common \
	build-essential perl libipc-run-perl git locales-all >&2

touch "$root/.complete"
echo "$root"
