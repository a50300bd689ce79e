/* bundle/block_reader.c - a block lies in the ring to the hashing thread, and is handed over when its user is done. */
#include "bundle/block_reader.h"

#include "bundle/ring.h"
#include "util/str.h"
#include "util/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	BLOCK = 64 * 1024, /* several of them lie in the processor's own cache */
	RING_SIZE = 6 * (BLOCK + 64),
};

struct block {
	size_t len;
	unsigned char bytes[BLOCK];
};

struct block_reader {
	int fd;
	struct digest *digest;
	struct block *own;  /* without thread */
	struct ring *ring;  /* with */
	struct block *lent; /* in the ring, not handed over yet */
	pthread_t thread;
};

static void *hash_all(void *context)
{
	struct block_reader *b = context;
	const struct block *block;

	while ((block = ring_peek(b->ring))) {
		digest_update(b->digest, block->bytes, block->len);
		ring_release(b->ring);
	}
	return NULL;
}

struct block_reader *block_reader_new(int fd, bool threaded)
{
	struct block_reader *b = xcalloc(1, sizeof(*b));

	b->fd = fd;
	b->digest = digest_new();
	if (threaded) {
		b->ring = ring_new(RING_SIZE);
		if (thread_start(&b->thread, hash_all, b) == 0)
			return b;
		ring_free(b->ring);
		b->ring = NULL;
	}
	b->own = xmalloc(sizeof(*b->own));
	return b;
}

/* Lets the thread hash what it was given, or drop it. */
static void end_thread(struct block_reader *b, void (*end)(struct ring *r))
{
	if (!b->ring)
		return;
	end(b->ring);
	(void)pthread_join(b->thread, NULL); /* it was started, so it can be joined */
	ring_free(b->ring);
	b->ring = NULL;
	b->lent = NULL;
}

void block_reader_free(struct block_reader *b)
{
	if (!b)
		return;
	end_thread(b, ring_abort);
	digest_free(b->digest);
	free(b->own);
	free(b);
}

static void hand_over(struct block_reader *b)
{
	if (b->lent)
		ring_commit(b->ring);
	b->lent = NULL;
}

static struct block *next_room(struct block_reader *b)
{
	if (!b->ring)
		return b->own;
	hand_over(b);
	b->lent = ring_reserve(b->ring, sizeof(*b->lent)); /* the hashing thread never aborts */
	b->lent->len = 0;
	return b->lent;
}

int block_reader_next(struct block_reader *b, const unsigned char **bytes, size_t *len, struct err *err)
{
	struct block *block = next_room(b);
	ssize_t n;

	do
		n = read(b->fd, block->bytes, BLOCK);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "reading");
	block->len = (size_t)n;
	if (!b->ring)
		digest_update(b->digest, block->bytes, block->len);
	*bytes = block->bytes;
	*len = block->len;
	return n > 0;
}

void block_reader_digest(struct block_reader *b, unsigned char out[DIGEST_BYTES])
{
	if (b->ring)
		hand_over(b);
	end_thread(b, ring_close);
	digest_finish(b->digest, out);
}
