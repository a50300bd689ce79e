/* model/digest_index.c - open addressing over numbers of records that never move.
 *
 * Records lie densely in chunks, so growing copies only the table of numbers: 56 bytes a record and 5 to 11 bytes of
 * table.
 */
#include "model/digest_index.h"

#include "util/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct record {
	uint64_t ino;
	int64_t size, ctime_ns;
	unsigned char digest[DIGEST_SIZE];
};

enum { CHUNK = 1024 };

struct digest_index {
	pthread_mutex_t lock;
	struct record **chunks;
	uint32_t count;
	uint32_t *slots; /* number of a record + 1; 0: free */
	uint32_t mask;	 /* slots - 1, a power of two - 1 */
};

struct digest_index *digest_index_new(void)
{
	struct digest_index *ix = xcalloc(1, sizeof(*ix));

	(void)pthread_mutex_init(&ix->lock, NULL); /* cannot fail on Linux */
	ix->mask = CHUNK - 1;
	ix->slots = xcalloc(CHUNK, sizeof(*ix->slots));
	return ix;
}

void digest_index_free(struct digest_index *ix)
{
	if (!ix)
		return;
	for (uint32_t i = 0; i * CHUNK < ix->count; i++)
		free(ix->chunks[i]);
	free(ix->chunks);
	free(ix->slots);
	(void)pthread_mutex_destroy(&ix->lock); /* nobody holds it */
	free(ix);
}

static struct record *record_at(const struct digest_index *ix, uint32_t number)
{
	return &ix->chunks[number / CHUNK][number % CHUNK];
}

/* The slot that holds INO, or the free one where it belongs. */
static uint32_t *slot_of(const struct digest_index *ix, uint64_t ino)
{
	/* Inodes come in runs: multiply, so that neighbours spread (Knuth's golden ratio). */
	uint32_t at = (uint32_t)((ino * 0x9E3779B97F4A7C15u) >> 32) & ix->mask;

	while (ix->slots[at] && record_at(ix, ix->slots[at] - 1)->ino != ino)
		at = (at + 1) & ix->mask;
	return &ix->slots[at];
}

static void grow(struct digest_index *ix)
{
	ix->mask = ix->mask * 2 + 1;
	free(ix->slots);
	ix->slots = xcalloc((size_t)ix->mask + 1, sizeof(*ix->slots));
	for (uint32_t i = 0; i < ix->count; i++)
		*slot_of(ix, record_at(ix, i)->ino) = i + 1;
}

static struct record *new_record(struct digest_index *ix)
{
	if (ix->count % CHUNK == 0) {
		ix->chunks = xrealloc(ix->chunks, (ix->count / CHUNK + 1) * sizeof(struct record *));
		ix->chunks[ix->count / CHUNK] = xmalloc(CHUNK * sizeof(struct record));
	}
	return record_at(ix, ix->count++);
}

void digest_index_add(struct digest_index *ix, uint64_t ino, int64_t size, int64_t ctime_ns,
		      const unsigned char digest[DIGEST_SIZE])
{
	pthread_mutex_lock(&ix->lock);
	if (ix->count >= ix->mask - ix->mask / 4)
		grow(ix);

	uint32_t *slot = slot_of(ix, ino);
	struct record *r = *slot ? record_at(ix, *slot - 1) : new_record(ix);

	if (!*slot)
		*slot = ix->count;
	r->ino = ino;
	r->size = size;
	r->ctime_ns = ctime_ns;
	memcpy(r->digest, digest, DIGEST_SIZE);
	pthread_mutex_unlock(&ix->lock);
}

bool digest_index_find(struct digest_index *ix, uint64_t ino, int64_t size, int64_t ctime_ns,
		       unsigned char digest[DIGEST_SIZE])
{
	pthread_mutex_lock(&ix->lock);

	uint32_t slot = *slot_of(ix, ino);
	const struct record *r = slot ? record_at(ix, slot - 1) : NULL;
	bool same = r && r->size == size && r->ctime_ns == ctime_ns;

	if (same)
		memcpy(digest, r->digest, DIGEST_SIZE);
	pthread_mutex_unlock(&ix->lock);
	return same;
}
