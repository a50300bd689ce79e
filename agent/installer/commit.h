/* installer/commit.h - carries out the steps of an install, and takes them back.
 *
 * Both directions may be interrupted anywhere and begun again: a step looks at what stands where before it acts. Who
 * calls keeps the journal: redo only after its COMMIT record is durable, undo only after its FAILED record is.
 */
#pragma once

#include "installer/steps.h"
#include "util/err.h"

/* Carry out all steps in order. On failure some of them are done: commit_undo(). ERR_EXISTS: something came to stand
 * in the way, or was replaced, since the plan was made. */
int commit_redo(const struct steps *s, struct err *err);

/* Take back whatever of the steps is done, newest first, and give the folders their times again. Goes on after a
 * failure, so that as much as possible is back; ERR tells the first one. */
int commit_undo(const struct steps *s, struct err *err);

/* Make the private folders, 0700. */
int commit_make_places(const struct steps *s, struct err *err);

/* Remove the private folders with all that was kept aside. QUIETLY: their parents get the times back that they had
 * before. Folders that are not there are no failure. */
int commit_remove_places(const struct steps *s, bool quietly, struct err *err);

/* Descriptor of a folder or place, to be closed by the caller. */
int steps_open_folder(const struct step_folder *f, struct err *err);
int steps_open_place(const struct step_place *p, struct err *err);
