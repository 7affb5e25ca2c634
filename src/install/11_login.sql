
--
-- From PostgreSQL 17 on: each session loads the library when it connects.
--
CREATE FUNCTION invariant_guard.on_login()
RETURNS pg_catalog.event_trigger
LANGUAGE C VOLATILE PARALLEL UNSAFE
AS 'MODULE_PATHNAME', 'ig_on_login';

COMMENT ON FUNCTION invariant_guard.on_login() IS
	'loads the library when a session connects';

REVOKE ALL ON FUNCTION invariant_guard.on_login() FROM PUBLIC;

CREATE EVENT TRIGGER invariant_guard_login ON login
	EXECUTE FUNCTION invariant_guard.on_login();

ALTER EVENT TRIGGER invariant_guard_login ENABLE ALWAYS;

COMMENT ON EVENT TRIGGER invariant_guard_login IS
	'invariant_guard: loads the library when a session connects';
