/* worker/group.h - the folder of a deployment group: who may deploy to it now, and what was deployed before.
 *
 * Layout: spec/codedeploy-agent.md section 6. A lock (flock on the group's folder) lets one deployment at a time have
 * it, whoever runs it; it is gone with its process. Beside the reference's files a deployment's folder holds
 * `request.json` (who asked what, and which process runs it), `journal`, `manifest` and, when it has ended,
 * `result.json`: a folder without one was interrupted.
 */
#pragma once

#include "model/deployment.h"
#include "util/err.h"

struct group {
	char *root; /* the deployment root, absolute */
	char *id;
	int root_fd, fd, instructions_fd;
};

/* Opens the group of D, making folders as needed, and locks it. OUT is the caller's: group_done(), which unlocks.
 * ERR_BUSY: says which deployment holds it, since when, and what to do. */
int group_open(const struct deployment *d, struct group *out, struct err *err);
void group_done(struct group *g);

/* Finish or undo what earlier processes left half-done. Each such deployment gets its result, and NOTE (may be NULL)
 * a line about it. ERR_NEEDS_RECOVERY: one can be neither finished nor undone, so the group takes no other. */
int group_recover(struct group *g, void (*note)(void *context, const char *text), void *context, struct err *err);

/* A new deployment's folder with its request; its descriptor in *FD and its absolute path in *PATH are the caller's. */
int group_new_deployment(struct group *g, const struct deployment *d, int *fd, char **path, struct err *err);
int group_write_result(int deployment_fd, const struct deployment *d, const struct deployment_result *r,
		       struct err *err);

enum group_pointer { GROUP_LAST_SUCCESSFUL, GROUP_MOST_RECENT, GROUP_POINTER_COUNT };
/* The folder that a pointer names, absolute; the caller frees it. 0: it names none; 1: *OUT is set, and may not exist.
 */
int group_pointer(const struct group *g, enum group_pointer pointer, char **out, struct err *err);
int group_set_pointer(struct group *g, enum group_pointer pointer, const char *path, struct err *err);

/* Remove the oldest deployments beyond MAX_REVISIONS, sparing CURRENT and the last successful one. */
int group_prune(struct group *g, const char *current, unsigned max_revisions, struct err *err);
