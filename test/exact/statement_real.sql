--
-- Statements that refuse to run in a transaction block: they run for real, at
-- last, and the locks are read when each of their transactions is about to
-- commit.
--
\set ON_ERROR_STOP on
set client_min_messages = error;
set invariant_guard.mode = off;
create table exact_ddl.real (
	id serial primary key,
	statement text not null,
	predicted text[],
	files exact_ddl.file[],
	done text[]);
insert into exact_ddl.real (statement) values
	('vacuum product'),
	('vacuum orders'),
	('vacuum (analyze) animal'),
	('vacuum full product'),
	('vacuum full orders'),
	('reindex table orders'),
	('reindex index orders_ref_idx'),
	('reindex table concurrently customer'),
	('reindex index concurrently customer_name_idx'),
	('reindex table concurrently orders'),
	('reindex schema other'),
	('create index concurrently real_idx on product (weight)'),
	('create unique index concurrently real_idx_2 on revenue (customer_id)'),
	('drop index concurrently real_idx'),
	('cluster orders using orders_ref_idx'),
	('cluster scratch'),
	('alter table event detach partition event_0 concurrently');

insert into exact_ddl.known (statement, relation, what, reason)
select statement, relation, 'lock', 'taken, but given back before the end of the transaction'
from (values
	('vacuum orders', 'orders'),
	('vacuum orders', 'orders_2024'),
	('vacuum full orders', 'orders'),
	('vacuum full orders', 'orders_2024'),
	('cluster orders using orders_ref_idx', 'orders')) v(statement, relation);

create procedure exact_ddl.before_real(which int) language sql as $$
	update exact_ddl.real set
		predicted = (select array_agg(relation::text || ' ' || lock_mode)
					 from invariant_guard.predict_ddl(statement) where lock_mode is not null),
		files = (select array_agg(row(f.oid, f.name, f.relkind, f.file, f.scans, f.indrelid,
									  f.relpersistence)::exact_ddl.file) from exact_ddl.files f)
	where id = which
$$;

create procedure exact_ddl.after_real(which int) language sql as $$
	update exact_ddl.real set done = exact_ddl.trace(false) where id = which
$$;

set search_path = shop, other, pg_catalog;
set log_min_messages = debug5;
select unnest(array[format('call exact_ddl.before_real(%s)', id), 'do $do$ begin perform exact_ddl.trace(true); end $do$',
	statement, format('call exact_ddl.after_real(%s)', id)])
from exact_ddl.real order by id
\gexec
set log_min_messages = debug1;
reset search_path;

create view exact_ddl.real_locks as
with held as (
	select r.id, f.oid, f.name, f.relkind, f.indrelid, max(m.strength) as strength
	from exact_ddl.real r, unnest(r.done) d, unnest(r.files) f, (values
		('ShareUpdateExclusiveLock', 4), ('ShareLock', 5), ('ShareRowExclusiveLock', 6),
		('ExclusiveLock', 7), ('AccessExclusiveLock', 8)) m(mode, strength)
	where d = format('lock %s %s', f.oid, m.mode)
	group by r.id, f.oid, f.name, f.relkind, f.indrelid)
select h.id, h.name as relation, (array['SHARE UPDATE EXCLUSIVE', 'SHARE', 'SHARE ROW EXCLUSIVE',
	'EXCLUSIVE', 'ACCESS EXCLUSIVE'])[h.strength - 3] as lock_mode
from held h
where not exists (select from held t where t.id = h.id and t.oid = h.indrelid
				  and t.strength >= h.strength);

-- An index that goes CONCURRENTLY is locked in ACCESS EXCLUSIVE mode in the end,
-- when all have ceased to use it and nobody can wait: that is not told.
insert into exact_ddl.more_differences
select 0, r.statement, relation, 'lock', p.lock_mode, d.lock_mode
from (select id, split_part(p, ' ', 1) as relation, substr(p, strpos(p, ' ') + 1) as lock_mode
	  from exact_ddl.real, unnest(predicted) p) p
	full join exact_ddl.real_locks d using (id, relation) join exact_ddl.real r using (id)
where p.lock_mode is distinct from d.lock_mode
	and not (r.statement like '%concurrently%' and p.lock_mode is null and exists (
		select from unnest(r.files) f where f.name = relation and f.relkind = 'i'));
