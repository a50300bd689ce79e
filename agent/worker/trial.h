/* worker/trial.h - what makes a deployment one of `slipway try`: nobody needs to be root, and it may be asked to fail.
 *
 * Both the command, which tells it, and the worker, which does it, ask here.
 */
#pragma once

#include "appspec/appspec.h"
#include "model/deployment.h"

/* Take out of A what this process may not do: nothing for root. LEFT_OUT gets one finding each. */
void trial_take_out(struct appspec *a, struct findings *left_out);
/* EVENT has done its work. -1, ERR_SCRIPT_FAILED: D is to fail at it; R gets what there is to do about that. */
int trial_fail(const struct deployment *d, struct event_result *event, struct deployment_result *r, struct err *err);
