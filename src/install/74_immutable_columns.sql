--
-- What tells a rule that a row changed while it moved to another partition.
--
CREATE FUNCTION invariant_guard.leaves(key pg_catalog.text, relid pg_catalog.oid, "row" pg_catalog.tid)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_leaves';

CREATE FUNCTION invariant_guard.is_moving(relid pg_catalog.oid, "row" pg_catalog.tid)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_is_moving';

CREATE FUNCTION invariant_guard.moved(key pg_catalog.text, relid pg_catalog.oid, "row" pg_catalog.tid, VARIADIC columns "any")
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_moved';

CREATE FUNCTION invariant_guard.moved_except(key pg_catalog.text, relid pg_catalog.oid, "row" pg_catalog.tid, VARIADIC columns "any")
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_moved_except';

CREATE FUNCTION invariant_guard.moved_except(key pg_catalog.text, relid pg_catalog.oid, "row" pg_catalog.tid)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_moved_except';

COMMENT ON FUNCTION invariant_guard.leaves(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) IS
	'in the WHEN clause of a row rule: the row may be moving to another partition; always true';
COMMENT ON FUNCTION invariant_guard.is_moving(pg_catalog.oid, pg_catalog.tid) IS
	'in the WHEN clause of a row rule: was the row moved from another partition?';
COMMENT ON FUNCTION invariant_guard.moved(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") IS
	'in the WHEN clause of a row rule: was the row moved from another partition, and did any of the columns change?';
COMMENT ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") IS
	'in the WHEN clause of a row rule: was the row moved from another partition, and did any other column change?';
COMMENT ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) IS
	'in the WHEN clause of a row rule: was the row moved from another partition, and did any column change?';

REVOKE ALL ON FUNCTION invariant_guard.leaves(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.leaves(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.is_moving(pg_catalog.oid, pg_catalog.tid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.is_moving(pg_catalog.oid, pg_catalog.tid) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.moved(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.moved(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid, "any") TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.moved_except(pg_catalog.text, pg_catalog.oid, pg_catalog.tid) TO PUBLIC;

--
-- immutable_columns: they never change after INSERT.
--
CREATE FUNCTION invariant_guard.immutable_columns()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_immutable_columns';

CREATE FUNCTION invariant_guard.add_immutable_columns(
	rel pg_catalog.regclass,
	columns pg_catalog.name[],
	when_condition pg_catalog.text DEFAULT NULL,
	write_once pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_immutable_columns';

COMMENT ON FUNCTION invariant_guard.immutable_columns() IS
	'trigger: refuses an UPDATE that changes the columns';
COMMENT ON FUNCTION invariant_guard.add_immutable_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) IS
	'declares that columns of a table never change after INSERT, or while a condition holds, or once they have a value';

REVOKE ALL ON FUNCTION invariant_guard.immutable_columns() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.immutable_columns() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_immutable_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_immutable_columns(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.bool) TO PUBLIC;

