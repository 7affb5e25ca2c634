
--
-- Judge a script without running it.
--
CREATE FUNCTION invariant_guard.check_ddl(
	sql pg_catalog.text,
	single_transaction pg_catalog.bool DEFAULT true,
	OUT statement pg_catalog.int4,
	OUT statement_text pg_catalog.text,
	OUT rule pg_catalog.text,
	OUT code pg_catalog.text,
	OUT level pg_catalog.text,
	OUT object pg_catalog.text,
	OUT lock pg_catalog.text,
	OUT message pg_catalog.text,
	OUT detail pg_catalog.text,
	OUT hint pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_check_ddl';

COMMENT ON FUNCTION invariant_guard.check_ddl(pg_catalog.text, pg_catalog.bool) IS
	'what the gate would say of each statement of a script, which is not run';

REVOKE ALL ON FUNCTION invariant_guard.check_ddl(pg_catalog.text, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.check_ddl(pg_catalog.text, pg_catalog.bool) TO PUBLIC;
