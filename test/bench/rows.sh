#!/bin/bash
#
# What row rules cost, in instructions, which do not depend on what else the
# machine is doing.
#
#   rows.sh [RULE...]
#
# For each rule three tables with the same rows: without a trigger and without
# the extension, with the rule, and with the same by hand in PL/pgSQL, without
# the extension.  Where the rule is a BEFORE UPDATE trigger, a fourth one has
# suppress_redundant_updates_trigger() of the server, in C, which looks at the two
# rows and does nothing: no such trigger can cost less.  A backend under
# valgrind's callgrind changes 10,000 rows in one statement, by index; and single
# rows by a prepared statement.  Printed are instructions a row, the total as a
# ratio to that without, and what the rule adds as a ratio to what PL/pgSQL adds.
# A rule that is not there is left out.
#
#   LOADS="many one"	which of the two
#   KIND=UNLOGGED		tables without WAL: a BEFORE UPDATE trigger, of whatever
#						language, has the server lock the row, and write that too

set -euo pipefail

. "$(dirname "$0")/../setup/lib.sh"

rows=10000
few=100
many=400

# Each rule: FUNCTION, DECLARE, PLPGSQL (the body of a trigger function), FIRES,
# and the statements, of which that without a rule (PLAIN) and that for one row
# (ONE) may be others.  :from and :to are the first and the last key.
cases="optimistic_lock immutable_columns append_only audit_columns soft_delete"

case_of()
{
	ONE= PLAIN= BEFORE= FIRES="BEFORE UPDATE"
	case "$1" in
		optimistic_lock)
			BEFORE=yes
			DECLARE="SELECT invariant_guard.add_optimistic_lock('%s', 'version')"
			PLPGSQL="IF NEW.version IS DISTINCT FROM OLD.version + 1 THEN
					RAISE EXCEPTION 'stale version'; END IF; RETURN NEW;"
			STATEMENT="UPDATE %s SET v = v + 1, version = version + 1 WHERE id BETWEEN :from AND :to"
			;;
		immutable_columns)
			DECLARE="SELECT invariant_guard.add_immutable_columns('%s', '{note}')"
			PLPGSQL="IF NEW.note IS DISTINCT FROM OLD.note THEN
					RAISE EXCEPTION 'note never changes'; END IF; RETURN NEW;"
			STATEMENT="UPDATE %s SET v = v + 1 WHERE id BETWEEN :from AND :to"
			;;
		append_only)
			# what is refused costs nothing; what is not must not cost either
			DECLARE="SELECT invariant_guard.add_append_only('%s')"
			PLPGSQL="RAISE EXCEPTION 'rows are added only';"
			FIRES="BEFORE UPDATE OR DELETE"
			STATEMENT="INSERT INTO %s SELECT i, i, 1, 'n' FROM pg_catalog.generate_series(100000 + :from, 100000 + :to) i"
			ONE="INSERT INTO %s VALUES (100000 + :from, 1, 1, 'n')"
			;;
		audit_columns)
			BEFORE=yes
			DECLARE="SELECT invariant_guard.add_audit_columns('%s')"
			PLPGSQL="NEW.updated_at := now(); NEW.updated_by := current_user; RETURN NEW;"
			STATEMENT="UPDATE %s SET v = v + 1 WHERE id BETWEEN :from AND :to"
			;;
		soft_delete)
			# against the UPDATE that an application would write itself
			DECLARE="SELECT invariant_guard.add_soft_delete('%s')"
			PLPGSQL="UPDATE %s SET deleted_at = now() WHERE id = OLD.id; RETURN NULL;"
			FIRES="BEFORE DELETE"
			STATEMENT="DELETE FROM %s WHERE id BETWEEN :from AND :to"
			PLAIN="UPDATE %s SET deleted_at = now() WHERE id BETWEEN :from AND :to AND deleted_at IS NULL"
			;;
		*) ig_die "no such rule: $1" ;;
	esac
	PLAIN=${PLAIN:-$STATEMENT}
}

# statement VARIANT TABLE FROM TO
statement()
{
	local sql=$STATEMENT
	if [ "$1" = none ]; then sql=$PLAIN; fi
	if [ "$3" = "$4" ] && [ -n "$ONE" ]; then sql=$ONE; fi
	sql=${sql//:from/$3}
	sql=${sql//:to/$4}
	echo "${sql//%s/$2};"
}

database_of() { if [ "$1" = ours ]; then echo guarded; else echo without; fi; }

run_sql() { "$ig_bin/psql" -XqAtd "$1" -v ON_ERROR_STOP=1 -c "SET client_min_messages = error" -c "$2"; }

# make_table RULE VARIANT
make_table()
{
	local table=${1}_$2 db
	db=$(database_of "$2")
	run_sql "$db" "CREATE ${KIND:-} TABLE $table (id int PRIMARY KEY, v int, version int NOT NULL DEFAULT 1, note text,
			created_at timestamptz, created_by name, updated_at timestamptz, updated_by name, deleted_at timestamptz)
			WITH (autovacuum_enabled = off, fillfactor = 45);
		INSERT INTO $table SELECT i, i, 1, 'n' || i FROM generate_series(1, 3 * $rows) i;"
	run_sql "$db" "VACUUM (FREEZE, ANALYZE) $table"
	case "$2" in
		ours) run_sql guarded "${DECLARE//%s/$table}" >/dev/null ;;
		plpgsql)
			run_sql without "CREATE FUNCTION $table() RETURNS trigger LANGUAGE plpgsql AS
					\$\$ BEGIN ${PLPGSQL//%s/$table} END \$\$;
				CREATE TRIGGER t $FIRES ON $table FOR EACH ROW EXECUTE FUNCTION $table()"
			;;
		nothing)
			run_sql without "CREATE TRIGGER t BEFORE UPDATE ON $table FOR EACH ROW
				EXECUTE FUNCTION suppress_redundant_updates_trigger()"
			;;
	esac
}

# The process and then the statements: a few first, so that all caches are warm.
session()
{
	local variant=$1 table=$2 load=$3 times=$4 i
	echo "SELECT pg_backend_pid();"
	echo "SET enable_seqscan = off; SET enable_bitmapscan = off;"
	if [ "$load" = one ]; then
		echo "PREPARE one(int) AS $(statement "$variant" "$table" '$1' '$1')"
		for i in $(seq $((first_key)) $((first_key + times - 1))); do echo "EXECUTE one($i);"; done
	else
		statement "$variant" "$table" $first_key $((first_key + 9))
		if [ "$times" = 1 ]; then
			statement "$variant" "$table" $((rows + 1)) $((2 * rows))
		fi
	fi
}

# count VARIANT TABLE LOAD TIMES: the instructions of a backend
count()
{
	local pid file i
	pid=$(session "$@" | "$ig_bin/psql" -XqAtd "$(database_of "$1")" -v ON_ERROR_STOP=1 | head -n 1)
	file=$ig_work/grind/$pid
	for i in $(seq 300); do
		if grep -q '^totals:' "$file" 2>/dev/null; then break; fi
		sleep 0.1
	done
	awk '/^totals:/ { print $2 }' "$file"
}

# The difference of two sessions, by what there is more in the second.
cost()
{
	local variant=$1 table=$2 load=$3 a b less=0 more=1 divisor=$rows
	if [ "$load" = one ]; then less=$few more=$many divisor=$((many - few)); fi
	# the first one finds catalogs that nobody has read since the start
	count "$variant" "$table" "$load" 0 >/dev/null
	first_key=$((first_key + 10))
	a=$(count "$variant" "$table" "$load" $less)
	first_key=$((first_key + less + 10))
	b=$(count "$variant" "$table" "$load" $more)
	first_key=$((first_key + more + 10))
	echo $(((b - a) / divisor))
}

command -v valgrind >/dev/null || ig_apt_install valgrind
ig_require ""
ig_begin
ig_build

ig_start_cluster bench <<-CONF
	autovacuum = off
	shared_buffers = 512MB
	plan_cache_mode = force_generic_plan
CONF
"$ig_bin/createdb" without
"$ig_bin/createdb" guarded
run_sql guarded "CREATE EXTENSION invariant_guard"
run_sql guarded "ALTER DATABASE guarded SET session_preload_libraries = 'invariant_guard'"

present=
for rule in ${*:-$cases}; do
	case_of "$rule"
	if [ "$(run_sql guarded "SELECT count(*) FROM pg_proc WHERE proname = 'add_$rule'")" = 0 ]; then
		echo "$rule: not there, left out"
		continue
	fi
	present="$present $rule"
	for variant in none ours plpgsql nothing; do make_table "$rule" $variant; done
done
ig_stop_cluster bench

ig_as_server mkdir -p "$ig_work/grind"
ig_as_server valgrind --tool=callgrind --trace-children=yes --callgrind-out-file="$ig_work/grind/%p" \
	"$ig_bin/postgres" -D "$ig_work/bench/data" >"$ig_work/grind.log" 2>&1 &
until "$ig_bin/pg_isready" -q; do sleep 0.5; done

for load in ${LOADS:-many one}; do
	if [ $load = many ]; then echo "-- $rows rows in one statement, by index: instructions a row"
	else echo "-- one row, by a prepared statement: instructions a statement"; fi
	for rule in $present; do
		case_of "$rule"
		numbers=
		for variant in none ours plpgsql nothing; do
			if [ $variant = nothing ] && [ -z "$BEFORE" ]; then continue; fi
			first_key=$([ $load = many ] && echo 1 || echo 1000)
			numbers="$numbers $(cost $variant "${rule}_$variant" $load)"
		done
		echo "$numbers" | awk -v rule="$rule" '{
			printf "%-18s without %6d; the rule %6d (%+d), %.3fx; PL/pgSQL %6d (%+d), %.3fx",
				rule, $1, $2, $2 - $1, $2 / $1, $3, $3 - $1, $3 / $1
			if ($3 > $1 + 100) printf "; added: %.3f of PL/pgSQL", ($2 - $1) / ($3 - $1)
			if ($4) printf "; nothing at all, in C (%+d), %.3fx", $4 - $1, $4 / $1
			printf "\n" }'
	done
done

kill -INT "$(head -n 1 "$ig_work/bench/data/postmaster.pid")"
wait || :
