/* lifecycle/descendants.h - whatever a hook has started, wherever it went.
 *
 * A process that leaves its group (setsid) and outlives its parent, as a daemon does, becomes the child of the nearest
 * subreaper above it. The zygote is one: so all that a hook started is found below the zygote, and is gone with a hook
 * that times out or is stopped. What was there before the hook (daemons that earlier hooks have started) is left alone
 * with all that is below it.
 *
 * Found by /proc, so a process that forks and exits faster than /proc is read may get away, unless it stays in its
 * group, which a signal reaches as a whole.
 * Source: spec/reliability-security.md P10; prctl(2), PR_SET_CHILD_SUBREAPER.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define DESCENDANTS_MAX_OLDER 64

/* Plain values; zero-initialised it stands for nothing. */
struct descendants {
	pid_t reaper; /* 0: not known, then the group is all */
	pid_t group;  /* of the hook; the caller sets it, 0: none */
	pid_t older[DESCENDANTS_MAX_OLDER];
	size_t older_count;
};

/* Before a hook of REAPER is started. */
void descendants_note_older(struct descendants *d, pid_t reaper);
/* How many of them live; zombies do not. */
size_t descendants_count(const struct descendants *d);
/* Send SIGNAL to all of them: the group first and as a whole. 0, or errno of what could not be signalled. */
int descendants_signal(const struct descendants *d, int signal);
