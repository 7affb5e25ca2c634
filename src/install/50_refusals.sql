--
-- What became of findings.  The functions show a role what it did itself, and
-- all of it to superusers and members of pg_read_all_stats.
--
CREATE FUNCTION invariant_guard.findings(
	OUT number pg_catalog.int8,
	OUT occurred_at pg_catalog.timestamptz,
	OUT database pg_catalog.text,
	OUT role pg_catalog.text,
	OUT application pg_catalog.text,
	OUT pid pg_catalog.int4,
	OUT rule pg_catalog.text,
	OUT code pg_catalog.text,
	OUT level pg_catalog.text,
	OUT object pg_catalog.text,
	OUT outcome pg_catalog.text,
	OUT message pg_catalog.text,
	OUT reason pg_catalog.text)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_findings';

CREATE VIEW invariant_guard.findings AS
	SELECT f.occurred_at, f.database, f.role, f.application, f.pid, f.rule, f.code,
		   f.level, f.object, f.outcome, f.message, f.reason
	FROM invariant_guard.findings() AS f
	ORDER BY f.number DESC;

CREATE VIEW invariant_guard.refusals AS
	SELECT f.occurred_at, f.database, f.role, f.application, f.pid, f.rule, f.code,
		   f.level, f.object, f.outcome, f.message, f.reason
	FROM invariant_guard.findings() AS f
	WHERE f.outcome OPERATOR(pg_catalog.=) 'refused'
	ORDER BY f.number DESC;

CREATE FUNCTION invariant_guard.rule_counters(
	OUT rule pg_catalog.text,
	OUT code pg_catalog.text,
	OUT refused pg_catalog.int8,
	OUT warned pg_catalog.int8,
	OUT noticed pg_catalog.int8,
	OUT observed pg_catalog.int8,
	OUT allowed pg_catalog.int8,
	OUT last_at pg_catalog.timestamptz)
RETURNS SETOF pg_catalog.record
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_rule_counters';

CREATE VIEW invariant_guard.rule_counters AS
	SELECT c.rule, c.code, c.refused, c.warned, c.noticed, c.observed, c.allowed,
		   c.last_at
	FROM invariant_guard.rule_counters() AS c;

CREATE FUNCTION invariant_guard.reset_counters()
RETURNS pg_catalog.void
LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED
AS 'MODULE_PATHNAME', 'ig_sql_reset_counters';

COMMENT ON FUNCTION invariant_guard.findings() IS
	'the last findings in this database, whatever became of them; the newest first';
COMMENT ON VIEW invariant_guard.findings IS
	'the last findings in this database, whatever became of them; the newest first';
COMMENT ON VIEW invariant_guard.refusals IS
	'the last refusals in this database; the newest first';
COMMENT ON FUNCTION invariant_guard.rule_counters() IS
	'how often each rule found something in this database, and what became of it';
COMMENT ON VIEW invariant_guard.rule_counters IS
	'how often each rule found something in this database, and what became of it';
COMMENT ON FUNCTION invariant_guard.reset_counters() IS
	'sets the counters of this database to zero';

REVOKE ALL ON FUNCTION invariant_guard.findings() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.findings() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.findings FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.findings TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.refusals FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.refusals TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.rule_counters() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.rule_counters() TO PUBLIC;
REVOKE ALL ON TABLE invariant_guard.rule_counters FROM PUBLIC;
GRANT SELECT ON TABLE invariant_guard.rule_counters TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.reset_counters() FROM PUBLIC;
