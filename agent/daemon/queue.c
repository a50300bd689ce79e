/* daemon/queue.c - a short list of groups that have something to do; one that has nothing is not in it. */
#include "daemon/queue.h"
#include "util/auto.h"
#include "util/str.h"

#include <assert.h>
#include <string.h>

struct turn {
	char *group;
	char *running, *waiting, *held; /* ids; NULL: none */
};

struct queue {
	struct turn *turns;
	size_t count;
};

struct queue *queue_new(void)
{
	return xcalloc(1, sizeof(struct queue));
}

static void turn_done(struct turn *t)
{
	free(t->group);
	free(t->running);
	free(t->waiting);
	free(t->held);
}

void queue_free(struct queue *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->count; i++)
		turn_done(&q->turns[i]);
	free(q->turns);
	free(q);
}

void queue_freep(struct queue **q)
{
	queue_free(*q);
}

void queue_place_done(struct queue_place *p)
{
	free(p->behind);
	free(p->superseded);
	*p = (struct queue_place){ 0 };
}

static struct turn *find(const struct queue *q, const char *group)
{
	for (size_t i = 0; i < q->count; i++)
		if (!strcmp(q->turns[i].group, group))
			return &q->turns[i];
	return NULL;
}

static struct turn *find_or_add(struct queue *q, const char *group, struct err *err)
{
	struct turn *t = find(q, group);

	if (t)
		return t;
	if (q->count >= QUEUE_MAX_GROUPS) {
		(void)err_set(err, ERR_BUSY, "%d deployment groups are busy, which is as many as there may be; wait",
			      QUEUE_MAX_GROUPS);
		return NULL;
	}
	q->turns = xrealloc(q->turns, (q->count + 1) * sizeof(*q->turns));
	t = &q->turns[q->count++];
	*t = (struct turn){ .group = xstrdup(group) };
	return t;
}

static void drop(struct queue *q, struct turn *t)
{
	turn_done(t);
	*t = q->turns[--q->count];
}

static bool is(const char *one, const char *other)
{
	return one && !strcmp(one, other);
}

static void clear(char **id)
{
	free(*id);
	*id = NULL;
}

/* Something of T has gone: who is next? */
static const char *advance(struct queue *q, struct turn *t)
{
	if (t->held || t->running)
		return NULL;
	if (t->waiting) {
		t->running = TAKE_PTR(t->waiting);
		return t->running;
	}
	drop(q, t);
	return NULL;
}

int queue_add(struct queue *q, const char *group, const char *id, struct queue_place *out, struct err *err)
{
	struct turn *t = find_or_add(q, group, err);

	if (!t)
		return -1;
	assert(!is(t->running, id) && !is(t->waiting, id));
	*out = (struct queue_place){ .starts = !t->running && !t->held };
	if (out->starts) {
		t->running = xstrdup(id);
		return 0;
	}
	out->behind = xstrdup(t->running ? t->running : t->held);
	out->superseded = TAKE_PTR(t->waiting);
	t->waiting = xstrdup(id);
	return 0;
}

const char *queue_end(struct queue *q, const char *group, const char *id)
{
	struct turn *t = find(q, group);

	if (t && is(t->waiting, id))
		clear(&t->waiting);
	else if (t && is(t->running, id))
		clear(&t->running);
	else
		return NULL;
	return advance(q, t);
}

int queue_hold(struct queue *q, const char *group, const char *id, struct err *err)
{
	struct turn *t = find_or_add(q, group, err);

	if (!t)
		return -1;
	free(t->held);
	t->held = xstrdup(id);
	return 0;
}

const char *queue_release(struct queue *q, const char *group)
{
	struct turn *t = find(q, group);

	if (!t || !t->held)
		return NULL;
	clear(&t->held);
	return advance(q, t);
}

const char *queue_running(const struct queue *q, const char *group)
{
	const struct turn *t = find(q, group);

	return t ? t->running : NULL;
}

const char *queue_waiting(const struct queue *q, const char *group)
{
	const struct turn *t = find(q, group);

	return t ? t->waiting : NULL;
}

const char *queue_held(const struct queue *q, const char *group)
{
	const struct turn *t = find(q, group);

	return t ? t->held : NULL;
}

size_t queue_running_count(const struct queue *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->count; i++)
		n += q->turns[i].running != NULL;
	return n;
}
