/* bundle/ring.c - records in a circle, each behind its length; a record that does not fit at the end starts over. */
#include "bundle/ring.h"

#include "util/str.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

enum { ALIGN = 16 };

struct head {
	size_t size; /* of head and record; 0: the rest up to the end is unused */
	size_t unused;
};

struct ring {
	pthread_mutex_t lock;
	pthread_cond_t readable, writable;
	char *bytes;
	size_t size;
	size_t write_at, read_at; /* offsets of the next head */
	size_t used;		  /* heads, records and unused ends between read_at and write_at */
	size_t reserved, skipped; /* by the record that is being filled: for it, and unused at the end before it */
	bool closed, aborted, reader_waits, writer_waits;
};

struct ring *ring_new(size_t size)
{
	struct ring *r = xcalloc(1, sizeof(*r));

	(void)pthread_mutex_init(&r->lock, NULL); /* these three cannot fail on Linux */
	(void)pthread_cond_init(&r->readable, NULL);
	(void)pthread_cond_init(&r->writable, NULL);
	r->size = size / ALIGN * ALIGN;
	r->bytes = xmalloc(r->size);
	return r;
}

void ring_free(struct ring *r)
{
	if (!r)
		return;
	(void)pthread_mutex_destroy(&r->lock); /* nobody is waiting any more */
	(void)pthread_cond_destroy(&r->readable);
	(void)pthread_cond_destroy(&r->writable);
	free(r->bytes);
	free(r);
}

static struct head *head_at(struct ring *r, size_t at)
{
	return (struct head *)(void *)(r->bytes + at);
}

/* Finds room for SIZE bytes in one piece, by starting over when the end is too near. Takes nothing yet: a record that
 * is being filled must not be seen by the reader. */
static bool make_room(struct ring *r, size_t size)
{
	size_t to_end = r->size - r->write_at;

	r->skipped = to_end < size ? to_end : 0;
	r->reserved = size;
	return r->used + r->skipped + size <= r->size;
}

void *ring_reserve(struct ring *r, size_t len)
{
	size_t size = (sizeof(struct head) + len + ALIGN - 1) / ALIGN * ALIGN;
	struct head *h = NULL;

	assert(size <= r->size / 4);
	pthread_mutex_lock(&r->lock);
	while (!r->aborted && !make_room(r, size)) {
		r->writer_waits = true;
		pthread_cond_wait(&r->writable, &r->lock);
	}
	if (!r->aborted) {
		h = head_at(r, r->skipped ? 0 : r->write_at);
		h->size = size;
	}
	pthread_mutex_unlock(&r->lock);
	return h ? h + 1 : NULL;
}

void ring_commit(struct ring *r)
{
	pthread_mutex_lock(&r->lock);
	if (r->skipped) {
		head_at(r, r->write_at)->size = 0;
		r->write_at = 0;
	}
	r->used += r->skipped + r->reserved;
	r->write_at += r->reserved;
	if (r->write_at == r->size)
		r->write_at = 0;
	if (r->reader_waits) {
		r->reader_waits = false;
		pthread_cond_signal(&r->readable);
	}
	pthread_mutex_unlock(&r->lock);
}

static void stop_with(struct ring *r, bool *why)
{
	pthread_mutex_lock(&r->lock);
	*why = true;
	pthread_cond_broadcast(&r->readable);
	pthread_cond_broadcast(&r->writable);
	pthread_mutex_unlock(&r->lock);
}

void ring_close(struct ring *r)
{
	stop_with(r, &r->closed);
}

void ring_abort(struct ring *r)
{
	stop_with(r, &r->aborted);
}

bool ring_crowded(struct ring *r)
{
	pthread_mutex_lock(&r->lock);

	bool crowded = r->used > r->size / 2;

	pthread_mutex_unlock(&r->lock);
	return crowded;
}

void *ring_peek(struct ring *r)
{
	void *record = NULL;

	pthread_mutex_lock(&r->lock);
	while (!r->aborted && !r->used && !r->closed) {
		r->reader_waits = true;
		pthread_cond_wait(&r->readable, &r->lock);
	}
	if (!r->aborted && r->used) {
		if (head_at(r, r->read_at)->size == 0) {
			r->used -= r->size - r->read_at;
			r->read_at = 0;
		}
		record = head_at(r, r->read_at) + 1;
	}
	pthread_mutex_unlock(&r->lock);
	return record;
}

void ring_release(struct ring *r)
{
	pthread_mutex_lock(&r->lock);

	size_t size = head_at(r, r->read_at)->size;

	r->used -= size;
	r->read_at += size;
	if (r->read_at == r->size)
		r->read_at = 0;
	/* Waking the writer for every small record would make the two take turns: let it have half of the ring. */
	if (r->writer_waits && r->used <= r->size / 2) {
		r->writer_waits = false;
		pthread_cond_signal(&r->writable);
	}
	pthread_mutex_unlock(&r->lock);
}
