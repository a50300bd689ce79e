/* daemon/job.h - one worker process and the conversation with it, by the loop: start, lines, deadline, stop, end.
 *
 * Of our own workers the socket is read; of one that an earlier daemon left behind (job_adopt()) only its end is seen.
 * What a worker says is checked like a stranger's; one that says what nobody understands is killed, since its journal
 * makes that safe. A job knows no groups and no database.
 */
#pragma once

#include "util/err.h"
#include "worker/worker_messages.h"

#include <stdbool.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/* How long a worker may be silent after its deadline before it is killed: a hook's TERM and KILL, and some air. */
#define JOB_GRACE_S 35
/* How long once it is stopping, or undoing what failed, or when it cannot be heard: the hooks that bring back the
 * revision before may take their time in silence, and have limits of their own (an hour, unless the appspec says
 * otherwise). */
#define JOB_RESTORE_S 3700
/* How long it may take to go after its result. */
#define JOB_EXIT_S 60

struct job;

struct job_watch {
	/* M is borrowed, but what it holds may be taken out of it. */
	void (*message)(void *context, struct worker_message *m);
	/* The worker is gone; HOW is one line about it, CLEAN: it ended with status 0. The job is the callee's to free,
	 * now or later. */
	void (*gone)(void *context, bool clean, const char *how);
	void *context;
	unsigned grace_s; /* 0: JOB_GRACE_S */
};

/* Start the worker at PATH (ABOUT: worker_spawn()) with REQUEST, whose reference is taken. WATCH is copied. *OUT is the
 * caller's. */
int job_start(sd_event *loop, const char *path, const char *about, json_t *request, const struct job_watch *watch,
	      struct job **out, struct err *err);
/* Watch a process that is not our child. Takes PIDFD. */
int job_adopt(sd_event *loop, pid_t pid, int pidfd, const struct job_watch *watch, struct job **out, struct err *err);
/* Lets go: an own worker that "outlives" carries on. NULL is fine. */
void job_free(struct job *j);

/* It is asked to stop after SECONDS, 0: at once, because its time is over; then killed when it stays silent. One that
 * brings the previous revision back has only the timeouts of that one's hooks. */
void job_set_deadline(struct job *j, unsigned seconds);
void job_stop(struct job *j);
void job_kill(struct job *j);
pid_t job_pid(const struct job *j);
bool job_is_adopted(const struct job *j);
bool job_was_stopped(const struct job *j); /* asked to, by job_stop() or its deadline */
