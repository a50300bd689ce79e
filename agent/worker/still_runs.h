/* worker/still_runs.h - does the last successful revision run, as far as the results in its group's folder tell?
 *
 * Deploying the digest that runs already is no new deployment (PRODUCT section 3), but only when it runs: a deployment
 * that failed after it, past its preflight, may have stopped it, and not brought it back, or not to its full health.
 */
#pragma once

#include "worker/group.h"

/* REVISION: the folder of the last successful revision of G. Without a result of its own nobody knows: false. Nor does
 * it run as asked for when it was deployed with fewer events than those of ORDER (`--events`). */
bool still_runs(const struct group *g, const char *revision, const char *const *order);
