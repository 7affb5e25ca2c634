
--
-- The catalogue of rules.
--
CREATE FUNCTION invariant_guard.rules(
	OUT name pg_catalog.text,
	OUT code pg_catalog.text,
	OUT family pg_catalog.text,
	OUT default_level pg_catalog.text,
	OUT effective_level pg_catalog.text,
	OUT refuses pg_catalog.text,
	OUT cure pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C STABLE STRICT PARALLEL SAFE
AS 'MODULE_PATHNAME', 'ig_sql_rules';

CREATE VIEW invariant_guard.rules AS
	SELECT r.name, r.code, r.family, r.default_level, r.effective_level,
		   r.refuses, r.cure
	FROM invariant_guard.rules() AS r;

COMMENT ON FUNCTION invariant_guard.rules() IS
	'the rules, with their levels on a table of no class in this session';
COMMENT ON VIEW invariant_guard.rules IS
	'the rules: what each refuses, what to do instead, and its level on a table of no class';

REVOKE ALL ON FUNCTION invariant_guard.rules() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.rules() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.rules FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.rules TO PUBLIC;
