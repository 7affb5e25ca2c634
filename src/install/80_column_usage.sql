--
-- Who still uses a column.  The functions below the views take what the
-- catalogs gave them; they show nothing that anybody might not see, but for
-- names of applications and roles, which they hide themselves.
--
CREATE FUNCTION invariant_guard.column_use(
	relation pg_catalog.oid,
	attnum pg_catalog.int2,
	OUT last_read pg_catalog.timestamptz,
	OUT last_read_how pg_catalog.text,
	OUT last_read_by_name pg_catalog.timestamptz,
	OUT last_written pg_catalog.timestamptz,
	OUT last_written_how pg_catalog.text,
	OUT last_not_counted pg_catalog.timestamptz,
	OUT not_counted_as pg_catalog.text,
	OUT used_by pg_catalog.text[])
RETURNS pg_catalog.record
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_column_use';

CREATE FUNCTION invariant_guard.column_dependents(
	relation pg_catalog.oid,
	attnum pg_catalog.int2)
RETURNS pg_catalog.text[]
LANGUAGE C STABLE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_column_dependents';

CREATE FUNCTION invariant_guard.usage_observation(
	OUT server pg_catalog.text,
	OUT observed pg_catalog.bool,
	OUT since pg_catalog.timestamptz,
	OUT until pg_catalog.timestamptz,
	OUT why pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_usage_observation';

CREATE VIEW invariant_guard.column_usage AS
	SELECT n.nspname AS schema_name, c.relname AS table_name, a.attname AS column_name,
		   u.last_read, u.last_read_how, u.last_read_by_name, u.last_written, u.last_written_how,
		   u.used_by, u.last_not_counted, u.not_counted_as,
		   invariant_guard.column_dependents(c.oid, a.attnum) AS dependents,
		   c.oid::pg_catalog.regclass AS relation, a.attnum
	FROM pg_catalog.pg_class AS c
	JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
	CROSS JOIN LATERAL (
		SELECT NULL::pg_catalog.name AS attname, 0::pg_catalog.int2 AS attnum
		UNION ALL
		SELECT t.attname, t.attnum FROM pg_catalog.pg_attribute AS t
		WHERE t.attrelid OPERATOR(pg_catalog.=) c.oid
			AND t.attnum OPERATOR(pg_catalog.>) 0 AND NOT t.attisdropped) AS a
	CROSS JOIN LATERAL invariant_guard.column_use(c.oid, a.attnum) AS u
	WHERE c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v,m,f}'::pg_catalog."char"[])
		AND c.relpersistence OPERATOR(pg_catalog.<>) 't'
		AND n.nspname OPERATOR(pg_catalog.<>) ALL ('{pg_catalog,information_schema,invariant_guard}'::pg_catalog.name[])
	ORDER BY n.nspname, c.relname, a.attnum;

CREATE VIEW invariant_guard.usage_observation AS
	SELECT o.server, o.observed, o.since, o.until, o.why
	FROM invariant_guard.usage_observation() AS o
	ORDER BY o.server OPERATOR(pg_catalog.<>) 'this server', o.server,
			 NOT o.observed, o.since;

CREATE FUNCTION invariant_guard.reset_column_usage()
RETURNS pg_catalog.void
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_reset_column_usage';

CREATE FUNCTION invariant_guard.export_column_usage()
RETURNS SETOF pg_catalog.text
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_export_column_usage';

CREATE FUNCTION invariant_guard.merge_column_usage(jsonl pg_catalog.text)
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_merge_column_usage';

CREATE FUNCTION invariant_guard.forget_standby(name pg_catalog.text)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_forget_standby';

COMMENT ON FUNCTION invariant_guard.column_use(pg_catalog.oid, pg_catalog.int2) IS
	'when a column was last read and written, in which way and by whom; attnum 0 is the table';
COMMENT ON FUNCTION invariant_guard.column_dependents(pg_catalog.oid, pg_catalog.int2) IS
	'what uses a column without a query: views, policies, indexes, triggers, publications, the text of functions';
COMMENT ON FUNCTION invariant_guard.usage_observation() IS
	'the times in which the use of columns was observed in this database, and those in which it was not';
COMMENT ON VIEW invariant_guard.column_usage IS
	'the last use of each column that a query made, a row with no column for the table as a whole, and what uses it without a query';
COMMENT ON VIEW invariant_guard.usage_observation IS
	'the times in which the use of columns was observed in this database, and those in which it was not';
COMMENT ON FUNCTION invariant_guard.reset_column_usage() IS
	'forgets the use of all columns of this database: it is observed from now on';
COMMENT ON FUNCTION invariant_guard.export_column_usage() IS
	'the usage record of this database as lines of JSON, for merge_column_usage() on the primary';
COMMENT ON FUNCTION invariant_guard.merge_column_usage(pg_catalog.text) IS
	'adds what a standby has exported to the usage record; returns how many columns and tables that were';
COMMENT ON FUNCTION invariant_guard.forget_standby(pg_catalog.text) IS
	'no longer expects the reads of a standby to be merged; false if none of that name ever was';

REVOKE ALL ON FUNCTION invariant_guard.column_use(pg_catalog.oid, pg_catalog.int2) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.column_use(pg_catalog.oid, pg_catalog.int2) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.column_dependents(pg_catalog.oid, pg_catalog.int2) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.column_dependents(pg_catalog.oid, pg_catalog.int2) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.usage_observation() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.usage_observation() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.column_usage FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.column_usage TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.usage_observation FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.usage_observation TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.reset_column_usage() FROM PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.export_column_usage() FROM PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.merge_column_usage(pg_catalog.text) FROM PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.forget_standby(pg_catalog.text) FROM PUBLIC;
