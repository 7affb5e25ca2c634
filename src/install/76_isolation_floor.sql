--
-- isolation_floor: a table is changed at an isolation level or above it.
--
CREATE FUNCTION invariant_guard.isolation_floor()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_isolation_floor';

CREATE FUNCTION invariant_guard.isolation_below(level pg_catalog.text)
RETURNS pg_catalog.bool
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ig_sql_isolation_below';

CREATE FUNCTION invariant_guard.add_isolation_floor(rel pg_catalog.regclass, level pg_catalog.text)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_isolation_floor';

COMMENT ON FUNCTION invariant_guard.isolation_floor() IS
	'trigger: refuses changes in a transaction of a lower isolation level';
COMMENT ON FUNCTION invariant_guard.isolation_below(pg_catalog.text) IS
	'in the WHEN clause of isolation_floor''s row trigger: is the transaction''s isolation level below this one?';
COMMENT ON FUNCTION invariant_guard.add_isolation_floor(pg_catalog.regclass, pg_catalog.text) IS
	'declares that a table is changed at this isolation level or above it only';

REVOKE ALL ON FUNCTION invariant_guard.isolation_floor() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.isolation_floor() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.isolation_below(pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.isolation_below(pg_catalog.text) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_isolation_floor(pg_catalog.regclass, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_isolation_floor(pg_catalog.regclass, pg_catalog.text) TO PUBLIC;

