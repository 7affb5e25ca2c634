--
-- unique_active: at most one row of an owner for which a predicate holds.
--
CREATE FUNCTION invariant_guard.unique_active()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_unique_active';

CREATE FUNCTION invariant_guard.add_unique_active(rel pg_catalog.regclass, owner pg_catalog.name[],
	predicate pg_catalog.text, using_index pg_catalog.name DEFAULT NULL,
	nulls_not_distinct pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_unique_active';

CREATE FUNCTION invariant_guard.add_unique_active(rel pg_catalog.regclass, owner pg_catalog.text,
	predicate pg_catalog.text, using_index pg_catalog.name DEFAULT NULL,
	nulls_not_distinct pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_unique_active_one';

CREATE FUNCTION invariant_guard.duplicates(rel pg_catalog.regclass, owner pg_catalog.name[],
	predicate pg_catalog.text DEFAULT NULL, nulls_not_distinct pg_catalog.bool DEFAULT false)
RETURNS TABLE (value pg_catalog.jsonb, count pg_catalog.int8, samples pg_catalog.jsonb)
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_duplicates';

CREATE FUNCTION invariant_guard.duplicates(rel pg_catalog.regclass, owner pg_catalog.text,
	predicate pg_catalog.text DEFAULT NULL, nulls_not_distinct pg_catalog.bool DEFAULT false)
RETURNS TABLE (value pg_catalog.jsonb, count pg_catalog.int8, samples pg_catalog.jsonb)
LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_duplicates_one';

COMMENT ON FUNCTION invariant_guard.unique_active() IS
	'trigger: does nothing; says that an index is a rule';
COMMENT ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.name, pg_catalog.bool) IS
	'declares that an owner has at most one row for which the predicate holds';
COMMENT ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.name, pg_catalog.bool) IS
	'declares that an owner has at most one row for which the predicate holds';
COMMENT ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) IS
	'the owners that have more than one row for which the predicate holds';
COMMENT ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.bool) IS
	'the owners that have more than one row for which the predicate holds';

REVOKE ALL ON FUNCTION invariant_guard.unique_active() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.unique_active() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.name, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.name, pg_catalog.bool) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.name, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_unique_active(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.name, pg_catalog.bool) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.duplicates(pg_catalog.regclass, pg_catalog.text, pg_catalog.text, pg_catalog.bool) TO PUBLIC;

