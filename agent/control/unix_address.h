/* control/unix_address.h - the address of a socket whose path may be longer than the 107 bytes that one takes. */
#pragma once

#include "util/err.h"

#include <sys/un.h>

/* For bind() and connect(). *DIR_FD, the caller's, is the socket's folder and must stay open until then. */
int unix_address(const char *path, struct sockaddr_un *out, int *dir_fd, struct err *err);
