--
-- soft_delete: what refers to soft-deleted rows, partitions, inheritance
--
CREATE SCHEMA shop;
SET search_path = shop;

-- restrict: what is live forbids the deletion of what it refers to
BEGIN;
CREATE TABLE orders (dropped int, id int PRIMARY KEY, note text, deleted_at timestamptz, op uuid);
ALTER TABLE orders DROP COLUMN dropped;
CREATE TABLE lines (id int PRIMARY KEY, "order id" int CONSTRAINT "line of order" REFERENCES orders, amount int);
CREATE TABLE parcels (id int PRIMARY KEY, order_id int REFERENCES orders, deleted_at timestamptz);
COMMIT;
INSERT INTO orders SELECT i FROM generate_series(1, 9) i;
SELECT invariant_guard.add_soft_delete('orders', operation => 'op');
SELECT invariant_guard.add_soft_delete('orders', operation => 'op');
SELECT invariant_guard.soft_delete_children('orders');
SELECT invariant_guard.add_soft_delete('parcels');
SELECT tgrelid::regclass, tgname, tgenabled, regexp_replace(pg_get_triggerdef(oid), '^.*FOR EACH', 'FOR EACH') AS definition
FROM pg_trigger WHERE NOT tgisinternal AND tgname ~ 'children|parent' ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
INSERT INTO lines VALUES (1, 1, 10), (2, NULL, 10);
INSERT INTO parcels VALUES (1, 2), (2, 3);
DELETE FROM orders WHERE id = 1;
UPDATE orders SET deleted_at = now() WHERE id = 1;
DELETE FROM orders WHERE id = 2;
DELETE FROM parcels WHERE id = 1;
DELETE FROM orders WHERE id IN (2, 4);
-- no live row comes to refer to a deleted one
INSERT INTO lines VALUES (3, 2, 10);
INSERT INTO lines VALUES (3, 3, 10);
UPDATE lines SET "order id" = 2 WHERE id = 3;
UPDATE lines SET amount = 11 WHERE id = 3;
INSERT INTO lines VALUES (3, 2, 10) ON CONFLICT (id) DO UPDATE SET "order id" = EXCLUDED."order id";
COPY lines FROM STDIN;
4	4	10
\.
MERGE INTO lines l USING (VALUES (3)) v(id) ON l.id = v.id WHEN MATCHED THEN UPDATE SET "order id" = 4;
INSERT INTO lines VALUES (4, 99, 10);
INSERT INTO parcels VALUES (3, 2);
-- deleted rows may
INSERT INTO parcels VALUES (3, 2, now());
UPDATE parcels SET order_id = 4 WHERE id = 3;
-- and come back only with what they refer to
UPDATE parcels SET deleted_at = NULL WHERE id = 3;
SELECT invariant_guard.soft_restore('orders', op) FROM orders WHERE id = 4;
UPDATE parcels SET deleted_at = NULL WHERE id = 3;
SELECT * FROM parcels WHERE id = 3;
-- in one statement, in one transaction
BEGIN;
WITH p AS (DELETE FROM parcels WHERE id = 3 RETURNING order_id) DELETE FROM orders USING p WHERE orders.id = p.order_id RETURNING orders.id;
INSERT INTO parcels VALUES (4, 4);
ROLLBACK;
DELETE FROM orders WHERE id = 9;
-- replica role: foreign keys are off, the rule is not
SET invariant_guard.reason = 't';
SET invariant_guard.allow = 'guard-self(session_replication_role)';
SET session_replication_role = replica;
INSERT INTO lines VALUES (5, 9, 10);
DELETE FROM orders WHERE id = 1;
SET session_replication_role = origin;
RESET invariant_guard.allow;
-- allowances
BEGIN;
SET LOCAL invariant_guard.allow = 'soft-delete-children(shop.orders), soft-delete-parent(shop.lines)';
DELETE FROM orders WHERE id = 1 RETURNING id;
INSERT INTO lines VALUES (5, 9, 10) RETURNING id;
ROLLBACK;
RESET invariant_guard.reason;
-- rows that break the rule are there already
CREATE TABLE folders (id int PRIMARY KEY, deleted_at timestamptz);
CREATE TABLE files (id int PRIMARY KEY, folder int REFERENCES folders);
INSERT INTO folders VALUES (1, now()), (2, NULL), (3, now());
INSERT INTO files VALUES (1, 1), (2, 2), (3, 3), (4, 3);
SELECT invariant_guard.add_soft_delete('folders');
-- independent: the deletion does not look at them, but no more come
SELECT invariant_guard.add_soft_delete('folders', children => 'independent');
DELETE FROM folders WHERE id = 2 RETURNING id;
INSERT INTO files VALUES (5, 2);
UPDATE files SET folder = 1 WHERE id = 2;
SELECT tgrelid::regclass, tgname FROM pg_trigger
WHERE NOT tgisinternal AND tgrelid IN ('folders'::regclass, 'files'::regclass) ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
-- purge: what others refer to stays
SELECT invariant_guard.purge('folders');
DELETE FROM files WHERE folder = 3;
SELECT invariant_guard.purge('folders');
SELECT id FROM folders ORDER BY id;
-- ... but for a cascade that is meant
CREATE TABLE tags (folder int REFERENCES folders ON DELETE CASCADE, tag text);
SELECT invariant_guard.soft_delete_children('folders');
INSERT INTO folders VALUES (4);
INSERT INTO tags VALUES (4, 'a'), (4, 'b');
DELETE FROM folders WHERE id = 4;
SELECT count(*) FROM tags;
SELECT invariant_guard.purge('folders');
SELECT count(*) FROM tags;

-- soft_cascade: one time, one operation for all of the tree
CREATE TABLE nodes (id int PRIMARY KEY, parent int REFERENCES nodes ON DELETE CASCADE, deleted_at timestamptz, op uuid);
CREATE TABLE leaves (id int PRIMARY KEY, node int REFERENCES nodes ON DELETE CASCADE, gone timestamp, operation uuid);
CREATE TABLE marks (id int PRIMARY KEY, leaf int, node int, FOREIGN KEY (leaf) REFERENCES leaves, FOREIGN KEY (node) REFERENCES nodes);
SELECT invariant_guard.add_soft_delete('leaves', 'gone', 'soft_cascade', 'operation');
SELECT invariant_guard.add_soft_delete('nodes', 'deleted_at', 'soft_cascade', 'op');
SELECT invariant_guard.add_soft_delete('leaves', 'gone', 'soft_cascade');
SELECT invariant_guard.add_soft_delete('leaves', 'gone', 'soft_cascade', 'operation');
INSERT INTO nodes VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, 1), (6, NULL);
INSERT INTO leaves SELECT i * 10, i FROM generate_series(1, 6) i;
-- some of it is deleted before
DELETE FROM leaves WHERE node = 2;
\set QUIET off
DELETE FROM nodes WHERE id = 5;
DELETE FROM nodes WHERE id = 1;
\set QUIET on
SELECT n.id, n.parent, n.deleted_at IS NOT NULL AS deleted, n.op = r.op AS with_1,
	l.gone IS NOT NULL AS leaf_deleted, l.operation = r.op AS leaf_with_1, l.gone = r.deleted_at::timestamp AS same_time
FROM nodes n JOIN leaves l ON l.node = n.id, (SELECT op, deleted_at FROM nodes WHERE id = 1) r ORDER BY n.id;
-- what is restored is what that operation deleted
SELECT invariant_guard.soft_restore('leaves', op) FROM nodes WHERE id = 1;
SELECT invariant_guard.soft_restore('nodes', op) FROM nodes WHERE id = 5;
SELECT invariant_guard.soft_restore('nodes', op) FROM nodes WHERE id = 1;
SELECT invariant_guard.soft_restore('nodes', op) FROM nodes WHERE id = 5;
SELECT n.id, n.deleted_at, n.op, l.gone IS NOT NULL AS leaf_deleted FROM nodes n JOIN leaves l ON l.node = n.id ORDER BY n.id;
-- a table that is not soft-deleted forbids it
INSERT INTO marks VALUES (1, 30, NULL);
DELETE FROM nodes WHERE id = 1;
DELETE FROM marks;
-- many levels
INSERT INTO nodes SELECT i, i - 1 FROM generate_series(7, 500) i;
DELETE FROM nodes WHERE id = 6 RETURNING id;
SELECT count(*), count(DISTINCT op) FROM nodes WHERE deleted_at IS NOT NULL;
SELECT invariant_guard.soft_restore('nodes', op) FROM nodes WHERE id = 6;
-- purging a tree: what refers to a row goes first
DELETE FROM nodes WHERE id = 490;
SELECT invariant_guard.purge('nodes', 4);
SELECT invariant_guard.purge('nodes');
SELECT max(id), count(*) FROM nodes;
DELETE FROM nodes WHERE id = 2;
SELECT invariant_guard.purge('nodes');
SELECT invariant_guard.purge('leaves'), invariant_guard.purge('nodes');
-- a trigger that changes the row once more does not get in the way
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN UPDATE shop.orders SET note = 'touched' WHERE id = NEW.id AND note IS NULL; RETURN NULL; END $$;
CREATE TRIGGER a_touch AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION touch();
INSERT INTO lines VALUES (10, 7, 1);
DELETE FROM orders WHERE id = 7;
DELETE FROM orders WHERE id = 8 RETURNING id;
DROP TRIGGER a_touch ON orders;
-- keys of several columns, of other types, and of text
CREATE TABLE keyed (a int8, b text COLLATE "C", c varchar(10), deleted_at timestamptz, PRIMARY KEY (a, b), UNIQUE (c));
CREATE TABLE keys (b varchar(20), a int2, c text, FOREIGN KEY (a, b) REFERENCES keyed, FOREIGN KEY (c) REFERENCES keyed (c));
SELECT invariant_guard.add_soft_delete('keyed');
INSERT INTO keyed VALUES (1, 'x', 'p'), (1, 'y', 'q'), (2, 'x', NULL);
INSERT INTO keys VALUES ('x', 1, NULL), (NULL, 1, 'q'), (NULL, 2, NULL);
DELETE FROM keyed WHERE a = 1 AND b = 'x';
DELETE FROM keyed WHERE a = 1 AND b = 'y';
DELETE FROM keyed WHERE a = 2 RETURNING a;
INSERT INTO keys VALUES ('x', 2, NULL);
-- renamed
SET invariant_guard.mode = off;
ALTER TABLE keys RENAME b TO "B";
ALTER TABLE keyed RENAME deleted_at TO gone;
ALTER TABLE keyed RENAME TO "Keyed";
RESET invariant_guard.mode;
INSERT INTO keys VALUES ('x', 2, NULL);
DELETE FROM "Keyed" WHERE a = 1 AND b = 'x';

-- a cascade from a table whose rows are removed
CREATE TABLE owners (id int PRIMARY KEY);
CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE, deleted_at timestamptz);
CREATE TABLE pets2 (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE SET NULL, deleted_at timestamptz);
CREATE TABLE pets3 (id int PRIMARY KEY, owner int DEFAULT 0 REFERENCES owners ON DELETE SET DEFAULT, deleted_at timestamptz);
CREATE TABLE pets4 (id int PRIMARY KEY, owner int REFERENCES owners, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('pets');
SELECT invariant_guard.add_soft_delete('pets2');
SELECT invariant_guard.add_soft_delete('pets3');
SELECT invariant_guard.add_soft_delete('pets4');
-- one that comes later is refused when it arrives
SET invariant_guard.mode = off;
ALTER TABLE pets4 DROP CONSTRAINT pets4_owner_fkey, ADD FOREIGN KEY (owner) REFERENCES owners ON DELETE CASCADE;
RESET invariant_guard.mode;
INSERT INTO owners VALUES (1), (2);
INSERT INTO pets4 VALUES (1, 1), (2, 2);
DELETE FROM pets4 WHERE id = 2;
DELETE FROM owners WHERE id = 1;
DELETE FROM owners WHERE id = 2;
SELECT * FROM owners;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.owners), truncate-cascade(shop.pets), truncate-cascade(shop.pets2), truncate-cascade(shop.pets3), truncate-cascade(shop.pets4)';
TRUNCATE owners CASCADE;
ROLLBACK;

-- what a trigger does that a cascade fires is a statement like any other
CREATE TABLE kennels (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE);
CREATE FUNCTION empty_kennel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN DELETE FROM shop.pets4 WHERE id = OLD.id; RETURN OLD; END $$;
CREATE TRIGGER empty BEFORE DELETE ON kennels FOR EACH ROW EXECUTE FUNCTION empty_kennel();
INSERT INTO owners VALUES (3);
INSERT INTO kennels VALUES (11, 3), (12, NULL);
INSERT INTO pets4 VALUES (11), (12);
DELETE FROM owners WHERE id = 3;
DELETE FROM kennels WHERE id = 12;
SELECT id, deleted_at IS NOT NULL AS deleted FROM pets4 WHERE id > 10 ORDER BY id;
-- partitions, with other columns' numbers
BEGIN;
CREATE TABLE events (id int, region text, k int, body text, deleted_at timestamptz, op uuid, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu') PARTITION BY RANGE (id);
CREATE TABLE events_eu_1 (x int, op uuid, y int, deleted_at timestamptz, body text, k int, region text NOT NULL, id int NOT NULL);
ALTER TABLE events_eu_1 DROP COLUMN x, DROP COLUMN y;
ALTER TABLE events_eu ATTACH PARTITION events_eu_1 FOR VALUES FROM (0) TO (100);
CREATE TABLE events_eu_2 PARTITION OF events_eu FOR VALUES FROM (100) TO (200);
CREATE TABLE events_us PARTITION OF events FOR VALUES IN ('us');
CREATE TABLE tickets (id int PRIMARY KEY, event int, region text, deleted_at timestamptz, op uuid, FOREIGN KEY (event, region) REFERENCES events ON UPDATE CASCADE);
COMMIT;
SELECT invariant_guard.add_soft_delete('events', children => 'soft_cascade', operation => 'op');
SELECT invariant_guard.add_soft_delete('tickets', operation => 'op');
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger
WHERE tgname LIKE 'zz\_ig%' AND tgrelid IN (SELECT relid FROM pg_partition_tree('events') UNION SELECT 'tickets'::regclass) ORDER BY tgrelid::regclass::text COLLATE "C", tgname;
INSERT INTO events SELECT i, r, i, 'b' FROM generate_series(1, 199, 33) i, (VALUES ('eu'), ('us')) r(r);
INSERT INTO tickets SELECT row_number() OVER (ORDER BY region, id), id, region FROM events;
\set QUIET off
DELETE FROM events WHERE id <= 34;
DELETE FROM events_eu WHERE id = 67;
DELETE FROM events_eu_1 WHERE id = 67;
DELETE FROM events_eu_2 WHERE id = 133 RETURNING id, region, k;
\set QUIET on
SELECT tableoid::regclass, id, k, deleted_at IS NOT NULL AS deleted, dense_rank() OVER (ORDER BY op IS NULL, (SELECT min(id) FROM events o WHERE o.op = events.op)) AS operation,
	(SELECT t.op = events.op FROM tickets t WHERE t.event = events.id AND t.region = events.region) AS ticket
FROM events ORDER BY id, region;
INSERT INTO tickets VALUES (100, 34, 'eu');
-- moves go on, also of deleted rows; what is no move is no delete
UPDATE events SET region = 'us', id = 300 WHERE id = 100 AND region = 'eu';
UPDATE events SET id = 34 + 100 WHERE id = 34 AND region = 'eu';
SELECT tableoid::regclass, id, deleted_at IS NOT NULL AS deleted FROM events WHERE id IN (100, 300, 134) ORDER BY id, region;
MERGE INTO events e USING (VALUES (300)) v(id) ON e.id = v.id WHEN MATCHED THEN UPDATE SET region = 'eu', id = 101;
MERGE INTO events e USING (VALUES (101)) v(id) ON e.id = v.id WHEN MATCHED THEN DELETE;
-- ... nor do they undo a mark, or forget what refers to the row
UPDATE events SET id = 34, deleted_at = NULL WHERE id = 134;
UPDATE events SET id = 34, deleted_at = now() WHERE id = 134;
UPDATE events SET id = 2, deleted_at = now() WHERE id = 101;
SELECT e.id, e.deleted_at IS NOT NULL AS deleted, t.event, t.deleted_at IS NOT NULL AS ticket_deleted, t.op = e.op AS same
FROM events e JOIN tickets t ON t.event = e.id AND t.region = e.region WHERE e.id IN (2, 101);
SELECT invariant_guard.soft_restore('events', op) FROM events WHERE id = 1 AND region = 'us';
SELECT invariant_guard.purge('events');
SELECT invariant_guard.purge('tickets'), invariant_guard.purge('events');
SELECT count(*) FROM events WHERE deleted_at IS NOT NULL;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.events_eu_2), truncate(shop.tickets)';
TRUNCATE events_eu_2, tickets;
ROLLBACK;
-- partitions that come later
CREATE TABLE events_asia PARTITION OF events FOR VALUES IN ('asia') PARTITION BY RANGE (id);
CREATE TABLE events_asia_1 PARTITION OF events_asia FOR VALUES FROM (0) TO (10);
INSERT INTO events VALUES (1, 'asia', 1);
DELETE FROM events_asia_1 RETURNING id, deleted_at IS NOT NULL AS deleted;
UPDATE events_asia_1 SET deleted_at = NULL;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'truncate(shop.events_asia_1), truncate(shop.tickets)';
TRUNCATE events_asia_1, tickets;
ROLLBACK;
-- partitioned by the mark itself: a soft delete moves the row
CREATE TABLE archive (id int, note text, deleted_at timestamptz, op uuid) PARTITION BY LIST ((deleted_at IS NULL));
CREATE TABLE archive_live PARTITION OF archive FOR VALUES IN (true);
CREATE TABLE archive_dead PARTITION OF archive FOR VALUES IN (false);
SELECT invariant_guard.add_soft_delete('archive', operation => 'op');
INSERT INTO archive VALUES (1, 'a'), (2, 'b'), (3, 'c');
\set QUIET off
DELETE FROM archive WHERE id < 3;
DELETE FROM archive WHERE id < 3;
DELETE FROM archive WHERE id = 3 RETURNING id, deleted_at IS NOT NULL AS deleted;
\set QUIET on
SELECT tableoid::regclass, id FROM archive ORDER BY id;
UPDATE archive SET deleted_at = NULL WHERE id = 1;
SELECT invariant_guard.soft_restore('archive', op) FROM archive WHERE id = 1;
SELECT tableoid::regclass, id FROM archive ORDER BY id;
UPDATE archive SET deleted_at = now(), op = NULL WHERE id = 1;
DELETE FROM archive_dead;
SELECT invariant_guard.purge('archive');
SELECT tableoid::regclass, id FROM archive ORDER BY id;
-- the table that refers is partitioned
CREATE TABLE plans (id int PRIMARY KEY, deleted_at timestamptz);
BEGIN;
CREATE TABLE tasks (id int, plan int REFERENCES plans, k int) PARTITION BY LIST (k);
CREATE TABLE tasks_1 PARTITION OF tasks FOR VALUES IN (1);
CREATE TABLE tasks_2 (k int, x int, plan int, id int);
ALTER TABLE tasks_2 DROP COLUMN x;
ALTER TABLE tasks ATTACH PARTITION tasks_2 FOR VALUES IN (2);
COMMIT;
SELECT invariant_guard.add_soft_delete('plans');
INSERT INTO plans VALUES (1), (2);
INSERT INTO tasks VALUES (1, 1, 1);
DELETE FROM plans WHERE id = 1;
DELETE FROM plans WHERE id = 2 RETURNING id;
INSERT INTO tasks VALUES (2, 2, 2);
INSERT INTO tasks_2 VALUES (2, NULL, 2);
INSERT INTO tasks_2 VALUES (2, 2, 2);
UPDATE tasks SET k = 2 WHERE id = 1 RETURNING tableoid::regclass;
UPDATE tasks SET k = 1, plan = 2 WHERE id = 1;

-- inheritance
CREATE TABLE base (id int, deleted_at timestamptz);
CREATE TABLE derived (extra int) INHERITS (base);
SELECT invariant_guard.add_soft_delete('base');
CREATE TABLE later (extra2 int) INHERITS (derived);
INSERT INTO base VALUES (1);
INSERT INTO derived VALUES (2);
INSERT INTO later VALUES (3), (4), (5);
\set QUIET off
DELETE FROM base WHERE id < 4;
DELETE FROM later WHERE id = 4;
DELETE FROM ONLY base;
\set QUIET on
SELECT tableoid::regclass, id, deleted_at IS NOT NULL AS deleted FROM base ORDER BY id;
-- from a table above that has not the rule
CREATE TABLE top (id int);
CREATE TABLE below (deleted_at timestamptz) INHERITS (top);
SELECT invariant_guard.add_soft_delete('below');
INSERT INTO below VALUES (1);
DELETE FROM top;
DELETE FROM below RETURNING id;

-- declared children first, and with owners of their own
CREATE TABLE p (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('c');
SELECT invariant_guard.add_soft_delete('p', children => 'soft_cascade', operation => 'op');
CREATE TABLE p2 (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
CREATE TABLE c2 (id int PRIMARY KEY, p int REFERENCES p2, deleted_at timestamptz);
SELECT invariant_guard.add_soft_delete('p2', children => 'soft_cascade', operation => 'op');
SELECT invariant_guard.add_soft_delete('c2');
CREATE ROLE regress_parent;
CREATE ROLE regress_child;
CREATE ROLE regress_user;
GRANT CREATE, USAGE ON SCHEMA shop TO regress_parent, regress_child;
GRANT USAGE ON SCHEMA shop TO regress_user;
SET ROLE regress_parent;
CREATE TABLE theirs (id int PRIMARY KEY, deleted_at timestamptz, op uuid);
GRANT REFERENCES ON theirs TO regress_child;
GRANT SELECT, INSERT, DELETE ON theirs TO regress_user;
SET ROLE regress_child;
CREATE TABLE ours (id int PRIMARY KEY, their int REFERENCES theirs, deleted_at timestamptz, op uuid);
ALTER TABLE ours ENABLE ROW LEVEL SECURITY;
ALTER TABLE ours FORCE ROW LEVEL SECURITY;
GRANT INSERT ON ours TO regress_user;
CREATE POLICY none ON ours FOR INSERT WITH CHECK (true);
SET ROLE regress_parent;
SELECT invariant_guard.add_soft_delete('theirs', children => 'soft_cascade', operation => 'op');
CREATE TABLE own (id int PRIMARY KEY, parent int REFERENCES own, deleted_at timestamptz, op uuid);
SELECT invariant_guard.add_soft_delete('own', children => 'soft_cascade', operation => 'op');
INSERT INTO own VALUES (1, NULL), (2, 1);
DELETE FROM own WHERE id = 1;
SELECT invariant_guard.soft_restore('own', op) FROM own WHERE id = 2;
DELETE FROM own WHERE id = 1;
SELECT invariant_guard.purge('own');
RESET ROLE;
SELECT invariant_guard.add_soft_delete('theirs', children => 'soft_cascade', operation => 'op');
SELECT invariant_guard.add_soft_delete('ours', operation => 'op');
-- who deletes and inserts needs no right to see the other table
SET ROLE regress_user;
INSERT INTO theirs VALUES (1), (2);
INSERT INTO ours VALUES (1, 1), (2, 2);
DELETE FROM theirs WHERE id = 1 RETURNING id;
INSERT INTO ours VALUES (3, 1);
RESET ROLE;
SELECT ours.id, ours.deleted_at = theirs.deleted_at AS same_time, ours.op = theirs.op AS same FROM ours JOIN theirs ON their = theirs.id ORDER BY 1;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA shop CASCADE;
DROP ROLE regress_parent, regress_child, regress_user;
