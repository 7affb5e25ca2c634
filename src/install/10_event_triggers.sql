
--
-- Event triggers: the first DDL of a session loads the library through them.
-- They fire always, so that session_replication_role does not silence them.
--
CREATE FUNCTION invariant_guard.on_ddl_command_start()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_on_ddl_command_start';

CREATE FUNCTION invariant_guard.on_ddl_command_end()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_on_ddl_command_end';

CREATE FUNCTION invariant_guard.on_table_rewrite()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_on_table_rewrite';

COMMENT ON FUNCTION invariant_guard.on_ddl_command_start() IS
	'judges DDL where the library was not preloaded';
COMMENT ON FUNCTION invariant_guard.on_ddl_command_end() IS
	'ends what on_ddl_command_start() began';
COMMENT ON FUNCTION invariant_guard.on_table_rewrite() IS
	'refuses table rewrites that no other rule has found';

REVOKE ALL ON FUNCTION invariant_guard.on_ddl_command_start() FROM PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.on_ddl_command_end() FROM PUBLIC;
REVOKE ALL ON FUNCTION invariant_guard.on_table_rewrite() FROM PUBLIC;

CREATE EVENT TRIGGER invariant_guard_ddl_start ON ddl_command_start
	EXECUTE FUNCTION invariant_guard.on_ddl_command_start();
CREATE EVENT TRIGGER invariant_guard_ddl_end ON ddl_command_end
	EXECUTE FUNCTION invariant_guard.on_ddl_command_end();
CREATE EVENT TRIGGER invariant_guard_rewrite ON table_rewrite
	EXECUTE FUNCTION invariant_guard.on_table_rewrite();

ALTER EVENT TRIGGER invariant_guard_ddl_start ENABLE ALWAYS;
ALTER EVENT TRIGGER invariant_guard_ddl_end ENABLE ALWAYS;
ALTER EVENT TRIGGER invariant_guard_rewrite ENABLE ALWAYS;

COMMENT ON EVENT TRIGGER invariant_guard_ddl_start IS
	'invariant_guard: judges DDL before it runs';
COMMENT ON EVENT TRIGGER invariant_guard_ddl_end IS
	'invariant_guard: ends what invariant_guard_ddl_start began';
COMMENT ON EVENT TRIGGER invariant_guard_rewrite IS
	'invariant_guard: refuses table rewrites that no other rule has found';
