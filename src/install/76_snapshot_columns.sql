--
-- snapshot_columns: what a row copied from another one when it was made.
--
CREATE FUNCTION invariant_guard.snapshot_columns()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_snapshot_columns';

CREATE FUNCTION invariant_guard.add_snapshot_columns(
	rel pg_catalog.regclass,
	columns pg_catalog.name[],
	source pg_catalog.regclass DEFAULT NULL,
	source_columns pg_catalog.name[] DEFAULT NULL,
	foreign_key pg_catalog.name DEFAULT NULL,
	verify pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_snapshot_columns';

COMMENT ON FUNCTION invariant_guard.snapshot_columns() IS
	'trigger: copies columns from the row that a new row refers to, and refuses to change them';
COMMENT ON FUNCTION invariant_guard.add_snapshot_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.regclass, pg_catalog.name[], pg_catalog.name, pg_catalog.bool) IS
	'declares columns that are copied from another row at INSERT and never change';

REVOKE ALL ON FUNCTION invariant_guard.snapshot_columns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.snapshot_columns() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_snapshot_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.regclass, pg_catalog.name[], pg_catalog.name, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_snapshot_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.regclass, pg_catalog.name[], pg_catalog.name, pg_catalog.bool) TO PUBLIC;

