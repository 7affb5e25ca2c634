# rows_acts.sh: the acts about row rules; sourced by demo.sh, whose functions
# they use.

# at_once SQL SQL: two requests at the same time.  The first keeps its
# transaction open for a moment; what both print goes to $both.
at_once()
{
	local out_a=$ig_work/first.out out_b=$ig_work/second.out
	owner -q -A -t >"$out_a" <<<"BEGIN; $1
SELECT 'committed' FROM pg_sleep(1);
COMMIT;" &
	sleep 0.3
	owner -A -t <<<"$2" >"$out_b"
	wait $!
	echo
	show_command 'first=>  ' "$1"
	cat "$out_a"
	show_command 'second=> ' "$2"
	cat "$out_b"
	both=$(cat "$out_a" "$out_b")
}

one_of_them()
{
	[ "$(grep -c '^ERROR: ' <<<"$both")" = 1 ] && grep -q "$1" <<<"$both"
	verdict $? "$2"
}

act_two_carts()
{
	begin_act "two requests change one cart"
	works "carts have a version; an ORM would send it along" "CREATE TABLE baskets (
    id       bigint PRIMARY KEY,
    items    text NOT NULL,
    version  int NOT NULL DEFAULT 1
);
INSERT INTO baskets VALUES (1, 'nothing');
SELECT invariant_guard.add_optimistic_lock('baskets');"
	at_once "UPDATE baskets SET items = 'tea', version = 2 WHERE id = 1;" \
		"UPDATE baskets SET items = 'coffee', version = 2 WHERE id = 1;"
	one_of_them '(rule optimistic-lock)' "both had read version 1; the second one is told"
	still "one of them is stored" "SELECT version FROM baskets WHERE id = 1" 2
	works "who reads again may write" "UPDATE baskets SET items = 'tea, coffee', version = 3 WHERE id = 1 AND version = 2;"
}

act_two_deductions()
{
	begin_act "two requests deduct from one balance"
	works "a wallet holds 100" "CREATE TABLE wallets (
    user_id  bigint PRIMARY KEY,
    cents    bigint NOT NULL CHECK (cents >= 0)
);
INSERT INTO wallets VALUES (1, 100);
SELECT invariant_guard.add_relative_only('wallets', '{cents}');"
	refused relative-only "-- the application has read 100, and computes:
UPDATE wallets SET cents = 20 WHERE user_id = 1;"
	at_once "UPDATE wallets SET cents = cents - 80 WHERE user_id = 1;" \
		"UPDATE wallets SET cents = cents - 80 WHERE user_id = 1;"
	one_of_them 'wallets_cents_check' "written as a difference, the second deduction meets what the first has left"
	still "80 were deducted once" "SELECT cents FROM wallets WHERE user_id = 1" 20
}

act_lost_update()
{
	begin_act "a lost update"
	works "every UPDATE has to say which version it has read" "CREATE TABLE documents (
    id       bigint PRIMARY KEY,
    body     text NOT NULL,
    version  int NOT NULL DEFAULT 1
);
INSERT INTO documents VALUES (1, 'draft');
SELECT invariant_guard.add_optimistic_lock('documents', unversioned => 'reject');"
	refused version-predicate "UPDATE documents SET body = 'mine', version = version + 1 WHERE id = 1;"
	works "with the version in the WHERE clause it passes" \
		"UPDATE documents SET body = 'mine', version = 2 WHERE id = 1 AND version = 1;"
}

act_deleted_payment()
{
	begin_act "a payment is deleted"
	works "transfers are only added; a correction reverses" "CREATE TABLE transfers (
    id           bigint PRIMARY KEY,
    account      bigint NOT NULL,
    cents        bigint NOT NULL,
    reversal_of  bigint REFERENCES transfers UNIQUE
);
SELECT invariant_guard.add_append_only('transfers', reversal_of => 'reversal_of', amounts => '{cents}', same => '{account}');
INSERT INTO transfers VALUES (1, 7, 5000), (2, 7, 100);"
	refused append-only "DELETE FROM transfers WHERE id = 1;"
	refused append-only "UPDATE transfers SET cents = 0 WHERE id = 1;"
	refused row-rule "ALTER TABLE transfers RENAME TO old_transfers;"
	refused append-only-reversal "INSERT INTO transfers VALUES (3, 7, -4000, 1);"
	works "the whole amount, once, with the way back to the first row" "INSERT INTO transfers VALUES (3, 7, -5000, 1);"
	still "three rows, and what is left is right" "SELECT count(*), sum(cents) FROM transfers" "3|100"
}

act_soft_delete()
{
	begin_act "a row is deleted, and can come back"
	works "DELETE marks rows from now on" "CREATE TABLE members (
    id          bigint PRIMARY KEY,
    email       text NOT NULL,
    deleted_at  timestamptz,
    deletion    uuid
);
INSERT INTO members SELECT i, 'member' || i || '@example.com' FROM generate_series(1, 5) i;
SELECT invariant_guard.add_soft_delete('members', operation => 'deletion');"
	works "the application's DELETE, unchanged" "DELETE FROM members WHERE id = 4 RETURNING id, email;"
	still "the row is still there" "SELECT count(*), count(deleted_at) FROM members" "5|1"
	refused truncate "TRUNCATE members;"
	works "and comes back with its operation" "SELECT invariant_guard.soft_restore('members', deletion) FROM members WHERE id = 4;"
	still "nothing is deleted" "SELECT count(deleted_at) FROM members" 0
}
