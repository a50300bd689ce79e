/* installer/flusher.h - makes everything written by an install durable, one syncfs per file system.
 *
 * The descriptors are opened before the first write, so that a write error since then is seen (syncfs(2), Linux 5.8).
 * While files are staged, a thread of its own may start writing them back; it has descriptors of its own, else it
 * would swallow the error that the barrier must see.
 */
#pragma once

#include "installer/steps.h"

struct flusher;

/* For the file systems of S's places and folders (S NULL: none) and of STATE_FD. NULL on failure. */
struct flusher *flusher_new(const struct steps *s, int state_fd, struct err *err);
void flusher_start(struct flusher *f); /* early writeback; that it cannot start is no failure */
void flusher_stop(struct flusher *f);
int flusher_barrier(struct flusher *f, struct err *err);
void flusher_free(struct flusher *f); /* NULL is fine; stops */

static inline void flusher_freep(struct flusher **f)
{
	flusher_free(*f);
}
