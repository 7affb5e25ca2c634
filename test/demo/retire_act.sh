# An act of the demo: a column is retired while an old client still reads it.
# To be sourced by demo.sh, whose functions it uses.  The act makes the server
# preload the library, since uses are recorded only so before PostgreSQL 17; and
# it adds a column of its own, so that it can be played at any place.
# shellcheck shell=bash

# The old version of the application: it has prepared its statement long ago, and
# runs it again and again, until its input ends.
start_old_client()
{
	mkfifo "$ig_work/old_client"
	PGAPPNAME='mobile 3.1' psql -X -q -A -t -U shop -d shop <"$ig_work/old_client" >/dev/null 2>&1 &
	old_client=$!
	exec 9>"$ig_work/old_client"
	echo 'PREPARE show AS SELECT nickname FROM users WHERE id = $1;' >&9
	(while echo 'EXECUTE show(1);' >&9 2>/dev/null && sleep 0.3; do :; done) &
	old_client_reads=$!
}

stop_old_client()
{
	kill "$old_client_reads"
	wait "$old_client_reads" 2>/dev/null
	exec 9>&-
	wait "$old_client"
	rm "$ig_work/old_client"
}

# until_true QUERY: for half a minute at most
until_true()
{
	local i
	for i in {1..60}; do
		[ "$(ask "$1")" = t ] && return 0
		sleep 0.5
	done
	return 1
}

act_retire()
{
	local retired="invariant_guard.retirements WHERE rel = 'users'::regclass AND \"column\" = 'nickname'"

	begin_act "a column that an old client still reads"
	works "(unless an earlier act has dropped it)" "ALTER TABLE users ADD COLUMN IF NOT EXISTS nickname text;"
	admin -q -c "ALTER SYSTEM SET shared_preload_libraries = 'invariant_guard'" \
		-c "ALTER DATABASE shop SET invariant_guard.retirement_period = '4s'"
	ig_as_server "$ig_bin/pg_ctl" -D "$PGHOST/data" -l "$ig_log" -w -t 120 -m fast restart >/dev/null
	verdict $? "the server preloads the library and records who uses which column; a week is 4 seconds here"
	start_old_client
	refused drop-column 'ALTER TABLE users DROP COLUMN nickname;'
	hint_works "the owner retires it, which is the first step of the HINT"
	until_true "SELECT read_at IS NOT NULL FROM $retired"
	sleep 4
	refused drop-too-early 'ALTER TABLE users DROP COLUMN nickname;'
	grep -q '^ERROR: .*application "mobile 3.1" has used it since it was retired' <<<"$refusal"
	verdict $? "the old version of the application is named, though its statement was prepared before"
	works "who holds it, and until when, is in a view" \
		"SELECT \"column\", read_by, may_go > now() AS later, held_by FROM $retired;"
	stop_old_client
	echo
	echo "... the last client of version 3.1 is gone ..."
	until_true "SELECT held_by = '{}' FROM $retired"
	verdict $? "nothing has used it for the period"
	works "now it can go" "ALTER TABLE users DROP COLUMN nickname;"
	still "and it is gone" "SELECT count(*) FROM pg_attribute
		WHERE attrelid = 'users'::regclass AND attname = 'nickname'" 0
	admin -q -c "ALTER DATABASE shop RESET invariant_guard.retirement_period"
}
