--
-- settings: what each of them accepts, and what it says to the rest
--

-- defaults
SELECT name, setting, context FROM pg_settings
WHERE name LIKE 'invariant_guard.%' ORDER BY name COLLATE "C";

-- mode, environment and message_style: the server lists the values
SET invariant_guard.mode = 'enforced';
SET invariant_guard.environment = 'prod';
SET invariant_guard.message_style = 'long';
SET invariant_guard.message_style = 'full';
RESET invariant_guard.message_style;

-- the prefix is reserved: a setting that does not exist is an error
SET invariant_guard.modus = 'off';

-- exempt_smaller_than has units
SET invariant_guard.exempt_smaller_than = '10MB';
SHOW invariant_guard.exempt_smaller_than;
SET invariant_guard.exempt_smaller_than = 'large';
RESET invariant_guard.exempt_smaller_than;

--
-- severity
--
SET invariant_guard.severity = 'drop-column=warning';
SET invariant_guard.severity = E' drop-column = warning ,\n\t LOCK=notice, all=error ';
SHOW invariant_guard.severity;
SET invariant_guard.severity = '   ';
-- the rule's own name, then its family, then all; the last one of a kind
SET invariant_guard.severity = 'vacuum-full=off, lock=notice, all=error, lock=warning, all=off';
SELECT name, default_level, effective_level FROM invariant_guard.rules
WHERE name IN ('vacuum-full', 'create-index-blocking', 'drop-column') ORDER BY name;
SET invariant_guard.severity = '';
SELECT name, default_level, effective_level FROM invariant_guard.rules
WHERE name IN ('vacuum-full', 'create-index-blocking', 'drop-column') ORDER BY name;
-- misspelled
SET invariant_guard.severity = 'drop-colum=warning';
SET invariant_guard.severity = 'drop-column=warning, locks=off';
SET invariant_guard.severity = 'no-such-rule-at-all=warning';
SET invariant_guard.severity = 'drop-column=warn';
SET invariant_guard.severity = 'drop-column=deadly';
-- malformed
SET invariant_guard.severity = 'drop-column';
SET invariant_guard.severity = 'drop-column=';
SET invariant_guard.severity = '=error';
SET invariant_guard.severity = 'drop-column=error,';
SET invariant_guard.severity = 'drop-column=error,,truncate=error';
SET invariant_guard.severity = ',drop-column=error';
SET invariant_guard.severity = 'drop-column=error truncate=error';
SET invariant_guard.severity = 'drop-column(users.name)=error';
-- a refused value leaves the one before
SHOW invariant_guard.severity;

--
-- table patterns
--
SET invariant_guard.financial_tables = E'payments, ledger.*,\n public.invoice_*, "Odd.Name", "say ""hi"""."*x" ';
SHOW invariant_guard.financial_tables;
SET invariant_guard.financial_tables = 'a.b.c';
SET invariant_guard.financial_tables = 'a.';
SET invariant_guard.financial_tables = '.a';
SET invariant_guard.financial_tables = 'a,';
SET invariant_guard.financial_tables = 'a,,b';
SET invariant_guard.financial_tables = 'a b';
SET invariant_guard.financial_tables = 'a-b';
SET invariant_guard.financial_tables = '""';
SET invariant_guard.financial_tables = 'a."';
SET invariant_guard.financial_tables = 'shop."users';
SELECT set_config('invariant_guard.protected_tables', repeat('a', 63) || '.' || repeat('b', 63), true);
SELECT set_config('invariant_guard.protected_tables', repeat('a', 64), true);
SELECT set_config('invariant_guard.protected_tables', '"' || repeat('a', 64) || '"', true);

-- database patterns
SET invariant_guard.protected_databases = 'shop, "Billing", tenant_*';
SET invariant_guard.protected_databases = 'shop.public';
SET invariant_guard.protected_databases = 'shop,';

--
-- reason and allow
--
SET invariant_guard.allow = 'drop-column(users.nickname)';
SET invariant_guard.reason = '  ';
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-12';
SET LOCAL invariant_guard.allow = E'drop-column(users.nickname), truncate ( shop . "Odd.Name" ),\n drop-column("say ""hi""".t.c), vacuum-full';
SHOW invariant_guard.allow;
SET LOCAL client_min_messages = 'warning';
COMMIT;
SHOW invariant_guard.allow;
SHOW invariant_guard.reason;

BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-12';
SAVEPOINT s;
SET LOCAL invariant_guard.allow = 'drop-colum(users.nickname)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'no-such-rule-at-all(users)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'wipe(users)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'all';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column()';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column(*)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column(a.b.c.d)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname) truncate(users)';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = 'drop-column(users.nickname),';
ROLLBACK TO s;
SET LOCAL invariant_guard.allow = '(users.nickname)';
ROLLBACK TO s;
ROLLBACK;

-- they cannot be stored anywhere
SELECT current_database() AS db \gset
CREATE ROLE regress_ig_settings;
ALTER DATABASE :"db" SET invariant_guard.allow = 'drop-column(users.nickname)';
ALTER DATABASE :"db" SET invariant_guard.reason = 'because';
ALTER ROLE regress_ig_settings SET invariant_guard.allow = 'drop-column(users.nickname)';
ALTER ROLE regress_ig_settings IN DATABASE :"db" SET invariant_guard.reason = 'because';
ALTER SYSTEM SET invariant_guard.allow = 'drop-column(users.nickname)';
CREATE FUNCTION allowed() RETURNS int LANGUAGE sql
	SET invariant_guard.reason = 'because' AS 'SELECT 1';
CREATE FUNCTION allowed() RETURNS int LANGUAGE sql
	SET invariant_guard.allow = 'drop-column(users.nickname)' AS 'SELECT 1';
-- nothing is stored by storing nothing
ALTER ROLE regress_ig_settings SET invariant_guard.allow = '';
ALTER ROLE regress_ig_settings RESET invariant_guard.allow;

-- other settings can be stored, when they are right
ALTER ROLE regress_ig_settings SET invariant_guard.severity = 'drop-column=warning, lock=notice';
ALTER ROLE regress_ig_settings SET invariant_guard.financial_tables = '"Odd.Name", ledger.*';
ALTER ROLE regress_ig_settings SET invariant_guard.severity = 'drop-colum=warning';
ALTER ROLE regress_ig_settings SET invariant_guard.severity = 'drop-column=warn';
ALTER SYSTEM SET invariant_guard.severity = 'drop-colum=warning';
SELECT unnest(setconfig) FROM pg_db_role_setting
WHERE setrole = 'regress_ig_settings'::regrole;
ALTER ROLE regress_ig_settings RESET ALL;

-- only superusers, and those to whom it was granted
SET ROLE regress_ig_settings;
SET invariant_guard.mode = 'off';
SET invariant_guard.severity = 'all=off';
SET invariant_guard.reason = 'I want to';
SET invariant_guard.allow = '';
SET invariant_guard.message_style = 'full';
RESET ROLE;
GRANT SET ON PARAMETER invariant_guard.allow, invariant_guard.reason TO regress_ig_settings;
SET ROLE regress_ig_settings;
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-13';
SET LOCAL invariant_guard.allow = 'truncate(shop.carts)';
SET LOCAL client_min_messages = 'warning';
COMMIT;
ALTER ROLE regress_ig_settings SET invariant_guard.reason = 'for ever';
SET invariant_guard.mode = 'off';
RESET ROLE;
REVOKE SET ON PARAMETER invariant_guard.allow, invariant_guard.reason FROM regress_ig_settings;

-- parallel workers take the leader's values, in whatever order
SELECT set_config(name, 'on', false) FROM pg_settings
WHERE name IN ('force_parallel_mode', 'debug_parallel_query');
BEGIN;
SET LOCAL invariant_guard.reason = 'TICKET-14';
SET LOCAL invariant_guard.allow = 'truncate(shop.carts)';
SET LOCAL invariant_guard.severity = 'lock=warning';
SET LOCAL client_min_messages = 'warning';
SELECT current_setting('invariant_guard.allow') AS allow,
	   current_setting('invariant_guard.reason') AS reason,
	   current_setting('invariant_guard.severity') AS severity;
COMMIT;

DROP ROLE regress_ig_settings;
