/* bundle/write_back.c - ranges in a ring, each with a descriptor of its own: the file may be closed meanwhile. */
#include "bundle/write_back.h"

#include "bundle/ring.h"
#include "util/str.h"
#include "util/thread.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { RING_SIZE = 1024 };

struct range {
	int fd;
	uint64_t offset, len;
};

struct write_back {
	struct ring *ring;
	pthread_t thread;
	atomic_bool stop;
};

static void *write_ranges(void *context)
{
	struct write_back *w = context;
	const struct range *r;

	while ((r = ring_peek(w->ring))) {
		if (!atomic_load(&w->stop))
			(void)sync_file_range(r->fd, (off_t)r->offset, (off_t)r->len, SYNC_FILE_RANGE_WRITE);
		(void)close(r->fd); /* a duplicate: nothing to lose */
		ring_release(w->ring);
	}
	return NULL;
}

struct write_back *write_back_new(void)
{
	struct write_back *w = xcalloc(1, sizeof(*w));

	w->ring = ring_new(RING_SIZE);
	if (thread_start(&w->thread, write_ranges, w) == 0)
		return w;
	ring_free(w->ring);
	free(w);
	return NULL;
}

void write_back_free(struct write_back *w)
{
	if (!w)
		return;
	atomic_store(&w->stop, true);
	ring_close(w->ring);
	(void)pthread_join(w->thread, NULL); /* it was started, so it can be joined */
	ring_free(w->ring);
	free(w);
}

int write_back_range(struct write_back *w, int fd, uint64_t offset, uint64_t len)
{
	int own = ring_crowded(w->ring) ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

	if (own < 0)
		return 0;

	struct range *r = ring_reserve(w->ring, sizeof(*r)); /* the thread never aborts */

	*r = (struct range){ own, offset, len };
	ring_commit(w->ring);
	return 1;
}
