/* worker/runner.h - one deployment, from request to result.
 *
 * The order of things, each failure named by its event:
 *     lock the group -> recover what was interrupted -> preflight -> events in order -> (restore) -> end the install
 *     -> retention -> result
 * Source: PRODUCT section 4, DESIGN.md section 5.
 */
#pragma once

#include "lifecycle/zygote.h"
#include "model/deployment.h"
#include "worker/progress.h"

#include <stdatomic.h>

struct runner {
	const struct deployment *deployment;
	struct zygote *zygote; /* NULL: a deployment without hooks, as crash tests make them */
	struct progress *progress;
	const atomic_bool *stop;
	const atomic_bool *deadline; /* with stop: the deployment's deadline has passed; NULL: there is none */
	int stop_fd;		     /* readable when stop is set; -1: none */
	mode_t umask; /* of the agent; the process's own is 0, so that modes are what they are made with */
};

/* OUT is filled whatever happens: deployment_result_done(). 0: Succeeded; -1: ERR as in OUT, or the
 * deployment must be recovered by another worker, for no hook can run in this one: then no result was written or sent.
 */
int runner_run(const struct runner *r, struct deployment_result *out, struct err *err);
