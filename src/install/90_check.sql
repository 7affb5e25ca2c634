
--
-- The last word of the installation.
--
CREATE FUNCTION invariant_guard.warn_if_not_preloaded()
RETURNS pg_catalog.void
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_warn_if_not_preloaded';

COMMENT ON FUNCTION invariant_guard.warn_if_not_preloaded() IS
	'warns when sessions do not load the library as they start';

REVOKE ALL ON FUNCTION invariant_guard.warn_if_not_preloaded() FROM PUBLIC;

SELECT invariant_guard.warn_if_not_preloaded();
