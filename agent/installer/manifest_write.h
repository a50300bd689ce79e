/* installer/manifest_write.h - from a plan that is being carried out to its manifest. */
#pragma once

#include "installer/arrange.h"
#include "installer/stage.h"

struct manifest_source { /* all borrowed */
	const struct plan *plan;
	const struct arrangement *arrangement;
	const struct staged_identity *identities; /* of each node that was staged */
	/* The steps have been done, so that the times of change of single files can be recorded; else theirs is left
	 * open and they count as touched. */
	bool moved;
};

/* As NAME under DIR_FD. Nothing is flushed. */
int manifest_write(const struct manifest_source *source, int dir_fd, const char *name, struct err *err);
/* Would a manifest written after the steps say more than the one before? Only single files and links that were moved
 * by a step of their own, or got a label, have a new time of change by that. */
bool manifest_gains_by_moving(const struct plan *plan);
