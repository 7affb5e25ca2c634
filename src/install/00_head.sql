\echo Use "CREATE EXTENSION invariant_guard" to load this file. \quit

--
-- The schema is made here, so that it belongs to the extension, goes with it,
-- and cannot have been somebody else's before.
--
CREATE SCHEMA invariant_guard;

COMMENT ON SCHEMA invariant_guard IS 'what invariant_guard has for people';

REVOKE ALL ON SCHEMA invariant_guard FROM PUBLIC;
GRANT USAGE ON SCHEMA invariant_guard TO PUBLIC;
