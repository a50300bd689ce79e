/* lifecycle/hook_report.h - what a Lua script tells the worker beside its output: what it does now, why it failed.
 *
 * Through ZYGOTE_REPORT_FD, a pipe that nobody waits for: texts that end with NUL, whose first byte says which: 'd'
 * what the script does now ("": nothing to tell any more), 'm' why it failed, 'a' what to do about that: each one write
 * of less than PIPE_BUF, so that none is torn; and 's' a secret, which the script waits for to be written, so that the
 * worker, who reads this pipe before it looks at lines of output, knows it before it can come up. The worker takes them
 * as a stranger's: cut, and all on one line; whether they are UTF-8 is for those who show them.
 */
#pragma once

#include "util/mask.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOOK_REPORT_MAX	    2048
#define HOOK_DOING_MAX	    512
#define HOOK_SECRET_WAIT_MS 10000 /* for a worker that does not read */
#define HOOK_DOING_PAUSE_MS 250	  /* between two texts of what it does; one that comes earlier is left out */

/* The script's end. A value of its own process. */
struct hook_reporter {
	bool asked; /* there is a pipe */
	bool shown; /* the last text of what it does was not "" */
	int64_t shown_ms;
	bool torn;			   /* a secret was not written to its end */
	const volatile sig_atomic_t *stop; /* waiting ends when it is set; NULL: never */
};
/* To be called before any file is opened, which might come by the pipe's number. */
void hook_reporter_init(struct hook_reporter *r);
/* Shaped as the callback of script_options; CONTEXT is a struct hook_reporter. */
void hook_reporter_doing(void *context, const char *text);
void hook_reporter_failed(struct hook_reporter *r, const char *message, const char *action);
/* The same without an action, from a signal handler; MESSAGE is cut at 512 bytes. */
void hook_reporter_ended(const struct hook_reporter *r, const char *message);

/* Shaped as the callback of script_options. BYTES hold no NUL. */
int hook_reporter_secret(void *context, const char *bytes, size_t len);

/* The worker's end. Begin with zeroes, FD and MASK. */
struct hook_report {
	int fd;			       /* does not wait; borrowed */
	struct mask *mask;	       /* borrowed: takes secrets; texts come without them */
	bool too_many;		       /* secrets, for the mask */
	char doing[HOOK_DOING_MAX];    /* "": nothing to tell */
	char message[HOOK_REPORT_MAX]; /* "": it has not said that it failed */
	char action[HOOK_REPORT_MAX];
	char text[MASK_MAX + 3]; /* that has not ended yet */
	size_t len;
};
/* Take in what is in the pipe. true: DOING is another one now. */
bool hook_report_read(struct hook_report *r);
