--
-- status and rules: what people can ask
--

-- how the library was loaded, the login event trigger and the two records
-- differ by server
SELECT layer, in_force FROM invariant_guard.status()
WHERE layer NOT IN ('login event trigger', 'record of findings', 'usage record');
SELECT in_force = (current_setting('server_version_num')::int >= 170000) AS login_as_expected
FROM invariant_guard.status() WHERE layer = 'login event trigger';

-- the mode, and why
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'mode';
SET invariant_guard.mode = 'warn';
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'mode';
SET invariant_guard.mode = 'observe';
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'mode';
SET invariant_guard.mode = 'enforce';
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'mode';
SET invariant_guard.mode = 'off';
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'mode';

-- an event trigger that is not enabled always is not in force
BEGIN;
ALTER EVENT TRIGGER invariant_guard_rewrite DISABLE;
ALTER EVENT TRIGGER invariant_guard_ddl_end ENABLE;
SELECT in_force, how, not_covered FROM invariant_guard.status() WHERE layer = 'event triggers';
ROLLBACK;
SELECT in_force, how FROM invariant_guard.status() WHERE layer = 'event triggers';
RESET invariant_guard.mode;

-- where sessions preload the library there is nothing to warn of
SELECT invariant_guard.warn_if_not_preloaded();

-- each rule has a name and a code of its own, and words for people
SELECT count(*) > 0 AS any,
	   count(*) = count(DISTINCT name) AS names_unique,
	   count(*) = count(DISTINCT code) AS codes_unique,
	   bool_and(name ~ '^[a-z]+(-[a-z]+)*$') AS names_well_formed,
	   bool_and(code ~ '^IG[A-Z0-9][0-9][0-9]$') AS codes_well_formed,
	   bool_and(default_level IN ('error', 'warning', 'notice', 'off')) AS levels_known,
	   bool_and(default_level = effective_level) AS nothing_changed,
	   bool_and(refuses <> '') AS all_refuse
FROM invariant_guard.rules;

-- everybody may ask
CREATE ROLE regress_ig_reader;
SET ROLE regress_ig_reader;
SELECT count(*) > 0 AS any FROM invariant_guard.rules;
SELECT count(*) FROM invariant_guard.status();
SELECT invariant_guard.warn_if_not_preloaded();
SELECT invariant_guard.on_table_rewrite();
RESET ROLE;
DROP ROLE regress_ig_reader;

-- whatever the extension has in its schema bears a comment
SELECT p.proname FROM pg_proc p
WHERE p.pronamespace = 'invariant_guard'::regnamespace
	AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT evtname FROM pg_event_trigger e
WHERE evtname LIKE 'invariant_guard_%' AND obj_description(e.oid, 'pg_event_trigger') IS NULL;
