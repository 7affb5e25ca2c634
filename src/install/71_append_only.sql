--
-- append_only: rows are added, and never changed or removed.
--
CREATE FUNCTION invariant_guard.append_only()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_append_only';

CREATE FUNCTION invariant_guard.add_append_only(
	rel pg_catalog.regclass,
	reversal_of pg_catalog.name DEFAULT NULL,
	amounts pg_catalog.name[] DEFAULT NULL,
	same pg_catalog.name[] DEFAULT NULL,
	key pg_catalog.name DEFAULT NULL,
	keep pg_catalog.interval DEFAULT NULL,
	created pg_catalog.name DEFAULT NULL)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_append_only';

CREATE FUNCTION invariant_guard.remove_expired(
	rel pg_catalog.regclass,
	batch pg_catalog.int4 DEFAULT 10000)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_remove_expired';

CREATE FUNCTION invariant_guard.extend_retention(
	rel pg_catalog.regclass,
	keep pg_catalog.interval)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_extend_retention';

CREATE FUNCTION invariant_guard.seal(
	rel pg_catalog.regclass,
	at_most pg_catalog.int8 DEFAULT 1000000,
	OUT number pg_catalog.int8,
	OUT row_count pg_catalog.int8,
	OUT hash pg_catalog.bytea)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_seal';

CREATE FUNCTION invariant_guard.verify_seal(
	rel pg_catalog.regclass,
	OUT number pg_catalog.int8,
	OUT from_key pg_catalog.text[],
	OUT to_key pg_catalog.text[],
	OUT rows_expected pg_catalog.int8,
	OUT rows_found pg_catalog.int8,
	OUT ok pg_catalog.bool,
	OUT problem pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_verify_seal';

COMMENT ON FUNCTION invariant_guard.append_only() IS
	'trigger: refuses UPDATE, DELETE and TRUNCATE, and reversals that reverse nothing';
COMMENT ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass, pg_catalog.name, pg_catalog.name[], pg_catalog.name[], pg_catalog.name, pg_catalog.interval, pg_catalog.name) IS
	'declares that rows of a table are added, and never changed or removed';
COMMENT ON FUNCTION invariant_guard.remove_expired(pg_catalog.regclass, pg_catalog.int4) IS
	'removes rows of an append-only table that have been kept as long as its retention says';
COMMENT ON FUNCTION invariant_guard.extend_retention(pg_catalog.regclass, pg_catalog.interval) IS
	'makes the retention of an append-only table longer';
COMMENT ON FUNCTION invariant_guard.seal(pg_catalog.regclass, pg_catalog.int8) IS
	'seals the rows of an append-only table that were added since the last seal; the result is the new seal';
COMMENT ON FUNCTION invariant_guard.verify_seal(pg_catalog.regclass) IS
	'for each seal of a table: are the sealed rows what they were?';

REVOKE ALL ON FUNCTION invariant_guard.append_only() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.append_only() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass, pg_catalog.name, pg_catalog.name[], pg_catalog.name[], pg_catalog.name, pg_catalog.interval, pg_catalog.name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_append_only(pg_catalog.regclass, pg_catalog.name, pg_catalog.name[], pg_catalog.name[], pg_catalog.name, pg_catalog.interval, pg_catalog.name) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.remove_expired(pg_catalog.regclass, pg_catalog.int4) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.remove_expired(pg_catalog.regclass, pg_catalog.int4) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.extend_retention(pg_catalog.regclass, pg_catalog.interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.extend_retention(pg_catalog.regclass, pg_catalog.interval) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.seal(pg_catalog.regclass, pg_catalog.int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.seal(pg_catalog.regclass, pg_catalog.int8) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.verify_seal(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.verify_seal(pg_catalog.regclass) TO PUBLIC;

