/* installer/stage_inherit.h - what is staged elsewhere takes over what it would inherit where it is to be.
 *
 * Below a folder that was staged so the kernel hands the default ACL down, to files as to folders; it does so with
 * labels only where SELinux is enabled, and without asking a policy's transitions we would not know. So a label is
 * given to each. Where the file system or the user's rights do not allow that, it is left: making it in place would do
 * the same.
 */
#pragma once

#include "installer/world.h"
#include "util/err.h"

/* FD was just made. TOP: in a private folder, which hands nothing down. Its mode is to be set afterwards. */
int stage_inherit(int fd, const struct disk_heritage *h, bool folder, bool top, struct err *err);
int stage_inherit_link(int dir_fd, const char *name, const struct disk_heritage *h, struct err *err);
