--
-- What is declared, whether it holds, and how it goes.
--
CREATE FUNCTION invariant_guard.row_rules(
	OUT relation pg_catalog.regclass,
	OUT rule pg_catalog.text,
	OUT instance pg_catalog.text,
	OUT columns pg_catalog.text[],
	OUT options pg_catalog.text[],
	OUT triggers pg_catalog.text[],
	OUT enabled pg_catalog.text,
	OUT source pg_catalog.text,
	OUT declared_on pg_catalog.regclass,
	OUT definition pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_row_rules';

CREATE VIEW invariant_guard.row_rules AS
	SELECT r.relation, r.rule, r.instance, r.columns, r.options, r.triggers, r.enabled,
		   r.source, r.declared_on, r.definition
	FROM invariant_guard.row_rules() AS r;

CREATE FUNCTION invariant_guard.verify_rules(
	rel pg_catalog.regclass DEFAULT NULL,
	OUT severity pg_catalog.text,
	OUT relation pg_catalog.regclass,
	OUT rule pg_catalog.text,
	OUT instance pg_catalog.text,
	OUT trigger pg_catalog.text,
	OUT weakness pg_catalog.text,
	OUT mend pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_verify_rules';

CREATE FUNCTION invariant_guard.check_rules(
	rel pg_catalog.regclass DEFAULT NULL,
	OUT relation pg_catalog.regclass,
	OUT rule pg_catalog.text,
	OUT instance pg_catalog.text,
	OUT sample pg_catalog.text,
	OUT violations pg_catalog.int8)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_check_rules';

CREATE FUNCTION invariant_guard.drop_rule(
	rel pg_catalog.regclass,
	rule pg_catalog.text,
	instance pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_drop_rule';

COMMENT ON FUNCTION invariant_guard.row_rules() IS
	'the row rules that are declared, one row for each rule and table';
COMMENT ON VIEW invariant_guard.row_rules IS
	'the row rules that are declared, one row for each rule and table, partitions too';
COMMENT ON FUNCTION invariant_guard.verify_rules(pg_catalog.regclass) IS
	'where the triggers of row rules do not hold what was declared, and the SQL that mends it';
COMMENT ON FUNCTION invariant_guard.check_rules(pg_catalog.regclass) IS
	'rows that break the row rules now, up to 20 for each rule, and how many there are';
COMMENT ON FUNCTION invariant_guard.drop_rule(pg_catalog.regclass, pg_catalog.text, pg_catalog.text) IS
	'drops the triggers of a row rule from a table and from all that inherit from it';

REVOKE ALL ON FUNCTION invariant_guard.row_rules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.row_rules() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.row_rules FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.row_rules TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.verify_rules(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.verify_rules(pg_catalog.regclass) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.check_rules(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.check_rules(pg_catalog.regclass) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.drop_rule(pg_catalog.regclass, pg_catalog.text, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.drop_rule(pg_catalog.regclass, pg_catalog.text, pg_catalog.text) TO PUBLIC;
