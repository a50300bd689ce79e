/* lifecycle/zygote.h - the small process that hooks are forked from.
 *
 * The worker forks it first of all, before libraries, threads, credentials and the bundle come in. So starting a hook
 * copies next to no memory, and nothing of the worker (descriptors, secrets, signal handling) can reach one. It runs
 * in a session of its own and holds nothing but its socket. One hook at a time; the hook leads its own process group.
 *
 * A hook does not outlive the zygote: the kernel kills it (KILL) when the zygote dies.
 * The zygote never outlives the worker: when the socket ends or the worker dies, it kills (KILL, at once) the process
 * group of a hook that still runs, and exits. At once, because a crashed worker is followed by recovery, which must not
 * share the host with a hook of the deployment that it undoes; such a hook counts as failed whatever it does. The group
 * only: what has left it is a service perhaps, which may be the one that serves, and the crash is not its fault. What a
 * hook that has ended left running is not touched. It is the subreaper of all of them: descendants.h.
 *
 * A hook that has ended stays a zombie until it is released, so that its pid and process group cannot come to mean
 * another process while the worker may still signal them.
 * Source: DESIGN.md section 4; spec/reliability-security.md P10, P11.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ZYGOTE_REPORT_FD   3
#define ZYGOTE_MAX_REQUEST (1024 * 1024) /* bytes of arguments, environment and the rest together */

struct zygote;

enum zygote_kind {
	ZYGOTE_EXEC, /* execute argv[0]; without `#!` line by /bin/sh, as execvp does */
	ZYGOTE_CALL, /* call what zygote_start() was given, in a fork of the zygote itself */
	ZYGOTE_KIND_COUNT
};

struct zygote_request {
	enum zygote_kind kind;
	const char *const *argv;	/* argv[0] is a path */
	const char *const *environment; /* complete: nothing is inherited */
	const char *cwd;
	bool change_user; /* to these three; else the hook runs as the worker does */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	size_t group_count;
	mode_t umask;
	int in, out, err; /* borrowed; become 0, 1, 2; there is no other descriptor in the hook */
	int report;	  /* ZYGOTE_CALL: borrowed; becomes ZYGOTE_REPORT_FD, not inherited further; 0: none */
};

struct zygote_child {
	pid_t pid;	  /* leads a process group of this number */
	int pidfd;	  /* -1 where the kernel has none; the caller closes it */
	int error;	  /* errno with which it could not be started */
	const char *step; /* at which step; static */
};

/* Functions of this program that run in the zygote's name. */
struct zygote_calls {
	/* A hook, in a fork of the zygote. It returns the exit status; the lists are those of the request. */
	int (*hook)(char **argv, char **environment);
	/* In the zygote itself: load what each such hook would else load anew. NULL: nothing. */
	void (*prepare)(void);
};

/* Fork the zygote. To be called while there is one thread and nothing to hide. CALLS (static) are for ZYGOTE_CALL
 * (NULL: such are refused). OUT is the caller's: zygote_free(). */
int zygote_start(const struct zygote_calls *calls, struct zygote **out, struct err *err);
void zygote_free(struct zygote *z); /* NULL is fine; a hook that still runs is killed */
/* Hooks of the kind ZYGOTE_CALL are to come: get ready for them while the worker does something else. A second time is
 * fine. What comes of it is not told: a hook that misses something says so itself. */
void zygote_prepare(struct zygote *z);

/* 1: it runs (the caller owns child->pidfd) and has been executed; 0: it could not be started, see child->error and
 * child->step; -1: ERR_SYS: the zygote is gone, or the request is too large. */
int zygote_run(struct zygote *z, const struct zygote_request *request, struct zygote_child *child, struct err *err);
/* Readable when zygote_ended() has something to say. */
int zygote_fd(const struct zygote *z);
/* Reads what zygote_fd() announced. 1: the hook has ended with STATUS, as of waitpid(); -1: the zygote is gone. */
int zygote_ended(struct zygote *z, int *status, struct err *err);
/* The hook's pid is not needed any more. Nothing may be signalled by it from here on. A hook that still runs (it could
 * not be killed: it is another user's, by way of sudo, or stuck in the kernel) is given up, and the next one can run.
 */
void zygote_release(struct zygote *z);
bool zygote_is_gone(const struct zygote *z); /* it has been found gone: no hook can run any more */
pid_t zygote_pid(const struct zygote *z);    /* for tests and diagnoses */
