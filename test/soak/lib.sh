# lib.sh: what the long tests share; to be sourced by bash.
#
# The server's own sources, and servers built from them, are kept in
# $IG_CACHE_DIR, or /var/cache/invariant_guard.  Nothing else outside of the
# run's working folder is written.

. "$(dirname "${BASH_SOURCE[0]}")/../setup/lib.sh"

ig_cache=${IG_CACHE_DIR:-/var/cache/invariant_guard}

# What a healthy server never writes, and a library must not make it write.
# The last three come from the server's own tests too, where sessions race.
ig_crash_patterns='PANIC|TRAP:|terminated by signal|AddressSanitizer|runtime error:|Invalid (read|write)'
ig_crash_patterns+='|Conditional jump|detected write past chunk end|problem in alloc set|reference leak'
ig_crash_patterns+='|resource was not closed|snapshot .* still active|unexpected .* in relcache'
ig_race_patterns='could not find tuple|cache lookup failed|tuple concurrently updated'

# ig_log_findings PATTERNS FILE...: the lines that must not be there
ig_log_findings()
{
	local patterns=$1
	shift
	grep -aE "$patterns" "$@" | grep -avE '(STATEMENT|QUERY|CONTEXT):|LOG:  (statement|execute)|^[^ ]*:?	' || :
}

ig_findings=0
ig_finding() { ig_findings=$((ig_findings + 1)); echo "FINDING: $*"; }

ig_finish()
{
	echo
	echo "$ig_findings findings"
	[ "$ig_findings" = 0 ]
	exit
}

ig_seconds() { echo $(($(date +%s) - $1)); }

# The tools that a long test needs beside those of every test.
ig_require_tool()
{
	local tool=$1 package=$2
	command -v "$tool" >/dev/null && return 0
	ig_is_root || ig_die "$tool is not installed, and only root can install it: apt-get install $package"
	ig_apt_install "$package" || ig_die "apt could not install $package"
}

# deb-src lines made from the lists that apt uses on this machine.
ig_source_lines()
{
	local ring signed=
	for ring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
		if [ -e "$ring" ]; then signed="[signed-by=$ring] "; fi
	done
	apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' \
			'Created-By: Packages' 'Origin: Debian' | sort -u | sed "s|^|deb-src $signed|"
}

# Fetch and unpack the source of PostgreSQL MAJOR as its authors released it:
# the Debian patches fix a folder of the system into what is built from them.
# The lists of sources are kept apart from the machine's own.
ig_fetch_source()
{
	local major=$1 tmp=$2 archive options version
	ig_require_tool tar tar
	ig_require_tool bzip2 bzip2
	ig_require_tool xz xz-utils
	if [ -z "$(apt-get indextargets --format x 'Created-By: Packages' 2>/dev/null)" ]; then ig_apt update; fi
	mkdir -p "$tmp/lists/partial" "$tmp/cache"
	ig_source_lines > "$tmp/sources.list"
	options=(-o "Dir::Etc::SourceList=$tmp/sources.list" -o "Dir::Etc::SourceParts=/dev/null"
		-o "Dir::State::Lists=$tmp/lists" -o "Dir::Cache=$tmp/cache"
		-o "Acquire::Check-Valid-Until=false" -o "APT::Sandbox::User=root")
	ig_apt "${options[@]}" update || return 1
	# A mirror may list a version that it does not have.
	for version in $(apt-cache "${options[@]}" showsrc --only-source "postgresql-$major" |
						 sed -n 's/^Version: //p' | sort -rVu); do
		(cd "$tmp" && ig_apt "${options[@]}" source --download-only "postgresql-$major=$version") || continue
		archive=$(ls "$tmp"/postgresql-"$major"_*.orig.tar.* | head -n 1)
		tar -C "$tmp" -xf "$archive"
		return
	done
	return 1
}

# ig_server_source MAJOR: sets ig_source to the unpacked source.
ig_server_source()
{
	local major=$1 dir=$ig_cache/source tmp
	mkdir -p "$dir"
	(
		flock 9
		if [ -z "$(ls -d "$dir"/postgresql-"$major".* 2>/dev/null)" ]; then
			echo "fetching the source of PostgreSQL $major" >&2
			tmp=$(mktemp -d "$dir/fetch.XXXXXX")
			ig_fetch_source "$major" "$tmp" >&2 && mv "$tmp"/postgresql-"$major".* "$dir/"
			status=$?
			rm -rf "$tmp"
			exit $status
		fi
	) 9>"$dir/.lock" || ig_die "the source of PostgreSQL $major could not be fetched"
	ig_source=$(ls -d "$dir"/postgresql-"$major".* | head -n 1)
}

# ig_build_server KIND: a server of the installed major, built from source with
# assertions and whatever KIND (valgrind, sanitizer) asks for.  Kept.  Sets
# ig_pg_config, ig_bindir and ig_pgxs to it.
ig_build_server()
{
	local kind=$1 prefix build cppflags= cflags='-O1 -g -fno-omit-frame-pointer' ldflags=
	ig_server_source "$ig_major"
	prefix=$ig_cache/server-$kind-$ig_major
	build=$prefix.build
	case "$kind" in
		valgrind) cppflags=-DUSE_VALGRIND ;;
		sanitizer)
			ldflags='-fsanitize=address,undefined'
			cflags+=' -fsanitize=address,undefined -fno-sanitize=alignment -fno-sanitize-recover=undefined'
			export ASAN_OPTIONS=detect_leaks=0
			;;
	esac
	(
		flock 9
		[ ! -e "$prefix/.complete" ] || exit 0
		echo "building PostgreSQL $(basename "$ig_source") for $kind; this takes some minutes" >&2
		rm -rf "$prefix" "$build"
		mkdir -p "$build" && cd "$build" || exit 1
		# below another make the server's does not make its headers first
		unset MAKELEVEL MAKEFLAGS
		{
			"$ig_source/configure" --prefix="$prefix" --enable-cassert --enable-debug --without-readline \
				--without-zlib CC=gcc CFLAGS="$cflags" CPPFLAGS="$cppflags" LDFLAGS="$ldflags" &&
				make -s -j"${IG_JOBS:-$(nproc)}" && make -s install &&
				make -s -j"${IG_JOBS:-$(nproc)}" -C contrib && make -s -C contrib install
		} >"$prefix.log" 2>&1 || { tail -n 30 "$prefix.log"; exit 1; }
		rm -rf "$build"
		touch "$prefix/.complete"
	) 9>"$ig_cache/.lock.$kind$ig_major" || ig_die "the server could not be built: $prefix.log"
	ig_try_server "$prefix/bin/pg_config" "$ig_major" || ig_die "the server in $prefix is not complete"
}
