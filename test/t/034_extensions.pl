# Other extensions are created, updated and dropped in a guarded database; each
# that this server has.  And ours is updated.

use strict;
use warnings FATAL => 'all';

use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = start_node('extensions', "shared_preload_libraries = 'invariant_guard'\n");
my $lines = sub { return split /\n/, $node->safe_psql($_[0], $_[1]) };

shop($node, 'guarded');
shop($node, 'plain', without_extension => 1);
$node->safe_psql('postgres', q{ALTER DATABASE guarded SET invariant_guard.mode = 'enforce'});
$node->safe_psql('guarded', q{SELECT invariant_guard.protect('payments', 'financial')});

# What a session says; the first line of its complaint is enough.
sub complaint
{
	my ($db, $sql) = @_;
	my $stderr = '';

	$node->psql($db, "\\set VERBOSITY terse\n$sql", stderr => \$stderr, on_error_stop => 0);
	$stderr =~ s/^psql:<stdin>:\d+: //mg;
	return $stderr;
}

my @names = $lines->('guarded', q{SELECT name FROM pg_available_extensions
	WHERE name NOT IN ('plpgsql', 'invariant_guard') ORDER BY name});
cmp_ok(scalar @names, '>', 30, 'this server has extensions');

my (@skipped, %said);
for my $name (@names)
{
	# one that lacks a library cannot be created anywhere
	my $without = complaint('plain', qq{SET client_min_messages = error; CREATE EXTENSION "$name" CASCADE;});
	if ($without =~ /could not (?:open|access|load)|is not available|has no installation script/)
	{
		push @skipped, $name;
		note("skipped: $name: $without");
		next;
	}
	is($without, '', "$name: can be created without us");

	my $create = qq{CREATE EXTENSION "$name" CASCADE;};
	is(complaint('guarded', "SET client_min_messages = error; $create"), '', "$name: CREATE EXTENSION");
	unlike(complaint('guarded', "BEGIN; DROP EXTENSION \"$name\" CASCADE; $create ROLLBACK;"),
		qr/\(rule rewrite-any\)|XX\d\d\d|unrecognized/, "$name: DROP and CREATE in a transaction");

	# what the gate says when it goes: a rule's refusal, warnings, or nothing
	my $drop = complaint('guarded', qq{DROP EXTENSION "$name";});
	my $there = $node->safe_psql('guarded', "SELECT count(*) FROM pg_extension WHERE extname = '$name'");
	is((grep { !/^(?:WARNING|ERROR):  .*\(rule [a-z-]+\)$/ && !/^DETAIL|^HINT/ } split /\n/, $drop),
		0, "$name: DROP EXTENSION says nothing but rules") or diag($drop);
	is($there, $drop =~ /ERROR/ ? '1' : '0', "$name: and does what it says");
	push @{ $said{$_} }, $name for keys %{ { map { $_ => 1 } $drop =~ /((?:WARNING|ERROR):  .*\(rule [a-z-]+)\)/g } };
	is(complaint('guarded', qq{SET client_min_messages = error; SET invariant_guard.mode = off;
			DROP EXTENSION IF EXISTS "$name" CASCADE;}),
		'', "$name: DROP EXTENSION with mode off");
	complaint('plain', qq{DROP EXTENSION "$name" CASCADE;});
}
note('not tried, since a library is missing: ' . (@skipped ? "@skipped" : 'none'));
note("$_): @{ $said{$_} }") for sort keys %said;
cmp_ok(scalar @skipped, '<', @names / 2, 'most of them were tried');

# ---- each update script of each of them
for my $update ($lines->('guarded', q{
	SELECT format('%s %s %s', v.name, v.version, e.default_version)
	FROM pg_available_extension_versions v JOIN pg_available_extensions e USING (name)
	JOIN LATERAL pg_extension_update_paths(v.name) p ON p.source = v.version AND p.target = e.default_version
	WHERE p.path IS NOT NULL AND v.version <> e.default_version
	AND v.name NOT IN ('plpgsql', 'invariant_guard') ORDER BY 1}))
{
	my ($name, $from, $to) = split / /, $update;
	my $sql = qq{CREATE EXTENSION "$name" VERSION "$from" CASCADE; ALTER EXTENSION "$name" UPDATE;};
	next if grep { $_ eq $name } @skipped;
	# some old versions cannot be created by this server any more
	next if complaint('plain', "SET client_min_messages = error; BEGIN; $sql ROLLBACK;") ne '';
	is(complaint('guarded', "SET client_min_messages = error; $sql"), '', "$name: update from $from");
	is($node->safe_psql('guarded', "SELECT extversion FROM pg_extension WHERE extname = '$name'"),
		$to, "$name: is $to");
	complaint('guarded', qq{SET client_min_messages = error; SET invariant_guard.mode = off;
		DROP EXTENSION "$name" CASCADE;});
}

# ---- what depends on an extension is not taken along unseen
$node->safe_psql('guarded', q{
	CREATE EXTENSION hstore;
	CREATE TABLE settings (id int, value hstore, other text);
	INSERT INTO settings VALUES (1, 'a=>1', 'x');
	CREATE EXTENSION pg_trgm;
	CREATE INDEX CONCURRENTLY users_trgm ON users USING gin (email gin_trgm_ops);
});
like(complaint('guarded', 'DROP EXTENSION hstore;'), qr/^ERROR:  cannot drop extension hstore because other objects/m,
	'DROP EXTENSION RESTRICT of what is used: the server says no');
is_refused($node, 'guarded', 'DROP EXTENSION hstore CASCADE;', 'drop-cascade', 'a column by DROP EXTENSION CASCADE');
is_refused($node, 'guarded', 'DROP EXTENSION pg_trgm CASCADE;', 'drop-cascade', 'an index by DROP EXTENSION CASCADE');
is($node->safe_psql('guarded', 'SELECT value FROM settings'), '"a"=>"1"', 'the column is there');

# ---- ours is updated by a script that does what update scripts do
my ($sharedir) = (run_client([ 'pg_config', '--sharedir' ]))[1] =~ /^(.*)$/m;
my $version = $node->safe_psql('guarded', q{SELECT extversion FROM pg_extension WHERE extname = 'invariant_guard'});
my $next = $version . 'next';
my $script = "$sharedir/extension/invariant_guard--$version--$next.sql";

append_to_file($script, q{\echo Use "ALTER EXTENSION invariant_guard UPDATE" to load this file. \quit
	CREATE TABLE invariant_guard.kept (a int, b int NOT NULL);
	ALTER TABLE invariant_guard.kept ADD COLUMN c bigserial, ADD CHECK (a > b);
	CREATE INDEX ON invariant_guard.kept (b);
	ALTER TABLE invariant_guard.kept RENAME COLUMN a TO d;
	DROP VIEW invariant_guard.rules;
	CREATE VIEW invariant_guard.rules AS SELECT r.name, r.code FROM invariant_guard.rules() AS r;
	GRANT SELECT ON TABLE invariant_guard.rules TO PUBLIC;
	DROP FUNCTION invariant_guard.warn_if_not_preloaded();
	DROP EVENT TRIGGER invariant_guard_rewrite;
	CREATE EVENT TRIGGER invariant_guard_rewrite ON table_rewrite
		EXECUTE FUNCTION invariant_guard.on_table_rewrite();
	ALTER EVENT TRIGGER invariant_guard_rewrite ENABLE ALWAYS;
});
append_to_file("$sharedir/extension/invariant_guard--$next--$version.sql", q{
	DROP TABLE invariant_guard.kept;
});
END { unlink grep { defined && /next/ } glob("$sharedir/extension/invariant_guard--*next*.sql") if $sharedir; }

# in the session that has the library, in one that has not, and for a database
# in which nothing else has the extension
shop($node, 'second');
for my $db ('guarded', 'second')
{
	my $labels = q{SELECT string_agg(objname || '=' || label, ' ' ORDER BY objname) FROM pg_seclabels
		WHERE provider = 'invariant_guard'};
	my $before = $node->safe_psql($db, $labels);

	is(complaint($db, "ALTER EXTENSION invariant_guard UPDATE TO '$next';"), '', "$db: ALTER EXTENSION UPDATE of ours");
	is($node->safe_psql($db, q{SELECT extversion FROM pg_extension WHERE extname = 'invariant_guard'}),
		$next, "$db: it is the next version");
	is($node->safe_psql($db, $labels), $before, "$db: the labels are there");
	cmp_ok($node->safe_psql($db, 'SELECT count(*) FROM invariant_guard.rules'), '>', 40, "$db: the new view");
	is_refused($node, $db, 'ALTER TABLE users DROP COLUMN nickname;', 'drop-column', "$db: the guard holds");
	is($node->safe_psql($db, q{SELECT bool_and(in_force) FROM invariant_guard.status() 
			WHERE layer IN ('event triggers', 'security labels')}), 't',
		"$db: its layers are in force") or diag($node->safe_psql($db, 'SELECT * FROM invariant_guard.status()'));
	is(complaint($db, 'ALTER EXTENSION invariant_guard UPDATE;'), '', "$db: and back, in a session of its own");
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', undef);
	$node->restart;
}

$node->stop;
done_testing();
