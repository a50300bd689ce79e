/* worker/script_run.h - run an event's scripts as a part of a deployment: with its log, its progress and its result.
 *
 * What all hooks of one deployment share; everything is borrowed but what script_run_done() gives back. The same value
 * serves the events of the deployment and those that bring the previous revision back.
 */
#pragma once

#include "appspec/appspec.h"
#include "lifecycle/event.h"
#include "lifecycle/hook.h"
#include "lifecycle/operator_hooks.h"
#include "worker/event_log.h"
#include "worker/progress.h"

struct script_run {
	const struct deployment *deployment;
	struct zygote *zygote; /* NULL: a deployment without hooks */
	struct progress *progress;
	struct script_log *log;
	struct event_log *events;
	struct deployment_result *result; /* gets the warnings */
	int folder_fd;			  /* of the deployment */
	const char *folder;		  /* absolute */
	const char *previous;		  /* folder of the last successful revision; NULL: none */
	char **environment;		  /* of every hook, on top of its own; NULL: none */
	bool restoring;			  /* hooks get SLIPWAY_RESTORE=1 */
	const atomic_bool *stop;
	int stop_fd;	   /* -1: none */
	int no_restore_fd; /* -1: not made yet; owned */
	unsigned count;	   /* of events that had scripts to run */
};

void script_run_done(struct script_run *s);

/* Run HOOK (NULL: none), whose scripts lie in ARCHIVE, with the operator hooks around it, as EVENT, which gets what
 * came of it. The beginning goes to the event log. ARCHIVE NULL: there is none, and so no HOOK. */
int script_run(struct script_run *s, const struct appspec_hook *hook, const char *archive, struct event_result *event,
	       struct err *err);
/* Of the operator hooks for EVENT those alone that run before or after what the agent itself does then. */
int script_run_host(struct script_run *s, enum operator_hook_place when, const char *archive,
		    struct event_result *event, struct err *err);
/* The hook of that event of the revision in FOLDER, by its own appspec (APPSPEC_NAME; NULL: the usual names). 0: all
 * went well, or it has no scripts for the event; 1: the revision is gone or holds no appspec, and only operator
 * hooks were run. */
int script_run_of(struct script_run *s, const char *folder, const char *appspec_name, struct event_result *event,
		  struct err *err);
