/* worker/event_log.h - how far a deployment has come, for whoever recovers it: `events.jsonl` in its folder.
 *
 * One JSON object a line, appended and never flushed by itself (before the commit record of an install everything is):
 *     {"event":{...}}	an event has begun or ended: event_result_to_json(), as in the result
 *     {"hook":{"script":S, "pid":N, "start":TICKS, "boot":ID}}	 it leads the process group N, until
 *     {"hook_ended":N}
 *     {"mark":"ended"}	all events have ended well; "restore": bringing the previous revision back has begun
 * Events without scripts that the agent itself has nothing to do at leave no line. A line that is torn says nothing; a
 * log that cannot be written fails no deployment, but recovery then knows only of the files.
 */
#pragma once

#include "model/deployment.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_log {
	int dir_fd; /* of the deployment; borrowed */
	int fd;	    /* -1: nothing written yet */
	bool torn;  /* the last line may be half there */
};

enum event_log_mark { EVENT_LOG_ENDED, EVENT_LOG_RESTORE, EVENT_LOG_MARK_COUNT };

void event_log_init(struct event_log *l, int dir_fd);
void event_log_done(struct event_log *l);
void event_log_event(struct event_log *l, const struct event_result *e);
void event_log_hook(struct event_log *l, const char *script, pid_t pid, bool ended);
void event_log_mark(struct event_log *l, enum event_log_mark mark);

struct event_history {
	struct event_result *events; /* in the order of their beginning, each as it was known last */
	size_t count;
	bool marks[EVENT_LOG_MARK_COUNT];
	pid_t hook; /* that had not ended; 0: none */
	uint64_t hook_start;
	char hook_boot[40];
};

/* What the log in DIR_FD says; a log that is not there says nothing. OUT is the caller's: event_history_done(). */
int event_log_read(int dir_fd, struct event_history *out, struct err *err);
void event_history_done(struct event_history *h);
/* Kill what is left of the hook that had not ended, and wait for its end. A group whose leader is gone may be another
 * one of that number: of it only those go that have DEPLOYMENT in their environment. true: there was something to kill.
 */
bool event_history_kill_hook(const struct event_history *h, const char *deployment);
