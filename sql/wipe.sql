--
-- Family W: data is wiped.  The routes by which a drop comes are in routes.sql.
--
\set VERBOSITY terse
CREATE SCHEMA wipe;
SET search_path = wipe;
CREATE TABLE users (id int PRIMARY KEY, nickname text, email text, city text, street text, born date);
INSERT INTO users SELECT i, i, i, i, i FROM generate_series(1, 100) i;
CREATE INDEX CONCURRENTLY users_city_street ON users (city, street);
CREATE INDEX CONCURRENTLY users_adult ON users (id) WHERE born IS NOT NULL;
CREATE INDEX CONCURRENTLY users_mail ON users (lower(email), id);
CREATE INDEX CONCURRENTLY users_cover ON users (id) INCLUDE (nickname);
CREATE INDEX CONCURRENTLY users_email ON users (email);
ANALYZE users;

-- drop-column; an index over the column alone goes with it without a word
\set VERBOSITY default
ALTER TABLE users DROP COLUMN street;
\set VERBOSITY terse
-- drop-column-index: multi-column, partial, expression, INCLUDE
ALTER TABLE users DROP COLUMN city;
ALTER TABLE users DROP COLUMN born;
ALTER TABLE users DROP COLUMN email;
ALTER TABLE users DROP COLUMN nickname;
ALTER TABLE users DROP COLUMN IF EXISTS city, DROP COLUMN IF EXISTS nothing;
DROP INDEX CONCURRENTLY users_city_street, users_mail, users_adult, users_cover;
DROP INDEX CONCURRENTLY users_city_street;
DROP INDEX CONCURRENTLY users_mail;
ALTER TABLE users DROP COLUMN city;
ALTER TABLE users DROP COLUMN email;

-- drop-table, with IF EXISTS, several at once; foreign tables; not what is new or temporary
DROP TABLE users;
DROP TABLE IF EXISTS users, nobody;
CREATE TABLE a1 (id int);
CREATE TABLE a2 (id int);
DROP TABLE a1, a2;
BEGIN;
CREATE TABLE a3 (id int);
DROP TABLE a3, a1;
ROLLBACK;
BEGIN;
CREATE TABLE a3 (id int);
CREATE TEMP TABLE a4 (id int);
DROP TABLE a3, a4;
ROLLBACK;
CREATE FOREIGN DATA WRAPPER wipe_wrapper;
CREATE SERVER wipe_server FOREIGN DATA WRAPPER wipe_wrapper;
CREATE FOREIGN TABLE remote (id int) SERVER wipe_server;
DROP FOREIGN TABLE remote;
DROP SERVER wipe_server CASCADE;

-- drop-materialized-view, drop-sequence
CREATE MATERIALIZED VIEW mv AS SELECT id FROM users;
DROP MATERIALIZED VIEW mv;
CREATE SEQUENCE s;
DROP SEQUENCE s;
CREATE TABLE with_serial (id serial);
DROP SEQUENCE with_serial_id_seq;
DROP SEQUENCE with_serial_id_seq CASCADE;
BEGIN;
CREATE SEQUENCE s2;
CREATE MATERIALIZED VIEW mv2 AS SELECT 1 AS one;
DROP SEQUENCE s2;
DROP MATERIALIZED VIEW mv2;
ROLLBACK;

-- drop-schema: empty or not, but not a new one
CREATE SCHEMA wipe_empty;
DROP SCHEMA wipe_empty;
DROP SCHEMA IF EXISTS wipe_none;
BEGIN;
CREATE SCHEMA wipe_new CREATE TABLE t (a int);
DROP SCHEMA wipe_new CASCADE;
ROLLBACK;
\set VERBOSITY default
DROP SCHEMA wipe_empty CASCADE;
\set VERBOSITY terse

-- drop-owned
CREATE ROLE regress_ig_owner;
DROP OWNED BY regress_ig_owner;
ALTER TABLE a1 OWNER TO regress_ig_owner;
DROP OWNED BY regress_ig_owner;
DROP OWNED BY regress_ig_owner CASCADE;
ALTER TABLE a1 OWNER TO CURRENT_USER;

-- drop-cascade: what would go is listed
CREATE VIEW v AS SELECT nickname FROM users;
CREATE VIEW vv AS SELECT * FROM v;
\set VERBOSITY default
DROP VIEW v CASCADE;
ALTER TABLE users DROP COLUMN nickname CASCADE;
\set VERBOSITY terse
DROP VIEW v;
DROP VIEW vv CASCADE;

-- truncate, truncate-cascade
CREATE TABLE orders (id int PRIMARY KEY, user_id int REFERENCES users);
CREATE TABLE items (id int PRIMARY KEY, order_id int REFERENCES orders);
TRUNCATE items;
TRUNCATE ONLY items RESTART IDENTITY;
TRUNCATE users;
TRUNCATE users CASCADE;
BEGIN;
CREATE TABLE fresh (id int);
TRUNCATE fresh;
TRUNCATE fresh, items;
ROLLBACK;
CREATE TABLE part (id int) PARTITION BY RANGE (id);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10);
TRUNCATE part;
TRUNCATE part1;

-- replace-table: dropped, and created again or put in its place by a rename, in one transaction
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-table(wipe.a2)';
DROP TABLE a2;
SAVEPOINT s;
CREATE TABLE a2 (id bigint);
ROLLBACK TO s;
CREATE TABLE a5 (id bigint);
ALTER TABLE a5 RENAME TO a2;
ROLLBACK;
BEGIN;
SET LOCAL invariant_guard.reason = 'test';
SET LOCAL invariant_guard.allow = 'drop-table(wipe.a2)';
SAVEPOINT s;
DROP TABLE a2;
ROLLBACK TO s;
CREATE TABLE a6 (id bigint);
COMMIT;

-- unlogged-table
ALTER TABLE a1 SET UNLOGGED;
CREATE UNLOGGED TABLE scratch (id int);
SET invariant_guard.protected_tables = 'wipe.kept_*';
CREATE UNLOGGED TABLE kept_one (id int);
CREATE UNLOGGED TABLE "kept_""two" AS SELECT 1 AS one;
CREATE TABLE kept_one (id int);
RESET invariant_guard.protected_tables;

-- drop-publication, alter-publication-drop: warnings
SET client_min_messages = error;
CREATE PUBLICATION wipe_pub FOR TABLE a1, a2;
RESET client_min_messages;
ALTER PUBLICATION wipe_pub ADD TABLE items;
ALTER PUBLICATION wipe_pub DROP TABLE items;
ALTER PUBLICATION wipe_pub SET TABLE a1, a2;
ALTER PUBLICATION wipe_pub SET TABLE a1;
DROP PUBLICATION wipe_pub;

-- drop-database: not from this database's own sessions, and only guarded ones
CREATE DATABASE regress_ig_shadow;
DROP DATABASE regress_ig_shadow;
CREATE DATABASE regress_ig_guarded;
ALTER DATABASE regress_ig_guarded SET invariant_guard.mode = enforce;
DROP DATABASE regress_ig_guarded;
ALTER DATABASE regress_ig_guarded RENAME TO regress_ig_other;
ALTER DATABASE regress_ig_guarded RESET invariant_guard.mode;
SET invariant_guard.protected_databases = 'regress_ig_g*';
DROP DATABASE regress_ig_guarded;
RESET invariant_guard.protected_databases;
DROP DATABASE regress_ig_guarded;
DROP DATABASE IF EXISTS regress_ig_guarded;

SET invariant_guard.mode = off;
SET client_min_messages = warning;
DROP SCHEMA wipe, wipe_empty CASCADE;
DROP FOREIGN DATA WRAPPER wipe_wrapper CASCADE;
DROP ROLE regress_ig_owner;
