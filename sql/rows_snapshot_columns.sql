--
-- snapshot_columns
--
SET client_min_messages = warning;
CREATE ROLE regress_snp_owner;
CREATE ROLE regress_snp_user;
SET invariant_guard.mode = off;
CREATE SCHEMA snp;
GRANT ALL ON SCHEMA snp TO regress_snp_owner, regress_snp_user;
RESET invariant_guard.mode;
RESET client_min_messages;
\set VERBOSITY terse
SET search_path = snp;

CREATE TABLE products (id int PRIMARY KEY, name text, price numeric(10,2), photo text, cost numeric);
INSERT INTO products VALUES (1, 'tea', 1.50, 'p', 1), (2, 'cake', 3.25, NULL, 2);
-- without a source: they only stay
CREATE TABLE plain (id int PRIMARY KEY, price int, n int);
SELECT invariant_guard.add_snapshot_columns('plain', '{price}');
INSERT INTO plain VALUES (1, 10, 0), (2, NULL, 0);
\set VERBOSITY default
UPDATE plain SET price = 11 WHERE id = 1;
\set VERBOSITY terse
UPDATE plain SET price = 11 WHERE id = 2;
UPDATE plain SET n = 1;
DO $$
BEGIN
	UPDATE snp.plain SET price = NULL;
EXCEPTION WHEN SQLSTATE 'IGM03' THEN
	RAISE NOTICE '%', SQLSTATE;
END $$;

-- with one
BEGIN;
CREATE TABLE items (gone int, id int PRIMARY KEY, product bigint REFERENCES products, qty int DEFAULT 1,
	price numeric(10,2), product_name text, photo text);
ALTER TABLE items DROP COLUMN gone;
COMMIT;
SELECT invariant_guard.add_snapshot_columns('items', '{product_name, price, photo}', 'products', '{name, price, photo}');
SELECT invariant_guard.add_snapshot_columns('items', '{product_name, price, photo}', 'products', '{name, price, photo}');
SELECT invariant_guard.add_snapshot_columns('items', '{product_name, price, photo}', 'products', '{name, price, photo}', verify => true);
SELECT invariant_guard.add_snapshot_columns('items', '{product_name, price, photo}');
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger
WHERE tgrelid = 'items'::regclass AND NOT tgisinternal ORDER BY 1;
INSERT INTO items (id, product) VALUES (1, 1), (2, 2), (3, NULL);
INSERT INTO items (id, product, price) VALUES (4, 1, 0.99);
UPDATE products SET price = price * 2, name = upper(name);
INSERT INTO items (id, product) VALUES (5, 1);
COPY items (id, product) FROM stdin;
6	2
\.
INSERT INTO items (id, product) VALUES (6, 1) ON CONFLICT DO NOTHING;
INSERT INTO items (id, product) VALUES (6, 1) ON CONFLICT (id) DO UPDATE SET qty = items.qty + 1;
INSERT INTO items (id, product) VALUES (6, 1) ON CONFLICT (id) DO UPDATE SET price = EXCLUDED.price;
MERGE INTO items i USING (VALUES (6), (7)) s(id) ON i.id = s.id
WHEN MATCHED THEN UPDATE SET qty = 9 WHEN NOT MATCHED THEN INSERT (id, product) VALUES (s.id, 2);
TABLE items ORDER BY id;
UPDATE items SET price = 0 WHERE id = 1;
UPDATE items SET product = 2 WHERE id = 1;
INSERT INTO items (id, product) VALUES (8, 77);

-- who inserts need not read the source; the table's owner must
GRANT INSERT, SELECT, UPDATE ON items TO regress_snp_user;
SET ROLE regress_snp_user;
INSERT INTO items (id, product) VALUES (9, 1) RETURNING price, product_name;
UPDATE items SET price = 0 WHERE id = 9;
RESET ROLE;
CREATE TABLE spy (id int, product int REFERENCES products, cost numeric);
ALTER TABLE spy OWNER TO regress_snp_owner;
SET ROLE regress_snp_owner;
SELECT invariant_guard.add_snapshot_columns('spy', '{cost}', 'products');
RESET ROLE;
GRANT SELECT (id, cost) ON products TO regress_snp_owner;
SET ROLE regress_snp_owner;
SELECT invariant_guard.add_snapshot_columns('spy', '{cost}', 'products');
INSERT INTO spy VALUES (1, 1) RETURNING cost;
RESET ROLE;
REVOKE SELECT (id, cost) ON products FROM regress_snp_owner;
INSERT INTO spy VALUES (2, 1);
INSERT INTO spy VALUES (2, NULL);
GRANT SELECT (id, cost) ON products TO regress_snp_owner;
SET invariant_guard.mode = off;
ALTER TABLE products ENABLE ROW LEVEL SECURITY;
RESET invariant_guard.mode;
INSERT INTO spy VALUES (3, 1);
INSERT INTO items (id, product) VALUES (10, 1) RETURNING price;
SET invariant_guard.mode = off;
ALTER TABLE products FORCE ROW LEVEL SECURITY;
RESET invariant_guard.mode;
INSERT INTO items (id, product) VALUES (11, 1) RETURNING price;
SET invariant_guard.mode = off;
ALTER TABLE products DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
RESET invariant_guard.mode;
-- in the replica role nothing is copied, and nothing changes
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
INSERT INTO items (id, product) VALUES (12, 1) RETURNING price;
UPDATE items SET price = 0 WHERE id = 1;
RESET session_replication_role;
RESET invariant_guard.allow;
RESET invariant_guard.reason;

-- verified, in partitions; two keys of two columns to the source, which is partitioned
CREATE TABLE rates (shop int, day date, rate numeric, PRIMARY KEY (shop, day)) PARTITION BY LIST (shop);
CREATE TABLE rates_1 PARTITION OF rates FOR VALUES IN (1);
CREATE TABLE rates_2 PARTITION OF rates FOR VALUES IN (2);
INSERT INTO rates VALUES (1, '2025-01-01', 1.10), (2, '2025-01-01', 2.20), (2, '2025-01-02', 2.30);
CREATE TABLE sales (id int, k int, day date, shop int, other int, rate numeric,
	CONSTRAINT at_shop FOREIGN KEY (shop, day) REFERENCES rates (shop, day),
	CONSTRAINT at_other FOREIGN KEY (day, other) REFERENCES rates (day, shop)) PARTITION BY LIST (k);
CREATE TABLE sales_1 PARTITION OF sales FOR VALUES IN (1);
BEGIN;
CREATE TABLE sales_2 (rate numeric, x int, shop int, k int, id int, other int, day date);
ALTER TABLE sales_2 DROP COLUMN x;
ALTER TABLE sales ATTACH PARTITION sales_2 FOR VALUES IN (2);
COMMIT;
SELECT invariant_guard.add_snapshot_columns('sales', '{rate}', 'rates', verify => true);
SELECT invariant_guard.add_snapshot_columns('sales', '{rate}', 'rates', foreign_key => 'at_noon', verify => true);
SELECT invariant_guard.add_snapshot_columns('sales', '{rate}', 'rates', foreign_key => 'at_other', verify => true);
INSERT INTO sales VALUES (1, 1, '2025-01-01', 1, 2), (2, 2, '2025-01-02', 2, 2), (3, 2, '2025-01-02', 2, NULL);
INSERT INTO sales VALUES (4, 1, '2025-01-01', 1, 2, 2.2);
\set VERBOSITY default
INSERT INTO sales VALUES (5, 1, '2025-01-01', 1, 2, 2.21);
\set VERBOSITY terse
CREATE FUNCTION sneak() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.rate = 0; RETURN NEW; END';
CREATE TRIGGER zzz_sneak BEFORE INSERT ON sales_2 FOR EACH ROW EXECUTE FUNCTION sneak();
INSERT INTO sales VALUES (5, 2, '2025-01-01', 1, 2);
UPDATE sales SET k = 2 WHERE id = 1;
DROP TRIGGER zzz_sneak ON sales_2;
-- a move copies nothing, and verifies nothing
UPDATE rates SET rate = rate + 1;
UPDATE sales SET k = 3 - k;
UPDATE sales SET k = 3 - k, rate = 0 WHERE id = 1;
INSERT INTO sales VALUES (6, 1, '2025-01-01', 1, 2);
SELECT tableoid::regclass, id, k, day, shop, other, rate FROM sales ORDER BY id;
BEGIN;
SET LOCAL invariant_guard.reason = 't';
SET LOCAL invariant_guard.allow = 'snapshot-columns(sales_1.rate)';
INSERT INTO sales VALUES (7, 1, '2025-01-01', 1, 2, 0), (8, 1, '2025-01-01', 1, 2, 0);
ROLLBACK;

-- inheritance children have no foreign key of their own
CREATE TABLE base (id int, product int REFERENCES products, price numeric(10,2));
SELECT invariant_guard.add_snapshot_columns('base', '{price}', 'products', verify => true);
CREATE TABLE child () INHERITS (base);
INSERT INTO child VALUES (1, 1) RETURNING *;
INSERT INTO child VALUES (2, 1, 0);
INSERT INTO child VALUES (3, 99);
UPDATE base SET price = 0;

-- a value that the source stores out of line
BEGIN;
SET LOCAL invariant_guard.mode = off;
ALTER TABLE products ALTER COLUMN photo SET STORAGE EXTERNAL;
COMMIT;
INSERT INTO products VALUES (3, 'large', 1, repeat('x', 100000), 1);
INSERT INTO items (id, product) VALUES (20, 3);
DELETE FROM items WHERE id <> 20;
SELECT id, length(photo) FROM items;

-- renames: of the table's own columns and of the source it follows; of a source's column it cannot
SET invariant_guard.mode = off;
ALTER TABLE products RENAME TO "Products, all";
ALTER TABLE items RENAME COLUMN product TO product_id;
ALTER TABLE items RENAME COLUMN price TO "unit price";
RESET invariant_guard.mode;
INSERT INTO items (id, product_id) VALUES (21, 1) RETURNING "unit price";
SET invariant_guard.mode = off;
ALTER TABLE "Products, all" RENAME COLUMN name TO title;
RESET invariant_guard.mode;
\set VERBOSITY default
INSERT INTO items (id, product_id) VALUES (22, 1);
\set VERBOSITY terse
SET invariant_guard.mode = off;
ALTER TABLE "Products, all" RENAME COLUMN title TO name;
ALTER TABLE items DROP CONSTRAINT items_product_fkey;
RESET invariant_guard.mode;
INSERT INTO items (id, product_id) VALUES (22, 1);
SET invariant_guard.mode = off;
ALTER TABLE "Products, all" ALTER COLUMN price TYPE numeric(12,4);
DROP TABLE "Products, all";
RESET invariant_guard.mode;
INSERT INTO base VALUES (4, 1);

-- bad declarations
CREATE TABLE source (id int PRIMARY KEY, a int, v varchar(5), w varchar(9));
CREATE TABLE wrong (id int, s int REFERENCES source, a int, b bigint, v varchar(5), g int GENERATED ALWAYS AS (a) STORED);
CREATE TABLE lone (id int, a int);
SELECT invariant_guard.add_snapshot_columns('wrong', NULL);
SELECT invariant_guard.add_snapshot_columns('wrong', '{g}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{c}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', verify => true);
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', source_columns => '{a}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', 'source', verify => NULL);
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', 'source', '{a,v}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', 'source', '{nothing}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{b}', 'source', '{a}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{v}', 'source', '{w}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{s}', 'source', '{id}');
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', 'lone');
SELECT invariant_guard.add_snapshot_columns('lone', '{a}', 'source');
SELECT invariant_guard.add_snapshot_columns('wrong', '{a}', 'pg_class', '{relpages}');
SET ROLE regress_snp_user;
SELECT invariant_guard.add_snapshot_columns('snp.wrong', '{a}');
RESET ROLE;
-- written by hand
CREATE TRIGGER hand AFTER UPDATE ON lone FOR EACH ROW EXECUTE FUNCTION invariant_guard.snapshot_columns('a', 'does=nothing');
CREATE TRIGGER hand AFTER UPDATE ON lone FOR EACH ROW EXECUTE FUNCTION invariant_guard.snapshot_columns('a');
INSERT INTO lone VALUES (1, 1);
UPDATE lone SET a = 2;
CREATE TRIGGER fill BEFORE INSERT ON lone FOR EACH ROW EXECUTE FUNCTION invariant_guard.snapshot_columns('a', 'does=fill');
INSERT INTO lone VALUES (2, 1);

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA snp CASCADE;
DROP ROLE regress_snp_owner, regress_snp_user;
