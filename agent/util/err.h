/* util/err.h - why something failed, for people (msg) and for code (kind).
 *
 * Whatever can fail returns int and takes `struct err *err` last: -1 failed and ERR says why; 0 done or "there is
 * none"; 1 "there is one" for look-ups. ERR belongs to the caller, is never NULL and allocates nothing. The kind is
 * set where the failure happens; each floor on the way up puts the one fact in front that only it knows.
 */
#pragma once

#include <stdbool.h>

enum err_kind {
	ERR_NONE,
	ERR_SYS,	    /* a system call failed, see sys */
	ERR_USAGE,	    /* the command line is wrong */
	ERR_CONFIG,	    /* the configuration is wrong */
	ERR_APPSPEC,	    /* the appspec cannot be used */
	ERR_NOT_READY,	    /* something is missing that a hook may still bring: a user, a source */
	ERR_BUNDLE,	    /* the bundle is damaged, hostile or over a limit */
	ERR_DIGEST,	    /* the bundle is not the one that was asked for */
	ERR_SIGNATURE,	    /* no trusted signature */
	ERR_SOURCE,	    /* the revision cannot be fetched */
	ERR_EXISTS,	    /* files that are not ours stand in the way */
	ERR_NO_SPACE,	    /* no blocks, inodes or quota left */
	ERR_BUSY,	    /* somebody else holds the deployment group */
	ERR_STATE,	    /* the agent's own state is damaged or from a newer agent */
	ERR_STOPPED,	    /* asked to stop */
	ERR_UNREACHABLE,    /* no daemon or worker to talk to */
	ERR_TIMED_OUT,	    /* waited long enough */
	ERR_SCRIPT_MISSING, /* the five ways in which a hook fails, as CodeDeploy tells them apart */
	ERR_SCRIPT_NOT_EXECUTABLE,
	ERR_SCRIPT_TIMED_OUT,
	ERR_SCRIPT_FAILED,
	ERR_OUTPUTS_LEFT_OPEN,
	ERR_INTERRUPTED,    /* the agent itself was ended in the middle */
	ERR_NEEDS_RECOVERY, /* an earlier deployment of the group can be neither finished nor undone */
	ERR_DENIED,	    /* the caller is not allowed to */
	ERR_PLAN_CHANGED,   /* the plan that was looked at is not what would be done any more */
	ERR_VETOED,	    /* the policy of this host does not allow it */
	ERR_KIND_COUNT
};

struct err {
	enum err_kind kind; /* the innermost cause; added context never changes it */
	int sys;	    /* errno of that cause, 0 if it was no system call */
	char msg[1024];	    /* one line, outermost context first; context is cut before the cause is */
};

#define ERR_INIT ((struct err){ .kind = ERR_NONE })

/* These three return -1, so that a failing function ends in `return err_set(...)`. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* ERR_SYS with the text of errno appended; ENOSPC and EDQUOT become ERR_NO_SPACE. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Puts context in front: "context: cause". */
int err_add(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The error code of a lifecycle event in CodeDeploy's words ("ScriptFailed", PRODUCT section 3). */
const char *err_code(enum err_kind kind);
/* The kind with that code, ERR_SYS ("UnknownError") for a code that is not known. */
enum err_kind err_kind_of_code(const char *code);
/* Was nothing begun, for a reason that lies not in the revision: busy, another plan, not allowed? */
bool err_is_refusal(enum err_kind kind);
/* The exit status a command ends with (PRODUCT section 3). */
int err_exit_status(enum err_kind kind);
