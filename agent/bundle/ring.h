/* bundle/ring.h - a bounded pipe of records from one thread to one other.
 *
 * Records lie one behind the other in one piece of memory and are filled and read in place. Whoever fails aborts the
 * ring, which wakes and stops the other side.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ring;

struct ring *ring_new(size_t size);
void ring_free(struct ring *r); /* NULL is fine; both threads are done with it */

/* The writing side. Room for LEN bytes (at most a quarter of the ring) aligned to 16; waits for it. NULL: aborted. */
void *ring_reserve(struct ring *r, size_t len);
/* Hands over what was reserved last. */
void ring_commit(struct ring *r);
void ring_close(struct ring *r); /* no more records */
/* More than half of it waits to be read: the reading side is the slower one. */
bool ring_crowded(struct ring *r);

/* The reading side. The next record; waits for one. NULL: closed and empty, or aborted. */
void *ring_peek(struct ring *r);
void ring_release(struct ring *r); /* done with what was peeked last */

void ring_abort(struct ring *r);
