/*-------------------------------------------------------------------------
 *
 * decide.h
 *	  From findings to an outcome.
 *
 *-------------------------------------------------------------------------
 */
#ifndef IG_DECIDE_H
#define IG_DECIDE_H

#include "postgres.h"

#include "model/finding.h"
#include "platform/settings.h"

/* The mode of this session in this database, with "auto" resolved. */
extern IgMode ig_effective_mode(void);

/*
 * Is the gate to judge here and now?  False in binary upgrade, single-user
 * mode, extension scripts, parallel workers, and where the mode is off.  Reads
 * catalogs: the caller must be in a valid transaction.
 */
extern bool ig_gate_active(void);

/* Like ig_gate_active, but "auto" counts as enforce: for what is server-wide. */
extern bool ig_gate_active_server_wide(void);

/*
 * Apply severity, allowances and mode to the findings of one statement, and
 * raise: one error for all that is refused, a warning or notice for each of
 * the others.  Returns when nothing is refused.
 */
extern void ig_decide(IgFindings *findings);

/* Judge one change by all rules and decide at once; for the net. */
extern void ig_decide_change(const IgChange *change);

/* Which item of invariant_guard.allow permits the finding; -1 if none does. */
extern int	ig_decide_allowance(const IgFinding *finding);

/* The object of a finding as an allowance would name it. */
extern char *ig_decide_object(const IgFinding *finding);

/* The extension, InvalidOid where it is not created.  Like ig_gate_active. */
extern Oid	ig_extension_oid(void);

/* A warning, as the library is loaded, of a setting that silences triggers. */
extern void ig_decide_tell_weakness(const char *name, const char *value,
									const char *reason);

extern void ig_decide_changed_meanwhile(const char *name);
extern void ig_decide_notice_unused(const IgAllowItem *item);
extern void ig_decide_extension_dropped(Oid extension);
extern void ig_decide_init(void);

#endif							/* IG_DECIDE_H */
