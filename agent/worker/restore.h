/* worker/restore.h - brings the service of the previous revision back after a failure (PRODUCT section 4).
 *
 * The files first (the caller undoes the install, or recovery does), then the previous revision's own ApplicationStart
 * and ValidateService, with SLIPWAY_RESTORE=1, its own variables and without heed to a stop request. Each outcome goes
 * to `restore` of the result, each step to the progress.
 */
#pragma once

#include "installer/install.h"
#include "worker/script_run.h"

/* Is a failure at EVENT of ORDER to be followed by a restore? Not when nobody wants it, nor before ApplicationStop:
 * what comes before that has stopped nothing. */
bool restore_is_due(const struct deployment *d, const char *const *order, const char *event);
/* Does something forbid it? true: the result says what. */
bool restore_is_forbidden(const struct script_run *s);

void restore_begin(struct script_run *s);
/* How it went with the files. UNDO_ERR counts for INSTALL_NEEDS_RECOVERY. */
void restore_tell_files(struct script_run *s, enum install_outcome outcome, const struct err *undo_err);
/* After that: start and validate what the files are of again, s->previous, if there is one and they are back. */
void restore_service(struct script_run *s);
