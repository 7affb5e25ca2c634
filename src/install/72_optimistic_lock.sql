--
-- optimistic_lock: nobody overwrites what they have not read.
--
CREATE FUNCTION invariant_guard.optimistic_lock()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_optimistic_lock';

CREATE FUNCTION invariant_guard.add_optimistic_lock(
	rel pg_catalog.regclass,
	"column" pg_catalog.name DEFAULT 'version',
	protocol pg_catalog.text DEFAULT 'increment',
	unversioned pg_catalog.text DEFAULT 'bump',
	exclude pg_catalog.name[] DEFAULT '{}')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_optimistic_lock';

-- Dear, so that it is asked of a row last, when the other conditions hold.
CREATE FUNCTION invariant_guard.check_version(current pg_catalog.int8, expected pg_catalog.int8)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL SAFE COST 10000
AS 'MODULE_PATHNAME', 'ig_sql_check_version';

-- A key of any type; the one for text also takes literals and parameters whose
-- type is not said.
CREATE FUNCTION invariant_guard.expect_version(
	rel pg_catalog.regclass,
	key pg_catalog.anyelement,
	version pg_catalog.int8)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_expect_version';

CREATE FUNCTION invariant_guard.expect_version(
	rel pg_catalog.regclass,
	key pg_catalog.text,
	version pg_catalog.int8)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_expect_version';

COMMENT ON FUNCTION invariant_guard.optimistic_lock() IS
	'trigger: counts the changes of a row, and refuses those by a stale version';
COMMENT ON FUNCTION invariant_guard.add_optimistic_lock(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.name[]) IS
	'declares that a column counts the changes of a row, and that nobody overwrites a version that they have not read';
COMMENT ON FUNCTION invariant_guard.check_version(pg_catalog.int8, pg_catalog.int8) IS
	'true if both versions are the same, else an error';
COMMENT ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.anyelement, pg_catalog.int8) IS
	'locks the row with this primary key; true if it has this version, else an error';
COMMENT ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.text, pg_catalog.int8) IS
	'locks the row with this primary key; true if it has this version, else an error';

REVOKE ALL ON FUNCTION invariant_guard.optimistic_lock() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.optimistic_lock() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_optimistic_lock(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.name[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_optimistic_lock(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.text, pg_catalog.name[]) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.check_version(pg_catalog.int8, pg_catalog.int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.check_version(pg_catalog.int8, pg_catalog.int8) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.anyelement, pg_catalog.int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.anyelement, pg_catalog.int8) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.text, pg_catalog.int8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.expect_version(pg_catalog.regclass, pg_catalog.text, pg_catalog.int8) TO PUBLIC;
