/* daemon/queue.h - whose turn it is: one deployment of a group runs, at most one waits, the newest request of them.
 *
 * Pure: ids in, ids out; who starts, stops and records them is the caller. Different groups do not know each other. A
 * group may be held, by recovery: then nothing of it starts until it is released. Strings given are borrowed; those
 * handed out live until the next call unless they are said to be the caller's.
 * Source: PRODUCT section 4, "One at a time".
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>
#include <stddef.h>

#define QUEUE_MAX_GROUPS 1000 /* with something to do at the same time */

struct queue;

struct queue *queue_new(void);
void queue_free(struct queue *q); /* NULL is fine */
void queue_freep(struct queue **q);

struct queue_place {
	bool starts;	  /* now: it counts as running from here on. false: it waits */
	char *behind;	  /* whom it waits for: the running deployment, or the one that is recovered; NULL: nobody */
	char *superseded; /* waited until now and will not run; it is not in the queue any more; NULL: none */
};
void queue_place_done(struct queue_place *p);

/* ID is a new request for GROUP. OUT is the caller's: queue_place_done(). ERR_BUSY: too many groups are busy. ID must
 * not be there already. */
int queue_add(struct queue *q, const char *group, const char *id, struct queue_place *out, struct err *err);
/* ID has ended, or will not be started after all (running or waiting, known or not). The id whose turn it is now, which
 * counts as running from here on; NULL: none. */
const char *queue_end(struct queue *q, const char *group, const char *id);

/* ID of GROUP is recovered: what runs is not touched, but nothing else starts. A second hold replaces the id. */
int queue_hold(struct queue *q, const char *group, const char *id, struct err *err); /* ERR_BUSY: as above */
/* As queue_end() in what it returns. */
const char *queue_release(struct queue *q, const char *group);

/* NULL: none. */
const char *queue_running(const struct queue *q, const char *group);
const char *queue_waiting(const struct queue *q, const char *group);
const char *queue_held(const struct queue *q, const char *group);
size_t queue_running_count(const struct queue *q); /* deployments of all groups, without those held */
