--
-- on_no_match: an UPDATE or DELETE that matches no row is an error.
--
CREATE FUNCTION invariant_guard.on_no_match()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_on_no_match';

CREATE FUNCTION invariant_guard.add_on_no_match(
	rel pg_catalog.regclass,
	commands pg_catalog.text[] DEFAULT '{update,delete}')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_on_no_match';

COMMENT ON FUNCTION invariant_guard.on_no_match() IS
	'trigger: marks a table of which an UPDATE or DELETE that matches no row is an error';
COMMENT ON FUNCTION invariant_guard.add_on_no_match(pg_catalog.regclass, pg_catalog.text[]) IS
	'declares that an UPDATE or DELETE that matches no row of a table is an error';

REVOKE ALL ON FUNCTION invariant_guard.on_no_match() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.on_no_match() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_on_no_match(pg_catalog.regclass, pg_catalog.text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_on_no_match(pg_catalog.regclass, pg_catalog.text[]) TO PUBLIC;
