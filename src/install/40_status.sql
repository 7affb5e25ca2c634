
--
-- What is in force in this session.
--
CREATE FUNCTION invariant_guard.status(
	OUT layer pg_catalog.text,
	OUT in_force pg_catalog.bool,
	OUT how pg_catalog.text,
	OUT not_covered pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_status';

COMMENT ON FUNCTION invariant_guard.status() IS
	'which layers of the guard are in force in this session, and what is not covered';

REVOKE ALL ON FUNCTION invariant_guard.status() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.status() TO PUBLIC;
