--
-- append_only: rows are added, and never changed or removed.
--
CREATE FUNCTION invariant_guard.append_only()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_append_only';

CREATE FUNCTION invariant_guard.add_append_only(rel pg_catalog.regclass)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_append_only';

COMMENT ON FUNCTION invariant_guard.append_only() IS
	'trigger: refuses UPDATE, DELETE and TRUNCATE';
COMMENT ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass) IS
	'declares that rows of a table are added, and never changed or removed';

REVOKE ALL ON FUNCTION invariant_guard.append_only() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.append_only() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass) TO PUBLIC;

