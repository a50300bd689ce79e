/* installer/commit.h - carries out the steps of an install, and takes them back.
 *
 * Both directions may be interrupted anywhere and begun again: a step looks at what stands where before it acts. Who
 * calls keeps the journal: redo only after its COMMIT record is durable, undo only after its FAILED record is.
 */
#pragma once

#include "installer/manifest.h"
#include "installer/steps.h"
#include "util/err.h"

/* Carry out all steps in order. On failure some of them are done: commit_undo(). ERR_EXISTS: something came to stand
 * in the way, or was replaced, since the plan was made. */
int commit_redo(const struct steps *s, struct err *err);

struct undo_watch {			 /* all borrowed; NULL in place of one: nothing of others is looked for */
	const struct manifest *manifest; /* of the install that is undone, to tell what is ours */
	const char *deployment_id;
	/* FOLDER was made by the install and stays, for it holds what others put there since. NULL: nobody asks. */
	void (*spared)(void *context, const char *folder);
	void *context;
};

/* Take back whatever of the steps is done, newest first, and give the folders their times again. Goes on after a
 * failure, so that as much as possible is back; ERR tells the first one. What others put into a folder that the install
 * made stays, with the folders it needs; where the path is wanted for what stood there before, the folder moves aside
 * as NAME.left-by-DEPLOYMENT. */
int commit_undo(const struct steps *s, const struct undo_watch *watch, struct err *err);
