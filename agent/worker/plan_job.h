/* worker/plan_job.h - what a deployment would do, found out without doing it.
 *
 * Everything of a preflight but the group's lock: unpack, read the appspec, trial plan, users, space. Nothing is
 * written but below the asker's folder; a deployment that runs meanwhile is told, and is no obstacle.
 */
#pragma once

#include "lifecycle/zygote.h"
#include "worker/plan_request.h"
#include "worker/progress.h"

#include <stdatomic.h>

struct plan_job {
	const struct plan_request *request;
	struct zygote *zygote;
	mode_t umask; /* of the agent */
	const atomic_bool *stop;
	struct progress *progress;
};

/* OUT is the caller's whatever happens: plan_answer_done(). -1: there is no plan, and OUT says why, as does ERR. A plan
 * that cannot be carried out is a plan: its "errors" tell. */
int plan_job_run(const struct plan_job *job, struct plan_answer *out, struct err *err);
