# pg_upgrade of guarded databases, to the same major: labels, settings, event
# triggers and the guard must be there afterwards, and what is dumped the same.

use strict;
use warnings FATAL => 'all';

use File::Path;
use IgLedger;
use IgTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $settings = q{SELECT coalesce(datname, '-') || ' ' || coalesce(rolname, '-') || ' ' || setconfig::text
	FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = setdatabase
	LEFT JOIN pg_roles r ON r.oid = setrole ORDER BY 1};
my $grants = q{SELECT parname, paracl FROM pg_parameter_acl ORDER BY parname};
my $members = q{SELECT e.evtname, d.deptype, x.extname FROM pg_event_trigger e
	LEFT JOIN pg_depend d ON d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid
	AND d.refclassid = 'pg_extension'::regclass LEFT JOIN pg_extension x ON x.oid = d.refobjid
	ORDER BY 1};

sub fill
{
	my ($node) = @_;

	make_ledger($node, 'shop');
	$node->safe_psql('shop', q{
		CREATE ROLE regress_deployer;
		ALTER ROLE postgres IN DATABASE shop SET invariant_guard.message_style = 'full';
		ALTER DATABASE shop SET invariant_guard.severity = 'drop-view=error';
		ALTER DATABASE shop SET invariant_guard.environment = 'staging';
		GRANT SET ON PARAMETER invariant_guard.allow, invariant_guard.reason TO regress_deployer;
		SET invariant_guard.mode = off;
		ALTER EVENT TRIGGER invariant_guard_rewrite DISABLE;
	});
	# no extension, but a label and a mode of its own
	shop($node, 'bare', preload => 1, without_extension => 1);
	$node->safe_psql('bare', q{
		ALTER DATABASE bare SET invariant_guard.mode = 'enforce';
		SECURITY LABEL FOR invariant_guard ON TABLE payments IS 'financial';
	});
	# the extension, and nothing that preloads it
	shop($node, 'plain');
	$node->safe_psql('plain', q{SELECT invariant_guard.protect('payments', 'protected'),
		invariant_guard.retire_column('users', 'nickname', E'it''s "over"\n-- $$'),
		invariant_guard.retire_table('payments', 'financial, retired')});
}

sub facts_of
{
	my ($node) = @_;
	my %facts = map { $_ => $node->safe_psql('shop', $ledger_facts{$_}) } keys %ledger_facts;

	$facts{"event triggers of $_"} = $node->safe_psql($_, $members) for qw(shop plain);
	$facts{"labels of $_"} = $node->safe_psql($_, $ledger_facts{labels}) for qw(bare plain);
	$facts{"schema of $_"} = schema_of($node, $_, '-C') for qw(shop bare plain);
	$facts{settings} = $node->safe_psql('postgres', $settings);
	$facts{grants} = $node->safe_psql('postgres', $grants);
	return %facts;
}

sub check_guard
{
	my ($node, $how) = @_;

	ledger_is_guarded($node, 'shop', $how);
	is_refused($node, 'shop', 'TRUNCATE ledger.entry;', 'financial-truncate', "$how: TRUNCATE");
	is_refused($node, 'shop', 'DROP VIEW ledger.paid;', 'drop-view', "$how: the severity of the database");
	is_refused($node, 'bare', 'TRUNCATE payments;', 'financial-truncate', "$how: without the extension");
	is_refused($node, 'plain', 'DROP TABLE users;', 'drop-table', "$how: without preloading");
	is_refused($node, 'plain', 'DROP TABLE payments;', 'drop-too-early', "$how: a retired table");
	is_refused($node, 'plain', 'ALTER TABLE users DROP COLUMN nickname;', 'drop-too-early', "$how: a retired column");
	passes($node, 'shop', 'BEGIN; CREATE TABLE fresh (a int); ALTER TABLE fresh ADD COLUMN b int; ROLLBACK;',
		"$how: harmless DDL");
}

my $ig_bin = $ENV{PATH} =~ /^([^:]+)/ ? $1 : '';
my $work = PostgreSQL::Test::Utils::tempdir();

for my $way ([ 'session', '' ], [ 'link', '', '--link' ],
	[ 'shared', "shared_preload_libraries = 'invariant_guard'\n", '--link' ],
	[ 'enforced', "shared_preload_libraries = 'invariant_guard'\ninvariant_guard.mode = 'enforce'\n"
		. "invariant_guard.protected_databases = '*'\n" ])
{
	my ($name, $conf, @options) = @$way;
	my $old = start_node("old_$name", $conf);
	fill($old);
	my %before = facts_of($old);
	$old->stop;

	my $new = PostgreSQL::Test::Cluster->new("new_$name");
	$new->init(extra => [ '--locale=C', '--encoding=UTF8' ]);
	$new->append_conf('postgresql.conf', "log_statement = none\n$conf");

	my $dir = "$work/$name";
	mkpath($dir);
	chdir($dir);
	my ($status, $out, $err) = run_client([
		'pg_upgrade', '--no-sync', @options, '-d', $old->data_dir, '-D', $new->data_dir,
		'-b', $ig_bin, '-B', $ig_bin, '-s', $new->host, '-p', $old->port, '-P', $new->port ]);
	is($status, 0, "$name: pg_upgrade") or diag($out);
	like($out, qr/Upgrade Complete/, "$name: pg_upgrade says so");
	chdir($work);

	$new->start;
	my %after = facts_of($new);
	is($after{$_}, $before{$_}, "$name: $_") for sort keys %before;
	check_guard($new, $name);

	# and it goes as it came, for a superuser who says so
	passes($new, 'shop', 'SET invariant_guard.mode = off; DROP EXTENSION invariant_guard; CREATE EXTENSION invariant_guard;',
		"$name: the extension can be dropped and created");
	$new->stop;
	$old->clean_node if @options;
}

done_testing();
