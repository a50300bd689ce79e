/* daemon/instance_lock.h - one daemon for each state folder. */
#pragma once

#include "util/err.h"

/* Makes the folder (0711) and locks daemon.lock in it for as long as *FD, the caller's, is open. ERR_BUSY: says which
 * process has it. */
int instance_lock(const char *state_dir, int *fd, struct err *err);
