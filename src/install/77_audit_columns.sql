--
-- audit_columns: when and by whom a row was created and updated.
--
CREATE FUNCTION invariant_guard.audit_columns()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_audit_columns';

CREATE FUNCTION invariant_guard.add_audit_columns(
	rel pg_catalog.regclass,
	created_at pg_catalog.name DEFAULT 'created_at',
	updated_at pg_catalog.name DEFAULT 'updated_at',
	created_by pg_catalog.name DEFAULT NULL,
	updated_by pg_catalog.name DEFAULT NULL,
	imports pg_catalog.text DEFAULT 'overwrite',
	who pg_catalog.text DEFAULT 'session_user',
	clock pg_catalog.text DEFAULT 'transaction')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_audit_columns';

COMMENT ON FUNCTION invariant_guard.audit_columns() IS
	'trigger: stores when and by whom a row was created and updated';
COMMENT ON FUNCTION invariant_guard.add_audit_columns(pg_catalog.regclass, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.text) IS
	'declares columns that say when and by whom a row was created and updated';

REVOKE ALL ON FUNCTION invariant_guard.audit_columns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.audit_columns() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_audit_columns(pg_catalog.regclass, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_audit_columns(pg_catalog.regclass, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.text) TO PUBLIC;

