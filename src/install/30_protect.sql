
--
-- The class of a table; SECURITY LABEL does the same.  The table's owner may
-- do so, and whoever is a member of the owner.
--
CREATE FUNCTION invariant_guard.protect(rel pg_catalog.regclass, class pg_catalog.text)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_protect';

CREATE FUNCTION invariant_guard.unprotect(rel pg_catalog.regclass, class pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.void
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_unprotect';

COMMENT ON FUNCTION invariant_guard.protect(pg_catalog.regclass, pg_catalog.text) IS
	'gives a table the class financial or protected';
COMMENT ON FUNCTION invariant_guard.unprotect(pg_catalog.regclass, pg_catalog.text) IS
	'takes a class away from a table, or all of them';

REVOKE ALL ON FUNCTION invariant_guard.protect(pg_catalog.regclass, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.protect(pg_catalog.regclass, pg_catalog.text) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.unprotect(pg_catalog.regclass, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.unprotect(pg_catalog.regclass, pg_catalog.text) TO PUBLIC;
