# lib.sh: what the test scripts share; to be sourced by bash.
#
# Nothing here touches the server that is installed on the machine.  Each run
# has a working folder, with a private copy of the installation (programs
# copied, the rest linked: PostgreSQL finds its folders relative to its
# programs), into which the extension is installed, and with clusters that
# listen on a Unix socket only.  ig_cleanup stops and removes all of it.

ig_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
ig_work=
ig_fragment=

ig_die() { echo "$(basename "$0"): $*" >&2; exit 1; }
ig_is_root() { [ "$(id -u)" = 0 ]; }

# ---- the server and the tools ---------------------------------------------

ig_major_of() { "$1" --version 2>/dev/null | sed -n 's/^PostgreSQL \([0-9]*\).*/\1/p'; }

# Can this pg_config's installation build, run and test?  Sets ig_pg_config,
# ig_major, ig_bindir and ig_pgxs if so.
ig_try_server()
{
	local pg_config=$1 want=$2 major pgxs
	command -v "$pg_config" >/dev/null || return 1
	major=$(ig_major_of "$pg_config")
	[ -n "$major" ] || return 1
	[ -z "$want" ] || [ "$major" = "$want" ] || return 1
	pgxs=$("$pg_config" --pgxs)
	[ -e "$pgxs" ] || return 1
	pgxs=${pgxs%/src/makefiles/pgxs.mk}
	[ -x "$pgxs/src/test/regress/pg_regress" ] || return 1
	[ -x "$("$pg_config" --bindir)/postgres" ] || return 1
	ig_pg_config=$(command -v "$pg_config")
	ig_major=$major
	ig_pgxs=$pgxs
	ig_bindir=$("$pg_config" --bindir)
}

# ig_find_server [MAJOR]
ig_find_server()
{
	local want=${1:-} candidate
	if [ -n "${PG_CONFIG:-}" ]; then
		ig_try_server "$PG_CONFIG" "$want"
		return
	fi
	for candidate in pg_config /usr/lib/postgresql/${want:-*}/bin/pg_config; do
		if ig_try_server "$candidate" "$want"; then return 0; fi
	done
	return 1
}

ig_missing_tools()
{
	local tool
	for tool in cc make prove nm; do
		command -v $tool >/dev/null || echo "$tool"
	done
	perl -MIPC::Run -e 1 2>/dev/null || echo "IPC::Run"
}

ig_apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y "$@" </dev/null >&2; }

# The package lists are fetched when there are none, and once more when an
# installation fails, since old lists name files that are gone.
ig_apt_install()
{
	if ig_apt install --no-install-recommends "$@"; then return 0; fi
	ig_apt update && ig_apt install --no-install-recommends "$@"
}

ig_default_major()
{
	apt-cache depends postgresql 2>/dev/null |
		sed -n 's/^ *Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1
}

# Install a server, its headers and the tools.  Debian makes and starts a
# cluster along with the first server package: not on our account.
ig_install_packages()
{
	local major=${1:-}
	ig_is_root || ig_die "not everything is installed, and only root can install it:" \
		"apt-get install build-essential libipc-run-perl postgresql postgresql-server-dev-all"
	command -v apt-get >/dev/null || ig_die "not everything is installed, and there is no apt-get;" \
		"needed: a C compiler, make, Perl with IPC::Run, PostgreSQL ${major:-15} with its headers"

	if [ -z "$(ig_default_major)" ]; then ig_apt update; fi
	major=${major:-$(ig_default_major)}
	[ -n "$major" ] || ig_die "apt knows no PostgreSQL server"

	ig_apt_install postgresql-common
	if [ -d /etc/postgresql-common ]; then
		mkdir -p /etc/postgresql-common/createcluster.d
		ig_fragment=/etc/postgresql-common/createcluster.d/invariant_guard.conf
		echo "create_main_cluster = false" > $ig_fragment
	fi
	ig_apt_install "postgresql-$major" "postgresql-server-dev-$major" build-essential \
		perl libipc-run-perl || ig_die "apt could not install PostgreSQL $major"
	ig_remove_fragment
	ig_find_server "$major" || ig_die "PostgreSQL $major was installed, but is not complete"
}

ig_remove_fragment()
{
	if [ -n "$ig_fragment" ]; then
		rm -f "$ig_fragment"
		rmdir --ignore-fail-on-non-empty "$(dirname "$ig_fragment")" 2>/dev/null || :
		ig_fragment=
	fi
}

# What the tests with real clients take, in Debian's words.  They are skipped
# where it is missing: in the chroots, and where nobody can install it.
ig_client_packages="ruby-activerecord ruby-pg python3-sqlalchemy python3-psycopg2"

ig_missing_clients()
{
	/usr/bin/ruby -e 'require "active_record"; require "pg"' 2>/dev/null || echo ActiveRecord
	/usr/bin/python3 -c 'import sqlalchemy.orm, psycopg2' 2>/dev/null || echo SQLAlchemy
}

ig_want_clients()
{
	[ -n "$(ig_missing_clients)" ] || return 0
	if ig_is_root && [ -z "${IG_IN_CHROOT:-}" ] && command -v apt-get >/dev/null; then
		# shellcheck disable=SC2086
		ig_apt_install $ig_client_packages || :
	fi
	[ -z "$(ig_missing_clients)" ] || echo "tests are skipped without:" $(ig_missing_clients)
}

# ig_require [MAJOR]: a server and the tools, or an end with a plain message.
ig_require()
{
	local want=${1:-}
	if ig_find_server "$want" && [ -z "$(ig_missing_tools)" ]; then return 0; fi
	if [ -n "${PG_CONFIG:-}" ] && ! ig_find_server "$want"; then
		ig_die "PG_CONFIG=$PG_CONFIG is no complete PostgreSQL ${want:-}installation"
	fi
	ig_install_packages "${want:-${ig_major:-}}"
	[ -z "$(ig_missing_tools)" ] || ig_die "still missing:" $(ig_missing_tools)
}

# ---- the working folder ----------------------------------------------------

# The server refuses to run as root; then it runs as the user postgres.
ig_as_server()
{
	if ig_is_root; then
		setpriv --reuid=postgres --regid=postgres --init-groups \
			env HOME="$ig_work" USER=postgres LOGNAME=postgres "$@"
	else
		"$@"
	fi
}

# A short path: a socket's must not exceed 107 bytes.
ig_begin()
{
	local var
	trap ig_cleanup EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	ig_work=$(mktemp -d /tmp/invariant_guard.XXXXXX)
	if ig_is_root; then chown postgres: "$ig_work"; fi
	for var in $(compgen -e | grep '^PG' | grep -v '^PG_CONFIG$'); do unset "$var"; done
	export LC_ALL=C.UTF-8 TZ=UTC
	unset LANGUAGE TMPDIR
	unset MAKEFLAGS MFLAGS MAKELEVEL
	umask 022
	cd "$ig_work" || exit 1
}

ig_stop_pid()
{
	local pid=$1 i
	kill -INT "$pid" 2>/dev/null || return 0
	for i in $(seq 100); do
		kill -0 "$pid" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -QUIT "$pid" 2>/dev/null || :
	sleep 1
}

# Every cluster below the working folder is ours, also one that an
# interrupted test has left running.
ig_cleanup()
{
	local status=$? file pid
	trap - EXIT
	trap '' INT TERM HUP
	ig_remove_fragment
	if [ -n "$ig_work" ] && [ -d "$ig_work" ]; then
		for file in $(find "$ig_work" -name postmaster.pid 2>/dev/null); do
			pid=$(head -n 1 "$file" 2>/dev/null || :)
			if [ -n "$pid" ]; then ig_stop_pid "$pid"; fi
		done
		cd /
		if [ -n "${IG_KEEP:-}" ]; then
			echo "kept: $ig_work" >&2
		else
			rm -rf "$ig_work"
		fi
	fi
	exit $status
}

# ---- building and installing -----------------------------------------------

# Copy the tree without what was built; what vanished from the source vanishes
# from the copy.  The copy may be that of another tree, whose times say nothing.
ig_copy_tree()
{
	local from=$1 to=$2 new=$2.new file
	rm -rf "$new"
	mkdir -p "$to" "$new"
	tar -C "$from" --exclude=./.git --exclude=./build --exclude='*.o' --exclude='*.d' \
		--exclude='*.so' --exclude='*.bc' --exclude='./invariant_guard--*.sql' \
		-cf - . | tar -C "$new" --no-same-owner -xf -

	# what is the same keeps its time, what is not is newer than any object
	(cd "$to" && find . -type f ! -name '*.o' ! -name '*.d' ! -name '*.so') |
		while IFS= read -r file; do
			[ -e "$new/$file" ] || rm -f "$to/$file"
		done
	(cd "$new" && find . -type f) | while IFS= read -r file; do
		cmp -s "$new/$file" "$to/$file" && continue
		mkdir -p "$(dirname "$to/$file")"
		cp "$new/$file" "$to/$file"
	done
	rm -rf "$new"
}

# The private copy of the installation; the extension is added by ig_build.
ig_copy_installation()
{
	local bindir libdir sharedir entry
	bindir=$ig_bindir
	libdir=$("$ig_pg_config" --pkglibdir)
	sharedir=$("$ig_pg_config" --sharedir)

	ig_inst=$ig_work/inst
	mkdir -p "$ig_inst$bindir" "$ig_inst$libdir" "$ig_inst$sharedir/extension"
	cp -L "$bindir"/* "$ig_inst$bindir"
	for entry in "$libdir"/*; do
		case "$entry" in
			*/bin|*/invariant_guard.so) ;;
			*) [ -e "$ig_inst$entry" ] || ln -s "$entry" "$ig_inst$libdir/" ;;
		esac
	done
	for entry in "$sharedir"/*; do
		case "$entry" in
			*/extension) ;;
			*) ln -s "$entry" "$ig_inst$sharedir/" ;;
		esac
	done
	for entry in "$sharedir"/extension/*; do
		case "$entry" in
			*/invariant_guard.control|*/invariant_guard--*) ;;
			*) ln -s "$entry" "$ig_inst$sharedir/extension/" ;;
		esac
	done
	# a test adds an update script
	if ig_is_root; then chown postgres: "$ig_inst$sharedir/extension"; fi
	ig_bin=$ig_inst$bindir
	ig_lib=$ig_inst$libdir
	export PATH="$ig_bin:$PATH"
}

# Build outside of the source folders, one build for each major, and install
# into the private copy.  $ig_build is the folder that was built in.
ig_build()
{
	local base=$ig_top/build
	if ! mkdir -p "$base" 2>/dev/null || ! [ -w "$base" ] ||
	   { [ -e "$base/pg$ig_major" ] && ! [ -w "$base/pg$ig_major" ]; }; then
		base=$ig_work/build
		mkdir -p "$base"
	fi
	ig_build=$base/pg$ig_major
	ig_copy_installation
	(
		flock 9
		ig_copy_tree "$ig_top" "$ig_build"
		make -C "$ig_build" -s -j"$(nproc)" PG_CONFIG="$ig_pg_config" all &&
			make -C "$ig_build" -s PG_CONFIG="$ig_pg_config" DESTDIR="$ig_inst" install
	) 9>"$base/.lock.pg$ig_major" >"$ig_work/build.log" 2>&1 || {
		cat "$ig_work/build.log"
		return 1
	}
	if grep -i 'warning' "$ig_work/build.log"; then return 1; fi
	if nm -D --undefined-only "$ig_lib/invariant_guard.so" | grep ' ig_'; then return 1; fi
}

ig_make_variable() { make -C "$ig_build" -s PG_CONFIG="$ig_pg_config" "print-$1" MAKEFLAGS=; }

# ---- clusters --------------------------------------------------------------

# ig_start_cluster NAME: make and start a cluster; more settings come from the
# standard input.  Sets and exports PGHOST, PGPORT, PGUSER; ig_log.
ig_start_cluster()
{
	local dir=$ig_work/$1
	ig_log=$dir/log
	ig_as_server mkdir -p "$dir"
	ig_as_server "$ig_bin/initdb" -D "$dir/data" -U postgres -A trust --no-sync \
		--locale=C --encoding=UTF8 >"$dir.initdb" 2>&1 || { cat "$dir.initdb"; return 1; }
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$dir'"
		echo "port = 5432"
		echo "fsync = off"
		echo "shared_buffers = 64MB"
		echo "max_connections = 30"
		echo "max_prepared_transactions = 10"
		echo "log_line_prefix = '%m [%p] %q%d %a '"
		echo "log_autovacuum_min_duration = -1"
		echo "timezone = 'UTC'"
		cat
	} | ig_as_server tee -a "$dir/data/postgresql.conf" >/dev/null
	ig_as_server "$ig_bin/pg_ctl" -D "$dir/data" -l "$dir/log" -w -t 120 start >"$dir.start" 2>&1 || {
		cat "$dir.start"
		tail -n 30 "$dir/log"
		return 1
	}
	export PGHOST=$dir PGPORT=5432 PGUSER=postgres PGDATABASE=postgres
}

ig_stop_cluster()
{
	ig_as_server "$ig_bin/pg_ctl" -D "$ig_work/$1/data" -w -t 120 -m fast stop >/dev/null 2>&1
}
