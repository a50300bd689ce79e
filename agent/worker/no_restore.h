/* worker/no_restore.h - the file by which a hook marks a point of no return (PRODUCT section 4).
 *
 * `no-restore` in the deployment's folder, named to hooks by $SLIPWAY_NO_RESTORE. It is made empty and as old as can
 * be: writing to it marks, and so does `touch`. It stays when it was marked, so that recovery finds it.
 */
#pragma once

#include "util/err.h"
#include "util/mask.h"

#define NO_RESTORE_NAME "no-restore"

/* Open the file in the deployment's folder DIR_FD, making it if need be. Returns its descriptor, or -1. */
int no_restore_open(int dir_fd, struct err *err);
/* Why nothing may be restored, one line for people without the secrets of MASK (NULL: none), which the caller frees;
 * NULL: nobody said so. */
char *no_restore_reason(int dir_fd, const struct mask *mask);
/* Remove a file that was not marked; that it stays is no failure. */
void no_restore_tidy(int dir_fd);
