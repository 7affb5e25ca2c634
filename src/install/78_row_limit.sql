--
-- row_limit: how many rows of a table one statement may change.
--
CREATE FUNCTION invariant_guard.row_limit()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_row_limit';

CREATE FUNCTION invariant_guard.row_limit_passed(relid pg_catalog.oid, "row" pg_catalog.tid)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_row_limit_passed';

CREATE FUNCTION invariant_guard.add_row_limit(rel pg_catalog.regclass, max_rows pg_catalog.int8,
	commands pg_catalog.text[] DEFAULT '{update,delete}')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_row_limit';

COMMENT ON FUNCTION invariant_guard.row_limit() IS
	'trigger: refuses a statement that changes more rows than the limit';
COMMENT ON FUNCTION invariant_guard.row_limit_passed(pg_catalog.oid, pg_catalog.tid) IS
	'in the WHEN clause of row_limit''s INSERT trigger: counts the row, and raises at the limit; always false';
COMMENT ON FUNCTION invariant_guard.add_row_limit(pg_catalog.regclass, pg_catalog.int8, pg_catalog.text[]) IS
	'declares how many rows of a table one statement may change';

REVOKE ALL ON FUNCTION invariant_guard.row_limit() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.row_limit() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.row_limit_passed(pg_catalog.oid, pg_catalog.tid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.row_limit_passed(pg_catalog.oid, pg_catalog.tid) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_row_limit(pg_catalog.regclass, pg_catalog.int8, pg_catalog.text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_row_limit(pg_catalog.regclass, pg_catalog.int8, pg_catalog.text[]) TO PUBLIC;

