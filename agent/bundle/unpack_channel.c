/* bundle/unpack_channel.c - records over a ring to a thread, or straight to the writer. */
#include "bundle/unpack_channel.h"

#include "bundle/entry_guard.h"
#include "bundle/ring.h"
#include "util/str.h"
#include "util/thread.h"

#include <stdlib.h>
#include <string.h>

enum { RING_SIZE = 2 * 1024 * 1024 };

struct channel {
	struct unpack_writer *writer;
	struct ring *ring; /* NULL: no thread */
	struct record *own;
	pthread_t thread;
	struct err err; /* the writer's */
};

static int deliver(struct unpack_writer *w, const struct record *r, struct err *err)
{
	switch (r->kind) {
	case RECORD_MEMBER:
		return unpack_writer_put(w, &r->member, r->content, r->len, err);
	case RECORD_BEGIN:
		return unpack_writer_begin(w, &r->member, err);
	case RECORD_PIECE:
		return unpack_writer_piece(w, r->content, r->len, r->offset, err);
	case RECORD_END:
		break;
	}
	return unpack_writer_end(w, r->offset, err);
}

static void *write_all(void *context)
{
	struct channel *c = context;
	const struct record *r;

	while ((r = ring_peek(c->ring))) {
		if (deliver(c->writer, r, &c->err) < 0) {
			ring_abort(c->ring);
			break;
		}
		ring_release(c->ring);
	}
	return NULL;
}

int channel_open(struct unpack_writer *writer, bool threads, struct channel **out, struct err *err)
{
	struct channel *c = xcalloc(1, sizeof(*c));

	c->writer = writer;
	if (threads)
		c->ring = ring_new(RING_SIZE);
	else
		c->own = xmalloc(sizeof(struct record) + 2 * (GUARD_PATH_MAX + 1) + CHANNEL_PIECE);

	if (threads && thread_start(&c->thread, write_all, c) < 0) {
		ring_free(c->ring);
		free(c);
		return err_sys(err, "starting a thread");
	}
	*out = c;
	return 0;
}

struct record *channel_room(struct channel *c, enum record_kind kind, const char *path, const char *text, size_t len)
{
	size_t path_size = strlen(path) + 1, text_size = strlen(text) + 1;
	struct record *r = c->own;

	if (c->ring)
		r = ring_reserve(c->ring, sizeof(*r) + path_size + text_size + len);
	else if (c->err.kind)
		return NULL;
	if (!r)
		return NULL;

	char *at = (char *)(r + 1);

	*r = (struct record){ .kind = kind, .len = len, .content = at + path_size + text_size };
	r->member.path = memcpy(at, path, path_size);
	r->member.text = memcpy(at + path_size, text, text_size);
	return r;
}

int channel_send(struct channel *c)
{
	if (!c->ring)
		return deliver(c->writer, c->own, &c->err);
	ring_commit(c->ring);
	return 0;
}

bool channel_crowded(struct channel *c)
{
	return c->ring && ring_crowded(c->ring);
}

int channel_finish(struct channel *c, bool complete, struct err *err)
{
	if (c->ring) {
		if (complete)
			ring_close(c->ring);
		else
			ring_abort(c->ring);
		(void)pthread_join(c->thread, NULL); /* it is there, and is not this one */
		ring_free(c->ring);
	}

	int failed = c->err.kind != ERR_NONE ? -1 : 0;

	if (failed)
		*err = c->err;
	free(c->own);
	free(c);
	return failed;
}
