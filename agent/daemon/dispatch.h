/* daemon/dispatch.h - a deployment's way through the daemon: recorded, queued, run by a worker, ended, the next one. */
#pragma once

#include "daemon/daemon_internal.h"

struct dispatched {
	struct active *active; /* borrowed; NULL when it has ended already */
	char *behind;	       /* NULL: it runs */
};
void dispatched_done(struct dispatched *p);

/* Takes what *DEPLOYMENT holds. ERR_BUSY: too many groups. OUT is the caller's: dispatched_done(). */
int dispatch_add(struct daemon *d, struct deployment *deployment, struct dispatched *out, struct err *err);
struct active *dispatch_find(const struct daemon *d, const char *id);
/* It waits: it ends as Stopped at once. It runs: its worker is asked. ERR_BUSY: its group is being recovered. WHY: the
 * words of the result. */
int dispatch_stop(struct daemon *d, struct active *a, const char *why, struct err *err);
/* The group's turn: start what the queue says. NULL is fine. */
void dispatch_start(struct daemon *d, const char *id);
/* A has its end (live.end): recorded, told, forgotten; A is gone after this. The next of its group starts. */
void dispatch_finish(struct daemon *d, struct active *a);
/* Has it ended according to its folder? Then A ends with that. */
bool dispatch_finish_from_folder(struct daemon *d, struct active *a);
/* The watch of a job whose deployment is A. */
struct job_watch dispatch_watch(struct active *a);
/* For resume.c: A is known from now on. Takes what *DEPLOYMENT holds. */
struct active *dispatch_remember(struct daemon *d, struct deployment *deployment, int64_t created_at_ms);
/* A worker has finished or undone an earlier deployment of its GROUP: its DOCUMENT is recorded. */
void dispatch_record(struct daemon *d, const char *group, json_t *document);
size_t dispatch_running(const struct daemon *d); /* deployments with a worker */
/* At the end of the daemon: let go of all workers, which go on. */
void dispatch_free_all(struct daemon *d);
