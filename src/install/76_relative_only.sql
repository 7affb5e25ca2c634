--
-- relative_only: a column is changed by what it holds.
--
CREATE FUNCTION invariant_guard.relative_only()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_relative_only';

CREATE FUNCTION invariant_guard.add_relative_only(rel pg_catalog.regclass, columns pg_catalog.name[])
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_relative_only';

COMMENT ON FUNCTION invariant_guard.relative_only() IS
	'trigger: refuses changes by statements that were not looked at when they were planned';
COMMENT ON FUNCTION invariant_guard.add_relative_only(pg_catalog.regclass, pg_catalog.name[]) IS
	'declares that UPDATE sets columns only to what is computed from their present values';

REVOKE ALL ON FUNCTION invariant_guard.relative_only() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.relative_only() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_relative_only(pg_catalog.regclass, pg_catalog.name[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_relative_only(pg_catalog.regclass, pg_catalog.name[]) TO PUBLIC;
