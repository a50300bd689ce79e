/* tests/crash/observer.h - the test side of util/fs: count, kill at or fail any call, and check the order of flushes.
 *
 * A sweep runs the code under test once with OBSERVER_COUNT, then once for every number up to that count:
 *
 *	struct observer o = { .action = OBSERVER_KILL_BEFORE, .at = k, .oracle = oracle };
 *	if (fork() == 0) {
 *		observer_start(&o);
 *		...the code under test...
 *		observer_stop();
 *		_exit(observer_exit_status(&o));	// 0, or OBSERVER_DISORDER
 *	}
 *
 * and the parent expects OBSERVER_KILLED. Numbers count mutating calls from 1 in all threads of the process (with more
 * than one thread the same number need not be the same call twice: settings.worker_threads = false for sweeps).
 */
#pragma once

#include "oracle.h"
#include "util/fs.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#define OBSERVER_KILLED	  86 /* exit status: died at the call that was asked for */
#define OBSERVER_DISORDER 87 /* exit status: the oracle found something; its report is on stderr */

enum observer_action {
	OBSERVER_COUNT,	      /* let everything pass */
	OBSERVER_KILL_BEFORE, /* _exit before call number `at` is made */
	OBSERVER_KILL_AFTER,  /* _exit after it was made, whatever came of it */
	OBSERVER_FAIL_ONCE,   /* call number `at` fails with `error` and is not made */
	/* From call number `at` on every call that needs space fails with `error`: create, mkdir, symlink, link,
	 * allocate, clone, a rename to a name that is not there, and a write beyond what the file has blocks for. */
	OBSERVER_FAIL_FROM,
};

struct observer {
	enum observer_action action;
	unsigned long at;      /* from 1 */
	int error;	       /* errno */
	struct oracle *oracle; /* borrowed; NULL: the order is not checked */
	FILE *trace;	       /* borrowed; NULL: none. One line a call, to look at one run of a sweep */

	struct fs_observer hooks; /* from here on: private */
	atomic_ulong calls, failed;
};

/* O is borrowed until observer_stop(); its counts begin at 0. */
void observer_start(struct observer *o);
void observer_stop(void);

unsigned long observer_calls(const struct observer *o);	 /* seen so far, failed ones included */
unsigned long observer_failed(const struct observer *o); /* made to fail */
/* 0, or OBSERVER_DISORDER with the oracle's report written to stderr. */
int observer_exit_status(const struct observer *o);
/* "rename 'a' -> 'b'": CALL for people, into BUF. */
void observer_describe(const struct fs_call *call, char *buf, size_t size);
