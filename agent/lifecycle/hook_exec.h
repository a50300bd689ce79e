/* lifecycle/hook_exec.h - supervise one process of a hook from its start to its end; hook.c says in words what
 * happened. */
#pragma once

#include "lifecycle/hook.h"
#include "lifecycle/hook_report.h"

enum hook_end_kind {
	HOOK_NOT_STARTED, /* error, step */
	HOOK_ENDED,	  /* by itself: status */
	HOOK_TIMED_OUT,
	HOOK_STOPPED,
	HOOK_LEFT_OPEN /* it succeeded; open, holders */
};

struct hook_end {
	enum hook_end_kind kind;
	int status; /* as of waitpid() */
	int error;
	const char *step;
	bool outputs_left_open;
	enum script_stream open; /* which of them; STDOUT when both */
	char holders[512];	 /* "": could not be found out */
};

/* REQUEST without its first three descriptors. REPORT takes in what comes through request.report; NULL: there is none.
 * -1: it cannot be known how the process ends (the zygote is gone; it was killed). */
int hook_exec(const struct hook_run *run, struct zygote_request request, struct hook_report *report,
	      struct hook_end *end, struct err *err);
/* To the log and to whoever watches. */
void hook_say(const struct hook_run *run, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
