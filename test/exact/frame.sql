--
-- What the gate predicts against what the server does.
--
-- A case is a setup, which is committed, and one statement.  Whatever can be
-- measured is measured: the files of tables and indexes before and after, and
-- what the server says at DEBUG1 that it is about to read or build.
--
\set ON_ERROR_STOP on
\set QUIET on
set client_min_messages = warning;
set log_min_messages = debug1;
set default_transaction_isolation = 'read committed';

drop schema if exists exact cascade;
drop schema if exists types cascade;
create schema exact;
create schema types;

create function exact.predict(text) returns text[]
	as :'library', 'exact_predict' language c strict;
create function exact.trace(boolean) returns text[]
	as :'trace_library', 'exact_trace' language c strict;

create domain types.plain_int as int;
create domain types.checked_int as int check (value > 0);
create domain types.required_int as int not null;
create domain types.over_checked as types.checked_int;
create domain types.plain_text as text;
create domain types.short_text as varchar(10);
create domain types.c_text as text collate "C";
create domain types.plain_range as int4range;
create domain types.plain_array as int[];
create domain types.plain_moment as timestamptz;
create type types.mood as enum ('sad', 'glad');
create collation types.blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
create function types.same(int) returns int immutable language sql as 'select $1';
create cast (types.mood as int) with inout as assignment;

create table exact.cases (
	id serial primary key,
	area text not null,
	setup text not null,
	statement text not null,
	timezone text not null default 'UTC',
	unique (setup, statement, timezone));

create table exact.results (
	id int primary key,
	predicted text[],
	failed text,
	rewritten text[],
	rebuilt text[],
	verified text[],
	validated text[],
	scanned text[]);

create function exact.files() returns table (name text, kind "char", file oid, scans bigint)
	language sql volatile as $$
	select relname::text, relkind, pg_relation_filenode(oid), pg_stat_get_xact_numscans(oid)
	from pg_class
	where relnamespace = (select oid from pg_namespace where nspname = 'x')
		and relkind in ('r', 'i', 'm')
$$;

create procedure exact.run_one(c exact.cases) language plpgsql as $$
declare
	r exact.results;
	events text[];
	before_names text[];
	before_files oid[];
	before_scans bigint[];
	ok boolean := true;
begin
	set search_path = x, types, pg_catalog;
	perform set_config('timezone', c.timezone, false);
	execute 'drop table if exists pg_temp.x cascade';
	execute 'drop schema if exists x cascade';
	execute 'create schema x';
	begin
		execute c.setup;
	exception when others then
		ok := false;
	end;
	commit;
	if not ok then
		return;
	end if;

	r.id := c.id;
	begin
		r.predicted := exact.predict(c.statement);
	exception when others then
		r.predicted := array['error:' || sqlerrm];
	end;
	commit;

	select array_agg(name), array_agg(file), array_agg(scans)
		into before_names, before_files, before_scans from exact.files();
	perform exact.trace(true);
	begin
		execute c.statement;
	exception when others then
		r.failed := sqlerrm;
	end;
	events := exact.trace(false);
	select array_agg(f.name) filter (where f.kind = 'r' and not f.file = any (before_files)
									 and f.name = any (before_names)),
		array_agg(f.name) filter (where f.kind = 'i' and not f.file = any (before_files)),
		array_agg(f.name) filter (where f.kind = 'r'
								  and f.scans > before_scans[array_position(before_names, f.name)])
		into r.rewritten, r.rebuilt, r.scanned
		from exact.files() f;
	select array_agg(split_part(e, '"', 2)) filter (where e like 'verifying table%'),
		array_agg(split_part(e, '"', 2)) filter (where e like 'validating foreign key%')
		into r.verified, r.validated
		from unnest(events) e;
	insert into exact.results select r.*;
	commit;
end
$$;

create procedure exact.run() language plpgsql as $$
declare
	c exact.cases;
begin
	for c in select * from exact.cases order by id loop
		call exact.run_one(c);
	end loop;
end
$$;

-- names that are predicted under a label
create function exact.named(predicted text[], label text) returns text[] language sql as $$
	select array_agg(distinct regexp_replace(substr(p, length(label) + 2), '^x\.', '')
					 order by regexp_replace(substr(p, length(label) + 2), '^x\.', ''))
	from unnest(predicted) p where p like label || ':%'
$$;

create function exact.sorted(names text[]) returns text[] language sql as $$
	select array_agg(distinct n order by n) from unnest(names) n
$$;

-- What the gate would refuse although the server fails by itself: harmless, and
-- unavoidable where only the new type tells that an expression is wrong.
create view exact.refused_by_both as
select c.id, c.setup, c.statement, r.predicted, r.failed
from exact.cases c join exact.results r using (id)
where r.failed is not null and r.predicted && array['rewrite', 'reindex', 'recheck', 'scan'];

-- the differences; none are expected
create view exact.differences as
select c.id, c.area, c.setup, c.statement, c.timezone, d.what, r.predicted, r.failed,
	r.rewritten, r.rebuilt, r.verified, r.validated, r.scanned
from exact.cases c join exact.results r using (id),
	lateral (
		select 'error' as what where r.predicted[1] like 'error:%' and
			r.predicted[1] is distinct from 'error:' || r.failed
		union all
		select 'rewrite' where r.failed is null and
			'rewrite' = any (r.predicted) is distinct from (r.rewritten is not null)
		union all
		select 'reindex' where r.failed is null and r.rewritten is null and
			'reindex' = any (r.predicted) is distinct from (r.rebuilt is not null)
		union all
		select 'recheck' where r.failed is null and r.rewritten is null and c.area = 'type' and
			'recheck' = any (r.predicted) is distinct from
				(r.verified is not null or r.validated is not null)
		union all
		select 'foreign key' where r.failed is null and r.rewritten is null and c.area <> 'type' and
			exact.named(r.predicted, 'constraint') is distinct from exact.sorted(r.validated)
		union all
		select 'scan' where r.failed is null and c.area in ('not null', 'attach') and
			exact.named(r.predicted, 'table') is distinct from exact.sorted(r.verified)
		union all
		select 'scan' where r.failed is null and c.area = 'create' and
			exact.named(r.predicted, 'table') is distinct from exact.sorted(r.scanned)
		union all
		select 'index names' where r.failed is null and r.rewritten is null and c.area = 'type' and
			c.setup not like '%partition%' and
			exact.named(r.predicted, 'index') is distinct from exact.sorted(r.rebuilt)
		union all
		select 'key names' where r.failed is null and r.rewritten is null and c.area = 'type' and
			r.verified is null and
			exact.named(r.predicted, 'constraint') is distinct from exact.sorted(r.validated)
	) d;
