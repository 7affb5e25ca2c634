
--
-- Retirement: what is to be dropped is announced, and then watched.  The
-- owner of the table may do so, who may also drop it.
--
CREATE FUNCTION invariant_guard.retire_column(rel pg_catalog.regclass, "column" pg_catalog.name,
	reason pg_catalog.text, block_writes pg_catalog.bool DEFAULT false)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_retire_column';

CREATE FUNCTION invariant_guard.retire_table(rel pg_catalog.regclass, reason pg_catalog.text)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_retire_table';

CREATE FUNCTION invariant_guard.unretire_column(rel pg_catalog.regclass, "column" pg_catalog.name)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_unretire_column';

CREATE FUNCTION invariant_guard.unretire_table(rel pg_catalog.regclass)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_unretire_table';

COMMENT ON FUNCTION invariant_guard.retire_column(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.bool) IS
	'says that a column is to be dropped, once nobody has used it for retirement_period';
COMMENT ON FUNCTION invariant_guard.retire_table(pg_catalog.regclass, pg_catalog.text) IS
	'says that a table is to be dropped, once nobody has used it for retirement_period';
COMMENT ON FUNCTION invariant_guard.unretire_column(pg_catalog.regclass, pg_catalog.name) IS
	'takes a column out of retirement';
COMMENT ON FUNCTION invariant_guard.unretire_table(pg_catalog.regclass) IS
	'takes a table out of retirement';

REVOKE ALL ON FUNCTION invariant_guard.retire_column(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.bool) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.retire_column(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.bool) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.retire_table(pg_catalog.regclass, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.retire_table(pg_catalog.regclass, pg_catalog.text) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.unretire_column(pg_catalog.regclass, pg_catalog.name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.unretire_column(pg_catalog.regclass, pg_catalog.name) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.unretire_table(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.unretire_table(pg_catalog.regclass) TO PUBLIC;
