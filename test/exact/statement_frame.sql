--
-- What predict_ddl() says of a statement against what the statement does.
--
-- All statements work on one schema.  Each is predicted, then run in a
-- subtransaction with the gate off and rolled back, and once more with the
-- gate in mode observe.  What it did is read before the rollback: the locks in
-- pg_locks, the files in pg_class, the scans in the statistics, and the
-- server's own words at DEBUG1 about what it reads, builds and checks.
--
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = error;
set log_min_messages = debug1;
set invariant_guard.mode = off;
create extension if not exists invariant_guard;

drop schema if exists exact_ddl cascade;
create schema exact_ddl;

create function exact_ddl.trace(boolean) returns text[]
	as :'trace_library', 'exact_trace' language c strict;

create table exact_ddl.cases (
	id serial primary key,
	statement text not null unique,
	fails boolean not null default false,
	since int not null default 15,
	until int not null default 99);

-- one row for each relation that a statement was said to touch, or touched
create table exact_ddl.results (
	id int not null,
	relation text not null,
	predicted boolean not null,
	lock_mode text,
	rewrites boolean not null default false,
	rebuilds text[] not null default '{}',
	scans boolean not null default false,
	checks text[] not null default '{}',
	primary key (id, relation, predicted));

create table exact_ddl.outcomes (
	id int primary key,
	failed text,				-- the server's error, if it refused
	refused text,				-- the gate's error, if it could not predict
	observed int,				-- how many findings in mode observe
	unpredicted text[]);		-- and those of the net among them

-- Differences that are known, each with its reason.  One that is listed and
-- does not occur is as wrong as one that occurs and is not listed.
create table exact_ddl.known (
	statement text not null,
	relation text not null,
	what text not null,
	reason text not null,
	since int not null default 15,
	until int not null default 99,
	primary key (statement, relation, what));

-- what was found otherwise: statement_real.sql
create table exact_ddl.more_differences (
	id int, statement text, relation text, what text, said text, did text);

create view exact_ddl.files as
select c.oid, c.relname::text as name, c.relkind, pg_relation_filenode(c.oid) as file,
	pg_stat_get_xact_numscans(c.oid) as scans, i.indrelid, c.relpersistence
from pg_class c left join pg_index i on i.indexrelid = c.oid
where c.relnamespace in (select oid from pg_namespace where nspname in ('shop', 'other'))
	and c.relkind <> 'c';

create view exact_ddl.locks as
select l.relation as oid, (array_agg(m.name order by m.strength desc))[1] as name,
	max(m.strength) as strength
from pg_locks l join (values
	('ShareUpdateExclusiveLock', 'SHARE UPDATE EXCLUSIVE', 4),
	('ShareLock', 'SHARE', 5),
	('ShareRowExclusiveLock', 'SHARE ROW EXCLUSIVE', 6),
	('ExclusiveLock', 'EXCLUSIVE', 7),
	('AccessExclusiveLock', 'ACCESS EXCLUSIVE', 8)) m(mode, name, strength) using (mode)
where l.pid = pg_backend_pid() and l.locktype = 'relation' and l.granted
group by l.relation;

create type exact_ddl.file as (oid oid, name text, relkind "char", file oid, scans bigint,
	indrelid oid, relpersistence "char");

-- What was done since the files were listed.
create function exact_ddl.deeds(before exact_ddl.file[], events text[])
	returns table (relation text, lock_mode text, rewrites boolean, rebuilds text[],
				   scans boolean, checks text[])
	language sql volatile as $$
	with b as (select * from unnest(before)),
	said as (select split_part(e, '"', 2) as object, split_part(e, '"', 4) as other, e
			 from unnest(events) e),
	fk as (
		select c.conrelid, c.confrelid, c.conname::text as name
		from said join pg_constraint c on c.conname = said.object
		where e like 'validating foreign key%' and c.contype = 'f'
			and c.conrelid in (select oid from b)),
	did as (
		select b.oid, b.name, l.name as lock_mode,
			b.relkind in ('r', 'm') and f.oid is not null and f.file <> b.file as rewrites,
			coalesce((select array_agg(i.name order by i.name) from exact_ddl.files i
					  where i.indrelid = b.oid and i.file is not null and i.relkind = 'i' and
						  not exists (select from b o where o.file = i.file)), '{}') as rebuilds,
			-- a foreign key's check also reads what is referenced, if the planner says so
			b.relkind in ('r', 'm') and f.oid is not null and
				((f.scans > b.scans and not exists (
					select from fk where b.oid in (select relid from pg_partition_tree(fk.confrelid)
												   union select fk.confrelid)))
				 or exists (select from said where object = b.name and
							(e like 'verifying table%' or e like 'rewriting table%'))
				 or exists (select from said where other = b.name and e like 'building index%')
				 or exists (select from fk where fk.conrelid = b.oid and f.scans > b.scans)) as scans,
			case when b.relkind = 'r' and f.scans > b.scans +
				(select count(*) from said
				 where (e like 'verifying%' or e like 'rewriting%') and object = b.name or
					 e like 'building%' and other = b.name) then
				coalesce((select array_agg(distinct fk.name order by fk.name) from fk
						  where fk.conrelid = b.oid), '{}') else '{}' end as checks,
			b.relkind in ('i', 'I') and
				coalesce((select t.strength from exact_ddl.locks t where t.oid = b.indrelid), 0) >=
				coalesce(l.strength, 0) as covered
		from b left join exact_ddl.files f using (oid) left join exact_ddl.locks l using (oid))
	select did.name, case when not did.covered then did.lock_mode end, did.rewrites, did.rebuilds,
		did.scans, did.checks
	from did
	where (did.lock_mode is not null and not did.covered) or did.rewrites or did.rebuilds <> '{}'
		or did.scans or did.checks <> '{}'
$$;

create procedure exact_ddl.run_one(c exact_ddl.cases) language plpgsql as $$
declare
	o exact_ddl.outcomes;
	predictions exact_ddl.results[];
	deeds exact_ddl.results[];
	before exact_ddl.file[];
	events text[];
begin
	o.id := c.id;
	perform set_config('search_path', 'shop, other, pg_catalog', true);

	-- what is said
	begin
		select array_agg(row(c.id, p.relation::regclass::text, true, p.lock_mode, p.rewrites,
							 p.rebuilds, p.scans, p.rechecks)::exact_ddl.results)
			into predictions from invariant_guard.predict_ddl(c.statement) p;
		raise exception 'undo' using errcode = 'XX999';
	exception
		when sqlstate 'XX999' then null;
		when others then o.refused := sqlerrm;
	end;

	-- what is done
	begin
		select array_agg(row(f.oid, f.name, f.relkind, f.file, f.scans, f.indrelid,
							 f.relpersistence)::exact_ddl.file)
			into before from exact_ddl.files f;
		perform exact_ddl.trace(true);
		execute c.statement;
		events := exact_ddl.trace(false);
		select array_agg(row(c.id, d.relation, false, d.lock_mode, d.rewrites, d.rebuilds,
							 d.scans, d.checks)::exact_ddl.results)
			into deeds from exact_ddl.deeds(before, events) d;
		raise exception 'undo' using errcode = 'XX999';
	exception
		when sqlstate 'XX999' then null;
		when others then o.failed := sqlerrm;
	end;
	perform exact_ddl.trace(false);

	-- what the net says of it
	begin
		perform set_config('invariant_guard.mode', 'observe', true);
		perform exact_ddl.trace(true);
		execute c.statement;
		raise exception 'undo' using errcode = 'XX999';
	exception when others then null;
	end;
	select count(*), array_agg(e) filter (where e like '%: observed rewrite-any (%')
		into o.observed, o.unpredicted from unnest(exact_ddl.trace(false)) e
		where e like '%: observed %';
	perform set_config('invariant_guard.mode', 'off', false);

	insert into exact_ddl.results select * from unnest(predictions);
	insert into exact_ddl.results select * from unnest(deeds);
	insert into exact_ddl.outcomes select o.*;
end
$$;

create procedure exact_ddl.run() language plpgsql as $$
declare
	c exact_ddl.cases;
	major int := current_setting('server_version_num')::int / 10000;
begin
	for c in select * from exact_ddl.cases where major between since and until order by id loop
		call exact_ddl.run_one(c);
		commit;
	end loop;
end
$$;

create view exact_ddl.compared as
with p as (select * from exact_ddl.results where predicted),
	d as (select * from exact_ddl.results where not predicted)
select id, relation, c.statement,
	p.lock_mode as said_lock, d.lock_mode as did_lock,
	coalesce(p.rewrites, false) as said_rewrite, coalesce(d.rewrites, false) as did_rewrite,
	coalesce(p.rebuilds, '{}') as said_rebuild, coalesce(d.rebuilds, '{}') as did_rebuild,
	coalesce(p.scans, false) as said_scan, coalesce(d.scans, false) as did_scan,
	coalesce(p.checks, '{}') as said_checks, coalesce(d.checks, '{}') as did_checks
from p full join d using (id, relation) join exact_ddl.cases c using (id)
	join exact_ddl.outcomes o using (id)
where o.failed is null and o.refused is null;

-- Names of indexes; one that is new is named by the server.
create function exact_ddl.old_and_new(relation text, names text[]) returns text
	language sql stable as $$
	select string_agg(n, ', ' order by n) from (
		select case when exists (
			select from pg_index where indrelid = to_regclass('shop.' || relation)
				and indexrelid = to_regclass('shop.' || n)) then n else '(new)' end
		from unnest(names) n) t(n)
$$;

create view exact_ddl.differences as
select v.id, v.statement, v.relation, w.what, w.said, w.did
from exact_ddl.compared v,
	lateral (values
		('lock', said_lock, did_lock),
		('rewrite', said_rewrite::text, did_rewrite::text),
		('rebuild', exact_ddl.old_and_new(relation, said_rebuild),
		 exact_ddl.old_and_new(relation, did_rebuild)),
		('scan', said_scan::text, did_scan::text),
		('check', (select array_agg(distinct n order by n) from unnest(said_checks) n
				   where exists (select from pg_constraint where conname = n and contype = 'f')
					   or n = any (did_checks))::text,
		 (select array_agg(n order by n) from unnest(did_checks) n)::text)
	) w(what, said, did)
where w.said is distinct from w.did
	-- TRUNCATE gives new files, in which there is nothing to read or build
	and (w.what = 'lock' or v.statement not like 'truncate%')
	-- what the statement's own query reads is for the planner to say
	and (w.what <> 'scan' or said_scan or v.statement !~ '^(create .* as select|refresh)')
union all
select * from exact_ddl.more_differences
union all
select o.id, c.statement, '', 'error', o.refused, o.failed
from exact_ddl.outcomes o join exact_ddl.cases c using (id)
where o.refused is not null and o.refused is distinct from o.failed
union all
select o.id, c.statement, '', 'outcome', (not c.fails)::text, o.failed
from exact_ddl.outcomes o join exact_ddl.cases c using (id)
where c.fails is distinct from (o.failed is not null)
union all
select o.id, c.statement, '', 'net', null, o.unpredicted::text
from exact_ddl.outcomes o join exact_ddl.cases c using (id)
where o.unpredicted is not null;

create view exact_ddl.unexplained as
select 'not listed' as kind, d.statement, d.relation, d.what, d.said, d.did
from exact_ddl.differences d
where not exists (
	select from exact_ddl.known k
	where (k.statement, k.relation, k.what) = (d.statement, d.relation, d.what)
		and current_setting('server_version_num')::int / 10000 between k.since and k.until)
union all
select 'listed, but not so', k.statement, k.relation, k.what, null, null
from exact_ddl.known k
where current_setting('server_version_num')::int / 10000 between k.since and k.until
	and not exists (
		select from exact_ddl.differences d
		where (k.statement, k.relation, k.what) = (d.statement, d.relation, d.what));
