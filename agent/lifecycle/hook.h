/* lifecycle/hook.h - run the scripts of a lifecycle event.
 *
 * A script is executed by way of the zygote (or, when it is written in Lua, called in a fork of it: hook_lua.h), in its
 * own process group, with `/` as its folder, input at its end, the environment of spec/codedeploy-agent.md 8.3 and,
 * with `runas`, as that user. Its output goes to the script log line by line. It ends by itself, at its timeout or at a
 * stop request: then TERM to the whole group, a grace, KILL.
 *
 * A script that has succeeded but left a process with its output open is noticed after drain_ms: the holder is named in
 * the log and by note(), then settings.outputs_left_open decides: wait (until the timeout, then it failed), warn (it
 * succeeded), fail (at once). What it started goes on running in all three; once nobody reads, its next write ends it.
 *
 * Messages and codes: spec/codedeploy-agent.md 2.7 (those of the reference, word by word) and docs/hooks.md (ours).
 */
#pragma once

#include "appspec/appspec.h"
#include "lifecycle/script_log.h"
#include "lifecycle/zygote.h"
#include "model/deployment.h"
#include "util/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define HOOK_GRACE_MS 5000
#define HOOK_DRAIN_MS 2000

/* All borrowed for the call. Begin with HOOK_RUN_INIT. */
struct hook_run {
	struct zygote *zygote;
	struct script_log *log;
	const struct deployment *deployment;
	const char *event;
	const struct appspec_script *script;
	const char *archive_dir;	  /* absolute; of the revision whose script it is */
	const char *previous_archive_dir; /* of the last successful revision; NULL: none */
	const char *const *environment; /* "NAME=VALUE" of this run (--env), NULL-terminated; NULL: none. What describes
					 * the deployment wins over it, it over all else */
	unsigned grace_ms, drain_ms;
	const atomic_bool *stop; /* NULL: cannot be stopped */
	int stop_fd;		 /* readable: stop, too, and the way to be heard at once; -1: none */
	/* TEXT is for whoever watches the deployment. NULL: nobody does. */
	void (*note)(void *context, const char *event, const char *text);
	/* What the script is doing now, a stranger's one line; "": nothing to tell any more. NULL: nobody asks. */
	void (*doing)(void *context, const char *event, const char *text);
	void *note_context; /* of both */
	/* PID leads the process group of SCRIPT, which has started or (ENDED) is over. NULL: nobody asks. */
	void (*process)(void *context, const char *script, pid_t pid, bool ended);
	void *process_context;
	int own_fd; /* a file that is given to the user of each script; -1: none */
};
#define HOOK_RUN_INIT                                                                                                  \
	((struct hook_run){ .grace_ms = HOOK_GRACE_MS, .drain_ms = HOOK_DRAIN_MS, .stop_fd = -1, .own_fd = -1 })

struct hook_outcome {
	const char *script;	/* location of the script that ran last (borrowed from the appspec); NULL: none did */
	int exit_code;		/* -1: it did not exit by itself */
	int signal;		/* that ended it, 0: none */
	int64_t duration_ms;	/* of that script */
	bool outputs_left_open; /* somebody still held them when it was over */
	char action[512];	/* what a Lua script says to do about its failure; "": nothing */
};

/* Run one script. OUT is filled on failure too. Output that could not be written fails nothing: script_log_trouble()
 * has it. -1: ERR_SCRIPT_*, ERR_OUTPUTS_LEFT_OPEN, ERR_STOPPED, or ERR_SYS. */
int hook_run(const struct hook_run *run, struct hook_outcome *out, struct err *err);
/* Run the scripts of HOOK (run->script is not looked at) in their order; the first failure is the last one. HOOK may be
 * NULL or empty: nothing to do, no log is touched. */
int hook_event_run(const struct hook_run *run, const struct appspec_hook *hook, struct hook_outcome *out,
		   struct err *err);
