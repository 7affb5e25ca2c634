--
-- frozen_rows: neither changed nor deleted while a condition holds.
--
CREATE FUNCTION invariant_guard.frozen_rows()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_frozen_rows';

CREATE FUNCTION invariant_guard.add_frozen_rows(
	rel pg_catalog.regclass,
	condition pg_catalog.text,
	allow pg_catalog.name[] DEFAULT '{}')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_frozen_rows';

COMMENT ON FUNCTION invariant_guard.frozen_rows() IS
	'trigger: refuses to change, delete or truncate rows for which its condition holds';
COMMENT ON FUNCTION invariant_guard.add_frozen_rows(pg_catalog.regclass, pg_catalog.text, pg_catalog.name[]) IS
	'declares that rows of a table are neither changed nor deleted while a condition holds';

REVOKE ALL ON FUNCTION invariant_guard.frozen_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.frozen_rows() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_frozen_rows(pg_catalog.regclass, pg_catalog.text, pg_catalog.name[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_frozen_rows(pg_catalog.regclass, pg_catalog.text, pg_catalog.name[]) TO PUBLIC;

