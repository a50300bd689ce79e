/* control/peer.h - who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED, SO_PEERGROUPS). */
#pragma once

#include "util/err.h"

#include <stddef.h>
#include <sys/types.h>

struct peer {
	uid_t uid;
	pid_t pid;
	gid_t *gids; /* the first one and the supplementary ones; owned */
	size_t gid_count;
};

int peer_of_socket(int fd, struct peer *out, struct err *err);
void peer_done(struct peer *p);
/* The name of UID in /etc/passwd, for the record; the caller frees it. NULL: not there. Asks no name service, which
 * could take its time (LDAP), so it is fit for a process that must not wait. */
char *peer_login(uid_t uid);
