/* daemon/worker_search.h - is a process one of our workers, and which one has a deployment in hand? By /proc. */
#pragma once

#include <sys/types.h>

/* A pidfd (the caller's) of process PID if it is a worker of our user that was started for deployment ID; -1: it is
 * not, or gone. */
int worker_search_open(pid_t pid, const char *id);
/* The same for a worker that has no folder yet which would tell its number. *PID is set when there is one. */
int worker_search(const char *id, pid_t *pid);
