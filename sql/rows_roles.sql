--
-- verify_rules() and roles whose own session_preload_libraries omits the library
--
SET client_min_messages = warning;
CREATE SCHEMA rl;
SET search_path = rl;
-- it loads the library whatever the role says, where it is there
SET invariant_guard.mode = off;
DO $$ BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'invariant_guard_login') THEN
		EXECUTE 'ALTER EVENT TRIGGER invariant_guard_login DISABLE';
	END IF;
END $$;
CREATE ROLE regress_rl_all;
CREATE ROLE regress_rl_here;
CREATE ROLE "regress_rl Odd";
CREATE ROLE regress_rl_both;
CREATE ROLE regress_rl_good;
CREATE ROLE regress_rl_other;
SELECT current_database() AS db \gset
ALTER ROLE regress_rl_all SET session_preload_libraries = plpgsql;
ALTER ROLE regress_rl_here IN DATABASE :"db" SET session_preload_libraries = '';
ALTER ROLE "regress_rl Odd" SET session_preload_libraries = 'auto_explain', 'plpgsql';
-- what is said for the database goes before what is said for all
ALTER ROLE regress_rl_both SET session_preload_libraries = plpgsql;
ALTER ROLE regress_rl_both IN DATABASE :"db" SET session_preload_libraries = invariant_guard;
ALTER ROLE regress_rl_good SET session_preload_libraries = 'plpgsql', 'invariant_guard';
ALTER ROLE regress_rl_other IN DATABASE template1 SET session_preload_libraries = plpgsql;
RESET invariant_guard.mode;
RESET client_min_messages;
CREATE VIEW found AS SELECT severity, relation, rule, weakness, mend FROM invariant_guard.verify_rules() WHERE weakness ~ 'regress_rl';

-- only where a rule looks at plans
CREATE TABLE plain (id int);
SELECT invariant_guard.add_append_only('plain');
SELECT count(*) FROM invariant_guard.verify_rules('plain');
CREATE TABLE orders (id int);
SELECT invariant_guard.add_on_no_match('orders');
SELECT * FROM found \gx
SELECT count(*) FROM invariant_guard.verify_rules('orders') WHERE weakness ~ 'regress_rl';
SELECT count(*) FROM invariant_guard.verify_rules('plain');
-- what mends it passes
SELECT mend FROM found \gexec
SELECT * FROM found;
SELECT s.setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE rolname IN ('regress_rl_here', 'regress_rl Odd') ORDER BY rolname;

SET client_min_messages = warning;
SET invariant_guard.mode = off;
DO $$ BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger WHERE evtname = 'invariant_guard_login') THEN
		EXECUTE 'ALTER EVENT TRIGGER invariant_guard_login ENABLE ALWAYS';
	END IF;
END $$;
DROP SCHEMA rl CASCADE;
DROP ROLE regress_rl_all, regress_rl_here, "regress_rl Odd", regress_rl_both, regress_rl_good, regress_rl_other;
