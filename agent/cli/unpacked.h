/* cli/unpacked.h - an archive unpacked by a worker, to be looked at; gone again when it is done.
 *
 * It lies in a folder of its own, 0700, below $TMPDIR. From unpacked_open() to unpacked_done() SIGINT, SIGTERM and
 * SIGHUP wait (they stop the unpacking), so that nothing is left behind.
 */
#pragma once

#include "cli/private_folder.h"
#include "cli/worker_client.h"

struct unpacked {
	int fd;			      /* the bundle's folder; -1: end.unpacked says why not */
	struct worker_end end;	      /* with the warnings; its signal: somebody asked us to stop */
	struct private_folder folder; /* private */
};

/* 0 also when the bundle is bad (ERR_BUNDLE): that is an answer. OUT is the caller's whatever happens. */
int unpacked_open(const char *path, struct unpacked *out, struct err *err);
void unpacked_done(struct unpacked *u);
