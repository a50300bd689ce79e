/* control/peer.c - two socket options and a file. */
#include "control/peer.h"

#include "util/auto.h"
#include "util/str.h"

#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>

#define MAX_GROUPS 65536 /* NGROUPS_MAX of Linux */

void peer_done(struct peer *p)
{
	free(p->gids);
	*p = (struct peer){ 0 };
}

int peer_of_socket(int fd, struct peer *out, struct err *err)
{
	AUTO_FREE gid_t *gids = NULL;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	socklen_t bytes = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return err_sys(err, "asking who calls");
	/* the first call tells the size; a socket's groups never change */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) < 0 && errno != ERANGE)
		return err_sys(err, "asking for the groups of who calls");
	if (bytes > MAX_GROUPS * sizeof(gid_t))
		return err_set(err, ERR_STATE, "who calls is in too many groups");
	gids = xcalloc(1 + bytes / sizeof(gid_t), sizeof(gid_t));
	gids[0] = cred.gid;
	if (bytes && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids + 1, &bytes) < 0)
		return err_sys(err, "asking for the groups of who calls");
	*out = (struct peer){
		.uid = cred.uid,
		.pid = cred.pid,
		.gid_count = 1 + bytes / sizeof(gid_t),
	};
	out->gids = TAKE_PTR(gids);
	return 0;
}

char *peer_login(uid_t uid)
{
	FILE *file = fopen("/etc/passwd", "re");
	struct passwd entry, *found = NULL;
	char *login = NULL;
	char text[4096];

	if (!file)
		return NULL;
	while (!login && fgetpwent_r(file, &entry, text, sizeof(text), &found) == 0)
		if (entry.pw_uid == uid)
			login = xstrdup(entry.pw_name);
	(void)fclose(file); /* was only read */
	return login;
}
