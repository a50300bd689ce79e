/* worker/plan_hooks.h - which scripts the events of a deployment would run, and whose they are. */
#pragma once

#include "worker/group.h"
#include "worker/preflight.h"

struct plan_hooks { /* all borrowed */
	const struct deployment *deployment;
	const struct revision_files *files;
	const struct group *group; /* NULL: nothing was deployed to it yet */
	const char *const *order;  /* of events */
};

/* New reference: "hooks" of docs/plan.schema.json, in the order in which they would run. WARNINGS gets one for every
 * event whose scripts an earlier revision has, when that is gone. */
json_t *plan_hooks_json(const struct plan_hooks *h, struct findings *warnings);
