/* installer/arrange.h - from a plan to the steps that carry it out, and where what they need is staged. Reads only.
 *
 * New things come first and what only the old revision had goes last, so that a reader of the destination never misses
 * a file that both have. A folder that the plan makes is staged as a whole and is one step. Private folders stand
 * beside the destination folder, on the same mount; inside it only when its parent is on another one or not writable.
 */
#pragma once

#include "installer/plan.h"
#include "installer/steps.h"

struct arrangement {
	struct steps steps;
	uint32_t *nodes;		      /* per step: the plan's node */
	uint64_t *place_bytes, *place_inodes; /* per place: what staging will take */
};

/* DEPLOYMENT_ID names the private folders. PLAN is borrowed as long as OUT lives. OUT: arrangement_done(). */
int arrange(const struct plan *plan, const char *deployment_id, struct arrangement *out, struct err *err);
void arrangement_done(struct arrangement *a);

/* Is there room on every file system? ERR_NO_SPACE says where, how much is needed and how much there is. */
int arrange_check_space(const struct arrangement *a, struct err *err);
