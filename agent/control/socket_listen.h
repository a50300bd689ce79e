/* control/socket_listen.h - a Unix socket that listens, with the right owner and mode and nobody's remains in the way.
 */
#pragma once

#include "util/err.h"

#include <stdbool.h>

#define SOCKET_GROUP "slipway"

/* *FD, non-blocking, is the caller's. *OURS: we made it, so we remove it (socket_unlisten()). ERR_BUSY: somebody
 * listens at PATH. */
int socket_listen(const char *path, int *fd, bool *ours, struct err *err);
void socket_unlisten(const char *path);
