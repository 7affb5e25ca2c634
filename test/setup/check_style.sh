#!/bin/bash
#
# What a script can see of the house style.  Speaks TAP.
#
#   check_style.sh [invariant_guard.so]

set -uo pipefail

cd "$(dirname "$0")/../.." || exit 1
library=${1:-}
number=0
bad=0

# report NAME OFFENDERS
report()
{
	number=$((number + 1))
	if [ -z "$2" ]; then
		echo "ok $number - $1"
	else
		bad=$((bad + 1))
		echo "not ok $number - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
	fi
}

mapfile -t sources < <(find src -name '*.c' | sort)
mapfile -t code < <(find src -name '*.[ch]' | sort)
if [ ${#sources[@]} = 0 ]; then report "there is a source file" "none below src"; exit 1; fi

report "no function is longer than 100 lines" "$(awk '
	FNR == 1 { start = 0 }
	/^\{/ { start = FNR }
	/^\}/ { if (start && FNR - start > 100) print FILENAME ":" start " has " FNR - start " lines"; start = 0 }
	' "${sources[@]}")"

report "no file is longer than 700 lines" "$(wc -l "${code[@]}" |
	awk '$2 != "total" && $1 > 700 { print $2 " has " $1 " lines" }')"

report "only compat.h looks at PG_VERSION_NUM" \
	"$(grep -nE 'PG_VERSION_NUM|PG_MAJORVERSION_NUM' "${code[@]}" | grep -v '^src/platform/compat\.h:')"

# The gate raises in one place only.  What people call, and what checks a value
# that people gave, raises by itself.
report "errors are raised where they belong" "$(grep -nE '\bereport\(' "${sources[@]}" |
	grep -vE '^src/(gate/(decide|check_ddl|script_source)\.c|columns/|report/|rows/|platform/(settings|label|owned)\.c)')"

report "elog is for what cannot happen" \
	"$(grep -nE '\belog\(' "${sources[@]}" | grep -vE 'elog\((ERROR|FATAL|PANIC|DEBUG[1-5]),')"

report "nothing that hooks call uses SPI" \
	"$(grep -nE '\bSPI_[a-z]+' "${sources[@]}" | grep -vE '^src/(report|rows)/')"

report "each file has a head" "$(for file in "${code[@]}"; do
	head -n 4 "$file" | grep -qF "$(basename "$file")" || echo "$file"; done)"

report "the Makefile lists each source file, and no other" "$(diff \
	<(printf '%s\n' "${sources[@]%.c}") \
	<(sed -n 's|^[[:space:]]*\(src/[a-z0-9_/]*\)\.o.*|\1|p' Makefile | sort) | grep '^[<>]')"

report "no line ends with white space" \
	"$(grep -nE '[[:space:]]+$' "${code[@]}" Makefile src/install/*.sql test/setup/* 2>/dev/null | cut -c 1-100)"

if [ -n "$library" ]; then
	report "the library exports its entry points only" \
		"$(nm -D --defined-only "$library" | awk '{ print $NF }' |
			grep -vE '^(ig_|pg_finfo_|_PG_init$|Pg_magic_func$)')"
	report "the library leaves no symbol of its own undefined" \
		"$(nm -D --undefined-only "$library" | awk '{ print $NF }' | grep '^ig_')"
	report "the library is linked with relro and now" \
		"$(readelf -d -l "$library" | awk '/GNU_RELRO/ { r = 1 } /BIND_NOW|FLAGS.*NOW/ { n = 1 }
			END { if (!r) print "no RELRO"; if (!n) print "no BIND_NOW" }')"
fi

[ $bad = 0 ]
