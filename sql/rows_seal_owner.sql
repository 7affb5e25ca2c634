--
-- The seals of an append-only table stay what they are: by their constraint, and
-- by the owner of both tables
--
SET client_min_messages = warning;
CREATE ROLE regress_so_old;
CREATE ROLE regress_so_new;
CREATE ROLE regress_so_member IN ROLE regress_so_old, regress_so_new;
CREATE SCHEMA so;
GRANT USAGE, CREATE ON SCHEMA so TO regress_so_old, regress_so_new;
SET search_path = so;
RESET client_min_messages;
SET ROLE regress_so_old;
CREATE TABLE pay (id int PRIMARY KEY);
SELECT invariant_guard.add_append_only('pay');
INSERT INTO pay SELECT generate_series(1, 5);
SELECT number FROM invariant_guard.seal('pay');
INSERT INTO pay VALUES (0);
RESET ROLE;

-- the constraint
ALTER TABLE pay_seals RENAME CONSTRAINT seals_of TO other;
ALTER TABLE pay_seals DROP CONSTRAINT seals_of;
CREATE TABLE plain (id int, CONSTRAINT seals_of CHECK (id > 0));
ALTER TABLE plain RENAME CONSTRAINT seals_of TO other;
ALTER TABLE plain DROP CONSTRAINT other;
SELECT rule, message FROM invariant_guard.check_ddl('ALTER TABLE so.pay_seals RENAME CONSTRAINT seals_of TO other');

-- the owner of the seals alone, and of the table, which takes them along
ALTER TABLE pay_seals OWNER TO regress_so_new;
ALTER TABLE pay_seals OWNER TO regress_so_old;
SET ROLE regress_so_member;
ALTER TABLE so.pay OWNER TO regress_so_new;
RESET ROLE;
SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('pay', 'pay_seals') AND relnamespace = 'so'::regnamespace ORDER BY 1;
INSERT INTO pay VALUES (0);
REASSIGN OWNED BY regress_so_new TO regress_so_old;
SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('pay', 'pay_seals') AND relnamespace = 'so'::regnamespace ORDER BY 1;
INSERT INTO pay VALUES (0);
ALTER TABLE pay OWNER TO regress_so_new;
INSERT INTO pay VALUES (0);
SELECT weakness FROM invariant_guard.verify_rules('pay');
BEGIN;
ALTER TABLE pay OWNER TO regress_so_old;
ROLLBACK;
BEGIN;
ALTER TABLE pay OWNER TO regress_so_old;
ALTER TABLE pay OWNER TO regress_so_new;
COMMIT;
SELECT relname, relowner::regrole FROM pg_class WHERE relname IN ('pay', 'pay_seals') AND relnamespace = 'so'::regnamespace ORDER BY 1;

-- allowed, or made where nobody looked: verify_rules() tells, and the way back passes
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'row-rule(so.pay_seals)';
ALTER TABLE pay_seals OWNER TO regress_so_old;
COMMIT;
SELECT severity, rule, weakness, mend FROM invariant_guard.verify_rules('pay');
ALTER TABLE pay_seals OWNER TO regress_so_new;
SELECT weakness FROM invariant_guard.verify_rules('pay');
INSERT INTO pay VALUES (0);

-- partitions find the seals above
CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100);
SELECT invariant_guard.add_append_only('parts');
INSERT INTO parts VALUES (1), (2);
SELECT number FROM invariant_guard.seal('parts');
ALTER TABLE parts_1 OWNER TO regress_so_new;
INSERT INTO parts VALUES (0);
ALTER TABLE parts OWNER TO regress_so_new;
SELECT relowner::regrole FROM pg_class WHERE oid = 'parts_seals'::regclass;
INSERT INTO parts VALUES (0);
SELECT weakness FROM invariant_guard.verify_rules('parts');

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DROP SCHEMA so CASCADE;
DROP ROLE regress_so_member, regress_so_old, regress_so_new;
