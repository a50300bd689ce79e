/* config/state_folder.h - the folder for all that the agent remembers, /var/lib/slipway. */
#pragma once

#include "util/err.h"

/* Hooks of other users run from below it, and nobody lists it (PRODUCT section 2). */
#define STATE_FOLDER_MODE 0711

/* Make the state folder PATH and those above it, as far as they are not there. */
int state_folder_make(const char *path, struct err *err);
