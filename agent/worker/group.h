/* worker/group.h - the folder of a deployment group: who may deploy to it now, and what was deployed before.
 *
 * Layout: spec/codedeploy-agent.md section 6. A lock (flock on the group's folder) lets one deployment at a time have
 * it, whoever runs it; it is gone with its process. Beside the reference's files a deployment's folder holds
 * `request.json` (who asked what, which process runs it, and `previous`: the last successful revision's folder then),
 * `journal`, `manifest`, `events.jsonl` and, when it has ended, `result.json`: a folder without one was interrupted.
 */
#pragma once

#include "model/deployment.h"
#include "util/err.h"

#include <stdatomic.h>

#define GROUP_REQUEST "request.json"
#define GROUP_RESULT  "result.json"

struct group {
	char *root; /* the deployment root, absolute */
	char *id;
	int root_fd, fd, instructions_fd;
};

struct group_wait { /* to have a group that another process has */
	const atomic_bool *stop;
	int stop_fd;				       /* readable when stop is set; -1: none */
	void (*note)(void *context, const char *text); /* who has it; NULL: nobody asks */
	void *context;
};

/* Opens the group ID below the deployment root ROOT, making folders as needed, and locks it. WAIT: until it is free;
 * NULL: not at all. OUT is the caller's: group_done(), which unlocks. ERR_BUSY: says which deployment holds it, since
 * when, and what to do; ERR_STOPPED while waiting. */
int group_open(const char *root, const char *id, const struct group_wait *wait, struct group *out, struct err *err);
void group_done(struct group *g);
/* Who has the lock, for people: "deployment d-1 (process 42, since ..)"; the caller frees it. */
char *group_holder(int group_fd);

/* A new deployment's folder with its request; its descriptor in *FD and its absolute path in *PATH are the caller's.
 * PREVIOUS: folder of the last successful revision; NULL: none. */
int group_new_deployment(struct group *g, const struct deployment *d, const char *previous, int *fd, char **path,
			 struct err *err);
/* 1: D (deployment_done()) and *PREVIOUS (the caller frees it; NULL: none, or nobody asks) are as that wrote them; 0:
 * there is no request that can be read. */
int group_read_request(int deployment_fd, struct deployment *d, char **previous);
/* The same of the revision in FOLDER. What another agent installed has none. */
int group_read_request_of(const char *folder, struct deployment *d);
/* 1: *OUT is the caller's: deployment_result_done(); 0: there is none that can be read. */
int group_read_result(int deployment_fd, struct deployment_result *out);
int group_write_result(int deployment_fd, const struct deployment *d, const struct deployment_result *r,
		       struct err *err);

enum group_pointer { GROUP_LAST_SUCCESSFUL, GROUP_MOST_RECENT, GROUP_POINTER_COUNT };
/* The folder that a pointer names, absolute (one that is relative is taken below the root, wherever we stand); the
 * caller frees it. 0: it names none; 1: *OUT is set, and may not exist: a pointer is a stranger's text. */
int group_pointer(const struct group *g, enum group_pointer pointer, char **out, struct err *err);
int group_set_pointer(struct group *g, enum group_pointer pointer, const char *path, struct err *err);

/* Remove deployment ID of the group's folder GROUP_FD. Its bundle goes out of the way first, so that one that is
 * interrupted leaves no half of a bundle that somebody could take for a good revision. */
int group_remove_deployment(int group_fd, const char *id, struct err *err);
/* Remove the oldest deployments beyond MAX_REVISIONS, sparing CURRENT and the last successful one. */
int group_prune(struct group *g, const char *current, unsigned max_revisions, struct err *err);
