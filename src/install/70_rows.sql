--
-- Row rules.  A rule is its triggers; anybody may have them on a table of
-- theirs, so the functions are for everybody.  The pinned path is that of the
-- add_ functions, which write SQL.
--
CREATE FUNCTION invariant_guard.uses(VARIADIC columns "any")
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ig_anchor_uses';

CREATE FUNCTION invariant_guard.changed(VARIADIC columns "any")
RETURNS pg_catalog.bool
LANGUAGE C STABLE PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ig_anchor_changed';

CREATE FUNCTION invariant_guard.keep_rules(rel pg_catalog.regclass)
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_keep_rules';

COMMENT ON FUNCTION invariant_guard.uses("any") IS
	'in the WHEN clause of a row rule: names the columns of the rule; always true';
COMMENT ON FUNCTION invariant_guard.changed("any") IS
	'in the WHEN clause of a row rule: does any of the pairs OLD.column, NEW.column differ?';
COMMENT ON FUNCTION invariant_guard.keep_rules(pg_catalog.regclass) IS
	'gives a partition the row rules of the partitioned table as its own, so that it keeps them when it is detached';

REVOKE ALL ON FUNCTION invariant_guard.uses("any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.uses("any") TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.changed("any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.changed("any") TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.keep_rules(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.keep_rules(pg_catalog.regclass) TO PUBLIC;

