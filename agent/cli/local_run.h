/* cli/local_run.h - one deployment by a worker of our own, shown on the screen while it goes on, and seen to its end.
 */
#pragma once

#include "cli/output.h"
#include "cli/worker_client.h"

struct local_run {
	struct output output;
	struct deployment deployment;
	/* Hears what happens beside the screen, borrowed: its events alone. May be NULL. */
	const struct worker_watch *also;
	char *folder;		 /* of the deployment, as the worker told it; NULL: it did not */
	int64_t started_at_ms;	 /* since 1970 */
	struct own_end *own_end; /* while a recovery runs; private */
};
void local_run_done(struct local_run *l);

/* Deploy l->deployment with the worker at PATH. When that dies another one recovers. OUT then has a result in any
 * case, if need be that the worker is gone; it is the caller's: worker_end_done(). -1: nothing was started. */
int local_run(struct local_run *l, const char *path, struct worker_end *out, struct err *err);
