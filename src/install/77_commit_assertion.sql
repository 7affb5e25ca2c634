--
-- commit_assertion: what must hold for a key when a transaction ends.
--
CREATE FUNCTION invariant_guard.commit_assertion()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_commit_assertion';

CREATE FUNCTION invariant_guard.asserted(id pg_catalog.text, columns pg_catalog.int4, VARIADIC key "any")
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_anchor_asserted';

CREATE FUNCTION invariant_guard.add_commit_assertion(rel pg_catalog.regclass, key pg_catalog.name[],
	assertion pg_catalog.text, name pg_catalog.text DEFAULT NULL)
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_commit_assertion';

CREATE FUNCTION invariant_guard.broken_assertions(trigger pg_catalog.oid)
RETURNS SETOF pg_catalog.text
LANGUAGE C STABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_broken_assertions';

COMMENT ON FUNCTION invariant_guard.commit_assertion() IS
	'trigger: checks an assertion for the keys of changed rows when the transaction ends';
COMMENT ON FUNCTION invariant_guard.asserted(pg_catalog.text, pg_catalog.int4, "any") IS
	'the WHEN clause of commit_assertion: names the columns of the key, and queues one event for a key';
COMMENT ON FUNCTION invariant_guard.add_commit_assertion(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.text) IS
	'declares what must hold for a key when a transaction that has changed rows of it ends';
COMMENT ON FUNCTION invariant_guard.broken_assertions(pg_catalog.oid) IS
	'the keys for which the commit assertion of a trigger does not hold; for the table''s owner';

REVOKE ALL ON FUNCTION invariant_guard.commit_assertion() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.commit_assertion() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.asserted(pg_catalog.text, pg_catalog.int4, "any") FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.asserted(pg_catalog.text, pg_catalog.int4, "any") TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_commit_assertion(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_commit_assertion(pg_catalog.regclass, pg_catalog.name[], pg_catalog.text, pg_catalog.text) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.broken_assertions(pg_catalog.oid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.broken_assertions(pg_catalog.oid) TO PUBLIC;

