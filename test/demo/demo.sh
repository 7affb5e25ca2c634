#!/bin/bash
#
# What the guard does, shown on a small shop in a throw-away cluster.
#
#   demo.sh [MAJOR]
#
# Each act is a command that breaks real systems, the refusal as psql shows
# it, and the way that works, most of them the very statements of the HINT.
# The demo checks itself: where a refusal does not come, or a cure does not
# work, it says so and exits with 1.  It leaves nothing behind.

set -uo pipefail

. "$(dirname "$0")/../setup/lib.sh"

here=$(cd "$(dirname "$0")" && pwd -P)
summary=()
failed=0
act_title=
act_failed=0
started=$SECONDS

if [ -t 1 ]; then
	bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' plain=$'\e[0m'
else
	bold= red= green= plain=
fi

# ---- running SQL -----------------------------------------------------------

# The owner of the database and of all its tables, which is what applications
# and migration tools usually connect as; and a superuser.
owner() { psql -X -U shop -d shop "$@" 2>&1; }
admin() { psql -X -U postgres -d shop "$@" 2>&1; }
ask() { psql -X -q -A -t -U postgres -d shop -c "$1" 2>&1; }

show_command() { sed "1s/^/$1/" <<<"$2"; }

# The HINT of what psql has printed, as SQL.  Where several rules have refused
# one statement, each has its part of the HINT, under its name.
hint_of()
{
	awk '/^HINT:  / { inside = 1; sub(/^HINT:  /, "") }
		 /^(CONTEXT|QUERY|LINE [0-9]+|LOCATION|DETAIL|ERROR|WARNING|NOTICE|SCHEMA NAME|TABLE NAME):/ { inside = 0 }
		 /^ERROR:/ { hint = "" }
		 inside { hint = hint $0 "\n" }
		 END { printf "%s", hint }' <<<"$1" |
		awk -v rule="-- ${2:-}:" '
			/^-- [a-z-]+:$/ { parts = 1; mine = ($0 == rule) }
			!parts || mine'
}

# ---- acts ------------------------------------------------------------------

begin_act()
{
	end_act
	ask 'VACUUM ANALYZE' >/dev/null
	act_title=$1
	act_failed=0
	echo
	echo "${bold}== $1${plain}"
}

end_act()
{
	if [ -z "$act_title" ]; then return; fi
	if [ $act_failed = 0 ]; then
		summary+=("${green}OK${plain}      $act_title")
	else
		summary+=("${red}FAILED${plain}  $act_title")
		failed=$((failed + 1))
	fi
	act_title=
}

verdict()
{
	if [ "$1" = 0 ]; then
		echo "${green}OK: $2${plain}"
	else
		echo "${red}FAILED: $2${plain}"
		act_failed=1
	fi
}

# refused RULE SQL: the owner tries it; the refusal is kept for the cure.
refused()
{
	sql=$2
	rule=$1
	echo
	show_command 'shop=> ' "$sql"
	refusal=$(owner <<<"$sql")
	echo "$refusal"
	grep -q '^ERROR: ' <<<"$refusal" && grep -qF "(rule $rule)" <<<"$refusal"
	verdict $? "refused by $rule"
}

# works TEXT SQL...: the owner runs it, statement by statement.
works()
{
	local text=$1
	echo
	owner -a -v ON_ERROR_STOP=1 <<<"$2"
	verdict $? "$text"
}

# hint_works TEXT [REGEX SQL]: run what the HINT says, one statement after the
# other.  Where it leaves a step to people, in a comment that matches REGEX,
# do that step by SQL.
hint_works()
{
	local text=$1 cure
	cure=$(hint_of "$refusal" "$rule")
	if ! grep -qE '^[^-[:space:]]' <<<"$cure"; then
		verdict 1 "the HINT holds no statement"
		return
	fi
	if [ $# = 3 ]; then
		cure=$(regex=$2 step=$3 awk '{ print }
			$0 ~ ENVIRON["regex"] { print ENVIRON["step"]; found = 1 }
			END { exit !found }' <<<"$cure") || { verdict 1 "the HINT leaves out: $2"; return; }
	fi
	works "$text" "$cure"
}

# hatch_works TEXT: a superuser opens the escape hatch as the HINT says, for this
# one statement, and fills in the reason.
hatch_works()
{
	local text=$1 cure
	cure=$(hint_of "$refusal" "$rule" | sed "s/invariant_guard.reason = '...'/invariant_guard.reason = 'TICKET-12'/")
	# where there is a safer way, the hatch is in a comment
	if grep -q '^SELECT invariant_guard.retire_' <<<"$cure"; then
		cure=$(printf 'BEGIN;\n%s\n%s\nCOMMIT;' "$(sed -n "s/^-- .*: \(SET LOCAL .*\)\(SET LOCAL .*\)/\1\n\2/p" <<<"$cure")" "$sql")
	fi
	if ! grep -q "^SET LOCAL invariant_guard.allow = " <<<"$cure"; then
		verdict 1 "the HINT names no allowance"
		return
	fi
	echo
	admin -a -v ON_ERROR_STOP=1 <<<"$cure"
	verdict $? "$text"
}

# still TEXT QUERY ANSWER
still()
{
	local answer
	answer=$(ask "$2")
	[ "$answer" = "$3" ]
	verdict $? "$1"
}

# ---- the play --------------------------------------------------------------

act_install()
{
	local said statement
	begin_act "the extension is created"
	echo
	show_command 'shop=# ' 'CREATE EXTENSION invariant_guard;'
	said=$(admin -q <<<'CREATE EXTENSION invariant_guard;')
	if [ -n "$said" ]; then echo "$said"; fi
	statement=$(hint_of "$said")
	grep -q '^WARNING: .*not preloaded' <<<"$said"
	verdict $? "it says what is not covered yet, and the statement that covers it"
	echo
	admin -a -v ON_ERROR_STOP=1 <<<"$statement"
	verdict $? "the library is preloaded by every new session of this database"
	echo
	show_command 'shop=# ' 'SELECT layer, in_force, how FROM invariant_guard.status();'
	admin -c 'SELECT layer, in_force, how FROM invariant_guard.status();'
	still "the gate enforces" \
		"SELECT in_force FROM invariant_guard.status() WHERE layer = 'mode' AND how LIKE 'enforce%'" t
	works "payments are financial records" "SELECT invariant_guard.protect('payments', 'financial');"
}

act_required_column()
{
	begin_act "a required column"
	refused add-required-column 'ALTER TABLE users ADD COLUMN phone text NOT NULL;'
	hint_works "the same column, and nobody had to wait" 'fill the existing rows' \
		"UPDATE users SET phone = '';"
	still "the column is there, NOT NULL" \
		"SELECT attnotnull FROM pg_attribute WHERE attrelid = 'users'::regclass AND attname = 'phone'" t
}

act_cascade()
{
	begin_act "a cascade onto payments"
	refused cascade-financial 'ALTER TABLE payments ADD CONSTRAINT payments_order_id_fkey
    FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE;'
	hint_works "the same reference; a delete elsewhere never reaches a payment"
	still "the foreign key is there, and does not cascade" \
		"SELECT confdeltype IN ('a', 'r') AND convalidated FROM pg_constraint
		 WHERE conrelid = 'payments'::regclass AND contype = 'f'" t
}

act_drop_column()
{
	begin_act "a column is dropped"
	refused drop-column 'ALTER TABLE users DROP COLUMN nickname;'
	echo
	show_command 'shop=> ' "SET invariant_guard.reason = 'I know what I do';"
	refusal_before=$refusal
	refusal=$(owner <<<"SET invariant_guard.reason = 'I know what I do';")
	echo "$refusal"
	grep -q 'permission denied' <<<"$refusal"
	verdict $? "the owner cannot open the escape hatch"
	refusal=$refusal_before
	hatch_works "a superuser can, for this rule and this column, with a reason, in the log"
	tail -n 50 "$ig_log" | grep -q 'reason "TICKET-12"'
	verdict $? "the server's log has the reason"
}

act_index()
{
	begin_act "an index that blocks writes"
	refused create-index-blocking 'CREATE INDEX orders_user_id_idx ON orders (user_id);'
	hint_works "the same index, built while the application writes"
	still "the index is valid" \
		"SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_user_id_idx'::regclass" t
}

act_rename()
{
	begin_act "a column is renamed"
	refused rename-column 'ALTER TABLE users RENAME COLUMN email TO email_address;'
	hint_works "a second column, and time for every reader to move"
	still "old and new readers find the value" \
		"SELECT count(*) FROM users WHERE email IS DISTINCT FROM email_address" 0
}

act_truncate()
{
	begin_act "TRUNCATE"
	refused truncate 'TRUNCATE carts;'
	still "the carts are still there" "SELECT count(*) > 0 FROM carts" t
	hint_works "the rows go in batches, and nobody waits"
}

act_reset()
{
	begin_act "a reset"
	refused drop-schema 'DROP SCHEMA public CASCADE;'
	still "no table is gone" "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'" 5
	works "a database without the extension may be reset at will" \
"CREATE DATABASE shop_test;
\\connect shop_test
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;"
}

act_drop_table()
{
	begin_act "DROP TABLE ... CASCADE"
	refused drop-table 'DROP TABLE users CASCADE;'
	still "users and orders are still there" \
		"SELECT (SELECT count(*) FROM users) || ' ' || (SELECT count(*) FROM orders)" "5000 20000"
	refused drop-table 'DROP TABLE carts;'
	hatch_works "a superuser opens the hatch, for the one table that is meant"
}

act_do_block()
{
	begin_act "the same, hidden in a DO block"
	refused drop-table "DO \$\$
BEGIN
    EXECUTE 'DROP TABLE ' || 'users CASCADE';
END
\$\$;"
	refused financial-truncate 'DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['"'payments'"'] LOOP
        EXECUTE format('"'TRUNCATE %I CASCADE'"', t);
    END LOOP;
END
$$;'
	still "every payment is still there" "SELECT count(*) FROM payments" 20000
	works "what a DO block makes new, it may drop" "DO \$\$
BEGIN
    CREATE TABLE scratch (id int);
    DROP TABLE scratch;
END
\$\$;"
}

prepare()
{
	ig_require "${1:-}"
	ig_begin
	echo "building for $("$ig_pg_config" --version) ..."
	ig_build || ig_die "the build failed"
	ig_start_cluster demo </dev/null || ig_die "the server did not start"
	psql -X -q -d postgres -v ON_ERROR_STOP=1 \
		-c 'CREATE ROLE shop LOGIN CREATEDB' -c 'CREATE DATABASE shop OWNER shop' ||
		ig_die "the database could not be made"
	owner -q -v ON_ERROR_STOP=1 -f - <"$here/shop.sql" || ig_die "the shop could not be set up"
}

. "$here/rows_acts.sh"
. "$here/retire_act.sh"

prepare "${1:-}"
act_install
act_required_column
act_cascade
act_drop_column
act_retire
act_index
act_rename
act_truncate
act_reset
act_drop_table
act_do_block
act_two_carts
act_two_deductions
act_lost_update
act_deleted_payment
act_soft_delete
end_act

echo
echo "${bold}== summary${plain}"
echo
printf '%s\n' "${summary[@]}"
echo
echo "$((${#summary[@]} - failed)) of ${#summary[@]} acts went as announced, in $((SECONDS - started)) seconds"
[ $failed = 0 ]
