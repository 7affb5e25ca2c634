--
-- The schema on which the statements work: 20 column types, domains, composite
-- types, views, partitions on two levels, a default partition, inheritance,
-- foreign keys of all kinds, and everything that hangs on tables.
--
set client_min_messages = error;
set invariant_guard.mode = off;
drop schema if exists shop, other cascade;
drop extension if exists invariant_guard;
drop publication if exists exact_pub;
drop foreign data wrapper if exists exact_fdw cascade;
drop role if exists exact_owner;
drop role if exists exact_other;
create schema shop;
create schema other;
create role exact_owner;
create role exact_other;
grant all on schema shop, other to exact_owner, exact_other;
set search_path = shop, other, pg_catalog;

create type color as enum ('red', 'green');
create type address as (street text, zip int);
create type lone as (a int);
create type pair as (a int, b int);
create domain amount as numeric(12,2);
create domain positive as int check (value > 0);
create domain strict_positive as positive;
create domain loose as int;
create domain code as varchar(20);

create function touch() returns trigger language plpgsql as 'begin return new; end';
create function twice(int) returns int immutable language sql as 'select $1 * 2';

create table customer (
	id int primary key,
	email varchar(50) not null,
	name text,
	vip boolean default false,
	balance amount,
	rank positive,
	home address,
	born date,
	seen timestamptz,
	made timestamp,
	tags text[],
	data jsonb,
	raw bytea,
	key uuid,
	mood color,
	span int4range,
	ip inet,
	score real,
	big bigint,
	small smallint,
	part numeric(8,2),
	flag bit(8),
	label code,
	phone varchar(50),
	name_length int generated always as (length(name)) stored,
	boss int references customer,
	constraint customer_email_key unique (email),
	constraint customer_score_check check (score >= 0));
create index customer_name_idx on customer (name);
create index customer_lower_idx on customer (lower(email));
create index customer_big_idx on customer (big) where big > 0;
create unique index customer_key_idx on customer (key);
create index customer_phone_idx on customer (phone);
create index customer_small_idx on customer (small);
alter table customer add constraint customer_name_check check (name is not null) not valid;
alter table customer add constraint customer_born_check check (born is not null);
create statistics customer_stat on vip, rank from customer;
insert into customer (id, email, name, balance, rank, score, big, small, key, born, made, seen, part, mood, label)
	select i, 'c' || i || '@example.com', 'name ' || i, i, i, i, i, i,
		md5(i::text)::uuid, date '2000-01-01' + i, timestamp '2020-01-01', timestamptz '2020-01-01',
		i, 'red', 'l' || i
	from generate_series(1, 20) i;

create table product (
	id serial primary key,
	sku text unique not null,
	price numeric(10,2) check (price > 0),
	weight int,
	dims pair,
	note text);
insert into product (sku, price, weight, note) select 'p' || i, i, i, 'n' from generate_series(1, 20) i;

-- partitions on two levels, with a default one
create table orders (
	id bigint not null,
	day date not null,
	customer_id int not null,
	status text,
	total numeric(10,2),
	qty int,
	ref varchar(10),
	primary key (id, day)) partition by range (day);
create table orders_2023 partition of orders for values from ('2023-01-01') to ('2024-01-01');
create table orders_2024 partition of orders for values from ('2024-01-01') to ('2025-01-01')
	partition by range (day);
create table orders_2024_open partition of orders_2024 for values from ('2024-01-01') to ('2024-07-01');
create table orders_2024_rest partition of orders_2024 default;
create table orders_2027 partition of orders for values from ('2027-12-01') to ('2028-01-01');
create table orders_rest partition of orders default;
create index orders_ref_idx on orders (ref);
create index orders_customer_idx on orders (customer_id);
alter table orders add constraint orders_customer_fkey foreign key (customer_id) references customer;
create trigger orders_touch before update on orders for each row execute function touch();
insert into orders select i, date '2023-06-01' + i * 30, 1 + i % 20,
	case when i % 2 = 0 then 'open' else 'shut' end, i, i, 'r'
	from generate_series(1, 40) i;
create table orders_2026 (like orders including all);
alter table orders_2026 add constraint orders_2026_day
	check (day >= '2026-12-01' and day < '2027-12-01');
create table orders_2028 (like orders including defaults);
create table orders_2024_oct (like orders including defaults);
insert into orders_2028 values (1, '2028-05-05', 1, 'open', 1);

create table order_line (
	order_id bigint,
	order_day date,
	line int,
	product_id int references product on delete cascade,
	quantity int,
	primary key (order_id, order_day, line),
	constraint order_line_order_fkey foreign key (order_id, order_day) references orders);
insert into order_line select id, day, 1, 1 + id % 20, 1 from orders;
alter table order_line add constraint order_line_quantity_check check (quantity > 0) not valid;

-- partitions without anything else
create table event (id int, kind text, at timestamptz) partition by hash (id);
create table event_0 partition of event for values with (modulus 3, remainder 0);
create table event_1 partition of event for values with (modulus 3, remainder 1);
insert into event select i, 'k', now() from generate_series(1, 20) i
	where not satisfies_hash_partition('event'::regclass, 3, 2, i);

-- inheritance
create table animal (id int, name text, legs int, constraint animal_legs check (legs > 0));
create table bird (wings int) inherits (animal);
create table duck (sound text) inherits (bird);
create table fish (id int, name text, legs int, fins int, constraint animal_legs check (legs > 0));
create table dog (legs int, tail int) inherits (animal);
insert into animal values (1, 'a', 4);
insert into bird values (2, 'b', 2, 2);
insert into duck values (3, 'd', 2, 2, 'quack');
insert into dog values (4, 'e', 4, 1);
create index animal_name_idx on animal (name);

-- foreign keys, one of them not yet valid
create table payment (
	id int generated by default as identity primary key,
	customer_id int,
	product_id int,
	paid amount,
	doubled int generated always as (4) stored);
alter table payment add constraint payment_customer_fkey foreign key (customer_id)
	references customer not valid;
alter table payment add constraint payment_product_fkey foreign key (product_id)
	references product;
insert into payment (customer_id, product_id, paid) select i, i, i from generate_series(1, 20) i;
create table ledger (id int generated always as identity, entry text, seq_no bigserial);
insert into ledger (entry) select 'e' from generate_series(1, 20);
create unlogged table scratch (id int primary key, v text);
insert into scratch select i, 'v' from generate_series(1, 20) i;
alter table scratch cluster on scratch_pkey;

-- a key that no view selects
create table region (id int primary key, name text);
create table store (id int, region_id int references region, other_id int);
alter table store add constraint store_other_fkey foreign key (other_id) references region not valid;
insert into region select i, 'r' from generate_series(1, 20) i;
insert into store select i, i, i from generate_series(1, 20) i;

-- a table OF a type, and columns of it
create table place of address;
insert into place values ('s', 1);
create table stay (id int, at address);

create view live_customer as select id, email, name from customer where vip is not null;
create view customer_orders as select c.id, o.total from live_customer c join orders o on o.customer_id = c.id;
create view product_price as select id, price from product;
create materialized view revenue as select customer_id, sum(total) as total from orders group by 1;
create unique index revenue_idx on revenue (customer_id);
create materialized view empty_view as select id from product with no data;
create sequence free_seq;
create rule ledger_rule as on update to ledger do also nothing;
create trigger product_touch before update on product for each row execute function touch();
create policy customer_policy on customer using (vip);
create table secured (id int);
alter table secured enable row level security;
create foreign data wrapper exact_fdw;
create server exact_server foreign data wrapper exact_fdw;
create foreign table remote (id int, v text) server exact_server;
create view remote_view as select * from remote;
create publication exact_pub for table product, ledger;
create table tagged (id int, mood color default 'red', amounts amount, ranks loose[]);
insert into tagged values (1, 'red', 1, '{1}');
create table owned (id serial, v text);
create index owned_idx on owned (v);
alter table owned owner to exact_owner;
analyze;
