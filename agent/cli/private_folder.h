/* cli/private_folder.h - a folder of one's own below $TMPDIR, gone again when it is done.
 *
 * From open to done SIGINT, SIGTERM and SIGHUP wait (a worker's client hears them), so that nothing is left behind.
 */
#pragma once

#include "util/err.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct private_folder {
	char *path;    /* absolute, free of links; NULL: there is none */
	int parent_fd; /* from here on: private */
	char *name;
	sigset_t before;
};

/* OUT is the caller's whatever happens: private_folder_done(). */
int private_folder_open(mode_t mode, struct private_folder *out, struct err *err);
/* KEEP: the folder stays. 0, or -1 when something is left that should not be. */
int private_folder_done(struct private_folder *f, bool keep, struct err *err);
