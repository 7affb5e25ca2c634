--
-- What a statement would do.
--
CREATE FUNCTION invariant_guard.predict_ddl(
	statement pg_catalog.text,
	OUT relation pg_catalog.regclass,
	OUT lock_mode pg_catalog.text,
	OUT rewrites pg_catalog.bool,
	OUT rebuilds pg_catalog.text[],
	OUT scans pg_catalog.bool,
	OUT rechecks pg_catalog.text[],
	OUT reason pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_predict_ddl';

COMMENT ON FUNCTION invariant_guard.predict_ddl(pg_catalog.text) IS
	'what one DDL statement would lock, rewrite, rebuild, read and check, without running it';

REVOKE ALL ON FUNCTION invariant_guard.predict_ddl(pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.predict_ddl(pg_catalog.text) TO PUBLIC;
