# invariant_guard: a PostgreSQL extension that refuses risky DDL
#
#	make				build for the server that PG_CONFIG belongs to
#	make install		install into that server
#	make installcheck	regression and isolation tests against a running server
#
# The targets below need nothing but make and a shell.  Where the machine is
# a Debian one and they run as root, they install what is missing.
#
#	make demo			what the guard does, in a throw-away cluster
#	make test			every test, in a throw-away cluster
#	make test-all		the same on 15, 17 and 18; the latter two in chroots
#	make check-style	what a script can see of the house style
#	make replay DIR=...	replay a folder of SQL migrations, count the findings
#
# The long tests, from minutes to hours; "make soak-fuzz MAJOR=18" runs one in
# that major's chroot.
#
#	make soak-core		PostgreSQL's own tests, with and without the library
#	make soak-fuzz		random DDL, held against a database without the guard
#	make soak-memory	a session of 100,000 statements
#	make soak-partitions	what 10,000 partitions cost
#	make soak-smith		SQLsmith's random queries
#	make soak-valgrind	our own tests under valgrind
#	make soak-sanitizer	and with the sanitizers of the compiler

MODULE_big = invariant_guard
EXTENSION = invariant_guard

ig_top := $(dir $(lastword $(MAKEFILE_LIST)))
ig_version := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" $(ig_top)invariant_guard.control)

OBJS = \
	src/invariant_guard.o \
	src/platform/catalog.o \
	src/platform/freeze.o \
	src/platform/inherit.o \
	src/platform/label.o \
	src/platform/library.o \
	src/platform/list_setting.o \
	src/platform/locks.o \
	src/platform/owned.o \
	src/platform/relation.o \
	src/platform/retirement.o \
	src/platform/settings.o \
	src/platform/settings_usage.o \
	src/platform/shared.o \
	src/platform/text.o \
	src/model/finding.o \
	src/model/last_word.o \
	src/model/ledger.o \
	src/model/retirement.o \
	src/model/row_rule.o \
	src/model/row_rule_kind.o \
	src/model/when_clause.o \
	src/columns/retire.o \
	src/columns/retired_use.o \
	src/columns/usage.o \
	src/columns/usage_file.o \
	src/columns/usage_hook.o \
	src/columns/usage_record.o \
	src/columns/usage_worker.o \
	src/gate/cascade.o \
	src/gate/change_alter_table.o \
	src/gate/change_attach_rules.o \
	src/gate/change_column.o \
	src/gate/change_constraint.o \
	src/gate/change_create.o \
	src/gate/change_drop.o \
	src/gate/change_drop_part.o \
	src/gate/change_freeze.o \
	src/gate/change_guards.o \
	src/gate/change_heirs.o \
	src/gate/change_last_word.o \
	src/gate/change_list.o \
	src/gate/change_other.o \
	src/gate/change_owned.o \
	src/gate/change_partition.o \
	src/gate/change_reset.o \
	src/gate/change_rows.o \
	src/gate/change_self.o \
	src/gate/change_storage.o \
	src/gate/change_stored_type.o \
	src/gate/change_truncate.o \
	src/gate/check_ddl.o \
	src/gate/decide.o \
	src/gate/hints.o \
	src/gate/dependency.o \
	src/gate/discipline.o \
	src/gate/effect.o \
	src/gate/event_triggers.o \
	src/gate/held_locks.o \
	src/gate/impact_alter_type.o \
	src/gate/impact_alter_type_rebuild.o \
	src/gate/impact_alter_type_recheck.o \
	src/gate/impact_alter_type_tables.o \
	src/gate/impact_attach.o \
	src/gate/impact_common.o \
	src/gate/impact_narrowing.o \
	src/gate/impact_not_null.o \
	src/gate/lock_plan.o \
	src/gate/lock_plan_alter.o \
	src/gate/lock_plan_drop.o \
	src/gate/lock_plan_keys.o \
	src/gate/lock_plan_list.o \
	src/gate/lock_plan_other.o \
	src/gate/lock_plan_storage.o \
	src/gate/names.o \
	src/gate/net.o \
	src/gate/net_guards.o \
	src/gate/object_hook.o \
	src/gate/own.o \
	src/gate/pending.o \
	src/gate/record.o \
	src/gate/rows_changed.o \
	src/gate/script_alter.o \
	src/gate/script_discipline.o \
	src/gate/script_effect.o \
	src/gate/script_effect_alter.o \
	src/gate/script_opaque.o \
	src/gate/script_overlay.o \
	src/gate/script_proof.o \
	src/gate/script_remedy.o \
	src/gate/script_retire.o \
	src/gate/script_review.o \
	src/gate/script_source.o \
	src/gate/session_guard.o \
	src/gate/source.o \
	src/gate/statement.o \
	src/gate/target.o \
	src/gate/transaction.o \
	src/gate/transaction_end.o \
	src/gate/utility_hook.o \
	src/rows/after_ddl.o \
	src/rows/anchor.o \
	src/rows/append_only.o \
	src/rows/append_only_retention.o \
	src/rows/append_only_reversal.o \
	src/rows/assertion_declare.o \
	src/rows/assertion_key.o \
	src/rows/assertion_plan.o \
	src/rows/assertion_role.o \
	src/rows/audit_columns.o \
	src/rows/commit_assertion.o \
	src/rows/declare.o \
	src/rows/declared.o \
	src/rows/definitions.o \
	src/rows/drop_rule.o \
	src/rows/fixed.o \
	src/rows/foreign_key.o \
	src/rows/frozen_rows.o \
	src/rows/immutable_columns.o \
	src/rows/isolation_floor.o \
	src/rows/kept_plan.o \
	src/rows/move.o \
	src/rows/moved.o \
	src/rows/on_no_match.o \
	src/rows/optimistic_lock.o \
	src/rows/own_query.o \
	src/rows/relative_only.o \
	src/rows/running.o \
	src/rows/trigger.o \
	src/rows/version_check.o \
	src/rows/version_predicate.o \
	src/rows/when.o \
	src/rows/plan_rules.o \
	src/rows/row_limit.o \
	src/rows/rows.o \
	src/rows/rule_retired.o \
	src/rows/rule_trigger.o \
	src/rows/seal.o \
	src/rows/seal_closed.o \
	src/rows/seal_hash.o \
	src/rows/seal_remove.o \
	src/rows/seal_verify.o \
	src/rows/snapshot_columns.o \
	src/rows/snapshot_source.o \
	src/rows/soft_delete.o \
	src/rows/soft_delete_admin.o \
	src/rows/soft_delete_check.o \
	src/rows/soft_delete_children.o \
	src/rows/soft_delete_declare.o \
	src/rows/soft_delete_deferred.o \
	src/rows/soft_delete_exec.o \
	src/rows/soft_delete_keys.o \
	src/rows/soft_delete_parent.o \
	src/rows/soft_delete_plan.o \
	src/rows/soft_delete_purge.o \
	src/rows/soft_delete_rule.o \
	src/rows/soft_delete_views.o \
	src/rows/spread.o \
	src/rows/unique_active.o \
	src/rows/unique_index.o \
	src/rules/add_column.o \
	src/rules/allowance.o \
	src/rules/alter_column.o \
	src/rules/columns.o \
	src/rules/constraint.o \
	src/rules/cure.o \
	src/rules/discipline.o \
	src/rules/domain.o \
	src/rules/drop.o \
	src/rules/environment.o \
	src/rules/financial.o \
	src/rules/guard.o \
	src/rules/index.o \
	src/rules/partition.o \
	src/rules/rename.o \
	src/rules/replace_constraint.o \
	src/rules/replace_object.o \
	src/rules/rows.o \
	src/rules/rules.o \
	src/rules/table.o \
	src/rules/truncate.o \
	src/report/check_rules.o \
	src/report/column_usage.o \
	src/report/ledger_view.o \
	src/report/predict.o \
	src/report/protect.o \
	src/report/retirement_holds.o \
	src/report/retirements.o \
	src/report/row_rules.o \
	src/report/rules_view.o \
	src/report/status.o \
	src/report/usage_exchange.o \
	src/report/verify_rules.o

DATA_built = invariant_guard--$(ig_version).sql

# The tests, by name.  Regression tests expect the library to be preloaded
# into the sessions of the test database (session_preload_libraries).
REGRESS = gate settings labels status routes robust privileges lock_column lock_constraint lock_index compatibility proof wipe financial commit freeze guard_self net predict guards attacks discipline check_ddl row_rule column_usage retire retire_holds retire_ruled \
	rows_append_only rows_optimistic_lock rows_relative_only rows_on_no_match rows_not_preloaded rows_declared rows_commit_assertion rows_isolation_floor rows_row_limit rows_reversal rows_retention rows_seal rows_seal_owner rows_soft_delete rows_soft_delete_tree rows_soft_delete_kept rows_immutable_columns rows_frozen_rows rows_snapshot_columns rows_audit_columns rows_unique_active rows_last_word rows_attach rows_roles rows_loopholes rows_when rows_kept_plans hints
REGRESS_OPTS =

ISOLATION = allowance filled_meanwhile label_change refusal_before_lock name_swap declared_no_wait optimistic_lock_race optimistic_lock_expect relative_only_race commit_assertion_race commit_assertion_order kept_plans_ddl append_only_reversal append_only_seal append_only_attach soft_delete_children soft_delete_early soft_delete_twice append_only_retention frozen_rows_waits immutable_columns_race unique_active_race retire_and_drop
ISOLATION_OPTS = --inputdir=$(ig_top)test

EXTRA_CLEAN = build $(OBJS:.o=.d)

# Warnings are errors; "make WERROR=" lets an unknown compiler have its say.
WERROR = -Werror
PG_CFLAGS = -std=gnu99 -Wall -Wextra -Wmissing-prototypes -Wpointer-arith \
	-Wdeclaration-after-statement -Werror=vla -Wshadow \
	-Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers \
	$(WERROR) -fvisibility=hidden -MMD -MP

PG_CPPFLAGS = -I$(ig_top)src -DIG_VERSION='"$(ig_version)"'
ig_link_linux = -Wl,-z,relro -Wl,-z,now
SHLIB_LINK = $(if $(filter linux,$(PORTNAME)),$(ig_link_linux))

# Bitcode for JIT would need clang, and no function of ours is inlined into
# expressions.  Header dependencies are kept beside the objects, since some
# of the files in different folders share a name.
override with_llvm := no
override autodepend :=

.DEFAULT_GOAL := all

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
-include $(OBJS:.o=.d)
invariant_guard$(DLSUFFIX): $(ig_top)Makefile

# The parts of the install script, in the order of their names.  A login event
# trigger exists since 17.
ig_no_login = $(if $(filter 15 16,$(MAJORVERSION)),%/11_login.sql)
ig_parts := $(filter-out $(ig_no_login),$(sort $(wildcard $(ig_top)src/install/*.sql)))

$(DATA_built): $(ig_parts) $(ig_top)invariant_guard.control $(ig_top)Makefile
	cat $(ig_parts) > $@

else

all install installcheck:
	@echo "make: the headers of a PostgreSQL server were not found by '$(PG_CONFIG) --pgxs'." >&2
	@echo "Install them (Debian: postgresql-server-dev-15), or set PG_CONFIG." >&2
	@exit 1

clean distclean:
	rm -rf $(EXTRA_CLEAN) $(OBJS) $(DATA_built) invariant_guard.so

endif

# What the scripts below ask of this file.
print-%:
	@echo $($*)

# Recipes get PG_CONFIG only where it was chosen; else the scripts search.
ig_server = $(if $(filter-out file default,$(origin PG_CONFIG)),PG_CONFIG='$(PG_CONFIG)')

demo:
	@$(ig_server) $(ig_top)test/demo/demo.sh

test:
	@$(ig_server) $(ig_top)test/setup/run_tests.sh

test-all:
	@$(ig_server) $(ig_top)test/setup/run_all.sh

check-style:
	@$(ig_top)test/setup/check_style.sh $(wildcard invariant_guard.so)

replay:
	@test -n "$(DIR)" || { echo "usage: make replay DIR=folder-of-sql-files" >&2; exit 2; }
	@$(ig_server) $(ig_top)test/replay/replay.sh $(REPLAY_OPTS) "$(DIR)"

soak-sanitizer: ig_kind = valgrind.sh
soak-%:
	@if [ -n "$(filter-out 15,$(MAJOR))" ]; then \
		exec $(ig_top)test/soak/in_chroot.sh $(MAJOR) $(or $(ig_kind),$*.sh) $(if $(ig_kind),$*); \
	else \
		exec env $(ig_server) $(ig_top)test/soak/$(or $(ig_kind),$*.sh) "$(MAJOR)" $(if $(ig_kind),$*); \
	fi

.PHONY: demo test test-all check-style replay
