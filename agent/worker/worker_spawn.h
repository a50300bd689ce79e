/* worker/worker_spawn.h - find and start the worker program; the other end of worker/protocol.h. */
#pragma once

#include "util/err.h"

#include <sys/types.h>

/* Where the worker's executable is: beside our own (a build folder), else where it is installed. The caller frees it.
 * ERR_UNREACHABLE: in neither place. */
int worker_find(char **out, struct err *err);

struct worker_process {
	pid_t pid;
	int sock;  /* ours, a stream of lines; the caller closes both */
	int pidfd; /* readable when it is gone; then to be reaped with waitpid() */
};
/* Start the worker at PATH; ABOUT, the id of a deployment or the name of a group, is its only argument, which it does
 * not read: `ps` shows it, and a daemon finds a worker by it that has no folder yet. Descriptor 3 is its end of the
 * socket, nothing on its standard input, its standard output is our standard error, no signal blocked or ignored, a
 * session of its own. -1: nothing was started. */
int worker_spawn(const char *path, const char *about, struct worker_process *out, struct err *err);
