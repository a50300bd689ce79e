/* cli/plan_folder.h - a private folder below the state folder for the time of a plan.
 *
 * It is locked (shared, as its worker locks it) while somebody uses it. What a plan that was killed has left is removed
 * by the next one. From open to done SIGINT, SIGTERM and SIGHUP wait, so that nothing is left behind.
 */
#pragma once

#include "util/err.h"

#include <signal.h>

struct plan_folder {
	char *path; /* absolute */
	int fd;
	int parent_fd; /* from here on: private */
	char *name;
	sigset_t before;
};

/* OUT is the caller's whatever happens: plan_folder_done(). */
int plan_folder_open(const char *state_dir, struct plan_folder *out, struct err *err);
/* Removes it. 0, or -1 when something is left. */
int plan_folder_done(struct plan_folder *f, struct err *err);
/* Remove what plans that are gone have left below STATE_DIR; what cannot be removed stays. */
void plan_folder_sweep(const char *state_dir);
