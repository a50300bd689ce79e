/* installer/stage.h - brings everything new into the private folders, complete, before anything old is touched.
 *
 * Contents are copied from the unpacked bundle with their final owner, mode, ACL and times. Digests are taken on the
 * way where they are not known yet. Nothing is flushed here: the caller's barrier does that for all at once.
 */
#pragma once

#include "installer/arrange.h"
#include "model/digest_index.h"

#include <stdatomic.h>

struct staged_identity { /* per plan node; ino 0: not staged */
	uint64_t ino;
	int64_t ctime_ns;
};

struct stage_options {
	int archive_fd;		      /* the unpacked bundle, borrowed */
	struct digest_index *digests; /* known ones; those that are missing are added */
	bool threads;		      /* false: one thread, calls in a fixed order */
	const atomic_bool *stop;      /* NULL: never */
	void (*progress)(void *context, uint64_t files, uint64_t bytes); /* from the calling thread; NULL: none */
	void *context;
};

/* The private folders exist. Sets new_dev and new_ino of A's steps and IDENTITIES (PLAN->count of them).
 * ERR_STOPPED when asked to stop; whatever is staged by then is the caller's to remove. */
int stage(const struct plan *plan, struct arrangement *a, const struct stage_options *o,
	  struct staged_identity *identities, struct err *err);
