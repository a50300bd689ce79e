/* control/socket_listen.c - bind, or take what the service manager hands over. */
#include "control/socket_listen.h"

#include "control/unix_address.h"
#include "util/auto.h"
#include "util/fs.h"
#include "util/str.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#define FOLDER_MODE 0755

/* 1: *FD is one; 0: none was given. */
static int handed_over(int *fd, struct err *err)
{
	int n = sd_listen_fds(1);

	if (n <= 0)
		return 0;
	if (n > 1 || sd_is_socket_unix(SD_LISTEN_FDS_START, SOCK_STREAM, 1, NULL, 0) <= 0)
		return err_set(
			err, ERR_CONFIG,
			"the service manager hands over %d descriptors; one listening Unix stream socket is wanted", n);
	if (fcntl(SD_LISTEN_FDS_START, F_SETFL, O_NONBLOCK) < 0)
		return err_sys(err, "the socket handed over");
	*fd = SD_LISTEN_FDS_START;
	return 1;
}

/* A socket that nobody listens at any more is removed; anything else that stands there is not ours to remove. */
static int clear_place(const char *path, const struct sockaddr_un *address, int dir_fd, struct err *err)
{
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (fd < 0)
		return err_sys(err, "making a socket");
	if (fstatat(dir_fd, str_base_name(path), &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, "socket '%s'", path);
	if (!S_ISSOCK(st.st_mode))
		return err_set(err, ERR_CONFIG, "'%s' is there and is no socket: remove it, or set 'socket'", path);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return err_set(err, ERR_BUSY, "another process listens at '%s': stop it, or set 'socket'", path);
	if (errno != ECONNREFUSED)
		return err_sys(err, "socket '%s'", path);
	if (fs_unlink(dir_fd, str_base_name(path)) < 0 && errno != ENOENT)
		return err_sys(err, "removing the old socket '%s'", path);
	return 0;
}

/* An ordinary user's daemon cannot give its socket away: then it stays the user's own. */
static int let_group_in(int dir_fd, const char *name, struct err *err)
{
	const struct group *g = getgrnam(SOCKET_GROUP);

	if (!g || fs_chown_at(dir_fd, name, (uid_t)-1, g->gr_gid) < 0)
		return 0;
	return fs_chmod_at(dir_fd, name, 0660) < 0 ? err_sys(err, "letting group '" SOCKET_GROUP "' use the socket")
						   : 0;
}

static int make(const char *path, int *out, struct err *err)
{
	AUTO_FREE char *folder = xstrndup(path, (size_t)(str_base_name(path) - path));
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	AUTO_FD int dir_fd = -1;
	struct sockaddr_un address;

	if (fd < 0)
		return err_sys(err, "making a socket");
	if (fs_make_path(folder, FOLDER_MODE, err) < 0 || unix_address(path, &address, &dir_fd, err) < 0 ||
	    clear_place(path, &address, dir_fd, err) < 0)
		return err_add(err, "socket");

	mode_t mask = umask(0177);
	int r = bind(fd, (const struct sockaddr *)&address, sizeof(address));

	(void)umask(mask);
	if (r < 0 || listen(fd, SOMAXCONN) < 0)
		return err_sys(err, "listening at '%s'", path);
	if (let_group_in(dir_fd, str_base_name(path), err) < 0)
		return -1;
	*out = TAKE_FD(fd);
	return 0;
}

int socket_listen(const char *path, int *fd, bool *ours, struct err *err)
{
	int given = handed_over(fd, err);

	if (given < 0)
		return -1;
	*ours = !given;
	return given ? 0 : make(path, fd, err);
}

void socket_unlisten(const char *path)
{
	(void)fs_unlink(AT_FDCWD, path); /* at the end of the daemon: the next one replaces what is left */
}
