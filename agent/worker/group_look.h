/* worker/group_look.h - a deployment group seen from outside: reads only, makes nothing, takes no lock.
 *
 * A deployment may be running meanwhile, so what is told may be half of the old and half of the new: whoever asks says
 * so when group_is_locked().
 */
#pragma once

#include "installer/manifest.h"
#include "worker/group.h"

/* The group ID below the deployment root ROOT. 1: OUT is the caller's, group_done(); 0: there is no such group. Its
 * instructions_fd is -1 when the root has none. */
int group_look(const char *root, const char *id, struct group *out, struct err *err);

/* Does somebody hold the group's lock? Trying to take it would be in the way of a deployment that begins now. */
bool group_is_locked(int group_fd);

struct group_history {		   /* what the last successful revision has left */
	char *folder;		   /* of its deployment, absolute; it may be gone. NULL: there is none */
	struct manifest *manifest; /* NULL: not known, nothing is ours */
};

/* The manifest is that of the last successful revision, else what a CodeDeploy agent has recorded. ERR_STATE: it is
 * damaged. OUT is the caller's also when it has failed. */
int group_history_load(const struct group *g, struct group_history *out, struct err *err);
void group_history_done(struct group_history *h);
