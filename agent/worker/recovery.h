/* worker/recovery.h - what becomes of deployments whose process is gone, before their group takes another one.
 *
 * Each deployment of the group without a result, or with one that says needs_recovery, in this order: what is left of
 * its interrupted hook is killed; the install is finished, or undone when the deployment is to be restored; the
 * previous revision is started and validated; the result is written, its events as the event log has them. A deployment
 * all of whose events had ended well has succeeded. Recovery may be interrupted anywhere and done again.
 */
#pragma once

#include "lifecycle/zygote.h"
#include "worker/group.h"
#include "worker/progress.h"

struct recovery {
	struct group *group;
	struct zygote *zygote; /* NULL: there are no hooks to run */
	struct progress *progress;
	void (*note)(void *context, const char *text); /* a line about each; NULL: nobody asks */
	void *context;
};

/* ERR_NEEDS_RECOVERY: one can be neither finished nor undone, so the group takes no other. */
int recovery_run(const struct recovery *r, struct err *err);
