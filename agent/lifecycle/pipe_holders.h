/* lifecycle/pipe_holders.h - who else has a pipe open?
 *
 * A hook that leaves a process behind with its output still attached is the commonest reason why a deployment hangs,
 * and the reference says nothing but "failed to close STDOUT" after an hour. /proc names the process.
 */
#pragma once

#include "util/mask.h"
#include "util/str.h"

#include <stdbool.h>
#include <stddef.h>

#define PIPE_HOLDERS_NAMED 4

struct pipe_holders {
	size_t count;
	bool holds[2];	 /* which of the two pipes */
	struct str text; /* "pid 812 'sleep 60', pid 813 'tail -f x'"; at most PIPE_HOLDERS_NAMED are named */
};

/* Other processes than this one that hold the pipes whose read ends are FDS (-1: none). As an ordinary user only one's
 * own processes can be seen. Commands are shown without the secrets of MASK. The caller's: pipe_holders_done(). */
void pipe_holders_find(const int fds[2], const struct mask *mask, struct pipe_holders *out);
void pipe_holders_done(struct pipe_holders *holders);
