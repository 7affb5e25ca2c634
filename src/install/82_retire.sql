
--
-- Retirement: what is to be dropped is announced, and then watched.  The
-- owner of the table may do so, who may also drop it.
--
CREATE FUNCTION invariant_guard.retire_column(rel pg_catalog.regclass, "column" pg_catalog.name,
	reason pg_catalog.text, block_writes pg_catalog.bool DEFAULT NULL)
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

--
-- What is retired.  Everybody may see it; who has used it is shown to the
-- table's owner and to members of pg_read_all_stats.
--
CREATE FUNCTION invariant_guard.retirements(
	OUT rel pg_catalog.regclass,
	OUT "column" pg_catalog.name,
	OUT since pg_catalog.timestamptz,
	OUT retired_by pg_catalog.text,
	OUT reason pg_catalog.text,
	OUT block_writes pg_catalog.bool,
	OUT read_at pg_catalog.timestamptz,
	OUT read_by pg_catalog.text,
	OUT written_at pg_catalog.timestamptz,
	OUT written_by pg_catalog.text,
	OUT observed_since pg_catalog.timestamptz,
	OUT dependents pg_catalog.text[],
	OUT may_go pg_catalog.timestamptz,
	OUT held_by pg_catalog.text[])
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_sql_retirements';

CREATE VIEW invariant_guard.retirements AS
	SELECT r.rel, r."column", r.since, r.retired_by, r.reason, r.block_writes,
		   r.read_at, r.read_by, r.written_at, r.written_by, r.observed_since,
		   r.dependents OPERATOR(pg_catalog.||) ARRAY(
			   SELECT pg_catalog.format('publication %I', p.pubname)
			   FROM pg_catalog.pg_class AS c
			   JOIN pg_catalog.pg_namespace AS n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
			   JOIN pg_catalog.pg_publication_tables AS p
			   ON p.schemaname OPERATOR(pg_catalog.=) n.nspname
			   AND p.tablename OPERATOR(pg_catalog.=) c.relname
			   WHERE c.oid OPERATOR(pg_catalog.=) r.rel
			   AND (r."column" IS NULL OR r."column" OPERATOR(pg_catalog.=) ANY (p.attnames))
			   ORDER BY p.pubname) AS dependents,
		   r.may_go, r.held_by
	FROM invariant_guard.retirements() AS r
	ORDER BY r.rel::pg_catalog.text COLLATE pg_catalog."C", r."column" NULLS FIRST;

COMMENT ON FUNCTION invariant_guard.retirements() IS
	'what is retired, who has used it since, and when it may be dropped';
COMMENT ON VIEW invariant_guard.retirements IS
	'what is retired, who has used it since, and when it may be dropped';

REVOKE ALL ON FUNCTION invariant_guard.retirements() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.retirements() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.retirements FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.retirements TO PUBLIC;
