--
-- soft_delete: DELETE marks rows, and does not remove them.
--
CREATE FUNCTION invariant_guard.soft_delete()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_soft_delete';

CREATE FUNCTION invariant_guard.soft_delete_parent()
RETURNS pg_catalog.trigger
LANGUAGE C VOLATILE
AS 'MODULE_PATHNAME', 'ig_row_soft_delete_parent';

CREATE FUNCTION invariant_guard.add_soft_delete(
	rel pg_catalog.regclass,
	"column" pg_catalog.name DEFAULT 'deleted_at',
	children pg_catalog.text DEFAULT 'restrict',
	operation pg_catalog.name DEFAULT NULL,
	keep_at_least pg_catalog.interval DEFAULT NULL,
	deleted_rows pg_catalog.text DEFAULT 'open')
RETURNS pg_catalog.bool
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_add_soft_delete';

CREATE FUNCTION invariant_guard.soft_delete_children(rel pg_catalog.regclass)
RETURNS pg_catalog.int4
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_soft_delete_children';

CREATE FUNCTION invariant_guard.soft_restore(
	rel pg_catalog.regclass,
	operation pg_catalog.uuid)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_soft_restore';

CREATE FUNCTION invariant_guard.purge(
	rel pg_catalog.regclass,
	batch pg_catalog.int4 DEFAULT 1000,
	older_than pg_catalog.interval DEFAULT NULL)
RETURNS pg_catalog.int8
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_purge';

CREATE FUNCTION invariant_guard.live_view(
	rel pg_catalog.regclass,
	name pg_catalog.name DEFAULT NULL)
RETURNS pg_catalog.regclass
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_live_view';

CREATE FUNCTION invariant_guard.live_unique(
	rel pg_catalog.regclass,
	columns pg_catalog.name[],
	name pg_catalog.name DEFAULT NULL)
RETURNS pg_catalog.regclass
LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS 'MODULE_PATHNAME', 'ig_sql_live_unique';

COMMENT ON FUNCTION invariant_guard.soft_delete() IS
	'trigger: refuses what would remove rows of a table whose DELETE only marks them';
COMMENT ON FUNCTION invariant_guard.soft_delete_parent() IS
	'trigger: refuses a live row that refers to a soft-deleted one';
COMMENT ON FUNCTION invariant_guard.add_soft_delete(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.name, pg_catalog.interval, pg_catalog.text) IS
	'declares that DELETE of a table marks rows, and does not remove them';
COMMENT ON FUNCTION invariant_guard.soft_delete_children(pg_catalog.regclass) IS
	'guards foreign keys that refer to a soft-deleted table and are newer than its rule';
COMMENT ON FUNCTION invariant_guard.soft_restore(pg_catalog.regclass, pg_catalog.uuid) IS
	'brings back what one DELETE has marked, in the table and in those that refer to it';
COMMENT ON FUNCTION invariant_guard.purge(pg_catalog.regclass, pg_catalog.int4, pg_catalog.interval) IS
	'removes for good what was soft-deleted long enough ago';
COMMENT ON FUNCTION invariant_guard.live_view(pg_catalog.regclass, pg_catalog.name) IS
	'makes a view of the live rows of a soft-deleted table';
COMMENT ON FUNCTION invariant_guard.live_unique(pg_catalog.regclass, pg_catalog.name[], pg_catalog.name) IS
	'makes a unique index of the live rows of a soft-deleted table';

REVOKE ALL ON FUNCTION invariant_guard.soft_delete() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.soft_delete() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.soft_delete_parent() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.soft_delete_parent() TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.add_soft_delete(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.name, pg_catalog.interval, pg_catalog.text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.add_soft_delete(pg_catalog.regclass, pg_catalog.name, pg_catalog.text, pg_catalog.name, pg_catalog.interval, pg_catalog.text) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.soft_delete_children(pg_catalog.regclass) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.soft_delete_children(pg_catalog.regclass) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.soft_restore(pg_catalog.regclass, pg_catalog.uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.soft_restore(pg_catalog.regclass, pg_catalog.uuid) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.purge(pg_catalog.regclass, pg_catalog.int4, pg_catalog.interval) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.purge(pg_catalog.regclass, pg_catalog.int4, pg_catalog.interval) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.live_view(pg_catalog.regclass, pg_catalog.name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.live_view(pg_catalog.regclass, pg_catalog.name) TO PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.live_unique(pg_catalog.regclass, pg_catalog.name[], pg_catalog.name) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION invariant_guard.live_unique(pg_catalog.regclass, pg_catalog.name[], pg_catalog.name) TO PUBLIC;
